//! Google Chat, by a webhook of a space (developers.google.com/workspace/chat, "Build an app as a webhook", "Cards v2",
//! "Usage limits").

use serde_json::{Value, json};

use super::attempt::Refusal;
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, buttons, short, text};
use super::service::{Request, Sending, Service, Style, at, body_of, put, secrets_of, with_query};
use crate::domain::event::Told;
use crate::domain::release::Room;
use crate::domain::secret::Secret;
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
        "fallbackText": cut(&Markup::Plain.escaped(&message.sentence), Unit::Characters, 1000),
        "cardsV2": [{"cardId": "update", "card": {
            "header": {"title": cut(&Markup::Plain.escaped(&message.title), Unit::Utf16, 200)},
            "sections": [{"widgets": widgets}],
        }}],
    })
}

#[cfg(test)]
mod tests {
    use super::super::Attempt;
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
}
