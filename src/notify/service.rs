//! Services that take a message as one HTTP request: what a channel says of itself, and how its messages are sent.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::probe::{self, Tried};
use super::telegram_bot::Bot;
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::approval::Allows;
use crate::domain::event::{Delivery, Notice, NoticeKind, Offer};
use crate::domain::press::{BUTTONS, Button, Place, Posted};
use crate::domain::release::{Language, ReleaseNotes, Room};
use crate::domain::retry::{Backoff, RetryAfter};
use crate::domain::secret::Secret;
use crate::domain::slack;
use crate::domain::tag::Level;
use crate::domain::undelivered::{Said, Undelivered};
use crate::message::{Links, Message};
use crate::outbound::{Client, OutboundError, Response};

/// Connect, head and body together.
const DEADLINE: Duration = Duration::from_secs(15);
/// The same where a person waits for it.
const ASKED_WITHIN: Duration = Duration::from_secs(8);
/// What is read of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// How much a message is adorned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With all that the service offers.
    Rich,
    /// As text alone, after the service refused the other.
    Plain,
}

/// A message that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'s> {
    /// What is told, to whom.
    pub delivery: &'s Delivery,
    /// The same in words.
    pub message: &'s Message,
    /// Where it leads.
    pub links: &'s Links,
    /// What the update changes, within [`Service::room`].
    pub notes: Option<&'s ReleaseNotes>,
    /// How much it is adorned.
    pub style: Style,
    /// The moment of this attempt.
    pub now: DateTime<Utc>,
}

impl Sending<'_> {
    /// What can be pressed in a message that asks one question, and what stands in its buttons. What takes one more gesture
    /// can be done behind the link alone.
    pub(super) fn buttons(&self) -> Option<(Vec<Action>, Button)> {
        let [notice] = self.delivery.notices() else { return None };
        let asks = matches!(notice.offers(self.now)?, Offer::Question(question) if question.allows == Allows::Update);
        let button = Button::of(self.links.whole.as_ref().filter(|_| asks)?.rsplit('/').next()?)?;
        let is_major = notice.level == Level::Major.as_str();
        let actions = BUTTONS.into_iter().filter(|action| !is_major || *action != Action::Approve);
        Some((actions.collect(), button))
    }
}

/// What is posted.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, usually POST.
    pub method: reqwest::Method,
    /// Where to.
    pub url: Url,
    /// Beside the type of its body.
    pub headers: HeaderMap,
    /// As it is sent, and signed where it is.
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of JSON.
    ///
    /// # Errors
    /// [`Refusal`] where the address is none.
    pub fn json(url: &Secret, body: &Value) -> Result<Self, Refusal> {
        let url = Url::parse(url.expose()).map_err(|_| Said::NoUrl)?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Ok(Self { method: reqwest::Method::POST, url, headers, body: body.to_string().into_bytes() })
    }

    /// A GET.
    ///
    /// # Errors
    /// [`Refusal`] where the address is none.
    pub fn get(url: &Secret) -> Result<Self, Refusal> {
        let request = Self::json(url, &Value::Null)?;
        Ok(Self { method: reqwest::Method::GET, headers: HeaderMap::new(), body: Vec::new(), ..request })
    }

    /// The same with another header, whose value is not logged.
    ///
    /// # Errors
    /// [`Refusal`] where the value can be no header.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self, Refusal> {
        let mut value = HeaderValue::from_str(value).map_err(|_| Undelivered::Header(name.to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// The same with a token that its bearer is known by.
    ///
    /// # Errors
    /// [`Refusal`] where the token can be in no header.
    pub fn bearer(self, token: &Secret) -> Result<Self, Refusal> {
        self.header("authorization", &format!("Bearer {}", token.expose()))
    }

    /// Sends it. Of an answer that is too long, or does not end, is given what came: what is sent may be taken all the same,
    /// and sent again it would be taken twice.
    pub(super) async fn send(self, client: &Client, deadline: Duration) -> Result<Response, OutboundError> {
        let Self { method, url, headers, body } = self;
        client.heard(client.request(method, url).headers(headers).body(body), deadline, MOST_BYTES).await
    }
}

/// A service that takes a message as one HTTP request.
pub trait Service: std::fmt::Debug + Send + Sync {
    /// What a message has room for of release notes.
    fn room(&self) -> Room;

    /// Where its messages go. Only scheme and host may be shown.
    fn address(&self) -> &Secret;

    /// What must not be logged or stored, whoever repeats it.
    fn secrets(&self) -> Vec<&str>;

    /// Whether programs read it: they are told of everything, and their outages may be long (Standard Webhooks,
    /// "Deliverability and Reliability"), while a person needs no yesterday's news.
    fn is_program(&self) -> bool {
        false
    }

    /// Whether it is notified of this where its configuration names no events.
    fn usually_wants(&self, kind: NoticeKind) -> bool {
        self.is_program() || !matches!(kind, NoticeKind::Granted | NoticeKind::Skipped)
    }

    /// Whether it is told what is wrong with image-watcher itself where its configuration names no events.
    fn usually_wants_troubles(&self) -> bool {
        true
    }

    /// Whether it has any use for this, whatever its configuration names: who keeps no incidents hears of none that ended by
    /// a person's word.
    fn has_use_for(&self, notice: &Notice) -> bool {
        !notice.is_resumed()
    }

    /// Whether one message may tell it several things; else each is sent by itself.
    fn takes_several(&self) -> bool {
        true
    }

    /// The same, where its messages can be changed once they are posted.
    fn answered(&self) -> Option<&dyn Answered> {
        None
    }

    /// A question that sends nothing, and whose answer shows whether it would take messages, where there is one.
    fn question(&self) -> Option<Result<Request, Refusal>> {
        None
    }

    /// What the answer to it says.
    fn tried(&self, answer: &Response) -> Tried {
        if answer.status.is_success() { Tried::Works("it answers".to_owned()) } else { probe::refused(answer) }
    }

    /// The request that carries a message. It is pure: the same for the same arguments.
    ///
    /// # Errors
    /// [`Refusal`] where there can be none, as for an address that is no URL.
    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal>;

    /// What ends a message that was sent to try the channel, where it would stay open else.
    fn end_of_trial(&self, _sending: &Sending<'_>) -> Option<Result<Request, Refusal>> {
        None
    }

    /// Whether an answer that takes a message is one of the service, by what that documents. Of one that documents none, each
    /// is; that a body is there is known.
    fn is_its_own(&self, _answer: &Response) -> bool {
        true
    }

    /// What its answer means, where that is not only in the status.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        if self.is_program() { by_program(answer, now) } else { by_status(answer, now) }
    }
}

/// A service whose messages can be changed once they are posted, and can have buttons that people press there.
pub trait Answered: Sync {
    /// Who may press the buttons of its messages, where they have any.
    fn desk(&self) -> Option<DeskOf<'_>>;

    /// Tells its chat from every other that a channel of the same name may have been.
    fn home(&self) -> String;

    /// Where a message was posted, by the answer to it.
    fn posted(&self, answer: &Response) -> Option<Posted>;

    /// What was posted, written anew.
    ///
    /// # Errors
    /// [`Refusal`] where there can be none.
    fn anew(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal>;

    /// A message below what was posted.
    ///
    /// # Errors
    /// [`Refusal`] where there can be none.
    fn follow(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal>;

    /// Whether an answer says that what was posted is gone, or can't be changed any more.
    fn is_out_of_reach(&self, answer: &Response) -> bool;

    /// That a press was heard, where the service shows whoever pressed that it waits for that.
    fn heard(&self, _place: &Place) -> Option<Request> {
        None
    }

    /// Something said to whoever pressed, and to nobody else.
    fn aside(&self, place: &Place, text: &str) -> Option<Request>;

    /// Something said below a message, and by whom it was done.
    fn below(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request>;

    /// The same in the message, in the place of its buttons.
    fn settled(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request>;

    /// A message that asked, without its buttons: what it was about, and what took its place.
    fn retired(&self, posted: &Posted, text: &str) -> Option<Request>;

    /// How the service is told where presses come in, under the address that links begin with.
    fn hook(&self, _base: &Url) -> Option<Request> {
        None
    }
}

/// Who may press the buttons of a channel's messages.
#[derive(Clone, Copy, Debug)]
pub enum DeskOf<'s> {
    /// In Slack.
    Slack(&'s slack::Desk),
    /// In Telegram.
    Telegram(&'s Bot),
}

/// One attempt, and what was answered, if anything was.
pub(super) async fn post(
    service: &dyn Service,
    client: &Client,
    request: Result<Request, Refusal>,
    now: DateTime<Utc>,
) -> (Attempt<Refusal>, Option<Response>) {
    let request = match request {
        Ok(request) => request,
        Err(reason) => return (Attempt::Refused { reason }, None),
    };
    match request.send(client, DEADLINE).await {
        Ok(answer) => (judged(service, &answer, now), Some(answer)),
        Err(error @ OutboundError::Blocked(_)) => (Attempt::Unsent { reason: (&error).into() }, None),
        Err(error) => (Attempt::Retry { at: None, reason: (&error).into() }, None),
    }
}

/// Asks a service whether it would take messages.
pub(super) async fn ask(service: &dyn Service, client: &Client) -> Tried {
    let Some(question) = service.question() else { return Tried::Unseen };
    match question {
        Err(refusal) => Tried::Fails(refusal.ours.to_string()),
        Ok(request) => match request.send(client, ASKED_WITHIN).await {
            Ok(answer) if answer.status.is_success() && is_page(&answer) => {
                Tried::Fails(Undelivered::from(Said::Page).to_string())
            }
            Ok(answer) => service.tried(&answer),
            Err(error) => Tried::Fails(crate::telemetry::chain(&error).to_string()),
        },
    }
}

/// What would be sent, as people read it: of the address only the host, and no header that holds a secret.
pub(super) fn preview(service: &dyn Service, sending: &Sending<'_>) -> String {
    let Request { method, url, body, .. } = match service.request(sending) {
        Ok(request) => request,
        Err(reason) => return format!("it can't be written: {}", reason.ours),
    };
    let host = crate::outbound::written_host(&url);
    let body = serde_json::from_slice::<Value>(&body)
        .map_or_else(|_| String::from_utf8_lossy(&body).into_owned(), |body| format!("{body:#}"));
    let written = format!("{method} {host}\n\n{body}");
    service.secrets().into_iter().fold(written, |written, secret| written.replace(secret, "***"))
}

/// What an answer means, of every kind of channel. 2xx is delivered, unless it is a page; 408, 425 and 5xx may pass; 429 is
/// about the channel for a while. Credentials (401, 403, 407) and the address (3xx, 404, 405, a page) are the channel's: no
/// other message gets through either; 410 is for good. 400 and 413 are about how the message is written, everything else about
/// the message.
pub(super) fn by_status(answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
    let status = answer.status;
    let reason = refusal(Undelivered::Status(status.to_string()), answer);
    match status {
        _ if status.is_success() && is_page(answer) => refused(Said::Page, answer),
        _ if status.is_success() => Attempt::Delivered,
        StatusCode::TOO_MANY_REQUESTS => Attempt::Busy { at: retry_after(&answer.headers, now), reason },
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED => Attempt::Refused { reason },
        _ if status.is_redirection() => Attempt::Refused { reason },
        StatusCode::GONE => Attempt::Gone { reason },
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Attempt::TooRich { reason },
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            Attempt::Retry { at: retry_after(&answer.headers, now), reason }
        }
        _ if status.is_server_error() => Attempt::Retry { at: retry_after(&answer.headers, now), reason },
        _ => Attempt::GaveUp { reason },
    }
}

/// What an answer to a message means. One with which somebody else takes it is none; of a body that was cut nothing is known.
pub(super) fn judged(service: &dyn Service, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
    let attempt = service.judge(answer, now);
    let is_said = attempt == Attempt::Delivered && !answer.body.trim_ascii().is_empty();
    if is_said && !service.is_its_own(answer) && !is_bare(answer) && !is_cut(answer) {
        refused(Said::Foreign, answer)
    } else {
        attempt
    }
}

/// Whether it says yes and no more, as relays in the place of a service do.
fn is_bare(answer: &Response) -> bool {
    let body = answer.body.trim_ascii();
    body == b"{}" || body.eq_ignore_ascii_case(b"ok")
}

/// Whether only the beginning of a body came.
fn is_cut(answer: &Response) -> bool {
    let length = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let is_short = answer.body.len() >= MOST_BYTES || length.is_some_and(|length| answer.body.len() < length);
    is_short || serde_json::from_slice::<Value>(&answer.body).is_err_and(|error| error.is_eof())
}

/// The same of a program, which may answer 404 of what one message is about.
fn by_program(answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
    match by_status(answer, now) {
        Attempt::Refused { reason } if answer.status == StatusCode::NOT_FOUND => Attempt::GaveUp { reason },
        attempt => attempt,
    }
}

/// Whether an answer is a page for people, with which no service takes a message. Its type alone says nothing: Slack's «ok» is
/// of HTML.
fn is_page(answer: &Response) -> bool {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body).trim_ascii_start();
    let begins = |with: &[u8]| body.get(..with.len()).is_some_and(|body| body.eq_ignore_ascii_case(with));
    let kind = answer.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase();
    let is_html = kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml");
    begins(b"<!doctype html") || begins(b"<html") || (is_html && begins(b"<"))
}

fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Some(clamped(RetryAfter::parse(header?, now)?, now))
}

/// A moment that a service asks for: not before a second has passed, and not after an hour, so that nobody parks us.
pub(super) fn clamped(wait: RetryAfter, now: DateTime<Utc>) -> DateTime<Utc> {
    Backoff::seconds(1, 3600, 2).next(1, Some(wait), now, 0.0)
}

/// The same attempt, where the answer says in its body how long to wait, in seconds.
pub(super) fn busy_for(attempt: Attempt<Refusal>, seconds: Option<f64>, now: DateTime<Utc>) -> Attempt<Refusal> {
    let told = seconds.and_then(|seconds| RetryAfter::parse(&seconds.to_string(), now));
    match (attempt, told) {
        (Attempt::Busy { reason, .. }, Some(told)) => Attempt::Busy { at: Some(clamped(told, now)), reason },
        (attempt, _) => attempt,
    }
}

/// What an answer means that is about the channel, whatever its status says.
pub(super) fn refused(ours: impl Into<Undelivered>, answer: &Response) -> Attempt<Refusal> {
    Attempt::Refused { reason: refusal(ours, answer) }
}

/// What we say about an answer, and its own words.
pub(super) fn refusal(ours: impl Into<Undelivered>, answer: &Response) -> Refusal {
    Refusal { ours: ours.into(), theirs: String::from_utf8_lossy(&answer.body).into_owned() }
}

/// The body of an answer, where it is JSON.
pub(super) fn body_of(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Whether a body is this word alone.
pub(super) fn says(answer: &Response, word: &str) -> bool {
    answer.body.trim_ascii() == word.as_bytes()
}

/// A part of a body, null where it is not there.
pub(super) fn at<'v>(body: &'v Value, path: &str) -> &'v Value {
    body.pointer(path).unwrap_or(&Value::Null)
}

/// Adds a field to a body.
pub(super) fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// An address with more in its query. One that is no URL stays as it is, and is refused when it is used.
pub(super) fn with_query(url: &Secret, pairs: &[(&str, &str)]) -> Secret {
    let Ok(mut with) = Url::parse(url.expose()) else { return url.clone() };
    with.query_pairs_mut().extend_pairs(pairs);
    Secret::new(with.into())
}

/// An address under another one.
pub(super) fn under(base: &Url, segments: &[&str]) -> Secret {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    Secret::new(url.into())
}

/// An address, in whose path these take the place of the last so many.
pub(super) fn beside(url: &Secret, last: usize, segments: &[&str]) -> Secret {
    let Ok(mut beside) = Url::parse(url.expose()) else { return url.clone() };
    beside.set_query(None);
    if let Ok(mut path) = beside.path_segments_mut() {
        path.pop_if_empty();
        (0..last).for_each(|_| {
            path.pop();
        });
        path.extend(segments);
    }
    Secret::new(beside.into())
}

/// The parts of an address that are long enough to be keys, as those of Slack's are.
pub(super) fn secrets_of(url: &Secret) -> Vec<&str> {
    let path = url.expose().split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    path.split(['/', '?', '&', '=', '#']).filter(|part| part.len() >= 16).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::super::mattermost::MattermostChannel;
    use super::super::tests::{asking, said};
    use super::*;
    use crate::outbound::{Outbound, Reach};

    /// An answer of this status.
    pub(crate) fn answer(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn answered(status: u16, retry_after: Option<&str>) -> Attempt<Refusal> {
        let header = retry_after.map(|value| ("retry-after", value));
        by_status(&answer(status, "said\n", header.as_slice()), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn statuses_are_judged_by_what_they_are_about() {
        assert_eq!(answered(204, None), Attempt::Delivered);
        for status in [402, 406, 409, 422] {
            assert!(matches!(answered(status, None), Attempt::GaveUp { .. }), "{status}");
        }
        for status in [408, 425, 500, 502, 503, 504] {
            assert!(matches!(answered(status, None), Attempt::Retry { at: None, .. }), "{status}");
        }
        for status in [400, 413] {
            assert!(matches!(answered(status, None), Attempt::TooRich { .. }), "{status}");
        }
        for status in [301, 302, 303, 307, 308, 401, 403, 404, 405, 407] {
            assert!(matches!(answered(status, None), Attempt::Refused { .. }), "{status}");
        }
        assert!(matches!(answered(410, None), Attempt::Gone { .. }));
        assert!(matches!(answered(429, None), Attempt::Busy { at: None, .. }));
    }

    /// What is true of every kind, so that none is forgotten: an address at which nobody takes messages, be it a mistake or a
    /// page to sign in at, is the channel's trouble and loses no message.
    #[test]
    fn whoever_answers_in_the_place_of_a_service_pauses_the_channel_of_any_kind() {
        use super::super::hostile::{answered, services};
        use super::super::webhook::{Format, WebhookChannel, WebhookSecrets};
        let secrets = WebhookSecrets::parse(&format!("whsec_{}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let webhook = WebhookChannel::new(Secret::new("https://example.com/hook".into()), secrets, Format::Standard);
        let kinds: Vec<(&str, Arc<dyn Service>)> = services()
            .into_iter()
            .map(|(name, service, _)| (name, service))
            .chain([("webhook", Arc::new(webhook) as _)])
            .collect();
        let page = "\n<!DOCTYPE html><html><body>404 not found</body></html>";
        for (name, service) in &kinds {
            for (status, body) in [(404, ""), (404, page), (405, ""), (302, ""), (307, page), (401, page), (407, "")] {
                // A program may mean one message by it.
                if (*name, status) != ("webhook", 404) {
                    let attempt = answered(&**service, status, body, &[]);
                    assert!(matches!(attempt, Attempt::Refused { .. }), "{name} {status}: {attempt:?}");
                }
            }
            for (body, headers) in [
                (page, &[][..]),
                (page, &[("content-type", "text/html")]),
                ("<meta><p>", &[("content-type", "Text/HTML; charset=utf-8")]),
            ] {
                let attempt = answered(&**service, 200, body, headers);
                assert!(matches!(attempt, Attempt::Refused { .. }), "{name}: {attempt:?}");
            }
        }
        let slack = &kinds.iter().find(|(name, _)| *name == "slack").unwrap().1;
        assert_eq!(
            answered(&**slack, 200, "ok", &[("content-type", "text/html")]),
            Attempt::Delivered,
            "as it says so"
        );
    }

    /// A program answers what it likes, and 404 of what one message is about.
    #[test]
    fn a_program_is_asked_for_no_more_than_2xx() {
        let judged = |status, body: &str| by_program(&answer(status, body, &[]), DateTime::UNIX_EPOCH);
        assert_eq!((judged(200, "thanks"), judged(202, "")), (Attempt::Delivered, Attempt::Delivered));
        assert!(matches!(judged(404, ""), Attempt::GaveUp { .. }));
        assert!(matches!(judged(302, ""), Attempt::Refused { .. }));
    }

    #[test]
    fn nobody_parks_a_channel() {
        let past = "Thu, 01 Jan 1970 00:00:00 GMT";
        for (value, seconds) in [("5", 5), ("99999999", 3600), ("-1", 1), ("0.3", 1), (past, 1)] {
            let Attempt::Busy { at: Some(at), .. } = answered(429, Some(value)) else { panic!("{value}") };
            assert_eq!((at - DateTime::UNIX_EPOCH).num_seconds(), seconds, "{value}");
        }
        for value in ["nan", "1e400", "soon"] {
            assert!(matches!(answered(429, Some(value)), Attempt::Busy { at: None, .. }), "{value}");
        }
        // Nor does who says it in the body.
        let said = |seconds| {
            let busy = Attempt::Busy { at: None, reason: Refusal::from(Said::SlackBusy) };
            match busy_for(busy, Some(seconds), DateTime::UNIX_EPOCH) {
                Attempt::Busy { at, .. } => at.map(|at| (at - DateTime::UNIX_EPOCH).num_seconds()),
                other => panic!("{other:?}"),
            }
        };
        for (seconds, expected) in [(17.0, 17), (-1.0, 1), (0.0, 1), (0.3, 1), (1e9, 3600), (4e9, 3600)] {
            assert_eq!(said(seconds), Some(expected), "{seconds}");
        }
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN] {
            assert_eq!(said(seconds), None, "{seconds}");
        }
    }

    /// A service that answers these bytes to each request and then holds the connection open; how often it was asked.
    pub(crate) async fn answering(bytes: &'static [u8]) -> (Url, Arc<AtomicUsize>, JoinSet<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        let (asked, count) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let (seen, mut serving) = (Arc::clone(&asked), count);
        serving.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                let mut head = vec![0; 64 * 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(bytes).await;
                open.push(stream);
            }
        });
        (url, asked, serving)
    }

    fn posting(url: &Url) -> MattermostChannel {
        MattermostChannel::new(Secret::new(url.to_string()))
    }

    async fn posted(service: &dyn Service) -> Attempt<Refusal> {
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let (delivery, links) = (&asking(), &Links::default());
        let (message, now) = (&said(delivery, None, None), DateTime::UNIX_EPOCH);
        let sending = Sending { delivery, message, links, notes: None, style: Style::Rich, now };
        post(service, &client, service.request(&sending), now).await.0
    }

    /// Row 17 of the design's table: where clouds keep credentials nothing is sent, whoever named it, and not tried again.
    #[tokio::test]
    async fn what_may_not_be_reached_is_given_up_and_a_redirect_is_not_followed() {
        for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://0/"] {
            let attempt = posted(&posting(&url.parse().unwrap())).await;
            assert!(matches!(attempt, Attempt::Unsent { .. }), "{url}: {attempt:?}");
        }
        let (there, asked, _there) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let moved = format!("HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n");
        let (url, first, _here) = answering(Box::leak(moved.into_bytes().into_boxed_slice())).await;
        assert!(matches!(posted(&posting(&url)).await, Attempt::Refused { .. }));
        assert_eq!((first.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (1, 0));
    }

    /// Row 18 of the design's table: of an answer so much is read, and so long. Whoever said 2xx has the message, and one
    /// who has it is not sent it again.
    #[tokio::test]
    async fn an_answer_without_end_is_judged_by_what_came_within_its_bounds() {
        const HUGE: &[u8] = &{
            let mut bytes = [b'a'; 256 * 1024];
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
            let mut at = 0;
            while at < head.len() {
                bytes[at] = head[at];
                at += 1;
            }
            bytes
        };
        let (url, asked, _serving) = answering(HUGE).await;
        assert_eq!(posted(&posting(&url)).await, Attempt::Delivered);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let sent = async |url: &Url, deadline| {
            Request::json(&Secret::new(url.to_string()), &Value::Null).unwrap().send(&client, deadline).await
        };
        let cut = sent(&url, Duration::from_secs(15)).await.unwrap();
        assert_eq!((cut.status, cut.body.len()), (StatusCode::OK, MOST_BYTES));
        for (answer, status) in [
            (&b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"[..], StatusCode::OK),
            (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 9\r\n\r\n{", StatusCode::SERVICE_UNAVAILABLE),
        ] {
            let (url, _, _serving) = answering(answer).await;
            let dripped = sent(&url, Duration::from_millis(300)).await.unwrap();
            assert_eq!((dripped.status, &dripped.body[..]), (status, &b"{"[..]));
        }
        // Who says nothing took nothing, as far as anybody knows.
        let (url, _, _serving) = answering(b"HTTP/1.1 200 OK\r\n").await;
        let silent = sent(&url, Duration::from_millis(50)).await;
        assert!(matches!(silent, Err(OutboundError::Slow { .. })), "{silent:?}");
        assert_eq!((DEADLINE.as_secs(), MOST_BYTES), (15, 64 * 1024));
    }
}
