//! Pods as far as they are read, and the small record that is kept of them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, Resource};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::domain::rollout::pods::{ContainerStatus, Exit, Pod, Said, Standing, Troubled, sentence};
use crate::domain::workload::{self, Kind, MOST_CONTAINERS};

/// The workload that a pod belongs to, as far as the pod itself tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) name: Box<str>,
}

/// A pod less everything that is not looked at: what is left out is skipped while it is parsed.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cluster) struct Object {
    #[serde(deserialize_with = "metadata")]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

impl Resource for Object {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'static, str> {
        "Pod".into()
    }
    fn group((): &()) -> Cow<'static, str> {
        "".into()
    }
    fn version((): &()) -> Cow<'static, str> {
        "v1".into()
    }
    fn plural((): &()) -> Cow<'static, str> {
        "pods".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata.object
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata.object
    }
}

#[derive(Clone, Debug)]
struct Metadata {
    object: ObjectMeta,
    is_leaving: bool,
    made: Option<DateTime<Utc>>,
    owner: Option<Owner>,
    /// The uid of its controller.
    controller: Option<Box<str>>,
    /// The revision of its controller that it is of.
    revision: Option<Box<str>>,
}

/// What is kept of the metadata: who it is, and to whom it belongs.
fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Read {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        creation_timestamp: Option<Box<str>>,
        deletion_timestamp: Option<Box<str>>,
        labels: Option<Labels>,
        owner_references: Vec<Reference>,
    }
    let Read {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        deletion_timestamp,
        labels,
        owner_references,
    } = Read::deserialize(deserializer)?;
    let made = moment(creation_timestamp.as_deref());
    let labels = labels.unwrap_or_default();
    let controller = owner_references.into_iter().find(|it| it.controller);
    let owner = controller.as_ref().and_then(|it| it.owner(&labels));
    let object = ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() };
    let (is_leaving, controller) = (deletion_timestamp.is_some(), controller.map(|it| it.uid));
    Ok(Metadata { object, is_leaving, made, owner, controller, revision: labels.revision })
}

/// The labels by which controllers tell revisions.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "pod-template-hash")]
    deployment: Option<Box<str>>,
    #[serde(rename = "rollouts-pod-template-hash")]
    rollout: Option<Box<str>>,
    #[serde(rename = "controller-revision-hash")]
    revision: Option<Box<str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reference {
    kind: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    controller: bool,
}

impl Reference {
    /// The workload behind it. What stands between the two is named after it: `<deployment>-<hash>`, `<cronjob>-<minutes>`.
    fn owner(&self, labels: &Labels) -> Option<Owner> {
        let before = |hash: &str| self.name.strip_suffix(hash)?.strip_suffix('-').map(Box::from);
        let (kind, name) = match (&*self.kind, &labels.rollout, &labels.deployment) {
            ("ReplicaSet", Some(hash), _) => ("Rollout", before(hash)?),
            ("ReplicaSet", None, Some(hash)) => ("Deployment", before(hash)?),
            ("Job", ..) => {
                let (name, minutes) = self.name.rsplit_once('-')?;
                let is_scheduled = !minutes.is_empty() && minutes.bytes().all(|byte| byte.is_ascii_digit());
                is_scheduled.then_some(("CronJob", name.into()))?
            }
            (kind, ..) => (kind, self.name.clone()),
        };
        Some(Owner { kind: Kind::named(kind)?, name })
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: Box<str>,
    image: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Volume {
    name: Box<str>,
    image: Option<ImageVolume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ImageVolume {
    reference: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    phase: Box<str>,
    reason: Box<str>,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<StatusOfContainer>,
    container_statuses: Vec<StatusOfContainer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    r#type: Box<str>,
    status: Box<str>,
    reason: Box<str>,
    message: Box<str>,
    last_transition_time: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StatusOfContainer {
    name: Box<str>,
    restart_count: i32,
    state: State,
    last_state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<IgnoredAny>,
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: Box<str>,
    message: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    exit_code: i32,
    reason: Box<str>,
    message: Box<str>,
    finished_at: Option<Box<str>>,
}

fn moment(text: Option<&str>) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text?).ok().map(|at| at.to_utc())
}

impl Condition {
    fn said(&self) -> Said {
        Said::new(&self.reason, &self.message)
    }
}

impl StatusOfContainer {
    fn has_run(&self) -> bool {
        // What could not be started at all has ended too, before it began.
        let ended = |state: &State| state.terminated.as_ref().is_some_and(|it| &*it.reason != "StartError");
        self.state.running.is_some() || ended(&self.state) || ended(&self.last_state)
    }

    /// What is kept of it; `None` where nothing is to be said.
    fn record(&self) -> Option<ContainerStatus> {
        let waits = self.state.waiting.as_ref().filter(|it| !is_ordinary(&it.reason));
        if waits.is_none() && self.restart_count == 0 {
            return None;
        }
        let exit = self.state.terminated.as_ref().or(self.last_state.terminated.as_ref()).map(Terminated::exit);
        Some(ContainerStatus {
            name: self.name.clone(),
            restarts: self.restart_count,
            waits: waits.map(|it| Said::new(&it.reason, &it.message)),
            exit,
        })
    }
}

impl Terminated {
    fn exit(&self) -> Exit {
        Exit {
            code: self.exit_code,
            word: sentence(&self.reason),
            message: sentence(&self.message),
            at: moment(self.finished_at.as_deref()),
        }
    }
}

/// What every container waits for before anything has happened.
fn is_ordinary(reason: &str) -> bool {
    matches!(reason, "" | "ContainerCreating" | "PodInitializing")
}

impl Object {
    /// Where it is.
    pub(in crate::cluster) fn name(&self) -> &str {
        self.metadata.object.name.as_deref().unwrap_or_default()
    }

    /// The workload that it belongs to, where that is of a kind that is watched.
    pub(super) fn owner(&self) -> Option<&Owner> {
        self.metadata.owner.as_ref()
    }

    /// Which one of its name it is, and when it was last written.
    pub(in crate::cluster) fn identity(&self) -> Option<(&str, &str)> {
        Some((self.metadata.object.uid.as_deref()?, self.metadata.object.resource_version.as_deref()?))
    }

    /// Whether the object with this uid made it.
    pub(in crate::cluster) fn is_owned_by(&self, uid: &str) -> bool {
        self.metadata.controller.as_deref() == Some(uid)
    }

    /// The revision of its `StatefulSet` that it is of.
    pub(in crate::cluster) fn revision(&self) -> Option<&str> {
        self.metadata.revision.as_deref()
    }

    /// Whether any of its containers has ever run, init containers that run something else than `images` aside.
    pub(in crate::cluster) fn has_run(&self, images: &[(&str, &str)]) -> bool {
        let is_ours = |name: &str| images.iter().any(|(container, _)| *container == name);
        let first = self.status.init_container_statuses.iter().filter(|it| is_ours(&it.name));
        first.chain(&self.status.container_statuses).any(StatusOfContainer::has_run)
    }

    /// What is kept of it.
    pub(in crate::cluster) fn record(&self) -> Pod {
        let images = || {
            let containers = self.spec.containers.iter().chain(&self.spec.init_containers);
            let volumes = self.spec.volumes.iter().filter_map(|volume| {
                let image = volume.image.as_ref()?;
                Some((workload::Container::name_of_volume(&volume.name), image.reference.clone()))
            });
            let containers = containers.map(|container| (container.name.clone(), container.image.clone()));
            containers.chain(volumes).take(MOST_CONTAINERS).collect()
        };
        Pod { name: self.name().into(), images: images(), stands: self.stands() }
    }

    fn condition(&self, name: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| *condition.r#type == *name)
    }

    /// The container by which the run of a `CronJob` failed, where nothing is started again in its pod.
    fn failed_container(&self) -> Option<ContainerStatus> {
        let is_run = self.owner().is_some_and(|owner| owner.kind == Kind::CronJob) && &*self.status.phase == "Failed";
        let failed = |it: &StatusOfContainer| {
            let exit = it.state.terminated.as_ref().filter(|ended| ended.exit_code != 0)?.exit();
            Some(ContainerStatus { name: it.name.clone(), restarts: it.restart_count, waits: None, exit: Some(exit) })
        };
        // Where an init container failed, no other was started; a sidecar among them is stopped once the others have ended.
        let mut all = self.status.container_statuses.iter().chain(&self.status.init_container_statuses);
        all.find_map(failed).filter(|_| is_run)
    }

    fn stands(&self) -> Standing {
        let is_true = |name| self.condition(name).is_some_and(|condition| &*condition.status == "True");
        // The node ended it, or it came to its end; a Job says of itself what that means.
        let has_ended = matches!(&*self.status.phase, "Failed" | "Succeeded");
        if self.metadata.is_leaving || is_true("DisruptionTarget") || &*self.status.reason == "Evicted" {
            return Standing::Leaving;
        }
        if has_ended {
            return self.failed_container().map_or(Standing::Leaving, |failed| Standing::Failed(Box::new(failed)));
        }
        let statuses = self.status.init_container_statuses.iter().chain(&self.status.container_statuses);
        let containers: Box<[_]> = statuses.filter_map(StatusOfContainer::record).take(MOST_CONTAINERS).collect();
        let ready = self.condition("Ready");
        let is_ready = ready.filter(|condition| &*condition.status == "True");
        let ready_since = is_ready.and_then(|condition| moment(condition.last_transition_time.as_deref()));
        if is_ready.is_some() && containers.is_empty() {
            return Standing::Ready(ready_since);
        }
        let is_false = |condition: &&Condition| &*condition.status == "False";
        let unscheduled = self.condition("PodScheduled").filter(is_false).map(Condition::said);
        let unready = ready.filter(is_false).map(Condition::said);
        let (made, pulls) = (self.metadata.made, Box::default());
        Standing::Troubled(Box::new(Troubled { made, pulls, ready_since, unscheduled, unready, containers }))
    }
}
