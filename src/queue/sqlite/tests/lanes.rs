//! Messages that tell of several workloads keep their order with all others about each of them.

use super::*;
use crate::domain::event::{Notice, Told};

/// A message about a workload.
pub(super) fn to_x(uid: &str, kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    of_x(Delivery::of("email", "x@example.com", about(uid, kind)), at)
}

/// A message about several workloads.
fn several(uids: &[&str], kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    let notices: Vec<Notice> = uids.iter().map(|uid| about(uid, kind)).collect();
    let told = Told::Several { id: Delivery::collection(&notices), notices };
    of_x(Delivery { channel: "email".into(), recipient: "x@example.com".into(), told }, at)
}

fn of_x(delivery: Delivery, at: DateTime<Utc>) -> NewJob {
    NewJob { job: Job::Deliver(Box::new(delivery)), ..look("x", at) }
}

pub(super) fn rows(leased: &[Leased]) -> Vec<u64> {
    leased.iter().map(|leased| leased.lease.job()).collect()
}

#[tokio::test]
async fn a_message_that_tells_of_several_is_behind_what_was_told_of_each_and_before_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let now = clock.now();
    queue.put(vec![several(&["a", "b"], NoticeKind::Available, now)]).await.unwrap();
    queue.put(vec![to_x("a", NoticeKind::Applied, now), to_x("b", NoticeKind::Applied, now)]).await.unwrap();
    queue.put(vec![to_x("c", NoticeKind::Available, now)]).await.unwrap();
    let first = lease_all(&queue, &email()).await;
    assert_eq!(rows(&first), [1, 4], "«applied» does not overtake «available», and others go on");
    queue.put(vec![several(&["d", "c", "b"], NoticeKind::Failed, now)]).await.unwrap();
    let again = Settlement::Retry { at: now + TimeDelta::minutes(1), reason: "421".into() };
    queue.settle(&first[0], again).await.unwrap();
    queue.settle(&first[1], Settlement::Done).await.unwrap();
    assert!(rows(&lease_all(&queue, &email()).await).is_empty(), "it is tried again first");
    clock.step(TimeDelta::minutes(1));
    let first = lease_all(&queue, &email()).await;
    assert_eq!(rows(&first), [1]);
    queue.settle(&first[0], Settlement::Done).await.unwrap();
    let next = lease_all(&queue, &email()).await;
    assert_eq!(rows(&next), [2, 3]);
    queue.settle(&next[1], Settlement::Dead { reason: "550".into() }).await.unwrap();
    assert_eq!(rows(&lease_all(&queue, &email()).await), [5], "a dead letter keeps nobody waiting");
    let left: i64 =
        file(folder.path()).query_row("SELECT count(DISTINCT job) FROM lane", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 2, "only what is to be sent is in a lane");
}

#[tokio::test]
async fn the_order_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![several(&["a", "b"], NoticeKind::Available, clock.now())]).await.unwrap();
    queue.put(vec![to_x("b", NoticeKind::Applied, clock.now()), look("a", clock.now())]).await.unwrap();
    let queue = die(queue, folder.path(), &at);
    let first = lease_all(&queue, &email()).await;
    assert_eq!((rows(&first), lease_all(&queue, &Topic::Look).await.len()), (vec![1], 1));
    queue.settle(&first[0], Settlement::Done).await.unwrap();
    assert_eq!(rows(&lease_all(&queue, &email()).await), [2]);
}

#[tokio::test]
async fn a_row_that_can_not_be_read_makes_way_in_each_of_its_lanes() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![several(&["a", "b"], NoticeKind::Available, clock.now())]).await.unwrap();
    queue.put(["a", "b"].map(|uid| to_x(uid, NoticeKind::Applied, clock.now())).to_vec()).await.unwrap();
    file(folder.path()).execute("UPDATE job SET format = 99 WHERE id = 1", []).unwrap();
    assert_eq!(rows(&lease_all(&queue, &email()).await), [2, 3]);
}

/// The queue's own tables as the version before this one made them.
const SCHEMA_7: &str = "
    CREATE TABLE job (
        id INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
        lane       TEXT    NOT NULL,           -- jobs of one lane run one after another
        format INTEGER NOT NULL, payload TEXT NOT NULL, trace TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('ready', 'done', 'dead', 'parked')),
        attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL, created INTEGER NOT NULL,
        changed INTEGER NOT NULL, error TEXT
    , leased INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX job_lane   ON job (lane, id)               WHERE state = 'ready';
    CREATE INDEX job_ended  ON job (changed)                WHERE state <> 'ready';
    CREATE INDEX job_depth  ON job (topic, state, created)  WHERE state <> 'done';
    CREATE INDEX job_losses ON job (topic, losses)          WHERE losses > 0;
    CREATE TABLE record (uid TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT;
    CREATE TABLE announced (repository TEXT NOT NULL, tag TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (repository, tag))
        STRICT, WITHOUT ROWID;
    PRAGMA user_version = 7;
";

#[tokio::test]
async fn messages_of_a_file_of_the_version_before_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path());
    file.execute_batch(SCHEMA_7).unwrap();
    let now = ambient().now() - TimeDelta::minutes(1);
    let jobs = [
        (to_x("a", NoticeKind::Available, now), "done"),
        (to_x("b", NoticeKind::Available, now), "ready"),
        (to_x("b", NoticeKind::Applied, now), "ready"),
        (look("web", now), "ready"),
    ];
    for (new, state) in jobs {
        let lane = match &new.job {
            Job::Deliver(delivery) => format!("email:x@example.com:{}", delivery.notices()[0].workload.uid),
            _ => row::key(&new.job),
        };
        let (topic, payload) = (Topic::of(&new.job).name(), row::write(&new.job).unwrap());
        file.execute(
            "INSERT INTO job (topic, key, lane, format, payload, trace, state, not_before, created, changed)
             VALUES (?1, ?2, ?3, 1, ?4, 'a', ?5, ?6, ?6, ?6)",
            rusqlite::params![topic, row::key(&new.job), lane, payload, state, now.timestamp_millis()],
        )
        .unwrap();
    }
    drop(file);
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![to_x("b", NoticeKind::Failed, now)]).await.unwrap();
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
    for expected in [2, 3, 5] {
        let leased = lease_all(&queue, &email()).await;
        assert_eq!(rows(&leased), [expected]);
        queue.settle(&leased[0], Settlement::Done).await.unwrap();
    }
}

#[tokio::test]
async fn looks_are_in_no_lane() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![look("a", clock.now()), item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    let lanes: i64 = file(folder.path()).query_row("SELECT count(*) FROM lane", [], |row| row.get(0)).unwrap();
    assert_eq!(lanes, 0);
}
