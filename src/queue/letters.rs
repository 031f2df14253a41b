//! Messages as an operator sees them: which wait, which failed and are tried again, which were given up, which arrived. Those
//! that were given up may be sent again, or thrown away.

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::{QueueAdmin, QueueError};
use crate::domain::event::Job;
use crate::domain::trace::Trace;

/// What became of a message so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// It waits for its turn, or to go out together with others, and did not fail yet.
    Waiting,
    /// It failed, and is tried again.
    Retried,
    /// It was given up: a dead letter.
    Dead,
    /// It arrived.
    Delivered,
    /// It is over, and did not arrive: it was thrown away, goes out with others, or had nothing to say any more when its turn
    /// came.
    Done,
}

impl LetterState {
    /// Those that are listed. What arrived is listed where it is asked for alone; what is over otherwise is only found by its id.
    pub const LISTED: [Self; 4] = [Self::Waiting, Self::Retried, Self::Dead, Self::Delivered];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Delivered => "delivered",
            Self::Done => "done",
        }
    }

    /// Reads the word of one that is listed.
    #[must_use]
    pub fn listed(word: &str) -> Option<Self> {
        Self::LISTED.into_iter().find(|state| state.as_str() == word)
    }
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its stable id.
    pub id: String,
    /// The channel that it is for.
    pub channel: String,
    /// What became of it so far.
    pub state: LetterState,
    /// What it says; nothing where this version can't read it.
    pub job: Option<Job>,
    /// See [`super::NewJob::trace`].
    pub trace: Trace,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong last, for people.
    pub error: Option<String>,
    /// Before which it is not tried, where it is to be tried.
    pub next: Option<DateTime<Utc>>,
    /// When it was stored, or sent again.
    pub created: DateTime<Utc>,
    /// When something was last done with it.
    pub changed: DateTime<Utc>,
}

/// Where a page of messages ends, so that the next begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// When the last message of the page was stored, or arrived where those that did are listed, Unix milliseconds.
    pub created: i64,
    /// Tells messages of one millisecond apart. What its numbers are is the store's own business.
    pub number: i64,
}

/// Which messages are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only these; all that have not arrived otherwise.
    pub state: Option<LetterState>,
    /// Only of this channel.
    pub channel: Option<String>,
    /// After the page that ended here.
    pub before: Option<Before>,
    /// No more than these.
    pub most: usize,
}

/// A page of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The newest first; of those that arrived, the last that did.
    pub letters: Vec<Letter>,
    /// Where the next page begins, if there is one.
    pub next: Option<Before>,
}

/// What came of what was to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It is done.
    Done,
    /// No such message is stored.
    Unknown,
    /// It is no dead letter.
    NotDead(LetterState),
    /// It was stored by another version, and this one can't send it.
    Unreadable,
}

/// What an operator sees of messages, and does with them.
pub trait Letters: QueueAdmin {
    /// A page of messages.
    fn letters(&self, asked: Asked) -> impl Future<Output = Result<Page, QueueError>> + Send;

    /// The message with this id.
    fn letter(&self, id: &str) -> impl Future<Output = Result<Option<Letter>, QueueError>> + Send;

    /// Sends a dead letter again: its attempts and its age are counted anew, and it keeps its order with other messages about
    /// the same workload.
    fn send_again(&self, id: &str) -> impl Future<Output = Result<Acted, QueueError>> + Send;

    /// Sends all dead letters of a channel again, in the order in which they were stored. Gives their number.
    fn send_all_again(&self, channel: &str) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// Has what failed on a channel and waits for its next attempt tried at once, as somebody says that it works again. Its age and its
    /// attempts are counted on. Gives the number of messages.
    fn hasten(&self, channel: &str) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// Throws a dead letter away. It is remembered as what arrived is, so that it is not told anew.
    fn discard(&self, id: &str) -> impl Future<Output = Result<Acted, QueueError>> + Send;

    /// Dead letters of which nobody was told, the first that were stored first.
    fn untold(&self, most: usize) -> impl Future<Output = Result<Vec<Letter>, QueueError>> + Send;

    /// Somebody was told of these dead letters.
    fn were_told(&self, ids: Vec<String>) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Woken when a message was given up; take it before [`Letters::untold`], wait on it after.
    fn given_up(&self) -> Arc<Notify>;
}
