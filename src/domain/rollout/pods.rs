//! What pods say about why they don't run, and whose fault that is: the image's, the node's, or nobody's yet.
//!
//! The words are those of the kubelet, the runtimes and the scheduler. A word is final where waiting can't mend it and the
//! image, or what was written beside it, is the cause; everything else passes, or is somebody else's to mend.

mod pull;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Account;
pub use super::exit::Exit;
use crate::domain::plain::is_harmful;
use pull::Pull;

/// What the names of image volumes begin with here. No name of a container has a dot, so the two can't be taken for one
/// another, and a key of an annotation may have one.
pub const VOLUME: &str = "volume.";
/// How much is kept of a sentence of the cluster, in characters: its beginning and its end, where the cause stands.
const LONGEST_SENTENCE: usize = 600;
/// A container that comes up after it ended twice had something to wait for; one that ended so often does not start.
const RESTARTS_THAT_TELL: i32 = 2;
/// What a registry does not give in a pod's first seconds it may give at the next try: a copy of it elsewhere is behind what
/// was pushed a moment ago.
const FIRST_TRY: TimeDelta = TimeDelta::seconds(20);

/// One pod, less everything that is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: Box<str>,
    /// What its containers run, by container: as written, and those of image volumes by the name that these have in a
    /// workload.
    pub images: Arc<[(Box<str>, Box<str>)]>,
    /// How it stands.
    pub stands: Standing,
}

/// How a pod stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is ready, since then where that is known, and no container of it was ever started again.
    Ready(Option<DateTime<Utc>>),
    /// It is going, or the node has ended it: what it says is not about the image.
    Leaving,
    /// Its run failed, and it is not started again: what this container says of that.
    Failed(Box<ContainerStatus>),
    /// Something is to be said.
    Troubled(Box<Troubled>),
}

/// What is said of a pod that is not simply ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubled {
    /// When it was made.
    pub made: Option<DateTime<Utc>>,
    /// What was said of images that could not be pulled before, by container.
    pub pulls: Box<[(Box<str>, Box<str>)]>,
    /// Since when it is ready, where it is.
    pub ready_since: Option<DateTime<Utc>>,
    /// Why no node takes it.
    pub unscheduled: Option<Said>,
    /// Why it is not ready.
    pub unready: Option<Said>,
    /// The containers that wait, or were started again.
    pub containers: Box<[ContainerStatus]>,
}

/// A word of the cluster, and its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The word.
    pub reason: Reason,
    /// The sentence; of a word that is not known, with that word before it.
    pub message: Box<str>,
}

/// What is said of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerStatus {
    /// Its name.
    pub name: Box<str>,
    /// How often it was started again.
    pub restarts: i32,
    /// What it waits for.
    pub waits: Option<Said>,
    /// How it ended last.
    pub exit: Option<Exit>,
}

/// A word of the cluster for why something does not start, or one of ours where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The image can't be pulled, and it is tried less and less often.
    ImagePullBackOff,
    /// The image could not be pulled.
    ErrImagePull,
    /// The name of the image is none.
    InvalidImageName,
    /// The image is not on the node, and may not be pulled.
    ErrImageNeverPull,
    /// The node can't read its own images.
    ImageInspectError,
    /// The registry does not answer.
    RegistryUnavailable,
    /// The signature of the image is not what the node wants.
    SignatureValidationFailed,
    /// What the pod asks of the container, or what it is given, does not fit.
    CreateContainerConfigError,
    /// The runtime does not make the container.
    CreateContainerError,
    /// The runtime does not run it.
    RunContainerError,
    /// It ends again and again.
    CrashLoopBackOff,
    /// The same, for want of memory.
    OomKilled,
    /// A hook fails before it is made.
    PreCreateHookError,
    /// A hook fails before it starts.
    PreStartHookError,
    /// A hook fails after it started.
    PostStartHookError,
    /// No node takes the pod.
    Unschedulable,
    /// Somebody holds the pod back from the scheduler.
    SchedulingGated,
    /// The scheduler failed.
    SchedulerError,
    /// Containers are not ready.
    ContainersNotReady,
    /// Conditions that something else sets are not there.
    ReadinessGatesNotReady,
    /// The API server refuses the pods.
    FailedCreate,
    /// The cluster gave it up.
    ProgressDeadlineExceeded,
    /// A run failed as often as it may.
    BackoffLimitExceeded,
    /// A run took longer than it may.
    DeadlineExceeded,
    /// A run failed in a way that its own rules do not forgive.
    PodFailurePolicy,
    /// An Argo Rollout was aborted.
    RolloutAborted,
    /// An Argo Rollout says something that its controller can't follow.
    InvalidSpec,
    /// Containers are started again and again, and come up each time.
    Restarting,
    /// A StatefulSet waits for a pod of the version before, which will never be ready: somebody has to delete it.
    PodNeedsDelete,
    /// A StatefulSet waits for a pod of the version before, which is not ready: somebody may have to delete it.
    PodInTheWay,
    /// All pods are ready again and again, and never for long.
    Unsteady,
    /// Its controller has not looked at what was written.
    NotObserved,
    /// Nothing has moved, and nobody says why.
    NoProgress,
    /// A word that is not known here; it stands in the message.
    Other,
}

impl Reason {
    const WORDS: [(Self, &'static str); 34] = [
        (Self::ImagePullBackOff, "ImagePullBackOff"),
        (Self::ErrImagePull, "ErrImagePull"),
        (Self::InvalidImageName, "InvalidImageName"),
        (Self::ErrImageNeverPull, "ErrImageNeverPull"),
        (Self::ImageInspectError, "ImageInspectError"),
        (Self::RegistryUnavailable, "RegistryUnavailable"),
        (Self::SignatureValidationFailed, "SignatureValidationFailed"),
        (Self::CreateContainerConfigError, "CreateContainerConfigError"),
        (Self::CreateContainerError, "CreateContainerError"),
        (Self::RunContainerError, "RunContainerError"),
        (Self::CrashLoopBackOff, "CrashLoopBackOff"),
        (Self::OomKilled, "OOMKilled"),
        (Self::PreCreateHookError, "PreCreateHookError"),
        (Self::PreStartHookError, "PreStartHookError"),
        (Self::PostStartHookError, "PostStartHookError"),
        (Self::Unschedulable, "Unschedulable"),
        (Self::SchedulingGated, "SchedulingGated"),
        (Self::SchedulerError, "SchedulerError"),
        (Self::ContainersNotReady, "ContainersNotReady"),
        (Self::ReadinessGatesNotReady, "ReadinessGatesNotReady"),
        (Self::FailedCreate, "FailedCreate"),
        (Self::ProgressDeadlineExceeded, "ProgressDeadlineExceeded"),
        (Self::BackoffLimitExceeded, "BackoffLimitExceeded"),
        (Self::DeadlineExceeded, "DeadlineExceeded"),
        (Self::PodFailurePolicy, "PodFailurePolicy"),
        (Self::RolloutAborted, "RolloutAborted"),
        (Self::InvalidSpec, "InvalidSpec"),
        (Self::Restarting, "Restarting"),
        (Self::PodNeedsDelete, "PodNeedsDelete"),
        (Self::PodInTheWay, "PodInTheWay"),
        (Self::Unsteady, "Unsteady"),
        (Self::NotObserved, "NotObserved"),
        (Self::NoProgress, "NoProgress"),
        (Self::Other, "Other"),
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.into_iter().find(|(reason, _)| *reason == self).map_or("Other", |(_, word)| word)
    }

    /// Reads a word of the cluster.
    #[must_use]
    pub fn of(word: &str) -> Self {
        Self::WORDS.into_iter().find(|(_, known)| *known == word).map_or(Self::Other, |(reason, _)| reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Said {
    /// What the cluster said, bounded.
    #[must_use]
    pub fn new(word: &str, message: &str) -> Self {
        let reason = Reason::of(word);
        let message = match (reason, message) {
            (Reason::Other, "") => sentence(word),
            (Reason::Other, message) => sentence(&format!("{word}: {message}")),
            (_, message) => sentence(message),
        };
        Self { reason, message }
    }
}

/// A sentence of a stranger as one line, its beginning and its end where it is long.
#[must_use]
pub fn sentence(text: &str) -> Box<str> {
    // Whatever is longer is cut before anything else is done with it.
    let harmless = |c: char| if c.is_whitespace() { Some(' ') } else { (!is_harmful(c)).then_some(c) };
    let head: String = text.chars().take(LONGEST_SENTENCE + 1).filter_map(harmless).collect();
    if text.chars().nth(LONGEST_SENTENCE).is_none() {
        return head.trim().into();
    }
    let half = LONGEST_SENTENCE / 2;
    let mut tail: Vec<char> = text.chars().rev().take(half).filter_map(harmless).collect();
    tail.reverse();
    let head: String = head.chars().take(half).collect();
    format!("{} … {}", head.trim(), tail.into_iter().collect::<String>().trim()).into()
}

/// Whether waiting can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It may come up by itself, or when somebody mends something else than the image.
    Passing,
    /// With this image it never will.
    Final,
}

/// By what a pod is judged, beside what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// Whether it is made to come to its end. What is started again then is tried again, and how the run ends tells.
    pub ends: bool,
    /// The clock, where it is known.
    pub now: Option<DateTime<Utc>>,
}

/// A container in trouble, and the word for that.
pub type Symptom = (Box<str>, Reason);

/// What keeps a pod from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether waiting can mend it.
    pub weight: Weight,
    /// The word for it.
    pub reason: Reason,
    /// What there is to say of it.
    pub account: Account,
    /// The pod.
    pub pod: Box<str>,
    /// The container, where it is one's.
    pub container: Option<Box<str>>,
    /// Whether that container has run, so that it has a log.
    pub has_run: bool,
}

impl Trouble {
    /// Whether what is said of it has this in it.
    #[must_use]
    pub fn says(&self, text: &str) -> bool {
        self.account.to_string().contains(text)
    }

    /// The container and the word, the same however an image is not pulled.
    #[must_use]
    pub fn symptom(&self) -> Option<Symptom> {
        let reason = if self.reason == Reason::ErrImagePull { Reason::ImagePullBackOff } else { self.reason };
        Some((self.container.clone()?, reason))
    }
}

impl Pod {
    /// Whether it runs these images in these containers.
    #[must_use]
    pub fn runs(&self, written: &[(&str, &str)]) -> bool {
        let is_run = |(container, image): &(&str, &str)| {
            self.images.iter().any(|(name, runs)| **name == **container && is_same_image(runs, image))
        };
        !written.is_empty() && written.iter().all(is_run)
    }

    /// Since when it is ready; `None` where it is not, or does not say.
    #[must_use]
    pub fn ready_since(&self) -> Option<DateTime<Utc>> {
        match &self.stands {
            Standing::Ready(since) => *since,
            Standing::Leaving | Standing::Failed(_) => None,
            Standing::Troubled(troubled) => troubled.ready_since,
        }
    }

    /// Whether it is ready, whatever went before.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.stands, Standing::Ready(_)) || self.ready_since().is_some()
    }

    /// Whether it is neither going nor at its end.
    #[must_use]
    pub fn is_to_stay(&self) -> bool {
        !matches!(self.stands, Standing::Leaving | Standing::Failed(_))
    }

    /// How its run failed, and when.
    #[must_use]
    pub fn failed(&self) -> Option<(Option<DateTime<Utc>>, Trouble)> {
        let Standing::Failed(container) = &self.stands else { return None };
        let exit = container.exit.as_ref()?;
        let (pod, name) = (self.name.clone(), container.name.clone());
        let account = Account::OfContainer {
            pod: pod.clone(),
            container: name.clone(),
            said: exit.word.to_string(),
            exit: Some(exit.kept()),
        };
        // The word is the kubelet's, and tells a death for want of memory.
        let reason = match Reason::of(&exit.word) {
            Reason::Other => Reason::BackoffLimitExceeded,
            reason => reason,
        };
        let has_run = *exit.word != *"StartError";
        Some((exit.at, Trouble { weight: Weight::Final, reason, account, pod, container: Some(name), has_run }))
    }

    /// The worst of what keeps it from being ready, as far as it says so itself; one that is ready has none.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble_by(Sight::default())
    }

    /// The same, by what else is known.
    #[must_use]
    pub fn trouble_by(&self, sight: Sight) -> Option<Trouble> {
        let Standing::Troubled(troubled) = &self.stands else { return None };
        // The first of the worst.
        let worst = self.troubles(sight).reduce(|worst, next| if next.weight > worst.weight { next } else { worst });
        let of_pod = || {
            let said = troubled.unscheduled.as_ref().or(troubled.unready.as_ref())?;
            let account = Account::OfPod { pod: self.name.clone(), said: said.message.to_string() };
            let (weight, reason) = (Weight::Passing, said.reason);
            Some(Trouble { weight, reason, account, pod: self.name.clone(), container: None, has_run: false })
        };
        worst.or_else(of_pod)
    }

    /// What its containers wait for.
    pub fn troubles(&self, sight: Sight) -> impl Iterator<Item = Trouble> {
        let troubled = match &self.stands {
            Standing::Troubled(troubled) => Some(&**troubled),
            Standing::Ready(_) | Standing::Leaving | Standing::Failed(_) => None,
        };
        let all = troubled.into_iter().flat_map(|troubled| troubled.containers.iter().map(move |it| (troubled, it)));
        all.filter_map(move |(troubled, container)| self.trouble_of(troubled, container, sight))
    }

    fn trouble_of(&self, troubled: &Troubled, container: &ContainerStatus, sight: Sight) -> Option<Trouble> {
        let waits = container.waits.as_ref()?;
        let is_short_of_memory = container.exit.as_ref().is_some_and(|exit| *exit.word == *"OOMKilled");
        let reason = match waits.reason {
            Reason::CrashLoopBackOff if is_short_of_memory => Reason::OomKilled,
            reason => reason,
        };
        let cause = troubled.cause(&container.name).filter(|_| waits.lacks_cause()).unwrap_or_default();
        let between = if cause.is_empty() { "" } else { ": ErrImagePull: " };
        let account = Account::OfContainer {
            pod: self.name.clone(),
            container: container.name.clone(),
            said: format!("{}{between}{cause}", waits.message),
            exit: container.exit.as_ref().map(Exit::kept),
        };
        let is_final = match waits.reason {
            Reason::ImagePullBackOff => Pull::of(&format!("{}{between}{cause}", waits.message)).is_final(),
            Reason::ErrImagePull => Pull::of(&waits.message).is_final() && troubled.tries_again(&container.name, sight),
            _ => is_final(container, waits, sight),
        };
        Some(Trouble {
            weight: if is_final { Weight::Final } else { Weight::Passing },
            reason,
            account,
            pod: self.name.clone(),
            container: Some(container.name.clone()),
            has_run: container.restarts > 0,
        })
    }

    /// Takes over what it said before of images that could not be pulled: the kubelet says the cause at each try, and some of
    /// them not while they wait for the next.
    pub fn follows(&mut self, before: &Self) {
        let (Standing::Troubled(now), Standing::Troubled(earlier)) = (&mut self.stands, &before.stands) else { return };
        if self.images != before.images {
            return;
        }
        let pulls = now.containers.iter().filter(|container| container.is_not_pulled());
        now.pulls =
            pulls.filter_map(|container| Some((container.name.clone(), earlier.told(&container.name)?))).collect();
    }

    /// What was started again and is up; `None` where nothing was after `since`.
    #[must_use]
    pub fn restarted(&self, since: DateTime<Utc>) -> Option<Account> {
        let Standing::Troubled(troubled) = &self.stands else { return None };
        let is_new = |exit: &&Exit| exit.at.is_none_or(|at| at > since);
        let found = troubled.containers.iter().filter(|container| container.restarts > 0);
        let (container, exit) =
            { found }.find_map(|container| Some((container, container.exit.as_ref().filter(is_new)?)))?;
        let (pod, container, restarts) = (self.name.clone(), container.name.clone(), container.restarts);
        Some(Account::Restarted { pod, container, restarts, exit: exit.kept() })
    }
}

impl Said {
    /// Whether a kubelet says that it waits for the next try, and not why.
    fn lacks_cause(&self) -> bool {
        self.reason == Reason::ImagePullBackOff && !self.message.contains("ErrImagePull")
    }
}

impl ContainerStatus {
    fn is_not_pulled(&self) -> bool {
        let waits = self.waits.as_ref().map(|waits| waits.reason);
        matches!(waits, Some(Reason::ErrImagePull | Reason::ImagePullBackOff))
    }
}

impl Troubled {
    /// What was said before of a container's image that could not be pulled.
    fn cause(&self, container: &str) -> Option<&str> {
        self.pulls.iter().find(|(name, _)| **name == *container).map(|(_, cause)| &**cause)
    }

    /// What it says of an image that can't be pulled, or said before where it leaves that out.
    fn told(&self, container: &str) -> Option<Box<str>> {
        let found = self.containers.iter().find(|it| *it.name == *container && it.is_not_pulled())?;
        let said = found.waits.as_ref()?;
        if said.lacks_cause() { Some(self.cause(container)?.into()) } else { Some(said.message.clone()) }
    }

    /// Whether this is not the first try to pull.
    fn tries_again(&self, container: &str, sight: Sight) -> bool {
        let is_old = |now| self.made.is_some_and(|made| now - made >= FIRST_TRY);
        self.cause(container).is_some() || sight.now.is_some_and(is_old)
    }
}

/// Whether two images are one: written alike, or of one digest, as a mirror keeps it.
fn is_same_image(one: &str, other: &str) -> bool {
    let digest = |image: &str| image.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    one == other || digest(one).is_some_and(|one| digest(other) == Some(one))
}

fn is_final(container: &ContainerStatus, waits: &Said, sight: Sight) -> bool {
    match waits.reason {
        Reason::InvalidImageName | Reason::ErrImageNeverPull | Reason::SignatureValidationFailed => true,
        Reason::CreateContainerConfigError => says(&waits.message, &["run as root", "runAsNonRoot"]),
        Reason::CreateContainerError => lacks_what_it_names(&waits.message) || does_not_start(&waits.message),
        Reason::RunContainerError => does_not_start(&waits.message),
        Reason::CrashLoopBackOff => {
            let never_ran = container.exit.as_ref().filter(|exit| *exit.word == *"StartError");
            container.restarts >= RESTARTS_THAT_TELL && !sight.ends
                || never_ran.is_some_and(|exit| does_not_start(&exit.message))
        }
        _ => false,
    }
}

fn says(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}

/// Whether a runtime says that an image does not have what its own configuration names: a command, or its user.
fn lacks_what_it_names(message: &str) -> bool {
    const WORDS: [&str; 5] = [
        "no command specified",
        "no users found",
        "no groups found",
        "no matching entries in passwd file",
        "no matching entries in group file",
    ];
    says(message, &WORDS)
}

/// Whether a runtime says that the program of an image can't be run. Each has the words of the system in letters of its own.
fn does_not_start(message: &str) -> bool {
    let message = message.to_lowercase();
    let is_not_there = message.contains("executable file") && message.contains("not found");
    (is_not_there || says(&message, &["exec format error", "no such file or directory", "permission denied"]))
        && message.contains("exec")
}

#[cfg(test)]
mod tests;
