//! Who waits for the disk, and who does not.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use super::super::file;
use super::*;
use crate::ambient::Ambient;
use crate::ambient::Clock as _;
use crate::domain::event::NoticeKind;
use crate::domain::reference::Repository;
use crate::queue::command::Keeping;
use crate::queue::contract::{Stepped, email, look, mail};
use crate::queue::{Batch, Settlement, Sharing, Urgency};

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A writer whose disk answers each sync so: one that is not told waits for it.
fn writer(folder: &std::path::Path, answers: Receiver<std::io::Result<()>>) -> Writer {
    writer_at(folder, &Ambient::system(), answers)
}

fn writer_at(folder: &std::path::Path, at: &Ambient, answers: Receiver<std::io::Result<()>>) -> Writer {
    let lock = file::lock(folder).unwrap();
    let mut store = Store::open(folder, at.clone()).unwrap();
    store.begin().unwrap();
    let answers = Mutex::new(answers);
    let disk = store.disk().unwrap().synced_by(Box::new(move |journal| {
        assert!(journal.is_file());
        answers.lock().unwrap().recv().unwrap_or(Ok(()))
    }));
    let (_commands, waiting) = mpsc::channel(1);
    Writer::new(store, waiting, (Wakers::default(), Arc::default()), (disk, lock)).unwrap()
}

fn put(job: NewJob) -> (Command, impl Future<Output = Result<Placed, QueueError>>) {
    let (reply, replied) = Reply::channel();
    (Command::Put(vec![job], reply), async move { replied.await.unwrap() })
}

fn lease(topic: Topic) -> (Command, impl Future<Output = Result<Batch, QueueError>>) {
    let (reply, replied) = Reply::channel();
    (Command::Lease(topic, 9, Sharing::in_order(9), reply), async move { replied.await.unwrap() })
}

fn full() -> std::io::Result<()> {
    Err(std::io::Error::other("no power"))
}

#[tokio::test]
async fn nobody_but_who_is_promised_something_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (answer, answers) = channel();
    let mut writer = writer(folder.path(), answers);
    let woken = writer.wakers.of(&Topic::Look);
    let (command, stored) = put(look("shop/api", NOW));
    writer.commit(vec![command]);
    // The disk does not answer, and the look is done from its begin to its end.
    woken.notified().await;
    let (command, leased) = lease(Topic::Look);
    writer.commit(vec![command]);
    let leased = leased.await.unwrap().jobs.remove(0);
    let (reply, announced) = Reply::channel();
    let (kept, keeps) = Reply::channel();
    let keeping = Keeping { key: "a".into(), value: "1".into(), until: Ambient::system().now() + TimeDelta::hours(1) };
    let repository = Repository::parse("registry.example.com/shop/api").unwrap();
    writer.commit(vec![Command::Announced(repository, reply), Command::Keep(Box::new(keeping), kept)]);
    assert!(announced.await.unwrap().unwrap().is_empty());
    keeps.await.unwrap().unwrap();
    let (reply, settled) = Reply::channel();
    writer.commit(vec![Command::Settle(Box::new(leased), Settlement::Done, reply)]);
    settled.await.unwrap().unwrap();
    let mut stored = std::pin::pin!(stored);
    assert!(stored.as_mut().now_or_never().is_none(), "it is not promised yet");
    answer.send(Ok(())).unwrap();
    assert_eq!(stored.await.unwrap(), Placed::News);
    drop(answer);
    writer.syncer.end();
}

#[tokio::test]
async fn a_message_is_sent_when_it_is_on_the_disk_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (answer, answers) = channel();
    let mut writer = writer(folder.path(), answers);
    answer.send(full()).unwrap();
    let ((look, stored), (looks, leased)) = (put(look("shop/api", NOW)), lease(Topic::Look));
    writer.commit(vec![look, looks]);
    assert!(stored.await.is_err());
    assert_eq!(leased.await.unwrap().jobs.len(), 1, "a look may be begun and forgotten");

    // The journal is written once more, and then the disk fails again.
    answer.send(Ok(())).unwrap();
    answer.send(full()).unwrap();
    let ((letter, stored), (letters, leased)) =
        (put(mail("x@example.com", NoticeKind::Available, NOW)), lease(email()));
    writer.commit(vec![letter, letters]);
    assert!(stored.await.is_err() && leased.await.is_err());
    answer.send(Ok(())).unwrap();
    let (letters, leased) = lease(email());
    writer.commit(vec![letters]);
    assert_eq!(leased.await.unwrap().jobs.len(), 1, "nobody has the lease that failed");
    drop(answer);
    writer.syncer.end();
}

#[tokio::test]
async fn after_a_death_the_lease_of_what_was_there_before_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Stepped::default());
    clock.step(TimeDelta::days(20_000));
    let at = Ambient::system().at(clock.clone());
    let mut before = writer_at(folder.path(), &at, channel().1);
    // A reader that stays keeps the journal, as a process that is killed leaves it.
    let reader = rusqlite::Connection::open(folder.path().join("queue.db")).unwrap();
    let (command, stored) = put(look("shop/api", clock.now()));
    before.commit(vec![command]);
    stored.await.unwrap();
    reader.query_row("SELECT count(*) FROM job", [], |row| row.get::<_, i64>(0)).unwrap();
    let Writer { store, syncer, _lock: lock, .. } = before;
    syncer.end();
    drop((store, lock));

    clock.step(TimeDelta::seconds(1));
    let (answer, answers) = channel();
    let mut writer = writer_at(folder.path(), &at, answers);
    let mut leases = async || {
        let (command, leased) = lease(Topic::Look);
        writer.commit(vec![command]);
        leased.await.map(|batch| batch.jobs.len())
    };
    answer.send(full()).unwrap();
    assert!(leases().await.is_err(), "it is on the disk before it is begun");
    for mends in [Ok(()), Ok(())] {
        answer.send(mends).unwrap();
    }
    assert_eq!(leases().await.unwrap(), 1);
    clock.step(TimeDelta::seconds(1));
    let (command, stored) = put(look("shop/web", clock.now()));
    answer.send(Ok(())).unwrap();
    writer.commit(vec![command]);
    stored.await.unwrap();
    answer.send(full()).unwrap();
    let (command, leased) = lease(Topic::Look);
    writer.commit(vec![command]);
    assert_eq!(leased.await.unwrap().jobs.len(), 1, "nobody died with what came since");
    drop(answer);
    writer.syncer.end();
}

#[tokio::test]
async fn a_disk_that_fails_promises_nothing_until_the_journal_is_whole_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let (answer, answers) = channel();
    let mut writer = writer(folder.path(), answers);
    answer.send(full()).unwrap();
    let ((first, one), (second, two)) = (put(look("shop/api", NOW)), put(look("shop/web", NOW)));
    writer.commit(vec![first]);
    assert!(one.await.is_err());
    let stored = writer.store.stored();
    let repository = Repository::parse("registry.example.com/shop/api").unwrap();
    let known = || stored.serves(&repository, 0, Urgency::Prompt);
    assert!(!known(), "one more of its hints is not answered as if it were there");
    answer.send(full()).unwrap();
    writer.commit(vec![second]);
    assert!(two.await.is_err(), "a gap in the journal takes along what comes after it");
    answer.send(Ok(())).unwrap();
    let (reply, depth) = Reply::channel();
    writer.commit(vec![Command::Depth(reply)]);
    let depth = depth.await.unwrap().unwrap();
    assert!(depth.failing.as_ref().is_some_and(|why| why.contains("no power")), "{depth:?}");
    assert!(known());
    drop(answer);
    let (third, three) = put(look("shop/web", NOW));
    writer.commit(vec![third]);
    assert_eq!((three.await.unwrap(), writer.failing.take()), (Placed::News, None));
    writer.syncer.end();
}
