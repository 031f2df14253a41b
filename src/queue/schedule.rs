//! Which of the waiting jobs starts next. Pure: time is an argument, and no row is read or written.
//!
//! A job that runs has a slot. Its [`Claim`] says which host it asks, and for which namespaces. Two rules leave room for
//! whoever has no slot yet:
//!
//! - a host, and a namespace, gets one more slot only while it has fewer than are free;
//! - a namespace gets one more slot of a host only while it has fewer there than are free there.
//!
//! Among the jobs that may start, prompt ones go before routine ones, then the one whose namespace has the fewest slots,
//! then the one that waits longest. Routine jobs leave a quarter of all slots, and of each host's, to prompt ones.
//! Jobs that were under way when a process died are suspects: they go first, but one at a time, the least suspicious first.
//! A suspect that did no harm for a while makes room for the next, as one that hangs must not hold up the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Urgency;
use crate::domain::reference::Repository;

/// The so-manieth part of the slots is left free by routine jobs.
const LEFT_TO_PROMPT: usize = 4;
/// The most namespaces of one claim; a job that is for more of them hardly waits for the slots of one.
pub const MOST_NAMESPACES: usize = 16;

/// Who is asked, and for whom. A job with an empty claim is limited by the number of slots alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// The host that is asked.
    pub host: Option<String>,
    /// The namespaces that the job is for, at most [`MOST_NAMESPACES`].
    pub namespaces: Vec<String>,
}

/// How many jobs run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// In all.
    pub all: usize,
    /// That ask one host.
    pub each_host: usize,
}

/// A job that waits, as far as its turn depends on it. Moments are milliseconds of the monotonic clock, so that a wall
/// clock that jumps makes nobody wait longer.
#[derive(Clone, Debug)]
pub(super) struct Waiter {
    /// Its row.
    pub(super) id: i64,
    /// What is looked at, if it is a look.
    pub(super) repository: Option<Repository>,
    /// It does not start before.
    pub(super) due: i64,
    /// When its age began to count.
    pub(super) born: i64,
    /// How many processes died while they had it.
    pub(super) losses: u32,
    /// Whether somebody waits for it.
    pub(super) urgency: Urgency,
}

/// A job whose turn it is.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) waiter: Waiter,
    pub(super) claim: Arc<Claim>,
}

/// Waiting jobs of one claim and urgency, by the moment at which they are due.
type Line = BTreeSet<(i64, i64)>;

/// The waiting jobs of one topic. Only those are put in it that nothing but time and slots keeps from starting.
#[derive(Default)]
pub(super) struct Schedule {
    waiting: HashMap<i64, (Waiter, Arc<Claim>)>,
    lines: BTreeMap<(Urgency, Arc<Claim>), Line>,
    /// By losses, then by the moment at which they are due.
    suspects: BTreeSet<(u32, i64, i64)>,
}

impl Schedule {
    /// Takes a job that waits, in the place of an earlier one of its row.
    pub(super) fn add(&mut self, waiter: Waiter, claim: Claim) {
        self.remove(waiter.id);
        let key = (waiter.urgency, Arc::new(claim));
        let (urgency, claim) = self.lines.get_key_value(&key).map_or(key, |(known, _)| known.clone());
        if waiter.losses == 0 {
            self.lines.entry((urgency, Arc::clone(&claim))).or_default().insert((waiter.due, waiter.id));
        } else {
            self.suspects.insert((waiter.losses, waiter.due, waiter.id));
        }
        self.waiting.insert(waiter.id, (waiter, claim));
    }

    /// Takes a job out.
    pub(super) fn remove(&mut self, id: i64) -> Option<Turn> {
        let (waiter, claim) = self.waiting.remove(&id)?;
        self.suspects.remove(&(waiter.losses, waiter.due, id));
        let key = (waiter.urgency, claim);
        if let Some(line) = self.lines.get_mut(&key) {
            line.remove(&(waiter.due, id));
            if line.is_empty() {
                self.lines.remove(&key);
            }
        }
        let (_, claim) = key;
        Some(Turn { waiter, claim })
    }

    /// Makes a job due earlier, if it is to wait longer, and more urgent, if it is less.
    pub(super) fn hasten(&mut self, id: i64, due: i64, urgency: Urgency) {
        if self.waiting.get(&id).is_some_and(|(waiter, _)| waiter.due > due || waiter.urgency > urgency)
            && let Some(Turn { waiter, claim }) = self.remove(id)
        {
            let (due, urgency) = (due.min(waiter.due), urgency.min(waiter.urgency));
            self.add(Waiter { due, urgency, ..waiter }, Claim::clone(&claim));
        }
    }

    /// The jobs that nobody waits for.
    pub(super) fn routine(&self) -> impl Iterator<Item = i64> {
        let routine = self.waiting.values().filter(|(waiter, _)| waiter.urgency == Urgency::Routine);
        routine.map(|(waiter, _)| waiter.id)
    }

    /// A job that could start waits for so many milliseconds more.
    pub(super) fn put_off(&mut self, Turn { waiter, claim }: Turn, due: i64) {
        self.add(Waiter { due, ..waiter }, Claim::clone(&claim));
    }

    /// Makes every wait shorter by this many milliseconds.
    pub(super) fn hasten_all(&mut self, by: i64) {
        for (waiter, claim) in std::mem::take(self).waiting.into_values() {
            self.add(Waiter { due: waiter.due.saturating_sub(by), ..waiter }, Claim::clone(&claim));
        }
    }

    /// Asks again what each job's claim is.
    pub(super) fn claim_again(&mut self, claim: impl Fn(&Waiter) -> Claim) {
        for (waiter, _) in std::mem::take(self).waiting.into_values() {
            let claim = claim(&waiter);
            self.add(waiter, claim);
        }
    }

    /// Takes out the job that starts now beside those that run. No suspect starts before `suspects_from`.
    pub(super) fn next(&mut self, now: i64, running: &[Arc<Claim>], slots: Slots, suspects_from: i64) -> Option<Turn> {
        let load = Load::of(running, slots);
        let suspect = || {
            let due = self.suspects.iter().filter(|(_, due, _)| suspects_from <= now && *due <= now);
            let ranked = due.filter_map(|(losses, due, id)| {
                let (waiter, claim) = self.waiting.get(id)?;
                Some((*losses, waiter.urgency, load.rank(claim, waiter.urgency)?, *due, *id))
            });
            ranked.min().map(|(.., id)| id)
        };
        let others = || {
            let heads = self.lines.iter().filter_map(|((urgency, claim), line)| {
                let (due, id) = *line.first().filter(|(due, _)| *due <= now)?;
                Some((*urgency, load.rank(claim, *urgency)?, due, id))
            });
            heads.min().map(|(.., id)| id)
        };
        let id = suspect().or_else(others)?;
        self.remove(id)
    }

    /// When the next job becomes due that is not due yet. Those that are due wait for a slot, and whoever gives one up
    /// asks again.
    pub(super) fn next_due(&self, now: i64, suspects_from: i64) -> Option<i64> {
        let later = (now.saturating_add(1), i64::MIN);
        let lines = self.lines.values().filter_map(|line| line.range(later..).next());
        let suspects = self.suspects.iter().map(|(_, due, _)| (*due).max(suspects_from)).filter(|from| *from > now);
        lines.map(|(due, _)| *due).chain(suspects).min()
    }
}

/// Who has how many slots.
struct Load<'r> {
    free: usize,
    slots: Slots,
    hosts: HashMap<&'r str, usize>,
    namespaces: HashMap<&'r str, usize>,
    both: HashMap<(&'r str, &'r str), usize>,
}

/// The namespaces of a claim; a job that is for nobody counts as somebody's.
fn namespaces(claim: &Claim) -> impl Iterator<Item = &str> {
    let nobody = claim.namespaces.is_empty().then_some("");
    claim.namespaces.iter().map(String::as_str).chain(nobody)
}

impl<'r> Load<'r> {
    fn of(running: &'r [Arc<Claim>], slots: Slots) -> Self {
        let free = slots.all.saturating_sub(running.len());
        let (mut hosts, mut all, mut both) = (HashMap::new(), HashMap::new(), HashMap::new());
        for claim in running {
            let Some(host) = claim.host.as_deref() else { continue };
            *hosts.entry(host).or_default() += 1;
            for namespace in namespaces(claim) {
                *all.entry(namespace).or_default() += 1;
                *both.entry((host, namespace)).or_default() += 1;
            }
        }
        Self { free, slots, hosts, namespaces: all, both }
    }

    /// How many slots the namespace has that the job starts for; none when it may not start.
    fn rank(&self, claim: &Claim, urgency: Urgency) -> Option<usize> {
        let left_free = |of: usize| if urgency == Urgency::Routine { of / LEFT_TO_PROMPT } else { 0 };
        let free = self.free.saturating_sub(left_free(self.slots.all));
        if free == 0 {
            return None;
        }
        let Some(host) = claim.host.as_deref() else { return Some(0) };
        let has = |of: Option<&usize>| of.copied().unwrap_or_default();
        let at_host = has(self.hosts.get(host));
        let free_at_host = self.slots.each_host.saturating_sub(at_host + left_free(self.slots.each_host));
        if at_host >= free {
            return None;
        }
        let ranks = namespaces(claim).filter_map(|namespace| {
            let rank = has(self.namespaces.get(namespace));
            (rank < free && has(self.both.get(&(host, namespace))) < free_at_host).then_some(rank)
        });
        ranks.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOTS: Slots = Slots { all: 16, each_host: 8 };

    fn claim(host: &str, namespace: &str) -> Claim {
        Claim { host: Some(host.into()), namespaces: vec![namespace.into()] }
    }

    fn waiter(id: i64, due: i64) -> Waiter {
        Waiter { id, repository: None, due, born: due, losses: 0, urgency: Urgency::Prompt }
    }

    /// Starts what may start, and gives the rows in that order.
    fn start(schedule: &mut Schedule, now: i64, running: &mut Vec<Arc<Claim>>) -> Vec<i64> {
        std::iter::from_fn(|| {
            let turn = schedule.next(now, running, SLOTS, 0)?;
            running.push(turn.claim);
            Some(turn.waiter.id)
        })
        .collect()
    }

    #[test]
    fn whoever_has_no_slot_finds_one_however_many_others_want() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        for id in 0..48 {
            schedule.add(waiter(id, 0), claim("slow.example.com", "noisy"));
            schedule.add(waiter(100 + id, 0), claim(&format!("slow-{id}.example.com"), "noisy"));
        }
        assert_eq!(start(&mut schedule, 5, &mut running).len(), SLOTS.all / 2);
        assert!(running.iter().filter(|c| c.host.as_deref() == Some("slow.example.com")).count() <= 4);
        schedule.add(waiter(200, 5), claim("quiet.example.com", "small"));
        schedule.add(waiter(201, 5), claim("slow.example.com", "small"));
        assert_eq!(start(&mut schedule, 5, &mut running), [200, 201]);
    }

    #[test]
    fn one_host_leaves_slots_to_others_whoever_asks_it() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        (0..48).for_each(|id| schedule.add(waiter(id, 0), claim("slow.example.com", &format!("team-{id}"))));
        assert_eq!(start(&mut schedule, 0, &mut running).len(), SLOTS.each_host);
        schedule.add(waiter(200, 0), claim("quiet.example.com", "team-1"));
        assert_eq!(start(&mut schedule, 0, &mut running), [200]);
    }

    #[test]
    fn a_job_for_many_starts_for_whoever_has_least() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        (0..48).for_each(|id| schedule.add(waiter(id, 0), claim(&format!("h{id}"), "noisy")));
        start(&mut schedule, 0, &mut running);
        let both = Claim { host: Some("hub".into()), namespaces: vec!["noisy".into(), "small".into()] };
        schedule.add(waiter(200, 0), both);
        assert_eq!(start(&mut schedule, 0, &mut running), [200]);
    }

    /// 5,000 repositories of the schedule: who pushed an image waits for none of them.
    #[test]
    fn a_prompt_job_starts_at_once_while_routine_ones_wait() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        let routine = |id| Waiter { urgency: Urgency::Routine, ..waiter(id, 0) };
        (0..5_000).for_each(|id| schedule.add(routine(id), claim("hub", &format!("team-{}", id % 40))));
        assert_eq!(start(&mut schedule, 9, &mut running).len(), SLOTS.each_host - SLOTS.each_host / 4);
        schedule.add(waiter(9_000, 9), claim("hub", "large"));
        schedule.add(waiter(9_001, 9), claim("hub", "small"));
        assert_eq!(start(&mut schedule, 9, &mut running), [9_000, 9_001]);
        // One that waits for its turn is done at once when somebody asks for it.
        running.truncate(4);
        schedule.hasten(4_711, 9, Urgency::Prompt);
        schedule.hasten(4_711, 9, Urgency::Routine);
        assert_eq!(schedule.next(9, &running, SLOTS, 0).map(|turn| turn.waiter.id), Some(4_711));
    }

    #[test]
    fn a_job_that_is_not_due_waits_and_says_how_long() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        schedule.add(waiter(1, 70), Claim::default());
        schedule.add(waiter(2, 50), Claim::default());
        assert!(start(&mut schedule, 49, &mut running).is_empty());
        assert_eq!(schedule.next_due(49, 0), Some(50));
        assert_eq!((start(&mut schedule, 50, &mut running), schedule.next_due(50, 0)), (vec![2], Some(70)));
        schedule.hasten(1, 80, Urgency::Routine);
        assert_eq!(schedule.next_due(50, 0), Some(70), "never later");
        schedule.hasten(1, 60, Urgency::Prompt);
        schedule.hasten_all(10);
        assert_eq!((start(&mut schedule, 50, &mut running), schedule.next_due(50, 0)), (vec![1], None));
    }

    #[test]
    fn what_is_due_and_must_wait_for_a_slot_wakes_nobody() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        (0..48).for_each(|id| schedule.add(waiter(id, 0), claim("slow.example.com", "noisy")));
        start(&mut schedule, 0, &mut running);
        assert_eq!(schedule.next_due(0, 0), None);
    }

    #[test]
    fn suspects_run_one_at_a_time_the_least_suspicious_first() {
        let mut schedule = Schedule::default();
        for (id, losses) in [(1, 3), (2, 1), (3, 1), (4, 0)] {
            schedule.add(Waiter { losses, ..waiter(id, 0) }, Claim::default());
        }
        let mut next = |from| schedule.next(0, &[], SLOTS, from).map(|turn| turn.waiter.id);
        assert_eq!([next(0), next(5), next(5), next(0), next(0)], [Some(2), Some(4), None, Some(3), Some(1)]);
    }

    #[test]
    fn suspects_of_one_namespace_do_not_hold_up_those_of_another() {
        let (mut schedule, mut running) = (Schedule::default(), Vec::new());
        (0..48).for_each(|id| {
            schedule.add(Waiter { losses: 1, ..waiter(id, 0) }, claim(&format!("h{id}"), "noisy"));
        });
        schedule.add(Waiter { losses: 1, ..waiter(200, 0) }, claim("hub", "small"));
        running.push(schedule.next(0, &running, SLOTS, 0).unwrap().claim);
        assert_eq!(schedule.next_due(3, 5), Some(5), "the next suspect starts when this one did no harm");
        assert_eq!(schedule.next(5, &running, SLOTS, 5).map(|turn| turn.waiter.id), Some(200));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add { host: u8, namespaces: Vec<u8>, due: i64, losses: u32, urgency: Urgency },
        Start,
        End(usize),
        Pass(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let urgency = prop_oneof![Just(Urgency::Prompt), Just(Urgency::Routine)];
        let add = (0..6_u8, proptest::collection::vec(0..6_u8, 0..3), 0..40_i64, 0..2_u32, urgency)
            .prop_map(|(host, namespaces, due, losses, urgency)| Step::Add { host, namespaces, due, losses, urgency });
        prop_oneof![4 => add, 4 => Just(Step::Start), 2 => any::<usize>().prop_map(Step::End), 1 => (0..20_i64).prop_map(Step::Pass)]
    }

    proptest! {
        #[test]
        fn slots_are_shared_whatever_comes(steps in proptest::collection::vec(step(), 1..200)) {
            let (mut schedule, mut running, mut now) = (Schedule::default(), Vec::<Turn>::new(), 0);
            for (id, step) in (0_i64..).zip(steps) {
                match step {
                    Step::Add { host, namespaces, due, losses, urgency } => {
                        let namespaces = namespaces.iter().map(|n| format!("n{n}")).collect();
                        let claim = Claim { host: Some(format!("h{host}")), namespaces };
                        schedule.add(Waiter { losses, urgency, ..waiter(id, due) }, claim);
                    }
                    Step::Start => {
                        let claims: Vec<_> = running.iter().map(|turn| Arc::clone(&turn.claim)).collect();
                        let suspect_runs = running.iter().any(|turn| turn.waiter.losses > 0);
                        let load = Load::of(&claims, SLOTS);
                        let due: Vec<(Waiter, Arc<Claim>)> = schedule.waiting.values()
                            .filter(|(waiter, _)| waiter.due <= now && (waiter.losses == 0 || !suspect_runs))
                            .cloned().collect();
                        let rank = |waiter: &Waiter, claim: &Claim| {
                            load.rank(claim, waiter.urgency).map(|rank| (waiter.urgency, rank))
                        };
                        match schedule.next(now, &claims, SLOTS, if suspect_runs { i64::MAX } else { 0 }) {
                            Some(turn) => {
                                prop_assert!(due.iter().any(|(waiter, _)| waiter.id == turn.waiter.id), "it was due");
                                let least = due.iter().filter(|(waiter, _)| waiter.losses == 0)
                                    .filter_map(|(waiter, claim)| rank(waiter, claim)).min();
                                let rank = rank(&turn.waiter, &turn.claim);
                                prop_assert!(rank.is_some() && (turn.waiter.losses > 0 || rank == least), "whoever has least");
                                running.push(turn);
                            }
                            None => prop_assert!(
                                due.iter().all(|(waiter, claim)| rank(waiter, claim).is_none()), "a slot is left unused"),
                        }
                    }
                    Step::End(which) if !running.is_empty() => {
                        let which = which % running.len();
                        running.swap_remove(which);
                    }
                    Step::End(_) => {}
                    Step::Pass(time) => now += time,
                }
                for host in 0..6_u8 {
                    let host = format!("h{host}");
                    let at_host = running.iter().filter(|turn| turn.claim.host.as_ref() == Some(&host)).count();
                    prop_assert!(at_host <= SLOTS.each_host, "{host} has {at_host}");
                }
                prop_assert!(running.iter().filter(|turn| turn.waiter.losses > 0).count() <= 1);
                prop_assert!(running.len() <= SLOTS.all);
                // A waiting job is in exactly one line.
                let lined: usize = schedule.lines.values().map(BTreeSet::len).sum();
                prop_assert_eq!(lined + schedule.suspects.len(), schedule.waiting.len());
            }
        }
    }
}
