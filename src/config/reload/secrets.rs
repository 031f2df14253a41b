//! The secrets of a configuration that runs, as they are shared with whoever uses them: each can be changed in its file.

use std::collections::BTreeSet;

use super::super::auth::{Auth, Mode};
use super::super::channel::ChannelConfig;
use super::super::origin::Origins;
use super::super::source::Source;
use super::Config;
use crate::domain::rotating::Rotating;
use crate::domain::secret::Secret;
use crate::registry::RegistryHost;

/// What channels are made of, beside their secrets.
const OF_CHANNELS: [&str; 15] = [
    "channels",
    "cluster",
    "smtpUrlFile",
    "mailFrom",
    "mailTo",
    "slackUrlFile",
    "slackBotTokenFile",
    "slackChannel",
    "discordUrlFile",
    "telegramTokenFile",
    "telegramChat",
    "teamsUrlFile",
    "webhookUrl",
    "webhookSecretFile",
    "templates",
];
/// By what name secrets of release notes are set, and the keys in the place of these.
const OF_NOTES: [&str; 3] = ["GITHUB_TOKEN", "OPEN_AI_KEY", "OPENAI_API_KEY"];
const KEYS_OF_NOTES: [&str; 4] = ["githubTokenFile", "openAiUrl", "openAiKeyFile", "openAiModel"];

/// The secrets that are in use.
#[derive(Clone, Debug)]
pub(super) struct Secrets {
    sources: Vec<Source>,
    registries: Vec<RegistryHost>,
    auth: Option<Auth>,
    slack: Option<Rotating<Secret>>,
    github: Option<Rotating<Secret>>,
    model: Option<Rotating<Secret>>,
}

/// What became of files that were changed.
#[derive(Default)]
pub(super) struct Renewed {
    /// The files whose secrets are taken over whenever they change: nothing of them waits for a restart.
    pub(super) files: BTreeSet<String>,
    /// The channels of which a secret was changed.
    pub(super) channels: Vec<ChannelConfig>,
}

impl Secrets {
    /// Of what runs.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            sources: config.sources.clone(),
            registries: config.registries.clone(),
            auth: config.auth.clone(),
            slack: config.slack_signing_secret.clone(),
            github: config.notes.github_token.clone(),
            model: config.notes.model.as_ref().and_then(|model| model.shared_key().cloned()),
        }
    }

    /// Takes over what was read, where nothing else of its part `differs`; the files are those of `fixed`, of which these `changed`.
    pub(super) fn take_over(
        &self,
        read: Config,
        fixed: &Origins,
        differs: &BTreeSet<String>,
        changed: &BTreeSet<String>,
    ) -> Renewed {
        let same = |keys: &[&str]| !keys.iter().any(|key| differs.contains(*key));
        let mut files = fixed.logins_of_nats();
        if same(&["sources"]) {
            for (running, read) in self.sources.iter().zip(&read.sources) {
                running.auth.secrets.take_over(&read.auth.secrets);
            }
            files.extend(fixed.secrets_of_sources());
        }
        if same(&["registries"]) {
            self.passwords_of(&read.registries);
            files.extend(fixed.passwords_of_registries());
        }
        if same(&["auth"]) {
            self.people_of(read.auth.as_ref());
            files.extend(fixed.secrets_of_auth());
        }
        if same(&KEYS_OF_NOTES) {
            renew(self.github.as_ref(), read.notes.github_token.as_ref());
            renew(self.model.as_ref(), read.notes.model.as_ref().and_then(|model| model.shared_key()));
            files.extend(fixed.files_of(&OF_NOTES));
        }
        if !same(&OF_CHANNELS) {
            return Renewed { files, channels: Vec::new() };
        }
        if same(&["slackSigningSecretFile"]) {
            renew(self.slack.as_ref(), read.slack_signing_secret.as_ref());
            files.extend(fixed.files_of(&["SLACK_SIGNING_SECRET"]));
        }
        let (renewable, others): (Vec<_>, Vec<_>) = read.channels.into_iter().partition(ChannelConfig::can_be_renewed);
        files.extend(renewable.iter().flat_map(|channel| channel.files.iter().cloned()));
        for file in others.iter().flat_map(|channel| &channel.files) {
            files.remove(file);
        }
        let is_changed = |channel: &ChannelConfig| channel.files.iter().any(|file| changed.contains(file));
        Renewed { files, channels: renewable.into_iter().filter(is_changed).collect() }
    }

    fn passwords_of(&self, read: &[RegistryHost]) {
        for running in &self.registries {
            let read = read.iter().find(|read| read.name() == running.name());
            renew(running.user.as_ref(), read.and_then(|read| read.user.as_ref()));
        }
    }

    fn people_of(&self, read: Option<&Auth>) {
        let (Some(running), Some(read)) = (&self.auth, read) else { return };
        match (&running.mode, &read.mode) {
            (Mode::Basic(running), Mode::Basic(read)) => {
                running.iter().zip(read).for_each(|(running, read)| running.hash.take_over(&read.hash));
            }
            (Mode::Oidc(running), Mode::Oidc(read)) => {
                renew(running.client_secret.as_ref(), read.client_secret.as_ref());
            }
            _ => {}
        }
        running.tokens.iter().zip(&read.tokens).for_each(|(running, read)| running.sha256.take_over(&read.sha256));
    }
}

fn renew<T>(running: Option<&Rotating<T>>, read: Option<&Rotating<T>>) {
    if let (Some(running), Some(read)) = (running, read) {
        running.take_over(read);
    }
}
