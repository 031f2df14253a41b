//! For how long rollouts have stood as they stand. Memory only.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::rollout::pods::Symptom;
use crate::domain::rollout::{Lacks, Progress, Ready};
use crate::domain::workload::MOST_CONTAINERS;

/// The most rollouts that are remembered.
const MOST_FOLLOWED: usize = 10_000;
/// A rollout that is followed is looked at more often.
const FORGOTTEN: Duration = Duration::from_secs(20 * 60);

/// Since when rollouts stand as they stand, by workload and container. After a start a rollout is timed from when it was
/// written, where nothing has moved since, and has to stay well for the whole settle time again, unless it is complete when it
/// is seen first and its pods say since when they are ready.
#[derive(Debug, Default)]
pub struct StandingStill(Mutex<BTreeMap<Key, Standing>>);

/// The uid of a workload, and a container of it.
type Key = (Box<str>, Box<str>);

#[derive(Debug)]
struct Standing {
    /// When the update was written, which tells it from the one before.
    of: DateTime<Utc>,
    stage: Stage,
    /// Since this monotonic time nothing has moved,
    since: Duration,
    /// and so long before it.
    before: Duration,
    /// Since this monotonic time its controller has not looked at the newest change, if it has not.
    unseen: Option<Duration>,
    /// How it is complete, once it was.
    complete: Option<Complete>,
    /// When it was looked at last.
    seen: Duration,
    /// What pods of other versions were in trouble with.
    unwell: Vec<Symptom>,
    /// Whether nobody waits for it: see [`StandingStill::is_left`].
    is_left: bool,
}

/// A rollout that is complete, or was.
#[derive(Clone, Debug)]
struct Complete {
    /// When it was so first.
    first: Duration,
    /// The pods that were ready then, where they are known. Others come and go, and say nothing of the time.
    pods: Option<Box<[Box<str>]>>,
    /// When the last of them became ready, by its own word.
    last: Option<DateTime<Utc>>,
    /// Since this monotonic time,
    since: Duration,
    /// and so long before it.
    before: Duration,
}

/// How far a rollout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for somebody.
    Waits,
    /// It is a run, and has no pod: one that comes, or goes, begins the time anew.
    WithoutPods,
    /// It is under way.
    UnderWay(Progress),
    /// It is complete.
    Complete,
}

impl Stage {
    /// Whether its controller has not looked at the newest change.
    fn is_unseen(self) -> bool {
        matches!(self, Self::UnderWay(progress) if progress.lacks == Lacks::ObservedGeneration)
    }

    /// Whether it has come further than ever before. Replicas that come and go are no progress.
    fn is_further_than(self, best: Self) -> bool {
        match (best, self) {
            (Self::UnderWay(best), Self::UnderWay(now)) => now.reached().is_further_than(best.reached()),
            _ => self != best,
        }
    }
}

/// What is seen of a rollout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting<'s> {
    pub(crate) stage: Stage,
    /// Its new pods that are ready; `None` where they are not known.
    pub(crate) ready: Option<&'s [Ready<'s>]>,
    /// How long ago it was written.
    pub(crate) age: Duration,
    /// The clock, and the monotonic one.
    pub(crate) clock: DateTime<Utc>,
    pub(crate) now: Duration,
}

impl Complete {
    /// One that is complete and was not seen so before. `is_new` is whether it was not seen at all: then its pods say since when
    /// they are ready, which is not before it was written, whatever the clocks of nodes say.
    fn begins(seen: &Sighting<'_>, is_new: bool) -> Self {
        let last = seen.ready.and_then(|ready| ready.iter().filter_map(|(_, since)| *since).max());
        let by_pods = last.filter(|_| is_new).and_then(|last| (seen.clock - last).to_std().ok());
        Self {
            first: seen.now,
            pods: seen.ready.map(|ready| ready.iter().map(|(name, _)| Box::from(*name)).collect()),
            last,
            since: seen.now,
            before: by_pods.unwrap_or_default().min(seen.age),
        }
    }

    /// The same as it is seen complete again; `was_so` is whether it was complete when it was looked at last.
    fn goes_on(self, seen: &Sighting<'_>, was_so: bool) -> Self {
        let anew = |known: Self| Self { first: known.first, ..Self::begins(seen, false) };
        let (Some(ready), Some(pods)) = (seen.ready, &self.pods) else {
            // Nobody says what it was in the meantime.
            return if was_so { self.or_pods_of(seen) } else { anew(self) };
        };
        let ours = || ready.iter().filter(|(name, _)| pods.iter().any(|pod| **pod == **name));
        let last = ours().filter_map(|(_, since)| *since).max();
        // One that was not ready for a moment is ready since later.
        if ours().next().is_none() || last > self.last { anew(self) } else { self }
    }

    fn or_pods_of(self, seen: &Sighting<'_>) -> Self {
        let Self { pods, last, .. } = Self::begins(seen, false);
        if self.pods.is_some() { self } else { Self { pods, last, ..self } }
    }
}

/// For how long a rollout has stood so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// Without progress; of one that was complete, since it was so first.
    pub(crate) still: Duration,
    /// Complete, as it is now.
    pub(crate) complete: Duration,
}

/// An update: of which workload and container, and when it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of<'o> {
    pub(crate) uid: &'o str,
    pub(crate) container: &'o str,
    pub(crate) update: DateTime<Utc>,
}

impl Of<'_> {
    fn key(&self) -> Key {
        (self.uid.into(), self.container.into())
    }
}

impl StandingStill {
    fn write<T>(&self, write: impl FnOnce(&mut BTreeMap<Key, Standing>) -> T) -> T {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes how an update stands, and answers for how long it has.
    pub(crate) fn stands(&self, of: Of<'_>, seen: &Sighting<'_>) -> Times {
        self.write(|followed| {
            if followed.len() >= MOST_FOLLOWED && !followed.contains_key(&of.key()) {
                followed.clear();
            }
            let known = followed.remove(&of.key()).filter(|known| known.of == of.update);
            let (times, standing) = Standing::next(known, of.update, seen);
            followed.insert(of.key(), standing);
            times
        })
    }

    /// Takes what pods of other versions are in trouble with, where there are any, and answers what they were last.
    pub(crate) fn unwell(&self, of: Of<'_>, now: Option<Vec<Symptom>>) -> Vec<Symptom> {
        self.write(|followed| {
            let Some(known) = followed.get_mut(&of.key()) else { return now.unwrap_or_default() };
            match now {
                None => {}
                // One of them is well.
                Some(now) if now.is_empty() => known.unwell.clear(),
                Some(now) => {
                    let news: Vec<Symptom> = now.into_iter().filter(|it| !known.unwell.contains(it)).collect();
                    known.unwell.extend(news);
                    known.unwell.truncate(MOST_CONTAINERS);
                }
            }
            known.unwell.clone()
        })
    }

    /// Whether an update of this workload is followed, as far as that is remembered.
    pub(crate) fn follows(&self, uid: &str) -> bool {
        self.write(|followed| of_workload(followed, uid).next().is_some())
    }

    /// Takes whether an update stands still with nothing but people to end that, or waits for them.
    pub(crate) fn leaves(&self, of: Of<'_>, is_left: bool) {
        self.write(|followed| {
            if let Some(known) = followed.get_mut(&of.key()) {
                known.is_left = is_left;
            }
        });
    }

    /// Whether nobody waits for what is written on this workload, as an update of it stands still with nothing that ends it.
    pub(crate) fn is_left(&self, uid: &str) -> bool {
        self.write(|followed| of_workload(followed, uid).any(|known| known.is_left))
    }

    /// Another rollout of this workload begins.
    pub(crate) fn begins(&self, uid: &str) {
        self.write(|followed| of_workload(followed, uid).for_each(|known| known.is_left = false));
    }

    pub(crate) fn forget(&self, of: Of<'_>) {
        self.write(|followed| followed.remove(&of.key()));
    }
}

fn of_workload<'f>(followed: &'f mut BTreeMap<Key, Standing>, uid: &'f str) -> impl Iterator<Item = &'f mut Standing> {
    let first = (uid.into(), "".into());
    followed.range_mut(first..).take_while(move |((of, _), _)| **of == *uid).map(|(_, known)| known)
}

impl Standing {
    /// How it stands by what is seen of it, beside how it stood.
    fn next(known: Option<Self>, of: DateTime<Utc>, seen: &Sighting<'_>) -> (Times, Self) {
        let Sighting { stage, age, now, .. } = *seen;
        let (stage_known, since, before) = match (&known, stage) {
            (Some(known), stage) if !stage.is_further_than(known.stage) => (known.stage, known.since, known.before),
            // Pods are replaced one after another: this is the first of them still.
            (None, Stage::UnderWay(progress)) if progress.updated <= 1 => (stage, now, age),
            _ => (stage, now, Duration::ZERO),
        };
        let is_new = known.is_none();
        let unseen_before = known.as_ref().and_then(|known| known.unseen);
        let unseen = stage.is_unseen().then(|| unseen_before.unwrap_or(now));
        let was_so = known.as_ref().is_some_and(|known| known.stage == Stage::Complete);
        let is_left = known.as_ref().is_some_and(|known| known.is_left);
        let (complete, unwell) = match known {
            // Nobody looked for a long time, so what was seen before says nothing of the time since.
            Some(known) if now.saturating_sub(known.seen) > FORGOTTEN => (None, known.unwell),
            Some(known) => (known.complete, known.unwell),
            None => (None, Vec::new()),
        };
        let complete = match (stage, complete) {
            (Stage::Complete, None) => Some(Complete::begins(seen, is_new)),
            (Stage::Complete, Some(known)) => Some(known.goes_on(seen, was_so)),
            (_, complete) => complete,
        };
        let so_long = before + now.saturating_sub(since);
        // Whoever changes it while it stands still does not make its controller late.
        let so_long = unseen.map_or(so_long, |unseen| so_long.min(now.saturating_sub(unseen)));
        let so_long_complete = |it: &Complete| it.before + now.saturating_sub(it.since);
        let times = Times {
            still: complete
                .as_ref()
                .filter(|_| stage != Stage::Waits)
                .map_or(so_long, |it| now.saturating_sub(it.first)),
            complete: complete.as_ref().filter(|_| stage == Stage::Complete).map_or(Duration::ZERO, so_long_complete),
        };
        (times, Self { of, stage: stage_known, since, before, unseen, complete, seen: now, unwell, is_left })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::rollout::Lacks;
    use crate::domain::rollout::pods::Reason;

    fn of(container: &str, seconds: i64) -> Of<'_> {
        Of { uid: "uid", container, update: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds) }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is seen at this second, of what was written so long ago.
    fn seen(stage: Stage, age: u64, now: u64) -> Sighting<'static> {
        Sighting { stage, ready: None, age: at(age), clock: clock(now), now: at(now) }
    }

    fn clock(seconds: u64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + at(seconds)
    }

    fn under_way(updated: i32, available: i32) -> Stage {
        Stage::UnderWay(Progress { updated, available, ..Progress::default() })
    }

    #[test]
    fn a_rollout_is_timed_from_its_last_progress() {
        let still = StandingStill::default();
        let (a, b, later) = (of("a", 1), of("b", 1), of("a", 2));
        let so_long = |of: Of<'_>, updated, age, now| still.stands(of, &seen(under_way(updated, 1), age, now)).still;
        assert_eq!(so_long(a, 2, 50, 100), at(0), "it has moved since it was written");
        assert_eq!(so_long(a, 2, 110, 160), at(60));
        assert_eq!(so_long(b, 1, 110, 160), at(110), "each has its own, and the first pod is new since then");
        assert_eq!(so_long(b, 1, 120, 170), at(120));
        assert_eq!(so_long(a, 3, 120, 170), at(0), "it moved");
        assert_eq!(so_long(a, 3, 130, 180), at(10));
        assert_eq!(so_long(later, 3, 5, 200), at(0), "another update");
        still.stands(b, &seen(Stage::Waits, 0, 200));
        assert_eq!(so_long(b, 1, 160, 210), at(0), "somebody acted");
        still.forget(b);
        assert_eq!(so_long(b, 1, 170, 220), at(170));
        for n in 0..=MOST_FOLLOWED {
            still.stands(Of { uid: &n.to_string(), ..a }, &seen(Stage::Waits, 0, 0));
        }
        assert!(still.write(|followed| followed.len()) <= MOST_FOLLOWED);
    }

    #[test]
    fn who_stands_still_is_left_until_another_rollout_begins() {
        let still = StandingStill::default();
        still.leaves(of("a", 1), true);
        assert!(!still.is_left("uid"), "nothing is followed");
        still.stands(of("a", 1), &seen(Stage::Waits, 0, 0));
        still.leaves(of("a", 1), true);
        still.stands(of("a", 1), &seen(Stage::Waits, 0, 10));
        assert!(still.is_left("uid") && !still.is_left("ui") && !still.is_left("uid2"));
        still.begins("uid");
        assert!(!still.is_left("uid"));
        still.leaves(of("a", 1), true);
        still.stands(of("a", 2), &seen(Stage::Waits, 0, 20));
        assert!(!still.is_left("uid"), "of another update");
    }

    #[test]
    fn a_controller_is_late_from_when_it_had_something_to_look_at() {
        let still = StandingStill::default();
        let so_long = |stage, now| still.stands(of("a", 1), &seen(stage, 9000, now)).still;
        let lacks = Lacks::ObservedGeneration;
        let unseen = Stage::UnderWay(Progress { updated: 3, lacks, ..Progress::default() });
        so_long(under_way(3, 1), 0);
        assert_eq!(so_long(under_way(3, 1), 1000), at(1000));
        assert_eq!(so_long(unseen, 1010), at(0), "somebody changed it a moment ago");
        assert_eq!(so_long(unseen, 1110), at(100));
        assert_eq!(so_long(under_way(3, 1), 1120), at(1120), "it has looked, and nothing came of it");
    }

    #[test]
    fn replicas_that_come_and_go_are_no_progress() {
        let still = StandingStill::default();
        let so_long = |stage, now| still.stands(of("a", 1), &seen(stage, 9000, now)).still;
        assert_eq!(so_long(under_way(3, 4), 0), at(0));
        for (second, (updated, available)) in [(10, (3, 3)), (20, (3, 4)), (30, (2, 4)), (40, (3, 4))] {
            assert_eq!(so_long(under_way(updated, available), second), at(second), "{updated} {available}");
        }
        assert_eq!(so_long(under_way(4, 2), 50), at(0), "a pod more is new");
        assert_eq!(so_long(under_way(4, 3), 60), at(0), "and one more is up");
        assert_eq!(so_long(under_way(4, 2), 70), at(10));
        let next = Progress { updated: 4, available: 2, lacks: Lacks::OldReplicas, ..Progress::default() };
        assert_eq!(so_long(Stage::UnderWay(next), 80), at(0), "the next step");
    }

    /// What is seen of one that is complete: its ready pods, and since when they are.
    fn complete<'r>(ready: &'r [Ready<'r>], age: u64, now: u64) -> Sighting<'r> {
        Sighting { ready: Some(ready), ..seen(Stage::Complete, age, now) }
    }

    fn since(name: &str, seconds: u64) -> Ready<'_> {
        (name, Some(clock(seconds)))
    }

    #[test]
    fn what_is_complete_is_timed_from_when_the_last_pod_of_the_first_became_ready() {
        let still = StandingStill::default();
        let times = |seen: &Sighting<'_>| still.stands(of("a", 1), seen);
        let first = [since("p-1", 90), since("p-2", 100)];
        assert_eq!(times(&seen(under_way(2, 1), 50, 90)), Times::default());
        assert_eq!(times(&complete(&first, 60, 100)), Times::default());
        assert_eq!(times(&complete(&first, 60, 130)), Times { still: at(30), complete: at(30) });
        let back = [since("p-1", 90), since("p-2", 145)];
        assert_eq!(
            times(&complete(&back, 60, 150)),
            Times { still: at(50), complete: at(0) },
            "one went and came back"
        );
        assert_eq!(times(&complete(&back, 60, 170)), Times { still: at(70), complete: at(20) });
    }

    /// An autoscaler, or nodes that come and go.
    #[test]
    fn pods_that_come_later_do_not_begin_it_anew() {
        let still = StandingStill::default();
        let times = |seen: &Sighting<'_>| still.stands(of("a", 1), seen);
        times(&seen(under_way(2, 1), 50, 90));
        times(&complete(&[since("p-1", 90), since("p-2", 100)], 60, 100));
        times(&seen(under_way(3, 2), 70, 110));
        let more = [since("p-1", 90), since("p-2", 100), since("p-3", 120)];
        assert_eq!(times(&complete(&more, 80, 120)).complete, at(20));
        let fewer = [since("p-1", 90), since("p-9", 139)];
        assert_eq!(times(&complete(&fewer, 80, 140)).complete, at(40));
        assert_eq!(times(&complete(&[since("p-9", 139)], 80, 150)).complete, at(0), "none of the first is left");
        assert_eq!(times(&complete(&[since("p-9", 139)], 80, 160)), Times { still: at(60), complete: at(10) });
        assert_eq!(times(&seen(under_way(1, 0), 80, 170)).still, at(70), "since it was complete first");
    }

    #[test]
    fn what_is_complete_and_not_known_by_its_pods_begins_anew_each_time() {
        let still = StandingStill::default();
        let times = |stage, now| still.stands(of("a", 1), &seen(stage, 10, now));
        assert_eq!(times(Stage::Complete, 100), Times::default());
        assert_eq!(times(Stage::Complete, 130), Times { still: at(30), complete: at(30) });
        times(under_way(1, 0), 140);
        assert_eq!(times(Stage::Complete, 150), Times { still: at(50), complete: at(0) });
        let known = still.stands(of("a", 1), &complete(&[since("p-1", 0)], 10, 160));
        assert_eq!(known.complete, at(10), "its pods are known from now on");
        let much_later = times(Stage::Complete, 160 + 20 * 60 + 1);
        assert_eq!(much_later, Times::default(), "nobody looked in the meantime");
    }

    #[test]
    fn a_clock_that_is_ahead_shortens_nothing_that_was_watched() {
        let still = StandingStill::default();
        let ready = [since("p-1", 100)];
        let ahead = |stage, now| Sighting { clock: clock(9_000), stage, ..complete(&ready, 5, now) };
        still.stands(of("a", 1), &ahead(under_way(1, 0), 100));
        assert_eq!(still.stands(of("a", 1), &ahead(Stage::Complete, 100)).complete, at(0));
        // After a start its pods tell, and not of a time before it was written.
        assert_eq!(still.stands(of("b", 1), &ahead(Stage::Complete, 100)).complete, at(5));
        let long_ago = Sighting { clock: clock(170), age: at(500), ..ahead(Stage::Complete, 100) };
        assert_eq!(still.stands(of("c", 1), &long_ago).complete, at(70));
    }

    #[test]
    fn what_others_were_in_trouble_with_is_remembered_until_one_of_them_is_well() {
        let still = StandingStill::default();
        let crash = || (Box::from("web"), Reason::CrashLoopBackOff);
        assert_eq!(still.unwell(of("a", 1), Some(vec![crash()])), [crash()], "nothing is followed");
        still.stands(of("a", 1), &seen(Stage::Waits, 0, 0));
        assert!(still.unwell(of("a", 1), None).is_empty());
        still.unwell(of("a", 1), Some(vec![crash()]));
        still.stands(of("a", 1), &seen(under_way(1, 0), 0, 10));
        assert_eq!(still.unwell(of("a", 1), None), [crash()], "those are gone");
        assert!(still.unwell(of("a", 1), Some(Vec::new())).is_empty());
        assert!(still.unwell(of("a", 1), None).is_empty());
        let many = (0..1000).map(|n: usize| (n.to_string().into(), Reason::Other)).collect();
        assert_eq!(still.unwell(of("a", 1), Some(many)).len(), MOST_CONTAINERS);
    }
}
