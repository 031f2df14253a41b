//! Tags that come late, move, or go again: what is announced is looked for, what was withdrawn is not proposed, and what runs
//! and is gone is told.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::release_notes::reading;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        an_announced_tag_is_looked_for_until_it_is_listed,
        a_tag_that_moves_while_it_cools_waits_again,
        a_withdrawn_version_is_refused_until_it_is_back,
        what_runs_and_is_gone_is_told_once,
        what_its_project_marks_as_a_prerelease_is_not_asked_about_any_more,
    ]
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

/// Since when a version waits, and what it points to.
fn known(seen: &Seen, tag: &str) -> Option<(DateTime<Utc>, String)> {
    let known = &seen.ledger("web")["knownSince"][tag];
    Some((known["since"].as_str()?.parse().ok()?, known["digest"].as_str()?.to_owned()))
}

async fn a_tag_that_moves_while_it_cools_waits_again(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let settings = [("mode", "AUTO_UPDATE"), ("cooldown", "6s")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let _watcher = ctx.watcher().start().await;
    let first = web.push(Image::new("1.0.1")).await;
    let waits = |digest: String| move |seen: &Seen| known(seen, "1.0.1").is_some_and(|(_, known)| known == digest);
    deployment.wait_for("the first content waits", waits(first.clone())).await;
    let second = web.push(Image::new("1.0.1").label("build", "2")).await;
    let waiting = deployment.wait_for("the second content waits", waits(second.clone())).await;
    let (since, _) = known(&waiting, "1.0.1").expect("a time");
    let done = deployment.wait_for_image("web", &format!("{}@{second}", web.reference("1.0.1"))).await;
    let at: DateTime<Utc> = done.annotation("image-watcher/last-updated").expect("a time").parse().expect("RFC 3339");
    assert!(at - since >= TimeDelta::seconds(5), "it waits since {since}, and was applied at {at}");
    assert_ne!(first, second);
}

async fn a_withdrawn_version_is_refused_until_it_is_back(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let links = ctx.mailbox().wait_for_mail("1.0.1").await.links();
    let link = links.iter().find(|link| link.contains("/a/")).expect("a link in the mail");
    let path = &link[link.find("/a/").expect("a link of ours")..];
    web.delete("1.0.1").await;
    let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
    let press =
        async || watcher.send(reqwest::Method::POST, &watcher.url(path), &headers, b"action=approve".to_vec()).await;
    let refused = press().await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (409, Some("withdrawn")), "{}", refused.body);
    deployment.wait_for("the question is closed", |seen| seen.annotation("image-watcher/token-update").is_none()).await;
    let refused = press().await;
    assert_eq!((refused.status, refused.json()["reason"].as_str()), (409, Some("withdrawn")), "{}", refused.body);
    let seen = deployment.get().await;
    assert_eq!(seen.image("web"), Some(web.reference("1.0.0").as_str()), "nothing was written");

    web.put(
        "1.0.1",
        &web.manifest(&digest).await.expect("its content is there").0,
        web.manifest(&digest).await.expect("it").1,
    )
    .await;
    deployment.wait_for("it is asked again", |seen| seen.annotation("image-watcher/token-update").is_some()).await;
    // What the API server has is known here a moment later.
    eventually("the same link is good again", async || [200, 303].contains(&press().await.status).then_some(())).await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
}

async fn what_runs_and_is_gone_is_told_once(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("1.0.1").label("build", "1")).await;
    let digest = web.push(Image::new("1.0.2")).await;
    let (kind, bytes) = web.manifest("1.0.2").await.expect("it was pushed");
    let pinned = format!("{}@{digest}", web.reference("1.0.2"));
    let deployment = ctx.watched("web", pinned.clone(), &[("mode", "AUTO_UPDATE")]).await;
    deployment.wait_for_rollout().await;
    web.delete("1.0.2").await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_SCHEDULE", "*/2 * * * * *").start().await;
    let of_tag = "the tag 1.0.2, which runs, is gone from its registry; its image is still there by digest";
    let said = |text: &'static str| {
        move |seen: &Seen| seen.annotation("image-watcher/error").is_some_and(|error| error.starts_with(text))
    };
    let seen = deployment.wait_for("the tag is gone", said(of_tag)).await;
    assert!(seen.annotation("image-watcher/error").is_some_and(|error| error.contains("set the image to 1.0.1")));
    let mail = ctx.mailbox().wait_for_mail("1.0.2 is gone").await;
    assert!(mail.text.contains("set the image to 1.0.1, the newest that is there"), "{}", mail.text);
    web.delete(&digest).await;
    deployment
        .wait_for("all of it is gone", said("1.0.2, which runs, is gone from its registry, by tag and by digest"))
        .await;
    ctx.mailbox().wait_for(2).await;
    let gone = "image_watcher_images_gone";
    eventually("a metric says so", async || (watcher.metric(gone).await == Some(1.0)).then_some(())).await;
    let check = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    assert_eq!(check.code(), Some(1));
    let rows: serde_json::Value = serde_json::from_str(&check.stdout).expect("JSON");
    assert_eq!(rows["items"][0]["state"], "gone", "{}", check.stdout);

    let before = lists(&web);
    eventually("looks go on", async || (lists(&web) >= before + 3).then_some(())).await;
    assert_eq!(ctx.mailbox().list().await.len(), 2, "each is told once");
    assert_eq!(deployment.get().await.image("web"), Some(pinned.as_str()), "nothing is decided");
    web.put("1.0.2", &kind, bytes).await;
    deployment.wait_for("it is back", |seen| seen.annotation("image-watcher/error").is_none()).await;
    eventually("the metric says so", async || (watcher.metric(gone).await == Some(0.0)).then_some(())).await;
}

/// Its forge is read for the notes of the message; what it says there of the release counts from the next look on.
async fn what_its_project_marks_as_a_prerelease_is_not_asked_about_any_more(ctx: Ctx) {
    let forge = ctx.receiver();
    let release = |tag: &str, prerelease: bool| json!({"tag_name": tag, "prerelease": prerelease, "body": "text"});
    let list = json!([release("v1.0.2", true), release("v1.0.1", false), release("v1.0.0", false)]);
    forge.always(Answer::status(200).body(list.to_string()));
    let web = ctx.repository("web");
    let labelled = |tag: &str| Image::new(tag).label("org.opencontainers.image.source", "https://github.com/acme/web");
    for tag in ["1.0.0", "1.0.1"] {
        web.push(labelled(tag)).await;
    }
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(labelled("1.0.2")).await;
    let watcher = reading(&ctx, &forge).mail().env("IMAGE_WATCHER_SCHEDULE", "*/2 * * * * *").start().await;
    let links = ctx.mailbox().wait_for_mail("1.0.2").await.links();
    let link = links.iter().find(|link| link.contains("/a/")).expect("a link in the mail");
    let path = &link[link.find("/a/").expect("a link of ours")..];
    ctx.mailbox().wait_for_mail("1.0.1").await;
    let asks = |seen: &Seen| seen.ledger("web")["question"]["terms"]["tag"] == "1.0.1";
    deployment.wait_for("the next best is asked about", asks).await;
    let page = watcher.get(path).await;
    assert!(page.status == 409 && page.body.contains("1.0.1"), "{}: {}", page.status, page.body);
    let before = lists(&web);
    eventually("looks go on", async || (lists(&web) >= before + 3).then_some(())).await;
    assert_eq!(ctx.mailbox().list().await.len(), 2, "it is not asked about in turns");
}
