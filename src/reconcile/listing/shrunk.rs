//! How many tags of the running tag's kind were listed last time, so that a list that suddenly lost half of them or more is not
//! believed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::cluster::Cluster;
use crate::domain::policy::{Doubt, Order, Policy, Selection};
use crate::domain::record::Ledger;
use crate::domain::record::sealed::fingerprint;
use crate::domain::reference::Tag;
use crate::domain::tag::Version;
use crate::queue::{Queue, Records};
use crate::reconcile::{Reconciler, Target};
use crate::registry::{Registry, Tags};

/// So many are remembered. Beyond it all are forgotten, and what is kept beside the queue is read again.
const MOST: usize = 32_768;

/// How long it is kept beside the queue how many there were.
const KEPT: TimeDelta = TimeDelta::days(365);

/// It is kept anew so often, as what was kept first goes first where there is no more room.
const KEPT_ANEW: TimeDelta = TimeDelta::days(7);

/// What is remembered of each list, by a hash of whose it is.
#[derive(Debug, Default)]
pub(crate) struct Families {
    by: RandomState,
    seen: Mutex<HashMap<u64, Seen>>,
    /// Of which nothing is kept beside the queue: that is asked once.
    unkept: Mutex<HashSet<u64>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    count: usize,
    /// Since when there are too few of them.
    fewer_since: Option<DateTime<Utc>>,
    /// How many it is kept beside the queue that there are, and when that was written.
    kept: Option<(usize, DateTime<Utc>)>,
}

impl Seen {
    /// Whether what is kept is so old, or so far from it, that it is kept anew: not at every push.
    fn is_news(&self, now: DateTime<Utc>) -> bool {
        self.kept.is_none_or(|(kept, at)| kept.abs_diff(self.count) * 4 > kept || now - at >= KEPT_ANEW)
    }
}

/// What is kept beside the queue of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KeptCount {
    /// How many there were.
    count: usize,
    /// When that was written.
    at: DateTime<Utc>,
    /// The tag that ran then, of whose kind they were.
    running: Tag,
}

impl KeptCount {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let (count, at) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { count, at: DateTime::from_timestamp(at, 0)?, running: Tag::parse(parts.next()?).ok()? })
    }

    fn text(&self) -> String {
        format!("{} {} {}", self.count, self.at.timestamp(), self.running)
    }

    /// Whether it counts what is of another tag's kind: all that a pattern takes is, and without one what is of its family.
    fn is_of(&self, running: &Tag, policy: &Policy) -> bool {
        let same_family = || {
            let (one, other) = (Version::ordered(self.running.as_str())?, Version::ordered(running.as_str())?);
            Some(one.difference(&other).is_none())
        };
        self.running == *running || policy.selection.is_some() || same_family() == Some(true)
    }
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
        seen.insert(key, Seen { count, fewer_since: None, kept: before.and_then(|before| before.kept) });
        None
    }

    /// Whether anything is remembered of it, or that there is nothing.
    fn knows(&self, of: impl Hash) -> bool {
        let key = self.by.hash_one(of);
        let is_seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key);
        is_seen || self.unkept.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    /// Remembers that nothing is kept of it.
    fn is_unkept(&self, of: impl Hash) {
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        if unkept.len() >= MOST {
            unkept.clear();
        }
        unkept.insert(self.by.hash_one(of));
    }

    /// Takes how many there were before the start, when that was written, and since when there are too few, unless it was seen
    /// since.
    fn expect(&self, of: impl Hash, kept: (usize, DateTime<Utc>), fewer_since: Option<DateTime<Utc>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(self.by.hash_one(of)).or_insert(Seen { count: kept.0, fewer_since, kept: Some(kept) });
    }

    /// How many there are, where that is to be kept.
    fn to_keep(&self, of: impl Hash, now: DateTime<Utc>) -> Option<usize> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            seen.get_mut(&self.by.hash_one(of)).filter(|known| known.fewer_since.is_none() && known.is_news(now))?;
        known.kept = Some((known.count, now));
        Some(known.count)
    }
}

/// Whose list it is.
type Whose<'w> = (&'w str, &'w str, &'w str, Option<(bool, &'w str, Order)>);

fn whose<'w>(target: &'w Target, running: &'w Tag, policy: &'w Policy) -> Whose<'w> {
    let kind = policy.selection.as_ref().map(Selection::identity);
    (&target.workload.id.uid, &target.container, running.as_str(), kind)
}

/// Where it is kept how many there are: whatever runs, so that one workload has one such row.
fn key((uid, container, _, kind): Whose<'_>) -> String {
    format!("listed:{}", fingerprint(&format!("{:?}", (uid, container, kind))))
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether the list lost most of the running tag's kind since it was last looked at; after a start, since
    /// [`Self::expects_list`].
    pub(crate) fn shrunk(
        &self,
        target: &Target,
        ledger: &Ledger,
        running: &Tag,
        policy: &Policy,
        tags: &Tags,
    ) -> Option<Doubt> {
        let (count, now) = (tags.relatives(running.as_str(), policy)?, self.0.ambient.now());
        let doubt = self.1.families.doubt(whose(target, running, policy), count, now);
        doubt.or_else(|| ledger.doubts(count, now))
    }

    /// Has it known how long a list was when the process ended, before the first one since the start is judged.
    pub(crate) async fn expects_list(&self, target: &Target, ledger: &Ledger, running: &Tag, policy: &Policy) {
        let of = whose(target, running, policy);
        if self.1.families.knows(of) {
            return;
        }
        let kept = self.0.queue.recall(&key(of)).await;
        match kept.and_then(|kept| KeptCount::read(&kept)).filter(|kept| kept.is_of(running, policy)) {
            Some(KeptCount { count, at, .. }) => {
                self.1.families.expect(of, (count, at), ledger.shrunk.as_ref().map(|shrunk| shrunk.since));
            }
            None => self.1.families.is_unkept(of),
        }
    }

    /// Keeps how long a list is that was believed, where it is another one than what is kept.
    pub(crate) async fn keeps_list(&self, target: &Target, running: &Tag, policy: &Policy) {
        let (of, at) = (whose(target, running, policy), self.0.ambient.now());
        if let Some(count) = self.1.families.to_keep(of, at) {
            let kept = KeptCount { count, at, running: running.clone() };
            self.0.queue.keep(&key(of), kept.text(), at + KEPT).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::policy::Strategy;

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
    fn exactly_half_is_doubted_and_one_more_is_not() {
        for (before, half) in [(60, 30), (61, 30)] {
            let families = Families::default();
            let doubt = |count| families.doubt(WEB, count, DateTime::UNIX_EPOCH);
            assert_eq!(doubt(before), None);
            assert_eq!(doubt(half), Some(Doubt::Shrunk { now: half, before }));
            assert_eq!(doubt(half + 1), None, "{before} → {}", half + 1);
        }
    }

    #[test]
    fn how_long_a_list_is_is_kept_anew_each_week_and_where_it_became_another() {
        let families = Families::default();
        let at = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let kept = |count, days| {
            assert_eq!(families.doubt(WEB, count, at(days)), None);
            families.to_keep(WEB, at(days))
        };
        assert_eq!([kept(100, 0), kept(101, 1), kept(126, 2), kept(126, 8)], [Some(100), None, Some(126), None]);
        assert_eq!([kept(126, 9), kept(126, 10), kept(127, 16)], [Some(126), None, Some(127)]);
        let started = Families::default();
        started.expect(WEB, (127, at(16)), None);
        assert_eq!([started.to_keep(WEB, at(17)), started.to_keep(WEB, at(23))], [None, Some(127)]);
    }

    #[test]
    fn what_is_kept_counts_for_each_tag_of_the_same_kind() {
        let tag = |text: &str| Tag::parse(text).unwrap();
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let kept = KeptCount { count: 12, at, running: tag("1.0.9") };
        assert_eq!(KeptCount::read(&kept.text()), Some(kept.clone()));
        for other in ["", "12", "12 1795000000", "x 1795000000 1.0.9", "12 x 1.0.9", "12 1795000000 1.0.9 x"] {
            assert_eq!(KeptCount::read(other), None, "{other}");
        }
        let policy = Policy::of(Strategy::All);
        let is_of = |running: &str| kept.is_of(&tag(running), &policy);
        let all = ["1.0.9", "1.0.10", "2.0.0", "1.0.9-alpine", "latest"];
        assert_eq!(all.map(is_of), [true, true, true, false, false]);
        let (uid, container) = ("uid-1", "web");
        assert_eq!(key((uid, container, "1.0.9", None)), key((uid, container, "1.0.10", None)));
        assert_ne!(key((uid, container, "1.0.9", None)), key((uid, "proxy", "1.0.9", None)));
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
