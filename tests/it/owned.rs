//! Workloads of Argo CD and Flux, as those tools write them: by server-side apply under their names, with their labels and
//! annotations. They are asked about with the line to change, and written where they say so. The tools themselves do not run here.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![what_a_tool_applies_is_asked_about_with_the_line_to_change]
}

/// A tool: the name of its Deployment, under which name it writes, its marks, and what it is told to change.
struct Tool {
    name: &'static str,
    manager: &'static str,
    marks: Value,
    says: &'static [&'static str],
}

fn tools(namespace: &str) -> [Tool; 4] {
    [
        Tool {
            name: "argo",
            manager: "argocd-controller",
            marks: json!({"annotations": {"argocd.argoproj.io/tracking-id": format!("shop:apps/Deployment:{namespace}/argo")},
                "labels": {"app.kubernetes.io/instance": "shop"}}),
            says: &[
                "Argo CD application shop: a sync puts the old image back",
                "write image: IMAGE:1.0.1 in its manifest in Git",
            ],
        },
        Tool {
            name: "older-argo",
            manager: "argocd-controller",
            marks: json!({"labels": {"app.kubernetes.io/instance": "shop"}}),
            says: &["Argo CD application shop: a sync puts the old image back", "newTag: \"1.0.1\""],
        },
        Tool {
            name: "kustomization",
            manager: "kustomize-controller",
            marks: json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
            says: &[
                "Flux Kustomization apps: the next reconciliation puts the old image back",
                "newTag: \"1.0.1\" for it in images:",
            ],
        },
        Tool {
            name: "release",
            manager: "helm-controller",
            marks: json!({"annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"},
                "labels": {"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "shop",
                    "helm.toolkit.fluxcd.io/namespace": "flux-system"}}),
            says: &["Flux HelmRelease shop: ", "set spec.values.image.tag: \"1.0.1\" of the HelmRelease in Git"],
        },
    ]
}

/// Applies a Deployment as the tool does.
async fn applied(ctx: &Ctx, tool: &Tool, image: &str) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client().clone(), ctx.namespace(), &resource);
    let app = json!({"app": tool.name});
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": tool.marks, "spec": {
        "replicas": 1, "selector": {"matchLabels": app}, "template": {"metadata": {"labels": app},
            "spec": {"containers": [{"name": "web", "image": image}]}}}});
    object["metadata"]["name"] = json!(tool.name);
    object["metadata"]["annotations"]["image-watcher/mode"] = json!("AUTO_UPDATE");
    let by = PatchParams::apply(tool.manager).force();
    api.patch(tool.name, &by, &Patch::Apply(object)).await.expect("an applied Deployment");
}

/// What the service owns of an object.
fn owned(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let ours = entries.into_iter().filter(|entry| entry["manager"] == "image-watcher");
    let parts = |entry: Value| entry["fieldsV1"].as_object().cloned().unwrap_or_default();
    ours.flat_map(parts).map(|(part, _)| part).collect()
}

async fn what_a_tool_applies_is_asked_about_with_the_line_to_change(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let old = web.reference("1.0.0");
    let tools = tools(ctx.namespace());
    for tool in &tools {
        applied(&ctx, tool, &old).await;
    }
    let _watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let repository = old.strip_suffix(":1.0.0").expect("a reference");
    for tool in &tools {
        let is_it = |mail: &Mail| mail.subject.contains(&format!("/{}]", tool.name));
        let mail = eventually(tool.name, async || ctx.mailbox().list().await.into_iter().find(is_it)).await;
        let said = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in tool.says {
            assert!(said.contains(&words.replace("IMAGE", repository)), "{}: {said}", tool.name);
        }
        assert!(said.contains("AUTO_UPDATE asks first, unless image-watcher/patch-owned is true"), "{said}");
        let workload = ctx.workload("Deployment", tool.name);
        let asked = workload.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
        assert_eq!(asked.image("web"), Some(&*old), "{}: it is not written", tool.name);
        assert_eq!(owned(&asked.0), ["f:metadata"], "{}: annotations, and nothing else", tool.name);

        // The tool applies again: annotations of ours are none of its business.
        applied(&ctx, tool, &old).await;
        assert!(workload.get().await.annotation("image-watcher/record").is_some(), "{}", tool.name);
        workload.annotate("image-watcher/patch-owned", Some("true")).await;
        workload.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
        applied(&ctx, tool, &old).await;
        let held = workload.wait_for("held", |seen| seen.annotation("image-watcher/held").is_some()).await;
        assert_eq!(held.image("web"), Some(&*old), "{}: it was put back, and stays", tool.name);
    }
}
