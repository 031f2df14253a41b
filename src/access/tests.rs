//! Who gets in, who does not, and what either is told, over the routes as they are served.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::*;
use crate::ambient::Ambient;
use crate::config::auth::{Auth, Mode, ProxyHeaders, Token, User};
use crate::domain::actor::ClusterUser;
use crate::domain::role::{Member, Roles};
use crate::domain::secret::Secret;
use crate::outbound::{Outbound, Reach};
use crate::queue::{QueueError, SignIn, SignIns};
use crate::telemetry::metrics::{Metrics, SignInResult};

const ALICE: &str = "correct horse";
const PROXY: &str = "10.0.0.1:4711";

/// Who is signed in, in memory.
#[derive(Default)]
pub(super) struct Store(Mutex<HashMap<[u8; 32], String>>);

impl SignIns for Store {
    fn remember_sign_in(&self, sign_in: SignIn) -> BoxFuture<'_, Result<(), QueueError>> {
        self.0.lock().unwrap().insert(sign_in.id, sign_in.what);
        std::future::ready(Ok(())).boxed()
    }

    fn sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<Option<String>, QueueError>> {
        std::future::ready(Ok(self.0.lock().unwrap().get(&id).cloned())).boxed()
    }

    fn forget_sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<(), QueueError>> {
        self.0.lock().unwrap().remove(&id);
        std::future::ready(Ok(())).boxed()
    }
}

fn members(all: &[&str]) -> Vec<Member> {
    all.iter().map(|text| Member::parse(text).unwrap()).collect()
}

pub(super) fn auth(mode: Mode, viewers: &[&str], approvers: &[&str]) -> Auth {
    let roles = Roles { viewers: members(viewers), approvers: members(approvers) };
    Auth { mode, roles, tokens: Vec::new(), audience: None, session: Duration::from_secs(3600) }
}

/// Access to `https://watcher.example.com` and what is below a path.
pub(super) fn access(auth: Auth, path: &str, store: &Arc<Store>) -> Data<Access> {
    Data::new(Access::new(parts(auth, path, store)).unwrap())
}

fn parts(auth: Auth, path: &str, store: &Arc<Store>) -> Parts {
    Parts {
        auth,
        base_url: Some(format!("https://watcher.example.com{path}").parse().unwrap()),
        cluster: Some("prod-eu".into()),
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
        store: Arc::clone(store) as Arc<dyn SignIns>,
        client: Outbound::new(None).unwrap().client(Reach::Named).unwrap(),
        whose_token: Arc::new(|_, _| std::future::ready(Ok(None)).boxed()),
        key: [7; 32],
        metrics: Metrics::new(),
        ambient: Ambient::system(),
    }
}

fn user(name: &str, password: &str, role: Option<Role>) -> User {
    let hash = hash_password(&Secret::new(password.into()), *b"0123456789abcdef").unwrap();
    User { name: name.into(), hash: hash.into(), groups: Vec::new(), role }
}

fn with_passwords() -> Auth {
    let users = vec![user("alice", ALICE, Some(Role::Approver)), user("bob", "battery staple", None)];
    auth(Mode::Basic(users), &[], &[])
}

fn behind_proxy(viewers: &[&str], approvers: &[&str]) -> Auth {
    let headers = ProxyHeaders { user: "x-forwarded-user".into(), groups: Some("x-forwarded-groups".into()) };
    auth(Mode::Proxy(headers), viewers, approvers)
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookie that it sets, as a browser shows it.
    pub(super) fn cookie(&self) -> String {
        let all = self.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
        let kept: Vec<&str> = all
            .filter(|set| !set.contains("Max-Age=0") && !set.contains("-browser"))
            .map(|set| set.split(';').next().unwrap())
            .collect();
        kept.join("; ")
    }

    /// The token of the form on the page of whoever is signed in.
    fn form_token(&self) -> &str {
        self.body.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap()
    }
}

/// Sends a request to the routes as `app` has them. `/` says who it is; `/api/v1/act` takes a POST of whoever may decide.
pub(super) async fn send(access: &Data<Access>, request: TestRequest) -> Answer {
    let act = |visitor: Visitor| async move { visitor.may_decide().map(|()| HttpResponse::Ok().body("done")) };
    let who = |visitor: Visitor| async move { HttpResponse::Ok().body(visitor.who.name().to_owned()) };
    let programs = web::scope("/api/v1").wrap(from_fn(super::programs));
    let programs = programs.route("/who", web::get().to(who)).route("/act", web::post().to(act));
    let people = web::scope("")
        .wrap(from_fn(people))
        .route("/", web::get().to(super::routes::home))
        .route("/act", web::post().to(act));
    let below = web::scope(&access.base_path).configure(routes).service(programs).service(people);
    let app = init_service(App::new().app_data(access.clone()).service(below)).await;
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("a body"));
    // Templates write a slash in another way.
    let body = String::from_utf8(body.to_vec()).unwrap().replace("&#x2f;", "/");
    Answer { status, headers, body }
}

pub(super) fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).peer_addr("192.0.2.9:1".parse().unwrap()).insert_header(("Accept", "text/html"))
}

fn post(path: &str, form: &[(&str, &str)]) -> TestRequest {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = TestRequest::default().method(Method::POST).uri(path).peer_addr("192.0.2.9:1".parse().unwrap());
    request
        .insert_header(("Accept", "text/html"))
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(body)
}

/// As a page of ours sends it.
fn ours(request: TestRequest) -> TestRequest {
    request.insert_header(("Sec-Fetch-Site", "same-origin"))
}

async fn sign_in(access: &Data<Access>, name: &str, password: &str, to: &str) -> Answer {
    let path = format!("{}/sign-in", access.base_path);
    send(access, ours(post(&path, &[("name", name), ("password", password), ("to", to)]))).await
}

#[actix_web::test]
async fn whoever_shows_nothing_is_led_to_where_they_sign_in() {
    let access = access(with_passwords(), "", &Arc::default());
    let led = send(&access, get("/?namespace=shop&q=a b".replace(' ', "%20").as_str())).await;
    let location = led.header("location").unwrap();
    assert_eq!((led.status, location), (303, "/sign-in?to=%2F%3Fnamespace%3Dshop%26q%3Da%2520b"));
    let page = send(&access, get(location)).await;
    assert!(page.status == 200 && page.body.contains("value=\"/?namespace=shop&amp;q=a%20b\""), "{}", page.body);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let stream = TestRequest::get().uri("/").insert_header(("Accept", "text/event-stream"));
    let fetched = get("/").insert_header(("Sec-Fetch-Mode", "cors"));
    for request in [stream, fetched, get("/api/v1/who")] {
        let answer = send(&access, request).await;
        assert_eq!((answer.status, answer.header("content-type")), (401, Some("application/problem+json")));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"image-watcher\""));
    }
    let posted = send(&access, ours(post("/act", &[]))).await;
    assert_eq!((posted.status, posted.header("location")), (303, Some("/sign-in?to=%2F")), "nothing is done twice");
}

#[actix_web::test]
async fn a_password_opens_a_session_that_outlives_a_restart_and_ends_with_sign_out() {
    let store = Arc::<Store>::default();
    let first = access(with_passwords(), "", &store);
    let opened = sign_in(&first, "alice", ALICE, "/?q=x").await;
    assert_eq!((opened.status, opened.header("location")), (303, Some("/?q=x")));
    let set = opened.header("set-cookie").unwrap();
    assert!(
        set.starts_with("__Host-image-watcher=")
            && set.ends_with("; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax")
    );
    let cookie = opened.cookie();
    let secret = cookie.split_once('=').unwrap().1;
    assert!(!store.0.lock().unwrap().values().any(|what| what.contains(secret)));

    let access = access(with_passwords(), "", &store);
    let page = send(&access, get("/").insert_header(("Cookie", cookie.clone()))).await;
    assert!(page.status == 200 && page.body.contains("You are signed in as alice, approver."), "{}", page.body);
    let shown = send(&access, get("/sign-in?to=/x").insert_header(("Cookie", cookie.clone()))).await;
    assert_eq!((shown.status, shown.header("location")), (303, Some("/x")), "there is nothing to sign in for");
    let out = |token: &str, site: &'static str| {
        let request = post("/sign-out", &[("form_token", token)]).insert_header(("Cookie", cookie.clone()));
        send(&access, request.insert_header(("Sec-Fetch-Site", site)))
    };
    for (token, site) in [("", "same-origin"), ("wrong", "same-origin"), (page.form_token(), "cross-site")] {
        assert_eq!(out(token, site).await.status, 403, "{token} {site}");
    }
    assert_eq!(send(&access, get("/").insert_header(("Cookie", cookie.clone()))).await.status, 200);
    let done = out(page.form_token(), "same-origin").await;
    assert_eq!((done.status, done.header("location")), (303, Some("/sign-in?signed=out")));
    assert!(done.header("set-cookie").unwrap().starts_with("__Host-image-watcher=; Path=/; Max-Age=0"));
    assert_eq!(
        send(&access, get("/").insert_header(("Cookie", cookie.clone()))).await.status,
        303,
        "it opens nothing more"
    );
    assert_eq!(out(page.form_token(), "same-origin").await.status, 303, "whoever is out is out");
}

#[actix_web::test]
async fn forged_cookies_open_nothing() {
    let access = access(with_passwords(), "", &Arc::default());
    let cookie = sign_in(&access, "alice", ALICE, "/").await.cookie();
    let (name, value) = cookie.split_once('=').unwrap();
    for forged in [
        format!("{name}="),
        format!("{name}={}", value.replace(char::is_alphabetic, "A")),
        format!("{name}={value}A"),
        format!("image-watcher={value}"),
        format!("{cookie}; {cookie}"),
        format!("{name}=alice"),
    ] {
        let answer = send(&access, get("/").insert_header(("Cookie", forged.clone()))).await;
        assert_eq!(answer.status, 303, "{forged}");
    }
    assert_eq!(send(&access, get("/").insert_header(("Cookie", cookie))).await.status, 200);
}

#[actix_web::test]
async fn another_password_or_a_removed_user_ends_the_session() {
    let store = Arc::<Store>::default();
    let cookie = sign_in(&access(with_passwords(), "", &store), "alice", ALICE, "/").await.cookie();
    let other = vec![user("alice", "another one", Some(Role::Approver))];
    let gone = vec![user("bob", "battery staple", None)];
    for users in [other, gone] {
        let access = access(auth(Mode::Basic(users), &["*"], &[]), "", &store);
        let answer = send(&access, get("/").insert_header(("Cookie", cookie.clone()))).await;
        assert_eq!(answer.status, 303);
    }
    let demoted = vec![user("alice", ALICE, None)];
    let access = access(auth(Mode::Basic(demoted), &[], &[]), "", &store);
    let page = send(&access, get("/").insert_header(("Cookie", cookie))).await;
    assert!(page.body.contains("alice, viewer"), "a role is that of the configuration: {}", page.body);
}

#[actix_web::test]
async fn another_sites_page_does_nothing_with_a_cookie_that_is_right() {
    let access = access(with_passwords(), "", &Arc::default());
    let cookie = sign_in(&access, "alice", ALICE, "/").await.cookie();
    let act = |path: &'static str, headers: &[(&'static str, &'static str)]| {
        let mut request = post(path, &[]).insert_header(("Cookie", cookie.clone()));
        for header in headers {
            request = request.insert_header(*header);
        }
        send(&access, request)
    };
    let elsewhere: [&[(&str, &str)]; 6] = [
        &[],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://watcher.example.com")],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
    ];
    for path in ["/act", "/api/v1/act"] {
        for headers in elsewhere {
            assert_eq!(act(path, headers).await.status, 403, "{path} {headers:?}");
        }
        for headers in [&[("Sec-Fetch-Site", "same-origin")], &[("Origin", "https://watcher.example.com")]] {
            assert_eq!(act(path, headers).await.status, 200, "{path} {headers:?}");
        }
    }
    let form = [("name", "alice"), ("password", ALICE)];
    for headers in elsewhere {
        let request = headers.iter().fold(post("/sign-in", &form), |request, header| request.insert_header(*header));
        assert_eq!(send(&access, request).await.status, 403, "nobody is signed in by another site: {headers:?}");
    }
    assert_eq!(act("/act", &[("Sec-Fetch-Site", "same-origin")]).await.body, "done");
    let bob = sign_in(&access, "bob", "battery staple", "/").await.cookie();
    let seen = send(&access, ours(post("/api/v1/act", &[])).insert_header(("Cookie", bob))).await;
    assert!(seen.status == 403 && seen.body.contains("takes the role approver"), "{}", seen.body);
}

#[actix_web::test]
async fn wrong_passwords_are_told_alike_and_slowed_down() {
    let access = access(with_passwords(), "", &Arc::default());
    let (wrong, unknown) = (sign_in(&access, "alice", "nope", "/").await, sign_in(&access, "carol", "nope", "/").await);
    assert_eq!((wrong.status, &wrong.body), (401, &unknown.body), "nobody can tell which of them it was");
    assert!(wrong.header("set-cookie").is_none());
    for _ in 2..10 {
        assert_eq!(sign_in(&access, "carol", "nope", "/").await.status, 401);
    }
    let limited = sign_in(&access, "alice", ALICE, "/").await;
    assert!(limited.status == 429 && limited.header("retry-after").is_some(), "{}", limited.status);
    let elsewhere = ours(post("/sign-in", &[("name", "alice"), ("password", ALICE)]));
    let elsewhere = send(&access, elsewhere.peer_addr("198.51.100.1:1".parse().unwrap())).await;
    assert_eq!(elsewhere.status, 303, "another address is not slowed down");
    for form in [&[][..], &[("name", "alice")], &[("name", "alice"), ("name", "bob"), ("password", ALICE)]] {
        let request = ours(post("/sign-in", form)).peer_addr("198.51.100.1:1".parse().unwrap());
        assert!([401, 422].contains(&send(&access, request).await.status), "{form:?}");
    }
}

#[actix_web::test]
async fn nobody_is_led_elsewhere_by_signing_in() {
    for base in ["", "/watcher"] {
        let access = access(with_passwords(), base, &Arc::default());
        let first = format!("{base}/");
        for to in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/..//evil.example",
            "javascript:1",
            "/sign-out",
        ] {
            let answer = sign_in(&access, "alice", ALICE, to).await;
            assert_eq!(answer.header("location"), Some(first.as_str()), "{base} {to}");
        }
    }
    let access = access(with_passwords(), "/watcher", &Arc::default());
    let led = send(&access, get("/watcher/")).await;
    assert_eq!(led.header("location"), Some("/watcher/sign-in?to=%2Fwatcher%2F"));
    let page = send(&access, get("/watcher/sign-in?to=%2Fwatcher%2Fx")).await;
    assert!(page.body.contains("action=\"/watcher/sign-in\"") && page.body.contains("value=\"/watcher/x\""));
    let sheet = page.body.split_once("rel=\"stylesheet\" href=\"").and_then(|(_, rest)| rest.split_once('"'));
    let sheet = sheet.expect("a style sheet").0.replace("&#x2f;", "/");
    let style = send(&access, get(&sheet)).await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")), "{sheet}");
    assert!(!page.body.contains("<style") && !page.body.contains(" style="), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().contains("style-src 'self';"));
    let cookie = sign_in(&access, "alice", ALICE, "/watcher/").await.cookie();
    for path in ["/watcher/sign-in", &sheet, "/watcher/account"] {
        let head = TestRequest::default().method(Method::HEAD).uri(path).peer_addr("192.0.2.9:1".parse().unwrap());
        let head = if path.ends_with("account") { head.insert_header(("Cookie", cookie.clone())) } else { head };
        assert_eq!(send(&access, head.insert_header(("Accept", "text/html"))).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn a_proxys_word_counts_and_nobody_elses() {
    let parts = parts(behind_proxy(&["dev"], &["user:alice"]), "", &Arc::default());
    let sign_ins = parts.metrics.sign_ins.clone();
    let access = Data::new(Access::new(parts).unwrap());
    let from = |peer: &str, name: &str, groups: &str| {
        let request = get("/api/v1/who").peer_addr(peer.parse().unwrap());
        send(&access, request.insert_header(("X-Forwarded-User", name)).insert_header(("X-Forwarded-Groups", groups)))
    };
    assert_eq!(from(PROXY, "alice", "").await.body, "alice");
    assert_eq!(from(PROXY, "bob", "dev,ops").await.body, "bob");
    assert_eq!(from("192.0.2.9:1", "alice", "dev").await.status, 401, "a forged header from elsewhere");
    assert_eq!(from(PROXY, "carol", "ops").await.status, 403, "a person without a role");
    let counted = ["no_role", "wrong"]
        .map(|result| sign_ins.get_or_create(&SignInResult { way: "proxy".into(), result: result.into() }).get());
    assert_eq!(counted, [1, 1], "each of the two is seen by the operator");
    assert_eq!(from(PROXY, "a\u{202e}b", "dev").await.status, 400);
    let nobody = send(&access, get("/").peer_addr(PROXY.parse().unwrap())).await;
    assert!(nobody.status == 401 && nobody.body.contains("does not say who you are"), "{}", nobody.body);
    let act = |name: &'static str, site: &'static str| {
        let request = post("/api/v1/act", &[]).peer_addr(PROXY.parse().unwrap());
        let request = request.insert_header(("X-Forwarded-User", name)).insert_header(("X-Forwarded-Groups", "dev"));
        send(&access, request.insert_header(("Sec-Fetch-Site", site)))
    };
    assert_eq!((act("alice", "same-origin").await.status, act("alice", "cross-site").await.status), (200, 403));
    assert_eq!(act("bob", "same-origin").await.status, 403, "a viewer");
    let password = ours(post("/sign-in", &[("name", "alice"), ("password", ALICE)]));
    assert_eq!(send(&access, password).await.status, 404);
    for path in ["/sign-in/begin", "/sign-in/callback?code=1&state=2"] {
        assert_eq!(send(&access, get(path)).await.status, 404, "{path}");
    }
}

#[actix_web::test]
async fn a_token_lets_a_program_in_and_a_wrong_one_nobody() {
    let (token, listed) = listed(Role::Viewer);
    let access = access(Auth { tokens: vec![listed], ..behind_proxy(&["*"], &["*"]) }, "", &Arc::default());
    let show = |path: &str, token: &str| get(path).insert_header(("Authorization", format!("Bearer {token}")));
    assert_eq!(send(&access, show("/api/v1/who", token.expose())).await.body, "token ci");
    let act = post("/api/v1/act", &[]).insert_header(("Authorization", format!("Bearer {}", token.expose())));
    assert_eq!(send(&access, act).await.status, 403, "its role is its own, whatever everybody has");
    let wrong = show("/api/v1/who", "iwt_wrong").peer_addr(PROXY.parse().unwrap());
    let wrong = send(&access, wrong.insert_header(("X-Forwarded-User", "alice"))).await;
    let challenge = "Bearer realm=\"image-watcher\", error=\"invalid_token\"";
    assert_eq!(
        (wrong.status, wrong.header("www-authenticate")),
        (401, Some(challenge)),
        "nobody else's name makes it right"
    );
    let of_provider =
        show("/api/v1/who", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln").peer_addr(PROXY.parse().unwrap());
    let of_provider = send(&access, of_provider.insert_header(("X-Forwarded-User", "alice"))).await;
    assert_eq!(of_provider.body, "alice", "what a proxy passes on is not ours to judge");
    for _ in 1..10 {
        assert_eq!(send(&access, show("/api/v1/who", "iwt_wrong")).await.status, 401);
    }
    assert_eq!(send(&access, show("/api/v1/who", "iwt_wrong")).await.status, 401, "the proxy's address was another's");
    assert_eq!(send(&access, show("/api/v1/who", "iwt_wrong")).await.status, 429);
    assert_eq!(send(&access, show("/api/v1/who", token.expose())).await.body, "token ci", "a right one is not counted");
}

/// A token of a program, and what the configuration has of it.
fn listed(role: Role) -> (Secret, Token) {
    let (token, hash) = new_token([1; 32]);
    let bytes =
        |text: &str| (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect::<Vec<_>>();
    let sha256: [u8; 32] = bytes(hash.strip_prefix("sha256:").unwrap()).try_into().unwrap();
    (token, Token { name: "ci".into(), sha256: sha256.into(), role, until: None })
}

#[actix_web::test]
async fn wrong_tokens_of_an_address_shut_out_nobody_else_there() {
    let (_, listed) = listed(Role::Approver);
    let account = "system:serviceaccount:ops:ci";
    let asked = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&asked);
    let parts = Parts {
        auth: Auth { tokens: vec![listed], audience: Some("image-watcher".into()), ..with_passwords() },
        whose_token: Arc::new(move |token, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            let user = ClusterUser { name: account.into(), groups: Vec::new() };
            let is_right = token.expose().ends_with(".cmlnaHQ");
            std::future::ready(Ok(is_right.then_some(user))).boxed()
        }),
        ..parts(with_passwords(), "", &Arc::default())
    };
    let mut parts = parts;
    parts.auth.roles.viewers = members(&["*"]);
    let access = Data::new(Access::new(parts).unwrap());
    let show = |token: String| get("/api/v1/who").insert_header(("Authorization", format!("Bearer {token}")));
    // {"sub":"system:serviceaccount:ops:ci"}
    let of_account = |signature: &str| {
        format!("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6b3BzOmNpIn0.{signature}")
    };
    assert_eq!(send(&access, show(of_account("cmlnaHQ"))).await.body, account);
    for number in 0..10 {
        let wrong = if number % 2 == 0 { "iwt_wrong".to_owned() } else { of_account(&format!("d3Jvbmc{number}")) };
        assert_eq!(send(&access, show(wrong)).await.status, 401, "{number}");
    }
    let (right, before) = (of_account("cmlnaHQ"), asked.load(Ordering::Relaxed));
    assert_eq!(send(&access, show("iwt_wrong".into())).await.status, 429);
    assert_eq!(send(&access, show(of_account("bW9yZQ"))).await.status, 429, "nobody is asked about one more");
    assert_eq!(send(&access, show(right)).await.body, account, "who was vouched for is let in");
    assert_eq!(asked.load(Ordering::Relaxed), before);
    assert_eq!(sign_in(&access, "alice", ALICE, "/").await.status, 303, "and whoever signs in there does");
}

#[actix_web::test]
async fn a_browser_that_was_right_before_signs_in_where_others_guess() {
    let access = access(with_passwords(), "", &Arc::default());
    let opened = sign_in(&access, "alice", ALICE, "/").await;
    let set = opened.headers.iter().find(|(name, value)| name == "set-cookie" && value.contains("-browser=")).unwrap();
    let browser = set.1.split(';').next().unwrap().to_owned();
    for _ in 0..10 {
        assert_eq!(sign_in(&access, "carol", "nope", "/").await.status, 401);
    }
    let with = |name: &str, password: &str| {
        let form = ours(post("/sign-in", &[("name", name), ("password", password)]));
        send(&access, form.insert_header(("Cookie", browser.clone())))
    };
    assert_eq!(sign_in(&access, "alice", ALICE, "/").await.status, 429);
    assert_eq!(with("bob", "battery staple").await.status, 429, "it is of one name");
    assert_eq!(with("alice", ALICE).await.status, 303);
    assert_eq!(
        send(&access, get("/").insert_header(("Cookie", browser.clone()))).await.status,
        303,
        "it opens nothing"
    );
    for _ in 0..10 {
        assert_eq!(with("alice", "nope").await.status, 401);
    }
    assert_eq!(with("alice", ALICE).await.status, 429, "and guesses no more than others");
}

#[actix_web::test]
async fn forms_that_are_not_whole_keep_nobody_from_signing_in() {
    let access = access(with_passwords(), "", &Arc::default());
    let held: Vec<_> = (0..40_u8).map(|n| access.unfinished.begin([192, 0, 2, n].into())).collect();
    let own: Vec<_> = (0..40).map(|_| access.unfinished.begin([192, 0, 2, 9].into())).collect();
    assert_eq!(sign_in(&access, "alice", ALICE, "/").await.status, 303);
    drop((held, own));
    let long = ours(post("/sign-in", &[("name", "alice"), ("password", &"x".repeat(5000))]));
    assert_eq!(send(&access, long).await.status, 413);
}
