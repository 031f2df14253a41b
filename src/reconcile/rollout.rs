//! Following an update to its end: healthy, failed, or replaced by somebody else.
//!
//! The entry in the history is the memory: it says `rolling-out` until the end was told. After a crash at any point
//! the next look takes it up where it was. What the object's own strategy, conditions and deadline say is the verdict:
//! a rollout that waits for somebody has not failed, a slow one neither, and one that was given up and comes up later
//! is corrected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Reconciler, StepError, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::event::{ApprovalView, Failure, ImageView, Notice, NoticeKind};
use crate::domain::history::{Entry, History, Outcome, rfc3339};
use crate::domain::reference::ImageReference;
use crate::domain::rollout::{Progress, Rollout};
use crate::domain::settings::{self, Settings};
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::Registry;
use crate::telemetry::metrics::UpdateResult;

/// A rollout without a deadline of its own that stands still for so long is told as slow.
const SLOW: Duration = Duration::from_secs(15 * 60);
/// A rollout that is under way is looked at again after this, whatever the watch stream says.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(15);
/// The most rollouts whose progress is remembered.
const MOST_FOLLOWED: usize = 10_000;

/// Since when rollouts stand still, by the uid of their workload. Memory only: after a start they are timed anew.
#[derive(Debug, Default)]
pub struct StandingStill(Mutex<HashMap<Box<str>, (Progress, Duration)>>);

impl StandingStill {
    /// How long this rollout has made no progress, at a monotonic time.
    fn so_long(&self, uid: &str, progress: Progress, now: Duration) -> Duration {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.len() >= MOST_FOLLOWED && !followed.contains_key(uid) {
            followed.clear();
        }
        let known = followed.entry(uid.into()).or_insert((progress, now));
        if known.0 != progress {
            *known = (progress, now);
        }
        now.saturating_sub(known.1)
    }

    fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Where an open update stands.
pub(super) struct Followed {
    /// The workload after it was followed.
    pub(super) workload: Arc<Workload>,
    /// Set while it is still under way: when to look again at the latest.
    pub(super) waits: Option<DateTime<Utc>>,
}

impl<Q: Queue, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// When an open update has to be looked at again.
    pub(super) fn rollout_deadline(&self, workload: &Workload, container: &str) -> Option<DateTime<Utc>> {
        let history = History::read(workload.annotation("history"));
        history.open(container).map(|_| self.0.ambient.now() + LOOK_AGAIN)
    }

    /// Takes the newest update further, if it has not ended, or not well.
    pub(super) async fn follow(&self, target: &Target, trace: &str) -> Result<Followed, StepError> {
        let workload = Arc::clone(&target.workload);
        let history = History::read(workload.annotation("history"));
        let entry = history.newest(&target.container).cloned();
        let ended = |workload| Ok(Followed { workload, waits: None });
        match entry {
            Some(entry) if entry.outcome == Outcome::RollingOut => {
                self.take_further(target, &entry, history, trace).await
            }
            Some(entry) if is_late(&workload, &entry) => ended(self.healthy(target, &entry, history, trace).await?),
            _ => ended(workload),
        }
    }

    async fn take_further(
        &self,
        target: &Target,
        entry: &Entry,
        history: History,
        trace: &str,
    ) -> Result<Followed, StepError> {
        let workload = Arc::clone(&target.workload);
        let uid = workload.id.uid.clone();
        let workload = match &workload.rollout {
            _ if !entry.runs_on(&workload) => self.close(target, entry, history, Outcome::Replaced).await?,
            Rollout::Complete => self.healthy(target, entry, history, trace).await?,
            Rollout::Stalled(stall) if entry.stalled_before.as_deref() != Some(&stall.since) => {
                let failure = Failure { reason: stall.reason.to_string(), message: stall.message.to_string() };
                self.failed(target, entry, history, failure, trace).await?
            }
            Rollout::Progressing(progress) => return self.under_way(target, entry, *progress).await,
            // What was said of the rollout before stands for a moment beside this one.
            Rollout::Stalled(_) => return self.under_way(target, entry, Progress::default()).await,
            Rollout::Waiting(waits) => {
                tracing::debug!(workload = %workload.id, waits = waits.as_str(), "the rollout waits for somebody");
                workload
            }
        };
        self.0.standing_still.forget(&uid);
        Ok(Followed { workload, waits: None })
    }

    /// It goes on. Without a deadline of its own nobody but us can say that it stands still.
    async fn under_way(&self, target: &Target, entry: &Entry, progress: Progress) -> Result<Followed, StepError> {
        let workload = Arc::clone(&target.workload);
        let again = Some(self.0.ambient.now() + LOOK_AGAIN);
        let still = self.0.standing_still.so_long(&workload.id.uid, progress, self.0.ambient.monotonic());
        if progress.has_deadline || still < SLOW {
            return Ok(Followed { workload, waits: again });
        }
        self.count("waiting", "rollout_slow");
        let minutes = SLOW.as_secs() / 60;
        let told =
            format!("the rollout of {} has made no progress for {minutes} minutes; look at its pods", entry.version);
        self.mark(target, &told, Announcement::RolloutSlow).await?;
        Ok(Followed { workload, waits: again })
    }

    async fn healthy(
        &self,
        target: &Target,
        entry: &Entry,
        history: History,
        trace: &str,
    ) -> Result<Arc<Workload>, StepError> {
        self.end(target, entry, NoticeKind::Applied, None, trace).await?;
        let written = self.close(target, entry, history, Outcome::Healthy).await?;
        let late = entry.outcome == Outcome::Failed;
        tracing::info!(workload = %written.id, container = target.container, to = entry.version, late, outcome = "healthy", "the rollout is complete");
        let note = format!("{}: {} → {}", entry.container, entry.previous, entry.version);
        self.0.cluster.announce(&written, Announcement::RolloutHealthy(note)).await;
        Ok(written)
    }

    async fn failed(
        &self,
        target: &Target,
        entry: &Entry,
        history: History,
        failure: Failure,
        trace: &str,
    ) -> Result<Arc<Workload>, StepError> {
        let note = format!("{}: {} failed, {}", entry.container, entry.version, failure.message);
        self.end(target, entry, NoticeKind::Failed, Some(failure), trace).await?;
        let written = self.close(target, entry, history, Outcome::Failed).await?;
        tracing::error!(workload = %written.id, container = target.container, to = entry.version, outcome = "failed", "the rollout did not complete; look at the pods of the workload");
        self.0.cluster.announce(&written, Announcement::RolloutFailed(note)).await;
        Ok(written)
    }

    /// Tells how it ended. Stored before the history says so: a crash between repeats it, with the same ids.
    async fn end(
        &self,
        target: &Target,
        entry: &Entry,
        kind: NoticeKind,
        failure: Option<Failure>,
        trace: &str,
    ) -> Result<(), StepError> {
        let settings = Settings::read(&target.workload, &target.container, &self.0.bounds).ok();
        let only = settings::channels(&target.workload, &target.container);
        let only = only.as_deref();
        let mut notice = notice_of(target, entry, settings.as_ref(), kind);
        if entry.approval.is_some() && entry.outcome == Outcome::RollingOut {
            let granted = Notice { kind: NoticeKind::Granted, ..notice.clone() };
            self.tell(&granted, only, trace).await?;
        }
        notice.failure = failure;
        self.tell(&notice, only, trace).await?;
        let trigger = if entry.approval.is_some() { "approval" } else { "policy" };
        let result = if kind == NoticeKind::Applied { "healthy" } else { "failed" };
        let labels = UpdateResult {
            kind: target.workload.id.kind.as_str().into(),
            trigger: trigger.into(),
            result: result.into(),
        };
        self.0.metrics.updates.get_or_create(&labels).inc();
        Ok(())
    }

    /// Writes the end into the history.
    async fn close(
        &self,
        target: &Target,
        entry: &Entry,
        mut history: History,
        outcome: Outcome,
    ) -> Result<Arc<Workload>, StepError> {
        let workload = &target.workload;
        match entry.outcome {
            Outcome::Failed => history.correct(&entry.container),
            _ => history.close(&entry.container, outcome),
        }
        let mut patch = WorkloadPatch::of(workload).set(workload, "history", Some(history.write()));
        if matches!(outcome, Outcome::Healthy | Outcome::Failed) {
            let key = |name: &str| workload.state_key(name, &entry.container);
            patch = patch.set(workload, &key("last-notified"), Some(rfc3339(self.0.ambient.now()))).set(
                workload,
                &key("last-notified-version"),
                Some(entry.version.clone()),
            );
        }
        Ok(self.0.cluster.apply(&patch).await?)
    }
}

/// Whether an update that was told as failed is healthy after all.
fn is_late(workload: &Workload, entry: &Entry) -> bool {
    entry.outcome == Outcome::Failed && workload.rollout == Rollout::Complete && entry.runs_on(workload)
}

/// The notice about an update that is in the history. Everything in it comes from there, so that telling it twice
/// is telling the same.
pub(super) fn notice_of(target: &Target, entry: &Entry, settings: Option<&Settings>, kind: NoticeKind) -> Notice {
    let repository = target.repository.to_string();
    let from_digest = entry.approval.as_ref().and_then(|record| record.from.clone());
    let pinned = || ImageReference::parse(&entry.previous_image).ok()?.digest().map(ToString::to_string);
    let tag = crate::domain::reference::Tag::parse(&entry.version).ok();
    let release_url =
        settings.and_then(|s| s.release_url.as_ref()).zip(tag).map(|(url, tag)| url.for_tag(tag.as_str()));
    Notice {
        kind,
        at: DateTime::parse_from_rfc3339(&entry.time).map(|time| time.to_utc()).unwrap_or_default(),
        workload: target.workload.id.clone(),
        container: entry.container.clone(),
        from: ImageView {
            repository: repository.clone(),
            tag: entry.previous.clone(),
            digest: from_digest.or_else(pinned),
        },
        to: ImageView { repository, tag: entry.version.clone(), digest: Some(entry.digest.clone()) },
        level: entry.level.clone(),
        policy: settings.map(|s| format!("{}, strategy {}", s.mode, s.policy.strategy)).unwrap_or_default(),
        why: String::new(),
        owner: target.workload.owner.as_ref().map(|owner| owner.warning()),
        release_url,
        approval: entry.approval.as_ref().map(|record| ApprovalView {
            id: record.id.clone(),
            key: record.key.clone(),
            expires: DateTime::from_timestamp(record.expires, 0).unwrap_or_default(),
            nonce: record.nonce.clone(),
            from_image: entry.previous_image.clone(),
        }),
        no_link: None,
        by: Some(entry.by.clone()),
        failure: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_timed_from_its_last_progress() {
        let still = StandingStill::default();
        let at = Duration::from_secs;
        let progress = |updated| Progress { updated, available: 1, has_deadline: false };
        assert_eq!(still.so_long("a", progress(0), at(100)), at(0));
        assert_eq!(still.so_long("a", progress(0), at(160)), at(60));
        assert_eq!(still.so_long("b", progress(0), at(160)), at(0), "each has its own");
        assert_eq!(still.so_long("a", progress(1), at(170)), at(0), "it moved");
        assert_eq!(still.so_long("a", progress(1), at(180)), at(10));
        still.forget("a");
        assert_eq!(still.so_long("a", progress(1), at(200)), at(0));
        for n in 0..=MOST_FOLLOWED {
            still.so_long(&n.to_string(), progress(0), at(0));
        }
        assert!(still.0.lock().unwrap().len() <= MOST_FOLLOWED);
    }
}
