//! The page in a browser and the API under schemathesis, both of a real service. `make test-page` and `make test-api` bring what
//! they take (Node.js with Chromium, Python) and run them; without it they are skipped, and say so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::Ctx;
use crate::harness::images::Image;
use crate::harness::run::{Test, tests};
use crate::harness::wait::eventually;
use crate::harness::watcher::WatcherBuilder;

pub(crate) fn tests() -> Vec<Test> {
    tests![a_row_changes_in_a_browser_without_a_reload, schemathesis_finds_nothing]
}

fn tool(ctx: &Ctx, variable: &str, target: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if found.is_none() {
        ctx.skip(&format!("{variable} is not set; make {target} sets it and runs this"));
    }
    found
}

fn configured(ctx: &Ctx, auth: &str) -> WatcherBuilder {
    let config = ctx.file("config.yaml", &format!("auth: {{ {auth} }}\n"));
    ctx.watcher().env("IMAGE_WATCHER_CONFIG", config.display().to_string())
}

async fn a_row_changes_in_a_browser_without_a_reload(ctx: Ctx) {
    let Some(folder) = tool(&ctx, "IMAGE_WATCHER_TEST_PAGE", "test-page") else { return };
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let auth = "mode: proxy, header: X-Forwarded-User, groupsHeader: X-Forwarded-Groups, roles: { approver: [sre] }";
    let watcher = configured(&ctx, auth).mail().env("TRUSTED_PROXY", "127.0.0.0/8").env("RUN_ON_BOOT", "TRUE");
    let watcher = watcher.start().await;
    let user = [("X-Forwarded-User", "anna"), ("X-Forwarded-Groups", "sre")];
    eventually("the first look", async || {
        let answer = watcher.send(reqwest::Method::GET, &watcher.url("/api/v1/summary"), &user, Vec::new()).await;
        (answer.json()["counts"]["upToDate"] == 1).then_some(())
    })
    .await;
    let mut node = Command::new("node");
    node.arg("live.mjs").arg(watcher.url("")).current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut browser = node.spawn().expect("Node.js");
    let (mut told, said) = (browser.stdin.take().expect("its input"), browser.stdout.take().expect("its output"));
    let (say, mut words) = tokio::sync::mpsc::channel(1);
    let reader = tokio::task::spawn_blocking(move || {
        for word in BufReader::new(said).lines().map_while(Result::ok) {
            if say.blocking_send(word).is_err() {
                return;
            }
        }
    });
    let mut last = String::new();
    while let Some(word) = words.recv().await {
        let answer = match word.as_str() {
            "push" => {
                web.push(Image::new("1.0.1")).await;
                "pushed\n"
            }
            "stop" => {
                watcher.kill9().await;
                "stopped\n"
            }
            _ => "",
        };
        told.write_all(answer.as_bytes()).expect("it listens");
        last = word;
    }
    reader.await.expect("its words");
    let ended = browser.wait().expect("its end");
    assert!(ended.success() && last == "done", "the browser says: {last}");
}

async fn schemathesis_finds_nothing(ctx: Ctx) {
    let Some(program) = tool(&ctx, "IMAGE_WATCHER_TEST_SCHEMATHESIS", "test-api") else { return };
    let web = ctx.repository("web");
    web.push(Image::new("1.0.0")).await;
    ctx.watched("web", web.reference("1.0.0"), &[("mode", "NOTIFICATION")]).await;
    let made = ctx.watcher().output(&["new-token"]).await;
    let (token, hash) = made.stdout.trim().split_once('\n').expect("a token and its hash");
    let token_of = format!("tokens: [{{ name: ci, hash: \"{hash}\", role: approver }}]");
    let auth = format!("mode: proxy, header: X-Forwarded-User, roles: {{ viewer: [dev] }}, {token_of}");
    let watcher = configured(&ctx, &auth).mail().env("TRUSTED_PROXY", "192.0.2.0/24").start().await;
    let asked = web.push(Image::new("1.0.1")).await;
    ctx.mailbox().wait_for_mail("1.0.1").await;
    assert!(!asked.is_empty());
    for (config, paths) in [("schemathesis.toml", "."), ("known.toml", r"\{name\}")] {
        let mut command = Command::new(&program);
        command
            .env("NAMESPACE", ctx.namespace())
            .arg("--config-file")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api").join(config))
            .args(["run", "--include-path-regex", paths, "--url", &watcher.url("/api/v1")])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .arg(watcher.url("/api/v1/openapi.json"));
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a task");
        let output = output.expect("schemathesis");
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{said}");
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}
