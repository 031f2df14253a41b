//! What a person asks by an annotation, as the commands write it.

use super::*;
use crate::cluster::annotations::claimed;
use crate::domain::history::{Choice, Outcome};
use crate::domain::record::Question;
use crate::domain::reference::ImageReference;
use crate::domain::refusal::Refusal;
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

    pub(super) fn question(&self) -> Question {
        self.record().known("web").question.clone().unwrap()
    }

    pub(super) fn request(&self, wish: Wish) -> String {
        let by = Some("alice".to_owned());
        let after = self.record().sequence;
        Request { uid: self.seen().id.uid, after, container: "web".into(), by, cause: None, wish }.text()
    }

    /// 1.0.1 came, and people are asked.
    pub(super) async fn asked(&self) -> Question {
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
    pub(super) fn approves(&self, asked: &Question) -> String {
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
    stage.cluster.rolls(Rollout::Stalled(Stall {
        reason,
        message,
        since: "t1".into(),
        progress: Progress::default(),
        refusal: None,
    }));
    stage.look().await;
    assert_eq!(stage.cluster.image(), OLD);
}

/// The other container, of the same repository, fails in the moment in which a person approves.
#[tokio::test]
async fn what_a_person_approves_counts_though_another_container_fails_in_that_moment() {
    let modes = [("mode", "NOTIFICATION"), ("mode.side", "AUTO_UPDATE")];
    let stage = Stage::new(workload(&[("web", OLD), ("side", OLD)], &modes), &["1.0.0"]);
    let asked = stage.asked().await;
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    stage.approves(&asked);
    stage.cluster.rolls(super::back::stalled("t1"));
    for _ in 0..2 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_))), 0);
    assert!(stage.by().iter().any(|(version, by, _)| version == "1.0.1" && by == "command alice"), "{:?}", stage.by());
}

/// A command puts the question off, or approves, and a link of it is pressed before anybody has read that.
#[tokio::test]
async fn what_a_command_asked_counts_though_a_link_is_pressed_before_it_is_read() {
    for skips in [false, true] {
        let stage = Stage::new(asking(), &["1.0.0"]);
        let asked = stage.asked().await;
        let (link, until) = (stage.token(), stage.clock.now() + TimeDelta::days(3));
        if skips {
            stage.annotate("skip", "1.0.1");
            stage.annotate(REQUEST, &stage.request(Wish::Skip { question: asked.terms.id.clone() }));
        } else {
            stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until }));
        }
        let answer = stage.reconciler.answer(&link, Action::Snooze, "trace").await;
        match answer {
            Answer::Skipped(entry) => assert!(skips && entry.by == "command alice", "{entry:?}"),
            Answer::Snoozed(_, until) => assert!(!skips && until == stage.clock.now() + TimeDelta::days(7)),
            other => panic!("{other:?}"),
        }
        stage.look().await;
        assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_))), 0, "{skips}");
        assert_eq!(stage.cluster.annotation(REQUEST), None);
    }
}

/// The image stands there with it.
#[tokio::test]
async fn what_a_command_approved_is_theirs_though_a_link_is_pressed_before_it_is_read() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let link = stage.token();
    stage.approves(&asked);
    let answer = stage.reconciler.answer(&link, Action::Skip, "trace").await;
    assert!(matches!(&answer, Answer::Approved(applied) if applied.entry.by == "command alice"), "{answer:?}");
    stage.look().await;
    assert_eq!(stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_))), 0);
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
        record.known("web").snoozed(&terms.tag, &terms.digest, stage.clock.now())
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

/// Links last three days, and a question may be put off for longer.
#[tokio::test]
async fn what_is_put_off_beyond_its_links_is_taken_up_again_by_command() {
    let stage = Stage::new(asking(), &["1.0.0"]);
    let asked = stage.asked().await;
    let until = stage.clock.now() + TimeDelta::days(14);
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until }));
    stage.look().await;
    stage.clock.step(TimeDelta::days(4));
    stage.told();
    stage.look().await;
    assert_eq!(stage.told(), []);
    let longer = stage.clock.now() + TimeDelta::days(14);
    let refused = || stage.cluster.announced(|one| matches!(one, WorkloadEvent::RequestRefused(_)));
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until: longer }));
    stage.look().await;
    assert_eq!((refused(), stage.told()), (1, vec![]), "it can't be put off once more");
    let now = stage.clock.now();
    stage.annotate(REQUEST, &stage.request(Wish::Snooze { question: asked.terms.id.clone(), until: now }));
    stage.look().await;
    assert_eq!(refused(), 1);
    assert_eq!(stage.told(), [("update.available", "1.0.1".to_owned())], "people are asked at once");
    assert!(stage.question().is_open(stage.clock.now()));
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

/// Updated to each of these in turn, and healthy each time.
async fn through(workload: Workload, tags: &[&'static str]) -> Stage {
    let stage = Stage::new(workload, &tags[..1]);
    stage.look().await;
    for count in 2..=tags.len() {
        stage.has(&tags[..count]);
        stage.look().await;
        stage.cluster.rolls(Rollout::Complete);
        stage.look().await;
        assert!(stage.runs(tags[count - 1]), "{}", stage.cluster.image());
    }
    stage
}

#[tokio::test]
async fn who_goes_two_steps_back_is_followed_though_the_tags_alone_tell_no_order() {
    let policy = r"regex:^dev-(?P<compare>[0-9]+)-[a-z]+$";
    let settings = [("mode", "AUTO_UPDATE"), ("strategy", "ALL"), ("tag-policy", policy)];
    let builds = workload(&[("web", "a.example/web:dev-1-ab")], &settings);
    let stage = through(builds, &["dev-1-ab", "dev-2-cd", "dev-3-ef", "dev-4-gh"]).await;
    let (version, digest) = (Tag::parse("dev-2-cd").unwrap(), digest_of("dev-2-cd", 0));
    let back = format!("a.example/web:dev-2-cd@{digest}");
    stage.annotate(REQUEST, &stage.request(Wish::Rollback { version, digest }));
    stage.set_image(&back);
    stage.cluster.rolls(Rollout::Progressing(Progress::default()));
    stage.look().await;
    assert_eq!(stage.by().first(), one("dev-2-cd", "rolling-out").first());
    let held = stage.cluster.annotation("held").unwrap_or_default();
    assert!(held.starts_with("dev-4-gh: set back to dev-2-cd, by command alice, since "), "{held}");
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), back, "it stays");
    stage.push("dev-5-ij");
    stage.look().await;
    assert!(stage.runs("dev-5-ij"), "what is newer is applied");
}

/// A way back to a version that was chosen.
fn to_version(to: Choice) -> Press {
    Press { to: Some(to), is_confirmed: true, ..Press::of(Action::Rollback) }
}

impl Stage {
    /// What the page of the newest link offers beside what it suggests.
    async fn offers(&self) -> Vec<(String, Outcome)> {
        let answer = self.reconciler.asked(&self.link()).await;
        let Answer::Open(asked) = answer else { panic!("{answer:?}") };
        asked.ran.iter().map(|ran| (ran.what.version.to_string(), ran.outcome)).collect()
    }

    async fn goes_back_to(&self, text: &str) -> Answer {
        let to = Choice::parse(text).unwrap();
        self.reconciler.answer_to(&self.link(), &to_version(to), "trace").await
    }
}

#[tokio::test]
async fn by_the_link_a_person_goes_back_to_any_entry_of_the_history() {
    let stage = through(auto(&[]), &["1.0.0", "1.0.1", "1.0.2", "1.0.3"]).await;
    let healthy = |version: &str| (version.to_owned(), Outcome::Healthy);
    assert_eq!(stage.offers().await, [healthy("1.0.2"), healthy("1.0.1")], "and not what runs");
    let writes = stage.writes();
    let runs = format!("1.0.3@{}", digest_of("1.0.3", 0));
    let other_digest = format!("1.0.1@{}", digest_of("1.0.1", 7));
    for wrong in [&runs, &other_digest, &format!("0.9.0@{}", digest_of("0.9.0", 0))] {
        let answer = stage.goes_back_to(wrong).await;
        assert!(matches!(&answer, Answer::Refused(_, Refusal::NeverRan)), "{wrong}: {answer:?}");
    }
    stage.registry.lost.lock().unwrap().push("1.0.2");
    let answer = stage.goes_back_to(&format!("1.0.2@{}", digest_of("1.0.2", 0))).await;
    let Answer::Refused(asked, Refusal::Withdrawn) = &answer else { panic!("{answer:?}") };
    assert_eq!((asked.approval.to_tag.as_str(), stage.writes()), ("1.0.2", writes), "nothing is written");
    let chosen = format!("1.0.1@{}", digest_of("1.0.1", 0));
    let answer = stage.goes_back_to(&chosen).await;
    let Answer::WentBack(applied) = &answer else { panic!("{answer:?}") };
    assert_eq!((applied.entry.version.as_str(), applied.entry.previous.as_str()), ("1.0.1", "1.0.3"));
    assert_eq!(stage.cluster.image(), format!("a.example/web:{chosen}"));
    let held = stage.cluster.annotation("held").unwrap();
    assert!(held.starts_with("1.0.3: set back to 1.0.1, by link email:j…@example.com"), "{held}");
    let cause = stage.seen().change_cause.unwrap();
    assert_eq!(&*cause, "image-watcher: web 1.0.3 → 1.0.1, back by j…@example.com (email)");
    let link = stage.link();
    stage.cluster.rolls(Rollout::Complete);
    for _ in 0..3 {
        stage.look().await;
    }
    assert_eq!(stage.cluster.image(), format!("a.example/web:{chosen}"), "it stays");
    let again = stage.reconciler.asked(&link).await;
    let Answer::WentBack(applied) = &again else { panic!("{again:?}") };
    assert_eq!(
        (applied.entry.version.as_str(), applied.outcome()),
        ("1.0.1", Outcome::Healthy),
        "its page says how it ended"
    );
}

#[tokio::test]
async fn the_link_offers_what_ran_well_last_where_what_ran_before_never_did() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::ZeroReplicas));
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let of = |version: &str, outcome| (version.to_owned(), outcome);
    assert_eq!(stage.offers().await, [of("1.0.1", Outcome::Replaced), of("1.0.0", Outcome::Healthy)]);
    let answer = stage.goes_back_to(&format!("1.0.0@{}", digest_of("1.0.0", 0))).await;
    assert!(matches!(answer, Answer::WentBack(_)), "{answer:?}");
    assert_eq!(stage.cluster.image(), OLD, "as it was written, as its tag points there still");
}

#[tokio::test]
async fn of_two_who_go_back_at_once_by_the_link_one_does() {
    let stage = through(auto(&[]), &["1.0.0", "1.0.1", "1.0.2"]).await;
    let (link, writes) = (stage.link(), stage.writes());
    let to = Choice::parse(&format!("1.0.1@{}", digest_of("1.0.1", 0))).unwrap();
    let press = to_version(to);
    let first = stage.reconciler.answer_to(&link, &press, "trace");
    let second = stage.reconciler.answer(&link, Action::Rollback, "trace");
    let (first, second) = tokio::join!(first, second);
    assert!(matches!((&first, &second), (Answer::WentBack(_), Answer::WentBack(_))), "{first:?} {second:?}");
    assert_eq!((stage.writes(), stage.by().len()), (writes + 1, 3), "one write, which both are told of");
}

#[tokio::test]
async fn of_answers_that_come_together_one_is_its_own() {
    for actions in [[Action::Skip, Action::Approve], [Action::Approve, Action::Skip], [Action::Skip, Action::Skip]] {
        let stage = Stage::new(workload(&[("web", OLD)], &[]), &["1.0.0", "1.0.1"]);
        stage.look().await;
        let (link, [one, other]) = (stage.link(), actions.map(Press::of));
        let (first, second) = tokio::join!(
            stage.reconciler.settle(&link, &one, "trace"),
            stage.reconciler.settle(&link, &other, "trace")
        );
        assert_eq!(usize::from(first.is_own) + usize::from(second.is_own), 1, "{first:?} {second:?}");
        let own = if first.is_own { actions[0] } else { actions[1] };
        for settled in [first, second] {
            let is_what_became_of_it = match own {
                Action::Skip => matches!(settled.answer, Answer::Skipped(_)),
                _ => matches!(settled.answer, Answer::Approved(_)),
            };
            assert!(is_what_became_of_it, "{settled:?}");
        }
        let later = stage.reconciler.settle(&link, &one, "trace").await;
        assert!(!later.is_own, "{later:?}");
    }
}

#[tokio::test]
async fn who_goes_back_past_what_never_ran_is_followed() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.cluster.rolls(Rollout::Waiting(crate::domain::rollout::Waits::ZeroReplicas));
    stage.has(&["1.0.0", "1.0.1", "1.0.2"]);
    stage.look().await;
    assert!(stage.runs("1.0.2"), "{}", stage.cluster.image());
    let version = Tag::parse("1.0.0").unwrap();
    stage.annotate(REQUEST, &stage.request(Wish::Rollback { version, digest: digest_of("1.0.0", 0) }));
    stage.set_image(OLD);
    stage.look().await;
    assert_eq!(stage.by().first(), one("1.0.0", "rolling-out").first());
    let held = stage.cluster.annotation("held").unwrap_or_default();
    assert!(held.starts_with("1.0.2: set back to 1.0.0, by command alice, since "), "{held}");
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
