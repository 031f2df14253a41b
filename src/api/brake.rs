//! Whether automatic updates are stopped, and that they are resumed.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Api;
use super::answer::{answer, done};
use super::look::may_act;
use super::view::BrakeView;
use crate::access::Visitor;
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// `GET /api/v1/brake`
pub(super) async fn show<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    answer(&request, &api.brake().await)
}

impl<Q> Api<Q> {
    /// Whether automatic updates are stopped.
    pub async fn brake(&self) -> BrakeView {
        BrakeView::from(&self.sequencer.brake().await)
    }
}

/// `POST /api/v1/brake/resume`: automatic updates are applied again.
pub(super) async fn resume<Q: QueueAdmin>(
    api: Data<Api<Q>>,
    visitor: Option<Visitor>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    may_act(visitor.as_ref(), &request)?;
    api.resume_updates(visitor.as_ref()).await?;
    Ok(done(StatusCode::OK, &api.brake().await))
}
