//! Which workloads name an approval: the one that it is about, and those that only claim to be it.

use std::sync::Arc;

use super::{Index, ObjectName, Tables};
use crate::cluster::annotations::{self, approvals};
use crate::domain::approval::{ApprovalId, LinkKeys};
use crate::domain::fleet::Standing;
use crate::domain::record::sealed::Opened;
use crate::domain::workload::Workload;

/// The approvals that a workload names.
pub(super) struct Named {
    pub(super) all: Vec<ApprovalId>,
    /// Whether they are known to be its own.
    pub(super) is_signed: bool,
    /// The number of its record, where that is its own.
    sequence: Option<u64>,
    /// Whether the history beside it is another one.
    is_without_history: bool,
    /// What its record says that concerns others; nothing where it is not known to be its own.
    standing: Standing,
}

/// The workloads that an approval may be about.
#[derive(Default)]
pub(super) struct Places {
    /// Its record is signed for this very object: there is one, or none.
    signed: Option<ObjectName>,
    /// Those that only claim to be it, as nobody signed what they say: edited, copied, or of the first release.
    claimed: Vec<ObjectName>,
}

impl Places {
    /// All of them; the one that is sure to be meant comes first.
    fn all(&self) -> impl Iterator<Item = &ObjectName> {
        self.signed.iter().chain(&self.claimed)
    }

    fn put(&mut self, place: &ObjectName, is_signed: bool) {
        if is_signed {
            self.signed = Some(place.clone());
            return;
        }
        let neighbours = self.claimed.iter().filter(|other| other.namespace == place.namespace);
        if neighbours.count() < MOST_OF_A_NAMESPACE {
            self.claimed.push(place.clone());
        }
    }

    fn remove(&mut self, place: &ObjectName) {
        self.signed.take_if(|signed| signed == place);
        self.claimed.retain(|other| other != place);
    }

    /// Whether it is sure to be about the workload of this name.
    pub(super) fn is_signed_by(&self, place: &ObjectName) -> bool {
        self.signed.as_ref() == Some(place)
    }

    fn is_empty(&self) -> bool {
        self.signed.is_none() && self.claimed.is_empty()
    }
}

/// How many approvals one workload's record may name: all that we write of a few containers, and not all that somebody
/// else may.
const MOST_APPROVALS: usize = 64;

/// How many workloads of a namespace that only claim to be the one that an approval is about are asked.
const MOST_OF_A_NAMESPACE: usize = 8;

impl Index {
    /// Whether a record is ours, as far as that can be told.
    pub(super) fn is_ours(&self, workload: &Workload) -> bool {
        let is_signed = |keys: &Arc<LinkKeys>| matches!(annotations::open(workload, keys), Opened::Ours(_));
        self.keys.as_ref().is_none_or(is_signed)
    }

    /// The approvals that a workload's record names, and whether it is signed for this very object.
    pub(super) fn named_by(&self, workload: &Workload) -> Named {
        let keys = self.keys.as_ref().filter(|_| annotations::text(workload).is_some());
        let opened = keys.map(|keys| annotations::open(workload, keys));
        let is_without_history = matches!(opened, Some(Opened::WithoutHistory(_)));
        if let Some(Opened::Ours(record) | Opened::WithoutHistory(record)) = opened {
            let (standing, sequence) = (record.standing(workload), Some(record.sequence));
            let all = record.approvals().cloned().collect();
            return Named { all, is_signed: true, sequence, is_without_history, standing };
        }
        let (standing, sequence) = (Standing::default(), None);
        Named { all: approvals(workload, MOST_APPROVALS), is_signed: false, sequence, is_without_history, standing }
    }

    /// The workloads whose records name an approval, the one whose record is signed for it first. An unknown approval costs
    /// a look into a table.
    #[must_use]
    pub fn naming(&self, approval: &ApprovalId) -> Vec<Arc<Workload>> {
        self.read(|tables| {
            let places = tables.by_approval.get(approval).into_iter().flat_map(Places::all);
            places.filter_map(|place| tables.workloads.get(place)).cloned().collect()
        })
    }

    /// Whether any record names an approval.
    #[must_use]
    pub fn names(&self, approval: &ApprovalId) -> bool {
        self.read(|tables| tables.by_approval.contains_key(approval))
    }
}

impl Tables {
    /// Takes over what the record names, and gives what it says that concerns others; most events of a workload are about its
    /// status, and change nothing of it.
    pub(super) fn record(
        &mut self,
        before: Option<&Workload>,
        now: &Workload,
        place: &ObjectName,
        named_by: impl Fn(&Workload) -> Named,
    ) -> Option<Standing> {
        if before
            .is_some_and(|it| it.id == now.id && it.annotations == now.annotations && it.containers == now.containers)
        {
            return None;
        }
        self.forget(place);
        let Named { all, is_signed, sequence, is_without_history, standing } = named_by(now);
        for approval in &all {
            self.by_approval.entry(approval.clone()).or_default().put(place, is_signed);
        }
        if !all.is_empty() {
            self.approvals.insert(place.clone(), all);
        }
        // What is not its newest record is put right by the next look; until then, what that said counts.
        let is_newest = self.sequences.is_newest(&now.id.uid, sequence);
        if !is_newest || is_without_history {
            self.set_back.insert(place.clone());
        }
        is_newest.then_some(standing)
    }

    /// Takes back what a record named.
    pub(super) fn forget(&mut self, place: &ObjectName) {
        self.set_back.remove(place);
        for approval in self.approvals.remove(place).into_iter().flatten() {
            if let Some(places) = self.by_approval.get_mut(&approval) {
                places.remove(place);
                if places.is_empty() {
                    self.by_approval.remove(&approval);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{asks, at, record, scope};
    use super::*;
    use crate::cluster::scopes::Fresh;
    use crate::domain::approval::LinkKey;
    use crate::domain::record::tests::question;
    use crate::domain::workload::Kind;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_workload_is_found_by_the_approvals_of_its_record() {
        let approval = |n: u8| question(n).terms.id;
        let of = |name: &str, version: u64, annotations: &[(&str, &str)]| {
            let mut workload = at(workload(&[("web", "web:1.0.0")], annotations), version);
            workload.id.name = name.into();
            workload
        };
        let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
        let put = |workload: Workload| index.observe(&workload.id.clone(), Some(workload));
        let (first, second) = (record(1, vec![asks(1)]), record(2, vec![asks(2)]));
        put(of("web", 1, &[("mode", "NOTIFICATION"), ("record", &first)]));
        put(of("copy", 2, &[("mode", "NOTIFICATION"), ("record", &first)]));
        put(of("mention", 3, &[("mode", "NOTIFICATION"), ("skip", approval(1).as_str())]));
        let names = |n: u8| -> Vec<String> {
            index.naming(&approval(n)).iter().map(|workload| workload.id.name.to_string()).collect()
        };
        assert_eq!(
            (names(1), names(2)),
            (vec!["web".to_owned(), "copy".to_owned()], Vec::new()),
            "the true one is first"
        );
        put(of("web", 4, &[("mode", "NOTIFICATION"), ("record", &second)]));
        assert_eq!((names(1), names(2)), (vec!["copy".to_owned()], vec!["web".to_owned()]));
        for n in 0..20 {
            put(of(&format!("copy-{n}"), 5, &[("mode", "NOTIFICATION"), ("record", &second)]));
        }
        assert_eq!(names(2).len(), 9, "those of one namespace that claim it are few");
        put(of("web", 6, &[("mode", "NOTIFICATION"), ("record", &second.replace("uid-1", "uid-3"))]));
        assert_eq!(names(2).len(), 8, "one that was edited only claims it");
        index.replace(&scope(Kind::Deployment, None), Fresh::Changes, Vec::new());
        let is_empty = index.read(|tables| tables.by_approval.is_empty() && tables.approvals.is_empty());
        assert!(is_empty, "nothing is left behind");
    }

    #[test]
    fn copies_of_a_record_take_no_place_of_the_true_one() {
        let text = record(1, vec![asks(1)]);
        let of = |name: &str, mode: &str| {
            let mut workload = at(workload(&[("web", "web:1.0.0")], &[("mode", mode), ("record", &text)]), 1);
            (workload.id.name, workload.id.uid) = (name.into(), format!("uid-{name}").into());
            workload
        };
        let copies = || (0..8).map(|n| of(&format!("a{n}"), "DISABLED"));
        let truly = || Workload { id: workload(&[], &[]).id, ..of("web", "NOTIFICATION") };
        for list in [copies().chain([truly()]).collect::<Vec<_>>(), std::iter::once(truly()).chain(copies()).collect()]
        {
            let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
            index.replace(&scope(Kind::Deployment, None), Fresh::Unfinished, list);
            let found = index.naming(&question(1).terms.id);
            assert_eq!(found.first().map(|it| &*it.id.uid), Some("uid-1"));
            index.observe(&found[0].id, None);
            assert_eq!(index.naming(&question(1).terms.id).len(), 8);
        }
    }
}
