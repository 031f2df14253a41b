//! How long records are remembered.

use super::*;
use crate::domain::workload::WorkloadId;
use crate::domain::workload::tests::workload;
use crate::queue::sqlite::growth::Growth;
use crate::queue::sqlite::store::Store;
use crate::queue::{Records as _, Sightings, Written};

fn written(sequence: u64) -> Written {
    Written { sequence, record: sequence.to_string(), ..Written::default() }
}

async fn see(queue: &SqliteQueue, watched: &[&str], deleted: &[&str]) {
    let id = |uid: &&str| WorkloadId { uid: Box::from(*uid), ..workload(&[], &[]).id };
    let watched = watched.iter().map(id).collect();
    queue.seen(Sightings { watched, deleted: deleted.iter().map(|uid| Box::from(*uid)).collect() }).await.unwrap();
}

async fn remembered(queue: &SqliteQueue) -> Vec<String> {
    let mut all: Vec<String> = queue.sequences().await.unwrap().into_iter().map(|(uid, _)| uid.into()).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_is_deleted_is_forgotten_after_a_while_and_nothing_that_is_only_out_of_sight() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    for uid in ["deleted", "restored", "unseen", "watched"] {
        queue.remember(uid, written(1)).await.unwrap();
    }
    see(&queue, &["watched"], &["deleted", "restored", "unknown"]).await;
    clock.step(TimeDelta::days(29));
    see(&queue, &["watched", "restored"], &["deleted"]).await;
    queue.depth().await.unwrap();
    assert_eq!(
        remembered(&queue).await,
        ["deleted", "restored", "unseen", "watched"],
        "its links were sent a moment ago"
    );
    clock.step(TimeDelta::days(2));
    for _ in 0..2 {
        queue.depth().await.unwrap();
    }
    assert_eq!(remembered(&queue).await, ["restored", "unseen", "watched"]);
    clock.step(TimeDelta::days(365));
    queue.depth().await.unwrap();
    assert_eq!(remembered(&queue).await, ["restored", "unseen", "watched"]);
}

/// Of a workload that nothing is written on the record is asked for once in the life of a process.
#[tokio::test]
async fn who_is_seen_is_not_forgotten_for_those_that_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.remember("quiet", written(1)).await.unwrap();
    for n in 0..60 {
        clock.step(TimeDelta::days(2));
        see(&queue, &["quiet"], &[]).await;
        queue.remember(&format!("preview-{n:02}"), written(1)).await.unwrap();
    }
    let all = remembered(&queue).await;
    assert_eq!(
        (all.len(), all.contains(&"quiet".to_owned()), all.first().map(String::as_str)),
        (50, true, Some("preview-11"))
    );
}

/// Fault r27-12: it was looked at for each that came, in tests; and not at all before many more came, after a commit that failed.
#[test]
fn records_beyond_the_bound_go_when_the_table_has_grown_by_a_part_of_it_and_after_what_was_undone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), Ambient::system()).unwrap();
    store.records = Growth::within(640);
    let held = |store: &Store| store.workloads().unwrap().len();
    for n in 0..650 {
        store.remember_record(&format!("uid-{n}"), &written(1)).unwrap();
    }
    assert_eq!(held(&store), 649, "late, by less than a part");
    store.commit().unwrap();
    store.remember_record("uid-650", &written(1)).unwrap();
    assert_eq!(held(&store), 640);
    store.rollback();
    assert_eq!(held(&store), 649, "nobody dropped them");
    store.remember_record("uid-651", &written(1)).unwrap();
    assert_eq!(held(&store), 640);
}
