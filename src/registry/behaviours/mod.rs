//! What registries do in the field, one test a behaviour: each plays one kind of registry on loopback.

mod authentication;
mod credentials;
mod digests;
mod images;
mod led_astray;
mod lists;
mod mirrors;
mod named_hosts;
mod pages;
mod patience;
mod pushed;
mod redirects;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::tests::user;
use super::*;
use crate::ambient::Ambient;
use crate::domain::policy::{Outcome, Policy, Strategy, decide};
use crate::domain::secret::Secret;
use crate::outbound::Outbound;
use crate::telemetry::metrics::Metrics;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
}

impl Asked {
    fn read(head: &str) -> Self {
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let url = url::Url::parse(&format!("http://x{target}")).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            method: method.to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn shows_token(&self) -> bool {
        self.header("authorization") == "Bearer TOKEN"
    }

    fn shows_user(&self) -> bool {
        self.header("authorization") == "Basic am9lOnB3"
    }
}

/// What is answered.
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

pub(super) fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

pub(super) fn json(status: u16, body: &serde_json::Value) -> Reply {
    reply(status).with("Content-Type", "application/json").body(body.to_string())
}

impl Reply {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

type Script = dyn Fn(&Asked, &str) -> Reply + Send + Sync;

/// A registry that plays one behaviour.
pub(super) struct Player {
    pub(super) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Player {
    pub(super) async fn start(script: impl Fn(&Asked, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (asked, script): (Arc<Mutex<Vec<Asked>>>, Arc<Script>) = (Arc::default(), Arc::new(script));
        let (seen, name, mut tasks) = (Arc::clone(&asked), host.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&script), name.clone(), Arc::clone(&seen)));
            }
        });
        Self { host, asked, _tasks: tasks }
    }

    pub(super) fn repository(&self) -> Repository {
        Repository::parse(&format!("{}/shop/app", self.host)).unwrap()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn lists(&self) -> usize {
        self.asked().iter().filter(|asked| asked.path.ends_with("/tags/list")).count()
    }

    fn by(&self, method: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method).count()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, host: String, seen: Arc<Mutex<Vec<Asked>>>) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let asked = Asked::read(&String::from_utf8_lossy(&std::mem::take(&mut head)));
        seen.lock().unwrap().push(asked.clone());
        let Reply { status, headers, body } = script(&asked, &host);
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
        let head = format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let body = if asked.method == "HEAD" { &[] } else { &body[..] };
        if stream.write_all(&[head.as_bytes(), body].concat()).await.is_err() {
            return;
        }
    }
}

const LIST: &str = "/v2/shop/app/tags/list";
const STABLE: &str = "/v2/shop/app/manifests/stable";
pub(super) const ALL: [&str; 4] = ["1.0.0", "latest", "1.1.0", "1.1.0-rc.1"];

pub(super) fn tags(tags: &[&str]) -> Reply {
    json(200, &serde_json::json!({"name": "shop/app", "tags": tags}))
}

/// The list, or a challenge.
fn opened(is_open: bool, challenge: impl Into<String>) -> Reply {
    if is_open { tags(&ALL) } else { reply(401).with("WWW-Authenticate", challenge) }
}

fn token_service(asked: &Asked) -> Option<Reply> {
    (asked.path == "/token").then(|| json(200, &serde_json::json!({"token": "TOKEN"})))
}

pub(super) fn joe() -> Credential {
    user("ns/pull", "joe", "pw")
}

fn client(named: &[&Player]) -> HttpRegistry {
    client_of(RegistryConfig::new(named.iter().map(|player| player.host.clone())))
}

fn client_of(config: RegistryConfig) -> HttpRegistry {
    let outbound = Outbound::new(None).unwrap();
    HttpRegistry::new(config, &outbound, Ambient::system(), Arc::new(Metrics::new())).unwrap()
}

/// What is offered to `1.0.0`.
pub(super) async fn looked(
    client: &HttpRegistry,
    player: &Player,
    credential: &Credential,
) -> Result<String, RegistryError> {
    let (policy, mut wanted) = (Policy::of(Strategy::Minor), Wanted::default());
    wanted.add("1.0.0", &policy);
    let tags = client.tags(&player.repository(), credential, &wanted).await?;
    let list = tags.to_decide("1.0.0", &policy)?.unwrap();
    let decision = decide("1.0.0", list, &policy, DateTime::UNIX_EPOCH);
    Ok(match decision.outcome() {
        Outcome::Update { to, .. } => (*to).to_owned(),
        other => format!("{other:?}"),
    })
}

async fn look(player: &Player) -> Result<String, RegistryError> {
    looked(&client(&[player]), player, &Credential::default()).await
}

async fn decided(player: &Player) {
    assert_eq!(look(player).await.unwrap(), "1.1.0", "{:#?}", player.asked());
}

async fn refused(player: &Player, reason: &str) {
    let error = look(player).await.unwrap_err();
    let told = error.told_to(&Credential::default());
    assert!(told.contains(reason), "{told}");
}

async fn digest(player: &Player) -> Result<Option<Digest>, RegistryError> {
    let tag = Tag::parse("stable").unwrap();
    client(&[player]).digest(&player.repository(), &tag, &Credential::default()).await
}

/// A clock that stands still until it is moved.
#[derive(Default)]
struct Held(Mutex<Duration>);

impl crate::ambient::Clock for Held {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// A client whose clock is this one.
fn client_at(clock: &Arc<Held>, config: RegistryConfig) -> HttpRegistry {
    let ambient = Ambient::system().at(Arc::clone(clock) as Arc<dyn crate::ambient::Clock>);
    HttpRegistry::new(config, &Outbound::new(None).unwrap(), ambient, Arc::new(Metrics::new())).unwrap()
}
