//! What messages ask of the sequencer before they go out.

use futures_util::future::BoxFuture;

use crate::cluster::Cluster;
use crate::domain::news::Seen;
use crate::domain::workload::WorkloadId;
use crate::queue::{Queue, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Where it is asked what is known of a workload: [`Self::seen`].
    pub fn finds_seen(&self) -> impl Fn(WorkloadId) -> BoxFuture<'static, Seen> + use<Q, R, C> {
        let reconciler = self.clone();
        move |id| {
            let reconciler = reconciler.clone();
            Box::pin(async move { reconciler.seen(&id).await })
        }
    }

    /// Where it is asked whether automatic updates are known to be resumed: [`Self::is_resumed`].
    pub fn knows_resumed(&self) -> impl Fn() -> BoxFuture<'static, bool> + use<Q, R, C> {
        let reconciler = self.clone();
        move || {
            let reconciler = reconciler.clone();
            Box::pin(async move { reconciler.is_resumed().await })
        }
    }
}
