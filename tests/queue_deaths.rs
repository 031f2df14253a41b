//! Processes that die with the queue open: nothing stored is lost, and one job that kills whoever takes it stops no other.
//!
//! The workers are processes of their own: this very binary, told to run the test that is ignored otherwise.
//! `IMAGE_WATCHER_TEST_JOBS=100000` for as many jobs as the queue takes.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use image_watcher::ambient::Ambient;
use image_watcher::domain::event::Job;
use image_watcher::domain::reference::Repository;
use image_watcher::domain::retry::Backoff;
use image_watcher::queue::sqlite::{OpenError, SqliteQueue};
use image_watcher::queue::worker::{Pace, Verdict, work};
use image_watcher::queue::{Claim, Leased, NewJob, Queue as _, Sharing, Slots, Topic, Urgency};
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

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "worker"])
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
    };
    let poison = Repository::parse("registry-0.example.com/team-0/poison").unwrap();
    let all = std::iter::once(poison).chain((1..jobs).map(repository)).map(look).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { open(folder.path()).put(all).await.unwrap() });

    let (mut worker, mut deaths, mut kills) = (Worker(start(folder.path())), 0, 0);
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
            worker = Worker(start(folder.path()));
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
