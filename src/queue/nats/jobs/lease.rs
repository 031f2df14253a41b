//! Leases and settlements.

use super::Jobs;
use crate::domain::event::Job;
use crate::queue::nats::entry::{JobHolder, Row, State};
use crate::queue::row::{Anew, moment};
use crate::queue::schedule::Turn;
use crate::queue::waiting::GATHER;
use crate::queue::{Batch, LeaseId, Leased, QueueError, Settlement, Sharing, Topic, Urgency};

/// The most bytes of who has a job, as that is noted in it.
const MARK: usize = 100;

impl Jobs {
    /// Takes jobs whose turn it is. They are the caller's when the commit is stored.
    pub(in crate::queue::nats) fn lease(&mut self, topic: &Topic, most: usize, sharing: &Sharing) -> Batch {
        self.leases.end_old();
        if self.leases.is_stale() {
            self.place_all();
        }
        self.leases.follow_clock();
        self.leases.claim_again(topic, sharing);
        self.recover();
        let mut batch = Batch::default();
        while batch.jobs.len() < most {
            let Some(turn) = self.leases.next(topic, sharing) else {
                // What another process has is due when that is heard no longer.
                batch.wait = self.leases.wait(topic).into_iter().chain(self.until_lost(topic)).min();
                break;
            };
            batch.jobs.extend(self.give(topic, turn));
        }
        batch
    }

    /// Gives a job away, or parks it if it can't be read.
    fn give(&mut self, topic: &Topic, Turn { waiter, claim }: Turn) -> Option<Leased> {
        let known = self.rows.get(waiter.id)?;
        let (place, first) = (known.place.clone(), known.row.first);
        // What the same commit has ended, or given already, is nobody's turn.
        let row = self.at(&place).filter(|row| row.state == State::Ready && row.first == first);
        let mut row = row.filter(|row| !self.is_taken(waiter.id, row))?.clone();
        if row.bytes() > self.most_bytes.saturating_sub(MARK) {
            let error = QueueError::TooLarge { bytes: row.bytes(), most: self.most_bytes };
            tracing::error!(topic = row.topic, job = row.about(), %error, "the job waits, as nobody can note that it was taken");
            return None;
        }
        let now = self.wall();
        let job = match row.job() {
            Ok(job) => job,
            Err(error) => {
                row.end(State::Parked, Some(error.to_string()), now);
                self.set(&place, Some(row));
                return None;
            }
        };
        let number = self.leases.hold(topic, &waiter, claim);
        self.given.push(waiter.id);
        row.attempts = row.attempts.saturating_add(1);
        // When it failed last is known until it has ended.
        row.changed = if row.error.is_none() { now } else { row.changed };
        (row.held, row.again) = (Some(JobHolder { by: self.me.clone(), number }), None);
        let leased = Leased {
            lease: LeaseId::new(waiter.id.cast_unsigned(), number),
            job,
            trace: row.trace(),
            also: Vec::new(),
            attempt: row.attempts,
            created: moment(self.leases.created(&waiter, row.created)),
            failed: row.failed(),
        };
        self.set(&place, Some(row));
        Some(leased)
    }

    /// Ends a lease; one that ran out, or that somebody else has now, settles nothing. Says whether others may have waited
    /// for this one job to end.
    pub(in crate::queue::nats) fn settle(&mut self, leased: &Leased, settlement: &Settlement) -> bool {
        let (id, number) = (leased.lease.job().cast_signed(), leased.lease.number());
        let Some(place) = self.rows.get(id).map(|known| known.place.clone()) else { return false };
        let is_ours = |row: &&Row| {
            let mark = row.held.as_ref();
            row.state == State::Ready && mark.is_some_and(|mark| mark.by == self.me && mark.number == number)
        };
        if !self.leases.holds(id, number) {
            return false;
        }
        let row = self.at(&place).filter(is_ours).cloned();
        let Some(ended) = self.leases.end(id) else { return false };
        let Some(mut row) = row else { return ended.is_suspect };
        let now = self.wall();
        if let Some(repository) = leased.job.repository() {
            self.looked.note(repository.clone(), ended.urgency, now);
        }
        let again = row.again;
        let hinted = again.map(|urgency| {
            let failed = matches!(settlement, Settlement::Retry { .. } | Settlement::Waits { .. });
            if urgency.is_gathered_after(ended.urgency) || failed { now + GATHER } else { now }
        });
        let no_later = |at: i64| hinted.map_or(at, |hinted| at.min(hinted));
        let (at, anew, failed) = match settlement {
            // What it did not see may be what mends it.
            Settlement::Done | Settlement::Withdrawn { .. } | Settlement::Dead { .. } if hinted.is_some() => {
                (no_later(i64::MAX), Anew::AttemptsAndAge, (now, None))
            }
            Settlement::Done | Settlement::Withdrawn { .. } | Settlement::Dead { .. } => {
                self.end(&place, row, leased, settlement);
                return ended.is_suspect;
            }
            Settlement::Again(at) => {
                let failed = leased.failed_before().map(|it| (it.at.timestamp_millis(), Some(self.kept(&it.reason))));
                (no_later(at.timestamp_millis()), Anew::AttemptsAndAge, failed.unwrap_or((now, None)))
            }
            Settlement::Retry { at, reason } => {
                (no_later(at.timestamp_millis()), Anew::Nothing, (now, Some(self.kept(reason))))
            }
            Settlement::Waits { at, reason } => {
                (no_later(at.timestamp_millis()), Anew::Attempts, (now, Some(self.kept(reason))))
            }
        };
        (row.held, row.again, row.losses) = (None, None, 0);
        (row.not_before, (row.changed, row.error)) = (at, failed);
        row.put_off |= matches!((&leased.job, settlement), (Job::Deliver(_), Settlement::Again(_)));
        // What is done again is followed: somebody waits for how it ends.
        let afresh = anew == Anew::AttemptsAndAge;
        let urgency = if afresh { Urgency::Prompt } else { row.urgency };
        row.urgency = again.map_or(urgency, |hinted| hinted.min(urgency));
        if anew != Anew::Nothing {
            row.attempts = 0;
        }
        if afresh {
            row.created = at;
        }
        self.set(&place, Some(row));
        ended.is_suspect
    }

    /// A job that is not done again.
    fn end(&mut self, place: &str, mut row: Row, leased: &Leased, settlement: &Settlement) {
        let now = self.wall();
        match settlement {
            Settlement::Dead { reason } => row.end(State::Dead, Some(self.kept(reason)), now),
            _ if matches!(leased.job, Job::Look(_)) => return self.set(place, None),
            Settlement::Withdrawn { reason } => row.end(State::Done, Some(self.kept(reason)), now),
            _ => row.end(State::Done, None, now),
        }
        self.set(place, Some(row));
    }
}
