//! Looks that wait in the file, or that are held and wait again after that: one more hint of them is no news.
//!
//! The writer notes them, and strikes one off before it gives it away. So a hint that finds its look among the stored
//! ones comes before that look reads anything, and is as durable as the look: it needs no statement, and no turn of the
//! writer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::reference::Repository;
use crate::queue::Urgency;

/// The most looks that are noted; more begin anew, and cost their statements once more.
const MOST: usize = 16_384;
/// Hints that come while a repository is looked at, and this long after it, are gathered for one more look. Milliseconds.
pub(super) const GATHER: i64 = 1000;

/// A look that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// It is done no later than this, Unix milliseconds.
    pub(super) at: i64,
    /// It failed, or was done, a moment ago, so hints bring it forward by no more than [`GATHER`] allows.
    pub(super) gathers: bool,
    /// Whether somebody waits for it.
    pub(super) urgency: Urgency,
}

impl Look {
    /// Whether it does for a hint that is to be followed at `at`, Unix milliseconds.
    fn serves(&self, at: i64, urgency: Urgency) -> bool {
        self.urgency <= urgency && self.at <= if self.gathers { at.saturating_add(GATHER) } else { at }
    }
}

/// When repositories were last looked at, Unix milliseconds, and how urgently; what is older than [`GATHER`] is dropped.
#[derive(Default)]
pub(super) struct Recent(HashMap<Repository, (i64, Urgency)>);

impl Recent {
    /// Until when hints of this repository are gathered that come now, Unix milliseconds; 0 where they are not.
    pub(super) fn gathers_until(&self, repository: &Repository, urgency: Urgency, now: i64) -> i64 {
        let looked = self.0.get(repository).filter(|(_, last)| urgency.is_gathered_after(*last));
        looked.map_or(0, |(looked, _)| (looked + GATHER).min(now + GATHER))
    }

    /// A look has ended.
    pub(super) fn note(&mut self, repository: Repository, urgency: Urgency, now: i64) {
        self.0.retain(|_, (looked, _)| (0..GATHER).contains(&(now - *looked)));
        self.0.insert(repository, (now, urgency));
    }
}

/// A look, and the number of the commit that its row is of.
type Looks = HashMap<Repository, (Look, u64)>;

/// The number of the last commit that is on disk; those before it are as well.
#[derive(Clone, Debug, Default)]
pub(super) struct Synced(Arc<AtomicU64>);

impl Synced {
    /// Whether this commit is on disk.
    pub(super) fn has(&self, commit: u64) -> bool {
        commit <= self.0.load(Ordering::Acquire)
    }

    /// This commit is on disk now.
    pub(super) fn reached(&self, commit: u64) {
        self.0.fetch_max(commit, Ordering::AcqRel);
    }
}

/// The looks that wait, as the writer notes them.
#[derive(Default)]
pub(super) struct Waiting {
    looks: Arc<Mutex<Looks>>,
    synced: Synced,
}

/// The same for whoever puts a look, to read.
#[derive(Clone)]
pub(super) struct StoredLooks(Arc<Mutex<Looks>>, Synced);

impl StoredLooks {
    /// Whether a look on disk serves a hint of this repository that is to be followed at `at`, Unix milliseconds.
    pub(super) fn serves(&self, repository: &Repository, at: i64, urgency: Urgency) -> bool {
        let looks = lock(&self.0);
        looks.get(repository).is_some_and(|(look, commit)| self.1.has(*commit) && look.serves(at, urgency))
    }
}

impl Waiting {
    /// The half that can be asked.
    pub(super) fn stored(&self) -> StoredLooks {
        StoredLooks(Arc::clone(&self.looks), self.synced.clone())
    }

    /// Which commits are on disk.
    pub(super) fn synced(&self) -> Synced {
        self.synced.clone()
    }

    /// Whether a look serves a hint, be it on disk, committed or of the open transaction.
    pub(super) fn serves(&self, repository: &Repository, at: i64, urgency: Urgency) -> bool {
        lock(&self.looks).get(repository).is_some_and(|(look, _)| look.serves(at, urgency))
    }

    /// The open transaction, which is to be the commit of this number, makes this look wait.
    pub(super) fn note(&self, repository: &Repository, look: Look, commit: u64) {
        let mut looks = lock(&self.looks);
        if looks.len() >= MOST {
            looks.clear();
        }
        looks.insert(repository.clone(), (look, commit));
    }

    /// It is given away, and waits no longer.
    pub(super) fn strike(&self, repository: &Repository) {
        lock(&self.looks).remove(repository);
    }

    /// Nobody knows what is in the file.
    pub(super) fn clear(&self) {
        lock(&self.looks).clear();
    }
}

fn lock(looks: &Mutex<Looks>) -> MutexGuard<'_, Looks> {
    looks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: Urgency = Urgency::Prompt;

    #[test]
    fn a_look_serves_hints_once_it_is_on_disk_and_until_it_is_given_away() {
        let (waiting, web) = (Waiting::default(), Repository::parse("acme/web").unwrap());
        let (stored, synced) = (waiting.stored(), waiting.synced());
        assert!(!waiting.serves(&web, 5, PROMPT) && !stored.serves(&web, 5, PROMPT));
        waiting.note(&web, Look { at: 5, gathers: false, urgency: PROMPT }, 1);
        assert_eq!((waiting.serves(&web, 5, PROMPT), stored.serves(&web, 5, PROMPT)), (true, false), "not on disk yet");
        synced.reached(1);
        assert_eq!((waiting.serves(&web, 5, PROMPT), stored.serves(&web, 5, PROMPT)), (true, true));
        assert!(!stored.serves(&web, 4, PROMPT), "it waits for longer than this hint may");
        waiting.note(&web, Look { at: 3, gathers: false, urgency: PROMPT }, 2);
        assert!(!stored.serves(&web, 4, PROMPT), "brought forward, but not yet on disk");
        synced.reached(1);
        assert!(!stored.serves(&web, 4, PROMPT), "an earlier commit was on its way to the disk");
        synced.reached(3);
        assert!(stored.serves(&web, 4, PROMPT));
        waiting.strike(&web);
        assert!(!stored.serves(&web, 9, PROMPT) && !waiting.serves(&web, 9, PROMPT));
    }

    #[test]
    fn hints_are_gathered_for_a_moment_and_no_longer() {
        let (waiting, web) = (Waiting::default(), Repository::parse("acme/web").unwrap());
        waiting.note(&web, Look { at: GATHER, gathers: true, urgency: PROMPT }, 1);
        assert!(waiting.serves(&web, 0, PROMPT) && !waiting.serves(&web, -1, PROMPT));
        waiting.clear();
        waiting.synced().reached(1);
        assert!(!waiting.stored().serves(&web, 0, PROMPT));
    }

    #[test]
    fn a_routine_look_serves_no_prompt_hint() {
        let (waiting, web) = (Waiting::default(), Repository::parse("acme/web").unwrap());
        waiting.note(&web, Look { at: 5, gathers: false, urgency: Urgency::Routine }, 1);
        assert!(waiting.serves(&web, 5, Urgency::Routine) && !waiting.serves(&web, 5, PROMPT));
        waiting.note(&web, Look { at: 5, gathers: false, urgency: PROMPT }, 1);
        assert!(waiting.serves(&web, 5, Urgency::Routine) && waiting.serves(&web, 5, PROMPT));
    }

    #[test]
    fn the_number_of_looks_is_bounded() {
        let waiting = Waiting::default();
        let name = |n: usize| Repository::parse(&format!("acme/web-{n}")).unwrap();
        (0..=MOST).for_each(|n| waiting.note(&name(n), Look { at: 0, gathers: false, urgency: PROMPT }, 1));
        assert!(waiting.serves(&name(MOST), 0, PROMPT) && !waiting.serves(&name(0), 0, PROMPT));
        assert!(lock(&waiting.looks).len() <= MOST);
    }
}
