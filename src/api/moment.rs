//! What holds for all workloads of one answer.

use chrono::{DateTime, Utc};

use super::Waiting;
use crate::domain::fleet::Waits;
use crate::domain::workload::Workload;

/// What holds for all workloads of one answer.
pub(super) struct Moment {
    pub(super) waiting: Waiting,
    pub(super) now: DateTime<Utc>,
}

impl Moment {
    /// When it is.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Which other workloads a container waits for.
    pub(super) fn waits(&self, workload: &Workload, container: &str) -> Option<&Waits> {
        self.waiting.get(&(workload.id.uid.clone(), container.into()))
    }
}
