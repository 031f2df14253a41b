//! `make bench`: the loop against a real API server and registry, side by side with a bare client that does only the
//! requests that are needed. Prints a table of ratios measured in this one run.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures: it reads the clock, starts tasks, and may fail loudly"
)]

#[expect(dead_code, unused_imports, unused_macros, reason = "a benchmark uses a part of what tests use")]
#[path = "../tests/it/harness/mod.rs"]
mod harness;
mod table;
#[path = "load/workloads.rs"]
mod workloads;

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use harness::Ctx;
use harness::images::{Image, Repository};
use harness::watcher::Watcher;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;
use table::Table;
use workloads::{create, deployment};

/// Webhooks, one after another.
const ONE_BY_ONE: usize = 60;
/// Webhooks at once, for as many repositories.
const AT_ONCE: usize = 500;

fn main() -> std::process::ExitCode {
    if std::env::args().any(|argument| argument == "--test") {
        return std::process::ExitCode::SUCCESS;
    }
    harness::run::stand_alone("bench", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_image-watcher")).expect("the binary").len();
    table.row(
        "binary, stripped",
        format!("{:.1} MB", binary as f64 / 1e6),
        "≤ 15 MB; the static one: scripts/image",
        binary <= 15_000_000,
    );
    one_by_one(&ctx, &mut table).await;
    at_once(&ctx, &mut table).await;
    for count in [1_000, 10_000] {
        standing(&ctx, &mut table, count).await;
    }
    table.print();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn envelope(host: &str, repository: &str, tag: &str) -> String {
    json!({"events": [{"action": "push", "request": {"host": host},
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": tag}}]})
    .to_string()
}

async fn announce(ctx: &Ctx, watcher: &Watcher, repository: &Repository) {
    let body = envelope(ctx.registry().host(), repository.name(), "1.0.1");
    let answer = watcher.post("/webhooks/distribution", &[("Authorization", "Bearer registry-token")], body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

/// The three requests of a decision and one write to the disk, back to back.
async fn bare(ctx: &Ctx, namespace: &str, name: &str, repository: &Repository, disk: &std::path::Path) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(disk).expect("a file");
    file.write_all(&[0; 512]).expect("a write");
    file.sync_data().expect("a sync");
    let base = format!("http://{}/v2/{}", ctx.registry().host(), repository.name());
    let tags = ctx.http().get(format!("{base}/tags/list?n=1000")).send().await.expect("tags");
    assert!(tags.text().await.expect("a body").contains("1.0.1"));
    let head = ctx.http().head(format!("{base}/manifests/1.0.1"));
    let head = head.header("Accept", "application/vnd.oci.image.manifest.v1+json").send().await.expect("a digest");
    let digest = head.headers()["docker-content-digest"].to_str().expect("a digest").to_owned();
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image",
        "value": format!("{}@{digest}", repository.reference("1.0.1"))}]);
    let patch = Patch::<()>::Json(serde_json::from_value(patch).expect("a patch"));
    api.patch(name, &PatchParams::default(), &patch).await.expect("a patched Deployment");
}

/// Repositories with 1.0.0 and 1.0.1, and a Deployment on 1.0.0 of each.
async fn prepare(ctx: &Ctx, namespace: &str, kind: &str, count: usize) -> Vec<Repository> {
    let repositories: Vec<Repository> = (0..count).map(|n| ctx.repository(&format!("{kind}-{n}"))).collect();
    let pushes = repositories.iter().map(|repository| async {
        repository.push(Image::new("1.0.0")).await;
        repository.push(Image::new("1.0.1").label("build", "2")).await;
    });
    futures_util::stream::iter(pushes).buffer_unordered(8).collect::<Vec<()>>().await;
    let all = |(n, r): (usize, &Repository)| deployment(&format!("{kind}-{n}"), &r.reference("1.0.0"), "AUTO_UPDATE");
    create(ctx, namespace, repositories.iter().enumerate().map(all)).await;
    repositories
}

/// Waits, by a watch stream, until these many Deployments of a kind run the new tag; gives the moment of each.
async fn patched(ctx: &Ctx, namespace: &str, kind: &str, count: usize, started: Instant) -> Duration {
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
    let watching = kube::runtime::watcher(api, kube::runtime::watcher::Config::default());
    let mut events = Box::pin(watching);
    let mut done = std::collections::HashSet::new();
    while let Some(event) = events.next().await {
        use kube::runtime::watcher::Event::{Apply, InitApply};
        let Ok(Apply(deployment) | InitApply(deployment)) = event else { continue };
        let name = deployment.metadata.name.unwrap_or_default();
        let spec = deployment.spec.and_then(|spec| spec.template.spec);
        let image = spec.and_then(|spec| spec.containers.first()?.image.clone()).unwrap_or_default();
        if name.starts_with(kind) && image.contains(":1.0.1@") {
            done.insert(name);
        }
        if done.len() == count {
            return started.elapsed();
        }
    }
    panic!("the watch ended")
}

async fn one_by_one(ctx: &Ctx, table: &mut Table) {
    let namespace = ctx.namespace().to_owned();
    let (ours, theirs) =
        (prepare(ctx, &namespace, "one", ONE_BY_ONE).await, prepare(ctx, &namespace, "bare", ONE_BY_ONE).await);
    let watcher = ctx.watcher().unconnected().env("LOG_LEVEL", "WARN").start().await;
    let disk = ctx.folder("bare").join("disk");
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), &namespace);
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for n in 0..ONE_BY_ONE {
        // One waits on a stream that is open before the webhook, so that waiting costs the same as an event.
        let name = format!("one-{n}");
        let until = kube::runtime::wait::await_condition(api.clone(), &name, |deployment: Option<&Deployment>| {
            let spec = deployment.and_then(|d| d.spec.as_ref()?.template.spec.as_ref());
            spec.is_some_and(|spec| spec.containers[0].image.as_deref().is_some_and(|image| image.contains(":1.0.1@")))
        });
        let mut until = Box::pin(until);
        let _ = tokio::time::timeout(Duration::from_millis(50), &mut until).await;
        let started = Instant::now();
        announce(ctx, &watcher, &ours[n]).await;
        until.await.expect("a watch");
        our_times.push(started.elapsed());
        let started = Instant::now();
        bare(ctx, &namespace, &format!("bare-{n}"), &theirs[n], &disk).await;
        their_times.push(started.elapsed());
    }
    let (ours, theirs) = (median(our_times), median(their_times));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let measured = format!("{} against {}: {ratio:.2} ×", ms(ours), ms(theirs));
    table.row(
        "webhook to patched workload, median",
        measured,
        "≤ 1.5 × tag list, HEAD, PATCH and a sync",
        ratio <= 1.5,
    );
    watcher.kill9().await;
}

async fn at_once(ctx: &Ctx, table: &mut Table) {
    let namespace = ctx.namespace().to_owned();
    let theirs = prepare(ctx, &namespace, "many-bare", AT_ONCE).await;
    let disk = ctx.folder("bare").join("disk");
    let started = Instant::now();
    let all = theirs.iter().enumerate().map(|(n, repository)| {
        let (name, namespace, disk) = (format!("many-bare-{n}"), namespace.clone(), disk.clone());
        async move { bare(ctx, &namespace, &name, repository, &disk).await }
    });
    futures_util::stream::iter(all).buffer_unordered(16).collect::<Vec<()>>().await;
    let bare_time = started.elapsed();

    let ours = prepare(ctx, &namespace, "many-ours", AT_ONCE).await;
    let watcher = ctx.watcher().unconnected().own_data().env("LOG_LEVEL", "WARN").start().await;
    let started = Instant::now();
    let hooks = ours.iter().map(|repository| announce(ctx, &watcher, repository));
    let sent = futures_util::stream::iter(hooks).buffer_unordered(64).collect::<Vec<()>>();
    let (time, _) = tokio::join!(patched(ctx, &namespace, "many-ours", AT_ONCE, started), sent);
    let ratio = time.as_secs_f64() / bare_time.as_secs_f64();
    let measured = format!("{} against {}: {ratio:.2} ×", ms(time), ms(bare_time));
    table.row("500 webhooks for 500 repositories at once", measured, "≤ 2 × the bare requests", ratio <= 2.0);
    watcher.kill9().await;
}

/// Start and rest with many watched workloads.
async fn standing(ctx: &Ctx, table: &mut Table, count: usize) {
    let namespace = ctx.second_namespace(&format!("standing-{count}"), &[]).await;
    let image = |n: usize| format!("registry.test/team-{}/service-{n}:1.0.0", n % 100);
    let all = (0..count).map(|n| deployment(&format!("service-{n}"), &image(n), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), &namespace);
    let started = Instant::now();
    let mut parameters = ListParams::default().limit(500);
    let mut seen = 0;
    loop {
        let page = api.list(&parameters).await.expect("a list");
        seen += page.items.len();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(seen, count);
    let list = started.elapsed();

    let builder = ctx.watcher().unconnected().own_data().env("IMAGE_WATCHER_NAMESPACES", &*namespace);
    let started = Instant::now();
    let watcher = builder.env("LOG_LEVEL", "WARN").start().await;
    let ready = started.elapsed();
    if count == 1_000 {
        let bound = list.mul_f64(1.5) + Duration::from_millis(50);
        let measured = format!("{} against {} for a bare list", ms(ready), ms(list));
        table.row("start to ready, 1,000 workloads", measured, "≤ 1.5 × the list + 50 ms", ready <= bound);
    }
    let before = ctx.audit_of_watcher().len();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let events = ctx.audit_of_watcher();
    let reads = events[before.min(events.len())..].iter().filter(|e| e["verb"] == "list" || e["verb"] == "get").count();
    table.row(&format!("LIST and GET in 10 s at rest, {count} workloads"), reads.to_string(), "0", reads == 0);
    let rss = watcher.rss() as f64 / 1024.0 / 1024.0;
    let most = if count == 1_000 { 20.0 } else { 40.0 };
    table.row(
        &format!("RSS at rest, {count} workloads"),
        format!("{rss:.1} MiB"),
        &format!("≤ {most} MiB"),
        rss <= most,
    );
    watcher.kill9().await;
}
