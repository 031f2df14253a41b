//! Tags that registries announce, many at once.

use super::*;
use crate::domain::reference::{Repository, Tag};
use crate::queue::{Announced, Announcements as _};

/// A pipeline that pushes a matrix of images announces some hundred tags of one repository within a moment.
#[tokio::test]
async fn a_burst_of_one_repository_does_not_contend_with_itself() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "burst"), &ambient).await.unwrap();
    let repository = Repository::parse("registry.example.com/web").unwrap();
    let tag = |number: usize| Announced {
        repository: repository.clone(),
        tag: Tag::parse(&format!("1.0.{number}")).unwrap(),
        digest: None,
        at: ambient.now(),
    };
    let all = futures_util::future::join_all((0..60).map(|number| queue.announce(vec![tag(number)]))).await;
    let failed: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} of 60 failed: {failed:?}", failed.len());
    assert_eq!(queue.announced(&repository).await.unwrap().len(), 60);
}

/// The same pipeline behind a load balancer: each delivery comes to another replica.
#[tokio::test]
async fn replicas_that_are_told_of_one_repository_all_keep_what_they_are_told() {
    const REPLICAS: usize = 8;
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let repository = Repository::parse("registry.example.com/web").unwrap();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(StoreHandle::nats(settings(&server, "spread"), &ambient).await.unwrap());
    }
    let told = replicas.iter().enumerate().map(async |(replica, queue)| {
        for number in 0..8 {
            let tag = Tag::parse(&format!("1.{replica}.{number}")).unwrap();
            let one = Announced { repository: repository.clone(), tag, digest: None, at: ambient.now() };
            queue.announce(vec![one]).await?;
        }
        Ok::<(), QueueError>(())
    });
    let all = futures_util::future::join_all(told).await;
    let failed: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(replicas[0].announced(&repository).await.unwrap().len(), REPLICAS * 8);
}

/// Who looks finds what was announced before the look was put, however the two overlap.
#[tokio::test]
async fn whoever_has_a_look_finds_what_was_announced_before_it_was_put() {
    let Some(server) = Server::start() else { return };
    let ambient = Ambient::system();
    let queue = StoreHandle::nats(settings(&server, "before"), &ambient).await.unwrap();
    for number in 0..40 {
        let new = look(&format!("web-{number}"), ambient.now());
        let crate::domain::event::Job::Look(repository) = new.job.clone() else { panic!("a look") };
        let one = Announced { repository, tag: Tag::parse("1.0.0").unwrap(), digest: None, at: ambient.now() };
        let looks = async {
            loop {
                if let Some(leased) = lease_all(&queue, &Topic::Look).await.jobs.pop() {
                    let crate::domain::event::Job::Look(repository) = &leased.job else { panic!("a look") };
                    let found = queue.announced(repository).await.unwrap();
                    queue.settle(&leased, Settlement::Done).await.unwrap();
                    return found.len();
                }
                tokio::task::yield_now().await;
            }
        };
        let (announced, put, found) = tokio::join!(queue.announce(vec![one]), queue.put(vec![new]), looks);
        assert_eq!((announced.is_ok(), put.is_ok(), found), (true, true, 1), "push {number}");
    }
}
