//! What was found about a tag, for whoever says it when the list it stood in is gone.

use super::{Refused, Verdict};
use crate::domain::preflight::Flaw;
use crate::domain::tag::Difference;

/// A [`Verdict`] that owns what it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling(Kept);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    /// It speaks of nothing that is borrowed.
    Whole(Verdict<'static>),
    Step(String),
    Withheld(Refused),
    Unfit(Flaw),
    Prefix(String),
    Variant(String),
    MaybeVariant(String),
}

impl Ruling {
    /// What was found.
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        match &self.0 {
            Kept::Whole(verdict) => *verdict,
            Kept::Step(first) => Verdict::BehindStep { first },
            Kept::Withheld(refused) => Verdict::Withheld(refused),
            Kept::Unfit(flaw) => Verdict::Unfit(flaw),
            Kept::Prefix(prefix) => Verdict::OtherFamily(Difference::Prefix(prefix)),
            Kept::Variant(part) => Verdict::OtherFamily(Difference::Variant(part)),
            Kept::MaybeVariant(part) => Verdict::OtherFamily(Difference::MaybeVariant(part)),
        }
    }
}

impl From<Verdict<'_>> for Ruling {
    fn from(verdict: Verdict<'_>) -> Self {
        Self(match verdict {
            Verdict::BehindStep { first } => Kept::Step(first.to_owned()),
            Verdict::Withheld(refused) => Kept::Withheld(refused.clone()),
            Verdict::Unfit(flaw) => Kept::Unfit(flaw.clone()),
            Verdict::OtherFamily(Difference::Prefix(prefix)) => Kept::Prefix(prefix.to_owned()),
            Verdict::OtherFamily(Difference::Variant(part)) => Kept::Variant(part.to_owned()),
            Verdict::OtherFamily(Difference::MaybeVariant(part)) => Kept::MaybeVariant(part.to_owned()),
            Verdict::OtherFamily(Difference::Scheme) => whole(Verdict::OtherFamily(Difference::Scheme)),
            Verdict::OtherFamily(Difference::Precision) => whole(Verdict::OtherFamily(Difference::Precision)),
            Verdict::OtherFamily(Difference::Year) => whole(Verdict::OtherFamily(Difference::Year)),
            Verdict::OtherFamily(Difference::Commit) => whole(Verdict::OtherFamily(Difference::Commit)),
            Verdict::Taken(level) => whole(Verdict::Taken(level)),
            Verdict::Lower(level) => whole(Verdict::Lower(level)),
            Verdict::AboveStrategy(level) => whole(Verdict::AboveStrategy(level)),
            Verdict::Unreleased(standing) => whole(Verdict::Unreleased(standing)),
            Verdict::Cooldown { until, counts } => whole(Verdict::Cooldown { until, counts }),
            Verdict::Running => whole(Verdict::Running),
            Verdict::NotNewer => whole(Verdict::NotNewer),
            Verdict::Artifact => whole(Verdict::Artifact),
            Verdict::Commit => whole(Verdict::Commit),
            Verdict::Named => whole(Verdict::Named),
            Verdict::TooLarge => whole(Verdict::TooLarge),
            Verdict::CountedYear => whole(Verdict::CountedYear),
            Verdict::CountedOtherwise => whole(Verdict::CountedOtherwise),
            Verdict::OtherRuntime => whole(Verdict::OtherRuntime),
            Verdict::MaybeSame => whole(Verdict::MaybeSame),
            Verdict::OtherCount => whole(Verdict::OtherCount),
            Verdict::NotIncluded => whole(Verdict::NotIncluded),
            Verdict::Excluded => whole(Verdict::Excluded),
            Verdict::Prerelease => whole(Verdict::Prerelease),
            Verdict::BehindRelease => whole(Verdict::BehindRelease),
            Verdict::BehindSecond => whole(Verdict::BehindSecond),
            Verdict::WithoutLevel => whole(Verdict::WithoutLevel),
            Verdict::Missing => whole(Verdict::Missing),
            Verdict::Skipped => whole(Verdict::Skipped),
            Verdict::OutsidePattern => whole(Verdict::OutsidePattern),
            Verdict::WithoutOrder => whole(Verdict::WithoutOrder),
            Verdict::NothingToCompare => whole(Verdict::NothingToCompare),
        })
    }
}

fn whole(verdict: Verdict<'static>) -> Kept {
    Kept::Whole(verdict)
}
