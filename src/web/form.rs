//! The form of a page, as it is sent. Only one that a page of ours made for who sends it is read.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use url::form_urlencoded;

use super::Web;
use crate::access::Visitor;
use crate::listener::Problem;

/// The largest form that is read: the names and manifests of as many updates as may be decided at once.
const MOST_BYTES: usize = 512 * 1024;
/// The most fields of one.
const MOST_FIELDS: usize = 1_000;

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body).take(MOST_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a field that is there once.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let first = all.next();
        first.filter(|_| all.next().is_none())
    }

    /// All values of a field.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the form of somebody who may decide.
pub(super) async fn read(
    web: &Web,
    request: &HttpRequest,
    payload: &mut Payload,
    visitor: &Visitor,
) -> Result<Form, Problem> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the form of the page"));
    }
    visitor.may_decide()?;
    let body = web.bodies.read(request, payload, MOST_BYTES).await?;
    let form = Form::parse(&body);
    visitor.sent(form.one("form_token").unwrap_or_default())?;
    Ok(form)
}
