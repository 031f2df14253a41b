//! Five channels, of which one is down, one slow and one fails now and then, and a process that is killed again and again:
//! nothing is lost, what comes twice has the same id, messages about a workload come in their order, and what was given up
//! is seen and sent again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use image_watcher::domain::event::Job;
use reqwest::Method;
use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::fault::{Fault, FaultProxy};
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::stored::{delivery, gathered, notice, store};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![no_message_is_lost_however_often_the_process_is_killed]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The first is down, the second slow, the third fails now and then, and nothing is wrong with the others.
const CHANNELS: [&str; 5] = ["down", "slow", "flapping", "steady", "room"];
const SLOW: Duration = Duration::from_millis(100);
/// How often the process is killed.
const KILLS: usize = 10;
/// For so many of them nobody is there where one channel leads, and then somebody who takes nothing. What failed three times
/// is left alone for minutes, which nobody waits for here.
const UNREACHABLE: usize = 2;
/// So many messages of a channel are under way at once, and nobody knows of more whether they were taken.
const UNDER_WAY: usize = 8;

/// How many messages over all channels.
fn size() -> usize {
    let deliveries = std::env::var("IMAGE_WATCHER_TEST_DELIVERIES").ok();
    deliveries.map_or(1_000, |deliveries| deliveries.parse().expect("a number"))
}

/// A message that came in.
struct Arrival {
    channel: &'static str,
    id: String,
    taken: bool,
}

/// What stands behind all channels.
#[derive(Default)]
struct Others {
    arrivals: Mutex<Vec<Arrival>>,
    /// What people were told of a channel that does not work.
    troubles: Mutex<BTreeSet<String>>,
    asked: AtomicUsize,
    /// What the flapping one failed at: each once, as who fails again is left alone for longer.
    failed: Mutex<HashSet<String>>,
    is_mended: AtomicBool,
}

impl Others {
    fn take(&self, request: &Received) -> Answer {
        let channel = CHANNELS.into_iter().find(|channel| request.path.starts_with(&format!("/{channel}")));
        let channel = channel.unwrap_or("room");
        if channel != "room" && request.json()["type"] == "watcher.error" {
            self.troubles.lock().expect("troubles").insert(String::from_utf8_lossy(&request.body).into_owned());
            return Answer::status(204);
        }
        let id = match channel {
            "room" => request.path.rsplit('/').next().unwrap_or_default(),
            _ => request.header("webhook-id").unwrap_or_default(),
        };
        let (status, answer) = self.answer(channel, id);
        let arrival = Arrival { channel, id: id.to_owned(), taken: status < 300 };
        self.arrivals.lock().expect("arrivals").push(arrival);
        answer
    }

    fn answer(&self, channel: &str, id: &str) -> (u16, Answer) {
        let status = match channel {
            "down" if !self.is_mended.load(Ordering::SeqCst) => 404,
            "flapping" => self.flaps(id),
            _ => 200,
        };
        let answer = Answer::status(status);
        let answer = match (channel, status) {
            ("slow", _) => answer.after(SLOW),
            (_, 429) => answer.header("retry-after", "1"),
            _ => answer,
        };
        (status, answer)
    }

    /// Not five times in a row, which would be a channel that is down.
    fn flaps(&self, id: &str) -> u16 {
        let status = match self.asked.fetch_add(1, Ordering::SeqCst) % 40 {
            7 | 8 => 500,
            9 => 503,
            10 => 429,
            _ => 204,
        };
        let is_new = status > 204 && self.failed.lock().expect("failures").insert(id.to_owned());
        if is_new { status } else { 204 }
    }

    /// How many messages a channel took.
    fn taken(&self, channel: &str) -> usize {
        let arrivals = self.arrivals.lock().expect("arrivals");
        let taken = arrivals.iter().filter(|arrival| arrival.taken && arrival.channel == channel);
        taken.map(|arrival| arrival.id.as_str()).collect::<HashSet<_>>().len()
    }
}

/// What a message is about, by its id.
type Expected = HashMap<String, (&'static str, usize, usize)>;

/// Stores messages for each channel in turn; half of them wait to be put together with others.
async fn stored(folder: &std::path::Path, each: usize) -> Expected {
    const OF_A_WORKLOAD: usize = 10;
    let (mut expected, mut jobs) = (Expected::new(), Vec::new());
    for number in 0..OF_A_WORKLOAD {
        for workload in 0..each.div_ceil(OF_A_WORKLOAD) {
            for channel in CHANNELS {
                let delivery = delivery(channel, notice(workload, number));
                expected.insert(delivery.id(), (channel, workload, number));
                jobs.push(match workload % 2 {
                    0 => gathered(channel, notice(workload, number)),
                    _ => Job::Deliver(Box::new(delivery)),
                });
            }
        }
    }
    store(folder, jobs).await;
    expected
}

fn configuration(ctx: &Ctx, others: &Server, down: &FaultProxy) -> String {
    let secret = ctx.file("secret", SECRET).display().to_string();
    let hook = |name: &str| {
        let url = if name == "down" { format!("http://{}/down", down.host()) } else { others.url(&format!("/{name}")) };
        let file = ctx.file(name, &url).display().to_string();
        format!("  - {{ name: {name}, kind: webhook, urlFile: '{file}', secretFile: '{secret}' }}\n")
    };
    let hooks: String = CHANNELS[..4].iter().map(|name| hook(name)).collect();
    let token = ctx.file("token", "syt_token").display().to_string();
    let room = format!("kind: matrix, url: '{}', tokenFile: '{token}', room: '!room:example.com'", others.url(""));
    let yaml = format!("channels:\n{hooks}  - {{ name: room, {room} }}\n");
    ctx.file("config.yaml", &yaml).display().to_string()
}

async fn no_message_is_lost_however_often_the_process_is_killed(ctx: Ctx) {
    let deliveries = size();
    let data = ctx.folder("data");
    let expected = stored(&data, deliveries / CHANNELS.len()).await;
    let each = expected.len() / CHANNELS.len();
    let others = Arc::<Others>::default();
    let taking = Arc::clone(&others);
    let server = Server::start(Arc::new(move |request| Box::pin(std::future::ready(taking.take(&request)))));
    let down = ctx.fault_proxy(&server.url("")["http://".len()..]).await;
    down.set(Fault::Refuse);
    let watcher = ctx.watcher().env("IMAGE_WATCHER_CONFIG", configuration(&ctx, &server, &down));
    let began = Instant::now();
    let mut watcher = watcher.env("IMAGE_WATCHER_DATA", data.display().to_string()).start().await;

    let all = each * (CHANNELS.len() - 1);
    let mut kills = 0;
    let mut last = (0, Instant::now());
    loop {
        let taken: usize = CHANNELS[1..].iter().map(|channel| others.taken(channel)).sum();
        if taken > last.0 {
            last = (taken, Instant::now());
        }
        assert!(last.1.elapsed() < Duration::from_secs(60), "{taken} of {all} came, and no more");
        if kills < KILLS && taken >= (kills + 1) * all / (KILLS + 1) {
            kills += 1;
            watcher.kill9().await;
            if kills == UNREACHABLE {
                down.set(Fault::Pass);
            }
            watcher.restart().await;
        } else if taken == all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(kills, KILLS);
    let told = began.elapsed();
    let dead = dead_letters(&watcher, each).await;
    let arrived = in_order(&others, &expected, 0);
    for (channel, (_, twice)) in &arrived {
        assert!(*twice <= KILLS * UNDER_WAY, "{channel}: only what was under way comes again: {twice}");
    }
    let troubles = others.troubles.lock().expect("troubles").len();
    assert!(troubles > 0, "people hear of dead letters through another channel");

    let before = others.arrivals.lock().expect("arrivals").len();
    others.is_mended.store(true, Ordering::SeqCst);
    let again = watcher.admin_url("/api/v1/deliveries/retry?channel=down");
    let answer = watcher.send(Method::POST, &again, &[], Vec::new()).await;
    assert_eq!((answer.status, &answer.json()["retried"]), (202, &each.into()), "{}", answer.body);
    eventually("all that was given up arrives", async || (others.taken("down") == each).then_some(())).await;
    in_order(&others, &expected, before);
    nothing_waits(&watcher).await;
    eprintln!(
        "{} messages over {} channels, {kills} kills in {:.0} s: none lost; {} came twice, with the same id; {dead} dead \
         letters listed and sent again; all in order, by workload\n{}",
        expected.len(),
        CHANNELS.len(),
        told.as_secs_f64(),
        arrived.values().map(|(_, twice)| twice).sum::<usize>(),
        arrived
            .iter()
            .fold(String::from("| channel | requests | taken twice |\n|---|---|---|"), |table, (name, row)| {
                format!("{table}\n| {name} | {} | {} |", row.0, row.1)
            })
    );
}

/// Whether messages about each workload came in their order from then on, whoever took them. Gives by channel how many came,
/// and how many of them were taken before.
fn in_order(others: &Others, expected: &Expected, from: usize) -> BTreeMap<&'static str, (usize, usize)> {
    let arrivals = others.arrivals.lock().expect("arrivals");
    let mut last = HashMap::<(&str, usize), usize>::new();
    let (mut taken, mut counted) = (HashSet::new(), BTreeMap::<_, (usize, usize)>::new());
    for Arrival { channel, id, taken: was_taken } in &arrivals[from..] {
        let known = expected.get(id).filter(|(of, ..)| of == channel);
        let (_, workload, number) = known.unwrap_or_else(|| panic!("a message to {channel} that nobody sent: {id}"));
        let before = last.insert((channel, *workload), *number).unwrap_or_default();
        assert!(before <= *number, "{channel}: {number} of workload {workload} came after {before}");
        let count = counted.entry(*channel).or_default();
        count.0 += 1;
        count.1 += usize::from(*was_taken && !taken.insert(id));
    }
    counted
}

/// All of what is given up, page by page, once there is so much.
async fn dead_letters(watcher: &Watcher, count: usize) -> usize {
    let dead = "image_watcher_delivery_dead{channel=\"down\"}";
    let mut last = (0.0, Instant::now());
    loop {
        let found = watcher.metric(dead).await.unwrap_or_default();
        if found > last.0 {
            last = (found, Instant::now());
        }
        if format!("{found}") == count.to_string() {
            break;
        }
        assert!(last.1.elapsed() < Duration::from_secs(60), "{found} of {count} dead letters");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut ids, mut cursor) = (HashSet::new(), String::new());
    loop {
        let url = watcher.admin_url(&format!("/api/v1/deliveries?state=dead&channel=down&limit=200{cursor}"));
        let page = watcher.send(Method::GET, &url, &[], Vec::new()).await.json();
        let items = page["items"].as_array().expect("items");
        ids.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        match &page["next"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(ids.len(), count, "each is listed once");
    ids.len()
}

async fn nothing_waits(watcher: &Watcher) {
    eventually("nothing waits", async || {
        let metrics = watcher.metrics().await;
        let mut jobs = metrics.lines().filter(|line| line.starts_with("image_watcher_queue_jobs{"));
        jobs.all(|line| line.ends_with("} 0")).then_some(())
    })
    .await;
}
