//! An object that takes the place of another of its kind, namespace and name: a tool that replaces deletes what it would
//! change, and makes it again.

use chrono::{DateTime, TimeDelta, Utc};

use super::Record;
use super::held::Held;
use super::ledger::Ledger;
use super::update::{Running, Update};
use crate::domain::actor::Actor;
use crate::domain::history::Outcome;
use crate::domain::reference::ImageReference;
use crate::domain::workload::Workload;

/// What is made within this time of our write and runs what ran before it was made again because of that write. Tools look at
/// once, or every few minutes; who restores a backup takes longer to find out that he has to.
const MOMENTS: TimeDelta = TimeDelta::minutes(10);

impl Record {
    /// Takes over, for an object of which nothing is known, what was known of the one that had its name before: an update that
    /// was written a moment ago, where what ran before it runs now, what failed and was gone back from, and how often updates were set
    /// back. Whether there was such
    /// an update: then making the object again has set it back. Where a record came with it, it may be from a backup, and what a
    /// person had decided is asked anew.
    pub fn takes_the_place_of(&mut self, before: &Self, workload: &Workload, now: DateTime<Utc>) -> bool {
        let (mut is_set_back, mut has_failed) = (false, false);
        // It may be looked at long after it was made.
        let made = workload.made.map_or(now, |made| made.min(now));
        let is_a_copy = workload.annotation("record").is_some();
        for container in &workload.containers {
            let Some(ledger) = before.ledger(&container.name) else { continue };
            let running = container.reference().and_then(|image| Running::of(&image));
            let undone = running.as_ref().and_then(|running| ledger.undone_by(running, made));
            let undone = undone.filter(|undone| !is_a_copy || undone.was_policy());
            is_set_back |= undone.is_some();
            let held = running.as_ref().filter(|_| !is_a_copy).and_then(|running| ledger.left_behind(running));
            has_failed |= undone.is_none() && held.is_some();
            let known = undone.or(held).unwrap_or_else(|| ledger.counted(running.as_ref()));
            if known != Ledger::default() {
                self.ledgers.insert(container.name.clone(), Box::new(known));
            }
        }
        if is_set_back || has_failed {
            self.history = before.history.clone();
        }
        is_set_back
    }

    /// Whether updates were set back, or failed, or versions skipped, of which the next object of this name is to know.
    #[must_use]
    pub fn concerns_the_next(&self) -> bool {
        self.history.has_skips()
            || self.ledgers.values().any(|ledger| ledger.set_backs > 0 || ledger.holds_what_failed().is_some())
    }
}

impl Ledger {
    /// What is known of it, where this runs in the place of an update that was written a moment ago.
    fn undone_by(&self, running: &Running, made: DateTime<Utc>) -> Option<Self> {
        let update = self.update.as_ref().filter(|update| update.undoes.is_none() && made - update.at <= MOMENTS)?;
        let before = Running::of(&ImageReference::parse(&update.from).ok()?)?;
        let is_back = before.is(running) && !update.wrote(running);
        // Where it was held on the object before, nobody can answer what was asked there: it is set back here anew.
        let held = self.held.clone().filter(|held| held.tag != update.tag);
        let runs = update.running().or_else(|| self.runs.clone());
        // What was set back on the object before is counted there already.
        let is_counted = self.held.is_some() && held.is_none();
        let set_backs = self.set_backs.saturating_sub(u8::from(is_counted));
        let told_set_backs = self.told_set_backs().saturating_sub(u8::from(is_counted && update.told_by.is_none()));
        let told_set_backs = (set_backs > 0).then_some(told_set_backs);
        // How it ended is told of the object before.
        let update = Update { outcome: Outcome::Replaced, ..update.clone() };
        is_back.then(|| Self { update: Some(update), runs, held, set_backs, told_set_backs, ..self.of_another_name() })
    }

    /// What is known of it, where this runs after the way back from what failed: that is no better on another object.
    fn left_behind(&self, running: &Running) -> Option<Self> {
        let held = self.holds_what_failed().filter(|held| held.back_to == running.tag)?;
        let is_back = self.runs.as_ref().is_some_and(|runs| runs.is(running)) && held.tag != running.tag;
        is_back.then(|| self.of_another_name())
    }

    /// What is held as it failed.
    fn holds_what_failed(&self) -> Option<&Held> {
        self.held.as_ref().filter(|held| held.failure.is_some())
    }

    /// Whether its newest update was decided by nobody, so that the next look would decide the same again.
    fn was_policy(&self) -> bool {
        self.update.as_ref().is_some_and(|update| update.by == Actor::Policy)
    }

    /// How often updates were set back, and under which mode; nothing where what runs now says that its owner has let one stand, or
    /// has written a newer version.
    fn counted(&self, now: Option<&Running>) -> Self {
        let is_over = now.is_some_and(|now| self.goes_on_to(now) || self.lets_stand(now));
        if self.set_backs == 0 || is_over {
            return Self::default();
        }
        let told_set_backs = Some(self.told_set_backs());
        Self { set_backs: self.set_backs, told_set_backs, mode: self.mode, ..Self::default() }
    }

    /// Whether what runs now is what we wrote last, so that whoever made the object again has taken it over.
    fn lets_stand(&self, now: &Running) -> bool {
        let update = self.update.as_ref().filter(|update| update.undoes.is_none() && !update.is_a_pin());
        update.and_then(Update::running).is_some_and(|written| written.is(now))
    }
}
