//! What failed here and is put back by another hand: it is their word, and the failure stays known.

use super::*;
use crate::domain::actor::Actor;
use crate::domain::event::WayBack;
use crate::domain::history::Outcome;
use crate::domain::settings::Settings;
use crate::domain::view::{Attention, Seen, Status};
use crate::domain::workload::Kind;

const OLD: &str = "a.example/web:1.0.0";

/// 1.0.1 came, failed, and 1.0.0 runs again. The image that failed.
async fn went_back() -> (Stage, String) {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    let failed = stage.cluster.image();
    stage.fails("t1").await;
    settles(&stage).await;
    assert_eq!(stage.cluster.image(), OLD);
    (stage, failed)
}

/// All of it comes up.
async fn settles(stage: &Stage) {
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..3 {
        stage.look().await;
    }
    stage.told();
}

/// Somebody writes this image, and its rollout begins.
async fn somebody_writes(stage: &Stage, image: &str) {
    stage.clock.step(TimeDelta::minutes(1));
    stage.changed(|now| {
        now.containers[0].image = image.into();
        now.rollout = Rollout::Progressing(Progress { has_deadline: true, ..Progress::default() });
    });
    for _ in 0..2 {
        stage.look().await;
    }
}

impl Stage {
    fn known(&self) -> Record {
        self.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload))
    }

    /// How page, API and `check` show it.
    pub(super) fn status(&self) -> (Attention, String) {
        let workload = self.cluster.state(|state| Workload::clone(&state.workload));
        let (record, settings) = (self.known(), Settings::read(&workload, "web", &Bounds::default()).unwrap());
        let status = Status::of(
            &Seen {
                workload: &workload,
                container: "web",
                record: &record,
                not_ours: None,
                settings: Ok(&settings),
                looked: None,
                waits: None,
                stopped: None,
                may_write: true,
            },
            self.clock.now(),
        );
        (status.attention, status.cause.to_string())
    }

    /// Version, who wrote it and how it ended, newest first.
    fn story(&self) -> Vec<(String, String, Outcome)> {
        let record = self.known();
        let entries = record.history.entries().iter();
        entries.map(|entry| (entry.version.clone(), entry.by.clone(), entry.outcome)).collect()
    }
}

fn once(told: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let told: std::collections::BTreeSet<_> = told.into_iter().collect();
    told.into_iter().collect()
}

#[tokio::test]
async fn what_failed_here_and_is_put_back_is_told_once_and_followed_and_stays() {
    let (stage, failed) = went_back().await;
    somebody_writes(&stage, &failed).await;
    let told = stage.last(NoticeKind::Failed);
    assert_eq!(told.way_back.map(WayBack::as_str), Some("put-back"));
    assert_eq!(told.failure.as_ref().map(|it| it.reason.as_str()), Some("ProgressDeadlineExceeded"));
    assert_eq!(told.by.as_ref().map(ToString::to_string).as_deref(), Some("kubectl-edit"));
    assert!(told.asks(), "people may go back by its link");
    assert_eq!(once(stage.told()), [("update.failed", "1.0.1".to_owned())]);
    assert_eq!(stage.cluster.image(), failed, "it is their word");
    assert_eq!(stage.cluster.annotation("held"), None);
    assert_eq!(stage.cluster.annotation("previous-version").as_deref(), Some("1.0.0"));
    assert_eq!(stage.story()[0], ("1.0.1".into(), "kubectl-edit".into(), Outcome::RollingOut));
    let (attention, words) = stage.status();
    assert_eq!(attention, Attention::Failed, "{words}");
    assert!(words.contains("failed here") && words.contains("kubectl-edit"), "{words}");
    // It fails again.
    stage.fails("t9").await;
    for _ in 0..2 {
        stage.look().await;
    }
    let ids = |kind| {
        let told = stage.joe.0.lock().unwrap();
        let of_kind = told.iter().filter(|notice| notice.kind == kind).cloned();
        of_kind.map(|notice| Delivery::of("email", "joe@example.com", notice).id()).collect::<Vec<_>>()
    };
    let first = Delivery::of("email", "joe@example.com", told).id();
    assert!(ids(NoticeKind::Failed).iter().all(|id| *id == first), "it is one message");
    assert_eq!(once(stage.told()), [("update.failed", "1.0.1".to_owned())]);
    assert_eq!((stage.cluster.image(), stage.status().0), (failed.clone(), Attention::Failed));
    assert_eq!(stage.story()[0].2, Outcome::Failed);
    // And comes up after all.
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(once(stage.told()), [("update.applied", "1.0.1".to_owned())]);
    assert_eq!((stage.story()[0].2, stage.status().0), (Outcome::Healthy, Attention::UpToDate));
    // Who puts it back once more puts back what ran well.
    somebody_writes(&stage, OLD).await;
    settles(&stage).await;
    somebody_writes(&stage, &failed).await;
    assert!(stage.told().iter().all(|(kind, _)| *kind != "update.failed"));
}

/// Anybody who may write the workload chooses as what their writes count.
#[tokio::test]
async fn whoever_puts_it_back_by_the_name_of_somebody_who_signed_in_is_none() {
    let (stage, failed) = went_back().await;
    stage.cluster.state(|state| state.manager = "sign-in cto@example.com");
    somebody_writes(&stage, &failed).await;
    let told = stage.last(NoticeKind::Failed).by.unwrap();
    for by in [Actor::from(told.to_string()), Actor::from(stage.story()[0].1.as_str())] {
        assert_eq!(by.words(), "field manager \"sign-in cto@example.com\"");
        assert!(!by.is_signed_in());
    }
}

#[tokio::test]
async fn what_failed_here_and_is_put_back_by_its_tag_alone_is_the_same() {
    let (stage, _) = went_back().await;
    somebody_writes(&stage, "a.example/web:1.0.1").await;
    let told = stage.last(NoticeKind::Failed);
    assert_eq!((told.way_back.map(WayBack::as_str), told.asks()), (Some("put-back"), true));
    let answer = stage.reconciler.answer(&stage.link(), Action::Rollback, "trace").await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    assert!(stage.cluster.image().starts_with(OLD), "{}", stage.cluster.image());
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded)"), "why it is held stays known: {held}");
    // Another image by now under the same tag is none that failed.
    let (stage, _) = went_back().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    somebody_writes(&stage, "a.example/web:1.0.1").await;
    assert!(stage.told().iter().all(|(kind, _)| *kind != "update.failed"));
    assert_eq!(stage.cluster.annotation("held"), None);
}

/// Somebody has it pulled from a mirror, as its registry lets nobody in.
#[tokio::test]
async fn what_failed_here_and_is_pulled_from_elsewhere_is_another_thing() {
    let mirror = Repository::parse("mirror.example/web").unwrap();
    for is_pinned in [true, false] {
        let (stage, failed) = went_back().await;
        let image = if is_pinned { failed.as_str() } else { "a.example/web:1.0.1" };
        stage.changed(|now| {
            now.containers[0].image = image.replace("a.example", "mirror.example").into();
            now.rollout = Rollout::Progressing(Progress { has_deadline: true, ..Progress::default() });
        });
        stage.reconciler.look(&mirror, "trace").await;
        let story = stage.story();
        for _ in 0..3 {
            stage.clock.step(TimeDelta::minutes(1));
            stage.reconciler.look(&mirror, "trace").await;
        }
        assert!(stage.told().iter().all(|(kind, _)| *kind == "update.rolled_back"), "that is all there is to tell");
        assert_eq!(stage.story(), story);
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::FailedBefore(_))), 0);
        assert_eq!(stage.cluster.annotation("held"), None, "it is their word");
    }
}

#[tokio::test]
async fn why_a_version_is_held_stays_known_whoever_goes_back_from_it() {
    let (stage, failed) = went_back().await;
    somebody_writes(&stage, &failed).await;
    somebody_writes(&stage, OLD).await;
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded), went back to 1.0.0"), "{held}");
    assert!(held.contains("kubectl-edit"), "{held}");
    let (attention, words) = stage.status();
    assert_eq!(attention, Attention::Failed);
    assert!(words.contains("ProgressDeadlineExceeded") && words.contains("kubectl-edit"), "{words}");
    // Where settings leave going back to people.
    let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "AUTO_UPDATE"), ("rollback", "false")]), &["1.0.0"]);
    stage.written().await;
    let failed = stage.cluster.image();
    stage.fails("t1").await;
    stage.told();
    somebody_writes(&stage, OLD).await;
    let told = once(stage.told());
    settles(&stage).await;
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded), went back to 1.0.0"), "{held}");
    assert!(told.iter().all(|(kind, _)| *kind != "update.applied"), "it was never well: {told:?}");
    assert_eq!(stage.story()[0].2, Outcome::Failed, "that somebody else wrote an image since makes it no better");
    somebody_writes(&stage, &failed).await;
    assert_eq!(once(stage.told()), [("update.failed", "1.0.1".to_owned())]);
    assert_eq!(stage.status().0, Attention::Failed);
}

#[tokio::test]
async fn what_failed_long_ago_is_known_beside_what_is_set_back_for_it() {
    let (stage, failed) = went_back().await;
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"));
    settles(&stage).await;
    somebody_writes(&stage, &failed).await;
    let told = once(stage.told());
    assert!(told.contains(&("update.failed", "1.0.1".into())), "{told:?}");
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.2: set back to 1.0.1"), "{held}");
    let record = stage.known();
    let asked = record.known("web").open(stage.clock.now()).map(|question| question.terms.allows);
    assert_eq!(asked, Some(Allows::Held), "the link that lets 1.0.2 be applied works");
    assert_eq!(stage.status().0, Attention::Failed);
    assert_eq!(stage.cluster.annotation("previous-version").as_deref(), Some("1.0.2"));
}

#[tokio::test]
async fn containers_that_failed_together_and_are_put_back_together_are_told_once() {
    let two = workload(&[("web", OLD), ("copy", OLD)], &[("mode", "AUTO_UPDATE")]);
    let stage = Stage::new(two, &["1.0.0"]);
    stage.written().await;
    let failed = stage.cluster.image();
    stage.fails("t1").await;
    settles(&stage).await;
    stage.changed(|now| {
        now.containers.iter_mut().for_each(|it| it.image = failed.as_str().into());
        now.rollout = Rollout::Progressing(Progress { has_deadline: true, ..Progress::default() });
    });
    for _ in 0..2 {
        stage.look().await;
    }
    let told = stage.joe.0.lock().unwrap().clone();
    let ids: std::collections::BTreeSet<_> =
        told.into_iter().map(|notice| Delivery::of("email", "joe@example.com", notice).id()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!((stage.cluster.annotation("held"), stage.cluster.annotation("held.copy")), (None, None));
    stage.fails("t2").await;
    let record = stage.known();
    for name in ["web", "copy"] {
        let outcome = record.known(name).update.as_ref().map(|update| update.outcome);
        assert_eq!(outcome, Some(Outcome::Failed), "{name}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_what_is_put_back_where_it_is_left_alone_and_it_is_known() {
    let (stage, failed) = went_back().await;
    stage.annotate("mode", "DISABLED");
    stage.look().await;
    stage.told();
    somebody_writes(&stage, &failed).await;
    assert_eq!(stage.told(), []);
    assert_eq!(stage.story()[0].1, "kubectl-edit");
}

/// Who edits something else of the pod template has a part in what comes of it, and what failed before is not seen healthy so.
#[tokio::test]
async fn what_is_put_back_with_another_edit_and_fails_has_failed() {
    let (stage, failed) = went_back().await;
    somebody_writes(&stage, &failed).await;
    stage.clock.step(TimeDelta::minutes(1));
    let now = stage.clock.now();
    stage.changed(|workload| workload.template_by_others = Some(now));
    stage.fails("t9").await;
    assert_eq!(stage.story()[0].2, Outcome::Failed);
    assert_eq!(stage.status().0, Attention::Failed);
}

#[tokio::test]
async fn what_ran_before_is_never_what_runs() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    settles(&stage).await;
    let before = |stage: &Stage| ["current-version", "previous-version"].map(|name| stage.cluster.annotation(name));
    let of = |now: &str, before: &str| [Some(now.to_owned()), Some(before.to_owned())];
    assert_eq!(before(&stage), of("1.0.1", "1.0.0"));
    somebody_writes(&stage, OLD).await;
    assert_eq!(before(&stage), of("1.0.0", "1.0.1"));
    somebody_writes(&stage, "a.example/web:1.0.5").await;
    assert_eq!(before(&stage), of("1.0.5", "1.0.0"));
    somebody_writes(&stage, "a.example/web:1.0.4").await;
    assert_eq!(before(&stage), of("1.0.4", "1.0.5"));
}

/// A `DaemonSet` whose pods are replaced as somebody deletes them; one of them runs 1.0.1 and does not come up.
#[tokio::test]
async fn what_nobody_deletes_under_on_delete_is_named_as_long_as_it_is_there() {
    use crate::domain::rollout::Waits;
    use crate::domain::rollout::pods::{ContainerStatus, Said, Standing as PodStanding, Troubled};
    let mut workload = auto(&[]);
    workload.id.kind = Kind::DaemonSet;
    let stage = Stage::new(workload, &["1.0.0"]);
    stage.written().await;
    let failed = stage.cluster.image();
    let waits = Some(Said::new("ImagePullBackOff", "web:1.0.1: not found"));
    let containers = [ContainerStatus { name: "web".into(), waits, ..ContainerStatus::default() }].into();
    let stands = PodStanding::Troubled(Box::new(Troubled { containers, ..Troubled::default() }));
    let pod = |name: &str, image: &str, stands| Pod {
        name: name.into(),
        images: Arc::from([("web".into(), image.into())]),
        stands,
    };
    let is_up = || PodStanding::Ready(None);
    stage.cluster.state(|state| state.pods = Some(vec![pod("web-x", &failed, stands), pod("web-y", OLD, is_up())]));
    let held = Some(Waits::OnDelete);
    stage.cluster.rolls(Rollout::Progressing(Progress { updated: 1, held, ..Progress::default() }));
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD);
    for rollout in [
        Rollout::Progressing(Progress { updated: 1, available: 1, held, ..Progress::default() }),
        Rollout::Waiting(Waits::OnDelete),
    ] {
        stage.cluster.rolls(rollout);
        for _ in 0..2 {
            stage.look().await;
        }
        let error = stage.cluster.annotation("error").unwrap_or_default();
        assert!(error.contains("kubectl delete pod web-x -n shop"), "{error}");
        assert!(!error.contains("web-y"), "{error}");
        let (attention, words) = stage.status();
        assert_eq!(attention, Attention::Failed);
        assert!(words.contains("kubectl delete pod web-x -n shop"), "{words}");
        assert!(!words.contains("was put back"), "{words}");
    }
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RolloutSlow(_))), 1, "it is said once");
    assert!(stage.told().iter().all(|(kind, _)| *kind != "update.rolled_back"));
    stage.cluster.state(|state| state.pods = Some(vec![pod("web-y", OLD, is_up()), pod("web-z", OLD, is_up())]));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert!(once(stage.told()).contains(&("update.rolled_back", "1.0.1".into())));
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.annotation("error"), None);
}

/// What else a person may do by kubectl after a way back: all that is shown stays true, and nobody is told anything new.
#[tokio::test]
async fn whatever_else_somebody_does_after_a_way_back_what_failed_stays_known() {
    use crate::domain::rollout::Waits;
    type Hand = fn(&mut Workload);
    let hands: [(&str, Hand); 5] = [
        ("scale to 0", |now| now.rollout = Rollout::Waiting(Waits::ZeroReplicas)),
        ("scale back", |now| now.rollout = Rollout::Complete),
        ("set resources", |now| now.rollout = Rollout::Progressing(Progress::default())),
        ("rollout pause", |now| now.paused = true),
        ("rollout resume", |now| now.paused = false),
    ];
    let (stage, _) = went_back().await;
    for (name, hand) in hands {
        stage.clock.step(TimeDelta::minutes(1));
        let now = stage.clock.now();
        stage.changed(|workload| {
            hand(workload);
            workload.template_by_others = Some(now);
        });
        for _ in 0..3 {
            stage.look().await;
        }
        let told = stage.told();
        assert!(told.iter().all(|(kind, _)| *kind == "update.rolled_back"), "{name}: {told:?}");
        assert_eq!(stage.cluster.image(), OLD, "{name}");
        let held = stage.cluster.annotation("held").unwrap();
        assert!(held.starts_with("1.0.1: failed (ProgressDeadlineExceeded)"), "{name}: {held}");
        let (attention, words) = stage.status();
        assert_eq!(attention, Attention::Failed, "{name}: {words}");
        assert!(words.contains("it failed here (ProgressDeadlineExceeded)"), "{name}: {words}");
        let before = ["current-version", "previous-version"].map(|name| stage.cluster.annotation(name));
        assert_eq!(before, [Some("1.0.0".into()), Some("1.0.1".into())], "{name}");
    }
}

/// What was put back is scaled down, paused and edited: it was not seen well by any of it.
#[tokio::test]
async fn what_failed_here_and_was_put_back_is_not_well_because_it_rests() {
    use crate::domain::rollout::Waits;
    let (stage, failed) = went_back().await;
    somebody_writes(&stage, &failed).await;
    for rollout in [
        Rollout::Waiting(Waits::ZeroReplicas),
        Rollout::Waiting(Waits::Paused),
        Rollout::Progressing(Progress::default()),
    ] {
        stage.cluster.rolls(rollout);
        stage.look().await;
        let (attention, words) = stage.status();
        assert_eq!(attention, Attention::Failed, "{words}");
        assert!(words.contains("failed here (ProgressDeadlineExceeded)"), "{words}");
    }
    settles(&stage).await;
    assert_eq!(stage.status().0, Attention::UpToDate);
}

/// It says which manifest, and no version.
#[tokio::test]
async fn what_is_replaced_by_an_image_without_a_tag_is_over() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.set_image(&format!("a.example/web@{}", Digest::of(b"hotfix")));
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.story()[0], ("1.0.1".into(), "policy".into(), Outcome::Replaced));
}

/// An export of the object is applied after that was deleted, with the version that failed in it.
#[tokio::test]
async fn an_object_that_is_made_again_with_what_failed_says_so() {
    let (mut stage, failed) = went_back().await;
    stage.changed(|now| {
        now.id.uid = "uid-2".into();
        now.containers[0].image = failed.as_str().into();
        now.rollout = Rollout::Progressing(Progress::default());
    });
    stage.restart();
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(once(stage.told()), [("update.failed", "1.0.1".to_owned())]);
    let (attention, words) = stage.status();
    assert_eq!(attention, Attention::Failed, "{words}");
    assert_eq!(stage.cluster.annotation("previous-version").as_deref(), Some("1.0.0"));
}
