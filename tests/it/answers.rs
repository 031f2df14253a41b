//! An answer is a new decision: what would not be asked about today is not done.

use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_a_workload_no_longer_allows_is_not_done,
        what_the_operator_no_longer_allows_is_not_done,
        what_was_disabled_a_moment_ago_is_not_done,
        an_answer_about_a_digest_is_a_new_decision_too,
        a_list_that_is_not_believed_carries_no_answer_out,
    ]
}

/// The path of the link in the mail about a version.
async fn link(ctx: &Ctx, version: &str) -> String {
    eventually(&format!("a mail about {version}"), async || {
        ctx.mailbox().list().await.iter().filter(|mail| mail.text.contains(version)).find_map(Mail::link)
    })
    .await
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn press(watcher: &Watcher, path: &str, action: &str) -> Reply {
    let headers = [("Accept", "application/json"), ("Content-Type", FORM)];
    watcher.post(path, &headers, format!("action={action}")).await
}

async fn opened(watcher: &Watcher, path: &str) -> Reply {
    watcher.send(reqwest::Method::GET, &watcher.url(path), &[("Accept", "application/json")], Vec::new()).await
}

fn ours(seen: &Seen) -> Value {
    let mut all = seen.0["metadata"]["annotations"].clone();
    if let Some(all) = all.as_object_mut() {
        // The record takes an edit of settings over, whenever that is looked at.
        all.retain(|name, _| name.starts_with("image-watcher/") && name != "image-watcher/record");
    }
    all
}

/// A workload whose people were asked about a version of their own.
async fn asked(ctx: &Ctx, watcher: &Watcher, name: &str, running: &str, version: &str) -> Question {
    let repository = ctx.repository(name);
    repository.push(Image::new(running)).await;
    let workload = ctx.watched(name, repository.reference(running), &[("mode", "NOTIFICATION")]).await;
    eventually(&format!("{name} is watched"), async || {
        let path = format!("/api/v1/workloads/{}/deploy/{name}", ctx.namespace());
        let seen = watcher.send(reqwest::Method::GET, &watcher.admin_url(&path), &[], Vec::new()).await;
        (seen.status == 200).then_some(())
    })
    .await;
    let digest = repository.push(Image::new(version)).await;
    let path = link(ctx, version).await;
    workload.wait_for_annotation("image-watcher/last-notified-version", version).await;
    Question { workload, path, image: format!("{}@{digest}", repository.reference(version)) }
}

struct Question {
    workload: Workload,
    path: String,
    /// What an approval writes.
    image: String,
}

impl Question {
    /// Nobody gets anything done with this link, everybody is told why, and it stays what it is.
    async fn is_refused(&self, watcher: &Watcher, reason: &str, words: &str) {
        let before = self.workload.get().await;
        let page = opened(watcher, &self.path).await;
        assert_eq!((page.status, &page.json()["reason"]), (409, &reason.into()), "{}", page.body);
        for action in ["approve", "skip", "snooze"] {
            let answer = press(watcher, &self.path, action).await;
            let document = answer.json();
            assert_eq!((answer.status, &document["reason"]), (409, &reason.into()), "{action}: {}", answer.body);
            assert!(document["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{}", answer.body);
        }
        let page = watcher.post_form(&self.path, &[("action", "approve")]).await;
        assert!(page.status == 409 && page.body.contains("Nothing was done"), "{}", page.body);
        let after = self.workload.get().await;
        assert_eq!(ours(&after), ours(&before), "nothing is written");
        assert_eq!(after.image(self.workload.name()), before.image(self.workload.name()));
    }

    async fn is_done(&self, watcher: &Watcher) {
        let answer = press(watcher, &self.path, "approve").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.workload.wait_for_image(self.workload.name(), &self.image).await;
    }
}

/// What was changed while nobody watched is not looked at until something happens, and its questions are open.
async fn what_a_workload_no_longer_allows_is_not_done(ctx: Ctx) {
    let cases = [
        ("mode", "DISABLED", "disabled", "image-watcher/mode"),
        ("mode.case-1", "DISABLED", "disabled", "image-watcher/mode"),
        ("strategy", "PATCH", "above_strategy", "PATCH"),
        ("exclude", "^1[.]1", "excluded", "image-watcher/exclude"),
        ("include", "^2", "not_included", "image-watcher/include"),
        ("skip", "1.1.5", "skipped", "image-watcher/skip"),
        ("cooldown", "30d", "cooldown", "UTC"),
        ("tag-policy", "glob:build-*", "outside_pattern", "image-watcher/tag-policy"),
        ("stategy", "PATCH", "settings", "did you mean image-watcher/strategy?"),
        ("strategy", "PACTH", "settings", "PACTH"),
    ];
    let mut watcher = ctx.watcher().mail().start().await;
    let mut questions = Vec::new();
    for number in 0..cases.len() {
        let (name, version) = (format!("case-{number}"), format!("1.1.{number}"));
        questions.push(asked(&ctx, &watcher, &name, "1.0.0", &version).await);
    }
    watcher.terminate().await;
    for (question, (setting, value, ..)) in questions.iter().zip(cases) {
        question.workload.annotate(&format!("image-watcher/{setting}"), Some(value)).await;
    }
    watcher.restart().await;
    for (question, (.., reason, words)) in questions.iter().zip(cases) {
        question.is_refused(&watcher, reason, words).await;
    }
    assert_eq!(ctx.mailbox().list().await.len(), cases.len(), "nobody is told anything");

    // The link was not used up: what is allowed again is done.
    questions[0].workload.annotate("image-watcher/mode", Some("NOTIFICATION")).await;
    eventually("it can be answered again", async || {
        (opened(&watcher, &questions[0].path).await.status == 200).then_some(())
    })
    .await;
    questions[0].is_done(&watcher).await;
}

async fn what_the_operator_no_longer_allows_is_not_done(ctx: Ctx) {
    let mut watcher = ctx.watcher().mail().start().await;
    let question = asked(&ctx, &watcher, "web", "1.0.0", "1.1.0").await;
    let forced = [
        ("IMAGE_WATCHER_MODE", "DISABLED", "disabled", "IMAGE_WATCHER_MODE"),
        ("IMAGE_WATCHER_STRATEGY", "PATCH", "above_strategy", "IMAGE_WATCHER_STRATEGY"),
    ];
    for (variable, value, reason, words) in forced {
        watcher.set_env("IMAGE_WATCHER_MODE", "NOTIFICATION");
        watcher.set_env(variable, value);
        watcher.restart().await;
        question.is_refused(&watcher, reason, words).await;
    }
    watcher.set_env("IMAGE_WATCHER_STRATEGY", "MINOR");
    watcher.restart().await;
    question.is_done(&watcher).await;
}

/// The answer is as new as the object that it writes, not as what the watch stream has brought so far.
async fn what_was_disabled_a_moment_ago_is_not_done(ctx: Ctx) {
    let watcher = ctx.watcher().mail().start().await;
    let mut questions = Vec::new();
    for number in 0..6 {
        let (name, version) = (format!("case-{number}"), format!("1.1.{number}"));
        questions.push(asked(&ctx, &watcher, &name, "1.0.0", &version).await);
    }
    for question in questions {
        let before = question.workload.annotate("image-watcher/mode", Some("DISABLED")).await;
        let answer = press(&watcher, &question.path, "approve").await;
        assert_eq!((answer.status, &answer.json()["reason"]), (409, &"disabled".into()), "{}", answer.body);
        assert_eq!(ours(&question.workload.get().await), ours(&before));
    }
}

async fn an_answer_about_a_digest_is_a_new_decision_too(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("latest")).await;
    let settings = [("mode", "NOTIFICATION"), ("track", "digest")];
    let workload = ctx.watched("web", web.reference("latest"), &settings).await;
    let mut watcher = ctx.watcher().mail().start().await;
    workload.wait_for("known", |seen| seen.ledger("web")["runs"]["digest"].is_string()).await;
    let digest = web.push(Image::new("latest").label("build", "2")).await;
    let path = link(&ctx, "latest").await;
    workload.wait_for("asked", |seen| seen.annotation("image-watcher/last-notified-version").is_some()).await;
    let question = Question { workload, path, image: format!("{}@{digest}", web.reference("latest")) };
    // A registry that was not answered tells again, and a look under other settings closes the question.
    ctx.notifications(crate::harness::switchboard::Delivery::Lost);
    let skip = format!("latest@{digest}");
    for (setting, value, reason, words) in [
        ("skip", Some(skip.as_str()), "skipped", "image-watcher/skip"),
        ("track", Some("version"), "other_track", "image-watcher/track"),
        ("mode", Some("DISABLED"), "disabled", "image-watcher/mode"),
    ] {
        watcher.terminate().await;
        let before = question.workload.get().await;
        let name = format!("image-watcher/{setting}");
        question.workload.annotate(&name, value).await;
        watcher.restart().await;
        question.is_refused(&watcher, reason, words).await;
        watcher.terminate().await;
        question.workload.annotate(&name, before.annotation(&name)).await;
    }
    watcher.restart().await;
    question.is_done(&watcher).await;
}

async fn a_list_that_is_not_believed_carries_no_answer_out(ctx: Ctx) {
    let registry = ctx.receiver();
    let host = registry.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let digest = format!("sha256:{}", "a".repeat(64));
    let listed = |tags: &[&str]| Answer::status(200).body(serde_json::json!({"name": "web", "tags": tags}).to_string());
    registry.says_nothing_of_images("web");
    registry.at("/v2/web/manifests/", Answer::status(200).header("Docker-Content-Digest", &digest));
    registry.always(listed(&["1.0.0", "1.0.1"]));
    let workload = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    workload.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let question = Question { workload, path: link(&ctx, "1.0.1").await, image: format!("{host}/web:1.0.1@{digest}") };
    for (list, reason) in [(&["1.0.1"][..], "running_missing"), (&[], "no_tags")] {
        registry.always(listed(list));
        let before = registry.requests().len();
        let answer = press(&watcher, &question.path, "approve").await;
        assert_eq!((answer.status, &answer.json()["reason"]), (409, &reason.into()), "{}", answer.body);
        let requests = registry.requests().split_off(before);
        let requests: Vec<_> = requests.iter().map(|request| (&*request.method, &*request.path)).collect();
        let by_digest = format!("/v2/web/manifests/{digest}");
        let expected = [("HEAD", "/v2/web/manifests/1.0.1"), ("GET", &by_digest), ("GET", "/v2/web/tags/list?n=1000")];
        assert_eq!(requests, expected);
    }
    registry.always(Answer::status(500));
    let answer = press(&watcher, &question.path, "approve").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(question.workload.get().await.image("web"), Some(format!("{host}/web:1.0.0").as_str()));
    // A newer version is no reason: the person chose this one.
    registry.always(listed(&["1.0.0", "1.0.1", "1.1.0"]));
    question.is_done(&watcher).await;
}
