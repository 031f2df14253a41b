//! How updates ended, and what of it concerns other workloads.

use super::*;
use crate::domain::event::{Failure, WayBack};
use crate::domain::fleet::brake::COUNTED;
use crate::domain::fleet::{Bad, End, Newest, One, Standing};

const OF: &str = "registry.example.com/shop/web";

fn crashed() -> Failure {
    Failure::new("CrashLoopBackOff", "back-off")
}

fn of_group() -> Failure {
    Failure::new(Failure::OF_GROUP, "another member failed")
}

/// An update that is written then, and comes to this.
fn ends(record: &mut Record, update: Update, failure: Option<Failure>, hours: i64) {
    record.on("web", Event::Write(Box::new(update)), at(hours));
    let outcome = if failure.is_some() { Outcome::Failed } else { Outcome::Healthy };
    record.on("web", Event::End(outcome, failure), at(hours));
}

/// The versions whose ends are remembered, newest first; `!` behind one that failed.
fn remembered(record: &Record) -> String {
    let all = serde_json::to_value(&record.known("web").ends).unwrap();
    let told = |end: &serde_json::Value| {
        let mark = if end.get("failed").is_some() { "!" } else { "" };
        format!("{}{mark}", end["tag"].as_str().unwrap())
    };
    all.as_array().unwrap().iter().map(told).collect::<Vec<_>>().join(" ")
}

fn undoing(n: u8, of: u8, failure: Option<Failure>) -> Update {
    let Update { tag, digest, .. } = update(of, None);
    Update {
        undoes: Some(Box::new(Undone { tag, digest, failure, removed: Vec::new(), before: None, at_once: false })),
        ..update(n, None)
    }
}

#[test]
fn the_last_ends_of_what_the_policy_decided_are_remembered() {
    let mut record = Record::default();
    ends(&mut record, update(1, None), Some(crashed()), 1);
    ends(&mut record, update(2, None), Some(crashed()), 2);
    assert_eq!(remembered(&record), "1.0.2! 1.0.1!");
    record.on("web", Event::End(Outcome::Healthy, None), at(3));
    assert_eq!(remembered(&record), "1.0.2 1.0.1!", "it had not failed after all");
    ends(&mut record, update(1, None), None, 4);
    assert_eq!(remembered(&record), "1.0.1 1.0.2 1.0.1!", "another try of what had failed");
    for other in [
        Update { by: "link email".into(), ..update(3, None) },
        Update { told_by: Some("log".into()), ..update(3, None) },
        undoing(3, 1, None),
    ] {
        ends(&mut record, other.clone(), Some(crashed()), 5);
        ends(&mut record, other, None, 5);
    }
    ends(&mut record, update(3, None), Some(of_group()), 5);
    record.on("web", Event::Write(Box::new(update(3, None))), at(5));
    record.on("web", Event::End(Outcome::Replaced, None), at(5));
    assert_eq!(remembered(&record), "1.0.1 1.0.2 1.0.1!", "of none of these the policy learns");
    for n in 4..=9 {
        ends(&mut record, update(n, None), None, 6);
    }
    assert_eq!(remembered(&record).split(' ').count(), COUNTED);
    assert!(remembered(&record).starts_with("1.0.9 1.0.8 "));
    let (text, history) = seal(&record, &id("web", "uid-1"), &key(1)).unwrap();
    let Opened::Ours(back) = open(Some(&text), history.as_deref(), &id("web", "uid-1"), &key(1).into()) else {
        panic!("{text}")
    };
    assert_eq!(remembered(&back), remembered(&record), "it outlives the process");
    let nothing = serde_json::to_value(asked().known("web")).unwrap();
    assert_eq!(nothing.get("ends"), None);
}

#[test]
fn where_there_is_no_room_what_was_well_goes_first() {
    let mut record = Record::default();
    ends(&mut record, update(1, None), None, 1);
    ends(&mut record, update(2, None), Some(crashed()), 2);
    ends(&mut record, update(3, None), None, 3);
    assert_eq!(remembered(&record), "1.0.3 1.0.2! 1.0.1");
    let mut shrink = || {
        let is_less = record.ledgers.get_mut("web").unwrap().shrink();
        (is_less, remembered(&record))
    };
    assert_eq!(shrink(), (true, "1.0.3 1.0.2! 1.0.1".into()), "the update itself is in the history too");
    assert_eq!(shrink(), (true, "1.0.3 1.0.2!".into()));
    assert_eq!(shrink(), (true, "1.0.2!".into()));
    assert_eq!(shrink(), (false, "1.0.2!".into()));
}

fn one(newest: Option<Newest>, failed: Vec<End>, ends: Vec<End>) -> Standing {
    Standing::from_iter([One {
        container: "web".into(),
        of: OF.into(),
        newest,
        failed: failed.into(),
        ends: ends.into(),
    }])
}

fn bad(n: u8, hours: i64) -> End {
    let bad = Bad { digest: Digest::of(&[n]), reason: "CrashLoopBackOff".into() };
    End { at: at(hours), tag: update(n, None).tag, failed: Some(bad) }
}

fn good(n: u8, hours: i64) -> End {
    End { at: at(hours), tag: update(n, None).tag, failed: None }
}

/// Where a workload that runs this image stands.
fn stands(record: &Record, image: &str) -> Standing {
    record.standing(&workload(&[("web", &format!("{OF}:{image}"))], &[]))
}

#[test]
fn what_rolls_is_well_or_failed_concerns_others() {
    assert_eq!(stands(&asked(), "1.0.0"), Standing::default(), "a question concerns nobody else");
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update(1, None))), at(1));
    let rolls = Newest::Rolling { digest: Digest::of(&[1]), since: at(0), undoes: false };
    assert_eq!(stands(&record, "1.0.1"), one(Some(rolls), vec![], vec![]));
    assert_eq!(stands(&record, "1.0.0"), Standing::default(), "it does not run there");
    record.on("web", Event::End(Outcome::Failed, Some(crashed())), at(2));
    let failed = one(None, vec![bad(1, 2)], vec![bad(1, 2)]);
    assert_eq!(stands(&record, "1.0.1"), failed, "once, wherever it is remembered");
    let well = |n: u8| Some(Newest::Healthy { digest: Digest::of(&[n]) });
    ends(&mut record, update(2, None), None, 3);
    assert_eq!(stands(&record, "1.0.2"), one(well(2), vec![bad(1, 2)], vec![good(2, 3), bad(1, 2)]));
    record.ledgers.get_mut("web").unwrap().shrink();
    let forgotten = one(None, vec![bad(1, 2)], vec![good(2, 3), bad(1, 2)]);
    assert_eq!(stands(&record, "1.0.2"), forgotten, "what runs says of which repository it is");
    ends(&mut record, update(1, None), None, 4);
    let ended = vec![good(1, 4), good(2, 3), bad(1, 2)];
    assert_eq!(stands(&record, "1.0.1"), one(well(1), vec![], ended), "it is well where it had failed");
}

#[test]
fn what_failed_by_the_word_of_a_person_concerns_others_too() {
    let by_person = |n: u8| Update { by: "link email".into(), ..update(n, None) };
    let of = |update: Update, failure: Failure| {
        let mut record = Record::default();
        ends(&mut record, update, Some(failure), 2);
        stands(&record, "1.0.1")
    };
    assert_eq!(of(by_person(1), crashed()), one(None, vec![bad(1, 2)], vec![]));
    assert_eq!(of(by_person(1), of_group()), Standing::default(), "another member failed");
    assert_eq!(of(undoing(1, 2, None), crashed()), Standing::default(), "a way back says nothing of its version");
    let mut well = Record::default();
    ends(&mut well, by_person(1), None, 2);
    let newest = Some(Newest::Healthy { digest: Digest::of(&[1]) });
    assert_eq!(stands(&well, "1.0.1"), one(newest, vec![], vec![]));
}

#[test]
fn what_was_undone_as_it_failed_concerns_others_for_as_long_as_it_is_held() {
    let of = |failure: Option<Failure>| {
        let mut record = Record::default();
        record.on("web", Event::Write(Box::new(undoing(1, 2, failure))), at(3));
        stands(&record, "1.0.0")
    };
    assert_eq!(of(Some(crashed())), one(None, vec![bad(2, 3)], vec![]));
    assert_eq!(of(Some(of_group())), Standing::default(), "another member failed");
    assert_eq!(of(None), Standing::default(), "a person went back");
}

#[test]
fn what_pods_of_the_version_before_were_in_too_is_laid_on_no_image() {
    for (why, counts) in [(WayBack::Off, true), (WayBack::Before, false)] {
        let mut record = Record::default();
        ends(&mut record, update(1, None), None, 1);
        ends(&mut record, update(2, None), Some(crashed()), 2);
        record.on("web", Event::Left(why), at(2));
        let (failed, ends) =
            if counts { (vec![bad(2, 2)], vec![bad(2, 2), good(1, 1)]) } else { (vec![], vec![good(1, 1)]) };
        assert_eq!(stands(&record, "1.0.2"), one(None, failed, ends), "{why:?}");
    }
}
