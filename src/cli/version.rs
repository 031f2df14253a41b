//! `image-watcher version`: of this program, of the service that runs here, and of the cluster.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;

use super::Output;
use super::cluster_flags::ClusterFlags;
use super::ending::{blocking, no_answer, printed};
use super::table::Table;
use crate::ambient::Ambient;
use crate::cli::document;
use crate::cluster::{ClusterConfig, Index, KubeCluster};
use crate::config::Config;
use crate::outbound::{Outbound, Reach};
use crate::telemetry::metrics::Metrics;

/// For each answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest page of metrics.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// What says which version runs, among the metrics.
const SERIES: &str = "image_watcher_build_info{";

/// Which versions there are.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema: &'static str,
    client: String,
    service: Option<String>,
    cluster: Option<String>,
    /// Why the others are not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
}

/// Asks for them, at once.
pub(super) async fn version(config: &Config, cluster: &ClusterConfig) -> Report {
    let (service, cluster) = tokio::join!(service(config), within(of_cluster(cluster)));
    Report::of(env!("CARGO_PKG_VERSION"), service, cluster)
}

async fn within(asked: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<String> {
    tokio::time::timeout(DEADLINE, asked).await.unwrap_or_else(|_| bail!("no answer in {} s", DEADLINE.as_secs()))
}

/// What the private listener of this machine says.
async fn service(config: &Config) -> anyhow::Result<String> {
    let url = url::Url::parse(&format!("http://{}/metrics", config.private.from_here()))?;
    let client = Outbound::new(None)?.client(Reach::Named)?;
    let answer = client.send(client.get(url.clone()), DEADLINE, MOST_BYTES).await;
    let answer = answer.with_context(|| format!("nothing answers at {url}"))?;
    let text = String::from_utf8_lossy(&answer.body);
    build(&text).with_context(|| format!("what answers at {url} is no image-watcher"))
}

/// The version that metrics tell.
fn build(metrics: &str) -> Option<String> {
    let labels = metrics.lines().find_map(|line| line.strip_prefix(SERIES))?;
    let (_, rest) = labels.split_once("version=\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

async fn of_cluster(cluster: &ClusterConfig) -> anyhow::Result<String> {
    let (client, _) = crate::cluster::connect(cluster).await?;
    Ok(KubeCluster::new(client, Index::default(), Ambient::system(), Metrics::new()).version().await?)
}

impl Report {
    fn of(client: &str, service: anyhow::Result<String>, cluster: anyhow::Result<String>) -> Self {
        let why = |name: &str, result: &anyhow::Result<String>| {
            let error: &(dyn std::error::Error + 'static) = result.as_ref().err()?.as_ref();
            Some(format!("{name}: {}", crate::telemetry::chain(error)))
        };
        let errors = [why("service", &service), why("cluster", &cluster)].into_iter().flatten().collect();
        let (service, cluster) = (service.ok(), cluster.ok());
        Self { schema: "image-watcher/version/v1", client: client.to_owned(), service, cluster, errors }
    }

    /// What goes to standard output.
    pub(super) fn print(&self, output: Output) -> String {
        match output {
            Output::Json => document::json(self),
            Output::Yaml => document::yaml(self),
            Output::Name => format!("{}\n", self.client),
            Output::Table | Output::Wide => {
                let known = |version: &Option<String>| version.clone().unwrap_or_else(|| "not known".to_owned());
                let mut table = Table::new(&[]);
                table.row(["client".to_owned(), self.client.clone()]);
                table.row(["service".to_owned(), known(&self.service)]);
                table.row(["cluster".to_owned(), known(&self.cluster)]);
                table.to_string()
            }
        }
    }

    /// What goes to standard error, a line each: what is not known, and versions that are too far apart.
    pub(super) fn warning(&self) -> String {
        let mut lines: Vec<String> = self.errors.iter().map(|error| format!("image-watcher: {error}\n")).collect();
        if let Some(service) = self.service.as_deref().filter(|service| is_skewed(&self.client, service)) {
            let client = &self.client;
            lines.push(format!(
                "warning: this program is {client} and the service {service}, more than one minor version apart: what one writes the other may not understand\n"
            ));
        }
        lines.concat()
    }
}

/// Whether two versions are more than one minor apart; what can't be read is not judged.
fn is_skewed(ours: &str, other: &str) -> bool {
    let (Ok(ours), Ok(other)) = (semver::Version::parse(ours), semver::Version::parse(other)) else { return false };
    ours.major != other.major || ours.minor.abs_diff(other.minor) > 1
}

#[derive(Debug, Args)]
pub(super) struct VersionArguments {
    #[command(flatten)]
    cluster: ClusterFlags,
    /// How it is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Asks everybody, and prints.
pub(super) fn run(config: &Config, arguments: &VersionArguments) -> ExitCode {
    let cluster = arguments.cluster.config(config);
    match blocking(async { Ok(version(config, &cluster).await) }) {
        Ok(report) => {
            let code = printed(&report.print(arguments.output), ExitCode::SUCCESS);
            eprint!("{}", report.warning());
            code
        }
        Err(error) => no_answer(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_minor_apart_is_warned_of() {
        for (ours, other, expected) in [
            ("0.1.0", "0.1.7", false),
            ("0.1.0", "0.2.0", false),
            ("0.3.0", "0.1.9", true),
            ("1.0.0", "0.9.0", true),
            ("1.4.0", "1.5.2-rc.1", false),
            ("1.4.0", "dev", false),
        ] {
            assert_eq!(is_skewed(ours, other), expected, "{ours} {other}");
        }
    }

    #[test]
    fn a_service_says_its_version_among_its_metrics() {
        let metrics =
            "# TYPE image_watcher_build info\nimage_watcher_build_info{version=\"0.4.1\"} 1\nother{version=\"9\"} 1\n";
        assert_eq!(build(metrics).as_deref(), Some("0.4.1"));
        assert_eq!((build("other 1\n"), build("")), (None, None));
        let real = Metrics::new().text();
        assert_eq!(build(&real).as_deref(), Some(env!("CARGO_PKG_VERSION")), "{real}");
    }

    #[test]
    fn versions_are_shown() {
        let known = Report::of("0.3.0", Ok("0.1.0".into()), Ok("v1.35.2".into()));
        let unknown = Report::of(
            "0.3.0",
            Err(anyhow::anyhow!("nothing answers at http://127.0.0.1:9090/metrics")),
            Ok("v1.35.2".into()),
        );
        crate::cli::schemas::conforms(&known.print(Output::Json));
        crate::cli::schemas::conforms(&unknown.print(Output::Json));
        let told = [&known, &unknown].map(|report| {
            let printed = [Output::Table, Output::Name, Output::Json].map(|output| report.print(output));
            format!("{}{}", printed.join("\n"), report.warning())
        });
        insta::assert_snapshot!(told.join("\n── not reached\n\n"));
    }
}
