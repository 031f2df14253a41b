//! Writes to workloads: one JSON Patch, and what its answer means.

use std::future::Future;
use std::time::Duration;

use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::core::Request;

use super::ClusterError;
use super::kinds::Row;
use super::observed::Object;
use super::patch::{body, operations};
use super::rejection::{Rejection, RejectionReason};
use super::scopes::Scope;
use crate::domain::workload::{Kind, Workload, WorkloadPatch};
use crate::telemetry::metrics::Metrics;

/// No single request to the API server takes longer.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

/// A request that failed, by what can be concluded from it.
#[derive(Debug)]
pub(super) enum Failed {
    /// The API server answered with a status.
    Status(Box<kube::core::Status>),
    /// It did not answer, or not in a way that says what happened.
    NoAnswer(Box<dyn std::error::Error + Send + Sync>),
}

/// Runs one request with its deadline, and counts it.
pub(super) async fn within<T>(
    metrics: &Metrics,
    operation: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failed> {
    let (result, word) = match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => (Ok(answer), "ok"),
        Ok(Err(kube::Error::Api(status))) => (Err(Failed::Status(status)), "error"),
        Ok(Err(error)) => (Err(Failed::NoAnswer(error.into())), "error"),
        Err(elapsed) => (Err(Failed::NoAnswer(elapsed.into())), "timeout"),
    };
    metrics.cluster_request(operation, word);
    result
}

/// Executes a patch on the API server.
pub(super) async fn apply(
    client: &kube::Client,
    patch: &WorkloadPatch,
    metrics: &Metrics,
) -> Result<Workload, ClusterError> {
    let row = Row::of(patch.id.kind);
    let api = api(client, row.kind, Some(&patch.id.namespace));
    Target { client, row, api, patch, metrics }.apply().await
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
    metrics: &'p Metrics,
}

impl Target<'_> {
    async fn apply(&self) -> Result<Workload, ClusterError> {
        let parameters = PatchParams { field_manager: Some("image-watcher".into()), ..PatchParams::default() };
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
            Err(Failed::Status(status)) => self.refused(*status).await,
            Err(Failed::NoAnswer(source)) => {
                self.unknown(ClusterError::Unavailable { operation: "patch", source }).await
            }
        }
    }

    /// The record after the write. A workload that lost its last setting meanwhile is as good as gone.
    fn record(&self, object: &Object) -> Result<Workload, ClusterError> {
        object.record(self.row).ok_or_else(|| ClusterError::Gone(self.patch.id.to_string()))
    }

    async fn refused(&self, status: kube::core::Status) -> Result<Workload, ClusterError> {
        let workload = self.patch.id.to_string();
        let rejection = Rejection::of(&status);
        match rejection.reason {
            RejectionReason::Gone => Err(ClusterError::Gone(workload)),
            RejectionReason::Conflict => Err(ClusterError::Conflict { workload, now: None }),
            RejectionReason::Identity | RejectionReason::Rights => {
                Err(ClusterError::Forbidden { verb: "patch", workload, message: rejection.sentence.into() })
            }
            RejectionReason::Guard => match self.look().await? {
                Some(object) if self.guards_hold(&object) => Err(ClusterError::Rejected { workload, rejection }),
                Some(object) => Err(ClusterError::Conflict { workload, now: object.record(self.row).map(Box::new) }),
                None => Err(ClusterError::Gone(workload)),
            },
            RejectionReason::Server => {
                let source = Box::new(kube::Error::Api(Box::new(status)));
                self.unknown(ClusterError::Unavailable { operation: "patch", source }).await
            }
            RejectionReason::Throttled | RejectionReason::Timeout => {
                self.unknown(ClusterError::Rejected { workload, rejection }).await
            }
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

    /// The object as it is; `None` when it is gone or another one has its name.
    async fn look(&self) -> Result<Option<Object>, ClusterError> {
        match within(self.metrics, "get", self.api.get_opt(&self.patch.id.name)).await {
            Ok(object) => Ok(object.filter(|object| object.id(self.row).as_ref() == Some(&self.patch.id))),
            Err(Failed::Status(status)) if matches!(status.code, 401 | 403) => Err(ClusterError::Forbidden {
                verb: "get",
                workload: self.patch.id.to_string(),
                message: status.message,
            }),
            Err(Failed::Status(status)) => {
                Err(ClusterError::Unavailable { operation: "get", source: status.message.into() })
            }
            Err(Failed::NoAnswer(source)) => Err(ClusterError::Unavailable { operation: "get", source }),
        }
    }

    fn guards_hold(&self, object: &Object) -> bool {
        object.record(self.row).is_some_and(|now| self.patch.holds_on(&now))
    }

    fn is_done(&self, object: &Object) -> bool {
        object.record(self.row).is_some_and(|now| self.patch.is_done_on(&now))
    }
}

/// Reads the watched workloads of a scope once, page by page.
pub(super) async fn list(
    client: &kube::Client,
    scope: &Scope,
    metrics: &Metrics,
) -> Result<Vec<Workload>, ClusterError> {
    let (row, api) = (Row::of(scope.kind), api(client, scope.kind, scope.namespace.as_deref()));
    let mut parameters = ListParams::default().limit(500);
    let mut all = Vec::new();
    loop {
        let page = match within(metrics, "list", api.list(&parameters)).await {
            Ok(page) => page,
            Err(Failed::Status(status)) if status.code == 403 => {
                return Err(ClusterError::Unlistable { scope: scope.clone(), message: status.message });
            }
            Err(Failed::Status(status)) => {
                return Err(ClusterError::Unavailable { operation: "list", source: status.message.into() });
            }
            Err(Failed::NoAnswer(source)) => return Err(ClusterError::Unavailable { operation: "list", source }),
        };
        all.extend(page.items.iter().filter_map(|object| object.record(row)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(all),
        }
    }
}
