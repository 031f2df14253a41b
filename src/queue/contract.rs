//! What every queue keeps, wherever it stores its jobs. An implementation runs [`keeps_it`] on queues of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Acted, Announced, Announcements, Asked, Batch, Failed, Gathering, ItemId, LOOKED_FOR, Leased, LetterState, Letters,
    NewJob, Placed, QueueAdmin, Settlement, Sharing, Topic, Urgency,
};
use crate::ambient::{Ambient, Clock};
use crate::domain::event::{Delivery, Gathered, Job, Notice, NoticeKind, tests::notice};
use crate::domain::reference::{Digest, Repository, Tag};
use crate::domain::trace::Trace;

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
    NewJob { job: Job::Look(repository), trace: "trace".into(), not_before: at, urgency: Urgency::Prompt, failed: None }
}

pub(super) fn mail(recipient: &str, kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    let delivery = Delivery::of("email", recipient, notice(kind));
    NewJob {
        job: Job::Deliver(Box::new(delivery)),
        trace: "trace".into(),
        not_before: at,
        urgency: Urgency::Prompt,
        failed: None,
    }
}

/// What waits to go out with others on the email channel, about a workload with this uid.
pub(super) fn item(uid: &str, kind: NoticeKind, at: DateTime<Utc>) -> NewJob {
    let gathered = Gathered::new("email", about(uid, kind));
    NewJob {
        job: Job::Gather(Box::new(gathered)),
        trace: "trace".into(),
        not_before: at,
        urgency: Urgency::Prompt,
        failed: None,
    }
}

/// A notice about a workload with this uid.
pub(super) fn about(uid: &str, kind: NoticeKind) -> Notice {
    let mut notice = notice(kind);
    notice.workload.uid = uid.into();
    notice
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
pub(super) async fn keeps_it<Q: Letters + Announcements + Gathering>(mut open: impl AsyncFnMut(&Ambient) -> Q) {
    let mut case = async || {
        let clock = Arc::new(Stepped::default());
        clock.step(TimeDelta::days(20_000));
        let queue = open(&Ambient::system().at(clock.clone())).await;
        Case { queue, clock }
    };
    a_job_is_given_once_and_gone_when_it_is_done(case().await).await;
    hints_of_one_repository_are_one_job(case().await).await;
    a_message_is_sent_once(case().await).await;
    what_failed_comes_again_at_its_moment(case().await).await;
    what_went_well_and_comes_again_counts_anew(case().await).await;
    what_can_not_be_done_is_a_dead_letter(case().await).await;
    jobs_of_one_lane_follow_one_another(case().await).await;
    a_lease_that_ran_out_settles_nothing(case().await).await;
    what_is_settled_is_settled_once_however_often_that_is_said(case().await).await;
    jobs_of_one_lane_keep_the_order_in_which_they_came(case().await).await;
    who_is_put_off_keeps_nobody_of_its_lane_waiting(case().await).await;
    whoever_waits_is_woken(case().await).await;
    messages_of_channels_that_are_no_more_are_buried(case().await).await;
    what_waits_to_go_out_together_stays_until_it_is_composed(case().await).await;
    what_was_composed_is_not_told_twice(case().await).await;
    whoever_composes_is_woken(case().await).await;
    a_dead_letter_is_sent_again_as_if_it_were_new(case().await).await;
    a_dead_letter_that_is_thrown_away_is_not_told_anew(case().await).await;
    what_is_withdrawn_did_not_arrive(case().await).await;
    what_was_not_told_is_stored_anew(case().await).await;
    what_is_put_off_keeps_when_it_failed_and_why(case().await).await;
    what_waits_in_parts_keeps_when_it_failed_and_why(case().await).await;
    what_became_old_news_did_not_arrive(case().await).await;
    what_arrived_is_listed_page_by_page_the_last_first(case().await).await;
    what_was_overtaken_is_not_put_off(case().await).await;
    what_failed_is_tried_at_once_when_somebody_says_that_its_channel_works(case().await).await;
    each_dead_letter_is_told_of_once(case().await).await;
    what_was_announced_is_remembered_until_it_is_found(case().await).await;
    what_was_announced_is_bounded(case().await).await;
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

/// Whoever does not learn that it was stored says it again.
async fn what_is_settled_is_settled_once_however_often_that_is_said<Q: QueueAdmin>(case: Case<Q>) {
    case.put(vec![look("a", case.now()), mail("x@example.com", NoticeKind::Available, case.now())]).await;
    let (looked, sent) = (case.one(&Topic::Look).await, case.one(&email()).await);
    for _ in 0..2 {
        case.settle(&looked, Settlement::Again(case.now() + TimeDelta::seconds(5))).await;
        case.settle(&sent, Settlement::Done).await;
    }
    case.clock.step(TimeDelta::seconds(5));
    let again = case.one(&Topic::Look).await;
    case.settle(&looked, Settlement::Done).await;
    case.settle(&again, Settlement::Retry { at: case.now(), reason: "503".into() }).await;
    assert_eq!(case.one(&Topic::Look).await.attempt, 2, "it was not ended by a lease that was over");
    assert_eq!(case.none(&email()).await, None);
}

/// Those that come at once are one commit.
/// What is put off, as in quiet hours, keeps nothing back that is put behind it; what is put off follows one another still.
async fn who_is_put_off_keeps_nobody_of_its_lane_waiting<Q: QueueAdmin>(case: Case<Q>) {
    let (topic, later) = (email(), case.now() + TimeDelta::hours(8));
    case.put(vec![mail("a@x", NoticeKind::Available, case.now()), mail("a@x", NoticeKind::Applied, case.now())]).await;
    for _ in 0..2 {
        let first = case.one(&topic).await;
        case.settle(&first, Settlement::Again(later)).await;
    }
    case.put(vec![mail("a@x", NoticeKind::Failed, case.now())]).await;
    let failed = case.one(&topic).await;
    assert!(matches!(&failed.job, Job::Deliver(it) if it.event() == NoticeKind::Failed.as_str()), "{failed:?}");
    case.settle(&failed, Settlement::Done).await;
    assert!(case.none(&topic).await.is_some());
    case.clock.step(TimeDelta::hours(8));
    for kind in [NoticeKind::Available, NoticeKind::Applied] {
        let leased = case.one(&topic).await;
        assert!(matches!(&leased.job, Job::Deliver(it) if it.event() == kind.as_str()), "{leased:?}");
        case.settle(&leased, Settlement::Done).await;
    }
}

async fn jobs_of_one_lane_keep_the_order_in_which_they_came<Q: QueueAdmin>(case: Case<Q>) {
    let kinds = [NoticeKind::Available, NoticeKind::Applied, NoticeKind::Failed];
    let each = |n: usize| kinds.map(|kind| mail(&format!("{n}@example.com"), kind, case.now()));
    let puts = (0..3).flat_map(each).map(|message| case.put(vec![message]));
    futures_util::future::join_all(puts).await;
    for (turn, _) in kinds.iter().enumerate() {
        let jobs = case.lease(&email()).await.jobs;
        let mut found: Vec<_> = jobs.iter().map(|leased| super::row::key(&leased.job)).collect();
        let mut expected: Vec<_> = (0..3).map(|n| super::row::key(&each(n)[turn].job)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "turn {turn}");
        for leased in &jobs {
            case.settle(leased, Settlement::Done).await;
        }
    }
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

/// The ids of what waits for the email channel, and the workloads that it is about.
async fn gathered<Q: Gathering>(case: &Case<Q>, most: usize) -> (Vec<ItemId>, Vec<String>) {
    let waiting = case.queue.gathered("email", most).await.unwrap();
    waiting.into_iter().map(|item| (item.id, item.notice.workload.uid.into_string())).unzip()
}

async fn what_waits_to_go_out_together_stays_until_it_is_composed<Q: QueueAdmin + Gathering>(case: Case<Q>) {
    let items = ["c", "a", "b"].map(|uid| item(uid, NoticeKind::Available, case.now()));
    assert_eq!(case.put(items.to_vec()).await, Placed::News);
    assert_eq!(case.put(vec![items[1].clone()]).await, Placed::Coalesced, "the same notice put twice is one");
    case.clock.step(TimeDelta::seconds(9));
    for most in [2, 9] {
        let first = case.queue.gathered("email", most).await.unwrap();
        let put: Vec<(String, DateTime<Utc>)> =
            first.iter().map(|i| (i.notice.workload.uid.to_string(), i.since)).collect();
        let since = case.now() - TimeDelta::seconds(9);
        let expected: Vec<_> = ["c", "a", "b"].iter().take(most).map(|uid| ((*uid).to_owned(), since)).collect();
        assert_eq!(put, expected, "oldest first, and to read them changes nothing");
        assert_eq!(first[0].trace, Trace::parse("trace"));
    }
    assert!(case.queue.gathered("slack", 9).await.unwrap().is_empty());
    assert_eq!(case.queue.depth().await.unwrap().ready, [("gather:email".to_owned(), 3)]);
    assert_eq!(case.none(&Topic::Gather("email".into())).await, None, "nobody leases it");
    let (ids, _) = gathered(&case, 2).await;
    let message = mail("x@example.com", NoticeKind::Available, case.now());
    case.queue.compose(ids, vec![message.clone()]).await.unwrap();
    assert_eq!(gathered(&case, 9).await.1, ["b"]);
    let leased = case.one(&email()).await;
    assert_eq!(leased.job, message.job);
    case.settle(&leased, Settlement::Done).await;
}

async fn what_was_composed_is_not_told_twice<Q: QueueAdmin + Gathering>(case: Case<Q>) {
    let items = ["a", "b"].map(|uid| item(uid, NoticeKind::Available, case.now()));
    case.put(items.to_vec()).await;
    let (ids, _) = gathered(&case, 9).await;
    let message = mail("x@example.com", NoticeKind::Available, case.now());
    case.queue.compose(ids[..1].to_vec(), vec![message.clone()]).await.unwrap();
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Done).await;
    assert_eq!(case.put(items.to_vec()).await, Placed::Coalesced, "it was told");
    // As whoever does not learn how it ended.
    case.queue.compose(ids.clone(), vec![message]).await.unwrap();
    case.queue.compose([ids, vec![ItemId::new("itm_nobody_knows")]].concat(), Vec::new()).await.unwrap();
    assert_eq!((case.none(&email()).await, gathered(&case, 9).await.1), (None, Vec::<String>::new()));
    assert!(case.queue.depth().await.unwrap().ready.is_empty());
}

async fn whoever_composes_is_woken<Q: QueueAdmin + Gathering>(case: Case<Q>) {
    let (waits, sends) = (case.queue.changed(&Topic::Gather("email".into())), case.queue.changed(&email()));
    case.put(vec![item("a", NoticeKind::Available, case.now())]).await;
    waits.notified().await;
    let (ids, _) = gathered(&case, 9).await;
    case.queue.compose(ids, vec![mail("x@example.com", NoticeKind::Available, case.now())]).await.unwrap();
    sends.notified().await;
}

/// Gives up the one message of the email channel that may be sent now. Gives its id.
async fn given_up<Q: Letters>(case: &Case<Q>) -> String {
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Dead { reason: "550".into() }).await;
    super::row::key(&leased.job)
}

async fn listed<Q: Letters>(case: &Case<Q>, state: Option<LetterState>) -> Vec<(String, LetterState)> {
    let page = case.queue.letters(Asked { state, most: 10, ..Asked::default() }).await.unwrap();
    page.letters.into_iter().map(|letter| (letter.id, letter.state)).collect()
}

async fn a_dead_letter_is_sent_again_as_if_it_were_new<Q: Letters>(case: Case<Q>) {
    case.put(vec![mail("x@example.com", NoticeKind::Available, case.now()), look("a", case.now())]).await;
    let retry = Settlement::Retry { at: case.now(), reason: "421".into() };
    case.settle(&case.one(&email()).await, retry).await;
    case.clock.step(TimeDelta::days(2));
    let id = given_up(&case).await;
    let letter = case.queue.letter(&id).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.attempts, letter.error.as_deref()), (LetterState::Dead, 2, Some("550")));
    assert_eq!((letter.channel.as_str(), letter.next, letter.changed), ("email", None, case.now()));
    assert_eq!(listed(&case, Some(LetterState::Dead)).await, [(id.clone(), LetterState::Dead)]);
    let changed = case.queue.changed(&email());
    assert_eq!(case.queue.send_again(&id).await.unwrap(), Acted::Done);
    changed.notified().await;
    assert_eq!(listed(&case, None).await, [(id.clone(), LetterState::Waiting)]);
    let waits = Acted::NotDead(LetterState::Waiting);
    assert_eq!(
        [case.queue.send_again(&id).await.unwrap(), case.queue.discard(&id).await.unwrap()],
        [waits, waits],
        "only what was given up"
    );
    let leased = case.one(&email()).await;
    assert_eq!((leased.attempt, leased.created), (1, case.now()), "its attempts and its age are counted anew");
    case.settle(&leased, Settlement::Done).await;
    assert_eq!(case.queue.letter(&id).await.unwrap().map(|letter| letter.state), Some(LetterState::Delivered));
    assert_eq!(case.queue.send_again(&id).await.unwrap(), Acted::NotDead(LetterState::Delivered));
    assert_eq!(listed(&case, Some(LetterState::Delivered)).await, [(id, LetterState::Delivered)]);
    assert!(listed(&case, None).await.is_empty(), "what arrived is asked for");
    assert_eq!(case.queue.send_again("msg_unknown").await.unwrap(), Acted::Unknown);
    assert_eq!(case.queue.depth().await.unwrap().ready, [("look".to_owned(), 1)]);
}

async fn what_arrived_is_listed_page_by_page_the_last_first<Q: Letters>(case: Case<Q>) {
    let mut expected = Vec::new();
    for (at, to) in [(0, "a@example.com"), (1, "b@example.com"), (2, "c@example.com")] {
        case.put(vec![mail(to, NoticeKind::Available, case.now())]).await;
        expected.insert(0, listed(&case, Some(LetterState::Waiting)).await.remove(0).0);
        let leased = case.one(&email()).await;
        case.clock.step(TimeDelta::seconds(10 - at));
        case.settle(&leased, Settlement::Done).await;
    }
    let page = async |before| {
        let state = Some(LetterState::Delivered);
        let asked = Asked { state, channel: Some("email".into()), before, most: 2 };
        let page = case.queue.letters(asked).await.unwrap();
        (page.letters.into_iter().map(|letter| letter.id).collect::<Vec<_>>(), page.next)
    };
    let (first, next) = page(None).await;
    let (second, end) = page(next).await;
    assert_eq!(([first, second].concat(), end), (expected, None));
    let other = Asked { state: Some(LetterState::Delivered), channel: Some("pager".into()), before: None, most: 2 };
    assert!(case.queue.letters(other).await.unwrap().letters.is_empty());
}

async fn a_dead_letter_that_is_thrown_away_is_not_told_anew<Q: Letters>(case: Case<Q>) {
    let message = mail("x@example.com", NoticeKind::Available, case.now());
    case.put(vec![message.clone()]).await;
    let id = given_up(&case).await;
    assert_eq!(case.queue.discard(&id).await.unwrap(), Acted::Done);
    assert_eq!(case.queue.discard(&id).await.unwrap(), Acted::NotDead(LetterState::Done));
    assert_eq!(case.queue.discard("msg_unknown").await.unwrap(), Acted::Unknown);
    assert_eq!(case.put(vec![message]).await, Placed::Coalesced);
    let (depth, troubles) = (case.queue.depth().await.unwrap(), case.queue.troubles().await.unwrap());
    assert!(depth.dead.is_empty() && listed(&case, None).await.is_empty(), "{depth:?}");
    assert!(listed(&case, Some(LetterState::Delivered)).await.is_empty(), "it did not arrive");
    assert!(troubles.last_done.is_empty(), "nothing arrived: {troubles:?}");
}

/// Has the one message of the email channel fail. Gives it with its next lease.
async fn failed<Q: QueueAdmin>(case: &Case<Q>) -> Leased {
    case.put(vec![mail("x@example.com", NoticeKind::Available, case.now())]).await;
    let retry = Settlement::Retry { at: case.now(), reason: "421".into() };
    let first = case.one(&email()).await;
    assert_eq!(first.failed, None);
    case.settle(&first, retry).await;
    case.one(&email()).await
}

/// What fails, by topic, with how many, since when and why.
async fn failing<Q: QueueAdmin>(case: &Case<Q>) -> Vec<(String, u64, DateTime<Utc>, String)> {
    let troubles = case.queue.troubles().await.unwrap();
    let of = |it: super::Trouble| (it.topic, it.retried, it.last.at, it.last.reason.unwrap_or_default());
    troubles.failing.into_iter().map(of).collect()
}

async fn what_is_withdrawn_did_not_arrive<Q: Letters>(case: Case<Q>) {
    let leased = failed(&case).await;
    let id = super::row::key(&leased.job);
    case.settle(&leased, Settlement::Withdrawn { reason: "it was answered".into() }).await;
    let letter = case.queue.letter(&id).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.error.as_deref()), (LetterState::Done, Some("it was answered")));
    assert!(listed(&case, None).await.is_empty() && listed(&case, Some(LetterState::Delivered)).await.is_empty());
    let (depth, troubles) = (case.queue.depth().await.unwrap(), case.queue.troubles().await.unwrap());
    assert!(depth.ready.is_empty() && depth.dead.is_empty(), "{depth:?}");
    assert_eq!(troubles, crate::queue::Troubles::default(), "nothing arrived, and nothing waits");
    let again = case.put(vec![mail("x@example.com", NoticeKind::Available, case.now())]).await;
    assert_eq!(again, Placed::Coalesced, "it is not told anew");
}

/// Fault r28-2: a question was closed for the moment in which its message had its turn.
async fn what_was_not_told_is_stored_anew<Q: Letters + Gathering>(case: Case<Q>) {
    let message = || vec![mail("x@example.com", NoticeKind::Available, case.now())];
    case.put(message()).await;
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Withdrawn { reason: format!("{}no news", super::row::NOT_TOLD) }).await;
    assert_eq!(case.put(message()).await, Placed::News);
    let again = case.one(&email()).await;
    assert_eq!((&again.job, again.attempt, &again.failed), (&leased.job, 1, &None));
    case.settle(&again, Settlement::Done).await;
    let items = || ["a", "b"].map(|uid| item(uid, NoticeKind::Available, case.now())).to_vec();
    case.put(items()).await;
    let waiting = case.queue.gathered("email", 9).await.unwrap();
    let ids: Vec<String> = waiting.iter().map(|item| item.id.as_str().to_owned()).collect();
    let not_told = || [&ids[..1], &[super::row::key(&message()[0].job), "unknown".into()]].concat();
    case.queue.not_told(not_told()).await.unwrap();
    assert_eq!(case.put(items()).await, Placed::Coalesced, "they wait still");
    case.queue.compose(waiting.into_iter().map(|item| item.id).collect(), Vec::new()).await.unwrap();
    assert_eq!(case.put(items()).await, Placed::Coalesced);
    case.queue.not_told(not_told()).await.unwrap();
    assert_eq!(case.put(message()).await, Placed::Coalesced, "it arrived");
    assert_eq!((case.put(items()).await, case.put(items()).await), (Placed::News, Placed::Coalesced));
    let waiting = case.queue.gathered("email", 9).await.unwrap();
    assert_eq!(waiting.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), [ids[0].as_str()]);
    assert_eq!(case.queue.depth().await.unwrap().ready, [("gather:email".to_owned(), 1)]);
}

/// Fault r27-8: others arrived since, and whoever asks was told that it failed when it was put off.
async fn what_is_put_off_keeps_when_it_failed_and_why<Q: Letters>(case: Case<Q>) {
    let (at, reason) = (case.now(), "421".to_owned());
    case.put(vec![mail("x@example.com", NoticeKind::Available, at)]).await;
    case.settle(&case.one(&email()).await, Settlement::Retry { at, reason: reason.clone() }).await;
    case.clock.step(TimeDelta::hours(1));
    let leased = case.one(&email()).await;
    assert_eq!(leased.failed, Some(Failed { at, reason: reason.clone() }));
    assert_eq!(failing(&case).await, [("deliver:email".to_owned(), 1, at, reason.clone())], "it is tried again");
    let morning = case.now() + TimeDelta::hours(9);
    case.settle(&leased, Settlement::Again(morning)).await;
    assert_eq!(failing(&case).await, [("deliver:email".to_owned(), 1, at, reason.clone())]);
    case.clock.step(TimeDelta::hours(9));
    let leased = case.one(&email()).await;
    assert_eq!((leased.attempt, leased.created, leased.failed.clone()), (1, morning, Some(Failed { at, reason })));
    case.settle(&leased, Settlement::Retry { at: case.now(), reason: "450".into() }).await;
    assert_eq!(failing(&case).await, [("deliver:email".to_owned(), 1, case.now(), "450".to_owned())]);
    let leased = case.one(&email()).await;
    case.settle(&leased, Settlement::Done).await;
    assert_eq!(failing(&case).await, []);
    assert_eq!(listed(&case, Some(LetterState::Delivered)).await.len(), 1);
}

/// Faults r27-7 and r27-8: a part that was composed was said to have arrived, and nothing failed any more until the next attempt.
async fn what_waits_in_parts_keeps_when_it_failed_and_why<Q: Letters + Gathering>(case: Case<Q>) {
    let failed = Failed { at: case.now() - TimeDelta::hours(2), reason: "421".into() };
    let part = NewJob { failed: Some(failed.clone()), ..item("a", NoticeKind::Available, case.now()) };
    case.put(vec![part, item("b", NoticeKind::Available, case.now())]).await;
    let of = |topic: &str| vec![(topic.to_owned(), 1, failed.at, "421".to_owned())];
    assert_eq!(failing(&case).await, of("gather:email"));
    let waiting = case.queue.gathered("email", 9).await.unwrap();
    assert_eq!(waiting.iter().map(|item| item.failed.clone()).collect::<Vec<_>>(), [Some(failed.clone()), None]);
    let ids: Vec<ItemId> = waiting.into_iter().map(|item| item.id).collect();
    let part = ids[0].as_str().to_owned();
    assert!(listed(&case, None).await.contains(&(part.clone(), LetterState::Retried)));
    let message = mail("x@example.com", NoticeKind::Available, case.now());
    case.queue.compose(ids, vec![NewJob { failed: Some(failed.clone()), ..message }]).await.unwrap();
    assert_eq!(failing(&case).await, of("deliver:email"), "it is told with others now, and was not yet");
    let letter = case.queue.letter(&part).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.error.as_deref()), (LetterState::Done, Some(super::gathering::COMPOSED)));
    assert_eq!(case.queue.discard(&part).await.unwrap(), Acted::NotDead(LetterState::Done), "it did not arrive");
    let arrived = async || case.queue.troubles().await.unwrap().last_done.into_keys().collect::<Vec<_>>();
    assert_eq!((arrived().await, listed(&case, Some(LetterState::Delivered)).await), (vec![], vec![]));
    let leased = case.one(&email()).await;
    assert_eq!(leased.failed, Some(failed));
    case.settle(&leased, Settlement::Done).await;
    assert_eq!((arrived().await, failing(&case).await), (vec![email().name()], vec![]));
}

/// What is overtaken by what is told at once did not arrive either.
async fn what_became_old_news_did_not_arrive<Q: Letters + Gathering>(case: Case<Q>) {
    case.put(vec![item("a", NoticeKind::Available, case.now())]).await;
    let (ids, _) = gathered(&case, 9).await;
    let mut failed = about("a", NoticeKind::Failed);
    failed.by = Some(crate::domain::actor::Actor::Policy);
    let at_once = Job::Deliver(Box::new(Delivery::of("email", "x@example.com", failed)));
    case.put(vec![NewJob { job: at_once, ..mail("x@example.com", NoticeKind::Failed, case.now()) }]).await;
    let letter = case.queue.letter(ids[0].as_str()).await.unwrap().unwrap();
    assert_eq!((letter.state, letter.error.as_deref()), (LetterState::Done, Some(super::gathering::OLD_NEWS)));
    assert_eq!(case.queue.troubles().await.unwrap(), crate::queue::Troubles::default());
}

/// It was a message when quiet hours began, and what tells at once how its update went on waited behind it: in the morning people
/// would be told that an update was applied which they were told at night to have gone back.
async fn what_was_overtaken_is_not_put_off<Q: Letters + Gathering>(case: Case<Q>) {
    let to = |recipient: &str, kind, uid: &str| {
        let notice = Notice { by: Some(crate::domain::actor::Actor::Policy), ..about(uid, kind) };
        let delivery = Box::new(Delivery::of("email", recipient, notice));
        NewJob { job: Job::Deliver(delivery), ..mail(recipient, kind, case.now()) }
    };
    let (x, y) = ("x@example.com", "y@example.com");
    case.put(vec![to(x, NoticeKind::Applied, "a"), to(x, NoticeKind::RolledBack, "a")]).await;
    case.put(vec![to(y, NoticeKind::Applied, "a"), to(x, NoticeKind::Applied, "b")]).await;
    let until = case.now() + TimeDelta::hours(9);
    for leased in case.lease(&email()).await.jobs {
        let Job::Deliver(delivery) = &leased.job else { panic!("a message") };
        let part = |part| NewJob { job: Job::Gather(Box::new(part)), ..item("a", NoticeKind::Applied, case.now()) };
        case.put(Gathered::put_off(delivery, until).into_iter().map(part).collect()).await;
        case.settle(&leased, Settlement::Withdrawn { reason: "put off".into() }).await;
    }
    let waiting = case.queue.gathered("email", 9).await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|it| (it.only.as_deref(), &*it.notice.workload.uid)).collect();
    assert_eq!(waiting, [(Some(y), "a"), (Some(x), "b")], "who is told nothing further, and another update");
    let next = case.one(&email()).await;
    assert!(matches!(&next.job, Job::Deliver(it) if it.event() == "update.rolled_back"), "{next:?}");
}

/// Somebody mended what a channel lacked, and messages that failed there would wait for hours.
async fn what_failed_is_tried_at_once_when_somebody_says_that_its_channel_works<Q: Letters>(case: Case<Q>) {
    let of = |recipient| mail(recipient, NoticeKind::Available, case.now());
    case.put(["a@x", "b@x", "c@x", "d@x"].map(of).to_vec()).await;
    let jobs = case.lease(&email()).await.jobs;
    let born = jobs[0].created;
    let retry = || Settlement::Retry { at: case.now() + TimeDelta::hours(10), reason: "503".into() };
    case.settle(&jobs[0], retry()).await;
    case.settle(&jobs[1], retry()).await;
    case.settle(&jobs[2], Settlement::Again(case.now() + TimeDelta::hours(10))).await;
    assert!(case.none(&email()).await.is_some(), "one is under way");
    case.clock.step(TimeDelta::minutes(1));
    assert_eq!(case.queue.hasten("slack").await.unwrap(), 0);
    assert!(case.none(&email()).await.is_some());
    let changed = case.queue.changed(&email());
    assert_eq!(case.queue.hasten("email").await.unwrap(), 2, "those that failed");
    changed.notified().await;
    let again = case.lease(&email()).await.jobs;
    let found: Vec<_> = again.iter().map(|leased| (leased.attempt, leased.created)).collect();
    assert_eq!(found, [(2, born); 2], "age and attempts are counted on");
    assert_eq!(case.queue.hasten("email").await.unwrap(), 0, "they are under way");
    for leased in again.iter().chain([&jobs[3]]) {
        case.settle(leased, Settlement::Done).await;
    }
    assert_eq!(case.none(&email()).await, Some(Duration::from_secs(36_000 - 60)));
}

async fn each_dead_letter_is_told_of_once<Q: Letters>(case: Case<Q>) {
    let happened = case.queue.given_up();
    case.put(vec![mail("x@example.com", NoticeKind::Available, case.now()), look("a", case.now())]).await;
    let id = given_up(&case).await;
    happened.notified().await;
    case.settle(&case.one(&Topic::Look).await, Settlement::Dead { reason: "no".into() }).await;
    let untold = async || case.queue.untold(9).await.unwrap().into_iter().map(|letter| letter.id).collect::<Vec<_>>();
    assert_eq!(
        (untold().await, untold().await),
        (vec![id.clone()], vec![id.clone()]),
        "messages only, until it is said"
    );
    case.queue.were_told(vec![id.clone()]).await.unwrap();
    assert!(untold().await.is_empty());
    case.queue.send_again(&id).await.unwrap();
    assert_eq!((given_up(&case).await, untold().await), (id.clone(), vec![id]), "it was given up once more");
}

fn announced(name: &str, tag: &str, at: DateTime<Utc>) -> Announced {
    let repository = Repository::parse(&format!("registry.example.com/{name}")).unwrap();
    Announced { repository, tag: Tag::parse(tag).unwrap(), digest: None, at }
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
    let kept = case.queue.announced(&a.repository).await.unwrap();
    assert_eq!(kept, std::slice::from_ref(&anew), "it was announced again meanwhile");
    // The same tag as something else is news, however soon it comes.
    for digest in [Some(Digest::of(b"one")), Some(Digest::of(b"two")), None] {
        let pushed = Announced { digest, ..anew.clone() };
        case.queue.announce(vec![pushed.clone()]).await.unwrap();
        assert_eq!(case.queue.announced(&a.repository).await.unwrap(), [pushed]);
    }
    case.queue.found(vec![anew]).await.unwrap();
    assert_eq!(case.queue.announced(&a.repository).await.unwrap(), []);
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
