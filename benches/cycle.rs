//! `make bench`: what cycles of the schedule cost a registry and our memory, by the registry's own log.

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

use std::time::Duration;

use futures_util::StreamExt as _;
use harness::Ctx;
use harness::images::{Image, Repository};
use harness::watcher::Watcher;
use table::Table;
use workloads::{create, deployment};

/// Repositories, and workloads that run them.
const REPOSITORIES: usize = 200;
const WORKLOADS: usize = 1_000;
/// Cycles after the first.
const CYCLES: usize = 20;

fn main() -> std::process::ExitCode {
    harness::run::benchmark("cycle", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
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
        let answer = watcher.send(reqwest::Method::POST, &watcher.admin_url("/api/v1/look"), &[], Vec::new()).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
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
    table.print();
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
    let ours = |repository: &Repository| {
        let requests = ctx.registry().requests(repository.name()).into_iter();
        requests.filter(|request| request.contains("image-watcher/")).collect::<Vec<_>>()
    };
    let all: Vec<String> = repositories.iter().flat_map(ours).collect();
    let with = |part: &str| all.iter().filter(|request| request.contains(part)).count();
    (with("/tags/list"), with("/manifests/"))
}

async fn until_looks(watcher: &Watcher, count: usize) {
    let series = "image_watcher_reconcile_duration_seconds_count{result=\"ok\"}";
    for _ in 0..6_000 {
        if watcher.metric(series).await.unwrap_or_default() >= count as f64 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} looks did not come");
}
