//! What people and tools do to settings and images between two looks.

use super::*;
use crate::domain::event::NoticeKind;
type Setting = (&'static str, &'static str);
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
        for record in [None, Some("signed with a key of long ago")] {
            let (mut stage, mut then) = narrowed(name, value).await;
            if let Some(record) = record {
                put(&mut then, "record", record);
            }
            // Nothing was written since the setting was edited, and nothing but the store remembers it.
            stage.restart();
            stage.undo("1.0.0", &then);
            stage.look().await;
            stage.look().await;
            assert!(stage.runs("1.0.0"), "{name} {record:?}: {}", stage.cluster.image());
            assert!(stage.says().contains("which was removed or replaced"), "{name} {record:?}: {}", stage.says());
        }
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
        let cause = if was_removed { "which was removed or replaced" } else { WENT_BACK };
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

/// A tool owns it.
fn owned() -> Workload {
    let label = |name: &str| (name == "kustomize.toolkit.fluxcd.io/name").then_some("shop");
    let owner = crate::domain::owner::Owner::read(label, |_| None).unwrap();
    Workload { owner: Some(Box::new(owner)), ..auto(&[("patch-owned", "true")]) }
}

/// A tool owns the workload, and set 1.0.1 and 1.0.2 back.
async fn set_back_twice() -> Stage {
    let stage = Stage::new(owned(), &["1.0.0", "1.0.1"]);
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
async fn set_backs_are_counted_only_one_after_another() {
    let stage = Stage::new(owned(), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.settles().await;
    stage.edit(Some("1.0.0"), |_| ());
    stage.look().await;
    for stands in ["1.0.2", "1.0.3"] {
        stage.push(stands);
        stage.look().await;
        assert!(stage.runs(stands), "{}", stage.says());
        stage.settles().await;
    }
    stage.edit(Some("1.0.2"), |_| ());
    stage.look().await;
    stage.push("1.0.4");
    stage.look().await;
    assert!(stage.runs("1.0.4"), "{}", stage.says());
}

/// Settings, what runs, what is newer under them, and what narrows them.
const HELD: [(&[Setting], &str, &str, Setting); 4] = [
    (&[("prerelease", "true")], "1.0.0", "1.1.0-rc.1", ("stategy", "PATCH")),
    (&[("prerelease", "true")], "1.0.0", "1.1.0-rc.1", ("prerelease", "false")),
    (
        &[("tag-policy", "regex:^build-(?P<compare>[0-9]+)$"), ("tag-order", "numeric")],
        "build-7",
        "build-8",
        ("mode.wbe", "x"),
    ),
    (&[], "1.0.0", "1.1.0", ("exclude", "^1\\.1\\.0$")),
];

/// `new` was written, and is healthy.
async fn updated(more: &[(&str, &str)], old: &'static str, new: &'static str) -> Stage {
    let image = format!("a.example/web:{old}");
    let settings = [&[("mode", "AUTO_UPDATE")], more].concat();
    let stage = Stage::new(workload(&[("web", &image)], &settings), &[old, new]);
    stage.look().await;
    assert!(stage.runs(new), "{}", stage.cluster.image());
    stage.settles().await;
    stage
}

#[tokio::test]
async fn no_edit_of_settings_releases_what_is_held() {
    for (more, old, new, (name, value)) in HELD {
        let stage = updated(more, old, new).await;
        let before = stage.annotations();
        stage.edit(Some(old), |_| ());
        stage.look().await;
        let held = stage.cluster.annotation("held");
        assert!(held.is_some(), "{new}");
        stage.edit(None, |all| put(all, name, value));
        stage.look().await;
        assert_eq!(stage.cluster.annotation("held"), held, "{new} with {name}");
        let restored = before.iter().find(|(key, _)| **key == *name).map(|(_, value)| value.to_string());
        stage.edit(None, |all| match restored {
            Some(value) => put(all, name, &value),
            None => remove(all, name),
        });
        stage.look().await;
        assert!(stage.runs(old) && stage.cluster.annotation("held") == held, "{new} without {name} again");
    }
}

#[tokio::test]
async fn what_is_set_back_while_settings_are_wrong_is_held_too() {
    for (more, old, new, _) in HELD {
        let stage = updated(more, old, new).await;
        stage.edit(Some(old), |all| put(all, "stategy", "PATCH"));
        stage.look().await;
        stage.edit(None, |all| remove(all, "stategy"));
        stage.look().await;
        assert!(stage.runs(old) && stage.cluster.annotation("held").is_some(), "{new}: {}", stage.cluster.image());
    }
}

#[tokio::test]
async fn a_list_that_is_none_rules_everything_out() {
    for skip in ["2.0.0 2.1.0", "2.0.0;2.1.0", "2.0.0\n2.1.0", "2.0.*", "latest@sha256:zz", "\"2.0.0\""] {
        let stage = Stage::new(auto(&[("skip", skip)]), &["1.0.0", "2.0.0"]);
        stage.look().await;
        assert!(stage.runs("1.0.0") && stage.says().contains("is no tag; write tags"), "{skip}: {}", stage.says());
    }
    let stage = Stage::new(auto(&[("skip", "1.5.0,v2.0.0")]), &["1.0.0", "2.0.0"]);
    stage.look().await;
    stage.settles().await;
    let said = "image-watcher/skip: \"v2.0.0\" rules nothing out, as tags are written like \"2.0.0\" here; did you mean 2.0.0?";
    assert_eq!(stage.says(), said);
}

/// Two containers that go together, and people who are asked about 1.0.1 of both.
async fn asked_of_two(more: &[(&str, &str)]) -> Stage {
    let image = "a.example/web:1.0.0";
    let settings = [&[("mode", "NOTIFICATION")], more].concat();
    let stage = Stage::new(workload(&[("web", image), ("copy", image)], &settings), &["1.0.0", "1.0.1"]);
    stage.look().await;
    stage
}

impl Stage {
    /// What joe's newest link can be used for.
    pub(super) fn token(&self) -> crate::domain::approval::Token {
        use crate::domain::record::sealed::{Opened, open};
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        let keys = LinkKey::new(vec![7; 32]).unwrap().into();
        let Opened::Ours(record) =
            open(workload.annotation("record"), workload.annotation("history"), &workload.id, &keys)
        else {
            panic!("a record of ours");
        };
        let question = record.ledger("web").unwrap().question.clone().unwrap();
        let approval = question.terms.approval(&workload.id, "web");
        crate::domain::approval::Token::parse(
            &approval.token(&keys, "email:joe@example.com", self.clock.now()).unwrap(),
        )
        .unwrap()
    }

    pub(super) async fn answers(&self, action: Action) -> Answer {
        self.reconciler.answer(&self.token(), action, "trace").await
    }
}

#[tokio::test]
async fn a_link_writes_no_container_that_is_left_alone_by_now() {
    use crate::domain::refusal::Refusal;
    for (setting, value) in [("mode.copy", "DISABLED"), ("skip.copy", "1.0.1"), ("exclude.copy", "1.0.1")] {
        let stage = asked_of_two(&[]).await;
        stage.edit(None, |all| put(all, setting, value));
        let opened = stage.reconciler.asked(&stage.token()).await;
        assert!(matches!(opened, Answer::Refused(..)), "{setting}: {opened:?}");
        let answer = stage.answers(Action::Approve).await;
        let Answer::Refused(_, refusal) = answer else { panic!("{setting}: {answer:?}") };
        let is_expected = matches!(
            (setting, refusal),
            ("mode.copy", Refusal::Disabled { forced: false })
                | ("skip.copy", Refusal::Skipped)
                | ("exclude.copy", Refusal::Excluded)
        );
        assert!(is_expected, "{setting}");
        let images =
            stage.cluster.state(|state| state.workload.containers.iter().map(|c| c.image.clone()).collect::<Vec<_>>());
        assert!(images.iter().all(|image| **image == *"a.example/web:1.0.0"), "{images:?}");
    }
}

#[tokio::test]
async fn what_is_skipped_is_skipped_of_all_containers_that_go_together() {
    let stage = asked_of_two(&[("skip.web", "0.9.0")]).await;
    assert!(matches!(stage.answers(Action::Skip).await, Answer::Skipped(_)));
    assert_eq!(stage.cluster.annotation("skip.web").as_deref(), Some("0.9.0,1.0.1"));
    assert_eq!(stage.cluster.annotation("skip").as_deref(), Some("1.0.1"));
    stage.joe.0.lock().unwrap().clear();
    stage.look().await;
    let told = stage.joe.0.lock().unwrap().iter().filter(|it| it.kind != NoticeKind::Skipped).count();
    assert_eq!(told, 0, "nobody is asked about the other container");
}

#[tokio::test]
async fn a_snooze_outlives_that_the_question_is_closed_for_a_moment() {
    let web = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let stage = Stage::new(web, &["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(matches!(stage.answers(Action::Snooze).await, Answer::Snoozed(..)));
    assert_eq!(
        stage
            .cluster
            .announced(|one| matches!(one, WorkloadEvent::Snoozed(note) if note.contains("link email:j…@example.com"))),
        1
    );
    let first = stage.token();
    stage.edit(None, |all| put(all, "exclude", "1\\.0\\.1"));
    stage.look().await;
    assert!(!matches!(stage.reconciler.asked(&first).await, Answer::Snoozed(..)));
    stage.joe.0.lock().unwrap().clear();
    stage.edit(None, |all| remove(all, "exclude"));
    stage.look().await;
    assert!(matches!(stage.reconciler.asked(&first).await, Answer::Snoozed(..)));
    // Closed while its link ends, it is put off all the same.
    stage.edit(None, |all| put(all, "exclude", "1\\.0\\.1"));
    stage.look().await;
    stage.clock.step(TimeDelta::hours(73));
    stage.edit(None, |all| remove(all, "exclude"));
    stage.look().await;
    assert_eq!(stage.joe.0.lock().unwrap().len(), 0, "nobody is asked before the time");
    stage.clock.step(TimeDelta::days(7));
    stage.look().await;
    assert_eq!(stage.joe.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn who_releases_what_is_held_is_told() {
    let log = crate::telemetry::tests::Log::begin();
    let stage = updated(&[], "1.0.0", "1.0.1").await;
    stage.edit(Some("1.0.0"), |_| ());
    stage.look().await;
    assert!(matches!(stage.answers(Action::Resume).await, Answer::Resumed(_)));
    let is_told =
        |one: &WorkloadEvent| matches!(one, WorkloadEvent::HeldReleased(note) if note.contains("by link email:j…@"));
    assert_eq!(stage.cluster.announced(is_told), 1);
    let lines = log.lines();
    let parts = ["a link was answered", "shop/deploy/web", "email:j…@example.com", "resume", "resumed"];
    assert!(lines.iter().any(|line| parts.iter().all(|part| line.contains(part))), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("joe@")), "{lines:?}");
}
