use std::pin::pin;
use std::task::Poll;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::ambient::Ambient;
use crate::domain::actor::Actor;
use crate::domain::approval::ApprovalId;
use crate::domain::event::NoticeKind;
use crate::domain::fleet::{Brake, Release};
use crate::domain::reference::Repository;
use crate::domain::settings::Fingerprint;
use crate::domain::workload::{Kind, ObjectName};
use crate::queue::contract::{email, item, look, mail};
use crate::queue::{
    Announcements as _, AnswerWrite, Answering, Kept as _, NewJob, Queue as _, Records as _, Settlement, Sharing,
    Sightings, SignIns as _, StoreHandle, WrittenOn,
};

/// As a process that is killed: nothing is asked any more after it was woken so often. Nothing where it did not end before.
pub(in crate::queue) async fn cut<T>(moving: impl Future<Output = T>, wakes: usize) -> Option<T> {
    let (mut moving, mut left) = (pin!(moving), wakes);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        moving.as_mut().poll(context).map(Some)
    })
    .await
}

/// All jobs of a store, in their order.
pub(in crate::queue) async fn jobs(queue: &StoreHandle) -> Vec<StoredJob> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = queue.export_jobs(after, 700).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

pub(in crate::queue) fn counted(all: &[Counted], what: What) -> [u64; 4] {
    let Counted { found, moved, there, left, .. } = all.iter().find(|counted| counted.what == what).unwrap();
    [*found, *moved, *there, *left]
}

pub(in crate::queue) const WEB: &str = "registry.example.com/web";

/// A queue that holds some of everything, and so many looks.
pub(in crate::queue) async fn fill(queue: &StoreHandle, looks: usize, now: DateTime<Utc>) {
    for some in (0..looks).collect::<Vec<_>>().chunks(500) {
        let looks: Vec<NewJob> = some.iter().map(|n| look(&format!("r{n}"), now + TimeDelta::minutes(5))).collect();
        queue.put(looks).await.unwrap();
    }
    let messages = [NoticeKind::Available, NoticeKind::Applied, NoticeKind::Failed];
    let messages = ["a@example.com", "b@example.com"].map(|to| messages.map(|kind| mail(to, kind, now)));
    queue.put(messages.concat()).await.unwrap();
    queue
        .put(vec![item("uid-1", NoticeKind::Available, now), item("uid-2", NoticeKind::Available, now)])
        .await
        .unwrap();
    // One arrives, and one is given up; the first of each lane.
    let batch = queue.lease(&email(), 2, &Sharing::in_order(10)).await.unwrap();
    queue.settle(&batch.jobs[0], Settlement::Done).await.unwrap();
    queue.settle(&batch.jobs[1], Settlement::Dead { reason: "550 no such user".into() }).await.unwrap();
    let batch = queue.lease(&email(), 1, &Sharing::in_order(10)).await.unwrap();
    let (at, reason) = (now + TimeDelta::minutes(1), "451 later".to_owned());
    queue.settle(&batch.jobs[0], Settlement::Retry { at, reason }).await.unwrap();
    fill_beside(queue, now).await;
}

async fn fill_beside(queue: &StoreHandle, now: DateTime<Utc>) {
    for (n, uid) in ["one", "two", "three"].into_iter().enumerate() {
        let settings = Some(Fingerprint::stored(u64::MAX - n as u64));
        let written =
            Written { sequence: 7, record: format!("record {uid}"), history: "[]".into(), settings, ..of(uid) };
        queue.remember(uid, written).await.unwrap();
    }
    let on = WrittenOn::Version(9);
    let answering = Answering { sequence: 8, on, container: "web".into() };
    queue.answering("two", AnswerWrite::Begins(answering)).await.unwrap();
    queue.seen(Sightings { deleted: vec!["three".into()], ..Sightings::default() }).await.unwrap();
    queue.remember_brake(brake()).await.unwrap();
    let sign_in = SignIn { id: [7; 32], person: "jo".into(), what: "jo 7".into(), until: now + TimeDelta::hours(1) };
    queue.remember_sign_in(sign_in).await.unwrap();
    let repository = Repository::parse(WEB).unwrap();
    let tag = crate::domain::reference::Tag::parse("1.2.3").unwrap();
    queue.announce(vec![Announced { repository, tag, digest: None, at: now + TimeDelta::hours(1) }]).await.unwrap();
    queue.keep("schedule", "as it was".into(), now + TimeDelta::hours(9)).await;
}

/// What is written of the workload with this uid.
fn of(uid: &str) -> Written {
    let of = ObjectName { namespace: "shop".into(), kind: Kind::Deployment, name: uid.into() };
    Written { of: Some(of), ..Written::default() }
}

fn brake() -> Brake {
    let of = ApprovalId::mint(DateTime::UNIX_EPOCH, [1; 10]);
    Brake {
        stopped: None,
        released: Some(Release {
            at: DateTime::UNIX_EPOCH,
            by: Actor::Program("a test".into()),
            of,
            failed: Vec::new(),
        }),
        told: None,
    }
}

/// Whether all that [`fill`] puts beside the jobs is there.
pub(in crate::queue) async fn holds_all_beside(queue: &StoreHandle) {
    let two = queue.newest("two").await.unwrap().unwrap();
    assert_eq!((two.sequence, two.record.as_str(), two.history.as_str()), (7, "record two", "[]"));
    assert_eq!(two.settings, Some(Fingerprint::stored(u64::MAX - 1)));
    let answering = Answering { sequence: 8, on: WrittenOn::Version(9), container: "web".into() };
    assert_eq!((two.answering, two.of), (Some(answering), of("two").of));
    let records = queue.export(Part::Records, None, 10).await.unwrap().items;
    let gone = |item: &Beside| matches!(item, Beside::Record { uid, gone: true, .. } if uid == "three");
    assert_eq!((records.len(), records.iter().filter(|item| gone(item)).count()), (3, 1));
    assert_eq!(queue.brake().await.unwrap(), brake());
    assert_eq!(queue.sign_in([7; 32]).await.unwrap().as_deref(), Some("jo 7"));
    assert_eq!(queue.announced(&Repository::parse(WEB).unwrap()).await.unwrap().len(), 1);
    assert_eq!(queue.recall("schedule").await.as_deref(), Some("as it was"));
}

/// A store with a name, which is waited for with the patience that is usual.
pub(in crate::queue) fn place<'a>(
    queue: &'a StoreHandle,
    name: &'a str,
    ambient: &'a Ambient,
) -> Place<'a, StoreHandle> {
    Place { queue, name, patience: Patience::new(ambient, &|_| {}) }
}

struct Two {
    _folders: [tempfile::TempDir; 2],
    one: StoreHandle,
    other: StoreHandle,
    ambient: Ambient,
}

impl Two {
    fn open() -> Self {
        let ambient = Ambient::system();
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, other] = [0, 1].map(|n| StoreHandle::open(folders[n].path(), &ambient).unwrap());
        Self { _folders: folders, one, other, ambient }
    }

    async fn there(&self) -> Result<Vec<Counted>, MoveError> {
        move_all(
            place(&self.one, "the one", &self.ambient),
            place(&self.other, "the other", &self.ambient),
            &self.ambient,
        )
        .await
    }

    async fn back(&self) -> Result<Vec<Counted>, MoveError> {
        move_all(
            place(&self.other, "the other", &self.ambient),
            place(&self.one, "the one", &self.ambient),
            &self.ambient,
        )
        .await
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let two = Two::open();
    fill(&two.one, 3, two.ambient.now()).await;
    let before = jobs(&two.one).await;
    let all = count(place(&two.one, "the one", &two.ambient), Some(place(&two.other, "the other", &two.ambient)))
        .await
        .unwrap();
    let found = |what| counted(&all, what)[0];
    assert_eq!(What::ALL.map(found), [3, 4, 2, 0, 1, 1, 0, 3, 1, 1, 1, 1]);
    assert!(all.iter().all(|counted| [counted.moved, counted.there, counted.left] == [0; 3]));
    assert_eq!((jobs(&two.one).await, jobs(&two.other).await.len()), (before, 0));
    may_be_used(&two.one).await.unwrap();
    may_be_used(&two.other).await.unwrap();
}

#[tokio::test]
async fn a_move_that_is_cut_anywhere_goes_on_and_doubles_nothing() {
    // Behind each of its steps, until one is not cut any more.
    let mut wakes = 1;
    while cut_and_go_on(3, wakes).await {
        wakes += 1;
    }
    assert!(wakes > 20, "{wakes}");
    // Among pages of jobs.
    for wakes in [8, 16, 32, 64] {
        cut_and_go_on(1_200, wakes).await;
    }
}

/// Whether it was cut before its end.
async fn cut_and_go_on(looks: usize, wakes: usize) -> bool {
    let two = Two::open();
    fill(&two.one, looks, two.ambient.now()).await;
    let before = jobs(&two.one).await;
    let was_cut = cut(two.there(), wakes).await.is_none();
    if was_cut && two.one.mark().await.unwrap().is_some() {
        let refused = may_be_used(&two.one).await.unwrap_err().to_string();
        assert!(refused.contains("the other") && refused.contains("queue move"), "{wakes}: {refused}");
    }
    if was_cut {
        match two.there().await {
            Ok(all) => {
                assert!(all.iter().all(|it| it.found == it.moved + it.there && it.left == 0), "{wakes}: {all:?}");
            }
            // It was cut behind its last write.
            Err(MoveError::Left { .. }) => {}
            Err(error) => panic!("{wakes}: {error}"),
        }
    }
    assert_eq!(jobs(&two.other).await, before, "{wakes}");
    assert_eq!(jobs(&two.one).await, before, "{wakes}: the source is kept");
    holds_all_beside(&two.other).await;
    may_be_used(&two.other).await.unwrap();
    let refused = may_be_used(&two.one).await.unwrap_err().to_string();
    assert!(refused.starts_with("this queue was moved to the other on "), "{wakes}: {refused}");
    was_cut
}

#[tokio::test]
async fn what_was_moved_is_not_moved_again_and_what_came_back_takes_the_place_of_the_old() {
    let two = Two::open();
    fill(&two.one, 3, two.ambient.now()).await;
    two.there().await.unwrap();
    assert!(matches!(two.there().await, Err(MoveError::Left { .. })));
    // Something happens there.
    two.other.put(vec![look("new", two.ambient.now())]).await.unwrap();
    let before = jobs(&two.other).await;
    assert_eq!(before.len(), 12);
    two.back().await.unwrap();
    assert_eq!(jobs(&two.one).await, before, "nothing of what stood there before is left");
    holds_all_beside(&two.one).await;
    may_be_used(&two.one).await.unwrap();
    may_be_used(&two.other).await.unwrap_err();
    two.there().await.unwrap();
    assert_eq!(jobs(&two.other).await, before);
}

#[tokio::test]
async fn a_target_with_a_queue_of_its_own_is_refused_and_left_alone() {
    let two = Two::open();
    fill(&two.one, 3, two.ambient.now()).await;
    two.other.put(vec![look("mine", two.ambient.now())]).await.unwrap();
    let refused = two.there().await.unwrap_err();
    assert!(refused.to_string().starts_with("the other holds a queue already"), "{refused}");
    assert_eq!(jobs(&two.other).await.len(), 1);
    may_be_used(&two.one).await.unwrap();
    may_be_used(&two.other).await.unwrap();
}

#[tokio::test]
async fn a_move_that_is_abandoned_leaves_the_source_as_it_was() {
    let two = Two::open();
    fill(&two.one, 1_200, two.ambient.now()).await;
    assert!(cut(two.there(), 12).await.is_none());
    abandon(place(&two.one, "the one", &two.ambient)).await.unwrap();
    may_be_used(&two.one).await.unwrap();
    may_be_used(&two.other).await.unwrap_err();
    let refused = abandon(place(&two.other, "the other", &two.ambient)).await.unwrap_err();
    assert!(matches!(refused, MoveError::IsTarget { .. }), "{refused}");
    // What arrived then is old, and makes way.
    let leased = two.one.lease(&email(), 1, &Sharing::in_order(10)).await.unwrap();
    two.one.settle(&leased.jobs[0], Settlement::Done).await.unwrap();
    two.there().await.unwrap();
    assert_eq!(jobs(&two.other).await, jobs(&two.one).await);
}

/// What waits in the order of its lane does so where it was moved.
#[tokio::test]
async fn messages_keep_their_order_and_their_attempts() {
    let two = Two::open();
    let now = two.ambient.now();
    let kinds = [NoticeKind::Available, NoticeKind::Applied, NoticeKind::Failed];
    two.one.put(kinds.map(|kind| mail("a@example.com", kind, now)).to_vec()).await.unwrap();
    let first = two.one.lease(&email(), 9, &Sharing::in_order(10)).await.unwrap();
    let (at, reason) = (now - TimeDelta::minutes(1), "451 later".to_owned());
    two.one.settle(&first.jobs[0], Settlement::Retry { at, reason }).await.unwrap();
    two.there().await.unwrap();
    for attempt in [2, 1, 1] {
        let batch = two.other.lease(&email(), 9, &Sharing::in_order(10)).await.unwrap();
        let [only] = &batch.jobs[..] else { panic!("{:?}", batch.jobs) };
        assert_eq!(only.attempt, attempt);
        two.other.settle(only, Settlement::Done).await.unwrap();
    }
}
