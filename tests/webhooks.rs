//! The shared corpus of deliveries through the real route, by the command that people run, where it stands.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
fn the_shared_deliveries() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/webhooks");
    if !folder.is_dir() {
        eprintln!("skipped: no shared corpus at {}", folder.display());
        return;
    }
    let metas = metas(&folder);
    let (mut score, mut wrong): (BTreeMap<String, (usize, usize)>, Vec<String>) = Default::default();
    for (path, line) in metas.iter().zip(replay(&metas)) {
        let meta: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (status, expected) =
            (line.get("status").and_then(Value::as_u64), meta.get("expect_status").and_then(Value::as_u64));
        let answered = if expected == Some(200) { matches!(status, Some(200..300)) } else { status == expected };
        let right = answered && set(line.get("pushes").unwrap()) == set(meta.get("expect").unwrap());
        let (good, all) = score.entry(meta.get("registry").unwrap().as_str().unwrap().to_owned()).or_default();
        *good += usize::from(right);
        *all += 1;
        if !right {
            wrong.push(line.to_string());
        }
    }
    let by_registry: Vec<String> = score.iter().map(|(name, (good, all))| format!("{name} {good}/{all}")).collect();
    println!("{} of {} deliveries right: {}", metas.len() - wrong.len(), metas.len(), by_registry.join(", "));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
