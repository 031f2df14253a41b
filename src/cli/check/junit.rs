//! The XML of `JUnit`: a suite for each file or namespace, a case for each container.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::row::{Row, State, Unread};
use super::sarif::Rule;

/// How many cases came to what.
#[derive(Clone, Copy, Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

/// The cases of a file or a namespace.
#[derive(Default)]
struct Suite {
    tally: Tally,
    cases: String,
}

/// What a case came to.
enum Outcome<'r> {
    Passed,
    Skipped(&'r str),
    Failed(Rule, &'r str),
    Unknown(Rule, &'r str),
}

/// The whole document.
pub(super) fn print(rows: &[Row], unread: &[Unread], took: Duration) -> String {
    let mut suites = BTreeMap::<&str, Suite>::new();
    for row in rows {
        let name = row.spot.as_ref().map_or(&*row.namespace, |spot| &*spot.file);
        let line = row.spot.as_ref().map(|spot| spot.line);
        let case = format!("{} {}", row.workload(), row.container);
        let sentence = row.sentence();
        suites.entry(name).or_default().add(name, &case, line, &Outcome::of(row, &sentence));
    }
    for unread in unread {
        let (spot, namespace) = (unread.spot.as_ref(), unread.namespace.as_deref().unwrap_or_default());
        let name = spot.map_or(namespace, |spot| &*spot.file);
        let case = match (unread.document, unread.kind) {
            (Some(document), _) => format!("document {document}"),
            (None, Some(kind)) => kind.to_owned(),
            (None, None) => "the file".to_owned(),
        };
        let line = spot.map(|spot| spot.line).filter(|line| *line > 0);
        suites.entry(name).or_default().add(name, &case, line, &Outcome::Unknown(Rule::NotRead, &unread.error));
    }
    let all = suites.values().fold(Tally::default(), |all, suite| all.and(suite.tally));
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let took = took.as_secs_f64();
    let _ = writeln!(text, "<testsuites name=\"image-watcher check\" {} time=\"{took:.3}\">", all.attributes());
    for (name, Suite { tally, cases }) in &suites {
        let _ = writeln!(text, "  <testsuite name=\"{}\" {}>\n{cases}  </testsuite>", Xml(name), tally.attributes());
    }
    text + "</testsuites>\n"
}

impl<'r> Outcome<'r> {
    fn of(row: &'r Row, sentence: &'r str) -> Self {
        match (row.state, Rule::of(row.state)) {
            (State::Ignored, _) => Self::Skipped(&row.next),
            (_, Some(Rule::NotKnown)) => Self::Unknown(Rule::NotKnown, sentence),
            (_, Some(rule)) => Self::Failed(rule, sentence),
            (_, None) => Self::Passed,
        }
    }
}

impl Suite {
    fn add(&mut self, suite: &str, case: &str, line: Option<usize>, outcome: &Outcome<'_>) {
        self.tally.tests += 1;
        let (name, file) = (Xml(case), Xml(suite));
        let place = line.map(|line| format!(" file=\"{file}\" line=\"{line}\"")).unwrap_or_default();
        let _ = write!(self.cases, "    <testcase name=\"{name}\" classname=\"{file}\"{place}");
        let _ = match outcome {
            Outcome::Passed => writeln!(self.cases, "/>"),
            Outcome::Skipped(why) => {
                self.tally.skipped += 1;
                writeln!(self.cases, ">\n      <skipped message=\"{}\"/>\n    </testcase>", Xml(why))
            }
            Outcome::Failed(rule, why) => {
                self.tally.failures += 1;
                self.told("failure", *rule, why)
            }
            Outcome::Unknown(rule, why) => {
                self.tally.errors += 1;
                self.told("error", *rule, why)
            }
        };
    }

    fn told(&mut self, element: &str, rule: Rule, why: &str) -> std::fmt::Result {
        let (kind, why) = (rule.id(), Xml(why));
        writeln!(self.cases, ">\n      <{element} type=\"{kind}\" message=\"{why}\"/>\n    </testcase>")
    }
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
        }
    }

    fn attributes(self) -> String {
        let Self { tests, failures, errors, skipped } = self;
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

/// A text as it may stand in an attribute. What XML 1.0 has no way to write becomes U+FFFD.
struct Xml<'t>(&'t str);

impl std::fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c))?,
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_may_stand_in_an_attribute() {
        let told = Xml("a & b <c> \"d\" 'e'\n\u{1b}[31m\u{0}é\u{ffff}").to_string();
        assert_eq!(told, "a &amp; b &lt;c&gt; &quot;d&quot; 'e'&#10;\u{fffd}[31m\u{fffd}é\u{fffd}");
    }
}
