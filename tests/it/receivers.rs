//! What is sent, received by the libraries that receivers use; and what those sign, received by us. It takes Python and a
//! package index, see `tests/receivers`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Received;
use crate::slack;

pub(crate) fn tests() -> Vec<Test> {
    tests![what_is_sent_is_taken_by_the_libraries_of_receivers, what_slacks_own_library_signs_is_a_press]
}

const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OLD: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
const STRANGER: &str = "whsec_QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receivers"))
}

/// The Python that has the libraries; nothing where there is none and none can be had.
async fn python(ctx: &Ctx) -> Option<PathBuf> {
    let install = || Command::new(folder().join("install.sh")).stderr(Stdio::inherit()).output();
    let output = tokio::task::spawn_blocking(install).await.expect("a thread").ok()?;
    if !output.status.success() {
        ctx.skip("the libraries of receivers are not here and can't be installed");
        return None;
    }
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// What the libraries make of something.
async fn received(python: &Path, case: Value) -> Value {
    let program = python.to_owned();
    let run = move || {
        let mut command = Command::new(program);
        let command = command.arg(folder().join("receive.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("python");
        child.stdin.take().expect("its input").write_all(case.to_string().as_bytes()).expect("a case");
        child.wait_with_output().expect("its end")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("a thread");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn case(kind: &str, request: &Received) -> Value {
    let headers: Value = request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({"kind": kind, "headers": headers, "body": String::from_utf8_lossy(&request.body)})
}

async fn what_is_sent_is_taken_by_the_libraries_of_receivers(ctx: Ctx) {
    let Some(python) = python(&ctx).await else { return };
    let hooks = ctx.receiver();
    let file = |name: &str, text: &str| ctx.file(name, text).display().to_string();
    let url = |name: &str, path: &str| file(name, &hooks.url(path));
    let secrets = file("keys", &format!("{NEW} {OLD}"));
    let yaml = format!(
        "channels:
- {{ name: standard, kind: webhook, urlFile: '{}', secretFile: '{secrets}' }}
- {{ name: events, kind: webhook, urlFile: '{}', secretFile: '{secrets}', format: cloudevents }}
- {{ name: apprise, kind: apprise, urlFile: '{}', tag: oncall }}
",
        url("standard", "/standard"),
        url("events", "/events"),
        url("apprise", "/notify/key"),
    );
    let config = ctx.file("config.yaml", &yaml).display().to_string();
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher =
        ctx.watcher().env("IMAGE_WATCHER_CONFIG", config).env("IMAGE_WATCHER_CLUSTER", "prod eu").start().await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let all = hooks
        .wait_until("a message on each channel", |all| {
            ["/standard", "/events", "/notify/key"].iter().all(|path| all.iter().any(|one| one.path == *path))
        })
        .await;
    let at = |path: &str| all.iter().find(|one| one.path == path).expect("a message");

    for path in ["/standard", "/events"] {
        let mut case = case("standard", at(path));
        case["secrets"] = json!([NEW, OLD, STRANGER]);
        let answer = received(&python, case).await;
        assert_eq!(answer["taken"], json!([true, true, false]), "{path}: with either secret, and no other");
        assert!(answer["altered"].as_array().is_some_and(|all| all.iter().all(|one| *one == false)), "{answer}");
    }
    let event = received(&python, case("cloudevent", at("/events"))).await;
    assert_eq!(event["id"].as_str(), at("/events").header("webhook-id"));
    assert_eq!(
        (&event["type"], &event["source"]),
        (&json!("dev.image-watcher.update.available.v1"), &json!("/clusters/prod%20eu/image-watcher"))
    );
    assert_eq!(event["subject"], format!("{}/Deployment/web/web", ctx.namespace()));
    assert_eq!(event["data"]["to"]["tag"], "1.0.1", "{event}");

    let told = received(&python, case("apprise", at("/notify/key"))).await;
    assert_eq!(told["sent"], true);
    let told = &told["told"][0];
    let link = watcher.url("/a/v1.");
    assert!(["1.0.1", "prod eu", &link].iter().all(|part| told["body"].to_string().contains(part)), "{told}");
    assert_eq!(told["type"], "info");
}

async fn what_slacks_own_library_signs_is_a_press(ctx: Ctx) {
    let Some(python) = python(&ctx).await else { return };
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let chat = slack::slack(&ctx);
    let watcher = slack::answered(&ctx, &chat).start().await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let question = slack::question(&chat, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let body = slack::form(&slack::pressed(&question, "iw.approve", &chat.url("/aside")));
    let time = chrono::Utc::now().timestamp();
    let signed = async |time: i64| {
        let (time, body) = (time.to_string(), body.clone());
        let ours = slack::signature(&time, &body);
        let case = json!({"kind": "slack", "secret": slack::SECRET, "time": time, "body": body, "signature": ours});
        let answer = received(&python, case).await;
        (time, answer["signature"].as_str().expect("a signature").to_owned(), answer["valid"] == true)
    };
    for (apart, is_valid) in [(-400, false), (400, false)] {
        let (time, signature, valid) = signed(time + apart).await;
        assert_eq!(valid, is_valid, "{apart}");
        assert_eq!(slack::sent(&watcher, &time, &signature, body.clone()).await, 401, "{apart}");
    }
    let (time, signature, valid) = signed(time).await;
    assert!(valid, "their verifier takes what the double signs");
    assert_eq!(slack::sent(&watcher, &time, &signature, format!("{body} ")).await, 401);
    assert!(ctx.images_written().is_empty());
    assert_eq!(slack::sent(&watcher, &time, &signature, body.clone()).await, 200);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
}
