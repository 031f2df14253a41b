//! What Namespaces say to their workloads: our annotations on them, and their labels. Nothing else of them is read.
//!
//! Where Namespaces may not be read they say nothing, and a selector of them means none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1;
use kube::api::{Api, ListParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher;
use tokio::sync::watch;

use super::ClusterError;
use super::apply::{Failed, within};
use super::fields::MOST_NAMES;
use super::index::Index;
use super::observed::ours;
use super::refusal::refusal;
use crate::ambient::Ambient;
use crate::domain::defaults::{Labels, Namespace};
use crate::domain::kept::kept;
use crate::domain::settings::is_state;
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// Namespaces that were named are read again after this time, and those that may not be read are tried again.
const AGAIN: Duration = Duration::from_secs(300);
/// One that can't be read now is tried again after this time.
const SOON: Duration = Duration::from_secs(5);
/// Changes within this time are taken over together, so that nobody who may edit a Namespace has all workloads listed
/// again and again.
const TOGETHER: Duration = Duration::from_secs(10);

/// What is known of Namespaces, by name.
type Known = BTreeMap<Box<str>, Namespace>;

/// Whether Namespaces are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NamespacesState {
    /// Not asked, or not answered yet.
    #[default]
    Starting,
    /// They are.
    Known,
    /// We may not read them, since when, and what the API server says.
    Forbidden(DateTime<Utc>, Box<str>),
}

/// How reading Namespaces stands. Clones share it.
#[derive(Clone, Debug)]
pub struct Namespaces(Arc<watch::Sender<NamespacesState>>);

impl Default for Namespaces {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(NamespacesState::Starting)))
    }
}

impl Namespaces {
    /// How it stands.
    #[must_use]
    pub fn state(&self) -> NamespacesState {
        self.0.borrow().clone()
    }

    /// Waits until they are known, or are known not to be: no workload is read before, as it might be told to be left alone
    /// by its Namespace.
    pub(super) async fn settled(&self) {
        let _ = self.0.subscribe().wait_for(|state| *state != NamespacesState::Starting).await.is_ok();
    }

    /// Answers whether it is news.
    fn become_state(&self, state: NamespacesState) -> bool {
        self.0.send_if_modified(|now| {
            let is_same = std::mem::discriminant(now) == std::mem::discriminant(&state);
            if !is_same {
                *now = state;
            }
            !is_same
        })
    }
}

/// Keeps knowing Namespaces: these, or all of them.
pub struct Following {
    /// The cluster.
    pub client: kube::Client,
    /// What is told of them.
    pub index: Index,
    /// The namespaces that are watched, where each is named.
    pub named: Option<Vec<String>>,
    /// How it stands.
    pub state: Namespaces,
    /// The clock.
    pub ambient: Ambient,
    /// Where requests are counted.
    pub metrics: Metrics,
}

impl Following {
    /// Follows them until `stop` is raised.
    pub async fn run(self, mut stop: Stop) {
        let follow = async {
            match &self.named {
                Some(names) => self.ask_again(names).await,
                None => self.watch().await,
            }
        };
        tokio::select! {
            () = stop.raised() => return,
            () = follow => {}
        }
        stop.raised().await;
    }

    /// Asks for each that is named, again and again: there is no watch of one without a right to all of them.
    async fn ask_again(&self, names: &[String]) {
        loop {
            let wait = match read(&self.client, Some(names), &self.metrics).await {
                Ok(known) => {
                    self.tell(&known);
                    AGAIN
                }
                Err(error) => self.failed(&error),
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn watch(&self) {
        let api: Api<PartialObjectMeta<v1::Namespace>> = Api::all(self.client.clone());
        let mut events = Box::pin(watcher::watcher(api, watcher::Config::default().page_size(500)));
        let (mut known, mut listing) = (Known::new(), Known::new());
        let mut inherited = self.index.inheriting();
        let mut untold: Option<Duration> = None;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                // What is told depends on whether anybody reads labels.
                _ = inherited.changed() => {
                    if self.state.state() == NamespacesState::Known {
                        self.tell(&known);
                    }
                    continue;
                }
                () = tokio::time::sleep(untold.unwrap_or_default().saturating_sub(self.ambient.monotonic())), if untold.is_some() => {
                    untold = None;
                    self.tell(&known);
                    continue;
                }
            };
            match event {
                Some(Ok(watcher::Event::Init)) => listing.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => listing.extend(said(&object)),
                Some(Ok(watcher::Event::InitDone)) => {
                    known = std::mem::take(&mut listing);
                    self.tell(&known);
                }
                Some(Ok(watcher::Event::Apply(object))) => known.extend(said(&object)),
                Some(Ok(watcher::Event::Delete(object))) => {
                    if let Some(name) = object.metadata.name.as_deref() {
                        known.remove(name);
                    }
                }
                Some(Err(error)) => tokio::time::sleep(self.failed(&unread(&error))).await,
                None => return,
            }
            if untold.is_none() && self.state.state() == NamespacesState::Known && self.is_news(&known) {
                untold = Some(self.ambient.monotonic() + TOGETHER);
            }
        }
    }

    /// What of it matters to anybody.
    fn that_counts(known: &Known, reads_labels: bool) -> Known {
        let counts = |namespace: &Namespace| {
            let labels = if reads_labels { namespace.labels.clone() } else { Labels::new() };
            let settings = Arc::clone(&namespace.settings);
            (reads_labels || !settings.is_empty()).then_some(Namespace { labels, settings })
        };
        known.iter().filter_map(|(name, namespace)| Some((name.clone(), counts(namespace)?))).collect()
    }

    fn is_news(&self, known: &Known) -> bool {
        let defaults = self.index.defaults();
        Self::that_counts(known, defaults.reads_labels()) != defaults.namespaces
    }

    fn tell(&self, known: &Known) {
        self.index.inherit(|defaults| defaults.namespaces = Self::that_counts(known, defaults.reads_labels()));
        self.state.become_state(NamespacesState::Known);
    }

    /// Says once that they may not be read, and after which time to try again.
    fn failed(&self, error: &ClusterError) -> Duration {
        let ClusterError::NamespacesUnlistable { message } = error else {
            tracing::debug!(error = %crate::telemetry::chain(error), "Namespaces can't be read now");
            return SOON;
        };
        if self.state.state() == NamespacesState::Known {
            return AGAIN;
        }
        let state = NamespacesState::Forbidden(self.ambient.now(), message.as_str().into());
        if self.state.become_state(state) {
            let reads_labels = self.index.defaults().reads_labels();
            if reads_labels {
                tracing::warn!(
                    error = message,
                    "no right to read Namespaces, so no selector of namespaces means any: grant deploy/namespaces"
                );
            } else {
                tracing::info!(
                    "no right to read Namespaces, so their annotations are not read; deploy/namespaces grants it"
                );
            }
        }
        AGAIN
    }
}

/// Reads them once: these, or all. One that is named and not there says nothing.
pub(super) async fn read(
    client: &kube::Client,
    named: Option<&[String]>,
    metrics: &Metrics,
) -> Result<Known, ClusterError> {
    let api: Api<v1::Namespace> = Api::all(client.clone());
    let mut known = Known::new();
    if let Some(names) = named {
        for name in names {
            let found = within(metrics, "namespace", api.get_metadata_opt(name)).await.map_err(refused)?;
            known.extend(found.as_ref().and_then(said));
        }
        return Ok(known);
    }
    let mut parameters = ListParams::default().limit(500);
    loop {
        let page = within(metrics, "namespaces", api.list_metadata(&parameters)).await.map_err(refused)?;
        known.extend(page.items.iter().filter_map(said));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(known),
        }
    }
}

fn refused(failed: Failed) -> ClusterError {
    match failed {
        Failed::Status(status) if status.code == 403 => ClusterError::NamespacesUnlistable { message: status.message },
        Failed::Status(status) => ClusterError::Unavailable { operation: "namespaces", source: status.message.into() },
        Failed::NoAnswer(source) => ClusterError::Unavailable { operation: "namespaces", source },
    }
}

fn unread(error: &watcher::Error) -> ClusterError {
    match refusal(error) {
        Some(status) => refused(Failed::Status(Box::new(status.clone()))),
        None => ClusterError::Unavailable { operation: "namespaces", source: error.to_string().into() },
    }
}

/// What one says, with its name.
fn said(object: &PartialObjectMeta<v1::Namespace>) -> Option<(Box<str>, Namespace)> {
    let ObjectMeta { name, labels, annotations, .. } = &object.metadata;
    let of_ours = ours(annotations.as_ref()).filter(|(name, _)| !is_state(name)).take(4 * MOST_NAMES).collect();
    let labels = labels.iter().flatten().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
    Some((name.as_deref()?.into(), Namespace { labels: labels.collect(), settings: kept(of_ours).into() }))
}
