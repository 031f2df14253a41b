//! Every kind of workload is updated and followed to its end, with real controllers; Argo Rollouts, whose definition comes and
//! goes, with a status that is set by hand.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::{Seen, Workload, WorkloadBuilder};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_daemon_set_is_healthy_when_every_node_runs_it,
        the_next_run_of_a_cron_job_tells,
        a_run_that_fails_is_an_update_that_failed,
        a_run_of_the_version_before_is_waited_for,
        init_containers_sidecars_and_image_volumes_are_updated,
        argo_rollouts_come_and_go,
    ]
}

const AUTO: (&str, &str) = ("image-watcher/mode", "AUTO_UPDATE");
/// What failed is left to people, so that its end is seen.
const STAYS: (&str, &str) = ("image-watcher/rollback", "false");

/// A repository with 1.0.0.
async fn repository(ctx: &Ctx, name: &str) -> Repository {
    let repository = ctx.repository(name);
    repository.push(Image::new("1.0.0")).await;
    repository
}

/// Pushes a tag, and says what a workload then runs.
async fn push(repository: &Repository, tag: &str) -> String {
    let digest = repository.push(Image::new(tag)).await;
    format!("{}@{digest}", repository.reference(tag))
}

fn outcomes(seen: &Seen) -> Vec<String> {
    let history = seen.annotation("image-watcher/history").unwrap_or("[]");
    let history: Value = serde_json::from_str(history).expect("JSON");
    let outcome = |entry: &Value| entry["outcome"].as_str().unwrap_or_default().to_owned();
    history.as_array().expect("a list").iter().map(outcome).collect()
}

fn has_outcome(wanted: &'static str) -> impl Fn(&Seen) -> bool {
    move |seen| outcomes(seen).first().is_some_and(|outcome| outcome == wanted)
}

/// What `explain` says of a workload.
async fn explained(ctx: &Ctx, what: &str) -> String {
    let kubeconfig = ctx.admin_kubeconfig().to_owned();
    let output = ctx.watcher().kubeconfig(&kubeconfig).output(&["explain", what, "-n", ctx.namespace()]).await;
    format!("{}{}", output.stdout, output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn explains(ctx: &Ctx, what: &str, words: &str) {
    let mut last = String::new();
    let said = eventually(words, async || {
        last = explained(ctx, what).await;
        last.contains(words).then_some(())
    });
    said.await;
}

async fn a_daemon_set_is_healthy_when_every_node_runs_it(ctx: Ctx) {
    let web = repository(&ctx, "web").await;
    let agent =
        ctx.daemon_set("agent").container("web", web.reference("1.0.0")).annotation(AUTO.0, AUTO.1).create().await;
    agent.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    let image = push(&web, "1.0.1").await;
    agent.wait_for_image("web", &image).await;
    let healthy = agent.wait_for("healthy", has_outcome("healthy")).await;
    assert!(healthy.rolled_out(), "it was said when it was so: {healthy:?}");
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("is healthy"), "{}", mail.text);
}

/// A yearly `CronJob` that runs what the repository has.
async fn cron_job(ctx: &Ctx, web: &Repository, change: impl FnOnce(&mut Value)) -> Workload {
    let builder = ctx.cron_job("report", "0 0 1 1 *").container("web", web.reference("1.0.0"));
    builder.annotation(AUTO.0, AUTO.1).annotation(STAYS.0, STAYS.1).with(change).create().await
}

/// Has the last run missed, so that the controller makes it up now.
async fn run(report: &Workload) {
    let long_ago = chrono::Utc::now() - chrono::TimeDelta::days(500);
    report.patch_status(json!({"lastScheduleTime": long_ago.format("%Y-%m-%dT%H:%M:%SZ").to_string()})).await;
}

async fn the_next_run_of_a_cron_job_tells(ctx: Ctx) {
    let web = repository(&ctx, "web").await;
    let report = cron_job(&ctx, &web, |_| {}).await;
    let _watcher = ctx.watcher().mail().start().await;
    let image = push(&web, "1.0.1").await;
    let written = report.wait_for_image("web", &image).await;
    assert_eq!(outcomes(&written), ["rolling-out"], "nothing has run yet");
    explains(&ctx, "cj/report", "the rollout of 1.0.1 waits: its next run is the first of it").await;
    report.patch(json!({"spec": {"suspend": true}})).await;
    explains(&ctx, "cj/report", "waits: it is suspended").await;
    report.patch(json!({"spec": {"suspend": false}})).await;
    assert_eq!(outcomes(&report.get().await), ["rolling-out"]);
    run(&report).await;
    report.wait_for("healthy", has_outcome("healthy")).await;
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("is healthy"), "{}", mail.text);
}

async fn a_run_that_fails_is_an_update_that_failed(ctx: Ctx) {
    let fails = repository(&ctx, "fails").await;
    let report =
        cron_job(&ctx, &fails, |object| object["spec"]["jobTemplate"]["spec"]["backoffLimit"] = json!(0)).await;
    let _watcher = ctx.watcher().mail().start().await;
    let image = push(&fails, "1.0.1").await;
    report.wait_for_image("web", &image).await;
    run(&report).await;
    let failed = report.wait_for("failed", has_outcome("failed")).await;
    assert_eq!(failed.ledger("web")["update"]["failure"]["reason"], "BackoffLimitExceeded", "{failed:?}");
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("failed"), "{}", mail.text);
}

/// Its image can't be pulled, so its Job never ends, and Forbid starts no other.
async fn a_run_of_the_version_before_is_waited_for(ctx: Ctx) {
    let broken = repository(&ctx, "broken").await;
    let report = cron_job(&ctx, &broken, |object| object["spec"]["concurrencyPolicy"] = json!("Forbid")).await;
    run(&report).await;
    report.wait_for("a run", |seen| seen.0["status"]["active"].is_array()).await;
    let _watcher = ctx.watcher().mail().start().await;
    let image = push(&broken, "1.0.1").await;
    report.wait_for_image("web", &image).await;
    let words = "a run of the version before goes on, and concurrencyPolicy Forbid starts none beside it";
    explains(&ctx, "cj/report", words).await;
    assert_eq!(outcomes(&report.get().await), ["rolling-out"]);
}

async fn init_containers_sidecars_and_image_volumes_are_updated(ctx: Ctx) {
    let names = ["web", "migrate", "proxy", "model"];
    let mut repositories = Vec::new();
    for name in names {
        repositories.push(repository(&ctx, name).await);
    }
    let [web, migrate, proxy, model] = &repositories[..] else { panic!("four of them") };
    let deployment = ctx
        .deployment("web")
        .container("web", web.reference("1.0.0"))
        .pod(|pod| {
            pod["initContainers"] = json!([{"name": "migrate", "image": migrate.reference("1.0.0")},
                {"name": "proxy", "image": proxy.reference("1.0.0"), "restartPolicy": "Always"}]);
            // One has the name of a container.
            pod["volumes"] = json!([{"name": "tmp", "emptyDir": {}},
                {"name": "web", "image": {"reference": model.reference("1.0.0")}}]);
            pod["containers"][0]["volumeMounts"] = json!([{"name": "web", "mountPath": "/model"}]);
        })
        .annotation(AUTO.0, AUTO.1)
        .annotation("image-watcher/strategy.volume.web", "PATCH")
        .create()
        .await;
    deployment.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    for (repository, list, name) in [
        (web, "containers", "web"),
        (migrate, "initContainers", "migrate"),
        (proxy, "initContainers", "proxy"),
        (model, "volumes", "web"),
    ] {
        let image = push(repository, "1.0.1").await;
        let is_written = |seen: &Seen| seen.image_in(list, name) == Some(&image);
        deployment.wait_for(&format!("{list}/{name} on 1.0.1"), is_written).await;
        deployment.wait_for("healthy", has_outcome("healthy")).await;
    }
    let done = deployment.get().await;
    for name in ["current-version", "current-version.migrate", "current-version.proxy", "current-version.volume.web"] {
        assert_eq!(done.annotation(&format!("image-watcher/{name}")), Some("1.0.1"), "{name}");
    }
    assert_eq!(done.ledger("volume.web")["update"]["tag"], "1.0.1", "{}", done.ledger("volume.web"));
    push(model, "1.1.0").await;
    let image = push(web, "1.1.0").await;
    deployment.wait_for_image("web", &image).await;
    assert_eq!(deployment.get().await.annotation("image-watcher/current-version.volume.web"), Some("1.0.1"), "PATCH");
}

/// As much of the definition as an API server needs.
const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rollouts.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {kind: Rollout, plural: rollouts, singular: rollout, shortNames: [ro]}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

async fn readiness(watcher: &Watcher) -> String {
    watcher.send(reqwest::Method::GET, &watcher.admin_url("/readyz?verbose"), &[], Vec::new()).await.body
}

/// The status of a Rollout whose controller has seen the newest revision, with this beside it.
fn status(seen: &Seen, more: &Value) -> Value {
    let mut status = json!({"observedGeneration": seen.generation().to_string(), "replicas": 1, "updatedReplicas": 1,
        "availableReplicas": 1, "currentPodHash": "b", "stableRS": "b", "phase": "Healthy", "pauseConditions": null});
    status.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    status
}

/// One test for all of it, as the definition is there for all namespaces.
async fn argo_rollouts_come_and_go(ctx: Ctx) {
    let web = repository(&ctx, "web").await;
    let watcher = ctx.watcher().mail().start().await;
    let absent = || async { readiness(&watcher).await.contains("not installed").then_some(()) };
    eventually("it is not there, which is no fault", absent).await;
    assert!(readiness(&watcher).await.lines().any(|line| line.starts_with("[+]watch of rollouts")));

    ctx.apply(DEFINITION).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(ctx.client().clone());
    eventually("the definition is served", async || {
        let definition = definitions.get("rollouts.argoproj.io").await.expect("a definition");
        let conditions = definition.status?.conditions?;
        conditions.iter().any(|it| it.type_ == "Established" && it.status == "True").then_some(())
    })
    .await;
    let cart = of_rollout(ctx.rollout("cart"), &web).create().await;
    a_canary_is_followed(&ctx, &cart, &web).await;
    // What failed on the one would be a question on the other.
    let other = repository(&ctx, "other").await;
    push(&other, "1.0.2").await;
    a_deployment_is_written_and_its_rollout_followed(&ctx, &other).await;

    let plain = ctx.watched("plain", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    definitions.delete("rollouts.argoproj.io", &DeleteParams::default()).await.expect("a deleted definition");
    eventually("it is gone", absent).await;
    let image = push(&web, "1.0.4").await;
    plain.wait_for_image("plain", &image).await;
    plain.wait_for("healthy", has_outcome("healthy")).await;
    let logs = watcher.logs();
    let told = logs.lines().filter(|line| line.contains("the cluster has no such kind")).count();
    assert_eq!(told, 2, "at the start and when it went:\n{logs}");
}

fn of_rollout(builder: WorkloadBuilder, web: &Repository) -> WorkloadBuilder {
    let steps = json!({"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}});
    let builder = builder.container("web", web.reference("1.0.0")).annotation(AUTO.0, AUTO.1);
    let builder = builder.annotation(STAYS.0, STAYS.1);
    builder.with(|object| object["spec"]["strategy"] = steps)
}

async fn a_canary_is_followed(ctx: &Ctx, cart: &Workload, web: &Repository) {
    cart.patch_status(status(&cart.get().await, &json!({}))).await;
    let image = push(web, "1.0.1").await;
    let written = cart.wait_for_image("web", &image).await;
    assert_eq!(outcomes(&written), ["rolling-out"], "the status is of the revision before");
    let pause = json!([{"reason": "CanaryPauseStep", "startTime": "2026-11-20T10:00:00Z"}]);
    let paused = json!({"phase": "Paused", "stableRS": "a", "currentStepIndex": 1, "pauseConditions": pause});
    cart.patch_status(status(&written, &paused)).await;
    explains(ctx, "ro/cart", "waits: its canary is paused until somebody promotes it").await;
    cart.patch_status(status(&written, &json!({}))).await;
    cart.wait_for("healthy", has_outcome("healthy")).await;

    let image = push(web, "1.0.2").await;
    let written = cart.wait_for_image("web", &image).await;
    let aborted = json!({"phase": "Degraded", "stableRS": "a", "abort": true, "conditions": [{"type": "Progressing",
        "status": "False", "reason": "RolloutAborted", "message": "Rollout aborted update to revision 3",
        "lastUpdateTime": "2026-11-20T10:00:00Z", "lastTransitionTime": "2026-11-20T10:00:00Z"}]});
    cart.patch_status(status(&written, &aborted)).await;
    let failed = cart.wait_for("failed", has_outcome("failed")).await;
    assert_eq!(failed.ledger("web")["update"]["failure"]["reason"], "RolloutAborted", "{failed:?}");
}

/// Its pods are described by a Deployment, which is at 0 replicas for that.
async fn a_deployment_is_written_and_its_rollout_followed(ctx: &Ctx, web: &Repository) {
    let described = ctx.deployment("described").container("web", web.reference("1.0.0")).replicas(0);
    let described = described.annotation(AUTO.0, AUTO.1).create().await;
    let image = described.wait_for("updated", |seen| seen.image("web").is_some_and(|it| it.contains("1.0.2"))).await;
    explains(ctx, "deploy/described", "waits: no replica is wanted").await;
    let refers = ctx.rollout("refers").with(|object| {
        let spec = object["spec"].as_object_mut().expect("an object");
        spec.remove("template");
        let reference = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "described"});
        spec.insert("workloadRef".into(), reference);
    });
    let refers = refers.create().await;
    let of = |seen: &Seen| {
        json!({"workloadObservedGeneration": seen.generation().to_string(), "stableRS": "a",
        "phase": "Progressing"})
    };
    let now = described.get().await;
    refers.patch_status(status(&refers.get().await, &of(&now))).await;
    explains(ctx, "deploy/described", "1.0.2 is being rolled out").await;
    assert_eq!(outcomes(&image), ["rolling-out"]);
    let kubeconfig = ctx.admin_kubeconfig().to_owned();
    let words = ["approve", "ro/refers", "-n", ctx.namespace(), "--yes"];
    let named = ctx.watcher().kubeconfig(&kubeconfig).output(&words).await;
    assert!(named.stderr.contains("ro/refers takes its pods from deploy/described"), "{}", named.stderr);
    let done = json!({"workloadObservedGeneration": now.generation().to_string()});
    refers.patch_status(status(&refers.get().await, &done)).await;
    described.wait_for("healthy", has_outcome("healthy")).await;
}
