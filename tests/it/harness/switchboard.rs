//! Hands each notification of the one registry to the image-watcher of the test that owns the repository.
//!
//! The registry has a single list of endpoints and sends in order, so one test's dead image-watcher would
//! hold up all others. Unless a test asks for the registry's own retries ([`Delivery::Strict`]), the
//! switchboard takes every envelope at once and keeps trying by itself, in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::serve::{Answer, Received, Server};

/// Between two attempts to deliver.
const RETRY: Duration = Duration::from_millis(100);

/// How long a target may take; the registry's own timeout is longer.
const TIMEOUT: Duration = Duration::from_millis(900);

/// What happens to the envelopes of a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Taken at once; the switchboard tries until they are delivered. From the first [`Switchboard::connect`]
    /// on: what was pushed before is as if the registry had told nobody.
    #[default]
    Kept,
    /// The target's own answer goes back to the registry, 502 when there is none. Holds up other tests
    /// while the target is down: for short outages only.
    Strict,
    /// Lost on the way: taken and thrown away.
    Lost,
}

/// One a run.
pub(crate) struct Switchboard {
    server: Server,
    lines: Lines,
    runtime: tokio::runtime::Handle,
    http: reqwest::Client,
}

type Lines = Arc<Mutex<HashMap<String, Line>>>;

struct Line {
    target: watch::Sender<Option<String>>,
    delivery: Delivery,
    kept: mpsc::UnboundedSender<Received>,
    received: Vec<Received>,
}

impl Switchboard {
    /// Must be called on a runtime that outlives all tests.
    pub(crate) fn start() -> Self {
        let lines = Lines::default();
        let http = super::http_client();
        let (table, client) = (Arc::clone(&lines), http.clone());
        let server = Server::start(Arc::new(move |envelope| {
            let route = route(&table, &envelope);
            let client = client.clone();
            Box::pin(async move {
                match route {
                    Route::Now(target) => Answer::status(forward(&client, &target, &envelope).await),
                    Route::Nowhere => Answer::status(502),
                    Route::Taken => Answer::status(200),
                }
            })
        }));
        Self { server, lines, runtime: tokio::runtime::Handle::current(), http }
    }

    /// Where the registry sends to.
    pub(crate) fn url(&self) -> String {
        self.server.url("/registry")
    }

    /// Envelopes about repositories under `prefix` go to `target` from now on.
    pub(crate) fn connect(&self, prefix: &str, target: &str) {
        self.line(prefix, |line| drop(line.target.send_replace(Some(target.into()))));
    }

    /// How envelopes about repositories under `prefix` are treated.
    pub(crate) fn deliver(&self, prefix: &str, delivery: Delivery) {
        self.line(prefix, |line| line.delivery = delivery);
    }

    /// The envelopes about repositories under `prefix` so far: each attempt of the registry counts.
    pub(crate) fn received(&self, prefix: &str) -> Vec<Received> {
        self.line(prefix, |line| line.received.clone())
    }

    /// Forgets a test: what comes for it from now on is thrown away.
    pub(super) fn close(&self, prefix: &str) {
        self.lines.lock().expect("lines").remove(prefix);
    }

    fn line<T>(&self, prefix: &str, act: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines = self.lines.lock().expect("lines");
        act(lines.entry(prefix.into()).or_insert_with(|| self.open()))
    }

    fn open(&self) -> Line {
        let (kept, mut inbox) = mpsc::unbounded_channel::<Received>();
        let (target, targets) = watch::channel(None::<String>);
        let http = self.http.clone();
        self.runtime.spawn(async move {
            while let Some(envelope) = inbox.recv().await {
                loop {
                    let target = targets.borrow().clone();
                    match target {
                        // Its test is over.
                        _ if inbox.is_closed() => return,
                        Some(target) if (200..300).contains(&forward(&http, &target, &envelope).await) => break,
                        _ => tokio::time::sleep(RETRY).await,
                    }
                }
            }
        });
        Line { target, delivery: Delivery::default(), kept, received: Vec::new() }
    }
}

enum Route {
    /// The registry waits for what this target says.
    Now(String),
    /// The registry waits, and there is no target.
    Nowhere,
    /// The registry is done with it.
    Taken,
}

/// Records an envelope, and queues it unless its target is to be asked at once.
fn route(lines: &Lines, envelope: &Received) -> Route {
    let body: Value = serde_json::from_slice(&envelope.body).unwrap_or_default();
    let repository = body["events"][0]["target"]["repository"].as_str().unwrap_or_default();
    let prefix = repository.split('/').next().unwrap_or_default();
    let mut lines = lines.lock().expect("lines");
    let Some(line) = lines.get_mut(prefix) else { return Route::Taken };
    line.received.push(envelope.clone());
    let target = line.target.borrow().clone();
    match line.delivery {
        Delivery::Strict => target.map_or(Route::Nowhere, Route::Now),
        Delivery::Kept => {
            if target.is_some() {
                let _ = line.kept.send(envelope.clone());
            }
            Route::Taken
        }
        Delivery::Lost => Route::Taken,
    }
}

/// The status that the target answers, or 502.
async fn forward(http: &reqwest::Client, target: &str, envelope: &Received) -> u16 {
    let passed = ["content-type", "authorization", "user-agent"];
    let headers = envelope.headers.iter().filter(|(name, _)| passed.contains(&name.as_str()));
    let request = http.post(target).timeout(TIMEOUT).body(envelope.body.clone());
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    request.send().await.map_or(502, |response| response.status().as_u16())
}
