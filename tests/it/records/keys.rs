//! Keys that sign links and records are rotated: the old one stays beside the new one for as long as links last.

use serde_json::Value;

use super::{KEY, Scene, is_asked, opened, press, sequence};
use crate::harness::Ctx;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![a_rotated_key_breaks_nothing, an_old_key_that_is_gone_asks_anew_once]
}

const NEW: &str = "another link key of tests that is new";

fn key_of(seen: &Seen) -> Value {
    seen.ledger("web")["question"]["terms"]["key"].clone()
}

fn record_key(seen: &Seen) -> String {
    let record = seen.annotation("image-watcher/record").unwrap_or_default();
    record.split('.').nth(1).unwrap_or_default().to_owned()
}

async fn a_rotated_key_breaks_nothing(ctx: Ctx) {
    let mut scene = Scene::of(&ctx, "NOTIFICATION").await;
    let used = scene.update("1.0.1").await;
    let (image, open) = scene.ask("1.0.2").await;
    let before = scene.at_rest().await;
    scene.watcher.set_env("IMAGE_WATCHER_LINK_KEY", &format!("{NEW},{KEY}"));
    scene.watcher.restart().await;
    let rest = scene.at_rest().await;
    assert_eq!(key_of(&rest), key_of(&before), "nobody is asked again");
    scene.is_used(&used, "1.0.1").await;
    assert_eq!(press(&scene.watcher, &open, "approve").await.status, 200, "the old key's link works");
    scene.ended(&image).await;
    scene.ask("1.0.3").await;
    let asked = scene.at_rest().await;
    assert_ne!(key_of(&asked), key_of(&before), "new questions are signed with the new key");
    assert_eq!(key_of(&asked), record_key(&asked));
    let told = scene.told();
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    assert_eq!(scene.events("RecordReplaced").await, Vec::<String>::new());
}

async fn an_old_key_that_is_gone_asks_anew_once(ctx: Ctx) {
    let mut scene = Scene::of(&ctx, "NOTIFICATION").await;
    let used = scene.update("1.0.1").await;
    let (image, open) = scene.ask("1.0.2").await;
    let before = scene.at_rest().await;
    scene.watcher.set_env("IMAGE_WATCHER_LINK_KEY", NEW);
    scene.watcher.restart().await;
    let rest = scene.at_rest().await;
    assert!(is_asked(&rest, "web", "1.0.2"));
    assert_ne!(key_of(&rest), key_of(&before), "it is asked anew");
    assert!(sequence(&rest) > sequence(&before));
    for link in [&used, &open] {
        let answer = press(&scene.watcher, link, "approve").await;
        assert!([404, 410].contains(&answer.status), "{}: {}", answer.status, answer.body);
    }
    let told = scene.told();
    assert_eq!(told[&("update.available".into(), "1.0.2".into())], 2, "{told:?}");
    assert_eq!(told[&("update.available".into(), "1.0.1".into())], 1, "{told:?}");
    assert_eq!(scene.image_writes(), 1);
    let newer = scene.link("is available", "1.0.2").await;
    assert_ne!(newer, open);
    assert_eq!(opened(&scene.watcher, &newer).await.status, 200);
    assert_eq!(press(&scene.watcher, &newer, "approve").await.status, 200);
    scene.ended(&image).await;
    assert_eq!(scene.image_writes(), 2);
}
