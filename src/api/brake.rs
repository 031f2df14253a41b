//! Whether automatic updates are stopped, and that they are resumed.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded;

use super::Api;
use super::answer::{answer, done};
use super::look::may_act;
use super::view::BrakeView;
use crate::access::Visitor;
use crate::domain::actor::Actor;
use crate::listener::Problem;
use crate::queue::QueueAdmin;

/// The longest name of who resumes, in characters.
const MOST_OF_A_NAME: usize = 100;

/// `GET /api/v1/brake`
pub(super) async fn show<Q: QueueAdmin>(api: Data<Api<Q>>, request: HttpRequest) -> HttpResponse {
    answer(&request, &api.brake().await)
}

/// Who asks in the pod, as they say themselves: `by=NAME`.
fn said(query: &str) -> Result<Actor, Problem> {
    let said =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "by").map(|(_, name)| name.into_owned());
    let Some(name) = said else { return Ok(Actor::Program("image-watcher brake --resume".to_owned())) };
    let is_name = (1..=MOST_OF_A_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !is_name {
        return Err(Problem { status: StatusCode::BAD_REQUEST, detail: "by is no name".into(), retry_after: None });
    }
    Ok(Actor::Command(Some(name)))
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
    let by = match visitor {
        Some(visitor) => visitor.who.alone().actor(),
        None => said(request.query_string())?,
    };
    api.resume_updates(by).await?;
    Ok(done(StatusCode::OK, &api.brake().await))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_resumes_at_the_pod_may_say_a_name() {
        assert_eq!(said("").unwrap(), Actor::Program("image-watcher brake --resume".into()));
        assert_eq!(said("by=Ann%20Lee").unwrap(), Actor::Command(Some("Ann Lee".into())));
        for query in ["by=", "by=a%0Ab", &format!("by={}", "a".repeat(101))] {
            assert!(said(query).is_err(), "{query}");
        }
    }
}
