//! Two services beside each other: on the same workloads with one key, and in one channel with nothing else in common.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::serve::Received;
use crate::harness::wait::eventually;
use crate::harness::watcher::{Watcher, WatcherBuilder};
use crate::slack;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        fifty_presses_at_two_services_are_one_update,
        a_service_that_stands_still_meanwhile_writes_nothing_twice,
        two_services_in_one_channel_say_which_they_are_and_answer_their_own,
    ]
}

const KEY: &str = "0123456789abcdef0123456789abcdef";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

async fn presses(watcher: &Watcher, path: &str, count: usize) -> Vec<u16> {
    let one = |_| async { watcher.post_form(path, &[("action", "approve")]).await.status };
    futures_util::future::join_all((0..count).map(one)).await
}

/// A service of two that have one key.
fn one_of_two(ctx: &Ctx) -> WatcherBuilder {
    ctx.watcher().mail().env("IMAGE_WATCHER_LINK_KEY", KEY)
}

async fn fifty_presses_at_two_services_are_one_update(ctx: Ctx) {
    let hook = ctx.receiver();
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let told = |builder: WatcherBuilder| builder.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
    let first = told(one_of_two(&ctx)).start().await;
    web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let second = told(one_of_two(&ctx)).own_data().unconnected().start().await;
    eventually("the link is known at both", async || (second.get(&path).await.status == 200).then_some(())).await;
    let (here, there) = tokio::join!(presses(&first, &path, 25), presses(&second, &path, 25));
    // Where both wrote at once, one is asked to press again: the link is as good as before.
    let answered = |status: &u16| [200, 303, 503].contains(status);
    assert!(here.iter().chain(&there).all(answered), "{here:?} {there:?}");
    assert!(here.iter().chain(&there).any(|status| *status == 303), "{here:?} {there:?}");
    deployment.wait_for("healthy", |seen| seen.annotation("image-watcher/current-version") == Some("1.0.1")).await;
    let kind = |request: &Received| request.json()["type"].as_str().unwrap_or_default().to_owned();
    let events = hook.wait_until("applied", |all| all.iter().any(|request| kind(request) == "update.applied")).await;
    // Each has a queue of its own: what both tell has one id, by which a receiver knows it again.
    let granted = events.iter().filter(|request| kind(request) == "approval.granted");
    let ids: BTreeSet<_> = granted.map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
    for watcher in [&first, &second] {
        eventually("both say what was decided", async || {
            let page = watcher.get(&path).await;
            (page.status == 200 && page.body.contains("Decided by")).then_some(())
        })
        .await;
    }
}

async fn a_service_that_stands_still_meanwhile_writes_nothing_twice(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let first = one_of_two(&ctx).start().await;
    web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let second = one_of_two(&ctx).own_data().unconnected().start().await;
    eventually("the link is known at both", async || (second.get(&path).await.status == 200).then_some(())).await;
    second.signal("STOP");
    let stopped = presses(&second, &path, 25);
    let others = async {
        let answers = presses(&first, &path, 25).await;
        deployment.wait_for("healthy", |seen| seen.annotation("image-watcher/current-version") == Some("1.0.1")).await;
        second.signal("CONT");
        answers
    };
    let (there, here) = tokio::join!(stopped, others);
    assert!(here.iter().all(|status| [200, 303].contains(status)), "{here:?}");
    // It had not heard of the answer when it was stopped, and finds out as it writes.
    assert!(there.iter().all(|status| [200, 303, 409, 503].contains(status)), "{there:?}");
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
}

/// Of two clusters, with keys of their own: Slack sends each press to one address, whichever of them asked.
async fn two_services_in_one_channel_say_which_they_are_and_answer_their_own(ctx: Ctx) {
    let other = ctx.second_namespace("west", &[]).await;
    let (web, api) = (ctx.repository("web"), ctx.repository("api"));
    web.push(Image::new("1.0.0")).await;
    api.push(Image::new("2.0.0")).await;
    let chat = slack::slack(&ctx);
    let east = slack::answered(&ctx, &chat).env("IMAGE_WATCHER_CLUSTER", "lyon").start().await;
    let west = slack::answered(&ctx, &chat).own_data().unconnected().env("IMAGE_WATCHER_CLUSTER", "oslo");
    let west = west.env("IMAGE_WATCHER_NAMESPACES", other.as_str()).env("RUN_ON_BOOT", "TRUE");
    let here = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let there = ctx.deployment("api").namespace(&other).container("api", api.reference("2.0.0"));
    let there = there.annotation("image-watcher/mode", "NOTIFICATION").create().await;
    web.push(Image::new("1.0.1")).await;
    let digest = api.push(Image::new("2.0.1")).await;
    let west = west.start().await;
    let (asked_here, asked_there) = (slack::question(&chat, "1.0.1").await, slack::question(&chat, "2.0.1").await);
    assert!(asked_here.to_string().contains("lyon") && !asked_here.to_string().contains("oslo"), "{asked_here}");
    assert!(asked_there.to_string().contains("oslo") && !asked_there.to_string().contains("lyon"), "{asked_there}");
    here.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    there.wait_for_annotation("image-watcher/last-notified-version", "2.0.1").await;

    let press = slack::pressed(&asked_there, "iw.approve", &chat.url("/aside"));
    assert_eq!(slack::send(&east, &press).await, 200);
    let aside = |all: &[Received]| all.iter().find(|one| one.path == "/aside").map(Received::json);
    let all = chat.wait_until("an answer to whoever pressed", |all| aside(all).is_some()).await;
    let said: Value = aside(&all).expect("an answer");
    assert!(said["text"].as_str().is_some_and(|text| text.contains("is not known here")), "{said}");
    assert!(slack::calls(&all, "chat.update").is_empty() && ctx.images_written().is_empty());
    assert_eq!(slack::send(&west, &press).await, 200);
    there.wait_for_image("api", &format!("{}@{digest}", api.reference("2.0.1"))).await;
    assert_eq!(here.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
}
