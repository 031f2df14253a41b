//! Settings that come back beside a record that nothing else made older, and what is no word on them.

use super::edits::{WENT_BACK, put, remove};
use super::*;
use crate::domain::request::{REQUEST, Wish};

/// Settings of which each is another word than «apply whatever is newer», and that leave the record as it is.
const EDITS: [(&str, &str); 6] = [
    ("mode", "DISABLED"),
    ("mode", "NOTIFICATION"),
    ("strategy", "PATCH"),
    ("exclude", "^2"),
    ("approvals", "2"),
    ("skip.web", "2.0.0"),
];

impl Stage {
    /// Somebody sets this, which is one write beyond so many; and when there is something newer, an undo brings back what stood
    /// there then: it is nobody's word.
    async fn edits_and_undoes(&mut self, (name, value): (&str, &str), then: &[(Box<str>, Box<str>)], writes: usize) {
        self.edit(None, |all| put(all, name, value));
        for _ in 0..3 {
            self.look().await;
        }
        assert_eq!(self.writes(), writes + 1, "{name} {value}: one write an edit");
        self.push("2.0.0");
        self.restart();
        self.undo("1.0.0", then);
        self.look().await;
        self.look().await;
        assert!(self.runs("1.0.0"), "{name} {value}: {}", self.cluster.image());
        assert!(self.says().contains(WENT_BACK), "{name} {value}: {}", self.says());
    }
}

#[tokio::test]
async fn a_setting_that_an_undo_takes_back_is_nobodys_word_although_nothing_else_was_written_since() {
    for (name, value) in EDITS {
        let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.look().await;
        let (then, writes) = (stage.annotations(), stage.writes());
        stage.edits_and_undoes((name, value), &then, writes).await;
    }
}

#[tokio::test]
async fn an_edit_is_written_also_while_the_registry_does_not_answer() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    let then = stage.annotations();
    stage.has(&["away"]);
    stage.edit(None, |all| put(all, "strategy", "PATCH"));
    stage.look().await;
    stage.undo("1.0.0", &then);
    stage.has(&["1.0.0", "2.0.0"]);
    stage.look().await;
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.says().contains(WENT_BACK), "{}", stage.says());
}

#[tokio::test]
async fn what_is_no_setting_or_is_none_of_the_workloads_own_writes_nothing() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    let writes = stage.writes();
    stage.edit(None, |all| put(all, "release-url", "https://a.example/${tag}"));
    stage.look().await;
    stage.changed(|now| {
        let namespace = Arc::from([("strategy".into(), "PATCH".into())]);
        now.inherited = Some(Box::new(crate::domain::defaults::Inherited { namespace, ..Default::default() }));
    });
    stage.look().await;
    assert_eq!(stage.writes(), writes, "one namespace is many workloads");
}

#[tokio::test]
async fn what_was_set_back_while_a_workload_was_left_alone_is_held() {
    // The mode goes back with the image, or the image alone does.
    for is_undone in [true, false] {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.look().await;
        let (then, writes) = (stage.annotations(), stage.writes());
        stage.edit(Some("1.1.0"), |all| put(all, "mode", "DISABLED"));
        for _ in 0..3 {
            stage.look().await;
        }
        assert_eq!(stage.writes(), writes + 1);
        stage.push("1.1.0");
        if is_undone {
            stage.undo("1.0.0", &then);
        } else {
            stage.edit(Some("1.0.0"), |_| ());
            stage.look().await;
            assert_eq!(stage.told(), [], "nobody is told of what is left alone");
            stage.edit(None, |all| put(all, "mode", "AUTO_UPDATE"));
        }
        stage.look().await;
        stage.look().await;
        assert!(stage.runs("1.0.0"), "{is_undone}: {}", stage.cluster.image());
        let held = stage.cluster.annotation("held").unwrap_or_default();
        assert!(held.starts_with("1.1.0: "), "{is_undone}: {held}");
    }
}

/// An undo took a setting back, and people are asked about 2.0.0.
async fn in_doubt() -> Stage {
    let stage = Stage::new(auto(&[("strategy", "ALL")]), &["1.0.0"]);
    stage.look().await;
    let then = stage.annotations();
    stage.edit(None, |all| put(all, "strategy", "PATCH"));
    stage.look().await;
    stage.push("2.0.0");
    stage.undo("1.0.0", &then);
    stage.look().await;
    assert_eq!(stage.told(), [("update.available", "2.0.0".to_owned())]);
    stage
}

#[tokio::test]
async fn who_skips_a_version_has_said_nothing_of_the_other_settings() {
    for is_by_command in [false, true] {
        let stage = in_doubt().await;
        if is_by_command {
            let request = stage.request(Wish::Skip { question: stage.question().terms.id });
            stage.annotate("skip", "2.0.0");
            stage.annotate(REQUEST, &request);
            stage.look().await;
            assert_eq!(stage.cluster.annotation(REQUEST), None);
        } else {
            let answer = stage.answers(Action::Skip).await;
            assert!(matches!(answer, Answer::Skipped(_)), "{answer:?}");
        }
        assert_eq!(stage.cluster.annotation("skip").as_deref(), Some("2.0.0"));
        stage.push("2.0.1");
        stage.look().await;
        stage.look().await;
        assert!(stage.runs("1.0.0"), "by command {is_by_command}: {}", stage.cluster.image());
        assert!(stage.says().contains(WENT_BACK), "by command {is_by_command}: {}", stage.says());
        stage.edit(None, |all| put(all, "strategy", "MAJOR"));
        stage.look().await;
        assert!(stage.runs("2.0.1"), "somebody edited one: {}", stage.says());
    }
}

#[tokio::test]
async fn who_leaves_a_workload_alone_for_a_while_has_edited_a_setting() {
    let stage = in_doubt().await;
    for mode in ["DISABLED", "AUTO_UPDATE"] {
        assert!(stage.runs("1.0.0") && stage.says().contains(WENT_BACK) == (mode == "DISABLED"), "{}", stage.says());
        stage.edit(None, |all| put(all, "mode", mode));
        stage.look().await;
    }
    assert!(stage.runs("2.0.0"), "{}", stage.says());
}

impl Stage {
    /// Another key takes the place of all.
    fn has_another_key(&mut self) {
        let parts = Parts::clone(&self.reconciler.0);
        let keys = LinkKey::new(vec![8; 32]).unwrap().into();
        self.reconciler = Reconciler::new(Parts { keys, standing_still: Arc::default(), ..parts });
    }
}

#[tokio::test]
async fn a_key_that_is_gone_makes_nobodys_word_of_a_mode_that_is_set_later() {
    for was_looked_at in [true, false] {
        let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.look().await;
        stage.edit(None, |all| put(all, "mode", "DISABLED"));
        stage.look().await;
        let writes = stage.writes();
        stage.has_another_key();
        if was_looked_at {
            for _ in 0..3 {
                stage.look().await;
            }
            assert_eq!(stage.writes(), writes + 1, "it is signed anew, once");
        }
        stage.push("1.0.1");
        stage.edit(None, |all| put(all, "mode", "AUTO_UPDATE"));
        stage.look().await;
        assert!(stage.runs("1.0.1") && stage.says().is_empty(), "{was_looked_at}: {}", stage.says());
    }
}

#[tokio::test]
async fn an_older_record_of_a_key_that_is_gone_brings_no_setting_back() {
    let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    let then = stage.annotations();
    stage.edit(None, |all| put(all, "strategy", "PATCH"));
    stage.look().await;
    stage.has_another_key();
    stage.look().await;
    stage.push("2.0.0");
    stage.undo("1.0.0", &then);
    stage.look().await;
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.says().contains(WENT_BACK), "{}", stage.says());
}

impl Stage {
    /// The record is as a release wrote it that did not say which settings it belongs to.
    fn has_a_record_of_before(&self) {
        let seen = self.cluster.state(|state| Workload::clone(&state.workload));
        let mut record = crate::cluster::annotations::claimed(&seen);
        (record.settings, record.sequence) = (None, record.sequence + 1);
        let (text, _) = seal(&record, &seen.id, &LinkKey::new(vec![7; 32]).unwrap()).unwrap();
        self.annotate("record", &text);
    }
}

/// An upgrade writes nothing on what is at rest, so that most records say nothing of settings for long.
#[tokio::test]
async fn an_edit_is_known_as_such_also_where_the_record_is_of_an_earlier_release() {
    for (name, value) in EDITS {
        let mut stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.look().await;
        stage.has_a_record_of_before();
        let (then, writes) = (stage.annotations(), stage.writes());
        for _ in 0..3 {
            stage.look().await;
        }
        stage.restart();
        stage.look().await;
        assert_eq!(stage.writes(), writes, "{name} {value}: nobody edited anything");
        stage.edits_and_undoes((name, value), &then, writes).await;
    }
}

/// As `image-watcher skip --clear` does.
#[tokio::test]
async fn who_proposes_skipped_versions_again_has_said_nothing_of_the_other_settings() {
    let stage = Stage::new(auto(&[("strategy", "ALL"), ("skip", "1.5.0")]), &["1.0.0"]);
    stage.look().await;
    let then = stage.annotations();
    stage.edit(None, |all| put(all, "strategy", "PATCH"));
    stage.look().await;
    stage.push("2.0.0");
    stage.undo("1.0.0", &then);
    stage.look().await;
    for skipped in [None, Some("1.6.0")] {
        stage.edit(None, |all| {
            remove(all, "skip");
            if let Some(skipped) = skipped {
                put(all, "skip.web", skipped);
            }
        });
        stage.look().await;
        stage.look().await;
        assert!(stage.runs("1.0.0") && stage.says().contains(WENT_BACK), "{}", stage.says());
    }
    stage.edit(None, |all| put(all, "strategy", "MAJOR"));
    stage.look().await;
    assert!(stage.runs("2.0.0"), "{}", stage.says());
}

#[tokio::test]
async fn what_a_namespace_or_a_rule_says_is_no_word_on_the_settings_that_came_back() {
    type Said = Vec<(Box<str>, Box<str>)>;
    let stage = in_doubt().await;
    let said = |name: &str, value: &str| -> Said { vec![(name.into(), value.into())] };
    let inherits = |namespace: Said, rules: Said| {
        stage.changed(|now| {
            let (namespace, rules) = (namespace.into(), rules.into());
            now.inherited = Some(Box::new(crate::domain::defaults::Inherited { namespace, rules }));
        });
    };
    inherits(said("rollback", "false"), Vec::new());
    stage.look().await;
    inherits(said("rollback", "false"), said("approvals", "2"));
    stage.look().await;
    stage.look().await;
    assert!(stage.runs("1.0.0") && stage.says().contains(WENT_BACK), "{}", stage.says());
}

#[tokio::test]
async fn every_container_hears_of_an_edit_whichever_repository_is_looked_at_first() {
    let images = [("web", "a.example/web:1.0.0"), ("log", "b.example/log:1.0.0")];
    let stage = Stage::new(workload(&images, &[("mode", "AUTO_UPDATE"), ("strategy", "ALL")]), &["1.0.0"]);
    let log = Repository::parse("b.example/log").unwrap();
    let look = async || {
        stage.look().await;
        stage.reconciler.look(&log, "trace").await;
    };
    look().await;
    let then = stage.annotations();
    stage.edit(None, |all| put(all, "strategy", "PATCH"));
    look().await;
    stage.undo("1.0.0", &then);
    stage.push("2.0.0");
    look().await;
    let says = || ["error", "error.log"].map(|name| stage.cluster.annotation(name).unwrap_or_default());
    assert!(says().iter().all(|said| said.contains(WENT_BACK)), "{:?}", says());
    stage.edit(None, |all| put(all, "mode", "DISABLED"));
    let writes = stage.writes();
    for _ in 0..3 {
        look().await;
    }
    assert_eq!(stage.writes() - writes, 2, "one write a container");
    stage.edit(None, |all| put(all, "mode", "AUTO_UPDATE"));
    look().await;
    assert!(says().iter().all(|said| !said.contains(WENT_BACK)), "{:?}", says());
}

/// There is no room for the record of a large workload that is left alone, which says nothing against it.
#[tokio::test]
async fn a_record_that_was_left_out_is_not_told_of_as_one_that_nobody_can_read() {
    const LEFT_OUT: &str = "\0too much";
    assert!(crate::domain::kept::is_left_out(LEFT_OUT));
    for part in ["record", "history"] {
        let stage = Stage::new(auto(&[]), &["1.0.0"]);
        stage.written().await;
        stage.settles().await;
        stage.edit(None, |all| put(all, "mode", "DISABLED"));
        for setting in ["strategy", "exclude"] {
            stage.edit(None, |all| {
                put(all, part, LEFT_OUT);
                put(all, setting, "PATCH");
            });
            let writes = stage.writes();
            for _ in 0..2 {
                stage.look().await;
                stage.edit(None, |all| put(all, part, LEFT_OUT));
            }
            assert_eq!(stage.writes(), writes + 1, "{part}: one write an edit");
        }
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RecordReplaced(_))), 0, "{part}");
    }
}

/// Its row would stay in the store for ever: no watch tells of what went before it began.
#[tokio::test]
async fn what_was_deleted_while_the_process_was_down_is_found_out_at_the_next_start() {
    use crate::cluster::{Fresh, Index, Scope};
    use crate::domain::workload::{Kind, ObjectName};
    use crate::queue::Records as _;
    use crate::reconcile::records::sightings::{expect_the_newest, note};
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let (queue, now) = (&stage.reconciler.0.queue, stage.cluster.state(|state| state.workload.clone()));
    let place = async || {
        let all = queue.workloads().await.unwrap();
        all.into_iter().find(|known| known.uid == now.id.uid).and_then(|known| known.of)
    };
    let here = Some(ObjectName::of(&now.id));
    assert_eq!(place().await, here, "it is stored with what is written");
    for (list, found) in [(vec![&now], here.clone()), (vec![], None), (vec![&now], here)] {
        let index = Index::default();
        expect_the_newest(queue, &index).await;
        let list = list.into_iter().map(|now| Workload::clone(now)).collect();
        index.replace(&Scope { namespace: None, kind: Kind::Deployment }, Fresh::Everything, list);
        note(queue, &index).await;
        assert_eq!(place().await, found);
    }
}
