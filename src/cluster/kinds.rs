//! The kinds of workloads, as the API server and their controllers have them: one row each.
//!
//! Whatever reads or writes a workload takes what it needs from here, so that a kind is watched once it has a name in
//! [`Kind`] and a row in this table.

use super::fields::{Spec, Status, Template};
use super::verb::Verb;
use crate::domain::rollout::{self, Strategy};
use crate::domain::workload::Kind;

/// One kind of workload.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called.
    pub(super) kind: Kind,
    /// The API group that has it.
    pub(super) group: &'static str,
    /// The version of it that is read and written.
    pub(super) version: &'static str,
    /// Where its pods are described.
    pub(super) pods: Pods,
    /// What its status says of its newest revision.
    pub(super) rollout: fn(&Spec, &Status) -> rollout::Status,
    /// What has to be allowed for it to be watched and written.
    pub(super) verbs: &'static [Verb],
}

/// Where a kind describes its pods.
#[derive(Debug)]
pub(super) struct Pods {
    /// As a JSON pointer.
    pub(super) pointer: &'static str,
    /// The same of what was read.
    pub(super) template: fn(&Spec) -> &Template,
}

/// Where all of `apps/v1` describe their pods.
const TEMPLATE: Pods = Pods { pointer: "/spec/template", template: |spec| &spec.template };

/// Read after a write that failed, listed, followed, and written.
const VERBS: &[Verb] = &[Verb::Get, Verb::List, Verb::Watch, Verb::Patch];

const DEPLOYMENT: Row = Row {
    kind: Kind::Deployment,
    group: "apps",
    version: "v1",
    pods: TEMPLATE,
    rollout: |spec, status| rollout::Status {
        one_revision: true,
        // The largest number turns it off.
        has_deadline: spec.progress_deadline_seconds != Some(i32::MAX) && !status.was_complete(),
        ..counters(spec, status)
    },
    verbs: VERBS,
};

const STATEFUL_SET: Row = Row {
    kind: Kind::StatefulSet,
    group: "apps",
    version: "v1",
    pods: TEMPLATE,
    rollout: |spec, status| rollout::Status {
        one_revision: status.current_revision == status.update_revision,
        strategy: strategy(spec),
        ..counters(spec, status)
    },
    verbs: VERBS,
};

impl Row {
    /// The row of a kind.
    pub(super) const fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::Deployment => &DEPLOYMENT,
            Kind::StatefulSet => &STATEFUL_SET,
        }
    }

    /// Group and version, as in `apiVersion:` of a manifest.
    pub(super) fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }
}

/// What every kind counts alike.
fn counters(spec: &Spec, status: &Status) -> rollout::Status {
    rollout::Status {
        observed: status.observed_generation,
        paused: spec.paused,
        wanted: spec.replicas.unwrap_or(1),
        replicas: status.replicas,
        updated: status.updated_replicas,
        available: status.available_replicas,
        stall: status.stall(),
        refusal: status.refusal(),
        ..rollout::Status::default()
    }
}

/// A partition is counted from the first ordinal.
fn strategy(spec: &Spec) -> Strategy {
    let kept = spec.update_strategy.rolling_update.partition.saturating_sub(spec.ordinals.start);
    match (spec.update_strategy.r#type.as_str(), kept) {
        ("OnDelete", _) => Strategy::OnDelete,
        (_, kept) if kept > 0 => Strategy::From(kept),
        _ => Strategy::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_row() {
        for kind in Kind::ALL {
            let row = Row::of(kind);
            assert_eq!(row.kind, kind);
            assert!(row.pods.pointer.starts_with("/spec/"), "{kind}");
            assert!(VERBS.iter().all(|verb| row.verbs.contains(verb)), "{kind} can't be kept up to date without");
        }
        assert_eq!(Row::of(Kind::StatefulSet).api_version(), "apps/v1");
    }
}
