use serde_json::json;

use super::apprise::AppriseChannel;
use super::discord::DiscordChannel;
use super::gotify::GotifyChannel;
use super::matrix::MatrixChannel;
use super::mattermost::MattermostChannel;
use super::ntfy::NtfyChannel;
use super::probe::Tried;
use super::service::tests::answer;
use super::service::{Request, Service};
use super::slack_app::SlackApp;
use super::teams::TeamsChannel;
use super::telegram::{Chat, TelegramChannel};
use crate::domain::secret::Secret;
use crate::domain::telegram::Desk;

const BOT: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn server(text: &str) -> url::Url {
    text.parse().unwrap()
}

/// What is asked, as method, address, and whether a token is shown.
fn asked(service: &dyn Service) -> String {
    let Request { method, url, headers, .. } = service.question().unwrap().unwrap();
    let token = if headers.contains_key("authorization") { " with a token" } else { "" };
    format!("{method} {url}{token}")
}

fn bot(users: Option<Vec<i64>>) -> TelegramChannel {
    let bot = TelegramChannel::new(&server("https://api.telegram.org"), secret(BOT), Chat::Number(-42), None);
    match users {
        Some(users) => bot.answered_by(Desk { users, people: std::collections::BTreeMap::new() }),
        None => bot,
    }
}

fn app() -> SlackApp {
    SlackApp::new(&server("https://slack.com/api"), secret("xoxb-1"), "C1".into())
}

fn matrix() -> MatrixChannel {
    MatrixChannel::new(server("https://m.example"), secret("syt"), "!a:m.example".into())
}

fn ntfy(token: Option<&str>) -> NtfyChannel {
    NtfyChannel::new(&server("https://ntfy.example/sub/"), "iw".into(), token.map(secret))
}

#[test]
fn what_is_asked_sends_nothing() {
    let discord = DiscordChannel::new(&secret("https://discord.com/api/webhooks/1/x"));
    let gotify = GotifyChannel::new(&server("https://push.example/gotify"), secret("token"));
    let mattermost = MattermostChannel::new(secret("https://chat.example/team/hooks/key"));
    let apprise = AppriseChannel::new(secret("https://apprise.example/notify/KEY/"), None);
    let (mute, pressed) = (bot(None), bot(Some(vec![7])));
    for (service, question) in [
        (&app() as &dyn Service, "POST https://slack.com/api/auth.test with a token".to_owned()),
        (&mute, format!("POST https://api.telegram.org/bot{BOT}/getMe")),
        (&pressed, format!("POST https://api.telegram.org/bot{BOT}/getWebhookInfo")),
        (&discord, "GET https://discord.com/api/webhooks/1/x".to_owned()),
        (&matrix(), "GET https://m.example/_matrix/client/v3/joined_rooms with a token".to_owned()),
        (&ntfy(None), "GET https://ntfy.example/sub/v1/account".to_owned()),
        (&ntfy(Some("tk")), "GET https://ntfy.example/sub/v1/account with a token".to_owned()),
        (&gotify, "GET https://push.example/gotify/health".to_owned()),
        (&mattermost, "GET https://chat.example/team/api/v4/system/ping".to_owned()),
        (&apprise, "GET https://apprise.example/json/urls/KEY?privacy=1".to_owned()),
    ] {
        assert_eq!(asked(service), question);
    }
    assert!(TeamsChannel::new(secret("https://x.example/y")).question().is_none(), "there is no way");
}

/// Whether an answer says that it works, that it is there, or that it fails; and the words.
fn said(service: &dyn Service, status: u16, body: &str) -> (char, String) {
    match service.tried(&answer(status, body, &[])) {
        Tried::Works(words) => ('+', words),
        Tried::Answers(words) => ('?', words),
        Tried::Fails(words) => ('-', words),
        Tried::Unseen => panic!("it was asked"),
    }
}

#[test]
fn what_is_answered_says_whether_it_works() {
    let discord = DiscordChannel::new(&secret("https://discord.com/api/webhooks/1/x"));
    let apprise = AppriseChannel::new(secret("https://apprise.example/notify/KEY"), None);
    let gotify = GotifyChannel::new(&server("https://push.example"), secret("token"));
    let in_room = json!({"joined_rooms": ["!b:m.example", "!a:m.example"]}).to_string();
    let hook = |url: &str, error: Option<&str>, pending: u64| {
        json!({"ok": true, "result": {"url": url, "last_error_message": error, "pending_update_count": pending}})
            .to_string()
    };
    let (mute, pressed) = (bot(None), bot(Some(vec![7])));
    for (service, status, body, sign, part) in [
        (&app() as &dyn Service, 200, r#"{"ok":true,"user":"iw","team":"Acme"}"#, '+', "iw in Acme"),
        (&app(), 200, r#"{"ok":false,"error":"invalid_auth"}"#, '-', "invalid_auth"),
        (&app(), 200, "<html>", '-', "none of Slack's"),
        (&app(), 503, "", '-', "503"),
        (&mute, 200, r#"{"ok":true,"result":{"username":"iw_bot"}}"#, '+', "@iw_bot"),
        (&mute, 401, "", '-', "no bot"),
        (&pressed, 200, &hook("https://iw.example/telegram/actions", None, 0), '+', "come in"),
        (&pressed, 200, &hook("https://iw.example/telegram/actions", Some("once"), 0), '+', "come in"),
        (&pressed, 200, &hook("", None, 0), '-', "do not come in"),
        (&pressed, 200, &hook("https://iw.example", Some("Wrong response: 502"), 3), '-', "Wrong response: 502"),
        (&discord, 200, r#"{"name":"ops"}"#, '+', "ops"),
        (&discord, 404, "", '-', "no such webhook"),
        (&matrix(), 200, &in_room, '+', "in the room"),
        (&matrix(), 200, r#"{"joined_rooms":[]}"#, '-', "not in the room"),
        (&matrix(), 401, "", '-', "token"),
        (&ntfy(None), 200, "{}", '?', "answers"),
        (&ntfy(Some("tk")), 200, "{}", '?', "takes the token"),
        (&ntfy(Some("tk")), 401, "{}", '-', "refuses the token"),
        (&gotify, 200, "{}", '?', "healthy"),
        (&gotify, 500, "{}", '-', "500"),
        (&apprise, 200, r#"{"urls":[{},{}]}"#, '+', "2 services"),
        (&apprise, 204, "", '-', "nothing is configured"),
        (&apprise, 403, "", '?', "shows nobody"),
    ] {
        let said = said(service, status, body);
        assert!(said.0 == sign && said.1.contains(part), "{said:?}: {status} {body}");
    }
}

#[test]
fn a_stranger_that_repeats_a_secret_is_not_shown() {
    let told = Tried::Fails(format!("no bot {BOT}")).redacted(&[BOT]);
    assert_eq!(told, Tried::Fails(crate::domain::redaction::NOT_KEPT.to_owned()));
}
