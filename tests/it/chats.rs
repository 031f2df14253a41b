//! Doubles of the services that people read messages in: each takes what it publishes that it takes, as long, as much and as
//! often, and refuses everything else.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::wait::eventually;

#[expect(unused_imports, reason = "what services publish, which the unit tests know, without its own tests")]
#[path = "../../src/notify/published.rs"]
mod published;

type Taken = fn(&Value) -> Result<(), String>;

/// A service: its name, what it takes, so many messages in so many seconds, and what it answers.
struct Service {
    name: &'static str,
    takes: Taken,
    rate: (usize, u64),
    answer: (u16, &'static str),
}

const fn service(name: &'static str, takes: Taken, rate: (usize, u64), answer: (u16, &'static str)) -> Service {
    Service { name, takes, rate, answer }
}

/// A rate that nobody publishes is a generous one.
const SERVICES: [Service; 11] = [
    service("slack, as an app", published::slack, (1, 1), (200, r#"{"ok":true,"channel":"C1","ts":"1.1"}"#)),
    service("discord", published::discord, (5, 2), (200, r#"{"id":"1"}"#)),
    service("telegram", published::telegram, (1, 1), (200, r#"{"ok":true,"result":{"message_id":1}}"#)),
    service("teams", published::teams, (4, 1), (202, "")),
    service("mattermost", published::mattermost, (10, 1), (200, "ok")),
    service("matrix", published::matrix, (10, 1), (200, r#"{"event_id":"$1"}"#)),
    service("ntfy", published::ntfy, (60, 60), (200, r#"{"id":"1"}"#)),
    service("gotify", published::gotify, (10, 1), (200, r#"{"id":1}"#)),
    service("googlechat", published::googlechat, (60, 60), (200, "{}")),
    service("pagerduty", published::pagerduty, (120, 60), (202, r#"{"status":"success"}"#)),
    service("apprise", published::apprise, (10, 1), (200, "{}")),
];

/// Of PagerDuty one hears only when something is wrong.
pub(crate) const PAGER: &str = "pagerduty";

/// A message that came in.
#[derive(Clone)]
struct Got {
    service: &'static str,
    body: Value,
    bytes: usize,
    at: Instant,
    refused: Option<String>,
}

/// All of them behind one server.
pub(crate) struct Chats {
    server: Server,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Chats {
    pub(crate) fn start() -> Self {
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let taking = Arc::clone(&got);
        let server = Server::start(Arc::new(move |request| {
            let answer = take(&mut taking.lock().expect("what came in"), &request);
            Box::pin(std::future::ready(answer))
        }));
        Self { server, got }
    }

    /// The file that has a channel for each of them.
    pub(crate) fn config(&self, ctx: &Ctx) -> String {
        let file = |name: &str, text: &str| ctx.file(name, text).display().to_string();
        let hook = |name: &str| file(&format!("{name}-url"), &self.server.url(&format!("/{name}")));
        let base = |name: &str| self.server.url(&format!("/{name}"));
        let bot = file("bot", "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let (slack, token, key) = (file("xoxb", "xoxb-1"), file("token", "syt_token"), file("key", &"0".repeat(32)));
        let entries = [
            format!("name: app, kind: slack, tokenFile: '{slack}', channel: C1, url: '{}'", base("slack")),
            format!("name: discord, kind: discord, urlFile: '{}'", hook("discord")),
            format!("name: telegram, kind: telegram, tokenFile: '{bot}', chat: -42, url: '{}'", base("telegram")),
            format!("name: teams, kind: teams, urlFile: '{}'", hook("teams")),
            format!("name: mattermost, kind: mattermost, urlFile: '{}'", hook("mattermost")),
            format!(
                "name: matrix, kind: matrix, tokenFile: '{token}', room: '!r:example.com', url: '{}'",
                base("matrix")
            ),
            format!("name: ntfy, kind: ntfy, topic: iw, tokenFile: '{token}', url: '{}'", base("ntfy")),
            format!("name: gotify, kind: gotify, tokenFile: '{token}', url: '{}'", base("gotify")),
            format!("name: googlechat, kind: googlechat, urlFile: '{}'", hook("googlechat")),
            format!("name: pagerduty, kind: pagerduty, keyFile: '{key}', url: '{}'", base("pagerduty")),
            format!("name: apprise, kind: apprise, urlFile: '{}'", hook("apprise")),
        ];
        let entries = entries.map(|entry| format!("  - {{ {entry} }}\n")).concat();
        file("channels.yaml", &format!("channels:\n{entries}"))
    }

    fn of(&self, service: &str) -> Vec<Got> {
        self.got.lock().expect("what came in").iter().filter(|got| got.service == service).cloned().collect()
    }

    /// How many messages each of them got so far.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        SERVICES.iter().map(|service| (service.name, self.of(service.name).len())).collect()
    }

    /// Each of them got one message since then, but for the one that is left out, and at least so many of these names stand in
    /// it. Prints rows of a table: how many of them do, and what of it comes nearest to a limit of its service.
    pub(crate) async fn one_more(
        &self,
        what: &str,
        before: &[(&'static str, usize)],
        (names, least): (&[String], usize),
        without: &str,
    ) {
        for (service, count) in before.iter().filter(|(service, _)| *service != without) {
            eventually(&format!("{what}, in {service}"), async || (self.of(service).len() > *count).then_some(()))
                .await;
        }
        for (service, count) in before {
            let new = self.of(service).split_off(*count);
            let refused: Vec<&String> = new.iter().filter_map(|got| got.refused.as_ref()).collect();
            assert!(refused.is_empty(), "{service}: {refused:?}");
            assert_eq!(new.len(), usize::from(*service != without), "{what}: messages to {service}");
            let Some(got) = new.first() else {
                eprintln!("| {what} | {service} | 0 | – | – | – |");
                continue;
            };
            let (lines, nearest) = (named(got, names), nearest(got));
            assert!(lines >= least, "{what}, in {service}: {lines} of {least} lines: {}", got.body);
            eprintln!("| {what} | {service} | 1 | {lines} | {} | {nearest} |", got.bytes);
        }
    }
}

/// How many of the names stand in a message.
fn named(got: &Got, names: &[String]) -> usize {
    let text: String = got.body.to_string().chars().filter(|c| !['\\', '\u{200b}', '\u{2060}'].contains(c)).collect();
    names.iter().filter(|name| text.contains(name.as_str())).count()
}

/// What of a message comes nearest to a limit.
fn nearest(got: &Got) -> String {
    let sizes = published::sizes(got.service, &got.body);
    let share = |size: &published::Size| size.most.map_or(0, |most| size.count * 1000 / most);
    let nearest = sizes.iter().max_by_key(|size| share(size)).expect("something counts");
    nearest.most.map_or("no limit is published".to_owned(), |most| {
        format!("{}: {} of {most} {}", nearest.what, nearest.count, nearest.unit)
    })
}

fn take(got: &mut Vec<Got>, request: &Received) -> Answer {
    let place = request.path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
    let of = |service: &&Service| service.name.split(',').next() == Some(place);
    let Some(Service { name, takes, rate: (most, seconds), answer }) = SERVICES.iter().find(of) else {
        return Answer::status(404);
    };
    let (now, body) = (Instant::now(), serde_json::from_slice::<Value>(&request.body).unwrap_or_default());
    let lately = got.iter().filter(|one| one.service == *name && now - one.at < Duration::from_secs(*seconds));
    let (status, refused) = if lately.count() >= *most {
        (429, Some(format!("more than {most} in {seconds} s")))
    } else {
        takes(&body).map_or_else(|why| (400, Some(why)), |()| (answer.0, None))
    };
    let said = refused.clone().unwrap_or_else(|| answer.1.to_owned());
    got.push(Got { service: name, body, bytes: request.body.len(), at: now, refused });
    Answer::status(status).body(said)
}
