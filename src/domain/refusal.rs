//! Why an answer to a question is not carried out: the question would not be asked today. Closed, and put into words only
//! where it is shown.

use chrono::{DateTime, Utc};

use super::policy::{Doubt, Strategy, Track, Verdict};
use super::preflight::Flaw;
use super::reference::Tag;
use super::settings::Problems;
use super::standing::Standing;
use super::tag::Level;
use super::workload::WorkloadId;

/// What speaks against doing now what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The settings of the workload are not understood.
    Settings(Problems),
    /// The workload is left alone.
    Disabled {
        /// Whether the operator says so, and not the workload.
        forced: bool,
    },
    /// The workload now follows what its tag points to, or versions, and was asked about the other.
    OtherTrack(Track),
    /// The strategy doesn't go so far.
    AboveStrategy {
        /// How far it is.
        level: Level,
        /// The strategy.
        strategy: Strategy,
        /// Whether the operator says so, and not the workload.
        forced: bool,
    },
    /// A step is not jumped over, and this of a nearer one goes first.
    BehindStep(String),
    /// The operator forces a strategy, and how far this version is can't be said.
    WithoutLevel,
    /// `image-watcher/include` doesn't find anything in it.
    NotIncluded,
    /// `image-watcher/exclude` names it.
    Excluded,
    /// A prerelease, and releases are followed.
    Prerelease,
    /// `image-watcher/skip` names it.
    Skipped,
    /// It has not been known for long enough.
    Cooldown(DateTime<Utc>),
    /// Nothing may be applied until then.
    OutsideWindow(DateTime<Utc>),
    /// The workload's own pattern takes it or what runs no more, or has no order for it.
    OutsidePattern,
    /// It is no newer than what runs.
    NotNewer,
    /// It is another kind of thing than what runs.
    OtherKind,
    /// It is not known to have run here, and is to be gone back to.
    NeverRan,
    /// The registry has it no more.
    Withdrawn,
    /// Its project marks it as a prerelease, or took its release back.
    Unreleased(Standing),
    /// It would not start, or may not be written.
    Unfit(Flaw),
    /// Tags are ordered by when they were pushed, and the registry does not say when that was.
    Untimed,
    /// The registry's list of tags is not believed.
    List(Doubt),
    /// Nothing is written at all.
    DryRun,
    /// A program answers, and more than one person has to approve.
    NoPerson,
    /// What speaks against one member of the group going to its version, as all go or none.
    Member(Box<(WorkloadId, Tag, Refusal)>),
    /// This member of the group is deleted, was made anew, or left it.
    MemberGone(String),
    /// This one runs something else than when people were asked.
    MemberChanged(String),
    /// The tag of this one points to something else.
    MemberMoved(String),
    /// This one is of the group now, and people were not asked about it.
    MemberJoined(String),
    /// The rollouts of this one are paused.
    MemberPaused(String),
    /// An update of this one is under way.
    MemberUnderWay(String),
    /// This one holds the version.
    MemberHolds(String),
    /// This one may not be written.
    MemberNotWritable(String),
}

impl Refusal {
    /// What a verdict on a version speaks against it, if it does: that another version is newer or nearer does not, as a
    /// person chose this one.
    #[must_use]
    pub fn of(verdict: Verdict<'_>, strategy: Strategy, is_forced: bool) -> Option<Self> {
        Some(match verdict {
            Verdict::Taken(_)
            | Verdict::Lower(_)
            | Verdict::OtherCount
            | Verdict::BehindRelease
            | Verdict::BehindSecond => return None,
            Verdict::AboveStrategy(level) => Self::AboveStrategy { level, strategy, forced: is_forced },
            Verdict::BehindStep { first } => Self::BehindStep(first.to_owned()),
            Verdict::WithoutLevel => Self::WithoutLevel,
            Verdict::NotIncluded => Self::NotIncluded,
            Verdict::Excluded => Self::Excluded,
            Verdict::Prerelease => Self::Prerelease,
            Verdict::Skipped => Self::Skipped,
            Verdict::Cooldown { until, .. } => Self::Cooldown(until),
            Verdict::OutsidePattern | Verdict::WithoutOrder => Self::OutsidePattern,
            Verdict::Running | Verdict::NotNewer | Verdict::MaybeSame => Self::NotNewer,
            Verdict::Artifact
            | Verdict::Commit
            | Verdict::Named
            | Verdict::TooLarge
            | Verdict::OtherFamily(_)
            | Verdict::CountedYear
            | Verdict::CountedOtherwise
            | Verdict::OtherRuntime
            | Verdict::NothingToCompare => Self::OtherKind,
            Verdict::Missing | Verdict::Withheld(_) => Self::Withdrawn,
            Verdict::Unreleased(standing) => Self::Unreleased(standing),
            Verdict::Unfit(flaw) => Self::Unfit(flaw.clone()),
        })
    }

    /// Whether settings alone say so, whatever else the registry lists.
    #[must_use]
    pub fn is_by_settings(&self) -> bool {
        !matches!(
            self,
            Self::BehindStep(_)
                | Self::NotNewer
                | Self::OtherKind
                | Self::NeverRan
                | Self::Withdrawn
                | Self::Unreleased(_)
                | Self::Unfit(_)
                | Self::Untimed
                | Self::List(_)
                | Self::DryRun
                | Self::NoPerson
        )
    }

    /// Whether people have to be asked something else then, as what was asked about is not what there is.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Self::Withdrawn
            | Self::Unreleased(_)
            | Self::MemberGone(_)
            | Self::MemberChanged(_)
            | Self::MemberMoved(_)
            | Self::MemberJoined(_) => true,
            Self::Member(of) => of.2.is_news(),
            _ => false,
        }
    }

    /// One word, for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Settings(_) => "settings",
            Self::Disabled { .. } => "disabled",
            Self::OtherTrack(_) => "other_track",
            Self::AboveStrategy { .. } => "above_strategy",
            Self::BehindStep(_) => "behind_step",
            Self::WithoutLevel => "without_level",
            Self::NotIncluded => "not_included",
            Self::Excluded => "excluded",
            Self::Prerelease => "prerelease",
            Self::Skipped => "skipped",
            Self::Cooldown(_) => "cooldown",
            Self::OutsideWindow(_) => "outside_window",
            Self::OutsidePattern => "outside_pattern",
            Self::NotNewer => "not_newer",
            Self::OtherKind => "other_kind",
            Self::NeverRan => "never_ran",
            Self::Withdrawn => "withdrawn",
            Self::Unreleased(_) => "unreleased",
            Self::Unfit(flaw) => flaw.word(),
            Self::Untimed => "untimed",
            Self::List(doubt) => doubt.word(),
            Self::DryRun => "dry_run",
            Self::NoPerson => "no_person",
            Self::Member(of) => of.2.as_str(),
            Self::MemberGone(_) => "member_gone",
            Self::MemberChanged(_) => "member_changed",
            Self::MemberMoved(_) => "member_moved",
            Self::MemberJoined(_) => "member_joined",
            Self::MemberPaused(_) => "member_paused",
            Self::MemberUnderWay(_) => "member_under_way",
            Self::MemberHolds(_) => "member_holds",
            Self::MemberNotWritable(_) => "member_not_writable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_no_reason_and_a_rule_is() {
        let of = |verdict| Refusal::of(verdict, Strategy::Patch, false);
        for fine in [
            Verdict::Taken(Level::Major),
            Verdict::Lower(Level::Minor),
            Verdict::OtherCount,
            Verdict::BehindRelease,
            Verdict::BehindSecond,
        ] {
            assert_eq!(of(fine), None, "{fine:?}");
        }
        let above = Refusal::AboveStrategy { level: Level::Minor, strategy: Strategy::Patch, forced: false };
        assert_eq!(of(Verdict::AboveStrategy(Level::Minor)), Some(above.clone()));
        assert!(above.is_by_settings() && Refusal::Skipped.is_by_settings());
        assert_eq!(of(Verdict::OtherRuntime), Some(Refusal::OtherKind));
        let behind = of(Verdict::BehindStep { first: "1.9.0" }).unwrap();
        assert!(behind == Refusal::BehindStep("1.9.0".into()) && !behind.is_by_settings());
        assert!(!Refusal::OtherKind.is_by_settings() && !Refusal::List(Doubt::Empty).is_by_settings());
    }

    #[test]
    fn what_the_registry_says_is_not_said_by_settings_and_what_changed_is_news() {
        use crate::domain::workload::tests::workload;
        let member = || "deploy/web".to_owned();
        let withdrawn = (workload(&[], &[]).id, Tag::parse("1.0.0").unwrap(), Refusal::Withdrawn);
        let paused = (withdrawn.0.clone(), withdrawn.1.clone(), Refusal::MemberPaused(member()));
        for (refusal, is_by_settings, is_news) in [
            (Refusal::Skipped, true, false),
            (Refusal::NotNewer, false, false),
            (Refusal::OtherKind, false, false),
            (Refusal::Withdrawn, false, true),
            (Refusal::Unreleased(Standing::Prerelease), false, true),
            (Refusal::Untimed, false, false),
            (Refusal::Unfit(Flaw::NoCommand), false, false),
            (Refusal::DryRun, false, false),
            (Refusal::NoPerson, false, false),
            (Refusal::MemberGone(member()), true, true),
            (Refusal::MemberChanged(member()), true, true),
            (Refusal::MemberMoved(member()), true, true),
            (Refusal::MemberJoined(member()), true, true),
            (Refusal::MemberPaused(member()), true, false),
            (Refusal::Member(Box::new(withdrawn)), true, true),
            (Refusal::Member(Box::new(paused)), true, false),
        ] {
            assert_eq!((refusal.is_by_settings(), refusal.is_news()), (is_by_settings, is_news), "{refusal:?}");
        }
    }
}
