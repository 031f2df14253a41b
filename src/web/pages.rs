//! The templates, and the headers that keep pages harmless: nothing inline, nothing from elsewhere, no frame, nothing
//! remembered.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use minijinja::{Environment, UndefinedBehavior, Value};

const TEMPLATES: [(&str, &str); 12] = [
    ("parts.html", include_str!("../../templates/web/parts.html")),
    ("sprite.html", include_str!("../../templates/web/sprite.html")),
    ("layout.html", include_str!("../../templates/web/layout.html")),
    ("fleet.html", include_str!("../../templates/web/fleet.html")),
    ("empty.html", include_str!("../../templates/web/empty.html")),
    ("workload.html", include_str!("../../templates/web/workload.html")),
    ("approvals.html", include_str!("../../templates/web/approvals.html")),
    ("report.html", include_str!("../../templates/web/report.html")),
    ("sources.html", include_str!("../../templates/web/sources.html")),
    ("deliveries.html", include_str!("../../templates/web/deliveries.html")),
    ("confirm.html", include_str!("../../templates/web/confirm.html")),
    ("problem.html", include_str!("../../templates/web/problem.html")),
];

/// What a page may load, run and send to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A template is broken; told at the start.
#[derive(Debug, thiserror::Error)]
#[error("a template of the page can't be read")]
pub struct TemplateError(#[from] minijinja::Error);

/// The pages, read once.
#[derive(Debug)]
pub(super) struct Pages(Environment<'static>);

impl Pages {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`TemplateError`] when one is broken.
    pub(super) fn new() -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        Ok(Self(templates))
    }

    /// A page.
    pub(super) fn show(&self, status: StatusCode, name: &str, values: &Value) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        harmless(&mut response);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "5"));
        }
        match self.0.get_template(name).and_then(|template| template.render(values)) {
            Ok(page) => response.content_type("text/html; charset=utf-8").body(page),
            Err(error) => {
                tracing::error!(template = name, error = %crate::telemetry::chain(&error), "a page can't be made of its template");
                response.status(StatusCode::INTERNAL_SERVER_ERROR).content_type("text/plain; charset=utf-8");
                response.body("This page can't be shown now.")
            }
        }
    }
}

/// Leads on with a GET, so that a reload sends nothing again.
pub(super) fn see_other(location: &str) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::SEE_OTHER);
    harmless(&mut response);
    response.insert_header((LOCATION, location)).finish()
}

fn harmless(response: &mut HttpResponseBuilder) {
    let value = HeaderValue::from_static;
    for header in [
        (CACHE_CONTROL, value("no-store")),
        (VARY, value("Accept-Language, Cookie")),
        (CONTENT_SECURITY_POLICY, value(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, value("nosniff")),
        (HeaderName::from_static("x-robots-tag"), value("noindex, nofollow, noarchive")),
        (CROSS_ORIGIN_OPENER_POLICY, value("same-origin")),
        // Not no-referrer: with it a browser sends «Origin: null» with a form, and honest clicks look forged.
        (REFERRER_POLICY, value("same-origin")),
    ] {
        response.insert_header(header);
    }
}

/// What a template is given of a view.
pub(super) fn value(of: impl serde::Serialize) -> Value {
    Value::from(minijinja::value::Serde(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Pages {
        /// The same as they are in the work tree now, so that whoever changes them need not build.
        pub(in crate::web) fn of_the_work_tree() -> Self {
            let mut templates = Environment::new();
            templates.set_undefined_behavior(UndefinedBehavior::SemiStrict);
            for (name, _) in TEMPLATES {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/web").join(name);
                templates.add_template_owned(name, std::fs::read_to_string(path).unwrap()).unwrap();
            }
            Self(templates)
        }
    }
}
