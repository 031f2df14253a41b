//! The service with its queue on NATS.

use serde_json::json;

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::registry::TOKEN;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_kill_between_intake_and_apply_loses_nothing,
        a_server_that_is_away_is_answered_503_and_heals_by_itself,
        a_server_that_is_not_there_at_the_start_is_waited_for,
        who_is_told_to_end_while_it_starts_ends,
    ]
}

/// Without one there is no queue on NATS.
const KEY: &str = "a link key of thirty-two bytes or more";

/// A delivery that says that this version of a repository was pushed.
async fn announce(watcher: &Watcher, host: &str, repository: &str, tag: &str) -> u16 {
    let target = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": tag,
    });
    let body = json!({"events": [{"action": "push", "request": {"host": host}, "target": target}]}).to_string();
    let bearer = format!("Bearer {TOKEN}");
    watcher.post("/webhooks/distribution", &[("Authorization", &bearer)], body).await.status
}

async fn a_kill_between_intake_and_apply_loses_nothing(ctx: Ctx) {
    let nats = ctx.nats().await;
    let registry = ctx.fault_proxy(ctx.registry().host()).await;
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let image = |tag: &str| format!("{}/{}:{tag}", registry.host(), repository.name());
    let web = ctx.watched("web", image("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let builder = ctx.watcher().env("IMAGE_WATCHER_QUEUE", nats.url()).env("IMAGE_WATCHER_LINK_KEY", KEY);
    let mut watcher = builder.env("IMAGE_WATCHER_PLAIN_HTTP", registry.host()).start().await;
    watcher.wait_for_log("the queue stands on NATS").await;
    eventually("nothing is left to be done", async || nats.jobs().await.is_empty().then_some(())).await;

    registry.set(Fault::BlackHole);
    let digest = repository.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&watcher, &registry.host(), repository.name(), "1.0.1").await, 202);
    let look = format!("look:{}/{}", registry.host(), repository.name());
    eventually("somebody has the look", async || {
        nats.jobs().await.into_iter().find(|job| job["key"] == *look && !job["held"].is_null())
    })
    .await;
    watcher.kill9().await;
    let left = nats.jobs().await;
    assert_eq!(left.iter().map(|job| &job["key"]).collect::<Vec<_>>(), [&look], "what was acknowledged outlives it");

    registry.set(Fault::Pass);
    watcher.restart().await;
    web.wait_for_image("web", &format!("{}@{digest}", image("1.0.1"))).await;
    eventually("it is done once", async || nats.jobs().await.is_empty().then_some(())).await;
}

async fn a_server_that_is_away_is_answered_503_and_heals_by_itself(ctx: Ctx) {
    let mut nats = ctx.nats().await;
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let web = ctx.watched("web", repository.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let builder = ctx.watcher().env("IMAGE_WATCHER_QUEUE", nats.url()).env("IMAGE_WATCHER_LINK_KEY", KEY);
    let watcher = builder.start().await;
    eventually("nothing is left to be done", async || nats.jobs().await.is_empty().then_some(())).await;
    nats.kill9(0).await;
    let host = ctx.registry().host().to_owned();
    eventually("it is refused", async || {
        (announce(&watcher, &host, repository.name(), "1.0.0").await == 503).then_some(())
    })
    .await;
    assert_eq!(watcher.exited(), None, "it goes on");
    nats.start_again(0).await;
    let digest = repository.push(Image::new("1.0.1")).await;
    eventually("it is taken again", async || {
        (announce(&watcher, &host, repository.name(), "1.0.1").await == 202).then_some(())
    })
    .await;
    web.wait_for_image("web", &format!("{}@{digest}", repository.reference("1.0.1"))).await;
}

async fn a_server_that_is_not_there_at_the_start_is_waited_for(ctx: Ctx) {
    let nats = ctx.nats().await;
    let way = ctx.fault_proxy(nats.url().trim_start_matches("nats://")).await;
    way.set(Fault::Refuse);
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let web = ctx.watched("web", repository.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let url = format!("nats://{}", way.host());
    let builder = ctx.watcher().env("IMAGE_WATCHER_QUEUE", &url).env("IMAGE_WATCHER_LINK_KEY", KEY);
    let watcher = builder.start_unready().await;
    let probe = async |path: &str| {
        let reply = watcher.send(reqwest::Method::GET, &watcher.admin_url(path), &[], Vec::new()).await;
        (reply.status, reply.body)
    };
    let (status, body) = probe("/readyz").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains(&format!("no NATS server of {url} takes the connection")), "{body}");
    assert_eq!(probe("/livez").await.0, 200);
    let host = ctx.registry().host().to_owned();
    assert_eq!(announce(&watcher, &host, repository.name(), "1.0.0").await, 503, "whoever pushes sends it again");
    watcher.wait_for_log("the queue is not there: the service waits for it").await;
    way.set(Fault::Pass);
    // For a moment nobody listens, as who waited hands over.
    let is_ready = async || {
        let answer = ctx.http().get(watcher.admin_url("/readyz")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200).then_some(())
    };
    eventually("it is ready", is_ready).await;
    let digest = repository.push(Image::new("1.0.1")).await;
    eventually("it is taken", async || {
        (announce(&watcher, &host, repository.name(), "1.0.1").await == 202).then_some(())
    })
    .await;
    web.wait_for_image("web", &format!("{}@{digest}", repository.reference("1.0.1"))).await;
}

/// A server that takes the connection and says nothing, so that the first try takes its time.
async fn who_is_told_to_end_while_it_starts_ends(ctx: Ctx) {
    let nats = ctx.nats().await;
    let way = ctx.fault_proxy(nats.url().trim_start_matches("nats://")).await;
    way.set(Fault::BlackHole);
    let url = format!("nats://{}", way.host());
    let builder = ctx.watcher().env("IMAGE_WATCHER_QUEUE", &url).env("IMAGE_WATCHER_LINK_KEY", KEY);
    let watcher = builder.start_at_all().await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(watcher.exited().is_none(), "{}", watcher.logs());
    let ended = watcher.terminate().await;
    assert!(ended.success(), "{ended}: {}", watcher.logs());
    assert!(watcher.logs().contains("told to end before it has started"), "{}", watcher.logs());
}
