//! Other ways to count: letters, years, build numbers, commits.

use super::*;

#[test]
fn a_letter_before_a_build_number_decides() {
    use Strategy::{All, Minor, Patch};
    let cases: [(&str, &[&str], Strategy, Option<&str>); 9] = [
        ("r1070-ls46", &["r1295-ls90", "r1270-ls60", "version-r1295", "amd64-r1300-ls91"], All, Some("r1295-ls90")),
        ("r1070-ls46", &["r1295-ls90", "r1070-ls47"], Minor, Some("r1070-ls47")),
        ("b1989", &["b2040", "b2041.1", "b654321", "2050"], All, Some("b2040")),
        ("full-b9990", &["full-b12003", "full-cuda-b12004", "b12005"], All, Some("full-b12003")),
        ("full-b9990", &["full-b12003"], Patch, None),
        ("r1989", &["r1990", "r2024"], All, Some("r2024")),
        ("b200", &["b201", "b2000"], All, None),
        ("r36.2", &["r36.4"], All, None),
        ("b654321", &["b754321"], All, None),
    ];
    for (running, list, strategy, expected) in cases {
        assert_eq!(chosen(running, list, strategy).as_deref(), expected, "{running} in {list:?} under {strategy}");
    }
}

#[test]
fn a_number_right_before_a_version_names_a_thing() {
    let cases: [(&str, &[&str], Option<&str>); 10] = [
        ("windows-2019-v1.2.3", &["windows-2022-v1.2.4", "windows-2019-v1.2.4"], Some("windows-2019-v1.2.4")),
        ("windows-2019_1.2.3", &["windows-2022_1.2.4", "windows-2019_1.2.4"], Some("windows-2019_1.2.4")),
        ("debian-11-v1.2.3", &["debian-12-v1.2.3", "debian-12-v1.2.4"], None),
        ("eu-1-v1.2.3", &["eu-2-v1.2.3", "eu-1-v1.3.0"], Some("eu-1-v1.3.0")),
        ("arm-v6-1.2.3", &["arm-v7-1.2.4", "arm-v6-1.2.4"], Some("arm-v6-1.2.4")),
        ("arm-v6-v1.2.3", &["arm-v7-v1.2.4", "arm-v6-1.2.4"], Some("arm-v6-1.2.4")),
        ("ubuntu-22.04-v1.2.3", &["ubuntu-24.04-v1.2.4", "ubuntu-22.04-v1.2.4"], Some("ubuntu-22.04-v1.2.4")),
        ("alpine-3.18_v1.2.3", &["alpine-3.19_v1.2.4"], None),
        // A version that another part's follows.
        ("libtorrentv1-5.2.3_v1.2.20", &["libtorrentv1-5.2.4_v1.2.20"], Some("libtorrentv1-5.2.4_v1.2.20")),
        ("amd64-v1.2.3", &["amd64-v1.2.4", "arm64-v1.2.5"], Some("amd64-v1.2.4")),
    ];
    for (running, list, expected) in cases {
        assert_eq!(chosen(running, list, Strategy::All).as_deref(), expected, "{running} in {list:?}");
        assert_eq!(chosen(running, list, Strategy::Minor).as_deref(), expected, "{running} in {list:?} under MINOR");
    }
}

#[test]
fn years_of_two_digits_are_no_majors() {
    let cases: [(&str, &[&str], Option<&str>); 20] = [
        ("4.6.2", &["4.6.3", "20.04.1"], Some("4.6.3")),
        ("4.6.2", &["v4.6.3", "v20.04.1"], Some("v4.6.3")),
        ("4.6", &["4.7", "20.04"], Some("4.7")),
        // Without a month that is written with a zero, these are versions.
        ("4.6.2", &["4.6.3", "20.4.1"], Some("20.4.1")),
        ("4.6.2", &["4.6.3", "20.11.1"], Some("20.11.1")),
        // One with a zero tells of the others.
        ("4.6.2", &["4.6.3", "20.11.1", "19.04.0"], Some("4.6.3")),
        // What occurs in another form too is a major.
        ("12.0.1", &["12.01.3"], Some("12.01.3")),
        ("11.5.0", &["12.0.1", "12.01.3"], Some("12.01.3")),
        ("11.5.0", &["12.01.3"], None),
        ("28.5.1", &["29.1.2", "29.11.0", "18.09.9"], Some("29.11.0")),
        ("28.5.1", &["29.11.0", "18.09.9"], None),
        ("28.5.1", &["29.1.2", "18.09.9"], Some("29.1.2")),
        // From a year everything can be reached, also when nothing else says that it is one.
        ("19.03.5", &["25.0.1", "19.03.6", "20.10.1"], Some("25.0.1")),
        ("20.10.1", &["25.0.1", "19.03.6"], Some("25.0.1")),
        // The running tag speaks for its own first component.
        ("20.4.1", &["20.04.2", "19.03.1"], Some("20.04.2")),
        // Another family says nothing: variant, precision, prefix.
        ("4.6.2", &["20.11.1", "20.04.1-alpine", "20.04", "a-20.04.1"], Some("20.11.1")),
        ("4.6.2", &["20.11.1", "19.04.1-rc1"], None),
        ("4.6.2", &["20.11.1", "20.4.1-rc1", "19.04.1-rc1"], Some("20.11.1")),
        ("4.6.2", &["20.04.1"], None),
        ("4.6.2", &["20.00.1", "20.13.1"], Some("20.13.1")),
    ];
    for (running, list, expected) in cases {
        assert_eq!(chosen(running, list, Strategy::All).as_deref(), expected, "{running} in {list:?}");
    }
    let narrow = Policy { exclude: Some(Pattern::regex(r"^19\.").unwrap()), ..Policy::of(Strategy::All) };
    let list = ["4.6.3", "20.11.1", "19.04.0"];
    assert_eq!(chosen_by("4.6.2", &list, &narrow).as_deref(), Some("4.6.3"), "what is narrowed away tells too");
    assert_eq!(verdicts("4.6.2", &list, &narrow), ["taken", "counted_year", "counted_year"]);
}

#[test]
fn other_schemes_within_a_number_are_refused() {
    let windows = ["10.0.17763.1158", "10.0.17763.5329", "10.0.20348.2322", "10.0.26100.1742"];
    let cases: [(&str, &[&str], Option<&str>); 11] = [
        (windows[0], &windows, Some(windows[1])),
        (windows[1], &windows, None),
        ("1.4.11", &["1.4.12", "1.20231118.0", "1.20231216.1"], Some("1.4.12")),
        ("1.4.11", &["1.20231118.0"], None),
        ("2023.6.20241010.0", &["2023.6.20241111.0", "2023.7.0.0"], Some("2023.6.20241111.0")),
        ("2018.03.0.20230404.0", &["2023.6.20241010.0"], None),
        ("1.4.1747218906", &["1.5.1755695350", "1.6.0"], Some("1.5.1755695350")),
        ("1.6.1", &["1.7.0", "1.7.0rc1", "5480.0.0", "5512.0.0"], Some("1.7.0")),
        ("998.1.0", &["1002.0.0"], Some("1002.0.0")),
        ("5480.0.0", &["5512.0.0", "1.7.0"], Some("5512.0.0")),
        // What is dropped tells nothing of the number behind the version (S4.6).
        ("4.0.5-22", &["4.0.4-22", "4.0.6-24", "4.20240131.0-1", "5512.0.0-3"], None),
    ];
    for (running, list, expected) in cases {
        assert_eq!(chosen(running, list, Strategy::All).as_deref(), expected, "{running} in {list:?}");
    }
    let list = ["4.0.4-22", "4.0.6-24", "20.04.1-1"];
    assert_eq!(chosen("4.0.5-22", &list, Strategy::All), None, "nor does a year");
}

#[test]
fn counted_builds_decide() {
    use Strategy::{All, Minor, Patch};
    let cases: [(&str, &[&str], Strategy, Option<&str>); 31] = [
        // S4, row 4: cumulative updates count, CUDA is a variant.
        ("v0.6.0-cu11", &["v0.6.0-cu12", "v0.6.1-cu11", "v0.6.1-cu12"], Patch, Some("v0.6.1-cu11")),
        ("v0.6.0-cu11", &["v0.6.0-cu12"], All, None),
        // So are a system and a graphics card (S3.6).
        ("2.1.0-r35.2.1", &["2.1.0-r36.2.1", "2.1.0-r36.4.0"], All, None),
        ("2.1.0-r35.2.1", &["2.2.0-r36.2.1", "2.1.1-r35.2.1"], All, Some("2.1.1-r35.2.1")),
        ("24.01-u22.04", &["24.02-u24.04", "24.02-u22.04"], All, Some("24.02-u22.04")),
        ("v0.5.1-cu128-b200", &["v0.5.1-cu128-b300", "v0.5.2-cu128-b200"], All, Some("v0.5.2-cu128-b200")),
        ("2.20.1.2-b2", &["2.20.1.3-b3", "2.21.0.0-b545"], Minor, Some("2.21.0.0-b545")),
        // A build that is attached is no beta.
        ("1.300032.3b392", &["1.300033.0b462", "1.300049.1b929"], Minor, Some("1.300049.1b929")),
        ("1.300032.3", &["1.300033.0b462"], All, None),
        ("2022-CU7", &["2022-CU14", "2022-CU9"], Patch, Some("2022-CU14")),
        ("2.5.0-cu121", &["2.5.1-cu124", "2.5.1-cu118"], All, None),
        ("2.5.0-cu121", &["2.5.1-cu124", "2.5.1-cu121"], All, Some("2.5.1-cu121")),
        // S4, row 5: seconds since 1970.
        (
            "9.6-1747218906",
            &["9.6-1755695350", "9.6-1752587672", "9.7-1762180032", "9.6"],
            Patch,
            Some("9.6-1755695350"),
        ),
        ("9.6-1747218906", &["9.6-1755695350", "9.7-1762180032"], Minor, Some("9.7-1762180032")),
        ("9.6-1747218906", &["9.6-20260131", "9.6-9755695350"], All, None),
        // S4, row 7: a version at the end, unless it is one of a platform.
        ("8.3-fpm-v2.1.0", &["8.3-fpm-v2.1.1", "8.3-cli-v2.1.2"], Patch, Some("8.3-fpm-v2.1.1")),
        ("8.3-fpm-v2.1.0", &["8.3-fpm-v2.2.0"], Patch, None),
        ("8.3-fpm-v2.1.0", &["8.3-fpm-v2.2.0", "8.4-fpm-v2.0.0"], Minor, Some("8.4-fpm-v2.0.0")),
        ("1.8.0-kubernetes-v1.31", &["1.8.1-kubernetes-v1.32", "1.8.0-kubernetes-v1.32"], All, None),
        ("1.8.0-kubernetes-v1.31", &["1.8.1-kubernetes-v1.31"], All, Some("1.8.1-kubernetes-v1.31")),
        // S6: the second version is free when the number differs, and the strategy's choice goes first.
        ("2.1.4-1.3", &["2.1.5-1.0"], All, Some("2.1.5-1.0")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.3", "2.2.7-v1.9.1", "2.2.7-v1.8.2"], Patch, Some("2.2.7-v1.8.3")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.3", "2.2.7-v1.9.1", "2.2.7-v2.0.0"], Minor, Some("2.2.7-v1.9.1")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.3", "2.2.7-v1.9.1", "2.2.7-v2.0.0"], All, Some("2.2.7-v2.0.0")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.3", "2.2.8-v1.9.1"], Patch, Some("2.2.8-v1.9.1")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.0", "2.2.7-v1.9.1"], Patch, Some("2.2.7-v1.9.1")),
        ("2.2.6-v1.8.1", &["2.2.7-v1.8.1", "2.2.7-v1.9.1"], Patch, Some("2.2.7-v1.8.1")),
        ("2.2.6-v1.8.1", &["2.2.7-rc1-v1.8.2", "2.2.7-v1.9.1"], Patch, Some("2.2.7-v1.9.1")),
        // S6: both end in seconds.
        ("8.8-1014.1694622869", &["8.8-1072.1697626218"], Patch, Some("8.8-1072.1697626218")),
        ("8.8-1014.1694622869", &["8.8-1072.5"], Patch, None),
        ("8.8-1014", &["8.8-1072.1697626218"], Patch, None),
    ];
    for (running, list, strategy, expected) in cases {
        assert_eq!(chosen(running, list, strategy).as_deref(), expected, "{running} in {list:?} under {strategy}");
    }
    let seconds = ["2.2.7-v1.8.3", "2.2.7-v1.9.1", "2.2.7-v1.8.2", "2.2.7-v1.7.0"];
    assert_eq!(verdicts("2.2.6-v1.8.1", &seconds, &Policy::of(Patch)), ["taken", "behind_second", "lower", "lower"]);
    assert_eq!(verdicts("2.2.6-v1.8.1", &seconds, &Policy::of(All)), ["lower", "taken", "lower", "lower"]);
}

#[test]
fn a_commit_behind_a_date_is_no_time_of_day() {
    for (running, newer) in [
        ("v20240501-1813d1c56", "v20240601-00f4a215d"),
        ("v20240601-00f4a215d", "v20240701-202033f9a"),
        ("20240501-1813d1c", "20240601-5e6f7a8"),
    ] {
        assert_eq!(chosen(running, &[newer], Strategy::All).as_deref(), Some(newer), "{running}");
        assert_eq!(chosen(newer, &[running], Strategy::All), None, "{newer}");
    }
}

#[test]
fn builds_of_one_commit_decide() {
    let cases: [(&str, &[&str], Option<&str>); 12] = [
        ("33acdda4-ls73", &["b9e2cafd-ls153", "33acdda4-ls72", "33acdda4-ls74", "33acdda4"], Some("33acdda4-ls74")),
        ("5e6f7a8-20250105", &["5e6f7a8-20250112", "6e6f7a8-20250119"], Some("5e6f7a8-20250112")),
        ("5e6f7a8-1747218906", &["5e6f7a8-1755695350"], Some("5e6f7a8-1755695350")),
        ("g5e6f7a8-ls1", &["g5e6f7a8-ls2"], Some("g5e6f7a8-ls2")),
        ("5e6f7a8-jre", &["5e6f7a8-jre-security-01"], Some("5e6f7a8-jre-security-01")),
        ("9d8c7b6-8", &["9d8c7b6-11", "9d8c7b6-8"], None),
        ("9d8c7b6-8-ls1", &["9d8c7b6-11-ls2", "9d8c7b6-8-ls2"], Some("9d8c7b6-8-ls2")),
        ("9d8c7b6-1.2", &["9d8c7b6-1.3"], None),
        ("33acdda4-ls73", &["33acdda4-ls74-rc1", "33acdda4-rc1-ls74"], None),
        ("33acdda4-rc1", &["33acdda4-rc2"], None),
        ("33acdda4", &["33acdda4-ls74"], None),
        ("main-33acdda4-ls73", &["main-33acdda4-ls74"], None),
    ];
    for (running, list, expected) in cases {
        for strategy in [Strategy::All, Strategy::Patch] {
            assert_eq!(chosen(running, list, strategy).as_deref(), expected, "{running} in {list:?} under {strategy}");
        }
    }
    let all = Policy::of(Strategy::All);
    let list = ["33acdda4-ls73", "b9e2cafd-ls153", "33acdda4", "33acdda4-ls74-rc1", "33acdda4-r1", "1.2.3", "latest"];
    assert_eq!(
        verdicts("33acdda4-ls73", &list, &all),
        ["running", "other_commit", "commit", "commit", "other_variant", "other_scheme", "named"]
    );
    assert_eq!(verdicts("9d8c7b6-8", &["9d8c7b6-11"], &all), ["maybe_variant"]);
    let tags: TagList = list.iter().collect();
    assert_eq!(decide("33acdda4-ls73", &tags, &all, NOW).outcome(), Outcome::UpToDate);
    for uncounted in ["71b5a2c-standard-arm64", "71b5a2c"] {
        let outcome = decide(uncounted, &tags, &all, NOW).outcome();
        assert_eq!(outcome, Outcome::NoVersion(Verdict::Commit), "{uncounted}");
    }
}
