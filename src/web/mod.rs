//! 13 of 13 · in: HTTP request of a Visitor · out: a page
//!
//! What people see and operate: templates of what the API says, and of nothing else. Every view and every action works without
//! script; GET changes nothing, and a form is only taken from a page that was made for who sends it.

mod asked;
mod assets;
mod backend;
mod decide;
mod deliveries;
mod fleet;
mod form;
mod pages;
mod row;
mod service;
mod sources;
mod views;
mod words;
mod workload;

#[cfg(test)]
mod made_up;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::guard::fn_guard;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use minijinja::{Value, context};

use assets::AssetUrls;
pub use backend::{
    Backend, Candidate, Decided, Explanation, Handling, Letters, PageOfDeliveries, Pick, Place, Sight, Unseen,
};
pub use pages::TemplateError;
use pages::{Pages, value};
use row::Shown;
use words::{Moment, Words};

use crate::access::{self, Role, Visitor};
use crate::api;
use crate::listener::paths::KEEL_APPROVALS;
use crate::listener::{Bodies, Form, Problem, seen};
use crate::queue::StoreHandle;

/// What the routes are given.
pub struct Web {
    backend: Arc<dyn Backend>,
    pages: Pages,
    bodies: Bodies,
    base: String,
    cluster: Option<String>,
    sign_out: Option<String>,
    assets: AssetUrls,
}

/// How the pages are set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The path that all our addresses begin with, without a slash at its end.
    pub base: String,
    /// The cluster's name, where it has one.
    pub cluster: Option<String>,
    /// Where a form signs out, where people can; under `base`.
    pub sign_out: Option<String>,
    /// Reads what forms send.
    pub bodies: Bodies,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}

impl Web {
    /// The pages of a service.
    ///
    /// # Errors
    /// [`TemplateError`] when a template is broken.
    pub fn new(backend: Arc<dyn Backend>, setup: Setup) -> Result<Self, TemplateError> {
        let Setup { base, cluster, sign_out, bodies } = setup;
        let sign_out = sign_out.map(|path| format!("{base}{path}"));
        let assets = AssetUrls::under(&base);
        Ok(Self { backend, pages: Pages::new()?, bodies, base, cluster, sign_out, assets })
    }
}

/// What paths of views begin with.
const VIEWS: [&str; 6] = ["", "workloads", "approvals", "sources", "deliveries", "brake"];

/// Whether a request is for people: its path is a view's, below `base`, or a browser asks for a page where nothing of ours is.
/// The latter is said of our own addresses alone, which begin with `own`: elsewhere others may have pages.
#[must_use]
pub fn is_for_people(request: &RequestHead, base: &str, own: &str) -> bool {
    let within = request.uri.path().strip_prefix(base).and_then(|rest| rest.strip_prefix('/'));
    let is_a_view = |rest: &str| VIEWS.contains(&rest.split('/').next().unwrap_or_default());
    let accepts = request.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_of_browser = base == own && request.method == Method::GET && accepts.contains("text/html");
    within.is_some_and(|rest| is_a_view(rest) || is_of_browser)
}

/// Adds the routes of this stage, but for what pages load.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/", seen().to(views::fleet))
        .service(
            web::resource("/workloads/{namespace}/{kind}/{name}")
                .route(seen().to(views::workload))
                .route(web::post().to(views::decide_one)),
        )
        .service(
            web::resource("/approvals").route(seen().to(views::approvals)).route(web::post().to(views::decide_many)),
        )
        .route("/sources", seen().to(views::sources))
        .service(web::resource("/deliveries").route(seen().to(views::deliveries)).route(web::post().to(views::handle)))
        .service(web::resource("/brake").route(seen().to(views::brake)).route(web::post().to(views::release)))
        .default_service(web::to(views::nowhere));
}

/// Adds where somebody comes in who leaves out the slash behind the path that all our addresses begin with.
pub fn entry_route(config: &mut ServiceConfig, base: &str) {
    if base.is_empty() {
        return;
    }
    let front = format!("{base}/");
    config.route(
        "",
        seen().to(move || {
            let answer = pages::see_other(&front);
            async move { answer }
        }),
    );
}

/// Adds what pages load: it is public, and the sign-in's page loads the same.
pub fn asset_routes(config: &mut ServiceConfig) {
    config.route("/assets/{name}", seen().to(assets::asset));
}

/// A view of the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Fleet,
    Approvals,
    Sources,
    Deliveries,
    /// None of it.
    Other,
}

/// One page: for whom, in which words, at which moment.
struct Page<'p> {
    web: &'p Web,
    visitor: &'p Visitor,
    words: &'static dyn Words,
    now: chrono::DateTime<chrono::Utc>,
    /// Whether it answers a form, and so can't be asked for again.
    is_answer: bool,
}

impl<'p> Page<'p> {
    fn new(web: &'p Web, visitor: &'p Visitor, headers: &HeaderMap) -> Self {
        let (words, now) = (words::of(headers), web.backend.now());
        Self { web, visitor, words, now, is_answer: false }
    }

    /// The answer to a form.
    fn answering(web: &'p Web, visitor: &'p Visitor, headers: &HeaderMap) -> Self {
        Self { is_answer: true, ..Self::new(web, visitor, headers) }
    }

    fn shown(&self) -> Shown<'p> {
        Shown { words: self.words, base: &self.web.base, now: self.now }
    }

    /// Whether whoever looks at it decides.
    fn may_decide(&self) -> bool {
        self.visitor.role == Role::Approver
    }

    /// The page of a template, with all that every page has.
    async fn show(&self, status: StatusCode, (view, name): (View, &str), values: Value) -> HttpResponse {
        let Self { web, visitor, words, now, .. } = self;
        let sight = self.sight();
        let brake = web.backend.brake().await;
        let frame = context! {
            lang => words.code(),
            w => value(words.labels()),
            base => &web.base,
            assets => value(&web.assets),
            cluster => &web.cluster,
            software => env!("CARGO_PKG_VERSION"),
            made => value(Moment::of(*now, *now, *words)),
            visitor => context! { name => visitor.who.name(), role => words.role(visitor.role) },
            mayDecide => self.may_decide(),
            actingAs => words.acting_as(visitor.who.name()),
            formToken => &visitor.form_token,
            signOut => &web.sign_out,
            isAnswer => self.is_answer,
            nav => self.nav(view).await,
            isOld => sight.stale_since.is_some(),
            sight => value([words.sight(&sight, *now), words.configured(&web.backend.not_in_force())].concat()),
            brake => views::stopped(&brake, self.shown()),
            narrow => false,
        };
        web.pages.show(status, name, &context! { ..values, ..frame })
    }

    fn sight(&self) -> Sight {
        self.web.backend.sight()
    }

    async fn nav(&self, current: View) -> Value {
        let Self { web, words, .. } = self;
        let labels = words.labels();
        // As many as its page lists.
        let waiting = web.backend.approvable(0).await.more as u64;
        let to_mend = sources::to_mend(&web.backend.sources(), &web.backend.registries()) as u64;
        let closed = web.backend.closed_channels().len() as u64;
        let (dead, of) = match web.backend.dead().await {
            0 if closed > 0 => (closed, labels.closed()),
            dead => (dead, labels.given_up()),
        };
        let one = |view: View, path: &str, word: &str, count: u64, of: &str| {
            let count = (count > 0).then_some(count);
            context! { url => format!("{}{path}", web.base), word => word, count => count, of => of, current => view == current }
        };
        Value::from(vec![
            one(View::Fleet, "/", labels.fleet(), 0, ""),
            one(View::Approvals, "/approvals", labels.approvals(), waiting, ""),
            one(View::Sources, "/sources", labels.sources(), to_mend, labels.to_mend()),
            one(View::Deliveries, "/deliveries", labels.deliveries(), dead, of),
        ])
    }

    /// A problem, as a page.
    async fn problem(&self, problem: &Problem) -> HttpResponse {
        let values = context! {
            title => self.words.problem(problem.status.as_u16()),
            text => (*problem != Problem::NOTHING).then(|| crate::domain::wording::sentence(&problem.detail)),
            back => format!("{}/", self.web.base),
        };
        self.show(problem.status, (View::Other, "problem.html"), values).await
    }
}

/// Reads the form of a page that answers it.
async fn form_of(page: &Page<'_>, request: &HttpRequest, payload: &mut web::Payload) -> Result<Form, Problem> {
    form::read(page.web, request, payload, page.visitor).await
}

/// What is answered to people and programs that are known, and where people sign in; `below` is the path before all of ours here,
/// `own` that of the configured address.
pub fn signed_in_routes(config: &mut ServiceConfig, below: &str, own: &str) {
    let programs = web::scope("/api/v1").wrap(from_fn(access::programs)).configure(api::public_routes::<StoreHandle>);
    let (base, own) = (below.to_owned(), own.to_owned());
    let are_people = fn_guard(move |request| is_for_people(request.head(), &base, &own));
    let people = web::scope("").guard(are_people).wrap(from_fn(access::people)).configure(routes);
    access::routes(config);
    asset_routes(config);
    entry_route(config, below);
    let of_keel = web::scope(KEEL_APPROVALS).wrap(from_fn(access::programs));
    let of_keel = of_keel.configure(api::keel_routes::<StoreHandle>);
    config.service(programs).service(of_keel).service(people);
}
