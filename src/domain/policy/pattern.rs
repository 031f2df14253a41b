//! Patterns of people: linear in the tag's length, and bounded in size before and after they are compiled.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Order, Requirement, RequirementError, Verdict};
use crate::domain::tag::{Class, Version};

/// A regular expression or glob on tags, without backtracking.
#[derive(Clone, Debug)]
pub struct Pattern(regex::bytes::Regex);

/// Why a pattern is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is longer than anybody needs.
    #[error("a pattern has at most {LONGEST} bytes, this one {0}")]
    TooLong(usize),
    /// It is small as a text and large as a machine: nested counts.
    #[error("this pattern is too large when it is compiled; use smaller counts")]
    TooLarge,
    /// It is no pattern.
    #[error("{0}")]
    Syntax(String),
    /// No requirement.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// Nothing behind `glob:` or `regex:`.
    #[error("there is no pattern in it; write one, as in glob:build-*, or remove it")]
    Empty,
    /// A group has a name, and none is what is compared.
    #[error("it names a group {0:?}, and only one that is named compare is compared; write (?P<compare>...)")]
    Uncompared(String),
    /// Neither `semver:` nor `glob:` nor `regex:` before it.
    #[error("write semver:, glob: or regex: before it, as in semver:>=1.2, <2 or glob:build-*")]
    Kind,
}

/// The longest pattern, in bytes.
pub const LONGEST: usize = 1024;
/// The name of the group that is compared.
const COMPARED: &str = "compare";
/// The largest compiled pattern and its cache, in bytes.
const LARGEST: usize = 64 * 1024;

impl Pattern {
    /// Compiles a regular expression, which is searched in the tag.
    ///
    /// # Errors
    /// [`PatternError`] when it is too long, too large when compiled, or no regular expression.
    pub fn regex(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong(text.len()));
        }
        Self::compiled(text)
    }

    /// Compiles a glob, which covers the whole tag: `*`, `?`, `[a-z]`, `[!a-z]`.
    ///
    /// # Errors
    /// As [`Pattern::regex`]; a bracket that is not closed is an error.
    pub fn glob(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong(text.len()));
        }
        let mut pattern = String::from("^(?s:");
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                '[' => {
                    let (set, after) = bracket(rest.as_str()).ok_or_else(|| unclosed(text))?;
                    pattern.push_str(&set);
                    rest = after.chars();
                }
                other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        pattern.push_str(")$");
        Self::compiled(&pattern)
    }

    fn compiled(pattern: &str) -> Result<Self, PatternError> {
        let build = |unicode| {
            let mut builder = regex::bytes::RegexBuilder::new(pattern);
            builder.unicode(unicode).size_limit(LARGEST).dfa_size_limit(LARGEST).build()
        };
        // Tags are ASCII. Unicode's `\d` and `\w` are so large that a plain `^\w+-\w+$` would be beyond the bound; what
        // only Unicode has, as `\p{Greek}`, is taken if it fits.
        build(false).or_else(|_| build(true)).map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            // The parser draws a picture over several lines; the last one says what is wrong.
            other => PatternError::Syntax(last_line(&other.to_string())),
        })
    }

    /// Whether it is found in a tag.
    #[must_use]
    pub fn is_in(&self, tag: &str) -> bool {
        self.0.is_match(tag.as_bytes())
    }

    /// The name of a group, where groups have names and none is that of what is compared.
    fn uncompared(&self) -> Option<&str> {
        let mut names = self.0.capture_names().flatten();
        let first = names.next()?;
        (first != COMPARED && !names.any(|name| name == COMPARED)).then_some(first)
    }

    /// What of a tag is compared: the group named `compare`, else the whole tag; `None` when it doesn't match.
    fn compared<'t>(&self, tag: &'t str) -> Option<&'t str> {
        if self.0.captures_len() == 1 {
            return self.is_in(tag).then_some(tag);
        }
        let found = self.0.captures(tag.as_bytes())?;
        found.name(COMPARED).map_or(Some(tag), |group| tag.get(group.range()))
    }
}

fn unclosed(glob: &str) -> PatternError {
    PatternError::Syntax(format!("a bracket of {:?} is not closed", glob.chars().take(40).collect::<String>()))
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim().trim_start_matches("error: ").to_owned()
}

/// What stands behind `[`, as a set of a regular expression, and the rest. A `]` in first place is one of the set.
fn bracket(text: &str) -> Option<(String, &str)> {
    let (negated, body) = match text.strip_prefix(['!', '^']) {
        Some(body) => ("^", body),
        None => ("", text),
    };
    let first = body.chars().next()?;
    let end = first.len_utf8() + body.get(first.len_utf8()..)?.find(']')?;
    let special = |c: char| matches!(c, '[' | ']' | '\\' | '^' | '&' | '~');
    let escape = |c: char| if special(c) { format!("\\{c}") } else { c.to_string() };
    let set: String = body.get(..end)?.chars().map(escape).collect();
    Some((format!("[{negated}{set}]"), body.get(end + 1..)?))
}

/// Which tags a workload's own policy is about (S9).
#[derive(Clone, Debug)]
pub enum Matching {
    /// Those in which this is found.
    Pattern(Pattern),
    /// Versions that meet this.
    Requirement(Requirement),
}

impl From<Pattern> for Matching {
    fn from(pattern: Pattern) -> Self {
        Self::Pattern(pattern)
    }
}

impl Matching {
    /// Reads `semver:…`, `glob:…` or `regex:…`.
    ///
    /// # Errors
    /// [`PatternError`] that says what is wrong with it.
    pub fn labelled(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        match text.split_once(':') {
            Some(("semver", requirement)) => Ok(Requirement::parse(requirement).map(Self::Requirement)?),
            Some(("glob" | "regex", pattern)) if pattern.trim().is_empty() => Err(PatternError::Empty),
            Some(("glob", glob)) => Pattern::glob(glob).map(Self::Pattern),
            Some(("regex", regex)) => {
                let pattern = Pattern::regex(regex)?;
                match pattern.uncompared() {
                    Some(name) => Err(PatternError::Uncompared(name.chars().take(40).collect())),
                    None => Ok(Self::Pattern(pattern)),
                }
            }
            _ => Err(PatternError::Kind),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Pattern(pattern) => pattern.0.as_str(),
            Self::Requirement(requirement) => requirement.as_str(),
        }
    }

    fn is_requirement(&self) -> bool {
        matches!(self, Self::Requirement(_))
    }

    /// What of a tag is compared; `None` when it is none of these.
    fn compared<'t>(&self, tag: &'t str) -> Option<&'t str> {
        match self {
            Self::Pattern(pattern) => pattern.compared(tag),
            Self::Requirement(requirement) => requirement.is_met_by(tag).then_some(tag),
        }
    }
}

/// The workload's own pattern and order (S9): it replaces family, precision and strategy.
#[derive(Clone, Debug)]
pub struct Selection {
    matching: Matching,
    order: Order,
    /// When tags were pushed, once that was asked.
    times: Option<Arc<BTreeMap<String, DateTime<Utc>>>>,
}

/// What a tag is ordered by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'t> {
    Text(&'t str),
    /// Digits without leading zeros, and decimals without trailing ones: any length.
    Decimal(&'t str, &'t str),
    Version(Version<'t>),
    Time(DateTime<Utc>),
    /// A time that was not asked: all are equal.
    Untimed,
}

impl Selection {
    /// Tags that match, ordered by `order`.
    #[must_use]
    pub fn new(matching: impl Into<Matching>, order: Order) -> Self {
        Self { matching: matching.into(), order, times: None }
    }

    /// Reads `semver:…`, `glob:…` or `regex:…`.
    ///
    /// # Errors
    /// As [`Matching::labelled`].
    pub fn parse(text: &str, order: Order) -> Result<Self, PatternError> {
        Ok(Self::new(Matching::labelled(text)?, order))
    }

    /// Whether it orders tags by when they were pushed, which the registry has to be asked for.
    #[must_use]
    pub fn is_newest(&self) -> bool {
        self.order == Order::Newest
    }

    /// Whether a tag is one of those that are ordered.
    #[must_use]
    pub fn takes(&self, tag: &str) -> bool {
        self.key(tag).is_ok()
    }

    /// The same, where it is known when tags were pushed.
    #[must_use]
    pub fn timed(self, times: BTreeMap<String, DateTime<Utc>>) -> Self {
        Self { times: Some(Arc::new(times)), ..self }
    }

    /// What tells it from others: those with the same take and order the same tags.
    #[must_use]
    pub fn identity(&self) -> (bool, &str, Order) {
        (self.matching.is_requirement(), self.matching.as_str(), self.order)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// What a tag is ordered by, or why it has no place.
    pub(super) fn key<'t>(&self, tag: &'t str) -> Result<Key<'t>, Verdict<'t>> {
        if Class::read(tag) == Class::Artifact {
            return Err(Verdict::Artifact);
        }
        let compared = self.matching.compared(tag).ok_or(Verdict::OutsidePattern)?;
        let key = match self.order {
            Order::Alphabetical => Some(Key::Text(compared)),
            Order::Numeric => decimal(compared),
            Order::Semver => Version::read(compared).map(Key::Version),
            Order::Newest => match &self.times {
                Some(times) => times.get(tag).copied().map(Key::Time),
                None => Some(Key::Untimed),
            },
        };
        key.ok_or(Verdict::WithoutOrder)
    }
}

impl Key<'_> {
    /// Keys of one selection are of one kind.
    pub(super) fn compare(&self, other: &Key<'_>) -> Ordering {
        match (self, other) {
            (Key::Text(one), Key::Text(another)) => one.cmp(another),
            (Key::Decimal(one, part), Key::Decimal(another, fraction)) => {
                one.len().cmp(&another.len()).then_with(|| one.cmp(another)).then_with(|| part.cmp(fraction))
            }
            (Key::Version(one), Key::Version(another)) => one.compare(another),
            (Key::Time(one), Key::Time(another)) => one.cmp(another),
            _ => Ordering::Equal,
        }
    }

    /// Of two spellings of one version, the one that looks more like the running tag (S7).
    pub(super) fn prefer(&self, other: &Key<'_>, running: &Key<'_>) -> Ordering {
        match (self, other, running) {
            (Key::Version(one), Key::Version(another), Key::Version(running)) => one.prefer(another, running),
            _ => Ordering::Equal,
        }
    }

    pub(super) fn is_prerelease(&self) -> bool {
        matches!(self, Key::Version(version) if version.is_prerelease())
    }
}

fn decimal(text: &str) -> Option<Key<'_>> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits(whole) && digits(part);
    fits.then(|| Key::Decimal(whole.trim_start_matches('0'), part.trim_end_matches('0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_covers_the_whole_tag() {
        let cases = [
            ("build-*", "build-12", true),
            ("build-*", "xbuild-12", false),
            ("1.2?", "1.25", true),
            ("1.2?", "1x25", false),
            ("v[0-9]*", "v1.2", true),
            ("v[!0-9]*", "v1.2", false),
            ("v[^0-9]*", "vx", true),
            ("a[]x]b", "a]b", true),
            ("a[.+]b", "a+b", true),
            ("a[\\d]b", "a1b", false),
            ("a[[]b", "a[b", true),
            ("a[b&&c]d", "abd", true),
            ("a[b~~c]d", "a~d", true),
            ("a[x]b]", "axb]", true),
            ("", "", true),
        ];
        for (glob, tag, expected) in cases {
            assert_eq!(Pattern::glob(glob).unwrap().is_in(tag), expected, "{glob} on {tag}");
        }
        for bad in ["[", "[]", "[!]", "a[b"] {
            assert!(matches!(Pattern::glob(bad), Err(PatternError::Syntax(_))), "{bad}");
        }
    }

    #[test]
    fn a_pattern_is_bounded() {
        assert_eq!(Pattern::regex(&"a".repeat(10_000)).unwrap_err(), PatternError::TooLong(10_000));
        assert_eq!(Pattern::glob(&"*".repeat(1025)).unwrap_err(), PatternError::TooLong(1025));
        let longest = "a".repeat(1024);
        assert!(Pattern::regex(&longest).is_ok() && Pattern::glob(&longest).is_ok());
        assert_eq!(Pattern::regex("((a{100}){100}){100}").unwrap_err(), PatternError::TooLarge);
        assert_eq!(Pattern::regex("(").unwrap_err().to_string(), "unclosed group");
        // A nested quantifier costs no more than a plain one.
        assert!(!Pattern::regex("^(a+)+$").unwrap().is_in(&format!("{}b", "a".repeat(100_000))));
    }

    #[test]
    fn patterns_as_people_write_them_fit() {
        let cases = [
            (r"^\w+-\w+-\w+$", "a-1-x", true),
            (r"^v?\d+\.\d+\.\d+(-\w+)*$", "v1.2.3-alpine-slim", true),
            (r"^\d{4}\.\d{2}\.\d{2}-[\w.]+$", "2024.01.15-x.1", true),
            (r"^RELEASE\.\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z$", "RELEASE.2024-01-15T10-00-00Z", true),
            (r"^v\d{1,4}\.\d{1,4}\.\d{1,4}-build\d{14}$", "v1.2.3-build20240115100000", true),
            (r"^main-[0-9a-f]{40}-\d{10,}$", "main-1-2", false),
            (r"^\w{1,128}$", "latest", true),
            (r"^.{1,128}$", "latest", true),
            (r"(?i)-ALPINE$", "1.2.3-alpine", true),
            (r"\brc\b", "1.2.3-rc.1", true),
            (r"^\S+$", "1.2.3", true),
            (r"^\D+$", "1.2.3", false),
            (r"^[^-]+$", "1.2.3", true),
            (r"^\d+$", "٣", false),
            (r"^\p{Lu}", "R1", true),
            ("^[é]$", "é", true),
        ];
        for (regex, tag, expected) in cases {
            assert_eq!(Pattern::regex(regex).unwrap().is_in(tag), expected, "{regex} on {tag}");
        }
    }

    #[test]
    fn what_is_compared_is_a_group_or_the_tag() {
        let compared = |regex: &str, tag: &'static str| Pattern::regex(regex).unwrap().compared(tag);
        assert_eq!(compared("^a-(?P<compare>[0-9]+)", "a-12-x"), Some("12"));
        assert_eq!(compared("^a-([0-9]+)", "a-12-x"), Some("a-12-x"));
        assert_eq!(compared("^a", "a-12-x"), Some("a-12-x"));
        assert_eq!(compared("^a(?P<compare>[0-9])?", "ax"), Some("ax"), "the group takes no part");
        assert_eq!(compared("^b-(?P<compare>[0-9]+)", "a-12-x"), None);
        assert_eq!(compared("^(?P<compare>.)", "é"), None, "half a character is nothing to compare");
    }

    #[test]
    fn a_label_says_how_a_text_is_read() {
        let of = |text: &str| Selection::parse(text, Order::Semver).unwrap();
        assert!(of(" regex:^(?:1|2):?[.] ").takes("2.0.0"), "the first colon ends the label");
        assert!(of("semver: >=1.2, <2").takes("1.3.0") && !of("semver:>=1.2, <2").takes("2.0.0"));
        assert!(of("glob:v[0-9]*").takes("v1.0.0") && !of("glob:v[0-9]*").takes("1.0.0"));
        assert!(!of("glob:*").takes("main"), "what has no place in the order is not taken");
        assert_eq!(of("semver:1").identity(), (true, "1", Order::Semver));
        assert!(!of("semver:1").is_same(&of("regex:1")) && of("semver: 1").is_same(&of("semver:1")));
        for bad in ["1.2", "semver", "Semver:1", ":1"] {
            assert_eq!(Matching::labelled(bad).unwrap_err(), PatternError::Kind, "{bad}");
        }
        for bad in ["glob:", "regex:", " regex: "] {
            assert_eq!(Matching::labelled(bad).unwrap_err(), PatternError::Empty, "{bad}");
        }
        let uncompared = |text: &str| Matching::labelled(text).err();
        assert_eq!(uncompared("regex:^(?P<ts>[0-9]+)-(?P<x>.)"), Some(PatternError::Uncompared("ts".into())));
        for right in ["regex:^(?P<ts>[0-9]+)-(?P<compare>.)", "regex:^([0-9]+)-", "regex:^(?<compare>[0-9]+)"] {
            assert_eq!(uncompared(right), None, "{right}");
        }
    }

    #[test]
    fn what_was_pushed_later_is_newer_where_that_is_known() {
        let newest = Selection::parse("glob:*", Order::Newest).unwrap();
        assert!(newest.is_newest() && !Selection::parse("glob:*", Order::Semver).unwrap().is_newest());
        let untimed = newest.key("a").unwrap().compare(&newest.key("b").unwrap());
        assert_eq!(untimed, Ordering::Equal);
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let timed = newest.timed([("a".to_owned(), at(2)), ("b".to_owned(), at(1))].into());
        assert_eq!(timed.key("a").unwrap().compare(&timed.key("b").unwrap()), Ordering::Greater);
        assert!(timed.takes("a") && !timed.takes("c"), "of one whose time is not known nothing can be said");
    }

    #[test]
    fn decimals_of_any_length_are_compared() {
        let rising =
            ["0", "1", "1.05", "1.5", "2", "10", "0011", "12", "99999999999999999999999", "100000000000000000000000"];
        for pair in rising.windows(2) {
            let (low, high) = (decimal(pair[0]).unwrap(), decimal(pair[1]).unwrap());
            assert_eq!(low.compare(&high), Ordering::Less, "{pair:?}");
        }
        assert_eq!(decimal("01.50").unwrap().compare(&decimal("1.5").unwrap()), Ordering::Equal);
        for bad in ["", ".", "1.", ".5", "1.2.3", "-1", "1e5", "x"] {
            assert!(decimal(bad).is_none(), "{bad}");
        }
    }
}
