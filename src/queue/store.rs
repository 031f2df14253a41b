//! What is done to the rows. One connection, used by one thread.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::file::{self, OpenError};
use super::waiting::{GATHER, Look, Stored, Waiting};
use super::{Batch, Depth, Leased, NewJob, Placed, Settlement, Topic, row};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::reference::Repository;

/// Done deliveries are remembered this long, so that the same message is not sent twice.
const REMEMBER_DONE: i64 = 7 * 24 * 3600 * 1000;
/// What is put again is remembered anew after this time.
const REMEMBER_AGAIN: i64 = 24 * 3600 * 1000;
/// Dead letters are kept this long.
const REMEMBER_DEAD: i64 = 30 * 24 * 3600 * 1000;
/// A lease that is not settled by then is given to somebody else.
const LEASE: Duration = Duration::from_secs(300);

/// A lease that is held, in memory: the file has one owner, so a restart ends every lease.
struct Held {
    lease: u64,
    until: Duration,
    /// A hint came that the holder may not have seen: it waits again when the lease ends, whatever becomes of it.
    again: bool,
}

/// The open file and the leases on its rows.
pub(super) struct Store {
    path: PathBuf,
    pub(super) connection: Connection,
    /// Whether a transaction was begun. SQLite ends one by itself after some errors, so it can't be asked.
    begun: bool,
    held: HashMap<i64, Held>,
    /// Leases that the open transaction has ended; they come back if it is undone.
    ended: Vec<(i64, Held)>,
    waiting: Waiting,
    /// When repositories were last looked at, Unix milliseconds; what is older than [`GATHER`] is dropped.
    looked: HashMap<Repository, i64>,
    next_lease: u64,
    ready: u64,
    pub(super) ambient: Ambient,
}

impl Store {
    /// Opens or makes the file of a data folder.
    pub(super) fn open(folder: &Path, ambient: Ambient) -> Result<Self, OpenError> {
        let path = folder.join("queue.db");
        let connection = file::open(&path, ambient.now())?;
        let mut store = Self {
            path,
            connection,
            begun: false,
            held: HashMap::new(),
            ended: Vec::new(),
            waiting: Waiting::default(),
            looked: HashMap::new(),
            next_lease: 0,
            ready: 0,
            ambient,
        };
        let counted = store.count_ready().and_then(|()| store.purge());
        counted.map_err(|source| OpenError::Sqlite { path: store.path.clone(), source })?;
        Ok(store)
    }

    /// A new connection to the same file, after one that failed; leases stay as they are.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        self.connection = file::connect(&self.path)?;
        self.count_ready().map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })
    }

    /// Begins a transaction, unless one was begun.
    pub(super) fn transact(&mut self) -> rusqlite::Result<()> {
        if !self.begun {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.begun = true;
        }
        Ok(())
    }

    /// Whether anything was begun that has to be committed or undone.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        if self.begun {
            self.connection.execute_batch("COMMIT")?;
        }
        self.begun = false;
        self.ended.clear();
        self.waiting.committed();
        Ok(())
    }

    /// Undoes what was not committed. A failure is that there was nothing to undo.
    pub(super) fn rollback(&mut self) {
        let _ = self.connection.execute_batch("ROLLBACK");
        self.begun = false;
        self.waiting.clear();
        self.held.extend(self.ended.drain(..));
        let _ = self.count_ready();
    }

    /// Which looks are known to be on disk.
    pub(super) fn stored(&self) -> Stored {
        self.waiting.stored()
    }

    /// Jobs that wait or are leased.
    pub(super) fn ready(&self) -> u64 {
        self.ready
    }

    fn count_ready(&mut self) -> rusqlite::Result<()> {
        let count: i64 =
            self.connection.query_row("SELECT count(*) FROM job WHERE state = 'ready'", [], |row| row.get(0))?;
        self.ready = u64::try_from(count).unwrap_or_default();
        Ok(())
    }

    /// Stores one job, or lets it coalesce with the row of its key.
    pub(super) fn put(&mut self, new: &NewJob) -> rusqlite::Result<Placed> {
        match &new.job {
            Job::Look(repository) if self.waiting.serves(repository, new.not_before.timestamp_millis()) => {
                Ok(Placed::Coalesced)
            }
            Job::Look(repository) => {
                let look = self.put_look(repository, new)?;
                self.waiting.note(repository, look);
                Ok(Placed::News)
            }
            Job::Deliver(_) => self.put_message(new),
        }
    }

    /// A message is stored once, even when it was sent or given up; one that is put again and again is remembered on.
    fn put_message(&mut self, new: &NewJob) -> rusqlite::Result<Placed> {
        self.transact()?;
        let key = row::key(&new.job);
        if let Some((id, state, _)) = self.find(&key)? {
            if state != "ready" {
                self.remember(id)?;
            }
            return Ok(Placed::Coalesced);
        }
        self.insert(&key, new, new.not_before.timestamp_millis())?;
        Ok(Placed::News)
    }

    /// Remembers a row that has ended from now on; once a day is often enough.
    fn remember(&self, id: i64) -> rusqlite::Result<()> {
        let now = self.ambient.now().timestamp_millis();
        let mut statement =
            self.connection.prepare_cached("UPDATE job SET changed = ?2 WHERE id = ?1 AND changed < ?2 - ?3")?;
        statement.execute([id, now, REMEMBER_AGAIN]).map(drop)
    }

    /// The row of a key: its id, its state, and how often it was tried.
    fn find(&self, key: &str) -> rusqlite::Result<Option<(i64, String, i64)>> {
        let mut statement = self.connection.prepare_cached("SELECT id, state, attempts FROM job WHERE key = ?1")?;
        statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
    }

    /// Gives what the row of this look is now: it waits, or it is held and waits again after that.
    fn put_look(&mut self, repository: &Repository, new: &NewJob) -> rusqlite::Result<Look> {
        self.transact()?;
        let key = row::key(&new.job);
        let gathered = self.gathered(repository);
        let at = new.not_before.timestamp_millis().max(gathered);
        let afresh = Look { at, gathers: at == gathered };
        let Some((id, state, attempts)) = self.find(&key)? else {
            self.insert(&key, new, at)?;
            return Ok(afresh);
        };
        // Its row stays ready until it is settled, so this hint is on disk, and so are more of them.
        if let Some(held) = self.held.get_mut(&id) {
            held.again = true;
            return Ok(Look { at, gathers: true });
        }
        match state.as_str() {
            "ready" if attempts == 0 => {
                self.pull(id, at)?;
                Ok(afresh)
            }
            // News may end what made it fail, but a burst of them must not hammer a registry that is down.
            "ready" => {
                let soon = self.soon();
                self.pull(id, soon)?;
                Ok(Look { at: soon, gathers: true })
            }
            _ => {
                self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([id])?;
                self.insert(&key, new, at)?;
                Ok(afresh)
            }
        }
    }

    /// Until when hints of this look are gathered: the first of a burst acts at once, the rest makes one look more.
    fn gathered(&self, repository: &Repository) -> i64 {
        self.looked.get(repository).map_or(0, |looked| (looked + GATHER).min(self.soon()))
    }

    /// When a gathered hint acts that comes now, Unix milliseconds.
    fn soon(&self) -> i64 {
        self.ambient.now().timestamp_millis() + GATHER
    }

    fn has_looked(&mut self, repository: Repository) {
        let now = self.ambient.now().timestamp_millis();
        self.looked.retain(|_, looked| (0..GATHER).contains(&(now - *looked)));
        self.looked.insert(repository, now);
    }

    /// Does a waiting job earlier, if it is to wait longer.
    fn pull(&self, id: i64, at: i64) -> rusqlite::Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("UPDATE job SET not_before = ?2, created = ?2 WHERE id = ?1 AND not_before > ?2")?;
        statement.execute([id, at]).map(drop)
    }

    fn insert(&mut self, key: &str, new: &NewJob, at: i64) -> rusqlite::Result<()> {
        let payload = row::write(&new.job).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        let now = self.ambient.now().timestamp_millis();
        self.connection
            .prepare_cached(
                "INSERT INTO job (topic, key, lane, format, payload, trace, state, not_before, created, changed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'ready', ?7, ?8, ?8)",
            )?
            .execute(params![
                Topic::of(&new.job).name(),
                key,
                row::lane(&new.job),
                row::FORMAT,
                payload,
                new.trace,
                at,
                now
            ])?;
        self.ready += 1;
        Ok(())
    }

    /// Takes ready jobs of a topic. Only the first waiting job of a lane is taken.
    pub(super) fn lease(&mut self, topic: &Topic, most: usize) -> rusqlite::Result<Batch> {
        self.transact()?;
        let (now, monotonic) = (self.ambient.now(), self.ambient.monotonic());
        self.held.retain(|_, held| held.until > monotonic);
        let rows = self.candidates(topic, now, most + self.held.len())?;
        let mut batch = Batch::default();
        for (id, format, payload, trace, attempts, created) in rows {
            if batch.jobs.len() == most || self.held.contains_key(&id) {
                continue;
            }
            match row::read(&topic.name(), format, &payload) {
                Ok(job) => {
                    if let Job::Look(repository) = &job {
                        self.waiting.strike(repository);
                    }
                    self.next_lease += 1;
                    let held = Held { lease: self.next_lease, until: monotonic + LEASE, again: false };
                    self.held.insert(id, held);
                    self.count_attempt(id)?;
                    let attempt = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
                    batch.jobs.push(Leased { id, lease: self.next_lease, job, trace, attempt, created });
                }
                Err(error) => self.park(id, &error.to_string())?,
            }
        }
        batch.next = self.next_ready(topic)?;
        Ok(batch)
    }

    #[expect(clippy::type_complexity, reason = "a row, named where it is taken apart")]
    fn candidates(
        &self,
        topic: &Topic,
        now: DateTime<Utc>,
        most: usize,
    ) -> rusqlite::Result<Vec<(i64, i64, String, String, i64, DateTime<Utc>)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, format, payload, trace, attempts, created FROM job
             WHERE topic = ?1 AND state = 'ready' AND not_before <= ?2 AND NOT EXISTS (
                 SELECT 1 FROM job AS earlier
                 WHERE earlier.lane = job.lane AND earlier.id < job.id AND earlier.state = 'ready')
             ORDER BY not_before LIMIT ?3",
        )?;
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![topic.name(), now.timestamp_millis(), limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, moment(row.get(5)?)))
        })?;
        rows.collect()
    }

    fn count_attempt(&self, id: i64) -> rusqlite::Result<()> {
        let now = self.ambient.now().timestamp_millis();
        let mut statement =
            self.connection.prepare_cached("UPDATE job SET attempts = attempts + 1, changed = ?2 WHERE id = ?1")?;
        statement.execute(params![id, now]).map(drop)
    }

    fn park(&mut self, id: i64, error: &str) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        let mut statement =
            self.connection.prepare_cached("UPDATE job SET state = 'parked', error = ?2 WHERE id = ?1")?;
        statement.execute(params![id, error]).map(drop)
    }

    /// The earliest moment at which a row of this topic that nobody holds may be taken.
    fn next_ready(&self, topic: &Topic) -> rusqlite::Result<Option<DateTime<Utc>>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, not_before FROM job WHERE topic = ?1 AND state = 'ready' ORDER BY not_before",
        )?;
        let mut rows = statement.query([topic.name()])?;
        while let Some(row) = rows.next()? {
            if !self.held.contains_key(&row.get(0)?) {
                return Ok(Some(moment(row.get(1)?)));
            }
        }
        Ok(None)
    }

    /// Ends a lease; one that ran out, or is of an earlier holder, settles nothing.
    pub(super) fn settle(&mut self, leased: &Leased, settlement: &Settlement) -> rusqlite::Result<()> {
        if self.held.get(&leased.id).is_none_or(|held| held.lease != leased.lease) {
            return Ok(());
        }
        self.transact()?;
        // Ended at once: what is put later in the same transaction must find a row that waits.
        let again = self.held.remove(&leased.id).is_some_and(|held| {
            let again = held.again;
            self.ended.push((leased.id, held));
            again
        });
        let soon = self.soon();
        let look = matches!(leased.job, Job::Look(_));
        if let Job::Look(repository) = &leased.job {
            self.has_looked(repository.clone());
        }
        let no_later = |at: &DateTime<Utc>| if again { at.timestamp_millis().min(soon) } else { at.timestamp_millis() };
        match settlement {
            // What it did not see may be what mends it.
            Settlement::Done | Settlement::Dead { .. } if again => self.wait(leased.id, soon, true, None),
            Settlement::Done if look => self.forget(leased.id),
            Settlement::Done => self.finish(leased.id, "done", None),
            Settlement::Again(at) => self.wait(leased.id, no_later(at), true, None),
            Settlement::Retry { at, reason } => self.wait(leased.id, no_later(at), false, Some(reason)),
            Settlement::Dead { reason } => self.finish(leased.id, "dead", Some(reason)),
        }
    }

    fn wait(&self, id: i64, at: i64, afresh: bool, error: Option<&str>) -> rusqlite::Result<()> {
        let now = self.ambient.now().timestamp_millis();
        let mut statement = self.connection.prepare_cached(
            "UPDATE job SET not_before = ?2, attempts = CASE WHEN ?3 THEN 0 ELSE attempts END, error = ?4, changed = ?5,
                created = CASE WHEN ?3 THEN ?2 ELSE created END
             WHERE id = ?1",
        )?;
        statement.execute(params![id, at, afresh, error, now]).map(drop)
    }

    fn forget(&mut self, id: i64) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([id]).map(drop)
    }

    fn finish(&mut self, id: i64, state: &str, error: Option<&str>) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        let now = self.ambient.now().timestamp_millis();
        let mut statement =
            self.connection.prepare_cached("UPDATE job SET state = ?2, error = ?3, changed = ?4 WHERE id = ?1")?;
        statement.execute(params![id, state, error, now]).map(drop)
    }

    /// Drops what was remembered long enough.
    pub(super) fn purge(&mut self) -> rusqlite::Result<()> {
        let now = self.ambient.now().timestamp_millis();
        self.connection
            .prepare_cached(
                "DELETE FROM job WHERE (state = 'done' AND changed < ?1) OR (state IN ('dead', 'parked') AND changed < ?2)",
            )?
            .execute([now - REMEMBER_DONE, now - REMEMBER_DEAD])
            .map(drop)
    }

    pub(super) fn depth(&mut self) -> rusqlite::Result<Depth> {
        self.transact()?;
        let mut depth = Depth::default();
        let mut statement = self.connection.prepare_cached(
            "SELECT topic, state, count(*), min(created) FROM job WHERE state <> 'done' GROUP BY 1, 2",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (topic, state): (String, String) = (row.get(0)?, row.get(1)?);
            let count = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
            if state == "ready" {
                let created = moment(row.get(3)?);
                depth.oldest = Some(depth.oldest.map_or(created, |oldest| oldest.min(created)));
                depth.ready.push((topic, count));
            } else {
                depth.dead.push((topic, count));
            }
        }
        Ok(depth)
    }
}

fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
