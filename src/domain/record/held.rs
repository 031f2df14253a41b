//! A version that is not applied again by itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::update::{Running, Undone, Update};
use crate::domain::actor::Actor;
use crate::domain::event::Failure;
use crate::domain::history::{Entry, Outcome, rfc3339};
use crate::domain::reference::{Digest, Tag};

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

impl Held {
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
        }
    }
}

impl Update {
    /// What is held from when it is written, where it goes back.
    pub(super) fn holds(&self, now: DateTime<Utc>) -> Option<Held> {
        let Undone { tag, digest, failure, .. } = self.undoes.as_deref()?.clone();
        let by = if failure.is_some() { Vec::new() } else { vec![self.by.to_string()] };
        Some(Held { tag, digest: Some(digest), back_to: self.tag.clone(), since: now, by, failure })
    }
}
