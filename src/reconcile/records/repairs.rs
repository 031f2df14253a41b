//! How often records were put right, so that nobody is fought: a manifest that holds our record is applied again for ever.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::approval::ApprovalId;
use crate::domain::record::Record;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// After so many repairs within an hour a record is left as it is for a while.
const MOST_IN_AN_HOUR: u8 = 2;
/// The most workloads of which it is remembered.
const MOST: usize = 4096;

/// The repairs, by uid and monotonic time. Memory only: after a start a record is put right again.
#[derive(Debug, Default)]
pub(crate) struct Repairs(Mutex<HashMap<Box<str>, Repaired>>);

#[derive(Debug)]
struct Repaired {
    /// What stood there, in short: who edits this and that is no tool that sets it back.
    instead: u64,
    /// When the first of the hour was.
    first: Duration,
    /// How many there were in it.
    times: u8,
    /// How long the record is left alone now; nothing where nobody fights.
    rest: Duration,
    /// Until when.
    until: Duration,
    /// What people were asked, which the record on the workload may not say.
    approvals: Box<[ApprovalId]>,
}

impl Repairs {
    /// Whether the record of a workload is left as it is for now. What stands there is only looked at where it may be.
    pub(crate) fn is_resting(&self, uid: &str, instead: impl FnOnce() -> u64, now: Duration) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(uid).is_some_and(|known| now < known.until && known.instead == instead())
    }

    /// It was put right. Whether it is found now that another hand would not have it.
    pub(crate) fn repaired(&self, uid: &str, instead: u64, record: &Record, now: Duration) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(uid) {
            all.clear();
        }
        let is_over = |it: &Repaired| now >= if it.rest.is_zero() { it.first + HOUR } else { it.until + DAY };
        let before = all.remove(uid).filter(|known| known.instead == instead && !is_over(known));
        let (first, times, rest) = before.map_or((now, 0, Duration::ZERO), |it| (it.first, it.times, it.rest));
        let times = times.saturating_add(1);
        let is_found = rest.is_zero() && times >= MOST_IN_AN_HOUR;
        let rest = if is_found { HOUR } else { (rest * 2).min(DAY) };
        let approvals = record.approvals().cloned().collect();
        all.insert(uid.into(), Repaired { instead, first, times, rest, until: now + rest, approvals });
        is_found
    }

    /// A record of it was written.
    pub(crate) fn wrote(&self, uid: &str, record: &Record) {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(uid) {
            known.approvals = record.approvals().cloned().collect();
        }
    }

    /// The workloads whose record names an approval, whatever stands on them.
    pub(crate) fn naming(&self, approval: &ApprovalId) -> Vec<Box<str>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, known)| known.approvals.contains(approval)).map(|(uid, _)| uid.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let repairs = Repairs::default();
        for n in 0..=MOST {
            repairs.repaired(&n.to_string(), 0, &Record::default(), Duration::ZERO);
        }
        assert_eq!(repairs.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_rest_is_never_longer_than_a_day() {
        let (repairs, mut now) = (Repairs::default(), Duration::ZERO);
        for _ in 0..20 {
            repairs.repaired("uid", 0, &Record::default(), now);
            now = repairs.0.lock().unwrap()["uid"].until;
        }
        repairs.repaired("uid", 0, &Record::default(), now);
        assert!(repairs.is_resting("uid", || 0, now) && !repairs.is_resting("uid", || 0, now + DAY));
    }
}
