//! One run: a world from a seed, a time in which everything may happen, and a time in which nothing strikes any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::chance::Chance;
use super::hands::{Export, Hand};
use super::invariant::Invariant;
use super::model::Unasked;
use super::process::Process;
use super::queue::Disk;
use super::replicas;
use super::world::{Faults, Paused, Shared, World};
use crate::ambient::Clock;
use crate::domain::answer::Action;
use crate::domain::event::NoticeKind;
use crate::domain::policy::Mode;
use crate::telemetry::metrics::Metrics;

/// What a run came to.
pub(super) struct Run {
    pub(super) seed: u64,
    pub(super) violated: Option<(Invariant, String)>,
    pub(super) gaps: BTreeMap<Invariant, usize>,
    pub(super) crashes: BTreeMap<&'static str, usize>,
    pub(super) log: Vec<String>,
    pub(super) image_writes: usize,
    pub(super) questions: usize,
    pub(super) answers: usize,
    pub(super) messages: usize,
    pub(super) steps: usize,
    /// How many replicas it had, and how often what strikes only several of them did.
    pub(super) replicas: usize,
    pub(super) struck: BTreeMap<&'static str, usize>,
}

/// What a run is to be, where the seed does not say it.
#[derive(Clone, Copy, Default)]
pub(super) struct Terms {
    pub(super) size: Option<Size>,
    pub(super) most_steps: Option<usize>,
    pub(super) replicas: Option<usize>,
    /// How far a clock is ahead or late at most, in seconds.
    pub(super) apart: Option<i64>,
}

/// How large and how wild a run is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) objects: usize,
    pub(super) steps: usize,
    pub(super) quiet: TimeDelta,
}

pub(super) const POLL: TimeDelta = TimeDelta::hours(3);
/// How long it is quiet before everything has to be well, and how long of it nothing may be written any more.
const QUIET: TimeDelta = TimeDelta::hours(16);
const RESTING: TimeDelta = TimeDelta::hours(4);
/// More rounds without time going by are a loop.
const MOST_ROUNDS: usize = 100;
/// So often something may be due while nothing strikes any more; who is looked at more often comes to no end.
const MOST_DUE: usize = 500;

pub(super) struct Driver {
    pub(super) world: Shared,
    pub(super) clock: Arc<Paused>,
    pub(super) replicas: Vec<Process>,
    pub(super) next_poll: DateTime<Utc>,
    hands: Vec<Hand>,
    exports: Vec<Export>,
    /// Whether the process is killed, loses its disk, gets another key, is told to do nothing.
    operator: [bool; 4],
}

/// Runs a seed on a runtime of its own, whose time stands still.
pub(super) fn run(seed: u64, terms: Terms) -> Run {
    let Terms { size, most_steps, .. } = terms;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut driver = Driver::new(seed, terms);
        driver.world.with(|world| world.most_steps = most_steps.unwrap_or(world.most_steps));
        let steps = size.map_or_else(|| driver.chance(|chance| 25 + chance.below(60)), |size| size.steps);
        for _ in 0..steps {
            driver.step().await;
            if driver.world.with(|world| world.violated.is_some()) {
                break;
            }
        }
        if driver.world.with(|world| world.violated.is_none()) {
            driver.rest(size.map_or(QUIET, |size| size.quiet)).await;
        }
        driver.end(seed)
    })
}

impl Driver {
    fn new(seed: u64, Terms { size, replicas, apart, .. }: Terms) -> Self {
        let clock = Arc::new(Paused::start());
        let mut world = World::new(seed, Arc::clone(&clock));
        let count = replicas.unwrap_or_else(|| if size.is_some() { 1 } else { replicas::of(seed) });
        let ambients = replicas::ambients(seed, (count, apart), &clock, &mut world);
        let mut plan = Chance::new(seed ^ 0x5eed);
        let objects = size.map_or_else(|| 1 + plan.below(3), |size| size.objects);
        world.furnish(objects);
        if size.is_none() {
            world.faults = faults(&mut plan);
        }
        let hands = Hand::ALL.into_iter().filter(|hand| *hand == Hand::Push || plan.permille(300)).collect();
        let operator = [plan.permille(400), plan.permille(150), plan.permille(150), plan.permille(100)];
        let next_poll = world.now() + POLL;
        let world = Shared(Arc::new(std::sync::Mutex::new(world)));
        let begin = |(replica, ambient)| Process::begin(&world, ambient, &Metrics::new(), replica);
        let replicas: Vec<Process> = ambients.iter().enumerate().map(begin).collect();
        replicas[0].poll();
        Self { world, clock, replicas, next_poll, hands, exports: Vec::new(), operator }
    }

    pub(super) fn chance<T>(&self, throw: impl FnOnce(&mut Chance) -> T) -> T {
        self.world.with(|world| throw(&mut world.chance))
    }

    /// Something happens, and what is under way goes on for a while.
    async fn step(&mut self) {
        match self.chance(|chance| chance.below(20)) {
            0..=4 => self.hand(),
            5..=8 => self.time().await,
            9..=11 => self.press(),
            12 | 13 => self.world.with(World::controllers),
            14 => self.world.with(World::sync),
            15 => self.operate(),
            16 => {
                let export = self.world.with(World::export);
                self.exports.extend(export);
            }
            17 if self.chance(|chance| chance.permille(200)) => self.replicas[self.any()].list_again(),
            _ => self.world.with(|world| (0..3).for_each(|_| world.controllers())),
        }
        self.stop_or_wake();
        for replica in self.awake() {
            if self.chance(|chance| chance.permille(700)) {
                let most = self.chance(|chance| chance.below(12));
                self.replicas[replica].hear(most);
            }
            let jobs = self.chance(|chance| chance.below(6));
            self.replicas[replica].take(jobs);
            let steps = self.chance(|chance| if chance.permille(500) { 200 } else { chance.below(12) });
            self.replicas[replica].go_on(steps);
        }
    }

    fn hand(&mut self) {
        let Some(hand) = self.chance(|chance| chance.pick(&self.hands).copied()) else { return };
        self.world.with(|world| world.hand(hand, &self.exports));
        if hand == Hand::Push && self.chance(|chance| chance.permille(700)) {
            // A webhook; some are lost.
            self.replicas[self.any()].poll();
        }
    }

    async fn time(&mut self) {
        let seconds = self.chance(|chance| match chance.below(20) {
            0..=5 => 2,
            6..=9 => 61,
            10..=14 => 1000,
            15..=17 => 3 * 3600,
            18 => 13 * 3600,
            _ => 80 * 3600,
        });
        // No call lasts for hours: each has its deadline.
        if seconds > 61 && !self.end_calls().await {
            return;
        }
        self.advance(TimeDelta::seconds(seconds)).await;
    }

    /// Lets what is under way come to its end; whether it did.
    async fn end_calls(&mut self) -> bool {
        for _ in 0..MOST_ROUNDS {
            if !self.is_busy() {
                return true;
            }
            if !self.settle() {
                return false;
            }
            self.advance(TimeDelta::seconds(5)).await;
        }
        self.world.with(|world| world.violate(Invariant::Rests, "a call never comes to an end".into()));
        false
    }

    /// Somebody opens a mail and presses a button, now and then twice.
    fn press(&mut self) {
        let mail = self.world.with(|world| {
            let asked: Vec<_> = world.mail.iter().filter(|mail| mail.token.is_some()).cloned().collect();
            let recent = asked.len().saturating_sub(3);
            if world.chance.permille(700) {
                world.chance.pick(&asked[recent..]).cloned()
            } else {
                world.chance.pick(&asked).cloned()
            }
        });
        let Some((question, token)) = mail.and_then(|mail| Some((mail.question?, mail.token?))) else { return };
        let times = if self.chance(|chance| chance.permille(150)) { 2 } else { 1 };
        for _ in 0..times {
            let action = self.chance(|chance| match chance.below(10) {
                0..=4 => Action::Approve,
                5 | 6 => Action::Skip,
                7 => Action::Snooze,
                8 => Action::Resume,
                _ => Action::Rollback,
            });
            let replica = self.any();
            self.replicas[replica].press(&question, &token, action);
        }
    }

    /// What the operator does to the process.
    fn operate(&mut self) {
        let what = self.chance(|chance| chance.below(4));
        if !self.operator[what] || what == 1 && self.loses_what_is_not_synced() {
            return;
        }
        self.world.with(|world| match what {
            1 => {
                world.log("the disk is lost");
                world.disk.lose_what_was_not(&Disk::default());
                world.lost_of_the_disk();
            }
            2 => {
                let next = world.keys[0] + 1;
                world.log(format!("another key: {next}"));
                world.keys.insert(0, next);
                if world.keys.len() > 2 {
                    // What is signed with a key that is gone is nobody's word, until it is signed anew.
                    let all: Vec<String> = world.objects.values().map(|object| object.id.uid.to_string()).collect();
                    world.model.unrepaired.extend(all.iter().cloned());
                    // Nor does anybody know who meant settings that were edited since the last look.
                    world.model.settings_went_back.extend(all);
                }
                world.keys.truncate(2);
                world.nobody_knows();
                world.disturbed(None);
            }
            3 => {
                world.forced = if world.forced.is_none() { Some(Mode::Disabled) } else { None };
                let line = format!("IMAGE_WATCHER_MODE is {:?}", world.forced);
                world.log(line);
                world.disturbed(None);
            }
            _ => world.log("kill -9"),
        });
        match what {
            0 => {
                let replica = self.any_at_all();
                self.replicas[replica].again();
            }
            _ => self.again(),
        }
    }

    /// Nothing strikes any more; after a while everything has to be well.
    async fn rest(&mut self, quiet: TimeDelta) {
        self.world.with(|world| {
            world.faults = Faults::default();
            world.log("nothing strikes any more");
            world.leave_alone();
            world.disturbed(None);
            world.forced = None;
        });
        self.again();
        self.replicas[0].poll();
        let end = self.clock.now() + quiet;
        let (mut before, mut due) = (None, 0);
        while self.clock.now() < end {
            due += 1;
            if due > MOST_DUE {
                return self.world.with(|world| world.violate(Invariant::Rests, "something is always due".into()));
            }
            if !self.drain().await {
                return;
            }
            if before.is_none() && end - self.clock.now() < RESTING {
                before = Some(self.written());
            }
            let ahead = self.replicas.iter().map(Process::is_ahead).max().unwrap_or_default();
            let due = self.world.with(|world| world.disk.next_due()).map(|due| due - ahead);
            let over = self.world.with(|world| [world.disk.next_over(), world.stalls_at()]);
            let next = over.into_iter().chain([due]).flatten().min();
            let next = next.map_or(self.next_poll, |next| next.min(self.next_poll)).min(end);
            self.advance((next - self.clock.now()).max(TimeDelta::seconds(1))).await;
        }
        self.drain().await;
        if let Some(before) = before.filter(|(_, questions)| *questions == self.written().1)
            && before != self.written()
        {
            let written = self.written().0 - before.0;
            self.world.with(|world| world.violate(Invariant::Rests, format!("{written} writes, and nothing to do")));
        }
        self.ask_whether_all_is_well().await;
    }

    fn written(&self) -> (usize, usize) {
        self.world.with(|world| (world.model.all_writes, world.model.questions.len()))
    }

    async fn ask_whether_all_is_well(&mut self) {
        for Unasked { ids, sentence } in self.world.with(World::at_rest) {
            let mailed: Vec<(String, String)> = self.world.with(|world| {
                let links = world.mail.iter().filter_map(|mail| Some((mail.question.clone()?, mail.token.clone()?)));
                links.filter(|(id, _)| ids.contains(id)).collect()
            });
            let (mut states, mut open_on) = (BTreeSet::new(), 0);
            for replica in &self.replicas {
                let mut here = BTreeSet::new();
                for (_, token) in &mailed {
                    here.insert(replica.open(token).await);
                }
                open_on += usize::from(here.contains("Open") || here.contains("Snoozed"));
                states.extend(here);
            }
            if open_on == self.replicas.len() {
                continue;
            }
            let is_in_nobodys_mail = ids.iter().any(|id| !mailed.iter().any(|(of, _)| of == id));
            let sentence = format!("{sentence}: {states:?}");
            let is_lost = is_in_nobodys_mail && self.world.with(|world| world.model.disk_lost.is_some());
            let invariant = if is_lost { Invariant::MessageArrives } else { Invariant::Converges };
            self.world.with(|world| world.violate(invariant, sentence));
        }
    }

    /// Lets everything come to its end that needs no time; whether it did.
    async fn drain(&mut self) -> bool {
        for _ in 0..MOST_ROUNDS {
            let mut taken = 0;
            for replica in &mut self.replicas {
                replica.hear(100);
                taken += replica.take(100);
            }
            if !self.settle() {
                return false;
            }
            if self.is_busy() {
                self.advance(TimeDelta::seconds(1)).await;
                continue;
            }
            self.world.with(World::controllers);
            let is_still = self.world.with(|world| world.streams.iter().all(|it| it.events.is_empty()));
            if taken == 0 && is_still {
                return true;
            }
        }
        self.world.with(|world| world.violate(Invariant::Rests, "it never comes to an end".into()));
        false
    }

    fn end(self, seed: u64) -> Run {
        self.world.with(|world| Run {
            seed,
            violated: world.violated.take(),
            gaps: std::mem::take(&mut world.gaps),
            crashes: std::mem::take(&mut world.crashes),
            log: std::mem::take(&mut world.log),
            image_writes: world.model.image_writes,
            questions: world.model.questions.len(),
            answers: world.model.answers,
            steps: world.steps,
            replicas: self.replicas.len(),
            struck: std::mem::take(&mut world.struck),
            messages: world.mail.iter().filter(|mail| mail.kind != NoticeKind::Granted).count(),
        })
    }
}

/// A run has some of the faults.
fn faults(plan: &mut Chance) -> Faults {
    let mut some = |permille| if plan.permille(350) { permille } else { 0 };
    Faults {
        crash: some(20),
        api: some(60),
        registry: some(60),
        slow: some(30),
        glitch: some(100),
        queue: some(60),
        channel: some(150),
    }
}
