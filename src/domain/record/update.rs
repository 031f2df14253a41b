//! What a container runs, and the update that we wrote of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::approval::Terms;
use crate::domain::declared::Kinds;
use crate::domain::event::{Failure, WayBack};
use crate::domain::group::Plan;
use crate::domain::history::{Entry, Outcome, rfc3339};
use crate::domain::reference::{Digest, ImageReference, Tag};
use crate::domain::rollout::obstacle::InTheWay;
use crate::domain::rollout::{Reached, Stall};
use crate::domain::tag::Level;
use crate::domain::workload::Workload;

/// So many of what was deleted in the way of an update are remembered.
const MOST_REMOVED: usize = 8;

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
    /// Whether it stands still, and since when people know that it did.
    #[serde(flatten)]
    pub standstill: Standstill,
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
    /// Since when the rollout before was given up, if it was: see [`crate::domain::rollout::Stall::since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_before: Option<String>,
    /// When another than us had written the pod template last, before this was written.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "chrono::serde::ts_seconds_option")]
    pub template_before: Option<DateTime<Utc>>,
    /// Of the pod template as this wrote it, or what we wrote since: see [`Workload::template_hash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<u64>,
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
    /// Whether all of it ran well when another image of the workload was written, though its end is not known yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stood: bool,
    /// Why this very version failed here before, where another hand wrote it again: it is their word, so that it is followed like
    /// any update, and not undone. The reason is empty where nothing but the history tells that it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Box<Failure>>,
}

/// Whether an update stands still. Its two members stand in records as earlier releases wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standstill {
    /// When people were first told that it does, as nothing else would end that. It stays where the update goes on: that it stands
    /// still again is no news.
    #[serde(rename = "stalled", skip_serializing_if = "Option::is_none", with = "chrono::serde::ts_seconds_option")]
    pub told: Option<DateTime<Utc>>,
    /// Why it does now, where it does: whether the cluster itself ends that or not.
    #[serde(rename = "standsStill", skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<Failure>>,
    /// How far it had come when that was said, where it was under way. Earlier releases did not write it.
    #[serde(rename = "standsAt", skip_serializing_if = "Option::is_none")]
    pub at: Option<Reached>,
}

impl Standstill {
    /// Whether it stands still now, and people have to end that: nothing gives it up, or something is in its way that they delete.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.why.as_deref().is_some_and(|why| self.told.is_some() || why.reason.is_empty())
    }
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
    /// What stood in the way, and is deleted: it stands here before it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<InTheWay>,
    /// The tag that ran before it, where it is gone back to another: what is told of the way back is told of this update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Tag>,
    /// Whether it was written within the same second as what undoes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_once: bool,
}

impl Undone {
    /// That this update is undone, by what goes back to a tag now.
    #[must_use]
    pub fn of(update: &Update, to: &Tag, failure: Option<Failure>, now: DateTime<Utc>) -> Self {
        Self {
            tag: update.tag.clone(),
            digest: update.digest.clone(),
            failure,
            removed: Vec::new(),
            before: update.from_tag().filter(|before| before != to),
            at_once: update.at.timestamp() == now.timestamp(),
        }
    }

    /// Whether this is said to be deleted, or so much is that no more is remembered.
    #[must_use]
    pub fn says_removed(&self, obstacle: &InTheWay) -> bool {
        self.removed.len() >= MOST_REMOVED || self.removed.contains(obstacle)
    }
}

/// Whether a container runs this version, which took the place of another image, as far as its own image says it.
pub(super) fn runs(workload: &Workload, container: &str, (tag, digest): (&Tag, &Digest), from: Option<&Tag>) -> bool {
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

    /// Whether this is what it wrote, and not the same version as another hand writes it. Admission may have it pulled from
    /// elsewhere: the digest says that it is the same.
    #[must_use]
    pub fn wrote(&self, running: &Running) -> bool {
        !running.is_learnt && (&running.tag, running.digest.as_ref()) == (&self.tag, Some(&self.digest))
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

    /// Whether another than us may have written the pod template since. It may have been a label of the object.
    pub(super) fn is_edited_later(&self, workload: &Workload) -> bool {
        // Records of earlier releases do not say how it was before.
        let before = self.template_before.unwrap_or(self.at);
        workload.template_by_others.is_some_and(|written| written > before)
    }

    /// Whether nobody else is known to have written the pod template since: what it says is what this wrote, as admission left it.
    #[must_use]
    pub fn is_alone_on(&self, workload: &Workload) -> bool {
        self.template_before.is_some() && workload.template_by_others == self.template_before
    }

    /// Whether what the cluster gave up is the rollout before this.
    #[must_use]
    pub fn is_stall_old(&self, stall: &Stall) -> bool {
        self.stalled_before.as_deref() == Some(&*stall.since) || stall.is_just_before(self.at)
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
    pub(super) fn runs_well(&self) -> Option<Box<RanWell>> {
        if self.undoes.is_some() || self.stood || !matches!(self.outcome, Outcome::RollingOut | Outcome::Failed) {
            return None;
        }
        let before = || Some(Box::new(RanWell { image: self.from.clone(), digest: self.ran_before()? }));
        self.ran_well.clone().or_else(before)
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
            time: rfc3339(self.at),
            by: self.by.to_string(),
            outcome: self.outcome,
            level: self.level.as_str().to_owned(),
            approval: self.question.as_ref().map(|terms| terms.id.to_string()),
            ended: self.ended.map(rfc3339),
            failure: self.failure.as_ref().map(|failure| failure.reason.clone()).filter(|reason| !reason.is_empty()),
            undoes: self.undoes.as_ref().map(|undone| undone.tag.to_string()),
        }
    }
}
