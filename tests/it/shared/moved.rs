//! The queue moves by its command, from the file to three NATS servers and back, with all that waits.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use image_watcher::domain::event::Job;
use image_watcher::domain::reference::Repository;
use serde_json::Value;

use super::KEY;
use crate::harness::Ctx;
use crate::harness::run::{Test, tests};
use crate::harness::serve::{Answer, Server};
use crate::harness::stored::{delivery, notice, store};
use crate::harness::wait::eventually;

pub(super) fn tests() -> Vec<Test> {
    tests![ten_thousand_jobs_go_to_nats_and_back_by_the_command_and_each_message_comes_once]
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LOOKS: usize = 5_000;
const MESSAGES: usize = 5_000;

/// How many looks and messages a move found, moved and left, by its report.
fn counted(report: &str) -> [[u64; 3]; 2] {
    let report: Value = serde_json::from_str(report).expect("JSON");
    let items = report["items"].as_array().expect("a list");
    ["looks", "messages"].map(|what| {
        let item = items.iter().find(|item| item["what"] == what).expect("an item");
        ["found", "moved", "left"].map(|of| item[of].as_u64().expect("a number"))
    })
}

async fn ten_thousand_jobs_go_to_nats_and_back_by_the_command_and_each_message_comes_once(ctx: Ctx) {
    let folder = ctx.folder("data");
    let looks = (0..LOOKS).map(|n| Job::Look(Repository::parse(&format!("ghcr.io/acme/app-{n}")).expect("a name")));
    let messages: Vec<_> = (0..MESSAGES).map(|n| delivery("webhook", notice(n, 0))).collect();
    let ids: HashSet<String> = messages.iter().map(image_watcher::domain::event::Delivery::id).collect();
    assert_eq!(ids.len(), MESSAGES);
    store(&folder, looks.chain(messages.into_iter().map(|message| Job::Deliver(Box::new(message))))).await;

    let nats = ctx.nats_cluster().await;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let taking = Arc::clone(&arrived);
    let hook = Server::start(Arc::new(move |request| {
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        taking.lock().expect("ids").push(id);
        Box::pin(std::future::ready(Answer::status(204)))
    }));
    let on_the_file = || {
        let builder = ctx.watcher().unconnected().env("IMAGE_WATCHER_DATA", folder.display().to_string());
        let builder = builder.env("WEBHOOK_URL", hook.url("/hook")).env("WEBHOOK_SECRET", SECRET);
        builder.env("IMAGE_WATCHER_LINK_KEY", KEY)
    };
    let on_nats = || on_the_file().env("IMAGE_WATCHER_QUEUE", nats.url());
    let all = [[LOOKS as u64, LOOKS as u64, 0], [MESSAGES as u64, MESSAGES as u64, 0]];
    for to in ["nats", "sqlite"] {
        let began = std::time::Instant::now();
        let moved = on_nats().output(&["queue", "move", "--to", to, "-o", "json"]).await;
        assert_eq!(moved.code(), Some(0), "{}", moved.stderr);
        assert_eq!(counted(&moved.stdout), all, "{}", moved.stdout);
        eprintln!("{} jobs to {to} in {:.1} s", LOOKS + MESSAGES, began.elapsed().as_secs_f64());
        // Done again, it says that it was.
        let again = on_nats().output(&["queue", "move", "--to", to, "-o", "json"]).await;
        assert!(again.code() == Some(1) && again.stderr.contains("was moved to"), "{}", again.stderr);
        let wrong = if to == "nats" { on_the_file() } else { on_nats() };
        let refused = wrong.output(&[]).await;
        assert!(refused.code().is_some_and(|code| code != 0), "a service on the old store ends: {}", refused.stdout);
    }
    assert!(arrived.lock().expect("ids").is_empty(), "nobody sent anything");

    let watcher = on_the_file().start().await;
    eventually("all messages come", async || (arrived.lock().expect("ids").len() >= MESSAGES).then_some(())).await;
    eventually("nothing waits", async || {
        let metrics = watcher.metrics().await;
        let mut jobs = metrics.lines().filter(|line| line.starts_with("image_watcher_queue_jobs{"));
        jobs.all(|line| line.ends_with("} 0")).then_some(())
    })
    .await;
    let arrived = arrived.lock().expect("ids").clone();
    assert_eq!(arrived.len(), MESSAGES, "each once");
    assert_eq!(arrived.into_iter().collect::<HashSet<_>>(), ids, "with the ids that they had");
}
