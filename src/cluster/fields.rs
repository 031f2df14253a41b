//! The fields of a workload's object that are read: small, as all else is skipped while it is parsed.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::starting::{self, Affinity, Os, SecurityContext, Selector, Words};
use crate::domain::preflight::Nodes;
use crate::domain::rollout::pods::sentence;
use crate::domain::rollout::{Progress, Refusal, Stall};
use crate::domain::workload::{Container, PREFIX, Place, first_eight};

/// The parts of `spec` that matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    pub(super) replicas: Option<i32>,
    pub(super) paused: bool,
    /// So long a pod has to be ready before it is available, in seconds.
    min_ready_seconds: Option<i32>,
    /// A Deployment's own deadline, in seconds.
    pub(super) progress_deadline_seconds: Option<i32>,
    /// A StatefulSet's.
    pub(super) update_strategy: UpdateStrategy,
    pub(super) pod_management_policy: Box<str>,
    pub(super) ordinals: Ordinals,
    pub(super) template: Template,
    /// A `CronJob`'s.
    pub(super) suspend: bool,
    pub(super) schedule: Box<str>,
    pub(super) concurrency_policy: Box<str>,
    pub(super) job_template: JobTemplate,
    /// A Rollout's.
    pub(super) workload_ref: Raw,
    pub(super) strategy: Raw,
}

impl Spec {
    /// So many seconds a pod has to be ready before it is available.
    pub(super) fn min_ready(&self) -> u32 {
        self.min_ready_seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or_default()
    }
}

/// What a `CronJob` makes its Jobs of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobTemplate {
    pub(super) metadata: PodMetadata,
    pub(super) spec: JobSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct JobSpec {
    pub(super) template: Template,
}

/// What only a Rollout has, as it stands there: it is read by few, and each type that is parsed is code for all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw(Value);

impl Raw {
    /// The object that describes the pods of a Rollout: its API version, kind and name.
    pub(super) fn workload_ref(&self) -> Option<[&str; 3]> {
        let [version, kind, name] = ["apiVersion", "kind", "name"].map(|name| self.0.get(name).and_then(Value::as_str));
        Some([version?, kind?, name?])
    }

    /// Whether the pause of this step of a strategy ends by itself.
    pub(super) fn ends(&self, step: usize) -> bool {
        let duration = self.0.pointer(&format!("/canary/steps/{step}/pause/duration"));
        let promoted = self.0.pointer("/blueGreen/autoPromotionSeconds").and_then(Value::as_i64);
        duration.is_some_and(|duration| !duration.is_null()) || promoted > Some(0)
    }

    /// The reason of the first of several.
    pub(super) fn first_reason(&self) -> Option<&str> {
        self.0.pointer("/0/reason").and_then(Value::as_str)
    }

    /// Whether it is a list of nothing, or no list.
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_array().is_none_or(Vec::is_empty)
    }
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

#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) metadata: PodMetadata,
    pub(super) spec: PodSpec,
    /// Of all that it says beside its images.
    pub(super) rest: u64,
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Read {
            metadata: PodMetadata,
            spec: PodSpec,
        }

        let mut all = Value::deserialize(deserializer)?;
        let Read { metadata, spec } = Read::deserialize(&all).map_err(D::Error::custom)?;
        take_images(&mut all);
        Ok(Self { metadata, spec, rest: first_eight(Sha256::new_with_prefix(all.to_string())) })
    }
}

/// Leaves of a pod template what is no image.
fn take_images(template: &mut Value) {
    let Some(spec) = template.get_mut("spec") else { return };
    for (list, image) in [("containers", "/image"), ("initContainers", "/image"), ("volumes", "/image/reference")] {
        for one in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(image) = one.pointer_mut(image) {
                *image = Value::Null;
            }
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodMetadata {
    pub(super) annotations: Option<OurNames>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    // Custom resources may have null for a list.
    #[serde(deserialize_with = "or_default")]
    containers: Vec<PodContainer>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<PodContainer>,
    #[serde(deserialize_with = "or_default")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "or_default")]
    pub(super) image_pull_secrets: Vec<Named>,
    service_account_name: Box<str>,
    security_context: Option<SecurityContext>,
    node_selector: Option<Selector>,
    affinity: Option<Affinity>,
    os: Option<Os>,
}

/// Reads what may be null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Volume {
    name: Box<str>,
    image: Option<VolumeImage>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct VolumeImage {
    reference: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodContainer {
    name: Box<str>,
    image: Box<str>,
    restart_policy: Box<str>,
    security_context: Option<SecurityContext>,
    command: Words,
    args: Words,
}

impl PodSpec {
    /// The ServiceAccount whose pull secrets are copied into its pods: those that name one of their own, of whatever name,
    /// get none.
    pub(super) fn service_account(&self) -> Option<&str> {
        let name = if self.service_account_name.is_empty() { "default" } else { &self.service_account_name };
        self.image_pull_secrets.is_empty().then_some(name)
    }

    /// Which nodes its pods may go to, where it says so.
    pub(super) fn nodes(&self) -> Option<Nodes> {
        starting::nodes(self.node_selector.as_ref(), self.affinity.as_ref(), self.os.as_ref())
    }

    /// The containers of all lists.
    pub(super) fn all(&self) -> impl Iterator<Item = Container> {
        let record = move |place, found: &PodContainer| Container {
            name: found.name.clone(),
            image: found.image.clone(),
            place,
            start: SecurityContext::start(self.security_context, found.security_context, found.command, found.args),
        };
        let main = self.containers.iter().map(move |found| record(Place::Main, found));
        let place =
            |found: &PodContainer| if &*found.restart_policy == "Always" { Place::Sidecar } else { Place::Init };
        let first = self.init_containers.iter().map(move |found| record(place(found), found));
        let volumes = (0..).zip(&self.volumes).filter_map(|(index, volume): (u32, &Volume)| {
            let reference = &volume.image.as_ref()?.reference;
            (!reference.is_empty()).then(|| Container::volume(&volume.name, reference, index))
        });
        main.chain(first).chain(volumes)
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

/// Whether fields, as `managedFields` has them, are of a description of pods.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfTemplate(pub(super) bool);

impl<'de> Deserialize<'de> for OfTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The names of `f:spec` that hold one.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Fields {
            #[serde(rename = "f:spec")]
            spec: Option<Held>,
        }

        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Held {
            #[serde(rename = "f:template")]
            template: Option<IgnoredAny>,
            #[serde(rename = "f:jobTemplate")]
            job: Option<IgnoredAny>,
        }

        let Fields { spec } = Option::deserialize(deserializer)?.unwrap_or_default();
        Ok(Self(spec.is_some_and(|spec| spec.template.is_some() || spec.job.is_some())))
    }
}

/// The parts of `status` that matter, of all kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    /// A text where it is a Rollout's.
    #[serde(deserialize_with = "number")]
    pub(super) observed_generation: i64,
    pub(super) replicas: i32,
    pub(super) updated_replicas: i32,
    pub(super) available_replicas: i32,
    pub(super) current_revision: String,
    pub(super) update_revision: String,
    /// A `DaemonSet`'s.
    pub(super) desired_number_scheduled: i32,
    pub(super) updated_number_scheduled: i32,
    pub(super) number_available: i32,
    /// A `CronJob`'s.
    active: Raw,
    last_schedule_time: Box<str>,
    last_successful_time: Box<str>,
    /// A Rollout's.
    pub(super) phase: Box<str>,
    pub(super) current_pod_hash: Box<str>,
    #[serde(rename = "stableRS")]
    pub(super) stable_rs: Box<str>,
    pub(super) controller_pause: bool,
    pub(super) pause_conditions: Raw,
    pub(super) current_step_index: usize,
    /// The generation of the object that describes its pods.
    #[serde(deserialize_with = "number")]
    pub(super) workload_observed_generation: i64,
    /// A Job's.
    pub(super) ready: i32,
    conditions: Vec<Condition>,
}

/// Reads it by way of a value: it is small, and each way in which a type is read is code of its own.
pub(super) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    Status::deserialize(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// A number, or a text that is one; 0 where it is neither.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
            Ok(number)
        }

        fn visit_u64<E>(self, number: u64) -> Result<i64, E> {
            Ok(i64::try_from(number).unwrap_or_default())
        }

        fn visit_str<E>(self, text: &str) -> Result<i64, E> {
            Ok(text.parse().unwrap_or_default())
        }

        fn visit_unit<E>(self) -> Result<i64, E> {
            Ok(0)
        }
    }

    deserializer.deserialize_any(Number)
}

/// A time as the API server writes it.
fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

impl Status {
    /// For when the last run of a `CronJob` was scheduled, if it ended well and no other goes on.
    pub(super) fn ended_well(&self) -> Option<DateTime<Utc>> {
        let (scheduled, ended) = (time(&self.last_schedule_time)?, time(&self.last_successful_time)?);
        (self.active.is_empty() && ended >= scheduled).then_some(scheduled)
    }

    /// What the cluster says where it has given up.
    pub(super) fn stall(&self) -> Option<Stall> {
        let exceeded = |c: &&Condition| c.is("Progressing", "False") && &*c.reason == "ProgressDeadlineExceeded";
        self.conditions.iter().find(exceeded).map(Condition::stall)
    }

    /// What a condition of a Job says that holds.
    pub(super) fn condition(&self, word: &str) -> Option<Stall> {
        self.conditions.iter().find(|it| it.is(word, "True")).map(Condition::stall)
    }

    /// What the controller of a Rollout says where it has given up.
    pub(super) fn degraded(&self) -> Option<Stall> {
        let given_up = |c: &&Condition| {
            c.is("InvalidSpec", "True")
                || c.is("Progressing", "False") && matches!(&*c.reason, "RolloutAborted" | "ProgressDeadlineExceeded")
        };
        self.conditions.iter().find(given_up).map(Condition::stall)
    }

    /// What the API server says where it refuses pods, or the `ReplicaSet` that would make them.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let no_set = |c: &Condition| c.is("Progressing", "False") && &*c.reason == "ReplicaSetCreateError";
        let refusal = |c: &Condition| {
            let reason = if no_set(c) { "FailedCreate".into() } else { sentence(&c.reason) };
            Refusal { reason, message: sentence(&c.message) }
        };
        let refuses = |c: &&Condition| c.is("ReplicaFailure", "True") || no_set(c);
        self.conditions.iter().find(refuses).map(refusal)
    }

    /// Whether a Deployment was complete once, after which its controller never gives up.
    pub(super) fn was_complete(&self) -> bool {
        self.conditions.iter().any(|c| &*c.r#type == "Progressing" && &*c.reason == "NewReplicaSetAvailable")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Condition {
    r#type: Box<str>,
    status: Box<str>,
    reason: Box<str>,
    message: Box<str>,
    last_update_time: Box<str>,
    /// Of kinds whose conditions have no other time.
    last_transition_time: Box<str>,
}

impl Condition {
    fn is(&self, word: &str, status: &str) -> bool {
        *self.r#type == *word && *self.status == *status
    }

    fn stall(&self) -> Stall {
        let times = [&self.last_update_time, &self.last_transition_time];
        let since = times.into_iter().find(|time| !time.is_empty());
        Stall {
            reason: self.reason.clone(),
            message: sentence(&self.message),
            since: since.cloned().unwrap_or_default(),
            progress: Progress::default(),
            refusal: None,
        }
    }
}
