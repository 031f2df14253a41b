//! Signing in at an `OpenID` provider of another hand, over the whole process: from the first page to who decided, and everything
//! that must let nobody in. What a provider itself would never say is said by one that signs what it is told.

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::harness::Ctx;
use crate::harness::browser::{Browser, Form, Page};
use crate::harness::forger::{Forger, Sign};
use crate::harness::images::Image;
use crate::harness::openid::{CLIENT, OpenId, PASSWORD};
use crate::harness::process::free_ports;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher, WatcherBuilder};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        who_signs_in_at_a_provider_is_who_decided,
        what_comes_back_lets_in_nobody_who_did_not_begin_it,
        while_the_provider_is_away_that_is_said_and_sessions_go_on,
        what_is_wrong_between_us_and_the_provider_is_told_to_who_runs_us,
        a_token_that_is_forged_lets_nobody_in,
    ]
}

const ROLES: &str = "{ approver: [sre], viewer: [dev] }";

/// Where a service will be reached, before it starts.
struct Place {
    ports: [u16; 2],
    base: String,
}

impl Place {
    /// At its own port, without TLS.
    fn plain() -> Self {
        let ports = free_ports();
        Self { ports, base: format!("http://127.0.0.1:{}", ports[0]) }
    }

    fn callback(&self) -> String {
        format!("{}/sign-in/callback", self.base)
    }

    /// The service there, which knows a provider.
    fn watcher(&self, ctx: &Ctx, issuer: &str, secret: &str) -> WatcherBuilder {
        let secret = ctx.file("secret", secret).display().to_string();
        let oidc = json!({"issuer": issuer, "clientId": CLIENT.0, "clientSecretFile": secret});
        let config = ctx.file("config.yaml", &format!("auth: {{ mode: oidc, oidc: {oidc}, roles: {ROLES} }}\n"));
        let builder = ctx.watcher().ports(self.ports).env("BASE_URL", &self.base);
        builder.env("IMAGE_WATCHER_CONFIG", config.display().to_string())
    }
}

/// From a page of ours to the form of the provider, in a browser.
async fn to_form(browser: &Browser, at: &str) -> Page {
    let page = browser.follow(browser.open(at).await).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let form = browser.follow(browser.click(&page, &page.link("/sign-in/begin")).await).await;
    assert!(form.status == 200 && form.url.path() == "/login/username", "{form:?}");
    form
}

/// Signs in at that form, and stops where the provider sends the browser back to us.
async fn to_callback(browser: &Browser, form: &Page, name: &str, callback: &str) -> Url {
    let fields = [("username", name), ("password", PASSWORD)];
    let signed = browser.submit(form, &form.form("name=\"password\""), &fields).await;
    browser.led_to(signed, callback).await
}

/// Signs in, and gets to the page that was wanted.
async fn sign_in(place: &Place, browser: &Browser, at: &str, name: &str) -> Page {
    let form = to_form(browser, at).await;
    let back = to_callback(browser, &form, name, &place.callback()).await;
    browser.follow(browser.click(&form, back.as_str()).await).await
}

/// The cookie of the session that a browser has.
fn session(browser: &Browser) -> Option<String> {
    let all = browser.cookies("image-watcher", "sign-in");
    all.first().map(|(name, value)| format!("{name}={value}"))
}

fn query(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(field, _)| field == name);
    found.unwrap_or_else(|| panic!("{url} has no {name}")).1.into_owned()
}

/// The same address with another value of a field.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut url = url.clone();
    let other = pairs.iter().map(|(field, old)| (field, if field == name { value } else { old }));
    url.query_pairs_mut().clear().extend_pairs(other);
    url
}

async fn asked(ctx: &Ctx, watcher: &Watcher, cookie: Option<&str>) -> Reply {
    let cookie = cookie.map(|cookie| ("Cookie", cookie));
    let headers: Vec<(&str, &str)> = cookie.into_iter().collect();
    let url = watcher.url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    watcher.send(Method::GET, &url, &headers, Vec::new()).await
}

async fn who_signs_in_at_a_provider_is_who_decided(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    // As it is run: TLS before it, and a path that a proxy leaves in place.
    let ports: [u16; 2] = free_ports();
    let front = ctx.tls_front(&["127.0.0.1"], &format!("127.0.0.1:{}", ports[0])).await;
    let place = Place { ports, base: format!("https://{}/watcher", front.host()) };
    let provider = ctx.openid(&place.callback(), false).await;
    let watcher = place.watcher(&ctx, &provider.issuer(), CLIENT.1).mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let wanted = format!("{}/workloads/{}/Deployment/web?lang=en", place.base, ctx.namespace());
    let authority = ctx.pki().path("ca.crt");

    let browser = Browser::new(Some(&authority));
    let page = browser.follow(browser.open(&wanted).await).await;
    let begun = browser.click(&page, &page.link("/watcher/sign-in/begin")).await;
    let sent = begun.leads_to().expect("a redirect");
    assert!(sent.as_str().starts_with(&format!("{}/", provider.issuer())), "{sent}");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT.0),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &place.callback()),
    ] {
        assert_eq!(query(&sent, name), value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(query(&sent, name).len(), 43, "{name}: 256 bits");
    }
    let kept = browser.cookies("sign-in", "~");
    assert!(kept.len() == 1 && kept[0].0.starts_with("__Host-image-watcher-sign-in-"), "{kept:?}");
    let form = browser.follow(begun).await;
    let wrong = [("username", "alice"), ("password", "guessed")];
    let again = browser.submit(&form, &form.form("name=\"password\""), &wrong).await;
    assert!(again.leads_to().is_none() && session(&browser).is_none(), "{again:?}");
    let back = to_callback(&browser, &form, "alice", &place.callback()).await;
    let page = browser.follow(browser.click(&form, back.as_str()).await).await;
    assert_eq!((page.status, page.url.as_str()), (200, wanted.as_str()), "{}", page.body);
    assert!(browser.cookies("sign-in", "~").is_empty(), "what began it is over");
    let cookie = session(&browser).expect("a session");
    assert!(cookie.starts_with("__Host-image-watcher-"), "{cookie}");
    let account = browser.open(&format!("{}/account", place.base)).await;
    assert!(account.body.contains("alice@example.com, approver"), "{}", account.body);

    let viewer = Browser::new(Some(&authority));
    let seen = sign_in(&place, &viewer, &wanted, "bob").await;
    assert!(seen.status == 200 && !seen.body.contains("value=\"approve\""), "a viewer sees it and decides nothing");
    let form = page.form("value=\"approve\"");
    let refused = viewer.submit(&seen, &form, &[("action", "approve")]).await;
    assert_eq!(refused.status, 403, "{}", refused.body);

    another_sites_page_decides_nothing(&browser, &page, &form, &cookie).await;
    assert!(ctx.images_written().is_empty());
    let done = browser.submit(&page, &form, &[("action", "approve")]).await;
    assert!(done.status < 400, "{}", done.body);
    let written = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value =
        serde_json::from_str(written.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    assert_eq!(history[0]["by"], "sign-in alice@example.com");
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    eventually("an Event that names her", async || {
        let list = events.list(&ListParams::default()).await.expect("a list");
        let names = |event: &Event| event.note.as_deref().is_some_and(|note| note.contains("alice@example.com"));
        list.items.iter().any(names).then_some(())
    })
    .await;
    let logged = |line: &str| line.contains("alice@example.com") && line.contains("1.0.1");
    assert!(watcher.logs().lines().any(logged), "the log says who decided");

    let account = browser.open(&format!("{}/account", place.base)).await;
    let out = browser.submit(&account, &account.form("/sign-out"), &[]).await;
    let out = browser.follow(out).await;
    assert!(out.status == 200 && session(&browser).is_none(), "{}", out.body);
    assert_eq!(asked(&ctx, &watcher, Some(&cookie)).await.status, 401, "nor does who kept it get in by it");
    let viewers = session(&viewer).expect("a session");
    assert_eq!(asked(&ctx, &watcher, Some(&viewers)).await.status, 200);
    for secret in [&cookie, &viewers].map(|cookie| cookie.split_once('=').expect("a value").1) {
        assert!(!watcher.logs().contains(secret), "no session is in the log");
    }
    assert!(!watcher.logs().contains(CLIENT.1) && !watcher.logs().contains(&query(&back, "code")));
}

/// A valid session, and even the form's own token, sent by another site's page.
async fn another_sites_page_decides_nothing(browser: &Browser, page: &Page, form: &Form, cookie: &str) {
    let elsewhere = Page::at("https://evil.example/");
    let sent = browser.submit(&elsewhere, form, &[("action", "approve")]).await;
    let led = sent.leads_to().expect("who is nobody is led to where they sign in");
    assert!(led.path().ends_with("/sign-in"), "browsers leave the cookie out: {led}");
    for (name, value) in [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-site"), ("Origin", "null")] {
        let more = [("Cookie", cookie), (name, value)];
        let sent = browser.send_form(form, &[("action", "approve")], &more).await;
        assert_eq!(sent.status, 403, "{name} {value}: {}", sent.body);
    }
    let mut bare = form.clone();
    bare.fields.retain(|(name, _)| name != "form_token");
    let sent = browser.submit(page, &bare, &[("action", "approve")]).await;
    assert_eq!(sent.status, 403, "a page of ours would have brought its token: {}", sent.body);
}

async fn what_comes_back_lets_in_nobody_who_did_not_begin_it(ctx: Ctx) {
    ctx.watched("web", "registry.example.com/web:1.0.0", &[("mode", "DISABLED")]).await;
    let place = Place::plain();
    let provider = ctx.openid(&place.callback(), false).await;
    let watcher = place.watcher(&ctx, &provider.issuer(), CLIENT.1).start().await;
    let (home, callback) = (format!("{}/", place.base), place.callback());
    let browser = Browser::new(None);
    let form = to_form(&browser, &home).await;
    let back = to_callback(&browser, &form, "alice", &callback).await;
    let (code, state) = (query(&back, "code"), query(&back, "state"));

    let mallory = Browser::new(None);
    let refused = async |browser: &Browser, url: &str, words: &str| {
        let page = browser.open(url).await;
        assert!(page.status == 401 && page.body.contains(words), "{url}: {} {}", page.status, page.body);
        assert_eq!(session(browser), None, "{url}");
    };
    let not_begun = "This is of no sign-in that this browser began";
    refused(&mallory, back.as_str(), not_begun).await;
    refused(&browser, with(&back, "state", &"A".repeat(43)).as_str(), not_begun).await;
    refused(&browser, &format!("{callback}?code={code}&state={state}&state={state}"), not_begun).await;
    let _ = to_form(&mallory, &home).await;
    refused(&mallory, back.as_str(), not_begun).await;
    let began = browser.cookies("sign-in", "~");
    let page = browser.follow(browser.click(&form, back.as_str()).await).await;
    assert_eq!((page.status, page.url.path()), (200, "/"), "nothing of that spent it: {}", page.body);
    let alice = session(&browser).expect("a session");
    assert!(!alice.starts_with("__Host-"), "without TLS no browser would take it: {alice}");

    // The same code once more: without what began it, and with it, which somebody copied.
    refused(&Browser::new(None), back.as_str(), not_begun).await;
    mallory.put(&began);
    refused(&mallory, back.as_str(), "does not tell who you are").await;
    assert!(watcher.logs().contains("invalid_grant"), "{}", watcher.logs());

    for (field, told) in [("nonce", "the ID token is of another sign-in"), ("code_challenge", "invalid_grant")] {
        let browser = Browser::new(None);
        let page = browser.follow(browser.open(&home).await).await;
        let sent = browser.click(&page, &page.link("/sign-in/begin")).await.leads_to().expect("a redirect");
        let bent = with(&sent, field, &"B".repeat(43));
        let form = browser.follow(browser.open(bent.as_str()).await).await;
        let back = to_callback(&browser, &form, "alice", &callback).await;
        refused(&browser, back.as_str(), "does not tell who you are").await;
        watcher.wait_for_log(told).await;
    }
    let browser = Browser::new(None);
    let page = browser.follow(browser.open(&home).await).await;
    let sent = browser.click(&page, &page.link("/sign-in/begin")).await.leads_to().expect("a redirect");
    let denied = format!("{callback}?error=access_denied&state={}", query(&sent, "state"));
    refused(&browser, &denied, "The provider let nobody in").await;

    let carol = sign_in(&place, &browser, &home, "carol").await;
    assert!(carol.status == 403 && carol.body.contains("carol@example.com and have no role here"), "{}", carol.body);
    assert_eq!(session(&browser), None);
    watcher.wait_for_log("somebody is known and has no role").await;
    assert_eq!(asked(&ctx, &watcher, None).await.status, 401);
    assert_eq!(asked(&ctx, &watcher, Some(&alice)).await.status, 200, "who is in stays in");
}

/// What everybody sees while nobody can sign in: why, in words for people, and when to try again.
fn is_away(page: &Page) {
    assert_eq!(page.status, 503, "{}", page.body);
    assert!(page.body.contains("The provider gives no answer that can be used now"), "{}", page.body);
    assert!(page.headers.contains_key("retry-after"), "{:?}", page.headers);
    for inner in ["127.0.0.1", "connect", "tcp", "os error", "/token"] {
        assert!(!page.body.contains(inner), "{inner}: {}", page.body);
    }
}

async fn while_the_provider_is_away_that_is_said_and_sessions_go_on(ctx: Ctx) {
    ctx.watched("web", "registry.example.com/web:1.0.0", &[("mode", "DISABLED")]).await;
    let place = Place::plain();
    let mut provider: OpenId = ctx.openid(&place.callback(), false).await;
    let mut watcher = place.watcher(&ctx, &provider.issuer(), CLIENT.1).start().await;
    let (home, callback) = (format!("{}/", place.base), place.callback());
    let browser = Browser::new(None);
    assert_eq!(sign_in(&place, &browser, &home, "alice").await.status, 200);
    let alice = session(&browser).expect("a session");

    // It stands still between the form and the exchange of the code.
    let other = Browser::new(None);
    let form = to_form(&other, &home).await;
    let back = to_callback(&other, &form, "bob", &callback).await;
    provider.signal("STOP");
    let (page, seen) = tokio::join!(other.open(back.as_str()), asked(&ctx, &watcher, Some(&alice)));
    is_away(&page);
    assert_eq!(seen.status, 200, "who is in sees it meanwhile");
    watcher.wait_for_log("nobody can sign in at the provider").await;
    provider.signal("CONT");
    assert_eq!(sign_in(&place, &other, &home, "bob").await.status, 200);

    // It is gone.
    let other = Browser::new(None);
    let form = to_form(&other, &home).await;
    let back = to_callback(&other, &form, "bob", &callback).await;
    provider.stop().await;
    is_away(&other.open(back.as_str()).await);
    watcher.restart().await;
    let page = other.follow(other.open(&home).await).await;
    is_away(&other.click(&page, &page.link("/sign-in/begin")).await);
    let page = browser.open(&home).await;
    assert_eq!(page.status, 200, "a session outlives both: {}", page.body);

    // It is back, and signs with other keys.
    provider.start_again().await;
    watcher.restart().await;
    assert_eq!(sign_in(&place, &other, &home, "bob").await.status, 200);
    assert_eq!(asked(&ctx, &watcher, Some(&alice)).await.status, 200);
}

async fn what_is_wrong_between_us_and_the_provider_is_told_to_who_runs_us(ctx: Ctx) {
    let place = Place::plain();
    let provider = ctx.openid(&place.callback(), false).await;
    let watcher = place.watcher(&ctx, &provider.issuer(), "of last year").start().await;
    let (home, browser) = (format!("{}/", place.base), Browser::new(None));
    let page = sign_in(&place, &browser, &home, "alice").await;
    assert_eq!((page.status, session(&browser)), (503, None), "{}", page.body);
    assert!(page.body.contains("whoever runs it has to mend that"), "{}", page.body);
    assert!(!page.body.contains("invalid_client") && !page.body.contains("of last year"), "{}", page.body);
    let logs = watcher.logs();
    let line = logs.lines().find(|line| line.contains("nobody can sign in at the provider")).expect("a line");
    for words in ["WARN", "invalid_client", "auth.oidc.clientSecretFile", "doctor"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert!(!logs.contains("of last year"));
    drop(watcher);

    // A provider that says nothing of people in ID tokens, as many do until they are told to.
    let bare = ctx.openid(&place.callback(), true).await;
    let watcher = place.watcher(&ctx, &bare.issuer(), CLIENT.1).start().await;
    let page = sign_in(&place, &browser, &home, "alice").await;
    assert!(page.status == 401 && page.body.contains("does not tell who you are"), "{}", page.body);
    let logs = watcher.logs();
    let line = logs.lines().find(|line| line.contains("nobody signed in")).expect("a line");
    assert!(line.contains("has no claim email") && line.contains("ID token"), "{line}");
}

/// What a forged token says otherwise.
type Change = Box<dyn Fn(&mut Value)>;

async fn a_token_that_is_forged_lets_nobody_in(ctx: Ctx) {
    ctx.watched("web", "registry.example.com/web:1.0.0", &[("mode", "DISABLED")]).await;
    let (place, forger) = (Place::plain(), Forger::start());
    let watcher = place.watcher(&ctx, &forger.issuer(), CLIENT.1).start().await;
    let home = format!("{}/", place.base);
    let signed_in = async |sign: Sign, change: &dyn Fn(&mut Value)| {
        let browser = Browser::new(None);
        let page = browser.follow(browser.open(&home).await).await;
        let sent = browser.click(&page, &page.link("/sign-in/begin")).await.leads_to().expect("a redirect");
        let mut claims = forger.claims(CLIENT.0, &query(&sent, "nonce"));
        change(&mut claims);
        forger.says(sign, claims);
        let back = format!("{}?code=any&state={}", place.callback(), query(&sent, "state"));
        let page = browser.follow(browser.open(&back).await).await;
        (page, session(&browser))
    };
    let (page, cookie) = signed_in(Sign::Rs256, &|_| {}).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let cookie = cookie.expect("a session");
    let now = forger.claims("", "")["iat"].as_i64().expect("a time");
    let set = |name: &'static str, value: Value| -> Change { Box::new(move |claims| claims[name] = value.clone()) };
    let forged: [(&str, Sign, Change, &str); 7] = [
        ("alg none", Sign::None, set("sub", json!("1")), "signed by RS256 or ES256"),
        ("HS256 with the public key", Sign::Hs256, set("sub", json!("1")), "signed by RS256 or ES256"),
        ("a key of its own", Sign::Other, set("sub", json!("1")), "the ID token is not of this provider"),
        ("another issuer", Sign::Rs256, set("iss", json!("https://evil.example")), "InvalidIssuer"),
        ("another audience", Sign::Rs256, set("aud", json!("other")), "InvalidAudience"),
        ("over", Sign::Rs256, set("exp", json!(now - 61)), "the ID token is over, or not valid yet"),
        ("another's nonce", Sign::Rs256, set("nonce", json!("B")), "the ID token is of another sign-in"),
    ];
    for (what, sign, change, told) in &forged {
        let (page, session) = signed_in(*sign, change).await;
        assert!(matches!(page.status, 401 | 503), "{what}: {} {}", page.status, page.body);
        assert_eq!(session, None, "{what}");
        assert!(watcher.logs().contains(told), "{what}: {}", watcher.logs());
    }
    assert_eq!(asked(&ctx, &watcher, Some(&cookie)).await.status, 200);
    let (page, session) = signed_in(Sign::Rs256, &|_| {}).await;
    assert!(page.status == 200 && session.is_some(), "{}", page.body);
}
