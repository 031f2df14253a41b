//! What stands in the way of a way back, with real controllers: a `StatefulSet` waits for its broken pod, a `CronJob` under Forbid for
//! a Job that never starts. People are told what to delete; where the operator allows it, exactly that is deleted.

use image_watcher::ambient::Ambient;
use image_watcher::cluster::{Cluster as _, Deletion, Index, KubeCluster, Removal, Scope};
use image_watcher::domain::rollout::obstacle::Hope;
use image_watcher::domain::workload;
use image_watcher::telemetry::metrics::Metrics;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::mail::Mail;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::WatcherBuilder;
use crate::rights::manifests;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_stateful_set_waits_for_a_pod_and_people_are_told_the_line_that_deletes_it,
        where_it_is_allowed_exactly_that_pod_is_deleted_and_the_stateful_set_heals,
        without_the_right_it_is_said_that_it_is_missing,
        a_cron_job_that_waits_for_a_job_that_never_starts_is_told_or_freed,
        a_run_that_hangs_is_left_to_people,
        what_is_not_what_was_read_is_never_deleted,
    ]
}

const AUTO: (&str, &str) = ("image-watcher/mode", "AUTO_UPDATE");
const ALLOWED: (&str, &str) = ("IMAGE_WATCHER_DELETE_BROKEN", "TRUE");

async fn repository(ctx: &Ctx, name: &str) -> Repository {
    let repository = ctx.repository(name);
    repository.push(Image::new("1.0.0")).await;
    repository
}

/// One of three pods, whose version 1.0.1 crashes.
async fn database(ctx: &Ctx, change: impl FnOnce(&mut Value)) -> (Workload, Repository) {
    let crashing = repository(ctx, "crashing").await;
    let builder = ctx.stateful_set("db").replicas(3).container("web", crashing.reference("1.0.0"));
    let set = builder.annotation(AUTO.0, AUTO.1).with(change).create().await;
    set.wait_for_rollout().await;
    (set, crashing)
}

fn outcome(seen: &Seen) -> String {
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    history[0]["outcome"].as_str().unwrap_or_default().to_owned()
}

fn error(seen: &Seen) -> &str {
    seen.annotation("image-watcher/error").unwrap_or_default()
}

async fn pods(ctx: &Ctx) -> Vec<Pod> {
    let pods: Api<Pod> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    pods.list(&ListParams::default()).await.expect("pods").items
}

/// Name, uid and image of each.
async fn who_is_there(ctx: &Ctx) -> Vec<[String; 3]> {
    let of = |pod: Pod| {
        let image = pod.spec.and_then(|spec| spec.containers.into_iter().next()?.image).unwrap_or_default();
        [pod.metadata.name.unwrap_or_default(), pod.metadata.uid.unwrap_or_default(), image]
    };
    let mut all: Vec<_> = pods(ctx).await.into_iter().map(of).collect();
    all.sort();
    all
}

/// What the service deleted, as the API server's log has it: resource, name, and what became of it.
fn deletions(ctx: &Ctx) -> Vec<String> {
    let mine = ctx.audit_of_watcher().into_iter().filter(|event| event["verb"] == "delete");
    let line = |event: Value| {
        let text = |pointer: &str| event.pointer(pointer).map(ToString::to_string).unwrap_or_default().replace('"', "");
        format!("{} {} {}", text("/objectRef/resource"), text("/objectRef/name"), text("/responseStatus/code"))
    };
    mine.map(line).collect()
}

async fn events(ctx: &Ctx, reason: &str) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let all = events.list(&ListParams::default()).await.expect("events").items;
    let of_reason = all.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
    of_reason.filter_map(|event| event.note).collect()
}

/// The mail that says this, in one line.
async fn mail(ctx: &Ctx, words: &str) -> String {
    let line = |mail: Mail| mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = || async { ctx.mailbox().list().await.into_iter().map(line).find(|text| text.contains(words)) };
    eventually(words, async || found().await).await
}

async fn a_stateful_set_waits_for_a_pod_and_people_are_told_the_line_that_deletes_it(ctx: Ctx) {
    let (set, crashing) = database(&ctx, |_| {}).await;
    let _watcher = ctx.watcher().mail().start().await;
    crashing.push(Image::new("1.0.1")).await;
    let line = format!("kubectl delete pod db-2 -n {}", ctx.namespace());
    let told = mail(&ctx, "failed.").await;
    assert!(
        told.contains(&format!(
            "Its controller waits for pod db-2, which does not come up, until somebody deletes it: {line}"
        )),
        "{told}"
    );
    let stuck = set.wait_for("what blocks it", |seen| error(seen).contains("kubectl")).await;
    assert_eq!(stuck.image("web"), Some(&*crashing.reference("1.0.0")), "it went back");
    assert!(error(&stuck).ends_with(&line), "{}", error(&stuck));
    eventually("an Event", async || {
        events(&ctx, "RolloutSlow").await.iter().any(|note| note.ends_with(&line)).then_some(())
    })
    .await;
    assert!(deletions(&ctx).is_empty(), "{:?}", deletions(&ctx));
    // Somebody does what it says.
    let api: Api<Pod> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    api.delete("db-2", &DeleteParams::default()).await.expect("a deleted pod");
    let healthy = set.wait_for("healthy", |seen| outcome(seen) == "healthy" && error(seen).is_empty()).await;
    assert_eq!(healthy.image("web"), Some(&*crashing.reference("1.0.0")));
    assert!(deletions(&ctx).is_empty(), "{:?}", deletions(&ctx));
}

async fn where_it_is_allowed_exactly_that_pod_is_deleted_and_the_stateful_set_heals(ctx: Ctx) {
    let (set, crashing) = database(&ctx, |_| {}).await;
    let before = who_is_there(&ctx).await;
    let _watcher = ctx.watcher().mail().env(ALLOWED.0, ALLOWED.1).start().await;
    crashing.push(Image::new("1.0.1")).await;
    let told = mail(&ctx, "failed.").await;
    assert!(told.contains("waits for pod db-2, which does not come up, so image-watcher deletes it."), "{told}");
    set.wait_for("healthy", |seen| outcome(seen) == "healthy").await;
    let after = who_is_there(&ctx).await;
    assert_eq!(after[..2], before[..2], "pods that ran are the same");
    assert_ne!(after[2][1], before[2][1]);
    assert_eq!(after[2][2], crashing.reference("1.0.0"));
    assert_eq!(deletions(&ctx), ["pods db-2 200"; 2], "tried without doing it, then done once");
    assert_eq!(events(&ctx, "BrokenDeleted").await, ["web: pod db-2 of 1.0.1 is deleted, as nothing went on before"]);
    let told = mail(&ctx, "runs 1.0.0 again").await;
    assert!(told.contains("pod db-2 was deleted, as nothing went on before."), "{told}");
}

/// The delivered rights, for an account of this namespace.
async fn delivered(ctx: &Ctx, folders: &[&str]) -> WatcherBuilder {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "image-watcher"}});
    ctx.apply(&account.to_string()).await;
    for folder in folders {
        let here = format!("namespace: {}", ctx.namespace());
        ctx.apply(&manifests(folder).replace("namespace: image-watcher", &here)).await;
    }
    let kubeconfig = ctx.kubeconfig_for(ctx.namespace(), "image-watcher").await;
    ctx.watcher().kubeconfig(&kubeconfig).mail().env(ALLOWED.0, ALLOWED.1)
}

async fn without_the_right_it_is_said_that_it_is_missing(ctx: Ctx) {
    let (set, crashing) = database(&ctx, |_| {}).await;
    let builder = delivered(&ctx, &["namespace"]).await;
    let doctor = builder.output(&["doctor"]).await;
    let granted = format!("--serviceaccount={}:image-watcher", ctx.namespace());
    assert!(doctor.stdout.contains("apply -f deploy/delete-broken/role.yaml &&"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains(&granted), "{}", doctor.stdout);
    let watcher = delivered(&ctx, &[]).await.start().await;
    crashing.push(Image::new("1.0.1")).await;
    let stuck = set.wait_for("what blocks it", |seen| error(seen).contains("kubectl")).await;
    let line = format!("kubectl delete pod db-2 -n {}", ctx.namespace());
    assert!(error(&stuck).contains(&line), "{}", error(&stuck));
    assert!(
        error(&stuck).ends_with("rbac.deleteBroken of the chart or deploy/delete-broken allows it"),
        "{}",
        error(&stuck)
    );
    drop(watcher);
    // With it the next look does it.
    let _watcher = delivered(&ctx, &["delete-broken"]).await.start().await;
    set.wait_for("healthy", |seen| outcome(seen) == "healthy").await;
}

/// Has the last run missed, so that the controller makes it up now.
async fn run(report: &Workload) {
    let long_ago = chrono::Utc::now() - chrono::TimeDelta::days(500);
    report.patch_status(json!({"lastScheduleTime": long_ago.format("%Y-%m-%dT%H:%M:%SZ").to_string()})).await;
}

/// A yearly one, whose version 1.0.1 is not there when a node pulls it.
async fn report(ctx: &Ctx, name: &str, missing: &Repository) -> Workload {
    let builder = ctx.cron_job(name, "0 0 1 1 *").container("web", missing.reference("1.0.0"));
    let forbid = |object: &mut Value| object["spec"]["concurrencyPolicy"] = json!("Forbid");
    builder.annotation(AUTO.0, AUTO.1).with(forbid).create().await
}

async fn a_cron_job_that_waits_for_a_job_that_never_starts_is_told_or_freed(ctx: Ctx) {
    let missing = repository(&ctx, "missing").await;
    let report = report(&ctx, "report", &missing).await;
    let watcher = ctx.watcher().mail().start().await;
    missing.push(Image::new("1.0.1")).await;
    report.wait_for("1.0.1", |seen| seen.image("web").is_some_and(|image| image.contains("1.0.1@"))).await;
    run(&report).await;
    let told = mail(&ctx, "failed.").await;
    let line = "until somebody deletes it: kubectl delete job report-";
    assert!(told.contains("No other run begins beside job report-") && told.contains(line), "{told}");
    let stuck = report.wait_for("what blocks it", |seen| error(seen).contains("kubectl")).await;
    assert_eq!(stuck.image("web"), Some(&*missing.reference("1.0.0")), "it went back");
    assert!(error(&stuck).contains("runs 1.0.1 and never starts"), "{}", error(&stuck));
    assert!(deletions(&ctx).is_empty(), "{:?}", deletions(&ctx));
    drop(watcher);

    let _watcher = ctx.watcher().mail().env(ALLOWED.0, ALLOWED.1).start().await;
    report.wait_for("no run", |seen| seen.0["status"]["active"].is_null()).await;
    eventually("pods that go with their Job", async || pods(&ctx).await.is_empty().then_some(())).await;
    assert_eq!(deletions(&ctx).len(), 2, "tried without doing it, then done: {:?}", deletions(&ctx));
    assert!(deletions(&ctx)[0].starts_with("jobs report-"), "{:?}", deletions(&ctx));
    run(&report).await;
    let healthy = report.wait_for("healthy", |seen| outcome(seen) == "healthy").await;
    assert!(error(&healthy).is_empty(), "{}", error(&healthy));
    assert_eq!(deletions(&ctx).len(), 2, "tried without doing it, then done: {:?}", deletions(&ctx));
}

/// It ran, so that only people can tell what is lost with it.
async fn a_run_that_hangs_is_left_to_people(ctx: Ctx) {
    let hangs = repository(&ctx, "hangs").await;
    let report = report(&ctx, "report", &hangs).await;
    let mut watcher = ctx.watcher().mail().env(ALLOWED.0, ALLOWED.1).start().await;
    hangs.push(Image::new("1.0.1")).await;
    report.wait_for("1.0.1", |seen| seen.image("web").is_some_and(|image| image.contains("1.0.1@"))).await;
    run(&report).await;
    let runs = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
    eventually("a run", async || pods(&ctx).await.iter().any(runs).then_some(())).await;
    let before = who_is_there(&ctx).await;
    let admin = ctx.admin_kubeconfig().to_str().expect("a path of letters");
    let back = ["rollback", "cj/report", "-n", ctx.namespace(), "--yes", "--kubeconfig", admin];
    let done = ctx.watcher().output(&back).await;
    assert_eq!(done.code(), Some(0), "{}{}", done.stdout, done.stderr);
    let stuck = report.wait_for("what blocks it", |seen| error(seen).contains("kubectl")).await;
    let said = error(&stuck);
    assert!(said.contains("runs 1.0.1, and concurrencyPolicy Forbid starts none beside it"), "{said}");
    let line = said.split("if it hangs: ").nth(1).expect("a line for people");
    let job = line.split_whitespace().nth(3).expect("a name").to_owned();
    assert_eq!(line, format!("kubectl delete job {job} -n {}", ctx.namespace()));
    // Whatever else the service looks at, and however often it is started.
    watcher.restart().await;
    report.annotate("image-watcher/error", None).await;
    report.wait_for("what blocks it, again", |seen| error(seen).contains("if it hangs")).await;
    assert_eq!(who_is_there(&ctx).await, before, "the very run goes on");
    assert!(deletions(&ctx).is_empty(), "{:?}", deletions(&ctx));
    // Somebody does what it says.
    let jobs: Api<Job> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    jobs.delete(&job, &DeleteParams::background()).await.expect("a deleted job");
    report.wait_for("no run", |seen| seen.0["status"]["active"].is_null()).await;
    run(&report).await;
    report.wait_for("healthy", |seen| outcome(seen) == "healthy" && error(seen).is_empty()).await;
    assert!(deletions(&ctx).is_empty(), "{:?}", deletions(&ctx));
}

/// The workload as the service reads it.
async fn read(cluster: &KubeCluster, ctx: &Ctx) -> workload::Workload {
    let listed = cluster.list(&Scope::in_namespace(ctx.namespace())).await.workloads;
    listed.into_iter().next().expect("a workload")
}

async fn what_is_not_what_was_read_is_never_deleted(ctx: Ctx) {
    let (set, crashing) = database(&ctx, |object| object["metadata"]["annotations"][AUTO.0] = json!("DISABLED")).await;
    let cluster = KubeCluster::new(ctx.client().clone(), Index::default(), Ambient::system(), Metrics::new());
    let cluster = cluster.deleting_broken(true);
    let (good, bad) = (crashing.reference("1.0.0"), crashing.reference("1.0.1"));
    let failed = [("web", &*bad)];
    set.set_image("web", &bad).await;
    let crashed = |pod: &Pod| {
        pod.metadata.name.as_deref() == Some("db-2") && {
            let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
            statuses.is_some_and(|all| all.iter().any(|it| it.restart_count > 0))
        }
    };
    eventually("a broken pod", async || pods(&ctx).await.iter().any(crashed).then_some(())).await;

    // Not before it went back: nothing else would take its place.
    let now = read(&cluster, &ctx).await;
    let wanted = cluster.obstacle(&now, &failed, Some("db-2")).await.expect("an answer").expect("the pod");
    assert_eq!(wanted.hope, Hope::Wanted);
    assert_eq!(cluster.remove(&now, &wanted, Deletion::Done).await.expect("an answer"), Removal::Changed);
    set.set_image("web", &good).await;
    let stale = cluster.obstacle(&now, &failed, Some("db-2")).await.expect("an answer");
    assert_eq!(stale, None, "the workload is another than the one that was decided on");
    let seen = |seen: &Seen| seen.0["status"]["observedGeneration"] == seen.0["metadata"]["generation"];
    set.wait_for("its controller has seen it", seen).await;

    let now = read(&cluster, &ctx).await;
    let find =
        async |failed: &[(&str, &str)], pod: &str| cluster.obstacle(&now, failed, Some(pod)).await.expect("an answer");
    for (failed, pod, why) in [
        (&[("web", &*bad)][..], "db-0", "it is healthy"),
        (&[("web", &*good)], "db-0", "it is healthy, whatever failed"),
        (&[("web", &*good)], "db-2", "it runs another image"),
        (&[("db", &*bad)], "db-2", "it has no such container"),
        (&[], "db-2", "nothing failed"),
        (&failed, "db-3", "there is no such pod"),
    ] {
        assert_eq!(find(failed, pod).await, None, "{why}");
    }
    let found = find(&failed, "db-2").await.expect("the broken pod");
    assert_eq!(found.hope, Hope::None);

    // It changes, then another one takes its name.
    let api: Api<Pod> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let touch = Patch::Merge(json!({"metadata": {"annotations": {"somebody": "was here"}}}));
    api.patch("db-2", &PatchParams::default(), &touch).await.expect("a patched pod");
    assert_eq!(cluster.remove(&now, &found, Deletion::Done).await.expect("an answer"), Removal::Changed);
    let found = find(&failed, "db-2").await.expect("the broken pod");
    api.delete("db-2", &DeleteParams::default()).await.expect("a deleted pod");
    let healthy = set.wait_for_rollout().await;
    let there = who_is_there(&ctx).await;
    assert_eq!(cluster.remove(&now, &found, Deletion::Done).await.expect("an answer"), Removal::Changed);
    assert_eq!((who_is_there(&ctx).await, healthy.image("web")), (there, Some(&*good)));

    // Under OnDelete people delete pods.
    set.patch(json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}})).await;
    set.set_image("web", &bad).await;
    api.delete("db-2", &DeleteParams::default()).await.expect("a deleted pod");
    eventually("a broken pod", async || pods(&ctx).await.iter().any(crashed).then_some(())).await;
    set.set_image("web", &good).await;
    set.wait_for("its controller has seen it", seen).await;
    let now = read(&cluster, &ctx).await;
    assert_eq!(cluster.obstacle(&now, &failed, Some("db-2")).await.expect("an answer"), None);
    let forbidden = KubeCluster::new(ctx.client().clone(), Index::default(), Ambient::system(), Metrics::new());
    assert_eq!(
        forbidden.remove(&now, &found, Deletion::Done).await.expect("an answer"),
        Removal::Forbidden,
        "it is off by default"
    );
}
