//! What is known of jobs, where the server says what no real one would be made to say.

use chrono::DateTime;

use super::*;
use crate::domain::event::NoticeKind;
use crate::queue::contract::{item, look as new_look, mail};
use crate::queue::nats::entry::Row;
use crate::queue::{Leased, Settlement, Sharing};

/// A look that was put and is held, and where it stands.
fn held(jobs: &mut Jobs) -> (Leased, String) {
    let now = jobs.ambient.now();
    jobs.put(&[new_look("a", now)]).unwrap();
    let place = jobs.writes()[0].key.clone();
    jobs.stored(1, 1);
    let leased = jobs.lease(&Topic::Look, 1, &Sharing::in_order(9)).jobs.remove(0);
    jobs.stored(2, 1);
    (leased, place)
}

/// NATS was away when it answered, and nobody knows whether the end of the job is stored; it is.
#[test]
fn a_lease_ends_where_the_bucket_says_that_its_job_has_ended() {
    let again = Settlement::Retry { at: Ambient::system().now(), reason: "503".into() };
    for settlement in [Settlement::Done, again] {
        let mut jobs = Jobs::new("me".into(), Ambient::system());
        let (leased, place) = held(&mut jobs);
        let id = leased.lease.job().cast_signed();
        jobs.settle(&leased, &settlement);
        let row = jobs.writes()[0].value.as_deref().and_then(Row::read);
        jobs.undone();
        assert!(jobs.leases.is_held(id), "its holder may say so again");
        jobs.apply(&place, 3, row);
        assert!(!jobs.leases.is_held(id), "{settlement:?}");
        // It says so again.
        jobs.settle(&leased, &settlement);
        assert_eq!(jobs.writes().len(), 0, "{settlement:?}");
    }
}

/// A copy of the server's files that was put back has lower revisions, so two jobs can have begun with the same one.
#[test]
fn two_jobs_that_began_with_the_same_revision_are_two() {
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    let row = |name: &str| Row::new(&new_look(name, DateTime::UNIX_EPOCH), 5, 3).unwrap();
    let (a, b) = (row("a"), row("b"));
    let (at_a, at_b) = (Row::place(&a.key), Row::place(&b.key));
    jobs.apply(&at_a, 10, Some(a.clone()));
    jobs.apply(&at_b, 10, Some(b.clone()));
    let key = |jobs: &Jobs, place: &str| jobs.rows.at(place).map(|known| known.row.key.clone());
    assert_eq!((key(&jobs, &at_a), key(&jobs, &at_b)), (Some(a.key), Some(b.key)));
    let batch = jobs.lease(&Topic::Look, 9, &Sharing::in_order(9));
    assert_eq!(batch.jobs.len(), 2);
    jobs.stored(11, 2);
    for leased in &batch.jobs {
        jobs.settle(leased, &Settlement::Done);
    }
    assert_eq!(jobs.writes().iter().filter(|write| write.value.is_none()).count(), 2, "each is ended by its holder");
}

/// Another job stands where a look of the same place would.
#[test]
fn a_look_is_no_hint_of_another_job() {
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    let new = new_look("a", DateTime::UNIX_EPOCH);
    let place = Row::place(&crate::queue::row::key(&new.job));
    let other = Row::new(&new_look("b", DateTime::UNIX_EPOCH), 5, 3).unwrap();
    jobs.apply(&place, 10, Some(other.clone()));
    jobs.put(&[new]).unwrap();
    let writes = jobs.writes();
    assert_eq!(writes.len(), 1);
    assert_ne!(writes[0].key, place, "what stands there stays");
}

/// Each replica's watch tells of the same change. The first hint may be followed elsewhere before the second comes.
#[test]
fn a_hint_that_comes_a_moment_after_another_has_looked_waits_for_those_of_the_others() {
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    let now = jobs.ambient.now();
    let new = new_look("a", now);
    let row = Row::new(&new, now.timestamp_millis(), now.timestamp_millis()).unwrap();
    let place = Row::place(&row.key);
    let mark = Some(crate::queue::nats::entry::JobHolder { by: "another".into(), number: 1 });
    jobs.apply(&place, 10, Some(Row { held: mark, ..row }));
    jobs.apply(&place, 11, None);
    jobs.put(std::slice::from_ref(&new)).unwrap();
    jobs.stored(12, 1);
    let waits = jobs.rows.at(&place).map(|known| known.row.not_before - now.timestamp_millis());
    assert!(waits.is_some_and(|waits| waits >= 1000), "{waits:?}");
    assert!(jobs.lease(&Topic::Look, 9, &Sharing::in_order(9)).jobs.is_empty());
    assert_eq!(jobs.put(&[new]).unwrap().0, crate::queue::Placed::Coalesced);
}

/// Two believe for a moment to be the one that makes messages of what waits, and one has read it before the other was done.
#[test]
fn what_one_has_composed_another_does_not_compose_differently() {
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    let now = jobs.ambient.now();
    let items = ["a", "b", "c"].map(|uid| item(uid, NoticeKind::Available, now));
    jobs.put(&items).unwrap();
    jobs.stored(1, 3);
    let ids = |jobs: &mut Jobs| jobs.gathered("email", 9).into_iter().map(|it| it.id).collect::<Vec<_>>();
    let all = ids(&mut jobs);
    let first = mail("x@example.com", NoticeKind::Available, now);
    jobs.compose(&all[..2], std::slice::from_ref(&first)).unwrap();
    let stored = jobs.changed();
    jobs.stored(10, stored);
    let other = mail("x@example.com", NoticeKind::Applied, now);
    for of in [&all[..], &all[1..2]] {
        assert_eq!(jobs.compose(of, std::slice::from_ref(&other)).unwrap().0, crate::queue::Placed::Coalesced);
        assert_eq!(jobs.changed(), 0, "it reads again what waits");
    }
    assert_eq!(ids(&mut jobs), all[2..]);
    // As whoever does not learn how it ended.
    assert_eq!(jobs.compose(&all[..2], &[first]).unwrap().0, crate::queue::Placed::Coalesced);
}

/// Fault r28-1: what its images change and its makers say made a message larger than an entry may be, so that nobody was told.
#[test]
fn a_message_that_is_too_large_is_stored_without_what_makes_it_long() {
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    jobs.most_bytes = 20_000;
    let long = || {
        let mut new = mail("x@example.com", NoticeKind::Failed, DateTime::UNIX_EPOCH);
        for notice in new.job.notices_mut() {
            notice.declared.kinds.breaking = true;
            notice.declared.quotes = vec![crate::domain::plain::PlainText::of(&"word ".repeat(60)); 100];
        }
        new
    };
    jobs.put(&[long()]).unwrap();
    let stored = jobs.by_key(&crate::queue::row::key(&long().job)).unwrap().job().unwrap();
    assert_eq!(Some(stored), long().job.in_brief());
    let mut whole = long();
    for notice in whole.job.notices_mut() {
        notice.container = "x".repeat(20_000);
    }
    assert!(matches!(jobs.put(&[whole]), Err(QueueError::TooLarge { .. })));
}
