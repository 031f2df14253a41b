//! What waits for quiet hours to end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::gate::Moment;
use super::gather::Gatherer;
use super::sender::Sender;
use super::sender::tests::through;
use super::{Attempt, Channel, Channels, Scope, Transport, email};
use crate::ambient::{Ambient, Clock};
use crate::domain::event::tests::notice;
use crate::domain::event::{Delivery, Gathered, Job, Notice, NoticeKind, Told};
use crate::domain::window::Windows;
use crate::queue::sqlite::SqliteQueue;
use crate::queue::worker::Verdict;
use crate::queue::{
    Asked, Leased, LetterState, Letters as _, NewJob, Queue as _, QueueAdmin as _, Settlement, Sharing, Topic,
};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// A clock that is set by hand.
struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// A channel whose quiet hours are from ten to seven, what gathers for it and what takes messages there.
struct Night {
    clock: Arc<Hand>,
    sender: Sender<SqliteQueue>,
    gatherer: Gatherer<SqliteQueue>,
    _folder: tempfile::TempDir,
}

impl Night {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(Mutex::new("2026-11-24T21:59:00Z".parse().unwrap())));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let quiet = Some(Windows::read_in("22:00-07:00", chrono_tz::UTC).unwrap());
        let transport = Transport::Email(Box::new(email::tests::channel_to(&[ANN, BOB])));
        let mail = Channel::new("mail".into(), Scope { quiet, ..Scope::default() }, transport);
        let channels = Arc::new(Channels::new(vec![mail], None));
        let gatherer = Gatherer {
            queue: queue.clone(),
            channels: Arc::clone(&channels),
            channel: "mail".into(),
            when_looked: Arc::new(|| Some(DateTime::UNIX_EPOCH)),
            ambient: ambient.clone(),
        };
        let sender = through(&queue, &channels, &ambient);
        Self { clock, sender, gatherer, _folder: folder }
    }

    fn is(&self, moment: &str) {
        *self.clock.0.lock().unwrap() = moment.parse().unwrap();
    }

    async fn composed(&self, recipient: &str, told: Told) {
        let delivery = Delivery { channel: "mail".into(), recipient: recipient.into(), told };
        let job = NewJob::prompt(Job::Deliver(Box::new(delivery)), "", self.sender.ambient.now());
        self.sender.queue.put(vec![job]).await.unwrap();
    }

    async fn leased(&self) -> Vec<Leased> {
        let topic = Topic::Deliver("mail".into());
        self.sender.queue.lease(&topic, 100, &Sharing::in_order(100)).await.unwrap().jobs
    }

    /// All that waits has its turn, `times` each as after a crash.
    async fn turns(&self, times: usize) {
        for leased in self.leased().await {
            let mut ended = Settlement::Done;
            for _ in 0..times {
                ended = match self.sender.send(&leased).await {
                    Verdict::Again(at) => Settlement::Again(at),
                    Verdict::Withdrawn { reason } => Settlement::Withdrawn { reason },
                    other => panic!("{other:?}"),
                };
            }
            self.sender.queue.settle(&leased, ended).await.unwrap();
        }
    }

    /// Recipients, and what is told to each in one message.
    async fn goes_out(&self) -> Vec<(String, Vec<String>)> {
        self.gatherer.step(&mut None).await.unwrap();
        let told = |leased: Leased| {
            let Job::Deliver(delivery) = leased.job else { panic!("a message") };
            let about = delivery.notices().iter().map(|notice| notice.workload.name.to_string()).collect();
            (delivery.recipient.clone(), about)
        };
        let mut all: Vec<_> = self.leased().await.into_iter().map(told).collect();
        all.sort();
        all
    }
}

fn about(number: usize) -> Notice {
    let mut notice = notice(NoticeKind::Available);
    let name = format!("web-{number:02}");
    (notice.workload.name, notice.workload.uid) = (name.as_str().into(), name.as_str().into());
    notice.to.tag = format!("1.3.{number}");
    notice
}

fn names(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| format!("web-{number:02}")).collect()
}

/// What was composed by day waits for a channel that does not work until quiet hours begin: next morning it is one message with all
/// else, and not one after another. Who was told of some of it by day is not told of that again.
#[tokio::test]
async fn what_was_composed_before_quiet_hours_is_one_message_in_the_morning() {
    let night = Night::new();
    for number in 0..12 {
        night.composed(ANN, Told::of(vec![about(number)]).unwrap()).await;
    }
    night.composed(ANN, Told::of(vec![about(12), about(13)]).unwrap()).await;
    for number in 0..3 {
        night.composed(BOB, Told::of(vec![about(number)]).unwrap()).await;
    }
    night.is("2026-11-24T22:30:00Z");
    night.turns(2).await;
    assert_eq!(night.goes_out().await, [], "it is night");
    night.is("2026-11-25T07:00:00Z");
    let told = night.goes_out().await;
    assert_eq!(told, [(ANN.to_owned(), names(0..14)), (BOB.to_owned(), names(0..3))]);
}

#[tokio::test]
async fn what_waits_alone_for_the_morning_goes_out_as_it_is_and_waits_for_the_next_one_too() {
    let night = Night::new();
    night.composed(ANN, Told::of(vec![about(1)]).unwrap()).await;
    for (evening, morning) in
        [("2026-11-24T22:30:00Z", "2026-11-25T07:00:00Z"), ("2026-11-25T22:00:00Z", "2026-11-26T07:00:00Z")]
    {
        night.is(evening);
        night.turns(1).await;
        assert_eq!(night.goes_out().await, [], "it is night");
        night.is(morning);
        night.gatherer.step(&mut None).await.unwrap();
    }
    let leased = night.leased().await;
    let [Leased { job: Job::Deliver(delivery), .. }] = leased.as_slice() else { panic!("{leased:?}") };
    assert_eq!((delivery.event(), &*delivery.notices()[0].workload.name), ("update.available", "web-01"));
}

/// Whoever sends it has a clock that is a moment behind that of who composed it, or its clock was set back between the two.
#[tokio::test]
async fn what_was_composed_in_the_morning_is_not_put_off_to_the_same_morning() {
    let night = Night::new();
    night.composed(ANN, Told::of(vec![about(1)]).unwrap()).await;
    night.is("2026-11-24T22:30:00Z");
    night.turns(1).await;
    night.is("2026-11-25T07:00:00Z");
    night.gatherer.step(&mut None).await.unwrap();
    night.is("2026-11-25T06:59:59Z");
    night.turns(1).await;
    night.is("2026-11-25T07:00:01Z");
    assert_eq!(night.goes_out().await, [(ANN.to_owned(), names(1..2))]);
}

/// Fault r26: it was settled as what arrived, and why it failed was forgotten.
#[tokio::test]
async fn what_failed_before_quiet_hours_did_not_arrive_and_is_failing_still() {
    let night = Night::new();
    night.composed(ANN, Told::of(vec![about(1), about(2)]).unwrap()).await;
    let queue = &night.sender.queue;
    let leased = night.leased().await.remove(0);
    let retry = Settlement::Retry { at: night.sender.ambient.now(), reason: "it answers 535".into() };
    queue.settle(&leased, retry).await.unwrap();
    night.is("2026-11-24T22:30:00Z");
    night.turns(1).await;
    let troubles = queue.troubles().await.unwrap();
    assert_eq!(troubles.last_done, [].into(), "nobody got anything");
    let failing: Vec<_> =
        troubles.failing.iter().map(|it| (&*it.topic, it.retried, it.last.reason.as_deref())).collect();
    assert_eq!(failing, [("gather:mail", 2, Some("it answers 535"))]);
    let evening: DateTime<Utc> = "2026-11-24T21:59:00Z".parse().unwrap();
    assert_eq!(troubles.failing[0].last.at, evening, "fault r27-8: it did not fail when it was put off");
    let arrived = Asked { state: Some(LetterState::Delivered), most: 10, ..Asked::default() };
    assert_eq!(queue.letters(arrived).await.unwrap().letters, []);
    night.is("2026-11-25T07:00:00Z");
    assert_eq!(night.goes_out().await, [(ANN.to_owned(), names(1..3))]);
    let troubles = queue.troubles().await.unwrap();
    let failing: Vec<_> = troubles.failing.iter().map(|it| (&*it.topic, it.retried, it.last.at)).collect();
    assert_eq!(failing, [("deliver:mail", 1, evening)], "fault r27-7: until its next attempt all was well");
    assert_eq!(troubles.last_done, [].into(), "nobody got anything yet");
}

/// Its mail server is down when quiet hours begin: at night people hear that an update went back, and in the morning not that it was
/// applied.
#[tokio::test]
async fn what_went_back_at_night_was_not_applied_in_the_morning() {
    let night = Night::new();
    let by = Some(crate::domain::actor::Actor::Policy);
    for kind in [NoticeKind::Applied, NoticeKind::RolledBack] {
        night.composed(ANN, Told::of(vec![Notice { kind, by: by.clone(), ..about(1) }]).unwrap()).await;
    }
    night.composed(ANN, Told::of(vec![Notice { kind: NoticeKind::Applied, ..about(2) }]).unwrap()).await;
    night.is("2026-11-24T22:30:00Z");
    night.turns(1).await;
    let at_once = night.leased().await.remove(0);
    assert!(matches!(&at_once.job, Job::Deliver(it) if it.event() == "update.rolled_back"), "{at_once:?}");
    night.sender.queue.settle(&at_once, Settlement::Done).await.unwrap();
    night.is("2026-11-25T07:00:00Z");
    assert_eq!(night.goes_out().await, [(ANN.to_owned(), names(2..3))]);
}

/// Fault r26: nothing was composed, and all of it was settled as told.
#[tokio::test]
async fn what_waits_for_somebody_who_is_no_recipient_any_more_is_a_dead_letter() {
    let night = Night::new();
    night.composed("gone@example.com", Told::of(vec![about(1)]).unwrap()).await;
    night.is("2026-11-24T22:30:00Z");
    night.turns(1).await;
    let for_all =
        NewJob::prompt(Job::Gather(Box::new(Gathered::new("mail", about(2)))), "", night.sender.ambient.now());
    night.sender.queue.put(vec![for_all]).await.unwrap();
    night.is("2026-11-25T07:00:00Z");
    night.gatherer.step(&mut None).await.unwrap();
    let mut all = night.leased().await;
    let is_theirs = |leased: &Leased| matches!(&leased.job, Job::Deliver(it) if it.recipient == "gone@example.com");
    assert_eq!(all.len(), 3, "what is for all is told to who is a recipient: {all:?}");
    all.retain(is_theirs);
    let [theirs] = &all[..] else { panic!("{all:?}") };
    assert_eq!(theirs.job.clone().notices_mut().len(), 1);
    // Fault r27-9: it taught that the mail server works, which nobody had asked.
    let gate = night.sender.channels.find("mail").unwrap().gate();
    let now = Moment { wall: night.sender.ambient.now(), monotonic: night.sender.ambient.monotonic() };
    gate.learn(&Attempt::Retry { at: None, reason: "no answer".into() }, now, 0.5);
    let failing = gate.standing();
    let verdict = night.sender.send(theirs).await;
    assert_eq!(verdict, Verdict::Dead { reason: "the recipient is no longer configured".into() });
    assert_eq!((gate.standing(), failing.is_some()), (failing.clone(), true));
}
