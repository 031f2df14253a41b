//! Keeps the container images of Kubernetes workloads up to date, or asks people with one link.
//!
//! ```text
//! registry push ─► intake (verify ─► parse) ─┐
//! schedule, start ─► intake::poller ─────────┤
//! workload edit ─► cluster (watch) ──────────┤ Job
//!                                            ▼
//!                                         queue            durable: SQLite, or NATS
//!                                            ▼
//! link ─► approvals ────────────────► reconcile            the only sequencer
//!                                            ├─► assess        the decision, read-only, as check and explain make it
//!                                            │     ├─► registry    tags, digest
//!                                            │     └─► domain      decide, and why: one view for all who are told
//!                                            ├─► cluster       patch, follow the rollout
//!                                            └─► queue         deliveries
//!                                                   ▼
//!          release (notes) ─► message (words) ─► notify ─► email │ slack │ webhook
//!
//! doctor, Prometheus, a person in the pod ─► api           what is known; looks and the brake's end are asked for
//! a person, a program ─► access (who?) ─► api, web         the same, and the same answers as by a link
//! ```
//!
//! A webhook is a hint, the schedule is the truth; what was accepted is on disk; what is decided is a pure function of
//! what runs, what the registry has and what the workload allows; what was done stands in the workload's annotations.
//! `app` puts the stages together, `routes` what they answer; where one names another, it stands below it, and
//! `tests/architecture.rs` holds who may import whom.

// The stages, in the order of the picture.
pub mod intake;
pub mod queue;
pub mod registry;

pub mod assess;

pub mod reconcile;

pub mod cluster;
pub mod release;

pub mod message;
pub mod notify;

pub mod access;
pub mod approvals;

pub mod api;
pub mod web;

// What is decided: pure.
pub mod domain;

// What stands under the stages.
pub mod ambient;
pub mod filesystem;
mod jwt;
pub mod listener;
pub mod memory;
pub mod outbound;
pub mod stop;
pub mod task;
pub mod telemetry;
pub mod term;
pub mod traces;

// What puts the stages together.
pub mod app;
pub mod cli;
pub mod config;
pub mod routes;
