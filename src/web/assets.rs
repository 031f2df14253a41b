//! What the pages load: a style sheet, a script and an icon, embedded, and each under a name that changes with it.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};
use sha2::{Digest as _, Sha256};

use crate::domain::hex;
use crate::listener::Problem;

/// How many hexadecimal digits of a file's hash are in its name.
const DIGITS: usize = 16;

/// A file that pages load.
struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let mut hash = hex::encode(&Sha256::digest(text.as_bytes()));
        hash.truncate(DIGITS);
        Self { name: format!("{stem}-{hash}.{extension}"), kind, text }
    }
}

/// All of them.
static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../../templates/web/style.css")),
        Asset::new("live", "js", "text/javascript; charset=utf-8", include_str!("../../templates/web/live.js")),
        Asset::new("icon", "svg", "image/svg+xml", include_str!("../../templates/web/icon.svg")),
    ]
});

/// Where a page finds them.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct AssetUrls {
    style: String,
    script: String,
    icon: String,
}

impl AssetUrls {
    /// Under the path that all our addresses begin with.
    pub(super) fn under(base: &str) -> Self {
        let [style, script, icon] = &*ASSETS;
        let url = |asset: &Asset| format!("{base}/assets/{}", asset.name);
        Self { style: url(style), script: url(script), icon: url(icon) }
    }
}

/// `GET /assets/{name}`: it is the same for ever, and holds nothing that is not public.
pub(super) async fn asset(name: Path<String>) -> Result<impl Responder, Problem> {
    let found = ASSETS.iter().find(|asset| asset.name == *name).ok_or(Problem::NOTHING)?;
    let value = HeaderValue::from_static;
    let mut response = HttpResponse::Ok();
    for (name, value) in [
        (CONTENT_TYPE, value(found.kind)),
        (CACHE_CONTROL, value("public, max-age=31536000, immutable")),
        (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        (HeaderName::from_static("cross-origin-resource-policy"), value("same-origin")),
        // An image that somebody opens alone is a document.
        (HeaderName::from_static("content-security-policy"), value("default-src 'none'")),
    ] {
        response.insert_header((name, value));
    }
    Ok(response.body(found.text))
}
