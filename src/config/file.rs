//! The file that `IMAGE_WATCHER_CONFIG` names: YAML, camelCase, unknown keys are errors.
//!
//! What fits a variable has the variable's key here (`baseUrl` for `BASE_URL`), and the variable wins. Lists have their
//! own keys; of these, this version reads `registries`, `sources`, `channels` and `forges`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::auth::AuthBlock;
use super::channel::ChannelEntry;
use super::entry::{ReadFile, Wrong, named, secret_file};
use super::names;
use super::notes::ForgeEntry;
use super::registry::RegistryEntry;
use super::source::{Auth, GOOGLE_ISSUERS, GOOGLE_KEYS, Hosts, KeySet, Rate, Scheme, Source, SourceKind, TokenRules};
use crate::domain::secret::Secret;
use crate::domain::written_url;

/// The keys that stand for variables.
const KEYS: [(&str, &str); 44] = [
    ("nodeEnv", "NODE_ENV"),
    ("logLevel", "LOG_LEVEL"),
    ("cluster", "IMAGE_WATCHER_CLUSTER"),
    ("language", "IMAGE_WATCHER_LANGUAGE"),
    ("mode", "IMAGE_WATCHER_MODE"),
    ("strategy", "IMAGE_WATCHER_STRATEGY"),
    ("runOnBoot", "RUN_ON_BOOT"),
    ("schedule", "IMAGE_WATCHER_SCHEDULE"),
    ("settle", "IMAGE_WATCHER_SETTLE"),
    ("window", "IMAGE_WATCHER_WINDOW"),
    ("deleteBroken", "IMAGE_WATCHER_DELETE_BROKEN"),
    ("dryRun", "IMAGE_WATCHER_DRY_RUN"),
    ("tz", "TZ"),
    ("host", "HOST"),
    ("port", "PORT"),
    ("adminPort", "ADMIN_PORT"),
    ("baseUrl", "BASE_URL"),
    ("trustedProxy", "TRUSTED_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("httpProxy", "HTTP_PROXY"),
    ("noProxy", "NO_PROXY"),
    ("sslCertFile", "SSL_CERT_FILE"),
    ("data", "IMAGE_WATCHER_DATA"),
    ("queue", "IMAGE_WATCHER_QUEUE"),
    ("namespaces", "IMAGE_WATCHER_NAMESPACES"),
    ("templates", "IMAGE_WATCHER_TEMPLATES"),
    ("linkKeyFile", "IMAGE_WATCHER_LINK_KEY_FILE"),
    ("smtpUrlFile", "SMTP_URL_FILE"),
    ("mailFrom", "MAIL_FROM"),
    ("mailTo", "MAIL_TO"),
    ("slackUrlFile", "SLACK_URL_FILE"),
    ("slackBotTokenFile", "SLACK_BOT_TOKEN_FILE"),
    ("slackChannel", "SLACK_CHANNEL"),
    ("slackSigningSecretFile", "SLACK_SIGNING_SECRET_FILE"),
    ("discordUrlFile", "DISCORD_URL_FILE"),
    ("telegramTokenFile", "TELEGRAM_TOKEN_FILE"),
    ("telegramChat", "TELEGRAM_CHAT"),
    ("teamsUrlFile", "TEAMS_URL_FILE"),
    ("webhookUrl", "WEBHOOK_URL"),
    ("webhookSecretFile", "WEBHOOK_SECRET_FILE"),
    ("githubTokenFile", "GITHUB_TOKEN_FILE"),
    ("openAiUrl", "OPEN_AI_URL"),
    ("openAiKeyFile", "OPEN_AI_KEY_FILE"),
    ("openAiModel", "OPEN_AI_MODEL"),
];

/// The keys of what is no single value.
const LISTS: [&str; 7] = ["registries", "sources", "channels", "forges", "rollouts", "identity", "auth"];

/// Lists that this version has nothing for. Ignoring them would be a surprise.
const NOT_YET: [&str; 1] = ["rules"];

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Variables that it sets, where the environment doesn't.
    pub(super) variables: BTreeMap<String, String>,
    /// Its lists.
    pub(super) lists: Lists,
    /// What is wrong, by key.
    pub(super) problems: Vec<(String, String)>,
}

/// What does not fit a variable.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) registries: Vec<RegistryEntry>,
    pub(super) sources: Vec<Source>,
    pub(super) channels: Vec<ChannelEntry>,
    pub(super) forges: Vec<ForgeEntry>,
    pub(super) auth: Option<AuthBlock>,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    registries: Vec<RegistryEntry>,
    #[serde(default)]
    sources: Vec<SourceEntry>,
    #[serde(default)]
    channels: Vec<ChannelEntry>,
    #[serde(default)]
    forges: Vec<ForgeEntry>,
    #[serde(default)]
    rollouts: RolloutsEntry,
    #[serde(default)]
    identity: IdentityEntry,
    auth: Option<AuthBlock>,
    #[serde(flatten)]
    rest: BTreeMap<String, Scalar>,
}

/// A value of one line, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<String>),
    Other(serde::de::IgnoredAny),
}

/// How many updates may roll at once.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RolloutsEntry {
    total: Option<i64>,
    per_namespace: Option<i64>,
}

/// Who says who signed in.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdentityEntry {
    header: Option<String>,
    required: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceEntry {
    name: String,
    kind: String,
    auth: Option<AuthEntry>,
    registry_host: Option<String>,
    #[serde(default)]
    repository_hosts: BTreeMap<String, String>,
    host_template: Option<String>,
    limits: Option<LimitsEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthEntry {
    scheme: Option<String>,
    #[serde(default)]
    secret_files: Vec<String>,
    token_header: Option<String>,
    audience: Option<String>,
    service_account_email: Option<String>,
    #[serde(default)]
    issuers: Vec<String>,
    jwks_url: Option<String>,
    jwks_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsEntry {
    per_second: u32,
    burst: Option<u32>,
}

impl File {
    /// Reads the text of a file; secrets are read from the files that it names.
    pub(super) fn read(text: &str, file: ReadFile<'_>) -> Self {
        let mut read = Self::default();
        let whole: Whole = match serde_saphyr::from_str(text) {
            Ok(whole) => whole,
            Err(error) => {
                let told = error.to_string();
                let told = told.lines().next().unwrap_or("is no YAML");
                read.problem("file", told.strip_prefix("error: ").unwrap_or(told).to_owned());
                return read;
            }
        };
        for (key, value) in whole.rest {
            read.scalar(&key, value);
        }
        for (variable, number) in
            [(names::ROLLOUTS[0], whole.rollouts.total), (names::ROLLOUTS[1], whole.rollouts.per_namespace)]
        {
            read.variables.extend(number.map(|number| (variable.to_owned(), number.to_string())));
        }
        let required = whole.identity.required.map(|required| required.to_string());
        for (variable, text) in names::IDENTITY.into_iter().zip([whole.identity.header, required]) {
            read.variables.extend(text.map(|text| (variable.to_owned(), text)));
        }
        (read.lists.registries, read.lists.channels) = (whole.registries, whole.channels);
        (read.lists.forges, read.lists.auth) = (whole.forges, whole.auth);
        let mut names = Vec::new();
        for (at, entry) in whole.sources.into_iter().enumerate() {
            let key = format!("sources[{at}]");
            if names.contains(&entry.name) {
                read.problem(&format!("{key}.name"), format!("{:?} is there twice", entry.name));
            }
            names.push(entry.name.clone());
            match source(entry, file) {
                Ok(source) => read.lists.sources.push(source),
                Err((field, problem)) => read.problem(&format!("{key}.{field}"), problem),
            }
        }
        read
    }

    fn scalar(&mut self, key: &str, value: Scalar) {
        let Some((_, variable)) = KEYS.iter().find(|(known, _)| *known == key) else {
            self.problem(key, unknown(key));
            return;
        };
        let text = match value {
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Text(text) => text,
            Scalar::List(items) => items.join(","),
            Scalar::Other(_) => {
                self.problem(key, "is neither a value nor a list of values".to_owned());
                return;
            }
        };
        self.variables.insert((*variable).to_owned(), text);
    }

    fn problem(&mut self, key: &str, problem: String) {
        self.problems.push((key.to_owned(), problem));
    }
}

/// What is wrong with a key that is not read.
fn unknown(key: &str) -> String {
    if NOT_YET.contains(&key) {
        return "is not read by this version; remove it".into();
    }
    let known = KEYS.iter().map(|(known, _)| *known).chain(LISTS);
    match names::near(known, key) {
        Some(near) => format!("unknown key; did you mean {near}?"),
        None => "unknown key".into(),
    }
}

fn source(entry: SourceEntry, file: ReadFile<'_>) -> Result<Source, Wrong> {
    named(&entry.name)?;
    let kinds = SourceKind::ALL.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let kind = SourceKind::of(&entry.kind).ok_or_else(|| ("kind", format!("is none of {kinds}")))?;
    let hosts = Hosts { registry: entry.registry_host, by_name: entry.repository_hosts, template: entry.host_template };
    if !kind.is_placed_by(&hosts) {
        return Err(("registryHost", format!("is needed: a payload of {} names no registry", kind.as_str())));
    }
    let rate = entry.limits.map(|limits| Rate {
        per_second: limits.per_second.max(1),
        burst: limits.burst.unwrap_or(limits.per_second).max(1),
    });
    let auth = entry.auth.ok_or_else(|| ("auth", "is missing; write auth: { secretFiles: [/path] }".to_owned()))?;
    Ok(Source { auth: self::auth(kind, auth, file)?, name: entry.name, kind, hosts, rate })
}

fn auth(kind: SourceKind, entry: AuthEntry, file: ReadFile<'_>) -> Result<Auth, Wrong> {
    let schemes = || Scheme::ALL.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let scheme = match entry.scheme.as_deref() {
        None => kind.usual_scheme(),
        Some(word) => Scheme::of(word).ok_or_else(|| ("auth.scheme", format!("is none of {}", schemes())))?,
    };
    let secrets = entry.secret_files.iter().map(|path| secret_file("auth.secretFiles", path, file));
    let secrets = secrets.collect::<Result<Vec<Secret>, Wrong>>()?;
    let without = matches!(scheme, Scheme::None | Scheme::GoogleOidc);
    if secrets.is_empty() != without {
        let problem = if without { "has no place with this scheme" } else { "is missing: this scheme needs a secret" };
        return Err(("auth.secretFiles", problem.into()));
    }
    let token = if scheme == Scheme::GoogleOidc { Some(rules(&entry, file)?) } else { None };
    let header = entry.token_header.unwrap_or_else(|| "X-Webhook-Secret".to_owned());
    Ok(Auth { scheme, secrets, header, token })
}

fn rules(entry: &AuthEntry, file: ReadFile<'_>) -> Result<TokenRules, Wrong> {
    let needed = |field, value: &Option<String>| value.clone().ok_or((field, "is needed with this scheme".to_owned()));
    let keys = match (&entry.jwks_file, &entry.jwks_url) {
        (Some(path), _) => KeySet::Given(file(path).map_err(|e| ("auth.jwksFile", format!("can't be read: {e}")))?),
        (None, url) => {
            let url = written_url::parse(url.as_deref().unwrap_or(GOOGLE_KEYS));
            let url = url.map_err(|error| ("auth.jwksUrl", error.to_string()))?;
            if url.scheme() != "https" {
                return Err(("auth.jwksUrl", "is no https:// URL".to_owned()));
            }
            KeySet::At(url)
        }
    };
    let issuers =
        if entry.issuers.is_empty() { GOOGLE_ISSUERS.map(str::to_owned).to_vec() } else { entry.issuers.clone() };
    Ok(TokenRules {
        audience: needed("auth.audience", &entry.audience)?,
        email: needed("auth.serviceAccountEmail", &entry.service_account_email)?,
        issuers,
        keys,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> File {
        File::read(text, &|path| match path {
            "/hub" => Ok("t0ken\n".into()),
            "/empty" => Ok("\n".into()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        })
    }

    #[test]
    fn sources_and_values_are_read() {
        let file = read(
            "baseUrl: https://iw.example.com\nrunOnBoot: true\nport: 8080\nnamespaces: [shop, ops]\nsources:\n\
             - { name: hub, kind: dockerhub, auth: { secretFiles: [/hub] } }\n\
             - name: nexus\n  kind: nexus\n  auth: { secretFiles: [/hub, /hub] }\n  registryHost: nexus.example.com\n  \
             repositoryHosts: { docker-hosted: nexus.example.com:8082 }\n  limits: { perSecond: 5 }\n",
        );
        assert_eq!(file.problems, []);
        let variables: Vec<(&str, &str)> = file.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let expected = [
            ("BASE_URL", "https://iw.example.com"),
            ("IMAGE_WATCHER_NAMESPACES", "shop,ops"),
            ("PORT", "8080"),
            ("RUN_ON_BOOT", "true"),
        ];
        assert_eq!(variables, expected);
        let [hub, nexus] = &file.lists.sources[..] else { panic!("two sources") };
        assert_eq!((hub.kind, hub.auth.scheme), (SourceKind::DockerHub, Scheme::QueryToken));
        assert!(hub.auth.secrets[0].matches(b"t0ken") && nexus.auth.secrets.len() == 2);
        assert_eq!(nexus.hosts.mapped("docker-hosted").as_deref(), Some("nexus.example.com:8082"));
        assert_eq!(nexus.rate, Some(Rate { per_second: 5, burst: 5 }));
    }

    #[test]
    fn how_many_roll_at_once_is_told_together() {
        let file = read("rollouts: { total: 5, perNamespace: 2 }\n");
        let variables: Vec<(&str, &str)> = file.variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(variables, [(names::ROLLOUTS[1], "2"), (names::ROLLOUTS[0], "5")]);
        assert!(names::ROLLOUTS.into_iter().all(names::is_known) && read("settle: 1m").variables.len() == 1);
    }

    #[test]
    fn every_key_stands_for_a_variable_that_is_read() {
        for (key, variable) in KEYS {
            assert!(names::is_known(variable), "{key}: {variable}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_key() {
        let problems = |text: &str| {
            let problems = read(text).problems;
            problems.iter().map(|(key, problem)| format!("{key}: {problem}")).collect::<Vec<_>>().join("\n")
        };
        let one = |entry: &str| problems(&format!("sources: [{entry}]"));
        let signed = read("identity: { header: Remote-User, required: true }\n");
        assert_eq!(names::IDENTITY.map(|name| signed.variables[name].as_str()), ["Remote-User", "true"]);
        assert!(names::IDENTITY.into_iter().all(names::is_known));
        assert!(problems("identity: {haeder: Remote-User}").starts_with("file: "));
        assert_eq!(problems("rolouts: {}"), "rolouts: unknown key; did you mean rollouts?");
        assert!(problems("rollouts: {all: 5}").starts_with("file: "), "unknown keys are errors");
        assert_eq!(problems("colour: red"), "colour: unknown key");
        assert_eq!(problems("scheduel: x"), "scheduel: unknown key; did you mean schedule?");
        assert_eq!(problems("source: []"), "source: unknown key; did you mean sources?");
        assert_eq!(problems("rules: []"), "rules: is not read by this version; remove it");
        assert!(problems("a: [").starts_with("file: "));
        assert!(one("{name: Hub, kind: quay}").starts_with("sources[0].name: write"));
        assert!(one("{name: a, kind: kwai}").starts_with("sources[0].kind: is none of dockerhub, github, quay"));
        assert!(one("{name: a, kind: quay}").starts_with("sources[0].auth: is missing"));
        let with = |auth: &str| one(&format!("{{name: a, kind: quay, auth: {auth}}}"));
        assert!(with("{}").starts_with("sources[0].auth.secretFiles: is missing"));
        assert!(with("{scheme: magic}").starts_with("sources[0].auth.scheme: is none of authorization-exact"));
        assert!(with("{secretFiles: [/empty]}").contains("/empty is empty"));
        assert!(with("{secretFiles: [/none]}").contains("/none can't be read"));
        assert!(with("{scheme: none, secretFiles: [/hub]}").contains("has no place"));
        assert!(with("{scheme: google-oidc-jwt}").starts_with("sources[0].auth.audience: is needed"));
        assert!(
            with("{scheme: google-oidc-jwt, jwksUrl: http://a}").starts_with("sources[0].auth.jwksUrl: is no https")
        );
        let twice = problems(
            "sources: [{name: a, kind: quay, auth: {secretFiles: [/hub]}}, {name: a, kind: quay, auth: {secretFiles: [/hub]}}]",
        );
        assert_eq!(twice, "sources[1].name: \"a\" is there twice");
        assert!(
            one("{name: a, kind: zot, auth: {secretFiles: [/hub]}}").starts_with("sources[0].registryHost: is needed")
        );
        // Zot's payload has no name that a host could be found by; Nexus' has the repository's.
        for (key, zot, nexus) in [
            ("registryHost: r.test", true, true),
            ("repositoryHosts: {a: r.test}", false, true),
            ("hostTemplate: r.test", false, true),
        ] {
            for (kind, right) in [("zot", zot), ("nexus", nexus)] {
                let told = one(&format!("{{name: a, kind: {kind}, auth: {{secretFiles: [/hub]}}, {key}}}"));
                let expected = format!("sources[0].registryHost: is needed: a payload of {kind} names no registry");
                assert_eq!(told, if right { "" } else { &expected }, "{kind} {key}");
            }
        }
        assert!(one("{name: a, kind: quay, authh: {}}").starts_with("file: "), "unknown keys are errors");
    }
}
