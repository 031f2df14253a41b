//! Several workloads at once, with real controllers: one goes first, what failed on one is a question on the others, and after
//! two failures nothing is applied until a person says so.

use futures_util::future::join_all;
use serde_json::Value;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::{Seen, Workload};
use crate::harness::run::{Test, tests};
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        of_several_deployments_one_goes_first,
        of_fifty_workloads_exactly_one_sees_a_bad_digest,
        what_failed_on_one_is_a_question_on_the_others_and_two_stop_all
    ]
}

/// Deployments of one image, all of which are updated by themselves, and run.
async fn deployments(ctx: &Ctx, repository: &Repository, count: usize) -> Vec<Workload> {
    let name = repository.name().rsplit('/').next().unwrap_or_default();
    let names: Vec<String> = (0..count).map(|n| format!("{name}-{n}")).collect();
    let create = async |name: &String| {
        let deployment = ctx.deployment(name).annotation("image-watcher/mode", "AUTO_UPDATE");
        deployment.container("web", repository.reference("1.0.0")).create().await
    };
    let all = join_all(names.iter().map(create)).await;
    for workload in &all {
        workload.wait_for_rollout().await;
    }
    all
}

/// Seconds of a time in a container's newest update.
fn time(seen: &Seen, name: &str) -> i64 {
    seen.ledger("web")["update"][name].as_i64().unwrap_or_else(|| panic!("no {name}: {}", seen.ledger("web")))
}

fn is_healthy(seen: &Seen) -> bool {
    seen.ledger("web")["update"]["outcome"] == "healthy"
}

async fn of_several_deployments_one_goes_first(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let all = deployments(&ctx, &web, 5).await;
    let _watcher = ctx.watcher().start().await;
    web.push(Image::new("1.0.1")).await;
    let ended = join_all(all.iter().map(|workload| workload.wait_for("healthy", is_healthy))).await;
    let mut updates: Vec<(i64, i64)> = ended.iter().map(|seen| (time(seen, "at"), time(seen, "ended"))).collect();
    updates.sort_unstable();
    let (_, first_ended) = updates[0];
    assert!(updates[1..].iter().all(|(at, _)| *at >= first_ended), "the others wait for its end: {updates:?}");
    let written: Vec<String> = ctx.images_written().into_iter().map(|(_, tag)| tag).collect();
    assert_eq!(written, ["1.0.1"; 5], "each is written once");
    let rehearsed = ctx.dry_runs_of_watcher();
    let is_done = |event: &&Value| event["verb"] == "patch" && event["stage"] == "ResponseComplete";
    let rehearsed = rehearsed.iter().filter(is_done).count();
    assert!((1..=all.len()).contains(&rehearsed), "who waits asks the API server nothing: {rehearsed}");
}

/// The pods of `crashing:1.0.1` crash.
async fn of_fifty_workloads_exactly_one_sees_a_bad_digest(ctx: Ctx) {
    let crashing = ctx.repository("crashing");
    crashing.push(Image::new("1.0.0")).await;
    let all = deployments(&ctx, &crashing, 50).await;
    let _watcher = ctx.watcher().mail().start().await;
    crashing.push(Image::new("1.0.1").label("build", "bad")).await;
    let is_decided = |seen: &Seen| {
        let ledger = seen.ledger("web");
        ledger["held"]["failure"].is_object() || ledger["question"]["because"]["failed"].is_object()
    };
    let decided = join_all(all.iter().map(|workload| workload.wait_for("a decision", is_decided))).await;
    let written = ctx.images_written();
    let (first, _) = written.first().cloned().unwrap_or_default();
    let there_and_back = ["1.0.1", "1.0.0"].map(|tag| (first.clone(), tag.to_owned()));
    assert_eq!(written, there_and_back, "one goes there, and back");
    let asked = decided.iter().filter(|seen| seen.ledger("web")["question"]["because"]["failed"].is_object());
    let failed = format!("{}/deploy/{first}", ctx.namespace());
    let names: Vec<Value> =
        asked.map(|seen| seen.ledger("web")["question"]["because"]["failed"]["workload"].clone()).collect();
    assert_eq!(names, vec![Value::from(failed); 49], "all others ask, and say where it failed");
    let images = join_all(all.iter().map(Workload::get)).await;
    assert!(images.iter().all(|seen| seen.image("web") == Some(&*crashing.reference("1.0.0"))));
}

async fn brake(ctx: &Ctx, watcher: &Watcher, arguments: &[&str]) -> (Option<i32>, String) {
    let command = ctx.watcher().ports([watcher.port(), watcher.admin_port()]);
    let output = command.output(&[&["brake"], arguments].concat()).await;
    (output.code(), output.stdout)
}

async fn what_failed_on_one_is_a_question_on_the_others_and_two_stop_all(ctx: Ctx) {
    let (crashing, other, good) = (ctx.repository("crashing"), ctx.repository("also-crashing"), ctx.repository("good"));
    for repository in [&crashing, &other, &good] {
        repository.push(Image::new("1.0.0")).await;
    }
    let all = deployments(&ctx, &crashing, 4).await;
    let alone = deployments(&ctx, &other, 1).await;
    let waits = deployments(&ctx, &good, 1).await;
    let watcher = ctx.watcher().mail().start().await;
    crashing.push(Image::new("1.0.1").label("build", "2")).await;
    let is_decided = |seen: &Seen| {
        let ledger = seen.ledger("web");
        ledger["held"]["failure"].is_object() || ledger["question"]["because"]["failed"].is_object()
    };
    let decided = join_all(all.iter().map(|workload| workload.wait_for("a decision", is_decided))).await;
    let written: Vec<&Seen> = decided.iter().filter(|seen| seen.ledger("web")["update"].is_object()).collect();
    assert_eq!(written.len(), 1, "one sees it: {written:?}");
    let failed =
        format!("{}/deploy/{}", ctx.namespace(), written[0].0["metadata"]["name"].as_str().unwrap_or_default());
    for seen in decided.iter().filter(|seen| seen.ledger("web")["held"].is_null()) {
        let because = seen.ledger("web")["question"]["because"]["failed"].clone();
        assert_eq!((&because["workload"], &because["reason"]), (&failed.clone().into(), &"CrashLoopBackOff".into()));
        assert_eq!(seen.image("web"), Some(&*crashing.reference("1.0.0")));
    }
    assert_eq!(brake(&ctx, &watcher, &[]).await, (Some(0), "automatic updates are not stopped\n".to_owned()));
    other.push(Image::new("1.0.1").label("build", "3")).await;
    alone[0].wait_for("failed", |seen| seen.ledger("web")["held"]["failure"].is_object()).await;
    watcher.wait_for_log("automatic updates are stopped everywhere").await;
    good.push(Image::new("1.0.1").label("build", "4")).await;
    let asked = waits[0].wait_for("asked", |seen| seen.ledger("web")["question"]["because"].is_object()).await;
    assert!(asked.ledger("web")["question"]["because"]["stopped"].is_object(), "{}", asked.ledger("web"));
    let (code, said) = brake(&ctx, &watcher, &[]).await;
    assert!(
        code == Some(1) && said.starts_with("automatic updates are stopped everywhere, as 2 of the last 5"),
        "{said}"
    );
    let (code, said) = brake(&ctx, &watcher, &["--resume"]).await;
    assert!(code == Some(0) && said.contains("image-watcher brake --resume"), "{code:?} {said}");
    waits[0].wait_for("healthy", is_healthy).await;
}
