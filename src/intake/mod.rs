//! 1 of 9 · in: HTTP request, schedule · out: Job
//!
//! A delivery is verified before it is parsed, and durable before it is answered. What it says is a hint: look at this
//! repository now. Nothing in it is ever dialled, applied or stored but the repository's name.
//!
//! ```text
//! POST /webhooks/{source} ─► read ─► verify ─► seen before? ─► parse ─► known repositories ─► queue ─► 202
//!                                      └─► Verified: the only thing that parsers take
//! ```

mod bucket;
mod dialect;
mod health;
mod oidc;
pub mod poller;
mod rs256;
mod seen;
mod verify;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode, header::HeaderValue};
use actix_web::web::{self, Bytes, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;
use tracing::Instrument as _;

pub use dialect::{Delivery, Malformed, Push, read};
pub use health::{Announcements, SourceReport};

use self::bucket::Bucket;
use self::health::Fate;
use self::oidc::Keys;
use self::seen::Seen;
use self::verify::Verified;
use crate::ambient::Ambient;
use crate::config::source::{Source, SourceKind};
use crate::domain::event::{Cause, Job};
use crate::domain::reference::{Repository, Tag};
use crate::listener::{Problem, read_body};
use crate::outbound;
use crate::queue::{NewJob, Placed, Queue};
use crate::telemetry::metrics::Metrics;

/// The largest body that is read.
const MOST_BYTES: usize = 1024 * 1024;
/// The most impatient sender, a CNCF Distribution registry, waits one second.
const STORE_DEADLINE: Duration = Duration::from_millis(800);
/// Failed authentications of one source that are told and answered 401; more are answered 429.
const FAILURES: (u32, u32) = (5, 100);

/// Whether a repository is watched; while that is not known yet, everything is.
pub type Watched = Arc<dyn Fn(&Repository) -> bool + Send + Sync>;
/// Who wants to know which pushes were taken.
pub type Witness = Arc<dyn Fn(&[Push]) + Send + Sync>;

/// What the routes are given.
pub struct Intake<Q> {
    sources: HashMap<String, Open>,
    unknown: Bucket,
    keys: Keys,
    queue: Q,
    watched: Watched,
    witness: Option<Witness>,
    announcements: Arc<Announcements>,
    ambient: Ambient,
    metrics: Metrics,
}

/// A source that is open.
struct Open {
    source: Source,
    failures: Bucket,
    rate: Option<Bucket>,
    seen: Seen,
}

impl<Q> std::fmt::Debug for Intake<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({} sources)", self.sources.len())
    }
}

impl<Q: Queue> Intake<Q> {
    /// Opens these sources. Without a client, keys of tokens can't be fetched.
    #[must_use]
    pub fn new(
        sources: &[Source],
        queue: Q,
        watched: Watched,
        announcements: Arc<Announcements>,
        client: Option<outbound::Client>,
        ambient: Ambient,
        metrics: Metrics,
    ) -> Self {
        let open = |source: &Source| Open {
            failures: Bucket::new(FAILURES.0, FAILURES.1),
            rate: source.rate.map(|rate| Bucket::new(rate.per_second, rate.burst)),
            seen: Seen::default(),
            source: source.clone(),
        };
        let keys = Keys::new(ambient.clone(), client);
        let sources = sources.iter().map(|source| (source.name.clone(), open(source))).collect();
        let unknown = Bucket::new(FAILURES.0, FAILURES.1);
        Self { sources, unknown, keys, queue, watched, witness: None, announcements, ambient, metrics }
    }

    /// Tells somebody which pushes are taken.
    #[must_use]
    pub fn witnessed_by(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }
}

/// Adds the routes of this stage: `/webhooks/{source}` and `/webhooks/{source}/{token}`.
///
/// What stands behind the prefix is taken apart here, as actix-web would match a regular expression for each
/// delivery.
pub fn routes<Q: Queue>(config: &mut ServiceConfig) {
    config.service(web::scope("/webhooks").default_service(web::to(receive::<Q>)));
}

/// The source's name, and the token if the path has one.
struct Address<'r> {
    source: Cow<'r, str>,
    token: Option<Cow<'r, str>>,
}

impl<'r> Address<'r> {
    /// Reads what is left of a path behind the prefix, `/source` or `/source/token`, each percent-encoded UTF-8.
    fn read(rest: &'r str) -> Option<Self> {
        let decoded = |part: &'r str| percent_decode_str(part).decode_utf8().ok().filter(|part| !part.is_empty());
        let mut parts = rest.strip_prefix('/')?.split('/');
        let address = match (parts.next(), parts.next()) {
            (Some(source), None) => Self { source: decoded(source)?, token: None },
            (Some(source), Some(token)) => Self { source: decoded(source)?, token: Some(decoded(token)?) },
            (None, _) => return None,
        };
        parts.next().is_none().then_some(address)
    }
}

async fn receive<Q: Queue>(
    intake: Data<Intake<Q>>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let address = Address::read(request.match_info().unprocessed()).ok_or(Problem::NOTHING)?;
    if ![Method::POST, Method::GET, Method::OPTIONS].contains(request.method()) {
        return Err(NOT_BY_THIS);
    }
    let Some(open) = intake.sources.get(&*address.source) else {
        return Err(intake.refused(&intake.unknown));
    };
    let trace = intake.ambient.trace_id();
    let span = tracing::info_span!("webhook", trace_id = trace, source = open.source.name);
    async {
        let taken = intake.take(open, &address, &request, payload, &trace).await;
        intake.count(open, &taken);
        taken.map(Taken::answer)
    }
    .instrument(span)
    .await
}

/// What became of a delivery that is answered with success.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Taken {
    /// Jobs are on disk.
    Stored,
    /// There was nothing in it for us.
    Ignored,
    /// It was taken before.
    Again,
    /// The sender reads this.
    Handshake(String),
    /// The sender may send, it asked by `OPTIONS`.
    Allowed { origin: HeaderValue, rate: HeaderValue },
}

impl Taken {
    fn answer(self) -> HttpResponse {
        match self {
            Self::Stored => HttpResponse::Accepted().finish(),
            Self::Ignored | Self::Again => HttpResponse::Ok().finish(),
            Self::Handshake(json) => HttpResponse::Ok().content_type("application/json").body(json),
            Self::Allowed { origin, rate } => HttpResponse::Ok()
                .insert_header(("WebHook-Allowed-Origin", origin))
                .insert_header(("WebHook-Allowed-Rate", rate))
                .insert_header(("Allow", "POST, OPTIONS"))
                .finish(),
        }
    }

    fn fate(&self) -> Fate {
        match self {
            Self::Stored => Fate::Accepted,
            Self::Ignored => Fate::Ignored,
            Self::Again => Fate::Duplicate,
            Self::Handshake(_) | Self::Allowed { .. } => Fate::Handshake,
        }
    }
}

impl<Q: Queue> Intake<Q> {
    async fn take(
        &self,
        open: &Open,
        address: &Address<'_>,
        request: &HttpRequest,
        payload: Payload,
        trace: &str,
    ) -> Result<Taken, Problem> {
        let source = &open.source;
        let body = read_body(request.headers(), payload, MOST_BYTES).await?;
        let by_get = request.method() == Method::GET;
        let body = if by_get { query_payload(request) } else { body };
        let verified = verify::verify(source, request, address.token.as_deref(), body.clone(), &self.keys).await;
        let verified = verified.map_err(|_| self.refused(&open.failures))?;
        if open.rate.as_ref().is_some_and(|rate| !rate.take(self.ambient.monotonic())) {
            return Err(Problem { status: StatusCode::TOO_MANY_REQUESTS, ..Problem::later("too many deliveries") });
        }
        if request.method() == Method::OPTIONS {
            return allowed(source.kind, &verified);
        }
        if by_get && !source.kind.comes_by_get() {
            return Err(NOT_BY_THIS);
        }
        let marks = open.marks(&verified, &body);
        if open.seen.any(&marks, self.ambient.monotonic()) {
            tracing::debug!("a delivery came again");
            return Ok(Taken::Again);
        }
        let delivery = dialect::parse(source.kind, &verified).map_err(|malformed| {
            tracing::warn!(reason = %malformed, "a delivery can't be read; look at what the registry sends to this source");
            let status = match malformed {
                Malformed::Format => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::BAD_REQUEST,
            };
            Problem::new(status, "the body is not what this source sends")
        })?;
        match delivery {
            Delivery::Handshake(json) => Ok(Taken::Handshake(json)),
            Delivery::Ignored(reason) => {
                tracing::debug!(reason, "a delivery says nothing about an image");
                Ok(Taken::Ignored)
            }
            Delivery::Pushes(pushes) => {
                let taken = self.store(source, &pushes, trace).await?;
                if taken == Taken::Stored {
                    open.seen.remember(&marks, self.ambient.monotonic());
                }
                Ok(taken)
            }
        }
    }

    /// The answer to a wrong credential. When there are many of them, it is another answer, and no line of the log each.
    fn refused(&self, failures: &Bucket) -> Problem {
        if failures.take(self.ambient.monotonic()) {
            tracing::warn!(
                "a delivery was refused: the credential is missing or wrong; compare the registry's setting with the secret of this source"
            );
            return verify::REFUSED;
        }
        Problem { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(1), ..verify::REFUSED }
    }

    /// One job for each known repository of a delivery. Unknown ones are forgotten.
    async fn store(&self, source: &Source, pushes: &[Push], trace: &str) -> Result<Taken, Problem> {
        let mut repositories: Vec<&Repository> = pushes.iter().map(|push| &push.repository).collect();
        repositories.sort();
        repositories.dedup();
        repositories.retain(|repository| (self.watched)(repository));
        if repositories.is_empty() {
            return Ok(Taken::Ignored);
        }
        let now = self.ambient.now();
        let job = |repository: &&Repository| NewJob {
            job: Job::Look((*repository).clone()),
            trace: trace.to_owned(),
            not_before: now,
        };
        // Before the job, so that no look can be done between the two and take the push for an unannounced one.
        self.announcements.announced(&source.name, &repositories, self.ambient.monotonic());
        let stored = self.queue.put(repositories.iter().map(job).collect());
        match tokio::time::timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(placed)) => {
                for push in pushes {
                    tell(push, placed);
                }
                if let Some(witness) = &self.witness {
                    witness(pushes);
                }
                Ok(Taken::Stored)
            }
            Ok(Err(error)) => {
                self.metrics.queue_refused.inc();
                tracing::error!(error = %crate::telemetry::chain(&error), "a delivery was not stored, and is answered 503");
                Err(Problem::later("the delivery could not be stored; send it again"))
            }
            Err(_) => {
                self.metrics.queue_refused.inc();
                tracing::warn!("the disk is too slow for the sender, and the delivery is answered 503");
                Err(Problem::later("the delivery could not be stored in time; send it again"))
            }
        }
    }

    fn count(&self, open: &Open, taken: &Result<Taken, Problem>) {
        let (fate, refusal) = match taken {
            Ok(taken) => (taken.fate(), None),
            Err(problem) => {
                let fate = match problem.status {
                    StatusCode::UNAUTHORIZED => Fate::BadSignature,
                    StatusCode::TOO_MANY_REQUESTS => Fate::Limited,
                    StatusCode::SERVICE_UNAVAILABLE => Fate::Overloaded,
                    _ => Fate::BadPayload,
                };
                (fate, Some(problem.detail))
            }
        };
        self.announcements.counted(&open.source.name, fate, refusal, self.ambient.now());
    }
}

impl Open {
    /// What this delivery would be known by if it came again.
    ///
    /// The id stands in a header that no signature covers, so the body counts too, where two pushes can't share one.
    fn marks(&self, verified: &Verified<'_>, body: &Bytes) -> Vec<u64> {
        let id = dialect::delivery_id(self.source.kind, verified).map(|id| self.seen.mark(&("id", id)));
        let unique = dialect::is_unique(self.source.kind, body);
        let body = unique.then(|| self.seen.mark(&("body", &body[..])));
        id.into_iter().chain(body).collect()
    }
}

/// One line for what starts a look, and for the rest of a burst one that is seen when it is looked for: each costs about
/// as much as taking the delivery.
fn tell(push: &Push, placed: Placed) {
    let (repository, tag, cause) = (&push.repository, push.tag.as_ref().map(Tag::as_str), Cause::Webhook.as_str());
    match placed {
        Placed::News => tracing::info!(%repository, tag, cause, "a push was announced"),
        Placed::Coalesced => tracing::debug!(%repository, tag, cause, "a push was announced, and a look at it waits"),
    }
}

const NOT_BY_THIS: Problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "deliveries come by POST");

/// What Gitea puts into the query when it is told to deliver by GET. It is signed like a body.
fn query_payload(request: &HttpRequest) -> Bytes {
    verify::form_payload(request.query_string().as_bytes()).unwrap_or_default().into()
}

/// The handshake of CloudEvents (cloudevents.io, "HTTP 1.1 Web Hooks for Event Delivery"). The callback URL that may be
/// in it is never called.
fn allowed(kind: SourceKind, verified: &Verified<'_>) -> Result<Taken, Problem> {
    let speaks =
        matches!(kind, SourceKind::CloudEvents | SourceKind::AcrEventGrid | SourceKind::Zot | SourceKind::Harbor);
    let value = |name: &str, fits: fn(u8) -> bool| {
        let text = verified.header(name)?;
        let fits = (1..=253).contains(&text.len()) && text.bytes().all(fits);
        HeaderValue::from_str(text).ok().filter(|_| fits)
    };
    let origin = value("WebHook-Request-Origin", |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    match origin.filter(|_| speaks) {
        Some(origin) => {
            let rate = value("WebHook-Request-Rate", |b| b.is_ascii_digit());
            Ok(Taken::Allowed { origin, rate: rate.unwrap_or(HeaderValue::from_static("*")) })
        }
        None => Err(NOT_BY_THIS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_source_and_perhaps_a_token() {
        let read = |rest| Address::read(rest).map(|address| (address.source, address.token));
        assert_eq!(read("/hub"), Some(("hub".into(), None)));
        assert_eq!(read("/h%75b/t%2F%20+"), Some(("hub".into(), Some("t/ +".into()))));
        for nothing in ["", "/", "hub", "//t", "/hub/", "/hub/t/", "/hub/t/u", "/%ff", "/hub/%ff"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
