//! What the annotation `image-watcher/error` says: why a workload is left alone, once for each reason.

use std::fmt::{self, Display};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::Work;
use super::rollout::Slow;
use super::{Reconciler, StepError, Target};
use crate::assess::Undecided;
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::policy::Mode;
use crate::domain::record::Event;
use crate::domain::record::sealed::TooMuch;
use crate::domain::reference::Tag;
use crate::domain::settings::Problems;
use crate::domain::view::said_to_stand_still;
use crate::domain::workload::{Kind, Workload, WorkloadPatch};
use crate::queue::{Queue, Records};
use crate::registry::Registry;

#[cfg(test)]
mod snapshots;

/// When to look again at what the registry said and is not believed, if nothing happens before.
pub(super) const DOUBT: TimeDelta = TimeDelta::minutes(30);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Says what is wrong with the settings, once for the whole workload.
    pub(super) fn misunderstood(&self, work: &mut Work, target: &Target, problems: &Problems) {
        self.count("undecided", "invalid_setting");
        if target.workload.first_readable() == Some(target.container.as_str()) {
            self.undecided(work, target, problems, WorkloadEvent::InvalidSetting);
        }
    }

    /// Says why nothing is decided, and gives when to look again. What is open stays open.
    pub(super) fn doubtful(&self, work: &mut Work, target: &Target, reason: &Undecided) -> DateTime<Utc> {
        self.count("undecided", reason.word());
        let announcement =
            if reason.is_of_settings() { WorkloadEvent::InvalidSetting } else { WorkloadEvent::RegistryDoubtful };
        self.undecided(work, target, reason, announcement);
        self.0.ambient.now() + DOUBT
    }

    /// Says what is wrong and stops nothing: a rollout that stands still, or else a setting's flaw; or that nothing is.
    pub(super) fn flawed(&self, work: &mut Work, target: &Target, slow: Option<String>) {
        let is_slow = slow.is_some();
        let asks_only = || {
            let asks_only = work.ledger(&target.container)?.asks_only()?;
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

    /// Takes over that a rollout stands still, and says so where nothing else is said to be wrong.
    pub(super) fn slow(&self, work: &mut Work, target: &Target, slow: &Slow) {
        let why = Box::new(slow.why.kept());
        work.draft.on(&target.container, Event::StandsStill(why), self.0.ambient.now());
        if work.draft.said(&target.container).is_some() {
            return;
        }
        let Some(words) = stands_still(work, target) else { return };
        work.draft.say(&target.container, Some(words.clone()));
        let effect =
            if slow.holds { "the rollout goes on until the cluster gives it up" } else { "updates go on all the same" };
        self.warn(target, &words, effect);
        work.draft.announce(WorkloadEvent::RolloutSlow(words));
    }

    /// A rollout does not stand still any more, which was `said` of it.
    pub(super) fn moves_again(&self, work: &mut Work, target: &Target, said: Option<&str>) {
        let update = work.ledger(&target.container).and_then(|ledger| ledger.update.as_ref());
        if update.is_some_and(|update| update.standstill.why.is_some()) {
            work.draft.on(&target.container, Event::GoesOn, self.0.ambient.now());
        }
        if said.is_some() && work.draft.said(&target.container) == said {
            work.draft.take_back(&target.container);
        }
    }

    /// Says why nothing is decided, which is known until something is.
    pub(super) fn undecided(
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
    pub(super) fn mark(
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
    pub(super) fn warn(&self, target: &Target, problem: &str, effect: &'static str) {
        let (workload, container) = (&target.workload.id, &target.container);
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line(&workload.namespace, (&workload.uid, problem), now) {
            tracing::warn!(%workload, container, problem, suppressed, "{effect}");
        }
    }

    /// Says that nothing can be remembered of a workload, so that nothing is written or told but this.
    pub(super) async fn too_much(&self, workload: &Arc<Workload>, reason: TooMuch) -> Result<(), StepError> {
        self.count("undecided", "record_too_long");
        let Some(first) = workload.first_readable() else { return Ok(()) };
        let problem = reason.to_string();
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
    pub(super) fn paused(&self, work: &mut Work, target: &Target, to: &Tag) {
        self.count("waiting", "paused");
        // Whatever people were asked for, nobody has to say anything to it now.
        work.draft.on(&target.container, Event::NothingToAsk, self.0.ambient.now());
        self.mark(work, target, &Paused(to, target.workload.id.kind), WorkloadEvent::RolloutPaused);
    }
}

/// What there is to say of the newest update where it stands still.
pub(super) fn stands_still(work: &Work, target: &Target) -> Option<String> {
    let update = work.ledger(&target.container)?.update.as_ref()?;
    said_to_stand_still(&target.workload, update)
}

/// An update waits for somebody to resume the rollouts of the workload, which is of this kind.
struct Paused<'t>(&'t Tag, Kind);

impl Display for Paused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resume = if self.1 == Kind::Rollout { "kubectl argo rollouts promote" } else { "kubectl rollout resume" };
        write!(f, "{} waits, as the rollouts of this workload are paused; {resume} lets it go on", self.0)
    }
}
