//! Deployments without a Pod, many at once.

use futures_util::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::harness::Ctx;

/// Of no replicas, so that little but our requests is measured. It is not paused: what is applied by itself would wait.
pub(crate) fn deployment(name: &str, image: &str, mode: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": name, "annotations": {"image-watcher/mode": mode}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}},
    }))
    .expect("a Deployment")
}

/// Creates these in a namespace.
pub(crate) async fn create(ctx: &Ctx, namespace: &str, deployments: impl IntoIterator<Item = Deployment>) {
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
    let created = deployments.into_iter().map(|deployment| {
        let api = api.clone();
        async move { api.create(&PostParams::default(), &deployment).await.expect("a created Deployment") }
    });
    futures_util::stream::iter(created).buffer_unordered(16).collect::<Vec<_>>().await;
}
