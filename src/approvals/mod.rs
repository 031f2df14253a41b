//! 11 of 13 · in: a link, opened or answered · out: a page
//!
//! GET and HEAD show; they change nothing, however often and by whomever a link is followed. Only a POST with one of
//! the known words acts, through the sequencer.

mod form;
mod key;
mod limit;
mod list;
#[cfg(test)]
mod list_tests;
mod page;
mod slack;
#[cfg(test)]
mod snapshots;
mod words;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ALLOW, HeaderMap};
use actix_web::web::{self, Data, Path, Payload, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tracing::Instrument as _;

pub use key::{LinkKeyError, link_keys};
pub use limit::Limiter;
pub use page::{Pages, TemplateError};
pub use slack::{Presses, Say, SlackDoor, slack_routes};
pub(crate) use words::refused;

use crate::access::{self, Identity, address};
use crate::ambient::Ambient;
use crate::cluster::Cluster;
use crate::domain::actor::SignedIn;
use crate::domain::approval::Token;
use crate::domain::release::ReleaseNotes;
use crate::listener::{Bodies, Meter, Problem, unread};
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, Asked, OpenedList, Reconciler, Resuming};
use crate::registry::Registry;

/// What the routes are given.
pub struct Approvals<Q, R, C> {
    /// Who knows and acts.
    pub reconciler: Reconciler<Q, R, C>,
    /// The pages.
    pub pages: Arc<Pages>,
    /// What an update changes, as far as it is known in time.
    pub notes: Notes,
    /// Slows down who guesses.
    pub limiter: Limiter,
    /// Whether all workloads are known that may be known soon; else one that is not found may be there.
    pub knows_all: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Where they say who signed in, if they do.
    pub identity: Option<Identity>,
    /// The path under which links begin, without a slash at its end.
    pub base_path: String,
    /// Reads what the page's form sends. Deliveries have room of their own.
    pub bodies: Bodies,
    /// Clock and chance.
    pub ambient: Ambient,
}

/// Finds the notes of an update that is asked about.
pub type Notes = Arc<dyn Fn(&Asked) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;

impl<Q, R, C> std::fmt::Debug for Approvals<Q, R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Approvals")
    }
}

/// Adds the routes of this stage.
pub fn routes<Q: Queue + Records, R: Registry, C: Cluster>(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/a/{token}")
                .route(web::get().to(show::<Q, R, C>))
                .route(web::head().to(show::<Q, R, C>))
                .route(web::post().to(act::<Q, R, C>))
                .default_service(web::to(wrong_method::<Q, R, C>)),
        )
        .service(
            web::resource("/api/upgrade/{namespace}/{name}")
                .route(web::get().to(original::<Q, R, C>))
                .route(web::head().to(original::<Q, R, C>))
                .default_service(web::to(wrong_method::<Q, R, C>)),
        )
        .route("/robots.txt", web::get().to(robots));
}

type Shared<Q, R, C> = Data<Approvals<Q, R, C>>;

async fn show<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: Shared<Q, R, C>,
    token: Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let json = wants_json(request.headers());
    let answer = match shared.opened(&token, &request).await {
        Ok(Opened::One(known)) => known.answer,
        Ok(Opened::List(list)) => return list::show(&shared, &list, json).await,
        Err(refused) => return shared.refuse(&refused, json),
    };
    if let Answer::Open(asked) | Answer::Snoozed(asked, _) = &answer {
        let notes = (shared.notes)(asked).await;
        return shared.pages.question(&answer, asked, notes.as_ref(), json);
    }
    if let Answer::Resuming(resuming) = &answer
        && let Resuming::Open(asked) = &**resuming
    {
        return shared.pages.resume(&answer, asked, json);
    }
    shared.pages.answer(&answer, json, false)
}

async fn act<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: Shared<Q, R, C>,
    token: Path<String>,
    request: HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    let answer = answer(&shared, &token, &request, &mut payload).await;
    unread(answer, payload)
}

async fn answer<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: &Approvals<Q, R, C>,
    token: &str,
    request: &HttpRequest,
    payload: &mut Payload,
) -> HttpResponse {
    let json = wants_json(request.headers());
    // The signature first: of a stranger no body is read.
    let Known { token: parsed, by, .. } = match shared.opened(token, request).await {
        Ok(Opened::One(known)) => known,
        Ok(Opened::List(list)) => return list::act(shared, &list, request, payload).await,
        Err(refused) => return shared.refuse(&refused, json),
    };
    let press = match form::read(&shared.bodies, request, payload, by).await {
        Ok(press) => press,
        Err(problem) => return shared.pages.problem(&problem, json),
    };
    let state = shared.reconciler.asked_by(&parsed, press.by.as_ref()).await;
    let replayed = state.is_decided();
    // Whoever may still act need not make room for others. A link that can do nothing more has no place of its own, nor has
    // who keeps the form to himself.
    if let (Answer::Open(_) | Answer::Snoozed(..), Some(connection)) = (&state, request.conn_data::<Meter>()) {
        connection.known();
    }
    let trace = shared.ambient.trace_id();
    let span = tracing::info_span!("approval", trace_id = trace);
    let answer = shared.reconciler.answer_to(&parsed, &press, &trace).instrument(span).await;
    // What was just done is shown by a GET of the same link, so that reloading it repeats nothing.
    let done = !replayed && (answer.is_decided() || answer.is_noted());
    if done && !json {
        let location = format!("{}/a/{}", shared.base_path, token);
        return shared.pages.see_other(&location);
    }
    if let Answer::Unconfirmed(asked) = &answer {
        let notes = (shared.notes)(asked).await;
        return shared.pages.question(&answer, asked, notes.as_ref(), json);
    }
    shared.pages.answer(&answer, json, replayed)
}

impl Answer {
    /// Whether something was written, and the link can still be used.
    fn is_noted(&self) -> bool {
        matches!(self, Self::Snoozed(..) | Self::Voted { is_again: false, .. })
    }

    /// Whether the link has been used up.
    fn is_decided(&self) -> bool {
        match self {
            Self::Approved(_) | Self::Skipped(_) | Self::Resumed(_) | Self::WentBack(_) => true,
            Self::Resuming(resuming) => matches!(**resuming, Resuming::Done(_)),
            _ => false,
        }
    }
}

/// The link shape of the original image-watcher, whose GET did the update. Ours leads to the confirm page.
#[derive(Deserialize)]
struct Original {
    #[serde(default)]
    token: String,
}

async fn original<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: Shared<Q, R, C>,
    query: Query<Original>,
    request: HttpRequest,
) -> HttpResponse {
    let json = wants_json(request.headers());
    if json {
        let detail = "open this link in a browser; nothing was done";
        return shared.pages.problem(&Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail), true);
    }
    match Token::parse(&query.token) {
        Some(_) => shared.pages.see_other(&format!("{}/a/{}", shared.base_path, query.token)),
        None => shared.pages.answer(&Answer::Unknown, false, false),
    }
}

async fn wrong_method<Q: Queue + Records, R: Registry, C: Cluster>(shared: Shared<Q, R, C>) -> HttpResponse {
    shared.pages.nothing(StatusCode::METHOD_NOT_ALLOWED).insert_header((ALLOW, "GET, HEAD, POST")).finish()
}

async fn robots() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("User-agent: *\nDisallow: /\n")
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

/// A link that is one, and who opened it.
struct Known {
    token: Token,
    by: Option<SignedIn>,
    answer: Answer,
}

/// What a link opens.
enum Opened {
    /// A question.
    One(Known),
    /// A list of them.
    List(OpenedList),
}

/// Why nothing is said of a link.
enum Refused {
    /// By whom it is opened, whatever it is.
    Person(access::Refused),
    /// There is no such link.
    NoLink,
    /// There may be such a link in a moment.
    Later,
    /// Too many were wrong.
    TooMany,
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Approvals<Q, R, C> {
    /// What a link opens. One that opens nothing is counted.
    async fn opened(&self, token: &str, request: &HttpRequest) -> Result<Opened, Refused> {
        let by = match &self.identity {
            Some(identity) => identity.read(request, &self.trusted_proxies).map_err(Refused::Person)?,
            None => None,
        };
        let list = Token::parse(token).and_then(|token| self.reconciler.list(&token, by.as_ref()));
        match list {
            Some(list) => Ok(Opened::List(list)),
            None => self.asked(token, request, by).await.map(Opened::One),
        }
    }

    async fn asked(&self, token: &str, request: &HttpRequest, by: Option<SignedIn>) -> Result<Known, Refused> {
        let (client, now) = (address::client(request, &self.trusted_proxies), self.ambient.monotonic());
        let wrong = |otherwise| {
            if self.limiter.is_one_too_many(client, now) { Refused::TooMany } else { otherwise }
        };
        let Some(token) = Token::parse(token) else { return Err(wrong(Refused::NoLink)) };
        if self.reconciler.is_recorded(&token) {
            if !self.limiter.may_try(token.approval(), client, now) {
                return Err(Refused::TooMany);
            }
            match self.reconciler.asked_by(&token, by.as_ref()).await {
                Answer::Unknown => self.limiter.was_wrong(token.approval(), now),
                answer => return Ok(Known { token, by, answer }),
            }
        }
        Err(wrong(if (self.knows_all)() { Refused::NoLink } else { Refused::Later }))
    }

    fn refuse(&self, refused: &Refused, json: bool) -> HttpResponse {
        let problem = match refused {
            Refused::NoLink => return self.pages.answer(&Answer::Unknown, json, false),
            Refused::Person(refused) => return self.pages.stranger(*refused, json),
            Refused::Later => Problem::later(
                "some workloads can't be read now, and this link may be about one of them: try again in a moment",
            ),
            Refused::TooMany => Problem {
                status: StatusCode::TOO_MANY_REQUESTS,
                detail: "too many wrong links from this address; a right one works, if not at once then in a moment"
                    .into(),
                retry_after: Some(60),
            },
        };
        self.pages.problem(&problem, json)
    }
}
