//! What the first release left behind: its annotations are read once, its links are over and asked anew, its queue goes on.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use image_watcher::domain::approval::{Allows, Approval, ApprovalId};
use image_watcher::domain::reference::{Digest, Tag};
use serde_json::{Value, json};

use super::{Scene, id, is_asked, keys, link_key, opened, ours, press, record_writes, told_by};
use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::mail::Mail;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};

pub(super) fn tests() -> Vec<Test> {
    tests![
        a_question_of_the_first_release_is_asked_anew,
        a_queue_of_the_first_release_goes_on,
        what_anybody_may_write_as_the_first_release_did_is_not_told
    ]
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An approval of the first release.
fn approval(ctx: &Ctx, seen: &Seen, from: &str, to: (&str, &str), made: DateTime<Utc>, random: u8) -> Approval {
    Approval {
        id: ApprovalId::mint(made, [random; 10]),
        key: link_key(super::KEY).id().clone(),
        expires: DateTime::from_timestamp((made + TimeDelta::hours(72)).timestamp(), 0).expect("a time"),
        nonce: "AAECAwQFBgcICQoLDA0ODw".into(),
        workload: id(ctx, seen),
        container: "web".into(),
        from_image: from.into(),
        from_digest: None,
        to_tag: Tag::parse(to.0).expect("a tag"),
        to_digest: Digest::parse(to.1).expect("a digest"),
        allows: Allows::Update,
        group: None,
    }
}

/// As the first release kept an approval.
fn kept(approval: &Approval) -> Value {
    json!({"id": approval.id.to_string(), "key": approval.key.to_string(),
        "expires": approval.expires.timestamp(), "nonce": approval.nonce})
}

fn path(ctx: &Ctx, approval: &Approval) -> String {
    let holder = format!("email:{}", ctx.mailbox().address());
    format!("/a/{}", approval.token(&keys(), &holder, Utc::now()).expect("a key that is configured"))
}

/// What is asked and what was decided, in the annotations of the first release.
struct Left {
    workload: crate::harness::objects::Workload,
    repository: crate::harness::images::Repository,
    image: String,
    open: Approval,
    used: Approval,
}

async fn left(ctx: &Ctx) -> Left {
    let repository = ctx.repository("web");
    repository.push(Image::new("0.9.0")).await;
    let running = repository.push(Image::new("1.0.0")).await;
    let digest = repository.push(Image::new("1.0.1")).await;
    let from = format!("{}@{running}", repository.reference("1.0.0"));
    let workload = ctx.watched("web", from.as_str(), &[("mode", "NOTIFICATION")]).await;
    let seen = workload.wait_for_rollout().await;
    let (asked, before) = (Utc::now() - TimeDelta::hours(1), Utc::now() - TimeDelta::hours(2));
    let open = approval(ctx, &seen, &from, ("1.0.1", &digest), asked, 1);
    let used = approval(ctx, &seen, &repository.reference("0.9.0"), ("1.0.0", &running), before, 2);
    let proposal = json!({"approval": kept(&open), "uid": open.workload.uid, "tag": "1.0.1", "digest": digest,
        "from": from, "level": "patch", "why": "highest of its family", "asked": time(asked), "told": true});
    let history = json!([{"container": "web", "version": "1.0.0", "previous": "0.9.0", "digest": running,
        "previousImage": repository.reference("0.9.0"), "time": time(before), "by": "link email:a…@example.com",
        "outcome": "healthy", "level": "minor", "approval": kept(&used)}]);
    let annotations = json!({
        "image-watcher/proposal": proposal.to_string(),
        "image-watcher/history": history.to_string(),
        "image-watcher/token-update": format!("v1:{}:{}:{}", open.key, open.id, open.expires.timestamp()),
        "image-watcher/known-since": json!({"1.0.1": time(before)}).to_string(),
        "image-watcher/tracked-digest": format!("1.0.0@{running}"),
        "image-watcher/current-version": "1.0.0",
        "image-watcher/last-notified": time(asked),
        "image-watcher/last-notified-version": "1.0.1",
    });
    workload.patch(json!({"metadata": {"annotations": annotations}})).await;
    let image = format!("{}@{digest}", repository.reference("1.0.1"));
    Left { workload, repository, image, open, used }
}

async fn a_question_of_the_first_release_is_asked_anew(ctx: Ctx) {
    let Left { workload, repository, image, open, used } = left(&ctx).await;
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).start().await;
    let scene = Scene { ctx: ctx.clone(), repository, workload, watcher, hook };
    let (open, used) = (path(&ctx, &open), path(&ctx, &used));
    assert_eq!(press(&scene.watcher, &used, "approve").await.status, 410);
    let again = scene.link("is available", "1.0.1").await;
    assert_ne!(again, open);
    let moved = scene.at_rest().await;
    for retired in ["proposal", "known-since", "tracked-digest"] {
        assert_eq!(moved.annotation(&format!("image-watcher/{retired}")), None, "{retired} is gone");
    }
    assert!(is_asked(&moved, "web", "1.0.1"));
    assert_eq!(record_writes(&ctx), 1, "it is written once");
    assert!(
        moved.annotation("image-watcher/history").is_some_and(|it| it.contains("unsigned: link email:a…@example.com"))
    );
    assert!(scene.events("RecordReplaced").await.is_empty());
    assert_eq!(opened(&scene.watcher, &open).await.status, 409, "another question took its place");
    assert_eq!(press(&scene.watcher, &open, "approve").await.status, 409);
    scene.is_used(&used, "1.0.0").await;
    assert_eq!(press(&scene.watcher, &again, "approve").await.status, 200);
    let done = scene.ended(&image).await;
    assert!(done.annotation("image-watcher/history").is_some_and(|history| history.contains("0.9.0")));
    scene.is_used(&again, "1.0.1").await;
    scene.is_used(&used, "1.0.0").await;
    assert_eq!(scene.image_writes(), 1);
    // What was moved is not read a second time.
    let old = json!({"image-watcher/proposal": "{}", "image-watcher/tracked-digest": "1.0.1@x"});
    let before = ours(&scene.at_rest().await);
    scene.workload.patch(json!({"metadata": {"annotations": old}})).await;
    scene.workload.wait_for("taken away again", |seen| ours(seen) == before).await;
}

/// Whoever may annotate a workload knows how the first release did it.
async fn what_anybody_may_write_as_the_first_release_did_is_not_told(ctx: Ctx) {
    let repository = ctx.repository("web");
    let running = repository.push(Image::new("1.0.0")).await;
    let digest = repository.push(Image::new("9.0.0")).await;
    let from = repository.reference("1.0.0");
    let workload = ctx.deployment("web").container("web", from.as_str()).create().await;
    let seen = workload.wait_for_rollout().await;
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).start().await;
    let far = DateTime::<Utc>::from_timestamp(4_102_444_800, 0).expect("the year 2100");
    let asked = approval(&ctx, &seen, &from, ("9.0.0", &digest), far, 9);
    let decided = approval(&ctx, &seen, &repository.reference("0.9.0"), ("1.0.0", &running), Utc::now(), 8);
    let proposal = json!({"approval": kept(&asked), "uid": asked.workload.uid, "tag": "9.0.0", "digest": digest,
        "from": from, "level": "patch", "why": "reviewed by the security team", "asked": "2026-11-26T00:00:00Z"});
    let history = json!([{"container": "web", "version": "1.0.0", "previous": "0.9.0", "digest": running,
        "previousImage": repository.reference("0.9.0"), "time": time(Utc::now()), "by": "link email:c…@bank.example",
        "outcome": "rolling-out", "level": "patch", "approval": kept(&decided)}]);
    let annotations = json!({"image-watcher/mode": "NOTIFICATION", "image-watcher/proposal": proposal.to_string(),
        "image-watcher/history": history.to_string(), "image-watcher/token-update": asked.id.as_str()});
    workload.patch(json!({"metadata": {"annotations": annotations}})).await;
    let scene = Scene { ctx: ctx.clone(), repository, workload, watcher, hook };
    let path = scene.link("is available", "9.0.0").await;
    scene.at_rest().await;
    assert_eq!(scene.told(), [(("update.available".to_owned(), "9.0.0".to_owned()), 1)].into());
    let mails = ctx.mailbox().list().await;
    assert!(
        mails.iter().all(|mail| !mail.text.contains("security team") && !mail.text.contains("Jan 2100")),
        "{mails:?}"
    );
    assert_eq!(opened(&scene.watcher, &path).await.status, 200, "it is a question of our own");
}

/// As the first release made its file.
const SCHEMA: &str = "
    CREATE TABLE job (
        id INTEGER PRIMARY KEY, topic TEXT NOT NULL, key TEXT NOT NULL UNIQUE, lane TEXT NOT NULL,
        format INTEGER NOT NULL, payload TEXT NOT NULL, trace TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('ready', 'done', 'dead', 'parked')),
        attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL, created INTEGER NOT NULL,
        changed INTEGER NOT NULL, error TEXT,
        leased INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX job_lane   ON job (lane, id)               WHERE state = 'ready';
    CREATE INDEX job_ended  ON job (changed)                WHERE state <> 'ready';
    CREATE INDEX job_depth  ON job (topic, state, created)  WHERE state <> 'done';
    CREATE INDEX job_losses ON job (topic, losses)          WHERE losses > 0;
    CREATE TABLE kept (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL,
        until INTEGER NOT NULL, value TEXT NOT NULL) STRICT;
    PRAGMA user_version = 3;
";

/// A mail that the first release had stored and not delivered, and a look.
fn queue(folder: &std::path::Path, left: &Left, address: &str) {
    let file = rusqlite::Connection::open(folder.join("queue.db")).expect("a file");
    file.execute_batch(SCHEMA).expect("the schema of the first release");
    let Approval { id, key, expires, nonce, workload, from_image, to_digest, .. } = &left.open;
    let repository = left.repository.reference("").trim_end_matches(':').to_owned();
    let notice = json!({"kind": "update.available", "at": time(id.made()), "workload": workload, "container": "web",
        "from": {"repository": repository, "tag": "1.0.0"},
        "to": {"repository": repository, "tag": "1.0.1", "digest": to_digest.to_string()},
        "level": "patch", "policy": "NOTIFICATION, strategy ALL",
        "approval": {"id": id.to_string(), "key": key.to_string(), "expires": expires, "nonce": nonce,
            "fromImage": from_image, "from_image": from_image}});
    let delivery = json!({"channel": "email", "recipient": address, "notice": notice}).to_string();
    let delivery: image_watcher::domain::event::Delivery = serde_json::from_str(&delivery).expect("as it was stored");
    let stored = serde_json::to_string(&delivery).expect("JSON").replace(",\"allows\":\"update\"", "");
    let lane = format!("email:{address}:{}", workload.uid);
    let now = Utc::now().timestamp_millis();
    for (topic, key, lane, payload) in [
        ("deliver:email", delivery.id(), lane, stored),
        ("look", format!("look:{repository}"), format!("look:{repository}"), repository.clone()),
    ] {
        let row = rusqlite::params![topic, key, lane, payload, now];
        file.execute(
            "INSERT INTO job (topic, key, lane, format, payload, trace, state, not_before, created, changed)
             VALUES (?1, ?2, ?3, 1, ?4, 'a', 'ready', ?5, ?5, ?5)",
            row,
        )
        .expect("a job of the first release");
    }
}

async fn a_queue_of_the_first_release_goes_on(ctx: Ctx) {
    let left = left(&ctx).await;
    let folder = ctx.folder("first-release");
    queue(&folder, &left, ctx.mailbox().address());
    let hook = ctx.receiver();
    let watcher = told_by(&ctx, &hook).env("IMAGE_WATCHER_DATA", folder.display().to_string()).start().await;
    left.workload.wait_for("moved", |seen| is_asked(seen, "web", "1.0.1")).await;
    super::at_rest(&ctx, &watcher, &left.repository, &left.workload).await;
    let (old, mails) = (path(&ctx, &left.open), ctx.mailbox().list().await);
    let links: Vec<String> = mails.iter().filter_map(Mail::link).collect();
    // What was stored may have been sent before it was known that it is asked anew.
    let ours: Vec<&String> = links.iter().filter(|link| **link != old).collect();
    let [ours] = ours.as_slice() else { panic!("asked anew once: {links:?}") };
    assert!(links.len() <= 2, "{links:?}");
    assert_eq!(press(&watcher, ours, "approve").await.status, 200);
    left.workload.wait_for_image("web", &left.image).await;
    watcher.terminate().await;
    let file = rusqlite::Connection::open(folder.join("queue.db")).expect("a file");
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    // What is known of it by its name stands beside it.
    let known: i64 =
        file.query_row("SELECT count(*) FROM record WHERE uid NOT LIKE '%/%'", [], |row| row.get(0)).expect("records");
    assert!(version > 3 && known == 1, "version {version}, {known} records");
}
