//! Tag → family and version, and the order inside a family.
//!
//! Only tags of the form `[v]X.Y.Z[suffix]` carry a version here. The suffix, less its prerelease, is the *family*:
//! `1.25.3-alpine` only ever meets `-alpine`. Everything else (`latest`, `bookworm`, `1.25`, a commit id) is named:
//! it has no order, and only its digest can change.

use std::cmp::Ordering;

use super::reference::Tag;

/// A tag read as a version of a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<'t> {
    order: semver::Version,
    /// The letter `v` before the number is no part of the family.
    v: bool,
    /// What must stay equal between two versions: the suffix without its prerelease.
    family: &'t str,
}

/// How far apart two versions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The same numbers: a release after its prerelease.
    Prerelease,
    /// The third number changed.
    Patch,
    /// The second number changed.
    Minor,
    /// The first number changed.
    Major,
    /// The same tag points to another manifest.
    Digest,
}

impl Level {
    /// The word for it, as in messages, metrics and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prerelease => "prerelease",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Digest => "digest",
        }
    }
}

/// Words that begin a prerelease, from the earliest stage to the latest.
const STAGES: [&str; 8] = ["alpha", "beta", "milestone", "preview", "pre", "rc", "cr", "ea"];

impl<'t> Version<'t> {
    /// Reads a tag; `None` when it carries no version of three numbers.
    ///
    /// Numbers of 10^18 and more are no versions, so that no arithmetic can overflow.
    #[must_use]
    pub fn read(tag: &'t Tag) -> Option<Self> {
        let text = tag.as_str();
        let (v, rest) = match text.strip_prefix(['v', 'V']) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (major, rest) = number(rest)?;
        let (minor, rest) = number(rest.strip_prefix('.')?)?;
        let (patch, suffix) = number(rest.strip_prefix('.')?)?;
        if suffix.starts_with(|c: char| c == '.' || c.is_ascii_alphanumeric()) && stage(suffix).is_none() {
            return None;
        }
        let mut order = semver::Version::new(major, minor, patch);
        let mut family = suffix;
        if let Some((prerelease, rest)) = stage(suffix) {
            order.pre = prerelease;
            family = rest;
        }
        Some(Self { order, v, family })
    }

    /// Whether both are versions of the same kind of image.
    #[must_use]
    pub fn same_family(&self, other: &Self) -> bool {
        self.family == other.family
    }

    /// Whether it is before a release.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        !self.order.pre.is_empty()
    }

    /// Whether the three numbers are equal.
    #[must_use]
    pub fn same_numbers(&self, other: &Self) -> bool {
        self.level_to(other) == Level::Prerelease
    }

    /// How far it is from here to `other`.
    #[must_use]
    pub fn level_to(&self, other: &Self) -> Level {
        if self.order.major != other.order.major {
            Level::Major
        } else if self.order.minor != other.order.minor {
            Level::Minor
        } else if self.order.patch != other.order.patch {
            Level::Patch
        } else {
            Level::Prerelease
        }
    }

    /// Order inside a family; call it for versions of the same family only.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }

    /// Whether both write the `v`, or both leave it out.
    #[must_use]
    pub fn same_form(&self, other: &Self) -> bool {
        self.v == other.v
    }
}

/// Digits at the beginning, and the rest. No leading zero unless it is the number zero.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let value: u64 = digits.parse().ok()?;
    (value < 1_000_000_000_000_000_000).then_some((value, rest))
}

/// A prerelease at the beginning of a suffix, and what follows it: `-rc.1-alpine` → (`5.rc.1`, `-alpine`).
///
/// The stage is given a rank, as `milestone` sorts before `beta` by letters only.
fn stage(suffix: &str) -> Option<(semver::Prerelease, &str)> {
    let body = suffix.trim_start_matches(['-', '.', '_']);
    let word_end = body.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(body.len());
    let (word, rest) = body.split_at_checked(word_end)?;
    let rank = STAGES.iter().position(|stage| word.eq_ignore_ascii_case(stage))?;
    let separated = rest.strip_prefix(['.', '-', '_']).filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    let counted = separated.unwrap_or(rest);
    let (count, after) = number(counted).unwrap_or((0, rest));
    let ends = after.is_empty() || after.starts_with(['-', '_', '+']);
    let prerelease = semver::Prerelease::new(&format!("{rank}.{count}")).ok()?;
    ends.then_some((prerelease, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(text: &str) -> Tag {
        Tag::parse(text).unwrap()
    }

    #[test]
    fn a_version_has_three_numbers_and_a_family() {
        let cases = [
            ("1.2.3", Some((false, ""))),
            ("v1.2.3", Some((true, ""))),
            ("1.25.3-alpine", Some((false, "-alpine"))),
            ("1.25.3-alpine3.19", Some((false, "-alpine3.19"))),
            ("2.0.0-rc.1", Some((true, ""))),
            ("2.0.0-rc1-alpine", Some((true, "-alpine"))),
            ("2.0.0rc1", Some((true, ""))),
            ("1.2", None),
            ("1.2.3.4", None),
            ("1.2.3a", None),
            ("latest", None),
            ("v", None),
            ("1..2", None),
            ("99999999999999999999.0.0", None),
            ("1000000000000000000.0.0", None),
        ];
        for (text, expected) in cases {
            let tag = tag(text);
            let version = Version::read(&tag);
            assert_eq!(version.is_some(), expected.is_some(), "{text}");
            if let (Some(version), Some((flag, family))) = (version, expected) {
                assert_eq!(version.family, family, "{text}");
                assert_eq!(version.v || version.is_prerelease(), flag, "{text}");
            }
        }
    }

    #[test]
    fn versions_rise_by_number_not_by_letter() {
        let rising =
            ["1.0.9", "1.0.10-alpha2", "1.0.10-beta1", "1.0.10-rc.9", "1.0.10-rc.20", "1.0.10", "1.2.0", "2.0.0"];
        for pair in rising.windows(2) {
            let (low, high) = (tag(pair[0]), tag(pair[1]));
            let order = Version::read(&low).unwrap().compare(&Version::read(&high).unwrap());
            assert_eq!(order, Ordering::Less, "{low} < {high}");
        }
    }

    proptest! {
        #[test]
        fn no_tag_panics(text in "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}") {
            let tag = tag(&text);
            let _ = Version::read(&tag);
        }

        #[test]
        fn order_is_antisymmetric(a in "[0-9]{1,2}\\.[0-9]\\.[0-9](-rc[0-9])?", b in "[0-9]{1,2}\\.[0-9]\\.[0-9](-rc[0-9])?") {
            let (a, b) = (tag(&a), tag(&b));
            if let (Some(a), Some(b)) = (Version::read(&a), Version::read(&b)) {
                prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
            }
        }
    }
}
