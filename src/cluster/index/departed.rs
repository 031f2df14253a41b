//! Workloads that are gone or not watched any more, with the approvals that they named: who holds a link about one of them is told
//! so, also where another object has its name by now. Memory only: after a start what is gone is not known, and what stands
//! unwatched is learnt again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Index, ObjectName, Tables};
use crate::domain::approval::ApprovalId;
use crate::domain::workload::Workload;

/// How many that are gone are remembered, and how many that stand unwatched; the newest stay.
const MOST: usize = 256;

/// One of them, as it was last seen.
struct Left {
    approvals: Box<[ApprovalId]>,
    workload: Arc<Workload>,
}

/// Those whose record was signed for them, the newest last.
#[derive(Default)]
pub(super) struct Departed {
    gone: VecDeque<Left>,
    unwatched: VecDeque<Left>,
}

fn put(all: &mut VecDeque<Left>, left: Left) {
    all.push_back(left);
    if all.len() > MOST {
        all.pop_front();
    }
}

impl Departed {
    fn goes(&mut self, left: Left) {
        self.comes_back(&left.workload.id.uid);
        put(&mut self.gone, left);
    }

    /// It stands there: in the place that it has already, so that what is written on it often puts no other out.
    fn is_unwatched(&mut self, left: Left) {
        let uid = |other: &&mut Left| other.workload.id.uid == left.workload.id.uid;
        if let Some(known) = self.unwatched.iter_mut().find(uid) {
            *known = left;
            return;
        }
        self.comes_back(&left.workload.id.uid);
        put(&mut self.unwatched, left);
    }

    /// What stood unwatched was deleted.
    pub(super) fn is_deleted(&mut self, uid: &str) {
        if let Some(at) = self.unwatched.iter().position(|left| *left.workload.id.uid == *uid)
            && let Some(left) = self.unwatched.remove(at)
        {
            put(&mut self.gone, left);
        }
    }

    /// It was only out of sight.
    pub(super) fn comes_back(&mut self, uid: &str) {
        for all in [&mut self.gone, &mut self.unwatched] {
            all.retain(|left| *left.workload.id.uid != *uid);
        }
    }

    fn naming(&self, approval: &ApprovalId) -> Option<&Arc<Workload>> {
        let all = self.gone.iter().rev().chain(self.unwatched.iter().rev());
        all.into_iter().find(|left| left.approvals.contains(approval)).map(|left| &left.workload)
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
            self.departed.goes(Left { approvals: named, workload: Arc::clone(workload) });
        }
    }
}

impl Index {
    /// Takes that a workload stands there and is not watched, as its settings were taken off: what it names is about nothing that
    /// goes on, whoever copied it.
    pub(in crate::cluster) fn stands_unwatched(&self, workload: Workload) {
        let named = self.named_by(&workload);
        if named.is_signed && !named.all.is_empty() {
            let left = Left { approvals: named.all.into(), workload: Arc::new(workload) };
            self.write(|tables| tables.departed.is_unwatched(left));
        }
    }

    /// The workload that an approval was about, where it is gone, or watched no more: as it was last seen.
    #[must_use]
    pub fn departed(&self, approval: &ApprovalId) -> Option<Arc<Workload>> {
        self.read(|tables| tables.departed.naming(approval).cloned())
    }

    /// Whether an object of these stands there, and is not watched any more.
    #[must_use]
    pub fn is_unwatched(&self, uid: &str) -> bool {
        self.read(|tables| tables.departed.unwatched.iter().any(|left| *left.workload.id.uid == *uid))
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
        assert!(started.is_unwatched("uid-1") && !deleted.is_unwatched("uid-1"));
        started.gone(&asked(1).id);
        assert_eq!((gone(&started).as_deref(), started.is_unwatched("uid-1")), (Some("uid-1"), false), "deleted since");
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
            departed.goes(Left { approvals: [question(1).terms.id].into(), workload: Arc::new(one) });
        }
        assert_eq!((departed.gone.len(), &*departed.gone[0].workload.id.uid), (MOST, "1"));
    }
}
