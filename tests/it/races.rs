//! People and we write one workload at the same moment, on a real API server: whoever is second, no edit of a person is lost or
//! undone, and what changed its shape meanwhile is not written.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use image_watcher::ambient::Ambient;
use image_watcher::cluster::{Cluster as _, ClusterError, Index, KubeCluster};
use image_watcher::domain::workload::{Kind, Workload, WorkloadId, WorkloadPatch};
use image_watcher::telemetry::metrics::Metrics;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, EnvVar};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        two_hundred_edits_by_people_race_our_write,
        an_answer_by_link_races_an_edit,
        what_changed_its_shape_meanwhile_is_not_written,
    ]
}

/// So many workloads are raced at once, so often each.
const WORKLOADS: usize = 10;
const ROUNDS: usize = 20;

/// How a person writes, and what.
#[derive(Clone, Copy, Debug)]
enum Edit {
    /// As an editor does: the whole object as it was read, at the version that was read.
    Replaces(What),
    /// As `kubectl patch` and `kubectl set` do: whatever is there.
    Patches(What),
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The image that we are about to write.
    Image,
    /// Something else of the pods.
    Environment,
}

const EDITS: [Edit; 4] = [
    Edit::Replaces(What::Image),
    Edit::Replaces(What::Environment),
    Edit::Patches(What::Image),
    Edit::Patches(What::Environment),
];

/// What a person's edit is to leave behind.
struct Wanted {
    image: String,
    round: String,
}

fn deployments(ctx: &Ctx) -> Api<Deployment> {
    Api::namespaced(ctx.client().clone(), ctx.namespace())
}

fn container(deployment: &mut Deployment) -> &mut Container {
    let template = deployment.spec.as_mut().map(|spec| &mut spec.template);
    let pod = template.and_then(|template| template.spec.as_mut()).expect("a pod");
    pod.containers.first_mut().expect("a container")
}

impl What {
    fn change(self, wanted: &Wanted, container: &mut Container) {
        match self {
            Self::Image => container.image = Some(wanted.image.clone()),
            Self::Environment => {
                let round = EnvVar { name: "ROUND".into(), value: Some(wanted.round.clone()), value_from: None };
                container.env = Some(vec![round]);
            }
        }
    }

    fn patch(self, wanted: &Wanted) -> serde_json::Value {
        let container = match self {
            Self::Image => json!({"name": "web", "image": wanted.image}),
            Self::Environment => json!({"name": "web", "env": [{"name": "ROUND", "value": wanted.round}]}),
        };
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    }
}

/// A person writes, again where the API server says that the object has changed. How often that was.
async fn writes(api: &Api<Deployment>, name: &str, edit: Edit, wanted: &Wanted, read: Deployment) -> usize {
    let parameters = PostParams { field_manager: Some("kubectl-edit".into()), ..PostParams::default() };
    match edit {
        Edit::Patches(what) => {
            let by = PatchParams { field_manager: Some("kubectl-patch".into()), ..PatchParams::default() };
            api.patch(name, &by, &Patch::Strategic(what.patch(wanted))).await.expect("a patched workload");
            0
        }
        Edit::Replaces(what) => {
            let (mut edited, mut conflicts) = (read, 0);
            loop {
                what.change(wanted, container(&mut edited));
                match api.replace(name, &parameters, &edited).await {
                    Ok(_) => return conflicts,
                    Err(kube::Error::Api(status)) if status.code == 409 => conflicts += 1,
                    Err(error) => panic!("{error}"),
                }
                edited = api.get(name).await.expect("the workload");
            }
        }
    }
}

/// The workload as the service reads it.
async fn read(cluster: &KubeCluster, ctx: &Ctx, name: &str) -> Workload {
    let (namespace, name) = (ctx.namespace().into(), name.into());
    let id = WorkloadId { namespace, kind: Kind::Deployment, name, uid: Box::default() };
    cluster.read(&id).await.expect("an answer").expect("a watched workload")
}

fn cluster(ctx: &Ctx) -> KubeCluster {
    KubeCluster::new(ctx.client().clone(), Index::default(), Ambient::system(), Metrics::new())
}

/// Who was first.
#[derive(Default)]
struct Orders {
    ours: AtomicUsize,
    theirs: AtomicUsize,
    conflicts: AtomicUsize,
}

async fn race(cluster: &KubeCluster, ctx: &Ctx, name: &str, number: usize, orders: &Orders) {
    let (api, edit) = (deployments(ctx), EDITS[number % EDITS.len()]);
    let before = api.get(name).await.expect("the workload");
    let workload = read(cluster, ctx, name).await;
    let ours = format!("registry.test/web:2.0.{number}");
    let wanted = Wanted { image: format!("registry.test/web:9.0.{number}"), round: number.to_string() };
    let patch = WorkloadPatch::of(&workload).guarded_by(&workload, "web").image(ours.clone());
    let (written, conflicts) = tokio::join!(cluster.apply(&patch), writes(&api, name, edit, &wanted, before.clone()));
    let mut after = api.get(name).await.expect("the workload");
    let generations = after.metadata.generation.zip(before.metadata.generation).map(|(after, before)| after - before);
    let container = container(&mut after);
    let round = container.env.iter().flatten().find(|it| it.name == "ROUND").and_then(|it| it.value.clone());
    let image = container.image.clone().unwrap_or_default();
    let expected = match (&written, edit) {
        (_, Edit::Replaces(What::Image) | Edit::Patches(What::Image)) => wanted.image.clone(),
        (Ok(_), _) => ours,
        (Err(_), _) => panic!("{edit:?}: an edit of something else does not keep us from writing: {written:?}"),
    };
    assert_eq!(image, expected, "{edit:?} {number}: {written:?}");
    if let Edit::Replaces(What::Environment) | Edit::Patches(What::Environment) = edit {
        assert_eq!(round.as_deref(), Some(&*wanted.round), "{edit:?} {number}: {written:?}");
    }
    let is_ours = match &written {
        Ok(_) => 1,
        Err(ClusterError::Conflict { .. }) => 0,
        Err(other) => panic!("{edit:?} {number}: {other:?}"),
    };
    assert_eq!(generations, Some(1 + is_ours), "{edit:?} {number}: each write that was taken, once");
    orders.conflicts.fetch_add(conflicts, Ordering::Relaxed);
    let first = if is_ours == 0 { &orders.theirs } else { &orders.ours };
    first.fetch_add(1, Ordering::Relaxed);
}

async fn two_hundred_edits_by_people_race_our_write(ctx: Ctx) {
    let names: Vec<String> = (0..WORKLOADS).map(|number| format!("web-{number}")).collect();
    for name in &names {
        let builder = ctx.deployment(name).replicas(0).container("web", "registry.test/web:1.0.0");
        builder.annotation("image-watcher/mode", "DISABLED").create().await;
    }
    let cluster = cluster(&ctx);
    let orders = Orders::default();
    let all = names.iter().enumerate().map(|(workload, name)| {
        let (cluster, ctx, orders) = (&cluster, &ctx, &orders);
        async move {
            for round in 0..ROUNDS {
                Box::pin(race(cluster, ctx, name, workload * ROUNDS + round, orders)).await;
            }
        }
    });
    join_all(all).await;
    let [ours, theirs, conflicts] = [orders.ours, orders.theirs, orders.conflicts].map(AtomicUsize::into_inner);
    assert_eq!(ours + theirs, WORKLOADS * ROUNDS);
    println!(
        "our write was taken {ours} times, and a person's before it {theirs} times; {conflicts} edits were made again"
    );
}

async fn an_answer_by_link_races_an_edit(ctx: Ctx) {
    let web = ctx.repository("web");
    for version in ["1.0.0", "9.0.0"] {
        web.push(Image::new(version)).await;
    }
    let names: Vec<String> = (0..12).map(|number| format!("web-{number}")).collect();
    let mut workloads = Vec::new();
    for name in &names {
        let builder = ctx.deployment(name).replicas(0).container("web", web.reference("1.0.0"));
        let builder = builder.annotation("image-watcher/mode", "NOTIFICATION");
        workloads.push(builder.annotation("image-watcher/strategy", "PATCH").create().await);
    }
    let watcher = ctx.watcher().mail().start().await;
    let ours = format!("{}@{}", web.reference("1.0.1"), web.push(Image::new("1.0.1")).await);
    let api = deployments(&ctx);
    for (number, (name, workload)) in names.iter().zip(&workloads).enumerate() {
        let path = ctx.mailbox().link(&format!("/{name}]")).await;
        let edit = EDITS[number % EDITS.len()];
        let wanted = Wanted { image: web.reference("9.0.0"), round: number.to_string() };
        let before = api.get(name).await.expect("the workload");
        let answer = watcher.post_form(&path, &[("action", "approve")]);
        let (answer, _) = tokio::join!(answer, writes(&api, name, edit, &wanted, before));
        let is_theirs = matches!(edit, Edit::Replaces(What::Image) | Edit::Patches(What::Image));
        assert!(answer.status == 303 || answer.status == 409 && is_theirs, "{edit:?}: {}", answer.body);
        let (image, version) = if is_theirs { (&wanted.image, "9.0.0") } else { (&ours, "1.0.1") };
        // The service has seen what became of it, and leaves it so.
        let seen = workload.wait_for_annotation("image-watcher/current-version", version).await;
        assert_eq!(seen.image("web"), Some(&**image), "{edit:?}: {}", answer.status);
        let round = |seen: &Seen| seen.0["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"].clone();
        assert!(is_theirs || round(&seen) == *wanted.round, "{edit:?}: {}", round(&seen));
    }
}

async fn what_changed_its_shape_meanwhile_is_not_written(ctx: Ctx) {
    let image = |name: &str, tag: &str| format!("registry.test/{name}:{tag}");
    let pair = || {
        let builder = ctx.deployment("web").replicas(0).container("web", image("web", "1.0.0"));
        builder.container("log", image("log", "1.0.0")).annotation("image-watcher/mode", "DISABLED")
    };
    let deployment = pair().create().await;
    let cluster = cluster(&ctx);
    let patch =
        |workload: &Workload| WorkloadPatch::of(workload).guarded_by(workload, "web").image(image("web", "1.0.1"));
    let stale = patch(&read(&cluster, &ctx, "web").await);
    // Another order: what stood first is another container.
    let reordered =
        json!([{"name": "log", "image": image("log", "1.0.0")}, {"name": "web", "image": image("web", "1.0.0")}]);
    let set = async |containers: &serde_json::Value| {
        deployment.patch(json!({"spec": {"template": {"spec": {"containers": containers}}}})).await
    };
    let before = set(&reordered).await;
    let refused = cluster.apply(&stale).await;
    assert!(matches!(refused, Err(ClusterError::Conflict { .. })), "{refused:?}");
    assert_eq!(deployment.get().await.generation(), before.generation(), "nothing is written");
    let written = cluster.apply(&patch(&read(&cluster, &ctx, "web").await)).await.expect("a write");
    let images: Vec<&str> = written.containers.iter().map(|container| &*container.image).collect();
    assert_eq!(images, [image("log", "1.0.0"), image("web", "1.0.1")], "as it is read anew, it is");
    // Another name.
    let stale = WorkloadPatch::of(&written).guarded_by(&written, "web").image(image("web", "1.0.2"));
    let before =
        set(&json!([{"name": "log", "image": image("log", "1.0.0")}, {"name": "app", "image": image("web", "1.0.1")}]))
            .await;
    let refused = cluster.apply(&stale).await;
    assert!(matches!(refused, Err(ClusterError::Conflict { .. })), "{refused:?}");
    assert_eq!(deployment.get().await.generation(), before.generation(), "nothing is written");
    // Another object of the same name and shape.
    let now = read(&cluster, &ctx, "web").await;
    let stale = WorkloadPatch::of(&now).guarded_by(&now, "app").image(image("web", "1.0.2"));
    deployment.delete().await;
    let again = pair().create().await;
    set(&json!([{"name": "log", "image": image("log", "1.0.0")}, {"name": "app", "image": image("web", "1.0.1")}]))
        .await;
    let refused = cluster.apply(&stale).await;
    assert!(matches!(refused, Err(ClusterError::Gone(_))), "{refused:?}");
    assert_eq!(again.get().await.image("app"), Some(&*image("web", "1.0.1")));
}
