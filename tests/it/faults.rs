//! What goes wrong outside: each fault has the documented answer, a line in the log, and nothing is lost.

use std::time::Duration;

use serde_json::json;

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::registry::{Options, PASSWORD, USER};
use crate::harness::run::{Test, tests};
use crate::harness::serve::Answer;
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        deliveries_that_are_none_are_refused,
        a_registry_that_fails_is_asked_again,
        an_unknown_repository_is_told_on_the_workload,
        a_password_comes_from_the_workloads_own_secret,
        an_api_server_that_goes_away_is_waited_for,
        a_queue_that_is_locked_is_answered_503_and_passes,
        a_full_disk_is_answered_503_and_passes,
        a_mail_server_that_hangs_delays_nothing_else,
        links_that_are_none_are_one_page,
        the_listeners_are_two,
        a_terminated_watcher_drains,
    ]
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");

fn envelope(host: &str, repository: &str) -> String {
    json!({"events": [{"action": "push", "request": {"host": host},
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": "1.0.1"}}]})
    .to_string()
}

pub(crate) async fn announce(watcher: &Watcher, host: &str, repository: &str) -> u16 {
    watcher.post("/webhooks/distribution", &[BEARER], envelope(host, repository)).await.status
}

async fn deliveries_that_are_none_are_refused(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().env("GITHUB_WEBHOOK_SECRET", "s").start().await;
    let post = async |path: &str, headers: &[(&str, &str)], body: Vec<u8>| watcher.post(path, headers, body).await;
    let good = envelope("registry.test", "web").into_bytes();
    assert_eq!(post("/webhooks/distribution", &[BEARER], good.clone()).await.status, 200, "unknown, so forgotten");
    assert_eq!(post("/webhooks/distribution", &[BEARER], b"{\"events\":".to_vec()).await.status, 400);
    assert_eq!(post("/webhooks/distribution", &[BEARER], b"[]".to_vec()).await.status, 400);
    let escape = envelope("registry.test", "../../v2/_catalog").into_bytes();
    assert_eq!(
        post("/webhooks/distribution", &[BEARER], escape).await.status,
        200,
        "passed over, as it would come for ever"
    );
    let wrong = post("/webhooks/distribution", &[("Authorization", "Bearer wrong")], good.clone()).await;
    let unknown = post("/webhooks/nobody", &[BEARER], good.clone()).await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body, "neither says which of the two it is");
    let unsigned = [("X-GitHub-Event", "package"), ("X-Hub-Signature", "sha1=00")];
    assert_eq!(post("/webhooks/github", &unsigned, good.clone()).await.status, 401);
    assert_eq!(post("/webhooks/distribution", &[BEARER], vec![b' '; 1024 * 1024 + 1]).await.status, 413);
    let encoded = [BEARER, ("Content-Encoding", "gzip")];
    assert_eq!(post("/webhooks/distribution", &encoded, good).await.status, 415);
    let deep = "[".repeat(100_000).into_bytes();
    assert_eq!(post("/webhooks/distribution", &[BEARER], deep).await.status, 400);
    watcher.wait_for_log("a delivery was refused").await;
    watcher.wait_for_log("a delivery can't be read").await;
}

async fn a_registry_that_fails_is_asked_again(ctx: Ctx) {
    // A registry of our own that answers by script, in front of nothing.
    let registry = ctx.receiver();
    let host = registry.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    let tags = |list: &str| Answer::status(200).body(format!("{{\"name\":\"web\",\"tags\":[{list}]}}"));
    registry.next([
        Answer::status(500),
        Answer::status(200).body("<html>rubbish</html>"),
        Answer::status(429).header("Retry-After", "1"),
        tags("\"1.0.1\"").header("Link", "</v2/web/tags/list?last=1.0.1&n=1>; rel=\"next\""),
        Answer::status(503),
        tags("\"1.0.0\",\"1.0.1\""),
    ]);
    let digest = format!("sha256:{}", "a".repeat(64));
    registry.at("/v2/web/manifests/1.0.1", Answer::status(200).header("Docker-Content-Digest", &digest));
    registry.says_nothing_of_images("web").always(Answer::status(404));
    let deployment = ctx.watched("web", format!("{host}/web:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", &*host).env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    let image = format!("{host}/web:1.0.1@sha256:{}", "a".repeat(64));
    deployment.wait_for_image("web", &image).await;
    assert!(watcher.logs().contains("no decision without a complete answer"), "{}", watcher.logs());
}

async fn an_unknown_repository_is_told_on_the_workload(ctx: Ctx) {
    let host = ctx.registry().host().to_owned();
    let deployment =
        ctx.watched("web", format!("{host}/{}nowhere:1.0.0", ctx.prefix()), &[("mode", "AUTO_UPDATE")]).await;
    let _watcher = ctx.watcher().env("RUN_ON_BOOT", "TRUE").start().await;
    let told = deployment.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    let error = told.annotation("image-watcher/error").expect("it was there");
    assert!(error.contains("not known to its registry"), "{error}");
}

async fn a_password_comes_from_the_workloads_own_secret(ctx: Ctx) {
    let registry = ctx.second_registry(Options { password: true, ..Options::default() }).await;
    let web = ctx.repository_in(&registry, "web");
    web.push(Image::new("1.0.0")).await;
    let digest = web.push(Image::new("1.0.1")).await;
    let auths = json!({"auths": {registry.host(): {"username": USER, "password": PASSWORD}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "pull"}, "stringData": {".dockerconfigjson": auths.to_string()}});
    ctx.apply(&secret.to_string()).await;
    let build = |name: &str| {
        ctx.deployment(name).container("web", web.reference("1.0.0")).annotation("image-watcher/mode", "AUTO_UPDATE")
    };
    let stranger = build("stranger").create().await;
    let tenant = build("tenant")
        .with(|object| object["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]))
        .create()
        .await;
    let watcher =
        ctx.watcher().env("IMAGE_WATCHER_PLAIN_HTTP", registry.host()).env("RUN_ON_BOOT", "TRUE").start().await;
    tenant.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let refused = stranger.wait_for("an error", |seen| seen.annotation("image-watcher/error").is_some()).await;
    assert!(refused.annotation("image-watcher/error").expect("it was there").contains("imagePullSecret"));
    assert_eq!(refused.image("web"), Some(web.reference("1.0.0").as_str()), "nobody reads through another's secret");
    assert!(!watcher.logs().contains(PASSWORD));
}

async fn an_api_server_that_goes_away_is_waited_for(ctx: Ctx) {
    let proxy = ctx.fault_proxy(ctx.api_server()).await;
    let kubeconfig = ctx.identity_at(&proxy.host()).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().unconnected().kubeconfig(&kubeconfig).start().await;
    let host = ctx.registry().host().to_owned();
    proxy.set(Fault::Refuse);
    let digest = web.push(Image::new("1.0.1")).await;
    assert_eq!(announce(&watcher, &host, web.name()).await, 202, "the job is kept meanwhile");
    watcher.wait_for_log("this container is left as it is for now").await;
    assert_eq!(watcher.send(reqwest::Method::GET, &watcher.admin_url("/livez"), &[], vec![]).await.status, 200);
    proxy.set(Fault::Pass);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
}

async fn a_queue_that_is_locked_is_answered_503_and_passes(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let _deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().start().await;
    let host = ctx.registry().host().to_owned();
    let other = rusqlite::Connection::open(watcher.data().join("queue.db")).expect("the queue's file");
    eventually("the look of the start is done", async || {
        let jobs: i64 = other.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).ok()?;
        (jobs == 0).then_some(())
    })
    .await;
    // An operator holds the file for a while, longer than the most impatient sender waits.
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    // With a time in it, so that it is known when it comes again.
    let delivery =
        envelope(&host, web.name()).replacen("{\"action\"", r#"{"timestamp":"2026-01-01T00:00:00Z","action""#, 1);
    assert!(delivery.contains("timestamp"));
    let refused = watcher.post("/webhooks/distribution", &[BEARER], delivery.clone()).await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("could not be stored in time"), "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    other.execute_batch("ROLLBACK").expect("no lock");
    // The same delivery: what was refused must not be taken for a repetition.
    eventually("the queue takes jobs again", async || {
        let again = watcher.post("/webhooks/distribution", &[BEARER], delivery.clone()).await;
        (again.status == 202).then_some(())
    })
    .await;
}

/// A disk of half a megabyte; only root can make one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: std::path::PathBuf) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(&folder)
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn a_full_disk_is_answered_503_and_passes(ctx: Ctx) {
    let Some(disk) = SmallDisk::mount(ctx.folder("disk")) else {
        return ctx.skip("a small disk can't be mounted here, which takes root");
    };
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let data = disk.0.display().to_string();
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_DATA", data).start().await;
    let host = ctx.registry().host().to_owned();
    let digest = web.push(Image::new("1.0.1")).await;
    let filler = disk.0.join("filler");
    let mut size = 512 * 1024;
    while size > 0 {
        // What does not fit is tried smaller, until not a page is left.
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&filler).expect("a file");
        let fits = std::io::Write::write_all(&mut &file, &vec![0; size]).is_ok();
        size = if fits { size } else { size / 2 };
    }
    assert_eq!(announce(&watcher, &host, web.name()).await, 503);
    assert_eq!(watcher.send(reqwest::Method::GET, &watcher.admin_url("/readyz"), &[], vec![]).await.status, 200);
    watcher.wait_for_log("look at the free space").await;
    std::fs::remove_file(&filler).expect("free space");
    eventually("jobs are taken again", async || (announce(&watcher, &host, web.name()).await == 202).then_some(()))
        .await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    watcher.kill9().await;
}

async fn a_mail_server_that_hangs_delays_nothing_else(ctx: Ctx) {
    let hook = ctx.receiver();
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    proxy.set(Fault::BlackHole);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host()));
    let watcher = watcher.env("WEBHOOK_URL", hook.url("/hook"));
    let watcher = watcher.env("WEBHOOK_SECRET", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").start().await;
    web.push(Image::new("1.0.1")).await;
    hook.wait_for(1).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    assert!(ctx.mailbox().list().await.is_empty());
    // What hung is given up with the process, and done by the next one.
    watcher.kill9().await;
    proxy.set(Fault::Pass);
    let mut watcher = watcher;
    watcher.restart().await;
    ctx.mailbox().wait_for_mail("1.0.1").await;
}

async fn links_that_are_none_are_one_page(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    let tokens = [
        "x".to_owned(),
        "v1.00000000.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "a".repeat(10_000),
        "%00".to_owned(),
        "%C3%A9".to_owned(),
    ];
    let mut pages = Vec::new();
    for token in &tokens {
        let page = watcher.get(&format!("/a/{token}")).await;
        assert_eq!(page.status, 404, "{token:.40}");
        pages.push(page);
    }
    assert!(pages.iter().all(|page| page.body == pages[0].body), "one page for all");
    let headers = &pages[0].headers;
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["referrer-policy"], "same-origin");
    assert!(headers["content-security-policy"].starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!headers["content-security-policy"].contains("script"));
    let original = watcher.get("/api/upgrade/shop/web?version=1.0.1&token=x").await;
    assert_eq!(original.status, 404);
    let put = watcher.send(reqwest::Method::PUT, &watcher.url("/a/x"), &[], vec![]).await;
    assert_eq!((put.status, put.headers["allow"].as_str()), (405, "GET, HEAD, POST"));
    for _ in 0..10 {
        watcher.get("/a/x").await;
    }
    assert_eq!(watcher.get("/a/x").await.status, 429, "guessing is slowed");
}

async fn the_listeners_are_two(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(watcher.get(path).await.status, 404, "{path} is not public");
        let private = watcher.send(reqwest::Method::GET, &watcher.admin_url(path), &[], vec![]).await;
        assert_eq!(private.status, 200, "{path}");
    }
    for path in ["/", "/api/v1/workloads"] {
        let page = watcher.get(path).await;
        assert_eq!(page.status, 403);
        assert!(page.body.contains("auth.mode"), "{}", page.body);
    }
    let metrics = watcher.metrics().await;
    for name in ["image_watcher_build_info", "image_watcher_cluster_watch_up", "image_watcher_queue_jobs"] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
}

async fn a_terminated_watcher_drains(ctx: Ctx) {
    let watcher = ctx.watcher().start().await;
    let started = std::time::Instant::now();
    assert!(watcher.terminate().await.success(), "{}", watcher.logs());
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(watcher.logs().contains("has drained"), "{}", watcher.logs());
}
