//! What stands in the way of a way back: something that runs the image that failed, and that its controller waits for.
//!
//! A `StatefulSet` that replaces its pods in order never replaces one that is not ready, whatever its template says
//! (kubernetes#67250), and a `CronJob` under `concurrencyPolicy: Forbid` starts nothing beside a Job that never ends. The old
//! image alone heals neither.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pods::Pod;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObstacleKind {
    /// A pod of a `StatefulSet`.
    Pod,
    /// A run of a `CronJob`.
    Job,
}

impl ObstacleKind {
    /// As `kubectl` calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Job => "job",
        }
    }
}

/// What is known of it that may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// It has done nothing, and with its image it never will.
    None,
    /// It is of the revision that is wanted still: nothing else is to take its place yet.
    Wanted,
    /// It has begun its work, or may come up by itself: only people can tell what is lost with it.
    Some,
}

/// Something in the way, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub kind: ObstacleKind,
    /// Its name, in the namespace of the workload.
    pub name: Box<str>,
    /// Its uid: another one of its name is not this one.
    pub uid: Box<str>,
    /// At which it was read: one that changed since is not deleted.
    pub resource_version: Box<str>,
    /// Whether anything is to be hoped of it.
    pub hope: Hope,
}

/// The same as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InTheWay {
    /// What it is.
    pub kind: ObstacleKind,
    /// Its name, in the namespace of the workload.
    pub name: Box<str>,
    /// Whether the service deletes it, or did; else somebody has to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_ours: bool,
    /// Whether nothing waits for it, and nothing but its deletion ends it: its controller replaces what people delete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_left: bool,
}

impl Obstacle {
    /// One as it was read: uid and version.
    #[must_use]
    pub fn new(kind: ObstacleKind, name: &str, (uid, version): (&str, &str), hope: Hope) -> Self {
        Self { kind, name: name.into(), uid: uid.into(), resource_version: version.into(), hope }
    }

    /// As it is told; `deletes` is whether the service may delete what is broken.
    #[must_use]
    pub fn told(&self, deletes: bool) -> InTheWay {
        let is_ours = deletes && self.hope != Hope::Some;
        InTheWay { kind: self.kind, name: self.name.clone(), is_ours, is_left: false }
    }

    /// Why nothing goes on, and what somebody has to do about it.
    #[must_use]
    pub fn words(&self, namespace: &str, failed: &str) -> String {
        let InTheWay { kind, name, .. } = self.told(false);
        let delete = self.told(false).command(namespace);
        match (kind, self.hope) {
            (ObstacleKind::Pod, _) => {
                format!(
                    "its controller waits for pod {name}, which runs {failed} and does not come up; to delete it: {delete}"
                )
            }
            (ObstacleKind::Job, Hope::Some) => {
                format!(
                    "job {name} runs {failed}, and concurrencyPolicy Forbid starts none beside it; if it hangs: {delete}"
                )
            }
            (ObstacleKind::Job, Hope::None | Hope::Wanted) => {
                format!(
                    "job {name} runs {failed} and never starts, and concurrencyPolicy Forbid starts none beside it; to delete it: {delete}"
                )
            }
        }
    }
}

/// So many pods that are left to people are named at most.
pub const MOST_LEFT: usize = 8;

/// The pods that run what failed under a controller that replaces what people delete, by name.
#[must_use]
pub fn left_to_people(pods: &[Pod], failed: &[(&str, &str)]) -> Vec<Box<str>> {
    let is_left = |pod: &&Pod| pod.is_to_stay() && pod.runs(failed);
    let mut names: Vec<Box<str>> = pods.iter().filter(is_left).map(|pod| pod.name.clone()).collect();
    names.sort_unstable();
    names
}

/// What somebody has to do about them: the same words as long as they are the same pods.
#[must_use]
pub fn words_of_left(names: &[Box<str>], namespace: &str, failed: &str) -> String {
    let named = names.get(..MOST_LEFT).unwrap_or(names);
    let more = match names.len() - named.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let delete = format!("kubectl delete pod {} -n {namespace}", named.join(" "));
    let (first, them) = if names.len() == 1 { ("pod", "it") } else { ("pods", "them") };
    let (run, named) = (if names.len() == 1 { "runs" } else { "run" }, named.join(", "));
    format!(
        "{first} {named}{more} still {run} {failed}, and nothing replaces {them} before somebody deletes {them}: {delete}"
    )
}

impl InTheWay {
    /// A pod that nothing but its deletion ends.
    #[must_use]
    pub fn left(name: &str) -> Self {
        Self { kind: ObstacleKind::Pod, name: name.into(), is_ours: false, is_left: true }
    }

    /// The line with which a person deletes it.
    #[must_use]
    pub fn command(&self, namespace: &str) -> String {
        format!("kubectl delete {} {} -n {namespace}", self.kind.as_str(), self.name)
    }
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_to_delete_by_the_line_that_does_it() {
        let of = |kind, hope| Obstacle::new(kind, "db-1", ("u", "7"), hope);
        let said = [
            of(ObstacleKind::Pod, Hope::None).words("shop", "1.0.1"),
            of(ObstacleKind::Job, Hope::None).words("shop", "1.0.1"),
            of(ObstacleKind::Job, Hope::Some).words("shop", "1.0.1"),
        ];
        assert!(said[0].ends_with("to delete it: kubectl delete pod db-1 -n shop"), "{}", said[0]);
        assert!(said[1].ends_with("to delete it: kubectl delete job db-1 -n shop"), "{}", said[1]);
        assert!(said[2].ends_with("if it hangs: kubectl delete job db-1 -n shop"), "{}", said[2]);
        let is_ours = |hope, deletes| of(ObstacleKind::Job, hope).told(deletes).is_ours;
        assert!(is_ours(Hope::None, true) && is_ours(Hope::Wanted, true));
        assert!(!is_ours(Hope::Some, true) && !is_ours(Hope::None, false), "what ran is left to people");
    }
}
