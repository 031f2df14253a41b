//! The operator's own ceiling: never more requests to a host in any minute.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a ceiling counts in.
const MINUTE: Duration = Duration::from_secs(60);

/// When the requests of the last minute were sent, by the host that the operator named.
#[derive(Debug, Default)]
pub(super) struct Ceilings(Mutex<HashMap<usize, VecDeque<Duration>>>);

impl Ceilings {
    /// Counts a request, or says when there is room for one. Time is the monotonic clock's.
    pub(super) fn enter(&self, host: usize, most: NonZeroU32, now: Duration) -> Result<(), Duration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = all.entry(host).or_default();
        while sent.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
            sent.pop_front();
        }
        match sent.front() {
            Some(oldest) if sent.len() >= most.get() as usize => Err(*oldest + MINUTE),
            _ => {
                sent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_its_ceiling() {
        let (ceilings, most) = (Ceilings::default(), NonZeroU32::new(3).unwrap());
        let mut sent: Vec<u64> = Vec::new();
        for second in 0..600 {
            for _ in 0..2 {
                match ceilings.enter(0, most, Duration::from_secs(second)) {
                    Ok(()) => sent.push(second),
                    Err(at) => assert!(at > Duration::from_secs(second)),
                }
            }
        }
        assert_eq!(sent.len(), 30);
        for start in 0..600 {
            let within = sent.iter().filter(|at| (start..start + 60).contains(*at)).count();
            assert!(within <= 3, "{within} from {start}");
        }
        assert_eq!(ceilings.enter(1, most, Duration::ZERO), Ok(()), "each host has its own");
    }
}
