//! A tool that replaces an object by deleting it and making it again.

use super::edits::{Annotations, put};
use super::*;

const MANIFEST: &str = "a.example/web:1.0.0";

impl Stage {
    /// As `kubectl replace --force` does: another object, with what the manifest says and nothing else.
    fn replaces(&self, uid: &str, annotations: Annotations) {
        self.changed(|now| {
            (now.id.uid, now.annotations) = (uid.into(), annotations.into());
            now.containers[0].image = MANIFEST.into();
            now.rollout = Rollout::Complete;
        });
    }

    /// What people were told of, each kind once.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.told().into_iter().map(|(kind, _)| kind).collect();
        kinds.dedup();
        kinds
    }

    fn held(&self) -> String {
        self.cluster.annotation("held").unwrap_or_default()
    }
}

#[tokio::test]
async fn what_a_tool_replaces_is_set_back_and_twice_is_a_question() {
    for restarts in [false, true] {
        let mut stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
        let manifest = stage.annotations();
        stage.look().await;
        assert!(stage.runs("1.0.1"));
        stage.told();
        stage.replaces("uid-2", manifest.clone());
        if restarts {
            stage.restart();
        }
        for _ in 0..3 {
            stage.look().await;
        }
        assert!(stage.runs("1.0.0"), "{}", stage.cluster.image());
        assert!(stage.held().starts_with("1.0.1: set back to 1.0.0, by kubectl-edit"), "{}", stage.held());
        let question = stage.question().terms.id;
        assert_eq!(stage.kinds(), ["update.held"], "the same again is one message");
        stage.push("1.0.2");
        stage.look().await;
        assert!(stage.runs("1.0.2"), "what is newer is handled as usual: {}", stage.cluster.image());
        stage.replaces("uid-3", manifest.clone());
        stage.look().await;
        assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.2: "), "{}", stage.held());
        stage.push("1.0.3");
        stage.told();
        for _ in 0..2 {
            stage.look().await;
        }
        assert!(stage.runs("1.0.0") && stage.says().contains("set back two updates"), "{}", stage.says());
        assert!(stage.told().contains(&("update.available", "1.0.3".to_owned())), "people decide");
        assert_ne!(stage.question().terms.id, question);
        // The next sync replaces it again, without any write of ours before it.
        stage.clock.step(TimeDelta::days(1));
        stage.replaces("uid-4", manifest);
        stage.look().await;
        assert!(stage.runs("1.0.0") && stage.says().contains("set back two updates"), "{}", stage.says());
    }
}

#[tokio::test]
async fn what_is_made_again_twice_after_one_update_has_set_back_one() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    assert!(stage.runs("1.0.1"));
    for uid in ["uid-2", "uid-3", "uid-4"] {
        stage.replaces(uid, manifest.clone());
        stage.look().await;
        assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.1: "), "{}", stage.held());
    }
    stage.push("1.0.2");
    stage.look().await;
    assert!(stage.runs("1.0.2"), "one update was set back: {}", stage.says());
}

/// Two updates were set back by making the object again, long ago; 1.0.3 is there.
async fn set_back_twice() -> (Stage, Annotations) {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    for (uid, next) in [("uid-2", "1.0.2"), ("uid-3", "1.0.3")] {
        stage.look().await;
        stage.replaces(uid, manifest.clone());
        stage.look().await;
        stage.push(next);
    }
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.says().contains("set back two updates"), "{}", stage.says());
    stage.clock.step(TimeDelta::days(1));
    (stage, manifest)
}

#[tokio::test]
async fn another_mode_begins_the_count_anew_also_of_what_a_tool_makes_again() {
    let (stage, manifest) = set_back_twice().await;
    let mut asks = manifest.clone();
    put(&mut asks, "mode", "NOTIFICATION");
    stage.replaces("uid-4", asks);
    stage.look().await;
    stage.replaces("uid-5", manifest);
    stage.look().await;
    assert!(stage.runs("1.0.3"), "{}", stage.says());
}

#[tokio::test]
async fn a_newer_version_of_the_tool_begins_the_count_anew_also_where_it_makes_the_object_again() {
    let (stage, manifest) = set_back_twice().await;
    stage.replaces("uid-4", manifest);
    stage.changed(|now| now.containers[0].image = "a.example/web:1.0.3".into());
    stage.look().await;
    stage.push("1.0.4");
    stage.look().await;
    assert!(stage.runs("1.0.4"), "{}", stage.says());
}

#[tokio::test]
async fn what_a_tool_makes_again_as_it_was_written_was_let_stand() {
    let (stage, manifest) = set_back_twice().await;
    stage.clock.step(TimeDelta::days(-1));
    let answer = stage.reconciler.answer(&stage.link(), Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    let written = stage.cluster.image();
    stage.settles().await;
    stage.replaces("uid-4", manifest);
    stage.set_image(&written);
    stage.look().await;
    stage.push("1.0.4");
    stage.look().await;
    assert!(stage.runs("1.0.4"), "{}", stage.says());
}

/// It went back from what failed, and the tool makes it again for another reason, much later.
#[tokio::test]
async fn what_failed_stays_held_on_an_object_that_a_tool_makes_again() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    let manifest = stage.annotations();
    stage.written().await;
    stage.fails("t1").await;
    stage.settles().await;
    stage.told();
    stage.clock.step(TimeDelta::days(7));
    stage.replaces("uid-2", manifest.clone());
    for _ in 0..2 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0"), "{}", stage.cluster.image());
    assert!(stage.held().starts_with("1.0.1: failed (ProgressDeadlineExceeded)"), "{}", stage.held());
    let record = stage.cluster.state(|state| crate::cluster::annotations::claimed(&state.workload));
    assert!(!record.known("web").ends.is_empty(), "the brake counts it");
    // And so on.
    stage.replaces("uid-3", manifest);
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.1: failed"), "{}", stage.held());
    stage.push("1.0.2");
    stage.look().await;
    assert!(stage.runs("1.0.2"), "{}", stage.cluster.image());
}

/// It was told that it is not proposed again. Another mode, or strategy, is another word.
#[tokio::test]
async fn what_people_skipped_stays_so_on_an_object_that_a_tool_makes_again() {
    let mut stage = Stage::new(workload(&[("web", MANIFEST)], &[("mode", "NOTIFICATION")]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    let answer = stage.reconciler.answer(&stage.link(), Action::Skip, "trace").await;
    assert!(matches!(answer, Answer::Skipped(_)), "{answer:?}");
    stage.told();
    for uid in ["uid-2", "uid-3"] {
        stage.clock.step(TimeDelta::days(7));
        stage.replaces(uid, manifest.clone());
        stage.restart();
        for _ in 0..2 {
            stage.look().await;
        }
        assert_eq!(
            (stage.cluster.annotation("skip").as_deref(), stage.kinds().as_slice()),
            (Some("1.0.1"), [].as_slice())
        );
    }
    let mut other = manifest.clone();
    put(&mut other, "strategy", "MINOR");
    stage.replaces("uid-4", other);
    stage.look().await;
    assert_eq!(stage.kinds(), ["update.available"], "its settings are others by now");
}

#[tokio::test]
async fn a_skip_that_somebody_cleared_does_not_come_back_with_an_object_that_is_made_again() {
    let stage = Stage::new(workload(&[("web", MANIFEST)], &[("mode", "NOTIFICATION")]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    stage.reconciler.answer(&stage.link(), Action::Skip, "trace").await;
    stage.look().await;
    stage.told();
    stage.changed(|now| {
        now.annotations = now.annotations.iter().filter(|(name, _)| &**name != "skip").cloned().collect();
    });
    stage.look().await;
    assert!(stage.kinds().contains(&"update.available"));
    stage.replaces("uid-2", manifest);
    stage.look().await;
    assert_eq!((stage.cluster.annotation("skip"), stage.kinds()), (None, vec!["update.available"]));
}

/// A new process looks at what it does not know when the schedule says so.
#[tokio::test]
async fn what_a_tool_replaced_hours_before_the_look_is_set_back_too() {
    let mut stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    stage.clock.step(TimeDelta::minutes(1));
    stage.replaces("uid-2", manifest);
    let made = stage.clock.now();
    stage.changed(|now| now.made = Some(made));
    stage.restart();
    stage.clock.step(TimeDelta::hours(3));
    for _ in 0..2 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.1: set back to 1.0.0"), "{}", stage.held());
}

/// `image-watcher approve` writes the image itself.
#[tokio::test]
async fn what_a_command_wrote_and_a_tool_replaces_is_set_back_too() {
    let stage = Stage::new(workload(&[("web", MANIFEST)], &[("mode", "NOTIFICATION")]), &["1.0.0"]);
    let manifest = stage.annotations();
    let asked = stage.asked().await;
    stage.approves(&asked);
    stage.look().await;
    assert!(stage.runs("1.0.1"));
    stage.replaces("uid-2", manifest);
    for _ in 0..2 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.1: set back to 1.0.0"), "{}", stage.held());
}

/// Its own record came with it, as of an exported object.
#[tokio::test]
async fn what_a_tool_replaces_with_our_annotations_is_set_back_too() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    let exported = stage.annotations();
    stage.push("1.0.1");
    stage.look().await;
    assert!(stage.runs("1.0.1"));
    stage.replaces("uid-2", exported);
    for _ in 0..3 {
        stage.look().await;
    }
    assert!(stage.runs("1.0.0") && stage.held().starts_with("1.0.1: "), "{}", stage.cluster.image());
}

#[tokio::test]
async fn what_is_restored_later_is_another_object() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    stage.settles().await;
    stage.clock.step(TimeDelta::hours(1));
    stage.replaces("uid-2", manifest);
    stage.look().await;
    assert!(stage.runs("1.0.1") && stage.held().is_empty(), "{}", stage.cluster.image());
}

#[tokio::test]
async fn a_followed_tag_that_a_tool_replaces_is_held_by_its_digest() {
    let follows = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let stage = Stage::new(workload(&[("web", MANIFEST)], &follows), &[]);
    let manifest = stage.annotations();
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.look().await;
    assert!(stage.cluster.image().contains('@'));
    stage.replaces("uid-2", manifest);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), MANIFEST);
    assert!(stage.held().starts_with("1.0.0: set back to 1.0.0"), "{}", stage.held());
}
