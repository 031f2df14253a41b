//! Watch streams into the index: one for each kind and namespace.
//!
//! A list is taken whole or not at all: the index keeps what it has until the new one is complete.

use std::time::Duration;

use futures_util::StreamExt as _;
use kube::api::Api;
use kube::runtime::watcher;
use tokio::sync::mpsc;

use super::index::{Hints, Index};
use super::observed::{Deployment, Observed, StatefulSet};
use crate::ambient::Ambient;
use crate::domain::retry::Backoff;
use crate::domain::workload::{Kind, Workload};
use crate::stop::Stop;
use crate::telemetry::metrics::{KindLabel, Metrics, Resource as Label};

/// What a stream is given.
#[derive(Clone)]
pub struct Watching {
    /// The cluster.
    pub client: kube::Client,
    /// What it fills.
    pub index: Index,
    /// One namespace, or all.
    pub namespace: Option<String>,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where it counts.
    pub metrics: Metrics,
}

/// Watches one kind in one scope until `stop` is raised.
///
/// `synced` is called when a list is complete; `hints` takes repositories to look at, and a full channel holds the
/// stream back.
pub async fn watch(kind: Kind, watching: Watching, stop: Stop, synced: impl Fn() + Send, hints: mpsc::Sender<Hints>) {
    match kind {
        Kind::Deployment => Stream::<Deployment>::new(watching).run(stop, synced, hints).await,
        Kind::StatefulSet => Stream::<StatefulSet>::new(watching).run(stop, synced, hints).await,
    }
}

struct Stream<K> {
    watching: Watching,
    /// Records of a list that is not complete.
    listing: Vec<Workload>,
    /// API servers before 1.32 may not know streaming lists.
    paged: bool,
    failures: u32,
    kind: std::marker::PhantomData<K>,
}

impl<K: Observed> Stream<K> {
    fn new(watching: Watching) -> Self {
        Self { watching, listing: Vec::new(), paged: false, failures: 0, kind: std::marker::PhantomData }
    }

    async fn run(mut self, mut stop: Stop, synced: impl Fn(), hints: mpsc::Sender<Hints>) {
        while !stop.is_raised() {
            let mut events = Box::pin(watcher::watcher(self.api(), self.config()));
            let wait = loop {
                let event = tokio::select! {
                    () = stop.raised() => return,
                    event = events.next() => event,
                };
                match event {
                    Some(Ok(event)) => {
                        let found = self.take(event, &synced);
                        if !found.is_empty() && hints.send(found).await.is_err() {
                            return;
                        }
                    }
                    Some(Err(error)) => {
                        if self.refuses_streaming(&error) {
                            break Duration::ZERO;
                        }
                        let wait = self.failed(&error);
                        tokio::select! {
                            () = stop.raised() => return,
                            () = tokio::time::sleep(wait) => {}
                        }
                    }
                    None => break Duration::from_secs(1),
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    fn api(&self) -> Api<K> {
        let client = self.watching.client.clone();
        match &self.watching.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        }
    }

    fn config(&self) -> watcher::Config {
        if self.paged {
            watcher::Config::default().page_size(500)
        } else {
            watcher::Config::default().streaming_lists()
        }
    }

    /// What one event says to look at.
    fn take(&mut self, event: watcher::Event<K>, synced: &impl Fn()) -> Hints {
        let index = &self.watching.index;
        let hints = match event {
            watcher::Event::Init => {
                self.listing = Vec::new();
                return Hints::new();
            }
            watcher::Event::InitApply(object) => {
                self.listing.extend(object.record());
                return Hints::new();
            }
            watcher::Event::InitDone => {
                let list = std::mem::take(&mut self.listing);
                let hints = index.replace(K::KIND, self.watching.namespace.as_deref(), list);
                synced();
                hints
            }
            watcher::Event::Apply(object) => match object.id() {
                Some(id) => index.observe(&id, object.record()),
                None => return Hints::new(),
            },
            watcher::Event::Delete(object) => match object.id() {
                Some(id) => index.observe(&id, None),
                None => return Hints::new(),
            },
        };
        self.failures = 0;
        self.tell(1);
        hints
    }

    fn tell(&self, up: i64) {
        let metrics = &self.watching.metrics;
        metrics.watch_up.get_or_create(&Label { resource: K::KIND.plural().into() }).set(up);
        let count = i64::try_from(self.watching.index.count(K::KIND)).unwrap_or(i64::MAX);
        metrics.workloads.get_or_create(&KindLabel { kind: K::KIND.as_str().into() }).set(count);
    }

    fn refuses_streaming(&mut self, error: &watcher::Error) -> bool {
        let refused = match error {
            watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::InitialListFailed(kube::Error::Api(status)) => matches!(status.code, 400 | 422),
            _ => false,
        };
        let news = refused && !self.paged;
        self.paged |= refused;
        news
    }

    /// Counts a failure, and says how long to wait. The library begins again where it was, or with a new list.
    fn failed(&mut self, error: &watcher::Error) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.tell(0);
        let ambient = &self.watching.ambient;
        let now = ambient.now();
        let at = Backoff::seconds(1, 30, 2).next(self.failures, None, now, ambient.jitter());
        // A stream that ends after its time, or whose place in history is gone, is ordinary.
        if self.failures > 1 {
            tracing::warn!(
                resource = K::KIND.plural(),
                namespace = self.watching.namespace.as_deref().unwrap_or("*"),
                error = %crate::telemetry::chain(error),
                "the watch stream failed; it is begun again. If this lasts, look at the API server and at our rights to list and watch"
            );
        }
        (at - now).to_std().unwrap_or_default()
    }
}
