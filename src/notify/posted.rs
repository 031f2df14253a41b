//! What the answer to an HTTP delivery means.

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

use super::{Attempt, Refusal};
use crate::domain::retry::{Backoff, RetryAfter};
use crate::outbound::{OutboundError, Response};

/// Any 2xx is delivered; 408, 425, 429 and 5xx may pass; everything else, redirects too, is final.
pub(super) fn judge(answer: Result<Response, OutboundError>, now: DateTime<Utc>) -> Attempt<Refusal> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error @ OutboundError::Blocked(_)) => return Attempt::GaveUp { reason: error.to_string().into() },
        Err(error) => return Attempt::Retry { at: None, reason: crate::telemetry::chain(&error).to_string().into() },
    };
    let status = answer.status;
    if status.is_success() {
        return Attempt::Delivered;
    }
    let theirs = String::from_utf8_lossy(&answer.body).into_owned();
    let reason = Refusal { ours: format!("status {status}"), theirs };
    let passes = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if !passes && !status.is_server_error() {
        return Attempt::GaveUp { reason };
    }
    let header = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|value| RetryAfter::parse(value, now));
    let at = retry_after.map(|wait| Backoff::seconds(1, 3600, 2).next(1, Some(wait), now, 0.0));
    Attempt::Retry { at, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>) -> Attempt<Refusal> {
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        judge(Ok(Response { status, headers, body: b"said\n".to_vec() }), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn statuses_are_judged() {
        assert_eq!(answered(204, None), Attempt::Delivered);
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 410] {
            assert!(matches!(answered(status, None), Attempt::GaveUp { .. }), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(answered(status, None), Attempt::Retry { at: None, .. }), "{status}");
        }
    }

    #[test]
    fn nobody_parks_a_delivery() {
        for (value, seconds) in [("5", 5), ("99999999", 3600), ("-1", 1), ("0.3", 1)] {
            let Attempt::Retry { at: Some(at), .. } = answered(429, Some(value)) else { panic!("{value}") };
            assert_eq!((at - DateTime::UNIX_EPOCH).num_seconds(), seconds, "{value}");
        }
        for value in ["nan", "1e400", "soon"] {
            assert!(matches!(answered(429, Some(value)), Attempt::Retry { at: None, .. }), "{value}");
        }
    }
}
