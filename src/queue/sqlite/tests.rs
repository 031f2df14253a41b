use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::ambient::Clock;
use crate::domain::event::{Job, NoticeKind};
use crate::domain::reference::Repository;
use crate::queue::contract::{self, Stepped, email, look, mail};
use crate::queue::{Claim, Slots};
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

#[tokio::test]
async fn it_keeps_the_contract_of_queues() {
    let mut folders = Vec::new();
    contract::keeps_it(|ambient| {
        folders.push(tempfile::tempdir().unwrap());
        SqliteQueue::open(folders.last().unwrap().path(), ambient).unwrap()
    })
    .await;
    assert_eq!(folders.len(), 12);
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
async fn hints_coalesce_and_the_last_one_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    for _ in 0..20 {
        queue.put(vec![look("a", now)]).await.unwrap();
    }
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(leased.len(), 1, "the first hints are one job");
    assert!(lease_all(&queue, &Topic::Look).await.is_empty(), "a leased job is not given twice");
    queue.put(vec![look("a", now)]).await.unwrap();
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    let batch = lease(&queue, &Topic::Look).await;
    assert!(batch.jobs.is_empty(), "what came meanwhile is gathered first");
    assert!(batch.wait.is_some_and(|wait| wait <= Duration::from_secs(1)), "{:?}", batch.wait);
}

#[tokio::test]
async fn hints_right_after_a_look_are_gathered_and_other_repositories_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put(vec![look("a", now)]).await.unwrap();
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    queue.put(vec![look("a", now), look("b", now)]).await.unwrap();
    let batch = lease(&queue, &Topic::Look).await;
    assert_eq!(batch.jobs.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(), [look("b", now).job]);
    assert_eq!(batch.wait, Some(Duration::from_secs(1)));
    clock.step(TimeDelta::seconds(1));
    let rest = lease_all(&queue, &Topic::Look).await;
    assert_eq!(rest.len(), 1, "the rest of the burst is one look");
    queue.settle(&rest[0], Settlement::Done).await.unwrap();
    clock.step(TimeDelta::milliseconds(1001));
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "what comes later acts at once");
}

#[tokio::test]
async fn a_hint_of_a_look_that_waits_needs_no_disk_and_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put(vec![look("a", now), look("later", now + TimeDelta::hours(1))]).await.unwrap();
    let lock = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    queue.put(vec![look("a", now)]).await.unwrap();
    for news in [look("b", now), look("later", now), look("a", now - TimeDelta::seconds(1))] {
        assert!(matches!(queue.put(vec![news]).await, Err(QueueError::Store(_))));
    }
    lock.execute_batch("ROLLBACK").unwrap();
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(leased.len(), 1);
    queue.put(vec![look("a", now)]).await.unwrap();
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    clock.step(TimeDelta::seconds(1));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "a hint of a look that is held is news");
}

#[tokio::test]
async fn a_hint_of_a_look_that_is_held_is_followed_however_that_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let later = clock.now() + TimeDelta::hours(1);
    let reason = || "no answer".to_owned();
    let ends = [
        Settlement::Done,
        Settlement::Again(later),
        Settlement::Retry { at: later, reason: reason() },
        Settlement::Dead { reason: reason() },
    ];
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    for end in ends {
        let leased = lease_all(&queue, &Topic::Look).await;
        assert_eq!(leased.len(), 1, "before {end:?}");
        assert_eq!(queue.put(vec![look("a", clock.now())]).await.unwrap(), Placed::News);
        assert_eq!(queue.put(vec![look("a", clock.now())]).await.unwrap(), Placed::Coalesced);
        queue.settle(&leased[0], end).await.unwrap();
        assert_eq!(queue.put(vec![look("a", clock.now())]).await.unwrap(), Placed::Coalesced);
        clock.step(TimeDelta::seconds(1));
    }
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "after the last");
}

#[tokio::test]
async fn a_message_that_is_being_sent_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let message = || mail("a@example.com", NoticeKind::Available, clock.now());
    assert_eq!(queue.put(vec![message()]).await.unwrap(), Placed::News);
    let leased = lease_all(&queue, &email()).await;
    assert_eq!(queue.put(vec![message()]).await.unwrap(), Placed::Coalesced);
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    clock.step(TimeDelta::hours(1));
    assert!(lease_all(&queue, &email()).await.is_empty());
}

#[tokio::test]
async fn a_hint_pulls_a_deferred_job_at_once_and_one_that_failed_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    let later = now + TimeDelta::hours(1);
    queue.put(vec![look("deferred", now), look("failed", now)]).await.unwrap();
    for leased in lease_all(&queue, &Topic::Look).await {
        let settlement = match &leased.job {
            Job::Look(repository) if repository.path() == "deferred" => Settlement::Again(later),
            _ => Settlement::Retry { at: later, reason: "429".into() },
        };
        queue.settle(&leased, settlement).await.unwrap();
    }
    clock.step(TimeDelta::minutes(1));
    let now = clock.now();
    queue.put(vec![look("deferred", now), look("failed", now)]).await.unwrap();
    let batch = lease(&queue, &Topic::Look).await;
    assert_eq!(batch.jobs.len(), 1);
    assert_eq!((batch.jobs[0].job.clone(), batch.jobs[0].attempt), (look("deferred", now).job, 1));
    assert_eq!(batch.wait, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn a_message_is_stored_once_even_after_it_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    let leased = lease_all(&queue, &email()).await;
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    assert!(lease_all(&queue, &email()).await.is_empty());
}

#[tokio::test]
async fn messages_about_one_workload_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Applied, now)]).await.unwrap();
    queue.put(vec![mail("y@example.com", NoticeKind::Applied, now)]).await.unwrap();
    let first = lease_all(&queue, &email()).await;
    assert_eq!(first.len(), 2, "one a lane");
    queue.settle(&first[0], Settlement::Retry { at: now + TimeDelta::hours(1), reason: "421".into() }).await.unwrap();
    assert!(lease_all(&queue, &email()).await.is_empty(), "the later message waits for the earlier one");
}

#[tokio::test]
async fn a_dead_letter_is_kept_and_a_new_hint_revives_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put(vec![look("a", now)]).await.unwrap();
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Dead { reason: "no".into() }).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().dead, [("look".to_owned(), 1)]);
    clock.step(TimeDelta::minutes(1));
    queue.put(vec![look("a", now)]).await.unwrap();
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    assert!(matches!(SqliteQueue::open(folder.path(), &ambient()), Err(OpenError::InUse(_))));
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("queue.db"), b"this is no database, only a text of some length".repeat(100))
        .unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    let aside = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("queue.db.corrupt-"));
    assert_eq!(aside.count(), 1);

    let other = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(other.path().join("queue.db")).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = SqliteQueue::open(other.path(), &ambient()).unwrap_err().to_string();
    assert!(error.contains("schema 99"), "{error}");
}

#[tokio::test]
async fn an_operators_lock_is_an_error_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let other = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = queue.put(vec![look("a", ambient().now())]).await;
    assert!(matches!(refused, Err(QueueError::Store(_))), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(queue.depth().await.unwrap().words().contains("locked"));
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().words(), "1 waiting, 0 dead letters");
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
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
async fn what_is_kept_outlives_the_process_until_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.keep("a", "1".into(), now + TimeDelta::hours(1)).await;
    queue.keep("a", "2".into(), now + TimeDelta::hours(1)).await;
    queue.keep("late", "1".into(), now - TimeDelta::hours(1)).await;
    drop(queue);
    let queue = reopen(folder.path());
    assert_eq!(queue.recall("a").await.as_deref(), Some("2"));
    assert_eq!((queue.recall("late").await, queue.recall("b").await), (None, None));
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let until = ambient().now() + TimeDelta::hours(1);
    let large = "x".repeat(1024 * 1024);
    queue.keep("too large", large.repeat(3), until).await;
    assert_eq!(queue.recall("too large").await, None);
    for n in 0..20 {
        queue.keep(&format!("k{n:02}"), large.clone(), until).await;
    }
    let mut left = Vec::new();
    for n in 0..20 {
        if queue.recall(&format!("k{n:02}")).await.is_some() {
            left.push(n);
        }
    }
    assert_eq!(left, (5..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_is_put_again_and_again_is_remembered_on() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let message = || vec![mail("a@example.com", NoticeKind::Available, clock.now())];
    assert_eq!(queue.put(message()).await.unwrap(), Placed::News);
    let leased = lease_all(&queue, &email()).await;
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    for _ in 0..3 {
        clock.step(TimeDelta::days(6));
        // What is over is dropped after a turn of the writer.
        queue.depth().await.unwrap();
        assert_eq!(queue.put(message()).await.unwrap(), Placed::Coalesced);
    }
    clock.step(TimeDelta::days(8));
    queue.depth().await.unwrap();
    assert_eq!(queue.put(message()).await.unwrap(), Placed::News);
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
        delivery.notice.at += TimeDelta::seconds(n);
        NewJob { job: Job::Deliver(delivery), trace: "trace".into(), not_before: now }
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

#[tokio::test]
async fn a_dead_letter_and_a_row_that_cannot_be_read_make_way_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    for kind in [NoticeKind::Available, NoticeKind::Granted, NoticeKind::Applied] {
        queue.put(vec![mail("x@example.com", kind, now)]).await.unwrap();
    }
    file(folder.path()).execute("UPDATE job SET format = 99 WHERE id = 2", []).unwrap();
    let first = lease_all(&queue, &email()).await;
    queue.settle(&first[0], Settlement::Dead { reason: "550".into() }).await.unwrap();
    let next = lease_all(&queue, &email()).await;
    assert_eq!(next.iter().map(|leased| leased.lease.job()).collect::<Vec<_>>(), [3]);
    assert_eq!(queue.depth().await.unwrap().dead, [("deliver:email".to_owned(), 2)]);
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
async fn what_does_not_get_done_is_told_with_its_last_reason() {
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

/// Starts over with what is on disk, as after the death of a process.
fn die(queue: SqliteQueue, folder: &Path, at: &Ambient) -> SqliteQueue {
    drop(queue);
    reopen_at(folder, at)
}

#[tokio::test]
async fn a_job_that_processes_died_with_waits_longer_each_time_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    let poison = look("poison", clock.now());
    queue.put(vec![poison.clone()]).await.unwrap();
    let mut queue = queue;
    for death in 1..=3 {
        let leased = lease_all(&queue, &Topic::Look).await;
        assert_eq!(leased.len(), 1, "death {death}");
        queue = die(queue, folder.path(), &at);
    }
    for wait in [15, 60, 240, 960, 3600, 3600] {
        queue.put(vec![look("other", clock.now()), look("poison", clock.now())]).await.unwrap();
        let batch = lease(&queue, &Topic::Look).await;
        assert_eq!(batch.jobs.iter().map(|l| l.job.clone()).collect::<Vec<_>>(), [look("other", clock.now()).job]);
        assert_eq!(batch.wait, Some(Duration::from_secs(wait)), "no hint brings it forward");
        assert_eq!(queue.depth().await.unwrap().suspect, [("look".to_owned(), 1)]);
        let troubles = queue.troubles().await.unwrap().failing;
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert_eq!(
            (troubles[0].suspect, troubles[0].last_suspect.as_deref()),
            (1, Some("registry.example.com/poison"))
        );
        queue.settle(&batch.jobs[0], Settlement::Done).await.unwrap();
        clock.step(TimeDelta::seconds(wait.try_into().unwrap()));
        let leased = lease_all(&queue, &Topic::Look).await;
        assert_eq!(leased.iter().map(|l| l.job.clone()).collect::<Vec<_>>(), std::slice::from_ref(&poison.job));
        queue = die(queue, folder.path(), &at);
    }
    clock.step(TimeDelta::hours(1));
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Again(clock.now())).await.unwrap();
    assert!(queue.depth().await.unwrap().suspect.is_empty(), "it is forgiven when it ends well");
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
}

#[tokio::test]
async fn each_start_names_the_jobs_that_processes_died_with() {
    let folder = tempfile::tempdir().unwrap();
    let (mut queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![look("poison", clock.now()), look("harmless", clock.now())]).await.unwrap();
    for _ in 0..3 {
        let leased = lease(&queue, &Topic::Look).await.jobs;
        for job in leased.iter().filter(|leased| leased.job == look("harmless", clock.now()).job) {
            queue.settle(job, Settlement::Done).await.unwrap();
        }
        queue = die(queue, folder.path(), &at);
    }
    // The one before ended well, and never came to it.
    for start in 1..=2 {
        let log = Log::begin();
        queue = die(queue, folder.path(), &at);
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "start {start}: {lines:?}");
        let parts = ["registry.example.com/poison", "deaths=3", "next="];
        assert!(parts.iter().all(|part| lines[0].contains(part)), "{lines:?}");
    }
}

#[tokio::test]
async fn a_queue_that_can_not_be_written_says_so_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let now = ambient().now();
    queue.put(vec![look("a", now), mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    let words = async || queue.depth().await.unwrap().words();
    assert_eq!(words().await, "2 waiting, 0 dead letters");
    file(folder.path()).execute_batch("ALTER TABLE job RENAME COLUMN trace TO other").unwrap();
    assert!(queue.put(vec![look("b", now)]).await.is_err());
    let depth = queue.depth().await.unwrap();
    assert!(depth.failing.is_some() && depth.words().starts_with("its last write failed: "), "{depth:?}");
    file(folder.path()).execute_batch("ALTER TABLE job RENAME COLUMN other TO trace").unwrap();
    queue.put(vec![look("b", now)]).await.unwrap();
    assert_eq!(words().await, "3 waiting, 0 dead letters");
}

#[tokio::test]
async fn a_message_that_processes_die_with_is_a_dead_letter_at_last() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Applied, clock.now())]).await.unwrap();
    let mut queue = queue;
    for death in 1..=6 {
        assert_eq!(lease_all(&queue, &email()).await.len(), 1, "death {death}");
        queue = die(queue, folder.path(), &at);
        clock.step(TimeDelta::hours(1));
    }
    assert_eq!(queue.depth().await.unwrap().dead, [("deliver:email".to_owned(), 1)]);
    let next = lease_all(&queue, &email()).await;
    assert_eq!((next.len(), next[0].lease.job()), (1, 2), "the next of its lane");
}

#[tokio::test]
async fn of_the_jobs_that_a_process_died_with_one_runs_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    let now = clock.now();
    queue.put(vec![look("a", now), look("b", now), mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    assert_eq!((lease_all(&queue, &Topic::Look).await.len(), lease_all(&queue, &email()).await.len()), (2, 1));
    let queue = die(queue, folder.path(), &at);
    queue.put(vec![look("c", now)]).await.unwrap();
    let woken = queue.changed(&email());
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(
        leased.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(),
        [look("a", now).job, look("c", now).job]
    );
    let batch = lease(&queue, &email()).await;
    let suspense = Some(Duration::from_secs(5));
    assert_eq!((batch.jobs.len(), batch.wait), (0, suspense), "not beside a look that may be what kills");
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    woken.notified().await;
    assert_eq!(lease_all(&queue, &email()).await.len(), 1, "its topic is woken when it may be its turn");
    let batch = lease(&queue, &Topic::Look).await;
    assert_eq!((batch.jobs.len(), batch.wait), (0, suspense));
    clock.step(TimeDelta::seconds(5));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "one that hangs holds up nobody for long");
}

#[tokio::test]
async fn a_lease_is_on_disk_before_the_job_begins_when_the_process_before_died() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    drop(queue);
    drop(reopen_at(folder.path(), &at));
    // A reader that stays keeps the journal, as a process that is killed leaves it.
    let reader = file(folder.path());
    reader.query_row("SELECT count(*) FROM job", [], |row| row.get::<_, i64>(0)).unwrap();
    let queue = reopen_at(folder.path(), &at);
    queue.put(vec![look("b", clock.now())]).await.unwrap();
    let queue = die(queue, folder.path(), &at);
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 2);
    let marked: i64 = reader.query_row("SELECT sum(leased) FROM job", [], |row| row.get(0)).unwrap();
    assert_eq!(marked, 2);
}

#[tokio::test]
async fn what_is_over_is_dropped_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let repositories = || (0..1200).map(|n| look(&format!("r{n}"), clock.now())).collect::<Vec<_>>();
    queue.put(repositories()).await.unwrap();
    let leased = queue.lease(&Topic::Look, 1200, &Sharing::in_order(1200)).await.unwrap().jobs;
    let settled = leased.iter().map(|leased| queue.settle(leased, Settlement::Dead { reason: "no".into() }));
    futures_util::future::try_join_all(settled).await.unwrap();
    clock.step(TimeDelta::days(29));
    for _ in 0..5 {
        queue.depth().await.unwrap();
    }
    assert_eq!(queue.depth().await.unwrap().dead, [("look".to_owned(), 1200)]);
    clock.step(TimeDelta::days(2));
    let mut left = 1200;
    for _ in 0..5 {
        let now = queue.depth().await.unwrap().dead.first().map_or(0, |(_, count)| *count);
        assert!(left - now <= 500, "a bounded number at a time: {left} → {now}");
        left = now;
    }
    assert_eq!(left, 0);
}

#[tokio::test]
async fn messages_of_a_removed_channel_are_dead_letters_and_age_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    queue.put(vec![mail("x@example.com", NoticeKind::Applied, clock.now())]).await.unwrap();
    clock.step(TimeDelta::hours(5));
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    assert!(queue.bury_all_but(&["email".into()]).await.unwrap().is_empty());
    assert_eq!(lease_all(&queue, &email()).await.len(), 1);
    assert_eq!(queue.bury_all_but(&["slack".into()]).await.unwrap(), [("email".to_owned(), 2)]);
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth.ready, [("look".to_owned(), 1)]);
    assert_eq!(depth.dead, [("deliver:email".to_owned(), 2)]);
    assert_eq!(depth.oldest, Some(clock.now()));
    assert!(lease_all(&queue, &email()).await.is_empty());
}

#[test]
fn messages_of_a_removed_channel_are_named_a_bounded_number_of_them() {
    let (log, folder) = (Log::begin(), tempfile::tempdir().unwrap());
    let mut store = Store::open(folder.path(), ambient()).unwrap();
    for number in 0..60 {
        store.put(&mail(&format!("{number}@example.com"), NoticeKind::Available, ambient().now())).unwrap();
    }
    assert_eq!(store.bury(&[]).unwrap(), [("email".to_owned(), 60)]);
    let lines = log.lines();
    assert_eq!(lines.len(), 50);
    assert!(lines.iter().all(|line| line.contains("update.available shop/deploy/web web: 1.3.0")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("@example.com")), "{lines:?}");
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_wait_longer() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![look("now", clock.now()), look("failed", clock.now())]).await.unwrap();
    clock.set(TimeDelta::hours(-1));
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(leased.len(), 2);
    for leased in &leased {
        let at = clock.now() + TimeDelta::minutes(5);
        queue.settle(leased, Settlement::Retry { at, reason: "503".into() }).await.unwrap();
    }
    clock.set(TimeDelta::hours(-1));
    assert_eq!(lease(&queue, &Topic::Look).await.wait, Some(Duration::from_secs(300)));
    // Nor over a restart.
    let queue = die(queue, folder.path(), &ambient().at(clock.clone()));
    assert_eq!(lease(&queue, &Topic::Look).await.wait, Some(Duration::from_secs(300)));
    clock.step(TimeDelta::minutes(5));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_delays_nothing_and_makes_nothing_old() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![look("soon", clock.now() + TimeDelta::minutes(5)), look("dead", clock.now())]).await.unwrap();
    let dead = lease_all(&queue, &Topic::Look).await;
    queue.settle(&dead[0], Settlement::Dead { reason: "no".into() }).await.unwrap();
    clock.step(TimeDelta::hours(2));
    clock.set(TimeDelta::days(40));
    let leased = lease_all(&queue, &Topic::Look).await;
    assert_eq!(leased.len(), 1, "it is due by either clock");
    assert_eq!(clock.now() - leased[0].created, TimeDelta::hours(2), "its age is the time that has passed");
    queue.settle(&leased[0], Settlement::Again(clock.now() + TimeDelta::hours(1))).await.unwrap();
    clock.set(TimeDelta::hours(1));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "what waits for a moment does not miss it");
    assert_eq!(queue.depth().await.unwrap().dead, [("look".to_owned(), 1)], "kept for 30 days that have passed");
}

#[tokio::test]
async fn files_and_folder_are_for_our_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let modes = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), mode(&path))).collect();
        all.sort();
        all
    };
    let expected = ["queue.db", "queue.db-shm", "queue.db-wal", "queue.lock"].map(|name| (name.to_owned(), 0o600));
    let queue = SqliteQueue::open(&folder, &ambient()).unwrap();
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert_eq!((modes(&folder), mode(&folder)), (expected.to_vec(), 0o700));
    // As older versions left them.
    for (name, _) in &expected {
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop(queue);
    let queue = reopen(&folder);
    queue.put(vec![look("b", ambient().now())]).await.unwrap();
    assert_eq!(modes(&folder), expected);
    drop(queue);
    drop(reopen(&folder));
    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join("queue.db"), b"no database".repeat(1000)).unwrap();
    let queue = reopen(damaged.path());
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert!(modes(damaged.path()).iter().all(|(_, mode)| *mode == 0o600), "{:?}", modes(damaged.path()));
}

#[test]
fn no_query_of_the_running_queue_reads_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteQueue::open(folder.path(), &ambient()).unwrap());
    drop(reopen(folder.path()));
    let file = file(folder.path());
    for query in [
        "SELECT id FROM job WHERE lane = 'x' AND state = 'ready' ORDER BY id LIMIT 1",
        "SELECT id FROM job WHERE state <> 'ready' AND changed < 1 AND (state = 'done' OR changed < 2) LIMIT 500",
        "SELECT topic, state, count(*), min(created) FROM job WHERE state <> 'done' GROUP BY 1, 2",
        "SELECT topic, count(*) FROM job WHERE losses > 0 AND losses >= 3 GROUP BY topic",
        "SELECT id FROM job WHERE key = 'x'",
    ] {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(steps.iter().all(|step| step.contains("INDEX") && !step.contains("TEMP")), "{query}: {steps:?}");
    }
}
