//! What is known of an object by its kind, namespace and name, for the one that takes its place: a tool that replaces makes it
//! again within moments, under another uid and without our annotations.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::domain::record::{Record, sealed};
use crate::domain::skipped;
use crate::domain::workload::{ObjectName, Workload, WorkloadId};
use crate::queue::{Queue, Records, Sightings, Written};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

/// Under which it stands beside the records by uid. No uid has a slash.
fn key(id: &WorkloadId) -> String {
    ObjectName::of(id).to_string()
}

/// What is known of an object by its name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ByName {
    /// Whether it was made again, as a tool does that replaces, which has set an update back.
    pub(crate) set_back: bool,
    /// Whether updates of it, or of the object that had its name, were set back, or have failed, or versions were skipped.
    pub(crate) counts: bool,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Has a record of which nothing is known yet take over what was known of the object that had its name. Gives what people had
    /// skipped there, too, by annotation: where its own annotations came with it, so did these.
    pub(crate) async fn takes_a_place(
        &self,
        record: &mut Record,
        workload: &Workload,
    ) -> Result<(ByName, BTreeMap<String, String>), StepError> {
        let nothing = || Ok((ByName::default(), BTreeMap::new()));
        if record.ledgers().next().is_some() {
            return nothing();
        }
        let Some(written) = self.0.queue.newest(&key(&workload.id)).await? else { return nothing() };
        let history = (!written.history.is_empty()).then_some(&*written.history);
        let Some(before) = sealed::remembered(&written.record, history) else { return nothing() };
        let set_back = record.takes_the_place_of(&before, workload, self.0.ambient.now());
        let is_a_copy = workload.annotation("record").is_some();
        let skips = if is_a_copy { BTreeMap::new() } else { skipped::put_back(workload, &before) };
        if !skips.is_empty() {
            record.history.take_skips(&before.history);
        }
        Ok((ByName { set_back, counts: before.concerns_the_next() }, skips))
    }

    /// Remembers by its name what was written on an object. Without it a tool that replaces is found out one write later.
    pub(crate) async fn remember_by_name(&self, id: &WorkloadId, written: Written) {
        let key = key(id);
        // What stands there is of no object that anybody sees, so it goes some weeks after it was written last.
        let seen = Sightings {
            watched: vec![WorkloadId { uid: key.as_str().into(), ..id.clone() }],
            deleted: vec![key.as_str().into()],
        };
        let remembered = async {
            self.0.queue.remember(&key, written).await?;
            self.0.queue.seen(seen).await
        };
        if let Err(error) = remembered.await {
            tracing::debug!(workload = %id, error = %chain(&error), "what was written on a workload is not remembered by its name");
        }
    }
}
