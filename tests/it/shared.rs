//! Work that three replicas share, with their queue on NATS: what one does alone, and what whoever is free does.
//!
//! `IMAGE_WATCHER_TEST_PUSHES=10000` sends so many pushes with 30 kills of replicas and servers, and has the schedule's holder change ten times.

mod cut;
mod killed;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use image_watcher::ambient::Ambient;
use image_watcher::cluster::lease::Election;
use image_watcher::stop::{Raise, Stop};
use image_watcher::telemetry::metrics::Metrics;
use image_watcher::term::Holding;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::nats::Nats;
use crate::harness::registry::TOKEN;
use crate::harness::run::{Test, tests};
use crate::harness::wait::{DEADLINE, eventually, within};
use crate::harness::watcher::{Watcher, WatcherBuilder, value};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_lease_goes_from_one_to_the_next_whatever_becomes_of_its_holder,
        services_of_two_queues_have_a_lease_each_and_the_first_of_an_older_version_keeps_its_own,
        a_schedule_has_one_cycle_whoever_follows_it,
        fifty_presses_at_three_replicas_are_one_update,
        an_edit_that_three_replicas_see_is_not_looked_at_three_times,
    ]
    .into_iter()
    .chain(killed::tests())
    .chain(cut::tests())
    .collect()
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// How many pushes there are, where somebody says it.
fn pushes() -> Option<usize> {
    let all = std::env::var("IMAGE_WATCHER_TEST_PUSHES").ok()?;
    Some(all.parse().expect("IMAGE_WATCHER_TEST_PUSHES is a number"))
}

// === the Lease ===

/// One that takes part in the election, as a replica does.
struct Candidate {
    holding: Holding,
    raise: Raise,
    task: JoinHandle<()>,
}

impl Candidate {
    fn new(ctx: &Ctx, name: &str) -> Self {
        Self::of_queue(ctx, name, None)
    }

    fn of_queue(ctx: &Ctx, name: &str, queue: Option<&str>) -> Self {
        let (raise, stop) = Stop::new();
        let around = (Ambient::system(), Metrics::new());
        let (election, holding) =
            Election::new(ctx.client().clone(), (ctx.namespace(), "image-watcher"), name, around, &stop);
        let election = election.of_queue(queue.map(str::to_owned));
        Self { holding, raise, task: tokio::spawn(election.run(stop)) }
    }

    async fn begins(&self, what: &str) -> Stop {
        within(what, self.holding.clone().begins()).await.expect("its term")
    }
}

async fn spec(ctx: &Ctx) -> (String, i32) {
    let leases: Api<Lease> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let spec = leases.get("image-watcher").await.expect("the Lease").spec.expect("its spec");
    assert_eq!(spec.lease_duration_seconds, Some(15));
    (spec.holder_identity.unwrap_or_default(), spec.lease_transitions.unwrap_or_default())
}

async fn a_lease_goes_from_one_to_the_next_whatever_becomes_of_its_holder(ctx: Ctx) {
    let first = Candidate::new(&ctx, "first");
    let mut term = first.begins("the first takes it").await;
    let (holder, transitions) = spec(&ctx).await;
    assert!(holder.starts_with("first_") && transitions == 0, "{holder} {transitions}");

    // It ends in order, and gives it back.
    let second = Candidate::new(&ctx, "second");
    let began = Instant::now();
    first.raise.raise();
    within("it ends", first.task).await.expect("no panic");
    within("its term is over", term.raised()).await;
    let mut term = second.begins("the second takes it").await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let (holder, transitions) = spec(&ctx).await;
    assert!(holder.starts_with("second_") && transitions == 1, "{holder} {transitions}");

    // It is killed: nobody takes it before it is over.
    let third = Candidate::new(&ctx, "third");
    let began = Instant::now();
    second.task.abort();
    within("nobody follows it any more", term.raised()).await;
    let mut term = third.begins("the third takes it").await;
    assert!(began.elapsed() > Duration::from_secs(10), "{:?}", began.elapsed());
    let (holder, transitions) = spec(&ctx).await;
    assert!(holder.starts_with("third_") && transitions == 2, "{holder} {transitions}");

    // Somebody writes it by hand, and renews nothing.
    let leases: Api<Lease> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let stolen = Patch::Merge(json!({"spec": {"holderIdentity": "a thief"}, "metadata": {"labels": {"theirs": "1"}}}));
    leases.patch("image-watcher", &PatchParams::default(), &stolen).await.expect("an edit");
    within("it is lost", term.raised()).await;
    let mut term = third.begins("it is taken back").await;
    let after = leases.get("image-watcher").await.expect("the Lease");
    assert_eq!(after.metadata.labels.unwrap_or_default().get("theirs").map(String::as_str), Some("1"));
    assert_eq!(spec(&ctx).await.1, 3);

    leases.delete("image-watcher", &kube::api::DeleteParams::default()).await.expect("it is deleted");
    within("it is lost", term.raised()).await;
    third.begins("it is made anew").await;
}

/// Buckets of the same names, on two NATS.
async fn services_of_two_queues_have_a_lease_each_and_the_first_of_an_older_version_keeps_its_own(ctx: Ctx) {
    let leases: Api<Lease> = Api::namespaced(ctx.client().clone(), ctx.namespace());
    let older = Candidate::new(&ctx, "older");
    older.begins("it knows of no queues").await;
    let newer = Candidate::of_queue(&ctx, "newer", Some("0a0a0a0a"));
    let waits = tokio::time::timeout(Duration::from_secs(6), newer.holding.clone().begins()).await;
    assert!(waits.is_err(), "an upgrade has one holder");
    older.raise.raise();
    newer.begins("it takes over").await;
    let lease = leases.get("image-watcher").await.expect("the Lease");
    let whose = lease.metadata.annotations.unwrap_or_default();
    assert_eq!(whose.get("image-watcher/queue").map(String::as_str), Some("0a0a0a0a"));

    let others = Candidate::of_queue(&ctx, "others", Some("0b0b0b0b"));
    others.begins("its own").await;
    let own = leases.get("image-watcher-0b0b0b0b").await.expect("its Lease").spec.expect("its spec");
    assert!(own.holder_identity.unwrap_or_default().starts_with("others_"));
    let beside = Candidate::of_queue(&ctx, "beside", Some("0b0b0b0b"));
    let waits = tokio::time::timeout(Duration::from_secs(12), beside.holding.clone().begins()).await;
    assert!(waits.is_err(), "one holder of each");
    assert!(spec(&ctx).await.0.starts_with("newer_"));
    others.raise.raise();
    beside.begins("it takes over where it belongs").await;
}

// === three replicas ===

struct Replicas {
    all: Vec<Watcher>,
    ctx: Ctx,
}

impl Replicas {
    async fn start(ctx: &Ctx, nats: &Nats, adapt: impl Fn(WatcherBuilder) -> WatcherBuilder) -> Self {
        let one = || {
            let builder = ctx.watcher().own_data().unconnected().env("IMAGE_WATCHER_QUEUE", nats.url());
            let builder = builder.env("IMAGE_WATCHER_LINK_KEY", KEY);
            adapt(builder).start()
        };
        let (first, second, third) = tokio::join!(one(), one(), one());
        Self { all: vec![first, second, third], ctx: ctx.clone() }
    }

    /// Which of them says that it holds the Lease; none while it goes from one to another.
    async fn holder(&self) -> Option<usize> {
        for (n, watcher) in self.all.iter().enumerate() {
            let answer = self.ctx.http().get(watcher.admin_url("/metrics")).send().await;
            let Ok(answer) = answer else { continue };
            let text = answer.text().await.unwrap_or_default();
            if value(&text, "image_watcher_holder") == Some(1.0) {
                return Some(n);
            }
        }
        None
    }

    async fn some_holder(&self) -> usize {
        eventually("one holds the Lease", async || self.holder().await).await
    }

    fn doors(&self) -> Doors {
        let urls = self.all.iter().map(|watcher| watcher.url("")).collect();
        Doors { urls, http: self.ctx.http().clone(), host: self.ctx.registry().host().to_owned() }
    }

    /// Says to one of them that a version was pushed, and to the next where that one does not take it, as a registry does.
    async fn announce(&self, first: usize, repository: &Repository, tag: &str) {
        self.doors().announce(first, repository, tag).await;
    }
}

/// Where the replicas take requests, whether they run or not.
#[derive(Clone)]
struct Doors {
    urls: Vec<String>,
    http: reqwest::Client,
    /// The registry's.
    host: String,
}

impl Doors {
    /// One of them.
    fn url(&self, number: usize, path: &str) -> String {
        format!("{}{path}", self.urls[number % self.urls.len()])
    }

    /// See [`Replicas::announce`]. Gives how often it had to be said.
    async fn announce(&self, first: usize, repository: &Repository, tag: &str) -> usize {
        let target = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository.name(), "tag": tag,
        });
        let event = json!({"action": "push", "request": {"host": self.host}, "target": target});
        let body = json!({ "events": [event] }).to_string();
        let mut next = first;
        eventually("somebody takes the push", async || {
            let post = self.http.post(self.url(next, "/webhooks/distribution")).bearer_auth(TOKEN);
            next += 1;
            let answer = post.timeout(Duration::from_secs(10)).body(body.clone()).send().await;
            answer.is_ok_and(|answer| answer.status() == 202).then_some(())
        })
        .await;
        next - first
    }
}

/// Until there was no job for a moment.
async fn until_at_rest(nats: &Nats) {
    let patience = if pushes().is_some() { Duration::from_secs(600) } else { DEADLINE };
    let (start, mut quiet_since) = (Instant::now(), None);
    loop {
        let waiting = nats.waiting().await;
        if waiting.is_empty() {
            if quiet_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(2) {
                return;
            }
        } else {
            quiet_since = None;
        }
        assert!(start.elapsed() < patience, "this is left to be done after {patience:?}: {waiting:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How often the tags of a repository were listed.
fn listed(ctx: &Ctx, repository: &Repository) -> usize {
    let requests = ctx.registry().requests(repository.name());
    requests.iter().filter(|request| request.contains("image-watcher/") && request.contains("/tags/list")).count()
}

/// How often a cycle of the schedule began, by what all of them say.
fn begun(replicas: &Replicas) -> usize {
    replicas.all.iter().map(|watcher| watcher.logs().matches("a cycle begins").count()).sum()
}

async fn until_begun(replicas: &Replicas, cycles: usize) {
    let start = Instant::now();
    while begun(replicas) < cycles {
        assert!(start.elapsed() < Duration::from_secs(75), "no cycle begins");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_schedule_has_one_cycle_whoever_follows_it(ctx: Ctx) {
    let changes = if pushes().is_some() { 10 } else { 2 };
    let nats = ctx.nats().await;
    let all: Vec<Repository> = (0..12).map(|n| ctx.repository(&format!("web-{n}"))).collect();
    for (n, repository) in all.iter().enumerate() {
        repository.push(Image::new("1.0.0")).await;
        ctx.watched(&format!("web-{n}"), repository.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    }
    // What the first start asks is no cycle.
    let first = ctx.watcher().unconnected().env("IMAGE_WATCHER_QUEUE", nats.url()).env("IMAGE_WATCHER_LINK_KEY", KEY);
    let first = first.start().await;
    until_at_rest(&nats).await;
    first.terminate().await;
    let before: Vec<usize> = all.iter().map(|repository| listed(&ctx, repository)).collect();

    let mut replicas = Replicas::start(&ctx, &nats, |it| it.env("IMAGE_WATCHER_SCHEDULE", "* * * * *")).await;
    until_begun(&replicas, 1).await;
    let mut kills = 0;
    for change in 0..changes {
        let holder = replicas.some_holder().await;
        let (identity, _) = spec(&ctx).await;
        let watcher = &mut replicas.all[holder];
        if change % 2 == 0 {
            watcher.kill9().await;
            kills += 1;
        }
        watcher.restart().await;
        // The same one may hold it again, by another name.
        eventually("another holds the Lease", async || {
            let (now, _) = spec(&ctx).await;
            (now != identity && !now.is_empty()).then_some(())
        })
        .await;
    }
    until_begun(&replicas, begun(&replicas).max(2)).await;
    let cycles = begun(&replicas);
    let counted: Vec<usize> = all.iter().zip(&before).map(|(it, before)| listed(&ctx, it) - before).collect();
    let mut minutes = BTreeSet::new();
    for watcher in &replicas.all {
        for line in watcher.logs().lines().filter(|line| line.contains("a cycle begins")) {
            let minute: String = line.chars().skip_while(|c| !c.is_ascii_digit()).take(16).collect();
            assert!(minutes.insert(minute.clone()), "two cycles of {minute}: {line}");
        }
    }
    // The last may have begun a moment ago. A look that a kill interrupts is done again.
    let twice: usize = counted.iter().map(|count| count.saturating_sub(cycles)).sum();
    assert!(twice <= kills, "{counted:?} in {cycles} cycles, {kills} kills");
    assert!(counted.iter().all(|count| *count + 1 >= cycles), "{counted:?} in {cycles} cycles");
    eprintln!(
        "{changes} changes of holder, {kills} by kill -9: {cycles} cycles, looks of each repository: {counted:?}"
    );
}

async fn fifty_presses_at_three_replicas_are_one_update(ctx: Ctx) {
    let nats = ctx.nats().await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let replicas = Replicas::start(&ctx, &nats, WatcherBuilder::mail).await;
    web.push(Image::new("1.0.1")).await;
    replicas.announce(0, &web, "1.0.1").await;
    let path = ctx.mailbox().link("1.0.1").await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    for watcher in &replicas.all {
        eventually("the link is known", async || (watcher.get(&path).await.status == 200).then_some(())).await;
    }
    assert_eq!(ctx.mailbox().list().await.len(), 1, "one of them has told it");
    let press = |n: usize| {
        let watcher = &replicas.all[n % 3];
        let path = &path;
        async move { watcher.post_form(path, &[("action", "approve")]).await.status }
    };
    let answers = futures_util::future::join_all((0..50).map(press)).await;
    // Where two wrote at once, one is asked to press again: the link is as good as before.
    assert!(answers.iter().all(|status| [200, 303, 503].contains(status)), "{answers:?}");
    assert!(answers.contains(&303), "{answers:?}");
    for watcher in &replicas.all {
        eventually("all say what was decided", async || {
            let page = watcher.get(&path).await;
            (page.status == 200 && page.body.contains("Decided by")).then_some(())
        })
        .await;
        let again = watcher.post_form(&path, &[("action", "approve")]).await;
        assert!([200, 303].contains(&again.status), "{}", again.status);
    }
    deployment.wait_for("healthy", |seen| seen.annotation("image-watcher/current-version") == Some("1.0.1")).await;
    assert_eq!(ctx.images_written().len(), 1, "{:?}", ctx.images_written());
}

async fn an_edit_that_three_replicas_see_is_not_looked_at_three_times(ctx: Ctx) {
    let nats = ctx.nats().await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let _replicas = Replicas::start(&ctx, &nats, |it| it).await;
    let mut looks = Vec::new();
    for strategy in ["MINOR", "PATCH", "MAJOR", "MINOR", "PATCH", "MAJOR"] {
        until_at_rest(&nats).await;
        let before = listed(&ctx, &web);
        deployment.annotate("image-watcher/strategy", Some(strategy)).await;
        eventually("it is looked at", async || (listed(&ctx, &web) > before).then_some(())).await;
        until_at_rest(&nats).await;
        looks.push(listed(&ctx, &web) - before);
    }
    // The hints of the others may come when the look of the first is over: they are one more.
    assert!(looks.iter().all(|looks| *looks <= 2), "{looks:?}");
    eprintln!("looks of one edit that three replicas see: {looks:?}");
}
