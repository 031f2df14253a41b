//! What object and pods say together: the one reading of a rollout that is followed.
//!
//! The object's own verdict goes first where it is one: waiting is waiting, and what the cluster gave up has failed. Before
//! that a pod of the newest revision whose word is final has failed the rollout, as no time mends it. Healthy is what has
//! stayed so for a while. All else goes on, and is told where it has stood still for long.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::pods::{Pod, Reason, Said, Standing, Trouble, Weight};
use super::{Lacks, Progress, Rollout, Waits};

/// So long nothing has to have moved before a pod of the version before is in the way for good: controllers that replace
/// it by themselves do so at once.
const IN_THE_WAY: Duration = Duration::from_secs(60);
/// The same where that version is known to have failed.
const IN_THE_WAY_BACK: Duration = Duration::from_secs(5);
/// A rollout that stands still for so long is told as stalled.
const LONG: Duration = Duration::from_secs(15 * 60);

/// What is known of a rollout that is followed.
#[derive(Clone, Copy, Debug)]
pub struct Follower<'f> {
    /// The object's own verdict.
    pub verdict: &'f Rollout,
    /// Whether what it says of being given up was said of the rollout before.
    pub is_stall_old: bool,
    /// Whether a pod that is not ready stops its controller, whichever version it is of: a StatefulSet.
    pub is_ordered: bool,
    /// Whether it goes back from what has failed.
    pub goes_back: bool,
    /// What was written, by container.
    pub written: &'f [(&'f str, &'f str)],
    /// Its pods; `None` where they may not be read, or are not known yet.
    pub pods: Option<&'f [Pod]>,
    /// How long nothing has moved.
    pub still: Duration,
    /// How long it has been complete, as far as that was watched.
    pub complete: Duration,
    /// How long it has to stay well.
    pub settle: Duration,
    /// The clock.
    pub now: DateTime<Utc>,
}

/// How a rollout stands, by object and pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of it runs, and has for a while.
    Healthy,
    /// It goes on.
    Rolling(Lacks),
    /// All of it runs, and has to stay so for some time yet.
    Settling(Healing),
    /// With this image it does not come up: it is to be undone.
    Failed(Why),
    /// It stands still, and nobody can say that it is the image's fault: people are told, nothing is undone.
    Stalled(Why),
    /// It can't complete before somebody acts.
    Waiting(Waits),
}

/// How well a complete rollout is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healing {
    /// So long it has to stay as it is.
    pub left: Duration,
    /// What was started again in the meantime, in words.
    pub restarted: Option<String>,
}

/// Why a rollout is not healthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The word for it.
    pub reason: Reason,
    /// What the cluster says, for people.
    pub message: String,
    /// The pod and its container that have a log of it.
    pub log: Option<(Box<str>, Box<str>)>,
    /// The pod that it is about, where it is about one.
    pub pod: Option<Box<str>>,
}

impl Why {
    fn of(trouble: Trouble) -> Self {
        let Trouble { reason, message, pod, container, has_run, .. } = trouble;
        let log = container.filter(|_| has_run).map(|container| (pod.clone(), container));
        Self { reason, message, log, pod: Some(pod) }
    }

    fn said(reason: &str, message: &str) -> Self {
        let Said { reason, message } = Said::new(reason, message);
        Self { reason, message: message.into(), log: None, pod: None }
    }
}

impl Reading {
    /// The word for the outcome.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Rolling(_) | Self::Settling(_) => "rolling",
            Self::Failed(_) => "failed",
            Self::Stalled(_) => "stalled",
            Self::Waiting(_) => "waiting",
        }
    }

    /// The word for the reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Healthy => "Available",
            Self::Rolling(lacks) => lacks.as_str(),
            Self::Settling(Healing { restarted: Some(_), .. }) => "Restarting",
            Self::Settling(_) => "Settling",
            Self::Failed(why) | Self::Stalled(why) => why.reason.as_str(),
            Self::Waiting(waits) => waits.as_str(),
        }
    }

    /// What there is to say of it.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Failed(why) | Self::Stalled(why) => &why.message,
            Self::Settling(Healing { restarted: Some(words), .. }) => words,
            Self::Healthy | Self::Rolling(_) | Self::Settling(_) | Self::Waiting(_) => "",
        }
    }
}

impl Follower<'_> {
    /// The reading.
    #[must_use]
    pub fn read(&self) -> Reading {
        match self.verdict {
            Rollout::Waiting(waits) => Reading::Waiting(*waits),
            Rollout::Stalled(stall) if !self.is_stall_old => {
                Reading::Failed(self.given_up(&stall.reason, &stall.message))
            }
            // What was said of the rollout before stands for a moment beside this one.
            Rollout::Stalled(stall) => self.under_way(stall.progress, None),
            Rollout::Progressing(progress) => self.under_way(*progress, None),
            Rollout::Refused(progress, refusal) => {
                self.under_way(*progress, Some(Why::said(&refusal.reason, &refusal.message)))
            }
            Rollout::Complete => match self.final_trouble() {
                Some(trouble) => Reading::Failed(Why::of(trouble)),
                None => self.complete(),
            },
        }
    }

    /// What the cluster gave up, with what its pods say of it.
    fn given_up(&self, reason: &str, message: &str) -> Why {
        let mut why = Why::said(reason, message);
        if let Some(trouble) = self.trouble() {
            let of_pod = Why::of(trouble);
            why.message = format!("{}; {}: {}", why.message, of_pod.reason, of_pod.message);
            why.log = of_pod.log;
        }
        why
    }

    fn under_way(&self, progress: Progress, refused: Option<Why>) -> Reading {
        if progress.lacks == Lacks::ObservedGeneration {
            // Nothing that is known is about what was written.
            return Reading::Rolling(progress.lacks);
        }
        if let Some(trouble) = self.final_trouble() {
            return Reading::Failed(Why::of(trouble));
        }
        if let Some(why) = self.in_the_way() {
            return Reading::Stalled(why);
        }
        if self.still < LONG {
            return Reading::Rolling(progress.lacks);
        }
        let minutes = LONG.as_secs() / 60;
        Reading::Stalled(refused.or_else(|| self.trouble().map(Why::of)).unwrap_or_else(|| Why {
            reason: Reason::NoProgress,
            message: format!("has made no progress for {minutes} minutes; look at its pods"),
            log: None,
            pod: None,
        }))
    }

    /// After which time something else is to be said of what has not moved, where that is sooner than for most.
    #[must_use]
    pub fn sooner(&self) -> Option<Duration> {
        self.old_and_broken()?;
        self.patience().checked_sub(self.still).filter(|left| !left.is_zero())
    }

    /// So long its controller is given to replace a broken pod by itself.
    fn patience(&self) -> Duration {
        if self.goes_back { IN_THE_WAY_BACK } else { IN_THE_WAY }
    }

    /// The pods of the newest revision that are to stay.
    fn new_pods(&self) -> impl Iterator<Item = &Pod> {
        let stays = |pod: &&Pod| pod.stands != Standing::Leaving && pod.runs(self.written);
        self.pods.into_iter().flatten().filter(stays)
    }

    /// The worst that pods of the newest revision say; of equals that of the first by name.
    fn trouble(&self) -> Option<Trouble> {
        let worse = |one: &Trouble, other: &Trouble| {
            (one.weight, one.container.is_some())
                .cmp(&(other.weight, other.container.is_some()))
                .then(other.pod.cmp(&one.pod))
        };
        self.new_pods().filter_map(Pod::trouble).max_by(worse)
    }

    fn final_trouble(&self) -> Option<Trouble> {
        self.trouble().filter(|trouble| trouble.weight == Weight::Final)
    }

    /// The broken pod of another version for which a StatefulSet waits for ever. The highest ordinal is replaced first.
    fn in_the_way(&self) -> Option<Why> {
        let broken = self.old_and_broken().filter(|_| self.still >= self.patience())?;
        let message = format!(
            "its controller waits for pod {} of another version, which does not come up: delete that pod ({}: {})",
            broken.pod, broken.reason, broken.message
        );
        Some(Why { reason: Reason::PodNeedsDelete, message, log: None, pod: Some(broken.pod) })
    }

    /// The pod of another version that an ordered controller waits for, and that never comes up.
    fn old_and_broken(&self) -> Option<Trouble> {
        let stays = |pod: &&Pod| pod.stands != Standing::Leaving && !pod.runs(self.written);
        let old = self.pods.into_iter().flatten().filter(stays).filter_map(Pod::trouble);
        let broken = old.filter(|trouble| trouble.weight == Weight::Final);
        broken.max_by_key(|trouble| ordinal(&trouble.pod)).filter(|_| self.is_ordered)
    }

    /// Complete by its counters: it has to stay so.
    fn complete(&self) -> Reading {
        let since = ready_since(self.pods.unwrap_or_default(), self.written);
        let by_pods = since.and_then(|since| (self.now - since).to_std().ok()).unwrap_or_default();
        let left = self.settle.saturating_sub(self.complete.max(by_pods));
        if left.is_zero() {
            return Reading::Healthy;
        }
        let restarted = self.new_pods().find_map(|pod| pod.restarted(self.now - self.settle));
        match restarted {
            Some(message) if self.still >= LONG => {
                Reading::Stalled(Why { reason: Reason::Restarting, message, log: None, pod: None })
            }
            restarted => Reading::Settling(Healing { left, restarted }),
        }
    }
}

/// Since when the last of the pods that run what was written is ready, as far as they say.
#[must_use]
pub fn ready_since(pods: &[Pod], written: &[(&str, &str)]) -> Option<DateTime<Utc>> {
    pods.iter().filter(|pod| pod.stands != Standing::Leaving && pod.runs(written)).filter_map(Pod::ready_since).max()
}

/// The number at the end of the name of a StatefulSet's pod.
fn ordinal(pod: &str) -> u32 {
    pod.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
