//! `make bench`: what messages cost. Each row is a process of its own that finds its messages stored, with endpoints that
//! answer as they are told; what is compared is measured in the same run.

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

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::Ctx;
use harness::images::{Image, Repository};
use harness::serve::{Answer, Server};
use harness::stored::{delivery, gathered, notice, store};
use harness::watcher::Watcher;
use image_watcher::domain::event::{ApprovalView, Delivery, Job, NoticeKind, Told};
use image_watcher::notify::email::{EmailChannel, SmtpUrl};
use image_watcher::notify::{Channel, Channels, Scope, Transport};
use image_watcher::outbound::Outbound;
use table::Table;

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// So many messages of one channel are sent at once.
const AT_ONCE: u32 = 8;
/// How long an endpoint takes.
const TAKES: Duration = Duration::from_millis(50);
const DELIVERIES: usize = 1_000;
/// Messages that wait while the process has nothing to do.
const WAITING: usize = 10_000;
/// Messages while memory is watched, and how often it is looked at.
const MANY: usize = 100_000;
const LOOKS: usize = 10;
/// Bytes of memory are the system's; what it gives and takes is no leak.
const FLAT: f64 = 1.1;

fn main() -> std::process::ExitCode {
    harness::run::benchmark("notify", bench)
}

async fn bench(ctx: Ctx) {
    let mut table = Table::new();
    let only = std::env::var("ONLY").unwrap_or_default();
    let is_asked = |part: &str| only.is_empty() || only.split(',').any(|one| one == part);
    if is_asked("mail") {
        mails(&mut table);
    }
    if is_asked("push") {
        pushes(&ctx, &mut table).await;
    }
    if is_asked("slow") {
        slow_endpoint(&ctx, &mut table).await;
    }
    if is_asked("neighbours") {
        neighbours(&ctx, &mut table).await;
    }
    if is_asked("waiting") {
        waiting(&ctx, &mut table).await;
    }
    if is_asked("memory") {
        memory(&ctx, &mut table).await;
    }
    table.print();
}

/// What comes in: how much of each channel, and when the last of it did.
#[derive(Default)]
struct Came(Mutex<BTreeMap<&'static str, (usize, Option<Instant>)>>);

impl Came {
    /// Counts a message that was taken.
    fn count(&self, channel: &'static str) {
        let mut came = self.0.lock().expect("counts");
        let of = came.entry(channel).or_default();
        *of = (of.0 + 1, Some(Instant::now()));
    }

    /// How much of a channel came, and when it was last so.
    fn of(&self, channel: &str) -> (usize, Option<Instant>) {
        self.0.lock().expect("counts").get(channel).copied().unwrap_or_default()
    }

    /// Until so much came of a channel.
    async fn until(&self, channel: &str, count: usize) -> Instant {
        loop {
            if let (came, Some(last)) = self.of(channel)
                && came >= count
            {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Endpoints, one a path, and what came in at them.
fn endpoints(answer: fn(&str, usize) -> (u16, Duration)) -> (Server, Arc<Came>) {
    let (came, asked) = (Arc::<Came>::default(), Mutex::new(BTreeMap::<&'static str, usize>::new()));
    let counted = Arc::clone(&came);
    let server = Server::start(Arc::new(move |request| {
        let channel = CHANNELS.into_iter().find(|channel| request.path == format!("/{channel}")).unwrap_or("steady");
        let mut asked = asked.lock().expect("counts");
        let number = asked.entry(channel).or_default();
        *number += 1;
        let (status, takes) = answer(channel, *number);
        if status < 300 {
            counted.count(channel);
        }
        Box::pin(std::future::ready(Answer::status(status).after(takes)))
    }));
    (server, came)
}

const CHANNELS: [&str; 7] = ["steady", "first", "second", "third", "dead", "flapping", "quiet"];

fn configuration(ctx: &Ctx, server: &Server, channels: &[&str]) -> String {
    let secret = ctx.file("secret", SECRET).display().to_string();
    let hook = |name: &&str| {
        let url = if *name == "dead" { "http://127.0.0.1:1/dead".to_owned() } else { server.url(&format!("/{name}")) };
        let file = ctx.file(name, &url).display().to_string();
        let quiet = if *name == "quiet" { ", quiet: '00:10-00:05'" } else { "" };
        format!("  - {{ name: {name}, kind: webhook, urlFile: '{file}', secretFile: '{secret}'{quiet} }}\n")
    };
    let yaml = format!("channels:\n{}", channels.iter().map(hook).collect::<String>());
    ctx.file("config.yaml", &yaml).display().to_string()
}

/// A process that finds these jobs stored.
async fn started(ctx: &Ctx, server: &Server, channels: &[&str], jobs: impl IntoIterator<Item = Job>) -> Watcher {
    let data = ctx.folder("data");
    store(&data, jobs).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", configuration(ctx, server, channels));
    watcher.env("IMAGE_WATCHER_DATA", data.display().to_string()).env("LOG_LEVEL", "ERROR").start().await
}

/// Messages of a channel about `workloads` in turn.
fn messages(channel: &'static str, count: usize, workloads: usize) -> impl Iterator<Item = Job> {
    let message = move |number| delivery(channel, notice(number % workloads, number / workloads));
    (0..count).map(move |number| Job::Deliver(Box::new(message(number))))
}

/// Words, text and HTML of a question, of a question that thirty workloads share, and of a digest.
fn mails(table: &mut Table) {
    let smtp = SmtpUrl::parse("smtp://localhost:25?tls=none").expect("an address");
    let from = "Image Watcher <iw@example.com>".parse().expect("an address");
    let to = vec!["oncall@example.com".parse().expect("an address")];
    let outbound = Outbound::new(None).expect("a client");
    let email = EmailChannel::new(&smtp, from, to, &outbound).expect("a channel");
    let email = Channel::new("email".into(), Scope::default(), Transport::Email(Box::new(email)));
    let channels = Channels::new(vec![email], Some("prod-eu".into()));
    let now = chrono::DateTime::from_timestamp(1_795_000_100, 0).expect("a moment");
    let asking = |workload| {
        let mut notice = notice(workload, 1);
        notice.kind = NoticeKind::Available;
        notice.approval = Some(ApprovalView {
            id: "apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T".into(),
            key: "a469a6a1".into(),
            expires: now + chrono::TimeDelta::hours(72),
            nonce: "nonce".into(),
            from_image: "ghcr.io/acme/web:1.0.0".into(),
            allows: image_watcher::domain::approval::Allows::Update,
        });
        notice
    };
    let one = Delivery { recipient: "oncall@example.com".into(), ..Delivery::of("email", "", asking(1)) };
    let several = |count: usize| {
        let notices: Vec<_> = (0..count).map(asking).collect();
        Delivery { told: Told::Several { id: Delivery::collection(&notices), notices }, ..one.clone() }
    };
    let mails = [("a question", one.clone()), ("30 on one push", several(30)), ("a digest of 200", several(200))];
    for (what, mail) in mails {
        let told = mail.notices().len();
        let preview = channels.preview(&mail, now);
        let named = (0..=told).filter(|number| preview.contains(&format!("web-{number}"))).count();
        assert!(named >= told.min(30), "{what} names {named} workloads");
        let mut times: Vec<Duration> = (0..500)
            .map(|_| {
                let began = Instant::now();
                std::hint::black_box(channels.preview(std::hint::black_box(&mail), now));
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let median = times[times.len() / 2].as_secs_f64() * 1e3;
        table.row(
            &format!("a mail rendered: {what}, median of 500"),
            format!("{median:.3} ms"),
            "< 1 ms",
            median < 1.0,
        );
    }
}

/// From a push to the message: of one workload, which waits for nothing, and of thirty, which are one message.
async fn pushes(ctx: &Ctx, table: &mut Table) {
    const WORKLOADS: usize = 30;
    let (server, came) = endpoints(|_, _| (204, Duration::ZERO));
    let (one, many) = (ctx.repository("one"), ctx.repository("many"));
    for image in [&one, &many] {
        image.push(Image::new("1.0.0")).await;
    }
    let watched = |name: String, image: &Repository| {
        let workload = ctx.deployment(&name).replicas(0).container("main", image.reference("1.0.0"));
        workload.annotation("image-watcher/mode", "NOTIFICATION").create()
    };
    watched("one".to_owned(), &one).await;
    futures_util::future::join_all((0..WORKLOADS).map(|n| watched(format!("many-{n}"), &many))).await;
    let watcher = ctx.watcher().without("IMAGE_WATCHER_WINDOW").env("LOG_LEVEL", "ERROR");
    let watcher = watcher.env("IMAGE_WATCHER_CONFIG", configuration(ctx, &server, &["steady"])).start().await;
    // Its first look, which finds nothing.
    tokio::time::sleep(Duration::from_secs(5)).await;

    let pushed = Instant::now();
    one.push(Image::new("1.0.1")).await;
    let took = (came.until("steady", 1).await - pushed).as_secs_f64();
    let what = "from a push on one workload to its message";
    table.row(what, format!("{took:.2} s"), "≤ 1 s", took <= 1.0);
    let pushed = Instant::now();
    many.push(Image::new("1.0.1")).await;
    let took = (came.until("steady", 2).await - pushed).as_secs_f64();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let messages = came.of("steady").0 - 1;
    table.row(
        &format!("from a push on {WORKLOADS} workloads to its message"),
        format!("{took:.2} s, {messages} message"),
        "≤ 31 s, 1 message a channel",
        took <= 31.0 && messages == 1,
    );
    watcher.kill9().await;
}

/// An endpoint that takes its time, against what as many at once could do at best.
async fn slow_endpoint(ctx: &Ctx, table: &mut Table) {
    let (server, came) = endpoints(|_, _| (204, TAKES));
    let watcher = started(ctx, &server, &["steady"], messages("steady", DELIVERIES, DELIVERIES)).await;
    // The first that came may have come before it was ready.
    let (before, began) = (came.of("steady").0, Instant::now());
    let took = (came.until("steady", DELIVERIES).await - began + TAKES).as_secs_f64();
    let best = TAKES.as_secs_f64() * (DELIVERIES - before) as f64 / f64::from(AT_ONCE);
    let ratio = took / best;
    table.row(
        &format!("{} deliveries to an endpoint that takes 50 ms, {AT_ONCE} at once", DELIVERIES - before),
        format!("{took:.2} s, {best:.2} s at best: {ratio:.2} ×"),
        "≤ 1.2 × of what the concurrency allows",
        ratio <= 1.2,
    );
    watcher.kill9().await;
}

/// Three channels alone, and beside one that is dead and one that flaps.
async fn neighbours(ctx: &Ctx, table: &mut Table) {
    const HEALTHY: [&str; 3] = ["first", "second", "third"];
    let mut alone = Vec::new();
    let mut beside = Vec::new();
    for _ in 0..2 {
        alone.push(told(ctx, &HEALTHY, &HEALTHY).await);
        beside.push(told(ctx, &["dead", "flapping", "first", "second", "third"], &HEALTHY).await);
    }
    let best = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
    let (alone, beside) = (best(&alone), best(&beside));
    let lost = (beside / alone - 1.0) * 100.0;
    table.row(
        &format!("{DELIVERIES} deliveries on each of three channels, beside a dead and a flapping one"),
        format!("{beside:.2} s, {alone:.2} s alone: {lost:+.1} % (the better of two each)"),
        "< 5 %",
        lost < 5.0,
    );
}

/// How long the healthy ones of these channels take for their messages, seconds; each channel has as many.
async fn told(ctx: &Ctx, channels: &[&'static str], healthy: &[&str]) -> f64 {
    let (server, came) = endpoints(|channel, number| match (channel, number % 20) {
        ("flapping", 0..5) => (500, Duration::ZERO),
        ("flapping", 5) => (429, Duration::ZERO),
        _ => (204, TAKES),
    });
    let jobs = channels.iter().flat_map(|channel| messages(channel, DELIVERIES, DELIVERIES));
    let watcher = started(ctx, &server, channels, jobs).await;
    let began = Instant::now();
    let before: usize = healthy.iter().map(|channel| came.of(channel).0).sum();
    let mut last = began;
    for channel in healthy {
        last = last.max(came.until(channel, DELIVERIES).await);
    }
    watcher.kill9().await;
    // As if nothing had come before it was ready.
    let all = DELIVERIES * healthy.len();
    (last - began + TAKES).as_secs_f64() * all as f64 / (all - before) as f64
}

/// Half of the messages wait for a channel that is down, half for the end of quiet hours.
async fn waiting(ctx: &Ctx, table: &mut Table) {
    let (server, _) = endpoints(|_, _| (204, Duration::ZERO));
    let quiet = (0..WAITING / 2).map(|number| gathered("quiet", notice(number % 1_000, number / 1_000)));
    let jobs = messages("dead", WAITING / 2, 1_000).chain(quiet);
    let watcher = started(ctx, &server, &["dead", "quiet"], jobs).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, began) = (watcher.cpu(), Instant::now());
    tokio::time::sleep(Duration::from_secs(65)).await;
    let percent = watcher.cpu().saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let waiting = watcher.metric("image_watcher_queue_jobs{state=\"ready\"}").await.unwrap_or_default();
    table.row(
        &format!("CPU while {waiting} messages wait, over 65 s"),
        format!("{percent:.2} %"),
        "≤ 0.5 %",
        percent <= 0.5,
    );
    watcher.kill9().await;
}

/// Resident memory while messages go out as fast as they can.
async fn memory(ctx: &Ctx, table: &mut Table) {
    let (server, came) = endpoints(|_, _| (204, Duration::ZERO));
    let watcher = started(ctx, &server, &["steady"], messages("steady", MANY, 1_000)).await;
    let (began, before) = (Instant::now(), came.of("steady").0);
    let mut seen = Vec::new();
    for look in 1..=LOOKS {
        came.until("steady", look * MANY / LOOKS).await;
        seen.push(watcher.rss() as f64 / 1024.0 / 1024.0);
    }
    let rate = (MANY - before) as f64 / began.elapsed().as_secs_f64();
    let (second, last) = (seen[1], seen[LOOKS - 1]);
    let all: Vec<String> = seen.iter().map(|size| format!("{size:.1}")).collect();
    table.row(
        &format!("RSS over {MANY} deliveries, at each tenth"),
        format!("{} MiB; {rate:.0} a second", all.join(", ")),
        "flat: the last ≤ 1.1 × the second",
        last <= second * FLAT,
    );
    watcher.kill9().await;
}
