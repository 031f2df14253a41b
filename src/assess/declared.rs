//! What the makers of an image declare of an update: the port by which release notes are asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::domain::declared::Declared;
use crate::domain::reference::{Digest, Tag};
use crate::domain::workload::Workload;

/// An update that notes may say something of.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The workload.
    pub workload: Arc<Workload>,
    /// Its container.
    pub container: String,
    /// The new tag.
    pub to: Tag,
    /// Its manifest.
    pub digest: Digest,
    /// How long an answer may take; what is known already takes no time.
    pub patience: Duration,
}

/// Release notes, as far as a sequencer needs them.
pub trait Declarations: Send + Sync + 'static {
    /// What the makers declare, and nothing where there are no notes; `None` when that can't be known now.
    fn declared(&self, update: Proposed) -> BoxFuture<'_, Option<Declared>>;
}
