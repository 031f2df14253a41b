//! The kinds of workloads, as the API server and their controllers have them: one row each.
//!
//! Whatever reads or writes a workload takes what it needs from here, so that a kind is watched once it has a name in
//! [`Kind`] and a row in this table.

use super::fields::{Spec, Status, Template};
use super::verb::Verb;
use crate::domain::rollout::argo::{self, Pause};
use crate::domain::rollout::{self, Rollout, Strategy, cron_job, daemon_set};
use crate::domain::workload::Kind;

/// One kind of workload.
#[derive(Debug)]
pub(super) struct Row {
    /// What it is called.
    pub(super) kind: Kind,
    /// Where its pods are described.
    pub(super) pods: Pods,
    /// What its specification and its status say of its newest revision, which is of this generation.
    pub(super) rollout: fn(i64, &Spec, &Status) -> Rollout,
    /// What has to be allowed for it to be watched and written.
    pub(super) verbs: &'static [Verb],
    /// Whether a cluster may do without it: it is a custom resource.
    pub(super) is_optional: bool,
}

/// Where a kind describes its pods.
#[derive(Debug)]
pub(super) struct Pods {
    /// As a JSON pointer.
    pub(super) pointer: &'static str,
    /// The same of what was read.
    pub(super) template: fn(&Spec) -> &Template,
}

/// Where most kinds describe their pods.
const TEMPLATE: Pods = Pods { pointer: "/spec/template", template: |spec| &spec.template };

/// Read after a write that failed, listed, followed, and written.
const VERBS: &[Verb] = &[Verb::Get, Verb::List, Verb::Watch, Verb::Patch];

const DEPLOYMENT: Row = Row {
    kind: Kind::Deployment,
    pods: TEMPLATE,
    rollout: |generation, spec, status| {
        let counted = rollout::Status {
            one_revision: true,
            // The largest number turns it off.
            has_deadline: spec.progress_deadline_seconds != Some(i32::MAX) && !status.was_complete(),
            ..counters(generation, spec, status)
        };
        counted.judge().after(spec.min_ready())
    },
    verbs: VERBS,
    is_optional: false,
};

const STATEFUL_SET: Row = Row {
    kind: Kind::StatefulSet,
    pods: TEMPLATE,
    rollout: |generation, spec, status| {
        let counted = rollout::Status {
            one_revision: status.current_revision == status.update_revision,
            strategy: strategy(spec),
            ..counters(generation, spec, status)
        };
        let is_ordered = &*spec.pod_management_policy != "Parallel";
        counted.judge().ordered(is_ordered).after(spec.min_ready())
    },
    verbs: VERBS,
    is_optional: false,
};

const DAEMON_SET: Row = Row {
    kind: Kind::DaemonSet,
    pods: TEMPLATE,
    rollout: |generation, spec, status| {
        let counted = daemon_set::Status {
            generation,
            observed: status.observed_generation,
            on_delete: spec.update_strategy.r#type == "OnDelete",
            desired: status.desired_number_scheduled,
            updated: status.updated_number_scheduled,
            available: status.number_available,
        };
        counted.judge().after(spec.min_ready())
    },
    verbs: VERBS,
    is_optional: false,
};

const CRON_JOB: Row = Row {
    kind: Kind::CronJob,
    pods: Pods { pointer: "/spec/jobTemplate/spec/template", template: |spec| &spec.job_template.spec.template },
    rollout: |_, spec, _| cron_job::Status { suspended: spec.suspend, schedule: &spec.schedule }.judge(),
    verbs: VERBS,
    is_optional: false,
};

const ROLLOUT: Row = Row {
    kind: Kind::Rollout,
    pods: TEMPLATE,
    rollout: |generation, spec, status| {
        // Told to go on, and not gone on yet.
        let goes_on = status.controller_pause && status.pause_conditions.is_empty();
        let said = argo::Status {
            is_observed: status.observed_generation >= generation && !goes_on,
            pause: pause(spec, status),
            wanted: spec.replicas.unwrap_or(1),
            updated: status.updated_replicas,
            available: status.available_replicas,
            is_stable: !status.stable_rs.is_empty() && status.stable_rs == status.current_pod_hash,
            phase: &status.phase,
            stall: status.degraded(),
            refusal: status.refusal(),
        };
        said.judge().after(spec.min_ready())
    },
    verbs: VERBS,
    is_optional: true,
};

impl Row {
    /// The row of a kind.
    pub(super) const fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::Deployment => &DEPLOYMENT,
            Kind::StatefulSet => &STATEFUL_SET,
            Kind::DaemonSet => &DAEMON_SET,
            Kind::CronJob => &CRON_JOB,
            Kind::Rollout => &ROLLOUT,
        }
    }
}

/// What Deployments and `StatefulSets` count alike.
fn counters(generation: i64, spec: &Spec, status: &Status) -> rollout::Status {
    rollout::Status {
        generation,
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

/// Why a Rollout stands still.
fn pause(spec: &Spec, status: &Status) -> Option<Pause> {
    if spec.paused {
        return Some(Pause::ByHand);
    }
    let ends = spec.strategy.ends(status.current_step_index);
    status.pause_conditions.first_reason().map(|reason| match reason {
        "CanaryPauseStep" if !ends => Pause::Canary,
        "BlueGreenPause" if !ends => Pause::BlueGreen,
        "InconclusiveAnalysisRun" | "InconclusiveExperiment" => Pause::Inconclusive,
        _ => Pause::Passing,
    })
}

/// A partition is counted from the first ordinal.
fn strategy(spec: &Spec) -> Strategy {
    let kept = spec.update_strategy.rolling_update.partition.saturating_sub(spec.ordinals.start);
    match spec.update_strategy.r#type.as_str() {
        "OnDelete" => Strategy::OnDelete,
        "RollingUpdate" | "" if kept > 0 => Strategy::From(kept),
        "RollingUpdate" | "" => Strategy::All,
        _ => Strategy::Unknown,
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
            assert_eq!(row.is_optional, kind.group().contains('.'), "{kind}: what comes with Kubernetes is there");
        }
        assert_eq!(Kind::StatefulSet.api_version(), "apps/v1");
    }

    #[test]
    fn only_a_stateful_set_that_goes_in_order_waits_for_each_pod() {
        let is_ordered = |kind: Kind, policy: serde_json::Value| {
            let object = serde_json::json!({"metadata": {"name": "db", "generation": 1},
                "spec": {"replicas": 3, "podManagementPolicy": policy}});
            crate::cluster::observed::tests::rollout_of(Row::of(kind), object).is_ordered()
        };
        assert!(is_ordered(Kind::StatefulSet, "OrderedReady".into()) && is_ordered(Kind::StatefulSet, "".into()));
        assert!(!is_ordered(Kind::StatefulSet, "Parallel".into()));
        assert!(!is_ordered(Kind::Deployment, "OrderedReady".into()));
    }
}
