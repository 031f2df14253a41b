//! What is written and read of workloads, on a real API server: several containers at once, refusals, who set an image.

use image_watcher::ambient::Ambient;
use image_watcher::cluster::{Cluster as _, ClusterError, Index, KubeCluster, RejectionReason, Scope};
use image_watcher::domain::owner::WriteOperation;
use image_watcher::domain::workload::{Place, Workload, WorkloadPatch};
use image_watcher::telemetry::metrics::Metrics;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::control_plane::client;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::{Ctx, objects};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        containers_of_all_lists_are_written_at_once_or_not_at_all,
        init_containers_and_sidecars_are_kept_up_to_date,
        a_refusal_is_told_for_what_it_is,
        who_set_an_image_is_known,
    ]
}

fn cluster(client: &kube::Client) -> KubeCluster {
    KubeCluster::new(client.clone(), Index::default(), Ambient::system(), Metrics::new())
}

/// The only watched workload of the test.
async fn only(ctx: &Ctx) -> Workload {
    let listed = cluster(ctx.client()).list(&Scope::in_namespace(ctx.namespace())).await.workloads;
    listed.into_iter().next().expect("a workload")
}

/// One with a container of each place.
async fn pod(ctx: &Ctx, images: &str, settings: &[(&str, &str)]) -> objects::Workload {
    let init = json!([{"name": "migrate", "image": images},
        {"name": "proxy", "image": images, "restartPolicy": "Always"}]);
    let mut builder = ctx.deployment("web").replicas(0).container("web", images);
    for (name, value) in settings {
        builder = builder.annotation(&format!("image-watcher/{name}"), value);
    }
    builder.with(|object| object["spec"]["template"]["spec"]["initContainers"] = init).create().await
}

fn init_image(object: &Value, index: usize) -> &str {
    object["spec"]["template"]["spec"]["initContainers"][index]["image"].as_str().expect("an image")
}

async fn containers_of_all_lists_are_written_at_once_or_not_at_all(ctx: Ctx) {
    let deployment = pod(&ctx, "registry.test/web:1.0.0", &[("mode", "DISABLED")]).await;
    let before = only(&ctx).await;
    let places: Vec<Place> = before.containers.iter().map(|container| container.place).collect();
    assert_eq!(places, [Place::Main, Place::Init, Place::Sidecar]);
    let to = |tag: &str| format!("registry.test/web:{tag}");
    let all = |workload: &Workload, tag: &str| {
        let patch = WorkloadPatch::of(workload);
        ["web", "migrate", "proxy"]
            .into_iter()
            .fold(patch, |patch, name| patch.guarded_by(workload, name).image(to(tag)))
    };
    let written = cluster(ctx.client()).apply(&all(&before, "1.0.1")).await.expect("a write");
    assert!(written.containers.iter().all(|container| *container.image == *to("1.0.1")), "{written:?}");
    let seen = deployment.get().await;
    assert_eq!((seen.image("web"), init_image(&seen.0, 0)), (Some(to("1.0.1").as_str()), &*to("1.0.1")));
    assert_eq!(seen.generation(), 2, "one write, one rollout");
    // Somebody else sets one of the three: none is written.
    deployment.set_image("web", &to("0.9.0")).await;
    let refused = cluster(ctx.client()).apply(&all(&written, "1.0.2")).await;
    let Err(ClusterError::Conflict { now: Some(now), .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(now.container("web").map(|(_, found)| found.image.to_string()), Some(to("0.9.0")));
    assert_eq!(init_image(&deployment.get().await.0, 1), to("1.0.1"));
}

async fn init_containers_and_sidecars_are_kept_up_to_date(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let deployment = pod(&ctx, &web.reference("1.0.0"), &[("mode", "AUTO_UPDATE"), ("mode.proxy", "DISABLED")]).await;
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    let new = format!("{}@{digest}", web.reference("1.0.1"));
    let done =
        deployment.wait_for("both are new", |seen| seen.image("web") == Some(&new) && init_image(&seen.0, 0) == new);
    assert_eq!(init_image(&done.await.0, 1), web.reference("1.0.0"), "a setting may name it");
}

/// Refuses two tags in the test's namespace, with the usual code and with that of missing rights.
fn policy(namespace: &str) -> String {
    let rule = |tag: &str, reason: &str| {
        json!({"expression": format!("!object.spec.template.spec.containers.exists(c, c.image.endsWith(':{tag}'))"),
            "message": format!("{tag} is not signed"), "reason": reason})
    };
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace}, "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["UPDATE"], "resources": ["deployments"]}]},
            "validations": [rule("1.0.1", "Invalid"), rule("1.0.2", "Forbidden")]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}});
    format!("{policy}\n---\n{binding}\n")
}

async fn a_refusal_is_told_for_what_it_is(ctx: Ctx) {
    ctx.apply(&policy(ctx.namespace())).await;
    let image = |tag: &str| format!("registry.test/web:{tag}");
    let deployment =
        ctx.deployment("web").replicas(0).container("web", image("1.0.0")).annotation("image-watcher/mode", "DISABLED");
    let deployment = deployment.create().await;
    let (admin, current) = (cluster(ctx.client()), only(&ctx).await);
    let write = |image: String| WorkloadPatch::of(&current).guarded_by(&current, "web").image(image);
    // A policy holds a moment after it was made: until then the image is put back.
    eventually("the policy is in force", async || {
        let patch =
            json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image("1.0.1")}]);
        let dry = PatchParams { dry_run: true, ..PatchParams::default() };
        let api: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(ctx.client().clone(), ctx.namespace());
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
        api.patch("web", &dry, &patch).await.is_err().then_some(())
    })
    .await;

    let rejection = async |patch: WorkloadPatch| match admin.apply(&patch).await {
        Err(ClusterError::Rejected { rejection, .. }) => rejection,
        other => panic!("{other:?}"),
    };
    for tag in ["1.0.1", "1.0.2"] {
        let policy = rejection(write(image(tag))).await;
        assert_eq!((policy.reason, policy.is_final()), (RejectionReason::Policy, true), "{policy}");
        assert!(policy.sentence.ends_with(&format!("{tag} is not signed")), "{policy}");
    }
    let annotation = |name: &str, value: String| WorkloadPatch::of(&current).set(&current, name, Some(value));
    let invalid = rejection(annotation("no name: s3cr3t", "x".into())).await;
    assert_eq!(invalid.reason, RejectionReason::Invalid);
    assert!(invalid.sentence.ends_with("metadata.annotations"), "{invalid}");
    let large = rejection(annotation("history", "x".repeat(300 * 1024))).await;
    assert_eq!(large.reason, RejectionReason::AnnotationsTooLarge);
    let nameless = rejection(write(String::new())).await;
    assert_eq!(nameless.reason, RejectionReason::Invalid, "{nameless}");

    let nobody = client(&ctx.kubeconfig_for(ctx.namespace(), "default").await).await;
    let forbidden = cluster(&nobody).apply(&write(image("1.0.3"))).await;
    assert!(matches!(&forbidden, Err(error @ ClusterError::Forbidden { .. }) if !error.is_final()), "{forbidden:?}");

    deployment.set_image("web", &image("0.9.0")).await;
    let conflict = admin.apply(&write(image("1.0.1"))).await;
    assert!(matches!(&conflict, Err(error @ ClusterError::Conflict { .. }) if !error.is_final()), "{conflict:?}");
}

async fn who_set_an_image_is_known(ctx: Ctx) {
    let image = |tag: &str| format!("registry.test/web:{tag}");
    let _deployment = pod(&ctx, &image("1.0.0"), &[("mode", "DISABLED")]).await;
    let (cluster, first) = (cluster(ctx.client()), only(&ctx).await);
    let written = cluster.apply(&WorkloadPatch::of(&first).guarded_by(&first, "migrate").image(image("1.0.1"))).await;
    written.expect("a write");
    let who = async |container: &str| cluster.who_set(&first.id, container).await.expect("an answer");
    let ours = who("migrate").await.expect("an owner");
    assert_eq!((ours.manager(), ours.operation), ("image-watcher", WriteOperation::Update));
    assert!(ours.time.is_some());
    assert_ne!(who("web").await.expect("an owner").manager(), "image-watcher");

    let api: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let set = |tag: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers":
            [{"name": "web", "image": image(tag)}]}}}})
    };
    let by_hand = PatchParams { field_manager: Some("kubectl-set".into()), ..PatchParams::default() };
    api.patch("web", &by_hand, &Patch::Strategic(set("0.9.0"))).await.expect("a write");
    let owner = who("web").await.expect("an owner");
    assert_eq!((owner.manager(), owner.operation), ("kubectl-set", WriteOperation::Update));
    api.patch("web", &PatchParams::apply("helm").force(), &Patch::Apply(set("0.8.0"))).await.expect("a write");
    let owner = who("web").await.expect("an owner");
    assert_eq!((owner.manager(), owner.operation), ("helm", WriteOperation::Apply));

    assert_eq!(who("gone").await, None);
    let mut other = first.id.clone();
    other.uid = "another".into();
    let gone = cluster.who_set(&other, "web").await;
    assert!(matches!(gone, Err(ClusterError::Gone(_))), "{gone:?}");
}
