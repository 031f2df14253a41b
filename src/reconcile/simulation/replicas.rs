//! Several replicas over one store: which of them does something, who stands still in the middle of it, how far their clocks
//! are apart, and what the store loses that it had not synced.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::chance::{Chance, Dice};
use super::driver::{Driver, POLL};
use super::world::{Apart, Paused, Stream, World};
use crate::ambient::{Ambient, Clock};

/// So far a replica's clock is ahead or late at most, in seconds, where nobody says it.
const MOST_APART: i64 = 120;

/// How many replicas a seed has: every other one has one.
pub(super) fn of(seed: u64) -> usize {
    match Chance::new(seed ^ 0x7265_706c).below(4) {
        0 | 1 => 1,
        2 => 2,
        _ => 3,
    }
}

/// What surrounds each of them.
pub(super) fn ambients(
    seed: u64,
    (count, apart): (usize, Option<i64>),
    clock: &Arc<Paused>,
    world: &mut World,
) -> Vec<Ambient> {
    let most = apart.unwrap_or(MOST_APART);
    let mut clocks = Chance::new(seed ^ 0xc10c);
    world.streams.resize_with(count, Stream::default);
    if count > 1 {
        world.apart = TimeDelta::seconds(2 * most);
    }
    let of = |replica: usize| {
        let throw = i64::try_from(clocks.below(241)).unwrap() - MOST_APART;
        let by = if count > 1 { TimeDelta::seconds(throw * most / MOST_APART) } else { TimeDelta::zero() };
        let clock = Arc::new(Apart(Arc::clone(clock), by)) as Arc<dyn Clock>;
        let dice = Dice::new(!seed ^ (u64::try_from(replica).unwrap() << 32));
        Ambient::new(clock, Arc::new(dice))
    };
    (0..count).map(of).collect()
}

impl Driver {
    /// Those that do not stand still.
    pub(super) fn awake(&self) -> Vec<usize> {
        (0..self.replicas.len()).filter(|n| !self.replicas[*n].is_stopped).collect()
    }

    /// One of them.
    pub(super) fn any(&self) -> usize {
        self.one_of(&self.awake())
    }

    /// Any, whether it stands still or not.
    pub(super) fn any_at_all(&self) -> usize {
        self.one_of(&(0..self.replicas.len()).collect::<Vec<_>>())
    }

    fn one_of(&self, all: &[usize]) -> usize {
        if let [one] = all { *one } else { self.chance(|chance| chance.pick(all).copied()).unwrap_or_default() }
    }

    fn struck(&self, by: &'static str) {
        self.world.with(|world| *world.struck.entry(by).or_default() += 1);
    }

    /// A replica is stopped in the middle of what it does, or goes on where it was, long after its leases are over.
    pub(super) fn stop_or_wake(&mut self) {
        if self.replicas.len() == 1 {
            return;
        }
        let (stops, wakes) = self.chance(|chance| (chance.permille(120), chance.permille(150)));
        match self.replicas.iter().position(|it| it.is_stopped) {
            Some(stopped) if wakes => {
                self.replicas[stopped].is_stopped = false;
                self.world.with(|world| world.log(format!("replica {stopped} goes on")));
            }
            None if stops => {
                let busy: Vec<usize> = (0..self.replicas.len()).filter(|n| self.replicas[*n].is_busy()).collect();
                if busy.is_empty() {
                    return;
                }
                let stopped = self.one_of(&busy);
                self.replicas[stopped].is_stopped = true;
                self.struck("stopped in the middle");
                self.world.with(|world| world.log(format!("replica {stopped} stands still")));
            }
            _ => {}
        }
    }

    /// Whether a store that several share loses what it had not synced, and nothing else: nobody is told, and nobody begins
    /// anew.
    pub(super) fn loses_what_is_not_synced(&self) -> bool {
        if self.replicas.len() == 1 || self.chance(|chance| chance.permille(400)) {
            return false;
        }
        self.world.with(|world| {
            world.log("the store loses what it had not synced");
            let synced = world.synced.clone().unwrap_or_default();
            world.disk.lose_what_was_not(&synced);
            world.lost_of_the_disk();
        });
        self.struck("the store lost what was not synced");
        true
    }

    /// All of them end wherever they are, and others begin.
    pub(super) fn again(&mut self) {
        self.replicas.iter_mut().for_each(super::process::Process::again);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.replicas.iter().any(|it| !it.is_stopped && it.is_busy())
    }

    /// Lets all tasks of all go on until they wait; whether they came to that.
    pub(super) fn settle(&mut self) -> bool {
        self.replicas.iter_mut().filter(|it| !it.is_stopped).all(super::process::Process::settle)
    }

    pub(super) async fn advance(&mut self, by: TimeDelta) {
        tokio::time::advance(by.to_std().unwrap_or(Duration::ZERO)).await;
        if self.replicas.len() > 1 {
            self.store_goes_on();
        }
        if self.clock.now() >= self.next_poll {
            self.next_poll = self.clock.now() + POLL;
            self.poll();
        }
        self.world.with(World::expire);
    }

    /// Who works keeps its leases, those of others are over; and now and then the store syncs.
    fn store_goes_on(&self) {
        for replica in self.awake() {
            self.replicas[replica].lives();
        }
        self.world.with(|world| {
            let now = world.now();
            world.disk.expire(now);
            if world.chance.permille(500) {
                world.synced = Some(world.disk.clone());
            }
        });
    }

    /// The round of whoever holds the poller's Lease; now and then another holds it, too.
    fn poll(&self) {
        self.replicas[self.any()].poll();
        if self.replicas.len() > 1 && self.chance(|chance| chance.permille(200)) {
            self.replicas[self.any()].poll();
            self.struck("two polled");
        }
    }
}
