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
mod prefix;
mod suffix;

use std::fmt;

pub use date::{Date, Shape};
pub use family::Difference;
pub use number::{Numbers, YearAndMonth};
pub use suffix::{Item, Items, Stage};

use prefix::Start;

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
    /// None: it is a build of the commit that stands where others have a prefix.
    Commit,
}

/// How far apart two versions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// From this count of digits on, a single number counts builds (S2).
const BUILD_DIGITS: usize = 5;

impl<'t> Class<'t> {
    /// Reads any text.
    #[must_use]
    pub fn read(text: &'t str) -> Self {
        match Version::plain(text) {
            Some(version) => Self::Version(version),
            None => Self::of_any(text),
        }
    }

    fn of_any(text: &'t str) -> Self {
        if is_artifact(text) {
            return Self::Artifact;
        }
        if is_commit(first_token(text)) || (text.len() == 64 && text.bytes().all(is_hexadecimal)) {
            return Self::Commit;
        }
        let Some(start) = Start::of(text) else { return Self::Named };
        if start.is_commit() {
            return Self::Commit;
        }
        if start.is_of_something_else() {
            return Self::Named;
        }
        let version = Version::dated(&start).unwrap_or_else(|| Version::numbered(&start));
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

    /// Reads a text as anything that has an order: a version, a date, a build number, or a build of a commit (S4.7).
    #[must_use]
    pub fn ordered(text: &'t str) -> Option<Self> {
        match Class::read(text) {
            Class::Version(version) => Some(version),
            Class::Commit => Self::behind_commit(text),
            _ => None,
        }
    }

    /// Reads a candidate for this one: a build of a commit meets builds of commits only.
    ///
    /// # Errors
    /// The candidate's class, when it has nothing to compare.
    pub fn read_candidate<'c>(&self, tag: &'c str) -> Result<Version<'c>, Class<'c>> {
        match Class::read(tag) {
            Class::Version(version) => Ok(version),
            Class::Commit if self.is_of_commit() => Version::behind_commit(tag).ok_or(Class::Commit),
            other => Err(other),
        }
    }

    /// What stands behind a commit, if it can be compared: it tells nothing of a release, and counts nothing too large.
    fn behind_commit(text: &'t str) -> Option<Self> {
        let commit = first_token(text);
        let suffix = from(text, commit.len());
        let version = Self { prefix: commit, v: "", number: "", scheme: Scheme::Commit, suffix };
        let comparable = is_commit(commit) && !suffix.is_empty();
        (comparable && !version.is_prerelease() && !version.counts_too_far()).then_some(version)
    }

    /// `1.25.3`: most tags of most lists, which nothing else can be taken for, read in one sweep.
    fn plain(text: &'t str) -> Option<Self> {
        let count = number::plain(text)?;
        Some(Self { prefix: "", v: "", number: text, scheme: Scheme::Dotted { count }, suffix: "" })
    }

    fn dated(start: &Start<'t>) -> Option<Self> {
        let (date, after) = if start.is_lettered() { None } else { Date::read(start.rest) }?;
        let within = leading(after, number::dotted_length(after));
        let number = leading(start.rest, start.rest.len() - after.len());
        let suffix = from(after, within.len());
        Some(Self { prefix: start.prefix, v: start.v, number, scheme: Scheme::Date { date, within }, suffix })
    }

    fn numbered(start: &Start<'t>) -> Self {
        let start = start.platform().unwrap_or(*start);
        let (number, suffix) = number::dotted(start.rest);
        let count = number::count(number);
        let is_build = count == 1 && (number.len() >= BUILD_DIGITS || start.is_lettered());
        let scheme = if is_build { Scheme::Build } else { Scheme::Dotted { count } };
        Self { prefix: start.prefix, v: start.v, number, scheme, suffix }
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
            Scheme::Dotted { .. } | Scheme::Build | Scheme::Commit => Numbers::Dotted(self.number),
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
            Scheme::Build | Scheme::Date { .. } | Scheme::Commit => true,
        }
    }

    /// Whether its first numbers name steps on the way: those of a build, and of what was built from a commit, do not.
    #[must_use]
    pub fn has_steps(&self) -> bool {
        matches!(self.scheme, Scheme::Dotted { .. } | Scheme::Date { .. })
    }

    /// How many components the number has; a date has four, with its time.
    #[must_use]
    pub fn components(&self) -> usize {
        match self.scheme {
            Scheme::Dotted { count } => count,
            Scheme::Build => 1,
            Scheme::Date { .. } => 4,
            Scheme::Commit => 0,
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
    /// Of a date this is the first part only; a build of a commit has none.
    #[must_use]
    pub fn glance<'c>(&self, tag: &'c str) -> Option<(Numbers<'c>, &'c str)> {
        let rest = if self.prefix.is_empty() { tag } else { tag.strip_prefix(self.prefix)? };
        if self.is_of_commit() {
            return Some((Numbers::Dotted(""), rest));
        }
        let (number, suffix) = number::dotted(rest.strip_prefix(['v', 'V']).unwrap_or(rest));
        (!number.is_empty()).then_some((Numbers::Dotted(number), suffix))
    }

    /// Whether it is a build of a commit, which is compared by what stands behind the commit alone (S4.7).
    #[must_use]
    pub fn is_of_commit(&self) -> bool {
        matches!(self.scheme, Scheme::Commit)
    }

    /// What stands before the number, less its `v`; every member of the family begins with it.
    #[must_use]
    pub fn prefix(&self) -> &'t str {
        self.prefix
    }

    /// How far it is from here to a newer version of the family (S6).
    #[must_use]
    pub fn level_to(&self, newer: &Self) -> Level {
        let further = Level::between(self.numbers(), newer.numbers()).or_else(|| self.second_level_to(newer));
        further.unwrap_or_else(|| if self.is_prerelease() { Level::Prerelease } else { Level::Build })
    }

    /// How far it is to the version of the other part that a member of the family has; `None` when it is the same, or
    /// there is none.
    #[must_use]
    pub fn second_level_to(&self, member: &Version<'_>) -> Option<Level> {
        let (ours, theirs) = (self.second_version()?, member.second_version()?);
        let level = Level::between(ours, theirs)?;
        Some(if ours.ends_in_seconds() && theirs.ends_in_seconds() { Level::Build } else { level })
    }

    /// The version of another part: `3.4` of `16-3.4`.
    #[must_use]
    pub fn second_version(&self) -> Option<Numbers<'t>> {
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

/// The first bytes of a text; all of it when that would cut a character.
fn leading(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

/// How many digits a text begins with.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// A text without its first bytes; nothing when that would cut a character.
fn from(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
