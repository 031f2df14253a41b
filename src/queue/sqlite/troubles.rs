//! Finds what does not get done among the rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::store::Store;
use crate::queue::losses::MOST_LOSSES;
use crate::queue::row::moment;
use crate::queue::trouble::{Fault, Groups};
use crate::queue::{Trouble, Troubles, row};

fn fault(row: &rusqlite::Row<'_>) -> rusqlite::Result<Fault> {
    let (state, losses): (String, u32) = (row.get(1)?, row.get(2)?);
    Ok(match state.as_str() {
        "ready" if losses >= MOST_LOSSES => Fault::Suspect,
        "ready" => Fault::Retried,
        _ => Fault::Dead,
    })
}

impl Store {
    /// Everything that is not done, by topic and host.
    pub(super) fn troubles(&mut self) -> rusqlite::Result<Troubles> {
        Ok(Troubles { failing: self.failing()?, last_done: self.last_done()? })
    }

    fn failing(&mut self) -> rusqlite::Result<Vec<Trouble>> {
        let mut failed = self.connection.prepare_cached(
            "SELECT topic, state, losses, format, payload, error, changed FROM job
             WHERE state <> 'done' AND (state <> 'ready' OR error IS NOT NULL OR losses >= ?1) ORDER BY changed DESC",
        )?;
        let mut rows = failed.query([MOST_LOSSES])?;
        let mut groups = Groups::default();
        while let Some(found) = rows.next()? {
            let (topic, payload): (String, String) = (found.get(0)?, found.get(4)?);
            let job = row::read(&topic, found.get(3)?, &payload);
            groups.count(&topic, job, fault(found)?, (moment(found.get(6)?), found.get(5)?));
        }
        drop(rows);
        drop(failed);
        Ok(groups.sorted(&self.waiting_by_topic()?))
    }

    fn waiting_by_topic(&self) -> rusqlite::Result<BTreeMap<String, u64>> {
        let mut waiting = self.connection.prepare_cached(
            "SELECT topic, count(*) FROM job WHERE state = 'ready' AND topic <> 'look' GROUP BY topic",
        )?;
        waiting.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?.collect()
    }

    /// What is over and did not arrive has an error.
    fn last_done(&mut self) -> rusqlite::Result<BTreeMap<String, DateTime<Utc>>> {
        let mut done = self.connection.prepare_cached(
            "SELECT topic, max(changed) FROM job WHERE state = 'done' AND error IS NULL GROUP BY topic",
        )?;
        done.query_map([], |row| Ok((row.get(0)?, moment(row.get(1)?))))?.collect()
    }
}
