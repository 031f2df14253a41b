//! The spans of traces, one function for each stage. Names and attributes are OpenTelemetry's, where it has any; what it has none for
//! begins with `image_watcher`. None has a URL, a token, an error's text or anything of a stranger's but tags and names.
//!
//! Where no traces are exported nobody wants these spans, and then they are nothing.

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::{Array, Context, KeyValue, SpanId, StringValue, TraceId, Value};
use tracing::{Span, trace_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::domain::reference::Repository;
use crate::domain::trace::TraceParent;
use crate::domain::workload::{WorkloadId, WorkloadPatch};

/// Where they come from: it is no module, so that lines of the log are none of them.
pub const TARGET: &str = "image_watcher::spans";

/// What became of something: a word of a closed set.
const OUTCOME: &str = "image_watcher.outcome";
/// Where it failed, the class of what went wrong.
const ERROR: &str = "error.type";

/// The span that is under way where this is called, if there is any: what is put into the queue there follows from it.
#[must_use]
pub fn here() -> Option<TraceParent> {
    Context::map_current(|context| written(context.span().span_context()))
}

/// A span as it is written down; `None` where it is nothing.
fn written(of: &SpanContext) -> Option<TraceParent> {
    TraceParent::new(of.trace_id().to_bytes(), of.span_id().to_bytes(), of.is_sampled())
}

/// What is written down, as the library knows it.
fn remote(parent: TraceParent) -> SpanContext {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from_bytes(parent.trace()), SpanId::from_bytes(parent.span()));
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}

/// The identifier of the trace that a span is part of, as the log shows it; `None` where it is nothing.
#[must_use]
pub fn trace_id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    written(span.context().span().span_context()).map(|of| of.trace_id())
}

/// A delivery of a webhook to an open source, which names `from` as the span that it follows from. A stranger can name any:
/// it is linked, and is no parent.
#[must_use]
pub fn intake(method: &'static str, source: &str, from: Option<TraceParent>) -> Span {
    let span = trace_span!(
        target: TARGET,
        "webhook",
        otel.name = format_args!("{method} /webhooks/{{source}}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = "/webhooks/{source}",
        image_watcher.source = source,
        http.response.status_code = tracing::field::Empty,
    );
    link(&span, from);
    span
}

/// How a delivery of a webhook was answered.
pub fn answered(span: &Span, status: u16, outcome: &'static str) {
    if !span.is_disabled() {
        span.record("http.response.status_code", i64::from(status));
        span.set_attribute(OUTCOME, outcome);
        if status >= 500 {
            failed(span, outcome);
        }
    }
}

/// A job of the queue, in the trace of what it follows from; `also` are spans whose jobs became one with it.
#[must_use]
pub fn job(topic: &str, attempt: u32, from: Option<TraceParent>, also: impl IntoIterator<Item = TraceParent>) -> Span {
    let span = trace_span!(
        target: TARGET,
        "job",
        otel.name = format_args!("process {topic}"),
        otel.kind = "consumer",
        messaging.system = "image_watcher",
        messaging.operation.r#type = "process",
        messaging.operation.name = "process",
        messaging.destination.name = topic,
        image_watcher.attempt = i64::from(attempt),
    );
    if let Some(from) = from.filter(|_| !span.is_disabled()) {
        // It is refused only where the span began, or is nothing.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote(from)));
    }
    also.into_iter().for_each(|also| link(&span, Some(also)));
    span
}

/// What a job of the queue is about.
pub fn about(span: &Span, attributes: impl IntoIterator<Item = (&'static str, String)>) {
    if !span.is_disabled() {
        attributes.into_iter().for_each(|(key, value)| span.set_attribute(key, value));
    }
}

/// The answer of somebody to a question, by its link.
#[must_use]
pub fn answer() -> Span {
    trace_span!(target: TARGET, "answer", otel.kind = "server")
}

/// What one look decides for one workload, and does.
#[must_use]
pub fn decision(of: &WorkloadId) -> Span {
    trace_span!(
        target: TARGET,
        "decide",
        k8s.namespace.name = &*of.namespace,
        image_watcher.workload.kind = of.kind.as_str(),
        image_watcher.workload.name = &*of.name,
    )
}

/// A decision for one container, at the span that is under way.
pub fn decided(outcome: &str, reason: &str) {
    event("decision", || [(OUTCOME, outcome.to_owned()), ("image_watcher.reason", reason.to_owned())]);
}

/// A push that a delivery announced, at the span that is under way.
pub fn pushed(repository: &Repository, tag: Option<&str>) {
    let tag = || tag.unwrap_or_default().to_owned();
    event("push", || [("container.image.name", repository.to_string()), ("image_watcher.tag", tag())]);
}

fn event<const N: usize>(name: &'static str, attributes: impl FnOnce() -> [(&'static str, String); N]) {
    Context::map_current(|context| {
        let span = context.span();
        if span.is_recording() {
            span.add_event(name, attributes().map(|(key, value)| KeyValue::new(key, value)).to_vec());
        }
    });
}

/// A request to a registry, to a host that it is asked through, or to a token service of it.
#[must_use]
pub fn registry(method: &str, operation: &'static str, repository: &Repository, server: (&str, u16)) -> Span {
    let template = match operation {
        "tags" => Some("/v2/{name}/tags/list"),
        "digest" => Some("/v2/{name}/manifests/{reference}"),
        _ => None,
    };
    trace_span!(
        target: TARGET,
        "registry",
        otel.name = format_args!("{method} {}", template.unwrap_or(operation)),
        otel.kind = "client",
        http.request.method = method,
        url.template = template,
        server.address = server.0,
        server.port = i64::from(server.1),
        container.image.name = %repository,
        image_watcher.operation = operation,
        http.response.status_code = tracing::field::Empty,
    )
}

/// How a registry answered; `None` where it did not.
pub fn responded(span: &Span, status: Option<u16>) {
    if span.is_disabled() {
        return;
    }
    match status {
        Some(status) => {
            span.record("http.response.status_code", i64::from(status));
            if status >= 400 {
                failed(span, status.to_string());
            }
        }
        None => failed(span, "no_answer"),
    }
}

/// A write to a workload: the image of containers, or of annotations alone.
#[must_use]
pub fn write(patch: &WorkloadPatch) -> Span {
    let WorkloadId { namespace, kind, name, .. } = &patch.id;
    trace_span!(
        target: TARGET,
        "write",
        otel.name = format_args!("PATCH {}", kind.as_str()),
        otel.kind = "client",
        http.request.method = "PATCH",
        k8s.namespace.name = &**namespace,
        image_watcher.workload.kind = kind.as_str(),
        image_watcher.workload.name = &**name,
    )
}

/// The images that a write sets.
pub fn images<'i>(span: &Span, images: impl Iterator<Item = &'i str>) {
    if !span.is_disabled() {
        let images: Vec<StringValue> = images.map(|image| image.to_owned().into()).collect();
        if !images.is_empty() {
            span.set_attribute("image_watcher.images", Value::Array(Array::String(images)));
        }
    }
}

/// How something ended well.
pub fn ended(span: &Span, outcome: &'static str) {
    if !span.is_disabled() {
        span.set_attribute(OUTCOME, outcome);
    }
}

/// What went wrong, as a word.
pub fn failed(span: &Span, class: impl Into<Value>) {
    if !span.is_disabled() {
        span.set_attribute(ERROR, class);
        span.set_status(opentelemetry::trace::Status::error(""));
    }
}

fn link(span: &Span, to: Option<TraceParent>) {
    if let Some(to) = to.filter(|_| !span.is_disabled()) {
        span.add_link(remote(to));
    }
}
