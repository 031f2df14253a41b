//! The command `explain`: what it reads, prints, and how it ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::{Report, Subject};
use crate::cli::Output;
use crate::cli::cluster_flags::ClusterArguments;
use crate::cli::ending::{WRONG_USAGE, blocking, no_answer, printed};
use crate::cli::terminal::Terminal;
use crate::config::Config;
use crate::domain::policy::{Order, Pattern, PatternError, Policy, Selection, Steps, Strategy};
use crate::domain::tags::TagList;

/// What `explain` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExplainArguments {
    /// Which workload: KIND/NAME or KIND NAME, as in deploy/web
    #[arg(value_name = "KIND/NAME", num_args = 1..=2, required_unless_present = "image", conflicts_with = "image")]
    subject: Vec<String>,
    /// Only this container
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(flatten)]
    pub(in crate::cli) list: ListArguments,
    /// Show every tag, not only groups of refused ones
    #[arg(long)]
    all: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// An image and a list of tags to explain without a cluster, and the settings that a workload would have.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    /// The running image, as in nginx:1.25.3-alpine
    #[arg(long, value_name = "IMAGE", requires = "tags")]
    pub(in crate::cli) image: Option<String>,
    /// A file of tags, one a line or as a registry answers; - for standard input
    #[arg(long, value_name = "FILE", requires = "image")]
    tags: Option<PathBuf>,
    /// ALL, MAJOR, MINOR or PATCH
    #[arg(long, requires = "image", default_value = "ALL")]
    strategy: Strategy,
    /// major or minor: never over one, the last of each first
    #[arg(long, requires = "image")]
    steps: Option<Steps>,
    /// Only tags in which this pattern is found
    #[arg(long, value_name = "REGEX", requires = "image")]
    include: Option<String>,
    /// No tag in which this pattern is found
    #[arg(long, value_name = "REGEX", requires = "image")]
    exclude: Option<String>,
    /// Take prereleases
    #[arg(long, requires = "image")]
    prerelease: bool,
    /// glob:PATTERN or regex:PATTERN instead of the rules
    #[arg(long, value_name = "PATTERN", requires = "image")]
    tag_policy: Option<String>,
    /// alphabetical, numeric or semver
    #[arg(long, requires = "tag_policy", default_value = "semver")]
    tag_order: Order,
    /// Tags never to propose
    #[arg(long, value_name = "TAG", requires = "image", value_delimiter = ',')]
    skip: Vec<String>,
}

impl ListArguments {
    /// The policy, or the argument that is wrong.
    pub(super) fn policy(&self) -> Result<Policy, WrongArgument> {
        let regex = |name, text: &Option<String>| {
            text.as_deref().map(Pattern::regex).transpose().map_err(|error| WrongArgument::Pattern(name, error))
        };
        if self.steps.is_some() && self.tag_order != Order::Semver {
            return Err(WrongArgument::Steps(self.tag_order));
        }
        let selection = self.tag_policy.as_deref().map(|text| Selection::parse(text, self.tag_order)).transpose();
        Ok(Policy {
            include: regex("--include", &self.include)?,
            exclude: regex("--exclude", &self.exclude)?,
            steps: self.steps,
            prerelease: self.prerelease,
            skip: self.skip.clone(),
            selection: selection.map_err(|error| WrongArgument::Pattern("--tag-policy", error))?,
            ..Policy::of(self.strategy)
        })
    }
}

/// An argument that is none of a policy. A pattern may be long, so the error doesn't repeat it.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongArgument {
    /// A pattern.
    #[error("{0}: {1}")]
    Pattern(&'static str, PatternError),
    /// Steps where tags are in another order than that of versions.
    #[error(
        "--steps: it is about versions, and --tag-order is {0}; use --tag-order semver, or leave one of the two out"
    )]
    Steps(Order),
}

/// Explains a workload, and prints.
pub(in crate::cli) fn run(config: &Config, terminal: Terminal, arguments: &ExplainArguments) -> ExitCode {
    let subject = match Subject::parse(&arguments.subject, arguments.container.clone()) {
        Ok(subject) => subject,
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let cluster = arguments.cluster.config(config);
    let namespace = arguments.cluster.namespace.as_deref();
    let report = blocking(super::explain(config, &cluster, namespace, &subject, arguments.all));
    shown(report, terminal, arguments.output)
}

/// Explains an image over a list of tags, and prints.
pub(in crate::cli) fn run_of_list(terminal: Terminal, arguments: &ExplainArguments) -> ExitCode {
    let image = arguments.list.image.as_deref().unwrap_or_default();
    let policy = match arguments.list.policy() {
        Ok(policy) => policy,
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let tags = tags_of(arguments.list.tags.as_deref());
    shown(tags.and_then(|tags| super::explain_list(image, &tags, &policy, arguments.all)), terminal, arguments.output)
}

fn tags_of(file: Option<&Path>) -> anyhow::Result<TagList> {
    let file = file.unwrap_or_else(|| Path::new("-"));
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("standard input can't be read")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?
    };
    super::read_tags(&text)
}

fn shown(report: anyhow::Result<Report>, terminal: Terminal, output: Output) -> ExitCode {
    match report {
        Ok(report) => printed(&output.to(terminal, report.print(output, terminal.form(false))), ExitCode::SUCCESS),
        Err(error) => no_answer(&error),
    }
}
