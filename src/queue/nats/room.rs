//! How much room the bucket of jobs has. A bucket that is full takes nothing at all, not even what ends a job, so it must
//! never be: new jobs are refused before, and what is only remembered makes way.

use super::bucket::Standing;

/// New jobs are refused from this part of the bound on, in hundredths.
const TAKES_NONE: u64 = 80;
/// From this on reasons are kept in a few words.
const TIGHT: u64 = 90;
/// What is remembered makes way until no more than this is left.
const FREED_TO: u64 = 70;
/// Bytes of an entry beside its value: its subject and headers, and what the server writes with it.
const BESIDE: u64 = 160;

/// What the bucket holds, by what was asked last and was written since.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    bytes: u64,
    bound: Option<u64>,
    written: u64,
}

impl Room {
    /// What the server says.
    pub(super) fn asked(&mut self, standing: &Standing) {
        *self = Self { bytes: standing.bytes, bound: Some(standing.bound), written: 0 };
    }

    /// Entries of so many bytes in all were written. What they took the place of is not counted before it is asked again.
    pub(super) fn wrote(&mut self, entries: usize, bytes: usize) {
        let beside = BESIDE.saturating_mul(entries as u64);
        self.written = self.written.saturating_add(bytes as u64).saturating_add(beside);
    }

    /// The server took nothing for want of room.
    pub(super) fn refused(&mut self) {
        self.bytes = self.bytes.max(self.part(100));
    }

    /// Whether new jobs are to be refused, or the server to be asked first.
    pub(super) fn is_scarce(&self) -> bool {
        self.held() >= self.part(TAKES_NONE)
    }

    /// Whether there may be too little room for long reasons.
    pub(super) fn is_tight(&self) -> bool {
        self.held() >= self.part(TIGHT)
    }

    /// The bytes that are to be freed.
    pub(super) fn excess(&self) -> u64 {
        if self.is_scarce() { self.held().saturating_sub(self.part(FREED_TO)) } else { 0 }
    }

    /// What it holds, and what it may hold when it takes a job.
    pub(super) fn words(&self) -> (u64, u64) {
        (self.held(), self.part(TAKES_NONE))
    }

    fn held(&self) -> u64 {
        self.bytes.saturating_add(self.written)
    }

    fn part(&self, hundredths: u64) -> u64 {
        self.bound.map_or(u64::MAX, |bound| bound / 100 * hundredths)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn there_is_room_until_the_server_says_otherwise_or_much_was_written() {
        let mut room = Room::default();
        room.wrote(1_000, 1_000_000);
        assert!(!room.is_scarce() && !room.is_tight(), "nobody knows the bound");
        let standing = |bytes| Standing { bytes, bound: 1_000_000, last: 9, created: DateTime::UNIX_EPOCH };
        room.asked(&standing(790_000));
        assert!(!room.is_scarce() && room.excess() == 0);
        room.wrote(10, 10_000);
        assert!(room.is_scarce() && !room.is_tight() && room.excess() == 101_600, "{room:?}");
        room.asked(&standing(700_000));
        assert!(!room.is_scarce());
        room.refused();
        assert!(room.is_scarce() && room.is_tight(), "whatever was counted");
    }
}
