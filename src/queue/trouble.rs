//! What does not get done, for whoever asks why: jobs that failed and are tried again, jobs that processes died with, and
//! dead letters; of each topic, and of looks for each host.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::row;
use super::store::{Store, moment};
use super::upkeep::MOST_LOSSES;
use crate::domain::event::Job;

/// The most groups that are told one by one; of more, what failed longest ago is left out.
const MOST_GROUPS: usize = 200;

/// Jobs that belong together and are not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// `look`, or `deliver:<channel>`.
    pub topic: String,
    /// The registry, of looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Jobs that failed and are tried again.
    pub retried: u64,
    /// Jobs that wait because process after process died while it had them.
    pub suspect: u64,
    /// What one of these is about, the last that was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_suspect: Option<String>,
    /// Jobs that were given up.
    pub dead: u64,
    /// What failed last: a repository or a workload, and when and why.
    pub last: Failure,
}

/// One failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The repository that was looked at, or the workload that a message is about.
    pub about: String,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What does not get done, and what did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Troubles {
    /// What failed last comes first.
    pub failing: Vec<Trouble>,
    /// When a job of each topic was done last, as far as that is remembered: messages are, looks are not.
    pub last_done: BTreeMap<String, DateTime<Utc>>,
}

/// What state a failed job is in.
enum State {
    Retried,
    Suspect,
    Dead,
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
        let mut groups: BTreeMap<(String, Option<String>), Trouble> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let topic: String = row.get(0)?;
            let (state, losses): (String, u32) = (row.get(1)?, row.get(2)?);
            let state = match state.as_str() {
                "ready" if losses >= MOST_LOSSES => State::Suspect,
                "ready" => State::Retried,
                _ => State::Dead,
            };
            let payload: String = row.get(4)?;
            let (host, about) = subject(&topic, row.get(3)?, &payload);
            let key = (topic.clone(), host.clone());
            if groups.len() >= MOST_GROUPS && !groups.contains_key(&key) {
                continue;
            }
            let failure = || -> rusqlite::Result<Failure> {
                Ok(Failure { about: about.clone(), at: moment(row.get(6)?), reason: row.get(5)? })
            };
            let trouble = match groups.entry(key) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    new.insert(Trouble { topic, host, last: failure()?, ..Trouble::default() })
                }
            };
            match state {
                State::Retried => trouble.retried += 1,
                State::Suspect => {
                    trouble.suspect += 1;
                    trouble.last_suspect.get_or_insert(about);
                }
                State::Dead => trouble.dead += 1,
            }
        }
        let mut all: Vec<Trouble> = groups.into_values().collect();
        all.sort_by_key(|trouble| std::cmp::Reverse(trouble.last.at));
        Ok(all)
    }

    fn last_done(&mut self) -> rusqlite::Result<BTreeMap<String, DateTime<Utc>>> {
        let mut done = self
            .connection
            .prepare_cached("SELECT topic, max(changed) FROM job WHERE state = 'done' GROUP BY topic")?;
        done.query_map([], |row| Ok((row.get(0)?, moment(row.get(1)?))))?.collect()
    }
}

/// The host that a job is about, and its name for people. A row of another version has none.
fn subject(topic: &str, format: i64, payload: &str) -> (Option<String>, String) {
    match row::read(topic, format, payload) {
        Ok(Job::Look(repository)) => (Some(repository.host().to_owned()), repository.to_string()),
        Ok(Job::Deliver(delivery)) => (None, delivery.notice.workload.to_string()),
        Err(_) => (None, "a job of another version".to_owned()),
    }
}
