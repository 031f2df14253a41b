//! Deployments and `StatefulSets`: replicas that are counted.

use super::{Lacks, Progress, Refusal, Rollout, Stall, Waits};

/// How pods are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By the controller, all of them.
    #[default]
    All,
    /// By the controller, all but so many of the first.
    From(i32),
    /// By the controller, as somebody deletes them.
    OnDelete,
    /// In a way that we don't know: the counters alone tell.
    Unknown,
}

/// The counters and conditions of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `metadata.generation`.
    pub generation: i64,
    /// The generation that the counters are about.
    pub observed: i64,
    /// Whether it is told to stand still.
    pub paused: bool,
    /// How pods are replaced.
    pub strategy: Strategy,
    /// Replicas that are wanted.
    pub wanted: i32,
    /// Replicas that exist.
    pub replicas: i32,
    /// Those of the newest revision.
    pub updated: i32,
    /// Those that are available.
    pub available: i32,
    /// Whether the newest revision is the only one, where the object says so.
    pub one_revision: bool,
    /// What the cluster says where it has given up.
    pub stall: Option<Stall>,
    /// What the API server says where it refuses pods.
    pub refusal: Option<Refusal>,
    /// See [`Progress::has_deadline`].
    pub has_deadline: bool,
}

impl Status {
    /// What it comes to.
    ///
    /// Counters go before conditions: once complete, a condition may still be that of the rollout before.
    #[must_use]
    pub fn judge(self) -> Rollout {
        let Self { updated, available, has_deadline, .. } = self;
        let (lacks, held) = (self.lacks(), self.held());
        let progress = Progress { updated, available, has_deadline, lacks, held, ..Progress::default() };
        if self.observed < self.generation {
            // A controller that can't do what it looks at says so, and counts it as not seen.
            return match self.refusal {
                Some(refusal) => Rollout::Refused(progress, refusal),
                None => Rollout::Progressing(progress),
            };
        }
        let all_available = self.available >= self.updated;
        let is_whole = self.wanted > 0 && self.is_all_new() && all_available && self.is_one_revision();
        // Who pauses what has come up holds back what comes next.
        if self.paused && !is_whole {
            return Rollout::Waiting(Waits::Paused);
        }
        if self.wanted <= 0 {
            return Rollout::Waiting(Waits::ZeroReplicas);
        }
        if is_whole {
            return Rollout::Complete;
        }
        // Pods that are new and don't come up are nobody's to wait for.
        let all_up = self.available >= self.wanted;
        let is_nothing_new = match self.strategy {
            Strategy::From(first) => first >= self.wanted,
            _ => self.updated <= 0,
        };
        let waits = held.filter(|_| is_nothing_new || all_up);
        match (waits, self.stall, self.refusal) {
            (Some(waits), ..) => Rollout::Waiting(waits),
            (None, Some(stall), refusal) => Rollout::Stalled(stall.at(progress, refusal.as_ref())),
            (None, None, Some(refusal)) => Rollout::Refused(progress, refusal),
            (None, None, None) => Rollout::Progressing(progress),
        }
    }

    /// Whether no other revision has replicas.
    fn is_all_new(&self) -> bool {
        self.updated >= self.wanted && self.replicas <= self.updated
    }

    /// What the rest of it waits for, where its controller does no more by itself.
    fn held(&self) -> Option<Waits> {
        match self.strategy {
            Strategy::OnDelete => (!self.is_all_new()).then_some(Waits::OnDelete),
            Strategy::From(first) => (first > 0 && self.updated >= self.wanted - first).then_some(Waits::Partition),
            Strategy::All | Strategy::Unknown => None,
        }
    }

    /// Where somebody deletes the pods, the older revision is named for ever.
    fn is_one_revision(&self) -> bool {
        self.one_revision || matches!(self.strategy, Strategy::OnDelete | Strategy::Unknown)
    }

    /// The first that is not as it is to be, in the order in which a rollout comes to it.
    fn lacks(&self) -> Lacks {
        if self.observed < self.generation {
            Lacks::ObservedGeneration
        } else if self.updated < self.wanted {
            Lacks::UpdatedReplicas
        } else if self.replicas > self.updated || !self.is_one_revision() {
            Lacks::OldReplicas
        } else {
            Lacks::AvailableReplicas
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done() -> Status {
        Status {
            wanted: 3,
            replicas: 3,
            updated: 3,
            available: 3,
            one_revision: true,
            has_deadline: true,
            ..Status::default()
        }
    }

    fn given_up() -> Status {
        let stall = Stall {
            reason: "ProgressDeadlineExceeded".into(),
            message: "no".into(),
            since: "t".into(),
            progress: Progress::default(),
            refusal: None,
        };
        Status { stall: Some(stall), ..done() }
    }

    fn word(status: Status) -> String {
        match status.judge() {
            Rollout::Complete => "complete".into(),
            Rollout::Progressing(_) => "progressing".into(),
            Rollout::Refused(..) => "refused".into(),
            Rollout::Waiting(waits) => waits.as_str().into(),
            Rollout::Stalled(_) => "stalled".into(),
        }
    }

    #[test]
    fn who_refuses_the_pods_of_what_was_given_up_is_told() {
        let message = "pods \"web-1-\" is forbidden: exceeded quota: team".into();
        let refusal = Some(Refusal { reason: "FailedCreate".into(), message });
        let Rollout::Stalled(stall) = (Status { updated: 0, refusal, ..given_up() }).judge() else {
            panic!("the cluster gave it up")
        };
        assert_eq!(&*stall.message, "no; FailedCreate: pods \"web-1-\" is forbidden: exceeded quota: team");
        assert_eq!((&*stall.reason, stall.progress.lacks), ("ProgressDeadlineExceeded", Lacks::UpdatedReplicas));
    }

    #[test]
    fn what_a_rollout_lacks_is_the_first_that_is_not_so() {
        let cases = [
            (Lacks::ObservedGeneration, Status { generation: 1, updated: 0, ..done() }),
            (Lacks::UpdatedReplicas, Status { updated: 2, replicas: 4, available: 2, ..done() }),
            (Lacks::OldReplicas, Status { replicas: 4, available: 2, ..done() }),
            (Lacks::OldReplicas, Status { one_revision: false, ..done() }),
            (Lacks::AvailableReplicas, Status { available: 2, ..done() }),
            (
                Lacks::AvailableReplicas,
                Status { strategy: Strategy::OnDelete, one_revision: false, available: 2, ..done() },
            ),
        ];
        for (expected, status) in cases {
            let judged = status.clone().judge();
            assert!(matches!(judged, Rollout::Progressing(Progress { lacks, .. }) if lacks == expected), "{status:?}");
        }
    }

    #[test]
    fn a_rollout_is_judged_by_its_own_strategy_and_counters() {
        let refused = || Some(Refusal { reason: "FailedCreate".into(), message: "exceeded quota".into() });
        let cases: [(&str, Status); 34] = [
            ("complete", done()),
            // It is scaled up: what is there is new, and not all of it is there.
            ("progressing", Status { replicas: 2, updated: 2, available: 2, ..done() }),
            // All are new, and not all are up.
            ("progressing", Status { strategy: Strategy::OnDelete, available: 2, ..done() }),
            ("progressing", Status { strategy: Strategy::From(0), available: 3, one_revision: false, ..done() }),
            ("complete", given_up()),
            ("progressing", Status { generation: 1, ..done() }),
            ("progressing", Status { updated: 0, ..done() }),
            ("progressing", Status { replicas: 4, ..done() }),
            ("progressing", Status { available: 2, ..done() }),
            ("stalled", Status { available: 2, ..given_up() }),
            ("refused", Status { updated: 0, refusal: refused(), ..done() }),
            ("refused", Status { generation: 1, refusal: refused(), ..done() }),
            ("stalled", Status { updated: 0, refusal: refused(), ..given_up() }),
            ("complete", Status { refusal: refused(), ..done() }),
            ("Paused", Status { paused: true, updated: 0, ..done() }),
            ("Paused", Status { paused: true, updated: 1, ..given_up() }),
            // It has come up, and what comes next waits.
            ("complete", Status { paused: true, ..done() }),
            ("Paused", Status { paused: true, available: 2, ..done() }),
            ("Paused", Status { paused: true, wanted: 0, replicas: 0, updated: 0, available: 0, ..done() }),
            ("ZeroReplicas", Status { wanted: 0, replicas: 0, updated: 0, available: 0, ..done() }),
            ("OnDelete", Status { strategy: Strategy::OnDelete, updated: 1, one_revision: false, ..done() }),
            ("complete", Status { strategy: Strategy::OnDelete, one_revision: false, ..done() }),
            ("Partition", Status { strategy: Strategy::From(2), updated: 1, one_revision: false, ..done() }),
            ("progressing", Status { strategy: Strategy::From(2), updated: 0, one_revision: false, ..done() }),
            ("Partition", Status { strategy: Strategy::From(9), updated: 0, one_revision: false, ..done() }),
            ("progressing", Status { one_revision: false, ..done() }),
            // The new pod does not come up.
            (
                "progressing",
                Status { strategy: Strategy::From(2), updated: 1, available: 2, one_revision: false, ..done() },
            ),
            (
                "progressing",
                Status { strategy: Strategy::OnDelete, updated: 1, available: 2, one_revision: false, ..done() },
            ),
            // No pod is new, and an old one is not well: nothing goes on by itself.
            (
                "Partition",
                Status { strategy: Strategy::From(3), updated: 0, available: 2, one_revision: false, ..done() },
            ),
            (
                "OnDelete",
                Status { strategy: Strategy::OnDelete, updated: 0, available: 2, one_revision: false, ..done() },
            ),
            // A partition below the first ordinal holds nothing back.
            ("progressing", Status { strategy: Strategy::From(0), updated: 1, one_revision: false, ..done() }),
            ("complete", Status { strategy: Strategy::From(-2), ..done() }),
            // A strategy of a later version of Kubernetes.
            ("complete", Status { strategy: Strategy::Unknown, one_revision: false, ..done() }),
            ("progressing", Status { strategy: Strategy::Unknown, updated: 2, one_revision: false, ..done() }),
        ];
        for (expected, status) in cases {
            assert_eq!(word(status.clone()), expected, "{status:?}");
        }
    }
}
