//! A workload as we remember it: who it is, what it runs, what its annotations say, how its rollout stands.
//!
//! Small on purpose: ten thousand of these are held in memory instead of the Kubernetes objects.

use std::fmt;

use super::owner::Owner;
use super::reference::ImageReference;
use super::rollout::Rollout;

/// What all our annotations begin with.
pub const PREFIX: &str = "image-watcher/";

/// The most containers of one workload that are watched: one with more is left alone, and told.
pub const MOST_CONTAINERS: usize = 50;

/// The kinds of workload that are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
}

/// What a kind is called.
struct Names {
    /// In manifests.
    kind: &'static str,
    /// In paths of the API.
    plural: &'static str,
    /// By `kubectl`.
    short: &'static str,
}

impl Kind {
    /// All, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::Deployment, Self::StatefulSet];

    const fn names(self) -> Names {
        match self {
            Self::Deployment => Names { kind: "Deployment", plural: "deployments", short: "deploy" },
            Self::StatefulSet => Names { kind: "StatefulSet", plural: "statefulsets", short: "sts" },
        }
    }

    /// Reads a kind as `kubectl` takes it: `deploy`, `deployments.apps`, `StatefulSet`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let word = word.split('.').next().unwrap_or_default();
        let is_it = |kind: &Self| {
            let Names { kind, plural, short } = kind.names();
            [kind, plural, short].iter().any(|name| name.eq_ignore_ascii_case(word))
        };
        Self::ALL.into_iter().find(is_it)
    }

    /// All that are watched, for people: `deployments, statefulsets`.
    #[must_use]
    pub fn plurals() -> String {
        Self::ALL.map(Self::plural).join(", ")
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

/// A container of the pod template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name, unique in the workload.
    pub name: Box<str>,
    /// Its image as written.
    pub image: Box<str>,
}

impl Container {
    /// The image's parts; `None` when the text is no reference.
    #[must_use]
    pub fn reference(&self) -> Option<ImageReference> {
        ImageReference::parse(&self.image).ok()
    }
}

/// A watched Deployment or StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Which object.
    pub id: WorkloadId,
    /// `metadata.resourceVersion`, for telling older from newer.
    pub resource_version: u64,
    /// Our annotations only, without their prefix, sorted by name.
    pub annotations: Box<[(Box<str>, Box<str>)]>,
    /// Names of our annotations that stand on the pod template, where they are not read, without their prefix, sorted.
    pub template_names: Box<[Box<str>]>,
    /// The containers of the pod template, in its order; init containers are not looked at. One more than
    /// [`MOST_CONTAINERS`] stands for all beyond.
    pub containers: Box<[Container]>,
    /// Names of `imagePullSecrets`: the first eight that can be names.
    pub pull_secrets: Box<[Box<str>]>,
    /// How the newest revision stands.
    pub rollout: Rollout,
    /// Whether its rollouts are paused.
    pub paused: bool,
    /// What writes this object besides us, if it says so.
    pub owner: Option<Box<Owner>>,
}

impl Workload {
    /// One of our annotations, by its name without the prefix.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.iter().find(|(key, _)| **key == *name).map(|(_, value)| &**value)
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

    /// A container and its place in the pod template.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<(usize, &Container)> {
        self.containers.iter().enumerate().find(|(_, container)| *container.name == *name)
    }

    /// The annotation that holds `name` for a container: bare for the first one, with `.<container>` for others.
    #[must_use]
    pub fn state_key(&self, name: &str, container: &str) -> String {
        match self.containers.first() {
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

/// A change to one of our annotations, guarded by the value that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationChange {
    /// The name without the prefix.
    pub name: String,
    /// What it said when the change was planned.
    pub old: Option<String>,
    /// What it is to say; `None` removes it.
    pub new: Option<String>,
}

/// A change of one container's image, guarded by name and current image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// The container's place in the pod template.
    pub index: usize,
    /// Its name.
    pub container: Box<str>,
    /// The image that is to be there still.
    pub from: Box<str>,
    /// The image to write.
    pub to: String,
}

/// Everything that one write does to a workload. It leaves no choice to whoever executes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPatch {
    /// The object, by uid.
    pub id: WorkloadId,
    /// Which version of it the patch was made from; see [`Workload::resource_version`].
    pub resource_version: u64,
    /// The container that the patch is about, guarded even when its image stays.
    pub guard: Option<ImageChange>,
    /// Whether the guarded container's image is written.
    pub writes_image: bool,
    /// Our annotations.
    pub annotations: Vec<AnnotationChange>,
    /// Annotations of ours that are to say still what they said: names without the prefix, and values.
    pub unchanged: Vec<(String, Option<String>)>,
}

impl WorkloadPatch {
    /// A patch that writes nothing yet.
    #[must_use]
    pub fn of(workload: &Workload) -> Self {
        Self {
            id: workload.id.clone(),
            resource_version: workload.resource_version,
            guard: None,
            writes_image: false,
            annotations: Vec::new(),
            unchanged: Vec::new(),
        }
    }

    /// Only applies while these annotations say what they say now, whether they are there or not.
    #[must_use]
    pub fn while_unchanged(mut self, workload: &Workload, names: impl Iterator<Item = String>) -> Self {
        self.unchanged.extend(names.map(|name| {
            let value = workload.annotation(&name).map(str::to_owned);
            (name, value)
        }));
        self
    }

    /// Only applies while `container` runs the image it runs now.
    #[must_use]
    pub fn guarded_by(mut self, workload: &Workload, container: &str) -> Self {
        self.guard = workload.container(container).map(|(index, found)| ImageChange {
            index,
            container: found.name.clone(),
            from: found.image.clone(),
            to: found.image.to_string(),
        });
        self
    }

    /// Writes the guarded container's image.
    #[must_use]
    pub fn image(mut self, to: String) -> Self {
        if let Some(guard) = &mut self.guard {
            guard.to = to;
            self.writes_image = true;
        }
        self
    }

    /// Sets or removes one of our annotations; a value that is there already is no change.
    #[must_use]
    pub fn set(mut self, workload: &Workload, name: &str, new: Option<String>) -> Self {
        let old = workload.annotation(name);
        if old != new.as_deref() {
            self.annotations.push(AnnotationChange { name: name.to_owned(), old: old.map(str::to_owned), new });
        }
        self
    }

    /// Whether it would write nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.writes_image && self.annotations.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A Deployment `shop/web` whose first container is `web`.
    pub(crate) fn workload(images: &[(&str, &str)], annotations: &[(&str, &str)]) -> Workload {
        let mut annotations: Vec<(Box<str>, Box<str>)> =
            annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        annotations.sort();
        Workload {
            id: WorkloadId {
                namespace: "shop".into(),
                kind: Kind::Deployment,
                name: "web".into(),
                uid: "uid-1".into(),
            },
            resource_version: 1,
            annotations: annotations.into(),
            template_names: Box::default(),
            containers: images
                .iter()
                .map(|(name, image)| Container { name: (*name).into(), image: (*image).into() })
                .collect(),
            pull_secrets: Box::default(),
            rollout: Rollout::Complete,
            paused: false,
            owner: None,
        }
    }

    #[test]
    fn state_of_other_containers_carries_their_name() {
        let workload = workload(&[("web", "web:1.0.0"), ("log", "log:1.0.0")], &[("current-version.log", "1.0.0")]);
        assert_eq!(workload.state_key("current-version", "web"), "current-version");
        assert_eq!(workload.state("current-version", "log"), Some("1.0.0"));
        assert_eq!(workload.state("current-version", "web"), None);
    }

    #[test]
    fn a_patch_remembers_what_it_saw_and_skips_what_is_so_already() {
        let workload = workload(&[("web", "web:1.0.0")], &[("error", "old"), ("mode", "NOTIFICATION")]);
        let patch = WorkloadPatch::of(&workload).set(&workload, "error", None).set(
            &workload,
            "mode",
            Some("NOTIFICATION".into()),
        );
        assert_eq!(patch.annotations, [AnnotationChange { name: "error".into(), old: Some("old".into()), new: None }]);
        assert!(!patch.is_empty());
        assert!(WorkloadPatch::of(&workload).guarded_by(&workload, "web").is_empty());
    }
}
