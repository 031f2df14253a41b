//! Going back: by itself after a rollout that failed, and by a person's word.

use super::undo::follows;
use super::*;
use crate::domain::event::{Delivery, WayBack};
use crate::domain::history::{Outcome, rfc3339};
use crate::domain::request::{REQUEST, Wish};
use crate::domain::rollout::pods::{ContainerStatus, Said, Standing as PodStanding, Troubled};

const OLD: &str = "a.example/web:1.0.0";

pub(super) fn stalled(since: &str) -> Rollout {
    let (reason, message) = ("ProgressDeadlineExceeded".into(), "has timed out progressing".into());
    Rollout::Stalled(Stall { reason, message, since: since.into(), progress: Progress::default(), refusal: None })
}

impl Stage {
    /// 1.0.1 came and was written; its rollout is under way.
    pub(super) async fn written(&self) {
        self.look().await;
        self.has(&["1.0.0", "1.0.1"]);
        self.look().await;
        assert!(self.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", self.cluster.image());
        self.told();
    }

    /// It failed.
    pub(super) async fn fails(&self, since: &str) {
        self.cluster.rolls(stalled(since));
        self.look().await;
    }

    pub(super) fn last(&self, kind: NoticeKind) -> Notice {
        let told = self.joe.0.lock().unwrap();
        told.iter().rev().find(|notice| notice.kind == kind).unwrap().clone()
    }
}

#[tokio::test]
async fn a_rollout_that_failed_is_undone_once_to_the_digest_that_ran_and_what_failed_is_held() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), OLD);
    let failed = stage.last(NoticeKind::Failed);
    assert_eq!((failed.way_back, failed.asks(), failed.to.tag.as_str()), (Some(WayBack::Goes), false, "1.0.1"));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolledBack(_))), 1);
    // What is said of the rollout that failed stands for a moment beside the way back.
    let writes = stage.writes();
    stage.look().await;
    assert_eq!((stage.writes(), stage.cluster.image()), (writes, OLD.to_owned()));
    stage.told();
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let back = stage.last(NoticeKind::RolledBack);
    assert_eq!((back.from.tag.as_str(), back.to.tag.as_str()), ("1.0.0", "1.0.1"), "it is told of that update");
    assert_eq!(back.failure.as_ref().map(|it| it.reason.as_str()), Some("ProgressDeadlineExceeded"));
    stage.told();
    stage.look().await;
    let told = stage.told();
    assert!(told.iter().all(|(kind, _)| *kind == "update.rolled_back"), "it is told once more as itself: {told:?}");
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded), went back to 1.0.0, since 2027-"), "{held}");
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), OLD, "it is not tried again");
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"), "a newer one is");
    assert_eq!(stage.cluster.annotation("held"), None);
    stage.fails("t2").await;
    assert_eq!(stage.cluster.image(), OLD, "as well as the first");
}

#[tokio::test]
async fn what_is_held_after_it_failed_is_tried_again_when_a_person_says_so() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let answer = stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}

/// What was let go while the way back was settling is held no more, so nobody is asked whether it may be applied again.
#[tokio::test]
async fn what_is_let_go_before_the_way_back_is_well_is_asked_about_as_usual() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    assert!(stage.cluster.annotation("held").is_some());
    let wish = Wish::Resume { version: Tag::parse("1.0.1").unwrap() };
    stage.annotate(REQUEST, &stage.request(wish));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("held"), None);
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..2 {
        stage.look().await;
    }
    let answer = stage.reconciler.answer(&stage.link(), Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
}

#[tokio::test]
async fn the_way_back_is_never_undone() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    stage.told();
    let writes = stage.writes();
    stage.fails("t2").await;
    let failed = stage.last(NoticeKind::Failed);
    assert_eq!(
        (failed.way_back, failed.from.tag.as_str(), failed.to.tag.as_str()),
        (Some(WayBack::Failed), "1.0.1", "1.0.0")
    );
    assert_eq!(
        (stage.cluster.image(), stage.writes()),
        (OLD.to_owned(), writes + 1),
        "its end is written, and no image"
    );
    for since in ["t3", "t4"] {
        stage.fails(since).await;
    }
    assert_eq!(stage.cluster.image(), OLD);
    assert!(failed.asks(), "what was left can be tried again by the link of that message");
    let approval = failed.asked().expect("an approval");
    assert_eq!((approval.to_tag.as_str(), approval.allows), ("1.0.1", crate::domain::approval::Allows::Held));
    assert!(matches!(stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await, Answer::Resumed(_)));
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn where_settings_leave_it_to_people_nothing_is_undone_and_a_link_can() {
    let workload = || workload(&[("web", OLD)], &[("mode", "AUTO_UPDATE"), ("rollback", "false")]);
    let stage = Stage::new(workload(), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
    let failed = stage.last(NoticeKind::Failed);
    assert_eq!((failed.way_back, failed.asks()), (Some(WayBack::Off), true));
    let link = stage.link();
    for wrong in [Action::Approve, Action::Resume, Action::Skip] {
        let answer = stage.reconciler.answer(&link, wrong, "trace").await;
        assert!(matches!(answer, Answer::NotAllowed(_)), "{answer:?}");
    }
    for _ in 0..2 {
        stage.look().await;
    }
    let answer = stage.reconciler.answer(&link, Action::Rollback, "trace").await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    assert_eq!(stage.cluster.image(), OLD);
    let again = stage.reconciler.answer(&link, Action::Rollback, "trace").await;
    assert!(matches!(again, Answer::WentBack(_)), "it is used up: {again:?}");
    let history = stage.cluster.annotation("history").unwrap();
    assert!(history.contains("link email:j…@example.com"), "{history}");
    let held = stage.cluster.annotation("held").unwrap();
    let expected = "1.0.1: failed (ProgressDeadlineExceeded), went back to 1.0.0, by link email:j…@example.com";
    assert!(held.starts_with(expected), "{held}");
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn what_another_hand_wrote_in_between_is_not_undone_though_it_is_the_same_version() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.set_image("a.example/web:1.0.1");
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1");
    let failed = stage.last(NoticeKind::Failed);
    assert_eq!((failed.way_back, failed.asks()), (Some(WayBack::Unknown), false));
}

#[tokio::test]
async fn a_healthy_update_can_be_undone_by_its_link_until_something_else_runs() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.look().await;
    let link = stage.link();
    for _ in 0..2 {
        stage.look().await;
    }
    let applied: Vec<Notice> = stage.joe.0.lock().unwrap().clone();
    let ids: std::collections::BTreeSet<String> = applied
        .into_iter()
        .filter(|notice| notice.kind == NoticeKind::Applied)
        .map(|notice| Delivery::of("email", "joe@example.com", notice).id())
        .collect();
    assert_eq!(ids.len(), 1, "it is told once, with and without its link");
    stage.set_image(OLD);
    let answer = stage.reconciler.answer(&link, Action::Rollback, "trace").await;
    assert!(matches!(answer, Answer::Changed(_)), "{answer:?}");

    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.look().await;
    let answer = stage.reconciler.answer(&stage.link(), Action::Rollback, "trace").await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    assert_eq!(stage.cluster.image(), OLD);
    let said = |is_it: fn(&WorkloadEvent) -> bool| stage.cluster.announced(is_it);
    let by_hand = said(|one| matches!(one, WorkloadEvent::WentBack(note) if note.contains("1.0.1 → 1.0.0 (by link")));
    assert_eq!((by_hand, said(|one| matches!(one, WorkloadEvent::RolledBack(_)))), (1, 0), "nothing failed");
}

#[tokio::test]
async fn a_humans_edit_in_between_ends_ours() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.changed(|now| {
        now.containers[0].image = "a.example/web:1.0.1-fix".into();
        now.rollout = stalled("t1");
    });
    stage.look().await;
    stage.look().await;
    assert_eq!(stage.cluster.image(), "a.example/web:1.0.1-fix");
}

#[tokio::test]
async fn what_changes_its_shape_in_the_middle_is_written_where_it_is_or_not_at_all() {
    let written = async || {
        let two = workload(&[("web", OLD), ("log", "b.example/log:2.0.0")], &[("mode", "AUTO_UPDATE")]);
        let stage = Stage::new(two, &["1.0.0"]);
        stage.written().await;
        stage
    };
    let images = |stage: &Stage| -> Vec<String> {
        stage.cluster.state(|state| state.workload.containers.iter().map(|it| it.image.to_string()).collect())
    };
    let stage = written().await;
    stage.changed(|now| now.containers.reverse());
    stage.fails("t1").await;
    assert_eq!(images(&stage), ["b.example/log:2.0.0", OLD], "another order");
    let renamed: fn(&mut Workload) = |now| now.containers[0].name = "app".into();
    let made_anew: fn(&mut Workload) = |now| now.id.uid = "uid-2".into();
    for change in [renamed, made_anew] {
        let stage = written().await;
        stage.changed(change);
        let before = images(&stage);
        stage.fails("t1").await;
        stage.look().await;
        assert_eq!(images(&stage), before, "nothing is undone of what is not what was written");
        assert!(stage.told().iter().all(|(kind, _)| *kind != "update.failed"));
    }
}

#[tokio::test]
async fn a_followed_tag_goes_back_to_the_digest_that_it_had() {
    let stage = follows();
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.look().await;
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{}", digest_of("7.2", 0)));
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{}", digest_of("7.2", 0)), "it is held");
    stage.registry.pushed_again.store(2, Ordering::SeqCst);
    stage.look().await;
    assert_eq!(stage.cluster.image(), format!("a.example/web:7.2@{}", digest_of("7.2", 2)));
}

#[tokio::test]
async fn nothing_is_undone_where_nothing_is_to_be_done() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.annotate("mode", "DISABLED");
    stage.fails("t1").await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn where_the_tag_of_before_was_pushed_again_its_digest_is_written() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), format!("{OLD}@{}", digest_of("1.0.0", 0)));
}

/// A way back writes the tag, and what that points to may be another image before anything newer is applied.
#[tokio::test]
async fn what_ran_after_a_way_back_is_what_was_written_whatever_its_tag_points_to_since() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    assert_eq!(stage.cluster.image(), OLD);
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
    let update = record.known("web").update.as_ref().unwrap();
    let (_, tag, digest) = update.goes_back_to().unwrap();
    assert_eq!((update.tag.as_str(), tag.as_str()), ("1.0.2", "1.0.0"));
    assert_eq!(digest, digest_of("1.0.0", 0));
    let ran = record.history.entries().iter().find(|entry| entry.version == "1.0.0").unwrap();
    assert_eq!(ran.digest, digest.as_str(), "and so it is by the history, which --to chooses from");
}

#[tokio::test]
async fn why_a_revision_is_there_is_said_with_its_image_and_taken_back_with_it() {
    let said = |stage: &Stage| stage.cluster.state(|state| state.workload.change_cause.clone());
    for before in [None, Some("kubectl apply")] {
        let stage = Stage::new(Workload { change_cause: before.map(Box::from), ..auto(&[]) }, &["1.0.0"]);
        stage.written().await;
        assert_eq!(said(&stage).as_deref(), Some("image-watcher: web 1.0.0 → 1.0.1, as its policy allows"));
        stage.fails("t1").await;
        let expected = before.unwrap_or("image-watcher: web 1.0.1 → 1.0.0, back as 1.0.1 failed");
        assert_eq!((stage.cluster.image().as_str(), said(&stage).as_deref()), (OLD, Some(expected)));
    }
    // What somebody says since is theirs.
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.changed(|now| now.change_cause = Some("looked at by alice".into()));
    stage.fails("t1").await;
    assert_eq!((stage.cluster.image().as_str(), said(&stage).as_deref()), (OLD, Some("looked at by alice")));
}

/// Its pods never start, so that it goes back before its deadline, which passes before that is written.
#[tokio::test]
async fn a_deadline_that_passes_while_it_goes_back_is_that_of_what_failed() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Progressing(Progress { has_deadline: true, ..Progress::default() }));
    let waits = Some(Said::new("ImagePullBackOff", "web:1.0.1: not found"));
    let containers = [ContainerStatus { name: "web".into(), waits, ..ContainerStatus::default() }].into();
    let stands = PodStanding::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    let images = Arc::from([("web".into(), stage.cluster.image().into())]);
    stage.cluster.state(|state| state.pods = Some(vec![Pod { name: "web-1".into(), images, stands }]));
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD);
    let outcome = || {
        let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
        record.known("web").update.as_ref().map(|update| update.outcome)
    };
    for (seconds, expected) in [(-2, Outcome::RollingOut), (0, Outcome::RollingOut), (3, Outcome::Failed)] {
        stage.fails(&rfc3339(stage.clock.now() + TimeDelta::seconds(seconds))).await;
        assert_eq!(outcome(), Some(expected), "{seconds}");
    }
}

/// Containers of one image that were written together go back together, whichever of them is looked at first.
#[tokio::test]
async fn none_that_went_back_together_was_set_back_by_somebody() {
    let pod = || workload(&[("setup", OLD), ("web", OLD), ("copy", OLD)], &[("mode", "AUTO_UPDATE")]);
    let outcomes = |stage: &Stage| {
        let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
        let outcome = |name: &str| record.known(name).update.as_ref().map(|update| update.outcome);
        ["setup", "web", "copy"].map(|name| (outcome(name), record.known(name).held.clone()))
    };
    for is_followed_first in [true, false] {
        let mut stage = Stage::new(pod(), &["1.0.0"]);
        stage.written().await;
        // What is followed is undone before the registry is asked for its tags.
        if is_followed_first {
            stage.cluster.rolls(Rollout::Progressing(Progress::default()));
            stage.look().await;
        } else {
            stage.restart();
        }
        stage.fails("t1").await;
        let images = |stage: &Stage| -> Vec<String> {
            stage.cluster.state(|state| state.workload.containers.iter().map(|it| it.image.to_string()).collect())
        };
        assert_eq!(images(&stage), [OLD; 3]);
        for (outcome, held) in outcomes(&stage) {
            assert_eq!(outcome, Some(Outcome::RollingOut), "all of it is followed on the way back");
            assert!(held.is_some_and(|held| held.failure.is_some() && held.by.is_empty()));
        }
        for _ in 0..2 {
            stage.look().await;
        }
        stage.cluster.rolls(Rollout::Complete);
        stage.look().await;
        assert!(outcomes(&stage).iter().all(|(outcome, _)| *outcome == Some(Outcome::Healthy)));
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::VersionHeld(_))), 0);
        let told: std::collections::BTreeSet<_> = stage.told().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(told.into_iter().collect::<Vec<_>>(), ["update.failed", "update.rolled_back"]);
        for name in ["held", "held.web", "held.copy"] {
            let held = stage.cluster.annotation(name).unwrap();
            assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded), went back to 1.0.0"), "{name}: {held}");
        }
    }
}

/// Another container that has something to do waits until what goes back is written.
#[tokio::test]
async fn nothing_else_is_written_with_a_way_back() {
    let pod = workload(
        &[("web", OLD), ("old", "a.example/web:0.9.0")],
        &[("mode", "AUTO_UPDATE"), ("mode.old", "NOTIFICATION")],
    );
    let stage = Stage::new(pod, &["1.0.0"]);
    stage.written().await;
    stage.annotate("mode.old", "AUTO_UPDATE");
    stage.fails("t1").await;
    let images: Vec<String> =
        stage.cluster.state(|state| state.workload.containers.iter().map(|it| it.image.to_string()).collect());
    assert_eq!(images, [OLD, "a.example/web:0.9.0"]);
}
