//! What the annotation `image-watcher/error` says: why a workload is left alone, once for each reason.

use std::fmt::{self, Display};

use chrono::TimeDelta;

use super::{Reconciler, Step, StepError, Target};
use crate::assess::Undecided;
use crate::cluster::{Announcement, Cluster};
use crate::domain::reference::Tag;
use crate::domain::settings::Problems;
use crate::domain::workload::WorkloadPatch;
use crate::queue::Queue;
use crate::registry::Registry;

#[cfg(test)]
mod snapshots;

/// When to look again at what the registry said and is not believed, if nothing happens before.
pub(super) const DOUBT: TimeDelta = TimeDelta::minutes(30);

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says what is wrong with the settings, once for the whole workload.
    pub(super) async fn misunderstood(&self, target: &Target, problems: &Problems) -> Step {
        self.count("undecided", "invalid_setting");
        if target.workload.first_readable() != Some(target.container.as_str()) {
            return Ok(None);
        }
        self.mark(target, problems, Announcement::InvalidSetting).await
    }

    /// Says why nothing is decided. What is open stays open, and the next look may find everything well.
    pub(super) async fn doubtful(&self, target: &Target, reason: &Undecided) -> Step {
        self.count("undecided", reason.word());
        self.mark(target, reason, Announcement::RegistryDoubtful).await?;
        Ok(Some(self.0.ambient.now() + DOUBT))
    }

    /// Says on the workload what is wrong and stops nothing.
    pub(super) async fn tell_flaw(&self, target: Target) -> Result<Target, StepError> {
        let Some(flaw) = target.flaw() else { return Ok(target) };
        if target.workload.state("error", &target.container) == Some(flaw.as_str()) {
            return Ok(target);
        }
        let target = self.say(target, Some(flaw.clone())).await?;
        if target.slow.is_some() {
            self.warn(&target, &flaw, "updates go on all the same");
            self.0.cluster.announce(&target.workload, Announcement::RolloutSlow(flaw)).await;
        } else {
            self.warn(&target, &flaw, "updates go on without release notes until this is mended");
            self.0.cluster.announce(&target.workload, Announcement::InvalidSetting(flaw)).await;
        }
        Ok(target)
    }

    /// Makes the workload's error what it is now, if it is another.
    pub(super) async fn say(&self, target: Target, error: Option<String>) -> Result<Target, StepError> {
        let workload = &target.workload;
        let patch = WorkloadPatch::of(workload).set(workload, &workload.state_key("error", &target.container), error);
        if patch.is_empty() {
            return Ok(target);
        }
        let written = self.0.cluster.apply(&patch).await?;
        Ok(target.with(written))
    }

    /// Says on the workload why it can't be decided or written, once for each reason.
    pub(super) async fn mark(
        &self,
        target: &Target,
        problem: &(impl Display + Sync),
        announcement: fn(String) -> Announcement,
    ) -> Step {
        let problem = problem.to_string();
        if target.workload.state("error", &target.container) == Some(problem.as_str()) {
            return Ok(None);
        }
        let target = self.say(target.clone(), Some(problem.clone())).await?;
        self.warn(&target, &problem, "the workload is left alone until this is mended");
        self.0.cluster.announce(&target.workload, announcement(problem)).await;
        Ok(None)
    }

    /// Tells the log, of each workload's problem once an hour; the annotation says it of each container.
    fn warn(&self, target: &Target, problem: &str, effect: &'static str) {
        let (workload, container) = (&target.workload.id, &target.container);
        let now = self.0.ambient.monotonic();
        if let Some(untold) = self.1.sparing.line(&workload.namespace, (&workload.uid, problem), now) {
            tracing::warn!(%workload, container, problem, untold, "{effect}");
        }
    }

    /// Says that an update waits, as rollouts are paused.
    pub(super) async fn paused(&self, target: &Target, to: &Tag) -> Step {
        self.count("waiting", "paused");
        self.mark(target, &Paused(to), Announcement::RolloutPaused).await
    }
}

/// An update waits for somebody to resume the rollouts of the workload.
struct Paused<'t>(&'t Tag);

impl Display for Paused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits, as the rollouts of this workload are paused; kubectl rollout resume lets it go on", self.0)
    }
}
