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
