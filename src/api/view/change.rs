//! What happened to a container.

use serde::Serialize;

use crate::domain::actor::Actor;
use crate::domain::history::{Entry, Outcome};

/// One update, or what a person said of one.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    /// The container.
    pub container: String,
    /// The tag that was chosen.
    pub version: String,
    /// The tag that ran before.
    pub previous: String,
    /// What `version` pointed to.
    pub digest: String,
    /// The image that ran before, as it was written.
    pub previous_image: String,
    /// When it was decided: RFC 3339, UTC.
    pub time: String,
    /// Who or what decided, as records write it.
    pub by: String,
    /// The same for people.
    pub who: String,
    /// How it ended.
    #[cfg_attr(test, schema(value_type = crate::api::openapi::Outcome))]
    pub outcome: Outcome,
    /// Whether it went back to an older version.
    pub is_back: bool,
    /// How far it went; empty where that is not known.
    pub level: String,
}

impl ChangeView {
    /// That of an entry, without what would help to answer a link.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let is_back = entry.is_back();
        let Entry { container, version, previous, digest, previous_image, time, by, outcome, level, approval: _ } =
            entry.clone();
        let who = Actor::from(by.clone()).words();
        Self { container, version, previous, digest, previous_image, time, by, who, outcome, is_back, level }
    }
}
