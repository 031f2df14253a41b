//! Gives rows away and takes them back.

use rusqlite::OptionalExtension as _;

use super::lanes::{IS_FIRST, WAITER};
use super::store::Store;
use crate::domain::event::Job;
use crate::domain::trace::Trace;
use crate::queue::row::{Anew, moment};
use crate::queue::schedule::{Turn, Waiter};
use crate::queue::{Batch, LeaseId, Leased, Settlement, Sharing, Topic, Urgency, row};

/// A row that may be given away.
struct Row {
    format: i64,
    payload: String,
    trace: String,
    attempts: i64,
    created: i64,
    changed: i64,
    error: Option<String>,
}

impl Store {
    /// Takes jobs whose turn it is.
    pub(super) fn lease(&mut self, topic: &Topic, most: usize, sharing: &Sharing) -> rusqlite::Result<Batch> {
        self.leases.end_old();
        if self.leases.is_stale() {
            self.read_waiters()?;
        }
        self.leases.follow_clock();
        self.leases.claim_again(topic, sharing);
        let mut batch = Batch::default();
        while batch.jobs.len() < most {
            let Some(turn) = self.leases.next(topic, sharing) else {
                batch.wait = self.leases.wait(topic);
                break;
            };
            if let Err(error) = self.give(topic, turn, &mut batch) {
                self.revoke(&batch);
                return Err(error);
            }
        }
        Ok(batch)
    }

    /// Ends leases that nobody received.
    pub(super) fn revoke(&mut self, batch: &Batch) {
        self.leases.revoke(batch.jobs.iter().map(number_of_row));
    }

    /// Whether what was leased may begin only when that is on disk.
    pub(super) fn must_be_durable(&self, batch: &Batch) -> bool {
        self.leases.must_be_durable(batch.jobs.iter().map(number_of_row))
    }

    /// Gives a row away, or parks it if it can't be read.
    fn give(&mut self, topic: &Topic, turn: Turn, batch: &mut Batch) -> rusqlite::Result<()> {
        self.transact()?;
        let Turn { waiter, claim } = turn;
        let Some(row) = self.row(waiter.id)? else { return Ok(()) };
        let job = match row::read(&topic.name(), row.format, &row.payload) {
            Ok(job) => job,
            Err(error) => {
                return self.park(waiter.id, &error.to_string());
            }
        };
        self.begin_attempt(waiter.id)?;
        if let Job::Look(repository) = &job {
            self.waiting.strike(repository);
        }
        let number = self.leases.hold(topic, &waiter, claim);
        batch.jobs.push(Leased {
            lease: LeaseId::new(u64::try_from(waiter.id).unwrap_or_default(), number),
            job,
            trace: Trace::parse(&row.trace),
            also: Vec::new(),
            attempt: u32::try_from(row.attempts + 1).unwrap_or(u32::MAX),
            created: moment(self.leases.created(&waiter, row.created)),
            failed: row::failed(row.changed, row.error),
        });
        Ok(())
    }

    fn row(&self, id: i64) -> rusqlite::Result<Option<Row>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT format, payload, trace, attempts, created, changed, error FROM job WHERE id = ?1 AND state = 'ready'",
        )?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Row {
                format: row.get(0)?,
                payload: row.get(1)?,
                trace: row.get(2)?,
                attempts: row.get(3)?,
                created: row.get(4)?,
                changed: row.get(5)?,
                error: row.get(6)?,
            })
        };
        statement.query_row([id], row).optional()
    }

    /// When it failed last is known until it has ended: see [`row::failed`].
    fn begin_attempt(&self, id: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE job SET attempts = attempts + 1, leased = 1,
                    changed = CASE WHEN error IS NULL THEN ?2 ELSE changed END
                 WHERE id = ?1",
            )?
            .execute([id, self.wall()])
            .map(drop)
    }

    /// Ends a lease; one that ran out, or is of an earlier holder, settles nothing. Says whether others may have waited
    /// for this one job to end.
    pub(super) fn settle(&mut self, leased: &Leased, settlement: &Settlement) -> rusqlite::Result<bool> {
        let id = number_of_row(leased);
        if !self.leases.holds(id, leased.lease.number()) {
            return Ok(false);
        }
        self.transact()?;
        // Ended at once: what is put later in the same transaction must find a row that waits.
        let Some(ended) = self.leases.end(id) else { return Ok(false) };
        if let Job::Look(repository) = &leased.job {
            self.has_looked(repository.clone(), ended.urgency);
        }
        let hinted = ended.again.map(|urgency| self.after(urgency, ended.urgency, settlement));
        let no_later = |at: i64| hinted.map_or(at, |hinted| at.min(hinted));
        let now = self.wall();
        let (at, anew, failed) = match settlement {
            // What it did not see may be what mends it.
            Settlement::Done | Settlement::Withdrawn { .. } | Settlement::Dead { .. } if hinted.is_some() => {
                (no_later(i64::MAX), Anew::AttemptsAndAge, (now, None))
            }
            Settlement::Done | Settlement::Withdrawn { .. } | Settlement::Dead { .. } => {
                self.end(id, leased, settlement)?;
                return Ok(ended.is_suspect);
            }
            Settlement::Again(at) => {
                let failed = leased.failed_before().map(|it| (it.at.timestamp_millis(), Some(it.reason.as_str())));
                (no_later(at.timestamp_millis()), Anew::AttemptsAndAge, failed.unwrap_or((now, None)))
            }
            Settlement::Retry { at, reason } => {
                (no_later(at.timestamp_millis()), Anew::Nothing, (now, Some(reason.as_str())))
            }
            Settlement::Waits { at, reason } => {
                (no_later(at.timestamp_millis()), Anew::Attempts, (now, Some(reason.as_str())))
            }
        };
        self.wait(id, at, anew, failed)?;
        let due = self.leases.due(at);
        // What is done again is followed: somebody waits for how it ends.
        let afresh = anew == Anew::AttemptsAndAge;
        let (born, urgency) = if afresh { (due, Urgency::Prompt) } else { (ended.born, ended.urgency) };
        let urgency = ended.again.map_or(urgency, |hinted| hinted.min(urgency));
        let repository = leased.job.repository().cloned();
        let is_put_off = matches!((&leased.job, settlement), (Job::Deliver(_), Settlement::Again(_)));
        let has_its_turn = if is_put_off { self.step_aside(id)? } else { self.has_its_turn(id)? };
        if has_its_turn {
            self.leases.add(&Topic::of(&leased.job), Waiter { id, repository, due, born, losses: 0, urgency });
        } else if !is_put_off {
            self.leases.stale();
        }
        Ok(ended.is_suspect)
    }

    /// When a look is done again of which a hint came while it was done, Unix milliseconds.
    fn after(&self, hinted: Urgency, done: Urgency, settlement: &Settlement) -> i64 {
        let failed = matches!(settlement, Settlement::Retry { .. } | Settlement::Waits { .. });
        if hinted.is_gathered_after(done) || failed { self.soon() } else { self.wall() }
    }

    /// A job that is not done again.
    fn end(&mut self, id: i64, leased: &Leased, settlement: &Settlement) -> rusqlite::Result<()> {
        match settlement {
            Settlement::Dead { reason } => self.finish(id, "dead", Some(reason)),
            _ if matches!(leased.job, Job::Look(_)) => self.forget(id),
            Settlement::Withdrawn { reason } => self.finish(id, "done", Some(reason)),
            _ => self.finish(id, "done", None),
        }
    }

    /// Reads from the rows who waits.
    fn read_waiters(&mut self) -> rusqlite::Result<()> {
        let mut found = Vec::new();
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {WAITER} FROM job
             WHERE state = 'ready' AND topic NOT GLOB 'gather:*' AND (topic = 'look' OR {IS_FIRST})"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (topic, waiter) = self.waiter(row)?;
            found.extend(Topic::named(&topic).map(|topic| (topic, waiter)));
        }
        drop(rows);
        drop(statement);
        let mut waiting = Vec::with_capacity(found.len());
        for (topic, waiter) in found {
            if !self.is_held_up(waiter.id, &topic)? {
                waiting.push((topic, waiter));
            }
        }
        self.leases.set_waiters(waiting);
        Ok(())
    }
}

fn number_of_row(leased: &Leased) -> i64 {
    i64::try_from(leased.lease.job()).unwrap_or_default()
}
