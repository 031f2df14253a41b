//! What operators read of an outcome, in log and metrics: said once, when it is written on the workload, however often the write
//! has to be tried.

use crate::cluster::Cluster;
use crate::domain::actor::Actor;
use crate::domain::approval::ApprovalId;
use crate::domain::event::{Failure, WayBack};
use crate::domain::record::{Held, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::workload::Workload;
use crate::queue::{Queue, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;

/// An outcome of a look at a container.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) container: String,
    pub(crate) of: Outcome,
}

/// What came of it.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// People are asked.
    Proposed { to: Tag, digest: Digest, level: Level },
    /// The policy allowed it, and it is written.
    Allowed { to: Tag, level: Level, why: String },
    /// Somebody set a version back.
    SetBack(Held),
    /// Somebody put back what failed here before.
    PutBack(Box<Update>),
    /// It is held still, and people are asked anew.
    HeldStill(Tag),
    /// The rollout is complete; whether it had failed before.
    Healthy { update: Box<Update>, late: bool },
    /// The rollout failed; why, and what becomes of it.
    Failed { update: Box<Update>, failure: Failure, way_back: WayBack },
    /// The rollout failed after somebody else wrote the pod template.
    Replaced(Box<Update>),
    /// What a request asked is done.
    Requested { action: &'static str, by: Actor },
    /// What ran before is written again.
    GoesBack { from: Tag, to: Tag, why: String },
}

impl Outcome {
    /// Whether it is how an update ended.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Healthy { .. } | Self::Failed { .. } | Self::Replaced(_))
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says what is written.
    pub(crate) fn report(&self, workload: &Workload, Report { container, of }: Report) {
        let id = &workload.id;
        match of {
            Outcome::Proposed { to, digest, level } => {
                self.count("proposed", level.as_str());
                tracing::info!(workload = %id, container, %to, %digest, outcome = "proposed", "there is something newer, and people are asked");
            }
            Outcome::Allowed { to, level, why } => {
                self.count("applied", level.as_str());
                tracing::info!(workload = %id, container, %to, why, "the policy allows an update");
            }
            Outcome::SetBack(held) => {
                self.count("waiting", "set_back");
                tracing::warn!(workload = %id, container, version = %held.tag, back_to = %held.back_to, by = ?held.by, outcome = "held", "somebody set this version back; it is held until there is a newer one, or a person says otherwise");
            }
            Outcome::PutBack(update) => {
                let reason = update.failed_before.as_ref().map(|failure| failure.reason.as_str()).unwrap_or_default();
                tracing::warn!(workload = %id, container, version = %update.tag, reason, by = %update.by, outcome = "put_back", "this version failed here before, and somebody put it back; it is followed, and not undone");
            }
            Outcome::HeldStill(version) => {
                tracing::info!(workload = %id, container, %version, outcome = "held", "this version is held still, and people are asked anew whether it may be applied");
            }
            Outcome::Healthy { update, late } => {
                self.count_end(workload, &update, "healthy");
                tracing::info!(workload = %id, container, to = %update.tag, late, outcome = "healthy", "the rollout is complete");
            }
            Outcome::Failed { update, failure, way_back } => {
                self.count_end(workload, &update, if way_back.goes() { "rolled_back" } else { "failed" });
                let (reason, message, rollback) = (&failure.reason, &failure.message, way_back.as_str());
                tracing::error!(workload = %id, container, to = %update.tag, reason, message, rollback, outcome = "failed", "the rollout did not complete: {}", way_back.words());
            }
            Outcome::Replaced(update) => {
                self.count_end(workload, &update, "replaced");
                tracing::warn!(workload = %id, container, to = %update.tag, outcome = "replaced", "the rollout did not complete after somebody else wrote the pod template; nothing is undone: look at the pods of the workload");
            }
            Outcome::Requested { action, by } => {
                tracing::info!(workload = %id, container, action, %by, outcome = "requested", "what a command asked is done");
            }
            Outcome::GoesBack { from, to, why } => {
                self.count("applied", "rollback");
                tracing::warn!(workload = %id, container, %from, %to, why, outcome = "rolled_back", "what ran before is written again, and what is left is held");
            }
        }
    }

    fn count_end(&self, workload: &Workload, update: &Update, result: &'static str) {
        if update.failed_before.is_some() {
            // It is no update of ours.
            return;
        }
        let trigger = match (&update.undoes, &update.question) {
            (Some(_), _) => "rollback",
            (None, Some(_)) => "approval",
            (None, None) => "policy",
        };
        let took = update.ended.unwrap_or_else(|| self.0.ambient.now()) - update.at;
        self.0.metrics.update_ended(workload.id.kind.as_str(), trigger, result, took.to_std().unwrap_or_default());
    }

    /// Counts how long a question waited for its answer.
    pub(crate) fn waited(&self, outcome: &'static str, question: &ApprovalId) {
        let waited = self.0.ambient.now() - question.made();
        self.0.metrics.answered(outcome, waited.to_std().unwrap_or_default());
    }
}
