//! Pure: no IO, no clock, no randomness, no async. Time, chance and keys are arguments.
//!
//! ```text
//! annotations ──► workload::Settings ─┐
//! image ────────► reference, tag ─────┼─► policy::decide ──► Decision ──► event::Notice, approval::Approval
//! registry's tags ────────────────────┘
//! ```

pub mod approval;
pub mod event;
pub mod history;
pub mod policy;
pub mod reference;
pub mod retry;
pub mod secret;
pub mod settings;
pub mod tag;
pub mod workload;
