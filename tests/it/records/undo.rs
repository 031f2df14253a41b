//! `kubectl rollout undo` brings the annotations of an older time back, and scripts and tools set images back.

use std::time::Duration;

use serde_json::{Value, json};

use super::people::{undo, undo_by_patch};
use super::{Scene, is_asked, looked, opened, ours, outcome, press, sequence};
use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(super) fn tests() -> Vec<Test> {
    tests![
        an_undo_revives_no_link,
        an_undo_as_kubectl_sends_it_revives_no_link,
        an_undo_is_no_fight,
        an_undo_that_takes_a_skip_away_lets_people_decide,
        an_undo_that_watches_again_lets_people_decide,
        an_undo_beside_a_disabled_sidecar_leaves_the_mode_as_it_is,
        a_script_that_sets_back_is_no_fight,
        a_tool_that_sets_back_twice_lets_people_decide,
        what_is_held_is_applied_again_when_a_person_says_so,
        what_failed_here_and_an_undo_brings_back_stays_known,
    ]
}

const HELD: &str = "image-watcher/held";

/// After our way back the revision before is the one that failed: who does not know of that brings it back.
async fn what_failed_here_and_an_undo_brings_back_stays_known(ctx: Ctx) {
    let web = ctx.repository("crashing");
    web.push(Image::new("1.0.0")).await;
    let hour = |object: &mut Value| object["spec"]["progressDeadlineSeconds"] = json!(3600);
    let deployment = ctx.deployment("web").annotation("image-watcher/mode", "AUTO_UPDATE").with(hour);
    let deployment = deployment.container("web", web.reference("1.0.0")).create().await;
    deployment.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let (good, failed) = (web.reference("1.0.0"), web.reference("1.0.1"));
    let is_back = |seen: &Seen| {
        seen.image("web") == Some(&*good) && seen.annotation(HELD).is_some() && outcome(seen) == "healthy"
    };
    deployment.wait_for("back", is_back).await;
    undo(&ctx, &deployment).await;
    let is_followed = |seen: &Seen| seen.image("web").is_some_and(|image| image.starts_with(&failed));
    let ended = deployment.wait_for("it fails again", |seen| is_followed(seen) && outcome(seen) == "failed").await;
    assert_eq!(ended.annotation(HELD), None, "it is somebody's word");
    assert_eq!(ended.annotation("image-watcher/previous-version"), Some("1.0.0"));
    let is_it = |mail: &Mail| mail.text.contains("which failed here, was put back in the place of");
    let mail = eventually("a mail", async || ctx.mailbox().list().await.into_iter().find(is_it)).await;
    assert!(mail.text.contains("CrashLoopBackOff") && mail.text.contains("kubectl"), "{}", mail.text);
    let check = ctx.watcher().mail().output(&["check", "-n", ctx.namespace()]).await;
    assert_eq!(check.code(), Some(1), "{}", check.stdout);
    assert!(check.stdout.contains("the rollout of 1.0.1 failed (CrashLoopBackOff)"), "{}", check.stdout);
    // And undone once more.
    undo(&ctx, &deployment).await;
    // The undo brings the annotation of the way back with it, before the next look says who did.
    let is_theirs = |seen: &Seen| seen.annotation(HELD).is_some_and(|held| held.contains(", by kubectl"));
    let held = deployment.wait_for("held again", is_theirs).await;
    let said = held.annotation(HELD).unwrap_or_default();
    assert!(said.starts_with("1.0.1: failed (CrashLoopBackOff), went back to 1.0.0, by kubectl"), "{said}");
    assert_eq!(held.annotation("image-watcher/previous-version"), Some("1.0.1"));
}

async fn an_undo_revives_no_link(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let path = scene.update("1.0.1").await;
    let before = scene.at_rest().await;
    undo(&ctx, &scene.workload).await;
    revives_no_link(&scene, &path, sequence(&before)).await;
}

async fn an_undo_as_kubectl_sends_it_revives_no_link(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let path = scene.update("1.0.1").await;
    let before = scene.at_rest().await;
    undo_by_patch(&ctx, &scene.workload).await;
    revives_no_link(&scene, &path, sequence(&before)).await;
}

async fn revives_no_link(scene: &Scene, path: &str, before: u64) {
    let web = &scene.repository;
    let held = scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some()).await;
    assert_eq!(held.image("web"), Some(web.reference("1.0.0").as_str()));
    assert!(sequence(&held) > before, "{} is no newer record than {before}", sequence(&held));
    let said = held.annotation(HELD).expect("it is held");
    assert!(said.starts_with("1.0.1: set back to 1.0.0, by kubectl, since 20"), "{said}");
    assert!(held.annotation("image-watcher/history").is_some_and(|history| history.contains("1.0.1")), "history stays");
    scene.is_used(path, "1.0.1").await;
    scene.is_told("update.held", "1.0.1").await;
    let at_rest = scene.at_rest().await;
    scene.is_used(path, "1.0.1").await;
    let page = opened(&scene.watcher, path).await;
    assert!(page.body.contains("Something else was written since"), "it does not claim that it runs: {}", page.body);
    assert_eq!(at_rest.annotation(HELD), Some(said));
    let told = scene.told();
    assert_eq!(told[&("update.held".into(), "1.0.1".into())], 1, "{told:?}");
    assert_eq!(told[&("update.available".into(), "1.0.1".into())], 1, "nobody is asked again: {told:?}");
    let replaced = scene.events("RecordReplaced").await;
    assert_eq!(replaced.len(), 1, "{replaced:?}");
    // What the ReplicaSet that is gone back to has of our record depends on when its controller last copied it.
    assert!(replaced[0].contains("rollout undo") || replaced[0].contains("was removed"), "{replaced:?}");
    assert_eq!(scene.events("VersionHeld").await.len(), 1);
    assert_eq!(scene.image_writes(), 1);

    let (image, newer) = scene.ask("1.0.2").await;
    assert_eq!(press(&scene.watcher, &newer, "approve").await.status, 200);
    let done = scene.ended(&image).await;
    assert_eq!(done.annotation(HELD), None);
    scene.is_used(path, "1.0.1").await;
    assert_eq!(scene.image_writes(), 2);
}

async fn an_undo_is_no_fight(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let applied = scene.push("1.0.1").await;
    scene.ended(&applied).await;
    let before = scene.at_rest().await;
    undo(&ctx, &scene.workload).await;
    let held = scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some()).await;
    assert!(sequence(&held) > sequence(&before));
    let said = held.annotation(HELD).expect("it is held");
    assert!(said.starts_with("1.0.1: set back to 1.0.0, by kubectl, since 20"), "{said}");
    scene.workload.wait_for_rollout().await;
    let rest = scene.at_rest().await;
    assert_eq!(rest.image("web"), Some(scene.repository.reference("1.0.0").as_str()), "it is not written again");
    assert_eq!(scene.image_writes(), 1);
    let told = scene.told();
    assert_eq!(told[&("update.held".into(), "1.0.1".into())], 1, "{told:?}");

    let newer = scene.push("1.0.2").await;
    let done = scene.ended(&newer).await;
    assert_eq!(done.annotation(HELD), None);
    assert_eq!(scene.image_writes(), 2);
}

async fn an_undo_that_takes_a_skip_away_lets_people_decide(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let applied = scene.push("1.0.1").await;
    scene.ended(&applied).await;
    scene.workload.annotate("image-watcher/skip", Some("2.0.0")).await;
    scene.push("2.0.0").await;
    assert_eq!(scene.at_rest().await.image("web"), Some(applied.as_str()), "it is skipped");
    undo(&ctx, &scene.workload).await;
    people_decide_on_2(&scene).await;
}

async fn an_undo_that_watches_again_lets_people_decide(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let applied = scene.push("1.0.1").await;
    scene.ended(&applied).await;
    scene.at_rest().await;
    scene.workload.annotate("image-watcher/mode", None).await;
    scene.push("2.0.0").await;
    undo_by_patch(&ctx, &scene.workload).await;
    people_decide_on_2(&scene).await;
}

/// The undo brought wider settings back, which are nobody's word.
async fn people_decide_on_2(scene: &Scene) {
    scene.link("is available", "2.0.0").await;
    scene.workload.wait_for_rollout().await;
    let rest = scene.at_rest().await;
    assert_eq!(rest.image("web"), Some(scene.repository.reference("1.0.0").as_str()));
    let error = rest.annotation("image-watcher/error").unwrap_or_default();
    assert!(error.contains("image-watcher's settings were changed"), "{error:?}");
    assert_eq!(scene.image_writes(), 1);
}

async fn an_undo_beside_a_disabled_sidecar_leaves_the_mode_as_it_is(ctx: Ctx) {
    let log = ctx.repository("log");
    log.push(Image::new("1.0.0")).await;
    let reference = log.reference("1.0.0");
    let scene = Scene::with(&ctx, "AUTO_UPDATE", |builder| {
        builder.container("log", reference).annotation("image-watcher/mode.log", "DISABLED")
    })
    .await;
    let applied = scene.push("1.0.1").await;
    scene.ended(&applied).await;
    scene.at_rest().await;
    looked(&ctx, &scene.watcher, &log).await;
    undo(&ctx, &scene.workload).await;
    scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some()).await;
    let newer = scene.push("1.0.2").await;
    let done = scene.ended(&newer).await;
    assert_eq!((done.annotation(HELD), done.annotation("image-watcher/error")), (None, None));
}

/// How often, and how long after another, somebody's script sets the image back.
const SET_BACKS: usize = 15;

/// The pace is the script's own: a second after another.
async fn a_script_that_sets_back_is_no_fight(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let applied = scene.push("1.0.1").await;
    scene.workload.wait_for_image("web", &applied).await;
    let old = scene.repository.reference("1.0.0");
    let mut pace = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..SET_BACKS {
        pace.tick().await;
        scene.workload.set_image("web", &old).await;
    }
    scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some()).await;
    let rest = scene.at_rest().await;
    assert_eq!(rest.image("web"), Some(old.as_str()));
    assert_eq!(scene.image_writes(), 1);
    let told = scene.told();
    assert_eq!(told[&("update.held".into(), "1.0.1".into())], 1, "{told:?}");
}

/// As the tool would: what Git says, by its own name.
async fn set_back_by_tool(scene: &Scene, image: &str) {
    use kube::api::{Api, DynamicObject, Patch, PatchParams};
    use kube::core::{ApiResource, GroupVersionKind};
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment"));
    let api: Api<DynamicObject> = Api::namespaced_with(scene.ctx.client().clone(), scene.ctx.namespace(), &resource);
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    let by = PatchParams { field_manager: Some("kustomize-controller".into()), ..PatchParams::default() };
    api.patch("web", &by, &Patch::Strategic(patch)).await.expect("a workload that was set back");
}

async fn a_tool_that_sets_back_twice_lets_people_decide(ctx: Ctx) {
    let scene = Scene::with(&ctx, "AUTO_UPDATE", |builder| {
        builder
            .label("kustomize.toolkit.fluxcd.io/name", "shop")
            .label("kustomize.toolkit.fluxcd.io/namespace", "flux")
            .annotation("image-watcher/patch-owned", "true")
    })
    .await;
    let old = scene.repository.reference("1.0.0");
    for version in ["1.0.1", "1.0.2"] {
        let image = scene.push(version).await;
        scene.ended(&image).await;
        set_back_by_tool(&scene, &old).await;
        let is_held = |held: &str| held.starts_with(&format!("{version}: "));
        let held = scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some_and(is_held)).await;
        let said = held.annotation(HELD).expect("it is held");
        assert!(said.contains("by kustomize-controller, Flux Kustomization shop, since"), "{said}");
        scene.workload.wait_for_rollout().await;
    }
    let (_, path) = scene.ask("1.0.3").await;
    let rest = scene.at_rest().await;
    assert_eq!(rest.image("web"), Some(old.as_str()), "people decide");
    let error = rest.annotation("image-watcher/error").unwrap_or_default();
    assert!(error.contains("set back two updates"), "{error:?}");
    assert_eq!(scene.image_writes(), 2);
    let told = scene.told();
    assert_eq!(told[&("update.available".into(), "1.0.3".into())], 1, "{told:?}");
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    assert_eq!(scene.image_writes(), 3);
}

async fn what_is_held_is_applied_again_when_a_person_says_so(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let image = scene.push("1.0.1").await;
    scene.ended(&image).await;
    undo(&ctx, &scene.workload).await;
    let path = scene.link("was set back", "1.0.1").await;
    scene.workload.wait_for("held", |seen| seen.annotation(HELD).is_some()).await;
    scene.workload.wait_for_rollout().await;
    let page = opened(&scene.watcher, &path).await;
    assert!(page.status == 200 && page.body.contains("was set back"), "{}: {}", page.status, page.body);
    let approve = press(&scene.watcher, &path, "approve").await;
    assert_eq!(approve.status, 403, "it is there to resume: {}", approve.body);
    assert_eq!(scene.image_writes(), 1);
    let resumed = press(&scene.watcher, &path, "resume").await;
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    let done = scene.ended(&image).await;
    assert_eq!(done.annotation(HELD), None);
    assert_eq!(press(&scene.watcher, &path, "resume").await.status, 410, "a link acts once");
    let rest = scene.at_rest().await;
    assert_eq!((rest.image("web"), outcome(&rest)), (Some(image.as_str()), "healthy".to_owned()));
    assert_eq!(scene.image_writes(), 2);

    // Set back once more, it is held once more, and the used link stays used.
    let before = ours(&rest);
    undo(&ctx, &scene.workload).await;
    scene.workload.wait_for("held again", |seen| seen.annotation(HELD).is_some() && ours(seen) != before).await;
    assert_eq!(press(&scene.watcher, &path, "resume").await.status, 410);
    scene.at_rest().await;
    assert_eq!(scene.image_writes(), 2);
    eventually("it is told once more", async || {
        (scene.told().get(&("update.held".into(), "1.0.1".into())) == Some(&2)).then_some(())
    })
    .await;
    assert!(!is_asked(&scene.workload.get().await, "web", "1.0.2"));
}
