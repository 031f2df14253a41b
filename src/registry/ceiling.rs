//! The operator's own ceiling: never more requests to a host in any minute, of which the schedule begins three quarters.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a ceiling counts in.
const MINUTE: Duration = Duration::from_secs(60);

/// What is counted of the last minute, by the host that the operator named.
#[derive(Debug, Default)]
pub(super) struct Ceilings(Mutex<HashMap<usize, Minute>>);

/// Moments of the last minute.
#[derive(Debug, Default)]
struct Minute {
    /// When requests were sent.
    sent: VecDeque<Duration>,
    /// When the schedule was let begin a look, whose requests may be yet to come.
    begun: VecDeque<Duration>,
}

impl Ceilings {
    /// Counts a request, or says when there is room for one. Time is the monotonic clock's.
    pub(super) fn enter(&self, host: usize, most: NonZeroU32, now: Duration) -> Result<(), Duration> {
        self.of_last_minute(host, now, |Minute { sent, .. }| match sent.front() {
            Some(oldest) if sent.len() >= most.get() as usize => Err(*oldest + MINUTE),
            _ => {
                sent.push_back(now);
                Ok(())
            }
        })
    }

    /// How many more requests this minute has room for.
    pub(super) fn left(&self, host: usize, most: NonZeroU32, now: Duration) -> u32 {
        let sent = self.of_last_minute(host, now, |minute| u32::try_from(minute.sent.len()).unwrap_or(u32::MAX));
        most.get().saturating_sub(sent)
    }

    /// When the schedule's part has room, if not now.
    pub(super) fn routine(&self, host: usize, most: NonZeroU32, now: Duration) -> Option<Duration> {
        let part = routine_part(most) as usize;
        let room = |moments: &VecDeque<Duration>| {
            let leaves = moments.len().checked_sub(part)?;
            moments.get(leaves).map(|at| *at + MINUTE)
        };
        self.of_last_minute(host, now, |Minute { sent, begun }| room(sent).max(room(begun)))
    }

    /// A look of the schedule begins.
    pub(super) fn begin_routine(&self, host: usize, now: Duration) {
        self.of_last_minute(host, now, |Minute { begun, .. }| begun.push_back(now));
    }

    fn of_last_minute<T>(&self, host: usize, now: Duration, read: impl FnOnce(&mut Minute) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = all.entry(host).or_default();
        for moments in [&mut minute.sent, &mut minute.begun] {
            while moments.front().is_some_and(|at| now.saturating_sub(*at) >= MINUTE) {
                moments.pop_front();
            }
        }
        read(minute)
    }
}

/// How many requests the schedule finds room for in a minute.
fn routine_part(most: NonZeroU32) -> u32 {
    (most.get() - most.get() / 4).max(1)
}

/// How far turns of the schedule are from each other.
pub(super) fn routine_step(most: NonZeroU32) -> Duration {
    MINUTE / routine_part(most)
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

    #[test]
    fn the_schedule_leaves_a_quarter_to_others() {
        let (ceilings, most) = (Ceilings::default(), NonZeroU32::new(60).unwrap());
        let seconds = Duration::from_secs;
        let began = (0..100)
            .filter(|_| ceilings.routine(0, most, seconds(5)).is_none() && ceilings.enter(0, most, seconds(5)).is_ok());
        assert_eq!(began.count(), 45);
        assert_eq!(
            (ceilings.routine(0, most, seconds(9)), ceilings.left(0, most, seconds(9))),
            (Some(seconds(65)), 15)
        );
        assert_eq!((0..100).filter(|_| ceilings.enter(0, most, seconds(9)).is_ok()).count(), 15);
        assert_eq!(ceilings.routine(0, most, seconds(10)), Some(seconds(65)));
        assert_eq!((ceilings.routine(0, most, seconds(65)), ceilings.left(0, most, seconds(65))), (None, 45));
        // What was let begin counts before anything of it is sent.
        let begun = (0..100).filter(|_| {
            let has_room = ceilings.routine(2, most, seconds(5)).is_none();
            if has_room {
                ceilings.begin_routine(2, seconds(5));
            }
            has_room
        });
        assert_eq!((begun.count(), ceilings.left(2, most, seconds(5))), (45, 60));
        let one = NonZeroU32::MIN;
        assert_eq!((ceilings.routine(1, one, seconds(0)), routine_step(one)), (None, MINUTE), "even of one");
    }
}
