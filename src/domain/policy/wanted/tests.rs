use super::super::{Cooldown, Decision, KnownSince, Order, Pattern, Steps, Strategy, decide};
use super::*;
use crate::domain::tags::TagList;
use chrono::DateTime;
use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Values;

fn kept(wanted: &Wanted, tags: &[&str]) -> TagList {
    read(wanted, tags).0
}

/// What is kept, and what is known of it then.
fn read(wanted: &Wanted, tags: &[&str]) -> (TagList, Wanted) {
    let mut filter = wanted.filter();
    let mut list = TagList::new();
    for tag in tags {
        if filter.keeps(tag) { list.push(tag) } else { list.pass() }
    }
    let after = wanted.after(&filter);
    (list, after)
}

fn by_pattern(pattern: &str, order: Order) -> Policy {
    let selection = Some(Selection::new(Pattern::regex(pattern).unwrap(), order));
    Policy { selection, ..Policy::of(Strategy::All) }
}

#[test]
fn only_what_is_newer_and_of_a_running_family_is_kept() {
    let mut wanted = Wanted::default();
    for running in ["1.2.3", "1.1.0", "2.0.0-alpine", "1.0.0-17", "latest"] {
        wanted.add(running, &Policy::of(Strategy::Patch));
    }
    wanted.add("build-5", &by_pattern("^build-(?P<compare>[0-9]+)$", Order::Numeric));
    let list = [
        "1.0.0",
        "1.1.0",
        "1.1.1",
        "9.0.0-rc.1",
        "1.9.0-alpine",
        "2.0.1-alpine",
        "3.0.0-slim",
        "0.1.0-3",
        "build-4",
        "build-6",
        "latest",
        "sha256-aa",
        "20240101",
        "4.0",
    ];
    let list = kept(&wanted, &list);
    let expected = ["1.1.0", "1.1.1", "9.0.0-rc.1", "2.0.1-alpine", "0.1.0-3", "build-6"];
    assert_eq!(list.iter().collect::<Vec<_>>(), expected);
    assert_eq!(list.listed(), 14);
    assert_eq!(kept(&Wanted::default(), &["1.0.0"]).len(), 0);
    assert_eq!(kept(&Wanted::everything(), &["1.0.0", "x"]).len(), 2);
}

#[test]
fn a_list_is_enough_for_whom_it_was_read_for() {
    let plain = Policy::of(Strategy::All);
    let pattern = by_pattern("^b", Order::Alphabetical);
    let mut wanted = Wanted::default();
    wanted.add("1.2.3", &plain);
    wanted.add("b5", &pattern);
    let of = |running: &str, policy: &Policy| wanted.coverage(running, policy);
    assert_eq!(of("1.2.3", &plain), Coverage::Enough);
    assert_eq!(of("1.4.0", &Policy::of(Strategy::Patch)), Coverage::Enough, "newer ones are a part of it");
    assert_eq!(of("1.2.2", &plain), Coverage::NotAsked, "it was set back meanwhile");
    assert_eq!(of("1.2.3-alpine", &plain), Coverage::NotAsked);
    assert_eq!(of("latest", &plain), Coverage::Enough, "nothing is compared with it");
    assert_eq!(of("b6", &pattern), Coverage::Enough);
    assert_eq!(of("b4", &pattern), Coverage::NotAsked);
    assert_eq!(of("b6", &by_pattern("^b.", Order::Alphabetical)), Coverage::NotAsked);
    assert_eq!(Wanted::everything().coverage("1.2.3", &pattern), Coverage::Enough);
}

#[test]
fn the_count_of_a_kind_does_not_depend_on_who_else_asks() {
    let (plain, pattern) = (Policy::of(Strategy::Patch), by_pattern("^b", Order::Alphabetical));
    let list = ["0.9.0", "1.2.3", "1.2.4", "v1.3.0", "1.2.5-alpine", "latest", "b1", "b2", "1.2", "1.2.5-rc.1"];
    let counts = |others: &[&str]| {
        let mut wanted = Wanted::default();
        for running in others {
            wanted.add(running, &plain);
        }
        wanted.add("1.2.3", &plain);
        wanted.add("b1", &pattern);
        let after = read(&wanted, &list).1;
        (after.relatives("1.2.3", &plain), after.relatives("b1", &pattern), after.relatives("latest", &plain))
    };
    let expected = (Some(5), Some(2), None);
    assert_eq!(counts(&[]), expected);
    assert_eq!(counts(&["0.0.1"]), expected, "an older one runs too");
    assert_eq!(counts(&["1.2.9", "1.2.5-alpine", "2024.1.1"]), expected);
    assert_eq!(Wanted::everything().relatives("1.2.3", &plain), None, "nothing was counted");
}

#[test]
fn who_wants_too_much_is_given_up_before_others() {
    let (plain, greedy) = (Policy::of(Strategy::All), by_pattern(".", Order::Alphabetical));
    let mut wanted = Wanted::default();
    wanted.add("1.2.3", &plain);
    wanted.add("0", &greedy);
    let mut filter = wanted.filter();
    for tag in ["1.2.4", "aaaaaaaa", "bbbbbbbb"] {
        assert!(filter.keeps(tag));
    }
    filter.give_up_largest();
    assert!(filter.still_keeps("1.2.4") && !filter.still_keeps("aaaaaaaa") && !filter.keeps("cccccccc"));
    let after = wanted.after(&filter);
    assert_eq!(after.coverage("1.2.3", &plain), Coverage::Enough);
    assert_eq!(after.coverage("0", &greedy), Coverage::TooMuch);
    assert_eq!((after.relatives("1.2.3", &plain), after.relatives("0", &greedy)), (Some(1), None));
    filter.give_up_largest();
    assert!(filter.still_keeps("1.2.3"), "it runs");
    filter.give_up_largest();
    assert!(!filter.still_keeps("1.2.3"), "there is an end to what is kept");
}

fn tag() -> impl Values<Value = String> {
    prop_oneof![
        "v?[0-9]\\.[0-9]\\.[0-9](-rc[0-9])?(-alpine)?(-r[0-9])?",
        "[0-9]\\.[0-9](\\.[0-9]){0,2}([-_][0-9]{1,2})?",
        "(amd64-)?4\\.0\\.[0-9]-(7|8|2[0-4])",
        "2024(0[1-9]|1[0-2])(0[1-9]|2[0-8])(\\.[0-9])?(-slim)?",
        "(latest|stable|[0-9a-f]{7}|pr-[0-9]{2}|b[0-9]{1,2})",
        "(4|18|19|20)\\.(0[1-3]|1[0-2]|[0-3])\\.[0-3]",
        "1\\.([0-9]|2024(0[1-9]|1[0-2])01)\\.[0-9]",
        "(33acdda4|5e6f7a8)-(ls[0-9]|[0-9]|rc1)",
        "9\\.[67]-17[0-9]{8}|8\\.[0-9]-fpm-v[0-9]\\.[0-9]|r[0-9]{4}(-ls[0-9])?",
        "(1[89]|20|4)\\.(0[1-3]|1[0-2]|[0-3])\\.[0-3]",
        "(full-)?[rb][0-9]{3,4}(-ls[0-9])?",
        "1a2b3c[4d](-[0-9])?(-r[0-9])?(-alpine)?",
        "[0-9.a-z_-]{0,12}",
    ]
}

fn policy() -> impl Values<Value = Policy> {
    let strategy = prop_oneof![Just(Strategy::All), Just(Strategy::Minor), Just(Strategy::Patch)];
    let selection = prop_oneof![
        5 => Just(None),
        1 => Just(by_pattern("^b(?P<compare>[0-9]+)$", Order::Numeric).selection),
        1 => Just(by_pattern("[0-9]", Order::Alphabetical).selection),
        1 => Just(by_pattern("[0-9]", Order::Semver).selection),
    ];
    let narrowed = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (strategy, selection, narrowed).prop_map(|(strategy, selection, (prerelease, include, exclude, waits))| Policy {
        prerelease,
        include: include.then(|| Pattern::regex("[0-6]$").unwrap()),
        exclude: exclude.then(|| Pattern::regex("3").unwrap()),
        selection,
        skip: vec!["1.2.3".into(), "5".into()],
        cooldown: waits.then(|| Cooldown::parse("24h", KnownSince::default()).unwrap()),
        steps: [None, Some(Steps::Major), Some(Steps::Minor)][usize::from(exclude) + usize::from(waits)],
        ..Policy::of(strategy)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whoever else runs the repository, and however few tags are kept: the decision, what is held back and what
    /// waits are those of the whole list.
    #[test]
    fn what_is_kept_decides_as_all_of_it(
        runs in proptest::collection::vec((tag(), policy()), 1..5),
        list in proptest::collection::vec(tag(), 0..24),
    ) {
        let mut wanted = Wanted::default();
        for (running, policy) in &runs {
            wanted.add(running, policy);
        }
        let all: TagList = list.iter().collect();
        let part = kept(&wanted, &list.iter().map(String::as_str).collect::<Vec<_>>());
        for (running, policy) in &runs {
            prop_assert_eq!(wanted.coverage(running, policy), Coverage::Enough);
            let of_all = decide(running, &all, policy, DateTime::UNIX_EPOCH);
            let of_part = decide(running, &part, policy, DateTime::UNIX_EPOCH);
            prop_assert_eq!(of_all.outcome(), of_part.outcome(), "{} in {:?}", running, &list);
            prop_assert_eq!(of_all.held_back(), of_part.held_back(), "{} in {:?}", running, &list);
            prop_assert_eq!(of_all.first_due(), of_part.first_due(), "{} in {:?}", running, &list);
            prop_assert_eq!(of_all.doubt(), of_part.doubt(), "{} in {:?}", running, &list);
            let known = |decision: &Decision<'_>| decision.known_since(&KnownSince::default(), DateTime::UNIX_EPOCH);
            prop_assert_eq!(known(&of_all), known(&of_part), "{} in {:?}", running, &list);
        }
    }

    #[test]
    fn what_is_enough_for_one_decides_for_it(
        runs in (tag(), policy()), other in tag(), list in proptest::collection::vec(tag(), 0..24),
    ) {
        let mut wanted = Wanted::default();
        wanted.add(&runs.0, &runs.1);
        if wanted.coverage(&other, &runs.1) == Coverage::Enough {
            let all: TagList = list.iter().collect();
            let part = kept(&wanted, &list.iter().map(String::as_str).collect::<Vec<_>>());
            let now = DateTime::UNIX_EPOCH;
            let (of_all, of_part) = (decide(&other, &all, &runs.1, now), decide(&other, &part, &runs.1, now));
            prop_assert_eq!(of_all.outcome(), of_part.outcome());
            prop_assert!(of_all.held_back() == of_part.held_back() && of_all.first_due() == of_part.first_due());
            prop_assert_eq!(of_all.doubt(), of_part.doubt());
        }
    }
}
