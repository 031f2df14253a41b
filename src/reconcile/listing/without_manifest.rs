//! Tags that are listed and have no manifest yet, so that they are looked at again soon: some registries list and announce a
//! tag a moment before it can be pulled, and what is passed over then must not be missed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::reconcile::listing::announced::AT_FIRST;

/// Once a tag is absent for so long, it is left to the schedule and to the next push.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::minutes(10);
/// So many are remembered. Beyond it all are forgotten, and asked about once more.
const MOST: usize = 4096;

/// The first sight of each, by a hash of whose it is.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    by: RandomState,
    seen: Mutex<HashMap<u64, DateTime<Utc>>>,
}

impl Absent {
    /// When to ask again for one that is absent now: after as long as it has been.
    pub(crate) fn again(&self, of: impl Hash, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let key = self.by.hash_one(of);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST && !seen.contains_key(&key) {
            seen.clear();
        }
        let age = now - *seen.entry(key).or_insert(now);
        (age < GIVEN_UP_AFTER).then(|| now + age.max(AT_FIRST))
    }

    /// For how long one was absent when it was asked about last; none that is not remembered.
    pub(crate) fn age(&self, of: impl Hash, now: DateTime<Utc>) -> TimeDelta {
        let key = self.by.hash_one(of);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&key).map_or(TimeDelta::zero(), |first| now - *first)
    }

    /// It is there.
    pub(crate) fn found(&self, of: impl Hash) {
        let key = self.by.hash_one(of);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_asked_about_less_and_less_and_then_no_more() {
        let absent = Absent::default();
        let at = |milliseconds| DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds);
        let (mut now, mut asked) = (0, Vec::new());
        while let Some(again) = absent.again("web:1.0.1", at(now)) {
            now = again.timestamp_millis();
            asked.push(now);
        }
        assert_eq!(asked, (0..13).map(|doubled| 250 << doubled).collect::<Vec<i64>>());
        assert_eq!(absent.again("web:1.0.2", at(now)), Some(at(now + 250)), "each has its own");
        absent.found("web:1.0.1");
        assert_eq!(absent.again("web:1.0.1", at(now)), Some(at(now + 250)), "it was there, and went again");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let absent = Absent::default();
        for n in 0..=MOST {
            assert!(absent.again(n, DateTime::UNIX_EPOCH).is_some());
        }
        assert_eq!(absent.seen.lock().unwrap().len(), 1);
    }
}
