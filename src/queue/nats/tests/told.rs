//! What replicas tell one another without storing it.

use super::*;
use crate::queue::{NewsKind, Telling};

#[tokio::test]
async fn what_one_tells_all_others_of_the_same_buckets_hear_and_it_does_not() {
    let Some(server) = Server::start() else { return };
    let open = async |buckets| StoreHandle::nats(settings(&server, buckets), &Ambient::system()).await.unwrap();
    let stores = [open("told").await, open("told").await, open("told").await, open("other").await];
    let [one, two, three, stranger] = stores.each_ref().map(StoreHandle::replicas);
    let mut heard = [&one, &two, &three, &stranger].map(|it| it.hear(NewsKind::Look).expect("there may be others"));
    assert_eq!(one.tell(NewsKind::Look, "of one"), Telling::Told);
    for other in [1, 2] {
        assert_eq!(&*heard[other].recv().await.unwrap(), "of one");
    }
    assert_eq!(two.tell(NewsKind::Look, "of\ntwo"), Telling::Told);
    assert_eq!(&*heard[0].recv().await.unwrap(), "of\ntwo", "what it told itself it has not heard");
    assert_eq!(stranger.tell(NewsKind::Look, "of a stranger"), Telling::Told);
    assert_eq!(three.tell(NewsKind::Look, &"x".repeat(70 * 1024)), Telling::TooLong);
    assert_eq!(three.tell(NewsKind::Look, "of three"), Telling::Told);
    assert_eq!(&*heard[0].recv().await.unwrap(), "of three", "neither what is too long nor what others tell");
    assert!(heard[3].try_recv().is_err());
    while one.number().get() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!((one.number().get(), stranger.number().get()), (3, 1), "those that live");
}

#[tokio::test]
async fn each_kind_of_news_comes_to_whoever_reads_it() {
    let Some(server) = Server::start() else { return };
    let open = async || StoreHandle::nats(settings(&server, "kinds"), &Ambient::system()).await.unwrap();
    let stores = [open().await, open().await];
    let [one, two] = stores.each_ref().map(StoreHandle::replicas);
    let mut heard = NewsKind::ALL.map(|kind| (kind, two.hear(kind).expect("there may be others")));
    for kind in NewsKind::ALL {
        assert_eq!(one.tell(kind, &format!("{kind:?}")), Telling::Told);
    }
    for (kind, heard) in &mut heard {
        assert_eq!(*heard.recv().await.unwrap(), *format!("{kind:?}"));
        assert!(heard.try_recv().is_err(), "{kind:?}");
    }
}

#[tokio::test]
async fn buckets_say_which_they_are_whoever_opens_them_and_others_say_something_else() {
    let Some(server) = Server::start() else { return };
    let open = async |buckets| StoreHandle::nats(settings(&server, buckets), &Ambient::system()).await.unwrap();
    let (one, two) = tokio::join!(open("which"), open("which"));
    let which = one.identity().unwrap();
    assert_eq!((which.len(), two.identity().unwrap()), (8, which.clone()));
    crate::queue::moving::Movable::empty(&one).await.unwrap();
    assert_eq!(open("which").await.identity().unwrap(), which, "a move back and forth changes nothing of it");
    assert_ne!(open("others").await.identity().unwrap(), which);
    let state = server.context().await.get_key_value("which-state").await.unwrap();
    state.put("identity", "../../x".into()).await.unwrap();
    let mended = open("which").await.identity().unwrap();
    assert!(mended.len() == 8 && mended != which, "by hand: {mended}");
}
