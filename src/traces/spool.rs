//! Spans that ended and wait to be sent: so many and so large at most.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{self, SpanData, SpanProcessor};
use prost::Message as _;
use tokio::sync::Notify;

use crate::telemetry::metrics::Metrics;

/// Spans that wait at most.
const MOST_SPANS: usize = 2048;
/// Bytes that they are on the wire, at most.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Spans that are sent together.
const TOGETHER: usize = 512;

/// Answers of deliveries that are not believed: whoever sends those may not fill the spool.
const NOT_BELIEVED: [i64; 3] = [401, 403, 429];

/// Spans that wait. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Spool(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    /// Woken when a batch is full.
    full: Notify,
    counted: OnceLock<Metrics>,
}

#[derive(Debug, Default)]
struct Held {
    spans: VecDeque<Span>,
    bytes: usize,
}

impl Held {
    /// Takes one more, if there is room.
    fn takes(&mut self, span: Span) -> bool {
        let bytes = span.encoded_len();
        let has_room = self.spans.len() < MOST_SPANS && self.bytes + bytes <= MOST_BYTES;
        if has_room {
            self.bytes += bytes;
            self.spans.push_back(span);
        }
        has_room
    }
}

impl Spool {
    /// Where spans that are dropped are counted.
    pub(super) fn count_in(&self, metrics: Metrics) {
        // Once; a second time is the same.
        let _ = self.0.counted.set(metrics);
    }

    pub(super) fn count(&self, result: &'static str, spans: usize) {
        if let Some(metrics) = self.0.counted.get() {
            metrics.spans(result, spans);
        }
    }

    /// Waits until a batch is full, no longer than this.
    pub(super) async fn full(&self, longest: Duration) {
        let _ = tokio::time::timeout(longest, self.0.full.notified()).await;
    }

    /// Those that wait longest; none where none waits.
    pub(super) fn batch(&self) -> Vec<Span> {
        let mut held = self.held();
        let end = held.spans.len().min(TOGETHER);
        let spans: Vec<Span> = held.spans.drain(..end).collect();
        held.bytes -= spans.iter().map(Span::encoded_len).sum::<usize>().min(held.bytes);
        spans
    }

    /// Takes a batch back that could not be sent, as far as there is room left.
    pub(super) fn give_back(&self, spans: Vec<Span>) {
        let mut held = self.held();
        let mut dropped = 0;
        for span in spans.into_iter().rev() {
            let bytes = span.encoded_len();
            if held.spans.len() < MOST_SPANS && held.bytes + bytes <= MOST_BYTES {
                held.bytes += bytes;
                held.spans.push_front(span);
            } else {
                dropped += 1;
            }
        }
        drop(held);
        self.count("dropped", dropped);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is a delivery from somebody who is not believed.
fn is_of_a_stranger(span: &SpanData) -> bool {
    let status = |it: &opentelemetry::KeyValue| match it.value {
        opentelemetry::Value::I64(status) if it.key.as_str() == "http.response.status_code" => Some(status),
        _ => None,
    };
    span.span_kind == SpanKind::Server
        && span.attributes.iter().find_map(status).is_some_and(|status| NOT_BELIEVED.contains(&status))
}

impl SpanProcessor for Spool {
    fn on_start(&self, _: &mut trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() || is_of_a_stranger(&span) {
            return;
        }
        let (is_taken, waiting) = {
            let mut held = self.held();
            (held.takes(span.into()), held.spans.len())
        };
        if !is_taken {
            self.count("dropped", 1);
        } else if waiting >= TOGETHER {
            self.0.full.notify_one();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &str) -> Span {
        Span { name: name.to_owned(), ..Span::default() }
    }

    fn fill(spool: &Spool, spans: impl IntoIterator<Item = Span>) -> usize {
        spans.into_iter().filter(|span| !spool.held().takes(span.clone())).count()
    }

    #[test]
    fn so_many_spans_wait_and_so_many_bytes() {
        let spool = Spool::default();
        assert_eq!(fill(&spool, (0..MOST_SPANS + 7).map(|_| span("a"))), 7);
        let batch = spool.batch();
        assert_eq!((batch.len(), spool.held().spans.len()), (TOGETHER, MOST_SPANS - TOGETHER));
        let large = Spool::default();
        let name = "x".repeat(MOST_BYTES / 4);
        assert_eq!(fill(&large, (0..10).map(|_| span(&name))), 7);
        assert!(large.held().bytes <= MOST_BYTES);
        assert_eq!((large.batch().len(), large.held().bytes), (3, 0));
    }

    #[test]
    fn a_batch_that_could_not_be_sent_is_the_next_one_again() {
        let (spool, metrics) = (Spool::default(), Metrics::new());
        spool.count_in(metrics.clone());
        fill(&spool, ["a", "b"].map(span));
        let batch = spool.batch();
        fill(&spool, [span("c")]);
        spool.give_back(batch);
        let names: Vec<String> = spool.batch().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        fill(&spool, (0..MOST_SPANS).map(|_| span("d")));
        spool.give_back(vec![span("e"), span("f")]);
        let text = metrics.text();
        assert!(text.contains("image_watcher_trace_spans_total{result=\"dropped\"} 2"), "{text}");
    }
}
