//! Environment and file → Config. Everything that is wrong is reported at once, by name and never by value.
//!
//! Nothing outside of this module and its files reads a variable: `cli` gives it the environment, and how files are read. Which
//! variables and keys there are is said in the file of the part that they are of.

pub mod auth;
pub mod channel;
mod clients;
mod document;
mod entry;
mod file;
mod names;
mod namespaces;
mod near;
pub mod notes;
mod opening;
mod origin;
mod otel;
mod parse;
pub mod queue;
mod registry;
pub mod reload;
mod rules;
mod scalar;
pub mod schedule;
#[cfg(test)]
mod schema;
mod service_link;
#[cfg(test)]
mod snapshots;
pub mod source;
mod start;
mod traces;
mod ways_out;
mod written;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use url::Url;

use crate::domain::defaults::{Defaults, NamespaceFilter, Rule};
use crate::domain::fleet::Limits;
use crate::domain::policy::{Mode, Strategy};
use crate::domain::reference::Digest;
use crate::domain::release::Language;
use crate::domain::secret::Secret;
use crate::domain::settings::{Bounds, Forced};
use crate::listener::Listen;
use crate::notify::Templates;
use crate::notify::email::SmtpUrl;
use crate::outbound::proxy::Proxies;
use crate::outbound::trust::Authorities;
use crate::outbound::{Machine, Outbound, OutboundError};
use crate::registry::RegistryHost;
use crate::telemetry::LogFormat;
use crate::traces::Settings as TracesSettings;
use auth::{Around, Auth};
use channel::ChannelConfig;
use file::{ConfigFile, File};
use notes::NotesConfig;
pub use opening::OpenQueueError;
use origin::ReadFiles;
pub use origin::{Origins, Row};
use parse::Reader;
use queue::QueueConfig;
use schedule::Schedule;
use source::{Scheme, Source};
use written::Written;

/// Everything the process is told.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
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
    /// `IMAGE_WATCHER_SETTLE`: so long a rollout that is complete has to stay well before it is told.
    pub settle: Duration,
    /// `IMAGE_WATCHER_ROLLOUTS_TOTAL`, `IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE`: so many updates may roll at once.
    pub rollouts: Limits,
    /// `IMAGE_WATCHER_DELETE_BROKEN`: whether what stands in the way of a way back may be deleted.
    pub delete_broken: bool,
    /// Whether everything is decided and told, and nothing is written to the cluster.
    pub dry_run: bool,
    /// Whether each container for which there is something newer has a series of its own in the metrics.
    pub metrics_per_workload: bool,
    /// `HOST`, `PORT`.
    pub public: Listen,
    /// `HOST`, `ADMIN_PORT`.
    pub private: Listen,
    /// `BASE_URL`.
    pub base_url: Option<Url>,
    /// `TRUSTED_PROXY`.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// `IMAGE_WATCHER_IDENTITY_HEADER`, `IMAGE_WATCHER_IDENTITY_REQUIRED`.
    pub identity: Option<IdentityHeader>,
    /// Who may see the page and the API: the file's block `auth`; nobody, where it has none.
    pub auth: Option<Auth>,
    /// `IMAGE_WATCHER_DATA`.
    pub data: PathBuf,
    /// `IMAGE_WATCHER_QUEUE`, and where it is.
    pub queue: QueueConfig,
    /// `IMAGE_WATCHER_NAMESPACES`: the namespaces that are watched, where each is named; empty where only the cluster knows
    /// which they are, or all are.
    pub namespaces: Vec<String>,
    /// The same, with what is said beside names.
    pub watched: NamespaceFilter,
    /// The file's list `rules`: settings of workloads that no annotation names.
    pub rules: Vec<Rule>,
    /// `IMAGE_WATCHER_LINK_KEY`: the first signs, the others still verify. Without any one is made and kept in the data
    /// folder.
    pub link_keys: Vec<Secret>,
    /// What is said of registries: the file's list `registries`, and `IMAGE_WATCHER_PLAIN_HTTP`.
    pub registries: Vec<RegistryHost>,
    /// `IMAGE_WATCHER_LANGUAGE`, the language of channels and pages where nothing else is said.
    pub language: Language,
    /// `TZ`, the zone of the schedule, and of channels and pages where nothing else is said.
    pub zone: Tz,
    /// Who is told: `SMTP_URL`, `SLACK_URL`, `WEBHOOK_URL`, and the file's list `channels`.
    pub channels: Vec<ChannelConfig>,
    /// `IMAGE_WATCHER_TEMPLATES`: what is used in the place of the built-in templates.
    pub templates: Templates,
    /// `SLACK_SIGNING_SECRET`, where somebody may press buttons in Slack.
    pub slack_signing_secret: Option<Secret>,
    /// This cluster's name, in every message.
    pub cluster: Option<String>,
    /// Release notes and their summary.
    pub notes: NotesConfig,
    /// The open sources of webhooks.
    pub sources: Vec<Source>,
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
    pub proxies: Proxies,
    /// `SSL_CERT_FILE`: more certificate authorities, in PEM.
    pub authorities: Authorities,
    /// Where spans of traces go, by the variables `OTEL_…`; `None` where none are made.
    pub traces: Option<TracesSettings>,
    /// What works, and may not be what was meant: told at each start.
    pub warnings: Vec<Problem>,
    /// Where each value comes from.
    pub origins: Origins,
}

/// Where a trusted proxy says who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeader {
    /// The header, in lower case.
    pub name: String,
    /// Whether nobody may open a link who did not sign in.
    pub is_required: bool,
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
    /// What it is written by, in the place of the built-in templates.
    pub templates: Templates,
}

/// The JSON Schema of the file, as `config --schema` prints it: made of the types by a test, so that the service carries the
/// text alone.
pub const SCHEMA: &str = include_str!("../docs/config.schema.json");

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable; of the file its path, line, column and the key.
    pub variable: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Where in the file it is; nothing of what the environment says.
    at: Option<document::Place>,
}

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} in the configuration:{}", count(problems.len()), list(problems))]
pub struct ConfigError {
    /// Those of the environment, then those of the file in the order of its lines.
    pub problems: Vec<Problem>,
    /// The files that were read, and what was in them; none of one that could not be read.
    pub files: BTreeMap<String, Option<Digest>>,
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".into() } else { format!("{problems} problems") }
}

fn list(problems: &[Problem]) -> String {
    let width = problems.iter().map(|p| p.variable.len()).max().unwrap_or(0);
    let line = |p: &Problem| format!("\n  {:width$}  {}", p.variable, p.problem);
    problems.iter().map(line).collect::<Vec<_>>().concat()
}

/// What the file says that `IMAGE_WATCHER_CONFIG` names.
fn from_file(variables: &BTreeMap<String, String>, file: entry::ReadFile<'_>) -> (File, Option<Problem>) {
    let Some(path) = variables.get("IMAGE_WATCHER_CONFIG").filter(|path| !path.is_empty()) else {
        return (File::default(), None);
    };
    match file(path) {
        Ok(text) => (File::read(&text), None),
        Err(error) => {
            let problem = format!("can't be read: {error}");
            (File::default(), Some(Problem { variable: path.clone(), problem, at: None }))
        }
    }
}

impl ConfigError {
    /// Whether all of it stands in the file, which may have been changed while the service runs, as its environment can't be.
    #[must_use]
    pub fn is_of_the_file(&self) -> bool {
        self.problems.iter().all(|problem| problem.at.is_some())
    }
}

impl Config {
    /// The registries that the operator named: for how they are asked, or for what webhooks tell.
    pub fn registry_hosts(&self) -> impl Iterator<Item = String> {
        let of_sources =
            self.sources.iter().flat_map(|source| source.hosts.registry.iter().chain(source.hosts.by_name.values()));
        self.registries.iter().map(|host| host.name().to_owned()).chain(of_sources.cloned())
    }

    /// A fingerprint of what it says of registries and of who is told. With another one than before all is looked at once: what could
    /// not be read may be read now, and what nobody was told may be told.
    #[must_use]
    pub fn of_others(&self) -> Digest {
        self.origins.of_others()
    }

    /// The factory of clients: these proxies, and these authorities beside the machine's own.
    ///
    /// # Errors
    /// [`OutboundError`] when TLS can't be set up.
    pub fn outbound(&self) -> Result<Outbound, OutboundError> {
        let authorities = self.authorities.clone();
        Ok(Outbound::trusting(authorities, Machine::this())?.through(self.proxies.clone()))
    }

    /// Reads the environment.
    ///
    /// `variables` are all names and values, of which those that describe Services are nobody's settings; `file` reads a
    /// file that a `…_FILE` variable names; `now` is what a schedule has to fire after.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem there is.
    pub fn read(
        variables: impl IntoIterator<Item = (String, String)>,
        file: &dyn Fn(&str) -> std::io::Result<String>,
        now: DateTime<Utc>,
    ) -> Result<Self, ConfigError> {
        match Self::read_as_far_as_it_goes(variables, file, now) {
            (config, None) => Ok(config),
            (_, Some(error)) => Err(error),
        }
    }

    /// As much of it as is understood, and what is not, which is as where nothing is said. For commands that ask the running
    /// service: that goes on by what was in force before.
    pub fn read_as_far_as_it_goes(
        variables: impl IntoIterator<Item = (String, String)>,
        file: &dyn Fn(&str) -> std::io::Result<String>,
        now: DateTime<Utc>,
    ) -> (Self, Option<ConfigError>) {
        let environment: BTreeMap<String, String> = variables.into_iter().collect();
        let all = environment.clone().into_iter();
        let (of_services, mut variables): (BTreeMap<String, String>, BTreeMap<String, String>) =
            all.partition(|(name, value)| service_link::describes_a_service(name, value));
        ways_out::capitalise(&mut variables);
        let files = ReadFiles::new(file);
        let file: entry::ReadFile<'_> = &|path| files.read(path);
        let (read, unreadable) = from_file(&variables, file);
        let mut written = Written::of(&variables, read.document, &read.problems);
        for (name, value) in read.variables {
            let by_file = format!("{name}_FILE");
            let set = variables.contains_key(name) || variables.contains_key(&by_file);
            if !set && !name.strip_suffix("_FILE").is_some_and(|bare| variables.contains_key(bare)) {
                variables.insert(name.to_owned(), value);
                written.sets(name, file::key_of(name).unwrap_or(name));
            }
        }
        let mut problems: Vec<Problem> = unreadable.into_iter().collect();
        problems.extend(read.problems.iter().map(|wrong| written.problem(wrong)));
        let mut reader = Reader::new(&variables, file, &written);
        for name in of_services.keys().filter(|name| names::is_known(name)) {
            reader.warning_of_environment(
                name,
                "is the address of a Service, set by the kubelet, and ignored; enableServiceLinks: false keeps it out",
            );
        }
        let config = Self::all(&mut reader, read.whole, now);
        reader.unknown();
        let (found, warnings, secrets) = reader.ended();
        problems.extend(found);
        problems.sort_by_key(|problem| problem.at);
        let files = files.into_read();
        let error = (!problems.is_empty()).then(|| ConfigError { problems, files: files.clone() });
        let origins = Origins::new(written, &variables, secrets, files).of(environment);
        (Self { warnings, origins, ..config }, error)
    }

    /// Says what workloads inherit, and which of them are watched, as far as it is configured.
    pub fn inherit(&self, defaults: &mut Defaults) {
        reload::inherit((&self.watched, &self.rules), defaults);
    }

    /// What settings of workloads are read under.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let channels = self.channels.iter().map(|channel| channel.name.clone()).collect();
        Bounds { forced: self.forced, channels: Some(channels) }
    }

    /// What stands before each path of `BASE_URL`, without a slash at its end.
    #[must_use]
    pub fn base_path(&self) -> String {
        self.base_url.as_ref().map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    }

    /// Where the deliveries of a source are sent to; what a person has to fill in stands in capitals. Without
    /// `BASE_URL` only the path is known.
    #[must_use]
    pub fn webhook_url(&self, source: &Source) -> String {
        let base = self.base_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
        let secret = match source.auth.scheme {
            Scheme::QueryToken => "?token=SECRET",
            Scheme::PathToken => "/SECRET",
            _ => "",
        };
        format!("{base}/webhooks/{}{secret}", source.name)
    }

    fn all(reader: &mut Reader<'_>, file: ConfigFile, now: DateTime<Utc>) -> Self {
        let environment = reader.word("NODE_ENV", &["production", "development", "test"], "production");
        let development = environment != "production";
        let zone = reader.parse("TZ", "an IANA zone as Europe/Paris").unwrap_or(Tz::UTC);
        let (public, private) = (reader.listen("PORT", 3000), reader.listen("ADMIN_PORT", 9090));
        if public.port == private.port && public.port != 0 {
            reader.problem("ADMIN_PORT", "is the same as PORT; the private listener needs a port of its own");
        }
        let trusted_proxies: Vec<ipnet::IpNet> = reader.list_of("TRUSTED_PROXY", "comma-separated CIDRs as 10.0.0.0/8");
        let sources = reader.all_sources(file.sources);
        reader.unchecked(&sources);
        let forced = Forced {
            mode: reader.word_of::<Mode>("IMAGE_WATCHER_MODE"),
            strategy: reader.word_of::<Strategy>("IMAGE_WATCHER_STRATEGY"),
        };
        let templates = reader.read_templates();
        let language = reader.parse("IMAGE_WATCHER_LANGUAGE", "one of en, fr").unwrap_or_default();
        let channels = reader.channels(file.channels, (language, zone), development);
        let names: Vec<String> = channels.iter().map(|channel| channel.name.clone()).collect();
        let rules = reader.rules(&file.rules, &names);
        let watched = reader.namespaces(file.namespaces.as_ref());
        let (base_url, identity) = (reader.base_url(development), reader.identity(&trusted_proxies));
        let around = Around {
            base_url: base_url.as_ref(),
            has_base_url: reader.text("BASE_URL").is_some(),
            development,
            trusted_proxies: &trusted_proxies,
            identity: identity.as_ref(),
        };
        let auth = reader.auth(file.auth, &around);
        Self {
            development,
            log_level: reader
                .parse("LOG_LEVEL", "one of ERROR, WARN, INFO, DEBUG, TRACE")
                .unwrap_or(tracing::Level::INFO),
            log_format: if environment == "production" { LogFormat::Json } else { LogFormat::Readable },
            forced,
            run_on_boot: reader.flag("RUN_ON_BOOT"),
            schedule: reader.schedule(zone, now),
            settle: reader.settle(),
            rollouts: reader.rollouts(),
            delete_broken: reader.flag("IMAGE_WATCHER_DELETE_BROKEN"),
            dry_run: reader.flag("IMAGE_WATCHER_DRY_RUN"),
            metrics_per_workload: reader.flag_or(names::METRICS_PER_WORKLOAD, true),
            public,
            private,
            base_url,
            identity,
            auth,
            trusted_proxies,
            language,
            zone,
            data: reader.text("IMAGE_WATCHER_DATA").unwrap_or_else(|| "./data".into()).into(),
            queue: reader.queue(),
            namespaces: watched.named().unwrap_or_default(),
            watched,
            rules,
            link_keys: reader.link_keys(),
            registries: reader.registries(&file.registries),
            slack_signing_secret: reader.slack_signing_secret(&channels),
            channels,
            templates,
            cluster: reader.cluster(),
            notes: reader.notes(file.forges, development),
            sources,
            proxies: reader.proxies(),
            authorities: reader.authorities(),
            traces: reader.traces(),
            warnings: Vec::new(),
            origins: Origins::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Addresses;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(
            variables,
            &|path| match path {
                "/secret" => Ok("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n".into()),
                "/empty" => Ok("\n".into()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            },
            now(),
        )
    }

    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let error = read(variables).unwrap_err();
        error.problems.iter().map(|p| format!("{}: {}", p.variable, p.problem)).collect()
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
        let warnings = read(variables).unwrap().warnings;
        warnings.iter().map(|warning| format!("{}: {}", warning.variable, warning.problem)).collect()
    }

    #[test]
    fn nothing_has_to_be_set() {
        let config = read(&[]).unwrap();
        assert!(!config.development && config.channels.is_empty() && config.sources.is_empty());
        assert_eq!(config.public, Listen { on: Addresses::All, port: 3000 });
        assert_eq!(config.private, Listen { on: Addresses::All, port: 9090 });
        assert_eq!(config.warnings, []);
        assert!(config.schedule.is_some(), "the poller is the safety net");
    }

    #[test]
    fn how_many_updates_roll_at_once_is_not_bounded_unless_set() {
        use std::num::NonZeroU32;

        let limits = |total, namespace| {
            let names = ["IMAGE_WATCHER_ROLLOUTS_TOTAL", "IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE"];
            let read = read(&[(names[0], total), (names[1], namespace)]).map(|config| config.rollouts).ok()?;
            Some((read.total.map(NonZeroU32::get), read.per_namespace.map(NonZeroU32::get)))
        };
        assert_eq!((limits("", ""), limits("5", "2")), (Some((None, None)), Some((Some(5), Some(2)))));
        for wrong in ["0", "-1", "many", "99999999999"] {
            assert_eq!((limits(wrong, ""), limits("", wrong)), (None, None), "{wrong}");
        }
    }

    #[test]
    fn a_settle_time_is_a_duration_of_an_hour_at_most() {
        let settle = |text| read(&[("IMAGE_WATCHER_SETTLE", text)]).map(|config| config.settle.as_secs()).ok();
        assert_eq!((settle(""), settle("0s"), settle("90s"), settle("1h")), (Some(60), Some(0), Some(90), Some(3600)));
        for wrong in ["61m", "1", "soon", "-1s"] {
            assert_eq!(settle(wrong), None, "{wrong}");
        }
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
            ("HOST", "http://iw"),
            ("RUN_ON_BOOT", "perhaps"),
            ("IMAGE_WATCHER_PLAIN_HTTP", "http://registry.example.com:5000/"),
        ]);
        assert_eq!(told.len(), 13, "{told:#?}");
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
    fn the_queue_is_a_file_or_stands_on_nats() {
        let key = ("IMAGE_WATCHER_LINK_KEY", "a key of thirty-two bytes or more");
        let queue = |variables: &[(&str, &str)]| read(&[variables, &[key]].concat()).unwrap().queue;
        assert!(matches!(queue(&[]), QueueConfig::Sqlite));
        assert!(matches!(queue(&[("IMAGE_WATCHER_QUEUE", "sqlite")]), QueueConfig::Sqlite));
        let nats = |variables: &[(&str, &str)]| match queue(variables) {
            QueueConfig::Nats(nats) => nats,
            QueueConfig::Sqlite => panic!("it is on NATS"),
        };
        let one = nats(&[("IMAGE_WATCHER_QUEUE", "nats://nats:4222")]);
        assert_eq!((one.servers.len(), one.replicas, one.buckets.as_str()), (1, 1, "image-watcher"));
        let three = [("IMAGE_WATCHER_QUEUE", "tls://a, tls://b:4222,nats://c")];
        assert_eq!((nats(&three).servers.len(), nats(&three).replicas), (3, 3), "whoever names three has three");
        let user = [
            three[0],
            ("IMAGE_WATCHER_NATS_USER", "iw"),
            ("IMAGE_WATCHER_NATS_PASSWORD_FILE", "/secret"),
            ("IMAGE_WATCHER_NATS_BUCKET", "prod"),
            ("IMAGE_WATCHER_NATS_REPLICAS", "5"),
        ];
        let known = nats(&user);
        let crate::queue::nats::Login::User { name, password } = &known.login else { panic!("{:?}", known.login) };
        assert_eq!(password.file.as_deref(), Some(std::path::Path::new("/secret")));
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert_eq!((name.as_str(), password.first.expose()), ("iw", secret));
        assert_eq!((known.buckets.as_str(), known.replicas), ("prod", 5));
    }

    #[test]
    fn a_file_says_what_the_environment_does_not() {
        let with = |variables: &[(&str, &str)]| {
            let all = variables.iter().chain(&[("IMAGE_WATCHER_CONFIG", "/c.yaml")]);
            let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Config::read(
                all,
                &|path| match path {
                    "/c.yaml" => Ok(
                        "port: 1\nhost: 127.0.0.1\nsources: [{name: hub, kind: dockerhub, auth: {secretFiles: [/s]}}]"
                            .into(),
                    ),
                    "/s" => Ok("t".into()),
                    _ => Err(std::io::ErrorKind::NotFound.into()),
                },
                now(),
            )
        };
        let config = with(&[("PORT", "2"), ("DOCKERHUB_WEBHOOK_TOKEN", "t")]).unwrap();
        assert_eq!(config.public, Listen { on: Addresses::One([127, 0, 0, 1].into()), port: 2 });
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
            Config::read(
                variables,
                &|path| match path {
                    "/c.yaml" => Ok(yaml.clone()),
                    "/url" => Ok("https://hooks.example.com/x\n".into()),
                    _ => Err(std::io::ErrorKind::NotFound.into()),
                },
                now(),
            )
        };
        let channels = read(
            "{name: oncall, kind: email, to: [a@example.com], events: [update.failed], namespaces: [shop], language: fr}, \
             {name: chat, kind: slack, urlFile: /url}",
        );
        let channels = channels.unwrap().channels;
        let [oncall, chat] = &channels[..] else { panic!("two channels: {channels:?}") };
        assert_eq!(
            (oncall.name.as_str(), oncall.scope.events.as_ref().map_or(0, Vec::len), oncall.scope.language.code()),
            ("oncall", 1, "fr")
        );
        assert!(
            matches!(chat.destination, channel::Destination::Service(_))
                && chat.scope == crate::notify::Scope::default()
        );
        for (entry, expected) in [
            ("{name: A, kind: email}", "channels[0].name"),
            ("{name: a, kind: fax}", "channels[0].kind"),
            ("{name: a, kind: discord}", "channels[0].urlFile"),
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

    /// I1: whoever may make a Service chooses the names of these variables.
    #[test]
    fn services_are_nobodys_settings() {
        let of_services = [
            ("IMAGE_WATCHER_SERVICE_HOST", "10.0.0.7"),
            ("IMAGE_WATCHER_SERVICE_PORT", "80"),
            ("IMAGE_WATCHER_SERVICE_PORT_PUBLIC", "80"),
            ("IMAGE_WATCHER_PORT", "tcp://10.0.0.7:80"),
            ("IMAGE_WATCHER_PORT_80_TCP", "tcp://10.0.0.7:80"),
            ("IMAGE_WATCHER_PORT_80_TCP_PROTO", "tcp"),
            ("IMAGE_WATCHER_PORT_80_TCP_PORT", "80"),
            ("IMAGE_WATCHER_PORT_80_TCP_ADDR", "10.0.0.7"),
            ("IMAGE_WATCHER_MODE_PORT", "tcp://[fd00::7]:80"),
            ("SMTP_PORT", "tcp://10.0.0.8:25"),
            ("SMTP_SERVICE_HOST", "10.0.0.8"),
        ];
        let config = read(&of_services).unwrap();
        assert_eq!(config.warnings, [], "they are no near misses either");
        assert_eq!(config.forced, Forced::default());
        let admin = [("ADMIN_PORT", "tcp://10.0.0.9:80")];
        assert_eq!(read(&admin).unwrap().private.port, 9090);
        assert!(warnings(&admin)[0].starts_with("ADMIN_PORT: is the address of a Service"));
        assert_eq!(read(&[("ADMIN_PORT", "9091")]).unwrap().private.port, 9091);
        for (name, value) in [("ADMIN_PORT", "tcp://admin:80"), ("PORT", "http"), ("IMAGE_WATCHER_PORT", "8080")] {
            assert_eq!(problems(&[(name, value)]).len(), 1, "a person's {name}={value}");
        }
    }

    #[test]
    fn what_is_said_of_registries_and_of_who_is_told_has_one_fingerprint() {
        let of = |variables: &[(&str, &str)]| read(variables).unwrap().of_others();
        let mail = [("SMTP_URL", "smtps://user:secret@mail.example.com"), ("MAIL_FROM", "a@example.com")];
        let mail =
            |more: &[(&'static str, &'static str)]| of(&[&mail[..], &[("MAIL_TO", "b@example.com")], more].concat());
        assert_eq!(mail(&[("LOG_LEVEL", "DEBUG"), ("PORT", "3001")]), mail(&[]), "what changes nothing of them");
        let of_a_pod = [("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=image-watcher-7d9f"), ("GITHUB_TOKEN", "token")];
        assert_eq!(mail(&of_a_pod), mail(&[]), "nor does what is another in each pod");
        assert_eq!(mail(&[("IMAGE_WATCHER_MODE", "NOTIFICATION")]), mail(&[]), "nor what a look decides by anyway");
        assert_ne!(mail(&[("NO_PROXY", "registry.example.com")]), mail(&[]), "how a registry is reached");
        let other = [
            ("SMTP_URL", "smtps://user:other@mail.example.com"),
            ("MAIL_FROM", "a@example.com"),
            ("MAIL_TO", "b@example.com"),
        ];
        assert_eq!(of(&other), mail(&[]), "of a secret that it is there");
        for different in [of(&[]), mail(&[("SLACK_URL", "https://hooks.example.com/1")])] {
            assert_ne!(different, mail(&[]));
        }
    }

    /// I1, as a kind: no Service, called like a variable of ours or like the beginning of one, changes a setting.
    #[test]
    fn no_service_changes_a_setting() {
        let set = |config: Config| format!("{:?}", Config { warnings: Vec::new(), ..config });
        let nothing = set(read(&[]).unwrap());
        for name in names::all() {
            let ends = name.match_indices('_').map(|(end, _)| end).chain([name.len()]);
            for service in ends.map(|end| &name[..end]) {
                for port in ["FILE", "PUBLIC", name] {
                    let variables = [
                        (format!("{service}_SERVICE_HOST"), "10.0.0.7"),
                        (format!("{service}_SERVICE_PORT"), "80"),
                        (format!("{service}_SERVICE_PORT_{port}"), "80"),
                        (format!("{service}_PORT"), "tcp://10.0.0.7:80"),
                        (format!("{service}_PORT_80_TCP"), "tcp://10.0.0.7:80"),
                        (format!("{service}_PORT_80_TCP_PROTO"), "tcp"),
                        (format!("{service}_PORT_80_TCP_PORT"), "80"),
                        (format!("{service}_PORT_80_TCP_ADDR"), "10.0.0.7"),
                    ];
                    let variables: Vec<(&str, &str)> =
                        variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                    let config = read(&variables).unwrap();
                    let mistaken = config.warnings.iter().find(|warning| !warning.problem.contains("of a Service"));
                    assert_eq!(mistaken, None, "{service}");
                    assert_eq!(set(config), nothing, "{service}");
                }
            }
        }
    }

    #[test]
    fn a_switch_is_on_or_off_in_any_usual_word() {
        let run = |word: &str| read(&[("RUN_ON_BOOT", word)]).map(|config| config.run_on_boot).ok();
        for word in ["TRUE", "true", "True", "1", "yes", "YES", "on", "On", " true "] {
            assert_eq!(run(word), Some(true), "{word:?}");
        }
        for word in ["", " ", "FALSE", "false", "0", "no", "No", "off", "OFF"] {
            assert_eq!(run(word), Some(false), "{word:?}");
        }
        for word in ["2", "y", "enabled", "-1", "tru", "null"] {
            assert_eq!(run(word), None, "{word:?}");
        }
    }

    #[test]
    fn a_schedule_that_never_fires_is_told_by_name() {
        let told = problems(&[("IMAGE_WATCHER_SCHEDULE", "0 0 30 2 *")]);
        assert!(told[0].starts_with("IMAGE_WATCHER_SCHEDULE: never fires"), "{told:?}");
        assert_eq!(problems(&[("IMAGE_WATCHER_SCHEDULE", "0 0 0 1 1 * 2020")]).len(), 1, "a year that is over");
    }

    #[test]
    fn a_name_that_is_nearly_ours_is_told_and_no_error() {
        let told = warnings(&[
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.example/s3cret"),
            ("SMTP_PASSWORD", "hunter2"),
            ("GH_TOKEN", "s3cret"),
            ("HOME", "/root"),
        ]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(!told.concat().contains("s3cret") && !told.concat().contains("hunter2"), "{told:?}");
    }

    /// M5: a password that ends the host early would be dialled elsewhere.
    #[test]
    fn a_broken_user_part_is_refused_for_every_url() {
        let broken = "https://iw:12/3ab@example.com/x";
        for (name, more) in [
            ("WEBHOOK_URL", ("WEBHOOK_SECRET_FILE", "/secret")),
            ("SLACK_URL", ("TZ", "UTC")),
            ("BASE_URL", ("TZ", "UTC")),
            ("OPEN_AI_URL", ("OPEN_AI_MODEL", "m")),
        ] {
            for environment in ["production", "development"] {
                let told = problems(&[(name, broken), more, ("NODE_ENV", environment)]);
                assert!(told[0].starts_with(name) && told[0].contains("percent-encode"), "{told:?}");
                assert!(!told[0].contains("3ab"), "{told:?}");
            }
        }
        let mail = [("MAIL_FROM", "iw@example.com"), ("MAIL_TO", "a@example.com")];
        let told = problems(&[("SMTP_URL", "smtps://iw:12/3ab@mail.example.com"), mail[0], mail[1]]);
        assert!(told[0].starts_with("SMTP_URL: has a /") && told[0].contains("percent-encode"), "{told:?}");
    }

    #[test]
    fn what_is_unsafe_and_allowed_is_told_at_each_start() {
        let with =
            |url: &'static str| [("SMTP_URL", url), ("MAIL_FROM", "iw@example.com"), ("MAIL_TO", "a@example.com")];
        let told = warnings(&with("smtp://relay.example.com:25?tls=none"));
        assert!(matches!(&told[..], [one] if one.starts_with("SMTP_URL: says tls=none")), "{told:?}");
        assert!(warnings(&with("smtp://127.0.0.1:1025?tls=none")).is_empty(), "nobody listens between");
        let yaml = "sources: [{name: open, kind: quay, auth: {scheme: none}}]";
        let config = Config::read([("IMAGE_WATCHER_CONFIG".into(), "/c".into())], &|_| Ok(yaml.into()), now()).unwrap();
        assert!(matches!(&config.warnings[..], [one] if one.variable == "sources: open"), "{:?}", config.warnings);
    }

    #[test]
    fn a_source_has_a_url_without_its_secret() {
        let urls = |base: &[(&str, &str)]| {
            let tokens = [("DOCKERHUB_WEBHOOK_TOKEN", "s3cret"), ("GITHUB_WEBHOOK_SECRET", "s3cret")];
            let config = read(&[&tokens, base].concat()).unwrap();
            config.sources.iter().map(|source| config.webhook_url(source)).collect::<Vec<_>>()
        };
        assert_eq!(urls(&[]), ["/webhooks/dockerhub?token=SECRET", "/webhooks/github"]);
        for base in ["https://ops.example.com/iw", "https://ops.example.com/iw/"] {
            let expected = [
                "https://ops.example.com/iw/webhooks/dockerhub?token=SECRET",
                "https://ops.example.com/iw/webhooks/github",
            ];
            assert_eq!(urls(&[("BASE_URL", base)]), expected);
        }
    }

    #[test]
    fn plain_links_are_for_development() {
        assert_eq!(problems(&[("BASE_URL", "http://iw.example.com")]).len(), 1);
        assert!(read(&[("BASE_URL", "http://iw.example.com"), ("NODE_ENV", "development")]).is_ok());
        assert_eq!(read(&[("BASE_URL", "https://ops.example.com/iw")]).unwrap().base_url.unwrap().path(), "/iw");
    }
}
