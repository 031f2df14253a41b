//! What is counted, by stage. Labels come from closed sets and from the configuration; of the hosts that tenants choose,
//! only so many are counted by name. Nothing comes from a tag, a URL, an error's text or anything a stranger sends.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::label::{self, Hosts};

/// Labels of one counter, as pairs; the names are fixed where the counter is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct One {
    /// The only label's value.
    pub result: String,
}

macro_rules! label_sets {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),+ })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(
            #[doc = concat!("The label `", stringify!($field), "`.")]
            pub $field: String
        ),+ }
    )+ };
}

label_sets! {
    /// A source of webhooks and what became of a delivery.
    SourceResult { source, result }
    /// A source of webhooks.
    Source { source }
    /// A decision and its reason.
    OutcomeReason { outcome, reason }
    /// A call to a registry.
    RegistryCall { registry, operation, code }
    /// A registry and what was asked.
    RegistryOperation { registry, operation }
    /// A registry.
    RegistryLabel { registry }
    /// A registry and why it is not asked for a while.
    RegistryWait { registry, reason }
    /// A call to the Kubernetes API and how it ended.
    ClusterCall { operation, result }
    /// A delivery.
    DeliveryResult { channel, event, result }
    /// A topic of the queue.
    QueueState { topic, state }
    /// An update that ended.
    UpdateResult { kind, trigger, result }
    /// An answer to a link.
    ApprovalResult { action, result }
    /// A question to a forge.
    ReleaseCall { forge, operation, code }
    /// Somebody who wanted to sign in, or showed a token.
    SignInResult { way, result }
    /// A watched kind.
    KindLabel { kind }
    /// A watch stream; the namespace is of the configuration, or `*`.
    WatchLabels { namespace, resource }
    /// A right; the namespace is of the configuration, or `*`.
    RightLabels { namespace, resource, verb }
}

/// Everything that is counted. Clones share their numbers.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    registries: Hosts,
    /// Deliveries of webhooks by source and result.
    pub webhook_requests: Family<SourceResult, Counter>,
    /// Requests for webhooks that reached no source, by why.
    pub webhook_misses: Family<One, Counter>,
    /// Events of deliveries that were taken, which themselves could not be used.
    pub webhook_passed_over: Family<Source, Counter>,
    /// Unix time of the last accepted delivery by source.
    pub webhook_last_accepted: Family<Source, Gauge>,
    /// Pushes that a look found and no webhook announced, by the source that should have.
    pub webhook_missed: Family<Source, Counter>,
    /// Announced tags that a decision could use, by whether they came to be listed.
    pub announced_tags: Family<One, Counter>,
    /// Time from a webhook to the decision.
    pub webhook_to_decision: Histogram,
    /// Decisions by outcome and reason.
    pub decisions: Family<OutcomeReason, Counter>,
    /// How long a look at a repository took.
    pub reconcile_duration: Family<One, Histogram>,
    /// Updates that ended.
    pub updates: Family<UpdateResult, Counter>,
    /// Whether automatic updates are stopped everywhere.
    pub updates_stopped: Gauge,
    /// Requests to registries.
    pub registry_requests: Family<RegistryCall, Counter>,
    /// How long they took.
    pub registry_duration: Family<RegistryOperation, Histogram>,
    /// Requests that were put off, as a registry or its ceiling has no more for us now.
    registry_waits: Family<RegistryWait, Counter>,
    /// What is left of what a registry allows, as it said last; or of the operator's ceiling.
    registry_budget_remaining: Family<RegistryLabel, Gauge>,
    /// Of how much.
    registry_budget_limit: Family<RegistryLabel, Gauge>,
    /// Hosts of registries that gave no answers and are not asked now.
    pub registries_left_alone: Gauge,
    /// Requests to the Kubernetes API.
    pub cluster_requests: Family<ClusterCall, Counter>,
    /// Deliveries of messages.
    pub deliveries: Family<DeliveryResult, Counter>,
    /// Jobs in the queue.
    pub queue_jobs: Family<QueueState, Gauge>,
    /// Age of the oldest waiting job.
    pub queue_oldest: Gauge,
    /// Jobs that the queue did not take.
    pub queue_refused: Counter,
    /// Answers to links.
    pub approvals: Family<ApprovalResult, Counter>,
    /// Requests to forges about releases.
    release_requests: Family<ReleaseCall, Counter>,
    /// Requests to a model for a summary, by how they ended.
    pub summaries: Family<One, Counter>,
    /// Who wanted to sign in, or showed a wrong token, by how that ended.
    pub sign_ins: Family<SignInResult, Counter>,
    /// Watched workloads.
    pub workloads: Family<KindLabel, Gauge>,
    /// Containers whose image is known to be gone from its registry.
    pub images_gone: Gauge,
    /// Whether a watch stream is up.
    pub watch_up: Family<WatchLabels, Gauge>,
    /// Whether the cluster gives us a right that we need.
    pub rights: Family<RightLabels, Gauge>,
    /// Unix time at which the last round of polling was queued.
    pub poll_last: Gauge,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.5, 12))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Arc::default(),
            registries: Hosts::default(),
            webhook_requests: Family::default(),
            webhook_misses: Family::default(),
            webhook_passed_over: Family::default(),
            webhook_last_accepted: Family::default(),
            webhook_missed: Family::default(),
            announced_tags: Family::default(),
            webhook_to_decision: seconds(),
            decisions: Family::default(),
            reconcile_duration: Family::new_with_constructor(seconds),
            updates: Family::default(),
            updates_stopped: Gauge::default(),
            registry_requests: Family::default(),
            registry_duration: Family::new_with_constructor(seconds),
            registry_waits: Family::default(),
            registry_budget_remaining: Family::default(),
            registry_budget_limit: Family::default(),
            registries_left_alone: Gauge::default(),
            cluster_requests: Family::default(),
            deliveries: Family::default(),
            queue_jobs: Family::default(),
            queue_oldest: Gauge::default(),
            queue_refused: Counter::default(),
            approvals: Family::default(),
            release_requests: Family::default(),
            summaries: Family::default(),
            sign_ins: Family::default(),
            workloads: Family::default(),
            images_gone: Gauge::default(),
            watch_up: Family::default(),
            rights: Family::default(),
            poll_last: Gauge::default(),
        };
        let mut registry = Registry::with_prefix("image_watcher");
        let info = prometheus_client::metrics::info::Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of this image-watcher; label: version", info);
        metrics.register_inbound(&mut registry);
        metrics.register_decisions(&mut registry);
        metrics.register_registries(&mut registry);
        metrics.register_cluster(&mut registry);
        metrics.register_outbound(&mut registry);
        metrics.registry = Arc::new(registry);
        metrics
    }

    fn register_inbound(&self, registry: &mut Registry) {
        registry.register(
            "webhook_requests",
            "Deliveries of webhooks; labels: source, result",
            self.webhook_requests.clone(),
        );
        registry.register(
            "webhook_misses",
            "Requests for webhooks that reached no source; label: result, the path or the source, or the route for a POST elsewhere",
            self.webhook_misses.clone(),
        );
        registry.register(
            "webhook_passed_over",
            "Events that could not be used, of deliveries that were taken; label: source",
            self.webhook_passed_over.clone(),
        );
        registry.register(
            "webhook_last_accepted_timestamp_seconds",
            "When a source's last delivery was accepted; label: source",
            self.webhook_last_accepted.clone(),
        );
        registry.register(
            "webhook_missed",
            "Pushes that a look found and the source did not announce; labels: source",
            self.webhook_missed.clone(),
        );
        registry.register(
            "announced_tags",
            "Announced tags that a decision could use; label: result, listed or given_up",
            self.announced_tags.clone(),
        );
        registry.register(
            "poll_last_success_timestamp_seconds",
            "When the last round of polling was queued",
            self.poll_last.clone(),
        );
        registry.register("approvals", "Answers to links; labels: action, result", self.approvals.clone());
    }

    fn register_decisions(&self, registry: &mut Registry) {
        registry.register(
            "webhook_to_decision_seconds",
            "Time from a stored job to its decision",
            self.webhook_to_decision.clone(),
        );
        registry.register("decisions", "Decisions for one container; labels: outcome, reason", self.decisions.clone());
        registry.register(
            "reconcile_duration_seconds",
            "How long a look at one repository took; label: result",
            self.reconcile_duration.clone(),
        );
        registry.register("updates", "Updates that ended; labels: kind, trigger, result", self.updates.clone());
        let help = "Whether automatic updates are stopped everywhere, as too many of the last failed";
        registry.register("updates_stopped", help, self.updates_stopped.clone());
    }

    fn register_registries(&self, registry: &mut Registry) {
        registry.register(
            "registry_requests",
            "Requests to registries; labels: registry, operation, code",
            self.registry_requests.clone(),
        );
        registry.register(
            "registry_request_duration_seconds",
            "How long requests to registries took; labels: registry, operation",
            self.registry_duration.clone(),
        );
        registry.register(
            "registry_waits",
            "Requests to registries that were put off; labels: registry, reason",
            self.registry_waits.clone(),
        );
        registry.register(
            "registry_budget_remaining",
            "What is left of what a registry allows, as of its last answer, or of requestsPerMinute; label: registry",
            self.registry_budget_remaining.clone(),
        );
        registry.register(
            "registry_budget_limit",
            "What a registry allows in its window, or requestsPerMinute; label: registry",
            self.registry_budget_limit.clone(),
        );
        registry.register(
            "registries_left_alone",
            "Hosts of registries that gave no answers several times in a row and are not asked for a while",
            self.registries_left_alone.clone(),
        );
    }

    fn register_cluster(&self, registry: &mut Registry) {
        registry.register(
            "cluster_requests",
            "Requests to the Kubernetes API; labels: operation, result",
            self.cluster_requests.clone(),
        );
        registry.register("workloads", "Watched workloads; label: kind", self.workloads.clone());
        let help = "Containers whose running image is gone from its registry";
        registry.register("images_gone", help, self.images_gone.clone());
        let help = "Whether a watch stream is up; labels: namespace, resource";
        registry.register("cluster_watch_up", help, self.watch_up.clone());
        let help = "Whether we have a right that we need; labels: namespace, resource, verb";
        registry.register("cluster_right", help, self.rights.clone());
    }

    fn register_outbound(&self, registry: &mut Registry) {
        registry.register(
            "deliveries",
            "Attempts to deliver a message; labels: channel, event, result",
            self.deliveries.clone(),
        );
        registry.register("queue_jobs", "Jobs in the queue; labels: topic, state", self.queue_jobs.clone());
        registry.register("queue_oldest_job_seconds", "Age of the oldest waiting job", self.queue_oldest.clone());
        registry.register("queue_refused", "Jobs that the queue did not take", self.queue_refused.clone());
        registry.register(
            "release_requests",
            "Requests about releases; labels: forge, operation, code",
            self.release_requests.clone(),
        );
        registry.register("summaries", "Summaries asked of a model; label: result", self.summaries.clone());
        registry.register("sign_ins", "Who wanted to sign in; labels: way, result", self.sign_ins.clone());
    }

    /// All of it as `OpenMetrics` text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# a metric could not be written");
        }
        text
    }

    /// The operator named these registries: they are always counted by name.
    pub fn name_registries(&self, hosts: impl IntoIterator<Item = String>) {
        self.registries.configure(hosts);
    }

    /// Counts a request to a registry.
    pub fn registry_request(&self, registry: &str, operation: &'static str, code: &str, took: Duration) {
        let (registry, operation) = (self.registries.value(registry), operation.to_owned());
        let code = label::status(code).to_owned();
        let call = RegistryCall { registry: registry.clone(), operation: operation.clone(), code };
        self.registry_requests.get_or_create(&call).inc();
        self.registry_duration.get_or_create(&RegistryOperation { registry, operation }).observe(took.as_secs_f64());
    }

    /// Counts a question to a registry that was put off.
    pub fn registry_wait(&self, registry: &str, reason: &'static str) {
        let (registry, reason) = (self.registries.value(registry), reason.to_owned());
        self.registry_waits.get_or_create(&RegistryWait { registry, reason }).inc();
    }

    /// Notes what is left of a registry's budget.
    pub fn registry_budget(&self, registry: &str, left: u64, limit: u64) {
        let label = RegistryLabel { registry: self.registries.value(registry) };
        let gauge = |number| i64::try_from(number).unwrap_or(i64::MAX);
        self.registry_budget_remaining.get_or_create(&label).set(gauge(left));
        self.registry_budget_limit.get_or_create(&label).set(gauge(limit));
    }

    /// Counts a question about releases to a forge, which is one of the configuration.
    pub fn release_request(&self, forge: &str, operation: &'static str, code: &str) {
        let (forge, operation) = (forge.to_owned(), operation.to_owned());
        let code = label::status(code).to_owned();
        self.release_requests.get_or_create(&ReleaseCall { forge, operation, code }).inc();
    }

    /// Counts a request to the Kubernetes API.
    pub fn cluster_request(&self, operation: &str, result: &str) {
        let call = ClusterCall { operation: operation.to_owned(), result: result.to_owned() };
        self.cluster_requests.get_or_create(&call).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_who_name_a_thousand_hosts_make_few_series() {
        let metrics = Metrics::new();
        metrics.name_registries(["registry.internal:5000".to_owned()]);
        let ask = |host: &str, code: &str| metrics.registry_request(host, "tags", code, Duration::ZERO);
        (0..1000).for_each(|n| ask(&format!("host-{n}.example"), "200"));
        (100..1000).for_each(|code| ask("host-0.example", &code.to_string()));
        ask("registry.internal:5000", "200");
        let text = metrics.text();
        let series = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        // Fifty hosts, all others, the operator's; and what else the first one answered.
        assert_eq!(series("image_watcher_registry_requests_total{"), 50 + 1 + 1 + 21);
        assert_eq!(series("image_watcher_registry_request_duration_seconds_count{"), 52);
        assert!(text.contains(r#"registry="registry.internal:5000""#) && text.contains(r#"registry="other""#));
    }
}
