//! Asking people, by a link, or without one where the workload may not be written.

pub(crate) mod inform;
pub(crate) mod propose;
