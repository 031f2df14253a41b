//! The record of a workload, on a real API server: whatever people and tools do to its annotations, nothing is acted on
//! but what we wrote last, no link acts twice, and what was set back stays back.

mod copies;
mod edits;
mod keys;
mod lost_disk;
mod older;
mod people;
mod refusals;
mod together;
mod undo;

use std::collections::BTreeMap;

use image_watcher::domain::approval::{LinkKey, LinkKeys};
use image_watcher::domain::record::Record;
use image_watcher::domain::record::sealed::{self, Opened};
use image_watcher::domain::workload::{Kind, WorkloadId};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::mail::Mail;
use crate::harness::objects::{Seen, Workload, WorkloadBuilder};
use crate::harness::receiver::Receiver;
use crate::harness::run::Test;
use crate::harness::wait::eventually;
use crate::harness::watcher::{Reply, Watcher, WatcherBuilder};
use crate::release_notes::hooked;

pub(crate) fn tests() -> Vec<Test> {
    let all = [
        undo::tests(),
        copies::tests(),
        edits::tests(),
        keys::tests(),
        lost_disk::tests(),
        older::tests(),
        refusals::tests(),
        together::tests(),
    ];
    all.into_iter().flatten().collect()
}

/// The link key of these tests.
const KEY: &str = "a link key of tests that is long enough";

fn link_key(text: &str) -> LinkKey {
    LinkKey::new(text.as_bytes().to_vec()).expect("a key that is long enough")
}

fn keys() -> LinkKeys {
    LinkKeys::from(link_key(KEY))
}

/// A workload `web` that runs 1.0.0, an image-watcher that mails and posts, and what people were told.
struct Scene {
    ctx: Ctx,
    repository: Repository,
    workload: Workload,
    watcher: Watcher,
    hook: Receiver,
}

impl Scene {
    async fn of(ctx: &Ctx, mode: &str) -> Self {
        Self::with(ctx, mode, |builder| builder).await
    }

    async fn with(ctx: &Ctx, mode: &str, change: impl FnOnce(WorkloadBuilder) -> WorkloadBuilder) -> Self {
        let repository = ctx.repository("web");
        repository.push(Image::new("1.0.0")).await;
        let builder = ctx.deployment("web").container("web", repository.reference("1.0.0"));
        let workload = change(builder.annotation("image-watcher/mode", mode)).create().await;
        workload.wait_for_rollout().await;
        let hook = ctx.receiver();
        let watcher = told_by(ctx, &hook).start().await;
        Self { ctx: ctx.clone(), repository, workload, watcher, hook }
    }

    /// Pushes a version; the image that an update to it writes.
    async fn push(&self, version: &str) -> String {
        let digest = self.repository.push(Image::new(version)).await;
        format!("{}@{digest}", self.repository.reference(version))
    }

    /// Pushes a version that people are asked about: its image, and the path of the link in the mail.
    async fn ask(&self, version: &str) -> (String, String) {
        let image = self.push(version).await;
        let path = self.link("is available", version).await;
        self.workload.wait_for("asked", |seen| is_asked(seen, "web", version)).await;
        (image, path)
    }

    /// The path of the link in the mail that says so of a version.
    async fn link(&self, says: &str, version: &str) -> String {
        link(&self.ctx, says, version).await
    }

    /// Asks about a version, approves it by link, and waits for its end: the path of the used link.
    async fn update(&self, version: &str) -> String {
        let (image, path) = self.ask(version).await;
        let answer = press(&self.watcher, &path, "approve").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.ended(&image).await;
        path
    }

    /// Until this image is written and its rollout has ended well.
    async fn ended(&self, image: &str) -> Seen {
        self.workload.wait_for_image("web", image).await;
        self.workload.wait_for_rollout().await;
        self.workload.wait_for("healthy", |seen| outcome(seen) == "healthy").await
    }

    /// The link is used up, and says how it was answered; pressing it does nothing.
    async fn is_used(&self, path: &str, version: &str) {
        let before = self.workload.get().await;
        for action in ["approve", "skip", "snooze"] {
            let again = press(&self.watcher, path, action).await;
            assert_eq!(again.status, 410, "{action}: {}", again.body);
            assert!(again.body.contains(version) && again.body.contains("Approved"), "{}", again.body);
        }
        let after = self.workload.get().await;
        assert_eq!((after.image("web"), ours(&after)), (before.image("web"), ours(&before)));
    }

    /// What was told so far of which version, by kind, beside how often.
    fn told(&self) -> BTreeMap<(String, String), usize> {
        told(&self.hook)
    }

    async fn is_told(&self, kind: &str, version: &str) {
        let is_it = |told: BTreeMap<(String, String), usize>| told.contains_key(&(kind.into(), version.into()));
        eventually(&format!("{kind} of {version}"), async || is_it(self.told()).then_some(())).await;
    }

    /// Until nothing is written any more, however often the workload is looked at, and everything is delivered.
    async fn at_rest(&self) -> Seen {
        at_rest(&self.ctx, &self.watcher, &self.repository, &self.workload).await
    }

    /// The images that the watcher wrote so far, as the API server saw it.
    fn image_writes(&self) -> usize {
        image_writes(&self.ctx)
    }

    /// What Events of a reason say.
    async fn events(&self, reason: &str) -> Vec<String> {
        events(&self.ctx, "web", reason).await
    }
}

/// An image-watcher with the tests' link key that mails and posts.
fn told_by(ctx: &Ctx, hook: &Receiver) -> WatcherBuilder {
    hooked(ctx.watcher(), hook).mail().env("IMAGE_WATCHER_LINK_KEY", KEY)
}

fn told(hook: &Receiver) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for received in hook.requests() {
        let event = received.json();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        *all.entry((word(&event["type"]), word(&event["data"]["to"]["tag"]))).or_default() += 1;
    }
    all
}

/// The path of the link in the newest mail that says so of a version.
async fn link(ctx: &Ctx, says: &str, version: &str) -> String {
    eventually(&format!("a mail that says that {version} {says}"), async || {
        let mails = ctx.mailbox().list().await;
        mails.iter().rev().filter(|mail| mail.text.contains(says) && mail.text.contains(version)).find_map(Mail::link)
    })
    .await
}

async fn press(watcher: &Watcher, path: &str, action: &str) -> Reply {
    let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
    watcher.post(path, &headers, format!("action={action}")).await
}

async fn opened(watcher: &Watcher, path: &str) -> Reply {
    watcher.send(Method::GET, &watcher.url(path), &[("Accept", "application/json")], Vec::new()).await
}

/// Looks at a repository twice, so that one of the looks began after this was called.
async fn looked(ctx: &Ctx, watcher: &Watcher, repository: &Repository) {
    let looks = async || {
        let text = watcher.metrics().await;
        let ended = text.lines().filter(|line| line.starts_with("image_watcher_reconcile_duration_seconds_count"));
        ended.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    for _ in 0..2 {
        let before = looks().await;
        let body = json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()}, "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository.name(),
            "tag": "1.0.1"}}]});
        let bearer = [("Authorization", "Bearer registry-token")];
        assert_eq!(watcher.post("/webhooks/distribution", &bearer, body.to_string()).await.status, 202);
        eventually("a look", async || (looks().await > before).then_some(())).await;
    }
}

/// How often a workload may be written until it comes to rest.
const MOST_WRITES: usize = 5;

async fn at_rest(ctx: &Ctx, watcher: &Watcher, repository: &Repository, workload: &Workload) -> Seen {
    let mut before = workload.get().await;
    for _ in 0..MOST_WRITES {
        looked(ctx, watcher, repository).await;
        let waits = async || {
            let text = watcher.metrics().await;
            let ready = text.lines().filter(|line| line.starts_with("image_watcher_delivery_pending{"));
            ready.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() > 0.0
        };
        eventually("everything is delivered", async || (!waits().await).then_some(())).await;
        let after = workload.get().await;
        if ours(&after) == ours(&before) && after.generation() == before.generation() {
            return after;
        }
        before = after;
    }
    panic!("it is written again and again: {}", ours(&before));
}

/// Our own annotations.
fn ours(seen: &Seen) -> Value {
    let mut all = seen.0["metadata"]["annotations"].clone();
    if let Some(all) = all.as_object_mut() {
        all.retain(|name, _| name.starts_with("image-watcher/"));
    }
    all
}

/// How the newest update of the history ended.
fn outcome(seen: &Seen) -> String {
    newest(seen)["outcome"].as_str().unwrap_or_default().to_owned()
}

fn newest(seen: &Seen) -> Value {
    let history = seen.annotation("image-watcher/history").unwrap_or("[]");
    serde_json::from_str::<Value>(history).unwrap_or_default()[0].clone()
}

/// Whether people are asked about a version of a container, by what the record says.
fn is_asked(seen: &Seen, container: &str, version: &str) -> bool {
    let question = &seen.ledger(container)["question"];
    question["terms"]["tag"] == version && question["stands"] == "open"
}

/// The number of the record.
fn sequence(seen: &Seen) -> u64 {
    let record = seen.annotation("image-watcher/record").unwrap_or_default();
    let json = record.splitn(4, '.').nth(3).unwrap_or_default();
    serde_json::from_str::<Value>(json).unwrap_or_default()["seq"].as_u64().unwrap_or_default()
}

/// Who a Deployment of the test is.
fn id(ctx: &Ctx, seen: &Seen) -> WorkloadId {
    let metadata = |field: &str| seen.0["metadata"][field].as_str().expect("metadata").into();
    WorkloadId {
        namespace: ctx.namespace().into(),
        kind: Kind::Deployment,
        name: metadata("name"),
        uid: metadata("uid"),
    }
}

async fn events(ctx: &Ctx, workload: &str, reason: &str) -> Vec<String> {
    let events: Api<Event> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let list = events.list(&ListParams::default()).await.expect("Events");
    let is_it = |event: &Event| {
        let regarding = event.regarding.as_ref().and_then(|it| it.name.as_deref());
        event.reason.as_deref() == Some(reason) && regarding == Some(workload)
    };
    list.items.into_iter().filter(is_it).filter_map(|event| event.note).collect()
}

/// The writes of the watcher that the API server accepted.
fn patches(ctx: &Ctx) -> Vec<Value> {
    let is_it = |event: &Value| event["verb"] == "patch" && event["responseStatus"]["code"] == 200;
    ctx.audit_of_watcher().into_iter().filter(is_it).collect()
}

/// Those of them that wrote an image.
fn image_writes(ctx: &Ctx) -> usize {
    writes_of(ctx, "/image")
}

/// Those of them that wrote a record.
fn record_writes(ctx: &Ctx) -> usize {
    writes_of(ctx, "/image-watcher~1record")
}

/// Those of them that changed what ends so.
fn writes_of(ctx: &Ctx, path: &str) -> usize {
    let writes = |event: &&Value| {
        let operations = event["requestObject"].as_array().into_iter().flatten();
        let mut changes = operations.filter(|operation| operation["op"] == "replace" || operation["op"] == "add");
        changes.any(|operation| operation["path"].as_str().is_some_and(|it| it.ends_with(path)))
    };
    patches(ctx).iter().filter(writes).count()
}

/// A record that somebody without the key wrote: ours, with other contents.
fn edited(record: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<String> = record.splitn(4, '.').map(str::to_owned).collect();
    let mut json: Value = serde_json::from_str(&parts[3]).expect("JSON");
    change(&mut json);
    parts[3] = json.to_string();
    parts.join(".")
}

/// What a workload's record and history would be if it had another content, written by us: both annotations.
fn resealed(
    seen: &Seen,
    id: &WorkloadId,
    keys: &LinkKeys,
    change: impl FnOnce(&mut Record),
) -> (String, Option<String>) {
    let (record, history) = (seen.annotation("image-watcher/record"), seen.annotation("image-watcher/history"));
    let Opened::Ours(mut record) = sealed::open(record, history, id, keys) else { panic!("ours: {record:?}") };
    change(&mut record);
    sealed::seal(&record, id, keys.signing()).expect("it fits")
}
