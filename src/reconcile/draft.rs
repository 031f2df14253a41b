//! What becomes of a workload in one look or answer: put together first, then written at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::WorkloadEvent;
use crate::domain::actor::Actor;
use crate::domain::change_cause;
use crate::domain::declared::Declared;
use crate::domain::event::{Failure, Job};
use crate::domain::fleet::Asks;
use crate::domain::grounds::Grounds;
use crate::domain::group::Plan;
use crate::domain::history::Outcome as Rolls;
use crate::domain::preflight::Preflight;
use crate::domain::record::sealed::NotOurs;
use crate::domain::record::{Consequence, Event, Ledger, Question, Record, WentBack};
use crate::domain::reference::{Digest, ImageReference, Repository, Tag};
use crate::domain::request::REQUEST;
use crate::domain::settings::{self, Bounds, Fingerprint, Settings};
use crate::domain::skipped;
use crate::domain::tag::Level;
use crate::domain::view::said_to_stand_still;
use crate::domain::votes::{Ballot, Vote};
use crate::domain::workload::{Workload, WorkloadPatch};
use crate::reconcile::Target;
use crate::reconcile::by_name::ByName;
use crate::reconcile::entrance::Pass;
use crate::reconcile::report::{Outcome, Report};

/// What was decided for a container that can be decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) from: ImageReference,
    /// What the image that runs pointed to when this was decided, where it names no digest and that could be learnt.
    pub(crate) from_digest: Option<Digest>,
    pub(crate) to: Tag,
    pub(crate) digest: Digest,
    pub(crate) level: Level,
    /// Why this one, where a policy chose it.
    pub(crate) why: Option<Grounds>,
    /// What its makers declare, as far as that was asked.
    pub(crate) declared: Declared,
    /// What was looked at of it.
    pub(crate) preflight: Preflight,
    /// What happened to other workloads, where that is why people are asked first.
    pub(crate) because: Option<Asks>,
    /// Where all of its group go, where it is of one.
    pub(crate) group: Option<Box<Plan>>,
}

impl Chosen {
    /// Whether the plan of its group is the same as another one, or it has none either.
    pub(crate) fn is_with(&self, group: Option<&Plan>) -> bool {
        match (self.group.as_deref(), group) {
            (Some(ours), Some(theirs)) => ours.is_same(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        }
    }

    /// What a link binds of it.
    pub(crate) fn binding(&self) -> Option<Digest> {
        self.group.as_ref().map(|plan| plan.binding())
    }

    /// Why this one, in a few words.
    pub(crate) fn grounds(&self) -> String {
        self.why.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

/// What is known of a workload that may not be written.
pub(crate) struct Kept {
    pub(crate) record: Record,
    /// Whether an update has come to its end, which only this says.
    pub(crate) has_ended: bool,
    /// What is said of that end, once it is remembered.
    pub(crate) said: Said,
}

/// Why a record is not believed as it stands on the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is older than the newest one: somebody set the workload back, or restored it.
    Older,
    /// It is the one that stood there when a newer one could not be written.
    Unwritten,
    /// It is gone.
    Missing,
    /// It has the number of the newest one, and says something else.
    Another,
    /// The history beside it is not the one that was written with it.
    History,
    /// It is of an object that had the same name.
    OfAnother,
    /// It is the newest one, signed with a key that was removed, and what it said is remembered.
    OldKey,
    /// It is not ours.
    NotOurs(NotOurs),
}

impl Wrong {
    /// A word for logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Older => "older",
            Self::Unwritten => "unwritten",
            Self::Missing => "missing",
            Self::Another => "another",
            Self::History => "history",
            Self::OfAnother => "of_another_object",
            Self::OldKey => "old_key",
            Self::NotOurs(why) => why.as_str(),
        }
    }

    /// What people are told.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Older => {
                "image-watcher's record is older than what is known, as after kubectl rollout undo, a backup that was restored, or writes that were refused; the newest one is put back, and no link works a second time"
            }
            Self::Unwritten => {
                "image-watcher's record was kept beside the queue while no write was taken; it is written now"
            }
            Self::Missing => "image-watcher's record was removed; it is put back",
            Self::Another | Self::NotOurs(NotOurs::WrongSignature) => {
                "image-watcher's record was edited, or copied from another object; it is not acted on, and is replaced"
            }
            Self::History => "image-watcher's history was edited; it is replaced by what is known",
            Self::OfAnother => {
                "the object was made again with the annotations of an older one; its history is kept, and what was open begins anew"
            }
            Self::OldKey => {
                "the record was signed with a key that was removed; it is signed anew, and nothing of it is lost"
            }
            Self::NotOurs(NotOurs::Unreadable) => {
                "image-watcher's record can't be read; it is not acted on, and is replaced"
            }
            Self::NotOurs(NotOurs::OtherKey) => {
                "image-watcher's record was signed with a key that is not configured; what was open begins anew. After rotating the key, keep the old one beside the new one in IMAGE_WATCHER_LINK_KEY for 72 hours"
            }
        }
    }
}

/// An image that is to be written.
#[derive(Clone)]
pub(crate) struct Image {
    /// Which.
    pub(crate) chosen: Chosen,
    /// Who or what decided; nobody where another container's image tells of this one.
    pub(crate) by: Option<Actor>,
    /// Where it comes from.
    pub(crate) repository: Repository,
    /// How it is written, where that is not with tag and digest.
    pub(crate) text: Option<String>,
    /// Whether it goes back.
    pub(crate) goes_back: bool,
}

/// What is said of a workload, once it is written.
#[derive(Default)]
pub(crate) struct Said {
    /// To those who look at the workload.
    pub(crate) events: Vec<WorkloadEvent>,
    /// To operators.
    pub(crate) reports: Vec<Report>,
}

/// What becomes of what is said of why the newest revision is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing.
    Stays,
    /// This is said.
    Says(String),
}

/// Whether anything happened to a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing yet.
    NotYet,
    /// It was looked at.
    Yes,
    /// Something did that has consequences.
    ByWhatHappened,
    /// Nothing did, and what people read beside the record is to stand as it does, too.
    LetBe,
}

/// What is known of a workload, and what becomes of it: everything is written at once, or nothing.
pub(crate) struct Draft {
    /// The workload that it is about.
    pub(crate) workload: Arc<Workload>,
    /// What is known.
    pub(crate) record: Record,
    /// The same, as it stands on the workload.
    pub(crate) before: Record,
    /// Why that is not believed.
    pub(crate) wrong: Option<Wrong>,
    /// What is remembered instead, before anything happens.
    pub(crate) remembered: Option<Box<Record>>,
    /// The sequence number of the newest record when this was read.
    pub(crate) read: u64,
    /// What is known by its name, when this was read.
    pub(crate) by_name: ByName,
    /// Which settings the workload had when they were remembered last.
    pub(crate) settings_then: Option<Fingerprint>,
    /// The answer that was in doubt then: the sequence number of the record that would carry it.
    pub(crate) answering: Option<u64>,
    /// Whether an answer may have been written on a later version of the workload than this.
    pub(crate) is_in_doubt: bool,
    /// Until when a person may answer what it carries, if it carries an answer: it is not written long after that.
    pub(crate) answers_until: Option<DateTime<Utc>>,
    /// Whether anything happened.
    pub(crate) touched: Touched,
    /// What the annotation `image-watcher/error` of containers is to say.
    pub(crate) errors: BTreeMap<String, Option<String>>,
    /// The Events about those of them that are news.
    pub(crate) loud: BTreeMap<String, WorkloadEvent>,
    /// Settings that a person's answer changes, by their names without the prefix, and what they are to say.
    pub(crate) settings: BTreeMap<String, String>,
    /// What is put back of settings, as people answered it: nobody's edit.
    pub(crate) put_back: BTreeMap<String, String>,
    /// Whether what is asked on the workload is taken away.
    pub(crate) takes_request: bool,
    /// Containers whose image is to be what it is.
    pub(crate) guarded: Vec<String>,
    /// Images to write, by container.
    pub(crate) images: Vec<(String, Image)>,
    /// What is said of why the revision is there.
    pub(crate) cause: Cause,
    /// What is said of it, once it is written.
    pub(crate) said: Said,
}

impl Draft {
    /// What is known of a workload, before anything happens.
    pub(crate) fn of(workload: Arc<Workload>, record: Record, before: Record, wrong: Option<Wrong>, read: u64) -> Self {
        Self {
            workload,
            record,
            before,
            wrong,
            remembered: None,
            read,
            by_name: ByName::default(),
            settings_then: None,
            answering: None,
            is_in_doubt: false,
            answers_until: None,
            touched: Touched::NotYet,
            errors: BTreeMap::new(),
            loud: BTreeMap::new(),
            settings: BTreeMap::new(),
            put_back: BTreeMap::new(),
            takes_request: false,
            guarded: Vec::new(),
            images: Vec::new(),
            cause: Cause::Stays,
            said: Said::default(),
        }
    }

    /// Takes an event of a container over.
    pub(crate) fn on(&mut self, container: &str, event: Event, now: DateTime<Utc>) -> Option<Consequence> {
        let consequence = self.record.on(container, event, now);
        self.touched = match self.touched {
            Touched::ByWhatHappened => Touched::ByWhatHappened,
            _ if consequence.is_some() => Touched::ByWhatHappened,
            _ => Touched::Yes,
        };
        consequence
    }

    /// Leaves the annotations of a workload that is `DISABLED` as they are, unless something happened to it. That somebody edited a
    /// setting is written all the same, so that an older one that comes back is known as such; and so is what nobody could read
    /// who has lost the store, as its key is gone.
    pub(crate) fn let_be(&mut self) {
        let is_due = self.is_in_doubt || self.has_new_settings() || self.wrong == Some(Wrong::OldKey);
        if self.touched == Touched::NotYet && !is_due {
            (self.wrong, self.record, self.touched) = (None, self.before.clone(), Touched::LetBe);
        }
    }

    /// What is wrong with a container, for its annotation; `None` is nothing.
    pub(crate) fn say(&mut self, container: &str, error: Option<String>) {
        self.loud.remove(container);
        self.record.is_decided(container);
        self.errors.insert(container.to_owned(), error);
    }

    /// What was said to be wrong with a container before is not said any more, unless something is by now.
    pub(crate) fn take_back(&mut self, container: &str) {
        self.record.is_decided(container);
        if self.workload.state("error", container).is_some() {
            self.errors.entry(container.to_owned()).or_default();
        }
    }

    /// What was said of settings before somebody edited them is not said any more of any container, where they are understood now:
    /// the look at another one may be the first, and this write says that they were read.
    pub(crate) fn take_back_what_is_mended(&mut self, bounds: &Bounds) {
        if !self.has_new_settings() {
            return;
        }
        let workload = Arc::clone(&self.workload);
        for name in workload.containers.iter().map(|container| &*container.name) {
            let update = self.record.known(name).update.as_ref();
            let slow = update.and_then(|update| said_to_stand_still(&workload, update));
            let is_of_settings = slow.as_deref() != self.said(name);
            let is_mended = is_of_settings && Settings::read(&workload, name, bounds).is_ok();
            if is_mended && !self.errors.contains_key(name) {
                self.take_back(name);
            }
        }
    }

    /// The same, with an Event where it is news. Whether it is.
    pub(crate) fn say_aloud(&mut self, container: &str, error: String, event: fn(String) -> WorkloadEvent) -> bool {
        let is_news = self.workload.state("error", container) != Some(error.as_str());
        self.say(container, Some(error.clone()));
        if is_news {
            self.loud.insert(container.to_owned(), event(error));
        }
        is_news
    }

    /// Takes away what is asked on the workload, as it is done or can't be.
    pub(crate) fn take_request(&mut self) {
        self.takes_request = true;
    }

    /// Whether it does.
    pub(crate) fn takes_request(&self) -> bool {
        self.takes_request
    }

    /// Changes a setting, as a person answered.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.settings.insert(name.to_owned(), value);
    }

    /// The workload with the settings that are written.
    pub(crate) fn as_set(&self) -> Workload {
        let annotated = |workload: Workload, (name, value): (&String, &String)| workload.annotated(name, value);
        self.settings.iter().fold(self.as_people_left_it().into_owned(), annotated)
    }

    /// The workload with what is put back of its settings, which is nobody's edit.
    pub(crate) fn as_people_left_it(&self) -> Cow<'_, Workload> {
        if self.put_back.is_empty() {
            return Cow::Borrowed(&self.workload);
        }
        let annotated = |workload: Workload, (name, value): (&String, &String)| workload.annotated(name, value);
        Cow::Owned(self.put_back.iter().fold(Workload::clone(&self.workload), annotated))
    }

    /// Puts back what people answered and whoever replaced the workload took away with the record: see [`skipped::put_back`].
    pub(crate) fn put_skips_back(&mut self) {
        if self.settings_went_back().is_some() {
            self.put_back = skipped::put_back(&self.workload, &self.record);
        }
    }

    /// What is looked at, with the settings that are put back: they count before they are written.
    pub(crate) fn with_put_back(&self, targets: Vec<Target>) -> Vec<Target> {
        if self.put_back.is_empty() {
            return targets;
        }
        let workload = Arc::new(self.as_people_left_it().into_owned());
        targets.into_iter().map(|target| Target { workload: Arc::clone(&workload), ..target }).collect()
    }

    /// Whether somebody edited the workload's own settings since its newest record was written. A record of an earlier release
    /// does not say which it belongs to: then what is remembered beside it does, until one is written that says it. A record
    /// that stands there and is not believed says nothing of it.
    pub(crate) fn has_new_settings(&self) -> bool {
        let is_believed = self.touched != Touched::LetBe;
        is_believed
            && match self.record.settings {
                Some(settings) => settings != Fingerprint::of_its_own(&self.as_people_left_it()),
                None => {
                    self.settings_then.is_some_and(|settings| settings != Fingerprint::of(&self.as_people_left_it()))
                }
            }
    }

    /// What the annotation of a container says is wrong, as far as it is known.
    pub(crate) fn said(&self, container: &str) -> Option<&str> {
        match self.errors.get(container) {
            Some(error) => error.as_deref(),
            None => self.workload.state("error", container),
        }
    }

    /// Writes nothing if the container does not run its image any more.
    pub(crate) fn guard(&mut self, container: &str) {
        if !self.guarded.iter().any(|guarded| guarded == container) {
            self.guarded.push(container.to_owned());
        }
    }

    /// A question is asked of what these containers run: if they run something else by then, nothing is written.
    pub(crate) fn ask(&mut self, container: &str, question: Question, now: DateTime<Utc>) {
        for asked in question.with.iter().map(|name| &**name).chain([container]) {
            self.guard(asked);
        }
        self.on(container, Event::Ask(Box::new(question)), now);
    }

    /// A person lets a version that is held be applied again.
    pub(crate) fn resume(&mut self, container: &str, tag: &Tag, by: &Actor, now: DateTime<Utc>) {
        let note = format!("{container}: {tag} is held no more and may be applied, by {by}");
        self.announce(WorkloadEvent::HeldReleased(note));
        self.on(container, Event::Resume { by: by.clone() }, now);
    }

    /// Writes an image.
    pub(crate) fn image(&mut self, container: &str, image: Image) {
        self.guard(container);
        self.images.push((container.to_owned(), image));
    }

    /// Says why the revision is there that an update makes, where that is said.
    pub(crate) fn because(&mut self, container: &str, step: (&str, &str), by: &Actor, now: DateTime<Utc>) {
        if !self.says_why(container) {
            return;
        }
        let said = match &self.cause {
            Cause::Says(said) => Some(said.as_str()),
            Cause::Stays => None,
        };
        self.cause = Cause::Says(change_cause::of_update(said, container, step, by));
        let before = self.workload.change_cause.clone();
        self.on(container, Event::Because(before), now);
    }

    /// Says what was said before the update that is undone, unless somebody else says something since. Where nothing was, or
    /// somebody chose where it goes back to, it is said that it went back: the revision that runs would be the only one that says
    /// nothing.
    pub(crate) fn because_back(&mut self, container: &str, step: (&str, &str), by: &Actor, is_chosen: bool) {
        if !self.says_why(container) || !(is_chosen || change_cause::is_ours(&self.workload)) {
            return;
        }
        let before = self.record.known(container).cause_before.as_deref().filter(|_| !is_chosen);
        let back = || change_cause::of_return(container, step, by);
        self.cause = Cause::Says(before.map_or_else(back, str::to_owned));
    }

    fn says_why(&self, container: &str) -> bool {
        let settings = Settings::read(&self.workload, container, &Bounds::default());
        change_cause::is_written(&self.workload, settings.is_ok_and(|settings| settings.patch_owned))
    }

    /// The sequence number of the record that is written next: the time in milliseconds, or one more than the last where that
    /// is later. So it is above those that were written before the store was lost, which nobody remembers.
    pub(crate) fn next(&self, now: DateTime<Utc>) -> u64 {
        let last = self.record.sequence.max(self.before.sequence);
        last.saturating_add(1).max(u64::try_from(now.timestamp_millis()).unwrap_or_default())
    }

    /// Whether what stands on the workload is not believed.
    pub(crate) fn is_wrong(&self) -> bool {
        self.wrong.is_some()
    }

    /// What is to be remembered in the store where the API server refuses the write; and whether an update has come to its end.
    pub(crate) fn kept(&self) -> Kept {
        let known = self.remembered.as_deref().unwrap_or(&self.before);
        let outcome = |record: &Record, name: &str| Some(record.ledger(name)?.update.as_ref()?.outcome);
        let has_ended = |name: &str| {
            outcome(known, name) == Some(Rolls::RollingOut) && outcome(&self.record, name) != Some(Rolls::RollingOut)
        };
        let has_ended = self.record.ledgers().any(|(name, _)| has_ended(name)) && !self.writes_images();
        let mut record = self.record.clone();
        if has_ended {
            // Whatever was written meanwhile counts: that has a number of its time, see `next`.
            record.sequence = self.record.sequence.max(self.before.sequence).max(self.read).saturating_add(1);
            record.settings = Some(Fingerprint::of_its_own(&self.as_set()));
        }
        Kept { record, has_ended, said: self.said_of_ends() }
    }

    /// What is said of how updates ended: that is so, whether it can be written or not.
    fn said_of_ends(&self) -> Said {
        let events = self.said.events.iter().filter(|event| event.is_end()).cloned().collect();
        let reports = self.said.reports.iter().filter(|report| report.of.is_end()).cloned().collect();
        Said { events, reports }
    }

    /// Whether the next object of this name is to know of what is written: an update, whoever wrote its image, what failed, or how
    /// often updates were set back; be it that nothing of that counts any more.
    pub(crate) fn is_kept_by_name(&self) -> bool {
        let before = self.remembered.as_deref().unwrap_or(&self.before);
        let begins = |(name, ledger): (&str, &Ledger)| {
            let last = before.known(name).update.as_ref();
            ledger.update.as_ref().is_some_and(|update| last.is_none_or(|last| !last.is_written_with(update)))
        };
        let counts = self.by_name.counts || self.record.concerns_the_next();
        counts || self.writes_images() || self.record.ledgers().any(begins)
    }

    /// Whether there is nothing to write but what is remembered.
    pub(crate) fn is_only_repaired(&self) -> bool {
        self.is_wrong() && !self.is_in_doubt && self.remembered.as_deref() == Some(&self.record)
    }

    /// How settings may have gone back, as the record did.
    pub(crate) fn settings_went_back(&self) -> Option<WentBack> {
        match self.wrong {
            None | Some(Wrong::History | Wrong::OldKey | Wrong::Unwritten) => None,
            Some(Wrong::Older) => Some(WentBack::Older),
            Some(Wrong::Missing | Wrong::Another | Wrong::OfAnother | Wrong::NotOurs(_)) => Some(WentBack::Replaced),
        }
    }

    /// Says something of the workload, once this is written.
    pub(crate) fn announce(&mut self, announcement: WorkloadEvent) {
        self.said.events.push(announcement);
    }

    /// Counts an approval of a version, as one of several.
    pub(crate) fn vote(&mut self, (container, tag): (&str, &Tag), ballot: &Ballot, vote: Vote, now: DateTime<Utc>) {
        let words = ballot.words().unwrap_or_default();
        let note = format!("{container}: {tag} has {words} approvals, by {}", vote.by);
        self.announce(WorkloadEvent::ApprovalGiven(note));
        self.on(container, Event::Vote(Box::new(vote)), now);
    }

    /// Says an outcome to operators, once this is written.
    pub(crate) fn report(&mut self, container: &str, of: Outcome) {
        self.said.reports.push(Report { container: container.to_owned(), of });
    }

    pub(crate) fn patch(&self) -> WorkloadPatch {
        let patch = WorkloadPatch::of(&self.workload);
        let patch = if self.is_in_doubt { patch.exactly() } else { patch };
        // What is asked in between is about a record that this write replaces, and has to be read first.
        let mut patch = if self.takes_request {
            patch.set(&self.workload, REQUEST, None)
        } else {
            patch.while_unchanged(&self.workload, [REQUEST.to_owned()].into_iter())
        };
        for container in &self.guarded {
            patch = patch.guarded_by(&self.workload, container);
            if let Some((_, image)) = self.images.iter().find(|(name, _)| name == container) {
                let pinned = || image.chosen.from.at(&image.chosen.to, &image.chosen.digest);
                let written = image.text.clone().unwrap_or_else(pinned);
                patch = patch.while_unchanged(&self.workload, settings::names(container)).image(written);
            }
        }
        if patch.writes_image() {
            patch = match &self.cause {
                Cause::Stays => patch,
                Cause::Says(said) => patch.because(&self.workload, Some(said.clone())),
            };
        }
        let put_back = self.put_back.iter().filter(|(name, _)| !self.settings.contains_key(*name));
        for (name, value) in put_back.chain(&self.settings) {
            patch = patch.set(&self.workload, name, Some(value.clone()));
        }
        self.errors.iter().fold(patch, |patch, (container, error)| {
            patch.set(&self.workload, &self.workload.state_key("error", container), error.clone())
        })
    }

    /// What is said of it, once it is written.
    pub(crate) fn take_said(&mut self) -> Said {
        let mut said = std::mem::take(&mut self.said);
        said.events.extend(std::mem::take(&mut self.loud).into_values());
        said
    }

    /// Whether it writes any image.
    pub(crate) fn writes_images(&self) -> bool {
        !self.images.is_empty()
    }

    /// Whether it writes that of a container.
    pub(crate) fn writes_to(&self, container: &str) -> bool {
        self.images.iter().any(|(name, _)| name == container)
    }

    /// Why what failed is undone, where that is what it writes.
    pub(crate) fn why_it_goes_back(&self) -> Option<Failure> {
        let mut updates =
            self.images.iter().filter_map(|(container, _)| self.record.ledger(container)?.update.as_ref());
        updates.find_map(|update| update.undoes.as_ref()?.failure.clone())
    }

    /// The images that it writes, by container.
    pub(crate) fn writes(&self) -> Vec<(String, Image)> {
        self.images.clone()
    }
}

impl Image {
    pub(crate) fn of(chosen: &Chosen, by: Option<&Actor>, repository: &Repository) -> Self {
        Self { chosen: chosen.clone(), by: by.cloned(), repository: repository.clone(), text: None, goes_back: false }
    }

    /// Whether people are told of it: those that go with another are told of with it.
    pub(crate) fn is_told(&self) -> bool {
        self.by.is_some()
    }
}

/// A workload while it is worked on.
pub(crate) struct Work {
    pub(crate) draft: Draft,
    /// Messages that are stored once the draft is written.
    pub(crate) messages: Vec<Job>,
    pub(crate) trace: String,
    /// That it is about to be written, until it is.
    pub(crate) passes: Vec<Pass>,
}

impl Work {
    /// Nothing is done yet.
    pub(crate) fn on(draft: Draft, trace: &str) -> Self {
        Self { draft, messages: Vec::new(), trace: trace.to_owned(), passes: Vec::new() }
    }

    /// What is known of a container.
    pub(crate) fn ledger(&self, container: &str) -> Option<&Ledger> {
        self.draft.record.ledger(container)
    }
}

/// An annotation of ours says this instead of what it said.
/// The image of a container as it is written.
pub(crate) fn image_of(target: &Target) -> String {
    target.workload.container(&target.container).map(|(_, found)| found.image.to_string()).unwrap_or_default()
}
