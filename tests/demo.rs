//! `make demo`: control plane, registry, mail catcher and image-watcher on this machine, the main job on real input,
//! and what to open. It ends with Ctrl-C and leaves nothing behind.
//!
//! `make demo PROXY=1`: the same in a company's network. Registry, mail server and API server have names that only an
//! HTTP proxy knows, which asks for a password, and the mail server's certificate is of a private authority.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "the tests' harness, shown"
)]

#[expect(dead_code, unused_imports, unused_macros, reason = "the demo shows a part of what tests use")]
#[path = "it/harness/mod.rs"]
mod harness;

use harness::Ctx;
use harness::company::Company;
use harness::images::{Image, Repository};
use harness::mail::Mailbox;
use harness::objects::Seen;
use harness::watcher::WatcherBuilder;

/// Who may look at the page, and decide there.
const NAME: &str = "anna";
const PASSWORD: &str = "correct horse";

fn main() -> std::process::ExitCode {
    eprintln!("starting a control plane, a registry and a mail catcher …");
    harness::run::stand_alone("demo", demo)
}

fn healthy(seen: &Seen) -> bool {
    let history = seen.annotation("image-watcher/history").unwrap_or("[]");
    let history: serde_json::Value = serde_json::from_str(history).unwrap_or_default();
    history[0]["outcome"] == "healthy"
}

/// Where the demo takes place.
enum Network {
    Open(Ctx, Box<Mailbox>),
    Company(Box<Company>),
}

impl Network {
    async fn start(ctx: &Ctx) -> Self {
        if std::env::var("IMAGE_WATCHER_DEMO_PROXY").is_ok_and(|word| word == "1") {
            eprintln!("and an HTTP proxy that stands between them …");
            return Self::Company(Box::new(Company::start(ctx, &[]).await));
        }
        Self::Open(ctx.clone(), Box::new(ctx.mailbox()))
    }

    fn repository(&self, name: &str) -> Repository {
        match self {
            Self::Open(ctx, _) => ctx.repository(name),
            Self::Company(company) => company.repository(name),
        }
    }

    fn mailbox(&self) -> &Mailbox {
        match self {
            Self::Open(_, mailbox) => mailbox,
            Self::Company(company) => &company.mailbox,
        }
    }

    async fn watcher(&self) -> WatcherBuilder {
        match self {
            Self::Open(ctx, _) => ctx.watcher().mail(),
            Self::Company(company) => company.watcher().await,
        }
    }

    /// The same, with a page that somebody may sign in to.
    async fn watcher_with_page(&self, ctx: &Ctx) -> WatcherBuilder {
        let hash = self.watcher().await.output_of(&["hash-password"], &format!("{PASSWORD}\n")).await.stdout;
        let users = format!("users: [{{ name: {NAME}, passwordHash: '{}', role: approver }}]", hash.trim());
        let config = ctx.file("demo.yaml", &format!("auth:\n  mode: basic\n  {users}\n"));
        self.watcher()
            .await
            .env("IMAGE_WATCHER_CONFIG", config.display().to_string())
            .env("IMAGE_WATCHER_CLUSTER", "demo")
    }

    /// What passed through the proxy, each once.
    fn passed(&self) -> String {
        let Self::Company(company) = self else { return String::new() };
        let mut lines = company.proxy.passed();
        lines.sort();
        lines.dedup();
        format!("\n\nThrough the proxy went:\n\n  {}", lines.join("\n  "))
    }
}

async fn demo(ctx: Ctx) {
    let network = Network::start(&ctx).await;
    let (shop, blog) = (network.repository("shop"), network.repository("blog"));
    for repository in [&shop, &blog] {
        repository.push(Image::new("1.2.3")).await;
    }
    let asks = ctx
        .deployment("shop")
        .container("shop", shop.reference("1.2.3"))
        .annotation("image-watcher/mode", "NOTIFICATION")
        .annotation("image-watcher/strategy", "MINOR")
        .create()
        .await;
    let updates = ctx
        .deployment("blog")
        .container("blog", blog.reference("1.2.3"))
        .annotation("image-watcher/mode", "AUTO_UPDATE")
        .annotation("image-watcher/strategy", "PATCH")
        .create()
        .await;
    asks.wait_for_rollout().await;
    updates.wait_for_rollout().await;
    let watcher = network.watcher_with_page(&ctx).await.start().await;
    eprintln!("two Deployments run 1.2.3; pushing 1.2.4 and 1.3.0 of both to the registry …");
    for tag in ["1.2.4", "1.3.0"] {
        shop.push(Image::new(tag)).await;
        blog.push(Image::new(tag)).await;
    }
    updates.wait_for("the update by policy", healthy).await;
    let mail = network.mailbox().wait_for_mail("1.3.0").await;
    let link = mail.links().into_iter().find(|link| link.contains("/a/")).expect("a link in the mail");
    let check = network.watcher().await.output(&["check", "-n", ctx.namespace()]).await;
    let kubeconfig = ctx.admin_kubeconfig().display().to_string();
    println!(
        "\nThe registry announced the pushes, and image-watcher decided:\n\n{}{}\n\
         blog was updated by policy (PATCH), shop waits for you (MINOR).\n\n  \
         the mail        {}\n  the question    {link}\n  the page        {} ({NAME}, password: {PASSWORD})\n  \
         metrics         {}\n  \
         the annotations kubectl --kubeconfig {kubeconfig} -n {} get deploy shop -o yaml{}\n\n\
         Open the question and press Approve, or do so on the page; Ctrl-C ends everything.",
        check.stdout,
        check.stderr,
        network.mailbox().view_url(),
        watcher.url("/"),
        watcher.admin_url("/metrics"),
        ctx.namespace(),
        network.passed(),
    );
    loop {
        if let Some(seen) = pressed(&asks).await {
            println!(
                "\nshop now runs {}, and is healthy. Ctrl-C ends everything.",
                seen.image("shop").unwrap_or_default()
            );
            break;
        }
    }
    std::future::pending::<()>().await;
}

/// Waits a while for the answer of a person, who may take longer than a test would.
async fn pressed(workload: &harness::objects::Workload) -> Option<Seen> {
    let seen = workload.get().await;
    if healthy(&seen) {
        return Some(seen);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    None
}
