//! What we know of one container, and the questions that are put to it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Known;
use super::ends::Ends;
use super::held::Held;
use super::question::{Answer, Answered, Closed, Question, REMINDED_AFTER, Stands, is_put_off};
use super::refused::{Refusals, Refused};
use super::update::{Running, Update};
use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, ApprovalId, LIFETIME, Terms};
use crate::domain::event::{MOST_REMINDERS, WayBack};
use crate::domain::gone::Gone;
use crate::domain::group;
use crate::domain::history::Outcome;
use crate::domain::notice::is_zero;
use crate::domain::policy::{Age, Cooldown, Doubt, KnownSince, Mode, Policy, age, is_older};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::settings::{Fingerprint, Settings};

/// How many questions of a container are remembered that were answered, or replaced by another.
pub(super) const MOST_PAST: usize = 10;

/// So long after its time an old link may have a new one in its place, where the same is asked still.
pub(super) const RENEWABLE: TimeDelta = TimeDelta::days(7);

/// What we know of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ledger {
    /// What ran when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Running>,
    /// The tag that ran before, where another hand wrote what runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Tag>,
    /// The newest question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// Those that another took the place of, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replaced: Vec<Terms>,
    /// Those that were answered, newest first, for as long as their links are in their time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) answered: Vec<Answered>,
    /// The newest update that we wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// Until when people put a question off, while it is closed or another is in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) put_off: Option<PutOff>,
    /// What somebody set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// How often the tool that owns the workload, or makes it again, set an update of this container back, one after another.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) set_backs: u8,
    /// So many of these were of updates that were told of here, and not with those of another container. Earlier releases did not
    /// write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) told_set_backs: Option<u8>,
    /// The mode when it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<Mode>,
    /// Settings that came back together with an older record, so that nobody may have meant them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_doubt: Option<InDoubt>,
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
    pub(super) released: Option<Released>,
    /// That what runs is gone from its registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<GoneSince>,
    /// That the list of tags lost most of the running tag's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrunk: Option<Shrunk>,
    /// A version whose release notes are waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<NotesAwaited>,
    /// How the last automatic updates ended.
    #[serde(skip_serializing_if = "Ends::is_empty")]
    pub ends: Ends,
    /// Whether the last look came to no decision, for what is said to be wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// Why the newest update did not go back with its group, where that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stays: Option<WayBack>,
    /// Why its group waits, where that is said on this container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_waits: Option<Box<group::Waits>>,
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

/// A version that does not go by itself yet, as its release notes can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotesAwaited {
    /// The version.
    pub tag: Tag,
    /// Its manifest.
    pub digest: Digest,
    /// How long they are waited for at most.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub until: DateTime<Utc>,
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

/// A version that is held no more, and that people decide on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Released {
    pub(super) tag: Tag,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
}

/// That people put a question off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PutOff {
    /// Which.
    pub(super) question: ApprovalId,
    /// The version to update to that it asked for; nothing in what an earlier release wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<(Tag, Digest)>,
    /// Until when.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub(super) until: DateTime<Utc>,
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

/// When people were told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// When.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// Of this version.
    pub tag: Tag,
}

impl PutOff {
    /// What a question comes to, if it is put off.
    pub(super) fn of(question: &Question) -> Option<Self> {
        let until = question.put_off_until()?;
        let Terms { id, tag, digest, allows, .. } = &question.terms;
        let version = (*allows == Allows::Update).then(|| (tag.clone(), digest.clone()));
        Some(Self { question: id.clone(), version, until })
    }

    /// Whether it is put off still.
    pub(super) fn is_still(&self, now: DateTime<Utc>) -> bool {
        is_put_off(self.until, now)
    }

    pub(super) fn is_of_tag(&self, tag: &Tag) -> bool {
        self.version.as_ref().is_some_and(|(of, _)| of == tag)
    }

    pub(super) fn is_of(&self, tag: &Tag, digest: &Digest) -> bool {
        self.version.as_ref().is_some_and(|(of, manifest)| of == tag && manifest == digest)
    }
}

impl Ledger {
    /// A waiting time beside what is recorded: since when versions are known, and when people were asked.
    #[must_use]
    pub fn waiting(&self, cooldown: Cooldown) -> Cooldown {
        cooldown.knowing(self.known_since.clone()).asked(self.question.as_ref().map(|question| question.asked))
    }

    /// Settings beside what is recorded.
    #[must_use]
    pub fn beside(&self, mut settings: Settings) -> Settings {
        settings.policy.cooldown = settings.policy.cooldown.map(|cooldown| self.waiting(cooldown));
        settings
    }

    /// The question that can be answered, or that is put off beyond its links' time: who put it off can end that.
    #[must_use]
    pub fn open_or_put_off(&self, now: DateTime<Utc>) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.is_open(now) || question.snoozed_until(now).is_some())
    }

    /// The question that can be answered now.
    #[must_use]
    pub fn open(&self, now: DateTime<Utc>) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.is_open(now))
    }

    /// The same where a container runs this image: what was asked of another image is no question any more.
    #[must_use]
    pub fn open_of(&self, image: &str, now: DateTime<Utc>) -> Option<&Question> {
        self.open(now).filter(|question| question.is_asked_of(image))
    }

    /// Until when the release notes of this version are waited for at most, where they are.
    #[must_use]
    pub fn waits_for_notes(&self, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let awaited = self.notes.as_ref().filter(|it| (&it.tag, &it.digest) == (tag, digest) && now < it.until)?;
        Some(awaited.until)
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
        let is_it = |question: &&Question| {
            question.terms.allows == Allows::Update && question.terms.is_about(image, tag, digest)
        };
        self.open(now).filter(is_it)
    }

    /// The question that asked for this version of what runs, and was closed as there was nothing to ask then: it may be
    /// opened again, and its links go on working.
    #[must_use]
    pub fn asked_before(&self, image: &str, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Question> {
        let is_it = |question: &&Question| {
            matches!(question.closed(), Some(Closed::NothingToAsk | Closed::Withdrawn))
                && question.terms.is_in_its_time(now)
                && question.terms.allows == Allows::Update
                && question.terms.is_about(image, tag, digest)
        };
        self.question.as_ref().filter(is_it)
    }

    /// The question that asked for this version of what runs until its links' time was over, and that nobody answered: it is the
    /// same question until people are reminded of it, see [`Question::again`].
    #[must_use]
    pub fn unanswered(&self, image: &str, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<&Question> {
        let is_it = |question: &&Question| {
            !matches!(question.closed(), Some(Closed::Answered | Closed::Unknown))
                && now >= question.terms.expires()
                && question.terms.allows == Allows::Update
                && question.terms.is_about(image, tag, digest)
        };
        self.question.as_ref().filter(is_it)
    }

    /// Until when nobody is to be asked about this version, as a person put it off: whatever runs by now, and whatever people
    /// were asked meanwhile.
    #[must_use]
    pub fn snoozed(&self, tag: &Tag, digest: &Digest, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let newest = self.question.as_ref().filter(|question| question.terms.asks_for(tag, digest));
        match newest {
            Some(question) if !question.is_closed() => question.snoozed_until(now),
            closed => self.put_off(tag, digest, closed.map(|question| &question.terms.id), now),
        }
    }

    /// When what is put off is over, while it is closed or another question is in its place. The last that was put off is known.
    #[must_use]
    pub fn put_off_until(&self) -> Option<DateTime<Utc>> {
        self.put_off.as_ref().map(|put_off| put_off.until)
    }

    /// Until when a version is put off, or the question with this name, while that is closed or another one is in its place.
    pub(super) fn put_off(
        &self,
        tag: &Tag,
        digest: &Digest,
        asked: Option<&ApprovalId>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let is_it = |put_off: &&PutOff| put_off.is_of(tag, digest) || asked == Some(&put_off.question);
        self.put_off.as_ref().filter(is_it).filter(|it| it.is_still(now)).map(|it| it.until)
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
        self.holds_by(tag, digest, None)
    }

    /// The same by the order of the workload's own pattern.
    #[must_use]
    pub fn holds_by(&self, tag: &Tag, digest: &Digest, policy: Option<&Policy>) -> Option<&Held> {
        let is_older_by = |than: &Tag| matches!(age(tag.as_str(), than.as_str(), policy), Age::Older(_));
        let is_it = |held: &&Held| {
            if held.tag == held.back_to {
                held.tag == *tag && held.digest.as_ref() == Some(digest)
            } else {
                held.tag == *tag
                    || held.passed.contains(tag)
                    || is_older(tag.as_str(), held.tag.as_str())
                    || is_older_by(&held.tag)
            }
        };
        self.held.as_ref().filter(is_it)
    }

    /// Whether this very version is held, and not only what is older than that.
    #[must_use]
    pub fn holds_just(&self, tag: &Tag, digest: Option<&Digest>) -> bool {
        let is_it = |held: &Held| held.tag == *tag && (held.tag != held.back_to || held.digest.as_ref() == digest);
        self.held.as_ref().is_some_and(is_it)
    }

    /// What of it is about versions, and not about the container's name: what stays known where that is another now. Questions
    /// name the container.
    pub(super) fn of_another_name(&self) -> Self {
        Self {
            runs: self.runs.clone(),
            mode: self.mode,
            ends: self.ends.clone(),
            put_off: self.question.as_ref().and_then(PutOff::of).or_else(|| self.put_off.clone()),
            held: self.held.clone(),
            set_backs: self.set_backs,
            told_set_backs: self.told_set_backs,
            in_doubt: self.in_doubt,
            known_since: self.known_since.clone(),
            refused: self.refused.clone(),
            released: self.released.clone(),
            ..Self::default()
        }
    }

    /// What of it links are about that are in their time, where nothing can be answered any more, as the container is gone.
    pub(super) fn links_alone(&self, now: DateTime<Utc>) -> Self {
        let closed = |question: Question| {
            let stands = match question.stands {
                Stands::Closed(why) => Stands::Closed(why),
                Stands::Open | Stands::Snoozed(_) => Stands::Closed(Closed::NothingToAsk),
            };
            Question { stands, preflight: None, ..question }
        };
        let question = self.question.clone().filter(|question| question.terms.is_in_its_time(now)).map(closed);
        let mut answered = self.answered.clone();
        answered.retain(|answered| answered.terms.is_in_its_time(now));
        Self { question, answered, ..Self::default() }
    }

    /// The newest question, if it is about this version of what runs, whether it can be answered or not.
    #[must_use]
    pub fn question_about(&self, image: &str, tag: &Tag, digest: &Digest) -> Option<&Question> {
        self.question.as_ref().filter(|question| question.terms.is_about(image, tag, digest))
    }

    /// The newest answer of this kind about a version, for as long as the link's time is not over.
    #[must_use]
    pub fn answered_about(&self, tag: &Tag, digest: Option<&Digest>, answer: Answer) -> Option<&Answered> {
        self.answered.iter().find(|it| {
            it.answer == answer && it.terms.tag == *tag && digest.is_none_or(|digest| it.terms.digest == *digest)
        })
    }

    /// Who let this version be applied again since then, where somebody did, and whether people are asked before it is.
    #[must_use]
    pub fn let_go_since(&self, tag: &Tag, digest: &Digest, since: DateTime<Utc>) -> Option<(&Actor, bool)> {
        let answered =
            self.answered_about(tag, Some(digest), Answer::Resumed).filter(|answered| answered.at >= since)?;
        Some((&answered.by, self.released.as_ref().is_some_and(|released| released.tag == *tag)))
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

    /// What the image that a workload has stands for by digest, as far as that is known without a registry: as it is
    /// pinned or was learnt, as we wrote its tag, or as it was when people were asked about what is newer.
    #[must_use]
    pub fn digest_that_runs(&self, image: &ImageReference) -> Option<Digest> {
        let written = || {
            let update = self.update.as_ref()?;
            let wrote = update.running()?;
            (Some(&wrote.tag) == image.running_tag().as_ref() && *wrote.of == *image.repository().to_string())
                .then(|| update.digest.clone())
        };
        let asked = || {
            let terms = &self.question.as_ref()?.terms;
            terms.from_digest.clone().filter(|_| ImageReference::parse(&terms.from).as_ref() == Ok(image))
        };
        self.digest_of(image).or_else(written).or_else(asked)
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
        // What was replaced after it had failed is no news, and was never well.
        let has_end = |update: &&Update| matches!(update.outcome, Outcome::Healthy | Outcome::Failed);
        let update = self.update.as_ref().filter(|update| update.told_by.is_none()).filter(has_end)?;
        update.ended.is_some_and(|ended| now < ended + LIFETIME).then_some(update)
    }

    /// What failed here before and another hand put back so lately that people may not have been told of it yet, while its end is not
    /// known.
    #[must_use]
    pub fn put_back_lately(&self, now: DateTime<Utc>) -> Option<&Update> {
        let update = self.followed().filter(|update| update.outcome == Outcome::RollingOut)?;
        (update.failed_before.is_some() && now < update.at + LIFETIME).then_some(update)
    }

    /// What somebody set back so lately that people may not have been told of it yet, where nothing was asked about it.
    #[must_use]
    pub fn held_lately(&self, now: DateTime<Utc>) -> Option<&Held> {
        let is_way_back = self.update.as_ref().is_some_and(|update| update.undoes.is_some());
        let held = self.held.as_ref().filter(|held| !is_way_back && (held.failure.is_none() || !held.by.is_empty()))?;
        (now < held.since + LIFETIME && !self.was_asked_about(&held.tag)).then_some(held)
    }

    /// What is held, where nobody was asked anything for so long that people are asked about it anew, or where it is not known
    /// whether an answer counted, and as which reminder.
    #[must_use]
    pub fn unasked(&self, now: DateTime<Utc>) -> Option<(&Held, u8)> {
        let held = self.held.as_ref()?;
        let Some(question) = &self.question else {
            return (now >= held.since + REMINDED_AFTER).then_some((held, 0));
        };
        let is_about_held = question.terms.allows == Allows::Held && question.asked >= held.since;
        if is_about_held && question.closed() == Some(Closed::Unknown) {
            // Whoever answered is to hear that it may not have counted.
            return Some((held, question.reminders));
        }
        // What is newer is asked about as long as nobody answers, and not what is held beside it.
        let is_of_a_newer = question.terms.allows == Allows::Update && !question.is_closed();
        let is_enough = is_about_held && question.reminders >= MOST_REMINDERS;
        let is_long_ago = now >= question.asked.max(held.since) + REMINDED_AFTER;
        let reminder = if is_about_held { question.reminders + 1 } else { 0 };
        (is_long_ago && !is_enough && !is_of_a_newer && !question.is_open(now)).then_some((held, reminder))
    }

    /// Whether it knows of another mode than this one, or has doubts about other settings.
    #[must_use]
    pub fn knows_others(&self, mode: Mode, settings: Fingerprint) -> bool {
        self.mode.is_some_and(|known| known != mode)
            || self.in_doubt.is_some_and(|in_doubt| in_doubt.settings != settings)
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
        // A clock that was ahead is none to wait for.
        let shrunk = self.shrunk.as_ref().filter(|shrunk| now < shrunk.since.min(now) + Doubt::BELIEVED_AFTER)?;
        Doubt::shrunk(shrunk.before, relatives)
    }

    /// The answer «not this version» that people may not have been told of yet: it is told again until its link's time is
    /// over, which its recipients recognise as one.
    #[must_use]
    pub fn skipped(&self, now: DateTime<Utc>) -> Option<&Answered> {
        let newest = self.answered.first()?;
        (newest.answer == Answer::Skipped && newest.terms.is_in_its_time(now)).then_some(newest)
    }

    /// What was answered to a question: by a link of its own, or by that of one that asked the same in its place, unless people are
    /// asked the same again by now.
    #[must_use]
    pub fn answered_like<'l>(&'l self, known: &Known<'l>) -> Option<&'l Answered> {
        match known {
            Known::Answered(answered) => Some(*answered),
            Known::Newest(_) => None,
            Known::Replaced(terms) => {
                let asks_again = |newest: &Question| !newest.is_closed() && newest.terms.asks_the_same(terms);
                let is_over = !self.question.as_ref().is_some_and(asks_again);
                self.answered.iter().find(|answered| is_over && answered.stands_for(terms))
            }
        }
    }

    pub(super) fn find(&self, approval: &ApprovalId) -> Option<Known<'_>> {
        let is_it = |terms: &&Terms| terms.id == *approval;
        // An answer counts, wherever else the question stands.
        let answered = self.answered.iter().find(|answered| answered.terms.id == *approval).map(Known::Answered);
        answered
            .or_else(|| Some(Known::Newest(self.question.as_ref().filter(|question| question.terms.id == *approval)?)))
            .or_else(|| self.replaced.iter().find(is_it).map(Known::Replaced))
    }
}
