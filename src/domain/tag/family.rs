//! Which tags are of one kind (S3, S4.5): what must stay equal when a version changes.

use std::fmt;

use super::{Item, Items, Scheme, Version, number};

/// A first component below this one is that of a version.
const SMALL: u64 = 100;
/// From this first component on, builds are counted, if it is no year.
const LARGE: u64 = 1000;

/// Why two versions are of different families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference<'t> {
    /// A date beside a version, a build number, or a date that is written otherwise (S2).
    Scheme,
    /// Other words before the number (S3.1).
    Prefix(&'t str),
    /// One, two or more components (S3.4).
    Precision,
    /// A year beside a small number (S3.5).
    Year,
    /// Another commit (S4.7).
    Commit,
    /// Another number behind the same commit: it may name a variant, which one commit can't show (S4.7).
    MaybeVariant(&'t str),
    /// Another variant (S4): the part of the candidate's suffix, or nothing where the running tag has more; or its number, which
    /// names another build of Windows.
    Variant(&'t str),
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("other numbering scheme"),
            Self::Prefix("") => f.write_str("without the prefix of the running tag"),
            Self::Prefix(prefix) => write!(f, "other prefix {prefix}"),
            Self::Precision => f.write_str("other count of components"),
            Self::Year => f.write_str("a year and a small number can't be compared"),
            Self::Commit => f.write_str("other commit"),
            Self::MaybeVariant(part) => {
                write!(f, "{part} may be another variant: one commit doesn't show what it counts")
            }
            Self::Variant("") => f.write_str("without the variant of the running tag"),
            Self::Variant(part) => write!(f, "other variant {part}"),
        }
    }
}

/// What an item must have in common with another (S4.5): not its value.
fn same_label(one: &Item<'_>, other: &Item<'_>) -> bool {
    match (one, other) {
        (Item::Counter { separator, name, .. }, Item::Counter { separator: before, name: word, .. }) => {
            separator == before && name.eq_ignore_ascii_case(word)
        }
        (Item::Date { separator, .. }, Item::Date { separator: before, .. })
        | (Item::Hexadecimal { separator }, Item::Hexadecimal { separator: before })
        | (Item::Seconds { separator, .. }, Item::Seconds { separator: before, .. })
        | (Item::Integer { separator, .. }, Item::Integer { separator: before, .. }) => separator == before,
        (
            Item::SecondVersion { separator, value, count },
            Item::SecondVersion { separator: before, value: another, count: components },
        ) => separator == before && count == components && !value.has_other_system(*another),
        (Item::Literal { separator, text }, Item::Literal { separator: before, text: words }) => {
            separator == before && text == words
        }
        _ => false,
    }
}

/// Whether two items of one label are one variant behind a commit: there, only what is known to count may grow (S4.7).
fn same_behind_commit(one: &Item<'_>, other: &Item<'_>) -> bool {
    match (one, other) {
        (Item::Integer { value, .. }, Item::Integer { value: another, .. })
        | (Item::SecondVersion { value, .. }, Item::SecondVersion { value: another, .. }) => value == another,
        _ => true,
    }
}

/// The next item that belongs to the family, and where in the suffix it begins.
fn next_of<'t>(items: &mut Items<'t>) -> Option<(Item<'t>, &'t str)> {
    loop {
        let before = items.rest();
        match items.next()? {
            Item::Stage { .. } | Item::Post { .. } => {}
            item => return Some((item, before)),
        }
    }
}

impl Version<'_> {
    /// What tells a candidate from this version's family; `None` when it is of the same family.
    #[must_use]
    pub fn difference<'c>(&self, candidate: &Version<'c>) -> Option<Difference<'c>> {
        if !self.same_scheme(candidate) {
            return Some(Difference::Scheme);
        }
        if self.prefix != candidate.prefix {
            return Some(if self.is_of_commit() { Difference::Commit } else { Difference::Prefix(candidate.prefix) });
        }
        if self.precision() != candidate.precision() {
            return Some(Difference::Precision);
        }
        if self.is_year() != candidate.is_year() {
            return Some(Difference::Year);
        }
        if number::has_other_system(self.number, candidate.number) {
            return Some(Difference::Variant(candidate.number));
        }
        self.other_variant(candidate)
    }

    /// Whether a member of the family is counted otherwise than this one, in some place of its number (S3.8): by a date
    /// where this one has none, or by builds where this one has small numbers. It is never gone there.
    #[must_use]
    pub fn counts_otherwise(&self, member: &Version<'_>) -> bool {
        let plain = |version: &Version<'_>| matches!(version.scheme, Scheme::Dotted { .. });
        if !plain(self) || !plain(member) {
            return false;
        }
        let jumps = member.numbers().first() >= LARGE && self.numbers().first() < SMALL;
        jumps || number::has_other_time(self.number, member.number)
    }

    /// Whether a letter right before it makes its number one of builds: `r1070` (S3.6).
    #[must_use]
    pub fn is_lettered(&self) -> bool {
        matches!(self.scheme, Scheme::Build) && self.prefix.ends_with(|c: char| c.is_ascii_alphabetic())
    }

    /// Whether its suffix names a variant: then a number without suffix is of another family.
    #[must_use]
    pub fn has_variant(&self) -> bool {
        next_of(&mut self.items()).is_some()
    }

    fn other_variant<'c>(&self, candidate: &Version<'c>) -> Option<Difference<'c>> {
        let (mut ours, mut theirs) = (self.items(), candidate.items());
        loop {
            match (next_of(&mut ours), next_of(&mut theirs)) {
                (None, None) => return None,
                (Some((one, _)), Some((other, part))) if same_label(&one, &other) => {
                    if self.is_of_commit() && !same_behind_commit(&one, &other) {
                        return Some(Difference::MaybeVariant(part));
                    }
                }
                (_, Some((_, part))) => return Some(Difference::Variant(part)),
                (Some(_), None) => return Some(Difference::Variant("")),
            }
        }
    }

    fn same_scheme(&self, other: &Version<'_>) -> bool {
        match (self.scheme, other.scheme) {
            (Scheme::Dotted { .. }, Scheme::Dotted { .. })
            | (Scheme::Build, Scheme::Build)
            | (Scheme::Commit, Scheme::Commit) => true,
            (Scheme::Date { date, .. }, Scheme::Date { date: other, .. }) => date.shape() == other.shape(),
            _ => false,
        }
    }

    /// One component, two, or a full version (S3.4).
    fn precision(&self) -> usize {
        match self.scheme {
            Scheme::Dotted { count } => count.min(3),
            Scheme::Build | Scheme::Date { .. } | Scheme::Commit => 1,
        }
    }

    /// Whether the first component looks like a year (S3.5).
    fn is_year(&self) -> bool {
        let first = self.number.split('.').next().unwrap_or_default();
        let plain = matches!(self.scheme, Scheme::Dotted { .. });
        plain && first.len() == 4 && first.parse::<u16>().is_ok_and(|year| (1990..=2099).contains(&year))
    }
}
