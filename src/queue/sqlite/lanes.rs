//! Which messages have to wait for others: those that share a lane, see [`row::lanes`]. A message may be sent when it is
//! the first in each of its lanes.
//!
//! A row is in its lanes while it is ready, so whoever ends one takes it out, and asks whose turn it is then.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension as _;

use super::store::Store;
use crate::domain::event::Job;
use crate::queue::schedule::Waiter;
use crate::queue::{Topic, row};

/// What [`Store::waiter`] reads.
pub(super) const WAITER: &str =
    "id, topic, CASE WHEN topic = 'look' THEN payload END, not_before, created, changed, losses";

/// Whether nothing that shares a lane with this job was put before it.
pub(super) const IS_FIRST: &str = "NOT EXISTS (
    SELECT 1 FROM lane AS mine CROSS JOIN lane AS earlier ON earlier.lane = mine.lane AND earlier.job < mine.job
    WHERE mine.job = job.id)";

impl Store {
    /// Puts a row that became ready in its lanes. Says whether nothing is before it in any of them.
    pub(super) fn enter_lanes(&self, id: i64, job: &Job) -> rusqlite::Result<bool> {
        let mut is_first = true;
        let mut enter = self.connection.prepare_cached("INSERT INTO lane (lane, job) VALUES (?1, ?2)")?;
        let mut first = self.connection.prepare_cached("SELECT min(job) FROM lane WHERE lane = ?1")?;
        for lane in row::lanes(job) {
            enter.execute((&lane, id))?;
            is_first &= first.query_row([&lane], |row| Ok(row.get::<_, i64>(0)? == id))?;
        }
        Ok(is_first)
    }

    /// Takes a row out of its lanes that is ready no longer. Those that only waited for it have their turn.
    pub(super) fn leave_lanes(&mut self, id: i64) -> rusqlite::Result<()> {
        let others = self.first_of_the_others(id)?;
        self.connection.prepare_cached("DELETE FROM lane WHERE job = ?1")?.execute([id])?;
        self.sent_again.remove(&id);
        self.give_turns(others)
    }

    /// Those of these that are the first in their lanes by now have their turn.
    fn give_turns(&mut self, others: BTreeSet<i64>) -> rusqlite::Result<()> {
        for other in others {
            if let Some((topic, waiter)) = self.first_in_its_lanes(other)?
                && !self.is_held_up(other, &topic)?
            {
                self.leases.add(&topic, waiter);
            }
        }
        Ok(())
    }

    /// Has a row that is put off keep nobody waiting but others that were. Says whether it is the first of these.
    pub(super) fn step_aside(&mut self, id: i64) -> rusqlite::Result<bool> {
        let others = self.first_of_the_others(id)?;
        self.connection
            .prepare_cached("UPDATE lane SET lane = ?2 || lane WHERE job = ?1 AND lane NOT GLOB ?2 || '*'")?
            .execute(rusqlite::params![id, row::PUT_OFF])?;
        self.give_turns(others)?;
        self.is_first(id)
    }

    fn is_first(&self, id: i64) -> rusqlite::Result<bool> {
        let sql = format!("SELECT 1 FROM job WHERE id = ?1 AND {IS_FIRST}");
        self.connection.prepare_cached(&sql)?.exists([id])
    }

    /// Whether a row has to wait for another of its lanes that is under way: for itself, or for one behind it, where it was
    /// sent again meanwhile.
    pub(super) fn is_held_up(&self, id: i64, topic: &Topic) -> rusqlite::Result<bool> {
        if self.leases.is_held(id) || !self.sent_again.contains(&id) {
            return Ok(self.leases.is_held(id));
        }
        let mut shares = self.connection.prepare_cached(
            "SELECT 1 FROM lane AS mine JOIN lane AS other ON other.lane = mine.lane
             WHERE mine.job = ?1 AND other.job = ?2",
        )?;
        for held in self.leases.held_of(topic) {
            if shares.exists([id, held])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a row that waits again is still the first in its lanes: one that was sent again may be before it.
    pub(super) fn has_its_turn(&self, id: i64) -> rusqlite::Result<bool> {
        if self.sent_again.is_empty() {
            return Ok(true);
        }
        self.is_first(id)
    }

    /// The first in each lane of a row, but for itself.
    fn first_of_the_others(&self, id: i64) -> rusqlite::Result<BTreeSet<i64>> {
        let mut next = self.connection.prepare_cached(
            "SELECT (SELECT other.job FROM lane AS other WHERE other.lane = mine.lane AND other.job <> ?1
                     ORDER BY other.job LIMIT 1)
             FROM lane AS mine WHERE mine.job = ?1",
        )?;
        let next: rusqlite::Result<BTreeSet<Option<i64>>> = next.query_map([id], |row| row.get(0))?.collect();
        Ok(next?.into_iter().flatten().collect())
    }

    /// A row whose turn it is, unless it waits for another.
    fn first_in_its_lanes(&self, id: i64) -> rusqlite::Result<Option<(Topic, Waiter)>> {
        let mut statement =
            self.connection.prepare_cached(&format!("SELECT {WAITER} FROM job WHERE id = ?1 AND {IS_FIRST}"))?;
        let found = statement.query_row([id], |row| self.waiter(row)).optional()?;
        Ok(found.and_then(|(topic, waiter)| Some((Topic::named(&topic)?, waiter))))
    }
}
