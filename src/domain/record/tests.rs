mod ends;
mod kept;
mod ledger;
mod votes;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::ledger::MOST_PAST;
use super::question::REMINDED_AFTER;
use super::sealed::{NotOurs, Opened, TooMuch, claimed, claimed_approvals, claimed_sequence, open, seal};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, KeyId, LIFETIME, LinkKey, LinkKeys};
use crate::domain::declared::Kinds;
use crate::domain::event::WayBack;
use crate::domain::gone::{Gone, Lost};
use crate::domain::grounds::Grounds;
use crate::domain::kept::MOST_OF_A_RECORD;
use crate::domain::policy::Mode;
use crate::domain::reference::ImageReference;
use crate::domain::rollout::Progress;
use crate::domain::settings::Fingerprint;
use crate::domain::tag::Level;
use crate::domain::workload::tests::workload;
use crate::domain::workload::{Kind, WorkloadId};

/// An hour after the epoch of these tests, and so many hours later.
fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(hours)
}

/// The `n`th question about a container: from 1.0.0 to 1.0.n.
pub(crate) fn question(n: u8) -> Question {
    let made = at(0) + TimeDelta::seconds(n.into());
    let terms = Terms {
        id: ApprovalId::mint(made, [n; 10]),
        key: KeyId::of("k1".into()),
        expires: made + LIFETIME,
        nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
        from: "registry.example.com/shop/web:1.0.0".into(),
        from_digest: None,
        tag: Tag::parse(&format!("1.0.{n}")).unwrap(),
        digest: Digest::of(&[n]),
        allows: Allows::Update,
        group: None,
    };
    Question { why: Grounds::in_words("newest".into()), ..Question::new(terms, Level::Patch, made) }
}

pub(crate) fn update(n: u8, question: Option<&Question>) -> Update {
    Update {
        tag: Tag::parse(&format!("1.0.{n}")).unwrap(),
        digest: Digest::of(&[n]),
        from: "registry.example.com/shop/web:1.0.0".into(),
        from_digest: None,
        level: Level::Patch,
        at: at(0),
        by: "policy".into(),
        outcome: Outcome::RollingOut,
        ended: None,
        failure: None,
        left: None,
        question: question.map(|question| question.terms.clone()),
        with: Vec::new(),
        told_by: None,
        declares: Kinds::default(),
        standstill: Standstill::default(),
        stalled_before: None,
        template_before: None,
        template: None,
        undoes: None,
        told_elsewhere: false,
        group: None,
        ran_well: None,
        stood: false,
        failed_before: None,
    }
}

fn gone() -> Gone {
    Gone { tag: Tag::parse("1.0.0").unwrap(), digest: None, lost: Lost::Unknown, good: None }
}

fn running(image: &str) -> Running {
    Running::of(&ImageReference::parse(image).unwrap()).unwrap()
}

fn key(byte: u8) -> LinkKey {
    LinkKey::new(vec![byte; 32]).unwrap()
}

fn id(name: &str, uid: &str) -> WorkloadId {
    WorkloadId { namespace: "shop".into(), kind: Kind::Deployment, name: name.into(), uid: uid.into() }
}

fn asked() -> Record {
    let mut record = Record { sequence: 7, ..Record::default() };
    record.on("web", Event::Runs(running("registry.example.com/shop/web:1.0.0")), at(0));
    record.on("web", Event::Ask(Box::new(question(1))), at(0));
    record
}

/// Whether people can answer, and until when they put it off.
fn asks(record: &Record, hours: i64) -> (bool, Option<DateTime<Utc>>) {
    let (ledger, Question { terms, .. }) = (record.ledger("web").unwrap(), question(1));
    let put_off = ledger.snoozed(&terms.tag, &terms.digest, at(hours));
    (ledger.open(at(hours)).is_some(), put_off)
}

#[test]
fn a_question_is_open_until_its_time_is_over_or_it_was_answered() {
    let mut record = asked();
    assert_eq!((asks(&record, 1), asks(&record, 73)), ((true, None), (false, None)));
    record.on("web", Event::Snooze { until: at(30) }, at(1));
    assert_eq!(asks(&record, 2), (true, Some(at(30))), "it can be answered all the time");
    assert_eq!(asks(&record, 31), (true, None));
    let said = record.on("web", Event::Skip { by: "link email".into() }, at(2));
    assert!(matches!(said, Some(Consequence::Skipped(..))));
    assert_eq!(record.on("web", Event::Skip { by: "link email".into() }, at(2)), None, "once");
    assert_eq!(asks(&record, 3), (false, None));
    assert!(matches!(record.find(&question(1).terms.id), Some(("web", Known::Answered(_)))));
    assert_eq!(record.history.entries().len(), 1);
}

#[test]
fn a_question_that_was_closed_may_be_asked_again_and_one_that_was_answered_may_not() {
    let mut record = asked();
    let first = question(1);
    let before = |record: &Record, hours| {
        let Terms { from, tag, digest, .. } = &first.terms;
        record.ledger("web").unwrap().asked_before(from, tag, digest, at(hours)).cloned()
    };
    assert_eq!(before(&record, 1), None, "it is open");
    record.on("web", Event::NothingToAsk, at(1));
    let again = before(&record, 2).unwrap();
    assert_eq!(before(&record, 80), None, "its time is over");
    record.on("web", Event::Ask(Box::new(Question { stands: Stands::Open, ..again })), at(2));
    assert!(matches!(record.find(&first.terms.id), Some((_, Known::Newest(open))) if open.is_open(at(2))));
    record.on("web", Event::Skip { by: "link email".into() }, at(3));
    assert_eq!(before(&record, 4), None);
}

#[test]
fn an_answer_after_its_time_is_none() {
    let mut record = asked();
    assert_eq!(record.on("web", Event::Skip { by: "link email".into() }, at(73)), None);
    record.on("web", Event::Snooze { until: at(200) }, at(73));
    assert!(record.ledger("web").unwrap().open(at(73)).is_none());
}

#[test]
fn expiry_is_capped_by_the_time_in_the_name() {
    let mut question = question(1);
    question.terms.expires = at(24 * 365 * 100);
    assert!(question.terms.expires() <= at(73));
    assert!(!question.is_open(at(73)));
}

#[test]
fn what_is_named_later_than_now_is_not_open() {
    let record = asked();
    let ledger = record.ledger("web").unwrap();
    assert!(ledger.open(at(0) - TimeDelta::seconds(30)).is_some(), "clocks are not the same");
    assert!(ledger.open(at(-1)).is_none());
}

#[test]
fn a_question_that_another_took_the_place_of_says_so_while_its_link_lasts() {
    let mut record = asked();
    for n in 2..=30 {
        record.on("web", Event::Ask(Box::new(question(n))), at(0));
    }
    assert!(matches!(record.find(&question(29).terms.id), Some((_, Known::Replaced(_)))));
    assert_eq!(record.find(&question(1).terms.id), None, "so many are remembered");
    record.on("web", Event::Ask(Box::new(question(31))), at(80));
    assert_eq!(record.find(&question(29).terms.id), None, "its time is over");
}

#[test]
fn an_approved_update_uses_its_question_up_and_is_followed_to_its_end() {
    let mut record = asked();
    let written = record.on("web", Event::Write(Box::new(update(1, Some(&question(1))))), at(1));
    assert!(matches!(written, Some(Consequence::Written(_))));
    let followed = |record: &Record| record.ledger("web").unwrap().followed().map(|update| update.outcome);
    assert_eq!(followed(&record), Some(Outcome::RollingOut));
    assert!(matches!(record.find(&question(1).terms.id), Some((_, Known::Answered(_)))));
    record.on("web", Event::End(Outcome::Failed, None), at(2));
    assert_eq!(followed(&record), Some(Outcome::Failed));
    assert_eq!(record.on("web", Event::End(Outcome::Replaced, None), at(3)), None, "a failed one only turns healthy");
    record.on("web", Event::End(Outcome::Healthy, None), at(3));
    assert_eq!(followed(&record), None);
    assert_eq!(record.history.entries()[0].outcome, Outcome::Healthy);
}

#[test]
fn what_somebody_set_back_is_held_until_it_is_outgrown_or_released() {
    let mut record = asked();
    record.on("web", Event::Write(Box::new(update(1, None))), at(1));
    let back = |question| Event::SetBack {
        to: running("registry.example.com/shop/web:1.0.0"),
        by: vec!["kubectl-edit".into()],
        owned: true,
        question,
    };
    let said = record.on("web", back(None), at(2));
    assert!(matches!(said, Some(Consequence::SetBack(_))));
    let ledger = record.ledger("web").unwrap();
    assert!(ledger.held.is_some() && ledger.open(at(2)).is_none());
    assert!(ledger.holds(&update(1, None).tag, &Digest::of(b"another manifest")).is_some());
    assert!(ledger.holds(&update(0, None).tag, &Digest::of(&[0])).is_some(), "nor is what is older");
    assert!(ledger.holds(&update(2, None).tag, &Digest::of(&[2])).is_none(), "a newer one goes on");
    assert_eq!(record.history.entries()[0].outcome, Outcome::Replaced, "it never ended");
    assert_eq!(record.asks_only("web"), None);
    record.on("web", Event::Write(Box::new(update(2, None))), at(3));
    assert!(record.ledger("web").unwrap().held.is_none());
    record.on(
        "web",
        back(Some(Box::new(Question { terms: Terms { allows: Allows::Held, ..question(9).terms }, ..question(9) }))),
        at(4),
    );
    assert_eq!(record.asks_only("web"), Some(AsksOnly::SetBackTwice), "by the tool that owns it");
    record.on("web", Event::NothingToAsk, at(4));
    assert!(record.ledger("web").unwrap().open(at(4)).is_some(), "what is held is asked about for as long as it is");
    let said = record.on("web", Event::Resume { by: "link email".into() }, at(5));
    assert!(matches!(said, Some(Consequence::Resumed(..))));
    let newest = &record.history.entries()[0];
    assert_eq!((newest.outcome, &*newest.by), (Outcome::Resumed, "link email"), "it is in the history");
    assert_eq!(record.on("web", Event::Resume { by: "link email".into() }, at(5)), None, "once");
    let ledger = record.ledger("web").unwrap();
    assert!(ledger.held.is_none() && record.asks_only("web").is_none() && ledger.open(at(5)).is_none());
}

#[test]
fn what_was_set_back_on_the_way_is_held_whatever_its_name_says() {
    let image = |tag: &str| running(&format!("registry.example.com/shop/web:{tag}"));
    let back = |to: &str| Event::SetBack { to: image(to), by: Vec::new(), owned: false, question: None };
    let mut record = Record::default();
    record.on("web", Event::Runs(image("fir")), at(0));
    for (n, to) in ["ash", "elm", "oak"].into_iter().enumerate() {
        record.on("web", back(to), at(i64::try_from(n).unwrap()));
    }
    let holds = |record: &Record, tag: &str| {
        record.known("web").holds(&Tag::parse(tag).unwrap(), &Digest::of(tag.as_bytes())).is_some()
    };
    let all = ["fir", "ash", "elm", "oak", "yew"];
    assert_eq!(all.map(|tag| holds(&record, tag)), [true, true, true, false, false]);
    record.on("web", Event::Runs(image("ash")), at(4));
    assert_eq!(all.map(|tag| holds(&record, tag)), [true, false, true, false, false], "somebody wants that one");
    let (text, history) = seal(&record, &id("web", "uid-1"), &key(1)).unwrap();
    let opened = super::sealed::open(Some(&text), history.as_deref(), &id("web", "uid-1"), &key(1).into());
    assert_eq!(opened, Opened::Ours(Box::new(record)));
}

#[test]
fn settings_that_went_back_are_nobodys_word_until_one_is_edited() {
    let mut record = Record::default();
    let asks_only = |record: &Record| record.asks_only("web");
    let [narrow, wide, other] = [1, 2, 3].map(Fingerprint::stored);
    let why = AsksOnly::SettingsWentBack(WentBack::Replaced);
    record.on("web", Event::Settings(Mode::AutoUpdate, narrow), at(0));
    let in_doubt = InDoubt { settings: wide, why: WentBack::Replaced };
    record.on("web", Event::SettingsWentBack(Some(Mode::AutoUpdate), in_doubt), at(1));
    assert_eq!(asks_only(&record), Some(why));
    record.on("web", Event::Settings(Mode::AutoUpdate, wide), at(2));
    assert_eq!(asks_only(&record), Some(why), "they say what they said");
    record.on("web", Event::Settings(Mode::Notification, other), at(3));
    record.on("web", Event::Settings(Mode::AutoUpdate, wide), at(4));
    assert_eq!(asks_only(&record), None, "somebody set them");
}

#[test]
fn a_record_is_read_back_and_only_for_its_object() {
    let (first, second) = (key(1), key(2));
    let mut record = asked();
    record.on("web", Event::Skip { by: "link email".into() }, at(1));
    let (text, history) = seal(&record, &id("web", "uid-1"), &first).unwrap();
    let opened =
        |text: &str, history: Option<&str>, id: &WorkloadId, keys: &LinkKeys| open(Some(text), history, id, keys);
    let keys = LinkKeys::from(first.clone());
    let here = id("web", "uid-1");
    assert_eq!(opened(&text, history.as_deref(), &here, &keys), Opened::Ours(Box::new(record.clone())));
    let rotated = LinkKeys::new(second.clone(), vec![first.clone()]);
    assert!(
        matches!(opened(&text, history.as_deref(), &here, &rotated), Opened::Ours(_)),
        "a rotated key still verifies"
    );
    let other_key = LinkKeys::from(second);
    assert_eq!(opened(&text, history.as_deref(), &here, &other_key), Opened::NotOurs(NotOurs::OtherKey));
    assert!(matches!(opened(&text, history.as_deref(), &id("web", "uid-2"), &keys), Opened::OfAnother(_)));
    let elsewhere = WorkloadId { namespace: "blog".into(), ..here.clone() };
    assert_eq!(opened(&text, history.as_deref(), &elsewhere, &keys), Opened::NotOurs(NotOurs::WrongSignature));
    assert_eq!(opened(&text, history.as_deref(), &id("log", "uid-1"), &keys), Opened::NotOurs(NotOurs::WrongSignature));
    let forged = text.replace("\"seq\":7", "\"seq\":8");
    assert_eq!(opened(&forged, history.as_deref(), &here, &keys), Opened::NotOurs(NotOurs::WrongSignature));
    assert!(matches!(opened(&text, Some("[]"), &here, &keys), Opened::WithoutHistory(_)));
    assert!(matches!(opened(&text, None, &here, &keys), Opened::WithoutHistory(_)));
    assert_eq!(open(None, history.as_deref(), &here, &keys), Opened::Nothing);
    let cut = &text[..text.len() / 2];
    assert!(matches!(opened(cut, None, &here, &keys), Opened::NotOurs(_)));
    for rubbish in ["", "v1", "v1.k", "v1.k.m", "{}", &"x".repeat(256 * 1024)] {
        assert_eq!(opened(rubbish, None, &here, &keys), Opened::NotOurs(NotOurs::Unreadable), "{rubbish:.20}");
    }
    assert_eq!(claimed(Some(&text), history.as_deref()), Some(record));
    assert_eq!(claimed_sequence(Some(&text)), Some(7));
    assert_eq!(claimed_approvals(Some(&text), 10), [question(1).terms.id]);
}

#[test]
fn a_record_stays_small() {
    let mut record = Record::default();
    for container in 0..10 {
        let name = format!("container-{container}");
        record.on(&name, Event::Runs(running("registry.example.com/shop/web:1.0.0")), at(0));
        for n in 0..=20 {
            record.on(&name, Event::Ask(Box::new(question(n))), at(0));
        }
    }
    let (text, _) = seal(&record, &id("web", "uid-1"), &key(1)).unwrap();
    assert!(text.len() <= MOST_OF_A_RECORD, "{}", text.len());
    let back = claimed(Some(&text), None).unwrap();
    assert_eq!(back.ledgers().filter(|(_, ledger)| ledger.question.is_some()).count(), 10, "what is open stays");
    assert!(matches!(open(Some(&text), None, &id("web", "uid-1"), &key(1).into()), Opened::Ours(_)));
}

/// The most containers that are watched, as an early morning finds them: each runs a version of its own.
fn of_many(containers: u8, update: impl Fn(u8) -> Vec<Event>) -> Record {
    let mut record = Record { sequence: 7, ..Record::default() };
    for n in 0..containers {
        let name = format!("container-{n}");
        let image = format!("registry.example.com/shop/team-{n}/web:1.0.{n}@{}", Digest::of(&[n, 1]));
        record.on(&name, Event::Runs(running(&image)), at(0));
        for event in update(n) {
            record.on(&name, event, at(0));
        }
    }
    record
}

/// A question that nothing else is like.
fn own_question(container: u8, n: u8) -> Question {
    let question = question(n);
    let terms = Terms {
        id: ApprovalId::mint(at(0), [n, container, 7, 99, container, n, 3, n, 200, container]),
        nonce: Digest::of(&[n, container, 3]).as_str()[40..62].to_owned(),
        from: format!("registry.example.com/shop/team-{container}/web:1.0.{container}@{}", Digest::of(&[container, 1])),
        from_digest: Some(Digest::of(&[container, 1])),
        digest: Digest::of(&[n, container, 2]),
        ..question.terms
    };
    let why = Grounds::Highest {
        strategy: crate::domain::policy::Strategy::All,
        level: Level::Minor,
        steps: None,
        missing: Vec::new(),
        withheld: Vec::new(),
        unfit: Vec::new(),
        skipped: Vec::new(),
    };
    Question { terms, why: Some(why), ..question }
}

#[test]
fn what_fifty_containers_are_asked_and_do_is_remembered() {
    let settings = Event::Settings(Mode::Notification, Fingerprint::stored(u64::MAX));
    let asked = |n| vec![Event::Ask(Box::new(own_question(n, 1))), Event::Told, settings.clone()];
    let written = |n| {
        let question = own_question(n, 1);
        let from = question.terms.from.clone();
        let update = Update { from, digest: question.terms.digest.clone(), ..update(1, Some(&question)) };
        vec![Event::Ask(Box::new(question)), Event::Write(Box::new(update))]
    };
    let many = |n| (0..=20).map(|it| Event::Ask(Box::new(own_question(n, it)))).collect();
    let back = |n| {
        let to = running(&format!("registry.example.com/shop/team-{n}/web:1.0.0"));
        let question = Some(Box::new(own_question(n, 2)));
        vec![Event::SetBack { to, by: vec!["kubectl-rollout".into()], owned: true, question }]
    };
    let cases: [&dyn Fn(u8) -> Vec<Event>; 4] = [&asked, &written, &many, &back];
    for (number, events) in cases.into_iter().enumerate() {
        let record = of_many(50, events);
        let (text, history) = seal(&record, &id("web", "uid-1"), &key(1)).unwrap();
        let Opened::Ours(read) = open(Some(&text), history.as_deref(), &id("web", "uid-1"), &key(1).into()) else {
            panic!("{number}")
        };
        assert_eq!(read.sequence, 7);
        for (name, ledger) in record.ledgers() {
            let kept = read.ledger(name).unwrap();
            assert_eq!((&kept.runs, kept.open(at(1)), &kept.held), (&ledger.runs, ledger.open(at(1)), &ledger.held));
            assert_eq!((kept.followed(), read.asks_only(name)), (ledger.followed(), record.asks_only(name)));
            assert!(!kept.answered.is_empty() || ledger.answered.is_empty(), "{name}: its link was used");
        }
        let edited = text.replacen("team", "taem", 1);
        let opened = open(Some(&edited), history.as_deref(), &id("web", "uid-1"), &key(1).into());
        assert_eq!(opened, Opened::NotOurs(NotOurs::WrongSignature));
        assert_eq!(claimed_sequence(Some(&text)), Some(7));
        assert!(
            claimed_approvals(Some(&text), 500).len() >= claimed(Some(&text), None).unwrap().ledgers().count().min(1)
        );
    }
}

#[test]
fn what_does_not_fit_is_not_sealed() {
    let long = |n| {
        vec![
            Event::Baseline(Digest::of(&[n])),
            Event::Refuse(Refused {
                tag: Tag::parse(&format!("1.0.{}", Digest::of(&[n]).as_str().replace(':', "-"))).unwrap(),
                digest: Digest::of(&[n, 3]),
                again: at(1),
                said: String::new(),
                flaw: None,
                told: None,
            }),
        ]
    };
    assert_eq!(seal(&of_many(250, long), &id("web", "uid-1"), &key(1)), Err(TooMuch));
}

/// As the first release wrote them.
#[test]
fn what_the_first_release_left_is_read_once() {
    let digest = Digest::of(b"new").to_string();
    let terms = question(1).terms;
    let approval =
        serde_json::json!({"id": terms.id.as_str(), "key": "k1", "expires": terms.expires.timestamp(), "nonce": "n"});
    let replaced = question(3).terms;
    let older = serde_json::json!({"approval": {"id": replaced.id.as_str(), "key": "k1",
        "expires": replaced.expires.timestamp(), "nonce": "n"}, "uid": "uid-1", "tag": "1.0.2", "digest": digest,
        "from": "web:1.0.0"});
    let proposal = serde_json::json!({
        "approval": approval, "uid": "uid-1", "tag": "1.0.1", "digest": digest, "from": "web:1.0.0", "level": "patch",
        "asked": "2026-11-24T10:00:00Z", "told": true, "superseded": [older],
    });
    let decided = question(2).terms;
    let history = serde_json::json!([{
        "container": "web", "version": "1.0.0", "previous": "0.9.0", "digest": digest, "previousImage": "web:0.9.0",
        "time": "2026-11-23T10:00:00Z", "by": "link email:o…@example.com", "outcome": "healthy", "level": "minor",
        "approval": {"id": decided.id.as_str(), "key": "k1", "expires": decided.expires.timestamp(), "nonce": "n"},
    }]);
    let token = format!("v1:k1:{}:{}", terms.id, terms.expires.timestamp());
    let known = r#"{"1.0.1":"2026-11-22T10:00:00Z"}"#;
    let (proposal, history) = (proposal.to_string(), history.to_string());
    let annotations =
        [("proposal", proposal.as_str()), ("history", &history), ("token-update", &token), ("known-since", known)];
    let record = of_the_first_release(&workload(&[("web", "web:1.0.0")], &annotations));
    let ledger = record.ledger("web").unwrap();
    assert_eq!(ledger.open(at(1)), None, "nothing is open, whatever stands there");
    assert_eq!(
        ledger.asked_before("web:1.0.0", &terms.tag, &Digest::of(b"new"), at(1)),
        None,
        "nor is it opened again"
    );
    let Some(("web", Known::Newest(over))) = record.find(&terms.id) else { panic!("its link says that it is over") };
    assert_eq!((&over.stands, &over.why, over.level), (&Stands::Closed(Closed::Unknown), &None, Level::Digest));
    let Some(("web", Known::Answered(used))) = record.find(&decided.id) else { panic!("it was used") };
    assert_eq!(used.by.to_string(), "unsigned: link email:o…@example.com");
    assert!(
        matches!(record.find(&replaced.id), Some(("web", Known::Replaced(_)))),
        "its link says what took its place"
    );
    assert_eq!((ledger.update.as_ref(), ledger.runs.as_ref(), ledger.known_since.is_empty()), (None, None, true));
    assert_eq!(record.history.entries().len(), 1);
    assert_eq!(record.made_by(at(0) - TimeDelta::hours(1)).approvals().count(), 0, "none of them can have been made");
    let mut other = workload(&[("web", "web:1.0.0")], &annotations[..1]);
    other.id.uid = "uid-2".into();
    assert!(of_the_first_release(&other).is_empty(), "a question about another object is none about this one");
}

/// One that was answered is not the newest question too, whose answer people may not have been told of.
#[test]
fn a_forged_answer_of_the_first_release_is_not_told() {
    let digest = Digest::of(b"new").to_string();
    let terms = question(1).terms;
    let approval =
        serde_json::json!({"id": terms.id.as_str(), "key": "k1", "expires": terms.expires.timestamp(), "nonce": "n"});
    let proposal = serde_json::json!({"approval": approval, "uid": "uid-1", "tag": "1.0.1", "digest": digest,
        "from": "web:1.0.0"});
    let history = serde_json::json!([{
        "container": "web", "version": "1.0.1", "previous": "1.0.0", "digest": digest, "previousImage": "web:1.0.0",
        "time": "2026-11-23T10:00:00Z", "by": "link email:c…@bank.example", "outcome": "skipped", "level": "minor",
        "approval": approval,
    }]);
    let annotations = [("proposal", proposal.to_string()), ("history", history.to_string())];
    let annotations = annotations.each_ref().map(|(name, value)| (*name, value.as_str()));
    let record = of_the_first_release(&workload(&[("web", "web:1.0.0")], &annotations));
    assert!(matches!(record.find(&terms.id), Some((_, Known::Answered(_)))));
    assert_eq!(record.ledger("web").unwrap().question, None);
}

/// It stood beside a record, and was copied to an object that has none.
#[test]
fn a_copied_history_is_a_story_and_no_update() {
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    let history = record.history.write();
    let copy = of_the_first_release(&workload(&[("web", "web:1.0.1")], &[("history", &history)]));
    let [entry] = copy.history.entries() else { panic!("one entry") };
    assert_eq!((entry.by.as_str(), entry.outcome), ("unsigned: policy", Outcome::Replaced));
    assert_eq!(copy.ledger("web"), None, "nothing is under way");
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    let n = 0_u8..6;
    prop_oneof![
        n.clone().prop_map(|n| Event::Runs(running(&format!("registry.example.com/shop/web:1.0.{n}")))),
        n.clone().prop_map(|n| Event::Ask(Box::new(question(n)))),
        n.clone().prop_map(|n| Event::Write(Box::new(update(n, Some(&question(n)))))),
        n.clone().prop_map(|n| Event::Write(Box::new(update(n, None)))),
        n.prop_map(|n| Event::SetBack {
            to: running(&format!("registry.example.com/shop/web:1.0.{n}")),
            by: Vec::new(),
            owned: n % 2 == 0,
            question: None,
        }),
        Just(Event::NothingToAsk),
        Just(Event::Withdrawn),
        Just(Event::Gone(gone())),
        Just(Event::Present),
        Just(Event::Told),
        Just(Event::Outgrown),
        Just(Event::Lost),
        (0_u8..6).prop_map(|n| {
            let person = crate::domain::actor::Person::Command(Some(format!("person{n}")));
            let vote = crate::domain::votes::Vote::of(&person, person.actor(), &key(1), &question(n).terms.id, at(0));
            Event::Vote(Box::new(vote.unwrap()))
        }),
        Just(Event::Skip { by: "link".into() }),
        Just(Event::Resume { by: "link".into() }),
        (1_i64..200).prop_map(|hours| Event::Snooze { until: at(hours) }),
        prop_oneof![Just(Outcome::Healthy), Just(Outcome::Failed), Just(Outcome::Replaced)]
            .prop_map(|outcome| Event::End(outcome, None)),
    ]
}

proptest! {
    /// Whatever happens in whatever order: what was answered stays answered for as long as its link lasts.
    #[test]
    fn a_used_link_is_never_open_again(events in prop::collection::vec((event(), 0_i64..60), 1..40)) {
        let mut record = Record::default();
        let mut used = std::collections::BTreeSet::new();
        for (event, hours) in events {
            // Each question has a name of its own: one that was used up is never asked again.
            if matches!(&event, Event::Ask(question) if used.contains(&question.terms.id)) {
                continue;
            }
            record.on("web", event, at(hours));
            let Some(ledger) = record.ledger("web") else { continue };
            used.extend(ledger.answered.iter().map(|answered| answered.terms.id.clone()));
            let open = ledger.open(at(hours)).map(|question| &question.terms.id);
            prop_assert!(open.is_none_or(|open| !used.contains(open)), "{open:?}");
            let (text, history) = seal(&record, &id("web", "uid-1"), &key(1)).unwrap();
            prop_assert!(text.len() <= MOST_OF_A_RECORD);
            let opened = super::sealed::open(Some(&text), history.as_deref(), &id("web", "uid-1"), &key(1).into());
            prop_assert_eq!(opened, Opened::Ours(Box::new(record.clone())));
        }
    }

    #[test]
    fn no_text_is_a_record_by_chance(text in "\\PC{0,200}|v1\\.[0-9a-f]{8}\\.[A-Za-z0-9_-]{43}\\.\\{\\}") {
        let opened = super::sealed::open(Some(&text), None, &id("web", "uid-1"), &key(1).into());
        prop_assert!(matches!(opened, Opened::NotOurs(_)));
    }
}

/// Records of earlier releases say neither why an update was left nor when the pod template was written.
#[test]
fn an_update_of_an_earlier_release_is_read_and_edited_since_it_was_written() {
    let mut json = serde_json::to_value(update(1, None)).unwrap();
    let has = |json: &serde_json::Value, name: &str| json.get(name).is_some();
    assert!(!has(&json, "left") && !has(&json, "templateBefore"), "{json}");
    json["outcome"] = "failed".into();
    let read: Update = serde_json::from_value(json).unwrap();
    assert_eq!((read.left, read.template_before), (None, None));
    let on = |written| Workload { template_by_others: written, ..workload(&[("web", "web:1.0.1")], &[]) };
    let is_edited = |update: &Update, written| Record::default().is_edited_since(update, &on(written));
    assert!(!is_edited(&read, None) && !is_edited(&read, Some(at(0))));
    assert!(is_edited(&read, Some(at(1))));
    let known = Update { template_before: Some(at(5)), ..read };
    assert!(!is_edited(&known, Some(at(5))), "it was so before");
    assert!(is_edited(&known, Some(at(6))));
    let template = on(None).template_hash(&[]);
    let wrote = |template| Update { template: Some(template), ..known.clone() };
    assert!(!is_edited(&wrote(template), Some(at(6))), "it says what this wrote");
    assert!(is_edited(&wrote(template ^ 1), Some(at(6))));
    assert!(!is_edited(&wrote(template ^ 1), Some(at(5))), "a webhook may have filled in what nobody said");
}

/// Two containers, each with an update of ours, and what is written of the template beside.
#[test]
fn what_we_write_ourselves_is_no_edit_of_the_pod_template() {
    let image = |n: u8| format!("a.example/web:{}@{}", update(n, None).tag, update(n, None).digest);
    let pod = |web: &str, log: &str| workload(&[("web", web), ("log", log), ("proxy", "b.example/proxy:2")], &[]);
    let writes = |record: &mut Record, on: &Workload, container: &str, n: u8| {
        let before = record.clone();
        let new = Update { template_before: Some(at(0)), ..update(n, None) };
        record.on(container, Event::Write(Box::new(new)), at(1));
        record.wrote_template(on, &[(container, &image(n))], &before);
    };
    let is_edited = |record: &Record, on: Workload| {
        let on = Workload { template_by_others: Some(at(9)), ..on };
        record.is_edited_since(record.known("web").update.as_ref().unwrap(), &on)
    };
    let (old, mut record) = ("a.example/web:1.0.0", Record::default());
    writes(&mut record, &pod(old, old), "web", 1);
    assert!(!is_edited(&record, pod(&image(1), old)));
    assert!(is_edited(&record, pod(&image(1), "a.example/web:1.0.7")), "another hand wrote that");
    let mirrored = image(1).replace("a.example", "mirror.example");
    assert!(!is_edited(&record, pod(&mirrored, old)), "admission has it pulled from elsewhere");
    for n in [2, 3] {
        let before = if n == 2 { old.to_owned() } else { image(2) };
        writes(&mut record, &pod(&mirrored, &before), "log", n);
        assert!(!is_edited(&record, pod(&mirrored, &image(n))), "we wrote {n} beside it");
    }
    assert!(is_edited(&record, Workload { rest_of_template: 7, ..pod(&mirrored, &image(3)) }));
    // What was edited before we wrote beside it stays so.
    let mut record = Record::default();
    writes(&mut record, &pod(old, old), "web", 1);
    let edited = |log: &str| Workload { rest_of_template: 7, ..pod(&image(1), log) };
    writes(&mut record, &edited(old), "log", 2);
    assert!(is_edited(&record, edited(&image(2))));
}

#[test]
fn that_an_update_stands_still_is_known_since_the_first_time() {
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    let stalled = |record: &Record| record.known("web").update.as_ref().and_then(|update| update.standstill.told);
    assert_eq!(stalled(&record), None);
    record.on("web", Event::Stalled, at(1));
    record.on("web", Event::Stalled, at(2));
    assert_eq!(stalled(&record), Some(at(1)));
    record.on("web", Event::Write(Box::new(update(2, None))), at(3));
    assert_eq!(stalled(&record), None, "another has its own");
    record.on("web", Event::End(Outcome::Failed, None), at(4));
    record.on("web", Event::Stalled, at(5));
    assert_eq!(stalled(&record), None, "it has ended");
}

/// As the first records that said so have it.
#[test]
fn that_an_update_stands_still_is_read_of_records_of_earlier_releases() {
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    let (why, reached) = (Failure::new("FailedCreate", "exceeded quota"), Progress::default().reached());
    record.on("web", Event::StandsStill(Box::new(why), Some(reached)), at(1));
    record.on("web", Event::Stalled, at(1));
    let known = record.known("web").update.clone().unwrap();
    let mut json = serde_json::to_value(&known).unwrap();
    assert_eq!(json["stalled"], at(1).timestamp());
    assert_eq!(json["standsStill"]["reason"], "FailedCreate");
    assert_eq!(serde_json::from_value::<Update>(json.clone()).unwrap(), known);
    let told = json.as_object_mut().unwrap();
    told.retain(|name, _| !["stalled", "standsStill", "standsAt"].contains(&name.as_str()));
    let moves: Update = serde_json::from_value(json).unwrap();
    assert_eq!(moves.standstill, Standstill::default());
}

#[test]
fn why_an_update_is_left_is_kept_until_it_comes_up_after_all() {
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    record.on("web", Event::Left(WayBack::Gone), at(1));
    let left = |record: &Record| record.known("web").update.as_ref().and_then(|update| update.left);
    assert_eq!(left(&record), None, "it has not failed");
    record.on("web", Event::End(Outcome::Failed, None), at(1));
    record.on("web", Event::Left(WayBack::Gone), at(1));
    assert_eq!(left(&record), Some(WayBack::Gone));
    record.on("web", Event::End(Outcome::Healthy, None), at(2));
    assert_eq!(left(&record), None);
}
