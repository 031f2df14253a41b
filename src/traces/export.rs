//! Sends spans to a collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message as _;

use super::spool::Spool;
use super::{Protocol, Settings, json};
use crate::outbound::{Client, Outbound, OutboundError, Reach, written_host};
use crate::stop::Stop;
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;

/// Spans wait so long for others.
const GATHER: Duration = Duration::from_secs(1);
/// A collector that is away is tried again after this time at first, and after twice as long each time.
const AGAIN: Duration = Duration::from_secs(1);
/// It is tried at least this often.
const SELDOM: Duration = Duration::from_secs(60);
/// What is left at the end of the process has this long.
const AT_THE_END: Duration = Duration::from_secs(3);
/// More of an answer is not read.
const MOST_OF_AN_ANSWER: usize = 64 * 1024;

/// Where spans come from, and how they are to be sent.
#[derive(Debug)]
pub struct Source {
    pub(super) settings: Settings,
    pub(super) spool: Spool,
    /// No span is made any more when it is gone.
    pub(super) provider: SdkTracerProvider,
}

/// Takes spans to a collector. Clones share all.
#[derive(Clone, Debug)]
pub struct Exporter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    resource: Resource,
    client: Client,
    /// Whether the last batch was not taken.
    away: AtomicBool,
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    /// No answer.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// An answer that says no.
    #[error("{host} answers {status}")]
    Refused {
        /// The collector.
        host: String,
        /// Its answer.
        status: StatusCode,
    },
}

impl ExportError {
    /// Whether the same batch may be taken later; of other answers it never is, as the protocol says.
    fn is_passing(&self) -> bool {
        match self {
            Self::Outbound(error) => !matches!(error, OutboundError::Large { .. }),
            Self::Refused { status, .. } => matches!(status.as_u16(), 429 | 502..=504),
        }
    }
}

impl Exporter {
    /// Takes these spans out, and counts them. The operator named the collector, so that it may be anywhere.
    ///
    /// # Errors
    /// [`OutboundError`] when there can be no client.
    pub fn of(source: Source, outbound: &Outbound, metrics: Metrics) -> Result<Self, OutboundError> {
        source.spool.count_in(metrics);
        let (resource, client) = (source.settings.resource(), outbound.client(Reach::Named)?);
        Ok(Self(Arc::new(Inner { source, resource, client, away: AtomicBool::new(false) })))
    }

    /// Sends spans until the process is to end. What is under way then is left for [`Exporter::flush`].
    pub async fn run(self, mut stop: Stop) {
        let mut wait = AGAIN;
        while !stop.is_raised() {
            let longest = if self.is_away() { wait } else { GATHER };
            tokio::select! {
                () = stop.raised() => return,
                () = self.pause(longest) => {}
            }
            tokio::select! {
                () = stop.raised() => return,
                () = self.send_all() => {}
            }
            wait = if self.is_away() { (wait * 2).min(SELDOM) } else { AGAIN };
        }
    }

    /// Sends what is left, within a bound.
    pub async fn flush(&self) {
        // What was not sent by then is lost, as the process ends.
        let _ = tokio::time::timeout(AT_THE_END, self.send_all()).await;
        let _ = self.0.source.provider.shutdown();
    }

    fn is_away(&self) -> bool {
        self.0.away.load(Ordering::Relaxed)
    }

    /// A collector that is away is not tried sooner because a batch is full.
    async fn pause(&self, longest: Duration) {
        if self.is_away() {
            tokio::time::sleep(longest).await;
        } else {
            self.0.source.spool.full(longest).await;
        }
    }

    async fn send_all(&self) {
        loop {
            let mut batch = Batch { spool: &self.0.source.spool, spans: self.0.source.spool.batch() };
            if batch.spans.is_empty() {
                return;
            }
            match self.send(&batch.spans).await {
                Ok(rejected) => {
                    let sent = std::mem::take(&mut batch.spans).len();
                    self.0.source.spool.count("exported", sent - rejected.min(sent));
                    self.0.source.spool.count("dropped", rejected.min(sent));
                    self.back();
                }
                Err(error) => {
                    self.gone(&error);
                    if !error.is_passing() {
                        let lost = std::mem::take(&mut batch.spans).len();
                        self.0.source.spool.count("dropped", lost);
                    }
                    return;
                }
            }
        }
    }

    fn gone(&self, error: &ExportError) {
        if !self.0.away.swap(true, Ordering::Relaxed) {
            let collector = written_host(&self.0.source.settings.endpoint);
            tracing::warn!(collector, error = %chain(error), "the collector of traces takes no spans; they wait as far as there is room, and it is tried again from time to time");
        }
    }

    fn back(&self) {
        if self.0.away.swap(false, Ordering::Relaxed) {
            let collector = written_host(&self.0.source.settings.endpoint);
            tracing::info!(collector, "the collector of traces takes spans again");
        }
    }

    /// Sends a batch; how many of it the collector did not want.
    async fn send(&self, spans: &[Span]) -> Result<usize, ExportError> {
        let settings = &self.0.source.settings;
        let request = self.request(spans.to_vec());
        let (body, content) = match settings.protocol {
            Protocol::Protobuf => (request.encode_to_vec(), "application/x-protobuf"),
            Protocol::Json => (json::text(&request).into_bytes(), "application/json"),
        };
        let mut headers: HeaderMap = settings.headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        let request = self.0.client.post(settings.endpoint.clone()).headers(headers).body(body);
        let answer = self.0.client.send(request, settings.timeout, MOST_OF_AN_ANSWER).await?;
        if answer.status.is_success() {
            return Ok(rejected(settings.protocol, &answer.body));
        }
        Err(ExportError::Refused { host: written_host(&settings.endpoint), status: answer.status })
    }

    fn request(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }];
        let resource = Some(self.0.resource.clone());
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource, scope_spans, schema_url: String::new() }],
        }
    }
}

/// A batch under way. Where nothing came of it, it waits again.
struct Batch<'s> {
    spool: &'s Spool,
    spans: Vec<Span>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if !self.spans.is_empty() {
            self.spool.give_back(std::mem::take(&mut self.spans));
        }
    }
}

/// How many spans a collector took the request without.
fn rejected(protocol: Protocol, body: &[u8]) -> usize {
    let rejected = match protocol {
        Protocol::Protobuf => ExportTraceServiceResponse::decode(body)
            .ok()
            .and_then(|answer| Some(answer.partial_success?.rejected_spans)),
        Protocol::Json => json::rejected(body),
    };
    rejected.and_then(|rejected| usize::try_from(rejected).ok()).unwrap_or_default()
}
