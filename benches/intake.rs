//! The intake beside a bare actix handler that answers 202 and stores nothing: rate, times, memory, a flood of wrong
//! credentials, and kills under load. `make bench` runs it; everything is measured in one run, load generator included.

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
mod load;
#[path = "load/workloads.rs"]
mod workloads;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::Ctx;
use harness::watcher::Watcher;
use load::{Outcome, Until, load, post};
use workloads::{create, deployment};

const CONNECTIONS: usize = 64;
const EACH: Duration = Duration::from_secs(6);
const BEARER: &str = "Authorization: Bearer registry-token";

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--bare") {
        bare(arguments[at + 1].parse().expect("a port"));
        return std::process::ExitCode::SUCCESS;
    }
    harness::run::benchmark("intake", bench)
}

/// The yardstick: reads the body, answers 202.
fn bare(port: u16) {
    use actix_web::{App, HttpResponse, HttpServer, web};
    let server = HttpServer::new(|| {
        App::new()
            .route("/webhooks/{source}", web::post().to(|_: web::Bytes| async { HttpResponse::Accepted().finish() }))
    });
    let server = server.workers(2).bind(("127.0.0.1", port)).expect("a free port").run();
    actix_web::rt::System::new().block_on(server).expect("a server");
}

/// What a registry writes about one push; `number` makes it another one than all before.
fn envelope(repository: &str, number: u64) -> String {
    format!(
        r#"{{"events":[{{"id":"{number:020}","timestamp":"2026-01-01T00:00:00Z","action":"push","target":{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{number:064x}","size":1024,"repository":"{repository}","tag":"1.0.1"}},"request":{{"id":"{number:016x}","host":"registry.test","method":"PUT"}}}}]}}"#
    )
}

fn hint(repository: impl Fn(u64) -> String + Send + Sync + 'static) -> Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> {
    Arc::new(move |number| post("/webhooks/distribution", BEARER, &envelope(&repository(number), number)))
}

/// Other deliveries than all that are measured.
fn warm_up() -> Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> {
    let measured = hint(known);
    Arc::new(move |number| measured((1 << 40) + number))
}

fn known(number: u64) -> String {
    format!("team/service-{}", number % 10)
}

/// One envelope of a thousand events, about as large as a delivery may be.
fn parsing() {
    let events: Vec<String> = (0..1000_u64)
        .map(|n| {
            let one = envelope("team/service", n)
                .replace(r#""method":"PUT""#, &format!(r#""useragent":"{}""#, "x".repeat(650)));
            one.trim_start_matches(r#"{"events":["#).trim_end_matches("]}").to_owned()
        })
        .collect();
    let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
    let headers = actix_web::http::header::HeaderMap::new();
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let started = Instant::now();
        let read = image_watcher::intake::read(
            image_watcher::config::source::SourceKind::Distribution,
            &headers,
            body.as_bytes(),
        );
        best = best.min(started.elapsed());
        assert!(matches!(read, Ok(image_watcher::intake::Delivery::Pushes(pushes)) if pushes.len() == 1000));
    }
    println!("an envelope of 1,000 events, {} bytes: {best:.2?} to read\n", body.len());
}

async fn bench(ctx: Ctx) {
    parsing();
    println!("| what | a second | p50 | p99 | against bare |\n|---|---:|---:|---:|---:|");
    let [port, _] = harness::process::free_ports::<2>();
    let mut yardstick = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--bare", &port.to_string()])
        .spawn()
        .expect("the yardstick");
    harness::wait::eventually("the yardstick answers", async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
    })
    .await;
    for count in [10_u64, 10_000] {
        let watcher = standing(&ctx, count).await;
        load(port, CONNECTIONS, Until::After(Duration::from_secs(1)), warm_up()).await;
        let mut bare = load(port, CONNECTIONS, Until::After(EACH), hint(known)).await;
        let rate = bare.rate();
        row("bare handler, nothing stored", &mut bare, rate);
        load(watcher.port(), CONNECTIONS, Until::After(Duration::from_secs(1)), warm_up()).await;
        let mut ours = load(watcher.port(), CONNECTIONS, Until::After(EACH), hint(known)).await;
        row(&format!("durable, {count} watched workloads"), &mut ours, rate);
        if count == 10 {
            flood(&watcher).await;
            memory(&watcher).await;
        } else {
            let spread = hint(move |number| format!("team/service-{}", number % count));
            let mut apart = load(watcher.port(), CONNECTIONS, Until::After(EACH), spread).await;
            row(&format!("durable, {count} repositories announced in turn"), &mut apart, rate);
        }
        watcher.kill9().await;
    }
    yardstick.kill().expect("it ran");
    yardstick.wait().expect("it ended");
    kills(&ctx).await;
}

fn row(what: &str, outcome: &mut Outcome, bare: f64) {
    let (rate, p50, p99) = (outcome.rate(), outcome.percentile(0.5), outcome.percentile(0.99));
    println!("| {what} | {rate:.0} | {p50:.2} ms | {p99:.2} ms | {:.2} × | {:?}", rate / bare, outcome.by_status);
}

/// A service that watches so many Deployments, each of a repository of its own.
async fn standing(ctx: &Ctx, count: u64) -> Watcher {
    ctx.pause_controllers(false);
    let namespace = ctx.second_namespace(&format!("standing-{count}"), &[]).await;
    // They would be busy for minutes with what they are given, and that would be measured, too.
    ctx.pause_controllers(true);
    let image = |n| format!("registry.test/team/service-{n}:1.0.0");
    let all = (0..count).map(|n| deployment(&format!("service-{n}"), &image(n), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let builder = ctx.watcher().unconnected().own_data().env("IMAGE_WATCHER_NAMESPACES", &*namespace);
    builder.start().await
}

/// Good deliveries at a fixed pace, alone and beside a flood of bad signatures.
async fn flood(watcher: &Watcher) {
    let wrong: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> =
        Arc::new(|n| post("/webhooks/distribution", "Authorization: Bearer wrong", &envelope(&known(n), n)));
    let mut alone = load(watcher.port(), 4, Until::After(Duration::from_secs(3)), hint(known)).await;
    let mut flooding = load(watcher.port(), 60, Until::After(Duration::from_secs(3)), Arc::clone(&wrong)).await;
    let bad = load(watcher.port(), 4, Until::After(Duration::from_secs(3)), wrong);
    let good = load(watcher.port(), 4, Until::After(Duration::from_secs(3)), hint(known));
    let (mut beside, _) = tokio::join!(good, bad);
    println!(
        "| bad signatures alone | {:.0} | {:.2} ms | {:.2} ms | |",
        flooding.rate(),
        flooding.percentile(0.5),
        flooding.percentile(0.99),
    );
    println!(
        "| good ones, 4 connections: alone, then beside as many bad ones | {:.0}, {:.0} | {:.2}, {:.2} ms | {:.2}, {:.2} ms | p50 {:.2} × |",
        alone.rate(),
        beside.rate(),
        alone.percentile(0.5),
        beside.percentile(0.5),
        alone.percentile(0.99),
        beside.percentile(0.99),
        beside.percentile(0.5) / alone.percentile(0.5)
    );
}

/// A million deliveries for a million repositories that nobody runs.
async fn memory(watcher: &Watcher) {
    let unknown = hint(|number| format!("nobody/image-{number}"));
    load(watcher.port(), CONNECTIONS, Until::Sent(50_000), Arc::clone(&unknown)).await;
    let before = watcher.rss() as f64 / 1024.0 / 1024.0;
    let mut outcome = load(watcher.port(), CONNECTIONS, Until::Sent(1_000_000), unknown).await;
    let after = watcher.rss() as f64 / 1024.0 / 1024.0;
    println!(
        "| a million unknown repositories | {:.0} | {:.2} ms | {:.2} ms | RSS {before:.1} → {after:.1} MiB: {:+.1} |",
        outcome.rate(),
        outcome.percentile(0.5),
        outcome.percentile(0.99),
        after - before
    );
}

/// 100,000 deliveries at full speed with five kills: whatever got a 2xx is in the queue, once.
async fn kills(ctx: &Ctx) {
    // Nothing is known to be watched while the API server does not answer, so every repository counts, and none is
    // looked at: the queue is the witness.
    let ports = harness::process::free_ports::<2>();
    let nowhere = ctx.file("kubeconfig", r#"{"apiVersion":"v1","kind":"Config","current-context":"x","contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"clusters":[{"name":"x","cluster":{"server":"http://127.0.0.1:1"}}],"users":[{"name":"x","user":{}}]}"#);
    let data = ctx.folder("kills");
    let start = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_image-watcher"))
            .env_clear()
            .envs([("HOST", "127.0.0.1"), ("LOG_LEVEL", "ERROR"), ("REGISTRY_WEBHOOK_TOKEN", "registry-token")])
            .envs([("PORT", ports[0].to_string()), ("ADMIN_PORT", ports[1].to_string())])
            .env("KUBECONFIG", &nowhere)
            .env("IMAGE_WATCHER_DATA", &data)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("image-watcher")
    };
    let distinct = 95_000;
    let mut child = start();
    let written =
        || std::fs::metadata(data.join("queue.db-wal")).and_then(|file| Ok((file.len(), file.modified()?))).ok();
    load(ports[0], 4, Until::Sent(1_000), hint(|n| format!("kill/image-{n}"))).await;
    let before = written();
    let wrong: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> =
        Arc::new(|n| post("/webhooks/distribution", "Authorization: Bearer wrong", &envelope("web", n)));
    let flood = load(ports[0], CONNECTIONS, Until::Sent(50_000), wrong).await;
    println!("50,000 bad signatures: {:?}, disk written: {}", flood.by_status, before != written());
    let sending = tokio::spawn(load(
        ports[0],
        CONNECTIONS,
        Until::Sent(100_000),
        hint(move |number| format!("kill/image-{}", number % distinct)),
    ));
    let began = Instant::now();
    for kill in 1..=5_u64 {
        let at = Duration::from_millis(900 * kill);
        tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        child = start();
    }
    let outcome = sending.await.expect("the load");
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let queue = rusqlite::Connection::open(data.join("queue.db")).expect("the queue's file");
    let mut rows = queue.prepare("SELECT payload FROM job WHERE topic = 'look'").expect("a query");
    let stored: Vec<String> =
        rows.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect();
    let names: HashSet<&str> = stored.iter().filter_map(|payload| payload.split("kill/image-").nth(1)).collect();
    let names: HashSet<u64> =
        names.iter().filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect();
    let accepted: HashSet<u64> = outcome.accepted.iter().map(|number| number % distinct).collect();
    let lost = accepted.difference(&names).count();
    println!(
        "\nkills: 100,000 deliveries sent, {:?} answered, {} repositories accepted, {} jobs stored for {} repositories, {lost} lost",
        outcome.by_status,
        accepted.len(),
        stored.len(),
        names.len()
    );
    assert_eq!(lost, 0, "a delivery that got a 2xx is in the queue");
    assert_eq!(stored.len(), names.len(), "and only once");
}
