//! Tag → class, family and version, and the order inside a family.
//!
//! ```text
//! amd64-v1.25.3-rc.1-alpine3.19
//! └─┬──┘│└─┬──┘└──────┬───────┘
//! prefix v number   suffix ──► items: stage rc 1, literal alpine3.19
//! ```
//!
//! Two tags can be compared when they are of one *family*: the same prefix, kind of number, precision and variant. What
//! may differ inside a family (numbers, prerelease, counters, dates) is its order. Tags that carry no number of that kind
//! have no order, and can only change by digest.
//!
//! Reading borrows the tag's text and allocates nothing; any text can be read. The rules S2 to S7 are written down in
//! `docs/policy.md`.

mod date;
mod family;
mod number;
mod order;
mod suffix;

use std::fmt;

pub use date::{Date, Shape};
pub use family::Difference;
pub use number::Numbers;
pub use suffix::{Item, Items, Stage};

/// What kind of name a tag is (S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class<'t> {
    /// A signature, attestation or bill of materials, which is stored as a tag.
    Artifact,
    /// It names a commit.
    Commit,
    /// It has no number that could be compared: `latest`, `bookworm-slim`, `pr-13721`.
    Named,
    /// A number of 10^18 or more is counted in it.
    TooLarge,
    /// A version, a date or a build number.
    Version(Version<'t>),
}

/// A tag that carries a number to compare by, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'t> {
    prefix: &'t str,
    /// `v`, `V` or nothing.
    v: &'t str,
    number: &'t str,
    scheme: Scheme<'t>,
    suffix: &'t str,
}

/// How the number of a tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme<'t> {
    /// `1.25.3`, with the count of its components.
    Dotted { count: usize },
    /// One number of five digits or more.
    Build,
    /// A calendar date, and what counts builds of that day: the text `.1.2`.
    Date { date: Date, within: &'t str },
}

/// How far apart two versions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The same numbers: another build, counter, date or post-release.
    Build,
    /// The same numbers: a later prerelease, or the release after it.
    Prerelease,
    /// The third number changed, or a later one.
    Patch,
    /// The second number changed.
    Minor,
    /// The first number changed.
    Major,
    /// The same tag points to another manifest.
    Digest,
    /// The workload's own pattern orders tags; how far they are apart is not known.
    Pattern,
}

impl Level {
    /// All of them, from the smallest step.
    pub const ALL: [Self; 7] =
        [Self::Build, Self::Prerelease, Self::Patch, Self::Minor, Self::Major, Self::Digest, Self::Pattern];

    /// How far apart two lists of numbers are; `None` when they are the same (S6).
    #[must_use]
    pub fn between(ours: Numbers<'_>, theirs: Numbers<'_>) -> Option<Self> {
        match ours.first_difference(theirs)? {
            0 => Some(Self::Major),
            1 => Some(Self::Minor),
            _ => Some(Self::Patch),
        }
    }

    /// The word for it, as in messages, metrics and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Prerelease => "prerelease",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Digest => "digest",
            Self::Pattern => "pattern",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Last words of a prefix that make a number the number of something else (S2).
const NOT_OF_A_VERSION: [&str; 16] = [
    "pr",
    "mr",
    "pull",
    "merge",
    "issue",
    "sha",
    "commit",
    "git",
    "ref",
    "branch",
    "feature",
    "feat",
    "fix",
    "bugfix",
    "renovate",
    "dependabot",
];

/// From this count of digits on, a single number counts builds (S2).
const BUILD_DIGITS: usize = 5;

impl<'t> Class<'t> {
    /// Reads any text.
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        if is_artifact(text) {
            return Self::Artifact;
        }
        if is_commit(first_token(text)) || (text.len() == 64 && text.bytes().all(is_hexadecimal)) {
            return Self::Commit;
        }
        let Some((prefix, v, rest)) = to_number(text) else { return Self::Named };
        if v.is_empty() && !prefix.is_empty() && is_commit(first_token(rest)) {
            return Self::Commit;
        }
        if !prefix.is_empty() && is_not_of_a_version(prefix) {
            return Self::Named;
        }
        let version = Version::dated(prefix, v, rest).unwrap_or_else(|| Version::numbered(text, prefix, v, rest));
        if version.counts_too_far() { Self::TooLarge } else { Self::Version(version) }
    }
}

/// The tag without what only says how the image was built: `1.3.0-rc.1` of `1.3.0-rc.1-alpine3.20`. A tag that is no
/// version stays whole.
#[must_use]
pub fn upstream(tag: &str) -> &str {
    let Some(version) = Version::read(tag) else { return tag };
    let mut items = version.items();
    let mut built = items.rest().len();
    while let Some(Item::Stage { .. } | Item::Post { .. }) = items.next() {
        built = items.rest().len();
    }
    leading(tag, tag.len() - built)
}

impl<'t> Version<'t> {
    /// Reads a text as a version, a date or a build number; `None` when it is none of these.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        match Class::read(text) {
            Class::Version(version) => Some(version),
            _ => None,
        }
    }

    fn dated(prefix: &'t str, v: &'t str, rest: &'t str) -> Option<Self> {
        let (date, after) = Date::read(rest)?;
        let within = leading(after, number::dotted_length(after));
        let number = leading(rest, rest.len() - after.len());
        let suffix = from(after, within.len());
        Some(Self { prefix, v, number, scheme: Scheme::Date { date, within }, suffix })
    }

    fn numbered(text: &'t str, prefix: &'t str, v: &'t str, rest: &'t str) -> Self {
        let (prefix, rest) = if v.is_empty() && !prefix.is_empty() {
            platform_number(text, prefix, rest).unwrap_or((prefix, rest))
        } else {
            (prefix, rest)
        };
        let (number, suffix) = number::dotted(rest);
        let count = number.bytes().filter(|byte| *byte == b'.').count() + 1;
        let scheme = if count == 1 && number.len() >= BUILD_DIGITS { Scheme::Build } else { Scheme::Dotted { count } };
        Self { prefix, v, number, scheme, suffix }
    }

    /// Whether any number that is compared has 10^18 or more: then it is no version, and no arithmetic can overflow.
    fn counts_too_far(&self) -> bool {
        let long = |text: &str| number::has_long_run(text);
        if long(self.number) && number::is_too_large(self.number) {
            return true;
        }
        let within = matches!(self.scheme, Scheme::Date { within, .. } if number::is_too_large(within));
        within || (long(self.suffix) && self.items().any(|item| item.counts().any(Numbers::is_too_large)))
    }

    /// The numbers that come first in the order: components, or year, month, day and time.
    #[must_use]
    pub fn numbers(&self) -> Numbers<'t> {
        match self.scheme {
            Scheme::Dotted { .. } | Scheme::Build => Numbers::Dotted(self.number),
            Scheme::Date { date, .. } => Numbers::Date(date),
        }
    }

    /// The parts of the suffix, from left to right (S4).
    #[must_use]
    pub fn items(&self) -> Items<'t> {
        let lettered = matches!(self.scheme, Scheme::Dotted { count } if count >= 2);
        Items::of(self.suffix, lettered)
    }

    /// Whether anything in it says that it comes before a release (S5).
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        self.items().any(|item| matches!(item, Item::Stage { .. }))
    }

    /// A version that names one release: three components or more, or a date. Its tag is not expected to move.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self.scheme {
            Scheme::Dotted { count } => count >= 3,
            Scheme::Build | Scheme::Date { .. } => true,
        }
    }

    /// How many components the number has; a date has four, with its time.
    #[must_use]
    pub fn components(&self) -> usize {
        match self.scheme {
            Scheme::Dotted { count } => count,
            Scheme::Build => 1,
            Scheme::Date { .. } => 4,
        }
    }

    /// How many parts of the suffix are plain words.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.items().filter(|item| matches!(item, Item::Literal { .. })).count()
    }

    /// The dotted number that a member of this version's family would have, and what follows it: `tag` behind the
    /// prefix and its `v`, read no further. `None` when there is no number: then it is no member.
    ///
    /// Of a date this is the first part only.
    #[must_use]
    pub fn glance<'c>(&self, tag: &'c str) -> Option<(Numbers<'c>, &'c str)> {
        let rest = tag.strip_prefix(self.prefix)?;
        let (number, suffix) = number::dotted(rest.strip_prefix(['v', 'V']).unwrap_or(rest));
        (!number.is_empty()).then_some((Numbers::Dotted(number), suffix))
    }

    /// What stands before the number, less its `v`; every member of the family begins with it.
    #[must_use]
    pub fn prefix(&self) -> &'t str {
        self.prefix
    }

    /// How far it is from here to a newer version of the family (S6).
    #[must_use]
    pub fn level_to(&self, newer: &Self) -> Level {
        if let Some(level) = Level::between(self.numbers(), newer.numbers()) {
            return level;
        }
        match (self.second_version(), newer.second_version()) {
            (Some(ours), Some(theirs)) if ours != theirs => Level::between(ours, theirs).unwrap_or(Level::Build),
            _ if self.is_prerelease() => Level::Prerelease,
            _ => Level::Build,
        }
    }

    fn second_version(&self) -> Option<Numbers<'t>> {
        self.items().find_map(|item| match item {
            Item::SecondVersion { value, .. } => Some(value),
            _ => None,
        })
    }
}

impl fmt::Display for Version<'_> {
    /// The tag's own text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = if let Scheme::Date { within, .. } = self.scheme { within } else { "" };
        write!(f, "{}{}{}{within}{}", self.prefix, self.v, self.number, self.suffix)
    }
}

/// What cosign and its like store beside an image: `sha256-<64 hexadecimal>[.…]`, `….sig`, `….att`, `….sbom`.
fn is_artifact(text: &str) -> bool {
    let digest = |rest: &str| {
        let hexadecimal = rest.bytes().take(64).filter(|byte| is_hexadecimal(*byte)).count() == 64;
        hexadecimal && (rest.len() == 64 || from(rest, 64).starts_with('.'))
    };
    (text.starts_with('s') && text.strip_prefix("sha256-").is_some_and(digest))
        || (text.ends_with(['g', 't', 'm']) && [".sig", ".att", ".sbom"].iter().any(|end| text.ends_with(end)))
}

/// 7 to 40 lower-case hexadecimal characters with a digit and a letter, or 40 of any kind; `g` of git-describe before it.
fn is_commit(token: &str) -> bool {
    let id = token.strip_prefix('g').unwrap_or(token);
    if !(7..=40).contains(&id.len()) || !id.bytes().all(is_hexadecimal) {
        return false;
    }
    let digits = id.bytes().filter(u8::is_ascii_digit).count();
    id.len() == 40 || (digits > 0 && digits < id.len())
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Up to `-` or `_`.
fn first_token(text: &str) -> &str {
    let end = text.bytes().position(|byte| matches!(byte, b'-' | b'_'));
    leading(text, end.unwrap_or(text.len()))
}

/// The prefix, the `v`, and the rest that begins with a digit (S3.1, S3.3).
fn to_number(text: &str) -> Option<(&str, &str, &str)> {
    let mut rest = text;
    loop {
        let mut bytes = rest.bytes();
        let (first, second) = (bytes.next()?, bytes.next());
        let prefix = leading(text, text.len() - rest.len());
        if first.is_ascii_digit() {
            return Some((prefix, "", rest));
        }
        if matches!(first, b'v' | b'V') && second.is_some_and(|byte| byte.is_ascii_digit()) {
            return Some((prefix, leading(rest, 1), from(rest, 1)));
        }
        rest = from(rest, prefix_token(rest)?);
    }
}

/// The length of `word-`, `word_` or `letters.`.
fn prefix_token(rest: &str) -> Option<usize> {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        return None;
    }
    let after = |length: usize| rest.as_bytes().get(length).copied();
    if after(letters) == Some(b'.') {
        return Some(letters + 1);
    }
    let word = letters + from(rest, letters).bytes().take_while(u8::is_ascii_alphanumeric).count();
    matches!(after(word), Some(b'-' | b'_')).then_some(word + 1)
}

fn is_not_of_a_version(prefix: &str) -> bool {
    let word = prefix.trim_end_matches(['-', '_', '.']);
    let last = word.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
    let last = from(word, word.len() - last);
    NOT_OF_A_VERSION.iter().any(|other| last.eq_ignore_ascii_case(other))
}

/// `windows-2019-3.1.8`: a number right before a dotted number names the platform (S3.2).
fn platform_number<'t>(text: &'t str, prefix: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
    let (number, after) = number::dotted(rest);
    let version = after.strip_prefix('-')?;
    let dotted = number::dotted(version).0.contains('.');
    dotted.then(|| (leading(text, prefix.len() + number.len() + 1), version))
}

/// The first bytes of a text; all of it when that would cut a character.
fn leading(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

/// A text without its first bytes; nothing when that would cut a character.
fn from(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
