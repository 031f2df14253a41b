//! Asks the running service for looks, where it listens for this machine.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Deserialize;

use super::api::ask;
use super::ending::{WRONG_USAGE, blocking, no_answer, printed};
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

#[derive(Debug, Args)]
pub(super) struct LookArguments {
    /// Which workload: KIND/NAME or KIND NAME, as in deploy/web
    #[arg(value_name = "KIND/NAME", num_args = 1..=2, required_unless_present = "all", conflicts_with = "all")]
    subject: Vec<String>,
    /// The namespace of the workload
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// At everything that is watched
    #[arg(long)]
    all: bool,
}

/// Has the service look, and prints what at.
pub(super) fn run(config: &Config, arguments: &LookArguments) -> ExitCode {
    let subject = match Subject::parse(&arguments.subject, None) {
        _ if arguments.all => None,
        Ok(subject) => Some(subject),
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let at = subject.as_ref().map_or(At::Everything, |it| At::Workload(&arguments.namespace, it));
    match blocking(look(config, at)) {
        Ok(repositories) => printed(&repositories, ExitCode::SUCCESS),
        Err(error) => no_answer(&error),
    }
}
