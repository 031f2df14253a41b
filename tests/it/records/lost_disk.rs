//! The disk is lost, and the annotations are not: no decision goes with it, no message, and no link comes back.

use super::{Scene, is_asked, opened, press, sequence, told_by};
use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::run::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![
        what_was_not_delivered_is_delivered_after_all,
        what_was_delivered_is_the_same_message,
        a_used_link_stays_used_without_the_disk,
    ]
}

/// An image-watcher in the place of the last one, with an empty folder.
async fn without_the_disk(scene: &mut Scene) {
    scene.watcher.terminate().await;
    scene.watcher = told_by(&scene.ctx, &scene.hook).own_data().start().await;
}

async fn what_was_not_delivered_is_delivered_after_all(ctx: Ctx) {
    let mail = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    mail.set(Fault::Refuse);
    let repository = ctx.repository("web");
    repository.push(Image::new("1.0.0")).await;
    let workload = ctx.watched("web", repository.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let smtp = format!("smtp://{}?tls=none", mail.host());
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).env("SMTP_URL", &smtp).start().await;
    repository.push(Image::new("1.0.1")).await;
    let asked = workload.wait_for("asked", |seen| is_asked(seen, "web", "1.0.1")).await;
    crate::harness::wait::eventually("a mail is tried", async || (mail.connections() > 0).then_some(())).await;
    watcher.kill9().await;
    mail.set(Fault::Pass);
    let watcher = told_by(&ctx, &hook).own_data().start().await;
    let path = super::link(&ctx, "is available", "1.0.1").await;
    let rest = super::at_rest(&ctx, &watcher, &repository, &workload).await;
    let name = |seen: &crate::harness::objects::Seen| seen.ledger("web")["question"]["terms"]["id"].clone();
    assert_eq!(name(&rest), name(&asked), "it is the same question");
    assert_eq!(ctx.mailbox().list().await.len(), 1);
    assert_eq!(press(&watcher, &path, "approve").await.status, 200);
}

async fn what_was_delivered_is_the_same_message(ctx: Ctx) {
    let mut scene = Scene::of(&ctx, "NOTIFICATION").await;
    let (image, path) = scene.ask("1.0.1").await;
    let before = scene.at_rest().await;
    without_the_disk(&mut scene).await;
    let rest = scene.at_rest().await;
    assert!(is_asked(&rest, "web", "1.0.1"));
    assert_eq!(sequence(&rest), sequence(&before), "nothing is written");
    let ids: std::collections::BTreeSet<_> =
        ctx.mailbox().list().await.iter().filter_map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 1, "mail servers and people know it as one: {ids:?}");
    let links: std::collections::BTreeSet<_> = ctx.mailbox().list().await.iter().filter_map(Mail::link).collect();
    assert_eq!(links, [path.clone()].into());
    let hooked: std::collections::BTreeSet<_> =
        scene.hook.requests().iter().filter_map(|it| it.header("webhook-id").map(str::to_owned)).collect();
    assert_eq!(hooked.len(), 1, "{hooked:?}");
    assert_eq!(press(&scene.watcher, &path, "approve").await.status, 200);
    scene.ended(&image).await;
}

async fn a_used_link_stays_used_without_the_disk(ctx: Ctx) {
    let mut scene = Scene::of(&ctx, "NOTIFICATION").await;
    let path = scene.update("1.0.1").await;
    let before = scene.at_rest().await;
    without_the_disk(&mut scene).await;
    scene.is_used(&path, "1.0.1").await;
    let rest = scene.at_rest().await;
    assert_eq!(sequence(&rest), sequence(&before));
    scene.is_used(&path, "1.0.1").await;
    assert_eq!(opened(&scene.watcher, &path).await.status, 200);
    assert_eq!(scene.image_writes(), 1);
}
