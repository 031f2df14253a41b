//! Links of which something is gone meanwhile: the workload, the API server, the question, the one who was asked.

use serde_json::json;

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::slack;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_workload_that_was_made_again_is_not_what_the_link_is_about,
        an_api_server_that_is_away_uses_up_no_link,
        what_is_decided_in_a_chat_is_not_asked_by_mail_any_more,
        who_left_gets_no_mail_and_has_no_link,
    ]
}

async fn a_workload_that_was_made_again_is_not_what_the_link_is_about(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    deployment.delete().await;
    let gone = eventually("it is seen to be gone", async || {
        let page = watcher.get(&path).await;
        (page.status != 200).then_some(page)
    })
    .await;
    assert_eq!(gone.status, 409, "{}", gone.body);
    assert!(gone.body.contains("was deleted since, and perhaps made again"), "{}", gone.body);
    // From a backup, with all that stood on it.
    let again = ctx.deployment("web").container("web", web.reference("1.0.0"));
    let ours = asked.0["metadata"]["annotations"].as_object().expect("annotations");
    let ours = ours.iter().filter(|(name, _)| name.starts_with("image-watcher/"));
    let again = ours.fold(again, |again, (name, value)| again.annotation(name, value.as_str().unwrap_or_default()));
    let again = again.create().await;
    for action in ["approve", "skip", "snooze"] {
        let answer = watcher.post_form(&path, &[("action", action)]).await;
        assert_eq!(answer.status, 409, "{action}: {}", answer.body);
    }
    let (start, _) = path.rsplit_once('.').expect("a signature");
    let guessed = watcher.get(&format!("{start}.{}", "A".repeat(43))).await;
    assert_eq!(guessed.status, 404, "of what is gone a stranger learns nothing: {}", guessed.body);
    assert_eq!(again.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
    assert!(ctx.images_written().is_empty());
}

async fn an_api_server_that_is_away_uses_up_no_link(ctx: Ctx) {
    let proxy = ctx.fault_proxy(ctx.api_server()).await;
    let kubeconfig = ctx.identity_at(&proxy.host()).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().kubeconfig(&kubeconfig).start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    eventually("the page is open", async || (watcher.get(&path).await.status == 200).then_some(())).await;
    proxy.set(Fault::Refuse);
    let away = watcher.post_form(&path, &[("action", "approve")]).await;
    assert_eq!(away.status, 503, "{}", away.body);
    assert!(away.headers.contains_key("retry-after"), "{:?}", away.headers);
    assert!(ctx.images_written().is_empty());
    proxy.set(Fault::Pass);
    eventually("the same link acts", async || {
        let answer = watcher.post_form(&path, &[("action", "approve")]).await;
        (answer.status == 303).then_some(())
    })
    .await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert_eq!(ctx.images_written().len(), 1);
}

/// Row 36 of the design's table.
async fn what_is_decided_in_a_chat_is_not_asked_by_mail_any_more(ctx: Ctx) {
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    proxy.set(Fault::Refuse);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let chat = slack::slack(&ctx);
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = slack::answered(&ctx, &chat).env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host()));
    let watcher = watcher.start().await;
    web.push(Image::new("1.0.1")).await;
    let question = slack::question(&chat, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    watcher.wait_for_log("the job is tried again").await;
    assert_eq!(slack::send(&watcher, &slack::pressed(&question, "iw.skip", &chat.url("/aside"))).await, 200);
    deployment.wait_for_annotation("image-watcher/skip", "1.0.1").await;
    proxy.set(Fault::Pass);
    watcher.wait_for_log("the message is not sent").await;
    assert!(ctx.mailbox().list().await.is_empty());
}

async fn who_left_gets_no_mail_and_has_no_link(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let (stays, leaves) = (ctx.mailbox(), ctx.mailbox_of("leaver"));
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let both = format!("{},{}", stays.address(), leaves.address());
    let mut watcher = ctx.watcher().mail().env("MAIL_TO", both).start().await;
    web.push(Image::new("1.0.1")).await;
    let of_leaver = leaves.wait_for_mail("1.0.1").await;
    let links = of_leaver.links();
    let of_leaver = links.iter().find_map(|link| Some(link[link.find("/a/")?..].to_owned())).expect("a link");
    let of_other = ctx.mailbox().link("1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    watcher.set_env("MAIL_TO", stays.address());
    watcher.restart().await;
    eventually("who stays has a link", async || (watcher.get(&of_other).await.status == 200).then_some(())).await;
    for answer in [watcher.get(&of_leaver).await, watcher.post_form(&of_leaver, &[("action", "approve")]).await] {
        assert_eq!(answer.status, 404, "{}", answer.body);
    }
    web.push(Image::new("1.0.2")).await;
    stays.wait_for_mail("1.0.2").await;
    assert_eq!(leaves.list().await.len(), 1, "what came before the leaving");
    let dead = watcher.admin_url("/api/v1/deliveries?state=dead");
    let letters = watcher.send(reqwest::Method::GET, &dead, &[], vec![]).await;
    assert_eq!(letters.json()["items"], json!([]), "nobody is owed anything");
    assert!(ctx.images_written().is_empty());
}
