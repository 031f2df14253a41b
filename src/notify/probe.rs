//! Whether a channel would take messages, as far as that shows without sending one.

use crate::message::clean;
use crate::outbound::Response;

/// What was seen of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It would take messages.
    Works(String),
    /// It is there; whether it would take messages shows only when one is sent.
    Answers(String),
    /// It would take none.
    Fails(String),
    /// Nothing shows before a message is sent.
    Unseen,
}

impl Tried {
    /// The same without what must not be shown.
    pub(super) fn redacted(self, secrets: &[&str]) -> Self {
        let without = |text: String| crate::domain::redaction::redacted(&text, secrets);
        match self {
            Self::Works(words) => Self::Works(without(words)),
            Self::Answers(words) => Self::Answers(without(words)),
            Self::Fails(words) => Self::Fails(without(words)),
            Self::Unseen => Self::Unseen,
        }
    }
}

/// What a status says that is not what was hoped for.
pub(super) fn refused(answer: &Response) -> Tried {
    Tried::Fails(format!("it answers with status {}", answer.status))
}

/// A name that the other side gave.
pub(super) fn named(name: &serde_json::Value) -> String {
    clean(name.as_str().unwrap_or_default()).chars().take(80).collect()
}
