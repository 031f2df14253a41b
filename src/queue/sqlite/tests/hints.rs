//! Hints: what coalesces, what is gathered, what is brought forward.

use super::*;

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

/// Pods that never start: nobody waits for others who have less to say.
#[tokio::test]
async fn what_is_to_be_done_at_once_is_gathered_only_with_its_like() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at_once = || NewJob { urgency: Urgency::AtOnce, ..look("a", clock.now()) };
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    let first = lease_all(&queue, &Topic::Look).await;
    queue.put(vec![look("a", clock.now()), at_once()]).await.unwrap();
    queue.settle(&first[0], Settlement::Done).await.unwrap();
    let second = lease_all(&queue, &Topic::Look).await;
    assert_eq!(second.len(), 1, "it came while somebody looked");
    queue.settle(&second[0], Settlement::Again(clock.now() + TimeDelta::hours(1))).await.unwrap();
    queue.put(vec![at_once()]).await.unwrap();
    assert!(lease_all(&queue, &Topic::Look).await.is_empty(), "thousands of pods are no thousand looks");
    clock.step(TimeDelta::seconds(1));
    let third = lease_all(&queue, &Topic::Look).await;
    queue.settle(&third[0], Settlement::Done).await.unwrap();
    clock.step(TimeDelta::seconds(1));
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    let fourth = lease_all(&queue, &Topic::Look).await;
    queue.settle(&fourth[0], Settlement::Done).await.unwrap();
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    assert!(lease_all(&queue, &Topic::Look).await.is_empty(), "the rest of a burst");
    queue.put(vec![at_once()]).await.unwrap();
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1, "it came after somebody looked");
}

/// A registry that is down is not asked more often for that.
#[tokio::test]
async fn what_failed_is_not_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at_once = || NewJob { urgency: Urgency::AtOnce, ..look("a", clock.now()) };
    let retry = || Settlement::Retry { at: clock.now() + TimeDelta::hours(1), reason: "503".into() };
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    let first = lease_all(&queue, &Topic::Look).await;
    queue.put(vec![at_once()]).await.unwrap();
    queue.settle(&first[0], retry()).await.unwrap();
    assert!(lease_all(&queue, &Topic::Look).await.is_empty());
    clock.step(TimeDelta::seconds(1));
    let second = lease_all(&queue, &Topic::Look).await;
    queue.settle(&second[0], retry()).await.unwrap();
    queue.put(vec![at_once()]).await.unwrap();
    assert!(lease_all(&queue, &Topic::Look).await.is_empty());
    clock.step(TimeDelta::seconds(1));
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
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
