//! 2 of 13 · in: Job · out: Job, one lease at a time
//!
//! What was accepted survives a crash. Jobs with the same key coalesce, jobs that share a lane run one after another, a job
//! that fails waits and is tried again, and one that can't be done is kept as a dead letter. Slots are shared fairly, see
//! [`Claim`]; a job that was under way when process after process died waits, longer each time, and lets the others go on.
//!
//! ```text
//! put ─► ready ─► leased ─► settled: done · again at · retry at · dead
//!           ▲                           │         │
//!           └───────────────────────────┴─────────┘
//! ```

mod announced;
mod coalesced_spans;
mod command;
#[cfg(test)]
mod contract;
mod gathering;
mod handle;
mod kept;
mod leases;
mod letters;
mod losses;
pub mod moving;
pub mod nats;
mod noted;
mod opening;
mod reason;
#[cfg(test)]
pub(crate) mod records_contract;
pub(crate) mod replicas;
mod reply;
pub(crate) mod row;
mod schedule;
mod sign_ins;
pub mod sqlite;
mod trouble;
mod waiting;
pub mod worker;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::domain::event::Job;
use crate::domain::fleet::Brake;
use crate::domain::reference::Repository;
use crate::domain::settings::Fingerprint;
use crate::domain::trace::{Trace, TraceParent};
use crate::domain::workload::{ObjectName, WorkloadId};
use crate::telemetry::spans;

pub use announced::{Announced, Announcements, LOOKED_FOR};
pub use gathering::{Gathering, ItemId, Waiting};
pub use handle::StoreHandle;
pub use kept::Kept;
pub use letters::{Acted, Asked, Before, Letter, LetterState, Letters, Page};
pub use opening::NoQueue;
pub use replicas::{NewsKind, Replicas, Telling};
pub use schedule::{Claim, MOST_NAMESPACES, Slots};
pub use sign_ins::{SignIn, SignIns};
pub use trouble::{Failure, Trouble, Troubles};

/// The most jobs that are stored; more are refused, which a webhook's sender sees as 503.
pub const MOST_JOBS: u64 = 100_000;

/// A class of jobs with workers of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Repositories to look at.
    Look,
    /// Messages for one channel, so that a failing channel delays no other.
    Deliver(String),
    /// What waits to go out on one channel together. Nobody leases it: see [`Gathering`].
    Gather(String),
    /// Buttons that were pressed in chats.
    Press,
}

impl Topic {
    /// The class of a job.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        match job {
            Job::Look(_) => Self::Look,
            Job::Deliver(delivery) => Self::Deliver(delivery.channel.clone()),
            Job::Gather(gathered) => Self::Gather(gathered.channel.clone()),
            Job::Press(_) => Self::Press,
        }
    }

    /// The name in the store and in metrics.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Look => "look".into(),
            Self::Deliver(channel) => format!("deliver:{channel}"),
            Self::Gather(channel) => format!("gather:{channel}"),
            Self::Press => "press".into(),
        }
    }

    /// Reads a name back.
    fn named(name: &str) -> Option<Self> {
        match name.split_once(':') {
            Some(("deliver", channel)) => Some(Self::Deliver(channel.to_owned())),
            Some(("gather", channel)) => Some(Self::Gather(channel.to_owned())),
            Some(_) => None,
            None => [Self::Look, Self::Press].into_iter().find(|topic| topic.name() == name),
        }
    }

    /// Whether a worker takes its jobs as soon as they may begin; what waits to go out together is late for nothing.
    fn is_taken(&self) -> bool {
        !matches!(self, Self::Gather(_))
    }

    /// The channel of messages, by the name of their topic.
    fn channel_in(name: &str) -> Option<String> {
        match Self::named(name)? {
            Self::Look | Self::Press => None,
            Self::Deliver(channel) | Self::Gather(channel) => Some(channel),
        }
    }
}

/// What the claim of a look is, asked whenever its turn is decided.
type ClaimOf = Arc<dyn Fn(&Repository) -> Claim + Send + Sync>;

/// How long a routine look is put off that could start now, if it is.
type PutOff = Arc<dyn Fn(&Repository) -> Option<Duration> + Send + Sync>;

/// Whether jobs of a topic are taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// As many as there are slots.
    Open,
    /// One, to see whether it goes.
    One,
    /// None, for so long.
    Closed(Duration),
}

/// Whether jobs are taken, asked whenever some could be.
type AskOpening = Arc<dyn Fn() -> Opening + Send + Sync>;

/// How the jobs of a topic share the slots of its workers.
#[derive(Clone)]
pub struct Sharing {
    opening: Option<AskOpening>,
    slots: Slots,
    claim: Option<ClaimOf>,
    put_off: Option<PutOff>,
}

impl std::fmt::Debug for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sharing({:?})", self.slots)
    }
}

impl Sharing {
    /// Whoever waits longest is next.
    #[must_use]
    pub fn in_order(slots: usize) -> Self {
        Self { slots: Slots { all: slots, each_host: slots }, claim: None, put_off: None, opening: None }
    }

    /// Looks are shared fairly by what `claim` says of their repositories, which may change while they wait.
    #[must_use]
    pub fn fair(slots: Slots, claim: impl Fn(&Repository) -> Claim + Send + Sync + 'static) -> Self {
        Self { slots, claim: Some(Arc::new(claim)), put_off: None, opening: None }
    }

    /// Routine looks wait as long as `put_off` says, which is asked when one could start.
    #[must_use]
    pub fn with_routine(self, put_off: impl Fn(&Repository) -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self { put_off: Some(Arc::new(put_off)), ..self }
    }

    /// Jobs are taken only as `opening` says, which is asked whenever some could be.
    #[must_use]
    pub fn while_open(self, opening: impl Fn() -> Opening + Send + Sync + 'static) -> Self {
        Self { opening: Some(Arc::new(opening)), ..self }
    }

    /// How many jobs may be taken beside so many that run, and for how long none where there is no other reason.
    fn room(&self, running: usize) -> (usize, Option<Duration>) {
        let free = self.slots.all.saturating_sub(running);
        match self.opening.as_ref().map_or(Opening::Open, |opening| opening()) {
            Opening::Open => (free, None),
            Opening::One => (free.min(1_usize.saturating_sub(running)), None),
            Opening::Closed(wait) => (0, Some(wait)),
        }
    }

    /// How long this job is put off; `None` when it may start.
    fn put_off(&self, urgency: Urgency, repository: Option<&Repository>) -> Option<Duration> {
        let put_off = self.put_off.as_ref().filter(|_| urgency == Urgency::Routine)?;
        put_off(repository?)
    }

    fn claim(&self, repository: Option<&Repository>) -> Claim {
        match (&self.claim, repository) {
            (Some(claim), Some(repository)) => claim(repository),
            _ => Claim::default(),
        }
    }
}

/// The priority of a job among those that are due, by whether somebody waits for it. Order: the first variant goes first.
///
/// It delays nothing and is no deadline. SQLite does not store it: what waits there since before a start is prompt. NATS does, as
/// several replicas share what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Urgency {
    /// Something stands broken until then, as with pods that never start: it waits for no other hint that may come.
    AtOnce,
    /// Somebody may: who pushed an image, who changed a workload, who is told of an update.
    Prompt,
    /// Nobody does, as it is the schedule's: it gives way to all others, and leaves slots free for them.
    Routine,
}

impl Urgency {
    /// Whether a hint of a look waits a moment for others that may come, where the last look of it was this urgent.
    fn is_gathered_after(self, last: Self) -> bool {
        self != Self::AtOnce || last == Self::AtOnce
    }
}

/// A job to be stored.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What is to be done.
    pub job: Job,
    /// What follows the event through logs and traces.
    pub trace: Trace,
    /// Not before.
    pub not_before: DateTime<Utc>,
    /// Whether somebody waits for it.
    pub urgency: Urgency,
    /// What went wrong with the message that it was made of, where that is still so: a part of one that was put off, or what such
    /// parts are made into.
    pub failed: Option<Failed>,
}

/// What went wrong with a job when it was tried last, and is not done since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: DateTime<Utc>,
    /// Why, for people.
    pub reason: String,
}

impl NewJob {
    /// A job that somebody waits for. It follows from the span that is under way, and where there is none from `trace`.
    #[must_use]
    pub fn prompt(job: Job, trace: impl Into<Trace>, not_before: DateTime<Utc>) -> Self {
        let trace = spans::here().map_or_else(|| trace.into(), Trace::Follows);
        Self { job, trace, not_before, urgency: Urgency::Prompt, failed: None }
    }
}

/// Tells a lease from every other one. What its numbers are is the store's own business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseId {
    job: u64,
    number: u64,
}

impl LeaseId {
    /// The lease of this number on a stored job.
    #[must_use]
    pub fn new(job: u64, number: u64) -> Self {
        Self { job, number }
    }

    /// The stored job.
    #[must_use]
    pub fn job(self) -> u64 {
        self.job
    }

    /// Tells it from other leases on the same job.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }
}

/// A job that is ours until it is settled, or until its lease runs out.
#[derive(Clone, Debug)]
pub struct Leased {
    /// By which it is settled.
    pub lease: LeaseId,
    /// What is to be done.
    pub job: Job,
    /// See [`NewJob::trace`].
    pub trace: Trace,
    /// What else it follows from: of what was put while it waited, as far as that is remembered.
    pub also: Vec<TraceParent>,
    /// The number of this attempt; the first is 1.
    pub attempt: u32,
    /// When it was stored, or when it was to be done again: what its age is counted from.
    pub created: DateTime<Utc>,
    /// What the attempt before went wrong with; nothing where there was none, or it went well.
    pub failed: Option<Failed>,
}

impl Leased {
    /// Its last failure, where that is still so when it is done again without another: a message that is put off.
    fn failed_before(&self) -> Option<&Failed> {
        self.failed.as_ref().filter(|_| matches!(self.job, Job::Deliver(_)))
    }
}

/// Jobs to work on now, and when to look again.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Jobs, oldest first.
    pub jobs: Vec<Leased>,
    /// How long until another job of this topic becomes due, if one waits for nothing but time. For one that waits for
    /// another to end, the topic is woken.
    pub wait: Option<Duration>,
}

/// How a leased job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done.
    Done,
    /// It went well, and is to be done again at this moment. A message is put off so: when its last attempt failed stays known, and why.
    Again(DateTime<Utc>),
    /// It is over, and was not done: it became void, or others do it. It is remembered as what is done, and counts as nothing
    /// that was.
    Withdrawn {
        /// Why, for people.
        reason: String,
    },
    /// It failed, and is to be tried again.
    Retry {
        /// Not before.
        at: DateTime<Utc>,
        /// What went wrong, for people.
        reason: String,
    },
    /// It failed for what is no fault of its own, and is to be tried again: its attempts are counted anew.
    Waits {
        /// Not before.
        at: DateTime<Utc>,
        /// What went wrong, for people.
        reason: String,
    },
    /// It can't be done.
    Dead {
        /// What went wrong, for people.
        reason: String,
    },
}

/// What became of jobs that were put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// There is something to do that was not to be done before.
    News,
    /// All of it is to be done anyway, or was done.
    Coalesced,
}

/// How full the queue is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that wait or are leased, by topic's name.
    pub ready: Vec<(String, u64)>,
    /// Dead letters, by topic's name.
    pub dead: Vec<(String, u64)>,
    /// Jobs that wait because process after process died while it had them, by topic's name; they are ready as well.
    pub suspect: Vec<(String, u64)>,
    /// Jobs that are leased; they are ready as well.
    pub leased: u64,
    /// When the oldest waiting job was stored, or may begin; not of those that wait to go out together.
    pub oldest: Option<DateTime<Utc>>,
    /// Why the last commit that was tried failed, if it did.
    pub failing: Option<String>,
}

impl Depth {
    /// Messages of these topics by channel, those that wait to go out together as well.
    #[must_use]
    pub fn by_channel(topics: &[(String, u64)]) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (topic, count) in topics {
            if let Some(channel) = Topic::channel_in(topic) {
                *all.entry(channel).or_default() += count;
            }
        }
        all
    }

    /// What an operator has to know of it, in a line.
    #[must_use]
    pub fn words(&self) -> String {
        if let Some(error) = &self.failing {
            return format!("its last write failed: {error}");
        }
        let sum = |topics: &[(String, u64)]| topics.iter().map(|(_, count)| count).sum::<u64>();
        let (ready, dead, suspect) = (sum(&self.ready), sum(&self.dead), sum(&self.suspect));
        let aside =
            if suspect > 0 { format!(", {suspect} set aside as the process died with them") } else { String::new() };
        format!("{ready} waiting, {dead} dead letters{aside}")
    }
}

/// Where an operator looks when the queue can't be used, whatever keeps it: behind «look at».
pub const WHERE_THE_QUEUE_IS: &str = "the data folder (IMAGE_WATCHER_DATA), or at NATS where that keeps the queue";

/// Why the queue did not take or give a job.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueueError {
    /// The bound on stored jobs is reached; it shrinks as jobs are done.
    #[error("the queue holds {0} jobs, its bound; it takes more when some are done")]
    Full(u64),
    /// The store holds nearly as many bytes as it may, and keeps the rest for what ends jobs.
    #[error(
        "the queue's store holds {bytes} bytes, and {most} is its bound for new jobs; it takes more when some are done"
    )]
    NoRoom {
        /// Those that it holds.
        bytes: u64,
        /// Those that it may hold when it takes a job.
        most: u64,
    },
    /// The store takes no job that is so large.
    #[error(
        "the job has {bytes} bytes, and the queue's store takes jobs of up to {most} bytes, with what is noted of them"
    )]
    TooLarge {
        /// Of the job.
        bytes: usize,
        /// That an entry may have.
        most: usize,
    },
    /// The disk did not take it, or may have: the caller must treat it as not stored.
    #[error("the queue can't write to its store: look at the free space and the rights of {}", WHERE_THE_QUEUE_IS)]
    Store(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Other replicas were faster with the same entry each time: nothing is wrong with the store, and the caller may ask again.
    #[error(
        "other replicas were faster with the same entry of the queue's store each time; it is taken when it comes again"
    )]
    Contended(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The process is ending.
    #[error("the queue is closed")]
    Closed,
}

/// A durable queue. A job is stored when [`Queue::put`] returns, and not before.
pub trait Queue: Clone + Send + Sync + 'static {
    /// Stores jobs, all or none. A job whose key is stored already coalesces with it.
    fn put(&self, jobs: Vec<NewJob>) -> impl Future<Output = Result<Placed, QueueError>> + Send;

    /// Takes up to `most` jobs of a topic that are ready and whose turn it is.
    fn lease(
        &self,
        topic: &Topic,
        most: usize,
        sharing: &Sharing,
    ) -> impl Future<Output = Result<Batch, QueueError>> + Send;

    /// Ends a lease. A lease that ran out settles nothing.
    fn settle(&self, leased: &Leased, settlement: Settlement) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Woken when a topic has something new; take it before [`Queue::lease`], wait on it after.
    fn changed(&self, topic: &Topic) -> Arc<Notify>;

    /// How full it is.
    fn depth(&self) -> impl Future<Output = Result<Depth, QueueError>> + Send;
}

/// The newest record of a workload that was written, and its history: see [`crate::domain::record`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its sequence number.
    pub sequence: u64,
    /// Its text.
    pub record: String,
    /// The text of the history that was written with it; empty where there is none.
    pub history: String,
    /// Which settings the workload had when it was last looked at, if that is known: nothing is written on it for that.
    pub settings: Option<Fingerprint>,
    /// A person's answer of which it is not known whether it was written.
    pub answering: Option<Answering>,
    /// Where the workload is; nothing in what earlier releases wrote, until it is seen.
    pub of: Option<ObjectName>,
}

/// A workload of which a record is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its uid.
    pub uid: Box<str>,
    /// The sequence number of its newest record.
    pub sequence: u64,
    /// Where it is, if that is known and it was not seen to be deleted.
    pub of: Option<ObjectName>,
}

/// A person's answer that is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The sequence number of the record that carries it.
    pub sequence: u64,
    /// The workload that it is written on: as long as that is the same, the answer was not written.
    pub on: WrittenOn,
    /// The container that it is about.
    pub container: Box<str>,
}

/// What is remembered of the write of a person's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerWrite {
    /// It is about to be made.
    Begins(Answering),
    /// The record with this sequence number was not written. Another answer stays in doubt: it may be another process's.
    Failed(u64),
}

impl AnswerWrite {
    /// The answer that is in doubt then, where this one was before.
    #[must_use]
    pub fn after(self, before: Option<Answering>) -> Option<Answering> {
        match self {
            Self::Begins(answering) => Some(answering),
            Self::Failed(sequence) => before.filter(|other| other.sequence != sequence),
        }
    }
}

/// Which state of a workload an answer is written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrittenOn {
    /// Of an answer that writes an image: [`crate::domain::workload::Workload::generation`], which that raises.
    Generation(i64),
    /// Of one that writes annotations alone, which raise no generation of most kinds: `metadata.resourceVersion`, which every
    /// write changes.
    Version(u64),
}

/// Which workloads there are, and which are no more, as far as that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// Those that are watched.
    pub watched: Vec<WorkloadId>,
    /// Those that were seen to be deleted, by uid. What is out of sight is none of them: its namespace may not be watched for
    /// now, or its settings were taken off.
    pub deleted: Vec<Box<str>>,
}

/// The second witness of what was written on workloads, beside their annotations, which anybody may copy or set back.
pub trait Records: Kept {
    /// Whether other processes write here, too, so that what was read a moment ago may not be the newest.
    fn is_shared(&self) -> bool {
        false
    }

    /// The newest record of the workload with this uid, if there is one.
    fn newest(&self, uid: &str) -> impl Future<Output = Result<Option<Written>, QueueError>> + Send;

    /// The sequence numbers of the newest records of all workloads, by uid.
    fn sequences(&self) -> impl Future<Output = Result<Vec<(Box<str>, u64)>, QueueError>> + Send;

    /// The same, and where the workloads are, as far as that is remembered.
    fn workloads(&self) -> impl Future<Output = Result<Vec<Remembered>, QueueError>> + Send {
        async {
            let all = self.sequences().await?;
            Ok(all.into_iter().map(|(uid, sequence)| Remembered { uid, sequence, of: None }).collect())
        }
    }

    /// Remembers a record, unless a newer one is remembered. An answer in doubt that a later record would carry stays so.
    fn remember(&self, uid: &str, written: Written) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Remembers that an answer is about to be written, or that it was not.
    fn answering(&self, uid: &str, write: AnswerWrite) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Takes which workloads there are. What is remembered of one that is deleted goes after 30 days: its uid never comes
    /// back, unless the whole cluster is restored. Where more is remembered than there is room for, that of those goes first
    /// that were not seen for the longest, and none before as they may be just out of sight.
    fn seen(&self, seen: Sightings) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// How the brake stood when it was remembered last.
    fn brake(&self) -> impl Future<Output = Result<Brake, QueueError>> + Send;

    /// Remembers how the brake stands.
    fn remember_brake(&self, brake: Brake) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// What an operator sees of a queue, and does to it.
pub trait QueueAdmin: Queue {
    /// Waits for the queue to answer anything: it lives, whatever state its store is in.
    fn ping(&self) -> impl Future<Output = ()> + Send;

    /// What does not get done, and why.
    fn troubles(&self) -> impl Future<Output = Result<Troubles, QueueError>> + Send;

    /// Makes dead letters of messages for channels that are not among these, as nobody would ever take them. Gives their
    /// number by channel.
    fn bury_all_but(&self, channels: &[String]) -> impl Future<Output = Result<Vec<(String, u64)>, QueueError>> + Send;
}
