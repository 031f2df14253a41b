//! Kubernetes objects as far as we read them, and the record that is kept of them.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, Resource};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::domain::owner::Owner;
use crate::domain::settings::is_state;
use crate::domain::workload::{Container, Kind, PREFIX, Rollout, Workload, WorkloadId};

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
    metadata: PodMetadata,
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodMetadata {
    annotations: Option<OurNames>,
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

/// Of all annotations the names that are ours, without their prefix, sorted: so many that their author sees what is
/// wrong.
#[derive(Clone, Debug, Default)]
struct OurNames(Vec<Box<str>>);

/// How many of them are kept.
const MOST_NAMES: usize = 16;

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
                    names.extend(name.strip_prefix(PREFIX).filter(|_| names.len() < MOST_NAMES).map(Box::from));
                }
                names.sort_unstable();
                Ok(OurNames(names))
            }
        }

        deserializer.deserialize_map(Names)
    }
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

    /// The record of an object that carries an annotation of ours which is not our own record; `None` for any other.
    fn record(&self) -> Option<Workload> {
        let metadata = self.meta();
        let mut annotations: Vec<(Box<str>, Box<str>)> = metadata
            .annotations
            .iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?.into(), value.as_str().into())))
            .collect();
        let template_names = self.spec().template.metadata.annotations.clone().unwrap_or_default().0;
        if template_names.is_empty() && annotations.iter().all(|(name, _)| is_state(name)) {
            return None;
        }
        annotations.sort_unstable();
        let pod = &self.spec().template.spec;
        let containers = pod.containers.iter().map(|c| Container { name: c.name.clone(), image: c.image.clone() });
        Some(Workload {
            id: self.id()?,
            resource_version: metadata.resource_version.as_deref().and_then(|rv| rv.parse().ok()).unwrap_or(0),
            annotations: annotations.into(),
            template_names: template_names.into(),
            containers: containers.collect(),
            pull_secrets: pod.image_pull_secrets.iter().map(|secret| secret.name.clone()).collect(),
            rollout: rollout(Self::KIND, metadata.generation.unwrap_or(0), self.spec(), self.status()),
            paused: self.spec().paused,
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
    fn what_means_nothing_is_remembered_so_that_it_can_be_told() {
        let misspelt = serde_json::json!({"/metadata/annotations": {"image-watcher/mdoe": "AUTO_UPDATE"}});
        assert_eq!(deployment(&misspelt).record().unwrap().annotation("mdoe"), Some("AUTO_UPDATE"));
        let template = |annotations: &serde_json::Value| {
            let pods = serde_json::json!({"metadata": {"annotations": annotations},
                "spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}});
            deployment(&serde_json::json!({"/metadata/annotations": {}, "/spec/template": pods})).record()
        };
        let ours = serde_json::json!({"image-watcher/strategy": "PATCH", "image-watcher/a": "", "other/x": "y"});
        let names = template(&ours).unwrap().template_names;
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "strategy"]);
        assert!(template(&serde_json::json!({"other/x": "y"})).is_none());
        assert!(template(&serde_json::Value::Null).is_none());
        let many: serde_json::Map<_, _> = (0..1000).map(|n| (format!("image-watcher/{n}"), "".into())).collect();
        assert_eq!(template(&many.into()).unwrap().template_names.len(), MOST_NAMES);
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
