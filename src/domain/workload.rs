//! A workload as we remember it: who it is, what it runs, what its annotations say, how its rollout stands.
//!
//! Small on purpose: ten thousand of these are held in memory instead of the Kubernetes objects.

mod admitted;
mod object_name;
mod patch;
mod said;

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

pub use object_name::ObjectName;
pub use patch::{AnnotationChange, CauseChange, GuardedContainer, WorkloadPatch};
pub use said::{Origin, Rank, Said, everything_said, said};

use super::defaults::Inherited;
use super::owner::Owner;
use super::preflight::{Nodes, Start};
use super::reference::ImageReference;
use super::rollout::Rollout;
use super::rollout::pods::VOLUME;

/// What all our annotations begin with.
pub const PREFIX: &str = "image-watcher/";

/// The most containers of one workload that are watched: one with more is left alone, and told.
pub const MOST_CONTAINERS: usize = 50;

/// The kinds of workload that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Replicas without names.
    Deployment,
    /// Replicas with names.
    StatefulSet,
    /// One pod for each node.
    DaemonSet,
    /// Pods that end, by the clock.
    CronJob,
    /// Replicas that Argo Rollouts replaces.
    Rollout,
}

/// What a kind is called.
struct Names {
    /// In manifests.
    kind: &'static str,
    /// In paths of the API.
    plural: &'static str,
    /// By `kubectl`.
    short: &'static str,
    /// The API group that has it.
    group: &'static str,
    /// The version of the group that is read and written.
    version: &'static str,
    /// In what is signed. Never changes, or what was signed before is not ours any more; so it is no version of an API, but for
    /// the first two.
    signed: &'static str,
}

impl Kind {
    /// All, in the order they are shown.
    pub const ALL: [Self; 5] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::CronJob, Self::Rollout];

    const fn names(self) -> &'static Names {
        match self {
            Self::Deployment => &Names {
                kind: "Deployment",
                plural: "deployments",
                short: "deploy",
                group: "apps",
                version: "v1",
                signed: "apps/v1/Deployment",
            },
            Self::StatefulSet => &Names {
                kind: "StatefulSet",
                plural: "statefulsets",
                short: "sts",
                group: "apps",
                version: "v1",
                signed: "apps/v1/StatefulSet",
            },
            Self::DaemonSet => &Names {
                kind: "DaemonSet",
                plural: "daemonsets",
                short: "ds",
                group: "apps",
                version: "v1",
                signed: "apps/DaemonSet",
            },
            Self::CronJob => &Names {
                kind: "CronJob",
                plural: "cronjobs",
                short: "cj",
                group: "batch",
                version: "v1",
                signed: "batch/CronJob",
            },
            Self::Rollout => &Names {
                kind: "Rollout",
                plural: "rollouts",
                short: "ro",
                group: "argoproj.io",
                version: "v1alpha1",
                signed: "argoproj.io/Rollout",
            },
        }
    }

    /// Reads a kind as `kubectl` takes it: `deploy`, `deployments.apps`, `StatefulSet`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let word = word.split('.').next().unwrap_or_default();
        let is_it = |kind: &Self| {
            let Names { kind, plural, short, .. } = kind.names();
            [kind, plural, short].iter().any(|name| name.eq_ignore_ascii_case(word))
        };
        Self::ALL.into_iter().find(is_it)
    }

    /// All that are watched, for people: `deployments and statefulsets`.
    #[must_use]
    pub fn plurals() -> String {
        let names = Self::ALL.map(Self::plural);
        match names.split_last() {
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// As in `kind:` of a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.names().kind
    }

    /// As `kubectl` abbreviates it.
    #[must_use]
    pub fn short(self) -> &'static str {
        self.names().short
    }

    /// As in paths of the API.
    #[must_use]
    pub fn plural(self) -> &'static str {
        self.names().plural
    }

    /// The API group that has it.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.names().group
    }

    /// The version of the group that is read and written.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.names().version
    }

    /// Group and version, as in `apiVersion:` of a manifest.
    #[must_use]
    pub fn api_version(self) -> String {
        format!("{}/{}", self.group(), self.version())
    }

    /// As it stands in what is signed of a workload.
    #[must_use]
    pub fn signed(self) -> &'static str {
        self.names().signed
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which object: recreated under the same name it has another uid, and is another workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct WorkloadId {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind.short(), self.name)
    }
}

/// What a container is to its pod. An image that is mounted as a volume counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// It runs as long as the pod does.
    Main,
    /// It runs to its end before the main ones begin.
    Init,
    /// It is listed among the init containers, begins before the main ones and runs beside them.
    Sidecar,
    /// It is mounted, and never runs. It stands there among all volumes, of which few have an image.
    Volume(u32),
}

impl Place {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Init => "init",
            Self::Sidecar => "sidecar",
            Self::Volume(_) => "volume",
        }
    }

    /// The list of the pod's `spec` that it is in.
    #[must_use]
    pub fn list(self) -> &'static str {
        match self {
            Self::Main => "containers",
            Self::Init | Self::Sidecar => "initContainers",
            Self::Volume(_) => "volumes",
        }
    }

    /// Where its image is in its entry of that list, as a JSON pointer.
    #[must_use]
    pub fn image(self) -> &'static str {
        match self {
            Self::Main | Self::Init | Self::Sidecar => "/image",
            Self::Volume(_) => "/image/reference",
        }
    }

    /// Whether something of this name can be there.
    #[must_use]
    pub fn may_hold(self, name: &str) -> bool {
        Container::is_volume(name) == matches!(self, Self::Volume(_))
    }

    /// What its entry of that list is called, of what it is called here.
    #[must_use]
    pub fn entry(self, name: &str) -> &str {
        match self {
            Self::Main | Self::Init | Self::Sidecar => name,
            Self::Volume(_) => name.strip_prefix(VOLUME).unwrap_or(name),
        }
    }
}

/// A container of the pod template, or a volume of it that is an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name, unique in the workload, in whichever list it is; that of a volume begins with `volume.`.
    pub name: Box<str>,
    /// Its image as written.
    pub image: Box<str>,
    /// What it is to its pod.
    pub place: Place,
    /// How it starts, as far as its image has a say in it.
    pub start: Start,
}

impl Container {
    /// A container that runs as long as its pod does.
    #[must_use]
    pub fn main(name: &str, image: &str) -> Self {
        Self { name: name.into(), image: image.into(), place: Place::Main, start: Start::default() }
    }

    /// An image that is mounted as a volume, and where that stands among all volumes.
    #[must_use]
    pub fn volume(name: &str, image: &str, index: u32) -> Self {
        // Nothing is started of it, whatever its image says.
        let start = Start { has_command: true, ..Start::default() };
        Self { name: Self::name_of_volume(name), image: image.into(), place: Place::Volume(index), start }
    }

    /// What an image volume is called, wherever it is told from a container.
    #[must_use]
    pub fn name_of_volume(volume: &str) -> Box<str> {
        format!("{VOLUME}{volume}").into()
    }

    /// Whether something of this name is an image volume.
    #[must_use]
    pub fn is_volume(name: &str) -> bool {
        name.starts_with(VOLUME)
    }

    /// The image's parts; `None` when the text is no reference.
    #[must_use]
    pub fn reference(&self) -> Option<ImageReference> {
        ImageReference::parse(&self.image).ok()
    }
}

/// A watched workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Which object.
    pub id: WorkloadId,
    /// `metadata.resourceVersion`, for telling older from newer.
    pub resource_version: u64,
    /// `metadata.generation`: every change of the specification raises it, and of a Deployment every change of its
    /// annotations.
    pub generation: i64,
    /// Our annotations only, without their prefix, sorted by name.
    pub annotations: Box<[(Box<str>, Box<str>)]>,
    /// Settings that it has without naming them.
    pub inherited: Option<Box<Inherited>>,
    /// Names of our annotations that stand on the pod template, where they are not read, without their prefix, sorted.
    pub template_names: Box<[Box<str>]>,
    /// The containers of the pod template: the main ones in their order, then init containers and sidecars in theirs, then
    /// image volumes.
    /// One more than [`MOST_CONTAINERS`] stands for all beyond.
    pub containers: Box<[Container]>,
    /// Names of `imagePullSecrets`: the first eight that can be names.
    pub pull_secrets: Box<[Box<str>]>,
    /// The ServiceAccount whose pull secrets its pods get, as the pod template names none.
    pub service_account: Option<Box<str>>,
    /// Which nodes its pods may go to, where they say so.
    pub nodes: Option<Box<Nodes>>,
    /// How the newest revision stands.
    pub rollout: Rollout,
    /// When another than us wrote last among those who wrote the pod template, as far as the API server says. It may have been
    /// a label of the object: see [`Workload::template_hash`].
    pub template_by_others: Option<DateTime<Utc>>,
    /// When it was made, as far as the API server says.
    pub made: Option<DateTime<Utc>>,
    /// Of all that the pod template says beside its images.
    pub rest_of_template: u64,
    /// Whether its rollouts are paused.
    pub paused: bool,
    /// What writes this object besides us, if it says so.
    pub owner: Option<Box<Owner>>,
    /// What it says of why its newest revision is there: see [`super::change_cause`].
    pub change_cause: Option<Box<str>>,
    /// Whether it has annotations at all, whosever they are: the first that is written needs a place.
    pub is_annotated: bool,
}

/// The first eight bytes of a hash, as a number.
pub(crate) fn first_eight(hash: Sha256) -> u64 {
    hash.finalize().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

impl Workload {
    /// One of our annotations, by its name without the prefix.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
    }

    /// The same with one of our annotations as it says here.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        let mut all = std::mem::take(&mut self.annotations).into_vec();
        all.retain(|(known, _)| **known != *name);
        all.push((name.into(), value.into()));
        all.sort_unstable();
        Self { annotations: all.into(), ..self }
    }

    /// Of all that the pod template says, once these images are written, by container: whoever edits it changes that.
    #[must_use]
    pub fn template_hash(&self, written: &[(&str, &str)]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.rest_of_template.to_le_bytes());
        for Container { name, image, .. } in &self.containers {
            let image =
                written.iter().find(|(container, _)| **container == **name).map_or(&**image, |(_, image)| image);
            for part in [&**name, image] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        }
        first_eight(hash)
    }

    /// The names of all our annotations, without their prefix.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.annotations.iter().map(|(name, _)| &**name)
    }

    /// The first container whose image can be read: what is wrong with the whole workload is said in its annotation.
    #[must_use]
    pub fn first_readable(&self) -> Option<&str> {
        self.containers.iter().find(|container| container.reference().is_some()).map(|container| &*container.name)
    }

    /// A container and where it stands in its list of the pod template.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<(usize, &Container)> {
        let found = self.containers.iter().find(|container| *container.name == *name)?;
        if let Place::Volume(index) = found.place {
            return Some((usize::try_from(index).ok()?, found));
        }
        let mut list = self.containers.iter().filter(|other| other.place.list() == found.place.list());
        Some((list.position(|other| other.name == found.name)?, found))
    }

    /// The containers that run what `name` runs, itself among them: the same tag of the same repository. They are parts of
    /// one program, so what is decided of the first of them moves all.
    #[must_use]
    pub fn together(&self, name: &str) -> Vec<&Container> {
        let release = |container: &Container| {
            let image = container.reference()?;
            Some((image.repository().clone(), image.running_tag()?))
        };
        let Some((_, found)) = self.container(name) else { return Vec::new() };
        let runs = release(found);
        let is_with = |other: &&Container| other.name == found.name || runs.is_some() && release(other) == runs;
        self.containers.iter().filter(is_with).collect()
    }

    /// Whether two containers run one release, as those that [`together`](Self::together) names.
    #[must_use]
    pub fn moves_with(&self, one: &str, other: &str) -> bool {
        self.together(one).iter().any(|container| *container.name == *other)
    }

    /// The annotation that holds `name` for a container: bare for the first main one, with `.<container>` for others.
    #[must_use]
    pub fn state_key(&self, name: &str, container: &str) -> String {
        match self.containers.iter().find(|container| container.place == Place::Main) {
            Some(first) if *first.name != *container => format!("{name}.{container}"),
            _ => name.to_owned(),
        }
    }

    /// The state annotation `name` of a container.
    #[must_use]
    pub fn state(&self, name: &str, container: &str) -> Option<&str> {
        self.annotation(&self.state_key(name, container))
    }
}

#[cfg(test)]
pub(crate) mod tests;
