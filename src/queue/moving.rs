//! What one store gives to another when the queue moves: closed items, as any store has them, and a mark on both stores that
//! says how far that is.
//!
//! Nobody else may have either store open. What is moved stays where it was, so that whoever is killed begins again: what
//! arrived is found by its key and left as it is. The marks tell a service that is started on the wrong store, or too early.

mod mover;
mod patience;
#[cfg(test)]
pub(super) mod tests;

use std::future::Future;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Announced, QueueError, SignIn, Topic, Urgency, Written, row};

pub use mover::{Counted, MoveError, Place, abandon, count, move_all};
pub use patience::{Again, Patience};

/// What state a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredState {
    /// It waits.
    Ready,
    /// It is over, and remembered so that it is not done twice.
    Done,
    /// It was given up.
    Dead,
    /// No version that met it could read it.
    Parked,
}

/// A job as it is stored. What it says is text, so that one that this version can't read is moved as it is. Moments are Unix
/// milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// Equal keys are one job.
    pub key: String,
    /// The name of its topic.
    pub topic: String,
    /// Of the payload.
    pub format: i64,
    /// What is to be done; may be nothing where it is done.
    pub payload: String,
    /// See [`super::NewJob::trace`].
    pub trace: String,
    /// What state it is in.
    pub state: StoredState,
    /// How often it was tried.
    pub attempts: u32,
    /// Processes that died with it, one after another.
    pub losses: u32,
    /// Before which it is not tried.
    pub not_before: i64,
    /// When it was stored.
    pub created: i64,
    /// When something was last done with it.
    pub changed: i64,
    /// Whether somebody waits for it.
    pub urgency: Urgency,
    /// What went wrong last.
    pub error: Option<String>,
    /// Whether somebody was told that it was given up.
    pub told: bool,
}

/// What is remembered beside the jobs.
#[derive(Clone, Debug)]
pub enum Beside {
    /// The newest record of a workload.
    Record {
        /// The workload's.
        uid: String,
        /// The record.
        written: Written,
        /// Whether the workload was seen to be deleted.
        gone: bool,
    },
    /// Somebody who is signed in.
    SignIn(SignIn),
    /// A tag that is looked for.
    Announced(Announced),
    /// What was learnt elsewhere.
    Learnt {
        /// Under which it is kept.
        key: String,
        /// What was learnt.
        value: String,
        /// When its time is over.
        until: DateTime<Utc>,
    },
}

/// The parts of what is remembered beside the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Records of workloads.
    Records,
    /// Who is signed in.
    SignIns,
    /// Tags that are looked for.
    Announced,
    /// What was learnt elsewhere.
    Learnt,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Records, Self::SignIns, Self::Announced, Self::Learnt];
}

/// Some of what a store holds, in its order.
#[derive(Clone, Debug)]
pub struct Exported<T> {
    /// The items.
    pub items: Vec<T>,
    /// After which there are more; nothing where there are none.
    pub next: Option<i64>,
    /// Entries that can't be read and stay where they are, as not even their key is known.
    pub sealed: u64,
}

/// What became of a job that was to be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored now.
    Moved,
    /// It was there already.
    There,
    /// The store takes none that is so large.
    TooLarge,
}

/// What a store says of a move. It outlasts the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Mark {
    /// What stands here is being moved.
    Leaving {
        /// Tells the move from every other.
        id: String,
        /// Where to, for people.
        to: String,
        /// Since when.
        at: DateTime<Utc>,
    },
    /// All of it was moved.
    Left {
        /// Tells the move from every other.
        id: String,
        /// Where to, for people.
        to: String,
        /// When that ended.
        at: DateTime<Utc>,
    },
    /// What stands here is a part of what is being moved here.
    Arriving {
        /// Tells the move from every other.
        id: String,
        /// Where from, for people.
        from: String,
        /// Since when.
        at: DateTime<Utc>,
        /// Whether what stood here before is gone.
        emptied: bool,
    },
    /// It was moved here.
    Arrived {
        /// Tells the move from every other.
        id: String,
        /// Where from, for people.
        from: String,
        /// When that ended.
        at: DateTime<Utc>,
    },
}

impl Mark {
    /// Why no service may use the store, if none may: what to do instead.
    #[must_use]
    pub fn against_use(&self) -> Option<String> {
        let day = |at: &DateTime<Utc>| at.format("%F %H:%M");
        match self {
            Self::Left { to, at, .. } => Some(format!(
                "this queue was moved to {to} on {} (UTC), and what stands here is old: name that one in \
                 IMAGE_WATCHER_QUEUE, or move it back by «image-watcher queue move»",
                day(at)
            )),
            Self::Leaving { to, at, .. } => Some(format!(
                "this queue is being moved to {to} since {} (UTC): run «image-watcher queue move» again, which goes on \
                 where it ended, or «image-watcher queue move … --abandon» to stay here",
                day(at)
            )),
            Self::Arriving { from, at, .. } => Some(format!(
                "this queue is a part of what is being moved here from {from} since {} (UTC): run «image-watcher queue \
                 move» again, which goes on where it ended",
                day(at)
            )),
            Self::Arrived { .. } => None,
        }
    }
}

/// A store as whoever moves it sees it. Only a service that is stopped may be moved.
pub trait Movable: Clone + Send + Sync + 'static {
    /// Jobs in the order in which they were put, after one of the last page.
    fn export_jobs(
        &self,
        after: Option<i64>,
        most: usize,
    ) -> impl Future<Output = Result<Exported<StoredJob>, QueueError>> + Send;

    /// The same of what is remembered beside them; some stores give all at once.
    fn export(
        &self,
        part: Part,
        after: Option<i64>,
        most: usize,
    ) -> impl Future<Output = Result<Exported<Beside>, QueueError>> + Send;

    /// Takes jobs over, behind those that are there. One whose key is stored is left as it is.
    fn take_over(&self, jobs: Vec<StoredJob>) -> impl Future<Output = Result<Vec<Taken>, QueueError>> + Send;

    /// What the store says of a move.
    fn mark(&self) -> impl Future<Output = Result<Option<Mark>, QueueError>> + Send;

    /// Has it say this.
    fn set_mark(&self, mark: Option<Mark>) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Drops all that it holds but the mark.
    fn empty(&self) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// What is moved, as it is counted for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Repositories to look at.
    Looks,
    /// Messages that wait.
    Messages,
    /// What waits to go out together.
    Gathered,
    /// Buttons that were pressed in chats.
    Presses,
    /// What was given up.
    DeadLetters,
    /// What is done, and remembered so that it is not done twice.
    Remembered,
    /// Jobs that this version can't read; they are moved as they are.
    Unreadable,
    /// Records of workloads: sequences, and answers in doubt.
    Records,
    /// How the brake stands.
    Brake,
    /// Who is signed in.
    SignIns,
    /// Tags that are looked for.
    Announced,
    /// What was learnt elsewhere, with where messages stand and what the schedule did last.
    Learnt,
}

impl What {
    /// All of it, in the order in which it is told.
    pub const ALL: [Self; 12] = [
        Self::Looks,
        Self::Messages,
        Self::Gathered,
        Self::Presses,
        Self::DeadLetters,
        Self::Remembered,
        Self::Unreadable,
        Self::Records,
        Self::Brake,
        Self::SignIns,
        Self::Announced,
        Self::Learnt,
    ];

    /// What people are told that it is.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Looks => "looks",
            Self::Messages => "messages",
            Self::Gathered => "gathered notices",
            Self::Presses => "presses of buttons",
            Self::DeadLetters => "dead letters",
            Self::Remembered => "what is done",
            Self::Unreadable => "unreadable jobs",
            Self::Records => "records",
            Self::Brake => "brake",
            Self::SignIns => "sign-ins",
            Self::Announced => "announced tags",
            Self::Learnt => "what was learnt",
        }
    }

    fn of(job: &StoredJob) -> Self {
        match job.state {
            StoredState::Done => Self::Remembered,
            StoredState::Parked => Self::Unreadable,
            _ if row::read(&job.topic, job.format, &job.payload).is_err() => Self::Unreadable,
            StoredState::Dead => Self::DeadLetters,
            StoredState::Ready => match Topic::named(&job.topic) {
                Some(Topic::Look) => Self::Looks,
                Some(Topic::Deliver(_)) => Self::Messages,
                Some(Topic::Gather(_)) => Self::Gathered,
                Some(Topic::Press) => Self::Presses,
                None => Self::Unreadable,
            },
        }
    }
}

/// Why a service may not use a store.
#[derive(Debug, thiserror::Error)]
pub enum NotInUse {
    /// It was moved, or is being moved.
    #[error("{0}")]
    Moved(String),
    /// What it says of a move can't be read.
    #[error("what the queue says of where it was moved can't be read")]
    Store(#[source] QueueError),
}

/// Whether a service may use this store: one that was moved is old, and one that is being moved is a part.
///
/// # Errors
/// [`NotInUse`] where none may.
pub async fn may_be_used(queue: &impl Movable) -> Result<(), NotInUse> {
    let mark = queue.mark().await.map_err(NotInUse::Store)?;
    mark.and_then(|mark| mark.against_use()).map_or(Ok(()), |why| Err(NotInUse::Moved(why)))
}
