//! Which kinds the cluster has: custom resources come and go with their definitions.

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;

use super::kinds::Row;
use super::request::{Failed, within};
use crate::domain::workload::Kind;
use crate::telemetry::metrics::Metrics;

/// Whether the API server has a kind; `None` where it did not say. Whoever may do nothing else may ask that.
pub(super) async fn is_installed(client: &kube::Client, row: &Row, metrics: &Metrics) -> Option<bool> {
    #[derive(Deserialize)]
    struct Resources {
        #[serde(default)]
        resources: Vec<Resource>,
    }
    #[derive(Deserialize)]
    struct Resource {
        name: Box<str>,
    }
    if !row.is_optional {
        return Some(true);
    }
    let request = Request::new(format!("/apis/{}", row.kind.api_version())).list(&ListParams::default());
    let asked = client.request::<Resources>(request.ok()?);
    match within(metrics, "discovery", asked).await {
        Ok(found) => Some(found.resources.iter().any(|resource| *resource.name == *row.kind.plural())),
        Err(Failed::Status(status)) if status.code == 404 => Some(false),
        Err(_) => None,
    }
}

/// Of these kinds those that the API server has, or may have.
pub(super) async fn installed(
    client: &kube::Client,
    kinds: impl IntoIterator<Item = Kind>,
    metrics: &Metrics,
) -> Vec<Kind> {
    let mut all = Vec::new();
    for kind in kinds {
        if is_installed(client, Row::of(kind), metrics).await != Some(false) {
            all.push(kind);
        }
    }
    all
}
