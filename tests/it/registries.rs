//! Registries that do harm: they lead elsewhere, list more than anybody needs, or say nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::Ctx;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_named_registry_leads_to_nobody_inside,
        a_list_of_160_000_tags_is_decided,
        a_registry_that_is_gone_is_left_alone,
    ]
}

fn host_of(registry: &Receiver) -> String {
    registry.url("").trim_start_matches("http://").trim_end_matches('/').to_owned()
}

async fn a_named_registry_leads_to_nobody_inside(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = host_of(&registry);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::task::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let challenge = format!("Bearer realm=\"https://localhost:{port}/latest/meta-data\",service=\"s\"");
    registry.always(Answer::status(401).header("WWW-Authenticate", &challenge));
    let web = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    watcher.wait_for_log("no address that may be reached").await;
    assert_eq!(connections.load(Ordering::SeqCst), 0, "a service inside was connected to");
    let told = web.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let said = told.annotation("image-watcher/error").expect("it was there");
    assert!(said.contains(&format!("localhost:{port} has no address that may be reached")), "{said}");
}

async fn a_list_of_160_000_tags_is_decided(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = host_of(&registry);
    // All on one page, as registries do that know no pages.
    let tags: Vec<String> =
        (0..160_000).map(|n| format!("sha256-{n:064x}.sig")).chain(["1.0.0".into(), "1.0.1".into()]).collect();
    let digest = format!("sha256:{}", "c".repeat(64));
    registry.says_nothing_of_images("web");
    registry.at("/v2/web/manifests/", Answer::status(200).header("Docker-Content-Digest", &digest));
    registry.at(
        "/v2/web/tags/list",
        Answer::status(200).body(serde_json::json!({"name": "web", "tags": tags}).to_string()),
    );
    let web = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let _watcher = watcher.start().await;
    web.wait_for_image("web", &format!("{host}/web:1.0.1@{digest}")).await;
}

async fn a_registry_that_is_gone_is_left_alone(ctx: Ctx) {
    // A port that was free a moment ago, and that nobody listens on.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let host = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let _web = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    watcher.wait_for_log("it is left alone for a while").await;
    eventually("the metric says so", async || {
        watcher.metrics().await.contains("image_watcher_registries_left_alone 1").then_some(())
    })
    .await;
}
