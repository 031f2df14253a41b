//! An entry of `metadata.managedFields`, as the one who wrote.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use crate::domain::owner::{ImageOwner, WriteOperation};

/// Who it is; `None` where it does not say how it wrote.
pub(super) fn read(entry: &ManagedFieldsEntry) -> Option<ImageOwner> {
    let operation = match entry.operation.as_deref()? {
        "Apply" => WriteOperation::Apply,
        "Update" => WriteOperation::Update,
        _ => return None,
    };
    let time = entry.time.as_ref().and_then(|time| DateTime::<Utc>::from_timestamp(time.0.as_second(), 0));
    Some(ImageOwner::new(entry.manager.as_deref().unwrap_or_default(), operation, time))
}
