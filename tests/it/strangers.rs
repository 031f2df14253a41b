//! What people without a credential can do at the public listener: nothing that costs others much, and nothing that tells
//! them what there is.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::strangers::{Attack, exchange, holding, strangers};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        strangers_are_answered_before_their_body,
        known_and_unknown_sources_answer_alike,
        strangers_take_no_memory,
        empty_events_take_no_memory,
        paths_that_people_type_reach_their_source,
        another_senders_delivery_is_named,
        bad_events_spoil_no_good_ones,
        a_body_that_stops_at_every_byte_is_answered,
        held_connections_keep_nobody_out,
        held_connections_keep_no_probe_out,
        one_senders_bodies_keep_nobody_out,
    ]
}

const BEARER: (&str, &str) = ("Authorization", "Bearer registry-token");
const MIB: u64 = 1024 * 1024;

fn push(repository: &str, host: &str, id: usize) -> serde_json::Value {
    json!({"id": id.to_string(), "timestamp": "2026-01-01T00:00:00Z", "action": "push", "request": {"host": host},
        "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "repository": repository, "tag": "1"}})
}

fn delivery(id: usize) -> String {
    json!({"events": [push("nobody/image", "registry.test", id)]}).to_string()
}

/// A source whose credential is a header, and one that signs bodies, beside the one that is always there.
async fn with_sources(ctx: &Ctx) -> Watcher {
    ctx.watcher().unconnected().env("IMAGE_WATCHER_CONFIG", sources(ctx)).start().await
}

fn sources(ctx: &Ctx) -> String {
    let secret = ctx.file("secret", "s3cret\n");
    let auth = format!("auth: {{ secretFiles: ['{}'] }}", secret.to_string_lossy());
    let text = format!(
        "sources:\n- {{ name: hub, kind: dockerhub, {auth} }}\n- {{ name: signed, kind: github, {auth} }}\n- {{ name: nexus, kind: nexus, registryHost: registry.test, {auth} }}\n"
    );
    ctx.file("config.yaml", &text).to_string_lossy().into_owned()
}

/// Such a service that has asked about an update, and the path of the link that it sent.
async fn asking(ctx: &Ctx) -> (Watcher, String) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", sources(ctx)).start().await;
    web.push(Image::new("1.0.1")).await;
    let links = ctx.mailbox().wait_for_mail("1.0.1").await.links();
    let link = links.iter().find_map(|link| link.find("/a/").map(|at| link[at..].to_owned()));
    (watcher, link.expect("a link in the mail"))
}

async fn strangers_are_answered_before_their_body(ctx: Ctx) {
    let watcher = with_sources(&ctx).await;
    let head = "HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n";
    for source in ["distribution", "hub?token=wrong", "signed", "nobody"] {
        let announced = format!("POST /webhooks/{source} {head}Content-Length: 1000000\r\n\r\n");
        let answer = exchange(watcher.port(), announced.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{source}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{source}: {answer}");
    }
    // Chunks that go on behind the answer are not read for ever.
    let mut stream = TcpStream::connect(("127.0.0.1", watcher.port())).await.expect("a connection");
    let chunked = format!("POST /webhooks/distribution {head}Transfer-Encoding: chunked\r\n\r\n");
    stream.write_all(chunked.as_bytes()).await.expect("a head");
    let (mut reading, mut writing) = stream.split();
    let endless = async {
        while writing.write_all(b"1\r\nx\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answered = async {
        let mut answer = Vec::new();
        let _ = reading.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let both = async { tokio::join!(endless, answered).1 };
    let answer = tokio::time::timeout(Duration::from_secs(30), both).await.expect("the connection ends");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

async fn known_and_unknown_sources_answer_alike(ctx: Ctx) {
    let watcher = with_sources(&ctx).await;
    let signature = format!("X-Hub-Signature-256: sha256={}\r\n", "0".repeat(64));
    let small = "Content-Length: 2\r\n\r\n{}";
    let cases = [
        ("POST", "", "", "\r\n"),
        ("POST", "", "Authorization: Basic dTpw\r\n", small),
        ("POST", "", "X-Hub-Signature-256: x\r\n", small),
        ("POST", "", &signature, small),
        ("POST", "", "", "Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}"),
        ("POST", "", &signature, "Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}"),
        ("POST", "", "", "Content-Length: 9999999\r\n\r\n"),
        ("POST", "", &signature, "Content-Length: 9999999\r\n\r\n"),
        ("POST", "", &signature, "Content-Length: 9\r\n\r\n{}"),
        ("POST", "", &signature, "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        ("POST", "", "Authorization: Bearer wrong\r\n", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ("POST", "/", "", small),
        ("POST", "/token", "", small),
        ("POST", "/a/b", "", small),
        ("POST", "?token=wrong", "", small),
        ("GET", "", "", "\r\n"),
        ("GET", "?payload=%7B%7D", &signature, "\r\n"),
        ("OPTIONS", "", "WebHook-Request-Origin: x\r\n", "\r\n"),
        ("PUT", "", "", small),
        ("HEAD", "", "", "\r\n"),
    ];
    let answer = async |source: &str, (method, suffix, credential, rest): (&str, &str, &str, &str)| {
        let head = format!("{method} /webhooks/{source}{suffix} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        let answer = exchange(watcher.port(), format!("{head}{credential}{rest}").as_bytes()).await;
        answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
    };
    // Side by side, and fewer than are answered 401.
    let compared = cases.map(|case| {
        let answer = &answer;
        async move {
            let of = |source| answer(source, case);
            let answers = [of("nobody"), of("distribution"), of("hub"), of("signed"), of("nexus")];
            (case, futures_util::future::join_all(answers).await)
        }
    });
    for (case, answers) in futures_util::future::join_all(compared).await {
        assert!(answers[0].starts_with("HTTP/1.1 4"), "{case:?}: {}", answers[0]);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{case:?}: {answers:#?}");
    }
    // When there were many, all are told to wait, also those that nobody asked before.
    for _ in 0..200 {
        answer("nobody", cases[0]).await;
    }
    for source in ["nobody", "hub"] {
        let told = answer(source, cases[0]).await;
        assert!(told.starts_with("HTTP/1.1 429 "), "{source}: {told}");
    }
}

async fn strangers_take_no_memory(ctx: Ctx) {
    let watcher = with_sources(&ctx).await;
    for id in 0..50 {
        assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], delivery(id)).await.status, 200);
    }
    let before = watcher.rss();
    let attacks = [
        (300, Attack::SignedBody(900_000), "signed"),
        (300, Attack::SignedBody(900_000), "nobody"),
        (300, Attack::Body(900_000), "distribution"),
        (300, Attack::Chunks(900_000), "signed"),
        (4096, Attack::Head(60_000), "distribution"),
        (4096, Attack::SignedBody(30_000), "signed"),
        (1000, Attack::Answered, ""),
        (10_000, Attack::Silent, ""),
    ];
    for (at, (count, attack, source)) in attacks.into_iter().enumerate() {
        let _held = strangers(watcher.port(), count, attack, source).await;
        let grown = watcher.rss().saturating_sub(before);
        assert!(grown < 64 * MIB, "{count} × {attack:?}: {} MiB more", grown / MIB);
        // By a connection of its own, as somebody who comes anew.
        let body = delivery(1000 + at);
        let head = "POST /webhooks/distribution HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer registry-token";
        let good = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = exchange(watcher.port(), good.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "others are served beside {attack:?}: {answer}");
    }
}

async fn empty_events_take_no_memory(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let send = async |body: String| watcher.post("/webhooks/distribution", &[BEARER], body).await.status;
    // A delivery as large that has no events, so that only what events cost is measured.
    assert_eq!(send(json!({"events": [], "x": "y".repeat(1_040_000)}).to_string()).await, 200);
    let before = watcher.rss();
    assert_eq!(send(format!(r#"{{"events":[{}]}}"#, vec!["{}"; 349_000].join(","))).await, 200);
    let grown = watcher.rss().saturating_sub(before);
    assert!(grown < 8 * MIB, "{} MiB for one delivery", grown / MIB);
}

async fn paths_that_people_type_reach_their_source(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().env("BASE_URL", "https://ops.example.com/iw").start().await;
    let status = async |path: &str, id| watcher.post(path, &[BEARER], delivery(id)).await.status;
    let paths =
        ["/webhooks/distribution", "/webhooks/distribution/", "//webhooks//distribution", "/iw/webhooks/distribution/"];
    for (id, path) in paths.into_iter().enumerate() {
        assert_eq!(status(path, id).await, 200, "{path}");
    }
    assert_eq!(watcher.get("/iw/a/token").await.status, watcher.get("/a/token").await.status);
    for path in ["/iw/elsewhere", "/webhook/distribution", "/hooks/distribution", "/distribution", "/"] {
        assert_eq!(status(path, 10).await, 404, "{path}");
    }
    assert_eq!(watcher.get("/elsewhere").await.status, 404);
    assert_eq!(watcher.post("/iw/webhooks/distribution", &[], delivery(11)).await.status, 401);
    for (path, expected) in [
        ("/webhooks", 404),
        ("/webhooks/", 404),
        ("/webhooks/a/b/c", 404),
        ("/webhooks/registry", 401),
        ("/iw/webhooks", 404),
    ] {
        assert_eq!(status(path, 12).await, expected, "{path}");
    }
    let missed = async |result: &str| {
        watcher.metric(&format!("image_watcher_webhook_misses_total{{result=\"{result}\"}}")).await
    };
    assert_eq!((missed("path").await, missed("source").await), (Some(4.0), Some(1.0)));
    assert_eq!(missed("route").await, Some(5.0));
    assert_eq!(watcher.logs().matches("webhooks came for a path that no source has").count(), 1, "told once a minute");
}

async fn another_senders_delivery_is_named(ctx: Ctx) {
    let watcher = with_sources(&ctx).await;
    let harbor = json!({"type": "PUSH_ARTIFACT", "event_data": {"resources": []}}).to_string();
    let wrong = watcher.post("/webhooks/hub?token=wrong", &[], harbor.clone()).await;
    assert_eq!((wrong.status, wrong.body.contains("Harbor")), (401, false), "strangers are told nothing");
    let answer = watcher.post("/webhooks/hub?token=s3cret", &[], harbor.clone()).await;
    let told = "this looks like what Harbor sends; this source is of kind dockerhub";
    assert_eq!((answer.status, answer.json()["detail"].as_str()), (400, Some(told)));
    assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], harbor).await.status, 400);
    watcher.wait_for_log("this looks like what Harbor sends").await;
    let refusal = async |name: &str| {
        let url = watcher.admin_url("/api/v1/sources");
        let sources = watcher.send(reqwest::Method::GET, &url, &[], Vec::new()).await.json();
        let source = sources["items"].as_array().expect("sources").iter().find(|item| item["name"] == name);
        source.expect("the source")["lastRefusal"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refusal("hub").await, told);
    let cases = [
        (vec![], "the credential is missing"),
        (vec![("Authorization", "Basic dTpw")], "the credential is of another scheme than this source expects"),
        (vec![("Authorization", "Bearer wrong")], "the credential matches no secret of this source"),
    ];
    for (headers, reason) in cases {
        assert_eq!(watcher.post("/webhooks/distribution", &headers, "{}").await.status, 401);
        assert_eq!(refusal("distribution").await, reason);
        watcher.wait_for_log(reason).await;
    }
    assert!(!watcher.logs().contains("dTpw"));
}

async fn bad_events_spoil_no_good_ones(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().unconnected().start().await;
    let good = push(web.name(), ctx.registry().host(), 1);
    let (mut nowhere, mut climbing) = (good.clone(), good.clone());
    nowhere["request"] = json!({});
    climbing["target"]["repository"] = json!("../../v2");
    let body = json!({"events": [nowhere, climbing, {}, 7, good]}).to_string();
    assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 202, "the good one is stored");
    for body in [json!({}), json!({"events": [{}]}), json!({"events": [climbing]})] {
        let answer = watcher.post("/webhooks/distribution", &[BEARER], body.to_string()).await;
        assert_eq!(answer.status, 200, "it would come for ever: {body}");
    }
    let passed_over = watcher.metric(r#"image_watcher_webhook_passed_over_total{source="distribution"}"#).await;
    assert_eq!(passed_over, Some(7.0));
    watcher.wait_for_log("are passed over").await;
}

async fn a_body_that_stops_at_every_byte_is_answered(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let body = delivery(1);
    let head = "POST /webhooks/distribution HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer registry-token\r\n";
    let whole = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let stopped = (0..whole.len()).map(|length| {
        let (port, bytes) = (watcher.port(), whole.as_bytes()[..length].to_vec());
        async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
            stream.write_all(&bytes).await.expect("a part");
            stream.shutdown().await.expect("an end");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        }
    });
    for (length, answer) in futures_util::future::join_all(stopped).await.into_iter().enumerate() {
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "after {length} bytes: {answer}");
    }
    assert_eq!(watcher.post("/webhooks/distribution", &[BEARER], body).await.status, 200);
}

/// A request on a connection of its own, as from somebody who comes anew.
async fn anew(port: u16, line: &str, headers: &str, body: &str) -> String {
    let head = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}");
    let answer = exchange(port, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn held_connections_keep_nobody_out(ctx: Ctx) {
    let (watcher, link) = asking(&ctx).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let bearer = "Authorization: Bearer registry-token\r\n";
    let request = |line: &str, headers: &str, body: &str| {
        format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}G", body.len()).into_bytes()
    };
    let press = format!("POST {link}");
    let nonsense = request(&press, form, "action=nonsense");
    let unfinished = request(&press, form, "action=approv").strip_suffix(b"G").expect("a form").to_vec();
    let unfinished = String::from_utf8(unfinished).expect("text").replace("Content-Length: 13", "Content-Length: 14");
    let right = request("POST /webhooks/distribution", bearer, &delivery(1));
    let reach_it = async |during: &str, id: usize| {
        let delivered = anew(watcher.port(), "POST /webhooks/distribution", bearer, &delivery(id)).await;
        assert_eq!(delivered, "HTTP/1.1 200 OK", "a webhook beside {during}");
        let opened = anew(watcher.port(), &format!("GET {link}"), "", "").await;
        assert_eq!(opened, "HTTP/1.1 200 OK", "a link beside {during}");
    };
    let _held = holding(watcher.port(), 640, &nonsense).await;
    reach_it("an open link's words that are none", 12).await;
    let _held = holding(watcher.port(), 640, &right).await;
    reach_it("right deliveries that begin another", 11).await;
    let _held = holding(watcher.port(), 640, unfinished.as_bytes()).await;
    reach_it("an open link's forms that don't end", 13).await;
    assert_eq!(watcher.post_form(&link, &[("action", "skip")]).await.status, 303);
    let _held = holding(watcher.port(), 640, &nonsense).await;
    reach_it("a used-up link's words that are none", 14).await;
}

async fn held_connections_keep_no_probe_out(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    for path in ["/livez", "/metrics"] {
        let held = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\nG");
        let _held = holding(watcher.admin_port(), 320, held.as_bytes()).await;
        let alive = anew(watcher.admin_port(), "GET /livez", "", "").await;
        assert_eq!(alive, "HTTP/1.1 200 OK", "beside {path}");
    }
}

async fn one_senders_bodies_keep_nobody_out(ctx: Ctx) {
    let (watcher, link) = asking(&ctx).await;
    let head = "POST /webhooks/distribution HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer registry-token\r\n";
    let mut body = format!("{head}Content-Length: 1048576\r\n\r\n").into_bytes();
    body.resize(body.len() + 1_048_570, b' ');
    let mut held = Vec::new();
    eventually("the sender itself is told to wait", async || {
        let mut stream = TcpStream::connect(("127.0.0.1", watcher.port())).await.expect("a connection");
        let _ = stream.write_all(&body).await;
        held.push(stream);
        let answer = watcher.post("/webhooks/distribution", &[BEARER], delivery(1)).await;
        (answer.status == 503).then_some(())
    })
    .await;
    let hub = json!({"push_data": {"tag": "1"}, "repository": {"repo_name": "nobody/image"}}).to_string();
    assert_eq!(watcher.post("/webhooks/hub?token=s3cret", &[], hub).await.status, 200, "another source");
    assert_eq!(watcher.post_form(&link, &[("action", "nonsense")]).await.status, 400, "a link");
}
