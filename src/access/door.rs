//! Who sends a request, and what they may do: by a token, by what a proxy says, or by a session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::basic::Passwords;
use super::bearer::{Known, Program, Programs, Question, Shown, WhoseToken};
use super::browsers::Browsers;
use super::guesses::{At, Guesses, network};
use super::oidc::{CALLBACK, Oidc};
use super::page::{SignInPage, TemplateError};
use super::proxy::{Identity, Refused};
use super::sender::{acts, is_our_page};
use super::sessions::{Cookie, Session, Sessions};
use super::unfinished::Unfinished;
use super::{Role, Visitor, address, forms};
use crate::ambient::Ambient;
use crate::config::auth::{Auth, Mode};
use crate::domain::actor::{Authority, SignedIn};
use crate::domain::role::Roles;
use crate::listener::Bodies;
use crate::outbound;
use crate::queue::{QueueError, SignIns};
use crate::telemetry::metrics::{Metrics, SignInResult};
use crate::telemetry::{Repeats, chain};

/// The largest form that is read of whoever signs in or out.
pub(super) const MOST_BYTES: usize = 4 * 1024;
/// It has to be there by then: it is one packet.
const SOON: Duration = Duration::from_secs(2);
/// Bytes of such forms at once: of as many as are read, and of as many again that were told to go a moment ago.
const FORMS: u32 = 512 * 1024;
/// So many groups of somebody are logged.
const MOST_GROUPS_SHOWN: usize = 20;

/// Nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The header that was configured is none.
    #[error("the header in which the proxy says who signed in can't be used")]
    Header(#[from] actix_web::http::header::InvalidHeaderName),
    /// What browsers bring back can't be signed.
    #[error("no key can be made for sign-in")]
    NoKey,
    /// The template of the page is broken.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// What it takes to know people.
pub struct Parts {
    /// How people sign in, and who may what.
    pub auth: Auth,
    /// Where this service is reached.
    pub base_url: Option<Url>,
    /// The cluster's name, where it has one.
    pub cluster: Option<String>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Remembers who is signed in.
    pub store: Arc<dyn SignIns>,
    /// Reaches the provider.
    pub client: outbound::Client,
    /// Asks the API server whose token it is.
    pub whose_token: WhoseToken,
    /// Signs what browsers bring back.
    pub key: [u8; 32],
    /// The numbers.
    pub metrics: Metrics,
    /// Clock and chance.
    pub ambient: Ambient,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

/// How people get in.
pub(super) enum Way {
    Passwords(Passwords),
    Proxy(Identity),
    Provider(Box<Oidc>),
}

impl Way {
    /// As it is counted.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Passwords(_) => "password",
            Self::Proxy(_) => "proxy",
            Self::Provider(_) => "provider",
        }
    }
}

/// Knows who sends a request.
pub struct Access {
    pub(super) way: Way,
    pub(super) roles: Roles,
    programs: Programs,
    pub(super) sessions: Sessions,
    pub(super) browsers: Browsers,
    pub(super) guesses: Guesses,
    pub(super) page: SignInPage,
    pub(super) bodies: Bodies,
    pub(super) unfinished: Unfinished,
    pub(super) base_path: String,
    pub(super) ambient: Ambient,
    trusted_proxies: Vec<IpNet>,
    origin: Option<String>,
    key: [u8; 32],
    metrics: Metrics,
    pub(super) repeats: Repeats,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// They show nothing.
    Nobody,
    /// They show a token that lets nobody in.
    WrongToken,
    /// What the proxy says is no name.
    NoName,
    /// Another site's page made their browser send it.
    Elsewhere,
    /// It is known who they are, and they have no role.
    NoRole(String),
    /// Too much was wrong; so many seconds.
    TooMany(u32),
    /// It can't be said now.
    Later,
}

impl Access {
    /// Whether people can sign out here: not where a proxy says who they are.
    #[must_use]
    pub fn signs_out(&self) -> bool {
        matches!(self.way, Way::Passwords(_) | Way::Provider(_))
    }

    /// Knows people as it is configured.
    ///
    /// # Errors
    /// [`AccessError`]
    pub fn new(parts: Parts) -> Result<Self, AccessError> {
        let Parts { auth, base_url, cluster, trusted_proxies, store, client, whose_token, key, metrics, ambient } =
            parts;
        let base_path = base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let origin = base_url.as_ref().map(|url| url.origin().ascii_serialization());
        let is_secure = base_url.as_ref().is_none_or(|url| url.scheme() == "https");
        let cookie = |purpose: &str| Cookie::new(purpose, &base_path, is_secure);
        let way = way(auth.mode, (origin.as_deref(), &base_path), client, key, &ambient)?;
        Ok(Self {
            way,
            roles: auth.roles,
            programs: Programs::new(auth.tokens, auth.audience, whose_token, ambient.clone()),
            sessions: Sessions::new(store, cookie(""), auth.session, ambient.clone()),
            browsers: Browsers::new(key, cookie("browser"), ambient.clone()),
            guesses: Guesses::default(),
            page: SignInPage::new(&base_path, cluster)?,
            bodies: Bodies::new(FORMS).within(SOON),
            unfinished: Unfinished::default(),
            base_path,
            ambient,
            trusted_proxies,
            origin,
            key,
            metrics,
            repeats: Repeats::default(),
        })
    }

    /// Who sends a request.
    pub(super) async fn known(&self, request: &HttpRequest) -> Result<Visitor, Stranger> {
        if let Some(shown) = self.programs.shown(request.headers()) {
            return self.program(shown, request).await;
        }
        match &self.way {
            Way::Proxy(identity) => self.of_proxy(identity, request),
            Way::Passwords(_) | Way::Provider(_) => self.of_session(request).await,
        }
    }

    async fn program(&self, shown: Shown, request: &HttpRequest) -> Result<Visitor, Stranger> {
        // It is looked at first and counted then: what is right waits for nobody's guesses.
        let program = match self.programs.known(shown) {
            Known::Program(program) => program,
            Known::Unasked(question) => self.vouched(question, self.address(request)).await?,
            Known::Nobody => return Err(self.wrong_token(self.address(request))),
        };
        match program {
            Program::Listed(token) => {
                let who = SignedIn::by(Authority::Token, &format!("token {}", token.name)).ok_or(Stranger::NoName)?;
                Ok(Visitor { who, role: token.role, form_token: String::new() })
            }
            Program::OfCluster(user) => {
                let who = SignedIn::by(Authority::ServiceAccount, &user.name).ok_or(Stranger::NoName)?;
                let role = self.role(&user.name, &user.groups, None)?;
                Ok(Visitor { who: who.known_as(user), role, form_token: String::new() })
            }
        }
    }

    fn wrong_token(&self, address: IpAddr) -> Stranger {
        let now = self.ambient.monotonic();
        let wait = self.guesses.wait(address, At::Token, now);
        self.guesses.was_wrong(address, At::Token, now);
        self.count("token", "wrong");
        wait.map_or(Stranger::WrongToken, Stranger::TooMany)
    }

    /// Who the API server says that shows a token. It is counted as wrong when it is asked, so that many at once are no more than
    /// one after the other, and no longer when it was not.
    async fn vouched(&self, question: Question, address: IpAddr) -> Result<Program<'_>, Stranger> {
        let (now, was_right) = (self.ambient.monotonic(), question.was_right);
        let wait = self.guesses.wait(address, At::Token, now).filter(|_| !was_right);
        if let Some(wait) = wait {
            return Err(Stranger::TooMany(wait));
        }
        self.guesses.was_wrong(address, At::Token, now);
        let user = self.programs.ask(question, network(address)).await;
        match user {
            Ok(None) => {
                self.count("token", "wrong");
                return Err(Stranger::WrongToken);
            }
            Ok(Some(_)) | Err(_) => self.guesses.was_no_wrong_token(address, now),
        }
        user.ok().flatten().map(Program::OfCluster).ok_or(Stranger::Later)
    }

    fn of_proxy(&self, identity: &Identity, request: &HttpRequest) -> Result<Visitor, Stranger> {
        self.unbelieved(identity, request);
        let who = match identity.read(request, &self.trusted_proxies) {
            Ok(who) => who.ok_or(Stranger::Nobody)?,
            Err(Refused::NobodySignedIn) => return Err(Stranger::Nobody),
            Err(Refused::NoName) => return Err(Stranger::NoName),
            Err(Refused::Elsewhere) => return Err(Stranger::Elsewhere),
        };
        let groups = who.in_cluster().map(|user| user.groups.as_slice()).unwrap_or_default();
        let role = self.role(who.name(), groups, None)?;
        let form_token = forms::of_person(&self.key, who.name());
        Ok(Visitor { who, role, form_token })
    }

    async fn of_session(&self, request: &HttpRequest) -> Result<Visitor, Stranger> {
        let found = self.sessions.find(request.headers()).await.map_err(|error| self.unread(&error))?;
        let found = found.ok_or(Stranger::Nobody)?;
        let (session, form_token) = (found.session, found.form_token);
        let (who, own) = match &self.way {
            Way::Passwords(passwords) => {
                let user =
                    passwords.user(&session.name).filter(|user| proof_of_password(&user.hash.get()) == session.proof);
                (SignedIn::by(Authority::Password, &session.name), Some(user.ok_or(Stranger::Nobody)?.clone()))
            }
            Way::Provider(oidc) if oidc.proof() == session.proof => (oidc.person(&session.name, &session.groups), None),
            Way::Provider(_) | Way::Proxy(_) => return Err(Stranger::Nobody),
        };
        if acts(request.method()) && !self.is_of_our_page(request) {
            return Err(Stranger::Elsewhere);
        }
        let groups = own.as_ref().map_or(&session.groups, |user| &user.groups);
        let role = self.role(&session.name, groups, own.as_ref().map(|user| user.role.unwrap_or(Role::Viewer)))?;
        let who = who.ok_or(Stranger::NoName)?;
        Ok(Visitor { who, role, form_token })
    }

    /// The store does not say who is signed in, or does not keep it.
    pub(super) fn unread(&self, error: &QueueError) -> Stranger {
        if let Some(suppressed) = self.repeats.line("", "sessions", self.ambient.monotonic()) {
            tracing::warn!(suppressed, error = %chain(error), "who is signed in can't be read or kept");
        }
        Stranger::Later
    }

    /// Counts who wanted in.
    pub(super) fn count(&self, way: &str, result: &str) {
        let labels = SignInResult { way: way.to_owned(), result: result.to_owned() };
        self.metrics.sign_ins.get_or_create(&labels).inc();
    }

    /// The role of somebody who is known: the one that may most of what they are given, and `own`.
    pub(super) fn role(&self, name: &str, groups: &[String], own: Option<Role>) -> Result<Role, Stranger> {
        let role = self.roles.of(name, groups).max(own);
        role.ok_or_else(|| {
            self.without_role(name, groups);
            Stranger::NoRole(name.to_owned())
        })
    }

    /// Somebody is known, and may nothing here: a mistake of the configuration, or somebody who is to stay out.
    fn without_role(&self, name: &str, groups: &[String]) {
        self.count(self.way.as_str(), "no_role");
        if let Some(suppressed) = self.repeats.line(name, "no role", self.ambient.monotonic()) {
            let shown: Vec<&str> = groups.iter().take(MOST_GROUPS_SHOWN).map(String::as_str).collect();
            tracing::info!(
                suppressed,
                who = name,
                groups = ?shown,
                of = groups.len(),
                "somebody is known and has no role: name them, or one of their groups, in auth.roles"
            );
        }
    }

    /// A header says who signed in, and is not believed.
    fn unbelieved(&self, identity: &Identity, request: &HttpRequest) {
        if !address::is_unbelieved(request, &identity.header, &self.trusted_proxies) {
            return;
        }
        self.count("proxy", "wrong");
        if let Some(suppressed) = self.repeats.line("", "unbelieved", self.ambient.monotonic()) {
            let peer = request.peer_addr().map(|address| address.ip().to_string());
            tracing::warn!(
                suppressed,
                peer,
                header = identity.header.as_str(),
                "a request has the header that says who signed in, and who sent it is none of TRUSTED_PROXY, so that it is not believed: if that is your proxy, add its address there"
            );
        }
    }

    /// Whether one of our own pages made a browser send it.
    pub(super) fn is_of_our_page(&self, request: &HttpRequest) -> bool {
        is_our_page(request.headers(), self.origin.as_deref())
    }

    /// The address that a request is counted at.
    pub(super) fn address(&self, request: &HttpRequest) -> IpAddr {
        if address::is_unbelieved(request, "X-Forwarded-For", &self.trusted_proxies)
            && let Some(suppressed) = self.repeats.line("", "forwarded", self.ambient.monotonic())
        {
            let peer = request.peer_addr().map(|address| address.ip().to_string());
            tracing::warn!(
                suppressed,
                peer,
                "a request has X-Forwarded-For, and who sent it is none of TRUSTED_PROXY: if a proxy stands there, all of its clients are counted as one, so the guesses of one of them slow all of them"
            );
        }
        address::client(request, &self.trusted_proxies)
    }
}

/// How people get in to what is reached at `origin` and below a path.
fn way(
    mode: Mode,
    (origin, base_path): (Option<&str>, &str),
    client: outbound::Client,
    key: [u8; 32],
    ambient: &Ambient,
) -> Result<Way, AccessError> {
    Ok(match mode {
        Mode::Basic(users) => Way::Passwords(Passwords::new(users, key)),
        Mode::Proxy(headers) => Way::Proxy(Identity {
            header: HeaderName::try_from(headers.user)?,
            groups: headers.groups.map(HeaderName::try_from).transpose()?,
            is_required: true,
            origin: origin.map(str::to_owned),
        }),
        Mode::Oidc(provider) => {
            let redirect = format!("{}{base_path}{CALLBACK}", origin.unwrap_or_default());
            Way::Provider(Box::new(Oidc::new(*provider, client, redirect, key, ambient.clone())))
        }
    })
}

/// What a session of somebody with a password hangs on: another password ends it.
pub(super) fn proof_of_password(hash: &crate::domain::password::PasswordHash) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(hash.to_string()))
}

/// A session of somebody, as it begins.
pub(super) fn session_of(who: &SignedIn, groups: Vec<String>, proof: String) -> Session {
    Session { name: who.name().to_owned(), groups, proof }
}
