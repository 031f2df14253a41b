//! Why a group waits: closed, and put into words only where it is told. Members are named as people call them.

use std::fmt;

use chrono::{DateTime, Utc};

use super::MOST_MEMBERS;
use crate::domain::fleet;
use crate::domain::reference::Tag;
use crate::domain::wording::moment;

/// Why nothing is done for any member of a group.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Waits {
    /// There are more members than are looked at.
    TooMany,
    /// The settings of this one are not understood.
    Settings(String),
    /// This one is to be left alone.
    Disabled(String),
    /// This one may not be written.
    NotWritable(String),
    /// An update of this one is under way.
    UnderWay(String),
    /// This one can't be decided.
    Undecided(String, String),
    /// What this one runs is no version.
    Incomparable(String),
    /// There is something newer, and not all have it.
    Lacking {
        /// The newest that anybody has.
        version: Tag,
        /// Who lacks it, or may not go there.
        without: Vec<String>,
    },
    /// What all have is not there for this one, or would not start.
    Passed {
        /// Who.
        member: String,
        /// What.
        version: Tag,
        /// Why.
        why: String,
    },
    /// This one holds it.
    Held(String, Tag),
    /// It failed on this one, and nothing was taken back.
    Failed(String, Tag),
    /// The API server refuses to write this one.
    Refused(String, DateTime<Utc>),
    /// The window of this one is closed.
    Window(String, DateTime<Utc>),
    /// The rollouts of this one are paused.
    Paused(String),
    /// The release notes of this one can't be read yet.
    Notes(String),
    /// The rollout of this one stands still, or waits for somebody.
    StandsStill(String, Tag),
    /// This one waits for other workloads.
    Others(String, Box<fleet::Waits>),
}

impl Waits {
    /// Whether somebody has to mend something, so that it is told on each member.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::TooMany
                | Self::Settings(_)
                | Self::Disabled(_)
                | Self::NotWritable(_)
                | Self::Undecided(..)
                | Self::Incomparable(_)
                | Self::Failed(..)
                | Self::Paused(_)
                | Self::StandsStill(..)
        )
    }

    /// Whether the first member tells it, as it passes by itself.
    #[must_use]
    pub fn is_told_by_first(&self) -> bool {
        matches!(self, Self::Lacking { .. } | Self::Passed { .. })
    }

    /// Whether any member tells it.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.is_trouble() || self.is_told_by_first()
    }

    /// Whether there is nothing that people could answer as long as it lasts.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Self::Lacking { .. }
                | Self::Passed { .. }
                | Self::Held(..)
                | Self::Failed(..)
                | Self::Refused(..)
                | Self::Window(..)
                | Self::Others(..)
        )
    }

    /// The member that all wait for, where it is one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::TooMany => None,
            Self::Lacking { without, .. } => match &**without {
                [only] => Some(only),
                _ => None,
            },
            Self::Settings(member)
            | Self::Disabled(member)
            | Self::NotWritable(member)
            | Self::UnderWay(member)
            | Self::Undecided(member, _)
            | Self::Incomparable(member)
            | Self::Passed { member, .. }
            | Self::Held(member, _)
            | Self::Failed(member, _)
            | Self::Refused(member, _)
            | Self::Window(member, _)
            | Self::Paused(member)
            | Self::Notes(member)
            | Self::StandsStill(member, _)
            | Self::Others(member, _) => Some(member),
        }
    }

    /// One word for metrics and programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Settings(_) => "invalid_setting",
            Self::Disabled(_) => "disabled",
            Self::NotWritable(_) => "not_writable",
            Self::UnderWay(_) => "rolling_out",
            Self::Undecided(..) => "undecided",
            Self::Incomparable(_) => "incomparable",
            Self::Lacking { .. } => "lacking",
            Self::Passed { .. } => "passed_over",
            Self::Held(..) => "held",
            Self::Failed(..) => "failed",
            Self::Refused(..) => "refused",
            Self::Window(..) => "window",
            Self::Paused(_) => "paused",
            Self::Notes(_) => "notes",
            Self::StandsStill(..) => "stands_still",
            Self::Others(_, why) => why.word(),
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "it has more than {MOST_MEMBERS} containers; make smaller groups of them"),
            Self::Settings(member) => write!(f, "the settings of {member} are not understood"),
            Self::Disabled(member) => write!(f, "the mode of {member} is DISABLED"),
            Self::NotWritable(member) => write!(f, "{member} may not be patched"),
            Self::UnderWay(member) => write!(f, "an update of {member} is under way"),
            Self::Undecided(member, why) => write!(f, "{member} can't be decided: {why}"),
            Self::Incomparable(member) => write!(f, "what {member} runs is no version that can be compared"),
            Self::Lacking { version, without } => {
                write!(f, "{version} is not there for {}, or their settings don't take it", without.join(", "))
            }
            Self::Passed { member, version, why } => write!(f, "{version} of {member}: {why}"),
            Self::Held(member, version) => write!(f, "{member} holds {version}"),
            Self::Failed(member, version) => write!(f, "{version} failed on {member}, and nothing goes back by itself"),
            Self::Refused(member, again) => {
                write!(f, "the API server refuses to write {member}; it is tried again {}", moment(*again))
            }
            Self::Window(member, until) => {
                write!(f, "image-watcher/window of {member} is closed, and opens {}", moment(*until))
            }
            Self::Paused(member) => write!(f, "the rollouts of {member} are paused"),
            Self::Notes(member) => write!(f, "the release notes of {member} can't be read yet"),
            Self::StandsStill(member, version) => {
                write!(f, "the rollout of {version} on {member} stands still, or waits for somebody")
            }
            Self::Others(member, why) => write!(f, "{member} {why}"),
        }
    }
}
