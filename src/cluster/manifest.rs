//! A workload as a manifest describes it, before any cluster has it.

use std::collections::BTreeMap;

use super::fields::{MOST_NAMES, bounded};
use super::observed::{ours, what_is_kept};
use crate::domain::rollout::Rollout;
use crate::domain::settings::is_state;
use crate::domain::workload::{Container, Kind, MOST_CONTAINERS, Workload, WorkloadId};

/// What a manifest says of a workload.
#[derive(Debug, Default)]
pub struct Described {
    /// Empty where it names none.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// All annotations of the object.
    pub annotations: BTreeMap<String, String>,
    /// All annotations of its pod template.
    pub template_annotations: BTreeMap<String, String>,
    /// The containers of its pods: the main ones, then those that begin before them.
    pub containers: Vec<Container>,
}

impl Described {
    /// Whether the service would watch it, were it of a kind that it watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let is_ours = |all: &BTreeMap<String, String>| ours(Some(all)).any(|(name, _)| !is_state(name));
        is_ours(&self.annotations) || ours(Some(&self.template_annotations)).next().is_some()
    }

    /// The workload, with its settings read as the service reads them. A kind that the service does not watch is read as a
    /// Deployment is.
    #[must_use]
    pub fn workload(mut self, kind: Kind) -> Workload {
        self.containers.truncate(MOST_CONTAINERS + 1);
        let template_names = ours(Some(&self.template_annotations)).take(MOST_NAMES);
        Workload {
            id: WorkloadId { namespace: self.namespace.into(), kind, name: self.name.into(), uid: Box::default() },
            resource_version: 0,
            generation: 0,
            annotations: what_is_kept(Some(&self.annotations), &self.containers),
            change_cause: None,
            is_annotated: !self.annotations.is_empty(),
            inherited: None,
            template_names: template_names.map(|(name, _)| bounded(name)).collect(),
            containers: self.containers.into(),
            pull_secrets: Box::default(),
            service_account: None,
            nodes: None,
            rollout: Rollout::Complete,
            template_by_others: None,
            made: None,
            rest_of_template: 0,
            paused: false,
            owner: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(annotations: &[(&str, &str)], of_template: &[(&str, &str)]) -> Described {
        let all = |list: &[(&str, &str)]| list.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Described {
            name: "web".into(),
            annotations: all(annotations),
            template_annotations: all(of_template),
            containers: vec![Container::main("web", "web:1.0.0")],
            ..Described::default()
        }
    }

    #[test]
    fn it_is_watched_where_the_service_would_watch_it() {
        let watched = |annotations: &[_], of_template: &[_]| described(annotations, of_template).is_watched();
        assert!(watched(&[("image-watcher/mode", "NOTIFICATION")], &[]));
        assert!(watched(&[("image-watcher/mdoe", "NOTIFICATION")], &[]), "a misspelt name is to be told");
        assert!(watched(&[], &[("image-watcher/mode", "NOTIFICATION")]));
        assert!(!watched(&[("other/mode", "x")], &[("other/mode", "x")]));
        assert!(!watched(&[("image-watcher/history", "[]")], &[]), "state alone does not make it watched");
    }

    #[test]
    fn its_settings_are_kept_and_the_rest_is_not() {
        let all = [("image-watcher/mode", "DISABLED"), ("image-watcher/mode.web", "NOTIFICATION"), ("other/x", "y")];
        let workload = described(&all, &[("image-watcher/strategy", "PATCH")]).workload(Kind::Deployment);
        assert_eq!(workload.names().collect::<Vec<_>>(), ["mode", "mode.web"]);
        assert_eq!(workload.template_names.iter().map(|name| &**name).collect::<Vec<_>>(), ["strategy"]);
    }

    #[test]
    fn containers_without_end_are_cut_so_that_it_is_told() {
        let many = (0..100).map(|n| Container::main(&format!("c{n}"), "web:1.0.0")).collect();
        let workload = Described { containers: many, ..described(&[], &[]) }.workload(Kind::Deployment);
        assert_eq!(workload.containers.len(), MOST_CONTAINERS + 1);
    }
}
