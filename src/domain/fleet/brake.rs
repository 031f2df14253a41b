//! The brake: when updates go wrong one after another, none is applied by itself until a person says so.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{End, Failed};
use crate::domain::actor::Actor;
use crate::domain::approval::{ApprovalId, LIFETIME, LinkKeys, Token};
use crate::domain::wording::moment;
use crate::domain::workload::WorkloadId;

/// So many of the last ends of automatic updates are counted.
pub const COUNTED: usize = 5;
/// So many of them that failed stop all others.
pub const FAILURES: usize = 2;

/// How one automatic update ended, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: WorkloadId,
    pub(super) container: Box<str>,
    pub(super) end: End,
}

/// That automatic updates are stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// When the last of those failed that stopped them.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub since: DateTime<Utc>,
    /// What failed, newest first.
    pub failed: Vec<Failed>,
}

/// What is known of the brake by whoever only looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrakeSeen {
    /// It is on, as the service says.
    On(Stopped),
    /// Records say that it went on. Whether a person released it since, they don't.
    WentOn(Stopped),
}

impl BrakeSeen {
    /// Why automatic updates are stopped, where that is known to be so.
    #[must_use]
    pub fn on(&self) -> Option<&Stopped> {
        match self {
            Self::On(stopped) => Some(stopped),
            Self::WentOn(_) => None,
        }
    }
}

/// That a person resumed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Actor,
    /// What was stopped, by the name of its link.
    pub of: ApprovalId,
    /// What had failed among the last ends, newest first: that is judged, whatever a clock says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
}

/// How the brake stands: the one view of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Why automatic updates are stopped, while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Who resumed them last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    /// What the newest stop was told about: whoever heard of it hears of its end, whatever became of the workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Box<ToldStop>>,
}

/// A stop, and the workload that it was told about: the last on which an update failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldStop {
    /// Which.
    pub stopped: Stopped,
    /// The workload.
    pub workload: WorkloadId,
    /// Its container.
    pub container: Box<str>,
    /// The repository, `host/path`.
    pub of: String,
    /// The tag that ran.
    pub from: String,
}

impl Brake {
    /// What the last release ended, as long as somebody may wait to hear of it; with who released it, and when.
    #[must_use]
    pub fn ended(&self, now: DateTime<Utc>) -> Option<(&ToldStop, &Release)> {
        let released =
            self.released.as_ref().filter(|release| self.stopped.is_none() && now < release.at + LIFETIME)?;
        let told = self.told.as_deref().filter(|told| told.stopped.id() == released.of)?;
        Some((told, released))
    }
}

impl Stopped {
    /// What the last ends come to, newest first: those before `since`, and those that `judged` names, were judged by a person.
    pub(super) fn by(last: &[Ended], since: Option<DateTime<Utc>>, judged: &[Failed]) -> Option<Self> {
        let counted = last.iter().filter(|ended| since.is_none_or(|since| ended.end.at > since));
        let failed = counted.filter_map(|ended| ended.end.told(&ended.id, &ended.container));
        let failed: Vec<Failed> = failed.filter(|failed| !judged.iter().any(|it| it.is_same(failed))).collect();
        let since = failed.first()?.at;
        (failed.len() >= FAILURES).then_some(Self { since, failed })
    }

    /// What its link is named by: the same whenever it is made of the same failures.
    #[must_use]
    pub fn id(&self) -> ApprovalId {
        let mut hash = Sha256::new();
        hash.update("iw-brake");
        for failed in &self.failed {
            for field in [&failed.workload, failed.tag.as_str(), &failed.at.timestamp().to_string()] {
                hash.update(field.len().to_le_bytes());
                hash.update(field);
            }
        }
        let hash: [u8; 32] = hash.finalize().into();
        ApprovalId::mint(self.since, hash.first_chunk().copied().unwrap_or_default())
    }
}

/// The link of a brake: what it allows is signed for each of those who are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(ApprovalId);

impl Link {
    /// Of what is stopped.
    #[must_use]
    pub fn of(stopped: &Stopped) -> Self {
        Self(stopped.id())
    }

    /// Of what was stopped, and is no more.
    #[must_use]
    pub fn of_release(release: &Release) -> Self {
        Self(release.of.clone())
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &ApprovalId {
        &self.0
    }

    /// Until when it can be used.
    #[must_use]
    pub fn expires(&self) -> DateTime<Utc> {
        self.0.made() + LIFETIME
    }

    fn fields<'f>(recipient: &'f str, expires: &'f str) -> [&'f str; 4] {
        ["brake", "resume", expires, recipient]
    }

    /// The token for one recipient, `channel:address`.
    #[must_use]
    pub fn token(&self, keys: &LinkKeys, recipient: &str) -> Option<String> {
        Token::over(keys, &self.0, &Self::fields(recipient, &self.expires().timestamp().to_string()))
    }

    /// Which of `recipients` holds this token. Every one is tried, so that a wrong token takes as long as a right one.
    #[must_use]
    pub fn holder<'r>(&self, token: &Token, keys: &LinkKeys, recipients: &'r [String]) -> Option<&'r str> {
        if *token.approval() != self.0 {
            return None;
        }
        let expires = self.expires().timestamp().to_string();
        let mut found = None;
        for recipient in recipients {
            if token.is_over(keys, &Self::fields(recipient, &expires)) {
                found = Some(recipient.as_str());
            }
        }
        found
    }
}

impl Ended {
    pub(super) fn of(id: &WorkloadId, container: &str, end: &End) -> Self {
        Self { id: id.clone(), container: container.into(), end: end.clone() }
    }

    /// The larger, the later. Of those of one second it does not matter which is, but that it is always the same: what failed
    /// counts as later.
    pub(super) fn rank(&self) -> (DateTime<Utc>, bool, &WorkloadId, &str) {
        (self.end.at, self.end.failed.is_some(), &self.id, &self.container)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resumed by {}, {}", self.by.words(), moment(self.at))
    }
}
