//! What the API answers, typed: the page is a template of the same. Nothing here decides; how a container stands is
//! [`crate::domain::view::Status`].

mod brake;
mod change;
mod container;
mod delivery;
mod fleet;
mod question;
mod registry;
mod workload;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

pub use brake::{BrakeView, FailedView, ReleasedView, StoppedView};
pub use change::ChangeView;
pub(super) use container::Beside;
pub use container::{
    AvailableView, ContainerView, GroupView, HeldView, KnownView, RefusedView, RunningView, UnfitView,
};
pub use delivery::{AboutView, DeliveriesView, DeliveryView};
pub use fleet::{Counts, Filter, Fleet};
pub use question::{ApprovalsView, GivenView, MoveView, QuestionView};
pub use registry::{BudgetView, RegistryView, SourceView};
pub use workload::{OwnerView, WorkloadView};

use crate::domain::history::rfc3339;

/// A moment, written as RFC 3339 in UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
