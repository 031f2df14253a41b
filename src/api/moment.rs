//! What holds for all workloads of one answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::Waiting;
use super::view::GroupView;
use crate::domain::fleet::{Stopped, Waits};
use crate::domain::group::GroupName;
use crate::domain::record::Record;
use crate::domain::workload::Workload;

/// What is known of workloads on which something else stands than the newest record, by uid; each as long as that stands there.
pub(super) type Instead = HashMap<Box<str>, (Arc<Workload>, Arc<Record>)>;

/// What holds for all workloads of one answer.
pub(super) struct Moment {
    waiting: Waiting,
    stopped: Option<Stopped>,
    instead: Instead,
    now: DateTime<Utc>,
    /// By namespace and name: who is in a group is worked out once an answer, however many of its members are shown.
    groups: Mutex<HashMap<(Box<str>, GroupName), GroupView>>,
}

impl Moment {
    pub(super) fn new(waiting: Waiting, stopped: Option<Stopped>, instead: Instead, now: DateTime<Utc>) -> Self {
        Self { waiting, stopped, instead, now, groups: Mutex::default() }
    }

    /// Why automatic updates are stopped, while they are.
    pub(super) fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// When it is.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Which other workloads a container waits for.
    pub(super) fn waits(&self, workload: &Workload, container: &str) -> Option<&Waits> {
        self.waiting.get(&(workload.id.uid.clone(), container.into()))
    }

    /// What is known of a workload, where something else stands on it.
    pub(super) fn instead(&self, workload: &Workload) -> Option<&Record> {
        self.instead.get(&workload.id.uid).map(|(_, record)| &**record)
    }

    /// A group, which is read where nobody has read it for this answer.
    pub(super) fn group(&self, namespace: &str, name: &GroupName, read: impl FnOnce() -> GroupView) -> GroupView {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.entry((namespace.into(), name.clone())).or_insert_with(read).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_group_is_read_once_an_answer() {
        let (moment, reads) =
            (Moment::new(Waiting::default(), None, Instead::new(), DateTime::UNIX_EPOCH), Cell::new(0));
        let (name, other): (GroupName, GroupName) = ("shop".parse().unwrap(), "shelf".parse().unwrap());
        let read = |namespace: &str, name: &GroupName| {
            let view = || {
                reads.set(reads.get() + 1);
                GroupView { name: name.to_string(), members: vec![namespace.to_owned()], waits: None, asked_by: None }
            };
            moment.group(namespace, name, view).members
        };
        for _ in 0..3 {
            assert_eq!(
                (read("a", &name), read("b", &name), read("a", &other)),
                (vec!["a".into()], vec!["b".into()], vec!["a".into()])
            );
        }
        assert_eq!(reads.get(), 3, "each namespace's group by itself, and each once");
    }
}
