//! Discord, by a webhook of one of its channels (discord.com/developers/docs, "Webhook", "Embed Limits", "Component
//! Reference").

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut, cut_as, fitted};
use super::layout::{Layout, Markup, buttons, short, text};
use super::probe::{self, Tried, named};
use super::service::{
    Request, Sending, Service, Style, at, beside, body_of, busy_for, by_status, put, refused, secrets_of, with_query,
};
use crate::domain::release::Room;
use crate::domain::secret::Secret;
use crate::domain::undelivered::Said;
use crate::message::{Fact, Message, Severity};
use crate::outbound::Response;

/// What a message has room for.
const ROOM: Room = Room { alerts: 10, releases: 5, lines: 8, characters: 2400 };
/// All texts of all embeds together, and the longest of each.
const MOST_OF_EMBEDS: usize = 6000;
const MOST_OF_A_TITLE: usize = 256;
const MOST_OF_A_DESCRIPTION: usize = 4096;
const MOST_FIELDS: usize = 25;
const MOST_OF_A_VALUE: usize = 1024;
const MOST_OF_A_FOOTER: usize = 2048;
const MOST_OF_CONTENT: usize = 2000;
/// The longest address behind a button, and its label.
const MOST_OF_A_LINK: usize = 512;
const MOST_OF_A_LABEL: usize = 80;
/// A message whose links are shown without a preview, for which a robot would open them.
const SUPPRESS_EMBEDS: u32 = 4;
/// Discord's number for a webhook that was deleted.
const UNKNOWN_WEBHOOK: u64 = 10015;
/// Its numbers for a place where no message of a webhook is taken: a kind of channel that has none, a thread that was archived
/// or locked, a forum that wants a thread or a tag, and a thread where there is no forum.
const NO_PLACE: [u64; 6] = [50_024, 50_083, 160_005, 220_001, 40_067, 220_003];

/// The channel behind one webhook. Its URL is the secret.
#[derive(Debug)]
pub struct DiscordChannel {
    url: Secret,
}

impl DiscordChannel {
    /// A channel. It waits for the message to be written, as what is only queued gets lost without an error.
    #[must_use]
    pub fn new(url: &Secret) -> Self {
        Self { url: with_query(url, &[("wait", "true"), ("with_components", "true")]) }
    }
}

impl Service for DiscordChannel {
    fn room(&self) -> Room {
        ROOM
    }

    fn address(&self) -> &Secret {
        &self.url
    }

    fn secrets(&self) -> Vec<&str> {
        secrets_of(&self.url)
    }

    fn question(&self) -> Option<Result<Request, Refusal>> {
        Some(Request::get(&beside(&self.url, 0, &[])))
    }

    fn tried(&self, answer: &Response) -> Tried {
        match answer.status.as_u16() {
            200 => Tried::Works(format!("its webhook is {}", named(at(&body_of(answer), "/name")))),
            401 | 404 => {
                Tried::Fails("Discord knows no such webhook: it was removed, or its address is cut off".to_owned())
            }
            _ => probe::refused(answer),
        }
    }

    /// The message, as it is waited for.
    fn is_its_own(&self, answer: &Response) -> bool {
        at(&body_of(answer), "/id").is_string()
    }

    fn request(&self, sending: &Sending<'_>) -> Result<Request, Refusal> {
        let body = match sending.style {
            Style::Rich => fitted(sending.message, message, fits),
            Style::Plain => plain_message(sending.message),
        };
        Request::json(&self.url, &body)
    }

    fn judge(&self, answer: &Response, now: DateTime<Utc>) -> Attempt<Refusal> {
        let body = body_of(answer);
        match by_status(answer, now) {
            busy @ Attempt::Busy { .. } => busy_for(busy, at(&body, "/retry_after").as_f64(), now),
            Attempt::Refused { reason } if at(&body, "/code").as_u64() == Some(UNKNOWN_WEBHOOK) => {
                Attempt::Gone { reason }
            }
            Attempt::TooRich { .. } if has_no_place(&body) => refused(Said::DiscordPlace, answer),
            attempt => attempt,
        }
    }
}

/// Whether a refusal is about the channel or thread that the webhook's address names.
fn has_no_place(body: &Value) -> bool {
    at(body, "/code").as_u64().is_some_and(|code| NO_PLACE.contains(&code)) || at(body, "/errors/thread_id").is_object()
}

fn message(message: &Message) -> Value {
    let escaped = |text: &str| Markup::Markdown.escaped(text);
    let buttons: Vec<Value> = buttons(message)
        .filter(|action| Unit::Utf16.count(&action.url) <= MOST_OF_A_LINK)
        .map(|action| json!({"type": 2, "style": 5, "label": cut(&action.label, Unit::Utf16, MOST_OF_A_LABEL), "url": action.url}))
        .collect();
    let is_on_button = message
        .action
        .as_ref()
        .is_none_or(|action| buttons.iter().any(|button| at(button, "/url") == action.url.as_str()));
    let layout = Layout { markup: Markup::Markdown, facts: false, actions: !is_on_button, sentence: false };
    let hint = message.action.as_ref().filter(|_| is_on_button).map(|action| escaped(&action.hint)).unwrap_or_default();
    let description = format!("{}\n\n{hint}", text(message, layout));
    // What a locked telephone shows.
    let content = cut_as(&message.alone(), Unit::Utf16, MOST_OF_CONTENT, escaped);
    let mut embed = json!({
        "title": cut_as(&message.title, Unit::Utf16, MOST_OF_A_TITLE, escaped),
        "color": color(message.severity),
        "fields": message.facts.iter().take(MOST_FIELDS).map(field).collect::<Vec<_>>(),
        "footer": {"text": cut(&Markup::Plain.escaped(&message.reason), Unit::Utf16, MOST_OF_A_FOOTER)},
    });
    if !description.trim().is_empty() {
        put(&mut embed, "description", json!(description.trim()));
    }
    let mut message = json!({"content": content, "embeds": [embed], "allowed_mentions": {"parse": []}});
    if !buttons.is_empty() {
        put(&mut message, "components", json!([{"type": 1, "components": buttons}]));
    }
    message
}

/// The sentence and the link.
fn plain_message(message: &Message) -> Value {
    let content = short(message, Markup::Markdown, Unit::Utf16, MOST_OF_CONTENT);
    json!({"content": content, "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS})
}

fn field(Fact { label, value, code }: &Fact) -> Value {
    let escaped = |text: &str| Markup::Markdown.escaped(text);
    let code =
        code.as_ref().map(|code| format!("  `{}`", cut(code, Unit::Utf16, 100).replace('`', "'"))).unwrap_or_default();
    let value = cut_as(value, Unit::Utf16, MOST_OF_A_VALUE.saturating_sub(Unit::Utf16.count(&code)), escaped) + &code;
    let value = if value.trim().is_empty() { "–".to_owned() } else { value };
    json!({"name": cut_as(label, Unit::Utf16, MOST_OF_A_TITLE, escaped), "value": value, "inline": true})
}

fn fits(message: &Value) -> bool {
    let embed = at(message, "/embeds/0");
    let count = |text: &Value| text.as_str().map_or(0, |text| Unit::Utf16.count(text));
    let fields = at(embed, "/fields").as_array().into_iter().flatten();
    let fields: usize = fields.map(|field| count(at(field, "/name")) + count(at(field, "/value"))).sum();
    let description = count(at(embed, "/description"));
    let all = count(at(embed, "/title")) + description + fields + count(at(embed, "/footer/text"));
    description <= MOST_OF_A_DESCRIPTION && all <= MOST_OF_EMBEDS
}

fn color(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 0x33_66_CC,
        Severity::Success => 0x2E_8B_57,
        Severity::Warning => 0xE0_8A_00,
        Severity::Failure => 0xC0_39_2B,
    }
}

#[cfg(test)]
mod tests {
    use super::super::hostile::{answered, channel_of, rendered};
    use super::*;

    fn channel() -> DiscordChannel {
        DiscordChannel::new(&Secret::new(
            "https://discord.com/api/webhooks/1/tokenOfSixtyEightCharacters?thread_id=7".into(),
        ))
    }

    #[test]
    fn it_waits_for_what_it_sends_and_keeps_the_thread() {
        let request = rendered(&channel(), Style::Rich);
        assert_eq!(request.url.query(), Some("thread_id=7&wait=true&with_components=true"));
        assert!(channel().secrets().contains(&"tokenOfSixtyEightCharacters"));
    }

    /// Rows 20 and 31 of the design's table.
    #[test]
    fn answers_are_judged() {
        let judged = |status, body: &str| answered(&channel(), status, body, &[]);
        assert_eq!((judged(200, r#"{"id":"1"}"#), judged(204, "")), (Attempt::Delivered, Attempt::Delivered));
        for (seconds, expected) in [("0.3", 1), ("64.57", 64), ("1e9", 3600)] {
            let Attempt::Busy { at: Some(at), .. } = judged(429, &format!(r#"{{"retry_after":{seconds}}}"#)) else {
                panic!("{seconds}")
            };
            assert_eq!((at - DateTime::UNIX_EPOCH).num_seconds(), expected, "{seconds}");
        }
        assert!(matches!(judged(429, "busy"), Attempt::Busy { at: None, .. }));
        assert!(matches!(judged(404, r#"{"code":10015}"#), Attempt::Gone { .. }));
        assert!(matches!(judged(404, "{}"), Attempt::Refused { .. }));
        assert!(matches!(judged(400, "{}"), Attempt::TooRich { .. }));
    }

    /// A forum without a thread, a thread that was closed: no message gets there, however it is written.
    #[test]
    fn a_place_that_takes_no_message_is_the_channels_trouble() {
        let judged = |body: Value| answered(&channel(), 400, &body.to_string(), &[]);
        for code in [50_024, 50_083, 160_005, 220_001, 220_003, 40_067] {
            assert!(matches!(judged(json!({"code": code})), Attempt::Refused { .. }), "{code}");
        }
        let thread = json!({"code": 50_035, "errors": {"thread_id": {"_errors": [{"code": "NUMBER_TYPE_COERCE"}]}}});
        assert!(matches!(judged(thread), Attempt::Refused { .. }));
        let form = json!({"code": 50_035, "errors": {"embeds": {"0": {"title": {"_errors": []}}}}});
        assert!(matches!(judged(form), Attempt::TooRich { .. }));
    }

    #[test]
    fn a_link_that_no_button_takes_is_in_the_text() {
        let mut long = channel_of("web");
        let link = format!("https://iw.example.com/{}", "a".repeat(500));
        long.action.as_mut().unwrap().url.clone_from(&link);
        long.release = None;
        let message = message(&long);
        assert!(message["embeds"][0]["description"].as_str().unwrap().contains(&link));
        assert!(message.get("components").is_none());
    }
}
