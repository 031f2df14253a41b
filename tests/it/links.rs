//! Links that can't be locked out, hijacked or leaked, whoever guesses, copies or echoes.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::Ctx;
use crate::harness::fault::Fault;
use crate::harness::images::Image;
use crate::harness::objects::Seen;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Received, Server};
use crate::harness::wait::eventually;
use crate::harness::watcher::Watcher;

pub(crate) fn tests() -> Vec<Test> {
    tests![
        wrong_links_lock_out_no_right_one,
        guesses_are_counted_at_an_address_that_nobody_chooses,
        copies_and_mentions_of_a_question_change_nothing,
        a_link_that_was_replaced_twice_says_by_what,
        an_echo_leaves_no_link_behind,
        a_question_that_was_closed_is_not_asked_late,
    ]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A well-formed link that nobody was sent.
fn guess(number: usize) -> String {
    format!("/a/v1.00000000.01JGJ0EZ8M3C9S6D4K2P7Q{number:04}.{}", "A".repeat(43))
}

async fn press(watcher: &Watcher, path: &str, action: &str) -> u16 {
    watcher.post_form(path, &[("action", action)]).await.status
}

async fn wrong_links_lock_out_no_right_one(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    let mut answers = Vec::new();
    for number in 0..150 {
        answers.push(if number % 2 == 0 {
            watcher.get(&guess(number)).await.status
        } else {
            press(&watcher, &guess(number), "approve").await
        });
    }
    assert_eq!(answers[0], 404);
    assert_eq!(answers[149], 429, "who guesses is slowed: {answers:?}");
    // The right signature on another question's id, and the right id under a wrong signature, are guesses too.
    let forged = format!("{}AAAA", &path[..path.len() - 4]);
    assert_eq!(watcher.get(&forged).await.status, 429);
    assert_eq!(watcher.get(&path).await.status, 200, "who was asked is not");
    assert_eq!(press(&watcher, &path, "approve").await, 303);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
}

async fn guesses_are_counted_at_an_address_that_nobody_chooses(ctx: Ctx) {
    let watcher = ctx.watcher().env("TRUSTED_PROXY", "127.0.0.0/8").start().await;
    let ask = async |forwarded: &str, number: usize| {
        let headers = [("X-Forwarded-For", forwarded)];
        watcher.send(Method::GET, &watcher.url(&guess(number)), &headers, Vec::new()).await.status
    };
    // What the proxy appended is one address, and whatever its client wrote before it is not believed.
    for (round, said) in ["9.9.9.9:5678", "unknown", "_hidden", "\u{e9}", ""].into_iter().enumerate() {
        let mut last = 0;
        for number in 0..11 {
            let chosen = format!("10.{round}.0.{number}, {said}");
            last = ask(&chosen, number).await;
        }
        assert_eq!(last, 429, "{said}");
    }
    let long = "8.8.8.8, ".repeat(900);
    assert_eq!(ask(&long, 0).await, 429, "8 KiB of header that end in nothing are the proxy's own");
    assert_eq!(ask("8.8.4.4", 0).await, 404, "another client is another");
}

/// Our annotations on a workload, as somebody copies them with its manifest.
fn ours(seen: &Seen) -> Vec<(String, String)> {
    let all = seen.0["metadata"]["annotations"].as_object().expect("annotations");
    let ours = all.iter().filter(|(key, _)| key.starts_with("image-watcher/"));
    ours.map(|(key, value)| (key.clone(), value.as_str().expect("a text").to_owned())).collect()
}

async fn copies_and_mentions_of_a_question_change_nothing(ctx: Ctx) {
    let other = ctx.second_namespace("copy", &[]).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("IMAGE_WATCHER_NAMESPACES", format!("{},{other}", ctx.namespace()));
    let watcher = watcher.start().await;
    let digest = web.push(Image::new("1.0.1")).await;
    let path = ctx.mailbox().link("1.0.1").await;
    let asked = deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    let id = asked.annotation("image-watcher/token-update").and_then(|text| text.split(':').nth(2)).expect("an id");

    for number in 0..10 {
        let name = if number == 0 { "web".to_owned() } else { format!("copy-{number}") };
        let copy = ctx.deployment(&name).namespace(&other).container("web", web.reference("1.0.0"));
        let copy = ours(&asked).iter().fold(copy, |copy, (key, value)| copy.annotation(key, value));
        copy.annotation("image-watcher/mode", "DISABLED").create().await;
        let mention = ctx.deployment(&format!("mention-{number}")).container("web", web.reference("1.0.0"));
        let mention = mention.annotation("image-watcher/mode", "DISABLED").annotation("image-watcher/skip", id);
        mention.create().await;
    }
    eventually("all are watched", async || {
        let list = watcher.send(Method::GET, &watcher.admin_url("/api/v1/workloads"), &[], Vec::new()).await.json();
        (list["items"].as_array().map(Vec::len) == Some(21)).then_some(())
    })
    .await;
    // Nor does an entry that somebody writes into its own history, as if it had been decided.
    let forged = json!([{
        "container": "web", "version": "1.0.1", "previous": "1.0.0", "digest": digest, "previousImage": "web:1.0.0",
        "time": "2026-01-01T00:00:00Z", "by": "nobody", "outcome": "skipped",
        "approval": {"id": id, "key": "00000000", "expires": 0, "nonce": "x"},
    }]);
    deployment.annotate("image-watcher/history", Some(&forged.to_string())).await;
    deployment.wait_for("put right", |seen| seen.annotation("image-watcher/history").is_none()).await;
    let api = watcher.admin_url(&format!("/api/v1/workloads/{}/deploy/web", ctx.namespace()));
    assert!(!watcher.send(Method::GET, &api, &[], Vec::new()).await.body.contains("nobody"), "it is not believed");
    let page = watcher.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(!page.body.contains(&other), "it is about the workload that people were asked about");
    assert_eq!(press(&watcher, &path, "approve").await, 303);
    deployment.wait_for_image("web", &format!("{}@{digest}", web.reference("1.0.1"))).await;
    assert_eq!(watcher.get(&path).await.status, 200, "what was decided is shown");
}

async fn a_link_that_was_replaced_twice_says_by_what(ctx: Ctx) {
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().start().await;
    let mut links = Vec::new();
    for version in ["1.0.1", "1.0.2", "1.0.3", "1.0.4"] {
        web.push(Image::new(version)).await;
        links.push(ctx.mailbox().link(version).await);
        deployment.wait_for_annotation("image-watcher/last-notified-version", version).await;
    }
    for _ in 0..5 {
        for old in &links[..3] {
            let page = watcher.get(old).await;
            assert_eq!(page.status, 409, "{}", page.body);
            assert!(page.body.contains("1.0.4"), "{}", page.body);
            assert_eq!(press(&watcher, old, "approve").await, 409);
        }
    }
    assert_eq!(watcher.get(&guess(0)).await.status, 404, "none of these was a guess");
    assert_eq!(deployment.get().await.image("web"), Some(web.reference("1.0.0").as_str()));

    // It goes on being said once the newest is decided.
    assert_eq!(press(&watcher, &links[3], "skip").await, 303);
    deployment.wait_for_annotation("image-watcher/skip", "1.0.4").await;
    for old in &links[..3] {
        let page = watcher.get(old).await;
        assert_eq!(page.status, 409, "{}", page.body);
        assert!(page.body.contains("1.0.4") && !page.body.contains("has a link of its own"), "{}", page.body);
    }
}

/// What strangers were sent: the paths of our links.
type Sent = Arc<Mutex<Vec<String>>>;

/// The path of the first link of ours in a text.
fn path_in(text: &str) -> Option<String> {
    let text = text.replace("=\r\n", "").replace("=\n", "");
    let link = &text[text.find("/a/v1.")?..];
    let end = link.find(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c))).unwrap_or(link.len());
    Some(link[..end].to_owned())
}

/// Answers with the link that it was sent, in the form that `written` gives it.
fn echo(status: u16, sent: &Sent, written: fn(&str) -> String) -> Server {
    let sent = Arc::clone(sent);
    Server::start(Arc::new(move |received: Received| {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        let start = body.find("http://127.0.0.1").filter(|_| body.contains("/a/v1.")).unwrap_or_default();
        sent.lock().expect("links").extend(path_in(&body));
        let answer = Answer::status(status).header("Location", &body[start..].replace(['"', '}'], ""));
        let answer = answer.body(format!("refused: {}", written(&body[start..])));
        Box::pin(std::future::ready(answer))
    }))
}

/// A mail server that quotes the link in its refusal, as filters for links do.
async fn quoting_mail_server(sent: Sent) -> (String, tokio::task::AbortHandle) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let host = listener.local_addr().expect("an address").to_string();
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = refuse_mail(stream, &sent).await;
        }
    };
    (host, tokio::runtime::Handle::current().spawn(serve).abort_handle())
}

async fn refuse_mail(stream: TcpStream, sent: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example.com ESMTP\r\n").await?;
    let (mut message, mut in_data) = (String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match (in_data, line.trim_end()) {
            (true, ".") => {
                in_data = false;
                sent.lock().expect("links").extend(path_in(&message));
                let from = message.find("http://127.0.0.1").unwrap_or_default();
                let quoted = message[from..].lines().take(3).collect::<Vec<_>>().join("\r\n550-5.7.1 ");
                format!("550-5.7.1 {quoted}\r\n550 5.7.1 is a link that we don't like\r\n")
            }
            (true, _) => {
                message.push_str(&line);
                continue;
            }
            (false, "DATA") => {
                in_data = true;
                "354 go on\r\n".to_owned()
            }
            (false, "QUIT") => "221 bye\r\n".to_owned(),
            (false, _) => "250 mail.example.com\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        write!(encoded, "%{byte:02X}").expect("a string takes it");
    }
    encoded
}

fn percent_decoded(text: &str) -> String {
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.flat_map(|(name, value)| [name.into_owned(), value.into_owned()]).collect()
}

/// A piece of a link's signature that is long enough to be no accident, if a text holds one.
fn piece_of<'s>(signature: &'s str, text: &str) -> Option<&'s str> {
    let letters: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    (0..=signature.len() - 12).map(|at| &signature[at..at + 12]).find(|piece| letters.contains(piece))
}

async fn an_echo_leaves_no_link_behind(ctx: Ctx) {
    let sent = Sent::default();
    let slack = echo(400, &sent, str::to_owned);
    let hook = echo(422, &sent, percent_encoded);
    let (smtp, mail) = quoting_mail_server(Arc::clone(&sent)).await;
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let _deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("SMTP_URL", format!("smtp://{smtp}?tls=none")).env("LOG_LEVEL", "TRACE");
    let watcher = watcher.env("SLACK_URL", slack.url("/services/T0/B0/a-secret-that-slack-knows"));
    let watcher = watcher.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET).start().await;
    web.push(Image::new("1.0.1")).await;
    eventually("three refusals", async || {
        (watcher.logs().matches("given up and kept as a dead letter").count() >= 3).then_some(())
    })
    .await;
    // A chat that refuses a message is sent it once more in plain text, with the same link.
    let mut links = sent.lock().expect("links").clone();
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 3, "{links:?}");
    // Nor do those leave one behind who use it: on the way in it is in the request's path.
    for link in &links {
        assert_eq!(watcher.get(link).await.status, 200);
        assert_eq!(watcher.get(&format!("{link}%ff")).await.status, 404);
        assert_eq!(watcher.get(&format!("/api/upgrade/a/b?token={}", &link[3..])).await.status, 303);
        assert_eq!(press(&watcher, link, "nothing").await, 400);
        assert_eq!(press(&watcher, link, "snooze").await, 303);
    }
    let kept = |path: &str| std::fs::read(watcher.data().join(path)).unwrap_or_default();
    let kept = |path: &str| String::from_utf8_lossy(&kept(path)).into_owned();
    let everything = [watcher.logs(), kept("queue.db"), kept("queue.db-wal"), watcher.metrics().await].concat();
    assert!(
        everything.contains("status 422") && everything.contains("the mail server answers 550"),
        "refusals are told"
    );
    let dead = watcher.admin_url("/api/v1/deliveries?state=dead");
    let letters = watcher.send(Method::GET, &dead, &[], Vec::new()).await.body;
    let everything = [everything, letters].concat();
    for secret in ["a-secret-that-slack-knows", SECRET] {
        assert!(!everything.contains(secret) && !percent_decoded(&everything).contains(secret), "{secret}");
    }
    for link in &links {
        let signature = link.rsplit('.').next().expect("a signature");
        assert_eq!(signature.len(), 43, "{link}");
        for text in [&everything, &percent_decoded(&everything)] {
            assert_eq!(piece_of(signature, text), None, "of {link}");
        }
    }
    mail.abort();
}

async fn a_question_that_was_closed_is_not_asked_late(ctx: Ctx) {
    let proxy = ctx.fault_proxy(&ctx.mailbox().smtp_host()).await;
    proxy.set(Fault::Refuse);
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    let deployment = ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let watcher = ctx.watcher().mail().env("SMTP_URL", format!("smtp://{}?tls=none", proxy.host())).start().await;
    web.push(Image::new("1.0.1")).await;
    deployment.wait_for_annotation("image-watcher/last-notified-version", "1.0.1").await;
    watcher.wait_for_log("the job is tried again").await;
    // Somebody updates by hand: there is nothing to ask any more.
    deployment.set_image("web", &web.reference("1.0.1")).await;
    deployment.wait_for("no open link", |seen| seen.annotation("image-watcher/token-update").is_none()).await;
    proxy.set(Fault::Pass);
    watcher.wait_for_log("the message is not sent").await;
    assert!(ctx.mailbox().list().await.is_empty());
}
