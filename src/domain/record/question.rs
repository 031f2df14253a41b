//! What people are asked, and what they answered.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::approval::{Allows, Approval, LIFETIME, Terms};
use crate::domain::declared::Kinds;
use crate::domain::event::MOST_REMINDERS;
use crate::domain::fleet;
use crate::domain::grounds::Grounds;
use crate::domain::group::Plan;
use crate::domain::history::{Entry, Outcome, rfc3339};
use crate::domain::notice::is_zero;
use crate::domain::preflight::Preflight;
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::request::LONGEST_SNOOZE;
use crate::domain::tag::Level;
use crate::domain::until::is_to_come;
use crate::domain::votes::Votes;
use crate::domain::workload::WorkloadId;

/// Of what nobody answers people are reminded after so long.
pub(super) const REMINDED_AFTER: TimeDelta = TimeDelta::days(7);

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
    /// Who approved it, where more people have to.
    #[serde(default, skip_serializing_if = "Votes::is_empty")]
    pub votes: Votes,
    /// How often people were reminded of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u8,
    /// Whether its link was asked for, and sent to nobody but who did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_renewed: bool,
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

/// How a question waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Its links are in their time.
    Open,
    /// It is put off until then.
    Snoozed(DateTime<Utc>),
    /// The time of its links is over.
    Expired,
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

impl Question {
    /// What can be answered, of which nothing more is said.
    #[must_use]
    pub fn new(terms: Terms, level: Level, asked: DateTime<Utc>) -> Self {
        Self {
            terms,
            level,
            why: None,
            asked,
            with: Vec::new(),
            declares: Kinds::default(),
            preflight: None,
            because: None,
            group: None,
            votes: Votes::default(),
            reminders: 0,
            is_renewed: false,
            stands: Stands::Open,
        }
    }

    /// Whether it asks, or asked, to go from this image to what a tag pointed to.
    #[must_use]
    pub fn is_about(&self, image: &ImageReference, tag: &Tag, digest: &Digest) -> bool {
        let Terms { from, tag: of_tag, digest: of, .. } = &self.terms;
        ImageReference::parse(from).as_ref() == Ok(image) && of_tag == tag && of == digest
    }

    /// Whether it takes one more gesture than a button: a major update, of any member of a group, and going back.
    #[must_use]
    pub fn is_to_be_read(allows: Allows, level: Level, group: Option<&Plan>) -> bool {
        let mut members = group.into_iter().flat_map(|plan| &plan.moves);
        match allows {
            Allows::Update => level == Level::Major || members.any(|one| one.level == Level::Major),
            Allows::Held => false,
            Allows::Back => true,
        }
    }

    /// Why it can't be answered any more, if it is closed. Where it is not, its links' time may be over.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        match self.stands {
            Stands::Closed(why) => Some(why),
            Stands::Open | Stands::Snoozed(_) => None,
        }
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// Whether it can be answered now.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        !self.is_closed() && self.terms.is_in_its_time(now)
    }

    /// How it waits for an answer; nothing where it is closed.
    #[must_use]
    pub fn waits(&self, now: DateTime<Utc>) -> Option<Waits> {
        if self.is_closed() {
            return None;
        }
        Some(match self.snoozed_until(now) {
            Some(until) => Waits::Snoozed(until),
            None if self.is_open(now) => Waits::Open,
            None => Waits::Expired,
        })
    }

    /// Whether nobody answered it, and what it asks for is wanted as far as is known, or was withdrawn.
    #[must_use]
    pub fn is_left_unanswered(&self) -> bool {
        self.closed().is_none_or(|why| why == Closed::Withdrawn)
    }

    /// Until when it was put off, be that over or not.
    #[must_use]
    pub fn put_off_until(&self) -> Option<DateTime<Utc>> {
        match self.stands {
            Stands::Snoozed(until) => Some(until),
            Stands::Open | Stands::Closed(_) => None,
        }
    }

    /// Whether it is asked of a container that runs this image: where another image runs by now, no answer is taken.
    #[must_use]
    pub fn is_asked_of(&self, image: &str) -> bool {
        self.terms.from == image
    }

    /// Until when it is put off, if it still is: it can be answered, and nobody is told of it again before this.
    #[must_use]
    pub fn snoozed_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.stands {
            Stands::Snoozed(until) => Some(until).filter(|until| is_put_off(*until, now)),
            Stands::Open | Stands::Closed(_) => None,
        }
    }

    /// Whether it was put off until a moment that is over, so that people are asked anew whatever its links' time.
    #[must_use]
    pub fn was_put_off(&self, now: DateTime<Utc>) -> bool {
        matches!(self.stands, Stands::Snoozed(until) if until <= now)
    }

    /// When people are told of it anew, if nobody answers: at the end of a snooze, or as a reminder. `None` where they were
    /// reminded often enough.
    #[must_use]
    pub fn again(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.stands {
            Stands::Snoozed(until) if until <= now || is_put_off(until, now) => Some(until.max(self.terms.expires())),
            Stands::Open | Stands::Snoozed(_) | Stands::Closed(_) => {
                (self.reminders < MOST_REMINDERS).then(|| self.asked + REMINDED_AFTER)
            }
        }
    }

    /// How many reminders it comes to when people are told of it anew: who put it off is no more reminded than asked.
    #[must_use]
    pub fn next_reminder(&self) -> u8 {
        match self.stands {
            Stands::Snoozed(_) => 0,
            Stands::Open | Stands::Closed(_) => self.reminders.saturating_add(1).min(MOST_REMINDERS),
        }
    }
}

/// Whether what was put off until then still is: nobody can put anything off for longer, so a clock that was ahead did.
pub(super) fn is_put_off(until: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    is_to_come(until, LONGEST_SNOOZE, now)
}

impl Answered {
    /// Whether it answers what another, earlier question asked.
    pub(super) fn stands_for(&self, earlier: &Terms) -> bool {
        self.terms.from == earlier.from && self.terms.asks_the_same(earlier) && self.at >= earlier.id.made()
    }

    pub(super) fn entry(&self, container: &str, level: Option<Level>) -> Entry {
        let Terms { from, tag, digest, id, .. } = &self.terms;
        Entry {
            container: container.to_owned(),
            version: tag.to_string(),
            previous: self.terms.from_tag().map(|tag| tag.to_string()).unwrap_or_default(),
            digest: digest.to_string(),
            previous_image: from.clone(),
            time: rfc3339(self.at),
            by: self.by.to_string(),
            outcome: match self.answer {
                Answer::Skipped => Outcome::Skipped,
                Answer::Resumed => Outcome::Resumed,
                Answer::Approved | Answer::WentBack => Outcome::Replaced,
            },
            level: level.map(|level| level.as_str().to_owned()).unwrap_or_default(),
            approval: Some(id.to_string()),
            ended: None,
            failure: None,
            undoes: None,
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

    /// Whether another question asks for the same version.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        (&self.tag, &self.digest, self.allows) == (&other.tag, &other.digest, other.allows)
    }

    /// Whether it asks for this version, whatever runs.
    pub(super) fn asks_for(&self, tag: &Tag, digest: &Digest) -> bool {
        self.allows == Allows::Update && self.tag == *tag && self.digest == *digest
    }

    pub(super) fn is_about(&self, image: &str, tag: &Tag, digest: &Digest) -> bool {
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
