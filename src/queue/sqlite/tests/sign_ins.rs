//! Who is signed in.

use chrono::TimeDelta;

use super::reopen;
use crate::ambient::Ambient;
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{SignIn, SignIns as _};

fn sign_in(number: u16, person: &str, for_: TimeDelta) -> SignIn {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_le_bytes());
    let until = Ambient::system().now() + for_;
    SignIn { id, person: person.into(), what: format!("{person} {number}"), until }
}

#[tokio::test]
async fn who_signed_in_stays_so_over_a_restart_until_they_sign_out() {
    let folder = tempfile::tempdir().unwrap();
    let open = || SqliteQueue::open(folder.path(), &Ambient::system()).unwrap();
    let (queue, hour) = (open(), TimeDelta::hours(1));
    let (alice, bob, past) = (sign_in(1, "alice", hour), sign_in(2, "bob", hour), sign_in(3, "carol", -hour));
    for one in [&alice, &bob, &past] {
        queue.remember_sign_in(one.clone()).await.unwrap();
    }
    queue.forget_sign_in(bob.id).await.unwrap();
    drop(queue);
    let queue = reopen(folder.path());
    assert_eq!(queue.sign_in(alice.id).await.unwrap().as_deref(), Some("alice 1"));
    for gone in [bob.id, past.id, [9; 32]] {
        assert_eq!(queue.sign_in(gone).await.unwrap(), None);
    }
}

#[tokio::test]
async fn one_person_has_a_few_and_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let queue = SqliteQueue::open(folder.path(), &Ambient::system()).unwrap();
    let all: Vec<SignIn> = (0..=20).map(|number| sign_in(number, "alice", TimeDelta::hours(1))).collect();
    queue.remember_sign_in(sign_in(99, "bob", TimeDelta::hours(1))).await.unwrap();
    for one in &all {
        queue.remember_sign_in(one.clone()).await.unwrap();
    }
    assert_eq!(queue.sign_in(all[0].id).await.unwrap(), None);
    assert!(queue.sign_in(all[1].id).await.unwrap().is_some() && queue.sign_in(all[20].id).await.unwrap().is_some());
    assert!(queue.sign_in(sign_in(99, "", TimeDelta::zero()).id).await.unwrap().is_some(), "another's stays");
}
