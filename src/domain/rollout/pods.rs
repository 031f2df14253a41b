//! What pods say about why they don't run, and whose fault that is: the image's, the node's, or nobody's yet.
//!
//! The words are those of the kubelet, the runtimes and the scheduler. A word is final where waiting can't mend it and the
//! image, or what was written beside it, is the cause; everything else passes, or is somebody else's to mend.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::plain::is_harmful;

/// How much is kept of a sentence of the cluster, in characters: its beginning and its end, where the cause stands.
const LONGEST_SENTENCE: usize = 600;
/// A container that comes up after it ended twice had something to wait for; one that ended so often does not start.
const RESTARTS_THAT_TELL: i32 = 2;

/// One pod, less everything that is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: Box<str>,
    /// What its containers run, by container: as written, and those of image volumes by `volume:<name>`.
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
    /// Something is to be said.
    Troubled(Box<Troubled>),
}

/// What is said of a pod that is not simply ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubled {
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

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// The kubelet's word for it: `Error`, `OOMKilled`, `StartError`.
    pub word: Box<str>,
    /// Its own last words.
    pub message: Box<str>,
    /// When.
    pub at: Option<DateTime<Utc>>,
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
    /// Nothing has moved, and nobody says why.
    NoProgress,
    /// A word that is not known here; it stands in the message.
    Other,
}

impl Reason {
    const WORDS: [(Self, &'static str); 31] = [
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

/// What keeps a pod from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether waiting can mend it.
    pub weight: Weight,
    /// The word for it.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
    /// The pod.
    pub pod: Box<str>,
    /// The container, where it is one's.
    pub container: Option<Box<str>>,
    /// Whether that container has run, so that it has a log.
    pub has_run: bool,
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
            Standing::Leaving => None,
            Standing::Troubled(troubled) => troubled.ready_since,
        }
    }

    /// The worst of what keeps it from being ready; one that is ready has none.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        let Standing::Troubled(troubled) = &self.stands else { return None };
        let of_containers = troubled.containers.iter().filter_map(|container| self.trouble_of(container));
        // The first of the worst.
        let worst = of_containers.reduce(|worst, next| if next.weight > worst.weight { next } else { worst });
        let of_pod = || {
            let said = troubled.unscheduled.as_ref().or(troubled.unready.as_ref())?;
            let message = format!("pod {}: {}", self.name, said.message);
            let (weight, reason) = (Weight::Passing, said.reason);
            Some(Trouble { weight, reason, message, pod: self.name.clone(), container: None, has_run: false })
        };
        worst.or_else(of_pod)
    }

    fn trouble_of(&self, container: &ContainerStatus) -> Option<Trouble> {
        let waits = container.waits.as_ref()?;
        let is_short_of_memory = container.exit.as_ref().is_some_and(|exit| *exit.word == *"OOMKilled");
        let reason = match waits.reason {
            Reason::CrashLoopBackOff if is_short_of_memory => Reason::OomKilled,
            reason => reason,
        };
        let exit = container.exit.as_ref().map(|exit| format!("; {exit}")).unwrap_or_default();
        let message = format!("pod {}, container {}: {}{exit}", self.name, container.name, waits.message);
        Some(Trouble {
            weight: weight(container, waits),
            reason,
            message,
            pod: self.name.clone(),
            container: Some(container.name.clone()),
            has_run: container.restarts > 0,
        })
    }

    /// What was started again and is up, in words; `None` where nothing was after `since`.
    #[must_use]
    pub fn restarted(&self, since: DateTime<Utc>) -> Option<String> {
        let Standing::Troubled(troubled) = &self.stands else { return None };
        let is_new = |exit: &&Exit| exit.at.is_none_or(|at| at > since);
        let found = troubled.containers.iter().filter(|container| container.restarts > 0);
        let (container, exit) =
            { found }.find_map(|container| Some((container, container.exit.as_ref().filter(is_new)?)))?;
        let why = if matches!(exit.code, 137 | 143) && *exit.word != *"OOMKilled" {
            ", as of a container that failed liveness probe"
        } else {
            ""
        };
        let (name, restarts) = (&container.name, container.restarts);
        Some(format!("pod {}, container {name} was started again {restarts} times; {exit}{why}", self.name))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its last exit code is {}", self.code)?;
        if !matches!(&*self.word, "" | "Error") {
            write!(f, " ({})", self.word)?;
        }
        if !self.message.is_empty() {
            write!(f, ", its last words: {}", self.message)?;
        }
        Ok(())
    }
}

/// Whether two images are one: written alike, or of one digest, as a mirror keeps it.
fn is_same_image(one: &str, other: &str) -> bool {
    let digest = |image: &str| image.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    one == other || digest(one).is_some_and(|one| digest(other) == Some(one))
}

fn weight(container: &ContainerStatus, waits: &Said) -> Weight {
    let is_final = match waits.reason {
        Reason::ImagePullBackOff | Reason::ErrImagePull => Pull::of(&waits.message).is_final(),
        Reason::InvalidImageName | Reason::ErrImageNeverPull | Reason::SignatureValidationFailed => true,
        Reason::CreateContainerConfigError => says(&waits.message, &["run as root", "runAsNonRoot"]),
        Reason::CreateContainerError => says(&waits.message, &["no command specified"]),
        Reason::RunContainerError => does_not_start(&waits.message),
        Reason::CrashLoopBackOff => {
            let never_ran = container.exit.as_ref().filter(|exit| *exit.word == *"StartError");
            container.restarts >= RESTARTS_THAT_TELL || never_ran.is_some_and(|exit| does_not_start(&exit.message))
        }
        _ => false,
    };
    if is_final { Weight::Final } else { Weight::Passing }
}

fn says(message: &str, words: &[&str]) -> bool {
    words.iter().any(|word| message.contains(word))
}

/// Whether a runtime says that the program of an image can't be run.
fn does_not_start(message: &str) -> bool {
    says(message, &["executable file not found", "exec format error", "no such file or directory", "permission denied"])
        && message.contains("exec")
}

/// Why an image is not pulled, as the runtimes put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pull {
    /// The registry limits how often it is asked.
    Limited,
    /// The node, its network or its disk.
    Node,
    /// The image is not for the node's platform.
    Platform,
    /// There is no such image.
    NotFound,
    /// The registry does not give it to the pull secret, or has no such repository.
    Denied,
    /// Something else.
    Unknown,
}

impl Pull {
    /// In this order: what passes goes first, and a platform is «not found» too.
    const WORDS: [(Self, &'static [&'static str]); 5] = [
        (Self::Limited, &["429 Too Many Requests", "toomanyrequests"]),
        (
            Self::Node,
            &[
                "x509: ",
                "dial tcp",
                "i/o timeout",
                "no such host",
                "no space left on device",
                "pull QPS exceeded",
                "connection refused",
                "connection reset",
                "TLS handshake",
                "context deadline exceeded",
                "Service Unavailable",
                "Bad Gateway",
                "Gateway Timeout",
                "Internal Server Error",
            ],
        ),
        (Self::Platform, &["no match for platform in manifest", "no image found in manifest list"]),
        (Self::NotFound, &[": not found", "manifest unknown", "name unknown"]),
        (
            Self::Denied,
            &["authorization failed", "pull access denied", "401 Unauthorized", "403 Forbidden", "unauthorized: "],
        ),
    ];

    fn of(message: &str) -> Self {
        let said = Self::WORDS.into_iter().find(|(_, words)| says(message, words));
        said.map_or(Self::Unknown, |(pull, _)| pull)
    }

    fn is_final(self) -> bool {
        matches!(self, Self::Platform | Self::NotFound | Self::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(word: &str, message: &str) -> Said {
        Said::new(word, message)
    }

    fn exit(code: i32, word: &str, message: &str) -> Exit {
        Exit { code, word: word.into(), message: message.into(), at: None }
    }

    fn pod(containers: Vec<ContainerStatus>) -> Pod {
        let troubled = Troubled {
            unready: Some(said("ContainersNotReady", "containers with unready status: [web]")),
            containers: containers.into(),
            ..Troubled::default()
        };
        let images = Arc::from([("web".into(), "web:1.1.0@sha256:b".into())]);
        Pod { name: "web-1".into(), images, stands: Standing::Troubled(Box::new(troubled)) }
    }

    fn container(waits: impl Into<Option<Said>>, restarts: i32, exit: impl Into<Option<Exit>>) -> ContainerStatus {
        ContainerStatus { name: "web".into(), restarts, waits: waits.into(), exit: exit.into() }
    }

    /// The reason, and whether it is final.
    fn verdict(container: ContainerStatus) -> (&'static str, bool) {
        let trouble = pod(vec![container]).trouble().unwrap();
        (trouble.reason.as_str(), trouble.weight == Weight::Final)
    }

    #[test]
    fn every_word_is_read_as_itself_and_any_other_is_kept_beside() {
        for (reason, word) in Reason::WORDS {
            assert_eq!((Reason::of(word), reason.as_str()), (reason, word));
        }
        let said = Said::new("WeirdError", "the runtime says so");
        assert_eq!((said.reason, &*said.message), (Reason::Other, "WeirdError: the runtime says so"));
        assert_eq!(&*Said::new("WeirdError", "").message, "WeirdError");
    }

    #[test]
    fn a_long_sentence_keeps_its_beginning_and_its_end() {
        assert_eq!(&*sentence("a\nb\u{7}c\u{202e}"), "a bc");
        let long = format!("begin {} end", "é".repeat(5_000_000));
        let short = sentence(&long);
        assert!(short.starts_with("begin é") && short.ends_with("é end") && short.chars().count() < 620, "{short}");
    }

    #[test]
    fn only_some_words_about_a_pull_are_about_the_image() {
        let image = "failed to pull and unpack image \"registry.example.com/shop/web:1.1.0\": ";
        let cases = [
            (true, "failed to resolve reference \"i\": registry.example.com/shop/web:1.1.0: not found"),
            (true, "no match for platform in manifest: not found"),
            (
                true,
                "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
            ),
            (true, "unexpected status from HEAD request to https://r/v2/x/manifests/1: 403 Forbidden"),
            (false, "unexpected status from HEAD request to https://r/v2/x/manifests/1: 429 Too Many Requests"),
            (
                false,
                "failed to copy: httpReadSeeker: failed open: unexpected status code https://r: 429 Too Many Requests - Server message: toomanyrequests: limit",
            ),
            (false, "failed to do request: Head \"https://r\": dial tcp 10.0.0.1:443: i/o timeout"),
            (false, "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
            (false, "write /var/lib/containerd: no space left on device"),
            (false, "pull QPS exceeded"),
            (false, "unexpected status from HEAD request to https://r: 503 Service Unavailable"),
            (false, "something that nobody has seen before"),
            (false, ""),
        ];
        for (is_final, words) in cases {
            for reason in ["ErrImagePull", "ImagePullBackOff"] {
                let found = verdict(container(said(reason, &format!("{image}{words}")), 0, None));
                assert_eq!(found, (reason, is_final), "{words}");
            }
        }
    }

    #[test]
    fn a_container_that_never_starts_is_told_from_one_that_waits_for_something() {
        let crash = || said("CrashLoopBackOff", "back-off 10s restarting failed container=web pod=web-1");
        let exec = "failed to create shim task: exec: \"/app\": exec format error: unknown";
        let cases = [
            (("CrashLoopBackOff", false), container(crash(), 1, exit(1, "Error", ""))),
            (("CrashLoopBackOff", true), container(crash(), 2, exit(1, "Error", "no database"))),
            (("CrashLoopBackOff", true), container(crash(), 2, exit(0, "Completed", ""))),
            (("OOMKilled", true), container(crash(), 2, exit(137, "OOMKilled", ""))),
            (("CrashLoopBackOff", true), container(crash(), 1, exit(128, "StartError", exec))),
            (("CrashLoopBackOff", false), container(crash(), 1, exit(128, "StartError", "cgroup: no memory"))),
            (("RunContainerError", true), container(said("RunContainerError", exec), 0, None)),
            (("RunContainerError", false), container(said("RunContainerError", "cgroup is busy"), 0, None)),
            (("InvalidImageName", true), container(said("InvalidImageName", ""), 0, None)),
            (("ErrImageNeverPull", true), container(said("ErrImageNeverPull", ""), 0, None)),
            (("SignatureValidationFailed", true), container(said("SignatureValidationFailed", ""), 0, None)),
            (("ImageInspectError", false), container(said("ImageInspectError", ""), 0, None)),
            (("RegistryUnavailable", false), container(said("RegistryUnavailable", ""), 0, None)),
            (
                ("CreateContainerConfigError", true),
                container(
                    said("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
                    0,
                    None,
                ),
            ),
            (
                ("CreateContainerConfigError", false),
                container(said("CreateContainerConfigError", "secret \"db\" not found"), 0, None),
            ),
            (("CreateContainerError", true), container(said("CreateContainerError", "no command specified"), 0, None)),
            (("CreateContainerError", false), container(said("CreateContainerError", "name is reserved"), 0, None)),
            (("PostStartHookError", false), container(said("PostStartHookError", ""), 1, None)),
            (("Other", false), container(said("VendorError", "?"), 0, None)),
            (("ContainersNotReady", false), container(None, 0, None)),
        ];
        for (expected, container) in cases {
            assert_eq!(verdict(container.clone()), expected, "{container:?}");
        }
    }

    #[test]
    fn the_worst_of_a_pod_is_told_with_its_last_words() {
        let pulls = ContainerStatus { name: "log".into(), ..container(said("ImagePullBackOff", "dial tcp"), 0, None) };
        let crashes =
            container(said("CrashLoopBackOff", "back-off 20s restarting"), 2, exit(2, "Error", "no such table"));
        let trouble = pod(vec![pulls, crashes]).trouble().unwrap();
        assert_eq!((&*trouble.pod, trouble.container.as_deref(), trouble.has_run), ("web-1", Some("web"), true));
        let words = ["pod web-1, container web: back-off 20s restarting", "last exit code is 2", "no such table"];
        assert!(words.iter().all(|word| trouble.message.contains(word)), "{}", trouble.message);
    }

    #[test]
    fn a_pod_is_of_the_revision_whose_images_it_runs() {
        let pod = pod(Vec::new());
        for (is_so, written) in [
            (true, vec![("web", "web:1.1.0@sha256:b")]),
            (true, vec![("web", "mirror.example.com/web@sha256:b")]),
            (false, vec![("web", "web:1.1.0")]),
            (false, vec![("web", "web:1.1.0@sha256:c")]),
            (false, vec![("web", "web:1.1.0@sha256:b"), ("log", "log:1")]),
            (false, Vec::new()),
        ] {
            assert_eq!(pod.runs(&written), is_so, "{written:?}");
        }
    }
}
