//! Metadata, less what is not looked at, and what it says of who writes and who owns.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference, Time};
use serde::Deserialize;
use serde::de::Deserializer;

use super::super::fields::OfTemplate;
use super::super::request::FIELD_MANAGER;
use super::super::writers;
use crate::domain::owner::{ImageOwner, Owner, TRACKING_ID};
use crate::domain::request::COMMAND;
use crate::domain::workload::Kind;

/// Metadata without the fields of `managedFields`, which are often the larger part of an object; of who writes it, only those
/// are looked at here that tell of its owner.
pub(super) fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Metadata {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        generation: Option<i64>,
        labels: Option<BTreeMap<String, String>>,
        annotations: Option<BTreeMap<String, String>>,
        creation_timestamp: Option<Time>,
        deletion_timestamp: Option<Time>,
        managed_fields: Vec<Writer>,
        owner_references: Vec<Controller>,
    }
    let read = Metadata::deserialize(deserializer)?;
    let template = read.managed_fields.iter().filter_map(Writer::of_template).max_by_key(|time| time.0);
    let writers = read.managed_fields.into_iter().filter_map(Writer::telling).take(MOST_WRITERS);
    let template = template.map(|time| ManagedFieldsEntry { time: Some(time), ..ManagedFieldsEntry::default() });
    let writers: Vec<_> = writers.chain(template).collect();
    let controller = read.owner_references.into_iter().find(|owner| owner.controller);
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        labels: read.labels,
        annotations: read.annotations,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        managed_fields: (!writers.is_empty()).then_some(writers),
        owner_references: controller.map(|Controller { kind, name, uid, .. }| {
            vec![OwnerReference { kind, name, uid, controller: Some(true), ..OwnerReference::default() }]
        }),
        ..ObjectMeta::default()
    })
}

/// Whose writes are no edits of a pod template: ours, and those of controllers, which fill in what nobody said.
const NO_EDITORS: [&str; 5] =
    [FIELD_MANAGER, COMMAND, "kube-controller-manager", "argo-rollouts", "rollouts-controller"];

/// So many entries of `managedFields` that tell of an owner are read.
const MOST_WRITERS: usize = 8;

/// An entry of `managedFields`, less its fields.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Writer {
    manager: String,
    operation: String,
    subresource: String,
    time: Option<Time>,
    fields_v1: OfTemplate,
}

impl Writer {
    /// When another than us wrote the pod template, where this is of that.
    fn of_template(&self) -> Option<Time> {
        let is_edit = self.fields_v1.0 && self.subresource.is_empty() && !NO_EDITORS.contains(&&*self.manager);
        self.time.clone().filter(|_| is_edit)
    }

    fn telling(self) -> Option<ManagedFieldsEntry> {
        let Self { manager, operation, .. } = self;
        let none = ManagedFieldsEntry::default();
        let tells = Owner::is_told_by(&manager);
        tells.then_some(ManagedFieldsEntry { manager: Some(manager), operation: Some(operation), ..none })
    }
}

/// An owner reference.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Controller {
    kind: String,
    name: String,
    uid: String,
    controller: bool,
}

/// When another than us wrote the pod template last: the one entry that is kept with its time.
pub(super) fn template_by_others(metadata: &ObjectMeta) -> Option<DateTime<Utc>> {
    let time = metadata.managed_fields.iter().flatten().find_map(|entry| entry.time.as_ref())?;
    DateTime::from_timestamp(time.0.as_second(), 0)
}

/// What its owner reference, labels, annotations and writers say about who owns it; a controller acts at once.
pub(super) fn owner(metadata: &ObjectMeta, kind: Kind) -> Option<Box<Owner>> {
    let label = |key: &str| metadata.labels.as_ref()?.get(key).map(String::as_str);
    let place = (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default());
    let is_its =
        |key: &str, value: &str| key != TRACKING_ID || Owner::is_tracked(value, (kind.group(), kind.as_str()), place);
    let annotation = |key: &str| {
        let value = metadata.annotations.as_ref()?.get(key)?;
        is_its(key, value).then_some(value.as_str())
    };
    let controller = metadata.owner_references.iter().flatten().next();
    if let Some(OwnerReference { kind, name, .. }) = controller {
        return Some(Box::new(Owner::controller(kind, name)));
    }
    let writers: Vec<ImageOwner> = metadata.managed_fields.iter().flatten().filter_map(writers::read).collect();
    let found = Owner::read(label, annotation);
    Owner::written_by(found, &writers, label("app.kubernetes.io/instance")).map(Box::new)
}
