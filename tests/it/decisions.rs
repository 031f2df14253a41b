//! What the service does with tags that are no plain X.Y.Z, with digests, and with versions that have to wait.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::objects::Seen;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        tags_of_many_kinds_are_updated,
        a_version_waits_for_its_cooldown,
        a_floating_tag_is_followed,
        a_release_that_was_pushed_again_is_followed,
        an_image_without_a_tag_is_latest,
        a_skipped_digest_is_not_asked_about_again,
        a_question_outlives_its_cooldown,
        a_forced_strategy_bounds_a_pattern,
        a_tag_without_a_manifest_is_passed_over,
        a_tag_that_is_listed_before_its_manifest_is_not_missed,
        a_list_that_lost_tags_decides_nothing,
        a_paused_deployment_waits,
        a_decision_is_explained,
        what_was_set_back_is_shown_as_held,
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
    let waiting = deployment.wait_for("known-since", |seen| seen.ledger("web")["knownSince"].is_object()).await;
    let known = waiting.ledger("web")["knownSince"].clone();
    let since: DateTime<Utc> = known["1.0.1"]["since"].as_str().expect("a time").parse().expect("RFC 3339");
    assert_eq!(waiting.image("web"), Some(web.reference("1.0.0").as_str()), "it waits");
    let done = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let at: DateTime<Utc> = done.annotation("image-watcher/last-updated").expect("a time").parse().expect("RFC 3339");
    assert!(at - since >= TimeDelta::seconds(2), "known since {since}, applied at {at}");
    deployment.wait_for("nothing waits", |seen| !seen.ledger("web")["knownSince"].is_object()).await;
}

async fn a_floating_tag_is_followed(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("latest")).await;
    let settings = [("mode", "AUTO_UPDATE"), ("track", "digest")];
    let deployment = ctx.watched("web", web.reference("latest"), &settings).await;
    let _watcher = ctx.watcher().start().await;
    let seen = deployment.wait_for("a baseline", |seen| seen.ledger("web")["runs"]["digest"] == first).await;
    assert_eq!(seen.image("web"), Some(web.reference("latest").as_str()));
    let second = web.push(Image::new("latest").label("build", "2")).await;
    assert_ne!(first, second);
    deployment.wait_for_image("web", &format!("{}@{second}", web.reference("latest"))).await;
    let told = ctx.watcher().unconnected().output(&["explain", "deploy/web", "-n", ctx.namespace()]).await;
    assert!(
        told.stdout.starts_with("web stays at latest: image-watcher/track is digest, and the tag points to what runs"),
        "{}",
        told.stdout
    );
    let third = web.push(Image::new("latest").label("build", "3")).await;
    deployment.wait_for_image("web", &format!("{}@{third}", web.reference("latest"))).await;
}

/// What names one release should not move; whoever asks to follow it is obeyed, and told that it did.
async fn a_release_that_was_pushed_again_is_followed(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("1.0.0")).await;
    let pinned = format!("{}@{first}", web.reference("1.0.0"));
    let follows = |mode| [("mode", mode), ("track", "digest")];
    let applies = ctx.watched("applies", pinned.clone(), &follows("AUTO_UPDATE")).await;
    let asks = ctx.watched("asks", pinned.clone(), &follows("NOTIFICATION")).await;
    let _watcher = ctx.watcher().mail().start().await;
    let second = web.push(Image::new("1.0.0").label("build", "2")).await;
    applies.wait_for_image("applies", &format!("{}@{second}", web.reference("1.0.0"))).await;
    let asked = asks.wait_for_annotation("image-watcher/last-notified-version", "1.0.0").await;
    assert_eq!(asked.image("asks"), Some(pinned.as_str()));
    link(&ctx, "a release that was pushed again").await;
}

async fn an_image_without_a_tag_is_latest(ctx: Ctx) {
    let web = ctx.repository("web");
    let first = web.push(Image::new("latest")).await;
    let bare = web.reference("latest").trim_end_matches(":latest").to_owned();
    let follows = ctx.watched("follows", bare.clone(), &[("mode", "AUTO_UPDATE"), ("track", "digest")]).await;
    ctx.watched("stays", bare, &[("mode", "AUTO_UPDATE")]).await;
    let _watcher = ctx.watcher().start().await;
    follows.wait_for("a baseline", |seen| seen.ledger("follows")["runs"]["digest"] == first).await;
    let second = web.push(Image::new("latest").label("build", "2")).await;
    follows.wait_for_image("follows", &format!("{}@{second}", web.reference("latest"))).await;
    let told = ctx.watcher().unconnected().output(&["explain", "deploy/stays", "-n", ctx.namespace()]).await;
    let first = told.stdout.lines().next().unwrap_or_default();
    assert!(first.contains("latest (the image names no tag)"), "{} {}", told.stdout, told.stderr);
    let rows = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let rows: Value = serde_json::from_str(&rows.stdout).expect("JSON");
    let stays = rows["items"].as_array().expect("rows").iter().find(|row| row["name"] == "stays").expect("its row");
    assert_eq!((&stays["state"], &stays["running"]), (&Value::from("ignored"), &Value::from("latest")));
}

/// The path of the link in the first mail that says this and has one.
async fn link(ctx: &Ctx, text: &str) -> String {
    eventually(&format!("a mail that says {text:?}"), async || {
        ctx.mailbox().list().await.iter().filter(|mail| mail.text.contains(text)).find_map(Mail::link)
    })
    .await
}

async fn a_skipped_digest_is_not_asked_about_again(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("latest")).await;
    let settings = [("mode", "NOTIFICATION"), ("track", "digest")];
    let deployment = ctx.watched("web", web.reference("latest"), &settings).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_SCHEDULE", "* * * * * *").start().await;
    deployment.wait_for("a baseline", |seen| seen.ledger("web")["runs"]["digest"].is_string()).await;
    let mut skipped = Vec::new();
    for build in ["2", "3"] {
        let digest = web.push(Image::new("latest").label("build", build)).await;
        let path = link(&ctx, digest.get(..19).expect("a digest")).await;
        assert_eq!(watcher.post_form(&path, &[("action", "skip")]).await.status, 303);
        let seen = deployment.wait_for("skipped", |seen| seen.annotation("image-watcher/token-update").is_none()).await;
        skipped.push(seen.annotation("image-watcher/skip").unwrap_or_default().to_owned());
        more_looks(&watcher).await;
        let after = deployment.get().await;
        assert_eq!(after.annotation("image-watcher/token-update"), None, "it is not asked again");
        assert_eq!(after.annotation("image-watcher/skip"), Some(format!("latest@{digest}").as_str()));
    }
    assert_ne!(skipped.first(), skipped.last(), "the second answer takes the place of the first: {skipped:?}");
}

const LOOKS: &str = "image_watcher_reconcile_duration_seconds_count{result=\"ok\"}";

/// Waits until the repository was looked at some more times, whatever came of it.
async fn more_looks(watcher: &Watcher) {
    let looks = async || watcher.metric(LOOKS).await.unwrap_or(0.0);
    let before = looks().await;
    eventually("two more looks", async || (looks().await >= before + 2.0).then_some(())).await;
}

async fn a_question_outlives_its_cooldown(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let settings = [("mode", "NOTIFICATION"), ("cooldown", "2s")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_SCHEDULE", "* * * * * *").start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, "1.0.1").await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    more_looks(&watcher).await;
    let later = deployment.get().await;
    let token = "image-watcher/token-update";
    assert_eq!(later.annotation(token), asked.annotation(token), "the question stays as it is");
    assert_eq!(later.ledger("web")["knownSince"], asked.ledger("web")["knownSince"]);
    assert!(later.annotation("image-watcher/token-update").is_some(), "the question is open");
    assert_eq!(ctx.mailbox().list().await.len(), 1, "people are asked once");
    assert_eq!(watcher.post_form(&path, &[("action", "approve")]).await.status, 303);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    deployment.wait_for("nothing waits", |seen| !seen.ledger("web")["knownSince"].is_object()).await;
}

async fn a_forced_strategy_bounds_a_pattern(ctx: Ctx) {
    let web = ctx.repository("web");
    for tag in ["1.0.0", "1.0.1", "9.0.0", "nightly"] {
        web.push(Image::new(tag)).await;
    }
    let settings = [("mode", "AUTO_UPDATE"), ("tag-policy", "regex:."), ("tag-order", "alphabetical")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let _watcher = ctx.watcher().env("IMAGE_WATCHER_STRATEGY", "PATCH").env("RUN_ON_BOOT", "TRUE").start().await;
    let digest = web.digest("1.0.1").await.expect("it was pushed");
    let updated =
        deployment.wait_for("updated", |seen| seen.image("web") != Some(web.reference("1.0.0").as_str())).await;
    assert_eq!(updated.image("web"), Some(format!("{}@{digest}", web.reference("1.0.1")).as_str()));
}

/// A registry that answers by script: these tags, of which some have a manifest.
fn scripted(ctx: &Ctx, whole: &[&str]) -> (Receiver, String) {
    let registry = ctx.receiver();
    let host = registry.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    registry.says_nothing_of_images("web");
    for tag in whole {
        let digest = format!("sha256:{}", "a".repeat(64));
        let answer = Answer::status(200).header("Docker-Content-Digest", &digest);
        registry.at(&format!("/v2/web/manifests/{tag}"), answer);
    }
    registry.at("/v2/web/manifests/", Answer::status(404));
    (registry, host)
}

fn listed(tags: &[&str]) -> Answer {
    Answer::status(200).body(serde_json::json!({"name": "web", "tags": tags}).to_string())
}

async fn a_tag_without_a_manifest_is_passed_over(ctx: Ctx) {
    let (registry, host) = scripted(&ctx, &["1.0.0", "1.0.1"]);
    registry.always(listed(&["1.0.0", "1.0.1", "1.0.2", "1.0.3"]));
    let image = format!("{host}/web:1.0.0");
    let deployment = ctx.watched("web", image.clone(), &[("mode", "AUTO_UPDATE")]).await;
    ctx.watched("explained", image, &[("mode", "NOTIFICATION")]).await;
    let watcher = || ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host);
    let _running = watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    deployment.wait_for("updated", |seen| seen.image("web").is_some_and(|image| image.contains(":1.0.1@"))).await;
    let told = watcher().output(&["explain", "deploy/explained", "-n", ctx.namespace()]).await;
    let line = |tag: &str| told.stdout.lines().find(|line| line.starts_with(tag)).unwrap_or_default().to_owned();
    assert!(line("1.0.3").contains("no manifest") && line("1.0.2").contains("no manifest"), "{}", told.stdout);
    assert!(told.stdout.starts_with("explained would go from 1.0.0 to 1.0.1"), "{}", told.stdout);
    let rows = watcher().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let rows: Value = serde_json::from_str(&rows.stdout).expect("JSON");
    let row = rows["items"].as_array().expect("rows").iter().find(|row| row["name"] == "explained").expect("its row");
    assert_eq!(row["available"], "1.0.1", "{row}");
    assert!(row["why"].as_str().is_some_and(|why| why.contains("1.0.3")), "{row}");
}

/// Some registries announce and list a tag a moment before they have its manifest.
async fn a_tag_that_is_listed_before_its_manifest_is_not_missed(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = registry.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    registry.at("/v2/web/tags/list", listed(&["1.0.0", "1.0.1"])).says_nothing_of_images("web");
    registry.always(Answer::status(404));
    let deployment = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let _watcher = watcher.start().await;
    let asked = |request: &crate::harness::serve::Received| request.path == "/v2/web/manifests/1.0.1";
    registry.wait_until("a question about 1.0.1", |requests| requests.iter().any(asked)).await;
    let digest = format!("sha256:{}", "b".repeat(64));
    registry.always(Answer::status(200).header("Docker-Content-Digest", &digest));
    deployment.wait_for_image("web", &format!("{host}/web:1.0.1@{digest}")).await;
}

async fn a_list_that_lost_tags_decides_nothing(ctx: Ctx) {
    let (registry, host) = scripted(&ctx, &["1.0.0", "1.0.1"]);
    let whole = ["0.8.0", "0.8.1", "0.8.2", "0.9.0", "0.9.1", "0.9.2", "1.0.0", "1.0.1"];
    registry.always(listed(&whole));
    let deployment = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_PLAIN_HTTP", &*host);
    let watcher = watcher.env("RUN_ON_BOOT", "TRUE").env("IMAGE_WATCHER_SCHEDULE", "* * * * * *").start().await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let open = asked.annotation("image-watcher/token-update").expect("an open question").to_owned();
    let lost: [(&[&str], &str); 3] =
        [(&[], "the list of tags is empty"), (&["1.0.1", "1.1.0"], "lacks 1.0.0"), (&["1.0.0"], "1 of the 8")];
    for (list, reason) in lost {
        registry.always(listed(list));
        let says = |seen: &Seen| seen.annotation("image-watcher/error").is_some_and(|error| error.contains(reason));
        let told = deployment.wait_for(reason, says).await;
        assert_eq!(told.annotation("image-watcher/token-update"), Some(open.as_str()), "{reason}");
        more_looks(&watcher).await;
        let later = deployment.get().await;
        assert_eq!(later.annotation("image-watcher/token-update"), Some(open.as_str()), "{reason}");
        registry.always(listed(&whole));
        let healed = deployment.wait_for("healed", |seen| seen.annotation("image-watcher/error").is_none()).await;
        assert_eq!(healed.annotation("image-watcher/token-update"), Some(open.as_str()), "{reason}");
    }
    assert_eq!(ctx.mailbox().list().await.len(), 1, "nobody is asked twice");
}

async fn a_paused_deployment_waits(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let paused = |name: &str, mode: &str| {
        let builder = ctx.deployment(name).container("web", web.reference("1.0.0"));
        builder.annotation("image-watcher/mode", mode).with(|object| object["spec"]["paused"] = true.into())
    };
    let deployment = paused("web", "AUTO_UPDATE").create().await;
    let asks = paused("asks", "NOTIFICATION").create().await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let told = deployment.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    assert!(told.annotation("image-watcher/error").is_some_and(|error| error.contains("paused")), "{told:?}");
    assert_eq!(told.image("web"), Some(web.reference("1.0.0").as_str()), "nothing is written");
    let paused = r#"image_watcher_decisions_total{outcome="waiting",reason="paused"}"#;
    assert!(watcher.metric(paused).await.is_some_and(|count| count >= 1.0));
    let rows = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let rows: Value = serde_json::from_str(&rows.stdout).expect("JSON");
    let row = rows["items"].as_array().expect("rows").iter().find(|row| row["name"] == "web").expect("its row");
    assert_eq!(row["state"], "waiting", "{row}");
    assert!(row["next"].as_str().is_some_and(|next| next.contains("paused")), "{row}");
    let explain = ctx.watcher().unconnected().output(&["explain", "deploy/web", "-n", ctx.namespace()]).await;
    assert!(explain.stdout.contains("waits, as the rollouts of the workload are paused"), "{}", explain.stdout);
    let asked = asks.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    assert_eq!(asked.annotation("image-watcher/error"), None, "people are asked as ever");
    deployment.patch(serde_json::json!({"spec": {"paused": false}})).await;
    let done = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert_eq!(done.annotation("image-watcher/error"), None);
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
    assert!(text.stdout.contains("2.0.0-alpine  held back  S6    major, beyond the strategy"), "{}", text.stdout);
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
    let wrong = ctx.watcher().output(&["explain", "job/agent"]).await;
    assert_eq!(wrong.code(), Some(2), "{}", wrong.stderr);
}

/// By the same judge that holds it.
async fn what_was_set_back_is_shown_as_held(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let _watcher = ctx.watcher().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    deployment.wait_for("healthy", |seen| seen.ledger("web")["update"]["outcome"] == "healthy").await;
    deployment.set_image("web", &web.reference("1.0.0")).await;
    deployment.wait_for("held", |seen| seen.annotation("image-watcher/held").is_some()).await;
    let rows = ctx.watcher().unconnected().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let document: Value = serde_json::from_str(&rows.stdout).expect("JSON");
    let row = &document["items"][0];
    assert_eq!((&row["state"], &row["available"]), (&Value::from("held"), &Value::from("1.0.1")), "{row}");
    assert!(row["next"].as_str().is_some_and(|next| next.starts_with("held: set back to 1.0.0 by ")), "{row}");
    assert_eq!(rows.code(), Some(1), "there is something newer");
    let told = ctx.watcher().unconnected().output(&["explain", "deploy/web", "-n", ctx.namespace()]).await;
    assert!(told.stdout.contains("; held: set back to 1.0.0 by "), "{}", told.stdout);
}

async fn who_would_undo_an_update_is_told(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx
        .deployment("web")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "NOTIFICATION")
        .annotation("meta.helm.sh/release-name", "shop")
        .annotation("meta.helm.sh/release-namespace", "shop")
        .label("app.kubernetes.io/managed-by", "Helm")
        .create()
        .await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("Helm release shop: a later helm upgrade puts the old image back"), "{}", mail.text);
    assert!(mail.text.contains("to keep 1.0.1, set image.tag: \"1.0.1\" in its values"), "{}", mail.text);
    assert!(mail.text.contains("highest of its family that strategy ALL allows (patch)"), "{}", mail.text);
}
