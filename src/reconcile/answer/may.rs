//! Whether whoever signed in may change what a link is about: the cluster says it, by the roles that it has.

use super::asked::Asked;
use crate::cluster::{Cluster, ClusterError};
use crate::domain::actor::SignedIn;
use crate::domain::workload::WorkloadId;
use crate::queue::{Queue, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether the person may patch every workload that would be written. Whoever holds a link and is nobody else may do
    /// what the link allows; so may who signed in, where the cluster may not be asked, which is said in the log.
    pub(super) async fn may(&self, asked: &Asked) -> Result<bool, ClusterError> {
        // A chat's users are listed by whoever configures the channel, and the cluster knows none of them.
        let Some(person) = asked.signed_in.as_ref().and_then(SignedIn::in_cluster) else { return Ok(true) };
        let mut all: Vec<&WorkloadId> = vec![&asked.workload.id];
        all.extend(asked.group.iter().flat_map(|plan| &plan.moves).map(|one| &one.workload));
        all.dedup();
        for id in all {
            match self.0.cluster.may_person_patch(person, id).await? {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => self.say_unchecked(),
            }
        }
        Ok(true)
    }

    fn say_unchecked(&self) {
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line("", ("identity", "unchecked"), now) {
            tracing::warn!(
                suppressed,
                "whether people who sign in may change a workload is not checked, as image-watcher may not create subjectaccessreviews: every one of them may do what a link allows. Set rbac.identity of the chart, or bind the ClusterRole of deploy/identity to the ServiceAccount of this pod, to have it checked"
            );
        }
    }
}
