//! Deliveries of many kinds through the real route: what they start, what is not started twice, what is refused, and what
//! is missed.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::switchboard::Delivery;
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        sources_of_the_file_start_looks,
        a_delivery_that_comes_again_is_not_taken_twice,
        a_burst_is_two_looks,
        a_flood_of_wrong_credentials_is_limited_alone,
        a_source_has_a_rate,
        an_unknown_repository_leaves_nothing,
        a_delivery_of_many_images_is_told_of_those_that_run_here,
        a_webhook_that_went_silent_is_noticed,
        a_restart_loses_no_notification,
        a_bad_file_is_told_whole,
        broken_requests_are_answered_or_closed,
        strange_json_is_refused_and_nothing_breaks,
        a_slow_sender_holds_up_nobody,
    ]
}

/// Writes a configuration with these sources; `SECRET` in it is the path of a file that holds `s3cret`.
fn configured(ctx: &Ctx, sources: &str) -> String {
    let secret = ctx.file("secret", "s3cret\n");
    let text = format!("sources:\n{}", sources.replace("SECRET", &secret.to_string_lossy()));
    ctx.file("config.yaml", &text).to_string_lossy().into_owned()
}

async fn results(watcher: &Watcher, source: &str, result: &str) -> f64 {
    let series = format!("image_watcher_webhook_requests_total{{source=\"{source}\",result=\"{result}\"}}");
    watcher.metric(&series).await.unwrap_or(0.0)
}

fn signed(body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(b"s3cret").expect("a key").chain_update(body);
    mac.finalize().into_bytes().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

async fn sources_of_the_file_start_looks(ctx: Ctx) {
    let host = ctx.registry().host().to_owned();
    let names = ["quay", "harbor", "native", "gitea", "nexus", "zot", "artifactory"];
    let mut deployments = Vec::new();
    for name in names {
        let repository = ctx.repository(name);
        repository.push(Image::new("1.0.0")).await;
        let deployment = ctx.watched(name, repository.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
        deployments.push((repository, deployment));
    }
    let config = configured(
        &ctx,
        &format!(
            "- {{ name: quay, kind: quay, auth: {{ scheme: path-token, secretFiles: [SECRET] }} }}\n\
             - {{ name: harbor, kind: harbor, auth: {{ secretFiles: [SECRET] }} }}\n\
             - {{ name: native, kind: native, auth: {{ scheme: basic, secretFiles: [SECRET] }} }}\n\
             - {{ name: gitea, kind: gitea, auth: {{ secretFiles: [SECRET] }} }}\n\
             - {{ name: nexus, kind: nexus, auth: {{ scheme: bearer, secretFiles: [SECRET] }}, registryHost: '{host}' }}\n\
             - {{ name: zot, kind: zot, auth: {{ scheme: header-token, tokenHeader: X-Zot, secretFiles: [SECRET] }}, registryHost: '{host}' }}\n\
             - {{ name: artifactory, kind: artifactory, auth: {{ secretFiles: [SECRET] }}, hostTemplate: '{host}' }}\n",
        ),
    );
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config).start().await;
    for (repository, _) in &deployments {
        repository.push(Image::new("1.0.1").label("build", "2")).await;
    }
    let path = |at: usize| deployments[at].0.name().to_owned();
    let of = |at: usize| format!("{host}/{}", path(at));
    let body = json!({"docker_url": of(0), "updated_tags": ["1.0.1"]}).to_string();
    assert_eq!(watcher.post("/webhooks/quay/s3cret", &[], body).await.status, 202);
    let resource = json!({"tag": "1.0.1", "resource_url": format!("{}:1.0.1", of(1))});
    let body = json!({"type": "PUSH_ARTIFACT", "occur_at": 1, "event_data": {"resources": [resource]}}).to_string();
    assert_eq!(watcher.post("/webhooks/harbor", &[("Authorization", "s3cret")], body).await.status, 202);
    let body = json!({"name": of(2), "tag": "1.0.1"}).to_string();
    assert_eq!(watcher.post("/webhooks/native", &[("Authorization", "Basic dTpw")], body.clone()).await.status, 401);
    assert_eq!(watcher.post("/webhooks/native", &[("Authorization", "Basic czNjcmV0")], body).await.status, 202);
    let (owner, name) =
        of(3).rsplit_once('/').map(|(owner, name)| (owner.to_owned(), name.to_owned())).expect("a path");
    let owner = owner.rsplit('/').next().expect("a name").to_owned();
    let package = json!({"type": "container", "name": name, "version": "1.0.1", "owner": {"login": owner},
        "html_url": format!("http://{host}/x")});
    let body = json!({"action": "created", "package": package}).to_string();
    let headers = [("X-Gitea-Event", "package"), ("X-Gitea-Signature", &*signed(&body))];
    assert_eq!(watcher.post("/webhooks/gitea", &headers, body).await.status, 202);
    let component = json!({"format": "docker", "name": path(4), "version": "1.0.1"});
    let body = json!({"action": "CREATED", "repositoryName": "x", "component": component}).to_string();
    assert_eq!(watcher.post("/webhooks/nexus", &[("Authorization", "Bearer s3cret")], body).await.status, 202);
    let headers = [
        ("X-Zot", "s3cret"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "z"),
        ("ce-type", "zotregistry.image.updated"),
    ];
    let body = json!({"name": path(5), "reference": "1.0.1"}).to_string();
    assert_eq!(watcher.post("/webhooks/zot", &headers, body).await.status, 202);
    let data = json!({"repo_key": "k", "path": format!("{}/1.0.1/manifest.json", path(6)), "name": "manifest.json", "tag": "1.0.1"});
    let body = json!({"domain": "docker", "event_type": "pushed", "data": data}).to_string();
    assert_eq!(
        watcher.post("/webhooks/artifactory", &[("X-JFrog-Event-Auth", &*signed(&body))], body).await.status,
        202
    );
    for (name, (repository, deployment)) in names.iter().zip(&deployments) {
        let digest = repository.digest("1.0.1").await.expect("it was pushed");
        deployment.wait_for_image(name, &format!("{}@{digest}", repository.reference("1.0.1"))).await;
    }
    let sources =
        watcher.send(reqwest::Method::GET, &watcher.admin_url("/api/v1/sources"), &[], Vec::new()).await.json();
    let harbor = sources["items"].as_array().and_then(|items| items.iter().find(|item| item["name"] == "harbor"));
    assert_eq!(harbor.expect("the source")["counts"]["accepted"], 1, "{sources}");
    assert_eq!(watcher.get("/api/v1/sources").await.status, 403, "nothing without sign-in on the public listener");
}

/// An envelope of CNCF Distribution as the registry writes it.
fn envelope(host: &str, repository: &str, id: &str) -> String {
    json!({"events": [{"id": id, "timestamp": "2026-01-01T00:00:00Z", "action": "push", "request": {"host": host},
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": "1"}}]})
    .to_string()
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");

async fn a_delivery_that_comes_again_is_not_taken_twice(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let image = web.reference("1.0.0");
    ctx.watched("web", image, &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().start().await;
    let (host, name) = (ctx.registry().host().to_owned(), web.name().to_owned());
    let post = async |body: String| watcher.post("/webhooks/distribution", &[BEARER], body).await.status;
    assert_eq!(post(envelope(&host, &name, "1")).await, 202);
    assert_eq!(post(envelope(&host, &name, "1")).await, 200, "the same delivery");
    assert_eq!(post(envelope(&host, &name, "2")).await, 202, "another one");
    let plain = envelope(&host, &name, "3").replace("timestamp", "when");
    assert_eq!((post(plain.clone()).await, post(plain).await), (202, 202), "nothing says that it is the same");
    assert!(results(&watcher, "distribution", "duplicate").await >= 1.0);
}

/// The first hint acts at once; what comes within a second of its look makes one look more.
async fn a_burst_is_two_looks(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let image = web.reference("1.0.0");
    ctx.watched("web", image, &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().start().await;
    let looks = async || watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await;
    let (host, name) = (ctx.registry().host().to_owned(), web.name().to_owned());
    let before = looks().await.unwrap_or_default();
    let started = tokio::time::Instant::now();
    for n in 0..40 {
        let body = envelope(&host, &name, &n.to_string());
        assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 202);
        if n == 0 {
            eventually("the first look", async || looks().await.filter(|count| *count > before)).await;
        }
    }
    let seconds = started.elapsed().as_secs_f64().ceil();
    let jobs = async |state: &str| {
        watcher.metric(&format!("image_watcher_queue_jobs{{state=\"{state}\"}}")).await.unwrap_or_default()
    };
    eventually("the last look", async || {
        let is_idle = jobs("ready").await + jobs("leased").await == 0.0;
        (looks().await? > before + 1.0 && is_idle).then_some(())
    })
    .await;
    let made = looks().await.unwrap_or_default() - before;
    assert!(made <= 2.0 + seconds, "{made} looks for a burst of less than {seconds} s");
}

async fn a_flood_of_wrong_credentials_is_limited_alone(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let body = envelope("registry.test", "web", "1");
    let mut answers = Vec::new();
    for _ in 0..150 {
        let answer = watcher.post("/webhooks/distribution", &[("Authorization", "Bearer x")], body.clone()).await;
        answers.push((answer.status, answer.headers.contains_key("retry-after")));
    }
    assert!(answers.iter().take(100).all(|answer| *answer == (401, false)));
    assert!(answers.contains(&(429, true)), "then they are told to wait");
    let good = watcher.post("/webhooks/distribution", &[BEARER], body).await;
    assert_eq!(good.status, 200, "a good sender behind the same address is served");
    let told = watcher.logs().matches("a delivery was refused").count();
    assert!(told <= 130, "{told} lines for 150 refusals");
}

async fn a_source_has_a_rate(ctx: Ctx) {
    let sources = "- { name: ci, kind: native, auth: { secretFiles: [SECRET] }, limits: { perSecond: 1, burst: 2 } }";
    let config = configured(&ctx, sources);
    let watcher = ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", config).start().await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        let body = json!({"name": "registry.test/web", "tag": n.to_string()}).to_string();
        let answer = watcher.post("/webhooks/ci", &[("Authorization", "Bearer s3cret")], body).await;
        statuses.push(answer.status);
        assert_eq!(answer.headers.contains_key("retry-after"), answer.status == 429);
    }
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

/// A registry that tells of all its images at once: the log tells of those of which something follows.
async fn a_delivery_of_many_images_is_told_of_those_that_run_here(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().start().await;
    let host = ctx.registry().host();
    let one = |name: &str| -> serde_json::Value {
        let body: serde_json::Value = serde_json::from_str(&envelope(host, name, "1.0.1")).expect("an envelope");
        body["events"][0].clone()
    };
    let events: Vec<_> = (0..20).map(|n| one(&format!("nobody/{n}"))).chain([one(web.name())]).collect();
    let body = json!({ "events": events }).to_string();
    assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 202);
    watcher.wait_for_log("a push was announced").await;
    let told = watcher.logs().lines().filter(|line| line.contains("a push was announced")).count();
    assert_eq!(told, 1, "{}", watcher.logs());
}

async fn an_unknown_repository_leaves_nothing(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    for n in 0..50 {
        let body = envelope("registry.test", &format!("nobody/{n}"), "1");
        assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 200);
    }
    let other = rusqlite::Connection::open(watcher.data().join("queue.db")).expect("the queue's file");
    let jobs: i64 = other.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).expect("a count");
    assert_eq!(jobs, 0);
}

async fn a_webhook_that_went_silent_is_noticed(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let watcher = ctx.watcher().env("IMAGE_WATCHER_SCHEDULE", "* * * * * *").start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    let missed = r#"image_watcher_webhook_missed_total{source="distribution"}"#;
    assert_eq!(watcher.metric(missed).await, Some(0.0), "it was announced");
    // Somebody switches the registry's notifications off.
    ctx.notifications(Delivery::Lost);
    // What was announced a moment ago is not held against it: some looks have to pass.
    let looks = async || watcher.metric("image_watcher_reconcile_duration_seconds_count{result=\"ok\"}").await;
    let before = looks().await.unwrap_or_default();
    eventually("looks of the schedule", async || looks().await.filter(|count| *count >= before + 3.0)).await;
    for patch in 2..=4 {
        let tag = format!("1.0.{patch}");
        let digest = web.push(Image::new(&tag).label("build", &tag)).await;
        deployment.wait_for_image("web", &format!("{}@{digest}", web.reference(&tag))).await;
        let count = f64::from(patch - 1);
        eventually("another missed push", async || watcher.metric(missed).await.filter(|seen| *seen >= count)).await;
    }
    watcher.wait_for_log("this webhook seems dead").await;
    let admin = reqwest::Url::parse(&watcher.admin_url("/")).expect("a URL").port().expect("a port");
    let doctor = ctx.watcher().ports([watcher.port(), admin]).output(&["doctor"]).await;
    assert_eq!(doctor.code(), Some(1), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("3 pushes were found before a delivery told of them"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("workloads are watched, 1 of them"), "{}", doctor.stdout);
}

async fn a_restart_loses_no_notification(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let mut watcher = ctx.watcher().start().await;
    watcher.kill9().await;
    // Pushed while nobody listens: the registry tries again until somebody does.
    let digest = web.push(Image::new("1.0.1")).await;
    watcher.restart().await;
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
}

async fn a_bad_file_is_told_whole(ctx: Ctx) {
    let config = configured(
        &ctx,
        "- { name: Hub, kind: dockerhub, auth: { secretFiles: [SECRET] } }\n- { name: q, kind: kwai }\ncolour: red\nlogLevel: LOUD\n",
    );
    let output = ctx.watcher().env("IMAGE_WATCHER_CONFIG", config).output(&["serve"]).await;
    assert_eq!(output.code(), Some(78));
    for part in ["sources[0].name", "sources[1].kind", "colour", "logLevel"] {
        assert!(output.stderr.contains(part), "{part} in {}", output.stderr);
    }
}

/// Sends raw bytes; the status of the answer, or none when the other side closes.
async fn raw(port: u16, parts: &[&[u8]], pause: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    for part in parts {
        // The other side may have answered and closed already.
        let _ = stream.write_all(part).await;
        tokio::time::sleep(pause).await;
    }
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
    read.unwrap_or_else(|_| {
        panic!("neither an answer nor an end to {:?}", String::from_utf8_lossy(parts[parts.len() - 1]))
    })
    .ok()?;
    String::from_utf8_lossy(&answer).get(9..12)?.parse().ok()
}

async fn broken_requests_are_answered_or_closed(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let head = "POST /webhooks/distribution HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer registry-token\r\nConnection: close\r\n";
    let many = (0..200).map(|n| format!("X-{n}: x\r\n")).collect::<Vec<_>>().concat();
    let large = format!("X-Large: {}\r\n", "x".repeat(200 * 1024));
    let cases = [
        ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "two lengths"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "length and chunks"),
        ("Content-Length: -1\r\n\r\n", "a negative length"),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk without size"),
        ("X-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}", "NUL in a header"),
        (&*format!("{many}Content-Length: 2\r\n\r\n{{}}"), "200 headers"),
        (&*format!("{large}Content-Length: 2\r\n\r\n{{}}"), "200 KiB of headers"),
    ];
    for (rest, what) in cases {
        let status = raw(watcher.port(), &[head.as_bytes(), rest.as_bytes()], Duration::ZERO).await;
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{what}: {status:?}");
    }
    let endless = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("20000\r\n{}\r\n", "x".repeat(0x20000));
    let mut parts = vec![endless.as_bytes()];
    parts.extend(std::iter::repeat_n(chunk.as_bytes(), 9));
    assert!(matches!(raw(watcher.port(), &parts, Duration::ZERO).await, Some(413) | None), "chunks beyond the bound");
    let good = watcher.post("/webhooks/distribution", &[BEARER], envelope("registry.test", "web", "1")).await;
    assert_eq!(good.status, 200, "and it goes on");
}

async fn strange_json_is_refused_and_nothing_breaks(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let good = envelope("registry.test", "web", "1");
    let with = |field: &str| good.replacen('{', &format!("{{{field},"), 1);
    let keys: Vec<String> = (0..80_000).map(|n| format!("\"k{n}\":1")).collect();
    let cases = [
        (with("\"x\":1e400"), [200, 400]),
        (with(&format!("\"x\":{}", "9".repeat(10_000))), [200, 400]),
        (with("\"x\":\"\\u0000\""), [200, 200]),
        (with("\"x\":\"\\ud800\""), [200, 400]),
        (with("\"events\":[]"), [400, 400]),
        (with(&keys.join(",")), [200, 200]),
        (format!("\u{feff}{good}"), [200, 200]),
        (format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)), [200, 400]),
        // No repository, and a host that names no registry: the push is passed over, as the envelope would come for ever.
        (good.replace("\"web\"", "\"we\\u0000b\""), [200, 200]),
        (good.replace("\"web\"", "\"../../v2\""), [200, 200]),
        (good.replace("registry.test", "a\\nb"), [200, 200]),
    ];
    for (body, expected) in cases {
        let status = watcher.post("/webhooks/distribution", &[BEARER], body.clone()).await.status;
        assert!(expected.contains(&status), "{status} to {}", body.chars().take(80).collect::<String>());
    }
}

async fn a_slow_sender_holds_up_nobody(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let port = watcher.port();
    let idle: Vec<TcpStream> =
        futures_util::future::join_all((0..500).map(|_| TcpStream::connect(("127.0.0.1", port))))
            .await
            .into_iter()
            .filter_map(Result::ok)
            .collect();
    let head = "POST /webhooks/distribution HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer registry-token\r\n";
    let dribbling: Vec<&[u8]> = head.as_bytes().chunks(1).collect();
    let body = format!("{head}Content-Length: 1000\r\nConnection: close\r\n\r\n");
    let mut dripping = vec![body.as_bytes()];
    dripping.extend(std::iter::repeat_n(b" ".as_slice(), 14));
    let slow_head = raw(port, &dribbling[..20], Duration::from_millis(400));
    let slow_body = raw(port, &dripping, Duration::from_secs(1));
    let good = async {
        for n in 0..50 {
            let body = envelope("registry.test", "web", &n.to_string());
            assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 200);
        }
    };
    let (head, body, ()) = tokio::join!(slow_head, slow_body, good);
    assert!(matches!(head, Some(408) | None), "a head that drips: {head:?}");
    assert!(matches!(body, Some(408) | None), "a body that drips: {body:?}");
    assert_eq!(idle.len(), 500);
}
