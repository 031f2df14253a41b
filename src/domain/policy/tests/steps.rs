//! `image-watcher/steps`: never over one, and the last of each first.

use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::domain::preflight::{Flaw, Unfit};
use crate::domain::reference::{Digest, Tag};

fn by(steps: Steps) -> Policy {
    Policy { steps: Some(steps), ..Policy::of(Strategy::All) }
}

/// Where a container goes, update after update, until there is nothing more.
fn way(from: &str, list: &[&str], policy: &Policy) -> Vec<String> {
    let mut way = Vec::new();
    let mut at = from.to_owned();
    while let Some(next) = chosen_by(&at, list, policy) {
        way.push(next.clone());
        at = next;
    }
    way
}

#[test]
fn the_last_of_each_step_goes_first() {
    let list = ["1.9.0", "1.9.3", "1.10.0", "1.10.1", "2.0.0", "2.7.5", "4.0.0", "4.1.0", "4.1.0-alpine", "5.0.0-rc.1"];
    assert_eq!(way("1.9.0", &list, &by(Steps::Major)), ["1.10.1", "2.7.5", "4.1.0"]);
    assert_eq!(way("1.9.0", &list, &by(Steps::Minor)), ["1.9.3", "1.10.1", "2.0.0", "2.7.5", "4.0.0", "4.1.0"]);
    assert_eq!(way("1.9.0", &list, &Policy::of(Strategy::All)), ["4.1.0"]);
    let majors = ["14", "15", "16", "17-alpine", "18"];
    assert_eq!(way("14", &majors, &by(Steps::Major)), ["15", "16", "18"]);
    assert_eq!(way("14", &majors, &by(Steps::Minor)), ["15", "16", "18"], "one number is its own step");
    let dates = ["2024.1.0", "2024.12.1", "2025.1.0", "2026.3.0"];
    assert_eq!(way("2024.1.0", &dates, &by(Steps::Major)), ["2024.12.1", "2025.1.0", "2026.3.0"]);
    let days = ["20240131", "20241224", "20250101", "20250303"];
    assert_eq!(way("20240131", &days, &by(Steps::Major)), ["20241224", "20250303"]);
    let builds = ["1694132169", "1694132170", "1694132171"];
    assert_eq!(way("1694132169", &builds, &by(Steps::Major)), ["1694132171"], "builds are no steps");
}

#[test]
fn what_is_beyond_is_told_with_what_goes_first() {
    let list = ["1.9.0", "1.10.0", "2.7.5", "2.8.0-rc.1", "3.0.0", "3.0.0-alpine"];
    let words = verdicts("1.9.0", &list, &by(Steps::Major));
    assert_eq!(words, ["running", "taken", "behind_step", "prerelease", "behind_step", "other_variant"]);
    let (tags, policy) = (list.iter().collect::<TagList>(), by(Steps::Major));
    let decision = decide("1.9.0", &tags, &policy, NOW);
    let held = decision.held_back().unwrap();
    assert_eq!((held.tag, held.verdict.to_string().as_str()), ("3.0.0", "behind a step: 1.10.0 first"));
    let minor = Policy { strategy: Strategy::Minor, ..by(Steps::Minor) };
    assert_eq!(verdicts("1.9.0", &list, &minor)[2], "above_strategy", "the strategy is the stronger reason");
}

#[test]
fn narrowing_says_which_steps_there_are() {
    let list = ["18.0.0", "18.9.0", "19.1.0", "20.3.0", "21.0.0", "22.0.0"];
    let even = Policy { include: Some(Pattern::regex(r"^\d*[02468]\.").unwrap()), ..by(Steps::Major) };
    assert_eq!(way("18.0.0", &list, &even), ["18.9.0", "20.3.0", "22.0.0"]);
    let odd = Policy { exclude: Some(Pattern::regex(r"^19\.").unwrap()), ..by(Steps::Major) };
    assert_eq!(way("18.9.0", &list, &odd), ["20.3.0", "21.0.0", "22.0.0"]);
}

#[test]
fn what_is_skipped_leaves_the_one_before_and_no_step_is_jumped_over_for_it() {
    let list = ["1.9.0", "1.10.0", "2.0.0", "2.1.0", "3.0.0"];
    let skipping =
        |tags: &[&str]| Policy { skip: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..by(Steps::Major) };
    assert_eq!(way("1.9.0", &list, &skipping(&["2.1.0"])), ["1.10.0", "2.0.0", "3.0.0"]);
    assert_eq!(way("1.9.0", &list, &skipping(&["1.10.0"])), ["2.1.0", "3.0.0"]);
    let all = skipping(&["2.0.0", "2.1.0"]);
    assert_eq!(way("1.9.0", &list, &all), ["1.10.0"], "nothing of 2 may run, and 3 lies beyond it");
    assert_eq!(verdicts("1.10.0", &list, &all)[2..], ["skipped", "skipped", "behind_step"]);
    let (tags, decision) = (list.iter().collect::<TagList>(), |tags| decide("1.10.0", tags, &all, NOW).outcome());
    assert_eq!(decision(&tags), Outcome::UpToDate);
}

#[test]
fn what_waits_or_is_not_there_yet_holds_up_what_is_beyond() {
    let list = ["1.9.0", "1.10.0", "2.0.0", "2.1.0"];
    let missing = Policy { missing: vec!["1.10.0".into()], ..by(Steps::Major) };
    assert_eq!(way("1.9.0", &list, &missing), Vec::<String>::new());
    assert_eq!(verdicts("1.9.0", &list, &missing), ["running", "missing", "behind_step", "behind_step"]);
    let missing = Policy { missing: vec!["2.1.0".into()], ..by(Steps::Major) };
    assert_eq!(way("1.9.0", &list, &missing), ["1.10.0", "2.0.0"]);
    let old = KnownSince::default().of(["2.0.0", "2.1.0"].into_iter(), NOW - TimeDelta::hours(30));
    let day = TimeDelta::hours(24);
    let cooling = Policy { cooldown: Some(Cooldown::new(day, old.clone())), ..by(Steps::Major) };
    let tags: TagList = list.iter().collect();
    let decision = decide("1.9.0", &tags, &cooling, NOW);
    assert!(matches!(decision.outcome(), Outcome::Cooling { to: "1.10.0", .. }), "{:?}", decision.outcome());
    assert_eq!(decision.first_due(), Some(NOW + day));
    assert_eq!(decision.cooling(3), ["1.10.0"]);
    let known = decision.known_since(&old, NOW);
    assert_eq!(known.since("2.1.0"), Some(NOW - TimeDelta::hours(30)), "what has waited need not wait again");
    assert_eq!(way("1.10.0", &list, &cooling), ["2.1.0"]);
}

#[test]
fn a_pattern_that_orders_versions_has_steps() {
    let select = |pattern: &str, order| Policy {
        selection: Some(Selection::parse(pattern, order).unwrap()),
        ..by(Steps::Major)
    };
    let list = ["1.9.0", "1.10.0", "2.0.0", "2.1.0", "3.0.0", "4.0.0"];
    assert_eq!(way("1.9.0", &list, &select("semver:<4", Order::Semver)), ["1.10.0", "2.1.0", "3.0.0"]);
    let named = ["app-1.9-x", "app-1.10-y", "app-2.0-z", "app-3.0-x"];
    let regex = select(r"regex:^app-(?P<compare>[\d.]+)-", Order::Semver);
    assert_eq!(way("app-1.9-x", &named, &regex), ["app-1.10-y", "app-2.0-z", "app-3.0-x"]);
    assert_eq!(verdicts("app-1.9-x", &named, &regex), ["running", "taken", "behind_step", "behind_step"]);
    let text = select("glob:*", Order::Alphabetical);
    assert_eq!(way("1.10.0", &list, &text), ["4.0.0"], "texts have none; the setting is told");
}

#[test]
fn a_runtime_that_stays_makes_no_steps_of_others() {
    let list = ["4.0.5-22", "4.1.0-22", "5.0.0-20", "6.0.0-22", "6.0.0-20"];
    assert_eq!(way("4.0.5-22", &list, &by(Steps::Major)), ["4.1.0-22", "6.0.0-22"]);
}

#[test]
fn what_will_never_start_holds_up_no_later_step() {
    let goes = |flaw: Flaw| {
        let tag = Tag::parse("2.0.1").unwrap();
        let unfit = vec![Unfit { tag, digest: Digest::of(b"2.0.1"), flaw }];
        let policy = Policy { unfit, ..by(Steps::Major) };
        chosen_by("2.0.0", &["2.0.0", "2.0.1", "3.0.0"], &policy)
    };
    assert_eq!(goes(Flaw::NoManifest), None, "it may be there in a moment");
    assert_eq!(goes(Flaw::AnotherDigest).as_deref(), Some("3.0.0"));
}

fn steps() -> impl proptest::strategy::Strategy<Value = Steps> {
    prop_oneof![Just(Steps::Major), Just(Steps::Minor)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_step_is_jumped_over(
        running in "[0-4]\\.[0-3]\\.[0-3](-rc[0-9])?",
        list in proptest::collection::vec("v?[0-4]\\.[0-3]\\.[0-3](-(rc|beta)[0-9])?(-r[0-9])?", 0..24),
        skip in proptest::collection::vec("[0-4]\\.[0-3]\\.[0-3]", 0..4),
        missing in proptest::collection::vec("[0-4]\\.[0-3]\\.[0-3]", 0..4),
        steps in steps(),
        prerelease in any::<bool>(),
        pattern in proptest::option::of(Just("glob:*")),
    ) {
        let selection = pattern.map(|pattern| Selection::parse(pattern, Order::Semver).unwrap());
        let free = Policy { prerelease, selection, skip, missing, ..Policy::of(Strategy::All) };
        let policy = Policy { steps: Some(steps), ..free.clone() };
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let chosen = chosen_by(&running, &all, &policy);
        let mut again: Vec<&str> = all.iter().rev().copied().collect();
        again.extend(again.clone());
        prop_assert_eq!(&chosen, &chosen_by(&running, &again, &policy), "order and duplicates");
        let Some(to) = chosen else { return Ok(()) };
        let numbers = |tag: &str| Version::read(tag).unwrap().numbers().iter().collect::<Vec<u64>>();
        let step = |tag: &str| numbers(tag)[..if steps == Steps::Major { 1 } else { 2 }].to_vec();
        let tags: TagList = all.iter().collect();
        let without = decide(&running, &tags, &free, NOW);
        for tag in &all {
            match without.verdict(tag).word() {
                "taken" | "lower" | "other_count" | "behind_release" | "behind_second" => {
                    prop_assert!(step(tag) >= step(&to), "{} goes to {} over {}", running, to, tag);
                    let is_below = step(tag) > step(&to) || numbers(tag) <= numbers(&to);
                    let is_release = !Version::read(tag).unwrap().is_prerelease();
                    prop_assert!(is_below || !is_release, "{} is not the last of its step: {}", to, tag);
                }
                "missing" => prop_assert!(step(tag) >= step(&to), "{} goes to {} over {}", running, to, tag),
                "skipped" if step(tag) > step(&running) => prop_assert!(step(tag) >= step(&to)),
                _ => {}
            }
        }
    }

    // Whatever the list: steps take away, and add nothing.
    #[test]
    fn steps_only_narrow(
        running in "\\PC{0,8}|v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-[a-z]{1,3}[0-9]?)?",
        list in proptest::collection::vec("v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-[a-z]{1,3}[0-9]?|-[0-9]{1,2})?|2024[01][1-9]0[1-9]|\\PC{0,8}", 0..24),
        steps in steps(),
    ) {
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let (with, without) = (verdicts(&running, &all, &by(steps)), verdicts(&running, &all, &Policy::of(Strategy::All)));
        let offers = |words: &[&str]| words.iter().any(|word| matches!(*word, "taken" | "lower"));
        prop_assert_eq!(offers(&with), offers(&without), "there is a first step wherever there is an update");
        for (with, without) in with.iter().zip(&without) {
            let could = matches!(*without, "taken" | "lower" | "other_count" | "behind_release" | "behind_second");
            prop_assert!(could || with == without, "{} was {}", with, without);
        }
    }
}
