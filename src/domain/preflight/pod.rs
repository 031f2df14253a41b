//! What the pod template says of how a container starts, and on which nodes.

use super::Platform;

/// As whom a container is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunAs {
    /// Its image says it.
    #[default]
    Image,
    /// As root.
    Root,
    /// As somebody else: the image is not looked at.
    Other,
}

/// How a container starts, as far as its image has a say in it. Four bytes beside the container's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// `runAsNonRoot`, of the container or else of its pod.
    pub non_root: bool,
    /// `runAsUser`, of the container or else of its pod.
    pub user: RunAs,
    /// Whether it has a `command`: neither entrypoint nor command of the image count then.
    pub has_command: bool,
    /// Whether it has `args`: they take the place of the image's command.
    pub has_args: bool,
}

/// Which nodes a pod may go to, as far as its template says so by operating system or architecture. Nothing named is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// `kubernetes.io/os`
    pub os: Box<[Box<str>]>,
    /// `kubernetes.io/arch`
    pub architecture: Box<[Box<str>]>,
}

impl Nodes {
    /// Whether nodes of this platform are among them.
    #[must_use]
    pub fn take(&self, platform: &Platform) -> bool {
        let is_one = |names: &[Box<str>], name: &str| names.is_empty() || names.iter().any(|it| **it == *name);
        is_one(&self.os, platform.os()) && is_one(&self.architecture, platform.architecture())
    }

    /// Whether none is left out.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.os.is_empty() && self.architecture.is_empty()
    }
}
