//! Entries that this version can't read: of a newer one, or edited by hand.

use bytes::Bytes;

use super::*;
use crate::queue::nats::entry::Row;
use crate::telemetry::tests::Log;

/// Puts something under the key of a job, as somebody else might.
async fn write(server: &Server, buckets: &str, new: &NewJob, value: &str) {
    let bucket = server.context().await.get_key_value(format!("{buckets}-jobs")).await.unwrap();
    bucket.put(Row::place(&crate::queue::row::key(&new.job)), Bytes::from(value.to_owned())).await.unwrap();
}

async fn read(server: &Server, buckets: &str, new: &NewJob) -> Option<Bytes> {
    let bucket = server.context().await.get_key_value(format!("{buckets}-jobs")).await.unwrap();
    bucket.get(Row::place(&crate::queue::row::key(&new.job))).await.unwrap()
}

#[tokio::test]
async fn an_entry_of_a_newer_version_is_kept_untouched_counted_and_told_once() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    drop(StoreHandle::nats(settings(&server, "newer"), &ambient).await.unwrap());
    let now = ambient.now();
    let (message, of_a_look) = (mail("x@example.com", NoticeKind::Available, now), look("a", now));
    let newer = r#"{"version":2,"topic":"deliver:email","what":"nobody knows"}"#;
    write(&server, "newer", &message, newer).await;
    write(&server, "newer", &of_a_look, "edited by hand").await;
    let queue = StoreHandle::nats(settings(&server, "newer"), &ambient).await.unwrap();
    assert_eq!(queue.put(vec![message.clone()]).await.unwrap(), Placed::Coalesced, "whoever can read it sends it");
    assert_eq!(queue.put(vec![of_a_look.clone()]).await.unwrap(), Placed::News, "a look is done nevertheless");
    let leased = one(&queue, &Topic::Look).await;
    assert_eq!(leased.job, of_a_look.job);
    queue.settle(&leased, Settlement::Done).await.unwrap();
    assert!(lease_all(&queue, &email()).await.jobs.is_empty());
    let dead = queue.depth().await.unwrap().dead;
    assert_eq!(dead, [("deliver:email".to_owned(), 1), ("unreadable".to_owned(), 1)], "they are counted");
    assert_eq!(read(&server, "newer", &message).await.unwrap(), newer);
    assert_eq!(read(&server, "newer", &of_a_look).await.unwrap(), "edited by hand");
}

#[test]
fn an_entry_that_can_not_be_read_is_told_once() {
    use crate::queue::nats::jobs::Jobs;
    let log = Log::begin();
    let mut jobs = Jobs::new("me".into(), Ambient::system());
    for _ in 0..3 {
        jobs.take_over("job.x", 7, Some(b"by hand"));
    }
    jobs.take_over("job.x", 8, Some(b"by hand again"));
    assert_eq!(log.lines().len(), 2, "{:?}", log.lines());
}

/// Numbers that only a hand writes.
#[tokio::test]
async fn an_entry_with_impossible_numbers_ends_nothing() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    drop(StoreHandle::nats(settings(&server, "numbers"), &ambient).await.unwrap());
    let most = ["first", "notBefore", "created", "changed"];
    for (field, n) in most.into_iter().zip(0..) {
        let new = look(&format!("r{n}"), ambient.now());
        let mut row = serde_json::to_value(Row::new(&new, 5, 3).unwrap()).unwrap();
        row[field] = if field == "first" { u64::MAX.into() } else { i64::MIN.into() };
        write(&server, "numbers", &new, &row.to_string()).await;
    }
    let queue = StoreHandle::nats(settings(&server, "numbers"), &ambient).await.unwrap();
    assert!(lease_all(&queue, &Topic::Look).await.jobs.is_empty());
    queue.put(vec![look("other", ambient.now())]).await.unwrap();
    assert_eq!(one(&queue, &Topic::Look).await.job, look("other", ambient.now()).job);
    assert_eq!(queue.depth().await.unwrap().dead, [("look".to_owned(), 4)]);
    assert!(!queue.troubles().await.unwrap().failing.is_empty());
}

/// What is remembered of workloads is a witness: one that can't be read is not as if there were none.
#[tokio::test]
async fn a_record_that_can_not_be_read_is_kept_and_said() {
    use crate::queue::{Records as _, Written};
    let Some(server) = Server::start() else { return };
    let queue = StoreHandle::nats(settings(&server, "witness"), &Ambient::system()).await.unwrap();
    let key = format!("record.{}", super::super::bucket::hashed("uid"));
    let bucket = server.context().await.get_key_value("witness-state").await.unwrap();
    bucket.put(&key, "of a newer version".into()).await.unwrap();
    let told = crate::telemetry::chain(&queue.newest("uid").await.unwrap_err()).to_string();
    assert!(told.contains(&format!("the entry {key} can't be read")), "{told}");
    assert!(queue.remember("uid", Written { sequence: 1, ..Written::default() }).await.is_err());
    assert_eq!(bucket.get(&key).await.unwrap().unwrap(), "of a newer version");
    assert_eq!(queue.newest("another").await.unwrap(), None);
    assert!(queue.sequences().await.unwrap().is_empty());
}
