//! A bucket that is nearly full, and one that is.

use super::*;

const BOUND: i64 = 512 * 1024;

/// A queue whose bucket takes few bytes, as an operator set it.
async fn small(server: &Server, buckets: &str) -> StoreHandle {
    drop(StoreHandle::nats(settings(server, buckets), &Ambient::system()).await.unwrap());
    server.change(&format!("KV_{buckets}-jobs"), |config| config.max_bytes = BOUND).await;
    StoreHandle::nats(settings(server, buckets), &Ambient::system()).await.unwrap()
}

async fn filled(queue: &StoreHandle) -> (usize, QueueError) {
    for n in 0..10_000 {
        let message = mail(&format!("{n}@example.com"), NoticeKind::Available, Ambient::system().now());
        if let Err(error) = queue.put(vec![message]).await {
            return (n, error);
        }
    }
    panic!("it takes everything");
}

async fn done_with_all(queue: &StoreHandle) -> usize {
    let mut done = 0;
    loop {
        let batch = queue.lease(&email(), 50, &Sharing::in_order(1000)).await.unwrap();
        if batch.jobs.is_empty() {
            return done;
        }
        for leased in &batch.jobs {
            queue.settle(leased, Settlement::Done).await.unwrap();
            done += 1;
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_nearly_full_takes_no_job_and_all_that_ends_one() {
    let Some(server) = Server::start() else { return };
    let queue = small(&server, "full").await;
    let (put, refused) = filled(&queue).await;
    assert!(matches!(refused, QueueError::NoRoom { .. }), "{refused:?}");
    let context = server.context().await;
    let held = context.get_stream("KV_full-jobs").await.unwrap().cached_info().state.bytes;
    let part = held * 100 / u64::try_from(BOUND).unwrap();
    assert!((75..=85).contains(&part), "{part} % of the bound");
    assert_eq!(done_with_all(&queue).await, put, "each can be taken and ended");
    assert!(filled(&queue).await.0 > 0, "and there is room again");
}

/// What is done is remembered for days, unless there is no room for that.
#[tokio::test]
async fn what_is_over_makes_way_early_where_there_is_no_room() {
    let Some(server) = Server::start() else { return };
    let queue = small(&server, "early").await;
    for round in 0..60 {
        let message =
            |n: usize| mail(&format!("{round}-{n}@example.com"), NoticeKind::Available, Ambient::system().now());
        queue.put((0..50).map(message).collect()).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(done_with_all(&queue).await, 50, "round {round}");
    }
}

/// Somebody else filled it to its bound, or made that smaller.
#[tokio::test]
async fn what_is_under_way_can_be_ended_in_a_bucket_that_is_full() {
    let Some(server) = Server::start() else { return };
    let queue = small(&server, "brim").await;
    filled(&queue).await;
    let leased = queue.lease(&email(), 20, &Sharing::in_order(1000)).await.unwrap().jobs;
    server.change("KV_brim-jobs", |config| config.max_bytes = BOUND / 2).await;
    for (leased, n) in leased.iter().zip(0..) {
        let settlement = match n % 3 {
            0 => Settlement::Done,
            1 => Settlement::Dead { reason: "550 no such user ".repeat(50) },
            _ => Settlement::Retry { at: Ambient::system().now() + TimeDelta::hours(1), reason: "421 ".repeat(200) },
        };
        queue
            .settle(leased, settlement)
            .await
            .unwrap_or_else(|error| panic!("{n}: {}", crate::telemetry::chain(&error)));
    }
}

/// Records are what may not be refused, and whoever signs in may come again.
#[tokio::test]
async fn a_bucket_of_what_is_remembered_that_is_nearly_full_takes_records_and_nothing_else() {
    use crate::queue::{Records as _, Written};
    let Some(server) = Server::start() else { return };
    drop(StoreHandle::nats(settings(&server, "state"), &Ambient::system()).await.unwrap());
    server.change("KV_state-state", |config| config.max_bytes = BOUND).await;
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "state"), &ambient).await.unwrap();
    let until = ambient.now() + TimeDelta::hours(1);
    let sign_in = |n: u64| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        SignIn { id, person: format!("person {n}"), what: "x".repeat(2_000), until }
    };
    let mut taken = 0;
    let refused = loop {
        match queue.remember_sign_in(sign_in(taken)).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(crate::telemetry::chain(&refused).to_string().contains("takes nothing but records"), "{refused:?}");
    assert!((100..300).contains(&taken), "{taken}");
    let repository = crate::domain::reference::Repository::parse("registry.example.com/web").unwrap();
    let tag = crate::domain::reference::Tag::parse("1.2.3").unwrap();
    let announced = crate::queue::Announced { repository, tag, digest: None, at: ambient.now() };
    crate::queue::Announcements::announce(&queue, vec![announced]).await.unwrap();
    let written = Written { sequence: 1, record: "x".repeat(1_000), ..Written::default() };
    for n in 0..40 {
        queue.remember(&format!("uid-{n}"), written.clone()).await.unwrap();
    }
    assert_eq!(queue.sequences().await.unwrap().len(), 40);
}
