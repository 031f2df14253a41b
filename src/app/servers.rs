//! The two listeners: the public one for webhooks and links, the private one for health and numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory as _, Service as _, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_service,
    map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, RequestHead, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, guard};
use anyhow::Context as _;
use tokio::net::TcpStream;

use super::api::{self, Api};
use super::bind::bind;
use super::pulse::Pulse;
use crate::ambient::Ambient;
use crate::approvals::{self, Approvals};
use crate::cluster::{KubeCluster, Scope, ScopeState, Scopes};
use crate::config::listen::Listen;
use crate::intake::{self, Announcements, Intake};
use crate::listener::{Connection, Door, Meter, Places, Problem};
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
/// Of the two workers of the public listener.
const PUBLIC: Places = Places { waiting: 384, known: 192 };
/// Of the one of the private listener, where nobody shows a credential.
const PRIVATE: Places = Places { waiting: 256, known: 0 };

type Links = Approvals<SqliteQueue, HttpRegistry, KubeCluster>;

/// The public listener.
pub(super) fn public(listen: &Listen, intake: Intake<SqliteQueue>, approvals: Links) -> anyhow::Result<Server> {
    let listener = bind(listen)?;
    let base_path = approvals.base_path.clone();
    let (intake, approvals) = (Data::new(intake), Data::new(approvals));
    let app = move || {
        let links = approvals::routes::<SqliteQueue, HttpRegistry, KubeCluster>;
        let app = App::new().app_data(intake.clone()).app_data(approvals.clone());
        let app = app.configure(intake::routes::<SqliteQueue>).configure(links).configure(|config| {
            if !base_path.is_empty() {
                config.service(web::scope(&base_path).configure(links));
            }
        });
        app.route("/", web::get().to(no_page))
            .route("/api/v1/{rest:.*}", web::to(no_page))
            .default_service(web::to(intake::elsewhere::<SqliteQueue>))
            .into_factory()
    };
    serve(listener, 2, PUBLIC, app).context("the public listener can't be used")
}

/// Serves an app behind a door of its own, which is what strangers find first.
fn serve<F, A, B>(listener: TcpListener, workers: usize, places: Places, app: F) -> std::io::Result<Server>
where
    F: Fn() -> A + Send + Clone + 'static,
    A: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    A::InitError: std::fmt::Debug,
    B: MessageBody + 'static,
{
    // Who was idle for as long as anybody may be can still begin a request, and has as long as others for its head.
    let door = Door::new(places, KEEP_ALIVE + HEAD_DEADLINE);
    let server = ServerBuilder::new()
        .workers(workers)
        .disable_signals()
        .max_concurrent_connections(MOST_CONNECTIONS)
        .shutdown_timeout(FAREWELL);
    let stopping = server.graceful_shutdown_signal();
    let factory = move || {
        let app = apply_fn_factory(app(), |request: Request, app: &A::Service| {
            if let Some(meter) = request.conn_data::<Meter>() {
                meter.asked();
            }
            app.call(request)
        });
        let app = app.map_err(|error| error.error_response());
        let (door, stopping) = (door.clone(), stopping.clone());
        let http = HttpService::build()
            .client_request_timeout(HEAD_DEADLINE)
            .client_disconnect_timeout(LEAVE)
            .keep_alive(KEEP_ALIVE)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|connection: &Connection<TcpStream>, data| {
                data.insert(connection.meter());
            })
            .h1(map_config(app, |()| AppConfig::default()));
        let admit = move |stream: TcpStream| {
            let peer = stream.peer_addr().ok();
            std::future::ready(Ok((door.admit(stream), peer)))
        };
        fn_service(admit).and_then(http)
    };
    Ok(server.listen("http", listener, factory)?.run())
}

/// What the private listener tells.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) queue: SqliteQueue,
    pub(super) scopes: Scopes,
    pub(super) pulse: Pulse,
    pub(super) metrics: Metrics,
    pub(super) ambient: Ambient,
    pub(super) announcements: Arc<Announcements>,
}

/// The private listener.
pub(super) fn private(listen: &Listen, health: Health, api: Api) -> anyhow::Result<Server> {
    let listener = bind(listen)?;
    let bound = listener.local_addr().context("the private listener has no address")?.ip();
    let (health, api) = (Data::new(health), Data::new(api));
    let app = move || {
        App::new()
            .app_data(health.clone())
            .app_data(api.clone())
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/healthz", web::get().to(readyz))
            .route("/metrics", web::get().to(numbers))
            .service(
                web::scope("/api/v1")
                    .guard(guard::fn_guard(move |request| is_from_here(request.head(), bound)))
                    .route("/health", web::get().to(super::health::health))
                    .route("/sources", web::get().to(sources))
                    .route("/workloads", web::get().to(api::workloads))
                    .route("/workloads/{namespace}/{kind}/{name}", web::get().to(api::workload))
                    .default_service(web::to(nothing)),
            )
            .route("/api/v1/{rest:.*}", web::to(not_from_there))
            .default_service(web::to(nothing))
            .into_factory()
    };
    serve(listener, 1, PRIVATE, app).context("the private listener can't be used")
}

async fn nothing() -> Result<HttpResponse, Problem> {
    Err(Problem::NOTHING)
}

async fn no_page() -> Result<HttpResponse, Problem> {
    let detail = "the page and its API are off: no sign-in is configured (auth.mode); webhooks and links work";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// Without sign-in, what is known of workloads is for who has a foot in the pod.
async fn not_from_there() -> Result<HttpResponse, Problem> {
    let detail = "without sign-in this is answered to the pod itself alone: kubectl port-forward deploy/image-watcher 9090, \
                  then http://localhost:9090; health and metrics are open";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// Whether a request was made in the pod, as through `kubectl port-forward`: from loopback, or from the one address that
/// is listened on. One that a proxy beside us passes on was not, nor was one that a page elsewhere makes a browser send
/// to a name of its own.
fn is_from_here(head: &RequestHead, bound: IpAddr) -> bool {
    let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), bound.to_canonical()];
    let is_own = |address: IpAddr| own.contains(&address.to_canonical());
    let is_near = head.peer_addr.is_some_and(|peer| is_own(peer.ip()));
    let marks = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let is_passed_on = marks.iter().any(|name| head.headers.contains_key(*name));
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rfind(':').filter(|at| host.bytes().skip(at + 1).all(|byte| byte.is_ascii_digit()));
    let name = host.get(..port.unwrap_or(host.len())).unwrap_or_default().trim_matches(['[', ']']);
    is_near && !is_passed_on && (name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_own))
}

/// Whether a restart would help: the runtime and the queue's writer answer.
async fn livez(health: Data<Health>) -> HttpResponse {
    match health.pulse.silent() {
        None => HttpResponse::Ok().body("ok\n"),
        Some(part) => HttpResponse::ServiceUnavailable().body(format!("{} does not answer\n", part.as_str())),
    }
}

/// Whether there is something to work on. `?verbose` lists every scope, as the API server's own probes do.
async fn readyz(health: Data<Health>, request: HttpRequest) -> HttpResponse {
    let ready = health.scopes.is_ready();
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if ready && !request.query_string().split('&').any(|word| word.split('=').next() == Some("verbose")) {
        return answer.body("ok\n");
    }
    let line = |(scope, state): (Scope, ScopeState)| {
        let sign = if state.is_listed() { '+' } else { '-' };
        format!("[{sign}]watch of {scope}: {state}\n")
    };
    let mut lines: String = health.scopes.states().into_iter().map(line).collect();
    lines.push_str(&health.queue_line().await);
    let verdict = if ready { "ready" } else { "not ready: no workload can be watched yet" };
    answer.content_type("text/plain; charset=utf-8").body(format!("{lines}{verdict}\n"))
}

/// How the sources do.
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
    /// How the queue does. A start or a stop of the pod would mend nothing, so readiness does not hang on it.
    async fn queue_line(&self) -> String {
        match tokio::time::timeout(Duration::from_secs(1), self.queue.depth()).await {
            Ok(Ok(depth)) => format!("[{}]queue: {}\n", if depth.failing.is_none() { '+' } else { '-' }, depth.words()),
            Ok(Err(error)) => format!("[-]queue: {}\n", crate::telemetry::chain(&error)),
            Err(_) => "[-]queue: its writer does not answer\n".to_owned(),
        }
    }

    fn show(&self, depth: &Depth) {
        self.metrics.queue_jobs.clear();
        for (state, topics) in [("ready", &depth.ready), ("dead", &depth.dead), ("suspect", &depth.suspect)] {
            for (topic, count) in topics {
                let labels = QueueState { topic: topic.clone(), state: state.into() };
                self.metrics.queue_jobs.get_or_create(&labels).set(i64::try_from(*count).unwrap_or(i64::MAX));
            }
        }
        let age = depth.oldest.map_or(0, |oldest| (self.ambient.now() - oldest).num_seconds().max(0));
        self.metrics.queue_oldest.set(age);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_is_in_the_pod_is_from_here() {
        let cases = [
            ("127.0.0.1:5", "localhost:9090", None, true),
            ("127.0.0.1:5", "LOCALHOST", None, true),
            ("127.0.0.1:5", "127.0.0.1:9090", None, true),
            ("[::1]:5", "[::1]:9090", None, true),
            ("[::1]:5", "[::1]", None, true),
            ("[::ffff:127.0.0.1]:5", "localhost:19090", None, true),
            ("10.1.2.3:5", "localhost:9090", None, false),
            ("[2001:db8::1]:5", "localhost:9090", None, false),
            // Where a service mesh's proxy calls from.
            ("127.0.0.6:5", "localhost:9090", None, false),
            ("127.0.0.1:5", "localhost:9090", Some("x-forwarded-for"), false),
            ("127.0.0.1:5", "localhost:9090", Some("forwarded"), false),
            ("127.0.0.1:5", "localhost:9090", Some("via"), false),
            ("127.0.0.1:5", "rebound.example:9090", None, false),
            ("127.0.0.1:5", "localhost.example", None, false),
            ("127.0.0.1:5", "", None, false),
        ];
        for (peer, host, passed_on, expected) in cases {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap()).insert_header((header::HOST, host));
            let request =
                passed_on.into_iter().fold(request, |request, name| request.insert_header((name, "127.0.0.1")));
            let everywhere = IpAddr::from([0, 0, 0, 0]);
            let request = request.to_http_request();
            assert_eq!(is_from_here(request.head(), everywhere), expected, "{peer} {host} {passed_on:?}");
        }
        let own = TestRequest::default().peer_addr("10.1.2.3:5".parse().unwrap());
        let own = own.insert_header((header::HOST, "10.1.2.3:9090")).to_http_request();
        assert!(is_from_here(own.head(), [10, 1, 2, 3].into()) && !is_from_here(own.head(), [10, 1, 2, 4].into()));
    }
}
