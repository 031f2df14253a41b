//! What time does to rows: they are over, and clocks are set.

use super::*;

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
async fn what_can_be_found_again_takes_no_place_from_what_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let until = ambient().now() + TimeDelta::hours(1);
    let large = "x".repeat(1024 * 1024);
    let remembered = ["first look", "message slack:ops 1", "released:open:github.com/acme/web"];
    for key in remembered {
        queue.keep(key, "it".into(), until).await;
    }
    for n in 0..20 {
        queue.keep(&format!("releases:3:open:github.com/acme/{n:02}"), large.clone(), until).await;
    }
    for key in remembered {
        assert_eq!(queue.recall(key).await.as_deref(), Some("it"), "{key}");
    }
    assert_eq!(queue.recall("releases:3:open:github.com/acme/04").await, None);
    assert!(queue.recall("releases:3:open:github.com/acme/05").await.is_some());
    for n in 0..20 {
        queue.keep(&format!("released:open:github.com/acme/{n:02}"), large.clone(), until).await;
    }
    assert_eq!(queue.recall("first look").await.as_deref(), Some("it"), "projects are many, and anybody names them");
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
