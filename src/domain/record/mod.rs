//! What we know of one workload, and the one place that judges it.
//!
//! ```text
//! annotation ─► sealed::open ─► Record ─► on(event, now) ─► Record, Consequence ─► sealed::seal ─► annotation
//! ```
//!
//! Each container has a [`Ledger`]: what people are asked, what was written and how that ended, what somebody set back, since
//! when versions are known. Whether a question is open, put off, used up, or a version held, is a method here and nowhere
//! else. Everything that people read in other annotations is a copy of it, and is never read back.

mod asks_only;
mod ends;
mod events;
mod first;
mod held;
mod ledger;
mod packed;
mod question;
mod refused;
mod replaced;
pub mod sealed;
mod standing;
mod transitions;
mod update;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};

pub use asks_only::AsksOnly;
pub use ends::Ends;
pub use events::{Consequence, Event};
pub use first::{RETIRED, of_the_first_release};
pub use held::Held;
pub use ledger::{GoneSince, InDoubt, Ledger, NotesAwaited, Notified, Shrunk, WentBack};
pub use question::{Answer, Answered, Closed, Question, Stands, Waits};
pub use refused::{Hear, REFUSED_FOR, Refusals, Refused, Told};
pub use update::{RanWell, Running, Standstill, Undone, Update};

use super::approval::{ApprovalId, Terms};
use super::event::Failure;
use super::group;
use super::history::{Entry, History, Outcome};
use super::reference::{Digest, ImageReference, Tag};
use super::settings::Fingerprint;
use super::workload::Workload;

/// What we know of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Grows with every write, so that an older one is recognised.
    pub sequence: u64,
    /// By container. A tree has room for eleven where there is one, so each stands for itself.
    ledgers: BTreeMap<Box<str>, Box<Ledger>>,
    /// What the workload's own settings were when it was written. So a record says which settings belong to it: where somebody
    /// edits one, another record is written, and settings that come back bring an older record with them.
    pub settings: Option<Fingerprint>,
    /// What stands on the workload in its place, in short, where it could not be written there.
    pub unwritten: Option<u64>,
    /// The updates, for people. Nothing is decided by it.
    pub history: History,
}

/// What the record knows of an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<'r> {
    /// The newest question of its container.
    Newest(&'r Question),
    /// Another one took its place.
    Replaced(&'r Terms),
    /// It was answered.
    Answered(&'r Answered),
}

impl<'r> Known<'r> {
    /// What its links are, or were, about.
    #[must_use]
    pub fn terms(&self) -> &'r Terms {
        match self {
            Self::Newest(question) => &question.terms,
            Self::Replaced(terms) => terms,
            Self::Answered(answered) => &answered.terms,
        }
    }
}

impl Record {
    /// The same beside another history.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// Nothing but what happened.
    #[must_use]
    pub fn of_history(history: History) -> Self {
        Self { history, ..Self::default() }
    }

    /// The ledger of a container, if there is one.
    #[must_use]
    pub fn ledger(&self, container: &str) -> Option<&Ledger> {
        self.ledgers.get(container).map(|ledger| &**ledger)
    }

    /// The same, or an empty one where nothing is known of a container.
    #[must_use]
    pub fn known(&self, container: &str) -> &Ledger {
        static NOTHING: LazyLock<Ledger> = LazyLock::new(Ledger::default);
        self.ledger(container).unwrap_or_else(|| &NOTHING)
    }

    /// The ledgers, by container.
    pub fn ledgers(&self) -> impl Iterator<Item = (&str, &Ledger)> {
        self.ledgers.iter().map(|(name, ledger)| (&**name, &**ledger))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ledgers.values().all(|ledger| **ledger == Ledger::default()) && self.history.entries().is_empty()
    }

    /// Takes an event of a container over, and gives what follows from it.
    pub fn on(&mut self, container: &str, event: Event, now: DateTime<Utc>) -> Option<Consequence> {
        let ledger = self.ledgers.entry(container.into()).or_default();
        let was = ledger.update.as_ref().map(|update| update.outcome);
        let consequence = ledger.on(event, now);
        match (&consequence, &ledger.update, was) {
            (Some(Consequence::Written(update)), ..) if update.told_by.is_none() => {
                self.history.push(update.entry(container));
            }
            (Some(Consequence::LetGo(held, by)), ..) => {
                let running = ledger.runs.as_ref();
                self.history.push(held.let_go(container, running, by, now));
            }
            (Some(Consequence::Skipped(question, answered) | Consequence::Resumed(question, answered)), ..) => {
                self.history.push(answered.entry(container, Some(question.level)));
            }
            // That another hand has written something else since makes what failed no better.
            (_, Some(update), Some(Outcome::Failed)) if update.outcome == Outcome::Replaced => {}
            (_, Some(update), Some(was)) if update.outcome != was => self.history.ended(was, update.entry(container)),
            _ => {}
        }
        if **ledger == Ledger::default() {
            self.ledgers.remove(container);
        }
        consequence
    }

    /// Takes over that something was decided on a container, or is to be.
    pub fn is_decided(&mut self, container: &str) {
        let Some(ledger) = self.ledgers.get_mut(container) else { return };
        (ledger.undecided, ledger.group_waits) = (false, None);
        if **ledger == Ledger::default() {
            self.ledgers.remove(container);
        }
    }

    /// Takes over why the group of a container waits, as it is said there: until something is decided on it.
    pub fn waits_with_group(&mut self, container: &str, waits: group::Waits) {
        self.ledgers.entry(container.into()).or_default().group_waits = Some(Box::new(waits));
    }

    /// Forgets approvals that can't have been made by now, whoever wrote them down.
    #[must_use]
    pub fn made_by(mut self, now: DateTime<Utc>) -> Self {
        for ledger in self.ledgers.values_mut() {
            ledger.question.take_if(|question| !question.terms.id.is_made(now));
            ledger.answered.retain(|answered| answered.terms.id.is_made(now));
            ledger.replaced.retain(|terms| terms.id.is_made(now));
        }
        self
    }

    /// Keeps how the pod template of a workload is once these images are written, by container: of what is written, and of what was
    /// written `before` and stands there as it was.
    pub fn wrote_template(&mut self, workload: &Workload, images: &[(&str, &str)], before: &Self) {
        if images.is_empty() {
            return;
        }
        let (was, template) = (before.template(workload, &[]), self.template(workload, images));
        for (container, ledger) in &mut self.ledgers {
            let is_written = images.iter().any(|(name, _)| **name == **container);
            let stood = |update: &Update| update.template == Some(was);
            if let Some(update) = ledger.update.as_mut().filter(|update| is_written || stood(update)) {
                update.template = Some(template);
            }
        }
    }

    /// Of all that a pod template says once these images are written, where an image of ours is told by its version and digest:
    /// admission may have it pulled from elsewhere.
    fn template(&self, workload: &Workload, images: &[(&str, &str)]) -> u64 {
        let told = workload.containers.iter().filter_map(|container| {
            let image = images.iter().find(|(name, _)| **name == *container.name).map(|(_, image)| *image);
            let update = self.ledger(&container.name)?.update.as_ref()?;
            let running = Running::of(&ImageReference::parse(image.unwrap_or(&container.image)).ok()?)?;
            Some((&*container.name, update.wrote(&running).then(|| format!("{}@{}", update.tag, update.digest))?))
        });
        let told: Vec<(&str, String)> = told.collect();
        let told = told.iter().map(|(name, image)| (*name, image.as_str()));
        workload.template_hash(&told.chain(images.iter().copied()).collect::<Vec<_>>())
    }

    /// Whether another than us wrote the pod template since an update of this workload: what comes of that is not what it brought.
    #[must_use]
    pub fn is_edited_since(&self, update: &Update, workload: &Workload) -> bool {
        // Earlier releases kept it as it was asked for.
        let says = |template| template == self.template(workload, &[]) || template == workload.template_hash(&[]);
        update.is_edited_later(workload) && !update.template.is_some_and(says)
    }

    /// Forgets containers that the workload has no more. What people and the API server said of versions goes on where a
    /// container that nothing is known of runs the same repository: it was renamed. An update of which nothing but its story is
    /// known, as that of an object that was made again, is followed by nobody, and the story says so. What links are about that are
    /// in their time stays known, so that whoever opens one is told what happened.
    pub fn keep_only(&mut self, workload: &Workload, now: DateTime<Utc>) {
        self.forget_others(workload, now);
        let Self { ledgers, history, .. } = self;
        let rolls = |ledger: &Ledger| ledger.update.as_ref().is_some_and(|it| it.outcome == Outcome::RollingOut);
        history.gives_up(|container| ledgers.get(container).is_some_and(|ledger| rolls(ledger)));
    }

    fn forget_others(&mut self, workload: &Workload, now: DateTime<Utc>) {
        let (kept, gone) = std::mem::take(&mut self.ledgers).into_iter().partition(|(name, _)| {
            let name: &str = name;
            workload.container(name).is_some()
        });
        let gone: BTreeMap<Box<str>, Box<Ledger>> = gone;
        self.ledgers = kept;
        if gone.is_empty() {
            return;
        }
        for container in &workload.containers {
            let is_new = self.ledger(&container.name).is_none_or(|known| known.runs.is_none());
            let running = container.reference().filter(|_| is_new).and_then(|image| Running::of(&image));
            let Some(running) = running else { continue };
            let ran = |ledger: &&Ledger| ledger.runs.as_ref().is_some_and(|runs| runs.of == running.of);
            // Of several it is the one that ran just this.
            let is_it = |ledger: &&Ledger| ledger.still_runs(&running);
            let known = || gone.values().map(|ledger| &**ledger);
            let was = known().filter(ran).find(is_it).or_else(|| known().find(ran));
            if let Some(renamed) = was.map(Ledger::of_another_name).filter(|renamed| *renamed != Ledger::default()) {
                let links = self.known(&container.name).links_alone(now);
                let renamed = Ledger { question: links.question, answered: links.answered, ..renamed };
                self.ledgers.insert(container.name.clone(), Box::new(renamed));
            }
        }
        let links = gone.into_iter().map(|(name, ledger)| (name, ledger.links_alone(now)));
        let named = links.filter(|(_, links)| *links != Ledger::default());
        self.ledgers.extend(named.map(|(name, links)| (name, Box::new(links))));
    }

    /// An earlier release wrote doubts down as about all settings, `from`: they are about those of the workload's own that may have
    /// gone back with it, `to`.
    pub fn doubts_are_about(&mut self, from: Fingerprint, to: Fingerprint) {
        let in_doubt = self.ledgers.values_mut().filter_map(|ledger| ledger.in_doubt.as_mut());
        for in_doubt in in_doubt.filter(|in_doubt| in_doubt.settings == from) {
            in_doubt.settings = to;
        }
    }

    /// What this version of a container was when it failed here, where it did, and where nobody knows it to have been well since.
    #[must_use]
    pub fn digest_that_failed(&self, container: &str, running: &Running) -> Option<Digest> {
        let held = self.known(container).held.as_ref().filter(|held| held.tag == running.tag && held.failure.is_some());
        let held = held.and_then(|held| held.digest.clone());
        let is_it = |entry: &&Entry| running.digest.as_ref().is_none_or(|digest| entry.digest == digest.as_str());
        let ends = self.history.ends(container, &running.tag);
        let known = held.or_else(|| Digest::parse(&ends.into_iter().find(is_it)?.digest).ok())?;
        Some(running.digest.clone().unwrap_or(known))
    }

    /// What ran before a version that failed, by the history.
    #[must_use]
    pub fn ran_before_it_failed(&self, container: &str, running: &Running) -> Option<Running> {
        let newest = self.history.ends(container, &running.tag).into_iter().next()?;
        let before = Running::of(&ImageReference::parse(&newest.previous_image).ok()?)?;
        (before.of == running.of && before.tag != running.tag).then_some(before)
    }

    /// Why this very manifest of a version failed here, where it did and was not healthy since. The reason is empty where nothing but
    /// the history tells of it.
    #[must_use]
    pub fn failed_here(&self, container: &str, tag: &Tag, digest: &Digest) -> Option<Failure> {
        let ledger = self.known(container);
        let held = ledger.held.as_ref().filter(|held| held.tag == *tag && held.digest.as_ref() == Some(digest));
        if let Some(failure) = held.and_then(|held| held.failure.as_ref()) {
            // Where the group failed, another member did.
            return Some(failure.clone()).filter(|failure| !failure.is_of_group());
        }
        let newest = self.history.ends(container, tag).into_iter().find(|entry| entry.digest == digest.as_str())?;
        if newest.outcome != Outcome::Failed {
            return None;
        }
        let update = ledger.update.as_ref().filter(|update| (&update.tag, &update.digest) == (tag, digest));
        let said =
            update.and_then(|update| update.failure.clone().or_else(|| update.failed_before.as_deref().cloned()));
        let counted = || ledger.ends.why(digest).map(|reason| Failure::new(reason, ""));
        Some(said.or_else(counted).unwrap_or_else(|| Failure::new("", "")))
    }

    /// What is known of an approval, and its container.
    #[must_use]
    pub fn find(&self, approval: &ApprovalId) -> Option<(&str, Known<'_>)> {
        self.ledgers().find_map(|(name, ledger)| Some((name, ledger.find(approval)?)))
    }

    /// The names of all approvals that are known.
    pub fn approvals(&self) -> impl Iterator<Item = &ApprovalId> {
        self.ledgers.values().flat_map(|ledger| {
            let newest = ledger.question.iter().map(|question| &question.terms);
            let answered = ledger.answered.iter().map(|answered| &answered.terms);
            newest.chain(answered).chain(&ledger.replaced).map(|terms| &terms.id)
        })
    }

    /// The entry of the history that an answer came to, as it stands now.
    #[must_use]
    pub fn entry(&self, workload: &Workload, container: &str, answered: &Answered) -> Entry {
        let (Terms { id, tag, digest, .. }, from) = (&answered.terms, answered.terms.from_tag());
        let decided = self.history.decided_by(id.as_str()).cloned();
        let entry = decided.unwrap_or_else(|| answered.entry(container, None));
        // Who went back may have chosen another version than was suggested.
        let (chosen, of) = (Tag::parse(&entry.version).ok(), Digest::parse(&entry.digest).ok());
        let what = (chosen.as_ref().unwrap_or(tag), of.as_ref().unwrap_or(digest));
        match entry {
            // What was healthy once says nothing of what runs now.
            entry if entry.outcome == Outcome::Healthy && !update::runs(workload, container, what, from.as_ref()) => {
                Entry { outcome: Outcome::Replaced, ..entry }
            }
            entry => entry,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
