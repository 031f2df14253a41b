//! Server-side apply of any YAML, as `kubectl apply --server-side` does it.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use serde_json::Value;

/// Applies every document of `yaml`. What is namespaced and names no namespace goes to `namespace`.
///
/// # Panics
/// When a document is no object, or the API server refuses it.
pub(crate) async fn apply(client: &kube::Client, namespace: &str, yaml: &str) {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("documents of YAML");
    for document in documents.into_iter().filter(|document| !document.is_null()) {
        apply_one(client, namespace, document).await;
    }
}

async fn apply_one(client: &kube::Client, namespace: &str, document: Value) {
    let word = |value: &Value| value.as_str().expect("an object of Kubernetes").to_owned();
    let (version, kind) = (word(&document["apiVersion"]), word(&document["kind"]));
    let name = word(&document["metadata"]["name"]);
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let kind = GroupVersionKind::gvk(group, version, &kind);
    let (resource, abilities) = pinned_kind(client, &kind).await.expect("a kind that the cluster knows");
    let api: Api<DynamicObject> = match abilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            let namespace = document["metadata"]["namespace"].as_str().unwrap_or(namespace);
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
    };
    let applied = api.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(document)).await;
    applied.unwrap_or_else(|error| panic!("{} {name} can't be applied: {error}", kind.kind));
}
