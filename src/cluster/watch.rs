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
        let followed = record.and_then(|record| Followed::of(object, record));
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
            && object.is_recorded()
            && let Some(id) = object.id(self.row)
        {
            index.let_go(&id.uid);
            if let Some(left) = object.unwatched(self.row) {
                index.stands_unwatched(left);
            }
        }
        record
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
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::cluster::ScopeState;
    use crate::cluster::namespaces::Following;
    use crate::telemetry::tests::Log;

    /// One chunk of a stream: a list of one Deployment, complete.
    fn list(image: &str) -> String {
        let object = json!({"type": "ADDED", "object": {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "4",
                "annotations": {"image-watcher/mode": "AUTO_UPDATE"}},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}});
        let end = json!({"type": "BOOKMARK", "object": {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}}});
        let text = format!("{object}\n{end}\n");
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n", text.len())
    }

    /// The next request, each on a connection of its own.
    async fn request(listener: &TcpListener) -> TcpStream {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream
    }

    #[tokio::test]
    async fn a_request_that_is_not_answered_is_no_stream_that_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = kube::Config::new(url.parse().unwrap());
        let scope = Scope { namespace: Some("shop".into()), kind: Kind::Deployment };
        let scopes = Scopes::new([scope.clone()]);
        let watching = Watching {
            namespaces: Namespaces::default(),
            client: crate::cluster::connection::client(&config).unwrap(),
            index: Index::default(),
            scope: scope.clone(),
            scopes: scopes.clone(),
            ambient: Ambient::system(),
            metrics: Metrics::new(),
        };
        let short = Duration::from_millis(200);
        let patience = Patience { quiet: short, unanswered: short, ..PATIENCE };
        let (raise, stop) = Stop::new();
        let (hints, mut looks) = mpsc::channel(1);
        let stream = Stream { patience, ..Stream::new(watching) };
        let server = async {
            let mut first = request(&listener).await;
            first.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
            drop(first);
            let mut again = request(&listener).await;
            again.write_all(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            drop(again);
            let _silent = request(&listener).await;
            let _list = request(&listener).await;
            let mut last = request(&listener).await;
            let state = scopes.states().remove(0).1;
            let ScopeState::Failing { message, listed: true, .. } = &state else { panic!("{state:?}") };
            assert!(message.contains("no answer"), "{message}");
            last.write_all(list("web:1.0.1").as_bytes()).await.unwrap();
            assert!(looks.recv().await.is_some());
            assert_eq!(scopes.states(), [(scope, ScopeState::Synced)]);
            raise.raise();
        };
        let done =
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
        assert!(done.await.is_ok(), "the list that proves it was never asked for");
    }

    /// Foreground deletion, or a finalizer: the object stays for as long as its pods do.
    #[tokio::test]
    async fn what_is_being_deleted_is_gone_for_us_before_the_object_is() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (watching, _) = at(&format!("http://{}", listener.local_addr().unwrap()));
        let index = watching.index.clone();
        let mut stream = Stream::new(watching);
        let object = |version: &str, deletion: serde_json::Value| -> Object {
            serde_json::from_value(json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
                "resourceVersion": version, "deletionTimestamp": deletion,
                "annotations": {"image-watcher/mode": "AUTO_UPDATE"}},
                "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1.0.0"}]}}}}))
            .unwrap()
        };
        let going = || object("5", "2026-11-26T10:00:00Z".into());
        stream.take(watcher::Event::Init);
        stream.take(watcher::Event::InitApply(object("4", serde_json::Value::Null)));
        stream.take(watcher::Event::InitDone);
        assert!(index.by_uid("u").is_some());
        stream.take(watcher::Event::Apply(going()));
        assert!(index.by_uid("u").is_none());
        stream.take(watcher::Event::Init);
        stream.take(watcher::Event::InitApply(going()));
        stream.take(watcher::Event::InitDone);
        assert!(index.by_uid("u").is_none(), "a list has it still");
        stream.take(watcher::Event::Delete(going()));
        assert!(index.by_uid("u").is_none());
    }

    /// What is too old is said in the middle of the stream: what was known stands until there is another list.
    #[tokio::test]
    async fn a_watch_that_is_closed_with_410_in_the_middle_goes_on_with_a_new_list() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let scope = Scope { namespace: Some("shop".into()), kind: Kind::Deployment };
        let watching = Watching {
            namespaces: Namespaces::default(),
            client: crate::cluster::connection::client(&kube::Config::new(url.parse().unwrap())).unwrap(),
            index: Index::default(),
            scope: scope.clone(),
            scopes: Scopes::new([scope]),
            ambient: Ambient::system(),
            metrics: Metrics::new(),
        };
        let (index, scopes) = (watching.index.clone(), watching.scopes.clone());
        let runs = || index.by_uid("u").map(|found| found.containers[0].image.to_string());
        let (raise, stop) = Stop::new();
        let (hints, _looks) = mpsc::channel(4);
        let stream = Stream::new(watching);
        let server = async {
            let mut first = request(&listener).await;
            first.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
            while runs().is_none() {
                tokio::task::yield_now().await;
            }
            let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "reason": "Expired", "message": "too old resource version", "code": 410}});
            let gone = format!("{gone}\n");
            first.write_all(format!("{:x}\r\n{gone}\r\n", gone.len()).as_bytes()).await.unwrap();
            let mut second = request(&listener).await;
            assert_eq!(runs().as_deref(), Some("web:1.0.0"), "it is known all the time");
            second.write_all(list("web:1.0.1").as_bytes()).await.unwrap();
            while runs().as_deref() != Some("web:1.0.1") {
                tokio::task::yield_now().await;
            }
            assert!(scopes.states().iter().all(|(_, state)| *state == ScopeState::Synced));
            raise.raise();
        };
        let done =
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
        assert!(done.await.is_ok(), "it is listed anew");
    }

    /// A list of one `CronJob` whose update is followed.
    fn cron_jobs() -> String {
        use crate::domain::approval::LinkKey;
        use crate::domain::record::{Event, Record, sealed, tests::update};
        let mut record = Record::default();
        record.on("report", Event::Write(Box::new(update(1, None))), chrono::DateTime::UNIX_EPOCH);
        let id = WorkloadId { namespace: "shop".into(), kind: Kind::CronJob, name: "report".into(), uid: "u".into() };
        let text = sealed::seal(&record, &id, &LinkKey::new(vec![1; 32]).unwrap()).unwrap().0;
        let object = json!({"type": "ADDED", "object": {"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "report", "namespace": "shop", "uid": "u", "resourceVersion": "4",
                "annotations": {"image-watcher/mode": "AUTO_UPDATE", "image-watcher/record": text}},
            "spec": {"schedule": "@hourly", "jobTemplate": {"spec": {"template": {"spec": {
                "containers": [{"name": "report", "image": "report:1.0.1"}]}}}}}}});
        let end = json!({"type": "BOOKMARK", "object": {"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}}});
        let text = format!("{object}\n{end}\n");
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n", text.len())
    }

    /// What a request for its Jobs is answered.
    async fn answer(listener: &TcpListener, status: &str, body: &serde_json::Value) {
        let mut jobs = request(listener).await;
        let body = body.to_string();
        let head = "Content-Type: application/json\r\nConnection: close";
        let text = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        jobs.write_all(text.as_bytes()).await.unwrap();
    }

    /// What watches Deployments of all namespaces, and Namespaces beside it.
    fn at(url: &str) -> (Watching, Following) {
        let client = crate::cluster::connection::client(&kube::Config::new(url.parse().unwrap())).unwrap();
        let (index, ambient, metrics) = (Index::default(), Ambient::system(), Metrics::new());
        let (namespaces, scope) = (Namespaces::default(), Scope { namespace: None, kind: Kind::Deployment });
        let following = Following {
            client: client.clone(),
            index: index.clone(),
            named: None,
            state: namespaces.clone(),
            ambient: ambient.clone(),
            metrics: metrics.clone(),
        };
        let scopes = Scopes::new([scope.clone()]);
        (Watching { client, index, scope, scopes, namespaces, ambient, metrics }, following)
    }

    #[tokio::test]
    async fn an_api_server_that_is_not_there_is_told_once_and_so_is_its_coming() {
        let log = Log::begin();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, url) = (port.local_addr().unwrap(), format!("http://{}", port.local_addr().unwrap()));
        drop(port);
        let (watching, following) = at(&url);
        let (scopes, scope, metrics) = (watching.scopes.clone(), watching.scope.clone(), watching.metrics.clone());
        let (raise, stop) = Stop::new();
        let (hints, _looks) = mpsc::channel(4);
        let looks_on = async {
            let state = || scopes.states().remove(0).1;
            while state() == ScopeState::Starting {
                tokio::task::yield_now().await;
            }
            let told = state().to_string();
            assert!(told.contains("Namespaces can't be read") && told.contains("onnection refused"), "{told}");
            let up = "image_watcher_cluster_watch_up{resource=\"deployments\"} 0";
            assert!(metrics.text().contains(up), "{}", metrics.text());
            let server = TcpListener::bind(address).await.unwrap();
            let mut namespaces = request(&server).await;
            let none = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": "3"}, "items": []})
            .to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let none = format!("{head}\r\nContent-Length: {}\r\n\r\n{none}", none.len());
            namespaces.write_all(none.as_bytes()).await.unwrap();
            let mut held = Vec::new();
            while !scopes.is_listed(&scope) {
                // One is the watch of Namespaces, which says nothing more.
                let (mut stream, _) = server.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                if String::from_utf8_lossy(&head).contains("deployments") {
                    stream.write_all(list("web:1.0.0").as_bytes()).await.unwrap();
                    while !scopes.is_listed(&scope) {
                        tokio::task::yield_now().await;
                    }
                }
                held.push(stream);
            }
            raise.raise();
        };
        let all = async {
            tokio::join!(
                watch(watching, stop.clone(), hints),
                following.run_again_after(Duration::from_millis(20), stop),
                looks_on
            )
        };
        let all = Box::pin(tokio::time::timeout(Duration::from_secs(60), all));
        assert!(all.await.is_ok(), "{:?}", log.lines());
        let lines = log.lines();
        let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!(
            (of("WARN"), of("no workload is watched until it does"), of("can be read again")),
            (1, 1, 1),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn runs_that_could_not_be_read_are_read_again_though_nothing_happens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let scope = Scope { namespace: Some("shop".into()), kind: Kind::CronJob };
        let watching = Watching {
            namespaces: Namespaces::default(),
            client: crate::cluster::connection::client(&kube::Config::new(url.parse().unwrap())).unwrap(),
            index: Index::default(),
            scope: scope.clone(),
            scopes: Scopes::new([scope]),
            ambient: Ambient::system(),
            metrics: Metrics::new(),
        };
        let index = watching.index.clone();
        let (raise, stop) = Stop::new();
        let (hints, mut looks) = mpsc::channel(4);
        let short = Duration::from_millis(20);
        let stream = Stream { patience: Patience { unread: (short, short), ..PATIENCE }, ..Stream::new(watching) };
        let server = async {
            let mut list = request(&listener).await;
            list.write_all(cron_jobs().as_bytes()).await.unwrap();
            for _ in 0..3 {
                let failure = json!({"kind": "Status", "status": "Failure", "message": "no", "code": 500});
                answer(&listener, "500 Oops", &failure).await;
            }
            let job = json!({"metadata": {"name": "report-1", "creationTimestamp": "2026-11-20T09:30:00Z",
                    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "u",
                        "controller": true}]},
                "spec": {"template": {"spec": {"containers": [{"name": "report", "image": "report:1.0.1"}]}}},
                "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
            let jobs = json!({"kind": "JobList", "apiVersion": "batch/v1", "metadata": {}, "items": [job]});
            answer(&listener, "200 OK", &jobs).await;
            while index.by_uid("u").unwrap().rollout != crate::domain::rollout::Rollout::Complete {
                assert!(looks.recv().await.is_some());
            }
            raise.raise();
        };
        let done =
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(stream.run(stop, hints), server) });
        assert!(done.await.is_ok(), "they were not read again");
    }

    #[test]
    fn the_more_often_runs_can_not_be_read_the_later_they_are_read_again() {
        let waits = |unread| PATIENCE.until_read(unread).as_secs();
        let all: Vec<u64> = [0, 1, 2, 3, 8, 9, u32::MAX].into_iter().map(waits).collect();
        assert_eq!(all, [2, 2, 4, 8, 256, 300, 300]);
    }
}
