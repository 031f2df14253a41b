//! A bucket of tokens: so many at once, so many a second over time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts what is taken. Shared by all threads.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    most: f64,
    level: Mutex<(f64, Duration)>,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        let most = f64::from(burst);
        Self { per_second: f64::from(per_second), most, level: Mutex::new((most, Duration::ZERO)) }
    }

    /// Takes a token at `now`, a monotonic time; `false` when there is none.
    pub(super) fn take(&self, now: Duration) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = *level;
        let left = (left + now.saturating_sub(at).as_secs_f64() * self.per_second).min(self.most);
        let taken = left >= 1.0;
        *level = (if taken { left - 1.0 } else { left }, now.max(at));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_runs_dry_and_fills_again() {
        let bucket = Bucket::new(2, 3);
        let at = Duration::from_millis;
        let taken = |millis| bucket.take(at(millis));
        assert_eq!([taken(0), taken(0), taken(0), taken(0)], [true, true, true, false]);
        assert!(!taken(400) && taken(500) && !taken(500));
        assert_eq!(
            [taken(9_000), taken(9_000), taken(9_000), taken(9_000)],
            [true, true, true, false],
            "never above full"
        );
        assert!(!taken(1_000), "an older clock gives nothing");
    }
}
