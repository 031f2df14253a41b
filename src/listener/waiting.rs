//! Answers whoever comes while the service waits for what it can't do without.

use actix_server::ServerHandle;
use actix_service::IntoServiceFactory as _;
use actix_web::HttpResponse;
use actix_web::web::{self, Data};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{BindError, Listen, Places, Problem, bind, seen, serve};

/// Of people and registries alike.
const LATER: Problem = Problem::later("the service waits for what keeps its queue; come again in a moment");

/// Why nobody can be answered meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum WaitingRoomError {
    /// It can't be listened there.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What is listened on can't be watched.
    #[error("a listener can't be used")]
    Serve(#[from] std::io::Error),
}

/// The two listeners of a service that is not ready: it lives, says what it waits for, and sends everybody else away for a
/// moment.
#[derive(Debug)]
pub struct WaitingRoom {
    why: watch::Sender<String>,
    servers: JoinSet<()>,
    handles: Vec<ServerHandle>,
}

impl WaitingRoom {
    /// Listens where the service will, and says why it is not ready.
    ///
    /// # Errors
    /// [`WaitingRoomError`]
    pub fn open(public: (&Listen, Places), private: (&Listen, Places), why: String) -> Result<Self, WaitingRoomError> {
        let (why, known) = watch::channel(why);
        let mut room = Self { why, servers: JoinSet::new(), handles: Vec::new() };
        room.listen(public, |routes| {
            routes.default_service(web::to(later));
        })?;
        let known = Data::new(known);
        room.listen(private, move |routes| {
            routes
                .app_data(known.clone())
                .route("/livez", seen().to(lives))
                .route("/readyz", seen().to(is_not_ready))
                .route("/healthz", seen().to(is_not_ready))
                .default_service(web::to(later));
        })?;
        Ok(room)
    }

    fn listen(
        &mut self,
        (listen, places): (&Listen, Places),
        routes: impl Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
    ) -> Result<(), WaitingRoomError> {
        let app = move || actix_web::App::new().configure(routes.clone()).into_factory();
        let server = serve(bind(listen)?, 1, places, app)?;
        self.handles.push(server.handle());
        self.servers.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "a listener failed while the queue was waited for");
            }
        });
        Ok(())
    }

    /// From now on it is waited for another reason.
    pub fn say(&self, why: String) {
        self.why.send_replace(why);
    }

    /// Nobody is answered any more, and whoever listens next can do so at the same place.
    pub async fn close(mut self) {
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
