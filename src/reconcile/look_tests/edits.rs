//! What people and tools do to settings and images between two looks.

use super::*;
use crate::domain::event::{Notice, NoticeKind};
use crate::domain::record::Question;
use crate::queue::Settlement;
type Setting = (&'static str, &'static str);
pub(super) type Annotations = Vec<(Box<str>, Box<str>)>;

pub(super) fn put(all: &mut Annotations, name: &str, value: &str) {
    all.retain(|(key, _)| **key != *name);
    all.push((name.into(), value.into()));
}

pub(super) fn remove(all: &mut Annotations, name: &str) {
    all.retain(|(key, _)| **key != *name);
}

impl Stage {
    /// Somebody writes to the workload, and its rollout completes.
    pub(super) fn edit(&self, image: Option<&str>, annotations: impl FnOnce(&mut Annotations)) {
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
    pub(super) async fn settles(&self) {
        self.edit(None, |_| ());
        self.look().await;
    }

    /// As `kubectl rollout undo` does: the image, and the annotations of then.
    pub(super) fn undo(&self, image: &str, then: &[(Box<str>, Box<str>)]) {
        self.edit(Some(image), |all| *all = then.to_vec());
    }

    pub(super) fn annotations(&self) -> Annotations {
        self.cluster.state(|state| state.workload.annotations.to_vec())
    }

    pub(super) fn push(&self, tag: &'static str) {
        self.registry.tags.lock().unwrap().push(tag);
    }

    pub(super) fn runs(&self, tag: &str) -> bool {
        let image = self.cluster.image();
        image == format!("a.example/web:{tag}") || image.starts_with(&format!("a.example/web:{tag}@"))
    }

    pub(super) fn says(&self) -> String {
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

pub(super) const WENT_BACK: &str = "changed by what set this workload back";

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
async fn a_policy_that_leaves_out_what_runs_is_told_and_nothing_is_written() {
    for (policy, order, told) in [
        ("semver:>=3", "semver", "outside image-watcher/tag-policy"),
        ("glob:1.*", "numeric", "no place in image-watcher/tag-order"),
    ] {
        let stage = Stage::new(auto(&[("tag-policy", policy), ("tag-order", order)]), &["1.0.0", "1.0.1", "3.0.0"]);
        for _ in 0..2 {
            stage.look().await;
        }
        assert!(stage.says().contains(told), "{}", stage.says());
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::InvalidSetting(_))), 1, "{policy}");
        assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
        stage.edit(None, |all| all.retain(|(name, _)| !name.contains("tag-")));
        stage.look().await;
        assert!(stage.runs("3.0.0"), "{}", stage.cluster.image());
        assert_eq!(stage.says(), "", "and it is mended with the setting");
    }
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
async fn two_containers_that_are_set_back_once_each_make_the_workload_ask() {
    let pod =
        workload(&[("web", "a.example/web:1.0.0"), ("proxy", "a.example/proxy:1.0.0")], &[("mode", "AUTO_UPDATE")]);
    let stage =
        Stage::new(Workload { containers: pod.containers, annotations: pod.annotations, ..owned() }, &["1.0.0"]);
    stage.annotate("patch-owned", "true");
    let look_at_both = async || {
        for of in ["a.example/web", "a.example/proxy"] {
            stage.reconciler.look(&Repository::parse(of).unwrap(), "trace").await;
            stage.settles().await;
        }
    };
    let both = |start: &str| {
        let is_it = |(image, of): (&str, &str)| image.starts_with(&format!("a.example/{of}:{start}"));
        stage.cluster.state(|state| state.workload.containers.iter().all(|it| is_it((&it.image, &it.name))))
    };
    look_at_both().await;
    stage.push("1.0.1");
    look_at_both().await;
    assert!(both("1.0.1@"), "{}", stage.says());
    stage.changed(|now| {
        for container in &mut now.containers {
            container.image = format!("a.example/{}:1.0.0", container.name).into();
        }
    });
    look_at_both().await;
    stage.push("1.0.2");
    look_at_both().await;
    assert!(both("1.0.0"), "{}", stage.says());
    for name in ["error", "error.proxy"] {
        let said = stage.cluster.annotation(name).unwrap_or_default();
        assert!(said.contains("set back two updates"), "{name}: {said}");
    }
    stage.annotate("mode", "NOTIFICATION");
    look_at_both().await;
    stage.annotate("mode", "AUTO_UPDATE");
    look_at_both().await;
    assert!(both("1.0.2@"), "{}", stage.says());
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
pub(super) async fn updated(more: &[(&str, &str)], old: &'static str, new: &'static str) -> Stage {
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

/// Fault x23-20: `kubectl replace`, and whatever else writes the object whole, takes answer and record away at once.
#[tokio::test]
async fn what_is_skipped_stays_so_when_the_object_is_written_whole() {
    let web = workload(&[("web", "a.example/web:1.0.0")], &[("mode", "NOTIFICATION")]);
    let mut stage = Stage::new(web, &["1.0.0", "1.0.1"]);
    let manifest = stage.annotations();
    stage.look().await;
    assert!(matches!(stage.answers(Action::Skip).await, Answer::Skipped(_)));
    for restarts in [false, true, false, false, false] {
        stage.look().await;
        stage.joe.0.lock().unwrap().clear();
        stage.edit(None, |all| *all = manifest.clone());
        if restarts {
            stage.restart();
        }
        for _ in 0..2 {
            stage.look().await;
        }
        let asked = stage.joe.0.lock().unwrap().iter().filter(|it| it.kind != NoticeKind::Skipped).count();
        assert_eq!(asked, 0, "nobody is asked what was answered");
    }
    stage.clock.step(TimeDelta::days(2));
    stage.look().await;
    assert_eq!(stage.cluster.annotation("skip").as_deref(), Some("1.0.1"), "it is put back, as all that is ours");
    // Whoever clears it is asked, also when the object is written whole once more.
    stage.edit(None, |all| remove(all, "skip"));
    stage.look().await;
    assert_eq!(stage.joe.0.lock().unwrap().iter().filter(|it| it.kind == NoticeKind::Available).count(), 1);
    stage.edit(None, |all| *all = manifest.clone());
    stage.look().await;
    assert_eq!(stage.cluster.annotation("skip"), None, "nobody's answer by now");
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

/// Who sends messages asks for it, so that nobody gets one with a link that was answered.
#[tokio::test]
async fn what_is_known_of_a_workload_is_not_what_somebody_put_back() {
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let (token, asked) = (stage.token(), stage.annotations());
    let answer = stage.reconciler.answer(&token, Action::Skip, "trace").await;
    assert!(matches!(answer, Answer::Skipped(_)), "{answer:?}");
    for then in [asked, Vec::new()] {
        stage.edit(None, |all| *all = then);
        let uid = stage.cluster.state(|state| state.workload.id.uid.clone());
        let known = stage.reconciler.known_record(&uid).await.unwrap();
        assert!(known.known("web").open(stage.clock.now()).is_none(), "{known:?}");
        assert_eq!(known.history.entries().len(), 1, "the answer");
    }
    assert!(stage.reconciler.known_record("another").await.is_none());
}

/// What was written before the disk was lost is not remembered, and is older all the same than what was written since.
#[tokio::test]
async fn a_record_of_before_a_lost_disk_is_not_the_newest_after_it() {
    let mut stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let first = stage.annotations();
    stage.clock.step(TimeDelta::minutes(1));
    stage.push("1.0.2");
    stage.look().await;
    let (token, asked) = (stage.token(), stage.annotations());
    let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
    assert!(matches!(answer, Answer::Approved(_)), "{answer:?}");
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::clone(&stage.reconciler.0);
    let queue = SqliteQueue::open(folder.path(), &parts.ambient).unwrap();
    stage.reconciler = Reconciler::new(Parts { queue, standing_still: Arc::default(), ..parts });
    stage.undo("1.0.0", &first);
    stage.clock.step(TimeDelta::minutes(1));
    stage.look().await;
    assert!(stage.annotations() != first, "it is asked anew");
    stage.undo("1.0.0", &asked);
    stage.look().await;
    let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
    assert!(!matches!(answer, Answer::Approved(_)) && stage.runs("1.0.0"), "a used link acts no more: {answer:?}");
}

/// The API server says that it did not come to an end, and the workload is scaled before anybody looks at it again.
#[tokio::test]
async fn a_question_in_doubt_outlives_an_autoscaler_and_not_somebody_who_wrote_the_image() {
    for (set, is_kept) in [(Some(-3600), true), (Some(0), false), (Some(3), false), (None, false)] {
        let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
        let began = stage.clock.now();
        stage.cluster.state(|state| state.image_set = set.map(|set| began + TimeDelta::seconds(set)));
        stage.look().await;
        let (token, asked) = (stage.token(), stage.cluster.annotation("token-update"));
        stage.cluster.state(|state| state.refuses = Refuses::Late);
        let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
        assert!(matches!(answer, Answer::Later(_)), "{answer:?}");
        stage.cluster.state(|state| state.refuses = Refuses::Nothing);
        for _ in 0..3 {
            stage.edit(None, |_| ());
        }
        stage.look().await;
        assert_eq!(stage.cluster.annotation("token-update") == asked, is_kept, "the image was written at {set:?}");
        let answer = stage.reconciler.answer(&token, Action::Approve, "trace").await;
        assert_eq!(matches!(answer, Answer::Approved(_)), is_kept, "{set:?}: {answer:?}");
    }
}

#[tokio::test]
async fn who_removes_what_is_said_to_be_wrong_again_and_again_is_not_fought() {
    let stage = Stage::new(auto(&[]), &[]);
    for _ in 0..20 {
        stage.look().await;
        stage.edit(None, |all| remove(all, "error"));
    }
    assert!(stage.writes() <= 3, "{} writes", stage.writes());
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RecordReplaced(_))), 1, "it is told once");
    stage.clock.step(TimeDelta::hours(2));
    stage.look().await;
    assert!(stage.says().contains("wants a credential"), "after a while it is said again: {}", stage.says());
    let before = stage.writes();
    stage.registry.tags.lock().unwrap().extend(["1.0.0", "1.0.1"]);
    stage.look().await;
    assert!(stage.runs("1.0.1") && stage.writes() > before, "an update is nobody's word against us");
}

/// Other processes know only what stands on the workload: a restart, and check beside the service.
#[tokio::test]
async fn a_list_that_lost_most_is_doubted_after_a_restart_and_by_whoever_reads_the_record() {
    let all = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"];
    let mut stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &all);
    stage.look().await;
    let asked = stage.cluster.annotation("token-update").expect("people are asked about 1.0.5");
    stage.registry.tags.lock().unwrap().truncate(2);
    stage.look().await;
    let known = |stage: &Stage| {
        let workload = stage.cluster.state(|state| Arc::clone(&state.workload));
        crate::cluster::annotations::claimed(&workload).known("web").clone()
    };
    let (now, doubt) = (stage.clock.now(), Some(crate::domain::policy::Doubt::Shrunk { now: 2, before: 6 }));
    assert_eq!(known(&stage).doubts(2, now), doubt);
    assert_eq!((known(&stage).doubts(4, now), known(&stage).doubts(2, now + TimeDelta::hours(24))), (None, None));
    for _ in 0..2 {
        stage.restart();
        stage.look().await;
        assert!(stage.says().contains("only 2 of the 6 tags"), "{}", stage.says());
        assert_eq!(stage.cluster.annotation("token-update").as_ref(), Some(&asked), "what is open stays open");
    }
    *stage.registry.tags.lock().unwrap() = all.to_vec();
    stage.look().await;
    assert_eq!((stage.says().as_str(), known(&stage).shrunk), ("", None), "it is whole again");
    stage.registry.tags.lock().unwrap().truncate(2);
    stage.look().await;
    stage.clock.step(TimeDelta::hours(25));
    stage.restart();
    stage.look().await;
    assert_eq!((stage.says().as_str(), known(&stage).shrunk), ("", None), "somebody cleaned up");
}

/// R12: the key of all links is lost, and everything that is open is asked anew.
#[tokio::test]
async fn what_is_open_is_asked_anew_after_a_lost_key_and_once() {
    let containers = [("web", "a.example/web:1.0.0"), ("old", "a.example/web:2.0.0"), ("older", "a.example/web:3.0.0")];
    let tags = ["1.0.0", "1.0.1", "2.0.0", "2.0.1", "3.0.0", "3.0.1"];
    let mut stage = Stage::new(workload(&containers, &[("strategy", "PATCH")]), &tags);
    let topic = Topic::Deliver("email".into());
    let ready = async |stage: &Stage| {
        let (queue, mut sent) = (&stage.reconciler.0.queue, 0);
        loop {
            let jobs = queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs;
            if jobs.is_empty() {
                return sent;
            }
            for job in jobs {
                queue.settle(&job, Settlement::Done).await.unwrap();
                sent += 1;
            }
        }
    };
    stage.look().await;
    assert_eq!(ready(&stage).await, 3, "what is new is told at once");
    let parts = Parts::clone(&stage.reconciler.0);
    stage.reconciler = Reconciler::new(Parts { keys: LinkKey::new(vec![8; 32]).unwrap().into(), ..parts });
    stage.look().await;
    assert_eq!(ready(&stage).await, 3, "what is open is asked anew, each once; channels gather it into one message");
    stage.look().await;
    assert_eq!(ready(&stage).await, 0);
    assert_eq!(stage.counted("proposed", "other_key"), 3);
}

impl Stage {
    /// The key of all links is lost, and another takes its place.
    fn loses_its_key(&mut self) {
        let parts = Parts::clone(&self.reconciler.0);
        let keys = LinkKey::new(vec![8; 32]).unwrap().into();
        self.reconciler = Reconciler::new(Parts { keys, standing_still: Arc::default(), ..parts });
    }

    fn asks_by(&self) -> Option<Question> {
        let workload = self.cluster.state(|state| Arc::clone(&state.workload));
        crate::cluster::annotations::claimed(&workload).known("web").question.clone()
    }
}

/// Fault x25-5: what is held has a link, too, and it leads nowhere when its key is lost.
#[tokio::test]
async fn what_is_held_is_asked_anew_after_a_lost_key_and_once() {
    for goes_back_by_itself in [false, true] {
        let mut stage = updated(&[], "1.0.0", "1.0.1").await;
        if goes_back_by_itself {
            stage.push("1.0.2");
            stage.look().await;
            stage.fails("t1").await;
            stage.cluster.rolls(Rollout::Complete);
        } else {
            stage.edit(Some("1.0.0"), |_| ());
        }
        stage.look().await;
        let before = stage.asks_by().unwrap().terms;
        assert_eq!(before.allows, Allows::Held);
        stage.told();
        stage.loses_its_key();
        for _ in 0..3 {
            stage.look().await;
        }
        let asked = stage.asks_by().unwrap().terms;
        assert_ne!((&asked.id, &asked.key), (&before.id, &before.key), "{goes_back_by_itself}");
        let named = stage.cluster.annotation("token-update").unwrap();
        assert!(named.contains(asked.id.as_str()) && !named.contains(before.id.as_str()), "{named}");
        let told = stage.joe.0.lock().unwrap().clone();
        let held = |notice: &&Notice| notice.kind == NoticeKind::Held;
        assert!(told.iter().filter(held).all(|it| it.approval.as_ref().unwrap().id == asked.id.as_str()), "{told:?}");
        let answer = stage.reconciler.answer(&stage.link(), Action::Resume, "trace").await;
        assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
        assert_eq!(stage.counted("proposed", "other_key"), 1);
    }
}

/// Whoever was told how an update went is not told of that again; the page, the API and the command go back as before.
#[tokio::test]
async fn a_way_back_on_offer_has_a_link_that_can_be_read_after_a_lost_key() {
    let mut stage = updated(&[], "1.0.0", "1.0.1").await;
    let before = stage.asks_by().unwrap().terms;
    assert_eq!(before.allows, Allows::Back);
    stage.told();
    stage.loses_its_key();
    for _ in 0..3 {
        stage.look().await;
    }
    let asked = stage.asks_by().unwrap();
    assert_ne!((&asked.terms.id, &asked.terms.key), (&before.id, &before.key));
    assert_eq!(asked.terms.expires(), before.expires(), "for no longer than before");
}

/// Somebody sets an image whose tag is not there: the look ends with that, and the question before is none any more.
#[tokio::test]
async fn what_was_asked_of_another_image_is_withdrawn_though_what_runs_is_gone() {
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let token = stage.token();
    stage.registry.tags.lock().unwrap().retain(|tag| *tag == "1.0.1");
    stage.registry.absent.store(1_000_000, Ordering::SeqCst);
    stage.edit(Some("1.0.9"), |_| ());
    let opened = stage.reconciler.answer(&token, Action::Approve, "trace").await;
    assert!(matches!(opened, Answer::Changed(_)), "{opened:?}");
    stage.look().await;
    assert_eq!(stage.cluster.annotation("token-update"), None, "nobody is asked any more");
    stage.clock.step(TimeDelta::minutes(1));
    stage.look().await;
    assert!(stage.says().contains("1.0.9, which runs, is gone"), "{}", stage.says());
}

/// Who has just mended it is not to look for a fault that is no more there.
#[tokio::test]
async fn what_was_mended_is_not_called_wrong_while_the_registry_gives_no_answer() {
    let asks = &[("mode", "NOTIFICATION"), ("strategy", "MINR")];
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], asks), &["away"]);
    stage.look().await;
    assert!(stage.says().contains("MINR"), "{}", stage.says());
    stage.edit(None, |all| put(all, "strategy", "MINOR"));
    stage.look().await;
    assert_eq!(stage.says(), "");
    stage.look().await;
    assert_eq!(stage.says(), "");
}

#[tokio::test]
async fn a_mended_setting_is_called_wrong_no_more_whichever_repository_is_looked_at_first() {
    let images = [("web", "a.example/web:1.0.0"), ("log", "a.example/log:1.0.0")];
    let stage = Stage::new(workload(&images, &[("mode", "AUTO_UPDATE"), ("strategy", "FOO")]), &["1.0.0"]);
    stage.look().await;
    assert!(!stage.says().is_empty());
    stage.annotate("strategy", "MINOR");
    stage.reconciler.look(&Repository::parse("a.example/log").unwrap(), "trace").await;
    *stage.registry.tags.lock().unwrap() = vec!["away"];
    stage.look().await;
    assert_eq!(stage.says(), "");
}
