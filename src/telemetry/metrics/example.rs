//! Every metric with a series, for whoever compares names: what has none is not written.

use super::Metrics;

impl Metrics {
    /// Every metric with a series of empty labels.
    #[must_use]
    pub fn example() -> Self {
        let metrics = Self::new();
        macro_rules! touch {
            ($($family:ident),+) => { $(drop(metrics.$family.get_or_create(&Default::default()));)+ };
        }
        touch!(
            webhook_requests,
            webhook_misses,
            webhook_passed_over,
            webhook_last_accepted,
            webhook_missed,
            announced_tags,
            webhook_to_decision,
            decisions,
            reconcile_duration,
            updates,
            rollout_duration,
            registry_requests,
            registry_duration,
            registry_not_modified,
            registry_waits,
            registry_budget_remaining,
            registry_budget_limit,
            cluster_requests,
            deliveries,
            queue_jobs,
            queue_retries,
            approvals,
            approval_wait,
            approval_answers,
            release_requests,
            summaries,
            sign_ins,
            workloads,
            update_available,
            rights
        );
        metrics.watch("*", "pods", Some(true));
        metrics.channel_stands("", "open", 0);
        metrics.messages(&[(String::new(), 0)].into(), &[(String::new(), 0)].into());
        metrics
    }
}
