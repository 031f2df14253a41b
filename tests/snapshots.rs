//! Snapshots are the words that people read, beside the tests that make them. Each one is of a test that there is, and none
//! waits to be looked at.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The test of a snapshot, by the file's own first lines and its name, and whether it is there.
fn is_of_a_test(snapshot: &Path) -> bool {
    let text = std::fs::read_to_string(snapshot).unwrap();
    let source = text.lines().find_map(|line| line.strip_prefix("source: ")).unwrap_or_default();
    let name = snapshot.file_stem().unwrap().to_string_lossy().into_owned();
    let test = name.rsplit("__").next().unwrap_or_default();
    let code = std::fs::read_to_string(root().join(source)).unwrap_or_default();
    code.contains(&format!("fn {test}()"))
}

#[test]
fn every_snapshot_is_of_a_test() {
    let snapshots: Vec<PathBuf> = files(&root().join("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "snap"))
        .collect();
    assert!(!snapshots.is_empty());
    let stray: Vec<&PathBuf> = snapshots.iter().filter(|path| !is_of_a_test(path)).collect();
    assert!(stray.is_empty(), "no test makes {stray:#?}");
}

#[test]
fn none_waits_to_be_looked_at() {
    let waits = |path: &PathBuf| path.extension().is_some_and(|end| end == "new");
    let waiting: Vec<PathBuf> = files(&root().join("src")).into_iter().filter(waits).collect();
    assert!(waiting.is_empty(), "look at these, and take them over or remove them: {waiting:#?}");
}
