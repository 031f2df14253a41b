//! Writes to workloads: one JSON Patch, and what its answer means.

use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::Request;
use tracing::Instrument as _;

use super::ClusterError;
use super::kinds::Row;
use super::observed::{Marked, Object};
use super::patch::{body, operations};
use super::referrer::Referrer;
use super::rejection::{Rejection, RejectionReason};
use super::request::Writer;
pub(super) use super::request::{Failed, within};
use super::runs::Followed;
use super::scopes::Scope;
use crate::domain::defaults::Defaults;
use crate::domain::workload::{Kind, Workload, WorkloadId, WorkloadPatch};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans;

/// Executes a patch on the API server.
pub(super) async fn apply(
    client: &kube::Client,
    patch: &WorkloadPatch,
    writer: Writer,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Workload, ClusterError> {
    let row = Row::of(patch.id.kind);
    let api = api(client, row.kind, Some(&patch.id.namespace));
    let span = spans::write(patch);
    spans::images(&span, patch.guards.iter().filter_map(|guarded| guarded.to.as_deref()));
    let written = Target { client, row, api, patch, writer, defaults, metrics }.apply().instrument(span.clone()).await;
    match &written {
        Ok(_) => spans::ended(&span, "written"),
        Err(error) => spans::failed(&span, error.reason()),
    }
    written
}

/// What it comes to that a workload could not be read.
pub(super) fn unread(id: &WorkloadId, failed: Failed) -> ClusterError {
    match failed {
        Failed::Status(status) => {
            let Rejection { reason, sentence, .. } = Rejection::of(&status);
            if matches!(reason, RejectionReason::Identity | RejectionReason::Rights) {
                return ClusterError::Forbidden { verb: "get", workload: id.to_string(), message: sentence };
            }
            ClusterError::Unavailable { operation: "get", source: sentence.into() }
        }
        Failed::NoAnswer(source) => ClusterError::Unavailable { operation: "get", source },
    }
}

/// The objects of a kind, in one namespace or in all.
pub(super) fn api(client: &kube::Client, kind: Kind, namespace: Option<&str>) -> Api<Object> {
    let row = Row::of(kind);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &row),
        None => Api::all_with(client.clone(), &row),
    }
}

/// The object of a patch.
struct Target<'p> {
    client: &'p kube::Client,
    row: &'static Row,
    api: Api<Object>,
    patch: &'p WorkloadPatch,
    writer: Writer,
    defaults: &'p Defaults,
    metrics: &'p Metrics,
}

impl Target<'_> {
    async fn apply(&self) -> Result<Workload, ClusterError> {
        let parameters = PatchParams { field_manager: Some(self.writer.manager().into()), ..PatchParams::default() };
        // The library's request, with a body that the API server can compare with what it has.
        let request = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            let empty = Patch::<()>::Json(serde_json::from_value(serde_json::Value::Array(Vec::new()))?);
            let mut request = Request::new(self.api.resource_url()).patch(&self.patch.id.name, &parameters, &empty)?;
            *request.body_mut() = body(&operations(self.patch))?;
            Ok(request)
        };
        let request = request().map_err(|source| ClusterError::Unavailable { operation: "patch", source })?;
        match within(self.metrics, "patch", self.client.request::<Object>(request)).await {
            Ok(object) => self.record(&object),
            Err(Failed::Status(status)) => self.refused(&status).await,
            Err(Failed::NoAnswer(source)) => {
                self.unknown(ClusterError::Unavailable { operation: "patch", source }).await
            }
        }
    }

    /// The record after the write. A workload that lost its last setting meanwhile is as good as gone.
    fn record(&self, object: &Object) -> Result<Workload, ClusterError> {
        object.record(self.row, self.defaults).ok_or_else(|| ClusterError::Gone(self.patch.id.to_string()))
    }

    async fn refused(&self, status: &kube::core::Status) -> Result<Workload, ClusterError> {
        let workload = self.patch.id.to_string();
        let rejection = Rejection::of(status);
        match rejection.reason {
            RejectionReason::Gone => Err(ClusterError::Gone(workload)),
            RejectionReason::Conflict => Err(ClusterError::Conflict { workload, now: None }),
            RejectionReason::Identity | RejectionReason::Rights => {
                Err(ClusterError::Forbidden { verb: "patch", workload, message: rejection.sentence })
            }
            RejectionReason::Guard => match self.look().await? {
                Some(object) if self.guards_hold(&object) => Err(ClusterError::Rejected { workload, rejection }),
                Some(object) => {
                    Err(ClusterError::Conflict { workload, now: object.record(self.row, self.defaults).map(Box::new) })
                }
                None => Err(ClusterError::Gone(workload)),
            },
            reason if reason.may_have_happened() => self.unknown(ClusterError::Rejected { workload, rejection }).await,
            // The guards held: they are tested before anything else is judged.
            _ => Err(ClusterError::Rejected { workload, rejection }),
        }
    }

    /// The write may have happened: the object tells.
    async fn unknown(&self, error: ClusterError) -> Result<Workload, ClusterError> {
        match self.look().await {
            Ok(Some(object)) if self.is_done(&object) => self.record(&object),
            Ok(None) => Err(ClusterError::Gone(self.patch.id.to_string())),
            Ok(Some(_)) | Err(_) => Err(error),
        }
    }

    /// The object as it is; `None` when it is gone, or about to be, or another one has its name.
    async fn look(&self) -> Result<Option<Object>, ClusterError> {
        match within(self.metrics, "get", self.api.get_opt(&self.patch.id.name)).await {
            Ok(object) => {
                let is_it =
                    |object: &Object| !object.is_going() && object.id(self.row).as_ref() == Some(&self.patch.id);
                Ok(object.filter(is_it))
            }
            Err(failed) => Err(unread(&self.patch.id, failed)),
        }
    }

    fn guards_hold(&self, object: &Object) -> bool {
        object.record(self.row, self.defaults).is_some_and(|now| self.patch.holds_on(&now))
    }

    fn is_done(&self, object: &Object) -> bool {
        object.record(self.row, self.defaults).is_some_and(|now| self.patch.is_done_on(&now))
    }
}

/// Reads one workload; `None` where there is none, or it is not watched.
pub(super) async fn read(
    client: &kube::Client,
    id: &WorkloadId,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Option<Workload>, ClusterError> {
    let found = within(metrics, "get", api(client, id.kind, Some(&id.namespace)).get_opt(&id.name)).await;
    let found = found.map_err(|failed| unread(id, failed))?;
    Ok(found.and_then(|object| object.record(Row::of(id.kind), defaults)))
}

/// What a Rollout says of the Deployment that describes its pods, where one does and it can be read.
pub(super) async fn referrer(client: &kube::Client, id: &WorkloadId, metrics: &Metrics) -> Option<Referrer> {
    let found = within(metrics, "get", api(client, id.kind, Some(&id.namespace)).get_opt(&id.name)).await;
    found.ok()??.refers(Row::of(id.kind))
}

/// What was read of a scope.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The watched workloads.
    pub(super) workloads: Vec<Workload>,
    /// What Rollouts say of Deployments, with the namespace of each.
    pub(super) referrers: Vec<(Box<str>, Referrer)>,
    /// `CronJobs` whose runs are of interest.
    pub(super) followed: Vec<Followed>,
}

/// Reads the watched workloads of a scope once, page by page.
pub(super) async fn list(
    client: &kube::Client,
    scope: &Scope,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Listed, ClusterError> {
    let (row, api) = (Row::of(scope.kind), api(client, scope.kind, scope.namespace.as_deref()));
    let mut parameters = ListParams::default().limit(500);
    let mut all = Listed::default();
    loop {
        let page = within(metrics, "list", api.list(&parameters)).await.map_err(|failed| unlisted(scope, failed))?;
        for object in &page.items {
            let record = object.record(row, defaults);
            all.followed.extend(record.as_ref().and_then(|record| Followed::of(object, record, None)));
            all.referrers.extend(object.id(row).map(|id| id.namespace).zip(object.refers(row)));
            all.workloads.extend(record);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// The objects of a scope that have a label or annotation of these names, page by page.
pub(super) async fn marked(
    client: &kube::Client,
    scope: &Scope,
    is_wanted: fn(&str) -> bool,
    metrics: &Metrics,
) -> Result<Vec<Marked>, ClusterError> {
    let (row, api) = (Row::of(scope.kind), api(client, scope.kind, scope.namespace.as_deref()));
    let mut parameters = ListParams::default().limit(500);
    let mut all = Vec::new();
    loop {
        let page = within(metrics, "list", api.list(&parameters)).await.map_err(|failed| unlisted(scope, failed))?;
        let found = page.items.iter().filter_map(|object| object.marked(row, is_wanted));
        all.extend(found.filter(|found| !(found.labels.is_empty() && found.annotations.is_empty())));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// What it comes to that a scope could not be listed.
fn unlisted(scope: &Scope, failed: Failed) -> ClusterError {
    match failed {
        Failed::Status(status) if status.code == 403 => {
            ClusterError::Unlistable { scope: scope.clone(), message: status.message }
        }
        Failed::Status(status) if status.code == 401 => {
            ClusterError::Unauthorized { operation: "list", source: status.message.into() }
        }
        Failed::Status(status) => ClusterError::Unavailable { operation: "list", source: status.message.into() },
        Failed::NoAnswer(source) => ClusterError::Unavailable { operation: "list", source },
    }
}

/// Namespace and name of the objects of a scope that have these labels, page by page.
pub(super) async fn labelled(
    client: &kube::Client,
    scope: &Scope,
    selector: &str,
    metrics: &Metrics,
) -> Result<Vec<(String, String)>, ClusterError> {
    let api = api(client, scope.kind, scope.namespace.as_deref());
    let mut parameters = ListParams::default().limit(500).labels(selector);
    let mut all = Vec::new();
    loop {
        let page = within(metrics, "list", api.list_metadata(&parameters)).await;
        let page = page.map_err(|failed| unlisted(scope, failed))?;
        let name =
            |object: kube::core::PartialObjectMeta<Object>| Some((object.metadata.namespace?, object.metadata.name?));
        all.extend(page.items.into_iter().filter_map(name));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::domain::workload::tests::workload;

    /// Reads one request, each on a connection of its own, and says its method.
    async fn request(listener: &TcpListener) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.unwrap();
        (stream, head.split(' ').next().unwrap_or_default().to_owned())
    }

    /// What a write comes to on an API server that gives these answers one after another, and what it was asked.
    async fn written(answers: &[(u16, Value)]) -> (Result<Workload, ClusterError>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = kube::Config::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
        let client = crate::cluster::connection::client(&config).unwrap();
        let workload = workload(&[("web", "web:1.0.0")], &[("mode", "DISABLED")]);
        let patch = WorkloadPatch::of(&workload).guarded_by(&workload, "web").image("web:1.0.1".into());
        let asked = std::cell::RefCell::new(Vec::new());
        let serve = async {
            for (code, answer) in answers {
                let (mut stream, method) = request(&listener).await;
                asked.borrow_mut().push(method);
                let text = answer.to_string();
                let head =
                    format!("HTTP/1.1 {code} Said\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
                stream.write_all(format!("{head}{text}").as_bytes()).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let (metrics, defaults) = (Metrics::new(), Defaults::default());
        let written = tokio::select! {
            written = apply(&client, &patch, Writer::Service, (&defaults, &metrics)) => written,
            () = serve => unreachable!("it never ends"),
        };
        (written, asked.take())
    }

    fn object(image: &str) -> (u16, Value) {
        let object = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "uid-1", "resourceVersion": "2",
            "annotations": {"image-watcher/mode": "DISABLED"}},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
        (200, object)
    }

    fn status(code: u16, reason: &str, message: &str) -> (u16, Value) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
            "message": message, "code": code, "details": {}});
        (code, status)
    }

    fn reason(result: &Result<Workload, ClusterError>) -> &'static str {
        result.as_ref().map_or_else(ClusterError::reason, |_| "done")
    }

    #[tokio::test]
    async fn a_write_that_may_have_happened_is_looked_for() {
        let cases = [
            ("timeout", status(504, "Timeout", "request did not complete within requested timeout")),
            ("throttled", status(429, "TooManyRequests", "please try again later")),
            ("server", status(500, "InternalError", "Internal error occurred: etcdserver: request timed out")),
        ];
        for (expected, answer) in cases {
            let (done, asked) = written(&[answer.clone(), object("web:1.0.1")]).await;
            assert_eq!((reason(&done), asked), ("done", vec!["patch".to_owned(), "get".to_owned()]));
            let (open, _) = written(&[answer.clone(), object("web:1.0.0")]).await;
            assert_eq!(reason(&open), expected);
            assert!(open.is_err_and(|error| !error.is_final()));
            let (gone, _) = written(&[answer, status(404, "NotFound", "not found")]).await;
            assert_eq!(reason(&gone), "gone");
        }
    }

    #[tokio::test]
    async fn only_a_failed_test_has_to_be_told_by_the_object() {
        let failed = || status(422, "Invalid", "the server rejected our request due to an error in our request");
        let (conflict, _) = written(&[failed(), object("web:0.9.0")]).await;
        let Err(ClusterError::Conflict { now: Some(now), .. }) = &conflict else { panic!("{conflict:?}") };
        assert_eq!(&*now.containers[0].image, "web:0.9.0");
        let (odd, _) = written(&[failed(), object("web:1.0.0")]).await;
        assert!(odd.as_ref().is_err_and(|error| !error.is_final()) && reason(&odd) == "guard", "{odd:?}");
        let denied = "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied \
            request: no";
        for (code, word) in [(422, "Invalid"), (403, "Forbidden")] {
            let (refused, asked) = written(&[status(code, word, denied)]).await;
            assert_eq!((reason(&refused), asked.len()), ("policy", 1), "{code}");
            assert!(refused.is_err_and(|error| error.is_final()));
        }
        let down = "Internal error occurred: failed calling webhook \"w\": failed to call webhook";
        let (down, asked) = written(&[status(500, "InternalError", down)]).await;
        assert_eq!((reason(&down), asked.len()), ("webhook_down", 1));
    }
}
