//! What has a number in the lists that this program is judged by, and the tests that show it: the negative cases of
//! notifications and answers, the faults that were found in use, bad input that was asked for by name, what an installation is
//! promised to be, what people expect of a command line, and what registries do that was met in the field. They stand in
//! `numbered/lists.txt`, a line each: number, what it is, and its tests, named by their file without its ending and their
//! function. A number is left out, or a test of one is gone, ignored or never run: this fails.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const LISTS: &str = include_str!("numbered/lists.txt");

struct List {
    name: &'static str,
    /// How many numbers there are.
    count: usize,
    rows: Vec<Row>,
}

struct Row {
    number: usize,
    what: &'static str,
    tests: Vec<&'static str>,
}

fn lists() -> Vec<List> {
    let list = |text: &'static str| {
        let (heading, rows) = text.split_once('\n').unwrap();
        let (name, count) = heading.rsplit_once(": ").unwrap();
        let rows = rows.lines().filter(|line| !line.is_empty()).map(row).collect();
        List { name, count: count.parse().unwrap(), rows }
    };
    LISTS.split("# ").skip(1).map(list).collect()
}

fn row(line: &'static str) -> Row {
    let [number, what, tests] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("no row: {line}") };
    Row { number: number.parse().unwrap(), what, tests: tests.split_whitespace().collect() }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The last part of a module's path: `mod.rs` has the name of its folder.
fn module(path: &Path) -> String {
    let stem = path.file_stem().unwrap().to_string_lossy();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    if stem == "mod" { folder.into_owned() } else { stem.into_owned() }
}

fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.trim_start().split_once("fn ")?;
    rest.split(['(', '<']).next()
}

/// The tests of a file that `cargo test` knows: functions after `#[test]` and its like that are not ignored.
fn known_to_cargo(text: &str) -> Vec<String> {
    let (mut all, mut is_test, mut is_ignored) = (Vec::new(), false, false);
    for line in text.lines() {
        let trimmed = line.trim_start();
        is_test |= trimmed.starts_with("#[test]") || trimmed.contains("::test]") || trimmed.contains("::test(");
        is_ignored |= trimmed.starts_with("#[ignore");
        if let Some(name) = function(line).filter(|_| is_test) {
            if !is_ignored {
                all.push(name.to_owned());
            }
            (is_test, is_ignored) = (false, false);
        }
    }
    all
}

/// The tests of a file that it hands to the harness of `tests/it`, as far as they are there.
fn known_to_the_harness(text: &str) -> Vec<String> {
    let Some((_, list)) = text.split_once("tests![") else { return Vec::new() };
    let listed = list.split(']').next().unwrap_or_default().split(',').map(str::trim);
    listed.filter(|name| !name.is_empty() && text.contains(&format!("async fn {name}("))).map(str::to_owned).collect()
}

/// All tests, as they are named above.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeSet::new();
    for path in [root.join("src"), root.join("tests")].iter().flat_map(|folder| sources(folder)) {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_handed_over = path.starts_with(root.join("tests/it")) || path.ends_with("quickstart.rs");
        let of_harness = is_handed_over.then(|| known_to_the_harness(&text));
        let names = of_harness.unwrap_or_else(|| known_to_cargo(&text));
        all.extend(names.into_iter().map(|name| format!("{}::{name}", module(&path))));
    }
    all
}

#[test]
fn the_lists_are_whole() {
    let lists = lists();
    assert_eq!(lists.iter().map(|list| list.count).collect::<Vec<_>>(), [45, 14, 17, 22, 16, 14, 8, 3, 7, 16, 38]);
    for List { name, count, rows } in lists {
        let numbers: Vec<usize> = rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{name}");
        let bare: Vec<&str> = rows.iter().filter(|row| row.tests.is_empty()).map(|row| row.what).collect();
        assert!(bare.is_empty(), "{name}, without a test: {bare:?}");
    }
}

#[test]
fn each_number_has_tests_that_run() {
    let known = tests();
    let mut gone = Vec::new();
    for List { name, rows, .. } in lists() {
        for Row { number, what, tests } in rows {
            let missing = tests.into_iter().filter(|test| !known.contains(*test));
            gone.extend(missing.map(|test| format!("{name} {number} ({what}): there is no test {test}")));
        }
    }
    assert!(gone.is_empty(), "{}", gone.join("\n"));
}

#[test]
fn a_test_is_one_that_runs() {
    let text = "#[test]\nfn runs() {}\n#[test]\n#[ignore]\nfn waits() {}\nfn helps() {}\n#[tokio::test(start_paused = true)]\nasync fn runs_too() {}";
    assert_eq!(known_to_cargo(text), ["runs", "runs_too"]);
    let harness = "tests![listed, gone]\nasync fn listed(ctx: Ctx) {}\nasync fn unlisted(ctx: Ctx) {}";
    assert_eq!(known_to_the_harness(harness), ["listed"]);
}
