//! What `doctor` says while something does not work: it never says that all is well. And whom `check` waits for.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

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
        channels_are_asked_and_nothing_is_sent,
        a_mail_server_that_takes_no_login_fails,
        a_mail_server_is_tried_as_far_as_its_login,
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

/// Doubles of the services' published behaviour.
async fn channels_are_asked_and_nothing_is_sent(ctx: Ctx) {
    let services = ctx.receiver();
    services.at("/api/auth.test", Answer::status(200).body(r#"{"ok":true,"user":"iw","team":"Acme"}"#));
    services.at("/bot", Answer::status(401).body(r#"{"ok":false,"description":"Unauthorized"}"#));
    services.at("/discord", Answer::status(404).body(r#"{"message":"Unknown Webhook"}"#));
    services.at("/_matrix/client/v3/joined_rooms", Answer::status(200).body(r#"{"joined_rooms":["!ops:m.example"]}"#));
    let file = |name: &str, text: &str| ctx.file(name, text).display().to_string();
    let [bot, slack, token] =
        [("bot", "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ("slack", "xoxb-1"), ("token", "syt")]
            .map(|(name, text)| file(name, text));
    let [discord, teams] = ["discord", "teams"].map(|name| file(name, &services.url(&format!("/{name}"))));
    let yaml = format!(
        "channels:\n\
         - {{ name: app, kind: slack, tokenFile: '{slack}', channel: C1, url: '{}' }}\n\
         - {{ name: bot, kind: telegram, tokenFile: '{bot}', chat: -42, url: '{}' }}\n\
         - {{ name: guild, kind: discord, urlFile: '{discord}' }}\n\
         - {{ name: room, kind: matrix, tokenFile: '{token}', room: '!ops:m.example', url: '{}' }}\n\
         - {{ name: team, kind: teams, urlFile: '{teams}' }}\n",
        services.url("/api"),
        services.url(""),
        services.url("")
    );
    let config = ctx.file("config.yaml", &yaml).display().to_string();
    let doctor = ctx.watcher().mail().env("IMAGE_WATCHER_CONFIG", config).output(&["doctor"]).await;
    for (about, start) in [
        ("app: its app is iw in Acme", "  ok    "),
        ("bot: Telegram knows no bot of this token", "  FAIL  "),
        ("guild: Discord knows no such webhook", "  FAIL  "),
        ("room: its account is in the room", "  ok    "),
        ("team: whether it takes messages shows only when one is sent", "  set   "),
        ("email: the mail server asks for no login", "  ok    "),
    ] {
        assert!(line(&doctor, about).0.starts_with(start), "{about}:\n{}", doctor.stdout);
    }
    assert_eq!(doctor.code(), Some(1));
    let asked: Vec<String> = services.requests().iter().map(|one| one.path.clone()).collect();
    assert!(
        !asked.iter().any(|path| path.contains("Message") || path.contains("/send/")) && asked.len() == 4,
        "{asked:?}"
    );
    assert!(!doctor.stdout.contains("AAAAAAAA") && !doctor.stdout.contains("xoxb"), "{}", doctor.stdout);
}

async fn a_mail_server_that_takes_no_login_fails(ctx: Ctx) {
    let closed = format!("smtp://127.0.0.1:{}?tls=none", closed_port());
    let doctor = ctx.watcher().mail().env("SMTP_URL", closed).output(&["doctor"]).await;
    let (said, remedy) = line(&doctor, "email: the mail server can't be reached");
    assert!(said.starts_with("  FAIL  ") && remedy.contains("remedy  "), "{said} {remedy}");
    assert_eq!(doctor.code(), Some(1));
}

/// A mail server that offers a login, and refuses whoever says one of these words, in these words.
async fn refusing(said: &'static str, answer: &'static str) -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = tokio::io::BufReader::new(stream);
            let of = |verb: &str, usual: &str| format!("{}\r\n", if verb == said { answer } else { usual });
            let mut reply = of("greeting", "220 mail.example.com");
            while stream.write_all(reply.as_bytes()).await.is_ok() {
                let mut line = String::new();
                if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    break;
                }
                reply = match line.split_whitespace().next().unwrap_or_default() {
                    "EHLO" => of("EHLO", "250-mail.example.com\r\n250 AUTH PLAIN LOGIN"),
                    "AUTH" => of("AUTH", "235 welcome"),
                    _ => "250 fine\r\n".to_owned(),
                };
            }
        }
    });
    port
}

/// STARTTLS and a login with a real server; what it may not trust, and what it is refused, each with its remedy.
async fn a_mail_server_is_tried_as_far_as_its_login(ctx: Ctx) {
    const LOGIN: &str = "iw:hunter2hunter2";
    let secured = ctx.secured_mailbox(&["127.0.0.1"]).await;
    let trusted = Some(ctx.pki().path("ca.crt").display().to_string());
    let at = |place: &str, options: &str| format!("smtp://{LOGIN}@{place}{options}");
    let scripted = async |said, answer| at(&format!("127.0.0.1:{}", refusing(said, answer).await), "?tls=none");
    let greeting = scripted("greeting", "421 4.3.2 come back later").await;
    let (hello, login) =
        (scripted("EHLO", "504 5.5.2 need a name").await, scripted("AUTH", "535 5.7.8 who are you?").await);
    for (url, authority, start, about, remedy) in [
        (
            at(&secured.smtp_host(), ""),
            trusted.clone(),
            "  ok    ",
            "email: the mail server takes user and password",
            "",
        ),
        (
            format!("smtp://{}", secured.smtp_host()),
            trusted,
            "  ok    ",
            "email: the mail server asks for no login",
            "",
        ),
        (
            at(&secured.smtp_host(), ""),
            None,
            "  FAIL  ",
            "email: the certificate of the mail server can't be trusted",
            "remedy  look at",
        ),
        (
            at(&ctx.mailbox().smtp_host(), ""),
            None,
            "  FAIL  ",
            "email: the mail server offers no STARTTLS; only ?tls=none",
            "remedy  look at",
        ),
        (greeting, None, "  FAIL  ", "(421)", "remedy  look at"),
        (hello, None, "  FAIL  ", "a name that it takes is set by ?helo=name in SMTP_URL", "remedy  look at"),
        (login, None, "  FAIL  ", "refuses the user and password of SMTP_URL (535)", "remedy  look at"),
    ] {
        let mut watcher = ctx.watcher().mail().env("SMTP_URL", &url);
        if let Some(authority) = authority {
            watcher = watcher.env("SSL_CERT_FILE", authority);
        }
        let doctor = watcher.output(&["doctor"]).await;
        let (said, below) = line(&doctor, about);
        assert!(said.starts_with(start) && said.contains("email: "), "{url}: {said}");
        assert!(below.contains(remedy), "{url}: {said}\n{below}");
        assert_eq!(doctor.code(), Some(i32::from(start == "  FAIL  ")), "{}", doctor.stdout);
        assert!(!doctor.stdout.contains("hunter2") && !doctor.stderr.contains("hunter2"), "{}", doctor.stdout);
    }
    assert!(secured.list().await.is_empty(), "nothing is handed in");
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
