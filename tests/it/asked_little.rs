//! How little a registry is asked, by its own log.

use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        forty_workloads_on_eight_repositories_cost_eight_lists_a_cycle,
        a_cycle_keeps_to_its_part_of_a_budget_and_a_push_does_not_wait_for_it,
    ]
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");

/// Repositories with one version, and Deployments that run it, so many of each.
async fn prepare(ctx: &Ctx, repositories: usize, workloads: usize) -> Vec<Repository> {
    let all: Vec<Repository> = (0..repositories).map(|n| ctx.repository(&format!("web-{n}"))).collect();
    for (n, repository) in all.iter().enumerate() {
        repository.push(Image::new("1.0.0")).await;
        for m in 0..workloads {
            ctx.watched(&format!("web-{n}-{m}"), repository.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
        }
    }
    all
}

/// What image-watcher asked about each repository so far: lists, and questions about manifests.
fn asked(ctx: &Ctx, all: &[Repository]) -> Vec<(usize, usize)> {
    let of = |repository: &Repository| {
        let requests = ctx.registry().requests(repository.name());
        let ours = |request: &&String| request.contains("image-watcher/");
        let with = |part: &str| requests.iter().filter(ours).filter(|request| request.contains(part)).count();
        (with("/tags/list"), with("/manifests/"))
    };
    all.iter().map(of).collect()
}

/// How many looks went well.
async fn looks(watcher: &Watcher) -> f64 {
    watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await.unwrap_or_default()
}

async fn until_looks(watcher: &Watcher, count: f64) {
    eventually("looks", async || (looks(watcher).await >= count).then_some(())).await;
}

fn envelope(ctx: &Ctx, repository: &Repository, tag: &str) -> String {
    serde_json::json!({"events": [{"action": "push", "request": {"host": ctx.registry().host()},
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository.name(), "tag": tag}}]})
    .to_string()
}

/// A request to the API of the private listener.
async fn post(watcher: &Watcher, path: &str) -> (u16, serde_json::Value) {
    let answer = watcher.send(Method::POST, &watcher.admin_url(path), &[], Vec::new()).await;
    (answer.status, answer.json())
}

async fn forty_workloads_on_eight_repositories_cost_eight_lists_a_cycle(ctx: Ctx) {
    let all = prepare(&ctx, 8, 5).await;
    // The next date of the schedule is far away.
    let builder = ctx.watcher().unconnected().env("RUN_ON_BOOT", "TRUE").env("IMAGE_WATCHER_SCHEDULE", "0 0 1 1 *");
    let mut watcher = builder.start().await;
    until_looks(&watcher, 8.0).await;
    assert_eq!(asked(&ctx, &all), [(1, 0); 8], "the first cycle");

    let (status, answer) = post(&watcher, "/api/v1/look").await;
    assert_eq!((status, answer["repositories"].as_array().map(Vec::len)), (202, Some(8)), "{answer}");
    until_looks(&watcher, 16.0).await;
    assert_eq!(asked(&ctx, &all), [(2, 0); 8], "a steady cycle");

    let path = format!("/api/v1/workloads/{}/deploy/web-3-1/look", ctx.namespace());
    let (status, answer) = post(&watcher, &path).await;
    assert_eq!((status, answer["repositories"].as_array().map(Vec::len)), (202, Some(1)), "{answer}");
    until_looks(&watcher, 17.0).await;
    let command = ctx.watcher().ports([watcher.port(), watcher.admin_port()]);
    let output = command.output(&["look", "deploy/web-3-0", "-n", ctx.namespace()]).await;
    assert_eq!((output.code(), output.stdout.lines().count()), (Some(0), 1), "{}", output.stderr);
    until_looks(&watcher, 18.0).await;
    let mut expected = [(2, 0); 8];
    expected[3].0 = 4;
    assert_eq!(asked(&ctx, &all), expected, "one repository, on request");
    let command = ctx.watcher().ports([watcher.port(), watcher.admin_port()]);
    let output = command.output(&["look", "deploy/nobody", "-n", ctx.namespace()]).await;
    assert!(output.code() == Some(1) && output.stderr.contains("no such workload is watched"), "{}", output.stderr);

    watcher.set_env("RUN_ON_BOOT", "FALSE");
    watcher.restart().await;
    // Its first look is that of the push: whatever the start asks for comes before it.
    all[5].push(Image::new("1.0.1")).await;
    assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], envelope(&ctx, &all[5], "1.0.1")).await.status, 202);
    for n in 0..5 {
        let asks = |seen: &Seen| seen.annotation("image-watcher/token-update").is_some();
        ctx.workload("Deployment", &format!("web-5-{n}")).wait_for("a question", asks).await;
    }
    until_looks(&watcher, 1.0).await;
    // Five workloads ask what the new tag points to, what the running one does, and, once, for what stands behind both.
    expected[5] = (3, 4);
    assert_eq!(asked(&ctx, &all), expected, "a start asks nothing, and a push for one list and each tag once");

    let registries = watcher.send(Method::GET, &watcher.admin_url("/api/v1/registries"), &[], Vec::new()).await.json();
    let known = &registries["items"][0];
    assert_eq!(
        (&known["host"], &known["repositories"], &known["lastOutcome"]),
        (&ctx.registry().host().into(), &8.into(), &"ok".into()),
        "{registries}"
    );
}

async fn a_cycle_keeps_to_its_part_of_a_budget_and_a_push_does_not_wait_for_it(ctx: Ctx) {
    let all = prepare(&ctx, 8, 1).await;
    let entry = format!("host: {:?}, plainHttp: true, requestsPerMinute: 8", ctx.registry().host());
    let config = ctx.file("config.yaml", &format!("registries: [{{{entry}}}]\n")).display().to_string();
    let watcher = ctx.watcher().unconnected().without("IMAGE_WATCHER_PLAIN_HTTP");
    let watcher = watcher.env("IMAGE_WATCHER_CONFIG", config).env("RUN_ON_BOOT", "TRUE").start().await;
    until_looks(&watcher, 6.0).await;
    let lists = || asked(&ctx, &all).iter().map(|(lists, _)| lists).sum::<usize>();
    assert_eq!(lists(), 6, "three quarters of eight");
    let waits = asked(&ctx, &all).iter().position(|(lists, _)| *lists == 0).expect("one that waits for its turn");
    // A tag that is listed: one that is not would be looked for again.
    let answer = watcher.post("/webhooks/distribution", &[BEARER], envelope(&ctx, &all[waits], "1.0.0")).await;
    assert_eq!(answer.status, 202);
    until_looks(&watcher, 7.0).await;
    assert_eq!(asked(&ctx, &all)[waits].0, 1, "what was pushed is looked at within the rest");
    let registries = watcher.send(Method::GET, &watcher.admin_url("/api/v1/registries"), &[], Vec::new()).await.json();
    assert_eq!(registries["items"][0]["ceiling"]["limit"], 8, "{registries}");
    let remaining = format!("image_watcher_registry_budget_remaining{{registry=\"{}\"}}", ctx.registry().host());
    assert_eq!(watcher.metric(&remaining).await, Some(1.0));
    assert!(!watcher.metrics().await.contains("image_watcher_registry_waits_total{"), "nobody was turned away");
}
