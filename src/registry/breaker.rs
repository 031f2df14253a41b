//! A host that gives no answers is left alone for a while, and then asked by one request at a time.
//!
//! ```text
//!          three in a row give no answer            its time is over: one request tries
//! closed ────────────────────────────────► open ◄──────────────────────────────► probing
//!    ▲                                        none: open again, for longer           │
//!    └───────────────────────────── any answer, whatever its status ─────────────────┘
//! ```
//!
//! Whoever comes while it is open is told at once until when, and occupies nobody. Credentials have each their own, so
//! that what one tenant's projects do to a shared registry is not felt by others.

use std::time::Duration;

use chrono::DateTime;

use super::shares::Shares;
use crate::domain::retry::Backoff;

/// Answers that may stay away, one after another, before a host is left alone.
const MOST_FAILURES: u32 = 3;
/// How long those who come are sent away while one request tries.
const PROBE: Duration = Duration::from_secs(15);
/// Troubled hosts that are remembered.
const MOST_HOSTS: usize = 1000;
/// A host that nobody asked for this long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Why a registry waits that gave no answer several times in a row.
pub const NO_ANSWER: &str = "no_answer";
/// Why one waits whose certificate is not trusted.
pub const UNTRUSTED: &str = "untrusted";

/// Whose requests: the registry, the credential's scope, and the host and port that are connected to.
pub(super) type Key = (String, String, String);

/// Leave to send one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing is wrong, as far as is known.
    Usual,
    /// The one that finds out whether the host answers again.
    Probe,
}

/// How a host that is left alone failed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastFailure {
    /// It gave no answer; what was said instead.
    NoAnswer(String),
    /// It shows a certificate that is not trusted; why.
    Untrusted(String),
}

impl LastFailure {
    /// One word for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoAnswer(_) => NO_ANSWER,
            Self::Untrusted(_) => UNTRUSTED,
        }
    }
}

/// What a request's end changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// The host is left alone, for this long.
    Opened(Duration),
    /// It answers again.
    Closed,
}

#[derive(Clone, Debug)]
struct Trouble {
    state: State,
    /// How the last request failed, where that is known.
    last: Option<LastFailure>,
    /// When it was last asked for.
    seen: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many gave no answer.
    Failing(u32),
    /// It was opened so many times.
    Open {
        times: u32,
        until: Duration,
    },
    Probing {
        times: u32,
        since: Duration,
    },
}

/// The hosts that are in trouble. Time is the monotonic clock's, and chance comes as an argument.
#[derive(Debug)]
pub(super) struct Breakers(Shares<Key, Trouble>);

impl Default for Breakers {
    fn default() -> Self {
        Self(Shares::new(MOST_HOSTS))
    }
}

impl Breakers {
    /// Leave to ask a host, or the time at which to come again.
    pub(super) fn admit(&mut self, key: &Key, now: Duration) -> Result<Leave, Duration> {
        self.0.retain(|trouble| now.saturating_sub(trouble.seen) < FORGOTTEN_AFTER);
        let Some(trouble) = self.0.get_mut(&key.0, key) else { return Ok(Leave::Usual) };
        trouble.seen = now;
        match trouble.state {
            State::Failing(_) => Ok(Leave::Usual),
            State::Open { until, .. } if now < until => Err(until),
            State::Probing { since, .. } if now < since + PROBE => Err(since + PROBE),
            State::Open { times, .. } | State::Probing { times, .. } => {
                trouble.state = State::Probing { times, since: now };
                Ok(Leave::Probe)
            }
        }
    }

    /// An answer came.
    pub(super) fn answered(&mut self, key: &Key) -> Change {
        match self.0.remove(&key.0, key).map(|trouble| trouble.state) {
            None | Some(State::Failing(_)) => Change::Nothing,
            Some(State::Open { .. } | State::Probing { .. }) => Change::Closed,
        }
    }

    /// No answer came. `jitter`, in `0.0..=1.0`, spreads the time for which the host is left alone.
    pub(super) fn failed(&mut self, key: &Key, leave: Leave, now: Duration, jitter: f64) -> Change {
        let times = match (self.0.get(&key.0, key).map(|trouble| trouble.state), leave) {
            (None, _) => return self.failing(key, 1, now),
            (Some(State::Failing(failures)), _) if failures + 1 < MOST_FAILURES => {
                return self.failing(key, failures + 1, now);
            }
            (Some(State::Failing(_)), _) => 1,
            (Some(State::Probing { times, .. }), Leave::Probe) => times.saturating_add(1),
            // Sent before the host was left alone: nothing new.
            (Some(State::Open { .. } | State::Probing { .. }), _) => return Change::Nothing,
        };
        let wait = wait(times, jitter);
        self.remember(key, State::Open { times, until: now + wait }, now);
        Change::Opened(wait)
    }

    /// Keeps how the last request failed.
    pub(super) fn failed_by(&mut self, key: &Key, last: LastFailure) {
        if let Some(trouble) = self.0.get_mut(&key.0, key) {
            trouble.last = Some(last);
        }
    }

    /// How the last request failed.
    pub(super) fn last(&self, key: &Key) -> Option<LastFailure> {
        self.0.get(&key.0, key)?.last.clone()
    }

    /// The request was given up for a reason that says nothing about the host: another may try in its place.
    pub(super) fn withdrawn(&mut self, key: &Key, leave: Leave, now: Duration) {
        if let (Leave::Probe, Some(trouble)) = (leave, self.0.get_mut(&key.0, key))
            && let State::Probing { times, .. } = trouble.state
        {
            trouble.state = State::Open { times, until: now };
        }
    }

    /// Until when a registry is left alone with the credential that waits longest, or what it leads to is; and how it failed.
    pub(super) fn until(&self, registry: &str, now: Duration) -> Option<(Duration, Option<LastFailure>)> {
        let until = self.0.of(registry).filter_map(|trouble| match trouble.state {
            State::Open { until, .. } => Some((until, trouble.last.clone())),
            State::Failing(_) | State::Probing { .. } => None,
        });
        until.filter(|(until, _)| now < *until).max_by_key(|(until, _)| *until)
    }

    /// How many are left alone.
    pub(super) fn open(&self) -> usize {
        self.0.values().filter(|trouble| !matches!(trouble.state, State::Failing(_))).count()
    }

    fn failing(&mut self, key: &Key, failures: u32, now: Duration) -> Change {
        self.remember(key, State::Failing(failures), now);
        Change::Nothing
    }

    fn remember(&mut self, key: &Key, state: State, now: Duration) {
        let last = self.last(key);
        self.0.insert(&key.0, key.clone(), Trouble { state, last, seen: now }, 1);
    }
}

/// 30 s, then twice as long each time, up to ten minutes.
fn wait(times: u32, jitter: f64) -> Duration {
    let start = DateTime::UNIX_EPOCH;
    (Backoff::seconds(30, 600, 2).next(times, None, start, jitter) - start).to_std().unwrap_or(PROBE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    fn key(host: &str) -> Key {
        (host.into(), String::new(), host.into())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_failures_open_it_and_one_probe_decides() {
        let (mut breakers, dead, other) = (Breakers::default(), key("dead"), key("other"));
        for _ in 0..2 {
            assert_eq!(breakers.failed(&dead, Leave::Usual, at(0), 1.0), Change::Nothing);
            assert_eq!(breakers.admit(&dead, at(0)), Ok(Leave::Usual));
        }
        assert_eq!(breakers.failed(&dead, Leave::Usual, at(1), 1.0), Change::Opened(at(30)));
        assert_eq!(breakers.failed(&dead, Leave::Usual, at(2), 1.0), Change::Nothing, "it was on its way already");
        assert_eq!((breakers.admit(&dead, at(30)), breakers.open()), (Err(at(31)), 1));
        let until = |registry, seconds| breakers.until(registry, at(seconds)).map(|(until, _)| until);
        assert_eq!((until("dead", 30), until("dead", 31), until("other", 30)), (Some(at(31)), None, None));
        assert_eq!(breakers.admit(&other, at(30)), Ok(Leave::Usual), "another host");
        assert_eq!(breakers.admit(&dead, at(31)), Ok(Leave::Probe));
        assert_eq!(breakers.admit(&dead, at(32)), Err(at(46)), "one at a time");
        assert_eq!(breakers.failed(&dead, Leave::Probe, at(40), 1.0), Change::Opened(at(60)), "longer");
        assert_eq!(breakers.admit(&dead, at(99)), Err(at(100)));
        assert_eq!(breakers.admit(&dead, at(100)), Ok(Leave::Probe));
        assert_eq!(breakers.answered(&dead), Change::Closed);
        assert_eq!((breakers.admit(&dead, at(101)), breakers.open()), (Ok(Leave::Usual), 0));
    }

    #[test]
    fn an_answer_ends_the_row() {
        let (mut breakers, host) = (Breakers::default(), key("host"));
        for _ in 0..10 {
            assert_eq!(breakers.failed(&host, Leave::Usual, at(0), 0.5), Change::Nothing);
            assert_eq!(breakers.failed(&host, Leave::Usual, at(0), 0.5), Change::Nothing);
            assert_eq!(breakers.answered(&host), Change::Nothing);
        }
    }

    #[test]
    fn a_probe_that_is_withdrawn_or_lost_leaves_room_for_another() {
        let (mut breakers, host) = (Breakers::default(), key("host"));
        for _ in 0..3 {
            breakers.failed(&host, Leave::Usual, at(0), 1.0);
        }
        assert_eq!(breakers.admit(&host, at(30)), Ok(Leave::Probe));
        breakers.withdrawn(&host, Leave::Probe, at(31));
        assert_eq!(breakers.admit(&host, at(31)), Ok(Leave::Probe));
        assert_eq!(breakers.admit(&host, at(46)), Ok(Leave::Probe), "nothing was heard of the one before");
    }

    #[test]
    fn it_waits_ever_longer_up_to_minutes() {
        let waits: Vec<u64> = (1..=8).map(|times| wait(times, 1.0).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600, 600]);
        assert_eq!((wait(2, 0.0).as_secs(), wait(u32::MAX, 1.0).as_secs()), (30, 600));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut breakers = Breakers::default();
        for n in 0..MOST_HOSTS as u64 * 2 {
            breakers.failed(&key(&n.to_string()), Leave::Usual, at(n), 0.0);
        }
        let knows = |breakers: &Breakers, host: &str| breakers.0.get(host, &key(host)).is_some();
        assert_eq!(breakers.0.values().count(), MOST_HOSTS);
        assert!(knows(&breakers, "1999") && !knows(&breakers, "0"), "the oldest go");
        let _ = breakers.admit(&key("new"), at(1_000_000));
        assert_eq!(breakers.0.values().count(), 0);
    }

    #[test]
    fn a_registry_that_leads_to_many_hosts_makes_us_forget_no_other() {
        let (mut breakers, dead) = (Breakers::default(), key("dead"));
        for _ in 0..3 {
            breakers.failed(&dead, Leave::Usual, at(0), 1.0);
        }
        for n in 0..MOST_HOSTS * 2 {
            let key = ("evil".to_owned(), String::new(), n.to_string());
            breakers.failed(&key, Leave::Usual, at(1), 0.0);
        }
        assert_eq!(breakers.admit(&dead, at(2)), Err(at(30)));
    }

    proptest! {
        /// Whatever happens in whatever order: there is one probe at a time, nobody is sent away for more than ten
        /// minutes, and time alone always lets the next one in.
        #[test]
        fn nobody_waits_for_ever(events in proptest::collection::vec((0_u8..4, 0_u64..400, any::<bool>()), 0..60)) {
            let (mut breakers, host) = (Breakers::default(), key("host"));
            let (mut now, mut probes) = (at(0), Vec::new());
            for (event, seconds, long) in events {
                now += at(seconds);
                match event {
                    0 => match breakers.admit(&host, now) {
                        Ok(Leave::Probe) => {
                            prop_assert!(probes.last().is_none_or(|last| *last + PROBE <= now));
                            probes.push(now);
                        }
                        Ok(Leave::Usual) => {}
                        Err(until) => prop_assert!(now < until && until <= now + at(600)),
                    },
                    1 => {
                        let leave = if probes.pop().is_some() { Leave::Probe } else { Leave::Usual };
                        breakers.failed(&host, leave, now, f64::from(u8::from(long)));
                    }
                    2 => {
                        probes.clear();
                        breakers.answered(&host);
                    }
                    _ => if probes.pop().is_some() {
                        breakers.withdrawn(&host, Leave::Probe, now);
                    },
                }
            }
            prop_assert!(breakers.admit(&host, now + at(601)).is_ok());
        }
    }
}
