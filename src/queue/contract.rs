//! What every queue keeps, wherever it stores its jobs. An implementation runs [`keeps_it`] on queues of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Announced, Announcements, Batch, LOOKED_FOR, Leased, NewJob, Placed, QueueAdmin, Settlement, Sharing, Topic,
    Urgency,
};
use crate::ambient::{Ambient, Clock};
use crate::domain::event::{Delivery, Job, NoticeKind, tests::notice};
use crate::domain::reference::{Repository, Tag};

/// A clock that the test moves, and whose wall time it sets.
#[derive(Default)]
pub(super) struct Stepped {
    passed: AtomicI64,
    set: AtomicI64,
}

impl Stepped {
    pub(super) fn step(&self, by: TimeDelta) {
        self.passed.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    /// No time passes, but the wall clock is set.
    pub(super) fn set(&self, by: TimeDelta) {
        self.set.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> DateTime<Utc> {
        let millis = self.passed.load(Ordering::SeqCst) + self.set.load(Ordering::SeqCst);
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(millis)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.passed.load(Ordering::SeqCst).try_into().unwrap())
    }
}

pub(super) fn look(name: &str, at: DateTime<Utc>) -> NewJob {
    let repository = Repository::parse(&format!("registry.example.com/{name}")).unwrap();
    NewJob { job: Job::Look(repository), trace: "trace".into(), not_before: at, urgency: Urgency::Prompt }
}

pub(super) fn mail(recipient: &str, kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    let delivery = Delivery::of("email", recipient, notice(kind));
    NewJob { job: Job::Deliver(Box::new(delivery)), trace: "trace".into(), not_before: at, urgency: Urgency::Prompt }
}

pub(super) fn email() -> Topic {
    Topic::Deliver("email".into())
}

/// A new queue, and its clock.
struct Case<Q> {
    queue: Q,
    clock: Arc<Stepped>,
}

impl<Q: QueueAdmin> Case<Q> {
    async fn put(&self, jobs: Vec<NewJob>) -> Placed {
        self.queue.put(jobs).await.unwrap()
    }

    async fn lease(&self, topic: &Topic) -> Batch {
        self.queue.lease(topic, 10, &Sharing::in_order(1000)).await.unwrap()
    }

    /// The one job of a topic that may be done now.
    async fn one(&self, topic: &Topic) -> Leased {
        let mut jobs = self.lease(topic).await.jobs;
        assert_eq!(jobs.len(), 1);
        jobs.remove(0)
    }

    async fn none(&self, topic: &Topic) -> Option<Duration> {
        let batch = self.lease(topic).await;
        assert!(batch.jobs.is_empty(), "{:?}", batch.jobs);
        batch.wait
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) {
        self.queue.settle(leased, settlement).await.unwrap();
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// Runs all of it; each part on a queue that `open` makes anew.
pub(super) async fn keeps_it<Q: QueueAdmin + Announcements>(mut open: impl FnMut(&Ambient) -> Q) {
    let mut case = || {
        let clock = Arc::new(Stepped::default());
        clock.step(TimeDelta::days(20_000));
        let queue = open(&Ambient::system().at(clock.clone()));
        Case { queue, clock }
    };
    a_job_is_given_once_and_gone_when_it_is_done(case()).await;
    hints_of_one_repository_are_one_job(case()).await;
    a_message_is_sent_once(case()).await;
    what_failed_comes_again_at_its_moment(case()).await;
    what_went_well_and_comes_again_counts_anew(case()).await;
    what_can_not_be_done_is_a_dead_letter(case()).await;
    jobs_of_one_lane_follow_one_another(case()).await;
    a_lease_that_ran_out_settles_nothing(case()).await;
    whoever_waits_is_woken(case()).await;
    messages_of_channels_that_are_no_more_are_buried(case()).await;
    what_was_announced_is_remembered_until_it_is_found(case()).await;
    what_was_announced_is_bounded(case()).await;
}

async fn a_job_is_given_once_and_gone_when_it_is_done<Q: QueueAdmin>(case: Case<Q>) {
    let later = case.now() + TimeDelta::seconds(5);
    assert_eq!(case.put(vec![look("a", case.now()), look("b", later)]).await, Placed::News);
    let leased = case.one(&Topic::Look).await;
    assert_eq!((&leased.job, leased.attempt), (&look("a", case.now()).job, 1));
    assert_eq!(case.none(&Topic::Look).await, Some(Duration::from_secs(5)), "the other is due later");
    case.settle(&leased, Settlement::Done).await;
    case.clock.step(TimeDelta::seconds(5));
    let leased = case.one(&Topic::Look).await;
    case.settle(&leased, Settlement::Done).await;
    assert_eq!(case.none(&Topic::Look).await, None);
    let depth = case.queue.depth().await.unwrap();
    assert!(depth.ready.is_empty() && depth.dead.is_empty() && depth.oldest.is_none(), "{depth:?}");
}

async fn hints_of_one_repository_are_one_job<Q: QueueAdmin>(case: Case<Q>) {
    assert_eq!(case.put(vec![look("a", case.now())]).await, Placed::News);
    assert_eq!(case.put(vec![look("a", case.now())]).await, Placed::Coalesced);
    let leased = case.one(&Topic::Look).await;
    case.put(vec![look("a", case.now())]).await;
    case.settle(&leased, Settlement::Done).await;
    case.clock.step(TimeDelta::seconds(10));
    assert_eq!(case.one(&Topic::Look).await.job, leased.job, "a hint that came meanwhile is not lost");
}

async fn a_message_is_sent_once<Q: QueueAdmin>(case: Case<Q>) {
    let message = mail("x@example.com", NoticeKind::Available, case.now());
    assert_eq!(case.put(vec![message.clone()]).await, Placed::News);
    assert_eq!(case.put(vec![message.clone()]).await, Placed::Coalesced);
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Done).await;
    assert_eq!(case.put(vec![message]).await, Placed::Coalesced);
    assert_eq!(case.none(&email()).await, None);
}

async fn what_failed_comes_again_at_its_moment<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![look("a", case.now())]).await;
    let leased = case.one(&Topic::Look).await;
    let retry = Settlement::Retry { at: case.now() + TimeDelta::minutes(1), reason: "503".into() };
    case.settle(&leased, retry).await;
    assert_eq!(case.none(&Topic::Look).await, Some(Duration::from_secs(60)));
    let troubles = case.queue.troubles().await.unwrap();
    assert_eq!(troubles.failing.first().and_then(|trouble| trouble.last.reason.as_deref()), Some("503"));
    case.clock.step(TimeDelta::minutes(1));
    let again = case.one(&Topic::Look).await;
    assert_eq!((again.attempt, again.created), (2, leased.created));
    assert_ne!(again.lease, leased.lease);
}

async fn what_went_well_and_comes_again_counts_anew<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![look("a", case.now())]).await;
    let leased = case.one(&Topic::Look).await;
    let at = case.now() + TimeDelta::minutes(1);
    case.settle(&leased, Settlement::Again(at)).await;
    case.clock.step(TimeDelta::minutes(1));
    let again = case.one(&Topic::Look).await;
    assert_eq!((again.attempt, again.created), (1, at));
}

async fn what_can_not_be_done_is_a_dead_letter<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![mail("x@example.com", NoticeKind::Available, case.now())]).await;
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Dead { reason: "550".into() }).await;
    assert_eq!(case.none(&email()).await, None);
    assert_eq!(case.queue.depth().await.unwrap().dead, [("deliver:email".to_owned(), 1)]);
}

async fn jobs_of_one_lane_follow_one_another<Q: QueueAdmin>(case: Case<Q>) {
    let message = |recipient: &str, kind| mail(recipient, kind, case.now());
    case.put(vec![message("x@example.com", NoticeKind::Available)]).await;
    case.put(vec![message("x@example.com", NoticeKind::Applied), message("y@example.com", NoticeKind::Applied)]).await;
    let first = case.lease(&email()).await.jobs;
    let jobs: Vec<&Job> = first.iter().map(|leased| &leased.job).collect();
    let expected = [message("x@example.com", NoticeKind::Available), message("y@example.com", NoticeKind::Applied)];
    assert_eq!(jobs, [&expected[0].job, &expected[1].job]);
    assert_eq!(case.none(&email()).await, None, "it waits for no time, but for the one before it");
    case.settle(&first[0], Settlement::Done).await;
    assert_eq!(case.one(&email()).await.job, message("x@example.com", NoticeKind::Applied).job);
}

async fn a_lease_that_ran_out_settles_nothing<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![look("a", case.now())]).await;
    let late = case.one(&Topic::Look).await;
    case.clock.step(TimeDelta::hours(1));
    let now = case.one(&Topic::Look).await;
    assert_eq!((&now.job, now.attempt), (&late.job, 2));
    case.settle(&late, Settlement::Done).await;
    let retry = Settlement::Retry { at: case.now(), reason: "503".into() };
    case.settle(&now, retry).await;
    assert_eq!(case.one(&Topic::Look).await.attempt, 3, "it was not ended by who came too late");
}

async fn whoever_waits_is_woken<Q: QueueAdmin>(case: Case<Q>) {
    let changed = case.queue.changed(&Topic::Look);
    case.put(vec![look("a", case.now())]).await;
    changed.notified().await;
    let leased = case.one(&Topic::Look).await;
    case.settle(&leased, Settlement::Again(case.now())).await;
    changed.notified().await;
}

async fn messages_of_channels_that_are_no_more_are_buried<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![mail("x@example.com", NoticeKind::Available, case.now()), look("a", case.now())]).await;
    assert!(case.queue.bury_all_but(&["email".into()]).await.unwrap().is_empty());
    assert_eq!(case.queue.bury_all_but(&["slack".into()]).await.unwrap(), [("email".to_owned(), 1)]);
    assert_eq!(case.none(&email()).await, None);
    let depth = case.queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.dead), (vec![("look".to_owned(), 1)], vec![("deliver:email".to_owned(), 1)]));
    case.queue.ping().await;
}

fn announced(name: &str, tag: &str, at: DateTime<Utc>) -> Announced {
    let repository = Repository::parse(&format!("registry.example.com/{name}")).unwrap();
    Announced { repository, tag: Tag::parse(tag).unwrap(), at }
}

async fn what_was_announced_is_remembered_until_it_is_found<Q: QueueAdmin + Announcements>(case: Case<Q>) {
    let (a, b, other) =
        (announced("a", "1.0.1", case.now()), announced("a", "1.0.2", case.now()), announced("b", "1.0.1", case.now()));
    case.queue.announce(vec![b.clone(), a.clone(), other.clone()]).await.unwrap();
    assert_eq!(case.queue.announced(&a.repository).await.unwrap(), [a.clone(), b.clone()]);
    case.queue.found(vec![a.clone()]).await.unwrap();
    assert_eq!(case.queue.announced(&a.repository).await.unwrap(), std::slice::from_ref(&b));
    assert_eq!(case.queue.announced(&other.repository).await.unwrap(), [other]);
    case.clock.step(TimeDelta::seconds(20));
    let anew = announced("a", "1.0.2", case.now());
    case.queue.announce(vec![anew.clone()]).await.unwrap();
    case.queue.found(vec![b]).await.unwrap();
    assert_eq!(case.queue.announced(&a.repository).await.unwrap(), [anew], "it was announced again meanwhile");
}

async fn what_was_announced_is_bounded<Q: QueueAdmin + Announcements>(case: Case<Q>) {
    let first = announced("a", "0.0.1", case.now());
    case.queue.announce(vec![first.clone()]).await.unwrap();
    case.clock.step(TimeDelta::seconds(1));
    let many = (0..1000).map(|number| announced("a", &format!("1.0.{number}"), case.now())).collect();
    case.queue.announce(many).await.unwrap();
    let kept = case.queue.announced(&first.repository).await.unwrap();
    assert!(!kept.is_empty() && kept.len() < 100 && !kept.contains(&first), "{}", kept.len());
    case.clock.step(LOOKED_FOR);
    case.queue.announce(vec![announced("b", "1.0.0", case.now())]).await.unwrap();
    assert_eq!(case.queue.announced(&first.repository).await.unwrap(), []);
}
