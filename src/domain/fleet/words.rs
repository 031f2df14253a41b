//! What is said of what others are a reason for.

use std::fmt;

use chrono::{DateTime, Utc};

use super::brake::COUNTED;
use super::{Asks, Failed, Stopped, Waits};
use crate::domain::wording::moment;

/// How a moment is written: in which zone.
pub type Moment<'m> = &'m dyn Fn(DateTime<Utc>) -> String;

impl Failed {
    /// In words, with times as the reader has them.
    #[must_use]
    pub fn words(&self, moment: Moment<'_>) -> String {
        let Self { workload, tag, reason, at, .. } = self;
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        format!("{tag} failed on {workload}{reason}, {}", moment(*at))
    }
}

impl Stopped {
    /// In words, with times as the reader has them.
    #[must_use]
    pub fn words(&self, moment: Moment<'_>) -> String {
        let failed: Vec<String> = self.failed.iter().map(|failed| failed.words(moment)).collect();
        let which = if failed.is_empty() { String::new() } else { format!(": {}", failed.join("; ")) };
        format!("automatic updates are stopped everywhere, as {} of the last {COUNTED} failed{which}", failed.len())
    }
}

impl Stopped {
    /// The same of who can't know whether they are.
    #[must_use]
    pub fn was(&self, moment: Moment<'_>) -> String {
        let Self { failed, .. } = self;
        let which: Vec<String> = failed.iter().map(|failed| failed.words(moment)).collect();
        format!(
            "automatic updates were stopped everywhere, as {} of the last {COUNTED} failed: {}; whether somebody resumed them since only the service knows: image-watcher brake",
            failed.len(),
            which.join("; ")
        )
    }
}

impl Asks {
    /// What people are told, with times as they have them.
    #[must_use]
    pub fn words(&self, moment: Moment<'_>) -> String {
        match self {
            Self::Failed(failed) => format!("{}, so people are asked first", failed.words(moment)),
            Self::Stopped(stopped) => format!("{}; people are asked until somebody resumes", stopped.words(moment)),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&moment))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&moment))
    }
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&moment))
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First { workload, tag } => write!(f, "waits until {workload} is healthy with {tag}"),
            Self::Full(bound) => write!(f, "waits, as {bound}"),
            Self::Unlisted => f.write_str("waits until all workloads are listed"),
            Self::BrakeUnread => f.write_str("waits, as whether automatic updates are stopped can't be read now"),
        }
    }
}

impl Waits {
    /// One word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::First { .. } => "first",
            Self::Full(_) => "full",
            Self::Unlisted => "unlisted",
            Self::BrakeUnread => "brake-unread",
        }
    }
}

impl Asks {
    /// One word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed_elsewhere",
            Self::Stopped(_) => "stopped",
        }
    }
}
