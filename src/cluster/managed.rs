//! Who set an image, read from `metadata.managedFields`. They are larger than everything else that is read of a workload, so
//! they are never held, and asked for when somebody wants to know.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

use super::ClusterError;
use super::apply::{api, unread, within};
use super::kinds::Row;
use super::writers;
use crate::domain::owner::ImageOwner;
use crate::domain::workload::{Place, WorkloadId};
use crate::telemetry::metrics::Metrics;

/// Asks for the metadata of a workload, and reads who set the image of a container of it.
pub(super) async fn who_set(
    client: &kube::Client,
    id: &WorkloadId,
    container: &str,
    metrics: &Metrics,
) -> Result<Option<ImageOwner>, ClusterError> {
    let objects = api(client, id.kind, Some(&id.namespace));
    let found = within(metrics, "get", objects.get_metadata_opt(&id.name)).await;
    let found = found.map_err(|failed| unread(id, failed))?;
    let metadata = found.map(|found| found.metadata).filter(|metadata| metadata.uid.as_deref() == Some(&*id.uid));
    let metadata = metadata.ok_or_else(|| ClusterError::Gone(id.to_string()))?;
    Ok(owner(&metadata.managed_fields.unwrap_or_default(), Row::of(id.kind), container))
}

/// Of all that own the image of a container, the one that wrote last.
fn owner(entries: &[ManagedFieldsEntry], row: &Row, container: &str) -> Option<ImageOwner> {
    let owners = entries.iter().filter(|entry| owns(entry, row, container)).filter_map(writers::read);
    owners.max_by_key(|owner| owner.time)
}

/// Whether an entry owns the image of a container, in whichever list that is.
pub(super) fn owns(entry: &ManagedFieldsEntry, row: &Row, container: &str) -> bool {
    let Some(fields) = entry.fields_v1.as_ref() else { return false };
    let pods = row.pods.pointer.split('/').skip(1);
    let pod = pods.chain(["spec"]).try_fold(&fields.0, |fields, name| fields.get(format!("f:{name}")));
    let places = [Place::Main, Place::Init, Place::Volume(0)].into_iter().filter(|place| place.may_hold(container));
    let mut lists = places.filter_map(|place| Some((place, pod?.get(format!("f:{}", place.list()))?.as_object()?)));
    lists.any(|(place, list)| {
        let image = place.image().replace('/', "/f:");
        let sets =
            |(key, fields): (&String, &Value)| names(key, place.entry(container)) && fields.pointer(&image).is_some();
        // Lists of custom resources are owned whole.
        list.is_empty() || list.iter().any(sets)
    })
}

/// Whether a key of a list, `k:{"name":"web"}`, is that of a container.
fn names(key: &str, container: &str) -> bool {
    let key = key.strip_prefix("k:").and_then(|key| serde_json::from_str::<BTreeMap<String, Value>>(key).ok());
    key.is_some_and(|key| key.get("name").and_then(Value::as_str) == Some(container))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::owner::WriteOperation;
    use crate::domain::workload::Kind;
    use serde_json::json;

    /// As an API server has it after `kubectl create`, an update of ours, `kubectl set image`, and the controller's status.
    fn real() -> Value {
        json!([
            {"manager": "kubectl-create", "operation": "Update", "apiVersion": "apps/v1",
                "time": "2026-11-20T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {
                        "f:containers": {
                            "k:{\"name\":\"log\"}": {".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
                                "f:resources": {}},
                            "k:{\"name\":\"web\"}": {".": {}, "f:imagePullPolicy": {}, "f:name": {}}},
                        "f:dnsPolicy": {}, "f:initContainers": {
                            ".": {},
                            "k:{\"name\":\"migrate\"}": {".": {}, "f:image": {}, "f:name": {}}},
                        "f:restartPolicy": {}}}}}},
            {"manager": "image-watcher", "operation": "Update", "apiVersion": "apps/v1",
                "time": "2026-11-21T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:image-watcher/history": {}}}}},
            {"manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1",
                "time": "2026-11-22T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {
                "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
                "time": "2026-11-23T10:00:00Z", "fieldsType": "FieldsV1", "subresource": "status", "fieldsV1": {
                "f:status": {"f:conditions": {".": {}}, "f:observedGeneration": {}}}},
        ])
    }

    fn of(fields: Value, container: &str) -> Option<ImageOwner> {
        let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(fields).unwrap();
        owner(&entries, Row::of(Kind::Deployment), container)
    }

    #[test]
    fn an_image_is_whose_entry_has_it() {
        let manager = |container| of(real(), container).map(|owner| owner.manager().to_owned());
        assert_eq!(manager("web").as_deref(), Some("kubectl-set"));
        assert_eq!(manager("log").as_deref(), Some("kubectl-create"));
        assert_eq!(manager("migrate").as_deref(), Some("kubectl-create"));
        assert_eq!(manager("gone"), None);
        let web = of(real(), "web").unwrap();
        let time = web.time.map(|time| time.to_rfc3339());
        assert_eq!((web.operation, time.as_deref()), (WriteOperation::Update, Some("2026-11-22T10:00:00+00:00")));
        assert_eq!(web.to_string(), "kubectl-set");
    }

    #[test]
    fn of_those_who_share_an_image_the_last_one_set_it() {
        let mut fields = real();
        fields[0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"web\"}"]["f:image"] =
            json!({});
        assert_eq!(of(fields.clone(), "web").unwrap().manager(), "kubectl-set");
        fields[0]["time"] = json!("2026-11-24T10:00:00Z");
        fields[0]["operation"] = json!("Apply");
        let owner = of(fields, "web").unwrap();
        assert_eq!((owner.manager(), owner.operation), ("kubectl-create", WriteOperation::Apply));
    }

    #[test]
    fn the_image_of_a_volume_is_no_container_of_its_name() {
        let fields = json!([{"manager": "x", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {
            "f:volumes": {"k:{\"name\":\"model\"}": {"f:image": {"f:reference": {}}}},
            "f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}}]);
        let owned = ["model", "volume.model", "volume.web", "web"].map(|name| of(fields.clone(), name).is_some());
        assert_eq!(owned, [false, true, false, true]);
    }

    #[test]
    fn a_list_of_a_custom_resource_is_owned_whole() {
        let fields = json!([{"manager": "x", "operation": "Update",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}}]);
        assert_eq!(of(fields.clone(), "web").unwrap().manager(), "x");
        assert!(of(fields, "volume.web").is_none());
    }

    #[test]
    fn what_is_odd_owns_nothing() {
        let entry = |fields: Value| json!([{"manager": "x", "operation": "Update", "fieldsV1": fields}]);
        let list = |list: Value| entry(json!({"f:spec": {"f:template": {"f:spec": {"f:containers": list}}}}));
        for odd in [json!([]), json!([{}]), entry(json!(null)), entry(json!({"f:spec": []})), list(json!("web"))] {
            assert_eq!(of(odd.clone(), "web"), None, "{odd}");
        }
        for key in ["k:", "k:{", "k:{\"name\":1}", "k:[\"web\"]", "v:\"web\"", "web"] {
            assert_eq!(of(list(json!({key: {"f:image": {}}})), "web"), None, "{key}");
        }
        let unnamed = json!([{"operation": "Update", "fieldsV1": list(json!({"k:{\"name\":\"web\"}": {"f:image": {}}}))[0]["fieldsV1"]}]);
        assert_eq!(of(unnamed, "web").unwrap().to_string(), "somebody who gave no name");
    }
}
