//! `make bench`: what strangers and tenants can make the process hold, wait for and burn. Each row is an attack on a
//! process of its own, with real parts around it; the bounds are those of the pod that `deploy/` describes.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program that measures: it reads the clock, starts tasks, and may fail loudly"
)]

#[expect(dead_code, unused_imports, unused_macros, reason = "a benchmark uses a part of what tests use")]
#[path = "../tests/it/harness/mod.rs"]
mod harness;
#[expect(dead_code, reason = "a benchmark uses a part of the load generator")]
mod load;
mod table;
#[path = "load/workloads.rs"]
mod workloads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::Ctx;
use harness::images::Image;
use harness::serve::{Answer, Server};
use harness::watcher::{Watcher, WatcherBuilder};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use load::post;
use serde_json::json;
use table::Table;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use workloads::{create, deployment};

/// The process holds no more, whatever comes; its pod is killed at 128 MiB.
const MOST: f64 = 96.0;
/// How long an attack is watched.
const ATTACK: Duration = Duration::from_secs(8);

fn main() -> std::process::ExitCode {
    harness::run::benchmark("attacks", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    let only = std::env::var("ONLY").unwrap_or_default();
    if only.is_empty() || only.contains("strangers") {
        strangers(&ctx, &mut table).await;
    }
    if only.is_empty() || only.contains("events") {
        empty_events(&ctx, &mut table).await;
    }
    if only.is_empty() || only.contains("lists") {
        long_lists(&ctx, &mut table, "other", "1.0.0").await;
        long_lists(&ctx, &mut table, "same", &format!("1.0.0-{}", "x".repeat(100))).await;
    }
    if only.is_empty() || only.contains("secrets") {
        pull_secrets(&ctx, &mut table).await;
    }
    if only.is_empty() || only.contains("fairness") {
        fairness(&ctx, &mut table).await;
    }
    if only.is_empty() || only.contains("idle") {
        idle(&ctx, &mut table).await;
    }
    table.print();
}

/// A service that watches a namespace of its own.
async fn alone(ctx: &Ctx, name: &str) -> (String, WatcherBuilder) {
    let namespace = ctx.second_namespace(name, &[]).await;
    let builder = ctx.watcher().unconnected().own_data().env("IMAGE_WATCHER_NAMESPACES", &*namespace);
    (namespace, builder.env("LOG_LEVEL", "WARN"))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// One row: the largest resident size since the start, beside that of before.
fn memory(table: &mut Table, what: &str, before: u64, watcher: &Watcher, answers: &str) {
    let (before, peak) = (mebibytes(before), mebibytes(watcher.peak_rss()));
    let alive = watcher.exited().is_none();
    let measured = format!("{before:.1} → {peak:.1} MiB at most; {answers}");
    table.row(what, measured, &format!("≤ {MOST} MiB"), alive && peak <= MOST);
}

/// Who is not known: bodies, heads and connections that don't end.
async fn strangers(ctx: &Ctx, table: &mut Table) {
    let body = "x".repeat(1024 * 1024);
    let unsigned = post("/webhooks/github", "X-GitHub-Event: package\r\nX-Hub-Signature-256: sha256=00", &body);
    let wrong = post("/webhooks/distribution", "Authorization: Bearer wrong", &body);
    let nobody = post("/webhooks/nobody", "X-Nobody: 1", &body);
    let link = post("/a/v1.a.b.c", "Content-Type: application/x-www-form-urlencoded", &body);
    let head = format!("POST /webhooks/distribution HTTP/1.1\r\nHost: a\r\nX-Long: {}", "y".repeat(64 * 1024));
    let almost = |bytes: &[u8]| bytes[..bytes.len() - 1024].to_vec();
    let attacks: [(&str, usize, Vec<u8>); 8] = [
        ("300 unsigned bodies of 1 MiB that don't end", 300, almost(&unsigned)),
        ("4,000 unsigned bodies of 1 MiB that don't end", 4_000, almost(&unsigned)),
        ("4,000 such bodies with a wrong token", 4_000, almost(&wrong)),
        ("4,000 such bodies to no source", 4_000, almost(&nobody)),
        ("1,000 such bodies to a link", 1_000, almost(&link)),
        ("4,000 heads of 64 KiB that don't end", 4_000, head.into_bytes()),
        ("8,000 connections that say nothing", 8_000, Vec::new()),
        ("2,000 bodies that stop at their first byte", 2_000, unsigned[..=unsigned.len() - body.len()].to_vec()),
    ];
    for (number, (what, connections, bytes)) in attacks.into_iter().enumerate() {
        let (_, builder) = alone(ctx, &format!("strangers-{number}")).await;
        let watcher = builder.env("GITHUB_WEBHOOK_SECRET", "it is a secret").start().await;
        let before = watcher.rss();
        let answers = half_sent(watcher.port(), connections, &bytes, ATTACK).await;
        memory(table, what, before, &watcher, &format!("answered {answers:?}"));
        let known = watcher.post("/webhooks/distribution", &[("Authorization", "Bearer registry-token")], "{}").await;
        assert!(known.status < 500, "who is known is served afterwards: {}", known.status);
        watcher.kill9().await;
    }
}

/// A known sender: one delivery of a megabyte, all events, all empty.
async fn empty_events(ctx: &Ctx, table: &mut Table) {
    let (_, builder) = alone(ctx, "events").await;
    let watcher = builder.start().await;
    let before = watcher.rss();
    let events = vec!["{}"; 349_000].join(",");
    let body = format!(r#"{{"events":[{events}]}}"#);
    let headers = [("Authorization", "Bearer registry-token")];
    let sent = (0..8).map(|_| watcher.post("/webhooks/distribution", &headers, body.clone()));
    let statuses: Vec<u16> = futures_util::future::join_all(sent).await.iter().map(|answer| answer.status).collect();
    memory(table, "8 deliveries of 349,000 empty events", before, &watcher, &format!("{statuses:?}"));
    watcher.kill9().await;
}

/// A tenant whose registry lists 100,000 tags of 110 bytes for each of 16 repositories.
async fn long_lists(ctx: &Ctx, table: &mut Table, family: &str, running: &str) {
    const TAGS: usize = 100_000;
    const PAGE: usize = 10_000;
    let server = Server::start(Arc::new(|received| {
        let page = |from: usize| {
            let tag = |n: usize| format!("\"1.{n}.0-{}\"", "x".repeat(100));
            let tags: Vec<String> = (from..from + PAGE).map(tag).collect();
            format!(r#"{{"name":"a","tags":[{}]}}"#, tags.join(","))
        };
        let answer = if received.path.contains("/tags/list") {
            let last = received.path.split("last=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok());
            let from: usize = last.unwrap_or(0);
            let path = received.path.split('?').next().unwrap_or_default().to_owned();
            let answer = Answer::status(200).header("Content-Type", "application/json").body(page(from));
            if from + PAGE < TAGS {
                answer.header("Link", &format!("<{path}?last={}>; rel=\"next\"", from + PAGE))
            } else {
                answer
            }
        } else {
            Answer::status(200).header("Docker-Content-Digest", &format!("sha256:{}", "a".repeat(64)))
        };
        Box::pin(std::future::ready(answer))
    }));
    let host = format!("127.0.0.1:{}", server.port);
    let (namespace, builder) = alone(ctx, &format!("lists-{family}")).await;
    let all = (0..16).map(|n| watched(&format!("list-{n}"), &format!("{host}/team/list-{n}:{running}")));
    create(ctx, &namespace, all).await;
    let watcher = builder.env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE").start().await;
    let before = watcher.rss();
    let ended = Instant::now() + Duration::from_secs(60);
    let done = async {
        while Instant::now() < ended && looked(&watcher).await < 16.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        looked(&watcher).await
    };
    let looked = done.await;
    let what = format!("16 lists of {TAGS} tags of 110 bytes, of {family} family as what runs");
    memory(table, &what, before, &watcher, &format!("{looked} looks ended"));
    watcher.kill9().await;
}

async fn looked(watcher: &Watcher) -> f64 {
    let text = watcher.metrics().await;
    let counts = text.lines().filter(|line| line.starts_with("image_watcher_reconcile_duration_seconds_count"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A Deployment that is updated.
fn watched(name: &str, image: &str) -> Deployment {
    deployment(name, image, "AUTO_UPDATE")
}

/// One workload that names 20,000 pull secrets.
async fn pull_secrets(ctx: &Ctx, table: &mut Table) {
    let (namespace, builder) = alone(ctx, "secrets").await;
    let web = ctx.repository("secrets");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("1.0.1").label("build", "2")).await;
    let mut greedy = watched("greedy", &web.reference("1.0.0"));
    if let Some(spec) = greedy.spec.as_mut().and_then(|spec| spec.template.spec.as_mut()) {
        let name = |n: usize| k8s_openapi::api::core::v1::LocalObjectReference { name: format!("secret-{n}") };
        spec.image_pull_secrets = Some((0..20_000).map(name).collect());
    }
    create(ctx, &namespace, [greedy, watched("modest", &web.reference("1.0.0"))]).await;
    let asked = ctx.audit_of_watcher().len();
    let started = Instant::now();
    let watcher = builder.env("RUN_ON_BOOT", "TRUE").start().await;
    let before = watcher.rss();
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), &namespace);
    updated(&api, "modest").await;
    let took = started.elapsed();
    let calls =
        ctx.audit_of_watcher().split_off(asked).iter().filter(|e| e["objectRef"]["resource"] == "secrets").count();
    let lines = watcher.logs().lines().filter(|line| line.contains("secret")).count();
    memory(table, "20,000 imagePullSecrets", before, &watcher, &format!("{calls} Secrets read, {lines} lines logged"));
    let measured = format!("{:.0} ms after the start", took.as_secs_f64() * 1000.0);
    table.row("a neighbour on the same image is patched", measured, "≤ 16 Secrets read", calls <= 16);
    watcher.kill9().await;
}

/// Waits until a Deployment runs the new tag.
async fn updated(api: &Api<Deployment>, name: &str) {
    let runs = |deployment: Option<&Deployment>| {
        let spec = deployment.and_then(|found| found.spec.as_ref()?.template.spec.as_ref());
        let image = spec.and_then(|spec| spec.containers.first()?.image.clone()).unwrap_or_default();
        image.contains("@sha256:")
    };
    kube::runtime::wait::await_condition(api.clone(), name, runs).await.expect("a watch");
}

/// One tenant's 48 workloads hang on a registry that drips; another's push comes through.
async fn fairness(ctx: &Ctx, table: &mut Table) {
    const ROUNDS: usize = 15;
    let hanging = Server::start(Arc::new(|_| Box::pin(std::future::ready(Answer::never()))));
    let host = format!("127.0.0.1:{}", hanging.port);
    let (namespace, builder) = alone(ctx, "fair").await;
    let noisy = ctx.second_namespace("noisy", &[]).await;
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), &namespace);
    let hosts = format!("{host},{}", ctx.registry().host());
    let watcher = builder
        .env("IMAGE_WATCHER_NAMESPACES", format!("{namespace},{noisy}"))
        .env("IMAGE_WATCHER_PLAIN_HTTP", hosts)
        .start()
        .await;
    let mut medians = Vec::new();
    for loud in [false, true] {
        if loud {
            let all = (0..48).map(|n| watched(&format!("hang-{n}"), &format!("{host}/team/hang-{n}:1.0.0")));
            create(ctx, &noisy, all).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            let repository = ctx.repository(&format!("fair-{loud}-{round}"));
            repository.push(Image::new("1.0.0")).await;
            let name = format!("fair-{loud}-{round}");
            create(ctx, &namespace, [watched(&name, &repository.reference("1.0.0"))]).await;
            // The look at what is new has to be over: hints of the second after it are gathered.
            tokio::time::sleep(Duration::from_millis(1500)).await;
            repository.push(Image::new("1.0.1").label("build", "2")).await;
            let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository.name(), "tag": "1.0.1"}}]});
            let started = Instant::now();
            let done = updated(&api, &name);
            let answer =
                watcher.post("/webhooks/distribution", &[("Authorization", "Bearer registry-token")], body.to_string());
            let (answer, ()) = tokio::join!(answer, done);
            assert_eq!(answer.status, 202);
            times.push(started.elapsed());
        }
        times.sort_unstable();
        medians.push((times[ROUNDS / 2], times[ROUNDS - 1]));
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let (quiet, loud) = (medians[0], medians[1]);
    let bound = quiet.0 * 2 + Duration::from_millis(100);
    let measured =
        format!("{:.0} ms, worst {:.0}; quiet {:.0}, worst {:.0}", ms(loud.0), ms(loud.1), ms(quiet.0), ms(quiet.1));
    table.row(
        "push → patch beside 48 workloads on a registry that hangs, median",
        measured,
        "≤ 2 × quiet + 100 ms",
        loud.0 <= bound,
    );
    watcher.kill9().await;
}

/// 300 messages of 150 workloads wait behind a channel that fails.
async fn idle(ctx: &Ctx, table: &mut Table) {
    const WORKLOADS: usize = 150;
    let (namespace, builder) = alone(ctx, "idle").await;
    let web = ctx.repository("idle");
    web.push(Image::new("1.0.0")).await;
    let asks = |n: usize| {
        let mut deployment = watched(&format!("idle-{n}"), &web.reference("1.0.0"));
        deployment.metadata.annotations = Some([("image-watcher/mode".to_owned(), "NOTIFICATION".to_owned())].into());
        deployment
    };
    create(ctx, &namespace, (0..WORKLOADS).map(asks)).await;
    let receiver = ctx.receiver();
    receiver.always(Answer::status(503).header("Retry-After", "3600"));
    let watcher = builder
        .env("WEBHOOK_URL", receiver.url("/hook"))
        .env("WEBHOOK_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .start()
        .await;
    for tag in ["1.0.1", "1.0.2"] {
        web.push(Image::new(tag).label("build", tag)).await;
        let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": web.name(), "tag": tag}}]});
        watcher.post("/webhooks/distribution", &[("Authorization", "Bearer registry-token")], body.to_string()).await;
        let last = harness::objects::Workload::new(ctx.client().clone(), &namespace, "Deployment", "idle-0");
        last.wait_for_annotation("image-watcher/last-notified-version", tag).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    let jobs = watcher.metrics().await;
    let waiting =
        jobs.lines().filter(|line| line.contains("queue_jobs") && line.contains("webhook")).collect::<Vec<_>>();
    let waiting = waiting.join(" ");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, began) = (watcher.cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let percent = watcher.cpu().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    table.row("CPU while messages back off", format!("{percent:.2} %; {waiting}"), "≤ 0.5 %", percent <= 0.5);
    watcher.kill9().await;
}

/// Opens `connections`, sends `bytes` on each and nothing more, and holds them for `time`. Gives how many were answered
/// with which status meanwhile.
async fn half_sent(port: u16, connections: usize, bytes: &[u8], time: Duration) -> BTreeMap<u16, u64> {
    let bytes = Arc::<[u8]>::from(bytes);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut open = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (bytes, tell) = (Arc::clone(&bytes), tell.clone());
        open.spawn(async move {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
            let (mut answers, mut requests) = stream.split();
            let write = async {
                let _ = requests.write_all(&bytes).await;
            };
            let read = async {
                let mut head = vec![0; 64];
                let got = answers.read(&mut head).await.unwrap_or_default();
                let text = String::from_utf8_lossy(&head[..got]).into_owned();
                if let Some(status) = text.get(9..12).and_then(|status| status.parse::<u16>().ok()) {
                    let _ = tell.send(status);
                }
            };
            tokio::join!(write, read);
            // It is held open, answered or not.
            std::future::pending::<()>().await;
        });
    }
    tokio::time::sleep(time).await;
    open.abort_all();
    drop(tell);
    let mut by_status = BTreeMap::new();
    while let Ok(status) = told.try_recv() {
        *by_status.entry(status).or_default() += 1;
    }
    by_status
}
