//! What a person presses.

use chrono::TimeDelta;

use crate::domain::actor::SignedIn;
use crate::domain::approval::Allows;
use crate::domain::history::Choice;

/// What a person can say to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Yes.
    Approve,
    /// Yes, and now, whatever the window says.
    ApproveOutsideWindow,
    /// Not this version.
    Skip,
    /// Ask again later.
    Snooze,
    /// Go back to what ran before.
    Rollback,
    /// Apply what is held.
    Resume,
    /// A new link in the place of one whose time is over.
    Renew,
}

impl Action {
    /// Reads the form field; nothing is ever taken for «approve» but that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "skip" => Some(Self::Skip),
            "snooze" => Some(Self::Snooze),
            "rollback" => Some(Self::Rollback),
            "resume" => Some(Self::Resume),
            "renew" => Some(Self::Renew),
            _ => None,
        }
    }

    /// The word in the form, in metrics and in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::ApproveOutsideWindow => "approve_outside_window",
            Self::Skip => "skip",
            Self::Snooze => "snooze",
            Self::Rollback => "rollback",
            Self::Resume => "resume",
            Self::Renew => "renew",
        }
    }

    /// Whether it is an answer to what a question allows.
    pub(super) fn fits(self, allows: Allows) -> bool {
        match self {
            Self::Approve | Self::ApproveOutsideWindow | Self::Skip | Self::Snooze => allows == Allows::Update,
            Self::Rollback => allows == Allows::Back,
            Self::Resume => allows == Allows::Held,
            Self::Renew => false,
        }
    }

    /// Whether it writes an image, so that it may take one more gesture.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Approve | Self::ApproveOutsideWindow | Self::Rollback)
    }
}

/// What a person presses, with what else the page asks for.
#[derive(Clone, Debug)]
pub struct Press {
    /// The button.
    pub action: Action,
    /// What to go back to, where that was chosen.
    pub to: Option<Choice>,
    /// For how long a question is put off.
    pub length: TimeDelta,
    /// Whether it is said that what has to be read was read.
    pub is_confirmed: bool,
    /// Who it is, where a trusted proxy says so.
    pub by: Option<SignedIn>,
}

impl Press {
    /// How long a question is put off where nothing else is said.
    pub const WEEK: TimeDelta = TimeDelta::days(7);

    /// A button, and nothing else: nobody has said that anything was read.
    #[must_use]
    pub fn of(action: Action) -> Self {
        Self { action, to: None, length: Self::WEEK, is_confirmed: false, by: None }
    }

    /// How long a question is put off, as the form says it: one of the lengths that the page offers.
    #[must_use]
    pub fn length(word: &str) -> Option<TimeDelta> {
        match word {
            "1d" => Some(TimeDelta::days(1)),
            "7d" => Some(Self::WEEK),
            "30d" => Some(TimeDelta::days(30)),
            _ => None,
        }
    }
}
