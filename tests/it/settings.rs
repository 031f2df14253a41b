//! Settings that are not understood, and values with every character there is.

use image_watcher::ambient::Ambient;
use image_watcher::cluster::{Cluster as _, Index, KubeCluster, Scope};
use image_watcher::domain::workload::{Workload, WorkloadPatch};
use image_watcher::telemetry::metrics::Metrics;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        what_is_not_understood_is_told_and_nothing_is_done,
        a_misspelt_name_alone_is_told_too,
        what_stands_on_the_pod_template_is_told,
        every_character_survives,
        an_answer_is_written_beside_any_character,
    ]
}

const WRONG: [(&str, &str); 6] = [
    ("mode", "AUTO_UPDATE"),
    ("stategy", "PATCH"),
    ("mode.mian", "DISABLED"),
    ("notify", "oncal"),
    ("window", "Mon"),
    ("group", "Shop"),
];

async fn what_is_not_understood_is_told_and_nothing_is_done(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let (bad, good) = (
        ctx.watched("bad", web.reference("1.0.0"), &WRONG).await,
        ctx.watched("good", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await,
    );
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("9.0.0")).await;
    let applied = format!("{}@{digest}", web.reference("9.0.0"));
    good.wait_for_image("good", &applied).await;
    let told = bad.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    assert_eq!(told.image("bad"), Some(web.reference("1.0.0").as_str()), "it is left alone");
    let error = told.annotation("image-watcher/error").expect("it was there");
    let each = ["stategy", "strategy", "mode.mian", "oncal", "email", "window", "group"];
    assert!(each.iter().all(|part| error.contains(part)), "{error}");
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    eventually("an Event about it", async || {
        let list = events.list(&ListParams::default()).await.ok()?;
        let about = |event: &Event| event.regarding.as_ref().is_some_and(|of| of.name.as_deref() == Some("bad"));
        list.items.into_iter().find(|event| about(event) && event.reason.as_deref() == Some("InvalidSetting"))
    })
    .await;
    let invalid = r#"image_watcher_decisions_total{outcome="undecided",reason="invalid_setting"}"#;
    assert!(watcher.metric(invalid).await.is_some_and(|count| count >= 1.0));

    let check = ctx.watcher().mail().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let check: Value = serde_json::from_str(&check.stdout).expect("JSON");
    let rows = check["items"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["name"] == "bad").expect("its row");
    let next = row["next"].as_str().expect("words");
    assert!(row["state"] == "cannot-tell" && each.iter().all(|part| next.contains(part)), "{row}");
    let explain = ctx.watcher().mail().output(&["explain", "deploy/bad", "-n", ctx.namespace()]).await;
    assert!(explain.code() == Some(1) && each.iter().all(|part| explain.stderr.contains(part)), "{}", explain.stderr);
    let doctor = ctx.watcher().mail().output(&["doctor"]).await;
    let line = doctor.stdout.lines().find(|line| line.contains(&format!("{}/deploy/bad", ctx.namespace())));
    assert!(line.is_some_and(|line| each.iter().all(|part| line.contains(part))), "{}", doctor.stdout);

    for (name, _) in &WRONG[1..] {
        bad.annotate(&format!("image-watcher/{name}"), None).await;
    }
    let mended = bad.wait_for_image("bad", &applied).await;
    assert_eq!(mended.annotation("image-watcher/error"), None);
}

async fn a_misspelt_name_alone_is_told_too(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mdoe", "AUTO_UPDATE")]).await;
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    let told = deployment.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let error = told.annotation("image-watcher/error").expect("it was there");
    assert!(error.contains("image-watcher/mdoe") && error.contains("image-watcher/mode"), "{error}");
}

async fn what_stands_on_the_pod_template_is_told(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("1.0.1")).await;
    let template = json!({"image-watcher/strategy": "PATCH", "prometheus.io/scrape": "true"});
    let build = |name: &str| {
        let template = template.clone();
        ctx.deployment(name)
            .container("web", web.reference("1.0.0"))
            .with(|object| object["spec"]["template"]["metadata"]["annotations"] = template)
    };
    let both = build("both").annotation("image-watcher/mode", "AUTO_UPDATE").create().await;
    let alone = build("alone").create().await;
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    for deployment in [&both, &alone] {
        let told = deployment.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
        let error = told.annotation("image-watcher/error").expect("it was there");
        assert!(error.contains("image-watcher/strategy") && error.contains("pod template"), "{error}");
        assert!(!error.contains("prometheus"), "{error}");
        assert_eq!(told.image("web"), Some(web.reference("1.0.0").as_str()));
    }
    let emptied = json!({"spec": {"template": {"metadata": {"annotations": {"image-watcher/strategy": null}}}}});
    both.patch(emptied).await;
    let mended = both.wait_for("mended", |seen| seen.image("web").is_some_and(|image| image.contains("1.0.1@"))).await;
    assert_eq!(mended.annotation("image-watcher/error"), None);
}

/// Texts of all kinds, and those that Go writes otherwise than we do.
fn values() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let texts = prop_oneof![
        proptest::collection::vec(any::<char>(), 0..60).prop_map(|all| all.into_iter().collect::<String>()),
        "[<>&\u{2028}\u{2029}\"'/\\\\\u{7f}\u{0}-\u{1f}a]{1,40}",
    ];
    let random = (0..60).map(|_| texts.new_tree(&mut runner).expect("a text").current());
    let known = ["<", ">", "&", "\u{2028}", "\u{2029}", "\\u003c", "<b>1 & 2</b>", "\u{0}\u{8}\u{c}\u{7f}\u{e9}", "🎉"];
    known.into_iter().map(str::to_owned).chain(random).collect()
}

/// What is written is tested by the next write: each of them passes, and leaves exactly what was asked for.
async fn every_character_survives(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let cluster = KubeCluster::new(ctx.client().clone(), Index::default(), Ambient::system(), Metrics::new());
    let listed = cluster.list(&Scope::in_namespace(ctx.namespace())).await.workloads;
    let mut workload: Workload = listed.into_iter().next().expect("a workload");
    for value in values() {
        let patch =
            WorkloadPatch::of(&workload).guarded_by(&workload, "web").set(&workload, "history", Some(value.clone()));
        let written = cluster.apply(&patch).await.unwrap_or_else(|error| panic!("after {value:?}: {error}"));
        workload = Workload::clone(&written);
        assert_eq!(deployment.get().await.annotation("image-watcher/history"), Some(value.as_str()));
    }
}

async fn an_answer_is_written_beside_any_character(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let odd = "<1.0.0> & \u{2028}\u{2029}";
    let settings = [("mode", "NOTIFICATION"), ("current-version", odd), ("last-updated-version", odd)];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    let links = mail.links();
    let link = links.iter().find_map(|link| link.find("/a/").map(|start| link[start..].to_owned())).expect("a link");
    let answer = watcher.post_form(&link, &[("action", "approve")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let done = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert_eq!(done.annotation("image-watcher/current-version"), Some("1.0.1"));
}
