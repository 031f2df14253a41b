//! Workloads that are gone, with the approvals that they named: who holds a link about one of them is told so, also where
//! another object has its name by now. Memory only: after a start such a link is not known.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Index, ObjectName, Tables};
use crate::domain::approval::ApprovalId;
use crate::domain::workload::Workload;

/// How many are remembered; the newest stay.
const MOST: usize = 256;

/// Those that are gone and whose record was signed for them, the newest last.
#[derive(Default)]
pub(super) struct Departed(VecDeque<(Box<[ApprovalId]>, Arc<Workload>)>);

impl Departed {
    fn put(&mut self, approvals: Box<[ApprovalId]>, workload: Arc<Workload>) {
        self.comes_back(&workload.id.uid);
        self.0.push_back((approvals, workload));
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// It was only out of sight.
    pub(super) fn comes_back(&mut self, uid: &str) {
        self.0.retain(|(_, workload)| *workload.id.uid != *uid);
    }

    fn naming(&self, approval: &ApprovalId) -> Option<&Arc<Workload>> {
        let names = |(approvals, _): &&(Box<[ApprovalId]>, Arc<Workload>)| approvals.contains(approval);
        self.0.iter().rev().find(names).map(|(_, workload)| workload)
    }
}

impl Tables {
    /// Remembers a workload that is gone, before what its record names is forgotten.
    pub(super) fn depart(&mut self, place: &ObjectName, workload: &Arc<Workload>) {
        let is_its_own =
            |approval: &&ApprovalId| self.by_approval.get(*approval).is_some_and(|it| it.is_signed_by(place));
        let named = self.approvals.get(place).into_iter().flatten().filter(is_its_own);
        let named: Box<[ApprovalId]> = named.cloned().collect();
        if !named.is_empty() {
            self.departed.put(named, Arc::clone(workload));
        }
    }
}

impl Index {
    /// Takes that a workload stands there and is not watched, as its settings were taken off: what it names is about nothing that
    /// goes on, whoever copied it.
    pub(in crate::cluster) fn stands_unwatched(&self, workload: Workload) {
        let named = self.named_by(&workload);
        if named.is_signed && !named.all.is_empty() {
            self.write(|tables| tables.departed.put(named.all.into(), Arc::new(workload)));
        }
    }

    /// The workload that an approval was about, where it is gone, or watched no more: as it was last seen.
    #[must_use]
    pub fn departed(&self, approval: &ApprovalId) -> Option<Arc<Workload>> {
        self.read(|tables| tables.departed.naming(approval).cloned())
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

    fn asked(n: u8) -> Workload {
        let text = record(1, vec![asks(n)]);
        at(workload(&[("web", "web:1.0.0")], &[("mode", "NOTIFICATION"), ("record", &text)]), 1)
    }

    #[test]
    fn who_is_gone_or_was_made_again_is_known_by_what_people_were_asked_of_it() {
        let id = question(1).terms.id;
        let gone = |index: &Index| index.departed(&id).map(|found| found.id.uid.to_string());
        let observed = || {
            let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
            index.observe(&asked(1).id, Some(asked(1)));
            index
        };
        let deleted = observed();
        assert_eq!(gone(&deleted), None);
        deleted.observe(&asked(1).id, None);
        assert_eq!((gone(&deleted).as_deref(), deleted.names(&id)), (Some("uid-1"), false));
        deleted.observe(&asked(1).id, Some(at(asked(1), 9)));
        assert_eq!(gone(&deleted), None, "it was only not watched for a while");

        let started = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
        started.stands_unwatched(asked(1));
        assert_eq!(gone(&started).as_deref(), Some("uid-1"), "it stands there, without settings");
        let mut copy = asked(1);
        copy.id.name = "copy".into();
        let copied = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
        copied.stands_unwatched(copy);
        assert_eq!(gone(&copied), None);

        let mut again = at(asked(1), 2);
        again.id.uid = "uid-2".into();
        let replaced = observed();
        replaced.observe(&again.id.clone(), Some(again));
        assert_eq!(gone(&replaced).as_deref(), Some("uid-1"), "restored with our annotations it is another");

        let unlisted = observed();
        unlisted.replace(&scope(Kind::Deployment, None), Fresh::Changes, Vec::new());
        assert_eq!(gone(&unlisted).as_deref(), Some("uid-1"));
        let unseen = observed();
        unseen.forget(&scope(Kind::Deployment, None));
        assert_eq!(gone(&unseen), None, "what can't be read may be there");
    }

    #[test]
    fn the_number_of_those_that_are_gone_is_bounded_and_a_copy_is_none() {
        let index = Index::knowing(LinkKey::new(vec![1; 32]).unwrap().into());
        let mut copy = asked(1);
        copy.id.name = "copy".into();
        index.observe(&copy.id.clone(), Some(copy.clone()));
        index.observe(&copy.id, None);
        assert!(index.departed(&question(1).terms.id).is_none(), "its record was signed for another name");
        let mut departed = Departed::default();
        for n in 0..=MOST {
            let mut one = asked(1);
            one.id.uid = n.to_string().into();
            departed.put([question(1).terms.id].into(), Arc::new(one));
        }
        assert_eq!((departed.0.len(), &*departed.0[0].1.id.uid), (MOST, "1"));
    }
}
