//! Keeps the container images of Kubernetes workloads up to date, or asks people with one link.
pub mod ambient;
pub mod cluster;
pub mod domain;
pub mod notify;
pub mod queue;
pub mod reconcile;
pub mod registry;
pub mod stop;
pub mod telemetry;
