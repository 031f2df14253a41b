//! How the last automatic updates of a container ended: what the fleet's brake counts, and which manifest failed here, even
//! when something else was written since. And what of a record concerns other workloads.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Ledger, Record, Update};
use crate::domain::actor::Actor;
use crate::domain::event::{Failure, WayBack};
use crate::domain::fleet::brake::COUNTED;
use crate::domain::fleet::{Bad, End, Newest, One, Standing};
use crate::domain::history::Outcome;
use crate::domain::reference::Digest;
use crate::domain::workload::Workload;

/// The last ends of automatic updates, newest first: no more of one container can be among those that the brake counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ends(Vec<End>);

impl Ends {
    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the end of an update over, if the policy decided on it and this is no way back. One that is healthy after all
    /// had not failed.
    pub(super) fn ended(&mut self, update: &Update, was: Outcome, now: DateTime<Utc>) {
        let is_of_group = update.failure.as_ref().is_some_and(Failure::is_of_group);
        if update.by != Actor::Policy || update.undoes.is_some() || update.told_by.is_some() || is_of_group {
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

    /// Forgets the oldest that was healthy. Whether there was one.
    pub(super) fn shrink(&mut self) -> bool {
        let oldest = self.0.iter().rposition(|end| end.failed.is_none());
        oldest.map(|place| self.0.remove(place)).is_some()
    }
}

impl Record {
    /// What of it concerns other workloads.
    #[must_use]
    pub fn standing(&self, workload: &Workload) -> Standing {
        self.ledgers().filter_map(|(name, ledger)| ledger.standing(workload, name)).collect()
    }
}

impl Ledger {
    fn standing(&self, workload: &Workload, container: &str) -> Option<One> {
        let written = || self.update.as_ref()?.running().map(|running| running.of);
        let of = written().or_else(|| self.runs.as_ref().map(|runs| runs.of.clone()))?;
        let newest = self.update.as_ref().and_then(|update| newest(update, update.runs_on(workload, container)));
        let failed = self.failed(newest.as_ref());
        let is_nothing = newest.is_none() && failed.is_empty() && self.ends.is_empty();
        (!is_nothing).then(|| One {
            container: container.into(),
            of,
            newest,
            failed,
            ends: self.ends.0.as_slice().into(),
        })
    }

    /// What failed here and is not healthy here now.
    fn failed(&self, newest: Option<&Newest>) -> Box<[End]> {
        let end = |at, tag, digest, reason| End { at, tag, failed: Some(Bad { digest, reason }) };
        let held = self.held.iter().filter_map(|held| {
            // Where the group failed, another member did.
            let failure = held.failure.as_ref().filter(|failure| !failure.is_of_group());
            let (digest, failure) = held.digest.clone().zip(failure)?;
            Some(end(held.since, held.tag.clone(), digest, failure.reason.clone()))
        });
        let left = self.update.iter().filter_map(|update| {
            let is_to_blame = update.left != Some(WayBack::Before);
            let is_left = update.outcome == Outcome::Failed && update.undoes.is_none() && is_to_blame;
            let failure = update.failure.as_ref().filter(|failure| is_left && !failure.is_of_group())?;
            Some(end(update.ended?, update.tag.clone(), update.digest.clone(), failure.reason.clone()))
        });
        let mut all: Vec<End> = Vec::new();
        for end in self.ends.0.iter().cloned().chain(held).chain(left) {
            let Some(digest) = end.failed.as_ref().map(|bad| &bad.digest) else { continue };
            let is_well = matches!(newest, Some(Newest::Healthy { digest: well }) if well == digest);
            if !is_well && !all.iter().any(|known| known.is_of(digest)) {
                all.push(end);
            }
        }
        all.into()
    }
}

fn newest(update: &Update, runs: bool) -> Option<Newest> {
    let digest = update.digest.clone();
    match update.outcome {
        Outcome::RollingOut if runs => Some(Newest::Rolling { digest, since: update.at }),
        Outcome::Healthy => Some(Newest::Healthy { digest }),
        _ => None,
    }
}
