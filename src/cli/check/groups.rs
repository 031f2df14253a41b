//! Which containers of a cluster are decided on together.

use std::collections::{BTreeMap, HashMap};

use super::subject::Subject;
use crate::domain::group::{GroupName, Member, members, named_by};
use crate::domain::workload::Workload;

/// The groups that have more than one member, each with those in the order in which they are written.
pub(super) struct Groups<'w>(pub(super) BTreeMap<(&'w str, GroupName), Vec<Member<'w>>>);

impl<'w> Groups<'w> {
    pub(super) fn of(subjects: &[Subject<'w>]) -> Self {
        let mut namespaces: HashMap<&'w str, Vec<&'w Workload>> = HashMap::new();
        let mut named = Vec::new();
        for workload in subjects.iter().map(|subject| subject.workload) {
            let names = named_by(workload);
            if !names.is_empty() {
                namespaces.entry(&*workload.id.namespace).or_default().push(workload);
            }
            named.extend(names.into_iter().map(|name| (&*workload.id.namespace, name)));
        }
        let mut groups = BTreeMap::new();
        for (namespace, name) in named {
            let all = || members(&name, namespaces.get(namespace).into_iter().flatten().copied());
            groups.entry((namespace, name.clone())).or_insert_with(all);
        }
        groups.retain(|_, members| members.len() > 1);
        Self(groups)
    }

    /// Whether a container is decided on with others.
    pub(super) fn has(&self, workload: &Workload, container: &str) -> bool {
        crate::domain::group::of(workload, container)
            .is_some_and(|of| self.0.contains_key(&(&*workload.id.namespace, of.name)))
    }
}
