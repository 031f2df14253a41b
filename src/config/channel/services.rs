//! The services of channels: from an entry of the file, and from variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::super::entry::{AllWrong, Wrong, none_of, secret_file};
use super::super::parse::{Reader, plain_url};
use super::Destination;
use super::entry::{ChannelEntry, NumberOrText};
use crate::domain::actor::{Authority, SignedIn};
use crate::domain::secret::Secret;
use crate::domain::slack::{Desk, is_id};
use crate::domain::telegram;
use crate::notify::apprise::AppriseChannel;
use crate::notify::discord::DiscordChannel;
use crate::notify::googlechat::GoogleChatChannel;
use crate::notify::gotify::GotifyChannel;
use crate::notify::matrix::MatrixChannel;
use crate::notify::mattermost::MattermostChannel;
use crate::notify::ntfy::NtfyChannel;
use crate::notify::pagerduty::PagerDutyChannel;
use crate::notify::slack::SlackChannel;
use crate::notify::slack_app::SlackApp;
use crate::notify::teams::TeamsChannel;
use crate::notify::telegram::{Chat, TelegramChannel};
use crate::notify::webhook::{Format, WebhookChannel, WebhookSecrets};
use crate::notify::{Part, Service, Template};

const SLACK: &str = "https://slack.com/api";
const TELEGRAM: &str = "https://api.telegram.org";
const NTFY: &str = "https://ntfy.sh";
const PAGERDUTY: &str = "https://events.pagerduty.com";

/// With what the id of a channel of Slack begins.
const A_CHANNEL: &[char] = &['C', 'G', 'D'];

const A_CHAT: &str = "is neither the number of a chat, as -1001234567890, nor the @name of a public one";
const A_BOT: &str = "is no token of a bot, as 123456789: and 35 letters";
const A_SLACK_BOT: &str = "is no token of a bot, which begins with xoxb-";

fn service(service: impl Service + 'static) -> Destination {
    Destination::Service(Arc::new(service))
}

impl Reader<'_> {
    /// The channels that variables open beside mail, by the names that they have.
    pub(super) fn services(&mut self, development: bool) -> Vec<(&'static str, Destination)> {
        let slack = self.https("SLACK_URL", development).map(SlackChannel::new);
        let app = self.slack_app();
        if slack.is_some() && app.is_some() {
            self.problem("SLACK_BOT_TOKEN", "is set beside SLACK_URL; keep one, as both are the channel slack");
        }
        let all = [
            ("slack", slack.map(service).or(app.map(service))),
            ("webhook", self.webhook(development).map(service)),
            ("discord", self.https("DISCORD_URL", development).map(|url| service(DiscordChannel::new(&url)))),
            ("telegram", self.telegram().map(service)),
            ("teams", self.https("TEAMS_URL", development).map(|url| service(TeamsChannel::new(url)))),
        ];
        all.into_iter().filter_map(|(name, destination)| Some((name, destination?))).collect()
    }

    fn slack_app(&mut self) -> Option<SlackApp> {
        let (token, channel) = self.both("SLACK_BOT_TOKEN", "SLACK_CHANNEL")?;
        if !is_slack_bot(&token) {
            self.problem("SLACK_BOT_TOKEN", A_SLACK_BOT);
            return None;
        }
        let app = SlackApp::new(&Url::parse(SLACK).ok()?, token, channel.clone());
        // Whoever reads the channel may answer by the link; the signing secret says that they may by buttons, too.
        let is_signed = ["SLACK_SIGNING_SECRET", "SLACK_SIGNING_SECRET_FILE"].iter().any(|it| self.text(it).is_some());
        if !is_signed || !is_id(&channel, A_CHANNEL) {
            return Some(app);
        }
        Some(app.answered_at(Desk { app: None, team: None, channel, users: None, people: BTreeMap::new() }))
    }

    fn telegram(&mut self) -> Option<TelegramChannel> {
        let (token, chat) = self.both("TELEGRAM_TOKEN", "TELEGRAM_CHAT")?;
        let chat = chat.parse::<Chat>().ok();
        if !is_telegram_bot(&token) {
            self.problem("TELEGRAM_TOKEN", A_BOT);
            return None;
        }
        if chat.is_none() {
            self.problem("TELEGRAM_CHAT", A_CHAT);
        }
        Some(TelegramChannel::new(&Url::parse(TELEGRAM).ok()?, token, chat?, None))
    }

    /// A secret, and what it needs: one without the other is told.
    fn both(&mut self, secret: &str, other: &str) -> Option<(Secret, String)> {
        let is_set = [secret, &format!("{secret}_FILE")].iter().any(|name| self.text(name).is_some());
        match (self.secret(secret), self.text(other)) {
            (Some(secret), Some(other)) => return Some((secret, other)),
            (_, None) if is_set => self.problem(other, format!("is missing; {secret} needs it")),
            (None, Some(_)) if !is_set => self.problem(secret, format!("is missing; {other} needs it")),
            _ => {}
        }
        None
    }

    /// The service of an entry, which has the keys of its kind.
    pub(super) fn service(
        &self,
        kind: &str,
        entry: &ChannelEntry,
        development: bool,
        wrong: &mut AllWrong,
    ) -> Option<Destination> {
        let url = |wrong: &mut AllWrong| wrong.unless(self.secret_url(entry, development));
        let server = |usually, wrong: &mut AllWrong| wrong.unless(server(entry, usually, development));
        let token = |wrong: &mut AllWrong| wrong.unless(self.token(entry));
        Some(match kind {
            "slack" => self.slack(entry, development, wrong)?,
            "webhook" => service(self.webhook_of(entry, development, wrong)?),
            "discord" => service(DiscordChannel::new(&url(wrong)?)),
            "telegram" => service(self.telegram_of(entry, server(TELEGRAM, wrong), wrong)?),
            "teams" => service(TeamsChannel::new(url(wrong)?)),
            "mattermost" => service(MattermostChannel::new(url(wrong)?)),
            "matrix" => {
                let room = entry.room.clone().filter(|room| room.starts_with('!') && room.len() > 1);
                let room = room.ok_or_else(|| ("room", "is no id of a room, which begins with !".to_owned()));
                let (server, token, room) = (server("", wrong), token(wrong), wrong.unless(room));
                service(MatrixChannel::new(server?, token?, room?))
            }
            "ntfy" => {
                let (server, topic) = (server(NTFY, wrong), wrong.unless(topic(entry)));
                let token = wrong.unless(entry.token_file.as_ref().map(|_| self.token(entry)).transpose());
                service(NtfyChannel::new(&server?, topic?, token?))
            }
            "gotify" => {
                let (server, token) = (server("", wrong), token(wrong));
                service(GotifyChannel::new(&server?, token?))
            }
            "googlechat" => service(GoogleChatChannel::new(&url(wrong)?)),
            "pagerduty" => {
                let (server, key) = (server(PAGERDUTY, wrong), wrong.unless(self.routing_key(entry)));
                service(PagerDutyChannel::new(&server?, key?))
            }
            _ => service(AppriseChannel::new(url(wrong)?, entry.tag.clone())),
        })
    }

    fn slack(&self, entry: &ChannelEntry, development: bool, wrong: &mut AllWrong) -> Option<Destination> {
        if entry.url_file.is_some() {
            let other = [
                ("tokenFile", entry.token_file.is_some()),
                ("channel", entry.channel.is_some()),
                ("url", entry.url.is_some()),
                ("team", entry.team.is_some()),
                ("app", entry.app.is_some()),
                ("users", !entry.users.is_empty()),
                ("people", !entry.people.is_empty()),
            ];
            for (key, _) in other.into_iter().filter(|(_, is_set)| *is_set) {
                wrong.push((key, "is for an app, and urlFile for a webhook; keep one".into()));
            }
            return Some(service(SlackChannel::new(wrong.unless(self.secret_url(entry, development))?)));
        }
        if entry.token_file.is_none() {
            wrong.push(("urlFile", "is needed, or tokenFile and channel of an app".into()));
            return None;
        }
        let channel = entry.channel.clone().ok_or_else(|| ("channel", "is needed with tokenFile".to_owned()));
        let (channel, desk) = (wrong.unless(channel), wrong.unless(desk(entry)));
        let token = self.token_that(is_slack_bot, A_SLACK_BOT, entry);
        let (token, server) = (wrong.unless(token), wrong.unless(server(entry, SLACK, development)));
        let app = SlackApp::new(&server?, token?, channel?);
        Some(service(match desk? {
            Some(desk) => app.answered_at(desk),
            None => app,
        }))
    }

    fn webhook_of(&self, entry: &ChannelEntry, development: bool, wrong: &mut AllWrong) -> Option<WebhookChannel> {
        let url = wrong.unless(self.secret_url(entry, development));
        let secret = self.file_secret("secretFile", entry.secret_file.as_deref());
        let secrets = wrong.unless(secret.and_then(|secret| {
            WebhookSecrets::parse(secret.expose()).map_err(|error| ("secretFile", error.to_string()))
        }));
        let format = wrong.unless(match entry.format.as_deref() {
            None | Some("standard") => Ok(Format::Standard),
            Some("cloudevents") => Ok(Format::cloud_events(self.text("IMAGE_WATCHER_CLUSTER").as_deref())),
            Some(other) => Err(("format", none_of(["standard", "cloudevents"].into_iter(), other))),
        });
        let template = match (&entry.body, &format) {
            (Some(_), Some(Format::CloudEvents { .. })) => {
                wrong.push(("body", "has no place beside format: cloudevents, which says how a body looks".into()));
                None
            }
            (Some(text), _) => {
                let template = Template::tried(Part::WebhookBody, text);
                wrong.unless(template.map_err(|error| ("body", error.to_string()))).map(Arc::new)
            }
            (None, Some(Format::Standard)) => self.webhook_template(),
            (None, _) => None,
        };
        Some(WebhookChannel::new(url?, secrets?, format?).written_by(template))
    }

    fn telegram_of(&self, entry: &ChannelEntry, api: Option<Url>, wrong: &mut AllWrong) -> Option<TelegramChannel> {
        let token = self.token_that(is_telegram_bot, A_BOT, entry);
        let chat = entry.chat.as_ref().and_then(|chat| chat.to_string().parse().ok());
        let chat = chat.ok_or_else(|| ("chat", A_CHAT.to_owned()));
        let (token, chat, people) = (wrong.unless(token), wrong.unless(chat), wrong.unless(people(entry)));
        let user = |user: &NumberOrText| match user {
            NumberOrText::Number(number) if *number > 0 => Ok(*number),
            _ => Err(("users", "are numbers, which @userinfobot tells each of them".to_owned())),
        };
        let users = wrong.unless(entry.users.iter().map(user).collect::<Result<_, _>>());
        let channel = TelegramChannel::new(&api?, token?, chat?, entry.thread);
        let (users, people) = (users?, people?);
        if entry.users.is_empty() {
            return Some(channel);
        }
        let people = people.into_iter().filter_map(|(user, name)| Some((user.parse().ok()?, name))).collect();
        Some(channel.answered_by(telegram::Desk { users, people }))
    }

    fn routing_key(&self, entry: &ChannelEntry) -> Result<Secret, Wrong> {
        let key = self.file_secret("keyFile", entry.key_file.as_deref())?;
        let is_key = key.expose().len() == 32 && key.expose().bytes().all(|b| b.is_ascii_alphanumeric());
        if is_key {
            Ok(key)
        } else {
            Err(("keyFile", "is no integration key of Events API v2: 32 letters and digits".into()))
        }
    }

    fn token(&self, entry: &ChannelEntry) -> Result<Secret, Wrong> {
        let token = self.file_secret("tokenFile", entry.token_file.as_deref())?;
        let is_word = token.expose().bytes().all(|b| b.is_ascii_graphic());
        if is_word { Ok(token) } else { Err(("tokenFile", "holds more than one word, so it is no token".into())) }
    }

    /// The token, where it is one of such a bot.
    fn token_that(&self, is_one: fn(&Secret) -> bool, else_told: &str, entry: &ChannelEntry) -> Result<Secret, Wrong> {
        let token = self.token(entry)?;
        if is_one(&token) { Ok(token) } else { Err(("tokenFile", else_told.to_owned())) }
    }

    fn secret_url(&self, entry: &ChannelEntry, development: bool) -> Result<Secret, Wrong> {
        let secret = self.file_secret("urlFile", entry.url_file.as_deref())?;
        plain_url(secret.expose(), development).map_err(|problem| ("urlFile", problem))?;
        Ok(secret)
    }

    fn file_secret(&self, field: &'static str, path: Option<&str>) -> Result<Secret, Wrong> {
        secret_file(field, path.ok_or_else(|| (field, "is needed".to_owned()))?, self.files())
    }
}

/// The server of an entry, else the usual one.
fn server(entry: &ChannelEntry, usually: &str, development: bool) -> Result<Url, Wrong> {
    let text = entry.url.as_deref().unwrap_or(usually);
    plain_url(text, development).map_err(|problem| ("url", problem))?;
    let url = Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
    url.ok_or_else(|| ("url", "is the address of a server, without query and fragment".to_owned()))
}

/// Who of the users is who elsewhere.
fn people(entry: &ChannelEntry) -> Result<BTreeMap<String, String>, Wrong> {
    let users: Vec<String> = entry.users.iter().map(ToString::to_string).collect();
    for (user, name) in &entry.people {
        if !users.contains(user) {
            return Err(("people", format!("names {user:?}, who is none of the users")));
        }
        if SignedIn::by(Authority::Proxy, name).is_none() {
            return Err(("people", format!("says no name of {user:?}: the one they sign in with, or their address")));
        }
    }
    Ok(entry.people.clone())
}

/// Who may press the buttons of an app's messages, where anybody may.
fn desk(entry: &ChannelEntry) -> Result<Option<Desk>, Wrong> {
    if entry.users.is_empty() {
        let people = !entry.people.is_empty();
        let idle = [("team", entry.team.is_some()), ("app", entry.app.is_some()), ("people", people)];
        let idle = idle.into_iter().find(|(_, is_set)| *is_set);
        return idle.map_or(Ok(None), |(key, _)| Err((key, "is for users who may press buttons; name them".into())));
    }
    let id = |key, value: Option<&String>, kinds: &[char], example: &str| {
        let value = value.filter(|value| is_id(value, kinds));
        value.cloned().ok_or_else(|| (key, format!("is needed with users: an id, as {example}")))
    };
    let users = entry.users.iter().map(ToString::to_string);
    let users = users.map(|user| id("users", Some(&user), &['U', 'W'], "U0123456789"));
    Ok(Some(Desk {
        app: Some(id("app", entry.app.as_ref(), &['A'], "A0123456789")?),
        team: Some(id("team", entry.team.as_ref(), &['T'], "T0123456789")?),
        channel: id("channel", entry.channel.as_ref(), A_CHANNEL, "C0123456789")?,
        users: Some(users.collect::<Result<_, _>>()?),
        people: people(entry)?,
    }))
}

fn topic(entry: &ChannelEntry) -> Result<String, Wrong> {
    let is_topic = |topic: &String| {
        (1..=64).contains(&topic.len()) && topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let topic = entry.topic.clone().filter(is_topic);
    topic.ok_or_else(|| ("topic", "is no topic: up to 64 letters, digits, - and _".to_owned()))
}

fn is_slack_bot(token: &Secret) -> bool {
    token.expose().starts_with("xoxb-") && token.expose().bytes().all(|b| b.is_ascii_graphic())
}

fn is_telegram_bot(token: &Secret) -> bool {
    token.expose().split_once(':').is_some_and(|(number, key)| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && key.len() >= 20
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::super::Config;
    use super::super::{ChannelConfig, Destination};
    use crate::domain::telegram::Presser;
    use crate::notify::DeskOf;

    const KINDS: &str = "
- { name: a, kind: slack, urlFile: /url }
- { name: b, kind: slack, tokenFile: /slack, channel: C0123456789, url: 'https://slack.example.com/api' }
- { name: c, kind: webhook, urlFile: /url, secretFile: /keys, format: cloudevents, includeLinks: false }
- { name: d, kind: discord, urlFile: /url }
- { name: e, kind: telegram, tokenFile: /bot, chat: -1001234567890, thread: 7 }
- { name: f, kind: telegram, tokenFile: /bot, chat: '@ops', url: 'https://bots.example.com/', users: [7, 8], people: {'7': ann} }
- { name: g, kind: teams, urlFile: /url }
- { name: h, kind: mattermost, urlFile: /url }
- { name: i, kind: matrix, url: 'https://matrix.example.com', tokenFile: /token, room: '!ops:example.com' }
- { name: j, kind: ntfy, topic: iw-ops }
- { name: k, kind: ntfy, topic: iw-ops, url: 'https://ntfy.example.com', tokenFile: /token }
- { name: l, kind: ntfy, topic: iw-ops, includeLinks: true }
- { name: m, kind: gotify, url: 'https://push.example.com/gotify', tokenFile: /token }
- { name: n, kind: googlechat, urlFile: /url }
- { name: o, kind: pagerduty, keyFile: /routing, url: 'https://events.eu.pagerduty.com' }
- { name: p, kind: apprise, urlFile: /url, tag: oncall }
- { name: q, kind: slack, tokenFile: /slack, channel: C0123456789, team: T1, app: A1, users: [U1, W2], people: {U1: ann@example.com} }
";

    fn read(variables: &[(&str, &str)]) -> Config {
        let file = |path: &str| match path {
            "/c.yaml" => Ok(format!("channels:{KINDS}")),
            "/url" => Ok("https://hooks.example.com/x".into()),
            "/slack" => Ok("xoxb-1-2".into()),
            "/bot" => Ok("123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n".into()),
            "/keys" => Ok("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".into()),
            "/token" => Ok("syt_token".into()),
            "/signing" => Ok("8f742231b10e8888abcd99yyyzzz85a5".into()),
            "/routing" => Ok("0123456789abcdef0123456789abcdef".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(variables, &file, DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn each_kind_of_the_file_opens_a_channel() {
        let config = read(&[("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("SLACK_SIGNING_SECRET_FILE", "/signing")]);
        assert!(config.channels.iter().all(|channel| matches!(channel.destination, Destination::Service(_))));
        let without = config.channels.iter().filter(|channel| channel.scope.without_links);
        let without: Vec<&str> = without.map(|channel| channel.name.as_str()).collect();
        assert_eq!((config.channels.len(), without), (17, vec!["c", "j"]), "a topic without a token is public");
        let kinds = super::super::entry::tests::words();
        assert!(kinds.iter().all(|kind| *kind == "email" || KINDS.contains(&format!("kind: {kind},"))), "{kinds:?}");
    }

    #[test]
    fn an_app_says_who_may_press_its_buttons() {
        let config = read(&[("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("SLACK_SIGNING_SECRET_FILE", "/signing")]);
        let desks: Vec<_> = config.channels.iter().filter_map(ChannelConfig::desk).collect();
        let [DeskOf::Telegram(bot), DeskOf::Slack(desk)] = desks[..] else { panic!("{desks:?}") };
        let users = Some(vec!["U1".to_owned(), "W2".to_owned()]);
        assert!(desk.users == users && desk.channel == "C0123456789", "{desk:?}");
        assert_eq!(desk.people, [("U1".to_owned(), "ann@example.com".to_owned())].into());
        let by = |user| Presser { chat: -1, name: Some("ops".into()), user };
        assert!(bot.admits(&by(8)).is_ok() && bot.admits(&by(9)).is_err());
        assert!(config.slack_signing_secret.is_some());
    }

    #[test]
    fn an_app_of_variables_has_buttons_where_slack_signs() {
        let of = |channel: &str, signed: &[(&str, &str)]| {
            let mut all = vec![("SLACK_BOT_TOKEN_FILE", "/slack"), ("SLACK_CHANNEL", channel)];
            all.extend(signed);
            let config = read(&all);
            let users = config.channels[0].desk().map(|desk| match desk {
                DeskOf::Slack(desk) => (desk.channel.clone(), desk.users.clone()),
                DeskOf::Telegram(_) => panic!("of Slack"),
            });
            (users, config.slack_signing_secret.is_some(), config.warnings.len())
        };
        let signed = &[("SLACK_SIGNING_SECRET_FILE", "/signing")][..];
        assert_eq!(of("C0123456789", signed), (Some(("C0123456789".into(), None)), true, 0));
        assert_eq!(of("#ops", signed), (None, false, 1), "a name is no id");
        assert_eq!(of("C0123456789", &[]), (None, false, 0));
    }

    #[test]
    fn a_body_is_a_template_that_stands_hostile_data() {
        let problems = |rest: &str| {
            let entry = format!("channels: [{{ name: w, kind: webhook, urlFile: /url, secretFile: /keys, {rest} }}]");
            let file = |path: &str| match path {
                "/c.yaml" => Ok(entry.clone()),
                "/url" => Ok("https://hooks.example.com/x".into()),
                "/keys" => Ok("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            };
            let variables = [("IMAGE_WATCHER_CONFIG".to_owned(), "/c.yaml".to_owned())];
            let read = Config::read(variables, &file, DateTime::UNIX_EPOCH);
            read.map_or_else(|error| error.problems.iter().map(|it| it.problem.clone()).collect::<Vec<_>>(), |_| vec![])
        };
        assert_eq!(problems("body: '{\"text\": {{ message.sentence }}}'"), Vec::<String>::new());
        for (body, part) in [
            ("'{% if %}'", "can't be read as a template"),
            ("'{\"text\": \"{{ message.sentence }}\"}'", "does not make JSON"),
            ("'{{ id }}', format: cloudevents", "has no place beside"),
            ("'{% for a in range(10000) %}{% for b in range(10000) %}{{ a }}{% endfor %}{% endfor %}'", "more than"),
        ] {
            let told = problems(&format!("body: {body}"));
            assert!(told.len() == 1 && told[0].contains(part), "{body}: {told:?}");
        }
    }

    #[test]
    fn a_broken_template_is_told_and_the_built_in_one_is_used() {
        let of = |html: Option<&str>, webhook: Option<&str>| {
            let file = |path: &str| match path {
                "/t/email.html" => html.map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into()),
                "/t/webhook.json" => webhook.map(str::to_owned).ok_or_else(|| std::io::ErrorKind::NotFound.into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            };
            let variables = [("IMAGE_WATCHER_TEMPLATES".to_owned(), "/t/".to_owned())];
            let config = Config::read(variables, &file, DateTime::UNIX_EPOCH).unwrap();
            let files: Vec<&str> = config.templates.files().collect();
            (files, config.warnings.iter().map(|it| it.problem.clone()).collect::<Vec<_>>().join("\n"))
        };
        let (good, body) = ("{{ sentence }} {{ action.url if action }}", "{\"text\": {{ message.title }}}");
        assert_eq!(of(Some(good), Some(body)), (vec!["email.html", "webhook.json"], String::new()));
        let (files, told) = of(Some("{{ sentence|safe }} {{ action.url if action }}"), Some(body));
        assert_eq!(files, ["webhook.json"], "each by itself");
        assert!(
            told.starts_with("/t/email.html is not used, and the built-in template is: it shows a value"),
            "{told}"
        );
        assert!(of(None, None).1.contains("/t/ has none of the templates"), "{}", of(None, None).1);
    }

    #[test]
    fn variables_open_one_of_a_kind() {
        let config = read(&[
            ("SLACK_BOT_TOKEN_FILE", "/slack"),
            ("SLACK_CHANNEL", "#ops"),
            ("DISCORD_URL", "https://discord.com/api/webhooks/1/x"),
            ("TELEGRAM_TOKEN_FILE", "/bot"),
            ("TELEGRAM_CHAT", "-42"),
            ("TEAMS_URL_FILE", "/url"),
        ]);
        let names: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
        assert_eq!(names, ["slack", "discord", "telegram", "teams"]);
        assert!(!config.channels.iter().any(|channel| channel.scope.without_links));
        assert_eq!(config.warnings, []);
    }
}
