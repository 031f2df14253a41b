//! One message about several workloads, and the one page behind it.

use std::sync::Arc;

use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Server};
use crate::harness::watcher::{Reply, Watcher};

pub(crate) fn tests() -> Vec<Test> {
    tests![three_workloads_are_one_mail_and_one_page, what_takes_its_own_gesture_is_never_among_all]
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const JSON: (&str, &str) = ("Accept", "application/json");

async fn asked(workload: &Workload) -> Seen {
    workload.wait_for("a question", |seen| seen.annotation("image-watcher/token-update").is_some()).await
}

/// The paths of our links in the text of the only mail.
async fn links(ctx: &Ctx) -> Vec<String> {
    let mails = ctx.mailbox().wait_for(1).await;
    let text = mails[0].text.clone();
    let words = text.split(|c: char| c.is_whitespace() || "<>\"()".contains(c));
    words.filter_map(|word| Some(word[word.find("/a/v1.")?..].to_owned())).collect()
}

async fn press(watcher: &Watcher, path: &str, form: &str) -> Reply {
    watcher.post(path, &[FORM, JSON], form).await
}

fn items(reply: &Reply) -> Vec<(String, String)> {
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let name = |item: &Value| text(item, "workload").rsplit('/').next().unwrap_or_default().to_owned();
    reply.json()["items"].as_array().expect("items").iter().map(|item| (name(item), text(item, "state"))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

async fn three_workloads_are_one_mail_and_one_page(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let mut all = Vec::new();
    for name in ["web-1", "web-2", "web-3"] {
        all.push(ctx.watched(name, web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await);
    }
    // As another channel's: whoever holds this list is not asked about it.
    let other = ctx.watched("other", web.reference("1.0.0"), &[("mode", "NOTIFICATION"), ("notify", "webhook")]).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_WINDOW", "3s");
    let hook = Server::start(Arc::new(|_| Box::pin(std::future::ready(Answer::status(200)))));
    let watcher = watcher.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET).start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    for workload in all.iter().chain([&other]) {
        asked(workload).await;
    }
    let links = links(&ctx).await;
    assert_eq!(links.len(), 1, "one link, and not one a line: {links:?}");
    let list = links[0].as_str();
    assert!(list.len() < 400, "{list}");

    // Controllers may write their status meanwhile.
    let written = async || {
        let seen = all[0].get().await;
        (ctx.images_written().len(), seen.0["metadata"]["annotations"].clone(), seen.0["spec"].clone())
    };
    let before = written().await;
    for _ in 0..50 {
        let page = watcher.get(list).await;
        assert!(page.status == 200 && page.body.contains("3 updates to decide"), "{}", page.body);
    }
    assert_eq!(written().await, before, "looking changes nothing");
    let page = watcher.get(list).await.body;
    assert!(!page.contains("/ other<") && page.contains("Approve all of these"), "{page}");
    let forged = format!("{}AAAA", &list[..list.len() - 4]);
    assert_eq!(watcher.get(&forged).await.status, 404);
    assert_eq!(press(&watcher, list, "action=approve").await.status, 400, "no button of this page");

    // One of them is answered by its own link.
    let shown = press(&watcher, list, "action=all").await;
    let own = shown.json()["items"][0]["url"].as_str().expect("a link").to_owned();
    assert_eq!(watcher.post_form(&own, &[("action", "skip")]).await.status, 303);
    all[0].wait_for_annotation("image-watcher/skip", "1.0.1").await;

    // What was shown before that says so of it, and does the others.
    let of = shown.json()["of"].as_str().expect("names").to_owned();
    let unticked = press(&watcher, list, &format!("action=approve-all&of={of}")).await;
    assert_eq!((unticked.status, ctx.images_written().len()), (422, 0), "{}", unticked.body);
    assert_eq!(items(&unticked).len(), 2, "what is decided is not asked again: {}", unticked.body);
    let approve = format!("action=approve-all&read=yes&of={of}");
    let done = press(&watcher, list, &approve).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let expected = pairs(&[("web-1", "Skipped"), ("web-2", "Approved"), ("web-3", "Approved")]);
    let mut found = items(&done);
    found.sort();
    assert_eq!((done.json()["title"].as_str(), found), (Some("2 of 3 approved"), expected.clone()), "{}", done.body);
    for workload in &all[1..] {
        let seen = workload.wait_for_image(workload.name(), &format!("{}@{digest}", web.reference("1.0.1"))).await;
        let history: Value =
            serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
        let by = history[0]["by"].as_str().unwrap_or_default();
        assert!(by.starts_with("link email:"), "who it was is written down: {history}");
    }
    let again = press(&watcher, list, &approve).await;
    let mut found = items(&again);
    found.sort();
    assert_eq!((again.json()["title"].as_str(), found), (Some("0 of 3 approved"), expected), "{}", again.body);
    assert_eq!(ctx.images_written().len(), 2, "each once: {:?}", ctx.images_written());
    assert_eq!(all[0].get().await.image("web-1"), Some(web.reference("1.0.0").as_str()));
    assert_eq!(other.get().await.image("other"), Some(web.reference("1.0.0").as_str()));
    let page = watcher.get(list).await;
    assert!(page.status == 200 && page.body.contains("Nothing is open"), "{}", page.body);
    // A name that is not on the list is nothing to it.
    let id = asked(&other)
        .await
        .annotation("image-watcher/token-update")
        .and_then(|text| text.split(':').nth(2))
        .expect("an id")
        .to_owned();
    let id = if id.starts_with("apr_") { id } else { format!("apr_{id}") };
    let foreign = press(&watcher, list, &format!("action=approve-all&read=yes&of={id}")).await;
    assert_eq!((foreign.status, items(&foreign)), (200, Vec::new()), "{}", foreign.body);
    assert_eq!(ctx.images_written().len(), 2);
}

async fn what_takes_its_own_gesture_is_never_among_all(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let major = [("mode", "NOTIFICATION"), ("strategy", "MAJOR")];
    let [one, two] = ["web-1", "web-2"].map(|name| ctx.watched(name, web.reference("1.0.0"), &major));
    let (one, two) = (one.await, two.await);
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_WINDOW", "3s").start().await;
    web.push(Image::new("2.0.0")).await;
    asked(&one).await;
    let seen = asked(&two).await;
    let links = links(&ctx).await;
    let page = watcher.get(&links[0]).await;
    assert!(page.body.contains("2 updates to decide") && page.body.contains("A major update"), "{}", page.body);
    assert!(!page.body.contains("value=\"all\""), "{}", page.body);
    assert_eq!(press(&watcher, &links[0], "action=all").await.status, 409);
    let id = seen
        .annotation("image-watcher/token-update")
        .and_then(|text| text.split(':').nth(2))
        .expect("an id")
        .to_owned();
    let id = if id.starts_with("apr_") { id } else { format!("apr_{id}") };
    let tried = press(&watcher, &links[0], &format!("action=approve-all&read=yes&of={id}")).await;
    assert_eq!(items(&tried), pairs(&[("web-2", "Open")]), "{}", tried.body);
    assert_eq!(tried.json()["title"], "0 of 1 approved");
    assert!(ctx.images_written().is_empty(), "{:?}", ctx.images_written());
}
