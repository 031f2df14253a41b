//! What the program asks for, counted by those whom it asks.

use serde_json::Value;

use crate::builds::Build;
use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;
use crate::table::Table;
use crate::updates::announce;
use crate::workloads::{create, deployment};

/// Workloads on one repository.
const SHARING: usize = 60;

/// 60 workloads on one repository, and a push of what they run.
pub(crate) async fn of_one_look(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("sharing-{}", build.name), &[]).await;
    let repository = ctx.repository(&format!("sharing-{}", build.name));
    let tags = ["1.0.0", "1.1.0", "1.2.0"];
    for tag in tags {
        repository.push(Image::new(tag).label("build", tag)).await;
    }
    let all = (0..SHARING).map(|n| deployment(&format!("sharing-{n}"), &repository.reference("1.2.0"), "NOTIFICATION"));
    create(ctx, &namespace, all).await;
    let watcher = build.watcher(ctx, &namespace).start().await;
    let before = repository.requests().len();
    announce(ctx, &watcher, &repository, "1.2.0").await;
    looked(&watcher, 1.0).await;
    let requests = repository.requests().split_off(before);
    let count = |what: &str| requests.iter().filter(|line| line.contains(what)).count();
    let (lists, heads) = (count("/tags/list"), count("\"HEAD "));
    table.row(
        &build.row("60 workloads on one repository, nothing new"),
        format!("{lists} tag list, {heads} HEAD, {} requests in all", requests.len()),
        "1 tag list, ≤ 1 HEAD a tag",
        lists == 1 && heads <= tags.len() && requests.len() == lists + heads,
    );
    watcher.kill9().await;
}

/// One question to people.
pub(crate) async fn of_one_proposal(ctx: &Ctx, build: &Build, table: &mut Table) {
    let namespace = ctx.second_namespace(&format!("asking-{}", build.name), &[]).await;
    let repository = ctx.repository(&format!("asking-{}", build.name));
    push_both(&repository).await;
    create(ctx, &namespace, [deployment("asking", &repository.reference("1.0.0"), "NOTIFICATION")]).await;
    let hook = ctx.receiver();
    let watcher = build.watcher(ctx, &namespace).env("WEBHOOK_URL", hook.url("/hook"));
    let watcher = watcher.env("WEBHOOK_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").start().await;
    hook.always(Answer::status(200).body("ok"));
    announce(ctx, &watcher, &repository, "1.0.1").await;
    hook.wait_for(1).await;
    // What it still has to write of the delivery is written before it ends.
    watcher.terminate().await;
    let is_it = |event: &Value| event["verb"] == "patch" && event["objectRef"]["namespace"] == *namespace;
    let patches = ctx.audit_of_watcher().iter().filter(|event| is_it(event)).count();
    table.row(&build.row("one proposal, asked and delivered"), format!("{patches} PATCH"), "≤ 2", patches <= 2);
}

async fn push_both(repository: &Repository) {
    repository.push(Image::new("1.0.0")).await;
    repository.push(Image::new("1.0.1").label("build", "2")).await;
}

async fn looked(watcher: &Watcher, looks: f64) {
    eventually("the end of a look", async || {
        let ended = watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await;
        (ended.unwrap_or_default() >= looks).then_some(())
    })
    .await;
}

/// What an update costs registry and API server, from the time that this is made until it is asked.
pub(crate) struct Cost<'c> {
    ctx: &'c Ctx,
    repositories: &'c [Repository],
    registry: usize,
    api: usize,
}

impl<'c> Cost<'c> {
    /// Of updates of these repositories, of which the first few are looked at in the registry's log.
    pub(crate) fn new(ctx: &'c Ctx, repositories: &'c [Repository]) -> Self {
        let mut cost = Self { ctx, repositories, registry: 0, api: 0 };
        (cost.registry, cost.api) = (cost.lines(), ctx.audit_of_watcher().len());
        cost
    }

    /// Requests of one update so far, by kind.
    pub(crate) fn of_one(&self) -> String {
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for event in self.ctx.audit_of_watcher().iter().skip(self.api) {
            let kind = |field: &Value| field.as_str().unwrap_or_default().to_owned();
            let named = format!("{} {}", kind(&event["verb"]), kind(&event["objectRef"]["resource"]));
            *kinds.entry(named).or_default() += 1;
        }
        let registry = (self.lines() - self.registry) as f64 / self.sample().len() as f64;
        let of_all = |count: usize| count as f64 / self.repositories.len() as f64;
        let api = kinds.into_iter().map(|(kind, count)| format!("{:.1} {kind}", of_all(count)));
        format!("{registry:.1} registry, {}", api.collect::<Vec<_>>().join(", "))
    }

    fn sample(&self) -> &[Repository] {
        &self.repositories[..self.repositories.len().min(10)]
    }

    fn lines(&self) -> usize {
        self.sample().iter().map(|repository| repository.requests().len()).sum()
    }
}
