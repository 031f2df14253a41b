//! A client of the API server with deadlines and without retries of its own.
//!
//! The library would repeat a request, a PATCH too, for as long as a server's `Retry-After` asks: long after the
//! decision behind it has lost its ground. Retries are the queue's.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};

/// Which cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterConfig {
    /// A kubeconfig file; without one, `KUBECONFIG`, the user's own file or the pod's ServiceAccount is used.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// A context of it.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No usable configuration.
    #[error("no cluster to talk to: set KUBECONFIG, or run in a pod with a ServiceAccount token")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A client can't be made of it.
    #[error("the cluster's configuration can't be used")]
    Client(#[source] kube::Error),
}

/// A silent connection is given up after this; bookmarks come about every minute.
const SILENCE: Duration = Duration::from_secs(300);

/// A client, and the namespace that the configuration names.
///
/// # Errors
/// [`ConnectError`] that says what is missing. No request is made.
pub async fn connect(config: &ClusterConfig) -> Result<(kube::Client, String), ConnectError> {
    let mut client = read(config).await?;
    client.default_retry = false;
    client.connect_timeout = Some(Duration::from_secs(5));
    client.read_timeout = Some(SILENCE);
    client.write_timeout = Some(Duration::from_secs(15));
    let namespace = client.default_namespace.clone();
    Ok((kube::Client::try_from(client).map_err(ConnectError::Client)?, namespace))
}

async fn read(config: &ClusterConfig) -> Result<kube::Config, ConnectError> {
    let refused = |error: Box<dyn std::error::Error + Send + Sync>| ConnectError::Configuration(error);
    let options = KubeConfigOptions { context: config.context.clone(), ..KubeConfigOptions::default() };
    if let Some(path) = &config.kubeconfig {
        let file = Kubeconfig::read_from(path).map_err(|error| refused(error.into()))?;
        return kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| refused(error.into()));
    }
    if config.context.is_some() {
        return kube::Config::from_kubeconfig(&options).await.map_err(|error| refused(error.into()));
    }
    kube::Config::infer().await.map_err(|error| refused(error.into()))
}
