//! The fields of a pod template that say how a container starts and on which nodes: read small, as they are held for each workload.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::domain::preflight::{Nodes, RunAs, Start};

/// So many names of operating systems or architectures are kept.
const MOST_NAMES: usize = 8;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SecurityContext {
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
}

impl SecurityContext {
    /// What counts of a pod and one of its containers: each field of the container goes before the pod's.
    pub(super) fn start(pod: Option<Self>, container: Option<Self>, command: Words, args: Words) -> Start {
        let (pod, container) = (pod.unwrap_or_default(), container.unwrap_or_default());
        Start {
            non_root: container.run_as_non_root.or(pod.run_as_non_root).unwrap_or(false),
            user: match container.run_as_user.or(pod.run_as_user) {
                None => RunAs::Image,
                Some(0) => RunAs::Root,
                Some(_) => RunAs::Other,
            },
            has_command: command.0,
            has_args: args.0,
        }
    }
}

/// Whether a list of words has any; none of them is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words(bool);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of words")
            }

            fn visit_unit<E>(self) -> Result<Words, E> {
                Ok(Words(false))
            }

            fn visit_str<E>(self, _: &str) -> Result<Words, E> {
                Ok(Words(true))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Words, A::Error> {
                let mut any = false;
                while words.next_element::<IgnoredAny>()?.is_some() {
                    any = true;
                }
                Ok(Words(any))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// `nodeSelector`, as far as it is about platforms.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Selector {
    #[serde(rename = "kubernetes.io/os")]
    os: Option<Box<str>>,
    #[serde(rename = "kubernetes.io/arch")]
    architecture: Option<Box<str>>,
}

/// The operating system that the pod is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Os {
    name: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Affinity {
    node_affinity: Option<NodeAffinity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeAffinity {
    required_during_scheduling_ignored_during_execution: Option<Required>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Required {
    node_selector_terms: Option<Vec<Term>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Term {
    match_expressions: Option<Vec<Expression>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: Box<str>,
    operator: Box<str>,
    values: Option<Vec<Box<str>>>,
}

/// Which nodes pods may go to, by operating system and architecture; `None` where any will do.
pub(super) fn nodes(selector: Option<&Selector>, affinity: Option<&Affinity>, os: Option<&Os>) -> Option<Nodes> {
    let terms = affinity.and_then(Affinity::terms).unwrap_or_default();
    let selected = |name: fn(&Selector) -> Option<&str>| selector.and_then(name);
    let os = selected(|it| it.os.as_deref()).or_else(|| os?.name.as_deref());
    let nodes = Nodes {
        os: one(os).unwrap_or_else(|| listed(terms, "kubernetes.io/os")),
        architecture: one(selected(|it| it.architecture.as_deref()))
            .unwrap_or_else(|| listed(terms, "kubernetes.io/arch")),
    };
    (!nodes.is_any()).then_some(nodes)
}

impl Affinity {
    fn terms(&self) -> Option<&[Term]> {
        let required = self.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref()?;
        required.node_selector_terms.as_deref()
    }
}

fn one(name: Option<&str>) -> Option<Box<[Box<str>]>> {
    name.map(|name| vec![Box::from(name)].into())
}

/// What all terms of an affinity allow together: one that does not name it allows any.
fn listed(terms: &[Term], key: &str) -> Box<[Box<str>]> {
    let mut all: Vec<Box<str>> = Vec::new();
    for term in terms {
        let is_it = |it: &&Expression| *it.key == *key && &*it.operator == "In";
        let Some(expression) = term.match_expressions.iter().flatten().find(is_it) else { return Box::default() };
        all.extend(expression.values.iter().flatten().cloned());
    }
    all.sort();
    all.dedup();
    if all.len() > MOST_NAMES { Box::default() } else { all.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::kinds::Row;
    use super::super::observed::Object;
    use super::*;
    use crate::domain::defaults::Defaults;
    use crate::domain::workload::{Kind, Workload};

    fn workload(pod: &Value) -> Workload {
        let object = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "annotations": {"image-watcher/mode": "DISABLED"}},
            "spec": {"template": {"spec": pod}}});
        serde_json::from_value::<Object>(object)
            .unwrap()
            .record(Row::of(Kind::Deployment), &Defaults::default())
            .unwrap()
    }

    #[test]
    fn a_container_goes_before_its_pod_field_by_field() {
        let pod = json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 0, "fsGroup": 7}, "containers": [
            {"name": "a", "image": "a:1"},
            {"name": "b", "image": "b:1", "securityContext": {"runAsUser": 1000}, "command": ["x"], "args": []},
            {"name": "c", "image": "c:1", "securityContext": {"runAsNonRoot": false}, "command": null, "args": ["x", "y"]},
        ], "initContainers": [{"name": "d", "image": "d:1", "securityContext": null}]});
        let start = |non_root, user, has_command, has_args| Start { non_root, user, has_command, has_args };
        let starts: Vec<Start> = workload(&pod).containers.iter().map(|container| container.start).collect();
        assert_eq!(
            starts,
            [
                start(true, RunAs::Root, false, false),
                start(true, RunAs::Other, true, false),
                start(false, RunAs::Root, false, true),
                start(true, RunAs::Root, false, false),
            ]
        );
    }

    #[test]
    fn nodes_are_chosen_by_selector_affinity_and_operating_system() {
        let expression = |key: &str, operator: &str, values: &[&str]| {
            json!({"matchExpressions": [{"key": "zone", "operator": "Exists"},
                {"key": key, "operator": operator, "values": values}]})
        };
        let affinity = |terms: &[Value]| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
        let arch = "kubernetes.io/arch";
        for (pod, os, architecture) in [
            (json!({"nodeSelector": {"kubernetes.io/arch": "arm64", "zone": "a"}}), &[][..], &["arm64"][..]),
            (json!({"nodeSelector": {"kubernetes.io/os": "linux"}, "os": {"name": "linux"}}), &["linux"], &[]),
            (json!({"os": {"name": "windows"}}), &["windows"], &[]),
            (affinity(&[expression(arch, "In", &["arm64", "amd64"])]), &[], &["amd64", "arm64"]),
            (
                affinity(&[expression(arch, "In", &["arm64"]), expression(arch, "In", &["amd64"])]),
                &[],
                &["amd64", "arm64"],
            ),
            (affinity(&[expression(arch, "In", &["arm64"]), expression("zone", "In", &["a"])]), &[], &[]),
            (affinity(&[expression(arch, "NotIn", &["arm64"])]), &[], &[]),
            (json!({"nodeSelector": {"zone": "a"}, "affinity": null}), &[], &[]),
        ] {
            let mut pod = pod;
            pod["containers"] = json!([{"name": "a", "image": "a:1"}]);
            let nodes = workload(&pod).nodes.map(|it| *it).unwrap_or_default();
            let texts = |all: &[Box<str>]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(
                (texts(&nodes.os), texts(&nodes.architecture)),
                (texts(&boxed(os)), texts(&boxed(architecture))),
                "{pod}"
            );
        }
    }

    fn boxed(all: &[&str]) -> Vec<Box<str>> {
        all.iter().map(|name| Box::from(*name)).collect()
    }
}
