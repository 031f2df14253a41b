//! The table, and what else `check` prints, of a cluster and registries in memory.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::*;
use crate::ambient::Clock;
use crate::cluster::connect;
use crate::domain::owner::Owner;
use crate::domain::reference::Tag;
use crate::domain::rollout::Progress as Updated;
use crate::domain::workload::tests::workload;
use crate::domain::workload::{Kind, WorkloadId};
use crate::registry::{Labels, Refusal};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n\
    contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Has the same tags in each repository, but for those whose names say otherwise.
struct Shelf;

impl Registry for Shelf {
    async fn tags(&self, of: &Repository, _: &Credential, wanted: &Wanted) -> Result<Tags, RegistryError> {
        let host = of.host().to_owned();
        match of.path() {
            "shop/private" => Err(RegistryError::Unauthorized { host, refusal: Refusal::NoCredential }),
            "shop/slow" => Err(RegistryError::Unusable { host, operation: "tags", reason: "status 500".into() }),
            "shop/empty" => Ok(Tags::of(of, wanted, &[])),
            "shop/lost" => Ok(Tags::of(of, wanted, &["9.9.9"])),
            _ => Ok(Tags::of(of, wanted, &["1.2.3", "1.3.0", "2.0.0", "latest"])),
        }
    }

    async fn digest(&self, _: &Repository, tag: &Tag, _: &Credential) -> Result<Option<Digest>, RegistryError> {
        Ok(Some(Digest::of(tag.as_str().as_bytes())))
    }

    async fn labels(&self, _: &Repository, _: &Digest, _: &Credential) -> Result<Option<Labels>, RegistryError> {
        Ok(None)
    }
}

fn named(namespace: &str, name: &str, image: &str, annotations: &[(&str, &str)]) -> Workload {
    let image = format!("registry.example.com/{image}");
    let workload = workload(&[(name, &image)], annotations);
    let id = WorkloadId { namespace: namespace.into(), name: name.into(), ..workload.id.clone() };
    Workload { id, ..workload }
}

fn entry(name: &str, outcome: Outcome) -> String {
    let digest = Digest::of(b"1.3.0");
    serde_json::json!([{
        "container": name, "version": "1.3.0", "previous": "1.2.3", "digest": digest.as_str(),
        "previousImage": "registry.example.com/shop/web:1.2.3", "time": "2026-11-18T10:00:00Z", "by": "policy",
        "outcome": outcome.as_str(), "level": "minor",
    }])
    .to_string()
}

fn shop() -> Vec<Workload> {
    let ask = ("mode", "NOTIFICATION");
    let auto = ("mode", "AUTO_UPDATE");
    let minor = ("strategy", "MINOR");
    let (pending, tracked) = (entry("rolling", Outcome::RollingOut), format!("latest@{}", Digest::of(b"older")));
    let failed = entry("failed", Outcome::Failed);
    let mut all = vec![
        named("shop", "web", "shop/web:1.2.3", &[ask, minor]),
        named("shop", "auto", "shop/web:1.2.3", &[auto]),
        named("shop", "new", "shop/web:2.0.0", &[ask]),
        named("shop", "held", "shop/web:1.3.0", &[ask, minor]),
        named("shop", "cooling", "shop/web:1.2.3", &[auto, ("cooldown", "24h")]),
        named("shop", "disabled", "shop/web:1.2.3", &[("mode", "DISABLED")]),
        named("shop", "misread", "shop/web:1.2.3", &[("mode", "SOMETIMES")]),
        named("shop", "named", "shop/web:latest", &[ask]),
        named("shop", "followed", "shop/web:latest", &[ask, ("track", "digest"), ("tracked-digest", &tracked)]),
        named("shop", "unpinned", "shop/web:latest", &[ask, ("track", "digest")]),
        named("shop", "private", "shop/private:1.2.3", &[ask]),
        named("shop", "slow", "shop/slow:1.2.3", &[ask]),
        named("shop", "empty", "shop/empty:1.2.3", &[ask]),
        named("shop", "lost", "shop/lost:1.2.3", &[ask]),
        named("shop", "rolling", "shop/web:1.3.0", &[ask, minor, ("history", &pending)]),
        named("shop", "failed", "shop/web:1.3.0", &[ask, minor, ("history", &failed)]),
        named("blog", "press", "shop/web:1.2.3", &[ask]),
        Workload { paused: true, ..named("shop", "paused", "shop/web:1.2.3", &[auto]) },
    ];
    all.push(named("shop", "digest", &format!("shop/web@{}", Digest::of(b"1.3.0")), &[ask]));
    let owner = Owner::read(|key| (key == "argocd.argoproj.io/instance").then_some("web"), |_| None);
    for workload in &mut all {
        match &*workload.id.name {
            "web" => workload.owner.clone_from(&owner.clone().map(Into::into)),
            "failed" | "rolling" => workload.rollout = Rollout::Progressing(Updated::default()),
            _ => {}
        }
    }
    all
}

async fn report() -> Report {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, KUBECONFIG).unwrap();
    let config = ClusterConfig { kubeconfig: Some(kubeconfig), ..ClusterConfig::default() };
    let (client, _) = connect(&config).await.unwrap();
    let ambient = Ambient::system().at(Arc::new(Noon));
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let may_not_patch =
        Right { namespace: Some("blog".into()), object: Object::Workloads(Kind::Deployment), verb: Verb::Patch };
    let rights = BTreeMap::from([(may_not_patch, Some(false))]);
    let bounds = Bounds::default();
    let look = Look { bounds: &bounds, kube: &kube, registry: &Shelf, ambient: &ambient, rights: &rights };
    let (rows, repositories) = look.rows(&shop()).await;
    let scope = Scope::in_namespace("stock").swap_remove(0);
    let error = ClusterError::Unlistable { scope: scope.clone(), message: "deployments.apps is forbidden".into() };
    let settings = vec!["asked by plain http: registry.example.com:5000".into()];
    Report { rows, unread: vec![Unread::of(&scope, &error)], repositories, took: Duration::from_millis(1234), settings }
}

#[tokio::test]
async fn tables() {
    let report = report().await;
    let (table, wide) = (report.print(Output::Table), report.print(Output::Wide));
    let told = format!("── check\n\n{table}{}\n── check -o wide\n\n{wide}", report.summary(Output::Table));
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn documents() {
    let report = report().await;
    let (json, yaml, names) = (report.print(Output::Json), report.print(Output::Yaml), report.print(Output::Name));
    let first = yaml.split("\n- ").take(2).collect::<Vec<_>>().join("\n- ");
    let told = format!(
        "── check -o json\n\n{json}\n── check -o yaml, its beginning\n\n{first}\n\n── check -o name\n\n{names}"
    );
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_to_show() {
    let scope = Scope::in_namespace("stock").swap_remove(0);
    let error = ClusterError::Unlistable { scope: scope.clone(), message: "deployments.apps is forbidden".into() };
    let empty =
        |unread| Report { rows: Vec::new(), unread, repositories: 0, took: Duration::ZERO, settings: Vec::new() };
    let (nothing, unread) = (empty(Vec::new()), empty(vec![Unread::of(&scope, &error)]));
    let told = format!(
        "── no workload\n\n{}\n── nothing could be read\n\n{}",
        nothing.summary(Output::Table),
        unread.summary(Output::Table)
    );
    insta::assert_snapshot!(told);
}
