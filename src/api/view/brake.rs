//! Whether automatic updates are stopped.

use serde::Serialize;

use super::Time;
use crate::domain::fleet::{Brake, Failed, Release, Stopped};

/// How the brake stands.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct BrakeView {
    /// `image-watcher/brake/v1`
    pub schema: &'static str,
    /// Why automatic updates are stopped, while they are.
    pub stopped: Option<StoppedView>,
    /// Who resumed them last.
    pub released: Option<ReleasedView>,
}

/// That automatic updates are stopped.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct StoppedView {
    /// Since when.
    pub since: Time,
    /// Why, for people.
    pub why: String,
    /// What failed, newest first.
    pub failed: Vec<FailedView>,
}

/// An update that failed.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct FailedView {
    /// On which workload: `shop/deploy/api-1`.
    pub workload: String,
    /// In which container.
    pub container: String,
    /// The version.
    pub version: String,
    /// Why: a CamelCase word, as Kubernetes uses them.
    pub reason: String,
    /// When that was known.
    pub at: Time,
}

/// That a person resumed them.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ReleasedView {
    /// When.
    pub at: Time,
    /// Who.
    pub by: String,
}

impl From<&Brake> for BrakeView {
    fn from(brake: &Brake) -> Self {
        Self {
            schema: "image-watcher/brake/v1",
            stopped: brake.stopped.as_ref().map(StoppedView::from),
            released: brake.released.as_ref().map(ReleasedView::from),
        }
    }
}

impl From<&Stopped> for StoppedView {
    fn from(stopped: &Stopped) -> Self {
        let failed = stopped.failed.iter().map(FailedView::from).collect();
        Self { since: Time(stopped.since), why: stopped.to_string(), failed }
    }
}

impl From<&Failed> for FailedView {
    fn from(failed: &Failed) -> Self {
        Self {
            workload: failed.workload.clone(),
            container: failed.container.to_string(),
            version: failed.tag.to_string(),
            reason: failed.reason.clone(),
            at: Time(failed.at),
        }
    }
}

impl From<&Release> for ReleasedView {
    fn from(release: &Release) -> Self {
        Self { at: Time(release.at), by: release.by.words() }
    }
}
