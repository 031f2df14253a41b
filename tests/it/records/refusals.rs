//! What the cluster refuses, or somebody paused, is no loop: it is told once, tried seldom, and goes on when it can.

use chrono::Utc;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Scene, opened, press};
use crate::harness::Ctx;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(super) fn tests() -> Vec<Test> {
    tests![
        what_a_policy_refuses_is_told_once_and_not_tried_again_and_again,
        what_a_policy_refuses_a_person_is_told_and_can_be_done_later,
        nothing_is_written_to_a_paused_deployment,
        what_admission_keeps_out_is_nobodys_word,
    ]
}

/// Refuses an image in the test's namespace, once it is in force.
async fn refuse(scene: &Scene, tag: &str) {
    let namespace = scene.ctx.namespace();
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace}, "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["UPDATE"], "resources": ["deployments"]}]},
            "validations": [{
                "expression": format!("!object.spec.template.spec.containers.exists(c, c.image.contains(':{tag}'))"),
                "message": format!("{tag} is not signed")}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}});
    scene.ctx.apply(&format!("{policy}\n---\n{binding}\n")).await;
    eventually("the policy is in force", async || (!is_allowed(scene, tag).await).then_some(())).await;
}

async fn is_allowed(scene: &Scene, tag: &str) -> bool {
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image",
        "value": scene.repository.reference(tag)}]);
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let api: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(scene.ctx.client().clone(), scene.ctx.namespace());
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
    api.patch("web", &dry, &patch).await.is_ok()
}

async fn allow(scene: &Scene, tag: &str) {
    use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(scene.ctx.client().clone());
    bindings.delete(scene.ctx.namespace(), &DeleteParams::default()).await.expect("no policy");
    eventually("the policy is gone", async || is_allowed(scene, tag).await.then_some(())).await;
}

/// How often the watcher tried to write an image, whatever came of it, and be it for a judgement only.
fn tries(ctx: &Ctx) -> usize {
    let events = [ctx.audit_of_watcher(), ctx.dry_runs_of_watcher()].concat();
    let writes = |event: &&Value| {
        let operations = event["requestObject"].as_array().cloned().unwrap_or_default();
        operations.iter().any(|operation| {
            operation["op"] == "replace" && operation["path"].as_str().is_some_and(|path| path.ends_with("/image"))
        })
    };
    events.iter().filter(writes).count()
}

async fn what_a_policy_refuses_is_told_once_and_not_tried_again_and_again(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    refuse(&scene, "1.0.1").await;
    scene.push("1.0.1").await;
    scene.is_told("update.failed", "1.0.1").await;
    let refused = scene.workload.wait_for("refused", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let error = refused.annotation("image-watcher/error").expect("it says so");
    assert!(error.contains("1.0.1 is not signed"), "{error}");
    for _ in 0..3 {
        scene.at_rest().await;
    }
    assert_eq!(tries(&ctx), 1, "it is not tried at each look");
    let rest = scene.workload.get().await;
    assert_eq!(rest.annotation("image-watcher/error"), Some(error), "it goes on saying so");
    scene.workload.annotate("image-watcher/error", Some("forged")).await;
    scene.at_rest().await;
    assert_eq!(scene.workload.get().await.annotation("image-watcher/error"), Some(error));
    let told = scene.told();
    assert_eq!(told, [(("update.failed".to_owned(), "1.0.1".to_owned()), 1)].into());
    let failed = &scene.hook.requests()[0].json();
    assert!(failed["data"].to_string().contains("1.0.1 is not signed"), "{failed}");
    let events = scene.events("UpdateRefused").await;
    assert!(events.len() == 1 && events[0].contains("1.0.1 is not signed"), "{events:?}");
    let again = &scene.workload.get().await.ledger("web")["refused"][0]["again"];
    let hours = (again.as_i64().expect("a time") - Utc::now().timestamp()) / 60;
    assert!((300..=360).contains(&hours), "it is tried again in six hours: {hours} minutes");

    // A newer version is another matter.
    let newer = scene.push("1.0.2").await;
    let done = scene.ended(&newer).await;
    assert_eq!(done.annotation("image-watcher/error"), None);
    assert_eq!((tries(&ctx), scene.image_writes()), (3, 1), "the newer one was judged and written");
    scene.at_rest().await;
    allow(&scene, "1.0.1").await;
}

async fn what_a_policy_refuses_a_person_is_told_and_can_be_done_later(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (image, path) = scene.ask("1.0.1").await;
    refuse(&scene, "1.0.1").await;
    let answer = press(&scene.watcher, &path, "approve").await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("1.0.1 is not signed"), "{}", answer.body);
    let page = scene.watcher.post_form(&path, &[("action", "approve")]).await;
    assert!(page.status == 409 && page.body.contains("1.0.1 is not signed"), "{}: {}", page.status, page.body);
    assert_eq!(tries(&ctx), 3, "it was judged before it was asked about; then one try a press");
    scene.at_rest().await;
    assert_eq!(opened(&scene.watcher, &path).await.status, 200);
    assert_eq!(scene.image_writes(), 0);
    allow(&scene, "1.0.1").await;
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    scene.ended(&image).await;
    scene.is_used(&path, "1.0.1").await;
}

/// Has admission keep the image that is there, as freeze webhooks do.
async fn freeze(scene: &Scene, tag: &str) {
    let namespace = scene.ctx.namespace();
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": namespace}, "spec": {"failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["UPDATE"], "resources": ["deployments"]}]},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
                "[JSONPatch{op: 'replace', path: '/spec/template/spec/containers/0/image', \
                 value: oldObject.spec.template.spec.containers[0].image}]"}}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace,
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}});
    scene.ctx.apply(&format!("{policy}\n---\n{binding}\n")).await;
    eventually("the policy is in force", async || (!is_left(scene, tag).await).then_some(())).await;
}

/// Whether the API server would leave this image as it is written.
async fn is_left(scene: &Scene, tag: &str) -> bool {
    let image = scene.repository.reference(tag);
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let api: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(scene.ctx.client().clone(), scene.ctx.namespace());
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).expect("a patch"));
    let judged = api.patch("web", &dry, &patch).await.expect("it is taken");
    serde_json::to_string(&judged).expect("JSON").contains(&image)
}

async fn what_admission_keeps_out_is_nobodys_word(ctx: Ctx) {
    const SAID: &str = "admission leaves 1.0.0 here (a webhook or policy changes it)";
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (_, path) = scene.ask("1.0.1").await;
    freeze(&scene, "1.0.1").await;
    let answer = press(&scene.watcher, &path, "approve").await;
    assert!(answer.status == 409 && answer.body.contains(SAID), "{}: {}", answer.status, answer.body);
    let command = ctx.watcher().unconnected();
    let command = command.output(&["approve", "deploy/web", "-n", ctx.namespace(), "--yes"]).await;
    assert!(command.stderr.contains(SAID), "{}{}", command.stdout, command.stderr);
    assert_eq!(opened(&scene.watcher, &path).await.status, 200, "it can still be answered");
    scene.workload.annotate("image-watcher/mode", Some("AUTO_UPDATE")).await;
    scene.push("1.0.2").await;
    scene.is_told("update.failed", "1.0.2").await;
    let rest = scene.at_rest().await;
    assert!(
        rest.annotation("image-watcher/error").is_some_and(|error| error.contains(SAID)),
        "{:?}",
        super::ours(&rest)
    );
    assert_eq!(rest.annotation("image-watcher/held"), None);
    assert_eq!((scene.events("VersionHeld").await.len(), scene.image_writes()), (0, 0));
    let told = scene.told();
    assert_eq!(told[&("update.failed".into(), "1.0.2".into())], 1, "{told:?}");
    assert!(!told.keys().any(|(kind, _)| kind == "update.held" || kind == "approval.granted"), "{told:?}");
}

async fn nothing_is_written_to_a_paused_deployment(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    scene.workload.patch(json!({"spec": {"paused": true}})).await;
    scene.at_rest().await;
    let image = scene.push("1.0.1").await;
    scene.workload.wait_for("it waits", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let rest = scene.at_rest().await;
    assert!(
        rest.annotation("image-watcher/error").is_some_and(|error| error.contains("paused")),
        "{:?}",
        super::ours(&rest)
    );
    assert_eq!(scene.image_writes(), 0);
    assert_eq!(scene.events("RolloutPaused").await.len(), 1);
    scene.workload.patch(json!({"spec": {"paused": null}})).await;
    scene.ended(&image).await;
    assert_eq!(scene.image_writes(), 1);
}
