//! Every metric by name, with what it is and the values of its closed labels: the table of docs/metrics.md.

use prometheus_client::registry::Registry;

use super::Metrics;
use super::process::Process;

impl Metrics {
    pub(super) fn registered(&self) -> Registry {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix("image_watcher");
        self.register_inbound(registry);
        self.register_decisions(registry);
        self.register_people(registry);
        self.register_registries(registry);
        self.register_cluster(registry);
        self.register_outbound(registry);
        self.register_itself(registry);
        all.register_collector(Box::new(Process));
        all
    }

    fn register_inbound(&self, registry: &mut Registry) {
        let help = "Deliveries of webhooks; labels: source, and result: accepted, ignored, duplicate, handshake, bad_signature, bad_payload, limited or overloaded";
        registry.register("webhook_requests", help, self.webhook_requests.clone());
        let help = "Requests for webhooks that reached no source; label: result, the path or the source, or the route for a POST elsewhere";
        registry.register("webhook_misses", help, self.webhook_misses.clone());
        let help = "Events that could not be used, of deliveries that were taken; label: source";
        registry.register("webhook_passed_over", help, self.webhook_passed_over.clone());
        let help = "When the last delivery of a source was accepted, 0 for never; label: source";
        registry.register("webhook_last_accepted_timestamp_seconds", help, self.webhook_last_accepted.clone());
        let help = "Pushes that a look found and the source did not announce; label: source";
        registry.register("webhook_missed", help, self.webhook_missed.clone());
        let help = "Announced tags that a decision could use; label: result, listed or given_up";
        registry.register("announced_tags", help, self.announced_tags.clone());
        let help = "Time from a delivery that was taken to the end of the look at what it announced; label: source";
        registry.register("webhook_to_decision_seconds", help, self.webhook_to_decision.clone());
        let help = "When the last round of polling was queued, 0 for never since the start; no label";
        registry.register("poll_last_success_timestamp_seconds", help, self.poll_last.clone());
        let help = "When the schedule begins its next round, 0 where it is off; no label";
        registry.register("poll_next_timestamp_seconds", help, self.poll_next.clone());
        let help = "Time between the next round of the schedule and the one after it, 0 where it is off; no label";
        registry.register("poll_interval_seconds", help, self.poll_interval.clone());
        let help = "Whether this replica follows the schedule, and does what else one of several does alone; no label";
        registry.register("holder", help, self.holder.clone());
    }

    fn register_decisions(&self, registry: &mut Registry) {
        let help = "Decisions for one container; labels: outcome, what it came to, and reason, why";
        registry.register("decisions", help, self.decisions.clone());
        let help = "How long a look at one repository took; label: result, ok or error";
        registry.register("reconcile_duration_seconds", help, self.reconcile_duration.clone());
        let help = "Updates that ended; labels: kind, trigger: policy, approval or rollback, and result: healthy, failed, rolled_back or replaced";
        registry.register("updates", help, self.updates.clone());
        let help = "Time from the write of an update to its end; labels: kind, and result: healthy, failed, rolled_back or replaced";
        registry.register("rollout_duration_seconds", help, self.rollout_duration.clone());
        let help = "Whether automatic updates are stopped everywhere, as too many of the last failed; no label";
        registry.register("updates_stopped", help, self.updates_stopped.clone());
    }

    fn register_people(&self, registry: &mut Registry) {
        let help = "Questions that people can answer, or could until their links ran out; label: state, open, snoozed or expired";
        registry.register("approvals", help, self.approvals.clone());
        let help = "Age of the oldest question about an update that nobody answered or put off; no label";
        registry.register("approval_oldest_seconds", help, self.approval_oldest.clone());
        let help =
            "Time from a question to its answer; label: outcome, approved, skipped, snoozed, resumed or went_back";
        registry.register("approval_wait_seconds", help, self.approval_wait.clone());
        let help =
            "Answers to links and requests on workloads; labels: action, what was asked, and result, what came of it";
        registry.register("approval_answers", help, self.approval_answers.clone());
    }

    fn register_registries(&self, registry: &mut Registry) {
        let help = "Requests to registries; labels: registry, operation, and code, the status or error";
        registry.register("registry_requests", help, self.registry_requests.clone());
        let help = "How long requests to registries took; labels: registry, operation";
        registry.register("registry_request_duration_seconds", help, self.registry_duration.clone());
        let help = "Answers of registries that nothing had changed, which cost nothing; label: registry";
        registry.register("registry_not_modified", help, self.registry_not_modified.clone());
        let help = "Requests to registries that were put off; labels: registry, and reason: asked, unavailable, little_left or ceiling";
        registry.register("registry_waits", help, self.registry_waits.clone());
        let help = "What is left of what a registry allows, as of its last answer while that holds, or of requestsPerMinute; label: registry";
        registry.register("registry_budget_remaining", help, self.registry_budget_remaining.clone());
        let help = "What a registry allows in its window, or requestsPerMinute; label: registry";
        registry.register("registry_budget_limit", help, self.registry_budget_limit.clone());
        let help =
            "Hosts of registries that gave no answers several times in a row and are not asked for a while; no label";
        registry.register("registries_left_alone", help, self.registries_left_alone.clone());
    }

    fn register_cluster(&self, registry: &mut Registry) {
        let help = "Requests to the Kubernetes API; labels: operation, result";
        registry.register("cluster_requests", help, self.cluster_requests.clone());
        let help = "Watched workloads; labels: kind, mode, and state, as the API has it: needs-you, failed, cannot-tell, waiting, up-to-date or off";
        registry.register("workloads", help, self.workloads.clone());
        let help = "1 while there is something newer for a container; labels: namespace, kind, name, container, and level: major, minor, patch and the like";
        registry.register("update_available", help, self.update_available.clone());
        let help = "Containers whose running image is gone from its registry; no label";
        registry.register("images_gone", help, self.images_gone.clone());
        let help = "Whether every watch of a kind is up; label: resource";
        registry.register("cluster_watch_up", help, self.watches.up.clone());
        let help = "Whether the watch in one namespace, or in all (*), is up; labels: namespace, resource";
        registry.register("cluster_scope_up", help, self.watches.each.clone());
        let help = "Whether we have a right that we need; labels: namespace, resource, verb";
        registry.register("cluster_right", help, self.rights.clone());
    }

    fn register_outbound(&self, registry: &mut Registry) {
        let help =
            "Attempts to deliver a message; labels: channel, event, and result: delivered, retry, dead or dropped";
        registry.register("deliveries", help, self.deliveries.clone());
        let help = "Messages that wait; label: channel";
        registry.register("delivery_pending", help, self.delivery_pending.clone());
        let help = "Messages that were given up; label: channel";
        registry.register("delivery_dead", help, self.delivery_dead.clone());
        let help = "1 for how a channel stands; labels: channel, and state: open, failing (no answer, or an error), busy (it asks to be left alone), refused (our credentials) or gone";
        registry.register("channel_state", help, self.channels_stand.state.clone());
        let help = "When a channel failed first since the last message that arrived, 0 where it works; label: channel";
        registry.register("channel_failing_since_timestamp_seconds", help, self.channels_stand.since.clone());
        let help = "Jobs in the queue; label: state, ready, leased, dead, or suspect: processes died with them";
        registry.register("queue_jobs", help, self.queue_jobs.clone());
        let help = "Age of the oldest job that is due and not done, those aside that wait to go out together; no label";
        registry.register("queue_oldest_job_seconds", help, self.queue_oldest.clone());
        let help = "Jobs that failed and are tried again; label: stage, look or deliver";
        registry.register("queue_retries", help, self.queue_retries.clone());
        registry.register("queue_refused", "Jobs that the queue did not take; no label", self.queue_refused.clone());
        let help = "Requests about releases; labels: forge, operation, and code, the status or error";
        registry.register("release_requests", help, self.release_requests.clone());
        let help = "Summaries asked of a model; label: result";
        registry.register("summaries", help, self.summaries.clone());
        let help = "Who wanted to sign in, or showed a token; labels: way, result";
        registry.register("sign_ins", help, self.sign_ins.clone());
    }

    fn register_itself(&self, registry: &mut Registry) {
        let help = "Always 1; labels: version, revision, rustc, of this image-watcher";
        registry.register("build_info", help, self.build.clone());
        let help = "When the configuration in force was read; no label";
        registry.register("config_last_reload_success_timestamp_seconds", help, self.config_read.clone());
        let help = "Configurations that could not be used and were not taken over; no label";
        registry.register("config_reload_failures", help, self.config_refused.clone());
        let help = "Whether what runs is what the configuration's files say, 0 while they can't be used or a restart is needed; no label";
        registry.register("config_in_force", help, self.config_in_force.clone());
        let help = "Spans of traces, where they are exported; label: result, exported or dropped";
        registry.register("trace_spans", help, self.trace_spans.clone());
        let help = "What this replica tells the others, where the queue is on NATS; label: result, told, too_long, too_much, or missed and unreadable of what they tell";
        registry.register("replica_news", help, self.replica_news.clone());
    }
}
