//! Lines of the log as JSON: one object a line, with what is known of the job at its top level, so that whoever searches needs to
//! know no nesting.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes each event as an object, with the fields of the spans around it.
pub(super) struct Lines<C, W> {
    now: C,
    write: W,
}

impl<C: Fn() -> DateTime<Utc>, W: Fn(&[u8])> Lines<C, W> {
    pub(super) fn new(now: C, write: W) -> Self {
        Self { now, write }
    }
}

/// The fields of a span or of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl<S, C, W> Layer<S> for Lines<C, W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    C: Fn() -> DateTime<Utc> + 'static,
    W: Fn(&[u8]) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().into_iter().rev() {
            fields.0.extend(span.extensions().get::<Fields>().map(|of| of.0.clone()).unwrap_or_default());
            fields.0.insert("span_id".to_owned(), format!("{:x}", span.id().into_u64()).into());
        }
        event.record(&mut fields);
        name_workload(&mut fields.0);
        let mut line = Map::new();
        let at = (self.now)().to_rfc3339_opts(SecondsFormat::Micros, true);
        line.insert("timestamp".to_owned(), at.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        line.extend(fields.0);
        // Control characters are escaped, so that nothing in a line can look like another.
        (self.write)((Value::Object(line).to_string() + "\n").as_bytes());
    }
}

/// A workload is `namespace/kind/name`, which programs look for one by one.
fn name_workload(fields: &mut Map<String, Value>) {
    let Some(Value::String(workload)) = fields.get("workload") else { return };
    let parts: Vec<String> = workload.split('/').map(str::to_owned).collect();
    if let [namespace, kind, name] = &parts[..] {
        for (key, part) in [("namespace", namespace), ("kind", kind), ("name", name)] {
            fields.entry(key).or_insert_with(|| part.clone().into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_line_is_one_flat_object_whatever_stands_in_it() {
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let to = Arc::clone(&written);
        let write = move |line: &[u8]| to.lock().unwrap().extend_from_slice(line);
        let layer = Lines::new(|| DateTime::UNIX_EPOCH, write);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("job", trace_id = "t-1", job_id = 7_u64);
            let error = "a\nb\u{1b}[31m\u{9b}\"";
            span.in_scope(|| tracing::warn!(workload = "shop/deploy/web", error, "it\r\nfailed"));
            tracing::info!(namespace = "blog", workload = "2 more", "another");
        });
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let [first, second] = &text.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {text}") };
        let mut first: Value = serde_json::from_str(first).unwrap();
        assert!(first["span_id"].take().is_string());
        let expected = serde_json::json!({
            "timestamp": "1970-01-01T00:00:00.000000Z", "level": "WARN", "target": module_path!(), "trace_id": "t-1",
            "job_id": 7, "span_id": null, "workload": "shop/deploy/web", "namespace": "shop", "kind": "deploy", "name": "web",
            "error": "a\nb\u{1b}[31m\u{9b}\"", "message": "it\r\nfailed",
        });
        assert_eq!(first, expected);
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "control characters are escaped: {text}");
        assert_eq!(serde_json::from_str::<Value>(second).unwrap()["namespace"], "blog");
    }
}
