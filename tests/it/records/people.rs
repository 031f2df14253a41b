//! What people do to workloads, with `kubectl` where there is one.

use std::io::Write as _;
use std::process::{Command, Stdio};

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::objects::{Seen, Workload};

/// The annotations that `kubectl rollout undo` leaves as they are on a Deployment.
const KEPT_BY_UNDO: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// Whether there is a `kubectl`; where there is none that is said.
pub(super) fn is_kubectl_there(ctx: &Ctx) -> bool {
    let found = Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|it| it.status.success());
    if !found {
        ctx.skip("there is no kubectl");
    }
    found
}

/// Runs `kubectl` as an administrator in a namespace, and gives what it says.
pub(super) fn kubectl(ctx: &Ctx, namespace: &str, arguments: &[&str], input: &str) -> String {
    let kubeconfig = ctx.admin_kubeconfig();
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(kubeconfig).args(["--namespace", namespace]).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl starts");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("kubectl ends");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", told(&output.stderr));
    told(&output.stdout)
}

/// `kubectl rollout undo`, or the patch that it sends, by its name.
pub(super) async fn undo(ctx: &Ctx, workload: &Workload) {
    if Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|it| it.status.success()) {
        let of = format!("deployment/{}", workload.name());
        kubectl(ctx, ctx.namespace(), &["rollout", "undo", &of], "");
    } else {
        undo_by_patch(ctx, workload).await;
    }
}

/// The template and the annotations of the revision before the newest are put on the Deployment, without guard.
pub(super) async fn undo_by_patch(ctx: &Ctx, workload: &Workload) {
    let sets: Api<ReplicaSet> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let list =
        sets.list(&ListParams::default().labels(&format!("app={}", workload.name()))).await.expect("ReplicaSets");
    let sets = serde_json::to_value(list.items).expect("JSON");
    let revision = |set: &Value| -> u64 {
        let revision = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        revision.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    let mut sets: Vec<Value> = sets.as_array().cloned().unwrap_or_default();
    sets.sort_by_key(revision);
    let before = sets.iter().rev().nth(1).expect("a revision before");
    let now = workload.get().await;
    let mut template = before["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    let mut annotations = serde_json::Map::new();
    for (from, kept) in [(&before["metadata"]["annotations"], false), (&now.0["metadata"]["annotations"], true)] {
        let all = from.as_object().cloned().unwrap_or_default().into_iter();
        annotations.extend(all.filter(|(name, _)| KEPT_BY_UNDO.contains(&name.as_str()) == kept));
    }
    let operations = json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "replace", "path": "/metadata/annotations", "value": annotations},
    ]);
    let patch = Patch::<()>::Json(serde_json::from_value(operations).expect("a patch"));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let deployments: Api<DynamicObject> = Api::namespaced_with(ctx.client().clone(), ctx.namespace(), &resource);
    let as_kubectl = PatchParams { field_manager: Some("kubectl".into()), ..PatchParams::default() };
    let patched = deployments.patch(workload.name(), &as_kubectl, &patch).await;
    patched.expect("a workload that was set back");
}

/// A workload as somebody exports it, without what the API server fills in.
pub(super) fn exported(seen: &Seen) -> Value {
    let mut object = seen.0.clone();
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace"] {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove(field);
        }
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    object
}
