//! `make bench`: the loop against a real API server and registry, side by side with a bare client that does only the
//! requests that are needed. One update ends, ours like theirs, when a watch shows the new image; ours begins with a webhook,
//! which is stored on the disk, while the API server's own store is run without syncing anything. Prints a table of ratios measured in this one run; with `IMAGE_WATCHER_BENCH_BEFORE=path` each
//! row a second time, by the binary of before; with `IMAGE_WATCHER_BENCH_ONLY=one,cpu,requests,many,standing` those parts alone.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures: it reads the clock, starts tasks, and may fail loudly"
)]

#[path = "load/builds.rs"]
mod builds;
#[expect(dead_code, unused_imports, unused_macros, reason = "a benchmark uses a part of what tests use")]
#[path = "../tests/it/harness/mod.rs"]
mod harness;
#[path = "load/requests.rs"]
mod requests;
mod table;
#[path = "load/updates.rs"]
mod updates;
#[path = "load/workloads.rs"]
mod workloads;

use std::time::{Duration, Instant};

use builds::{Build, is_wanted};
use futures_util::StreamExt as _;
use harness::Ctx;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams};
use table::Table;
use updates::{Bare, Patched, announce, prepare};
use workloads::{create, deployment};

/// Webhooks, one after another.
const ONE_BY_ONE: usize = 150;
/// Starts whose first webhook is measured.
const STARTS: usize = 5;
/// Webhooks at once, for as many repositories.
const AT_ONCE: usize = 500;
/// Webhooks before, and while, the time on processors is taken.
const WARM: usize = 20;
const TIMED: usize = 200;
/// Between two that are measured, so that what one leaves to be done is not in the other's time.
const REST: Duration = Duration::from_millis(25);

fn main() -> std::process::ExitCode {
    harness::run::benchmark("bench", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    let builds = Build::all();
    for build in &builds {
        let size = std::fs::metadata(&build.binary).expect("the binary").len();
        let megabytes = format!("{:.1} MB", size as f64 / 1e6);
        let bound = "≤ 18 MB; the static one: scripts/image";
        table.row(&build.row("binary, stripped"), megabytes, bound, size <= 18_000_000);
    }
    if is_wanted("one") {
        for build in &builds {
            one_by_one(&ctx, build, &mut table).await;
        }
    }
    if is_wanted("cpu") {
        for build in &builds {
            cpu(&ctx, build, &mut table).await;
        }
    }
    if is_wanted("requests") {
        for build in &builds {
            requests::of_one_look(&ctx, build, &mut table).await;
            requests::of_one_proposal(&ctx, build, &mut table).await;
        }
    }
    if is_wanted("many") {
        at_once(&ctx, &builds, &mut table).await;
    }
    if is_wanted("standing") {
        for count in [1_000, 10_000] {
            standing(&ctx, &builds, &mut table, count).await;
        }
    }
    table.print();
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The time within which this part of them was done.
fn percentile(times: &mut [Duration], part: usize) -> Duration {
    times.sort_unstable();
    times[((times.len() * part).div_ceil(100)).saturating_sub(1)]
}

/// What the bare client asks: what an update takes, and the same with a look at image and API server before it.
const BARE: [(&str, bool, &str); 2] =
    [("bare", false, "tag list, HEAD, PATCH"), ("look", true, "the same requests, with the look before the leap,")];

/// A row of ours beside theirs.
fn beside(table: &mut Table, what: &str, (ours, theirs): (Duration, Duration), (most, of): (f64, &str)) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    let measured = format!("{} against {}: {ratio:.2} ×", ms(ours), ms(theirs));
    table.row(what, measured, &format!("≤ {most} × {of} on kept connections"), ratio <= most);
}

async fn one_by_one(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("one-{}", build.name), &[]).await;
    let ours = prepare(ctx, &namespace, "one", STARTS + ONE_BY_ONE).await;
    let mut theirs = Vec::new();
    for (name, ..) in BARE {
        theirs.push(prepare(ctx, &namespace, name, STARTS + ONE_BY_ONE).await);
    }
    let (bare, mut patched) = (Bare::new(ctx, &namespace).await, Patched::watch(ctx, &namespace).await);
    let (mut first, mut our_times, mut their_times) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    let mut watcher = build.watcher(ctx, &namespace).start().await;
    ctx.pause_controllers(true);
    for n in 0..STARTS + ONE_BY_ONE {
        if (1..STARTS).contains(&n) {
            watcher.restart().await;
        }
        tokio::time::sleep(REST).await;
        let started = Instant::now();
        announce(ctx, &watcher, &ours[n], "1.0.1").await;
        patched.name(&format!("one-{n}")).await;
        if n < STARTS { &mut first } else { &mut our_times }.push(started.elapsed());
        for (at, (name, looks_first, _)) in BARE.into_iter().enumerate() {
            tokio::time::sleep(REST).await;
            let started = Instant::now();
            let name = format!("{name}-{n}");
            bare.update(&name, &theirs[at][n], looks_first).await;
            patched.name(&name).await;
            their_times[at].push(started.elapsed());
        }
    }
    ctx.pause_controllers(false);
    watcher.kill9().await;
    let first = percentile(&mut first, 50);
    for ((_, _, of), their_times) in BARE.into_iter().zip(&mut their_times) {
        their_times.drain(..STARTS);
        let mut both = |part| (percentile(&mut our_times, part), percentile(their_times, part));
        let (median, late) = (both(50), both(99));
        beside(table, &build.row("webhook to patched workload, median"), median, (1.1, of));
        beside(table, &build.row("webhook to patched workload, p99"), late, (2.0, of));
        beside(table, &build.row("the first webhook after a start, median of 5"), (first, median.1), (2.0, of));
    }
}

/// The time on processors that a webhook and its update take, which says the same on a machine that is busy.
async fn cpu(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("cpu-{}", build.name), &[]).await;
    let repositories = prepare(ctx, &namespace, "cpu", WARM + TIMED).await;
    let mut patched = Patched::watch(ctx, &namespace).await;
    let watcher = build.watcher(ctx, &namespace).start().await;
    ctx.pause_controllers(true);
    let mut before = Duration::ZERO;
    for (n, repository) in repositories.iter().enumerate() {
        if n == WARM {
            before = watcher.cpu();
        }
        announce(ctx, &watcher, repository, "1.0.1").await;
        patched.name(&format!("cpu-{n}")).await;
        tokio::time::sleep(REST).await;
    }
    let spent = watcher.cpu().saturating_sub(before) / u32::try_from(TIMED).expect("a small number");
    ctx.pause_controllers(false);
    watcher.kill9().await;
    let bound = "none: to be read beside another build's";
    table.row(&build.row("time on processors, webhook to patched workload"), ms(spent), bound, true);
}

async fn at_once(ctx: &Ctx, builds: &[Build], table: &mut Table) {
    let namespace = ctx.second_namespace("many", &[]).await;
    let mut theirs = Vec::new();
    for (name, ..) in BARE {
        theirs.push(prepare(ctx, &namespace, name, AT_ONCE).await);
    }
    ctx.pause_controllers(true);
    let (client, mut times) = (Bare::new(ctx, &namespace).await, Vec::new());
    for ((name, looks_first, of), theirs) in BARE.into_iter().zip(&theirs) {
        times.push((client.update_all(name, theirs, looks_first).await, of));
    }
    for build in builds {
        let ours = prepare(ctx, &namespace, build.name, AT_ONCE).await;
        let mut patched = Patched::watch(ctx, &namespace).await;
        let watcher = build.watcher(ctx, &namespace).start().await;
        tokio::time::sleep(REST * 20).await;
        let cost = requests::Cost::new(ctx, &ours);
        let started = Instant::now();
        let hooks = ours.iter().map(|repository| announce(ctx, &watcher, repository, "1.0.1"));
        let sent = futures_util::stream::iter(hooks).buffer_unordered(64).collect::<Vec<()>>();
        tokio::join!(patched.count(build.name, AT_ONCE), sent);
        let took = started.elapsed();
        for (bare, of) in &times {
            beside(table, &build.row("500 webhooks for 500 repositories at once"), (took, *bare), (2.0, of));
        }
        table.row(&build.row("requests of one of them"), cost.of_one(), "2 registry, ≤ 2 patch", true);
        watcher.kill9().await;
    }
    ctx.pause_controllers(false);
}

/// Start and rest with many watched workloads.
async fn standing(ctx: &Ctx, builds: &[Build], table: &mut Table, count: usize) {
    let namespace = ctx.second_namespace(&format!("standing-{count}"), &[]).await;
    let image = |n: usize| format!("registry.test/team-{}/service-{n}:1.0.0", n % 100);
    let all = (0..count).map(|n| deployment(&format!("service-{n}"), &image(n), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let list = list(ctx, &namespace, count).await;
    for build in builds {
        let builder = build.watcher(ctx, &namespace);
        let started = Instant::now();
        let watcher = builder.start().await;
        let ready = started.elapsed();
        if count == 1_000 {
            let bound = list.mul_f64(1.5) + Duration::from_millis(50);
            let measured = format!("{} against {} for a bare list", ms(ready), ms(list));
            let what = build.row("start to ready, 1,000 workloads");
            table.row(&what, measured, "≤ 1.5 × the list + 50 ms", ready <= bound);
        }
        let before = ctx.audit_of_watcher().len();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let is_read = |event: &&serde_json::Value| event["verb"] == "list" || event["verb"] == "get";
        let reads = ctx.audit_of_watcher().iter().skip(before).filter(is_read).count();
        let what = build.row(&format!("LIST and GET in 10 s at rest, {count} workloads"));
        table.row(&what, reads.to_string(), "0", reads == 0);
        let rss = watcher.rss() as f64 / 1024.0 / 1024.0;
        let most = if count == 1_000 { 16.5 } else { 40.0 };
        let what = build.row(&format!("RSS at rest, {count} workloads"));
        table.row(&what, format!("{rss:.1} MiB"), &format!("≤ {most} MiB"), rss <= most);
        watcher.kill9().await;
    }
}

/// How long a bare client takes to list them.
async fn list(ctx: &Ctx, namespace: &str, count: usize) -> Duration {
    let api: Api<Deployment> = Api::namespaced(ctx.client().clone(), namespace);
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
    started.elapsed()
}
