//! What the API answers, typed: the page is a template of the same. Nothing here decides; how a container stands is
//! [`crate::domain::view::Status`].

mod brake;
mod change;
mod container;
mod decision;
mod delivery;
mod explanation;
mod fleet;
mod question;
mod questions;
mod registry;
mod workload;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

pub use brake::{BrakeView, FailedView, ReleasedView, StoppedView};
pub use change::ChangeView;
pub(super) use container::Beside;
pub use container::{
    AvailableView, ContainerView, GroupView, HeldView, KnownView, MemberView, RefusedView, RunningView, SettingView,
    UnfitView,
};
pub use decision::{DecidedItem, DecisionView, DecisionsView};
pub use delivery::{AboutView, ClosedChannelView, DeliveriesView, DeliveryDocument, DeliveryView, RetriedView};
pub use explanation::{CandidateView, ExplanationView};
pub use fleet::{
    Approvable, Counts, Filter, Fleet, FleetRow, Moments, Paging, SummaryView, WorkloadDocument, WorkloadsView,
};
pub use question::{ApprovalsView, GivenView, MoveView, QuestionView};
pub use questions::{QuestionItem, QuestionsView};
pub use registry::{BudgetView, PollView, RegistryHealth, RegistryView, SourceHealth, SourceView};
pub use workload::{OwnerView, WorkloadView};

use crate::domain::history::rfc3339;

/// Looks that are queued.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct LookView {
    /// `image-watcher/look/v1`
    pub schema: &'static str,
    /// What leads through the log.
    pub trace: String,
    /// What is looked at.
    pub repositories: Vec<String>,
}

/// How the sources do.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct SourcesView {
    /// `image-watcher/sources/v1`
    pub schema: &'static str,
    /// The schedule.
    pub poll: PollView,
    /// The sources.
    pub items: Vec<SourceView>,
}

/// How the registries do.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct RegistriesView {
    /// `image-watcher/registries/v1`
    pub schema: &'static str,
    /// The registries.
    pub items: Vec<RegistryView>,
}

/// A moment, written as RFC 3339 in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct Time(pub DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}
