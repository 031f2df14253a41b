//! Requests that are none, and people who are not known as it takes: closed, and put into words where they are shown.

use actix_web::http::StatusCode;

use crate::access::Refused;
use crate::listener::Problem;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not what the page's form sends.
    NoForm,
    /// It presses none of the page's buttons.
    NoButton,
    /// It does not say what was shown.
    NotShown,
    /// It names a version that the page does not offer.
    NoVersion,
    /// It names a length that the page does not offer.
    NoLength,
    /// A program follows a link that only people open.
    ForPeople,
    /// There may be such a link in a moment.
    Later,
    /// Too many were wrong.
    TooMany,
    /// By whom it is.
    Person(Refused),
    /// Its body can't be read.
    Body(Problem),
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self::Body(problem)
    }
}

impl Wrong {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoButton | Self::NotShown | Self::NoVersion | Self::NoLength | Self::Person(Refused::NoName) => {
                StatusCode::BAD_REQUEST
            }
            Self::ForPeople => StatusCode::METHOD_NOT_ALLOWED,
            Self::Later => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Person(Refused::NobodySignedIn) => StatusCode::UNAUTHORIZED,
            Self::Person(Refused::Elsewhere) => StatusCode::FORBIDDEN,
            Self::Body(problem) => problem.status,
        }
    }

    /// Seconds after which it may be tried again.
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Later => Some(5),
            Self::TooMany => Some(60),
            Self::Body(problem) => problem.retry_after,
            _ => None,
        }
    }
}
