//! Following an update to its end: healthy, failed, or replaced by somebody else.
//!
//! The record is the memory: it says that an update is under way until its end was told. After a crash at any point the next
//! look takes it up where it was. What the object's own strategy, conditions and deadline say is the verdict:
//! a rollout that waits for somebody has not failed, a slow one neither, and one that was given up and comes up later
//! is corrected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::Work;
use super::notices::of_update;
use super::{Reconciler, StepError, Target, report};
use crate::cluster::{Cluster, WorkloadEvent};
use crate::domain::event::{Failure, Notice, NoticeKind};
use crate::domain::history::Outcome;
use crate::domain::record::{Event, Update};
use crate::domain::rollout::{Progress, Rollout};
use crate::domain::settings;
use crate::queue::{Queue, Records};
use crate::registry::Registry;

/// A rollout without a deadline of its own that stands still for so long is told as slow.
const SLOW: Duration = Duration::from_secs(15 * 60);
/// A rollout that is under way is looked at again after this, whatever the watch stream says.
pub(super) const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(15);
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
    of: DateTime<Utc>,
    /// How far it had come; `None` while it waited for somebody.
    progress: Option<Progress>,
    /// Since this monotonic time,
    since: Duration,
    /// and so long before it.
    before: Duration,
}

impl StandingStill {
    /// How long this update has made no progress, at a monotonic time; `age` is how long ago it was written.
    fn so_long(&self, of: Of<'_>, progress: Progress, age: Duration, now: Duration) -> Duration {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = followed.get(&of.key()).filter(|known| known.of == of.update);
        let (since, before) = match known {
            Some(known) if known.progress == Some(progress) => (known.since, known.before),
            // Pods are replaced one after another: this is the first of them still.
            None if progress.updated <= 1 => (now, age),
            _ => (now, Duration::ZERO),
        };
        put(&mut followed, of, Standing { of: of.update, progress: Some(progress), since, before });
        before + now.saturating_sub(since)
    }

    /// It waits for somebody, and goes on from where it is when they have acted.
    fn waits(&self, of: Of<'_>, now: Duration) {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut followed, of, Standing { of: of.update, progress: None, since: now, before: Duration::ZERO });
    }

    fn forget(&self, of: Of<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&of.key());
    }
}

/// An update: of which workload and container, and when it was written.
#[derive(Clone, Copy, Debug)]
struct Of<'o> {
    uid: &'o str,
    container: &'o str,
    update: DateTime<Utc>,
}

impl Of<'_> {
    fn key(&self) -> Key {
        (self.uid.into(), self.container.into())
    }
}

fn put(followed: &mut HashMap<Key, Standing>, of: Of<'_>, standing: Standing) {
    let key = of.key();
    if followed.len() >= MOST_FOLLOWED && !followed.contains_key(&key) {
        followed.clear();
    }
    followed.insert(key, standing);
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

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Takes the newest update further, if it has not ended, or not well.
    pub(super) async fn follow(&self, work: &mut Work, target: &Target) -> Result<Goes, StepError> {
        let ledger = work.ledger(&target.container);
        let Some(update) = ledger.and_then(|ledger| ledger.followed()).cloned() else { return Ok(Goes::On) };
        if !update.runs_on(&target.workload, &target.container) {
            return Ok(Goes::On);
        }
        match (update.outcome, &target.workload.rollout) {
            (Outcome::RollingOut, _) => self.take_further(work, target, &update).await,
            // Pods came up later: it is healthy after all.
            (_, Rollout::Complete) => self.healthy(work, target, &update).await.map(|()| Goes::On),
            _ => Ok(Goes::On),
        }
    }

    async fn take_further(&self, work: &mut Work, target: &Target, update: &Update) -> Result<Goes, StepError> {
        let workload = Arc::clone(&target.workload);
        let of = Of { uid: &workload.id.uid, container: &target.container, update: update.at };
        match &workload.rollout {
            Rollout::Complete => self.healthy(work, target, update).await?,
            Rollout::Stalled(stall) if update.stalled_before.as_deref() != Some(&stall.since) => {
                let failure = Failure { reason: stall.reason.to_string(), message: stall.message.to_string() };
                self.failed(work, target, update, failure).await?;
            }
            Rollout::Progressing(progress) | Rollout::Refused(progress, _) => {
                return Ok(self.under_way(of, update, *progress));
            }
            // What was said of the rollout before stands for a moment beside this one.
            Rollout::Stalled(_) => return Ok(self.under_way(of, update, Progress::default())),
            Rollout::Waiting(waits) => {
                tracing::debug!(workload = %workload.id, waits = waits.as_str(), "the rollout waits for somebody");
                self.0.standing_still.waits(of, self.0.ambient.monotonic());
                return Ok(Goes::On);
            }
        }
        self.0.standing_still.forget(of);
        Ok(Goes::On)
    }

    /// It goes on. Without a deadline of its own nobody but us can say that it stands still.
    fn under_way(&self, of: Of<'_>, update: &Update, progress: Progress) -> Goes {
        let now = self.0.ambient.now();
        let age = (now - update.at).to_std().unwrap_or_default();
        let still = self.0.standing_still.so_long(of, progress, age, self.0.ambient.monotonic());
        let again = now + LOOK_AGAIN;
        if progress.has_deadline || still < SLOW {
            self.count("waiting", "rolling_out");
            return Goes::Under(again);
        }
        self.count("waiting", "rollout_slow");
        let minutes = SLOW.as_secs() / 60;
        Goes::Slow(
            format!("the rollout of {} has made no progress for {minutes} minutes; look at its pods", update.tag),
            again,
        )
    }

    async fn healthy(&self, work: &mut Work, target: &Target, update: &Update) -> Result<(), StepError> {
        self.end(work, target, update, None).await?;
        self.close(work, target, update, Outcome::Healthy, None);
        let late = update.outcome == Outcome::Failed;
        let from = update.from_tag().map(|tag| tag.to_string()).unwrap_or_default();
        work.draft.report(&target.container, report::Outcome::Healthy { update: Box::new(update.clone()), late });
        work.draft.announce(WorkloadEvent::RolloutHealthy(format!("{}: {from} → {}", target.container, update.tag)));
        Ok(())
    }

    async fn failed(
        &self,
        work: &mut Work,
        target: &Target,
        update: &Update,
        failure: Failure,
    ) -> Result<(), StepError> {
        let note = format!("{}: {} failed, {}", target.container, update.tag, failure.message);
        self.end(work, target, update, Some(failure.clone())).await?;
        self.close(work, target, update, Outcome::Failed, Some(&failure));
        work.draft.report(&target.container, report::Outcome::Failed(Box::new(update.clone())));
        work.draft.announce(WorkloadEvent::RolloutFailed(note));
        Ok(())
    }

    /// Tells how it ended. Stored before the record says so: a crash between repeats it, with the same ids.
    async fn end(
        &self,
        work: &Work,
        target: &Target,
        update: &Update,
        failure: Option<Failure>,
    ) -> Result<(), StepError> {
        let settings = self.settings(target).ok();
        let only = settings::channels(&target.workload, &target.container);
        let kind = if failure.is_some() { NoticeKind::Failed } else { NoticeKind::Applied };
        let ended = Some(self.0.ambient.now());
        let notice = Notice { ended, ..of_update(target, settings.as_ref(), update, kind, failure) };
        if update.question.is_some() && update.outcome == Outcome::RollingOut {
            let granted = Notice { kind: NoticeKind::Granted, failure: None, ended: None, ..notice.clone() };
            self.tell(&granted, only.as_deref(), &work.trace).await?;
        }
        self.tell(&notice, only.as_deref(), &work.trace).await?;
        Ok(())
    }

    fn close(&self, work: &mut Work, target: &Target, update: &Update, outcome: Outcome, failure: Option<&Failure>) {
        let now = self.0.ambient.now();
        for container in update.with.iter().map(|name| &**name).chain([target.container.as_str()]) {
            work.draft.on(container, Event::End(outcome, failure.cloned()), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_timed_from_its_last_progress() {
        let still = StandingStill::default();
        let at = Duration::from_secs;
        let of = |container, seconds| Of {
            uid: "uid",
            container,
            update: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
        };
        let (a, b, later) = (of("a", 1), of("b", 1), of("a", 2));
        let so_long = |of: Of<'_>, updated, age, now| {
            let progress = Progress { updated, available: 1, ..Progress::default() };
            still.so_long(of, progress, at(age), at(now))
        };
        assert_eq!(so_long(a, 2, 50, 100), at(0), "it has moved since it was written");
        assert_eq!(so_long(a, 2, 110, 160), at(60));
        assert_eq!(so_long(b, 1, 110, 160), at(110), "each has its own, and the first pod is new since then");
        assert_eq!(so_long(b, 1, 120, 170), at(120));
        assert_eq!(so_long(a, 3, 120, 170), at(0), "it moved");
        assert_eq!(so_long(a, 3, 130, 180), at(10));
        assert_eq!(so_long(later, 3, 5, 200), at(0), "another update");
        still.waits(b, at(200));
        assert_eq!(so_long(b, 1, 160, 210), at(0), "somebody acted");
        still.forget(b);
        assert_eq!(so_long(b, 1, 170, 220), at(170));
        for n in 0..=MOST_FOLLOWED {
            still.so_long(Of { uid: &n.to_string(), ..a }, Progress::default(), at(0), at(0));
        }
        assert!(still.0.lock().unwrap().len() <= MOST_FOLLOWED);
    }
}
