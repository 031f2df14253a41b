//! A tool that replaces an object by deleting it and making it again.

use super::edits::Annotations;
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
