//! Who is about to be written, who waits for others, and who takes no write. Memory only: what others went through is
//! read from records.
//!
//! What is about to be written stands in no record yet, so it is noted here first, and is noted no longer when the write is done
//! or given up. Who waits is remembered until a look at its repository finds that it waits no more; after a restart, the next
//! look finds anew who does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::fleet::{Entered, Waits};
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::workload::WorkloadId;
use crate::reconcile::Target;

/// The most who are remembered as waiting, and as taking no write; the schedule looks at others.
const MOST: usize = 20_000;

/// Admission of automatic updates: who is about to be written, so that no more roll at once than may, and the first of an image
/// goes alone.
#[derive(Debug, Default)]
pub(crate) struct Entrance(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
pub(crate) struct Passing {
    pub(crate) entered: Vec<Entered>,
    /// The number of each of them.
    numbers: Vec<u64>,
    next: u64,
    /// In the order in which they began to wait.
    pub(crate) waiting: Vec<Waiting>,
    /// Of whom the API server refuses what is written, by uid: each is tried again at this time of the monotonic clock.
    closed: HashMap<Box<str>, Duration>,
}

/// Who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: WorkloadId,
    pub(crate) container: Box<str>,
    pub(crate) repository: Repository,
    pub(crate) tag: Tag,
    pub(crate) digest: Digest,
    pub(crate) waits: Waits,
    /// Whether the newest look at its repository found that it does.
    is_found: bool,
}

impl Waiting {
    /// Whether it waits for room, and not for one that goes first.
    pub(crate) fn is_for_room(&self) -> bool {
        matches!(self.waits, Waits::Full(_))
    }

    pub(crate) fn is(&self, target: &Target) -> bool {
        self.id.uid == target.workload.id.uid && *self.container == *target.container
    }
}

/// That a workload is about to be written. Dropped, it is not any more.
#[derive(Debug)]
pub(crate) struct Pass(Arc<Mutex<Passing>>, u64);

impl Drop for Pass {
    fn drop(&mut self) {
        let mut passing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = passing.numbers.iter().position(|number| *number == self.1) {
            passing.numbers.remove(place);
            passing.entered.remove(place);
        }
    }
}

impl Entrance {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, passing: &mut Passing, entered: Entered) -> Pass {
        let number = passing.next;
        passing.next += 1;
        passing.entered.push(entered);
        passing.numbers.push(number);
        Pass(Arc::clone(&self.0), number)
    }

    /// A look at a repository begins: it will find who waits.
    pub(crate) fn begins(&self, repository: &Repository) {
        for waiting in self.lock().waiting.iter_mut().filter(|waiting| waiting.repository == *repository) {
            waiting.is_found = false;
        }
    }

    /// It ended: who was not found to wait does not.
    pub(crate) fn ended(&self, repository: &Repository) {
        self.lock().waiting.retain(|waiting| waiting.is_found || waiting.repository != *repository);
    }

    /// The API server refuses what is written on a workload: nobody waits for it until then, and it is not tried.
    pub(crate) fn takes_nothing(&self, uid: &str, (now, until): (Duration, Duration)) {
        let mut passing = self.lock();
        passing.closed.retain(|_, until| now < *until);
        if passing.closed.len() < MOST || passing.closed.contains_key(uid) {
            let known = passing.closed.entry(uid.into()).or_default();
            *known = until.max(*known);
        }
    }
}

impl Passing {
    /// For how long a workload takes no write of ours, as was found a while ago; nothing where it does.
    pub(crate) fn closed_for(&self, uid: &str, now: Duration) -> Option<Duration> {
        self.closed.get(uid)?.checked_sub(now).filter(|left| !left.is_zero())
    }

    pub(crate) fn is_closed(&self, uid: &str, now: Duration) -> bool {
        self.closed_for(uid, now).is_some()
    }

    pub(crate) fn waits(&mut self, target: &Target, (tag, digest): (Tag, Digest), waits: &Waits) {
        if let Some(known) = self.waiting.iter_mut().find(|waiting| waiting.is(target)) {
            (known.tag, known.digest, known.waits, known.is_found) = (tag, digest, waits.clone(), true);
            known.repository = target.repository.clone();
        } else if self.waiting.len() < MOST {
            let (id, container) = (target.workload.id.clone(), target.container.as_str().into());
            let repository = target.repository.clone();
            let waits = waits.clone();
            self.waiting.push(Waiting { id, container, repository, tag, digest, waits, is_found: true });
        }
    }

    /// Who waits for room, and began to before this one.
    pub(crate) fn ahead<'p>(&'p self, target: &'p Target) -> impl Iterator<Item = &'p WorkloadId> {
        let before = self.waiting.iter().take_while(|waiting| !waiting.is(target));
        before.filter(|waiting| waiting.is_for_room()).map(|waiting| &waiting.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_short_refusal_never_ends_a_longer_one() {
        let entrance = Entrance::default();
        entrance.takes_nothing("a", (at(0), at(900)));
        entrance.takes_nothing("a", (at(5), at(15)));
        assert_eq!(entrance.lock().closed_for("a", at(20)), Some(at(880)));
        assert!(!entrance.lock().is_closed("a", at(900)));
    }

    #[test]
    fn what_is_over_makes_room_for_what_is_found_now() {
        let entrance = Entrance::default();
        for number in 0..MOST {
            entrance.takes_nothing(&number.to_string(), (at(0), at(10)));
        }
        entrance.takes_nothing("late", (at(9), at(20)));
        assert!(!entrance.lock().is_closed("late", at(9)), "there is no room");
        entrance.takes_nothing("late", (at(10), at(20)));
        assert!(entrance.lock().is_closed("late", at(10)));
        assert_eq!(entrance.lock().closed.len(), 1);
    }
}
