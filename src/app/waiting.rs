//! Waits for what keeps the queue. Until it is there nothing is watched or done, as nobody would know what was written last;
//! but the process lives and says so, and whoever brings something is told to come again.

use std::future::Future;
use std::time::Duration;

use actix_server::ServerHandle;
use actix_service::IntoServiceFactory as _;
use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{PRIVATE, PUBLIC};
use crate::ambient::Ambient;
use crate::config::Config;
use crate::config::queue::QueueConfig;
use crate::listener::{Listen, Places, Problem, bind, serve};
use crate::outbound::OutboundError;
use crate::queue::StoreHandle;
use crate::queue::nats::{NatsError, NatsSettings};
use crate::telemetry::chain;

/// It is tried again after this time.
const AGAIN: Duration = Duration::from_secs(2);
/// Why it waits is said again after so many tries.
const SAID_AGAIN: u32 = 30;
/// Of people and registries alike.
const LATER: Problem = Problem::later("the service waits for what keeps its queue; come again in a moment");

/// What keeps the queue, and all that is remembered beside it, when it is there; nothing when the process is told to end
/// before.
///
/// # Errors
/// What waiting does not mend: a folder that can't be used, a server that is too old, buckets that are set up otherwise.
pub(super) async fn queue(
    config: &Config,
    ambient: &Ambient,
    ends: impl Future<Output = anyhow::Result<&'static str>>,
) -> anyhow::Result<Option<StoreHandle>> {
    let Some(settings) = settings(config)? else { return Ok(Some(StoreHandle::open(&config.data, ambient)?)) };
    let first = match StoreHandle::nats(settings.clone(), ambient).await {
        Ok(queue) => return Ok(Some(queue)),
        Err(error) if error.passes() => error,
        Err(error) => return Err(error.into()),
    };
    let room = Room::open(config, &first)?;
    let opened = tokio::select! {
        opened = until_there(settings, ambient, (first, &room.why)) => Some(opened),
        signal = ends => {
            tracing::info!(signal = signal?, "image-watcher ends before its queue was there");
            None
        }
    };
    room.close().await;
    Ok(opened.transpose()?)
}

/// Where NATS is, if the queue stands there.
pub(crate) fn settings(config: &Config) -> Result<Option<NatsSettings>, OutboundError> {
    let QueueConfig::Nats(nats) = &config.queue else { return Ok(None) };
    Ok(Some(NatsSettings {
        servers: nats.servers.clone(),
        user: nats.user.clone(),
        password_file: nats.password_file.clone(),
        buckets: nats.buckets.clone(),
        replicas: nats.replicas,
        tls: config.outbound()?.tls(),
    }))
}

async fn until_there(
    settings: NatsSettings,
    ambient: &Ambient,
    (first, why): (NatsError, &watch::Sender<String>),
) -> Result<StoreHandle, NatsError> {
    let mut error = first;
    loop {
        let words = chain(&error).to_string();
        for tried in 0..SAID_AGAIN {
            if tried == 0 {
                tracing::error!(
                    error = words,
                    "the queue is not there: the service waits for it, is not ready, and answers 503"
                );
            }
            tokio::time::sleep(AGAIN).await;
            error = match StoreHandle::nats(settings.clone(), ambient).await {
                Ok(queue) => return Ok(queue),
                Err(error) if error.passes() => error,
                Err(error) => return Err(error),
            };
            let now = chain(&error).to_string();
            if now != words {
                why.send_replace(now);
                break;
            }
        }
    }
}

/// Where whoever comes meanwhile is answered.
struct Room {
    why: watch::Sender<String>,
    servers: JoinSet<()>,
    handles: Vec<ServerHandle>,
}

impl Room {
    fn open(config: &Config, error: &NatsError) -> anyhow::Result<Self> {
        let (why, known) = watch::channel(chain(error).to_string());
        let mut room = Self { why, servers: JoinSet::new(), handles: Vec::new() };
        room.listen(&config.public, (1, PUBLIC), |routes| {
            routes.default_service(web::to(later));
        })?;
        let known = Data::new(known);
        room.listen(&config.private, (1, PRIVATE), move |routes| {
            routes
                .app_data(known.clone())
                .route("/livez", web::get().to(lives))
                .route("/readyz", web::get().to(is_not_ready))
                .route("/healthz", web::get().to(is_not_ready))
                .default_service(web::to(later));
        })?;
        Ok(room)
    }

    fn listen(
        &mut self,
        listen: &Listen,
        (workers, places): (usize, Places),
        routes: impl Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
    ) -> anyhow::Result<()> {
        let app = move || actix_web::App::new().configure(routes.clone()).into_factory();
        let server = serve(bind(listen)?, workers, places, app)?;
        self.handles.push(server.handle());
        self.servers.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener failed while the queue was waited for");
            }
        });
        Ok(())
    }

    /// Nobody is answered any more, and whoever listens next can do so at the same place.
    async fn close(mut self) {
        for handle in &self.handles {
            handle.stop(true).await;
        }
        while self.servers.join_next().await.is_some() {}
    }
}

async fn later() -> Result<HttpResponse, Problem> {
    Err(LATER)
}

async fn lives() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

async fn is_not_ready(why: Data<watch::Receiver<String>>) -> HttpResponse {
    let why = why.borrow().clone();
    let body = format!("[-]queue: {why}\nnot ready: what keeps the queue is not there yet\n");
    HttpResponse::ServiceUnavailable().content_type("text/plain; charset=utf-8").body(body)
}
