//! Rollouts whose pods a Deployment describes (`spec.workloadRef`): that Deployment is watched and written, and its Rollout is
//! followed. The Deployment itself is at 0 replicas then, which says nothing.

use crate::domain::rollout::{Lacks, Progress, Rollout};
use crate::domain::workload::Workload;

/// What a Rollout says of the Deployment that describes its pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Referrer {
    /// The Deployment's name, in the same namespace.
    pub(super) deployment: Box<str>,
    /// The generation of the Deployment that the rest is about.
    pub(super) observed: i64,
    /// How its newest revision stands.
    pub(super) rollout: Rollout,
    /// Whether it is paused.
    pub(super) paused: bool,
}

impl Referrer {
    /// The Deployment as its Rollout has it.
    pub(super) fn over(&self, deployment: Workload) -> Workload {
        let rollout = if self.observed < deployment.generation {
            let lacks = Lacks::ObservedGeneration;
            Rollout::Progressing(Progress { has_deadline: true, lacks, ..Progress::default() })
        } else {
            self.rollout.clone()
        };
        Workload { rollout, paused: self.paused, ..deployment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rollout::Waits;
    use crate::domain::workload::tests::workload;

    #[test]
    fn a_deployment_that_a_rollout_refers_to_stands_as_the_rollout_does() {
        let asleep = Workload { rollout: Rollout::Waiting(Waits::ZeroReplicas), generation: 4, ..workload(&[], &[]) };
        let referrer = |observed| Referrer {
            deployment: "web".into(),
            observed,
            rollout: Rollout::Waiting(Waits::CanaryPause),
            paused: true,
        };
        let over = referrer(4).over(asleep.clone());
        assert_eq!((over.rollout, over.paused), (Rollout::Waiting(Waits::CanaryPause), true));
        let Rollout::Progressing(_) = referrer(3).over(asleep).rollout else { panic!("of the revision before") };
    }
}
