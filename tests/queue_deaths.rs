//! Processes that die with the queue open: nothing stored is lost, one job that kills whoever takes it stops no other, and
//! what waits to go out together is told in one message, whenever the process died that made it.
//!
//! The workers are processes of their own: this very binary, told to run the test that is ignored otherwise.
//! `IMAGE_WATCHER_TEST_JOBS=100000` for as many jobs as the queue takes.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use image_watcher::ambient::Ambient;
use image_watcher::domain::event::{Delivery, Gathered, ImageView, Job, Notice, NoticeKind, Told};
use image_watcher::domain::reference::Repository;
use image_watcher::domain::retry::Backoff;
use image_watcher::domain::workload::{Kind, WorkloadId};
use image_watcher::queue::sqlite::{OpenError, SqliteQueue};
use image_watcher::queue::worker::{Pace, Verdict, work};
use image_watcher::queue::{
    Claim, Gathering as _, Leased, NewJob, Queue as _, Sharing, Slots, Topic, Urgency, Waiting,
};
use image_watcher::stop::Stop;

/// Says that this process is a worker, and where its folder is.
const FOLDER: &str = "IMAGE_WATCHER_TEST_QUEUE";
const SLOTS: Slots = Slots { all: 64, each_host: 16 };
const KILLS: usize = 5;
/// Generous: it is only ever used up by a failing test.
const DEADLINE: Duration = Duration::from_secs(600);

fn repository(number: usize) -> Repository {
    let (host, team) = (number % 50, number % 20);
    Repository::parse(&format!("registry-{host}.example.com/team-{team}/app-{number}")).unwrap()
}

fn number(repository: &Repository) -> Option<usize> {
    repository.path().rsplit_once("/app-")?.1.parse().ok()
}

/// Another process may have it for a moment yet.
fn open(folder: &Path) -> SqliteQueue {
    loop {
        match SqliteQueue::open(folder, &Ambient::system()) {
            Err(OpenError::InUse(_)) => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
}

#[test]
#[ignore = "the worker of the other test, a process of its own"]
fn worker() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let done = std::fs::OpenOptions::new().append(true).open(folder.join("done")).unwrap();
    let done = Arc::new(done);
    let handler = move |leased: Leased| {
        let done = Arc::clone(&done);
        async move {
            let Job::Look(repository) = &leased.job else { unreachable!("only looks were stored") };
            let Some(number) = number(repository) else {
                let me = std::process::id().to_string();
                Command::new("kill").args(["-s", "KILL", &me]).status().unwrap();
                std::future::pending::<()>().await;
                return Verdict::Done;
            };
            (&*done).write_all(format!("{number}\n").as_bytes()).unwrap();
            Verdict::Done
        }
    };
    let claim = |repository: &Repository| Claim {
        host: Some(repository.host().to_owned()),
        namespaces: vec![repository.path().split('/').next().unwrap_or_default().to_owned()],
    };
    let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
    let (_raise, stop) = Stop::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let queue = open(&folder);
        work(queue, Topic::Look, (pace, Sharing::fair(SLOTS, claim)), Ambient::system(), stop, handler).await;
    });
}

fn start(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A worker that does not outlive its test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn processes_that_die_lose_no_job_and_one_that_kills_stops_no_other() {
    let jobs =
        std::env::var_os("IMAGE_WATCHER_TEST_JOBS").map_or(5_000, |jobs| jobs.to_str().unwrap().parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut done =
        std::fs::OpenOptions::new().create(true).read(true).append(true).open(folder.path().join("done")).unwrap();
    let ambient = Ambient::system();
    let look = |repository| NewJob {
        job: Job::Look(repository),
        trace: "test".into(),
        not_before: ambient.now(),
        urgency: Urgency::Prompt,
        failed: None,
    };
    let poison = Repository::parse("registry-0.example.com/team-0/poison").unwrap();
    let all = std::iter::once(poison).chain((1..jobs).map(repository)).map(look).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { open(folder.path()).put(all).await.unwrap() });

    let (mut worker, mut deaths, mut kills) = (Worker(start("worker", folder.path())), 0, 0);
    let (mut ended, mut written, mut rest) = (HashSet::new(), 0_usize, String::new());
    let began = ambient.monotonic();
    while ended.len() < jobs - 1 {
        assert!(ambient.monotonic() < began + DEADLINE, "{} of {jobs} jobs after {deaths} deaths", ended.len());
        done.read_to_string(&mut rest).unwrap();
        let whole = rest.rfind('\n').map_or(0, |end| end + 1);
        for line in rest.drain(..whole).as_str().lines() {
            written += 1;
            ended.insert(line.parse::<usize>().unwrap());
        }
        // Kills at every sixth of the way, wherever that finds them.
        if kills < KILLS && ended.len() >= (kills + 1) * jobs / (KILLS + 1) {
            worker.0.kill().unwrap();
            kills += 1;
        }
        if worker.0.try_wait().unwrap().is_some() {
            deaths += 1;
            worker = Worker(start("worker", folder.path()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(worker);
    assert_eq!(kills, KILLS);
    assert!(deaths > kills, "the job that kills did so by itself: {deaths} deaths, {kills} kills");
    assert!(written <= jobs - 1 + (deaths + 1) * SLOTS.all, "only what was under way is done again: {written}");
    eprintln!(
        "{jobs} jobs, {kills} kills, {deaths} deaths: {} done, {} of them again",
        ended.len(),
        written - ended.len()
    );

    let file = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    let left = file.query_row("SELECT count(*) FROM job WHERE payload LIKE '%poison'", [], |row| row.get::<_, i64>(0));
    assert_eq!(left.unwrap(), 1, "and it still waits");
    let twice = file.query_row("SELECT count(*) - count(DISTINCT payload) FROM job", [], |row| row.get::<_, i64>(0));
    assert_eq!(twice.unwrap(), 0);
}

/// More than above, as a moment between two writes has to be hit.
const COMPOSER_KILLS: usize = 15;
const CHANNEL: &str = "email";
const RECIPIENTS: [&str; 2] = ["x@example.com", "y@example.com"];

fn now_to_be_done(job: Job) -> NewJob {
    let now = Ambient::system().now();
    NewJob { job, trace: "test".into(), not_before: now, urgency: Urgency::Prompt, failed: None }
}

/// What is told of one of many workloads.
fn notice(number: usize) -> Notice {
    let image = |tag: &str| ImageView { repository: "ghcr.io/acme/web".into(), tag: tag.into(), digest: None };
    let workload = WorkloadId {
        namespace: "shop".into(),
        kind: Kind::Deployment,
        name: format!("web-{number}").into(),
        uid: format!("uid-{number}").into(),
    };
    let at = chrono::DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    Notice::new(NoticeKind::Applied, at, (&workload, "web"), (image("1.2.3"), image("1.3.0")))
}

/// A message to each recipient that tells all of it; of another choice it has another id.
fn composed(waiting: &[Waiting]) -> Vec<NewJob> {
    let notices: Vec<Notice> = waiting.iter().map(|item| item.notice.clone()).collect();
    let to = |recipient: &str| Delivery {
        channel: CHANNEL.into(),
        recipient: recipient.into(),
        told: Told::Several { id: Delivery::collection(&notices), notices: notices.clone() },
    };
    RECIPIENTS.iter().map(|recipient| now_to_be_done(Job::Deliver(Box::new(to(recipient))))).collect()
}

/// Composes what waits, a part at a time, and is never done.
async fn compose(queue: &SqliteQueue) {
    // Each process chooses other parts.
    let most = 1 + std::process::id() as usize % 7;
    loop {
        let waiting = queue.gathered(CHANNEL, most).await.unwrap();
        if waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        let ids = waiting.iter().map(|item| item.id.clone()).collect();
        queue.compose(ids, composed(&waiting)).await.unwrap();
    }
}

#[test]
#[ignore = "the composer of the other test, a process of its own"]
fn composer() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let told = Arc::new(std::fs::OpenOptions::new().append(true).open(folder.join("done")).unwrap());
    let handler = move |leased: Leased| {
        let told = Arc::clone(&told);
        async move {
            let Job::Deliver(message) = &leased.job else { unreachable!("only messages are leased") };
            let names: Vec<&str> = message.notices().iter().map(|notice| &*notice.workload.name).collect();
            let line = format!("{} {} {}\n", message.id(), message.recipient, names.join(","));
            (&*told).write_all(line.as_bytes()).unwrap();
            Verdict::Done
        }
    };
    let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
    let (_raise, stop) = Stop::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let queue = open(&folder);
        let (topic, sharing) = (Topic::Deliver(CHANNEL.into()), Sharing::in_order(8));
        let sends = work(queue.clone(), topic, (pace, sharing), Ambient::system(), stop, handler);
        tokio::join!(sends, compose(&queue));
    });
}

#[test]
fn what_waits_to_go_out_together_is_told_in_one_message_whoever_dies_while_it_is_composed() {
    const ITEMS: usize = 600;
    let folder = tempfile::tempdir().unwrap();
    let mut done =
        std::fs::OpenOptions::new().create(true).read(true).append(true).open(folder.path().join("done")).unwrap();
    let item = |number| Job::Gather(Box::new(Gathered::new(CHANNEL, notice(number))));
    let all = (1..=ITEMS).map(item).map(now_to_be_done).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { open(folder.path()).put(all).await.unwrap() });

    let (mut composer, mut kills) = (Worker(start("composer", folder.path())), 0);
    // Which messages told a recipient of a workload.
    let (mut told, mut rest) = (BTreeMap::<(String, String), BTreeSet<String>>::new(), String::new());
    let began = Ambient::system();
    while told.len() < ITEMS * RECIPIENTS.len() {
        assert!(began.monotonic() < DEADLINE, "{} told after {kills} kills", told.len());
        done.read_to_string(&mut rest).unwrap();
        let whole = rest.rfind('\n').map_or(0, |end| end + 1);
        for line in rest.drain(..whole).as_str().lines() {
            let [id, recipient, names] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            for name in names.split(',') {
                told.entry((recipient.into(), name.into())).or_default().insert(id.to_owned());
            }
        }
        if kills < COMPOSER_KILLS && told.len() >= (kills + 1) * ITEMS * RECIPIENTS.len() / (COMPOSER_KILLS + 2) {
            composer.0.kill().unwrap();
            composer = Worker(start("composer", folder.path()));
            kills += 1;
        }
        assert!(composer.0.try_wait().unwrap().is_none(), "it ends by being killed alone");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(composer);
    assert_eq!(kills, COMPOSER_KILLS);
    let twice: Vec<_> = told.iter().filter(|(_, ids)| ids.len() > 1).collect();
    assert!(twice.is_empty(), "told in messages with different ids: {twice:?}");
    let file = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    let left = file.query_row("SELECT count(*) FROM job WHERE state <> 'done' AND topic LIKE 'gather:%'", [], |row| {
        row.get::<_, i64>(0)
    });
    assert_eq!(left.unwrap(), 0);
}
