//! What becomes of a delivery, and what its sender is told.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use super::health::Fate;
use super::verify::Verified;
use crate::config::source::SourceKind;
use crate::listener::Problem;

/// What became of a delivery that is answered with success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Jobs are on disk.
    Stored,
    /// There was nothing in it for us.
    Ignored,
    /// It was taken before.
    Again,
    /// The sender reads this.
    Handshake(String),
    /// The sender may send, it asked by `OPTIONS`.
    Allowed { origin: HeaderValue, rate: HeaderValue },
}

impl Taken {
    pub(super) fn answer(self) -> HttpResponse {
        match self {
            Self::Stored => HttpResponse::Accepted().finish(),
            Self::Ignored | Self::Again => HttpResponse::Ok().finish(),
            Self::Handshake(json) => HttpResponse::Ok().content_type("application/json").body(json),
            Self::Allowed { origin, rate } => HttpResponse::Ok()
                .insert_header(("WebHook-Allowed-Origin", origin))
                .insert_header(("WebHook-Allowed-Rate", rate))
                .insert_header(("Allow", "POST, OPTIONS"))
                .finish(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stored => StatusCode::ACCEPTED,
            _ => StatusCode::OK,
        }
    }

    pub(super) fn fate(&self) -> Fate {
        match self {
            Self::Stored => Fate::Accepted,
            Self::Ignored => Fate::Ignored,
            Self::Again => Fate::Duplicate,
            Self::Handshake(_) | Self::Allowed { .. } => Fate::Handshake,
        }
    }
}

/// A delivery that is refused: the answer, and the reason for those who may know it.
pub(super) struct Refused {
    pub(super) problem: Problem,
    pub(super) reason: Cow<'static, str>,
}

impl Refused {
    pub(super) fn fate(&self) -> Fate {
        match self.problem.status {
            StatusCode::UNAUTHORIZED => Fate::BadSignature,
            StatusCode::TOO_MANY_REQUESTS => Fate::Limited,
            StatusCode::SERVICE_UNAVAILABLE => Fate::Overloaded,
            _ => Fate::BadPayload,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { reason: problem.detail.clone(), problem }
    }
}

/// A method that has no meaning here.
pub(super) const NOT_BY_THIS: Problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "deliveries come by POST");

/// The handshake of CloudEvents (cloudevents.io, "HTTP 1.1 Web Hooks for Event Delivery"). The callback URL that may be
/// in it is never called.
pub(super) fn allowed(kind: SourceKind, verified: &Verified<'_>) -> Result<Taken, Problem> {
    let speaks =
        matches!(kind, SourceKind::CloudEvents | SourceKind::AcrEventGrid | SourceKind::Zot | SourceKind::Harbor);
    let value = |name: &str, fits: fn(u8) -> bool| {
        let text = verified.header(name)?;
        let fits = (1..=253).contains(&text.len()) && text.bytes().all(fits);
        HeaderValue::from_str(text).ok().filter(|_| fits)
    };
    let origin = value("WebHook-Request-Origin", |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    match origin.filter(|_| speaks) {
        Some(origin) => {
            let rate = value("WebHook-Request-Rate", |b| b.is_ascii_digit());
            Ok(Taken::Allowed { origin, rate: rate.unwrap_or(HeaderValue::from_static("*")) })
        }
        None => Err(NOT_BY_THIS),
    }
}
