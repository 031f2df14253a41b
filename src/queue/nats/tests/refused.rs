//! What a server refuses, and what it takes nevertheless.

use super::*;

/// A message of so many bytes.
fn large(recipient: &str, bytes: usize, at: DateTime<Utc>) -> NewJob {
    let mut notice = contract::about("uid", NoticeKind::Available);
    notice.container = "x".repeat(bytes);
    let delivery = crate::domain::event::Delivery::of("email", recipient, notice);
    NewJob { job: crate::domain::event::Job::Deliver(Box::new(delivery)), ..look("a", at) }
}

#[tokio::test]
async fn one_command_that_is_refused_takes_no_other_with_it() {
    let Some(server) = Server::start_with("max_payload: 65536") else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "large"), &ambient).await.unwrap();
    let now = ambient.now();
    let puts = (0..20).map(|n| match n {
        7 => queue.put(vec![look("beside", now), large("x@example.com", 100_000, now)]),
        n => queue.put(vec![look(&format!("r{n}"), now)]),
    });
    let (mut taken, mut refused) = (0, Vec::new());
    for placed in futures_util::future::join_all(puts).await {
        match placed {
            Ok(_) => taken += 1,
            Err(error) => refused.push(crate::telemetry::chain(&error).to_string()),
        }
    }
    assert_eq!((taken, refused.len()), (19, 1), "{refused:?}");
    assert!(refused[0].contains("takes jobs of up to 64512 bytes"), "why: {refused:?}");
    assert_eq!(queue.depth().await.unwrap().ready, [("look".to_owned(), 19)], "all or nothing of each command");
    assert_eq!(queue.depth().await.unwrap().failing, None, "the store is well");
}

/// A server that takes fewer entries at once than is usual.
#[tokio::test]
async fn a_server_that_refuses_batches_takes_commands_one_by_one() {
    let limits = "|limits { batch { max_msgs: 3 } }";
    let Some(server) = Server::start_with(limits) else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "small"), &ambient).await.unwrap();
    let puts = (0..20).map(|n| queue.put(vec![look(&format!("r{n}"), ambient.now())]));
    for placed in futures_util::future::join_all(puts).await {
        assert_eq!(placed.unwrap(), Placed::News);
    }
}

/// 60 MB, which is more than a server takes in the time that one commit has.
#[tokio::test]
async fn what_is_large_in_all_is_several_commits() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "sum"), &ambient).await.unwrap();
    let messages = (0..100).map(|n| large(&format!("{n}@example.com"), 600_000, ambient.now()));
    assert_eq!(queue.put(messages.collect()).await.unwrap(), Placed::News);
    assert_eq!(queue.depth().await.unwrap().ready, [("deliver:email".to_owned(), 100)]);
}
