//! How often forges and models are asked, from their own logs, while everything else is asked as often as ever.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::receiver::Receiver;
use crate::harness::registry::TOKEN;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;
use crate::release_notes::{hooked, model, reading, summarised, summary};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_hundred_workloads_on_twenty_repositories]
}

const REPOSITORIES: usize = 20;
const WORKLOADS_EACH: usize = 5;
const NEWER: [&str; 5] = ["1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"];

/// The releases of one project; their texts are its own, so that no summary serves two.
fn releases(project: usize) -> Answer {
    let release = |tag: &&str| {
        let body = format!("- project {project} repairs what {tag} is for");
        json!({"tag_name": format!("v{tag}"), "draft": false, "prerelease": false, "body": body})
    };
    let list: Value = NEWER.iter().rev().map(release).collect();
    Answer::status(200).header("ETag", "\"1\"").body(list.to_string())
}

/// A repository with the running version and the newer ones, labelled with its project.
async fn pushed(ctx: &Ctx, project: usize) -> Repository {
    let repository = ctx.repository(&format!("app-{project}"));
    let source = format!("https://github.com/acme/p{project}");
    for tag in ["1.0.0"].into_iter().chain(NEWER) {
        repository.push(Image::new(tag).label("org.opencontainers.image.source", &source)).await;
    }
    repository
}

/// A workload that asks. It has no pods, as nobody answers.
async fn asking(ctx: &Ctx, repository: &Repository, name: String) {
    let builder = ctx.deployment(&name).container("app", repository.reference("1.0.0")).replicas(0);
    builder.annotation("image-watcher/mode", "NOTIFICATION").create().await;
}

/// How often the registry was asked for the tags of each repository.
fn looks(repositories: &[Repository]) -> Vec<usize> {
    let lists = |repository: &Repository| {
        repository.requests().iter().filter(|line| line.contains("\"GET ") && line.contains("/tags/list")).count()
    };
    repositories.iter().map(lists).collect()
}

/// Until every repository was looked at once more than `before`, and the looks are over.
async fn looked(repositories: &[Repository], before: &[usize], watcher: &Watcher, over: f64) {
    eventually("a look at every repository", async || {
        looks(repositories).iter().zip(before).all(|(now, before)| now > before).then_some(())
    })
    .await;
    eventually("the end of the looks", async || (ended(watcher).await >= over).then_some(())).await;
}

async fn ended(watcher: &Watcher) -> f64 {
    watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await.unwrap_or(0.0)
}

/// Questions to the forge for a list, and to the model for a summary; there are no others.
fn calls(forge: &Receiver, ai: &Receiver) -> (usize, usize) {
    let asked = forge.requests();
    let lists = asked.iter().filter(|request| request.path.contains("/releases?")).count();
    assert_eq!(lists, asked.len(), "{:?}", asked.iter().map(|request| &request.path).collect::<Vec<_>>());
    (lists, ai.requests().len())
}

/// Notices of which each has all its notes and their summary.
fn assert_noted(notices: &[Received]) {
    for notice in notices {
        let data = &notice.json()["data"];
        let release = &data["release"];
        let found = (release["summary_source"].as_str(), release["versions"].as_array().map(Vec::len));
        assert_eq!(found, (Some("llm"), Some(NEWER.len())), "{data}");
    }
}

async fn a_hundred_workloads_on_twenty_repositories(ctx: Ctx) {
    let (forge, ai, hook) = (ctx.receiver(), ctx.receiver(), ctx.receiver());
    ai.always(model(&summary()));
    for project in 0..REPOSITORIES {
        forge.at(&format!("/repos/acme/p{project}/releases?"), releases(project));
    }
    let repositories = join_all((0..REPOSITORIES).map(|project| pushed(&ctx, project))).await;
    let named = |part: &str| {
        let (ctx, part) = (&ctx, part.to_owned());
        let of = move |(at, repository)| asking(ctx, repository, format!("app-{at}-{part}"));
        repositories.iter().enumerate().map(of).collect::<Vec<_>>()
    };
    for n in 0..WORKLOADS_EACH {
        join_all(named(&n.to_string())).await;
    }
    let total = REPOSITORIES * WORKLOADS_EACH;
    let watcher = hooked(summarised(reading(&ctx, &forge), &ai), &hook).unconnected().env("RUN_ON_BOOT", "TRUE");
    let mut watcher = watcher.start().await;
    assert_noted(&hook.wait_for(total).await);
    let first = calls(&forge, &ai);
    assert!(first.0 <= REPOSITORIES && first.1 <= REPOSITORIES, "{first:?}");
    assert!(first.0 > 0 && first.1 > 0, "the notes are from these two: {first:?}");

    // Beside the looks themselves, one more workload of each repository needs the same notes in its notice.
    let (before, over) = (looks(&repositories), ended(&watcher).await + 20.0);
    join_all(named("next")).await;
    let host = ctx.registry().host();
    for (at, repository) in repositories.iter().enumerate() {
        let target = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "repository": repository.name(), "tag": NEWER[4]});
        let event = json!({"id": format!("next-{at}"), "action": "push", "target": target, "request": {"host": host}});
        let bearer = format!("Bearer {TOKEN}");
        let body = json!({"events": [event]}).to_string();
        assert_eq!(watcher.post("/webhooks/distribution", &[("Authorization", &bearer)], body).await.status, 202);
    }
    looked(&repositories, &before, &watcher, over).await;
    assert_noted(&hook.wait_for(total + REPOSITORIES).await);
    let next = calls(&forge, &ai);

    let before = looks(&repositories);
    join_all(named("late")).await;
    watcher.restart().await;
    looked(&repositories, &before, &watcher, 20.0).await;
    let notices = hook.wait_for(total + 2 * REPOSITORIES).await;
    assert_noted(&notices);
    assert_eq!(notices.len(), total + 2 * REPOSITORIES, "nobody is told twice");
    let last = calls(&forge, &ai);
    let more = |one: (usize, usize), other: (usize, usize)| (other.0 - one.0, other.1 - one.1);
    println!(
        "{total} workloads on {REPOSITORIES} repositories: {} list calls, {} summary calls; next cycle: {}, {}; after a \
         restart: {}, {}",
        first.0,
        first.1,
        more(first, next).0,
        more(first, next).1,
        more(next, last).0,
        more(next, last).1
    );
    assert_eq!((more(first, next), more(next, last)), ((0, 0), (0, 0)), "what is known is not asked for");
}
