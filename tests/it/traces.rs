//! Traces, with a double of a collector: one trace from a webhook to its message, through a restart; and a collector that hangs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Watcher, WatcherBuilder};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_webhook_and_all_that_follows_from_it_are_one_trace,
        a_collector_that_hangs_delays_nothing_and_what_it_misses_is_counted,
        a_collector_that_speaks_grpc_alone_is_a_problem_of_the_configuration,
    ]
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What the sender of the webhook says that it follows from.
const FROM: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// More spans than wait at once.
const TOO_MANY: usize = 2300;

/// A span as the collector got it.
#[derive(Clone, Debug)]
struct Span {
    trace: String,
    id: String,
    parent: Option<String>,
    name: String,
    attributes: BTreeMap<String, String>,
    links: Vec<String>,
    began: u64,
    took: u64,
}

impl Span {
    fn of(span: &Value) -> Self {
        let text = |key: &str| span[key].as_str().expect(key).to_owned();
        let number = |key: &str| text(key).parse::<u64>().expect(key);
        let attribute = |it: &Value| {
            let value = it["value"].as_object().and_then(|of| of.values().next()).cloned().unwrap_or_default();
            (it["key"].as_str().expect("a key").to_owned(), value.as_str().map_or(value.to_string(), str::to_owned))
        };
        let links = span["links"].as_array().expect("links").iter();
        Self {
            trace: text("traceId"),
            id: text("spanId"),
            parent: span["parentSpanId"].as_str().map(str::to_owned),
            name: text("name"),
            attributes: span["attributes"].as_array().expect("attributes").iter().map(attribute).collect(),
            links: links.map(|link| link["traceId"].as_str().expect("a trace").to_owned()).collect(),
            began: number("startTimeUnixNano"),
            took: number("endTimeUnixNano") - number("startTimeUnixNano"),
        }
    }

    fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// All spans that a collector got, in the order in which they began.
fn spans(requests: &[Received]) -> Vec<Span> {
    let bodies = requests.iter().map(Received::json);
    let each = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let scopes = bodies.flat_map(|body| each(&body, "resourceSpans")).flat_map(|of| each(&of, "scopeSpans"));
    let mut all: Vec<Span> = scopes.flat_map(|of| each(&of, "spans")).map(|span| Span::of(&span)).collect();
    all.sort_by_key(|span| span.began);
    all
}

/// A trace as people read it: what follows from what, and how long each took.
fn tree(all: &[Span], parent: Option<&str>, depth: usize) -> String {
    let mut text = String::new();
    for span in all.iter().filter(|span| span.parent.as_deref() == parent) {
        let shown =
            ["container.image.name", "image_watcher.workload.name", "image_watcher.event", "image_watcher.images"];
        let of: Vec<_> = shown.iter().map(|key| span.attribute(key)).filter(|value| !value.is_empty()).collect();
        let (millis, outcome) = (span.took / 1_000_000, span.attribute("image_watcher.outcome"));
        let code = span.attribute("http.response.status_code");
        writeln!(text, "{:indent$}{} {} {outcome}{code} {millis} ms", "", span.name, of.join(" "), indent = depth * 2)
            .expect("a text");
        text += &tree(all, Some(&span.id), depth + 1);
    }
    text
}

fn with_traces(ctx: &Ctx, collector: &Receiver, hook: &Receiver) -> WatcherBuilder {
    let watcher = ctx.watcher().unconnected().env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
    watcher.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url("")).env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
}

async fn announce(ctx: &Ctx, watcher: &Watcher, repository: &str, tag: &str) -> u16 {
    let target =
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": tag});
    let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": target}]});
    watcher.post("/webhooks/distribution", &[BEARER, ("traceparent", FROM)], body.to_string()).await.status
}

async fn an_update(ctx: &Ctx, mode: &str) -> Repository {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", mode), ("strategy", "PATCH")]).await;
    deployment.wait_for_rollout().await;
    web
}

async fn a_webhook_and_all_that_follows_from_it_are_one_trace(ctx: Ctx) {
    let (collector, hook) = (ctx.receiver(), ctx.receiver());
    let web = an_update(&ctx, "AUTO_UPDATE").await;
    let mut watcher = with_traces(&ctx, &collector, &hook)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2")
        .env("OTEL_SERVICE_NAME", "iw-test")
        .start()
        .await;
    hook.always(Answer::status(503));
    web.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&ctx, &watcher, web.name(), "1.0.1").await, 202);
    // The message waits in the queue over a restart.
    hook.wait_for(1).await;
    watcher.terminate().await;
    let tried = hook.requests().len();
    hook.always(Answer::status(200));
    watcher.restart().await;
    let is_applied = |request: &Received| request.json()["type"] == "update.applied";
    hook.wait_until("the message", |all| all.iter().skip(tried).any(is_applied)).await;
    watcher.terminate().await;

    let requests = collector.requests();
    assert!(
        requests.iter().all(|request| request.header("api-key") == Some("hunter2") && request.path == "/v1/traces")
    );
    assert!(!watcher.logs().contains("hunter2"), "a header of the collector is a secret");
    let all = spans(&requests);
    let webhook = all.iter().find(|span| span.name == "POST /webhooks/{source}").expect("the webhook");
    let trace: Vec<Span> = all.iter().filter(|span| span.trace == webhook.trace).cloned().collect();
    let printed = tree(&trace, None, 0);
    println!("trace {} of {} spans\n{printed}", webhook.trace, trace.len());
    assert_eq!((webhook.parent.as_deref(), &webhook.links[..]), (None, &[FROM[3..35].to_owned()][..]));
    assert_eq!(webhook.attribute("image_watcher.outcome"), "accepted");
    let path = |span: &Span| {
        let mut names = vec![span.name.clone()];
        let mut at = span.clone();
        while let Some(parent) = at.parent.as_ref().and_then(|id| trace.iter().find(|span| span.id == *id)) {
            names.push(parent.name.clone());
            at = parent.clone();
        }
        names.reverse();
        names.join(" > ")
    };
    let paths: Vec<String> = trace.iter().map(path).collect();
    let look = "POST /webhooks/{source} > process look";
    for expected in [
        format!("{look} > GET /v2/{{name}}/tags/list"),
        format!("{look} > decide > PATCH Deployment"),
        format!("{look} > decide > process deliver:webhook"),
    ] {
        assert!(paths.contains(&expected), "no {expected} in\n{printed}");
    }
    let delivered = trace.iter().filter(|span| span.name == "process deliver:webhook");
    let outcomes: Vec<&str> = delivered.map(|span| span.attribute("image_watcher.outcome")).collect();
    assert!(
        outcomes.contains(&"done") && outcomes.contains(&""),
        "one failed, one arrived after the restart: {printed}"
    );
    let written = trace.iter().find(|span| span.attribute("image_watcher.images").contains("1.0.1"));
    assert!(written.is_some_and(|span| span.attribute("k8s.namespace.name") == ctx.namespace()), "{printed}");
    assert!(watcher.logs().contains(&webhook.trace), "the log has the same identifier");
    let text: String = requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
    assert!(!text.contains("registry-token") && !text.contains("whsec_") && !text.contains("/hook"), "no secret");
}

async fn a_collector_that_hangs_delays_nothing_and_what_it_misses_is_counted(ctx: Ctx) {
    let (collector, hook) = (ctx.receiver(), ctx.receiver());
    collector.always(Answer::never());
    let web = an_update(&ctx, "NOTIFICATION").await;
    let watcher = with_traces(&ctx, &collector, &hook).env("OTEL_EXPORTER_OTLP_TIMEOUT", "500").start().await;
    for _ in 0..TOO_MANY {
        assert_eq!(announce(&ctx, &watcher, "nobody-runs-this", "1").await, 200);
    }
    watcher.wait_for_log("the collector of traces takes no spans").await;
    web.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&ctx, &watcher, web.name(), "1.0.1").await, 202);
    hook.wait_for(1).await;
    let dropped = async || watcher.metric("image_watcher_trace_spans_total{result=\"dropped\"}").await;
    let dropped = eventually("dropped spans", async || dropped().await.filter(|spans| *spans > 0.0)).await;
    println!("{dropped} spans dropped");
    let warnings = watcher.logs().matches("the collector of traces takes no spans").count();
    assert_eq!(warnings, 1, "once, however often it is tried");
    collector.always(Answer::status(200));
    watcher.wait_for_log("the collector of traces takes spans again").await;
    assert!(watcher.terminate().await.success());
}

async fn a_collector_that_speaks_grpc_alone_is_a_problem_of_the_configuration(ctx: Ctx) {
    let watcher = ctx.watcher().env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let output = watcher.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").env("LOG_LEVEL", "LOUD").output(&["serve"]).await;
    let told = output.stderr;
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("2 problems") && told.contains("set http/protobuf or http/json"), "{told}");
}
