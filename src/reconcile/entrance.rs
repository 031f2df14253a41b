//! Who is about to be written, who waits for others, and whose rollouts stand still. Memory only: what others went through is
//! read from records.
//!
//! What is about to be written stands in no record yet, so it is noted here first, and is noted no longer when the write is done
//! or given up. Who waits is remembered until a look at its repository finds that it waits no more; after a restart, the next
//! look finds anew who does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Target;
use crate::domain::fleet::{Entered, Waits};
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::workload::WorkloadId;

/// The most who are remembered as waiting, and as let alone; the schedule looks at others.
const MOST: usize = 20_000;

/// Where those pass who are to be written by themselves.
#[derive(Debug, Default)]
pub(super) struct Entrance(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
pub(super) struct Passing {
    pub(super) entered: Vec<Entered>,
    /// The number of each of them.
    numbers: Vec<u64>,
    next: u64,
    /// In the order in which they began to wait.
    pub(super) waiting: Vec<Waiting>,
    /// Whom nobody waits for, by uid.
    let_alone: HashMap<Box<str>, LetAlone>,
}

/// Why nobody waits for a workload.
#[derive(Debug, Default)]
struct LetAlone {
    /// Its rollout stands still, with nothing that ends it.
    is_still: bool,
    /// The API server refuses what is written on it; it is tried again at this time of the monotonic clock.
    refuses_until: Option<Duration>,
}

impl LetAlone {
    fn is_at(&self, now: Duration) -> bool {
        self.is_still || self.refuses_until.is_some_and(|until| now < until)
    }
}

/// Who waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: WorkloadId,
    pub(super) container: Box<str>,
    pub(super) repository: Repository,
    pub(super) tag: Tag,
    pub(super) digest: Digest,
    pub(super) waits: Waits,
    /// Whether the newest look at its repository found that it does.
    is_found: bool,
}

impl Waiting {
    /// Whether it waits for room, and not for one that goes first.
    pub(super) fn is_for_room(&self) -> bool {
        matches!(self.waits, Waits::Full(_))
    }

    pub(super) fn is(&self, target: &Target) -> bool {
        self.id.uid == target.workload.id.uid && *self.container == *target.container
    }
}

/// That a workload is about to be written. Dropped, it is not any more.
#[derive(Debug)]
pub(super) struct Pass(Arc<Mutex<Passing>>, u64);

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
    pub(super) fn lock(&self) -> MutexGuard<'_, Passing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, passing: &mut Passing, entered: Entered) -> Pass {
        let number = passing.next;
        passing.next += 1;
        passing.entered.push(entered);
        passing.numbers.push(number);
        Pass(Arc::clone(&self.0), number)
    }

    /// A look at a repository begins: it will find who waits.
    pub(super) fn begins(&self, repository: &Repository) {
        for waiting in self.lock().waiting.iter_mut().filter(|waiting| waiting.repository == *repository) {
            waiting.is_found = false;
        }
    }

    /// It ended: who was not found to wait does not.
    pub(super) fn ended(&self, repository: &Repository) {
        self.lock().waiting.retain(|waiting| waiting.is_found || waiting.repository != *repository);
    }

    /// Whether a rollout stands still.
    pub(super) fn stands_still(&self, id: &WorkloadId, still: bool) {
        self.lock().stands_still(&id.uid, still);
    }

    /// The API server refuses what is written on a workload: nobody waits for it until then, and it is not tried.
    pub(super) fn takes_nothing(&self, uid: &str, (now, until): (Duration, Duration)) {
        let mut passing = self.lock();
        passing.let_alone.retain(|_, it| it.is_at(now));
        if let Some(known) = passing.known(uid) {
            known.refuses_until = known.refuses_until.max(Some(until));
        }
    }
}

impl Passing {
    /// What is noted of a workload, or room for it; nothing where there is none left.
    fn known(&mut self, uid: &str) -> Option<&mut LetAlone> {
        let has_room = self.let_alone.len() < MOST || self.let_alone.contains_key(uid);
        has_room.then(|| self.let_alone.entry(uid.into()).or_default())
    }

    pub(super) fn stands_still(&mut self, uid: &str, still: bool) {
        if still {
            if let Some(known) = self.known(uid) {
                known.is_still = true;
            }
        } else if let Some(known) = self.let_alone.get_mut(uid) {
            known.is_still = false;
            if known.refuses_until.is_none() {
                self.let_alone.remove(uid);
            }
        }
    }

    pub(super) fn is_still(&self, uid: &str) -> bool {
        self.let_alone.get(uid).is_some_and(|it| it.is_still)
    }

    /// For how long a workload takes no write of ours, as was found a while ago; nothing where it does.
    pub(super) fn closed_for(&self, uid: &str, now: Duration) -> Option<Duration> {
        self.let_alone.get(uid)?.refuses_until?.checked_sub(now).filter(|left| !left.is_zero())
    }

    pub(super) fn is_closed(&self, uid: &str, now: Duration) -> bool {
        self.closed_for(uid, now).is_some()
    }

    /// Whether nobody waits for a workload: its rollout stands still, or it takes no write.
    pub(super) fn is_let_alone(&self, uid: &str, now: Duration) -> bool {
        self.let_alone.get(uid).is_some_and(|it| it.is_at(now))
    }

    pub(super) fn waits(&mut self, target: &Target, (tag, digest): (Tag, Digest), waits: &Waits) {
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
    pub(super) fn ahead<'p>(&'p self, target: &'p Target) -> impl Iterator<Item = &'p WorkloadId> {
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
        assert!(!entrance.lock().is_let_alone("late", at(9)), "there is no room");
        entrance.takes_nothing("late", (at(10), at(20)));
        assert!(entrance.lock().is_let_alone("late", at(10)));
        assert_eq!(entrance.lock().let_alone.len(), 1);
    }

    #[test]
    fn a_rollout_that_moves_again_may_still_take_no_write() {
        let entrance = Entrance::default();
        entrance.lock().stands_still("a", true);
        entrance.takes_nothing("a", (at(0), at(10)));
        entrance.lock().stands_still("a", false);
        let passing = entrance.lock();
        assert!(!passing.is_still("a") && passing.is_let_alone("a", at(5)) && !passing.is_let_alone("a", at(10)));
    }
}
