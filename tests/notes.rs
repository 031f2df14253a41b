//! What release notes declare, over cases, through the command that people run: our own, and the shared corpus where it
//! stands. Cases that a reasonable gate may read otherwise are not counted.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Runs `image-watcher notes` over lines.
fn run(lines: &[String]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_image-watcher"))
        .arg("notes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = lines.to_vec();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What became of cases that count.
#[derive(Debug, Default)]
struct Score {
    positive: usize,
    negative: usize,
    missed: Vec<String>,
    gated_in_vain: Vec<String>,
    rollback_wrong: Vec<String>,
    not_quoted: Vec<String>,
}

fn score(cases: &str) -> Score {
    let cases: Vec<Value> = cases.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let asked = |case: &Value| {
        json!({"id": case["id"], "from": case["from"], "to": case["to"], "notes": case["notes"]}).to_string()
    };
    let output = run(&cases.iter().map(asked).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "one answer for each case");
    let mut score = Score::default();
    for (case, answer) in cases.iter().zip(&answers).filter(|(case, _)| case["contested"] == false) {
        assert_eq!(case["id"], answer["id"], "in the same order");
        let expected = &case["expect"];
        let told = format!("{}: {} {}", case["id"], case["note"], answer["lines"]);
        if expected["gate"] == true {
            score.positive += 1;
        } else {
            score.negative += 1;
        }
        match (expected["gate"] == true, answer["gate"] == true) {
            (true, false) => score.missed.push(told.clone()),
            (false, true) => score.gated_in_vain.push(told.clone()),
            (true, true) if !is_quoted(expected["line"].as_str().unwrap(), &answer["lines"]) => {
                score.not_quoted.push(told.clone());
            }
            _ => {}
        }
        if expected["rollback"] != answer["rollback"] {
            score.rollback_wrong.push(told);
        }
    }
    score
}

/// Whether the decisive text is among what is quoted, or a quote a part of it; signs and spaces don't matter.
fn is_quoted(line: &str, quotes: &Value) -> bool {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let line = plain(line);
    quotes
        .as_array()
        .unwrap()
        .iter()
        .map(|quote| plain(quote.as_str().unwrap()))
        .any(|quote| quote.contains(&line) || (quote.chars().count() > 9 && line.contains(&quote)))
}

impl Score {
    /// At least 95 of 100 that must be are gated, and at most 5 of 100 that must not; and what is gated is quoted.
    fn is_good(&self) {
        println!("{self:#?}");
        assert!(self.missed.len() * 20 <= self.positive, "missed: {:#?}", self.missed);
        assert!(self.gated_in_vain.len() * 20 <= self.negative, "in vain: {:#?}", self.gated_in_vain);
        let all = self.positive + self.negative;
        assert!(self.rollback_wrong.len() * 20 <= all, "rollback: {:#?}", self.rollback_wrong);
        assert!(self.not_quoted.len() * 20 <= self.positive, "not quoted: {:#?}", self.not_quoted);
    }
}

#[test]
fn our_own_cases() {
    let score = score(include_str!("notes/cases.jsonl"));
    assert!(score.positive >= 100 && score.negative >= 80, "{} and {}", score.positive, score.negative);
    score.is_good();
}

/// Each of these stands for a kind of saying it, or of seeming to; none of them is excused.
#[test]
fn a_case_for_each_kind() {
    let score = score(include_str!("notes/kinds.jsonl"));
    assert!(score.positive >= 35 && score.negative >= 25, "{} and {}", score.positive, score.negative);
    let wrong = [&score.missed, &score.gated_in_vain, &score.rollback_wrong, &score.not_quoted];
    assert!(wrong.iter().all(|wrong| wrong.is_empty()), "{score:#?}");
}

/// Written before they were measured, in as many styles as projects have; learnt from since.
#[test]
fn notes_in_many_styles() {
    let score = score(include_str!("notes/styles.jsonl"));
    assert!(score.positive >= 100 && score.negative >= 100, "{} and {}", score.positive, score.negative);
    score.is_good();
}

/// Told of real projects' releases, in words of our own; counted before they were learnt from.
#[test]
fn notes_of_real_releases() {
    let score = score(include_str!("notes/real.jsonl"));
    assert!(score.positive >= 100 && score.negative >= 100, "{} and {}", score.positive, score.negative);
    score.is_good();
}

/// Counted once, on 2026-11-28, and never learnt from: what rules make of notes that they do not know. It may get better by
/// what is learnt elsewhere, and not worse.
#[test]
fn what_nobody_learnt_from_is_read_no_worse_than_it_was() {
    let score = score(include_str!("notes/unseen.jsonl"));
    println!("{score:#?}");
    assert_eq!((score.positive, score.negative), (30, 30));
    assert!(score.missed.len() <= 7, "missed: {:#?}", score.missed);
    assert!(score.gated_in_vain.len() <= 7, "in vain: {:#?}", score.gated_in_vain);
}

#[test]
fn the_shared_corpus() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/notes/cases.jsonl");
    let Ok(cases) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: no shared corpus at {}", file.display());
        return;
    };
    score(&cases).is_good();
}

#[test]
fn a_line_that_is_no_case_is_told_and_the_rest_goes_on() {
    let case =
        json!({"id": 7, "from": "1.0", "to": "2.0", "notes": [{"version": "2.0", "markdown": "- feat!: drop v1"}]});
    let output = run(&["{".into(), case.to_string(), String::new(), json!({"id": 8}).to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with("line 1: not a case: ") && told.contains("\nline 4: not a case: "), "{told}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "id": 7, "gate": true, "kinds": ["breaking"], "rollback": "allowed",
        "lines": ["feat!: drop v1"], "because": ["calledSo"],
    });
    assert_eq!(answer, expected);
}
