//! What the nodes of the cluster run, by their labels: an optional right.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use tokio::sync::Mutex;

use super::apply::{Failed, within};
use crate::ambient::Ambient;
use crate::domain::preflight::Platform;
use crate::telemetry::metrics::Metrics;

/// Nodes are listed again after this time, when a version is to be judged.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Nodes of one page.
const PAGE: u32 = 500;
/// So many pages are read; beyond it, nothing is said of the nodes.
const MOST_PAGES: usize = 40;

/// What was listed last, and when. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes(Arc<Mutex<Option<Listed>>>);

#[derive(Clone, Debug)]
struct Listed {
    at: Duration,
    platforms: Option<Arc<[Platform]>>,
}

impl Nodes {
    /// The platforms of all nodes, each once; `None` where they can't be read.
    pub(super) async fn platforms(
        &self,
        client: &kube::Client,
        ambient: &Ambient,
        metrics: &Metrics,
    ) -> Option<Arc<[Platform]>> {
        let mut listed = self.0.lock().await;
        let now = ambient.monotonic();
        if let Some(listed) = listed.as_ref().filter(|listed| now.saturating_sub(listed.at) < FRESH) {
            return listed.platforms.clone();
        }
        let platforms = list(client, metrics).await.map(Arc::from);
        *listed = Some(Listed { at: now, platforms: platforms.clone() });
        platforms
    }
}

/// Reads only what labels say: the objects themselves name every image that is on their nodes.
async fn list(client: &kube::Client, metrics: &Metrics) -> Option<Vec<Platform>> {
    let api: Api<Node> = Api::all(client.clone());
    let (mut platforms, mut parameters) = (Vec::new(), ListParams::default().limit(PAGE));
    for _ in 0..MOST_PAGES {
        let page = match within(metrics, "nodes", api.list_metadata(&parameters)).await {
            Ok(page) => page,
            Err(failed) => {
                let code = if let Failed::Status(status) = &failed { status.code } else { 0 };
                tracing::debug!(code, "nodes can't be read: platforms are compared with those of what runs");
                return None;
            }
        };
        for node in page.items {
            let labels = node.metadata.labels.unwrap_or_default();
            let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
            platforms.extend(Platform::of_node(label("kubernetes.io/os"), label("kubernetes.io/arch")));
        }
        platforms.sort();
        platforms.dedup();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Some(platforms),
        }
    }
    None
}
