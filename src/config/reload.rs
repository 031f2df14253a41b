//! What of a configuration is taken over while the service runs, and what waits for a restart.
//!
//! Taken over are the rules, the choice of namespaces where all of them are seen anyway, secrets that stand in files of their own, as
//! `secrets` has them, and what is shown at NATS, which is read whenever a connection is made. Everything else is fixed at the start.
//!
//! One edit counts as a whole: rules and namespaces wait as well where something that has a say in what becomes of a workload
//! waits for a restart. A workload that goes from one rule to another is under one of them all the time.

mod secrets;
#[cfg(test)]
mod unopened_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};

use self::secrets::{Renewed, Secrets};
use super::channel::{ChannelConfig, ChannelError};
use super::entry::ReadFile;
use super::{Config, ConfigError, Origins, file};
use crate::ambient::Ambient;
use crate::domain::defaults::{Defaults, NamespaceFilter, Rule};
use crate::domain::reference::Digest;
use crate::domain::settings::Bounds;
use crate::notify::{Channel, Reopening};
use crate::outbound::Outbound;
use crate::stop::Stop;
use crate::telemetry::chain;

/// The files are looked at again after this time.
const EACH: Duration = Duration::from_secs(10);

/// What can be changed while the service runs. The secrets in it are shared with whoever uses them.
#[derive(Clone, Debug)]
struct Reloadable {
    watched: NamespaceFilter,
    rules: Vec<Rule>,
    secrets: Secrets,
}

/// A configuration that is read again while the service runs.
#[derive(Debug)]
pub struct Reload {
    running: Reloadable,
    /// What rules are read under.
    bounds: Bounds,
    /// As it was at the start.
    fixed: Origins,
    /// As it was read last, be it that it could be used or not.
    seen: BTreeMap<String, Option<Digest>>,
    /// As it was read last and could be used.
    used: BTreeMap<String, Option<Digest>>,
}

/// Makes a channel ready by the secrets that were read.
pub type Open<'o> = &'o dyn Fn(&ChannelConfig) -> Result<Channel, ChannelError>;

/// What came of a look at the files.
#[derive(Debug)]
pub enum Reloaded {
    /// They are what they were.
    Same,
    /// They can't be used: what was before stays in force.
    Refused(ConfigError),
    /// What can be taken over is.
    Taken(Taken),
}

impl Reloaded {
    fn log(&self) {
        match self {
            Self::Same => {}
            Self::Refused(error) => {
                tracing::error!(%error, "the configuration was changed and can't be used: what was in force before stays so");
            }
            Self::Taken(Taken { now, after_restart, unopened, .. }) => {
                for Unopened { channel, why, .. } in unopened {
                    tracing::error!(
                        channel,
                        error = why,
                        "a channel can't be opened by its new secret: it goes on by the old one, and the new one is tried again at the next change"
                    );
                }
                if !now.is_empty() {
                    tracing::info!(?now, "the configuration was changed, and this is in force now");
                }
                if !after_restart.is_empty() {
                    tracing::warn!(settings = ?after_restart, "these changes of the configuration are taken over by a restart alone");
                }
            }
        }
    }
}

/// What was taken over.
#[derive(Debug)]
pub struct Taken {
    /// Keys and files that are in force now.
    pub now: Vec<String>,
    /// Keys and files that differ from what runs, and need a restart.
    pub after_restart: Vec<String>,
    /// The rules.
    pub rules: Vec<Rule>,
    /// Which namespaces are watched.
    pub watched: NamespaceFilter,
    /// The channels of which a secret was changed, as they are by the new one.
    pub channels: Vec<Channel>,
    /// The same where there is no channel by the new one.
    pub unopened: Vec<Unopened>,
}

/// A channel that can't be opened by its new secret: the old one stays in force, and the new one is tried again when a file of the
/// configuration is another.
#[derive(Debug)]
pub struct Unopened {
    /// Its name.
    pub channel: String,
    /// The files in which its secrets stand.
    pub files: Vec<String>,
    /// What is wrong, without a secret.
    pub why: String,
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { channel, files, why } = self;
        write!(f, "{}: channel {channel} can't be opened by it: {why}", files.join(", "))
    }
}

impl Taken {
    /// Says what workloads inherit now, and which of them are watched.
    pub fn inherit(&self, defaults: &mut Defaults) {
        inherit((&self.watched, &self.rules), defaults);
    }

    /// Has the channels go on by their new secrets.
    pub fn renew(&self, reopening: &Reopening) {
        self.channels.iter().for_each(|renewed| reopening.take_over(renewed));
    }
}

pub(super) fn inherit((watched, rules): (&NamespaceFilter, &[Rule]), defaults: &mut Defaults) {
    (defaults.watched, defaults.rules) = (watched.clone(), rules.into());
}

impl Reload {
    /// Of what runs.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let running =
            Reloadable { watched: config.watched.clone(), rules: config.rules.clone(), secrets: Secrets::of(config) };
        Self {
            running,
            bounds: config.bounds(),
            fixed: config.origins.clone(),
            seen: config.origins.files().clone(),
            used: config.origins.files().clone(),
        }
    }

    /// Looks every ten seconds, until `stop` is raised, and hands over what came of it where that is something.
    pub async fn keep_looking(
        mut self,
        outbound: Outbound,
        ambient: Ambient,
        mut stop: Stop,
        take_over: impl Fn(Reloaded),
    ) {
        loop {
            tokio::select! {
                () = stop.raised() => return,
                () = tokio::time::sleep(EACH) => {}
            }
            let open = |channel: &ChannelConfig| channel.open(&outbound);
            let reloaded = self.again(&|path| std::fs::read_to_string(path), &open, ambient.now());
            reloaded.log();
            take_over(reloaded);
        }
    }

    /// Looks whether any file that was read has another content, and takes over what can be.
    pub fn again(&mut self, file: ReadFile<'_>, open: Open<'_>, now: DateTime<Utc>) -> Reloaded {
        let before = contents(self.seen.keys(), file);
        if before == self.seen {
            return Reloaded::Same;
        }
        let read = Config::read(self.fixed.environment().clone(), file, now);
        // A file that changes in the middle of this is read again as a whole, the next time.
        if contents(self.seen.keys(), file) != before {
            return Reloaded::Same;
        }
        let config = match read {
            Ok(config) => config,
            Err(error) => {
                // Also what it names and was not there: it may come.
                let is_as_read = contents(error.files.keys(), file) == error.files;
                if !is_as_read {
                    return Reloaded::Same;
                }
                self.seen = before.into_iter().chain(error.files.clone()).collect();
                return Reloaded::Refused(error);
            }
        };
        if contents(config.origins.files().keys(), file) != *config.origins.files() {
            return Reloaded::Same;
        }
        Reloaded::Taken(self.take(config, open))
    }

    fn take(&mut self, config: Config, open: Open<'_>) -> Taken {
        let mut now = BTreeSet::new();
        let mut differs = self.fixed.parts_that_differ(&config.origins);
        let sees_all = |filter: &NamespaceFilter| filter.named().is_none();
        let can_choose = sees_all(&self.running.watched) && sees_all(&config.watched);
        differs.remove("rules");
        if can_choose {
            differs.remove("namespaces");
        }
        let waits = config.bounds() != self.bounds || !differs.iter().all(|key| file::is_apart(key));
        if self.running.rules != config.rules {
            if waits { &mut differs } else { &mut now }.insert("rules".to_owned());
        }
        if can_choose && self.running.watched != config.watched {
            if waits { &mut differs } else { &mut now }.insert("namespaces".to_owned());
        }
        if !waits {
            self.running.rules.clone_from(&config.rules);
            if can_choose {
                self.running.watched.clone_from(&config.watched);
            }
        }
        let mut files = self.fixed.files_that_differ(&config.origins);
        let changed = self.changed_since(&config);
        files.remove(self.fixed.path());
        self.seen = config.origins.files().clone();
        let read = config.origins.files().clone();
        let renewed = self.running.secrets.take_over(config, &self.fixed, &differs, &changed);
        let Renewed { files: mut rotated, channels } = renewed;
        let (channels, unopened) = opened(channels, open);
        // What a channel can't be opened by is as if it had not been read: it is tried again.
        let untaken: BTreeSet<&String> = unopened.iter().flat_map(|it| &it.files).collect();
        files.retain(|path| !untaken.contains(path));
        rotated.retain(|path| !untaken.contains(path));
        now.extend(rotated.intersection(&changed).cloned());
        // What waits is still used as it was.
        self.used.extend(read.into_iter().filter(|(path, _)| rotated.contains(path)));
        files.retain(|path| !rotated.contains(path));
        let (rules, watched) = (self.running.rules.clone(), self.running.watched.clone());
        let after_restart = differs.into_iter().chain(files).collect();
        Taken { now: now.into_iter().collect(), after_restart, rules, watched, channels, unopened }
    }

    /// The files whose content is another than what was used last.
    fn changed_since(&self, config: &Config) -> BTreeSet<String> {
        let files = config.origins.files().iter();
        files.filter(|(path, content)| self.used.get(*path) != Some(content)).map(|(path, _)| path.clone()).collect()
    }
}

/// The channels of which a secret was changed, as far as there are any by the new ones.
fn opened(changed: Vec<ChannelConfig>, open: Open<'_>) -> (Vec<Channel>, Vec<Unopened>) {
    let (mut channels, mut unopened) = (Vec::new(), Vec::new());
    for config in changed {
        match open(&config) {
            Ok(channel) => channels.push(channel),
            Err(error) => {
                let ChannelConfig { name: channel, files, .. } = config;
                unopened.push(Unopened { channel, files, why: chain(&error).to_string() });
            }
        }
    }
    (channels, unopened)
}

fn contents<'p>(paths: impl Iterator<Item = &'p String>, file: ReadFile<'_>) -> BTreeMap<String, Option<Digest>> {
    let content = |path: &String| file(path).ok().map(|text| Digest::of(text.as_bytes()));
    paths.map(|path| (path.clone(), content(path))).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    pub(super) struct Disk(RefCell<BTreeMap<String, String>>);

    impl Disk {
        fn of(files: &[(&str, &str)]) -> Self {
            Self(RefCell::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()))
        }

        pub(super) fn write(&self, path: &str, text: &str) {
            self.0.borrow_mut().insert(path.to_owned(), text.to_owned());
        }

        fn read(&self, path: &str) -> std::io::Result<String> {
            self.0.borrow().get(path).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
        }

        pub(super) fn start(&self) -> (Config, Reload) {
            let variables = [
                ("IMAGE_WATCHER_CONFIG".to_owned(), "/c.yaml".to_owned()),
                ("GITHUB_WEBHOOK_SECRET_FILE".to_owned(), "/github".to_owned()),
            ];
            let config = Config::read(variables, &|path| self.read(path), DateTime::UNIX_EPOCH).unwrap();
            let reload = Reload::of(&config);
            (config, reload)
        }

        fn again(&self, reload: &mut Reload) -> Reloaded {
            let outbound = Outbound::new(None).unwrap();
            self.again_opening(reload, &|channel| channel.open(&outbound))
        }

        pub(super) fn again_opening(&self, reload: &mut Reload, open: Open<'_>) -> Reloaded {
            reload.again(&|path| self.read(path), open, DateTime::UNIX_EPOCH)
        }
    }

    const YAML: &str = "sources: [{name: hub, kind: dockerhub, auth: {secretFiles: [/hub]}}]\n\
        registries: [{host: r.example, username: joe, passwordFile: /password}]\nrules: [{mode: DISABLED}]\nport: 3000\n";

    fn disk() -> Disk {
        Disk::of(&[("/c.yaml", YAML), ("/hub", "one"), ("/password", "one"), ("/github", "one")])
    }

    fn taken(reloaded: Reloaded) -> (Vec<String>, Vec<String>) {
        match reloaded {
            Reloaded::Taken(taken) => (taken.now, taken.after_restart),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let disk = disk();
        let (_, mut reload) = disk.start();
        assert!(matches!(disk.again(&mut reload), Reloaded::Same));
    }

    #[test]
    fn secrets_are_in_force_wherever_they_are_used() {
        let disk = disk();
        let (config, mut reload) = disk.start();
        for path in ["/hub", "/password", "/github"] {
            disk.write(path, "two\n");
        }
        let (now, after) = taken(disk.again(&mut reload));
        assert_eq!((now, after), (vec!["/github".into(), "/hub".into(), "/password".into()], vec![]));
        let source = |name: &str| config.sources.iter().find(|it| it.name == name).unwrap().auth.secrets.get();
        assert!(source("hub")[0].matches(b"two") && source("github")[0].matches(b"two"));
        assert!(config.registries[0].user.as_ref().unwrap().get().password.matches(b"two"));
        assert!(matches!(disk.again(&mut reload), Reloaded::Same));
    }

    /// Where the service is someone at NATS stands in files that are read whenever it connects: nothing waits for a restart.
    #[test]
    fn what_is_shown_at_nats_is_in_force_wherever_it_stands() {
        let written = "queue: nats://nats:4222\nnatsUser: iw\nnatsPasswordFile: /nats\n";
        let variables = |more: &[(&str, &str)]| {
            let usual = [
                ("IMAGE_WATCHER_CONFIG", "/c.yaml"),
                ("GITHUB_WEBHOOK_SECRET_FILE", "/github"),
                ("IMAGE_WATCHER_LINK_KEY", "a key of thirty-two bytes or more"),
            ];
            let all = [&usual[..], more].concat();
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        let by_variable = [
            ("IMAGE_WATCHER_QUEUE", "nats://nats:4222"),
            ("IMAGE_WATCHER_NATS_USER", "iw"),
            ("IMAGE_WATCHER_NATS_PASSWORD_FILE", "/nats"),
        ];
        for (yaml, variables) in [(written, variables(&[])), ("port: 3000\n", variables(&by_variable))] {
            let disk = Disk::of(&[("/c.yaml", yaml), ("/nats", "one"), ("/github", "one")]);
            let config = Config::read(variables, &|path| disk.read(path), DateTime::UNIX_EPOCH).unwrap();
            let mut reload = Reload::of(&config);
            disk.write("/nats", "two");
            assert_eq!(taken(disk.again(&mut reload)), (vec!["/nats".to_owned()], vec![]), "{yaml}");
            disk.write("/c.yaml", &format!("{yaml}logLevel: WARN\n"));
            assert_eq!(taken(disk.again(&mut reload)), (vec![], vec!["logLevel".to_owned()]), "{yaml}");
        }
    }

    /// What runs is written by all of these; then each of the files is written anew.
    const OTHERS: &str = "smtpUrlFile: /smtp\nmailFrom: iw@example.com\nbaseUrl: https://iw.example.com\n\
        slackSigningSecretFile: /signing\ngithubTokenFile: /forge\nopenAiKeyFile: /model\nopenAiModel: m\n\
        channels:\n- {name: mail, kind: email, to: [a@example.com]}\n- {name: hook, kind: webhook, urlFile: /url, secretFile: /signs}\n\
        - {name: app, kind: slack, tokenFile: /slack, channel: C0123456789, team: T1, app: A1, users: [U1]}\n\
        - {name: bot, kind: telegram, tokenFile: /bot, chat: -42, users: [7]}\n\
        auth:\n  mode: basic\n  users: [{name: ann, passwordHashFile: /ann, role: viewer}]\n\
        \x20 tokens: [{name: ci, hashFile: /ci, role: viewer}]\n";
    const ANN: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    const BOT: &str = "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    pub(super) fn others() -> Disk {
        let (token, github) = (format!("sha256:{}", "ab".repeat(32)), "one");
        Disk::of(&[
            ("/c.yaml", OTHERS),
            ("/smtp", "smtps://a:b@mail.example.com"),
            ("/signing", "8f742231b10e8888abcd99yyyzzz85a5"),
            ("/forge", "one"),
            ("/model", "one"),
            ("/url", "https://hooks.example.com/one"),
            ("/signs", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
            ("/slack", "xoxb-1-2"),
            ("/bot", BOT),
            ("/ann", ANN),
            ("/ci", &token),
            ("/github", github),
        ])
    }

    #[test]
    fn each_secret_in_a_file_is_in_force_without_a_restart() {
        let disk = others();
        let (config, mut reload) = disk.start();
        let changed = [
            ("/smtp", "smtps://a:c@mail.example.com"),
            ("/signing", "0000000000000000000000000000000a"),
            ("/forge", "two"),
            ("/model", "two"),
            ("/url", "https://hooks.example.com/two"),
            ("/slack", "xoxb-1-3"),
            ("/ann", &ANN.replace("CTFh", "DTFh")),
            ("/ci", &format!("sha256:{}", "cd".repeat(32))),
        ];
        for (path, text) in &changed {
            disk.write(path, text);
        }
        let Reloaded::Taken(taken) = disk.again(&mut reload) else { panic!("it can be used") };
        let all: BTreeSet<&str> = changed.iter().map(|(path, _)| *path).collect();
        assert_eq!(taken.now.iter().map(String::as_str).collect::<BTreeSet<_>>(), all);
        assert_eq!(taken.after_restart, Vec::<String>::new());
        let channels: Vec<&str> = taken.channels.iter().map(Channel::name).collect();
        assert_eq!(channels, ["mail", "hook", "app"], "the others are left as they are");
        let auth = config.auth.as_ref().unwrap();
        let crate::config::auth::Mode::Basic(users) = &auth.mode else { panic!("basic") };
        assert!(users[0].hash.get().to_string().contains("DTFh") && auth.tokens[0].sha256.get()[0] == 0xcd);
        assert!(config.slack_signing_secret.as_ref().unwrap().get().matches(b"0000000000000000000000000000000a"));
        assert!(config.notes.github_token.as_ref().unwrap().get().matches(b"two"));
        assert!(config.notes.model.as_ref().unwrap().shared_key().unwrap().get().matches(b"two"));
    }

    #[test]
    fn a_bad_secret_of_a_channel_keeps_the_old_one_and_is_told_once() {
        let disk = others();
        let (_, mut reload) = disk.start();
        disk.write("/slack", "xoxb s3cret");
        let Reloaded::Refused(error) = disk.again(&mut reload) else { panic!("it can't be used") };
        assert!(
            error.to_string().contains("channels[2].tokenFile") && !error.to_string().contains("s3cret"),
            "{error}"
        );
        assert!(matches!(disk.again(&mut reload), Reloaded::Same), "told once");
        disk.write("/slack", "xoxb-1-3");
        assert_eq!(taken(disk.again(&mut reload)), (vec!["/slack".to_owned()], vec![]));
    }

    #[test]
    fn what_else_of_channels_is_changed_makes_their_secrets_wait() {
        let disk = others();
        let (_, mut reload) = disk.start();
        disk.write("/bot", &BOT.replace("A:", "B:").replace("AAA", "BBB"));
        assert_eq!(taken(disk.again(&mut reload)), (vec![], vec!["/bot".to_owned()]), "Telegram is told at the start");
        disk.write("/c.yaml", &OTHERS.replace("to: [a@", "to: [b@"));
        disk.write("/slack", "xoxb-1-3");
        let (now, after) = taken(disk.again(&mut reload));
        assert_eq!((now, after), (vec![], vec!["channels".into(), "/bot".into(), "/slack".into()]));
        disk.write("/c.yaml", OTHERS);
        let Reloaded::Taken(back) = disk.again(&mut reload) else { panic!("it can be used") };
        assert_eq!((back.now, back.after_restart), (vec!["/slack".to_owned()], vec!["/bot".to_owned()]));
        assert_eq!(back.channels.len(), 1, "the secret that waited is in force now");
    }

    #[test]
    fn rules_are_taken_over_and_the_rest_is_named() {
        let disk = disk();
        let (_, mut reload) = disk.start();
        disk.write("/c.yaml", &YAML.replace("DISABLED", "AUTO_UPDATE").replace("port: 3000", "port: 3001"));
        let Reloaded::Taken(first) = disk.again(&mut reload) else { panic!("it can be used") };
        assert_eq!((first.now, first.after_restart), (vec!["rules".to_owned()], vec!["port".to_owned()]));
        assert_eq!(&*first.rules[0].settings[0].1, "AUTO_UPDATE");
        disk.write("/c.yaml", &format!("{YAML}namespaces: {{except: [kube-system]}}\nlogLevel: WARN\n"));
        let (now, after) = taken(disk.again(&mut reload));
        assert_eq!((now, after), (vec!["namespaces".into(), "rules".into()], vec!["logLevel".into()]));
        disk.write("/c.yaml", &format!("{YAML}namespaces: [shop]\n"));
        assert_eq!(taken(disk.again(&mut reload)).1, ["namespaces"], "it is watched one by one then");
    }

    #[test]
    fn rules_wait_for_what_they_are_read_under() {
        let hold = |now: &str| {
            let disk = Disk::of(&[
                ("/c.yaml", "rules: [{namespaces: [prod], mode: DISABLED}]\n"),
                ("/github", "one"),
                ("/smtp", "smtps://a:b@mail.example.com"),
            ]);
            let (_, mut reload) = disk.start();
            disk.write("/c.yaml", now);
            let Reloaded::Taken(taken) = disk.again(&mut reload) else { panic!("it can be used: {now}") };
            let is_held = &*taken.rules[0].settings[0].1 == "DISABLED" && taken.watched == NamespaceFilter::default();
            assert!(is_held && taken.now.is_empty(), "{now}: {:?} {:?}", taken.now, taken.after_restart);
            disk.write("/c.yaml", "rules: [{mode: NOTIFICATION}]\n");
            let Reloaded::Taken(alone) = disk.again(&mut reload) else { panic!("it can be used") };
            assert_eq!((alone.now.join(","), alone.after_restart.len()), ("rules".to_owned(), 0));
            taken.after_restart.join(",")
        };
        assert_eq!(hold("mode: NOTIFICATION\n"), "mode,rules", "prod would be neither disabled nor asked about");
        let oncall = "channels: [{name: oncall, kind: email, to: [a@example.com]}]\nrules: [{notify: oncall}]\n";
        assert_eq!(
            hold(&format!("smtpUrlFile: /smtp\nmailFrom: iw@example.com\n{oncall}")),
            "channels,mailFrom,rules,smtpUrlFile"
        );
        assert_eq!(
            hold("dryRun: true\nrules: [{mode: AUTO_UPDATE}]\nnamespaces: {except: [ops]}\n"),
            "dryRun,namespaces,rules"
        );
        assert_eq!(hold("rollouts: {total: 1}\nrules: [{mode: AUTO_UPDATE}]\n"), "rollouts,rules");
    }

    #[test]
    fn a_file_that_was_missing_is_waited_for() {
        let disk = disk();
        let (_, mut reload) = disk.start();
        let more = YAML.replace("sources: [", "sources: [{name: new, kind: dockerhub, auth: {secretFiles: [/new]}}, ");
        disk.write("/c.yaml", &more);
        let Reloaded::Refused(error) = disk.again(&mut reload) else { panic!("it can't be used") };
        assert!(error.to_string().contains("/new"), "{error}");
        assert!(matches!(disk.again(&mut reload), Reloaded::Same), "told once");
        disk.write("/new", "secret");
        assert_eq!(taken(disk.again(&mut reload)).1, ["sources"]);
        assert!(matches!(disk.again(&mut reload), Reloaded::Same));
    }

    #[test]
    fn a_bad_file_keeps_the_old_one_and_is_told_once() {
        let disk = disk();
        let (config, mut reload) = disk.start();
        disk.write("/c.yaml", &YAML.replace("DISABLED", "OFF"));
        disk.write("/hub", "two");
        let Reloaded::Refused(error) = disk.again(&mut reload) else { panic!("it can't be used") };
        assert!(error.to_string().contains("/c.yaml:3:16: rules[0].mode"), "{error}");
        assert!(matches!(disk.again(&mut reload), Reloaded::Same), "told once");
        assert!(config.sources[1].auth.secrets.get()[0].matches(b"one"), "all of it or nothing");
        disk.write("/c.yaml", YAML);
        assert_eq!(taken(disk.again(&mut reload)).0, ["/hub"]);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_the_next_time() {
        let disk = disk();
        let (config, mut reload) = disk.start();
        disk.write("/c.yaml", "rules: [");
        let reads = RefCell::new(0);
        let racing = |path: &str| {
            let text = disk.read(path);
            if path == "/c.yaml" {
                *reads.borrow_mut() += 1;
                // After the half of it was read, the rest comes.
                disk.write(path, &YAML.replace("DISABLED", "AUTO_UPDATE"));
            }
            text
        };
        let opens = |channel: &ChannelConfig| channel.open(&Outbound::new(None).unwrap());
        let raced = reload.again(&racing, &opens, DateTime::UNIX_EPOCH);
        assert!(matches!(raced, Reloaded::Same), "neither half nor error");
        assert!(*reads.borrow() > 1 && config.rules.len() == 1);
        assert_eq!(taken(disk.again(&mut reload)).0, ["rules"]);
    }
}
