use std::cmp::Ordering;

use proptest::prelude::*;

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

/// S3.6: `r` and `b` before four digits or more, and nothing but a separator behind them.
#[test]
fn a_letter_may_count_builds() {
    let cases = [
        ("r1070-ls46", "build"),
        ("b1989", "build"),
        ("full-b9990", "build"),
        ("server_cuda-b12003_x", "build"),
        ("r2024", "build"),
        ("r20240115-ls3", "build"),
        ("b200", "named"),
        ("b200-1.2.3", "version"),
        ("r36.2", "named"),
        ("r1070.2", "named"),
        ("r1070x", "named"),
        ("R1070", "named"),
        ("B1989", "named"),
        ("rb1989", "named"),
        ("RELEASE.r1070", "named"),
        ("a.b-r1070", "named"),
        ("pr-r1070", "named"),
        ("b654321", "commit"),
        ("dev-b654321", "commit"),
        ("dev-b654321-ls1", "commit"),
        ("dev-r654321", "build"),
        ("r999999999999999999", "build"),
        ("r1000000000000000000", "too large"),
        ("33acdda4-ls73", "commit"),
    ];
    for (text, expected) in cases {
        assert_eq!(class(text), expected, "{text}");
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
        ("windows-v2019-3.1.8", ("windows-", "v", "2019", "-3.1.8")),
        ("2019-3.1.8", ("", "", "2019", "-3.1.8")),
        ("v2ray-1.2", ("", "v", "2", "ray-1.2")),
        ("1..2", ("", "", "1", "..2")),
        ("20240131-2020", ("", "", "20240131-2020", "")),
        ("20240131-202033", ("", "", "20240131-202033", "")),
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

fn items(text: &str) -> Vec<String> {
    let numbers = |value: Numbers<'_>| value.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(".");
    let one = |item: Item<'_>| match item {
        Item::Stage { stage, value, .. } => {
            format!("{stage:?} {}", value.map(numbers).unwrap_or_default()).trim_end().to_owned()
        }
        Item::Post { value } => format!("Post {}", numbers(value)),
        Item::Counter { separator, name, value } => format!("{separator}{name}={}", numbers(value)),
        Item::Date { separator, value } => format!("{separator}date {}", numbers(value)),
        Item::Seconds { separator, value } => format!("{separator}seconds {}", numbers(value)),
        Item::Hexadecimal { separator } => format!("{separator}hex"),
        Item::SecondVersion { separator, value, count } => format!("{separator}second/{count} {}", numbers(value)),
        Item::Integer { separator, value } => format!("{separator}integer {}", numbers(value)),
        Item::Literal { separator, text } => format!("{separator}{text:?}"),
    };
    Version::read(text).unwrap().items().map(one).collect()
}

#[test]
fn a_suffix_is_cut_into_items() {
    let cases: [(&str, &[&str]); 67] = [
        ("1.2.3", &[]),
        ("1.2.3-alpine3.19", &["-\"alpine3.19\""]),
        ("1.2.3-rc.1", &["Candidate 1"]),
        ("1.2.3-RC1-alpine", &["Candidate 1", "-\"alpine\""]),
        ("1.2.3rc1", &["Candidate 1"]),
        ("1.2.3-rc", &["Candidate"]),
        ("1.2.3-rc-20240131", &["Candidate 2024.1.31.0"]),
        ("1.2.3-rc1.2.x", &["Candidate 1.2", ".\"x\""]),
        ("1.2.3-rc1.2x", &["Candidate 1", ".\"2x\""]),
        ("1.2.3-rc12x", &["-\"rc12x\""]),
        ("1.2.3-rc-5abc", &["Candidate", "-\"5abc\""]),
        ("1.2.3-cr1", &["Candidate 1"]),
        ("1.2.3-c1", &["-\"c1\""]),
        ("1.2.3-a1", &["-\"a1\""]),
        ("1.2.3-b1x", &["-\"b1x\""]),
        ("3a1", &["\"a1\""]),
        ("1.2.3-v2", &["-\"v2\""]),
        ("1.2.3c1", &["Candidate 1"]),
        ("1.2.3a1", &["Alpha 1"]),
        ("1.2.3b1", &["Beta 1"]),
        ("1.2.3B1", &["B=1"]),
        ("3b1", &["b=1"]),
        ("1.2.3-b12", &["-b=12"]),
        ("1.2.3_b12", &["_\"b12\""]),
        ("1.2.3a", &["\"a\""]),
        ("1.2.3-alpha.2", &["Alpha 2"]),
        ("1.2.3-beta", &["Beta"]),
        ("1.2.3-betax", &["-\"betax\""]),
        ("1.2.3-M1", &["Milestone 1"]),
        ("1.2.3-M", &["-\"M\""]),
        ("1.2.3-M-1", &["-\"M\"", "-\"1\""]),
        ("1.2.3-milestone2", &["Milestone 2"]),
        ("1.2.3-preview.1", &["Preview 1"]),
        ("1.2.3-prerelease", &["Preview"]),
        ("1.2.3-pre1", &["Preview 1"]),
        ("10-ea-32-jdk", &["Preview 32", "-\"jdk\""]),
        ("1.2.3-eap1", &["Preview 1"]),
        ("1.2.3tp2", &["Preview 2"]),
        ("1.2.3-tp2", &["-\"tp2\""]),
        ("1.2.3tp", &["\"tp\""]),
        ("1.2.3-dev9", &["Development 9"]),
        ("1.2.3-dev", &["-\"dev\""]),
        ("1.2.3-nightly-20240131", &["Development 2024.1.31.0"]),
        ("1.2.3-wip.3", &["Development 3"]),
        ("3.13-debian13-dev", &["-\"debian13\"", "-\"dev\""]),
        ("1.2.3-security-01", &["Post 1"]),
        ("1.2.3-security", &["-\"security\""]),
        ("1.2.3-patch2-r3", &["Post 2", "-r=3"]),
        ("1.2.3-ls45", &["-ls=45"]),
        ("8u342-alpine", &["u=342", "-\"alpine\""]),
        ("1.2.3-ce.0", &["-ce=0"]),
        ("1.2.3-rke2r1", &["-rke2r=1"]),
        ("1.2.3+k3s1", &["+k3s=1"]),
        ("1.2.3-r", &["-\"r\""]),
        ("1.2.3-r1x", &["-\"r1x\""]),
        ("1.2.3-20240131", &["-date 2024.1.31.0"]),
        ("1.2.3-20240131-2020", &["-date 2024.1.31.202000"]),
        ("1.2.3-20240131-2020x", &["-date 2024.1.31.0", "-\"2020x\""]),
        ("1.2.3-0a1b2c3", &["-hex"]),
        ("1.2.3-g0a1b2c3.x", &["-hex", ".\"x\""]),
        ("1.2.3-7654321", &["-hex"]),
        ("16-3.4", &["-second/2 3.4"]),
        ("16-v3.4.1.x", &["-second/3 3.4.1", ".\"x\""]),
        ("21.0.2_13", &["_integer 13"]),
        ("21.0.2_13-jre-5", &["_integer 13", "-\"jre\"", "-\"5\""]),
        ("1.2.3-rc1-13", &["Candidate 1", "-integer 13"]),
        ("1.2.3-", &["-\"\""]),
    ];
    for (text, expected) in cases {
        assert_eq!(items(text), expected, "{text}");
    }
}

#[test]
fn what_counts_in_a_suffix_is_told_from_what_names() {
    let cases: [(&str, &[&str]); 33] = [
        ("2022-CU7-ubuntu-22.04", &["-CU=7", "-\"ubuntu\"", "-\"22.04\""]),
        ("2022-CU.14", &["-CU=14"]),
        ("2.5.1-cu121", &["-\"cu121\""]),
        ("2.5.1-cu.121", &["-\"cu.121\""]),
        ("2.5.1-ee121", &["-ee=121"]),
        ("9.6-1747218906", &["-seconds 1747218906"]),
        ("9.6-1262304000", &["-seconds 1262304000"]),
        ("9.6-1262303999", &["-hex"]),
        ("9.6-2051222399", &["-seconds 2051222399"]),
        ("9.6-2051222400", &["-hex"]),
        ("9.6-17472189060", &["-hex"]),
        ("9.6-174721890", &["-hex"]),
        ("9.6-2024013120", &["-date 2024.1.31.200000"]),
        ("9.6-1747218906x", &["-\"1747218906x\""]),
        ("9.6-slim-1747218906.2", &["-\"slim\"", "-seconds 1747218906", ".\"2\""]),
        ("9.6-rc.1747218906", &["Candidate 1747218906"]),
        ("8.8-1014.1694622869", &["-second/2 1014.1694622869"]),
        ("8.3-fpm-v2.1.0", &["-\"fpm\"", "-second/3 2.1.0"]),
        ("8.3-fpm-V2.1", &["-\"fpm\"", "-second/2 2.1"]),
        ("8.3-r5-fpm-v2.1", &["-r=5", "-\"fpm\"", "-second/2 2.1"]),
        ("8.3-golfer-v2.1", &["-\"golfer\"", "-second/2 2.1"]),
        ("8.3-fpm-v2.1-x", &["-\"fpm\"", "-\"v2.1\"", "-\"x\""]),
        ("8.3-fpm_v2.1", &["-\"fpm\"", "_\"v2.1\""]),
        ("8.3-fpm-2.1", &["-\"fpm\"", "-\"2.1\""]),
        ("8.3-fpm-v2", &["-\"fpm\"", "-\"v2\""]),
        ("8.3-r5-v2.1", &["-r=5", "-\"v2.1\""]),
        ("16-3.4-fpm-v2.1", &["-second/2 3.4", "-\"fpm\"", "-\"v2.1\""]),
        ("8.3-fpm-rc1-v2.1", &["-\"fpm\"", "Candidate 1", "-\"v2.1\""]),
        ("1.8.0-kubernetes-v1.31", &["-\"kubernetes\"", "-\"v1.31\""]),
        ("1.8.0-K8s-v1.31", &["-\"K8s\"", "-\"v1.31\""]),
        ("1.8.0-alpine3.19-v1.31", &["-\"alpine3.19\"", "-\"v1.31\""]),
        ("1.8.0-slim-jdk17-v1.31", &["-\"slim\"", "-\"jdk17\"", "-\"v1.31\""]),
        ("1.8.0-golang-v1.31", &["-\"golang\"", "-\"v1.31\""]),
    ];
    for (text, expected) in cases {
        assert_eq!(items(text), expected, "{text}");
    }
}

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
fn a_family_differs_by_what_must_stay() {
    let cases = [
        ("1.2.3", "1.2.4", None),
        ("1.2.3", "v1.2.4", None),
        ("1.2.3", "1.2.3.4", None),
        ("1.2.3-rc.1", "1.2.3", None),
        ("1.2.3-security-1", "1.2.4", None),
        ("1.2.3-ls1", "1.2.3-LS2", None),
        ("1.0.0-269-7b368146", "1.0.0-273-21d7efa6", None),
        ("1.2.3", "12345", Some(Difference::Scheme)),
        ("1.2.3", "20240131", Some(Difference::Scheme)),
        ("20240131", "2024-01-31", Some(Difference::Scheme)),
        ("20240131-2020", "20240131-202033", Some(Difference::Scheme)),
        ("1.2.3", "amd64-1.2.3", Some(Difference::Prefix("amd64-"))),
        ("amd64-1.2.3", "1.2.3", Some(Difference::Prefix(""))),
        ("1.2", "1.2.3", Some(Difference::Precision)),
        ("1", "1.2", Some(Difference::Precision)),
        ("2", "2023", Some(Difference::Year)),
        ("5.26.5", "2025.03.0", Some(Difference::Year)),
        ("1989.1", "1990.1", Some(Difference::Year)),
        ("2099.1", "2100.1", Some(Difference::Year)),
        ("1.2.3", "1.2.3-alpine", Some(Difference::Variant("-alpine"))),
        ("1.2.3-alpine", "1.2.3", Some(Difference::Variant(""))),
        ("1.2.3-alpine", "1.2.3-slim-x", Some(Difference::Variant("-slim-x"))),
        ("1.2.3-alpine", "1.2.3-rc.1-slim", Some(Difference::Variant("-slim"))),
        ("1.2.3-alpine", "1.2.3_alpine", Some(Difference::Variant("_alpine"))),
        ("1.2.3-ls1", "1.2.3", Some(Difference::Variant(""))),
        ("1.2.3-ls1", "1.2.3-r1", Some(Difference::Variant("-r1"))),
        ("1.2.3-ls1", "1.2.3_ls1", Some(Difference::Variant("_ls1"))),
        ("1.2.3-13", "1.2.3_13", Some(Difference::Variant("_13"))),
        ("1.2.3-20240131", "1.2.3_20240131", Some(Difference::Variant("_20240131"))),
        ("1.2.3-0a1b2c3", "1.2.3_0a1b2c3", Some(Difference::Variant("_0a1b2c3"))),
        ("16-3.4", "16-3.4.5", Some(Difference::Variant("-3.4.5"))),
        ("16-3.4", "16_3.4", Some(Difference::Variant("_3.4"))),
        ("r1070-ls46", "r1295-ls90", None),
        ("full-b9990", "full-b12003", None),
        ("r1070", "b1989", Some(Difference::Prefix("b"))),
        ("r1070", "12950", Some(Difference::Prefix(""))),
        ("r1070", "1295", Some(Difference::Scheme)),
        ("r1070", "r20240115-slim", Some(Difference::Variant("-slim"))),
        ("9.6-1747218906", "9.6-1755695350", None),
        ("9.6-1747218906", "9.6-20250131", Some(Difference::Variant("-20250131"))),
        ("9.6-1747218906", "9.6-1055695350", Some(Difference::Variant("-1055695350"))),
        ("8.3-fpm-v2.1.0", "8.4-fpm-v3.0.0", None),
        ("8.3-fpm-v2.1.0", "8.3-fpm-v2.1", Some(Difference::Variant("-v2.1"))),
        ("8.3-fpm-v2.1.0", "8.3-cli-v2.1.0", Some(Difference::Variant("-cli-v2.1.0"))),
        ("1.8.0-kubernetes-v1.31", "1.8.0-kubernetes-v1.32", Some(Difference::Variant("-v1.32"))),
        ("2022-CU7", "2022-CU14", None),
        ("2.5.1-cu121", "2.5.1-cu124", Some(Difference::Variant("-cu124"))),
    ];
    for (running, candidate, expected) in cases {
        let (one, other) = (Version::read(running).unwrap(), Version::read(candidate).unwrap());
        assert_eq!(one.difference(&other), expected, "{running} and {candidate}");
    }
}

#[test]
fn a_build_of_a_commit_meets_builds_of_that_commit() {
    let cases = [
        ("33acdda4-ls73", "33acdda4-ls74", None),
        ("33acdda4-ls73", "33acdda4-ls74-security-1", None),
        ("5e6f7a8-20250105", "5e6f7a8-20250112", None),
        ("5e6f7a8-1747218906", "5e6f7a8-1755695350", None),
        ("33acdda4-ls73", "b9e2cafd-ls153", Some(Difference::Commit)),
        ("33acdda4-ls73", "33acdda4_ls74", Some(Difference::Variant("_ls74"))),
        ("33acdda4-ls73", "33acdda4-r74", Some(Difference::Variant("-r74"))),
        ("33acdda4-ls73", "1.2.3-ls74", Some(Difference::Scheme)),
        ("9d8c7b6-8", "9d8c7b6-8", None),
        ("9d8c7b6-8", "9d8c7b6-11", Some(Difference::MaybeVariant("-11"))),
        ("9d8c7b6-1.2", "9d8c7b6-1.3", Some(Difference::MaybeVariant("-1.3"))),
        ("9d8c7b6-jre-v1.2", "9d8c7b6-jre-v1.3", Some(Difference::MaybeVariant("-v1.3"))),
    ];
    for (running, candidate, expected) in cases {
        let (one, other) = (Version::ordered(running).unwrap(), Version::ordered(candidate).unwrap());
        assert_eq!(one.difference(&other), expected, "{running} and {candidate}");
        assert_eq!(one.to_string(), running);
        if expected.is_none() {
            assert_eq!(one.level_to(&other), Level::Build, "{running} to {candidate}");
        }
    }
    for no_build in ["33acdda4", "33acdda4-ls73-rc1", "33acdda4-nightly3", "main-33acdda4-ls73", "33acdda4-ls73.sig"] {
        assert_eq!(Version::ordered(no_build), None, "{no_build}");
    }
    assert_eq!(Version::ordered("33acdda4-r1000000000000000000"), None);
    assert_eq!(Version::read("33acdda4-ls73"), None, "it names no version");
    let read = |text| Version::ordered(text).unwrap();
    assert!(read("33acdda4-ls73").compare(&read("33acdda4-ls74")).is_lt());
    for counted in ["33acdda4-ls73", "33acdda4-post1", "5e6f7a8-20250105", "5e6f7a8-x-1747218906", "9d8c7b6-8"] {
        assert!(read(counted).has_values(), "{counted}");
    }
    assert!(!read("71b5a2c-standard-arm64").has_values() && !read("71b5a2c-71b5a2d").has_values());
    let version = read("1.2.3");
    assert_eq!(version.read_candidate("33acdda4-ls73"), Err(Class::Commit));
    assert_eq!(read("33acdda4-ls73").read_candidate("33acdda4"), Err(Class::Commit));
    assert_eq!(read("33acdda4-ls73").read_candidate("latest"), Err(Class::Named));
}

#[test]
fn a_number_may_be_counted_otherwise_in_a_place() {
    let cases = [
        ("1.4.11", "1.4.12", false),
        ("1.4.11", "1.20231118.0", true),
        ("1.20231118.0", "1.20231216.1", false),
        ("1.20231118.0", "2.0.0", true),
        ("2023.6.20241010.0", "2023.6.20241111.0", false),
        ("2018.03.0.20230404.0", "2023.6.20241010.0", true),
        ("1.4.11", "1.4.12.20231118", true),
        ("1.4.20231118", "1.4.20231118.1", false),
        ("1.4.2023111812", "1.4.1747218906", false),
        ("1.4.1747218906", "1.4.1755695350", false),
        ("1.4.1747218906", "1.5.0", true),
        ("1.4.20231318", "1.5.0", false),
        ("1.4.9747218906", "1.5.0", false),
        ("1.7", "1.20231118", true),
        ("1.6.1", "5512.0.0", true),
        ("99.0.0", "1000.0.0", true),
        ("99.0.0", "999.0.0", false),
        ("100.0.0", "1000.0.0", false),
        ("998.1.0", "1002.0.0", false),
        ("5512.0.0", "1.7.0", false),
        ("7", "1809", true),
        ("r1070", "r1295", false),
        ("noble-20240212", "noble-20240423", false),
    ];
    for (running, member, expected) in cases {
        let (one, other) = (Version::read(running).unwrap(), Version::read(member).unwrap());
        assert_eq!(one.counts_otherwise(&other), expected, "{running} to {member}");
    }
}

#[test]
fn a_year_of_two_digits_has_a_month() {
    let read = |text: &'static str| Numbers::Dotted(text).year_and_month().map(|date| (date.year, date.is_padded));
    for (text, expected) in [
        ("20.04.1", Some((20, true))),
        ("20.04", Some((20, true))),
        ("10.12", Some((10, false))),
        ("99.11.0", Some((99, false))),
        ("20.4", None),
        ("20.00", None),
        ("20.13", None),
        ("20.041", None),
        ("020.04", None),
        ("09.04", None),
        ("9.04", None),
        ("2020.04", None),
        ("20", None),
        ("", None),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(Version::read("20240131").unwrap().numbers().year_and_month(), None);
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
