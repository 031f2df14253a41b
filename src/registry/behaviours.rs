//! What registries do in the field, one test a behaviour: each plays one kind of registry on loopback.

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
struct Asked {
    method: String,
    path: String,
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

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn query(&self, name: &str) -> &str {
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
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

fn json(status: u16, body: &serde_json::Value) -> Reply {
    reply(status).with("Content-Type", "application/json").body(body.to_string())
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

type Script = dyn Fn(&Asked, &str) -> Reply + Send + Sync;

/// A registry that plays one behaviour.
struct Player {
    host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _tasks: JoinSet<()>,
}

impl Player {
    async fn start(script: impl Fn(&Asked, &str) -> Reply + Send + Sync + 'static) -> Self {
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

    fn repository(&self) -> Repository {
        Repository::parse(&format!("{}/shop/app", self.host)).unwrap()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn lists(&self) -> usize {
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
const ALL: [&str; 4] = ["1.0.0", "latest", "1.1.0", "1.1.0-rc.1"];

fn tags(tags: &[&str]) -> Reply {
    json(200, &serde_json::json!({"name": "shop/app", "tags": tags}))
}

fn joe() -> Credential {
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
async fn looked(client: &HttpRegistry, player: &Player, credential: &Credential) -> Result<String, RegistryError> {
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

// Lists

#[tokio::test]
async fn row_01_plain() {
    let player = Player::start(|_, _| tags(&ALL)).await;
    decided(&player).await;
    assert_eq!(player.asked().len(), 1);
}

#[tokio::test]
async fn rows_02_and_03_nothing_is_decided_on_an_empty_list() {
    for none in [serde_json::json!(null), serde_json::json!([])] {
        let player = Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": none}))).await;
        assert_eq!(look(&player).await.unwrap(), "NoTags", "the reason that is told is the decision's");
    }
}

#[tokio::test]
async fn row_04_null_in_a_list_is_left_out() {
    let list = serde_json::json!({"name": "x", "tags": [null, "1.0.0", "latest", "1.1.0", null, "1.1.0-rc.1"]});
    decided(&Player::start(move |_, _| json(200, &list)).await).await;
}

#[tokio::test]
async fn row_05_artifacts_are_no_candidates() {
    let digest = format!("sha256-{}", "a".repeat(64));
    let beside = ["", ".sig", ".att", ".sbom"].map(|ending| format!("{digest}{ending}"));
    let all: Vec<String> =
        ALL.iter().map(ToString::to_string).chain(beside).chain(["9.9.9.sig".into(), "2.0.0.att".into()]).collect();
    decided(&Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": all}))).await).await;
}

#[tokio::test]
async fn row_06_a_page_for_people_is_no_list() {
    let html =
        |_: &Asked, _: &str| reply(200).with("Content-Type", "text/html; charset=utf-8").body("<html>Sign in</html>");
    refused(&Player::start(html).await, "no list of tags, but text/html").await;
}

#[tokio::test]
async fn row_07_what_is_not_there_is_told_as_unknown() {
    let unknown = serde_json::json!({"errors": [{"code": "NAME_UNKNOWN"}]});
    refused(&Player::start(move |_, _| json(404, &unknown)).await, "is not known to its registry").await;
}

#[tokio::test]
async fn row_08_what_is_accepted_fits_what_is_asked() {
    let player = Player::start(|asked, _| {
        let accept = asked.header("accept");
        match &*asked.path {
            LIST if accept.contains("application/json") || accept.contains("*/*") => tags(&ALL),
            STABLE if accept.contains("application/vnd.oci.image.index.v1+json") => {
                reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str())
            }
            _ => reply(406),
        }
    })
    .await;
    decided(&player).await;
    assert!(digest(&player).await.unwrap().is_some());
    assert!(!player.asked()[0].header("accept").contains("manifest"));
}

#[tokio::test]
async fn row_09_what_is_encoded_unasked_is_refused_by_name() {
    let player = Player::start(|_, _| tags(&ALL).with("Content-Encoding", "gzip")).await;
    refused(&player, "gzip").await;
    assert_eq!(player.asked()[0].header("accept-encoding"), "identity");
}

// Pages

/// A list in two pages, the first of which says so in these lines.
async fn paged(lines: Vec<String>) -> Player {
    Player::start(move |asked, _| match (&*asked.path, asked.query("last")) {
        (LIST, "latest") => tags(&ALL[2..]),
        (LIST, "") => lines.iter().fold(tags(&ALL[..2]), |reply, line| reply.with("Link", line.clone())),
        _ => reply(404),
    })
    .await
}

#[tokio::test]
async fn rows_10_to_16_only_the_query_of_a_link_is_taken() {
    let next = |target: &str, parameters: &str| format!("<{target}?last=latest&n=2>{parameters}");
    let relative = || next(LIST, "; rel=\"next\"");
    let cases = [
        vec![relative()],
        vec![next(LIST, "; rel=next")],
        vec![next(LIST, ";rel=next;title=\"a, b; rel=prev\"")],
        vec![next(LIST, " ; title=\"x\" ; REL = \"Next\"")],
        vec![next(LIST, "; rel=\"last next\"")],
        vec![next("?last=x", "").replace("?last=x", "") + "; rel=\"next\""],
        vec![next("https://registry.example.com/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![format!("<{LIST}?last=latest&n=0>; rel=\"next\"")],
        vec!["</style.css>; rel=preload; as=style".into(), relative()],
        vec![relative(), "</style.css>; rel=preload; as=style".into()],
        vec![format!("</style.css>; rel=preload; as=style,{}", relative())],
        vec![format!("<{LIST}?a,b;c>; rel=prev, {}", relative())],
        vec![next("http://registry.internal:5000/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("http://[broken/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("//169.254.169.254/v2/shop/app/tags/list", "; rel=\"next\"")],
        vec![next("/v2/app/tags/list", "; rel=\"next\"")],
    ];
    for lines in cases {
        let player = paged(lines.clone()).await;
        let offered = look(&player).await;
        assert_eq!(offered.as_deref().ok(), Some("1.1.0"), "{lines:?}: {offered:?}");
        assert_eq!(player.lists(), 2, "{lines:?}");
        let n = if lines[0].contains("n=0") { "0" } else { "2" };
        assert_eq!(player.asked()[1].query("n"), n, "the query is passed on as it stands");
    }
}

#[tokio::test]
async fn a_next_page_that_is_not_understood_is_no_end() {
    for line in
        ["v2/a; rel=\"next\"", "<>; rel=next", &format!("<{LIST}; rel=\"next\""), "<?last=\u{e9}\u{ff}; rel=next"]
    {
        let player = paged(vec![line.to_owned()]).await;
        refused(&player, "next page").await;
    }
}

#[tokio::test]
async fn row_17_a_full_page_without_a_link_is_asked_on() {
    let all: Vec<String> = (0..2500).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    let player = Player::start(move |asked, _| {
        let start = all.iter().position(|tag| tag == asked.query("last")).map_or(0, |at| at + 1);
        let rest = all.iter().skip(start);
        let page: Vec<&String> = match asked.query("n").parse() {
            Ok(most) => rest.take(most).collect(),
            Err(_) => rest.collect(),
        };
        json(200, &serde_json::json!({"name": "x", "tags": page}))
    })
    .await;
    decided(&player).await;
    assert_eq!(player.lists(), 3);
}

/// It knows neither `n` nor `last`, and has as many tags as were asked for by chance.
#[tokio::test]
async fn a_list_that_is_as_long_as_a_page_is_no_circle() {
    let all: Vec<String> = (0..998).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    decided(&Player::start(move |_, _| json(200, &serde_json::json!({"name": "x", "tags": all}))).await).await;
}

/// It knows `n` and not `last`: its first page over and over is never taken for all of the list.
#[tokio::test]
async fn a_page_that_comes_again_is_not_the_list() {
    let all: Vec<String> = (0..1500).map(|n| format!("b-{n:04}")).chain(["1.0.0".into(), "1.1.0".into()]).collect();
    let player = Player::start(move |asked, _| {
        let most = asked.query("n").parse().unwrap_or(all.len());
        json(200, &serde_json::json!({"name": "x", "tags": all.iter().take(most).collect::<Vec<_>>()}))
    })
    .await;
    decided(&player).await;
    assert!(player.lists() <= 4, "{}", player.lists());
}

#[tokio::test]
async fn row_18_a_circle_is_refused() {
    let player =
        Player::start(|_, _| tags(&ALL[..2]).with("Link", format!("<{LIST}?last=latest&n=2>; rel=\"next\""))).await;
    refused(&player, "circle").await;
    assert!(player.lists() <= 3);
}

#[tokio::test]
async fn row_19_part_of_a_list_is_no_list() {
    let link = |at: u8| format!("<{LIST}?last={at}>; rel=\"next\"");
    let player = Player::start(move |asked, _| match asked.query("last") {
        "" => tags(&ALL[..2]).with("Link", link(1)),
        "1" => tags(&ALL[2..]).with("Link", link(2)),
        _ => reply(500),
    })
    .await;
    refused(&player, "500").await;
}

#[tokio::test]
async fn row_21_a_page_that_is_too_large_is_asked_without_a_size() {
    let player = Player::start(|asked, _| match asked.query("n").parse::<usize>() {
        Ok(n) if n > 100 => json(400, &serde_json::json!({"errors": [{"code": "PAGINATION_NUMBER_INVALID"}]})),
        _ => tags(&ALL),
    })
    .await;
    decided(&player).await;
    assert_eq!(player.lists(), 2);
}

// Redirects

fn elsewhere(to: String) -> impl Fn(&Asked, &str) -> Reply {
    move |asked, _| reply(307).with("Location", format!("{to}{}", asked.path))
}

#[tokio::test]
async fn row_22_a_list_and_a_digest_that_are_elsewhere_are_followed_without_a_credential() {
    let store = Player::start(|asked, _| match (&*asked.path, asked.query("last")) {
        (LIST, "") => tags(&ALL[..2]).with("Link", format!("<{LIST}?last=latest>; rel=\"next\"")),
        (LIST, "latest") => tags(&ALL[2..]),
        (STABLE, _) => reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str()),
        _ => reply(404),
    })
    .await;
    let to = elsewhere(format!("http://{}", store.host));
    let front = Player::start(move |asked, host| match (asked.shows_token(), &*asked.path) {
        (_, "/token") => json(200, &serde_json::json!({"token": "TOKEN"})),
        (false, _) => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
        (true, _) => to(asked, host),
    })
    .await;
    let registry = client(&[&front, &store]);
    assert_eq!(looked(&registry, &front, &joe()).await.unwrap(), "1.1.0");
    let tag = Tag::parse("stable").unwrap();
    assert_eq!(registry.digest(&front.repository(), &tag, &joe()).await.unwrap(), Some(Digest::of(b"x")));
    assert!(store.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    assert_eq!((store.by("HEAD"), store.lists()), (1, 2));
    // Not named: nobody is led to a private address, or to plain http.
    let error = looked(&client(&[&front]), &front, &joe()).await.unwrap_err();
    assert!(error.to_string().contains("elsewhere"), "{error}");
    assert_eq!(store.lists(), 2);
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_what_is_shown() {
    let player = Player::start(|asked, host| match (asked.shows_user(), &*asked.path) {
        (false, _) => reply(401).with("WWW-Authenticate", "Basic realm=\"x\""),
        (true, LIST) => reply(301).with("Location", format!("http://{host}/v2/moved/tags/list")),
        (true, "/v2/moved/tags/list") => tags(&ALL),
        _ => reply(404),
    })
    .await;
    assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
}

#[tokio::test]
async fn redirects_end() {
    let player = Player::start(|asked, _| reply(302).with("Location", format!("/x{}", asked.path))).await;
    refused(&player, "elsewhere").await;
    assert!(player.asked().len() <= 6);
    let places =
        ["", "http://[", "ftp://127.0.0.1/", "https://u:p@registry.example.com/", "http://169.254.169.254/latest"];
    for place in places {
        let player = Player::start(move |_, _| reply(307).with("Location", place)).await;
        refused(&player, "elsewhere").await;
    }
    // Over https it is the address that is judged.
    for place in [
        "https://127.0.0.1:1/",
        "https://localhost:1/",
        "https://[::1]:1/",
        "https://0x7f.1/",
        "https://169.254.169.254/",
    ] {
        let player = Player::start(move |_, _| reply(307).with("Location", place)).await;
        let error = look(&player).await.unwrap_err();
        assert!(matches!(error, RegistryError::Blocked { .. }), "{place}: {error}");
    }
}

// Authentication

/// The list, or a challenge.
fn opened(is_open: bool, challenge: impl Into<String>) -> Reply {
    if is_open { tags(&ALL) } else { reply(401).with("WWW-Authenticate", challenge) }
}

fn token_service(asked: &Asked) -> Option<Reply> {
    (asked.path == "/token").then(|| json(200, &serde_json::json!({"token": "TOKEN"})))
}

#[tokio::test]
async fn row_23_basic_then_bearer_in_one_line() {
    let player = Player::start(|asked, host| {
        let challenge = format!("Basic realm=\"reg\", Bearer realm=\"http://{host}/token\",service=\"reg\"");
        token_service(asked).unwrap_or_else(|| opened(asked.shows_token(), challenge))
    })
    .await;
    assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
}

#[tokio::test]
async fn row_24_negotiate_then_basic_in_two_lines() {
    for lines in [["Negotiate", "Basic realm=\"reg\""], ["NTLM TlRMTVNTUAAB==, Negotiate abc=", "BASIC realm=reg"]] {
        let player = Player::start(move |asked, _| match opened(asked.shows_user(), lines[0]) {
            refused if refused.status == 401 => refused.with("WWW-Authenticate", lines[1]),
            list => list,
        })
        .await;
        assert_eq!(looked(&client(&[&player]), &player, &joe()).await.unwrap(), "1.1.0");
    }
}

#[tokio::test]
async fn row_25_basic_after_a_token_that_failed() {
    let player = Player::start(|asked, host| {
        token_service(asked).unwrap_or_else(|| match (asked.shows_user(), asked.shows_token()) {
            (true, _) => tags(&ALL),
            (_, true) => reply(401).with("WWW-Authenticate", "Basic realm=\"harbor\""),
            _ => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
        })
    })
    .await;
    let registry = client(&[&player]);
    for _ in 0..2 {
        assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    }
    assert_eq!(player.asked().len(), 5, "what worked is remembered");
}

/// A registry that sends us to a token service, and offers this beside it.
async fn led_to(service: &Player, and: &'static str) -> Player {
    let realm = format!("http://{}/token", service.host);
    Player::start(move |asked, _| {
        let is_open = asked.shows_token() || (!and.is_empty() && asked.shows_user());
        opened(is_open, format!("Bearer realm=\"{realm}\",service=\"s\"{and}"))
    })
    .await
}

#[tokio::test]
async fn row_26_a_token_service_elsewhere_gets_no_credential() {
    let stranger = Player::start(|asked, _| token_service(asked).unwrap()).await;
    let player = led_to(&stranger, "").await;
    for named in [&[&player][..], &[&player, &stranger]] {
        let error = looked(&client(named), &player, &joe()).await.unwrap_err();
        let line = format!("tokenServices: [\"{}\"]", stranger.host);
        assert!(error.to_string().contains(&line), "{error}");
    }
    assert_eq!(stranger.asked().len(), 0);
    // Who has nothing to show shows nothing.
    let registry = client(&[&player, &stranger]);
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0");
    assert_eq!(stranger.asked()[0].header("authorization"), "");
}

#[tokio::test]
async fn row_26_a_token_service_that_is_named_gets_the_credential() {
    let service =
        Player::start(|asked, _| token_service(asked).filter(|_| asked.shows_user()).unwrap_or_else(|| reply(401)))
            .await;
    let player = led_to(&service, "").await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.token_services = vec![service.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host]));
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    // What is said of one registry holds for no other.
    let other = led_to(&service, "").await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.token_services = vec![service.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&other.host).unwrap()]));
    let error = looked(&registry, &other, &joe()).await.unwrap_err();
    assert!(error.to_string().contains("tokenServices"), "{error}");
    assert_eq!(service.asked().len(), 1);
}

#[tokio::test]
async fn row_27_basic_where_the_token_service_is_a_strangers() {
    let stranger = Player::start(|asked, _| token_service(asked).unwrap()).await;
    let player = led_to(&stranger, ", Basic realm=\"x\"").await;
    for named in [&[&player][..], &[&player, &stranger]] {
        assert_eq!(looked(&client(named), &player, &joe()).await.unwrap(), "1.1.0");
    }
    assert_eq!(stranger.asked().len(), 0);
}

/// A registry whose token opens it only where it was asked for with this scope.
async fn scoped(challenged: &'static str, opens: &'static str) -> Player {
    Player::start(move |asked, host| {
        if asked.path == "/token" {
            let token = if asked.query("scope") == opens { "TOKEN" } else { "other" };
            return json(200, &serde_json::json!({ "token": token }));
        }
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"reg\"{challenged}");
        opened(asked.shows_token(), challenge)
    })
    .await
}

#[tokio::test]
async fn rows_28_and_29_the_scope_of_the_challenge_is_asked_for_to_read() {
    let ours = "repository:shop/app:pull";
    for (challenged, opens) in [
        (",scope=\"repository:backing/app:pull\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:pull,push,delete\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:*\"", "repository:backing/app:pull"),
        (",scope=\"repository:backing/app:push\"", ours),
        (",scope=\"registry:catalog:*\"", ours),
        (",scope=\"\"", ours),
        ("", ours),
        (",scope=aws", "aws"),
        (",scope=\"aws\"", "aws"),
    ] {
        let player = scoped(challenged, opens).await;
        let offered = look(&player).await;
        assert_eq!(offered.as_deref().ok(), Some("1.1.0"), "{challenged}: {offered:?}");
    }
}

#[tokio::test]
async fn row_30_an_access_token_is_one() {
    let player = Player::start(|asked, host| match (&*asked.path, asked.shows_token()) {
        ("/token", _) => json(200, &serde_json::json!({"access_token": "TOKEN"})),
        (_, true) => tags(&ALL),
        _ => reply(401).with("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\"")),
    })
    .await;
    decided(&player).await;
}

#[tokio::test]
async fn row_31_a_token_that_opens_nothing_is_refused_as_unknown() {
    let player = Player::start(|asked, host| {
        let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s\",error=\"insufficient_scope\"");
        token_service(asked).unwrap_or_else(|| reply(401).with("WWW-Authenticate", challenge))
    })
    .await;
    refused(&player, "is not known to its registry, or may not be read").await;
    assert!(player.asked().len() <= 20);
}

#[tokio::test]
async fn row_32_a_realm_may_be_relative() {
    let player = Player::start(|asked, _| {
        let challenge = "Bearer realm=\"/token\",service=\"zot\"";
        token_service(asked).unwrap_or_else(|| opened(asked.shows_token(), challenge))
    })
    .await;
    decided(&player).await;
}

#[tokio::test]
async fn row_33_who_asks_to_wait_is_left_alone_and_it_is_told_until_when() {
    let throttled = serde_json::json!({"errors": [{"code": "TOOMANYREQUESTS"}]});
    let player = Player::start(move |_, _| json(429, &throttled).with("Retry-After", "7")).await;
    let (metrics, outbound) = (Metrics::new(), Outbound::new(None).unwrap());
    let config = RegistryConfig::new([player.host.clone()]);
    let registry = HttpRegistry::new(config, &outbound, Ambient::system(), Arc::new(metrics.clone())).unwrap();
    for _ in 0..3 {
        let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
        assert!(matches!(error, RegistryError::Throttled { .. }), "{error}");
        assert!(error.to_string().contains(" UTC"), "{error}");
    }
    assert_eq!(player.asked().len(), 1);
    let counted = metrics.text();
    let waits = counted.lines().find(|line| line.starts_with("image_watcher_registry_waits_total{"));
    assert!(waits.is_some_and(|line| line.contains("reason=\"asked\"") && line.ends_with(" 3")), "{counted}");
}

// When a tag was pushed

/// A Harbor that lets joe in.
fn harbor(asked: &Asked) -> Reply {
    let at = "/api/v2.0/projects/shop/repositories/app/artifacts/1.0.1";
    match (asked.path == at, asked.shows_user()) {
        (true, true) => json(200, &serde_json::json!({"push_time": "2026-01-02T03:04:05Z", "tags": null})),
        (true, false) => json(401, &serde_json::json!({"errors": [{"code": "UNAUTHORIZED"}]})),
        (false, _) => reply(404),
    }
}

#[tokio::test]
async fn a_harbor_is_asked_with_the_credential_and_says_when_a_tag_was_pushed() {
    let player = Player::start(|asked, _| harbor(asked)).await;
    let (client, tag) = (client(&[&player]), Tag::parse("1.0.1").unwrap());
    let pushed = client.pushed(&player.repository(), &tag, &joe()).await.unwrap();
    assert_eq!(pushed.at.to_rfc3339(), "2026-01-02T03:04:05+00:00");
    assert_eq!(player.asked().len(), 1);
    assert_eq!(client.pushed(&player.repository(), &Tag::parse("1.0.2").unwrap(), &joe()).await, None);
    assert_eq!(player.asked().len(), 2, "what it speaks is known");
}

#[tokio::test]
async fn who_does_not_say_when_a_tag_was_pushed_is_not_asked_again_and_nothing_fails() {
    let tag = Tag::parse("1.0.1").unwrap();
    let large = "x".repeat(2 * 1024 * 1024);
    let answers: [fn(&str) -> Reply; 4] = [
        |_| reply(404),
        |_| reply(401),
        |_| json(200, &serde_json::json!({"tags": 7})),
        |large| reply(200).body(large),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let large = large.clone();
        let player = Player::start(move |_, _| answer(&large)).await;
        let client = client(&[&player]);
        for _ in 0..3 {
            assert_eq!(client.pushed(&player.repository(), &tag, &joe()).await, None, "answer {at}");
        }
        let is_silence = at == 3;
        assert_eq!(player.asked().len(), if is_silence { 3 } else { 2 }, "answer {at}: a Harbor, then a Quay");
    }
    let quay = |asked: &Asked| asked.path.starts_with("/api/v1/repository/");
    let player = Player::start(move |asked, _| {
        let tags = serde_json::json!({"tags": [{"name": "1.0.1", "start_ts": 1_767_323_045}]});
        if quay(asked) { json(200, &tags) } else { reply(404) }
    })
    .await;
    let pushed = client(&[&player]).pushed(&player.repository(), &tag, &joe()).await.unwrap();
    assert_eq!(pushed.at.timestamp(), 1_767_323_045);
    let asked = player.asked();
    assert!(asked.iter().filter(|asked| quay(asked)).all(|asked| !asked.shows_user()), "it is shown no credential");
}

// Digests

const INDEX: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

#[tokio::test]
async fn row_34_a_digest_by_head() {
    let player =
        Player::start(|_, _| reply(200).with("Docker-Content-Digest", Digest::of(INDEX).as_str()).body(INDEX)).await;
    assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(INDEX)));
    assert_eq!((player.by("HEAD"), player.by("GET")), (1, 0));
}

#[tokio::test]
async fn rows_35_to_37_a_digest_from_the_bytes() {
    for status in [200, 404, 405, 400, 501] {
        let player = Player::start(move |asked, _| match &*asked.method {
            "GET" => reply(200).with("ETag", "\"sha256:1\"").with("X-Checksum-Sha256", "00").body(INDEX),
            _ => reply(status).with("ETag", "\"sha256:1\""),
        })
        .await;
        assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(INDEX)), "{status}");
        assert_eq!((player.by("HEAD"), player.by("GET")), (1, 1), "{status}");
    }
    let gone = Player::start(|_, _| reply(404)).await;
    assert_eq!(digest(&gone).await.unwrap(), None);
    assert_eq!((gone.by("HEAD"), gone.by("GET")), (1, 1));
}

#[tokio::test]
async fn row_38_a_manifest_of_the_first_schema_has_the_digest_that_it_is_told_by() {
    let player = Player::start(|_, _| {
        reply(200)
            .with("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
            .with("Docker-Content-Digest", Digest::of(b"payload").as_str())
            .body("{\"schemaVersion\":1,\"signatures\":[]}")
    })
    .await;
    assert_eq!(digest(&player).await.unwrap(), Some(Digest::of(b"payload")));
}

// What the operator says of a host

#[tokio::test]
async fn the_files_user_asks_where_a_workload_has_none() {
    let player = Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.user = Some(User::of_host(&player.host, "joe".into(), Secret::new("pw".into())));
    let registry = client_of(RegistryConfig::of(vec![host]));
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0");
    let other = user("ns/other", "ann", "no");
    let error = looked(&registry, &player, &other).await.unwrap_err();
    assert_eq!(error.reason(), "unauthorized", "who has one of its own is not helped by the operator's: {error}");
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_never_with_the_registrys_credential() {
    let mirror = Player::start(|asked, _| match &*asked.path {
        LIST => tags(&ALL),
        _ => reply(404),
    })
    .await;
    let player = Player::start(|_, _| reply(200).with("Docker-Content-Digest", Digest::of(b"x").as_str())).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.mirrors = vec![mirror.host.clone()];
    let registry = client_of(RegistryConfig::of(vec![host, RegistryHost::in_plain_http(&mirror.host).unwrap()]));
    assert_eq!(looked(&registry, &player, &joe()).await.unwrap(), "1.1.0");
    assert_eq!(player.asked().len(), 0);
    // What it has not, the registry may have.
    let tag = Tag::parse("stable").unwrap();
    assert_eq!(registry.digest(&player.repository(), &tag, &joe()).await.unwrap(), Some(Digest::of(b"x")));
    assert!(mirror.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    // Where no node can pull, nobody is asked.
    let secret = NamedSecret { namespace: "shop".into(), name: "pull".into() };
    let broken = Credential::broken(BrokenSecret { secret, why: "no".into() });
    let asked = mirror.asked().len();
    assert_eq!(looked(&registry, &player, &broken).await.unwrap_err().reason(), "unauthorized");
    assert_eq!(mirror.asked().len(), asked);
}

#[tokio::test]
async fn a_ceiling_sends_away_before_a_question_and_never_within_one() {
    let player = Player::start(|_, _| tags(&ALL)).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(2);
    let registry = client_of(RegistryConfig::of(vec![host]));
    for _ in 0..2 {
        looked(&registry, &player, &joe()).await.unwrap();
    }
    // It is the host's, whoever asks.
    let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::Ceiling, until: Some(_), .. }), "{error}");
    assert_eq!(player.asked().len(), 2);
}

/// A digest comes after a list, which would be asked for again: it waits for a minute that has room.
#[tokio::test]
async fn what_comes_after_a_list_waits_for_its_turn() {
    let player = Player::start(|_, _| tags(&ALL).with("Docker-Content-Digest", Digest::of(b"x").as_str())).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(1);
    let clock = Arc::new(Ahead { start: tokio::time::Instant::now(), by: Mutex::default() });
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
    let (config, outbound) = (RegistryConfig::of(vec![host]), Outbound::new(None).unwrap());
    let client = |config| HttpRegistry::new(config, &outbound, ambient.clone(), Arc::new(Metrics::new())).unwrap();
    let (registry, command) = (client(config.clone()), client(config.that_waits()));
    looked(&registry, &player, &joe()).await.unwrap();
    looked(&command, &player, &joe()).await.unwrap();
    *clock.by.lock().unwrap() = Duration::from_millis(59_500);
    let error = looked(&registry, &player, &joe()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::Ceiling, .. }), "{error}");
    let (tag, repository) = (Tag::parse("stable").unwrap(), player.repository());
    assert!(registry.digest(&repository, &tag, &joe()).await.unwrap().is_some());
    // A command, which asks everything once, waits for lists too.
    looked(&command, &player, &joe()).await.unwrap();
    assert_eq!(player.asked().len(), 4);
}

/// Who was refused before would be asked again: the next user waits for a minute that has room.
#[tokio::test]
async fn the_next_user_waits_for_its_turn() {
    let player = Player::start(|asked, _| opened(asked.shows_user(), "Basic realm=\"x\"")).await;
    let mut host = RegistryHost::in_plain_http(&player.host).unwrap();
    host.requests_per_minute = std::num::NonZeroU32::new(4);
    let clock = Arc::new(Ahead { start: tokio::time::Instant::now(), by: Mutex::default() });
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
    let (config, outbound) = (RegistryConfig::of(vec![host]), Outbound::new(None).unwrap());
    let registry = HttpRegistry::new(config, &outbound, ambient, Arc::new(Metrics::new())).unwrap();
    for _ in 0..2 {
        looked(&registry, &player, &Credential::default()).await.unwrap_err();
    }
    *clock.by.lock().unwrap() = Duration::from_millis(59_500);
    let users = [user("ns/other", "ann", "no"), joe()];
    let both = Credential::users(users.iter().flat_map(Credential::to_try).cloned());
    assert_eq!(looked(&registry, &player, &both).await.unwrap(), "1.1.0");
    assert_eq!(player.asked().len(), 6);
}

/// A clock that goes as others do, and is ahead of them.
struct Ahead {
    start: tokio::time::Instant,
    by: Mutex<Duration>,
}

impl crate::ambient::Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + *self.by.lock().unwrap()
    }
}

#[tokio::test]
async fn what_is_left_of_a_quota_is_left_to_those_who_pull() {
    let player = Player::start(|_, _| {
        tags(&ALL).with("RateLimit-Limit", "100;w=21600").with("RateLimit-Remaining", "10;w=21600")
    })
    .await;
    let registry = client(&[&player]);
    assert_eq!(looked(&registry, &player, &Credential::default()).await.unwrap(), "1.1.0", "the answer is good");
    let error = looked(&registry, &player, &Credential::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Throttled { why: Wait::LittleLeft, .. }), "{error}");
    assert_eq!(player.asked().len(), 1);
}

// Patience

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

/// Nobody is told of one user's old refusal while another's is new.
#[tokio::test]
async fn a_refusal_of_several_is_told_when_all_have_lasted() {
    let player = Player::start(|_, _| reply(401).with("WWW-Authenticate", "Basic realm=\"x\"")).await;
    let clock = Arc::new(Held::default());
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
    let (config, outbound) = (RegistryConfig::new([player.host.clone()]), Outbound::new(None).unwrap());
    let registry = HttpRegistry::new(config, &outbound, ambient, Arc::new(Metrics::new())).unwrap();
    let users = [user("ns/other", "ann", "no"), joe()];
    let both = Credential::users(users.iter().flat_map(Credential::to_try).cloned());
    let asked = async |seconds, credential: &Credential| {
        *clock.0.lock().unwrap() = Duration::from_secs(seconds);
        looked(&registry, &player, credential).await.map_err(|error| (error.is_retryable(), error.reason()))
    };
    assert_eq!(asked(0, &users[0]).await, Err((true, "unauthorized")));
    assert_eq!(asked(20, &users[0]).await, Err((false, "unauthorized")));
    assert_eq!(asked(20, &both).await, Err((true, "unauthorized")));
    assert_eq!(asked(30, &both).await, Err((false, "unauthorized")));
}

#[tokio::test]
async fn a_refusal_is_told_when_it_has_lasted() {
    for status in [401, 403] {
        let is_refused = Arc::new(Mutex::new(true));
        let script = Arc::clone(&is_refused);
        let player = Player::start(move |_, _| {
            let is_refused = *script.lock().unwrap();
            if is_refused { reply(status).with("WWW-Authenticate", "Basic realm=\"x\"") } else { tags(&ALL) }
        })
        .await;
        let clock = Arc::new(Held::default());
        let config = RegistryConfig::new([player.host.clone()]);
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn crate::ambient::Clock>);
        let outbound = Outbound::new(None).unwrap();
        let registry = HttpRegistry::new(config, &outbound, ambient, Arc::new(Metrics::new())).unwrap();
        let asked = async |seconds| {
            *clock.0.lock().unwrap() = Duration::from_secs(seconds);
            looked(&registry, &player, &joe()).await.map_err(|error| (error.is_retryable(), error.reason()))
        };
        assert_eq!(asked(0).await, Err((true, "unauthorized")));
        assert_eq!(asked(3).await, Err((true, "unauthorized")));
        *is_refused.lock().unwrap() = false;
        assert_eq!(asked(4).await, Ok("1.1.0".to_owned()), "three seconds at a push lose nothing");
        *is_refused.lock().unwrap() = true;
        assert_eq!(asked(100).await, Err((true, "unauthorized")));
        assert_eq!(asked(110).await, Err((false, "unauthorized")));
        assert_eq!(asked(10_000).await, Err((false, "unauthorized")));
    }
}
