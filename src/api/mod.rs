//! 12 of 13 · in: HTTP request · out: JSON, probes, metrics
//!
//! The private listener: what is known of workloads and of the service itself. A look may be asked for, which comes to
//! what it would come to by the schedule, automatic updates may be resumed, and messages that were given up may be sent again
//! or thrown away; nothing else here changes anything.

mod brake;
mod census;
mod deliveries;
mod health;
mod look;
mod near;
mod probes;
mod pulse;
mod workloads;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, guard};
use futures_util::future::BoxFuture;

pub use census::Census;
pub use health::Condition;
pub use pulse::{Part, Pulse};

use crate::ambient::Ambient;
use crate::cluster::{Index, Scopes};
use crate::domain::actor::Actor;
use crate::domain::approval::{Approval, LinkKeys};
use crate::domain::fleet::{Brake, Release, Waits};
use crate::domain::release::ReleaseNotes;
use crate::domain::settings::Bounds;
use crate::domain::workload::Workload;
use crate::listener::Problem;
use crate::queue::{Letters, QueueAdmin, QueueError};
use crate::telemetry::metrics::Metrics;

/// Finds the notes of an update that is asked about.
pub type FindNotes = Arc<dyn Fn(&Arc<Workload>, &Approval) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;
/// How each source of webhooks, or each registry, does, as JSON.
pub type Report = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Which containers wait for other workloads, by uid and name, and for what.
pub type Waiting = Arc<dyn Fn() -> HashMap<(Box<str>, Box<str>), Waits> + Send + Sync>;
/// How the brake stands.
pub type ReadBrake = Arc<dyn Fn() -> BoxFuture<'static, Brake> + Send + Sync>;
/// Releases the brake, in the name of somebody and with a trace; nothing where it is not on.
pub type ResumeUpdates =
    Arc<dyn Fn(Actor, String) -> BoxFuture<'static, Result<Option<Release>, QueueError>> + Send + Sync>;

/// What the routes are given.
#[derive(Clone)]
pub struct Api<Q> {
    /// What waits, and what does not get done.
    pub queue: Q,
    /// The watched workloads.
    pub index: Index,
    /// What is watched.
    pub scopes: Scopes,
    /// What an update changes, as far as it is known in time.
    pub notes: FindNotes,
    /// How the sources do.
    pub sources: Report,
    /// What is left of each registry's budget, and how it answers.
    pub registries: Report,
    /// Which containers wait for other workloads.
    pub waiting: Waiting,
    /// Whether automatic updates are stopped.
    pub brake: ReadBrake,
    /// Resumes them.
    pub resume: ResumeUpdates,
    /// What settings of workloads are read under.
    pub bounds: Bounds,
    /// What records are signed by.
    pub keys: LinkKeys,
    /// Whether the process is alive.
    pub pulse: Pulse,
    /// The numbers.
    pub metrics: Metrics,
    /// The workloads, as they were counted last.
    pub census: Census,
    /// Clock and chance.
    pub ambient: Ambient,
}

impl<Q> std::fmt::Debug for Api<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

/// Adds the routes of this stage. What is known of workloads is answered only where the request was made in the pod, as
/// there is no sign-in; `bound` is the address that is listened on.
pub fn routes<Q: Letters>(config: &mut ServiceConfig, bound: IpAddr) {
    config
        .route("/livez", web::get().to(probes::livez::<Q>))
        .route("/readyz", web::get().to(probes::readyz::<Q>))
        .route("/healthz", web::get().to(probes::readyz::<Q>))
        .route("/metrics", web::get().to(probes::numbers::<Q>))
        .service(
            web::scope("/api/v1")
                .guard(guard::fn_guard(move |request| near::is_from_here(request.head(), bound)))
                .route("/health", web::get().to(health::health::<Q>))
                .route("/sources", web::get().to(sources::<Q>))
                .route("/brake", web::get().to(brake::show::<Q>))
                .route("/brake/resume", web::post().to(brake::resume::<Q>))
                .route("/deliveries", web::get().to(deliveries::list::<Q>))
                .route("/deliveries/retry", web::post().to(deliveries::retry_all::<Q>))
                .route("/deliveries/{id}", web::get().to(deliveries::one::<Q>))
                .route("/deliveries/{id}/retry", web::post().to(deliveries::retry::<Q>))
                .route("/deliveries/{id}/discard", web::post().to(deliveries::discard::<Q>))
                .route("/look", web::post().to(look::all::<Q>))
                .route("/registries", web::get().to(registries::<Q>))
                .route("/workloads", web::get().to(workloads::workloads::<Q>))
                .route("/workloads/{namespace}/{kind}/{name}", web::get().to(workloads::workload::<Q>))
                .route("/workloads/{namespace}/{kind}/{name}/look", web::post().to(look::one::<Q>))
                .default_service(web::to(nothing)),
        )
        .route("/api/v1/{rest:.*}", web::to(not_from_there))
        .default_service(web::to(nothing));
}

/// What strangers are told who look for a page or the API at the public listener.
///
/// # Errors
/// Always.
pub async fn off() -> Result<HttpResponse, Problem> {
    let detail = "the page and its API are off: no sign-in is configured (auth.mode); webhooks and links work";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// How the sources do.
async fn sources<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    let document = serde_json::json!({"schema": "image-watcher/sources/v1", "items": (api.sources)()});
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
}

/// What is left of each registry's budget.
async fn registries<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    let document = serde_json::json!({"schema": "image-watcher/registries/v1", "items": (api.registries)()});
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
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
