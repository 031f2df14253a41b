//! Asks the running service for looks, where it listens for this machine.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::explain::Subject;
use crate::config::Config;
use crate::outbound::{Outbound, Reach};

/// For the answer, which comes when the looks are stored.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest answer.
const MOST_BYTES: usize = 16 * 1024 * 1024;

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
    let base = url::Url::parse(&format!("http://{}/", config.private.from_here()))?;
    let mut url = base.join("api/v1/look")?;
    if let (At::Workload(namespace, subject), Ok(mut path)) = (at, url.path_segments_mut()) {
        let kind = subject.kind.short();
        path.pop().extend(["workloads", namespace, kind, &*subject.name, "look"]);
    }
    let client = Outbound::new(None)?.client(Reach::Named)?;
    let answer = client.send(client.post(url), DEADLINE, MOST_BYTES).await.with_context(|| {
        format!("the service does not answer at {base}: run this where it runs, as by kubectl exec deploy/image-watcher -- /image-watcher look")
    })?;
    let read: Answer = serde_json::from_slice(&answer.body).context("what answers is no image-watcher")?;
    if !answer.status.is_success() {
        bail!("{}", read.detail);
    }
    Ok(read.repositories.iter().flat_map(|repository| [repository.as_str(), "\n"]).collect())
}
