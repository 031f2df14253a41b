//! Why a container stands as it does, in one word and in words.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};

use super::{NoGround, OfGroup};
use crate::domain::gone::Gone;
use crate::domain::preflight::Flaw;
use crate::domain::record::Held;
use crate::domain::record::sealed::NotOurs;
use crate::domain::reference::Tag;
use crate::domain::settings::Problems;
use crate::domain::view::{Blocker, PutBack, Stands, Unfinished};
use crate::domain::wording::moment;
use crate::domain::workload::Kind;

/// Why a container stands as it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// People are asked, and `needed` have to approve, of whom `given` have.
    Asked {
        /// Until when it can be answered.
        until: DateTime<Utc>,
        /// How many approved.
        given: usize,
        /// How many have to.
        needed: usize,
    },
    /// People were asked, and nobody answered in time.
    Unanswered,
    /// What stands between the decision and the update.
    Blocked(Box<Blocker>),
    /// What runs is gone from its registry, or was taken back by its project.
    Gone(Box<Gone>),
    /// Its rollout has not come to a good end. Of one that failed why: a CamelCase word, where it is known.
    Rollout(Box<Unfinished>, Option<String>),
    /// The rollout failed, and what ran before is written again.
    WentBack(Box<Returned>),
    /// What failed here before runs again by another hand, and is not known to be well.
    PutBack(Tag, Box<PutBack>, Stands),
    /// The settings are not understood.
    Settings(Box<Problems>),
    /// What stands on the workload in the place of our record is not ours.
    Record(NotOurs),
    /// The registry gives no ground to decide on.
    Undecided(Box<NoGround>),
    /// Its group decides for it, and stands so.
    Group(Box<OfGroup>),
    /// It is applied in a moment.
    Applies,
    /// There is something newer, and such workloads of the namespace may not be written.
    MayNotWrite(Kind, Box<str>),
    /// What is newer would not start; why.
    Unfit(Tag, Box<Flaw>),
    /// It was not looked at yet.
    NotLookedAt,
    /// There is nothing newer that is allowed.
    NothingNewer,
    /// It is left alone: mode `DISABLED`.
    Disabled,
}

/// What failed, and how far the way back from it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// What failed.
    pub held: Held,
    /// How the rollout of what ran before stands, as long as it is not done.
    pub stands: Option<Stands>,
    /// What is said of that on the workload: what somebody has to delete.
    pub said: Option<String>,
}

impl Returned {
    /// What is missing, where something is.
    #[must_use]
    pub fn left(&self) -> Option<String> {
        let stands = self.stands.as_ref()?;
        Some(self.said.clone().unwrap_or_else(|| stands.said_of(&self.held.back_to)))
    }
}

impl Cause {
    /// Whether what runs is broken: its rollout failed, and nothing else was put in its place.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Rollout(rollout, _) if rollout.stands == Stands::Failed)
    }

    /// One word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Unanswered => "unanswered",
            Self::Blocked(blocker) => blocker.word(),
            Self::Gone(gone) if gone.lost.is_of_registry() => "gone",
            Self::Gone(_) => "taken-back",
            Self::Rollout(rollout, _) => match rollout.stands {
                Stands::Failed => "rollout-failed",
                Stands::UnderWay => "rolling-out",
                Stands::Refused(_) => "rollout-refused",
                Stands::StandsStill(_) | Stands::Slow(_) => "rollout-stalled",
                Stands::Waits(_) => "rollout-waits",
            },
            Self::WentBack(_) => "went-back",
            Self::PutBack(..) => "put-back",
            Self::Settings(_) => "settings",
            Self::Record(_) => "record",
            Self::Undecided(_) => "undecided",
            Self::Group(_) => "group",
            Self::Applies => "applies",
            Self::MayNotWrite(..) => "may-not-write",
            Self::Unfit(..) => "would-not-start",
            Self::NotLookedAt => "not-looked-at",
            Self::NothingNewer => "nothing-newer",
            Self::Disabled => "disabled",
        }
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { until, given, needed } if *needed > 1 => {
                write!(f, "{given} of {needed} people approved; it can be answered until {}", moment(*until))
            }
            Self::Asked { until, .. } => write!(f, "people are asked, and can answer until {}", moment(*until)),
            Self::Unanswered => f.write_str("people were asked, and nobody answered in time"),
            Self::Blocked(blocker) => blocker.fmt(f),
            Self::Gone(gone) => gone.fmt(f),
            Self::Rollout(rollout, reason) => {
                f.write_str(&rollout.stands.said_of(&rollout.version))?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
            }
            Self::WentBack(returned) => {
                Blocker::Held(Box::new(returned.held.clone())).fmt(f)?;
                returned.left().map_or(Ok(()), |left| write!(f, "; {left}"))
            }
            Self::PutBack(version, put_back, Stands::Waits(waits)) => {
                write!(f, "{version} {put_back}; its rollout waits: {}", waits.until())
            }
            Self::PutBack(version, put_back, Stands::StandsStill(said) | Stands::Slow(said)) => {
                write!(f, "{version} {put_back}; {said}")
            }
            Self::PutBack(version, put_back, _) => {
                write!(f, "{version} {put_back}; it is followed, and was not seen well since")
            }
            Self::Settings(problems) => problems.fmt(f),
            Self::Record(reason) => write!(
                f,
                "what stands in image-watcher/record is not ours ({}), until the next look puts it right",
                reason.as_str()
            ),
            Self::Undecided(why) => f.write_str(&why.words),
            Self::Group(of) => of.fmt(f),
            Self::Applies => f.write_str("it is applied in a moment"),
            Self::MayNotWrite(kind, namespace) => {
                write!(f, "nobody can approve it: no right to patch {} in {namespace}", kind.plural())
            }
            Self::Unfit(version, why) => write!(f, "{version} would not start: {why}"),
            Self::NotLookedAt => f.write_str("it was not looked at yet"),
            Self::NothingNewer => f.write_str("there is nothing newer that is allowed"),
            Self::Disabled => f.write_str("it is left alone (mode DISABLED)"),
        }
    }
}
