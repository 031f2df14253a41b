//! How many tags of the running tag's kind were listed last time, so that a list that suddenly lost most of them is not believed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::policy::Doubt;

/// So many are remembered. Beyond it all are forgotten, as after a start: what is not known is not doubted.
const MOST: usize = 32_768;

/// What is remembered of each list, by a hash of whose it is.
#[derive(Debug, Default)]
pub(crate) struct Families {
    by: RandomState,
    seen: Mutex<HashMap<u64, Seen>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    count: usize,
    /// Since when there are too few of them.
    fewer_since: Option<DateTime<Utc>>,
}

impl Families {
    /// Remembers how many there are now, unless that is doubted: then says why. `of` is whatever the count depends on
    /// beside the list.
    pub(crate) fn doubt(&self, of: impl Hash, count: usize, now: DateTime<Utc>) -> Option<Doubt> {
        let key = self.by.hash_one(of);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.get(&key).copied();
        if let Some(before) = before
            && let Some(doubt) = Doubt::shrunk(before.count, count)
        {
            let since = before.fewer_since.unwrap_or(now).min(now);
            if now - since < Doubt::BELIEVED_AFTER {
                seen.insert(key, Seen { fewer_since: Some(since), ..before });
                return Some(doubt);
            }
        }
        if before.is_none() && seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(key, Seen { count, fewer_since: None });
        None
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const WEB: (&str, &str, &str) = ("uid-1", "web", "1.0.0");

    #[test]
    fn a_list_that_lost_most_is_doubted_until_it_heals_or_lasts() {
        let families = Families::default();
        let at = |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let doubt = |count, hours| families.doubt(WEB, count, at(hours));
        assert_eq!(doubt(100, 0), None, "nothing is known at the start");
        assert_eq!(doubt(60, 1), None);
        let lost = Some(Doubt::Shrunk { now: 10, before: 60 });
        assert_eq!(doubt(10, 2), lost);
        assert_eq!(doubt(10, 25), lost);
        assert_eq!(doubt(61, 25), None, "it heals by itself");
        assert_eq!(doubt(10, 26), Some(Doubt::Shrunk { now: 10, before: 61 }));
        assert_eq!(doubt(10, 49), Some(Doubt::Shrunk { now: 10, before: 61 }), "the day begins with the loss");
        assert_eq!(doubt(10, 50), None, "somebody cleaned up");
        assert_eq!(doubt(9, 51), None);
        assert_eq!(families.doubt(("uid-1", "web", "1.0.0-alpine"), 1, at(2)), None, "of another kind");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let families = Families::default();
        for n in 0..=MOST {
            assert_eq!(families.doubt((&n.to_string(), "web", "1.0.0"), 100, DateTime::UNIX_EPOCH), None);
        }
        assert_eq!(families.seen.lock().unwrap().len(), 1);
    }
}
