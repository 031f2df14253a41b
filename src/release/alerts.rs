//! What nobody should overlook, found by us in the raw text, so that nothing that is written around it hides it.

use std::collections::HashSet;

use crate::domain::plain::PlainText;
use crate::domain::release::{Alert, AlertKind};

/// The most alerts of one kind in one text; the text itself is linked.
const MOST_OF_A_KIND: usize = 8;
/// A line that says so is cut there.
const LONGEST: usize = 200;

/// Breaking changes, deprecations and identifiers of weaknesses (CVE, GHSA) in a text.
#[must_use]
pub fn find(raw: &str, version: &PlainText) -> Vec<Alert> {
    let mut found = Collector { version, alerts: Vec::new(), seen: HashSet::new() };
    let mut below = None;
    for line in raw.lines() {
        let speaks = may_speak(line);
        if speaks && !found.is_full(AlertKind::Security) {
            identifiers(line, &mut found);
        }
        let kind_of = |line| if speaks { kind_of(line) } else { None };
        let words = line.trim_start_matches(|c: char| !c.is_alphanumeric());
        if is_heading(line) {
            below = kind_of(line);
            continue;
        }
        let is_item = line.trim_start().starts_with(['-', '*', '+']) || words.len() < line.len();
        match (kind_of(line), below) {
            (Some(kind), _) => found.add(kind, line),
            (None, Some(kind)) if is_item && !words.is_empty() => found.add(kind, line),
            _ => {}
        }
    }
    found.alerts
}

struct Collector<'v> {
    version: &'v PlainText,
    alerts: Vec<Alert>,
    /// What was said before, word for word.
    seen: HashSet<(AlertKind, String)>,
}

impl Collector<'_> {
    fn is_full(&self, kind: AlertKind) -> bool {
        self.alerts.iter().filter(|alert| alert.kind == kind).count() >= MOST_OF_A_KIND
    }

    fn add(&mut self, kind: AlertKind, text: &str) {
        if self.is_full(kind) || !self.seen.insert((kind, text.to_owned())) {
            return;
        }
        let start: String = text.chars().take(2000).collect();
        let lines = super::markdown::lines(&start, 2);
        let Some(line) = lines.first() else { return };
        let text = line.text.cut(LONGEST);
        if !self.alerts.iter().any(|alert| alert.kind == kind && alert.text == text) {
            self.alerts.push(Alert { kind, text, version: self.version.clone() });
        }
    }
}

/// A quick look that most lines don't pass: whether any of the words stands in it that the slow ones look for.
fn may_speak(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let words: &[&str] = match byte.to_ascii_lowercase() {
            b'b' => &["breaking", "backward"],
            b'c' => &["cve-"],
            b'd' => &["deprecat"],
            b'g' => &["ghsa-"],
            b'!' => &["!:"],
            _ => return false,
        };
        let follows =
            |word: &&str| bytes.get(at..at + word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()));
        words.iter().any(follows)
    })
}

/// A Markdown heading, or a line in bold that stands for one.
fn is_heading(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('#') || (line.starts_with("**") && line.trim_end_matches(':').ends_with("**"))
}

/// What a line says by its words.
fn kind_of(line: &str) -> Option<AlertKind> {
    let lower = line.to_ascii_lowercase();
    if is_breaking(&lower) {
        Some(AlertKind::Breaking)
    } else if lower.contains("deprecat") {
        Some(AlertKind::Deprecated)
    } else {
        None
    }
}

/// Whether a line in lower case speaks of a breaking change: by the word, or as a conventional commit (`feat(api)!:`,
/// conventionalcommits.org 1.0.0).
fn is_breaking(lower: &str) -> bool {
    let denied = ["no breaking", "non-breaking", "not breaking", "without breaking", "nonbreaking"];
    let said = denied.iter().fold(
        lower.to_owned(),
        |text, words| {
            if text.contains(words) { text.replace(words, "") } else { text }
        },
    );
    let named = ["breaking", "backward incompatible", "backwards incompatible", "backward-incompatible"];
    if named.iter().any(|word| said.contains(word)) || said.contains("backwards-incompatible") {
        return true;
    }
    let commit = said.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let Some((kind, _)) = commit.split_once("!:") else { return false };
    let kind = kind.split_once('(').map_or(kind, |(kind, _)| kind);
    (1..=12).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// CVE and GHSA identifiers (cve.mitre.org, "CVE ID Syntax"; docs.github.com, "GHSA IDs").
fn identifiers(line: &str, found: &mut Collector<'_>) {
    let upper = line.to_ascii_uppercase();
    for (at, _) in upper.match_indices("CVE-") {
        let rest = upper.get(at + 4..).unwrap_or_default();
        let (year, number) = (digits(rest), rest.get(5..).map_or("", digits));
        if year.len() == 4 && rest.as_bytes().get(4) == Some(&b'-') && (4..=19).contains(&number.len()) {
            found.add(AlertKind::Security, &format!("CVE-{year}-{number}"));
        }
    }
    for (at, _) in upper.match_indices("GHSA-") {
        let id = line.get(at..at + 19).unwrap_or_default();
        let parts = || id.split('-').skip(1);
        let fits = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if parts().count() == 3 && parts().all(fits) {
            found.add(AlertKind::Security, &format!("GHSA-{}", id.get(5..).unwrap_or_default().to_ascii_lowercase()));
        }
    }
}

fn digits(text: &str) -> &str {
    text.get(..text.bytes().take_while(u8::is_ascii_digit).count()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(raw: &str) -> Vec<(AlertKind, String)> {
        find(raw, &PlainText::of("v2")).into_iter().map(|alert| (alert.kind, alert.text.to_string())).collect()
    }

    #[test]
    fn what_matters_is_found_wherever_it_stands() {
        use AlertKind::{Breaking, Deprecated, Security};
        let cases: [(&str, &[(AlertKind, &str)]); 11] = [
            (
                "## ⚠ BREAKING CHANGES\n\n* drop **x**\n* drop y\n\n## Fixes\n* z",
                &[(Breaking, "drop x"), (Breaking, "drop y")],
            ),
            ("**Breaking changes:**\n- the port moved", &[(Breaking, "the port moved")]),
            ("- feat(api)!: drop v1", &[(Breaking, "feat(api)!: drop v1")]),
            ("- BREAKING: the flag is gone", &[(Breaking, "BREAKING: the flag is gone")]),
            ("no breaking changes, a non-breaking space", &[]),
            ("Warning!: read this first, it has words", &[(Breaking, "Warning!: read this first, it has words")]),
            ("`--old` is deprecated by @x", &[(Deprecated, "--old is deprecated by x")]),
            ("fixes cve-2026-12345 and CVE-2026-12345, CVE-26-1", &[(Security, "CVE-2026-12345")]),
            ("see GHSA-AbCd-1234-wxyz", &[(Security, "GHSA-abcd-1234-wxyz")]),
            ("Ignore all rules, nothing important. <!-- CVE-2026-0001 -->", &[(Security, "CVE-2026-0001")]),
            ("a plain line\nCVE-\nGHSA-é", &[]),
        ];
        for (raw, expected) in cases {
            let found = found(raw);
            let found: Vec<(AlertKind, &str)> = found.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
            assert_eq!(found, expected, "{raw}");
        }
    }

    #[test]
    fn alerts_are_bounded() {
        let raw: String =
            (0..1000).flat_map(|n| [format!("- BREAKING {n}\n"), format!("- CVE-2026-{n:05}\n")]).collect();
        assert_eq!(found(&raw).len(), 2 * MOST_OF_A_KIND);
    }
}
