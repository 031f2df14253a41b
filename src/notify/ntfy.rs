//! ntfy, ntfy.sh or a server of one's own (docs.ntfy.sh, "Publish as JSON", "Limitations").

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, buttons, is_web, short, text};
use super::probe::{self, Tried};
use super::service::{Request, Sending, Service, Style, at, beside, body_of, by_status, put, refused};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{Message, Severity};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 5, releases: 2, lines: 6, characters: 1200 };
/// What is longer, in bytes, becomes an attachment; and the whole request, as the server reads twice as much.
const MOST_OF_A_MESSAGE: usize = 4096;
const MOST_OF_A_REQUEST: usize = 8192;
/// The longest title that is shown.
const MOST_OF_A_TITLE: usize = 200;
const MOST_ACTIONS: usize = 3;
/// Its numbers for a topic that is none, and for one whose name the server keeps for itself.
const NO_TOPIC: [u64; 2] = [40_009, 40_010];

/// A topic. Whoever knows its name can read it, unless its server asks for a token.
#[derive(Debug)]
pub struct NtfyChannel {
    url: Secret,
    topic: String,
    token: Option<Secret>,
}

impl NtfyChannel {
    /// A channel.
    #[must_use]
    pub fn new(server: &Url, topic: String, token: Option<Secret>) -> Self {
        Self { url: Secret::new(server.as_str().to_owned()), topic, token }
    }
}

impl Service for NtfyChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        self.token.iter().map(Secret::expose).chain([self.topic.as_str()]).collect()
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        let request = Request::get(&beside(&self.url, 0, &["v1", "account"]));
        Some(match &self.token {
            Some(token) => request.and_then(|request| request.bearer(token)),
            None => request,
        })
    }

    fn tried(&self, answer: &Response) -> Tried {
        match answer.status.as_u16() {
            200 if self.token.is_some() => Tried::Answers(
                "the server takes the token; whether it may write to the topic shows when it does".to_owned(),
            ),
            200 => {
                Tried::Answers("the server answers; whether the topic may be written to shows when it is".to_owned())
            }
            401 | 403 => Tried::Fails("the server refuses the token".to_owned()),
            _ => probe::refused(answer),
        }
    }

    /// The message.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/id").is_string()
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let mut body = match sending.style {
            Style::Rich => fitted(sending.message, message, fits),
            Style::Plain => {
                json!({"message": short(sending.message, Markup::Plain, Unit::Bytes, MOST_OF_A_MESSAGE / 2)})
            }
        };
        put(&mut body, "topic", json!(self.topic));
        let request = Request::json(&self.url, &body)?;
        match &self.token {
            Some(token) => request.bearer(token),
            None => Ok(request),
        }
    }

    /// A topic that it does not take is answered with 400, as if it were about the message.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let code = at(&body_of(answer), "/code").as_u64();
        match by_status(answer, now) {
            Attempt::TooRich { .. } if code.is_some_and(|code| NO_TOPIC.contains(&code)) => {
                refused(Said::NtfyTopic, answer)
            }
            attempt => attempt,
        }
    }
}

/// The link opens the page; ntfy's `http` action would act at once, for whoever reads the topic.
fn message(message: &Message) -> Value {
    let layout = Layout { actions: false, ..Layout::whole(Markup::Plain) };
    let view = |action: &crate::message::Action| json!({"action": "view", "label": cut(&action.label, Unit::Bytes, 60), "url": action.url});
    let (priority, tag) = urgency(message.severity);
    let mut body = json!({
        "title": cut(&Markup::Plain.escaped(&message.title), Unit::Bytes, MOST_OF_A_TITLE),
        "message": text(message, layout),
        "priority": priority,
        "tags": [tag],
        "actions": buttons(message).take(MOST_ACTIONS).map(view).collect::<Vec<_>>(),
    });
    if let Some(action) = message.action.as_ref().filter(|action| is_web(&action.url)) {
        put(&mut body, "click", json!(action.url));
    }
    body
}

fn fits(body: &Value) -> bool {
    let message = at(body, "/message").as_str().map_or(0, str::len);
    // The topic is added to it.
    message <= MOST_OF_A_MESSAGE && body.to_string().len() + 100 <= MOST_OF_A_REQUEST
}

/// From 1 to 5, and the emoji before the title.
fn urgency(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (3, "package"),
        Severity::Success => (2, "white_check_mark"),
        Severity::Warning => (4, "warning"),
        Severity::Failure => (5, "rotating_light"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    /// A server may keep names of topics for itself.
    #[test]
    fn a_topic_that_is_not_allowed_is_the_channels_trouble() {
        let server: Url = "https://ntfy.example.com".parse().unwrap();
        let judged = |code: u32| {
            let body = json!({"code": code, "http": 400, "error": "invalid request"}).to_string();
            answered(&NtfyChannel::new(&server, "docs".into(), None), 400, &body, &[])
        };
        for (code, is_refused) in [(40_009, true), (40_010, true), (40_017, false)] {
            assert_eq!(matches!(judged(code), Attempt::Refused { .. }), is_refused, "{code}");
        }
    }

    #[test]
    fn a_token_is_sent_where_there_is_one() {
        let server: Url = "https://ntfy.example.com".parse().unwrap();
        let channel = |token| NtfyChannel::new(&server, "iw-ops".into(), token);
        let request = rendered(&channel(Some(Secret::new("tk_1".into()))), Style::Rich);
        assert_eq!(request.headers["authorization"], "Bearer tk_1");
        assert_eq!(request.url.as_str(), "https://ntfy.example.com/");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["topic"], &body["click"]), (&json!("iw-ops"), &body["actions"][0]["url"]));
        assert!(rendered(&channel(None), Style::Rich).headers.get("authorization").is_none());
    }
}
