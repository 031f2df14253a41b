//! Rollouts are judged by the object's own strategy, conditions and deadline, with real controllers: what waits for a
//! person has not failed however long ago it was written, and what was given up and comes up later is corrected.

use image_watcher::domain::approval::LinkKey;
use image_watcher::domain::history::Outcome;
use image_watcher::domain::record::sealed::seal;
use image_watcher::domain::record::{Event, Record, Standstill, Update};
use image_watcher::domain::reference::{Digest, Tag};
use image_watcher::domain::tag::Level;
use image_watcher::domain::workload::{Kind, WorkloadId};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::mail::Mail;
use crate::harness::objects::{Seen, Workload, WorkloadBuilder};
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_stateful_set_whose_pods_people_delete_has_not_failed,
        a_stateful_set_with_a_partition_has_not_failed,
        a_rollout_that_was_paused_for_long_is_healthy_when_it_is_resumed,
        a_slow_rollout_and_one_without_replicas_have_not_failed,
        a_rollout_that_comes_up_after_its_deadline_is_corrected,
        a_rollout_that_failed_goes_back_to_what_ran_and_is_not_tried_again,
        a_pod_that_never_starts_fails_its_update_long_before_any_deadline,
        a_stateful_set_that_is_stuck_at_its_last_ordinal_has_failed,
        what_fails_after_a_person_edited_the_pods_is_theirs,
        a_pod_that_only_people_replace_is_named_after_a_way_back_until_it_is_gone,
    ]
}

/// The link key of these tests, which signs the record.
const KEY: &str = "a link key of tests that is long enough";

/// The annotations of a workload that we wrote twenty minutes ago.
fn written_long_ago(id: &WorkloadId, digest: &str, before: &str) -> Value {
    let at = chrono::Utc::now() - chrono::TimeDelta::minutes(20);
    let update = Update {
        tag: Tag::parse("1.0.1").expect("a tag"),
        digest: Digest::parse(digest).expect("a digest"),
        from: before.into(),
        from_digest: None,
        level: Level::Patch,
        at,
        by: "policy".into(),
        outcome: Outcome::RollingOut,
        ended: None,
        failure: None,
        left: None,
        question: None,
        with: Vec::new(),
        told_by: None,
        declares: image_watcher::domain::declared::Kinds::default(),
        standstill: Standstill::default(),
        stalled_before: None,
        template_before: None,
        template: None,
        undoes: None,
        told_elsewhere: false,
        group: None,
        ran_well: None,
        stood: false,
        failed_before: None,
    };
    let mut record = Record::default();
    record.on("web", Event::Write(Box::new(update)), at);
    record.sequence = 1;
    let key = LinkKey::new(KEY.as_bytes().to_vec()).expect("a key that is long enough");
    let (record, history) = seal(&record, id, &key).expect("it fits");
    json!({"image-watcher/mode": "AUTO_UPDATE", "image-watcher/record": record, "image-watcher/history": history})
}

/// What identifies an object.
fn id(kind: Kind, seen: &Seen) -> WorkloadId {
    let metadata = |field: &str| seen.0["metadata"][field].as_str().expect("metadata").into();
    WorkloadId { namespace: metadata("namespace"), kind, name: metadata("name"), uid: metadata("uid") }
}

fn outcome(seen: &Seen) -> String {
    let history = seen.annotation("image-watcher/history").unwrap_or("[]");
    let history: Value = serde_json::from_str(history).expect("JSON");
    history[0]["outcome"].as_str().unwrap_or_default().to_owned()
}

fn has_outcome(wanted: &'static str) -> impl Fn(&Seen) -> bool {
    move |seen| outcome(seen) == wanted
}

/// A look after the watch has seen the workload, asked for by a delivery; returns when it has ended.
async fn looked(ctx: &Ctx, watcher: &crate::harness::watcher::Watcher, repository: &str) {
    let looks = async || {
        let text = watcher.metrics().await;
        let ended = text.lines().filter(|line| line.starts_with("image_watcher_reconcile_duration_seconds_count"));
        ended.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    let before = looks().await;
    let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": "1.0.1"}}]});
    let bearer = [("Authorization", "Bearer registry-token")];
    assert_eq!(watcher.post("/webhooks/distribution", &bearer, body.to_string()).await.status, 202);
    crate::harness::wait::eventually("a look", async || (looks().await > before).then_some(())).await;
}

async fn updated_set(ctx: &Ctx, strategy: Value) -> (Workload, String) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let set = ctx
        .stateful_set("web")
        .replicas(3)
        .container("web", web.reference("1.0.0"))
        .with(|object| object["spec"]["updateStrategy"] = strategy)
        .create()
        .await;
    set.wait_for_rollout().await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    let annotations = written_long_ago(&id(Kind::StatefulSet, &set.get().await), &digest, &web.reference("1.0.0"));
    set.patch(json!({"metadata": {"annotations": annotations}, "spec": {"template": {"spec": {
        "containers": [{"name": "web", "image": image}]}}}}))
        .await;
    (set, web.name().to_owned())
}

async fn delete_pods(ctx: &Ctx, names: &[&str]) {
    let pods: Api<Pod> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    for name in names {
        pods.delete(name, &DeleteParams::default()).await.expect("a deleted pod");
    }
}

async fn a_stateful_set_whose_pods_people_delete_has_not_failed(ctx: Ctx) {
    let (set, repository) = updated_set(&ctx, json!({"type": "OnDelete"})).await;
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_LINK_KEY", KEY).start().await;
    looked(&ctx, &watcher, &repository).await;
    assert_eq!(outcome(&set.get().await), "rolling-out", "it waits for people");
    delete_pods(&ctx, &["web-0", "web-1", "web-2"]).await;
    set.wait_for("healthy", has_outcome("healthy")).await;
    let mail = ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(mail.text.contains("is healthy"), "{}", mail.text);
}

async fn a_stateful_set_with_a_partition_has_not_failed(ctx: Ctx) {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    let (set, repository) = updated_set(&ctx, rolling).await;
    set.wait_for("one new pod", |seen| seen.0["status"]["updatedReplicas"] == 1).await;
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_LINK_KEY", KEY).start().await;
    looked(&ctx, &watcher, &repository).await;
    assert_eq!(outcome(&set.get().await), "rolling-out", "the others wait for a person");
    set.patch(json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})).await;
    set.wait_for("healthy", has_outcome("healthy")).await;
}

async fn a_rollout_that_was_paused_for_long_is_healthy_when_it_is_resumed(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let image = format!("{}@{digest}", web.reference("1.0.1"));
    let paused = |object: &mut Value| object["spec"]["paused"] = json!(true);
    let deployment = ctx.deployment("web").container("web", image).with(paused).create().await;
    let annotations =
        written_long_ago(&id(Kind::Deployment, &deployment.get().await), &digest, &web.reference("1.0.0"));
    deployment.patch(json!({"metadata": {"annotations": annotations}})).await;
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_LINK_KEY", KEY).start().await;
    looked(&ctx, &watcher, web.name()).await;
    assert_eq!(outcome(&deployment.get().await), "rolling-out", "it waits for somebody to resume it");
    deployment.patch(json!({"spec": {"paused": false}})).await;
    let ended = deployment.wait_for("an end", |seen| outcome(seen) != "rolling-out").await;
    assert_eq!(outcome(&ended), "healthy");
}

/// Twenty minutes after the decision one is not late by its own deadline, and of the other nobody wanted a replica.
async fn a_slow_rollout_and_one_without_replicas_have_not_failed(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let image = || format!("{}@{digest}", web.reference("1.0.1"));
    let is_slow = |object: &mut Value| {
        (object["spec"]["progressDeadlineSeconds"], object["spec"]["minReadySeconds"]) = (json!(3600), json!(600));
    };
    let slow = ctx.deployment("slow").container("web", image()).with(is_slow).create().await;
    let scaled = ctx.deployment("scaled").replicas(0).container("web", image()).create().await;
    for deployment in [&slow, &scaled] {
        let id = id(Kind::Deployment, &deployment.get().await);
        let annotations = written_long_ago(&id, &digest, &web.reference("1.0.0"));
        deployment.patch(json!({"metadata": {"annotations": annotations}})).await;
    }
    let watcher = ctx.watcher().unconnected().mail().env("IMAGE_WATCHER_LINK_KEY", KEY).start().await;
    looked(&ctx, &watcher, web.name()).await;
    for deployment in [&slow, &scaled] {
        assert_eq!(outcome(&deployment.get().await), "rolling-out");
    }
    slow.patch(json!({"spec": {"minReadySeconds": 0}})).await;
    scaled.patch(json!({"spec": {"replicas": 1}})).await;
    for deployment in [&slow, &scaled] {
        let ended = deployment.wait_for("an end", |seen| outcome(seen) != "rolling-out").await;
        assert_eq!(outcome(&ended), "healthy");
    }
    let mails = ctx.mailbox().wait_for(2).await;
    assert!(mails.iter().all(|mail| mail.text.contains("is healthy")), "{mails:?}");
}

/// The label without which no node takes pods of [`without_room_for_another`].
fn label(ctx: &Ctx) -> String {
    format!("test/{}", ctx.namespace())
}

/// Labels a node, or takes its label away.
async fn take_pods(ctx: &Ctx, value: Option<&str>) {
    let nodes: Api<Node> = Api::all(ctx.client().clone());
    let name = nodes.list(&ListParams::default()).await.expect("nodes").items[0].metadata.name.clone().expect("a name");
    let patch = Patch::Merge(json!({"metadata": {"labels": {label(ctx): value}}}));
    nodes.patch(&name, &PatchParams::default(), &patch).await.expect("a labelled node");
}

/// A Deployment whose pod runs, while no node takes another, with a deadline of seconds.
async fn without_room_for_another(ctx: &Ctx, web: &Repository, settings: &[(&str, &str)]) -> Workload {
    take_pods(ctx, Some("yes")).await;
    let builder = ctx.deployment("web").container("web", web.reference("1.0.0")).with(|object| {
        // A second would put it into the controller's queue that all deployments of all tests share, ten a second.
        object["spec"]["progressDeadlineSeconds"] = json!(3);
        object["spec"]["template"]["spec"]["nodeSelector"] = json!({label(ctx): "yes"});
    });
    let with = |builder: WorkloadBuilder, (name, value): &(&str, &str)| {
        builder.annotation(&format!("image-watcher/{name}"), value)
    };
    let deployment = settings.iter().fold(builder, with).create().await;
    deployment.wait_for_rollout().await;
    take_pods(ctx, None).await;
    deployment
}

/// No node takes the new pod before the deadline of a second is over; then one does.
async fn a_rollout_that_comes_up_after_its_deadline_is_corrected(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = without_room_for_another(&ctx, &web, &[("mode", "AUTO_UPDATE"), ("rollback", "false")]).await;
    let _watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_past_deadline(deployment.wait_for("failed", has_outcome("failed"))).await;
    take_pods(&ctx, Some("yes")).await;
    deployment.wait_for("healthy", has_outcome("healthy")).await;
    let mails = ctx.mailbox().wait_for(2).await;
    assert!(mails.iter().any(|mail| mail.text.contains("failed")), "{mails:?}");
    assert!(mails.iter().any(|mail| mail.text.contains("is healthy")), "{mails:?}");
    take_pods(&ctx, None).await;
}

/// No node takes the new pod before the deadline of a second is over, and the old one runs still.
async fn a_rollout_that_failed_goes_back_to_what_ran_and_is_not_tried_again(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = without_room_for_another(&ctx, &web, &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().mail().start().await;
    web.push(Image::new("1.0.1").label("build", "2")).await;
    let back = deployment.wait_for("back", |seen| seen.annotation("image-watcher/held").is_some());
    let back = deployment.wait_past_deadline(back).await;
    assert_eq!(back.image("web"), Some(&*web.reference("1.0.0")));
    deployment.wait_for("healthy again", has_outcome("healthy")).await;
    let mails = ctx.mailbox().wait_for(2).await;
    let [failed, returned] = ["failed.", "runs 1.0.0 again"]
        .map(|said| mails.iter().find(|mail| mail.text.contains(said)).expect("a mail").text.clone());
    assert!(failed.contains("1.0.0 is written again"), "{failed}");
    assert!(returned.contains("1.0.1 is held"), "{returned}");
    looked(&ctx, &watcher, web.name()).await;
    assert_eq!(deployment.get().await.image("web"), Some(&*web.reference("1.0.0")), "it is not tried again");
    let history = deployment.get().await.annotation("image-watcher/history").unwrap_or_default().to_owned();
    assert!(history.contains("\"failed\""), "{history}");
    // Command and API have it from one judge.
    let api = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    let api = watcher.send(reqwest::Method::GET, &api, &[], Vec::new()).await.json();
    let seen = &api["containers"][0];
    assert_eq!((&seen["state"], &seen["reason"]), (&"failed".into(), &"went-back".into()), "{api}");
    let check = ctx.watcher().mail().output(&["check", "-n", ctx.namespace(), "-o", "json"]).await;
    let check: (_, Value) = (check.code(), serde_json::from_str(&check.stdout).expect("JSON"));
    let row = &check.1["items"][0];
    assert_eq!((check.0, &row["state"], &row["next"]), (Some(1), &"failed".into(), &seen["words"]), "{row}");
}

/// One of each: what the pods of the new version say, what people are told, and that it goes back as after a deadline.
async fn a_pod_that_never_starts_fails_its_update_long_before_any_deadline(ctx: Ctx) {
    let hour = |object: &mut Value| object["spec"]["progressDeadlineSeconds"] = json!(3600);
    let (crashing, missing, good) = (ctx.repository("crashing"), ctx.repository("missing"), ctx.repository("good"));
    // What crashes on one workload is a question on the next.
    let also_crashing = ctx.repository("also-crashing");
    for repository in [&crashing, &also_crashing, &missing, &good] {
        repository.push(Image::new("1.0.0")).await;
    }
    let auto = |name: &str| ctx.deployment(name).annotation("image-watcher/mode", "AUTO_UPDATE").with(hour);
    let crashes = auto("crashes").container("web", crashing.reference("1.0.0")).create().await;
    let pulls = auto("pulls").container("web", missing.reference("1.0.0")).create().await;
    let comes_up = auto("comes-up").container("web", good.reference("1.0.0")).create().await;
    let migrates = auto("migrates")
        .container("web", good.reference("1.0.0"))
        .annotation("image-watcher/mode.web", "DISABLED")
        .annotation("image-watcher/rollback", "false")
        .with(|object| {
            let init = json!([{"name": "migrate", "image": also_crashing.reference("1.0.0")}]);
            object["spec"]["template"]["spec"]["initContainers"] = init;
        })
        .create()
        .await;
    for workload in [&crashes, &pulls, &comes_up, &migrates] {
        workload.wait_for_rollout().await;
    }
    let watcher = ctx.watcher().mail().start().await;
    for repository in [&crashing, &also_crashing, &good] {
        repository.push(Image::new("1.0.1")).await;
    }
    migrates.wait_for("failed", has_outcome("failed")).await;
    // Two that failed stop all others, until a person resumes.
    watcher.wait_for_log("automatic updates are stopped everywhere").await;
    ctx.http().post(watcher.admin_url("/api/v1/brake/resume")).send().await.expect("an answer");
    missing.push(Image::new("1.0.1")).await;
    comes_up.wait_for("healthy", has_outcome("healthy")).await;
    for (workload, before) in [(&crashes, &crashing), (&pulls, &missing)] {
        let is_back = |seen: &Seen| {
            let before = before.reference("1.0.0");
            seen.image("web") == Some(&*before) && seen.annotation("image-watcher/held").is_some()
        };
        workload.wait_for("back", is_back).await;
        let healthy = workload.wait_for("healthy again", has_outcome("healthy")).await;
        assert!(is_back(&healthy), "it is not tried again");
    }
    for (name, words) in [
        ("/crashes]", ["CrashLoopBackOff", "last exit code is 2", "no such table: prices"]),
        ("/pulls]", ["ImagePullBackOff", "container web", "missing:1.0.1: not found"]),
        ("/migrates]", ["CrashLoopBackOff", "container migrate", "no such table: prices"]),
    ] {
        let is_it = |mail: &Mail| mail.subject.contains(name) && mail.text.contains("failed.");
        let mail = eventually(name, async || ctx.mailbox().list().await.into_iter().find(is_it)).await;
        let said = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.iter().all(|word| said.contains(word)), "{name}: {said}");
    }
}

async fn a_stateful_set_that_is_stuck_at_its_last_ordinal_has_failed(ctx: Ctx) {
    let crashing = ctx.repository("crashing");
    crashing.push(Image::new("1.0.0")).await;
    let set = ctx
        .stateful_set("db")
        .replicas(2)
        .container("web", crashing.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .annotation("image-watcher/rollback", "false")
        .create()
        .await;
    set.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    crashing.push(Image::new("1.0.1")).await;
    let failed = set.wait_for("failed", has_outcome("failed")).await;
    assert_ne!(failed.0["status"]["currentRevision"], failed.0["status"]["updateRevision"]);
    let mail = ctx.mailbox().wait_for_mail("/db]").await;
    let said = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("pod db-1, container web"), "the highest ordinal goes first: {said}");
}

/// Under `OnDelete` the old image alone mends nothing of what people had replaced already.
async fn a_pod_that_only_people_replace_is_named_after_a_way_back_until_it_is_gone(ctx: Ctx) {
    let crashing = ctx.repository("crashing");
    crashing.push(Image::new("1.0.0")).await;
    let set = ctx
        .stateful_set("db")
        .replicas(2)
        .container("web", crashing.reference("1.0.0"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .with(|object| {
            object["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
            object["spec"]["podManagementPolicy"] = json!("Parallel");
        })
        .create()
        .await;
    set.wait_for_rollout().await;
    let _watcher = ctx.watcher().mail().start().await;
    crashing.push(Image::new("1.0.1")).await;
    let (good, failed) = (crashing.reference("1.0.0"), crashing.reference("1.0.1"));
    set.wait_for("written", |seen| seen.image("web").is_some_and(|image| image.starts_with(&failed))).await;
    delete_pods(&ctx, &["db-1"]).await;
    let delete = format!("kubectl delete pod db-1 -n {}", ctx.namespace());
    let is_named = |seen: &Seen| {
        let said = seen.annotation("image-watcher/error").unwrap_or_default();
        seen.image("web") == Some(&*good) && said.contains(&delete)
    };
    set.wait_for("it is named", is_named).await;
    let is_it = |mail: &Mail| mail.text.contains("failed.") && mail.text.contains(&delete);
    eventually("a mail", async || ctx.mailbox().list().await.into_iter().find(is_it)).await;
    let check = ctx.watcher().mail().output(&["check", "-n", ctx.namespace()]).await;
    assert!(check.code() == Some(1) && check.stdout.contains(&delete), "{}", check.stdout);
    delete_pods(&ctx, &["db-1"]).await;
    let healthy = set.wait_for("healthy again", has_outcome("healthy")).await;
    assert_eq!(healthy.image("web"), Some(&*good));
    set.wait_for("nothing is said any more", |seen| seen.annotation("image-watcher/error").is_none()).await;
}

/// What the history says of the newest update.
fn newest_outcome(seen: &Seen) -> String {
    let history: Value = serde_json::from_str(seen.annotation("image-watcher/history").unwrap_or("[]")).expect("JSON");
    history[0]["outcome"].as_str().unwrap_or_default().to_owned()
}

/// Within the settle time somebody edits the pods so that none can start: that is not the update's failure.
async fn what_fails_after_a_person_edited_the_pods_is_theirs(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    deployment.wait_for_rollout().await;
    let mut watcher = ctx.watcher().mail().env("IMAGE_WATCHER_SETTLE", "1m").start().await;
    let ours = format!("{}@{}", web.reference("1.0.1"), web.push(Image::new("1.0.1")).await);
    deployment.wait_for("rolled out", |seen| seen.image("web") == Some(&ours) && seen.rolled_out()).await;
    // Who wrote what is known to the second.
    let created = deployment.get().await.0["metadata"]["creationTimestamp"].clone();
    let now = || chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    eventually("another second", async || (created != now().as_str()).then_some(())).await;
    let nowhere = json!({"progressDeadlineSeconds": 1, "template": {"spec": {"nodeSelector": {"nowhere": "there"}}}});
    deployment.patch(json!({"spec": nowhere})).await;
    let end = deployment.wait_for("its end", |seen| newest_outcome(seen) != "rolling-out");
    let seen = deployment.wait_past_deadline(end).await;
    assert_eq!((newest_outcome(&seen).as_str(), seen.image("web")), ("replaced", Some(&*ours)));
    assert_eq!(seen.0["spec"]["template"]["spec"]["nodeSelector"]["nowhere"], "there");
    assert_eq!(seen.annotation("image-watcher/held"), None);
    // It stays so until there is something newer.
    watcher.restart().await;
    let next = format!("{}@{}", web.reference("1.0.2"), web.push(Image::new("1.0.2")).await);
    let seen = deployment.wait_for_image("web", &next).await;
    assert_eq!(seen.0["spec"]["template"]["spec"]["nodeSelector"]["nowhere"], "there", "nobody's edit is undone");
    let told: Vec<String> = ctx.mailbox().list().await.into_iter().map(|mail| mail.subject).collect();
    assert!(!told.iter().any(|subject| subject.contains("failed")), "{told:?}");
}
