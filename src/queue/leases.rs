//! Whose turn it is among the rows, who has which of them, and for how long.
//!
//! A lease lives in memory, as the file has one owner. Its mark on the row only tells the next process what this one
//! died with, so nobody waits for it to be on disk; but a process whose predecessor died has it on disk before a job
//! begins that the predecessor may have had, so that one that kills at once is found out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::ambient::Ambient;
use crate::queue::schedule::{Claim, Schedule, Turn, Waiter};
use crate::queue::{Sharing, Topic, Urgency};

/// A lease that is not settled by then is given to somebody else.
const LEASE: Duration = Duration::from_secs(300);
/// Claims of waiting jobs are asked again after this time, as workloads come and go. Milliseconds.
const CLAIM_AGAIN: i64 = 5_000;
/// The next suspect starts when the one before has done no harm for so long. Milliseconds.
const SUSPENSE: i64 = 5_000;
/// A wall clock that went this much further than the monotonic one was set. Milliseconds.
const SET: i64 = 1_000;

/// A lease that is held.
pub(super) struct Held {
    number: u64,
    until: Duration,
    topic: Topic,
    claim: Arc<Claim>,
    born: i64,
    /// A process died with it, so no other such job starts before this moment.
    suspense: Option<i64>,
    /// A hint came that the holder may not have seen, this urgent: it waits again when the lease ends, whatever becomes of it.
    again: Option<Urgency>,
    urgency: Urgency,
}

/// What is known of a lease that has ended.
#[derive(Clone, Copy)]
pub(super) struct Ended {
    /// See [`Held::again`].
    pub(super) again: Option<Urgency>,
    /// Whether others may have waited for this one job to end.
    pub(super) is_suspect: bool,
    pub(super) born: i64,
    pub(super) urgency: Urgency,
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
    /// Until when jobs were born that the process before this one may have died with, if it died.
    suspected: Option<i64>,
    /// Wall time less monotonic time, milliseconds.
    offset: i64,
    ambient: Ambient,
}

impl Leases {
    pub(super) fn new(died: bool, ambient: Ambient) -> Self {
        let (topics, held, ended) = (HashMap::new(), HashMap::new(), Vec::new());
        let mut leases = Self { topics, held, ended, last: 0, stale: true, suspected: None, offset: 0, ambient };
        leases.offset = leases.wall() - leases.monotonic();
        leases.suspected = died.then(|| leases.monotonic());
        leases
    }

    /// What is known of the rows is not sure any more.
    pub(super) fn stale(&mut self) {
        self.stale = true;
    }

    /// Whether the rows have to be read first.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) fn committed(&mut self) {
        self.ended.clear();
    }

    pub(super) fn undone(&mut self) {
        self.held.extend(self.ended.drain(..));
        self.stale = true;
    }

    /// How many rows somebody has.
    pub(super) fn held(&self) -> u64 {
        self.held.len() as u64
    }

    /// Whether somebody has this row, who then has to do it once more.
    pub(super) fn follow(&mut self, id: i64, urgency: Urgency) -> bool {
        let held = self.held.get_mut(&id);
        held.map(|held| held.again = held.again.into_iter().chain([urgency]).min()).is_some()
    }

    /// Whether one of these rows, which are held, may begin only when its lease is on disk.
    pub(super) fn must_be_durable(&self, mut rows: impl Iterator<Item = i64>) -> bool {
        let Some(suspected) = self.suspected else { return false };
        rows.any(|id| self.held.get(&id).is_some_and(|held| held.born <= suspected))
    }

    /// Ends leases that nobody received.
    pub(super) fn revoke(&mut self, rows: impl Iterator<Item = i64>) {
        for id in rows {
            self.held.remove(&id);
        }
        self.stale = true;
    }

    /// Forgets leases that ran out; whoever comes next gets their rows, which are read first.
    pub(super) fn end_old(&mut self) {
        let now = self.ambient.monotonic();
        if self.held.extract_if(|_, held| held.until <= now).count() > 0 {
            self.stale = true;
        }
    }

    /// Who waits, as the rows say.
    pub(super) fn set_waiters(&mut self, all: impl IntoIterator<Item = (Topic, Waiter)>) {
        let routine: HashSet<i64> = self.topics.values().flat_map(|waiters| waiters.schedule.routine()).collect();
        self.topics.values_mut().for_each(|waiters| waiters.schedule = Schedule::default());
        for (topic, waiter) in all {
            let urgency = if routine.contains(&waiter.id) { Urgency::Routine } else { waiter.urgency };
            if !self.held.contains_key(&waiter.id) {
                self.add(&topic, Waiter { urgency, ..waiter });
            }
        }
        self.stale = false;
    }

    /// A row waits for its turn.
    pub(super) fn add(&mut self, topic: &Topic, waiter: Waiter) {
        let waiters = self.topics.entry(topic.clone()).or_default();
        let claim = waiters.sharing.as_ref().map(|sharing| sharing.claim(waiter.repository.as_ref()));
        waiters.schedule.add(waiter, claim.unwrap_or_default());
    }

    /// A row waits for its turn no longer: it is over, or somebody else has it.
    pub(super) fn withdraw(&mut self, id: i64) {
        for waiters in self.topics.values_mut() {
            waiters.schedule.remove(id);
        }
    }

    /// A look waits no longer than until `at`, Unix milliseconds, and is no less urgent than this.
    pub(super) fn hasten(&mut self, id: i64, at: i64, urgency: Urgency) {
        let due = self.due(at);
        if let Some(waiters) = self.topics.get_mut(&Topic::Look) {
            waiters.schedule.hasten(id, due, urgency);
        }
    }

    /// The row whose turn it is, of a topic whose clock and claims are followed.
    pub(super) fn next(&mut self, topic: &Topic, sharing: &Sharing) -> Option<Turn> {
        let of_topic = self.held.values().filter(|held| held.topic == *topic);
        let running: Vec<Arc<Claim>> = of_topic.map(|held| Arc::clone(&held.claim)).collect();
        let (now, suspects_from) = (self.monotonic(), self.suspects_from());
        let schedule = &mut self.topics.get_mut(topic)?.schedule;
        loop {
            let turn = schedule.next(now, &running, sharing.slots, suspects_from)?;
            match sharing.put_off(turn.waiter.urgency, turn.waiter.repository.as_ref()) {
                None => return Some(turn),
                // At least a moment, so that it is not found again now.
                Some(wait) => {
                    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).max(1);
                    schedule.put_off(turn, now.saturating_add(wait));
                }
            }
        }
    }

    /// How long until another row of a topic is due.
    pub(super) fn wait(&self, topic: &Topic) -> Option<Duration> {
        let now = self.monotonic();
        let due = self.topics.get(topic)?.schedule.next_due(now, self.suspects_from())?;
        Some(Duration::from_millis(u64::try_from(due - now).unwrap_or_default()))
    }

    /// When a suspect may start beside those that run.
    fn suspects_from(&self) -> i64 {
        self.held.values().filter_map(|held| held.suspense).max().unwrap_or(i64::MIN)
    }

    /// Gives a row away, by a lease of this number.
    pub(super) fn hold(&mut self, topic: &Topic, waiter: &Waiter, claim: Arc<Claim>) -> u64 {
        self.last += 1;
        let number = self.last;
        let until = self.ambient.monotonic() + LEASE;
        let suspense = (waiter.losses > 0).then(|| self.monotonic() + SUSPENSE);
        let (topic, born, urgency) = (topic.clone(), waiter.born, waiter.urgency);
        let held = Held { number, until, topic, claim, born, suspense, again: None, urgency };
        self.held.insert(waiter.id, held);
        number
    }

    /// Whether a row is held by the lease of this number.
    pub(super) fn holds(&self, id: i64, number: u64) -> bool {
        self.held.get(&id).is_some_and(|held| held.number == number)
    }

    /// Whether somebody has this row.
    pub(super) fn is_held(&self, id: i64) -> bool {
        self.held.contains_key(&id)
    }

    /// The rows of a topic that somebody has.
    pub(super) fn held_of(&self, topic: &Topic) -> impl Iterator<Item = i64> {
        self.held.iter().filter(move |(_, held)| held.topic == *topic).map(|(id, _)| *id)
    }

    /// A lease is over as the store says so, whoever ended it; nothing brings it back.
    pub(super) fn release(&mut self, id: i64) {
        if self.held.remove(&id).is_some() {
            self.stale = true;
        }
        self.ended.retain(|(ended, _)| *ended != id);
    }

    /// Ends a lease, unless the transaction is undone.
    pub(super) fn end(&mut self, id: i64) -> Option<Ended> {
        let held = self.held.remove(&id)?;
        let Held { again, born, urgency, .. } = held;
        let ended = Ended { again, is_suspect: held.suspense.is_some(), born, urgency };
        self.ended.push((id, held));
        Some(ended)
    }

    /// When a row was born that says so of itself by the wall clock, Unix milliseconds: a clock that was set makes nothing
    /// older than the time that has passed.
    pub(super) fn created(&self, waiter: &Waiter, written: i64) -> i64 {
        let since = self.wall() - (self.monotonic() - waiter.born);
        if since - written > SET { since } else { written }
    }

    pub(super) fn claim_again(&mut self, topic: &Topic, sharing: &Sharing) {
        let now = self.monotonic();
        let waiters = self.topics.entry(topic.clone()).or_default();
        if sharing.claim.is_some() && (waiters.sharing.is_none() || now - waiters.claimed >= CLAIM_AGAIN) {
            waiters.schedule.claim_again(|waiter| sharing.claim(waiter.repository.as_ref()));
            waiters.sharing = Some(sharing.clone());
            waiters.claimed = now;
        }
    }

    /// A wall clock that was set forward makes due what is due by it; one that was set back makes nothing wait longer.
    pub(super) fn follow_clock(&mut self) {
        let offset = self.wall() - self.monotonic();
        let ahead = offset - self.offset;
        if ahead >= SET {
            self.topics.values_mut().for_each(|waiters| waiters.schedule.hasten_all(ahead));
        }
        if ahead.abs() >= SET {
            self.offset = offset;
        }
    }

    /// A moment of the wall clock, Unix milliseconds, on the monotonic one.
    pub(super) fn due(&self, at: i64) -> i64 {
        self.monotonic().saturating_add(at.saturating_sub(self.wall()))
    }

    /// When a row is due and when it was born, on the monotonic clock, by what the wall clock said when it was written.
    pub(super) fn times(&self, not_before: i64, created: i64, changed: i64) -> (i64, i64) {
        let (wall, monotonic) = (self.wall(), self.monotonic());
        // Never longer than it was to wait when that was written, whatever the clock was set to since.
        let wait = (not_before - wall).min(not_before - changed).max(0);
        (monotonic + wait, monotonic - (wall - created))
    }

    fn monotonic(&self) -> i64 {
        i64::try_from(self.ambient.monotonic().as_millis()).unwrap_or(i64::MAX)
    }

    fn wall(&self) -> i64 {
        self.ambient.now().timestamp_millis()
    }
}
