//! How the service does, as one document on the private listener: what `doctor` asks the running service for.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

use super::servers::Health;
use crate::queue::Troubles;
use crate::telemetry::chain;

/// The queue is waited for so long.
const DEADLINE: Duration = Duration::from_secs(3);

/// How the service does.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    /// `image-watcher/health/v1`
    pub(crate) schema: String,
    /// Whether any workload can be watched.
    pub(crate) ready: bool,
    /// The part of the process that does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) silent: Option<String>,
    /// Hosts of registries that are not asked for a while.
    #[serde(default)]
    pub(crate) left_alone: i64,
    /// What does not get done; none when the queue could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<Troubles>,
    /// Why the queue could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) queue_error: Option<String>,
}

/// `GET /api/v1/health`
pub(super) async fn health(health: Data<Health>) -> HttpResponse {
    let (queue, queue_error) = match tokio::time::timeout(DEADLINE, health.queue.troubles()).await {
        Ok(Ok(troubles)) => (Some(troubles), None),
        Ok(Err(error)) => (None, Some(chain(&error).to_string())),
        Err(_) => (None, Some(format!("the queue gives no answer in {} s", DEADLINE.as_secs()))),
    };
    let condition = Condition {
        schema: "image-watcher/health/v1".into(),
        ready: health.scopes.is_ready(),
        silent: health.pulse.silent().map(|part| part.as_str().to_owned()),
        left_alone: health.metrics.registries_left_alone.get(),
        queue,
        queue_error,
    };
    HttpResponse::Ok().json(condition)
}
