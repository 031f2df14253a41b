//! `image-watcher check`: what is available for every watched workload of a cluster, or for every image that manifests name.

mod files;
mod group;
mod groups;
mod junit;
mod look;
mod progress;
mod report;
mod row;
mod sarif;
#[cfg(test)]
mod snapshots;
mod stands;
mod subject;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) use self::files::{check_files, read};
use self::look::Look;
pub(super) use self::report::{Output, Report};
use self::row::Unread;
use self::stands::Place;
use self::subject::Subject;
use crate::ambient::Ambient;
use crate::cluster::{ClusterConfig, Index, KubeCluster, Scope, annotations};
use crate::config::Config;
use crate::domain::fleet::Fleet;
use crate::domain::workload::Workload;
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

/// Reads a cluster once, and decides as the service would.
pub(super) async fn check(config: &Config, cluster: &ClusterConfig, namespaces: Namespaces) -> anyhow::Result<Report> {
    let ambient = Ambient::system();
    let started = ambient.monotonic();
    let (client, default) = crate::cluster::connect(cluster).await?;
    let kube = KubeCluster::new(client, Index::default(), ambient.clone(), Metrics::new());
    let registry = registry(config, &config.outbound()?, &ambient)?;
    let scopes = match &namespaces {
        Namespaces::All => Scope::of(&config.namespaces),
        Namespaces::Named(name) => Scope::in_namespace(name),
        Namespaces::OfContext => Scope::in_namespace(&default),
    };
    let of = match &namespaces {
        Namespaces::All => None,
        Namespaces::Named(name) => Some(name.as_str()),
        Namespaces::OfContext => Some(default.as_str()),
    };
    super::config::inherit(&kube, config, of).await;
    let mut listing = kube.list(&scopes).await;
    if listing.unread.len() == scopes.len()
        && let Some((_, error)) = listing.unread.pop()
    {
        return Err(error.into());
    }
    let unread = listing.unread.iter().map(|(scope, error)| Unread::of(scope, error)).collect();
    let workloads = listing.workloads;
    let bounds = super::bounds(config);
    let rights = kube.rights(&watched_namespaces(&workloads)).await;
    let place = Place::Cluster { kube: &kube, rights: &rights };
    let standing = |workload: &Workload| annotations::claimed(workload).standing(workload);
    let fleet = Fleet::of(workloads.iter().map(|workload| (workload, standing(workload))));
    let (registry, ambient, limits) = (&registry, &ambient, config.rollouts);
    let stopped = super::brake::stopped(config, &fleet).await;
    let look = Look { bounds: &bounds, place, registry, ambient, fleet, limits, stopped };
    let subjects: Vec<Subject<'_>> = workloads.iter().map(Subject::of).collect();
    let (rows, lists) = look.rows(&subjects).await;
    let took = ambient.monotonic().saturating_sub(started);
    Ok(Report { rows, unread, lists, took, settings: ran_with(config), files: None })
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
