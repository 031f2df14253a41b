//! What nobody should overlook, found by us in the raw text, so that nothing that is written around it hides it.

use std::collections::HashSet;

use crate::domain::plain::PlainText;
use crate::domain::release::{Alert, AlertKind};

/// The most alerts of one kind in one text; the text itself is linked.
const MOST_OF_A_KIND: usize = 8;
/// A line that says so is cut there.
const LONGEST: usize = 200;

/// Deprecations and identifiers of weaknesses (CVE, GHSA) in a text. What it declares is read in [`crate::domain::declared`].
#[must_use]
pub fn find(raw: &str, version: &PlainText) -> Vec<Alert> {
    let mut found = Collector { version, alerts: Vec::new(), seen: HashSet::new() };
    for line in raw.lines().filter(|line| may_speak(line)) {
        if !found.is_full(AlertKind::Security) {
            identifiers(line, &mut found);
        }
        if contains(line, "deprecat") {
            found.add(AlertKind::Deprecated, line);
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
            b'c' => &["cve-"],
            b'd' => &["deprecat"],
            b'g' => &["ghsa-"],
            _ => return false,
        };
        let follows =
            |word: &&str| bytes.get(at..at + word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()));
        words.iter().any(follows)
    })
}

/// Whether a line has a word in it, in capitals or not.
fn contains(line: &str, word: &str) -> bool {
    line.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
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
        use AlertKind::{Deprecated, Security};
        let cases: [(&str, &[(AlertKind, &str)]); 5] = [
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
            (0..1000).flat_map(|n| [format!("- Deprecated {n}\n"), format!("- CVE-2026-{n:05}\n")]).collect();
        assert_eq!(found(&raw).len(), 2 * MOST_OF_A_KIND);
    }
}
