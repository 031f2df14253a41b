//! The command line: which command, what it prints, how it ends.
//!
//! 0 for yes or done, 1 for a no that is an answer, 2 for wrong usage, 78 for a bad configuration.

mod check;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app;
use crate::cluster::ClusterConfig;
use crate::config::Config;

/// A no that is an answer: an update exists, a check failed.
const NO: u8 = 1;
/// `EX_CONFIG` of sysexits(3).
const BAD_CONFIGURATION: u8 = 78;

/// Keeps the container images of Kubernetes workloads up to date, or asks people with one link.
#[derive(Debug, Parser)]
#[command(name = "image-watcher", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default)
    Serve,
    /// Show every watched workload and what is available for it
    ///
    /// Reads cluster and registries directly; the service need not run. Exit status: 0 when everything is up to date,
    /// 1 when there is an update or a workload that can't be decided.
    #[command(
        after_help = "Examples:\n  image-watcher check -A\n  image-watcher check -n shop -o json | jq '.items[].available'"
    )]
    Check(CheckArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Which cluster and namespace, as kubectl takes them.
#[derive(Debug, Args)]
struct ClusterArguments {
    /// The kubeconfig context to use
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig file to use
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The namespace to look at; without it, the one of the context
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Columns for a person
    Table,
    /// More columns
    Wide,
    /// Names only, one a line
    Name,
    /// For programs, with a schema field
    Json,
    /// The same as YAML
    Yaml,
}

/// Runs the command line to its end.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>, variables: impl Iterator<Item = (String, String)>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let config = match Config::read(variables, &|path| std::fs::read_to_string(path)) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config),
        Command::Check(arguments) => check(&config, &arguments),
    }
}

fn serve(config: Config) -> ExitCode {
    crate::telemetry::start_logging(config.log_format, config.log_level);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(app::serve(config));
    // What does not end by itself after the drain is not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    tracing::error!(error = %crate::telemetry::chain(error), "image-watcher ends");
    ExitCode::FAILURE
}

fn check(config: &Config, arguments: &CheckArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(&error.into()),
    };
    let cluster =
        ClusterConfig { kubeconfig: arguments.cluster.kubeconfig.clone(), context: arguments.cluster.context.clone() };
    let namespace = match (&arguments.cluster.namespace, arguments.cluster.all_namespaces) {
        (_, true) => check::Scope::All,
        (Some(name), false) => check::Scope::Namespace(name.clone()),
        (None, false) => check::Scope::OfContext,
    };
    match runtime.block_on(check::check(config, &cluster, namespace)) {
        Ok(report) => {
            print!("{}", report.print(arguments.output));
            eprint!("{}", report.summary(arguments.output));
            if report.is_quiet() { ExitCode::SUCCESS } else { ExitCode::from(NO) }
        }
        Err(error) => told(&error),
    }
}

/// A command that could not give its answer.
fn told(error: &anyhow::Error) -> ExitCode {
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    eprintln!("image-watcher: {}", crate::telemetry::chain(error));
    ExitCode::from(NO)
}
