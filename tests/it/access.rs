//! Who gets to the page and the API of the public listener: by password, by a proxy's word, by a token.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher, WatcherBuilder};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        without_sign_in_page_and_api_are_closed,
        who_signed_in_stays_so_over_a_restart_until_they_sign_out,
        a_forged_header_lets_nobody_in_and_links_go_on,
        service_accounts_show_tokens_that_were_made_for_us,
        a_hash_that_would_cost_too_much_stops_the_start,
    ]
}

const OURS: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const HTML: (&str, &str) = ("Accept", "text/html");

fn configured(ctx: &Ctx, auth: &str) -> WatcherBuilder {
    let config = ctx.file("config.yaml", &format!("auth:\n  {}\n", auth.replace('\n', "\n  ")));
    ctx.watcher().env("IMAGE_WATCHER_CONFIG", config.display().to_string())
}

async fn get(watcher: &Watcher, path: &str, headers: &[(&str, &str)]) -> Reply {
    watcher.send(Method::GET, &watcher.url(path), headers, Vec::new()).await
}

/// The hash of a password, as the command makes it.
async fn hashed(ctx: &Ctx, password: &str) -> String {
    let output = ctx.watcher().output_of(&["hash-password"], &format!("{password}\n")).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    output.stdout.trim().to_owned()
}

/// Whether the start's line has this mode.
fn says_how_to_sign_in(watcher: &Watcher, mode: &str) -> bool {
    let starts = |line: &&str| line.contains("image-watcher starts") && line.contains("sign_in");
    watcher.logs().lines().find(starts).is_some_and(|line| line.contains(&format!("\"{mode}\"")))
}

async fn without_sign_in_page_and_api_are_closed(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    assert!(says_how_to_sign_in(&watcher, "none"), "{}", watcher.logs());
    for path in ["/", "/api/v1/workloads"] {
        let answer = get(&watcher, path, &[("X-Forwarded-User", "alice"), ("Authorization", "Bearer iwt_1")]).await;
        assert!(answer.status == 403 && answer.body.contains("auth.mode"), "{path}: {}", answer.body);
    }
    for path in ["/sign-in", "/sign-in/callback"] {
        assert_eq!(get(&watcher, path, &[HTML]).await.status, 404, "{path}");
    }
}

async fn who_signed_in_stays_so_over_a_restart_until_they_sign_out(ctx: Ctx) {
    let short = ctx.watcher().output_of(&["hash-password"], "short\n").await;
    assert!(
        short.code() == Some(2) && short.stdout.is_empty() && !short.stderr.contains("short\n"),
        "{}",
        short.stderr
    );
    let hash = hashed(&ctx, "correct horse").await;
    let auth = format!("mode: basic\nusers: [{{ name: alice, passwordHash: '{hash}', role: approver }}]");
    let mut watcher = configured(&ctx, &auth).start().await;
    assert!(says_how_to_sign_in(&watcher, "basic"), "{}", watcher.logs());
    let led = get(&watcher, "/", &[HTML]).await;
    assert_eq!((led.status, led.headers.get("location").map(String::as_str)), (303, Some("/sign-in?to=%2F")));
    assert_eq!(get(&watcher, "/sign-in?to=%2F", &[HTML]).await.status, 200);
    let shut = get(&watcher, "/api/v1/workloads", &[]).await;
    assert_eq!((shut.status, shut.headers["www-authenticate"].as_str()), (401, "Bearer realm=\"image-watcher\""));

    let sign_in = async |watcher: &Watcher, password: &str| {
        let form = format!("name=alice&password={password}&to=%2F%3Fx%3D1");
        watcher.post("/sign-in", &[FORM, OURS, HTML], form).await
    };
    assert_eq!(sign_in(&watcher, "wrong+horse").await.status, 401);
    let opened = sign_in(&watcher, "correct+horse").await;
    assert_eq!((opened.status, opened.headers["location"].as_str()), (303, "/?x=1"), "{}", opened.body);
    let cookie = opened.headers["set-cookie"].split(';').next().expect("a cookie").to_owned();
    let cookie = ("Cookie", cookie.as_str());
    watcher.restart().await;
    let home = get(&watcher, "/", &[HTML, cookie]).await;
    assert!(home.status == 200 && home.body.contains("alice"), "{}", home.body);
    assert_eq!(get(&watcher, "/api/v1/workloads", &[cookie]).await.json()["schema"], "image-watcher/workloads/v1");
    let elsewhere = watcher.post("/sign-out", &[FORM, HTML, cookie, ("Origin", "https://evil.example")], "").await;
    assert_eq!(elsewhere.status, 403, "{}", elsewhere.body);
    let token = home.body.split("name=\"form_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("form_token={}", token.expect("a form"));
    let out = watcher.post("/sign-out", &[FORM, HTML, OURS, cookie], form).await;
    assert_eq!(out.status, 303, "{}", out.body);
    for _ in 0..2 {
        assert_eq!(get(&watcher, "/api/v1/workloads", &[cookie]).await.status, 401);
        watcher.restart().await;
    }
    let secret = cookie.1.split_once('=').expect("a value").1;
    assert!(!watcher.logs().contains(secret) && !watcher.logs().contains("correct horse"));
}

async fn a_forged_header_lets_nobody_in_and_links_go_on(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let auth = "mode: proxy\nheader: X-Forwarded-User\ngroupsHeader: X-Forwarded-Groups\nroles: { approver: [sre], viewer: [dev] }";
    let builder = configured(&ctx, auth).mail().env("TRUSTED_PROXY", "127.0.0.0/8");
    let mut watcher = builder.env("BASE_URL", "https://watcher.example.com/watcher").start().await;
    let [alice, dev] = [("X-Forwarded-User", "alice"), ("X-Forwarded-Groups", "ops,dev")];
    for path in ["/api/v1/workloads", "/watcher/api/v1/workloads"] {
        assert_eq!(get(&watcher, path, &[alice, dev]).await.status, 200, "{path}");
        assert_eq!(get(&watcher, path, &[alice]).await.status, 403, "no role");
        assert_eq!(get(&watcher, path, &[dev]).await.status, 401, "nobody");
        assert_eq!(get(&watcher, path, &[alice, alice, dev]).await.status, 400, "twice");
    }
    assert_eq!(get(&watcher, "/watcher/", &[HTML, alice, dev]).await.status, 200);
    assert!(get(&watcher, "/watcher/account", &[HTML, alice, dev]).await.body.contains("alice, viewer"));
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let mail = eventually("a mail", async || ctx.mailbox().list().await.into_iter().next()).await;
    let links = mail.links();
    let link = links.iter().find_map(|link| link.find("/watcher/a/").map(|start| link[start..].to_owned()));
    let link = link.expect("a link");
    assert_eq!(get(&watcher, &link, &[]).await.status, 200, "a link is enough for itself");
    let signed = get(&watcher, &link, &[alice]).await;
    assert!(signed.body.contains("alice (signed in)"), "{}", signed.body);

    watcher.set_env("TRUSTED_PROXY", "192.0.2.0/24");
    watcher.restart().await;
    for path in ["/api/v1/workloads", "/"] {
        let forged = get(&watcher, path, &[HTML, alice, dev]).await;
        assert_eq!(forged.status, 401, "{path}: {}", forged.body);
    }
}

async fn token(ctx: &Ctx, audience: Option<&str>) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let audiences = audience.map(str::to_owned).into_iter().collect();
    let wish =
        TokenRequest { spec: TokenRequestSpec { audiences, ..TokenRequestSpec::default() }, ..Default::default() };
    let granted = accounts.create_token_request("ci", &PostParams::default(), &wish).await.expect("a token");
    granted.status.expect("a granted token").token
}

async fn service_accounts_show_tokens_that_were_made_for_us(ctx: Ctx) {
    let account = serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ci"}});
    ctx.apply(&account.to_string()).await;
    let group = format!("system:serviceaccounts:{}", ctx.namespace());
    let auth = |group: &str| {
        format!(
            "mode: proxy\nheader: X-Forwarded-User\nroles: {{ viewer: ['{group}'] }}\nserviceAccounts: {{ audience: image-watcher }}"
        )
    };
    let watcher = configured(&ctx, &auth(&group)).env("TRUSTED_PROXY", "192.0.2.0/24").start().await;
    let with = async |watcher: &Watcher, token: &str| {
        let bearer = format!("Bearer {token}");
        get(watcher, "/api/v1/workloads", &[("Authorization", &bearer)]).await
    };
    let ours = token(&ctx, Some("image-watcher")).await;
    let answer = with(&watcher, &ours).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let of_the_api_server = token(&ctx, None).await;
    let (head, signature) = ours.rsplit_once('.').expect("a signature");
    let bent = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for wrong in [&of_the_api_server, &bent] {
        let answer = with(&watcher, wrong).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(answer.headers["www-authenticate"].contains("invalid_token"));
    }
    assert!(!watcher.logs().contains(signature), "no token is in the log");
    drop(watcher);
    let watcher = configured(&ctx, &auth("others")).own_data().env("TRUSTED_PROXY", "192.0.2.0/24").start().await;
    assert_eq!(with(&watcher, &ours).await.status, 403, "an account without a role");
}

async fn a_hash_that_would_cost_too_much_stops_the_start(ctx: Ctx) {
    let hash = hashed(&ctx, "correct horse").await;
    let costly = hash.replace("m=19456", "m=1048576");
    let auth = format!("mode: basic\nusers: [{{ name: alice, passwordHash: '{costly}' }}]");
    let output = configured(&ctx, &auth).output(&["serve"]).await;
    assert!(
        output.code() == Some(78) && output.stderr.contains("auth.users[0].passwordHash  is out of bounds"),
        "{}",
        output.stderr
    );
    let auth = format!("mode: basic\nusers: [{{ name: alice, passwordHash: '{hash}' }}]");
    let output = configured(&ctx, &auth).without("NODE_ENV").without("BASE_URL").output(&["serve"]).await;
    assert!(output.code() == Some(78) && output.stderr.contains("needs BASE_URL"), "{}", output.stderr);
    let made = ctx.watcher().output(&["new-token"]).await;
    let [token, hash] = made.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{}", made.stdout) };
    let auth = format!(
        "mode: basic\nusers: [{{ name: alice, passwordHash: '{costly}' }}]\ntokens: [{{ name: ci, hash: '{hash}', role: viewer }}]",
        costly = hashed(&ctx, "correct horse").await
    );
    let watcher = configured(&ctx, &auth).start().await;
    let bearer = format!("Bearer {token}");
    assert_eq!(get(&watcher, "/api/v1/health", &[("Authorization", &bearer)]).await.status, 200);
    assert!(!watcher.logs().contains(token));
}
