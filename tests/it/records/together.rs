//! Containers of one pod: those of one image move together, a question stays with its container, and all of it takes few
//! writes.

use serde_json::{Value, json};

use super::{Scene, at_rest, image_writes, is_asked, link, opened, patches, press, told, told_by};
use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![
        containers_of_one_image_are_one_question_and_one_write,
        an_init_container_of_another_image_is_decided_alone,
        a_question_stays_with_its_container,
        a_question_and_its_answer_are_few_writes,
    ]
}

fn init_image(seen: &Seen, name: &str) -> String {
    let all = seen.0["spec"]["template"]["spec"]["initContainers"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|container| container["name"] == name).expect("the container");
    found["image"].as_str().expect("an image").to_owned()
}

/// A pod of a main container, an init container and a native sidecar.
async fn pod(ctx: &Ctx, mode: &str, main: &str, init: &str, sidecar: &str) -> Workload {
    let others = json!([{"name": "setup", "image": init},
        {"name": "proxy", "image": sidecar, "restartPolicy": "Always"}]);
    let workload = ctx
        .deployment("web")
        .container("web", main)
        .annotation("image-watcher/mode", mode)
        .with(|object| object["spec"]["template"]["spec"]["initContainers"] = others)
        .create()
        .await;
    workload.wait_for_rollout().await;
    workload
}

async fn containers_of_one_image_are_one_question_and_one_write(ctx: Ctx) {
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let old = repository.reference("1.0.0");
    let workload = pod(&ctx, "NOTIFICATION", &old, &old, &old).await;
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).start().await;
    let digest = repository.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", repository.reference("1.0.1"));
    let path = link(&ctx, "is available", "1.0.1").await;
    let asked = at_rest(&ctx, &watcher, &repository, &workload).await;
    let questions = ["web", "setup", "proxy"].map(|name| is_asked(&asked, name, "1.0.1"));
    assert_eq!(questions.iter().filter(|asked| **asked).count(), 1, "{}", super::ours(&asked));
    assert_eq!(told(&hook), [(("update.available".to_owned(), "1.0.1".to_owned()), 1)].into());
    assert_eq!(ctx.mailbox().list().await.len(), 1);
    let (writes, revision) = (patches(&ctx).len(), asked.revision().map(str::to_owned));
    assert_eq!(press(&watcher, &path, "approve").await.status, 200);
    let done = workload.wait_for_image("web", &image).await;
    assert_eq!((init_image(&done, "setup"), init_image(&done, "proxy")), (image.clone(), image));
    assert_eq!(image_writes(&ctx), 1, "in one write");
    workload.wait_for_rollout().await;
    workload.wait_for("healthy", |seen| super::outcome(seen) == "healthy").await;
    let rest = at_rest(&ctx, &watcher, &repository, &workload).await;
    let number = |revision: Option<&str>| revision.and_then(|it| it.parse::<u64>().ok()).expect("a revision");
    assert_eq!(number(rest.revision()), number(revision.as_deref()) + 1, "one rollout");
    let expected = ["update.available", "approval.granted", "update.applied"];
    assert_eq!(told(&hook), expected.map(|kind| ((kind.to_owned(), "1.0.1".to_owned()), 1)).into());
    assert!(patches(&ctx).len() <= writes + 2, "the answer and its end");
    assert_eq!(rest.annotation("image-watcher/error"), None);
}

async fn an_init_container_of_another_image_is_decided_alone(ctx: Ctx) {
    let (web, setup) = (ctx.repository("web"), ctx.repository("setup"));
    web.push(Image::new("1.0.0")).await;
    setup.push(Image::new("2.0.0")).await;
    let old = web.reference("1.0.0");
    let workload = pod(&ctx, "AUTO_UPDATE", &old, &setup.reference("2.0.0"), &old).await;
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).start().await;
    let digest = setup.push(Image::new("2.0.1")).await;
    let image = format!("{}@{digest}", setup.reference("2.0.1"));
    let done = workload.wait_for("the init container", |seen| init_image(seen, "setup") == image).await;
    assert_eq!((done.image("web"), init_image(&done, "proxy")), (Some(old.as_str()), old.clone()));
    workload.wait_for("healthy", |seen| super::outcome(seen) == "healthy").await;
    let rest = at_rest(&ctx, &watcher, &setup, &workload).await;
    assert_eq!(rest.image("web"), Some(old.as_str()));
    assert_eq!(image_writes(&ctx), 1);
    assert_eq!(told(&hook), [(("update.applied".to_owned(), "2.0.1".to_owned()), 1)].into());
}

async fn a_question_stays_with_its_container(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let other = ctx.repository("other");
    other.push(Image::new("1.0.0")).await;
    let (image, path) = scene.ask("1.0.1").await;
    let before = scene.at_rest().await;
    let insert = json!([{"op": "add", "path": "/spec/template/spec/containers/0",
        "value": {"name": "proxy", "image": other.reference("1.0.0")}}]);
    let api: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(ctx.client().clone(), ctx.namespace());
    let patch = kube::api::Patch::<()>::Json(serde_json::from_value(insert).expect("a patch"));
    api.patch("web", &kube::api::PatchParams::default(), &patch).await.expect("a sidecar");
    scene.workload.wait_for_rollout().await;
    let rest = scene.at_rest().await;
    let name = |seen: &Seen| -> Value { seen.ledger("web")["question"]["terms"]["id"].clone() };
    assert!(is_asked(&rest, "web", "1.0.1") && name(&rest) == name(&before), "{}", super::ours(&rest));
    assert_eq!(rest.ledger("proxy")["question"], Value::Null);
    assert_eq!(opened(&scene.watcher, &path).await.status, 200);
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    let done = scene.workload.wait_for_image("web", &image).await;
    assert_eq!(done.image("proxy"), Some(other.reference("1.0.0").as_str()));
    scene.workload.wait_for("healthy", |seen| super::outcome(seen) == "healthy").await;
    let told = scene.told();
    assert_eq!(told[&("update.available".to_owned(), "1.0.1".to_owned())], 1, "{told:?}");
}

async fn a_question_and_its_answer_are_few_writes(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    // What runs is written down at the first look.
    scene.at_rest().await;
    let begin = patches(&ctx).len();
    assert!(begin <= 1, "nothing is written again while nothing is new: {begin}");
    let (image, path) = scene.ask("1.0.1").await;
    scene.at_rest().await;
    assert_eq!(patches(&ctx).len() - begin, 1, "a question is one write");
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    scene.ended(&image).await;
    scene.at_rest().await;
    let all = patches(&ctx).len() - begin;
    assert!(all <= 4, "asked, approved and healthy are {all} writes");
    let counted = scene.watcher.metric("image_watcher_cluster_requests_total{operation=\"patch\",result=\"ok\"}").await;
    assert_eq!(counted, u32::try_from(patches(&ctx).len()).ok().map(f64::from), "the metric says the same");
}
