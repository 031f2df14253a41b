//! How a container stands by what a person has to do about it, and why: of the record, the settings and the last look.
//!
//! It is a view and decides nothing: what stands between an update and its write is [`Known::blocker`] here as for the sequencer.

mod cause;
mod group;
mod no_ground;
mod stands;
#[cfg(test)]
mod tests;
mod until;

use chrono::{DateTime, TimeDelta, Utc};

pub use cause::{Cause, Returned};
pub use group::{GroupStands, OfGroup};
pub use no_ground::{NoGround, NotLetIn, Refusing, Ungrounded};

use super::Blocker;
use crate::domain::approval::Allows;
use crate::domain::fleet::{Stopped, Waits};
use crate::domain::record::sealed::NotOurs;
use crate::domain::record::{Ledger, Question, Record};
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::{Problems, Settings};
use crate::domain::tag::Level;
use crate::domain::workload::Workload;

/// What a container wants of people, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attention {
    /// Nothing goes on before a person decides or acts.
    NeedsYou,
    /// An update failed, or can't be written.
    Failed,
    /// Whether there is anything newer is not known.
    CannotTell,
    /// It goes on by itself, later.
    Waiting,
    /// There is nothing newer that is allowed.
    UpToDate,
    /// It is left alone.
    Off,
}

impl Attention {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 6] =
        [Self::NeedsYou, Self::Failed, Self::CannotTell, Self::Waiting, Self::UpToDate, Self::Off];

    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsYou => "needs-you",
            Self::Failed => "failed",
            Self::CannotTell => "cannot-tell",
            Self::Waiting => "waiting",
            Self::UpToDate => "up-to-date",
            Self::Off => "off",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// A version to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its tag.
    pub tag: Tag,
    /// Its manifest, where it is known.
    pub digest: Option<Digest>,
    /// How far it is, where that is known.
    pub level: Option<Level>,
    /// Since when it is known here.
    pub since: Option<DateTime<Utc>>,
}

/// So long does «nothing newer» stand of a registry that gives no answer.
const STALE: TimeDelta = TimeDelta::hours(24);

/// What the last look at a container came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastLook {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub came_to: CameTo,
    /// Why later looks came to nothing, where they got no answer: what was known before stands.
    pub unanswered: Option<String>,
}

impl LastLook {
    /// One that got an answer.
    #[must_use]
    pub fn answered(at: DateTime<Utc>, came_to: CameTo) -> Self {
        Self { at, came_to, unanswered: None }
    }

    /// When the registry gave an answer, where it ever did.
    #[must_use]
    pub fn answered_at(&self) -> Option<DateTime<Utc>> {
        (self.came_to != CameTo::Unknown).then_some(self.at)
    }

    /// From when on it is not known any more that there is nothing newer; nothing while answers come.
    fn stale_from(&self) -> Option<DateTime<Utc>> {
        self.unanswered.as_ref().map(|_| self.answered_at().map_or(self.at, |at| at + STALE))
    }
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CameTo {
    /// There is nothing to go to.
    Nothing,
    /// There is.
    To {
        /// The version.
        tag: Tag,
        /// Its manifest.
        digest: Digest,
        /// How far it is.
        level: Level,
    },
    /// There is, but not before this.
    Cooling {
        /// The version.
        tag: Tag,
        /// Its manifest, where it is known already: a tag that is followed keeps its name.
        digest: Option<Digest>,
        /// How far it is.
        level: Level,
        /// Until when it waits.
        until: DateTime<Utc>,
    },
    /// Its group decides for it, and stands so.
    Group(Box<OfGroup>),
    /// The registry gives no ground to decide on; why.
    Undecided(Box<NoGround>),
    /// It gave no answer since the start: what the workload says of itself is all that is known.
    Unknown,
}

/// A container, and all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    /// The workload.
    pub workload: &'s Workload,
    /// The container.
    pub container: &'s str,
    /// What is known.
    pub record: &'s Record,
    /// Why the record on the workload is not ours, if it is not.
    pub not_ours: Option<NotOurs>,
    /// Its settings, or what of them is not understood.
    pub settings: Result<&'s Settings, &'s Problems>,
    /// What the last look came to; nothing before the first since the start.
    pub looked: Option<&'s LastLook>,
    /// Which other workloads it waits for.
    pub waits: Option<&'s Waits>,
    /// Why automatic updates are stopped, while they are.
    pub stopped: Option<&'s Stopped>,
    /// Whether the workload may be written, as far as that is known.
    pub may_write: bool,
}

/// How a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it wants of people.
    pub attention: Attention,
    /// Why.
    pub cause: Cause,
    /// The version to go to, where there is one.
    pub available: Option<Available>,
    /// What a person can say to it, in the words of links and of the API.
    pub actions: &'static [&'static str],
}

impl Status {
    fn new(attention: Attention, cause: Cause) -> Self {
        Self { attention, cause, available: None, actions: &[] }
    }

    /// How a container stands at a moment.
    #[must_use]
    pub fn of(seen: &Seen<'_>, now: DateTime<Utc>) -> Self {
        let settings = match seen.settings {
            Err(problems) => return Self::new(Attention::CannotTell, Cause::Settings(Box::new(problems.clone()))),
            Ok(settings) if settings.is_disabled() => return Self::new(Attention::Off, Cause::Disabled),
            Ok(settings) => settings,
        };
        if let Some(reason) = seen.not_ours {
            return Self::new(Attention::CannotTell, Cause::Record(reason));
        }
        let ledger = seen.record.known(seen.container);
        let (attention, cause) = seen.stands(settings, ledger, now);
        let available = seen.available(ledger, now);
        if seen.may_write {
            return Self { attention, cause, available, actions: actions(ledger, seen.image_of(seen.container), now) };
        }
        // An answer has to be written as well, so that nobody can give one.
        let is_due = attention == Attention::NeedsYou || cause == Cause::Applies;
        let of = &seen.workload.id;
        let (attention, cause) = if is_due && available.is_some() {
            (Attention::NeedsYou, Cause::MayNotWrite(of.kind, of.namespace.as_ref().into()))
        } else {
            (attention, cause)
        };
        Self { attention, cause, available, actions: &[] }
    }

    /// Whether it is left alone as it stands: no answer is taken then, whatever people were asked.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        matches!(self.cause, Cause::Disabled | Cause::Settings(_) | Cause::Record(_) | Cause::MayNotWrite(..))
    }

    /// The question that can be answered now, where a container runs this image.
    #[must_use]
    pub fn open<'l>(&self, ledger: &'l Ledger, image: &str, now: DateTime<Utc>) -> Option<&'l Question> {
        ledger.open_of(image, now).filter(|_| !self.is_left_alone())
    }

    /// Until when it stands so, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<DateTime<Utc>> {
        match &self.cause {
            Cause::Asked { until, .. } => Some(*until),
            Cause::Blocked(blocker) => match &**blocker {
                Blocker::Cooldown(until)
                | Blocker::Snoozed(until)
                | Blocker::Asked(until, _)
                | Blocker::Notes(until)
                | Blocker::Window(until) => Some(*until),
                Blocker::Refused(refused) => Some(refused.again),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What can be said to a container now: an answer to what is asked, or that what is held may be applied again.
fn actions(ledger: &Ledger, image: &str, now: DateTime<Utc>) -> &'static [&'static str] {
    let held = ledger.held.as_ref().map(|_| Allows::Held);
    let allows = ledger.open_of(image, now).map(|question| question.terms.allows).or(held);
    allows.map_or(&[], Allows::words)
}
