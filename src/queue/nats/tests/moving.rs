//! The queue moves from the file to NATS, and back.

use super::*;
use crate::domain::secret::{Renewable, Secret};
use crate::queue::Kept as _;
use crate::queue::moving::tests::{counted, cut, fill, holds_all_beside, jobs, place};
use crate::queue::moving::{
    Counted, Mark, Movable as _, MoveError, Patience, Place, StoredJob, StoredState, What, may_be_used, move_all,
};

async fn moved(from: &StoreHandle, to: &StoreHandle, ambient: &Ambient) -> Vec<Counted> {
    move_all(place(from, "here", ambient), place(to, "there", ambient), ambient).await.unwrap()
}

/// As both stores have it: what is done is remembered without its text there.
fn comparable(jobs: Vec<StoredJob>) -> Vec<StoredJob> {
    let done = |mut job: StoredJob| {
        if job.state == StoredState::Done {
            job.payload.clear();
        }
        job
    };
    jobs.into_iter().map(done).collect()
}

#[tokio::test]
async fn ten_thousand_jobs_go_to_nats_and_back_and_a_cut_doubles_nothing() {
    let Some(server) = Server::start() else { return };
    let (ambient, folder) = (Ambient::system(), tempfile::tempdir().unwrap());
    let file = StoreHandle::open(folder.path(), &ambient).unwrap();
    let nats = StoreHandle::nats(settings(&server, "moved"), &ambient).await.unwrap();
    fill(&file, 10_000, ambient.now()).await;
    let before = comparable(jobs(&file).await);
    assert_eq!(before.len(), 10_008);
    for wakes in [9, 31] {
        let places = (place(&file, "the file", &ambient), place(&nats, "NATS", &ambient));
        assert!(cut(move_all(places.0, places.1, &ambient), wakes).await.is_none(), "{wakes}");
    }
    let all = moved(&file, &nats, &ambient).await;
    let [found, moved_now, there, left] = counted(&all, What::Looks);
    assert!((found, left) == (10_000, 0) && moved_now + there == 10_000 && there > 0, "{all:?}");
    assert!(all.iter().all(|it| it.found == it.moved + it.there), "{all:?}");
    assert_eq!(comparable(jobs(&nats).await), before);
    holds_all_beside(&nats).await;
    may_be_used(&file).await.unwrap_err();
    may_be_used(&nats).await.unwrap();
    // Whoever opens it later finds the same.
    drop(nats);
    let nats = StoreHandle::nats(settings(&server, "moved"), &ambient).await.unwrap();
    assert_eq!(comparable(jobs(&nats).await), before);
    nats.put(vec![look("new", ambient.now())]).await.unwrap();
    let before = comparable(jobs(&nats).await);
    assert!(
        cut(move_all(place(&nats, "NATS", &ambient), place(&file, "the file", &ambient), &ambient), 20).await.is_none()
    );
    moved(&nats, &file, &ambient).await;
    assert_eq!(comparable(jobs(&file).await).len(), before.len());
    // The file does not say how urgent a look is.
    let known =
        |jobs: Vec<StoredJob>| jobs.into_iter().map(|job| StoredJob { urgency: crate::queue::Urgency::Prompt, ..job });
    assert!(known(jobs(&file).await).eq(known(before)));
    holds_all_beside(&file).await;
    may_be_used(&nats).await.unwrap_err();
    // And there once more: what stood there before is old, and makes way.
    let batch = file.lease(&email(), 1, &Sharing::in_order(10)).await.unwrap();
    file.settle(&batch.jobs[0], Settlement::Done).await.unwrap();
    moved(&file, &nats, &ambient).await;
    assert_eq!(comparable(jobs(&nats).await), comparable(jobs(&file).await));
    may_be_used(&nats).await.unwrap();
}

#[tokio::test]
async fn what_can_not_be_read_is_kept_and_counted() {
    let Some(server) = Server::start() else { return };
    let (ambient, folder) = (Ambient::system(), tempfile::tempdir().unwrap());
    let nats = StoreHandle::nats(settings(&server, "strange"), &ambient).await.unwrap();
    nats.put(vec![look("a", ambient.now())]).await.unwrap();
    let context = server.context().await;
    let entries = context.get_key_value("strange-jobs").await.unwrap();
    entries.put("job.0123", "by hand".into()).await.unwrap();
    let state = context.get_key_value("strange-state").await.unwrap();
    state.put("record.0123", "by hand".into()).await.unwrap();
    drop(nats);
    let nats = StoreHandle::nats(settings(&server, "strange"), &ambient).await.unwrap();
    let file = StoreHandle::open(folder.path(), &ambient).unwrap();
    // A job of a newer version has a key, and is moved as it is.
    let newer = StoredJob { key: "newer".into(), format: 2, ..jobs(&nats).await.remove(0) };
    crate::queue::moving::Movable::take_over(&nats, vec![newer.clone()]).await.unwrap();
    let all = moved(&nats, &file, &ambient).await;
    assert_eq!(counted(&all, What::Unreadable), [2, 1, 0, 1], "one has no key that is known");
    assert_eq!(counted(&all, What::Records), [1, 0, 0, 1]);
    assert_eq!(counted(&all, What::Looks), [1, 1, 0, 0]);
    assert!(jobs(&file).await.contains(&newer));
    assert_eq!(&entries.get("job.0123").await.unwrap().unwrap()[..], b"by hand", "it stays where it is");
}

fn left(ambient: &Ambient) -> Mark {
    Mark::Left { id: "1".into(), to: "the file in /data".into(), at: ambient.now() }
}

/// Whoever moved it heard nobody, and the process goes on with what is old.
#[tokio::test]
async fn who_was_away_while_the_queue_was_moved_refuses_and_ends_with_its_words() {
    let Some(mut server) = Server::start() else { return };
    let (ambient, clock) = stepped();
    let service = StoreHandle::nats(settings(&server, "paused"), &ambient).await.unwrap();
    let moved = service.until_moved();
    service.put(vec![look("a", ambient.now())]).await.unwrap();
    let mover = StoreHandle::nats(settings(&server, "paused"), &ambient).await.unwrap();
    mover.set_mark(Some(left(&ambient))).await.unwrap();
    clock.step(TimeDelta::seconds(6));
    let refused = service.put(vec![look("b", ambient.now())]).await.unwrap_err();
    assert!(crate::telemetry::chain(&refused).to_string().contains("was moved to the file in /data"), "{refused:?}");
    assert!(moved.await.starts_with("this queue was moved to the file in /data"));
    service.recall("what is remembered is refused as well").await;
    assert!(service.depth().await.is_err());
    // Whoever moves it goes on.
    clock.step(TimeDelta::seconds(6));
    mover.set_mark(None).await.unwrap();

    // The same after a way that was cut, where no time passes.
    let service = StoreHandle::nats(settings(&server, "paused"), &ambient).await.unwrap();
    let moved = service.until_moved();
    service.put(vec![look("c", ambient.now())]).await.unwrap();
    server.kill();
    server.start_again();
    while mover.set_mark(Some(left(&ambient))).await.is_err() {
        tokio::task::yield_now().await;
    }
    loop {
        let refused = service.put(vec![look("d", ambient.now())]).await.unwrap_err();
        if crate::telemetry::chain(&refused).to_string().contains("was moved") {
            break;
        }
    }
    moved.await;
}

#[tokio::test]
async fn whoever_uses_the_buckets_is_heard() {
    let Some(server) = Server::start() else { return };
    let settings = settings(&server, "used");
    let queue = StoreHandle::nats(settings.clone(), &Ambient::system()).await.unwrap();
    assert!(is_in_use(&settings, &Ambient::system()).await.unwrap());
    drop(queue);
    let other = NatsSettings { buckets: "unused".into(), ..settings };
    assert!(!is_in_use(&other, &Ambient::system()).await.unwrap());
}

/// Nobody is heard either where nobody lives or where nobody may say so.
#[tokio::test]
async fn where_nobody_may_say_that_it_lives_the_move_is_refused_and_the_service_says_so() {
    let user = r#"{user: a, password: b, permissions: {publish: {deny: "quiet.alive"}}}"#;
    let Some(server) = Server::start_with(&format!("authorization {{ users: [{user}] }}")) else { return };
    let password = Renewable { file: None, first: Secret::new("b".to_owned()) };
    let login = Login::User { name: "a".to_owned(), password };
    let settings = NatsSettings { login, ..settings(&server, "quiet") };
    let (ambient, clock) = stepped();
    let (refused, examined) = tokio::join!(is_in_use(&settings, &ambient), examine(&settings, &ambient));
    assert!(matches!(refused, Err(NatsError::Unheard(ref subject)) if subject == "quiet.alive"), "{refused:?}");
    assert_eq!(examined.unwrap().alive, ("quiet.alive".to_owned(), false));
    let queue = StoreHandle::nats(settings.clone(), &ambient).await.unwrap();
    queue.put(vec![look("a", ambient.now())]).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().failing, None, "it may be heard yet");
    clock.step(TimeDelta::seconds(20));
    let said = async {
        loop {
            if let Some(why) = queue.depth().await.unwrap().failing {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let said = tokio::time::timeout(Duration::from_secs(20), said).await.unwrap();
    assert!(said.contains("published on quiet.alive is not heard"), "{said}");
    let may = NatsSettings { buckets: "heard".into(), ..settings };
    assert!(examine(&may, &ambient).await.unwrap().alive.1);
}

/// As when a server is started anew, or a connection is made anew for any other reason.
#[tokio::test]
async fn a_connection_that_is_made_anew_is_waited_for_with_a_word_and_not_for_ever() {
    let Some(mut server) = Server::start() else { return };
    let (ambient, folder) = (Ambient::system(), tempfile::tempdir().unwrap());
    let file = StoreHandle::open(folder.path(), &ambient).unwrap();
    let nats = StoreHandle::nats(settings(&server, "blinks"), &ambient).await.unwrap();
    fill(&file, 1_200, ambient.now()).await;
    let before = comparable(jobs(&file).await);
    let said = std::sync::Mutex::new(Vec::new());
    let tell = |again: &crate::queue::moving::Again<'_>| said.lock().unwrap().push(again.to_string());
    let with = |queue, name, patience| Place { queue, name, patience };
    let patience = Patience::new(&ambient, &tell);
    server.kill();
    let short = patience.of(Duration::from_millis(200));
    let refused = move_all(with(&file, "the file", short), with(&nats, "NATS", short), &ambient).await.unwrap_err();
    assert!(matches!(refused, MoveError::Store { .. }), "{refused}");
    assert!(said.lock().unwrap().is_empty());
    let there = async { move_all(with(&file, "the file", patience), with(&nats, "NATS", patience), &ambient).await };
    let comes_back = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.start_again();
    };
    let (there, ()) = tokio::join!(there, comes_back);
    assert!(there.unwrap().iter().all(|it| it.found == it.moved + it.there && it.left == 0));
    assert_eq!(comparable(jobs(&nats).await), before);
    holds_all_beside(&nats).await;
    // What is remembered beside the jobs is read while nobody is there.
    server.kill();
    let back = async { move_all(with(&nats, "NATS", patience), with(&file, "the file", patience), &ambient).await };
    let comes_back = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.start_again();
    };
    let (back, ()) = tokio::join!(back, comes_back);
    assert!(back.unwrap().iter().all(|it| it.found == it.moved + it.there && it.left == 0));
    holds_all_beside(&file).await;
    let said = said.into_inner().unwrap();
    assert!(said.iter().all(|it| it.starts_with("NATS did not answer and is asked again in ")), "{said:?}");
    assert!(said.len() >= 2, "{said:?}");
}
