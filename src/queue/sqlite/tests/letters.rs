//! Messages as an operator sees them.

use super::lanes::{rows, to_x};
use super::*;
use crate::queue::{Acted, Asked, Letter, LetterState};

fn dead(reason: &str) -> Settlement {
    Settlement::Dead { reason: reason.into() }
}

/// All pages of what is asked for, a few messages each.
async fn paged(queue: &SqliteQueue, asked: Asked) -> Vec<Letter> {
    let (mut all, mut asked) = (Vec::new(), Asked { most: 3, ..asked });
    loop {
        let page = queue.letters(asked.clone()).await.unwrap();
        assert!(page.letters.len() <= 3 && (page.next.is_none() || page.letters.len() == 3), "{page:?}");
        all.extend(page.letters);
        match page.next {
            Some(next) => asked.before = Some(next),
            None => return all,
        }
    }
}

fn recipients(letters: &[Letter]) -> Vec<String> {
    let of = |letter: &Letter| match &letter.job {
        Some(Job::Deliver(delivery)) => delivery.recipient.clone(),
        Some(Job::Gather(gathered)) => format!("waits {}", gathered.notice.workload.uid),
        other => format!("{other:?}"),
    };
    letters.iter().map(of).collect()
}

#[tokio::test]
async fn messages_are_listed_by_state_and_channel_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let to = |recipient: String, channel: &str| {
        let Job::Deliver(mut delivery) = mail(&recipient, NoticeKind::Available, clock.now()).job else {
            unreachable!()
        };
        delivery.channel = channel.into();
        NewJob { job: Job::Deliver(delivery), ..mail(&recipient, NoticeKind::Available, clock.now()) }
    };
    for number in 0..7 {
        queue.put(vec![to(format!("e{number}"), "email"), to(format!("s{number}"), "slack")]).await.unwrap();
        // Two of each were stored in the same millisecond.
        clock.step(TimeDelta::milliseconds(number % 2));
    }
    queue.put(vec![item("a", NoticeKind::Available, clock.now()), look("a", clock.now())]).await.unwrap();
    let at = clock.now() + TimeDelta::hours(1);
    for (number, leased) in lease_all(&queue, &email()).await.iter().enumerate() {
        let retry = Settlement::Retry { at, reason: "421".into() };
        queue.settle(leased, if number < 5 { dead("550") } else { retry }).await.unwrap();
    }
    let slack = lease_all(&queue, &Topic::Deliver("slack".into())).await;
    queue.settle(&slack[0], dead("404")).await.unwrap();
    let listed = async |state, channel: Option<&str>| {
        let asked = Asked { state, channel: channel.map(str::to_owned), ..Asked::default() };
        recipients(&paged(&queue, asked).await)
    };
    let (all, of) = (listed(None, None).await, Some("email"));
    assert_eq!(all[..5], ["waits a", "s6", "e6", "s5", "e5"]);
    assert_eq!(all.len(), 15);
    assert_eq!(listed(Some(LetterState::Dead), of).await, ["e4", "e3", "e2", "e1", "e0"]);
    assert_eq!(listed(Some(LetterState::Retried), of).await, ["e6", "e5"]);
    assert_eq!(listed(Some(LetterState::Waiting), of).await, ["waits a"]);
    assert_eq!(listed(Some(LetterState::Dead), None).await, ["e4", "e3", "e2", "e1", "s0", "e0"]);
    assert!(listed(None, Some("pager")).await.is_empty());
    let retried = paged(&queue, Asked { state: Some(LetterState::Retried), ..Asked::default() }).await;
    assert_eq!((retried[0].next, retried[0].attempts), (Some(at), 1));
}

#[tokio::test]
async fn a_channels_dead_letters_are_sent_again_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let kinds = [NoticeKind::Available, NoticeKind::Granted, NoticeKind::Applied];
    queue.put(kinds.map(|kind| to_x("a", kind, clock.now())).to_vec()).await.unwrap();
    for _ in 0..2 {
        let leased = lease_all(&queue, &email()).await;
        queue.settle(&leased[0], dead("535")).await.unwrap();
        clock.step(TimeDelta::hours(1));
    }
    assert_eq!(queue.send_all_again("slack").await.unwrap(), 0);
    assert_eq!(queue.send_all_again("email").await.unwrap(), 2);
    for expected in [1, 2, 3] {
        let leased = lease_all(&queue, &email()).await;
        assert_eq!(rows(&leased), [expected], "«applied» does not overtake «available»");
        queue.settle(&leased[0], Settlement::Done).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_sent_again_is_behind_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let kinds = [NoticeKind::Available, NoticeKind::Granted, NoticeKind::Applied];
    queue.put(kinds.map(|kind| to_x("a", kind, clock.now())).to_vec()).await.unwrap();
    let first = lease_all(&queue, &email()).await;
    queue.settle(&first[0], dead("535")).await.unwrap();
    let under_way = lease_all(&queue, &email()).await;
    assert_eq!(rows(&under_way), [2]);
    assert_eq!(queue.send_all_again("email").await.unwrap(), 1);
    assert!(lease_all(&queue, &email()).await.is_empty(), "two at once would be in no order");
    queue.settle(&under_way[0], Settlement::Done).await.unwrap();
    for expected in [1, 3] {
        let leased = lease_all(&queue, &email()).await;
        assert_eq!(rows(&leased), [expected], "«applied» does not overtake «available»");
        queue.settle(&leased[0], Settlement::Done).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_sent_again_while_some_of_it_is_under_way_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let kinds = [NoticeKind::Available, NoticeKind::Granted, NoticeKind::Applied, NoticeKind::Gone];
    queue.put(kinds.map(|kind| to_x("a", kind, clock.now())).to_vec()).await.unwrap();
    queue.bury_all_but(&[]).await.unwrap();
    let ids: Vec<String> = queue.untold(9).await.unwrap().into_iter().map(|letter| letter.id).collect();
    // As a channel's dead letters are sent again, a part at a time.
    queue.send_again(&ids[0]).await.unwrap();
    let first = lease_all(&queue, &email()).await;
    queue.send_again(&ids[1]).await.unwrap();
    queue.settle(&first[0], Settlement::Done).await.unwrap();
    queue.send_again(&ids[2]).await.unwrap();
    queue.send_again(&ids[3]).await.unwrap();
    for expected in [2, 3, 4] {
        let leased = lease_all(&queue, &email()).await;
        assert_eq!(rows(&leased), [expected]);
        queue.settle(&leased[0], Settlement::Done).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_sent_again_goes_before_a_later_one_that_failed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue
        .put([NoticeKind::Available, NoticeKind::Applied].map(|kind| to_x("a", kind, clock.now())).to_vec())
        .await
        .unwrap();
    let first = lease_all(&queue, &email()).await;
    queue.settle(&first[0], dead("535")).await.unwrap();
    let under_way = lease_all(&queue, &email()).await;
    assert_eq!(queue.send_all_again("email").await.unwrap(), 1);
    let retry = Settlement::Retry { at: clock.now(), reason: "421".into() };
    queue.settle(&under_way[0], retry).await.unwrap();
    for expected in [1, 2] {
        let leased = lease_all(&queue, &email()).await;
        assert_eq!(rows(&leased), [expected]);
        queue.settle(&leased[0], Settlement::Done).await.unwrap();
    }
}

#[tokio::test]
async fn more_dead_letters_than_one_transaction_takes_are_all_sent_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let many = (0..450).map(|number| mail(&format!("{number}@example.com"), NoticeKind::Available, clock.now()));
    queue.put(many.collect()).await.unwrap();
    queue.bury_all_but(&[]).await.unwrap();
    file(folder.path()).execute("UPDATE job SET format = 99 WHERE id = 7", []).unwrap();
    assert_eq!(queue.send_all_again("email").await.unwrap(), 449, "one is of another version");
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready[0].1, depth.dead[0].1), (449, 1));
    let all = queue.lease(&email(), 1000, &Sharing::in_order(1000)).await.unwrap().jobs;
    assert_eq!(all.len(), 449);
}

#[tokio::test]
async fn one_of_another_version_is_listed_and_thrown_away_but_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![to_x("a", NoticeKind::Available, clock.now())]).await.unwrap();
    file(folder.path()).execute("UPDATE job SET format = 99", []).unwrap();
    assert!(lease_all(&queue, &email()).await.is_empty());
    let page = queue.letters(Asked { most: 9, ..Asked::default() }).await.unwrap();
    let letter = &page.letters[0];
    assert_eq!((letter.state, &letter.job), (LetterState::Dead, &None));
    assert!(letter.error.as_deref().is_some_and(|error| error.contains("format 99")), "{letter:?}");
    assert_eq!(queue.send_again(&letter.id).await.unwrap(), Acted::Unreadable);
    assert_eq!(queue.discard(&letter.id).await.unwrap(), Acted::Done);
}

#[tokio::test]
async fn an_item_that_was_given_up_waits_again_to_be_composed() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![item("a", NoticeKind::Available, clock.now())]).await.unwrap();
    queue.bury_all_but(&[]).await.unwrap();
    let woken = queue.changed(&Topic::Gather("email".into()));
    assert_eq!(queue.send_all_again("email").await.unwrap(), 1);
    woken.notified().await;
    assert_eq!(queue.gathered("email", 9).await.unwrap().len(), 1);
    assert!(lease_all(&queue, &email()).await.is_empty());
}

#[tokio::test]
async fn what_is_sent_again_outlives_the_process_and_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let at = ambient().at(clock.clone());
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    let leased = lease_all(&queue, &email()).await;
    queue.settle(&leased[0], dead("550")).await.unwrap();
    queue.put((0..MOST_JOBS).map(|n| look(&format!("r{n}"), clock.now())).collect()).await.unwrap();
    let id = queue.untold(1).await.unwrap().remove(0).id;
    assert!(matches!(queue.send_again(&id).await, Err(QueueError::Full(_))));
    let leased = lease_all(&queue, &Topic::Look).await;
    queue.settle(&leased[0], Settlement::Done).await.unwrap();
    assert_eq!(queue.send_again(&id).await.unwrap(), Acted::Done);
    let queue = die(queue, folder.path(), &at);
    assert_eq!(lease_all(&queue, &email()).await.len(), 1);
}

#[tokio::test]
async fn the_number_of_dead_letters_is_bounded_and_the_newest_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    let many = |range: std::ops::Range<u32>| {
        range.map(|n| mail(&format!("{n}@example.com"), NoticeKind::Available, clock.now())).collect::<Vec<_>>()
    };
    for part in [0..6_000, 6_000..10_700] {
        queue.put(many(part)).await.unwrap();
        queue.bury_all_but(&[]).await.unwrap();
        clock.step(TimeDelta::seconds(1));
    }
    for _ in 0..3 {
        queue.depth().await.unwrap();
    }
    assert_eq!(queue.depth().await.unwrap().dead, [("deliver:email".to_owned(), 10_000)]);
    let newest = queue.letters(Asked { most: 1, ..Asked::default() }).await.unwrap().letters;
    assert_eq!(recipients(&newest), ["10699@example.com"]);
}

#[tokio::test]
async fn who_was_given_up_by_the_version_before_is_not_told_of_again() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, clock) = stepped(folder.path());
    queue.put(vec![mail("x@example.com", NoticeKind::Available, clock.now())]).await.unwrap();
    queue.bury_all_but(&[]).await.unwrap();
    assert_eq!(queue.untold(9).await.unwrap().len(), 1);
    let older = "ALTER TABLE record DROP COLUMN place; DROP TABLE move; ALTER TABLE announced DROP COLUMN digest; DROP INDEX record_gone; ALTER TABLE record DROP COLUMN gone; DROP TABLE sign_in; DROP INDEX job_untold; ALTER TABLE job DROP COLUMN told; PRAGMA user_version = 8";
    file(folder.path()).execute_batch(older).unwrap();
    let queue = die(queue, folder.path(), &ambient().at(clock.clone()));
    assert!(queue.untold(9).await.unwrap().is_empty());
}
