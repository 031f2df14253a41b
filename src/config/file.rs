//! The file that `IMAGE_WATCHER_CONFIG` names: YAML, camelCase, unknown keys are errors.
//!
//! It is written down once, as [`ConfigFile`]: what is read, what is told of a wrong key, the schema, and which key is
//! in the place of which variable follow from that type. A variable wins over its key.

#![expect(
    clippy::doc_markdown,
    reason = "what is said of the fields is the schema's text, which is read without Markdown"
)]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::auth::AuthBlock;
use super::channel::ChannelEntry;
use super::document::{self, Document, Wrong};
use super::names;
use super::namespaces::NamespacesEntry;
use super::notes::ForgeEntry;
use super::registry::RegistryEntry;
use super::rules::RuleEntry;
use super::scalar::{Flag, Number, Text, Texts};
use super::source::SourceEntry;

/// What a key has a say in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Say {
    /// What becomes of a workload.
    Workloads,
    /// The same, and how registries are reached or who is told.
    Others,
    /// How registries are reached, and nothing that becomes of a workload.
    Ways,
    /// None of these.
    Apart,
}

macro_rules! say {
    () => {
        Say::Workloads
    };
    (others) => {
        Say::Others
    };
    (ways) => {
        Say::Ways
    };
    (apart) => {
        Say::Apart
    };
}

/// The type of the file, the variables in whose place keys are, and what else keys have a say in than what becomes of a workload.
macro_rules! config_file {
    (
        variables {
            $($(#[$about:meta])* $key:literal $field:ident: $type:ty = $variable:expr $(=> $mark:ident)?,)+
        }
        rest { $($(#[$doc:meta])* $name:literal $part:ident: $part_type:ty $(=> $part_mark:ident)?,)+ }
    ) => {
        /// Everything that the file may say.
        #[derive(Debug, Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub(super) struct ConfigFile {
            $($(#[$about])* #[serde(rename = $key)] $field: Option<$type>,)+
            $($(#[$doc])* #[serde(rename = $name, default)] pub(super) $part: $part_type,)+
        }

        /// Each key that is in the place of a variable.
        pub(super) const KEYS: &[(&str, &str)] = &[
            $(($key, $variable),)+
            ("rollouts.total", names::ROLLOUTS[0]),
            ("rollouts.perNamespace", names::ROLLOUTS[1]),
            ("identity.header", names::IDENTITY[0]),
            ("identity.required", names::IDENTITY[1]),
            ("metrics.perWorkload", names::METRICS_PER_WORKLOAD),
        ];

        /// What each of the uppermost keys has a say in, with the variable in whose place it is.
        const SAYS: &[(&str, Option<&str>, Say)] = &[
            $(($key, Some($variable), say!($($mark)?)),)+
            $(($name, None, say!($($part_mark)?)),)+
        ];

        impl ConfigFile {
            /// What it says in the place of variables.
            fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
                let plain = [$(($variable, self.$field.as_ref().map(ToString::to_string)),)+];
                let text = |value: Option<&Number>| value.map(ToString::to_string);
                let of_parts = [
                    (names::ROLLOUTS[0], text(self.rollouts.total.as_ref())),
                    (names::ROLLOUTS[1], text(self.rollouts.per_namespace.as_ref())),
                    (names::IDENTITY[0], self.identity.header.clone()),
                    (names::IDENTITY[1], self.identity.required.as_ref().map(ToString::to_string)),
                    (names::METRICS_PER_WORKLOAD, self.metrics.per_workload.as_ref().map(ToString::to_string)),
                    (names::NAMESPACES, self.namespaces.as_ref().and_then(NamespacesEntry::as_variable)),
                ];
                plain.into_iter().chain(of_parts).filter_map(|(name, text)| Some((name, text?)))
            }
        }
    };
}

/// Whether a key has no say in what becomes of a workload. Rules do not wait for it.
pub(super) fn is_apart(key: &str) -> bool {
    SAYS.iter().any(|(known, _, say)| *known == key && matches!(say, Say::Apart | Say::Ways))
}

/// What says how registries are reached, or who is told.
fn of_others() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let of_others = SAYS.iter().filter(|(.., say)| matches!(say, Say::Others | Say::Ways));
    of_others.map(|(key, variable, _)| (*key, *variable))
}

/// Whether a variable says how registries are reached, or who is told; a secret by its bare name.
pub(super) fn is_of_others(variable: &str) -> bool {
    let bare = |known: &'static str| known.strip_suffix("_FILE").filter(|it| names::is_by_file(it)).unwrap_or(known);
    variable == names::PLAIN_HTTP || of_others().any(|(_, known)| known.map(bare) == Some(variable))
}

/// Whether a key in no variable's place says so.
pub(super) fn is_part_of_others(key: &str) -> bool {
    of_others().any(|(known, variable)| variable.is_none() && known == key)
}

config_file! {
    variables {
        /// production, development or test: insecure settings are refused in production.
        "nodeEnv" node_env: Text = "NODE_ENV",
        /// ERROR, WARN, INFO, DEBUG or TRACE.
        "logLevel" log_level: Text = "LOG_LEVEL" => apart,
        /// This cluster's name, in every message.
        "cluster" cluster: Text = "IMAGE_WATCHER_CLUSTER" => apart,
        /// en or fr: the language of messages and pages.
        "language" language: Text = "IMAGE_WATCHER_LANGUAGE" => apart,
        /// AUTO_UPDATE, NOTIFICATION or DISABLED: overrides every annotation.
        "mode" mode: Text = "IMAGE_WATCHER_MODE",
        /// ALL, MAJOR, MINOR or PATCH: overrides every annotation.
        "strategy" strategy: Text = "IMAGE_WATCHER_STRATEGY",
        /// Whether all is looked at once at the start.
        "runOnBoot" run_on_boot: Flag = "RUN_ON_BOOT" => apart,
        /// When all is looked at: a cron expression in the zone tz; empty turns it off.
        "schedule" schedule: Text = "IMAGE_WATCHER_SCHEDULE",
        /// How long a complete rollout has to stay well before it is told healthy, 0s to 1h.
        "settle" settle: Text = "IMAGE_WATCHER_SETTLE",
        /// How long what is not urgent waits on a channel for others, 0s to 5m.
        "window" window: Text = "IMAGE_WATCHER_WINDOW",
        /// Whether the pod or Job that stands in the way of a way back is deleted.
        "deleteBroken" delete_broken: Flag = "IMAGE_WATCHER_DELETE_BROKEN",
        /// Whether everything is decided and told, and nothing is written to the cluster.
        "dryRun" dry_run: Flag = "IMAGE_WATCHER_DRY_RUN",
        /// The IANA zone of the schedule and of times in messages.
        "tz" tz: Text = "TZ",
        /// The address of both listeners.
        "host" host: Text = "HOST" => apart,
        /// The port of webhooks, links and page.
        "port" port: Number = "PORT" => apart,
        /// The port of health and metrics.
        "adminPort" admin_port: Number = "ADMIN_PORT" => apart,
        /// The https URL that links begin with.
        "baseUrl" base_url: Text = "BASE_URL" => apart,
        /// Networks whose forwarding headers are believed, as 10.0.0.0/8.
        "trustedProxy" trusted_proxy: Texts = "TRUSTED_PROXY" => apart,
        /// The proxy of requests by https.
        "httpsProxy" https_proxy: Text = "HTTPS_PROXY" => ways,
        /// The proxy of requests by http.
        "httpProxy" http_proxy: Text = "HTTP_PROXY" => ways,
        /// Hosts and networks that are reached without a proxy.
        "noProxy" no_proxy: Texts = "NO_PROXY" => ways,
        /// More certificate authorities, in PEM.
        "sslCertFile" ssl_cert_file: Text = "SSL_CERT_FILE" => ways,
        /// The folder of the queue.
        "data" data: Text = "IMAGE_WATCHER_DATA" => apart,
        /// sqlite, or the servers of NATS as nats://host:port.
        "queue" queue: Text = "IMAGE_WATCHER_QUEUE" => apart,
        /// The user at NATS.
        "natsUser" nats_user: Text = "IMAGE_WATCHER_NATS_USER" => apart,
        /// A file of that user's password.
        "natsPasswordFile" nats_password_file: Text = "IMAGE_WATCHER_NATS_PASSWORD_FILE" => apart,
        /// A file of credentials for NATS: a JWT, and the seed of its nkey.
        "natsCredentialsFile" nats_credentials_file: Text = "IMAGE_WATCHER_NATS_CREDENTIALS_FILE" => apart,
        /// A file of the seed of an nkey for NATS.
        "natsNkeyFile" nats_nkey_file: Text = "IMAGE_WATCHER_NATS_NKEY_FILE" => apart,
        /// A file of the certificate that is shown to NATS, in PEM.
        "natsCertificateFile" nats_certificate_file: Text = "IMAGE_WATCHER_NATS_CERTIFICATE_FILE" => apart,
        /// A file of its key.
        "natsKeyFile" nats_key_file: Text = "IMAGE_WATCHER_NATS_KEY_FILE" => apart,
        /// What the names of the buckets on NATS begin with.
        "natsBucket" nats_bucket: Text = "IMAGE_WATCHER_NATS_BUCKET" => apart,
        /// How many servers of NATS keep each entry.
        "natsReplicas" nats_replicas: Number = "IMAGE_WATCHER_NATS_REPLICAS" => apart,
        /// A folder of templates in the place of the built-in ones.
        "templates" templates: Text = "IMAGE_WATCHER_TEMPLATES" => apart,
        /// A file of the key that signs links and records.
        "linkKeyFile" link_key_file: Text = "IMAGE_WATCHER_LINK_KEY_FILE" => apart,
        /// A file of the URL of the mail server, with its password.
        "smtpUrlFile" smtp_url_file: Text = "SMTP_URL_FILE" => others,
        /// The sender of mails.
        "mailFrom" mail_from: Text = "MAIL_FROM" => others,
        /// The recipients of mails.
        "mailTo" mail_to: Texts = "MAIL_TO" => others,
        /// A file of the URL of Slack's incoming webhook.
        "slackUrlFile" slack_url_file: Text = "SLACK_URL_FILE" => others,
        /// A file of the token of a Slack app.
        "slackBotTokenFile" slack_bot_token_file: Text = "SLACK_BOT_TOKEN_FILE" => others,
        /// The Slack channel of the app.
        "slackChannel" slack_channel: Text = "SLACK_CHANNEL" => others,
        /// A file of what Slack signs presses of buttons with.
        "slackSigningSecretFile" slack_signing_secret_file: Text = "SLACK_SIGNING_SECRET_FILE",
        /// A file of the URL of a Discord webhook.
        "discordUrlFile" discord_url_file: Text = "DISCORD_URL_FILE" => others,
        /// A file of the token of a Telegram bot.
        "telegramTokenFile" telegram_token_file: Text = "TELEGRAM_TOKEN_FILE" => others,
        /// The Telegram chat.
        "telegramChat" telegram_chat: Text = "TELEGRAM_CHAT" => others,
        /// A file of the URL of a Teams workflow.
        "teamsUrlFile" teams_url_file: Text = "TEAMS_URL_FILE" => others,
        /// Where the signed webhook goes.
        "webhookUrl" webhook_url: Text = "WEBHOOK_URL" => others,
        /// A file of what it is signed with.
        "webhookSecretFile" webhook_secret_file: Text = "WEBHOOK_SECRET_FILE",
        /// A file of the token that release notes are read with.
        "githubTokenFile" github_token_file: Text = "GITHUB_TOKEN_FILE" => apart,
        /// Who summarises release notes.
        "openAiUrl" open_ai_url: Text = "OPEN_AI_URL" => apart,
        /// A file of the key of who summarises them.
        "openAiKeyFile" open_ai_key_file: Text = "OPEN_AI_KEY_FILE" => apart,
        /// The model that summarises them.
        "openAiModel" open_ai_model: Text = "OPEN_AI_MODEL" => apart,
    }
    rest {
        /// The namespaces whose workloads are watched: names, with ! before those that are not, or a selector.
        "namespaces" namespaces: Option<NamespacesEntry>,
        /// How many updates may roll at once.
        "rollouts" rollouts: RolloutsEntry,
        /// Who says who signed in.
        "identity" identity: IdentityEntry => apart,
        /// What is counted one by one.
        "metrics" metrics: MetricsEntry => apart,
        /// Who may see the page and the API, and who may decide there.
        "auth" auth: Option<AuthBlock> => apart,
        /// What is said of registries.
        "registries" registries: Vec<RegistryEntry> => others,
        /// The sources of webhooks.
        "sources" sources: Vec<SourceEntry> => apart,
        /// Who is told.
        "channels" channels: Vec<ChannelEntry> => others,
        /// Where release notes may be read.
        "forges" forges: Vec<ForgeEntry> => apart,
        /// Settings of workloads that no annotation names.
        "rules" rules: Vec<RuleEntry>,
    }
}

/// How many updates may roll at once.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RolloutsEntry {
    /// Everywhere.
    total: Option<Number>,
    /// In one namespace.
    per_namespace: Option<Number>,
}

/// Who says who signed in.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct IdentityEntry {
    /// The header of the trusted proxy.
    header: Option<String>,
    /// Whether nobody may open a link who did not sign in.
    required: Option<Flag>,
}

/// What is counted one by one.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MetricsEntry {
    /// Whether each container for which there is something newer has a series of its own.
    per_workload: Option<Flag>,
}

/// What a file says.
#[derive(Default)]
pub(super) struct File {
    /// Variables that it sets, where the environment doesn't.
    pub(super) variables: BTreeMap<&'static str, String>,
    /// All that it says.
    pub(super) whole: ConfigFile,
    /// Where that stands.
    pub(super) document: Document,
    /// What is wrong.
    pub(super) problems: Vec<Wrong>,
}

impl File {
    /// Reads the text of a file.
    pub(super) fn read(text: &str) -> Self {
        let (document, mut problems) = match Document::parse(text) {
            Ok(read) => read,
            Err(wrong) => return Self { problems: vec![wrong], ..Self::default() },
        };
        let (whole, wrong): (ConfigFile, _) = document::read(&document);
        problems.extend(wrong);
        Self { variables: whole.variables().collect(), whole, document, problems }
    }
}

/// The key that is in the place of a variable.
pub(super) fn key_of(variable: &str) -> Option<&'static str> {
    let known = KEYS.iter().find(|(_, known)| *known == variable).map(|(key, _)| *key);
    known.or((variable == names::NAMESPACES).then_some("namespaces"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(text: &str) -> Vec<(&'static str, String)> {
        let file = File::read(text);
        assert_eq!(file.problems, []);
        file.variables.into_iter().collect()
    }

    fn problems(text: &str) -> String {
        let problems = File::read(text).problems;
        problems.iter().map(|Wrong { key, what, .. }| format!("{key}: {what}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn how_registries_are_reached_and_who_is_told_is_said_by_these() {
        let mut found: Vec<&str> = names::all().filter(|name| is_of_others(name)).collect();
        let mut expected = [
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "NO_PROXY",
            "SSL_CERT_FILE",
            "IMAGE_WATCHER_PLAIN_HTTP",
            "SMTP_URL",
            "MAIL_FROM",
            "MAIL_TO",
            "SLACK_URL",
            "SLACK_BOT_TOKEN",
            "SLACK_CHANNEL",
            "DISCORD_URL",
            "TELEGRAM_TOKEN",
            "TELEGRAM_CHAT",
            "TEAMS_URL",
            "WEBHOOK_URL",
        ];
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let parts: Vec<&str> = SAYS.iter().map(|(key, ..)| *key).filter(|key| is_part_of_others(key)).collect();
        assert_eq!(parts, ["registries", "channels"]);
        let apart = ["logLevel", "noProxy", "sources", "mode", "channels", "mailTo", "natsUser"].map(is_apart);
        assert_eq!(apart, [true, true, true, false, false, false, true]);
    }

    #[test]
    fn what_stands_for_variables_is_read() {
        let text =
            "baseUrl: https://iw.example.com\nrunOnBoot: true\nport: 8080\nnamespaces: [shop, ops]\nschedule: \"\"\n";
        let expected = [
            ("BASE_URL", "https://iw.example.com"),
            ("IMAGE_WATCHER_NAMESPACES", "shop,ops"),
            ("IMAGE_WATCHER_SCHEDULE", ""),
            ("PORT", "8080"),
            ("RUN_ON_BOOT", "true"),
        ];
        assert_eq!(variables(text), expected.map(|(name, value)| (name, value.to_owned())));
        let together = "rollouts: { total: 5, perNamespace: 2 }\nmetrics: { perWorkload: false }\n";
        let expected = [(names::METRICS_PER_WORKLOAD, "false"), (names::ROLLOUTS[1], "2"), (names::ROLLOUTS[0], "5")];
        assert_eq!(variables(together), expected.map(|(name, value)| (name, value.to_owned())));
        let signed = variables("identity: { header: Remote-User, required: yes }\n");
        assert_eq!(signed, [(names::IDENTITY[0], "Remote-User".to_owned()), (names::IDENTITY[1], "true".to_owned())]);
    }

    #[test]
    fn every_key_stands_for_a_variable_that_is_read() {
        for (key, variable) in KEYS {
            assert!(names::is_known(variable), "{key}: {variable}");
            assert_eq!(key_of(variable), Some(*key));
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_key() {
        for (text, expected) in [
            ("identity: {haeder: Remote-User}", "identity.haeder: unknown key; did you mean header?"),
            ("rolouts: {}", "rolouts: unknown key; did you mean rollouts?"),
            ("rollouts: {all: 5}", "rollouts.all: unknown key; there are total, perNamespace"),
            ("colour: red", "colour: unknown key"),
            ("scheduel: x", "scheduel: unknown key; did you mean schedule?"),
            ("source: []", "source: unknown key; did you mean sources?"),
            ("SMTP_URL: x", "SMTP_URL: unknown key: a secret stands in a file of its own, which smtpUrlFile names"),
            ("LOG_LEVEL: x", "LOG_LEVEL: unknown key; did you mean logLevel?"),
            ("IMAGE_WATCHER_MODE: x", "IMAGE_WATCHER_MODE: unknown key; did you mean mode?"),
            ("timezone: UTC", "timezone: unknown key; it is called tz"),
            ("metrics: { perWorklaod: false }", "metrics.perWorklaod: unknown key; did you mean perWorkload?"),
            ("port: {a: 1}", "port: a whole number is expected"),
            ("mailTo: {a: 1}", "mailTo: a text or a list of texts is expected"),
        ] {
            assert_eq!(problems(text), expected);
        }
        assert!(problems("a: [").contains("is no YAML"));
    }
}
