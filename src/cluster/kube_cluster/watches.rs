//! The tasks that keep a cluster known: its Namespaces, workloads, the pods of what is followed, and our rights.

use tokio::sync::mpsc::Sender;

use super::KubeCluster;
use crate::cluster::index::Hints;
use crate::cluster::namespaces::{Following, Namespaces};
use crate::cluster::watch::{Watching, watch};
use crate::stop::Stop;
use crate::task::Task;

/// Where repositories go that are to be looked at because of the cluster. A full channel holds a stream back.
#[derive(Clone, Debug)]
pub struct Feeds {
    /// What workloads, Namespaces and rights changed.
    pub workloads: Sender<Hints>,
    /// What the words of pods tell about a rollout that is followed.
    pub pods: Sender<Hints>,
}

impl KubeCluster {
    /// The tasks that fill the index, until `stop` is raised: `named` are the namespaces that are watched, where each is named,
    /// and rights are asked for in `namespaces`, as they are configured.
    #[must_use]
    pub fn watches(&self, named: Option<Vec<String>>, namespaces: &[String], feeds: Feeds, stop: &Stop) -> Vec<Task> {
        let state = Namespaces::default();
        let following = Following {
            client: self.client.clone(),
            index: self.index.clone(),
            named,
            state: state.clone(),
            ambient: self.ambient.clone(),
            metrics: self.metrics.clone(),
        };
        let mut tasks = vec![Task::new("namespaces", following.run(stop.clone()))];
        if let Some(scopes) = &self.scopes {
            for (scope, _) in scopes.states() {
                let watching = Watching {
                    client: self.client.clone(),
                    index: self.index.clone(),
                    scope,
                    scopes: scopes.clone(),
                    namespaces: state.clone(),
                    ambient: self.ambient.clone(),
                    metrics: self.metrics.clone(),
                };
                tasks.push(Task::new("watch", watch(watching, stop.clone(), feeds.workloads.clone())));
            }
        }
        let (cluster, ending) = (self.clone(), stop.clone());
        tasks.push(Task::new("pods", async move { cluster.pods.run(feeds.pods, ending).await }));
        let (cluster, namespaces, hints, ending) = (self.clone(), namespaces.to_vec(), feeds.workloads, stop.clone());
        tasks.push(Task::new("rights", async move {
            let KubeCluster { rights, client, metrics, index, .. } = &cluster;
            rights.keep_asking(client, &namespaces, metrics, index, hints, ending).await;
        }));
        tasks
    }
}
