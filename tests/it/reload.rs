//! A configuration that changes while the service runs, and what workloads inherit.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_rule_that_is_added_has_a_workload_watched_and_a_bad_file_changes_nothing,
        what_has_no_annotation_at_all_is_written_as_a_rule_wants_it,
        a_secret_that_is_rotated_is_used_without_a_restart,
        what_a_namespace_says_is_inherited_and_taken_back,
    ]
}

/// A folder as the kubelet mounts a `ConfigMap`: `..data` leads to the newest, and is replaced at once.
struct Mounted(PathBuf);

impl Mounted {
    fn new(ctx: &Ctx, name: &str, text: &str) -> Self {
        let mounted = Self(ctx.folder(&format!("mounted-{name}")));
        mounted.write(0, text);
        std::os::unix::fs::symlink("..data/file", mounted.0.join("file")).expect("a link");
        mounted
    }

    fn write(&self, version: u32, text: &str) {
        let (folder, link) = (format!("..{version}"), self.0.join("..new"));
        std::fs::create_dir_all(self.0.join(&folder)).expect("a folder");
        std::fs::write(self.0.join(&folder).join("file"), text).expect("a file");
        std::os::unix::fs::symlink(&folder, &link).expect("a link");
        std::fs::rename(&link, self.0.join("..data")).expect("the newest");
    }

    fn file(&self) -> String {
        Path::join(&self.0, "file").display().to_string()
    }
}

async fn a_rule_that_is_added_has_a_workload_watched_and_a_bad_file_changes_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.1.0").label("build", "2")).await;
    let build = |name: &str, tier: &str| {
        let tier = tier.to_owned();
        let builder = ctx.deployment(name).container("web", web.reference("1.0.0"));
        builder.with(move |object| object["metadata"]["labels"]["tier"] = json!(tier))
    };
    let (ruled, other) = (build("ruled", "web").create().await, build("other", "db").create().await);
    let config = Mounted::new(&ctx, "config", "settle: 0s\n");
    let watcher = ctx.watcher().env("IMAGE_WATCHER_CONFIG", config.file()).start().await;
    let rule = "rules:\n- selector: { matchLabels: { tier: web } }\n  mode: AUTO_UPDATE\n";
    config.write(1, &rule.replace("AUTO_UPDATE", "AUTO_UPDTE"));
    watcher.wait_for_log("the configuration was changed and can't be used").await;
    assert_eq!(watcher.metric("image_watcher_config_reload_failures_total").await, Some(1.0));
    assert!(watcher.logs().contains("file:3:9: rules[0].mode"), "{}", watcher.logs());
    config.write(2, &format!("settle: 0s\n{rule}"));
    let applied = format!("{}@{digest}", web.reference("1.1.0"));
    ruled.wait_for_image("web", &applied).await;
    assert_eq!(other.get().await.image("web"), Some(web.reference("1.0.0").as_str()), "no rule is for it");
    config.write(3, &format!("settle: 0s\nport: 1\n{}", rule.replace("AUTO_UPDATE", "DISABLED")));
    watcher.wait_for_log("taken over by a restart alone").await;
    let explain = ctx.watcher().env("IMAGE_WATCHER_CONFIG", config.file());
    let explain = explain.output(&["explain", "deploy/ruled", "-n", ctx.namespace(), "-o", "json"]).await;
    assert!(explain.stdout.contains("ruled"), "{} {}", explain.stdout, explain.stderr);
}

/// Their controllers write none, unlike that of a Deployment.
async fn what_has_no_annotation_at_all_is_written_as_a_rule_wants_it(ctx: Ctx) {
    let (db, report) = (ctx.repository("db"), ctx.repository("report"));
    let mut applied = Vec::new();
    for of in [&db, &report] {
        of.push(Image::new("1.0.0")).await;
        let digest = of.push(Image::new("1.1.0").label("build", "2")).await;
        applied.push(format!("{}@{digest}", of.reference("1.1.0")));
    }
    let ruled = |object: &mut serde_json::Value| {
        object["metadata"]["labels"]["tier"] = json!("bare");
        object["metadata"].as_object_mut().expect("metadata").remove("annotations");
    };
    let set = ctx.stateful_set("db").container("db", db.reference("1.0.0")).with(ruled).create().await;
    let job = ctx.cron_job("report", "0 0 1 1 *").container("report", report.reference("1.0.0")).with(ruled);
    let job = job.create().await;
    for bare in [&set, &job] {
        assert_eq!(bare.get().await.0["metadata"].get("annotations"), None, "{}", bare.name());
    }
    let rule = "settle: 0s\nrules:\n- selector: { matchLabels: { tier: bare } }\n  mode: AUTO_UPDATE\n";
    let config = Mounted::new(&ctx, "config", "settle: 0s\n");
    let _watcher = ctx.watcher().env("IMAGE_WATCHER_CONFIG", config.file()).start().await;
    config.write(1, rule);
    for (bare, applied) in [&set, &job].into_iter().zip(&applied) {
        let name = bare.name().to_owned();
        let seen = bare.wait_for_image(&name, applied).await;
        assert!(seen.annotation("image-watcher/record").is_some(), "{name}");
    }
}

async fn a_secret_that_is_rotated_is_used_without_a_restart(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let _watched = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let secret = Mounted::new(&ctx, "secret", "first\n");
    let sources = format!("sources:\n- {{ name: ci, kind: native, auth: {{ secretFiles: ['{}'] }} }}\n", secret.file());
    let config = Mounted::new(&ctx, "config", &sources);
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config.file()).start().await;
    let body = json!({"name": web.reference("1.0.0").rsplit_once(':').expect("a tag").0, "tag": "1.0.0"}).to_string();
    let send = async |token: &str| {
        let header = format!("Bearer {token}");
        watcher.post("/webhooks/ci", &[("Authorization", &*header)], body.clone()).await.status
    };
    assert_eq!((send("first").await, send("second").await), (202, 401));
    secret.write(1, "second\n");
    eventually("the new secret counts", async || (send("second").await == 202).then_some(())).await;
    // Who asked with what was not yet known may be one who guesses by now.
    let former = send("first").await;
    assert!([401, 429].contains(&former), "{former}");
}

async fn what_a_namespace_says_is_inherited_and_taken_back(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.1.0").label("build", "2")).await;
    let deployment = ctx.deployment("web").container("web", web.reference("1.0.0")).create().await;
    let names = format!("{}*", ctx.namespace());
    let watcher = ctx.watcher().kubeconfig(ctx.admin_kubeconfig()).env("IMAGE_WATCHER_NAMESPACES", names).start().await;
    let list =
        async || watcher.send(reqwest::Method::GET, &watcher.admin_url("/api/v1/workloads"), &[], Vec::new()).await;
    assert!(!list().await.body.contains("\"web\""), "nobody names it");
    let namespaces: Api<Namespace> = Api::all(ctx.client().clone());
    let annotate = async |mode: Option<&str>| {
        let patch = json!({"metadata": {"annotations": {"image-watcher/mode": mode}}});
        namespaces.patch(ctx.namespace(), &PatchParams::default(), &Patch::Merge(patch)).await.expect("a Namespace");
    };
    annotate(Some("AUTO_UPDATE")).await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.1.0"))).await;
    let view = list().await.body;
    assert!(view.contains("\"modeFrom\":\"namespace\"") || view.contains("\"modeFrom\": \"namespace\""), "{view}");
    annotate(None).await;
    eventually("it is watched no more", async || (!list().await.body.contains("modeFrom")).then_some(())).await;
}
