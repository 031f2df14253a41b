mod announced;
mod full;
mod logins;
mod moving;
mod order;
pub(crate) mod peer;
mod refused;
mod remade;
mod replicas;
mod sealed;
mod told;

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ambient::Clock as _;
use crate::domain::event::NoticeKind;
use crate::queue::contract::{self, Stepped, email, look, mail};
use crate::queue::{
    Batch, Leased, NewJob, Placed, Queue as _, QueueAdmin as _, QueueError, Settlement, Sharing, SignIn, SignIns as _,
    Topic, records_contract,
};
use peer::Server;

fn settings(server: &Server, buckets: &str) -> NatsSettings {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    NatsSettings {
        servers: vec![server.url()],
        login: Login::Nobody,
        buckets: buckets.to_owned(),
        replicas: 1,
        tls: tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
    }
}

/// A clock that says what is usual today, and stands still.
fn stepped() -> (Ambient, Arc<Stepped>) {
    let clock = Arc::new(Stepped::default());
    clock.step(TimeDelta::days(20_000));
    (Ambient::system().at(clock.clone()), clock)
}

async fn lease_all(queue: &StoreHandle, topic: &Topic) -> Batch {
    queue.lease(topic, 10, &Sharing::in_order(1000)).await.unwrap()
}

async fn one(queue: &StoreHandle, topic: &Topic) -> Leased {
    let mut batch = lease_all(queue, topic).await;
    assert_eq!(batch.jobs.len(), 1, "{batch:?}");
    batch.jobs.remove(0)
}

#[tokio::test]
async fn it_keeps_the_contract_of_queues() {
    let Some(server) = Server::start() else { return };
    let mut opened = 0;
    contract::keeps_it(async |ambient: &Ambient| {
        opened += 1;
        StoreHandle::nats(settings(&server, &format!("case-{opened}")), ambient).await.unwrap()
    })
    .await;
    assert_eq!(opened, 29);
}

#[tokio::test]
async fn it_keeps_the_contract_of_records() {
    let Some(server) = Server::start() else { return };
    let queue = StoreHandle::nats(settings(&server, "records"), &Ambient::system()).await.unwrap();
    records_contract::keeps_it(queue).await;
    let queue = StoreHandle::nats(settings(&server, "places"), &Ambient::system()).await.unwrap();
    records_contract::keeps_places(queue).await;
}

#[tokio::test]
async fn who_is_signed_in_is_remembered_until_they_sign_out_and_the_oldest_of_one_person_goes() {
    let Some(server) = Server::start() else { return };
    let queue = StoreHandle::nats(settings(&server, "people"), &Ambient::system()).await.unwrap();
    let until = Ambient::system().now() + TimeDelta::hours(1);
    let sign_in = |id: u8| SignIn { id: [id; 32], person: "jo".into(), what: format!("jo {id}"), until };
    for id in 0..21 {
        queue.remember_sign_in(sign_in(id)).await.unwrap();
    }
    assert_eq!(queue.sign_in([0; 32]).await.unwrap(), None, "the oldest of 21");
    assert_eq!(queue.sign_in([1; 32]).await.unwrap().as_deref(), Some("jo 1"));
    queue.forget_sign_in([1; 32]).await.unwrap();
    assert_eq!(queue.sign_in([1; 32]).await.unwrap(), None);
    assert_eq!(queue.sign_in([20; 32]).await.unwrap().as_deref(), Some("jo 20"));
}

#[tokio::test]
async fn what_was_learnt_elsewhere_is_kept_until_its_time_is_over() {
    use crate::queue::Kept as _;
    let Some(server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let queue = StoreHandle::nats(settings(&server, "kept"), &ambient).await.unwrap();
    let until = clock.now() + TimeDelta::hours(1);
    queue.keep("notes of web", "one".into(), until).await;
    queue.keep("notes of web", "two".into(), until).await;
    assert_eq!(queue.recall("notes of web").await.as_deref(), Some("two"));
    assert_eq!(queue.recall("notes of api").await, None);
    clock.step(TimeDelta::hours(1));
    assert_eq!(queue.recall("notes of web").await, None);
}

/// What stands in a bucket outlives the process, and the server.
#[tokio::test]
async fn a_server_that_is_away_refuses_and_heals_with_all_that_was_acknowledged() {
    let Some(mut server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "away"), &ambient).await.unwrap();
    assert_eq!(queue.put(vec![look("a", ambient.now())]).await.unwrap(), Placed::News);
    server.kill();
    let refused = queue.put(vec![look("b", ambient.now())]).await;
    assert!(matches!(refused, Err(QueueError::Store(_))), "{refused:?}");
    assert!(queue.depth().await.unwrap().failing.is_some());
    queue.ping().await;
    server.start_again();
    // It connects anew by itself; until then it refuses.
    while queue.put(vec![look("b", ambient.now())]).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut found: Vec<_> = lease_all(&queue, &Topic::Look).await.jobs.into_iter().map(|leased| leased.job).collect();
    found.sort_by_key(crate::queue::row::key);
    assert_eq!(found, [look("a", ambient.now()).job, look("b", ambient.now()).job]);
    assert_eq!(queue.depth().await.unwrap().failing, None);
}

/// A way on which nothing comes back, as in a partition. Whoever asks whether the writer lives would have it restarted.
#[tokio::test]
async fn a_writer_that_waits_for_a_server_that_is_silent_lives() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "silent"), &ambient).await.unwrap();
    server.stand_still(true);
    let mut put = std::pin::pin!(queue.put(vec![look("a", ambient.now())]));
    // The put is under way before it is asked.
    let begins = std::future::poll_fn(|context| Poll::Ready(put.as_mut().poll(context).is_pending()));
    assert!(begins.await);
    tokio::select! {
        biased;
        refused = &mut put => panic!("it answers first: {refused:?}"),
        () = queue.ping() => {}
    }
    assert!(put.await.is_err());
    server.stand_still(false);
    while queue.put(vec![look("b", ambient.now())]).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Servers that lost what they had not synced, or a copy of whose files was put back, know less than this process does.
#[tokio::test]
async fn a_server_that_comes_back_with_less_is_believed() {
    let Some(mut server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "less"), &ambient).await.unwrap();
    queue.put(vec![look("a", ambient.now())]).await.unwrap();
    server.kill();
    let put_back = server.copied();
    server.start_again();
    let lease = async || {
        loop {
            let batch = queue.lease(&Topic::Look, 1, &Sharing::in_order(1000)).await;
            if let Some(leased) = batch.ok().and_then(|mut batch| batch.jobs.pop()) {
                return leased;
            }
            tokio::task::yield_now().await;
        }
    };
    let leased = lease().await;
    server.kill();
    put_back(&server);
    server.start_again();
    let healed = async {
        while queue.settle(&leased, Settlement::Done).await.is_err() {
            tokio::task::yield_now().await;
        }
        queue.put(vec![look("b", ambient.now())]).await.unwrap();
        [lease().await.job, lease().await.job]
    };
    let mut found = tokio::time::timeout(Duration::from_secs(60), healed).await.unwrap();
    found.sort_by_key(crate::queue::row::key);
    assert_eq!(found, [look("a", ambient.now()).job, look("b", ambient.now()).job]);
}

#[tokio::test]
async fn a_bucket_with_other_settings_is_refused_in_words() {
    let Some(server) = Server::start() else { return };
    drop(StoreHandle::nats(settings(&server, "other"), &Ambient::system()).await.unwrap());
    server.change("KV_other-jobs", |config| config.max_messages_per_subject = 5).await;
    let refused = StoreHandle::nats(settings(&server, "other"), &Ambient::system()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the NATS bucket other-jobs exists with other settings: history is 5 and has to be 1; change it, or name other \
         buckets with IMAGE_WATCHER_NATS_BUCKET"
    );
}

#[tokio::test]
async fn more_than_one_server_can_keep_is_refused() {
    let Some(server) = Server::start() else { return };
    let three = NatsSettings { replicas: 3, ..settings(&server, "three") };
    let refused = StoreHandle::nats(three, &Ambient::system()).await.unwrap_err();
    assert!(matches!(refused, NatsError::Bucket { replicas: 3, .. }), "{refused:?}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_addresses() {
    let Some(mut server) = Server::start() else { return };
    let settings = settings(&server, "nobody");
    server.kill();
    let refused = StoreHandle::nats(settings, &Ambient::system()).await.unwrap_err();
    assert!(refused.to_string().contains(server.url().as_str()), "{refused}");
}

/// More jobs than one batch of JetStream takes, and each of them once.
#[tokio::test]
async fn a_put_of_more_than_a_batch_is_stored_whole() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "many"), &ambient).await.unwrap();
    let jobs: Vec<NewJob> = (0..2_500).map(|n| look(&format!("r{n}"), ambient.now())).collect();
    assert_eq!(queue.put(jobs.clone()).await.unwrap(), Placed::News);
    assert_eq!(queue.put(jobs).await.unwrap(), Placed::Coalesced);
    drop(queue);
    let queue = StoreHandle::nats(settings(&server, "many"), &ambient).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().ready, [("look".to_owned(), 2_500)]);
}
