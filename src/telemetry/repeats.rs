//! Lines of the log that many causes ask for at once: of those that are alike one is written an hour, and the next says
//! how many there were.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lines that are alike are this far apart.
const BETWEEN: Duration = Duration::from_secs(3600);
/// Owners that are counted one by one; all others are one more.
const MOST_OWNERS: usize = 1000;
/// Kinds of lines of one owner that are counted one by one; all others are one more.
const MOST_KINDS: usize = 20;
/// The key of all others.
const OTHERS: u64 = 0;

/// Suppresses lines that repeat others. An owner, as a namespace or a channel, takes no lines away from another.
#[derive(Debug, Default)]
pub struct Repeats {
    owners: Mutex<HashMap<u64, Kinds>>,
    hasher: RandomState,
}

type Kinds = HashMap<u64, Written>;

#[derive(Debug, Default)]
struct Written {
    at: Option<Duration>,
    suppressed: u64,
}

impl Written {
    fn is_recent(&self, now: Duration) -> bool {
        self.at.is_some_and(|at| now.saturating_sub(at) < BETWEEN)
    }
}

impl Repeats {
    /// Whether this owner's line of this kind is written at `now`, a monotonic time; if so, how many like it were not
    /// since the last one.
    pub fn line(&self, owner: &str, kind: impl Hash, now: Duration) -> Option<u64> {
        let (owner, kind) = (self.hasher.hash_one(owner), self.hasher.hash_one(kind));
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds =
            place(&mut owners, owner, MOST_OWNERS, |kinds| kinds.values().any(|written| written.is_recent(now)));
        let written = place(kinds, kind, MOST_KINDS, |written| written.is_recent(now));
        if written.is_recent(now) {
            written.suppressed += 1;
            return None;
        }
        written.at = Some(now);
        Some(std::mem::take(&mut written.suppressed))
    }
}

/// The place of a key, or the one of all others when there are too many that are still needed.
fn place<V: Default>(map: &mut HashMap<u64, V>, key: u64, most: usize, is_needed: impl Fn(&V) -> bool) -> &mut V {
    if map.len() >= most && !map.contains_key(&key) {
        map.retain(|_, value| is_needed(value));
    }
    let has_place = map.len() < most || map.contains_key(&key);
    map.entry(if has_place { key } else { OTHERS }).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    #[test]
    fn of_lines_that_are_alike_one_an_hour_is_written() {
        let repeats = Repeats::default();
        let line = |kind, minutes| repeats.line("shop", kind, at(minutes));
        assert_eq!([line("down", 0), line("down", 1), line("down", 59)], [Some(0), None, None]);
        assert_eq!(line("refused", 1), Some(0), "another kind");
        assert_eq!(repeats.line("blog", "down", at(1)), Some(0), "another owner");
        assert_eq!([line("down", 60), line("down", 61), line("down", 200)], [Some(2), None, Some(1)]);
    }

    #[test]
    fn an_owner_with_thousands_of_kinds_writes_few_lines_and_takes_none_from_others() {
        let repeats = Repeats::default();
        let lines = |owner: &str, minutes| (0..6000).filter_map(|n| repeats.line(owner, n, at(minutes))).count();
        assert_eq!(lines("shop", 0), MOST_KINDS + 1);
        assert_eq!(lines("shop", 30), 0);
        assert_eq!(lines("blog", 30), MOST_KINDS + 1);
        assert_eq!(lines("shop", 90), MOST_KINDS + 1, "an hour later they are written again");
        assert_eq!(repeats.owners.lock().unwrap()[&repeats.hasher.hash_one("shop")].len(), MOST_KINDS + 1);
    }

    #[test]
    fn thousands_of_owners_are_held_within_a_bound() {
        let repeats = Repeats::default();
        let lines = |minutes| (0..5000).filter_map(|n| repeats.line(&format!("ns-{n}"), "down", at(minutes))).count();
        assert_eq!((lines(0), lines(1)), (MOST_OWNERS + 1, 0));
        assert_eq!(repeats.owners.lock().unwrap().len(), MOST_OWNERS + 1);
        assert_eq!(lines(120), MOST_OWNERS + 1);
    }
}
