//! Kubernetes objects as far as we read them, and the record that is kept of them.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, Resource};
use serde::Deserialize;

use crate::domain::owner::Owner;
use crate::domain::settings::{is_ours, is_setting};
use crate::domain::workload::{Container, Kind, PREFIX, Rollout, Workload, WorkloadId, remembered};

/// The parts of `spec` that matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    replicas: Option<i32>,
    paused: bool,
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    containers: Vec<PodContainer>,
    image_pull_secrets: Vec<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodContainer {
    name: Box<str>,
    image: Box<str>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Box<str>,
}

/// The parts of `status` that matter, of both kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    observed_generation: i64,
    replicas: i32,
    updated_replicas: i32,
    available_replicas: i32,
    current_revision: String,
    update_revision: String,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    r#type: String,
    status: String,
    reason: Box<str>,
    message: Box<str>,
}

/// A kind that can be watched, and made a record of.
pub(super) trait Observed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + serde::de::DeserializeOwned
    + Send
    + 'static
{
    const KIND: Kind;
    fn spec(&self) -> &Spec;
    fn status(&self) -> &Status;

    /// The record of an object that carries one of our settings; `None` for any other.
    fn record(&self) -> Option<Workload> {
        let metadata = self.meta();
        let named = || metadata.annotations.iter().flatten().filter_map(|(k, v)| Some((k.strip_prefix(PREFIX)?, v)));
        if !named().any(|(name, _)| is_setting(name)) {
            return None;
        }
        let pod = &self.spec().template.spec;
        let is_container = |name: &str| pod.containers.iter().any(|container| *container.name == *name);
        let mut annotations: Vec<(Box<str>, Box<str>)> = named()
            .filter(|(name, _)| is_ours(name, is_container))
            .map(|(name, value)| (name.into(), remembered(value).into()))
            .collect();
        annotations.sort_unstable();
        let containers = pod.containers.iter().map(|c| Container { name: c.name.clone(), image: c.image.clone() });
        Some(Workload {
            id: self.id()?,
            resource_version: metadata.resource_version.as_deref().and_then(|rv| rv.parse().ok()).unwrap_or(0),
            annotations: annotations.into(),
            containers: containers.collect(),
            pull_secrets: pull_secrets(&pod.image_pull_secrets),
            rollout: rollout(Self::KIND, metadata.generation.unwrap_or(0), self.spec(), self.status()),
            owner: owner(metadata),
        })
    }

    /// Which object it is.
    fn id(&self) -> Option<WorkloadId> {
        let metadata = self.meta();
        Some(WorkloadId {
            namespace: metadata.namespace.as_deref()?.into(),
            kind: Self::KIND,
            name: metadata.name.as_deref()?.into(),
            uid: metadata.uid.as_deref()?.into(),
        })
    }
}

macro_rules! observed {
    ($name:ident, $kind:literal, $plural:literal) => {
        /// The object, less everything that is not looked at.
        #[derive(Clone, Debug, Deserialize)]
        pub(super) struct $name {
            metadata: ObjectMeta,
            #[serde(default)]
            spec: Spec,
            #[serde(default)]
            status: Status,
        }

        impl Resource for $name {
            type DynamicType = ();
            type Scope = NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> Cow<'_, str> {
                "apps".into()
            }
            fn version((): &()) -> Cow<'_, str> {
                "v1".into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }

        impl Observed for $name {
            const KIND: Kind = Kind::$name;
            fn spec(&self) -> &Spec {
                &self.spec
            }
            fn status(&self) -> &Status {
                &self.status
            }
        }
    };
}

observed!(Deployment, "Deployment", "deployments");
observed!(StatefulSet, "StatefulSet", "statefulsets");

/// The most pull secrets of a workload that are read.
const MOST_PULL_SECRETS: usize = 8;

/// The first names that can be names of objects (DNS-1123 subdomains), each once.
fn pull_secrets(named: &[Named]) -> Box<[Box<str>]> {
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

/// What its labels and annotations say about who writes it.
fn owner(metadata: &ObjectMeta) -> Option<Box<Owner>> {
    let label = |key: &str| metadata.labels.as_ref()?.get(key).map(String::as_str);
    let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
    Owner::read(label, annotation).map(Box::new)
}

/// How the newest revision stands, judged as `kubectl rollout status` does.
fn rollout(kind: Kind, generation: i64, spec: &Spec, status: &Status) -> Rollout {
    if status.observed_generation < generation {
        return Rollout::Progressing;
    }
    let stalled = status
        .conditions
        .iter()
        .find(|c| c.r#type == "Progressing" && c.status == "False" && &*c.reason == "ProgressDeadlineExceeded");
    if let Some(condition) = stalled {
        return Rollout::Stalled { reason: condition.reason.clone(), message: condition.message.clone() };
    }
    let wanted = spec.replicas.unwrap_or(1);
    if spec.paused || wanted == 0 {
        return Rollout::Waiting;
    }
    let replicas_done = status.updated_replicas >= wanted
        && status.replicas <= status.updated_replicas
        && status.available_replicas >= status.updated_replicas;
    let revision_done = kind == Kind::Deployment || status.current_revision == status.update_revision;
    if replicas_done && revision_done { Rollout::Complete } else { Rollout::Progressing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(extra: &serde_json::Value) -> Deployment {
        let mut object = serde_json::json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": {"image-watcher/mode": "NOTIFICATION", "other/x": "y"}},
            "spec": {"replicas": 2, "template": {"spec": {
                "initContainers": [{"name": "init", "image": "init:1"}],
                "containers": [{"name": "web", "image": "web:1.0.0", "env": [{"name": "A", "value": "B"}]}],
                "imagePullSecrets": [{"name": "pull"}]}}},
            "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
        });
        for (path, value) in extra.as_object().into_iter().flatten() {
            *object.pointer_mut(path).unwrap() = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_record_holds_what_is_needed_and_no_more() {
        let record = deployment(&serde_json::json!({})).record().unwrap();
        assert_eq!(record.id.to_string(), "shop/deploy/web");
        assert_eq!(record.annotation("mode"), Some("NOTIFICATION"));
        assert_eq!((record.annotations.len(), record.containers.len(), record.resource_version), (1, 1, 7));
        assert_eq!(record.pull_secrets.first().map(|name| &**name), Some("pull"));
        let state_only = serde_json::json!({"/metadata/annotations": {"image-watcher/history": "[]"}});
        assert!(deployment(&state_only).record().is_none(), "state alone does not make it watched");
        assert!(deployment(&serde_json::json!({"/metadata/annotations": null})).record().is_none());
    }

    #[test]
    fn annotations_that_are_not_ours_by_name_are_not_kept() {
        let long = "x".repeat(200 * 1024);
        let annotations = serde_json::json!({"/metadata/annotations": {
            "image-watcher/mode": "NOTIFICATION", "image-watcher/mode.web": "DISABLED", "image-watcher/note": long,
            "image-watcher/mode.gone": "AUTO_UPDATE", "image-watcher/history": long, "image-watcher/proposal": "{}"}});
        let record = deployment(&annotations).record().unwrap();
        let names: Vec<&str> = record.annotations.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["history", "mode", "mode.web", "proposal"]);
        assert!(record.annotations.iter().all(|(_, value)| value.len() < 17 * 1024));
        let misspelt = serde_json::json!({"/metadata/annotations": {"image-watcher/mode.gone": "AUTO_UPDATE"}});
        assert!(deployment(&misspelt).record().is_some(), "it is watched, and so can be told of");
    }

    #[test]
    fn few_pull_secrets_are_kept_and_only_names() {
        let named = |names: &[&str]| names.iter().map(|name| Named { name: (*name).into() }).collect::<Vec<_>>();
        let odd = named(&["b", "", "../x", "B", "a.b-c.d", "-a", "a-", "a..b", "b", &"a".repeat(254), "a/b"]);
        assert_eq!(pull_secrets(&odd).iter().map(|name| &**name).collect::<Vec<_>>(), ["b", "a.b-c.d"]);
        let many: Vec<Named> = (0..20_000).map(|n| Named { name: format!("s{n}").into() }).collect();
        assert_eq!(pull_secrets(&many).last().map(|name| &**name), Some("s7"));
    }

    #[test]
    fn a_rollout_is_complete_when_every_replica_is_new_and_available() {
        let cases = [
            (serde_json::json!({}), Rollout::Complete),
            (serde_json::json!({"/status/observedGeneration": 1}), Rollout::Progressing),
            (serde_json::json!({"/status/updatedReplicas": 1}), Rollout::Progressing),
            (serde_json::json!({"/status/replicas": 3}), Rollout::Progressing),
            (serde_json::json!({"/status/availableReplicas": 1}), Rollout::Progressing),
            (serde_json::json!({"/spec/replicas": 0}), Rollout::Waiting),
        ];
        for (extra, expected) in cases {
            assert_eq!(deployment(&extra).record().unwrap().rollout, expected, "{extra}");
        }
    }
}
