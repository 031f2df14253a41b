//! For how long rollouts have stood as they stand. Memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::rollout::Progress;
use crate::domain::rollout::pods::Reason;

/// The most rollouts that are remembered.
const MOST_FOLLOWED: usize = 10_000;

/// Since when rollouts stand as they stand, by workload and container. After a start a rollout is timed from when it was
/// written, where nothing has moved since, and has to stay well for the whole settle time again, unless its pods say since
/// when they are ready.
#[derive(Debug, Default)]
pub struct StandingStill(Mutex<HashMap<Key, Standing>>);

/// The uid of a workload, and a container of it.
type Key = (Box<str>, Box<str>);

#[derive(Debug)]
struct Standing {
    /// When the update was written, which tells it from the one before.
    of: DateTime<Utc>,
    stage: Stage,
    /// Since this monotonic time,
    since: Duration,
    /// and so long before it.
    before: Duration,
    /// When it was complete first.
    complete: Option<Duration>,
    /// What was said of it, so that it is said in the same words again.
    said: Option<(Reason, String)>,
}

/// How far a rollout has come. Two that are equal are one between which nothing moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for somebody.
    Waits,
    /// It is under way.
    UnderWay(Progress),
    /// It is complete; when the last of its pods became ready, as far as they say.
    Complete(Option<DateTime<Utc>>),
}

/// For how long a rollout has stood so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Without progress; of a complete one, since it was complete first.
    pub(super) still: Duration,
    /// Complete, as it is now.
    pub(super) complete: Duration,
}

/// An update: of which workload and container, and when it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'o> {
    pub(super) uid: &'o str,
    pub(super) container: &'o str,
    pub(super) update: DateTime<Utc>,
}

impl Of<'_> {
    fn key(&self) -> Key {
        (self.uid.into(), self.container.into())
    }
}

impl StandingStill {
    fn write<T>(&self, write: impl FnOnce(&mut HashMap<Key, Standing>) -> T) -> T {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes how an update stands at a monotonic time; `age` is how long ago it was written.
    pub(super) fn stands(&self, of: Of<'_>, stage: Stage, age: Duration, now: Duration) -> Times {
        self.write(|followed| {
            if followed.len() >= MOST_FOLLOWED && !followed.contains_key(&of.key()) {
                followed.clear();
            }
            let known = followed.remove(&of.key()).filter(|known| known.of == of.update);
            let (since, before) = match (&known, stage) {
                (Some(known), stage) if known.stage == stage => (known.since, known.before),
                // Pods are replaced one after another: this is the first of them still.
                (None, Stage::UnderWay(progress)) if progress.updated <= 1 => (now, age),
                _ => (now, Duration::ZERO),
            };
            let (complete, said) = known.map_or((None, None), |known| (known.complete, known.said));
            let complete = complete.or((matches!(stage, Stage::Complete(_))).then_some(now));
            let so_long = before + now.saturating_sub(since);
            followed.insert(of.key(), Standing { of: of.update, stage, since, before, complete, said });
            match stage {
                Stage::Complete(_) => Times { still: now.saturating_sub(complete.unwrap_or(now)), complete: so_long },
                Stage::UnderWay(_) | Stage::Waits => Times { still: so_long, complete: Duration::ZERO },
            }
        })
    }

    /// What is said of it for this reason: the words in which it was said first.
    pub(super) fn said(&self, of: Of<'_>, reason: Reason, words: String) -> String {
        self.write(|followed| {
            let Some(known) = followed.get_mut(&of.key()) else { return words };
            match &known.said {
                Some((before, said)) if *before == reason => said.clone(),
                _ => {
                    known.said = Some((reason, words.clone()));
                    words
                }
            }
        })
    }

    /// Whether an update of this workload is followed, as far as that is remembered.
    pub(super) fn follows(&self, uid: &str) -> bool {
        self.write(|followed| followed.keys().any(|(of, _)| **of == *uid))
    }

    pub(super) fn forget(&self, of: Of<'_>) {
        self.write(|followed| followed.remove(&of.key()));
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn of(container: &str, seconds: i64) -> Of<'_> {
        Of { uid: "uid", container, update: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds) }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_rollout_is_timed_from_its_last_progress() {
        let still = StandingStill::default();
        let (a, b, later) = (of("a", 1), of("b", 1), of("a", 2));
        let so_long = |of: Of<'_>, updated, age, now| {
            let progress = Progress { updated, available: 1, ..Progress::default() };
            still.stands(of, Stage::UnderWay(progress), at(age), at(now)).still
        };
        assert_eq!(so_long(a, 2, 50, 100), at(0), "it has moved since it was written");
        assert_eq!(so_long(a, 2, 110, 160), at(60));
        assert_eq!(so_long(b, 1, 110, 160), at(110), "each has its own, and the first pod is new since then");
        assert_eq!(so_long(b, 1, 120, 170), at(120));
        assert_eq!(so_long(a, 3, 120, 170), at(0), "it moved");
        assert_eq!(so_long(a, 3, 130, 180), at(10));
        assert_eq!(so_long(later, 3, 5, 200), at(0), "another update");
        still.stands(b, Stage::Waits, at(0), at(200));
        assert_eq!(so_long(b, 1, 160, 210), at(0), "somebody acted");
        still.forget(b);
        assert_eq!(so_long(b, 1, 170, 220), at(170));
        for n in 0..=MOST_FOLLOWED {
            still.stands(Of { uid: &n.to_string(), ..a }, Stage::Waits, at(0), at(0));
        }
        assert!(still.write(|followed| followed.len()) <= MOST_FOLLOWED);
    }

    #[test]
    fn what_is_complete_is_timed_from_when_the_last_pod_became_ready() {
        let still = StandingStill::default();
        let ready = |seconds| Stage::Complete(Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)));
        let times = |stage, now| still.stands(of("a", 1), stage, at(9000), at(now));
        assert_eq!(times(ready(5), 100), Times::default());
        assert_eq!(times(ready(5), 130), Times { still: at(30), complete: at(30) });
        assert_eq!(times(Stage::UnderWay(Progress::default()), 140).complete, at(0));
        assert_eq!(times(ready(45), 150), Times { still: at(50), complete: at(0) }, "it went and came back");
    }

    #[test]
    fn what_was_said_is_said_in_the_same_words() {
        let still = StandingStill::default();
        let said = |reason, words: &str| still.said(of("a", 1), reason, words.to_owned());
        assert_eq!(said(Reason::Unschedulable, "not kept"), "not kept", "nothing is followed");
        still.stands(of("a", 1), Stage::Waits, at(0), at(0));
        assert_eq!(said(Reason::Unschedulable, "0/5 nodes"), "0/5 nodes");
        assert_eq!(said(Reason::Unschedulable, "0/6 nodes"), "0/5 nodes");
        assert_eq!(said(Reason::FailedCreate, "quota"), "quota");
        still.stands(of("a", 2), Stage::Waits, at(0), at(0));
        assert_eq!(said(Reason::FailedCreate, "another quota"), "another quota", "another update");
    }
}
