//! Deployments whose pods a Rollout makes: they stand as that says.

use std::collections::HashSet;
use std::sync::Arc;

use super::hints::hints;
use super::{Hints, Index, ObjectName, Tables};
use crate::cluster::referrer::Referrer;
use crate::cluster::scopes::Scope;
use crate::domain::rollout::Rollout;
use crate::domain::workload::{Kind, Workload, WorkloadId};

/// How many Rollouts are remembered whose pods a Deployment describes.
const MOST_REFERRERS: usize = 10_000;

/// What the Rollout of a Deployment says.
pub(super) struct Referred {
    by: Referrer,
    /// What the Deployment says of itself, and whether it is paused.
    own: Option<(Rollout, bool)>,
    /// Whether the Rollout is gone, or refers to another.
    is_over: bool,
}
impl Index {
    /// The Rollout that makes the pods which a Deployment only describes.
    pub(in crate::cluster) fn rollout_of(&self, deployment: &WorkloadId) -> Option<Box<str>> {
        if deployment.kind != Kind::Deployment {
            return None;
        }
        let place = ObjectName::of(deployment);
        self.read(|tables| {
            tables.referred.get(&place).filter(|referred| !referred.is_over)?;
            let refers = tables.referrers.iter().find(|(_, described)| **described == place);
            refers.map(|(rollout, _)| rollout.name.clone())
        })
    }

    /// Takes what a Rollout says of the Deployment that describes its pods; `None` where it is gone, or describes them itself.
    pub(in crate::cluster) fn refer(&self, rollout: &WorkloadId, referrer: Option<Referrer>) -> Hints {
        let place = ObjectName::of(rollout);
        self.write(|tables| {
            let changed = tables.refer(place, referrer);
            changed.into_iter().flat_map(|deployment| tables.judge_again(&deployment, self)).collect()
        })
    }

    /// Takes what all Rollouts of a scope say; those that are not among them are gone.
    pub(in crate::cluster) fn refer_all(&self, scope: &Scope, all: Vec<(WorkloadId, Referrer)>) -> Hints {
        self.write(|tables| {
            let mut changed = Vec::new();
            let named: HashSet<ObjectName> = all.iter().map(|(id, _)| ObjectName::of(id)).collect();
            let is_gone = |place: &&ObjectName| scope.has(&place.namespace, place.kind) && !named.contains(place);
            let gone: Vec<ObjectName> = tables.referrers.keys().filter(is_gone).cloned().collect();
            for place in gone {
                changed.extend(tables.refer(place, None));
            }
            for (id, referrer) in all {
                changed.extend(tables.refer(ObjectName::of(&id), Some(referrer)));
            }
            changed.into_iter().flat_map(|deployment| tables.judge_again(&deployment, self)).collect()
        })
    }
}

impl Tables {
    /// A workload as it is to be read: a Deployment that a Rollout refers to stands as that does.
    pub(super) fn as_referred(&mut self, place: &ObjectName, workload: Workload) -> Workload {
        match self.referred.get_mut(place) {
            Some(referred) => {
                referred.own = Some((workload.rollout.clone(), workload.paused));
                referred.by.over(workload)
            }
            None => workload,
        }
    }

    /// Takes what a Rollout says. Answers the Deployments that stand otherwise by it.
    fn refer(&mut self, rollout: ObjectName, referrer: Option<Referrer>) -> Vec<ObjectName> {
        let mut changed = Vec::new();
        let deployment = referrer.as_ref().map(|referrer| ObjectName {
            namespace: rollout.namespace.clone(),
            kind: Kind::Deployment,
            name: referrer.deployment.clone(),
        });
        let before = self.referrers.remove(&rollout);
        if let Some(before) = before.filter(|before| Some(before) != deployment.as_ref()) {
            if let Some(referred) = self.referred.get_mut(&before) {
                referred.is_over = true;
            }
            changed.push(before);
        }
        let (Some(deployment), Some(by)) = (deployment, referrer) else { return changed };
        if self.referrers.len() >= MOST_REFERRERS {
            return changed;
        }
        let known = self.referred.remove(&deployment);
        if known.as_ref().is_none_or(|known| known.by != by) {
            changed.push(deployment.clone());
        }
        let own = known.and_then(|known| known.own);
        self.referred.insert(deployment.clone(), Referred { by, own, is_over: false });
        self.referrers.insert(rollout, deployment);
        changed
    }

    /// Judges a Deployment by what its Rollout says now.
    fn judge_again(&mut self, place: &ObjectName, index: &Index) -> Hints {
        let known = self.workloads.get(place).cloned();
        let is_over = self.referred.get(place).is_some_and(|referred| referred.is_over);
        let referred = if is_over { self.referred.remove(place) } else { None };
        let Some(known) = known else { return Hints::new() };
        let own = referred.as_ref().or(self.referred.get(place)).and_then(|referred| referred.own.clone());
        let (rollout, paused) = own.unwrap_or_else(|| (known.rollout.clone(), known.paused));
        let workload = self.as_referred(place, Workload { rollout, paused, ..Workload::clone(&known) });
        if workload == *known {
            return Hints::new();
        }
        let hints = hints(Some(&known), &workload, (&|| true, &|| self.rolls(&known.id)));
        self.put(place, Arc::new(workload), |it| index.named_by(it));
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, record, scope};
    use super::*;
    use crate::domain::record::Event;
    use crate::domain::record::tests::update;
    use crate::domain::rollout::Waits;
    use crate::domain::workload::tests::workload;

    /// A Deployment at 0 replicas whose update is followed, and what a Rollout says of it.
    fn referred(version: u64) -> (Workload, WorkloadId, impl Fn(i64, Rollout) -> Option<Referrer>) {
        let text = record(1, vec![Event::Write(Box::new(update(1, None)))]);
        let annotations = [("mode", "AUTO_UPDATE"), ("record", &*text)];
        let mut deployment = at(workload(&[("web", "web:1.1.0")], &annotations), version);
        (deployment.generation, deployment.rollout) = (7, Rollout::Waiting(Waits::ZeroReplicas));
        let rollout = WorkloadId { kind: Kind::Rollout, name: "cart".into(), ..deployment.id.clone() };
        let says = |observed, rollout| Some(Referrer { deployment: "web".into(), observed, rollout, paused: false });
        (deployment, rollout, says)
    }

    #[test]
    fn a_deployment_that_a_rollout_refers_to_is_followed_by_it() {
        let (deployment, rollout, says) = referred(1);
        let stands = |index: &Index| index.by_uid("uid-1").unwrap().rollout.clone();
        let asleep = Rollout::Waiting(Waits::ZeroReplicas);
        for deployment_first in [true, false] {
            let index = Index::default();
            let observe = || index.observe(&deployment.id, Some(deployment.clone()));
            let say = |observed, it| index.refer(&rollout, says(observed, it));
            if deployment_first {
                observe();
                assert_eq!(stands(&index), asleep);
                assert_eq!(say(7, Rollout::Waiting(Waits::CanaryPause)).len(), 1, "it is looked at");
            } else {
                assert!(say(7, Rollout::Waiting(Waits::CanaryPause)).is_empty());
                observe();
            }
            assert_eq!(stands(&index), Rollout::Waiting(Waits::CanaryPause));
            assert!(say(7, Rollout::Waiting(Waits::CanaryPause)).is_empty(), "no news");
            assert_eq!(say(7, Rollout::Complete).len(), 1);
            let newer = Workload { generation: 8, ..at(deployment.clone(), 2) };
            let Rollout::Progressing(_) = index.learn(newer).rollout else { panic!("what was just written is new") };
            let Rollout::Progressing(_) = stands(&index) else { panic!("what was just written is new") };
            say(8, Rollout::Complete);
            assert_eq!(stands(&index), Rollout::Complete);
            assert_eq!(index.rollout_of(&deployment.id).as_deref(), Some("cart"), "whose pods those are");
            index.refer(&rollout, None);
            assert_eq!(index.rollout_of(&deployment.id), None);
            assert_eq!(stands(&index), asleep, "it is gone");
        }
    }

    #[test]
    fn who_refers_to_a_deployment_may_vanish_with_its_kind() {
        let (deployment, rollout, says) = referred(1);
        let index = Index::default();
        index.observe(&deployment.id, Some(deployment.clone()));
        let all = scope(Kind::Rollout, None);
        let list = |referrers| index.refer_all(&all, referrers).len();
        assert_eq!(list(vec![(rollout.clone(), says(7, Rollout::Complete).unwrap())]), 1);
        assert_eq!(list(vec![(rollout.clone(), says(7, Rollout::Complete).unwrap())]), 0);
        index.refer_all(&scope(Kind::Rollout, Some("blog")), Vec::new());
        assert_eq!(index.by_uid("uid-1").unwrap().rollout, Rollout::Complete, "another namespace");
        index.forget(&all);
        assert_eq!(index.by_uid("uid-1").unwrap().rollout, Rollout::Waiting(Waits::ZeroReplicas));
        let is_empty = index.read(|tables| tables.referred.is_empty() && tables.referrers.is_empty());
        assert!(is_empty, "nothing is left behind");
        let other = Referrer { deployment: "api".into(), ..says(7, Rollout::Complete).unwrap() };
        index.refer(&rollout, says(7, Rollout::Complete));
        index.refer(&rollout, Some(other));
        assert_eq!(
            index.by_uid("uid-1").unwrap().rollout,
            Rollout::Waiting(Waits::ZeroReplicas),
            "it left for another"
        );
    }
}
