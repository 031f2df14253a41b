//! What a person asks by an annotation, as the commands write it.

use super::*;
use crate::cluster::annotations::claimed;
use crate::domain::record::Question;
use crate::domain::reference::ImageReference;
use crate::domain::request::{REQUEST, Request, Wish};

const OLD: &str = "a.example/web:1.0.0";

/// 1.0.1 came in the place of 1.0.0, and is healthy.
async fn updated() -> Stage {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1"]);
    stage.look().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage
}

impl Stage {
    fn seen(&self) -> Workload {
        self.cluster.state(|state| Workload::clone(&state.workload))
    }

    fn record(&self) -> Record {
        claimed(&self.seen())
    }

    fn question(&self) -> Question {
        self.record().known("web").question.clone().unwrap()
    }

    fn request(&self, wish: Wish) -> String {
        let by = Some("alice".to_owned());
        let after = self.record().sequence;
        Request { uid: self.seen().id.uid, after, container: "web".into(), by, cause: None, wish }.text()
    }

    /// 1.0.1 came, and people are asked.
    async fn asked(&self) -> Question {
        self.look().await;
        self.has(&["1.0.0", "1.0.1"]);
        self.look().await;
        self.told();
        self.question()
    }

    fn by(&self) -> Vec<(String, String, &'static str)> {
        let record = self.record();
        let entries = record.history.entries().iter();
        entries.map(|entry| (entry.version.clone(), entry.by.clone(), entry.outcome.as_str())).collect()
    }

    /// What `approve` writes.
    fn approves(&self, asked: &Question) -> String {
        let image = ImageReference::parse(OLD).unwrap().at(&asked.terms.tag, &asked.terms.digest);
        let request = self.request(Wish::Approve { question: asked.terms.id.clone(), outside_window: false });
        self.annotate(REQUEST, &request);
        self.set_image(&image);
        request
    }
}

fn asking() -> Workload {
    workload(&[("web", OLD)], &[("mode", "NOTIFICATION")])
}

fn one(version: &str, outcome: &'static str) -> Vec<(String, String, &'static str)> {
    vec![(version.to_owned(), "command alice".to_owned(), outcome)]
}

#[tokio::test]
async fn what_a_person_approves_by_command_is_their_update_and_is_followed() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let request = stage.approves(&asked);
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    let writes = stage.writes();
    stage.look().await;
    assert_eq!(stage.writes(), writes + 1, "one write takes it over, and the request away");
    assert_eq!(stage.cluster.annotation(REQUEST), None);
    assert_eq!(stage.by(), one("1.0.1", "rolling-out"));
    assert_eq!(stage.told(), [("approval.granted", "1.0.1".to_owned())]);
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::Approved(_))), 1);
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert_eq!(stage.by(), one("1.0.1", "healthy"));
    // The same again is about a record that is gone.
    stage.annotate(REQUEST, &request);
    stage.look().await;
    assert_eq!((stage.cluster.annotation(REQUEST), stage.by()), (None, one("1.0.1", "healthy")));
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_))), 1);
}

#[tokio::test]
async fn what_a_person_approved_goes_back_when_it_fails() {
    let stage = Stage::new(workload(&[("web", OLD)], &[("mode", "NOTIFICATION"), ("rollback", "true")]), &["1.0.0"]);
    let asked = stage.asked().await;
    stage.approves(&asked);
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    let (reason, message) = ("ProgressDeadlineExceeded".into(), "has timed out progressing".into());
    stage.cluster.rolls(Rollout::Stalled(Stall { reason, message, since: "t1".into(), progress: Progress::default() }));
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn a_request_deploys_nothing() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let approve = Wish::Approve { question: asked.terms.id.clone(), outside_window: false };
    stage.annotate(REQUEST, &stage.request(approve));
    stage.look().await;
    assert_eq!((stage.cluster.image(), stage.cluster.annotation(REQUEST)), (OLD.to_owned(), None));
    assert!(stage.question().is_open(stage.clock.now()), "it can be answered still");
    assert!(stage.by().is_empty());
}

#[tokio::test]
async fn a_request_of_another_object_or_of_nobody_is_removed_and_told() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let until = stage.clock.now() + TimeDelta::days(7);
    let snooze = stage.request(Wish::Snooze { question: asked.terms.id.clone(), until });
    let after = stage.record().sequence;
    for (count, text) in [
        snooze.replace("uid-1", "uid-2"),
        "please".to_owned(),
        snooze.replace(&format!("\"after\":{after}"), "\"after\":1000"),
    ]
    .iter()
    .enumerate()
    {
        stage.clock.step(TimeDelta::hours(2));
        stage.annotate(REQUEST, text);
        stage.look().await;
        assert_eq!(stage.cluster.annotation(REQUEST), None, "{text}");
        let refused = stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_)));
        assert_eq!(refused, count + 1, "{text}");
        assert!(stage.question().is_open(stage.clock.now()));
    }
}

#[tokio::test]
async fn a_question_is_put_off_and_taken_up_again_by_command() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let snoozed = |stage: &Stage| {
        let (record, terms) = (stage.record(), &asked.terms);
        record.known("web").snoozed(OLD, &terms.tag, &terms.digest, stage.clock.now())
    };
    let until = stage.clock.now() + TimeDelta::days(14);
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until }));
    stage.look().await;
    assert_eq!(snoozed(&stage), Some(until));
    let now = stage.clock.now();
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until: now }));
    stage.look().await;
    assert_eq!(snoozed(&stage), None);
    let too_long = stage.clock.now() + TimeDelta::days(91);
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until: too_long }));
    stage.look().await;
    assert_eq!((snoozed(&stage), stage.cluster.annotation(REQUEST)), (None, None));
}

#[tokio::test]
async fn who_skips_by_command_is_remembered() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    stage.annotate(REQUEST, &stage.request(Wish::Skip { question: asked.terms.id.clone() }));
    stage.annotate("skip", "1.0.1");
    stage.look().await;
    assert_eq!(stage.by(), one("1.0.1", "skipped"));
    assert_eq!(stage.told(), [("update.skipped", "1.0.1".to_owned())]);
}

#[tokio::test]
async fn who_goes_back_by_command_is_remembered_and_what_is_left_is_held() {
    let stage = updated().await;
    stage.told();
    let update = stage.record().known("web").update.clone().unwrap();
    let (version, digest) = (update.from_tag().unwrap(), update.ran_before().unwrap());
    stage.annotate(REQUEST, &stage.request(Wish::Rollback { version, digest }));
    stage.set_image(OLD);
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    let by = stage.by();
    assert_eq!(by.first(), one("1.0.0", "rolling-out").first(), "{by:?}");
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.1: set back to 1.0.0, by command alice, since "), "{held}");
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::WentBack(_))), 1);
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    assert!(stage.told().contains(&("update.rolled_back", "1.0.1".to_owned())));
    assert_eq!(stage.cluster.image(), OLD);
}

#[tokio::test]
async fn what_a_request_lets_go_is_asked_about_and_not_applied() {
    let stage = updated().await;
    stage.set_image(OLD);
    stage.look().await;
    assert!(stage.cluster.annotation("held").is_some());
    stage.told();
    stage.annotate(REQUEST, &stage.request(Wish::Resume { version: Tag::parse("1.0.1").unwrap() }));
    stage.look().await;
    assert_eq!((stage.cluster.image(), stage.cluster.annotation("held")), (OLD.to_owned(), None));
    assert_eq!(stage.by().first(), one("1.0.1", "resumed").first());
    assert!(stage.told().contains(&("update.available", "1.0.1".to_owned())));
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD, "a person decides");
    let asked = stage.question();
    stage.approves(&asked);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"));
    // What comes later is the policy's.
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.2@"));
}

#[tokio::test]
async fn what_a_request_lets_go_is_asked_about_though_its_tag_was_pushed_again() {
    let stage = updated().await;
    stage.set_image(OLD);
    stage.look().await;
    stage.registry.pushed_again.store(1, Ordering::SeqCst);
    stage.annotate(REQUEST, &stage.request(Wish::Resume { version: Tag::parse("1.0.1").unwrap() }));
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.annotation("held"), None);
    assert_eq!(stage.cluster.image(), OLD, "no annotation deploys anything");
}
