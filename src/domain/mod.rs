//! Pure: no IO, no clock, no randomness, no async. Time, chance and keys are arguments.
//!
//! ```text
//! annotations ──► settings::Settings ─┐
//! image ────────► reference, tag ─────┼─► policy::decide ──► Decision ──► event::Notice, approval::Approval
//! registry's tags ─► tags::TagList ───┘        └─► view::View: why, for check, explain and policy on a terminal
//!
//! record, rollout, last look ─► view::Status: how a container stands, for page, API and metrics
//! event::Notice ─► words of `message`: what people are told; what is said on a workload is made where it is written
//! ```

pub mod accepted;
pub mod actor;
pub mod answer;
pub mod approval;
pub mod audience;
pub mod change_cause;
pub mod declared;
pub mod defaults;
pub mod event;
pub mod fleet;
pub mod gathering;
pub mod gone;
pub mod grounds;
pub mod group;
pub mod hex;
pub mod history;
pub mod kept;
pub mod listing;
pub mod near;
pub mod news;
mod notice;
pub mod owner;
pub mod password;
pub mod plain;
pub mod policy;
pub mod preflight;
pub mod press;
pub mod record;
pub mod redaction;
pub mod reference;
pub mod refusal;
pub mod release;
pub mod release_url;
pub mod remembered;
pub mod request;
pub mod retry;
pub mod role;
pub mod rollout;
pub mod rotating;
pub mod secret;
pub mod settings;
pub mod skipped;
pub mod slack;
pub mod span;
pub mod standing;
pub mod tag;
pub mod tags;
pub mod telegram;
pub mod together;
pub mod trace;
pub mod undelivered;
pub mod until;
pub mod view;
pub mod votes;
pub mod window;
pub mod wording;
pub mod workload;
pub mod written_url;
