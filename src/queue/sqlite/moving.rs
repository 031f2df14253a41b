//! What the file gives to another store, and takes from one; see [`crate::queue::moving`].

use rusqlite::{OptionalExtension as _, params};

use super::pending::Later;
use super::records::{WRITTEN, written};
use super::store::Store;
use crate::domain::event::Job;
use crate::domain::reference::{Digest, Repository, Tag};
use crate::queue::command::MoveCommand;
use crate::queue::moving::{Beside, Exported, Mark, Part, StoredJob, StoredState, Taken};
use crate::queue::row::moment;
use crate::queue::{Announced, LOOKED_FOR, QueueError, SignIn, Urgency, row};

/// What of a job is moved: see [`stored_job`].
const COLUMNS: &str = "topic, key, format, payload, trace, state, attempts, losses, not_before, created, changed, error, \
                       told, id";

impl MoveCommand {
    /// Does it in the open transaction. What only reads is replied to at once.
    pub(super) fn execute(self, store: &mut Store) -> Result<Option<Later>, QueueError> {
        Ok(match self {
            Self::Jobs(after, most, reply) => reply.send_read(store.export_jobs(after, most)).map(|()| None)?,
            Self::Beside(part, after, most, reply) => {
                reply.send_read(store.export(part, after, most)).map(|()| None)?
            }
            Self::TakeOver(jobs, reply) => {
                let (taken, reply) = reply.unless_failed(store.take_over(&jobs))?;
                Some(Later::new(reply, Ok(taken), Vec::new()))
            }
            Self::Mark(reply) => reply.send_read(store.mark()).map(|()| None)?,
            Self::SetMark(mark, reply) => {
                let (done, reply) = reply.unless_failed(store.set_mark(mark.as_ref().as_ref()))?;
                Some(Later::new(reply, Ok(done), Vec::new()))
            }
            Self::Empty(reply) => {
                let (done, reply) = reply.unless_failed(store.empty())?;
                Some(Later::new(reply, Ok(done), Vec::new()))
            }
        })
    }
}

/// A page of items with their numbers, of which one more was asked for than it takes.
fn page<T>(mut found: Vec<(i64, T)>, most: usize) -> Exported<T> {
    let is_more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| is_more).map(|(number, _)| *number);
    Exported { items: found.into_iter().map(|(_, item)| item).collect(), next, sealed: 0 }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}

fn state_of(state: StoredState) -> &'static str {
    match state {
        StoredState::Ready => "ready",
        StoredState::Done => "done",
        StoredState::Dead => "dead",
        StoredState::Parked => "parked",
    }
}

/// Reads [`COLUMNS`].
fn stored_job(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, StoredJob)> {
    let state: String = row.get(5)?;
    let state = [StoredState::Ready, StoredState::Done, StoredState::Dead]
        .into_iter()
        .find(|known| state_of(*known) == state)
        .unwrap_or(StoredState::Parked);
    let job = StoredJob {
        topic: row.get(0)?,
        key: row.get(1)?,
        format: row.get(2)?,
        payload: row.get(3)?,
        trace: row.get(4)?,
        state,
        attempts: row.get(6)?,
        losses: row.get(7)?,
        not_before: row.get(8)?,
        created: row.get(9)?,
        changed: row.get(10)?,
        // The file does not say who waits for it.
        urgency: Urgency::Prompt,
        error: row.get(11)?,
        told: row.get(12)?,
    };
    Ok((row.get(13)?, job))
}

impl Store {
    fn export_jobs(&self, after: Option<i64>, most: usize) -> rusqlite::Result<Exported<StoredJob>> {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE id > ?1 ORDER BY id LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map([after.unwrap_or(i64::MIN), limit(most)], stored_job)?;
        Ok(page(found.collect::<rusqlite::Result<_>>()?, most))
    }

    fn export(&self, part: Part, after: Option<i64>, most: usize) -> rusqlite::Result<Exported<Beside>> {
        let (after, limit) = (after.unwrap_or(i64::MIN), limit(most));
        match part {
            Part::Records => {
                let sql = format!(
                    "SELECT {WRITTEN}, rowid, uid, gone IS NOT NULL FROM record WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"
                );
                let mut statement = self.connection.prepare_cached(&sql)?;
                let read = |row: &rusqlite::Row<'_>| {
                    let record = Beside::Record { uid: row.get(10)?, written: written(row)?, gone: row.get(11)? };
                    Ok((row.get(9)?, record))
                };
                let found = statement.query_map([after, limit], read)?;
                Ok(page(found.collect::<rusqlite::Result<_>>()?, most))
            }
            Part::SignIns => {
                let mut statement = self.connection.prepare_cached(
                    "SELECT number, id, person, what, until FROM sign_in
                     WHERE number > ?1 AND until > ?3 ORDER BY number LIMIT ?2",
                )?;
                let read = |row: &rusqlite::Row<'_>| {
                    let (id, person, what) = (row.get(1)?, row.get(2)?, row.get(3)?);
                    Ok((row.get(0)?, Beside::SignIn(SignIn { id, person, what, until: moment(row.get(4)?) })))
                };
                let found = statement.query_map([after, limit, self.wall()], read)?;
                Ok(page(found.collect::<rusqlite::Result<_>>()?, most))
            }
            Part::Announced => self.export_announced(),
            Part::Learnt => {
                let mut statement = self.connection.prepare_cached(
                    "SELECT id, key, value, until FROM kept WHERE id > ?1 AND until > ?3 ORDER BY id LIMIT ?2",
                )?;
                let read = |row: &rusqlite::Row<'_>| {
                    let (key, value) = (row.get(1)?, row.get(2)?);
                    Ok((row.get(0)?, Beside::Learnt { key, value, until: moment(row.get(3)?) }))
                };
                let found = statement.query_map([after, limit, self.wall()], read)?;
                Ok(page(found.collect::<rusqlite::Result<_>>()?, most))
            }
        }
    }

    /// All at once: they are looked for for some minutes.
    fn export_announced(&self) -> rusqlite::Result<Exported<Beside>> {
        let over = self.wall() - LOOKED_FOR.num_milliseconds();
        let mut statement =
            self.connection.prepare_cached("SELECT repository, tag, at, digest FROM announced WHERE at > ?1")?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let all: Vec<(String, String, i64, Option<String>)> =
            statement.query_map([over], read)?.collect::<rusqlite::Result<_>>()?;
        let (mut items, mut sealed) = (Vec::new(), 0);
        for (repository, tag, at, digest) in all {
            let (Ok(repository), Ok(tag)) = (Repository::parse(&repository), Tag::parse(&tag)) else {
                sealed += 1;
                continue;
            };
            let digest = digest.and_then(|digest| Digest::parse(&digest).ok());
            items.push(Beside::Announced(Announced { repository, tag, digest, at: moment(at) }));
        }
        Ok(Exported { items, next: None, sealed })
    }

    fn take_over(&mut self, jobs: &[StoredJob]) -> rusqlite::Result<Vec<Taken>> {
        self.transact()?;
        jobs.iter().map(|job| self.take_over_one(job)).collect()
    }

    fn take_over_one(&mut self, job: &StoredJob) -> rusqlite::Result<Taken> {
        let stored = self
            .connection
            .prepare_cached(
                "INSERT INTO job (topic, key, format, payload, trace, state, attempts, losses, not_before, created, changed,
                     error, told)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (key) DO NOTHING",
            )?
            .execute(params![
                job.topic,
                job.key,
                job.format,
                job.payload,
                job.trace,
                state_of(job.state),
                job.attempts,
                job.losses,
                job.not_before,
                job.created,
                job.changed,
                job.error,
                job.told
            ])?;
        if stored == 0 {
            return Ok(Taken::There);
        }
        let id = self.connection.last_insert_rowid();
        if job.state == StoredState::Ready {
            self.ready += 1;
            if let Ok(read @ Job::Deliver(_)) = row::read(&job.topic, job.format, &job.payload) {
                self.enter_lanes(id, &read)?;
            }
            // Who waits is read from the rows.
            self.leases.stale();
        }
        Ok(Taken::Moved)
    }

    fn mark(&self) -> rusqlite::Result<Option<Mark>> {
        let found: Option<String> = self
            .connection
            .prepare_cached("SELECT state FROM move WHERE id = 1")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let read = |state: String| {
            serde_json::from_str(&state).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
            })
        };
        found.map(read).transpose()
    }

    fn set_mark(&mut self, mark: Option<&Mark>) -> rusqlite::Result<()> {
        self.transact()?;
        let Some(mark) = mark else { return self.connection.execute("DELETE FROM move", []).map(drop) };
        let state =
            serde_json::to_string(mark).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        self.connection.execute("INSERT OR REPLACE INTO move (id, state) VALUES (1, ?1)", [state]).map(drop)
    }

    /// Drops all but the mark.
    fn empty(&mut self) -> rusqlite::Result<()> {
        self.transact()?;
        self.connection.execute_batch(
            "DELETE FROM lane; DELETE FROM job; DELETE FROM kept; DELETE FROM record; DELETE FROM announced;
             DELETE FROM brake; DELETE FROM sign_in;",
        )?;
        self.ready = 0;
        self.sent_again.clear();
        self.waiting.clear();
        self.leases.stale();
        Ok(())
    }
}
