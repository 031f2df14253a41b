//! Messages with whatever strangers can put into them, and what each service is sent of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::apprise::AppriseChannel;
use super::discord::DiscordChannel;
use super::googlechat::GoogleChatChannel;
use super::gotify::GotifyChannel;
use super::matrix::MatrixChannel;
use super::mattermost::MattermostChannel;
use super::ntfy::NtfyChannel;
use super::pagerduty::PagerDutyChannel;
use super::service::tests::answer;
use super::slack::SlackChannel;
use super::slack_app::SlackApp;
use super::teams::TeamsChannel;
use super::telegram::{Chat, TelegramChannel};
use super::tests::asking;
use super::{Attempt, Channel, Refusal, Request, Scope, Sending, Service, Style, Transport, published};
use crate::domain::event::{Delivery, Job};
use crate::domain::plain::PlainText;
use crate::domain::release::{Line, LineKind};
use crate::domain::secret::Secret;
use crate::message::{
    Action, AlertLine, Changes, Fact, InShort, Item, Links, Message, NotesPart, ReleasePart, Remark, Section, Severity,
    clean,
};
use crate::outbound::{Outbound, Reach};

const LINK: &str = "https://iw.example.com/a/v1.eyJhIjoiYiJ9.c2lnbmF0dXJl";

/// What a message is sent as, and whether the service would take it.
pub(super) type Published = (&'static str, Arc<dyn Service>, fn(&Value) -> Result<(), String>);

/// All services that people read, each with the limits that it publishes.
pub(super) fn services() -> Vec<Published> {
    let url = |text: &str| -> Url { text.parse().unwrap() };
    let secret = |text: &str| Secret::new(text.into());
    vec![
        (
            "slack",
            Arc::new(SlackChannel::new(secret("https://hooks.slack.com/services/T/B/sEcrEtOfTwentyFourLetters"))),
            published::slack,
        ),
        (
            "slack, as an app",
            Arc::new(SlackApp::new(
                &url("https://slack.com/api"),
                secret("xoxb-sEcrEtOfTwentyFourLetters"),
                "C1".into(),
            )),
            published::slack,
        ),
        (
            "discord",
            Arc::new(DiscordChannel::new(&secret("https://discord.com/api/webhooks/1/sEcrEtOfTwentyFourLetters"))),
            published::discord,
        ),
        (
            "telegram",
            Arc::new(TelegramChannel::new(
                &url("https://api.telegram.org"),
                secret("1:sEcrEtOfTwentyFourLetters"),
                Chat::Name("@ops".into()),
                None,
            )),
            published::telegram,
        ),
        (
            "teams",
            Arc::new(TeamsChannel::new(secret("https://prod.logic.example.com/w?sig=sEcrEtOfTwentyFourLetters"))),
            published::teams,
        ),
        (
            "mattermost",
            Arc::new(MattermostChannel::new(secret("https://chat.example.com/hooks/sEcrEtOfTwentyFourLetters"))),
            published::mattermost,
        ),
        (
            "matrix",
            Arc::new(MatrixChannel::new(
                url("https://matrix.example.com"),
                secret("sEcrEtOfTwentyFourLetters"),
                "!r:example.com".into(),
            )),
            published::matrix,
        ),
        (
            "ntfy",
            Arc::new(NtfyChannel::new(&url("https://ntfy.sh"), "iw".into(), Some(secret("sEcrEtOfTwentyFourLetters")))),
            published::ntfy,
        ),
        (
            "gotify",
            Arc::new(GotifyChannel::new(&url("https://push.example.com"), secret("sEcrEtOfTwentyFourLetters"))),
            published::gotify,
        ),
        (
            "googlechat",
            Arc::new(GoogleChatChannel::new(&secret(
                "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=sEcrEtOfTwentyFourLetters",
            ))),
            published::googlechat,
        ),
        (
            "pagerduty",
            Arc::new(PagerDutyChannel::new(
                &url("https://events.pagerduty.com"),
                secret("sEcrEtOfTwentyFourLetters0000000"),
            )),
            published::pagerduty,
        ),
        (
            "apprise",
            Arc::new(AppriseChannel::new(secret("https://apprise.example.com/notify/sEcrEtOfTwentyFourLetters"), None)),
            published::apprise,
        ),
    ]
}

/// What strangers write.
fn strange() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<!channel> <@U1> <https://evil|https://github.com> @everyone &lt;".to_owned()),
        Just("</b><a href=\"https://evil\">x</a> <users/all> [x](https://evil) ![x](https://evil/x.png)".to_owned()),
        Just("**_~`|\\> # - 1. @here @channel @room @all t.me/evil /start".to_owned()),
        Just("👩‍👩‍👧‍👦🏳️‍🌈".repeat(20)),
        Just("e\u{301}\u{302}\u{303}".repeat(30)),
        Just("a".repeat(700)),
        "\\PC{0,40}",
    ];
    (proptest::collection::vec(piece, 0..4), 1_usize..30)
        .prop_map(|(pieces, times)| clean(&format!("x{}", pieces.join(" ").repeat(times))))
}

fn action() -> impl Strategy<Value = Action> {
    (strange(), strange()).prop_map(|(label, hint)| Action { label, url: LINK.into(), hint })
}

fn section() -> impl Strategy<Value = Section> {
    let item = (strange(), any::<bool>(), 0_u32..99)
        .prop_map(|(line, linked, number)| Item { line, url: linked.then(|| format!("{LINK}{number}")) });
    (strange(), proptest::collection::vec(item, 1..20), proptest::option::of(strange()))
        .prop_map(|(heading, items, left_out)| Section { heading, items, left_out })
}

fn notes() -> impl Strategy<Value = NotesPart> {
    let line = (strange(), 0_usize..4).prop_map(|(text, kind)| Line {
        kind: [LineKind::Heading, LineKind::Item, LineKind::Code, LineKind::Text][kind],
        text: PlainText::of(&text),
    });
    let release = (strange(), proptest::collection::vec(line, 0..8)).prop_map(|(version, lines)| ReleasePart {
        version,
        url: "https://github.com/acme/web/releases/tag/v1".into(),
        published: Some("2026-11-24".into()),
        lines,
        goes_on: Some("It goes on."),
    });
    let releases = proptest::collection::vec(release, 1..5);
    let alert = strange().prop_map(|text| AlertLine { title: "Breaking", version: Some(text.clone()), text });
    (proptest::collection::vec(alert, 0..10), proptest::collection::vec(strange(), 1..4), releases).prop_map(
        |(alerts, lines, releases)| NotesPart {
            alerts,
            more_alerts: Some("and 2 more".into()),
            in_short: Some(InShort { heading: "In short", lines, by: "Summary by a model, unverified".into() }),
            changes: Some(Changes { heading: "What changes", by: "in the makers' words", releases }),
            left_out: Some("and 3 more versions".into()),
        },
    )
}

fn severity() -> impl Strategy<Value = Severity> {
    let all = [Severity::Info, Severity::Success, Severity::Warning, Severity::Failure];
    (0_usize..4).prop_map(move |at| all[at])
}

/// Any message, with one link of its own at most.
pub(super) fn message() -> impl Strategy<Value = Message> {
    let fact = (strange(), strange(), proptest::option::of(strange())).prop_map(|(label, value, code)| Fact {
        label,
        value,
        code,
    });
    let remark =
        (strange(), strange(), any::<bool>()).prop_map(|(label, text, is_detail)| Remark { label, text, is_detail });
    let texts = (strange(), strange(), strange(), severity());
    let lists = (
        proptest::collection::vec(fact, 0..8),
        proptest::collection::vec(remark, 0..6),
        proptest::collection::vec(section(), 0..3),
        proptest::option::of(notes()),
    );
    let links = (proptest::option::of(action()), proptest::option::of(action()));
    (texts, lists, links).prop_map(|((title, sentence, reason, severity), (facts, remarks, sections, notes), links)| {
        let (action, release) = links;
        let (language, subject, heading) = ("en", title.clone(), title.clone());
        Message {
            colon: ":",
            language,
            subject,
            heading,
            cluster: Some(title.clone()),
            title,
            sentence,
            severity,
            facts,
            remarks,
            sections,
            notes,
            release,
            action,
            reason,
        }
    })
}

/// A message that has everything, and too much of it.
pub(super) fn long() -> Message {
    let mut long = channel_of("web");
    let item = |number: usize| Item { line: format!("shop/web-{number}"), url: Some(format!("{LINK}{number}")) };
    long.sections = vec![Section { heading: "Available".into(), items: (0..50).map(item).collect(), left_out: None }];
    long.remarks.push(Remark { label: "Why".into(), text: "It is a step up.".into(), is_detail: true });
    long.remarks.push(Remark { label: "Failure".into(), text: "It did not start.".into(), is_detail: false });
    long
}

/// A message about this workload, as it is made of a notice.
pub(super) fn channel_of(name: &str) -> Message {
    let mut delivery = asking();
    delivery.notices_mut()[0].workload.name = name.into();
    let notes = crate::domain::release::tests::summarised();
    super::tests::said(&delivery, Some(LINK), Some(&notes))
}

fn sent(service: &dyn Service, message: &Message, delivery: &Delivery, style: Style) -> Request {
    let (links, now) = (Links::one(Some(LINK)), DateTime::from_timestamp(1_795_000_100, 0).unwrap());
    service.request(&Sending { delivery, message, links: &links, notes: None, style, now }).unwrap()
}

/// What a service is sent of a delivery.
pub(super) fn request_of(service: &dyn Service, delivery: &Delivery, style: Style) -> Request {
    sent(service, &super::tests::said(delivery, Some(LINK), None), delivery, style)
}

/// What a service is sent of a question.
pub(super) fn rendered(service: &dyn Service, style: Style) -> Request {
    request_of(service, &asking(), style)
}

/// What an answer means to a service.
pub(super) fn answered(
    service: &dyn Service,
    status: u16,
    body: &str,
    headers: &[(&'static str, &str)],
) -> Attempt<Refusal> {
    super::service::judged(service, &answer(status, body, headers), DateTime::<Utc>::UNIX_EPOCH)
}

/// All texts of a body.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(all) => all.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn no_service_refuses_what_it_is_sent(message in message()) {
        for (name, service, takes) in services() {
            for style in [Style::Rich, Style::Plain] {
                let mut delivery = asking();
                if name == "pagerduty" {
                    delivery.notices_mut()[0].kind = crate::domain::event::NoticeKind::Failed;
                }
                let request = sent(&*service, &message, &delivery, style);
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                prop_assert_eq!(takes(&body), Ok(()), "{} {:?}: {:#}", name, style, body);
                let has_link = texts(&body).iter().any(|text| text.contains(LINK));
                let wants_link = message.action.is_some() && !(name == "pagerduty" && style == Style::Plain);
                prop_assert!(has_link || !wants_link, "{}: the link is lost: {:#}", name, body);
            }
        }
    }
}

/// Row 25 of the design's table, in every service: strangers mention nobody, link nothing and break out of nothing.
#[test]
fn what_strangers_write_is_only_read() {
    let words = "<!channel> <@U1> <https://evil|https://github.com> @everyone <users/all> [a](https://evil) <b>&lt;";
    let hostile = words.repeat(60_000 / words.len());
    let mut message = channel_of("web");
    (message.title, message.sentence) = (clean(&hostile), clean(&hostile));
    message.facts[0].value = clean(&hostile);
    message.remarks.insert(0, Remark { label: clean(&hostile), text: clean(&hostile), is_detail: false });
    for (name, service, takes) in services() {
        for style in [Style::Rich, Style::Plain] {
            let body: Value = serde_json::from_slice(&sent(&*service, &message, &asking(), style).body).unwrap();
            assert_eq!(takes(&body), Ok(()), "{name} {style:?}");
            let reads_no_markup = ["teams", "pagerduty"].contains(&name) || (name, style) == ("telegram", Style::Plain);
            if reads_no_markup {
                continue;
            }
            let bare = |text: &&str, what: &str| text.match_indices(what).any(|(at, _)| !text[..at].ends_with('\\'));
            let shown = |what: &str| texts(&body).iter().any(|text| bare(text, what));
            // Slack reads markup in texts of `mrkdwn` and in the fallback alone: its double looks at them.
            if !name.starts_with("slack") {
                for what in ["<!channel>", "<@U1>", "<users/all>", "@everyone", "](https://evil)", "<https://evil"] {
                    assert!(!shown(what), "{name} {style:?}: {what} in {body:#}");
                }
            }
        }
    }
}

/// Row 45 of the design's table: whoever is sent a secret may repeat it.
#[test]
fn secrets_are_neither_shown_nor_kept() {
    const SECRET: &str = "sEcrEtOfTwentyFourLetters";
    for (name, service, _) in services() {
        let request = rendered(&*service, Style::Rich);
        let headers: String = request.headers.values().filter_map(|value| value.to_str().ok()).collect();
        let sent = format!("{} {headers} {}", request.url, String::from_utf8(request.body.clone()).unwrap());
        assert!(sent.contains(SECRET), "{name} sends none");
        for status in [200, 204, 400, 401, 404, 424, 429, 500] {
            for said in [&sent, &json!({"ok": false, "error": sent, "description": sent, "errors": [sent]}).to_string()]
            {
                let attempt = answered(&*service, status, said, &[]).redacted(&service.secrets());
                assert!(!format!("{attempt:?}").contains(SECRET), "{name} {status}: {attempt:?}");
            }
        }
        assert!(!format!("{service:?}").contains(SECRET), "{name}");
    }
}

fn opened(service: impl Service + 'static, scope: Scope) -> Channel {
    let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
    Channel::new("chat".into(), scope, Transport::Service(Box::new(client), Arc::new(service)))
}

#[test]
fn a_channel_that_others_read_shows_no_link() {
    let chat = MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
    let channel = opened(chat, Scope { without_links: true, ..Scope::default() });
    let links = channel.shown(&Links::one(Some(LINK)));
    assert_eq!((&links, channel.message(&asking(), &links, None, None).action), (&Links::default(), None));
}

/// What closes an incident is about one update, so it never waits for others.
#[test]
fn what_takes_one_thing_at_a_time_gets_each_by_itself() {
    let url = "https://events.pagerduty.com".parse().unwrap();
    let pager = opened(PagerDutyChannel::new(&url, Secret::new("0".repeat(32))), Scope::default());
    let chat = MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
    let chat = opened(chat, Scope::default());
    let applied = crate::domain::event::tests::notice(crate::domain::event::NoticeKind::Applied);
    assert!(matches!(&pager.jobs(&applied)[..], [Job::Deliver(_)]));
    assert!(matches!(&chat.jobs(&applied)[..], [Job::Gather(_)]));
}

/// A proxy or a page to sign in at says 200 of everything.
#[test]
fn an_answer_of_somebody_else_takes_no_message() {
    let own = [
        ("slack", "ok"),
        ("discord", r#"{"id":"1234"}"#),
        ("telegram", r#"{"ok":true,"result":{"message_id":7}}"#),
        ("teams", "1"),
        ("mattermost", "ok"),
        ("matrix", r#"{"event_id":"$x"}"#),
        ("ntfy", r#"{"id":"sPs71M8A2T","event":"message"}"#),
        ("gotify", r#"{"id":25,"appid":5}"#),
        ("googlechat", r#"{"name":"spaces/A/messages/B"}"#),
        ("pagerduty", r#"{"status":"success","message":"Event processed","dedup_key":"x"}"#),
    ];
    let all = services();
    for (name, answer) in own {
        let service = &*all.iter().find(|(known, ..)| *known == name).unwrap().1;
        let judged = |body: &str| answered(service, 200, body, &[]);
        for taken in [answer, &format!("{answer}\n"), "", r#"{"id"#, "{}", "OK\n"] {
            assert_eq!(judged(taken), Attempt::Delivered, "{name}: {taken}");
        }
        for foreign in [r#"{"message":"welcome"}"#, r#"{"status":"ok"}"#, "Access denied", "[]", "null"] {
            assert!(matches!(judged(foreign), Attempt::Refused { .. }), "{name}: {foreign}");
        }
    }
    let webhook = &*all.iter().find(|(known, ..)| *known == "slack").unwrap().1;
    for relay in [r#"{"success":true}"#, r#"{"msg":"","result":"success"}"#] {
        assert_eq!(answered(webhook, 200, relay, &[]), Attempt::Delivered, "{relay}");
    }
    let app = &*all.iter().find(|(known, ..)| *known == "slack, as an app").unwrap().1;
    assert!(matches!(answered(app, 200, r#"{"message":"welcome"}"#, &[]), Attempt::Retry { .. }));
}
