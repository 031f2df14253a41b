//! The commands of README, docs/install.md and docs/operations.md, as they stand there, on a cluster that has seen nothing else.
//! `make test-chart` builds Helm and kubectl, without which this is skipped with a message.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "the tests' harness"
)]

#[expect(dead_code, reason = "a part of what other tests use")]
#[path = "it/harness/mod.rs"]
mod harness;

use harness::Ctx;
use harness::chart::{Shell, project};
use harness::images::Image;
use harness::run::{run, tests};
use serde_json::json;

fn main() -> std::process::ExitCode {
    run(tests![every_command_runs])
}

/// What a document shows in one block, and what it says if it is not to be run here.
#[derive(Debug)]
struct Block {
    section: String,
    lines: String,
    not_run: Option<String>,
}

/// The blocks of a document that are commands.
fn blocks(text: &str) -> Vec<Block> {
    let (mut all, mut section, mut not_run, mut open) = (Vec::new(), String::new(), None, None::<String>);
    for line in text.lines() {
        if let Some(lines) = &mut open {
            if line == "```" {
                let lines = open.take().unwrap_or_default();
                all.push(Block { section: section.clone(), lines, not_run: not_run.take() });
            } else {
                lines.push_str(line);
                lines.push('\n');
            }
        } else if line == "```sh" {
            open = Some(String::new());
        } else if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut section);
        } else if let Some(why) = line.strip_prefix("<!-- not run: ") {
            not_run = Some(why.trim_end_matches("-->").trim().to_owned());
        }
    }
    all
}

/// A block's commands: lines that end in a backslash go on in the next.
fn commands(lines: &str) -> Vec<String> {
    let joined = lines.replace("\\\n", " ");
    joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

const WHERE_IT_RUNS: &str = " exec deploy/image-watcher -- /image-watcher ";

/// Each document has its own ways of installing; what one left behind would be in the way of the next.
const AWAY: &str = "kubectl -n image-watcher delete deploy,svc,sa,pvc,netpol,secret,cm --all --wait
kubectl delete clusterrole,clusterrolebinding image-watcher --ignore-not-found
kubectl -n shop delete role,rolebinding image-watcher --ignore-not-found";

async fn every_command_runs(ctx: Ctx) {
    let Some(shell) = Shell::with(&ctx, &[("helm", "helm-4"), ("kubectl", "kubectl")]) else {
        eprintln!("skipped: make test-chart builds Helm and kubectl, and runs this");
        return;
    };
    let web = ctx.repository("web");
    web.push(Image::new("1.2.3")).await;
    ctx.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}).to_string()).await;
    let labels = json!({"app": "web"});
    let containers = json!([{"name": "web", "image": web.reference("1.2.3")}]);
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": labels}, "template": template}});
    ctx.apply(&deployment.to_string()).await;
    let mut ran = 0;
    for document in ["README.md", "docs/operations.md", "docs/install.md"] {
        let text = std::fs::read_to_string(project(document)).expect("a document");
        let mut section = String::new();
        for block in blocks(&text) {
            if let Some(why) = &block.not_run {
                assert!(why.len() > 20, "{document}: say why {} is not run", block.lines);
                continue;
            }
            if section != block.section {
                section.clone_from(&block.section);
                if document == "docs/install.md" {
                    shell.run(AWAY).await.good();
                }
                if section == "Then" {
                    shell.run("kubectl apply -f deploy/install.yaml").await.good();
                }
            }
            for command in commands(&block.lines) {
                executed(&ctx, &shell, document, &command).await;
                ran += 1;
            }
        }
    }
    assert!(ran >= 15, "only {ran} commands");
    let left =
        shell.run("kubectl -n shop get deploy web -o jsonpath='{.spec.template.spec.containers[0].image}'").await;
    assert_eq!(left.good(), web.reference("1.2.3"), "workloads are as they were");
}

/// Runs one command; what is said in the pod is asked of the program itself, under the rights of the pod's account.
async fn executed(ctx: &Ctx, shell: &Shell<'_>, document: &str, command: &str) {
    let Some((_, inside)) = command.split_once(WHERE_IT_RUNS) else {
        let said = shell.run(command).await;
        assert!(said.good, "{document}: {command}\n{}{}", said.stdout, said.stderr);
        return;
    };
    let kubeconfig = ctx.kubeconfig_for("image-watcher", "image-watcher").await;
    let args: Vec<&str> = inside.split_whitespace().collect();
    let pod = ctx.watcher().kubeconfig(&kubeconfig).unconnected().without("IMAGE_WATCHER_NAMESPACES");
    let output = pod.output(&args).await;
    assert_eq!(output.code(), Some(0), "{document}: {command}\n{}{}", output.stdout, output.stderr);
    let expected = if inside.starts_with("check") { "web" } else { "ok " };
    assert!(output.stdout.contains(expected), "{document}: {command}\n{}", output.stdout);
}
