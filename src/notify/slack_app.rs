//! Slack, by an app that is in the channel (docs.slack.dev, "chat.postMessage"). It answers with status 200 whatever
//! happened: what it says counts.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut};
use super::probe::{self, Tried, named};
use super::service::{
    Answered, DeskOf, Request, Sending, Service, Style, at, body_of, by_status, put, refusal, refused, under,
};
use super::slack::{ROOM, body, escaped, marked, plain_message};
use super::slack_reply::{aside, line, settled};
use crate::domain::actor::Actor;
use crate::domain::answer::Action;
use crate::domain::event::{Notice, NoticeKind};
use crate::domain::press::{Button, Place, Posted};
use crate::domain::release::{Language, Room};
use crate::domain::secret::Secret;
use crate::domain::slack::Desk;
use crate::domain::undelivered::{Said, Undelivered};
use crate::message::chat;
use crate::outbound::Response;

/// Of a message with buttons, in bytes: Slack refuses one of some 13,200, and documents no number.
const MOST_WITH_BUTTONS: usize = 13_000;
/// What no rewriting of a message and no patience mends.
const REFUSALS: [&str; 22] = [
    "access_denied",
    "accesslimited",
    "account_inactive",
    "as_user_not_supported",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "is_archived",
    "messages_tab_disabled",
    "method_deprecated",
    "missing_scope",
    "no_permission",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "team_access_not_granted",
    "team_not_found",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
    "user_not_found",
];
/// With what the words begin for a channel in which not everybody may post, or not everywhere.
const RESTRICTED: &str = "restricted_action";
/// What is about how a message is written.
const TOO_RICH: [&str; 11] = [
    "attachment_payload_limit_exceeded",
    "block_mismatch",
    "cannot_parse_attachment",
    "invalid_arguments",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
];
/// What passes.
const PASSING: [&str; 7] = [
    "external_channel_migrating",
    "fatal_error",
    "internal_error",
    "org_login_required",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
];

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

    fn update(&self, posted: &Posted, mut body: Value) -> Result<Request, Refusal> {
        put(&mut body, "channel", json!(posted.channel));
        put(&mut body, "ts", json!(posted.message));
        self.call(&under(&self.api, &["chat.update"]), &body)
    }

    fn reply(&self, posted: &Posted, mut body: Value) -> Result<Request, Refusal> {
        put(&mut body, "channel", json!(posted.channel));
        put(&mut body, "thread_ts", json!(posted.message));
        self.call(&self.url, &body)
    }

    /// Whether an address is at its own server.
    fn is_at(&self, url: &Url) -> bool {
        self.api.origin().is_tuple() && self.api.origin() == url.origin()
    }

    /// A message with the buttons that it has.
    fn whole(&self, sending: &Sending<'_>) -> Value {
        let body = body(sending);
        let buttons = self.buttons(sending);
        buttons.and_then(|buttons| with_buttons(&body, buttons)).unwrap_or(body)
    }

    /// The buttons of a message that asks, beside its link.
    fn buttons(&self, sending: &Sending<'_>) -> Option<Vec<Value>> {
        self.desk.as_ref().filter(|desk| desk.users.as_ref().is_none_or(|users| !users.is_empty()))?;
        let (actions, button) = sending.buttons()?;
        let labels = chat::buttons_of(sending.message.language);
        let element = |action| match action {
            Action::Approve => Some(approve(&sending.message.sentence, &button, labels)),
            action => Some(element(action, labels.of(action)?, &button)),
        };
        Some(actions.into_iter().filter_map(element).collect())
    }
}

fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": text})
}

fn element(action: Action, label: &str, button: &Button) -> Value {
    let id = format!("iw.{}", action.as_str());
    json!({"type": "button", "action_id": id, "text": plain_text(label), "value": button.value()})
}

/// Slack asks once more before it is pressed.
fn approve(sentence: &str, button: &Button, labels: chat::Buttons) -> Value {
    let mut element = element(Action::Approve, labels.approve, button);
    put(&mut element, "style", json!("primary"));
    let confirm = json!({
        "title": plain_text(labels.sure),
        "text": plain_text(&cut(sentence, Unit::Utf16, 300)),
        "confirm": plain_text(labels.approve),
        "deny": plain_text(labels.cancel),
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

/// What was posted is gone, or too old to be changed, or was written by another hand; or nothing may stand below it.
const OUT_OF_REACH: [&str; 10] = [
    "cant_update_message",
    "channel_not_found",
    "edit_window_closed",
    "is_inactive",
    "message_not_found",
    "thread_not_found",
    "update_failed",
    "cannot_reply_to_message",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
];

impl Answered for SlackApp {
    fn desk(&self) -> Option<DeskOf<'_>> {
        self.desk.as_ref().map(DeskOf::Slack)
    }

    fn home(&self) -> String {
        self.channel.clone()
    }

    fn posted(&self, answer: &Response) -> Option<Posted> {
        let body = body_of(answer);
        let word = |path| at(&body, path).as_str().filter(|word| !word.is_empty()).map(str::to_owned);
        Some(Posted { channel: word("/channel")?, message: word("/ts")? })
    }

    fn anew(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal> {
        let mut body = self.whole(sending);
        if sending.style == Style::Plain {
            // Else those of before would stay, and their buttons.
            put(&mut body, "blocks", json!([]));
        }
        self.update(posted, body)
    }

    /// What is urgent is whole, and shown in the channel too: whoever does not follow the thread has to see it.
    fn follow(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal> {
        let is_urgent = sending.delivery.notices().iter().any(Notice::is_urgent);
        let asks = sending.delivery.notices().iter().any(|notice| notice.kind == NoticeKind::Available);
        let mut body = if is_urgent { body(sending) } else { plain_message(sending.message) };
        if is_urgent || asks {
            put(&mut body, "reply_broadcast", json!(true));
        }
        self.reply(posted, body)
    }

    fn is_out_of_reach(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/error").as_str().is_some_and(|error| OUT_OF_REACH.contains(&error))
    }

    fn aside(&self, place: &Place, text: &str) -> Option<Request> {
        aside(place, text, |url| self.is_at(url))
    }

    fn below(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request> {
        let text = line(text, by, language);
        self.reply(&place.posted, json!({"text": text, "unfurl_links": false, "unfurl_media": false})).ok()
    }

    fn settled(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request> {
        let text = line(text, by, language);
        let blocks = settled(place, &text);
        self.update(&place.posted, json!({"text": text, "blocks": blocks})).ok()
    }

    fn retired(&self, posted: &Posted, text: &str) -> Option<Request> {
        let text = escaped(text, 2000);
        self.update(posted, json!({"text": text, "blocks": [marked(&text)]})).ok()
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
        let mut body = self.whole(sending);
        put(&mut body, "channel", json!(self.channel));
        self.call(&self.url, &body)
    }

    fn answered(&self) -> Option<&dyn Answered> {
        Some(self)
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        Some(self.call(&under(&self.api, &["auth.test"]), &json!({})))
    }

    fn tried(&self, answer: &Response) -> Tried {
        let body = body_of(answer);
        match at(&body, "/error").as_str() {
            _ if !answer.status.is_success() => probe::refused(answer),
            _ if *at(&body, "/ok") == true => {
                Tried::Works(format!("its app is {} in {}", named(at(&body, "/user")), named(at(&body, "/team"))))
            }
            Some(_) => Tried::Fails(format!("Slack refuses the app: {}", named(at(&body, "/error")))),
            None => Tried::Fails("its answer is none of Slack's API".to_owned()),
        }
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let by_status = by_status(answer, now);
        if by_status != Attempt::Delivered {
            return by_status;
        }
        let body: Value = body_of(answer);
        if *at(&body, "/ok") == true {
            return Attempt::Delivered;
        }
        let reason = |ours: Said| refusal(ours, answer);
        match at(&body, "/error").as_str() {
            None => Attempt::Retry { at: None, reason: reason(Said::SlackForeign) },
            Some("ratelimited" | "rate_limited" | "message_limit_exceeded") => {
                Attempt::Busy { at: None, reason: reason(Said::SlackBusy) }
            }
            Some(error) if REFUSALS.contains(&error) || error.starts_with(RESTRICTED) => {
                refused(Undelivered::SlackApp(error.to_owned()), answer)
            }
            Some(error) if TOO_RICH.contains(&error) => Attempt::TooRich { reason: reason(Said::SlackMessage) },
            Some(error) if PASSING.contains(&error) => Attempt::Retry { at: None, reason: reason(Said::SlackFailed) },
            // A word that Slack did not have when this was written: nobody knows what it is about, or whether it passes.
            Some(_) => Attempt::Later { reason: reason(Said::SlackMessage) },
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
        for error in [
            "invalid_auth",
            "token_revoked",
            "account_inactive",
            "not_in_channel",
            "channel_not_found",
            // Fault r28-7: an administrator lets only some people post, or nobody, or everybody in threads alone.
            "restricted_action",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "restricted_action_of_tomorrow",
            "as_user_not_supported",
            "accesslimited",
            "enterprise_is_restricted",
            "messages_tab_disabled",
            "team_access_not_granted",
            "team_not_found",
            "two_factor_setup_required",
        ] {
            assert!(matches!(failed(error), Attempt::Refused { .. }), "{error}");
        }
        for error in
            ["invalid_blocks", "msg_too_long", "msg_blocks_too_long", "invalid_arguments", "too_many_attachments"]
        {
            assert!(matches!(failed(error), Attempt::TooRich { .. }), "{error}");
        }
        for error in ["internal_error", "org_login_required", "team_added_to_org", "external_channel_migrating"] {
            assert!(matches!(failed(error), Attempt::Retry { .. }), "{error}");
        }
        assert!(matches!(failed("something_new"), Attempt::Later { .. }), "it may pass");
        for error in REFUSALS {
            assert!(matches!(failed(error), Attempt::Refused { .. }), "{error}");
        }
        for error in TOO_RICH {
            assert!(matches!(failed(error), Attempt::TooRich { .. }), "{error}");
        }
        for error in PASSING {
            assert!(matches!(failed(error), Attempt::Retry { .. }), "{error}");
        }
        for other in
            ["", "ok", "null", "[]", r#"{"ok":false}"#, r#"{"ok":"true"}"#, r#"{"ok":false,"error":7}"#, r#"{"ok":1}"#]
        {
            assert!(matches!(judged(other), Attempt::Retry { .. }), "{other:?}");
        }
        for page in ["<!DOCTYPE html><title>ok</title>", "<html>{\"ok\":true}</html>"] {
            assert!(matches!(judged(page), Attempt::Refused { .. }), "somebody else answers: {page}");
        }
        let busy = answered(&channel(), 429, "", &[("retry-after", "30")]);
        assert!(matches!(busy, Attempt::Busy { at: Some(_), .. }));
    }

    /// Where threads were turned off, or one was locked, what follows is a message of its own.
    #[test]
    fn what_can_not_be_said_below_a_message_is_said_anew() {
        for (error, expected) in [
            ("message_not_found", true),
            ("restricted_action_non_threadable_channel", true),
            ("restricted_action_thread_locked", true),
            ("restricted_action_read_only_channel", false),
            ("restricted_action_thread_only_channel", false),
        ] {
            let answer = json!({"ok": false, "error": error}).to_string();
            let answer = super::super::service::tests::answer(200, &answer, &[]);
            assert_eq!(channel().is_out_of_reach(&answer), expected, "{error}");
        }
    }

    use crate::domain::press::tests::TOKEN;

    fn desk(users: &[&str]) -> Desk {
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        let (app, team) = (Some("A1".into()), Some("T1".into()));
        Desk { app, team, channel: "C0123456789".into(), users: Some(users), people: std::collections::BTreeMap::new() }
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

    /// A question among others is answered behind its link, which says what has become of it by then.
    #[test]
    fn what_tells_several_things_has_no_button_that_could_lie() {
        let links = Links { whole: Some(format!("https://iw.example.com/a/{TOKEN}")), each: vec![None, None] };
        let mut delivery = asking();
        let notices = vec![delivery.notices()[0].clone(), delivery.notices()[0].clone()];
        delivery.told = crate::domain::event::Told::Several { id: "col_1".into(), notices };
        let message = super::super::tests::said_by(&delivery, links.clone(), None, None);
        let (delivery, links, now) = (&delivery, &links, DateTime::UNIX_EPOCH);
        let sending = Sending { delivery, message: &message, links, notes: None, style: Style::Rich, now };
        let request = channel().answered_at(desk(&["U1"])).request(&sending).unwrap();
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.contains("/a/v1.") && !body.contains("iw.approve") && !body.contains("confirm"), "{body}");
    }

    #[test]
    fn a_message_that_is_retired_has_words_alone() {
        let posted = Posted { channel: "C1".into(), message: "1.2".into() };
        let request = channel().answered_at(desk(&["U1"])).retired(&posted, "<web>\n1.4.0 took its place.").unwrap();
        assert_eq!(request.url.path(), "/api/chat.update");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["channel"], &body["ts"]), (&json!("C1"), &json!("1.2")));
        assert_eq!(body["blocks"].as_array().unwrap().len(), 1, "{body}");
        assert_eq!(body["blocks"][0]["text"]["text"], "&lt;web&gt;\n1.4.0 took its place.");
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
