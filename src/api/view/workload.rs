//! One workload.

use serde::Serialize;

use super::{ChangeView, ContainerView};
use crate::domain::history::History;
use crate::domain::view::Attention;

/// One workload.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadView {
    /// Where it is.
    pub namespace: String,
    /// Its kind, as in manifests.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What it wants of people: the most urgent of what its containers want.
    #[serde(serialize_with = "super::container::attention")]
    #[cfg_attr(test, schema(value_type = crate::api::openapi::State))]
    pub state: Attention,
    /// The tool that owns it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerView>,
    /// What happened to it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<ChangeView>,
    /// Whether its images may be written, as far as that is known: where not, nothing can be approved.
    pub may_write: bool,
    /// Its containers, in the order of the pod template.
    pub containers: Vec<ContainerView>,
    /// Newest first; not in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<ChangeView>>,
    /// The same as the record has it, for the page; not in a list.
    #[serde(skip)]
    pub(crate) changes: History,
}

/// A tool that would undo updates.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct OwnerView {
    /// Typed, for the page.
    #[serde(skip)]
    pub owner: crate::domain::owner::Owner,
    /// Which: `Helm release shop`.
    pub name: String,
    /// What it does, and when.
    pub warning: String,
}
