//! The grammar of the command line: which commands there are. Their flags stand beside what they do.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::check::CheckArguments;
use super::doctor::DoctorArguments;
use super::explain::ExplainArguments;
use super::look::LookArguments;
use super::terminal::ColourChoice;
use super::version::VersionArguments;
use super::{acting, completion, config, deliveries, migrate, notify_test, queue};

/// Keeps the container images of Kubernetes workloads up to date, or asks people with one link.
#[derive(Debug, Parser)]
#[command(name = "image-watcher", version, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Whether there are colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub(super) color: ColourChoice,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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

impl Command {
    /// Whether a command asks the service that runs, or reads what stands on workloads: a file that was broken meanwhile is no reason
    /// not to, though its exit status says so.
    pub(super) fn goes_by_what_runs(&self) -> bool {
        matches!(
            self,
            Self::History(_)
                | Self::Look(_)
                | Self::Brake { .. }
                | Self::Deliveries(_)
                | Self::Doctor(_)
                | Self::Version(_)
        )
    }
}

/// The command line, read under the name that it was called by.
pub(super) fn parsed(arguments: &[OsString]) -> Result<Cli, clap::Error> {
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
