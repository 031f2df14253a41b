//! What is done to the rows. One connection, used by one thread.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::disk::Disk;
use super::file::{self, OpenError};
use super::growth::{Growth, MOST_KEPT, MOST_RECORDS};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::queue::leases::Leases;
use crate::queue::losses::{MOST_LOSSES, REMEMBER_AGAIN};
use crate::queue::row::Anew;
use crate::queue::schedule::Waiter;
use crate::queue::waiting::{GATHER, Look, Recent, StoredLooks, Waiting};
use crate::queue::{MOST_JOBS, NewJob, Placed, QueueError, Topic, Urgency, row};

/// The row of a key.
struct KnownRow {
    id: i64,
    state: String,
    attempts: i64,
    losses: u32,
    not_before: i64,
    error: Option<String>,
}

/// The open file and the leases on its rows.
pub(super) struct Store {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Whether a transaction was begun. SQLite ends one by itself after some errors, so it can't be asked.
    begun: bool,
    /// The number of the last commit.
    commits: u64,
    pub(super) leases: Leases,
    pub(super) waiting: Waiting,
    /// When repositories were last looked at.
    looked: Recent,
    pub(super) ready: u64,
    /// Rows that were sent again, and wait where they were: one behind them may be under way.
    pub(super) sent_again: HashSet<i64>,
    /// Dead letters that were made since somebody asked, and since the last purge.
    given_up: bool,
    pub(super) dead: u32,
    /// Of what is kept, in bytes, and of records.
    pub(super) kept: Growth,
    pub(super) records: Growth,
    /// When it was opened, and last purged, on the monotonic clock.
    pub(super) purged: Duration,
    pub(super) opened: (DateTime<Utc>, Duration),
    pub(super) ambient: Ambient,
}

impl Store {
    /// Opens or makes the file of a data folder.
    pub(super) fn open(folder: &Path, ambient: Ambient) -> Result<Self, OpenError> {
        let path = folder.join("queue.db");
        let died = file::was_left_open(&path);
        let connection = file::open(&path, ambient.now())?;
        let mut store = Self {
            path,
            connection,
            begun: false,
            commits: 0,
            leases: Leases::new(died, ambient.clone()),
            waiting: Waiting::default(),
            looked: Recent::default(),
            ready: 0,
            sent_again: HashSet::new(),
            given_up: false,
            dead: 0,
            kept: Growth::within(MOST_KEPT),
            records: Growth::within(MOST_RECORDS),
            purged: ambient.monotonic(),
            opened: (ambient.now(), ambient.monotonic()),
            ambient,
        };
        let counted = store.count_ready();
        counted.map_err(|source| OpenError::of(&store.path, source))?;
        Ok(store)
    }

    /// A new connection to the same file, after one that failed; leases stay as they are.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        self.connection = file::connect_anew(&self.path)?;
        self.leases.stale();
        let ready = self.leave_syncing().and_then(|()| self.count_ready());
        ready.map_err(|source| OpenError::of(&self.path, source))
    }

    /// From now on a commit does not wait for the disk: see [`super::disk`].
    fn leave_syncing(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "synchronous", "NORMAL")
    }

    /// What is under the journal of this file, from now on.
    pub(super) fn disk(&self) -> Result<Disk, OpenError> {
        self.leave_syncing().map_err(|source| OpenError::of(&self.path, source))?;
        let (synced, [_, journal, _]) = (self.waiting.synced(), file::files(&self.path));
        synced.reached(self.commits);
        Ok(Disk::new(journal, synced))
    }

    /// The number of the last commit.
    pub(super) fn commits(&self) -> u64 {
        self.commits
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
            self.commits += 1;
        }
        self.begun = false;
        self.leases.committed();
        Ok(())
    }

    /// Undoes what was not committed. A failure is that there was nothing to undo.
    pub(super) fn rollback(&mut self) {
        let _ = self.connection.execute_batch("ROLLBACK");
        self.begun = false;
        self.waiting.clear();
        self.leases.undone();
        self.kept.undone();
        self.records.undone();
        let _ = self.count_ready();
    }

    /// Which looks are known to be on disk.
    pub(super) fn stored(&self) -> StoredLooks {
        self.waiting.stored()
    }

    /// Whether the bound leaves room for so many more jobs that wait.
    pub(super) fn has_room(&self, more: usize) -> Result<(), QueueError> {
        let all = self.ready + u64::try_from(more).unwrap_or(u64::MAX);
        if all > MOST_JOBS { Err(QueueError::Full(MOST_JOBS)) } else { Ok(()) }
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
            Job::Look(repository)
                if self.waiting.serves(repository, new.not_before.timestamp_millis(), new.urgency) =>
            {
                Ok(Placed::Coalesced)
            }
            Job::Look(repository) => {
                let look = self.put_look(repository, new)?;
                self.waiting.note(repository, look, self.commits + 1);
                Ok(Placed::News)
            }
            Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => self.put_message(new),
        }
    }

    /// A message is stored once, even when it was sent or given up; one that is put again and again is remembered on. One that
    /// was no news when its turn came was told to nobody, and is stored anew.
    fn put_message(&mut self, new: &NewJob) -> rusqlite::Result<Placed> {
        self.transact()?;
        let key = row::key(&new.job);
        if let Some(found) = self.find(&key)? {
            if found.state != "done" || !row::is_not_told(found.error.as_deref()) {
                if found.state != "ready" {
                    self.remember(found.id)?;
                }
                return Ok(Placed::Coalesced);
            }
            self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([found.id])?;
        }
        if self.is_overtaken(&new.job)? {
            return Ok(Placed::Coalesced);
        }
        self.end_old_news(&new.job)?;
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

    fn find(&self, key: &str) -> rusqlite::Result<Option<KnownRow>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, state, attempts, losses, not_before, error FROM job WHERE key = ?1")?;
        let found = |row: &rusqlite::Row<'_>| {
            Ok(KnownRow {
                id: row.get(0)?,
                state: row.get(1)?,
                attempts: row.get(2)?,
                losses: row.get(3)?,
                not_before: row.get(4)?,
                error: row.get(5)?,
            })
        };
        statement.query_row([key], found).optional()
    }

    /// Gives what the row of this look is now: it waits, or it is held and waits again after that.
    fn put_look(&mut self, repository: &Repository, new: &NewJob) -> rusqlite::Result<Look> {
        self.transact()?;
        let key = row::key(&new.job);
        let gathered = self.gathered(repository, new.urgency);
        let at = new.not_before.timestamp_millis().max(gathered);
        let urgency = new.urgency;
        let afresh = Look { at, gathers: at == gathered, urgency };
        let Some(found) = self.find(&key)? else {
            self.insert(&key, new, at)?;
            return Ok(afresh);
        };
        // Its row stays ready until it is settled, so this hint is on disk, and so are more of them.
        if self.leases.follow(found.id, urgency) {
            return Ok(Look { at, gathers: true, urgency });
        }
        match found.state.as_str() {
            // No news makes a process die less.
            "ready" if found.losses >= MOST_LOSSES => Ok(Look { at: found.not_before, gathers: true, urgency }),
            "ready" if found.attempts == 0 => {
                self.pull(found.id, at, new)?;
                Ok(afresh)
            }
            // News may end what made it fail, but a burst of them must not hammer a registry that is down.
            "ready" => {
                let soon = self.soon();
                self.pull(found.id, soon, new)?;
                Ok(Look { at: soon, gathers: true, urgency })
            }
            _ => {
                self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([found.id])?;
                self.insert(&key, new, at)?;
                Ok(afresh)
            }
        }
    }

    /// Until when hints of this look are gathered: the first of a burst acts at once, the rest makes one look more.
    fn gathered(&self, repository: &Repository, urgency: Urgency) -> i64 {
        self.looked.gathers_until(repository, urgency, self.wall())
    }

    /// When a gathered hint acts that comes now, Unix milliseconds.
    pub(super) fn soon(&self) -> i64 {
        self.wall() + GATHER
    }

    pub(super) fn has_looked(&mut self, repository: Repository, urgency: Urgency) {
        self.looked.note(repository, urgency, self.wall());
    }

    /// Does a waiting job earlier, if it is to wait longer. Then it follows from what has it done, where that is a span.
    fn pull(&mut self, id: i64, at: i64, new: &NewJob) -> rusqlite::Result<()> {
        let (now, trace) = (self.wall(), new.trace.parent().map(|parent| parent.to_string()));
        self.connection
            .prepare_cached(
                "UPDATE job SET not_before = ?2, created = ?2, changed = ?3, trace = coalesce(?4, trace)
                 WHERE id = ?1 AND not_before > ?2",
            )?
            .execute(params![id, at, now, trace])?;
        self.leases.hasten(id, at, new.urgency);
        Ok(())
    }

    /// A new row, which waits for its turn.
    fn insert(&mut self, key: &str, new: &NewJob, at: i64) -> rusqlite::Result<()> {
        let payload = row::write(&new.job).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
        let (now, topic, failed) = (self.wall(), Topic::of(&new.job), new.failed.as_ref());
        let changed = failed.map_or(now, |failed| failed.at.timestamp_millis());
        let error = failed.map(|failed| failed.reason.as_str());
        self.connection
            .prepare_cached(
                "INSERT INTO job (topic, key, format, payload, trace, state, not_before, created, changed, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'ready', ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                topic.name(),
                key,
                row::FORMAT,
                payload,
                new.trace.to_string(),
                at,
                now,
                changed,
                error
            ])?;
        self.ready += 1;
        let id = self.connection.last_insert_rowid();
        let has_turn = match &new.job {
            Job::Look(_) | Job::Press(_) => true,
            Job::Deliver(_) => self.enter_lanes(id, &new.job)?,
            // It waits to be composed.
            Job::Gather(_) => false,
        };
        if has_turn {
            let (due, born) = (self.leases.due(at), self.leases.due(now));
            let repository = new.job.repository().cloned();
            self.leases.add(&topic, Waiter { id, repository, due, born, losses: 0, urgency: new.urgency });
        }
        Ok(())
    }

    /// A row that waits, and the name of its topic.
    pub(super) fn waiter(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, Waiter)> {
        let payload: Option<String> = row.get(2)?;
        let (due, born) = self.leases.times(row.get(3)?, row.get(4)?, row.get(5)?);
        let repository = payload.and_then(|payload| Repository::parse(&payload).ok());
        let (id, losses, urgency) = (row.get(0)?, row.get(6)?, Urgency::Prompt);
        Ok((row.get(1)?, Waiter { id, repository, due, born, losses, urgency }))
    }

    /// Keeps a row that this version can't read.
    pub(super) fn park(&mut self, id: i64, error: &str) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        let now = self.wall();
        self.connection
            .prepare_cached("UPDATE job SET state = 'parked', error = ?2, changed = ?3 WHERE id = ?1")?
            .execute(params![id, error, now])?;
        self.leave_lanes(id)
    }

    /// Makes a job wait, with when it was changed and what went wrong.
    pub(super) fn wait(
        &self,
        id: i64,
        at: i64,
        anew: Anew,
        (changed, error): (i64, Option<&str>),
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(
            "UPDATE job SET not_before = ?2, attempts = CASE WHEN ?3 THEN 0 ELSE attempts END, error = ?4, changed = ?5,
                created = CASE WHEN ?6 THEN ?2 ELSE created END, leased = 0, losses = 0
             WHERE id = ?1",
        )?;
        let (attempts, age) = (anew != Anew::Nothing, anew == Anew::AttemptsAndAge);
        statement.execute(params![id, at, attempts, error, changed, age]).map(drop)
    }

    /// A look that is done: nobody waits for its lane, as its repository has one look at a time.
    pub(super) fn forget(&mut self, id: i64) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        self.connection.prepare_cached("DELETE FROM job WHERE id = ?1")?.execute([id]).map(drop)
    }

    /// Ends a row that is remembered, so that those it kept waiting have their turn.
    pub(super) fn finish(&mut self, id: i64, state: &str, error: Option<&str>) -> rusqlite::Result<()> {
        self.ready = self.ready.saturating_sub(1);
        if state == "dead" {
            self.count_dead(1);
        }
        let now = self.wall();
        self.connection
            .prepare_cached(
                "UPDATE job SET state = ?2, error = ?3, changed = ?4, leased = 0, losses = 0 WHERE id = ?1",
            )?
            .execute(params![id, state, error, now])?;
        self.leave_lanes(id)
    }

    /// So many jobs were given up.
    pub(super) fn count_dead(&mut self, number: u64) {
        self.given_up = true;
        self.dead = self.dead.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// Whether any was given up since this was asked last.
    pub(super) fn has_given_up(&mut self) -> bool {
        std::mem::take(&mut self.given_up)
    }

    /// Wall time, Unix milliseconds.
    pub(super) fn wall(&self) -> i64 {
        self.ambient.now().timestamp_millis()
    }
}
