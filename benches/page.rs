//! `make bench`: the page and the API with 1,000 and with 10,000 workloads: first byte, size, list, and what open streams of events
//! and an open page hold in memory; each beside a file that is only sent.

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

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use harness::Ctx;
use harness::images::{Image, Repository};
use harness::watcher::Watcher;
use table::Table;
use workloads::{create, deployment};

/// Repositories that the workloads run; of every second one there is something newer.
const REPOSITORIES: usize = 100;
/// Workloads, first and then.
const SIZES: [usize; 2] = [1_000, 10_000];
/// Requests of each kind.
const RUNS: usize = 31;
/// Streams that are open at once.
const STREAMS: usize = 200;

fn main() -> std::process::ExitCode {
    harness::run::benchmark("page", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    let repositories: Vec<Repository> = (0..REPOSITORIES).map(|n| ctx.repository(&format!("r-{n}"))).collect();
    for (number, repository) in repositories.iter().enumerate() {
        repository.push(Image::new("1.0.0")).await;
        if number % 2 == 0 {
            repository.push(Image::new("1.1.0")).await;
        }
    }
    let config = "auth: { mode: proxy, header: X-Forwarded-User, groupsHeader: X-Forwarded-Groups, roles: { approver: [sre] } }\n";
    let config = ctx.file("config.yaml", config).display().to_string();
    let builder = ctx.watcher().unconnected().own_data().env("LOG_LEVEL", "WARN").env("RUN_ON_BOOT", "TRUE");
    let builder = builder.like_in_the_image();
    let builder = builder.env("IMAGE_WATCHER_CONFIG", config).env("TRUSTED_PROXY", "127.0.0.0/8");
    let mut created = 0;
    let image = |n: usize| repositories[n % REPOSITORIES].reference("1.0.0");
    create(&ctx, ctx.namespace(), (0..SIZES[0]).map(|n| deployment(&format!("web-{n}"), &image(n), "NOTIFICATION")))
        .await;
    let watcher = builder.start().await;
    for size in SIZES {
        if size > SIZES[0] {
            let more = (created..size).map(|n| deployment(&format!("web-{n}"), &image(n), "NOTIFICATION"));
            create(&ctx, ctx.namespace(), more).await;
        }
        created = size;
        until_read(&watcher, size).await;
        let rest = mebibytes(&watcher);
        times(&watcher, size, &mut table).await;
        if size == SIZES[0] {
            streams(&watcher, rest, &mut table).await;
        }
    }
    watcher.kill9().await;
    table.print();
}

/// What stands before the service says who it is.
fn request(watcher: &Watcher, path: &str) -> reqwest::RequestBuilder {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let request = CLIENT.get_or_init(harness::http_client).get(watcher.url(path)).header("Accept", "text/html");
    request.header("X-Forwarded-User", "anna").header("X-Forwarded-Groups", "sre")
}

/// All workloads are listed, and what is asked is asked.
async fn until_read(watcher: &Watcher, size: usize) {
    let (mut before, begun) = (None, Instant::now());
    loop {
        let answer = request(watcher, "/api/v1/summary").send().await.expect("an answer");
        let counts = answer.json::<serde_json::Value>().await.expect("JSON")["counts"].clone();
        let all: u64 = counts.as_object().expect("counts").values().filter_map(serde_json::Value::as_u64).sum();
        if all == size as u64 && before.as_ref() == Some(&counts) {
            eprintln!("{size} workloads after {:?}: {counts}", begun.elapsed());
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(600), "{counts}");
        before = Some(counts);
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

/// To the first byte and to the last, as a median, and how many bytes there are.
async fn measured(watcher: &Watcher, path: &str) -> (f64, f64, usize) {
    let (mut first, mut last, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let begun = Instant::now();
        let answer = request(watcher, path).send().await.expect("an answer");
        first.push(begun.elapsed());
        assert_eq!(answer.status(), 200, "{path}");
        bytes = answer.bytes().await.expect("a body").len();
        last.push(begun.elapsed());
    }
    first.sort_unstable();
    last.sort_unstable();
    (first[RUNS / 2].as_secs_f64() * 1e3, last[RUNS / 2].as_secs_f64() * 1e3, bytes)
}

async fn times(watcher: &Watcher, size: usize, table: &mut Table) {
    let bound = if size == SIZES[0] { 100.0 } else { 400.0 };
    for path in ["/", "/?rows=500", "/?state=needs-you&q=web-9", "/approvals", "/sources", "/deliveries"] {
        let (first, last, bytes) = measured(watcher, path).await;
        table.row(
            &format!("{size} workloads, GET {path}: first byte, whole, size"),
            format!("{first:.1} ms, {last:.1} ms, {} kB", bytes / 1000),
            &format!("≤ {bound} ms; the first page ≤ 300 kB"),
            first <= bound && (path != "/" || bytes <= 300_000),
        );
    }
    let (_, one, bytes) = measured(watcher, "/api/v1/workloads").await;
    let what = format!("{size} workloads, GET /api/v1/workloads: 500 of them, size");
    table.row(
        &what,
        format!("{one:.1} ms, {} kB", bytes / 1000),
        "≤ 25 ms at 1,000: all of them in ≤ 50 ms",
        one <= 25.0 || size > SIZES[0],
    );
    let (_, health, _) = measured(watcher, "/api/v1/openapi.json").await;
    table.row(&format!("{size} workloads, beside it a file"), format!("{health:.1} ms"), "–", true);
}

/// What so many open streams and an open page hold.
async fn streams(watcher: &Watcher, rest: f64, table: &mut Table) {
    let before = mebibytes(watcher);
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        let mut answer = request(watcher, "/api/v1/events").send().await.expect("a stream");
        assert_eq!(answer.status(), 200);
        answer.chunk().await.expect("bytes").expect("a beginning");
        open.push(answer);
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = mebibytes(watcher);
    let what = format!("memory of {STREAMS} streams of events over none");
    table.row(&what, format!("{:.1} MiB over {before:.1}", after - before), "≤ 8 MiB", after - before <= 8.0);
    drop(open);
    let opened = request(watcher, "/api/v1/events").send().await.expect("a stream");
    for _ in 0..10 {
        measured(watcher, "/").await;
    }
    let with_page = mebibytes(watcher);
    table.row(
        "RSS with 1,000 workloads: before anybody looked, and with the page open and read 310 times",
        format!("{rest:.1} and {with_page:.1} MiB"),
        "≤ 20 MiB",
        with_page <= 20.0,
    );
    drop(opened);
}

fn mebibytes(watcher: &Watcher) -> f64 {
    watcher.rss() as f64 / 1024.0 / 1024.0
}
