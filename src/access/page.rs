//! The page on which somebody signs in, or is told why not.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, HeaderMap, HeaderName, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use minijinja::{Environment, context};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::byte_serialize;

use super::words::{Labels, Message, Title, language};
use crate::domain::hex;

const STYLE: &str = include_str!("../../templates/page/style.css");
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The name of the style sheet, which changes with it.
pub(super) static STYLE_SHEET: LazyLock<String> = LazyLock::new(|| {
    let mut hash = hex::encode(&Sha256::digest(STYLE.as_bytes()));
    hash.truncate(16);
    format!("plain-{hash}.css")
});
const NAME: &str = "sign-in.html";

/// The template is broken; told at the start.
#[derive(Debug, thiserror::Error)]
#[error("the template of the sign-in page can't be read")]
pub struct TemplateError(#[from] minijinja::Error);

/// In which way somebody signs in on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// With name and password.
    Password,
    /// At the provider.
    Provider,
    /// They are signed in, and may sign out.
    Out,
    /// In none: it only tells something.
    None,
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Provider => "provider",
            Self::Out => "out",
            Self::None => "none",
        }
    }
}

/// What the page says.
pub(super) struct Said<'s> {
    pub(super) status: StatusCode,
    pub(super) title: Title,
    pub(super) message: Message<'s>,
    pub(super) way: Way,
    /// Where whoever signs in wants to go; what the form of whoever signs out brings along.
    pub(super) to: &'s str,
    pub(super) retry_after: Option<u32>,
}

impl<'s> Said<'s> {
    /// Why somebody is not let in.
    pub(super) fn refusal(status: StatusCode, message: Message<'s>) -> Self {
        Self { status, title: Title::Refused, message, way: Way::None, to: "", retry_after: None }
    }
}

/// The page, read once.
#[derive(Debug)]
pub(super) struct SignInPage {
    templates: Environment<'static>,
    policy: &'static str,
    base_path: String,
    cluster: Option<String>,
}

impl SignInPage {
    pub(super) fn new(base_path: &str, cluster: Option<String>) -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        templates.add_template(NAME, include_str!("../../templates/web/sign-in.html"))?;
        Ok(Self { templates, policy: POLICY, base_path: base_path.to_owned(), cluster })
    }

    /// The page that says something to whoever sent these headers, in their language.
    pub(super) fn says(&self, headers: &HeaderMap, said: &Said<'_>) -> HttpResponse {
        let language = language(headers);
        let encoded: String = byte_serialize(said.to.as_bytes()).collect();
        let values = context! {
            style => format!("{}/sign-in/{}", self.base_path, *STYLE_SHEET),
            w => minijinja::Value::from(minijinja::value::Serde(Labels::of(language))),
            cluster => &self.cluster,
            title => said.title.words(language),
            message => said.message.words(language),
            way => said.way.as_str(),
            base => &*self.base_path,
            to => said.to,
            begin => format!("{}/sign-in/begin?to={encoded}", self.base_path),
        };
        let page = self.templates.get_template(NAME).and_then(|template| template.render(values));
        let mut response = self.headed(said.status);
        if let Some(seconds) = said.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        match page {
            Ok(page) => response.content_type("text/html; charset=utf-8").body(page),
            Err(error) => {
                tracing::error!(template = NAME, error = %crate::telemetry::chain(&error), "a page can't be made of its template");
                response.content_type("text/plain; charset=utf-8").body("This page can't be shown now.")
            }
        }
    }

    /// The style sheet: it is the same for ever, and holds nothing that is not public.
    pub(super) fn style() -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
            .content_type("text/css; charset=utf-8")
            .body(STYLE)
    }

    /// Leads on with a GET.
    pub(super) fn see_other(&self, location: &str) -> HttpResponseBuilder {
        let mut response = self.headed(StatusCode::SEE_OTHER);
        response.insert_header((LOCATION, location));
        response
    }

    /// Leads to where somebody signs in, and then to where they wanted to go.
    pub(super) fn sign_in(&self, to: &str) -> HttpResponse {
        let to: String = byte_serialize(to.as_bytes()).collect();
        self.see_other(&format!("{}/sign-in?to={to}", self.base_path)).finish()
    }

    fn headed(&self, status: StatusCode) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        response
            .insert_header((CONTENT_SECURITY_POLICY, self.policy))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // Not no-referrer: with it a browser sends «Origin: null» with the form, and honest people look like forgers.
            .insert_header((REFERRER_POLICY, "same-origin"))
            .insert_header((CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((VARY, "Accept-Language, Cookie"))
            .insert_header((HeaderName::from_static("x-robots-tag"), "noindex"));
        response
    }
}
