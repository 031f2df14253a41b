//! One request to the API server: its deadline, and what can be concluded where it fails.

use std::future::Future;
use std::time::Duration;

use crate::domain::request::COMMAND;
use crate::telemetry::metrics::Metrics;

/// No single request to the API server takes longer.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

/// Who we are in `managedFields`.
pub(super) const FIELD_MANAGER: &str = "image-watcher";

/// Who writes, as `managedFields` have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writer {
    /// The service.
    #[default]
    Service,
    /// A person, by one of our commands.
    Person,
    /// Nobody: nothing is written.
    Nobody,
}

impl Writer {
    /// The name of the field manager.
    pub(super) fn manager(self) -> &'static str {
        match self {
            Self::Service | Self::Nobody => FIELD_MANAGER,
            Self::Person => COMMAND,
        }
    }
}

/// A request that failed, by what can be concluded from it.
#[derive(Debug)]
pub(super) enum Failed {
    /// The API server answered with a status.
    Status(Box<kube::core::Status>),
    /// It did not answer, or not in a way that says what happened.
    NoAnswer(Box<dyn std::error::Error + Send + Sync>),
}

/// Runs one request with its deadline, and counts it.
pub(super) async fn within<T>(
    metrics: &Metrics,
    operation: &'static str,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failed> {
    let (result, word) = match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => (Ok(answer), "ok"),
        Ok(Err(kube::Error::Api(status))) => (Err(Failed::Status(status)), "error"),
        Ok(Err(error)) => (Err(Failed::NoAnswer(error.into())), "error"),
        Err(elapsed) => (Err(Failed::NoAnswer(elapsed.into())), "timeout"),
    };
    metrics.cluster_request(operation, word);
    result
}
