use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ambient::Clock;
use crate::domain::event::{Delivery, Job, NoticeKind, tests::notice};
use crate::domain::reference::Repository;

fn ambient() -> Ambient {
    Ambient::system()
}

/// A clock that the test moves.
#[derive(Default)]
struct Stepped(std::sync::atomic::AtomicI64);

impl Stepped {
    fn step(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }

    fn monotonic(&self) -> std::time::Duration {
        (self.now() - DateTime::UNIX_EPOCH).to_std().unwrap()
    }
}

fn stepped(folder: &Path) -> (SqliteQueue, Arc<Stepped>) {
    let clock = Arc::new(Stepped::default());
    clock.step(TimeDelta::days(20_000));
    (SqliteQueue::open(folder, &ambient().at(clock.clone())).unwrap(), clock)
}

fn look(name: &str, at: DateTime<Utc>) -> NewJob {
    let repository = Repository::parse(&format!("registry.example.com/{name}")).unwrap();
    NewJob { job: Job::Look(repository), trace: "trace".into(), not_before: at }
}

fn mail(recipient: &str, kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    let delivery = Delivery { channel: "email".into(), recipient: recipient.into(), notice: notice(kind) };
    NewJob { job: Job::Deliver(Box::new(delivery)), trace: "trace".into(), not_before: at }
}

async fn lease_all(queue: &SqliteQueue, topic: &Topic) -> Vec<Leased> {
    queue.lease(topic, 10).await.unwrap().jobs
}

fn email() -> Topic {
    Topic::Deliver("email".into())
}

/// A queue whose writer has ended gives its folder free.
fn reopen(folder: &Path) -> SqliteQueue {
    let deadline = ambient();
    loop {
        match SqliteQueue::open(folder, &ambient()) {
            Err(OpenError::InUse(_)) if deadline.monotonic().as_secs() < 10 => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
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
    let batch = queue.lease(&Topic::Look, 10).await.unwrap();
    assert!(batch.jobs.is_empty(), "what came meanwhile is gathered first");
    assert!(batch.next.is_some_and(|at| at > now && at < now + TimeDelta::seconds(5)), "{:?}", batch.next);
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
    let batch = queue.lease(&Topic::Look, 10).await.unwrap();
    assert_eq!(batch.jobs.iter().map(|leased| leased.job.clone()).collect::<Vec<_>>(), [look("b", now).job]);
    assert_eq!(batch.next, Some(now + TimeDelta::seconds(1)));
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
    let batch = queue.lease(&Topic::Look, 10).await.unwrap();
    assert_eq!(batch.jobs.len(), 1);
    assert_eq!((batch.jobs[0].job.clone(), batch.jobs[0].attempt), (look("deferred", now).job, 1));
    assert_eq!(batch.next, Some(now + TimeDelta::seconds(1)));
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
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
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
    let (mut queue, clock) = stepped(folder.path());
    let message = || vec![mail("a@example.com", NoticeKind::Available, clock.now())];
    // What is over is dropped when the file is opened, which its writer has to have given free.
    let opened = || loop {
        match SqliteQueue::open(folder.path(), &ambient().at(clock.clone())) {
            Err(OpenError::InUse(_)) => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!(queue.put(message()).await.unwrap(), Placed::News);
    let leased = lease_all(&queue, &email()).await;
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    for _ in 0..3 {
        clock.step(TimeDelta::days(6));
        drop(queue);
        queue = opened();
        assert_eq!(queue.put(message()).await.unwrap(), Placed::Coalesced);
    }
    clock.step(TimeDelta::days(8));
    drop(queue);
    queue = opened();
    assert_eq!(queue.put(message()).await.unwrap(), Placed::News);
}
