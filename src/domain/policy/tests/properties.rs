//! What holds for any list.

use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

fn tag() -> impl proptest::strategy::Strategy<Value = String> {
    prop_oneof![
        "v?[0-9]\\.[0-9]\\.[0-9](-rc[0-9])?(-alpine)?",
        "[0-9]\\.[0-9](\\.[0-9]){0,2}([-_][0-9]{1,2})?",
        "2024(0[1-9]|1[0-2])(0[1-9]|2[0-8])(-slim)?",
        "(latest|stable|[0-9a-f]{7}|pr-[0-9]{2})",
        lately(),
    ]
}

/// What S3.6 to S4.7 are about.
fn lately() -> impl proptest::strategy::Strategy<Value = String> {
    prop_oneof![
        "(full-)?[rb][0-9]{3,4}(-ls[0-9])?",
        "[12]?[0-9]\\.(0[1-9]|1[0-2]|[0-9])(\\.[0-9])?(-[0-9]{1,2})?",
        two_digits(),
        "1\\.([0-9]|2024(0[1-9]|1[0-2])01|17[0-9]{8})\\.[0-9]",
        "([0-9]|9[0-9]{2,3})\\.0\\.0",
        "9\\.[67]-(17[0-9]{8}|2024010[1-9]|[0-9]\\.17[0-9]{8}|[0-9]\\.[0-9])",
        "8\\.[0-9]-(fpm|php8)-v[0-9]\\.[0-9](\\.[0-9])?",
        "(33acdda4|5e6f7a8)-(ls[0-9]|[0-9]{1,2}|2025010[1-9]|17[0-9]{8}|rc1)(-post[0-9])?",
        "20(19|2[0-9])-(CU[0-9]{1,2}|cu1[0-9]{2})",
    ]
}

/// Versions and years of two digits, side by side.
fn two_digits() -> impl proptest::strategy::Strategy<Value = String> {
    "(1[89]|20|4)\\.(0[1-3]|1[0-2]|[0-3])\\.[0-3]"
}

fn strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![Just(Strategy::All), Just(Strategy::Major), Just(Strategy::Minor), Just(Strategy::Patch)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_decision_is_sound(running in tag(), list in proptest::collection::vec(tag(), 0..16), strategy in strategy(), prerelease in any::<bool>()) {
        let policy = Policy { prerelease, ..Policy::of(strategy) };
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let first = chosen_by(&running, &all, &policy);
        let mut again: Vec<&str> = all.iter().rev().copied().collect();
        again.extend(again.clone());
        prop_assert_eq!(&first, &chosen_by(&running, &again, &policy), "order and duplicates");
        let offers = verdicts(&running, &all, &policy).iter().any(|word| matches!(*word, "lower" | "taken"));
        prop_assert_eq!(first.is_some(), offers, "what is passed over unread is refused for a reason");
        let Some(to) = first else { return Ok(()) };
        prop_assert!(all.contains(&to.as_str()), "in the list");
        let (from, target) = (Version::ordered(&running).unwrap(), Version::ordered(&to).unwrap());
        prop_assert!(target.compare(&from).is_gt(), "newer");
        prop_assert_eq!(from.difference(&target), None, "of the same family");
        prop_assert!(!from.counts_otherwise(&target), "counted alike");
        prop_assert!(prerelease || from.is_prerelease() || !target.is_prerelease(), "no release becomes a prerelease");
    }

    // The schemes that were added last, in lists full of them.
    #[test]
    fn a_decision_about_few_schemes_is_sound(running in lately(), list in proptest::collection::vec(lately(), 0..24), strategy in strategy()) {
        let policy = Policy::of(strategy);
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let first = chosen_by(&running, &all, &policy);
        let mut again: Vec<&str> = all.iter().rev().copied().collect();
        again.extend(again.clone());
        prop_assert_eq!(&first, &chosen_by(&running, &again, &policy), "order and duplicates");
        let reasons = verdicts(&running, &all, &policy);
        let offers = reasons.iter().any(|word| matches!(*word, "lower" | "taken" | "behind_second" | "other_count"));
        prop_assert_eq!(first.is_some(), offers, "what is passed over unread is refused for a reason");
        let Some(to) = first else { return Ok(()) };
        let (from, target) = (Version::ordered(&running).unwrap(), Version::ordered(&to).unwrap());
        prop_assert!(target.compare(&from).is_gt() && from.difference(&target).is_none());
        prop_assert!(!from.counts_otherwise(&target) && strategy.allows(from.level_to(&target)));
        if from.is_of_commit() {
            prop_assert_eq!(from.prefix(), target.prefix(), "never another commit");
            prop_assert_eq!(from.integer(), target.integer());
        }
        prop_assert_eq!(chosen_by(&to, &[to.as_str()], &policy), None);
    }

    // Whoever holds less than the whole list, needs these of it.
    #[test]
    fn older_tags_are_needed_only_where_they_tell_of_others(
        running in prop_oneof![lately(), two_digits()],
        list in proptest::collection::vec(prop_oneof![lately(), two_digits()], 0..24),
        strategy in strategy(),
    ) {
        let Some(version) = Version::ordered(&running) else { return Ok(()) };
        let needed = |tag: &&str| {
            version.read_candidate(tag).is_ok_and(|other| {
                let tells = || version.integer().is_some() || other.numbers().tells_of_years(version.numbers());
                version.difference(&other).is_none() && (other.compare(&version).is_gt() || tells())
            })
        };
        let policy = Policy::of(strategy);
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let few: Vec<&str> = all.iter().copied().filter(needed).collect();
        prop_assert_eq!(chosen_by(&running, &few, &policy), chosen_by(&running, &all, &policy));
    }

    // Of one count of components: where counts are mixed, S3.4 takes the same count first, and others from there.
    #[test]
    fn from_the_result_the_same_list_offers_nothing(
        running in "v?[0-9]\\.[0-9]\\.[0-9](-(rc|beta)[0-9])?(-alpine)?(-r[0-9])?",
        list in proptest::collection::vec("v?[0-9]\\.[0-9]\\.[0-9](-(rc|beta)[0-9])?(-alpine)?(-r[0-9])?", 0..16),
        strategy in strategy(),
        prerelease in any::<bool>(),
    ) {
        let policy = Policy { prerelease, ..Policy::of(strategy) };
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        if let Some(to) = chosen_by(&running, &all, &policy) {
            prop_assert_eq!(chosen_by(&to, &all, &policy), None, "{} goes to {}", running, to);
        }
    }

    // Whatever the workload's own settings are.
    #[test]
    fn nothing_goes_beyond_what_is_forced(
        running in tag(),
        list in proptest::collection::vec(tag(), 0..16),
        forced in strategy(),
        pattern in proptest::option::of(prop_oneof![
            Just("regex:."), Just("glob:*"), Just("regex:(?P<compare>[0-9]+)$"), Just("regex:^[0-9.]+-?(?P<compare>.*)"),
        ]),
        order in prop_oneof![Just(Order::Semver), Just(Order::Numeric), Just(Order::Alphabetical)],
        prerelease in any::<bool>(),
        skipped in proptest::collection::vec(tag(), 0..3),
    ) {
        let policy = Policy {
            forced: Some(forced),
            prerelease,
            selection: pattern.map(|pattern| Selection::parse(pattern, order).unwrap()),
            skip: skipped.clone(),
            missing: skipped,
            ..Policy::of(forced)
        };
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let Some(to) = chosen_by(&running, &all, &policy) else { return Ok(()) };
        // What is told apart by its date has no levels.
        let versions = Version::read(&running).zip(Version::read(&to));
        if let Some((from, target)) = versions.filter(|_| !forced.allows(Level::Major)) {
            prop_assert!(forced.allows(from.level_to(&target)), "{} goes to {} under {}", running, to, forced);
        }
    }

    #[test]
    fn a_narrower_strategy_accepts_no_more(running in tag(), candidate in tag()) {
        let accepts = |strategy| chosen(&running, &[&candidate], strategy).is_some();
        prop_assert!(!accepts(Strategy::Patch) || accepts(Strategy::Minor));
        prop_assert!(!accepts(Strategy::Minor) || accepts(Strategy::Major));
        prop_assert_eq!(accepts(Strategy::Major), accepts(Strategy::All));
    }

    #[test]
    fn any_text_is_decided(running in "\\PC{0,30}", list in proptest::collection::vec("\\PC{0,30}", 0..8)) {
        let all: Vec<&str> = list.iter().map(String::as_str).collect();
        let tags: TagList = all.iter().collect();
        let policy = Policy::of(Strategy::All);
        let decision = decide(&running, &tags, &policy, NOW);
        prop_assert_eq!(decision.verdicts().count(), all.len());
        let _ = (decision.held_back(), decision.first_due(), decision.doubt());
    }
}
