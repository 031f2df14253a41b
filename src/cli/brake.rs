//! Asks the running service whether automatic updates are stopped, and resumes them, where it listens for this machine.

use std::process::ExitCode;

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::api::{ask, ask_for};
use super::ending::{blocking, no_answer, printed};
use crate::config::Config;
use crate::domain::fleet::{self, BrakeSeen, Fleet};
use crate::domain::reference::Tag;

/// What the service says.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    stopped: Option<Stopped>,
    #[serde(default)]
    released: Option<Released>,
    /// Why it says nothing.
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Stopped {
    why: String,
    since: DateTime<Utc>,
    failed: Vec<FailedUpdate>,
}

#[derive(Deserialize)]
struct FailedUpdate {
    workload: String,
    container: Box<str>,
    version: Tag,
    reason: String,
    at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Released {
    at: String,
    by: String,
}

/// Whether automatic updates are stopped, as the service says that runs here; where none does, whether they were, as records say,
/// which know nothing of a person who resumed them.
pub(super) async fn seen(config: &Config, fleet: &Fleet) -> Option<BrakeSeen> {
    let answer = ask(config, "brake", false).await.ok().filter(|answer| answer.status.is_success());
    let read: Option<Answer> = answer.and_then(|answer| serde_json::from_slice(&answer.body).ok());
    let Some(Answer { stopped, .. }) = read else {
        return fleet.stopped(None).map(BrakeSeen::WentOn);
    };
    let failed = |it: FailedUpdate| fleet::Failed {
        workload: it.workload,
        container: it.container,
        tag: it.version,
        reason: it.reason,
        at: it.at,
    };
    stopped.map(|Stopped { since, failed: all, .. }| {
        BrakeSeen::On(fleet::Stopped { since, failed: all.into_iter().map(failed).collect() })
    })
}

/// Whether automatic updates are stopped, after they were resumed by whoever says so, if that is wanted; and a line that says so.
///
/// # Errors
/// When the service does not run here, or does not take it.
pub(super) async fn brake(config: &Config, resume: bool, by: Option<&str>) -> anyhow::Result<(bool, String)> {
    let by: Vec<(&str, &str)> = by.map(|by| ("by", by)).into_iter().collect();
    let answer = if resume {
        ask_for(config, &["brake", "resume"], &by, true).await?
    } else {
        ask(config, "brake", false).await?
    };
    let read: Answer = serde_json::from_slice(&answer.body)?;
    if !answer.status.is_success() {
        bail!("{}", read.detail);
    }
    Ok(match (read.stopped, read.released) {
        (Some(stopped), _) => (true, format!("{}\nimage-watcher brake --resume resumes them\n", stopped.why)),
        (None, Some(Released { at, by })) => {
            (false, format!("automatic updates are not stopped; they were resumed {at} by {by}\n"))
        }
        (None, None) => (false, "automatic updates are not stopped\n".to_owned()),
    })
}

/// Says whether automatic updates are stopped, or resumes them.
pub(super) fn run(config: &Config, resume: bool, by: Option<&str>) -> ExitCode {
    match blocking(brake(config, resume, by)) {
        Ok((is_stopped, line)) => printed(&line, if is_stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
        Err(error) => no_answer(&error),
    }
}
