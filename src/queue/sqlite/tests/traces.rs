//! What a row keeps of the span that its job follows from.

use super::*;
use crate::domain::trace::{Trace, TraceParent};

fn span(number: u8) -> TraceParent {
    TraceParent::new([7; 16], [number; 8], true).unwrap()
}

fn pushed(name: &str, number: u8, at: DateTime<Utc>) -> NewJob {
    NewJob { trace: Trace::Follows(span(number)), ..look(name, at) }
}

#[tokio::test]
async fn a_job_follows_from_its_span_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let mail = mail("x@example.com", NoticeKind::Available, now);
    queue.put(vec![pushed("a", 1, now), NewJob { trace: Trace::Follows(span(2)), ..mail }]).await.unwrap();
    drop(queue);
    let queue = reopened(folder.path()).await;
    assert_eq!(lease_all(&queue, &Topic::Look).await[0].trace, Trace::Follows(span(1)));
    assert_eq!(lease_all(&queue, &email()).await[0].trace, Trace::Follows(span(2)));
}

/// As the writer of the one before ends a moment after it.
async fn reopened(folder: &std::path::Path) -> SqliteQueue {
    loop {
        match SqliteQueue::open(folder, &ambient()) {
            Ok(queue) => return queue,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn pushes_that_become_one_look_are_linked_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let now = ambient().now();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![pushed("a", 1, now)]).await.unwrap();
    queue.put(vec![pushed("a", 2, now), pushed("b", 2, now)]).await.unwrap();
    queue.put(vec![pushed("a", 3, now), look("a", now)]).await.unwrap();
    let leased = lease_all(&queue, &Topic::Look).await;
    let of = |name: &str| leased.iter().find(|leased| leased.job == look(name, now).job).unwrap();
    assert_eq!((&of("a").trace, &of("a").also), (&Trace::Follows(span(1)), &vec![span(2), span(3)]));
    assert_eq!((&of("b").trace, &of("b").also), (&Trace::Follows(span(2)), &vec![]));
}

#[tokio::test]
async fn a_push_takes_over_a_look_that_was_to_be_done_again_later() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![pushed("a", 1, clock.now())]).await.unwrap();
    let later = clock.now() + TimeDelta::hours(9);
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Again(later)).await.unwrap();
    clock.step(TimeDelta::minutes(1));
    queue.put(vec![look("a", clock.now() + TimeDelta::hours(1))]).await.unwrap();
    queue.put(vec![pushed("a", 2, clock.now())]).await.unwrap();
    let taken = lease_all(&queue, &Topic::Look).await;
    assert_eq!((&taken[0].trace, taken[0].also.len()), (&Trace::Follows(span(2)), 0));
    queue.settle(&taken[0], Settlement::Again(clock.now() + TimeDelta::hours(9))).await.unwrap();
    clock.step(TimeDelta::minutes(1));
    queue.put(vec![look("a", clock.now())]).await.unwrap();
    let hinted = lease_all(&queue, &Topic::Look).await;
    assert_eq!(hinted[0].trace, Trace::Follows(span(2)), "what is no span takes no trace away");
}
