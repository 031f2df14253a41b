//! What is said of what others are a reason for.

use std::fmt;

use super::{Asks, Failed, Waits};
use crate::domain::wording::moment;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed on {}", self.tag, self.workload)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        write!(f, ", {}", moment(self.at))
    }
}

impl fmt::Display for Asks {
    /// What people are told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failed) => write!(f, "{failed}, so people are asked first"),
            Self::Stopped(stopped) => write!(f, "{stopped}; people are asked until somebody resumes"),
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First { workload, tag } => write!(f, "waits until {workload} is healthy with {tag}"),
            Self::Full(bound) => write!(f, "waits, as {bound}"),
            Self::Unlisted => f.write_str("waits until all workloads are listed"),
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
