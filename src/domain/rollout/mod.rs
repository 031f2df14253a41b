//! How the newest revision of a workload stands, judged by the object's own strategy, counters and conditions.
//!
//! Waiting, slow and failed are three things: a rollout that can't go on before somebody acts waits, one that the cluster
//! gave up is stalled, and everything else is under way for as long as it likes. What the counters and conditions mean
//! was read from the controllers of Kubernetes (`pkg/controller/{deployment,statefulset,daemon,cronjob,job}`) and of Argo
//! Rollouts; each family of kinds has a file here.

mod account;
pub mod argo;
mod blame;
pub mod cron_job;
pub mod daemon_set;
mod exit;
pub mod obstacle;
pub mod pods;
mod reading;
mod replicas;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use account::{Account, Blame};
pub use blame::unwell;
pub use reading::{Follower, Healing, Reading, Ready, Why, new_pods, ready};
pub use replicas::{Status, Strategy};

use pods::Reason;

/// How the newest revision stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// Every replica runs it and is available.
    Complete,
    /// It is under way, or the status is of an older generation.
    Progressing(Progress),
    /// It is under way, and the API server refuses its pods: a quota, Pod Security, an admission policy.
    Refused(Progress, Refusal),
    /// It can't complete before somebody acts.
    Waiting(Waits),
    /// The cluster gave up waiting for it.
    Stalled(Stall),
}

/// How far a rollout has come. Two that are equal made no progress between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Replicas of the newest revision.
    pub updated: i32,
    /// Replicas that are available, of any revision.
    pub available: i32,
    /// Whether the cluster itself gives up after a time. A StatefulSet has no such deadline, and a Deployment may have it
    /// turned off; once complete, it never gives up again.
    pub has_deadline: bool,
    /// What is not as it is to be.
    pub lacks: Lacks,
    /// Whether a pod that is not ready stops its controller, whichever version it is of: a StatefulSet under `OrderedReady`.
    pub is_ordered: bool,
    /// What it waits for where its new pods are well, and others than those are not: somebody has to act on what is left.
    pub held: Option<Waits>,
    /// So many seconds a pod has to be ready before it counts as available: `minReadySeconds`.
    pub min_ready: u32,
    /// Whether the API server refuses its pods: a quota, Pod Security, an admission policy.
    pub is_refused: bool,
}

impl Progress {
    /// What of it tells progress.
    #[must_use]
    pub fn reached(&self) -> Reached {
        Reached { lacks: self.lacks, updated: self.updated, available: self.available }
    }
}

/// What of a rollout tells progress: what it lacks, and replicas of the newest revision, and those that are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    lacks: Lacks,
    updated: i32,
    available: i32,
}

impl Reached {
    /// Whether it has come further than ever before. Replicas that come and go are no progress.
    #[must_use]
    pub fn is_further_than(self, best: Self) -> bool {
        self.lacks > best.lacks
            || self.updated > best.updated
            || self.updated == best.updated && self.available > best.available
    }
}

impl Rollout {
    /// How far it has come, where it is under way.
    #[must_use]
    pub fn reached(&self) -> Option<Reached> {
        match self {
            Self::Progressing(progress) | Self::Refused(progress, _) => Some(progress.reached()),
            Self::Stalled(stall) => Some(stall.progress.reached()),
            Self::Complete | Self::Waiting(_) => None,
        }
    }

    /// Whether its controller has looked at the object as it is. Before that it says nothing of whether anything moves: writing an
    /// annotation of a Deployment is enough for it to have to look again.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        !matches!(self, Self::Progressing(progress) if progress.lacks == Lacks::ObservedGeneration)
    }

    /// The same of pods that have to be ready for a while: see [`Progress::min_ready`].
    #[must_use]
    pub fn after(mut self, min_ready: u32) -> Self {
        match &mut self {
            Self::Progressing(progress) | Self::Refused(progress, _) => progress.min_ready = min_ready,
            Self::Stalled(stall) => stall.progress.min_ready = min_ready,
            Self::Complete | Self::Waiting(_) => {}
        }
        self
    }

    /// The same of a controller that waits for each pod, or does not: see [`Progress::is_ordered`].
    #[must_use]
    pub fn ordered(mut self, is_ordered: bool) -> Self {
        match &mut self {
            Self::Progressing(progress) | Self::Refused(progress, _) => progress.is_ordered = is_ordered,
            Self::Stalled(stall) => stall.progress.is_ordered = is_ordered,
            Self::Complete | Self::Waiting(_) => {}
        }
        self
    }

    /// See [`Progress::is_ordered`].
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::Progressing(progress) | Self::Refused(progress, _) => progress.is_ordered,
            Self::Stalled(stall) => stall.progress.is_ordered,
            Self::Complete | Self::Waiting(_) => false,
        }
    }
}

/// What a rollout that is under way lacks: the first of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lacks {
    /// Its controller has not seen the newest change.
    ObservedGeneration,
    /// Replicas of the newest revision.
    #[default]
    UpdatedReplicas,
    /// The end of the replicas of other revisions.
    OldReplicas,
    /// Replicas that are available.
    AvailableReplicas,
    /// The end of a step of an Argo Rollout that ends by itself: a pause with a duration, an analysis. All its pods are up.
    Steps,
}

impl Lacks {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ObservedGeneration => "ObservedGeneration",
            Self::UpdatedReplicas => "UpdatedReplicas",
            Self::OldReplicas => "OldReplicas",
            Self::AvailableReplicas => "AvailableReplicas",
            Self::Steps => "Steps",
        }
    }
}

/// What the API server says of pods that it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A CamelCase word: `FailedCreate`.
    pub reason: Box<str>,
    /// A sentence for people.
    pub message: Box<str>,
}

/// What a rollout waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Somebody to resume it: `spec.paused`.
    Paused,
    /// Somebody to scale it up: no replica is wanted.
    ZeroReplicas,
    /// Somebody to delete its pods: `updateStrategy: OnDelete`.
    OnDelete,
    /// Somebody to lower `updateStrategy.rollingUpdate.partition`; the pods above it are done.
    Partition,
    /// A node that is to run it: none is.
    NoNodes,
    /// The next run of a `CronJob`, which is the first of the newest revision.
    NextRun,
    /// Somebody to let a `CronJob` run again: `spec.suspend`.
    Suspended,
    /// Somebody to mend a schedule that names no day there is.
    NoSchedule,
    /// A run of an older revision to end, or somebody to delete its Job: `concurrencyPolicy: Forbid`.
    OlderRun,
    /// Somebody to promote a canary past its pause.
    CanaryPause,
    /// Somebody to promote what is previewed.
    BlueGreenPause,
    /// Somebody to decide what an analysis or an experiment could not.
    Inconclusive,
}

impl Waits {
    /// Whether pods of what was written run while it waits, so that what they say is about it.
    #[must_use]
    pub fn has_new_pods(self) -> bool {
        matches!(self, Self::CanaryPause | Self::BlueGreenPause | Self::Inconclusive)
    }

    /// Whether nothing of it goes on before a person acts on it; what somebody paused, scaled down or held back is as they want it.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        self.has_new_pods() || matches!(self, Self::NoSchedule | Self::OnDelete)
    }

    /// A CamelCase word, as Kubernetes has them for reasons.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "Paused",
            Self::ZeroReplicas => "ZeroReplicas",
            Self::OnDelete => "OnDelete",
            Self::Partition => "Partition",
            Self::NoNodes => "NoNodes",
            Self::NextRun => "NextRun",
            Self::Suspended => "Suspended",
            Self::NoSchedule => "NoSchedule",
            Self::OlderRun => "OlderRun",
            Self::CanaryPause => "CanaryPause",
            Self::BlueGreenPause => "BlueGreenPause",
            Self::Inconclusive => "Inconclusive",
        }
    }
}

/// What the cluster says of a rollout that it gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// A CamelCase word: `ProgressDeadlineExceeded`.
    pub reason: Box<str>,
    /// A sentence for people.
    pub message: Box<str>,
    /// When it said so, in its own words. A condition carries no generation, so that of an earlier rollout stands for a
    /// moment beside a new one; only its time tells the two apart.
    pub since: Box<str>,
    /// How far it had come.
    pub progress: Progress,
    /// What the API server says of its pods where it refuses them.
    pub refusal: Option<Box<Refusal>>,
}

/// What is given up so many seconds before something is written is of the rollout before: a deadline of its own has at least a
/// second, and passes no sooner.
const JUST_BEFORE: std::ops::RangeInclusive<i64> = -60..=0;

impl Stall {
    /// Whether its deadline passed while something was about to be written, so that it is not about that.
    #[must_use]
    pub fn is_just_before(&self, written: DateTime<Utc>) -> bool {
        let since = DateTime::parse_from_rfc3339(&self.since).map(|since| (since.to_utc() - written).num_seconds());
        Reason::of(&self.reason) == Reason::ProgressDeadlineExceeded
            && since.is_ok_and(|since| JUST_BEFORE.contains(&since))
    }

    /// The same with how far it had come, and with what the API server says of its pods where it refuses them: that is why.
    #[must_use]
    fn at(self, progress: Progress, refusal: Option<&Refusal>) -> Self {
        let message = match refusal {
            Some(Refusal { reason, message }) => format!("{}; {reason}: {message}", self.message).into(),
            None => self.message,
        };
        let progress = Progress { is_refused: refusal.is_some(), ..progress };
        Self { message, progress, refusal: refusal.cloned().map(Box::new), ..self }
    }
}
