//! Finds what does not get done among the rows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};

use super::store::{MOST_LOSSES, Store, moment};
use crate::domain::event::Job;
use crate::queue::{Failure, Trouble, Troubles, row};

/// The most groups that are listed one by one; of more, what failed longest ago is left out.
const MOST_GROUPS: usize = 200;

/// What state a failed job is in.
enum State {
    Retried,
    Suspect,
    Dead,
}

impl State {
    fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let (state, losses): (String, u32) = (row.get(1)?, row.get(2)?);
        Ok(match state.as_str() {
            "ready" if losses >= MOST_LOSSES => Self::Suspect,
            "ready" => Self::Retried,
            _ => Self::Dead,
        })
    }
}

/// What fails, by topic and host.
type Groups = BTreeMap<(String, Option<String>), Trouble>;

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
        let mut groups = Groups::new();
        while let Some(row) = rows.next()? {
            group(&mut groups, row)?;
        }
        let mut all: Vec<Trouble> = groups.into_values().collect();
        all.sort_by_key(|trouble| std::cmp::Reverse(trouble.last.at));
        Ok(all)
    }

    /// What was thrown away has an error still.
    fn last_done(&mut self) -> rusqlite::Result<BTreeMap<String, DateTime<Utc>>> {
        let mut done = self.connection.prepare_cached(
            "SELECT topic, max(changed) FROM job WHERE state = 'done' AND error IS NULL GROUP BY topic",
        )?;
        done.query_map([], |row| Ok((row.get(0)?, moment(row.get(1)?))))?.collect()
    }
}

/// Counts a row, the newest of each group first.
fn group(groups: &mut Groups, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
    let (topic, payload): (String, String) = (row.get(0)?, row.get(4)?);
    let (host, about) = subject(&topic, row.get(3)?, &payload);
    let key = (topic.clone(), host.clone());
    if groups.len() >= MOST_GROUPS && !groups.contains_key(&key) {
        return Ok(());
    }
    let trouble = match groups.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => {
            let last = Failure { about: about.clone(), at: moment(row.get(6)?), reason: row.get(5)? };
            new.insert(Trouble { topic, host, last, ..Trouble::default() })
        }
    };
    match State::of(row)? {
        State::Retried => trouble.retried += 1,
        State::Suspect => {
            trouble.suspect += 1;
            trouble.last_suspect.get_or_insert(about);
        }
        State::Dead => trouble.dead += 1,
    }
    Ok(())
}

/// The host that a job is about, and its name for people. A row of another version has none.
fn subject(topic: &str, format: i64, payload: &str) -> (Option<String>, String) {
    match row::read(topic, format, payload) {
        Ok(Job::Look(repository)) => (Some(repository.host().to_owned()), repository.to_string()),
        Ok(Job::Deliver(delivery)) => {
            (None, delivery.notices().first().map(|notice| notice.workload.to_string()).unwrap_or_default())
        }
        Ok(Job::Gather(gathered)) => (None, gathered.notice.workload.to_string()),
        Ok(job @ Job::Press(_)) => (None, row::about(&job)),
        Err(_) => (None, "a job of another version".to_owned()),
    }
}
