//! Reads variables one by one, and gathers what is wrong with them.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use url::Url;

use super::entry::{ReadFile, proxy_header};
use super::names::{self, PREFIX};
use super::namespaces::{self, NamespacesEntry};
use super::schedule::Schedule;
use super::source::{self, Scheme, Source, SourceEntry, SourceKind};
use super::written::{HeldSecret, Written};
use super::{IdentityHeader, Mail, Problem};
use crate::domain::approval::LinkKey;
use crate::domain::defaults::NamespaceFilter;
use crate::domain::fleet::Limits;
use crate::domain::policy::duration;
use crate::domain::secret::Secret;
use crate::domain::written_url::{self, WrittenUrlError};
use crate::listener::{Addresses, Listen};
use crate::notify::email::{SmtpTls, SmtpUrl};
use crate::notify::webhook::{Format, WebhookChannel, WebhookSecrets};
use crate::notify::{Part, Template, Templates};

/// The default schedule of the poller.
const EVERY_THREE_HOURS: &str = "0 */3 * * *";

/// How long a complete rollout has to stay well, and how long at most.
const SETTLE: Duration = Duration::from_secs(60);
const MOST_SETTLE: Duration = Duration::from_secs(60 * 60);

/// The variables, and what was found wrong with them.
pub(super) struct Reader<'v> {
    variables: &'v BTreeMap<String, String>,
    file: ReadFile<'v>,
    written: &'v Written,
    secrets: BTreeMap<String, HeldSecret>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    templates: Templates,
}

impl<'v> Reader<'v> {
    pub(super) fn new(variables: &'v BTreeMap<String, String>, file: ReadFile<'v>, written: &'v Written) -> Self {
        Self {
            variables,
            file,
            written,
            secrets: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            templates: Templates::default(),
        }
    }

    /// What is wrong, what works and is told all the same, and which secrets variables hold.
    pub(super) fn ended(self) -> (Vec<Problem>, Vec<Problem>, BTreeMap<String, HeldSecret>) {
        (self.problems, self.warnings, self.secrets)
    }

    pub(super) fn problem(&mut self, variable: &str, problem: impl Into<String>) {
        let problem = self.written.problem_of(variable, problem.into());
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn warning(&mut self, variable: &str, warning: impl Into<String>) {
        self.warning_at(self.written.label(variable), warning);
    }

    /// The same, of what the environment says, whether or not the file says something else in its place.
    pub(super) fn warning_of_environment(&mut self, variable: &str, warning: impl Into<String>) {
        self.warning_at(variable.to_owned(), warning);
    }

    fn warning_at(&mut self, variable: String, warning: impl Into<String>) {
        let warning = Problem { variable, problem: warning.into(), at: None };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A problem of the file, by its key.
    pub(super) fn file_problem(&mut self, key: &str, problem: String) {
        // What could not be read there is told already, and not that it is missing.
        if !self.written.is_told(key) {
            let problem = self.written.problem_at(key, problem);
            self.problems.extend(Some(problem).filter(|problem| !self.problems.contains(problem)));
        }
    }

    /// The templates of a folder. One that can't be used is told, and the built-in one is.
    pub(super) fn read_templates(&mut self) -> Templates {
        const NAME: &str = "IMAGE_WATCHER_TEMPLATES";
        let Some(folder) = self.text(NAME) else { return Templates::default() };
        let mut is_empty = true;
        for part in Part::ALL {
            let path = format!("{}/{}", folder.trim_end_matches('/'), part.file());
            let read = (self.file)(&path);
            is_empty &= read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
            let wrong = match read.map(|text| Template::tried(part, &text)) {
                Ok(Ok(template)) => {
                    self.templates.set(template);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => format!("it can't be read: {error}"),
            };
            self.warning(NAME, format!("{path} is not used, and the built-in template is: {wrong}"));
        }
        if is_empty {
            let files = Part::ALL.map(Part::file).join(", ");
            self.warning(NAME, format!("{folder} has none of the templates {files}"));
        }
        self.templates.clone()
    }

    /// What webhooks are written by that have no body of their own.
    pub(super) fn webhook_template(&self) -> Option<Arc<Template>> {
        self.templates.webhook.clone()
    }

    /// What mails are written by.
    pub(super) fn mail_templates(&self) -> Templates {
        self.templates.clone()
    }

    /// What reads the files that settings name.
    pub(super) fn files(&self) -> ReadFile<'v> {
        self.file
    }

    /// A variable that is set to something.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.problem(name, format!("can't be read; {expected} is expected"));
        }
        parsed
    }

    pub(super) fn list_of<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let items = self.list(name);
        let parsed: Vec<T> = items.iter().filter_map(|item| item.parse().ok()).collect();
        if parsed.len() != items.len() {
            self.problem(name, format!("can't be read; {expected} are expected"));
        }
        parsed
    }

    pub(super) fn word(&mut self, name: &str, allowed: &[&'static str], default: &'static str) -> &'static str {
        let Some(text) = self.text(name) else { return default };
        let found = allowed.iter().find(|word| word.eq_ignore_ascii_case(&text));
        if found.is_none() {
            self.problem(name, format!("is none of {}", allowed.join(", ")));
        }
        found.copied().unwrap_or(default)
    }

    pub(super) fn word_of<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        match self.text(name)?.parse::<T>() {
            Ok(word) => Some(word),
            Err(error) => {
                // What was given is not repeated: a secret pasted into the wrong variable must not reach a log.
                let told = error.to_string();
                self.problem(name, told.find(" is none of ").map_or("can't be read", |start| &told[start + 1..]));
                None
            }
        }
    }

    /// Yes or no; empty is no.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// The same, where it is `unset` without being named.
    pub(super) fn flag_or(&mut self, name: &str, unset: bool) -> bool {
        const ON: [&str; 4] = ["TRUE", "1", "YES", "ON"];
        const OFF: [&str; 4] = ["FALSE", "0", "NO", "OFF"];
        let Some(text) = self.text(name) else { return unset };
        let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(&text));
        if !is_one_of(&ON) && !is_one_of(&OFF) {
            self.problem(name, "is neither TRUE (1, yes, on) nor FALSE (0, no, off)");
        }
        is_one_of(&ON)
    }

    /// `HOST` and a port.
    pub(super) fn listen(&mut self, port: &str, default: u16) -> Listen {
        let on = match self.text("HOST").map(|host| host.parse::<Addresses>()) {
            Some(Ok(on)) => on,
            Some(Err(error)) => {
                self.problem("HOST", error.to_string());
                Addresses::All
            }
            None => Addresses::All,
        };
        Listen { on, port: self.parse(port, "a port from 0 to 65535").unwrap_or(default) }
    }

    /// A secret of one line from the variable, or from the file that `<NAME>_FILE` names; a line end after it is cut.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let secret = self.secret_text(name)?;
        if let Err(told) = super::entry::one_line(secret.expose()) {
            self.problem(name, told);
            return None;
        }
        Some(secret)
    }

    /// The same of a secret that may have many lines, as a key in PEM.
    pub(super) fn secret_text(&mut self, name: &str) -> Option<Secret> {
        let by_file = format!("{name}_FILE");
        let (given, path) = (self.variables.get(name).cloned(), self.text(&by_file));
        let text = match (given, path) {
            (Some(_), Some(_)) => {
                self.problem(name, format!("set twice, also by {by_file}; keep one"));
                return None;
            }
            (Some(text), None) => text,
            (None, Some(path)) => match (self.file)(&path) {
                Ok(text) => text,
                Err(error) => {
                    self.problem(&by_file, format!("the file can't be read: {error}"));
                    return None;
                }
            },
            (None, None) => return None,
        };
        let text = super::entry::cut(&text).to_owned();
        let from_file = self.text(&by_file).is_some();
        if text.is_empty() {
            if from_file {
                self.problem(&by_file, "the file is empty");
            } else {
                self.problem(name, "is empty; unset it, or give it a value");
            }
            return None;
        }
        self.secrets.insert(name.to_owned(), HeldSecret { bytes: text.len(), from_file });
        Some(Secret::new(text))
    }

    pub(super) fn schedule(&mut self, zone: Tz, now: DateTime<Utc>) -> Option<Schedule> {
        const NAME: &str = "IMAGE_WATCHER_SCHEDULE";
        let text = self.variables.get(NAME).map_or(EVERY_THREE_HOURS, |text| text.trim());
        if text.is_empty() {
            return None;
        }
        match Schedule::new(text, zone, now) {
            Ok(schedule) => Some(schedule),
            Err(error) => {
                self.problem(NAME, error.to_string());
                None
            }
        }
    }

    /// How long a complete rollout has to stay well.
    pub(super) fn settle(&mut self) -> Duration {
        const NAME: &str = "IMAGE_WATCHER_SETTLE";
        let Some(text) = self.text(NAME) else { return SETTLE };
        let time = duration(&text).ok().and_then(|time| time.to_std().ok()).filter(|time| *time <= MOST_SETTLE);
        if time.is_none() {
            self.problem(NAME, "is no duration from 0s to 1h, as 90s or 5m");
        }
        time.unwrap_or(SETTLE)
    }

    /// How long what is not urgent waits on a channel for others.
    pub(super) fn window(&mut self) -> Option<TimeDelta> {
        const NAME: &str = "IMAGE_WATCHER_WINDOW";
        match super::entry::window(&self.text(NAME)?) {
            Ok(window) => Some(window),
            Err((_, problem)) => {
                self.problem(NAME, problem);
                None
            }
        }
    }

    /// How many updates may roll at once; without, as many as there are.
    pub(super) fn rollouts(&mut self) -> Limits {
        const EXPECTED: &str = "a number of updates, 1 or more";
        let [total, per_namespace] = super::names::ROLLOUTS.map(|name| self.parse(name, EXPECTED));
        Limits { total, per_namespace }
    }

    /// Who says who signed in, and whether everybody has to. A header that anybody may send is no proof of anything.
    pub(super) fn identity(&mut self, trusted_proxies: &[ipnet::IpNet]) -> Option<IdentityHeader> {
        let [header, required] = super::names::IDENTITY;
        let is_required = self.flag(required);
        let Some(name) = self.text(header) else {
            if is_required {
                self.problem(
                    header,
                    format!("is needed as well as {required}: the header in which the proxy says who signed in"),
                );
            }
            return None;
        };
        let name = match proxy_header(&name) {
            Ok(name) => name,
            Err(problem) => {
                self.problem(header, problem);
                return None;
            }
        };
        if trusted_proxies.is_empty() {
            self.problem(header, "is believed of a trusted proxy alone: set TRUSTED_PROXY as well");
            return None;
        }
        Some(IdentityHeader { name, is_required })
    }

    pub(super) fn base_url(&mut self, development: bool) -> Option<Url> {
        const NAME: &str = "BASE_URL";
        let text = self.text(NAME)?;
        let fits = |url: &Url| {
            let schemes: &[&str] = if development { &["https", "http"] } else { &["https"] };
            schemes.contains(&url.scheme())
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        match written_url::parse(&text) {
            Ok(url) if fits(&url) => return Some(url),
            Ok(_) | Err(WrittenUrlError::Form) => {
                self.problem(
                    NAME,
                    "is no absolute https:// URL without user and query; http:// is for NODE_ENV=development",
                );
            }
            Err(error) => self.problem(NAME, error.to_string()),
        }
        None
    }

    /// The namespaces that are watched: what the variable says, else the file.
    pub(super) fn namespaces(&mut self, of_file: Option<&NamespacesEntry>) -> NamespaceFilter {
        match of_file.filter(|_| !self.variables.contains_key(names::NAMESPACES)).map(NamespacesEntry::read) {
            Some(Ok(filter)) => return filter,
            Some(Err((key, problem))) => self.file_problem(&format!("namespaces{key}"), problem),
            None => match namespaces::read(&self.list(names::NAMESPACES)) {
                Ok(filter) => return filter,
                Err(problem) => self.problem(names::NAMESPACES, problem),
            },
        }
        NamespaceFilter::default()
    }

    pub(super) fn link_keys(&mut self) -> Vec<Secret> {
        const NAME: &str = "IMAGE_WATCHER_LINK_KEY";
        let Some(all) = self.secret(NAME) else { return Vec::new() };
        let mut keys = Vec::new();
        for key in all.expose().split(',').map(str::trim) {
            match LinkKey::new(key.as_bytes().to_vec()) {
                Ok(_) => keys.push(Secret::new(key.to_owned())),
                Err(error) => self.problem(NAME, error.to_string()),
            }
        }
        keys
    }

    /// A URL that is a secret itself.
    pub(super) fn https(&mut self, name: &str, development: bool) -> Option<Secret> {
        let secret = self.secret(name)?;
        if let Err(problem) = plain_url(secret.expose(), development) {
            self.problem(name, problem);
            return None;
        }
        Some(secret)
    }

    /// The cluster's name, which stands in subjects and headings.
    pub(super) fn cluster(&mut self) -> Option<String> {
        let name = self.text("IMAGE_WATCHER_CLUSTER")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        if name.len() > 63 || !name.chars().all(fits) {
            self.problem("IMAGE_WATCHER_CLUSTER", "at most 63 letters, digits, spaces and - _ . are expected");
            return None;
        }
        Some(name)
    }

    /// The channel of `MAIL_TO`. Where the file has mail channels, `shared`, the server may be theirs alone.
    pub(super) fn mail(&mut self, shared: bool) -> Option<Mail> {
        let addresses = self.list("MAIL_TO");
        if addresses.is_empty() && shared {
            return None;
        }
        let set = ["SMTP_URL", "SMTP_URL_FILE"].iter().any(|name| self.variables.contains_key(*name));
        if !set {
            if self.text("MAIL_FROM").is_some() || !addresses.is_empty() {
                self.problem("SMTP_URL", "is missing; MAIL_FROM and MAIL_TO need it");
            }
            return None;
        }
        let server = self.mail_server();
        let to: Vec<_> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
        if to.is_empty() || to.len() != addresses.len() {
            self.problem("MAIL_TO", "mail addresses are expected, comma-separated");
        }
        let (smtp, from) = server?;
        Some(Mail { smtp, from, to, templates: self.templates.clone() })
    }

    /// Where mail is handed in, and its sender.
    pub(super) fn mail_server(&mut self) -> Option<(SmtpUrl, lettre::message::Mailbox)> {
        let smtp = self.secret("SMTP_URL").and_then(|url| match SmtpUrl::parse(url.expose()) {
            Ok(smtp) => Some(smtp.or_introduced_as(self.host_name())),
            Err(error) => {
                self.problem("SMTP_URL", error.to_string());
                None
            }
        });
        if smtp.as_ref().is_some_and(|smtp| smtp.tls() == SmtpTls::None && !smtp.is_on_this_machine()) {
            self.warning(
                "SMTP_URL",
                "says tls=none: mail and its links cross the network in the clear, for anybody to read and use",
            );
        }
        let from = self.mailbox("MAIL_FROM", self.text("MAIL_FROM"));
        Some((smtp?, from?))
    }

    fn mailbox(&mut self, name: &str, text: Option<String>) -> Option<lettre::message::Mailbox> {
        let mailbox = text.and_then(|text| text.parse().ok());
        if mailbox.is_none() {
            self.problem(name, "a mail address is expected, as Image Watcher <iw@example.com>");
        }
        mailbox
    }

    pub(super) fn webhook(&mut self, development: bool) -> Option<WebhookChannel> {
        let url = self.https("WEBHOOK_URL", development);
        let secret = self.secret("WEBHOOK_SECRET");
        match (url, secret) {
            (Some(url), Some(secret)) => match WebhookSecrets::parse(secret.expose()) {
                Ok(secrets) => {
                    let channel = WebhookChannel::new(url, secrets, Format::Standard);
                    Some(channel.written_by(self.templates.webhook.clone()))
                }
                Err(error) => {
                    self.problem("WEBHOOK_SECRET", error.to_string());
                    None
                }
            },
            (Some(_), None) => {
                self.problem("WEBHOOK_SECRET", "is missing; WEBHOOK_URL needs it: whsec_ and 24 to 64 bytes in base64");
                None
            }
            (None, Some(_)) => {
                self.problem("WEBHOOK_URL", "is missing; WEBHOOK_SECRET needs it");
                None
            }
            (None, None) => None,
        }
    }

    /// The sources of the environment, and those of the file.
    pub(super) fn all_sources(&mut self, of_file: Vec<SourceEntry>) -> Vec<Source> {
        let (of_file, problems) = source::sources(of_file, self.file);
        for (key, problem) in problems {
            self.file_problem(&key, problem);
        }
        let mut sources = self.sources();
        let by_variable: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        for source in of_file {
            if by_variable.contains(&source.name) {
                let name = format!("sources: {}", source.name);
                self.problem(&name, "is opened by a variable and by the file; keep one");
            }
            sources.push(source);
        }
        sources
    }

    fn sources(&mut self) -> Vec<Source> {
        let known = [
            ("DOCKERHUB_WEBHOOK_TOKEN", "dockerhub", SourceKind::DockerHub),
            ("GITHUB_WEBHOOK_SECRET", "github", SourceKind::GitHub),
            ("REGISTRY_WEBHOOK_TOKEN", "distribution", SourceKind::Distribution),
        ];
        let mut sources = Vec::new();
        for (variable, name, kind) in known {
            if let Some(secret) = self.secret(variable) {
                sources.push(Source::usual(name, kind, secret));
            }
        }
        sources
    }

    /// A source whose sender nobody checks is told each time.
    pub(super) fn unchecked(&mut self, sources: &[Source]) {
        for source in sources.iter().filter(|source| source.auth.scheme == Scheme::None) {
            let warning = "has auth.scheme none: it takes deliveries from whoever reaches the public port";
            self.warning(&format!("sources: {}", source.name), warning);
        }
    }

    /// Variables that are not ours: an error with our prefix, a warning where they are nearly one of ours.
    pub(super) fn unknown(&mut self) {
        for name in self.variables.keys().filter(|name| !names::is_known(name)) {
            if name.starts_with(PREFIX) {
                self.problem(name, format!("unknown variable; did you mean {}?", names::nearest(name)));
            } else if let Some(told) = names::near_miss(name) {
                self.warning(name, told);
            }
        }
    }
}

/// Whether a text is a URL that messages may go to. It is a secret: what is wrong is told without it.
pub(super) fn plain_url(text: &str, development: bool) -> Result<(), String> {
    let fits = |url: &Url| {
        (url.scheme() == "https" || (development && url.scheme() == "http"))
            && url.username().is_empty()
            && url.password().is_none()
    };
    match written_url::parse(text) {
        Ok(url) if fits(&url) => Ok(()),
        Ok(_) | Err(WrittenUrlError::Form) => {
            Err("is no https:// URL without user; http:// is for NODE_ENV=development".into())
        }
        Err(error) => Err(error.to_string()),
    }
}
