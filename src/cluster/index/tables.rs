//! How the tables are kept together: what one of them says of a workload, the others say too.

use std::collections::HashSet;
use std::sync::Arc;

use super::approvals::Named;
use super::{Hints, ObjectName, Tables};
use crate::cluster::scopes::Scope;
use crate::domain::group;
use crate::domain::reference::Repository;
use crate::domain::workload::{Workload, WorkloadId};

/// So many are remembered that were deleted, until that is noted; of others it is not.
const MOST_DELETED: usize = 50_000;

impl Tables {
    pub(super) fn of(&self, scope: &Scope) -> HashSet<ObjectName> {
        self.workloads.keys().filter(|place| scope.has(&place.namespace, place.kind)).cloned().collect()
    }

    pub(super) fn put(&mut self, place: &ObjectName, workload: Arc<Workload>, named_by: impl Fn(&Workload) -> Named) {
        let now = repositories(&workload);
        let before = self.workloads.get(place).cloned();
        if let Some(before) = &before {
            for repository in repositories(before).difference(&now) {
                self.unlink(repository, place);
            }
        }
        if before
            .as_ref()
            .is_none_or(|before| before.annotations != workload.annotations || before.inherited != workload.inherited)
        {
            self.leave_groups(before.as_deref(), place);
            for group in group::named_by(&workload) {
                self.by_group.entry((place.namespace.clone(), group)).or_default().insert(place.clone());
            }
        }
        self.departed.comes_back(&workload.id.uid);
        if let Some(before) = before.as_ref().filter(|before| before.id.uid != workload.id.uid) {
            self.depart(place, before);
            self.delete(&before.id.uid);
        }
        let standing = self.record(before.as_deref(), &workload, place, named_by);
        if let Some(before) = before.filter(|before| before.id.uid != workload.id.uid) {
            self.forget_uid(&before);
        }
        self.fleet.put(&workload, standing);
        self.by_uid.insert(workload.id.uid.clone(), Arc::clone(&workload));
        self.workloads.insert(place.clone(), workload);
        for repository in now {
            self.by_repository.entry(repository).or_default().insert(place.clone());
        }
    }

    /// Whether an update of a workload is followed, by the newest that is known of it.
    pub(super) fn rolls(&self, id: &WorkloadId) -> bool {
        self.fleet.rolls(&id.uid).is_some()
    }

    /// An object was deleted: its uid never comes back.
    pub(super) fn delete(&mut self, uid: &str) {
        self.departed.is_deleted(uid);
        if self.sequences.forget(uid) && self.deleted.len() < MOST_DELETED {
            self.deleted.insert(uid.into());
        }
    }

    /// A list has told that an object is there.
    pub(super) fn is_listed(&mut self, id: &WorkloadId) {
        if self.unlisted.is_empty() {
            return;
        }
        if let Some(unlisted) = self.unlisted.get_mut(&(id.kind, id.namespace.clone())) {
            unlisted.remove(&id.uid);
        }
    }

    /// A list of a scope is complete: what is expected there and not in it was deleted while nobody looked.
    pub(super) fn delete_unlisted(&mut self, scope: &Scope) {
        let unlisted = self.unlisted.extract_if(|(kind, namespace), _| scope.has(namespace, *kind));
        let deleted: Vec<Box<str>> = unlisted.flat_map(|(_, uids)| uids).collect();
        for uid in deleted {
            self.delete(&uid);
        }
    }

    /// Forgets a workload. Others may have waited for the end of its update, and those of its groups go on without it.
    pub(super) fn remove(&mut self, place: &ObjectName) -> Hints {
        let Some(workload) = self.workloads.remove(place) else { return Hints::new() };
        self.forget(place);
        let was_waited_for = self.fleet.remove(&workload.id.uid);
        self.leave_groups(Some(&workload), place);
        self.forget_uid(&workload);
        for container in &workload.containers {
            if let Some(reference) = container.reference() {
                self.unlink(reference.repository(), place);
            }
        }
        let mut hints = self.left_behind(&workload, None);
        if was_waited_for {
            hints.extend(repositories(&workload));
        }
        hints.into_iter().collect()
    }

    /// What the other members run of the groups that a workload left: they go on without it.
    pub(super) fn left_behind(&self, before: &Workload, now: Option<&Workload>) -> HashSet<Repository> {
        let says_the_same = |now: &Workload| before.annotations == now.annotations && before.inherited == now.inherited;
        if now.is_some_and(says_the_same) {
            return HashSet::new();
        }
        let still = now.map(group::named_by).unwrap_or_default();
        let left = group::named_by(before).into_iter().filter(|group| !still.contains(group));
        let members = left.filter_map(|group| self.by_group.get(&(before.id.namespace.clone(), group))).flatten();
        members.filter_map(|place| self.workloads.get(place)).flat_map(|member| repositories(member)).collect()
    }

    /// Takes a workload out of the groups that it named.
    fn leave_groups(&mut self, before: Option<&Workload>, place: &ObjectName) {
        for group in before.map(group::named_by).unwrap_or_default() {
            let key = (place.namespace.clone(), group);
            if let Some(places) = self.by_group.get_mut(&key) {
                places.remove(place);
                if places.is_empty() {
                    self.by_group.remove(&key);
                }
            }
        }
    }

    /// Forgets a uid, unless it is that of another object by now.
    fn forget_uid(&mut self, workload: &Workload) {
        let is_its_own = |known: &Arc<Workload>| ObjectName::of(&known.id) == ObjectName::of(&workload.id);
        if self.by_uid.get(&workload.id.uid).is_some_and(is_its_own) {
            self.by_uid.remove(&workload.id.uid);
            self.fleet.remove(&workload.id.uid);
        }
    }

    fn unlink(&mut self, repository: &Repository, place: &ObjectName) {
        if let Some(places) = self.by_repository.get_mut(repository) {
            places.remove(place);
            if places.is_empty() {
                self.by_repository.remove(repository);
            }
        }
    }
}

/// What a workload runs.
pub(super) fn repositories(workload: &Workload) -> HashSet<Repository> {
    workload.containers.iter().filter_map(|c| Some(c.reference()?.repository().clone())).collect()
}
