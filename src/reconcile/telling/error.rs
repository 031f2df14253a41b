//! What the annotation `image-watcher/error` says: why a workload is left alone, once for each reason.

use std::fmt::{self, Display};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::assess::Undecided;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::policy::Mode;
use crate::domain::record::Event;
use crate::domain::record::sealed::TooMuch;
use crate::domain::reference::Tag;
use crate::domain::settings::Problems;
use crate::domain::view::NoGround;
use crate::domain::workload::{Kind, Workload, WorkloadPatch};
use crate::queue::{Queue, Records};
use crate::reconcile::draft::Work;
use crate::reconcile::{Reconciler, StepError, Target};
use crate::registry::Registry;

#[cfg(test)]
mod snapshots;

/// When to look again at what the registry said and is not believed, if nothing happens before.
pub(crate) const DOUBT: TimeDelta = TimeDelta::minutes(30);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says what is wrong with the settings, once for the whole workload.
    pub(crate) fn misunderstood(&self, work: &mut Work, target: &Target, problems: &Problems) {
        self.count("undecided", "invalid_setting");
        if target.workload.first_readable() == Some(target.container.as_str()) {
            self.undecided(work, target, problems, WorkloadEvent::InvalidSetting);
        }
    }

    /// Says why nothing is decided, and gives when to look again. What is open stays open.
    pub(crate) fn doubtful(&self, work: &mut Work, target: &Target, reason: &Undecided) -> DateTime<Utc> {
        self.count("undecided", reason.word());
        let announcement =
            if reason.is_of_settings() { WorkloadEvent::InvalidSetting } else { WorkloadEvent::RegistryDoubtful };
        self.undecided(work, target, reason, announcement);
        self.0.ambient.now() + DOUBT
    }

    /// Says what is wrong and stops nothing: a rollout that stands still, or else a setting's flaw; or that nothing is.
    pub(crate) fn flawed(&self, work: &mut Work, target: &Target, slow: Option<String>) {
        let is_slow = slow.is_some();
        let asks_only = || {
            let asks_only = work.draft.record.asks_only(&target.container)?;
            self.settings(target).is_ok_and(|it| it.mode == Mode::AutoUpdate).then(|| asks_only.words().to_owned())
        };
        let Some(flaw) = slow.or_else(|| target.flaw()).or_else(asks_only) else {
            return work.draft.say(&target.container, None);
        };
        if is_slow {
            return work.draft.say(&target.container, Some(flaw));
        }
        if work.draft.say_aloud(&target.container, flaw.clone(), WorkloadEvent::InvalidSetting) {
            self.warn(target, &flaw, "updates go on as far as this lets them");
        }
    }

    /// Says why nothing is decided, which is known until something is.
    pub(crate) fn undecided(
        &self,
        work: &mut Work,
        target: &Target,
        problem: &impl Display,
        announcement: fn(String) -> WorkloadEvent,
    ) {
        self.mark(work, target, problem, announcement);
        // Nothing has happened to it by that.
        work.draft.record.on(&target.container, Event::Undecided, self.0.ambient.now());
    }

    /// Says on the workload why it can't be decided or written, once for each reason.
    pub(crate) fn mark(
        &self,
        work: &mut Work,
        target: &Target,
        problem: &impl Display,
        announcement: fn(String) -> WorkloadEvent,
    ) {
        let problem = problem.to_string();
        if work.draft.say_aloud(&target.container, problem.clone(), announcement) {
            self.warn(target, &problem, "the workload is left alone until this is mended");
        }
    }

    /// Tells the log, of each workload's problem once an hour; the annotation says it of each container.
    pub(crate) fn warn(&self, target: &Target, problem: &str, effect: &'static str) {
        let (workload, container) = (&target.workload.id, &target.container);
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line(&workload.namespace, (&workload.uid, problem), now) {
            tracing::warn!(%workload, container, problem, suppressed, "{effect}");
        }
    }

    /// Says that nothing can be remembered of a workload, so that nothing is written or told but this.
    pub(crate) async fn too_much(&self, workload: &Arc<Workload>, reason: TooMuch) -> Result<(), StepError> {
        self.count("undecided", "record_too_long");
        let Some(first) = workload.first_readable() else { return Ok(()) };
        let problem = reason.to_string();
        self.nothing_decided(workload, &NoGround::said(&problem));
        if workload.state("error", first) == Some(&*problem) {
            return Ok(());
        }
        tracing::warn!(workload = %workload.id, problem, "the workload is left alone until this is mended");
        let key = workload.state_key("error", first);
        let patch = WorkloadPatch::of(workload).set(workload, &key, Some(problem.clone()));
        let written = self.0.cluster.apply(&patch).await?;
        self.0.cluster.announce(&written, WorkloadEvent::InvalidSetting(problem)).await;
        Ok(())
    }

    /// Says that an update waits, as rollouts are paused.
    pub(crate) fn paused(&self, work: &mut Work, target: &Target, to: &Tag) {
        self.count("waiting", "paused");
        // Whatever people were asked for, nobody has to say anything to it now.
        work.draft.on(&target.container, Event::NothingToAsk, self.0.ambient.now());
        self.mark(work, target, &Paused(to, target.workload.id.kind), WorkloadEvent::RolloutPaused);
    }
}

/// An update waits for somebody to resume the rollouts of the workload, which is of this kind.
struct Paused<'t>(&'t Tag, Kind);

impl Display for Paused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resume = if self.1 == Kind::Rollout { "kubectl argo rollouts promote" } else { "kubectl rollout resume" };
        write!(f, "{} waits, as the rollouts of this workload are paused; {resume} lets it go on", self.0)
    }
}
