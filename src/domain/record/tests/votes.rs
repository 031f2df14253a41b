//! Approvals by several people, as the record keeps them.

use super::*;
use crate::domain::actor::Person;
use crate::domain::votes::{Verdict, Vote};

fn vote(n: u8) -> Vote {
    let person = Person::Holder(format!("email:person{n}@example.com"));
    Vote::of(&person, person.actor(), &key(1), &question(1).terms.id, at(1)).unwrap()
}

fn votes(record: &Record) -> usize {
    record.known("web").question.as_ref().map_or(0, |question| question.votes.count())
}

/// Asked, and approved by so many.
fn approved_by(people: u8) -> Record {
    let mut record = asked();
    for n in 0..people {
        record.on("web", Event::Vote(Box::new(vote(n))), at(1));
    }
    record
}

#[test]
fn a_vote_is_part_of_an_open_question_about_an_update() {
    let mut record = approved_by(1);
    record.on("web", Event::Vote(Box::new(vote(0))), at(2));
    assert_eq!(votes(&record), 1, "the same person");
    record.on("web", Event::Snooze { until: at(9) }, at(2));
    record.on("web", Event::Vote(Box::new(vote(1))), at(3));
    assert_eq!(votes(&record), 2, "what is put off can be answered");
    record.on("web", Event::Vote(Box::new(vote(2))), at(73));
    assert_eq!(votes(&record), 2, "too late");
    record.on("web", Event::NothingToAsk, at(4));
    record.on("web", Event::Vote(Box::new(vote(2))), at(4));
    assert_eq!(votes(&record), 2, "it is closed");
    let mut held = asked();
    let about_held = Question { terms: Terms { allows: Allows::Held, ..question(1).terms }, ..question(1) };
    held.on("web", Event::Ask(Box::new(about_held)), at(1));
    held.on("web", Event::Vote(Box::new(vote(0))), at(1));
    assert_eq!(votes(&held), 0, "one person lets a version go");
}

#[test]
fn votes_go_on_with_the_question_that_they_are_about_and_with_no_other() {
    let mut record = approved_by(1);
    let same = record.known("web").question.clone().unwrap();
    record.on("web", Event::NothingToAsk, at(2));
    record.on("web", Event::Ask(Box::new(Question { stands: Stands::Open, ..same.clone() })), at(3));
    assert_eq!(votes(&record), 1, "it was closed for a moment");
    record.on("web", Event::Ask(Box::new(Question { with: vec!["copy".into()], ..same })), at(4));
    assert_eq!(votes(&record), 0, "nobody approved what goes with it now");
    record.on("web", Event::Vote(Box::new(vote(1))), at(4));
    record.on("web", Event::Ask(Box::new(question(2))), at(5));
    assert_eq!(votes(&record), 0, "another version");
    let answered = record.on("web", Event::Skip { by: "link email".into() }, at(6));
    assert!(matches!(answered, Some(Consequence::Skipped(..))));
}

#[test]
fn a_record_with_all_votes_is_small_and_one_of_an_earlier_release_is_read() {
    let sealed = |record: &Record| seal(record, &id("web", "uid-1"), &key(1)).unwrap().0;
    let (none, all) = (sealed(&asked()), sealed(&approved_by(9)));
    assert!(all.len() - none.len() < 9 * 110, "{} bytes a vote", (all.len() - none.len()) / 9);
    assert!(!none.contains("votes"), "{none}");
    let opened = open(Some(&all), None, &id("web", "uid-1"), &key(1).into());
    assert_eq!(opened, Opened::Ours(Box::new(approved_by(9))));
    let mut json = serde_json::to_value(question(1)).unwrap();
    assert!(json.get("votes").is_none());
    json["votes"] = serde_json::json!([]);
    assert_eq!(serde_json::from_value::<Question>(json).unwrap(), question(1));
}

#[test]
fn an_old_link_to_what_is_asked_still_is_known_for_a_week() {
    let again = |n: u8, hours: i64| {
        let made = at(hours);
        let id = ApprovalId::mint(made, [n; 10]);
        Question { terms: Terms { id, expires: made + LIFETIME, ..question(1).terms }, asked: made, ..question(1) }
    };
    let mut record = asked();
    record.on("web", Event::Ask(Box::new(again(50, 72))), at(72));
    assert!(matches!(record.find(&question(1).terms.id), Some((_, Known::Replaced(_)))));
    record.on("web", Event::Ask(Box::new(again(51, 144))), at(144));
    assert!(record.find(&question(1).terms.id).is_some());
    record.on("web", Event::Ask(Box::new(again(52, 72 + 7 * 24))), at(73 + 7 * 24));
    assert!(record.find(&question(1).terms.id).is_none(), "a week later");
    assert!(record.find(&again(51, 144).terms.id).is_some());
    record.on("web", Event::Ask(Box::new(question(2))), at(73 + 7 * 24));
    assert!(record.find(&again(50, 72).terms.id).is_none(), "something else is asked");
}

proptest! {
    /// In whatever order people press: as soon as enough have, and no sooner, it is written, and then never again.
    #[test]
    fn it_is_written_once_by_the_last_of_so_many(presses in prop::collection::vec(0..5_u8, 0..30), needed in 1..=4_usize) {
        let quorum = needed.to_string().parse().unwrap();
        let (mut record, mut people, mut written) = (asked(), std::collections::BTreeSet::new(), 0);
        for n in presses {
            let Some(open) = record.known("web").open(at(2)).cloned() else { continue };
            people.insert(n);
            match open.votes.judge(vote(n), quorum) {
                Verdict::Enough(_) => {
                    record.on("web", Event::Write(Box::new(update(1, Some(&open)))), at(2));
                    written += 1;
                    prop_assert_eq!(people.len(), needed);
                }
                Verdict::More(_) => {
                    record.on("web", Event::Vote(Box::new(vote(n))), at(2));
                }
                Verdict::Again | Verdict::NoPerson => {}
            }
        }
        prop_assert_eq!(written, usize::from(people.len() >= needed));
        prop_assert!(record.known("web").answered.len() == written);
    }
}
