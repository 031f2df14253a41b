//! Environment and file → Config. Everything that is wrong is reported at once, by name and never by value.
//!
//! The only file that knows variables by name; `main` passes it the environment as a function.

pub mod channel;
mod file;
pub mod notes;
mod parse;
pub mod source;
mod ways_out;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono_tz::Tz;
use url::Url;

use crate::domain::policy::{Mode, Strategy};
use crate::domain::secret::Secret;
use crate::domain::settings::Forced;
use crate::notify::email::SmtpUrl;
use crate::notify::webhook::WebhookSecrets;
use crate::outbound::proxy::Proxies;
use crate::outbound::trust::Authorities;
use crate::telemetry::LogFormat;
use channel::ChannelConfig;
use file::{File, Lists};
use notes::NotesConfig;
use parse::Reader;
use source::Source;

/// Everything the process is told.
#[derive(Debug)]
pub struct Config {
    /// Whether insecure settings are allowed: anything but `production`.
    pub development: bool,
    /// `LOG_LEVEL`.
    pub log_level: tracing::Level,
    /// How lines are written.
    pub log_format: LogFormat,
    /// `IMAGE_WATCHER_MODE`, `IMAGE_WATCHER_STRATEGY`.
    pub forced: Forced,
    /// `RUN_ON_BOOT`.
    pub run_on_boot: bool,
    /// `IMAGE_WATCHER_SCHEDULE`; `None` turns the poller off.
    pub schedule: Option<Schedule>,
    /// `HOST`, `PORT`.
    pub public: (String, u16),
    /// `HOST`, `ADMIN_PORT`.
    pub private: (String, u16),
    /// `BASE_URL`.
    pub base_url: Option<Url>,
    /// `TRUSTED_PROXY`.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// `IMAGE_WATCHER_DATA`.
    pub data: PathBuf,
    /// `IMAGE_WATCHER_NAMESPACES`; empty is all.
    pub namespaces: Vec<String>,
    /// `IMAGE_WATCHER_LINK_KEY`; without it one is made and kept in the data folder.
    pub link_key: Option<Secret>,
    /// `IMAGE_WATCHER_PLAIN_HTTP`.
    pub plain_http: Vec<String>,
    /// Who is told: `SMTP_URL`, `SLACK_URL`, `WEBHOOK_URL`, and the file's list `channels`.
    pub channels: Vec<ChannelConfig>,
    /// Release notes and their summary.
    pub notes: NotesConfig,
    /// The open sources of webhooks.
    pub sources: Vec<Source>,
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
    pub proxies: Proxies,
    /// `SSL_CERT_FILE`: more certificate authorities, in PEM.
    pub authorities: Authorities,
}

/// When the poller looks.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The cron expression.
    pub cron: croner::Cron,
    /// The zone it is read in.
    pub zone: Tz,
}

/// The mail channel.
#[derive(Debug)]
pub struct Mail {
    /// Where to.
    pub smtp: SmtpUrl,
    /// The sender.
    pub from: lettre::message::Mailbox,
    /// The recipients.
    pub to: Vec<lettre::message::Mailbox>,
}

/// The generic webhook channel.
#[derive(Debug)]
pub struct Webhook {
    /// Where to.
    pub url: Secret,
    /// What signs.
    pub secrets: WebhookSecrets,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} in the configuration:{}", count(problems.len()), list(problems))]
pub struct ConfigError {
    /// In the order of the documentation.
    pub problems: Vec<Problem>,
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".into() } else { format!("{problems} problems") }
}

fn list(problems: &[Problem]) -> String {
    let width = problems.iter().map(|p| p.variable.len()).max().unwrap_or(0);
    let line = |p: &Problem| format!("\n  {:width$}  {}", p.variable, p.problem);
    problems.iter().map(line).collect::<Vec<_>>().concat()
}

/// What the file says that `IMAGE_WATCHER_CONFIG` names, and what is wrong with it.
fn from_file(
    variables: &BTreeMap<String, String>,
    file: &dyn Fn(&str) -> std::io::Result<String>,
) -> (File, Vec<Problem>) {
    let Some(path) = variables.get("IMAGE_WATCHER_CONFIG").filter(|path| !path.is_empty()) else {
        return (File::default(), Vec::new());
    };
    let problem = |key: &str, problem: String| Problem { variable: format!("{path}: {key}"), problem };
    match file(path) {
        Ok(text) => {
            let mut read = File::read(&text, file);
            let told = std::mem::take(&mut read.problems);
            (read, told.into_iter().map(|(key, told)| problem(&key, told)).collect())
        }
        Err(error) => {
            let told = format!("the file can't be read: {error}");
            (File::default(), vec![Problem { variable: "IMAGE_WATCHER_CONFIG".into(), problem: told }])
        }
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// `variables` are all names and values; `file` reads a file that a `…_FILE` variable names.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(
        variables: impl IntoIterator<Item = (String, String)>,
        file: &dyn Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, ConfigError> {
        let mut variables: BTreeMap<String, String> = variables.into_iter().collect();
        ways_out::capitalise(&mut variables);
        let (read, mut problems) = from_file(&variables, file);
        for (name, value) in read.variables {
            let by_file = format!("{name}_FILE");
            let set = variables.contains_key(&name) || variables.contains_key(&by_file);
            if !set && !name.strip_suffix("_FILE").is_some_and(|bare| variables.contains_key(bare)) {
                variables.insert(name, value);
            }
        }
        let mut reader = Reader::new(&variables, file);
        let config = Self::all(&mut reader, read.lists);
        reader.unknown();
        problems.extend(reader.into_problems());
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    fn all(reader: &mut Reader<'_>, lists: Lists) -> Self {
        let environment = reader.word("NODE_ENV", &["production", "development", "test"], "production");
        let development = environment != "production";
        let zone = reader.parse("TZ", "an IANA zone as Europe/Paris").unwrap_or(Tz::UTC);
        let host = reader.text("HOST").unwrap_or_else(|| "0.0.0.0".into());
        let port = reader.parse("PORT", "a port from 0 to 65535").unwrap_or(3000);
        let admin_port = reader.parse("ADMIN_PORT", "a port from 0 to 65535").unwrap_or(9090);
        if port == admin_port && port != 0 {
            reader.problem("ADMIN_PORT", "the same as PORT; the private listener needs a port of its own");
        }
        let forced = Forced {
            mode: reader.word_of::<Mode>("IMAGE_WATCHER_MODE"),
            strategy: reader.word_of::<Strategy>("IMAGE_WATCHER_STRATEGY"),
        };
        Self {
            development,
            log_level: reader
                .parse("LOG_LEVEL", "one of ERROR, WARN, INFO, DEBUG, TRACE")
                .unwrap_or(tracing::Level::INFO),
            log_format: if environment == "production" { LogFormat::Json } else { LogFormat::Readable },
            forced,
            run_on_boot: reader.flag("RUN_ON_BOOT"),
            schedule: reader.schedule(zone),
            public: (host.clone(), port),
            private: (host, admin_port),
            base_url: reader.base_url(development),
            trusted_proxies: reader.list_of("TRUSTED_PROXY", "CIDRs as 10.0.0.0/8, comma-separated"),
            data: reader.text("IMAGE_WATCHER_DATA").unwrap_or_else(|| "./data".into()).into(),
            namespaces: reader.namespaces(),
            link_key: reader.link_key(),
            plain_http: reader.list("IMAGE_WATCHER_PLAIN_HTTP"),
            channels: reader.channels(lists.channels, development),
            notes: reader.notes(lists.forges, development),
            sources: reader.all_sources(lists.sources),
            proxies: reader.proxies(),
            authorities: reader.authorities(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(variables, &|path| match path {
            "/secret" => Ok("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n".into()),
            "/empty" => Ok("\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        })
    }

    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let error = read(variables).unwrap_err();
        error.problems.iter().map(|p| format!("{}: {}", p.variable, p.problem)).collect()
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = read(&[]).unwrap();
        assert!(!config.development && config.channels.is_empty() && config.sources.is_empty());
        assert_eq!((config.public.1, config.private.1), (3000, 9090));
        assert!(config.schedule.is_some(), "the poller is the safety net");
    }

    #[test]
    fn an_empty_schedule_turns_the_poller_off() {
        assert!(read(&[("IMAGE_WATCHER_SCHEDULE", "")]).unwrap().schedule.is_none());
    }

    #[test]
    fn every_problem_is_told_at_once_and_no_value() {
        let told = problems(&[
            ("IMAGE_WATCHER_STRATGY", "MINOR"),
            ("IMAGE_WATCHER_MODE", "sometimes"),
            ("PORT", "70000"),
            ("SMTP_URL", "smtp://user:hunter2@mail.example.com:587"),
            ("WEBHOOK_URL", "https://example.com/hook"),
            ("IMAGE_WATCHER_SCHEDULE", "every day"),
            ("BASE_URL", "iw.example.com"),
            ("GITHUB_WEBHOOK_SECRET", ""),
            ("IMAGE_WATCHER_LINK_KEY", "short"),
        ]);
        assert_eq!(told.len(), 10, "{told:#?}");
        let all = told.join("\n");
        assert!(all.contains("IMAGE_WATCHER_STRATGY: unknown variable; did you mean IMAGE_WATCHER_STRATEGY?"), "{all}");
        assert!(!all.contains("hunter2") && !all.contains("short"), "{all}");
    }

    #[test]
    fn a_secret_is_read_from_its_file() {
        let config = read(&[("WEBHOOK_URL", "https://example.com/h"), ("WEBHOOK_SECRET_FILE", "/secret")]).unwrap();
        assert_eq!(config.channels.len(), 1);
        assert!(!format!("{config:?}").contains("AAECAwQF"), "a secret must not be printed");
        let both = problems(&[("REGISTRY_WEBHOOK_TOKEN", "a"), ("REGISTRY_WEBHOOK_TOKEN_FILE", "/secret")]);
        assert_eq!(both, ["REGISTRY_WEBHOOK_TOKEN: set twice, also by REGISTRY_WEBHOOK_TOKEN_FILE; keep one"]);
        let missing = problems(&[("REGISTRY_WEBHOOK_TOKEN_FILE", "/none")]);
        assert!(missing[0].starts_with("REGISTRY_WEBHOOK_TOKEN_FILE: the file can't be read"), "{missing:?}");
        assert_eq!(problems(&[("REGISTRY_WEBHOOK_TOKEN_FILE", "/empty")]).len(), 1);
    }

    #[test]
    fn what_this_version_does_not_do_is_refused() {
        for (name, value) in [("IMAGE_WATCHER_QUEUE", "nats://nats:4222"), ("DISCORD_URL", "https://x.example")] {
            assert_eq!(problems(&[(name, value)]).len(), 1, "{name}");
        }
        assert!(read(&[("IMAGE_WATCHER_QUEUE", "sqlite")]).is_ok());
    }

    #[test]
    fn a_file_says_what_the_environment_does_not() {
        let with = |variables: &[(&str, &str)]| {
            let all = variables.iter().chain(&[("IMAGE_WATCHER_CONFIG", "/c.yaml")]);
            let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Config::read(all, &|path| match path {
                "/c.yaml" => {
                    Ok("port: 1\nhost: 127.0.0.1\nsources: [{name: hub, kind: dockerhub, auth: {secretFiles: [/s]}}]"
                        .into())
                }
                "/s" => Ok("t".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            })
        };
        let config = with(&[("PORT", "2"), ("DOCKERHUB_WEBHOOK_TOKEN", "t")]).unwrap();
        assert_eq!(config.public, ("127.0.0.1".to_owned(), 2));
        let names: Vec<&str> = config.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["dockerhub", "hub"]);
        assert_eq!(problems(&[("IMAGE_WATCHER_CONFIG", "/none")]).len(), 1);
    }

    #[test]
    fn a_file_has_channels_of_its_own() {
        let read = |channels: &str| {
            let yaml = format!("mailFrom: iw@example.com\nchannels: [{channels}]");
            let variables = [("IMAGE_WATCHER_CONFIG", "/c.yaml"), ("SMTP_URL", "smtps://mail.example.com")];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Config::read(variables, &|path| match path {
                "/c.yaml" => Ok(yaml.clone()),
                "/url" => Ok("https://hooks.example.com/x\n".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            })
        };
        let channels = read(
            "{name: oncall, kind: email, to: [a@example.com], events: [update.failed], namespaces: [shop], language: fr}, \
             {name: chat, kind: slack, urlFile: /url}",
        );
        let channels = channels.unwrap().channels;
        let [oncall, chat] = &channels[..] else { panic!("two channels: {channels:?}") };
        assert_eq!(
            (oncall.name.as_str(), oncall.scope.events.len(), oncall.scope.language.code()),
            ("oncall", 1, "fr")
        );
        assert!(matches!(chat.target, channel::Target::Slack(_)) && chat.scope == crate::notify::Scope::default());
        for (entry, expected) in [
            ("{name: A, kind: email}", "channels[0].name"),
            ("{name: a, kind: fax}", "channels[0].kind"),
            ("{name: a, kind: discord}", "channels[0].kind"),
            ("{name: a, kind: email}", "channels[0].to"),
            ("{name: a, kind: email, to: [nobody]}", "channels[0].to"),
            ("{name: a, kind: email, to: [a@b.c], events: [update.dreamt]}", "channels[0].events"),
            ("{name: a, kind: email, to: [a@b.c], language: la}", "channels[0].language"),
            ("{name: a, kind: slack}", "channels[0].urlFile"),
            ("{name: a, kind: webhook, urlFile: /url}", "channels[0].secretFile"),
            ("{name: a, kind: slack, urlFile: /url}, {name: a, kind: slack, urlFile: /url}", "channels[1].name"),
        ] {
            let problems = read(entry).unwrap_err().problems;
            assert!(problems.iter().any(|problem| problem.variable.ends_with(expected)), "{entry}: {problems:?}");
        }
    }

    #[test]
    fn plain_links_are_for_development() {
        assert_eq!(problems(&[("BASE_URL", "http://iw.example.com")]).len(), 1);
        assert!(read(&[("BASE_URL", "http://iw.example.com"), ("NODE_ENV", "development")]).is_ok());
        assert_eq!(read(&[("BASE_URL", "https://ops.example.com/iw")]).unwrap().base_url.unwrap().path(), "/iw");
    }
}
