//! What `doctor` says while something does not work: it never says that all is well. And whom `check` waits for.

use std::sync::Arc;

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::registry;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Server};
use crate::harness::wait::eventually;
use crate::harness::watcher::{Output, Watcher};

pub(crate) fn tests() -> Vec<Test> {
    tests![
        a_registry_that_does_not_answer_fails,
        messages_that_do_not_arrive_fail,
        a_secret_that_was_rotated_is_told,
        a_data_folder_that_takes_nothing_fails,
        check_asks_hosts_side_by_side,
    ]
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    let [port] = crate::harness::process::free_ports::<1>();
    port
}

/// As in the pod of a service that runs.
async fn doctor(ctx: &Ctx, watcher: &Watcher) -> Output {
    ctx.watcher().mail().ports([watcher.port(), watcher.admin_port()]).output(&["doctor"]).await
}

/// The line about something, with its remedy.
fn line<'o>(doctor: &'o Output, about: &str) -> (&'o str, &'o str) {
    let mut lines = doctor.stdout.lines();
    let line = lines.find(|line| line.contains(about)).unwrap_or_else(|| panic!("no {about}:\n{}", doctor.stdout));
    (line, lines.next().unwrap_or_default())
}

async fn a_registry_that_does_not_answer_fails(ctx: Ctx) {
    let gone = format!("127.0.0.1:{}", closed_port());
    for n in 0..4 {
        ctx.watched(&format!("gone-{n}"), format!("{gone}/gone-{n}:1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    }
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "AUTO_UPDATE")]).await;
    let plain = format!("{},{gone}", ctx.registry().host());
    let watcher = ctx.watcher().env("IMAGE_WATCHER_PLAIN_HTTP", plain).env("RUN_ON_BOOT", "TRUE").start().await;
    let (doctor, line) = eventually("all four are told", async || {
        let doctor = doctor(&ctx, &watcher).await;
        let line = doctor.stdout.lines().find(|line| line.contains(&format!("{gone}: 4 of 4")))?.to_owned();
        Some((doctor, line))
    })
    .await;
    assert!(line.starts_with("  FAIL  ") && line.contains("repositories can't be looked at; the last, "), "{line}");
    assert_eq!(doctor.code(), Some(1), "{}", doctor.stdout);
    let (other, _) = self::line(&doctor, &format!("  {}: ", ctx.registry().host()));
    assert!(other.starts_with("  ok    "), "{other}");
}

async fn messages_that_do_not_arrive_fail(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let asks = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let closed = format!("smtp://127.0.0.1:{}?tls=none", closed_port());
    let watcher = ctx.watcher().mail().env("SMTP_URL", closed).start().await;
    let before = doctor(&ctx, &watcher).await;
    assert!(line(&before, "told by email").0.starts_with("  set   "), "nothing was tried:\n{}", before.stdout);
    web.push(Image::new("1.0.1")).await;
    let told = eventually("the message that waits is told", async || {
        let doctor = doctor(&ctx, &watcher).await;
        doctor.stdout.contains("email: 1 message waits; the last, about").then_some(doctor)
    })
    .await;
    let (said, remedy) = line(&told, "email: 1 message waits");
    assert!(said.starts_with("  FAIL  ") && said.contains("/deploy/web: "), "{said}");
    assert!(remedy.contains("remedy  look at SMTP_URL"), "{remedy}");
    assert_eq!(told.code(), Some(1));
    drop(asks);
}

async fn a_secret_that_was_rotated_is_told(ctx: Ctx) {
    let watcher = ctx.watcher().unconnected().start().await;
    let bearer = format!("Bearer {}", registry::TOKEN);
    let body = r#"{"events": []}"#;
    let post =
        async |secret: &str| watcher.post("/webhooks/distribution", &[("Authorization", secret)], body).await.status;
    assert_eq!(post(&bearer).await, 200);
    let good = doctor(&ctx, &watcher).await;
    assert!(line(&good, "distribution: last delivery").0.starts_with("  ok    "), "{}", good.stdout);
    assert_eq!(post("Bearer another").await, 401);
    let bad = doctor(&ctx, &watcher).await;
    let (said, remedy) = line(&bad, "distribution: the last delivery was refused");
    assert!(said.starts_with("  warn  ") && remedy.contains("compare the registry's secret"), "{}", bad.stdout);
    assert_eq!(post(&bearer).await, 200);
    let mended = doctor(&ctx, &watcher).await;
    assert!(line(&mended, "distribution: last delivery").0.starts_with("  ok    "), "{}", mended.stdout);
}

async fn a_data_folder_that_takes_nothing_fails(ctx: Ctx) {
    let file = ctx.file("no-folder", "");
    let doctor = ctx.watcher().env("IMAGE_WATCHER_DATA", file.display().to_string()).output(&["doctor"]).await;
    let (said, remedy) = line(&doctor, "data folder ");
    assert!(said.starts_with("  FAIL  ") && remedy.contains("remedy  name another folder"), "{}", doctor.stdout);
    assert_eq!(doctor.code(), Some(1));
}

/// Each of two registries answers when both were asked.
async fn check_asks_hosts_side_by_side(ctx: Ctx) {
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let registry = || {
        let both = Arc::clone(&both);
        Server::start(Arc::new(move |_| {
            let both = Arc::clone(&both);
            Box::pin(async move {
                both.wait().await;
                Answer::status(200).body(r#"{"name": "web", "tags": ["1.0.0"]}"#)
            })
        }))
    };
    let registries = [registry(), registry()];
    let hosts: Vec<String> = registries.iter().map(|registry| format!("127.0.0.1:{}", registry.port)).collect();
    for (n, host) in hosts.iter().enumerate() {
        ctx.watched(&format!("web-{n}"), format!("{host}/web:1.0.0"), &[("mode", "NOTIFICATION")]).await;
    }
    let check = ctx.watcher().unconnected().env("IMAGE_WATCHER_PLAIN_HTTP", hosts.join(","));
    let check = check.output(&["check", "-n", ctx.namespace()]).await;
    assert_eq!(check.stdout.matches("up to date").count(), 2, "{}{}", check.stdout, check.stderr);
    assert!(check.stderr.contains(&format!("asked by plain http: {}", hosts.join(", "))), "{}", check.stderr);
    assert!(!check.stderr.contains("asking "), "progress is for terminals: {}", check.stderr);
}
