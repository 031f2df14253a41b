//! Which record of a workload is its newest: an older one that somebody puts back, as by `kubectl rollout undo` or a backup, says
//! nothing that concerns others.

use std::collections::HashMap;

/// So many workloads are known; of others each record that is signed for them counts.
const MOST: usize = 50_000;

/// The highest sequence number that was seen of each workload, by uid: on the workload itself, or in the store.
#[derive(Debug, Default)]
pub(super) struct Sequences(HashMap<Box<str>, u64>);

impl Sequences {
    /// Takes what the store remembers.
    pub(super) fn expect(&mut self, all: Vec<(Box<str>, u64)>) {
        for (uid, sequence) in all {
            self.is_newest(&uid, Some(sequence));
        }
    }

    /// Whether a record with this number is the newest; without one there is none, or none of ours.
    pub(super) fn is_newest(&mut self, uid: &str, sequence: Option<u64>) -> bool {
        let Some(known) = self.0.get_mut(uid) else {
            if let Some(sequence) = sequence.filter(|_| self.0.len() < MOST) {
                self.0.insert(uid.into(), sequence);
            }
            return true;
        };
        let newest = sequence.filter(|sequence| sequence >= known);
        *known = newest.unwrap_or(*known);
        newest.is_some()
    }

    /// Forgets an object that is gone. Whether anything was known of it.
    pub(super) fn forget(&mut self, uid: &str) -> bool {
        self.0.remove(uid).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_record_and_none_are_not_the_newest_and_it_is_bounded() {
        let mut sequences = Sequences::default();
        assert!(
            sequences.is_newest("a", None) && sequences.is_newest("a", Some(3)) && sequences.is_newest("a", Some(3))
        );
        assert!(
            !sequences.is_newest("a", Some(2)) && !sequences.is_newest("a", None) && sequences.is_newest("a", Some(4))
        );
        sequences.expect(vec![("b".into(), 7), ("a".into(), 1)]);
        assert!(!sequences.is_newest("b", Some(6)) && sequences.is_newest("a", Some(4)));
        assert!(sequences.forget("b") && !sequences.forget("b"));
        assert!(sequences.is_newest("b", Some(1)));
        sequences.expect((0..=MOST).map(|n| (n.to_string().into(), 1)).collect());
        assert_eq!(sequences.0.len(), MOST);
    }
}
