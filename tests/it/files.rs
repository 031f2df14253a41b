//! `check` over files: a pipeline's view, without a cluster, against a real registry.

use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::run::{Test, tests};
use crate::harness::watcher::WatcherBuilder;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        manifests_are_checked_without_a_cluster,
        the_exit_status_says_how_it_went,
        one_list_is_read_for_all_images_of_a_repository,
    ]
}

/// Whoever looked for a cluster would fail.
fn program(ctx: &Ctx) -> WatcherBuilder {
    ctx.watcher().unconnected().env("KUBECONFIG", "/nowhere/kubeconfig").without("IMAGE_WATCHER_NAMESPACES")
}

fn deployment(name: &str, image: &str, annotations: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\nspec:\n  \
         template:\n    spec:\n      containers:\n        - name: {name}\n          image: {image}\n"
    )
}

async fn two_releases(ctx: &Ctx) -> Repository {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    web.push(Image::new("2.0.0").label("build", "2")).await;
    web
}

async fn manifests_are_checked_without_a_cluster(ctx: Ctx) {
    let web = two_releases(&ctx).await;
    let old = web.reference("1.0.0");
    let folder = ctx.folder("manifests");
    let text = [
        deployment("old", &old, ""),
        deployment("minor", &old, "image-watcher/strategy: MINOR"),
        deployment("new", &web.reference("2.0.0"), ""),
        deployment("off", &old, "image-watcher/mode: DISABLED"),
    ];
    std::fs::write(folder.join("all.yaml"), text.concat()).expect("a file");
    let named = folder.to_str().expect("UTF-8");
    let output = program(&ctx).output(&["check", named, "-o", "json"]).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let told: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let rows = told["items"].as_array().expect("rows").iter();
    let rows: Vec<_> = rows
        .map(|row| (row["name"].as_str(), row["state"].as_str(), row["available"].as_str(), row["at"]["line"].as_u64()))
        .collect();
    let expected = [
        (Some("old"), Some("out-of-date"), Some("2.0.0"), Some(12)),
        (Some("minor"), Some("up-to-date"), None, Some(24)),
        (Some("new"), Some("up-to-date"), None, Some(36)),
        (Some("off"), Some("ignored"), None, Some(48)),
    ];
    assert_eq!(rows, expected);
    let watched = program(&ctx).output(&["check", named, "--watched", "-o", "name"]).await;
    assert_eq!(
        (watched.code(), watched.stdout.as_str()),
        (Some(0), "deploy/minor\ndeploy/off\n"),
        "{}",
        watched.stderr
    );
    for form in ["table", "wide", "yaml", "sarif", "junit"] {
        let output = program(&ctx).output(&["check", named, "-o", form]).await;
        assert_eq!(output.code(), Some(1), "{form}: {}", output.stderr);
        assert!(output.stdout.contains("2.0.0"), "{form}: {}", output.stdout);
        assert!(![&output.stdout, &output.stderr].iter().any(|text| text.contains('\u{1b}')), "{form}: an escape");
    }
}

async fn the_exit_status_says_how_it_went(ctx: Ctx) {
    let web = two_releases(&ctx).await;
    let of = async |text: &str| program(&ctx).output_of(&["check", "-"], text).await.code();
    let newest = deployment("new", &web.reference("2.0.0"), "");
    assert_eq!(of(&newest).await, Some(0));
    assert_eq!(of("").await, Some(1), "what should have written it may have failed");
    assert_eq!(of(&deployment("old", &web.reference("1.0.0"), "")).await, Some(1));
    assert_eq!(of(&deployment("gone", &web.reference("1.5.0"), "")).await, Some(1), "nothing is known of it");
    let broken = program(&ctx)
        .output_of(&["check", "-"], &format!("{newest}---\nimage: {{{{ .Values.image }}}}\n  {{{{- end }}}}\n"))
        .await;
    assert_eq!(broken.code(), Some(1));
    assert!(broken.stderr.contains("-:15 (document 2): "), "{}", broken.stderr);
    assert!(broken.stdout.contains("up to date"), "the rest goes on: {}", broken.stdout);
    let missing = program(&ctx).output(&["check", "/nowhere/all.yaml"]).await;
    assert_eq!(missing.code(), Some(2));
    assert!(missing.stderr.contains("/nowhere/all.yaml can't be read"), "{}", missing.stderr);
    let both = program(&ctx).output(&["check", "-", "-A"]).await;
    assert_eq!(both.code(), Some(2), "{}", both.stderr);
    let misconfigured = program(&ctx).env("IMAGE_WATCHER_MODE", "SOMETIMES").output(&["check", "-"]).await;
    assert_eq!(misconfigured.code(), Some(78), "{}", misconfigured.stderr);
}

async fn one_list_is_read_for_all_images_of_a_repository(ctx: Ctx) {
    let web = two_releases(&ctx).await;
    let text: String = (0..20).map(|n| deployment(&format!("web-{n}"), &web.reference("1.0.0"), "")).collect();
    let before = web.requests().len();
    let output = program(&ctx).output_of(&["check", "-"], &text).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    let requests = web.requests();
    let lists = requests.iter().skip(before).filter(|line| line.contains("/tags/list")).count();
    assert_eq!(lists, 1, "{requests:#?}");
}
