//! What of a record concerns other workloads.

use super::Record;
use super::ledger::Ledger;
use super::update::Update;
use crate::domain::event::WayBack;
use crate::domain::fleet::{Bad, End, Newest, One, Standing};
use crate::domain::history::Outcome;
use crate::domain::workload::Workload;

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
            let failure = held.failure.as_ref().filter(|failure| failure.is_of_the_image());
            let (digest, failure) = held.digest.clone().zip(failure)?;
            Some(end(held.since, held.tag.clone(), digest, failure.reason.clone()))
        });
        let left = self.update.iter().filter_map(|update| {
            let is_to_blame = update.left != Some(WayBack::Before);
            let is_left = update.outcome == Outcome::Failed && update.undoes.is_none() && is_to_blame;
            let failure = update.failure.as_ref().filter(|failure| is_left && failure.is_of_the_image())?;
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
        Outcome::RollingOut if runs => {
            Some(Newest::Rolling { digest, since: update.at, undoes: update.undoes.is_some() })
        }
        Outcome::Healthy => Some(Newest::Healthy { digest }),
        _ => None,
    }
}
