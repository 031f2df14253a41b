//! What a container's ledger makes of what happens to it.

use super::*;
use crate::domain::policy::Doubt;

const OF: &str = "registry.example.com/shop/web";

fn runs(record: &mut Record, image: &str, hours: i64) {
    record.on("web", Event::Runs(running(image)), at(hours));
}

fn writes(record: &mut Record, update: Update, hours: i64) {
    record.on("web", Event::Write(Box::new(update)), at(hours));
}

fn sets_back(record: &mut Record, to: &str, owned: bool, hours: i64) -> Option<Consequence> {
    let by = vec!["argocd-controller".into()];
    record.on("web", Event::SetBack { to: running(to), by, owned, question: None }, at(hours))
}

fn ledger(record: &Record) -> &Ledger {
    record.ledger("web").unwrap()
}

fn outcome(record: &Record) -> Outcome {
    ledger(record).update.as_ref().unwrap().outcome
}

/// Whether people alone decide, as a tool set back what was written before this and what is written after it.
fn is_set_back_twice(first: u8, owned: bool, meanwhile: impl Fn(&mut Record)) -> bool {
    let mut record = asked();
    record.on("web", Event::Settings(Mode::AutoUpdate, Fingerprint::stored(1)), at(0));
    writes(&mut record, update(first, None), 1);
    sets_back(&mut record, &format!("{OF}:1.0.0"), owned, 2);
    assert_eq!(record.asks_only("web"), None, "once is no rule");
    meanwhile(&mut record);
    writes(&mut record, update(9, None), 4);
    sets_back(&mut record, &format!("{OF}:1.0.0"), owned, 5);
    record.asks_only("web") == Some(AsksOnly::SetBackTwice)
}

#[test]
fn a_tool_that_sets_back_twice_is_believed_until_it_goes_on_itself() {
    assert!(is_set_back_twice(3, true, |_| {}));
    assert!(!is_set_back_twice(3, false, |_| {}), "nobody's tool did");
    let goes_to = |image: &'static str| is_set_back_twice(3, true, move |record| runs(record, image, 3));
    for (image, is_twice) in [
        ("registry.example.com/shop/web:1.0.4", false),
        ("registry.example.com/shop/web:1.0.3", false),
        ("registry.example.com/shop/web:1.0.2", true),
        ("registry.example.com/shop/web:0.9.0", true),
        ("registry.example.com/shop/other:1.0.4", true),
    ] {
        assert_eq!(goes_to(image), is_twice, "{image}");
    }
    let set_to = |mode: Mode| {
        let settings = Event::Settings(mode, Fingerprint::stored(2));
        is_set_back_twice(3, true, move |record| drop(record.on("web", settings.clone(), at(3))))
    };
    assert!(set_to(Mode::AutoUpdate) && !set_to(Mode::Notification), "somebody set the mode");
    assert!(!is_set_back_twice(3, true, |record| writes(record, update(4, None), 3)), "one was let stand");
    let other_hand = |record: &mut Record| {
        runs(record, "registry.example.com/shop/web:1.0.5", 3);
        sets_back(record, "registry.example.com/shop/web:1.0.0", true, 3);
    };
    assert!(!is_set_back_twice(3, true, other_hand), "what another hand wrote is none of ours");
}

/// What a tool that owns the workload makes of the first update of each of these containers.
fn sets_each_back(containers: &[(&str, Update)]) -> Record {
    let mut record = Record::default();
    for (name, update) in containers {
        record.on(name, Event::Runs(running(&format!("{OF}:1.0.0"))), at(0));
        record.on(name, Event::Settings(Mode::AutoUpdate, Fingerprint::stored(1)), at(0));
        record.on(name, Event::Write(Box::new(update.clone())), at(1));
    }
    for (name, _) in containers {
        let to = running(&format!("{OF}:1.0.0"));
        record.on(name, Event::SetBack { to, by: Vec::new(), owned: true, question: None }, at(2));
    }
    record
}

#[test]
fn set_backs_are_counted_by_workload() {
    let mut record = sets_each_back(&[("web", update(1, None)), ("proxy", update(2, None))]);
    let twice = Some(AsksOnly::SetBackTwice);
    assert_eq!(["web", "proxy", "new"].map(|name| record.asks_only(name)), [twice; 3], "once each, and all of it asks");
    record.on("proxy", Event::Runs(running(&format!("{OF}:1.0.3"))), at(3));
    assert_eq!(record.asks_only("web"), None, "the tool goes on by itself with one of them");
    let told = Update { told_by: Some("web".into()), ..update(1, None) };
    let mut record = sets_each_back(&[("web", update(1, None)), ("proxy", told)]);
    assert_eq!(record.asks_only("web"), None, "what was written together is one update");
    record.on("web", Event::Write(Box::new(update(3, None))), at(3));
    sets_back(&mut record, &format!("{OF}:1.0.0"), true, 4);
    assert_eq!(["web", "proxy"].map(|name| record.asks_only(name)), [twice; 2]);
}

/// An update of a container that is written and told together with that of another.
fn told_by(other: &str, n: u8) -> Update {
    Update { told_by: Some(other.into()), ..update(n, None) }
}

#[test]
fn a_later_update_changes_nothing_of_what_was_counted() {
    let mut record = sets_each_back(&[("web", update(1, None))]);
    record.on("proxy", Event::Runs(running(&format!("{OF}:1.0.0"))), at(2));
    record.on("proxy", Event::Write(Box::new(update(2, None))), at(3));
    writes(&mut record, told_by("proxy", 2), 3);
    assert_eq!(record.asks_only("web"), None, "one was set back");
    let to = running(&format!("{OF}:1.0.0"));
    record.on("proxy", Event::SetBack { to, by: Vec::new(), owned: true, question: None }, at(4));
    assert_eq!(record.asks_only("web"), Some(AsksOnly::SetBackTwice), "two updates of the workload were set back");

    let mut record = sets_each_back(&[("web", update(1, None)), ("proxy", told_by("web", 1))]);
    record.on("proxy", Event::Write(Box::new(update(2, None))), at(3));
    assert_eq!(record.asks_only("web"), None, "one was set back, whatever is told of the next");
}

#[test]
fn what_was_written_together_is_one_update_also_where_the_object_is_made_again() {
    let before = sets_each_back(&[("web", update(1, None)), ("proxy", told_by("web", 1))]);
    let image = format!("{OF}:1.0.0");
    let again = workload(&[("web", &image), ("proxy", &image)], &[("mode", "AUTO_UPDATE")]);
    let mut record = Record::default();
    assert!(!record.takes_the_place_of(&before, &again, at(50)));
    assert_eq!(record.asks_only("web"), None, "one was set back");
    record.on("web", Event::Write(Box::new(update(2, None))), at(51));
    sets_back(&mut record, &image, true, 52);
    assert_eq!(record.asks_only("web"), Some(AsksOnly::SetBackTwice));
}

#[test]
fn what_an_earlier_release_counted_is_told_by_the_newest_update() {
    let record = sets_each_back(&[("web", update(1, None)), ("proxy", told_by("web", 1))]);
    let older = |name: &str| {
        let mut json = serde_json::to_value(record.ledger(name).unwrap()).unwrap();
        assert!(json.as_object_mut().unwrap().remove("toldSetBacks").is_some());
        serde_json::from_value::<Ledger>(json).unwrap().told_set_backs()
    };
    assert_eq!((older("web"), older("proxy")), (1, 0));
}

#[test]
fn what_a_tag_pointed_to_at_the_first_look_is_kept_while_it_runs() {
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    let image = |text: &str| ImageReference::parse(text).unwrap();
    let mut record = Record::default();
    let plain = format!("{OF}:stable");
    runs(&mut record, &plain, 0);
    assert_eq!(ledger(&record).digest_of(&image(&plain)), None);
    record.on("web", Event::Baseline(old.clone()), at(0));
    runs(&mut record, &plain, 1);
    assert_eq!(ledger(&record).digest_of(&image(&plain)), Some(old.clone()));
    assert_eq!(ledger(&record).digest_of(&image(&format!("{OF}:edge"))), None, "of another tag it says nothing");
    let pinned = image(&format!("{plain}@{new}"));
    assert_eq!(ledger(&record).digest_of(&pinned), Some(new), "what is written is so");
    runs(&mut record, &format!("{plain}@{old}"), 2);
    let runs_now = ledger(&record).runs.clone().unwrap();
    assert_eq!((runs_now.digest, runs_now.is_learnt), (Some(old), false), "now it is written");
    runs(&mut record, &format!("{OF}:edge"), 3);
    assert_eq!(ledger(&record).runs, Some(running(&format!("{OF}:edge"))));
}

#[test]
fn a_mode_that_went_back_is_the_one_that_is_left() {
    let doubt = InDoubt { settings: Fingerprint::stored(2), why: WentBack::Older };
    let after = |went_to: Option<Mode>, mode: Mode| {
        is_set_back_twice(3, true, move |record| {
            record.on("web", Event::SettingsWentBack(went_to, doubt), at(3));
            record.on("web", Event::Settings(mode, Fingerprint::stored(3)), at(3));
        })
    };
    assert!(after(None, Mode::AutoUpdate), "what was known stays known");
    assert!(after(Some(Mode::Notification), Mode::Notification) && !after(Some(Mode::Notification), Mode::AutoUpdate));
}

#[test]
fn what_was_found_of_what_ran_is_forgotten_when_something_else_runs() {
    let mut record = asked();
    record.on("web", Event::Gone(gone()), at(1));
    record.on("web", Event::Shrunk(100), at(1));
    record.on("web", Event::Shrunk(200), at(2));
    let of = |record: &Record| (ledger(record).gone.is_some(), ledger(record).shrunk.clone());
    let shrunk = Shrunk { before: 200, since: at(1) };
    assert_eq!(of(&record), (true, Some(shrunk.clone())), "since the first time");
    runs(&mut record, &format!("{OF}:1.0.0"), 3);
    assert_eq!(of(&record), (true, Some(shrunk)), "the same runs");
    let (last, over) = (at(1) + LIFETIME - TimeDelta::seconds(1), at(1) + LIFETIME);
    assert_eq!([last, over].map(|now| ledger(&record).gone_lately(now).is_some()), [true, false]);
    let (last, over) = (at(1) + Doubt::BELIEVED_AFTER - TimeDelta::seconds(1), at(1) + Doubt::BELIEVED_AFTER);
    assert_eq!([last, over].map(|now| ledger(&record).doubts(1, now).is_some()), [true, false]);
    assert_eq!(ledger(&record).doubts(200, last), None);
    runs(&mut record, &format!("{OF}:1.0.1"), 4);
    assert_eq!(of(&record), (false, None));
}

#[test]
fn an_update_whose_image_is_gone_never_ends() {
    let after = |update: Update, end: Option<Outcome>, image: &str| {
        let mut record = Record::default();
        writes(&mut record, update, 1);
        if let Some(end) = end {
            record.on("web", Event::End(end, None), at(2));
        }
        runs(&mut record, image, 3);
        outcome(&record)
    };
    let other = format!("{OF}:1.0.7");
    assert_eq!(after(update(1, None), None, &other), Outcome::Replaced);
    assert_eq!(after(update(1, None), Some(Outcome::Failed), &other), Outcome::Replaced);
    assert_eq!(after(update(1, None), Some(Outcome::Healthy), &other), Outcome::Healthy, "it had ended");
    let unpinned = format!("{OF}:1.0.1");
    assert_eq!(after(update(1, None), None, &unpinned), Outcome::RollingOut, "it is the same without its pin");
    let pin = || Update { from: format!("{OF}:1.0.1"), ..update(1, None) };
    assert_eq!(after(pin(), None, &unpinned), Outcome::Replaced, "where the pin is all that was written");
    assert_eq!(after(pin(), None, &format!("{OF}:1.0.1@{}", Digest::of(&[1]))), Outcome::RollingOut);
}

#[test]
fn a_tag_that_is_set_back_runs_what_it_pointed_to_before() {
    let (old, new) = (Digest::of(b"old"), Digest::of(&[1]));
    let back = |from: &str, to: &str| {
        let mut record = Record::default();
        writes(&mut record, Update { from: from.into(), ..update(1, None) }, 1);
        let consequence = sets_back(&mut record, to, true, 2);
        assert!(matches!(consequence, Some(Consequence::SetBack(held)) if held.digest == Some(new.clone())));
        let runs = ledger(&record).runs.clone().unwrap();
        (runs.digest, runs.is_learnt)
    };
    let pinned = format!("{OF}:1.0.1@{old}");
    assert_eq!(back(&pinned, &format!("{OF}:1.0.1")), (Some(old.clone()), true));
    assert_eq!(back(&pinned, &pinned), (Some(old), false), "it says so itself");
    assert_eq!(back(&pinned, &format!("{OF}:1.0.0")), (None, false), "of another tag nothing is known");
    let mut unknown = Record::default();
    assert_eq!(sets_back(&mut unknown, &pinned, true, 1), None, "nothing was known to run");
    assert_eq!(ledger(&unknown).runs, Some(running(&pinned)));
}

#[test]
fn who_goes_back_twice_holds_the_newest() {
    let mut record = asked();
    writes(&mut record, update(2, None), 1);
    assert!(sets_back(&mut record, &format!("{OF}:1.0.1"), false, 2).is_some());
    assert_eq!(sets_back(&mut record, &format!("{OF}:1.0.0"), false, 3), None, "people were told");
    let held = ledger(&record).held.clone().unwrap();
    assert_eq!((held.tag.as_str(), held.back_to.as_str(), held.since), ("1.0.2", "1.0.0", at(2)));
}

#[test]
fn a_manifest_that_is_held_is_held_alone_where_its_tag_runs() {
    let mut record = Record::default();
    writes(&mut record, Update { from: format!("{OF}:1.0.1"), ..update(1, None) }, 1);
    sets_back(&mut record, &format!("{OF}:1.0.1"), false, 2);
    let holds = |n: u8, digest: u8| ledger(&record).holds(&update(n, None).tag, &Digest::of(&[digest])).is_some();
    assert!(holds(1, 1) && !holds(1, 2) && !holds(0, 1) && !holds(2, 1));
}

#[test]
fn people_are_asked_anew_about_what_is_held_when_nobody_was_for_long() {
    let mut record = asked();
    writes(&mut record, update(1, None), 1);
    sets_back(&mut record, &format!("{OF}:1.0.0"), false, 2);
    let unasked = |record: &Record, now| ledger(record).unasked(now).map(|(_, reminder)| reminder);
    let due = at(2) + REMINDED_AFTER;
    assert_eq!((unasked(&record, due - TimeDelta::seconds(1)), unasked(&record, due)), (None, Some(0)));
    let asked = Question { asked: at(50), stands: Stands::Closed(Closed::Unknown), ..question(2) };
    record.on("web", Event::Ask(Box::new(asked)), at(50));
    let due = at(50) + REMINDED_AFTER;
    assert_eq!(
        (unasked(&record, due - TimeDelta::seconds(1)), unasked(&record, due)),
        (None, Some(0)),
        "since they were"
    );
    let mut newer = question(3);
    (newer.terms.id, newer.asked) = (ApprovalId::mint(due, [3; 10]), due);
    newer.terms.expires = due + LIFETIME;
    record.on("web", Event::Ask(Box::new(newer.clone())), due);
    assert_eq!(unasked(&record, due), None, "they are asked now");
    let long_after = due + REMINDED_AFTER * 9;
    assert_eq!(unasked(&record, long_after), None, "what is newer is what they are reminded of");
    for (reminders, next) in [(0, Some(1)), (2, Some(3)), (3, None)] {
        let terms = Terms { allows: Allows::Held, ..newer.terms.clone() };
        let about_held = Question { terms, reminders, ..newer.clone() };
        record.on("web", Event::Ask(Box::new(about_held)), due);
        assert_eq!((unasked(&record, due + LIFETIME), unasked(&record, long_after)), (None, next));
    }
}

#[test]
fn what_nobody_answers_is_the_same_question_until_people_are_reminded_of_it() {
    let (mut record, asked) = (asked(), question(1));
    let over = asked.terms.expires();
    let unanswered = |record: &Record, now| {
        let Terms { from, tag, digest, .. } = &question(1).terms;
        ledger(record).unanswered(from, tag, digest, now).map(|it| (it.again(now), it.next_reminder()))
    };
    let in_a_week = asked.asked + REMINDED_AFTER;
    assert_eq!(unanswered(&record, over - TimeDelta::seconds(1)), None, "it can be answered still");
    assert_eq!(unanswered(&record, over), Some((Some(in_a_week), 1)));
    let other = |terms: Terms, now| ledger(&record).unanswered(&terms.from, &terms.tag, &terms.digest, now).is_some();
    assert!(!other(question(2).terms, over) && !other(Terms { from: "web:2".into(), ..asked.terms.clone() }, over));
    for close in [Event::NothingToAsk, Event::Withdrawn] {
        record.on("web", close, over);
        assert_eq!(unanswered(&record, over), Some((Some(in_a_week), 1)), "it could not be asked for a moment");
    }
    let reminders = |reminders| Question { reminders, ..question(1) };
    record.on("web", Event::Ask(Box::new(reminders(2))), at(1));
    assert_eq!(unanswered(&record, over), Some((Some(in_a_week), 3)));
    record.on("web", Event::Ask(Box::new(reminders(3))), at(1));
    assert_eq!(unanswered(&record, over), Some((None, 3)), "that was often enough");
    record.on("web", Event::Snooze { until: at(300) }, at(2));
    assert_eq!(unanswered(&record, over), Some((Some(at(300)), 0)), "somebody has seen it");
    record.on("web", Event::Snooze { until: at(30) }, at(2));
    assert_eq!(unanswered(&record, over), Some((Some(over), 0)), "not before its links are over");
    record.on("web", Event::Skip { by: "link email".into() }, at(3));
    assert_eq!(unanswered(&record, over), None, "it was answered");
}

/// Records of earlier releases say nothing of reminders.
#[test]
fn how_often_people_were_reminded_is_written_where_they_were() {
    let text = |question: &Question| serde_json::to_value(question).unwrap();
    let (first, again) = (question(1), Question { reminders: 2, is_renewed: true, ..question(1) });
    assert!(["reminders", "isRenewed"].iter().all(|name| text(&first).get(name).is_none()));
    for question in [first, again] {
        assert_eq!(serde_json::from_value::<Question>(text(&question)).unwrap(), question);
    }
}

#[test]
fn a_question_that_was_put_off_stays_so_while_there_is_nothing_to_ask() {
    let mut record = asked();
    record.on("web", Event::Snooze { until: at(30) }, at(1));
    record.on("web", Event::NothingToAsk, at(2));
    assert_eq!(asks(&record, 3), (false, Some(at(30))));
    assert_eq!(asks(&record, 30).1, None, "its time is over");
    let ask = |record: &Record, n, hours| {
        let mut record = record.clone();
        record.on("web", Event::Ask(Box::new(question(n))), at(hours));
        record
    };
    assert_eq!(asks(&ask(&record, 1, 4), 5), (true, Some(at(30))), "nobody is told of it before");
    assert_eq!(asks(&ask(&record, 1, 31), 32), (true, None));
    let other = ask(&record, 2, 4);
    assert_eq!(ledger(&other).question.as_ref().map(|it| it.stands.clone()), Some(Stands::Open), "another question");
    assert_eq!(asks(&ask(&other, 1, 5), 6), (true, Some(at(30))), "it stays put off whatever was asked between");
    assert_eq!(asks(&ask(&other, 1, 31), 32), (true, None));
}

#[test]
fn what_may_have_been_answered_is_put_off_no_more() {
    let mut record = asked();
    record.on("web", Event::Snooze { until: at(30) }, at(1));
    record.on("web", Event::Lost, at(2));
    assert_eq!(asks(&record, 3), (false, None), "people are asked anew at once");
    record.on("web", Event::Ask(Box::new(question(1))), at(3));
    let held = Question { terms: Terms { allows: Allows::Held, ..question(2).terms }, ..question(2) };
    record.on("web", Event::Ask(Box::new(held.clone())), at(3));
    record.on("web", Event::Snooze { until: at(40) }, at(4));
    record.on("web", Event::Ask(Box::new(question(3))), at(5));
    let update = ledger(&record).snoozed(&held.terms.tag, &held.terms.digest, at(6));
    assert_eq!(update, None, "what is held was put off, and no update to it");
}

#[test]
fn what_is_held_is_asked_about_anew_at_once_where_an_answer_may_not_have_counted() {
    let mut record = asked();
    writes(&mut record, update(1, None), 1);
    sets_back(&mut record, &format!("{OF}:1.0.0"), false, 2);
    let held = Question { terms: Terms { allows: Allows::Held, ..question(2).terms }, asked: at(2), ..question(2) };
    record.on("web", Event::Ask(Box::new(held.clone())), at(2));
    let unasked = |record: &Record| ledger(record).unasked(at(4)).map(|(_, reminder)| reminder);
    assert_eq!(unasked(&record), None, "they are asked");
    record.on("web", Event::Lost, at(3));
    assert_eq!(unasked(&record), Some(0));
    record.on("web", Event::Ask(Box::new(Question { reminders: 3, ..held })), at(4));
    record.on("web", Event::Lost, at(4));
    assert_eq!(unasked(&record), Some(3), "however often they were reminded");
}

#[test]
fn a_question_stands_in_one_place() {
    let mut record = asked();
    record.on("web", Event::Ask(Box::new(question(1))), at(1));
    assert_eq!(record.approvals().count(), 1, "it was asked again");
    record.on("web", Event::Skip { by: "link email".into() }, at(2));
    record.on("web", Event::Lost, at(3));
    let closed = Stands::Closed(Closed::Answered);
    assert_eq!(ledger(&record).question.as_ref().map(|it| it.stands.clone()), Some(closed), "it was answered");
    record.on("web", Event::Ask(Box::new(question(2))), at(3));
    let names: Vec<_> = record.approvals().cloned().collect();
    assert_eq!(names, [question(2).terms.id, question(1).terms.id]);
    assert!(matches!(record.find(&names[1]), Some((_, Known::Answered(_)))));
    let over = question(2).terms.expires();
    record.on("web", Event::Ask(Box::new(question(3))), over);
    assert_eq!(record.find(&question(2).terms.id), None, "its link is over");
    record.on("web", Event::Told, at(4));
    let notified = Notified { at: at(4), tag: question(3).terms.tag };
    assert_eq!(ledger(&record).notified, Some(notified));
}

#[test]
fn whether_to_go_back_is_asked_while_that_can_be_answered() {
    let mut record = asked();
    writes(&mut record, update(1, None), 1);
    let mut back = question(2);
    back.terms.allows = Allows::Back;
    record.on("web", Event::Ask(Box::new(back)), at(1));
    record.on("web", Event::NothingToAsk, at(2));
    assert!(ledger(&record).open(at(2)).is_some());
    runs(&mut record, &format!("{OF}:1.0.7"), 3);
    record.on("web", Event::NothingToAsk, at(3));
    assert!(ledger(&record).open(at(3)).is_none());
}

#[test]
fn the_way_back_leads_to_what_ran_well_last() {
    let old = Digest::of(b"old");
    let from = |n: u8| Update { from_digest: Some(old.clone()), ..update(n, None) };
    let migrates = |update: Update| Update { declares: Kinds { migration: true, ..Kinds::default() }, ..update };
    let after = |first: Update, end: Option<Outcome>, second: Update| {
        let mut record = Record::default();
        let second = Update { from: first.running().unwrap().written(), ..second };
        writes(&mut record, first, 1);
        if let Some(end) = end {
            record.on("web", Event::End(end, None), at(2));
        }
        writes(&mut record, second, 3);
        let update = ledger(&record).update.clone().unwrap();
        (update.ran_well.map(|it| (it.image, it.digest)), update.declares.migration)
    };
    let ran_well = Some((format!("{OF}:1.0.0"), old.clone()));
    assert_eq!(after(from(1), None, update(2, None)), (ran_well.clone(), false));
    assert_eq!(after(from(1), Some(Outcome::Failed), update(2, None)), (ran_well.clone(), false));
    assert_eq!(after(migrates(from(1)), None, update(2, None)), (ran_well.clone(), true), "data may be migrated");
    assert_eq!(after(from(1), None, migrates(update(2, None))), (ran_well, true));
    assert_eq!(after(migrates(from(1)), Some(Outcome::Healthy), update(2, None)), (None, false), "it ran well itself");
    assert_eq!(after(migrates(update(1, None)), None, update(2, None)), (None, false), "what ran is not known");
    let undone = Undone {
        tag: from(9).tag,
        digest: from(9).digest,
        failure: None,
        removed: Vec::new(),
        before: None,
        at_once: false,
    };
    let undoing = |n| Update { undoes: Some(Box::new(undone.clone())), ..from(n) };
    assert_eq!(after(from(1), None, undoing(2)), (None, false), "this is the way back");
    assert_eq!(after(undoing(1), None, update(2, None)), (None, false));
    let mut stood = Record::default();
    writes(&mut stood, migrates(from(1)), 1);
    stood.on("web", Event::Stood, at(2));
    let from_it = ledger(&stood).update.clone().unwrap().running().unwrap().written();
    writes(&mut stood, Update { from: from_it, ..update(2, None) }, 3);
    let update_2 = ledger(&stood).update.clone().unwrap();
    assert_eq!((update_2.ran_well, update_2.declares.migration), (None, false), "it ran well, and is not told yet");
    let mut other = Record::default();
    writes(&mut other, from(1), 1);
    runs(&mut other, &format!("{OF}:1.0.7"), 2);
    writes(&mut other, update(2, None), 3);
    assert_eq!(ledger(&other).update.as_ref().unwrap().ran_well, None, "something else ran meanwhile");
}

#[test]
fn what_ended_lately_may_be_told_again_and_what_is_told_by_another_is_not() {
    let ended = |told_by: Option<&str>, now| {
        let mut record = Record::default();
        writes(&mut record, Update { told_by: told_by.map(Into::into), ..update(1, None) }, 1);
        let accompanies = ledger(&record).accompanies().map(|(name, _)| name.to_owned());
        record.on("web", Event::End(Outcome::Healthy, None), at(2));
        assert_eq!(ledger(&record).accompanies(), None, "it has ended");
        (accompanies, ledger(&record).ended(now).is_some())
    };
    let last = at(2) + LIFETIME - TimeDelta::seconds(1);
    assert_eq!((ended(None, last), ended(None, at(2) + LIFETIME)), ((None, true), (None, false)));
    assert_eq!(ended(Some("log"), last), (Some("log".to_owned()), false));
    let mut record = asked();
    record.on("web", Event::Ask(Box::new(question(2))), at(0));
    record.on("web", Event::Skip { by: "link email".into() }, at(1));
    let skipped = |record: &Record, now| ledger(record).skipped(now).map(|it| it.terms.tag.to_string());
    let over = question(2).terms.expires();
    assert_eq!(skipped(&record, at(2)).as_deref(), Some("1.0.2"));
    assert_eq!(skipped(&record, over), None);
    assert!(
        ledger(&record).was_asked_about(&question(1).terms.tag)
            && !ledger(&record).was_asked_about(&question(3).terms.tag)
    );
    record.on("web", Event::Ask(Box::new(question(3))), at(2));
    writes(&mut record, update(3, Some(&question(3))), 3);
    assert_eq!(skipped(&record, at(3)), None, "something else was answered since");
}

#[test]
fn a_question_is_about_one_image_one_version_and_one_manifest() {
    let record = asked();
    let Question { terms, .. } = question(1);
    let other = question(2).terms;
    let about = |from: &str, tag: &Tag, digest: &Digest| {
        let ledger = ledger(&record);
        let image = ImageReference::parse(from).unwrap();
        let all = [
            ledger.asks(from, tag, digest, at(1)).is_some(),
            ledger.question_about(from, tag, digest).is_some(),
            ledger.question.as_ref().unwrap().is_about(&image, tag, digest),
        ];
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
        all[0]
    };
    assert!(about(&terms.from, &terms.tag, &terms.digest));
    assert!(!about("registry.example.com/shop/web:0.9.0", &terms.tag, &terms.digest));
    assert!(!about(&terms.from, &other.tag, &terms.digest) && !about(&terms.from, &terms.tag, &other.digest));
    let mut put_off = asked();
    put_off.on("web", Event::Snooze { until: at(30) }, at(1));
    let snoozed = |record: &Record, tag: &Tag, now| ledger(record).snoozed(tag, &terms.digest, now);
    assert_eq!(snoozed(&put_off, &terms.tag, at(2)), Some(at(30)));
    assert_eq!((snoozed(&put_off, &other.tag, at(2)), snoozed(&put_off, &terms.tag, at(30))), (None, None));
    let mut closed = asked();
    closed.on("web", Event::NothingToAsk, at(1));
    let before =
        |from: &str, record: &Record| ledger(record).asked_before(from, &terms.tag, &terms.digest, at(2)).is_some();
    assert!(before(&terms.from, &closed) && !before("registry.example.com/shop/web:0.9.0", &closed));
    let mut held = question(1);
    held.terms.allows = Allows::Held;
    let mut of_held = Record::default();
    of_held.on("web", Event::Ask(Box::new(held)), at(0));
    of_held.on("web", Event::NothingToAsk, at(1));
    assert!(!before(&terms.from, &of_held), "that was another question");
}

#[test]
fn what_was_let_go_is_asked_about_first() {
    let mut record = asked();
    writes(&mut record, update(2, None), 1);
    sets_back(&mut record, &format!("{OF}:1.0.0"), false, 2);
    let by = || "command alice".into();
    assert!(matches!(record.on("web", Event::LetGo { by: by() }, at(3)), Some(Consequence::LetGo(..))));
    assert_eq!(record.on("web", Event::LetGo { by: by() }, at(3)), None, "once");
    let from = format!("{OF}:1.0.0");
    let asks = |record: &Record, n: u8, digest: u8| {
        record.asks_only_about("web", &from, &update(n, None).tag, &Digest::of(&[digest]))
    };
    assert_eq!([asks(&record, 2, 2), asks(&record, 2, 9), asks(&record, 1, 1)], [Some(AsksOnly::Released); 3]);
    assert_eq!(asks(&record, 3, 3), None, "a newer one was never held");
    let mut declares = question(3);
    declares.declares = Kinds { breaking: true, ..Kinds::default() };
    record.on("web", Event::Ask(Box::new(declares)), at(4));
    let declared = AsksOnly::Declared(Kinds { breaking: true, ..Kinds::default() });
    assert_eq!((asks(&record, 3, 3), asks(&record, 3, 9)), (Some(declared), None), "of that manifest");
    record.on("web", Event::Ask(Box::new(question(4))), at(4));
    assert_eq!(asks(&record, 4, 4), None, "it declares nothing");
    let mut pinned = Record::default();
    writes(&mut pinned, Update { from: format!("{OF}:1.0.1"), ..update(1, None) }, 1);
    sets_back(&mut pinned, &format!("{OF}:1.0.1"), false, 2);
    pinned.on("web", Event::LetGo { by: by() }, at(3));
    assert_eq!((asks(&pinned, 1, 1), asks(&pinned, 1, 2)), (Some(AsksOnly::Released), None), "one manifest of a tag");
}

#[test]
fn what_a_clock_that_was_ahead_put_off_is_asked_again() {
    let (mut record, asked) = (asked(), question(1));
    record.on("web", Event::Snooze { until: at(24 * 400) }, at(2));
    let (Terms { from, tag, digest, .. }, over) = (&asked.terms, asked.terms.expires());
    assert_eq!(ledger(&record).snoozed(tag, digest, over), None);
    let again = ledger(&record).unanswered(from, tag, digest, over).and_then(|it| it.again(over));
    assert_eq!(again, Some(asked.asked + REMINDED_AFTER), "and not in a year");
}
