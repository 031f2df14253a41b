//! How a container ended.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code.
    pub code: i32,
    /// The kubelet's word for it: `Error`, `OOMKilled`, `StartError`.
    pub word: Box<str>,
    /// Its own last words.
    pub message: Box<str>,
    /// When. It is not kept.
    #[serde(skip)]
    pub at: Option<DateTime<Utc>>,
}

impl Exit {
    /// What is kept of it.
    pub(super) fn kept(&self) -> Self {
        Self { at: None, ..self.clone() }
    }

    /// Whether somebody killed it, and not for want of memory: a kubelet does so where a liveness probe fails.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        matches!(self.code, 137 | 143) && *self.word != *"OOMKilled"
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its last exit code is {}", self.code)?;
        if !matches!(&*self.word, "" | "Error") {
            write!(f, " ({})", self.word)?;
        }
        if !self.message.is_empty() {
            write!(f, ", its last words: {}", self.message)?;
        }
        Ok(())
    }
}
