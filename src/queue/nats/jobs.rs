//! What is done to jobs: puts, leases and settlements, as changes of entries that are committed together.
//!
//! Nothing here asks NATS. Commands are executed on what is known of the bucket and make changes, each with the revision
//! that its entry is expected to have. When they are stored they are taken over; when somebody was faster they are
//! dropped, what is known is put right, and the commands are executed again.

mod lease;
mod put;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::bucket::Write;
use super::entry::{Row, State};
use super::rows::{Changed, Known, Rows};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::queue::leases::Leases;
use crate::queue::schedule::Waiter;
use crate::queue::waiting::Recent;
use crate::queue::{MOST_JOBS, QueueError, Topic};

/// A change of an entry that is not stored yet.
struct Change {
    expected: u64,
    row: Option<Row>,
}

/// Jobs, whose turn it is, and the changes of the open commit.
pub(super) struct Jobs {
    pub(super) rows: Rows,
    pub(super) leases: Leases,
    changes: BTreeMap<String, Change>,
    /// Jobs more or less that wait, when the changes are stored.
    more: i64,
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
            changes: BTreeMap::new(),
            more: 0,
            given: Vec::new(),
            looked: Recent::default(),
            me,
            heard: HashMap::new(),
            listening: ambient.monotonic(),
            ambient,
        }
    }

    // === what the bucket says ===

    /// Takes over what stands in the bucket. Gives the topics that may have something new.
    pub(super) fn apply(&mut self, place: &str, revision: u64, row: Option<Row>) -> Vec<Topic> {
        let changed = self.rows.apply(place, revision, row);
        changed.map(|changed| self.follow(&changed)).unwrap_or_default()
    }

    /// The bucket has nothing there.
    pub(super) fn forget(&mut self, place: &str) {
        let changed = self.rows.forget(place);
        self.follow(&changed);
    }

    fn follow(&mut self, changed: &Changed) -> Vec<Topic> {
        if let Some(was) = changed.was {
            self.leases.withdraw(was);
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
        let repository = row.job().ok().and_then(|job| look(&job));
        Some((topic, Waiter { id, repository, due, born, losses: row.losses, urgency: row.urgency.into() }))
    }

    fn shares_a_lane_with_a_held(&self, known: &Known) -> bool {
        let shares = |other: &Known| other.lanes.iter().any(|lane| known.lanes.contains(lane));
        !known.lanes.is_empty() && self.rows.held().any(|(id, other)| shares(other) && self.is_taken(id, &other.row))
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

    /// A job by its key.
    pub(super) fn by_key(&self, key: &str) -> Option<&Row> {
        self.at(&Row::place(key)).filter(|row| row.key == key)
    }

    pub(super) fn set(&mut self, place: &str, row: Option<Row>) {
        let is_ready = |row: Option<&Row>| i64::from(row.is_some_and(|row| row.state == State::Ready));
        self.more += is_ready(row.as_ref()) - is_ready(self.at(place));
        let expected = self.changes.get(place).map_or_else(|| self.rows.revision(place), |change| change.expected);
        self.changes.insert(place.to_owned(), Change { expected, row });
    }

    /// Changes a job where it stands.
    pub(super) fn change(&mut self, row: Row) {
        self.set(&Row::place(&row.key), Some(row));
    }

    /// How many entries the open commit changes.
    pub(super) fn changed(&self) -> usize {
        self.changes.len()
    }

    /// The changes of the open commit, as they are written.
    pub(super) fn writes(&self) -> Vec<Write> {
        let write = |(place, change): (&String, &Change)| Write {
            key: place.clone(),
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
        if self.changes.is_empty() {
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

/// The repository of a look.
fn look(job: &Job) -> Option<Repository> {
    match job {
        Job::Look(repository) => Some(repository.clone()),
        Job::Deliver(_) | Job::Gather(_) | Job::Press(_) => None,
    }
}

pub(super) fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
