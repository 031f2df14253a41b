//! How the service does, as one document: what `doctor` asks the running service for.

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::Api;
use super::answer::answer;
use super::in_force::NotInForce;
use crate::domain::history::rfc3339;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::workload::Workload;
use crate::queue::{QueueAdmin, Troubles};
use crate::telemetry::chain;

/// The queue is waited for so long.
const DEADLINE: Duration = Duration::from_secs(3);

/// How the service does.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `image-watcher/health/v1`
    pub schema: String,
    /// Whether any workload can be watched, and the process is not about to end.
    pub ready: bool,
    /// The part of the process that does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
    /// Hosts of registries that are not asked for a while.
    #[serde(default, alias = "leftAlone")]
    pub registries_left_alone: i64,
    /// Workloads that are left alone, as a setting of theirs is not understood.
    #[serde(default)]
    pub settings_refused: usize,
    /// Since when and why no update is applied by itself, if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What is wrong between replicas that share a queue, if anything is: nobody holds the Lease, or they have different link keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub between_replicas: Vec<String>,
    /// What of the configuration's files is not in force, if anything.
    #[serde(default, skip_serializing_if = "NotInForce::is_nothing")]
    pub configuration: NotInForce,
    /// What does not get done; none when the queue could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Troubles>,
    /// Why the queue could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_error: Option<String>,
}

/// Whether a workload is left alone, as a setting of one of its containers is not understood.
fn is_refused(workload: &Workload, bounds: &Bounds) -> bool {
    workload.containers.iter().any(|container| Settings::read(workload, &container.name, bounds).is_err())
}

/// `GET /api/v1/health`
pub(super) async fn health<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    let (queue, queue_error) = match tokio::time::timeout(DEADLINE, api.queue.troubles()).await {
        Ok(Ok(troubles)) => (Some(troubles), None),
        Ok(Err(error)) => (None, Some(chain(&error).to_string())),
        Err(_) => (None, Some(format!("the queue gives no answer in {} s", DEADLINE.as_secs()))),
    };
    let condition = Condition {
        schema: "image-watcher/health/v1".into(),
        ready: api.why_not_ready().is_none(),
        silent: api.pulse.silent().map(|part| part.as_str().to_owned()),
        registries_left_alone: api.metrics.registries_left_alone.get(),
        settings_refused: api.index.all().iter().filter(|workload| is_refused(workload, &api.bounds)).count(),
        stopped: api
            .sequencer
            .brake()
            .await
            .stopped
            .map(|stopped| format!("since {}: {stopped}", rfc3339(stopped.since))),
        between_replicas: (api.between)(),
        configuration: api.in_force.missing(),
        queue,
        queue_error,
    };
    answer(&request, &condition)
}
