//! What programs read on the private listener.

use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_workload_and_its_question_are_read_as_json,
        the_api_is_for_this_machine_alone,
        a_script_that_knows_keel_lists_and_approves
    ]
}

async fn read(watcher: &Watcher, path: &str) -> Reply {
    watcher.send(Method::GET, &watcher.admin_url(path), &[], Vec::new()).await
}

async fn a_workload_and_its_question_are_read_as_json(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment =
        ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION"), ("strategy", "PATCH")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let told = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;

    let asks = async || {
        let list = read(&watcher, "/api/v1/workloads").await.json();
        list["items"][0]["containers"][0]["question"].is_object().then_some(list)
    };
    let list = eventually("the question is known", asks).await;
    assert_eq!(list["schema"], "image-watcher/workloads/v1");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    for kind in ["deployment", "Deployments", "deploy"] {
        let path = format!("/api/v1/workloads/{}/{kind}/web", ctx.namespace());
        let answer = read(&watcher, &path).await;
        let open = told.annotation("image-watcher/token-update").expect("an open question");
        assert!(open.split(':').skip(2).all(|part| !answer.body.contains(part)), "nothing of a token: {}", answer.body);
        assert!(!answer.body.contains("nonce"), "{}", answer.body);
        let workload = answer.json();
        assert_eq!((&workload["kind"], &workload["history"]), (&"Deployment".into(), &serde_json::json!([])));
        let container = &workload["containers"][0];
        assert_eq!((&container["mode"], &container["strategy"]), (&"NOTIFICATION".into(), &"PATCH".into()));
        assert_eq!(
            (&container["question"]["tag"], &container["question"]["level"]),
            (&"1.0.1".into(), &"patch".into())
        );
        assert_eq!(container["question"]["digest"], digest);
    }
    let other = format!("/api/v1/workloads/{}/statefulset/web", ctx.namespace());
    assert_eq!(read(&watcher, &other).await.status, 404);
    for path in ["/api/v1/workloads", "/v1/approvals"] {
        assert_eq!(watcher.get(path).await.status, 403, "nothing without sign-in on the public listener: {path}");
    }
}

async fn a_script_that_knows_keel_lists_and_approves(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let made = ctx.watcher().output(&["new-token"]).await;
    let (token, hash) = made.stdout.trim().split_once('\n').expect("a token and its hash");
    let auth = format!(
        "auth: {{ mode: proxy, header: X-User, roles: {{ approver: ['*'] }}, tokens: [{{ name: ci, hash: '{hash}', role: approver }}] }}\n"
    );
    let config = ctx.file("config.yaml", &auth).display().to_string();
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", config).env("TRUSTED_PROXY", "127.0.0.0/8");
    let watcher = watcher.env("BASE_URL", "https://watcher.example.com/watcher").start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let bearer = format!("Bearer {token}");
    let (ours, json) = (("Authorization", bearer.as_str()), ("Content-Type", "application/json"));
    let listed = async |path: &str, headers: &[(&str, &str)]| {
        watcher.send(Method::GET, &watcher.url(path), headers, Vec::new()).await
    };
    let list = eventually("the question is listed", async || {
        let answer = listed("/v1/approvals", &[ours]).await;
        (answer.status == 200 && answer.json()[0].is_object()).then(|| answer.json())
    })
    .await;
    let identifier = format!("deployment/{}/web:1.0.1", ctx.namespace());
    assert_eq!(list[0]["identifier"], identifier);
    assert_eq!(list[0]["digest"], digest);
    assert_eq!(listed("/watcher/v1/approvals", &[ours]).await.json(), list);
    assert_eq!(listed("/v1/approvals", &[]).await.status, 401);
    let body = serde_json::json!({"identifier": identifier, "voter": "alice"}).to_string();
    let decided = async |headers: &[(&str, &str)]| watcher.post("/v1/approvals", headers, body.clone()).await;
    let evil = ("Origin", "https://evil.example");
    assert_eq!(decided(&[json, ("X-User", "alice"), evil]).await.status, 403, "another site's page decides nothing");
    assert_eq!(decided(&[json, ("Authorization", "Basic YWxpY2U6c2VjcmV0")]).await.status, 401);
    let approved = decided(&[json, ours]).await;
    assert!(approved.status == 200 && approved.json()["archived"] == true, "{}", approved.body);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history = seen.annotation("image-watcher/history").unwrap_or_default();
    assert!(history.contains("token ci") && !history.contains("alice"), "nobody is who a body says: {history}");
    eventually("it is asked no more", async || (decided(&[json, ours]).await.status == 404).then_some(())).await;
}

/// Probes and metrics are for everybody who reaches the private listener; what is known of workloads is not.
async fn the_api_is_for_this_machine_alone(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    // A neighbour: a sidecar or node whose connections come from another address.
    let neighbour = reqwest::Client::builder().no_proxy().local_address(std::net::IpAddr::from([127, 0, 0, 6]));
    let neighbour = neighbour.build().expect("a client");
    let ask = async |path: &str| neighbour.get(watcher.admin_url(path)).send().await.expect("an answer");
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(ask(path).await.status(), 200, "{path}");
    }
    let kinds = ["workloads", "workloads/shop/deploy/web", "sources", "anything"];
    for path in kinds.map(|path| format!("/api/v1/{path}")) {
        let answer = ask(&path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"] == "application/problem+json"),
            (403, true)
        );
        let why = answer.text().await.expect("a body");
        assert!(why.contains("kubectl port-forward"), "{why}");
    }
    assert_eq!(read(&watcher, "/api/v1/workloads").await.status, 200);
    // What a proxy passes on is not from here, and a page elsewhere can't make a browser ask for it.
    for header in [("X-Forwarded-For", "127.0.0.1"), ("Forwarded", "for=127.0.0.1"), ("Host", "evil.example:9090")] {
        let answer = watcher.send(Method::GET, &watcher.admin_url("/api/v1/workloads"), &[header], Vec::new()).await;
        assert_eq!(answer.status, 403, "{header:?}");
    }
}
