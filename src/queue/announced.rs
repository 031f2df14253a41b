//! Tags that registries announced. A list may lack one for a while, or a registry show what it pointed to before, so it is
//! looked for until it is there.

use std::future::Future;

use chrono::{DateTime, TimeDelta, Utc};

use super::QueueError;
use crate::domain::reference::{Digest, Repository, Tag};

/// An announced tag is looked for this long; then it is left to the schedule.
pub const LOOKED_FOR: TimeDelta = TimeDelta::minutes(5);

/// The most tags of one repository that are looked for: the newest.
pub(super) const MOST_ANNOUNCED: u32 = 64;

/// A tag that a registry announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Where.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
    /// What it points to, where that was said: a hint when to look again, and no more.
    pub digest: Option<Digest>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What was announced and is not known to be listed. It outlasts the process, as the looks do that follow from it.
pub trait Announcements: Clone + Send + Sync + 'static {
    /// Remembers these, for [`LOOKED_FOR`] and the newest of each repository. They are stored when this
    /// returns, and found by whoever takes a job that was put after this was called.
    fn announce(&self, announced: Vec<Announced>) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// What is looked for in a repository.
    fn announced(&self, repository: &Repository) -> impl Future<Output = Result<Vec<Announced>, QueueError>> + Send;

    /// These are looked for no longer. One that was announced again meanwhile is.
    fn found(&self, announced: Vec<Announced>) -> impl Future<Output = Result<(), QueueError>> + Send;
}
