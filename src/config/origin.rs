//! Where the values in force come from, and which files were read for them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::entry::ReadFile;
use super::written::{HeldSecret, Written};
use super::{file, names};
use crate::domain::reference::Digest;

/// Longer values are cut where they are shown.
const LONGEST_SHOWN: usize = 80;

/// Reads files, and remembers what was in them.
pub(super) struct ReadFiles<'f> {
    file: ReadFile<'f>,
    read: RefCell<BTreeMap<String, Option<Digest>>>,
}

impl<'f> ReadFiles<'f> {
    pub(super) fn new(file: ReadFile<'f>) -> Self {
        Self { file, read: RefCell::default() }
    }

    pub(super) fn read(&self, path: &str) -> std::io::Result<String> {
        let text = (self.file)(path);
        let content = text.as_ref().ok().map(|text| Digest::of(text.as_bytes()));
        self.read.borrow_mut().insert(path.to_owned(), content);
        text
    }

    pub(super) fn into_read(self) -> BTreeMap<String, Option<Digest>> {
        self.read.into_inner()
    }
}

/// A value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The variable, or the key of the file.
    pub setting: String,
    /// What holds; a secret by its length.
    pub value: String,
    /// `env`, the file with its line, or `default`.
    pub origin: String,
}

/// Where each value comes from.
#[derive(Clone, Default)]
pub struct Origins {
    written: Written,
    /// What is set, secrets left out.
    values: BTreeMap<String, String>,
    secrets: BTreeMap<String, HeldSecret>,
    files: BTreeMap<String, Option<Digest>>,
    environment: BTreeMap<String, String>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stand here as they were written, and some of them may be secrets in the wrong place.
        f.write_str("Origins")
    }
}

/// What holds where nothing is set.
const DEFAULTS: [(&str, &str); 19] = [
    ("NODE_ENV", "production"),
    ("LOG_LEVEL", "INFO"),
    ("RUN_ON_BOOT", "FALSE"),
    ("TZ", "UTC"),
    ("HOST", "all addresses"),
    ("PORT", "3000"),
    ("ADMIN_PORT", "9090"),
    ("IMAGE_WATCHER_LANGUAGE", "en"),
    ("IMAGE_WATCHER_SCHEDULE", "0 */3 * * *"),
    ("IMAGE_WATCHER_SETTLE", "1m"),
    ("IMAGE_WATCHER_ROLLOUTS_TOTAL", "no bound"),
    ("IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE", "no bound"),
    ("IMAGE_WATCHER_DELETE_BROKEN", "FALSE"),
    ("IMAGE_WATCHER_DRY_RUN", "FALSE"),
    ("IMAGE_WATCHER_IDENTITY_REQUIRED", "FALSE"),
    (names::METRICS_PER_WORKLOAD, "TRUE"),
    ("IMAGE_WATCHER_DATA", "./data"),
    ("IMAGE_WATCHER_QUEUE", "sqlite"),
    (names::NAMESPACES, "all"),
];

impl Origins {
    pub(super) fn new(
        written: Written,
        variables: &BTreeMap<String, String>,
        secrets: BTreeMap<String, HeldSecret>,
        files: BTreeMap<String, Option<Digest>>,
    ) -> Self {
        let is_shown = |name: &str| names::is_known(name) && !names::is_by_file(name);
        let values = variables.iter().filter(|(name, _)| is_shown(name));
        Self {
            values: values.map(|(name, value)| (name.clone(), value.clone())).collect(),
            secrets,
            written,
            files,
            environment: BTreeMap::new(),
        }
    }

    /// The same, with all variables as they were given.
    pub(super) fn of(self, environment: BTreeMap<String, String>) -> Self {
        Self { environment, ..self }
    }

    /// All variables as they were given.
    pub(super) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The path of the file; empty where there is none.
    pub(super) fn path(&self) -> &str {
        self.written.path()
    }

    /// Every file that was read, and what was in it.
    pub(super) fn files(&self) -> &BTreeMap<String, Option<Digest>> {
        &self.files
    }

    /// The uppermost keys of the file that say something else there.
    pub(super) fn parts_that_differ(&self, other: &Self) -> BTreeSet<String> {
        let [ours, theirs] = [self, other].map(|it| it.written.document().parts().collect::<BTreeSet<_>>());
        ours.symmetric_difference(&theirs).map(|(name, _)| (*name).to_owned()).collect()
    }

    /// A fingerprint of what is said of registries and of who is told: with another one, what could not be read before may be read
    /// now, and what nobody was told may be told. Of secrets it has which are there.
    pub(super) fn of_others(&self) -> Digest {
        let values = self.values.iter().filter(|(name, _)| file::is_of_others(name));
        let values = values.map(|(name, value)| format!("{name}={value}"));
        let secrets = self.secrets.keys().filter(|name| file::is_of_others(name)).cloned();
        let parts = self.written.document().parts().filter(|(key, _)| file::is_part_of_others(key));
        let lines: BTreeSet<String> =
            values.chain(secrets).chain(parts.map(|(key, value)| format!("{key}: {value}"))).collect();
        Digest::of(lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes())
    }

    /// The files with another content there.
    pub(super) fn files_that_differ(&self, other: &Self) -> BTreeSet<String> {
        let theirs = |path: &String| other.files.get(path).is_none_or(|content| self.files.get(path) != Some(content));
        self.files.keys().filter(|path| theirs(path)).cloned().collect()
    }

    /// The files with secrets of sources.
    pub(super) fn secrets_of_sources(&self) -> BTreeSet<String> {
        let by_variables =
            self.files_of(&["DOCKERHUB_WEBHOOK_TOKEN", "GITHUB_WEBHOOK_SECRET", "REGISTRY_WEBHOOK_TOKEN"]);
        let by_keys = self.named_by(|key| key.starts_with("sources[") && key.contains(".auth.secretFiles["));
        by_variables.into_iter().chain(by_keys).collect()
    }

    /// The files with passwords of registries.
    pub(super) fn passwords_of_registries(&self) -> BTreeSet<String> {
        self.named_by(|key| key.starts_with("registries[") && key.ends_with(".passwordFile")).collect()
    }

    /// The files with what this process shows at NATS: they are read again whenever a connection is made.
    pub(super) fn logins_of_nats(&self) -> BTreeSet<String> {
        let variables = ["PASSWORD", "CREDENTIALS", "NKEY", "CERTIFICATE", "KEY"];
        let variables = variables.map(|what| format!("IMAGE_WATCHER_NATS_{what}"));
        let by_variables = self.files_of(&variables.each_ref().map(String::as_str));
        let by_keys = self.named_by(|key| {
            ["natsPasswordFile", "natsCredentialsFile", "natsNkeyFile", "natsCertificateFile", "natsKeyFile"]
                .contains(&key)
        });
        by_variables.into_iter().chain(by_keys).collect()
    }

    /// The files of secrets that variables, or keys in their place, name: by the bare names of the variables.
    pub(super) fn files_of(&self, variables: &[&str]) -> BTreeSet<String> {
        let files = variables.iter().filter_map(|name| {
            let name = format!("{name}_FILE");
            self.values.get(&name).or_else(|| self.environment.get(&name)).cloned()
        });
        files.collect()
    }

    /// The files with what lets people and programs in, and with what we show the provider.
    pub(super) fn secrets_of_auth(&self) -> BTreeSet<String> {
        let fields = [".passwordHashFile", ".hashFile", ".clientSecretFile"];
        self.named_by(|key| key.starts_with("auth.") && fields.iter().any(|field| key.ends_with(field))).collect()
    }

    fn named_by(&self, is_it: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let texts = self.written.document().texts().into_iter();
        texts.filter(move |(key, _)| is_it(key)).map(|(_, path)| path)
    }

    /// Every value in force: the variables in the order of their names, then what only the file has.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut names: Vec<&str> = names::all().collect();
        names.sort_unstable();
        let mut rows: Vec<Row> = names.into_iter().map(|name| self.row(name)).collect();
        for (key, value) in self.written.document().texts() {
            let whole =
                key.strip_suffix(']').and_then(|key| key.rsplit_once('[')).map_or(key.as_str(), |(whole, _)| whole);
            let is_variable = file::KEYS.iter().any(|(known, _)| *known == whole);
            let bare = key.split(['[', '.']).next().unwrap_or_default();
            if is_variable || (bare == "namespaces" && self.written.has_set(names::NAMESPACES)) {
                continue;
            }
            let value = if is_hash(&key) { format!("set ({} bytes)", value.len()) } else { shown(&value) };
            let origin = self.line_of(&key);
            rows.push(Row { setting: key, value, origin });
        }
        rows
    }

    fn row(&self, name: &str) -> Row {
        let by_file = format!("{name}_FILE");
        let origin = |name: &str| match self.written.key_of(name) {
            Some(key) => self.line_of(key),
            None => "env".to_owned(),
        };
        let setting = name.to_owned();
        if let Some(HeldSecret { bytes, from_file }) = self.secrets.get(name) {
            let from = if *from_file { format!(", from {by_file}") } else { String::new() };
            return Row { setting, value: format!("set ({bytes} bytes{from})"), origin: origin(name) };
        }
        if let Some(value) = self.values.get(name).filter(|value| !value.is_empty() || name == "IMAGE_WATCHER_SCHEDULE")
        {
            let value = if value.is_empty() { "none".to_owned() } else { shown(value) };
            return Row { setting, value, origin: origin(name) };
        }
        let default = DEFAULTS.iter().find(|(known, _)| *known == name).map_or("none", |(_, value)| value);
        if name == names::NAMESPACES && self.written.document().has("namespaces") {
            return Row { setting, value: "as the file chooses".to_owned(), origin: self.line_of("namespaces") };
        }
        Row { setting, value: default.to_owned(), origin: "default".to_owned() }
    }

    fn line_of(&self, key: &str) -> String {
        format!("{}:{}", self.written.path(), self.written.document().place(key).line)
    }

    /// The files that hold secrets, as they are named: by `…_FILE`, or by a key of the file that ends so.
    pub fn secret_files(&self) -> impl Iterator<Item = String> {
        let by_variables =
            self.values.iter().filter(|(name, _)| name.strip_suffix("_FILE").is_some_and(names::is_by_file));
        let by_keys = self.written.document().texts().into_iter().filter(|(key, _)| {
            let name = key.rsplit('.').next().unwrap_or_default();
            let name = name.split('[').next().unwrap_or_default();
            let names_secrets = name.ends_with("File") || name == "secretFiles" || name == "clientKey";
            names_secrets && !["sslCertFile", "jwksFile"].contains(&name)
        });
        let all: BTreeSet<String> =
            by_variables.map(|(_, path)| path.clone()).chain(by_keys.map(|(_, path)| path)).collect();
        all.into_iter()
    }
}

fn is_hash(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, last)| ["passwordHash", "hash"].contains(&last))
}

fn shown(value: &str) -> String {
    let cut: String = value.chars().take(LONGEST_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < value.len() { format!("{cut}…") } else { cut }
}
