//! Updates, by us and by a bare client that does only the requests that are needed.

use std::collections::HashSet;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _};
use image_watcher::cluster::{ClusterConfig, connect};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::watcher::{Config, Error, Event};
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::watcher::Watcher;
use crate::workloads::{create, deployment};

/// The three requests of an update back to back, over connections that are kept, as the same user as ours.
pub(crate) struct Bare {
    http: reqwest::Client,
    deployments: Api<Deployment>,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Bare {
    pub(crate) async fn new(ctx: &Ctx, namespace: &str) -> Self {
        let config = ClusterConfig { kubeconfig: Some(ctx.identity().await), ..ClusterConfig::default() };
        let (client, _) = connect(&config).await.expect("a client");
        Self { http: ctx.http().clone(), deployments: Api::namespaced(client, namespace) }
    }

    /// Tag list, HEAD, PATCH; and before the PATCH what [`Bare::looks`] asks, where it is to look first.
    pub(crate) async fn update(&self, name: &str, repository: &Repository, looks_first: bool) {
        let image = repository.reference("1.0.1");
        let (host, _) = image.split_once('/').expect("a host");
        let base = format!("http://{host}/v2/{}", repository.name());
        let tags = self.http.get(format!("{base}/tags/list?n=1000")).send().await.expect("tags");
        assert!(tags.text().await.expect("a body").contains("1.0.1"));
        let head = self.http.head(format!("{base}/manifests/1.0.1"));
        let head = head.header("Accept", MANIFEST).send().await.expect("a digest");
        let digest = head.headers()["docker-content-digest"].to_str().expect("a digest").to_owned();
        let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image",
            "value": format!("{image}@{digest}")}]);
        let patch = Patch::<()>::Json(serde_json::from_value(patch).expect("a patch"));
        if looks_first {
            // What runs is asked for beside it: it is what an update would go back to.
            let running = self.http.head(format!("{base}/manifests/1.0.0")).header("Accept", MANIFEST).send();
            let (running, ()) = tokio::join!(running, self.looks(&base, &digest));
            assert!(running.expect("a digest").status().is_success());
            let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
            self.deployments.patch(name, &dry_run, &patch).await.expect("a patch that would be taken");
        }
        self.deployments.patch(name, &PatchParams::default(), &patch).await.expect("a patched Deployment");
    }

    /// Manifest, configuration, and each layer by HEAD.
    async fn looks(&self, base: &str, digest: &str) {
        let manifest = self.http.get(format!("{base}/manifests/{digest}")).header("Accept", MANIFEST);
        let manifest = manifest.send().await.expect("a manifest").bytes().await.expect("a body");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("a manifest");
        let blob = |of: &serde_json::Value| format!("{base}/blobs/{}", of["digest"].as_str().expect("a digest"));
        let configuration = async {
            let answer = self.http.get(blob(&manifest["config"])).send().await.expect("a configuration");
            answer.bytes().await.expect("a body")
        };
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let layers = layers.map(async |layer| self.http.head(blob(layer)).send().await.expect("a layer"));
        tokio::join!(configuration, futures_util::future::join_all(layers));
    }

    /// The same for many, 16 at a time.
    pub(crate) async fn update_all(&self, kind: &str, repositories: &[Repository], looks_first: bool) -> Duration {
        let started = Instant::now();
        let all = repositories.iter().enumerate();
        let all = all.map(async |(n, repository)| self.update(&format!("{kind}-{n}"), repository, looks_first).await);
        futures_util::stream::iter(all).buffer_unordered(16).collect::<Vec<()>>().await;
        started.elapsed()
    }
}

/// Which Deployments of a namespace run the new tag, by a watch that is open before anything is asked for: waiting
/// costs the same as an event.
pub(crate) struct Patched {
    events: Pin<Box<dyn Stream<Item = Result<Event<Deployment>, Error>> + Send>>,
    names: HashSet<String>,
}

impl Patched {
    pub(crate) async fn watch(ctx: &Ctx, namespace: &str) -> Self {
        let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
        let events = Box::pin(kube::runtime::watcher(api, Config::default()));
        let mut patched = Self { events, names: HashSet::new() };
        while !matches!(patched.next().await, Event::InitDone) {}
        patched
    }

    /// Until this one does.
    pub(crate) async fn name(&mut self, name: &str) {
        while !self.names.contains(name) {
            self.next().await;
        }
    }

    /// Until this many of a kind do.
    pub(crate) async fn count(&mut self, kind: &str, count: usize) {
        while self.names.iter().filter(|name| name.starts_with(kind)).count() < count {
            self.next().await;
        }
    }

    async fn next(&mut self) -> Event<Deployment> {
        let event = self.events.next().await.expect("a watch without end").expect("a watch");
        if let Event::Apply(deployment) | Event::InitApply(deployment) = &event {
            let spec = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
            let image = spec.and_then(|spec| spec.containers.first()?.image.as_deref()).unwrap_or_default();
            if image.contains(":1.0.1@") {
                self.names.extend(deployment.metadata.name.clone());
            }
        }
        event
    }
}

/// Repositories with 1.0.0 and 1.0.1, and a Deployment on 1.0.0 of each.
pub(crate) async fn prepare(ctx: &Ctx, namespace: &str, kind: &str, count: usize) -> Vec<Repository> {
    let repositories: Vec<Repository> =
        (0..count).map(|n| ctx.repository(&format!("{namespace}/{kind}-{n}"))).collect();
    let pushes = repositories.iter().map(|repository| async {
        repository.push(Image::new("1.0.0")).await;
        repository.push(Image::new("1.0.1").label("build", "2")).await;
    });
    futures_util::stream::iter(pushes).buffer_unordered(8).collect::<Vec<()>>().await;
    let all = |(n, r): (usize, &Repository)| deployment(&format!("{kind}-{n}"), &r.reference("1.0.0"), "AUTO_UPDATE");
    create(ctx, namespace, repositories.iter().enumerate().map(all)).await;
    repositories
}

/// Tells the program of a push, as the registry would.
pub(crate) async fn announce(ctx: &Ctx, watcher: &Watcher, repository: &Repository, tag: &str) {
    let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository.name(), "tag": tag}}]});
    let header = [("Authorization", "Bearer registry-token")];
    let answer = watcher.post("/webhooks/distribution", &header, body.to_string()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}
