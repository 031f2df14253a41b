//! A channel that is dead for days, in time that is moved by hand: the real queue, worker, sender, gate and teller of dead
//! letters, and services of this machine that hang up, refuse us, or take everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::mattermost::MattermostChannel;
use super::sender::tests::through;
use super::{Channel, Channels, GivenUp, Scope, Transport};
use crate::ambient::{Ambient, Clock};
use crate::domain::event::tests::notice;
use crate::domain::event::{Delivery, Job, NoticeKind};
use crate::domain::secret::Secret;
use crate::outbound::{Outbound, Reach};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::{Pace, work};
use crate::queue::{Leased, Letters as _, NewJob, Queue as _, QueueAdmin as _, Sharing, Topic};
use crate::stop::{Raise, Stop};

const WORKLOADS: usize = 40;
/// Messages about each of them.
const OF_EACH: usize = 5;
/// Time goes by in steps of this; nothing is to happen oftener at rest.
const STEP: Duration = Duration::from_secs(10);

/// A clock that is moved by hand, from the beginning of a day on. Milliseconds.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-24T00:00:00Z".parse::<DateTime<Utc>>().unwrap()
            + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// While what this gives is kept, paused time is moved by hand alone, and what goes over the wire takes none.
pub(super) fn held_still(tasks: &mut JoinSet<()>) -> std::sync::mpsc::Sender<()> {
    let (hold, held) = std::sync::mpsc::channel();
    tasks.spawn_blocking(move || {
        let _ = held.recv();
    });
    hold
}

/// Hangs up on who asks.
const DEAD: u16 = 0;

/// A chat that answers all it gets with a status, or not at all.
struct Chat {
    status: AtomicU16,
    asked: AtomicUsize,
    taken: Mutex<Vec<String>>,
}

impl Chat {
    async fn start(status: u16, serving: &mut JoinSet<()>) -> (Arc<Self>, Channel) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/x", listener.local_addr().unwrap());
        let chat = Arc::new(Self { status: status.into(), asked: AtomicUsize::default(), taken: Mutex::default() });
        let answering = Arc::clone(&chat);
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let chat = Arc::clone(&answering);
                open.spawn(async move { chat.answer(stream).await });
                while open.try_join_next().is_some() {}
            }
        });
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let service = MattermostChannel::new(Secret::new(url));
        let name = if status == 200 { "beside" } else { "dead" };
        (chat, Channel::new(name.into(), Scope::default(), Transport::Service(Box::new(client), Arc::new(service))))
    }

    async fn answer(&self, mut stream: TcpStream) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let status = self.status.load(Ordering::SeqCst);
        let Some(text) = read(&mut stream).await.filter(|_| status != DEAD) else { return };
        if status == 200 {
            self.taken.lock().unwrap().push(text);
        }
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// The text of a post.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().split_once("content-length: ")?.1.lines().next()?.parse::<usize>();
            if body.len() >= length.ok()? {
                return Some(serde_json::from_str::<Value>(body).ok()?["text"].as_str()?.to_owned());
            }
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
}

/// All that takes messages from the queue to a channel that does not work, and to one beside it that does.
struct Outage {
    clock: Arc<Hands>,
    queue: SqliteQueue,
    channels: Arc<Channels>,
    chat: Arc<Chat>,
    beside: Arc<Chat>,
    /// Attempts that have not ended.
    under_way: Arc<AtomicUsize>,
    /// How often the workers looked whether there is something to do.
    woken: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
    raise: Raise,
    /// While it is there, time is moved by us alone.
    _hold: std::sync::mpsc::Sender<()>,
    _folder: tempfile::TempDir,
}

impl Outage {
    async fn begin(status: u16) -> Self {
        let (clock, folder, mut tasks) = (Arc::<Hands>::default(), tempfile::tempdir().unwrap(), JoinSet::new());
        let hold = held_still(&mut tasks);
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let (chat, dead) = Chat::start(status, &mut tasks).await;
        let (beside, works) = Chat::start(200, &mut tasks).await;
        let channels = Arc::new(Channels::new(vec![dead, works], None));
        let sender = Arc::new(through(&queue, &channels, &ambient));
        let (raise, stop) = Stop::new();
        let (under_way, woken) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        for name in channels.names() {
            let (backoff, longest) = channels.backoff(&name);
            let (channels, clock, of, woken) =
                (Arc::clone(&channels), ambient.clone(), name.clone(), Arc::clone(&woken));
            let opening = move || {
                woken.fetch_add(1, Ordering::SeqCst);
                channels.find(&of).unwrap().gate().opening(clock.monotonic())
            };
            let (sender, under_way) = (Arc::clone(&sender), Arc::clone(&under_way));
            let handler = move |leased: Leased| {
                under_way.fetch_add(1, Ordering::SeqCst);
                let (sender, under_way) = (Arc::clone(&sender), Arc::clone(&under_way));
                async move {
                    let verdict = sender.send(&leased).await;
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    verdict
                }
            };
            let how = (Pace { backoff, longest }, Sharing::in_order(8).while_open(opening));
            tasks.spawn(work(queue.clone(), Topic::Deliver(name), how, ambient.clone(), stop.clone(), handler));
        }
        let tell = Arc::clone(&sender);
        let given_up = GivenUp {
            queue: queue.clone(),
            say: Arc::new(|_, _| Box::pin(async {})),
            tell: Arc::new(move |trouble| {
                let sender = Arc::clone(&tell);
                Box::pin(async move { sender.tell(trouble).await })
            }),
        };
        tasks.spawn(given_up.keep_telling(stop));
        let now = ambient.now();
        let about = |number: usize| {
            let mut notice = notice(NoticeKind::Applied);
            notice.workload.name = format!("web-{:03}", number % WORKLOADS).into();
            notice.workload.uid = format!("uid-{:03}", number % WORKLOADS).into();
            notice.to.tag = format!("1.4.{}", number / WORKLOADS);
            notice.at += TimeDelta::seconds(i64::try_from(number).unwrap());
            NewJob::prompt(Job::Deliver(Box::new(Delivery::of("dead", "", notice))), "", now)
        };
        queue.put((0..WORKLOADS * OF_EACH).map(about).collect()).await.unwrap();
        Self { clock, queue, channels, chat, beside, under_way, woken, tasks, raise, _hold: hold, _folder: folder }
    }

    /// Until nobody has anything to do before time goes by.
    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 3 {
            // Whoever asked the queue before has its answer then.
            self.queue.ping().await;
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            quiet = if self.under_way.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
        }
    }

    async fn pass(&self, hours: i64) {
        self.pass_seconds(hours * 3_600).await;
    }

    async fn pass_seconds(&self, seconds: i64) {
        let until = self.clock.0.load(Ordering::SeqCst) + seconds * 1_000;
        while self.clock.0.load(Ordering::SeqCst) < until {
            self.clock.0.fetch_add(i64::try_from(STEP.as_millis()).unwrap(), Ordering::SeqCst);
            tokio::time::advance(STEP).await;
            self.settle().await;
        }
    }

    /// Messages to the dead channel that wait, and that were given up.
    async fn stand(&self) -> (u64, u64) {
        let depth = self.queue.depth().await.unwrap();
        let of = |all: &[(String, u64)]| all.iter().find(|(topic, _)| topic == "deliver:dead").map_or(0, |it| it.1);
        (of(&depth.ready), of(&depth.dead))
    }

    /// What came through the other channel so far.
    fn told(&self) -> Vec<String> {
        self.beside.taken.lock().unwrap().clone()
    }

    async fn row(&self, hours: i64) {
        let (waiting, dead) = self.stand().await;
        let asked = self.chat.asked.load(Ordering::SeqCst);
        let woken = self.woken.load(Ordering::SeqCst);
        eprintln!("| {hours} h | {asked} | {woken} | {waiting} | {dead} | {} |", self.told().len());
    }

    fn heading(what: &str) {
        eprintln!(
            "{what}\n| after | attempts | workers woken | waiting | given up | told through another |\n|---|---|---|---|---|---|"
        );
    }

    async fn end(self) {
        let Self { mut tasks, raise, _hold: hold, .. } = self;
        raise.raise();
        drop(hold);
        tasks.abort_all();
        while tasks.join_next().await.is_some() {}
    }
}

/// Which workload and version a text is about.
fn about(text: &str) -> (String, String) {
    let after = |start: &str, length: usize| {
        let at = text.rfind(start).unwrap_or_else(|| panic!("{start} in {text}"));
        text[at..].chars().take(start.len() + length).collect::<String>()
    };
    (after("web-", 3), after("1.4.", 1))
}

/// The messages about each workload, in the order in which they came.
fn by_workload(taken: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut of = BTreeMap::<String, Vec<String>>::new();
    for (workload, version) in taken.iter().map(|text| about(text)) {
        of.entry(workload).or_default().push(version);
    }
    of
}

const ALL: u64 = (WORKLOADS * OF_EACH) as u64;

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_dead_for_a_day_loses_nothing_and_costs_nearly_nothing() {
    let outage = Outage::begin(DEAD).await;
    Outage::heading("A channel that hangs up:");
    for hours in [1, 12, 23] {
        let passed = outage.clock.0.load(Ordering::SeqCst) / 3_600_000;
        outage.pass(hours - passed).await;
        outage.row(hours).await;
    }
    assert_eq!(outage.stand().await, (ALL, 0), "all of it waits");
    let (asked, woken) = (outage.chat.asked.load(Ordering::SeqCst), outage.woken.load(Ordering::SeqCst));
    assert!((70..=140).contains(&asked), "one attempt in a quarter of an hour: {asked}");
    // Each looks once a minute, as clocks are set, and before and after each attempt.
    assert!(woken <= 2 * 23 * 60 + 3 * asked, "workers at rest were woken {woken} times");
    let of = |words: &str| outage.told().iter().filter(|text| text.contains(words)).count();
    assert_eq!((of("takes no messages"), outage.told().len()), (1, 1), "{:?}", outage.told());

    // Older than a day, what was tried five times is given up, one by one, and the others still wait.
    for hours in [25, 47, 92] {
        let passed = outage.clock.0.load(Ordering::SeqCst) / 3_600_000;
        outage.pass(hours - passed).await;
        outage.row(hours).await;
    }
    let (waiting, dead) = outage.stand().await;
    assert!(waiting + dead == ALL && (41..=100).contains(&dead), "{waiting} wait, {dead} were given up");
    let (closed, given_up) = (of("takes no messages"), of("were given up"));
    // Of the 67 hours in which some were given up, two or three days were told of: that depends on when the first of them was.
    assert!(closed == 4 && (2..=3).contains(&given_up), "once a day: {:?}", outage.told());
    assert_eq!(outage.told().len(), closed + given_up, "{:?}", outage.told());

    // It is mended: what waits comes by itself, what was given up when somebody says so.
    outage.chat.status.store(200, Ordering::SeqCst);
    outage.pass(1).await;
    outage.row(93).await;
    assert_eq!(outage.stand().await, (0, dead));
    let came = outage.chat.taken.lock().unwrap().clone();
    assert_eq!(outage.queue.send_all_again("dead").await.unwrap(), dead);
    outage.pass(1).await;
    outage.row(94).await;
    let all = outage.chat.taken.lock().unwrap().clone();
    assert_eq!(all.iter().map(|text| about(text)).collect::<BTreeSet<_>>().len(), WORKLOADS * OF_EACH);
    assert_eq!((all.len(), outage.stand().await), (WORKLOADS * OF_EACH, (0, 0)), "each once");
    for part in [&came[..], &all[came.len()..]] {
        assert!(by_workload(part).values().all(|versions| versions.is_sorted()), "{:?}", by_workload(part));
    }
    outage.end().await;
}

/// Whoever may annotate a workload can have its updates go back and forth, and each is told at once.
#[tokio::test(start_paused = true)]
async fn of_one_workload_three_messages_a_minute_go_at_once() {
    let outage = Outage::begin(DEAD).await;
    let now = outage.clock.now();
    let of = |workload: &str, number: i64| {
        let mut notice = notice(NoticeKind::RolledBack);
        notice.workload.uid = workload.into();
        notice.at += TimeDelta::seconds(number);
        assert!(notice.is_urgent());
        NewJob::prompt(Job::Deliver(Box::new(Delivery::of("beside", "", notice))), "", now)
    };
    let jobs = (0..7).map(|number| of("uid-1", number)).chain([of("uid-2", 0)]).collect();
    outage.queue.put(jobs).await.unwrap();
    let mut told = vec![0];
    while told.last() != Some(&8) {
        outage.pass_seconds(10).await;
        told.push(outage.told().len());
        assert!(told.len() <= 60, "all of them go: {told:?}");
    }
    // Steps of ten seconds, so six of them are 50 seconds or more; the other workload's is one more.
    assert!(told.windows(6).all(|minute| minute[5] - minute[0] <= 3 + 1), "{told:?}");
    outage.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_refuses_us_for_days_is_told_once_a_day() {
    let outage = Outage::begin(401).await;
    Outage::heading("A channel that answers 401:");
    for day in 1..=3 {
        outage.pass(23).await;
        outage.row(day * 24 - 1).await;
        let told = outage.told();
        let of = |words: &str| i64::try_from(told.iter().filter(|text| text.contains(words)).count()).unwrap();
        // Fault r28-9: whatever its age, a message is none the worse for a channel that refuses us.
        assert_eq!((of("refuses our messages"), of("were given up")), (day, 0), "{told:?}");
        outage.pass(1).await;
        outage.settle().await;
    }
    let asked = outage.chat.asked.load(Ordering::SeqCst);
    assert!((60..=110).contains(&asked), "one attempt an hour, as more may lock an account: {asked}");
    assert_eq!(outage.stand().await, (ALL, 0), "all of it waits");
    outage.chat.status.store(200, Ordering::SeqCst);
    outage.pass(2).await;
    let came = outage.chat.taken.lock().unwrap().clone();
    assert_eq!((came.len(), outage.stand().await), (WORKLOADS * OF_EACH, (0, 0)), "each once, by itself");
    assert!(by_workload(&came).values().all(|versions| versions.is_sorted()), "{:?}", by_workload(&came));
    outage.end().await;
}

/// Row 20 of the design's table: 410 switches a channel off. Nothing asks it any more, nothing of it is lost, people hear of it through
/// another channel; and when somebody says that it is there again, all of it goes out without more waiting.
#[tokio::test(start_paused = true)]
async fn a_channel_that_is_gone_is_asked_no_more_until_somebody_says_that_it_is_there() {
    let outage = Outage::begin(410).await;
    outage.pass(1).await;
    let asked = outage.chat.asked.load(Ordering::SeqCst);
    assert!((1..=8).contains(&asked), "those that were under way: {asked}");
    outage.pass(47).await;
    assert_eq!((outage.chat.asked.load(Ordering::SeqCst), outage.stand().await), (asked, (ALL, 0)));
    let told = outage.told();
    assert!(matches!(&told[..], [once] if once.contains("gone for good")), "{told:?}");
    outage.chat.status.store(200, Ordering::SeqCst);
    outage.channels.find("dead").unwrap().gate().reopen(outage.clock.monotonic());
    outage.queue.hasten("dead").await.unwrap();
    // No time goes by but that of this machine.
    let machine = Ambient::system();
    let begun = machine.monotonic();
    while outage.stand().await.0 > 0 && machine.monotonic().saturating_sub(begun) < Duration::from_secs(120) {
        outage.settle().await;
    }
    assert_eq!((outage.stand().await, outage.told().len()), ((0, 0), 1), "nothing waits for anything");
    let all = outage.chat.taken.lock().unwrap().clone();
    assert_eq!(all.len(), WORKLOADS * OF_EACH, "each once");
    assert!(by_workload(&all).values().all(|versions| versions.is_sorted()), "{:?}", by_workload(&all));
    outage.end().await;
}
