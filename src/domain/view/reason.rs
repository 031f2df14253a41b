//! Why a decision is what it is.

use std::fmt;

use crate::domain::grounds::Grounds;
use crate::domain::policy::{Counts, Decision, Outcome, Policy, Unmatched, Verdict};

/// Why this version, or why none: closed, and put into words only where it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason<'d> {
    /// There is a version, and this speaks for it.
    Version(Grounds),
    /// The same, and its cooldown counts from there.
    Cooling(Grounds, Counts),
    /// The newest one is held back.
    HeldBack {
        /// Its tag.
        tag: String,
        /// What holds it back.
        by: Verdict<'d>,
    },
    /// Nothing in the list is newer and of the same family.
    NothingNewer,
    /// Of so many other tags of the list none is of its kind.
    NoneOfItsKind(u64),
    /// The running tag can't be compared.
    NoOrder(Verdict<'d>),
    /// The list is empty.
    NoTags,
    /// The running tag is followed, and this is known of it.
    Followed(Pointed),
}

/// What the tag that is followed points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointed {
    /// Another manifest than the one that runs.
    Elsewhere,
    /// It is recorded at the next check.
    Unknown,
    /// What `image-watcher/skip` names.
    Skipped,
    /// Another manifest than the one that runs, which would not start.
    Unfit,
    /// What runs.
    Same,
}

impl<'d> Reason<'d> {
    /// Why the workload's own pattern and order have no place for what runs, where that is why.
    #[must_use]
    pub fn unmatched(&self) -> Option<Unmatched> {
        match self {
            Self::NoOrder(verdict) => verdict.unmatched(),
            _ => None,
        }
    }

    pub(super) fn of(decision: &Decision<'d>, policy: &Policy, held_back: Option<&(String, Verdict<'d>)>) -> Self {
        if let Outcome::Cooling { to, .. } = decision.outcome()
            && let Verdict::Cooldown { counts, .. } = decision.verdict(to)
            && let Some(grounds) = Grounds::of(decision, policy)
        {
            return Self::Cooling(grounds, counts);
        }
        match (decision.outcome(), held_back) {
            (Outcome::NoVersion(verdict), _) => Self::NoOrder(verdict),
            (Outcome::NoTags, _) => Self::NoTags,
            (Outcome::UpToDate, Some((tag, by))) => Self::HeldBack { tag: tag.clone(), by: *by },
            (Outcome::UpToDate | Outcome::Update { .. } | Outcome::Cooling { .. }, _) => {
                Grounds::of(decision, policy).map_or(Self::NothingNewer, Self::Version)
            }
        }
    }
}

impl fmt::Display for Reason<'_> {
    /// A few words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(grounds) => write!(f, "{grounds}"),
            Self::Cooling(grounds, counts) => write!(f, "{grounds}; its cooldown counts {}", counts.words()),
            Self::HeldBack { tag, by } => write!(f, "{tag} is held back: {by}"),
            Self::NothingNewer => f.write_str("nothing in the list is newer and of the same family"),
            Self::NoneOfItsKind(1) => {
                f.write_str("the other tag of the list is of another kind, so that nothing can be newer")
            }
            Self::NoneOfItsKind(others) => {
                write!(f, "none of the {others} other tags of the list is of its kind, so that nothing can be newer")
            }
            Self::NoOrder(verdict) => match verdict.unmatched() {
                Some(unmatched) => write!(f, "{unmatched}"),
                None => write!(
                    f,
                    "it has no order ({verdict}), so that nothing can be newer; image-watcher/track: digest follows what it points to"
                ),
            },
            Self::NoTags => f.write_str("the list of tags is empty"),
            Self::Followed(pointed) => {
                let what = match pointed {
                    Pointed::Elsewhere => "the tag points to another manifest",
                    Pointed::Unknown => "what the tag points to is recorded at the next check",
                    Pointed::Skipped => "image-watcher/skip names what the tag points to now",
                    Pointed::Unfit => "the tag points to another manifest, which would not start",
                    Pointed::Same => "the tag points to what runs",
                };
                write!(f, "image-watcher/track is digest, and {what}")
            }
        }
    }
}
