//! What people do at the command line, as people with rights of their own on the real API server: approve, skip, snooze, go
//! back, let go; and what the service makes of it.

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::watcher::Output;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        who_approves_by_command_is_told_and_the_update_is_followed,
        two_who_go_back_at_once_go_back_once,
        a_person_goes_back_to_an_entry_of_the_history,
        a_person_chooses_on_the_page_of_a_link_where_to_go_back_to,
        the_way_back_by_command_leads_past_what_never_ran_and_not_to_what_is_gone,
        a_command_does_not_take_the_place_of_one_that_waits,
        a_person_skips_snoozes_and_lets_go_by_command,
        what_can_not_be_done_is_said_and_nothing_is_written,
        a_dry_run_of_the_service_tells_what_it_would_do_and_writes_nothing,
    ]
}

/// What `kubectl rollout history` shows.
const CAUSE: &str = "kubernetes.io/change-cause";

/// The rights that the help of the commands names, and one that is less.
const PERSON: &[&str] = &["get", "patch"];
const READER: &[&str] = &["get"];

/// A person with these rights on Deployments of the namespace, by a kubeconfig.
async fn person(ctx: &Ctx, name: &str, verbs: &[&str]) -> String {
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
        "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs}]});
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ctx.namespace()}]});
    ctx.apply(&format!("{account}\n---\n{role}\n---\n{binding}\n")).await;
    let kubeconfig = ctx.kubeconfig_for(ctx.namespace(), name).await;
    let kubeconfig = kubeconfig.to_str().expect("a path of text").to_owned();
    // The authorizer learns of the binding by its own watch.
    crate::harness::wait::eventually("the person's rights", async || {
        let seen = run(ctx, &kubeconfig, &["history", "deploy/web", "-n", ctx.namespace()]).await;
        (!seen.stderr.contains("no right to")).then_some(())
    })
    .await;
    kubeconfig
}

/// Runs a command as a person.
async fn run(ctx: &Ctx, kubeconfig: &str, words: &[&str]) -> Output {
    let all: Vec<&str> = words.iter().copied().chain(["--kubeconfig", kubeconfig]).collect();
    ctx.watcher().output(&all).await
}

/// What people and programs wrote of a workload.
fn annotations_of_ours(seen: &Seen) -> Value {
    let all = seen.0["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(name, _)| name.starts_with("image-watcher/")).collect()
}

fn history(seen: &Seen) -> Vec<[String; 3]> {
    let entries: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let entries = entries.as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| [text(entry, "version"), text(entry, "by"), text(entry, "outcome")]).collect()
}

/// What is said of why the newest revision is there.
fn cause(seen: &Seen) -> Option<&str> {
    seen.annotation(CAUSE)
}

/// Whether the newest entry says so.
fn newest(seen: &Seen, version: &str, by: &str, outcome: &str) -> bool {
    history(seen).first() == Some(&[version.to_owned(), by.to_owned(), outcome.to_owned()])
}

/// Who owns the image, as the API server says.
fn writer(raw: &str) -> Vec<String> {
    let object: Value = serde_json::from_str(raw).expect("JSON");
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let owns = |entry: &&Value| entry["fieldsV1"].to_string().contains("f:image\"");
    entries.iter().filter(owns).filter_map(|entry| Some(entry["manager"].as_str()?.to_owned())).collect()
}

/// People are asked about a version.
async fn asked(workload: &Workload, version: &str) {
    workload.wait_for_annotation("image-watcher/last-notified-version", version).await;
    workload.wait_for("an open question", |seen| seen.annotation("image-watcher/token-update").is_some()).await;
}

async fn who_approves_by_command_is_told_and_the_update_is_followed(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let _watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    asked(&deployment, "1.0.1").await;
    let alice = person(&ctx, "alice", PERSON).await;
    let subject = ["approve", "deploy/web", "-n", ctx.namespace()];

    // Nobody is asked at a pipe, and a dry run writes nothing.
    let before = deployment.get().await.resource_version().to_owned();
    let unconfirmed = run(&ctx, &alice, &subject).await;
    assert_eq!(unconfirmed.code(), Some(2), "{}", unconfirmed.stderr);
    assert!(unconfirmed.stderr.contains("add --yes"), "{}", unconfirmed.stderr);
    let dry = run(&ctx, &alice, &[&subject[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry.code(), Some(0), "{}", dry.stderr);
    let pinned = format!("{}@{digest}", web.reference("1.0.1"));
    assert!(dry.stdout.contains(&format!("+ {pinned}")), "{}", dry.stdout);
    assert_eq!(deployment.get().await.resource_version(), before, "nothing is written");

    let done = run(&ctx, &alice, &[&subject[..], &["--yes", "--wait", "--timeout", "2m"]].concat()).await;
    assert_eq!(done.code(), Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("healthy"), "{}", done.stdout);
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let seen = deployment.wait_for("told as hers", |seen| newest(seen, "1.0.1", &user, "healthy")).await;
    assert_eq!(seen.image("web"), Some(pinned.as_str()));
    assert_eq!(seen.annotation("image-watcher/request"), None);
    assert_eq!(writer(&deployment.raw().await), ["image-watcher-cli"]);
    let why = "image-watcher: web 1.0.0 → 1.0.1, approved by system:serviceaccount:";
    assert!(cause(&seen).is_some_and(|cause| cause.starts_with(why)), "{:?}", cause(&seen));
    let again = run(&ctx, &alice, &[&subject[..], &["--yes"]].concat()).await;
    assert_eq!(again.code(), Some(1), "{}", again.stderr);
    assert!(again.stderr.contains("nothing to answer"), "{}", again.stderr);
    let told = run(&ctx, &alice, &["history", "deploy/web", "-n", ctx.namespace()]).await;
    assert!(told.stdout.contains("alice (command line)"), "{}", told.stdout);
}

async fn two_who_go_back_at_once_go_back_once(ctx: Ctx) {
    let web = ctx.repository("web");
    let old = web.push(Image::new("1.0.0")).await;
    let deployment = ctx.deployment("web").container("web", web.reference("1.0.0")).annotation(CAUSE, "made by hand");
    let deployment = deployment.annotation("image-watcher/mode", "AUTO_UPDATE").create().await;
    deployment.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for("healthy", |seen| newest(seen, "1.0.1", "policy", "healthy")).await;
    let alice = person(&ctx, "alice", PERSON).await;
    let words = ["rollback", "deploy/web", "-n", ctx.namespace(), "--yes"];
    let (one, other) = tokio::join!(run(&ctx, &alice, &words), run(&ctx, &alice, &words));
    let mut codes = [one.code(), other.code()];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "{}\n{}", one.stderr, other.stderr);
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let seen = deployment.wait_for("back and healthy", |seen| newest(seen, "1.0.0", &user, "healthy")).await;
    let image = seen.image("web").unwrap_or_default();
    assert!(image == web.reference("1.0.0") || image.ends_with(&old), "{image}");
    let held = seen.annotation("image-watcher/held").unwrap_or_default();
    assert!(held.starts_with(&format!("1.0.1: set back to 1.0.0, by {user}")), "{held}");
    // The controller gave each revision the cause that was written with its image.
    assert_eq!(cause(&seen), Some("made by hand"));
    let sets: Api<ReplicaSet> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let sets = sets.list(&ListParams::default()).await.expect("ReplicaSets").items;
    let causes = sets.iter().filter_map(|set| set.metadata.annotations.as_ref()?.get(CAUSE).map(String::as_str));
    let mut causes: Vec<&str> = causes.collect();
    causes.sort_unstable();
    assert_eq!(causes, ["image-watcher: web 1.0.0 → 1.0.1, as its policy allows", "made by hand"]);
    assert_eq!(history(&seen).len(), 2, "{:?}", history(&seen));
}

async fn a_person_goes_back_to_an_entry_of_the_history(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let _watcher = ctx.watcher().mail().start().await;
    let mut digests = Vec::new();
    for version in ["1.0.1", "1.0.2", "1.0.3"] {
        digests.push(web.push(Image::new(version)).await);
        deployment.wait_for("healthy", |seen| newest(seen, version, "policy", "healthy")).await;
    }
    let alice = person(&ctx, "alice", PERSON).await;
    let words = |to: &[&'static str]| [&["rollback", "deploy/web", "--yes", "--wait"], to].concat();
    let namespace = ["-n", ctx.namespace()];
    let none = run(&ctx, &alice, &[&words(&["--to", "0.9.0"])[..], &namespace].concat()).await;
    assert_eq!(none.code(), Some(1));
    assert!(none.stderr.contains("the history of container web has no 0.9.0"), "{}", none.stderr);
    // The tag has moved since: what ran is what comes back.
    web.push(Image::new("1.0.1").label("again", "yes")).await;
    let back = run(&ctx, &alice, &[&words(&["--entry", "3"])[..], &namespace].concat()).await;
    assert_eq!(back.code(), Some(0), "{}{}", back.stdout, back.stderr);
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let seen = deployment.wait_for("back and healthy", |seen| newest(seen, "1.0.1", &user, "healthy")).await;
    assert_eq!(seen.image("web"), Some(&*format!("{}@{}", web.reference("1.0.1"), digests[0])));
    let held = seen.annotation("image-watcher/held").unwrap_or_default();
    assert!(held.starts_with("1.0.3: set back to 1.0.1"), "{held}");
}

async fn a_person_chooses_on_the_page_of_a_link_where_to_go_back_to(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let mut digests = Vec::new();
    for version in ["1.0.1", "1.0.2", "1.0.3"] {
        digests.push(web.push(Image::new(version)).await);
        deployment.wait_for("healthy", |seen| newest(seen, version, "policy", "healthy")).await;
    }
    let path = ctx.mailbox().link("1.0.3").await;
    let page = watcher.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let option = |at: usize, version: &str| format!("name=\"to\" value=\"{version}@{}\"", digests[at]);
    assert!(
        page.body.contains(&format!("{} checked", option(1, "1.0.2"))),
        "what ran before is suggested: {}",
        page.body
    );
    assert!(page.body.contains(&option(0, "1.0.1")) && page.body.contains("ran well"), "{}", page.body);
    assert!(!page.body.contains(&option(2, "1.0.3")), "what runs is no way back");
    assert!(!page.body.contains("<script"), "it works without");
    let unread = watcher.post_form(&path, &[("action", "rollback")]).await;
    assert!(unread.status == 422 && unread.body.contains("tick the box"), "{}", unread.body);
    let press = async |to: &str| watcher.post_form(&path, &[("action", "rollback"), ("read", "yes"), ("to", to)]).await;
    assert_eq!(press("1.0.1").await.status, 400, "a version without its digest is none of the page's");
    let never = press(&format!("1.0.1@sha256:{}", "a".repeat(64))).await;
    assert!(never.status == 409 && never.body.contains("has no 1.0.1 of this digest"), "{}", never.body);
    web.delete(&digests[1]).await;
    let gone = press(&format!("1.0.2@{}", digests[1])).await;
    assert!(gone.status == 409 && gone.body.contains("The registry has 1.0.2 no more"), "{}", gone.body);
    assert_eq!(press(&format!("1.0.1@{}", digests[0])).await.status, 303);
    let back = format!("{}@{}", web.reference("1.0.1"), digests[0]);
    let is_back = |seen: &Seen| seen.image("web") == Some(&back) && history(seen)[0][2] == "healthy";
    let seen = deployment.wait_for("back and healthy", is_back).await;
    assert!(history(&seen)[0][1].starts_with("link email:"), "{:?}", history(&seen));
    let held = seen.annotation("image-watcher/held").unwrap_or_default();
    assert!(held.starts_with("1.0.3: set back to 1.0.1"), "{held}");
    let page = watcher.get(&path).await;
    assert!(page.body.contains("Back from 1.0.3 to 1.0.1"), "{}", page.body);
}

async fn the_way_back_by_command_leads_past_what_never_ran_and_not_to_what_is_gone(ctx: Ctx) {
    let web = ctx.repository("web");
    let old = web.push(Image::new("1.0.0")).await;
    let deployment = ctx.deployment("web").replicas(0).container("web", web.reference("1.0.0"));
    let deployment = deployment.annotation("image-watcher/mode", "AUTO_UPDATE").create().await;
    let _watcher = ctx.watcher().mail().start().await;
    let mut digests = Vec::new();
    for version in ["1.0.1", "1.0.2"] {
        // Nobody runs it, so that nothing is known of how it runs.
        digests.push(web.push(Image::new(version)).await);
        deployment.wait_for("written", |seen| newest(seen, version, "policy", "rolling-out")).await;
    }
    let alice = person(&ctx, "alice", PERSON).await;
    let words = |to: &[&'static str]| [&["rollback", "deploy/web", "--yes", "-n", ctx.namespace()], to].concat();
    web.delete(&digests[0]).await;
    let gone = run(&ctx, &alice, &words(&["--to", "1.0.1"])).await;
    assert!(gone.code() == Some(1) && gone.stderr.contains("no more, so no node could pull it"), "{}", gone.stderr);
    let back = run(&ctx, &alice, &words(&[])).await;
    assert_eq!(back.code(), Some(0), "{}{}", back.stdout, back.stderr);
    assert!(back.stdout.contains("1.0.1 is passed over: it never ran well"), "{}", back.stdout);
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let seen = deployment.wait_for("taken over", |seen| newest(seen, "1.0.0", &user, "rolling-out")).await;
    let image = seen.image("web").unwrap_or_default();
    assert!(image == web.reference("1.0.0") || image.ends_with(&old), "{image}");
    let held = seen.annotation("image-watcher/held").unwrap_or_default();
    assert!(held.starts_with("1.0.2: set back to 1.0.0"), "{held}");
}

async fn a_command_does_not_take_the_place_of_one_that_waits(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let mut watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    asked(&deployment, "1.0.1").await;
    let alice = person(&ctx, "alice", PERSON).await;
    watcher.kill9().await;
    let words = |verb: &'static str, more: &[&'static str]| {
        [&[verb, "deploy/web", "--yes", "-n", ctx.namespace()], more].concat()
    };
    let first = run(&ctx, &alice, &words("snooze", &[])).await;
    assert_eq!(first.code(), Some(0), "{}", first.stderr);
    let waits = deployment.get().await;
    for verb in ["skip", "approve", "snooze"] {
        let second = run(&ctx, &alice, &words(verb, &[])).await;
        assert_eq!(second.code(), Some(1), "{verb}: {}", second.stdout);
        let says =
            ["alice asked to put the question off until", "the service has not taken that over yet", "--replace"];
        assert!(says.iter().all(|said| second.stderr.contains(said)), "{verb}: {}", second.stderr);
        assert_eq!(annotations_of_ours(&deployment.get().await), annotations_of_ours(&waits), "{verb}");
    }
    let replaced = run(&ctx, &alice, &words("skip", &["--replace"])).await;
    assert_eq!(replaced.code(), Some(0), "{}", replaced.stderr);
    assert!(replaced.stderr.contains("and this takes its place"), "{}", replaced.stderr);
    watcher.restart().await;
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let seen = deployment.wait_for("told as hers", |seen| newest(seen, "1.0.1", &user, "skipped")).await;
    assert_eq!(seen.annotation("image-watcher/request"), None);
}

async fn a_person_skips_snoozes_and_lets_go_by_command(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    asked(&deployment, "1.0.1").await;
    let alice = person(&ctx, "alice", PERSON).await;
    let user = format!("command system:serviceaccount:{}:alice", ctx.namespace());
    let does = async |words: &[&str]| {
        let all = [words, &["deploy/web", "--yes", "-n", ctx.namespace()]].concat();
        let done = run(&ctx, &alice, &all).await;
        assert_eq!(done.code(), Some(0), "{words:?}: {}{}", done.stdout, done.stderr);
        deployment.wait_for("taken over", |seen| seen.annotation("image-watcher/request").is_none()).await
    };
    let stands = |seen: &Seen| seen.ledger("web")["question"]["stands"].clone();
    let snoozed = does(&["snooze", "--for", "14d"]).await;
    assert!(stands(&snoozed)["snoozed"].is_number(), "{}", stands(&snoozed));
    does(&["snooze", "--clear"]).await;
    does(&["skip"]).await;
    let skipped = deployment.wait_for("told as hers", |seen| newest(seen, "1.0.1", &user, "skipped")).await;
    assert_eq!(skipped.annotation("image-watcher/skip"), Some("1.0.1"));
    does(&["skip", "--clear"]).await;
    asked(&deployment, "1.0.1").await;

    // Somebody goes to it and back, so it is held.
    deployment.set_image("web", &web.reference("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/current-version", "1.0.1").await;
    deployment.set_image("web", &web.reference("1.0.0")).await;
    deployment.wait_for("held", |seen| seen.annotation("image-watcher/held").is_some()).await;
    let free = does(&["resume"]).await;
    assert_eq!(free.annotation("image-watcher/held"), None);
    deployment.wait_for("told as hers", |seen| newest(seen, "1.0.1", &user, "resumed")).await;
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.0").as_str()), "people decide");
}

async fn what_can_not_be_done_is_said_and_nothing_is_written(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let settings = [("mode", "NOTIFICATION"), ("window", "Mon-Sun 00:00-00:01 UTC")];
    let deployment = ctx.watched("web", web.reference("1.0.0"), &settings).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    asked(&deployment, "1.0.1").await;
    watcher.kill9().await;
    let (alice, bob) = (person(&ctx, "alice", PERSON).await, person(&ctx, "bob", READER).await);
    let namespace = ctx.namespace().to_owned();
    let refused = async |person: &str, words: &[&str], says: &[&str]| {
        // Controllers write the status meanwhile.
        let ours = |seen: &Seen| (seen.generation(), annotations_of_ours(seen));
        let before = ours(&deployment.get().await);
        let all = [words, &["--yes", "-n", &namespace]].concat();
        let done = run(&ctx, person, &all).await;
        assert_eq!(done.code(), Some(1), "{words:?}: {}{}", done.stdout, done.stderr);
        assert!(says.iter().all(|said| done.stderr.contains(said)), "{words:?}: {}", done.stderr);
        assert_eq!(ours(&deployment.get().await), before, "{words:?}");
    };
    let rule = "apiGroups: [apps], resources: [deployments], verbs: [get, patch]";
    refused(&bob, &["snooze", "deploy/web"], &["no right to", rule, "kubectl create role"]).await;
    refused(&bob, &["approve", "deploy/web", "--outside-window", "--dry-run"], &["no right to", rule]).await;
    refused(&alice, &["approve", "sts/web"], &["no right to", "resources: [statefulsets]"]).await;
    refused(&alice, &["approve", "deploy/other"], &["is not watched"]).await;
    refused(&alice, &["approve", "deploy/web", "-c", "app"], &["nothing to answer"]).await;
    refused(&alice, &["rollback", "deploy/web"], &["no update"]).await;
    refused(&alice, &["resume", "deploy/web"], &["nothing of", "is held"]).await;
    let now = chrono::Utc::now().format("%H:%M").to_string();
    if now != "00:00" {
        refused(&alice, &["approve", "deploy/web"], &["image-watcher/window is closed", "--outside-window"]).await;
    }
    // The tag was pushed again: it is not what people were asked about.
    web.push(Image::new("1.0.1").label("again", "yes")).await;
    refused(&alice, &["approve", "deploy/web", "--outside-window"], &["points to something else"]).await;
    // Another container, of another name.
    let containers = json!([{"name": "app", "image": web.reference("1.0.0")}]);
    deployment.patch(json!({"spec": {"template": {"spec": {"containers": containers}}}})).await;
    refused(&alice, &["approve", "deploy/web", "--outside-window"], &["no container web"]).await;
    refused(&alice, &["snooze", "deploy/none"], &["is not watched"]).await;
}

async fn a_dry_run_of_the_service_tells_what_it_would_do_and_writes_nothing(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let auto = ctx.watched("auto", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let asks = ctx.watched("asks", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_DRY_RUN", "true").start().await;
    watcher.wait_for_log("dry run: everything is decided").await;
    web.push(Image::new("1.0.1")).await;
    for (name, says) in [("/auto]", "would be applied now"), ("/asks]", "would wait for your approval")] {
        let mail = ctx.mailbox().wait_for_mail(name).await;
        assert!(mail.subject.starts_with("[dry run] ") && mail.text.contains(says), "{}: {}", mail.subject, mail.text);
        assert!(mail.links().iter().all(|link| !link.contains("/a/")), "{:?}", mail.links());
    }
    for workload in [&auto, &asks] {
        let seen = workload.get().await;
        assert_eq!((seen.image(workload.name()), seen.generation()), (Some(&*web.reference("1.0.0")), 1));
        assert_eq!(seen.annotation("image-watcher/record"), None);
    }
    let is_write = |event: &&Value| !["get", "list", "watch"].contains(&event["verb"].as_str().unwrap_or_default());
    let is_review =
        |event: &Value| event["objectRef"]["apiGroup"].as_str().is_some_and(|group| group == "authorization.k8s.io");
    let audit = ctx.audit_of_watcher();
    let writes: Vec<&Value> = audit.iter().filter(is_write).filter(|event| !is_review(event)).collect();
    assert!(writes.is_empty(), "{writes:#?}");
    let doctor = ctx.watcher().env("IMAGE_WATCHER_DRY_RUN", "true").output(&["doctor"]).await;
    assert!(doctor.stdout.contains("IMAGE_WATCHER_DRY_RUN"), "{}", doctor.stdout);
}
