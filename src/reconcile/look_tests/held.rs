//! What is held of several containers that go together, under another name, and where nothing may be written.

use super::edits::updated;
use super::*;
use crate::domain::policy::Mode;
use crate::domain::request::{REQUEST, Wish};

const OLD: &str = "a.example/web:1.0.0";

/// Two containers of one image, of which an update is written.
async fn of_two() -> Stage {
    let stage = Stage::new(workload(&[("web", OLD), ("migrate", OLD)], &[("mode", "AUTO_UPDATE")]), &["1.0.0"]);
    stage.written().await;
    assert!(stage.both_run("1.0.1"));
    stage
}

impl Stage {
    fn both_run(&self, tag: &str) -> bool {
        let pinned = format!("a.example/web:{tag}@");
        let is_it = |image: &str| image.starts_with(&pinned) || image == format!("a.example/web:{tag}");
        self.cluster.state(|state| state.workload.containers.iter().all(|container| is_it(&container.image)))
    }

    /// Somebody sets both back.
    fn sets_both_back(&self) {
        self.changed(|now| {
            for container in &mut now.containers {
                container.image = OLD.into();
            }
            now.rollout = Rollout::Complete;
        });
    }

    fn renames(&self, from: &str, to: &str) {
        self.changed(|now| {
            for container in now.containers.iter_mut().filter(|container| *container.name == *from) {
                container.name = to.into();
            }
        });
    }

    fn told_of(&self, kind: NoticeKind) -> std::collections::BTreeSet<String> {
        let told = self.joe.0.lock().unwrap();
        let of_kind = told.iter().filter(|notice| notice.kind == kind);
        of_kind.filter_map(|notice| Some(notice.approval.as_ref()?.id.clone())).collect()
    }
}

#[tokio::test]
async fn what_failed_of_two_is_let_go_of_both() {
    let stage = of_two().await;
    stage.fails("t1").await;
    assert!(stage.both_run("1.0.0"));
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert!(stage.cluster.annotation("held").is_some() && stage.cluster.annotation("held.migrate").is_some());
    let answer = stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    stage.look().await;
    assert!(stage.both_run("1.0.1"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn two_that_are_set_back_are_one_question() {
    let stage = of_two().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.sets_both_back();
    for _ in 0..2 {
        stage.look().await;
    }
    assert!(stage.cluster.annotation("held").is_some() && stage.cluster.annotation("held.migrate").is_some());
    assert_eq!(stage.told_of(NoticeKind::Held).len(), 1);
    for _ in 0..8 {
        stage.clock.step(TimeDelta::days(1));
        stage.look().await;
    }
    assert_eq!(stage.told_of(NoticeKind::Held).len(), 2, "a week later there is one more");
    let answer = stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::HeldReleased(_))), 2);
    stage.look().await;
    assert!(stage.both_run("1.0.1"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn a_command_lets_both_go_and_people_are_asked_about_both() {
    let stage = of_two().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.sets_both_back();
    stage.look().await;
    stage.annotate(REQUEST, &stage.request(Wish::Resume { version: Tag::parse("1.0.1").unwrap() }));
    stage.look().await;
    assert_eq!((stage.cluster.annotation("held"), stage.cluster.annotation("held.migrate")), (None, None));
    let answer = stage.reconciler.answer(&stage.link(), Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)) && stage.both_run("1.0.1"), "{answer:?}");
}

#[tokio::test]
async fn a_container_that_holds_a_version_holds_those_that_go_with_it() {
    let stage = of_two().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    // One at a time, and the first of them is let go alone, as an earlier release did.
    stage.changed(|now| now.containers[1].image = OLD.into());
    stage.look().await;
    stage.sets_both_back();
    stage.look().await;
    let writes = stage.writes();
    let mut record =
        crate::cluster::annotations::claimed(&stage.cluster.state(|state| Workload::clone(&state.workload)));
    record.on("web", Event::LetGo { by: "somebody".into() }, stage.clock.now());
    record.sequence += 1;
    let id = stage.cluster.state(|state| state.workload.id.clone());
    let (text, history) = seal(&record, &id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
    stage.annotate("record", &text);
    stage.annotate("history", &history.unwrap());
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.both_run("1.0.0"), "{}", stage.cluster.image());
    assert!(stage.writes() <= writes + 1, "{} writes", stage.writes() - writes);
}

#[tokio::test]
async fn a_container_that_is_renamed_holds_what_it_held() {
    let stage = updated(&[], "1.0.0", "1.0.1").await;
    stage.edit(Some("1.0.0"), |_| ());
    stage.look().await;
    stage.renames("web", "app");
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0"), "{}", stage.cluster.image());
    let held = stage.cluster.annotation("held").unwrap_or_default();
    assert!(held.starts_with("1.0.1: set back to 1.0.0"), "{held}");
    // Both in one moment.
    let stage = updated(&[], "1.0.0", "1.0.1").await;
    stage.renames("web", "app");
    stage.edit(Some("1.0.0"), |_| ());
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0") && stage.cluster.annotation("held").is_some(), "{}", stage.cluster.image());
    stage.push("1.0.2");
    stage.look().await;
    assert!(stage.runs("1.0.2"), "a newer one is handled as usual: {}", stage.cluster.image());
}

#[tokio::test]
async fn what_is_put_off_stays_so_under_another_name() {
    let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(matches!(stage.answers(Action::Snooze).await, Answer::Snoozed(..)));
    stage.told();
    stage.renames("web", "app");
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.told(), []);
    stage.clock.step(TimeDelta::days(8));
    stage.look().await;
    assert_eq!(stage.told(), [("update.available", "1.0.1".to_owned())], "its time is over");
}

#[tokio::test]
async fn nobody_is_told_of_what_is_held_or_put_off_where_nothing_may_be_written() {
    let snoozed = Stage::new(workload(&[("web", OLD)], &[("mode", "NOTIFICATION")]), &["1.0.0", "1.0.1"]);
    snoozed.look().await;
    assert!(matches!(snoozed.answers(Action::Snooze).await, Answer::Snoozed(..)));
    let held = updated(&[], "1.0.0", "1.0.1").await;
    held.edit(Some("1.0.0"), |_| ());
    held.look().await;
    for stage in [snoozed, held] {
        stage.told();
        stage.cluster.state(|state| state.may_patch = false);
        stage.look().await;
        let told = stage.told();
        assert!(told.iter().all(|(kind, _)| *kind != "update.available"), "{told:?}");
        stage.push("1.0.2");
        stage.look().await;
        let told = stage.told();
        assert!(told.contains(&("update.available", "1.0.2".to_owned())), "{told:?}");
    }
}

/// A web that is updated by itself, and a migrate that people are asked about, unless the operator forces one mode on both.
fn of_two_modes(forced: Option<Mode>) -> Stage {
    let settings = [("mode", "AUTO_UPDATE"), ("mode.migrate", "NOTIFICATION")];
    let stage = Stage::new(workload(&[("web", OLD), ("migrate", OLD)], &settings), &["1.0.0"]);
    let parts = Parts::clone(&stage.reconciler.0);
    let bounds =
        Bounds { forced: crate::domain::settings::Forced { mode: forced, strategy: None }, ..Bounds::default() };
    Stage { reconciler: Reconciler::new(Parts { bounds, ..parts }), ..stage }
}

#[tokio::test]
async fn what_one_holds_the_other_does_not_go_to_where_one_mode_is_forced_on_both() {
    for (is_web, forced) in [(true, Some(Mode::AutoUpdate)), (false, Some(Mode::AutoUpdate)), (false, None)] {
        let stage = of_two_modes(forced);
        stage.look().await;
        let held = if is_web { "web" } else { "migrate" };
        stage.changed(|now| {
            let of_it = now.containers.iter_mut().find(|container| *container.name == *held).unwrap();
            of_it.image = "a.example/web:1.0.1".into();
        });
        stage.look().await;
        stage.sets_both_back();
        stage.look().await;
        stage.has(&["1.0.0", "1.0.1"]);
        for _ in 0..3 {
            stage.look().await;
        }
        let images = stage
            .cluster
            .state(|state| state.workload.containers.iter().map(|it| it.image.to_string()).collect::<Vec<_>>());
        if forced.is_some() {
            assert_eq!(images, [OLD, OLD], "{held} holds it");
        } else {
            assert!(
                images[0].starts_with("a.example/web:1.0.1@") && images[1] == OLD,
                "they are two programs: {images:?}"
            );
        }
    }
}

/// Two programs are two questions: who lets one be applied again says nothing of the other.
#[tokio::test]
async fn what_is_held_of_two_modes_is_two_questions_and_each_is_let_go_by_itself() {
    let stage = of_two_modes(None);
    stage.look().await;
    stage.changed(|now| now.containers.iter_mut().for_each(|it| it.image = "a.example/web:1.0.1".into()));
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.sets_both_back();
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.told_of(NoticeKind::Held).len(), 2);
    let held = || ["held", "held.migrate"].map(|name| stage.cluster.annotation(name).is_some());
    assert_eq!(held(), [true, true]);
    stage.annotate(REQUEST, &stage.request(Wish::Resume { version: Tag::parse("1.0.1").unwrap() }));
    stage.look().await;
    assert_eq!(held(), [false, true], "web alone");
}

/// What was stored for people is lost, and nobody can say which manifest is held.
#[tokio::test]
async fn what_is_set_back_without_a_question_is_told_again_as_the_same() {
    let stage =
        Stage::new(workload(&[("web", "a.example/web:1.0.1")], &[("mode", "AUTO_UPDATE")]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.registry.absent.store(1000, Ordering::SeqCst);
    stage.set_image(OLD);
    let held = || {
        let told: Vec<Notice> = stage.joe.0.lock().unwrap().drain(..).collect();
        let held = told.into_iter().filter(|notice| notice.kind == NoticeKind::Held);
        let ids = held.map(|notice| Delivery::of("email", "joe@example.com", notice).id());
        ids.collect::<std::collections::BTreeSet<String>>()
    };
    stage.look().await;
    let first = held();
    assert_eq!(first.len(), 1);
    stage.clock.step(TimeDelta::hours(1));
    stage.look().await;
    assert_eq!(held(), first);
    stage.clock.step(TimeDelta::days(4));
    stage.look().await;
    assert_eq!(held().len(), 0, "by now it was told");
}

/// Tags that say nothing of which is older: elm ran, then ash, and then fir was written.
async fn in_the_order_of_pushes() -> Stage {
    let settings = [("mode", "AUTO_UPDATE"), ("tag-policy", "glob:*"), ("tag-order", "newest")];
    let stage = Stage::new(workload(&[("web", "a.example/web:elm")], &settings), &["elm"]);
    stage.look().await;
    for tags in [&["elm", "ash"][..], &["elm", "ash", "fir"]] {
        stage.clock.step(TimeDelta::days(1));
        stage.has(tags);
        stage.look().await;
        assert!(stage.runs(tags[tags.len() - 1]), "{}: {}", stage.cluster.image(), stage.says());
        if tags.len() < 3 {
            stage.settles().await;
        }
    }
    stage
}

impl Stage {
    async fn stays_at(&self, tag: &str) {
        for _ in 0..3 {
            self.clock.step(TimeDelta::minutes(20));
            self.look().await;
        }
        assert!(self.runs(tag), "{}: {}", self.cluster.image(), self.says());
    }

    fn holds(&self) -> String {
        self.cluster.annotation("held").unwrap_or_default()
    }
}

#[tokio::test]
async fn who_goes_back_two_steps_has_gone_back_though_tags_say_nothing_of_their_order() {
    for is_failed in [false, true] {
        let stage = in_the_order_of_pushes().await;
        if is_failed {
            stage.fails("t1").await;
            assert!(stage.runs("ash"), "{}", stage.cluster.image());
        } else {
            stage.settles().await;
            stage.edit(Some("ash"), |_| ());
        }
        stage.settles().await;
        assert!(stage.holds().starts_with("fir: "), "failed {is_failed}: {}", stage.holds());
        stage.edit(Some("elm"), |_| ());
        stage.stays_at("elm").await;
        assert!(stage.holds().starts_with("fir: "), "failed {is_failed}: {}", stage.holds());
        assert!(stage.holds().contains("back to elm"), "failed {is_failed}: {}", stage.holds());
        // One step forward again is not as far as what is held.
        stage.edit(Some("ash"), |_| ());
        stage.stays_at("ash").await;
        assert!(stage.holds().starts_with("fir: "), "failed {is_failed}: {}", stage.holds());
        stage.has(&["elm", "ash", "fir", "oak"]);
        stage.clock.step(TimeDelta::days(1));
        stage.look().await;
        assert!(stage.runs("oak"), "a newer one goes on: {}", stage.cluster.image());
    }
}

#[tokio::test]
async fn who_sets_what_is_held_again_has_let_it_go_whatever_tags_say() {
    let stage = in_the_order_of_pushes().await;
    stage.settles().await;
    stage.edit(Some("ash"), |_| ());
    stage.settles().await;
    stage.edit(Some("fir"), |_| ());
    stage.settles().await;
    assert_eq!(stage.holds(), "");
}

#[tokio::test]
async fn who_sets_a_newer_one_has_outgrown_what_failed_whatever_tags_say() {
    let stage = in_the_order_of_pushes().await;
    stage.fails("t1").await;
    stage.settles().await;
    assert!(stage.holds().starts_with("fir: "), "{}", stage.holds());
    stage.has(&["elm", "ash", "fir", "oak"]);
    stage.edit(Some("oak"), |_| ());
    stage.settles().await;
    assert_eq!(stage.holds(), "");
}

#[tokio::test]
async fn what_failed_stays_held_whatever_else_runs_for_a_while() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    stage.settles().await;
    for detour in ["1.0.0-debug", "main"] {
        stage.edit(Some(detour), |_| ());
        stage.settles().await;
        assert!(stage.runs(detour), "{}", stage.cluster.image());
        stage.edit(Some("1.0.0"), |_| ());
        stage.stays_at("1.0.0").await;
        assert!(stage.holds().starts_with("1.0.1: failed"), "{detour}: {}", stage.holds());
    }
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.runs("1.0.2") && stage.holds().is_empty(), "a newer one goes on: {}", stage.holds());
}

#[tokio::test]
async fn a_manifest_that_failed_stays_held_whatever_else_runs_for_a_while() {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let stage = Stage::new(workload(&[("web", "a.example/web:stable")], &follows), &[]);
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.look().await;
    assert!(stage.cluster.image().ends_with(digest_of("stable", 1).as_str()), "{}", stage.cluster.image());
    stage.fails("t1").await;
    let back = stage.cluster.image();
    assert!(back.ends_with(digest_of("stable", 0).as_str()), "{back}");
    stage.settles().await;
    stage.edit(Some("1.25"), |_| ());
    stage.settles().await;
    stage.set_image(&back);
    for _ in 0..3 {
        stage.settles().await;
    }
    assert_eq!(stage.cluster.image(), back);
    assert!(stage.holds().contains("failed"), "{}", stage.holds());
}

/// The tag that is held goes, or people skip it: what lies between is not what anybody wants.
#[tokio::test]
async fn what_is_older_than_what_is_held_by_ones_own_pattern_is_held() {
    let all = ["build-a-10", "build-b-11", "build-c-12"];
    let pattern = "regex:^build-.*-(?P<compare>[0-9]+)$";
    let settings = [("mode", "AUTO_UPDATE"), ("tag-policy", pattern), ("tag-order", "numeric")];
    for by_steps in [true, false] {
        for is_skipped in [true, false] {
            let stage = Stage::new(workload(&[("web", "a.example/web:build-a-10")], &settings), &all[..1]);
            stage.look().await;
            for tags in [&all[..2], &all] {
                stage.has(tags);
                stage.look().await;
                stage.settles().await;
            }
            assert!(stage.runs("build-c-12"), "{}: {}", stage.cluster.image(), stage.says());
            for tag in if by_steps { &["build-b-11", "build-a-10"][..] } else { &["build-a-10"] } {
                stage.edit(Some(tag), |_| ());
                stage.settles().await;
            }
            assert!(stage.holds().starts_with("build-c-12: "), "{}", stage.holds());
            if is_skipped {
                stage.annotate("skip", "build-c-12");
            } else {
                stage.has(&all[..2]);
            }
            stage.stays_at("build-a-10").await;
            stage.push("build-d-13");
            stage.look().await;
            assert!(stage.runs("build-d-13"), "a newer one goes on: {}", stage.cluster.image());
        }
    }
}
