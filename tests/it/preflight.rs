//! Look before you leap: versions that would not start are passed over, told once with their reason, and the next best is
//! judged in their place. Beside each stands what the kubelet, the runtime or the API server says of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{self, Image, Repository};
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Server};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_would_not_start_is_passed_over_and_told,
        what_admission_refuses_is_not_asked_and_the_next_best_is,
        what_a_webhook_refuses_is_passed_over,
        what_the_api_server_warns_of_is_told_with_the_question,
        steady_looks_ask_no_more_than_before,
        a_version_that_starts_no_more_is_not_applied_by_a_link,
    ]
}

/// A version that would not start.
struct Case {
    name: &'static str,
    /// What the pod template says.
    pod: Value,
    /// What is pushed as 1.0.2.
    bad: Image,
    /// Whether another version starts.
    has_next: bool,
    /// How we say it.
    ours: &'static str,
    /// What the kubelet or the runtime says: kubernetes v1.36.3, containerd v1.7.24.
    theirs: &'static str,
}

fn cases() -> Vec<Case> {
    let image = || Image::new("1.0.2").label("build", "bad");
    let non_root = || json!({"securityContext": {"runAsNonRoot": true}});
    let case = |name, pod, bad, ours, theirs| Case { name, pod, bad, has_next: true, ours, theirs };
    let of_container = json!({"containers": [{"name": "of-container", "image": "",
        "securityContext": {"runAsNonRoot": true}}]});
    vec![
        case("blob", json!({}), image().layer(b"lost"), "lacks the blob", "failed to copy: … not found"),
        case(
            "platform",
            json!({}),
            image().platforms(["linux/arm64", "linux/s390x"]),
            "it is not built for linux/amd64, which nodes of this cluster have",
            "no match for platform in manifest: not found",
        ),
        case(
            "lone",
            json!({}),
            image().platforms(["linux/arm64"]),
            "it is not built for linux/amd64, which nodes of this cluster have",
            "exec format error",
        ),
        case(
            "root",
            non_root(),
            image().starts("User", "0:0".into()),
            "the pod sets runAsNonRoot, and the image runs as root",
            "container has runAsNonRoot and image will run as root",
        ),
        case(
            "of-container",
            of_container,
            image(),
            "the pod sets runAsNonRoot, and the image runs as root",
            "container has runAsNonRoot and image will run as root",
        ),
        case(
            "named",
            non_root(),
            image().starts("User", "node".into()),
            "the image runs as \"node\", a name that the kubelet can't tell from root",
            "container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root",
        ),
        case(
            "invalid",
            non_root(),
            image().starts("User", "-1".into()),
            "the image runs as -1, which is no user",
            "container has runAsNonRoot and image has an invalid user id (-1)",
        ),
        case(
            "command",
            json!({}),
            image().starts("Cmd", Value::Null),
            "there is nothing to run",
            "failed to generate spec: no command specified",
        ),
        Case {
            name: "by-pod",
            pod: json!({"securityContext": {"runAsNonRoot": true, "runAsUser": 0}}),
            bad: image(),
            has_next: false,
            ours: "the pod sets runAsNonRoot and runAsUser: 0, which exclude each other",
            theirs: "container's runAsUser breaks non-root policy",
        },
    ]
}

/// A Deployment on 1.0.0 of a repository of its name, with this pod.
async fn deployed(ctx: &Ctx, name: &str, mode: &str, pod: &Value) -> (Repository, Workload) {
    let repository = ctx.repository(name);
    repository.push(Image::new("1.0.0").starts("User", "1000".into())).await;
    let builder = ctx.deployment(name).container(name, repository.reference("1.0.0"));
    let reference = repository.reference("1.0.0");
    let builder = builder.annotation("image-watcher/mode", mode).with(|object| {
        let spec = &mut object["spec"]["template"]["spec"];
        for (key, value) in pod.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        spec["containers"][0]["image"] = reference.into();
    });
    (repository, builder.create().await)
}

/// The notes of Events with this reason about a workload.
pub(crate) async fn events(ctx: &Ctx, workload: &str, reason: &str) -> Vec<String> {
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let list = events.list(&ListParams::default()).await.expect("Events");
    let is_it = |event: &k8s_openapi::api::events::v1::Event| {
        let regarding = event.regarding.as_ref().and_then(|it| it.name.as_deref());
        event.reason.as_deref() == Some(reason) && regarding == Some(workload)
    };
    list.items.into_iter().filter(is_it).filter_map(|event| event.note).collect()
}

async fn event(ctx: &Ctx, workload: &str, reason: &str) -> String {
    eventually(&format!("an Event {reason} of {workload}"), async || events(ctx, workload, reason).await.pop()).await
}

async fn what_would_not_start_is_passed_over_and_told(ctx: Ctx) {
    let mut all = Vec::new();
    for case in cases() {
        let (repository, workload) = deployed(&ctx, case.name, "AUTO_UPDATE", &case.pod).await;
        let good = repository.push(Image::new("1.0.1").starts("User", "1000:1000".into())).await;
        repository.push(case.bad.clone()).await;
        all.push((case, repository, workload, good));
    }
    let blob = all.iter().find(|(case, ..)| case.name == "blob").expect("it is there");
    blob.1.delete_blob(&images::digest(b"lost")).await;
    let watcher = ctx.watcher().mail().env("RUN_ON_BOOT", "TRUE").start().await;
    for (case, repository, workload, good) in &all {
        let told = eventually(&format!("an Event about {}", case.name), async || {
            let reasons = ["WouldNotStart", "PlatformMissing"];
            let all = futures_util::future::join_all(reasons.map(|reason| events(&ctx, case.name, reason))).await;
            all.into_iter().flatten().find(|told| told.contains("1.0.2 would not start: "))
        })
        .await;
        assert!(told.contains(case.ours), "{}: {told}", case.name);
        println!("{:<12} ours: {told}\n{:<12} theirs: {}", case.name, "", case.theirs);
        if case.has_next {
            workload.wait_for_image(case.name, &format!("{}@{good}", repository.reference("1.0.1"))).await;
        } else {
            let seen = workload.wait_for("it says so", |seen| seen.annotation("image-watcher/error").is_some()).await;
            assert!(seen.annotation("image-watcher/error").is_some_and(|error| error.contains(case.ours)));
            assert_eq!(seen.image(case.name), Some(repository.reference("1.0.0").as_str()));
        }
    }
    let mail = ctx.mailbox().wait_for_mail("1.0.2").await;
    assert!(mail.text.contains("would not start"), "{}", mail.text);
    let refused = all[0].2.get().await.ledger("blob")["refused"].clone();
    assert!(refused[0]["flaw"]["noBlob"].is_string(), "{refused}");
    // What is pushed again is another matter, which the service would take up at its next look.
    watcher.terminate().await;
    let whole = all[0].1.push(Image::new("1.0.2").label("build", "whole")).await;
    let explain = ctx.watcher().unconnected().output(&["explain", "deploy/blob", "-n", ctx.namespace()]).await;
    assert!(explain.stdout.contains("Looked at  platforms of the nodes; all 2 blobs there"), "{}", explain.stdout);
    assert!(!whole.is_empty());
    let explain = ctx.watcher().unconnected().output(&["explain", "deploy/lone", "-n", ctx.namespace(), "--all"]).await;
    assert!(
        explain.stdout.contains("1.0.2 is held back: it would not start: it is not built for linux/amd64"),
        "{}",
        explain.stdout
    );
    let check = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let rows: Value = serde_json::from_str(&check.stdout).expect("JSON");
    let row = rows["items"].as_array().expect("rows").iter().find(|row| row["name"] == "by-pod").expect("a row");
    assert!(row["state"] == "failed" || row["state"] == "cannot-tell", "{row}");
}

/// What refuses 1.0.2 in the test's namespace, once it is in force.
async fn refuse(ctx: &Ctx, workload: &str, repository: &Repository) {
    let name = ctx.namespace();
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"],
                "operations": ["UPDATE"], "resources": ["deployments"]}]},
            "validations": [{"expression": "!object.spec.template.spec.containers.exists(c, c.image.contains(':1.0.2'))",
                "message": "1.0.2 is not signed"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}}});
    ctx.apply(&format!("{policy}\n---\n{binding}\n")).await;
    is_in_force(ctx, workload, repository).await;
}

async fn is_in_force(ctx: &Ctx, workload: &str, repository: &Repository) {
    let api: Api<k8s_openapi::api::apps::v1::Deployment> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image",
        "value": repository.reference("1.0.2")}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(image).expect("a patch"));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    eventually("it is in force", async || api.patch(workload, &dry, &patch).await.is_err().then_some(())).await;
}

fn asked(tag: &'static str) -> impl Fn(&Seen) -> bool {
    move |seen| seen.ledger("web")["question"]["terms"]["tag"] == tag
}

async fn what_admission_refuses_is_not_asked_and_the_next_best_is(ctx: Ctx) {
    let (web, workload) = deployed(&ctx, "web", "NOTIFICATION", &json!({})).await;
    refuse(&ctx, "web", &web).await;
    let starts = || "1000".into();
    for tag in ["1.0.1", "1.0.2"] {
        web.push(Image::new(tag).starts("User", starts()).starts("Env", json!(["TOKEN=s3cr3t"]))).await;
    }
    let watcher = ctx.watcher().unconnected().mail().env("RUN_ON_BOOT", "TRUE").start().await;
    let seen = workload.wait_for("the next best is asked", asked("1.0.1")).await;
    let told = event(&ctx, "web", "UpdateRefused").await;
    assert!(told.contains("1.0.2 is not signed"), "{told}");
    let question = seen.ledger("web")["question"].clone();
    assert_eq!(question["preflight"]["dryRun"], "passed", "{question}");
    assert_eq!(question["preflight"]["changes"]["environment"]["added"], json!(["TOKEN"]), "{question}");
    assert!(!question.to_string().contains("s3cr3t"));
    assert!(question["why"].to_string().contains("1.0.2"), "{question}");
    let view = format!("/api/v1/workloads/{}/deploy/web", ctx.namespace());
    let view = watcher.send(reqwest::Method::GET, &watcher.admin_url(&view), &[], Vec::new()).await.json();
    let container = &view["containers"][0];
    assert_eq!(container["question"]["preflight"]["platforms"], "nodes", "{view}");
    assert!(container["refused"]["tag"] == "1.0.2", "{view}");
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("environment +TOKEN"), "{}", mail.text);
    let images = |event: &Value| event["requestObject"].to_string().contains("/image");
    eventually("dry runs are in the audit log", async || (ctx.dry_runs_of_watcher().len() >= 3).then_some(())).await;
    let rehearsed = ctx.dry_runs_of_watcher();
    assert_eq!(
        rehearsed.iter().filter(|event| images(event)).count(),
        3,
        "the refused one, the same without its image, and the next"
    );
    let api: Api<k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding> =
        Api::all(ctx.client().clone());
    api.delete(ctx.namespace(), &DeleteParams::default()).await.expect("no policy");
}

async fn what_a_webhook_refuses_is_passed_over(ctx: Ctx) {
    let hook = Server::start(Arc::new(|received| {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {
            "uid": received.json()["request"]["uid"], "allowed": false, "status": {"message": "1.0.2 is on no list"}}});
        let answer = Answer::status(200).header("Content-Type", "application/json").body(review.to_string());
        Box::pin(std::future::ready(answer))
    }));
    let front = ctx.tls_front(&["127.0.0.1"], hook.url("").trim_start_matches("http://")).await;
    let (web, workload) = deployed(&ctx, "web", "AUTO_UPDATE", &json!({})).await;
    let authority = std::fs::read(ctx.pki().path("ca.crt")).expect("an authority");
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": ctx.namespace()}, "webhooks": [{
            "name": "images.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "NoneOnDryRun",
            "failurePolicy": "Fail", "timeoutSeconds": 5,
            "clientConfig": {"url": format!("https://{}/admit", front.host()), "caBundle": STANDARD.encode(&authority)},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ctx.namespace()}},
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"],
                "resources": ["deployments"]}],
            "matchConditions": [{"name": "images",
                "expression": "object.spec.template.spec.containers[0].image.contains(':1.0.2')"}]}]});
    ctx.apply(&format!("{webhook}\n")).await;
    is_in_force(&ctx, "web", &web).await;
    web.push(Image::new("1.0.2").starts("User", "1000".into())).await;
    let good = web.push(Image::new("1.0.1").starts("User", "1000".into())).await;
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    workload.wait_for_image("web", &format!("{}@{good}", web.reference("1.0.1"))).await;
    let told = event(&ctx, "web", "UpdateRefused").await;
    assert!(told.contains("images.example.com") && told.contains("1.0.2 is on no list"), "{told}");
    let configurations: Api<k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration> =
        Api::all(ctx.client().clone());
    configurations.delete(ctx.namespace(), &DeleteParams::default()).await.expect("no webhook");
}

async fn what_the_api_server_warns_of_is_told_with_the_question(ctx: Ctx) {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(ctx.client().clone());
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let (web, workload) = deployed(&ctx, "web", "NOTIFICATION", &json!({})).await;
    namespaces.patch(ctx.namespace(), &PatchParams::default(), &Patch::Merge(labels)).await.expect("a label");
    web.push(Image::new("1.0.1")).await;
    let _watcher = ctx.watcher().mail().env("RUN_ON_BOOT", "TRUE").start().await;
    let seen = workload.wait_for("it is asked", asked("1.0.1")).await;
    let warned = seen.ledger("web")["question"]["preflight"]["dryRun"]["warned"].to_string();
    assert!(warned.contains("would violate PodSecurity"), "{warned}");
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("would violate PodSecurity"), "{}", mail.text);
}

async fn steady_looks_ask_no_more_than_before(ctx: Ctx) {
    let (web, workload) = deployed(&ctx, "web", "NOTIFICATION", &json!({})).await;
    web.push(Image::new("1.0.1")).await;
    let mut watcher =
        ctx.watcher().mail().env("RUN_ON_BOOT", "TRUE").env("IMAGE_WATCHER_SCHEDULE", "0 0 1 1 *").start().await;
    workload.wait_for("it is asked", asked("1.0.1")).await;
    let asked = |part: &str| {
        let ours = |line: &&String| line.contains("image-watcher/") && line.contains(part);
        web.requests().iter().filter(ours).count()
    };
    // Of each image the manifest by its digest and the configuration, which has the labels for its release notes; of the new
    // one also its layer.
    ctx.mailbox().wait_for_mail("1.0.1").await;
    let before = (asked("GET /v2"), asked("HEAD /v2"), ctx.dry_runs_of_watcher().len());
    assert_eq!((asked("/manifests/sha256:"), asked("/blobs/")), (2, 3), "{:#?}", web.requests());
    watcher.restart().await;
    let looks = "image_watcher_reconcile_duration_seconds_count{result=\"ok\"}";
    eventually("a look", async || watcher.metric(looks).await.filter(|count| *count >= 1.0)).await;
    assert_eq!(asked("GET /v2"), before.0 + 1, "one list, as what is asked about was looked at: {:#?}", web.requests());
    assert!(asked("HEAD /v2") <= before.1 + 1, "one question about the tag");
    assert_eq!(ctx.dry_runs_of_watcher().len(), before.2);
}

async fn a_version_that_starts_no_more_is_not_applied_by_a_link(ctx: Ctx) {
    let (web, workload) = deployed(&ctx, "web", "NOTIFICATION", &json!({})).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let links = ctx.mailbox().wait_for_mail("1.0.1").await.links();
    let link = links.iter().find(|link| link.contains("/a/")).expect("a link in the mail");
    let path = &link[link.find("/a/").expect("a link of ours")..];
    let pod = json!({"template": {"spec": {"securityContext": {"runAsNonRoot": true}}}});
    workload.patch(json!({"metadata": {"annotations": {"image-watcher/strategy": "MINOR"}}, "spec": pod})).await;
    let view = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    eventually("the pod template is seen", async || {
        let view = watcher.send(reqwest::Method::GET, &view, &[], Vec::new()).await.json();
        (view["containers"][0]["strategy"] == "MINOR").then_some(())
    })
    .await;
    let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
    let pressed = watcher.send(reqwest::Method::POST, &watcher.url(path), &headers, b"action=approve".to_vec()).await;
    assert_eq!(pressed.json()["reason"], "root", "{}", pressed.body);
    assert_eq!(pressed.status, 409, "{}", pressed.body);
    assert_eq!(workload.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
}
