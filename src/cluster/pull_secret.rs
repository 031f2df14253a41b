//! Credentials from a workload's pull secrets: those its pod template names, or those of its ServiceAccount where it names
//! none. Of its own namespace, and only for what a secret is for. Read when needed, held for minutes, never watched; read
//! again when a registry refuses what they held.
//!
//! That there is no user is known for certain, or it is not known: whoever asked a registry without a credential because
//! the API server was busy would blame the workload for the refusal.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use k8s_openapi::api::core::v1::{Secret as KubeSecret, ServiceAccount};
use tokio::sync::Semaphore;

use super::ClusterError;
use super::apply::{Failed, within};
use super::believed::{Believed, Known, MOST_HELD};
use super::fields::Named;
use super::keyring::{self, Entries, Format};
use super::observed::pull_secrets;
use super::rights::{self, Object, Right};
use super::verb::Verb;
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::domain::workload::Workload;
use crate::registry::{Anonymous, BrokenSecret, Credential, NamedAccount, NamedSecret, Renewal, User};
use crate::telemetry::metrics::Metrics;

/// How long a secret is believed.
const BELIEVED: Duration = Duration::from_secs(300);
/// How long it is believed that a secret is not there, or may not be read.
const REFUSED: Duration = Duration::from_secs(60);
/// How long nothing is asked of an API server that gave no answer.
const UNANSWERED: Duration = Duration::from_secs(3);
/// A namespace whose secrets can't be used is told of once in this time.
const QUIET: Duration = Duration::from_secs(3600);
/// Larger secrets are no pull secrets.
const MOST_BYTES: usize = 64 * 1024;
/// What is read at once, whatever its size: the API server takes secrets up to a megabyte.
const SIDE_BY_SIDE: usize = 4;

/// A secret that was read.
#[derive(Debug)]
struct Read {
    /// Tells it, and this version of it, from all others.
    scope: String,
    named: NamedSecret,
    entries: Entries,
}

/// Why a secret gave no users.
#[derive(Clone, Debug)]
enum Without {
    /// It has none for us, for certain.
    Nobody(Anonymous),
    /// It spoils all of them.
    Broken(BrokenSecret),
    /// The API server did not say.
    Unknown(Unsaid),
}

/// What an API server that gave no answer said.
type Unsaid = Arc<dyn std::error::Error + Send + Sync>;

/// What reading a secret came to.
type Outcome = Result<Arc<Read>, Without>;

/// The names of a ServiceAccount's pull secrets; `None` where we may not look.
type Names = Result<Option<Arc<[Box<str>]>>, Unsaid>;

/// What is known.
#[derive(Default)]
struct Held {
    secrets: Believed<Outcome>,
    accounts: Believed<Names>,
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
    /// Whether it was told that service accounts can't be looked at.
    accounts_told: Arc<AtomicBool>,
}

/// Whose credential, and what for: enough to read it again.
struct Asker {
    secrets: PullSecrets,
    namespace: Box<str>,
    named: Box<[Box<str>]>,
    account: Option<Box<str>>,
    /// The image's name, as a node has it.
    image: String,
}

impl Held {
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
        let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        Self { client, ambient, metrics, held: Arc::default(), turns, accounts_told: Arc::default() }
    }

    /// The users that a node would try for the repository with the workload's secrets, in its order; nobody when there are
    /// none.
    pub(super) async fn credential(
        &self,
        workload: &Workload,
        repository: &Repository,
    ) -> Result<Credential, ClusterError> {
        let runs = workload.containers.iter().map(|container| &*container.image);
        let mut names = runs.filter(|image| is_of(image, repository)).map(keyring::name_of);
        let asker = Asker {
            secrets: self.clone(),
            namespace: workload.id.namespace.clone(),
            named: workload.pull_secrets.clone(),
            account: workload.service_account.clone(),
            image: names.next().unwrap_or_else(|| repository.to_string()),
        };
        Arc::new(asker).credential(None).await
    }

    /// The names of the pull secrets that a workload's pods get; `None` where that may not be looked at, or is not known.
    pub(super) async fn names(&self, workload: &Workload) -> Option<Arc<[Box<str>]>> {
        match &workload.service_account {
            Some(account) => self.of_account(&workload.id.namespace, account, None).await.ok().flatten(),
            None => Some(workload.pull_secrets.iter().cloned().collect()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A secret, read later than `after` where that is set.
    async fn read(&self, namespace: &str, name: &str, after: Option<Duration>) -> Outcome {
        let key = (Box::from(namespace), Box::from(name));
        let known = || {
            let (held, now) = (self.held(), self.ambient.monotonic());
            let known = held.secrets.known(&key, now)?;
            let is_unknown = matches!(known.outcome, Err(Without::Unknown(_)));
            (is_unknown || is_after(known, after)).then(|| known.outcome.clone())
        };
        if let Some(known) = known() {
            return known;
        }
        // Never closed, so there is always a turn.
        let _turn = self.turns.acquire().await;
        // Somebody else may have read it in the meantime.
        if let Some(known) = known() {
            return known;
        }
        let read = self.ambient.monotonic();
        let (outcome, believed) = self.fetch(namespace, name).await;
        let now = self.ambient.monotonic();
        let bytes = outcome.as_ref().map_or(200, |read| read.entries.bytes() + 2 * read.scope.len() + 200);
        let known = Known { read, until: now + believed, bytes, outcome: outcome.clone() };
        self.held().secrets.hold(key.clone(), known, now);
        outcome
    }

    /// What a secret holds, and how long that is believed.
    async fn fetch(&self, namespace: &str, name: &str) -> (Outcome, Duration) {
        let api: kube::Api<KubeSecret> = kube::Api::namespaced(self.client.clone(), namespace);
        let named = || NamedSecret { namespace: namespace.into(), name: name.into() };
        let (without, believed) = match within(&self.metrics, "secret", api.get_opt(name)).await {
            Ok(Some(secret)) => match read(named(), &secret) {
                Ok(read) => return (Ok(Arc::new(read)), BELIEVED),
                Err(without) => (without, BELIEVED),
            },
            Ok(None) => (Without::Nobody(Anonymous::NotThere(named())), REFUSED),
            Err(Failed::Status(status)) if status.code == 403 => {
                (Without::Nobody(Anonymous::NotAllowed(named())), REFUSED)
            }
            Err(failed) => return (Err(Without::Unknown(unsaid(failed))), UNANSWERED),
        };
        self.tell(namespace, &without);
        (Err(without), believed)
    }

    /// The pull secrets of a ServiceAccount, read later than `after` where that is set.
    async fn of_account(&self, namespace: &str, name: &str, after: Option<Duration>) -> Names {
        let key = (Box::from(namespace), Box::from(name));
        let known = || {
            let (held, now) = (self.held(), self.ambient.monotonic());
            let known = held.accounts.known(&key, now)?;
            (known.outcome.is_err() || is_after(known, after)).then(|| known.outcome.clone())
        };
        if let Some(known) = known() {
            return known;
        }
        let _turn = self.turns.acquire().await;
        if let Some(known) = known() {
            return known;
        }
        let read = self.ambient.monotonic();
        let (outcome, believed) = self.fetch_account(namespace, name).await;
        let now = self.ambient.monotonic();
        let known = Known { read, until: now + believed, bytes: 500, outcome: outcome.clone() };
        self.held().accounts.hold(key.clone(), known, now);
        outcome
    }

    /// Whether it may be looked at is asked first: the right is a choice, and who chose otherwise is to see no refusals.
    async fn fetch_account(&self, namespace: &str, name: &str) -> (Names, Duration) {
        let right = Right { namespace: Some(namespace.into()), object: Object::ServiceAccounts, verb: Verb::Get };
        if rights::may(&self.client, &right, &self.metrics).await == Some(false) {
            self.tell_of_accounts(namespace);
            return (Ok(None), BELIEVED);
        }
        let api: kube::Api<ServiceAccount> = kube::Api::namespaced(self.client.clone(), namespace);
        match within(&self.metrics, "serviceaccount", api.get_opt(name)).await {
            Ok(Some(account)) => {
                let named = account.image_pull_secrets.unwrap_or_default();
                let named: Vec<Named> = named.into_iter().map(|it| Named { name: it.name.into() }).collect();
                (Ok(Some(pull_secrets(&named).into())), BELIEVED)
            }
            Ok(None) => (Ok(Some(Arc::default())), REFUSED),
            Err(Failed::Status(status)) if status.code == 403 => {
                self.tell_of_accounts(namespace);
                (Ok(None), BELIEVED)
            }
            Err(failed) => (Err(unsaid(failed)), UNANSWERED),
        }
    }

    fn tell_of_accounts(&self, namespace: &str) {
        if !self.accounts_told.swap(true, Ordering::Relaxed) {
            tracing::info!(
                namespace,
                "ServiceAccounts may not be looked at: what pods pull with that name no imagePullSecrets is not known, and \
                 their registries are asked without it; deploy/pull-secrets allows it, and other namespaces are not told"
            );
        }
    }

    fn tell(&self, namespace: &str, without: &Without) {
        let (problem, effect) = match without {
            Without::Nobody(nobody) => {
                (nobody.to_string(), "a pull secret can't be used, so the registry is asked without it")
            }
            Without::Broken(broken) => (
                format!("{}: {}", broken.secret, broken.why),
                "a pull secret is broken, so no node can pull with it or those beside it",
            ),
            Without::Unknown(_) => return,
        };
        if self.held().tells(namespace, self.ambient.monotonic()) {
            tracing::warn!(namespace, problem, "{effect}; more of this namespace are not told");
        } else {
            tracing::debug!(namespace, problem, "{effect}");
        }
    }
}

impl Asker {
    /// What its secrets come to, read later than `after` where that is set.
    async fn credential(self: Arc<Self>, after: Option<Duration>) -> Result<Credential, ClusterError> {
        let named = match &self.account {
            Some(account) => match self.secrets.of_account(&self.namespace, account, after).await {
                Ok(Some(named)) => named,
                Ok(None) => {
                    let account = NamedAccount { namespace: self.namespace.clone(), name: account.clone() };
                    let why = Anonymous::AccountNotAllowed(account);
                    let read = self.secrets.ambient.monotonic();
                    return Ok(Credential::anonymous(why).renewed_by(self, read));
                }
                Err(source) => {
                    let (namespace, name) = (self.namespace.to_string(), account.to_string());
                    return Err(ClusterError::AccountUnknown { namespace, name, source });
                }
            },
            None => self.named.iter().cloned().collect(),
        };
        let reads = named.iter().map(|name| self.secrets.read(&self.namespace, name, after));
        let outcomes = join_all(reads).await;
        let credential = self.combined(&named, outcomes)?;
        let read = self.secrets.ambient.monotonic();
        Ok(credential.renewed_by(self, read))
    }

    /// The choice among secrets that were read. One that could not be read leaves everything open; else one that is broken
    /// spoils all.
    fn combined(&self, named: &[Box<str>], outcomes: Vec<Outcome>) -> Result<Credential, ClusterError> {
        let (mut reads, mut broken, mut nobody) = (Vec::new(), None, None);
        for (name, outcome) in named.iter().zip(outcomes) {
            match outcome {
                Ok(read) => reads.push(read),
                Err(Without::Nobody(why)) => {
                    nobody.get_or_insert(why);
                }
                Err(Without::Broken(secret)) => {
                    broken.get_or_insert(secret);
                }
                Err(Without::Unknown(source)) => {
                    let (namespace, name) = (self.namespace.to_string(), name.to_string());
                    return Err(ClusterError::SecretUnknown { namespace, name, source });
                }
            }
        }
        if let Some(broken) = broken {
            return Ok(Credential::broken(broken));
        }
        let chosen = keyring::choose(reads.iter().map(|read| &read.entries), &self.image);
        let users: Vec<User> =
            chosen.iter().filter_map(|choice| Some(user(reads.get(choice.secret)?, choice))).collect();
        if users.is_empty() {
            let none = if named.is_empty() { Anonymous::NoneNamed } else { Anonymous::OtherHosts };
            return Ok(Credential::anonymous(nobody.unwrap_or(none)));
        }
        Ok(Credential::users(users))
    }
}

impl Renewal for Asker {
    fn renew(self: Arc<Self>, since: Duration) -> BoxFuture<'static, Option<Credential>> {
        async move { self.credential(Some(since)).await.ok() }.boxed()
    }
}

fn user(read: &Read, choice: &keyring::Choice<'_>) -> User {
    User {
        scope: format!("{}#{}", read.scope, choice.number),
        name: choice.entry.name().to_owned(),
        password: choice.entry.password().clone(),
        secret: Some(read.named.clone()),
    }
}

fn is_of(image: &str, repository: &Repository) -> bool {
    crate::domain::reference::ImageReference::parse(image).is_ok_and(|image| image.repository() == repository)
}

fn is_after<T>(known: &Known<T>, after: Option<Duration>) -> bool {
    after.is_none_or(|after| known.read > after)
}

fn unsaid(failed: Failed) -> Unsaid {
    match failed {
        Failed::Status(status) => {
            let answer = format!("the API server answers {}: {}", status.code, status.message);
            Box::<dyn std::error::Error + Send + Sync>::from(answer).into()
        }
        Failed::NoAnswer(error) => error.into(),
    }
}

/// Reads a secret that is there. One of another type, or with its data elsewhere, is none.
fn read(named: NamedSecret, secret: &KubeSecret) -> Result<Read, Without> {
    let data = || {
        let format = Format::of(secret.type_.as_deref()?)?;
        let value = &secret.data.as_ref()?.get(format.key())?.0;
        (!value.is_empty() && value.len() <= MOST_BYTES).then_some((format, value))
    };
    let Some((format, value)) = data() else { return Err(Without::Nobody(Anonymous::NoUser(named))) };
    let entries = match Entries::read(format, value) {
        Ok(entries) if entries.is_empty() => return Err(Without::Nobody(Anonymous::NoUser(named))),
        Ok(entries) => entries,
        Err(broken) => return Err(Without::Broken(BrokenSecret { secret: named, why: broken.to_string() })),
    };
    let uid = secret.metadata.uid.as_deref().unwrap_or_default();
    let version = secret.metadata.resource_version.as_deref().unwrap_or_default();
    let scope = format!("{}/{}/{uid}/{version}", named.namespace, named.name);
    Ok(Read { scope, named, entries })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn a_namespace_is_told_of_once() {
        let (mut held, now) = (Held::default(), Duration::ZERO);
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
            serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "pull"}, "data": data,
                "type": "kubernetes.io/dockerconfigjson"})
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
            assert!(asked.why_anonymous() == Some(&expected), "{expected}: {asked:?}");
        }
        let bare = Workload { pull_secrets: Box::default(), ..names_pull() };
        let (secrets, _tasks) = secrets_of(None, String::new()).await;
        let asked = secrets.credential(&bare, &repository).await.unwrap();
        assert!(asked.why_anonymous() == Some(&Anonymous::NoneNamed), "{asked:?}");
    }

    #[test]
    fn a_secret_counts_by_its_type_and_within_bounds() {
        let named = || NamedSecret { namespace: "shop".into(), name: "pull".into() };
        let came_to = |kind: &str, key: &str, text: &str| {
            let secret = serde_json::json!({"type": kind, "data": {key: STANDARD.encode(text)}});
            read(named(), &serde_json::from_value(secret).unwrap())
        };
        let (json, cfg) = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg");
        let (new, old) = (r#"{"auths":{"a.example":{"username":"joe"}}}"#, r#"{"a.example":{"username":"joe"}}"#);
        let large = format!("{{\"auths\":{{}}{}}}", " ".repeat(1 << 20));
        assert!(came_to(json, ".dockerconfigjson", new).is_ok() && came_to(cfg, ".dockercfg", old).is_ok());
        let nobody = [
            (json, ".dockercfg", old),
            (cfg, ".dockerconfigjson", new),
            ("Opaque", ".dockerconfigjson", new),
            (json, ".dockerconfigjson", ""),
            (json, ".dockerconfigjson", "{}"),
            (json, ".dockerconfigjson", &large),
        ];
        for (kind, key, text) in nobody {
            let read = came_to(kind, key, text);
            assert!(matches!(&read, Err(Without::Nobody(Anonymous::NoUser(it))) if *it == named()), "{kind} {key}");
        }
        for text in ["[]", "{\"auths\":[]}", "{\"auths\":{\"h\":{\"auth\":\"%%\"}}}"] {
            assert!(matches!(came_to(json, ".dockerconfigjson", text), Err(Without::Broken(_))), "{text}");
        }
    }

    fn asker(secrets: PullSecrets, account: Option<&str>, image: &str) -> Arc<Asker> {
        let named = if account.is_some() { Box::default() } else { Box::from(["pull".into()]) };
        Arc::new(Asker {
            secrets,
            namespace: "shop".into(),
            named,
            account: account.map(Box::from),
            image: image.into(),
        })
    }

    fn pull(entries: &serde_json::Value, version: &str) -> String {
        let auths = serde_json::json!({"auths": entries}).to_string();
        serde_json::json!({
            "kind": "Secret", "apiVersion": "v1", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "pull", "namespace": "shop", "uid": "u", "resourceVersion": version},
            "data": {".dockerconfigjson": STANDARD.encode(auths)},
        })
        .to_string()
    }

    #[tokio::test]
    async fn users_are_a_list_with_a_scope_each_and_a_broken_secret_is_named() {
        let entries = serde_json::json!({
            "a.example": {"username": "wide", "password": "x"},
            "a.example/web": {"username": "narrow", "password": "x"},
            "*.example": {"username": "wide", "password": "x"},
            "b.example": {"username": "other", "password": "x"},
        });
        let (secrets, _tasks) = secrets_of(Some(200), pull(&entries, "1")).await;
        let credential = asker(secrets, None, "a.example/web").credential(None).await.unwrap();
        let scopes: Vec<_> = credential.to_try().iter().map(|user| (user.name.as_str(), user.scope.as_str())).collect();
        assert_eq!(scopes, [("narrow", "shop/pull/u/1#2"), ("wide", "shop/pull/u/1#1")]);
        assert_eq!(credential.scope(), "shop/pull/u/1#2 shop/pull/u/1#1");

        let entries =
            serde_json::json!({"b.example": {"auth": "!"}, "a.example": {"username": "joe", "password": "x"}});
        let (secrets, _tasks) = secrets_of(Some(200), pull(&entries, "1")).await;
        let credential = asker(secrets, None, "a.example/web").credential(None).await.unwrap();
        assert!(credential.to_try().is_empty() && credential.why_anonymous().is_none(), "never anonymous");
        assert!(format!("{credential:?}").contains("the auth of"), "{credential:?}");
    }

    #[tokio::test]
    async fn a_service_account_that_can_not_be_read_is_not_known_or_told_of() {
        for status in [Some(500), Some(429), None] {
            let (secrets, _tasks) = secrets_of(status, refusal(status.unwrap_or_default())).await;
            let asked = asker(secrets, Some("default"), "a.example/web").credential(None).await;
            assert!(matches!(&asked, Err(ClusterError::AccountUnknown { name, .. }) if name == "default"), "{asked:?}");
        }
        let account = NamedAccount { namespace: "shop".into(), name: "default".into() };
        for (status, expected) in [(403, Anonymous::AccountNotAllowed(account)), (404, Anonymous::NoneNamed)] {
            let (secrets, _tasks) = secrets_of(Some(status), refusal(status)).await;
            let asked = asker(secrets, Some("default"), "a.example/web").credential(None).await.unwrap();
            assert_eq!(asked.why_anonymous(), Some(&expected));
        }
    }
}
