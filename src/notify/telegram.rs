//! Telegram, by a bot (core.telegram.org/bots/api, "sendMessage", "HTML style", "Response parameters").

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, fitted};
use super::layout::{Layout, Markup, buttons, short, text};
use super::probe::{self, Tried, named};
use super::service::{
    Answered, Request, Sending, Service, Style, at, body_of, busy_for, by_status, put, refused, under,
};
use super::telegram_bot::Bot;
use crate::domain::answer::Action;
use crate::domain::release::Room;
use crate::domain::secret::Secret;
pub use crate::domain::telegram::Chat;
use crate::domain::telegram::Desk;
use crate::domain::undelivered::{Said, Undelivered};
use crate::message::{Message, chat};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 10, releases: 5, lines: 8, characters: 2000 };
/// The longest text once its markup is read, and how many pieces of markup are read in it.
pub(super) const MOST_OF_A_TEXT: usize = 4096;
const MOST_ENTITIES: usize = 100;
/// The longest label of a button that is shown whole.
const MOST_OF_A_LABEL: usize = 60;
/// What is said with 400 of a chat or a topic that the bot does not reach, or where it may not write: no rewriting of a message
/// changes it.
const UNREACHED: [&str; 15] = [
    "channel_private",
    "chat not found",
    "chat_admin_required",
    "chat_id is empty",
    "chat_restricted",
    "chat_send_",
    "chat_write_forbidden",
    "group chat was deactivated",
    "need administrator rights",
    "no rights to send",
    "not enough rights",
    "peer_id_invalid",
    "thread not found",
    "topic_closed",
    "topic_deleted",
];

/// A chat that a bot writes to.
#[derive(Debug)]
pub struct TelegramChannel {
    /// Holds the token, as Telegram wants it.
    url: Secret,
    api: Url,
    token: Secret,
    chat: Chat,
    /// A topic of a forum.
    thread: Option<i64>,
    /// Where the chat went: a group that grows gets another number.
    moved: Arc<OnceLock<i64>>,
    pub(super) bot: Option<Bot>,
}

impl TelegramChannel {
    /// A channel: a bot's token and a chat, and there a topic.
    #[must_use]
    pub fn new(api: &Url, token: Secret, chat: Chat, thread: Option<i64>) -> Self {
        let url = method(api, &token, "sendMessage");
        Self { url, api: api.clone(), token, chat, thread, moved: Arc::default(), bot: None }
    }

    /// The same, whose messages have buttons that these people may press.
    #[must_use]
    pub fn answered_by(self, desk: Desk) -> Self {
        let bot = Bot::new(&self.token, desk, self.chat.clone(), Arc::clone(&self.moved));
        Self { bot: Some(bot), ..self }
    }

    /// The address of a method of the bot.
    pub(super) fn method(&self, name: &str) -> Secret {
        method(&self.api, &self.token, name)
    }

    /// The chat, as it is configured.
    pub(super) fn chat(&self) -> String {
        match &self.chat {
            Chat::Number(number) => number.to_string(),
            Chat::Name(name) => name.clone(),
        }
    }

    /// A message as it is written to the chat.
    pub(super) fn body(&self, sending: &Sending<'_>) -> Value {
        let mut body = match sending.style {
            Style::Rich => fitted(sending.message, message, fits),
            Style::Plain => plain(sending.message),
        };
        self.add_buttons(&mut body, sending);
        // A robot that shows a preview would open the link.
        put(&mut body, "link_preview_options", json!({"is_disabled": true}));
        body
    }

    /// Those that answer stand in a row of their own each, below the link.
    fn add_buttons(&self, body: &mut Value, sending: &Sending<'_>) {
        let Some((actions, button)) = self.bot.as_ref().and_then(|_| sending.buttons()) else { return };
        let labels = chat::buttons_of(sending.message.language);
        let row = |action: Action| {
            let (label, data) = labels.of(action).zip(button.data(action))?;
            Some(json!([{"text": label, "callback_data": data}]))
        };
        let shown = at(body, "/reply_markup/inline_keyboard").as_array().cloned().unwrap_or_default();
        let rows: Vec<Value> = shown.into_iter().chain(actions.into_iter().filter_map(row)).collect();
        put(body, "reply_markup", json!({"inline_keyboard": rows}));
    }

    /// Writes to this number from now on, as the chat got it. What stands in the old one says so as often as it is edited.
    fn goes_to(&self, there: i64, reason: Refusal) -> Attempt<Refusal> {
        if self.moved.set(there).is_ok() {
            tracing::warn!(
                chat = self.chat(),
                number = there,
                "the chat of Telegram has another number, which is used until the next start: set it in the configuration"
            );
        }
        let is_followed = self.moved.get() == Some(&there);
        let reason = Refusal { ours: Undelivered::TelegramMoved(there, is_followed), ..reason };
        if is_followed { Attempt::Retry { at: None, reason } } else { Attempt::Refused { reason } }
    }

    pub(super) fn addressed(&self, mut message: Value) -> Value {
        let chat = match (self.moved.get(), &self.chat) {
            (Some(number), _) | (None, Chat::Number(number)) => json!(number),
            (None, Chat::Name(name)) => json!(name),
        };
        put(&mut message, "chat_id", chat);
        if let Some(thread) = self.thread {
            put(&mut message, "message_thread_id", json!(thread));
        }
        message
    }
}

/// The sentence and the link, as text.
pub(super) fn plain(message: &Message) -> Value {
    json!({"text": short(message, Markup::Plain, Unit::Utf16, MOST_OF_A_TEXT)})
}

/// The address of a method of a bot, which holds its token.
fn method(api: &Url, token: &Secret, name: &str) -> Secret {
    let bot = Secret::new(format!("bot{}", token.expose()));
    under(api, &[bot.expose(), name])
}

impl Service for TelegramChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        let token = self.token.expose();
        [Some(token), token.split_once(':').map(|(_, key)| key)].into_iter().flatten().collect()
    }

    /// `ok`, and the message.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/ok").is_boolean()
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        Request::json(&self.url, &self.addressed(self.body(sending)))
    }

    fn answered(&self) -> Option<&dyn Answered> {
        Some(self)
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        let method = if self.bot.is_some() { "getWebhookInfo" } else { "getMe" };
        Some(Request::json(&self.method(method), &json!({})))
    }

    fn tried(&self, answer: &Response) -> Tried {
        let body = body_of(answer);
        match at(&body, "/result") {
            _ if matches!(answer.status.as_u16(), 401 | 404) => {
                Tried::Fails("Telegram knows no bot of this token".to_owned())
            }
            _ if !answer.status.is_success() => probe::refused(answer),
            me if self.bot.is_none() => Tried::Works(format!("its bot is @{}", named(at(me, "/username")))),
            hook if at(hook, "/url").as_str().unwrap_or_default().is_empty() => Tried::Fails(
                "its bot is there, and presses of buttons do not come in: image-watcher tells Telegram where at its start, with BASE_URL"
                    .to_owned(),
            ),
            hook if at(hook, "/last_error_message").is_string() && at(hook, "/pending_update_count").as_u64() > Some(0) => {
                let told = named(at(hook, "/last_error_message"));
                Tried::Fails(format!("its bot is there, and presses of buttons do not come in: {told}"))
            }
            _ => Tried::Works("its bot is there, and presses of buttons come in".to_owned()),
        }
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let body = body_of(answer);
        let told = at(&body, "/description").as_str().unwrap_or_default().to_lowercase();
        match by_status(answer, now) {
            busy @ Attempt::Busy { .. } => busy_for(busy, at(&body, "/parameters/retry_after").as_f64(), now),
            Attempt::TooRich { reason } => match at(&body, "/parameters/migrate_to_chat_id").as_i64() {
                Some(there) => self.goes_to(there, reason),
                None if told.contains("message is not modified") => Attempt::Delivered,
                None if UNREACHED.iter().any(|words| told.contains(words)) => refused(Said::TelegramChat, answer),
                None => Attempt::TooRich { reason },
            },
            attempt => attempt,
        }
    }
}

fn message(message: &Message) -> Value {
    let layout = Layout { actions: false, ..Layout::whole(Markup::Telegram) };
    let title = Markup::Telegram.escaped(&cut(&message.title, Unit::Utf16, 256));
    let hint = message.action.as_ref().map(|action| Markup::Telegram.escaped(&cut(&action.hint, Unit::Utf16, 300)));
    let hint = hint.filter(|hint| !hint.is_empty()).map(|hint| format!("\n\n{hint}")).unwrap_or_default();
    let text = format!("<b>{title}</b>\n\n{}{hint}", text(message, layout));
    let button = |action: &crate::message::Action| json!([{"text": cut(&action.label, Unit::Utf16, MOST_OF_A_LABEL), "url": action.url}]);
    let buttons: Vec<Value> = buttons(message).map(button).collect();
    let mut message = json!({"text": text, "parse_mode": "HTML"});
    if !buttons.is_empty() {
        put(&mut message, "reply_markup", json!({"inline_keyboard": buttons}));
    }
    message
}

/// Telegram counts what is left once the markup is read.
fn fits(message: &Value) -> bool {
    let text = at(message, "/text").as_str().unwrap_or_default();
    let (mut shown, mut tags, mut is_tag, mut is_entity) = (0, 0, false, false);
    for c in text.chars() {
        match c {
            '<' => (is_tag, tags) = (true, tags + 1),
            '>' => is_tag = false,
            _ if is_tag => {}
            '&' => (is_entity, shown) = (true, shown + 1),
            ';' if is_entity => is_entity = false,
            _ if is_entity => {}
            _ => shown += c.len_utf16(),
        }
    }
    shown <= MOST_OF_A_TEXT && tags / 2 <= MOST_ENTITIES
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, rendered};
    use super::*;

    const TOKEN: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn channel() -> TelegramChannel {
        let api = "https://api.telegram.org".parse().unwrap();
        TelegramChannel::new(&api, Secret::new(TOKEN.into()), Chat::Number(-42), Some(7))
    }

    fn chat(channel: &TelegramChannel) -> Value {
        let body: Value = serde_json::from_slice(&rendered(channel, Style::Rich).body).unwrap();
        body["chat_id"].clone()
    }

    #[test]
    fn the_token_is_in_the_address_and_nowhere_else() {
        let request = rendered(&channel(), Style::Rich);
        assert_eq!(request.url.as_str(), format!("https://api.telegram.org/bot{TOKEN}/sendMessage"));
        let body = String::from_utf8(request.body).unwrap();
        assert!(!body.contains("AAAAAAAAAAAA") && !format!("{:?}", channel()).contains("AAAAAAAAAAAA"));
        let echo = format!(r#"{{"description":"no bot {TOKEN}"}}"#);
        let told = answered(&channel(), 401, &echo, &[]).redacted(&channel().secrets());
        assert!(!format!("{told:?}").contains("AAAAAAAAAAAA"), "{told:?}");
        assert_eq!(channel().secrets(), [TOKEN, &TOKEN[7..]]);
    }

    /// Row 30 of the design's table: 4096 units after parsing, and one more.
    #[test]
    fn what_counts_is_what_is_shown() {
        let of = |text: String| fits(&json!({"text": text}));
        assert!(of(format!("<b>{}</b>&lt;🚀", "a".repeat(4093))));
        assert!(!of(format!("<b>{}</b>&lt;🚀", "a".repeat(4094))));
        assert!(of("<b>a</b>".repeat(100)) && !of("<b>a</b>".repeat(101)));
    }

    #[test]
    fn answers_are_judged() {
        let judged = |status, body: &str| answered(&channel(), status, body, &[]);
        assert_eq!(judged(200, r#"{"ok":true}"#), Attempt::Delivered);
        let Attempt::Busy { at: Some(at), .. } = judged(429, r#"{"parameters":{"retry_after":17}}"#) else {
            panic!("busy")
        };
        assert_eq!((at - DateTime::UNIX_EPOCH).num_seconds(), 17);
        for (status, told) in
            [(400, "Bad Request: chat not found"), (403, "Forbidden: bot was kicked"), (404, "Not Found"), (401, "")]
        {
            let judged = judged(status, &json!({"description": told}).to_string());
            assert!(matches!(judged, Attempt::Refused { .. }), "{status} {told}");
        }
        let markup = judged(400, r#"{"description":"Bad Request: can't parse entities"}"#);
        assert!(matches!(markup, Attempt::TooRich { .. }));
        for told in [
            "Bad Request: not enough rights to send text messages to the chat",
            "Bad Request: have no rights to send a message",
            "Bad Request: need administrator rights in the channel chat",
            "Bad Request: CHAT_WRITE_FORBIDDEN",
            "Bad Request: CHAT_RESTRICTED",
            "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN",
            "Bad Request: TOPIC_CLOSED",
            "Bad Request: TOPIC_DELETED",
            "Bad Request: message thread not found",
            "Bad Request: PEER_ID_INVALID",
            "Bad Request: group chat was deactivated",
        ] {
            let judged = judged(400, &json!({"description": told}).to_string());
            assert!(matches!(judged, Attempt::Refused { .. }), "{told}");
        }
    }

    #[test]
    fn a_group_that_got_another_number_is_followed() {
        let (log, channel) = (crate::telemetry::tests::Log::begin(), channel());
        assert_eq!(chat(&channel), -42);
        let moved = r#"{"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-100123}}"#;
        assert!(matches!(answered(&channel, 400, moved, &[]), Attempt::Retry { .. }));
        assert_eq!(chat(&channel), -100_123);
        // What stands in the old chat says so as often as it is edited; of a third one nobody ever heard.
        assert!(matches!(answered(&channel, 400, moved, &[]), Attempt::Retry { .. }));
        let third = r#"{"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-100456}}"#;
        assert!(matches!(answered(&channel, 400, third, &[]), Attempt::Refused { .. }), "no circle");
        assert_eq!(chat(&channel), -100_123);
        let lines = log.lines();
        assert!(
            lines.len() == 1 && lines[0].contains("-100123"),
            "an edit that is refused is no line itself: {lines:?}"
        );
    }
}
