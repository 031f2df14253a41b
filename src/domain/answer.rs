//! What a person can do about a question or a version.

use super::approval::Allows;

/// What a person can do about a question or a version, by whatever way: link, button in a chat, page, API, command.
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

    /// The word in forms, in paths of the API, in stored presses, in metrics and in the log.
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
    #[must_use]
    pub fn fits(self, allows: Allows) -> bool {
        match self {
            Self::Approve | Self::ApproveOutsideWindow | Self::Skip | Self::Snooze => allows == Allows::Update,
            Self::Rollback => allows == Allows::Back,
            Self::Resume => allows == Allows::Held,
            Self::Renew => false,
        }
    }

    /// Whether it writes an image, so that it may take one more gesture.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Approve | Self::ApproveOutsideWindow | Self::Rollback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_written() {
        let all = [Action::Approve, Action::Skip, Action::Snooze, Action::Rollback, Action::Resume, Action::Renew];
        for action in all {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        let how = Action::ApproveOutsideWindow;
        assert_eq!(Action::parse(how.as_str()), None, "nobody says it by a word: it is how something is approved");
    }
}
