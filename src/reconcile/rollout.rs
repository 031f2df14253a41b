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

/// Since when rollouts stand still, by workload and container. Memory only: after a start a rollout is timed from when it
/// was written, where nothing has moved since.
#[derive(Debug, Default)]
pub struct StandingStill(Mutex<HashMap<Key, Standing>>);

/// The uid of a workload, and a container of it.
type Key = (Box<str>, Box<str>);

#[derive(Debug)]
struct Standing {
    /// When the update was written, which tells it from the one before.
    of: String,
    /// How far it had come; `None` while it waited for somebody.
    progress: Option<Progress>,
    /// Since this monotonic time,
    since: Duration,
    /// and so long before it.
    before: Duration,
}

impl StandingStill {
    /// How long this update has made no progress, at a monotonic time; `age` is how long ago it was written.
    fn so_long(&self, uid: &str, entry: &Entry, progress: Progress, age: Duration, now: Duration) -> Duration {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = followed.get(&key(uid, entry)).filter(|known| known.of == entry.time);
        let (since, before) = match known {
            Some(known) if known.progress == Some(progress) => (known.since, known.before),
            // Pods are replaced one after another: this is the first of them still.
            None if progress.updated <= 1 => (now, age),
            _ => (now, Duration::ZERO),
        };
        put(&mut followed, uid, entry, Standing { of: entry.time.clone(), progress: Some(progress), since, before });
        before + now.saturating_sub(since)
    }

    /// It waits for somebody, and goes on from where it is when they have acted.
    fn waits(&self, uid: &str, entry: &Entry, now: Duration) {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = Standing { of: entry.time.clone(), progress: None, since: now, before: Duration::ZERO };
        put(&mut followed, uid, entry, waits);
    }

    fn forget(&self, uid: &str, entry: &Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(uid, entry));
    }
}

fn key(uid: &str, entry: &Entry) -> Key {
    (uid.into(), entry.container.as_str().into())
}

fn put(followed: &mut HashMap<Key, Standing>, uid: &str, entry: &Entry, standing: Standing) {
    let key = key(uid, entry);
    if followed.len() >= MOST_FOLLOWED && !followed.contains_key(&key) {
        followed.clear();
    }
    followed.insert(key, standing);
}

/// Where an open update stands.
pub(super) struct Followed {
    /// The workload after it was followed.
    pub(super) workload: Arc<Workload>,
    /// What that means for the next decision.
    pub(super) goes: Goes,
}

/// Whether something is decided beside an update.
pub(super) enum Goes {
    /// It has ended, or waits for somebody: go on.
    On,
    /// It is under way: look again then at the latest.
    Under(DateTime<Utc>),
    /// It stands still, which is to be said and holds nothing back; look again then at the latest.
    Slow(String, DateTime<Utc>),
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
        let ended = |workload| Ok(Followed { workload, goes: Goes::On });
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
            _ if !runs(&workload, entry) => self.close(target, entry, history, Outcome::Replaced).await?,
            Rollout::Complete => self.healthy(target, entry, history, trace).await?,
            Rollout::Stalled(stall) if entry.stalled_before.as_deref() != Some(&stall.since) => {
                let failure = Failure { reason: stall.reason.to_string(), message: stall.message.to_string() };
                self.failed(target, entry, history, failure, trace).await?
            }
            Rollout::Progressing(progress) => return Ok(self.under_way(target, entry, *progress)),
            // What was said of the rollout before stands for a moment beside this one.
            Rollout::Stalled(_) => return Ok(self.under_way(target, entry, Progress::default())),
            Rollout::Waiting(waits) => {
                tracing::debug!(workload = %workload.id, waits = waits.as_str(), "the rollout waits for somebody");
                self.0.standing_still.waits(&uid, entry, self.0.ambient.monotonic());
                return Ok(Followed { workload, goes: Goes::On });
            }
        };
        self.0.standing_still.forget(&uid, entry);
        Ok(Followed { workload, goes: Goes::On })
    }

    /// It goes on. Without a deadline of its own nobody but us can say that it stands still.
    fn under_way(&self, target: &Target, entry: &Entry, progress: Progress) -> Followed {
        let (workload, now) = (Arc::clone(&target.workload), self.0.ambient.now());
        let age = DateTime::parse_from_rfc3339(&entry.time).ok().and_then(|time| (now - time.to_utc()).to_std().ok());
        let (age, monotonic) = (age.unwrap_or_default(), self.0.ambient.monotonic());
        let still = self.0.standing_still.so_long(&workload.id.uid, entry, progress, age, monotonic);
        let again = now + LOOK_AGAIN;
        if progress.has_deadline || still < SLOW {
            self.count("waiting", "rolling_out");
            return Followed { workload, goes: Goes::Under(again) };
        }
        self.count("waiting", "rollout_slow");
        let minutes = SLOW.as_secs() / 60;
        let told =
            format!("the rollout of {} has made no progress for {minutes} minutes; look at its pods", entry.version);
        Followed { workload, goes: Goes::Slow(told, again) }
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
    entry.outcome == Outcome::Failed && workload.rollout == Rollout::Complete && runs(workload, entry)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: &str, container: &str) -> Entry {
        serde_json::from_value(serde_json::json!({"container": container, "version": "1.0.1", "previous": "1.0.0",
            "digest": "", "previousImage": "", "time": time, "by": "policy", "outcome": "rolling-out"}))
        .unwrap()
    }

    #[test]
    fn a_rollout_is_timed_from_its_last_progress() {
        let still = StandingStill::default();
        let at = Duration::from_secs;
        let (a, b, later) = (entry("1", "a"), entry("1", "b"), entry("2", "a"));
        let so_long = |entry: &Entry, updated, age, now| {
            let progress = Progress { updated, available: 1, has_deadline: false };
            still.so_long("uid", entry, progress, at(age), at(now))
        };
        assert_eq!(so_long(&a, 2, 50, 100), at(0), "it has moved since it was written");
        assert_eq!(so_long(&a, 2, 110, 160), at(60));
        assert_eq!(so_long(&b, 1, 110, 160), at(110), "each has its own, and the first pod is new since then");
        assert_eq!(so_long(&b, 1, 120, 170), at(120));
        assert_eq!(so_long(&a, 3, 120, 170), at(0), "it moved");
        assert_eq!(so_long(&a, 3, 130, 180), at(10));
        assert_eq!(so_long(&later, 3, 5, 200), at(0), "another update");
        still.waits("uid", &b, at(200));
        assert_eq!(so_long(&b, 1, 160, 210), at(0), "somebody acted");
        still.forget("uid", &b);
        assert_eq!(so_long(&b, 1, 170, 220), at(170));
        for n in 0..=MOST_FOLLOWED {
            still.so_long(&n.to_string(), &a, Progress::default(), at(0), at(0));
        }
        assert!(still.0.lock().unwrap().len() <= MOST_FOLLOWED);
    }
}
