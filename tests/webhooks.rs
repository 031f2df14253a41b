//! Deliveries through the real route, by the command that people run: our own, and the shared corpus where it stands.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use image_watcher::config::source::SourceKind;
use serde_json::Value;

fn metas(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut metas: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(".meta.json")).collect();
    metas.sort();
    metas
}

/// Replays deliveries; one line of JSON for each.
fn replay(metas: &[PathBuf]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_image-watcher")).arg("webhook").args(metas).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), metas.len(), "{}", String::from_utf8_lossy(&output.stderr));
    lines
}

fn set(pushes: &Value) -> BTreeSet<String> {
    pushes
        .as_array()
        .into_iter()
        .flatten()
        .map(|push| {
            let field = |name: &str| push.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
            format!("{} {} {}", field("repository"), field("tag"), field("digest"))
        })
        .collect()
}

/// Whether a delivery was answered and understood as its description expects. Where that says 200, any success will do.
fn is_right(meta: &Value, line: &Value) -> bool {
    let (status, expected) = (line["status"].as_u64(), meta["expect_status"].as_u64());
    let answered = if expected == Some(200) { matches!(status, Some(200..300)) } else { status == expected };
    // Pushes of one repository, however it is spelt, are one look.
    let repositories: BTreeSet<&str> =
        line["pushes"].as_array().unwrap().iter().filter_map(|push| push["repository"].as_str()).collect();
    let looked = meta["looks"].as_u64().is_none_or(|looks| looks == u64::try_from(repositories.len()).unwrap());
    answered && looked && set(&line["pushes"]) == set(&meta["expect"])
}

/// Replays deliveries, prints one line for each and the score of each kind.
fn judge(metas: &[PathBuf]) {
    let (mut score, mut wrong): (BTreeMap<String, (usize, usize)>, Vec<String>) = Default::default();
    for (path, line) in metas.iter().zip(replay(metas)) {
        let meta: &Value = &serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let right = is_right(meta, &line);
        let (good, all) = score.entry(meta["registry"].as_str().unwrap().to_owned()).or_default();
        *good += usize::from(right);
        *all += 1;
        println!("{} {line}", if right { "right" } else { "WRONG" });
        if !right {
            wrong.push(format!("{line}, expected {} {}", meta["expect_status"], meta["expect"]));
        }
    }
    let by_kind: Vec<String> = score.iter().map(|(name, (good, all))| format!("{name} {good}/{all}")).collect();
    println!("{} of {} deliveries right: {}", metas.len() - wrong.len(), metas.len(), by_kind.join(", "));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Our own cases, a line each: a description with its body in it.
fn own_cases() -> Vec<Value> {
    include_str!("webhooks/cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn our_own_deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let keys = include_str!("webhooks/jwks.json");
    std::fs::write(folder.path().join("jwks.json"), keys).unwrap();
    let metas: Vec<PathBuf> = own_cases()
        .iter()
        .map(|case| {
            let name = case["name"].as_str().unwrap();
            let body = case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
            std::fs::write(folder.path().join(format!("{name}.json")), body).unwrap();
            let meta = folder.path().join(format!("{name}.meta.json"));
            std::fs::write(&meta, case.to_string()).unwrap();
            meta
        })
        .collect();
    judge(&metas);
}

#[test]
fn every_kind_has_a_case_that_is_taken_and_one_that_is_refused() {
    let cases = own_cases();
    for (kind, _) in SourceKind::ALL {
        let has = |statuses: std::ops::Range<u64>| {
            let of_kind = cases.iter().filter(|case| case["registry"] == *kind);
            of_kind.filter_map(|case| case["expect_status"].as_u64()).any(|status| statuses.contains(&status))
        };
        assert!(has(202..203) && has(400..500), "{kind}");
    }
}

#[test]
fn the_shared_deliveries() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/webhooks");
    if !folder.is_dir() {
        eprintln!("skipped: no shared corpus at {}", folder.display());
        return;
    }
    judge(&metas(&folder));
}

#[test]
fn a_description_that_is_none_is_told_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let meta =
        r#"{"registry":"native","headers":{"Authorization":"Bearer s"},"auth":{"scheme":"bearer"},"secret":"s"}"#;
    write("good.json", r#"{"name":"ghcr.io/acme/web","tag":"1.2.3"}"#);
    let metas = [
        write("bad.meta.json", "{"),
        write("nobody.meta.json", &meta.replace("native", "nobody")),
        write("alone.meta.json", meta),
        write("good.meta.json", meta),
    ];
    let output = Command::new(env!("CARGO_BIN_EXE_image-watcher")).arg("webhook").args(&metas).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().take(3).all(|line| line.contains("\"error\":")), "{text}");
    let expected =
        r#"{"name":"good","status":202,"pushes":[{"repository":"ghcr.io/acme/web","tag":"1.2.3","digest":null}]}"#;
    assert_eq!(lines.last(), Some(&expected));
}
