//! Groups: several workloads and repositories, one decision.

mod answers;
mod auto;
mod stage;

pub(super) use stage::{Several, member};
