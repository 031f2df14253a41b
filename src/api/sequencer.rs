//! What the API asks of the sequencer.

use std::collections::HashMap;

use futures_util::future::BoxFuture;

use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::fleet::{Brake, Release, Waits};
use crate::domain::view::LastLook;
use crate::queue::{Queue, QueueError, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;

/// Which containers wait for other workloads, by uid and name, and for what.
pub type Waiting = HashMap<(Box<str>, Box<str>), Waits>;

/// The sequencer, as far as the API needs it.
pub trait Sequencer: Send + Sync + 'static {
    /// Which containers wait for other workloads.
    fn waiting(&self) -> Waiting;

    /// What the last look at a container came to, since the start.
    fn last_look(&self, uid: &str, container: &str) -> Option<LastLook>;

    /// How the brake stands.
    fn brake(&self) -> BoxFuture<'_, Brake>;

    /// Releases the brake, in the name of somebody and with a trace; nothing where it is not on.
    fn resume(&self, by: Actor, trace: String) -> BoxFuture<'_, Result<Option<Release>, QueueError>>;
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Sequencer for Reconciler<Q, R, C> {
    fn waiting(&self) -> Waiting {
        Reconciler::waiting(self)
    }

    fn last_look(&self, uid: &str, container: &str) -> Option<LastLook> {
        Reconciler::last_look(self, uid, container)
    }

    fn brake(&self) -> BoxFuture<'_, Brake> {
        Box::pin(Reconciler::brake(self))
    }

    fn resume(&self, by: Actor, trace: String) -> BoxFuture<'_, Result<Option<Release>, QueueError>> {
        Box::pin(async move { self.resume_updates(by, &trace).await })
    }
}
