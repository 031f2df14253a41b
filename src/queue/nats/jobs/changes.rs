//! The changes of the open commit, in the order in which commands made them: what is stored first has the lower revision,
//! and by that jobs of one lane follow one another.

use std::collections::{HashMap, VecDeque};

use crate::queue::nats::entry::Row;

/// A change of an entry that is not stored yet.
pub(super) struct Change {
    /// Only where the entry has this revision.
    pub(super) expected: u64,
    /// What is to stand there; nothing where the entry is to go.
    pub(super) row: Option<Row>,
}

/// All of them, at most one for each place.
#[derive(Default)]
pub(super) struct Changes {
    all: VecDeque<(String, Change)>,
    /// Where a place stands among them, counted from the first of the commit.
    at: HashMap<String, usize>,
    /// So many of the commit are stored, and no longer among them.
    stored: usize,
    /// About how many bytes they have, and had before the command that is executed.
    bytes: usize,
    bytes_before: usize,
    /// What the command that is executed has changed.
    undo: Vec<(String, Before)>,
}

/// What was to be done with a place before.
enum Before {
    Nothing,
    Change(Option<Box<Row>>),
}

impl Changes {
    pub(super) fn get(&self, place: &str) -> Option<&Change> {
        let at = self.at.get(place)?.checked_sub(self.stored)?;
        self.all.get(at).map(|(_, change)| change)
    }

    /// In the order in which they were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.all.iter().map(|(place, change)| (place.as_str(), change))
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// About how many bytes they have: no less than their texts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Another change of a place takes the place of the one before it.
    pub(super) fn set(&mut self, place: &str, expected: u64, row: Option<Row>) {
        self.bytes = self.bytes.saturating_add(row.as_ref().map_or(0, |row| row.payload.len()));
        let at = self.at.get(place).and_then(|at| at.checked_sub(self.stored));
        if let Some((_, change)) = at.and_then(|at| self.all.get_mut(at)) {
            let before = std::mem::replace(&mut change.row, row);
            self.undo.push((place.to_owned(), Before::Change(before.map(Box::new))));
            return;
        }
        self.at.insert(place.to_owned(), self.stored + self.all.len());
        self.all.push_back((place.to_owned(), Change { expected, row }));
        self.undo.push((place.to_owned(), Before::Nothing));
    }

    /// Another command begins, which may be undone by itself.
    pub(super) fn begin(&mut self) {
        self.undo.clear();
        self.bytes_before = self.bytes;
    }

    /// The command that began last has changed nothing.
    pub(super) fn undo(&mut self) {
        self.bytes = self.bytes_before;
        for (place, before) in std::mem::take(&mut self.undo).into_iter().rev() {
            match before {
                // What it added is at the end.
                Before::Nothing => {
                    self.at.remove(&place);
                    self.all.pop_back();
                }
                Before::Change(before) => {
                    let at = self.at.get(&place).and_then(|at| at.checked_sub(self.stored));
                    if let Some((_, change)) = at.and_then(|at| self.all.get_mut(at)) {
                        change.row = before.map(|row| *row);
                    }
                }
            }
        }
    }

    /// The first of them is stored.
    pub(super) fn pop_first(&mut self) -> Option<(String, Change)> {
        let (place, change) = self.all.pop_front()?;
        self.at.remove(&place);
        self.stored += 1;
        Some((place, change))
    }

    /// There is none any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::queue::contract::look;

    fn row(name: &str) -> Option<Row> {
        Row::new(&look(name, DateTime::UNIX_EPOCH), 5, 3).ok()
    }

    fn places(changes: &Changes) -> Vec<&str> {
        changes.iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn they_keep_the_order_in_which_they_were_made() {
        let mut changes = Changes::default();
        for name in ["c", "a", "b", "a"] {
            changes.set(name, 1, row(name));
        }
        assert_eq!(places(&changes), ["c", "a", "b"]);
        assert_eq!(changes.pop_first().map(|(place, _)| place).as_deref(), Some("c"));
        assert!(changes.get("c").is_none() && changes.get("b").is_some());
        changes.set("b", 1, None);
        changes.set("c", 2, row("c"));
        assert_eq!(places(&changes), ["a", "b", "c"]);
        assert!(changes.get("b").is_some_and(|change| change.row.is_none()));
    }

    #[test]
    fn a_command_that_is_undone_leaves_what_others_made() {
        let mut changes = Changes::default();
        changes.set("a", 1, row("a"));
        changes.begin();
        changes.set("a", 1, None);
        changes.set("b", 1, row("b"));
        changes.set("b", 1, None);
        changes.undo();
        assert_eq!(places(&changes), ["a"]);
        assert!(changes.get("a").is_some_and(|change| change.row == row("a")));
    }
}
