//! What a workload's record says that concerns others: a small part of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Failed;
use crate::domain::reference::{Digest, Tag};
use crate::domain::workload::WorkloadId;

/// How one update ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When that was known.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub at: DateTime<Utc>,
    /// The version.
    pub tag: Tag,
    /// What failed; nothing where it was healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Bad>,
}

/// A manifest that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bad {
    /// Which.
    pub digest: Digest,
    /// Why: a CamelCase word, as Kubernetes uses them.
    pub reason: String,
}

impl End {
    /// Whether this manifest failed.
    #[must_use]
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.failed.as_ref().is_some_and(|bad| bad.digest == *digest)
    }

    /// As others are told, where it failed.
    pub(super) fn told(&self, id: &WorkloadId, container: &str) -> Option<Failed> {
        let reason = self.failed.as_ref()?.reason.clone();
        Some(Failed {
            workload: id.to_string(),
            container: container.into(),
            tag: self.tag.clone(),
            reason,
            at: self.at,
        })
    }
}

/// How the newest update of a container stands, where it has not failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newest {
    /// Its rollout has not ended.
    Rolling {
        /// The manifest.
        digest: Digest,
        /// When it was written.
        since: DateTime<Utc>,
        /// Whether it goes back to what ran before.
        undoes: bool,
    },
    /// It was healthy.
    Healthy {
        /// The manifest.
        digest: Digest,
    },
}

/// What became of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Healthy,
    Rolling(DateTime<Utc>),
    Failed,
}

/// What is known of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct One {
    /// Its name.
    pub container: Box<str>,
    /// The repository, `host/path`.
    pub of: Box<str>,
    /// Its newest update.
    pub newest: Option<Newest>,
    /// What failed here and is not healthy here now, whoever decided on it.
    pub failed: Box<[End]>,
    /// How its last automatic updates ended.
    pub ends: Box<[End]>,
}

/// What is known of a workload, by container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing(Box<[One]>);

impl FromIterator<One> for Standing {
    fn from_iter<I: IntoIterator<Item = One>>(ones: I) -> Self {
        Self(ones.into_iter().collect())
    }
}

impl Standing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What became of manifests, each with its repository.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &Digest, Became)> {
        self.0.iter().flat_map(|one| {
            let newest = one.newest.iter().map(|newest| match newest {
                Newest::Rolling { digest, since, .. } => (digest, Became::Rolling(*since)),
                Newest::Healthy { digest } => (digest, Became::Healthy),
            });
            let failed = one.failed.iter().filter_map(|end| Some((&end.failed.as_ref()?.digest, Became::Failed)));
            newest.chain(failed).map(|(digest, became)| (&*one.of, digest, became))
        })
    }

    /// When what rolls was written, and whether it goes back.
    pub(super) fn rolls(&self) -> impl Iterator<Item = (DateTime<Utc>, bool)> {
        self.0.iter().filter_map(|one| match one.newest {
            Some(Newest::Rolling { since, undoes, .. }) => Some((since, undoes)),
            _ => None,
        })
    }

    pub(super) fn ends(&self) -> impl Iterator<Item = (&str, &End)> {
        self.0.iter().flat_map(|one| one.ends.iter().map(|end| (&*one.container, end)))
    }

    /// Where a manifest failed.
    pub(super) fn failed<'s>(&'s self, of: &'s str, digest: &'s Digest) -> impl Iterator<Item = (&'s str, &'s End)> {
        let ones = self.0.iter().filter(move |one| *one.of == *of);
        ones.flat_map(move |one| {
            one.failed.iter().filter(move |end| end.is_of(digest)).map(|end| (&*one.container, end))
        })
    }
}
