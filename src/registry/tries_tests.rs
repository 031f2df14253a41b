//! Several users, one after another, against a registry that lets in one of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::tests::{registry_with, user};
use super::*;
use crate::domain::secret::Secret;

/// A registry that wants Basic, and answers each user with a status of its own; strangers are refused.
struct Guarded {
    host: String,
    statuses: Arc<Mutex<Vec<(&'static str, u16)>>>,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Guarded {
    async fn start(statuses: &[(&'static str, u16)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let statuses = Arc::new(Mutex::new(statuses.to_vec()));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (table, seen) = (Arc::clone(&statuses), Arc::clone(&asked));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&table), Arc::clone(&seen)));
            }
        });
        Self { host, statuses, asked, _tasks: tasks }
    }

    /// Who asked since the last time; those without a user are `-`.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn answers(&self, statuses: &[(&'static str, u16)]) {
        *self.statuses.lock().unwrap() = statuses.to_vec();
    }

    fn repository(&self) -> Repository {
        Repository::parse(&format!("{}/web", self.host)).unwrap()
    }

    fn config(&self) -> RegistryConfig {
        RegistryConfig::new([self.host.clone()])
    }
}

async fn serve(mut stream: TcpStream, statuses: Arc<Mutex<Vec<(&'static str, u16)>>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
        let shown = text.lines().find_map(|line| line.split_once(": Basic ").map(|(_, basic)| basic.to_owned()));
        let name = shown.map_or("-".to_owned(), |basic| {
            let pair = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
            pair.split(':').next().unwrap().to_owned()
        });
        asked.lock().unwrap().push(name.clone());
        let status =
            statuses.lock().unwrap().iter().find(|(known, _)| *known == name).map_or(401, |(_, status)| *status);
        let digest = Digest::of(b"web");
        let body = if text.starts_with("HEAD") { "" } else { r#"{"name":"web","tags":["1.0.1"]}"# };
        let head = format!(
            "HTTP/1.1 {status} X\r\nWWW-Authenticate: Basic realm=\"x\"\r\nDocker-Content-Digest: {digest}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(head.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn several(names: &[&str]) -> Credential {
    Credential::users(names.iter().map(|name| user(&format!("ns/{name}"), name, "x").to_try()[0].clone()))
}

async fn list(registry: &HttpRegistry, guarded: &Guarded, credential: &Credential) -> Result<(), RegistryError> {
    registry.tags(&guarded.repository(), credential, &Wanted::everything()).await.map(drop)
}

fn reason(asked: Result<(), RegistryError>) -> &'static str {
    asked.map_or_else(|error| error.reason(), |()| "ok")
}

/// How somebody is not let in, for now or for long.
fn refusal(asked: Result<(), RegistryError>) -> Option<Refusal> {
    match asked {
        Err(RegistryError::RefusedForNow(error)) => refusal(Err(*error)),
        Err(RegistryError::Unauthorized { refusal, .. }) => Some(refusal),
        _ => None,
    }
}

#[tokio::test]
async fn the_next_user_is_tried_where_one_is_not_let_in_and_who_was_is_remembered() {
    for refused in [401, 403, 404] {
        let guarded = Guarded::start(&[("a", refused), ("b", 200)]).await;
        let registry = registry_with(guarded.config(), &Arc::default());
        let (both, tag) = (several(&["a", "b"]), Tag::parse("1.0.1").unwrap());
        list(&registry, &guarded, &both).await.unwrap();
        assert_eq!(guarded.asked(), ["-", "a", "-", "b"], "{refused}");
        list(&registry, &guarded, &both).await.unwrap();
        assert_eq!(guarded.asked(), ["b"], "{refused}");
        let digest = registry.digest(&guarded.repository(), &tag, &both).await.unwrap();
        assert!(digest.is_some() && guarded.asked() == ["b"]);
        // Another list of users has not been let in yet.
        list(&registry, &guarded, &several(&["b", "a"])).await.unwrap();
        assert_eq!(guarded.asked(), ["b"]);
        // Who was let in is not let in any more.
        guarded.answers(&[("a", 200), ("b", 401)]);
        list(&registry, &guarded, &both).await.unwrap();
        assert_eq!(guarded.asked().last().map(String::as_str), Some("a"));
    }
}

#[tokio::test]
async fn a_failure_that_is_not_of_the_user_ends_the_question() {
    for (status, expected) in [(429, "throttled"), (500, "unusable"), (503, "unusable"), (418, "unusable")] {
        let guarded = Guarded::start(&[("a", status), ("b", 200)]).await;
        let registry = registry_with(guarded.config(), &Arc::default());
        assert_eq!(reason(list(&registry, &guarded, &several(&["a", "b"])).await), expected);
        assert_eq!(guarded.asked(), ["-", "a"], "{status}");
    }
}

#[tokio::test]
async fn where_all_are_refused_the_first_refusal_is_told_and_nobody_asks_without_a_user() {
    let guarded = Guarded::start(&[("-", 200), ("a", 403), ("b", 404)]).await;
    let registry = registry_with(guarded.config(), &Arc::default());
    let asked = list(&registry, &guarded, &several(&["a", "b"])).await;
    assert!(asked.is_ok(), "what is open to all is open to users: {asked:?}");
    guarded.answers(&[("a", 403), ("b", 404)]);
    guarded.asked();
    let asked = list(&registry, &guarded, &several(&["a", "b"])).await;
    assert_eq!(refusal(asked), Some(Refusal::Forbidden));
    assert_eq!(guarded.asked(), ["-", "a", "-", "b"]);
}

#[tokio::test]
async fn a_tag_is_absent_where_nobody_finds_it() {
    let guarded = Guarded::start(&[("a", 404), ("b", 404)]).await;
    let registry = registry_with(guarded.config(), &Arc::default());
    let (tag, both) = (Tag::parse("2.0.0").unwrap(), several(&["a", "b"]));
    assert_eq!(registry.digest(&guarded.repository(), &tag, &both).await.unwrap(), None);
    assert_eq!(guarded.asked(), ["-", "a", "a", "-", "b", "b"], "each by HEAD, then by GET");
    guarded.answers(&[("a", 404), ("b", 200)]);
    assert!(registry.digest(&guarded.repository(), &tag, &both).await.unwrap().is_some());
    guarded.asked();
    guarded.answers(&[("a", 404), ("b", 404)]);
    assert_eq!(registry.digest(&guarded.repository(), &tag, &both).await.unwrap(), None);
    assert_eq!(guarded.asked(), ["b", "b"], "who was let in is believed");
}

#[tokio::test]
async fn the_operators_user_asks_where_a_workload_has_none_and_helps_no_other() {
    let guarded = Guarded::start(&[("op", 200)]).await;
    let mut host = RegistryHost::in_plain_http(&guarded.host).unwrap();
    host.user = Some(User::of_host(&guarded.host, "op".into(), Secret::new("x".into())).into());
    let registry = registry_with(RegistryConfig::of(vec![host]), &Arc::default());
    assert_eq!(reason(list(&registry, &guarded, &several(&["a", "b"])).await), "unauthorized");
    assert_eq!(guarded.asked(), ["-", "a", "-", "b"], "who has one of its own is not helped by the operator's");
    for asked in [vec!["-", "op"], vec!["op"]] {
        list(&registry, &guarded, &Credential::anonymous(Anonymous::OtherHosts)).await.unwrap();
        assert_eq!(guarded.asked(), asked, "what is learned of the operator's user holds for all");
    }
    guarded.answers(&[("op", 404)]);
    let asks = Credential::anonymous(Anonymous::OtherHosts);
    let told = list(&registry, &guarded, &asks).await.unwrap_err().told_to(&asks);
    assert!(
        told.ends_with("by the user that registries of the file that IMAGE_WATCHER_CONFIG names has for its host"),
        "{told}"
    );
    // A password that was changed there: which one has to be changed here.
    guarded.answers(&[("op", 401)]);
    let told = list(&registry, &guarded, &asks).await.unwrap_err().to_string();
    assert!(told.contains("refuses the credential in use (that of the user that registries of the file"), "{told}");
    let named = NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let own =
        User { scope: "shop/pull".into(), name: "a".into(), password: Secret::new("x".into()), secret: Some(named) };
    let told = list(&registry, &guarded, &Credential::users([own])).await.unwrap_err().to_string();
    assert!(told.ends_with("(that of the imagePullSecret pull in namespace shop)"), "{told}");
    guarded.asked();
    let elsewhere = Repository::parse(&format!("{}/web", guarded.host.replace("127.0.0.1", "localhost"))).unwrap();
    assert!(registry.tags(&elsewhere, &Credential::default(), &Wanted::everything()).await.is_err());
    assert!(guarded.asked().is_empty(), "it is for its host alone");
}

#[tokio::test]
async fn a_user_without_a_name_shows_nothing() {
    let guarded = Guarded::start(&[("b", 200)]).await;
    let registry = registry_with(guarded.config(), &Arc::default());
    let asked = list(&registry, &guarded, &user("ns/pull", "", "x")).await;
    assert_eq!(refusal(asked), Some(Refusal::NoCredential));
    assert_eq!(guarded.asked(), ["-"]);
    list(&registry, &guarded, &several(&["", "b"])).await.unwrap();
}

/// Says that the credential is another one now, and counts how often it was asked.
struct Rotated(AtomicUsize, Credential);

impl Renewal for Rotated {
    fn renew(self: Arc<Self>, since: Duration) -> BoxFuture<'static, Option<Credential>> {
        assert_eq!(since, Duration::from_secs(7));
        self.0.fetch_add(1, Ordering::SeqCst);
        let now = self.1.clone();
        async move { Some(now) }.boxed()
    }
}

#[tokio::test]
async fn what_is_refused_is_read_again_once() {
    let broken = BrokenSecret { secret: NamedSecret { namespace: "ns".into(), name: "pull".into() }, why: "no".into() };
    let cases = [
        (several(&["old"]), several(&["new"]), 1, "ok", vec!["-", "old", "-", "new"]),
        (several(&["old", "new"]), several(&["old", "new"]), 1, "ok", vec!["-", "old", "-", "new"]),
        (several(&["old"]), several(&["older"]), 1, "unauthorized", vec!["-", "old", "-", "older"]),
        (several(&["old"]), Credential::broken(broken.clone()), 1, "unauthorized", vec!["-", "old"]),
        (Credential::default(), several(&["new"]), 1, "ok", vec!["-", "-", "new"]),
        (Credential::broken(broken.clone()), several(&["new"]), 1, "ok", vec!["-", "new"]),
        (Credential::broken(broken.clone()), Credential::broken(broken), 1, "unauthorized", vec![]),
        (several(&["new"]), several(&["older"]), 0, "ok", vec!["-", "new"]),
        (several(&["busy"]), several(&["new"]), 0, "unusable", vec!["-", "busy"]),
    ];
    for (before, after, times, expected, asked) in cases {
        let guarded = Guarded::start(&[("new", 200), ("busy", 500)]).await;
        let registry = registry_with(guarded.config(), &Arc::default());
        let rotated = Arc::new(Rotated(AtomicUsize::new(0), after));
        let from = Arc::clone(&rotated) as Arc<dyn Renewal>;
        let credential = before.renewed_by(from, Duration::from_secs(7));
        assert_eq!(reason(list(&registry, &guarded, &credential).await), expected, "{credential:?}");
        assert_eq!(
            (rotated.0.load(Ordering::SeqCst), guarded.asked()),
            (times, asked.into_iter().map(String::from).collect())
        );
    }
}

/// Robots that were allowed to read and are no more still get tokens, which open nothing: that is told as what the registry says
/// to strangers, and still is a 401 to the credential.
#[tokio::test]
async fn a_user_who_still_gets_tokens_and_is_not_let_in_is_read_again() {
    use super::behaviours::{Player, json, reply};
    let player = Player::start(|asked, host| {
        let basic = |name: &str| format!("Basic {}", STANDARD.encode(format!("{name}:x")));
        if asked.path == "/token" {
            let token = if asked.header("authorization") == basic("new") { "good" } else { "none" };
            return json(200, &serde_json::json!({ "token": token }));
        }
        if asked.header("authorization") == "Bearer good" {
            return json(200, &serde_json::json!({"name": "shop/app", "tags": ["1.0.1"]}));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\",error=\"insufficient_scope\"");
        reply(401).with("WWW-Authenticate", challenge)
    })
    .await;
    let config = || RegistryConfig::new([player.host.clone()]);
    for (after, expected) in [(several(&["new"]), "ok"), (several(&["older"]), "unknown_repository")] {
        let registry = registry_with(config(), &Arc::default());
        let rotated = Arc::new(Rotated(AtomicUsize::new(0), after));
        let from = Arc::clone(&rotated) as Arc<dyn Renewal>;
        let credential = several(&["old"]).renewed_by(from, Duration::from_secs(7));
        let asked = registry.tags(&player.repository(), &credential, &Wanted::everything()).await.map(drop);
        assert_eq!((reason(asked), rotated.0.load(Ordering::SeqCst)), (expected, 1));
    }
    // A repository that is not there says nothing of who asks.
    let guarded = Guarded::start(&[("old", 404)]).await;
    let registry = registry_with(guarded.config(), &Arc::default());
    let rotated = Arc::new(Rotated(AtomicUsize::new(0), several(&["new"])));
    let from = Arc::clone(&rotated) as Arc<dyn Renewal>;
    let credential = several(&["old"]).renewed_by(from, Duration::from_secs(7));
    assert_eq!(reason(list(&registry, &guarded, &credential).await), "unknown_repository");
    assert_eq!(rotated.0.load(Ordering::SeqCst), 0);
}

/// A look asks for the list, and then for a digest, with the credential that it was given.
#[tokio::test]
async fn what_was_read_again_is_what_the_next_question_is_asked_with() {
    let guarded = Guarded::start(&[("new", 200)]).await;
    let registry = registry_with(guarded.config(), &Arc::default());
    let rotated = Arc::new(Rotated(AtomicUsize::new(0), several(&["new"])));
    let from = Arc::clone(&rotated) as Arc<dyn Renewal>;
    let credential = several(&["old"]).renewed_by(from, Duration::from_secs(7));
    list(&registry, &guarded, &credential.clone()).await.unwrap();
    assert_eq!(guarded.asked(), ["-", "old", "-", "new"]);
    let digest = registry.digest(&guarded.repository(), &Tag::parse("1.0.1").unwrap(), &credential).await;
    assert!(digest.unwrap().is_some());
    assert_eq!(guarded.asked(), ["new"], "the old password is known to be none");
    assert_eq!(rotated.0.load(Ordering::SeqCst), 1);
}

#[test]
fn few_users_are_tried_and_each_once() {
    let names: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["u0"]).collect();
    assert_eq!(several(&names).to_try().len(), Credential::MOST_USERS);
    assert_eq!(several(&["a", "b", "a"]).scope(), "ns/a ns/b");
    assert!(several(&[]).why_anonymous().is_some());
    assert!(!format!("{:?}", user("ns/pull", "joe", "canary")).contains("canary"));
}
