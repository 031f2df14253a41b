mod families;
mod order;
mod suffix;

use super::*;

fn class(text: &str) -> &'static str {
    match Class::read(text) {
        Class::Artifact => "artifact",
        Class::Commit => "commit",
        Class::Named => "named",
        Class::TooLarge => "too large",
        Class::Version(version) => match version.scheme {
            Scheme::Dotted { .. } => "version",
            Scheme::Build => "build",
            Scheme::Date { .. } => "date",
            Scheme::Commit => "build of a commit",
        },
    }
}

#[test]
fn a_plain_number_is_read_in_one_sweep_as_it_would_be_part_by_part() {
    let plain = ["1.0", "1.25.3", "0.0.1", "001.2", "999.20240131.1", "1.2.3.4.5.6.7.8"];
    let other =
        ["", "1", "1.", ".1", "1..2", "2024.01.31", "v1.2", "1.2-rc", "1.2a", "1234567.1", "1.23456789012345678"];
    for text in plain {
        assert!(Version::plain(text).is_some(), "{text}");
    }
    for text in other {
        assert!(Version::plain(text).is_none(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_is_plain_is_read_the_same(text in "[0-9]{1,4}(\\.[0-9]{1,4}){0,5}|[0-9.]{0,20}|[0-9]{1,3}[.][0-9a-f.-]{0,8}") {
        if let Some(version) = Version::plain(&text) {
            proptest::prop_assert_eq!(Class::Version(version), Class::of_any(&text));
        }
    }
}

#[test]
fn a_tag_has_a_class() {
    let hex = "0123456789abcdef".repeat(4);
    let cases = [
        (format!("sha256-{hex}"), "artifact"),
        (format!("sha256-{hex}.sig"), "artifact"),
        (format!("sha256-{hex}.anything"), "artifact"),
        (format!("sha256-{hex}0"), "build"),
        ("1.2.3.sig".into(), "artifact"),
        ("1.2.3.att".into(), "artifact"),
        ("1.2.3.sbom".into(), "artifact"),
        ("1.2.3.sag".into(), "version"),
        (hex.clone(), "commit"),
        (hex[..40].to_owned(), "commit"),
        ("1".repeat(40), "commit"),
        ("1".repeat(41), "too large"),
        ("71b5a2c-standard-arm64".into(), "commit"),
        ("d03e11f3_21".into(), "commit"),
        ("g1234abc".into(), "commit"),
        ("main-0a1b2c3".into(), "commit"),
        ("main-v0a1b2c3".into(), "version"),
        ("0a1b2c".into(), "version"),
        ("abcdefa".into(), "named"),
        ("1234567".into(), "build"),
        ("0A1B2C3".into(), "version"),
        ("20240131".into(), "date"),
        ("2024-01-31".into(), "date"),
        ("2024-01-31-slim".into(), "date"),
        ("2024-1-31".into(), "version"),
        ("2024-01-310".into(), "version"),
        ("2024-0x-31".into(), "version"),
        ("2024x01-31".into(), "version"),
        ("2024-01x31".into(), "version"),
        ("RELEASE.2024-01-31T20-20-33Z".into(), "date"),
        ("2024-01-31T20-20-33".into(), "date"),
        ("20240131-2020".into(), "date"),
        ("20240131T202033Z".into(), "date"),
        ("202401312020".into(), "date"),
        ("20240131202033".into(), "date"),
        ("2024013120".into(), "date"),
        ("v20240131.1.2".into(), "date"),
        ("18991231".into(), "build"),
        ("19000101".into(), "date"),
        ("20991231".into(), "date"),
        ("21000101".into(), "build"),
        ("20241301".into(), "build"),
        ("20240001".into(), "build"),
        ("20240132".into(), "build"),
        ("20240100".into(), "build"),
        ("202401310".into(), "build"),
        ("1694132169".into(), "build"),
        ("12345".into(), "build"),
        ("1234".into(), "version"),
        ("12345.1".into(), "version"),
        ("1.2.3".into(), "version"),
        ("V1".into(), "version"),
        ("amd64-1.2.3".into(), "version"),
        ("v.1.2".into(), "version"),
        ("v".into(), "named"),
        ("latest".into(), "named"),
        ("alpine3.19".into(), "named"),
        ("php8.3-fpm".into(), "named"),
        ("-1".into(), "named"),
        (String::new(), "named"),
        (".1".into(), "named"),
        ("pr-13721".into(), "named"),
        ("PR_12".into(), "named"),
        ("build-mr-12".into(), "named"),
        ("dependabot-2024-01-31".into(), "named"),
        ("spr-12".into(), "version"),
        ("999999999999999999.0.0".into(), "version"),
        ("1000000000000000000.0.0".into(), "too large"),
        ("000000000000000000000001.0.0".into(), "version"),
        ("1.2.3-r999999999999999999".into(), "version"),
        ("1.2.3-r1000000000000000000".into(), "too large"),
        ("1.2.3-rc.10000000000000000000".into(), "too large"),
        ("1.2.3-foo10000000000000000000".into(), "version"),
        ("20240131.10000000000000000000".into(), "too large"),
        ("20240131.999999999999999999".into(), "date"),
        ("2024-+1-31".into(), "version"),
        ("1.2.3-ls1-20240131T000000000000000000000Z".into(), "version"),
        ("1.2.3-🎉".into(), "version"),
        ("1.2.3\0".into(), "version"),
        ("ü1.2".into(), "named"),
    ];
    for (text, expected) in cases {
        assert_eq!(class(&text), expected, "{text}");
    }
}

#[test]
fn a_version_has_parts() {
    let cases = [
        ("1.25.3", ("", "", "1.25.3", "")),
        ("amd64-V1.25.3-rc.1", ("amd64-", "V", "1.25.3", "-rc.1")),
        ("libtorrentv1-5.2.3_v1.2.20-ls126", ("libtorrentv1-", "", "5.2.3", "_v1.2.20-ls126")),
        ("base-devel-20240101", ("base-devel-", "", "20240101", "")),
        ("RELEASE.2024-01-31T20-20-33Z.fips", ("RELEASE.", "", "2024-01-31T20-20-33Z", ".fips")),
        ("pg14-v0.2.0", ("pg14-", "v", "0.2.0", "")),
        ("windows-2019-3.1.8", ("windows-2019-", "", "3.1.8", "")),
        ("windows-2019-3", ("windows-", "", "2019", "-3")),
        ("windows-2019-v3.1.8", ("windows-2019-", "v", "3.1.8", "")),
        ("windows-v2019-3.1.8", ("windows-v2019-", "", "3.1.8", "")),
        ("windows-2019_3.1.8", ("windows-2019_", "", "3.1.8", "")),
        ("arm-v6-v1.2.3-rc1", ("arm-v6-", "v", "1.2.3", "-rc1")),
        ("ubuntu-22.04-v1.2.3", ("ubuntu-22.04-", "v", "1.2.3", "")),
        ("ubuntu-22.04_v1.2.3", ("ubuntu-22.04_", "v", "1.2.3", "")),
        ("amd64-v1.2-3.4", ("amd64-", "v", "1.2", "-3.4")),
        ("windows-2019-v3", ("windows-", "", "2019", "-v3")),
        ("2019-3.1.8", ("", "", "2019", "-3.1.8")),
        ("v2ray-1.2", ("", "v", "2", "ray-1.2")),
        ("1..2", ("", "", "1", "..2")),
        ("20240131-2020", ("", "", "20240131-2020", "")),
        ("20240131-202033", ("", "", "20240131-202033", "")),
        ("20240131-2020abc", ("", "", "20240131", "-2020abc")),
        ("20240131-202033f9", ("", "", "20240131", "-202033f9")),
        ("20240131-2020ab", ("", "", "20240131-2020", "ab")),
        ("20240131T2020Z", ("", "", "20240131T2020Z", "")),
        ("20240131T202033Z", ("", "", "20240131T202033Z", "")),
        ("20240131T202033", ("", "", "20240131", "T202033")),
        ("2024-01-31T20x20-33Z", ("", "", "2024-01-31", "T20x20-33Z")),
        ("2024-01-31T20-20-3xZ", ("", "", "2024-01-31", "T20-20-3xZ")),
        ("2024-01-31T+2-20-33Z", ("", "", "2024-01-31", "T+2-20-33Z")),
        ("1.2.", ("", "", "1.2", ".")),
        ("r1070-ls46", ("r", "", "1070", "-ls46")),
        ("full-b9990", ("full-b", "", "9990", "")),
        ("r1070-5.2.3", ("r1070-", "", "5.2.3", "")),
        ("r1070-5", ("r", "", "1070", "-5")),
    ];
    for (text, parts) in cases {
        let version = Version::read(text).unwrap();
        assert_eq!((version.prefix, version.v, version.number, version.suffix), parts, "{text}");
        assert_eq!(version.to_string(), text);
    }
}

#[test]
fn what_a_version_says_of_itself() {
    let read = |text| Version::read(text).unwrap();
    assert!(read("1.2.3").is_full() && read("1.2.3-alpine").is_full() && read("20240131").is_full());
    assert!(read("12345").is_full() && !read("1.2").is_full() && !read("1").is_full());
    assert_eq!([read("1.2.3.4"), read("1"), read("12345"), read("20240131")].map(|v| v.components()), [4, 1, 1, 4]);
    assert_eq!(read("1.2.3-alpine-slim-ls1").literals(), 2);
    assert!(read("1.6.0-alpha").same_channel(&read("1.8.0-ALPHA")));
    for (one, other) in [
        ("1.6.0-alpha", "1.6.0-beta"),
        ("1.6.0-alpha1", "1.6.0-alpha1"),
        ("1.6.0", "1.6.0"),
        ("1.0-rc-dev1", "1.0-rc-dev1"),
    ] {
        assert!(!read(one).same_channel(&read(other)), "{one} {other}");
    }
    assert_eq!(read("1.2_13").integer().map(|n| n.iter().collect::<Vec<_>>()), Some(vec![13]));
    assert!(read("1.2").integer().is_none());
    assert!(read("25.2.2.39").numbers().continues(read("25.2.2").numbers()));
    assert!(!read("25.2.3.39").numbers().continues(read("25.2.2").numbers()));
}
