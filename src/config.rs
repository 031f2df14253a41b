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
use crate::domain::rotating::Rotating;
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
    pub slack_signing_secret: Option<Rotating<Secret>>,
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
mod tests;
