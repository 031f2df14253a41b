//! Slack's buttons, by a double of its API: a press of somebody who may writes the image, one of anybody else nothing.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::receiver::Receiver;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Watcher, WatcherBuilder};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_press_in_slack_goes_the_way_of_a_links,
        two_users_of_slack_are_two_people,
        one_update_is_one_message_in_slack,
        what_slack_does_not_change_is_said_below,
        a_question_that_was_replaced_loses_its_buttons,
        a_press_that_was_acknowledged_is_done_after_a_kill,
    ]
}

pub(crate) const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// Slack's API, which takes everything, and where answers to whoever pressed go.
pub(crate) fn slack(ctx: &Ctx) -> Receiver {
    let slack = ctx.receiver();
    let posted = json!({"ok": true, "channel": "C123", "ts": "1735787045.000100"}).to_string();
    slack.at("/api/", Answer::status(200).body(posted));
    slack
}

async fn watcher(ctx: &Ctx, slack: &Receiver) -> Watcher {
    answered(ctx, slack).start().await
}

/// One whose buttons two users of a channel may press, beside mail.
pub(crate) fn answered(ctx: &Ctx, slack: &Receiver) -> WatcherBuilder {
    let token = ctx.file("slack", "xoxb-1-token");
    let yaml = format!(
        "channels: [{{ name: ops, kind: slack, tokenFile: '{}', url: '{}', channel: C123, team: T1, app: A1, users: [U1, U2] }}]",
        token.display(),
        slack.url("/api")
    );
    let config = ctx.file("config.yaml", &yaml);
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", config.display().to_string());
    watcher.env("SLACK_SIGNING_SECRET", SECRET)
}

/// Its calls of a method, each with the bot's token.
pub(crate) fn calls(received: &[Received], method: &str) -> Vec<Value> {
    let of = received.iter().filter(|one| one.path == format!("/api/{method}"));
    of.inspect(|one| assert_eq!(one.header("authorization"), Some("Bearer xoxb-1-token"))).map(Received::json).collect()
}

/// The message that asks, with its buttons.
pub(crate) async fn question(slack: &Receiver, version: &str) -> Value {
    let asks = |received: &[Received]| {
        let messages = calls(received, "chat.postMessage");
        messages
            .into_iter()
            .find(|message| message.to_string().contains("iw.approve") && message["text"].to_string().contains(version))
    };
    let received = slack.wait_until("a question in Slack", |received| asks(received).is_some()).await;
    asks(&received).expect("a question")
}

/// What Slack sends when a button of a message is pressed.
pub(crate) fn pressed(message: &Value, button: &str, aside: &str) -> Value {
    let blocks = message["blocks"].as_array().expect("blocks");
    let elements = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
    let action = elements.into_iter().find(|element| element["action_id"] == button).expect("the button");
    json!({
        "type": "block_actions",
        "user": {"id": "U1", "username": "roadrunner", "team_id": "T1"},
        "api_app_id": "A1",
        "team": {"id": "T1"},
        "channel": {"id": "C123"},
        "container": {"type": "message", "message_ts": "1735787045.000100", "channel_id": "C123"},
        "message": {"blocks": blocks},
        "response_url": aside,
        "actions": [{"action_id": button, "value": action["value"], "type": "button"}],
    })
}

pub(crate) async fn send(watcher: &Watcher, payload: &Value) -> u16 {
    let body = form(payload);
    let time = chrono::Utc::now().timestamp().to_string();
    let signature = signature(&time, &body);
    sent(watcher, &time, &signature, body).await
}

/// The form that Slack sends.
pub(crate) fn form(payload: &Value) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

pub(crate) fn signature(time: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    let mac = mac.chain_update(format!("v0:{time}:{body}")).finalize().into_bytes();
    let signature: String = mac.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    format!("v0={signature}")
}

pub(crate) async fn sent(watcher: &Watcher, time: &str, signature: &str, body: String) -> u16 {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Slack-Request-Timestamp", time),
        ("X-Slack-Signature", signature),
    ];
    watcher.post("/slack/actions", &headers, body).await.status
}

pub(crate) fn with(payload: &Value, path: &str, value: &str) -> Value {
    let mut payload = payload.clone();
    *payload.pointer_mut(path).expect("a part") = value.into();
    payload
}

async fn a_press_in_slack_goes_the_way_of_a_links(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let slack = slack(&ctx);
    let watcher = watcher(&ctx, &slack).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let question = question(&slack, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let press = pressed(&question, "iw.approve", &slack.url("/aside"));

    let before = deployment.get().await;
    for (path, value) in [("/user/id", "U9"), ("/user/team_id", "T9"), ("/team/id", "T9"), ("/api_app_id", "A9")] {
        assert_eq!(send(&watcher, &with(&press, path, value)).await, 200, "{path}");
    }
    let asides = |received: &[Received]| received.iter().filter(|one| one.path == "/aside").count();
    let received = slack.wait_until("four are told that they may not", |all| asides(all) == 4).await;
    let told = received.iter().rfind(|one| one.path == "/aside").expect("an answer").json();
    assert_eq!(told["response_type"], "ephemeral");
    assert!(told["text"].as_str().is_some_and(|text| text.starts_with("You may not answer this here")), "{told}");
    let unsigned = watcher.post("/slack/actions", &[("X-Slack-Signature", "v0=00")], "payload=x").await;
    assert_eq!(unsigned.status, 401);
    assert_eq!(deployment.get().await.0["metadata"]["annotations"], before.0["metadata"]["annotations"]);
    assert!(ctx.images_written().is_empty() && calls(&slack.requests(), "chat.update").is_empty());
    assert_eq!(watcher.logs().matches("was pressed by somebody who may not").count(), 4);

    assert_eq!(send(&watcher, &press).await, 200);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    assert_eq!(history[0]["by"], "slack T1/U1");
    // The rollout is shown in the same message, before it or after it.
    let settled =
        |all: &[Received]| calls(all, "chat.update").into_iter().find(|update| update.to_string().contains("by <@U1>"));
    let received = slack
        .wait_until("the message is settled", |all| {
            let below = calls(all, "chat.postMessage").iter().any(|one| one["thread_ts"] == "1735787045.000100");
            below && settled(all).is_some()
        })
        .await;
    let update = settled(&received).expect("what was decided");
    assert_eq!((&update["channel"], &update["ts"]), (&json!("C123"), &json!("1735787045.000100")));
    for update in calls(&received, "chat.update") {
        assert!(!update.to_string().contains("iw.approve"), "its buttons are gone: {update}");
    }

    assert_eq!(send(&watcher, &with(&press, "/user/id", "U2")).await, 200);
    let told = |all: &[Received]| {
        let below = calls(all, "chat.postMessage").into_iter().filter(|one| one["thread_ts"].is_string());
        below
            .filter(|one| one["text"].to_string().contains("Approved") && one["text"].to_string().contains("by <@U1>"))
            .count()
    };
    slack.wait_until("the second is told who was first", |all| told(all) == 2).await;
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
}

async fn two_users_of_slack_are_two_people(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let slack = slack(&ctx);
    let watcher = watcher(&ctx, &slack).await;
    let settings = [("mode", "NOTIFICATION"), ("approvals", "2")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let question = question(&slack, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let press = pressed(&question, "iw.approve", &slack.url("/aside"));
    assert_eq!(send(&watcher, &press).await, 200);
    slack
        .wait_until("the vote is told", |all| {
            calls(all, "chat.postMessage").iter().any(|one| one["text"].to_string().contains("1 of 2"))
        })
        .await;
    assert_eq!(send(&watcher, &press).await, 200);
    slack.wait_until("once more is no other", |all| all.iter().any(|one| one.path == "/aside")).await;
    assert!(ctx.images_written().is_empty());
    assert_eq!(send(&watcher, &with(&press, "/user/id", "U2")).await, 200);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    assert_eq!(history[0]["by"], "people slack T1/U1; slack T1/U2");
}

/// What was posted by itself about this version, and not below something else.
fn posted(received: &[Received], version: &str) -> Vec<Value> {
    let messages = calls(received, "chat.postMessage").into_iter();
    messages.filter(|one| one["thread_ts"].is_null() && one["text"].to_string().contains(version)).collect()
}

/// What was said below the question, which begins so.
fn below(received: &[Received], part: &str) -> Vec<Value> {
    let messages = calls(received, "chat.postMessage").into_iter();
    messages.filter(|one| one["thread_ts"] == "1735787045.000100" && one["text"].to_string().contains(part)).collect()
}

/// Answers by the link of a message that asks.
async fn approve_by_link(watcher: &Watcher, question: &Value) {
    let text = question.to_string();
    let token = text.split("/a/v1.").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    assert_eq!(watcher.post_form(&format!("/a/v1.{token}"), &[("action", "approve")]).await.status, 303);
}

/// An update that is asked about and approved by its link: what Slack received until it is healthy.
async fn update_to_its_end(ctx: &Ctx, slack: &Receiver) -> Vec<Received> {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = watcher(ctx, slack).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let question = question(slack, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    approve_by_link(&watcher, &question).await;
    slack.wait_until("how it ended", |all| !below(all, "is healthy").is_empty()).await
}

async fn one_update_is_one_message_in_slack(ctx: Ctx) {
    let received = update_to_its_end(&ctx, &slack(&ctx)).await;
    let updates = calls(&received, "chat.update");
    let states: Vec<bool> = ["is being rolled out", "is healthy"]
        .into_iter()
        .map(|state| updates.iter().any(|update| update["text"].to_string().contains(state)))
        .collect();
    assert_eq!(states, [true, true], "{updates:#?}");
    for update in &updates {
        assert_eq!((&update["channel"], &update["ts"]), (&json!("C123"), &json!("1735787045.000100")));
        assert!(!update.to_string().contains("iw."), "its buttons are gone: {update}");
    }
    assert_eq!(posted(&received, "1.0.1").len(), 1, "{:#?}", calls(&received, "chat.postMessage"));
    assert_eq!(below(&received, "is healthy")[0]["reply_broadcast"], Value::Null, "what is well disturbs nobody");
}

/// A message that was deleted, or is too old to be changed: people hear of it all the same.
async fn what_slack_does_not_change_is_said_below(ctx: Ctx) {
    let slack = ctx.receiver();
    let refused = json!({"ok": false, "error": "edit_window_closed"}).to_string();
    slack.at("/api/chat.update", Answer::status(200).body(refused));
    let taken = json!({"ok": true, "channel": "C123", "ts": "1735787045.000100"}).to_string();
    slack.at("/api/", Answer::status(200).body(taken));
    let received = update_to_its_end(&ctx, &slack).await;
    assert_eq!(below(&received, "is being rolled out").len(), 1);
    assert_eq!(posted(&received, "1.0.1").len(), 1);
}

/// What was answered says how that went on, and is not said to be replaced by what comes after it.
async fn a_question_that_was_replaced_loses_its_buttons(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let slack = slack(&ctx);
    let watcher = watcher(&ctx, &slack).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    question(&slack, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    web.push(Image::new("1.0.2")).await;
    let second = question(&slack, "1.0.2").await;
    let replaced = |all: &[Received]| -> Vec<Value> {
        let updates = calls(all, "chat.update").into_iter();
        updates.filter(|one| one["text"].to_string().contains("took its place")).collect()
    };
    let told = replaced(&slack.requests());
    assert_eq!(told.len(), 1, "{told:#?}");
    let text = told[0]["text"].as_str().expect("a text");
    assert!(text.contains("1.0.0 → 1.0.1") && text.ends_with("1.0.2 took its place."), "{text}");
    assert!(!told[0].to_string().contains("iw.") && !told[0].to_string().contains("/a/v1."), "{}", told[0]);
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.2").await;
    approve_by_link(&watcher, &second).await;
    slack.wait_until("how it ended", |all| !below(all, "is healthy").is_empty()).await;
    web.push(Image::new("1.0.3")).await;
    question(&slack, "1.0.3").await;
    assert_eq!(replaced(&slack.requests()).len(), 1, "what was answered stays");
}

/// Slack sends a press once, so nothing that it was told of may be lost.
async fn a_press_that_was_acknowledged_is_done_after_a_kill(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let slack = slack(&ctx);
    let mut watcher = watcher(&ctx, &slack).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let question = question(&slack, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let press = pressed(&question, "iw.approve", &slack.url("/aside"));
    assert_eq!(send(&watcher, &press).await, 200);
    watcher.kill9().await;
    watcher.start_when_ended().await;
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    assert_eq!(history[0]["by"], "slack T1/U1");
    let written =
        eventually("the write is in the audit log", async || Some(ctx.images_written()).filter(|all| !all.is_empty()));
    assert_eq!(written.await.len(), 1);
}
