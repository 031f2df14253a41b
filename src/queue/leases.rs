//! Whose turn it is among the rows, who has which of them, and for how long.
//!
//! A lease lives in memory, as the file has one owner. Its mark on the row only tells the next process what this one
//! died with, so nobody waits for it to be on disk; but a process whose predecessor died has it on disk before the job
//! begins, so that a job that kills at once is found out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension as _, params};

use super::schedule::{Claim, Schedule, Turn, Waiter};
use super::store::{Store, look, moment};
use super::{Batch, Leased, Settlement, Sharing, Topic, row};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::reference::Repository;

/// A lease that is not settled by then is given to somebody else.
const LEASE: Duration = Duration::from_secs(300);
/// Claims of waiting jobs are asked again after this time, as workloads come and go. Milliseconds.
const CLAIM_AGAIN: i64 = 5_000;
/// The next suspect starts when the one before has done no harm for so long. Milliseconds.
const SUSPENSE: i64 = 5_000;
/// A wall clock that went this much further than the monotonic one was set. Milliseconds.
const SET: i64 = 1_000;

/// A lease that is held.
struct Held {
    lease: u64,
    until: Duration,
    topic: Topic,
    claim: Arc<Claim>,
    born: i64,
    /// A process died with it, so no other such job starts before this moment.
    suspense: Option<i64>,
    /// A hint came that the holder may not have seen: it waits again when the lease ends, whatever becomes of it.
    again: bool,
}

/// The jobs of a topic that wait for nothing but time and a slot.
#[derive(Default)]
struct Waiters {
    schedule: Schedule,
    sharing: Option<Sharing>,
    claimed: i64,
}

/// Whose turn it is, and who has a lease.
pub(super) struct Leases {
    topics: HashMap<Topic, Waiters>,
    held: HashMap<i64, Held>,
    /// Leases that the open transaction has ended; they come back if it is undone.
    ended: Vec<(i64, Held)>,
    last: u64,
    /// Whether the topics have to be read from the rows first.
    stale: bool,
    /// Whether the process before this one died.
    died: bool,
    /// Wall time less monotonic time, milliseconds.
    offset: i64,
}

impl Leases {
    pub(super) fn new(died: bool, ambient: &Ambient) -> Self {
        let offset = ambient.now().timestamp_millis() - millis(ambient.monotonic());
        let (topics, held, ended) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { topics, held, ended, last: 0, stale: true, died, offset }
    }

    /// What is known of the rows is not sure any more.
    pub(super) fn stale(&mut self) {
        self.stale = true;
    }

    pub(super) fn committed(&mut self) {
        self.ended.clear();
    }

    pub(super) fn undone(&mut self) {
        self.held.extend(self.ended.drain(..));
        self.stale = true;
    }

    /// Whether somebody has this row, who then has to do it once more.
    pub(super) fn follow(&mut self, id: i64) -> bool {
        self.held.get_mut(&id).map(|held| held.again = true).is_some()
    }

    /// Whether a job may begin only when its lease is on disk.
    pub(super) fn must_be_durable(&self) -> bool {
        self.died
    }

    /// Ends leases that nobody was told of.
    pub(super) fn revoke(&mut self, batch: &Batch) {
        for leased in &batch.jobs {
            self.held.remove(&leased.id);
        }
        self.stale = true;
    }
}

impl Store {
    /// Takes jobs whose turn it is.
    pub(super) fn lease(&mut self, topic: &Topic, most: usize, sharing: &Sharing) -> rusqlite::Result<Batch> {
        if self.leases.stale {
            self.read_waiters()?;
        }
        self.end_old_leases()?;
        self.follow_clock();
        let now = millis(self.ambient.monotonic());
        self.claim_again(topic, sharing, now);
        let mut batch = Batch::default();
        while batch.jobs.len() < most {
            let Some(turn) = self.next(topic, sharing, now) else {
                batch.wait = self.next_due(topic, now);
                break;
            };
            if let Err(error) = self.give(topic, turn, &mut batch) {
                self.leases.revoke(&batch);
                return Err(error);
            }
        }
        Ok(batch)
    }

    fn next(&mut self, topic: &Topic, sharing: &Sharing, now: i64) -> Option<Turn> {
        let of_topic = self.leases.held.values().filter(|held| held.topic == *topic);
        let running: Vec<Arc<Claim>> = of_topic.map(|held| Arc::clone(&held.claim)).collect();
        let suspects_from = self.suspects_from();
        self.leases.topics.get_mut(topic)?.schedule.next(now, &running, sharing.slots, suspects_from)
    }

    /// When a suspect may start beside those that run.
    fn suspects_from(&self) -> i64 {
        self.leases.held.values().filter_map(|held| held.suspense).max().unwrap_or(i64::MIN)
    }

    fn next_due(&self, topic: &Topic, now: i64) -> Option<Duration> {
        let due = self.leases.topics.get(topic)?.schedule.next_due(now, self.suspects_from())?;
        Some(Duration::from_millis(u64::try_from(due - now).unwrap_or_default()))
    }

    /// Gives a row away, or parks it if it can't be read.
    fn give(&mut self, topic: &Topic, turn: Turn, batch: &mut Batch) -> rusqlite::Result<()> {
        self.transact()?;
        let Turn { waiter, claim } = turn;
        let id = waiter.id;
        let Some((format, payload, trace, attempts, created, lane)) = self.row(id)? else { return Ok(()) };
        let job = match row::read(&topic.name(), format, &payload) {
            Ok(job) => job,
            Err(error) => {
                self.park(id, &error.to_string())?;
                return self.advance(topic, &lane);
            }
        };
        let now = self.wall();
        self.connection
            .prepare_cached("UPDATE job SET attempts = attempts + 1, leased = 1, changed = ?2 WHERE id = ?1")?
            .execute([id, now])?;
        if let Job::Look(repository) = &job {
            self.waiting.strike(repository);
        }
        let monotonic = self.ambient.monotonic();
        self.leases.last += 1;
        let lease = self.leases.last;
        let (until, born) = (monotonic + LEASE, waiter.born);
        let suspense = (waiter.losses > 0).then(|| millis(monotonic) + SUSPENSE);
        let held = Held { lease, until, topic: topic.clone(), claim, born, suspense, again: false };
        self.leases.held.insert(id, held);
        // A clock that was set makes nothing older than the time that has passed.
        let since = now - (millis(monotonic) - born);
        let created = moment(if since - created > SET { since } else { created });
        let attempt = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
        batch.jobs.push(Leased { id, lease, job, trace, attempt, created });
        Ok(())
    }

    #[expect(clippy::type_complexity, reason = "a row, named where it is taken apart")]
    fn row(&self, id: i64) -> rusqlite::Result<Option<(i64, String, String, i64, i64, String)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT format, payload, trace, attempts, created, lane FROM job WHERE id = ?1 AND state = 'ready'",
        )?;
        let row = statement
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)));
        row.optional()
    }

    /// Ends a lease; one that ran out, or is of an earlier holder, settles nothing. Says whether others may have waited
    /// for this one job to end.
    pub(super) fn settle(&mut self, leased: &Leased, settlement: &Settlement) -> rusqlite::Result<bool> {
        if self.leases.held.get(&leased.id).is_none_or(|held| held.lease != leased.lease) {
            return Ok(false);
        }
        self.transact()?;
        // Ended at once: what is put later in the same transaction must find a row that waits.
        let Some(held) = self.leases.held.remove(&leased.id) else { return Ok(false) };
        let (again, suspect, born) = (held.again, held.suspense.is_some(), held.born);
        self.leases.ended.push((leased.id, held));
        let soon = self.soon();
        if let Job::Look(repository) = &leased.job {
            self.has_looked(repository.clone());
        }
        let no_later = |at: i64| if again { at.min(soon) } else { at };
        let (at, afresh, error) = match settlement {
            // What it did not see may be what mends it.
            Settlement::Done | Settlement::Dead { .. } if again => (soon, true, None),
            Settlement::Done | Settlement::Dead { .. } => {
                self.end(leased, settlement)?;
                return Ok(suspect);
            }
            Settlement::Again(at) => (no_later(at.timestamp_millis()), true, None),
            Settlement::Retry { at, reason } => (no_later(at.timestamp_millis()), false, Some(reason.as_str())),
        };
        self.wait(leased.id, at, afresh, error)?;
        let due = self.due(at);
        let born = if afresh { due } else { born };
        let waiter = Waiter { id: leased.id, repository: look(&leased.job), due, born, losses: 0 };
        self.add(&Topic::of(&leased.job), waiter);
        Ok(suspect)
    }

    /// A job that is not done again, and the next of its lane.
    fn end(&mut self, leased: &Leased, settlement: &Settlement) -> rusqlite::Result<()> {
        match settlement {
            Settlement::Dead { reason } => self.finish(leased.id, "dead", Some(reason))?,
            _ if matches!(leased.job, Job::Look(_)) => return self.forget(leased.id),
            _ => self.finish(leased.id, "done", None)?,
        }
        self.advance(&Topic::of(&leased.job), &row::lane(&leased.job))
    }

    /// The first row of a lane is next.
    pub(super) fn advance(&mut self, topic: &Topic, lane: &str) -> rusqlite::Result<()> {
        if let Some(waiter) = self.head_of_lane(lane)? {
            self.add(topic, waiter);
        }
        Ok(())
    }

    /// The first row of a lane that is to be done.
    pub(super) fn head_of_lane(&self, lane: &str) -> rusqlite::Result<Option<Waiter>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, topic, CASE WHEN topic = 'look' THEN payload END, not_before, created, changed, losses
             FROM job WHERE lane = ?1 AND state = 'ready' ORDER BY id LIMIT 1",
        )?;
        statement.query_row([lane], |row| Ok(self.waiter(row)?.1)).optional()
    }

    /// Gives leases that ran out to whoever comes next.
    fn end_old_leases(&mut self) -> rusqlite::Result<()> {
        let now = self.ambient.monotonic();
        let ended = self.leases.held.extract_if(|_, held| held.until <= now);
        if ended.count() > 0 { self.read_waiters() } else { Ok(()) }
    }

    /// Reads from the rows who waits.
    fn read_waiters(&mut self) -> rusqlite::Result<()> {
        let mut found = Vec::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT id, topic, CASE WHEN topic = 'look' THEN payload END, not_before, created, changed, losses
             FROM job WHERE state = 'ready' AND NOT EXISTS (
                 SELECT 1 FROM job AS earlier
                 WHERE earlier.lane = job.lane AND earlier.id < job.id AND earlier.state = 'ready')",
        )?;
        let mut rows = statement.query(params![])?;
        while let Some(row) = rows.next()? {
            let (topic, waiter) = self.waiter(row)?;
            if !self.leases.held.contains_key(&waiter.id) {
                found.push((topic, waiter));
            }
        }
        drop(rows);
        drop(statement);
        self.leases.topics.values_mut().for_each(|waiters| waiters.schedule = Schedule::default());
        for (topic, waiter) in found {
            if let Some(topic) = Topic::named(&topic) {
                self.add(&topic, waiter);
            }
        }
        self.leases.stale = false;
        Ok(())
    }

    fn waiter(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, Waiter)> {
        let (payload, not_before, created, changed): (Option<String>, i64, i64, i64) =
            (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        let (wall, monotonic) = (self.wall(), millis(self.ambient.monotonic()));
        // Never longer than it was to wait when that was written, whatever the clock was set to since.
        let wait = (not_before - wall).min(not_before - changed).max(0);
        let repository = payload.and_then(|payload| Repository::parse(&payload).ok());
        let (due, born) = (monotonic + wait, monotonic - (wall - created));
        Ok((row.get(1)?, Waiter { id: row.get(0)?, repository, due, born, losses: row.get(6)? }))
    }

    /// A row waits for its turn.
    pub(super) fn add(&mut self, topic: &Topic, waiter: Waiter) {
        let waiters = self.leases.topics.entry(topic.clone()).or_default();
        let claim = waiters.sharing.as_ref().map(|sharing| sharing.claim(waiter.repository.as_ref()));
        waiters.schedule.add(waiter, claim.unwrap_or_default());
    }

    /// A look waits no longer than until `at`, Unix milliseconds.
    pub(super) fn hasten(&mut self, id: i64, at: i64) {
        let due = self.due(at);
        if let Some(waiters) = self.leases.topics.get_mut(&Topic::Look) {
            waiters.schedule.hasten(id, due);
        }
    }

    /// A moment of the wall clock, Unix milliseconds, on the monotonic one.
    pub(super) fn due(&self, at: i64) -> i64 {
        millis(self.ambient.monotonic()).saturating_add(at.saturating_sub(self.wall()))
    }

    fn claim_again(&mut self, topic: &Topic, sharing: &Sharing, now: i64) {
        let waiters = self.leases.topics.entry(topic.clone()).or_default();
        if sharing.claim.is_some() && (waiters.sharing.is_none() || now - waiters.claimed >= CLAIM_AGAIN) {
            waiters.schedule.claim_again(|waiter| sharing.claim(waiter.repository.as_ref()));
            waiters.sharing = Some(sharing.clone());
            waiters.claimed = now;
        }
    }

    /// A wall clock that was set forward makes due what is due by it; one that was set back makes nothing wait longer.
    fn follow_clock(&mut self) {
        let offset = self.wall() - millis(self.ambient.monotonic());
        let ahead = offset - self.leases.offset;
        if ahead >= SET {
            self.leases.topics.values_mut().for_each(|waiters| waiters.schedule.hasten_all(ahead));
        }
        if ahead.abs() >= SET {
            self.leases.offset = offset;
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
