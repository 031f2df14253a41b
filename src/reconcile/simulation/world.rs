//! What outlives a process: the cluster's objects, the registry, the disk, people's mail, time; and the faults that strike
//! at the ports.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::chance::Chance;
use super::cluster::{Object, Place};
use super::invariant::Invariant;
use super::model::Model;
use super::people::Mail;
use super::queue::Disk;
use super::registry::Shelves;
use crate::ambient::Clock;
use crate::domain::history::rfc3339;
use crate::domain::policy::Mode;
use crate::domain::workload::WorkloadId;

/// Each fault's chance in a thousand, at each place where it can strike.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) crash: usize,
    pub(super) api: usize,
    pub(super) registry: usize,
    pub(super) slow: usize,
    pub(super) glitch: usize,
    pub(super) queue: usize,
    pub(super) channel: usize,
}

/// A run of more steps comes to no end: the longest of 4,000 takes 2,455.
const MOST_STEPS: usize = 10_000;

/// What a task is about; the port calls of a task are judged by it.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    Look,
    Deliver,
    Answer { question: String, action: &'static str },
}

/// A task, and what the registry answered it: what it may decide on.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) doing: Doing,
    pub(super) lists: Vec<(String, Vec<String>)>,
    pub(super) digests: BTreeMap<(String, String), Vec<Option<String>>>,
    /// When it sent its last request to write: it may stand still between that and the API server.
    pub(super) sent: Option<DateTime<Utc>>,
}

/// What a watch stream tells: an object as it was then, or that it is gone.
pub(super) type Event = (WorkloadId, Option<Arc<Object>>);

/// The watch streams of a replica: what they have not told yet, and what they told last.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) events: VecDeque<Event>,
    pub(super) told_last: Option<Event>,
}

pub(super) struct World {
    /// So long a complete rollout has to stay well: of every other seed not at all.
    pub(super) settle: Duration,
    pub(super) chance: Chance,
    /// That of the looks before people are asked, so that what happens in a seed does not depend on them.
    pub(super) preflight: Chance,
    pub(super) clock: Arc<Paused>,
    pub(super) faults: Faults,
    pub(super) objects: BTreeMap<Place, Arc<Object>>,
    pub(super) versions: u64,
    pub(super) uids: u64,
    /// The watch streams of each replica.
    pub(super) streams: Vec<Stream>,
    pub(super) denied: BTreeSet<String>,
    pub(super) shelves: Shelves,
    pub(super) disk: Disk,
    /// What of it a store has synced that several replicas share.
    pub(super) synced: Option<Disk>,
    /// So far the clocks of two replicas are apart at most.
    pub(super) apart: TimeDelta,
    /// How many tasks there were.
    pub(super) begun: u64,
    pub(super) mail: Vec<Mail>,
    pub(super) forced: Option<Mode>,
    pub(super) keys: Vec<u8>,
    pub(super) tasks: BTreeMap<u64, Task>,
    /// The task that is polled now.
    pub(super) current: u64,
    /// Where the process died.
    pub(super) crashed: Option<&'static str>,
    pub(super) crashes: BTreeMap<&'static str, usize>,
    /// What struck several replicas, and how often.
    pub(super) struck: BTreeMap<&'static str, usize>,
    pub(super) model: Model,
    pub(super) violated: Option<(Invariant, String)>,
    pub(super) gaps: BTreeMap<Invariant, usize>,
    pub(super) log: Vec<String>,
    /// How often a task went on, and how often one may in this run.
    pub(super) steps: usize,
    pub(super) most_steps: usize,
}

/// The world, as the process's ports and the driver share it.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<World>>);

impl World {
    pub(super) fn new(seed: u64, clock: Arc<Paused>) -> Self {
        Self {
            settle: Duration::from_secs(60 * (seed % 2)),
            chance: Chance::new(seed),
            preflight: Chance::new(!seed),
            clock,
            faults: Faults::default(),
            objects: BTreeMap::new(),
            versions: 0,
            uids: 0,
            streams: vec![Stream::default()],
            denied: BTreeSet::new(),
            shelves: Shelves::default(),
            disk: Disk::default(),
            synced: None,
            apart: TimeDelta::zero(),
            begun: 0,
            mail: Vec::new(),
            forced: None,
            keys: vec![1],
            tasks: BTreeMap::new(),
            current: 0,
            crashed: None,
            crashes: BTreeMap::new(),
            struck: BTreeMap::new(),
            model: Model::default(),
            violated: None,
            gaps: BTreeMap::new(),
            log: Vec::new(),
            steps: 0,
            most_steps: MOST_STEPS,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether several replicas share the store.
    pub(super) fn is_shared(&self) -> bool {
        self.streams.len() > 1
    }

    /// The streams have something to tell.
    pub(super) fn happened(&mut self, event: &Event) {
        for stream in &mut self.streams {
            stream.events.push_back(event.clone());
        }
    }

    /// Writes a line of what happened.
    pub(super) fn log(&mut self, line: impl std::fmt::Display) {
        let line = format!("{} [{}] {line}", rfc3339(self.now()), self.current);
        self.log.push(line);
    }

    /// An invariant does not hold.
    pub(super) fn violate(&mut self, invariant: Invariant, sentence: String) {
        self.violate_unwitnessed(invariant, false, sentence);
    }

    /// The same, of what another hand may have left no witness. A known gap is counted, and the run goes on.
    pub(super) fn violate_unwitnessed(&mut self, invariant: Invariant, is_unwitnessed: bool, sentence: String) {
        let gap = invariant.known_gap(is_unwitnessed);
        self.log(format!("VIOLATED {invariant:?} (known gap: {gap:?}): {sentence}"));
        if gap.is_some() {
            *self.gaps.entry(invariant).or_default() += 1;
        } else if self.violated.is_none() {
            self.violated = Some((invariant, sentence));
        }
    }

    /// A task goes on; whether it may.
    pub(super) fn goes_on(&mut self, task: u64) -> bool {
        self.steps += 1;
        if self.steps > self.most_steps {
            self.violate(Invariant::Rests, format!("it takes more than {} steps", self.most_steps));
            return false;
        }
        self.current = task;
        true
    }

    pub(super) fn task(&mut self) -> Option<&mut Task> {
        self.tasks.get_mut(&self.current)
    }
}

impl Shared {
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Somewhere in a port call: others may go on before it does, and the process may die here.
    pub(super) async fn point(&self, name: &'static str) {
        let passes = self.with(|world| world.chance.below(3));
        for _ in 0..passes {
            pass().await;
        }
        let dies = self.with(|world| {
            if world.crashed.is_none() && world.chance.permille(world.faults.crash) {
                world.log(format!("the process dies at {name}"));
                *world.crashes.entry(name).or_default() += 1;
                world.crashed = Some(name);
            }
            world.crashed.is_some()
        });
        if dies {
            pending::<()>().await;
        }
    }
}

/// Lets the driver choose who goes on.
async fn pass() {
    let mut is_first = true;
    std::future::poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// The runtime's paused time, as both clocks.
pub(super) struct Paused(tokio::time::Instant);

impl Paused {
    pub(super) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

/// The clock of a replica, which may be ahead or late.
pub(super) struct Apart(pub(super) Arc<Paused>, pub(super) TimeDelta);

impl Clock for Apart {
    fn now(&self) -> DateTime<Utc> {
        self.0.now() + self.1
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

impl Clock for Paused {
    fn now(&self) -> DateTime<Utc> {
        let begin = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        begin + TimeDelta::from_std(self.0.elapsed()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}
