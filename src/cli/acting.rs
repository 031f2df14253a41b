//! The command lines of what acts on a workload, and of its history.

use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;

use super::act::{self, Deed, Done, How, To, Until};
use super::cluster_flags::ClusterFlags;
use super::explain::Subject;
use super::terminal::Terminal;
use super::{NO, Output, WRONG_USAGE, blocking, no_answer, printed};
use crate::config::Config;
use crate::domain::policy;
use crate::domain::reference::Tag;
use crate::domain::request::LONGEST_SNOOZE;

/// Which workload, and in which cluster, as kubectl takes it.
#[derive(Debug, Args)]
pub(super) struct WorkloadArguments {
    /// Which workload: KIND/NAME or KIND NAME, as in deploy/web
    #[arg(value_name = "KIND/NAME", num_args = 1..=2, required = true)]
    subject: Vec<String>,
    /// Which of its containers
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// The namespace of the workload; without it, the one of the context
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// How it is done.
#[derive(Debug, Args)]
struct HowArguments {
    /// Do it without asking; needed where standard input is no terminal
    #[arg(short, long)]
    yes: bool,
    /// Show what would be written, have the API server judge it, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// In the place of what somebody asked before, and the service has not taken over yet
    #[arg(long)]
    replace: bool,
}

/// Whether a rollout is followed.
#[derive(Debug, Args)]
struct WaitArguments {
    /// Follow the rollout until it is healthy or failed
    #[arg(long)]
    wait: bool,
    /// For how long at most, as 10m
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = policy::duration)]
    timeout: TimeDelta,
}

#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Without the line of headings
    #[arg(long)]
    no_headers: bool,
}

#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// Also while image-watcher/window is closed
    #[arg(long)]
    outside_window: bool,
    #[command(flatten)]
    how: HowArguments,
    #[command(flatten)]
    wait: WaitArguments,
}

#[derive(Debug, Args)]
pub(super) struct SkipArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// Take what was skipped out of image-watcher/skip again instead
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    how: HowArguments,
}

#[derive(Debug, Args)]
pub(super) struct SnoozeArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// For how long, as 7d; 90d at most
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = snooze, conflicts_with = "clear")]
    length: TimeDelta,
    /// End it instead
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    how: HowArguments,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    /// To this version of the history, by the digest that it had then; without it, to what ran before the last update
    #[arg(long, value_name = "VERSION", conflicts_with = "entry", value_parser = tag)]
    to: Option<Tag>,
    /// To the version of this entry of the history, by its number
    #[arg(long, value_name = "NUMBER")]
    entry: Option<usize>,
    #[command(flatten)]
    how: HowArguments,
    #[command(flatten)]
    wait: WaitArguments,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    how: HowArguments,
}

fn tag(text: &str) -> Result<Tag, crate::domain::reference::ReferenceError> {
    Tag::parse(text)
}

fn snooze(text: &str) -> Result<TimeDelta, String> {
    match policy::duration(text) {
        Ok(length) if length > TimeDelta::zero() && length <= LONGEST_SNOOZE => Ok(length),
        Ok(_) => Err("a question is put off for 90d at most".to_owned()),
        Err(_) => {
            Err(format!("{text:?} is no duration; write numbers with their units, as 12h, 7d or 1d12h, up to 90 days"))
        }
    }
}

/// A command that acts.
pub(super) trait Acts {
    fn workload(&self) -> &WorkloadArguments;
    fn deed(&self) -> Deed;
    fn how(&self, terminal: Terminal) -> How;
}

impl HowArguments {
    fn how(&self, terminal: Terminal, wait: Option<&WaitArguments>) -> How {
        let wait = wait.filter(|wait| wait.wait);
        let wait = wait.map(|wait| wait.timeout.to_std().unwrap_or(Duration::ZERO));
        How { yes: self.yes, dry_run: self.dry_run, replace: self.replace, wait, terminal }
    }
}

impl Acts for ApproveArguments {
    fn workload(&self) -> &WorkloadArguments {
        &self.workload
    }
    fn deed(&self) -> Deed {
        Deed::Approve { outside_window: self.outside_window }
    }
    fn how(&self, terminal: Terminal) -> How {
        self.how.how(terminal, Some(&self.wait))
    }
}

impl Acts for SkipArguments {
    fn workload(&self) -> &WorkloadArguments {
        &self.workload
    }
    fn deed(&self) -> Deed {
        Deed::Skip { clear: self.clear }
    }
    fn how(&self, terminal: Terminal) -> How {
        self.how.how(terminal, None)
    }
}

impl Acts for SnoozeArguments {
    fn workload(&self) -> &WorkloadArguments {
        &self.workload
    }
    fn deed(&self) -> Deed {
        Deed::Snooze { until: if self.clear { Until::Cleared } else { Until::For(self.length) } }
    }
    fn how(&self, terminal: Terminal) -> How {
        self.how.how(terminal, None)
    }
}

impl Acts for RollbackArguments {
    fn workload(&self) -> &WorkloadArguments {
        &self.workload
    }
    fn deed(&self) -> Deed {
        Deed::Rollback { to: self.to.clone().map(To::Version).or(self.entry.map(To::Entry)) }
    }
    fn how(&self, terminal: Terminal) -> How {
        self.how.how(terminal, Some(&self.wait))
    }
}

impl Acts for ResumeArguments {
    fn workload(&self) -> &WorkloadArguments {
        &self.workload
    }
    fn deed(&self) -> Deed {
        Deed::Resume
    }
    fn how(&self, terminal: Terminal) -> How {
        self.how.how(terminal, None)
    }
}

impl WorkloadArguments {
    fn subject(&self) -> Result<Subject, ExitCode> {
        Subject::parse(&self.subject, self.container.clone()).map_err(|error| {
            eprintln!("image-watcher: {error}");
            ExitCode::from(WRONG_USAGE)
        })
    }
}

/// Does what a command line says.
pub(super) fn run(config: &Config, terminal: Terminal, arguments: &impl Acts) -> ExitCode {
    let workload = arguments.workload();
    let subject = match workload.subject() {
        Ok(subject) => subject,
        Err(code) => return code,
    };
    let (cluster, namespace) = (workload.cluster.config(config), workload.namespace.as_deref());
    let (deed, how) = (arguments.deed(), arguments.how(terminal));
    match blocking(act::act(config, &cluster, namespace, &subject, &deed, &how)) {
        Ok(Done::Yes) => ExitCode::SUCCESS,
        Ok(Done::No) => ExitCode::from(NO),
        Ok(Done::Unconfirmed) => ExitCode::from(WRONG_USAGE),
        Err(error) => no_answer(&error),
    }
}

/// Shows the history of a workload.
pub(super) fn history(config: &Config, terminal: Terminal, arguments: &HistoryArguments) -> ExitCode {
    let workload = &arguments.workload;
    let subject = match workload.subject() {
        Ok(subject) => subject,
        Err(code) => return code,
    };
    let cluster = workload.cluster.config(config);
    match blocking(super::history::history(config, &cluster, workload.namespace.as_deref(), &subject)) {
        Ok(report) => {
            let text = report.print(arguments.output, terminal.form(arguments.no_headers));
            printed(&arguments.output.to(terminal, text), ExitCode::SUCCESS)
        }
        Err(error) => no_answer(&error),
    }
}
