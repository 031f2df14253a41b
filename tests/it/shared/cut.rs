//! Ways that are cut: from a replica to NATS and to the API server, and from one NATS server to the others; a holder of the Lease
//! that stands still; and replicas that are replaced one by one while webhooks come.

use std::time::{Duration, Instant};

use super::{KEY, Replicas, listed, until_at_rest};
use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::registry::TOKEN;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher, WatcherBuilder, value};

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_replica_that_is_cut_from_nats_answers_503_and_lives_and_the_others_go_on,
        a_replica_on_a_server_that_is_cut_from_the_others_goes_to_another,
        a_replica_that_is_cut_from_the_api_server_gives_up_the_lease_and_heals,
        a_holder_that_stands_still_in_the_middle_of_a_look_does_nothing_twice,
        no_webhook_is_refused_while_replicas_are_replaced,
    ]
}

/// A replica of these tests with its queue there.
fn replica(ctx: &Ctx, queue: &str) -> WatcherBuilder {
    let builder = ctx.watcher().own_data().unconnected().env("IMAGE_WATCHER_LINK_KEY", KEY);
    builder.env("IMAGE_WATCHER_QUEUE", queue)
}

fn envelope(ctx: &Ctx, repository: &str, tag: &str) -> String {
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let target = serde_json::json!({"mediaType": kind, "repository": repository, "tag": tag});
    let host = ctx.registry().host();
    serde_json::json!({"events": [{"action": "push", "request": {"host": host}, "target": target}]}).to_string()
}

async fn announce(ctx: &Ctx, watcher: &Watcher, repository: &str, tag: &str) -> Reply {
    let bearer = format!("Bearer {TOKEN}");
    watcher.post("/webhooks/distribution", &[("Authorization", &bearer)], envelope(ctx, repository, tag)).await
}

async fn probe(watcher: &Watcher, path: &str) -> (u16, String) {
    let reply = watcher.send(reqwest::Method::GET, &watcher.admin_url(path), &[], Vec::new()).await;
    (reply.status, reply.body)
}

async fn holds(watcher: &Watcher) -> bool {
    value(&watcher.metrics().await, "image_watcher_holder") == Some(1.0)
}

/// By the audit log, each image once and none over a newer one.
fn nothing_twice(ctx: &Ctx, expected: &[&str]) {
    let written: Vec<String> = ctx.images_written().into_iter().map(|(_, tag)| tag).collect();
    assert_eq!(written, expected, "each once, in this order");
}

async fn a_replica_that_is_cut_from_nats_answers_503_and_lives_and_the_others_go_on(ctx: Ctx) {
    let (nats, ways) = ctx.cut_nats_cluster().await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let (cut, other) = tokio::join!(replica(&ctx, &ways.url()).start(), replica(&ctx, &nats.url()).start());
    until_at_rest(&nats).await;

    ways.clients.iter().for_each(|way| way.set(Fault::BlackHole));
    let began = Instant::now();
    let refused = announce(&ctx, &cut, web.name(), "1.0.1").await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    let digest = web.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&ctx, &other, web.name(), "1.0.1").await.status, 202);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    // For longer than a writer that does not answer is believed to live.
    while began.elapsed() < Duration::from_secs(40) {
        assert_eq!(announce(&ctx, &cut, web.name(), "1.0.1").await.status, 503);
        for path in ["/livez", "/readyz"] {
            let (status, body) = probe(&cut, path).await;
            assert_eq!(status, 200, "{path}: {body}");
        }
        let (_, body) = probe(&cut, "/readyz?verbose").await;
        assert!(body.contains("[-]queue: "), "{body}");
    }

    ways.clients.iter().for_each(|way| way.set(Fault::Pass));
    let digest = web.push(Image::new("1.0.2")).await;
    eventually("it heals by itself", async || {
        (announce(&ctx, &cut, web.name(), "1.0.2").await.status == 202).then_some(())
    })
    .await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.2"))).await;
    until_at_rest(&nats).await;
    let (_, body) = probe(&cut, "/readyz?verbose").await;
    assert!(body.contains("[+]queue: "), "{body}");
    nothing_twice(&ctx, &["1.0.1", "1.0.2"]);
}

async fn a_replica_on_a_server_that_is_cut_from_the_others_goes_to_another(ctx: Ctx) {
    let (nats, ways) = ctx.cut_nats_cluster().await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    // It finds the first alone, and knows of all.
    ways.clients[1..].iter().for_each(|way| way.set(Fault::Refuse));
    let on_the_first = replica(&ctx, &ways.url()).start().await;
    ways.clients.iter().for_each(|way| way.set(Fault::Pass));
    let other = replica(&ctx, &nats.url()).start().await;
    until_at_rest(&nats).await;

    ways.of(0).for_each(|way| way.set(Fault::BlackHole));
    let began = Instant::now();
    let digest = web.push(Image::new("1.0.1")).await;
    for (name, watcher) in [("the one on it", &on_the_first), ("the other", &other)] {
        eventually(&format!("{name} takes pushes again"), async || {
            (announce(&ctx, watcher, web.name(), "1.0.1").await.status == 202).then_some(())
        })
        .await;
        eprintln!("{name} takes pushes {:.1} s after a server was cut off", began.elapsed().as_secs_f64());
    }
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;

    ways.of(0).for_each(|way| way.set(Fault::Pass));
    nats.until_it_stands().await;
    let digest = web.push(Image::new("1.0.2")).await;
    for watcher in [&on_the_first, &other] {
        eventually("it is taken", async || {
            (announce(&ctx, watcher, web.name(), "1.0.2").await.status == 202).then_some(())
        })
        .await;
    }
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.2"))).await;
    until_at_rest(&nats).await;
    nothing_twice(&ctx, &["1.0.1", "1.0.2"]);
}

async fn a_replica_that_is_cut_from_the_api_server_gives_up_the_lease_and_heals(ctx: Ctx) {
    let nats = ctx.nats().await;
    let way = ctx.fault_proxy(ctx.api_server()).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let kubeconfig = ctx.identity_at(&way.host()).await;
    let cut = replica(&ctx, &nats.url()).kubeconfig(&kubeconfig).start().await;
    eventually("it holds the Lease", async || holds(&cut).await.then_some(())).await;
    let other = replica(&ctx, &nats.url()).start().await;
    until_at_rest(&nats).await;

    way.set(Fault::BlackHole);
    let began = Instant::now();
    let digest = web.push(Image::new("1.0.1")).await;
    // The queue is there, and whoever is not cut off does it.
    assert_eq!(announce(&ctx, &cut, web.name(), "1.0.1").await.status, 202);
    eventually("the other holds the Lease", async || holds(&other).await.then_some(())).await;
    let taken = began.elapsed();
    assert!(!holds(&cut).await, "it knows that it holds it no longer");
    assert!(taken > Duration::from_secs(10), "the Lease was over: {taken:?}");
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let written = began.elapsed();
    let live = probe(&cut, "/livez").await;
    assert_eq!(live.0, 200, "{}", live.1);

    way.set(Fault::Pass);
    let digest = web.push(Image::new("1.0.2")).await;
    assert_eq!(announce(&ctx, &cut, web.name(), "1.0.2").await.status, 202);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.2"))).await;
    other.kill9().await;
    eventually("it holds the Lease again", async || holds(&cut).await.then_some(())).await;
    let digest = web.push(Image::new("1.0.3")).await;
    assert_eq!(announce(&ctx, &cut, web.name(), "1.0.3").await.status, 202);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.3"))).await;
    nothing_twice(&ctx, &["1.0.1", "1.0.2", "1.0.3"]);
    eprintln!(
        "cut from the API server: the Lease went over after {taken:.1?}, the push was applied after {written:.1?}"
    );
}

async fn a_holder_that_stands_still_in_the_middle_of_a_look_does_nothing_twice(ctx: Ctx) {
    let nats = ctx.nats().await;
    let registry = ctx.fault_proxy(ctx.registry().host()).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let image = |tag: &str| format!("{}/{}:{tag}", registry.host(), web.name());
    let deployment = ctx.watched("web", image("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let one = || replica(&ctx, &nats.url()).env("IMAGE_WATCHER_PLAIN_HTTP", registry.host());
    let first = one().start().await;
    eventually("it holds the Lease", async || holds(&first).await.then_some(())).await;
    until_at_rest(&nats).await;

    registry.set(Fault::BlackHole);
    web.push(Image::new("1.0.1")).await;
    let body = envelope(&ctx, web.name(), "1.0.1").replace(ctx.registry().host(), &registry.host());
    let bearer = format!("Bearer {TOKEN}");
    let answer = first.post("/webhooks/distribution", &[("Authorization", &bearer)], body.clone()).await;
    assert_eq!(answer.status, 202);
    eventually("it has the look", async || {
        let jobs = nats.jobs().await;
        jobs.iter()
            .any(|job| job["key"].as_str().is_some_and(|key| key.starts_with("look:")) && !job["held"].is_null())
            .then_some(())
    })
    .await;
    first.signal("STOP");
    let began = Instant::now();
    registry.set(Fault::Pass);
    let second = one().start().await;
    eventually("another holds the Lease", async || holds(&second).await.then_some(())).await;
    let taken = began.elapsed();
    deployment.wait_for("on 1.0.1", |seen| seen.image("web").is_some_and(|image| image.contains(":1.0.1@"))).await;
    let written = began.elapsed();
    // It goes on in the middle of a look at what was there before.
    first.signal("CONT");
    eventually("the first knows that it holds it no longer", async || (!holds(&first).await).then_some(())).await;
    assert!(holds(&second).await);
    until_at_rest(&nats).await;
    let digest = web.push(Image::new("1.0.2")).await;
    let body = body.replace("1.0.1", "1.0.2");
    assert_eq!(first.post("/webhooks/distribution", &[("Authorization", &bearer)], body).await.status, 202);
    deployment.wait_for_image("web", &format!("{}@{digest}", image("1.0.2"))).await;
    until_at_rest(&nats).await;
    nothing_twice(&ctx, &["1.0.1", "1.0.2"]);
    eprintln!("stopped: the Lease went over after {taken:.1?}, its look was done by another after {written:.1?}");
}

/// As a Service does it: webhooks go to those that were ready when that was last looked at, which is a while ago.
async fn no_webhook_is_refused_while_replicas_are_replaced(ctx: Ctx) {
    /// What kubelet, API server, kube-proxy and a load balancer take together to learn of it.
    const LATE: Duration = Duration::from_secs(3);
    let nats = ctx.nats().await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let old = Replicas::start(&ctx, &nats, |it| it).await;
    let (doors, known) = tokio::sync::watch::channel(old.all.iter().map(|it| it.url("")).collect::<Vec<_>>());
    let body = envelope(&ctx, web.name(), "1.0.1");
    let (end, over) = tokio::sync::watch::channel(false);
    let sending = async {
        let mut taken = 0_usize;
        while !*over.borrow() {
            let doors = known.borrow().clone();
            let door = &doors[taken % doors.len()];
            // Each by a connection of its own, as of many senders.
            let http = reqwest::Client::new();
            let post = http.post(format!("{door}/webhooks/distribution")).bearer_auth(TOKEN).body(body.clone());
            let answer = post.timeout(Duration::from_secs(10)).send().await;
            let status = answer.map(|answer| answer.status().as_u16());
            assert!(matches!(status, Ok(202)), "webhook {taken} to {door} was refused: {status:?}");
            taken += 1;
        }
        taken
    };
    let replacing = async {
        let mut now = Vec::new();
        for leaves in old.all {
            let comes = replica(&ctx, &nats.url()).start().await;
            doors.send_modify(|doors| doors.push(comes.url("")));
            let url = leaves.url("");
            leaves.signal("TERM");
            eventually("it is not ready", async || (probe_lenient(&ctx, &leaves).await != Some(200)).then_some(()))
                .await;
            let since = Instant::now();
            eventually("everybody knows", async || (since.elapsed() >= LATE).then_some(())).await;
            doors.send_modify(|doors| doors.retain(|door| *door != url));
            assert!(leaves.wait().await.success(), "it drains");
            now.push(comes);
        }
        end.send_replace(true);
        now
    };
    let (taken, now) = tokio::join!(sending, replacing);
    let digest = web.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&ctx, &now[0], web.name(), "1.0.1").await.status, 202);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    eprintln!("three replicas were replaced by three while {taken} webhooks came: none refused");
    assert!(taken > 100, "{taken}");
    assert!(listed(&ctx, &web) > 0);
}

async fn probe_lenient(ctx: &Ctx, watcher: &Watcher) -> Option<u16> {
    let answer = ctx.http().get(watcher.admin_url("/readyz")).send().await;
    answer.ok().map(|answer| answer.status().as_u16())
}
