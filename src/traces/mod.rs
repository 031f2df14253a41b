//! Spans on their way to a collector, by OTLP over HTTP.
//!
//! ```text
//! span ends ─► spool (so many, so large) ─► exporter ─► collector
//!                  └─► dropped and counted
//! ```
//!
//! Whoever ends a span waits for nothing: where the spool is full the span is dropped. A collector that is away is told once, tried
//! again from time to time, and told again when it is back.

mod export;
mod json;
mod spool;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::Attributes;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use url::Url;

pub use export::{Exporter, Source};
use spool::Spool;

/// How spans are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `http/protobuf`.
    Protobuf,
    /// `http/json`.
    Json,
}

/// Which traces are exported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// All of them.
    All,
    /// None of them.
    None,
    /// This part of them, 0 to 1.
    Part(f64),
}

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where they are sent to.
    pub endpoint: Url,
    /// How they are written.
    pub protocol: Protocol,
    /// What is sent with them. The values are secrets.
    pub headers: HeaderMap,
    /// So long a collector may take.
    pub timeout: Duration,
    /// What is said of this service, its name among it.
    pub attributes: Vec<(String, String)>,
    /// Which traces begin.
    pub sampling: Sampling,
    /// Whether what follows from a span is exported exactly if that was.
    pub follows_parent: bool,
}

impl Settings {
    fn sampler(&self) -> Sampler {
        let root = match self.sampling {
            Sampling::All => Sampler::AlwaysOn,
            Sampling::None => Sampler::AlwaysOff,
            Sampling::Part(part) => Sampler::TraceIdRatioBased(part),
        };
        if self.follows_parent { Sampler::ParentBased(Box::new(root)) } else { root }
    }

    fn resource(&self) -> Resource {
        let attributes = self.attributes.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        Resource { attributes: Attributes::from(attributes).0, ..Resource::default() }
    }
}

/// What makes spans, and what takes them to a collector.
#[must_use]
pub fn start(settings: Settings) -> (SdkTracer, Source) {
    let spool = Spool::default();
    // What is said of this service is added where spans are sent.
    let nothing = opentelemetry_sdk::Resource::builder_empty().build();
    let provider = SdkTracerProvider::builder().with_span_processor(spool.clone()).with_sampler(settings.sampler());
    let provider = provider.with_resource(nothing).build();
    (provider.tracer("image-watcher"), Source { settings, spool, provider })
}
