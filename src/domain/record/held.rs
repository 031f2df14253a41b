//! A version that is not applied again by itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Record;
use super::update::{Running, Undone, Update};
use crate::domain::actor::Actor;
use crate::domain::approval::Allows;
use crate::domain::event::Failure;
use crate::domain::history::{Entry, Outcome, rfc3339};
use crate::domain::policy::Mode;
use crate::domain::reference::{Digest, Tag};
use crate::domain::settings::parts_of_one;
use crate::domain::workload::Workload;

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
    /// What was set back after it, the newest first, where somebody went back more than once: nothing else may tell that it is older.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Tag>,
}

/// So many of what was set back after it are remembered.
const MOST_PASSED: usize = 8;

impl Held {
    /// Somebody went back from another version as well.
    pub(super) fn passes(&mut self, before: Tag, back_to: Tag) {
        if before != self.tag && self.tag != self.back_to {
            self.passed.retain(|passed| *passed != before);
            self.passed.insert(0, before);
            self.passed.truncate(MOST_PASSED);
        }
        self.back_to = back_to;
    }

    /// What the history says of it when it is let go.
    pub(super) fn let_go(&self, container: &str, running: Option<&Running>, by: &Actor, now: DateTime<Utc>) -> Entry {
        Entry {
            container: container.to_owned(),
            version: self.tag.to_string(),
            previous: self.back_to.to_string(),
            digest: self.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            previous_image: running.map(Running::written).unwrap_or_default(),
            time: rfc3339(now),
            by: by.to_string(),
            outcome: Outcome::Resumed,
            level: String::new(),
            approval: None,
            ended: None,
            failure: None,
            undoes: None,
        }
    }
}

impl Update {
    /// What is held from when it is written, where it goes back.
    pub(super) fn holds(&self, now: DateTime<Utc>) -> Option<Held> {
        let Undone { tag, digest, failure, .. } = self.undoes.as_deref()?.clone();
        let by = if failure.is_some() { Vec::new() } else { vec![self.by.to_string()] };
        Some(Held { tag, digest: Some(digest), back_to: self.tag.clone(), since: now, by, failure, passed: Vec::new() })
    }
}

impl Record {
    /// The other parts of one program with this container, under the mode that the operator forces if they do, that hold this very
    /// version, too: they are let go together.
    #[must_use]
    pub fn hold_with(
        &self,
        workload: &Workload,
        (container, forced): (&str, Option<Mode>),
        (tag, digest): (&Tag, Option<&Digest>),
    ) -> Vec<Box<str>> {
        let parts = parts_of_one(workload, container, forced).into_iter().map(|part| &part.name);
        let others = parts.filter(|name| ***name != *container);
        others.filter(|name| self.known(name).holds_just(tag, digest)).cloned().collect()
    }

    /// Whether people are asked about what is held of a container by the question of another one, which it goes with.
    #[must_use]
    pub fn is_held_with_another(&self, container: &str, tag: &Tag) -> bool {
        self.ledgers().any(|(name, ledger)| {
            let question = ledger.question.as_ref().filter(|question| question.terms.allows == Allows::Held);
            let is_it = question.is_some_and(|question| {
                question.terms.tag == *tag && question.with.iter().any(|with| **with == *container)
            });
            is_it && name != container && ledger.held.as_ref().is_some_and(|held| held.tag == *tag)
        })
    }
}
