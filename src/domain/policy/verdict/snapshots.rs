//! The rule that speaks for or against a tag, and its words.

use super::*;
use crate::domain::policy::Counts;

/// What is made of each verdict there is.
pub(crate) fn all<T>(made: impl Fn(Verdict<'_>) -> T) -> Vec<T> {
    use Difference::{Commit, MaybeVariant, Precision, Prefix, Scheme, Variant, Year};
    let refused = Refused { status: 403, said: Some("DENIED: blocked by policy".into()) };
    let admission = Flaw::Admission("1.0.2 is not signed".into());
    let all = [
        Verdict::Taken(Level::Minor),
        Verdict::Lower(Level::Minor),
        Verdict::Running,
        Verdict::NotNewer,
        Verdict::Artifact,
        Verdict::Commit,
        Verdict::Named,
        Verdict::TooLarge,
        Verdict::OtherFamily(Scheme),
        Verdict::OtherFamily(Prefix("")),
        Verdict::OtherFamily(Prefix("release-")),
        Verdict::OtherFamily(Precision),
        Verdict::OtherFamily(Year),
        Verdict::OtherFamily(Commit),
        Verdict::OtherFamily(MaybeVariant("-2")),
        Verdict::OtherFamily(Variant("")),
        Verdict::OtherFamily(Variant("-alpine")),
        Verdict::CountedYear,
        Verdict::CountedOtherwise,
        Verdict::OtherRuntime,
        Verdict::MaybeSame,
        Verdict::OtherCount,
        Verdict::NotIncluded,
        Verdict::Excluded,
        Verdict::Prerelease,
        Verdict::BehindRelease,
        Verdict::BehindSecond,
        Verdict::BehindStep { first: "1.9.0" },
        Verdict::AboveStrategy(Level::Major),
        Verdict::WithoutLevel,
        Verdict::Missing,
        Verdict::Withheld(&refused),
        Verdict::Unreleased(Standing::Prerelease),
        Verdict::Unreleased(Standing::Withdrawn),
        Verdict::Unfit(&Flaw::NoManifest),
        Verdict::Unfit(&Flaw::NoImage),
        Verdict::Unfit(&Flaw::AnotherDigest),
        Verdict::Unfit(&Flaw::Schema1),
        Verdict::Unfit(&Flaw::NoCommand),
        Verdict::Unfit(&admission),
        Verdict::Skipped,
        Verdict::Cooldown { until: DateTime::UNIX_EPOCH, counts: Counts::FirstSeen },
        Verdict::Cooldown { until: DateTime::UNIX_EPOCH, counts: Counts::Pushed },
        Verdict::OutsidePattern,
        Verdict::WithoutOrder,
        Verdict::NothingToCompare,
    ];
    all.into_iter().map(made).collect()
}

#[test]
fn verdicts() {
    let said = all(|verdict| {
        let held = if verdict.is_held_back() { "held back" } else { "" };
        format!("{:<8} {:<19} {held:<4}  {verdict}\n", verdict.rule(), verdict.word())
    });
    let said = said.concat();
    insta::assert_snapshot!(said);
}
