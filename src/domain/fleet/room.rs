//! How many updates roll at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;

use crate::domain::workload::WorkloadId;

/// How many updates may roll at once; nothing is as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Everywhere.
    pub total: Option<NonZeroU32>,
    /// In one namespace.
    pub per_namespace: Option<NonZeroU32>,
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bound {
    /// Of all.
    Total(NonZeroU32),
    /// Of the namespace.
    Namespace(NonZeroU32),
}

impl Limits {
    /// What leaves each of those who wait no room, in their order, beside those whose updates roll; who has room takes it.
    pub(super) fn room<'w>(
        self,
        rolling: impl Iterator<Item = &'w WorkloadId>,
        waiting: impl Iterator<Item = &'w WorkloadId>,
    ) -> Vec<Option<Bound>> {
        if self == Self::default() {
            return waiting.map(|_| None).collect();
        }
        let mut taken = Taken::default();
        for rolling in rolling {
            taken.add(rolling);
        }
        let room = |id: &'w WorkloadId| {
            let reached = self.reached(&taken, id);
            if reached.is_none() {
                taken.add(id);
            }
            reached
        };
        waiting.map(room).collect()
    }

    fn reached(self, taken: &Taken<'_>, id: &WorkloadId) -> Option<Bound> {
        // One more of its containers takes no more room.
        if taken.uids.contains(&*id.uid) {
            return None;
        }
        let is_reached = |limit: &NonZeroU32, count: usize| count >= usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let here = taken.by_namespace.get(&*id.namespace).copied().unwrap_or_default();
        let total = self.total.filter(|limit| is_reached(limit, taken.uids.len())).map(Bound::Total);
        total.or_else(|| self.per_namespace.filter(|limit| is_reached(limit, here)).map(Bound::Namespace))
    }
}

#[derive(Default)]
struct Taken<'w> {
    uids: BTreeSet<&'w str>,
    by_namespace: BTreeMap<&'w str, usize>,
}

impl<'w> Taken<'w> {
    fn add(&mut self, id: &'w WorkloadId) {
        if self.uids.insert(&id.uid) {
            *self.by_namespace.entry(&id.namespace).or_default() += 1;
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let updates = |limit: &NonZeroU32| if limit.get() == 1 { "update" } else { "updates" };
        match self {
            Self::Total(limit) => {
                write!(f, "no more than {limit} {} may roll at once (rollouts.total)", updates(limit))
            }
            Self::Namespace(limit) => {
                let updates = updates(limit);
                write!(f, "no more than {limit} {updates} may roll at once in its namespace (rollouts.perNamespace)")
            }
        }
    }
}
