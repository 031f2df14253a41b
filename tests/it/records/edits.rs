//! `kubectl annotate` on what is ours: forged, emptied, cut, of another container, removed, at each step. It is put right,
//! told at most once, and nothing is acted on.

use image_watcher::domain::approval::LinkKeys;
use serde_json::{Value, json};

use super::people::{is_kubectl_there, kubectl};
use super::{Scene, edited, id, is_asked, keys, link_key, opened, ours, outcome, press, resealed, sequence};
use crate::harness::Ctx;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![
        what_was_edited_at_rest_is_put_right,
        what_was_edited_while_people_are_asked_is_put_right,
        what_was_edited_while_it_rolls_is_put_right,
        what_was_edited_after_an_approval_revives_nothing,
        kubectl_annotate_changes_nothing_for_long,
        a_forged_record_is_not_acted_on,
        an_older_record_is_not_acted_on,
    ]
}

/// What we write for people and for ourselves.
const STATE: [&str; 10] = [
    "record",
    "history",
    "token-update",
    "held",
    "current-version",
    "previous-version",
    "last-updated",
    "last-updated-version",
    "last-notified",
    "last-notified-version",
];

fn name(state: &str) -> String {
    format!("image-watcher/{state}")
}

/// What somebody writes over one of ours.
fn forgeries(state: &str, seen: &Seen) -> Vec<String> {
    let own = seen.annotation(&name(state)).unwrap_or_default();
    let mut all = vec![String::new(), "forged".to_owned(), "x".repeat(200 * 1024)];
    match state {
        "record" if !own.is_empty() => {
            all.push(edited(own, |record| record["seq"] = json!(1_000_000)));
            all.push(edited(own, |record| record["containers"] = json!({"other": {"mode": "AUTO_UPDATE"}})));
            all.push(own.chars().take(own.len() / 2).collect());
        }
        "history" => all.push(
            json!([{"container": "web", "version": "9.9.9", "previous": "1.0.0",
            "digest": format!("sha256:{}", "a".repeat(64)), "previousImage": "x", "time": "2026-01-01T00:00:00Z",
            "by": "policy", "outcome": "rolling-out"}])
            .to_string(),
        ),
        "token-update" => all.push("v1:00000000:apr_01JGJ0EZ8M3C9S6D4K2P7Q1R0T:4102444800".to_owned()),
        "held" => all.push("1.0.1: set back to 1.0.0, by nobody, since 2026-01-01T00:00:00Z".to_owned()),
        _ => {}
    }
    all
}

/// What matters of ours: all but the record's text, whose number grows when it is put right.
fn copies(seen: &Seen) -> Value {
    let mut all = ours(seen);
    if let Some(all) = all.as_object_mut() {
        all.remove(&name("record"));
    }
    all
}

fn ledger(seen: &Seen) -> Value {
    seen.ledger("web")
}

/// Each of ours is overwritten and removed, one after another and all at once: each time all comes back as it was.
async fn is_put_right(scene: &Scene) {
    let before = scene.at_rest().await;
    for state in STATE {
        let mut edits: Vec<Option<String>> = forgeries(state, &before).into_iter().map(Some).collect();
        edits.push(None);
        for edit in edits {
            scene.workload.annotate(&name(state), edit.as_deref()).await;
            let what = format!(
                "{state} put right after {:?}",
                edit.as_deref().map(|it| it.chars().take(80).collect::<String>())
            );
            comes_back(scene, &what, &before).await;
        }
    }
    let nothing: serde_json::Map<String, Value> = STATE.iter().map(|state| (name(state), Value::Null)).collect();
    scene.workload.patch(json!({"metadata": {"annotations": nothing}})).await;
    comes_back(scene, "all put right after they were removed", &before).await;
    let rest = scene.at_rest().await;
    assert_eq!((copies(&rest), ledger(&rest)), (copies(&before), ledger(&before)));
    assert!(sequence(&rest) > sequence(&before));
}

async fn comes_back(scene: &Scene, what: &str, before: &Seen) {
    let is_back = |seen: &Seen| copies(seen) == copies(before) && ledger_of(seen) == Some(ledger(before));
    scene.workload.wait_for(what, is_back).await;
}

/// The ledger, where the record can be read.
fn ledger_of(seen: &Seen) -> Option<Value> {
    let record = seen.annotation("image-watcher/record")?;
    let json: Value = serde_json::from_str(record.splitn(4, '.').nth(3)?).ok()?;
    Some(json["containers"]["web"].clone())
}

/// Nothing was told but this.
fn nothing_else_is_told(scene: &Scene, expected: &[(&str, &str)]) {
    let told = scene.told();
    let expected = expected.iter().map(|(kind, version)| ((kind.to_string(), version.to_string()), 1)).collect();
    assert_eq!(told, expected);
}

async fn what_was_edited_at_rest_is_put_right(ctx: Ctx) {
    let scene = Scene::of(&ctx, "AUTO_UPDATE").await;
    let image = scene.push("1.0.1").await;
    scene.ended(&image).await;
    is_put_right(&scene).await;
    assert_eq!(scene.image_writes(), 1);
    nothing_else_is_told(&scene, &[("update.applied", "1.0.1")]);
}

async fn what_was_edited_while_people_are_asked_is_put_right(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (image, path) = scene.ask("1.0.1").await;
    is_put_right(&scene).await;
    assert_eq!(scene.image_writes(), 0);
    nothing_else_is_told(&scene, &[("update.available", "1.0.1")]);
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200, "the link is as good as before");
    scene.ended(&image).await;
}

async fn what_was_edited_while_it_rolls_is_put_right(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    // Pods that are not available for as long as anybody waits.
    scene.workload.patch(json!({"spec": {"minReadySeconds": 600, "progressDeadlineSeconds": 3600}})).await;
    let (image, path) = scene.ask("1.0.1").await;
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    scene.workload.wait_for_image("web", &image).await;
    is_put_right(&scene).await;
    scene.is_used(&path, "1.0.1").await;
    assert_eq!(scene.image_writes(), 1);
    assert_eq!(outcome(&scene.workload.get().await), "rolling-out");
    scene.workload.patch(json!({"spec": {"minReadySeconds": 0}})).await;
    scene.ended(&image).await;
    scene.is_told("update.applied", "1.0.1").await;
    nothing_else_is_told(
        &scene,
        &[("update.available", "1.0.1"), ("approval.granted", "1.0.1"), ("update.applied", "1.0.1")],
    );
}

async fn what_was_edited_after_an_approval_revives_nothing(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (image, path) = scene.ask("1.0.1").await;
    let asked = scene.at_rest().await;
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    scene.ended(&image).await;
    is_put_right(&scene).await;
    scene.is_used(&path, "1.0.1").await;
    // What stood there when people were asked, image and all.
    let mut old = ours(&asked);
    old["image-watcher/last-updated"] = Value::Null;
    let old_image = scene.repository.reference("1.0.0");
    scene
        .workload
        .patch(json!({"metadata": {"annotations": old}, "spec": {"template": {"spec": {
        "containers": [{"name": "web", "image": old_image}]}}}}))
        .await;
    scene.workload.wait_for("held", |seen| seen.annotation("image-watcher/held").is_some()).await;
    scene.is_used(&path, "1.0.1").await;
    assert_eq!(scene.image_writes(), 1);
}

/// The same, as people do it, with what `kubectl` sends.
async fn kubectl_annotate_changes_nothing_for_long(ctx: Ctx) {
    if !is_kubectl_there(&ctx) {
        return;
    }
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (_, path) = scene.ask("1.0.1").await;
    let before = scene.at_rest().await;
    for state in STATE {
        let edit = format!("{}=forged", name(state));
        kubectl(&ctx, ctx.namespace(), &["annotate", "--overwrite", "deployment/web", &edit], "");
        comes_back(&scene, &format!("{state} put right"), &before).await;
        kubectl(&ctx, ctx.namespace(), &["annotate", "deployment/web", &format!("{}-", name(state))], "");
        comes_back(&scene, &format!("{state} put back"), &before).await;
    }
    assert_eq!(opened(&scene.watcher, &path).await.status, 200);
    nothing_else_is_told(&scene, &[("update.available", "1.0.1")]);
}

/// «Valid until 2100», the number of the future, a question that was answered: none of it is signed.
async fn a_forged_record_is_not_acted_on(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let used = scene.update("1.0.1").await;
    let (_, open) = scene.ask("1.0.2").await;
    let before = scene.at_rest().await;
    let own = before.annotation("image-watcher/record").expect("a record").to_owned();
    let of_now = id(&ctx, &before);
    let forever = edited(&own, |record| {
        record["seq"] = json!(1_000_000);
        record["containers"]["web"]["question"]["terms"]["expires"] = json!(4_102_444_800_u64);
    });
    let answered = edited(&own, |record| {
        record["seq"] = json!(1_000_000);
        let terms = record["containers"]["web"]["answered"][0]["terms"].clone();
        record["containers"]["web"]["question"]["terms"] = terms;
        record["containers"]["web"]["answered"] = json!([]);
    });
    let of_another_key = LinkKeys::from(link_key("some other key that is long enough too"));
    let other_key = resealed_by(&before, &of_now, &of_another_key);
    let elsewhere = image_watcher::domain::workload::WorkloadId { name: "other".into(), ..of_now.clone() };
    let of_another_object = resealed_by(&before, &elsewhere, &keys());
    for (what, record) in [
        ("valid until 2100", forever),
        ("not answered", answered),
        ("of another key", other_key),
        ("of another object", of_another_object),
    ] {
        scene.workload.annotate("image-watcher/record", Some(&record)).await;
        comes_back(&scene, &format!("put right: {what}"), &before).await;
        scene.is_used(&used, "1.0.1").await;
        assert_eq!(opened(&scene.watcher, &open).await.status, 200, "{what}");
    }
    let rest = scene.at_rest().await;
    assert_eq!(ledger(&rest), ledger(&before));
    assert_eq!(scene.image_writes(), 1);
    assert_eq!(scene.told()[&("update.available".to_owned(), "1.0.2".to_owned())], 1);
}

/// The record as it is, signed by another key or for another object.
fn resealed_by(seen: &Seen, of: &image_watcher::domain::workload::WorkloadId, by: &LinkKeys) -> String {
    use image_watcher::domain::record::sealed::{claimed, seal};
    let claimed = claimed(seen.annotation("image-watcher/record"), seen.annotation("image-watcher/history"));
    let mut record = claimed.expect("a record");
    record.sequence += 1_000_000;
    seal(&record, of, by.signing()).expect("it fits").0
}

/// Both are ours, and signed: the one is from before, the other was never the newest one.
async fn an_older_record_is_not_acted_on(ctx: Ctx) {
    let scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (_, path) = scene.ask("1.0.1").await;
    let asked = scene.at_rest().await;
    let skipped = press(&scene.watcher, &path, "skip").await;
    assert_eq!(skipped.status, 200, "{}", skipped.body);
    let before = scene.at_rest().await;
    assert!(sequence(&before) > sequence(&asked));
    scene.workload.patch(json!({"metadata": {"annotations": ours(&asked)}})).await;
    let is_back = |seen: &Seen| ledger_of(seen) == Some(ledger(&before)) && sequence(seen) > sequence(&before);
    scene.workload.wait_for("put right", is_back).await;
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 410, "a used link stays used");

    let now = scene.at_rest().await;
    let (equal, history) = resealed(&asked, &id(&ctx, &asked), &keys(), |record| record.sequence = sequence(&now));
    scene
        .workload
        .patch(json!({"metadata": {"annotations": {"image-watcher/record": equal,
        "image-watcher/history": history}}}))
        .await;
    let is_back = |seen: &Seen| ledger_of(seen) == Some(ledger(&before)) && sequence(seen) > sequence(&now);
    scene.workload.wait_for("put right", is_back).await;
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 410, "a used link stays used");
    assert!(!is_asked(&scene.at_rest().await, "web", "1.0.1"));
    assert_eq!(scene.image_writes(), 0);
}
