//! What is told of a workload: on it, by Events, in the log and by messages.

pub(crate) mod error;
pub(crate) mod notices;
