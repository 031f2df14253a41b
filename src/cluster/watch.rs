//! Watch streams into the index: one for each scope.
//!
//! A list is taken whole or not at all: the index keeps what it has until the new one is complete. A scope that may not be
//! read is forgotten and tried again, less and less often.

use std::time::Duration;

use futures_util::StreamExt as _;
use kube::runtime::watcher;
use tokio::sync::mpsc;

use super::apply::api;
use super::discovery::is_installed;
use super::index::{Hints, Index};
use super::kinds::Row;
use super::namespaces::Namespaces;
use super::observed::Object;
use super::referrer::Referrer;
use super::refusal::refusal;
use super::runs::Followed;
use super::scopes::{Scope, Scopes};
use crate::ambient::Ambient;
use crate::domain::retry::Backoff;
use crate::domain::workload::{Kind, Workload, WorkloadId};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// A scope that was read before has to be refused this often in a row before its workloads are forgotten: an API server
/// that starts refuses what it grants a moment later.
const MOST_REFUSALS: u32 = 3;

/// After what workloads inherit has changed, so long is waited for more of it before they are listed again.
const AFRESH: Duration = Duration::from_millis(200);

/// The most `CronJobs` whose runs are read again after a failure.
const MOST_FOLLOWED: usize = 1000;

/// After so many seconds, and later so many, it is asked again for a kind that is not installed.
const ABSENT: i64 = 20;
const LONGEST_ABSENT: i64 = 300;

/// How long silence is borne.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// A stream that was begun again after an error has this long to bring something. A quiet request proves nothing: the
    /// list that is asked for then does.
    quiet: Duration,
    /// A list that brings nothing for so long gets no answer.
    unanswered: Duration,
    /// Runs that could not be read are read again after this and, the more often they could not, so much later.
    unread: (Duration, Duration),
}

impl Patience {
    /// After which time runs are read again that could not be read so often in a row.
    fn until_read(self, unread: u32) -> Duration {
        let (first, longest) = self.unread;
        first.saturating_mul(1 << unread.saturating_sub(1).min(16)).min(longest)
    }
}

const PATIENCE: Patience = Patience {
    quiet: Duration::from_secs(15),
    unanswered: Duration::from_secs(20),
    unread: (Duration::from_secs(2), Duration::from_secs(300)),
};

/// What a stream is given.
#[derive(Clone)]
pub(super) struct Watching {
    /// The cluster.
    pub client: kube::Client,
    /// What it fills.
    pub index: Index,
    /// What it watches.
    pub scope: Scope,
    /// Where it tells how it stands.
    pub scopes: Scopes,
    /// What has to be known before: a Namespace may say that its workloads are left alone.
    pub namespaces: Namespaces,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where it counts.
    pub metrics: Metrics,
}

/// Watches one scope until `stop` is raised.
///
/// `hints` takes repositories to look at, and a full channel holds the stream back.
pub(super) async fn watch(watching: Watching, mut stop: Stop, hints: mpsc::Sender<Hints>) {
    let stream = Stream::new(watching);
    stream.tell(false);
    tokio::select! {
        () = stop.raised() => return,
        () = stream.until_namespaces_are_known() => {}
    }
    stream.run(stop, hints).await;
}

struct Stream {
    watching: Watching,
    row: &'static Row,
    /// Records of a list that is not complete.
    listing: Vec<Workload>,
    /// What Rollouts of it say of Deployments.
    referrers: Vec<(WorkloadId, Referrer)>,
    /// `CronJobs` whose runs are to be read.
    followed: Vec<Followed>,
    /// How often in a row some of them could not be read.
    unread: u32,
    /// Whether the list of the stream that is followed is complete.
    listed: bool,
    /// API servers before 1.32 may not know streaming lists.
    paged: bool,
    patience: Patience,
    failures: u32,
    refusals: u32,
}

/// How a stream goes on after an error.
enum Next {
    /// Where it was, after this time.
    On(Duration),
    /// With a new list, after this time.
    Afresh(Duration),
}

impl Stream {
    fn new(watching: Watching) -> Self {
        Self {
            row: Row::of(watching.scope.kind),
            watching,
            listing: Vec::new(),
            referrers: Vec::new(),
            followed: Vec::new(),
            unread: 0,
            listed: false,
            paged: false,
            patience: PATIENCE,
            failures: 0,
            refusals: 0,
        }
    }

    /// Waits for what has to be known before. What it waits for, and why in vain, is how the scope stands; the log has it once
    /// for all scopes.
    async fn until_namespaces_are_known(&self) {
        let Watching { namespaces, scope, scopes, ambient, .. } = &self.watching;
        let told = |why: &str| {
            scopes.failing(
                scope,
                ambient.now(),
                &format!("Namespaces can't be read, which may say to leave it alone: {why}"),
            );
        };
        namespaces.settled(told).await;
        scopes.starts(scope);
    }

    async fn run(mut self, mut stop: Stop, hints: mpsc::Sender<Hints>) {
        self.tell(false);
        while !stop.is_raised() {
            tokio::select! {
                () = stop.raised() => {}
                wait = self.stream(&hints) => match wait {
                    Some(wait) => tokio::select! {
                        () = stop.raised() => {}
                        () = tokio::time::sleep(wait) => {}
                    },
                    None => return,
                },
            }
        }
    }

    /// Follows one stream until it has to be begun afresh, and says after which time; `None` when nobody takes hints.
    async fn stream(&mut self, hints: &mpsc::Sender<Hints>) -> Option<Duration> {
        if self.is_absent().await {
            return Some(self.absent());
        }
        let Watching { client, scope, .. } = &self.watching;
        let objects = api(client, scope.kind, scope.namespace.as_deref());
        let mut events = Box::pin(watcher::watcher(objects, self.config()));
        let mut inherited = self.watching.index.inheriting();
        self.listed = false;
        loop {
            // Also what is not watched may be now, and is known from a list alone.
            if inherited.has_changed().unwrap_or(false) {
                return Some(AFRESH);
            }
            let event = match self.may_take() {
                None => tokio::select! {
                    event = events.next() => event,
                    _ = inherited.changed() => return Some(AFRESH),
                    () = tokio::time::sleep(self.patience.until_read(self.unread)), if !self.followed.is_empty() => {
                        let found = self.read_runs().await;
                        if !found.is_empty() && hints.send(found).await.is_err() {
                            return None;
                        }
                        continue;
                    }
                },
                Some(patience) => match tokio::time::timeout(patience, events.next()).await {
                    Ok(event) => event,
                    Err(_) if self.listed => return Some(Duration::ZERO),
                    Err(_) => return Some(self.unanswered()),
                },
            };
            match event {
                Some(Ok(event)) => {
                    let mut found = self.take(event);
                    if self.listed {
                        found.extend(self.read_runs().await);
                    }
                    if !found.is_empty() && hints.send(found).await.is_err() {
                        return None;
                    }
                }
                Some(Err(error)) if self.refuses_streaming(&error) => return Some(Duration::ZERO),
                Some(Err(error)) => match self.failed(&error) {
                    Next::On(wait) => tokio::time::sleep(wait).await,
                    Next::Afresh(wait) => return Some(wait),
                },
                None => return Some(Duration::from_secs(1)),
            }
        }
    }

    /// Whether the cluster has no such kind.
    async fn is_absent(&self) -> bool {
        let Watching { client, metrics, .. } = &self.watching;
        self.row.is_optional && is_installed(client, self.row, metrics).await == Some(false)
    }

    /// The cluster has no such kind, which is told once. Says after which time to look again.
    fn absent(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let Watching { scope, scopes, index, metrics, .. } = &self.watching;
        index.forget(scope);
        if scopes.absent(scope) {
            let (namespace, resource) = (scope.namespace(), self.row.kind.plural());
            let api = self.row.kind.api_version();
            tracing::info!(
                namespace,
                resource,
                api,
                "the cluster has no such kind; it is watched once it is installed"
            );
        }
        metrics.watch(self.watching.scope.namespace(), self.row.kind.plural(), None);
        self.wait_between(ABSENT, LONGEST_ABSENT)
    }

    /// Reads the runs of `CronJobs` that are followed, and says what to look at because of them. What could not be read is
    /// read with the next event, or after a while.
    async fn read_runs(&mut self) -> Hints {
        let Watching { client, index, metrics, .. } = &self.watching;
        let (mut hints, mut again) = (Hints::new(), Vec::new());
        for followed in std::mem::take(&mut self.followed) {
            match followed.judge(client, metrics).await {
                Ok(rollout) => hints.extend(index.judged(&followed.workload, rollout)),
                Err(error) => {
                    tracing::debug!(workload = %followed.workload.id, ?error, "its runs can't be read now");
                    again.push(followed);
                }
            }
        }
        again.truncate(MOST_FOLLOWED);
        self.unread = if again.is_empty() { 0 } else { self.unread.saturating_add(1) };
        self.followed = again;
        hints
    }

    /// How long the next event may take: for ever, where all is well.
    fn may_take(&self) -> Option<Duration> {
        match (self.listed, self.failures) {
            (false, _) => Some(self.patience.unanswered),
            (true, 0) => None,
            (true, _) => Some(self.patience.quiet),
        }
    }

    /// The API server takes the request and says nothing. Says so, and after which time to ask again.
    fn unanswered(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.refusals = 0;
        self.cannot_watch(&format!("the API server gave no answer within {} s", self.patience.unanswered.as_secs()));
        self.tell(false);
        self.wait(30)
    }

    fn config(&self) -> watcher::Config {
        if self.paged {
            watcher::Config::default().page_size(500)
        } else {
            watcher::Config::default().streaming_lists()
        }
    }

    /// What one event says to look at.
    fn take(&mut self, event: watcher::Event<Object>) -> Hints {
        let Watching { index, scope, scopes, .. } = &self.watching;
        let hints = match event {
            watcher::Event::Init => {
                (self.listing, self.listed) = (Vec::new(), false);
                (self.referrers, self.followed) = (Vec::new(), Vec::new());
                return Hints::new();
            }
            watcher::Event::InitApply(object) if object.is_going() => return Hints::new(),
            watcher::Event::InitApply(object) => {
                let record = self.record_of(&object);
                self.referrers.extend(object.id(self.row).zip(object.refers(self.row)));
                self.follow(&object, record.as_ref());
                self.listing.extend(record);
                return Hints::new();
            }
            watcher::Event::InitDone => {
                self.listed = true;
                let mut hints = index.replace(scope, scopes.fresh(scope), std::mem::take(&mut self.listing));
                if self.row.kind == Kind::Rollout {
                    hints.extend(index.refer_all(scope, std::mem::take(&mut self.referrers)));
                }
                hints
            }
            watcher::Event::Apply(object) if object.is_going() => return self.take(watcher::Event::Delete(object)),
            watcher::Event::Apply(object) => {
                let Some(id) = object.id(self.row) else { return Hints::new() };
                let record = self.record_of(&object);
                let mut hints = self.referred(&id, object.refers(self.row));
                hints.extend(self.watching.index.observe(&id, record.clone()));
                self.follow(&object, record.as_ref());
                hints
            }
            watcher::Event::Delete(object) => {
                let Some(id) = object.id(self.row) else { return Hints::new() };
                index.is_watched_again(&id.uid);
                let mut hints = self.referred(&id, None);
                hints.extend(self.watching.index.gone(&id));
                hints
            }
        };
        self.follows();
        hints
    }

    /// Takes what a Rollout says of a Deployment.
    fn referred(&self, id: &WorkloadId, referrer: Option<Referrer>) -> Hints {
        match self.row.kind {
            Kind::Rollout => self.watching.index.refer(id, referrer),
            _ => Hints::new(),
        }
    }

    /// Has the runs of a `CronJob` read, if an update of it is followed.
    fn follow(&mut self, object: &Object, record: Option<&Workload>) {
        let followed = record.and_then(|record| Followed::of(object, record, Some(&self.watching.index)));
        if let Some(followed) = followed {
            self.followed.retain(|known| known.workload.id != followed.workload.id);
            self.followed.push(followed);
        }
    }

    /// The record of an object that is watched. Of one that is not, and carries ours, that is remembered, and what people were
    /// asked of it.
    fn record_of(&self, object: &Object) -> Option<Workload> {
        let index = &self.watching.index;
        let record = object.record(self.row, &index.defaults());
        if record.is_none()
            && let Some(id) = object.id(self.row)
        {
            index.is_there(&id);
            if object.is_recorded() {
                self.let_go(object, &id);
            }
        }
        record
    }

    fn let_go(&self, object: &Object, id: &WorkloadId) {
        let index = &self.watching.index;
        index.let_go(&id.uid);
        if let Some(left) = object.unwatched(self.row) {
            index.stands_unwatched(left);
        }
    }

    /// All is well, or well again.
    fn follows(&mut self) {
        (self.failures, self.refusals) = (0, 0);
        if let Some(before) = self.watching.scopes.synced(&self.watching.scope) {
            let (namespace, resource) = (self.watching.scope.namespace(), self.row.kind.plural());
            tracing::info!(namespace, resource, before = %before, "these workloads are watched again");
        }
        self.tell(true);
    }

    fn tell(&self, up: bool) {
        self.watching.metrics.watch(self.watching.scope.namespace(), self.row.kind.plural(), Some(up));
    }

    fn refuses_streaming(&mut self, error: &watcher::Error) -> bool {
        let refused = refusal(error).is_some_and(|status| matches!(status.code, 400 | 422));
        let news = refused && !self.paged;
        self.paged |= refused;
        news
    }

    /// How long to wait after so many failures.
    fn wait(&self, longest: i64) -> Duration {
        self.wait_between(1, longest)
    }

    fn wait_between(&self, shortest: i64, longest: i64) -> Duration {
        let ambient = &self.watching.ambient;
        let now = ambient.now();
        let at = Backoff::seconds(shortest, longest, 2).next(self.failures, None, now, ambient.jitter());
        (at - now).to_std().unwrap_or_default()
    }

    /// The scope can't be watched now, which is told once.
    fn cannot_watch(&self, message: &str) {
        let Watching { scope, scopes, ambient, .. } = &self.watching;
        if scopes.failing(scope, ambient.now(), message) {
            tracing::warn!(
                namespace = scope.namespace(),
                resource = self.row.kind.plural(),
                error = message,
                "these workloads can't be watched now; it is tried again. If this lasts, look at the API server"
            );
        }
    }

    /// Says how the scope stands after an error, and how to go on. The library begins again where it was, or with a new
    /// list.
    fn failed(&mut self, error: &watcher::Error) -> Next {
        self.failures = self.failures.saturating_add(1);
        let forbidden = refusal(error).is_some_and(|status| status.code == 403);
        self.refusals = if forbidden { self.refusals.saturating_add(1) } else { 0 };
        let Watching { scope, scopes, ambient, index, .. } = &self.watching;
        let now = ambient.now();
        let (namespace, resource) = (scope.namespace(), self.row.kind.plural());
        // The library shows the whole status beside the server's own sentence.
        let message = match refusal(error) {
            Some(status) => status.message.clone(),
            None => crate::telemetry::chain(error).to_string(),
        };
        let is_gone = self.row.is_optional && refusal(error).is_some_and(|status| status.code == 404);
        let next = if is_gone {
            // Its definition may be gone, which is asked for first.
            Next::Afresh(self.wait(30))
        } else if forbidden && (!scopes.is_listed(scope) || self.refusals >= MOST_REFUSALS) {
            index.forget(scope);
            if scopes.forbidden(scope, now, &message) {
                tracing::warn!(
                    namespace,
                    resource,
                    error = message,
                    "we may not watch these workloads, so they are left out until we may; grant it to the ServiceAccount of this pod, by rbac.scope and rbac.namespaces of the chart or by the Role of deploy/namespace, or name the namespaces in IMAGE_WATCHER_NAMESPACES; image-watcher doctor has the command"
                );
            }
            Next::Afresh(self.wait(60))
        } else {
            // A stream that ends after its time, or whose place in history is gone, is ordinary.
            if self.failures > 1 {
                self.cannot_watch(&message);
            }
            Next::On(self.wait(30))
        };
        self.tell(false);
        next
    }
}

#[cfg(test)]
mod tests;
