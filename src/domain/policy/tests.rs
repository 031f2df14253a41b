mod properties;
mod schemes;
mod steps;
mod told;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::tag::Version;
use crate::domain::tags::TagList;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn chosen_by(running: &str, list: &[&str], policy: &Policy) -> Option<String> {
    let tags: TagList = list.iter().collect();
    match decide(running, &tags, policy, NOW).outcome() {
        Outcome::Update { to, .. } => Some(to.to_owned()),
        _ => None,
    }
}

fn chosen(running: &str, list: &[&str], strategy: Strategy) -> Option<String> {
    chosen_by(running, list, &Policy::of(strategy))
}

fn verdicts(running: &str, list: &[&str], policy: &Policy) -> Vec<&'static str> {
    let tags: TagList = list.iter().collect();
    decide(running, &tags, policy, NOW).verdicts().map(|(_, verdict)| verdict.word()).collect()
}

#[test]
fn the_rules_decide() {
    use Strategy::{All, Major, Minor, Patch};
    let cases: [(&str, &[&str], Strategy, Option<&str>); 54] = [
        // S3.3: v is no part of the family; the newest wins, and of twins the form that runs.
        ("1.0.0", &["v1.0.1", "1.0.1"], All, Some("1.0.1")),
        ("v1.0.0", &["v1.0.1", "1.0.1"], All, Some("v1.0.1")),
        ("1.0.0", &["1.0.1", "v1.0.2"], All, Some("v1.0.2")),
        // S3.4: buckets, and the same count first.
        ("1.25", &["1.25.3", "2", "1.26"], All, Some("1.26")),
        ("17.0.8.1_1", &["17.0.13_11", "17.0.8.1_1"], All, Some("17.0.13_11")),
        ("1.2.3", &["1.2.4.1", "1.2.4"], All, Some("1.2.4")),
        ("1.2.3", &["1.9.9.9", "1.2.4"], All, Some("1.2.4")),
        ("25.2.2", &["25.2.2.39"], All, None),
        ("25.2.2.39", &["25.2.2"], All, None),
        // S3.5
        ("5.26.5", &["2025.03.0", "5.26.6"], All, Some("5.26.6")),
        ("2024.1", &["2025.1"], All, Some("2025.1")),
        // S4: the variant stays.
        ("1.2.3-alpine", &["1.3.0", "1.2.4-alpine", "1.3.0-slim"], All, Some("1.2.4-alpine")),
        ("1.2.3-alpine3.18", &["1.2.4-alpine3.19"], All, None),
        ("13.0.1", &["13.0.1-security-01"], Patch, Some("13.0.1-security-01")),
        ("13.0.1-security-01", &["13.0.2", "13.0.1"], Patch, Some("13.0.2")),
        ("1.2.3-ls45", &["1.2.3-ls46", "1.2.3", "1.2.4-ls1"], Patch, Some("1.2.4-ls1")),
        ("1.2.3-ls9", &["1.2.3-ls10"], Patch, Some("1.2.3-ls10")),
        // S4.6: a counter, unless it names a runtime.
        ("3.5.5-0", &["3.5.6-0", "3.5.5-1"], All, Some("3.5.6-0")),
        ("4.0.5-22", &["4.0.4-22", "4.0.5-20", "4.0.5-24"], All, None),
        ("4.0.5-22", &["4.0.4-22", "4.0.6-22", "4.0.6-24"], All, Some("4.0.6-22")),
        ("8.0.45-36", &["8.0.45-37", "8.0.46-38"], All, Some("8.0.46-38")),
        ("8.0.45-36", &["8.0.45-37", "8.0.46-36", "8.0.40-7"], All, Some("8.0.46-36")),
        ("8.0.45-36", &["8.0.45-37", "8.0.44-36", "8.0.40-7"], All, Some("8.0.45-37")),
        ("8.0.45-36", &["8.0.45-37", "8.0.44-36", "8.0.40-8"], All, None),
        // Behind `_` it is one always: first builds of a Java are about 35.
        ("21_35-jdk", &["17_35-jdk", "22_36-jdk", "25_36-jdk"], All, Some("25_36-jdk")),
        ("17_35-jdk", &["21_35-jdk", "25_36-jdk"], All, Some("25_36-jdk")),
        ("20_36-jdk", &["19_36-jdk", "21_35-jdk", "21_35-jre"], All, Some("21_35-jdk")),
        // S5
        ("1.2.3", &["1.3.0-rc.1", "1.2.4-beta1"], All, None),
        ("2.0.0-rc.1", &["2.0.0-rc.2", "2.1.0-rc.1"], Patch, Some("2.0.0-rc.2")),
        ("2.0.0-rc.1", &["2.0.0-rc.2", "2.0.0"], Patch, Some("2.0.0")),
        ("2.0.0-rc.1", &["2.0.0-rc.2", "1.9.9"], All, Some("2.0.0-rc.2")),
        ("1.6.0-alpha", &["1.8.0-alpha", "1.7.0-beta"], All, Some("1.8.0-alpha")),
        ("3.13-rc", &["3.14-rc", "3.13"], All, Some("3.13")),
        ("1.2.3-dev1", &["1.2.3-dev2"], Patch, Some("1.2.3-dev2")),
        // S6
        ("1.2.3", &["1.2.4", "1.3.0", "2.0.0"], All, Some("2.0.0")),
        ("1.2.3", &["1.2.4", "1.3.0", "2.0.0"], Major, Some("2.0.0")),
        ("1.2.3", &["1.2.4", "1.3.0", "2.0.0"], Minor, Some("1.3.0")),
        ("1.2.3", &["1.2.4", "1.3.0", "2.0.0"], Patch, Some("1.2.4")),
        ("0.1.0", &["0.2.0"], Minor, Some("0.2.0")),
        ("15.3", &["15.4", "16.0"], Minor, Some("15.4")),
        ("15.3", &["15.4"], Patch, None),
        ("3", &["4"], Minor, None),
        ("16-3.4", &["16-3.5"], Minor, Some("16-3.5")),
        ("16-3.4", &["16-3.5"], Patch, None),
        ("1694132169", &["1694132170"], Major, Some("1694132170")),
        ("20240110", &["20240130", "20240210", "20250110"], Minor, Some("20240210")),
        ("20240110", &["20240130", "20240210", "20250110"], Patch, Some("20240130")),
        // S7: ties.
        ("2026.07.2", &["2026.8.1", "2026.08.1"], All, Some("2026.08.1")),
        ("2026.7.2", &["2026.8.1", "2026.08.1"], All, Some("2026.8.1")),
        ("2026.07.0", &["2026.8.0", "2026.08.0"], All, Some("2026.08.0")),
        ("1.0-0a1b2c3", &["1.1-0a1b2c3", "1.1-1a1b2c3"], All, Some("1.1-1a1b2c3")),
        // S8, S12
        ("latest", &["1.0.0"], All, None),
        ("1.0.0", &[], All, None),
        ("1.2.3", &["", "1.2.x", "1.2.18446744073709551617", "v", "-1", "1..2", "1.2.4-"], All, None),
    ];
    for (running, list, strategy, expected) in cases {
        assert_eq!(chosen(running, list, strategy).as_deref(), expected, "{running} in {list:?} under {strategy}");
    }
}

#[test]
fn every_candidate_has_its_reason() {
    let policy = Policy {
        include: Some(Pattern::regex("^[^x]*$").unwrap()),
        exclude: Some(Pattern::regex("9$").unwrap()),
        skip: vec!["1.2.7".into()],
        ..Policy::of(Strategy::Minor)
    };
    let cases = [
        ("1.3.0", "taken"),
        ("1.2.4", "lower"),
        ("1.2.3", "running"),
        ("v1.2.3", "not_newer"),
        ("1.0.0", "not_newer"),
        ("1.3.0.sig", "artifact"),
        ("0a1b2c3", "commit"),
        ("latest", "named"),
        ("1.2.99999999999999999999", "too_large"),
        ("20240131", "other_scheme"),
        ("amd64-1.2.4", "other_prefix"),
        ("1.3", "other_precision"),
        ("2024.1.1", "year"),
        ("1.3.0-alpine", "other_variant"),
        ("1.2.3.1", "maybe_same"),
        ("1.2.5.1", "other_count"),
        ("1.2.4-ax", "other_variant"),
        ("1.4.9", "excluded"),
        ("1.4.0-rc1", "prerelease"),
        ("2.0.0", "above_strategy"),
        ("1.2.7", "skipped"),
    ];
    let (list, expected): (Vec<&str>, Vec<&str>) = cases.into_iter().unzip();
    assert_eq!(verdicts("1.2.3", &list, &policy), expected);
    let narrow = Policy { include: Some(Pattern::regex("alpine").unwrap()), ..Policy::of(Strategy::All) };
    assert_eq!(verdicts("1.2.3", &["1.2.4"], &narrow), ["not_included"]);
    assert_eq!(
        verdicts("2.0.0-rc.1", &["2.0.0", "2.0.0-rc.2"], &Policy::of(Strategy::All)),
        ["taken", "behind_release"]
    );
    let runtime = ["4.0.4-22", "4.0.5-24", "4.0.6-22"];
    assert_eq!(verdicts("4.0.5-22", &runtime, &Policy::of(Strategy::All)), ["not_newer", "other_runtime", "taken"]);
    let prereleases = ["2.0.0-rc.2", "2.0.0-beta.1", "2.1.0-rc.1"];
    let from_prerelease = verdicts("2.0.0-rc.1", &prereleases, &Policy::of(Strategy::All));
    assert_eq!(from_prerelease, ["taken", "not_newer", "prerelease"]);
    let releases = ["2.0.0", "2.0.1", "2.0.0-rc.2"];
    assert_eq!(verdicts("2.0.0-rc.1", &releases, &Policy::of(Strategy::All)), ["lower", "taken", "behind_release"]);
    assert_eq!(verdicts("latest", &["1.0.0", "x"], &Policy::of(Strategy::All)), ["nothing_to_compare", "named"]);
}

#[test]
fn a_verdict_names_its_rule_and_speaks() {
    let policy = Policy::of(Strategy::Patch);
    let said = |running: &str, tag: &str| {
        let tags: TagList = [tag].iter().collect();
        let decision = decide(running, &tags, &policy, NOW);
        let (_, verdict) = decision.verdicts().next().unwrap();
        format!("{} {verdict}", verdict.rule())
    };
    assert_eq!(said("1.2.3", "2.0.0"), "S6 major, beyond the strategy");
    assert_eq!(said("1.2.3", "1.2.4"), "S8 patch");
    assert_eq!(said("1.2.3", "1.2.4-alpine"), "S4 other variant -alpine");
    assert_eq!(said("1.2.3-alpine", "1.2.4"), "S4 without the variant of the running tag");
    assert_eq!(said("a-1.2.3", "1.2.4"), "S3.1 without the prefix of the running tag");
    assert_eq!(said("1.2.3", "a-1.2.4"), "S3.1 other prefix a-");
    assert_eq!(said("1.2.3", "1.2"), "S3.4 other count of components");
    assert_eq!(said("1.2.3", "2024.1.1"), "S3.5 a year and a small number can't be compared");
    assert_eq!(said("1.2.3", "20240131"), "S2 other numbering scheme");
    assert_eq!(said("4.6.2", "20.04.1"), "S3.7 a year of two digits beside versions");
    let otherwise = "S3.8 a date or build number where the running version has none";
    assert_eq!(said("1.4.11", "1.20231118.0"), otherwise);
    assert_eq!(said("1.6.1", "5512.0.0"), otherwise);
    assert_eq!(said("33acdda4-ls73", "b9e2cafd-ls153"), "S4.7 other commit");
    assert_eq!(
        said("9d8c7b6-8", "9d8c7b6-11"),
        "S4.7 -11 may be another variant: one commit doesn't show what it counts"
    );
    assert_eq!(said("1.2.3", "1.2.4-rc1"), "S5 prerelease, and image-watcher/prerelease is false");
}

#[test]
fn options_narrow_and_prereleases_are_asked_for() {
    let list = ["1.2.3", "1.2.4", "1.2.5", "1.3.0-rc.1"];
    let mut policy = Policy::of(Strategy::All);
    assert_eq!(chosen_by("1.2.3", &list, &policy).as_deref(), Some("1.2.5"));
    policy.skip = vec!["1.2.5".into()];
    assert_eq!(chosen_by("1.2.3", &list, &policy).as_deref(), Some("1.2.4"));
    policy.exclude = Some(Pattern::regex("4$").unwrap());
    assert_eq!(chosen_by("1.2.3", &list, &policy), None);
    policy.prerelease = true;
    assert_eq!(chosen_by("1.2.3", &list, &policy).as_deref(), Some("1.3.0-rc.1"));
    assert_eq!(chosen_by("1.3.0-beta.1", &["1.3.0", "1.4.0-rc.1"], &policy).as_deref(), Some("1.4.0-rc.1"));
    policy.include = Some(Pattern::regex("^1\\.2").unwrap());
    assert_eq!(chosen_by("1.2.3", &list, &policy), None);
}

#[test]
fn what_is_narrowed_away_is_no_evidence() {
    let list = ["8.0.40-7", "8.0.44-36", "8.0.45-37"];
    let mut policy = Policy::of(Strategy::All);
    assert_eq!(chosen_by("8.0.45-36", &list, &policy).as_deref(), Some("8.0.45-37"));
    policy.exclude = Some(Pattern::regex("-7$").unwrap());
    assert_eq!(chosen_by("8.0.45-36", &list, &policy), None);
}

#[test]
fn a_pattern_of_ones_own_orders_what_it_matches() {
    let select = |pattern: &str, order| Policy {
        selection: Some(Selection::parse(pattern, order).unwrap()),
        ..Policy::of(Strategy::Patch)
    };
    let builds = ["build-9", "build-10", "other-99", "build-x", "build-99.sig"];
    assert_eq!(chosen_by("build-1", &builds, &select("glob:build-*", Order::Alphabetical)).as_deref(), Some("build-x"));
    let numeric = select("regex:^build-(?P<compare>.*)$", Order::Numeric);
    assert_eq!(chosen_by("build-1", &builds, &numeric).as_deref(), Some("build-10"));
    assert_eq!(
        verdicts("build-9", &builds, &numeric),
        ["running", "taken", "outside_pattern", "without_order", "artifact"]
    );
    let semver = select("regex:^app-(?P<compare>.+)$", Order::Semver);
    let apps = ["app-1.9.0", "app-1.10.0", "app-2.0.0-rc.1", "app-latest"];
    assert_eq!(chosen_by("app-1.2.0", &apps, &semver).as_deref(), Some("app-1.10.0"));
    assert_eq!(chosen_by("app-2.0.0-beta.1", &apps, &semver).as_deref(), Some("app-2.0.0-rc.1"));
    let asked = Policy { prerelease: true, ..semver.clone() };
    assert_eq!(chosen_by("app-1.2.0", &apps, &asked).as_deref(), Some("app-2.0.0-rc.1"));
    let tags: TagList = apps.iter().collect();
    let outside = decide("web-1.0.0", &tags, &semver, NOW);
    assert_eq!(outside.outcome(), Outcome::NoVersion(Verdict::OutsidePattern));
    assert_eq!(decide("app-x", &tags, &semver, NOW).outcome(), Outcome::NoVersion(Verdict::WithoutOrder));
    let newest = decide("app-2.0.0", &tags, &semver, NOW);
    assert_eq!(newest.outcome(), Outcome::UpToDate);
    let none = TagList::new();
    assert_eq!(decide("app-1.0.0", &none, &semver, NOW).outcome(), Outcome::NoTags);
    let skipping = Policy { skip: vec!["build-10".into()], exclude: Some(Pattern::regex("9").unwrap()), ..numeric };
    assert_eq!(
        verdicts("build-1", &["build-9", "build-10", "build-0"], &skipping),
        ["excluded", "skipped", "not_newer"]
    );
}

#[test]
fn a_requirement_replaces_the_family_and_never_takes_a_variant() {
    let semver = |requirement: &str, running: &str, tags: &[&str], prerelease| {
        let selection = Some(Selection::parse(&format!("semver:{requirement}"), Order::Semver).unwrap());
        let policy = Policy { prerelease, selection, ..Policy::of(Strategy::Patch) };
        let tags: TagList = tags.iter().collect();
        match decide(running, &tags, &policy, NOW).outcome() {
            Outcome::Update { to, .. } => Ok(to.to_owned()),
            Outcome::NoVersion(verdict) => Err(verdict.word()),
            _ => Err("up_to_date"),
        }
    };
    let tags = ["1.2.0", "1.9.0", "v1.10.0", "2.0.0", "1.11.0-alpine", "1.10.1-rc.1", "1.12", "latest"];
    assert_eq!(semver(">=1.2, <2", "1.2.0", &tags, false).as_deref(), Ok("v1.10.0"));
    assert_eq!(semver(">=1.2, <1.10", "1.2.0", &tags, false).as_deref(), Ok("1.9.0"));
    assert_eq!(semver(">=1.10.1-rc.0, <2", "1.10.1-rc.0", &tags, false).as_deref(), Ok("1.10.1-rc.1"));
    assert_eq!(semver(">=2", "1.2.0", &tags, false), Err("outside_pattern"), "the running tag has to meet it too");
    assert_eq!(semver("*", "2.0.0", &tags, true), Err("up_to_date"), "never down");
}

#[test]
fn a_version_cools_down_before_it_is_taken() {
    let known = KnownSince::default().of(["1.2.4"].into_iter(), NOW - TimeDelta::hours(30));
    let policy = Policy { cooldown: Some(Cooldown::parse("24h", known).unwrap()), ..Policy::of(Strategy::All) };
    let tags: TagList = ["1.2.4", "1.2.5", "1.3.0", "1.2.5"].iter().collect();
    let decision = decide("1.2.3", &tags, &policy, NOW);
    assert_eq!(decision.outcome(), Outcome::Update { to: "1.2.4", level: Level::Patch });
    let until = NOW + TimeDelta::hours(24);
    assert_eq!(decision.first_due(), Some(until));
    assert_eq!(
        decision.held_back(),
        Some(HeldBack { tag: "1.3.0", verdict: Verdict::Cooldown { until, counts: Counts::FirstSeen } })
    );
    let waiting = decide("1.2.4", &tags, &policy, NOW);
    assert_eq!(waiting.outcome(), Outcome::Cooling { to: "1.3.0", level: Level::Minor, until });
    let numeric = Policy { selection: Some(Selection::parse("glob:*", Order::Semver).unwrap()), ..policy };
    assert_eq!(
        decide("1.2.4", &tags, &numeric, NOW).outcome(),
        Outcome::Cooling { to: "1.3.0", level: Level::Pattern, until }
    );
}

/// What a look would remember, at this hour.
fn remembered(running: &str, list: &[&str], known: &KnownSince, hour: i64) -> (Option<String>, KnownSince) {
    let now = NOW + TimeDelta::hours(hour);
    let policy = Policy { cooldown: Some(Cooldown::parse("24h", known.clone()).unwrap()), ..Policy::of(Strategy::All) };
    let tags: TagList = list.iter().collect();
    let decision = decide(running, &tags, &policy, now);
    let taken = match decision.outcome() {
        Outcome::Update { to, .. } => Some(to.to_owned()),
        _ => None,
    };
    (taken, decision.known_since(known, now))
}

#[test]
fn a_version_that_has_waited_does_not_wait_again() {
    let list = ["1.2.3", "1.2.4", "1.2.5", "1.2.4"];
    let (none, first) = remembered("1.2.3", &list, &KnownSince::default(), 0);
    assert_eq!(none, None);
    let (taken, later) = remembered("1.2.3", &list, &first, 24);
    assert_eq!((taken.as_deref(), &later), (Some("1.2.5"), &first), "first sight stays, and costs no write");
    let (taken, later) = remembered("1.2.3", &["1.2.3", "1.2.4", "1.2.5", "1.3.0"], &later, 30);
    assert_eq!(taken.as_deref(), Some("1.2.5"), "a newer one begins to wait, and takes nothing away");
    assert_eq!((later.since("1.2.5"), later.since("1.3.0")), (first.since("1.2.5"), Some(NOW + TimeDelta::hours(30))));
    let (taken, later) = remembered("1.2.5", &["1.2.3", "1.2.4", "1.2.5", "1.3.0"], &later, 31);
    assert_eq!((taken, later.since("1.2.5"), later.since("1.2.4")), (None, None, None), "no candidates any more");
    let (_, gone) = remembered("1.2.5", &["1.2.5"], &later, 32);
    assert!(gone.is_empty());
}

#[test]
fn what_is_taken_is_remembered_however_many_wait() {
    let mut list: Vec<String> = (0..100).map(|minor| format!("1.{minor}.0")).collect();
    list.push("1.0.1".into());
    let all: Vec<&str> = list.iter().map(String::as_str).collect();
    let old = KnownSince::default().of(["1.0.1", "1.5.0"].into_iter(), NOW - TimeDelta::hours(30));
    let (taken, mut known) = remembered("1.0.0", &all, &old, 0);
    assert_eq!(taken.as_deref(), Some("1.5.0"));
    for hour in 1..200 {
        let (now, next) = remembered("1.0.0", &all, &known, hour);
        assert!(now.is_some(), "after {hour} hours");
        known = next;
        let newer = |one: &str| all.iter().position(|tag| *tag == one);
        assert!(newer(&now.unwrap()) >= newer("1.5.0"), "it never goes back to a lower one");
    }
    assert_eq!(remembered("1.0.0", &all, &known, 200).0.as_deref(), Some("1.99.0"), "all had their turn");
}

#[test]
fn a_list_that_lacks_what_runs_is_doubted_and_decided_all_the_same() {
    let doubt = |running: &str, list: &[&str]| {
        let tags: TagList = list.iter().collect();
        decide(running, &tags, &Policy::of(Strategy::All), NOW).doubt()
    };
    assert_eq!(doubt("1.2.3", &["1.2.3", "1.2.4"]), None);
    assert_eq!(doubt("1.2.3", &["1.2.4"]), Some(Doubt::RunningMissing("1.2.3".into())));
    assert_eq!(doubt("1.2.3", &[]), Some(Doubt::Empty));
    assert_eq!(doubt("latest", &[]), None, "nothing is decided for it by version");
    assert_eq!(chosen("1.2.3", &["1.2.4"], Strategy::All).as_deref(), Some("1.2.4"));
}

#[test]
fn what_has_no_manifest_is_passed_over_with_its_reason() {
    let missing = Policy { missing: vec!["1.3.0".into()], ..Policy::of(Strategy::All) };
    let list = ["1.2.3", "1.2.4", "1.3.0"];
    assert_eq!(chosen_by("1.2.3", &list, &missing).as_deref(), Some("1.2.4"));
    assert_eq!(verdicts("1.2.3", &list, &missing), ["running", "taken", "missing"]);
    let selection = Some(Selection::parse("glob:*", Order::Semver).unwrap());
    assert_eq!(chosen_by("1.2.3", &list, &Policy { selection, ..missing }).as_deref(), Some("1.2.4"));
}

#[test]
fn what_the_operator_forces_bounds_a_pattern() {
    let select = |pattern: &str, order, forced| Policy {
        selection: Some(Selection::parse(pattern, order).unwrap()),
        forced,
        ..Policy::of(forced.unwrap_or(Strategy::All))
    };
    let list = ["1.0.1", "1.1.0", "9.0.0", "nightly", "20240131", "2024.1.1"];
    let bounded = |forced| chosen_by("1.0.0", &list, &select("regex:.", Order::Semver, forced));
    assert_eq!(bounded(None).as_deref(), Some("20240131"));
    assert_eq!(bounded(Some(Strategy::All)).as_deref(), Some("20240131"));
    assert_eq!(bounded(Some(Strategy::Minor)).as_deref(), Some("1.1.0"));
    assert_eq!(bounded(Some(Strategy::Patch)).as_deref(), Some("1.0.1"));
    let alphabetical = select("regex:.", Order::Alphabetical, Some(Strategy::Patch));
    assert_eq!(chosen_by("10.0.0", &["9.9.9", "x", "10.0.1"], &alphabetical).as_deref(), Some("10.0.1"));
    assert_eq!(
        verdicts("10.0.0", &["9.9.9", "x", "10.0.1"], &alphabetical),
        ["above_strategy", "without_level", "taken"]
    );
    let builds = select("glob:build-*", Order::Alphabetical, Some(Strategy::Minor));
    assert_eq!(chosen_by("build-x", &["build-y"], &builds), None, "how far it is can't be said");
}

#[test]
fn the_newest_that_is_held_is_named() {
    let held = |running: &str, list: &[&str], strategy| {
        let tags: TagList = list.iter().collect();
        let policy = Policy::of(strategy);
        let decision = decide(running, &tags, &policy, NOW);
        decision.held_back().map(|held| (held.tag.to_owned(), held.verdict.word()))
    };
    let list = ["1.2.3", "2.0.0", "3.0.0", "1.3.0", "4.0.0-alpine", "0.9.0"];
    assert_eq!(held("1.2.3", &list, Strategy::Minor), Some(("3.0.0".into(), "above_strategy")));
    assert_eq!(held("1.2.3", &list, Strategy::All), None);
    assert_eq!(
        held("1.2.3", &["1.2.4-rc.1", "1.2.5"], Strategy::All),
        None,
        "what is lower than the chosen is not held"
    );
    assert_eq!(held("1.2.3", &["1.2.4-rc.1"], Strategy::All), Some(("1.2.4-rc.1".into(), "prerelease")));
    let list = ["1.2.3", "2.0.0", "2.1.0-rc.1"];
    assert_eq!(held("1.2.3", &list, Strategy::Minor), Some(("2.0.0".into(), "above_strategy")), "what is got by it");
    let with_rc = ["1.2.3", "2.1.0-rc.1"];
    assert_eq!(held("1.2.3", &with_rc, Strategy::Minor), Some(("2.1.0-rc.1".into(), "above_strategy")), "all there is");
    let narrowed = |policy: Policy| {
        let tags: TagList = list.iter().collect();
        let decision = decide("1.2.3", &tags, &policy, NOW);
        decision.held_back().map(|held| (held.tag.to_owned(), held.verdict.word()))
    };
    let regex = |text: &str| Some(Pattern::regex(text).unwrap());
    let all = || Policy::of(Strategy::All);
    assert_eq!(narrowed(Policy { include: regex("^1"), ..all() }), Some(("2.0.0".into(), "not_included")));
    assert_eq!(narrowed(Policy { exclude: regex("^2"), ..all() }), Some(("2.0.0".into(), "excluded")));
    let selection = Some(Selection::parse("glob:*", Order::Semver).unwrap());
    let by_pattern = Policy { exclude: regex("^2"), selection, ..all() };
    assert_eq!(narrowed(by_pattern), Some(("2.0.0".into(), "excluded")));
}
