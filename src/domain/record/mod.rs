//! What we know of one workload, and the one place that judges it.
//!
//! ```text
//! annotation ─► sealed::open ─► Record ─► on(event, now) ─► Record, Consequence ─► sealed::seal ─► annotation
//! ```
//!
//! Each container has a [`Ledger`]: what people are asked, what was written and how that ended, what somebody set back, since
//! when versions are known. Whether a question is open, put off, used up, or a version held, is a method here and nowhere
//! else. Everything that people read in other annotations is a copy of it, and is never read back.

mod ends;
mod events;
mod first;
mod packed;
mod refused;
pub mod sealed;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub use ends::Ends;
pub use events::{Consequence, Event};
pub use first::{RETIRED, of_the_first_release};
pub use refused::{Refusals, Refused};

use super::actor::Actor;
use super::approval::{Allows, Approval, ApprovalId, LIFETIME, Terms};
use super::declared::Kinds;
use super::event::{Failure, WayBack};
use super::fleet;
use super::gone::Gone;
use super::grounds::Grounds;
use super::group::Plan;
use super::history::{Entry, History, Outcome};
use super::policy::{Doubt, KnownSince, Mode, is_older};
use super::preflight::Preflight;
use super::reference::{Digest, ImageReference, Tag};
use super::rollout::obstacle::InTheWay;
use super::settings::Fingerprint;
use super::tag::Level;
use super::workload::{Workload, WorkloadId};

/// How many questions of a container are remembered that were answered, or replaced by another.
const MOST_PAST: usize = 10;

/// So many times an update is set back by the tool that owns the workload, before only people decide on the next.
const SET_BACKS_UNTIL_ASKED: u8 = 2;

/// About what is held people are asked anew after so long.
const HELD_ASKED_EVERY: TimeDelta = TimeDelta::days(7);

/// What we know of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Grows with every write, so that an older one is recognised.
    pub sequence: u64,
    /// By container.
    ledgers: BTreeMap<Box<str>, Ledger>,
    /// The updates, for people. Nothing is decided by it.
    pub history: History,
}

/// What we know of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// What ran when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Running>,
    /// The newest question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// Those that another took the place of, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<Terms>,
    /// Those that were answered, newest first, for as long as their links are in their time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answered: Vec<Answered>,
    /// The newest update that we wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// Until when people put a question off, while it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    put_off: Option<PutOff>,
    /// What somebody set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// How often the tool that owns the workload set an update back, one after another.
    #[serde(skip_serializing_if = "is_zero")]
    set_backs: u8,
    /// The mode when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    /// Settings that came back together with an older record, so that nobody may have meant them.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_doubt: Option<InDoubt>,
    /// Since when the candidates are known.
    #[serde(skip_serializing_if = "KnownSince::is_empty")]
    pub known_since: KnownSince,
    /// When people were last told of something, and of which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notified: Option<Notified>,
    /// Versions that the API server refused to write, or that would not start.
    #[serde(skip_serializing_if = "Refusals::is_empty")]
    pub refused: Refusals,
    /// What was said of why the revision is there that the newest update took the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause_before: Option<Box<str>>,
    /// A version that was held, and is held no more by a request that says nothing of the right to change images.
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<Released>,
    /// That what runs is gone from its registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<GoneSince>,
    /// That the list of tags lost most of the running tag's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// How the last automatic updates ended.
    #[serde(skip_serializing_if = "Ends::is_empty")]
    pub ends: Ends,
    /// Why the newest update did not go back with its group, where that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stays: Option<WayBack>,
}

/// Since when a list of tags is not believed, as it lost most of what it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// How many of the running tag's kind it had.
    pub before: usize,
    /// When it was found.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub since: DateTime<Utc>,
}

/// Since when a running image is known to be gone from its registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneSince {
    /// What was found.
    pub image: Gone,
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub since: DateTime<Utc>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// A version that is held no more, and that people decide on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Released {
    tag: Tag,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
}

/// That people put a question off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PutOff {
    /// Which.
    question: ApprovalId,
    /// Until when.
    #[serde(with = "chrono::serde::ts_seconds")]
    until: DateTime<Utc>,
}

/// Settings that are nobody's word, until somebody edits them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InDoubt {
    /// Which.
    pub settings: Fingerprint,
    /// Why.
    pub why: WentBack,
}

/// How settings changed without anybody who has to have meant it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WentBack {
    /// An older record came with them: the workload was set back, or restored.
    Older,
    /// The record was removed in the same moment, or something else stands in its place.
    Replaced,
}

/// What a container runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The repository, `host/path`.
    pub of: Box<str>,
    /// The tag, `latest` where none is written.
    pub tag: Tag,
    /// The digest that the image is pinned to, or what a tag that is followed pointed to at the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Whether the digest is such a finding, and not written on the workload.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_learnt: bool,
}

impl Running {
    /// What an image says that it runs; `None` without tag.
    #[must_use]
    pub fn of(image: &ImageReference) -> Option<Self> {
        let of = image.repository().to_string().into();
        Some(Self { of, tag: image.running_tag()?, digest: image.digest().cloned(), is_learnt: false })
    }

    /// As an image is written that says so.
    #[must_use]
    pub fn written(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}:{}@{digest}", self.of, self.tag),
            None => format!("{}:{}", self.of, self.tag),
        }
    }

    /// Whether an image says the same, as far as it says it.
    #[must_use]
    pub fn is(&self, now: &Self) -> bool {
        let is_unpinned = now.digest.is_none() || self.digest.is_none();
        self.of == now.of && self.tag == now.tag && (is_unpinned || self.digest == now.digest)
    }
}

/// What people are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// What their links are about.
    pub terms: Terms,
    /// How far the update goes.
    pub level: Level,
    /// Why this version, where a policy chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Grounds>,
    /// When they were asked.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub asked: DateTime<Utc>,
    /// Other containers of the workload that run the same image, and go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Box<str>>,
    /// What the makers declare of the update.
    #[serde(default, skip_serializing_if = "Kinds::is_none")]
    pub declares: Kinds,
    /// What was looked at before they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Box<Preflight>>,
    /// What happened to other workloads, where that is why people are asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Box<fleet::Asks>>,
    /// Where all of its group would go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Plan>>,
    /// Whether it can be answered.
    pub stands: Stands,
}

/// Whether a question can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stands {
    /// It can.
    Open,
    /// It can, and nobody is told of it again before this.
    Snoozed(#[serde(with = "chrono::serde::ts_seconds")] DateTime<Utc>),
    /// It can't.
    Closed(Closed),
}

/// Why a question can't be answered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Closed {
    /// It was.
    Answered,
    /// There is nothing to ask: what it was about runs, or is no longer allowed.
    NothingToAsk,
    /// What it was about is gone from its registry.
    Withdrawn,
    /// An answer was under way when the process died, and it can't be known what became of it.
    Unknown,
}

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// What its links were about.
    pub terms: Terms,
    /// What was answered.
    pub answer: Answer,
    /// By whom.
    pub by: Actor,
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
}

/// What can be answered so that nothing more can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Yes.
    Approved,
    /// Not this version.
    Skipped,
    /// What is held may be applied.
    Resumed,
    /// Back to what ran before.
    WentBack,
}

/// An update that we wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// The tag.
    pub tag: Tag,
    /// The manifest.
    pub digest: Digest,
    /// The image that ran before, as it was written.
    pub from: String,
    /// What its tag pointed to, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_digest: Option<Digest>,
    /// How far it goes.
    pub level: Level,
    /// When it was written.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// Who or what decided.
    pub by: Actor,
    /// How it ended, or that it has not.
    pub outcome: Outcome,
    /// When that was known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "chrono::serde::ts_seconds_option")]
    pub ended: Option<DateTime<Utc>>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why it is not undone, where it failed and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<WayBack>,
    /// The question that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Terms>,
    /// Other containers that were written with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<Box<str>>,
    /// The container whose update tells of this one too, as both were written at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<Box<str>>,
    /// What the makers declared of it, as far as that was asked: what migrated data is not set back by itself.
    #[serde(default, skip_serializing_if = "Kinds::is_none")]
    pub declares: Kinds,
    /// Since when the rollout before was given up, if it was: see [`super::rollout::Stall::since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_before: Option<String>,
    /// When another than us had written the pod template last, before this was written.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "chrono::serde::ts_seconds_option")]
    pub template_before: Option<DateTime<Utc>>,
    /// What it undoes, where it goes back to what ran before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Box<Undone>>,
    /// Whether its end is told with that of another member of its group, unless it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_elsewhere: bool,
    /// Where all of its group go, of which this is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Plan>>,
    /// What ran well last, where what ran before this never did: the way back leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_well: Option<Box<RanWell>>,
}

/// What ran before an update that never ran well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RanWell {
    /// The image, as it was written.
    pub image: String,
    /// What it pointed to.
    pub digest: Digest,
}

/// An update that another one undoes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// The tag.
    pub tag: Tag,
    /// The manifest.
    pub digest: Digest,
    /// Why its rollout failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What stood in the way, and was deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<InTheWay>,
}

/// A version that is not applied again by itself: somebody set it back, or its rollout failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The version.
    pub tag: Tag,
    /// Its manifest, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What was put in its place.
    pub back_to: Tag,
    /// Since when.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub since: DateTime<Utc>,
    /// What wrote it, as the API server knows it, and the tool that owns the workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Why its rollout failed, where that is why something else was put in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// When people were told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// Of this version.
    pub tag: Tag,
}

/// Why only people decide on a container whose mode is `AUTO_UPDATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsksOnly {
    /// The tool that owns the workload set back twice what the policy had decided.
    SetBackTwice,
    /// Other settings came with an older record, or without any.
    SettingsWentBack(WentBack),
    /// What was held was let go by a request, which says nothing of the right to change images.
    Released,
    /// The makers declare that the update breaks something, asks for steps, or migrates data.
    Declared(Kinds),
}

impl AsksOnly {
    /// What people are told.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SetBackTwice => {
                "the tool that owns this workload set back two updates, so people are asked now instead of updating by itself; let the tool write the new version, or, once it lets updates stand, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
            Self::Released => {
                "it was held and is held no more by a request on the workload, which whoever may annotate it can write, so people are asked first"
            }
            Self::Declared(kinds) if !kinds.any() => {
                "not all release notes on the way to this version could be read, so people are asked first"
            }
            Self::Declared(Kinds { migration: false, .. }) => {
                "the release notes declare breaking changes or steps by hand, so people are asked first"
            }
            Self::Declared(_) => {
                "the release notes declare that data are migrated or that there is no way back, so people are asked first"
            }
            Self::SettingsWentBack(WentBack::Older) => {
                "image-watcher's settings were changed by what set this workload back, as kubectl rollout undo does, so people are asked until a setting is edited; if the settings are right, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
            Self::SettingsWentBack(WentBack::Replaced) => {
                "image-watcher's settings were changed together with image-watcher/record, which was removed or replaced, so people are asked until a setting is edited; if the settings are right, set image-watcher/mode to NOTIFICATION, and to AUTO_UPDATE once this message is gone"
            }
        }
    }
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
        self.ledgers.get(container)
    }

    /// The same, or an empty one where nothing is known of a container.
    #[must_use]
    pub fn known(&self, container: &str) -> &Ledger {
        static NOTHING: LazyLock<Ledger> = LazyLock::new(Ledger::default);
        self.ledger(container).unwrap_or_else(|| &NOTHING)
    }

    /// The ledgers, by container.
    pub fn ledgers(&self) -> impl Iterator<Item = (&str, &Ledger)> {
        self.ledgers.iter().map(|(name, ledger)| (&**name, ledger))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ledgers.values().all(|ledger| *ledger == Ledger::default()) && self.history.entries().is_empty()
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
            (_, Some(update), Some(was)) if update.outcome != was => self.history.end(container, was, update.outcome),
            _ => {}
        }
        if *ledger == Ledger::default() {
            self.ledgers.remove(container);
        }
        consequence
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

    /// Forgets containers that the workload has no more.
    pub fn keep_only(&mut self, workload: &Workload) {
        self.ledgers.retain(|name, _| workload.container(name).is_some());
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
            entry if entry.outcome == Outcome::Healthy && !runs(workload, container, what, from.as_ref()) => {
                Entry { outcome: Outcome::Replaced, ..entry }
            }
            entry => entry,
        }
    }
}

impl Ledger {
    /// The question that can be answered now.
    #[must_use]
    pub fn open(&self, now: DateTime<Utc>) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.is_open(now))
    }

    /// Whether people were asked about a version, now or lately.
    #[must_use]
    pub fn was_asked_about(&self, tag: &Tag) -> bool {
        let newest = self.question.iter().map(|question| &question.terms);
        newest.chain(&self.replaced).any(|terms| terms.tag == *tag)
    }

    /// The question that asks for this version of what runs, and can be answered now.
    #[must_use]
    pub fn asks(&self, image: &str, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Question> {
        self.open(now).filter(|question| question.terms.is_about(image, tag, digest))
    }

    /// The question that asked for this version of what runs, and was closed as there was nothing to ask then: it may be
    /// opened again, and its links go on working.
    #[must_use]
    pub fn asked_before(&self, image: &str, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Question> {
        let is_it = |question: &&Question| {
            matches!(question.stands, Stands::Closed(Closed::NothingToAsk | Closed::Withdrawn))
                && question.terms.is_in_its_time(now)
                && question.terms.allows == Allows::Update
                && question.terms.is_about(image, tag, digest)
        };
        self.question.as_ref().filter(is_it)
    }

    /// Until when nobody is to be asked about this version, as a person put it off.
    #[must_use]
    pub fn snoozed(&self, image: &str, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let question = self.question.as_ref().filter(|question| question.terms.is_about(image, tag, digest))?;
        match question.stands {
            Stands::Snoozed(until) if now < until => Some(until),
            Stands::Closed(Closed::NothingToAsk) => self.put_off(&question.terms, now),
            _ => None,
        }
    }

    /// Until when a question is put off that was closed meanwhile.
    fn put_off(&self, terms: &Terms, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.put_off.as_ref().filter(|put_off| put_off.question == terms.id && now < put_off.until).map(|it| it.until)
    }

    /// The update whose end is not known yet, or ended badly and may become well.
    #[must_use]
    pub fn followed(&self) -> Option<&Update> {
        let is_followed = |update: &&Update| {
            update.told_by.is_none() && matches!(update.outcome, Outcome::RollingOut | Outcome::Failed)
        };
        self.update.as_ref().filter(is_followed)
    }

    /// The update that was written together with that of another container, which tells of both, and whose end is not known
    /// yet.
    #[must_use]
    pub fn accompanies(&self) -> Option<(&str, &Update)> {
        let update = self.update.as_ref().filter(|update| update.outcome == Outcome::RollingOut)?;
        Some((update.told_by.as_deref()?, update))
    }

    /// Why a version is not to be written or proposed, whatever the policy says: it was set back, or is older than what was.
    #[must_use]
    pub fn holds(&self, tag: &Tag, digest: &Digest) -> Option<&Held> {
        let is_it = |held: &&Held| {
            if held.tag == held.back_to {
                held.tag == *tag && held.digest.as_ref() == Some(digest)
            } else {
                held.tag == *tag || is_older(tag.as_str(), held.tag.as_str())
            }
        };
        self.held.as_ref().filter(is_it)
    }

    /// Why only people decide, whatever the mode says, if they do.
    #[must_use]
    pub fn asks_only(&self) -> Option<AsksOnly> {
        if self.set_backs >= SET_BACKS_UNTIL_ASKED {
            return Some(AsksOnly::SetBackTwice);
        }
        self.in_doubt.map(|in_doubt| AsksOnly::SettingsWentBack(in_doubt.why))
    }

    /// The newest question, if it is about this version of what runs, whether it can be answered or not.
    #[must_use]
    pub fn question_about(&self, image: &str, tag: &Tag, digest: &Digest) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.terms.is_about(image, tag, digest))
    }

    /// The same for one update: what its makers declared when people were asked about it.
    #[must_use]
    pub fn asks_only_about(&self, image: &str, tag: &Tag, digest: &Digest) -> Option<AsksOnly> {
        let declares =
            self.question_about(image, tag, digest).map(|question| question.declares).filter(|declares| declares.any());
        let released = self.released.as_ref().filter(|released| {
            let is_it = released.tag == *tag && released.digest.as_ref().is_none_or(|released| released == digest);
            is_it || is_older(tag.as_str(), released.tag.as_str())
        });
        let released = released.map(|_| AsksOnly::Released);
        self.asks_only().or(declares.map(AsksOnly::Declared)).or(released)
    }

    /// Whether this write was refused, and is not to be tried again yet.
    #[must_use]
    pub fn refuses(&self, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Refused> {
        self.refused.writes(now).find(|refused| refused.tag == *tag && refused.digest == *digest)
    }

    /// What a tag that is followed is known to point to: what the image is pinned to, or was found at the first look.
    #[must_use]
    pub fn digest_of(&self, image: &ImageReference) -> Option<Digest> {
        let learnt =
            || self.runs.as_ref().filter(|runs| Some(&runs.tag) == image.running_tag().as_ref())?.digest.clone();
        image.digest().cloned().or_else(learnt)
    }

    /// Whether what runs now is what ran before, as far as its image says it. Where a pin is all that we wrote, an image
    /// without it is what was there before, and somebody's word.
    #[must_use]
    pub fn still_runs(&self, now: &Running) -> bool {
        let Some(before) = &self.runs else { return false };
        let is_unpinned = || {
            let update = self.update.as_ref().filter(|update| update.wrote(before));
            update.is_some_and(|update| update.is_a_pin() && now.digest.is_none())
        };
        before.is(now) && !is_unpinned()
    }

    /// The newest update, if it ended so lately that people may not have been told of it yet: what was stored for them is
    /// lost with the disk, and is told again until its time is over, which recipients recognise as one.
    #[must_use]
    pub fn ended(&self, now: DateTime<Utc>) -> Option<&Update> {
        let update = self.update.as_ref().filter(|update| update.told_by.is_none())?;
        update.ended.is_some_and(|ended| now < ended + LIFETIME).then_some(update)
    }

    /// What is held, where nobody was asked anything for so long that people are asked about it anew.
    #[must_use]
    pub fn unasked(&self, now: DateTime<Utc>) -> Option<&Held> {
        let asked = self.question.as_ref().map(|question| question.asked);
        let is_long_ago = |held: &&Held| now >= asked.unwrap_or(held.since).max(held.since) + HELD_ASKED_EVERY;
        self.held.as_ref().filter(is_long_ago).filter(|_| self.open(now).is_none())
    }

    /// The same of what is gone.
    #[must_use]
    pub fn gone_lately(&self, now: DateTime<Utc>) -> Option<&GoneSince> {
        self.gone.as_ref().filter(|gone| now < gone.since + LIFETIME)
    }

    /// Why a list that has so many tags of the running one's kind is not believed, as far as earlier ones tell: known to whoever
    /// reads the record, and after a restart.
    #[must_use]
    pub fn doubts(&self, relatives: usize, now: DateTime<Utc>) -> Option<Doubt> {
        let shrunk = self.shrunk.as_ref().filter(|shrunk| now < shrunk.since + Doubt::BELIEVED_AFTER)?;
        Doubt::shrunk(shrunk.before, relatives)
    }

    /// The answer «not this version» that people may not have been told of yet: it is told again until its link's time is
    /// over, which its recipients recognise as one.
    #[must_use]
    pub fn skipped(&self, now: DateTime<Utc>) -> Option<&Answered> {
        let newest = self.answered.first()?;
        (newest.answer == Answer::Skipped && newest.terms.is_in_its_time(now)).then_some(newest)
    }

    fn find(&self, approval: &ApprovalId) -> Option<Known<'_>> {
        let is_it = |terms: &&Terms| terms.id == *approval;
        // An answer counts, wherever else the question stands.
        let answered = self.answered.iter().find(|answered| answered.terms.id == *approval).map(Known::Answered);
        answered
            .or_else(|| Some(Known::Newest(self.question.as_ref().filter(|question| question.terms.id == *approval)?)))
            .or_else(|| self.replaced.iter().find(is_it).map(Known::Replaced))
    }
}

impl Question {
    /// Whether it asks, or asked, to go from this image to what a tag pointed to.
    #[must_use]
    pub fn is_about(&self, image: &ImageReference, tag: &Tag, digest: &Digest) -> bool {
        let Terms { from, tag: of_tag, digest: of, .. } = &self.terms;
        ImageReference::parse(from).as_ref() == Ok(image) && of_tag == tag && of == digest
    }

    /// Whether it can be answered now.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        !matches!(self.stands, Stands::Closed(_)) && self.terms.is_in_its_time(now)
    }
}

/// Whether a container runs this version, which took the place of another image, as far as its own image says it.
fn runs(workload: &Workload, container: &str, (tag, digest): (&Tag, &Digest), from: Option<&Tag>) -> bool {
    let image = workload.container(container).and_then(|(_, container)| container.reference());
    let is_it = |written: Option<&Digest>| written.map_or(from != Some(tag), |written| written == digest);
    image.is_some_and(|image| image.tag() == Some(tag) && is_it(image.digest()))
}

impl Update {
    /// Whether a container still runs what it wrote.
    #[must_use]
    pub fn runs_on(&self, workload: &Workload, container: &str) -> bool {
        runs(workload, container, (&self.tag, &self.digest), self.from_tag().as_ref())
    }

    /// Whether it was written for this plan of a group.
    #[must_use]
    pub fn is_of(&self, plan: &Plan) -> bool {
        self.group.as_ref().is_some_and(|it| it.id == plan.id)
    }

    /// Whether this is what it wrote, and not the same version as another hand writes it.
    #[must_use]
    pub fn wrote(&self, running: &Running) -> bool {
        self.running().is_some_and(|ours| ours == *running)
    }

    /// Whether both were written at once, one telling of the other.
    #[must_use]
    pub fn is_written_with(&self, other: &Self) -> bool {
        (&self.tag, &self.digest, self.at) == (&other.tag, &other.digest, other.at)
    }

    /// What it wrote.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        let of = ImageReference::parse(&self.from).ok()?.repository().to_string().into();
        Some(Running { of, tag: self.tag.clone(), digest: Some(self.digest.clone()), is_learnt: false })
    }

    /// Whether the tag ran before: then the digest is all that it wrote.
    #[must_use]
    pub fn is_a_pin(&self) -> bool {
        self.from_tag().as_ref() == Some(&self.tag)
    }

    /// What ran before it, by digest, where that is known.
    #[must_use]
    pub fn ran_before(&self) -> Option<Digest> {
        let pinned = || ImageReference::parse(&self.from).ok()?.digest().cloned();
        self.from_digest.clone().or_else(pinned)
    }

    /// Whether another than us wrote the pod template since: what comes of that is not what this brought.
    #[must_use]
    pub fn is_edited_on(&self, workload: &Workload) -> bool {
        // Records of earlier releases do not say how it was before.
        let before = self.template_before.unwrap_or(self.at);
        workload.template_by_others.is_some_and(|written| written > before)
    }

    /// What ran before it, where that is known exactly: the image as it was written, its tag and its digest.
    fn before(&self) -> Option<(&str, Tag, Digest)> {
        Some((&self.from, self.from_tag()?, self.ran_before()?))
    }

    /// The same of what ran well last, where what ran before never did.
    #[must_use]
    pub fn further(&self) -> Option<(&str, Tag, Digest)> {
        let ran = self.ran_well.as_deref()?;
        let (image, from) = (ImageReference::parse(&ran.image).ok()?, ImageReference::parse(&self.from).ok()?);
        let tag = image.running_tag().filter(|_| image.repository() == from.repository())?;
        Some((&ran.image, tag, ran.digest.clone()))
    }

    /// What is gone back to where nobody chooses: what ran before, or what ran well last where that never did.
    #[must_use]
    pub fn goes_back_to(&self) -> Option<(&str, Tag, Digest)> {
        if self.ran_well.is_some() { self.further() } else { self.before() }
    }

    /// How a version was written that ran before it, if it is one of those two.
    #[must_use]
    pub fn was_written(&self, tag: &Tag, digest: &Digest) -> Option<&str> {
        let is_it = |(_, of, manifest): &(&str, Tag, Digest)| of == tag && manifest == digest;
        self.before().into_iter().chain(self.further()).find(is_it).map(|(image, ..)| image)
    }

    /// The tag that ran before.
    #[must_use]
    pub fn from_tag(&self) -> Option<Tag> {
        ImageReference::parse(&self.from).ok()?.running_tag()
    }

    /// What ran well last, as far as it is known, where this never did and is replaced. What it undid did not run well, and what
    /// it went back to had.
    fn runs_well(&self) -> Option<Box<RanWell>> {
        if self.undoes.is_some() || !matches!(self.outcome, Outcome::RollingOut | Outcome::Failed) {
            return None;
        }
        let before = || Some(Box::new(RanWell { image: self.from.clone(), digest: self.ran_before()? }));
        self.ran_well.clone().or_else(before)
    }

    /// What is held from when it is written, where it goes back.
    fn holds(&self, now: DateTime<Utc>) -> Option<Held> {
        let Undone { tag, digest, failure, .. } = self.undoes.as_deref()?.clone();
        let by = if failure.is_some() { Vec::new() } else { vec![self.by.to_string()] };
        Some(Held { tag, digest: Some(digest), back_to: self.tag.clone(), since: now, by, failure })
    }

    /// What the history says of it.
    #[must_use]
    pub fn entry(&self, container: &str) -> Entry {
        Entry {
            container: container.to_owned(),
            version: self.tag.to_string(),
            previous: self.from_tag().map(|tag| tag.to_string()).unwrap_or_default(),
            digest: self.digest.to_string(),
            previous_image: self.from.clone(),
            time: super::history::rfc3339(self.at),
            by: self.by.to_string(),
            outcome: self.outcome,
            level: self.level.as_str().to_owned(),
            approval: self.question.as_ref().map(|terms| terms.id.to_string()),
        }
    }
}

impl Held {
    /// What the history says of it when it is let go.
    fn let_go(&self, container: &str, running: Option<&Running>, by: &Actor, now: DateTime<Utc>) -> Entry {
        Entry {
            container: container.to_owned(),
            version: self.tag.to_string(),
            previous: self.back_to.to_string(),
            digest: self.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            previous_image: running.map(Running::written).unwrap_or_default(),
            time: super::history::rfc3339(now),
            by: by.to_string(),
            outcome: Outcome::Resumed,
            level: String::new(),
            approval: None,
        }
    }
}

impl Answered {
    fn entry(&self, container: &str, level: Option<Level>) -> Entry {
        let Terms { from, tag, digest, id, .. } = &self.terms;
        Entry {
            container: container.to_owned(),
            version: tag.to_string(),
            previous: self.terms.from_tag().map(|tag| tag.to_string()).unwrap_or_default(),
            digest: digest.to_string(),
            previous_image: from.clone(),
            time: super::history::rfc3339(self.at),
            by: self.by.to_string(),
            outcome: match self.answer {
                Answer::Skipped => Outcome::Skipped,
                Answer::Resumed => Outcome::Resumed,
                Answer::Approved | Answer::WentBack => Outcome::Replaced,
            },
            level: level.map(|level| level.as_str().to_owned()).unwrap_or_default(),
            approval: Some(id.to_string()),
        }
    }
}

impl Terms {
    /// Until when it can be answered: never longer than links last, counted from when its name was made.
    #[must_use]
    pub fn expires(&self) -> DateTime<Utc> {
        self.expires.min(self.id.made() + LIFETIME)
    }

    /// Whether it can have been made by now, and its time is not over.
    #[must_use]
    pub fn is_in_its_time(&self, now: DateTime<Utc>) -> bool {
        self.id.is_made(now) && now < self.expires()
    }

    /// The tag that ran.
    #[must_use]
    pub fn from_tag(&self) -> Option<Tag> {
        ImageReference::parse(&self.from).ok()?.running_tag()
    }

    fn is_about(&self, image: &str, tag: &Tag, digest: &Digest) -> bool {
        self.from == image && self.tag == *tag && self.digest == *digest
    }

    /// The approval of a container of a workload.
    #[must_use]
    pub fn approval(&self, workload: &WorkloadId, container: &str) -> Approval {
        Approval {
            id: self.id.clone(),
            key: self.key.clone(),
            expires: self.expires(),
            nonce: self.nonce.clone(),
            workload: workload.clone(),
            container: container.to_owned(),
            from_image: self.from.clone(),
            from_digest: self.from_digest.clone(),
            to_tag: self.tag.clone(),
            to_digest: self.digest.clone(),
            allows: self.allows,
            group: self.group.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
