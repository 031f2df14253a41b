//! Whether anything is sent to a channel now.
//!
//! A refusal that is about the channel closes it for all its messages, so that one fault is met once and not by each of
//! them. A closed channel delays messages and drops none. What closed it is tried again with one message, and with more
//! patience each time; nothing of this is stored, as a start may well be because something was mended. People hear of a
//! refusal at once, and of what does not pass within an hour.
//!
//! ```text
//!          five failures in a row · busy · refused            the time is over
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

#[derive(Debug, Default)]
struct State {
    /// Failures since the last success.
    failures: u32,
    /// How often it was closed since the last success.
    times: u32,
    closed: Option<(Closed, Duration)>,
    /// What failed last, and since when.
    trouble: Option<(DateTime<Utc>, String)>,
    /// When people were told that it has failed for long.
    told: Option<Duration>,
}

impl State {
    /// Whether the channel asked to be left alone until later.
    fn is_left_alone(&self, now: Duration) -> bool {
        matches!(self.closed, Some((Closed::Busy, until)) if now < until)
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

    /// How it stands; `None` where all goes well.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        let state = self.state();
        let (since, reason) = state.trouble.clone()?;
        Some(Standing { closed: state.closed.map(|(why, _)| why), reason, since })
    }

    /// Learns from an attempt. `chance` is from 0 to 1. Says what people have to know, when it comes to that.
    pub fn learn(&self, attempt: &Attempt, now: Moment, chance: f64) -> Option<TroubleKind> {
        let mut state = self.state();
        let (why, at, reason) = match attempt {
            // A refusal that is about the message says that the channel works.
            Attempt::Delivered | Attempt::TooRich { .. } | Attempt::GaveUp { .. } => {
                // One that was under way does not shorten the wait that the channel asked for meanwhile.
                if !state.is_left_alone(now.monotonic) {
                    *state = State::default();
                }
                return None;
            }
            Attempt::Retry { reason, .. } => (Closed::Failing, None, reason),
            Attempt::Busy { at, reason } => (Closed::Busy, *at, reason),
            Attempt::Refused { reason } => (Closed::Refusing, None, reason),
            Attempt::Gone { reason } => (Closed::Gone, None, reason),
        };
        state.failures = state.failures.saturating_add(1);
        let since = state.trouble.take().map_or(now.wall, |(since, _)| since);
        state.trouble = Some((since, reason.clone()));
        if why == Closed::Failing && state.failures < MOST_FAILURES {
            return None;
        }
        let was = state.closed;
        // Several that were under way together are one failure.
        if was.is_some_and(|(_, until)| now.monotonic < until) && why != Closed::Gone {
            return None;
        }
        state.times = state.times.saturating_add(1);
        state.closed = Some((why, now.monotonic.saturating_add(wait(why, at, state.times, now.wall, chance))));
        match why {
            Closed::Refusing => Some(TroubleKind::ChannelPaused),
            Closed::Gone => Some(TroubleKind::ChannelGone),
            Closed::Failing | Closed::Busy => state.is_news(since, now).then_some(TroubleKind::ChannelFailing),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // What is kept is whole after each change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a channel stays closed: as long as it asks for, else longer each time, by a fifth more or less.
fn wait(why: Closed, at: Option<DateTime<Utc>>, times: u32, now: DateTime<Utc>, chance: f64) -> Duration {
    if let Some(asked) = at.and_then(|at| (at - now).to_std().ok()) {
        return asked;
    }
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
        assert_eq!(gate.opening(at(34).monotonic), Opening::One);
        gate.learn(&retry(), at(34), 0.5);
        assert_eq!(gate.opening(at(34).monotonic), Opening::Closed(Duration::from_secs(60)), "longer each time");
        gate.learn(&Attempt::Delivered, at(95), 0.5);
        assert_eq!((gate.opening(at(95).monotonic), gate.standing()), (Opening::Open, None));
        assert_eq!(Standing::word(gate.standing().as_ref()), "open");
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
    fn a_channel_says_how_long_it_is_busy() {
        let gate = Gate::default();
        let busy = Attempt::Busy { at: Some(at(7).wall), reason: "status 429".into() };
        assert_eq!(gate.learn(&busy, at(0), 0.5), None);
        assert_eq!(gate.opening(at(0).monotonic), Opening::Closed(Duration::from_secs(7)));
        assert_eq!(gate.opening(at(8).monotonic), Opening::One);
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
