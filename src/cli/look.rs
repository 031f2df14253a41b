//! Asks the running service for looks, where it listens for this machine.

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::api::ask;
use super::explain::Subject;
use crate::config::Config;

/// What the service is to look at.
pub(super) enum At<'a> {
    /// What one workload runs.
    Workload(&'a str, &'a Subject),
    /// All that is watched.
    Everything,
}

/// What the service says.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    repositories: Vec<String>,
    /// Why not.
    #[serde(default)]
    detail: String,
}

/// The repositories that the service looks at now, one a line.
///
/// # Errors
/// When it does not run here, or does not take it.
pub(super) async fn look(config: &Config, at: At<'_>) -> anyhow::Result<String> {
    let path = match at {
        At::Workload(namespace, subject) => {
            format!("workloads/{namespace}/{}/{}/look", subject.kind.short(), subject.name)
        }
        At::Everything => "look".to_owned(),
    };
    let answer = ask(config, &path, true).await?;
    let read: Answer = serde_json::from_slice(&answer.body).context("what answers is no image-watcher")?;
    if !answer.status.is_success() {
        bail!("{}", read.detail);
    }
    Ok(read.repositories.iter().flat_map(|repository| [repository.as_str(), "\n"]).collect())
}
