//! 11 of 13 · in: a link, opened or answered · out: a page
//!
//! GET and HEAD show; they change nothing, however often and by whomever a link is followed. Only a POST with one of
//! the known words acts, through the sequencer.

pub mod chat;
mod form;
mod key;
mod limit;
mod list;
#[cfg(test)]
mod list_tests;
mod page;
#[cfg(test)]
pub(crate) mod snapshots;
mod words;
mod wrong;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, HeaderMap};
use actix_web::web::{self, Data, Path, Payload, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tracing::Instrument as _;

pub use key::{LinkKeyError, link_keys};
pub use limit::Limiter;
pub use page::{Pages, TemplateError};
use words::Reader;
pub(crate) use words::{refused, stands};
use wrong::Wrong;

use crate::access::{self, Identity, address};
use crate::ambient::Ambient;
use crate::cluster::Cluster;
use crate::domain::accepted::accepted;
use crate::domain::actor::SignedIn;
use crate::domain::approval::{Approval, Token};
use crate::domain::release::{Language, ReleaseNotes};
use crate::domain::workload::Workload;
use crate::listener::{Bodies, Meter, unread};
use crate::queue::{Queue, Records};
use crate::reconcile::{Answer, OpenedList, Reconciler, Resuming, Settled};
use crate::registry::Registry;
use crate::telemetry::spans;

/// What the routes are given.
pub struct Approvals<Q, R, C> {
    /// Who knows and acts.
    pub reconciler: Reconciler<Q, R, C>,
    /// The pages.
    pub pages: Arc<Pages>,
    /// What an update changes, as far as it is known in time.
    pub notes: Notes,
    /// In which language and zone people are answered whose browser asks for none.
    pub voices: Voices,
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

/// Finds the notes of an update that is asked about, with their summary in a language.
pub type Notes =
    Arc<dyn Fn(&Arc<Workload>, &Approval, Language) -> BoxFuture<'static, Option<ReleaseNotes>> + Send + Sync>;

/// The language and the zone of the channel of somebody who holds a link, or those of the service.
pub type Voices = Arc<dyn Fn(Option<&str>) -> (Language, Tz) + Send + Sync>;

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
        .route("/robots.txt", crate::listener::seen().to(robots))
        .route("/favicon.ico", crate::listener::seen().to(no_icon));
}

type Shared<Q, R, C> = Data<Approvals<Q, R, C>>;

async fn show<Q: Queue + Records, R: Registry, C: Cluster>(
    shared: Shared<Q, R, C>,
    token: Path<String>,
    request: HttpRequest,
) -> HttpResponse {
    let Known { token: parsed, answer, holder, .. } = match shared.opened(&token, &request).await {
        Ok(Opened::One(known)) => known,
        Ok(Opened::List(list)) => return list::show(&shared, &list, shared.reader(&request, Some(&list.holder))).await,
        Err(refused) => return shared.refuse(&refused, &request),
    };
    let to = shared.reader(&request, Some(&holder));
    if let Answer::Open(asked) | Answer::Snoozed(asked, _) = &answer {
        let notes = (shared.notes)(&asked.workload, &asked.approval, to.language).await;
        return shared.pages.question(&answer, asked, notes.as_ref(), to);
    }
    if let Answer::Resuming(resuming) = &answer
        && let Resuming::Open(asked) = &**resuming
    {
        return shared.pages.resume(&answer, asked, to);
    }
    shared.pages.answer_about(&answer, shared.reconciler.workload_of(&parsed).as_ref(), to, false)
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
    // The signature first: of a stranger no body is read.
    let Known { token: parsed, by, holder, .. } = match shared.opened(token, request).await {
        Ok(Opened::One(known)) => known,
        Ok(Opened::List(list)) => {
            let to = shared.reader(request, Some(&list.holder));
            return list::act(shared, &list, request, payload, to).await;
        }
        Err(refused) => return shared.refuse(&refused, request),
    };
    let to = shared.reader(request, Some(&holder));
    let press = match form::read(&shared.bodies, request, payload, by).await {
        Ok(press) => press,
        Err(wrong) => return shared.pages.wrong(&wrong, to),
    };
    let state = shared.reconciler.asked_by(&parsed, press.by.as_ref()).await;
    // Whoever may still act need not make room for others. A link that can do nothing more has no place of its own, nor has
    // who keeps the form to himself.
    if let (Answer::Open(_) | Answer::Snoozed(..), Some(connection)) = (&state, request.conn_data::<Meter>()) {
        connection.known(&holder);
    }
    let act = async |trace: &str| shared.reconciler.settle(&parsed, &press, trace).await;
    let Settled { answer, is_own } = followed(&shared.ambient, act).await;
    // What others decided, before or in the same moment, is no success of this press.
    let replayed = !is_own && answer.is_decided();
    // What was just done is shown by a GET of the same link, so that reloading it repeats nothing.
    let done = is_own && (answer.is_decided() || answer.is_noted());
    if done && !to.is_program {
        let location = format!("{}/a/{}", shared.base_path, token);
        return shared.pages.see_other(&location);
    }
    if let Answer::Unconfirmed(asked) = &answer {
        let notes = (shared.notes)(&asked.workload, &asked.approval, to.language).await;
        return shared.pages.question(&answer, asked, notes.as_ref(), to);
    }
    shared.pages.answer_about(&answer, shared.reconciler.workload_of(&parsed).as_ref(), to, replayed)
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
    let to = shared.reader(&request, None);
    match Token::parse(&query.token) {
        _ if to.is_program => shared.pages.wrong(&Wrong::ForPeople, to),
        Some(_) => shared.pages.see_other(&format!("{}/a/{}", shared.base_path, query.token)),
        None => shared.pages.answer(&Answer::Unknown, to, false),
    }
}

async fn wrong_method<Q: Queue + Records, R: Registry, C: Cluster>(shared: Shared<Q, R, C>) -> HttpResponse {
    shared.pages.nothing(StatusCode::METHOD_NOT_ALLOWED).insert_header((ALLOW, "GET, HEAD, POST")).finish()
}

/// Browsers ask for one whatever a page says, and log that there is none.
async fn no_icon() -> HttpResponse {
    HttpResponse::NoContent().insert_header((CACHE_CONTROL, "public, max-age=86400")).finish()
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
    /// Who holds it: `channel:address`. Empty where that can't be read now.
    holder: String,
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
            match self.reconciler.opened(&token, by.as_ref()).await {
                (Answer::Unknown, _) => self.limiter.was_wrong(token.approval(), now),
                (answer, holder) => return Ok(Known { token, by, answer, holder: holder.unwrap_or_default() }),
            }
        }
        Err(wrong(if (self.knows_all)() { Refused::NoLink } else { Refused::Later }))
    }

    /// To whom an answer is given: a program, or a person with the languages of their browser, else as their channel has it.
    fn reader(&self, request: &HttpRequest, holder: Option<&str>) -> Reader {
        if wants_json(request.headers()) {
            return Reader::PROGRAM;
        }
        let (language, zone) = (self.voices)(holder);
        let asked = request.headers().get(ACCEPT_LANGUAGE).and_then(|header| accepted(header.to_str().ok()?));
        Reader::person(asked.unwrap_or(language), zone)
    }

    fn refuse(&self, refused: &Refused, request: &HttpRequest) -> HttpResponse {
        let to = self.reader(request, None);
        match refused {
            Refused::NoLink => self.pages.answer(&Answer::Unknown, to, false),
            Refused::Person(refused) => self.pages.wrong(&Wrong::Person(*refused), to),
            Refused::Later => self.pages.wrong(&Wrong::Later, to),
            Refused::TooMany => self.pages.wrong(&Wrong::TooMany, to),
        }
    }
}
/// Does what somebody wants in a trace of its own, which the log names, too.
async fn followed<T>(ambient: &Ambient, act: impl AsyncFnOnce(&str) -> T) -> T {
    let traced = spans::answer();
    let trace = spans::trace_id(&traced).unwrap_or_else(|| ambient.trace_id());
    let span = tracing::info_span!("approval", trace_id = trace);
    act(&trace).instrument(traced).instrument(span).await
}
