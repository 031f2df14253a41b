//! What object and pods say together: the one reading of a rollout that is followed.
//!
//! The object's own verdict goes first where it is one: waiting is waiting, and what the cluster gave up has failed. Before
//! that a pod of the newest revision whose word is final has failed the rollout, as no time mends it. Healthy is what has
//! stayed so for a while. All else goes on, and is told where it has stood still for long.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Blame;
use super::blame::blame;
use super::pods::{Pod, Reason, Said, Sight, Symptom, Trouble, Weight};
use super::{Account, Lacks, Progress, Refusal, Rollout, Stall, Waits};

/// So long nothing has to have moved before a pod of the version before is in the way for good: controllers that replace
/// it by themselves do so at once.
const IN_THE_WAY: Duration = Duration::from_secs(60);
/// The same where that version is known to have failed.
const IN_THE_WAY_BACK: Duration = Duration::from_secs(5);
/// The same of one that may be ready yet.
const NOT_READY: Duration = Duration::from_secs(5 * 60);
/// What a pod says before its controller says that it has looked is believed after so long, or so many of them.
const A_MOMENT: Duration = Duration::from_millis(100);
const A_FEW_MOMENTS: Duration = Duration::from_secs(5);
/// A rollout that stands still for so long is told as stalled.
const LONG: Duration = Duration::from_secs(15 * 60);
/// Where pods are not known, what is complete still after so many settle times has been well: replicas that come and go
/// look like some that break.
const BLIND: u32 = 10;

/// What is known of a rollout that is followed.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the object")]
pub struct Follower<'f> {
    /// The object's own verdict.
    pub verdict: &'f Rollout,
    /// Whether what it says of being given up was said of the rollout before.
    pub is_stall_old: bool,
    /// Whether a pod that is not ready stops its controller, whichever version it is of: a StatefulSet.
    pub is_ordered: bool,
    /// Whether it goes back from what has failed.
    pub goes_back: bool,
    /// Whether its pods are made to come to their end, so that how a run ended decides: a `CronJob`.
    pub ends: bool,
    /// What pods of other versions were in trouble with since it was written, where none of them was well.
    pub unwell_before: &'f [Symptom],
    /// What was written, by container.
    pub written: &'f [(&'f str, &'f str)],
    /// Its pods; `None` where they may not be read, or are not known yet.
    pub pods: Option<&'f [Pod]>,
    /// How long nothing has moved.
    pub still: Duration,
    /// Whether it was said to have made no progress for long, and nothing has moved since: then it has made none, whatever this
    /// process knows of the time before, as another replica may have followed it for longer.
    pub stands: bool,
    /// How long it has been complete, as far as that is known.
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
    /// What there is to say of it, for people.
    pub message: String,
    /// The same, where it is ours to say.
    pub account: Option<Account>,
    /// The pod and its container that have a log of it.
    pub log: Option<(Box<str>, Box<str>)>,
    /// The pod that it is about, where it is about one.
    pub pod: Option<Box<str>>,
    /// Whether pods of the version before are in the same trouble, so that going back mends nothing.
    pub was_before: bool,
}

impl Why {
    fn of(trouble: Trouble) -> Self {
        let Trouble { reason, account, pod, container, has_run, .. } = trouble;
        let log = container.filter(|_| has_run).map(|container| (pod.clone(), container));
        Self { log, ..Self::ours(reason, account, Some(pod)) }
    }

    /// What is ours to say, of a pod where it is about one.
    fn ours(reason: Reason, account: Account, pod: Option<Box<str>>) -> Self {
        Self { reason, message: account.to_string(), account: Some(account), log: None, pod, was_before: false }
    }

    /// The same, of which that is to be said.
    fn told_as(self, account: Account) -> Self {
        Self { message: account.to_string(), account: Some(account), ..self }
    }

    fn refused(Refusal { reason, message }: &Refusal) -> Self {
        Self::said(reason, message)
    }

    fn said(reason: &str, message: &str) -> Self {
        let Said { reason, message } = Said::new(reason, message);
        Self { reason, message: message.into(), account: None, log: None, pod: None, was_before: false }
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
            Rollout::Waiting(waits) => {
                let judged = self.judged().filter(|_| waits.has_new_pods());
                judged.unwrap_or(Reading::Waiting(*waits))
            }
            Rollout::Stalled(stall) if !self.is_stall_old => self.given_up(stall),
            // What was said of the rollout before stands for a moment beside this one.
            Rollout::Stalled(stall) => self.under_way(stall.progress, stall.refusal.as_deref().map(Why::refused)),
            Rollout::Progressing(progress) => self.under_way(*progress, None),
            Rollout::Refused(progress, refusal) => self.under_way(*progress, Some(Why::refused(refusal))),
            Rollout::Complete if self.ends => Reading::Healthy,
            Rollout::Complete => self.judged().unwrap_or_else(|| self.complete()),
        }
    }

    /// What the cluster gave up, with what its pods say of it: where it took too long, and pods of the version before are in the
    /// same trouble, nobody can say that the image is to blame.
    fn given_up(&self, stall: &Stall) -> Reading {
        let why = Why::said(&stall.reason, &stall.message);
        let with = |trouble: &Trouble| Account::WithPod {
            said: why.message.clone(),
            reason: trouble.reason.to_string(),
            why: Box::new(trouble.account.clone()),
        };
        let (ours, others) = self.troubles();
        if stall.progress.is_refused && ours.is_empty() && others.is_empty() {
            return Reading::Failed(Why { reason: Reason::FailedCreate, ..why });
        }
        let is_late = why.reason == Reason::ProgressDeadlineExceeded && ours.is_empty();
        if let Some((trouble, blame)) = worst(others, |(trouble, _)| trouble).filter(|_| is_late) {
            let account = Account::Blamed { why: Box::new(with(&trouble)), on: blame };
            return Reading::Failed(Why { was_before: blame == Blame::Before, ..why.told_as(account) });
        }
        let Some(trouble) = self.failed_run().or_else(|| self.trouble()) else { return Reading::Failed(why) };
        let account = with(&trouble);
        Reading::Failed(Why { log: Why::of(trouble).log, ..why.told_as(account) })
    }

    /// What the pod of the last run that failed says of it, where it is not started again: such a pod stays as it ended.
    fn failed_run(&self) -> Option<Trouble> {
        let runs = self.pods.into_iter().flatten().filter(|pod| self.ends && pod.runs(self.written));
        runs.filter_map(Pod::failed)
            .max_by_key(|(ended, trouble)| (*ended, trouble.pod.clone()))
            .map(|(_, trouble)| trouble)
    }

    /// What pods say that waiting can't mend.
    fn judged(&self) -> Option<Reading> {
        let (ours, others) = self.troubles();
        let ours = ours.into_iter().filter(|trouble| trouble.weight == Weight::Final).collect();
        if let Some(trouble) = worst(ours, |trouble| trouble) {
            return Some(Reading::Failed(Why::of(trouble)));
        }
        let others = others.into_iter().filter(|(trouble, _)| trouble.weight == Weight::Final).collect();
        worst(others, |(trouble, _)| trouble).map(|(trouble, blame)| {
            let account = Account::Blamed { why: Box::new(trouble.account.clone()), on: blame };
            Reading::Stalled(Why::of(trouble).told_as(account))
        })
    }

    /// What containers of new pods are in trouble with: what may be laid on what was written, and what may not.
    fn troubles(&self) -> (Vec<Trouble>, Vec<(Trouble, Blame)>) {
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for trouble in self.new_pods().flat_map(|pod| pod.troubles(self.sight())) {
            match blame(&trouble, self.written, self.unwell_before) {
                Blame::Written => ours.push(trouble),
                other => others.push((trouble, other)),
            }
        }
        (ours, others)
    }

    fn sight(&self) -> Sight {
        Sight { ends: self.ends, now: Some(self.now) }
    }

    fn under_way(&self, progress: Progress, refused: Option<Why>) -> Reading {
        if progress.lacks == Lacks::ObservedGeneration && refused.is_none() {
            // Nothing that is known is about what was written.
            let is_late = self.still >= LONG;
            return if is_late { Reading::Stalled(not_observed()) } else { Reading::Rolling(progress.lacks) };
        }
        if let Some(judged) = self.judged() {
            return judged;
        }
        let held = progress.held.filter(|_| refused.is_none() && self.is_all_well(progress.updated));
        // What failed is named, where it goes back.
        match (held, self.in_the_way()) {
            (Some(waits), None) => return Reading::Waiting(waits),
            (Some(waits), Some(_)) if !self.goes_back => return Reading::Waiting(waits),
            (_, Some(why)) => return Reading::Stalled(why),
            (None, None) => {}
        }
        // A run takes as long as it takes, once it has a pod, and so does a step of an Argo Rollout.
        let has_begun = self.ends && !(progress.lacks == Lacks::AvailableReplicas && self.has_no_new_pod());
        let takes_its_time = has_begun || progress.lacks == Lacks::Steps;
        // What is ready is not available before its own time.
        let long = LONG + Duration::from_secs(progress.min_ready.into());
        match refused.or_else(|| self.trouble().map(Why::of)) {
            Some(why) if self.has_stood(LONG) => Reading::Stalled(why),
            None if self.has_stood(long) && !takes_its_time => Reading::Stalled(self.no_progress(progress, long)),
            _ => Reading::Rolling(progress.lacks),
        }
    }

    /// Nothing has moved, and nobody says why: there may be no pod that could.
    fn no_progress(&self, progress: Progress, long: Duration) -> Why {
        let is_without = (self.ends || progress.updated == 0) && self.has_no_new_pod();
        let minutes = long.as_secs() / 60;
        let account = if is_without { Account::NoPods(minutes) } else { Account::NoProgress(minutes) };
        Why::ours(Reason::NoProgress, account, None)
    }

    /// Whether as many pods as are counted run what was written, and all of them are ready, beside others.
    fn is_all_well(&self, updated: i32) -> bool {
        let is_other = |pod: &Pod| pod.is_to_stay() && !pod.runs(self.written);
        let all = usize::try_from(updated).unwrap_or_default();
        self.pods.is_some_and(|pods| pods.iter().any(is_other))
            && self.new_pods().count() >= all
            && self.new_pods().all(Pod::is_ready)
    }

    /// After which time something else is to be said of what has not moved, where that is sooner than for most.
    #[must_use]
    pub fn sooner(&self) -> Option<Duration> {
        if self.is_about_to_be_seen() {
            return Some(A_MOMENT);
        }
        let after = match self.old_and_broken() {
            Some(_) => self.patience(),
            None => self.old_and_unready().map(|_| NOT_READY)?,
        };
        after.checked_sub(self.still).filter(|left| !left.is_zero())
    }

    /// Whether a pod has said that waiting mends nothing, and the controller that made it will say in a moment that it has
    /// looked.
    fn is_about_to_be_seen(&self) -> bool {
        let progress = match self.verdict {
            Rollout::Progressing(progress) | Rollout::Refused(progress, _) => progress,
            Rollout::Stalled(stall) if self.is_stall_old => &stall.progress,
            Rollout::Stalled(_) | Rollout::Complete | Rollout::Waiting(_) => return false,
        };
        progress.lacks == Lacks::ObservedGeneration && self.still < A_FEW_MOMENTS && self.judged().is_some()
    }

    /// So long its controller is given to replace a broken pod by itself.
    fn patience(&self) -> Duration {
        if self.goes_back { IN_THE_WAY_BACK } else { IN_THE_WAY }
    }

    /// The pods of the newest revision that are to stay.
    fn new_pods(&self) -> impl Iterator<Item = &Pod> {
        new_pods(self.pods.unwrap_or_default(), self.written)
    }

    /// Whether it is known that none of them is there.
    fn has_no_new_pod(&self) -> bool {
        self.pods.is_some_and(|pods| new_pods(pods, self.written).next().is_none())
    }

    /// The worst that pods of the newest revision say; of equals that of the first by name.
    fn trouble(&self) -> Option<Trouble> {
        let worse = |one: &Trouble, other: &Trouble| {
            (one.weight, one.container.is_some())
                .cmp(&(other.weight, other.container.is_some()))
                .then(other.pod.cmp(&one.pod))
        };
        self.new_pods().filter_map(|pod| pod.trouble_by(self.sight())).max_by(worse)
    }

    /// The pod of another version for which a StatefulSet waits, for ever where it is broken. The highest ordinal is
    /// replaced first.
    fn in_the_way(&self) -> Option<Why> {
        self.broken_in_the_way().or_else(|| {
            let unready = self.old_and_unready().filter(|_| self.still >= NOT_READY)?;
            Some(in_the_way(Reason::PodInTheWay, &unready))
        })
    }

    fn broken_in_the_way(&self) -> Option<Why> {
        let broken = self.old_and_broken().filter(|_| self.still >= self.patience())?;
        Some(in_the_way(Reason::PodNeedsDelete, &broken))
    }

    /// The pod of another version that an ordered controller waits for, and that never comes up.
    fn old_and_broken(&self) -> Option<Trouble> {
        let broken = self.old_in_trouble().filter(|trouble| trouble.weight == Weight::Final);
        broken.max_by_key(|trouble| ordinal(&trouble.pod)).filter(|_| self.is_ordered)
    }

    /// The pod of another version that an ordered controller waits for, and that may be ready yet.
    fn old_and_unready(&self) -> Option<Trouble> {
        self.old_in_trouble().max_by_key(|trouble| ordinal(&trouble.pod)).filter(|_| self.is_ordered)
    }

    fn old_in_trouble(&self) -> impl Iterator<Item = Trouble> {
        let stays = |pod: &&Pod| pod.is_to_stay() && !pod.runs(self.written);
        self.pods.into_iter().flatten().filter(stays).filter_map(|pod| pod.trouble_by(self.sight()))
    }

    /// Whether nothing has moved for so long.
    fn has_stood(&self, long: Duration) -> bool {
        self.stands || self.still >= long
    }

    /// Complete by its counters: it has to stay so.
    fn complete(&self) -> Reading {
        let left = self.settle.saturating_sub(self.complete);
        let is_blind = self.pods.is_none();
        if left.is_zero() || is_blind && self.still >= self.settle * BLIND {
            return Reading::Healthy;
        }
        let restarted = self.new_pods().find_map(|pod| pod.restarted(self.now - self.settle));
        match restarted {
            Some(account) if self.still >= LONG => Reading::Stalled(Why::ours(Reason::Restarting, account, None)),
            None if self.still >= LONG + self.settle => Reading::Stalled(unsteady(self.settle)),
            restarted => Reading::Settling(Healing { left, restarted: restarted.map(|account| account.to_string()) }),
        }
    }
}

/// A pod of another version for which its controller waits.
fn in_the_way(reason: Reason, trouble: &Trouble) -> Why {
    let said = format!("{}: {}", trouble.reason, trouble.account);
    let (pod, is_broken) = (trouble.pod.clone(), reason == Reason::PodNeedsDelete);
    Why::ours(reason, Account::InTheWay { pod: pod.clone(), is_broken, said }, Some(pod))
}

/// Its controller does not look at what was written.
fn not_observed() -> Why {
    Why::ours(Reason::NotObserved, Account::NotObserved(LONG.as_secs() / 60), None)
}

/// It was complete again and again, and never for long.
fn unsteady(settle: Duration) -> Why {
    Why::ours(Reason::Unsteady, Account::Unsteady(settle.as_secs()), None)
}

/// The worst of these; of equals that of the first pod by name.
fn worst<T>(all: Vec<T>, of: impl Fn(&T) -> &Trouble) -> Option<T> {
    let worse = |one: &T, other: &T| {
        let (one, other) = (of(one), of(other));
        one.weight.cmp(&other.weight).then(other.pod.cmp(&one.pod))
    };
    // Of equals in one pod the first.
    all.into_iter().reduce(|worst, next| if worse(&next, &worst).is_gt() { next } else { worst })
}

/// A pod that is ready, and since when, where it says so.
pub type Ready<'p> = (&'p str, Option<DateTime<Utc>>);

/// The pods that run what was written, and are to stay.
pub fn new_pods<'p>(pods: &'p [Pod], written: &[(&str, &str)]) -> impl Iterator<Item = &'p Pod> {
    pods.iter().filter(move |pod| pod.is_to_stay() && pod.runs(written))
}

/// Those of them that are ready.
#[must_use]
pub fn ready<'p>(pods: &'p [Pod], written: &[(&str, &str)]) -> Vec<Ready<'p>> {
    new_pods(pods, written).filter(|pod| pod.is_ready()).map(|pod| (&*pod.name, pod.ready_since())).collect()
}

/// The number at the end of the name of a StatefulSet's pod.
fn ordinal(pod: &str) -> u32 {
    pod.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
