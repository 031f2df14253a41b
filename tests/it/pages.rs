//! What a link answers to whoever bends it, or presses what is no button of its page.

use std::collections::BTreeSet;

use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_link_that_is_bent_is_no_link,
        the_originals_link_leads_to_the_page_and_does_nothing,
        what_is_no_button_does_nothing,
        a_page_is_in_the_language_of_the_browser_else_of_the_channel,
        a_page_of_what_is_decided_is_in_the_voice_of_the_links_channel,
    ]
}

/// The path of the link in the mail about a version.
async fn link(ctx: &Ctx, version: &str) -> String {
    eventually(&format!("a mail about {version}"), async || {
        let mails = ctx.mailbox().list().await;
        let mail = mails.into_iter().find(|mail| mail.text.contains(version))?;
        mail.link()
    })
    .await
}

/// The same with another letter at a place.
fn bent(path: &str, at: usize) -> String {
    let other = if path.as_bytes()[at] == b'B' { "C" } else { "B" };
    format!("{}{other}{}", &path[..at], &path[at + 1..])
}

async fn a_link_that_is_bent_is_no_link(ctx: Ctx) {
    let (web, api) = (ctx.repository("web"), ctx.repository("api"));
    web.push(Image::new("1.0.0")).await;
    api.push(Image::new("2.0.0")).await;
    let watcher = ctx.watcher().mail().start().await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let other = ctx.watched("api", api.reference("2.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    api.push(Image::new("2.0.1")).await;
    let (path, another) = (link(&ctx, "1.0.1").await, link(&ctx, "2.0.1").await);
    let before = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    other.wait_for_annotation("image-watcher/last-notified-version", "2.0.1").await;
    let (start, mac) = path.rsplit_once('.').expect("a signature");
    let foreign = another.rsplit_once('.').expect("a signature").1;
    // Nine of them: the tenth wrong link of an address is answered 429.
    let wrong = [
        bent(&path, path.len() - 20),
        bent(&path, start.len() - 3),
        bent(&path, "/a/v1.".len()),
        format!("{start}.{foreign}"),
        start.to_owned(),
        format!("{path}.{mac}"),
        format!("/a/{}", "A".repeat(10_000)),
        "/a/%00".to_owned(),
        "/a/v1.%C3%A9".to_owned(),
    ];
    let mut bodies = BTreeSet::new();
    for path in &wrong {
        let reply = watcher.get(path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.body);
        assert_eq!(reply.headers.get("referrer-policy").map(String::as_str), Some("same-origin"), "{path}");
        bodies.insert(reply.body);
    }
    assert_eq!(bodies.len(), 1, "nobody can tell why");
    assert!(!watcher.logs().contains(mac) && !watcher.logs().contains(foreign), "no signature is in the log");
    assert_eq!(watcher.get(&path).await.status, 200);
    assert_eq!(deployment.get().await.0["metadata"]["annotations"], before.0["metadata"]["annotations"]);
}

async fn the_originals_link_leads_to_the_page_and_does_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = ctx.watcher().mail().start().await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, "1.0.1").await;
    let before = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let token = path.strip_prefix("/a/").expect("a token");
    let original = format!("/api/upgrade/{}/web?version=1.0.1&token={token}", ctx.namespace());
    let leads = watcher.get(&original).await;
    assert_eq!((leads.status, leads.headers.get("location").map(String::as_str)), (303, Some(path.as_str())));
    let json = watcher.send(Method::GET, &watcher.url(&original), &[("Accept", "application/json")], Vec::new()).await;
    assert_eq!(json.status, 405, "{}", json.body);
    assert_eq!(watcher.post_form(&original, &[("action", "approve")]).await.status, 405);
    let page = watcher.get(&path).await;
    assert!(page.status == 200 && page.body.contains("value=\"approve\""), "{}", page.body);
    let after = deployment.get().await;
    assert_eq!(after.0["spec"], before.0["spec"]);
    assert_eq!(after.0["metadata"]["annotations"], before.0["metadata"]["annotations"]);
}

async fn what_is_no_button_does_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = ctx.watcher().mail().start().await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("2.0.0")).await;
    let path = link(&ctx, "2.0.0").await;
    let before = deployment.wait_for_annotation("image-watcher/last-notified-version", "2.0.0").await;
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (body, status) in [
        ("", 400),
        ("action=aprove", 400),
        ("action=approve&action=approve", 400),
        ("action=approve&action=skip", 400),
        ("action=snooze&for=90d", 400),
        ("action=rollback&read=yes", 403),
        ("action=resume", 403),
        ("action=renew", 403),
        ("action=approve", 422),
        ("action=approve&read=on", 422),
    ] {
        let reply = watcher.post(&path, &form, body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    let unread = watcher.post(&path, &form, "action=approve").await;
    assert!(unread.body.contains("name=\"read\"") && unread.body.contains("tick the box"), "{}", unread.body);
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS] {
        let reply = watcher.send(method, &watcher.url(&path), &[], Vec::new()).await;
        assert_eq!((reply.status, reply.headers.get("allow").map(String::as_str)), (405, Some("GET, HEAD, POST")));
        assert_eq!(reply.headers.get("cache-control").map(String::as_str), Some("no-store"));
    }
    let after = deployment.get().await;
    assert_eq!(after.0["spec"], before.0["spec"]);
    assert_eq!(after.0["metadata"]["annotations"], before.0["metadata"]["annotations"]);
    assert_eq!(watcher.post_form(&path, &[("action", "approve"), ("read", "yes")]).await.status, 303);
}

async fn a_page_is_in_the_language_of_the_browser_else_of_the_channel(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_LANGUAGE", "fr").env("TZ", "Europe/Paris").start().await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, "1.0.1").await;
    let gone = bent(&path, path.len() - 20);
    for (accepts, language) in [
        ("", "fr"),
        ("de, *;q=0.5", "fr"),
        ("en-GB, en;q=0.9, fr;q=0.8", "en"),
        ("en;q=0.5, fr-CA;q=0.9", "fr"),
        ("en;q=0.1, fr;q=0", "en"),
    ] {
        let headers = [("Accept-Language", accepts)];
        for (path, words) in [
            (&path, [("en", "Approve an update?"), ("fr", "Approuver une mise à jour")]),
            (&gone, [("en", "No such link"), ("fr", "Lien inconnu")]),
        ] {
            let page = watcher.send(Method::GET, &watcher.url(path), &headers, Vec::new()).await;
            let said = words.into_iter().find(|(of, _)| *of == language).expect("one of both").1;
            let declared = format!("<html lang=\"{language}\">");
            assert!(page.body.contains(&declared) && page.body.contains(said), "{accepts}: {}", page.body);
        }
    }
    let program = [("Accept", "application/json"), ("Accept-Language", "fr")];
    let told = watcher.send(Method::GET, &watcher.url(&path), &program, Vec::new()).await;
    assert!(told.body.contains("can be approved until"), "a program is told the same in every language: {}", told.body);
}

async fn a_page_of_what_is_decided_is_in_the_voice_of_the_links_channel(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let mailbox = ctx.mailbox();
    let (to, zone) = (mailbox.address(), "Asia/Kolkata");
    let yaml = format!("channels: [{{ name: garde, kind: email, to: ['{to}'], language: fr, zone: {zone} }}]");
    let config = ctx.file("config.yaml", &yaml);
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", config.display().to_string());
    let watcher = watcher.without("MAIL_TO").start().await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, "1.0.1").await;
    let of = |page: &str| (page.contains("<html lang=\"fr\">"), page.contains("IST"));
    let open = watcher.get(&path).await.body;
    assert_eq!(of(&open), (true, true), "{open}");
    assert_eq!(watcher.post_form(&path, &[("action", "skip")]).await.status, 303);
    let decided = watcher.get(&path).await.body;
    assert_eq!(of(&decided), (true, true), "{decided}");
}
