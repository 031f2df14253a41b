//! What a person presses.

use chrono::TimeDelta;

use crate::domain::actor::SignedIn;
use crate::domain::answer::Action;
use crate::domain::history::Choice;

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
