//! Groups: several workloads and repositories, one decision.

mod answers;
mod auto;
mod back;
mod ends;
mod fleet;
mod namespace;
mod requests;
mod shelves;
mod shown;
mod stage;

pub(super) use stage::{Several, member};
