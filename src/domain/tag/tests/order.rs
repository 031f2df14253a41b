//! What comes after what, and how far it is.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

#[test]
fn numbers_and_versions_rise() {
    let rising = [
        &["1.0.9", "1.0.10", "1.2.0", "2.0.0", "10.0.0"][..],
        &["1.2", "1.2.0", "1.2.0.1"],
        &[
            "1.0.0-dev1",
            "1.0.0-alpha2",
            "1.0.0-alpha10",
            "1.0.0-beta1",
            "1.0.0-M1",
            "1.0.0-pre1",
            "1.0.0-rc.9",
            "1.0.0-rc.20",
            "1.0.0",
            "1.0.0-security-1",
            "1.0.0-security-2",
        ],
        &["1.0.0-rc1-dev2", "1.0.0-rc1", "1.0.0"],
        &["1.0.0-rc", "1.0.0-rc.0", "1.0.0-rc.0.1"],
        &["1.0.0-ls9", "1.0.0-ls45", "1.0.1-ls1"],
        &["20240130", "20240131", "20240131.1", "20240131.2", "20240131.10"],
        &["2024-01-31T20-20-33Z", "2024-01-31T20-21-00Z", "2024-02-01T00-00-00Z"],
        &["20240131-2020", "20240131-2021", "20240201-0000"],
        &["20240131T202033Z", "20240131T202034Z"],
        &["2024013120", "2024013121"],
        &["202401312020", "202401312021"],
        &["1.0.0-20240131", "1.0.0-20240131-0001", "1.0.0-20240201"],
        &["16-3.4", "16-3.5", "16-3.10", "17-3.4"],
        &["r1070-ls46", "r1070-ls47", "r1295-ls9", "r12003-ls1"],
        &["9.6-1747218906", "9.6-1755695350", "9.7-1742914212"],
        &["8.8-1014.1694622869", "8.8-1072.1697626218"],
        &["8.3-fpm-v2.1.0", "8.3-fpm-v2.1.10", "8.4-fpm-v1.0.0"],
    ];
    for list in rising {
        for pair in list.windows(2) {
            let (low, high) = (Version::read(pair[0]).unwrap(), Version::read(pair[1]).unwrap());
            assert_eq!(low.compare(&high), Ordering::Less, "{pair:?}");
            assert_eq!(high.compare(&low), Ordering::Greater, "{pair:?}");
        }
    }
    for (one, other) in [("1.02", "1.2"), ("v1.0.0", "1.0.0"), ("1.0.0-rc.1", "1.0.0-RC1"), ("1-0a1b2c3", "1-0a1b2c4")]
    {
        assert_eq!(
            Version::read(one).unwrap().compare(&Version::read(other).unwrap()),
            Ordering::Equal,
            "{one} {other}"
        );
    }
}

#[test]
fn a_step_has_a_size() {
    let cases = [
        ("1.2.3", "2.0.0", Level::Major),
        ("1.2.3", "1.3.0", Level::Minor),
        ("1.2.3", "1.2.4", Level::Patch),
        ("1.2.3", "1.2.3.1", Level::Patch),
        ("1.2", "1.3", Level::Minor),
        ("1", "2", Level::Major),
        ("12345", "12346", Level::Major),
        ("20240131", "20250131", Level::Major),
        ("20240131", "20240231", Level::Minor),
        ("20240131", "20240130", Level::Patch),
        ("2024-01-31T20-20-33Z", "2024-01-31T21-20-33Z", Level::Patch),
        ("20240131", "20240131.1", Level::Build),
        ("1.2.3-ls1", "1.2.3-ls2", Level::Build),
        ("1.2.3-rc.1", "1.2.3", Level::Prerelease),
        ("16-3.4", "16-3.5", Level::Minor),
        ("16-3.4", "16-4.0", Level::Major),
        ("16-3.4.1", "16-3.4.2", Level::Patch),
        ("16-3.4", "17-3.5", Level::Major),
        ("16-rc1-3.4", "16-3.4", Level::Prerelease),
        ("r1070-ls46", "r1070-ls47", Level::Build),
        ("r1070-ls46", "r1071-ls1", Level::Major),
        ("9.6-1747218906", "9.6-1755695350", Level::Build),
        ("9.6-1747218906", "9.7-1755695350", Level::Minor),
        ("8.8-1014.1694622869", "8.8-1072.1697626218", Level::Build),
        ("8.8-1014.1694622869", "8.8-1072.3", Level::Major),
        ("8.8-1014.3", "8.8-1072.1697626218", Level::Major),
        ("8.3-fpm-v2.1.0", "8.3-fpm-v2.1.1", Level::Patch),
    ];
    for (one, other, expected) in cases {
        let level = Version::read(one).unwrap().level_to(&Version::read(other).unwrap());
        assert_eq!(level, expected, "{one} to {other}");
    }
}

/// Tags as projects write them, and a few that nobody would.
fn any_tag() -> impl Strategy<Value = String> {
    let prefix = prop_oneof![4 => Just(""), 1 => Just("amd64-"), 1 => Just("RELEASE."), 1 => Just("pg14-")];
    let number = prop_oneof![
        "v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}",
        "20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|2[0-8])",
        "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|2[0-8])",
        "[0-9]{5,10}",
        "(20[0-9]{2})\\.[0-9]{1,2}",
        "(full-)?[rb][0-9]{3,6}",
        "1\\.20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|2[0-8])\\.[0-9]",
    ];
    let suffix = prop_oneof![
        3 => Just(String::new()),
        1 => "-(alpine|slim|bookworm)",
        1 => "(-|_|\\.|)(rc|beta|alpha|dev|M|ea)[.-]?[0-9]{0,2}",
        1 => "(-|_|\\+)(ls|r|b|build|ce\\.)[0-9]{1,3}",
        1 => "[-_][0-9]{1,2}",
        1 => "[-.](1[2-9][0-9]{8}|[0-9]{2}\\.1[2-9][0-9]{8})",
        1 => "-(fpm|kubernetes)-v[0-9]\\.[0-9]{1,2}",
        1 => "[-_.+a-z0-9]{0,12}",
    ];
    (prefix, number, suffix.clone(), suffix).prop_map(|(p, n, s, t)| format!("{p}{n}{s}{t}"))
}

fn family() -> impl Strategy<Value = String> {
    "v?[0-9](\\.[0-9]){2,3}(-(rc|beta|dev)\\.?[0-9]?)?(-alpine)?(-r[0-9])?(-security-[0-9])?"
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in "\\PC{0,40}|[0-9a-zA-Z._+-]{0,128}|\\p{Any}{0,20}") {
        if let Some(version) = Version::read(&text) {
            prop_assert_eq!(version.to_string(), text.clone());
            let _ = (version.items().count(), version.is_prerelease(), version.compare(&version), version.level_to(&version));
            prop_assert_eq!(version.difference(&version), None);
        }
    }

    #[test]
    fn what_is_read_is_written_back(text in any_tag()) {
        if let Some(version) = Version::read(&text) {
            prop_assert_eq!(version.to_string(), text);
        }
    }

    #[test]
    fn the_order_is_total(a in family(), b in family(), c in family()) {
        let read = |text| Version::read(text).unwrap();
        let (a, b, c) = (read(&a), read(&b), read(&c));
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        prop_assert_eq!(a.compare(&a), Ordering::Equal);
        if a.compare(&b).is_le() && b.compare(&c).is_le() {
            prop_assert!(a.compare(&c).is_le());
        }
    }

    #[test]
    fn another_hand_orders_plain_versions_alike(a in "(0|[1-9]{1,3})(\\.(0|[1-9]{1,3})){2}(-rc\\.(0|[1-9]{1,2}))?", b in "(0|[1-9]{1,3})(\\.(0|[1-9]{1,3})){2}(-rc\\.(0|[1-9]{1,2}))?") {
        let ours = Version::read(&a).unwrap().compare(&Version::read(&b).unwrap());
        let theirs = semver::Version::parse(&a).unwrap().cmp(&semver::Version::parse(&b).unwrap());
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn upstream_knows_nothing_of_variants() {
    let cases = [
        ("1.3.0-alpine", "1.3.0"),
        ("v1.3.0-rc.1-alpine3.20", "v1.3.0-rc.1"),
        ("5.1.2-ls123", "5.1.2"),
        ("16.4-bookworm", "16.4"),
        ("1.0.0b2-slim", "1.0.0b2"),
        ("2024.01.15-debian", "2024.01.15"),
        ("r1070-ls46", "r1070"),
        ("33acdda4-ls73", "33acdda4-ls73"),
        ("latest", "latest"),
        ("", ""),
    ];
    for (tag, expected) in cases {
        assert_eq!(super::upstream(tag), expected, "{tag}");
    }
}
