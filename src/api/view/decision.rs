//! What decisions came to.

use serde::Serialize;

use super::Time;

/// What one decision came to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DecisionView {
    /// `image-watcher/decision/v1`
    pub schema: &'static str,
    /// `shop/deploy/web`
    pub workload: String,
    /// The container.
    pub container: String,
    /// What was decided.
    pub action: &'static str,
    /// What came of it, in a word.
    pub outcome: &'static str,
    /// The same for people.
    pub detail: String,
    /// Why it would not be asked today, where that is why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// How many of how many approved, where others have to, too: `1 of 2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<String>,
    /// Until when it is put off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// What many decisions came to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DecisionsView {
    /// `image-watcher/decisions/v1`
    pub schema: &'static str,
    /// How many of them are done.
    pub done: usize,
    /// Each, in the order in which they were sent.
    pub items: Vec<DecidedItem>,
}

/// What one of them came to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DecidedItem {
    /// `shop/deploy/web`
    pub workload: String,
    /// The container.
    pub container: String,
    /// The status that it would have had alone.
    pub status: u16,
    /// What came of it, in a word.
    pub outcome: String,
    /// The same for people.
    pub detail: String,
    /// Why it would not be asked today, where that is why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
