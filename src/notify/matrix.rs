//! Matrix, by an account that is in the room (spec.matrix.org, "Sending events to a room", "Size limits"). Rooms without
//! encryption only.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, fitted};
use super::layout::{Layout, Markup, short, text};
use super::probe::{self, Tried};
use super::service::{Request, Sending, Service, Style, at, body_of, busy_for, by_status, put, under};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::message::Message;
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 20, releases: 10, lines: 12, characters: 6000 };
/// An event has 65,536 bytes at most, with what servers add to it.
const MOST_OF_AN_EVENT: usize = 32_000;

/// A room of a homeserver.
#[derive(Debug)]
pub struct MatrixChannel {
    base: Url,
    address: Secret,
    token: Secret,
    room: String,
}

impl MatrixChannel {
    /// A channel: the homeserver, an account's access token, and the room's id.
    #[must_use]
    pub fn new(base: Url, token: Secret, room: String) -> Self {
        Self { address: Secret::new(base.as_str().to_owned()), base, token, room }
    }
}

impl Service for MatrixChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.address
    }

    fn secrets(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        let url = under(&self.base, &["_matrix", "client", "v3", "joined_rooms"]);
        Some(Request::get(&url).and_then(|request| request.bearer(&self.token)))
    }

    fn tried(&self, answer: &Response) -> Tried {
        let body = body_of(answer);
        let is_there = at(&body, "/joined_rooms").as_array().into_iter().flatten().any(|room| *room == *self.room);
        match answer.status.as_u16() {
            200 if is_there => Tried::Works("its account is in the room".to_owned()),
            200 => Tried::Fails("its account is not in the room: invite it, and let it join".to_owned()),
            401 | 403 => Tried::Fails("the server refuses the token".to_owned()),
            _ => probe::refused(answer),
        }
    }

    /// The server takes a transaction once: so a repetition of a message is none.
    /// The event, by its id.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/event_id").is_string()
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let id = sending.delivery.id();
        let (content, transaction) = match sending.style {
            Style::Rich => (fitted(sending.message, message, |event| event.to_string().len() <= MOST_OF_AN_EVENT), id),
            Style::Plain => {
                (content(&short(sending.message, Markup::Plain, Unit::Bytes, MOST_OF_AN_EVENT / 2)), id + ".plain")
            }
        };
        let path = ["_matrix", "client", "v3", "rooms", &self.room, "send", "m.room.message", &transaction];
        let request = Request::json(&under(&self.base, &path), &content)?;
        let request = request.bearer(&self.token)?;
        Ok(Request { method: reqwest::Method::PUT, ..request })
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let body = body_of(answer);
        match by_status(answer, now) {
            busy @ Attempt::Busy { at: None, .. } => {
                busy_for(busy, at(&body, "/retry_after_ms").as_f64().map(|wait| wait / 1000.0), now)
            }
            attempt => attempt,
        }
    }
}

/// Of people nobody is mentioned, whatever the text says.
fn content(body: &str) -> Value {
    json!({"msgtype": "m.notice", "body": body, "m.mentions": {}})
}

fn message(message: &Message) -> Value {
    let title = |markup: Markup| markup.escaped(&message.title);
    let plain = text(message, Layout::whole(Markup::Plain));
    let mut content = content(&format!("{}\n\n{plain}", title(Markup::Plain)));
    let html = text(message, Layout::whole(Markup::Html));
    put(&mut content, "format", json!("org.matrix.custom.html"));
    put(&mut content, "formatted_body", json!(format!("<h4>{}</h4>{html}", title(Markup::Html))));
    content
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    fn channel() -> MatrixChannel {
        let base = "https://matrix.example.com/base/".parse().unwrap();
        MatrixChannel::new(base, Secret::new("syt_token".into()), "!room/x:example.com".into())
    }

    #[test]
    fn a_repetition_is_the_same_transaction() {
        let request = rendered(&channel(), Style::Rich);
        let path = request.url.path().to_owned();
        let begin = "/base/_matrix/client/v3/rooms/!room%2Fx:example.com/send/m.room.message/msg_";
        assert!(path.starts_with(begin), "{path}");
        assert_eq!(
            (request.method, path.clone()),
            (reqwest::Method::PUT, rendered(&channel(), Style::Rich).url.path().into())
        );
        assert_eq!(request.headers["authorization"], "Bearer syt_token");
        assert!(request.headers["authorization"].is_sensitive());
        assert_eq!(rendered(&channel(), Style::Plain).url.path(), format!("{path}.plain"), "else it would be the same");
    }

    #[test]
    fn answers_are_judged() {
        let judged = |status, body: &str| answered(&channel(), status, body, &[]);
        assert_eq!(judged(200, r#"{"event_id":"$1"}"#), Attempt::Delivered);
        let Attempt::Busy { at: Some(at), .. } = judged(429, r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":7500}"#)
        else {
            panic!("busy")
        };
        assert_eq!((at - DateTime::UNIX_EPOCH).num_seconds(), 7);
        for (status, code) in
            [(401, "M_UNKNOWN_TOKEN"), (403, "M_FORBIDDEN"), (404, "M_NOT_FOUND"), (404, "M_UNRECOGNIZED")]
        {
            let judged = judged(status, &json!({"errcode": code}).to_string());
            assert!(matches!(judged, Attempt::Refused { .. }), "{code}");
        }
        assert!(matches!(judged(413, r#"{"errcode":"M_TOO_LARGE"}"#), Attempt::TooRich { .. }));
    }
}
