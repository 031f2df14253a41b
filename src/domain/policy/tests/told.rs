//! What is told of tags beside the one that is taken.

use super::*;
use crate::domain::preflight::Flaw;
use crate::domain::reference::{Digest, Tag};
use crate::domain::standing::Standing;

fn selecting(text: &str, order: Order) -> Policy {
    Policy { selection: Some(Selection::parse(text, order).unwrap()), ..Policy::of(Strategy::All) }
}

fn waiting(known: KnownSince) -> Policy {
    Policy { cooldown: Some(Cooldown::parse("24h", known).unwrap()), ..Policy::of(Strategy::All) }
}

#[test]
fn a_tag_that_is_passed_over_has_the_reason_that_fits_what_was_taken() {
    let all = Policy::of(Strategy::All);
    let prereleases = Policy { prerelease: true, ..all.clone() };
    let narrowed = Policy { exclude: Some(Pattern::regex("24$").unwrap()), ..all.clone() };
    for (running, list, policy, expected) in [
        ("3.5.5-0", &["3.5.6-0", "3.5.5-1"][..], &all, &["taken", "lower"][..]),
        ("4.0.5-22", &["4.0.4-22", "4.0.5-24", "4.0.6-22"], &narrowed, &["not_newer", "excluded", "taken"]),
        ("2.0.0-rc.1", &["2.0.0-rc.2", "2.0.0-rc.3"], &all, &["lower", "taken"]),
        ("2.0.0-rc.1", &["2.0.0", "2.0.0-rc.2"], &prereleases, &["taken", "lower"]),
        ("1.2.3", &["1.3.0.1", "1.3.0.2"], &all, &["lower", "taken"]),
        ("latest", &["latest", "x"], &all, &["running", "named"]),
    ] {
        assert_eq!(verdicts(running, list, policy), expected, "{running} in {list:?}");
    }
}

#[test]
fn what_may_not_be_gone_to_yet_or_any_more_is_told_of_that_tag_alone() {
    let list = ["1.2.3", "1.2.4", "1.3.0", "1.4.0"];
    let unreleased = Policy { unreleased: vec![("1.4.0".into(), Standing::Withdrawn)], ..Policy::of(Strategy::All) };
    assert_eq!(verdicts("1.2.3", &list, &unreleased), ["running", "lower", "taken", "unreleased"]);
    let digest = Digest::of(b"new");
    let unfit = crate::domain::preflight::Unfit { tag: Tag::parse("1.4.0").unwrap(), digest, flaw: Flaw::NoCommand };
    let unfit = Policy { unfit: vec![unfit], ..Policy::of(Strategy::All) };
    let told = verdicts("1.2.3", &list, &unfit);
    assert_eq!(
        (&told[..3], chosen_by("1.2.3", &list, &unfit).as_deref()),
        (&["running", "lower", "taken"][..], Some("1.3.0"))
    );
    let skipped = Policy { skip: vec!["1.2.4".into()], ..Policy::of(Strategy::All) };
    let tags: TagList = list.iter().collect();
    assert_eq!(decide("1.2.3", &tags, &skipped, NOW).held_back(), None, "what is lower than the chosen is not held");
}

#[test]
fn behind_a_step_is_said_with_the_tag_that_is_gone_to() {
    let list: TagList = ["2.0.0", "v2.0.0", "3.0.0"].iter().collect();
    let semver = selecting("regex:.", Order::Semver);
    for policy in [Policy::of(Strategy::All), semver] {
        let policy = Policy { steps: Some(Steps::Major), ..policy };
        for (running, first) in [("1.0.0", "2.0.0"), ("v1.0.0", "v2.0.0")] {
            let decision = decide(running, &list, &policy, NOW);
            assert_eq!(decision.chosen().as_ref().map(Tag::as_str), Some(first));
            assert_eq!(decision.verdict("3.0.0"), Verdict::BehindStep { first });
        }
        let down: Vec<&str> = ["3.0.0", "2.1.0", "2.0.0", "1.1.0"].into();
        assert_eq!(chosen_by("1.0.0", &down, &policy).as_deref(), Some("1.1.0"), "whatever the order of the list");
    }
}

#[test]
fn what_waits_is_told_highest_first_and_when_the_first_of_it_is_due() {
    let hours = |hours| NOW - TimeDelta::hours(hours);
    let known = KnownSince::default().of(["1.2.4"].into_iter(), hours(20));
    let policy = waiting(known);
    let tags: TagList = ["1.2.4", "1.10.0", "1.9.0", "1.10.0", "1.2.2"].iter().collect();
    let decision = decide("1.2.3", &tags, &policy, NOW);
    assert_eq!(decision.cooling(9), ["1.10.0", "1.9.0", "1.2.4"]);
    assert_eq!(decision.cooling(2), ["1.10.0", "1.9.0"]);
    assert_eq!(decision.first_due(), Some(NOW + TimeDelta::hours(4)));
    assert!(decision.newer("1.10.0", "1.9.0").is_gt() && decision.newer("x", "1.9.0").is_lt());
    let today = NOW + TimeDelta::days(20_000);
    let mut policy = waiting(KnownSince::default());
    let cooldown = policy.cooldown.as_mut().unwrap();
    cooldown.learn("1.3.0", &Digest::of(b"new"), Some(today - TimeDelta::hours(30)), today);
    assert_eq!(decide("1.2.3", &["1.3.0"].iter().collect(), &policy, today).chosen().unwrap().as_str(), "1.3.0");
}

#[test]
fn the_highest_below_what_runs_is_one_that_settings_do_not_keep_out() {
    let below = |running: &str, policy: &Policy| {
        let tags: TagList = ["1.2.2", "1.2.1", "1.10.0", "1.2.3-rc.1", "1.1.9-alpine", "x"].iter().collect();
        decide(running, &tags, policy, NOW).below().map(str::to_owned)
    };
    let all = Policy::of(Strategy::All);
    assert_eq!(
        below("1.2.3", &Policy { exclude: Some(Pattern::regex("rc").unwrap()), ..all.clone() }).as_deref(),
        Some("1.2.2")
    );
    let skipped = Policy { skip: vec!["1.2.2".into()], exclude: Some(Pattern::regex("rc").unwrap()), ..all.clone() };
    assert_eq!(below("1.2.3", &skipped).as_deref(), Some("1.2.1"));
    assert_eq!((below("1.2.1", &all), below("latest", &all)), (None, None));
    assert_eq!(below("1.2.3", &all).as_deref(), Some("1.2.2"), "not the candidate of what is gone");
    let prereleases = Policy { prerelease: true, ..all.clone() };
    assert_eq!(below("1.2.3", &prereleases).as_deref(), Some("1.2.3-rc.1"), "unless prereleases are taken");
    assert_eq!(below("1.2.3-rc.2", &all).as_deref(), Some("1.2.3-rc.1"), "or one ran, of the same version");
    assert_eq!(below("1.3.0-rc.1", &all).as_deref(), Some("1.2.2"), "and no other's");
    assert_eq!(below("1.2.2.7", &all).as_deref(), Some("1.2.1"), "1.2.2 may be the same image");
    let semver = selecting("glob:*", Order::Semver);
    assert_eq!(below("1.2.3", &semver).as_deref(), Some("1.2.2"));
    assert_eq!(below("1.2.3-rc.2", &semver).as_deref(), Some("1.2.3-rc.1"));
    assert_eq!(below("1.2.2", &selecting("regex:^[0-9.]+$", Order::Semver)).as_deref(), Some("1.2.1"));
    assert_eq!(below("1.2.2", &selecting("regex:^[0-9.]+$", Order::Newest)), None, "without times there is no order");
}

#[test]
fn a_prerelease_is_taken_where_that_is_said_or_one_runs() {
    let prereleases = Policy { prerelease: true, ..Policy::of(Strategy::All) };
    let takes = |policy: &Policy, running| policy.takes_prereleases(running);
    let all = Policy::of(Strategy::All);
    assert!(takes(&prereleases, "1.2.3") && takes(&all, "1.2.3-rc.1"));
    assert!(!takes(&all, "1.2.3") && !takes(&all, "latest"));
    assert!(selecting("glob:*", Order::Newest).is_newest());
    assert!(!selecting("glob:*", Order::Semver).is_newest() && !all.is_newest());
}
