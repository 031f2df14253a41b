//! The names of all variables, and what is said about a name that is nearly one of them.

mod elsewhere;

use strsim::osa_distance;

use super::otel;
use super::source::SourceKind;
use crate::domain::near::near;
use elsewhere::{BY_THE_FILE_ALONE, ELSEWHERE, OF_A_CHANNEL};

/// What all of our own variables begin with; others belong to nobody else, so that an unknown one is an error.
pub(super) const PREFIX: &str = "IMAGE_WATCHER_";

/// What stands under the file's key `rollouts`.
pub(super) const ROLLOUTS: [&str; 2] = ["IMAGE_WATCHER_ROLLOUTS_TOTAL", "IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE"];

/// What the file's key `namespaces` is in the place of, where it is a list.
pub(super) const NAMESPACES: &str = "IMAGE_WATCHER_NAMESPACES";

/// What stands under the file's key `metrics`.
pub(super) const METRICS_PER_WORKLOAD: &str = "IMAGE_WATCHER_METRICS_PER_WORKLOAD";

/// Registries that are asked by plain http; the file says so of each.
pub(super) const PLAIN_HTTP: &str = "IMAGE_WATCHER_PLAIN_HTTP";

/// What stands under the file's key `identity`.
pub(super) const IDENTITY: [&str; 2] = ["IMAGE_WATCHER_IDENTITY_HEADER", "IMAGE_WATCHER_IDENTITY_REQUIRED"];

/// Variables whose value is all they have.
const PLAIN: [&str; 50] = [
    "NODE_ENV",
    "LOG_LEVEL",
    "RUN_ON_BOOT",
    "TZ",
    "HOST",
    "PORT",
    "ADMIN_PORT",
    "BASE_URL",
    "TRUSTED_PROXY",
    "MAIL_FROM",
    "MAIL_TO",
    "SLACK_CHANNEL",
    "TELEGRAM_CHAT",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "IMAGE_WATCHER_CLUSTER",
    "IMAGE_WATCHER_LANGUAGE",
    "IMAGE_WATCHER_MODE",
    "IMAGE_WATCHER_STRATEGY",
    "IMAGE_WATCHER_SCHEDULE",
    "IMAGE_WATCHER_ROLLOUTS_PER_NAMESPACE",
    "IMAGE_WATCHER_ROLLOUTS_TOTAL",
    "IMAGE_WATCHER_SETTLE",
    "IMAGE_WATCHER_WINDOW",
    "IMAGE_WATCHER_DELETE_BROKEN",
    "IMAGE_WATCHER_DRY_RUN",
    "IMAGE_WATCHER_IDENTITY_HEADER",
    "IMAGE_WATCHER_IDENTITY_REQUIRED",
    METRICS_PER_WORKLOAD,
    "IMAGE_WATCHER_CONFIG",
    "IMAGE_WATCHER_DATA",
    "IMAGE_WATCHER_QUEUE",
    "IMAGE_WATCHER_NATS_USER",
    "IMAGE_WATCHER_NATS_BUCKET",
    "IMAGE_WATCHER_NATS_REPLICAS",
    NAMESPACES,
    PLAIN_HTTP,
    "IMAGE_WATCHER_TEMPLATES",
    otel::DISABLED,
    otel::EXPORTER,
    otel::ENDPOINT[0],
    otel::ENDPOINT[1],
    otel::PROTOCOL[0],
    otel::PROTOCOL[1],
    otel::TIMEOUT[0],
    otel::TIMEOUT[1],
    otel::SERVICE,
    otel::ATTRIBUTES,
    otel::SAMPLER,
    otel::SAMPLER_ARG,
];

/// Variables that are also read from the file that `<NAME>_FILE` names.
const BY_FILE: [&str; 29] = [
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IMAGE_WATCHER_LINK_KEY",
    "IMAGE_WATCHER_NATS_PASSWORD",
    "IMAGE_WATCHER_NATS_CREDENTIALS",
    "IMAGE_WATCHER_NATS_NKEY",
    "IMAGE_WATCHER_NATS_CERTIFICATE",
    "IMAGE_WATCHER_NATS_KEY",
    "SMTP_URL",
    "SLACK_URL",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "DISCORD_URL",
    "TELEGRAM_TOKEN",
    "TEAMS_URL",
    "WEBHOOK_URL",
    "WEBHOOK_SECRET",
    "GITHUB_TOKEN",
    "OPEN_AI_URL",
    "OPEN_AI_KEY",
    "OPEN_AI_MODEL",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
    "DOCKERHUB_WEBHOOK_TOKEN",
    "GITHUB_WEBHOOK_SECRET",
    "REGISTRY_WEBHOOK_TOKEN",
    otel::HEADERS[0],
    otel::HEADERS[1],
];

/// Names that are one step from one of ours and mean something else.
const NOT_MEANT: [&str; 4] = ["https_proxy", "http_proxy", "no_proxy", "GITLAB_TOKEN"];

/// Whether this version reads a variable, or refuses it by name.
pub(super) fn is_known(name: &str) -> bool {
    let bare = name.strip_suffix("_FILE").filter(|bare| BY_FILE.contains(bare)).unwrap_or(name);
    PLAIN.contains(&bare) || BY_FILE.contains(&bare)
}

/// Which of our variables a name with our prefix was to be.
pub(super) fn nearest(name: &str) -> &'static str {
    let (bare, by_file) = name.strip_suffix("_FILE").map_or((name, false), |bare| (bare, true));
    let without = bare.strip_prefix(PREFIX).unwrap_or_default();
    let all = || PLAIN.into_iter().chain(BY_FILE);
    if let Some(known) = all().find(|known| [bare, without].contains(known)) {
        return known;
    }
    if let Some((known, _)) = ELSEWHERE.iter().find(|(_, theirs)| theirs.contains(&without)) {
        return known;
    }
    let ours = all().filter(|known| known.starts_with(PREFIX) && (!by_file || BY_FILE.contains(known)));
    ours.min_by_key(|known| osa_distance(known, bare)).unwrap_or("IMAGE_WATCHER_MODE")
}

/// What to say about a variable that is not ours and looks as if it was meant for us.
pub(super) fn near_miss(name: &str) -> Option<String> {
    if is_known(name) || NOT_MEANT.contains(&name) {
        return None;
    }
    let (bare, file) = name.strip_suffix("_FILE").map_or((name, ""), |bare| (bare, "_FILE"));
    if PLAIN.contains(&bare) {
        return Some(format!("is not read, as {bare} is no secret; set {bare} itself"));
    }
    if let Some(kind) = other_source(bare) {
        return Some(format!(
            "opens no webhook source; open one of kind {kind} in the file that IMAGE_WATCHER_CONFIG names"
        ));
    }
    if let Some(kind) = other_channel(bare) {
        return Some(format!(
            "opens no channel; open one of kind {kind} in the list channels of the file that IMAGE_WATCHER_CONFIG names"
        ));
    }
    let theirs = ELSEWHERE.iter().find(|(_, theirs)| theirs.contains(&bare)).map(|(known, _)| *known);
    let known = theirs.or_else(|| misspelt(bare))?;
    let file = if BY_FILE.contains(&known) { file } else { "" };
    Some(match known {
        "SMTP_URL" => {
            format!("is not read; host, port, user and password are all in SMTP_URL{file}: smtps://user:pass@host:465")
        }
        "SLACK_URL" => format!("is not read; SLACK_URL{file} holds the URL of an incoming webhook"),
        _ => format!("is not read; did you mean {known}{file}?"),
    })
}

/// The kind of a source that no variable opens, where a variable is called as if it did.
fn other_source(name: &str) -> Option<&'static str> {
    let kind = ["_WEBHOOK_TOKEN", "_WEBHOOK_SECRET"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    let kind = kind.to_ascii_lowercase().replace('_', "-");
    let opened = [SourceKind::DockerHub, SourceKind::GitHub, SourceKind::Distribution];
    SourceKind::of(&kind).filter(|kind| !opened.contains(kind)).map(SourceKind::as_str)
}

/// The same of a channel.
fn other_channel(name: &str) -> Option<&'static str> {
    let is_of = |prefix: &&str| name.strip_prefix(prefix).is_some_and(|rest| OF_A_CHANNEL.contains(&rest));
    BY_THE_FILE_ALONE.iter().find(|(_, prefixes)| prefixes.iter().any(is_of)).map(|(kind, _)| *kind)
}

/// The variable of which a name is a slip of the pen: other letters' case, one letter, or two of a long name. Names of
/// up to five letters are too near to everything.
fn misspelt(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let all = || PLAIN.into_iter().chain(BY_FILE);
    let slips = |known: &str| if known.len() < 14 { 1 } else { 2 };
    let near = |known: &&str| *known == upper || (known.len() > 5 && osa_distance(known, &upper) <= slips(known));
    all().filter(near).min_by_key(|known| osa_distance(known, &upper))
}

/// Keys that have another name, and the one that they have.
const RENAMED: [(&str, &str); 8] = [
    ("timezone", "tz"),
    ("timeZone", "tz"),
    ("namespace", "namespaces"),
    ("dataDir", "data"),
    ("cron", "schedule"),
    ("publicUrl", "baseUrl"),
    ("mailRecipients", "mailTo"),
    ("labels", "selector"),
];

/// How many keys are listed where none is near.
const MOST_LISTED: usize = 30;

/// What is said of a key that is none of those that there are.
pub(super) fn unknown_key(name: &str, known: &[&str]) -> String {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let bare = plain(name.strip_prefix(PREFIX).unwrap_or(name));
    if let Some(renamed) = RENAMED.iter().find(|(old, new)| *old == name && known.contains(new)) {
        return format!("unknown key; it is called {}", renamed.1);
    }
    let by_file = |known: &&&str| known.strip_suffix("File").is_some_and(|known| plain(known) == bare);
    if let Some(known) = known.iter().find(by_file) {
        return format!("unknown key: a secret stands in a file of its own, which {known} names");
    }
    let same = known.iter().find(|known| plain(known) == bare).copied();
    match same.or_else(|| near(known.iter().copied(), name)) {
        Some(near) => format!("unknown key; did you mean {near}?"),
        None if known.len() <= MOST_LISTED => format!("unknown key; there are {}", known.join(", ")),
        None => "unknown key".to_owned(),
    }
}

/// Whether a variable is also read from a file, as secrets are.
pub(super) fn is_by_file(name: &str) -> bool {
    BY_FILE.contains(&name)
}

/// All variables.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    PLAIN.into_iter().chain(BY_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_names_are_told_with_ours() {
        for (name, ours) in [
            ("SLACK_WEBHOOK_URL", "SLACK_URL"),
            ("SLACK_WEBHOOK_URL_FILE", "SLACK_URL_FILE"),
            ("SLACK_TOKEN", "SLACK_BOT_TOKEN"),
            ("SLACK_CHANNEL_ID", "SLACK_CHANNEL"),
            ("TELEGRAM_BOT_TOKEN", "TELEGRAM_TOKEN"),
            ("TELEGRAM_BOT_TOKEN_FILE", "TELEGRAM_TOKEN_FILE"),
            ("TELEGRAM_CHAT_ID", "TELEGRAM_CHAT"),
            ("NTFY_TOPIC", "kind ntfy"),
            ("GOTIFY_TOKEN_FILE", "kind gotify"),
            ("MATRIX_HOMESERVER", "kind matrix"),
            ("PAGERDUTY_ROUTING_KEY", "kind pagerduty"),
            ("MATTERMOST_WEBHOOK_URL", "kind mattermost"),
            ("GOOGLE_CHAT_WEBHOOK_URL", "kind googlechat"),
            ("APPRISE_URLS", "kind apprise"),
            ("SMTP_HOST", "SMTP_URL"),
            ("SMTP_PORT", "SMTP_URL"),
            ("SMTP_USER", "SMTP_URL"),
            ("SMTP_PASSWORD_FILE", "SMTP_URL_FILE"),
            ("MAIL_HOST", "SMTP_URL"),
            ("EMAIL_TO", "MAIL_TO"),
            ("SMTP_FROM", "MAIL_FROM"),
            ("DISCORD_WEBHOOK_URL", "DISCORD_URL"),
            ("TEAMS_WEBHOOK_URL", "TEAMS_URL"),
            ("OPENAI_KEY", "OPEN_AI_KEY"),
            ("OPENAI_KEY_FILE", "OPEN_AI_KEY_FILE"),
            ("GH_TOKEN", "GITHUB_TOKEN"),
            ("TRUSTED_PROXIES", "TRUSTED_PROXY"),
            ("WATCH_NAMESPACE", "IMAGE_WATCHER_NAMESPACES"),
            ("NAMESPACES", "IMAGE_WATCHER_NAMESPACES"),
            ("NAMESPACE", "IMAGE_WATCHER_NAMESPACES"),
            ("MODE", "IMAGE_WATCHER_MODE"),
            ("STRATEGY", "IMAGE_WATCHER_STRATEGY"),
            ("SCHEDULE", "IMAGE_WATCHER_SCHEDULE"),
            ("TIMEZONE", "TZ"),
            ("ALL_PROXY", "HTTPS_PROXY"),
            ("all_proxy", "HTTPS_PROXY"),
            ("HTTPS_PROXIES", "HTTPS_PROXY"),
            ("MAILTO", "MAIL_TO"),
            ("HARBOR_WEBHOOK_SECRET", "harbor"),
            ("GITLAB_WEBHOOK_TOKEN", "gitlab"),
            ("ACR_EVENTGRID_WEBHOOK_TOKEN", "acr-eventgrid"),
            ("GITHUB_WEBHOOK_TOKEN", "GITHUB_WEBHOOK_SECRET"),
        ] {
            let told = near_miss(name).unwrap_or_default();
            assert!(told.contains(ours), "{name}: {told:?}");
        }
    }

    #[test]
    fn slips_of_the_pen_are_told() {
        for (name, ours) in [
            ("SMTP_URI", "SMTP_URL"),
            ("SMPT_URL", "SMTP_URL"),
            ("BASEURL", "BASE_URL"),
            ("base_url", "BASE_URL"),
            ("tz", "TZ"),
            ("LOGLEVEL", "LOG_LEVEL"),
            ("RUN_ON_BOOTS", "RUN_ON_BOOT"),
            ("WEBHOOKS_SECRET", "WEBHOOK_SECRET"),
            ("DOCKER_HUB_WEBHOOK_TOKEN", "DOCKERHUB_WEBHOOK_TOKEN"),
            ("IMAGEWATCHER_MODE", "IMAGE_WATCHER_MODE"),
            ("image_watcher_mode", "IMAGE_WATCHER_MODE"),
            ("BASE_URL_FILE", "BASE_URL"),
        ] {
            let told = near_miss(name).unwrap_or_default();
            assert!(told.contains(ours), "{name}: {told:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_known_or_of_somebody_else() {
        for known in all() {
            assert_eq!(near_miss(known), None, "{known}");
            assert!(is_known(known));
        }
        for known in BY_FILE {
            assert_eq!(near_miss(&format!("{known}_FILE")), None, "{known}");
        }
        for name in [
            "PATH",
            "HOME",
            "HOSTNAME",
            "USER",
            "LANG",
            "LANGUAGE",
            "LC_ALL",
            "PWD",
            "SHLVL",
            "TERM",
            "NO_COLOR",
            "KUBECONFIG",
            "KUBERNETES_SERVICE_HOST",
            "KUBERNETES_PORT",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "https_proxy",
            "SSL_CERT_DIR",
            "RUST_LOG",
            "RUST_BACKTRACE",
            "NODE_NAME",
            "POD_NAME",
            "POD_IP",
            "POD_NAMESPACE",
            "DATABASE_URL",
            "REDIS_URL",
            "GITLAB_TOKEN",
            "PS1",
            "TMPDIR",
            "HOSTS",
            "POST",
            "AWS_REGION",
            "GOMEMLIMIT",
            "OLDPWD",
            "MAIL",
            "LOGNAME",
            "OTEL_SERVICE_NAME",
            "XDG_CACHE_HOME",
        ] {
            assert_eq!(near_miss(name), None, "{name}");
        }
    }

    #[test]
    fn the_documents_have_a_row_for_each() {
        let documents = [include_str!("../../docs/settings.md"), include_str!("../../docs/traces.md")];
        let rows: Vec<&str> =
            documents.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with('|')).collect();
        let is_told = |name: &str| rows.iter().any(|row| row.contains(&format!("`{name}`")));
        let missing: Vec<&str> = PLAIN.into_iter().chain(BY_FILE).filter(|name| !is_told(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_prefix_too_many_is_seen_through() {
        for (name, ours) in [
            ("IMAGE_WATCHER_STRATGY", "IMAGE_WATCHER_STRATEGY"),
            ("IMAGE_WATCHER_NAMESPACE", "IMAGE_WATCHER_NAMESPACES"),
            ("IMAGE_WATCHER_PORT", "PORT"),
            ("IMAGE_WATCHER_BASE_URL", "BASE_URL"),
            ("IMAGE_WATCHER_SMTP_URL_FILE", "SMTP_URL"),
            ("IMAGE_WATCHER_SMTP_HOST", "SMTP_URL"),
            ("IMAGE_WATCHER_LINKKEY_FILE", "IMAGE_WATCHER_LINK_KEY"),
            ("IMAGE_WATCHER_MODE_FILE", "IMAGE_WATCHER_MODE"),
        ] {
            assert_eq!(nearest(name), ours, "{name}");
        }
    }
}
