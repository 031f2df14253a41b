//! The decision over cases, through the command that people run: our own, and the shared corpus where it stands.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Runs `image-watcher policy` over cases.
fn decide(cases: &[Value]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_image-watcher"))
        .arg("policy")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: Vec<String> = cases.iter().map(ToString::to_string).collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "one line out for each line in");
    answers
}

fn cases(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What differs from what is expected, one line each.
fn wrong(cases: &[Value], answers: &[Value]) -> Vec<String> {
    let line = |case: &Value, answer: &Value| format!("{}: {} expected, {answer}", case["id"], case["expect"]);
    let pairs = cases.iter().zip(answers);
    pairs.filter(|(case, answer)| case["expect"] != answer["tag"]).map(|(case, answer)| line(case, answer)).collect()
}

#[test]
fn our_own_cases() {
    let cases = cases(include_str!("policy/cases.jsonl"));
    let wrong = wrong(&cases, &decide(&cases));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The shared corpus, if it stands beside the project.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/policy");
    if folder.join("cases.jsonl").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: no shared corpus at {}", folder.display());
    None
}

#[test]
fn the_shared_corpus() {
    let Some(folder) = shared() else { return };
    let cases = cases(&std::fs::read_to_string(folder.join("cases.jsonl")).unwrap());
    let answers = decide(&cases);
    let mut score: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut contested = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let id = case["id"].as_str().unwrap();
        let right = case["expect"] == answer["tag"];
        if let Some(reason) = case["contested"].as_str() {
            let mark = if right { "as expected" } else { "otherwise" };
            contested.push(format!("  {id} {mark}: {} · {}\n      {reason}", answer["tag"], answer["reason"]));
            continue;
        }
        let class = id.split('-').nth(1).unwrap_or_default().to_owned();
        let (good, all) = score.entry(class).or_default();
        *good += usize::from(right);
        *all += 1;
    }
    let line = |(class, (good, all)): (&String, &(usize, usize))| format!("{class} {good}/{all}");
    println!("by class: {}", score.iter().map(line).collect::<Vec<_>>().join(", "));
    println!("contested:\n{}", contested.join("\n"));
    let uncontested: Vec<Value> = cases.iter().filter(|case| case["contested"].is_null()).cloned().collect();
    let wrong = wrong(&uncontested, &decide(&uncontested));
    println!("{} of {} uncontested cases right", uncontested.len() - wrong.len(), uncontested.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shared_large_lists() {
    let Some(folder) = shared() else { return };
    let folder = folder.join("biglists");
    let mut cases = cases(&std::fs::read_to_string(folder.join("expect.jsonl")).unwrap());
    for case in &mut cases {
        let list = std::fs::read_to_string(folder.join(case["list"].as_str().unwrap())).unwrap();
        case["tags"] = json!(list.lines().collect::<Vec<_>>());
    }
    let wrong = wrong(&cases, &decide(&cases));
    println!("{} of {} large lists right", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_input_is_answered_line_by_line() {
    let good = json!({"id": "good", "current": "1.2.3", "tags": ["1.2.4"], "strategy": "patch"});
    let with = |name: &str, value: Value| {
        let mut case = good.clone();
        case[name] = value;
        case
    };
    let rubbish: Vec<String> = (0..61_000).map(|n| format!("-{n}..\u{0}🎉{n}")).collect();
    let cases = [
        good.clone(),
        with("strategy", json!("PACTH")),
        with("options", json!({"include": "a".repeat(10_000)})),
        with("options", json!({"include": "((a{100}){100}){100}"})),
        with("options", json!({"exclude": "("})),
        with("options", json!({"glob": "[", "order": "semver"})),
        with("options", json!({"regex": "x", "order": "upwards"})),
        with("options", json!({"regex": "x", "glob": "x"})),
        with("options", json!({"track": "tag"})),
        with("current", json!("")),
        with("current", json!("1.2.99999999999999999999")),
        with("tags", json!(rubbish)),
        with("options", json!({"include": "^(([a-z0-9.]+)+)+$"})),
        good.clone(),
    ];
    let answers = decide(&cases);
    let brief: Vec<&str> =
        answers.iter().map(|a| a["error"].as_str().or(a["tag"].as_str()).unwrap_or("null")).collect();
    let expected = [
        "1.2.4",
        r#"strategy: "PACTH" is none of ALL, MAJOR, MINOR, PATCH"#,
        "options.include: a pattern has at most 1024 bytes, this one 10000",
        "options.include: this pattern is too large when it is compiled; use smaller counts",
        "options.exclude: unclosed group",
        r#"options.glob: a bracket of "[" is not closed"#,
        r#"options.order: "upwards" is none of alphabetical, numeric, semver, newest"#,
        "options: glob and regex can't both be set",
        r#"options.track: "tag" is none of version, digest"#,
        "null",
        "null",
        "null",
        "1.2.4",
        "1.2.4",
    ];
    assert_eq!(brief, expected);
}
