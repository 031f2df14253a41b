//! The two listeners: the public one for webhooks and links, the private one for health and numbers.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use tokio::net::TcpStream;

use super::Readiness;
use super::api::{self, Api};
use crate::ambient::Ambient;
use crate::approvals::{self, Approvals};
use crate::cluster::KubeCluster;
use crate::intake::{self, Announcements, Intake};
use crate::listener::{Connection, Door, Problem};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{Depth, Queue as _};
use crate::registry::HttpRegistry;
use crate::telemetry::metrics::{Metrics, QueueState};

/// A request's head has to be there by then.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
/// What a sender who was answered may still send is read and dropped for so long.
const LEAVE: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Whoever is being answered at a stop has so long, in seconds.
const FAREWELL: u64 = 10;
/// Connections of one worker thread; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 320;
/// Connections of the public listener whose senders are not known; of more, the oldest has to go.
const MOST_UNKNOWN: usize = 384;

type Links = Approvals<SqliteQueue, HttpRegistry, KubeCluster>;

/// The public listener.
pub(super) fn public(address: &(String, u16), intake: Intake<SqliteQueue>, approvals: Links) -> anyhow::Result<Server> {
    let listener = bind(address)?;
    let base_path = approvals.base_path.clone();
    let (intake, approvals, door) = (Data::new(intake), Data::new(approvals), Door::new(MOST_UNKNOWN));
    let server = ServerBuilder::new()
        .workers(2)
        .disable_signals()
        .max_concurrent_connections(MOST_CONNECTIONS)
        .shutdown_timeout(FAREWELL);
    let stopping = server.graceful_shutdown_signal();
    let factory = move || {
        let links = approvals::routes::<SqliteQueue, HttpRegistry, KubeCluster>;
        let app = App::new().app_data(intake.clone()).app_data(approvals.clone());
        let app = app.configure(intake::routes::<SqliteQueue>).configure(links).configure(|config| {
            if !base_path.is_empty() {
                config.service(web::scope(&base_path).configure(links));
            }
        });
        let app = app
            .route("/", web::get().to(no_page))
            .route("/api/v1/{rest:.*}", web::to(no_page))
            .default_service(web::to(intake::elsewhere::<SqliteQueue>))
            .into_factory()
            .map_err(|error| error.error_response());
        let (door, stopping) = (door.clone(), stopping.clone());
        let http = HttpService::build()
            .client_request_timeout(HEAD_DEADLINE)
            .client_disconnect_timeout(LEAVE)
            .keep_alive(KEEP_ALIVE)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.meter());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let admit = move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            std::future::ready(Ok((door.admit(stream), peer)))
        };
        fn_service(admit).and_then(http)
    };
    Ok(server.listen("public", listener, factory).context("the public listener can't be used")?.run())
}

/// What the private listener tells.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) queue: SqliteQueue,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
    pub(super) ambient: Ambient,
    pub(super) announcements: Arc<Announcements>,
}

/// The private listener.
pub(super) fn private(address: &(String, u16), health: Health, api: Api) -> anyhow::Result<Server> {
    let listener = bind(address)?;
    let (health, api) = (Data::new(health), Data::new(api));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(health.clone())
            .app_data(api.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/healthz", web::get().to(readyz))
            .route("/metrics", web::get().to(numbers))
            .route("/api/v1/sources", web::get().to(sources))
            .route("/api/v1/workloads", web::get().to(api::workloads))
            .route("/api/v1/workloads/{namespace}/{kind}/{name}", web::get().to(api::workload))
            .default_service(web::to(nothing))
    });
    let server = server
        .workers(1)
        .disable_signals()
        .client_request_timeout(HEAD_DEADLINE)
        .client_disconnect_timeout(HEAD_DEADLINE)
        .keep_alive(KEEP_ALIVE)
        .max_connections(MOST_CONNECTIONS)
        .shutdown_timeout(FAREWELL);
    Ok(server.listen(listener).context("the private listener can't be used")?.run())
}

fn bind(address: &(String, u16)) -> anyhow::Result<TcpListener> {
    let (host, port) = address;
    let listener =
        TcpListener::bind((host.as_str(), *port)).with_context(|| format!("{host}:{port} can't be listened on"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn nothing() -> Result<HttpResponse, Problem> {
    Err(Problem::NOTHING)
}

async fn no_page() -> Result<HttpResponse, Problem> {
    let detail = "the page and its API are off: no sign-in is configured (auth.mode); webhooks and links work";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// The process turns; nothing else is asked.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

async fn readyz(health: Data<Health>) -> HttpResponse {
    if !health.readiness.is_synced() {
        return HttpResponse::ServiceUnavailable().body("the watch streams have not had a complete list\n");
    }
    HttpResponse::Ok().body("ok\n")
}

/// How the sources do. Here it needs no sign-in, as this listener is private.
async fn sources(health: Data<Health>) -> HttpResponse {
    let document = serde_json::json!({"schema": "image-watcher/sources/v1", "items": health.announcements.report()});
    HttpResponse::Ok().content_type("application/json").body(document.to_string())
}

async fn numbers(health: Data<Health>) -> HttpResponse {
    if let Ok(Ok(depth)) = tokio::time::timeout(Duration::from_secs(1), health.queue.depth()).await {
        health.show(&depth);
    }
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    HttpResponse::Ok().content_type(content).body(health.metrics.text())
}

impl Health {
    fn show(&self, depth: &Depth) {
        self.metrics.queue_jobs.clear();
        for (state, topics) in [("ready", &depth.ready), ("dead", &depth.dead)] {
            for (topic, count) in topics {
                let labels = QueueState { topic: topic.clone(), state: state.into() };
                self.metrics.queue_jobs.get_or_create(&labels).set(i64::try_from(*count).unwrap_or(i64::MAX));
            }
        }
        let age = depth.oldest.map_or(0, |oldest| (self.ambient.now() - oldest).num_seconds().max(0));
        self.metrics.queue_oldest.set(age);
    }
}
