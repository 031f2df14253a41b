//! Versions that a registry lists and does not give: a scanner found something in them, or they are in quarantine.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version that its registry answers for with a refusal, while it gives the list to the same credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Withheld {
    /// The version.
    pub tag: String,
    /// How it was refused.
    #[serde(flatten)]
    pub refused: Refused,
}

/// What a registry answers in the place of a version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The status of its answer.
    pub status: u16,
    /// Its own code and message, if it gives any: a stranger's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

impl fmt::Display for Refused {
    /// `status 403, DENIED: blocked by policy`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        self.said.as_ref().map_or(Ok(()), |said| write!(f, ", {said}"))
    }
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its registry refuses {}: {}", self.tag, self.refused)
    }
}
