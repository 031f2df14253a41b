//! The manifests of `deploy/`, applied to a real API server: the pod is admitted, and the rights are those that are
//! used, no more and no fewer.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use kube::api::{Api, PostParams};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};

pub(crate) fn tests() -> Vec<Test> {
    tests![the_delivered_rights_are_the_used_ones]
}

const ACCOUNT: &str = "system:serviceaccount:image-watcher:image-watcher";

/// All documents that a kustomization lists.
pub(crate) fn manifests(folder: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(folder);
    let list = std::fs::read_to_string(folder.join("kustomization.yaml")).expect("a kustomization");
    let files = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .filter(|name| Path::new(name).extension().is_some());
    let texts: Vec<String> =
        files.map(|name| std::fs::read_to_string(folder.join(name)).expect("a listed file")).collect();
    texts.join("\n---\n")
}

async fn the_delivered_rights_are_the_used_ones(ctx: Ctx) {
    // The namespace enforces the restricted level, so that an unsafe pod would not be made.
    ctx.apply(&manifests("base")).await;
    ctx.apply(&manifests("namespace")).await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(ctx.client().clone(), "image-watcher");
    crate::harness::wait::eventually("a pod that the restricted level admits", async || {
        let list = pods.list(&kube::api::ListParams::default()).await.expect("a list");
        (!list.items.is_empty()).then_some(())
    })
    .await;

    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let build = |name: &str, mode: &str| {
        ctx.deployment(name).container("web", web.reference("1.0.0")).annotation("image-watcher/mode", mode)
    };
    let auto = build("auto", "AUTO_UPDATE").create().await;
    let asks = build("asks", "NOTIFICATION").create().await;
    let set = ctx
        .stateful_set("set")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .create()
        .await;
    let agent = ctx
        .daemon_set("agent")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .create()
        .await;
    let report = ctx
        .cron_job("report", "0 0 1 1 *")
        .container("web", web.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .create()
        .await;
    let kubeconfig = ctx.kubeconfig_for("image-watcher", "image-watcher").await;
    let watcher = ctx.watcher().kubeconfig(&kubeconfig).mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    auto.wait_for_image("web", &image).await;
    set.wait_for_image("web", &image).await;
    agent.wait_for_image("web", &image).await;
    report.wait_for_image("web", &image).await;
    let mail = ctx.mailbox().wait_for_mail("/asks]").await;
    let link = mail.links().into_iter().find(|link| link.contains("/a/")).expect("a link");
    // An edit behind the back of the question makes the write fail, and the object is read again.
    asks.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let path = &link[link.find("/a/").expect("a link of ours")..];
    assert_eq!(watcher.post_form(path, &[("action", "approve")]).await.status, 303);
    asks.wait_for_image("web", &image).await;
    crate::harness::wait::eventually("a rollout that is followed by its pods", async || {
        used(&ctx, ACCOUNT).contains("/pods watch").then_some(())
    })
    .await;
    let check = ctx.watcher().kubeconfig(&kubeconfig).output(&["check", "-n", ctx.namespace()]).await;
    assert!([Some(0), Some(1)].contains(&check.code()), "{}", check.stderr);

    let granted = granted(&kubeconfig, ctx.namespace()).await;
    let needed = image_watcher::cluster::rights_in_a_namespace().into_iter();
    let expected: BTreeSet<String> =
        needed.map(|(group, resource, verb)| format!("{group}/{resource} {verb}")).collect();
    assert_eq!(granted, expected);
    let used = used(&ctx, ACCOUNT);
    // Argo Rollouts are not installed here, and have a test of their own; an API server before 1.32 has no list that is a
    // watch.
    let may_be_unused =
        |right: &str| right.ends_with(" get") || right.starts_with("argoproj.io") || right == "/pods list";
    let unused: Vec<_> = expected.difference(&used).filter(|right| !may_be_unused(right)).collect();
    assert!(unused.is_empty(), "granted and not used: {unused:?}");
    // What only deploy/nodes and deploy/namespaces grant is tried, and done without.
    let tried = |right: &String| right == "/nodes list" || right.starts_with("/namespaces ");
    let refused: Vec<_> = used.difference(&expected).filter(|right| !tried(right)).collect();
    assert!(refused.is_empty(), "used and not granted: {refused:?}");
}

/// What the account may do in a namespace, beside what everybody may.
pub(crate) async fn granted(kubeconfig: &Path, namespace: &str) -> BTreeSet<String> {
    let file = kube::config::Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(file, &options).await.expect("a configuration");
    let client = kube::Client::try_from(config).expect("a client");
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) },
        ..SelfSubjectRulesReview::default()
    };
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client);
    let status = reviews.create(&PostParams::default(), &review).await.expect("a review").status.expect("a status");
    assert!(!status.incomplete, "{:?}", status.evaluation_error);
    let mut all = BTreeSet::new();
    for rule in status.resource_rules {
        for group in
            rule.api_groups.iter().flatten().filter(|group| {
                !group.starts_with("authorization.k8s.io") && !group.starts_with("authentication.k8s.io")
            })
        {
            for resource in rule.resources.iter().flatten() {
                all.extend(rule.verbs.iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    all
}

/// What the account did, from the audit log, beside asking which kinds there are: that may everybody (`system:discovery`).
pub(crate) fn used(ctx: &Ctx, account: &str) -> BTreeSet<String> {
    let mut mine = ctx.audit(account);
    mine.retain(|event| {
        !event["requestURI"].as_str().is_some_and(|uri| uri.starts_with("/apis/argoproj.io/v1alpha1?"))
    });
    let right = |event: &serde_json::Value| {
        let object = &event["objectRef"];
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        format!("{}/{} {}", word(&object["apiGroup"]), word(&object["resource"]), word(&event["verb"]))
    };
    mine.iter().map(right).filter(|right| !right.starts_with("authorization.k8s.io")).collect()
}
