//! The watch streams of pods: one for each namespace in which something is followed, for as long as it is.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use kube::api::Api;
use kube::runtime::watcher;
use tokio::sync::mpsc;

use super::object::Object;
use super::table::{LINGER, Table};
use crate::ambient::Ambient;
use crate::cluster::index::Hints;
use crate::domain::retry::Backoff;
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// A list that brings nothing for so long gets no answer.
const UNANSWERED: Duration = Duration::from_secs(20);
/// After an error a stream has so long to bring something, before it is begun afresh.
const QUIET: Duration = Duration::from_secs(15);
/// After so many failures in a row what was known is not believed any more.
const MOST_FAILURES: u32 = 3;

/// What the streams are given.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) client: kube::Client,
    pub(super) table: Table,
    pub(super) ambient: Ambient,
    pub(super) metrics: Metrics,
    pub(super) hints: mpsc::Sender<Hints>,
}

impl Streams {
    /// Watches whatever is to be watched, until `stop` is raised.
    pub(super) async fn run(self, mut stop: Stop) {
        let mut streams = FuturesUnordered::new();
        loop {
            streams.extend(self.table.to_watch().into_iter().map(|namespace| self.clone().namespace(namespace)));
            tokio::select! {
                () = stop.raised() => return,
                () = self.table.changed() => {}
                Some(namespace) = streams.next(), if !streams.is_empty() => self.table.ended(&namespace),
            }
        }
    }

    /// Watches a namespace for as long as something is followed in it.
    async fn namespace(self, namespace: Box<str>) -> Box<str> {
        {
            let mut stream = Stream { streams: &self, namespace: &namespace, paged: false, listed: false, failures: 0 };
            tokio::select! {
                () = stream.run() => {}
                () = self.unwanted(&namespace) => {}
            }
        }
        self.metrics.watch(&namespace, "pods", None);
        namespace
    }

    async fn unwanted(&self, namespace: &str) {
        while self.table.is_wanted(namespace, self.ambient.monotonic()) {
            tokio::time::sleep(LINGER / 4).await;
        }
    }
}

struct Stream<'s> {
    streams: &'s Streams,
    namespace: &'s str,
    /// API servers before 1.32 may not know streaming lists.
    paged: bool,
    listed: bool,
    failures: u32,
}

impl Stream<'_> {
    async fn run(&mut self) {
        loop {
            let Some(wait) = self.follow().await else { return };
            tokio::time::sleep(wait).await;
        }
    }

    /// Follows one stream until it has to be begun afresh, and says after which time; `None` when nobody takes hints.
    async fn follow(&mut self) -> Option<Duration> {
        let pods: Api<Object> = Api::namespaced(self.streams.client.clone(), self.namespace);
        let config = watcher::Config::default();
        let config = if self.paged { config.page_size(500) } else { config.streaming_lists() };
        let mut events = Box::pin(watcher::watcher(pods, config));
        self.listed = false;
        loop {
            let event = match self.patience() {
                None => events.next().await,
                Some(patience) => match tokio::time::timeout(patience, events.next()).await {
                    Ok(event) => event,
                    Err(_) if self.listed => return Some(Duration::ZERO),
                    Err(_) => return Some(self.failed("the API server gives no answer")),
                },
            };
            match event {
                Some(Ok(event)) => {
                    let hints = self.take(event);
                    if !hints.is_empty() && self.streams.hints.send(hints).await.is_err() {
                        return None;
                    }
                }
                Some(Err(error)) => {
                    let refused = crate::cluster::refusal::refusal(&error);
                    match refused.map(|status| status.code) {
                        Some(400 | 422) if !self.paged => {
                            self.paged = true;
                            return Some(Duration::ZERO);
                        }
                        Some(403) => return Some(self.refused(refused.map_or("", |status| &status.message))),
                        // What is too old in the middle is listed anew by the library.
                        _ => tokio::time::sleep(self.failed(&crate::telemetry::chain(&error).to_string())).await,
                    }
                }
                None => return Some(Duration::from_secs(1)),
            }
        }
    }

    /// How long the next event may take: for ever, where all is well.
    fn patience(&self) -> Option<Duration> {
        match (self.listed, self.failures) {
            (false, _) => Some(UNANSWERED),
            (true, 0) => None,
            (true, _) => Some(QUIET),
        }
    }

    fn take(&mut self, event: watcher::Event<Object>) -> Hints {
        let table = &self.streams.table;
        let hints = match event {
            watcher::Event::Init => {
                self.listed = false;
                table.begin(self.namespace);
                return Hints::new();
            }
            watcher::Event::InitApply(object) => {
                table.list(self.namespace, &object);
                return Hints::new();
            }
            watcher::Event::InitDone => {
                self.listed = true;
                table.listed(self.namespace)
            }
            watcher::Event::Apply(object) => table.observe(self.namespace, &object),
            watcher::Event::Delete(object) => {
                table.remove(self.namespace, &object);
                Hints::new()
            }
        };
        self.failures = 0;
        self.tell(true);
        hints
    }

    fn tell(&self, up: bool) {
        self.streams.metrics.watch(self.namespace, "pods", Some(up));
    }

    /// How long to wait after so many failures.
    fn wait(&self, longest: i64) -> Duration {
        let ambient = &self.streams.ambient;
        let now = ambient.now();
        let at = Backoff::seconds(1, longest, 2).next(self.failures, None, now, ambient.jitter());
        (at - now).to_std().unwrap_or_default()
    }

    /// Says so where it lasts, and how long to wait.
    fn failed(&mut self, error: &str) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if self.failures == MOST_FAILURES {
            self.streams.table.unknown(self.namespace);
            let namespace = self.namespace;
            tracing::warn!(
                namespace,
                error,
                "pods can't be watched now, so updates are judged by their workloads alone"
            );
        }
        self.tell(false);
        self.wait(30)
    }

    /// Without the right the workload alone is judged. That the right is missing is told with all others.
    fn refused(&mut self, message: &str) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.streams.table.unknown(self.namespace);
        if self.failures == 1 {
            tracing::warn!(
                namespace = self.namespace,
                error = message,
                "we may not watch pods here, so updates are judged by their workloads alone: that a new pod can't start is seen when the workload's own deadline has passed; grant it to the ServiceAccount of this pod, by rbac.scope and rbac.namespaces of the chart or by the Role of deploy/namespace"
            );
        }
        self.tell(false);
        self.wait(300)
    }
}
