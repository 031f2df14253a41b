//! `make bench`: what cycles of the schedule cost a registry and our memory, by the registry's own log; what a list of
//! 160,000 tags costs; what a cycle costs a webhook that comes meanwhile; and what a thousand cycles cost, beside a poller that
//! looks at each workload by itself.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a program that measures: it reads the clock, starts tasks, and may fail loudly"
)]

#[path = "load/double.rs"]
mod double;
#[expect(dead_code, unused_imports, unused_macros, reason = "a benchmark uses a part of what tests use")]
#[path = "../tests/it/harness/mod.rs"]
mod harness;
mod table;
#[path = "load/workloads.rs"]
mod workloads;

use std::time::{Duration, Instant};

use double::{Double, LONG};
use futures_util::StreamExt as _;
use harness::Ctx;
use harness::images::{Image, Repository};
use harness::watcher::Watcher;
use reqwest::Method;
use table::Table;
use workloads::{create, deployment};

/// Repositories, and workloads that run them.
const REPOSITORIES: usize = 200;
const WORKLOADS: usize = 1_000;
/// Cycles after the first.
const CYCLES: usize = 20;
/// Looks at the long list.
const LOOKS: usize = 9;
/// Repositories of a cycle during which webhooks come, and those webhooks.
const MANY: usize = 5_000;
const HOT: usize = 100;
/// Repositories that are looked at in so many cycles, and how many workloads run each.
const FEW: usize = 10;
const RUN_EACH: usize = 5;
const MANY_CYCLES: usize = 1_000;
/// Under which name the poller asks that is compared with.
const NAIVE: &str = "naive-poller/1";

fn main() -> std::process::ExitCode {
    harness::run::benchmark("cycle", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    long_list(&ctx, &mut table).await;
    webhooks_beside_a_cycle(&ctx, &mut table).await;
    let repositories: Vec<Repository> = (0..REPOSITORIES).map(|n| ctx.repository(&format!("r-{n}"))).collect();
    let pushes = repositories.iter().map(|repository| async { repository.push(Image::new("1.0.0")).await });
    futures_util::stream::iter(pushes).buffer_unordered(8).collect::<Vec<_>>().await;
    let image = |n: usize| repositories[n % REPOSITORIES].reference("1.0.0");
    let all = (0..WORKLOADS).map(|n| deployment(&format!("web-{n}"), &image(n), "NOTIFICATION"));
    create(&ctx, ctx.namespace(), all).await;

    let builder = ctx.watcher().unconnected().own_data().env("LOG_LEVEL", "WARN").env("RUN_ON_BOOT", "TRUE");
    let watcher = builder.start().await;
    until_looks(&watcher, REPOSITORIES).await;
    row(&mut table, "first cycle", asked(&ctx, &repositories), 1);
    let mut memory = vec![mebibytes(&watcher)];
    for cycle in 2..=CYCLES + 1 {
        look_at_all(&watcher).await;
        until_looks(&watcher, cycle * REPOSITORIES).await;
        memory.push(mebibytes(&watcher));
    }
    row(&mut table, &format!("with {CYCLES} steady ones"), asked(&ctx, &repositories), CYCLES + 1);
    let (first, last) = (memory[1], memory[CYCLES]);
    table.row(
        &format!("RSS after the first, second and last of {} cycles", CYCLES + 1),
        format!("{:.1}, {first:.1}, {last:.1} MiB", memory[0]),
        "the last ≤ 1.1 × the second",
        last <= first * 1.1,
    );
    watcher.kill9().await;
    many_cycles(&ctx, &mut table).await;
    table.print();
}

/// Many cycles over a few repositories: what the registry was asked, beside who asks for each workload by itself, and our memory.
async fn many_cycles(ctx: &Ctx, table: &mut Table) {
    let repositories: Vec<Repository> = (0..FEW).map(|n| ctx.repository(&format!("few-{n}"))).collect();
    for repository in &repositories {
        repository.push(Image::new("1.0.0")).await;
    }
    let namespace = ctx.second_namespace("few", &[]).await;
    let image = |n: usize| repositories[n % FEW].reference("1.0.0");
    let all = (0..FEW * RUN_EACH).map(|n| deployment(&format!("few-{n}"), &image(n), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let builder = ctx.watcher().unconnected().own_data().env("IMAGE_WATCHER_NAMESPACES", &namespace);
    let watcher = builder.env("LOG_LEVEL", "WARN").env("RUN_ON_BOOT", "TRUE").start().await;
    let mut memory = Vec::new();
    for cycle in 1..=MANY_CYCLES {
        if cycle > 1 {
            look_at_all(&watcher).await;
        }
        until_looks(&watcher, cycle * FEW).await;
        memory.push(mebibytes(&watcher));
    }
    let (lists, manifests) = asked(ctx, &repositories);
    watcher.kill9().await;
    let (ours, naive) = (lists + manifests, naive(ctx, &repositories).await * MANY_CYCLES);
    let ratio = naive as f64 / ours as f64;
    table.row(
        &format!(
            "requests of {MANY_CYCLES} cycles, {} workloads on {FEW} repositories, beside a naive poller's",
            FEW * RUN_EACH
        ),
        format!("{lists} lists, {manifests} about manifests, against {naive}: {ratio:.1} × less"),
        &format!("{} lists, 0", MANY_CYCLES * FEW),
        (lists, manifests) == (MANY_CYCLES * FEW, 0),
    );
    let (early, last) = (memory[MANY_CYCLES / 100], memory[MANY_CYCLES - 1]);
    table.row(
        &format!("RSS after the first, {}th and last of {MANY_CYCLES} cycles", MANY_CYCLES / 100 + 1),
        format!("{:.1}, {early:.1}, {last:.1} MiB", memory[0]),
        "the last ≤ 1.1 × the one before it",
        last <= early * 1.1,
    );
}

/// What is asked in one cycle by who keeps nothing and asks for each workload: its list, and what its tag points to.
async fn naive(ctx: &Ctx, repositories: &[Repository]) -> usize {
    let http = harness::http_client();
    for repository in repositories.iter().flat_map(|repository| std::iter::repeat_n(repository, RUN_EACH)) {
        for (method, rest) in [(Method::GET, "tags/list"), (Method::HEAD, "manifests/1.0.0")] {
            let path = format!("{}/{rest}", repository.name());
            let request = ctx.registry().request(&http, method, &path).header("User-Agent", NAIVE);
            assert!(request.send().await.expect("an answer").status().is_success(), "{path}");
        }
    }
    requests_of(ctx, repositories, NAIVE).len()
}

/// One repository of 160,000 tags: decided soon after the last of them, in little memory.
async fn long_list(ctx: &Ctx, table: &mut Table) {
    let double = Double::start(Duration::ZERO);
    let namespace = ctx.second_namespace("long", &[]).await;
    let image = format!("{}/long/app:1.0.0", double.host());
    create(ctx, &namespace, [deployment("long", &image, "NOTIFICATION")]).await;
    let builder = double.watcher(ctx).env("IMAGE_WATCHER_NAMESPACES", &namespace).env("RUN_ON_BOOT", "TRUE");
    let watcher = builder.start().await;
    until_looks(&watcher, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rest = mebibytes(&watcher);
    std::fs::write(format!("/proc/{}/clear_refs", watcher.pid()), "5").expect("its memory's high mark is reset");
    let before = double.decided().len();
    for look in 2..LOOKS + 2 {
        look_at_all(&watcher).await;
        until_looks(&watcher, look).await;
    }
    let mut decided = double.decided().split_off(before);
    decided.sort_unstable();
    let (median, most) = (decided[decided.len() / 2], decided[decided.len() - 1]);
    let more = watcher.peak_rss() as f64 / 1024.0 / 1024.0 - rest;
    table.row(
        &format!("{LONG} tags: from the last byte to what is asked next, median and most of {}", decided.len()),
        format!("{:.1} and {:.1} ms", median.as_secs_f64() * 1e3, most.as_secs_f64() * 1e3),
        "≤ 30 ms",
        median <= Duration::from_millis(30),
    );
    let what = format!("{LONG} tags: memory over rest");
    table.row(&what, format!("{more:.1} MiB over {rest:.1}"), "≤ 8 MiB", more <= 8.0);
    watcher.kill9().await;
}

/// From a webhook to the list that is asked for it, while nothing else happens and while everything is looked at.
async fn webhooks_beside_a_cycle(ctx: &Ctx, table: &mut Table) {
    let double = Double::start(Duration::from_millis(5));
    let namespace = ctx.second_namespace("beside", &[]).await;
    let image = |name: &str| format!("{}/{name}/app:1.0.0", double.host());
    let cold = (0..MANY).map(|n| deployment(&format!("cold-{n}"), &image(&format!("cold-{n}")), "NOTIFICATION"));
    let hot = (0..2 * HOT).map(|n| deployment(&format!("hot-{n}"), &image(&format!("hot-{n}")), "NOTIFICATION"));
    create(ctx, &namespace, cold.chain(hot)).await;
    let watcher = double.watcher(ctx).env("IMAGE_WATCHER_NAMESPACES", &namespace).start().await;
    until_quiet(&watcher).await;
    let quiet = looked_up(&watcher, &double, 0..HOT).await;
    let looks = looks(&watcher).await;
    look_at_all(&watcher).await;
    let beside = looked_up(&watcher, &double, HOT..2 * HOT).await;
    let meanwhile = self::looks(&watcher).await - looks;
    let ratio = beside.as_secs_f64() / quiet.as_secs_f64();
    table.row(
        &format!("webhook to its list while a cycle of {MANY} repositories runs, median of {HOT}"),
        format!(
            "{:.1} against {:.1} ms: {ratio:.2} × ({meanwhile} looks meanwhile)",
            beside.as_secs_f64() * 1e3,
            quiet.as_secs_f64() * 1e3
        ),
        "≤ 1.3 × the quiet figure",
        ratio <= 1.3,
    );
    watcher.kill9().await;
}

/// The median time from a webhook to the list.
async fn looked_up(watcher: &Watcher, double: &Double, which: std::ops::Range<usize>) -> Duration {
    let mut times = Vec::new();
    for n in which {
        let repository = format!("hot-{n}");
        double.asked(&repository);
        let target = serde_json::json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "repository": format!("{repository}/app"), "tag": "1.0.0"});
        let event = serde_json::json!({"action": "push", "request": {"host": double.host()}, "target": target});
        let body = serde_json::json!({"events": [event]}).to_string();
        let started = Instant::now();
        let header = [("Authorization", "Bearer registry-token")];
        assert_eq!(watcher.post("/webhooks/distribution", &header, body).await.status, 202);
        let asked = loop {
            if let Some(asked) = double.asked(&repository) {
                break asked;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        };
        times.push(asked.saturating_duration_since(started));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn look_at_all(watcher: &Watcher) {
    let answer = watcher.send(Method::POST, &watcher.admin_url("/api/v1/look"), &[], Vec::new()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

/// Until no look was done for a second.
async fn until_quiet(watcher: &Watcher) {
    let mut before = looks(watcher).await;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = looks(watcher).await;
        if now <= before {
            return;
        }
        before = now;
    }
}

async fn looks(watcher: &Watcher) -> f64 {
    watcher.metric(DONE).await.unwrap_or_default()
}

fn row(table: &mut Table, which: &str, (lists, manifests): (usize, usize), cycles: usize) {
    table.row(
        &format!("requests of {WORKLOADS} workloads on {REPOSITORIES} repositories, {which}"),
        format!("{lists} lists, {manifests} about manifests"),
        &format!("{} lists, 0", cycles * REPOSITORIES),
        (lists, manifests) == (cycles * REPOSITORIES, 0),
    );
}

fn mebibytes(watcher: &Watcher) -> f64 {
    watcher.rss() as f64 / 1024.0 / 1024.0
}

/// What image-watcher asked so far: lists, and questions about manifests.
fn asked(ctx: &Ctx, repositories: &[Repository]) -> (usize, usize) {
    let all = requests_of(ctx, repositories, "image-watcher/");
    let with = |part: &str| all.iter().filter(|request| request.contains(part)).count();
    (with("/tags/list"), with("/manifests/"))
}

/// What who has this name asked of these repositories so far, by the registry's own log.
fn requests_of(ctx: &Ctx, repositories: &[Repository], who: &str) -> Vec<String> {
    let all = repositories.iter().flat_map(|repository| ctx.registry().requests(repository.name()));
    all.filter(|request| request.contains(who)).collect()
}

/// Looks that were done.
const DONE: &str = "image_watcher_reconcile_duration_seconds_count{result=\"ok\"}";

async fn until_looks(watcher: &Watcher, count: usize) {
    for _ in 0..6_000 {
        if watcher.metric(DONE).await.unwrap_or_default() >= count as f64 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} looks did not come");
}
