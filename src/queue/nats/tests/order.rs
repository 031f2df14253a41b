//! What is put first is before what is put after it, in one commit as in two.

use super::*;

#[tokio::test]
async fn two_commands_of_one_lane_keep_their_order_within_a_commit() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "order"), &ambient).await.unwrap();
    let now = ambient.now();
    let kinds = [NoticeKind::Available, NoticeKind::Applied];
    let each = |n: usize| kinds.map(|kind| mail(&format!("{n}@example.com"), kind, now));
    // They come while the first commit is under way, and are one commit then.
    let puts = (0..20).flat_map(each).map(|message| queue.put(vec![message]));
    for placed in futures_util::future::join_all(puts).await {
        placed.unwrap();
    }
    let first = queue.lease(&email(), 100, &Sharing::in_order(1000)).await.unwrap().jobs;
    let mut found: Vec<_> = first.into_iter().map(|leased| crate::queue::row::key(&leased.job)).collect();
    let mut expected: Vec<_> = (0..20).map(|n| crate::queue::row::key(&each(n)[0].job)).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A put of more than a batch is stored in the order in which it was put, so that each lane is in order.
#[tokio::test]
async fn a_put_of_several_batches_keeps_the_order_of_its_jobs() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "batches"), &ambient).await.unwrap();
    let items = (0..1_500).map(|n| contract::item(&format!("uid-{n:04}"), NoticeKind::Available, ambient.now()));
    queue.put(items.collect()).await.unwrap();
    let waiting = crate::queue::Gathering::gathered(&queue, "email", 2_000).await.unwrap();
    let found: Vec<_> = waiting.into_iter().map(|item| item.notice.workload.uid.to_string()).collect();
    assert_eq!(found, (0..1_500).map(|n| format!("uid-{n:04}")).collect::<Vec<_>>());
}
