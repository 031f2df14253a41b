mod deaths;
mod files;
mod gathering;
mod hints;
mod lanes;
mod letters;
mod messages;
mod records;
mod routine;
mod sign_ins;
mod time;
mod traces;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ambient::Clock;
use crate::domain::event::{Delivery, Job, NoticeKind};
use crate::domain::reference::Repository;
use crate::queue::contract::{self, Stepped, about, email, item, look, mail};
use crate::queue::{
    Batch, Claim, Gathering as _, Kept as _, Leased, Letters as _, MOST_JOBS, NewJob, Placed, Queue as _,
    QueueAdmin as _, QueueError, Settlement, Sharing, Slots, Topic, Urgency, row,
};
use crate::telemetry::tests::Log;

fn ambient() -> Ambient {
    Ambient::system()
}

fn stepped(folder: &Path) -> (SqliteQueue, Arc<Stepped>) {
    let clock = Arc::new(Stepped::default());
    clock.step(TimeDelta::days(20_000));
    (SqliteQueue::open(folder, &ambient().at(clock.clone())).unwrap(), clock)
}

async fn lease_all(queue: &SqliteQueue, topic: &Topic) -> Vec<Leased> {
    lease(queue, topic).await.jobs
}

async fn lease(queue: &SqliteQueue, topic: &Topic) -> Batch {
    queue.lease(topic, 10, &Sharing::in_order(1000)).await.unwrap()
}

/// A queue whose writer has ended gives its folder free.
fn reopen(folder: &Path) -> SqliteQueue {
    reopen_at(folder, &ambient())
}

fn reopen_at(folder: &Path, at: &Ambient) -> SqliteQueue {
    let deadline = ambient();
    loop {
        match SqliteQueue::open(folder, at) {
            Err(OpenError::InUse(_)) if deadline.monotonic().as_secs() < 10 => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
}

/// A file of the queue that nobody writes.
fn file(folder: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.join("queue.db")).unwrap()
}

/// Starts over with what is on disk, as after the death of a process.
fn die(queue: SqliteQueue, folder: &Path, at: &Ambient) -> SqliteQueue {
    drop(queue);
    reopen_at(folder, at)
}

#[tokio::test]
async fn it_keeps_the_contract_of_queues() {
    let mut folders = Vec::new();
    contract::keeps_it(async |ambient: &Ambient| {
        folders.push(tempfile::tempdir().unwrap());
        SqliteQueue::open(folders.last().unwrap().path(), ambient).unwrap()
    })
    .await;
    assert_eq!(folders.len(), 29);
}

#[tokio::test]
async fn it_keeps_the_contract_of_records() {
    let folder = tempfile::tempdir().unwrap();
    crate::queue::records_contract::keeps_it(SqliteQueue::open(folder.path(), &ambient()).unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    crate::queue::records_contract::keeps_places(SqliteQueue::open(folder.path(), &ambient()).unwrap()).await;
}

#[tokio::test]
async fn a_job_outlives_the_process_and_is_gone_when_done() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![look("a", now), mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(leased.len(), 1);
    drop(queue);

    let queue = reopen(folder.path());
    let again = lease_all(&queue, &Topic::Look).await;
    assert_eq!(again.len(), 1, "a lease ends with its process");
    assert_eq!((again[0].job.clone(), again[0].attempt), (leased[0].job.clone(), 2));
    queue.settle(&again[0], Settlement::Done).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().ready, [("deliver:email".to_owned(), 1)]);
}

#[tokio::test]
async fn the_bound_holds() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let jobs: Vec<_> = (0..MOST_JOBS).map(|n| look(&format!("r{n}"), now)).collect();
    queue.put(jobs).await.unwrap();
    assert!(matches!(queue.put(vec![look("more", now)]).await, Err(QueueError::Full(_))));
}

#[tokio::test]
async fn a_job_that_is_done_again_begins_a_new_life() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![look("a", now)]).await.unwrap();
    let first = lease_all(&queue, &Topic::Look).await;
    let soon = DateTime::from_timestamp_millis(now.timestamp_millis() + 20).unwrap();
    queue.settle(&first[0], Settlement::Again(soon)).await.unwrap();
    let again = loop {
        let leased = lease_all(&queue, &Topic::Look).await;
        if let Some(leased) = leased.into_iter().next() {
            break leased;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((again.created, again.attempt), (soon, 1), "its age and its attempts are counted anew");
}

#[tokio::test]
async fn what_waits_behind_another_is_no_reason_to_wake() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put(vec![mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    let first = lease_all(&queue, &email()).await;
    let behind = (0..300).map(|n| {
        let Job::Deliver(mut delivery) = mail("x@example.com", NoticeKind::Applied, now).job else { unreachable!() };
        delivery.notices_mut()[0].at += TimeDelta::seconds(n);
        NewJob {
            job: Job::Deliver(delivery),
            trace: "trace".into(),
            not_before: now,
            urgency: Urgency::Prompt,
            failed: None,
        }
    });
    queue.put(behind.collect()).await.unwrap();
    assert_eq!(lease(&queue, &email()).await.wait, None, "the first is under way, and wakes who waits when it ends");
    let later = now + TimeDelta::hours(1);
    queue.settle(&first[0], Settlement::Retry { at: later, reason: "421".into() }).await.unwrap();
    let batch = lease(&queue, &email()).await;
    assert_eq!((batch.jobs.len(), batch.wait), (0, Some(Duration::from_secs(3600))));
    clock.step(TimeDelta::hours(1));
    let again = lease_all(&queue, &email()).await;
    assert_eq!((again.len(), again[0].lease.job()), (1, first[0].lease.job()));
    queue.settle(&again[0], Settlement::Done).await.unwrap();
    assert_eq!(lease_all(&queue, &email()).await.len(), 1, "then the next of the lane");
}

fn sharing() -> Sharing {
    let claim = |repository: &Repository| Claim {
        host: Some(repository.host().to_owned()),
        namespaces: vec![repository.path().split('/').next().unwrap().to_owned()],
    };
    Sharing::fair(Slots { all: 16, each_host: 8 }, claim)
}

#[tokio::test]
async fn looks_of_one_host_leave_slots_to_those_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put((0..10_000).map(|n| look(&format!("noisy/{n}"), now)).collect()).await.unwrap();
    let other = NewJob { job: Job::Look(Repository::parse("other.example.com/small/x").unwrap()), ..look("x", now) };
    let held = queue.lease(&Topic::Look, 16, &sharing()).await.unwrap();
    assert_eq!((held.jobs.len(), held.wait), (4, None), "of one host, for one namespace");
    clock.step(TimeDelta::seconds(1));
    queue.put(vec![other.clone(), look("small/y", clock.now())]).await.unwrap();
    let leased = queue.lease(&Topic::Look, 12, &sharing()).await.unwrap().jobs;
    assert_eq!(
        leased.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(),
        [other.job, look("small/y", now).job]
    );
    queue.settle(&held.jobs[0], Settlement::Done).await.unwrap();
    let next = queue.lease(&Topic::Look, 11, &sharing()).await.unwrap().jobs;
    assert_eq!(next.len(), 1, "a slot that is given up is taken");
}

#[tokio::test]
async fn a_look_that_gets_another_namespace_while_it_waits_has_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let shared = Arc::new(AtomicI64::new(0));
    let seen = Arc::clone(&shared);
    let sharing = Sharing::fair(Slots { all: 4, each_host: 4 }, move |repository| {
        let is_shared = repository.path() == "noisy/9" && seen.load(Ordering::SeqCst) == 1;
        let namespace = if is_shared { "small" } else { "noisy" };
        Claim { host: Some(repository.path().into()), namespaces: vec![namespace.into()] }
    });
    queue.put((0..10).map(|n| look(&format!("noisy/{n}"), clock.now())).collect()).await.unwrap();
    assert_eq!(queue.lease(&Topic::Look, 4, &sharing).await.unwrap().jobs.len(), 2);
    shared.store(1, Ordering::SeqCst);
    clock.step(TimeDelta::seconds(10));
    let next = queue.lease(&Topic::Look, 2, &sharing).await.unwrap().jobs;
    assert_eq!(next.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(), [look("noisy/9", clock.now()).job]);
}

#[tokio::test]
async fn what_does_not_get_done_is_listed_with_its_last_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    assert_eq!(queue.troubles().await.unwrap(), crate::queue::Troubles::default());
    queue.put(vec![look("a", clock.now()), look("b", clock.now()), look("c", clock.now())]).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    let at = clock.now() + TimeDelta::hours(1);
    for (leased, reason) in lease_all(&queue, &Topic::Look).await.iter().zip(["first", "second"]) {
        clock.step(TimeDelta::seconds(1));
        queue.settle(leased, Settlement::Retry { at, reason: reason.into() }).await.unwrap();
    }
    let message = lease_all(&queue, &email()).await;
    queue.settle(&message[0], Settlement::Dead { reason: "535".into() }).await.unwrap();
    clock.step(TimeDelta::seconds(1));
    queue.put(vec![mail("y@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    let message = lease_all(&queue, &email()).await;
    queue.settle(&message[0], Settlement::Done).await.unwrap();
    let troubles = queue.troubles().await.unwrap();
    assert_eq!(troubles.last_done, [("deliver:email".to_owned(), clock.now())].into());
    let of = |topic: &str| troubles.failing.iter().find(|trouble| trouble.topic == topic).cloned().unwrap();
    let (looks, mails) = (of("look"), of("deliver:email"));
    assert_eq!((looks.host.as_deref(), looks.retried, looks.dead), (Some("registry.example.com"), 2, 0));
    assert_eq!((looks.last.about.as_str(), looks.last.reason.as_deref()), ("registry.example.com/b", Some("second")));
    assert_eq!((mails.retried, mails.dead, mails.last.reason.as_deref()), (0, 1, Some("535")));
    assert!(mails.last.at < clock.now(), "what arrived after it says that the way is open");
}
