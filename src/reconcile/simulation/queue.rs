//! The disk, and the queue on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::world::{Shared, World};
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::domain::retry::Backoff;
use crate::domain::trace::Trace;
use crate::queue::worker::Verdict;
use crate::queue::{
    Announced, Announcements, AnswerWrite, Batch, Depth, Gathering, ItemId, Kept, LeaseId, Leased, NewJob, Placed,
    Queue, QueueError, Records, Settlement, Sharing, Sightings, Topic, Waiting, Written, row,
};

/// A stored job.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: String,
    /// Its lanes, and its key, as a repository has one look at a time.
    pub(super) lanes: Vec<String>,
    pub(super) job: Job,
    pub(super) trace: Trace,
    pub(super) due: DateTime<Utc>,
    pub(super) created: DateTime<Utc>,
    pub(super) attempt: u32,
    /// Who works on it.
    pub(super) lease: Option<Lease>,
    pub(super) is_over: bool,
    /// Whether it is over, was told to nobody, and may be news again.
    pub(super) is_not_told: bool,
}

/// That a replica works on a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    replica: usize,
    number: u64,
    until: DateTime<Utc>,
}

/// A lease that nobody renews is over after so long.
const LEASED_FOR: TimeDelta = TimeDelta::seconds(300);

/// What is lost with the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) rows: BTreeMap<u64, Row>,
    next: u64,
    leases: u64,
    records: BTreeMap<String, Written>,
    brake: crate::domain::fleet::Brake,
}

impl Disk {
    /// Stores a job as the real queue does: what waits for the same and no later serves it, and a message is stored once.
    pub(super) fn put(&mut self, new: &NewJob, now: DateTime<Utc>) -> Placed {
        let (key, is_message) = (row::key(&new.job), !matches!(new.job, Job::Look(_)));
        let same = self.rows.values_mut().find(|row| row.key == key && (is_message || row.lease.is_none()));
        if let Some(same) = same.filter(|same| !same.is_not_told) {
            if is_message || same.due <= new.not_before {
                return Placed::Coalesced;
            }
            same.due = new.not_before;
            return Placed::News;
        }
        self.rows.retain(|_, row| row.key != key || !row.is_not_told);
        self.next += 1;
        let lanes = row::lanes(&new.job).into_iter().chain([key.clone()]).collect();
        let row = Row {
            key,
            lanes,
            job: new.job.clone(),
            trace: new.trace.clone(),
            due: new.not_before,
            created: now,
            attempt: 0,
            lease: None,
            is_over: false,
            is_not_told: false,
        };
        self.rows.insert(self.next, row);
        Placed::News
    }

    /// The sequence number of the newest record that is remembered of a workload.
    pub(super) fn remembers(&self, uid: &str) -> u64 {
        self.records.get(uid).map_or(0, |written| written.sequence)
    }

    /// The jobs that nobody works on and that are the first in each of their lanes.
    fn heads(&self) -> impl Iterator<Item = (u64, &Row)> {
        let leased = self.rows.values().filter(|row| row.lease.is_some());
        let mut lanes: BTreeSet<&str> = leased.flat_map(|row| &row.lanes).map(String::as_str).collect();
        let is_open = |row: &Row| !row.is_over && row.lease.is_none() && !matches!(row.job, Job::Gather(_));
        let open = self.rows.iter().filter(move |(_, row)| is_open(row));
        let first = open.filter(move |(_, row)| {
            let taken = row.lanes.iter().filter(|lane| !lanes.insert(lane.as_str())).count();
            taken == 0
        });
        first.map(|(id, row)| (*id, row))
    }

    /// The jobs whose turn it is.
    pub(super) fn ready(&self, now: DateTime<Utc>) -> Vec<u64> {
        self.heads().filter(|(_, row)| row.due <= now).map(|(id, _)| id).collect()
    }

    /// When the next job is due.
    pub(super) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.heads().map(|(_, row)| row.due).min()
    }

    /// When the next lease is over.
    pub(super) fn next_over(&self) -> Option<DateTime<Utc>> {
        self.rows.values().filter_map(|row| row.lease.map(|lease| lease.until)).min()
    }

    pub(super) fn lease(&mut self, id: u64, replica: usize, now: DateTime<Utc>) -> Option<Leased> {
        let row = self.rows.get_mut(&id)?;
        self.leases += 1;
        row.lease = Some(Lease { replica, number: self.leases, until: now + LEASED_FOR });
        row.attempt += 1;
        let (job, trace) = (row.job.clone(), row.trace.clone());
        Some(Leased {
            lease: LeaseId::new(id, self.leases),
            job,
            trace,
            also: Vec::new(),
            attempt: row.attempt,
            created: row.created,
            failed: None,
        })
    }

    fn settle(&mut self, id: u64, number: u64, settlement: &Settlement) {
        let is_its = |row: &&mut Row| row.lease.is_some_and(|lease| lease.number == number);
        let Some(row) = self.rows.get_mut(&id).filter(is_its) else { return };
        row.lease = None;
        match settlement {
            Settlement::Done | Settlement::Withdrawn { .. } | Settlement::Dead { .. } => match row.job {
                Job::Look(_) => drop(self.rows.remove(&id)),
                Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => {
                    let withdrawn =
                        matches!(settlement, Settlement::Withdrawn { reason } if reason.starts_with(row::NOT_TOLD));
                    (row.is_over, row.is_not_told) = (true, withdrawn);
                }
            },
            Settlement::Again(at) => (row.due, row.attempt, row.created) = (*at, 0, *at),
            Settlement::Retry { at, .. } => row.due = *at,
            Settlement::Waits { at, .. } => (row.due, row.attempt) = (*at, 0),
        }
    }

    /// What waits to go out together on a channel.
    fn gathered(&self, channel: &str) -> impl Iterator<Item = Waiting> {
        self.rows.values().filter(|row| !row.is_over).filter_map(move |row| match &row.job {
            Job::Gather(gathered) if gathered.channel == channel => {
                let (id, notice) = (ItemId::new(row.key.as_str()), gathered.notice.clone());
                Some(Waiting {
                    id,
                    notice,
                    only: gathered.only.clone(),
                    since: row.created,
                    trace: row.trace.clone(),
                    failed: None,
                })
            }
            _ => None,
        })
    }

    /// Items that were composed wait no longer.
    fn end(&mut self, items: &[ItemId]) {
        let of = |row: &&mut Row| items.iter().any(|item| item.as_str() == row.key);
        self.rows.values_mut().filter(of).for_each(|row| row.is_over = true);
    }

    /// The process died: nobody has a lease any more.
    pub(super) fn release(&mut self) {
        for row in self.rows.values_mut() {
            row.lease = None;
        }
    }

    /// A replica lives, and works on.
    pub(super) fn renew(&mut self, replica: usize, now: DateTime<Utc>) {
        let all = self.rows.values_mut().filter_map(|row| row.lease.as_mut());
        all.filter(|lease| lease.replica == replica && now < lease.until)
            .for_each(|lease| lease.until = now + LEASED_FOR);
    }

    /// Leases that nobody renewed are over.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) {
        for row in self.rows.values_mut() {
            row.lease.take_if(|lease| lease.until <= now);
        }
    }

    /// What was not synced is lost; no name of a job or of a lease is given again.
    pub(super) fn lose_what_was_not(&mut self, synced: &Self) {
        let (next, leases) = (self.next, self.leases);
        *self = Self { next, leases, ..synced.clone() };
    }
}

/// What becomes of a job, as the real worker has it.
pub(super) fn settlement(verdict: Verdict, leased: &Leased, now: DateTime<Utc>) -> Settlement {
    let next = |retry_after| Backoff::seconds(1, 900, 2).next(leased.attempt, retry_after, now, 0.5);
    match verdict {
        Verdict::Done => Settlement::Done,
        Verdict::Again(at) => Settlement::Again(at),
        Verdict::Withdrawn { reason } => Settlement::Withdrawn { reason },
        Verdict::Dead { reason } => Settlement::Dead { reason },
        Verdict::Retry { no_later, reason, .. } if now - leased.created > TimeDelta::hours(24) => {
            no_later.map_or(Settlement::Dead { reason }, Settlement::Again)
        }
        Verdict::Retry { retry_after, no_later, reason } => {
            let at = next(retry_after);
            Settlement::Retry { at: no_later.map_or(at, |due| at.min(due)), reason }
        }
        Verdict::Waits { retry_after, reason } => Settlement::Waits { at: next(retry_after), reason },
    }
}

impl World {
    /// Stores a job, which may be a message.
    fn put(&mut self, job: &NewJob) -> Placed {
        let now = self.now();
        let placed = self.disk.put(job, now);
        if placed == Placed::News {
            self.log(format!("queue: {} {}", row::about(&job.job), row::key(&job.job)));
        }
        if let Job::Deliver(delivery) = &job.job {
            self.told(delivery);
        }
        placed
    }
}

/// The port.
#[derive(Clone)]
pub(super) struct Store(pub(super) Shared);

impl Store {
    fn refuses(world: &mut World) -> Result<(), QueueError> {
        if world.chance.permille(world.faults.queue) {
            world.log("queue: the disk refuses");
            return Err(QueueError::Full(0));
        }
        Ok(())
    }
}

impl Queue for Store {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        self.0.point("queue.put").await;
        let placed = self.0.with(|world| {
            Self::refuses(world)?;
            let placed: Vec<Placed> = jobs.iter().map(|job| world.put(job)).collect();
            Ok(if placed.contains(&Placed::News) { Placed::News } else { Placed::Coalesced })
        })?;
        self.0.point("queue.put, stored").await;
        Ok(placed)
    }

    async fn lease(&self, topic: &Topic, most: usize, _: &Sharing) -> Result<Batch, QueueError> {
        Ok(self.0.with(|world| {
            let ready = world.disk.ready(world.now()).into_iter();
            let of = |id: &u64| world.disk.rows.get(id).is_some_and(|row| Topic::of(&row.job) == *topic);
            let ids: Vec<u64> = ready.filter(of).take(most).collect();
            let jobs = ids.into_iter().filter_map(|id| world.disk.lease(id, 0, world.now())).collect();
            Batch { jobs, wait: None }
        }))
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) -> Result<(), QueueError> {
        self.0.point("queue.settle").await;
        self.0.with(|world| {
            world.log(format!("queue: {} is {settlement:?}", row::about(&leased.job)));
            match (&leased.job, &settlement) {
                (Job::Deliver(delivery), Settlement::Dead { .. }) => world.delivered(delivery),
                // What was put once more meanwhile was taken for this one; where it is news again, the next look puts it.
                (Job::Deliver(delivery), Settlement::Withdrawn { .. }) => {
                    world.model.owed.remove(&delivery.id());
                }
                _ => {}
            }
            world.disk.settle(leased.lease.job(), leased.lease.number(), &settlement);
        });
        self.0.point("queue.settle, stored").await;
        Ok(())
    }

    fn changed(&self, _: &Topic) -> Arc<Notify> {
        Arc::default()
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(Depth::default())
    }
}

impl Gathering for Store {
    async fn gathered(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, QueueError> {
        self.0.point("queue.gathered").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            Ok(world.disk.gathered(channel).take(most).collect())
        })
    }

    async fn compose(&self, of: Vec<ItemId>, messages: Vec<NewJob>) -> Result<(), QueueError> {
        self.0.point("queue.compose").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            world.disk.end(&of);
            for job in &messages {
                world.put(job);
            }
            Ok(())
        })?;
        self.0.point("queue.compose, stored").await;
        Ok(())
    }

    /// Nothing goes out together here.
    async fn not_told(&self, _: Vec<String>) -> Result<(), QueueError> {
        Ok(())
    }
}

/// What is kept so costs no decision: here it is lost at once.
impl Kept for Store {
    async fn recall(&self, _: &str) -> Option<String> {
        None
    }

    async fn keep(&self, _: &str, _: String, _: DateTime<Utc>) {}
}

impl Records for Store {
    fn is_shared(&self) -> bool {
        self.0.with(|world| world.is_shared())
    }

    async fn newest(&self, uid: &str) -> Result<Option<Written>, QueueError> {
        self.0.point("records.newest").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            Ok(world.disk.records.get(uid).cloned())
        })
    }

    async fn sequences(&self) -> Result<Vec<(Box<str>, u64)>, QueueError> {
        self.0.with(|world| {
            Self::refuses(world)?;
            Ok(world.disk.records.iter().map(|(uid, written)| (uid.as_str().into(), written.sequence)).collect())
        })
    }

    async fn remember(&self, uid: &str, written: Written) -> Result<(), QueueError> {
        self.0.point("records.remember").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            let newest = world.disk.records.entry(uid.to_owned()).or_default();
            if newest.sequence <= written.sequence {
                let answering = newest.answering.take().filter(|answering| answering.sequence > written.sequence);
                *newest = Written { answering, ..written };
            }
            Ok(())
        })
    }

    async fn seen(&self, _: Sightings) -> Result<(), QueueError> {
        Ok(())
    }

    async fn brake(&self) -> Result<crate::domain::fleet::Brake, QueueError> {
        self.0.point("records.brake").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            Ok(world.disk.brake.clone())
        })
    }

    async fn remember_brake(&self, brake: crate::domain::fleet::Brake) -> Result<(), QueueError> {
        self.0.point("records.remember_brake").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            world.disk.brake = brake;
            Ok(())
        })
    }

    async fn answering(&self, uid: &str, write: AnswerWrite) -> Result<(), QueueError> {
        self.0.point("records.answering").await;
        self.0.with(|world| {
            Self::refuses(world)?;
            let newest = world.disk.records.entry(uid.to_owned()).or_default();
            newest.answering = write.after(newest.answering.take());
            Ok(())
        })?;
        self.0.point("records.answering, stored").await;
        Ok(())
    }
}

/// No registry of the simulation announces anything.
impl Announcements for Store {
    async fn announce(&self, _: Vec<Announced>) -> Result<(), QueueError> {
        Ok(())
    }

    async fn announced(&self, _: &Repository) -> Result<Vec<Announced>, QueueError> {
        Ok(Vec::new())
    }

    async fn found(&self, _: Vec<Announced>) -> Result<(), QueueError> {
        Ok(())
    }
}
