//! The suffix of a tag, cut into items from left to right (S4).

use super::date::is_unix_seconds;
use super::number::{self, Numbers};
use super::{Date, from, is_commit, leading};

/// How far before its release a prerelease is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A numbered build of a channel: `-nightly20240101`, `-dev9`.
    Development,
    /// `alpha`, `a1`
    Alpha,
    /// `beta`, `b1`, `b12`
    Beta,
    /// `milestone`, `M1`
    Milestone,
    /// `pre`, `preview`, `prerelease`, `ea`, `eap`, `tp1`
    Preview,
    /// `rc`, `cr`, `c1`
    Candidate,
    /// The release itself, which comes after all of them.
    Release,
}

/// One part of a suffix. `separator` is what stands before it; nothing when it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'t> {
    /// It comes before a release.
    Stage {
        /// How far before it.
        stage: Stage,
        /// The word as it is written.
        word: &'t str,
        /// Which one, if it is numbered.
        value: Option<Numbers<'t>>,
    },
    /// A counted fix after the release: `-security-01`.
    Post {
        /// Which one.
        value: Numbers<'t>,
    },
    /// A counted build: `-ls45`, `-r5`, `u342`.
    Counter {
        /// Before it.
        separator: &'t str,
        /// What counts.
        name: &'t str,
        /// Which one.
        value: Numbers<'t>,
    },
    /// When it was built.
    Date {
        /// Before it.
        separator: &'t str,
        /// When.
        value: Numbers<'t>,
    },
    /// When it was built, in seconds since 1970.
    Seconds {
        /// Before it.
        separator: &'t str,
        /// When.
        value: Numbers<'t>,
    },
    /// A commit, or a number of many digits that is no date.
    Hexadecimal {
        /// Before it.
        separator: &'t str,
    },
    /// The version of another part: `16-3.4`.
    SecondVersion {
        /// Before it.
        separator: &'t str,
        /// Which.
        value: Numbers<'t>,
        /// How many components it has.
        count: usize,
    },
    /// A number that counts builds, or names a runtime (S4.6).
    Integer {
        /// Before it.
        separator: &'t str,
        /// Which.
        value: Numbers<'t>,
    },
    /// Words: the variant.
    Literal {
        /// Before it.
        separator: &'t str,
        /// The words.
        text: &'t str,
    },
}

impl<'t> Item<'t> {
    /// The numbers in it that are compared.
    pub(super) fn counts(self) -> impl Iterator<Item = Numbers<'t>> {
        let value = match self {
            Self::Stage { value, .. } => value,
            Self::Post { value }
            | Self::Counter { value, .. }
            | Self::Date { value, .. }
            | Self::Seconds { value, .. }
            | Self::SecondVersion { value, .. }
            | Self::Integer { value, .. } => Some(value),
            Self::Hexadecimal { .. } | Self::Literal { .. } => None,
        };
        value.into_iter()
    }
}

/// Words that say «before a release», numbered or not.
const STAGES: [(&str, Stage); 10] = [
    ("alpha", Stage::Alpha),
    ("beta", Stage::Beta),
    ("milestone", Stage::Milestone),
    ("preview", Stage::Preview),
    ("prerelease", Stage::Preview),
    ("pre", Stage::Preview),
    ("rc", Stage::Candidate),
    ("cr", Stage::Candidate),
    ("eap", Stage::Preview),
    ("ea", Stage::Preview),
];

/// Words of channels: with a number one build of the channel, without one a variant.
const CHANNELS: [&str; 20] = [
    "dev",
    "devel",
    "develop",
    "development",
    "nightly",
    "snapshot",
    "canary",
    "unstable",
    "edge",
    "insider",
    "insiders",
    "experimental",
    "next",
    "testing",
    "test",
    "master",
    "main",
    "trunk",
    "daily",
    "wip",
];

/// Words of counted fixes after a release.
const FIXES: [&str; 4] = ["security", "hotfix", "post", "patch"];

/// Names of build counters, before their number.
const COUNTERS: [&str; 16] = [
    "ls", "rancher", "rke2r", "k3s", "flannel", "lh", "eksbuild", "gke", "build", "rev", CUMULATIVE, "ce", "ee", "r",
    "p", "u",
];

/// A cumulative update of SQL Server, in capitals and by one or two digits: `CU7`. All else is a version of CUDA: `cu12`, `cu121`.
const CUMULATIVE: &str = "CU";

/// Graphics cards, where builds are counted by the same letter (S3.6).
const CARDS: [&str; 3] = ["b100", "b200", "b300"];

/// Words for what an image is built on or for: a version behind one of them is a variant.
const PLATFORMS: [&str; 17] = [
    "alpine",
    "debian",
    "ubuntu",
    "centos",
    "fedora",
    "k8s",
    "kubernetes",
    "cuda",
    "go",
    "golang",
    "java",
    "jdk",
    "openjdk",
    "node",
    "nodejs",
    "php",
    "python",
];

/// Whether words name a platform, with a version or without: `alpine3.19`, `jdk17`, `kubernetes`.
fn is_platform(words: &str) -> bool {
    PLATFORMS.iter().any(|platform| {
        let (start, rest) = words.split_at_checked(platform.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(platform) && !rest.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

/// The parts of a suffix, first to last. Each one ends at a separator or at the end.
#[derive(Clone, Debug)]
pub struct Items<'t> {
    rest: &'t str,
    /// Whether `a1`, `b1` and `c1` right behind the number are prereleases: it has two components or more.
    lettered: bool,
    /// Where the next item stands.
    place: Place<'t>,
    /// Whether the version of another part was read.
    second_seen: bool,
}

/// Where an item stands, which says whether it may be the version of another part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'t> {
    /// Nothing but prereleases before it: it may, or be an integer.
    First,
    /// Right behind these words: it may, with a `v`, as the last one, if they name no platform.
    BehindWords(&'t str),
    /// Anywhere else.
    Later,
}

impl<'t> Items<'t> {
    pub(super) fn of(suffix: &'t str, lettered: bool) -> Self {
        Self { rest: suffix, lettered, place: Place::First, second_seen: false }
    }

    /// What is not cut yet.
    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    fn place_after(&self, item: Item<'t>) -> Place<'t> {
        match item {
            Item::Stage { .. } if self.place == Place::First => Place::First,
            Item::Literal { text, .. } if !self.second_seen => Place::BehindWords(text),
            _ => Place::Later,
        }
    }
}

impl<'t> Iterator for Items<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let separators = self.rest.bytes().take_while(|byte| is_separator(*byte)).count();
        let (separator, body) = (leading(self.rest, separators), from(self.rest, separators));
        let (item, rest) = read(separator, body, self.lettered, self.place);
        self.second_seen |= matches!(item, Item::SecondVersion { .. });
        self.place = self.place_after(item);
        self.rest = rest;
        Some(item)
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'+')
}

/// Whether an item may end here.
fn ends(rest: &str) -> bool {
    rest.bytes().next().is_none_or(is_separator)
}

/// The first rule that fits.
fn read<'t>(separator: &'t str, body: &'t str, lettered: bool, place: Place<'t>) -> (Item<'t>, &'t str) {
    let found = match body.bytes().next() {
        Some(b'0'..=b'9') => dated_or_numbered(separator, body, place),
        Some(b'a'..=b'z' | b'A'..=b'Z') => worded(separator, body, lettered, place),
        _ => None,
    };
    found.unwrap_or_else(|| {
        let end = body.bytes().position(|byte| matches!(byte, b'-' | b'_' | b'+')).unwrap_or(body.len());
        (Item::Literal { separator, text: leading(body, end) }, from(body, end))
    })
}

fn dated_or_numbered<'t>(separator: &'t str, body: &'t str, place: Place<'t>) -> Option<(Item<'t>, &'t str)> {
    if let Some((date, rest)) = Date::forms(body).find(|(_, rest)| ends(rest)) {
        return Some((Item::Date { separator, value: Numbers::Date(date) }, rest));
    }
    let (digits, rest) = body.split_at_checked(super::digits(body))?;
    if ends(rest) && is_unix_seconds(digits) {
        return Some((Item::Seconds { separator, value: Numbers::Dotted(digits) }, rest));
    }
    if let Some(rest) = hexadecimal(body) {
        return Some((Item::Hexadecimal { separator }, rest));
    }
    if place != Place::First {
        return None;
    }
    if let Some(found) = second_version(separator, body) {
        return Some(found);
    }
    ends(rest).then_some((Item::Integer { separator, value: Numbers::Dotted(digits) }, rest))
}

/// A commit, or seven digits and more.
fn hexadecimal(body: &str) -> Option<&str> {
    let end = body.bytes().position(is_separator).unwrap_or(body.len());
    let token = leading(body, end);
    let many = token.len() >= 7 && token.bytes().all(|byte| byte.is_ascii_digit());
    (many || is_commit(token)).then(|| from(body, end))
}

/// Two components or more; its `v` is read before.
fn second_version<'t>(separator: &'t str, numbered: &'t str) -> Option<(Item<'t>, &'t str)> {
    let (text, rest) = dotted_item(numbered)?;
    let count = number::count(text);
    (count >= 2).then_some((Item::SecondVersion { separator, value: Numbers::Dotted(text), count }, rest))
}

/// The longest dotted number that ends where an item may end.
fn dotted_item(text: &str) -> Option<(&str, &str)> {
    let (mut number, _) = number::dotted(text);
    while !number.is_empty() {
        let rest = from(text, number.len());
        if ends(rest) {
            return Some((number, rest));
        }
        number = leading(number, number.rfind('.').unwrap_or(0));
    }
    None
}

/// Whether a number follows, behind one separator or none: most words are followed by none, and need no look into the
/// lists of words that count.
fn may_count(text: &str) -> bool {
    let mut bytes = text.bytes();
    match bytes.next() {
        Some(b'.' | b'_' | b'-') => bytes.next().is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) => byte.is_ascii_digit(),
        None => false,
    }
}

/// `[._-]?N`, where N is a date or a dotted number.
fn count(text: &str) -> Option<(Numbers<'_>, &str)> {
    let numbered = text.strip_prefix(['.', '_', '-']).unwrap_or(text);
    if let Some((date, rest)) = Date::forms(numbered).find(|(_, rest)| ends(rest)) {
        return Some((Numbers::Date(date), rest));
    }
    dotted_item(numbered).map(|(number, rest)| (Numbers::Dotted(number), rest))
}

fn worded<'t>(separator: &'t str, body: &'t str, lettered: bool, place: Place<'t>) -> Option<(Item<'t>, &'t str)> {
    let letters = body.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = body.split_at_checked(letters)?;
    if let Some(found) = prerelease(word, after, separator.is_empty(), lettered) {
        return Some(found);
    }
    let counts = may_count(after);
    let is_one_of = |words: &[&str]| counts && words.iter().any(|other| word.eq_ignore_ascii_case(other));
    if is_one_of(&CHANNELS)
        && let Some((value, rest)) = count(after)
    {
        return Some((Item::Stage { stage: Stage::Development, word, value: Some(value) }, rest));
    }
    if is_one_of(&FIXES)
        && let Some((value, rest)) = count(after)
    {
        return Some((Item::Post { value }, rest));
    }
    if counts && let Some(found) = counter(separator, body, word, after) {
        return Some(found);
    }
    if let Some(rest) = hexadecimal(body) {
        return Some((Item::Hexadecimal { separator }, rest));
    }
    let numbered = after.starts_with(|c: char| c.is_ascii_digit()) && word.eq_ignore_ascii_case("v");
    let found = if numbered { second_version(separator, after) } else { None };
    found.filter(|(_, rest)| match place {
        Place::First => true,
        Place::BehindWords(words) => separator == "-" && rest.is_empty() && !is_platform(words),
        Place::Later => false,
    })
}

fn prerelease<'t>(word: &'t str, after: &'t str, attached: bool, lettered: bool) -> Option<(Item<'t>, &'t str)> {
    let digit = after.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    let stage = match word.as_bytes() {
        b"a" if attached && lettered && digit => Stage::Alpha,
        // From three digits on it is a build: betas are not that many.
        b"b" if attached && lettered && digit && super::digits(after) < 3 => Stage::Beta,
        b"c" if attached && lettered && digit => Stage::Candidate,
        b"m" | b"M" if digit => Stage::Milestone,
        [_] => return None,
        _ if attached && digit && word.eq_ignore_ascii_case("tp") => Stage::Preview,
        _ => STAGES.iter().find(|(other, _)| word.eq_ignore_ascii_case(other)).map(|(_, stage)| *stage)?,
    };
    if may_count(after)
        && let Some((value, rest)) = count(after)
    {
        return Some((Item::Stage { stage, word, value: Some(value) }, rest));
    }
    (word.len() > 1 && !word.eq_ignore_ascii_case("tp") && ends(after))
        .then_some((Item::Stage { stage, word, value: None }, after))
}

fn counter<'t>(separator: &'t str, body: &'t str, word: &'t str, after: &'t str) -> Option<(Item<'t>, &'t str)> {
    let is_letter = word.len() == 1 && after.starts_with(|c: char| c.is_ascii_digit());
    if word.eq_ignore_ascii_case("b") && matches!(separator, "" | "-") && is_letter {
        let (value, rest) =
            count(after).filter(|(value, _)| !matches!(value, Numbers::Dotted(text) if text.contains('.')))?;
        let written = leading(body, body.len() - rest.len());
        if separator == "-" && CARDS.iter().any(|card| written.eq_ignore_ascii_case(card)) {
            return None;
        }
        return Some((Item::Counter { separator, name: word, value }, rest));
    }
    let named = |name: &str| {
        body.get(..name.len())
            .is_some_and(|start| start == name || (name != CUMULATIVE && start.eq_ignore_ascii_case(name)))
    };
    COUNTERS.iter().filter(|name| named(name)).find_map(|name| {
        let (name, after) = body.split_at_checked(name.len())?;
        let digits = after.strip_prefix('.').unwrap_or(after);
        let (value, rest) = digits.split_at_checked(super::digits(digits))?;
        let most = if name == CUMULATIVE { 2 } else { usize::MAX };
        // A letter alone with a dotted number is a system: `r36.2`, `u22.04`.
        let is_name = is_letter && may_count(rest) && rest.starts_with('.');
        let counted = (1..=most).contains(&value.len()) && ends(rest) && !is_name;
        counted.then_some((Item::Counter { separator, name, value: Numbers::Dotted(value) }, rest))
    })
}
