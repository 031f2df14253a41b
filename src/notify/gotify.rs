//! Gotify, by an application of its server (gotify.net/api-docs, "message").

use serde_json::{Value, json};
use url::Url;

use super::attempt::Refusal;
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, is_web, short, text};
use super::probe::{self, Tried};
use super::service::{Request, Sending, Service, Style, at, beside, body_of, put, under};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::message::{Message, Severity};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 10, releases: 5, lines: 8, characters: 2400 };
/// Gotify documents no limit; a phone shows no more.
const MOST_OF_A_MESSAGE: usize = 16_000;

/// An application of a server.
#[derive(Debug)]
pub struct GotifyChannel {
    url: Secret,
    token: Secret,
}

impl GotifyChannel {
    /// A channel: the server, and an application's token.
    #[must_use]
    pub fn new(server: &Url, token: Secret) -> Self {
        Self { url: under(server, &["message"]), token }
    }
}

impl Service for GotifyChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        Some(Request::get(&beside(&self.url, 1, &["health"])))
    }

    fn tried(&self, answer: &Response) -> Tried {
        if answer.status.is_success() {
            Tried::Answers("the server is healthy; whether it takes the token shows with a message".to_owned())
        } else {
            probe::refused(answer)
        }
    }

    /// The token is in a header, as URLs are logged.
    /// The message, by its number.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/id").is_number()
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let body = match sending.style {
            Style::Rich => fitted(sending.message, message, |body| body.to_string().len() <= MOST_OF_A_MESSAGE),
            Style::Plain => json!({"message": short(sending.message, Markup::Plain, Unit::Bytes, 4000)}),
        };
        Request::json(&self.url, &body)?.header("x-gotify-key", self.token.expose())
    }
}

fn message(message: &Message) -> Value {
    let priority = match message.severity {
        Severity::Info => 5,
        Severity::Success => 3,
        Severity::Warning => 6,
        Severity::Failure => 8,
    };
    let mut extras = json!({"client::display": {"contentType": "text/markdown"}});
    if let Some(action) = message.action.as_ref().filter(|action| is_web(&action.url)) {
        put(&mut extras, "client::notification", json!({"click": {"url": action.url}}));
    }
    json!({
        "title": cut(&Markup::Plain.escaped(&message.title), Unit::Utf16, 256),
        "message": text(message, Layout::whole(Markup::Markdown)),
        "priority": priority,
        "extras": extras,
    })
}

#[cfg(test)]
mod tests {
    use super::super::hostile::rendered;
    use super::*;

    #[test]
    fn the_token_is_in_a_header() {
        let server: Url = "https://push.example.com/gotify/".parse().unwrap();
        let request = rendered(&GotifyChannel::new(&server, Secret::new("AppToken".into())), Style::Rich);
        assert_eq!(request.url.as_str(), "https://push.example.com/gotify/message");
        assert_eq!(request.headers["x-gotify-key"], "AppToken");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains(body["extras"]["client::notification"]["click"]["url"].as_str().unwrap())
        );
    }
}
