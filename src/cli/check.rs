//! `image-watcher check`: what is available for every watched workload of a cluster, or for every image that manifests name.

#[cfg(test)]
mod agreement;
mod files;
mod group;
mod groups;
mod junit;
mod look;
mod progress;
mod report;
mod row;
mod run;
mod sarif;
#[cfg(test)]
mod snapshots;
pub(super) mod stands;
mod subject;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

pub(super) use self::files::{Manifest, Missing, check_files, manifests, read};
use self::look::Look;
pub(super) use self::report::{Output, Report};
use self::row::Unread;
pub(super) use self::run::{CheckArguments, run};
use self::stands::Place;
use self::subject::Subject;
use super::terminal::Form;
use crate::ambient::Ambient;
use crate::cluster::{ClusterConfig, Index, KubeCluster, Scope, annotations};
use crate::config::Config;
use crate::domain::fleet::Fleet;
use crate::domain::workload::{Kind, Workload};
use crate::outbound::Outbound;
use crate::registry::{HttpRegistry, RegistryConfig, RegistryHost};
use crate::telemetry::metrics::Metrics;

/// Which namespaces.
pub(super) enum Namespaces {
    /// Those that are watched: the configured ones, or all.
    All,
    Named(String),
    /// The one that the kubeconfig's context names.
    OfContext,
}

/// What is looked at.
pub(super) struct Which {
    pub(super) namespaces: Namespaces,
    /// Only what has these labels.
    pub(super) selector: Option<String>,
    /// Only this container of each.
    pub(super) container: Option<String>,
}

/// Reads a cluster once, and decides as the service would.
///
/// # Errors
/// When the cluster can't be read.
pub(super) async fn check(config: &Config, cluster: &ClusterConfig, which: &Which) -> anyhow::Result<Report> {
    Session::new(config, cluster, which).await?.look(which).await
}

/// What is kept from one look to the next, so that registries are asked for what changed alone.
struct Session<'c> {
    config: &'c Config,
    scopes: Vec<Scope>,
    /// The one namespace that is looked at.
    namespace: Option<String>,
    kube: KubeCluster,
    registry: HttpRegistry,
    ambient: Ambient,
}

impl<'c> Session<'c> {
    async fn new(config: &'c Config, cluster: &ClusterConfig, which: &Which) -> anyhow::Result<Self> {
        let ambient = Ambient::system();
        let (client, default) = crate::cluster::connect(cluster).await?;
        let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
        let registry = registry(config, &config.outbound()?, &ambient)?;
        let scopes = match &which.namespaces {
            Namespaces::All => Scope::of(&config.namespaces),
            Namespaces::Named(name) => Scope::in_namespace(name),
            Namespaces::OfContext => Scope::in_namespace(&default),
        };
        let namespace = match &which.namespaces {
            Namespaces::All => None,
            Namespaces::Named(name) => Some(name.clone()),
            Namespaces::OfContext => Some(default),
        };
        Ok(Self { config, scopes, namespace, kube, registry, ambient })
    }

    async fn look(&self, which: &Which) -> anyhow::Result<Report> {
        let Self { config, scopes, namespace, kube, registry, ambient } = self;
        let started = ambient.monotonic();
        super::config::inherit(kube, config, namespace.as_deref()).await;
        let mut listing = kube.list(scopes).await;
        if listing.unread.len() == scopes.len()
            && let Some((_, error)) = listing.unread.pop()
        {
            return Err(error.into());
        }
        if listing.workloads.is_empty()
            && let Some(name) = namespace
            && kube.has_namespace(name).await == Some(false)
        {
            bail!("there is no namespace {name}; kubectl get namespaces shows those that there are");
        }
        let unread = listing.unread.iter().map(|(scope, error)| Unread::of(scope, error)).collect();
        let workloads = listing.workloads;
        let bounds = super::bounds(config);
        let rights = kube.rights(&watched_namespaces(&workloads)).await;
        let place = Place::Cluster { kube, rights: &rights };
        let standing = |workload: &Workload| annotations::claimed(workload).standing(workload);
        let fleet = Fleet::of(workloads.iter().map(|workload| (workload, standing(workload))));
        let limits = config.rollouts;
        let brake = super::brake::seen(config, &fleet).await;
        let selected = self.selected(which).await?;
        // What is decided hangs on the others of a group, whatever labels they have.
        let shown = |it: &Workload| selected.as_ref().is_none_or(|selected| selected.has(it));
        let subjects = workloads.iter().filter(|it| shown(it) || is_in_group(it)).map(Subject::of);
        let subjects: Vec<Subject<'_>> = subjects.collect();
        let look = Look { bounds: &bounds, place, registry, ambient, fleet, limits, brake };
        let (mut rows, lists) = look.rows(&subjects).await;
        if let Some(selected) = &selected {
            rows.retain(|row| selected.names(&row.kind, &row.namespace, &row.name));
        }
        let took = ambient.monotonic().saturating_sub(started);
        let report = Report { rows, unread, lists, took, settings: ran_with(config), files: None };
        Ok(report.of(which.container.as_deref()))
    }

    async fn selected(&self, which: &Which) -> anyhow::Result<Option<Selected>> {
        match &which.selector {
            None => Ok(None),
            Some(selector) => {
                let names = self.kube.labelled(&self.scopes, selector).await;
                Ok(Some(Selected(names.with_context(|| format!("nothing is selected by {selector:?}"))?)))
            }
        }
    }
}

/// What has the labels that were asked for.
struct Selected(BTreeSet<(Kind, String, String)>);

impl Selected {
    fn has(&self, workload: &Workload) -> bool {
        let id = &workload.id;
        self.names(id.kind.short(), &id.namespace, &id.name)
    }

    fn names(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.0.iter().any(|(of, within, called)| of.short() == kind && within == namespace && called == name)
    }
}

fn is_in_group(workload: &Workload) -> bool {
    workload.names().any(|name| name == "group" || name.starts_with("group."))
}

/// Looks again and again, and prints what is another than at the look before: rows alone, as columns, or the whole as a
/// document. Ends where nobody reads any more.
///
/// # Errors
/// When the cluster can't be read at the first look, or what is printed can't be written.
pub(super) async fn watch(
    config: &Config,
    cluster: &ClusterConfig,
    which: &Which,
    (output, form): (Output, Form),
    every: Duration,
    print: impl Fn(String) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let session = Session::new(config, cluster, which).await?;
    let mut seen: Option<Report> = None;
    loop {
        let text = match session.look(which).await {
            Ok(report) => {
                let text = report.since(seen.as_ref(), output, form);
                eprint!("{}", report.unread_lines());
                seen = Some(report);
                text
            }
            Err(error) if seen.is_none() => return Err(error),
            Err(error) => {
                let error: &(dyn std::error::Error + 'static) = error.as_ref();
                eprintln!("image-watcher: {}", crate::telemetry::chain(error));
                None
            }
        };
        match text.map_or(Ok(()), &print) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        tokio::time::sleep(every).await;
    }
}

/// The registries, for one look at everything.
fn registry(config: &Config, outbound: &Outbound, ambient: &Ambient) -> anyhow::Result<HttpRegistry> {
    let settings = RegistryConfig::of(config.registries.clone()).that_waits();
    Ok(HttpRegistry::new(settings, outbound, ambient.clone(), Arc::new(Metrics::new()))?)
}

/// Where rights matter: the namespaces of what is watched, whichever were asked for.
fn watched_namespaces(workloads: &[Workload]) -> Vec<String> {
    let names: BTreeSet<&str> = workloads.iter().map(|workload| &*workload.id.namespace).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The settings of this run that the service may have otherwise, and that change what is seen.
fn ran_with(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let plain = config.registries.iter().filter(|host| host.plain_http).map(RegistryHost::name);
    let plain = plain.collect::<Vec<_>>().join(", ");
    if !plain.is_empty() {
        lines.push(format!("asked by plain http: {plain}"));
    }
    let forced = [
        config.forced.mode.map(|mode| format!("IMAGE_WATCHER_MODE={mode}")),
        config.forced.strategy.map(|strategy| format!("IMAGE_WATCHER_STRATEGY={strategy}")),
    ];
    let forced: Vec<String> = forced.into_iter().flatten().collect();
    if !forced.is_empty() {
        lines.push(format!("in place of every annotation: {}", forced.join(", ")));
    }
    if !config.proxies.is_empty() {
        lines.push("through the proxies of HTTPS_PROXY and HTTP_PROXY; doctor shows which".into());
    }
    lines
}
