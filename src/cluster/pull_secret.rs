//! Credentials from a workload's `imagePullSecrets`: its own namespace, its own list, and only for the host that the
//! secret names. Read when needed, held for minutes, never watched.
//!
//! That there is no user is known for certain, or it is not known: whoever asked a registry without a credential because
//! the API server was busy would blame the workload for the refusal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::ClusterError;
use super::apply::{Failed, within};
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::domain::secret::Secret;
use crate::domain::workload::Workload;
use crate::registry::{Anonymous, Credential, NamedSecret};
use crate::telemetry::metrics::Metrics;

/// How long a secret is believed.
const BELIEVED: Duration = Duration::from_secs(300);
/// How long it is believed that a secret is not there, or may not be read.
const REFUSED: Duration = Duration::from_secs(60);
/// How long nothing is asked of an API server that gave no answer.
const UNANSWERED: Duration = Duration::from_secs(3);
/// A namespace whose secrets can't be read is told of once in this time.
const QUIET: Duration = Duration::from_secs(3600);
/// Larger secrets are no pull secrets.
const MOST_BYTES: usize = 64 * 1024;
/// The most secrets that are held, and the most bytes of all of them.
const MOST_HELD: usize = 1000;
const MOST_HELD_BYTES: usize = 4 * 1024 * 1024;
/// Secrets that are read at once, whatever their size: the API server takes them up to a megabyte.
const SIDE_BY_SIDE: usize = 4;

/// Users by host, as one secret lists them.
type Users = Vec<(String, String, Secret)>;

/// A secret that was read: its scope, and its users.
type Read = (String, Users);

/// Why a secret gave no users.
#[derive(Clone, Debug)]
enum Without {
    /// It has none for us, for certain.
    Nobody(Anonymous),
    /// The API server did not say.
    Unknown(Arc<dyn std::error::Error + Send + Sync>),
}

/// What reading a secret came to.
type Outcome = Result<Arc<Read>, Without>;

/// What is known of a secret.
struct Known {
    until: Duration,
    bytes: usize,
    outcome: Outcome,
}

/// What is known, by namespace and name.
#[derive(Default)]
struct Held {
    secrets: HashMap<(Box<str>, Box<str>), Known>,
    /// Namespaces that were told of, until when.
    told: HashMap<Box<str>, Duration>,
}

/// Reads pull secrets, and remembers them for minutes.
#[derive(Clone)]
pub(super) struct PullSecrets {
    client: kube::Client,
    ambient: Ambient,
    metrics: Metrics,
    held: Arc<Mutex<Held>>,
    turns: Arc<Semaphore>,
}

/// `.dockerconfigjson`, and the older form that is its inner map.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

impl Held {
    fn known(&self, key: &(Box<str>, Box<str>), now: Duration) -> Option<Outcome> {
        self.secrets.get(key).filter(|known| known.until > now).map(|known| known.outcome.clone())
    }

    /// Holds a secret; what would be forgotten first makes room.
    fn hold(&mut self, key: (Box<str>, Box<str>), known: Known, now: Duration) {
        self.secrets.retain(|_, known| known.until > now);
        self.secrets.remove(&key);
        if known.bytes > MOST_HELD_BYTES {
            return;
        }
        while self.secrets.len() >= MOST_HELD || self.bytes() + known.bytes > MOST_HELD_BYTES {
            let first = self.secrets.iter().min_by_key(|(_, known)| known.until).map(|(key, _)| key.clone());
            let Some(first) = first else { return };
            self.secrets.remove(&first);
        }
        self.secrets.insert(key, known);
    }

    fn bytes(&self) -> usize {
        self.secrets.values().map(|known| known.bytes).sum()
    }

    /// Whether a namespace is to be told of now.
    fn tells(&mut self, namespace: &str, now: Duration) -> bool {
        self.told.retain(|_, until| *until > now);
        if self.told.len() >= MOST_HELD || self.told.contains_key(namespace) {
            return false;
        }
        self.told.insert(namespace.into(), now + QUIET);
        true
    }
}

impl PullSecrets {
    pub(super) fn new(client: kube::Client, ambient: Ambient, metrics: Metrics) -> Self {
        Self { client, ambient, metrics, held: Arc::default(), turns: Arc::new(Semaphore::new(SIDE_BY_SIDE)) }
    }

    /// The first user that the workload's secrets name for the repository's host; nobody when there is none.
    pub(super) async fn credential(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> Result<Credential, ClusterError> {
        let namespace = &*workload.id.namespace;
        let reads = workload.pull_secrets.iter().map(|name| async move { (name, self.read(namespace, name).await) });
        let mut nobody = None;
        for (name, outcome) in futures_util::future::join_all(reads).await {
            let read = match outcome {
                Ok(read) => read,
                Err(Without::Nobody(why)) => {
                    nobody.get_or_insert(why);
                    continue;
                }
                Err(Without::Unknown(source)) => {
                    let (namespace, name) = (namespace.to_owned(), name.to_string());
                    return Err(ClusterError::SecretUnknown { namespace, name, source });
                }
            };
            let (scope, users) = &*read;
            let user = users.iter().find(|(host, ..)| fits(host, repository));
            if let Some((_, name, password)) = user {
                return Ok(Credential::User { scope: scope.clone(), name: name.clone(), password: password.clone() });
            }
        }
        let named = if workload.pull_secrets.is_empty() { Anonymous::NoneNamed } else { Anonymous::OtherHosts };
        Ok(Credential::Anonymous(nobody.unwrap_or(named)))
    }

    async fn read(&self, namespace: &str, name: &str) -> Outcome {
        let key = (Box::from(namespace), Box::from(name));
        if let Some(known) = self.held().known(&key, self.ambient.monotonic()) {
            return known;
        }
        // Never closed, so there is always a turn.
        let _turn = self.turns.acquire().await;
        // Somebody else may have read it in the meantime.
        if let Some(known) = self.held().known(&key, self.ambient.monotonic()) {
            return known;
        }
        let (outcome, believed) = self.fetch(namespace, name).await;
        let now = self.ambient.monotonic();
        let bytes = outcome.as_ref().map_or(100, |read| size(read));
        self.held().hold(key, Known { until: now + believed, bytes, outcome: outcome.clone() }, now);
        outcome
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a secret holds, and how long that is believed.
    async fn fetch(&self, namespace: &str, name: &str) -> (Outcome, Duration) {
        let api: kube::Api<KubeSecret> = kube::Api::namespaced(self.client.clone(), namespace);
        let named = || NamedSecret { namespace: namespace.into(), name: name.into() };
        let (nobody, believed) = match within(&self.metrics, "secret", api.get_opt(name)).await {
            Ok(Some(secret)) => match read(namespace, name, &secret) {
                Some(read) => return (Ok(Arc::new(read)), BELIEVED),
                None => (Anonymous::NoUser(named()), BELIEVED),
            },
            Ok(None) => (Anonymous::NotThere(named()), REFUSED),
            Err(Failed::Status(status)) if status.code == 403 => (Anonymous::NotAllowed(named()), REFUSED),
            Err(Failed::Status(status)) => {
                let answer = format!("the API server answers {}: {}", status.code, status.message);
                let source: Box<dyn std::error::Error + Send + Sync> = answer.into();
                return (Err(Without::Unknown(source.into())), UNANSWERED);
            }
            Err(Failed::NoAnswer(error)) => return (Err(Without::Unknown(error.into())), UNANSWERED),
        };
        self.tell(namespace, &nobody);
        (Err(Without::Nobody(nobody)), believed)
    }

    fn tell(&self, namespace: &str, nobody: &Anonymous) {
        if self.held().tells(namespace, self.ambient.monotonic()) {
            tracing::warn!(
                namespace,
                problem = %nobody,
                "a pull secret can't be used, so the registry is asked without it; more of this namespace are not told"
            );
        } else {
            tracing::debug!(namespace, problem = %nobody, "a pull secret can't be used");
        }
    }
}

fn read(namespace: &str, name: &str, secret: &KubeSecret) -> Option<Read> {
    let uid = secret.metadata.uid.clone().unwrap_or_default();
    let version = secret.metadata.resource_version.clone().unwrap_or_default();
    let users = users(secret);
    (!users.is_empty()).then(|| (format!("{namespace}/{name}/{uid}/{version}"), users))
}

/// About what a secret takes in memory.
fn size((_, users): &Read) -> usize {
    let of =
        |(host, name, password): &(String, String, Secret)| host.len() + name.len() + password.expose().len() + 100;
    users.iter().map(of).sum()
}

fn users(secret: &KubeSecret) -> Users {
    let data = secret.data.iter().flatten();
    let mut all = Users::new();
    for (key, bytes) in data.filter(|(_, bytes)| bytes.0.len() <= MOST_BYTES) {
        let auths = match key.as_str() {
            ".dockerconfigjson" => serde_json::from_slice::<DockerConfig>(&bytes.0).map(|config| config.auths),
            ".dockercfg" => serde_json::from_slice(&bytes.0),
            _ => continue,
        };
        for (host, auth) in auths.unwrap_or_default() {
            if let Some((name, password)) = auth.user() {
                all.push((host, name, Secret::new(password)));
            }
        }
    }
    all
}

impl Auth {
    fn user(self) -> Option<(String, String)> {
        if let (Some(name), Some(password)) = (self.username, self.password) {
            return Some((name, password));
        }
        let decoded = String::from_utf8(STANDARD.decode(self.auth?.trim()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }
}

/// Whether an entry's key, `host`, `https://host/v1/` or `host/path`, is for this repository.
fn fits(entry: &str, repository: &Repository) -> bool {
    let bare = entry.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let under = path.is_empty()
        || repository.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    host == repository.host() && under
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn an_entry_is_for_its_host_and_path_alone() {
        let cases = [
            ("https://index.docker.io/v1/", "docker.io/acme/web", true),
            ("docker.io", "acme/web", true),
            ("registry.example.com", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/ab", false),
            ("registry.example.com", "registry.example.com:5000/a", false),
            ("example.com", "registry.example.com/a", false),
            ("registry.example.com.evil.example", "registry.example.com/a", false),
            ("", "registry.example.com/a", false),
        ];
        for (entry, repository, expected) in cases {
            assert_eq!(fits(entry, &Repository::parse(repository).unwrap()), expected, "{entry} {repository}");
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_a_namespace_is_told_of_once() {
        let mut held = Held::default();
        let outcome = || Err(Without::Nobody(Anonymous::NoneNamed));
        let known = |until, bytes| Known { until: Duration::from_secs(until), bytes, outcome: outcome() };
        let key = |n: usize| (Box::from("shop"), format!("s{n}").into_boxed_str());
        for n in 0..2 * MOST_HELD {
            held.hold(key(n), known(1000 + n as u64, 100), Duration::ZERO);
        }
        assert_eq!(held.secrets.len(), MOST_HELD);
        assert!(held.known(&key(0), Duration::ZERO).is_none() && held.known(&key(1999), Duration::ZERO).is_some());
        held.hold(key(1), known(9000, MOST_HELD_BYTES), Duration::ZERO);
        assert_eq!(held.secrets.len(), 1, "bytes are bounded as well");
        held.hold(key(2), known(9000, MOST_HELD_BYTES + 1), Duration::ZERO);
        assert!(held.known(&key(1), Duration::ZERO).is_some(), "what can't have room takes none");
        let now = Duration::ZERO;
        assert!(held.tells("shop", now) && !held.tells("shop", now) && held.tells("blog", now));
        assert!(held.tells("shop", now + QUIET * 2));
    }

    /// An API server on a port of its own that answers every request with the same status and body; with none, it hangs up.
    async fn secrets_of(status: Option<u16>, body: String) -> (PullSecrets, JoinSet<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let Some(status) = status else { continue };
                let head =
                    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
        config.default_retry = false;
        let client = kube::Client::try_from(config).unwrap();
        (PullSecrets::new(client, Ambient::system(), Metrics::new()), tasks)
    }

    fn refusal(code: u16) -> String {
        let reason = if code == 404 { "NotFound" } else { "" };
        serde_json::json!({"kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": reason})
            .to_string()
    }

    fn names_pull() -> Workload {
        let workload = crate::domain::workload::tests::workload(&[("web", "a.example/web:1.0.0")], &[]);
        Workload { pull_secrets: Box::from(["pull".into()]), ..workload }
    }

    #[tokio::test]
    async fn a_secret_that_could_not_be_read_is_not_known_and_never_nobody() {
        let repository = Repository::parse("a.example/web").unwrap();
        for status in [Some(500), Some(503), Some(504), Some(429), Some(401), Some(409), None] {
            let (secrets, _tasks) = secrets_of(status, refusal(status.unwrap_or_default())).await;
            let asked = secrets.credential(&names_pull(), &repository).await;
            assert!(
                matches!(&asked, Err(ClusterError::SecretUnknown { name, .. }) if name == "pull"),
                "{status:?}: {asked:?}"
            );
        }
    }

    #[tokio::test]
    async fn who_is_nobody_in_particular_is_told_why() {
        let secret = |data: serde_json::Value| {
            serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "pull"}, "data": data})
                .to_string()
        };
        let elsewhere = STANDARD.encode(r#"{"auths":{"b.example":{"username":"joe","password":"x"}}}"#);
        let named = || NamedSecret { namespace: "shop".into(), name: "pull".into() };
        let cases = [
            (404, refusal(404), Anonymous::NotThere(named())),
            (403, refusal(403), Anonymous::NotAllowed(named())),
            (200, secret(serde_json::json!({})), Anonymous::NoUser(named())),
            (200, secret(serde_json::json!({".dockerconfigjson": elsewhere})), Anonymous::OtherHosts),
        ];
        let repository = Repository::parse("a.example/web").unwrap();
        for (status, body, expected) in cases {
            let (secrets, _tasks) = secrets_of(Some(status), body).await;
            let asked = secrets.credential(&names_pull(), &repository).await.unwrap();
            assert!(matches!(&asked, Credential::Anonymous(why) if *why == expected), "{expected}: {asked:?}");
        }
        let bare = Workload { pull_secrets: Box::default(), ..names_pull() };
        let (secrets, _tasks) = secrets_of(None, String::new()).await;
        let asked = secrets.credential(&bare, &repository).await.unwrap();
        assert!(matches!(asked, Credential::Anonymous(Anonymous::NoneNamed)), "{asked:?}");
    }

    #[test]
    fn users_are_read_from_both_forms() {
        let secret = |key: &str, text: &str| -> KubeSecret {
            serde_json::from_value(serde_json::json!({"data": {key: STANDARD.encode(text)}})).unwrap()
        };
        let auth = STANDARD.encode("joe:pa:ss");
        let modern = secret(".dockerconfigjson", &format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}"}}}}}}"#));
        let found = users(&modern);
        assert_eq!((found[0].1.as_str(), found[0].2.expose()), ("joe", "pa:ss"));
        let old = secret(".dockercfg", r#"{"a.example":{"username":"joe","password":"x","email":"e"}}"#);
        assert_eq!(users(&old)[0].2.expose(), "x");
        let large = secret(".dockerconfigjson", &format!("{{\"auths\":{{}}{}}}", " ".repeat(1 << 20)));
        assert!(users(&large).is_empty() && read("shop", "pull", &large).is_none());
        for rubbish in ["", "[]", "{\"auths\":[]}", "{\"auths\":{\"h\":{\"auth\":\"%%\"}}}"] {
            assert!(users(&secret(".dockerconfigjson", rubbish)).is_empty(), "{rubbish}");
        }
    }
}
