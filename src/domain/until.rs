//! Times that something lasts until, as they were written by a clock that may have been ahead.

use chrono::{DateTime, TimeDelta, Utc};

/// Whether what lasts `at_most` so long lasts still. What would last longer was written by a clock that was ahead, and is over.
#[must_use]
pub fn is_to_come(until: DateTime<Utc>, at_most: TimeDelta, now: DateTime<Utc>) -> bool {
    now < until && until - now <= at_most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clock_that_was_ahead_wrote_is_over() {
        let now = DateTime::UNIX_EPOCH;
        let lasts = |minutes| is_to_come(now + TimeDelta::minutes(minutes), TimeDelta::hours(1), now);
        assert_eq!([-1, 0, 1, 60, 61].map(lasts), [false, false, true, true, false]);
    }
}
