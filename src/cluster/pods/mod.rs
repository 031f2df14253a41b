//! The pods of what is followed: one watch a namespace, and only while something is followed there.
//!
//! ```text
//! follow(workload) ─► Table ◄─ Streams (one a namespace) ─► hints: what to look at, as a pod says that it never starts
//! ```

#[cfg(test)]
mod corpus_tests;
mod log;
pub(super) mod object;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc;

use super::index::Hints;
use crate::ambient::Ambient;
use crate::domain::rollout::pods::Pod;
use crate::domain::workload::{Workload, WorkloadId};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;
use stream::Streams;
use table::Table;

/// The pods of all workloads that are followed. Clones are the same.
#[derive(Clone)]
pub(super) struct Pods {
    client: kube::Client,
    table: Table,
    ambient: Ambient,
    metrics: Metrics,
}

impl Pods {
    pub(super) fn new(client: kube::Client, ambient: Ambient, metrics: Metrics) -> Self {
        Self { client, table: Table::default(), ambient, metrics }
    }

    /// Follows the pods of a workload from now on, and answers them; `None` where they are not known.
    /// `rollout` is the Rollout that makes them, where the workload only describes them.
    pub(super) fn follow(
        &self,
        workload: &Workload,
        rollout: Option<&str>,
        written: &[(&str, &str)],
    ) -> Option<Vec<Pod>> {
        self.table.follow(workload, rollout, written, self.ambient.monotonic())
    }

    /// What its pods said last, as far as they are followed.
    pub(super) fn known(&self, workload: &Workload) -> Vec<Pod> {
        self.table.known(workload)
    }

    /// Its pods are followed no more.
    pub(super) fn release(&self, id: &WorkloadId) {
        self.table.release(&id.namespace, &id.uid, self.ambient.monotonic());
    }

    /// The last lines that a container wrote before it ended, where they may be read.
    pub(super) async fn last_lines(&self, namespace: &str, of: (&str, &str)) -> Vec<String> {
        log::last_lines(&self.client, namespace, of, &self.metrics).await
    }

    /// Watches them until `stop` is raised.
    pub(super) async fn run(&self, hints: mpsc::Sender<Hints>, stop: Stop) {
        let Self { client, table, ambient, metrics } = self.clone();
        Streams { client, table, ambient, metrics, hints }.run(stop).await;
    }
}
