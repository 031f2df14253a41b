//! Why a candidate is taken or refused: closed, cheap to make, and put into words only when asked.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Counts, Refused};
use crate::domain::preflight::Flaw;
use crate::domain::standing::Standing;
use crate::domain::tag::{Difference, Level};

/// Why a workload's own pattern and order have no place for what runs, so that nothing is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum Unmatched {
    /// The pattern doesn't match it.
    #[error(
        "the running tag is outside image-watcher/tag-policy, so that nothing is newer than it; write one that takes it, or set the image to a tag that is taken"
    )]
    Pattern,
    /// The pattern matches it, and it has no place in that order.
    #[error(
        "the running tag has no place in image-watcher/tag-order, so that nothing is newer than it; write an order that has one, or name what of it is compared, as in regex:^build-(?P<compare>[0-9]+)$"
    )]
    Order,
}

/// What was found about one tag of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict<'t> {
    /// The one to go to.
    Taken(Level),
    /// It could be taken; another one is higher.
    Lower(Level),
    /// It is what runs.
    Running,
    /// It is the running version, or older.
    NotNewer,
    /// A signature or its like.
    Artifact,
    /// It names a commit.
    Commit,
    /// It has no number to compare by.
    Named,
    /// It counts beyond 10^18.
    TooLarge,
    /// It is another kind of thing than what runs.
    OtherFamily(Difference<'t>),
    /// It begins with a year of two digits and a month, and the running version doesn't.
    CountedYear,
    /// A date or a build number stands in its number where the running one has a version.
    CountedOtherwise,
    /// The number behind the version names a runtime here, and this one is another.
    OtherRuntime,
    /// It may be the running image by a longer or shorter name.
    MaybeSame,
    /// Versions with as many components as the running one go first.
    OtherCount,
    /// `image-watcher/include` doesn't find anything in it.
    NotIncluded,
    /// `image-watcher/exclude` names it.
    Excluded,
    /// A prerelease, and releases are followed.
    Prerelease,
    /// A prerelease, and a release can be taken.
    BehindRelease,
    /// The version of its other part goes further than the strategy, and one that doesn't can be taken.
    BehindSecond,
    /// A step is not jumped over, and something of a nearer one goes first.
    BehindStep {
        /// What.
        first: &'t str,
    },
    /// The strategy doesn't go so far.
    AboveStrategy(Level),
    /// The operator forces a strategy, and how far this tag is can't be said.
    WithoutLevel,
    /// It is listed, and the registry has no manifest for it.
    Missing,
    /// It is listed, and the registry refuses it to whom it gives the list.
    Withheld(&'t Refused),
    /// Its project marks it as a prerelease, or took its release back.
    Unreleased(Standing),
    /// It would not start, or may not be written.
    Unfit(&'t Flaw),
    /// `image-watcher/skip` names it.
    Skipped,
    /// It has not been known for long enough.
    Cooldown {
        /// When it will have been.
        until: DateTime<Utc>,
        /// From when that is counted.
        counts: Counts,
    },
    /// The workload's own pattern doesn't match it.
    OutsidePattern,
    /// The workload's own pattern matches it, and it has no place in that order.
    WithoutOrder,
    /// The running tag has no order, so nothing is compared with it.
    NothingToCompare,
}

impl Verdict<'_> {
    /// The rule of `docs/policy.md` that says so.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Artifact | Self::Commit | Self::Named | Self::TooLarge | Self::OtherFamily(Difference::Scheme) => {
                "S2"
            }
            Self::OtherFamily(Difference::Prefix(_)) => "S3.1",
            Self::OtherFamily(Difference::Precision) | Self::MaybeSame | Self::OtherCount => "S3.4",
            Self::OtherFamily(Difference::Year) => "S3.5",
            Self::CountedYear => "S3.7",
            Self::CountedOtherwise => "S3.8",
            Self::OtherFamily(Difference::Variant(_)) => "S4",
            Self::OtherFamily(Difference::Commit | Difference::MaybeVariant(_)) => "S4.7",
            Self::OtherRuntime => "S4.6",
            Self::Prerelease | Self::BehindRelease | Self::Unreleased(_) => "S5",
            Self::AboveStrategy(_) | Self::BehindSecond => "S6",
            Self::Taken(_)
            | Self::Lower(_)
            | Self::Running
            | Self::NotNewer
            | Self::Missing
            | Self::Withheld(_)
            | Self::NothingToCompare => "S8",
            Self::NotIncluded => "include",
            Self::Excluded => "exclude",
            Self::Skipped => "skip",
            Self::BehindStep { .. } => "steps",
            Self::Cooldown { .. } => "cooldown",
            Self::Unfit(_) => "preflight",
            Self::OutsidePattern | Self::WithoutOrder | Self::WithoutLevel => "S9",
        }
    }

    /// One word for metrics and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Taken(_) => "taken",
            Self::Lower(_) => "lower",
            Self::Running => "running",
            Self::NotNewer => "not_newer",
            Self::Artifact => "artifact",
            Self::Commit => "commit",
            Self::Named => "named",
            Self::TooLarge => "too_large",
            Self::OtherFamily(Difference::Scheme) => "other_scheme",
            Self::OtherFamily(Difference::Prefix(_)) => "other_prefix",
            Self::OtherFamily(Difference::Precision) => "other_precision",
            Self::OtherFamily(Difference::Year) => "year",
            Self::OtherFamily(Difference::Variant(_)) => "other_variant",
            Self::OtherFamily(Difference::Commit) => "other_commit",
            Self::OtherFamily(Difference::MaybeVariant(_)) => "maybe_variant",
            Self::CountedYear => "counted_year",
            Self::CountedOtherwise => "counted_otherwise",
            Self::OtherRuntime => "other_runtime",
            Self::MaybeSame => "maybe_same",
            Self::OtherCount => "other_count",
            Self::NotIncluded => "not_included",
            Self::Excluded => "excluded",
            Self::Prerelease => "prerelease",
            Self::BehindRelease => "behind_release",
            Self::BehindSecond => "behind_second",
            Self::BehindStep { .. } => "behind_step",
            Self::AboveStrategy(_) => "above_strategy",
            Self::WithoutLevel => "without_level",
            Self::Missing => "missing",
            Self::Withheld(_) => "withheld",
            Self::Unreleased(_) => "unreleased",
            Self::Unfit(flaw) => flaw.word(),
            Self::Skipped => "skipped",
            Self::Cooldown { .. } => "cooldown",
            Self::OutsidePattern => "outside_pattern",
            Self::WithoutOrder => "without_order",
            Self::NothingToCompare => "nothing_to_compare",
        }
    }

    /// Why the workload's own pattern and order have no place for what runs, where this is said of it.
    #[must_use]
    pub fn unmatched(&self) -> Option<Unmatched> {
        match self {
            Self::OutsidePattern => Some(Unmatched::Pattern),
            Self::WithoutOrder => Some(Unmatched::Order),
            _ => None,
        }
    }

    /// Newer and of the same kind, but held back: what a change of settings, or time, would let through.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        matches!(
            self,
            Self::AboveStrategy(_)
                | Self::BehindSecond
                | Self::BehindStep { .. }
                | Self::WithoutLevel
                | Self::Missing
                | Self::Withheld(_)
                | Self::Unreleased(_)
                | Self::Unfit(_)
                | Self::Prerelease
                | Self::Skipped
                | Self::Excluded
                | Self::NotIncluded
                | Self::Cooldown { .. }
                | Self::MaybeSame
        )
    }
}

impl fmt::Display for Verdict<'_> {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Taken(level) => return write!(f, "{level}"),
            Self::AboveStrategy(level) => return write!(f, "{level}, beyond the strategy"),
            Self::Cooldown { until, counts } => {
                let until = until.format("%Y-%m-%d %H:%M");
                return write!(f, "in cooldown until {until} UTC, counted {}", counts.words());
            }
            Self::OtherFamily(difference) => return write!(f, "{difference}"),
            Self::BehindStep { first } => return write!(f, "behind a step: {first} first"),
            Self::Unreleased(standing) => return write!(f, "{standing}"),
            Self::Withheld(refused) => return write!(f, "its registry refuses it: {refused}"),
            Self::Unfit(flaw @ Flaw::Admission(_)) => return write!(f, "{flaw}"),
            Self::Unfit(flaw) => return write!(f, "it would not start: {flaw}"),
            Self::Lower(_) => "lower than the one that is taken",
            Self::Running => "what runs",
            Self::NotNewer => "not newer than what runs",
            Self::Artifact => "a signature, attestation or bill of materials",
            Self::Commit => "names a commit",
            Self::Named => "not a version",
            Self::TooLarge => "counts beyond 10^18",
            Self::CountedYear => "a year of two digits beside versions",
            Self::CountedOtherwise => "a date or build number where the running version has none",
            Self::BehindSecond => "its second version goes beyond the strategy, and another's doesn't",
            Self::OtherRuntime => "the number behind the version names another runtime",
            Self::MaybeSame => "may be the running image by another name",
            Self::OtherCount => "versions with as many components as the running one go first",
            Self::NotIncluded => "not in image-watcher/include",
            Self::Excluded => "in image-watcher/exclude",
            Self::Prerelease => "prerelease, and image-watcher/prerelease is false",
            Self::BehindRelease => "prerelease, and a release can be taken",
            Self::WithoutLevel => "no version, so that the strategy that is forced can't be held",
            Self::Missing => "listed, and has no manifest",
            Self::Skipped => "in image-watcher/skip",
            Self::OutsidePattern => "outside image-watcher/tag-policy",
            Self::WithoutOrder => "no place in image-watcher/tag-order",
            Self::NothingToCompare => "the running tag has no order",
        };
        f.write_str(text)
    }
}

#[cfg(test)]
pub(crate) mod snapshots;
