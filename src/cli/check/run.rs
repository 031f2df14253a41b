//! The command `check`: what it reads, prints, and how it ends.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;

use super::{Namespaces, Output, Report, Which};
use crate::cli::cluster_flags::ClusterArguments;
use crate::cli::ending::{NO, WRONG_USAGE, blocking, no_answer, printed, printed_on};
use crate::cli::terminal::Terminal;
use crate::config::Config;
use crate::domain::policy::duration;

/// What `check` is told.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArguments {
    /// Manifests to check in place of a cluster; - for standard input
    #[arg(value_name = "FILE|DIR", conflicts_with_all = ["context", "kubeconfig", "namespace", "all_namespaces"])]
    files: Vec<PathBuf>,
    /// Of files, only workloads that the service would watch: those with annotations of its own
    #[arg(long, requires = "files")]
    watched: bool,
    /// Only this container of each
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    /// Only workloads with these labels, as in app=web,tier!=cache
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "files")]
    selector: Option<String>,
    /// Look again and again, and print what is another then, until it is ended by Ctrl-C
    #[arg(short, long, conflicts_with = "files")]
    watch: bool,
    /// How long after the end of one look the next begins, 5s at least
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = every, requires = "watch")]
    every: Duration,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Without the line of headings
    #[arg(long)]
    no_headers: bool,
}

fn every(text: &str) -> Result<Duration, String> {
    let length = duration(text).map_err(|error| error.to_string())?;
    if length < TimeDelta::seconds(5) { Err("5s at least".to_owned()) } else { Ok(length.to_std().unwrap_or_default()) }
}

/// Checks, and prints.
pub(in crate::cli) fn run(config: &Config, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
    if !arguments.files.is_empty() {
        return check_files(config, terminal, arguments);
    }
    let cluster = arguments.cluster.config(config);
    let namespaces = match (&arguments.cluster.namespace, arguments.cluster.all_namespaces) {
        (_, true) => Namespaces::All,
        (Some(name), false) => Namespaces::Named(name.clone()),
        (None, false) => Namespaces::OfContext,
    };
    let selector = arguments.selector.clone();
    let which = Which { namespaces, selector, container: arguments.container.clone() };
    if arguments.watch {
        let (output, form) = (arguments.output, terminal.form(arguments.no_headers));
        let print = |text: String| printed_on(&output.to(terminal, text));
        return match blocking(super::watch(config, &cluster, &which, (output, form), arguments.every, print)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => no_answer(&error),
        };
    }
    checked(blocking(super::check(config, &cluster, &which)), terminal, arguments)
}

fn check_files(config: &Config, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
    // The certificates of the machine are often hundreds of small files: they are read beside those that were asked for.
    let (outbound, files) = std::thread::scope(|scope| {
        let outbound = scope.spawn(|| config.outbound());
        let files = super::read(&arguments.files, arguments.watched);
        (outbound.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), files)
    });
    match files {
        Ok(files) => {
            let report = blocking(super::check_files(config, outbound, files));
            checked(report.map(|report| report.of(arguments.container.as_deref())), terminal, arguments)
        }
        Err(error) => {
            eprintln!("image-watcher: {}", crate::telemetry::chain(&error));
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn checked(report: anyhow::Result<Report>, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
    let output = arguments.output;
    match report {
        Ok(report) => {
            let code = if report.is_quiet() { ExitCode::SUCCESS } else { ExitCode::from(NO) };
            let text = report.print(output, terminal.form(arguments.no_headers));
            let code = printed(&output.to(terminal, text), code);
            eprint!("{}", terminal.text(report.summary(output)));
            code
        }
        Err(error) => no_answer(&error),
    }
}
