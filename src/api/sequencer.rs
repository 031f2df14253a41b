//! What the API asks of the sequencer.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::fleet::{Brake, Release, Waits};
use crate::domain::record::Record;
use crate::domain::view::LastLook;
use crate::domain::workload::{Workload, WorkloadId};
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, Explained, NotShown, Press, Reconciler, ResumeError, Shown};
use crate::registry::Registry;

/// Which containers wait for other workloads, by uid and name, and for what.
pub type Waiting = HashMap<(Box<str>, Box<str>), Waits>;

/// The sequencer, as far as the API needs it.
pub trait Sequencer: Send + Sync + 'static {
    /// Which containers wait for other workloads.
    fn waiting(&self) -> Waiting;

    /// What the last look at a container came to, since the start.
    fn last_look(&self, workload: &Workload, container: &str) -> Option<LastLook>;

    /// What is known of a watched workload, whatever somebody put on it since; nothing where that can't be said now.
    fn known<'a>(&'a self, uid: &'a str) -> BoxFuture<'a, Option<Record>>;

    /// Whether a workload may be written, as far as that is known.
    fn may_write(&self, id: &WorkloadId) -> bool;

    /// How the brake stands.
    fn brake(&self) -> BoxFuture<'_, Brake>;

    /// Releases the brake, in the name of somebody and with a trace; nothing where it is not on.
    fn resume(&self, by: Actor, trace: String) -> BoxFuture<'_, Result<Option<Release>, ResumeError>>;

    /// Carries out what somebody who signed in answers to what they were shown.
    fn answer(&self, shown: Shown, press: Press, trace: String) -> BoxFuture<'_, Result<Answer, NotShown>>;

    /// Why a container goes where it goes, as its registry says now; or why that can't be said.
    fn explain(&self, workload: Arc<Workload>, container: String) -> BoxFuture<'_, Result<Explained, String>>;

    /// What is wrong between this replica and others, in words, if anything is.
    fn differs_from_others(&self) -> Option<String> {
        None
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Sequencer for Reconciler<Q, R, C> {
    fn waiting(&self) -> Waiting {
        Reconciler::waiting(self)
    }

    fn last_look(&self, workload: &Workload, container: &str) -> Option<LastLook> {
        Reconciler::last_look(self, workload, container)
    }

    fn known<'a>(&'a self, uid: &'a str) -> BoxFuture<'a, Option<Record>> {
        Box::pin(self.known_record(uid))
    }

    fn may_write(&self, id: &WorkloadId) -> bool {
        Reconciler::may_write(self, id)
    }

    fn brake(&self) -> BoxFuture<'_, Brake> {
        Box::pin(Reconciler::brake(self))
    }

    fn resume(&self, by: Actor, trace: String) -> BoxFuture<'_, Result<Option<Release>, ResumeError>> {
        Box::pin(async move { self.resume_updates(by, &trace).await })
    }

    fn answer(&self, shown: Shown, press: Press, trace: String) -> BoxFuture<'_, Result<Answer, NotShown>> {
        Box::pin(async move { self.answer_shown(&shown, &press, &trace).await })
    }

    fn explain(&self, workload: Arc<Workload>, container: String) -> BoxFuture<'_, Result<Explained, String>> {
        Box::pin(async move { Reconciler::explain(self, &workload, &container).await })
    }

    fn differs_from_others(&self) -> Option<String> {
        Reconciler::differs_from_others(self)
    }
}
