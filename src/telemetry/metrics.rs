//! What is counted, by stage. Labels come from closed sets and from the configuration; of the hosts that tenants choose,
//! only so many are counted by name. Nothing comes from a tag, a URL, an error's text or anything a stranger sends.

mod channels;
mod classic;
mod example;
mod labels;
mod process;
mod table;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::label::{self, Hosts};
use channels::Channels;
pub use labels::*;
use watches::Watches;

/// How updates can end.
const ENDS: [&str; 4] = ["healthy", "failed", "rolled_back", "replaced"];
/// What can let an update be applied.
const TRIGGERS: [&str; 3] = ["policy", "approval", "rollback"];
/// How an attempt to deliver a message can end.
const ATTEMPTS: [&str; 4] = ["delivered", "retry", "dead", "dropped"];
/// How questions can stand.
pub const QUESTIONS: [&str; 3] = ["open", "snoozed", "expired"];
/// How a question can be answered.
const ANSWERS: [&str; 5] = ["approved", "skipped", "snoozed", "resumed", "went_back"];
/// How jobs of the queue can stand.
pub const JOBS: [&str; 4] = ["ready", "leased", "dead", "suspect"];
/// Where jobs are tried again.
const STAGES: [&str; 2] = ["look", "deliver"];
/// How signing in ends that alerts and people look for, by way.
const SIGN_INS: [(&str, &str); 6] = [
    ("provider", "no_answer"),
    ("provider", "wrong"),
    ("provider", "slowed"),
    ("provider", "no_role"),
    ("proxy", "wrong"),
    ("proxy", "no_role"),
];

/// Everything that is counted. Clones share their numbers.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    registries: Hosts,
    channels: Arc<Mutex<BTreeSet<String>>>,
    build: Family<BuildLabels, Gauge>,
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
    pub webhook_to_decision: Family<Source, Histogram>,
    /// Decisions by outcome and reason.
    pub decisions: Family<OutcomeReason, Counter>,
    /// How long a look at a repository took.
    pub reconcile_duration: Family<One, Histogram>,
    updates: Family<UpdateResult, Counter>,
    rollout_duration: Family<RolloutResult, Histogram>,
    /// Whether automatic updates are stopped everywhere.
    pub updates_stopped: Gauge,
    /// Requests to registries.
    pub registry_requests: Family<RegistryCall, Counter>,
    /// How long they took.
    pub registry_duration: Family<RegistryOperation, Histogram>,
    registry_not_modified: Family<RegistryLabel, Counter>,
    /// Requests that were put off, as a registry or its ceiling has no more for us now.
    registry_waits: Family<RegistryWait, Counter>,
    /// What is left of what a registry allows, as it said last, unless that is over; or of the operator's ceiling.
    registry_budget_remaining: Family<RegistryLabel, Gauge>,
    /// Of how much.
    registry_budget_limit: Family<RegistryLabel, Gauge>,
    /// Hosts of registries that gave no answers and are not asked now.
    pub registries_left_alone: Gauge,
    /// Requests to the Kubernetes API.
    pub cluster_requests: Family<ClusterCall, Counter>,
    /// Deliveries of messages.
    pub deliveries: Family<DeliveryResult, Counter>,
    delivery_pending: Family<ChannelLabel, Gauge>,
    delivery_dead: Family<ChannelLabel, Gauge>,
    channels_stand: Channels,
    /// Jobs in the queue.
    pub queue_jobs: Family<StateLabel, Gauge>,
    /// Age of the oldest job that is due.
    pub queue_oldest: Gauge,
    queue_retries: Family<StageLabel, Counter>,
    /// Jobs that the queue did not take.
    pub queue_refused: Counter,
    /// Questions by how they stand.
    pub approvals: Family<StateLabel, Gauge>,
    /// Age of the oldest question about an update that nobody answered.
    pub approval_oldest: Gauge,
    approval_wait: Family<OutcomeLabel, Histogram>,
    /// Answers to links.
    pub approval_answers: Family<ApprovalResult, Counter>,
    /// Requests to forges about releases.
    release_requests: Family<ReleaseCall, Counter>,
    /// Requests to a model for a summary, by how they ended.
    pub summaries: Family<One, Counter>,
    /// Who wanted to sign in, or showed a wrong token, by how that ended.
    pub sign_ins: Family<SignInResult, Counter>,
    /// Watched workloads.
    pub workloads: Family<WorkloadLabels, Gauge>,
    /// Containers for which there is something newer.
    pub update_available: Family<AvailableLabels, Gauge>,
    /// Containers whose image is known to be gone from its registry.
    pub images_gone: Gauge,
    watches: Watches,
    /// Whether the cluster gives us a right that we need.
    pub rights: Family<RightLabels, Gauge>,
    /// Unix time at which the last round of polling was queued.
    pub poll_last: Gauge,
    /// Unix time at which the next one begins.
    pub poll_next: Gauge,
    /// Seconds from that one to the one after it.
    pub poll_interval: Gauge,
    /// Whether this replica does what one does alone: 1 or 0.
    pub holder: Gauge,
    /// Unix time at which the configuration in force was read.
    pub config_read: Gauge,
    /// Configurations that were not taken over.
    pub config_refused: Counter,
    /// Whether what runs is what the configuration's files say.
    pub config_in_force: Gauge,
    trace_spans: Family<One, Counter>,
    replica_news: Family<One, Counter>,
}

/// What takes milliseconds to a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.5, 12))
}

/// What takes seconds to an hour.
fn minutes() -> Histogram {
    Histogram::new([1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0])
}

/// What takes minutes to a week.
fn days() -> Histogram {
    Histogram::new([60.0, 600.0, 3600.0, 14400.0, 43200.0, 86400.0, 172_800.0, 259_200.0, 604_800.0])
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
            channels: Arc::default(),
            build: Family::default(),
            webhook_requests: Family::default(),
            webhook_misses: Family::default(),
            webhook_passed_over: Family::default(),
            webhook_last_accepted: Family::default(),
            webhook_missed: Family::default(),
            announced_tags: Family::default(),
            webhook_to_decision: Family::new_with_constructor(seconds),
            decisions: Family::default(),
            reconcile_duration: Family::new_with_constructor(seconds),
            updates: Family::default(),
            rollout_duration: Family::new_with_constructor(minutes),
            updates_stopped: Gauge::default(),
            registry_requests: Family::default(),
            registry_duration: Family::new_with_constructor(seconds),
            registry_not_modified: Family::default(),
            registry_waits: Family::default(),
            registry_budget_remaining: Family::default(),
            registry_budget_limit: Family::default(),
            registries_left_alone: Gauge::default(),
            cluster_requests: Family::default(),
            deliveries: Family::default(),
            delivery_pending: Family::default(),
            delivery_dead: Family::default(),
            channels_stand: Channels::default(),
            queue_jobs: Family::default(),
            queue_oldest: Gauge::default(),
            queue_retries: Family::default(),
            queue_refused: Counter::default(),
            approvals: Family::default(),
            approval_oldest: Gauge::default(),
            approval_wait: Family::new_with_constructor(days),
            approval_answers: Family::default(),
            release_requests: Family::default(),
            summaries: Family::default(),
            sign_ins: Family::default(),
            workloads: Family::default(),
            update_available: Family::default(),
            images_gone: Gauge::default(),
            watches: Watches::default(),
            rights: Family::default(),
            poll_last: Gauge::default(),
            poll_next: Gauge::default(),
            poll_interval: Gauge::default(),
            holder: Gauge::default(),
            config_read: Gauge::default(),
            config_refused: Counter::default(),
            config_in_force: Gauge::default(),
            trace_spans: Family::default(),
            replica_news: Family::default(),
        };
        metrics.say_which_build();
        metrics.begin_at_zero();
        metrics.registry = Arc::new(metrics.registered());
        metrics
    }

    fn say_which_build(&self) {
        let labels = BuildLabels {
            version: env!("CARGO_PKG_VERSION").into(),
            // Whoever builds a release says so; there is no build script that could find out.
            revision: option_env!("IMAGE_WATCHER_REVISION").unwrap_or("unknown").into(),
            rustc: option_env!("IMAGE_WATCHER_RUSTC").unwrap_or("unknown").into(),
        };
        self.build.get_or_create(&labels).set(1);
    }

    /// Of closed sets every series is there from the start, so that the first of anything is a rise.
    fn begin_at_zero(&self) {
        for result in ["ok", "error"] {
            drop(self.reconcile_duration.get_or_create(&One { result: result.into() }));
        }
        for state in QUESTIONS {
            drop(self.approvals.get_or_create(&StateLabel { state: state.into() }));
        }
        for outcome in ANSWERS {
            drop(self.approval_wait.get_or_create(&OutcomeLabel { outcome: outcome.into() }));
        }
        for state in JOBS {
            drop(self.queue_jobs.get_or_create(&StateLabel { state: state.into() }));
        }
        for stage in STAGES {
            drop(self.queue_retries.get_or_create(&StageLabel { stage: stage.into() }));
        }
        for (way, result) in SIGN_INS {
            drop(self.sign_ins.get_or_create(&SignInResult { way: way.to_owned(), result: result.to_owned() }));
        }
        for result in ["listed", "given_up"] {
            drop(self.announced_tags.get_or_create(&One { result: result.into() }));
        }
        for result in ["exported", "dropped"] {
            self.spans(result, 0);
        }
        for result in ["told", "too_long", "too_much", "missed", "unreadable"] {
            self.replica_news(result, 0);
        }
    }

    /// The same for these kinds of workloads.
    pub fn know_kinds<'k>(&self, kinds: impl IntoIterator<Item = &'k str>) {
        for kind in kinds.into_iter().map(str::to_owned) {
            for result in ENDS.map(str::to_owned) {
                let of = RolloutResult { kind: kind.clone(), result: result.clone() };
                drop(self.rollout_duration.get_or_create(&of));
                for trigger in TRIGGERS.map(str::to_owned) {
                    let of = UpdateResult { kind: kind.clone(), trigger, result: result.clone() };
                    drop(self.updates.get_or_create(&of));
                }
            }
        }
    }

    /// The same for messages about these events to these channels.
    pub fn know_channels<'c>(&self, channels: impl IntoIterator<Item = &'c str>, events: &[&str]) {
        for channel in channels.into_iter().map(str::to_owned) {
            self.channels.lock().unwrap_or_else(PoisonError::into_inner).insert(channel.clone());
            self.channel_stands(&channel, "open", 0);
            for event in events {
                for result in ATTEMPTS.map(str::to_owned) {
                    let of = DeliveryResult { channel: channel.clone(), event: (*event).to_owned(), result };
                    drop(self.deliveries.get_or_create(&of));
                }
            }
        }
    }

    /// How many messages wait, and how many were given up, by channel: those that were named, and those that are not any more.
    pub fn messages(&self, pending: &BTreeMap<String, u64>, dead: &BTreeMap<String, u64>) {
        let named = self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (family, counts) in [(&self.delivery_pending, pending), (&self.delivery_dead, dead)] {
            family.clear();
            for channel in named.iter().chain(counts.keys()) {
                let count = counts.get(channel).copied().unwrap_or_default();
                let of = ChannelLabel { channel: channel.clone() };
                family.get_or_create(&of).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
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

    /// All of it in the format that Prometheus reads where it asks for no other.
    #[must_use]
    pub fn classic(&self) -> String {
        classic::classic(&self.text())
    }

    /// A watch stream is up or down; `None` where there is none any more.
    pub fn watch(&self, namespace: &str, resource: &str, up: Option<bool>) {
        self.watches.tell(namespace, resource, up);
    }

    /// Counts an update that ended.
    pub fn update_ended(&self, kind: &str, trigger: &'static str, result: &'static str, took: Duration) {
        let of = RolloutResult { kind: kind.to_owned(), result: result.to_owned() };
        self.rollout_duration.get_or_create(&of).observe(took.as_secs_f64());
        let of = UpdateResult { kind: kind.to_owned(), trigger: trigger.to_owned(), result: result.to_owned() };
        self.updates.get_or_create(&of).inc();
    }

    /// Counts a question that was answered after so long.
    pub fn answered(&self, outcome: &'static str, waited: Duration) {
        let of = OutcomeLabel { outcome: outcome.to_owned() };
        self.approval_wait.get_or_create(&of).observe(waited.as_secs_f64());
    }

    /// Counts a job that failed and is tried again.
    pub fn retries(&self, stage: &'static str) {
        self.queue_retries.get_or_create(&StageLabel { stage: stage.to_owned() }).inc();
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
        let not_modified = u64::from(call.code == "304");
        self.registry_not_modified.get_or_create(&RegistryLabel { registry: registry.clone() }).inc_by(not_modified);
        self.registry_requests.get_or_create(&call).inc();
        self.registry_duration.get_or_create(&RegistryOperation { registry, operation }).observe(took.as_secs_f64());
    }

    /// Counts a question to a registry that was put off.
    pub fn registry_wait(&self, registry: &str, reason: &'static str) {
        let (registry, reason) = (self.registries.value(registry), reason.to_owned());
        self.registry_waits.get_or_create(&RegistryWait { registry, reason }).inc();
    }

    /// What is left now of what registries allow, and of how much; of any other nothing is known. Of those that are counted together
    /// it is that of which the smallest part is left.
    pub fn registry_budgets<'r>(&self, budgets: impl IntoIterator<Item = (&'r str, u64, u64)>) {
        let gauge = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let mut least = BTreeMap::new();
        for (registry, left, limit) in budgets {
            let known = least.entry(self.registries.value(registry)).or_insert((left, limit));
            if u128::from(left) * u128::from(known.1) < u128::from(known.0) * u128::from(limit) {
                *known = (left, limit);
            }
        }
        self.registry_budget_remaining.clear();
        self.registry_budget_limit.clear();
        for (registry, (left, limit)) in least {
            let label = RegistryLabel { registry };
            self.registry_budget_remaining.get_or_create(&label).set(gauge(left));
            self.registry_budget_limit.get_or_create(&label).set(gauge(limit));
        }
    }

    /// Counts a question about releases to a forge, which is one of the configuration.
    pub fn release_request(&self, forge: &str, operation: &'static str, code: &str) {
        let (forge, operation) = (forge.to_owned(), operation.to_owned());
        let code = label::status(code).to_owned();
        self.release_requests.get_or_create(&ReleaseCall { forge, operation, code }).inc();
    }

    /// Counts spans of traces that a collector took, or that were dropped.
    pub fn spans(&self, result: &'static str, spans: usize) {
        let of = One { result: result.to_owned() };
        self.trace_spans.get_or_create(&of).inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
    }

    /// Counts what replicas tell one another: told, or lost, missed or not read, and why.
    pub fn replica_news(&self, result: &'static str, number: u64) {
        self.replica_news.get_or_create(&One { result: result.to_owned() }).inc_by(number);
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
