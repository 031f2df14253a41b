//! What waits to go out together.

use super::*;
use crate::queue::ItemId;

async fn waiting(queue: &SqliteQueue) -> Vec<(ItemId, String)> {
    let waiting = queue.gathered("email", 1000).await.unwrap();
    waiting.into_iter().map(|item| (item.id, item.notice.workload.uid.into_string())).collect()
}

#[tokio::test]
async fn what_waits_outlives_the_process_and_no_process_dies_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    for _ in 0..8 {
        assert_eq!(waiting(&queue).await.len(), 1);
        assert!(lease_all(&queue, &Topic::Gather("email".into())).await.is_empty());
        queue = die(queue, folder.path(), &at);
    }
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.suspect), (vec![("gather:email".to_owned(), 1)], vec![]));
}

#[tokio::test]
async fn what_waits_to_go_out_together_is_late_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    clock.step(TimeDelta::hours(9));
    assert_eq!(queue.depth().await.unwrap().oldest, None, "quiet hours are no fault");
    let late = clock.now();
    queue.put(vec![mail("x@example.com", NoticeKind::Applied, late)]).await.unwrap();
    clock.step(TimeDelta::hours(1));
    assert_eq!(queue.depth().await.unwrap().oldest, Some(late));
}

#[tokio::test]
async fn a_row_that_can_not_be_read_is_parked_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(["a", "b", "c"].map(|uid| item(uid, NoticeKind::Available, clock.now())).to_vec()).await.unwrap();
    file(folder.path()).execute("UPDATE job SET format = 99 WHERE id = 1", []).unwrap();
    file(folder.path()).execute("UPDATE job SET payload = '{' WHERE id = 2", []).unwrap();
    let first = queue.gathered("email", 1).await.unwrap();
    assert_eq!(first.iter().map(|item| &*item.notice.workload.uid).collect::<Vec<_>>(), ["c"]);
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.dead), (vec![("gather:email".to_owned(), 1)], vec![("gather:email".to_owned(), 2)]));
    assert_eq!(queue.troubles().await.unwrap().failing[0].dead, 2);
}

#[tokio::test]
async fn what_was_accepted_goes_out_though_the_queue_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let now = ambient().now();
    queue.put(vec![item("a", NoticeKind::Available, now)]).await.unwrap();
    queue.put((1..MOST_JOBS).map(|n| look(&format!("r{n}"), now)).collect()).await.unwrap();
    let (ids, messages) = (waiting(&queue).await, ["x@example.com", "y@example.com"]);
    let messages = messages.map(|to| mail(to, NoticeKind::Available, now)).to_vec();
    let of: Vec<ItemId> = ids.into_iter().map(|(id, _)| id).collect();
    queue.compose(of.clone(), messages).await.unwrap();
    assert_eq!(lease_all(&queue, &email()).await.len(), 2);
    let other = mail("z@example.com", NoticeKind::Available, now);
    let refused = queue.compose(of, vec![other]).await;
    assert!(matches!(refused, Err(QueueError::Full(_))), "nothing of it was accepted before: {refused:?}");
}

#[tokio::test]
async fn what_could_not_be_composed_waits_on_and_nothing_of_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    let ids: Vec<ItemId> = waiting(&queue).await.into_iter().map(|(id, _)| id).collect();
    let message = || vec![mail("x@example.com", NoticeKind::Available, clock.now())];
    file(folder.path()).execute_batch("ALTER TABLE lane RENAME COLUMN job TO other").unwrap();
    assert!(matches!(queue.compose(ids.clone(), message()).await, Err(QueueError::Store(_))));
    file(folder.path()).execute_batch("ALTER TABLE lane RENAME COLUMN other TO job").unwrap();
    assert_eq!(waiting(&queue).await.len(), 1, "all of it or nothing");
    assert!(lease_all(&queue, &email()).await.is_empty());
    queue.compose(ids, message()).await.unwrap();
    assert_eq!((waiting(&queue).await.len(), lease_all(&queue, &email()).await.len()), (0, 1));
}

#[tokio::test]
async fn what_was_composed_is_remembered_as_messages_are() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let one = || vec![item("a", NoticeKind::Available, clock.now())];
    queue.put(one()).await.unwrap();
    let ids = waiting(&queue).await.into_iter().map(|(id, _)| id).collect();
    queue.compose(ids, Vec::new()).await.unwrap();
    for _ in 0..3 {
        clock.step(TimeDelta::days(6));
        queue.depth().await.unwrap();
        assert_eq!(queue.put(one()).await.unwrap(), Placed::Coalesced);
    }
    clock.step(TimeDelta::days(8));
    queue.depth().await.unwrap();
    assert_eq!(queue.put(one()).await.unwrap(), Placed::News);
}

#[tokio::test]
async fn what_waits_for_a_removed_channel_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue
        .put(vec![item("a", NoticeKind::Available, now), mail("x@example.com", NoticeKind::Applied, now)])
        .await
        .unwrap();
    assert!(queue.bury_all_but(&["email".into()]).await.unwrap().is_empty());
    assert_eq!(queue.bury_all_but(&[]).await.unwrap(), [("email".to_owned(), 2)]);
    assert!(waiting(&queue).await.is_empty());
}

#[tokio::test]
async fn the_order_is_that_of_putting_whatever_the_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    clock.set(TimeDelta::hours(-1));
    queue.put(vec![item("a", NoticeKind::Applied, clock.now())]).await.unwrap();
    let kinds = queue.gathered("email", 9).await.unwrap().into_iter().map(|item| item.notice.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), [NoticeKind::Available, NoticeKind::Applied]);
}

#[tokio::test]
async fn a_failure_that_is_told_at_once_makes_old_what_waits_of_the_same_update() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    let failed = |uid: &str, channel: &str| {
        let mut notice = crate::domain::event::tests::notice(NoticeKind::Failed);
        notice.workload.uid = uid.into();
        notice.by = Some(crate::domain::actor::Actor::Policy);
        NewJob::prompt(Job::Deliver(Box::new(Delivery::of(channel, "x@example.com", notice))), "", now)
    };
    let before = [item("a", NoticeKind::Available, now), item("a", NoticeKind::Granted, now)];
    queue.put([before.to_vec(), vec![item("b", NoticeKind::Available, now)]].concat()).await.unwrap();
    queue.put(vec![failed("a", "other")]).await.unwrap();
    assert_eq!(waiting(&queue).await.len(), 3, "told on another channel");
    queue.put(vec![failed("a", "email")]).await.unwrap();
    let left = waiting(&queue).await.into_iter().map(|(_, uid)| uid).collect::<Vec<_>>();
    assert_eq!(left, ["b"]);
    queue.put(before.to_vec()).await.unwrap();
    assert_eq!(waiting(&queue).await.len(), 1, "it is not told when a look repeats it");
    queue.put(vec![failed("a", "email"), item("a", NoticeKind::Held, now)]).await.unwrap();
    assert_eq!(waiting(&queue).await.len(), 2, "what comes later is news");
}
