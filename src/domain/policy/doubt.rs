//! Lists of tags that are no ground to decide on.

use chrono::TimeDelta;

/// Why a list is not believed: nothing is decided on it, and nothing that is open is closed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum Doubt {
    /// There is no tag at all.
    #[error("the list of tags is empty")]
    Empty,
    /// What runs is not in it.
    #[error("the list of tags lacks {0}, which runs (if it is gone for good, set the image to a tag that is there)")]
    RunningMissing(String),
    /// Half or more of what it had of the running tag's kind is gone.
    #[error("the list has only {now} of the {before} tags of the running tag's kind that it had before")]
    Shrunk {
        /// How many it has.
        now: usize,
        /// How many it had.
        before: usize,
    },
}

impl Doubt {
    /// Fewer than these can go at once without anything being wrong.
    const FEW: usize = 4;

    /// A list that stays small for so long is believed: somebody cleaned up.
    pub const BELIEVED_AFTER: TimeDelta = TimeDelta::hours(24);

    /// Whether half or more of the running tag's kind is gone since the list was last believed.
    #[must_use]
    pub fn shrunk(before: usize, now: usize) -> Option<Self> {
        (before >= Self::FEW && now.saturating_mul(2) <= before).then_some(Self::Shrunk { now, before })
    }

    /// One word for metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Empty => "no_tags",
            Self::RunningMissing(_) => "running_missing",
            Self::Shrunk { .. } => "tags_lost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_may_go_and_half_may_not() {
        for (before, now) in [(0, 0), (3, 0), (4, 3), (5, 3), (100, 51), (101, 51), (10, 1000)] {
            assert_eq!(Doubt::shrunk(before, now), None, "{before} → {now}");
        }
        for (before, now) in [(4, 2), (4, 1), (5, 2), (100, 50), (101, 50), (usize::MAX, usize::MAX / 2)] {
            assert_eq!(Doubt::shrunk(before, now), Some(Doubt::Shrunk { now, before }), "{before} → {now}");
        }
    }
}
