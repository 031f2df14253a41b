//! Deliveries that were taken already: load that is spared, never correctness that is risked.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most marks of one generation; two are kept.
const MOST: usize = 10_000;
/// A generation begins no later than this after the one before, so that nothing is remembered for longer than a day:
/// by then no sender repeats itself without a reason, and one more look is cheap.
const AGE: Duration = Duration::from_secs(12 * 3600);

/// Remembers marks, the newest ten to twenty thousand of them.
///
/// Marks are keyed hashes: nobody outside can make two deliveries look alike.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    /// When the newer one began, as a monotonic time.
    began: Duration,
}

impl Seen {
    /// The mark of a thing.
    pub(super) fn mark(&self, thing: &impl Hash) -> u64 {
        self.hasher.hash_one(thing)
    }

    /// Whether any of these was remembered, at `now`, a monotonic time.
    pub(super) fn any(&self, marks: &[u64], now: Duration) -> bool {
        let generations = self.aged(now);
        marks.iter().any(|mark| generations.newer.contains(mark) || generations.older.contains(mark))
    }

    /// Remembers these. Only what is durable is remembered: what was answered 503 has to be taken when it comes again.
    pub(super) fn remember(&self, marks: &[u64], now: Duration) {
        let mut generations = self.aged(now);
        if generations.newer.len() + marks.len() > MOST {
            generations.turn(now);
        }
        generations.newer.extend(marks);
    }

    fn aged(&self, now: Duration) -> MutexGuard<'_, Generations> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_sub(generations.began);
        if age >= 2 * AGE {
            generations.newer.clear();
        }
        if age >= AGE {
            generations.turn(now);
        }
        generations
    }
}

impl Generations {
    fn turn(&mut self, now: Duration) {
        self.older = std::mem::take(&mut self.newer);
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = AGE;

    #[test]
    fn the_newest_are_remembered_and_the_rest_forgotten() {
        let seen = Seen::default();
        let mark = |n: usize| seen.mark(&n);
        let (any, remember) = (|n: usize| seen.any(&[mark(n)], NOON), |n: usize| seen.remember(&[mark(n)], NOON));
        assert!(!any(1));
        seen.remember(&[mark(1), mark(2)], NOON);
        assert!(seen.any(&[mark(3), mark(2)], NOON) && !any(3));
        (10..10 + MOST).for_each(remember);
        assert!(any(1), "one generation back");
        (20_000..20_000 + MOST).for_each(remember);
        assert!(!any(1) && any(20_000));
        let generations = seen.generations.lock().unwrap();
        assert!(generations.newer.len() <= MOST && generations.older.len() <= MOST);
    }

    #[test]
    fn what_came_a_day_ago_is_news_again() {
        let seen = Seen::default();
        let marks = [seen.mark(&1)];
        seen.remember(&marks, NOON);
        assert!(seen.any(&marks, NOON + AGE / 2) && seen.any(&marks, NOON + AGE));
        assert!(!seen.any(&marks, NOON + 2 * AGE), "a day");
        seen.remember(&marks, NOON + 2 * AGE);
        assert!(!seen.any(&marks, NOON + 5 * AGE), "also when nothing came meanwhile");
    }
}
