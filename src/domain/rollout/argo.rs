//! Rollouts of Argo: counters, and the words that their controller has for what it waits for.

use super::{Lacks, Progress, Refusal, Rollout, Stall, Waits};

/// Why it stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// `spec.paused`.
    ByHand,
    /// A step of a canary without an end.
    Canary,
    /// A preview that is not promoted by itself.
    BlueGreen,
    /// An analysis or an experiment came to no result.
    Inconclusive,
    /// The controller goes on by itself, or in a way that we don't know.
    Passing,
}

/// What an object says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status<'s> {
    /// Whether what is said is about the newest revision.
    pub is_observed: bool,
    /// Why it stands still, if it does.
    pub pause: Option<Pause>,
    /// Replicas that are wanted.
    pub wanted: i32,
    /// Those of the newest revision.
    pub updated: i32,
    /// Those that are available.
    pub available: i32,
    /// Whether the newest revision is the one that traffic goes to.
    pub is_stable: bool,
    /// `status.phase`; controllers before 1.0 say none.
    pub phase: &'s str,
    /// What the controller says where it has given up.
    pub stall: Option<Stall>,
    /// What the API server says of pods that it refuses.
    pub refusal: Option<Refusal>,
}

impl Status<'_> {
    /// What it comes to.
    #[must_use]
    pub fn judge(self) -> Rollout {
        let (updated, available, lacks) = (self.updated, self.available, self.lacks());
        let progress = Progress { updated, available, lacks, has_deadline: true, ..Progress::default() };
        if !self.is_observed {
            return Rollout::Progressing(progress);
        }
        if self.pause == Some(Pause::ByHand) {
            return Rollout::Waiting(Waits::Paused);
        }
        if let Some(stall) = self.stall {
            return Rollout::Stalled(stall.at(progress, self.refusal.as_ref()));
        }
        if self.wanted <= 0 {
            return Rollout::Waiting(Waits::ZeroReplicas);
        }
        let counts = self.updated >= self.wanted && self.available >= self.wanted;
        if counts && self.is_stable && matches!(self.phase, "Healthy" | "") {
            return Rollout::Complete;
        }
        match self.pause {
            // One that breaks while it is looked at is nobody's to promote.
            Some(_) if self.available < self.wanted => {
                Rollout::Progressing(Progress { lacks: Lacks::AvailableReplicas, ..progress })
            }
            Some(Pause::Canary) => Rollout::Waiting(Waits::CanaryPause),
            Some(Pause::BlueGreen) => Rollout::Waiting(Waits::BlueGreenPause),
            Some(Pause::Inconclusive) => Rollout::Waiting(Waits::Inconclusive),
            Some(Pause::ByHand | Pause::Passing) | None => match self.refusal {
                Some(refusal) => Rollout::Refused(Progress { lacks: Lacks::UpdatedReplicas, ..progress }, refusal),
                None => Rollout::Progressing(progress),
            },
        }
    }

    /// The first that is not as it is to be, in the order in which a rollout comes to it.
    fn lacks(&self) -> Lacks {
        if !self.is_observed {
            Lacks::ObservedGeneration
        } else if self.updated > 0 && self.available >= self.wanted {
            // All that is wanted so far is up: its controller takes the next step, and has a deadline of its own.
            Lacks::Steps
        } else if self.updated < self.wanted {
            Lacks::UpdatedReplicas
        } else {
            Lacks::AvailableReplicas
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_stands_as_its_controller_and_its_counters_say() {
        let lacks = |lacks, updated, available| Progress {
            updated,
            available,
            lacks,
            has_deadline: true,
            ..Progress::default()
        };
        let stall = || Stall {
            reason: "RolloutAborted".into(),
            message: "no".into(),
            since: "t".into(),
            progress: lacks(Lacks::Steps, 4, 4),
            refusal: None,
        };
        let done = || Status {
            is_observed: true,
            wanted: 4,
            updated: 4,
            available: 4,
            is_stable: true,
            phase: "Healthy",
            ..Status::default()
        };
        let paused = |reason| Status { pause: Some(reason), phase: "Paused", updated: 1, is_stable: false, ..done() };
        let refusal = || Refusal { reason: "FailedCreate".into(), message: "exceeded quota: team".into() };
        let refused = || Status { updated: 1, phase: "Progressing", refusal: Some(refusal()), ..done() };
        let under_way = |what, updated, available| Rollout::Progressing(lacks(what, updated, available));
        let cases = [
            (Rollout::Complete, done()),
            (Rollout::Complete, Status { phase: "", ..done() }),
            (under_way(Lacks::ObservedGeneration, 4, 4), Status { is_observed: false, ..done() }),
            (under_way(Lacks::ObservedGeneration, 4, 4), Status { is_observed: false, stall: Some(stall()), ..done() }),
            // The phase of the rollout before proves nothing.
            (under_way(Lacks::UpdatedReplicas, 0, 4), Status { updated: 0, is_stable: false, ..done() }),
            (under_way(Lacks::UpdatedReplicas, 1, 3), Status { updated: 1, available: 3, is_stable: false, ..done() }),
            (under_way(Lacks::Steps, 1, 4), Status { updated: 1, is_stable: false, ..done() }),
            (under_way(Lacks::Steps, 4, 4), Status { is_stable: false, ..done() }),
            (under_way(Lacks::AvailableReplicas, 4, 3), Status { available: 3, ..done() }),
            (under_way(Lacks::Steps, 4, 4), Status { phase: "Progressing", ..done() }),
            (under_way(Lacks::Steps, 3, 4), Status { updated: 3, ..done() }),
            (Rollout::Waiting(Waits::Paused), Status { pause: Some(Pause::ByHand), ..done() }),
            (Rollout::Waiting(Waits::CanaryPause), paused(Pause::Canary)),
            (Rollout::Waiting(Waits::BlueGreenPause), paused(Pause::BlueGreen)),
            (Rollout::Waiting(Waits::Inconclusive), paused(Pause::Inconclusive)),
            (under_way(Lacks::Steps, 1, 4), paused(Pause::Passing)),
            // It broke while somebody looked at it.
            (under_way(Lacks::AvailableReplicas, 1, 3), Status { available: 3, ..paused(Pause::Canary) }),
            (under_way(Lacks::AvailableReplicas, 1, 3), Status { available: 3, ..paused(Pause::BlueGreen) }),
            (under_way(Lacks::AvailableReplicas, 1, 3), Status { available: 3, ..paused(Pause::Inconclusive) }),
            (Rollout::Waiting(Waits::ZeroReplicas), Status { wanted: 0, updated: 0, available: 0, ..done() }),
            (Rollout::Stalled(stall()), Status { stall: Some(stall()), phase: "Degraded", ..done() }),
            (Rollout::Refused(lacks(Lacks::UpdatedReplicas, 1, 4), refusal()), refused()),
            (
                Rollout::Stalled(Stall {
                    message: "no; FailedCreate: exceeded quota: team".into(),
                    progress: Progress { is_refused: true, ..lacks(Lacks::Steps, 1, 4) },
                    refusal: Some(Box::new(refusal())),
                    ..stall()
                }),
                Status { stall: Some(stall()), ..refused() },
            ),
        ];
        for (expected, status) in cases {
            assert_eq!(status.clone().judge(), expected, "{status:?}");
        }
    }
}
