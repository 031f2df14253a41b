//! Whether automatic updates are stopped, and that they are resumed.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use super::look::of_this_origin;
use super::view::BrakeView;
use crate::domain::actor::Actor;
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// `GET /api/v1/brake`
pub(super) async fn show<Q: QueueAdmin>(api: Data<Api<Q>>) -> HttpResponse {
    HttpResponse::Ok().json(api.brake().await)
}

impl<Q> Api<Q> {
    /// Whether automatic updates are stopped.
    pub async fn brake(&self) -> BrakeView {
        BrakeView::from(&self.sequencer.brake().await)
    }
}

/// `POST /api/v1/brake/resume`: automatic updates are applied again.
pub(super) async fn resume<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    of_this_origin(&request)?;
    let by = Actor::Program("image-watcher brake --resume".to_owned());
    if let Err(error) = api.sequencer.resume(by, api.ambient.trace_id()).await {
        tracing::warn!(error = %crate::telemetry::chain(&error), "automatic updates stay stopped, as it can't be remembered that they are resumed");
        return Err(Problem::later("it can't be remembered now that automatic updates are resumed; ask again"));
    }
    Ok(show(api).await)
}
