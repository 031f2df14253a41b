//! When it is looked whether a table holds more than it may.

/// What is kept beside the jobs of one kind, in bytes; one value has at most an eighth of it.
pub(super) const MOST_KEPT: i64 = 16 * 1024 * 1024;
/// So many records are remembered; beyond it those go that were neither asked for nor seen for the longest.
pub(super) const MOST_RECORDS: i64 = if cfg!(test) { 50 } else { 50_000 };
/// A table may hold this part more than its bound, until it is looked at.
const PART: u64 = 64;

/// What was added to a table since it was looked at last. To find what is too much all of its rows are read, which would be too
/// much for each that is added.
pub(super) struct Growth {
    bound: i64,
    /// So much is added before it is looked at again, in the unit of the bound.
    most: u64,
    added: u64,
}

impl Growth {
    /// Of a table that holds `bound`, in rows or bytes. What another process added is not known, so it is looked at first.
    pub(super) fn within(bound: i64) -> Self {
        let most = (u64::try_from(bound).unwrap_or_default() / PART).max(1);
        Self { bound, most, added: most }
    }

    /// What the table may hold.
    pub(super) fn bound(&self) -> i64 {
        self.bound
    }

    /// What was added is not known any more, as what was done was undone: it is looked at next.
    pub(super) fn undone(&mut self) {
        self.added = self.most;
    }

    /// So much is added. Says whether it is to be looked at now.
    pub(super) fn by(&mut self, more: i64) -> bool {
        self.added = self.added.saturating_add(u64::try_from(more).unwrap_or_default());
        let is_due = self.added >= self.most;
        if is_due {
            self.added = 0;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_looked_at_first_and_then_once_it_has_grown_by_a_part_of_its_bound() {
        let mut growth = Growth::within(6_400);
        let looked_at: Vec<i32> = (0..301).filter(|_| growth.by(1)).collect();
        assert_eq!(looked_at, [0, 100, 200, 300]);
        assert!(growth.by(100), "by what is added, and not by how often");
        let mut small = Growth::within(50);
        assert!((0..9).all(|_| small.by(1)), "one more than the bound is too much of a small one");
    }
}
