//! The client against a registry of our own on loopback: long lists, silence, and hosts that lead elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::wire::Observer;
use super::*;
use crate::ambient::Ambient;
use crate::domain::policy::{Order, Outcome, Pattern, Policy, Selection, Strategy, decide};
use crate::domain::secret::Secret;
use crate::outbound::{Outbound, OutboundError};

/// What a path is answered with: the head without its end, and the body.
type Answers = BTreeMap<String, (String, Arc<[u8]>)>;

/// A registry that answers by path, on a port of its own. What it has no answer for it never answers.
pub(super) struct Double {
    pub(super) host: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Answers>>,
    _tasks: JoinSet<()>,
}

impl Double {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (connections, requests, answers) = (Arc::default(), Arc::default(), Arc::<Mutex<Answers>>::default());
        let (count, seen, script): (Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>, _) =
            (Arc::clone(&connections), Arc::clone(&requests), Arc::clone(&answers));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                open.spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { host, connections, requests, answers, _tasks: tasks }
    }

    pub(super) fn at(&self, path: &str, head: &str, body: impl AsRef<[u8]>) -> &Self {
        self.answers.lock().unwrap().insert(path.to_owned(), (head.to_owned(), body.as_ref().into()));
        self
    }

    pub(super) fn repository(&self) -> Repository {
        Repository::parse(&format!("{}/web", self.host)).unwrap()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Somebody of a pull secret.
pub(super) fn user(scope: &str, name: &str, password: &str) -> Credential {
    let password = Secret::new(password.into());
    Credential::users([User { scope: scope.into(), name: name.into(), password, secret: None }])
}

/// After a path: what who shows a token is answered.
const WITH_A_TOKEN: &str = " with a token";

fn text_has_token(request: Option<&String>) -> bool {
    request.is_some_and(|text| text.to_lowercase().contains("authorization: bearer"))
}

async fn serve(mut stream: TcpStream, answers: Arc<Mutex<Answers>>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    loop {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut head)).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().unwrap().push(text);
        let has_token = text_has_token(seen.lock().unwrap().last());
        let answer = {
            let answers = answers.lock().unwrap();
            let with_token = answers.get(&format!("{path}{WITH_A_TOKEN}")).filter(|_| has_token);
            with_token.or_else(|| answers.get(&path)).cloned()
        };
        let Some((head, body)) = answer else { return std::future::pending().await };
        let length = if head.contains("Content-Length") { "" } else { &format!("\r\nContent-Length: {}", body.len()) };
        let head = format!("HTTP/1.1 {head}{length}\r\n\r\n");
        if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(&body).await.is_err() {
            return;
        }
    }
}

#[derive(Default)]
pub(super) struct Counted {
    errors: AtomicUsize,
    left_alone: AtomicI64,
}

impl Observer for Counted {
    fn request(&self, _: &str, _: &'static str, code: &str, _: Duration) {
        self.errors.fetch_add(usize::from(code == "error"), Ordering::SeqCst);
    }

    fn waits(&self, _: &str, _: Wait) {}

    fn left_alone(&self, hosts: usize) {
        self.left_alone.store(i64::try_from(hosts).unwrap(), Ordering::SeqCst);
    }
}

pub(super) fn registry_with(config: RegistryConfig, counted: &Arc<Counted>) -> HttpRegistry {
    let outbound = Outbound::new(None).unwrap();
    HttpRegistry::new(config, &outbound, Ambient::system(), Arc::clone(counted) as Arc<dyn Observer>).unwrap()
}

pub(super) fn registry(named: &[&Double]) -> HttpRegistry {
    registry_with(RegistryConfig::new(named.iter().map(|double| double.host.clone())), &Arc::default())
}

fn wanted(running: &str, policy: &Policy) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.add(running, policy);
    wanted
}

pub(super) fn page(tags: impl Iterator<Item = String>) -> String {
    let tags: Vec<String> = tags.collect();
    serde_json::json!({"name": "web", "tags": tags}).to_string()
}

pub(super) const LIST: &str = "/v2/web/tags/list?n=1000";

#[tokio::test]
async fn a_list_of_a_hundred_and_sixty_thousand_tags_is_kept_as_the_few_that_matter() {
    let double = Double::start().await;
    let tag = |n: usize| match n % 4 {
        0 => format!("0.{}.{}", n / 100, n % 100),
        1 => format!("sha256-{n:064x}.sig"),
        2 => format!("pr-{n}"),
        _ => format!("1.{}.{}-alpine", n / 100, n % 100),
    };
    let all: Vec<String> = (0..160_000).map(tag).chain(["1.0.0".into(), "1.0.1".into()]).collect();
    let pages = all.chunks(1000).count();
    for (at, tags) in all.chunks(1000).enumerate() {
        let path = if at == 0 { LIST.to_owned() } else { format!("/v2/web/tags/list?page={at}") };
        let head = if at + 1 == pages {
            "200 OK".to_owned()
        } else {
            format!("200 OK\r\nLink: </v2/web/tags/list?page={}>; rel=\"next\"", at + 1)
        };
        double.at(&path, &head, page(tags.iter().cloned()));
    }
    let policy = Policy::of(Strategy::All);
    let registry = registry(&[&double]);
    let wanted = wanted("1.0.0", &policy);
    let tags = registry.tags(&double.repository(), &Credential::default(), &wanted).await.unwrap();
    let list = tags.to_decide("1.0.0", &policy).unwrap().unwrap();
    assert_eq!((list.iter().collect::<Vec<_>>(), list.listed()), (vec!["1.0.0", "1.0.1"], 160_002));
    assert_eq!(tags.fingerprint(), all.iter().collect());
    assert_eq!(tags.relatives("1.0.0", &policy), Some(40_002));
    let decision = decide("1.0.0", list, &policy, DateTime::UNIX_EPOCH);
    assert!(matches!(decision.outcome(), Outcome::Update { to: "1.0.1", .. }));
    assert!(tags.to_decide("1.0.0-alpine", &policy).unwrap().is_none(), "nothing is decided on a part of a list");
}

/// Several at once, of many of the longest tags each, and all of them wanted: they are given up, while another workload of
/// the same repository is decided as ever.
#[tokio::test]
async fn who_wants_all_tags_gets_a_reason_and_others_get_theirs() {
    let double = Double::start().await;
    let long = (0..40_000).map(|n| format!("a{n:0127}"));
    double.at(LIST, "200 OK", page(long.chain(["1.0.1".into()])));
    let selection = Some(Selection::new(Pattern::regex(".").unwrap(), Order::Alphabetical));
    let (plain, greedy) = (Policy::of(Strategy::All), Policy { selection, ..Policy::of(Strategy::All) });
    let mut wanted = wanted("1.0.0", &plain);
    wanted.add("0", &greedy);
    let (registry, repository) = (registry(&[&double]), double.repository());
    let looks = (0..4).map(|_| async {
        let tags = registry.tags(&repository, &Credential::default(), &wanted).await.unwrap();
        let kept: Vec<String> = tags.to_decide("1.0.0", &plain).unwrap().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(kept, ["1.0.1"]);
        tags.to_decide("0", &greedy).unwrap_err()
    });
    for error in futures_util::future::join_all(looks).await {
        assert!(matches!(error, RegistryError::TooManyTags { .. }), "{error}");
        assert!(error.to_string().contains("image-watcher/tag-policy"), "{error}");
    }
}

#[tokio::test]
async fn a_list_is_held_only_while_somebody_decides_on_it() {
    let double = Double::start().await;
    double.at(LIST, "200 OK", page((0..5000).map(|n| format!("1.{n}.0-rc.1.and-many-more-words-that-take-room"))));
    let everything = Wanted::everything();
    let (registry, repository) = (registry(&[&double]), double.repository());
    // More lists, one after another, than may be under way at once: room that leaked would end in waiting for ever.
    for _ in 0..40 {
        let list = registry.tags(&repository, &Credential::default(), &everything).await.unwrap();
        assert!(list.to_decide("1.0.0", &Policy::of(Strategy::All)).unwrap().is_some());
    }
}

fn impatient(double: &Double) -> RegistryConfig {
    let mut config = RegistryConfig::new([double.host.clone()]);
    (config.answer, config.list) = (Duration::from_millis(50), Duration::from_millis(50));
    config
}

#[tokio::test]
async fn a_silent_host_is_left_alone_and_costs_nobody_time() {
    let (double, counted) = (Double::start().await, Arc::<Counted>::default());
    let registry = registry_with(impatient(&double), &counted);
    let (repository, nothing) = (double.repository(), Wanted::default());
    let look = async || registry.tags(&repository, &Credential::default(), &nothing).await.unwrap_err();
    for _ in 0..3 {
        let error = look().await;
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    }
    assert_eq!(counted.left_alone.load(Ordering::SeqCst), 1);
    let error = look().await;
    let RegistryError::LeftAlone { until, .. } = &error else { panic!("{error}") };
    assert!(*until > Ambient::system().now() && error.is_retryable(), "{error}");
    assert!(error.to_string().contains("several times in a row ("), "the last cause stands beside the pause: {error}");
    assert_eq!((double.requests().len(), counted.errors.load(Ordering::SeqCst)), (3, 3), "it was not asked again");
    let tenant = user("ns/pull", "joe", "pw");
    let error = registry.tags(&repository, &tenant, &nothing).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "another credential has another breaker: {error}");
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let (double, counted) = (Double::start().await, Arc::<Counted>::default());
    let registry = registry_with(impatient(&double), &counted);
    for status in ["404 Not Found", "403 Forbidden", "500 Oops", "418 Teapot", "404 Not Found"] {
        double.at(LIST, status, "");
        let error = registry.tags(&double.repository(), &Credential::default(), &Wanted::default()).await.unwrap_err();
        assert!(!matches!(error, RegistryError::Unreachable { .. } | RegistryError::LeftAlone { .. }), "{error}");
    }
    assert_eq!((double.requests().len(), counted.errors.load(Ordering::SeqCst)), (5, 0));
}

#[tokio::test]
async fn half_a_page_is_no_list() {
    let double = Double::start().await;
    let whole = page(["1.0.0".to_owned(), "1.0.1".to_owned()].into_iter()).into_bytes();
    let registry = registry(&[&double]);
    for length in 0..whole.len() {
        double.at(LIST, "200 OK", &whole[..length]);
        let error =
            registry.tags(&double.repository(), &Credential::default(), &Wanted::everything()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unusable { .. }), "{length}: {error}");
    }
}

/// It stays blocked until somebody names another image, so asking again is of no use.
#[tokio::test]
async fn a_blocked_address_is_asked_once() {
    let (double, counted) = (Double::start().await, Arc::default());
    let registry = registry_with(RegistryConfig::new([]), &counted);
    let error = registry.tags(&double.repository(), &Credential::default(), &Wanted::everything()).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert_eq!(double.connections.load(Ordering::SeqCst), 0);
}

/// A registry that the operator named leads to places inside: none of them is connected to.
#[tokio::test]
async fn a_named_registry_leads_nowhere_inside() {
    let (double, victim) = (Double::start().await, Double::start().await);
    let registry = registry(&[&double]);
    let port = victim.host.rsplit(':').next().unwrap().to_owned();
    let inside = |scheme: &str| {
        let names = ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "127.1", "2130706433"];
        let more = ["0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "%31%32%37.0.0.1"];
        names.into_iter().chain(more).map(|name| format!("{scheme}://{name}:{port}/secrets")).collect::<Vec<_>>()
    };
    let joe = user("ns/pull", "joe", "canary");
    for place in inside("https").into_iter().chain(inside("http")) {
        double.at(LIST, &format!("401 No\r\nWWW-Authenticate: Bearer realm=\"{place}\""), "");
        for credential in [&Credential::default(), &joe] {
            let error = registry.tags(&double.repository(), credential, &Wanted::everything()).await.unwrap_err();
            let is_refused = matches!(error, RegistryError::Unauthorized { .. } | RegistryError::Blocked { .. });
            assert!(is_refused, "{place}: {error}");
        }
        let config = Digest::of(b"config");
        let manifest = serde_json::json!({"config": {"digest": config.as_str()}}).to_string();
        let image = Digest::of(manifest.as_bytes());
        double.at(&format!("/v2/web/manifests/{image}"), "200 OK", manifest);
        double.at(&format!("/v2/web/blobs/{config}"), &format!("307 There\r\nLocation: {place}"), "");
        let error = registry.labels(&double.repository(), &image, &Credential::default()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Blocked { .. } | RegistryError::Unusable { .. }), "{place}: {error}");
        double.at(LIST, &format!("307 There\r\nLocation: {place}"), "");
        let error = registry.tags(&double.repository(), &joe, &Wanted::everything()).await.unwrap_err();
        let is_refused = matches!(error, RegistryError::Blocked { .. } | RegistryError::Unusable { .. });
        assert!(is_refused, "{place}: {error}");
        double.at(LIST, &format!("200 OK\r\nLink: <{place}>; rel=\"next\""), page(["1.0.0".to_owned()].into_iter()));
        let error =
            registry.tags(&double.repository(), &Credential::default(), &Wanted::everything()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unusable { .. }), "{place}: {error}");
    }
    assert_eq!(victim.connections.load(Ordering::SeqCst), 0, "somebody inside was connected to");
    assert!(double.requests().iter().all(|request| !request.to_lowercase().contains("authorization")));
}

/// A token service at another port of the same host gets the credential where the operator named it, and only there.
#[tokio::test]
async fn a_token_service_beside_a_plain_registry_has_to_be_named() {
    let (double, service) = (Double::start().await, Double::start().await);
    let realm = format!("http://{}/token", service.host);
    double.at(LIST, &format!("401 No\r\nWWW-Authenticate: Bearer realm=\"{realm}\""), "");
    service.at("/token?scope=repository%3Aweb%3Apull", "200 OK", r#"{"token":"t"}"#);
    let joe = user("ns/pull", "joe", "pw");
    for named in [&[&double][..], &[&double, &service]] {
        let error = registry(named).tags(&double.repository(), &joe, &Wanted::everything()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    }
    assert_eq!(service.connections.load(Ordering::SeqCst), 0);
    let mut host = RegistryHost::in_plain_http(&double.host).unwrap();
    host.token_services = vec![service.host.clone()];
    let named = registry_with(RegistryConfig::of(vec![host]), &Arc::default());
    // The registry of this test goes on refusing; that the service was asked is what counts.
    let _ = named.tags(&double.repository(), &joe, &Wanted::everything()).await;
    assert!(service.requests()[0].contains("authorization: Basic"), "{:?}", service.requests());
}

/// A registry that asks for a token, and its token service that gives this one.
fn asks_for_a_token(double: &Double, token: &str) {
    let realm = format!("http://{}/token", double.host);
    double.at(LIST, &format!("401 No\r\nWWW-Authenticate: Bearer realm=\"{realm}\""), "");
    let given = serde_json::json!({ "token": token, "expires_in": 3600 }).to_string();
    double.at("/token?scope=repository%3Aweb%3Apull", "200 OK", given);
    double.at(&format!("{LIST}{WITH_A_TOKEN}"), "200 OK", page(["1.0.0".to_owned()].into_iter()));
}

/// What a tenant's registry fills the table of tokens with costs nobody else an answer.
#[tokio::test]
async fn a_full_table_of_tokens_refuses_nobody() {
    use super::token::Scheme;
    let double = Double::start().await;
    asks_for_a_token(&double, "t");
    let registry = registry(&[&double]);
    let later = Duration::from_secs(1_000_000_000);
    for n in 0..20_000 {
        let key = ("evil.example".to_owned(), format!("project/{n}"), String::new());
        registry.schemes.put(key, later, Scheme::Bearer(Secret::new("x".repeat(300))));
    }
    for _ in 0..2 {
        let tags = registry.tags(&double.repository(), &Credential::default(), &Wanted::everything()).await;
        tags.unwrap();
    }
    let asked = double.requests().iter().filter(|request| request.contains("/token?")).count();
    assert_eq!(asked, 1, "who fills the table gives of it");
}

#[tokio::test]
async fn a_token_that_fits_no_header_is_none() {
    let double = Double::start().await;
    asks_for_a_token(&double, &"x".repeat(8 * 1024 + 1));
    let asked = registry(&[&double]).tags(&double.repository(), &Credential::default(), &Wanted::everything()).await;
    let error = asked.unwrap_err();
    assert!(matches!(error, RegistryError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("no token of at most 8192 bytes"), "{error}");
}

/// Whatever part of its time was left when nothing more came: what is told is all that it had.
#[tokio::test]
async fn who_drips_is_told_the_time_that_it_had() {
    let double = Double::start().await;
    let half = page(["1.0.0".to_owned()].into_iter());
    double.at(LIST, "200 OK\r\nContent-Length: 1000", half);
    let mut config = RegistryConfig::new([double.host.clone()]);
    (config.answer, config.list) = (Duration::from_secs(3600), Duration::from_millis(80));
    let registry = registry_with(config, &Arc::default());
    let asked = registry.tags(&double.repository(), &Credential::default(), &Wanted::everything()).await;
    let RegistryError::Unreachable { source, .. } = asked.unwrap_err() else { panic!("it never came to its end") };
    let Some(OutboundError::Slow { deadline, .. }) = source.downcast_ref() else { panic!("{source}") };
    assert_eq!(*deadline, Duration::from_millis(80));
}

/// It is the operator's to mend: the workload says so, and nothing is tried again before that.
#[tokio::test]
async fn a_private_registry_is_told_with_its_setting() {
    let double = Double::start().await;
    let asked = registry(&[]).tags(&double.repository(), &Credential::default(), &Wanted::everything()).await;
    let error = asked.unwrap_err();
    assert!(!error.is_retryable() && error.reason() == "blocked", "{error}");
    assert!(error.to_string().starts_with(&double.host), "the port belongs to it: {error}");
    assert!(error.to_string().contains("IMAGE_WATCHER_PLAIN_HTTP"), "{error}");
    assert_eq!(double.connections.load(Ordering::SeqCst), 0);
}
