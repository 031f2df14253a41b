//! What is in the log: no secret and no link, whatever goes wrong and however much is logged; one flat object a line; and next to
//! nothing where nothing happens.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![no_secret_and_no_link_is_in_the_log, a_quiet_round_is_next_to_nothing_in_the_log]
}

/// Secrets of every kind, each told from all other text.
const SECRETS: [(&str, &str); 9] = [
    ("IMAGE_WATCHER_LINK_KEY", "link-key-s3cret-0123456789abcdefghij"),
    ("REGISTRY_WEBHOOK_TOKEN", "registry-webhook-s3cret"),
    ("DOCKERHUB_WEBHOOK_TOKEN", "dockerhub-s3cret-token"),
    ("GITHUB_WEBHOOK_SECRET", "github-hook-s3cret"),
    ("GITHUB_TOKEN", "ghp-s3cret-token"),
    ("WEBHOOK_SECRET", "whsec_czNjcmV0czNjcmV0czNjcmV0czNjcmV0"),
    ("SLACK_SIGNING_SECRET", "slack-signing-s3cret"),
    ("TELEGRAM_TOKEN", "123456:telegram-s3cret-AAAAAAAAAAAAAAAAAAAAAA"),
    ("OPEN_AI_KEY", "sk-s3cret-model"),
];

async fn no_secret_and_no_link_is_in_the_log(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let workload = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    let setup = SECRETS.iter().fold(ctx.watcher().mail().unconnected(), |setup, (name, value)| setup.env(name, *value));
    let watcher = setup
        .env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host()))
        .env("WEBHOOK_URL", "https://hooks.example.com/url-s3cret-path")
        .env("TELEGRAM_CHAT", "1")
        .env("OPEN_AI_URL", "https://ai.example.com/v1")
        .env("OPEN_AI_MODEL", "none")
        .env("HTTPS_PROXY", "http://proxy-user:proxy-s3cret@127.0.0.1:9")
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("LOG_LEVEL", "TRACE")
        .env("NODE_ENV", "production")
        .env("BASE_URL", "https://iw.example.com")
        .start()
        .await;
    // Right and wrong credentials, in every place where one can stand.
    let (_, token) = SECRETS[1];
    web.push(Image::new("1.0.1")).await;
    for (path, header) in [
        (format!("/webhooks/dockerhub?token={}", SECRETS[2].1), None),
        ("/webhooks/dockerhub?token=wrong-s3cret".to_owned(), None),
        ("/webhooks/distribution".to_owned(), Some(format!("Bearer {token}"))),
        ("/webhooks/distribution".to_owned(), Some("Bearer wrong-s3cret".to_owned())),
        (format!("/webhooks/nobody/{token}?token={token}"), None),
    ] {
        let header = header.iter().map(|value| ("Authorization", value.as_str())).collect::<Vec<_>>();
        watcher.post(&path, &header, "{\"events\":[]}").await;
    }
    watcher.send(Method::POST, &watcher.admin_url("/api/v1/look"), &[], Vec::new()).await;
    let mail = ctx.mailbox().wait_for_mail("/web]").await;
    let link = mail.links().into_iter().find(|link| link.contains("/a/")).expect("a link");
    let path = &link[link.find("/a/").expect("a link of ours")..];
    assert_eq!(watcher.get(path).await.status, 200);
    proxy.set(Fault::Refuse);
    assert_eq!(watcher.post_form(path, &[("action", "skip")]).await.status, 303);
    workload.wait_for("it is answered", |seen| seen.annotation("image-watcher/history").is_some()).await;
    watcher.get(&format!("{path}x")).await;
    watcher.terminate().await;

    let (log, token) = (watcher.logs(), path.trim_start_matches("/a/"));
    let secrets = SECRETS.iter().map(|(_, value)| *value);
    let others = ["url-s3cret-path", "proxy-s3cret", "wrong-s3cret", token];
    for secret in secrets.chain(others) {
        assert!(!log.contains(secret), "{secret} is in the log: {:?}", log.lines().find(|line| line.contains(secret)));
    }
    assert!(!log.contains("s3cret"), "{:?}", log.lines().find(|line| line.contains("s3cret")));
    flat(&log);
}

/// Each line is an object that has what is promised, and no other in it.
fn flat(log: &str) {
    let mut keys = BTreeSet::new();
    for line in log.lines() {
        assert!(!line.bytes().any(|byte| byte < 0x20), "{line:?}");
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let line = line.as_object().expect("an object");
        for key in ["timestamp", "level", "target"] {
            assert!(line[key].is_string(), "{line:?}");
        }
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line:?}");
        assert!(line.values().all(|value| !value.is_object()), "{line:?}");
        keys.extend(line.keys().cloned());
    }
    let promised = [
        "message",
        "trace_id",
        "span_id",
        "job_id",
        "delivery_id",
        "namespace",
        "kind",
        "name",
        "container",
        "to",
        "digest",
        "outcome",
    ];
    for key in promised {
        assert!(keys.contains(key), "no line has {key}: {keys:?}");
    }
}

/// Where nothing is new, a round of the schedule is a line or two; by default there is one in three hours.
async fn a_quiet_round_is_next_to_nothing_in_the_log(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    for name in ["a", "b", "c"] {
        ctx.watched(name, web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    }
    let watcher = ctx.watcher().mail().env("RUN_ON_BOOT", "TRUE").start().await;
    rounds(&watcher, 1.0).await;
    let before = watcher.logs().lines().count();
    for _ in 0..3 {
        let done = looks(&watcher).await;
        watcher.send(Method::POST, &watcher.admin_url("/api/v1/look"), &[], Vec::new()).await;
        rounds(&watcher, done + 1.0).await;
    }
    let log = watcher.logs();
    let said: Vec<&str> = log.lines().skip(before).collect();
    assert!(said.len() <= 5, "three rounds without news: {said:#?}");
}

async fn looks(watcher: &Watcher) -> f64 {
    watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await.unwrap_or_default()
}

async fn rounds(watcher: &Watcher, wanted: f64) {
    eventually("a look", async || (looks(watcher).await >= wanted).then_some(())).await;
}
