//! 1 of 13 · in: HTTP request, schedule · out: Job
//!
//! A delivery is verified before it is parsed, and durable before it is answered. What it says is a hint: look at this
//! repository now. Nothing in it is ever dialled, applied or stored but the repository's name.
//!
//! ```text
//! POST /webhooks/{source} ─► check ─► read ─► seen before? ─► parse ─► known repositories ─► queue ─► 202
//!                              └─► Verified: the only thing that parsers take
//! ```
//!
//! A body is read after its sender was believed. Only what carries a signature of the body is read first, whoever it is
//! for. An unknown source is checked like a known one, against a secret that nobody has, so that neither answer nor time
//! tells which sources there are.

mod bucket;
mod changed;
mod dialect;
mod fate;
mod health;
mod keel;
mod oidc;
mod path;
pub mod poller;
mod seen;
mod verify;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt as _, future};
use tracing::Instrument as _;

pub use changed::feed;
pub use dialect::{Delivery, Malformed, Push, read};
pub use health::{Pushes, SourceReport};
pub use path::Misses;

use self::bucket::Bucket;
use self::fate::{NOT_BY_THIS, Refused, Taken, allowed};
use self::oidc::Keys;
use self::path::{Address, Miss};
use self::seen::Seen;
use self::verify::{Unproven, Verified};
use crate::ambient::Ambient;
use crate::config::source::{Scheme, Source, SourceKind};
use crate::domain::event::{Cause, Job};
use crate::domain::reference::{Repository, Tag};
use crate::domain::secret::Secret;
use crate::domain::trace::TraceParent;
use crate::listener::paths::{KEEL, WEBHOOKS};
use crate::listener::{Bodies, Body, Meter, Problem, unread};
use crate::outbound;
use crate::queue::{Announced, Announcements, NewJob, Placed, Queue, WHERE_THE_QUEUE_IS};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{Repeats, spans};

/// The largest body that is read.
const MOST_BYTES: usize = 1024 * 1024;
/// Bytes of all bodies that are read before it is known who sends them, at one time; and of all others.
const TOGETHER: u32 = 8 * 1024 * 1024;
/// Of the latter, what one source may have.
const OF_ONE_SOURCE: u32 = TOGETHER / 4;
/// The most impatient sender, a CNCF Distribution registry, waits one second.
const STORE_DEADLINE: Duration = Duration::from_millis(800);
/// Wrong credentials, of all sources together, that are answered 401; more are answered 429. Of each source as many are
/// told.
const FAILURES: (u32, u32) = (5, 100);

/// Whether a repository is watched; while that is not known yet, everything is.
pub type Watched = Arc<dyn Fn(&Repository) -> bool + Send + Sync>;
/// Who wants to know which pushes were taken.
pub type Witness = Arc<dyn Fn(&[Push]) + Send + Sync>;

/// What the routes are given.
pub struct Intake<Q> {
    sources: HashMap<String, Open>,
    /// Stands for every source that there is not.
    nobody: Open,
    /// The ways in which bodies are signed by senders of any source.
    schemes: Vec<Scheme>,
    failures: Bucket,
    misses: Arc<Misses>,
    /// Bodies of anybody.
    bodies: Bodies,
    /// What stands before the path at the public address.
    base_path: String,
    /// The source that takes what is sent as to Keel.
    keel: String,
    queue: Q,
    watched: Watched,
    witness: Option<Witness>,
    pushes: Arc<Pushes>,
    /// What was told of deliveries that the queue did not take.
    unstored: Repeats,
    ambient: Ambient,
    metrics: Metrics,
}

/// A source that is open.
struct Open {
    source: Source,
    keys: Keys,
    /// How many lines of the log its sender may still cause.
    lines: Bucket,
    rate: Option<Bucket>,
    seen: Seen,
    /// Bodies whose credential stands beside them, and was right.
    bodies: Bodies,
}

impl<Q> std::fmt::Debug for Intake<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Intake({} sources)", self.sources.len())
    }
}

impl<Q: Queue + Announcements> Intake<Q> {
    /// Opens these sources. Without a client, keys of tokens can't be fetched.
    #[must_use]
    pub fn new(
        sources: &[Source],
        queue: Q,
        watched: Watched,
        pushes: Arc<Pushes>,
        client: Option<&outbound::Client>,
        ambient: Ambient,
        metrics: Metrics,
    ) -> Self {
        let known = Bodies::new(TOGETHER);
        let open = |source: Source| Open {
            keys: Keys::new(ambient.clone(), client.cloned()),
            lines: Bucket::new(FAILURES.0, FAILURES.1),
            rate: source.rate.map(|rate| Bucket::new(rate.per_second, rate.burst)),
            seen: Seen::default(),
            bodies: known.share(OF_ONE_SOURCE),
            source,
        };
        let secret = u128::from_le_bytes(ambient.bytes());
        let nobody = open(Source::usual("", SourceKind::Native, Secret::new(format!("{secret:032x}"))));
        Self {
            sources: sources.iter().map(|source| (source.name.clone(), open(source.clone()))).collect(),
            nobody,
            schemes: sources.iter().map(|source| source.auth.scheme).collect(),
            failures: Bucket::new(FAILURES.0, FAILURES.1),
            misses: Arc::new(Misses::new(sources.iter().map(|source| source.name.as_str()), &metrics)),
            bodies: Bodies::new(TOGETHER),
            base_path: String::new(),
            keel: keel::source(sources),
            queue,
            watched,
            witness: None,
            pushes,
            unstored: Repeats::default(),
            ambient,
            metrics,
        }
    }

    /// Tells somebody which pushes are taken.
    #[must_use]
    pub fn witnessed_by(mut self, witness: Witness) -> Self {
        self.witness = Some(witness);
        self
    }

    /// What reaches no source, for who keeps telling of it.
    #[must_use]
    pub fn misses(&self) -> Arc<Misses> {
        Arc::clone(&self.misses)
    }

    /// Answers behind this path, too.
    #[must_use]
    pub fn behind(mut self, base_path: &str) -> Self {
        base_path.clone_into(&mut self.base_path);
        self
    }
}

/// Adds the routes of this stage: `/webhooks/{source}` and `/webhooks/{source}/{token}`, and the path that Keel has.
///
/// What stands behind the prefix is taken apart here, as actix-web would match a regular expression for each
/// delivery.
pub fn routes<Q: Queue + Announcements>(config: &mut ServiceConfig) {
    config.service(web::scope(WEBHOOKS).default_service(web::to(receive::<Q>)));
    config.route(KEEL, web::to(keel::receive::<Q>));
}

async fn receive<Q: Queue + Announcements>(
    intake: Data<Intake<Q>>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let address = Address::read(request.match_info().unprocessed());
    intake.answer(address, &request, payload).await
}

/// Answers what no route fits: a delivery whose path has a slash too many or the base path before it, or nothing of ours.
pub async fn elsewhere<Q: Queue + Announcements>(
    intake: Data<Intake<Q>>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    if let Some(parts) = path::behind_webhooks(request.path(), &intake.base_path) {
        return intake.answer(Address::of(parts), &request, payload).await;
    }
    // Whoever delivers anything does it by POST; who looks around is not told of.
    if request.method() == Method::POST {
        intake.misses.one(Miss::Route, request.path(), intake.ambient.monotonic());
    }
    unread(Problem::NOTHING.error_response(), payload)
}

impl<Q: Queue + Announcements> Intake<Q> {
    async fn answer(&self, address: Option<Address<'_>>, request: &HttpRequest, mut payload: Payload) -> HttpResponse {
        let now = self.ambient.monotonic();
        let taken = match address {
            None => {
                self.misses.one(Miss::Path, request.path(), now);
                Err(Problem::NOTHING)
            }
            Some(_) if ![Method::POST, Method::GET, Method::OPTIONS].contains(request.method()) => Err(NOT_BY_THIS),
            Some(address) => {
                if let Some(open) = self.sources.get(&*address.source) {
                    self.take_and_count(open, &address, request, &mut payload).await
                } else {
                    self.misses.one(Miss::Source, &format!("/webhooks/{}", address.source), now);
                    let taken = self.take(&self.nobody, &address, request, &mut payload, "").await;
                    taken.map_err(|refused| refused.problem)
                }
            }
        };
        match taken {
            Ok(taken) => taken.answer(),
            Err(problem) => unread(problem.error_response(), payload),
        }
    }

    async fn take_and_count(
        &self,
        open: &Open,
        address: &Address<'_>,
        request: &HttpRequest,
        payload: &mut Payload,
    ) -> Result<Taken, Problem> {
        let followed = followed(request, &open.source);
        let trace = spans::trace_id(&followed).unwrap_or_else(|| self.ambient.trace_id());
        let span = tracing::info_span!("webhook", trace_id = trace, source = open.source.name);
        let taken = async {
            let taken = self.take(open, address, request, payload, &trace).await;
            self.count(open, &taken);
            taken
        };
        let taken = taken.instrument(followed.clone()).instrument(span).await;
        match &taken {
            Ok(taken) => spans::answered(&followed, taken.status().as_u16(), taken.fate().as_str()),
            Err(refused) => spans::answered(&followed, refused.problem.status.as_u16(), refused.fate().as_str()),
        }
        taken.map_err(|refused| refused.problem)
    }

    async fn take(
        &self,
        open: &Open,
        address: &Address<'_>,
        request: &HttpRequest,
        payload: &mut Payload,
        trace: &str,
    ) -> Result<Taken, Refused> {
        let source = &open.source;
        let by_get = request.method() == Method::GET;
        let early = self.early_body(request, payload).await?;
        let signed = early.as_ref().map(|body| &body[..]);
        let proof = verify::check(source, request, address.token.as_deref(), signed, &open.keys).await;
        let proof = proof.map_err(|unproven| self.refused(open, unproven))?;
        if let Some(meter) = request.conn_data::<Meter>() {
            meter.known(&format!("source {}", source.name));
        }
        if open.rate.as_ref().is_some_and(|rate| !rate.take(self.ambient.monotonic())) {
            let too_many = Problem { status: StatusCode::TOO_MANY_REQUESTS, ..Problem::later("too many deliveries") };
            return Err(too_many.into());
        }
        let body = match early {
            Some(body) => body,
            None => open.bodies.read(request, payload, MOST_BYTES).await?,
        };
        let verified = proof.of(body.clone());
        if request.method() == Method::OPTIONS {
            return Ok(allowed(source.kind, &verified)?);
        }
        if by_get && !source.kind.comes_by_get() {
            return Err(NOT_BY_THIS.into());
        }
        self.take_believed(open, &verified, &body, trace).await
    }

    /// Takes a delivery whose sender is believed, once.
    async fn take_believed(
        &self,
        open: &Open,
        verified: &Verified<'_>,
        body: &Bytes,
        trace: &str,
    ) -> Result<Taken, Refused> {
        let marks = open.marks(verified, body);
        if open.seen.any(&marks, self.ambient.monotonic()) {
            tracing::debug!("a delivery came again");
            return Ok(Taken::Again);
        }
        match self.read(open, verified)? {
            Delivery::Handshake(json) => Ok(Taken::Handshake(json)),
            Delivery::Ignored(reason) => {
                tracing::debug!(reason, "a delivery says nothing about an image");
                Ok(Taken::Ignored)
            }
            Delivery::Pushes(pushes) => {
                let taken = self.store(&open.source, &pushes, trace).await?;
                if taken == Taken::Stored {
                    open.seen.remember(&marks, self.ambient.monotonic());
                }
                Ok(taken)
            }
        }
    }

    /// The body of a request that may be signed, or what a GET has in its place.
    async fn early_body(&self, request: &HttpRequest, payload: &mut Payload) -> Result<Option<Body>, Problem> {
        if request.method() == Method::GET {
            return Ok(Some(query_payload(request).into()));
        }
        if !verify::may_be_signed(&self.schemes, request.headers()) {
            return Ok(None);
        }
        self.bodies.read(request, payload, MOST_BYTES).await.map(Some)
    }

    /// What a delivery says. What in it could not be used is counted and told.
    fn read(&self, open: &Open, verified: &Verified<'_>) -> Result<Delivery, Refused> {
        let kind = open.source.kind;
        let read = dialect::parse(kind, verified).map_err(|malformed| {
            let detail = match malformed {
                Malformed::Other(_) => format!("{malformed}; this source is of kind {}", kind.as_str()).into(),
                _ => Cow::Borrowed("the body is not what this source sends"),
            };
            if open.lines.take(self.ambient.monotonic()) {
                tracing::warn!(reason = %malformed, kind = kind.as_str(), "a delivery can't be read; look at what the registry sends to this source");
            }
            let status = match malformed {
                Malformed::Format => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                _ => StatusCode::BAD_REQUEST,
            };
            Refused::from(Problem { status, detail, retry_after: None })
        })?;
        if let Some(reason) = &read.reason {
            self.pushes.passed_over(&open.source.name, read.passed_over);
            if open.lines.take(self.ambient.monotonic()) {
                tracing::warn!(%reason, events = read.passed_over, "events of a delivery could not be used and are passed over; the reason is of the first");
            }
        }
        Ok(read.delivery)
    }

    /// The answer to a wrong credential, which is the same for all sources and for none. When there are many of them, it is
    /// another answer.
    fn refused(&self, open: &Open, unproven: Unproven) -> Refused {
        let now = self.ambient.monotonic();
        if !open.source.name.is_empty() && open.lines.take(now) {
            tracing::warn!(reason = %unproven, "a delivery was refused; compare the registry's setting with the secret of this source");
        }
        let problem = if self.failures.take(now) {
            verify::REFUSED
        } else {
            Problem { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(1), ..verify::REFUSED }
        };
        Refused { problem, reason: unproven.as_str().into() }
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
        let job = |repository: &&Repository| NewJob::prompt(Job::Look((*repository).clone()), trace, now);
        // Before the job, so that no look can be done between the two and take the push for an unannounced one.
        self.pushes.announced(&source.name, &repositories, self.ambient.monotonic(), now);
        let is_watched = |push: &&Push| repositories.contains(&&push.repository);
        let announced = pushes.iter().filter(is_watched).filter_map(|push| announced(push, now)).collect();
        let announced = self.queue.announce(announced);
        // In this order: who looks finds what was announced.
        let stored = future::join(announced, self.queue.put(repositories.iter().map(job).collect()));
        let stored = stored.map(|(announced, placed)| announced.and(placed));
        match tokio::time::timeout(STORE_DEADLINE, stored).await {
            Ok(Ok(placed)) => {
                // Of what a registry sends of all its images, a look follows for those that run here.
                for push in pushes.iter().filter(is_watched) {
                    spans::pushed(&push.repository, push.tag.as_ref().map(Tag::as_str));
                    tell(push, placed);
                }
                if let Some(witness) = &self.witness {
                    witness(pushes);
                }
                Ok(Taken::Stored)
            }
            Ok(Err(error)) => {
                self.metrics.queue_refused.inc();
                let error = crate::telemetry::chain(&error).to_string();
                if let Some(suppressed) = self.unstored.line("", &error, self.ambient.monotonic()) {
                    tracing::error!(suppressed, error, "a delivery was not stored, and is answered 503");
                }
                Err(Problem::later("the delivery could not be stored; send it again"))
            }
            Err(_) => {
                self.metrics.queue_refused.inc();
                if let Some(suppressed) = self.unstored.line("", "slow", self.ambient.monotonic()) {
                    tracing::warn!(
                        suppressed,
                        "the queue takes longer than the sender waits, and the delivery is answered 503: look at the disk of {WHERE_THE_QUEUE_IS}"
                    );
                }
                Err(Problem::later("the delivery could not be stored in time; send it again"))
            }
        }
    }

    fn count(&self, open: &Open, taken: &Result<Taken, Refused>) {
        let (fate, refusal) = match taken {
            Ok(taken) => (taken.fate(), None),
            Err(refused) => (refused.fate(), Some(refused.reason.clone())),
        };
        self.pushes.counted(&open.source.name, fate, refusal, self.ambient.now());
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

/// The span of a delivery, which follows from what its sender says it follows from.
fn followed(request: &HttpRequest, source: &Source) -> tracing::Span {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::OPTIONS => "OPTIONS",
        _ => "POST",
    };
    let from = request.headers().get("traceparent").and_then(|value| TraceParent::parse(value.to_str().ok()?));
    spans::intake(method, &source.name, from)
}

/// What is to be looked for until it is listed.
fn announced(push: &Push, at: DateTime<Utc>) -> Option<Announced> {
    Some(Announced { repository: push.repository.clone(), tag: push.tag.clone()?, digest: push.digest.clone(), at })
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

/// What Gitea puts into the query when it is told to deliver by GET. It is signed like a body.
fn query_payload(request: &HttpRequest) -> String {
    verify::form_payload(request.query_string().as_bytes()).unwrap_or_default()
}
