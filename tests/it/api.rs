//! What programs read on the private listener.

use reqwest::Method;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::watcher::{Reply, Watcher};

pub(crate) fn tests() -> Vec<Test> {
    tests![a_workload_and_its_question_are_read_as_json]
}

async fn read(watcher: &Watcher, path: &str) -> Reply {
    watcher.send(Method::GET, &watcher.admin_url(path), &[], Vec::new()).await
}

async fn a_workload_and_its_question_are_read_as_json(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment =
        ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION"), ("strategy", "PATCH")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let told = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;

    let list = read(&watcher, "/api/v1/workloads").await.json();
    assert_eq!(list["schema"], "image-watcher/workloads/v1");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    for kind in ["deployment", "Deployments", "deploy"] {
        let path = format!("/api/v1/workloads/{}/{kind}/web", ctx.namespace());
        let answer = read(&watcher, &path).await;
        let open = told.annotation("image-watcher/token-update").expect("an open question");
        assert!(open.split(':').skip(2).all(|part| !answer.body.contains(part)), "nothing of a token: {}", answer.body);
        assert!(!answer.body.contains("nonce"), "{}", answer.body);
        let workload = answer.json();
        assert_eq!((&workload["kind"], &workload["history"]), (&"Deployment".into(), &serde_json::json!([])));
        let container = &workload["containers"][0];
        assert_eq!((&container["mode"], &container["strategy"]), (&"NOTIFICATION".into(), &"PATCH".into()));
        assert_eq!(
            (&container["question"]["tag"], &container["question"]["level"]),
            (&"1.0.1".into(), &"patch".into())
        );
        assert_eq!(container["question"]["digest"], digest);
    }
    let other = format!("/api/v1/workloads/{}/statefulset/web", ctx.namespace());
    assert_eq!(read(&watcher, &other).await.status, 404);
    assert_eq!(watcher.get("/api/v1/workloads").await.status, 403, "nothing without sign-in on the public listener");
}
