//! The numbers that follow from what stands on workloads, and from the time: counted when somebody reads the metrics.

use chrono::{DateTime, Utc};

use super::Api;
use super::census::Summary;
use super::in_short::SNOOZED;
use crate::domain::policy::Mode;
use crate::domain::tag::Level;
use crate::queue::QueueAdmin;
use crate::telemetry::metrics::{AvailableLabels, Metrics, QUESTIONS, StateLabel, WorkloadLabels};

/// The mode of a workload whose settings can't be read.
const UNKNOWN: &str = "unknown";

impl<Q: QueueAdmin> Api<Q> {
    /// Counts all workloads.
    pub(super) async fn count_workloads(&self) {
        let (moment, metrics) = (self.moment().await, &self.metrics);
        metrics.workloads.clear();
        metrics.update_available.clear();
        let (mut questions, mut oldest, mut gone) = ([0_i64; QUESTIONS.len()], moment.now(), 0);
        for summary in self.summaries(&moment) {
            let mode = summary.mode().map_or(UNKNOWN, Mode::as_str).into();
            let (kind, state) = (summary.workload.id.kind.as_str().into(), summary.state.as_str().into());
            metrics.workloads.get_or_create(&WorkloadLabels { kind, mode, state }).inc();
            count_questions(&summary, &mut questions, &mut oldest);
            gone += summary.images_gone;
            if self.census.per_workload {
                available(metrics, &summary);
            }
        }
        for (state, count) in QUESTIONS.into_iter().zip(questions) {
            metrics.approvals.get_or_create(&StateLabel { state: state.into() }).set(count);
        }
        metrics.approval_oldest.set((moment.now() - oldest).num_seconds());
        metrics.images_gone.set(i64::try_from(gone).unwrap_or(i64::MAX));
    }

    /// What registries allow at this moment, as the API and the page have it.
    pub(super) fn count_budgets(&self) {
        let registries = (self.registries)();
        let budgets = registries.iter().filter_map(|registry| {
            let budget = registry.budget.as_ref().or(registry.ceiling.as_ref())?;
            Some((registry.host.as_str(), budget.left, budget.limit))
        });
        self.metrics.registry_budgets(budgets);
    }
}

fn count_questions(summary: &Summary, questions: &mut [i64; QUESTIONS.len()], oldest: &mut DateTime<Utc>) {
    for asked in summary.containers.iter().filter_map(|container| container.asked) {
        if let Some(at) = QUESTIONS.iter().position(|known| *known == asked.stands) {
            questions.get_mut(at).into_iter().for_each(|count| *count += 1);
        }
        if asked.stands != SNOOZED && asked.is_about_update {
            *oldest = asked.at.min(*oldest);
        }
    }
}

fn available(metrics: &Metrics, summary: &Summary) {
    let id = &summary.workload.id;
    for (container, of) in summary.each().filter(|(_, of)| of.is_newer) {
        let labels = AvailableLabels {
            namespace: id.namespace.to_string(),
            kind: id.kind.as_str().into(),
            name: id.name.to_string(),
            container: container.name.to_string(),
            level: of.level.map_or(UNKNOWN, Level::as_str).into(),
        };
        metrics.update_available.get_or_create(&labels).set(1);
    }
}
