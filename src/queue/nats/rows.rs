//! The jobs of the bucket, as far as this process has seen them: an index in memory, which the bucket is followed into.
//!
//! It may be behind, as others write too. Nothing follows from that but work done for nothing: each change is written only
//! where the entry has the revision that stands here.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::entry::{Row, State};
use crate::queue::row;

/// The most keys of entries that are gone whose revisions are remembered; of more, one question is asked once more.
const MOST_GONE: usize = 50_000;

/// A job that is known.
pub(super) struct Known {
    /// Where it stands in the bucket.
    pub(super) place: String,
    pub(super) revision: u64,
    pub(super) row: Row,
    /// See [`row::lanes`]; of one that is ready.
    pub(super) lanes: Vec<String>,
}

/// An entry that this version can't read.
pub(super) struct Unreadable {
    revision: u64,
    /// What it seems to be about; nothing where even that can't be read.
    pub(super) topic: Option<String>,
    /// When it was first met here.
    pub(super) met: DateTime<Utc>,
}

/// All that is known.
#[derive(Default)]
pub(super) struct Rows {
    /// By a number of this process's own: the revision that a job had first, unless another has that already, as where a copy
    /// of the server's files was put back.
    all: HashMap<i64, Known>,
    ids: HashMap<String, i64>,
    gone: HashMap<String, u64>,
    sealed: HashMap<String, Unreadable>,
    lanes: HashMap<String, BTreeSet<i64>>,
    held: BTreeSet<i64>,
    ready: u64,
    dead: u64,
}

/// What a change came to.
#[derive(Default)]
pub(super) struct Changed {
    /// The job, where there is one now.
    pub(super) id: Option<i64>,
    /// What was under this key before, and is a job no longer.
    pub(super) was: Option<i64>,
    /// Jobs that may have their turn now, or not any more.
    pub(super) others: BTreeSet<i64>,
}

impl Rows {
    /// A job.
    pub(super) fn get(&self, id: i64) -> Option<&Known> {
        self.all.get(&id)
    }

    /// The job that stands there.
    pub(super) fn at(&self, place: &str) -> Option<&Known> {
        self.ids.get(place).and_then(|id| self.all.get(id))
    }

    /// The revision of what stands there, or stood; 0 where nothing is known.
    pub(super) fn revision(&self, place: &str) -> u64 {
        let known = self.at(place).map(|known| known.revision).or_else(|| self.gone.get(place).copied());
        known.or_else(|| self.sealed.get(place).map(|sealed| sealed.revision)).unwrap_or_default()
    }

    /// The number of the job that stands there.
    pub(super) fn id_at(&self, place: &str) -> Option<i64> {
        self.ids.get(place).copied()
    }

    /// Whether something stands there that this version can't read.
    pub(super) fn is_sealed(&self, place: &str) -> bool {
        self.sealed.contains_key(place)
    }

    /// What this version can't read, with where it stands.
    pub(super) fn sealed(&self) -> impl Iterator<Item = (&str, &Unreadable)> {
        self.sealed.iter().map(|(place, sealed)| (place.as_str(), sealed))
    }

    /// Every place of which anything is known.
    pub(super) fn places(&self) -> impl Iterator<Item = &String> {
        self.ids.keys().chain(self.gone.keys()).chain(self.sealed.keys())
    }

    /// All jobs, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (i64, &Known)> {
        self.all.iter().map(|(id, known)| (*id, known))
    }

    /// Jobs that somebody has, or had.
    pub(super) fn held(&self) -> impl Iterator<Item = (i64, &Known)> {
        self.held.iter().filter_map(|id| self.all.get(id).map(|known| (*id, known)))
    }

    /// How many jobs wait, or are held.
    pub(super) fn ready(&self) -> u64 {
        self.ready
    }

    /// How many were given up.
    pub(super) fn dead(&self) -> u64 {
        self.dead
    }

    /// Whether a job is the first in each of its lanes.
    pub(super) fn is_first(&self, id: i64, known: &Known) -> bool {
        known.lanes.iter().all(|lane| self.lanes.get(lane).is_none_or(|jobs| jobs.first() == Some(&id)))
    }

    /// The jobs of a lane, in their order.
    pub(super) fn of_lane(&self, lane: &str) -> impl Iterator<Item = &Known> {
        self.lanes.get(lane).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// Takes over what the bucket says of a key, unless that is older than what is known.
    pub(super) fn apply(&mut self, place: &str, revision: u64, row: Option<Row>) -> Option<Changed> {
        if revision <= self.revision(place) {
            return None;
        }
        Some(self.replace(place, revision, row))
    }

    /// What stands there can't be read, and is left alone. Gives nothing where that is known already.
    pub(super) fn seal(
        &mut self,
        place: &str,
        revision: u64,
        topic: Option<String>,
        met: DateTime<Utc>,
    ) -> Option<Changed> {
        if revision <= self.revision(place) {
            return None;
        }
        let changed = self.forget(place);
        self.sealed.insert(place.to_owned(), Unreadable { revision, topic, met });
        Some(changed)
    }

    /// The bucket has nothing under this key, not even that it is gone.
    pub(super) fn forget(&mut self, place: &str) -> Changed {
        let changed = self.replace(place, 0, None);
        self.gone.remove(place);
        changed
    }

    fn replace(&mut self, place: &str, revision: u64, row: Option<Row>) -> Changed {
        let mut changed = Changed { was: self.ids.remove(place), ..Changed::default() };
        let mut first = 0;
        if let Some(was) = &changed.was {
            changed.others.extend(self.leave(*was));
            first = self.all.remove(was).map(|known| known.row.first).unwrap_or_default();
        }
        self.sealed.remove(place);
        let Some(mut row) = row else {
            if self.gone.len() >= MOST_GONE {
                self.gone.clear();
            }
            self.gone.insert(place.to_owned(), revision);
            return changed;
        };
        self.gone.remove(place);
        if row.first == 0 {
            row.first = revision;
        }
        let id = match changed.was {
            Some(was) if first == row.first => was,
            _ => self.free_id(row.first),
        };
        let is_ready = row.state == State::Ready;
        let lanes = if is_ready { lanes_of(&row) } else { Vec::new() };
        for lane in &lanes {
            let jobs = self.lanes.entry(lane.clone()).or_default();
            jobs.insert(id);
            changed.others.extend(jobs.first());
            // One that was sent again may be before another now.
            changed.others.extend(jobs.range(id + 1..).next());
        }
        if row.held.is_some() && is_ready {
            self.held.insert(id);
        }
        self.ready += u64::from(is_ready);
        self.dead += u64::from(matches!(row.state, State::Dead | State::Parked));
        self.ids.insert(place.to_owned(), id);
        self.all.insert(id, Known { place: place.to_owned(), revision, row, lanes });
        changed.was = changed.was.filter(|was| *was != id);
        changed.id = Some(id);
        changed
    }

    fn free_id(&self, first: u64) -> i64 {
        let mut id = i64::try_from(first).unwrap_or(1);
        while self.all.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(1);
        }
        id
    }

    /// Takes a job out of its lanes, and out of the counts. Gives the first of each of those.
    fn leave(&mut self, id: i64) -> BTreeSet<i64> {
        let Some(known) = self.all.get(&id) else { return BTreeSet::new() };
        self.ready -= u64::from(known.row.state == State::Ready);
        self.dead -= u64::from(matches!(known.row.state, State::Dead | State::Parked));
        self.held.remove(&id);
        let mut firsts = BTreeSet::new();
        for lane in &known.lanes {
            if let Some(jobs) = self.lanes.get_mut(lane) {
                jobs.remove(&id);
                firsts.extend(jobs.first());
                if jobs.is_empty() {
                    self.lanes.remove(lane);
                }
            }
        }
        firsts
    }
}
/// The lanes of a job, as it stands.
fn lanes_of(row: &Row) -> Vec<String> {
    let all = row.job().map(|job| row::lanes(&job)).unwrap_or_default();
    if row.put_off { all.into_iter().map(|lane| format!("{}{lane}", row::PUT_OFF)).collect() } else { all }
}
