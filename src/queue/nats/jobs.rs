//! What is done to jobs: puts, leases and settlements, as changes of entries that are committed together.
//!
//! Nothing here asks NATS. Commands are executed on what is known of the bucket and make changes, each with the revision
//! that its entry is expected to have. When they are stored they are taken over; when somebody was faster they are
//! dropped, what is known is put right, and the commands are executed again.

mod changes;
mod lease;
mod put;
mod upkeep;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::bucket::Write;
use super::entry::{Row, State, topic_of};
use super::error::{NatsError, failure};
use super::rows::{Changed, Known, Rows};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::queue::leases::Leases;
use crate::queue::schedule::Waiter;
use crate::queue::waiting::Recent;
use crate::queue::{MOST_JOBS, QueueError, Topic};

use changes::{Change, Changes};

/// The characters of a reason where there is no room for more: fewer bytes than who had the job takes.
const SHORT: usize = 16;
/// A job may grow by so much until it is over, by who has it and why it failed: as many bytes are left free when it is put.
const GROWS: usize = 8 * 1024;

/// Jobs, whose turn it is, and the changes of the open commit.
pub(super) struct Jobs {
    pub(super) rows: Rows,
    pub(super) leases: Leases,
    changes: Changes,
    /// Jobs more or less that wait, when the changes are stored; and before the command that is executed.
    more: i64,
    more_before: i64,
    /// The most bytes that an entry may have.
    pub(super) most_bytes: usize,
    /// Whether there is so little room that reasons are kept in a few words.
    pub(super) is_tight: bool,
    /// Leases that were given in the open commit.
    given: Vec<i64>,
    /// When repositories were last looked at, here.
    looked: Recent,
    /// The name of this process.
    me: String,
    /// When each of the others was last heard, and since when anybody could be.
    heard: HashMap<String, Duration>,
    listening: Duration,
    pub(super) ambient: Ambient,
}

impl Jobs {
    pub(super) fn new(me: String, ambient: Ambient) -> Self {
        Self {
            rows: Rows::default(),
            leases: Leases::new(false, ambient.clone()),
            changes: Changes::default(),
            more: 0,
            more_before: 0,
            most_bytes: usize::MAX,
            is_tight: false,
            given: Vec::new(),
            looked: Recent::default(),
            me,
            heard: HashMap::new(),
            listening: ambient.monotonic(),
            ambient,
        }
    }

    // === what the bucket says ===

    /// Takes over what stands in the bucket, as it is written there. What can't be read was written by a newer version, or by
    /// hand: it is left as it is, and nothing is put in its place. Gives the topics that may have something new.
    pub(super) fn take_over(&mut self, place: &str, revision: u64, value: Option<&[u8]>) -> Vec<Topic> {
        let Some(value) = value else { return self.apply(place, revision, None) };
        if let Some(row) = Row::read(value).filter(|row| row.stands_at(place)) {
            return self.apply(place, revision, Some(row));
        }
        let Some(changed) = self.rows.seal(place, revision, topic_of(value), self.ambient.now()) else {
            return Vec::new();
        };
        tracing::warn!(error = %NatsError::Unreadable(place.to_owned()), "it is kept as it is, and counts as a dead letter");
        self.follow(&changed)
    }

    /// Takes over what stands in the bucket. Gives the topics that may have something new.
    pub(super) fn apply(&mut self, place: &str, revision: u64, row: Option<Row>) -> Vec<Topic> {
        if revision > self.rows.revision(place) {
            self.note_look_of_another(place, row.as_ref());
        }
        let changed = self.rows.apply(place, revision, row);
        changed.map(|changed| self.follow(&changed)).unwrap_or_default()
    }

    /// The bucket has nothing there.
    pub(super) fn forget(&mut self, place: &str) {
        let changed = self.rows.forget(place);
        self.follow(&changed);
    }

    /// Another replica has looked: its hints and ours are of the same news, and are gathered for one more look.
    fn note_look_of_another(&mut self, place: &str, now: Option<&Row>) {
        let Some(Known { row, .. }) = self.rows.at(place) else { return };
        let was_held = row.held.as_ref().is_some_and(|mark| mark.by != self.me);
        let has_ended = now.is_none_or(|now| was_held && now.held.is_none() && now.losses == row.losses);
        if row.state != State::Ready || !has_ended || row.held.as_ref().is_some_and(|mark| mark.by == self.me) {
            return;
        }
        let urgency = row.urgency;
        if let Some(repository) = row.job().ok().as_ref().and_then(Job::repository) {
            self.looked.note(repository.clone(), urgency, self.wall());
        }
    }

    fn follow(&mut self, changed: &Changed) -> Vec<Topic> {
        if let Some(was) = changed.was {
            self.leases.withdraw(was);
            self.leases.release(was);
        }
        // Whoever ended it may not have learnt that this was stored.
        if let Some(id) = changed.id.filter(|id| !self.is_ours(*id)) {
            self.leases.release(id);
        }
        let mut topics = Vec::new();
        for id in changed.others.iter().copied().chain(changed.id).collect::<BTreeSet<i64>>() {
            self.place(id);
            let topic = self.rows.get(id).and_then(|known| Topic::named(&known.row.topic));
            topics.extend(topic.filter(|topic| !topics.contains(topic)));
        }
        topics
    }

    /// Has a job wait for its turn, or not.
    fn place(&mut self, id: i64) {
        match self.waiter(id) {
            Some((topic, waiter)) => self.leases.add(&topic, waiter),
            None => self.leases.withdraw(id),
        }
    }

    /// All who wait, anew.
    fn place_all(&mut self) {
        let ids: Vec<i64> = self.rows.all().map(|(id, _)| id).collect();
        let all: Vec<(Topic, Waiter)> = ids.into_iter().filter_map(|id| self.waiter(id)).collect();
        self.leases.set_waiters(all);
    }

    /// A job that nothing but time and slots keeps from starting.
    fn waiter(&self, id: i64) -> Option<(Topic, Waiter)> {
        let known = self.rows.get(id)?;
        let Known { row, .. } = known;
        let topic = Topic::named(&row.topic).filter(Topic::is_taken)?;
        let waits = row.state == State::Ready && !self.is_taken(id, row) && self.rows.is_first(id, known);
        if !waits || self.shares_a_lane_with_a_held(known) {
            return None;
        }
        let (due, born) = self.leases.times(row.not_before, row.created, row.changed);
        let repository = row.job().ok().as_ref().and_then(Job::repository).cloned();
        Some((topic, Waiter { id, repository, due, born, losses: row.losses, urgency: row.urgency }))
    }

    fn shares_a_lane_with_a_held(&self, known: &Known) -> bool {
        let shares = |other: &Known| other.lanes.iter().any(|lane| known.lanes.contains(lane));
        !known.lanes.is_empty() && self.rows.held().any(|(id, other)| shares(other) && self.is_taken(id, &other.row))
    }

    /// Whether the bucket says that the lease of this job that is known here is the one that holds.
    fn is_ours(&self, id: i64) -> bool {
        let mark =
            self.rows.get(id).filter(|known| known.row.state == State::Ready).and_then(|it| it.row.held.as_ref());
        mark.is_some_and(|mark| mark.by == self.me && self.leases.holds(id, mark.number))
    }

    /// Whether somebody has a job. A lease of ours that we know nothing of was never received, or ran out.
    fn is_taken(&self, id: i64, row: &Row) -> bool {
        row.held.as_ref().is_some_and(|mark| mark.by != self.me || self.leases.is_held(id))
    }

    // === changes ===

    /// What stands there, with the changes of the open commit.
    fn at(&self, place: &str) -> Option<&Row> {
        match self.changes.get(place) {
            Some(change) => change.row.as_ref(),
            None => self.rows.at(place).map(|known| &known.row),
        }
    }

    /// Whether the open commit changes what stands there.
    pub(super) fn is_changed(&self, place: &str) -> bool {
        self.changes.get(place).is_some()
    }

    /// A job by its key.
    pub(super) fn by_key(&self, key: &str) -> Option<&Row> {
        self.at(&self.seat(key)).filter(|row| row.key == key)
    }

    /// Where a job stands, or would: where something else stands in its place, beside that.
    fn seat(&self, key: &str) -> String {
        let spare = Row::spare(key);
        if self.at(&spare).is_some() {
            return spare;
        }
        let place = Row::place(key);
        let is_free = !self.rows.is_sealed(&place) && self.at(&place).is_none_or(|row| row.key == key);
        if is_free { place } else { spare }
    }

    pub(super) fn set(&mut self, place: &str, row: Option<Row>) {
        let is_ready = |row: Option<&Row>| i64::from(row.is_some_and(|row| row.state == State::Ready));
        self.more += is_ready(row.as_ref()) - is_ready(self.at(place));
        let expected = self.rows.revision(place);
        self.changes.set(place, expected, row);
    }

    /// Changes a job where it stands.
    pub(super) fn change(&mut self, row: Row) {
        self.set(&self.seat(&row.key), Some(row));
    }

    /// Stores a job that is new.
    ///
    /// # Errors
    /// [`QueueError::TooLarge`], and where its place can't be used.
    pub(super) fn add(&mut self, row: Row) -> Result<(), QueueError> {
        let place = self.seat(&row.key);
        if self.rows.is_sealed(&place) {
            return Err(failure(NatsError::Unreadable(place)));
        }
        let bytes = row.bytes();
        if bytes.saturating_add(GROWS.min(self.most_bytes / 4)) > self.most_bytes {
            return Err(QueueError::TooLarge { bytes, most: self.most_bytes });
        }
        self.set(&place, Some(row));
        Ok(())
    }

    /// Why a job failed, as it is kept.
    fn kept(&self, reason: &str) -> String {
        if self.is_tight { reason.chars().take(SHORT).collect() } else { reason.to_owned() }
    }

    /// Another command is executed.
    pub(super) fn begin(&mut self) {
        self.more_before = self.more;
        self.changes.begin();
    }

    /// The command has put nothing, as it is refused.
    pub(super) fn take_back(&mut self) {
        self.more = self.more_before;
        self.changes.undo();
    }

    /// How many entries the open commit changes.
    pub(super) fn changed(&self) -> usize {
        self.changes.len()
    }

    /// About how many bytes they have.
    pub(super) fn bytes(&self) -> usize {
        self.changes.bytes()
    }

    /// The changes of the open commit, as they are written.
    pub(super) fn writes(&self) -> Vec<Write> {
        let write = |(place, change): (&str, &Change)| Write {
            key: place.to_owned(),
            expected: change.expected,
            value: change.row.as_ref().map(|row| row.written().into()),
            lives: None,
        };
        self.changes.iter().map(write).collect()
    }

    /// The first `number` of the changes are stored, the first of them with this revision. Gives the topics that may have
    /// something new.
    pub(super) fn stored(&mut self, first: u64, number: usize) -> Vec<Topic> {
        let mut topics = Vec::new();
        for revision in (first..).take(number) {
            let Some((place, change)) = self.changes.pop_first() else { break };
            for topic in self.apply(&place, revision, change.row) {
                if !topics.contains(&topic) {
                    topics.push(topic);
                }
            }
        }
        if self.changes.len() == 0 {
            self.changes.clear();
            self.leases.committed();
            (self.more, self.given) = (0, Vec::new());
        }
        topics
    }

    /// Nothing of what is left of the open commit was stored, or nobody knows whether it was.
    pub(super) fn undone(&mut self) {
        self.changes.clear();
        self.more = 0;
        self.leases.undone();
        let given = std::mem::take(&mut self.given);
        self.leases.revoke(given.into_iter());
    }

    /// Whether the bound leaves room for so many more jobs that wait.
    ///
    /// # Errors
    /// [`QueueError::Full`] where it does not.
    pub(super) fn has_room(&self, more: usize) -> Result<(), QueueError> {
        let all = self.rows.ready().saturating_add_signed(self.more).saturating_add(more as u64);
        if all > MOST_JOBS { Err(QueueError::Full(MOST_JOBS)) } else { Ok(()) }
    }

    /// Wall time, Unix milliseconds.
    pub(super) fn wall(&self) -> i64 {
        self.ambient.now().timestamp_millis()
    }
}

#[cfg(test)]
mod tests;
