//! How a group stands, for one of its members.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};

use crate::domain::event::WayBack;
use crate::domain::group::{GroupName, Waits};
use crate::domain::record::{Ledger, Update};
use crate::domain::reference::{Digest, Tag};
use crate::domain::tag::Level;
use crate::domain::wording::moment;

/// How a group stands, for one of its members.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OfGroup {
    /// The group.
    pub name: GroupName,
    /// How it stands.
    pub stands: GroupStands,
    /// Where this member goes with it, where that is known: the tag, its manifest, and how far it is.
    pub to: Option<(Tag, Digest, Level)>,
}

/// How a group stands. Members are named as people call them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum GroupStands {
    /// All wait.
    Waits(Waits),
    /// People are asked about all by the question of this member, and can answer until then.
    Asked(String, DateTime<Utc>),
    /// Nobody answered the question of this member in time.
    Unanswered(String),
    /// The question of this member is put off until then.
    PutOff(String, DateTime<Utc>),
    /// People decide, and are not asked yet.
    Person,
    /// Nobody is asked, and this member is the first to be written.
    First(String),
    /// What was written goes back, as this member failed or went back.
    GoesBack(String),
    /// It went back, and this member did not; why.
    WentBackWithout(WayBack),
}

impl OfGroup {
    /// How it stands by the record of a member alone, where nobody has looked since the start.
    pub(super) fn recorded(name: &GroupName, ledger: &Ledger, is_written: impl Fn(&Update) -> bool) -> Option<Self> {
        let waits = ledger.group_waits.as_deref().cloned().map(GroupStands::Waits);
        let stays = || {
            let why = ledger.stays.filter(|_| ledger.update.as_ref().is_some_and(&is_written))?;
            Some(GroupStands::WentBackWithout(why))
        };
        Some(Self { name: name.clone(), stands: waits.or_else(stays)?, to: None })
    }

    /// Why all wait, where they do.
    #[must_use]
    pub fn waits(&self) -> Option<&Waits> {
        match &self.stands {
            GroupStands::Waits(waits) => Some(waits),
            _ => None,
        }
    }

    /// The member by whose question people are asked about all, as people call it.
    #[must_use]
    pub fn asked_by(&self) -> Option<&str> {
        match &self.stands {
            GroupStands::Asked(by, _) | GroupStands::Unanswered(by) | GroupStands::PutOff(by, _) => Some(by),
            GroupStands::Waits(_)
            | GroupStands::Person
            | GroupStands::First(_)
            | GroupStands::GoesBack(_)
            | GroupStands::WentBackWithout(_) => None,
        }
    }

    /// When it says something else, where time changes that.
    pub(super) fn until(&self) -> Option<DateTime<Utc>> {
        match &self.stands {
            GroupStands::Asked(_, until) => Some(*until),
            _ => None,
        }
    }
}

impl Display for OfGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.stands {
            GroupStands::Waits(waits) => write!(f, "{name} waits: {waits}"),
            GroupStands::Asked(by, until) => {
                write!(f, "{name}: people are asked by the question of {by}, and can answer until {}", moment(*until))
            }
            GroupStands::Unanswered(by) => {
                write!(f, "{name}: nobody answered the question of {by} in time; it can be answered there")
            }
            GroupStands::PutOff(by, until) => {
                write!(f, "{name}: the question of {by} is put off until {}", moment(*until))
            }
            GroupStands::Person => write!(f, "{name} waits for a person"),
            GroupStands::First(member) => write!(f, "{name}: {member} is written first"),
            GroupStands::GoesBack(failed) => write!(f, "{name} goes back, as {failed} failed or went back"),
            GroupStands::WentBackWithout(why) => write!(f, "{name} went back, and this did not: {}", why.words()),
        }
    }
}
