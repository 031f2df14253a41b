//! What the service does with tags that are no plain X.Y.Z, with digests, and with versions that have to wait.

use chrono::{DateTime, TimeDelta, Utc};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        tags_of_many_kinds_are_updated,
        a_version_waits_for_its_cooldown,
        a_floating_tag_is_followed,
        a_release_that_was_pushed_again_is_left_alone,
        a_decision_is_explained,
        who_would_undo_an_update_is_told,
    ]
}

async fn tags_of_many_kinds_are_updated(ctx: Ctx) {
    let cases = [
        ("series", "4.1.0-ls9", &["4.1.0-ls10", "4.2.0", "nightly"][..], "ALL", "4.1.0-ls10"),
        ("runtime", "21.0.2_13-jre", &["21.0.10_7-jre", "22_36-jre", "21.0.10_7-jdk"], "MINOR", "21.0.10_7-jre"),
        (
            "distro",
            "16.1.0-debian-12-r5",
            &["16.1.0-debian-12-r12", "16.2.0-debian-13-r0"],
            "PATCH",
            "16.1.0-debian-12-r12",
        ),
        ("calendar", "2024.6.1", &["2024.10.0", "3.0.0", "2025.1.0b1"], "ALL", "2024.10.0"),
        (
            "dated",
            "RELEASE.2024-01-01T16-36-33Z",
            &["RELEASE.2024-12-18T13-15-44Z"],
            "ALL",
            "RELEASE.2024-12-18T13-15-44Z",
        ),
    ];
    let mut deployments = Vec::new();
    for (name, running, newer, strategy, _) in cases {
        let repository = ctx.repository(name);
        repository.push(Image::new(running)).await;
        for tag in newer {
            repository.push(Image::new(tag)).await;
        }
        let settings = [("mode", "AUTO_UPDATE"), ("strategy", strategy)];
        deployments.push((repository.clone(), ctx.watched(name, repository.reference(running), &settings).await));
    }
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    for ((name, .., expected), (repository, deployment)) in cases.into_iter().zip(&deployments) {
        let digest = repository.digest(expected).await.expect("it was pushed");
        deployment.wait_for_image(name, &format!("{}@{digest}", repository.reference(expected))).await;
    }
}

async fn a_version_waits_for_its_cooldown(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let settings = [("mode", "AUTO_UPDATE"), ("cooldown", "3s")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let _watcher = ctx.watcher().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let waiting =
        deployment.wait_for("known-since", |seen| seen.annotation("image-watcher/known-since").is_some()).await;
    let known: Value =
        serde_json::from_str(waiting.annotation("image-watcher/known-since").expect("a record")).expect("JSON");
    let since: DateTime<Utc> = known["1.0.1"].as_str().expect("a time").parse().expect("RFC 3339");
    assert_eq!(waiting.image("web"), Some(web.reference("1.0.0").as_str()), "it waits");
    let done = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let at: DateTime<Utc> = done.annotation("image-watcher/last-updated").expect("a time").parse().expect("RFC 3339");
    assert!(at - since >= TimeDelta::seconds(2), "known since {since}, applied at {at}");
    deployment.wait_for("nothing waits", |seen| seen.annotation("image-watcher/known-since").is_none()).await;
}

async fn a_floating_tag_is_followed(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("latest")).await;
    let settings = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let deployment = ctx.watched("web", web.reference("latest"), &settings).await;
    let _watcher = ctx.watcher().start().await;
    let baseline = format!("latest@{first}");
    let seen = deployment.wait_for_annotation("image-watcher/tracked-digest", &baseline).await;
    assert_eq!(seen.image("web"), Some(web.reference("latest").as_str()));
    let second = web.push(Image::new("latest").label("build", "2")).await;
    assert_ne!(first, second);
    deployment.wait_for_image("web", &format!("{}@{second}", web.reference("latest"))).await;
    let told = ctx.watcher().unconnected().output(&["explain", "deploy/web", "-n", ctx.namespace()]).await;
    assert!(told.stdout.starts_with("web stays at latest and follows what it points to"), "{}", told.stdout);
    let third = web.push(Image::new("latest").label("build", "3")).await;
    deployment.wait_for_image("web", &format!("{}@{third}", web.reference("latest"))).await;
}

async fn a_release_that_was_pushed_again_is_left_alone(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("1.0.0")).await;
    let pinned = format!("{}@{first}", web.reference("1.0.0"));
    let settings = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let deployment = ctx.watched("web", pinned.clone(), &settings).await;
    let watcher = ctx.watcher().start().await;
    let second = web.push(Image::new("1.0.0").label("build", "2")).await;
    let told = deployment.wait_for("error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let error = told.annotation("image-watcher/error").expect("a reason");
    assert!(error.contains("was pushed again") && error.contains(&first) && error.contains(&second), "{error}");
    assert_eq!(told.image("web"), Some(pinned.as_str()), "nothing is applied");
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    eventually("an Event about it", async || {
        let list = events.list(&ListParams::default()).await.ok()?;
        list.items.into_iter().find(|event| event.reason.as_deref() == Some("DigestMoved"))
    })
    .await;
    let moved = r#"image_watcher_decisions_total{outcome="undecided",reason="release_moved"}"#;
    assert!(watcher.metric(moved).await.is_some_and(|count| count >= 1.0));
    let restarted = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    eventually("another look", async || restarted.metric(moved).await.filter(|count| *count >= 1.0)).await;
    assert_eq!(deployment.get().await.image("web"), Some(pinned.as_str()), "nor at another look");
}

async fn a_decision_is_explained(ctx: Ctx) {
    let web = ctx.repository("web");
    for tag in ["1.2.3-alpine", "1.2.4-alpine", "1.3.0-alpine", "2.0.0-alpine", "1.2.9", "latest"] {
        web.push(Image::new(tag)).await;
    }
    let image = web.reference("1.2.3-alpine");
    ctx.watched("web", image.clone(), &[("mode", "NOTIFICATION"), ("strategy", "MINOR")]).await;
    let text = ctx.watcher().output(&["explain", "deploy/web", "-n", ctx.namespace()]).await;
    assert_eq!(text.code(), Some(0), "{}", text.stderr);
    let first = text.stdout.lines().next().unwrap_or_default();
    assert_eq!(
        first,
        "web would go from 1.2.3-alpine to 1.3.0-alpine: highest of its family that strategy MINOR allows (minor); \
         waits for a person (mode NOTIFICATION)."
    );
    assert!(text.stdout.contains("2.0.0-alpine  held     S6    major, beyond the strategy"), "{}", text.stdout);
    let again = ctx.watcher().output(&["explain", "deployment", "web", "-n", ctx.namespace()]).await;
    assert_eq!(text.stdout, again.stdout, "the same question, the same answer, byte for byte");
    let json = ctx.watcher().output(&["explain", "deploy/web", "-n", ctx.namespace(), "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["schema"], "image-watcher/explain/v1");
    let item = &json["items"][0];
    assert_eq!((&item["available"], &item["state"]), (&Value::from("1.3.0-alpine"), &Value::from("update")));
    assert_eq!(item["candidates"].as_array().map(Vec::len), Some(6));
    assert_eq!(item["actions"], serde_json::json!(["approve", "skip", "snooze"]));
    let unknown = ctx.watcher().output(&["explain", "deploy/nobody", "-n", ctx.namespace()]).await;
    assert_eq!(unknown.code(), Some(1));
    assert!(unknown.stderr.contains("is not watched in namespace"), "{}", unknown.stderr);
    let wrong = ctx.watcher().output(&["explain", "ds/agent"]).await;
    assert_eq!(wrong.code(), Some(2), "{}", wrong.stderr);
}

async fn who_would_undo_an_update_is_told(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx
        .deployment("web")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "NOTIFICATION")
        .annotation("meta.helm.sh/release-name", "shop")
        .label("app.kubernetes.io/managed-by", "Helm")
        .create()
        .await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("Helm release shop: a later helm upgrade puts the old image back"), "{}", mail.text);
    assert!(mail.text.contains("highest of its family that strategy ALL allows (patch)"), "{}", mail.text);
}
