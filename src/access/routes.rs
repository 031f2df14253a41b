//! Where people sign in and out.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::basic::{LONGEST, Passwords};
use super::destination::destination;
use super::door::{Access, MOST_BYTES, Stranger, Way, proof_of_password, session_of};
use super::guesses::{At, network};
use super::oidc::{Oidc, OidcError, Returned};
use super::page::{self, Said};
use super::turns::Of;
use super::words::{Message, Title};
use super::{Visitor, people};
use crate::domain::actor::{Authority, SignedIn};
use crate::domain::role::Role;
use crate::domain::secret::Secret;
use crate::listener::{Form, FormError, Problem, seen, unread};
use crate::telemetry::chain;

/// Adds the routes of people who sign in and out.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/sign-in").route(seen().to(show)).route(web::post().to(password)))
        .route(&format!("/sign-in/{}", *page::STYLE_SHEET), seen().to(|| async { page::SignInPage::style() }))
        .route("/sign-in/begin", web::get().to(begin))
        .route("/sign-in/callback", web::get().to(callback))
        .route("/sign-out", web::post().to(sign_out))
        .service(web::resource("/account").wrap(from_fn(people)).route(seen().to(home)));
}

/// The page on which somebody signs in.
async fn show(access: Data<Access>, request: HttpRequest) -> HttpResponse {
    let to = wanted(&access, &request);
    if access.known(&request).await.is_ok() {
        return access.page.see_other(&to).finish();
    }
    let way = match &access.way {
        Way::Passwords(_) => page::Way::Password,
        Way::Provider(_) => page::Way::Provider,
        Way::Proxy(_) => return access.refuse(request.headers(), &Stranger::Nobody),
    };
    let message = match Form::parse(request.query_string().as_bytes()).one("signed") {
        Some("out") => Message::SignedOut,
        _ => Message::None,
    };
    let said = Said { status: StatusCode::OK, title: Title::SignIn, message, way, to: &to, retry_after: None };
    access.page.says(request.headers(), &said)
}

/// Somebody shows a name and a password.
async fn password(access: Data<Access>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let answer = match &access.way {
        Way::Passwords(passwords) => access.with_password(passwords, &request, &mut payload).await,
        Way::Proxy(_) | Way::Provider(_) => Ok(access.nothing(&request)),
    };
    unread(answer.unwrap_or_else(|stranger| access.refuse(request.headers(), &stranger)), payload)
}

/// The browser is sent to the provider.
async fn begin(access: Data<Access>, request: HttpRequest) -> HttpResponse {
    let Way::Provider(oidc) = &access.way else { return access.nothing(&request) };
    match oidc.begin(&wanted(&access, &request)).await {
        Ok((location, cookie)) => access.page.see_other(&location).insert_header((SET_COOKIE, cookie)).finish(),
        Err(error) => access.failed(&error, &request),
    }
}

/// The browser comes back from the provider.
async fn callback(access: Data<Access>, request: HttpRequest) -> HttpResponse {
    let Way::Provider(oidc) = &access.way else { return access.nothing(&request) };
    let is_page = request.headers().get("Sec-Fetch-Dest").is_none_or(|dest| dest == "document");
    if !is_page {
        // A picture of another page is no browser that comes back.
        return access.refuse(request.headers(), &Stranger::Elsewhere);
    }
    let returned = Returned::read(request.query_string()).filter(|returned| oidc.began(request.headers(), returned));
    let Some(returned) = returned else { return access.failed(&OidcError::Stranger, &request) };
    let answer = access.returned(oidc, &request, &returned).await;
    let mut answer = answer.unwrap_or_else(|stranger| access.refuse(request.headers(), &stranger));
    if let Ok(cookie) = oidc.forget().parse() {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

/// Somebody signs out: by a form of a page of ours, as no other site is to do it for them.
async fn sign_out(access: Data<Access>, request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let answer = access.signed_out(&request, &mut payload).await;
    unread(answer.unwrap_or_else(|stranger| access.refuse(request.headers(), &stranger)), payload)
}

/// Who is signed in, as what, and how they sign out.
pub(super) async fn home(access: Data<Access>, visitor: Visitor, request: HttpRequest) -> HttpResponse {
    let message = Message::In(visitor.who.name(), visitor.role);
    let way = match access.way {
        Way::Passwords(_) | Way::Provider(_) => page::Way::Out,
        Way::Proxy(_) => page::Way::None,
    };
    let (title, status, to) = (Title::In, StatusCode::OK, visitor.form_token.as_str());
    access.page.says(request.headers(), &Said { status, title, message, way, to, retry_after: None })
}

/// Where somebody wants to go.
fn wanted(access: &Access, request: &HttpRequest) -> String {
    destination(Form::parse(request.query_string().as_bytes()).one("to").unwrap_or_default(), &access.base_path)
}

/// What the form of the page shows.
struct Shown {
    name: String,
    password: Secret,
    to: String,
}

impl Shown {
    fn read(form: &Form, base_path: &str) -> Self {
        let [name, password, to] = ["name", "password", "to"].map(|name| form.one(name).unwrap_or_default());
        Self {
            name: name.trim().to_owned(),
            password: Secret::new(password.to_owned()),
            to: destination(to, base_path),
        }
    }

    fn is_whole(&self) -> bool {
        (1..=64).contains(&self.name.len()) && self.password.expose().len() <= LONGEST
    }
}

impl Access {
    fn nothing(&self, request: &HttpRequest) -> HttpResponse {
        self.page.says(request.headers(), &Said::refusal(StatusCode::NOT_FOUND, Message::Nothing))
    }

    async fn form(&self, request: &HttpRequest, payload: &mut Payload) -> Result<Form, HttpResponse> {
        let refused = |problem: &Problem| {
            let told = crate::domain::wording::sentence(&problem.detail);
            let said = Said::refusal(problem.status, Message::Other(&told));
            self.page.says(request.headers(), &Said { retry_after: problem.retry_after, ..said })
        };
        let mut place = self.unfinished.begin(network(self.address(request)));
        let form = tokio::select! {
            form = Form::read(&self.bodies, request, payload, MOST_BYTES) => form,
            () = place.lost() => Err(Problem::later("too many forms are under way; send it again").into()),
        };
        form.map_err(|error| match error {
            FormError::NoForm => {
                self.page.says(request.headers(), &Said::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, Message::NoForm))
            }
            FormError::Unread(problem) => refused(&problem),
        })
    }

    async fn with_password(
        &self,
        passwords: &Passwords,
        request: &HttpRequest,
        payload: &mut Payload,
    ) -> Result<HttpResponse, Stranger> {
        if !self.is_of_our_page(request) {
            return Err(Stranger::Elsewhere);
        }
        let form = match self.form(request, payload).await {
            Ok(form) => form,
            Err(answer) => return Ok(answer),
        };
        let shown = Shown::read(&form, &self.base_path);
        if !shown.is_whole() {
            let said = self.again(StatusCode::UNPROCESSABLE_ENTITY, Message::Incomplete, &shown.to, request);
            return Ok(said);
        }
        let (address, now) = (self.address(request), self.ambient.monotonic());
        let proof = passwords.user(&shown.name).map(|user| proof_of_password(&user.hash.get()));
        let browser = proof.and_then(|proof| self.browsers.known(request.headers(), &shown.name, &proof));
        let (at, of) = match &browser {
            Some(browser) => (At::Again(browser), Of::Known(browser.clone())),
            None => (At::Password(&shown.name), Of::Network(network(address))),
        };
        if let Some(wait) = self.guesses.wait(address, at, now) {
            self.count("password", "slowed");
            return Err(Stranger::TooMany(wait));
        }
        let user = passwords.check(of, &shown.name, shown.password).await.map_err(|_| Stranger::Later)?;
        let Some((user, hash)) = user else {
            self.guesses.was_wrong(address, at, now);
            self.count("password", "wrong");
            if let Some(suppressed) = self.repeats.line(&address.to_string(), "password", now) {
                tracing::info!(suppressed, %address, "a name and a password that do not go together");
            }
            return Ok(self.again(StatusCode::UNAUTHORIZED, Message::Wrong, &shown.to, request));
        };
        let who = SignedIn::by(Authority::Password, &user.name).ok_or(Stranger::NoName)?;
        self.role(&user.name, &user.groups, Some(user.role.unwrap_or(Role::Viewer)))?;
        // It may have been changed meanwhile: then who shows the old password is not signed in for long.
        let proof = proof_of_password(&hash);
        let browser = self.browsers.remember(&user.name, &proof);
        let mut answer = self.lets_in(&who, Vec::new(), proof, &shown.to, request).await?;
        if let Ok(browser) = browser.parse() {
            answer.headers_mut().append(SET_COOKIE, browser);
        }
        Ok(answer)
    }

    /// The page once more, with what was wrong.
    fn again(&self, status: StatusCode, message: Message<'_>, to: &str, request: &HttpRequest) -> HttpResponse {
        let (title, way) = (Title::SignIn, page::Way::Password);
        self.page.says(request.headers(), &Said { status, title, message, way, to, retry_after: None })
    }

    /// Somebody comes back from the provider, in the browser in which they began.
    async fn returned(
        &self,
        oidc: &Oidc,
        request: &HttpRequest,
        returned: &Returned,
    ) -> Result<HttpResponse, Stranger> {
        let (address, now) = (self.address(request), self.ambient.monotonic());
        if let Some(wait) = self.guesses.wait(address, At::Code, now) {
            self.count("provider", "slowed");
            return Err(Stranger::TooMany(wait));
        }
        let arrived = match oidc.finish(request.headers(), returned).await {
            Ok(arrived) => arrived,
            Err(error) => return Ok(self.failed(&error, request)),
        };
        let who = arrived.identified.person;
        self.role(who.name(), &arrived.identified.groups, None)?;
        let to = destination(&arrived.to, &self.base_path);
        self.lets_in(&who, arrived.identified.groups, oidc.proof(), &to, request).await
    }

    /// Begins a session in the place of one that may be there.
    async fn lets_in(
        &self,
        who: &SignedIn,
        groups: Vec<String>,
        proof: String,
        to: &str,
        request: &HttpRequest,
    ) -> Result<HttpResponse, Stranger> {
        self.sessions.end(request.headers()).await.map_err(|error| self.unread(&error))?;
        let session = session_of(who, groups, proof);
        let cookie = self.sessions.begin(&session).await.map_err(|error| self.unread(&error))?;
        self.count(if who.authority() == Authority::OpenId { "provider" } else { "password" }, "done");
        tracing::info!(who = who.name(), by = ?who.authority(), address = %self.address(request), "somebody signed in");
        Ok(self.page.see_other(to).insert_header((SET_COOKIE, cookie)).finish())
    }

    async fn signed_out(&self, request: &HttpRequest, payload: &mut Payload) -> Result<HttpResponse, Stranger> {
        if matches!(self.way, Way::Proxy(_)) {
            let said = Said::refusal(StatusCode::CONFLICT, Message::OutByProxy);
            return Ok(self.page.says(request.headers(), &said));
        }
        let visitor = match self.known(request).await {
            // Whoever is not signed in is out already.
            Err(Stranger::Nobody) => return Ok(self.out(None)),
            known => known?,
        };
        let form = match self.form(request, payload).await {
            Ok(form) => form,
            Err(answer) => return Ok(answer),
        };
        if visitor.sent(form.one("form_token").unwrap_or_default()).is_err() {
            return Err(Stranger::Elsewhere);
        }
        let cookie = self.sessions.end(request.headers()).await.map_err(|error| self.unread(&error))?;
        tracing::info!(who = visitor.who.name(), "somebody signed out");
        Ok(self.out(Some(cookie)))
    }

    fn out(&self, cookie: Option<String>) -> HttpResponse {
        let mut answer = self.page.see_other(&format!("{}/sign-in?signed=out", self.base_path));
        if let Some(cookie) = cookie {
            answer.insert_header((SET_COOKIE, cookie));
        }
        answer.finish()
    }

    /// Nobody signed in at the provider.
    fn failed(&self, error: &OidcError, request: &HttpRequest) -> HttpResponse {
        let (address, now) = (self.address(request), self.ambient.monotonic());
        if error.is_counted() {
            self.guesses.was_wrong(address, At::Code, now);
        }
        if error.is_of_stranger() {
            self.count("provider", "wrong");
            if let Some(suppressed) = self.repeats.line(&address.to_string(), error.to_string(), now) {
                tracing::info!(suppressed, %address, error = %chain(error), "nobody signed in");
            }
            let message = match error {
                OidcError::Stranger => Message::NotBegun,
                OidcError::Refused(_) => Message::NotLetIn,
                _ => Message::Unclear,
            };
            let base = format!("{}/", self.base_path);
            let said = Said {
                status: StatusCode::UNAUTHORIZED,
                title: Title::NotSignedIn,
                message,
                way: page::Way::Provider,
                to: &base,
                retry_after: None,
            };
            return self.page.says(request.headers(), &said);
        }
        self.count("provider", "no_answer");
        if let Some(suppressed) = self.repeats.line("", error.to_string(), now) {
            tracing::warn!(suppressed, error = %chain(error), hint = error.hint(), "nobody can sign in at the provider");
        }
        let (message, retry_after) = match error {
            OidcError::Client(_) => (Message::NotUs, None),
            // It comes from the provider itself, and the next one is as this one.
            OidcError::Token(_) => (Message::NotTaken, None),
            _ => (Message::NoAnswer, Some(10)),
        };
        let said = Said::refusal(StatusCode::SERVICE_UNAVAILABLE, message);
        self.page.says(request.headers(), &Said { retry_after, ..said })
    }
}
