//! An answer as JSON, with a tag of what it says: who has it already is told so and nothing more.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderMap, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::listener::Problem;

/// What is seen of a request that may have the answer already.
const JSON: &str = "application/json";

/// The answer to a GET.
pub(super) fn answer<T: Serialize>(request: &HttpRequest, value: &T) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(body) => tagged(request, JSON, body),
        Err(error) => unwritten(&error),
    }
}

/// The same of a body of any kind.
pub(super) fn tagged(request: &HttpRequest, content: &'static str, body: Vec<u8>) -> HttpResponse {
    let hash: [u8; 32] = Sha256::digest(&body).into();
    let tag = format!("\"{:032x}\"", hash.first_chunk().copied().map(u128::from_be_bytes).unwrap_or_default());
    let status = if has(request.headers(), &tag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    // Each browser asks whether it is as it was, and no cache between gives it to anybody else.
    answer.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "private, no-cache"));
    if status == StatusCode::NOT_MODIFIED {
        return answer.finish();
    }
    answer.content_type(content).body(body)
}

/// What was done.
pub(super) fn done<T: Serialize>(status: StatusCode, value: &T) -> HttpResponse {
    match serde_json::to_vec(value) {
        Ok(body) => HttpResponse::build(status).content_type(JSON).body(body),
        Err(error) => unwritten(&error),
    }
}

fn unwritten(error: &serde_json::Error) -> HttpResponse {
    tracing::error!(error = %crate::telemetry::chain(error), "an answer of the API can't be written as JSON");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer can't be written").error_response()
}

/// Whether whoever asks has what this tag names.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let all = headers.get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).map(str::trim).any(|it| it == "*" || it.trim_start_matches("W/") == tag)
}

/// So many characters of what somebody sent are repeated.
const MOST_REPEATED: usize = 200;

/// What somebody sent, as far as it is repeated.
pub(super) fn shortened(said: &str) -> String {
    crate::domain::plain::visible(said).chars().take(MOST_REPEATED).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn who_has_the_answer_already_is_told_so() {
        let ask = |tag: Option<&str>| {
            let request = TestRequest::default();
            let request = tag.into_iter().fold(request, |request, tag| request.insert_header((IF_NONE_MATCH, tag)));
            answer(&request.to_http_request(), &["1.2.3"])
        };
        let first = ask(None);
        let tag = first.headers().get(ETAG).unwrap().to_str().unwrap().to_owned();
        assert_eq!(first.status(), StatusCode::OK);
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask(Some(&known));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers().get(ETAG).unwrap(), tag.as_str());
        }
        assert_eq!(ask(Some("\"other\"")).status(), StatusCode::OK);
    }
}
