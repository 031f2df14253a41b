//! Opens the cluster that the service stands in and watches.

use super::KubeCluster;
use crate::ambient::Ambient;
use crate::cluster::lease::{Election, lease_of, pod_name};
use crate::cluster::{ClusterConfig, ConnectError, Index, Scope, Scopes, Writer, connect};
use crate::outbound::proxy::Proxies;
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::metrics::Metrics;
use crate::term::Holding;

/// What the service is told of its cluster.
#[derive(Debug)]
pub struct ClusterSettings {
    /// The proxies between the service and the API server.
    pub proxies: Proxies,
    /// The namespaces that are watched; all where none is named.
    pub namespaces: Vec<String>,
    /// Whether what stands in the way of a way back may be deleted.
    pub deletes_broken: bool,
    /// In whose name is written.
    pub writer: Writer,
}

/// The cluster that the service stands in and watches.
#[derive(Debug)]
pub struct ServiceCluster {
    /// What is read and written.
    pub cluster: KubeCluster,
    /// What is watched of it.
    pub scopes: Scopes,
    /// The service's own.
    namespace: String,
}

impl ServiceCluster {
    /// Opens it. No request is made.
    ///
    /// # Errors
    /// [`ConnectError`] that says what is missing.
    pub async fn open(
        settings: ClusterSettings,
        index: Index,
        ambient: &Ambient,
        metrics: &Metrics,
    ) -> Result<Self, ConnectError> {
        let ClusterSettings { proxies, namespaces, deletes_broken, writer } = settings;
        let (client, namespace) = connect(&ClusterConfig { proxies, ..ClusterConfig::default() }).await?;
        let scopes = Scopes::new(Scope::of(&namespaces)).at(ambient);
        let cluster = KubeCluster::new(client, index, ambient.clone(), metrics.clone());
        let cluster = cluster.deleting_broken(deletes_broken).filled_by(scopes.clone()).written_by(writer);
        Ok(Self { cluster, scopes, namespace })
    }

    /// By which replicas that share a queue find the one that does what is done alone: `buckets` is what the names of the queue's
    /// buckets begin with, `queue` tells it from others of the same name.
    #[must_use]
    pub fn election(&self, buckets: &str, queue: Option<String>, stop: &Stop) -> (Task, Holding) {
        let KubeCluster { client, ambient, metrics, .. } = &self.cluster;
        let lease = lease_of(buckets);
        let (of, around) = ((self.namespace.as_str(), lease.as_str()), (ambient.clone(), metrics.clone()));
        let (election, holding) = Election::new(client.clone(), of, &pod_name(), around, stop);
        (Task::new("election", election.of_queue(queue).run(stop.clone())), holding)
    }
}
