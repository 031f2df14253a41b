//! Buckets that are deleted, and passwords that are changed, while the service runs.

use super::*;
use crate::domain::secret::{Renewable, Secret};
use crate::queue::Records as _;

#[tokio::test]
async fn a_bucket_that_is_deleted_while_it_is_used_is_made_anew() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "gone"), &ambient).await.unwrap();
    queue.put(vec![look("a", ambient.now())]).await.unwrap();
    let leased = one(&queue, &Topic::Look).await;
    let context = server.context().await;
    for name in ["jobs", "state", "kept"] {
        context.delete_stream(format!("KV_gone-{name}")).await.unwrap();
    }
    assert_eq!(queue.put(vec![look("b", ambient.now())]).await.unwrap(), Placed::News);
    queue.settle(&leased, Settlement::Done).await.unwrap();
    assert_eq!(one(&queue, &Topic::Look).await.job, look("b", ambient.now()).job, "what was lost is believed to be");
    assert_eq!(queue.newest("uid").await.unwrap(), None);
    // It is followed: another process puts something.
    let other = StoreHandle::nats(settings(&server, "gone"), &ambient).await.unwrap();
    let changed = queue.changed(&Topic::Look);
    other.put(vec![look("c", ambient.now())]).await.unwrap();
    changed.notified().await;
    while lease_all(&queue, &Topic::Look).await.jobs.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_password_that_was_changed_is_read_when_it_connects_again() {
    let as_whom = |password: &str| format!("authorization {{ user: iw, password: {password} }}");
    let Some(mut server) = Server::start_with(&as_whom("one")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "one\n").unwrap();
    let of_iw = NatsSettings {
        login: Login::User {
            name: "iw".into(),
            password: Renewable { file: Some(file.clone()), first: Secret::new("one".to_owned()) },
        },
        ..settings(&server, "people")
    };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(of_iw, &ambient).await.unwrap();
    server.kill();
    server.start_again_with(&as_whom("two"));
    std::fs::write(&file, "two\n").unwrap();
    while queue.put(vec![look("a", ambient.now())]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_may_end_by_itself_is_told_from_what_does_not() {
    let Some(mut server) = Server::start() else { return };
    drop(StoreHandle::nats(settings(&server, "passes"), &Ambient::system()).await.unwrap());
    server.change("KV_passes-jobs", |config| config.max_messages_per_subject = 5).await;
    let refused = async |settings| StoreHandle::nats(settings, &Ambient::system()).await.unwrap_err();
    assert!(!refused(settings(&server, "passes")).await.passes());
    let three = NatsSettings { replicas: 3, ..settings(&server, "three") };
    assert!(!refused(three).await.passes(), "one server is all there is");
    let of_nobody = settings(&server, "passes");
    server.kill();
    assert!(refused(of_nobody).await.passes());
}

#[tokio::test]
async fn what_is_there_is_examined_and_left_as_it_is() {
    let Some(server) = Server::start() else { return };
    drop(StoreHandle::nats(settings(&server, "seen"), &Ambient::system()).await.unwrap());
    server.context().await.delete_stream("KV_seen-kept").await.unwrap();
    let examined =
        examine(&NatsSettings { replicas: 3, ..settings(&server, "seen") }, &Ambient::system()).await.unwrap();
    assert!(examined.is_new_enough && examined.max_payload == 1 << 20, "{examined:?}");
    let buckets = examined.buckets.unwrap();
    assert!(
        matches!(&buckets[0], ExaminedBucket::There { replicas: 1, differences, .. } if differences.contains("replicas")),
        "{buckets:?}"
    );
    assert_eq!(buckets[2], ExaminedBucket::Missing { name: "seen-kept".into() });
    assert!(server.context().await.get_stream("KV_seen-kept").await.is_err(), "nothing is made");
}
