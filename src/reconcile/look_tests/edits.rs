//! What people and tools do to settings and images between two looks.

use super::*;
type Annotations = Vec<(Box<str>, Box<str>)>;

fn put(all: &mut Annotations, name: &str, value: &str) {
    all.retain(|(key, _)| **key != *name);
    all.push((name.into(), value.into()));
}

fn remove(all: &mut Annotations, name: &str) {
    all.retain(|(key, _)| **key != *name);
}

impl Stage {
    /// Somebody writes to the workload, and its rollout completes.
    fn edit(&self, image: Option<&str>, annotations: impl FnOnce(&mut Annotations)) {
        self.cluster.state(|state| {
            let mut workload = Workload::clone(&state.workload);
            if let Some(image) = image {
                workload.containers[0].image = format!("a.example/web:{image}").into();
            }
            let mut all = workload.annotations.into_vec();
            annotations(&mut all);
            all.sort_unstable();
            (workload.annotations, workload.rollout) = (all.into(), Rollout::Complete);
            workload.generation += 1;
            state.workload = Arc::new(workload);
        });
    }

    /// What the policy wrote becomes healthy.
    async fn settles(&self) {
        self.edit(None, |_| ());
        self.look().await;
    }

    /// As `kubectl rollout undo` does: the image, and the annotations of then.
    fn undo(&self, image: &str, then: &[(Box<str>, Box<str>)]) {
        self.edit(Some(image), |all| *all = then.to_vec());
    }

    fn annotations(&self) -> Annotations {
        self.cluster.state(|state| state.workload.annotations.to_vec())
    }

    fn push(&self, tag: &'static str) {
        self.registry.tags.lock().unwrap().push(tag);
    }

    fn runs(&self, tag: &str) -> bool {
        let image = self.cluster.image();
        image == format!("a.example/web:{tag}") || image.starts_with(&format!("a.example/web:{tag}@"))
    }

    fn says(&self) -> String {
        self.cluster.annotation("error").unwrap_or_default()
    }
}

/// Settings that keep 2.0.0 from being written, whichever way.
const NARROW: [(&str, &str); 8] = [
    ("skip", "2.0.0"),
    ("strategy", "PATCH"),
    ("exclude", "^2"),
    ("include", "^1"),
    ("cooldown", "7d"),
    ("tag-policy", "regex:^(1.*)$"),
    ("track.web", "digest"),
    ("stategy", "PATCH"),
];

const WENT_BACK: &str = "changed by what set this workload back";

/// 1.0.1 is written and healthy, then a setting narrows what may follow, and 2.0.0 is pushed.
async fn narrowed(name: &str, value: &str) -> (Stage, Annotations) {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let then = stage.annotations();
    stage.look().await;
    stage.settles().await;
    assert!(stage.runs("1.0.1"));
    stage.edit(None, |all| put(all, name, value));
    stage.push("2.0.0");
    stage.look().await;
    stage.look().await;
    assert!(stage.runs("1.0.1"), "{name} keeps it");
    (stage, then)
}

#[tokio::test]
async fn an_undo_that_takes_a_narrow_setting_away_lets_people_decide() {
    for (name, value) in NARROW {
        let (mut stage, mut then) = narrowed(name, value).await;
        put(&mut then, "record", "");
        // Nothing was written since the setting was edited, and nothing but the store remembers it.
        stage.restart();
        stage.undo("1.0.0", &then);
        stage.look().await;
        stage.look().await;
        assert!(stage.runs("1.0.0"), "{name}: {}", stage.cluster.image());
    }
}

#[tokio::test]
async fn settings_that_came_back_are_somebodys_word_once_one_is_edited() {
    for was_removed in [true, false] {
        let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
        stage.look().await;
        let mut then = stage.annotations();
        stage.settles().await;
        stage.edit(None, |all| put(all, "skip", "2.0.0"));
        stage.push("2.0.0");
        stage.look().await;
        if was_removed {
            remove(&mut then, "record");
        }
        stage.undo("1.0.0", &then);
        stage.look().await;
        stage.look().await;
        let cause = if was_removed { "the removal of image-watcher/record" } else { WENT_BACK };
        assert!(stage.runs("1.0.0") && stage.says().contains(cause), "{}", stage.says());
        // As the message says.
        stage.edit(None, |all| put(all, "mode", "NOTIFICATION"));
        stage.look().await;
        assert_eq!(stage.says(), "");
        stage.edit(None, |all| put(all, "mode", "AUTO_UPDATE"));
        stage.look().await;
        assert!(stage.runs("2.0.0") && stage.says().is_empty(), "{} {}", stage.cluster.image(), stage.says());
    }
}

#[tokio::test]
async fn an_undo_that_changes_no_setting_leaves_the_policy_in_force() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let then = stage.annotations();
    stage.look().await;
    stage.settles().await;
    stage.undo("1.0.0", &then);
    stage.look().await;
    assert!(stage.runs("1.0.0"), "what was set back is held");
    stage.push("2.0.0");
    stage.look().await;
    assert!(stage.runs("2.0.0"), "{}", stage.says());
}

#[tokio::test]
async fn what_was_not_watched_for_a_while_lets_people_decide() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let then = stage.annotations();
    stage.look().await;
    stage.settles().await;
    stage.cluster.state(|state| state.was_let_go = true);
    stage.push("2.0.0");
    stage.undo("1.0.0", &then);
    stage.look().await;
    stage.look().await;
    assert!(stage.runs("1.0.0"), "{}", stage.cluster.image());
    assert!(!stage.cluster.state(|state| state.was_let_go), "it is watched again");
    stage.edit(None, |all| put(all, "strategy", "MAJOR"));
    stage.look().await;
    assert!(stage.runs("2.0.0"), "{}", stage.says());
}

/// A tool owns the workload, and set 1.0.1 and 1.0.2 back.
async fn set_back_twice() -> Stage {
    let owner = crate::domain::owner::Owner::read(
        |label| (label == "app.kubernetes.io/managed-by").then_some("Helm"),
        |_| None,
    );
    let workload = Workload { owner: owner.map(Box::new), ..auto(&[]) };
    assert!(workload.owner.is_some());
    let stage = Stage::new(workload, &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.settles().await;
    stage.edit(Some("1.0.0"), |_| ());
    stage.look().await;
    stage.push("1.0.2");
    stage.look().await;
    assert!(stage.runs("1.0.2"), "{}", stage.says());
    stage.settles().await;
    stage.edit(Some("1.0.0"), |_| ());
    stage.look().await;
    stage.push("1.0.3");
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.says().contains("set back two updates"), "{}", stage.says());
    stage
}

#[tokio::test]
async fn a_tool_that_writes_the_new_version_itself_lets_the_policy_decide_again() {
    let stage = set_back_twice().await;
    stage.edit(Some("1.0.3"), |_| ());
    stage.look().await;
    assert_eq!(stage.says(), "");
    stage.push("1.0.4");
    stage.look().await;
    assert!(stage.runs("1.0.4"), "{}", stage.says());
}

#[tokio::test]
async fn a_mode_that_is_set_anew_lets_the_policy_decide_again() {
    let stage = set_back_twice().await;
    stage.edit(None, |all| put(all, "mode", "NOTIFICATION"));
    stage.look().await;
    assert_eq!(stage.says(), "");
    stage.edit(None, |all| put(all, "mode", "AUTO_UPDATE"));
    stage.look().await;
    assert!(stage.runs("1.0.3"), "{}", stage.says());
}

#[tokio::test]
async fn set_backs_are_counted_one_after_another() {
    let owner = crate::domain::owner::Owner::read(
        |label| (label == "app.kubernetes.io/managed-by").then_some("Helm"),
        |_| None,
    );
    let stage = Stage::new(Workload { owner: owner.map(Box::new), ..auto(&[]) }, &["1.0.0", "1.0.1"]);
    for (back_to, then) in [("1.0.0", "1.0.2"), ("1.0.3", "1.0.5")] {
        stage.look().await;
        stage.settles().await;
        stage.edit(Some(back_to), |_| ());
        stage.look().await;
        stage.push(then);
        stage.look().await;
        assert!(stage.runs(then), "{}", stage.says());
        stage.settles().await;
        // This one stands: another takes its place.
        for next in ["1.0.3", "1.0.4"].into_iter().filter(|_| then == "1.0.2") {
            stage.push(next);
            stage.look().await;
            stage.settles().await;
        }
    }
}
