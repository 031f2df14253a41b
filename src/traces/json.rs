//! OTLP as JSON: identifiers in hexadecimal digits, numbers of 64 bits as texts, enumerations as numbers.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Value, json};

use crate::domain::hex;

/// A request.
pub(super) fn text(request: &ExportTraceServiceRequest) -> String {
    json!({ "resourceSpans": all(&request.resource_spans, of_resource) }).to_string()
}

/// How many spans an answer says were not taken, if it does.
pub(super) fn rejected(body: &[u8]) -> Option<i64> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let rejected = answer.get("partialSuccess")?.get("rejectedSpans")?;
    rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok())
}

fn all<T>(of: &[T], one: impl Fn(&T) -> Value) -> Value {
    of.iter().map(one).collect()
}

fn of_resource(spans: &ResourceSpans) -> Value {
    let attributes = spans.resource.as_ref().map(|resource| all(&resource.attributes, attribute));
    json!({ "resource": { "attributes": attributes }, "scopeSpans": all(&spans.scope_spans, of_scope) })
}

fn of_scope(spans: &ScopeSpans) -> Value {
    let scope = spans.scope.as_ref().map(|scope| json!({ "name": scope.name, "version": scope.version }));
    json!({ "scope": scope, "spans": all(&spans.spans, span) })
}

fn span(span: &Span) -> Value {
    let mut object = json!({
        "traceId": hex::encode(&span.trace_id),
        "spanId": hex::encode(&span.span_id),
        "name": span.name,
        "kind": span.kind,
        "flags": span.flags,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "attributes": all(&span.attributes, attribute),
        "events": all(&span.events, event),
        "links": all(&span.links, link),
        "droppedAttributesCount": span.dropped_attributes_count,
        "droppedEventsCount": span.dropped_events_count,
        "droppedLinksCount": span.dropped_links_count,
        "status": span.status.as_ref().map(|status| json!({ "code": status.code, "message": status.message })),
    });
    if let (Value::Object(object), false) = (&mut object, span.parent_span_id.is_empty()) {
        object.insert("parentSpanId".to_owned(), hex::encode(&span.parent_span_id).into());
    }
    object
}

fn event(event: &Event) -> Value {
    let at = event.time_unix_nano.to_string();
    json!({ "timeUnixNano": at, "name": event.name, "attributes": all(&event.attributes, attribute) })
}

fn link(link: &Link) -> Value {
    json!({ "traceId": hex::encode(&link.trace_id), "spanId": hex::encode(&link.span_id), "flags": link.flags })
}

fn attribute(attribute: &KeyValue) -> Value {
    json!({ "key": attribute.key, "value": attribute.value.as_ref().map(value) })
}

fn value(value: &AnyValue) -> Value {
    match &value.value {
        Some(Any::StringValue(text)) => json!({ "stringValue": text }),
        Some(Any::BoolValue(yes)) => json!({ "boolValue": yes }),
        Some(Any::IntValue(number)) => json!({ "intValue": number.to_string() }),
        Some(Any::DoubleValue(number)) => json!({ "doubleValue": number }),
        Some(Any::ArrayValue(values)) => json!({ "arrayValue": { "values": all(&values.values, self::value) } }),
        // None of our attributes is a list of pairs, bytes, or an index of a text.
        Some(Any::KvlistValue(_) | Any::BytesValue(_) | Any::StringValueStrindex(_)) | None => json!({}),
    }
}
