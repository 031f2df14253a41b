//! How the last automatic updates of a container ended: what the fleet's brake counts, and which manifest failed here, even
//! when something else was written since.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::update::Update;
use crate::domain::actor::Actor;
use crate::domain::fleet::brake::COUNTED;
use crate::domain::fleet::{Bad, End};
use crate::domain::history::Outcome;
use crate::domain::reference::Digest;

/// The last ends of automatic updates, newest first: no more of one container can be among those that the brake counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ends(pub(super) Vec<End>);

impl Ends {
    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the end of an update over, if the policy decided on it and this is no way back. One that is healthy after all
    /// had not failed.
    pub(super) fn ended(&mut self, update: &Update, was: Outcome, now: DateTime<Utc>) {
        let is_of_another = update.failure.as_ref().is_some_and(|failure| !failure.is_of_the_image());
        if update.by != Actor::Policy || update.undoes.is_some() || update.told_by.is_some() || is_of_another {
            return;
        }
        let failed = match update.outcome {
            Outcome::Healthy => None,
            Outcome::Failed => Some(Bad {
                digest: update.digest.clone(),
                reason: update.failure.as_ref().map(|failure| failure.reason.clone()).unwrap_or_default(),
            }),
            Outcome::RollingOut | Outcome::Replaced | Outcome::Skipped | Outcome::Resumed => return,
        };
        if was == Outcome::Failed {
            let is_it = |end: &End| end.failed.as_ref().is_some_and(|bad| bad.digest == update.digest);
            self.0.retain(|end| !is_it(end));
        }
        self.0.insert(0, End { at: now, tag: update.tag.clone(), failed });
        self.0.truncate(COUNTED);
    }

    /// The newest that failed did so for something that pods of the version before were in, too: it says nothing of the image.
    pub(super) fn is_not_to_blame(&mut self, digest: &Digest) {
        let is_it = |end: &End| end.failed.as_ref().is_some_and(|bad| bad.digest == *digest);
        if self.0.first().is_some_and(is_it) {
            self.0.remove(0);
        }
    }

    /// The word for why a manifest failed, where that is remembered.
    pub(super) fn why(&self, digest: &Digest) -> Option<&str> {
        let bad = self.0.iter().filter_map(|end| end.failed.as_ref()).find(|bad| bad.digest == *digest)?;
        Some(&bad.reason)
    }

    /// Forgets the oldest that was healthy. Whether there was one.
    pub(super) fn shrink(&mut self) -> bool {
        let oldest = self.0.iter().rposition(|end| end.failed.is_none());
        oldest.map(|place| self.0.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Failure;
    use crate::domain::record::tests::update;

    #[test]
    fn what_failed_says_something_of_the_image_where_pods_ran_it() {
        let counted = |reason: &str| {
            let mut ends = Ends::default();
            let failure = Some(Failure::new(reason, "said"));
            let failed = Update { outcome: Outcome::Failed, failure, ..update(1, None) };
            ends.ended(&failed, Outcome::RollingOut, DateTime::UNIX_EPOCH);
            !ends.is_empty()
        };
        assert!(counted("CrashLoopBackOff") && counted("ProgressDeadlineExceeded"));
        assert!(!counted("FailedCreate"), "no pod of it was ever made");
        assert!(!counted(Failure::OF_GROUP), "another member of the group failed");
    }
}
