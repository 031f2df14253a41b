//! What is another kind of thing.

use super::*;

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
        // Windows: what is made for another build of it does not start.
        ("10.0.17763.1158", "10.0.17763.5329", None),
        ("10.0.17763.1158", "10.0.20348.2322", Some(Difference::Variant("10.0.20348.2322"))),
        ("10.0.20348.2322-amd64", "10.0.17763.5329-amd64", Some(Difference::Variant("10.0.17763.5329"))),
        ("windows-10.0.17763.1158", "windows-10.0.20348.2322", Some(Difference::Variant("10.0.20348.2322"))),
        ("1.4.2-10.0.17763.1158", "1.4.3-10.0.20348.2322", Some(Difference::Variant("-10.0.20348.2322"))),
        ("1.4.2-10.0.17763.1158", "1.4.3-10.0.17763.5329", None),
        ("10.0.17763.1158", "11.0.17763.1158", None),
        ("10.0.1.1158", "10.0.2.1158", None),
        ("10.0.17763", "10.0.20348", None),
        ("10.0.17763.1158.2", "10.0.20348.2322.1", None),
        ("9.0.17763.1158", "9.0.20348.2322", None),
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
