//! Asks the running service whether automatic updates are stopped, and resumes them, where it listens for this machine.

use anyhow::bail;
use serde::Deserialize;

use super::look::ask;
use crate::config::Config;

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
}

#[derive(Deserialize)]
struct Released {
    at: String,
    by: String,
}

/// Whether automatic updates are stopped, after they were resumed if that is wanted; and a line that says so.
///
/// # Errors
/// When the service does not run here, or does not take it.
pub(super) async fn brake(config: &Config, resume: bool) -> anyhow::Result<(bool, String)> {
    let (path, is_post) = if resume { ("api/v1/brake/resume", true) } else { ("api/v1/brake", false) };
    let answer = ask(config, path, is_post).await?;
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
