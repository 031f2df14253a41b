//! What stands behind a version.

use super::*;

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
    let cases: [(&str, &[&str]); 52] = [
        // CUDA is written in small letters, SQL Server's updates in capitals.
        ("0.6.0-cu11", &["-\"cu11\""]),
        ("0.6.0-cu.11", &["-\"cu.11\""]),
        ("0.6.0-Cu12", &["-\"Cu12\""]),
        ("2022-CU121", &["-\"CU121\""]),
        // A letter with a dotted number is a system, or NVIDIA's number a graphics card (S3.6).
        ("2.1.0-r35.2.1", &["-\"r35.2.1\""]),
        ("2.1.0-r8.6-x", &["-\"r8.6\"", "-\"x\""]),
        ("24.01-u22.04", &["-\"u22.04\""]),
        ("1.0.0-p1.2", &["-\"p1.2\""]),
        ("1.0.0-R36.4", &["-\"R36.4\""]),
        ("1.0.0-b12.1", &["-\"b12.1\""]),
        ("1.0.0-b200", &["-\"b200\""]),
        ("0.5.1-cu128-B300", &["-\"cu128\"", "-\"B300\""]),
        ("1.0.0-b12-jre", &["-b=12", "-\"jre\""]),
        ("1.0.0-b1200", &["-b=1200"]),
        ("2.21.0.0-b545", &["-b=545"]),
        ("1.0.0-b20240131", &["-b=2024.1.31.0"]),
        ("1.0.0-r5.x", &["-r=5", ".\"x\""]),
        // Attached, three digits are of a build: betas are not that many.
        ("1.300032.3b392", &["b=392"]),
        ("1.2.3b39", &["Beta 39"]),
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
