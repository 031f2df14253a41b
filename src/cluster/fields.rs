//! The fields of a workload's object that are read: small, as all else is skipped while it is parsed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::domain::rollout::pods::sentence;
use crate::domain::rollout::{Progress, Refusal, Stall};
use crate::domain::workload::{Container, PREFIX, Place};

/// The parts of `spec` that matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) replicas: Option<i32>,
    pub(super) paused: bool,
    /// A Deployment's own deadline, in seconds.
    pub(super) progress_deadline_seconds: Option<i32>,
    /// A StatefulSet's.
    pub(super) update_strategy: UpdateStrategy,
    pub(super) ordinals: Ordinals,
    pub(super) template: Template,
}

/// How a StatefulSet numbers its pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ordinals {
    pub(super) start: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct UpdateStrategy {
    pub(super) r#type: String,
    pub(super) rolling_update: RollingUpdate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RollingUpdate {
    pub(super) partition: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    pub(super) metadata: PodMetadata,
    pub(super) spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodMetadata {
    pub(super) annotations: Option<OurNames>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    containers: Vec<PodContainer>,
    init_containers: Vec<PodContainer>,
    pub(super) image_pull_secrets: Vec<Named>,
    service_account_name: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodContainer {
    name: Box<str>,
    image: Box<str>,
    restart_policy: Box<str>,
}

impl PodSpec {
    /// The ServiceAccount whose pull secrets are copied into its pods: those that name one of their own, of whatever name,
    /// get none.
    pub(super) fn service_account(&self) -> Option<&str> {
        let name = if self.service_account_name.is_empty() { "default" } else { &self.service_account_name };
        self.image_pull_secrets.is_empty().then_some(name)
    }

    /// The containers of all lists.
    pub(super) fn all(&self) -> impl Iterator<Item = Container> {
        let record =
            |place, found: &PodContainer| Container { name: found.name.clone(), image: found.image.clone(), place };
        let main = self.containers.iter().map(move |found| record(Place::Main, found));
        let place =
            |found: &PodContainer| if &*found.restart_policy == "Always" { Place::Sidecar } else { Place::Init };
        main.chain(self.init_containers.iter().map(move |found| record(place(found), found)))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: Box<str>,
}

/// Of all annotations the names that are ours, without their prefix, sorted: so many that their author sees what is
/// wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct OurNames(pub(super) Vec<Box<str>>);

/// How many of them are kept, and as many of those that mean nothing on the workload itself.
pub(super) const MOST_NAMES: usize = 16;
/// How much is kept of a name that means nothing, in characters: longer than any that means something.
pub(super) const LONGEST_NAME: usize = 100;

pub(super) fn bounded(name: &str) -> Box<str> {
    name.chars().take(LONGEST_NAME).collect::<String>().into()
}

impl<'de> Deserialize<'de> for OurNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = OurNames;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OurNames, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'_, str>, _>()? {
                    names.extend(name.strip_prefix(PREFIX).filter(|_| names.len() < MOST_NAMES).map(bounded));
                }
                names.sort_unstable();
                Ok(OurNames(names))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

/// The parts of `status` that matter, of all kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) observed_generation: i64,
    pub(super) replicas: i32,
    pub(super) updated_replicas: i32,
    pub(super) available_replicas: i32,
    pub(super) current_revision: String,
    pub(super) update_revision: String,
    conditions: Vec<Condition>,
}

impl Status {
    /// What the cluster says where it has given up.
    pub(super) fn stall(&self) -> Option<Stall> {
        let exceeded = |c: &&Condition| {
            c.r#type == "Progressing" && c.status == "False" && &*c.reason == "ProgressDeadlineExceeded"
        };
        self.conditions.iter().find(exceeded).map(|c| Stall {
            reason: c.reason.clone(),
            message: sentence(&c.message),
            since: c.last_update_time.clone(),
            progress: Progress::default(),
        })
    }

    /// What the API server says where it refuses pods.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let refuses = |c: &&Condition| c.r#type == "ReplicaFailure" && c.status == "True";
        let refusal = |c: &Condition| Refusal { reason: sentence(&c.reason), message: sentence(&c.message) };
        self.conditions.iter().find(refuses).map(refusal)
    }

    /// Whether a Deployment was complete once, after which its controller never gives up.
    pub(super) fn was_complete(&self) -> bool {
        self.conditions.iter().any(|c| c.r#type == "Progressing" && &*c.reason == "NewReplicaSetAvailable")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Condition {
    r#type: String,
    status: String,
    reason: Box<str>,
    message: Box<str>,
    last_update_time: Box<str>,
}
