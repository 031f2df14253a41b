//! What following rollouts costs the API server.

use futures_util::future::join_all;

use crate::harness::Ctx;
use crate::harness::images::{Image, Repository};
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;

pub(crate) fn tests() -> Vec<Test> {
    tests![many_rollouts_in_a_namespace_are_followed_by_one_watch]
}

/// The whole of it is one stream: pods are neither listed nor got, however many rollouts there are.
async fn many_rollouts_in_a_namespace_are_followed_by_one_watch(ctx: Ctx) {
    // Each has an image of its own, as those of one image wait for the first of them.
    let names: Vec<String> = (0..12).map(|n| format!("web-{n}")).collect();
    let repositories: Vec<Repository> = names.iter().map(|name| ctx.repository(name)).collect();
    join_all(repositories.iter().map(|repository| repository.push(Image::new("1.0.0")))).await;
    let auto = [("mode", "AUTO_UPDATE")];
    let made = names.iter().zip(&repositories).map(|(name, it)| ctx.watched(name, it.reference("1.0.0"), &auto));
    let all = join_all(made).await;
    let _watcher = ctx.watcher().start().await;
    join_all(repositories.iter().map(|repository| repository.push(Image::new("1.0.1")))).await;
    for workload in &all {
        let is_healthy = |seen: &Seen| {
            seen.annotation("image-watcher/history").is_some_and(|history| history.contains("\"healthy\""))
        };
        workload.wait_for("healthy", is_healthy).await;
    }
    let of_pods = || -> Vec<String> {
        let all = ctx.audit_of_watcher();
        let begun = all.iter().filter(|event| event["stage"] != "ResponseComplete");
        let of_pods = begun.filter(|event| event["objectRef"]["resource"] == "pods");
        of_pods.map(|event| event["verb"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let verbs = eventually("a watch of pods", async || Some(of_pods()).filter(|verbs| !verbs.is_empty())).await;
    assert_eq!(verbs, ["watch"]);
}
