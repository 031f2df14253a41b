//! `image-watcher migrate`: what another tool's settings on a workload come to here, as commands to run or a patch, and what
//! has no equal, plainly.

mod keel;
mod original;
mod print;
#[cfg(test)]
mod tests;
mod wud;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::check::{Manifest, Missing};
use super::cluster_flags::ClusterArguments;
use super::ending::{NO, WRONG_USAGE, blocking, no_answer, printed};
use super::marks::is_of_another;
use crate::ambient::Ambient;
use crate::cluster::manifest::Described;
use crate::cluster::{ClusterConfig, Index, KubeCluster, Marked, Scope};
use crate::config::Config;
use crate::domain::settings::{Bounds, Settings};
use crate::domain::workload::{Container, Kind, PREFIX, Place};
use crate::telemetry::metrics::Metrics;
pub(super) use print::{Output, Report};

/// Tool which tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// Keel: annotations and labels keel.sh/…
    Keel,
    /// The image-watcher that is written in Node
    Original,
    /// WUD (What's up Docker?): annotations getwud.app/…, wud/… and wud.…
    Wud,
}

#[derive(Debug, Args)]
pub(super) struct MigrateArguments {
    /// The tool that its settings are of
    #[arg(value_enum, value_name = "TOOL")]
    from: Tool,
    /// Manifests to read in place of a cluster; - for standard input
    #[arg(short, long = "filename", value_name = "FILE|DIR", conflicts_with_all = ["context", "kubeconfig", "namespace", "all_namespaces"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Commands)]
    pub(super) output: Output,
}

/// A workload with what another tool wants of it.
#[derive(Debug)]
struct Subject {
    kind: String,
    /// As a manifest writes its kind and `apiVersion`.
    written: (String, String),
    named: Kind,
    namespace: String,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    containers: Vec<Container>,
}

/// What becomes of one workload.
#[derive(Debug, Default)]
struct Plan {
    /// Our settings, by their names without the prefix.
    settings: BTreeMap<String, String>,
    /// The other's annotations and labels, which are not needed any more.
    annotations: Vec<String>,
    labels: Vec<String>,
    /// What has no equal, or means something else here.
    notes: Vec<String>,
}

impl Plan {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Reads files or the cluster, and says what becomes of each workload that the tool looks after. Nothing is written.
///
/// # Errors
/// When the cluster can't be read; of files [`Missing`], for those that are not there.
pub(super) async fn migrate(config: &Config, arguments: &MigrateArguments) -> anyhow::Result<Report> {
    let (subjects, unread) = if arguments.files.is_empty() {
        of_cluster(config, &arguments.cluster.config(config), &arguments.cluster).await?
    } else {
        of_files(&arguments.files)?
    };
    let bounds = super::bounds(config);
    let planned = subjects.into_iter().filter_map(|subject| {
        let plan = subject.plan(arguments.from, &bounds)?;
        Some((subject, plan))
    });
    Ok(Report { from: arguments.from, items: planned.collect(), unread })
}

fn of_files(files: &[PathBuf]) -> Result<(Vec<Subject>, Vec<String>), Missing> {
    let (manifests, mut unread) = super::check::manifests(files)?;
    let (sound, odd): (Vec<_>, Vec<_>) = manifests.into_iter().map(Subject::of_file).partition(Subject::can_be_named);
    unread.extend(odd.iter().map(|odd| {
        let Subject { namespace, kind, name, .. } = odd;
        format!("{kind} {name:?} in {namespace:?}: no cluster has such a kind, name or namespace, so it is left out")
    }));
    Ok((sound, unread))
}

async fn of_cluster(
    config: &Config,
    cluster: &ClusterConfig,
    arguments: &ClusterArguments,
) -> anyhow::Result<(Vec<Subject>, Vec<String>)> {
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), Ambient::system(), Metrics::new());
    let scopes = match (&arguments.namespace, arguments.all_namespaces) {
        (_, true) => Scope::of(&config.namespaces),
        (Some(name), false) => Scope::in_namespace(name),
        (None, false) => Scope::in_namespace(&default),
    };
    let (marked, mut unread) = kube.marked(&scopes, is_of_another).await;
    if unread.len() == scopes.len()
        && let Some((_, error)) = unread.pop()
    {
        return Err(error.into());
    }
    let unread = unread.iter().map(|(_, error)| crate::telemetry::chain(error).to_string()).collect();
    Ok((marked.into_iter().map(Subject::of_cluster).collect(), unread))
}

impl Subject {
    fn of_file(manifest: Manifest) -> Self {
        let id = &manifest.workload.id;
        Self {
            kind: manifest.kind,
            written: manifest.written,
            named: id.kind,
            namespace: id.namespace.to_string(),
            name: id.name.to_string(),
            labels: manifest.labels,
            annotations: manifest.annotations,
            containers: manifest.workload.containers.to_vec(),
        }
    }

    fn of_cluster(Marked { id, labels, annotations, containers }: Marked) -> Self {
        Self {
            kind: id.kind.short().to_owned(),
            written: (id.kind.as_str().to_owned(), id.kind.api_version()),
            named: id.kind,
            namespace: id.namespace.to_string(),
            name: id.name.to_string(),
            labels,
            annotations,
            containers,
        }
    }

    /// Whether it is called as the API server allows it. What is printed is run, and a file may say anything.
    fn can_be_named(&self) -> bool {
        let is_made_of = |text: &str, also: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
        let (kind, version) = &self.written;
        let are_names = [&self.name, &self.namespace].into_iter().all(|name| is_made_of(name, "-."));
        !self.name.is_empty() && are_names && is_made_of(kind, "") && is_made_of(version, "./-")
    }

    /// What becomes of it; `None` where the tool does not look after it.
    fn plan(&self, from: Tool, bounds: &Bounds) -> Option<Plan> {
        let mut plan = match from {
            Tool::Keel => keel::plan(self),
            Tool::Original => original::plan(self),
            Tool::Wud => wud::plan(self),
        }?;
        plan.notes.extend(self.refused(&plan, bounds));
        Some(plan)
    }

    /// What of our settings would not be understood, by whoever reads them in the service.
    fn refused(&self, plan: &Plan, bounds: &Bounds) -> Vec<String> {
        let ours = plan.settings.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone()));
        let kept = self.annotations.iter().filter(|(name, _)| name.starts_with(PREFIX));
        let kept =
            kept.filter(|(name, _)| !plan.annotations.contains(name)).map(|(name, it)| (name.clone(), it.clone()));
        let described = Described {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            annotations: kept.chain(ours).collect(),
            template_annotations: BTreeMap::new(),
            containers: self.containers.clone(),
        };
        let workload = described.workload(self.named);
        let mut notes = Vec::new();
        for container in &self.containers {
            if let Err(error) = Settings::read(&workload, &container.name, bounds) {
                let note = format!("this is not understood here, and has to be written another way: {error}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }

    /// An annotation of this name, or a label.
    fn mark(&self, name: &str) -> Option<&str> {
        self.annotations.get(name).or_else(|| self.labels.get(name)).map(String::as_str)
    }

    /// The containers that a tool leaves alone and we would not.
    fn leave(&self, plan: &mut Plan, is_left: impl Fn(&Container) -> bool) {
        let left: Vec<&Container> = self.containers.iter().filter(|container| is_left(container)).collect();
        for container in &left {
            plan.set(&format!("mode.{}", container.name), "DISABLED");
        }
    }
}

fn is_init(container: &Container) -> bool {
    matches!(container.place, Place::Init | Place::Sidecar)
}

/// Translates, and prints.
pub(super) fn run(config: &Config, arguments: &MigrateArguments) -> ExitCode {
    match blocking(migrate(config, arguments)) {
        Ok(report) => {
            let code = if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(NO) };
            let code = printed(&report.print(arguments.output), code);
            eprint!("{}", report.summary());
            code
        }
        Err(error) if error.is::<Missing>() => {
            no_answer(&error);
            ExitCode::from(WRONG_USAGE)
        }
        Err(error) => no_answer(&error),
    }
}
