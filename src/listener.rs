//! What the HTTP stages share: errors in one form, bodies within a budget, connections whose senders can't make them large.

mod address;
mod bind;
mod body;
mod connection;
mod door;
mod form;
mod head;
mod malformed;
pub mod paths;
mod proof;
mod serve;
mod waiting;

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError, Route, guard, web};

pub use address::{Addresses, AddressesError, Listen};
pub use bind::{BindError, bind};
pub use body::{Bodies, Body, unread, with};
pub use connection::Connection;
pub use door::{Door, Lasting, Meter, Places};
pub use form::{Form, FormError, TwoValues};
pub use proof::{single, unhex};
pub use serve::{serve, serve_until};
pub use waiting::{WaitingRoom, WaitingRoomError};

/// What answers GET, and HEAD, which is the same without its body (RFC 9110, 9.3.2).
#[must_use]
pub fn seen() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// An answer that is no success, as `application/problem+json` (RFC 9457). It ends the connection: only whose credential
/// is right may keep one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What is wrong, without a word about what we know or have.
    pub detail: Cow<'static, str>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// No such path.
    pub const NOTHING: Self = Self::new(StatusCode::NOT_FOUND, "there is nothing here");

    /// A problem that trying again does not mend.
    #[must_use]
    pub const fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail: Cow::Borrowed(detail), retry_after: None }
    }

    /// A problem that passes.
    #[must_use]
    pub const fn later(detail: &'static str) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail: Cow::Borrowed(detail), retry_after: Some(5) }
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
        response.force_close().insert_header((CONTENT_TYPE, "application/problem+json"));
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        response.body(body.to_string())
    }
}
