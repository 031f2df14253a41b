//! Following an update to its end: healthy, failed, or replaced by somebody else.
//!
//! The entry in the history is the memory: it says `rolling-out` until the end was told. After a crash at any point
//! the next look takes it up where it was.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Reconciler, StepError, Target};
use crate::cluster::{Announcement, Cluster};
use crate::domain::event::{ApprovalView, Failure, ImageView, Notice, NoticeKind};
use crate::domain::history::{Entry, History, Outcome, rfc3339};
use crate::domain::reference::ImageReference;
use crate::domain::settings::Settings;
use crate::domain::workload::{Rollout, Workload, WorkloadPatch};
use crate::queue::Queue;
use crate::registry::Registry;
use crate::telemetry::metrics::UpdateResult;

/// A rollout that has not ended by then has failed. Deployments have a deadline of their own, ten minutes by default;
/// StatefulSets have none.
const LONGEST_ROLLOUT: TimeDelta = TimeDelta::minutes(15);

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
        history.open(container).map(|entry| deadline(entry, self.0.ambient.now()))
    }

    /// Takes an open update further, if there is one.
    pub(super) async fn follow(&self, target: &Target, trace: &str) -> Result<Followed, StepError> {
        let workload = Arc::clone(&target.workload);
        let history = History::read(workload.annotation("history"));
        let Some(entry) = history.open(&target.container).cloned() else {
            return Ok(Followed { workload, waits: None });
        };
        let now = self.0.ambient.now();
        let deadline = deadline(&entry, now);
        let workload = match &workload.rollout {
            _ if !runs(&workload, &entry) => self.close(target, &entry, history, Outcome::Replaced).await?,
            Rollout::Complete => self.healthy(target, &entry, history, trace).await?,
            Rollout::Stalled { reason, message } => {
                let failure = Failure { reason: reason.to_string(), message: message.to_string() };
                self.failed(target, &entry, history, failure, trace).await?
            }
            Rollout::Progressing if now >= deadline => {
                let message = format!("not complete {} minutes after it began", LONGEST_ROLLOUT.num_minutes());
                let failure = Failure { reason: "RolloutDeadlineExceeded".into(), message };
                self.failed(target, &entry, history, failure, trace).await?
            }
            Rollout::Progressing => return Ok(Followed { workload, waits: Some(deadline) }),
            Rollout::Waiting => workload,
        };
        Ok(Followed { workload, waits: None })
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
        tracing::info!(workload = %written.id, container = target.container, to = entry.version, outcome = "healthy", "the rollout is complete");
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
        let settings = Settings::read(&target.workload, &target.container, self.0.forced).ok();
        let only = settings.as_ref().and_then(|settings| settings.notify.as_deref());
        let mut notice = notice_of(target, entry, settings.as_ref(), kind);
        if entry.approval.is_some() {
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
        history.close(&entry.container, outcome);
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

fn deadline(entry: &Entry, now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&entry.time).map_or(now, |began| began.to_utc()) + LONGEST_ROLLOUT
}

/// Whether the container still runs what the entry wrote.
fn runs(workload: &Workload, entry: &Entry) -> bool {
    let image = workload.container(&entry.container).and_then(|(_, container)| container.reference());
    image.is_some_and(|image| {
        let digest = image.digest().map(crate::domain::reference::Digest::as_str);
        image.tag().is_some_and(|tag| tag.as_str() == entry.version)
            && digest.is_none_or(|digest| digest == entry.digest)
    })
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
