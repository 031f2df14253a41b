//! Tags that were announced, beside the jobs; see [`crate::queue::Announcements`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::params;

use super::store::{Store, moment};
use super::{Command, SqliteQueue};
use crate::domain::reference::{Repository, Tag};
use crate::queue::QueueError;
use crate::queue::announced::{Announced, Announcements, LOOKED_FOR, MOST_ANNOUNCED};

/// One that is stored and is announced again this soon is the same.
const SAME: TimeDelta = TimeDelta::seconds(10);
/// The most that are known to be stored; more are stored once more.
const MOST_NOTED: usize = 16_384;

/// When tags were announced.
type Times = HashMap<(Repository, Tag), DateTime<Utc>>;

/// Those that are known to be on disk: to announce them again needs no turn of the writer.
#[derive(Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Times>>);

impl Noted {
    /// Those of them that have to be stored.
    pub(super) fn news(&self, announced: Vec<Announced>) -> Vec<Announced> {
        let noted = self.lock();
        let is_known = |one: &Announced| {
            let at = noted.get(&(one.repository.clone(), one.tag.clone()));
            at.is_some_and(|at| (TimeDelta::zero()..SAME).contains(&(one.at - *at)))
        };
        announced.into_iter().filter(|one| !is_known(one)).collect()
    }

    /// They are on disk.
    pub(super) fn note(&self, announced: Vec<Announced>) {
        let mut noted = self.lock();
        if noted.len() + announced.len() > MOST_NOTED {
            noted.clear();
        }
        noted.extend(announced.into_iter().take(MOST_NOTED).map(|one| ((one.repository, one.tag), one.at)));
    }

    /// They are on disk no longer.
    pub(super) fn strike(&self, announced: &[Announced]) {
        let mut noted = self.lock();
        for one in announced {
            noted.remove(&(one.repository.clone(), one.tag.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Announcements for SqliteQueue {
    async fn announce(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        let news = self.announced.news(announced);
        if news.is_empty() {
            return Ok(());
        }
        self.ask(|answer| Command::Announce(news.clone(), answer)).await?;
        self.announced.note(news);
        Ok(())
    }

    async fn announced(&self, repository: &Repository) -> Result<Vec<Announced>, QueueError> {
        let repository = repository.clone();
        self.ask(|answer| Command::Announced(repository, answer)).await
    }

    async fn found(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        if announced.is_empty() {
            return Ok(());
        }
        self.announced.strike(&announced);
        self.ask(|answer| Command::Found(announced, answer)).await
    }
}

impl Store {
    /// See [`crate::queue::Announcements::announce`]. What is over its time goes, and the oldest beyond the bound.
    pub(super) fn announce(&mut self, announced: &[Announced]) -> rusqlite::Result<()> {
        self.transact()?;
        let over = self.wall() - LOOKED_FOR.num_milliseconds();
        self.connection.prepare_cached("DELETE FROM announced WHERE at <= ?1")?.execute([over])?;
        for one in announced {
            let repository = one.repository.to_string();
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO announced (repository, tag, at) VALUES (?1, ?2, ?3)")?
                .execute(params![repository, one.tag.as_str(), one.at.timestamp_millis()])?;
            self.connection
                .prepare_cached(
                    "DELETE FROM announced WHERE repository = ?1 AND tag IN (
                         SELECT tag FROM announced WHERE repository = ?1 ORDER BY at DESC, tag LIMIT -1 OFFSET ?2)",
                )?
                .execute(params![repository, MOST_ANNOUNCED])?;
        }
        Ok(())
    }

    /// See [`crate::queue::Announcements::announced`].
    pub(super) fn announced(&self, repository: &Repository) -> rusqlite::Result<Vec<Announced>> {
        let mut statement =
            self.connection.prepare_cached("SELECT tag, at FROM announced WHERE repository = ?1 ORDER BY tag")?;
        let rows = statement.query_map([repository.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(String, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        let read = |(tag, at): (String, i64)| {
            Some(Announced { repository: repository.clone(), tag: Tag::parse(&tag).ok()?, at: moment(at) })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// See [`crate::queue::Announcements::found`].
    pub(super) fn found(&mut self, announced: &[Announced]) -> rusqlite::Result<()> {
        self.transact()?;
        let mut statement =
            self.connection.prepare_cached("DELETE FROM announced WHERE repository = ?1 AND tag = ?2 AND at <= ?3")?;
        for one in announced {
            statement.execute(params![one.repository.to_string(), one.tag.as_str(), one.at.timestamp_millis()])?;
        }
        Ok(())
    }
}
