//! What stands before the page and the API: nobody gets by it of whom it is not known who they are.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::{Data, Payload};
use actix_web::{Error, FromRequest as _, HttpMessage as _, HttpResponse, ResponseError as _};

use super::destination::asked;
use super::door::{Access, Stranger, Way};
use super::page::Said;
use super::sender::acts;
use super::words::Message;
use crate::listener::{Meter, Problem, unread, with};

/// Before the API: whoever is not known is told in JSON.
///
/// # Errors
/// Those of what stands behind it.
pub async fn programs<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    guarded(request, next, |_, _, stranger| problem(stranger)).await
}

/// Before the page: whoever is not known is led to where they sign in.
///
/// # Errors
/// Those of what stands behind it.
pub async fn people<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    guarded(request, next, Access::to_person).await
}

async fn guarded<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    refuse: impl Fn(&Access, &ServiceRequest, &Stranger) -> HttpResponse,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(access) = request.app_data::<Data<Access>>().cloned() else {
        // It is a mistake of ours; nobody gets in by it.
        let answer = problem(&Stranger::Nobody);
        return Ok(refused(request, answer).await);
    };
    match access.known(request.request()).await {
        Ok(visitor) => {
            let (connection, name) = (request.request().conn_data::<Meter>().cloned(), visitor.credential());
            if let Some(connection) = &connection {
                connection.known(&name);
            }
            request.extensions_mut().insert(visitor);
            let mut response = next.call(request).await?.map_into_boxed_body();
            if let Some(connection) = connection {
                response = response.map_body(|_, body| with(body, connection.lasts(&name)));
            }
            // What only some may see is kept by nobody, unless whoever answers says how.
            if !response.headers().contains_key(CACHE_CONTROL) {
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
            Ok(response)
        }
        Err(stranger) => {
            let answer = refuse(&access, &request, &stranger);
            Ok(refused(request, answer).await)
        }
    }
}

async fn refused(request: ServiceRequest, answer: HttpResponse) -> ServiceResponse<BoxBody> {
    let (request, mut payload) = request.into_parts();
    let answer = match Payload::from_request(&request, &mut payload).await {
        Ok(payload) => unread(answer, payload),
        Err(_) => answer,
    };
    ServiceResponse::new(request, answer)
}

impl Stranger {
    fn told(&self) -> Problem {
        let new = Problem::new;
        match self {
            Self::Nobody => {
                new(StatusCode::UNAUTHORIZED, "nobody is signed in; programs show a token (Authorization: Bearer)")
            }
            Self::WrongToken => {
                new(StatusCode::UNAUTHORIZED, "this token lets nobody in: it is unknown, or its time is over")
            }
            Self::NoName => new(StatusCode::BAD_REQUEST, "what says who signed in is no name, or is there twice"),
            Self::Elsewhere => new(
                StatusCode::FORBIDDEN,
                "this was not sent by a page of ours, as far as the browser says (Sec-Fetch-Site, Origin): open the page and do it there",
            ),
            Self::NoRole(_) => new(
                StatusCode::FORBIDDEN,
                "you are signed in, and have no role here: whoever runs image-watcher can give you one (auth.roles)",
            ),
            Self::TooMany(seconds) => Problem {
                status: StatusCode::TOO_MANY_REQUESTS,
                detail: "too much was wrong from this address, or under this name: wait a moment".into(),
                retry_after: Some(*seconds),
            },
            Self::Later => Problem::later("it can't be said now who you are: try again in a moment"),
        }
    }
}

/// What a program is told.
fn problem(stranger: &Stranger) -> HttpResponse {
    let mut response = stranger.told().error_response();
    let challenge = match stranger {
        Stranger::Nobody => "Bearer realm=\"image-watcher\"",
        Stranger::WrongToken => "Bearer realm=\"image-watcher\", error=\"invalid_token\"",
        _ => return response,
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

impl Access {
    /// What a person is told, or where they are led.
    fn to_person(&self, request: &ServiceRequest, stranger: &Stranger) -> HttpResponse {
        let signs_in = !matches!(self.way, Way::Proxy(_));
        if !is_navigation(request.headers()) {
            return problem(stranger);
        }
        match stranger {
            Stranger::Nobody if signs_in => {
                let to = if acts(request.method()) {
                    format!("{}/", self.base_path)
                } else {
                    asked(request.uri().path_and_query().map_or("/", |it| it.as_str()), &self.base_path)
                };
                self.page.sign_in(&to)
            }
            _ => self.refuse(request.headers(), stranger),
        }
    }

    /// The page that says why somebody is not let in.
    pub(super) fn refuse(&self, headers: &HeaderMap, stranger: &Stranger) -> HttpResponse {
        let told = stranger.told();
        let words = crate::domain::wording::sentence(&told.detail);
        let message = match stranger {
            Stranger::Nobody if matches!(self.way, Way::Proxy(_)) => Message::NobodyByProxy,
            Stranger::NoRole(name) => Message::NoRole(name),
            Stranger::NoName => Message::NoName,
            Stranger::Elsewhere => Message::Elsewhere,
            Stranger::TooMany(_) => Message::TooMany,
            Stranger::Later => Message::Later,
            Stranger::Nobody | Stranger::WrongToken => Message::Other(&words),
        };
        self.page.says(headers, &Said { retry_after: told.retry_after, ..Said::refusal(told.status, message) })
    }
}

/// Whether a browser goes to a page, and does not merely fetch something for one.
fn is_navigation(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("Sec-Fetch-Mode") {
        Some(mode) => mode == "navigate",
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}
