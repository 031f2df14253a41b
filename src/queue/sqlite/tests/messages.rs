//! Messages: sent once, in order, and dead letters in the end.

use super::*;

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
