//! Whose page sent a request: a browser sends what any page makes it send, with whatever lets somebody in.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};

/// Whether a request asks for something to be done.
pub(super) fn acts(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Whether a browser says that our own page sent this. `origin` is what our pages begin with, where that is known.
pub(super) fn is_our_page(headers: &HeaderMap, origin: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text("Sec-Fetch-Site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(said)) => origin == Some(said),
        (None, None) => false,
    }
}
