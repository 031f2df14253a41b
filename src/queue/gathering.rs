//! What waits to go out together on a channel.

use std::future::Future;

use chrono::{DateTime, Utc};

use super::{Failed, NewJob, Queue, QueueError};
use crate::domain::event::Notice;
use crate::domain::trace::Trace;

/// The stable id of a notice that waits to go out with others: see [`crate::domain::event::Gathered::id`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(String);

impl ItemId {
    /// The id of an item that is stored.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A notice that waits to go out with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// By which it is composed.
    pub id: ItemId,
    /// What is said.
    pub notice: Notice,
    /// Who alone is to be told; nothing where all of the channel are.
    pub only: Option<String>,
    /// When it was stored.
    pub since: DateTime<Utc>,
    /// See [`NewJob::trace`].
    pub trace: Trace,
    /// See [`NewJob::failed`].
    pub failed: Option<Failed>,
}

/// Why a notice waits no longer that was made into messages: those arrive, or do not.
pub(super) const COMPOSED: &str = "it was made into messages, by itself or with what else waited";
/// The same of one that was overtaken.
pub(super) const OLD_NEWS: &str = "a message that went out at once tells what became of its update";
/// Why the same notice is stored anew when it is put again.
pub(super) const LEFT_OUT: &str = "not told: it was no news when the message was sent that was to tell it";

/// What waits to go out together on a channel. It is put as any other job, stays until it is composed, and is never
/// leased: to read it marks nothing, so whoever dies with it is not held against it. What was part of a message is not stored where a
/// message that is told at once waits behind that, and tells what became of the same update: nothing is told after what is further.
pub trait Gathering: Queue {
    /// The first `most` notices that wait for a channel, in the order in which they were put.
    fn gathered(&self, channel: &str, most: usize) -> impl Future<Output = Result<Vec<Waiting>, QueueError>> + Send;

    /// Stores the messages that these items were made into, as [`Queue::put`] does, and has the items wait no longer; all
    /// of it or nothing. An item that waits no longer changes nothing; it did not arrive, as its messages are still to be sent. An item that was composed is remembered as
    /// messages are, so that the same notice is not told twice. Whoever does not learn how it ended may repeat it, as
    /// messages with the same id are one. It takes more than the queue's bound: what was accepted has to go out.
    fn compose(&self, of: Vec<ItemId>, messages: Vec<NewJob>) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Of what is known by these ids nothing was told, as it was no news when its turn came, and it may be news again: what of it
    /// is over is stored anew when it is put again, as if it had never been. What arrived, and what waits, stays as it is.
    fn not_told(&self, ids: Vec<String>) -> impl Future<Output = Result<(), QueueError>> + Send;
}
