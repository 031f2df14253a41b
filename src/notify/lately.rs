//! How often one recipient is told at once of one workload. What is not urgent is gathered, and needs no other bound.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// So many urgent messages about one workload go to one recipient within [`SPAN`]: that an update failed, that it went back, and one
/// that nobody expects. What comes after them waits its turn.
const MOST: usize = 3;
/// See [`MOST`].
const SPAN: TimeDelta = TimeDelta::minutes(1);
/// Of so many workloads and recipients it is remembered. Beyond it all is forgotten, as after a start: then more are told.
const REMEMBERED: usize = 4_096;

/// When the last urgent messages went out, by whom they were about and whom they were for.
#[derive(Debug, Default)]
pub(super) struct Lately {
    told: Mutex<HashMap<WhomOfWhat, Vec<DateTime<Utc>>>>,
}

/// A workload's uid and a recipient.
type WhomOfWhat = (Box<str>, Box<str>);

impl Lately {
    /// When the next one may go, where that is not now.
    pub(super) fn full_until(&self, of: (&str, &str), now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let all = told.get(&(of.0.into(), of.1.into()))?;
        // A clock that was ahead is none to wait for.
        let within: Vec<_> = all.iter().filter(|at| is_within(**at, now)).collect();
        (within.len() >= MOST).then(|| within.into_iter().min().map(|first| *first + SPAN)).flatten()
    }

    /// Notes that one went out.
    pub(super) fn note(&self, of: (&str, &str), now: DateTime<Utc>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.retain(|_, all| all.iter().any(|at| is_within(*at, now)));
        }
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let all = told.entry((of.0.into(), of.1.into())).or_default();
        all.retain(|at| is_within(*at, now));
        all.push(now);
    }
}

fn is_within(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at <= now && now - at < SPAN
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: (&str, &str) = ("uid-1", "ann@example.com");

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn the_fourth_within_a_minute_waits_for_the_first_to_be_a_minute_ago() {
        let lately = Lately::default();
        for second in [0, 5, 20] {
            assert_eq!(lately.full_until(ANN, at(second)), None);
            lately.note(ANN, at(second));
        }
        assert_eq!(lately.full_until(ANN, at(30)), Some(at(60)));
        for other in [("uid-2", ANN.1), (ANN.0, "joe@example.com")] {
            assert_eq!(lately.full_until(other, at(30)), None, "{other:?}");
        }
        assert_eq!(lately.full_until(ANN, at(60)), None);
        lately.note(ANN, at(60));
        assert_eq!(lately.full_until(ANN, at(61)), Some(at(65)));
        assert_eq!(lately.full_until(ANN, at(-3_600)), None, "a clock that was ahead");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let lately = Lately::default();
        for n in 0..REMEMBERED + 10 {
            lately.note((&n.to_string(), ""), at(0));
        }
        assert!(lately.told.lock().unwrap().len() <= REMEMBERED);
        for n in 0..REMEMBERED + 10 {
            lately.note((&n.to_string(), "x"), at(i64::try_from(n).unwrap() * 60));
        }
        assert!(lately.told.lock().unwrap().len() <= REMEMBERED);
    }
}
