//! `image-watcher doctor`: what is needed and what is missing, with the remedy in one line.

mod cluster;
mod ways_out;
mod workloads;

use std::time::Duration;

use serde::Serialize;

use super::Output;
use crate::cluster::ClusterConfig;
use crate::config::Config;
use crate::filesystem::Filesystem;
use crate::outbound::{Outbound, Reach};
use crate::telemetry::chain;

/// After so many missed pushes a source is taken for dead.
const DEAD_AFTER: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Result {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    description: String,
    result: Result,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Category {
    name: &'static str,
    checks: Vec<Check>,
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    success: bool,
    categories: Vec<Category>,
}

impl Check {
    fn ok(description: impl Into<String>) -> Self {
        Self { description: description.into(), result: Result::Ok, error: None, hint: None }
    }

    fn but(description: impl Into<String>, result: Result, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { description: description.into(), result, error: Some(error.into()), hint: Some(hint.into()) }
    }
}

/// Looks at settings, cluster, workloads, sources, channels and links.
pub(super) async fn doctor(config: &Config, cluster: &ClusterConfig) -> Report {
    let bounds = super::bounds(config);
    let (of_cluster, workloads) = cluster::checks(config, cluster, &bounds).await;
    let categories = vec![
        Category { name: "settings", checks: settings(config) },
        Category { name: "cluster", checks: of_cluster },
        Category { name: "workloads", checks: workloads::checks(&workloads, &bounds) },
        Category { name: "webhooks", checks: webhooks(config).await },
        Category { name: "channels", checks: channels(config) },
        Category { name: "ways out", checks: ways_out::ways_out(config, cluster).await },
    ];
    let success = categories.iter().flat_map(|category| &category.checks).all(|check| check.result != Result::Fail);
    Report { schema: "image-watcher/doctor/v1", success, categories }
}

/// What the start warns about.
fn settings(config: &Config) -> Vec<Check> {
    let mut checks = vec![Check::ok("the configuration can be used")];
    for warning in &config.warnings {
        let hint = "change or unset it, if it was meant otherwise";
        checks.push(Check::but(warning.variable.clone(), Result::Warn, warning.problem.clone(), hint));
    }
    let what = format!("the queue is in {}", config.data.display());
    checks.push(match Filesystem::of(&config.data) {
        None => Check::ok(what),
        Some(filesystem) => match filesystem.warning() {
            None => Check::ok(format!("{what}, on {filesystem}")),
            Some(warning) => Check::but(what, Result::Warn, warning, "see IMAGE_WATCHER_DATA in the README"),
        },
    });
    checks
}

/// Where the sources take deliveries, and what the running service says about them on its private listener.
async fn webhooks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let base = if config.base_url.is_some() { "" } else { " behind the address that the registry reaches" };
    for source in &config.sources {
        checks.push(Check::ok(format!("{} takes deliveries at {}{base}", source.name, config.webhook_url(source))));
    }
    checks.extend(deliveries(config).await);
    checks
}

async fn deliveries(config: &Config) -> Vec<Check> {
    let url = format!("http://{}/api/v1/sources", config.private.from_here());
    let document = match sources(&url).await {
        Ok(document) => document,
        Err(error) => {
            let hint = "run this where the service runs: kubectl exec deploy/image-watcher -- /image-watcher doctor";
            return vec![Check::but(format!("the service answers at {url}"), Result::Warn, error, hint)];
        }
    };
    let items = document.get("items").and_then(|items| items.as_array()).cloned().unwrap_or_default();
    if items.is_empty() {
        let hint = "open one, by a variable or in the file; without any, images are found on the schedule only";
        return vec![Check::but("a webhook source is open", Result::Warn, "none is", hint)];
    }
    items.iter().map(source).collect()
}

async fn sources(url: &str) -> std::result::Result<serde_json::Value, String> {
    let read = async {
        let client = Outbound::new(None)?.client(Reach::Named)?;
        let answer = client.send(client.get(url::Url::parse(url)?), Duration::from_secs(5), 1024 * 1024).await?;
        anyhow::ensure!(answer.status.is_success(), "it answers {}", answer.status);
        anyhow::Ok(serde_json::from_slice(&answer.body)?)
    };
    read.await.map_err(|error| {
        let error: &(dyn std::error::Error + 'static) = error.as_ref();
        chain(error).to_string()
    })
}

fn source(item: &serde_json::Value) -> Check {
    let text = |key: &str| item.get(key).and_then(|value| value.as_str());
    let name = text("name").unwrap_or_default();
    let missed = item.get("missed").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let last = text("lastAccepted");
    let said = format!("{name}: last delivery {}, {missed} missed", last.unwrap_or("never"));
    if missed >= DEAD_AFTER {
        let error = format!("{missed} pushes were found by a look first");
        let hint = "look at the registry whether the webhook is still set up, and press its test button";
        return Check::but(said, Result::Fail, error, hint);
    }
    match (text("lastRefusal"), last) {
        (Some(refusal), None) => {
            let hint = "compare the registry's secret and URL with this source";
            Check::but(said, Result::Warn, format!("nothing but refusals: {refusal}"), hint)
        }
        (_, None) => {
            Check::but(said, Result::Warn, "nothing came yet", "press the registry's test button, or push an image")
        }
        _ => Check::ok(said),
    }
}

fn channels(config: &Config) -> Vec<Check> {
    let names: Vec<&str> = config.channels.iter().map(|channel| channel.name.as_str()).collect();
    let channel = if names.is_empty() {
        Check::but("somebody is told", Result::Warn, "no channel is set", "set SMTP_URL, SLACK_URL or WEBHOOK_URL")
    } else {
        Check::ok(format!("told by {}", names.join(", ")))
    };
    let links = match &config.base_url {
        Some(url) => Check::ok(format!("links begin with {url}")),
        None => Check::but(
            "messages have a link",
            Result::Warn,
            "BASE_URL is not set",
            "set it to the address that people reach",
        ),
    };
    vec![channel, links]
}

impl Report {
    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        self.success
    }

    /// What goes to standard output.
    pub(super) fn print(&self, output: Output) -> String {
        match output {
            Output::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
            Output::Yaml => serde_saphyr::to_string(self).unwrap_or_default(),
            Output::Table | Output::Wide | Output::Name => self.text(),
        }
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for category in &self.categories {
            lines.push(category.name.to_owned());
            for check in &category.checks {
                let word = match check.result {
                    Result::Ok => "ok  ",
                    Result::Warn => "warn",
                    Result::Fail => "FAIL",
                };
                let error = check.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                lines.push(format!("  {word}  {}{error}", check.description));
                lines.extend(check.hint.as_ref().map(|hint| format!("        remedy  {hint}")));
            }
        }
        lines.join("\n") + "\n"
    }
}
