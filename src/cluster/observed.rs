//! Kubernetes objects as far as we read them, and the record that is kept of them.

mod metadata;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{DynamicResourceScope, Resource};
use serde::Deserialize;

use super::fields::{MOST_NAMES, Named, OurNames, Spec, Status, Template, bounded, status};
use super::kinds::Row;
use super::referrer::Referrer;
use metadata::{metadata, owner, template_by_others};

use crate::domain::change_cause::{ANNOTATION, remembered};
use crate::domain::defaults::{Defaults, Inherited, Labels};
use crate::domain::kept::kept;
use crate::domain::rollout::Rollout;
use crate::domain::settings::{is_state, keeps_value};
use crate::domain::workload::{Container, Kind, MOST_CONTAINERS, PREFIX, Workload, WorkloadId};

/// An object of any kind that is watched, less everything that is not looked at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Object {
    #[serde(deserialize_with = "metadata")]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default, deserialize_with = "status")]
    status: Status,
}

impl Resource for Object {
    type DynamicType = &'static Row;
    type Scope = DynamicResourceScope;

    fn kind(row: &&'static Row) -> Cow<'static, str> {
        row.kind.as_str().into()
    }
    fn group(row: &&'static Row) -> Cow<'static, str> {
        row.kind.group().into()
    }
    fn version(row: &&'static Row) -> Cow<'static, str> {
        row.kind.version().into()
    }
    fn plural(row: &&'static Row) -> Cow<'static, str> {
        row.kind.plural().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Object {
    /// The record of an object that carries an annotation of ours which is not our own record, or inherits a setting; `None`
    /// for any other, and of one that is being deleted.
    pub(super) fn record(&self, row: &Row, defaults: &Defaults) -> Option<Workload> {
        let metadata = &self.metadata;
        let template = (row.pods.template)(&self.spec);
        let namespace = metadata.namespace.as_deref()?;
        if self.is_going() || !defaults.watches(namespace) {
            return None;
        }
        let template_names = self.names_elsewhere(template);
        let is_named =
            !template_names.is_empty() || ours(metadata.annotations.as_ref()).any(|(name, _)| !is_state(name));
        let pod = &template.spec;
        let of_pod = || -> Box<[Container]> { pod.all().take(MOST_CONTAINERS + 1).collect() };
        let mut containers = is_named.then(of_pod);
        let inherited = if defaults.gives_to(namespace) {
            let containers = containers.get_or_insert_with(of_pod);
            let containers = containers.iter().map(|container| (&*container.name, &*container.image));
            defaults.inherited(namespace, &labels(metadata), &containers)
        } else {
            None
        };
        if !is_named && inherited.is_none() {
            return None;
        }
        self.workload(row, containers.unwrap_or_default(), inherited)
    }

    /// The same of an object that is not watched, whatever it carries.
    pub(super) fn unwatched(&self, row: &Row) -> Option<Workload> {
        let containers = (row.pods.template)(&self.spec).spec.all().take(MOST_CONTAINERS + 1).collect();
        self.workload(row, containers, None)
    }

    fn workload(&self, row: &Row, containers: Box<[Container]>, inherited: Option<Box<Inherited>>) -> Option<Workload> {
        let (metadata, template) = (&self.metadata, (row.pods.template)(&self.spec));
        let (template_names, pod) = (self.names_elsewhere(template), &template.spec);
        let annotations = what_is_kept(metadata.annotations.as_ref(), &containers);
        Some(Workload {
            id: self.id(row)?,
            generation: self.metadata.generation.unwrap_or_default(),
            resource_version: metadata.resource_version.as_deref().and_then(|rv| rv.parse().ok()).unwrap_or(0),
            annotations,
            inherited,
            template_names: template_names.into(),
            change_cause: metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION)).map(|it| remembered(it)),
            is_annotated: metadata.annotations.as_ref().is_some_and(|all| !all.is_empty()),
            containers,
            pull_secrets: pull_secrets(&pod.image_pull_secrets),
            service_account: pod.service_account().filter(|name| is_subdomain(name)).map(Box::from),
            nodes: pod.nodes().map(Box::new),
            rollout: self.rollout(row),
            template_by_others: template_by_others(metadata),
            made: self.made(),
            rest_of_template: template.rest,
            paused: self.spec.paused,
            owner: owner(metadata, row.kind),
        })
    }

    /// Whether it is being deleted, which nothing takes back: its controller rolls nothing out any more, however long a finalizer
    /// or a pod that does not end keeps the object.
    pub(super) fn is_going(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether it carries our own record.
    pub(super) fn is_recorded(&self) -> bool {
        ours(self.metadata.annotations.as_ref()).any(|(name, _)| name == "record")
    }

    /// The labels and annotations of these names, whether it is watched or not.
    pub(super) fn marked(&self, row: &Row, is_wanted: impl Fn(&str) -> bool) -> Option<Marked> {
        let of = |all: Option<&BTreeMap<String, String>>| -> BTreeMap<String, String> {
            let all = all.into_iter().flatten().filter(|(name, _)| is_wanted(name));
            all.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let (labels, annotations) = (of(self.metadata.labels.as_ref()), of(self.metadata.annotations.as_ref()));
        let containers = (row.pods.template)(&self.spec).spec.all().take(MOST_CONTAINERS + 1).collect();
        Some(Marked { id: self.id(row)?, labels, annotations, containers })
    }

    /// Which object it is.
    pub(super) fn id(&self, row: &Row) -> Option<WorkloadId> {
        let metadata = &self.metadata;
        Some(WorkloadId {
            namespace: metadata.namespace.as_deref()?.into(),
            kind: row.kind,
            name: metadata.name.as_deref()?.into(),
            uid: metadata.uid.as_deref()?.into(),
        })
    }

    /// How the newest revision stands.
    fn rollout(&self, row: &Row) -> Rollout {
        (row.rollout)(self.metadata.generation.unwrap_or(0), &self.spec, &self.status)
    }

    /// Our names where they are not read: on the pod template, and on the one that a `CronJob` makes its Jobs of.
    fn names_elsewhere(&self, template: &Template) -> Vec<Box<str>> {
        let all = [&template.metadata, &self.spec.job_template.metadata].map(|it| it.annotations.clone());
        let mut names: Vec<Box<str>> = all.into_iter().flatten().flat_map(|OurNames(names)| names).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(MOST_NAMES);
        names
    }

    /// What a Rollout says of the Deployment that describes its pods.
    pub(super) fn refers(&self, row: &Row) -> Option<Referrer> {
        let [api_version, kind, name] = self.spec.workload_ref.workload_ref()?;
        let is_it = kind == Kind::Deployment.as_str() && api_version.starts_with("apps/");
        (row.kind == Kind::Rollout && is_it).then(|| Referrer {
            deployment: name.into(),
            observed: self.status.workload_observed_generation,
            rollout: self.rollout(row),
            paused: self.spec.paused,
        })
    }

    /// Whether no run of a `CronJob` begins while another goes on.
    pub(super) fn runs_one_at_a_time(&self) -> bool {
        &*self.spec.concurrency_policy == "Forbid"
    }

    /// Whether a `StatefulSet` replaces its pods by itself, one after the other, and waits for each.
    pub(super) fn replaces_in_order(&self) -> bool {
        let strategy = &*self.spec.update_strategy.r#type;
        matches!(strategy, "RollingUpdate" | "") && &*self.spec.pod_management_policy != "Parallel"
    }

    /// Whether pods are replaced when people delete them, and not before.
    pub(super) fn replaces_on_delete(&self) -> bool {
        &*self.spec.update_strategy.r#type == "OnDelete"
    }

    /// The revision that a `StatefulSet` makes its pods of; `None` as long as its controller has not seen the newest change.
    pub(super) fn wanted_revision(&self) -> Option<&str> {
        let is_seen = self.status.observed_generation >= self.metadata.generation.unwrap_or_default();
        is_seen.then_some(&*self.status.update_revision).filter(|revision| !revision.is_empty())
    }

    /// See [`Status::ended_well`].
    pub(super) fn ended_well(&self) -> Option<DateTime<Utc>> {
        self.status.ended_well()
    }

    /// Whether a Job is a run of the `CronJob` with this uid.
    pub(super) fn is_owned_by(&self, uid: &str) -> bool {
        let owners = self.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
    }

    /// Name, uid and version, as it was read.
    pub(super) fn identity(&self) -> Option<(&str, &str, &str)> {
        let metadata = &self.metadata;
        Some((metadata.name.as_deref()?, metadata.uid.as_deref()?, metadata.resource_version.as_deref()?))
    }

    /// Whether a Job has come to its end.
    pub(super) fn has_ended(&self) -> bool {
        ["Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"]
            .into_iter()
            .any(|word| self.status.condition(word).is_some())
    }

    /// When a Job was made, and how it stands.
    pub(super) fn as_run(&self) -> Option<(DateTime<Utc>, &Status)> {
        Some((self.made()?, &self.status))
    }

    /// Whether a Job makes no pods, as somebody wants it.
    pub(super) fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn made(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.metadata.creation_timestamp.as_ref()?.0.as_second(), 0)
    }

    /// The containers of what has its pod template as most kinds have it.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container> {
        self.spec.template.spec.all().take(MOST_CONTAINERS + 1)
    }
}

fn labels(metadata: &ObjectMeta) -> Labels {
    let all = metadata.labels.iter().flatten();
    all.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}

/// Annotations that are ours, without their prefix.
pub(super) fn ours(all: Option<&BTreeMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    all.into_iter().flatten().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
}

/// What is kept of the annotations of a workload with these containers: those that are read, and of those that mean nothing
/// so many names that their author sees what is wrong.
pub(super) fn what_is_kept(
    all: Option<&BTreeMap<String, String>>,
    containers: &[Container],
) -> Box<[(Box<str>, Box<str>)]> {
    let is_container = |name: &str| containers.iter().any(|container| *container.name == *name);
    let (read, rest): (Vec<_>, Vec<_>) = ours(all).partition(|(name, _)| keeps_value(name, is_container));
    let told = rest.into_iter().map(|(name, _)| name).filter(|name| !is_state(name)).take(MOST_NAMES);
    let told: Vec<Box<str>> = told.map(bounded).collect();
    kept(read.into_iter().chain(told.iter().map(|name| (&**name, ""))).collect())
}

/// A workload, and what of its labels and annotations was asked for, whether it is watched or not.
#[derive(Debug)]
pub struct Marked {
    /// Which object.
    pub id: WorkloadId,
    /// Of its labels, by their whole names.
    pub labels: BTreeMap<String, String>,
    /// Of its annotations, by their whole names.
    pub annotations: BTreeMap<String, String>,
    /// The containers of its pods.
    pub containers: Vec<Container>,
}

/// The most pull secrets of a workload that are read.
const MOST_PULL_SECRETS: usize = 8;

/// The first names that can be names of objects (DNS-1123 subdomains), each once.
pub(super) fn pull_secrets(named: &[Named]) -> Box<[Box<str>]> {
    let mut names: Vec<Box<str>> = Vec::new();
    for Named { name } in named {
        if names.len() < MOST_PULL_SECRETS && is_subdomain(name) && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.into()
}

fn is_subdomain(name: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_alphanumeric)
            && label.ends_with(is_alphanumeric)
            && label.chars().all(|c| is_alphanumeric(c) || c == '-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
pub(super) mod tests;
