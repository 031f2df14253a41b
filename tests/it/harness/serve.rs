//! A real HTTP server on a free loopback port, with one function behind every route.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// The largest body taken.
const LARGEST_BODY: usize = 32 << 20;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The raw bytes.
    pub(crate) body: Vec<u8>,
    pub(crate) at: SystemTime,
}

/// What to answer; 200 and nothing else by default.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    hang: bool,
}

/// What answers.
pub(crate) type Handler = Arc<dyn Fn(Received) -> Pin<Box<dyn Future<Output = Answer>>> + Send + Sync>;

/// A running server; stopped when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    handle: ServerHandle,
}

impl Received {
    /// The first header of that name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::status(200)
    }
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO, hang: false }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Answers that much later.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Takes the request and never answers.
    pub(crate) fn never() -> Self {
        Self { hang: true, ..Self::status(200) }
    }
}

impl Server {
    /// Must be called on a runtime; the server ends with it.
    pub(crate) fn start(handler: Handler) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let app = move || {
            App::new()
                .app_data(web::Data::new(Arc::clone(&handler)))
                .app_data(web::PayloadConfig::new(LARGEST_BODY))
                .default_service(web::to(answer))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).expect("a listener").run();
        let handle = server.handle();
        tokio::runtime::Handle::current().spawn(server);
        Self { port, handle }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn answer(request: HttpRequest, body: web::Bytes, handler: web::Data<Handler>) -> HttpResponse {
    let headers = request.headers().iter();
    let received = Received {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: headers.map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
        body: body.to_vec(),
        at: SystemTime::now(),
    };
    let answer = handler(received).await;
    if answer.hang {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(answer.delay).await;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).expect("a status"));
    for (name, value) in answer.headers {
        response.append_header((name, value));
    }
    response.body(answer.body)
}
