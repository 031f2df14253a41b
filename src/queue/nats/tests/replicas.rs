//! Several processes on the same buckets.

use super::*;

/// Waits until a process has seen so many jobs of a topic that wait, which it follows by itself.
async fn sees(queue: &StoreHandle, expected: &[(String, u64)]) {
    while queue.depth().await.unwrap().ready != expected {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_that_put_the_same_have_put_one_job_and_one_of_them_gets_it() {
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let one_of_them = StoreHandle::nats(settings(&server, "two"), &ambient).await.unwrap();
    let other = StoreHandle::nats(settings(&server, "two"), &ambient).await.unwrap();
    let now: DateTime<Utc> = clock.now();
    let message = || mail("x@example.com", NoticeKind::Available, now);
    let (first, second) = tokio::join!(one_of_them.put(vec![message()]), other.put(vec![message()]));
    let mut placed = [first.unwrap(), second.unwrap()];
    placed.sort_by_key(|placed| *placed == Placed::Coalesced);
    assert_eq!(placed, [Placed::News, Placed::Coalesced]);
    let topic = email();
    let (first, second) = tokio::join!(lease_all(&one_of_them, &topic), lease_all(&other, &topic));
    assert_eq!(first.jobs.len() + second.jobs.len(), 1);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_another_puts() {
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let waits = StoreHandle::nats(settings(&server, "wakes"), &ambient).await.unwrap();
    let puts = StoreHandle::nats(settings(&server, "wakes"), &ambient).await.unwrap();
    let changed = waits.changed(&Topic::Look);
    puts.put(vec![look("a", clock.now())]).await.unwrap();
    changed.notified().await;
    assert_eq!(one(&waits, &Topic::Look).await.job, look("a", clock.now()).job);
}

/// The look that another has may have read before this push, so it is done once more.
#[tokio::test]
async fn a_hint_that_comes_to_one_while_another_looks_is_followed_after_that() {
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let looks = StoreHandle::nats(settings(&server, "hints"), &ambient).await.unwrap();
    let hears = StoreHandle::nats(settings(&server, "hints"), &ambient).await.unwrap();
    looks.put(vec![look("a", clock.now())]).await.unwrap();
    let leased = one(&looks, &Topic::Look).await;
    // It may not have seen that the job was given away, and is told when it writes.
    hears.put(vec![look("a", clock.now())]).await.unwrap();
    looks.settle(&leased, Settlement::Done).await.unwrap();
    clock.step(TimeDelta::seconds(10));
    assert_eq!(one(&looks, &Topic::Look).await.job, leased.job);
}

#[tokio::test]
async fn what_a_dead_process_had_is_given_to_another_and_settles_nothing_when_it_was_only_paused() {
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let paused = StoreHandle::nats(settings(&server, "dies"), &ambient).await.unwrap();
    paused.put(vec![look("a", clock.now())]).await.unwrap();
    let late = one(&paused, &Topic::Look).await;
    // Another, whose clock passes while nobody is heard: what was heard before that is too long ago.
    let (own, own_clock) = stepped();
    let takes = StoreHandle::nats(settings(&server, "dies"), &own).await.unwrap();
    let batch = lease_all(&takes, &Topic::Look).await;
    assert!(batch.jobs.is_empty(), "its holder may live");
    assert!(batch.wait.is_some_and(|wait| wait <= Duration::from_secs(15)), "it is asked again: {:?}", batch.wait);
    let again = loop {
        own_clock.step(TimeDelta::seconds(15));
        let mut batch = lease_all(&takes, &Topic::Look).await;
        if let Some(leased) = batch.jobs.pop() {
            break leased;
        }
    };
    assert_eq!((&again.job, again.attempt), (&late.job, 2));
    paused.settle(&late, Settlement::Done).await.unwrap();
    let retry = Settlement::Retry { at: own_clock.now(), reason: "503".into() };
    takes.settle(&again, retry).await.unwrap();
    assert_eq!(one(&takes, &Topic::Look).await.attempt, 3, "it was not ended by who came too late");
}

#[tokio::test]
async fn messages_of_one_lane_follow_one_another_whoever_sends_them() {
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let first = StoreHandle::nats(settings(&server, "lanes"), &ambient).await.unwrap();
    let second = StoreHandle::nats(settings(&server, "lanes"), &ambient).await.unwrap();
    let message = |kind| mail("x@example.com", kind, clock.now());
    first.put(vec![message(NoticeKind::Available)]).await.unwrap();
    second.put(vec![message(NoticeKind::Applied)]).await.unwrap();
    let both = [("deliver:email".to_owned(), 2)];
    sees(&first, &both).await;
    sees(&second, &both).await;
    let leased = one(&first, &email()).await;
    assert_eq!(leased.job, message(NoticeKind::Available).job);
    assert!(lease_all(&second, &email()).await.jobs.is_empty(), "the one before it is under way elsewhere");
    first.settle(&leased, Settlement::Done).await.unwrap();
    sees(&second, &[("deliver:email".to_owned(), 1)]).await;
    assert_eq!(one(&second, &email()).await.job, message(NoticeKind::Applied).job);
}
