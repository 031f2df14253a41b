//! Where admission makes another image of what is to be written. As a rule a dry run tells that before; some webhooks take no
//! part in one, and then the write is done but for the image.

use crate::cluster::annotations;
use crate::cluster::{Cluster, ClusterError};
use crate::domain::record::Record;
use crate::domain::settings::Fingerprint;
use crate::domain::workload::{ObjectName, WorkloadPatch};
use crate::queue::{Queue, Records, Written};
use crate::reconcile::{Reconciler, StepError};
use crate::registry::Registry;
use crate::telemetry::chain;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Has the API server judge the images of an answer before it is used up.
    ///
    /// # Errors
    /// Where it would not write them so, for good.
    pub(crate) async fn rehearse_answer(&self, patch: &WorkloadPatch) -> Result<(), StepError> {
        if !patch.writes_image() {
            return Ok(());
        }
        match self.0.cluster.rehearse(patch).await {
            Err(error) if error.is_final() => Err(error.into()),
            // The write itself tells the rest, and is guarded.
            _ => Ok(()),
        }
    }

    /// A write was done but for its images: the record of before takes the place of the one that it wrote, above `sequence`, so
    /// that nothing of it counts as done, nor as set back by anybody. `read` is the number of the record of before.
    pub(crate) async fn take_back(&self, patch: &WorkloadPatch, (read, sequence): (u64, u64)) {
        if let Err(error) = self.took_back(patch, (read, sequence)).await {
            tracing::warn!(workload = %patch.id, error = %chain(&error), "admission made another image of what was written, and the record still says that it is written");
        }
    }

    async fn took_back(&self, patch: &WorkloadPatch, (read, sequence): (u64, u64)) -> Result<(), StepError> {
        let uid = &*patch.id.uid;
        let now = self.0.cluster.by_uid(uid).ok_or_else(|| ClusterError::Gone(patch.id.to_string()))?;
        let mut before = if read > 0 { self.newest(uid, read).await? } else { Record::default() };
        before.sequence = sequence.saturating_add(1);
        before.settings = Some(Fingerprint::of_its_own(&now));
        let back = match &patch.cause {
            Some(cause) => WorkloadPatch::of(&now).because(&now, cause.old.clone()),
            None => WorkloadPatch::of(&now),
        };
        let (back, sealed) = annotations::sealed(back, &now, &before, &self.0.keys)?;
        let workload = self.0.cluster.apply(&back).await?;
        let (settings, of) = (Some(Fingerprint::of(&workload)), Some(ObjectName::of(&workload.id)));
        let written = Written { settings, of, ..sealed.into() };
        self.remember(uid, written).await;
        Ok(())
    }
}
