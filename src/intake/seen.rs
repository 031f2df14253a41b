//! Deliveries that were taken already: load that is spared, never correctness that is risked.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// The most marks of one generation; two are kept.
const MOST: usize = 10_000;

/// Remembers marks, the newest ten to twenty thousand of them.
///
/// Marks are keyed hashes: nobody outside can make two deliveries look alike.
#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    generations: Mutex<(HashSet<u64>, HashSet<u64>)>,
}

impl Seen {
    /// The mark of a thing.
    pub(super) fn mark(&self, thing: &impl Hash) -> u64 {
        self.hasher.hash_one(thing)
    }

    /// Whether any of these was remembered.
    pub(super) fn any(&self, marks: &[u64]) -> bool {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        marks.iter().any(|mark| generations.0.contains(mark) || generations.1.contains(mark))
    }

    /// Remembers these. Only what is durable is remembered: what was answered 503 has to be taken when it comes again.
    pub(super) fn remember(&self, marks: &[u64]) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.0.len() + marks.len() > MOST {
            generations.1 = std::mem::take(&mut generations.0);
        }
        generations.0.extend(marks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_the_rest_forgotten() {
        let seen = Seen::default();
        let mark = |n: usize| seen.mark(&n);
        assert!(!seen.any(&[mark(1)]));
        seen.remember(&[mark(1), mark(2)]);
        assert!(seen.any(&[mark(3), mark(2)]) && !seen.any(&[mark(3)]));
        (10..10 + MOST).for_each(|n| seen.remember(&[mark(n)]));
        assert!(seen.any(&[mark(1)]), "one generation back");
        (20_000..20_000 + MOST).for_each(|n| seen.remember(&[mark(n)]));
        assert!(!seen.any(&[mark(1)]) && seen.any(&[mark(20_000)]));
        let generations = seen.generations.lock().unwrap();
        assert!(generations.0.len() <= MOST && generations.1.len() <= MOST);
    }
}
