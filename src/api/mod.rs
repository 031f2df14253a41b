//! 12 of 13 · in: HTTP request · out: JSON, probes, metrics
//!
//! What is known of workloads and of the service itself, and what people who signed in decide. The private listener answers the
//! pod alone, as nobody signs in there: a look may be asked for, which comes to what it would come to by the schedule, automatic
//! updates may be resumed, and messages that were given up may be sent again or thrown away; nothing else changes anything there.

mod acts;
mod answer;
mod brake;
mod census;
mod decide;
mod deliveries;
#[cfg(test)]
mod documented_tests;
mod events;
mod explanations;
mod feed;
mod fleet;
mod health;
mod in_force;
mod in_short;
mod keel;
mod look;
#[cfg(test)]
pub(crate) mod made_up;
mod moment;
mod near;
mod numbers;
#[cfg(test)]
mod openapi;
mod opening;
#[cfg(test)]
mod pieces_tests;
mod probes;
mod pulse;
mod query;
mod reports;
mod said;
mod sequencer;
#[cfg(test)]
mod tests;
pub mod view;
mod workloads;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Resource, ResponseError as _, Route, guard};
use futures_util::future::BoxFuture;

pub use census::Census;
pub use decide::{Decision, Decisions, How, MOST_AT_ONCE, Seen, SeenItem};
pub use events::Events;
pub use explanations::Explanations;
pub use health::Condition;
pub use in_force::{InForce, NotInForce};
pub use keel::keel_routes;
pub use opening::ApiParts;
pub use pulse::{Part, Pulse};
pub use query::MOST_LISTED;
pub use said::Decided;
pub use sequencer::{Sequencer, Waiting};
use view::{ClosedChannelView, PollView, RegistriesView, RegistryView, SourceView, SourcesView};

use self::answer::answer;
use crate::access::Visitor;
use crate::ambient::Ambient;
pub use crate::approvals::Notes as FindNotes;
use crate::cluster::{Index, Scopes};
use crate::domain::approval::LinkKeys;
use crate::domain::settings::Bounds;
use crate::listener::paths::KEEL_APPROVALS;
use crate::listener::{Bodies, Problem, seen};
use crate::queue::{Letters, QueueAdmin};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// How the schedule does, whichever replica follows it.
pub type ReportPoll = Arc<dyn Fn() -> BoxFuture<'static, PollView> + Send + Sync>;
/// Lets the next message try a closed channel; whether it was closed.
pub type Reopen = Arc<dyn Fn(&str) -> bool + Send + Sync>;
/// How each source of webhooks, or each registry, does.
pub type Report<T> = Arc<dyn Fn() -> Vec<T> + Send + Sync>;

/// What the routes are given.
#[derive(Clone)]
pub struct Api<Q> {
    /// What waits, and what does not get done.
    pub queue: Q,
    /// Where it is.
    pub home: Home,
    /// The watched workloads.
    pub index: Index,
    /// What is watched.
    pub scopes: Scopes,
    /// What an update changes, as far as it is known in time.
    pub notes: FindNotes,
    /// How the sources do.
    pub sources: Report<SourceView>,
    /// How the schedule does.
    pub poll: ReportPoll,
    /// Which channels take nothing now.
    pub channels: Report<ClosedChannelView>,
    /// Lets the next message try a closed channel; whether it was closed.
    pub reopen: Reopen,
    /// What is left of each registry's budget, and how it answers.
    pub registries: Report<RegistryView>,
    /// What decides, and knows what it came to.
    pub sequencer: Arc<dyn Sequencer>,
    /// What is wrong between replicas that share a queue, in words; nothing where there is one.
    pub between: Report<String>,
    /// What settings of workloads are read under.
    pub bounds: Bounds,
    /// What records are signed by.
    pub keys: LinkKeys,
    /// What changed, for who listens.
    pub events: Events,
    /// Whether the process is alive.
    pub pulse: Pulse,
    /// Raised when the process is about to end, and others are to be asked from then on.
    pub leaving: Stop,
    /// Whether what runs is what the configuration says.
    pub in_force: InForce,
    /// The numbers.
    pub metrics: Metrics,
    /// The workloads, as they were counted last.
    pub census: Census,
    /// What was explained a moment ago.
    pub explanations: Explanations,
    /// Reads what programs send.
    pub bodies: Bodies,
    /// Clock and chance.
    pub ambient: Ambient,
}

/// Where a service is, as far as its readers are told.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// The cluster's name, where it has one.
    pub cluster: Option<String>,
    /// The address of the page, where people can sign in to it.
    pub page: Option<url::Url>,
}

impl<Q> std::fmt::Debug for Api<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// The most bytes of a body: of as many decisions as are made at once.
const MOST_BYTES: usize = 512 * 1024;

/// Adds the routes of the private listener. What is known of workloads is answered only where the request was made in the pod,
/// as there is no sign-in; `bound` is the address that is listened on.
pub fn routes<Q: Letters>(config: &mut ServiceConfig, bound: IpAddr) {
    config
        .route("/livez", seen().to(probes::livez::<Q>))
        .route("/readyz", seen().to(probes::readyz::<Q>))
        .route("/healthz", seen().to(probes::healthz::<Q>))
        .route("/metrics", seen().to(probes::numbers::<Q>))
        .service(
            web::scope("/api/v1")
                .guard(guard::fn_guard(move |request| near::is_from_here(request.head(), bound)))
                .configure(known::<Q>)
                .service(at("/workloads/{namespace}/{kind}/{name}/look", web::post().to(look::one::<Q>), "POST"))
                .default_service(web::to(nothing)),
        )
        .route("/api/v1/{rest:.*}", web::to(not_from_there))
        .default_service(web::to(nothing));
}

/// Adds the routes of the public listener, behind `/api/v1`: the same for whoever signed in, and what they decide. Who that is has
/// to be among the request's extensions by now; who is nobody is answered 401.
pub fn public_routes<Q: Letters>(config: &mut ServiceConfig) {
    config.service(
        web::scope("")
            .wrap(from_fn(of_a_visitor))
            .configure(known::<Q>)
            .service(at("/workloads/{namespace}/{kind}/{name}/{action}", web::post().to(decide::one::<Q>), "POST"))
            .service(at("/decisions", web::post().to(decide::many::<Q>), "POST"))
            .default_service(web::to(nothing)),
    );
}

/// What is known, and what may be asked for in the pod and by whoever may decide.
fn known<Q: Letters>(config: &mut ServiceConfig) {
    config
        .service(at("/health", seen().to(health::health::<Q>), "GET, HEAD"))
        .service(at("/openapi.json", seen().to(openapi::<Q>), "GET, HEAD"))
        .service(at("/events", web::get().to(events::events::<Q>), "GET"))
        .service(at("/feed.atom", seen().to(feed::feed::<Q>), "GET, HEAD"))
        .service(at("/summary", seen().to(workloads::summary::<Q>), "GET, HEAD"))
        .service(at("/questions", seen().to(workloads::questions::<Q>), "GET, HEAD"))
        .service(at("/sources", seen().to(sources::<Q>), "GET, HEAD"))
        .service(at("/registries", seen().to(registries::<Q>), "GET, HEAD"))
        .service(at("/brake", seen().to(brake::show::<Q>), "GET, HEAD"))
        .service(at("/brake/resume", web::post().to(brake::resume::<Q>), "POST"))
        .service(at("/deliveries", seen().to(deliveries::list::<Q>), "GET, HEAD"))
        .service(at("/deliveries/retry", web::post().to(deliveries::retry_all::<Q>), "POST"))
        .service(at("/deliveries/open", web::post().to(deliveries::open::<Q>), "POST"))
        .service(at("/deliveries/{id}", seen().to(deliveries::one::<Q>), "GET, HEAD"))
        .service(at("/deliveries/{id}/retry", web::post().to(deliveries::retry::<Q>), "POST"))
        .service(at("/deliveries/{id}/discard", web::post().to(deliveries::discard::<Q>), "POST"))
        .service(at("/look", web::post().to(look::all::<Q>), "POST"))
        .service(at("/workloads", seen().to(workloads::workloads::<Q>), "GET, HEAD"))
        .service(at("/workloads/{namespace}/{kind}/{name}", seen().to(workloads::workload::<Q>), "GET, HEAD"));
}

/// A place that answers one method, and says which to whoever tries another (RFC 9110, 15.5.6).
fn at(path: &str, route: Route, method: &'static str) -> Resource {
    let other = move || async move {
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this is not done here by that method");
        let mut answer = problem.error_response();
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
        answer
    };
    web::resource(path).route(route).default_service(web::to(other))
}

/// Lets pass whoever is known.
async fn of_a_visitor<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let is_known = request.extensions().get::<Visitor>().is_some();
    if !is_known {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in").into());
    }
    next.call(request).await
}

/// What the API is, in `OpenAPI` 3.1.
const OPENAPI: &str = include_str!("openapi.json");

/// Where it says that the API is.
const SERVERS: &str = r#""servers":[{"url":"/api/v1"}]"#;

async fn openapi<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    // The private listener has no path before its own.
    let is_public = request.extensions().get::<Visitor>().is_some();
    let page = api.home.page.as_ref().filter(|_| is_public);
    let base = page.map(|page| page.path().trim_end_matches('/')).unwrap_or_default();
    let servers = serde_json::json!([{"url": format!("{base}/api/v1")}]);
    let body = OPENAPI.replace(SERVERS, &format!(r#""servers":{servers}"#));
    answer::tagged(&request, "application/json", body.into())
}

/// Adds what stands in the place of page and API where nobody can sign in: an answer that says how to enable them. Also for a
/// scope of a path that all our addresses begin with.
pub fn off_routes(config: &mut ServiceConfig) {
    for path in ["/api/v1/{rest:.*}", KEEL_APPROVALS] {
        config.route(path, web::to(off));
    }
    // What is sent there is a webhook at a wrong path.
    for path in ["", "/"] {
        config.route(path, seen().to(off));
    }
}

/// What strangers are told who look for a page or the API at the public listener.
async fn off() -> Result<HttpResponse, Problem> {
    let detail =
        "the page and its API are off: no sign-in is configured (auth.mode, docs/sign-in.md); webhooks and links work";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// How the sources do.
async fn sources<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    answer(
        &request,
        &SourcesView { schema: "image-watcher/sources/v1", poll: (api.poll)().await, items: (api.sources)() },
    )
}

/// What is left of each registry's budget.
async fn registries<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    answer(&request, &RegistriesView { schema: "image-watcher/registries/v1", items: (api.registries)() })
}

async fn nothing() -> Result<HttpResponse, Problem> {
    Err(Problem::NOTHING)
}

/// Without sign-in, what is known of workloads is for who has a foot in the pod.
async fn not_from_there() -> Result<HttpResponse, Problem> {
    let detail = "without sign-in this is answered to the pod itself alone: kubectl port-forward deploy/image-watcher 9090, \
                  then http://localhost:9090; health and metrics are open";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}
