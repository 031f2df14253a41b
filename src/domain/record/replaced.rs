//! An object that takes the place of another of its kind, namespace and name: a tool that replaces deletes what it would
//! change, and makes it again.

use chrono::{DateTime, TimeDelta, Utc};

use super::Record;
use super::ledger::Ledger;
use super::update::{Running, Update};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::reference::ImageReference;
use crate::domain::workload::Workload;

/// What is seen within this time of our write and runs what ran before it was made again because of that write. Tools look at
/// once, or every few minutes; who restores a backup takes longer to find out that he has to.
const MOMENTS: TimeDelta = TimeDelta::minutes(10);

impl Record {
    /// Takes over, for an object of which nothing is known, what was known of the one that had its name before: an update that
    /// was written a moment ago, where what ran before it runs now, and how often updates were set back. Whether there was such
    /// an update: then making the object again has set it back. Where a record came with it, it may be from a backup, and what a
    /// person had decided is asked anew.
    pub fn takes_the_place_of(&mut self, before: &Self, workload: &Workload, now: DateTime<Utc>) -> bool {
        let (mut is_set_back, is_a_copy) = (false, workload.annotation("record").is_some());
        for container in &workload.containers {
            let Some(ledger) = before.ledger(&container.name) else { continue };
            let running = container.reference().and_then(|image| Running::of(&image));
            let undone = running.and_then(|running| ledger.undone_by(&running, now));
            let undone = undone.filter(|undone| !is_a_copy || undone.was_policy());
            is_set_back |= undone.is_some();
            let known = undone.unwrap_or_else(|| ledger.counted());
            if known != Ledger::default() {
                self.ledgers.insert(container.name.clone(), Box::new(known));
            }
        }
        if is_set_back {
            self.history = before.history.clone();
        }
        is_set_back
    }

    /// Whether updates were set back of which the next object of this name is to know.
    #[must_use]
    pub fn counts_set_backs(&self) -> bool {
        self.ledgers.values().any(|ledger| ledger.set_backs > 0)
    }
}

impl Ledger {
    /// What is known of it, where this runs in the place of an update that was written a moment ago.
    fn undone_by(&self, running: &Running, now: DateTime<Utc>) -> Option<Self> {
        let update = self.update.as_ref().filter(|update| update.undoes.is_none() && now - update.at <= MOMENTS)?;
        let before = Running::of(&ImageReference::parse(&update.from).ok()?)?;
        let is_back = before.is(running) && !update.wrote(running);
        // Where it was held on the object before, nobody can answer what was asked there: it is set back here anew.
        let held = self.held.clone().filter(|held| held.tag != update.tag);
        let runs = update.running().or_else(|| self.runs.clone());
        // How it ended is told of the object before.
        let update = Update { outcome: Outcome::Replaced, ..update.clone() };
        is_back.then(|| Self { update: Some(update), runs, held, ..self.of_another_name() })
    }

    /// Whether its newest update was decided by nobody, so that the next look would decide the same again.
    fn was_policy(&self) -> bool {
        self.update.as_ref().is_some_and(|update| update.by == Actor::Policy)
    }

    /// How often updates were set back, and under which mode.
    fn counted(&self) -> Self {
        let mode = self.mode.filter(|_| self.set_backs > 0);
        Self { set_backs: self.set_backs, mode, ..Self::default() }
    }
}
