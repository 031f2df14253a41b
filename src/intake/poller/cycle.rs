//! When each repository is looked at in a cycle of the schedule. Pure.
//!
//! Registries are not asked all at once: each repository has a moment of its own in every cycle, always the same one. Where
//! webhooks announce its pushes it is looked at in every second cycle only; where one was missed, twice in each.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::reference::Repository;

/// A cycle is spread over nine tenths of the time until the next one, and over no more than this: who sets a nightly
/// schedule wants it done in that night.
const LONGEST_SPREAD: TimeDelta = TimeDelta::hours(3);
/// With cycles that are longer than this none is left out, so that a day has at least one look.
const LONGEST_TO_STRETCH: TimeDelta = TimeDelta::hours(12);
/// With cycles that are shorter than this there is no second look, so that looks are five minutes apart.
const SHORTEST_TO_SHRINK: TimeDelta = TimeDelta::minutes(10);

/// How often a repository is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Its webhooks are known to come: every second cycle.
    Stretched,
    /// Nothing is known of its webhooks.
    #[default]
    Usual,
    /// A webhook was missed: twice in a cycle.
    Shrunk,
}

/// From one date of the schedule to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cycle {
    /// Each has one more than the one before.
    pub(super) number: u64,
    pub(super) began: DateTime<Utc>,
    /// Milliseconds until the next one.
    length: i64,
    /// Milliseconds that it is spread over.
    spread: i64,
}

impl Cycle {
    /// Begins with a date of the schedule; `next` is the one after it. Without one it is as long as it is spread.
    pub(super) fn begin(number: u64, began: DateTime<Utc>, next: Option<DateTime<Utc>>) -> Self {
        let length = next.map_or(LONGEST_SPREAD, |next| next - began).max(TimeDelta::milliseconds(1));
        let spread = (length * 9 / 10).min(LONGEST_SPREAD);
        Self { number, began, length: length.num_milliseconds(), spread: spread.num_milliseconds() }
    }

    /// The same, with all looks at its beginning.
    pub(super) fn at_once(self) -> Self {
        Self { spread: 0, ..self }
    }

    /// What it is spread over.
    pub(super) fn spread(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.spread)
    }

    /// When a repository is looked at after `from` and until `to`: the first time of these.
    pub(super) fn look(
        &self,
        repository: &Repository,
        pace: Pace,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let phase = phase(repository);
        let offset = i64::from(phase).saturating_mul(self.spread) >> 32;
        let (is_left_out, second) = match pace {
            Pace::Stretched => {
                let is_even = (self.number ^ u64::from(phase)).is_multiple_of(2);
                // Who asks for everything at once gets everything.
                let may_be_left_out = self.spread > 0 && self.length <= LONGEST_TO_STRETCH.num_milliseconds();
                (may_be_left_out && !is_even, None)
            }
            Pace::Usual => (false, None),
            Pace::Shrunk => {
                let is_long = self.length >= SHORTEST_TO_SHRINK.num_milliseconds();
                (false, is_long.then(|| (offset + self.length / 2) % self.length))
            }
        };
        let first = (!is_left_out).then_some(offset);
        let moments = first.into_iter().chain(second);
        let moments = moments.filter_map(|offset| self.began.checked_add_signed(TimeDelta::milliseconds(offset)));
        moments.filter(|moment| from < *moment && *moment <= to).min()
    }
}

/// Where in a cycle a repository has its moment, as a part of 2³²: the same in every process and version.
fn phase(repository: &Repository) -> u32 {
    let digest = Sha256::digest(repository.to_string());
    digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    fn repositories(count: usize) -> Vec<Repository> {
        (0..count).map(|n| Repository::parse(&format!("registry.example.com/team/web-{n}")).unwrap()).collect()
    }

    fn cycle(number: u64, minutes: i64) -> Cycle {
        Cycle::begin(number, at(0), Some(at(minutes)))
    }

    #[test]
    fn a_cycle_that_is_asked_for_at_once_leaves_nothing_out() {
        for number in [0, 1] {
            let cycle = cycle(number, 60).at_once();
            for repository in repositories(20) {
                for pace in [Pace::Stretched, Pace::Usual, Pace::Shrunk] {
                    let look = cycle.look(&repository, pace, at(0) - TimeDelta::milliseconds(1), at(1));
                    assert_eq!(look, Some(at(0)), "{number} {pace:?}");
                }
            }
        }
    }

    /// How often a repository is looked at in a cycle, if that is asked for in windows of a minute.
    fn looks(cycle: &Cycle, repository: &Repository, pace: Pace, minutes: i64) -> Vec<DateTime<Utc>> {
        let before = cycle.began - TimeDelta::milliseconds(1);
        let window = |n: i64| (before + TimeDelta::minutes(n), before + TimeDelta::minutes(n + 1));
        (0..minutes).map(window).filter_map(|(from, to)| cycle.look(repository, pace, from, to)).collect()
    }

    #[test]
    fn two_hundred_repositories_are_spread_evenly_and_each_has_the_same_moment_in_every_cycle() {
        let (three_hours, all) = (cycle(1, 180), repositories(200));
        let moments: Vec<_> = all.iter().map(|r| looks(&three_hours, r, Pace::Usual, 180)).collect();
        assert!(moments.iter().all(|moments| moments.len() == 1), "once each");
        let minutes: Vec<i64> = moments.iter().flatten().map(|moment| (*moment - at(0)).num_minutes()).collect();
        assert!(minutes.iter().all(|minute| *minute < 162), "before the next cycle begins");
        let most = (0..16).map(|tenth| minutes.iter().filter(|m| **m / 10 == tenth).count()).max();
        assert!(most.is_some_and(|most| most <= 24), "{minutes:?}");
        let web = Repository::parse("registry.example.com/team/web").unwrap();
        let moment = looks(&three_hours, &web, Pace::Usual, 180)[0] - at(0);
        assert_eq!(moment.num_seconds(), 6986, "of this version and of every other");
        let next = Cycle::begin(2, at(180), Some(at(360)));
        assert_eq!(looks(&next, &web, Pace::Usual, 180)[0] - at(180), moment);
    }

    #[test]
    fn a_nightly_cycle_is_done_within_three_hours() {
        let (nightly, all) = (cycle(1, 24 * 60), repositories(50));
        let moments = all.iter().flat_map(|repository| looks(&nightly, repository, Pace::Usual, 24 * 60));
        assert!(moments.max().is_some_and(|last| last < at(180)));
        assert_eq!(Cycle::begin(1, at(0), None).spread(), TimeDelta::minutes(162));
    }

    #[test]
    fn what_webhooks_announce_is_looked_at_in_every_second_cycle_and_daily_at_least() {
        let all = repositories(200);
        let looked = |number, minutes: i64| -> Vec<usize> {
            let cycle = cycle(number, minutes);
            all.iter().map(|repository| looks(&cycle, repository, Pace::Stretched, minutes).len()).collect()
        };
        let (first, second) = (looked(6, 180), looked(7, 180));
        assert!(first.iter().zip(&second).all(|(first, second)| first + second == 1));
        assert!((80..120).contains(&first.iter().sum::<usize>()), "half of them in each");
        assert!(looked(6, 721).iter().chain(&looked(7, 721)).all(|looks| *looks == 1));
    }

    #[test]
    fn where_a_webhook_was_missed_looks_come_twice_and_never_within_five_minutes() {
        let web = &repositories(1)[0];
        let twice = looks(&cycle(1, 180), web, Pace::Shrunk, 180);
        assert_eq!(twice.len(), 2);
        assert_eq!((twice[1] - twice[0]).num_minutes(), 90);
        assert_eq!(looks(&cycle(1, 10), web, Pace::Shrunk, 10).len(), 2);
        assert_eq!(looks(&cycle(1, 9), web, Pace::Shrunk, 9).len(), 1);
        assert_eq!(looks(&cycle(1, 180).at_once(), web, Pace::Shrunk, 180), [at(0), at(90)]);
        assert_eq!(looks(&cycle(1, 180).at_once(), web, Pace::Usual, 180), [at(0)]);
    }

    proptest! {
        /// However a cycle is cut into windows, nothing is looked at twice and nothing is left out.
        #[test]
        fn windows_lose_nothing(
            seconds in 1_i64..100_000, cuts in proptest::collection::vec(0_i64..100_000, 0..20), n in 0_usize..50,
        ) {
            let cycle = Cycle::begin(1, at(0), Some(at(0) + TimeDelta::seconds(seconds)));
            let (repository, before) = (&repositories(50)[n], at(0) - TimeDelta::milliseconds(1));
            let end = at(0) + TimeDelta::seconds(seconds);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| at(0) + TimeDelta::seconds(cut % seconds)).collect();
            cuts.sort();
            let ends = cuts.iter().copied().chain([end]);
            let mut from = before;
            let mut all = Vec::new();
            for to in ends {
                all.extend(cycle.look(repository, Pace::Usual, from, to));
                from = to;
            }
            prop_assert_eq!(all.len(), 1);
            prop_assert!(all[0] >= at(0) && all[0] < end);
        }
    }
}
