//! Why an update failed or stands still, as far as that is ours to say: closed, and put into words only where it is shown.
//! What clusters and pods say stays as they say it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::exit::Exit;
use crate::domain::actor::Actor;
use crate::domain::wording::counted;

/// What a trouble may be laid on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Blame {
    /// What was written.
    Written,
    /// Something else: its container was not written.
    OtherContainer,
    /// Something else: the version before had the same.
    Before,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "what was written does not come up",
            Self::OtherContainer => "the image of that container was not changed: look at what else it needs",
            Self::Before => "pods of another version are in the same trouble: look at what both of them need",
        })
    }
}

/// Why an update failed or stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Account {
    /// Somebody else says it, in these words.
    Said(String),
    /// Something is said of a container.
    OfContainer {
        /// Its pod.
        pod: Box<str>,
        /// The container.
        container: Box<str>,
        /// What is said.
        said: String,
        /// How it ended last, where it did.
        exit: Option<Exit>,
    },
    /// Something is said of a pod.
    OfPod {
        /// The pod.
        pod: Box<str>,
        /// What is said.
        said: String,
    },
    /// A container was started again and again, and came up each time.
    Restarted {
        /// Its pod.
        pod: Box<str>,
        /// The container.
        container: Box<str>,
        /// How often.
        restarts: i32,
        /// How it ended last.
        exit: Exit,
    },
    /// The cluster says this, and one of its pods that.
    WithPod {
        /// What the cluster says.
        said: String,
        /// The pod's word, as Kubernetes writes it.
        reason: String,
        /// What there is to say of the pod.
        why: Box<Account>,
    },
    /// Whether it may be laid on what was written.
    Blamed {
        /// What happened.
        why: Box<Account>,
        /// What it is laid on.
        on: Blame,
    },
    /// Its controller has not looked at what was written for so many minutes.
    NotObserved(u64),
    /// Nothing has moved for so many minutes, and nobody says why.
    NoProgress(u64),
    /// No pod of it was made for so many minutes.
    NoPods(u64),
    /// Its pods were never all ready for so many seconds together.
    Unsteady(u64),
    /// Its controller waits for a pod of another version.
    InTheWay {
        /// The pod.
        pod: Box<str>,
        /// Whether it will never come up, and not only is not ready.
        is_broken: bool,
        /// What is said of it: a word of Kubernetes, and more.
        said: String,
    },
    /// The API server refuses to write this version.
    NotWritten(String),
    /// What happened to a member of a group.
    OfMember {
        /// The member.
        member: String,
        /// The group.
        group: String,
        /// What happened to it.
        why: Box<Account>,
    },
    /// Somebody wants a group to go back.
    Wanted {
        /// The group.
        group: String,
        /// Who.
        by: Actor,
    },
    /// It would have gone back for this, and the API server refuses that in these words.
    NotBack {
        /// Why.
        why: Box<Account>,
        /// What the API server said.
        said: String,
    },
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(words) => f.write_str(words),
            Self::OfContainer { pod, container, said, exit } => {
                write!(f, "pod {pod}, container {container}: {said}")?;
                exit.iter().try_for_each(|exit| write!(f, "; {exit}"))
            }
            Self::OfPod { pod, said } => write!(f, "pod {pod}: {said}"),
            Self::Restarted { pod, container, restarts, exit } => {
                let why = if exit.is_killed() { ", as of a container that failed liveness probe" } else { "" };
                write!(
                    f,
                    "pod {pod}, container {container} was started again {}; {exit}{why}",
                    counted(*restarts, "time", "times")
                )
            }
            Self::WithPod { said, reason, why } => write!(f, "{said}; {reason}: {why}"),
            Self::Blamed { why, on } => write!(f, "{why}; {on}"),
            Self::NotObserved(minutes) => {
                let minutes = counted(*minutes, "minute", "minutes");
                write!(f, "its controller has not looked at it for {minutes}; is that controller running?")
            }
            Self::NoProgress(minutes) => {
                write!(f, "has made no progress for {}; look at its pods", counted(*minutes, "minute", "minutes"))
            }
            Self::NoPods(minutes) => {
                let minutes = counted(*minutes, "minute", "minutes");
                write!(f, "has made no pod for {minutes}; Events say why, as a quota or an admission policy")
            }
            Self::Unsteady(seconds) => {
                let seconds = counted(*seconds, "second", "seconds");
                write!(f, "its pods are not all ready for {seconds} together; look at them")
            }
            Self::InTheWay { pod, is_broken: true, said } => write!(
                f,
                "its controller waits for pod {pod} of another version, which does not come up: delete that pod ({said})"
            ),
            Self::InTheWay { pod, is_broken: false, said } => write!(
                f,
                "its controller waits for pod {pod} of another version, which is not ready: where it will not be, delete that pod ({said})"
            ),
            Self::NotWritten(version) => write!(f, "the API server refuses to write {version}"),
            Self::OfMember { member, group, why } => write!(f, "{member} of group {group}: {why}"),
            Self::Wanted { group, by } => write!(f, "group {group} goes back, as {by} wants it"),
            Self::NotBack { why, said } => write!(f, "{why}; the API server refuses to go back: {said}"),
        }
    }
}
