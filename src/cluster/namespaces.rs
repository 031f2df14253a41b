//! What Namespaces say to their workloads: our annotations on them, and their labels. Nothing else of them is read.
//!
//! Where Namespaces may not be read they say nothing, and a selector of them means none. Where they can't be read now nothing
//! is known, so no workload is read before they can: one of them may say to leave its workloads alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt as _};
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
/// A stream that was begun, or begun again after an error, has so long to bring something.
const UNANSWERED: Duration = Duration::from_secs(10);
/// What was read before and can't be read now is told after so many failures in a row: an API server may be replaced.
const MOST_UNTOLD: u32 = 3;
/// Changes within this time are taken over together, so that nobody who may edit a Namespace has all workloads listed
/// again and again.
const TOGETHER: Duration = Duration::from_secs(10);

/// What is known of Namespaces, by name.
type Known = BTreeMap<Box<str>, Namespace>;

/// Whether Namespaces are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum NamespacesState {
    /// Not asked, or not answered yet.
    #[default]
    Starting,
    /// Never read so far, and can't be read now: since when, and why.
    Failing(DateTime<Utc>, Box<str>),
    /// They are.
    Known,
    /// We may not read them, since when, and what the API server says.
    Forbidden(DateTime<Utc>, Box<str>),
}

/// How reading Namespaces stands. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Namespaces(Arc<watch::Sender<NamespacesState>>);

impl Default for Namespaces {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(NamespacesState::Starting)))
    }
}

impl Namespaces {
    /// How it stands.
    #[must_use]
    pub(super) fn state(&self) -> NamespacesState {
        self.0.borrow().clone()
    }

    /// Waits until they are known, or are known not to be: no workload is read before, as it might be told to be left alone
    /// by its Namespace. Whenever it turns out that they can't be read, `failing` is told why.
    pub(super) async fn settled(&self, failing: impl Fn(&str)) {
        let mut states = self.0.subscribe();
        loop {
            match &*states.borrow_and_update() {
                NamespacesState::Known | NamespacesState::Forbidden(..) => return,
                NamespacesState::Failing(_, message) => failing(message),
                NamespacesState::Starting => {}
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// Answers whether it is news.
    fn become_state(&self, state: NamespacesState) -> bool {
        let mut is_news = false;
        self.0.send_if_modified(|now| {
            is_news = std::mem::discriminant(now) != std::mem::discriminant(&state);
            let changes = is_news || (*now != state && matches!(state, NamespacesState::Failing(..)));
            if changes {
                *now = state;
            }
            changes
        });
        is_news
    }
}

/// Keeps knowing Namespaces: these, or all of them.
pub(super) struct Following {
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
    pub(super) async fn run(self, stop: Stop) {
        self.run_again_after(SOON, stop).await;
    }

    /// The same, and what can't be read now is tried again `soon`.
    pub(super) async fn run_again_after(self, soon: Duration, mut stop: Stop) {
        let named = self.named.clone();
        let mut reading = Reading { of: self, soon, failures: 0, is_told: false, missing: BTreeSet::new() };
        let follow = async {
            match &named {
                Some(names) => reading.ask_again(names).await,
                None => reading.watch().await,
            }
        };
        tokio::select! {
            () = stop.raised() => return,
            () = follow => {}
        }
        stop.raised().await;
    }

    fn stream(
        &self,
    ) -> impl Stream<Item = Result<watcher::Event<PartialObjectMeta<v1::Namespace>>, watcher::Error>> + Send + use<>
    {
        let api: Api<PartialObjectMeta<v1::Namespace>> = Api::all(self.client.clone());
        watcher::watcher(api, watcher::Config::default().page_size(500))
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
}

/// How reading them goes on.
struct Reading {
    of: Following,
    /// What can't be read now is tried again after this time.
    soon: Duration,
    /// How often in a row they could not be read.
    failures: u32,
    /// Whether that was said.
    is_told: bool,
    /// Those that are named and not there, as it was said.
    missing: BTreeSet<String>,
}

impl Reading {
    /// Asks for each that is named, again and again: there is no watch of one without a right to all of them.
    async fn ask_again(&mut self, names: &[String]) {
        loop {
            let wait = match read(&self.of.client, Some(names), &self.of.metrics).await {
                Ok(known) => {
                    self.hear();
                    self.miss(names, &known);
                    self.tell(&known);
                    AGAIN
                }
                Err(error) => self.failed(&error),
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn watch(&mut self) {
        let mut events = Box::pin(self.of.stream());
        let (mut known, mut listing) = (Known::new(), Known::new());
        let mut inherited = self.of.index.inheriting();
        let mut untold: Option<Duration> = None;
        loop {
            let patience = self.patience();
            let event = tokio::select! {
                event = events.next() => event,
                // What is told depends on whether anybody reads labels.
                _ = inherited.changed() => {
                    if self.is_known() {
                        self.tell(&known);
                    }
                    continue;
                }
                () = tokio::time::sleep(untold.unwrap_or_default().saturating_sub(self.of.ambient.monotonic())), if untold.is_some() => {
                    untold = None;
                    self.tell(&known);
                    continue;
                }
                () = tokio::time::sleep(patience.unwrap_or_default()), if patience.is_some() => {
                    tokio::time::sleep(self.failed(&unanswered())).await;
                    events = Box::pin(self.of.stream());
                    continue;
                }
            };
            match event {
                Some(Ok(watcher::Event::Init)) => listing.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => listing.extend(said(&object)),
                Some(Ok(watcher::Event::InitDone)) => {
                    known = std::mem::take(&mut listing);
                    self.hear();
                    self.tell(&known);
                }
                Some(Ok(watcher::Event::Apply(object))) => {
                    self.hear();
                    known.extend(said(&object));
                }
                Some(Ok(watcher::Event::Delete(object))) => {
                    self.hear();
                    if let Some(name) = object.metadata.name.as_deref() {
                        known.remove(name);
                        tracing::info!(namespace = name, "a Namespace was deleted; its workloads are gone with it");
                    }
                }
                Some(Err(error)) => tokio::time::sleep(self.failed(&unread(&error))).await,
                None => return,
            }
            if untold.is_none() && self.is_known() && self.of.is_news(&known) {
                untold = Some(self.of.ambient.monotonic() + TOGETHER);
            }
        }
    }

    fn is_known(&self) -> bool {
        self.of.state.state() == NamespacesState::Known
    }

    /// How long the next event may take: for ever, where all is well. What may not be read is asked for rarely anyway.
    fn patience(&self) -> Option<Duration> {
        let is_awaited = match self.of.state.state() {
            NamespacesState::Starting | NamespacesState::Failing(..) => true,
            NamespacesState::Known | NamespacesState::Forbidden(..) => self.failures > 0,
        };
        is_awaited.then_some(UNANSWERED)
    }

    fn tell(&self, known: &Known) {
        let that_counts = |reads_labels| Following::that_counts(known, reads_labels);
        self.of.index.inherit(|defaults| defaults.namespaces = that_counts(defaults.reads_labels()));
        self.of.state.become_state(NamespacesState::Known);
    }

    /// Says once of each that is named, and is not there any more or yet, and once that it is.
    fn miss(&mut self, names: &[String], known: &Known) {
        for name in names {
            if known.contains_key(name.as_str()) {
                if self.missing.remove(name) {
                    tracing::info!(namespace = name, "the Namespace is there now, and its workloads are watched");
                }
            } else if self.missing.insert(name.clone()) {
                tracing::warn!(
                    namespace = name,
                    "this Namespace is named to be watched, and does not exist: nothing is watched there until it does. Make it, or take it out of IMAGE_WATCHER_NAMESPACES, or of namespaces in the file"
                );
            }
        }
    }

    /// They can be read.
    fn hear(&mut self) {
        self.failures = 0;
        if std::mem::take(&mut self.is_told) {
            tracing::info!("Namespaces can be read again");
        }
    }

    /// Says once what is wrong, and after which time to try again.
    fn failed(&mut self, error: &ClusterError) -> Duration {
        match error {
            ClusterError::NamespacesUnlistable { message } => {
                // They were heard of, and can't be read all the same.
                (self.failures, self.is_told) = (0, false);
                self.forbidden(message)
            }
            error => self.failing(error),
        }
    }

    /// They can't be read now.
    fn failing(&mut self, error: &ClusterError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let Following { state, ambient, .. } = &self.of;
        let error = crate::telemetry::chain(error).to_string();
        let since = match state.state() {
            NamespacesState::Known | NamespacesState::Forbidden(..) => {
                if self.failures >= MOST_UNTOLD && !self.is_told {
                    self.is_told = true;
                    tracing::warn!(
                        error,
                        "the API server does not let Namespaces be read now: what they said last holds. It is tried again; if this lasts, look at the API server"
                    );
                }
                return self.soon;
            }
            NamespacesState::Starting => ambient.now(),
            NamespacesState::Failing(since, _) => since,
        };
        if !self.is_told {
            self.is_told = true;
            tracing::warn!(
                error,
                "the API server does not let Namespaces be read, which may say to leave their workloads alone: no workload is watched until it does. It is tried again; image-watcher doctor says more"
            );
        }
        state.become_state(NamespacesState::Failing(since, error.into()));
        self.soon
    }

    /// We may not read them.
    fn forbidden(&self, message: &str) -> Duration {
        let Following { state, ambient, index, .. } = &self.of;
        if state.state() == NamespacesState::Known {
            return AGAIN;
        }
        if state.become_state(NamespacesState::Forbidden(ambient.now(), message.into())) {
            if index.defaults().reads_labels() {
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

fn unanswered() -> ClusterError {
    let told = format!("the API server gave no answer within {} s", UNANSWERED.as_secs());
    ClusterError::Unavailable { operation: "namespaces", source: told.into() }
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
        None => ClusterError::Unavailable {
            operation: "namespaces",
            source: crate::telemetry::chain(error).to_string().into(),
        },
    }
}

/// What one says, with its name.
fn said(object: &PartialObjectMeta<v1::Namespace>) -> Option<(Box<str>, Namespace)> {
    let ObjectMeta { name, labels, annotations, .. } = &object.metadata;
    let of_ours = ours(annotations.as_ref()).filter(|(name, _)| !is_state(name)).take(4 * MOST_NAMES).collect();
    let labels = labels.iter().flatten().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
    Some((name.as_deref()?.into(), Namespace { labels: labels.collect(), settings: kept(of_ours).into() }))
}
