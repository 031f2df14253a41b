//! Annotations travel: with an exported manifest, with a backup. What they say of another object is not acted on.

use kube::api::{Api, DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use super::people::{exported, is_kubectl_there, kubectl};
use super::{Scene, at_rest, events, is_asked, looked, newest, opened, ours, press, sequence, told, told_by};
use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_copy_in_another_namespace_is_another_workload,
        a_restored_workload_begins_anew,
        a_workload_that_was_restored_while_it_was_updated_begins_anew,
        a_tool_that_replaces_is_not_fought,
    ]
}

async fn a_copy_in_another_namespace_is_another_workload(ctx: Ctx) {
    if !is_kubectl_there(&ctx) {
        return;
    }
    let other = ctx.second_namespace("copy", &[]).await;
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let original = ctx.watched("web", repository.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let hook = ctx.receiver();
    let namespaces = format!("{},{other}", ctx.namespace());
    let watcher = told_by(&ctx, &hook).env("IMAGE_WATCHER_NAMESPACES", namespaces).start().await;
    let digest = repository.push(Image::new("1.0.1")).await;
    let link = super::link(&ctx, "is available", "1.0.1").await;
    original.wait_for("asked", |seen| is_asked(seen, "web", "1.0.1")).await;
    let before = at_rest(&ctx, &watcher, &repository, &original).await;

    let yaml = kubectl(&ctx, ctx.namespace(), &["get", "deployment", "web", "-o", "yaml"], "");
    let manifest: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    let manifest = exported(&Seen(manifest));
    let record = manifest["metadata"]["annotations"]["image-watcher/record"].as_str().expect("a record").to_owned();
    kubectl(&ctx, &other, &["apply", "-f", "-"], &manifest.to_string());
    let copy = Workload::new(ctx.client().clone(), &other, "Deployment", "web");
    let own = copy
        .wait_for("its own record", |seen| seen.annotation("image-watcher/record").is_some_and(|own| own != record))
        .await;
    let copy_at_rest = at_rest(&ctx, &watcher, &repository, &copy).await;
    assert!(is_asked(&copy_at_rest, "web", "1.0.1"), "it is asked about on its own");
    let name = |seen: &Seen| seen.ledger("web")["question"]["terms"]["id"].clone();
    assert_ne!(name(&copy_at_rest), name(&before), "by other links");
    assert_eq!(name(&own), name(&copy_at_rest), "once");
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(ctx.client().clone(), &other);
    let replaced = events.list(&kube::api::ListParams::default()).await.expect("Events").items;
    let replaced = replaced.iter().filter(|event| event.reason.as_deref() == Some("RecordReplaced")).count();
    assert_eq!(replaced, 1, "told once");
    let told = told(&hook);
    assert_eq!(told[&("update.available".into(), "1.0.1".into())], 2, "once each: {told:?}");

    let answer = press(&watcher, &link, "approve").await;
    assert_eq!(answer.status, 200, "the original's link works: {}", answer.body);
    let image = format!("{}@{digest}", repository.reference("1.0.1"));
    original.wait_for_image("web", &image).await;
    looked(&ctx, &watcher, &repository).await;
    assert_eq!(copy.get().await.image("web"), Some(repository.reference("1.0.0").as_str()), "and not on the copy");
    assert_eq!(super::image_writes(&ctx), 1);
}

/// Deletes a workload, and makes it again with all that it had, as Velero does.
async fn restored(scene: &Scene) -> Seen {
    let backup = exported(&scene.workload.get().await);
    restored_from(scene, backup).await
}

async fn restored_from(scene: &Scene, backup: Value) -> Seen {
    scene.workload.delete().await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.ctx.client().clone(), scene.ctx.namespace(), &resource);
    eventually("it is gone", async || api.get_opt("web").await.expect("an answer").is_none().then_some(())).await;
    let object: DynamicObject = serde_json::from_value(backup).expect("an object");
    api.create(&PostParams::default(), &object).await.expect("a restored workload");
    scene.workload.get().await
}

async fn a_restored_workload_begins_anew(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let used = scene.update("1.0.1").await;
    let (_, open) = scene.ask("1.0.2").await;
    scene.at_rest().await;
    let history = newest(&scene.workload.get().await);
    let before = restored(&scene).await;
    let record = before.annotation("image-watcher/record").map(str::to_owned);
    let anew = scene
        .workload
        .wait_for("asked anew", |seen| {
            seen.annotation("image-watcher/record").map(str::to_owned) != record && is_asked(seen, "web", "1.0.2")
        })
        .await;
    assert_eq!(newest(&anew), history, "its history is kept");
    for (link, status) in [(&used, 410), (&open, 409)] {
        let answer = press(&scene.watcher, link, "approve").await;
        assert_eq!(answer.status, status, "an old link is dead: {}", answer.body);
    }
    let rest = scene.at_rest().await;
    let told = scene.told();
    assert_eq!(told[&("update.available".into(), "1.0.2".into())], 2, "{told:?}");
    assert_eq!(told[&("update.available".into(), "1.0.1".into())], 1, "{told:?}");
    assert_eq!(scene.events("RecordReplaced").await.len(), 1);
    let image = scene.image_writes();
    let newer = super::link(&ctx, "is available", "1.0.2").await;
    assert_ne!(newer, open);
    assert_eq!(opened(&scene.watcher, &newer).await.status, 200);
    assert_eq!(press(&scene.watcher, &newer, "approve").await.status, 200);
    assert_eq!(scene.image_writes(), image + 1);
    assert!(sequence(&scene.workload.get().await) > sequence(&rest));
}

/// A backup from before the update, which says that a question is open that was answered since.
async fn a_workload_that_was_restored_while_it_was_updated_begins_anew(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (image, used) = scene.ask("1.0.1").await;
    let backup = exported(&scene.at_rest().await);
    assert_eq!(press(&scene.watcher, &used, "approve").await.status, 200);
    scene.ended(&image).await;
    scene.at_rest().await;
    restored_from(&scene, backup).await;
    scene.workload.wait_for("asked anew", |seen| is_asked(seen, "web", "1.0.1")).await;
    let rest = scene.at_rest().await;
    assert_eq!(press(&scene.watcher, &used, "approve").await.status, 410);
    assert_eq!(ours(&scene.workload.get().await), ours(&rest));
    assert_eq!(scene.image_writes(), 1);
    let told = scene.told();
    assert_eq!(told[&("update.available".into(), "1.0.1".into())], 2, "{told:?}");
    assert_eq!(events(&ctx, "web", "RecordReplaced").await.len(), 1);
}

/// As `kubectl replace --force` and Argo CD's `Force=true,Replace=true` do: again and again, whenever the image is not theirs.
async fn a_tool_that_replaces_is_not_fought(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let mut manifest = exported(&scene.at_rest().await);
    let annotations = manifest["metadata"]["annotations"].as_object_mut().expect("annotations");
    annotations.retain(|name, _| name == "image-watcher/mode");
    for (tag, back) in [("1.0.1", 1), ("1.0.2", 2)] {
        let image = scene.push(tag).await;
        scene.workload.wait_for_image("web", &image).await;
        restored_from(&scene, manifest.clone()).await;
        let says = |seen: &Seen| seen.annotation("image-watcher/held").is_some_and(|held| held.starts_with(tag));
        scene.workload.wait_for("it is held", says).await;
        scene.at_rest().await;
        assert_eq!(scene.image_writes(), back, "{tag} is written once");
        assert_eq!(scene.told()[&("update.held".into(), tag.into())], 1, "{:?}", scene.told());
    }
    let _ = scene.push("1.0.3").await;
    scene.workload.wait_for("people are asked", |seen| is_asked(seen, "web", "1.0.3")).await;
    restored_from(&scene, manifest).await;
    scene.workload.wait_for("they are asked again", |seen| is_asked(seen, "web", "1.0.3")).await;
    scene.at_rest().await;
    assert_eq!(scene.image_writes(), 2);
}
