//! The form of a page, as it is sent. Only one that a page of ours made for who sends it is read.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Payload;

use super::Web;
use crate::access::Visitor;
use crate::listener::{Form, FormError, Problem};

/// The largest form that is read: the names and manifests of as many updates as may be decided at once.
const MOST_BYTES: usize = 512 * 1024;

/// Reads the form of somebody who may decide.
pub(super) async fn read(
    web: &Web,
    request: &HttpRequest,
    payload: &mut Payload,
    visitor: &Visitor,
) -> Result<Form, Problem> {
    visitor.may_decide()?;
    let form = Form::read(&web.bodies, request, payload, MOST_BYTES).await.map_err(|error| match error {
        FormError::NoForm => Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the form of the page"),
        FormError::Unread(problem) => problem,
    })?;
    visitor.sent(form.one("form_token").unwrap_or_default())?;
    Ok(form)
}
