//! The file: who may open it, what damages it, what it costs.

use super::*;

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    assert!(matches!(SqliteQueue::open(folder.path(), &ambient()), Err(OpenError::InUse(_))));
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("queue.db"), b"this is no database, only a text of some length".repeat(100))
        .unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    let aside = std::fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("queue.db.corrupt-"));
    assert_eq!(aside.count(), 1);

    let other = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(other.path().join("queue.db")).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    let error = SqliteQueue::open(other.path(), &ambient()).unwrap_err().to_string();
    assert!(error.contains("schema 99"), "{error}");
}

#[tokio::test]
async fn an_operators_lock_is_an_error_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let other = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let refused = queue.put(vec![look("a", ambient().now())]).await;
    assert!(matches!(refused, Err(QueueError::Store(_))), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(queue.depth().await.unwrap().words().contains("locked"));
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().words(), "1 waiting, 0 dead letters");
    assert_eq!(lease_all(&queue, &Topic::Look).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_can_not_be_written_says_so_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    let now = ambient().now();
    queue.put(vec![look("a", now), mail("x@example.com", NoticeKind::Available, now)]).await.unwrap();
    let words = async || queue.depth().await.unwrap().words();
    assert_eq!(words().await, "2 waiting, 0 dead letters");
    file(folder.path()).execute_batch("ALTER TABLE job RENAME COLUMN trace TO other").unwrap();
    assert!(queue.put(vec![look("b", now)]).await.is_err());
    let depth = queue.depth().await.unwrap();
    assert!(depth.failing.is_some() && depth.words().starts_with("its last write failed: "), "{depth:?}");
    file(folder.path()).execute_batch("ALTER TABLE job RENAME COLUMN other TO trace").unwrap();
    queue.put(vec![look("b", now)]).await.unwrap();
    assert_eq!(words().await, "3 waiting, 0 dead letters");
}

#[tokio::test]
async fn files_and_folder_are_for_our_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let modes = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> =
            entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), mode(&path))).collect();
        all.sort();
        all
    };
    let expected = ["queue.db", "queue.db-shm", "queue.db-wal", "queue.lock"].map(|name| (name.to_owned(), 0o600));
    let queue = SqliteQueue::open(&folder, &ambient()).unwrap();
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert_eq!((modes(&folder), mode(&folder)), (expected.to_vec(), 0o700));
    // As older versions left them.
    for (name, _) in &expected {
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    drop(queue);
    let queue = reopen(&folder);
    queue.put(vec![look("b", ambient().now())]).await.unwrap();
    assert_eq!(modes(&folder), expected);
    drop(queue);
    drop(reopen(&folder));
    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join("queue.db"), b"no database".repeat(1000)).unwrap();
    let queue = reopen(damaged.path());
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert!(modes(damaged.path()).iter().all(|(_, mode)| *mode == 0o600), "{:?}", modes(damaged.path()));
}

#[test]
fn no_query_of_the_running_queue_reads_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteQueue::open(folder.path(), &ambient()).unwrap());
    drop(reopen(folder.path()));
    let file = file(folder.path());
    for query in [
        "SELECT id FROM job WHERE id = 1 AND NOT EXISTS (
             SELECT 1 FROM lane AS mine CROSS JOIN lane AS earlier ON earlier.lane = mine.lane AND earlier.job < mine.job
             WHERE mine.job = job.id)",
        "SELECT min(job) FROM lane WHERE lane = 'x'",
        "SELECT (SELECT min(later.job) FROM lane AS later WHERE later.lane = mine.lane AND later.job > 1)
         FROM lane AS mine WHERE mine.job = 1",
        "DELETE FROM lane WHERE job = 1",
        "SELECT id, key, trace, created, format, payload FROM job
         WHERE topic = 'gather:x' AND state = 'ready' AND topic <> 'look' ORDER BY id LIMIT 9",
        "UPDATE job SET state = 'done' WHERE key = 'x' AND state = 'ready' AND topic GLOB 'gather:*'",
        "SELECT topic, count(*) FROM job WHERE state = 'ready' AND topic <> 'look' GROUP BY 1",
        "SELECT id, key FROM job WHERE topic = 'x' AND state = 'dead' AND state <> 'done' AND (created, id) < (1, 2)
         ORDER BY created DESC, id DESC LIMIT 9",
        "SELECT key FROM job WHERE topic = 'x' AND state = 'dead' AND state <> 'done' ORDER BY created, id",
        "SELECT min(topic) FROM job WHERE state <> 'done' AND topic > 'x'",
        "SELECT key FROM job WHERE told = 0 AND state = 'dead' AND topic <> 'look' ORDER BY id LIMIT 9",
        "SELECT 1 FROM lane WHERE lane = 'x' AND job = 1",
        "SELECT id FROM job WHERE state <> 'ready' AND changed < 1 AND (state = 'done' OR changed < 2) LIMIT 500",
        "SELECT topic, state, count(*), min(created) FROM job WHERE state <> 'done' GROUP BY 1, 2",
        "SELECT topic, count(*) FROM job WHERE losses > 0 AND losses >= 3 GROUP BY topic",
        "SELECT id FROM job WHERE key = 'x'",
    ] {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let is_bounded = |step: &String| {
            let is_found = ["INDEX", "PRIMARY KEY", "SUBQUERY"].iter().any(|by| step.contains(by));
            is_found && !step.contains("TEMP")
        };
        assert!(steps.iter().all(is_bounded), "{query}: {steps:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_taken_away_is_made_anew_for_our_user_alone_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let log = Log::begin();
    let opened = file::connect_anew(&path).unwrap();
    opened.execute_batch("DELETE FROM job").unwrap();
    for file in file::files(&path) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let told = || log.lines().iter().filter(|line| line.contains("the file of the queue is gone")).count();
    assert_eq!(told(), 1);
    drop((opened, file::connect_anew(&path).unwrap()));
    assert_eq!(told(), 1, "it is there");
}

#[tokio::test]
async fn a_queue_that_is_closed_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &ambient()).unwrap();
    queue.put(vec![look("a", ambient().now())]).await.unwrap();
    assert!(folder.path().join("queue.db-wal").exists(), "it is written beside the file");
    let closed = queue.when_closed();
    drop(queue);
    tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
    assert!(!folder.path().join("queue.db-wal").exists());
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("queue.db"), copy.path().join("queue.db")).unwrap();
    let copy = SqliteQueue::open(copy.path(), &ambient()).unwrap();
    assert_eq!(lease_all(&copy, &Topic::Look).await.len(), 1);
}
