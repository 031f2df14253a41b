//! What both HTTP stages share: bounded bodies, and errors in one form.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpResponse, ResponseError};
use futures_util::StreamExt as _;

/// The whole body has to be there by then, however it drips.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// An answer that is no success, as `application/problem+json` (RFC 9457).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, without a word about what we know or have.
    pub detail: &'static str,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// No such path.
    pub const NOTHING: Self = Self::new(StatusCode::NOT_FOUND, "there is nothing here");

    /// A problem that trying again does not mend.
    #[must_use]
    pub const fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail, retry_after: None }
    }

    /// A problem that passes.
    #[must_use]
    pub const fn later(detail: &'static str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail, retry_after: Some(5) }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = serde_json::json!({"title": title, "status": self.status.as_u16(), "detail": self.detail});
        let mut response = HttpResponse::build(self.status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        response.body(body.to_string())
    }
}

/// Reads a request's body as it came: never inflated, at most `most` bytes, within ten seconds.
///
/// # Errors
/// 415 for an encoded body, 413 above the bound, 408 when it takes too long, 400 when it breaks off.
pub async fn read_body(headers: &HeaderMap, mut payload: Payload, most: usize) -> Result<Bytes, Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding"));
    }
    let too_large = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large);
    }
    let whole = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body broke off"))?;
            if body.len() + chunk.len() > most {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    match tokio::time::timeout(BODY_DEADLINE, whole).await {
        Ok(body) => body,
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}
