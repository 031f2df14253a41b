//! Tags that come late, move, or go again: what is announced is looked for, what was withdrawn is not proposed, and what runs
//! and is gone is told.

use serde_json::json;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![an_announced_tag_is_looked_for_until_it_is_listed]
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");

/// What CNCF Distribution says of a push.
fn envelope(repository: &Repository, host: &str, tag: &str) -> String {
    json!({"events": [{"id": format!("{}-{tag}", repository.name()), "timestamp": "2026-01-01T00:00:00Z", "action": "push",
        "request": {"host": host}, "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "repository": repository.name(), "tag": tag}}]})
    .to_string()
}

fn lists(repository: &Repository) -> usize {
    repository.requests().iter().filter(|line| line.contains("/tags/list")).count()
}

/// G6: the registry announces a tag some seconds before it lists it, and the process dies between.
async fn an_announced_tag_is_looked_for_until_it_is_listed(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let mut watcher = ctx.watcher().unconnected().own_data().start().await;
    for tag in ["1.0.1", "nightly"] {
        let body = envelope(&web, ctx.registry().host(), tag);
        assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 202);
    }
    eventually("looks for what is not there", async || (lists(&web) >= 4).then_some(())).await;
    watcher.kill9().await;
    let before = lists(&web);
    watcher.restart().await;
    eventually("looks after a restart", async || (lists(&web) > before).then_some(())).await;
    let digest = web.push(Image::new("1.0.1")).await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let series = "image_watcher_announced_tags_total{result=\"listed\"}";
    eventually("it is counted", async || watcher.metric(series).await.filter(|count| *count >= 1.0)).await;
}
