//! Whether anything is sent to a channel now.
//!
//! A refusal that is about the channel closes it for all its messages, so that one fault is met once and not by each of
//! them. A closed channel delays messages and drops none. What closed it is tried again with one message, and with more
//! patience each time; nothing of this is stored, as a start may well be because something was mended. People hear of a
//! refusal at once, and of what does not pass within an hour.
//!
//! ```text
//!    five failures in a row · told to wait · busy · refused   the time is over
//! open ───────────────────────────────────────► closed ─────────────────────► one message is tried
//!  ▲                                               ▲                             │        │
//!  └──────────────── delivered ────────────────────┼─────────────────────────────┘        │
//!                                                  └───────────── failed again ───────────┘
//! ```

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::attempt::Attempt;
use crate::domain::event::TroubleKind;
use crate::queue::Opening;

/// So many failures in a row are the channel's, and not the messages'.
const MOST_FAILURES: u32 = 5;
/// How long a channel that fails is left alone at first, and at most.
const FAILING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15 * 60));
/// The same of one that refuses us: trying a password often locks accounts.
const REFUSING: (Duration, Duration) = (Duration::from_secs(10 * 60), Duration::from_secs(60 * 60));
/// People are told of a channel that fails or is busy for so long, and then once in so long.
const LONG: (TimeDelta, Duration) = (TimeDelta::hours(1), Duration::from_secs(24 * 60 * 60));
/// The same of one that is busy and does not say for how long.
const BUSY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15 * 60));

/// What people could not be told is tried again after so long: a queue that is full stays so for a while.
const OWED_AGAIN: Duration = Duration::from_secs(60);

/// Why a channel is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// It can't be reached, or does not work.
    Failing,
    /// It takes nothing more for a while.
    Busy,
    /// It refuses us.
    Refusing,
    /// It is gone for good.
    Gone,
}

impl Closed {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Busy => "busy",
            Self::Refusing => "refused",
            Self::Gone => "gone",
        }
    }

    /// How long at first, and at most.
    fn patience(self) -> (Duration, Duration) {
        match self {
            Self::Failing => FAILING,
            Self::Busy => BUSY,
            Self::Refusing => REFUSING,
            Self::Gone => (Duration::MAX, Duration::MAX),
        }
    }
}

/// How a channel stands, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Why it is closed; `None` where it is open.
    pub closed: Option<Closed>,
    /// What the other side said last.
    pub reason: String,
    /// Since when it does not work.
    pub since: DateTime<Utc>,
}

impl Standing {
    /// How a channel stands, in a word of metrics: `open`, or why it is closed.
    #[must_use]
    pub fn word(standing: Option<&Self>) -> &'static str {
        standing.and_then(|standing| standing.closed).map_or("open", Closed::as_str)
    }
}

/// Whether anything is sent to a channel now.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

/// Since which opening by hand an attempt is under way: what began before says nothing of what was mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened(u64);

#[derive(Debug, Default)]
struct State {
    /// How often somebody said that it was mended, or its secrets were changed.
    opened: Opened,
    /// Failures since the last success.
    failures: u32,
    /// How often it was closed since the last success.
    times: u32,
    closed: Option<(Closed, Duration)>,
    /// Whether somebody said since it was closed that it was mended, and no attempt has shown how it is.
    is_reopened: bool,
    /// Until when the channel asked to be left alone, or takes nothing as far as it says.
    asked_until: Duration,
    /// What failed last, and since when.
    trouble: Option<(DateTime<Utc>, String)>,
    /// When people were told that it has failed for long.
    told: Option<Duration>,
    /// What people have to know and could not be told yet, and when it is tried again.
    owed: Option<(TroubleKind, Duration)>,
}

impl State {
    /// Whether the channel asked to be left alone until later.
    fn is_left_alone(&self, now: Duration) -> bool {
        now < self.asked_until
    }

    /// Closes it for a wait that was asked for, where that ends later than what closed it.
    fn lengthen(&mut self, until: Duration) {
        if let Some((_, closed_until)) = &mut self.closed {
            *closed_until = until.max(*closed_until);
            self.asked_until = until.max(self.asked_until);
        }
    }

    /// Whether people hear now that it has failed for long.
    fn is_news(&mut self, since: DateTime<Utc>, now: Moment) -> bool {
        let (long, again) = LONG;
        let is_old = |told: Duration| now.monotonic.saturating_sub(told) >= again;
        let is_news = now.wall - since >= long && self.told.is_none_or(is_old);
        if is_news {
            self.told = Some(now.monotonic);
        }
        is_news
    }
}

/// The moment of an attempt, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// By the wall clock.
    pub wall: DateTime<Utc>,
    /// By the monotonic one.
    pub monotonic: Duration,
}

impl Gate {
    /// Whether messages may be sent, at a moment of the monotonic clock.
    #[must_use]
    pub fn opening(&self, now: Duration) -> Opening {
        match self.state().closed {
            None => Opening::Open,
            Some((Closed::Gone, _)) => Opening::Closed(Duration::MAX),
            Some((_, until)) if now < until => Opening::Closed(until.saturating_sub(now)),
            Some(_) => Opening::One,
        }
    }

    /// For how long it stays closed, where that ends by itself; nothing is left where the next message tries it.
    #[must_use]
    pub fn closed_for(&self, now: Duration) -> Option<Duration> {
        let (why, until) = self.state().closed?;
        (why != Closed::Gone).then(|| until.saturating_sub(now))
    }

    /// Lets the next message try a closed channel at once, as somebody says that it was mended. Says whether it was closed.
    pub fn reopen(&self, now: Duration) -> bool {
        let mut state = self.state();
        state.opened.0 = state.opened.0.wrapping_add(1);
        state.asked_until = Duration::ZERO;
        match &mut state.closed {
            None => false,
            Some((why, until)) => {
                // One that was gone for good is tried like any other.
                *why = if *why == Closed::Gone { Closed::Refusing } else { *why };
                *until = now.min(*until);
                state.is_reopened = true;
                true
            }
        }
    }

    /// How it stands, in a word of metrics, and since when it does not work, in Unix seconds, 0 where it does. One that was closed is
    /// open from when somebody says that it was mended: nothing shows that it is not.
    #[must_use]
    pub fn stands(&self) -> (&'static str, i64) {
        let (standing, is_reopened) = (self.standing(), self.state().is_reopened);
        let since = standing.as_ref().map_or(0, |standing| standing.since.timestamp());
        (if is_reopened { Standing::word(None) } else { Standing::word(standing.as_ref()) }, since)
    }

    /// How it stands; `None` where all goes well.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        let state = self.state();
        let (since, reason) = state.trouble.clone()?;
        Some(Standing { closed: state.closed.map(|(why, _)| why), reason, since })
    }

    /// What an attempt that begins now is to show when it ends: see [`Self::learn_of`].
    #[must_use]
    pub fn opened(&self) -> Opened {
        self.state().opened
    }

    /// The same as [`Self::learn_of`] of an attempt that begins and ends now.
    #[cfg(test)]
    pub(crate) fn learn(&self, attempt: &Attempt, now: Moment, chance: f64) -> Option<TroubleKind> {
        self.learn_of(self.opened(), attempt, now, chance)
    }

    /// Learns from an attempt, unless the channel was mended since it began. `chance` is from 0 to 1. Says what people have to know,
    /// when it comes to that.
    pub fn learn_of(&self, began: Opened, attempt: &Attempt, now: Moment, chance: f64) -> Option<TroubleKind> {
        let mut state = self.state();
        if began != state.opened {
            return None;
        }
        let (why, at, reason) = match attempt {
            Attempt::Unsent { .. } => return None,
            // What is about the message says that the channel works.
            Attempt::Delivered | Attempt::TooRich { .. } | Attempt::Later { .. } | Attempt::GaveUp { .. } => {
                // One that was under way does not shorten the wait that the channel asked for meanwhile.
                if !state.is_left_alone(now.monotonic) {
                    *state = State { opened: state.opened, ..State::default() };
                }
                return None;
            }
            Attempt::Retry { at, reason } => (Closed::Failing, *at, reason),
            Attempt::Busy { at, reason } => (Closed::Busy, *at, reason),
            Attempt::Refused { reason } => (Closed::Refusing, None, reason),
            Attempt::Gone { reason } => (Closed::Gone, None, reason),
        };
        state.is_reopened = false;
        state.failures = state.failures.saturating_add(1);
        let since = state.trouble.take().map_or(now.wall, |(since, _)| since);
        state.trouble = Some((since, reason.clone()));
        let told = at.and_then(|at| (at - now.wall).to_std().ok()).map(|wait| now.monotonic.saturating_add(wait));
        let is_failing = why == Closed::Failing;
        let is_tired = !is_failing || state.failures >= MOST_FAILURES;
        // One that says how long to wait is not to be asked five times.
        if told.is_none() && !is_tired {
            return None;
        }
        // Several that were under way together are one failure, and wait as long as any of them was told to.
        if why != Closed::Gone && state.closed.is_some_and(|(_, until)| now.monotonic < until) {
            if let Some(until) = told {
                state.lengthen(until);
            }
            return None;
        }
        // Who fails for long and always says to come again at once is not believed.
        let ours = is_tired && (is_failing || told.is_none());
        let ours = ours.then(|| {
            state.times = state.times.saturating_add(1);
            now.monotonic.saturating_add(wait(why, state.times, chance))
        });
        let until = told.max(ours)?;
        state.closed = Some((why, until));
        if told.is_some() || why == Closed::Busy {
            state.asked_until = until;
        }
        match why {
            Closed::Refusing => Some(TroubleKind::ChannelPaused),
            Closed::Gone => Some(TroubleKind::ChannelGone),
            Closed::Failing | Closed::Busy => state.is_news(since, now).then_some(TroubleKind::ChannelFailing),
        }
    }

    /// People could not be told this now, at a moment of the monotonic clock.
    pub(super) fn owes(&self, kind: TroubleKind, now: Duration) {
        self.state().owed = Some((kind, now.saturating_add(OWED_AGAIN)));
    }

    /// What people could not be told, where it is time to try that again. It is over where the channel works by then.
    pub(super) fn take_owed(&self, now: Duration) -> Option<TroubleKind> {
        self.state().owed.take_if(|(_, again)| now >= *again).map(|(kind, _)| kind)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What is kept is whole after each change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a channel stays closed that does not say: longer each time, by a fifth more or less.
fn wait(why: Closed, times: u32, chance: f64) -> Duration {
    let (first, most) = why.patience();
    let doubled =
        first.saturating_mul(1_u32.checked_shl(times.saturating_sub(1).min(16)).unwrap_or(u32::MAX)).min(most);
    if why == Closed::Gone { doubled } else { doubled.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        let wall = DateTime::from_timestamp(1_795_000_000 + i64::try_from(seconds).unwrap(), 0).unwrap();
        Moment { wall, monotonic: Duration::from_secs(seconds) }
    }

    fn retry() -> Attempt {
        Attempt::Retry { at: None, reason: "status 500".into() }
    }

    fn refused() -> Attempt {
        Attempt::Refused { reason: "status 401".into() }
    }

    #[test]
    fn five_failures_in_a_row_close_a_channel_and_one_message_tries_it() {
        let gate = Gate::default();
        for n in 0..4 {
            assert_eq!(gate.learn(&retry(), at(n), 0.5), None);
            assert_eq!(gate.opening(at(n).monotonic), Opening::Open);
        }
        assert_eq!(gate.learn(&retry(), at(4), 0.5), None, "people are not told of what passes");
        assert_eq!(gate.opening(at(4).monotonic), Opening::Closed(Duration::from_secs(30)));
        assert_eq!(gate.closed_for(at(14).monotonic), Some(Duration::from_secs(20)));
        assert_eq!(gate.opening(at(34).monotonic), Opening::One);
        gate.learn(&retry(), at(34), 0.5);
        assert_eq!(gate.opening(at(34).monotonic), Opening::Closed(Duration::from_secs(60)), "longer each time");
        gate.learn(&Attempt::Delivered, at(95), 0.5);
        assert_eq!((gate.opening(at(95).monotonic), gate.standing()), (Opening::Open, None));
        assert_eq!(Standing::word(gate.standing().as_ref()), "open");
    }

    #[test]
    fn what_people_could_not_be_told_is_owed_until_it_is_or_until_the_channel_works() {
        let gate = Gate::default();
        let kind = gate.learn(&refused(), at(0), 0.5).unwrap();
        let take = |second| gate.take_owed(at(second).monotonic);
        gate.owes(kind, at(0).monotonic);
        gate.learn(&refused(), at(1), 0.5);
        assert_eq!([take(1), take(59), take(60), take(61)], [None, None, Some(TroubleKind::ChannelPaused), None]);
        gate.owes(kind, at(61).monotonic);
        gate.learn(&Attempt::Delivered, at(700), 0.5);
        assert_eq!(take(700), None);
    }

    #[test]
    fn what_does_not_pass_within_an_hour_is_told_once_a_day() {
        let busy = |second: u64| Attempt::Busy { at: Some(at(second + 600).wall), reason: "status 429".into() };
        for failure in [(|_| retry()) as fn(u64) -> Attempt, busy] {
            let gate = Gate::default();
            let mut told = Vec::new();
            for second in (0..50 * 3600).step_by(1200) {
                (0..5).for_each(|_| {
                    told.extend(gate.learn(&failure(second), at(second), 0.5).map(|kind| (second / 3600, kind)));
                });
            }
            assert_eq!(told, [1, 25, 49].map(|hour| (hour, TroubleKind::ChannelFailing)));
            gate.learn(&Attempt::Delivered, at(50 * 3600), 0.5);
            assert_eq!(
                (0..5).find_map(|_| gate.learn(&failure(180_001), at(180_001), 0.5)),
                None,
                "it worked meanwhile"
            );
        }
    }

    #[test]
    fn failures_between_successes_close_nothing() {
        let gate = Gate::default();
        for n in 0..40 {
            gate.learn(&retry(), at(n), 0.5);
            if n % 4 == 3 {
                gate.learn(&Attempt::GaveUp { reason: "status 404".into() }, at(n), 0.5);
            }
            assert_eq!(gate.opening(at(n).monotonic), Opening::Open, "{n}");
        }
    }

    #[test]
    fn a_refusal_closes_at_once_and_is_told_once() {
        let gate = Gate::default();
        assert_eq!(gate.learn(&refused(), at(0), 0.5), Some(TroubleKind::ChannelPaused));
        for _ in 0..7 {
            assert_eq!(gate.learn(&refused(), at(0), 0.5), None, "those that were under way say nothing new");
        }
        assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(600)));
        let standing = gate.standing().unwrap();
        assert_eq!((standing.closed, standing.reason.as_str()), (Some(Closed::Refusing), "status 401"));
        assert_eq!(Standing::word(Some(&standing)), "refused");
        gate.learn(&refused(), at(600), 0.5);
        gate.learn(&refused(), at(1800), 0.5);
        gate.learn(&refused(), at(5400), 0.5);
        assert_eq!(gate.opening(at(5400).monotonic), Opening::Closed(Duration::from_secs(3600)), "an hour at most");
        assert_eq!(gate.standing().unwrap().since, at(0).wall);
    }

    #[test]
    fn whoever_says_that_a_channel_is_mended_lets_one_message_try_it() {
        for closes in [refused(), Attempt::Gone { reason: "status 410".into() }] {
            let gate = Gate::default();
            assert!(!gate.reopen(at(0).monotonic), "it is open");
            gate.learn(&closes, at(0), 0.5);
            assert!(matches!(gate.opening(at(1).monotonic), Opening::Closed(_)));
            assert!(gate.reopen(at(1).monotonic));
            assert_eq!(gate.opening(at(1).monotonic), Opening::One);
            assert_eq!(gate.closed_for(at(1).monotonic), Some(Duration::ZERO));
            let late = gate.opened();
            assert_eq!(gate.stands(), ("open", at(0).wall.timestamp()), "nothing shows that it is not mended");
            gate.learn(&closes, at(2), 0.5);
            assert!(matches!(gate.opening(at(3).monotonic), Opening::Closed(_)), "it was not mended");
            let word = gate.stands().0;
            assert!(["refused", "gone"].contains(&word), "{word}");
            gate.reopen(at(3).monotonic);
            gate.learn_of(late, &closes, at(4), 0.5);
            assert_eq!(gate.stands().0, "open", "it was under way");
            gate.learn(&Attempt::Delivered, at(5), 0.5);
            assert_eq!(gate.stands(), ("open", 0));
        }
    }

    #[test]
    fn a_channel_says_how_long_it_is_busy() {
        let gate = Gate::default();
        let busy = Attempt::Busy { at: Some(at(7).wall), reason: "status 429".into() };
        assert_eq!(gate.learn(&busy, at(0), 0.5), None);
        assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(7)));
        assert_eq!(gate.opening(at(8).monotonic), Opening::One);
        // One that does not say is left alone for longer each time, and for a quarter of an hour at most.
        let (gate, mut second, mut waits) = (Gate::default(), 0, Vec::new());
        for _ in 0..10 {
            gate.learn(&Attempt::Busy { at: None, reason: "status 429".into() }, at(second), 0.5);
            let Opening::Closed(wait) = gate.opening(at(second).monotonic) else { panic!("it is busy") };
            waits.push(wait.as_secs());
            second += wait.as_secs();
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
    }

    /// A 401 that was on its way when the secret was changed is about the old one.
    #[test]
    fn what_was_under_way_when_a_channel_was_mended_says_nothing_of_it() {
        for late in [refused(), Attempt::Gone { reason: "status 410".into() }, Attempt::Delivered] {
            let gate = Gate::default();
            let began = gate.opened();
            gate.learn_of(began, &Attempt::Gone { reason: "status 410".into() }, at(0), 0.5);
            gate.reopen(at(1).monotonic);
            let before = gate.standing();
            assert_eq!(gate.learn_of(began, &late, at(2), 0.5), None);
            assert_eq!((gate.opening(at(2).monotonic), gate.standing()), (Opening::One, before), "{late:?}");
            let again = gate.opened();
            gate.learn_of(again, &Attempt::Delivered, at(3), 0.5);
            assert_eq!((gate.opening(at(3).monotonic), gate.opened()), (Opening::Open, again), "it is mended once");
            gate.learn_of(began, &late, at(4), 0.5);
            assert_eq!((gate.opening(at(4).monotonic), gate.standing()), (Opening::Open, None), "{late:?}");
        }
    }

    /// A service that is being mended says so once, whatever the class of its answer.
    #[test]
    fn whoever_says_when_to_come_again_is_left_alone_until_then() {
        let gate = Gate::default();
        let later = |seconds| Attempt::Retry { at: Some(at(seconds).wall), reason: "status 503".into() };
        assert_eq!(gate.learn(&later(120), at(0), 0.5), None);
        assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(120)));
        gate.learn(&Attempt::Delivered, at(1), 0.5);
        assert_eq!(gate.opening(at(1).monotonic), Opening::Closed(Duration::from_secs(119)), "it was under way");
        gate.learn(&Attempt::Delivered, at(121), 0.5);
        assert_eq!(gate.opening(at(121).monotonic), Opening::Open);
        for second in 200..204 {
            gate.learn(&later(second + 1), at(second), 0.5);
        }
        assert_eq!(gate.opening(at(203).monotonic), Opening::Closed(Duration::from_secs(1)));
        gate.learn(&later(205), at(204), 0.5);
        assert_eq!(gate.opening(at(204).monotonic), Opening::Closed(Duration::from_secs(30)), "it said so five times");
    }

    /// Eight are under way at once, and the one that is told to wait need not be the first that ends.
    #[test]
    fn the_longest_wait_that_was_told_counts() {
        let gate = Gate::default();
        for _ in 0..5 {
            gate.learn(&retry(), at(0), 0.5);
        }
        assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(30)));
        let busy = |seconds| Attempt::Busy { at: Some(at(seconds).wall), reason: "status 429".into() };
        for (told, expected) in [(600, 600), (60, 600)] {
            gate.learn(&busy(told), at(0), 0.5);
            assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(expected)), "{told}");
        }
        gate.learn(&Attempt::Delivered, at(40), 0.5);
        assert_eq!(gate.opening(at(40).monotonic), Opening::Closed(Duration::from_secs(560)));
    }

    /// Greylisting: sixty recipients that are to come again are sixty messages, and no channel that fails.
    #[test]
    fn what_is_about_one_message_closes_nothing() {
        let gate = Gate::default();
        for n in 0..60 {
            gate.learn(&Attempt::Later { reason: "450 greylisted".into() }, at(n), 0.5);
            assert_eq!((gate.opening(at(n).monotonic), gate.standing()), (Opening::Open, None));
        }
    }

    /// Fault r27-9: the first message of the morning is for somebody who was taken out, and the server is down since the evening.
    #[test]
    fn what_was_not_sent_says_nothing_of_the_channel() {
        let unsent = Attempt::Unsent { reason: "the recipient is no longer configured".into() };
        let gate = Gate::default();
        for n in 0..4 {
            gate.learn(&retry(), at(n), 0.5);
            assert_eq!(gate.learn(&unsent, at(n), 0.5), None);
        }
        assert_eq!(gate.standing().map(|standing| standing.since), Some(at(0).wall));
        gate.learn(&retry(), at(4), 0.5);
        assert_eq!(gate.opening(at(4).monotonic), Opening::Closed(Duration::from_secs(30)), "five in a row");
        gate.learn(&unsent, at(34), 0.5);
        assert_eq!(gate.opening(at(34).monotonic), Opening::One, "it was not tried");
        gate.learn(&retry(), at(34), 0.5);
        assert_eq!(gate.opening(at(34).monotonic), Opening::Closed(Duration::from_secs(60)), "the second time");
        let never_tried = Gate::default();
        never_tried.learn(&unsent, at(0), 0.5);
        assert_eq!((never_tried.opening(at(0).monotonic), never_tried.standing()), (Opening::Open, None));
    }

    #[test]
    fn what_was_under_way_does_not_end_a_wait_that_was_asked_for() {
        let gate = Gate::default();
        let busy = Attempt::Busy { at: Some(at(7).wall), reason: "status 429".into() };
        gate.learn(&busy, at(0), 0.5);
        gate.learn(&Attempt::Delivered, at(1), 0.5);
        assert_eq!(gate.opening(at(1).monotonic), Opening::Closed(Duration::from_secs(6)));
        gate.learn(&Attempt::Delivered, at(8), 0.5);
        assert_eq!((gate.opening(at(8).monotonic), gate.standing()), (Opening::Open, None));
    }

    #[test]
    fn what_is_gone_stays_closed() {
        let gate = Gate::default();
        let gone = Attempt::Gone { reason: "status 410".into() };
        assert_eq!(gate.learn(&gone, at(0), 0.5), Some(TroubleKind::ChannelGone));
        assert_eq!(gate.opening(at(1_000_000_000).monotonic), Opening::Closed(Duration::MAX));
    }
}
