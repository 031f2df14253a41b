//! The main job, by real parts: a push, its notification, the decision, the question or the write, the rollout, the
//! story in the annotations.

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_question_is_asked_and_answered,
        an_update_is_applied_by_policy,
        a_stateful_set_is_updated_too,
        what_is_not_ours_survives_byte_for_byte,
        the_same_job_twice_changes_nothing,
        a_broken_version_is_told_as_failed,
        a_version_can_be_skipped_and_put_off,
        an_answer_and_a_write_of_its_record_do_not_collide,
        a_bad_setting_stops_its_workload_alone,
        the_start_and_the_schedule_find_what_no_webhook_told,
        fifty_presses_are_one_update,
        a_moved_tag_voids_its_link,
        an_edited_image_voids_its_link,
    ]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The newest entry of the history.
fn newest(seen: &Seen) -> Value {
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    history[0].clone()
}

fn has_outcome(outcome: &str) -> impl Fn(&Seen) -> bool {
    move |seen| newest(seen)["outcome"] == outcome
}

async fn press(watcher: &Watcher, path: &str, action: &str) -> u16 {
    watcher.post_form(path, &[("action", action)]).await.status
}

async fn a_question_is_asked_and_answered(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    deployment.wait_for_rollout().await;
    let watcher = ctx.watcher().mail().start().await;

    let digest = web.push(Image::new("1.0.1").platforms(["linux/amd64", "linux/arm64"])).await;
    let path = ctx.mailbox().link("1.0.1").await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    assert_eq!(asked.image("web"), Some(web.reference("1.0.0").as_str()), "nothing is written before the answer");
    let token = asked.annotation("image-watcher/token-update").expect("an open link").to_owned();
    assert!(token.starts_with("v1:") && token.split(':').count() == 4, "{token}");
    assert!(!path.contains(&token));

    for n in 0..100 {
        let method = if n % 2 == 0 { reqwest::Method::GET } else { reqwest::Method::HEAD };
        let page =
            watcher.send(method, &watcher.url(&path), &[("User-Agent", "Slackbot-LinkExpanding 1.0")], vec![]).await;
        assert_eq!(page.status, 200);
    }
    let after = deployment.get().await;
    assert_eq!(
        after.0["metadata"]["annotations"], asked.0["metadata"]["annotations"],
        "a hundred looks change nothing"
    );
    assert_eq!(after.0["spec"], asked.0["spec"]);
    let by_annotation = watcher.get(&format!("/a/{token}")).await;
    assert_eq!(by_annotation.status, 404, "who reads the annotation can't act");

    assert_eq!(press(&watcher, &path, "aprove").await, 400);
    assert_eq!(press(&watcher, &path, "rollback").await, 403);
    assert_eq!(press(&watcher, &path, "approve").await, 303);
    let done = deployment.wait_for("healthy", has_outcome("healthy")).await;
    assert_eq!(done.image("web"), Some(format!("{}@{digest}", web.reference("1.0.1")).as_str()));
    deployment.wait_for_rollout().await;
    assert_eq!(done.annotation("image-watcher/current-version"), Some("1.0.1"));
    assert_eq!(done.annotation("image-watcher/previous-version"), Some("1.0.0"));
    assert_eq!(done.annotation("image-watcher/last-updated-version"), Some("1.0.1"));
    assert_eq!(done.annotation("image-watcher/token-update"), None);
    assert!(done.annotation("image-watcher/last-updated").is_some_and(|time| time.ends_with('Z')));
    let entry = newest(&done);
    assert_eq!(entry["version"], "1.0.1");
    assert_eq!(entry["previous"], "1.0.0");
    assert_eq!(entry["digest"], digest);
    assert!(entry["by"].as_str().expect("who").starts_with("link email:"), "{entry}");

    let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
    let again = watcher.send(reqwest::Method::POST, &watcher.url(&path), &headers, b"action=approve".to_vec()).await;
    assert_eq!(again.status, 410, "a link acts once");
    ctx.mailbox().wait_for(2).await;
    let patches = writes(&ctx).into_iter().filter(writes_image).count();
    assert_eq!(patches, 1, "the API server saw one image written");
}

/// Writes of the watcher that the API server accepted, from its audit log.
fn writes(ctx: &Ctx) -> Vec<Value> {
    let accepted = |event: &Value| event["responseStatus"]["code"] == 200 && event["verb"] == "patch";
    ctx.audit_of_watcher().into_iter().filter(accepted).collect()
}

fn writes_image(event: &Value) -> bool {
    let operations = event["requestObject"].as_array().cloned().unwrap_or_default();
    operations
        .iter()
        .any(|op| op["op"] == "replace" && op["path"].as_str().is_some_and(|path| path.ends_with("/image")))
}

async fn an_update_is_applied_by_policy(ctx: Ctx) {
    let (slack, hook) = (ctx.receiver(), ctx.receiver());
    slack.always(Answer::status(200).body("ok"));
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment =
        ctx.watched("web", web.reference("1.0.0"), &[("mode", "auto_update"), ("strategy", "PATCH")]).await;
    deployment.wait_for_rollout().await;
    let watcher = ctx.watcher();
    let watcher = watcher.env("SLACK_URL", slack.url("/services/T0/B0/secret"));
    let watcher = watcher.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
    let watcher = watcher.start().await;

    web.push(Image::new("1.1.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let done = deployment.wait_for("healthy", has_outcome("healthy")).await;
    assert_eq!(done.image("web"), Some(format!("{}@{digest}", web.reference("1.0.1")).as_str()));
    assert_eq!(newest(&done)["by"], "policy");

    let messages = slack.wait_for(1).await;
    let message = messages[0].json();
    let text = message["text"].as_str().expect("a text");
    assert!(text.contains("1.0.0") && text.contains("1.0.1"), "{text}");
    let is_applied = |request: &crate::harness::serve::Received| request.json()["type"] == "update.applied";
    let events = hook.wait_until("update.applied", |all| all.iter().any(is_applied)).await;
    let event = events.iter().find(|request| is_applied(request)).expect("it was there");
    let receiver = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let value = event.header(name).expect("a signed delivery").parse().expect("a value");
        headers.insert(http::HeaderName::from_static(name), value);
    }
    receiver.verify(&event.body, &headers).expect("the signature of the body as it came");
    let data = &event.json()["data"];
    assert_eq!(data["workload"]["name"], "web");
    assert_eq!(data["from"]["tag"], "1.0.0");
    assert_eq!((data["to"]["tag"].as_str(), data["to"]["digest"].as_str()), (Some("1.0.1"), Some(digest.as_str())));
    watcher.wait_for_log("the message is delivered").await;
    let logs = watcher.logs();
    let traces = |text: &str| -> Vec<String> {
        let lines = logs.lines().filter(|line| line.contains(text));
        lines.filter_map(|line| line.split("trace_id=\"").nth(1)?.split('"').next().map(str::to_owned)).collect()
    };
    let (announced, delivered) = (traces("a push was announced"), traces("the message is delivered"));
    assert!(delivered.iter().any(|trace| announced.contains(trace)), "one id from webhook to delivery: {logs}");
}

async fn a_stateful_set_is_updated_too(ctx: Ctx) {
    let store = ctx.repository("store");
    store.push(Image::new("v1.0.0")).await;
    let set = ctx
        .stateful_set("store")
        .container("store", store.reference("v1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .create()
        .await;
    set.wait_for_rollout().await;
    let _watcher = ctx.watcher().start().await;
    let digest = store.push(Image::new("v2.0.0")).await;
    let done = set.wait_for("healthy", has_outcome("healthy")).await;
    assert_eq!(done.image("store"), Some(format!("{}@{digest}", store.reference("v2.0.0")).as_str()));
}

async fn what_is_not_ours_survives_byte_for_byte(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let mut builder = ctx
        .deployment("web")
        .container("first", "registry.test/sidecar:3.0.0")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode.web", "AUTO_UPDATE")
        .annotation("image-watcher/mode", "DISABLED");
    for n in 0..12 {
        builder = builder.annotation(&format!("example.com/foreign-{n}"), &format!("välue {n} \"quoted\" \\ /~1"));
    }
    let deployment = builder
        .with(|object| {
            object["spec"]["template"]["spec"]["initContainers"] =
                json!([{"name": "init", "image": "registry.test/init:1", "args": ["a", "b"]}]);
            object["spec"]["template"]["metadata"]["annotations"] = json!({"pod/annotation": "kept"});
            object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
        })
        .create()
        .await;
    deployment.wait_for_rollout().await;
    let before = deployment.get().await.0;
    let _watcher = ctx.watcher().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let after = deployment.wait_for("healthy", has_outcome("healthy")).await.0;

    let mut expected = before;
    expected["spec"]["template"]["spec"]["containers"][1]["image"] =
        json!(format!("{}@{digest}", web.reference("1.0.1")));
    assert_eq!(after["spec"], expected["spec"]);
    let ours = |key: &str| {
        let starts = ["image-watcher/", "deployment.kubernetes.io/", "kubernetes.io/change-cause"];
        starts.iter().any(|start| key.starts_with(start))
    };
    let foreign = |object: &Value| -> Vec<String> {
        let all = object["metadata"]["annotations"].as_object().expect("annotations");
        all.iter().filter(|(key, _)| !ours(key)).map(|(key, value)| format!("{key}={value}")).collect()
    };
    assert_eq!(foreign(&after), foreign(&expected));
    assert_eq!(foreign(&after).len(), 12);
    assert_eq!(after["metadata"]["labels"], expected["metadata"]["labels"]);
    assert_eq!(after["metadata"]["annotations"]["image-watcher/current-version.web"], "1.0.1");
}

/// A delivery as a registry would send it.
fn envelope(host: &str, repository: &str, tag: &str) -> String {
    json!({"events": [{
        "id": "1", "action": "push",
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": tag},
        "request": {"host": host}
    }]})
    .to_string()
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");

async fn the_same_job_twice_changes_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("1.0.1")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().mail().env("RUN_ON_BOOT", "TRUE").start().await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    ctx.mailbox().wait_for(1).await;
    let host = ctx.registry().host().to_owned();
    let looks =
        async || watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await.unwrap_or(0.0);
    for _ in 0..3 {
        let before = looks().await;
        let hook = watcher.post("/webhooks/distribution", &[BEARER], envelope(&host, web.name(), "1.0.1")).await;
        assert_eq!(hook.status, 202);
        eventually("another look", async || (looks().await > before).then_some(())).await;
    }
    let after = deployment.get().await;
    assert_eq!(
        after.annotation("image-watcher/token-update"),
        asked.annotation("image-watcher/token-update"),
        "the question is the same"
    );
    assert_eq!(ctx.mailbox().list().await.len(), 1, "nobody is told twice");
}

async fn a_broken_version_is_told_as_failed(ctx: Ctx) {
    let web = ctx.repository("broken-web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx
        .deployment("web")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .annotation("image-watcher/rollback", "false")
        .with(|object| object["spec"]["progressDeadlineSeconds"] = json!(3))
        .create()
        .await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let failed = deployment.wait_past_deadline(deployment.wait_for("failed", has_outcome("failed"))).await;
    assert_eq!(failed.annotation("image-watcher/last-notified-version"), Some("1.0.1"));
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("failed"), "{}", mail.text);
    let api = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    let api = watcher.send(reqwest::Method::GET, &api, &[], Vec::new()).await.json();
    assert_eq!(api["containers"][0]["reason"], "rollout-failed", "{api}");
    let check = ctx.watcher().mail().output(&["check", "-A", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&check.stdout).expect("JSON");
    let row = document["items"].as_array().expect("a list").iter().find(|row| row["name"] == "web").expect("a row");
    assert_eq!((check.code(), &row["state"]), (Some(1), &"failed".into()), "{row}");
    assert!(row["next"].as_str().is_some_and(|next| next.contains("the rollout of 1.0.1 failed")), "{row}");

    // What runs then is another matter.
    watcher.terminate().await;
    deployment.set_image("web", &web.reference("1.0.0")).await;
    let check = ctx.watcher().mail().output(&["check", "-A", "-o", "json"]).await;
    assert!(check.stdout.contains(r#""state": "waiting""#), "{}", check.stdout);
}

async fn a_version_can_be_skipped_and_put_off(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let first = ctx.mailbox().link("1.0.1").await;
    assert_eq!(press(&watcher, &first, "snooze").await, 303);
    assert!(watcher.get(&first).await.body.contains("put off"), "the page says so");
    assert_eq!(press(&watcher, &first, "skip").await, 303);
    let skipped = deployment.wait_for_annotation("image-watcher/skip", "1.0.1").await;
    assert_eq!(skipped.annotation("image-watcher/token-update"), None);
    assert_eq!(newest(&skipped)["outcome"], "skipped");

    web.push(Image::new("1.0.2")).await;
    let second = ctx.mailbox().link("1.0.2").await;
    web.push(Image::new("1.0.3")).await;
    let _third = ctx.mailbox().link("1.0.3").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.3").await;
    let old = watcher.get(&second).await;
    assert_eq!(old.status, 409);
    assert!(old.body.contains("1.0.3"), "the old link says what is newer");
    assert_eq!(press(&watcher, &second, "approve").await, 409);
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
}

/// Somebody writes to the record of a question while its link is pressed.
async fn an_answer_and_a_write_of_its_record_do_not_collide(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let link = ctx.mailbox().link("1.0.1").await;
    let told = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let record = told.annotation("image-watcher/record").expect("a record").to_owned();
    for round in 1..=25 {
        let written = format!("{record}{}", " ".repeat(round));
        let (status, _) =
            tokio::join!(press(&watcher, &link, "snooze"), deployment.annotate("image-watcher/record", Some(&written)));
        assert_eq!(status, 303, "round {round}");
    }
}

async fn a_bad_setting_stops_its_workload_alone(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let build = |name: &str, strategy: &str| {
        ctx.deployment(name)
            .container("web", web.reference("1.0.0"))
            .annotation("image-watcher/mode", "AUTO_UPDATE")
            .annotation("image-watcher/strategy", strategy)
    };
    let (bad, good) = (build("bad", "PACTH").create().await, build("good", "patch").create().await);
    let _watcher = ctx.watcher().start().await;
    web.push(Image::new("1.0.1")).await;
    good.wait_for("healthy", has_outcome("healthy")).await;
    let marked = bad.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let error = marked.annotation("image-watcher/error").expect("it was there");
    assert!(error.contains("image-watcher/strategy") && error.contains("PACTH") && error.contains("PATCH"), "{error}");
    assert_eq!(marked.image("web"), Some(web.reference("1.0.0").as_str()));
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    eventually("an Event about the setting", async || {
        let list = events.list(&ListParams::default()).await.expect("a list");
        let about =
            |event: &Event| event.regarding.as_ref().is_some_and(|object| object.name.as_deref() == Some("bad"));
        let reason = |event: &Event| event.reason.as_deref() == Some("InvalidSetting");
        list.items.iter().any(|event| about(event) && reason(event)).then_some(())
    })
    .await;
    bad.annotate("image-watcher/strategy", Some("PATCH")).await;
    let mended = bad.wait_for("healthy", has_outcome("healthy")).await;
    assert_eq!(mended.annotation("image-watcher/error"), None);
}

async fn the_start_and_the_schedule_find_what_no_webhook_told(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("1.0.1")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("RUN_ON_BOOT", "TRUE").env("IMAGE_WATCHER_SCHEDULE", "* * * * * *");
    let _watcher = watcher.start().await;
    deployment.wait_for("healthy", has_outcome("healthy")).await;
    let digest = web.push(Image::new("1.0.2")).await;
    let polled = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.2"))).await;
    assert_eq!(newest(&polled)["version"], "1.0.2");
}

async fn fifty_presses_are_one_update(ctx: Ctx) {
    let hook = ctx.receiver();
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
    let watcher = watcher.start().await;
    web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    let presses = (0..50).map(|_| press(&watcher, &path, "approve"));
    let answers = futures_util::future::join_all(presses).await;
    assert!(answers.iter().all(|status| [200, 303].contains(status)), "{answers:?}");
    deployment.wait_for("healthy", has_outcome("healthy")).await;
    assert_eq!(writes(&ctx).iter().filter(|write| writes_image(write)).count(), 1);
    let kind =
        |request: &crate::harness::serve::Received| request.json()["type"].as_str().unwrap_or_default().to_owned();
    let events = hook.wait_until("applied", |all| all.iter().any(|request| kind(request) == "update.applied")).await;
    assert_eq!(events.iter().filter(|request| kind(request) == "approval.granted").count(), 1);
}

async fn a_moved_tag_voids_its_link(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let host = ctx.registry().host().to_owned();
    watcher.post("/webhooks/distribution", &[BEARER], envelope(&host, web.name(), "1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    web.push(Image::new("1.0.1").label("rebuilt", "yes")).await;
    assert_eq!(press(&watcher, &path, "approve").await, 409);
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
    ctx.mailbox().wait_for(2).await;
}

async fn an_edited_image_voids_its_link(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    deployment.set_image("web", &web.reference("1.0.1")).await;
    assert_eq!(press(&watcher, &path, "approve").await, 409);
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.1").as_str()));
}
