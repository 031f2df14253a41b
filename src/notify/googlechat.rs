//! Google Chat, by a webhook of a space (developers.google.com/workspace/chat, "Build an app as a webhook", "Cards v2",
//! "Usage limits").

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, buttons, short, text};
use super::service::{Request, Sending, Service, Style, at, body_of, by_status, put, refused, secrets_of, with_query};
use crate::domain::event::Told;
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::Message;
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 20, releases: 10, lines: 12, characters: 6000 };
/// The space takes 32,000 bytes, and 4,096 characters where there is no card.
const MOST_OF_A_MESSAGE: usize = 24_000;
const MOST_OF_A_TEXT: usize = 4096;

/// The space behind one webhook. Its URL, with key and token, is the secret.
#[derive(Debug)]
pub struct GoogleChatChannel {
    url: Secret,
}

impl GoogleChatChannel {
    /// A channel.
    #[must_use]
    pub fn new(url: &Secret) -> Self {
        Self { url: with_query(url, &[("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")]) }
    }
}

impl Service for GoogleChatChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    /// What is told of an update stands in one thread.
    /// The message, by its name.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/name").as_str().is_some_and(|name| name.starts_with("spaces/"))
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let mut body = match sending.style {
            Style::Rich => fitted(sending.message, message, |body| body.to_string().len() <= MOST_OF_A_MESSAGE),
            Style::Plain => json!({"text": short(sending.message, Markup::Plain, Unit::Utf16, MOST_OF_A_TEXT)}),
        };
        if let Told::One(notice) = &sending.delivery.told {
            put(&mut body, "thread", json!({"threadKey": notice.update_id()}));
        }
        Request::json(&self.url, &body)
    }

    /// A key that is wrong or was revoked is answered with 400, as if it were about the message.
    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        match by_status(answer, now) {
            Attempt::TooRich { .. } if is_about_the_key(&body_of(answer)) => refused(Said::GoogleKey, answer),
            attempt => attempt,
        }
    }
}

/// Whether an error is about the key of the webhook's address (google.rpc.ErrorInfo), or says so alone.
fn is_about_the_key(body: &Value) -> bool {
    let mut details = at(body, "/error/details").as_array().into_iter().flatten();
    let message = at(body, "/error/message").as_str().unwrap_or_default();
    details.any(|detail| *at(detail, "/reason") == "API_KEY_INVALID") || message.starts_with("API key not valid")
}

fn message(message: &Message) -> Value {
    let layout = Layout { actions: false, ..Layout::whole(Markup::Card) };
    let mut widgets = vec![json!({"textParagraph": {"text": text(message, layout)}})];
    let button = |action: &crate::message::Action| json!({"text": cut(&action.label, Unit::Utf16, 80), "onClick": {"openLink": {"url": action.url}}});
    let buttons: Vec<Value> = buttons(message).map(button).collect();
    if !buttons.is_empty() {
        widgets.push(json!({"buttonList": {"buttons": buttons}}));
    }
    let hint = message.action.as_ref().map(|action| Markup::Card.escaped(&action.hint)).unwrap_or_default();
    if !hint.is_empty() {
        widgets.push(json!({"textParagraph": {"text": hint}}));
    }
    json!({
        "fallbackText": cut(&Markup::Plain.escaped(&message.alone()), Unit::Characters, 1000),
        "cardsV2": [{"cardId": "update", "card": {
            "header": {"title": cut(&Markup::Plain.escaped(&message.title), Unit::Utf16, 200)},
            "sections": [{"widgets": widgets}],
        }}],
    })
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    #[test]
    fn an_update_has_a_thread() {
        let url = Secret::new("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t".into());
        let channel = GoogleChatChannel::new(&url);
        let request = rendered(&channel, Style::Rich);
        assert!(request.url.query().unwrap().starts_with("key=k&token=t&messageReplyOption=REPLY"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(body["thread"]["threadKey"].as_str().unwrap().starts_with("upd_"));
        assert!(matches!(answered(&channel, 404, "", &[]), Attempt::Refused { .. }));
        assert!(matches!(answered(&channel, 429, "", &[]), Attempt::Busy { .. }));
    }

    /// Fault r28-8: of a key that is wrong or was revoked Google says 400, as of a message.
    #[test]
    fn a_key_that_is_none_is_the_channels_trouble() {
        let channel = GoogleChatChannel::new(&Secret::new("https://chat.googleapis.com/v1/spaces/A/messages".into()));
        let judged = |error: Value| answered(&channel, 400, &json!({"error": error}).to_string(), &[]);
        let reason = |reason: &str| {
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason});
            json!({"code": 400, "status": "INVALID_ARGUMENT", "details": [{"@type": "other"}, info]})
        };
        let bare = json!({"code": 400, "message": "API key not valid. Please pass a valid API key."});
        for key in [reason("API_KEY_INVALID"), bare] {
            assert!(matches!(judged(key.clone()), Attempt::Refused { .. }), "{key}");
        }
        for message in
            [reason("FIELD_INVALID"), json!({"code": 400, "message": "Message cannot be empty."}), json!(null)]
        {
            assert!(matches!(judged(message.clone()), Attempt::TooRich { .. }), "{message}");
        }
    }
}
