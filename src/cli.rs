//! The command line: which command, what it prints, how it ends.
//!
//! 0 for yes or done, 1 for a no that is an answer, 2 for wrong usage, 78 for a bad configuration.

mod act;
mod acting;
mod api;
mod brake;
mod check;
mod cluster_flags;
mod completion;
mod config;
mod deliveries;
mod doctor;
mod document;
#[cfg(test)]
mod documents;
mod explain;
mod history;
mod interrupt;
mod look;
mod manual;
mod marks;
mod migrate;
mod notes;
mod notify_test;
mod policy;
mod queue;
#[cfg(test)]
mod schemas;
mod secrets;
#[cfg(test)]
mod snapshots;
mod table;
mod terminal;
mod version;
mod webhook;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::TimeDelta;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use self::cluster_flags::{ClusterArguments, ClusterFlags};
use self::terminal::{ColourChoice, Terminal};
use crate::app;
use crate::config::{Config, ConfigError, Problem};
use crate::domain::policy::{self as policies, Order, Pattern, PatternError, Policy, Selection, Steps, Strategy};
use crate::domain::settings::Bounds;
use crate::domain::tags::TagList;

/// A no that is an answer: an update exists, a check failed.
const NO: u8 = 1;
/// A command that was not understood.
const WRONG_USAGE: u8 = 2;
/// `EX_CONFIG` of sysexits(3).
const BAD_CONFIGURATION: u8 = 78;

/// Keeps the container images of Kubernetes workloads up to date, or asks people with one link.
#[derive(Debug, Parser)]
#[command(name = "image-watcher", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Whether there are colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: ColourChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service (the default)
    ///
    /// With --dry-run everything is decided and told as «would», and nothing is written to the cluster: no image, no annotation,
    /// no Event. There is a variable for it, too.
    #[command(after_help = "Examples:\n  image-watcher\n  image-watcher serve --dry-run")]
    Serve {
        /// Write nothing to the cluster
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what is available for every watched workload, or for every image in files
    ///
    /// Reads cluster and registries directly; the service need not run. With files it needs no cluster: manifests,
    /// the output of kustomize and Helm, folders of them, - for standard input. There every image is checked, with the
    /// settings of its workload's annotations, if it has any. Exit status: 0 when everything is up to date, 1 when there is
    /// an update, one that is under way or failed, something that can't be decided, or a namespace or document that can't
    /// be read, 2 when a file is not there.
    #[command(
        after_help = "Examples:\n  image-watcher check -A\n  image-watcher check -n shop -o json | jq '.items[].available'\n  image-watcher check deploy/ -o sarif > images.sarif\n  helm template web ./chart | image-watcher check - -o junit > images.xml"
    )]
    Check(CheckArguments),
    /// Show why a workload goes to a tag, or to none: every candidate, and the rule that says so
    ///
    /// Reads cluster and registry directly. With --image and --tags it needs neither. Exit status: 0 when there is an
    /// explanation, 1 when cluster, registry or file give no answer.
    #[command(
        after_help = "Examples:\n  image-watcher explain deploy/web -n shop\n  image-watcher explain --image nginx:1.25.3-alpine --tags tags.txt --strategy MINOR"
    )]
    Explain(Box<ExplainArguments>),
    /// Show the updates of a workload, newest first: when, by whom, and how they ended
    ///
    /// Reads what the workload carries; the service need not run. Exit status: 0 when it was read, 1 when it could not be.
    #[command(
        after_help = "Examples:\n  image-watcher history deploy/web -n shop\n  image-watcher history sts/db -o json | jq '.items[] | select(.outcome == \"failed\")'"
    )]
    History(acting::HistoryArguments),
    /// Apply the update that people are asked about
    ///
    /// Writes the image under your own Kubernetes rights (patch on the workload), by the digest that was asked about, if it would be
    /// asked about still: registry and settings are asked again. The service tells it as your word and follows it as any update.
    /// Exit status: 0 when it is written, with --wait when it is healthy; 1 when it is refused or not healthy; 2 when nobody
    /// confirmed it.
    #[command(
        after_help = "Examples:\n  image-watcher approve deploy/web -n shop\n  image-watcher approve deploy/web -c web --yes --wait --timeout 10m"
    )]
    Approve(acting::ApproveArguments),
    /// Never propose the version that people are asked about
    ///
    /// Adds it to image-watcher/skip, under your own rights. Exit status: 0 when it is written, 1 when nobody is asked, 2 when
    /// nobody confirmed it.
    #[command(
        after_help = "Examples:\n  image-watcher skip deploy/web -n shop --yes\n  image-watcher skip deploy/web --clear"
    )]
    Skip(acting::SkipArguments),
    /// Tell nobody of the open question before a time
    ///
    /// Asks the service by image-watcher/request, under your own rights. Exit status: 0 when it is written, 1 when nobody is
    /// asked, 2 when nobody confirmed it.
    #[command(
        after_help = "Examples:\n  image-watcher snooze deploy/web -n shop --for 14d --yes\n  image-watcher snooze deploy/web --clear"
    )]
    Snooze(acting::SnoozeArguments),
    /// Go back to what ran before, exactly as it ran
    ///
    /// Writes the image under your own rights. What is left is held: it is not applied again by itself. Exit status: 0 when it is
    /// written, with --wait when it is healthy; 1 when it is refused or not healthy; 2 when nobody confirmed it.
    #[command(
        after_help = "Examples:\n  image-watcher rollback deploy/web -n shop --wait\n  image-watcher rollback deploy/web --to 1.2.0 --dry-run\n  image-watcher rollback deploy/web --entry 2 --yes"
    )]
    Rollback(acting::RollbackArguments),
    /// Hold a version no more that somebody set back, or that failed
    ///
    /// Asks the service by image-watcher/request, under your own rights. It deploys nothing: people are asked about the version
    /// next. Exit status: 0 when it is written, 1 when nothing is held, 2 when nobody confirmed it.
    #[command(
        after_help = "Examples:\n  image-watcher resume deploy/web -n shop\n  image-watcher resume deploy/web -c web --dry-run"
    )]
    Resume(acting::ResumeArguments),
    /// Have the running service look at a workload's repositories now, or at all of them
    ///
    /// Run it where the service runs, as it asks the private listener. Prints the repositories that are looked at, one a
    /// line; what comes of it is seen with explain, on the workloads and in messages. Exit status: 0 when it is queued, 1 when
    /// the service does not answer, or watches no such workload.
    #[command(
        after_help = "Examples:\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher look deploy/web -n shop\n  image-watcher look --all"
    )]
    Look(LookArguments),
    /// Say whether automatic updates are stopped, as too many of the last failed, or resume them
    ///
    /// Run it where the service runs, as it asks the private listener. Exit status: 0 when they are not stopped, 1 when they
    /// are, or when the service does not answer.
    #[command(
        after_help = "Examples:\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher brake\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher brake --resume"
    )]
    Brake {
        /// Apply updates by themselves again
        #[arg(long)]
        resume: bool,
        /// Who resumes them, as history and messages name it
        #[arg(long, value_name = "NAME", requires = "resume")]
        by: Option<String>,
    },
    /// Show which messages wait, failed or were given up; send those again, or throw them away
    ///
    /// Run it where the service runs, as it asks the private listener. The newest come first. What a message says is not shown.
    /// Exit status: 0 when it is done, 1 when the service does not answer, knows no such message, or it was not given up.
    #[command(
        after_help = "Examples:\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher deliveries --state dead\n  image-watcher deliveries retry --channel email"
    )]
    Deliveries(deliveries::DeliveriesArguments),
    /// Move the queue from the file to NATS, or back, with the service stopped
    ///
    /// Exit status: 0 when it is done, 1 when it is not.
    #[command(
        after_help = "Examples:\n  image-watcher queue move --to nats --dry-run\n  image-watcher queue move --to sqlite"
    )]
    Queue(queue::QueueArguments),
    /// Send one real message, marked TEST, to each recipient of a channel
    ///
    /// It goes the same way as every other: proxy, trust, credentials. Exit status: 0 when every message was taken, 1 when one was
    /// not.
    #[command(
        after_help = "Examples:\n  image-watcher notify-test email\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher notify-test --dry-run"
    )]
    NotifyTest(notify_test::NotifyTestArguments),
    /// Say what is needed and what is missing: cluster, webhook sources, channels
    ///
    /// Run it where the service runs, so that it can ask the private listener how the sources are doing. Exit status: 0 when
    /// nothing failed, 1 when something did; a warning is no failure.
    #[command(
        after_help = "Examples:\n  image-watcher doctor\n  image-watcher doctor --pre -n shop\n  image-watcher doctor -o json | jq '.categories[].checks[] | select(.result != \"ok\")'"
    )]
    Doctor(DoctorArguments),
    /// Say what the settings of Keel, WUD or the original image-watcher come to here
    ///
    /// Reads the workloads of a cluster, or manifests, and prints what sets our annotations and takes the other's away, and what
    /// has no equal. It writes nothing. Exit status: 0 when it is printed, 1 when there is nothing of that tool, or something
    /// can't be read, 2 when a file is not there.
    #[command(
        after_help = "Examples:\n  image-watcher migrate keel -n shop\n  image-watcher migrate keel -f deploy/ -o patch > patches.yaml\n  helm template web ./chart | image-watcher migrate wud -f - | sh"
    )]
    Migrate(migrate::MigrateArguments),
    /// Say which versions there are: of this program, of the service, and of the cluster
    ///
    /// The service is asked where it listens for this machine, so in its pod or behind a port-forward; the cluster by its API
    /// server. What does not answer is said, and is no fault. A service that is more than one minor version away is warned of on
    /// standard error. Exit status: 0.
    #[command(after_help = "Examples:\n  image-watcher version\n  image-watcher version -o json | jq -r .client")]
    Version(VersionArguments),
    /// Print what makes a shell complete commands, flags, namespaces and workloads
    ///
    /// Namespaces, contexts and workloads are asked of kubectl, for two seconds at most, and nothing is said where it does not
    /// answer. Exit status: 0.
    #[command(
        after_help = "Examples:\n  source <(image-watcher completion bash)\n  image-watcher completion fish > ~/.config/fish/completions/image-watcher.fish\n  image-watcher completion powershell | Out-String | Invoke-Expression"
    )]
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: completion::Shell,
    },
    /// Print the manual page of all commands
    ///
    /// As man(1) takes it. Exit status: 0.
    #[command(
        after_help = "Examples:\n  image-watcher man | man -l -\n  image-watcher man > /usr/local/share/man/man1/image-watcher.1"
    )]
    Man,
    /// Decide over tag lists: cases on standard input, one JSON object a line
    ///
    /// A case has id, current, tags, strategy and options. One line out for each case, in the same order: the tag to go to, or
    /// null, and the reason. A line that is no case gets an error, and the rest goes on. Exit status: 0 when all of the
    /// input was read.
    #[command(
        after_help = "Examples:\n  image-watcher policy < cases.jsonl\n  echo '{\"id\":1,\"current\":\"1.25.3\",\"tags\":[\"1.25.4\"],\"strategy\":\"PATCH\"}' | image-watcher policy"
    )]
    Policy,
    /// Read release notes as the service does: cases on standard input, one JSON object a line
    ///
    /// A case has id, from, to and notes, a list of version and markdown. One line out for each case: gate, whether the notes
    /// declare anything that makes an automatic update a question; kinds (breaking, manual, migration); rollback, off where data
    /// are migrated; and lines, what people are shown. A line that is no case is told on standard error, and the rest goes on.
    /// Exit status: 0 when every line was a case, 1 when one was none.
    #[command(
        after_help = "Examples:\n  image-watcher notes < cases.jsonl\n  echo '{\"id\":1,\"from\":\"1.0\",\"to\":\"2.0\",\"notes\":[{\"version\":\"2.0\",\"markdown\":\"- feat!: drop v1\"}]}' | image-watcher notes"
    )]
    Notes,
    /// Hash a password from standard input, for auth.users of the configuration file
    ///
    /// Prints one line: the hash in the text form of Argon2id, which says how a password is checked and not what it is. The end of
    /// the line is no part of the password. Exit status: 0 when it is printed, 2 when there is no password of 8 characters or
    /// more.
    #[command(
        after_help = "Examples:\n  printf %s \"$PASSWORD\" | image-watcher hash-password\n  image-watcher hash-password < password.txt > password.hash"
    )]
    HashPassword,
    /// Make a token for a program, for auth.tokens of the configuration file
    ///
    /// Prints two lines: the token, which the program shows as Authorization: Bearer, and its hash, which the file holds. The token is
    /// kept nowhere else. Exit status: 0.
    #[command(
        after_help = "Examples:\n  image-watcher new-token\n  image-watcher new-token | tee >(tail -1 > token.hash) | head -1 > token"
    )]
    NewToken,
    /// Show the configuration in force, and where each value comes from
    ///
    /// Secrets are shown by their length. With --check a file is read as the service would, beside the variables that are set
    /// here; files that it names have to be there, too. Exit status: 0 when it can be used, 78 when not.
    #[command(
        after_help = "Examples:\n  kubectl -n image-watcher exec deploy/image-watcher -- /image-watcher config\n  image-watcher config --check config.yaml\n  image-watcher config --schema > config.schema.json"
    )]
    Config(config::ConfigArguments),
    /// Replay captured deliveries of registries through the real route
    ///
    /// Each argument is a NAME.meta.json that says how a delivery arrived and how its source is set up; the body is
    /// beside it in NAME.json. One JSON line out for each: the status, and the pushes that were understood. Nothing is sent,
    /// and no service has to run. Exit status: 0 when all could be replayed, 1 when one could not.
    #[command(
        after_help = "Examples:\n  image-watcher webhook deliveries/github-push.meta.json\n  image-watcher webhook deliveries/*.meta.json | jq -c 'select(.status >= 400)'"
    )]
    Webhook {
        /// Descriptions of deliveries
        #[arg(value_name = "META", required = true)]
        metas: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct CheckArguments {
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
    every: std::time::Duration,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = check::Output::Table)]
    output: check::Output,
    /// Without the line of headings
    #[arg(long)]
    no_headers: bool,
}

fn every(text: &str) -> Result<std::time::Duration, String> {
    let length = policies::duration(text).map_err(|error| error.to_string())?;
    if length < TimeDelta::seconds(5) { Err("5s at least".to_owned()) } else { Ok(length.to_std().unwrap_or_default()) }
}

#[derive(Debug, Args)]
struct LookArguments {
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

#[derive(Debug, Args)]
struct DoctorArguments {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Look at this namespace alone; without it, at those that the service watches
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    #[arg(short = 'A', long, help = "Look at all namespaces; where IMAGE_WATCHER_NAMESPACES is set, at those")]
    all_namespaces: bool,
    /// Before an install: what needs no running service
    #[arg(long)]
    pre: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
struct VersionArguments {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// Which workload: KIND/NAME or KIND NAME, as in deploy/web
    #[arg(value_name = "KIND/NAME", num_args = 1..=2, required_unless_present = "image", conflicts_with = "image")]
    subject: Vec<String>,
    /// Only this container
    #[arg(short, long, value_name = "NAME")]
    container: Option<String>,
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(flatten)]
    list: ListArguments,
    /// Show every tag, not only groups of refused ones
    #[arg(long)]
    all: bool,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// An image and a list of tags to explain without a cluster, and the settings that a workload would have.
#[derive(Debug, Args)]
struct ListArguments {
    /// The running image, as in nginx:1.25.3-alpine
    #[arg(long, value_name = "IMAGE", requires = "tags")]
    image: Option<String>,
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
    fn policy(&self) -> Result<Policy, WrongArgument> {
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
enum WrongArgument {
    /// A pattern.
    #[error("{0}: {1}")]
    Pattern(&'static str, PatternError),
    /// Steps where tags are in another order than that of versions.
    #[error(
        "--steps: it is about versions, and --tag-order is {0}; use --tag-order semver, or leave one of the two out"
    )]
    Steps(Order),
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

impl Output {
    /// What is printed, in letters that the reader's terminal shows; what is for programs is left as it is.
    fn to(self, terminal: Terminal, text: String) -> String {
        match self {
            Self::Table | Self::Wide => terminal.text(text),
            Self::Name | Self::Json | Self::Yaml => text,
        }
    }
}

/// Runs the command line to its end.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>, variables: impl Iterator<Item = (String, String)>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match parsed(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let variables: Vec<(String, String)> = variables.collect();
    let terminal = Terminal::of(cli.color, &variables);
    let command = cli.command.unwrap_or(Command::Serve { dry_run: false });
    match command {
        Command::Policy => policy(),
        Command::Notes => notes_of_cases(),
        Command::Webhook { metas } => webhook(&metas),
        Command::Config(arguments) => config::run(&arguments, variables.into_iter()),
        Command::HashPassword => secrets::hash_password(),
        Command::NewToken => secrets::new_token(),
        Command::Completion { shell } => printed(&completion::script(shell, &mut Cli::command()), ExitCode::SUCCESS),
        Command::Man => printed(&manual::page(&mut Cli::command()), ExitCode::SUCCESS),
        Command::Explain(arguments) if arguments.list.image.is_some() => explain_list(terminal, &arguments),
        command => run_configured(variables.into_iter(), terminal, command),
    }
}

/// Whether a command asks the service that runs, or reads what stands on workloads: a file that was broken meanwhile is no reason
/// not to, though its exit status says so.
fn goes_by_what_runs(command: &Command) -> bool {
    matches!(
        command,
        Command::History(_)
            | Command::Look(_)
            | Command::Brake { .. }
            | Command::Deliveries(_)
            | Command::Doctor(_)
            | Command::Version(_)
    )
}

/// Runs a command with a configuration that is understood, or that says enough for it beside what is wrong.
fn run_with((config, wrong): (Config, &[Problem]), terminal: Terminal, command: Command) -> ExitCode {
    match command {
        Command::Serve { dry_run } => {
            let dry_run = dry_run || config.dry_run;
            serve(Config { dry_run, ..config })
        }
        Command::Explain(arguments) => explain(&config, terminal, &arguments),
        Command::History(arguments) => acting::history(&config, terminal, &arguments),
        Command::Approve(arguments) => acting::run(&config, terminal, &arguments),
        Command::Skip(arguments) => acting::run(&config, terminal, &arguments),
        Command::Snooze(arguments) => acting::run(&config, terminal, &arguments),
        Command::Rollback(arguments) => acting::run(&config, terminal, &arguments),
        Command::Resume(arguments) => acting::run(&config, terminal, &arguments),
        Command::Look(arguments) => look(&config, &arguments),
        Command::Brake { resume, by } => brake(&config, resume, by.as_deref()),
        Command::Deliveries(arguments) => match blocking(deliveries::deliveries(&config, &arguments)) {
            Ok(text) => printed(&text, ExitCode::SUCCESS),
            Err(error) => no_answer(&error),
        },
        Command::Queue(arguments) => match blocking(queue::queue(&config, &arguments)) {
            Ok((text, told)) => {
                let code = printed(&text, ExitCode::SUCCESS);
                eprint!("{told}");
                code
            }
            Err(error) => no_answer(&error),
        },
        Command::NotifyTest(arguments) => match blocking(notify_test::notify_test(&config, &arguments)) {
            Ok(ended) => printed(&ended.text, if ended.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            Err(error) => no_answer(&error),
        },
        Command::Check(arguments) => check(&config, terminal, &arguments),
        Command::Version(arguments) => version(&config, &arguments),
        Command::Migrate(arguments) => migrate(&config, &arguments),
        Command::Doctor(arguments) => doctor((&config, wrong), terminal, &arguments),
        // What needs no configuration was run without it.
        Command::Policy
        | Command::Notes
        | Command::Webhook { .. }
        | Command::Config(_)
        | Command::HashPassword
        | Command::NewToken
        | Command::Completion { .. }
        | Command::Man => ExitCode::SUCCESS,
    }
}

/// The command line, read under the name that it was called by.
fn parsed(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let name = arguments.first().map(std::path::Path::new).and_then(std::path::Path::file_stem);
    let is_plugin = name.is_some_and(|name| name == PLUGIN);
    let matches = called(Cli::command(), is_plugin).try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

/// What kubectl calls where somebody types `kubectl image-watcher`.
const PLUGIN: &str = "kubectl-image_watcher";

/// The command as whoever called it types it: of kubectl as a plugin, or by its own name.
fn called(command: clap::Command, is_plugin: bool) -> clap::Command {
    if !is_plugin {
        return command;
    }
    let command = command.bin_name("kubectl image-watcher");
    command.mut_subcommands(|command| {
        let examples =
            command.get_after_help().map(|help| help.to_string().replace("  image-watcher", "  kubectl image-watcher"));
        match examples {
            Some(examples) => command.after_help(examples.replace("| image-watcher", "| kubectl image-watcher")),
            None => command,
        }
    })
}

/// The configuration as far as it is understood, and what of it is not.
fn configured(variables: impl Iterator<Item = (String, String)>) -> (Config, Option<ConfigError>) {
    let now = crate::ambient::Ambient::system().now();
    Config::read_as_far_as_it_goes(variables, &|path| std::fs::read_to_string(path), now)
}

fn misconfigured(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(BAD_CONFIGURATION)
}

/// Runs a command that needs the configuration.
fn run_configured(variables: impl Iterator<Item = (String, String)>, terminal: Terminal, command: Command) -> ExitCode {
    match (configured(variables), command) {
        ((config, None), command) => run_with((config, &[]), terminal, command),
        ((config, Some(error)), command) if error.is_of_the_file() && goes_by_what_runs(&command) => {
            let code = misconfigured(&error);
            eprintln!("A service that runs goes on by what was in force before.\n");
            run_with((config, &error.problems), terminal, command);
            code
        }
        ((_, Some(error)), _) => misconfigured(&error),
    }
}

fn serve(mut config: Config) -> ExitCode {
    let (tracer, spans) = config.traces.take().map(crate::traces::start).unzip();
    crate::telemetry::start_logging(config.log_format, config.log_level, tracer);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(app::serve(config, spans));
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

/// What settings of workloads are read under. At a terminal the channels of the service are often not configured: then
/// it is not known which there are.
fn bounds(config: &Config) -> Bounds {
    let bounds = config.bounds();
    if config.channels.is_empty() { Bounds { channels: None, ..bounds } } else { bounds }
}

fn check(config: &Config, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
    if !arguments.files.is_empty() {
        return check_files(config, terminal, arguments);
    }
    let cluster = arguments.cluster.config(config);
    let namespaces = match (&arguments.cluster.namespace, arguments.cluster.all_namespaces) {
        (_, true) => check::Namespaces::All,
        (Some(name), false) => check::Namespaces::Named(name.clone()),
        (None, false) => check::Namespaces::OfContext,
    };
    let selector = arguments.selector.clone();
    let which = check::Which { namespaces, selector, container: arguments.container.clone() };
    if arguments.watch {
        let (output, form) = (arguments.output, terminal.form(arguments.no_headers));
        let print = |text: String| printed_on(&output.to(terminal, text));
        return match blocking(check::watch(config, &cluster, &which, (output, form), arguments.every, print)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => no_answer(&error),
        };
    }
    checked(blocking(check::check(config, &cluster, &which)), terminal, arguments)
}

fn check_files(config: &Config, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
    // The certificates of the machine are often hundreds of small files: they are read beside those that were asked for.
    let (outbound, files) = std::thread::scope(|scope| {
        let outbound = scope.spawn(|| config.outbound());
        let files = check::read(&arguments.files, arguments.watched);
        (outbound.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), files)
    });
    match files {
        Ok(files) => {
            let report = blocking(check::check_files(config, outbound, files));
            checked(report.map(|report| report.of(arguments.container.as_deref())), terminal, arguments)
        }
        Err(error) => {
            eprintln!("image-watcher: {}", crate::telemetry::chain(&error));
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn checked(report: anyhow::Result<check::Report>, terminal: Terminal, arguments: &CheckArguments) -> ExitCode {
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

fn migrate(config: &Config, arguments: &migrate::MigrateArguments) -> ExitCode {
    match blocking(migrate::migrate(config, arguments)) {
        Ok(report) => {
            let code = if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(NO) };
            let code = printed(&report.print(arguments.output), code);
            eprint!("{}", report.summary());
            code
        }
        Err(error) if error.is::<check::Missing>() => {
            no_answer(&error);
            ExitCode::from(WRONG_USAGE)
        }
        Err(error) => no_answer(&error),
    }
}

fn version(config: &Config, arguments: &VersionArguments) -> ExitCode {
    let cluster = arguments.cluster.config(config);
    match blocking(async { Ok(version::version(config, &cluster).await) }) {
        Ok(report) => {
            let code = printed(&report.print(arguments.output), ExitCode::SUCCESS);
            eprint!("{}", report.warning());
            code
        }
        Err(error) => no_answer(&error),
    }
}

fn explain(config: &Config, terminal: Terminal, arguments: &ExplainArguments) -> ExitCode {
    let subject = match explain::Subject::parse(&arguments.subject, arguments.container.clone()) {
        Ok(subject) => subject,
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let cluster = arguments.cluster.config(config);
    let namespace = arguments.cluster.namespace.as_deref();
    let report = blocking(explain::explain(config, &cluster, namespace, &subject, arguments.all));
    shown(report, terminal, arguments.output)
}

fn look(config: &Config, arguments: &LookArguments) -> ExitCode {
    let subject = match explain::Subject::parse(&arguments.subject, None) {
        _ if arguments.all => None,
        Ok(subject) => Some(subject),
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let at = subject.as_ref().map_or(look::At::Everything, |it| look::At::Workload(&arguments.namespace, it));
    match blocking(look::look(config, at)) {
        Ok(repositories) => printed(&repositories, ExitCode::SUCCESS),
        Err(error) => no_answer(&error),
    }
}

fn brake(config: &Config, resume: bool, by: Option<&str>) -> ExitCode {
    match blocking(brake::brake(config, resume, by)) {
        Ok((is_stopped, line)) => printed(&line, if is_stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS }),
        Err(error) => no_answer(&error),
    }
}

fn explain_list(terminal: Terminal, arguments: &ExplainArguments) -> ExitCode {
    let image = arguments.list.image.as_deref().unwrap_or_default();
    let policy = match arguments.list.policy() {
        Ok(policy) => policy,
        Err(error) => {
            eprintln!("image-watcher: {error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let tags = tags_of(arguments.list.tags.as_deref());
    shown(tags.and_then(|tags| explain::explain_list(image, &tags, &policy, arguments.all)), terminal, arguments.output)
}

fn tags_of(file: Option<&std::path::Path>) -> anyhow::Result<TagList> {
    let file = file.unwrap_or_else(|| std::path::Path::new("-"));
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("standard input can't be read")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?
    };
    explain::read_tags(&text)
}

fn shown(report: anyhow::Result<explain::Report>, terminal: Terminal, output: Output) -> ExitCode {
    match report {
        Ok(report) => printed(&output.to(terminal, report.print(output, terminal.form(false))), ExitCode::SUCCESS),
        Err(error) => no_answer(&error),
    }
}

/// Runs a command's work to its end, on this thread, or until Ctrl-C.
fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let result = runtime.block_on(interrupt::until(work, pressed));
    // A person who is asked something is not waited for.
    runtime.shutdown_background();
    result
}

fn doctor((config, wrong): (&Config, &[Problem]), terminal: Terminal, arguments: &DoctorArguments) -> ExitCode {
    let cluster = arguments.cluster.config(config);
    let named = arguments.namespace.as_ref().filter(|_| !arguments.all_namespaces);
    let namespaces = named.map_or(config.namespaces.as_slice(), std::slice::from_ref);
    let which = doctor::Which { namespaces, is_before_install: arguments.pre };
    match blocking(async { Ok(Box::pin(doctor::doctor((config, wrong), &cluster, &which)).await) }) {
        Ok(report) => {
            let code = if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(NO) };
            let text = report.print(arguments.output, terminal.form(false));
            printed(&arguments.output.to(terminal, text), code)
        }
        Err(error) => no_answer(&error),
    }
}

fn webhook(metas: &[PathBuf]) -> ExitCode {
    use std::io::Write as _;
    let ambient = crate::ambient::Ambient::system();
    let mut code = ExitCode::SUCCESS;
    for meta in metas {
        let folder = std::env::temp_dir().join(format!("image-watcher-{}", ambient.trace_id()));
        let line = blocking(async { Ok(webhook::replay(meta, &folder).await) });
        let _ = std::fs::remove_dir_all(&folder);
        let line = match line {
            Ok(line) => line,
            Err(error) => return no_answer(&error),
        };
        if !line.is_replayed() {
            code = ExitCode::from(NO);
        }
        let text = serde_json::to_string(&line).unwrap_or_default();
        if writeln!(std::io::stdout(), "{text}").is_err() {
            return code;
        }
    }
    code
}

fn policy() -> ExitCode {
    let now = crate::ambient::Ambient::system().now();
    let output = std::io::BufWriter::new(std::io::stdout().lock());
    match policy::policy(std::io::stdin().lock(), output, now) {
        // Who reads has seen enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            no_answer(&anyhow::Error::new(error).context("the cases can't be read, or the answers not written"))
        }
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn notes_of_cases() -> ExitCode {
    let output = std::io::BufWriter::new(std::io::stdout().lock());
    match notes::notes(std::io::stdin().lock(), output, std::io::stderr().lock()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            no_answer(&anyhow::Error::new(error).context("the cases can't be read, or the answers not written"))
        }
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
    }
}

/// Writes to standard output.
fn printed_on(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush())
}

/// Writes an answer to standard output. Who reads may have seen enough before its end, as `head` does.
fn printed(text: &str, code: ExitCode) -> ExitCode {
    match printed_on(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            no_answer(&anyhow::Error::new(error).context("the answer can't be written"))
        }
        _ => code,
    }
}

/// A command that could not give its answer, or was broken off.
fn no_answer(error: &anyhow::Error) -> ExitCode {
    if error.is::<interrupt::Interrupted>() {
        eprintln!("image-watcher: interrupted");
        return ExitCode::from(interrupt::INTERRUPTED);
    }
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    eprintln!("image-watcher: {}", crate::telemetry::chain(error));
    ExitCode::from(NO)
}
