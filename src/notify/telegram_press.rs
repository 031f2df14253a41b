//! Buttons in Telegram: how it is told where presses come in, and how it shows what came of one
//! (core.telegram.org/bots/api: `setWebhook`, `CallbackQuery`, `editMessageText`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::attempt::{Attempt, Refusal};
use super::budget::{Unit, cut};
use super::service::{Answered, DeskOf, Request, Sending, Service, at, body_of, put, under};
use super::telegram::{MOST_OF_A_TEXT, TelegramChannel, plain};
use crate::ambient::Ambient;
use crate::domain::actor::Actor;
use crate::domain::event::Notice;
use crate::domain::press::{Place, Posted};
use crate::domain::release::Language;
use crate::domain::retry::Backoff;
use crate::message::chat;
use crate::outbound::{Client, Response};
use crate::stop::Stop;
use crate::telemetry::chain;

const DEADLINE: Duration = Duration::from_secs(10);
/// The longest text that whoever pressed is shown.
const MOST_OF_AN_ASIDE: usize = 200;
/// Under which path presses come in.
const PATH: [&str; 2] = ["telegram", "actions"];

impl TelegramChannel {
    fn call(&self, method: &str, body: &Value) -> Option<Request> {
        Request::json(&self.method(method), body).ok()
    }
}

/// A message in a chat, as its methods name it.
fn of(posted: &Posted, mut body: Value) -> Value {
    put(&mut body, "chat_id", number_or_name(&posted.channel));
    put(&mut body, "message_id", number_or_name(&posted.message));
    body
}

fn number_or_name(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

/// Below a message, which may be gone.
fn reply_to(posted: &Posted, body: &mut Value) {
    let message = number_or_name(&posted.message);
    put(body, "reply_parameters", json!({"message_id": message, "allow_sending_without_reply": true}));
    put(body, "chat_id", number_or_name(&posted.channel));
}

fn line(text: &str, by: &Actor, language: Language) -> String {
    chat::by(language, text, &chat::actor(language, by))
}

impl Answered for TelegramChannel {
    fn desk(&self) -> Option<DeskOf<'_>> {
        self.bot.as_ref().map(DeskOf::Telegram)
    }

    fn home(&self) -> String {
        self.chat()
    }

    fn posted(&self, answer: &Response) -> Option<Posted> {
        let body = body_of(answer);
        let number = |path| at(&body, path).as_i64().map(|number| number.to_string());
        Some(Posted { channel: number("/result/chat/id")?, message: number("/result/message_id")? })
    }

    fn anew(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal> {
        Request::json(&self.method("editMessageText"), &of(posted, self.body(sending)))
    }

    fn follow(&self, sending: &Sending<'_>, posted: &Posted) -> Result<Request, Refusal> {
        let is_urgent = sending.delivery.notices().iter().any(Notice::is_urgent);
        let mut body = if is_urgent { self.body(sending) } else { plain(sending.message) };
        put(&mut body, "link_preview_options", json!({"is_disabled": true}));
        let mut body = self.addressed(body);
        reply_to(posted, &mut body);
        Request::json(self.address(), &body)
    }

    fn is_out_of_reach(&self, answer: &Response) -> bool {
        let body = body_of(answer);
        let told = at(&body, "/description").as_str().unwrap_or_default().to_lowercase();
        // A group that got another number left its messages behind.
        at(&body, "/parameters/migrate_to_chat_id").is_number()
            || [
                "message to edit not found",
                "message can't be edited",
                "message_id_invalid",
                "upgraded to a supergroup",
            ]
            .iter()
            .any(|words| told.contains(words))
    }

    fn heard(&self, place: &Place) -> Option<Request> {
        self.call("answerCallbackQuery", &json!({"callback_query_id": place.aside}))
    }

    fn aside(&self, place: &Place, text: &str) -> Option<Request> {
        let text = cut(text, Unit::Utf16, MOST_OF_AN_ASIDE);
        self.call("answerCallbackQuery", &json!({"callback_query_id": place.aside, "text": text, "show_alert": true}))
    }

    fn below(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request> {
        let text = cut(&line(text, by, language), Unit::Utf16, MOST_OF_A_TEXT);
        let mut body = self.addressed(json!({"text": text, "link_preview_options": {"is_disabled": true}}));
        reply_to(&place.posted, &mut body);
        self.call("sendMessage", &body)
    }

    /// What it shows keeps its markup, which Telegram says beside the text.
    fn settled(&self, place: &Place, text: &str, by: &Actor, language: Language) -> Option<Request> {
        let shown = at(&place.shown, "/text").as_str().unwrap_or_default();
        let text = format!("{shown}\n\n{}", line(text, by, language));
        if shown.is_empty() || text.encode_utf16().count() > MOST_OF_A_TEXT {
            let none = json!({"reply_markup": {"inline_keyboard": []}});
            return self.call("editMessageReplyMarkup", &of(&place.posted, none));
        }
        let mut body = json!({"text": text, "link_preview_options": {"is_disabled": true}});
        if let Some(entities) = at(&place.shown, "/entities").as_array() {
            put(&mut body, "entities", json!(entities));
        }
        self.call("editMessageText", &of(&place.posted, body))
    }

    /// A keyboard that is not named goes.
    fn retired(&self, posted: &Posted, text: &str) -> Option<Request> {
        let text = cut(text, Unit::Utf16, MOST_OF_A_TEXT);
        let body = json!({"text": text, "link_preview_options": {"is_disabled": true}});
        self.call("editMessageText", &of(posted, body))
    }

    fn hook(&self, base: &Url) -> Option<Request> {
        let bot = self.bot.as_ref()?;
        let body = json!({
            "url": under(base, &PATH).expose(), "secret_token": bot.secret().expose(),
            "allowed_updates": ["callback_query"], "max_connections": 4,
        });
        self.call("setWebhook", &body)
    }
}

/// Tells a service where presses come in, until it has heard it; and again at each start, as somebody may have told it
/// otherwise meanwhile.
pub async fn keep_hooking(
    (channel, service): (String, Arc<dyn Service>),
    client: Client,
    base: Url,
    ambient: Ambient,
    mut stop: Stop,
) {
    let backoff = Backoff::seconds(5, 3600, 3);
    for attempt in 1.. {
        let Some(request) = service.answered().and_then(|app| app.hook(&base)) else { break };
        let now = ambient.now();
        let reason = match request.send(&client, DEADLINE).await {
            Ok(answer) => match service.judge(&answer, now) {
                Attempt::Delivered => {
                    tracing::info!(channel, "presses of buttons come in here");
                    break;
                }
                other => format!("{:?}", other.redacted(&service.secrets())),
            },
            Err(error) => chain(&error).to_string(),
        };
        tracing::warn!(
            channel,
            reason,
            "the service can't be told where presses of buttons come in; it is tried again"
        );
        let wait = (backoff.next(attempt, None, now, ambient.jitter()) - now).to_std().unwrap_or_default();
        tokio::select! {
            () = stop.raised() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
    stop.raised().await;
}

#[cfg(test)]
mod tests {
    use super::super::hostile::answered;
    use super::super::published;
    use super::super::service::Style;
    use super::super::tests::{asking, said};
    use super::*;
    use crate::domain::answer::Action;
    use crate::domain::press::{Button, tests::TOKEN};
    use crate::domain::telegram::{Chat, Desk, NotAllowed, Presser};
    use crate::message::Links;

    use crate::domain::secret::Secret;

    const BOT: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn channel() -> TelegramChannel {
        let api = "https://api.telegram.org".parse().unwrap();
        let channel = TelegramChannel::new(&api, Secret::new(BOT.into()), Chat::Number(-42), Some(7));
        channel.answered_by(Desk { users: vec![7], people: std::collections::BTreeMap::new() })
    }

    fn bodies(level: &str, language: &'static str, style: Style) -> [Value; 3] {
        let (mut delivery, link) = (asking(), format!("https://iw.example.com/a/{TOKEN}"));
        level.clone_into(&mut delivery.notices_mut()[0].level);
        let (mut message, links) = (said(&delivery, Some(&link), None), Links::one(Some(&link)));
        message.language = language;
        let now = chrono::DateTime::UNIX_EPOCH;
        let sending = Sending { delivery: &delivery, message: &message, links: &links, notes: None, style, now };
        let posted = Posted { channel: "-42".into(), message: "9".into() };
        [channel().request(&sending), channel().anew(&sending, &posted), channel().follow(&sending, &posted)]
            .map(|request| serde_json::from_slice(&request.unwrap().body).unwrap())
    }

    fn presses(body: &Value) -> Vec<(String, Action)> {
        let rows = body["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten().filter_map(Value::as_array);
        let buttons =
            rows.flatten().filter_map(|button| Some((button["text"].as_str()?, button["callback_data"].as_str()?)));
        let read = |(text, data): (&str, &str)| {
            assert!(data.len() <= 64 && !data.contains("AAAAAA"), "{data}");
            let (action, button) = Button::parse_data(data).unwrap();
            assert!(button.is_beside(TOKEN));
            (text.to_owned(), action)
        };
        buttons.map(read).collect()
    }

    #[test]
    fn who_may_press_has_buttons_that_hold_no_token() {
        for style in [Style::Rich, Style::Plain] {
            let [asked, anew, follow] = bodies("minor", "en", style);
            let labels = [
                ("Approve", Action::Approve),
                ("Skip this version", Action::Skip),
                ("Ask again in 7 days", Action::Snooze),
            ];
            assert_eq!(presses(&asked), labels.map(|(label, action)| (label.to_owned(), action)));
            assert_eq!(presses(&anew), presses(&asked));
            assert_eq!(published::telegram(&asked), Ok(()), "{asked:#}");
            assert!(presses(&follow).is_empty() && follow["reply_parameters"]["message_id"] == 9, "{follow}");
            assert_eq!((&anew["chat_id"], &anew["message_id"]), (&json!(-42), &json!(9)));
        }
        let french: Vec<String> = presses(&bodies("minor", "fr", Style::Rich)[0]).into_iter().map(|it| it.0).collect();
        assert_eq!(french, ["Approuver", "Ignorer cette version", "Redemander dans 7 jours"]);
        let major: Vec<Action> = presses(&bodies("major", "en", Style::Rich)[0]).into_iter().map(|it| it.1).collect();
        assert_eq!(major, [Action::Skip, Action::Snooze], "that takes one more gesture");
    }

    /// What Telegram calls them: of a method that it does not know it says 404, as of a bot that it does not know.
    #[test]
    fn methods_have_their_names() {
        let (delivery, message) = (asking(), said(&asking(), None, None));
        let (links, notes, style, now) = (Links::default(), None, Style::Rich, chrono::DateTime::UNIX_EPOCH);
        let sending = Sending { delivery: &delivery, message: &message, links: &links, notes, style, now };
        let posted = Posted { channel: "-42".into(), message: "9".into() };
        let method = |request: Request| request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
        let of = [channel().request(&sending), channel().anew(&sending, &posted), channel().follow(&sending, &posted)];
        assert_eq!(of.map(|request| method(request.unwrap())), ["sendMessage", "editMessageText", "sendMessage"]);
    }

    #[test]
    fn what_was_decided_takes_the_place_of_the_buttons() {
        let posted = Posted { channel: "-42".into(), message: "9".into() };
        let shown = json!({"text": "Update <b>", "entities": [{"type": "bold", "offset": 0, "length": 6}]});
        let place = Place { posted: posted.clone(), shown, aside: "q1".into() };
        let by = Actor::Telegram("7".into());
        let body = |request: Option<Request>| -> (String, Value) {
            let request = request.unwrap();
            let method = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
            (method, serde_json::from_slice(&request.body).unwrap())
        };
        let (method, settled) = body(channel().settled(&place, "Approuvé", &by, Language::French));
        assert_eq!(
            (method.as_str(), &settled["text"]),
            ("editMessageText", &json!("Update <b>\n\nApprouvé, par 7 (Telegram)"))
        );
        assert!(
            settled["entities"][0]["type"] == "bold"
                && settled["reply_markup"].is_null()
                && settled["parse_mode"].is_null()
        );
        let (method, retired) = body(channel().retired(&posted, "1.3.0\n1.4.0 took its place."));
        assert_eq!((method.as_str(), &retired["message_id"]), ("editMessageText", &json!(9)));
        assert!(retired["reply_markup"].is_null() && retired["text"] == "1.3.0\n1.4.0 took its place.", "{retired}");
        let long = Place { shown: json!({"text": "x".repeat(4096)}), ..place.clone() };
        let (method, settled) = body(channel().settled(&long, "Approved", &by, Language::English));
        assert_eq!(
            (method.as_str(), &settled["reply_markup"]["inline_keyboard"]),
            ("editMessageReplyMarkup", &json!([]))
        );
        let (method, aside) = body(channel().aside(&place, &"é".repeat(300)));
        assert_eq!((method.as_str(), aside["text"].as_str().unwrap().chars().count()), ("answerCallbackQuery", 200));
        let (method, below) = body(channel().below(&place, "Approved", &by, Language::English));
        assert_eq!((method.as_str(), &below["reply_parameters"]["message_id"]), ("sendMessage", &json!(9)));
        assert_eq!((&below["chat_id"], &below["message_thread_id"]), (&json!(-42), &json!(7)));
    }

    #[test]
    fn telegram_is_told_where_presses_come_in_and_with_what() {
        let hook = channel().hook(&"https://iw.example.com/base/".parse().unwrap()).unwrap();
        assert_eq!(hook.url.path(), format!("/bot{BOT}/setWebhook"));
        let body: Value = serde_json::from_slice(&hook.body).unwrap();
        assert_eq!(body["url"], "https://iw.example.com/base/telegram/actions");
        let secret = body["secret_token"].as_str().unwrap();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!((1..=256).contains(&secret.len()) && secret.bytes().all(is_allowed) && !secret.contains("AAAAAA"));
        let bot = channel().bot.unwrap();
        assert!(bot.is_shown(secret.as_bytes()) && !bot.is_shown(b"") && !bot.is_shown(&secret.as_bytes()[1..]));
        assert!(!format!("{bot:?}").contains(secret));
        let api = "https://api.telegram.org".parse().unwrap();
        let mute = TelegramChannel::new(&api, Secret::new(BOT.into()), Chat::Number(-42), None);
        assert!(mute.hook(&"https://iw.example.com".parse().unwrap()).is_none() && mute.desk().is_none());
    }

    #[test]
    fn a_chat_that_got_another_number_goes_on_to_be_answered() {
        let channel = channel();
        let by = |chat| channel.bot.as_ref().unwrap().admits(&Presser { chat, name: None, user: 7 });
        assert_eq!((by(-42), by(-100_123)), (Ok(()), Err(NotAllowed::Chat)));
        let moved = r#"{"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-100123}}"#;
        assert!(matches!(answered(&channel, 400, moved, &[]), Attempt::Retry { .. }));
        assert_eq!((by(-42), by(-100_123)), (Err(NotAllowed::Chat), Ok(())));
    }

    #[test]
    fn where_a_message_stands_is_in_the_answer_to_it() {
        let answer = |body: &str| super::super::service::tests::answer(200, body, &[]);
        let posted = channel().posted(&answer(r#"{"ok":true,"result":{"message_id":9,"chat":{"id":-42}}}"#));
        assert_eq!(posted, Some(Posted { channel: "-42".into(), message: "9".into() }));
        for other in ["{}", "", r#"{"ok":true,"result":true}"#] {
            assert_eq!(channel().posted(&answer(other)), None, "{other}");
        }
        let gone = r#"{"ok":false,"description":"Bad Request: message to edit not found"}"#;
        assert!(channel().is_out_of_reach(&answer(gone)) && !channel().is_out_of_reach(&answer("{}")));
        let moved = r#"{"description":"Bad Request: group chat was upgraded to a supergroup chat"}"#;
        let told = r#"{"description":"Bad Request","parameters":{"migrate_to_chat_id":-100123}}"#;
        assert!(channel().is_out_of_reach(&answer(moved)) && channel().is_out_of_reach(&answer(told)));
    }
}
