//! Hosts that asked to wait, or that have little left for us.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::shares::Shares;
use super::wire::Question;
use super::{RegistryError, Wait};
use crate::domain::retry::{Backoff, RetryAfter};

/// Hosts that asked to wait, and are remembered.
const MOST_THROTTLED: usize = 1000;
/// Nobody makes us wait for longer, in seconds.
const LONGEST_WAIT: i64 = 3600;
/// Of what a registry allows, the last so-manieth is left to those who pull.
const LEFT_TO_OTHERS: u64 = 10;

/// Hosts that asked to wait, by credential.
#[derive(Debug)]
pub(super) struct Throttled(Mutex<Shares<String, (DateTime<Utc>, Wait)>>);

impl Default for Throttled {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_THROTTLED)))
    }
}

impl Throttled {
    /// Remembers that a host asked to wait, and says so.
    pub(super) fn wait(&self, question: Question<'_>, told: Option<RetryAfter>, now: DateTime<Utc>) -> RegistryError {
        let at = Backoff::seconds(5, LONGEST_WAIT, 2).next(1, told, now, 0.0);
        self.remember(question, (at, Wait::Asked), now);
        RegistryError::throttled(question.host(), at, Wait::Asked)
    }

    /// Learns how much is left, of what and for how long; the answer is good, and the next question waits.
    pub(super) fn left(&self, question: Question<'_>, left: Option<Quota>, limit: Option<Quota>, now: DateTime<Utc>) {
        let (Some(left), Some(limit)) = (left, limit) else { return };
        let Some(window) = left.window.or(limit.window).filter(|_| limit.count > 0) else { return };
        if left.count > limit.count / LEFT_TO_OTHERS {
            return;
        }
        let one_more = window.div_ceil(limit.count).min(LONGEST_WAIT.unsigned_abs());
        let told = RetryAfter::at(now + TimeDelta::seconds(one_more.try_into().unwrap_or(LONGEST_WAIT)));
        let at = Backoff::seconds(1, LONGEST_WAIT, 2).next(1, Some(told), now, 0.0);
        self.remember(question, (at, Wait::LittleLeft), now);
    }

    /// Whether a host may be asked again.
    pub(super) fn may_ask(&self, question: Question<'_>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let scope = question.credential.scope().to_owned();
        let throttled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match throttled.get(question.host(), &scope).filter(|(at, _)| *at > now) {
            Some((at, why)) => Err(RegistryError::throttled(question.host(), *at, *why)),
            None => Ok(()),
        }
    }

    fn remember(&self, question: Question<'_>, wait: (DateTime<Utc>, Wait), now: DateTime<Utc>) {
        let mut throttled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        throttled.retain(|(at, _)| *at > now);
        throttled.insert(question.host(), question.credential.scope().to_owned(), wait, 1);
    }
}

/// So many requests, in so many seconds: `100;w=21600`, as Docker Hub has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    count: u64,
    window: Option<u64>,
}

impl Quota {
    /// Reads a header's value; `None` when it says nothing usable.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.get(..value.len().min(64))?.split(';').map(str::trim);
        let count = parts.next()?.parse().ok()?;
        let window = parts.find_map(|part| part.strip_prefix("w=")?.parse().ok());
        Some(Self { count, window: window.filter(|window| *window > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reference::Repository;
    use crate::registry::credential::Login;

    #[test]
    fn a_quota_is_read_as_it_is_written() {
        for (value, expected) in [
            ("100;w=21600", Some((100, Some(21600)))),
            ("76", Some((76, None))),
            ("76 ; x=1 ; w=60", Some((76, Some(60)))),
            ("76;w=0", Some((76, None))),
            ("-1", None),
            ("many", None),
            ("99999999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(Quota::parse(value).map(|quota| (quota.count, quota.window)), expected, "{value}");
        }
    }

    /// What is left when the next question waits, of a limit; and for how many seconds.
    #[test]
    fn the_last_tenth_is_left_to_those_who_pull() {
        let (repository, credential) = (Repository::parse("nginx").unwrap(), Login::Nobody);
        let question = Question { repository: &repository, credential: &credential, operation: "tags", accept: "" };
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let waits = |left: &str, limit: &str| {
            let throttled = Throttled::default();
            throttled.left(question, Quota::parse(left), Quota::parse(limit), now);
            match throttled.may_ask(question, now) {
                Err(RegistryError::Throttled { until: Some(until), .. }) => Some((until.moment() - now).num_seconds()),
                _ => None,
            }
        };
        assert_eq!(waits("11;w=21600", "100;w=21600"), None);
        assert_eq!(waits("10;w=21600", "100;w=21600"), Some(216));
        assert_eq!(waits("0;w=21600", "100;w=21600"), Some(216));
        assert_eq!(waits("0", "100;w=60"), Some(1));
        assert_eq!(waits("0;w=99999999", "1;w=60"), Some(3600));
        assert_eq!(waits("0", "0;w=60"), None);
        assert_eq!(waits("0", "100"), None, "for how long is not known");
        assert_eq!(waits("0;w=18446744073709551615", "1"), Some(3600));
    }
}
