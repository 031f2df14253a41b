//! What a record keeps, forgets and says.

use super::*;
use crate::domain::event::Failure;
use crate::domain::preflight::{Flaw, Preflight};
use crate::domain::rollout::obstacle::{InTheWay, ObstacleKind};

const OF: &str = "registry.example.com/shop/web";

fn ledger(record: &Record) -> &Ledger {
    record.ledger("web").unwrap()
}

fn undoing(n: u8, failure: Option<Failure>) -> Update {
    let Update { tag, digest, .. } = update(9, None);
    Update {
        undoes: Some(Box::new(Undone { tag, digest, failure, removed: Vec::new(), before: None, at_once: false })),
        ..update(n, None)
    }
}

#[test]
fn a_write_answers_its_own_question_and_no_other() {
    let after = |update: Update| {
        let mut record = asked();
        record.on("web", Event::Write(Box::new(update)), at(1));
        let answered = ledger(&record).answered.first().map(|it| (it.answer, it.by.clone(), it.at));
        (answered, ledger(&record).question.as_ref().unwrap().stands.clone())
    };
    let by_policy = |answer| Some((answer, Actor::Policy, at(1)));
    let closed = Stands::Closed(Closed::Answered);
    assert_eq!(after(update(1, Some(&question(1)))), (by_policy(Answer::Approved), closed.clone()));
    let back = Update { question: Some(question(1).terms), ..undoing(1, None) };
    assert_eq!(after(back), (by_policy(Answer::WentBack), closed));
    let unasked = (None, Stands::Closed(Closed::NothingToAsk));
    assert_eq!(after(update(1, Some(&question(2)))), unasked);
    assert_eq!(after(update(1, None)), unasked);
}

#[test]
fn a_write_forgets_what_was_said_before_it() {
    let refused = |n: u8, hours| {
        let Update { tag, digest, .. } = update(n, None);
        Box::new(Refused { tag, digest, again: at(hours), said: "no".into(), flaw: None, told: None })
    };
    let mut record = asked();
    record.on("web", Event::Because(Some("before".into())), at(0));
    record.on("web", Event::Refuse(*refused(1, 6)), at(0));
    record.on("web", Event::Refuse(*refused(2, 6)), at(0));
    let refuses = |record: &Record, n: u8, digest: u8, hours| {
        ledger(record).refuses(&update(n, None).tag, &Digest::of(&[digest]), at(hours)).is_some()
    };
    assert!(refuses(&record, 1, 1, 5) && !refuses(&record, 1, 2, 5) && !refuses(&record, 3, 2, 5));
    assert!(!refuses(&record, 1, 1, 6), "it may be tried again");
    assert!(!refuses(&record, 1, 1, -1), "nor is a clock waited for that was ahead");
    record.on("web", Event::Write(Box::new(update(1, None))), at(1));
    assert!(!refuses(&record, 1, 1, 2) && refuses(&record, 2, 2, 2));
    assert_eq!(ledger(&record).cause_before, None);
}

#[test]
fn answers_are_kept_while_their_links_last_and_so_many_of_them() {
    let mut record = asked();
    for n in 1..=30 {
        record.on("web", Event::Ask(Box::new(question(n))), at(0));
        record.on("web", Event::Skip { by: "link email".into() }, at(1));
    }
    assert_eq!(ledger(&record).answered.len(), MOST_PAST);
    let mut late = question(31);
    let over = question(30).terms.expires();
    (late.terms.id, late.terms.expires) = (ApprovalId::mint(over, [31; 10]), over + LIFETIME);
    record.on("web", Event::Ask(Box::new(late)), over);
    record.on("web", Event::Skip { by: "link email".into() }, over);
    assert_eq!(ledger(&record).answered.len(), 1, "the links of all others are over");
    record.on("web", Event::Snooze { until: over + LIFETIME }, over);
    assert_eq!(ledger(&record).question.as_ref().unwrap().stands, Stands::Closed(Closed::Answered), "it was answered");
}

#[test]
fn when_an_update_ended_is_known_where_it_came_to_an_end() {
    let after = |outcome| {
        let mut record = Record::default();
        record.on("web", Event::Write(Box::new(update(1, None))), at(1));
        record.on("web", Event::End(outcome, None), at(2));
        (ledger(&record).update.as_ref().unwrap().ended, ledger(&record).notified.as_ref().map(|it| it.at))
    };
    assert_eq!(after(Outcome::Healthy), (Some(at(2)), Some(at(2))));
    assert_eq!(after(Outcome::Failed), (Some(at(2)), Some(at(2))));
    assert_eq!(after(Outcome::Replaced), (None, None));
}

#[test]
fn what_was_deleted_on_the_way_back_is_remembered_each_once() {
    let pod =
        |n: usize| InTheWay { kind: ObstacleKind::Pod, name: format!("db-{n}").into(), is_ours: true, is_left: false };
    let removed = |record: &Record| ledger(record).update.as_ref().unwrap().undoes.as_ref().unwrap().removed.clone();
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(undoing(1, None))), at(1));
    for n in [1, 1, 2] {
        record.on("web", Event::Removed(pod(n)), at(1));
    }
    assert_eq!(removed(&record), [pod(1), pod(2)]);
    let mut ended = record.clone();
    ended.on("web", Event::End(Outcome::Healthy, None), at(2));
    ended.on("web", Event::Removed(pod(3)), at(3));
    assert_eq!(removed(&ended).len(), 2, "it went back already");
    for n in 0..20 {
        record.on("web", Event::Removed(pod(n)), at(1));
    }
    assert_eq!(removed(&record).len(), 8);
}

#[test]
fn letting_go_answers_the_question_about_what_is_held() {
    let after = |allows, now: i64| {
        let mut record = asked();
        record.on("web", Event::Write(Box::new(update(2, None))), at(0));
        let mut about = question(3);
        about.terms.allows = allows;
        let back = running(&format!("{OF}:1.0.0"));
        let set_back = Event::SetBack { to: back, by: Vec::new(), owned: false, question: Some(Box::new(about)) };
        record.on("web", set_back, at(0));
        record.on("web", Event::LetGo { by: "command alice".into() }, at(now));
        let newest = record.history.entries()[0].clone();
        assert_eq!((newest.outcome, newest.by.as_str()), (Outcome::Resumed, "command alice"));
        assert_eq!((newest.version.as_str(), newest.previous.as_str()), ("1.0.2", "1.0.0"));
        assert_eq!(newest.previous_image, format!("{OF}:1.0.0"));
        ledger(&record).answered.first().map(|it| (it.answer, it.terms.id.clone()))
    };
    assert_eq!(after(Allows::Held, 1), Some((Answer::Resumed, question(3).terms.id)));
    assert_eq!(after(Allows::Held, 100), None, "its time was over");
    assert_eq!(after(Allows::Update, 1), None, "that is another question");
}

#[test]
fn where_there_is_no_room_what_says_least_goes_first() {
    let mut record = asked();
    for n in 1..=3 {
        record.on("web", Event::Ask(Box::new(question(n))), at(0));
        record.on("web", Event::Skip { by: "link email".into() }, at(1));
    }
    for n in 4..=5 {
        record.on("web", Event::Ask(Box::new(question(n))), at(1));
    }
    let question = Question { preflight: Some(Box::new(Preflight::default())), ..question(6) };
    record.on("web", Event::Ask(Box::new(question)), at(1));
    record.on("web", Event::NothingToAsk, at(1));
    let failed = Failure::new("CrashLoopBackOff", "back-off");
    record.on("web", Event::Write(Box::new(update(7, None))), at(1));
    record.on("web", Event::End(Outcome::Failed, Some(failed)), at(1));
    let Update { tag, digest, .. } = update(8, None);
    record.on(
        "web",
        Event::Refuse(Refused { tag, digest, again: at(6), said: "no".into(), flaw: None, told: None }),
        at(1),
    );
    let ledger = record.ledgers.get_mut("web").unwrap();
    let sizes = |it: &Ledger| {
        let preflight = it.question.as_ref().is_some_and(|question| question.preflight.is_some());
        let said = it.update.as_ref().and_then(|it| it.failure.as_ref()).is_some_and(|it| !it.message.is_empty());
        let refused = it.refused.writes(at(2)).any(|it| !it.said.is_empty());
        (preflight, it.replaced.len(), it.answered.len(), it.question.is_some(), (said, refused))
    };
    let all = std::iter::from_fn(|| ledger.shrink().then(|| sizes(ledger)));
    let both = (true, true);
    let expected = [
        (false, 2, 3, true, both),
        (false, 1, 3, true, both),
        (false, 0, 3, true, both),
        (false, 0, 2, true, both),
        (false, 0, 1, true, both),
        (false, 0, 1, false, both),
        (false, 0, 1, false, (false, false)),
        (false, 0, 0, false, (false, false)),
    ];
    assert_eq!(all.collect::<Vec<_>>(), expected, "and that an update failed stays");
    assert!(ledger.update.is_some());
    let mut open = asked();
    let open = open.ledgers.get_mut("web").unwrap();
    assert!(!open.shrink() && open.question.is_some(), "what people can answer stays");
    let end = |outcome| {
        let mut ledger = Ledger { update: Some(Update { outcome, ..update(1, None) }), ..Ledger::default() };
        ledger.shrink()
    };
    assert_eq!(
        [Outcome::Healthy, Outcome::Replaced, Outcome::RollingOut, Outcome::Failed].map(end),
        [true, true, false, false]
    );
}

#[test]
fn what_is_as_it_was_is_not_written() {
    let set_back = |times: usize| {
        let mut record = asked();
        for _ in 0..times {
            record.on("web", Event::Write(Box::new(update(1, None))), at(1));
            let back = running(&format!("{OF}:1.0.0"));
            record.on("web", Event::SetBack { to: back, by: Vec::new(), owned: true, question: None }, at(2));
        }
        serde_json::to_value(ledger(&record)).unwrap().get("setBacks").cloned()
    };
    assert_eq!((set_back(0), set_back(1), set_back(3)), (None, Some(1.into()), Some(2.into())));
    let mut record = Record::default();
    assert!(record.is_empty());
    record.on("web", Event::Told, at(0));
    assert!(record.ledger("web").is_none() && record.is_empty(), "nothing is known of it still");
    assert!(!asked().is_empty());
    record.history.push(update(1, None).entry("web"));
    assert!(!record.is_empty());
    assert_eq!(asked().with_history(record.history.clone()).history, record.history);
    assert!(asked().with_history(record.history).ledger("web").is_some());
}

#[test]
fn only_containers_that_there_are_and_what_can_have_been_made_are_kept() {
    let mut record = asked();
    record.on("log", Event::Runs(running("log:1.0.0")), at(0));
    record.keep_only(&workload(&[("web", "web:1.0.0")], &[]), at(0));
    assert_eq!(record.ledgers().map(|(name, _)| name).collect::<Vec<_>>(), ["web"]);
    record.on("web", Event::Skip { by: "link email".into() }, at(1));
    record.on("web", Event::Ask(Box::new(question(2))), at(1));
    record.on("web", Event::Ask(Box::new(question(3))), at(1));
    let count = |now| record.clone().made_by(now).approvals().count();
    assert_eq!((count(at(1)), count(at(-1))), (3, 0));
    assert_eq!(record.clone().made_by(at(1)), record);
}

/// An object that was made again has the history of the one before, and nothing else of it.
#[test]
fn what_nobody_follows_is_not_under_way() {
    let web = workload(&[("web", "web:1.0.0")], &[]);
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    let outcome = |record: &Record| record.history.entries()[0].outcome;
    record.keep_only(&web, at(0));
    assert_eq!(outcome(&record), Outcome::RollingOut, "it is followed");
    let mut again = Record::of_history(record.history.clone());
    again.keep_only(&web, at(0));
    assert_eq!(outcome(&again), Outcome::Replaced);
    record.keep_only(&workload(&[("app", "app:1.0.0")], &[]), at(0));
    assert_eq!(outcome(&record), Outcome::Replaced, "the container is gone");
}

#[test]
fn under_another_name_it_is_known_how_updates_ended_and_which_mode_it_was() {
    let image = format!("{OF}:1.0.0");
    let mut record = Record::default();
    record.on("web", Event::Settings(Mode::AutoUpdate, Fingerprint::stored(1)), at(0));
    record.on("web", Event::Runs(running(&image)), at(0));
    record.on("web", Event::Write(Box::new(update(1, None))), at(0));
    record.on("web", Event::End(Outcome::Failed, None), at(1));
    record.on("web", Event::Runs(running(&image)), at(2));
    let ends = ledger(&record).ends.clone();
    assert!(!ends.is_empty());
    let renamed = workload(&[("app", &image)], &[]);
    record.keep_only(&renamed, at(0));
    assert!(record.ledger("web").is_none());
    let known = record.known("app");
    assert_eq!(known.ends, ends, "what the brake counts");
    let fleet = crate::domain::fleet::Fleet::of([(&renamed, record.standing(&renamed))]);
    assert!(fleet.failed_last().is_some_and(|(_, container)| *container == *"app"));
    assert!(known.knows_others(Mode::Notification, Fingerprint::stored(1)), "the first that is seen is another one");
}

/// Who opens a link of it is told what happened, for as long as the link is in its time.
#[test]
fn of_a_container_that_is_gone_its_links_are_known() {
    let renamed = workload(&[("app", &format!("{OF}:1.0.0"))], &[]);
    let mut record = asked();
    record.on("web", Event::Runs(running(&format!("{OF}:1.0.0"))), at(0));
    let id = question(1).terms.id;
    for _ in 0..2 {
        record.keep_only(&renamed, at(1));
        let (container, known) = record.find(&id).unwrap();
        assert!(matches!((container, &known), ("web", Known::Newest(asked)) if !asked.is_open(at(1))), "{known:?}");
    }
    assert_eq!(record.known("web").runs, None, "nothing else is");
    assert!(record.known("app").runs.is_some(), "it was renamed");
    let back = workload(&[("web", &format!("{OF}:1.0.0"))], &[]);
    let mut again = record.clone();
    again.keep_only(&back, at(1));
    assert!(again.find(&id).is_some() && again.known("web").runs.is_some(), "it has its name again");
    record.keep_only(&renamed, at(0) + LIFETIME + TimeDelta::days(1));
    assert!(record.find(&id).is_none());
}

#[test]
fn doubts_about_all_settings_become_doubts_about_those_that_went_back() {
    let [all, own, other] = [1, 2, 3].map(Fingerprint::stored);
    let doubts = |settings| {
        let mut record = Record::default();
        let in_doubt = InDoubt { settings, why: WentBack::Older };
        record.on("web", Event::SettingsWentBack(Some(Mode::AutoUpdate), in_doubt), at(0));
        record.doubts_are_about(all, own);
        record.on("web", Event::Settings(Mode::AutoUpdate, own), at(1));
        record.asks_only("web").is_some()
    };
    assert!(doubts(all) && doubts(own) && !doubts(other), "somebody edited one before");
}

#[test]
fn one_image_is_another_by_what_both_say() {
    let digests = [Digest::of(b"a"), Digest::of(b"b")];
    let [a, b] = digests.each_ref().map(|digest| running(&format!("{OF}:1.0.0@{digest}")));
    let plain = running(&format!("{OF}:1.0.0"));
    assert!(a.is(&a) && a.is(&plain) && plain.is(&a) && plain.is(&plain) && !a.is(&b));
    assert!(!plain.is(&running(&format!("{OF}:1.0.1"))) && !plain.is(&running("registry.example.com/shop/api:1.0.0")));
    assert_eq!((plain.written(), a.written()), (format!("{OF}:1.0.0"), format!("{OF}:1.0.0@{}", digests[0])));
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(Update { from: format!("{OF}:1.0.1"), ..update(1, None) })), at(1));
    let unpinned = running(&format!("{OF}:1.0.1"));
    assert!(!ledger(&record).still_runs(&unpinned), "where the pin is all that was written");
    assert!(ledger(&record).still_runs(&running(&format!("{OF}:1.0.1@{}", Digest::of(&[1])))));
    record.on("web", Event::Write(Box::new(update(1, None))), at(1));
    assert!(ledger(&record).still_runs(&unpinned));
    let with = |at| Update { at, ..update(1, None) };
    assert!(with(at(0)).is_written_with(&update(1, None)) && !with(at(1)).is_written_with(&update(1, None)));
}

#[test]
fn an_answer_says_what_it_came_to_and_whether_that_runs() {
    let mut record = asked();
    let mut first = update(1, Some(&question(1)));
    first.told_by = None;
    record.on("web", Event::Write(Box::new(first)), at(1));
    record.on("web", Event::End(Outcome::Healthy, None), at(2));
    let answered = ledger(&record).answered[0].clone();
    let outcome =
        |image: &str| record.entry(&workload(&[("web", &format!("{OF}:{image}"))], &[]), "web", &answered).outcome;
    assert_eq!(
        (outcome("1.0.1"), outcome("1.0.0"), outcome("1.0.2")),
        (Outcome::Healthy, Outcome::Replaced, Outcome::Replaced)
    );
    let pinned = |digest: &[u8]| outcome(&format!("1.0.1@{}", Digest::of(digest)));
    assert_eq!((pinned(&[1]), pinned(&[2])), (Outcome::Healthy, Outcome::Replaced));
    let mut beside = Record::default();
    beside.on("log", Event::Write(Box::new(Update { told_by: Some("web".into()), ..update(1, None) })), at(1));
    assert!(beside.history.entries().is_empty(), "the other tells of both");
    assert_eq!(beside.known("log").followed(), None);
    let mut back = asked();
    back.on("web", Event::Write(Box::new(undoing(1, None))), at(1));
    assert_eq!(ledger(&back).held.as_ref().unwrap().by, ["policy"]);
    back.on("web", Event::Write(Box::new(undoing(1, Some(Failure::new("Crash", ""))))), at(1));
    assert!(ledger(&back).held.as_ref().unwrap().by.is_empty(), "nobody set it back: it failed");
}

#[test]
fn what_is_refused_says_why() {
    let Update { tag, digest, .. } = update(1, None);
    let refused = |said: &str, flaw| Refused {
        tag: tag.clone(),
        digest: digest.clone(),
        again: at(1),
        said: said.into(),
        flaw,
        told: None,
    };
    assert_eq!(refused("quota", None).to_string(), "the API server refuses to write 1.0.1: quota");
    assert_eq!(refused("", None).to_string(), "the API server refuses to write 1.0.1");
    let unfit = refused("", Some(Flaw::NoManifest)).to_string();
    assert!(unfit.starts_with("1.0.1 would not start: its registry has no manifest"), "{unfit}");
}
