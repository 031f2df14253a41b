//! Several people approve one update; a proxy says who they are; the cluster says whether they may.

use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher};
use crate::slack;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        two_of_three_approve_by_link,
        a_link_a_chat_and_a_sign_in_are_three_people_and_each_twice_is_one,
        fifty_presses_of_one_person_are_one_approval,
        a_command_is_nobodys_second_approval,
        who_signed_in_is_asked_of_the_cluster,
        where_the_cluster_may_not_be_asked_that_is_said,
    ]
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Accept", "application/json");

/// The path of the link that was sent to one of several.
async fn link(ctx: &Ctx, to: &str, version: &str) -> String {
    let query = format!("search?query=to%3A%22{}%22", to.replace('@', "%40"));
    let view = ctx.mailbox().view_url();
    let rest = view.trim_end_matches("/view/latest.html").to_owned();
    let get = async |path: &str| -> Value {
        let answer = ctx.http().get(format!("{rest}/api/v1/{path}")).send().await.expect("mailpit");
        answer.json().await.expect("JSON")
    };
    eventually(&format!("a mail to {to} about {version}"), async || {
        for message in get(&query).await["messages"].as_array()? {
            let text = get(&format!("message/{}", message["ID"].as_str()?)).await["Text"].as_str()?.to_owned();
            let mut words = text.split(|c: char| c.is_whitespace() || "<>\"()".contains(c));
            let link = words.find_map(|word| Some(word[word.find("/a/v1.")?..].to_owned()));
            if let Some(link) = link.filter(|_| text.contains(version)) {
                return Some(link);
            }
        }
        None
    })
    .await
}

/// Three people beside each other in one channel.
fn three(ctx: &Ctx) -> [String; 3] {
    let address = ctx.mailbox().address().to_owned();
    let (user, domain) = address.split_once('@').expect("an address");
    [address.clone(), format!("{user}-b@{domain}"), format!("{user}-c@{domain}")]
}

fn ours(seen: &Seen) -> Value {
    let mut all = seen.0["metadata"]["annotations"].clone();
    if let Some(all) = all.as_object_mut() {
        all.retain(|name, _| name.starts_with("image-watcher/"));
    }
    all
}

async fn press(watcher: &Watcher, path: &str, action: &str) -> Reply {
    watcher.post(path, &[FORM, JSON], format!("action={action}")).await
}

async fn two_of_three_approve_by_link(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let people = three(&ctx);
    let watcher = ctx.watcher().mail().env("MAIL_TO", people.join(",")).start().await;
    let settings = [("mode", "NOTIFICATION"), ("approvals", "2")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let mut links = Vec::new();
    for person in &people {
        links.push(link(&ctx, person, "1.0.1").await);
    }
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let first = watcher.post_form(&links[0], &[("action", "approve")]).await;
    assert_eq!(first.status, 303, "{}", first.body);
    let page = watcher.get(&links[0]).await.body;
    assert!(page.contains("You have approved already, 1 of 2."), "{page}");
    assert!(!page.contains("value=\"approve\"") && page.contains("value=\"skip\""), "{page}");
    let again = watcher.post_form(&links[0], &[("action", "approve")]).await;
    assert!(again.status == 200 && again.body.contains("1 of 2 approvals, and yours is one of them"), "{}", again.body);
    let other = watcher.get(&links[1]).await.body;
    assert!(other.contains("<dt>Approvals</dt><dd>1 of 2: ") && other.contains("value=\"approve\""), "{other}");
    let url = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    let view = watcher.send(reqwest::Method::GET, &url, &[], Vec::new()).await;
    let approvals = view.json()["containers"][0]["question"]["approvals"].clone();
    assert_eq!((&approvals["needed"], approvals["given"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    let record = deployment.get().await.annotation("image-watcher/record").unwrap_or_default().to_owned();
    assert!(people.iter().all(|person| !record.contains(person.as_str())), "no address is readable: {record}");

    let done = press(&watcher, &links[2], "approve").await;
    assert_eq!(done.status, 200, "{}", done.body);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    let by = history[0]["by"].as_str().unwrap_or_default();
    assert!(by.starts_with("people link ") && by.matches("link ").count() == 2, "{by}");
    assert!(watcher.logs().contains(by), "the log names both");
    let late = watcher.post_form(&links[1], &[("action", "approve")]).await;
    assert!(late.status == 200 && late.body.contains("Decided by"), "{}", late.body);
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
}

/// By link, in Slack and signed in at a proxy: three are needed, and each of them tries to be two.
async fn a_link_a_chat_and_a_sign_in_are_three_people_and_each_twice_is_one(ctx: Ctx) {
    may_patch(&ctx, "alice@example.com").await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let (people, chat) = (three(&ctx), slack::slack(&ctx));
    let watcher = slack::answered(&ctx, &chat)
        .env("MAIL_TO", people[..2].join(","))
        .env("TRUSTED_PROXY", "127.0.0.0/8")
        .env("IMAGE_WATCHER_IDENTITY_HEADER", "X-Forwarded-User")
        .start()
        .await;
    let settings = [("mode", "NOTIFICATION"), ("approvals", "3")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let (joe, jane) = (link(&ctx, &people[0], "1.0.1").await, link(&ctx, &people[1], "1.0.1").await);
    let question = slack::question(&chat, "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let given = async |count: usize| {
        let what = format!("{count} approvals");
        eventually(&what, async || {
            let page = watcher.get(&jane).await.body;
            page.contains(&format!("<dt>Approvals</dt><dd>{count} of 3: ")).then_some(())
        })
        .await;
    };

    assert_eq!(watcher.post_form(&joe, &[("action", "approve")]).await.status, 303);
    let again = press(&watcher, &joe, "approve").await;
    assert!(again.body.contains("You have approved already"), "{}", again.body);
    given(1).await;
    let button = slack::pressed(&question, "iw.approve", &chat.url("/aside"));
    for _ in 0..2 {
        assert_eq!(slack::send(&watcher, &button).await, 200);
    }
    chat.wait_until("once more is no other", |all| all.iter().any(|one| one.path == "/aside")).await;
    given(2).await;
    assert!(ctx.images_written().is_empty());
    let ours_alone = [("Sec-Fetch-Site", "same-origin")];
    let mallory = as_person(&watcher, &jane, "mallory", &ours_alone, "approve").await;
    assert_eq!(mallory.status, 403, "{}", mallory.body);
    // Whoever signs in with the link of somebody who approved is nobody else.
    let joe_again = as_person(&watcher, &joe, "alice@example.com", &ours_alone, "approve").await;
    assert_eq!(joe_again.status, 200, "{}", joe_again.body);
    given(2).await;
    let alice = as_person(&watcher, &jane, "alice@example.com", &ours_alone, "approve").await;
    assert_eq!(alice.status, 303, "{}", alice.body);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    let by = history[0]["by"].as_str().unwrap_or_default();
    assert!(["link email:", "slack T1/U1", "sign-in alice@example.com"].iter().all(|who| by.contains(who)), "{by}");
    let late = as_person(&watcher, &jane, "alice@example.com", &ours_alone, "approve").await;
    assert_eq!(late.status, 200, "{}", late.body);
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
}

async fn fifty_presses_of_one_person_are_one_approval(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = ctx.watcher().mail().start().await;
    let settings = [("mode", "NOTIFICATION"), ("approvals", "2")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, ctx.mailbox().address(), "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let presses = futures_util::future::join_all((0..50).map(|_| press(&watcher, &path, "approve"))).await;
    let counts = |reply: &&Reply| reply.status == 200 && reply.body.contains("Your approval counts");
    assert_eq!(presses.iter().filter(counts).count(), 1, "{presses:?}");
    let is_again = |reply: &Reply| reply.status == 200 && reply.body.contains("You have approved already");
    assert!(presses.iter().all(|reply| counts(&reply) || is_again(reply)), "{presses:?}");
    let view = press(&watcher, &path, "approve").await.json();
    assert_eq!(view["approvals"]["given"].as_array().map(Vec::len), Some(1), "{view}");
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.0").as_str()));
}

/// Whoever may annotate is one, whatever name they write, and gives way to whoever is known.
async fn a_command_is_nobodys_second_approval(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let people = three(&ctx);
    let watcher = ctx.watcher().mail().env("MAIL_TO", people[..2].join(",")).start().await;
    let settings = [("mode", "NOTIFICATION"), ("approvals", "2")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let (path, other) = (link(&ctx, &people[0], "1.0.1").await, link(&ctx, &people[1], "1.0.1").await);
    deployment.wait_for("an open question", |seen| seen.annotation("image-watcher/token-update").is_some()).await;
    let admin = ctx.admin_kubeconfig().to_str().expect("a path of text").to_owned();
    let words = ["approve", "deploy/web", "-n", ctx.namespace(), "--yes", "--kubeconfig", &admin];
    let first = ctx.watcher().output(&words).await;
    assert_eq!(first.code(), Some(0), "{}", first.stderr);
    assert!(first.stdout.contains("approved by 1 of 2 people then, until one approves by a link"), "{}", first.stdout);
    eventually("the approval is taken over", async || {
        watcher.get(&path).await.body.contains("<dt>Approvals</dt><dd>1 of 2: ").then_some(())
    })
    .await;
    let seen = deployment.get().await;
    assert_eq!(seen.image("web"), Some(web.reference("1.0.0").as_str()));
    let again = ctx.watcher().output(&words).await;
    assert_eq!(again.code(), Some(1), "{}", again.stdout);
    assert!(again.stderr.contains("1 of 2 people have approved 1.0.1, and one of them may be you"), "{}", again.stderr);
    let pressed = press(&watcher, &path, "approve").await;
    assert!(pressed.status == 200 && pressed.body.contains("Your approval counts"), "{}", pressed.body);
    assert!(ctx.images_written().is_empty(), "one person, by a command and by a link");
    assert_eq!(press(&watcher, &other, "approve").await.status, 200);
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let history = seen.annotation("image-watcher/history").unwrap_or_default();
    let by = history.split("\"by\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    assert!(by.starts_with("people link email:") && !by.contains("command"), "{history}");
}

/// A person of this name who may patch Deployments of the test's namespace.
async fn may_patch(ctx: &Ctx, name: &str) {
    let namespace = ctx.namespace();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "deployers" },
        "rules": [{ "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"] }],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "deployers" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployers" },
        "subjects": [{ "kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io", "namespace": namespace }],
    });
    ctx.apply(&format!("{role}\n---\n{binding}\n")).await;
}

async fn as_person(watcher: &Watcher, path: &str, name: &str, more: &[(&str, &str)], action: &str) -> Reply {
    let headers = [&[FORM, ("X-Forwarded-User", name)], more].concat();
    watcher.post(path, &headers, format!("action={action}")).await
}

async fn who_signed_in_is_asked_of_the_cluster(ctx: Ctx) {
    may_patch(&ctx, "alice@example.com").await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let mut watcher = ctx
        .watcher()
        .mail()
        .env("TRUSTED_PROXY", "127.0.0.0/8")
        .env("IMAGE_WATCHER_IDENTITY_HEADER", "X-Forwarded-User")
        .env("IMAGE_WATCHER_IDENTITY_REQUIRED", "TRUE")
        .start()
        .await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, ctx.mailbox().address(), "1.0.1").await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let ours_alone = [("Sec-Fetch-Site", "same-origin")];
    assert_eq!(watcher.get(&path).await.status, 401, "nobody signed in");
    assert_eq!(watcher.post_form(&path, &[("action", "approve")]).await.status, 401);
    for (origin, site) in [("https://evil.example", None), ("null", None), ("null", Some("cross-site"))] {
        let mut headers = vec![("Origin", origin)];
        headers.extend(site.map(|site| ("Sec-Fetch-Site", site)));
        let forged = as_person(&watcher, &path, "alice@example.com", &headers, "approve").await;
        assert_eq!(forged.status, 403, "{origin} {site:?}: {}", forged.body);
    }
    assert_eq!(as_person(&watcher, &path, "al\tice", &ours_alone, "approve").await.status, 400);
    let refused = as_person(&watcher, &path, "mallory", &ours_alone, "approve").await;
    assert!(refused.status == 403 && refused.body.contains("You may not change this workload"), "{}", refused.body);
    let after = deployment.get().await;
    assert_eq!((ours(&after), after.image("web")), (ours(&asked), asked.image("web")), "nothing is written");
    let alice = [("X-Forwarded-User", "alice@example.com")];
    let page = watcher.send(reqwest::Method::GET, &watcher.url(&path), &alice, Vec::new()).await;
    assert!(page.body.contains("You act as alice@example.com (signed in)"));

    // From an address outside the trusted proxies the header is nobody's word.
    watcher.set_env("TRUSTED_PROXY", "192.0.2.0/24");
    watcher.restart().await;
    eventually("the link is known again", async || (watcher.get(&path).await.status == 401).then_some(())).await;
    let outside = as_person(&watcher, &path, "alice@example.com", &ours_alone, "approve").await;
    assert_eq!(outside.status, 401, "{}", outside.body);

    watcher.set_env("TRUSTED_PROXY", "127.0.0.0/8");
    watcher.restart().await;
    eventually("she approves", async || {
        let answer = as_person(&watcher, &path, "alice@example.com", &ours_alone, "approve").await;
        (answer.status == 303).then_some(())
    })
    .await;
    let seen = deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert!(seen.annotation("image-watcher/history").unwrap_or_default().contains("sign-in alice@example.com"));
}

async fn where_the_cluster_may_not_be_asked_that_is_said(ctx: Ctx) {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "image-watcher"}});
    let here = format!("namespace: {}", ctx.namespace());
    ctx.apply(&account.to_string()).await;
    ctx.apply(&crate::rights::manifests("namespace").replace("namespace: image-watcher", &here)).await;
    let kubeconfig = ctx.kubeconfig_for(ctx.namespace(), "image-watcher").await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let watcher = ctx
        .watcher()
        .kubeconfig(&kubeconfig)
        .mail()
        .env("TRUSTED_PROXY", "127.0.0.0/8")
        .env("IMAGE_WATCHER_IDENTITY_HEADER", "X-Forwarded-User")
        .start()
        .await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    web.push(Image::new("1.0.1")).await;
    let path = link(&ctx, ctx.mailbox().address(), "1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let answer = as_person(&watcher, &path, "bob", &[("Sec-Fetch-Site", "same-origin")], "skip").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let seen = deployment.wait_for_annotation("image-watcher/skip", "1.0.1").await;
    assert!(seen.annotation("image-watcher/history").unwrap_or_default().contains("sign-in bob"));
    watcher.wait_for_log("deploy/identity").await;
}
