//! When to try again: what the other side said, or doubling waits with jitter.
//!
//! Pure: the header, the clock and the chance are arguments. It never decides *whether* to retry.

use chrono::{DateTime, TimeDelta, Utc};

/// What a server said in `Retry-After`, made absolute.
///
/// Source: RFC 9110 §10.2.3 (seconds, or an HTTP date). Some services send fractions of a second, some the Unix
/// time at which they open again; a number too large for a delay is read as the latter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(DateTime<Utc>);

impl RetryAfter {
    /// Ten years in seconds: what is larger is a Unix time.
    const LONGEST_DELAY: f64 = 315_360_000.0;

    /// A moment that is known already.
    #[must_use]
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }

    /// When that is.
    #[must_use]
    pub fn moment(self) -> DateTime<Utc> {
        self.0
    }

    /// Reads a header's value as it stood at `now`; `None` when it says nothing usable.
    #[must_use]
    pub fn parse(value: &str, now: DateTime<Utc>) -> Option<Self> {
        let value = value.trim();
        if value.len() > 40 {
            return None;
        }
        match value.parse::<f64>() {
            Ok(seconds) if seconds > Self::LONGEST_DELAY => Some(Self(DateTime::from_timestamp(whole(seconds)?, 0)?)),
            Ok(seconds) => {
                let delay = TimeDelta::try_milliseconds(whole(seconds * 1000.0)?)?;
                Some(Self(now.checked_add_signed(delay)?))
            }
            Err(_) => Some(Self(DateTime::parse_from_rfc2822(value).ok()?.to_utc())),
        }
    }
}

/// A float as a whole number, when it is one that fits.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
    (number.abs() < 9.0e15).then_some(number as i64)
}

/// How long to wait between attempts, whatever the other side says, and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    shortest: TimeDelta,
    /// No wait is longer.
    longest: TimeDelta,
    /// The factor from one wait to the next.
    factor: i32,
}

impl Backoff {
    /// Waits that begin with `shortest` and grow by `factor` up to `longest`, in seconds.
    ///
    /// Bounds are put in order, and nothing is below one second.
    #[must_use]
    pub fn seconds(shortest: i64, longest: i64, factor: i32) -> Self {
        let shortest = TimeDelta::seconds(shortest.clamp(1, 86_400));
        let longest = TimeDelta::seconds(longest.clamp(1, 7 * 86_400)).max(shortest);
        Self { shortest, longest, factor: factor.max(1) }
    }

    /// The moment of the attempt after attempt number `attempt`; the first attempt is 1.
    ///
    /// `jitter`, in `0.0..=1.0`, spreads a wait over its upper half. What the other side `told` is kept between
    /// the bounds, so that nobody parks us for a year.
    #[must_use]
    pub fn next(&self, attempt: u32, told: Option<RetryAfter>, now: DateTime<Utc>, jitter: f64) -> DateTime<Utc> {
        let half = self.grown(attempt) / 2;
        let wait = told.map_or_else(|| half + scaled(half, jitter), |RetryAfter(at)| at - now);
        now + wait.clamp(self.shortest, self.longest)
    }

    fn grown(&self, attempt: u32) -> TimeDelta {
        let factor = self.factor.saturating_pow(attempt.saturating_sub(1));
        self.shortest.checked_mul(factor).map_or(self.longest, |wait| wait.min(self.longest))
    }
}

/// `part` of a duration, to a thousandth.
fn scaled(duration: TimeDelta, part: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=1000 first")]
    let thousandths = (part.clamp(0.0, 1.0) * 1000.0) as i32;
    duration / 1000 * thousandths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    #[test]
    fn a_header_is_seconds_a_date_or_a_unix_time() {
        let cases = [
            ("5", Some(5_000)),
            (" 0.25 ", Some(250)),
            ("-1", Some(-1_000)),
            ("1795000060", Some(60_000)),
            ("Wed, 18 Nov 2026 11:08:20 GMT", Some(100_000)),
            ("soon", None),
            ("nan", None),
            ("inf", None),
            ("-inf", None),
            ("315360000", Some(315_360_000_000)),
            ("0000000000000000000000000000000000000005", Some(5_000)),
            ("00000000000000000000000000000000000000005", None),
            ("1e400", None),
            ("99999999999999999999999", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let millis = RetryAfter::parse(value, now()).map(|RetryAfter(at)| (at - now()).num_milliseconds());
            assert_eq!(millis, expected, "{value}");
        }
    }

    #[test]
    fn waits_grow_to_their_bound() {
        let backoff = Backoff::seconds(5, 3600, 3);
        let waits: Vec<_> = (1..=8).map(|n| (backoff.next(n, None, now(), 1.0) - now()).num_seconds()).collect();
        assert_eq!(waits, [5, 15, 45, 135, 405, 1215, 3600, 3600]);
        let wait = |attempt, jitter| (backoff.next(attempt, None, now(), jitter) - now()).num_milliseconds();
        assert_eq!((wait(3, 0.0), wait(3, 0.5), wait(40, 0.0)), (22_500, 33_750, 1_800_000), "over the upper half");
        assert_eq!((wait(3, -1.0), wait(3, 9.0)), (wait(3, 0.0), wait(3, 1.0)));
        assert_eq!(RetryAfter::at(now()).moment(), now());
    }

    #[test]
    fn bounds_are_put_in_order() {
        let waits = |backoff: Backoff| [1, 40].map(|n| (backoff.next(n, None, now(), 1.0) - now()).num_seconds());
        assert_eq!(waits(Backoff::seconds(0, 0, 0)), [1, 1]);
        assert_eq!(waits(Backoff::seconds(60, 5, 2)), [60, 60]);
        assert_eq!(waits(Backoff::seconds(i64::MAX, i64::MAX, i32::MAX)), [86_400, 7 * 86_400]);
    }

    proptest! {
        #[test]
        fn a_wait_stays_inside_its_bounds(attempt: u32, told in proptest::option::of(any::<f64>()), jitter: f64) {
            let backoff = Backoff::seconds(1, 3600, 2);
            let told = told.and_then(|seconds| RetryAfter::parse(&seconds.to_string(), now()));
            let wait = backoff.next(attempt, told, now(), jitter) - now();
            prop_assert!(TimeDelta::seconds(1) <= wait && wait <= TimeDelta::hours(1), "{wait}");
        }
    }
}
