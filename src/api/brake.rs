//! Whether automatic updates are stopped, and that they are resumed.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use super::look::of_this_origin;
use crate::domain::actor::Actor;
use crate::domain::fleet::{Brake, Stopped};
use crate::domain::history::rfc3339;
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// `GET /api/v1/brake`
pub(super) async fn show<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document(&(api.brake)().await).to_string())
}

/// `POST /api/v1/brake/resume`: automatic updates are applied again.
pub(super) async fn resume<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    of_this_origin(&request)?;
    let by = Actor::Program("image-watcher brake --resume".to_owned());
    if let Err(error) = (api.resume)(by, api.ambient.trace_id()).await {
        tracing::warn!(error = %crate::telemetry::chain(&error), "automatic updates stay stopped, as it can't be remembered that they are resumed");
        return Err(Problem::later("it can't be remembered now that automatic updates are resumed; ask again"));
    }
    Ok(show(api).await)
}

fn document(brake: &Brake) -> serde_json::Value {
    let failed = |stopped: &Stopped| -> Vec<serde_json::Value> {
        let one = |failed: &crate::domain::fleet::Failed| {
            serde_json::json!({"workload": failed.workload, "container": failed.container, "version": failed.tag,
                "reason": failed.reason, "at": rfc3339(failed.at)})
        };
        stopped.failed.iter().map(one).collect()
    };
    let stopped = brake.stopped.as_ref();
    serde_json::json!({
        "schema": "image-watcher/brake/v1",
        "stopped": stopped.map(|stopped| serde_json::json!({
            "since": rfc3339(stopped.since), "why": stopped.to_string(), "failed": failed(stopped),
        })),
        "released": brake.released.as_ref().map(|release| serde_json::json!({
            "at": rfc3339(release.at), "by": release.by.words(),
        })),
    })
}
