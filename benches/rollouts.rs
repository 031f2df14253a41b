//! What following rollouts costs, with real controllers: memory and requests of many at once, the time from pods that can't
//! start to the image of before, and a big cluster at rest; with `IMAGE_WATCHER_BENCH_ONLY=followed,back,standing` those
//! parts alone.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures: it reads the clock, and may fail loudly"
)]

#[path = "load/builds.rs"]
mod builds;
#[expect(dead_code, unused_imports, unused_macros, reason = "a benchmark uses a part of what tests use")]
#[path = "../tests/it/harness/mod.rs"]
mod harness;
mod table;
#[expect(dead_code, reason = "a benchmark uses a part of what others use")]
#[path = "load/updates.rs"]
mod updates;
#[path = "load/workloads.rs"]
mod workloads;

use std::time::{Duration, Instant};

use builds::{Build, is_wanted};
use futures_util::StreamExt as _;
use harness::Ctx;
use harness::images::{Image, Repository};
use harness::wait::eventually;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, PostParams};
use kube::runtime::watcher::{Config, Event};
use serde_json::json;
use table::Table;
use updates::{Patched, announce};
use workloads::{create, deployment};

/// Rollouts that are followed at once.
const FOLLOWED: usize = 100;
/// Updates whose pods can't start, one after another.
const FAILING: usize = 10;
/// Workloads and pods of a big cluster.
const STANDING: (usize, usize) = (10_000, 30_000);
/// What is measured at rest is measured after so long.
const REST: Duration = Duration::from_secs(10);

fn main() -> std::process::ExitCode {
    harness::run::benchmark("rollouts", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    for build in &Build::all() {
        if is_wanted("followed") {
            followed(&ctx, build, &mut table).await;
        }
        if is_wanted("back") {
            gone_back(&ctx, build, &mut table).await;
        }
    }
    if is_wanted("standing") {
        standing(&ctx, &mut table).await;
    }
    table.print();
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Deployments of one pod, each of a repository of its own with a version that is rolled out.
async fn rolled_out(ctx: &Ctx, namespace: &str, what: &str, count: usize) -> Vec<Repository> {
    let repositories: Vec<Repository> =
        (0..count).map(|n| ctx.repository(&format!("{namespace}/{n}/{what}"))).collect();
    let pushes = repositories.iter().map(|repository| repository.push(Image::new("1.0.0")));
    futures_util::stream::iter(pushes).buffer_unordered(8).collect::<Vec<_>>().await;
    let all = repositories.iter().enumerate().map(|(n, repository)| {
        let mut made = deployment(&format!("{what}-{n}"), &repository.reference("1.0.0"), "AUTO_UPDATE");
        made.spec.as_mut().expect("a specification").replicas = Some(1);
        made
    });
    create(ctx, namespace, all).await;
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
    eventually("all of them are rolled out", async || {
        let all = api.list(&ListParams::default()).await.ok()?;
        let is_out = |it: &&Deployment| it.status.as_ref().is_some_and(|status| status.available_replicas == Some(1));
        (all.items.iter().filter(is_out).count() == count).then_some(())
    })
    .await;
    repositories
}

/// Many rollouts whose new pods run and are not ready.
async fn followed(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("followed-{}", build.name), &[]).await;
    let repositories = rolled_out(ctx, &namespace, "slow", FOLLOWED).await;
    let mut patched = Patched::watch(ctx, &namespace).await;
    let most = FOLLOWED.to_string();
    let watcher = build.watcher(ctx, &namespace).env("IMAGE_WATCHER_ROLLOUTS_TOTAL", &*most);
    let watcher = watcher.env("IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE", &*most).start().await;
    tokio::time::sleep(REST).await;
    let before = watcher.rss();
    for repository in &repositories {
        repository.push(Image::new("1.0.1")).await;
        announce(ctx, &watcher, repository, "1.0.1").await;
    }
    patched.count("slow", FOLLOWED).await;
    let pods: Api<Pod> = Api::namespaced(ctx.client().clone(), &namespace);
    eventually("the new pods run", async || {
        let all = pods.list(&ListParams::default()).await.ok()?;
        let runs = |pod: &&Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        (all.items.iter().filter(runs).count() >= 2 * FOLLOWED).then_some(())
    })
    .await;
    tokio::time::sleep(REST).await;
    let asked = ctx.audit_of_watcher().len();
    tokio::time::sleep(REST).await;
    let events = ctx.audit_of_watcher();
    let reads = events.iter().skip(asked).filter(|event| event["verb"] == "list" || event["verb"] == "get").count();
    let is_watch = |event: &&serde_json::Value| event["verb"] == "watch" && event["objectRef"]["resource"] == "pods";
    let watches = events.iter().filter(is_watch).filter(|event| event["stage"] == "ResponseStarted").count();
    let more = mebibytes(watcher.rss().saturating_sub(before));
    let row = |what: &str| build.row(&format!("{FOLLOWED} rollouts followed at once: {what}"));
    table.row(&row("memory"), format!("{more:.1} MiB more"), "≤ 24 MiB more", more <= 24.0);
    table.row(&row("watches of pods"), watches.to_string(), "1", watches == 1);
    table.row(&row("LIST and GET in 10 s"), reads.to_string(), "0", reads == 0);
    watcher.kill9().await;
}

/// Whether a pod says that it can't start.
fn cannot_start(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let reasons = statuses.filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone());
    reasons.into_iter().any(|reason| reason.ends_with("BackOff"))
}

/// From the moment at which the API shows pods that can't start until the image of before is written.
async fn gone_back(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("back-{}", build.name), &[]).await;
    let repositories = rolled_out(ctx, &namespace, "missing", FAILING).await;
    let watcher = build.watcher(ctx, &namespace).start().await;
    let pods: Api<Pod> = Api::namespaced(ctx.client().clone(), &namespace);
    let deployments: Api<Deployment> = Api::namespaced(ctx.client().clone(), &namespace);
    let mut times = Vec::new();
    for (n, repository) in repositories.iter().enumerate() {
        let mut pods = Box::pin(kube::runtime::watcher(pods.clone(), Config::default()));
        let mut deployments = Box::pin(kube::runtime::watcher(deployments.clone(), Config::default()));
        let name = format!("missing-{n}");
        let is_of_it = |pod: &Pod| pod.metadata.name.as_deref().is_some_and(|of| of.starts_with(&format!("{name}-")));
        let announced = async {
            repository.push(Image::new("1.0.1")).await;
            announce(ctx, &watcher, repository, "1.0.1").await;
        };
        let broken = async {
            while let Some(event) = pods.next().await {
                if let Ok(Event::Apply(pod) | Event::InitApply(pod)) = event
                    && is_of_it(&pod)
                    && cannot_start(&pod)
                {
                    break;
                }
            }
            Instant::now()
        };
        let back = async {
            let mut was_written = false;
            while let Some(event) = deployments.next().await {
                let Ok(Event::Apply(seen) | Event::InitApply(seen)) = event else { continue };
                if seen.metadata.name.as_deref() != Some(&*name) {
                    continue;
                }
                let spec = seen.spec.and_then(|spec| spec.template.spec);
                let image = spec.and_then(|spec| spec.containers.into_iter().next()?.image).unwrap_or_default();
                was_written |= image.contains(":1.0.1@");
                if was_written && image.contains(":1.0.0") {
                    break;
                }
            }
            Instant::now()
        };
        let ((), broken, back) = tokio::join!(announced, broken, back);
        times.push(back.saturating_duration_since(broken));
        // Two that failed stop all others, until a person resumes.
        if n % 2 == 1 {
            eventually("updates are stopped", async || {
                let brake = ctx.http().get(watcher.admin_url("/api/v1/brake")).send().await.ok()?;
                let brake: serde_json::Value = serde_json::from_str(&brake.text().await.ok()?).ok()?;
                brake["stopped"].is_object().then_some(())
            })
            .await;
            let resumed = ctx.http().post(watcher.admin_url("/api/v1/brake/resume")).send().await;
            resumed.expect("an answer");
        }
    }
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2].as_secs_f64(), times[times.len() - 1].as_secs_f64());
    let what = build.row("pods that can't start are seen → the old image is written");
    table.row(&what, format!("median {median:.3} s, worst {worst:.3} s"), "≤ 2 s", worst <= 2.0);
    watcher.kill9().await;
}

/// Rest in a big cluster whose pods are nobody's business.
async fn standing(ctx: &Ctx, table: &mut Table) {
    let namespace = ctx.second_namespace("big", &[]).await;
    let image = |n: usize| format!("registry.test/team-{}/service-{n}:1.0.0", n % 100);
    let all = (0..STANDING.0).map(|n| deployment(&format!("service-{n}"), &image(n), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let api: Api<Pod> = Api::namespaced(ctx.client().clone(), &namespace);
    let pods = (0..STANDING.1).map(|n| {
        let api = api.clone();
        // Nobody schedules them, so that the fake kubelet has nothing to do.
        let pod = json!({"metadata": {"name": format!("pod-{n}"), "labels": {"app": format!("service-{}", n % 10_000)}},
            "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": image(n % 10_000)}]}});
        async move {
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            api.create(&PostParams::default(), &pod).await.expect("a created Pod");
        }
    });
    futures_util::stream::iter(pods).buffer_unordered(16).collect::<Vec<()>>().await;
    for build in &Build::all() {
        let watcher = build.watcher(ctx, &namespace).start().await;
        tokio::time::sleep(REST).await;
        let rss = mebibytes(watcher.rss());
        let what = build.row(&format!("RSS at rest, {} workloads and {} pods", STANDING.0, STANDING.1));
        table.row(&what, format!("{rss:.1} MiB"), "≤ 40 MiB", rss <= 40.0);
        watcher.kill9().await;
    }
}
