//! What is counted: every metric that is promised is there after a run, by its type and labels, and no other label ever is.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![every_metric_that_is_promised_is_there_after_a_run, without_series_of_workloads_the_sums_stay]
}

/// Name, type and labels, as others rely on them.
const PROMISED: [(&str, &str, &[&str]); 32] = [
    ("image_watcher_build_info", "gauge", &["version", "revision", "rustc"]),
    ("image_watcher_workloads", "gauge", &["kind", "mode", "state"]),
    ("image_watcher_update_available", "gauge", &["namespace", "kind", "name", "container", "level"]),
    ("image_watcher_decisions_total", "counter", &["outcome", "reason"]),
    ("image_watcher_reconcile_duration_seconds", "histogram", &["result"]),
    ("image_watcher_updates_total", "counter", &["kind", "trigger", "result"]),
    ("image_watcher_rollout_duration_seconds", "histogram", &["kind", "result"]),
    ("image_watcher_webhook_requests_total", "counter", &["source", "result"]),
    ("image_watcher_webhook_last_accepted_timestamp_seconds", "gauge", &["source"]),
    ("image_watcher_webhook_missed_total", "counter", &["source"]),
    ("image_watcher_webhook_to_decision_seconds", "histogram", &["source"]),
    ("image_watcher_registry_requests_total", "counter", &["registry", "operation", "code"]),
    ("image_watcher_registry_request_duration_seconds", "histogram", &["registry", "operation"]),
    ("image_watcher_registry_budget_remaining", "gauge", &["registry"]),
    ("image_watcher_registry_budget_limit", "gauge", &["registry"]),
    ("image_watcher_registry_not_modified_total", "counter", &["registry"]),
    ("image_watcher_poll_last_success_timestamp_seconds", "gauge", &[]),
    ("image_watcher_queue_jobs", "gauge", &["state"]),
    ("image_watcher_queue_oldest_job_seconds", "gauge", &[]),
    ("image_watcher_queue_retries_total", "counter", &["stage"]),
    ("image_watcher_deliveries_total", "counter", &["channel", "event", "result"]),
    ("image_watcher_delivery_pending", "gauge", &["channel"]),
    ("image_watcher_delivery_dead", "gauge", &["channel"]),
    ("image_watcher_approvals", "gauge", &["state"]),
    ("image_watcher_approval_wait_seconds", "histogram", &["outcome"]),
    ("image_watcher_cluster_watch_up", "gauge", &["resource"]),
    ("image_watcher_config_last_reload_success_timestamp_seconds", "gauge", &[]),
    ("image_watcher_config_reload_failures_total", "counter", &[]),
    ("image_watcher_config_in_force", "gauge", &[]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
];

/// All names that labels may have.
const LABELS: [&str; 27] = [
    "action",
    "channel",
    "code",
    "container",
    "event",
    "forge",
    "kind",
    "level",
    "mode",
    "name",
    "namespace",
    "operation",
    "outcome",
    "reason",
    "registry",
    "resource",
    "result",
    "revision",
    "rustc",
    "source",
    "stage",
    "state",
    "trigger",
    "verb",
    "version",
    "way",
    "le",
];

/// A metric of the text: its type, its help, and its series by their labels.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    series: Vec<BTreeMap<String, String>>,
}

/// The metrics of a text by name; series of histograms count to their histogram.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut all: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.clone_into(&mut all.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut all.entry(name.to_owned()).or_default().kind);
        } else {
            let (name, labels) = series(line);
            let of = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
                let of = name.strip_suffix(suffix)?;
                all.get(of).is_some_and(|family| family.kind == "histogram").then(|| of.to_owned())
            });
            let family = all.get_mut(&of.unwrap_or(name)).unwrap_or_else(|| panic!("described before: {line}"));
            family.series.push(labels);
        }
    }
    all
}

fn series(line: &str) -> (String, BTreeMap<String, String>) {
    let (left, _) = line.rsplit_once(' ').expect("a value");
    let Some((name, labels)) = left.split_once('{') else { return (left.to_owned(), BTreeMap::new()) };
    let labels = labels.strip_suffix("\"}").unwrap_or_default().split("\",");
    let pair = |pair: &str| pair.split_once("=\"").map(|(name, value)| (name.to_owned(), value.to_owned()));
    (name.to_owned(), labels.filter_map(pair).collect())
}

async fn scraped(watcher: &Watcher, accept: &str) -> (String, String) {
    let reply = watcher.send(Method::GET, &watcher.admin_url("/metrics"), &[("Accept", accept)], Vec::new()).await;
    (reply.headers["content-type"].clone(), reply.body)
}

async fn every_metric_that_is_promised_is_there_after_a_run(ctx: Ctx) {
    let (auto, asked) = (ctx.repository("auto"), ctx.repository("asked"));
    auto.push(Image::new("1.0.0")).await;
    asked.push(Image::new("1.0.0")).await;
    let (auto_workload, _) = (
        ctx.watched("auto", auto.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await,
        ctx.watched("asked", asked.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await,
    );
    let file = ctx.file(
        "config.yaml",
        &format!("registries: [{{host: \"{}\", plainHttp: true, requestsPerMinute: 6000}}]\n", ctx.registry().host()),
    );
    let watcher = ctx
        .watcher()
        .mail()
        .env("IMAGE_WATCHER_CONFIG", file.to_str().expect("a path"))
        .without("IMAGE_WATCHER_PLAIN_HTTP")
        .start()
        .await;
    let text = scraped(&watcher, "*/*").await.1;
    let first = families(&text);
    let at_zero = [
        ("image_watcher_updates_total", 60),
        ("image_watcher_queue_jobs", 4),
        ("image_watcher_approvals", 3),
        ("image_watcher_queue_retries_total", 2),
        ("image_watcher_deliveries_total", 52),
        ("image_watcher_delivery_dead", 1),
        ("image_watcher_webhook_missed_total", 1),
        ("image_watcher_webhook_last_accepted_timestamp_seconds", 1),
    ];
    for (name, count) in at_zero {
        assert_eq!(first[name].series.len(), count, "{name} has all of its series from the start");
    }

    let digest = auto.push(Image::new("1.0.1")).await;
    asked.push(Image::new("2.0.0")).await;
    auto_workload.wait_for_image("auto", &format!("{}@{digest}", auto.reference("1.0.1"))).await;
    ctx.mailbox().wait_for_mail("/asked]").await;
    let ended = r#"image_watcher_updates_total{kind="Deployment",trigger="policy",result="healthy"}"#;
    eventually("the update ended", async || watcher.metric(ended).await.filter(|count| *count > 0.0 && *count < 2.0))
        .await;
    let available = format!(
        "image_watcher_update_available{{namespace=\"{}\",kind=\"Deployment\",name=\"asked\",container=\"asked\",level=\"major\"}}",
        ctx.namespace()
    );
    eventually("the question is counted", async || {
        watcher.metric(&available).await.filter(|count| *count > 0.0 && *count < 2.0)
    })
    .await;
    assert_eq!(watcher.metric(r#"image_watcher_approvals{state="open"}"#).await, Some(1.0));
    let state = r#"image_watcher_workloads{kind="Deployment",mode="NOTIFICATION",state="needs-you"}"#;
    assert_eq!(watcher.metric(state).await, Some(1.0));
    let decided = r#"image_watcher_webhook_to_decision_seconds_count{source="distribution"}"#;
    assert!(watcher.metric(decided).await.is_some_and(|count| count >= 2.0));

    let (content, text) = scraped(&watcher, "*/*").await;
    assert_eq!(content, "text/plain; version=0.0.4; charset=utf-8");
    assert!(!text.contains("# EOF"));
    promised(&families(&text));
    lint(&families(&text));
    let (content, open) = scraped(&watcher, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5").await;
    assert_eq!(content, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE image_watcher_decisions counter"));
}

fn promised(families: &BTreeMap<String, Family>) {
    for (name, kind, labels) in PROMISED {
        let family = families.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        let labels: BTreeSet<&str> = labels.iter().copied().collect();
        assert!(!family.series.is_empty(), "{name} has no series");
        for series in &family.series {
            let of: BTreeSet<&str> = series.keys().map(String::as_str).filter(|label| *label != "le").collect();
            assert_eq!(of, labels, "{name}");
        }
    }
}

fn lint(families: &BTreeMap<String, Family>) {
    for (name, family) in families {
        assert!(name.starts_with("image_watcher_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
        if family.kind == "histogram" || name.contains("duration") {
            assert!(name.ends_with("_seconds"), "{name} has a base unit");
        }
        for scaled in ["_ms", "_milliseconds", "_minutes", "_kb", "_mb", "_percent"] {
            assert!(!name.contains(scaled), "{name} has no base unit");
        }
        for series in &family.series {
            for (label, value) in series {
                assert!(LABELS.contains(&label.as_str()), "{name} has the label {label}");
                let is_told = family.help.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == label);
                assert!(is_told || label == "le", "the help of {name} does not name {label}: {}", family.help);
                let is_unbounded = value.contains("sha256:") || value.contains("://") || value.len() > 128;
                assert!(!is_unbounded, "{name}: {label} is {value:?}");
            }
        }
        assert!(family.help.contains("label"), "the help of {name} names its labels: {}", family.help);
    }
}

async fn without_series_of_workloads_the_sums_stay(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let file = ctx.file("config.yaml", "metrics: {perWorkload: false}\n");
    let file = file.to_str().expect("a path");
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", file).start().await;
    web.push(Image::new("1.0.1")).await;
    ctx.mailbox().wait_for_mail("/web]").await;
    let open = r#"image_watcher_approvals{state="open"}"#;
    eventually("the question is counted", async || {
        watcher.metric(open).await.filter(|count| *count > 0.0 && *count < 2.0)
    })
    .await;
    let text = watcher.metrics().await;
    assert!(text.contains("image_watcher_workloads{") && !text.contains("image_watcher_update_available{"), "{text}");
}
