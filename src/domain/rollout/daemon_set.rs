//! `DaemonSets`: one pod for each node that is to run it. They have neither conditions nor a deadline.

use super::{Lacks, Progress, Rollout, Waits};

/// The counters of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `metadata.generation`.
    pub generation: i64,
    /// The generation that the counters are about.
    pub observed: i64,
    /// Whether its pods are replaced when somebody deletes them, and not before.
    pub on_delete: bool,
    /// Nodes that are to run it.
    pub desired: i32,
    /// Those whose oldest pod is of the newest revision.
    pub updated: i32,
    /// Those with a pod that is available.
    pub available: i32,
}

impl Status {
    /// What it comes to.
    #[must_use]
    pub fn judge(self) -> Rollout {
        let Self { desired, updated, available, .. } = self;
        let lacks = if self.observed < self.generation {
            Lacks::ObservedGeneration
        } else if updated < desired {
            Lacks::UpdatedReplicas
        } else {
            Lacks::AvailableReplicas
        };
        let held = (self.on_delete && updated < desired).then_some(Waits::OnDelete);
        let progress = Progress { updated, available, lacks, held, ..Progress::default() };
        let all_up = available >= desired;
        match updated >= desired {
            _ if self.observed < self.generation => Rollout::Progressing(progress),
            _ if desired <= 0 => Rollout::Waiting(Waits::NoNodes),
            true if all_up => Rollout::Complete,
            // New pods that don't come up are nobody's to wait for.
            false if self.on_delete && (updated <= 0 || all_up) => Rollout::Waiting(Waits::OnDelete),
            _ => Rollout::Progressing(progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_counts() {
        let done = Status { generation: 3, observed: 3, desired: 5, updated: 5, available: 5, on_delete: false };
        let lacks = |lacks, updated, available| {
            Rollout::Progressing(Progress { updated, available, lacks, ..Progress::default() })
        };
        let under_way = |updated, available| lacks(Lacks::UpdatedReplicas, updated, available);
        let not_up = |updated, available| lacks(Lacks::AvailableReplicas, updated, available);
        let on_delete = Status { on_delete: true, ..done };
        let held = Some(Waits::OnDelete);
        let lacks_new = Lacks::UpdatedReplicas;
        let held =
            Rollout::Progressing(Progress { updated: 2, available: 4, lacks: lacks_new, held, ..Progress::default() });
        let cases = [
            (Rollout::Complete, done),
            (lacks(Lacks::ObservedGeneration, 5, 5), Status { observed: 2, ..done }),
            (under_way(3, 5), Status { updated: 3, ..done }),
            (not_up(5, 4), Status { available: 4, ..done }),
            (Rollout::Waiting(Waits::NoNodes), Status { desired: 0, updated: 0, available: 0, ..done }),
            (Rollout::Complete, on_delete),
            (Rollout::Waiting(Waits::OnDelete), Status { updated: 0, ..on_delete }),
            (Rollout::Waiting(Waits::OnDelete), Status { updated: 0, available: 4, ..on_delete }),
            (Rollout::Waiting(Waits::OnDelete), Status { updated: 2, ..on_delete }),
            // A pod that was deleted, and whose new one does not come up.
            (held, Status { updated: 2, available: 4, ..on_delete }),
            (not_up(5, 4), Status { available: 4, ..on_delete }),
        ];
        for (expected, status) in cases {
            assert_eq!(status.judge(), expected, "{status:?}");
        }
    }
}
