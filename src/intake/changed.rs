//! A workload that changed: the repositories that it runs are looked at.

use tokio::sync::mpsc::Receiver;

use crate::ambient::Ambient;
use crate::domain::event::{Cause, Job};
use crate::domain::reference::Repository;
use crate::queue::{NewJob, Queue, Urgency};
use crate::telemetry::chain;

/// Queues looks because workloads changed, or their pods, until the stream that finds them has ended.
pub async fn queue_looks<Q: Queue>(
    queue: Q,
    ambient: Ambient,
    urgency: Urgency,
    mut changed: Receiver<Vec<Repository>>,
) {
    while let Some(repositories) = changed.recv().await {
        let (now, trace, count) = (ambient.now(), ambient.trace_id(), repositories.len());
        let job =
            |repository| NewJob { job: Job::Look(repository), trace: trace.as_str().into(), not_before: now, urgency };
        match queue.put(repositories.into_iter().map(job).collect()).await {
            Ok(_) => {
                let cause = Cause::Workload.as_str();
                tracing::debug!(repositories = count, cause, trace_id = trace, "looks are queued");
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(%error, "looks for changed workloads were not queued; the schedule makes up for it");
            }
        }
    }
}
