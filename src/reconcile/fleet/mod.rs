//! Several workloads at once: whose experience is a reason for others, who goes first, and who is looked at again when what it
//! waited for is over.

pub(crate) mod brake;
pub mod first_look;
pub(crate) mod replicas;

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::cluster::{Cluster, ClusterError};
use crate::domain::event::Job;
use crate::domain::fleet::{Asks, Beside, Candidate, Entered, Verdict, Waits};
use crate::domain::record::Record;
use crate::domain::reference::Repository;
use crate::domain::workload::{Container, Workload, WorkloadId};
use crate::queue::{NewJob, Queue, QueueError, Records};
use crate::reconcile::draft::{Chosen, Work};
use crate::reconcile::entrance::{Pass, Passing, Waiting};
use crate::reconcile::{Reconciler, Step, StepError, Target};
use crate::registry::Registry;
use crate::stop::Stop;
use crate::telemetry::chain;

/// Whose write was refused for now is let alone for so long.
const REFUSED_FOR_NOW: Duration = Duration::from_secs(10);

/// Whether others have ended what somebody waits for here is seen this often.
const WAKING: Duration = Duration::from_secs(10);

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Why people are asked first, for what happened to others.
    pub(crate) fn asks_for_others(&self, record: &Record, target: &Target, chosen: &Chosen) -> Option<Verdict> {
        let ledger = record.known(&target.container);
        let question = ledger.question.as_ref().filter(|it| it.is_about(&chosen.from, &chosen.to, &chosen.digest));
        let failed = self.failed_elsewhere(target, chosen, question.and_then(|question| question.because.as_deref()));
        failed.or_else(|| self.stopped().map(Asks::Stopped)).map(Verdict::Asks)
    }

    /// Where the same manifest failed; `asked` is why people were asked about it before.
    pub(crate) fn failed_elsewhere(&self, target: &Target, chosen: &Chosen, asked: Option<&Asks>) -> Option<Asks> {
        let of = target.repository.to_string();
        let candidate = Candidate { id: &target.workload.id, of: &of, tag: &chosen.to, digest: &chosen.digest, asked };
        self.0.cluster.fleet(|fleet| fleet.failed(&candidate)).map(Asks::Failed)
    }

    /// Who takes the same manifest first.
    pub(crate) fn waits_for_first(&self, target: &Target, chosen: &Chosen) -> Option<Waits> {
        let passing = self.1.entrance.lock();
        let of = target.repository.to_string();
        let (tag, digest) = (&chosen.to, &chosen.digest);
        let candidate = Candidate { id: &target.workload.id, of: &of, tag, digest, asked: None };
        let stands_still = |id: &WorkloadId| self.is_let_alone(&passing, id);
        let beside = Beside { entered: &passing.entered, stands_still: &stands_still };
        self.0.cluster.fleet(|fleet| fleet.first(&candidate, beside))
    }

    /// Takes the way to be written, unless it waits for others: looked at and taken at once, so that of two who come at the same
    /// time one goes first.
    pub(crate) fn enter(&self, work: &mut Work, target: &Target, chosen: &Chosen) -> Result<(), Waits> {
        let entrance = &self.1.entrance;
        let mut passing = entrance.lock();
        if let Some(waits) = self.waits(&passing, target, chosen) {
            passing.waits(target, (chosen.to.clone(), chosen.digest.clone()), &waits);
            return Err(waits);
        }
        passing.waiting.retain(|waiting| !waiting.is(target));
        self.0.standing_still.begins(&target.workload.id.uid);
        work.passes.push(entrance.enter(&mut passing, entered(target, chosen)));
        Ok(())
    }

    /// Takes the way to be written for as long as it is not known whether it is: unless it waits for others, or takes no write now,
    /// so that others would wait for nothing.
    pub(crate) fn pass(&self, target: &Target, chosen: &Chosen) -> Option<Pass> {
        let entrance = &self.1.entrance;
        let mut passing = entrance.lock();
        let is_closed = passing.is_closed(&target.workload.id.uid, self.0.ambient.monotonic());
        let is_free = !is_closed && self.waits(&passing, target, chosen).is_none();
        is_free.then(|| entrance.enter(&mut passing, entered(target, chosen)))
    }

    fn waits(&self, passing: &Passing, target: &Target, chosen: &Chosen) -> Option<Waits> {
        if !self.0.cluster.knows_all() {
            return Some(Waits::Unlisted);
        }
        if self.1.brake.is_unread() {
            return Some(Waits::BrakeUnread);
        }
        let (id, of) = (&target.workload.id, target.repository.to_string());
        let candidate = Candidate { id, of: &of, tag: &chosen.to, digest: &chosen.digest, asked: None };
        let stands_still = |id: &WorkloadId| self.is_let_alone(passing, id);
        let beside = Beside { entered: &passing.entered, stands_still: &stands_still };
        self.0.cluster.fleet(|fleet| {
            let full = || {
                let waiting = passing.ahead(target).chain(std::iter::once(id));
                fleet.room(self.0.rollouts, beside, waiting).pop().flatten()
            };
            fleet.first(&candidate, beside).or_else(|| full().map(Waits::Full))
        })
    }

    /// Whether nobody waits for a workload's rollout: it stands still, or can't be written, so that it is not followed.
    fn is_let_alone(&self, passing: &Passing, id: &WorkloadId) -> bool {
        let now = self.0.ambient.monotonic();
        self.0.standing_still.is_left(&id.uid) || passing.is_closed(&id.uid, now) || !self.0.cluster.may_patch(id)
    }

    /// When a workload is tried again on which the API server refused all that was to be written, a while ago; nothing where it
    /// is now.
    pub(crate) fn closed_until(&self, id: &WorkloadId) -> Option<DateTime<Utc>> {
        let left = self.1.entrance.lock().closed_for(&id.uid, self.0.ambient.monotonic())?;
        Some(self.0.ambient.now() + TimeDelta::from_std(left).ok()?)
    }

    /// Whose writes the API server refused for now, as a webhook of admission gives no answer, lets others go first meanwhile.
    pub(crate) fn lets_others_go(&self, ended: &[(Step, Target)]) {
        let now = self.0.ambient.monotonic();
        for (step, target) in ended {
            if matches!(step, Err(StepError::Cluster(ClusterError::Rejected { .. }))) {
                self.1.entrance.takes_nothing(&target.workload.id.uid, (now, now + REFUSED_FOR_NOW));
            }
        }
    }

    /// Whether a workload may be written, as far as that is known.
    #[must_use]
    pub fn may_write(&self, id: &WorkloadId) -> bool {
        self.0.cluster.may_patch(id)
    }

    /// What others are a reason for at this moment, whatever a container goes to: the brake, or what its last look waits for.
    pub(crate) fn others_by_now(&self, workload: &Workload, container: &str) -> Option<Verdict> {
        let stopped = self.stopped().map(Asks::Stopped).map(Verdict::Asks);
        let waits = || self.waiting().remove(&(workload.id.uid.clone(), container.into())).map(Verdict::Waits);
        stopped.or_else(waits)
    }

    /// Which containers wait for other workloads, by uid and name, and for what.
    #[must_use]
    pub fn waiting(&self) -> HashMap<(Box<str>, Box<str>), Waits> {
        let passing = self.1.entrance.lock();
        let entry = |waiting: &Waiting| ((waiting.id.uid.clone(), waiting.container.clone()), waiting.waits.clone());
        passing.waiting.iter().map(entry).collect()
    }

    /// A look at a repository ended: those are looked at again who waited for what ended with it.
    pub(crate) async fn wake(&self, repository: &Repository, trace: &str) -> Result<(), StepError> {
        self.1.entrance.ended(repository);
        self.wake_waiting(Some(repository), trace).await.map_err(StepError::from)
    }

    /// Has those looked at who wait here for what another replica has seen end, until the process is to end.
    pub async fn keep_waking(&self, mut stop: Stop) {
        loop {
            tokio::select! {
                () = stop.raised() => return,
                () = tokio::time::sleep(WAKING) => {}
            }
            self.read_brake_again().await;
            if let Err(error) = self.wake_waiting(None, &self.0.ambient.trace_id()).await {
                tracing::debug!(error = %chain(&error), "who waits is looked at a moment later");
            }
        }
    }

    /// Those are looked at again who waited for what has ended: with a look at one repository, or as a look at any of another
    /// replica's may have found.
    ///
    /// # Errors
    /// [`QueueError`] where they can't be queued.
    pub async fn wake_waiting(&self, looked_at: Option<&Repository>, trace: &str) -> Result<(), QueueError> {
        let now = self.0.ambient.now();
        let mut repositories = self.who_waits_no_more();
        repositories.extend(self.siblings_ended(looked_at, now).await);
        repositories.sort();
        repositories.dedup();
        if repositories.is_empty() {
            return Ok(());
        }
        let job = |repository| NewJob::prompt(Job::Look(repository), trace, now);
        self.0.queue.put(repositories.into_iter().map(job).collect()).await?;
        Ok(())
    }

    /// Whether somebody wrote what it waits to be written, or it is gone: a look of another replica, say.
    fn is_over(&self, waiting: &Waiting) -> bool {
        let Some(workload) = self.0.cluster.by_uid(&waiting.id.uid) else { return true };
        let container = workload.containers.iter().find(|container| container.name == waiting.container);
        let runs = container.and_then(Container::reference);
        container.is_none() || runs.is_some_and(|runs| runs.digest() == Some(&waiting.digest))
    }

    fn who_waits_no_more(&self) -> Vec<Repository> {
        let mut passing = self.1.entrance.lock();
        if self.0.queue.is_shared() {
            passing.waiting.retain(|waiting| !self.is_over(waiting));
        }
        if passing.waiting.is_empty() || !self.0.cluster.knows_all() || self.1.brake.is_unread() {
            return Vec::new();
        }
        let stands_still = |id: &WorkloadId| self.is_let_alone(&passing, id);
        let beside = Beside { entered: &passing.entered, stands_still: &stands_still };
        self.0.cluster.fleet(|fleet| {
            let (for_room, for_one): (Vec<&Waiting>, Vec<&Waiting>) =
                passing.waiting.iter().partition(|waiting| waiting.is_for_room());
            let room = fleet.room(self.0.rollouts, beside, for_room.iter().map(|waiting| &waiting.id));
            let have_room = for_room.into_iter().zip(room).filter(|(_, bound)| bound.is_none()).map(|(it, _)| it);
            let goes = |waiting: &&Waiting| {
                let (id, of) = (&waiting.id, waiting.repository.to_string());
                let candidate = Candidate { id, of: &of, tag: &waiting.tag, digest: &waiting.digest, asked: None };
                !matches!(fleet.verdict(&candidate, beside), Some(Verdict::Waits(_)))
            };
            have_room.chain(for_one.into_iter().filter(goes)).map(|waiting| waiting.repository.clone()).collect()
        })
    }
}

fn entered(target: &Target, chosen: &Chosen) -> Entered {
    Entered {
        id: target.workload.id.clone(),
        of: target.repository.to_string().into(),
        tag: chosen.to.clone(),
        digest: chosen.digest.clone(),
    }
}
