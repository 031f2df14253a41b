//! Takes us off the owners (`managedFields`) of a workload's fields, whose image was written, by the service or by a command, where its tool refuses
//! every other owner.
//!
//! Helm 4 writes by server-side apply without force. As long as the API server calls us an owner of the image, each of its
//! upgrades ends in a conflict, also with unchanged values. Without our entry an upgrade does what it does everywhere: it puts
//! back the image of its chart, which is recognised and told. The API server adds an entry with each write, so that this is a
//! write of its own; where it fails, the conflict stays, which Helm names itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::ClusterError;
use super::apply::{api, unread, within};
use super::kinds::Row;
use super::managed::owns;
use super::request::{FIELD_MANAGER, Failed, Writer};
use crate::domain::defaults::Defaults;
use crate::domain::request::COMMAND;
use crate::domain::workload::{Workload, WorkloadId};
use crate::telemetry::metrics::Metrics;

/// How often it is tried where the entries move meanwhile.
const ATTEMPTS: usize = 4;

/// As whom we write.
const OURS: [&str; 2] = [FIELD_MANAGER, COMMAND];

/// Removes our entries; the workload as it is then, or `None` where there was none.
pub(super) async fn drop_ownership(
    client: &kube::Client,
    id: &WorkloadId,
    containers: &[&str],
    writer: Writer,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Option<Workload>, ClusterError> {
    let mut last = Ok(None);
    for _ in 0..ATTEMPTS {
        last = once(client, id, containers, writer, (defaults, metrics)).await;
        // Controllers write the status meanwhile, which moves entries.
        if !matches!(&last, Err(NotDropped::Moved(_))) {
            break;
        }
    }
    last.map_err(|failed| match failed {
        NotDropped::Moved(error) | NotDropped::Failed(error) => error,
    })
}

/// Why it is not done.
enum NotDropped {
    /// The entries were others when it was written.
    Moved(ClusterError),
    /// Anything else.
    Failed(ClusterError),
}

async fn once(
    client: &kube::Client,
    id: &WorkloadId,
    containers: &[&str],
    writer: Writer,
    (defaults, metrics): (&Defaults, &Metrics),
) -> Result<Option<Workload>, NotDropped> {
    let (row, objects) = (Row::of(id.kind), api(client, id.kind, Some(&id.namespace)));
    let found = within(metrics, "get", objects.get_metadata_opt(&id.name)).await;
    let metadata = found.map_err(|failed| NotDropped::Failed(unread(id, failed)))?.map(|found| found.metadata);
    let entries = metadata.and_then(|metadata| metadata.managed_fields).unwrap_or_default();
    let Some(operations) = operations(id, &entries, row, containers) else { return Ok(None) };
    let patch = serde_json::from_value(operations).map_err(|error| NotDropped::Failed(unwritten(error.into())))?;
    let parameters = PatchParams { field_manager: Some(writer.manager().into()), ..PatchParams::default() };
    let written = within(metrics, "patch", objects.patch(&id.name, &parameters, &Patch::<()>::Json(patch))).await;
    written.map(|object| object.record(row, defaults)).map_err(|failed| match failed {
        Failed::Status(status) if status.code == 422 => NotDropped::Moved(unread(id, Failed::Status(status))),
        failed => NotDropped::Failed(unread(id, failed)),
    })
}

fn unwritten(source: Box<dyn std::error::Error + Send + Sync>) -> ClusterError {
    ClusterError::Unavailable { operation: "patch", source }
}

/// The removal of our entries that own an image, the service's and that of the commands, each guarded so that it can only be
/// that one; `None` where there is none.
fn operations(id: &WorkloadId, entries: &[ManagedFieldsEntry], row: &Row, containers: &[&str]) -> Option<Value> {
    let is_ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref().is_some_and(|manager| OURS.contains(&manager))
            && entry.operation.as_deref() == Some("Update")
            && entry.subresource.is_none()
            && containers.iter().any(|container| owns(entry, row, container))
    };
    let mut tests = vec![json!({"op": "test", "path": "/metadata/uid", "value": id.uid})];
    let mut removals = Vec::new();
    // What is removed moves those behind it.
    for (place, entry) in entries.iter().enumerate().rev().filter(|(_, entry)| is_ours(entry)) {
        let path = format!("/metadata/managedFields/{place}");
        tests.push(json!({"op": "test", "path": format!("{path}/manager"), "value": entry.manager}));
        tests.push(json!({"op": "test", "path": format!("{path}/operation"), "value": "Update"}));
        removals.push(json!({"op": "remove", "path": path}));
    }
    (!removals.is_empty()).then(|| tests.into_iter().chain(removals).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::workload::Kind;
    use crate::domain::workload::tests::workload;

    #[test]
    fn only_our_own_entry_of_an_image_is_removed() {
        let id = workload(&[("web", "web:1.0.0")], &[]).id;
        let image = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
        let entry = |manager: &str, operation: &str, fields: &Value| -> ManagedFieldsEntry {
            serde_json::from_value(json!({"manager": manager, "operation": operation, "fieldsV1": fields})).unwrap()
        };
        let removed = |entries: &[ManagedFieldsEntry], container: &str| {
            let operations = operations(&id, entries, Row::of(Kind::Deployment), &[container])?;
            let all = operations.as_array()?.iter().filter(|one| one["op"] == "remove");
            let all: Vec<&str> = all.filter_map(|one| one["path"].as_str()).collect();
            Some(all.join(" "))
        };
        let helm = entry("helm", "Apply", &image);
        let ours = entry(FIELD_MANAGER, "Update", &image);
        let annotations = entry(FIELD_MANAGER, "Update", &json!({"f:metadata": {"f:annotations": {}}}));
        let all = [helm.clone(), annotations.clone(), ours.clone()];
        assert_eq!(removed(&all, "web").as_deref(), Some("/metadata/managedFields/2"));
        assert_eq!(removed(&all, "log"), None, "it owns no image of that container");
        assert_eq!(removed(&[helm, annotations], "web"), None);
        let command = entry(COMMAND, "Update", &image);
        let both = [ours.clone(), entry("kubectl-edit", "Update", &image), command];
        let expected = "/metadata/managedFields/2 /metadata/managedFields/0";
        assert_eq!(removed(&both, "web").as_deref(), Some(expected), "that of a command too, the last first");
        let status = ManagedFieldsEntry { subresource: Some("status".into()), ..ours };
        assert_eq!(removed(&[status], "web"), None);
    }
}
