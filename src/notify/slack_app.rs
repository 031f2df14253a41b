//! Slack, by an app that is in the channel (docs.slack.dev, "chat.postMessage"). It answers with status 200 whatever
//! happened: what it says counts.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut};
use super::service::{Answered, Request, Sending, Service, at, body_of, by_status, put, refusal, refused, under};
use super::slack::{ROOM, body};
use crate::domain::approval::Allows;
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::slack::{Button, Desk, Place};
use crate::domain::tag::Level;
use crate::outbound::Response;

/// Of a message with buttons, in bytes: Slack refuses one of some 13,200, and documents no number.
const MOST_WITH_BUTTONS: usize = 13_000;
/// What no rewriting of a message and no patience mends.
const REFUSALS: [&str; 14] = [
    "account_inactive",
    "access_denied",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_auth",
    "is_archived",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "restricted_action",
    "token_expired",
    "token_revoked",
];
/// What is about how a message is written.
const TOO_RICH: [&str; 7] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "cannot_parse_attachment",
];
/// What passes.
const PASSING: [&str; 4] = ["fatal_error", "internal_error", "request_timeout", "service_unavailable"];

/// A channel that an app writes to.
#[derive(Debug)]
pub struct SlackApp {
    url: Secret,
    token: Secret,
    channel: String,
    api: Url,
    desk: Option<Desk>,
}

impl SlackApp {
    /// A channel: the API, a bot's token, and the channel's id or name.
    #[must_use]
    pub fn new(api: &Url, token: Secret, channel: String) -> Self {
        Self { url: under(api, &["chat.postMessage"]), token, channel, api: api.clone(), desk: None }
    }

    /// The same, whose messages have buttons that these people may press.
    #[must_use]
    pub fn answered_at(self, desk: Desk) -> Self {
        Self { desk: Some(desk), ..self }
    }

    fn call(&self, url: &Secret, body: &Value) -> Result<Request, Refusal> {
        Request::json(url, body)?.bearer(&self.token)
    }

    /// The buttons of a message that asks, beside its link. What takes one more gesture can be done behind the link alone.
    fn buttons(&self, sending: &Sending<'_>) -> Option<Vec<Value>> {
        self.desk.as_ref().filter(|desk| !desk.users.is_empty())?;
        let [notice] = sending.delivery.notices() else { return None };
        let asks = notice.asks() && notice.approval.as_ref()?.allows == Allows::Update;
        let button = Button::of(sending.links.whole.as_ref().filter(|_| asks)?.rsplit('/').next()?)?;
        let approve = (notice.level != Level::Major.as_str()).then(|| approve(&sending.message.sentence, &button));
        let others = [element("iw.skip", SKIP, &button), element("iw.snooze", SNOOZE, &button)];
        Some(approve.into_iter().chain(others).collect())
    }
}

const APPROVE: &str = "Approve";
const SKIP: &str = "Skip this version";
const SNOOZE: &str = "Ask again in 7 days";

fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": text})
}

fn element(id: &str, label: &str, button: &Button) -> Value {
    json!({"type": "button", "action_id": id, "text": plain_text(label), "value": button.value()})
}

/// Slack asks once more before it is pressed.
fn approve(sentence: &str, button: &Button) -> Value {
    let mut element = element("iw.approve", APPROVE, button);
    put(&mut element, "style", json!("primary"));
    let confirm = json!({
        "title": plain_text("Approve this update?"),
        "text": plain_text(&cut(sentence, Unit::Utf16, 300)),
        "confirm": plain_text(APPROVE),
        "deny": plain_text("Cancel"),
    });
    put(&mut element, "confirm", confirm);
    element
}

/// Adds buttons beside the link of a message, where it has room for them.
fn with_buttons(body: &Value, buttons: Vec<Value>) -> Option<Value> {
    let mut body = body.clone();
    let blocks = body.get_mut("blocks")?.as_array_mut()?;
    let actions = blocks.iter_mut().find(|block| *at(block, "/type") == "actions")?;
    actions.get_mut("elements")?.as_array_mut()?.extend(buttons);
    Some(body).filter(|body| body.to_string().len() <= MOST_WITH_BUTTONS)
}

impl Answered for SlackApp {
    fn desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    fn is_at(&self, url: &Url) -> bool {
        self.api.origin().is_tuple() && self.api.origin() == url.origin()
    }

    fn below(&self, place: &Place, text: &str) -> Option<Request> {
        let body = json!({"channel": place.channel, "thread_ts": place.message, "text": text, "unfurl_links": false, "unfurl_media": false});
        self.call(&self.url, &body).ok()
    }

    fn update(&self, place: &Place, blocks: &Value, text: &str) -> Option<Request> {
        let body = json!({"channel": place.channel, "ts": place.message, "text": text, "blocks": blocks});
        self.call(&under(&self.api, &["chat.update"]), &body).ok()
    }
}

impl Service for SlackApp {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        vec![self.token.expose()]
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let body = body(sending);
        let buttons = self.buttons(sending);
        let mut body = buttons.and_then(|buttons| with_buttons(&body, buttons)).unwrap_or(body);
        put(&mut body, "channel", json!(self.channel));
        self.call(&self.url, &body)
    }

    fn answered(&self) -> Option<&dyn Answered> {
        Some(self)
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        if !answer.status.is_success() {
            return by_status(answer, now);
        }
        let body: Value = body_of(answer);
        if *at(&body, "/ok") == true {
            return Attempt::Delivered;
        }
        let reason = |ours: &str| refusal(ours, answer);
        match at(&body, "/error").as_str() {
            None => Attempt::Retry { at: None, reason: reason("status 200, and no answer of Slack's API") },
            Some("ratelimited" | "rate_limited" | "message_limit_exceeded") => {
                Attempt::Busy { at: None, reason: reason("Slack is busy") }
            }
            Some(error) if REFUSALS.contains(&error) => refused(&format!("Slack refuses the app: {error}"), answer),
            Some(error) if TOO_RICH.contains(&error) => {
                Attempt::TooRich { reason: reason("Slack refuses the message") }
            }
            Some(error) if PASSING.contains(&error) => Attempt::Retry { at: None, reason: reason("Slack failed") },
            Some(_) => Attempt::GaveUp { reason: reason("Slack refuses the message") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::super::service::Style;
    use super::super::tests::{asking, said};
    use super::*;
    use crate::message::Links;

    fn channel() -> SlackApp {
        let api = "https://slack.com/api".parse().unwrap();
        SlackApp::new(&api, Secret::new("xoxb-1-token".into()), "C0123456789".into())
    }

    /// Row 24 of the design's table.
    #[test]
    fn what_it_says_counts_and_not_its_status() {
        let judged = |body: &str| answered(&channel(), 200, body, &[]);
        let failed = |error: &str| judged(&json!({"ok": false, "error": error}).to_string());
        assert_eq!(judged(r#"{"ok":true,"ts":"1.2"}"#), Attempt::Delivered);
        assert!(matches!(failed("ratelimited"), Attempt::Busy { .. }));
        for error in ["invalid_auth", "token_revoked", "account_inactive", "not_in_channel", "channel_not_found"] {
            assert!(matches!(failed(error), Attempt::Refused { .. }), "{error}");
        }
        for error in ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"] {
            assert!(matches!(failed(error), Attempt::TooRich { .. }), "{error}");
        }
        assert!(matches!(failed("internal_error"), Attempt::Retry { .. }));
        assert!(matches!(failed("something_new"), Attempt::GaveUp { .. }));
        for html in ["<html>", "", "ok", "null", "[]"] {
            assert!(matches!(judged(html), Attempt::Retry { .. }), "{html:?}");
        }
        let busy = answered(&channel(), 429, "", &[("retry-after", "30")]);
        assert!(matches!(busy, Attempt::Busy { at: Some(_), .. }));
    }

    const TOKEN: &str = "v1.0a1b2c3d.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn desk(users: &[&str]) -> Desk {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        Desk { app: "A1".into(), team: "T1".into(), channel: "C0123456789".into(), users }
    }

    /// The ids of the buttons of a message, and the whole of it.
    fn buttons_of(app: &SlackApp, level: &str, links: &Links) -> (Vec<String>, Value) {
        let mut delivery = asking();
        level.clone_into(&mut delivery.notices_mut()[0].level);
        let message = said(&delivery, links.whole.as_deref(), None);
        let now = DateTime::UNIX_EPOCH;
        let (style, notes) = (Style::Rich, None);
        let sending = Sending { delivery: &delivery, message: &message, links, notes, style, now };
        let body: Value = serde_json::from_slice(&app.request(&sending).unwrap().body).unwrap();
        let blocks = body["blocks"].as_array().unwrap().iter();
        let elements = blocks.filter(|block| block["type"] == "actions");
        let elements = elements.flat_map(|block| block["elements"].as_array().unwrap());
        let ids = elements.filter_map(|element| Some(element["action_id"].as_str()?.to_owned()));
        (ids.collect(), body.clone())
    }

    #[test]
    fn who_may_press_has_buttons_that_hold_no_token() {
        let links = Links::one(Some(&format!("https://iw.example.com/a/{TOKEN}")));
        let app = channel().answered_at(desk(&["U1"]));
        let (ids, body) = buttons_of(&app, "minor", &links);
        assert_eq!(ids, ["iw.approve", "iw.skip", "iw.snooze"]);
        assert_eq!(super::super::published::slack(&body), Ok(()), "{body:#}");
        assert_eq!(body.to_string().matches(TOKEN).count(), 1, "the link alone has it");
        let value = body.to_string().matches(&Button::of(TOKEN).unwrap().value()).count();
        assert_eq!((value, body.to_string().matches("confirm").count() > 0), (3, true));
        assert_eq!(buttons_of(&app, "major", &links).0, ["iw.skip", "iw.snooze"], "that takes one more gesture");
        assert!(buttons_of(&app, "minor", &Links::default()).0.is_empty(), "there is nothing to find it by");
        for nobody in [channel(), channel().answered_at(desk(&[]))] {
            assert!(buttons_of(&nobody, "minor", &links).0.is_empty());
        }
    }

    #[test]
    fn the_token_is_in_a_header() {
        let request = rendered(&channel(), Style::Rich);
        assert_eq!(request.url.as_str(), "https://slack.com/api/chat.postMessage");
        assert!(request.headers["authorization"].is_sensitive());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["channel"], "C0123456789");
        assert_eq!(body["unfurl_links"], false);
    }
}
