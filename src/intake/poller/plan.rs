//! What the poller does next. Pure: the clock and what was kept are arguments.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::cycle::Cycle;
use crate::config::schedule::Schedule;

/// The clock is read at least this often, so that a change of it or a sleep of the machine delays one cycle at most.
pub(super) const LONGEST_NAP: Duration = Duration::from_secs(60);
/// Looks are queued so long before they are due.
const AHEAD: TimeDelta = TimeDelta::seconds(60);
/// The shortest time there is, between what was queued and what was not.
pub(super) const MOMENT: TimeDelta = TimeDelta::milliseconds(1);
/// How far the looks are queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    pub(super) cycle: Cycle,
    up_to: DateTime<Utc>,
}

impl Progress {
    /// When looks were queued last: they are queued a little ahead.
    pub(super) fn queued_last(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.up_to.max(self.cycle.began).min(now)
    }
}

/// What is to be done at a moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Queue the looks of a cycle that come after one moment, until another.
    Queue(Cycle, DateTime<Utc>, DateTime<Utc>),
    /// Nothing for so long; then the clock is read again.
    Nap(Duration),
}

/// What comes next, planned anew whenever the clock is read: it may have been set back or forth since.
pub(super) struct Plan {
    schedule: Schedule,
    progress: Option<Progress>,
    /// When the next cycle begins.
    next: Option<DateTime<Utc>>,
    is_end_told: bool,
    /// Whether looks that were due could not be queued, and none was since.
    pub(super) is_owed: bool,
}

impl Plan {
    /// Goes on from where another process ended, if one did.
    pub(super) fn new(schedule: Schedule, kept: Option<Progress>, now: DateTime<Utc>) -> Self {
        let progress = kept.filter(|kept| kept.cycle.began <= now && kept.up_to <= now + AHEAD);
        let next = schedule.following(progress.map_or(now, |kept| kept.cycle.began));
        Self { schedule, progress, next, is_end_told: false, is_owed: false }
    }

    /// All is looked at now, which is a cycle of its own until the next one begins.
    pub(super) fn begin_now(&mut self, now: DateTime<Utc>) {
        self.next = self.schedule.following(now);
        self.begin(now, Cycle::at_once);
    }

    fn begin(&mut self, began: DateTime<Utc>, spread: impl FnOnce(Cycle) -> Cycle) {
        let number = self.progress.map_or(0, |progress| progress.cycle.number.wrapping_add(1));
        let cycle = spread(Cycle::begin(number, began, self.next));
        self.progress = Some(Progress { cycle, up_to: began - MOMENT });
    }

    pub(super) fn step(&mut self, now: DateTime<Utc>) -> Step {
        match self.next {
            Some(next) if next <= now => {
                self.next = self.schedule.following(now);
                // Of several that were missed one is made up for.
                let is_last = self.schedule.following(next) == self.next;
                self.begin(if is_last { next } else { now }, |cycle| cycle);
            }
            // Unless the clock was set back, it is the same as before.
            _ => self.next = self.schedule.following(now),
        }
        self.progress = self.progress.filter(|progress| progress.cycle.began <= now);
        let end = self.next.map(|next| next - MOMENT);
        if let Some(Progress { cycle, up_to }) = self.progress {
            let to = end.map_or(now + AHEAD, |end| end.min(now + AHEAD));
            // Half of a window at a time, so that there is always something ahead.
            if up_to < end.unwrap_or(to) && up_to <= now + AHEAD / 2 && up_to < to {
                return Step::Queue(cycle, up_to, to);
            }
        }
        let nap = self.next.map_or(LONGEST_NAP, |next| (next - now).to_std().unwrap_or_default());
        let window = self.progress.filter(|progress| end.is_none_or(|end| progress.up_to < end));
        let window = window.and_then(|progress| (progress.up_to - AHEAD / 2 - now).to_std().ok());
        Step::Nap(nap.min(window.unwrap_or(LONGEST_NAP)).min(LONGEST_NAP))
    }

    /// Goes on from where another went meanwhile, if that is further. Says whether it is.
    pub(super) fn catch_up(&mut self, kept: Progress, now: DateTime<Utc>) -> bool {
        let is_further = |ours: Progress| (kept.cycle.began, kept.up_to) > (ours.cycle.began, ours.up_to);
        // What a clock says that is ahead of ours is left to it.
        let is_new = kept.cycle.began <= now && self.progress.is_none_or(is_further);
        if is_new {
            (self.progress, self.next) = (Some(kept), self.schedule.following(kept.cycle.began));
        }
        is_new
    }

    /// The looks of a cycle are queued so far.
    pub(super) fn queued(&mut self, to: DateTime<Utc>) -> Option<Progress> {
        let progress = self.progress.as_mut()?;
        progress.up_to = to;
        Some(*progress)
    }

    /// When the next cycle begins, and how long it is until the one after that.
    pub(super) fn ahead(&self) -> Option<(DateTime<Utc>, TimeDelta)> {
        let next = self.next?;
        Some((next, self.schedule.following(next).map_or(TimeDelta::zero(), |after| after - next)))
    }

    /// Whether it has just become clear that no cycle follows any more.
    pub(super) fn has_just_ended(&mut self) -> bool {
        let ended = self.next.is_none();
        let just = ended && !self.is_end_told;
        self.is_end_told = ended;
        just
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::intake::poller) fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(&format!("2026-11-{text}Z")).unwrap().to_utc()
    }

    pub(in crate::intake::poller) fn schedule(cron: &str, now: &str) -> Schedule {
        Schedule::new(cron, chrono_tz::UTC, at(now)).unwrap()
    }

    fn plan(cron: &str, now: &str) -> Plan {
        Plan::new(schedule(cron, now), None, at(now))
    }

    fn minute() -> Step {
        Step::Nap(LONGEST_NAP)
    }

    /// What is done at a moment: when a cycle begins, the date that it begins with. All of its looks are taken for queued.
    fn done(plan: &mut Plan, now: &str) -> Result<DateTime<Utc>, Duration> {
        match plan.step(at(now)) {
            Step::Nap(nap) => Err(nap),
            Step::Queue(cycle, from, _) => {
                assert!(from < cycle.began, "it begins");
                plan.queued(at("30T00:00:00"));
                Ok(cycle.began)
            }
        }
    }

    #[test]
    fn a_cycle_comes_when_it_is_due_and_once() {
        let mut plan = plan("0 */3 * * *", "24T10:00:00");
        for (now, expected) in [
            ("24T10:00:00", Err(LONGEST_NAP)),
            ("24T11:59:58", Err(Duration::from_secs(2))),
            ("24T12:00:00", Ok(at("24T12:00:00"))),
            ("24T12:00:00", Err(LONGEST_NAP)),
            ("24T12:01:00", Err(LONGEST_NAP)),
            ("24T15:00:07", Ok(at("24T15:00:00"))),
            ("24T15:00:08", Err(LONGEST_NAP)),
        ] {
            assert_eq!(done(&mut plan, now), expected, "{now}");
        }
    }

    #[test]
    fn looks_are_queued_a_minute_ahead_and_no_further_than_their_cycle() {
        let mut plan = plan("*/2 * * * *", "24T10:00:30");
        let mut windows = Vec::new();
        for second in 0..210 {
            let now = at("24T10:00:30") + TimeDelta::seconds(second);
            while let Step::Queue(cycle, from, to) = plan.step(now) {
                windows
                    .push([cycle.began, from + MOMENT, to + MOMENT].map(|moment| moment.format("%M:%S").to_string()));
                assert!(to - now <= AHEAD);
                plan.queued(to);
            }
        }
        let windows: Vec<String> = windows.iter().map(|window| window.join(" ")).collect();
        assert_eq!(
            windows,
            ["02:00 02:00 03:00", "02:00 03:00 03:30", "02:00 03:30 04:00"],
            "half a minute at a time after the first"
        );
    }

    /// I7: it waited for the old time.
    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        let mut plan = plan("0 */3 * * *", "29T10:00:00");
        assert_eq!(plan.step(at("29T10:00:00")), minute());
        assert_eq!(plan.step(at("24T11:59:50")), Step::Nap(Duration::from_secs(10)), "five days back");
        assert_eq!(done(&mut plan, "24T12:00:00"), Ok(at("24T12:00:00")));
        assert_eq!(plan.step(at("24T11:00:00")), minute(), "an hour back");
        assert_eq!(done(&mut plan, "24T12:00:01"), Ok(at("24T12:00:00")));
    }

    #[test]
    fn a_clock_that_is_set_forth_costs_one_cycle() {
        let mut plan = plan("0 */3 * * *", "24T10:00:00");
        assert_eq!(done(&mut plan, "29T10:00:00"), Ok(at("29T10:00:00")), "what was missed is made up for once");
        assert_eq!(plan.step(at("29T10:00:01")), minute());
        assert_eq!(done(&mut plan, "29T12:00:00"), Ok(at("29T12:00:00")));
    }

    #[test]
    fn a_schedule_without_a_date_left_is_told_once_and_goes_on_when_the_clock_does() {
        let mut plan = plan("0 0 12 24 11 * 2026", "24T10:00:00");
        assert!(!plan.has_just_ended());
        assert_eq!(done(&mut plan, "24T12:00:00"), Ok(at("24T12:00:00")));
        assert!(plan.has_just_ended());
        assert_eq!(plan.step(at("24T12:00:01")), minute());
        assert!(!plan.has_just_ended(), "once");
        assert_eq!(plan.step(at("24T11:59:59")), Step::Nap(Duration::from_secs(1)), "the clock was set back");
        assert!(!plan.has_just_ended());
        assert_eq!(done(&mut plan, "24T12:00:00"), Ok(at("24T12:00:00")));
        assert!(plan.has_just_ended(), "and again, as it is news again");
    }

    #[test]
    fn no_nap_is_long() {
        for cron in ["0 0 29 2 *", "0 0 0 1 1 * 2999", "0 */3 * * *"] {
            let mut plan = plan(cron, "24T10:00:01");
            assert_eq!(plan.step(at("24T10:00:01")), minute(), "{cron}");
        }
    }
}
