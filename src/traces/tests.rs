//! Spans as they are made, and a collector that is there, away, or slow.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::domain::reference::Repository;
use crate::domain::trace::{Trace, TraceParent};
use crate::outbound::Outbound;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans;

fn settings(port: u16, protocol: Protocol) -> Settings {
    Settings {
        endpoint: format!("http://127.0.0.1:{port}/v1/traces").parse().unwrap(),
        protocol,
        headers: HeaderMap::new(),
        timeout: Duration::from_millis(300),
        attributes: vec![("service.name".into(), "iw".into())],
        sampling: Sampling::All,
        follows_parent: true,
    }
}

/// What is made of spans by these settings.
fn made(settings: Settings, make: impl FnOnce()) -> (Vec<Span>, Source) {
    let (tracer, source) = start(settings);
    let subscriber = tracing_subscriber::registry().with(crate::telemetry::exported(tracer));
    tracing::subscriber::with_default(subscriber, make);
    (source.spool.batch(), source)
}

fn usual() -> Settings {
    settings(4318, Protocol::Protobuf)
}

fn repository() -> Repository {
    Repository::parse("registry.example.com/shop/web").unwrap()
}

fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        StringValue(text) => Some(text),
        _ => None,
    }
}

/// A delivery, its look with a request, and its message, as the stages make them.
fn followed() -> String {
    let mut kept = String::new();
    let webhook = spans::intake("POST", "harbor", TraceParent::new([9; 16], [9; 8], true));
    webhook.in_scope(|| kept = Trace::Follows(spans::here().unwrap()).to_string());
    spans::answered(&webhook, 202, "accepted");
    let also = TraceParent::new([8; 16], [8; 8], true);
    let look = spans::job("look", 1, Trace::parse(&kept).parent(), also);
    look.in_scope(|| {
        let request = spans::registry("GET", "tags", &repository(), ("registry.example.com", 443));
        spans::responded(&request, Some(404));
        spans::decided("asked", "newer");
    });
    spans::ended(&look, "done");
    kept
}

#[test]
fn what_follows_from_a_webhook_is_one_trace() {
    let mut kept = String::new();
    let (all, _source) = made(usual(), || kept = followed());
    let of = |name: &str| all.iter().find(|span| span.name == name).unwrap();
    let [webhook, look, request] = [of("POST /webhooks/{source}"), of("process look"), of("GET /v2/{name}/tags/list")];
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|span| span.trace_id == webhook.trace_id));
    assert_eq!((&webhook.parent_span_id[..], webhook.links.len()), (&[][..], 1), "a stranger's span is linked");
    assert_eq!(webhook.links[0].trace_id, [9; 16]);
    assert_eq!((&look.parent_span_id, &request.parent_span_id), (&webhook.span_id, &look.span_id));
    assert_eq!(look.links[0].trace_id, [8; 16]);
    assert_eq!(Trace::parse(&kept).id(), TraceParent::parse(&kept).unwrap().trace_id());
    assert_eq!(text(look, "image_watcher.outcome"), Some("done"));
    assert_eq!(text(look, "messaging.operation.type"), Some("process"));
    assert_eq!((look.events.len(), &*look.events[0].name), (1, "decision"));
    assert_eq!(text(request, "container.image.name"), Some("registry.example.com/shop/web"));
    assert_eq!((text(request, "error.type"), request.status.as_ref().unwrap().code), (Some("404"), 2));
}

#[test]
fn what_is_not_sampled_is_not_exported_and_neither_is_what_follows_from_it() {
    let mut kept = String::new();
    let none = Settings { sampling: Sampling::None, ..usual() };
    let (all, _source) = made(none, || kept = followed());
    assert!(all.is_empty() && kept.ends_with("-00"), "{kept}");
    let (all, _source) = made(usual(), || drop(spans::job("look", 1, TraceParent::parse(&kept), None)));
    assert!(all.is_empty(), "the one before said that this trace is not exported");
}

#[test]
fn whoever_is_not_believed_makes_no_span() {
    let (all, _source) = made(usual(), || {
        for (status, outcome) in [(401, "bad_signature"), (429, "limited"), (400, "bad_payload")] {
            spans::answered(&spans::intake("POST", "harbor", None), status, outcome);
        }
    });
    let outcomes: Vec<_> = all.iter().filter_map(|span| text(span, "image_watcher.outcome")).collect();
    assert_eq!(outcomes, ["bad_payload"]);
}

#[test]
fn without_a_tracer_there_are_no_spans() {
    let of_nothing = || {
        let webhook = spans::intake("POST", "harbor", None);
        assert_eq!((spans::trace_id(&webhook), webhook.in_scope(spans::here)), (None, None));
        webhook.is_disabled()
    };
    assert!(tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), of_nothing));
    assert!(!tracing::subscriber::with_default(tracing_subscriber::registry(), of_nothing), "one that wants all");
}

/// Whether a request came in with its body.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    length.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| request.len() >= end + 4 + length)
}

/// A collector that gives these answers, one a connection, and hangs after them; what it was sent.
async fn collector(answers: &[&str]) -> (u16, Arc<Mutex<Vec<String>>>, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, sent) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
    let (answers, log): (Vec<String>, _) =
        (answers.iter().map(|answer| (*answer).to_owned()).collect(), Arc::clone(&sent));
    let serve = async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_whole(&request) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "it breaks off");
            }
            log.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let (status, body) = answer.split_once(' ').unwrap();
            let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
        let _held = listener.accept().await;
        std::future::pending::<()>().await;
    };
    (port, sent, serve)
}

/// An exporter with three spans, where they are sent to, and what is counted.
fn exporter(settings: Settings) -> (Exporter, Metrics) {
    let (all, source) = made(settings, || drop(followed()));
    source.spool.give_back(all);
    let metrics = Metrics::new();
    (Exporter::of(source, &Outbound::new(None).unwrap(), metrics.clone()).unwrap(), metrics)
}

fn counted(metrics: &Metrics) -> [Option<u32>; 2] {
    let text = metrics.text();
    ["exported", "dropped"].map(|result| {
        let series = format!("image_watcher_trace_spans_total{{result=\"{result}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
    })
}

#[tokio::test]
async fn a_collector_gets_json_with_headers_and_what_it_refuses_is_counted() {
    let (port, sent, serve) = collector(&[r#"200 {"partialSuccess":{"rejectedSpans":"1"}}"#]).await;
    let mut settings = settings(port, Protocol::Json);
    settings.headers.insert("api-key", http::HeaderValue::from_static("hunter2"));
    let (exporter, metrics) = exporter(settings);
    tokio::select! {
        () = exporter.flush() => {}
        () = serve => {}
    }
    let sent = sent.lock().unwrap()[0].clone();
    assert!(sent.starts_with("POST /v1/traces ") && sent.contains("api-key: hunter2"), "{sent}");
    let body: Value = serde_json::from_str(sent.split_once("\r\n\r\n").unwrap().1).unwrap();
    let spans = &body["resourceSpans"][0]["scopeSpans"][0]["spans"];
    let look = spans.as_array().unwrap().iter().find(|span| span["name"] == "process look").unwrap();
    assert_eq!((look["kind"].as_i64(), look["traceId"].as_str().unwrap().len()), (Some(5), 32));
    assert!(look["startTimeUnixNano"].is_string() && look["parentSpanId"].as_str().unwrap().len() == 16, "{look}");
    assert_eq!(body["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "iw");
    assert_eq!(counted(&metrics), [Some(2), Some(1)]);
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_gets_the_spans_when_it_is_back() {
    let log = crate::telemetry::tests::Log::begin();
    let (port, sent, serve) = collector(&["503 ", "503 ", "200 ", "400 "]).await;
    let (exporter, metrics) = exporter(settings(port, Protocol::Protobuf));
    let flushed = async {
        for expected in [[Some(0), Some(0)], [Some(0), Some(0)], [Some(3), Some(0)]] {
            exporter.flush().await;
            assert_eq!(counted(&metrics), expected);
        }
    };
    tokio::select! {
        () = flushed => {}
        () = serve => {}
    }
    assert_eq!(sent.lock().unwrap().len(), 3);
    let lines = log.lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("collector of traces")).collect();
    assert!(told.len() == 2 && told[0].contains("answers 503") && told[1].contains("again"), "{lines:?}");
}

#[tokio::test]
async fn what_a_collector_does_not_want_is_dropped_and_one_that_hangs_is_left() {
    let (port, sent, serve) = collector(&["400 no"]).await;
    let (exporter, metrics) = exporter(settings(port, Protocol::Protobuf));
    let flushed = async {
        exporter.flush().await;
        assert_eq!(counted(&metrics), [Some(0), Some(3)]);
        let (hanging, _) = self::exporter(settings(port, Protocol::Protobuf));
        let began = tokio::time::Instant::now();
        hanging.flush().await;
        assert!(began.elapsed() < Duration::from_secs(3), "its own time is shorter");
    };
    tokio::select! {
        () = flushed => {}
        () = serve => {}
    }
    assert_eq!(sent.lock().unwrap().len(), 1);
}
