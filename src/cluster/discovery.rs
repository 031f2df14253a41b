//! Which kinds the cluster has: custom resources come and go with their definitions.

use kube::api::ListParams;
use kube::core::Request;
use serde_json::Value;

use super::kinds::Row;
use super::request::{Failed, within};
use crate::domain::workload::Kind;
use crate::telemetry::metrics::Metrics;

/// Whether the API server has a kind; `None` where it did not say. Whoever may do nothing else may ask that.
pub(super) async fn is_installed(client: &kube::Client, row: &Row, metrics: &Metrics) -> Option<bool> {
    if !row.is_optional {
        return Some(true);
    }
    let request = Request::new(format!("/apis/{}", row.kind.api_version())).list(&ListParams::default());
    let asked = client.request_text(request.ok()?);
    match within(metrics, "discovery", asked).await {
        Ok(found) => Some(names(&found, row.kind.plural())),
        Err(Failed::Status(status)) if status.code == 404 => Some(false),
        Err(_) => None,
    }
}

/// Whether a list of resources names one.
fn names(list: &str, plural: &str) -> bool {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let all = list.get("resources").and_then(Value::as_array);
    all.into_iter().flatten().any(|resource| resource.get("name").and_then(Value::as_str) == Some(plural))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_there_where_its_name_is() {
        let list = r#"{"kind": "APIResourceList", "resources": [{"name": "rollouts/status"}, {"name": "rollouts"}]}"#;
        assert!(names(list, "rollouts") && !names(list, "experiments"));
        assert!(!names("", "rollouts") && !names("[]", "rollouts") && !names(r#"{"resources": null}"#, "rollouts"));
    }
}
