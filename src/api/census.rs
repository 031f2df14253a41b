//! What each workload comes to in short: what is filtered, sorted and counted by, so that no list reads the records of all. A
//! workload is read again when it was written, when a look at it came to something else, or when its time has come; how it
//! stands is [`Status`], here as everywhere.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::Api;
use super::in_short::InShort;
use super::moment::{Instead, Moment};
use super::view::Counts;
use crate::domain::policy::Mode;
use crate::domain::record::Record;
use crate::domain::reference::Digest;
use crate::domain::settings::Settings;
use crate::domain::view::{Attention, CameTo, LastLook, Seen};
use crate::domain::workload::{Container, Workload};

/// All workloads in short. Clones share it.
#[derive(Clone, Debug)]
pub struct Census {
    known: Arc<Mutex<Known>>,
    /// Whether each container for which there is something newer has a series of its own.
    pub(super) per_workload: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// By namespace, kind and name.
    all: Vec<Arc<Summary>>,
    /// The number of the last that was read.
    last: u64,
    /// What is known of those on which something else stands, by uid, with what stands there.
    instead: Instead,
}

/// What is known of so many is asked for one answer, whatever it costs; of the others the next answers ask.
const MOST_ASKED: usize = 256;

/// A workload in short.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) workload: Arc<Workload>,
    /// Another one where it shows something else.
    pub(super) number: u64,
    /// The most urgent of what its containers want.
    pub(super) state: Attention,
    /// In the order of the pod template.
    pub(super) containers: Box<[InShort]>,
    /// When the last entry of its history was written.
    pub(super) changed: Option<DateTime<Utc>>,
    /// Of how many containers the running image is gone from its registry.
    pub(super) images_gone: usize,
    print: Print,
    until: Option<DateTime<Utc>>,
}

/// What tells a workload from what it was, beside what is written on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print {
    /// What looks came to, and for whom it waits.
    came_to: u64,
    /// When it was looked at.
    at: u64,
    /// The number of the record that is known, where another one stands on it.
    instead: Option<u64>,
}

impl Census {
    /// Nothing is known.
    #[must_use]
    pub fn new(per_workload: bool) -> Self {
        Self { known: Arc::default(), per_workload }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Summary {
    /// How many of its containers want what.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.containers.iter().for_each(|container| counts.add(container.state));
        counts
    }

    /// Its containers, each with what it comes to.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Container, &InShort)> {
        self.workload.containers.iter().zip(&self.containers)
    }

    /// What happens to newer versions: the first of its containers that is not left alone says so.
    pub(super) fn mode(&self) -> Option<Mode> {
        let modes = || self.containers.iter().filter_map(|container| container.mode);
        modes().find(|mode| *mode != Mode::Disabled).or_else(|| modes().next())
    }

    fn is_as(&self, workload: &Arc<Workload>, print: Print, now: DateTime<Utc>) -> bool {
        Arc::ptr_eq(&self.workload, workload) && self.print == print && self.until.is_none_or(|until| now < until)
    }

    /// Whether it shows the same.
    fn shows(&self, other: &Self) -> bool {
        let states = |of: &Self| of.containers.iter().map(|it| (it.state, it.asked, it.is_open)).collect::<Vec<_>>();
        Arc::ptr_eq(&self.workload, &other.workload)
            && (self.print.came_to, self.print.instead) == (other.print.came_to, other.print.instead)
            && states(self) == states(other)
    }
}

impl<Q> Api<Q> {
    /// What is known of those on which something else stands: asked once as long as that stands there.
    pub(super) async fn instead(&self) -> Instead {
        let set_back = self.index.set_back();
        if set_back.is_empty() {
            self.census.known().instead = Instead::new();
            return Instead::new();
        }
        let before = self.census.known().instead.clone();
        let (mut instead, mut asked) = (Instead::new(), 0);
        for workload in set_back {
            let uid = workload.id.uid.clone();
            let kept = before.get(&uid).filter(|(stood, _)| Arc::ptr_eq(stood, &workload)).cloned();
            let known = match kept {
                Some((_, record)) => Some(record),
                None if asked < MOST_ASKED => {
                    asked += 1;
                    self.sequencer.known(&uid).await.map(Arc::new)
                }
                None => None,
            };
            instead.extend(known.map(|record| (uid, (workload, record))));
        }
        self.census.known().instead.clone_from(&instead);
        instead
    }

    /// All workloads in short, by namespace, kind and name.
    pub(super) fn summaries(&self, moment: &Moment) -> Vec<Arc<Summary>> {
        let all = self.index.all();
        let mut known = self.census.known();
        let (mut before, mut last) = (std::mem::take(&mut known.all).into_iter().peekable(), known.last);
        let mut summaries = Vec::with_capacity(all.len());
        for workload in all {
            while before.next_if(|known| known.workload.id < workload.id).is_some() {}
            let known = before.next_if(|known| known.workload.id == workload.id);
            let print = self.print(&workload, moment);
            summaries.push(match known {
                Some(known) if known.is_as(&workload, print, moment.now()) => known,
                known => {
                    let read = self.summary(workload, print, moment);
                    let number = known.filter(|known| known.shows(&read)).map(|known| known.number);
                    let number = number.unwrap_or_else(|| {
                        last += 1;
                        last
                    });
                    Arc::new(Summary { number, ..read })
                }
            });
        }
        (known.all, known.last) = (summaries.clone(), last);
        summaries
    }

    fn summary(&self, workload: Arc<Workload>, print: Print, moment: &Moment) -> Summary {
        let (record, not_ours) = self.record(&workload, moment);
        let (now, mut until) = (moment.now(), None);
        let may_write = self.sequencer.may_write(&workload.id);
        let in_short = |container: &Container| {
            let name = &*container.name;
            let read = Settings::read(&workload, name, &self.bounds);
            let looked = self.sequencer.last_look(&workload, name);
            let (settings, waits) = (read.as_ref(), moment.waits(&workload, name));
            let (workload, record, looked) = (&*workload, &record, looked.as_ref());
            let stopped = moment.stopped();
            let seen =
                Seen { workload, container: name, record, not_ours, settings, looked, waits, stopped, may_write };
            until = [until, seen.stands_until(now)].into_iter().flatten().min();
            InShort::of(&seen, container, now)
        };
        let containers: Box<[InShort]> = workload.containers.iter().map(in_short).collect();
        let state = containers.iter().map(|it| it.state).min().unwrap_or(Attention::Off);
        let gone = record.ledgers().filter_map(|(_, ledger)| ledger.gone.as_ref());
        let images_gone = gone.filter(|gone| gone.image.lost.is_of_registry()).count();
        Summary { state, containers, changed: changed(&record), images_gone, print, until, number: 0, workload }
    }

    /// What tells what a workload shows from what it showed, without reading its record.
    fn print(&self, workload: &Workload, moment: &Moment) -> Print {
        let (mut came_to, mut at) = (DefaultHasher::new(), DefaultHasher::new());
        moment.stopped().is_some().hash(&mut came_to);
        self.sequencer.may_write(&workload.id).hash(&mut came_to);
        for container in &workload.containers {
            let waits = moment.waits(workload, &container.name);
            waits.map(ToString::to_string).hash(&mut came_to);
            let looked = self.sequencer.last_look(workload, &container.name);
            looked.as_ref().map(|looked| looked.at).hash(&mut at);
            hash(looked.as_ref(), &mut came_to);
        }
        let instead = moment.instead(workload).map(|record| record.sequence);
        Print { came_to: came_to.finish(), at: at.finish(), instead }
    }
}

fn hash(looked: Option<&LastLook>, hash: &mut DefaultHasher) {
    looked.and_then(|looked| looked.unanswered.as_deref()).hash(hash);
    match looked.map(|looked| &looked.came_to) {
        None => 0_u8.hash(hash),
        Some(CameTo::Nothing) => 1_u8.hash(hash),
        Some(CameTo::To { tag, digest, .. }) => (2_u8, tag.as_str(), digest.as_str()).hash(hash),
        Some(CameTo::Cooling { tag, digest, until, .. }) => {
            (3_u8, tag.as_str(), digest.as_ref().map(Digest::as_str), until).hash(hash);
        }
        Some(CameTo::Undecided(why)) => (4_u8, &why.words).hash(hash),
        Some(CameTo::Unknown) => 5_u8.hash(hash),
        Some(CameTo::Group(of)) => {
            let to = of.to.as_ref().map(|(tag, digest, _)| (tag.as_str(), digest.as_str()));
            (6_u8, of.to_string(), to).hash(hash);
        }
    }
}

fn changed(record: &Record) -> Option<DateTime<Utc>> {
    let time = &record.history.entries().first()?.time;
    DateTime::parse_from_rfc3339(time).ok().map(|at| at.to_utc())
}
