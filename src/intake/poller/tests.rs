use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::plan::tests::{at, schedule};
use super::*;
use crate::ambient::Clock;
use crate::queue::{Batch, Depth, Leased, Placed, Settlement, Sharing, Topic};

/// A clock that is set, a queue that takes looks, and what is kept.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: DateTime<Utc>,
    queued: Vec<NewJob>,
    kept: HashMap<String, String>,
    is_full: bool,
}

impl Clock for World {
    fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().now
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

impl Kept for World {
    async fn recall(&self, key: &str) -> Option<String> {
        self.0.lock().unwrap().kept.get(key).cloned()
    }

    async fn keep(&self, key: &str, value: String, _: DateTime<Utc>) {
        self.0.lock().unwrap().kept.insert(key.to_owned(), value);
    }
}

impl Queue for World {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        let mut state = self.0.lock().unwrap();
        if state.is_full {
            return Err(QueueError::Full(1));
        }
        state.queued.extend(jobs);
        Ok(Placed::News)
    }

    async fn lease(&self, _: &Topic, _: usize, _: &Sharing) -> Result<Batch, QueueError> {
        Ok(Batch::default())
    }

    async fn settle(&self, _: &Leased, _: Settlement) -> Result<(), QueueError> {
        Ok(())
    }

    fn changed(&self, _: &Topic) -> Arc<Notify> {
        Arc::default()
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        Ok(Depth::default())
    }
}

impl World {
    fn poller(&self, pace: Pace) -> Poller<Self> {
        let name = |n| Repository::parse(&format!("registry.example.com/team/web-{n}")).unwrap();
        Poller {
            queue: self.clone(),
            ambient: Ambient::system().at(Arc::new(self.clone())),
            metrics: Metrics::new(),
            repositories: Box::new(move || (0..200).map(name).collect()),
            pace: Box::new(move |_| pace),
            configured: Digest::of(b"as before"),
        }
    }

    /// A poller begins at this moment, on a paused clock, and is told to end: how many looks it queued.
    async fn begins(
        &self,
        poller: &Poller<Self>,
        on_boot: Option<DateTime<Utc>>,
        cron: Option<&str>,
        now: &str,
    ) -> usize {
        let (raise, stop) = Stop::new();
        let ends = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            raise.raise();
        };
        tokio::join!(poller.run(on_boot, cron.map(|cron| schedule(cron, now)), stop), ends);
        std::mem::take(&mut self.0.lock().unwrap().queued).len()
    }

    /// A process that runs from one moment to another, and what it queued.
    async fn process(&self, cron: &str, from: &str, to: &str, on_boot: bool) -> Vec<NewJob> {
        self.0.lock().unwrap().now = at(from);
        let poller = self.poller(Pace::Usual);
        let mut plan = Plan::new(schedule(cron, from), poller.recall().await, at(from));
        if on_boot {
            plan.begin_now(at(from));
        }
        while self.now() < at(to) {
            let nap = poller.go_on(&mut plan).await;
            self.0.lock().unwrap().now += TimeDelta::from_std(nap).unwrap();
        }
        std::mem::take(&mut self.0.lock().unwrap().queued)
    }
}

const CRON: &str = "0 */3 * * *";

#[tokio::test]
async fn a_cycle_queues_each_repository_once_spread_over_it() {
    let world = World::default();
    assert_eq!(world.process(CRON, "24T10:00:00", "24T11:59:00", false).await.len(), 0);
    for (from, to) in [("24T11:59:59", "24T14:59:58"), ("24T14:59:59", "24T17:59:00")] {
        let queued = world.process(CRON, from, to, false).await;
        let mut names: Vec<String> = queued.iter().map(|new| format!("{:?}", new.job)).collect();
        names.sort();
        names.dedup();
        assert_eq!((queued.len(), names.len()), (200, 200));
        assert!(queued.iter().all(|new| new.urgency == Urgency::Routine));
        let hour = |hour| at(from) + TimeDelta::hours(hour);
        let within = |n| queued.iter().filter(|new| hour(n) <= new.not_before && new.not_before < hour(n + 1)).count();
        assert!([within(0), within(1), within(2)].iter().all(|looks| *looks > 40), "spread");
    }
}

#[tokio::test]
async fn a_process_that_starts_again_goes_on_where_the_one_before_it_ended() {
    let world = World::default();
    let mut all = Vec::new();
    for (from, to) in [
        ("24T11:00:00", "24T12:20:00"),
        ("24T12:20:30", "24T13:10:00"),
        // Down for half an hour.
        ("24T13:40:00", "24T13:40:30"),
        ("24T13:40:40", "24T14:59:00"),
    ] {
        all.extend(world.process(CRON, from, to, false).await);
    }
    assert_eq!(all.len(), 200, "each once, as if it had run on");
    let again = world.process(CRON, "24T14:59:10", "24T14:59:50", false).await;
    assert_eq!(again.len(), 0, "a start is no reason to ask");
    let missed = world.process(CRON, "24T16:30:00", "24T17:59:00", false).await;
    assert_eq!(missed.len(), 200, "the cycle of 15:00 is made up for");
    let missed = world.process(CRON, "26T16:30:00", "26T17:59:00", false).await;
    assert_eq!(missed.len(), 200, "two days are made up for by one cycle");
}

#[tokio::test]
async fn a_start_that_is_told_to_asks_everything_at_once_and_not_again_in_that_cycle() {
    let world = World::default();
    let queued = world.process(CRON, "24T12:10:00", "24T12:10:01", true).await;
    assert_eq!(queued.len(), 200);
    assert!(queued.iter().all(|new| new.not_before == at("24T12:10:00")));
    assert_eq!(world.process(CRON, "24T12:20:00", "24T14:59:00", false).await.len(), 0);
    assert_eq!(world.process(CRON, "24T14:59:30", "24T17:59:00", false).await.len(), 200);
}

/// One stands still while another takes over, and then believes to be the one for a moment longer.
#[tokio::test]
async fn whoever_stood_still_begins_nothing_that_another_has_begun() {
    let world = World::default();
    world.0.lock().unwrap().now = at("24T11:59:00");
    let (stands, other) = (world.poller(Pace::Usual), world.poller(Pace::Usual));
    let mut plan = Plan::new(schedule(CRON, "24T11:59:00"), stands.recall().await, at("24T11:59:00"));
    while stands.go_on(&mut plan).await == Duration::ZERO {}
    let mut others = Plan::new(schedule(CRON, "24T11:59:00"), other.recall().await, at("24T11:59:00"));
    let mut now = at("24T12:00:00");
    while now < at("24T13:00:00") {
        world.0.lock().unwrap().now = now;
        now += TimeDelta::from_std(other.go_on(&mut others).await).unwrap();
    }
    let queued = world.0.lock().unwrap().queued.len();
    assert!(queued > 40, "{queued}");
    while stands.go_on(&mut plan).await == Duration::ZERO {}
    assert_eq!(world.0.lock().unwrap().queued.len(), queued);
}

/// Several that start have all looked at once, by the one that is the first to do so.
#[tokio::test(start_paused = true)]
async fn a_start_is_one_reason_to_ask_whoever_goes_on_after_it() {
    for cron in [Some("0 0 1 1 *"), None] {
        let world = World::default();
        let started = at("24T12:10:00");
        for (now, looks) in [("24T12:10:05", 200), ("24T12:11:00", 0), ("24T12:50:00", 0)] {
            world.0.lock().unwrap().now = at(now);
            let poller = world.poller(Pace::Usual);
            assert_eq!(world.begins(&poller, Some(started), cron, now).await, looks, "{cron:?} {now}");
        }
    }
}

/// Somebody sets a channel, or what a registry needs, and starts it again: who waits for that does not wait for the schedule.
#[tokio::test(start_paused = true)]
async fn a_start_that_is_configured_otherwise_asks_everything_once() {
    for cron in [Some("0 0 1 1 *"), None] {
        let world = World::default();
        let starts = [
            ("24T12:10:00", "no channel", 0),
            ("24T12:20:00", "no channel", 0),
            ("24T12:30:00", "mail", 200),
            ("24T12:40:00", "mail", 0),
            ("24T12:50:00", "no channel", 200),
        ];
        for (now, configured, looks) in starts {
            world.0.lock().unwrap().now = at(now);
            let poller = Poller { configured: Digest::of(configured.as_bytes()), ..world.poller(Pace::Usual) };
            assert_eq!(world.begins(&poller, None, cron, now).await, looks, "{cron:?} {now}");
        }
    }
}

#[tokio::test]
async fn what_the_queue_did_not_take_is_queued_later() {
    let world = World::default();
    world.0.lock().unwrap().is_full = true;
    assert_eq!(world.process(CRON, "24T11:59:00", "24T12:30:00", false).await.len(), 0);
    world.0.lock().unwrap().is_full = false;
    assert_eq!(world.process(CRON, "24T12:30:00", "24T14:59:00", false).await.len(), 200);
}

/// What `ImageWatcherPollStale` asks.
#[tokio::test]
async fn a_round_that_can_not_be_queued_is_told_by_its_date() {
    for (on_boot, missed) in [(false, "24T15:00:00"), (true, "24T12:00:00")] {
        let world = World::default();
        world.0.lock().unwrap().now = at("24T11:58:00");
        let poller = world.poller(Pace::Usual);
        let mut plan = Plan::new(schedule(CRON, "24T11:58:00"), None, at("24T11:58:00"));
        if on_boot {
            plan.begin_now(at("24T11:58:00"));
        }
        for (until, is_full, next) in [
            // Full from the first look on, which is at once where all is looked at at the start.
            ("24T11:59:00", on_boot, "24T12:00:00"),
            ("24T12:30:00", true, missed),
            ("24T19:01:00", true, missed),
            ("24T19:30:00", false, "24T21:00:00"),
            ("24T20:00:00", true, "24T21:00:00"),
        ] {
            world.0.lock().unwrap().is_full = is_full;
            while world.now() < at(until) {
                let nap = poller.go_on(&mut plan).await;
                world.0.lock().unwrap().now += TimeDelta::from_std(nap).unwrap();
            }
            let told = (poller.metrics.poll_next.get(), poller.metrics.poll_interval.get());
            assert_eq!(told, (at(next).timestamp(), 3 * 3600), "{on_boot} until {until}");
        }
    }
}

#[tokio::test]
async fn a_repository_is_looked_at_as_often_as_its_webhooks_deserve() {
    for (pace, looks) in [(Pace::Stretched, 80..120), (Pace::Usual, 200..201), (Pace::Shrunk, 400..401)] {
        let world = World::default();
        world.0.lock().unwrap().now = at("24T12:00:00");
        let (poller, cycle) = (world.poller(pace), Cycle::begin(0, at("24T12:00:00"), Some(at("24T15:00:00"))));
        for minute in 0..180 {
            let from = cycle.began - MOMENT + TimeDelta::minutes(minute);
            poller.queue_looks(&cycle, from, from + TimeDelta::minutes(1)).await.unwrap();
        }
        let queued = world.0.lock().unwrap().queued.len();
        assert!(looks.contains(&queued), "{pace:?}: {queued}");
    }
}
