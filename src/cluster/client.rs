//! A client of the API server with deadlines and without retries of its own.
//!
//! The library would repeat a request, a PATCH too, for as long as a server's `Retry-After` asks: long after the
//! decision behind it has lost its ground. Retries are the queue's.

use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::connection;
use crate::outbound::proxy::{Proxies, Proxy};

/// Which cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterConfig {
    /// A kubeconfig file; without one, `KUBECONFIG`, the user's own file or the pod's ServiceAccount is used.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// A context of it.
    pub context: Option<String>,
    /// The proxies between us and the API server.
    pub proxies: Proxies,
    /// In whose name everything is asked, where that is not the caller's own (impersonation).
    pub user: Option<String>,
    /// The groups of that name.
    pub groups: Vec<String>,
    /// How long the API server may be silent, where that is not ours to say.
    pub patience: Option<Duration>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No usable configuration.
    #[error("no cluster to talk to: set KUBECONFIG, or run in a pod with a ServiceAccount token")]
    Configuration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A proxy that the library can't use. Its address is not shown: it may have a password.
    #[error("{0} is no http:// or https:// proxy that can be used for the API server")]
    Proxy(&'static str),
    /// The library reads `NO_PROXY` beside a kubeconfig, though its own answer is not used.
    #[error("beside a kubeconfig NO_PROXY has to be * alone, or hosts and networks without an empty entry")]
    NoProxy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A client can't be made of it.
    #[error("the cluster's configuration can't be used")]
    Client(#[source] kube::Error),
}

/// A silent connection is given up after this: bookmarks come about every minute, and a stream that hangs is to be told.
const SILENCE: Duration = Duration::from_secs(180);

/// A client, and the namespace that the configuration names.
///
/// # Errors
/// [`ConnectError`] that says what is missing. No request is made.
pub async fn connect(config: &ClusterConfig) -> Result<(kube::Client, String), ConnectError> {
    let mut client = read(config).await?;
    client.connect_timeout = Some(Duration::from_secs(5));
    client.read_timeout = Some(SILENCE);
    client.write_timeout = Some(Duration::from_secs(15));
    if let Some(patience) = config.patience {
        for timeout in [&mut client.connect_timeout, &mut client.read_timeout, &mut client.write_timeout] {
            *timeout = timeout.map(|ours| ours.min(patience));
        }
    }
    if let Some(user) = &config.user {
        client.auth_info.impersonate = Some(user.clone());
        client.auth_info.impersonate_groups = Some(config.groups.clone()).filter(|groups| !groups.is_empty());
    }
    let namespace = client.default_namespace.clone();
    Ok((connection::client(&client).map_err(ConnectError::Client)?, namespace))
}

/// `host:port` of the API server, and the proxy before it, without user and password.
///
/// # Errors
/// [`ConnectError`] that says what is missing. No request is made.
pub async fn way(config: &ClusterConfig) -> Result<(String, Option<String>), ConnectError> {
    let client = read(config).await?;
    let (host, port) = target(&client);
    let shown = |proxy: &str| Proxy::parse(proxy).map(|proxy| proxy.shown().to_owned());
    let proxy = client.proxy_url.map(|url| shown(&url.to_string()).map_err(|_| ConnectError::Proxy(OWN_PROXY)));
    Ok((format!("{host}:{port}"), proxy.transpose()?))
}

async fn read(config: &ClusterConfig) -> Result<kube::Config, ConnectError> {
    let options = KubeConfigOptions { context: config.context.clone(), ..KubeConfigOptions::default() };
    let file = match &config.kubeconfig {
        Some(path) => Some(Kubeconfig::read_from(path).map_err(refused)?),
        None if config.context.is_some() => Some(Kubeconfig::read().map_err(refused)?),
        None => None,
    };
    let own = file.clone().or_else(|| Kubeconfig::read().ok()).and_then(|file| own_proxy(&file, config));
    let mut client = match file {
        Some(file) => kube::Config::from_custom_kubeconfig(file, &options).await.map_err(refused)?,
        None => kube::Config::infer().await.map_err(refused)?,
    };
    // The library compares NO_PROXY with the proxy, not with the API server, and looks at no variable in a pod.
    let (host, port) = target(&client);
    let ours = || config.proxies.for_tunnel(&host, port).map(|proxy| usable(proxy.url().expose(), "HTTPS_PROXY"));
    client.proxy_url = own.map(|own| usable(&own, OWN_PROXY)).or_else(ours).transpose()?;
    Ok(client)
}

const OWN_PROXY: &str = "proxy-url of the kubeconfig";

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> ConnectError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(known) = cause {
        if matches!(known.downcast_ref(), Some(KubeconfigError::ParseNoProxy(_))) {
            return ConnectError::NoProxy(error.into());
        }
        cause = known.source();
    }
    ConnectError::Configuration(error.into())
}

/// The proxy that a kubeconfig names itself: as with kubectl it counts whatever the environment says.
fn own_proxy(file: &Kubeconfig, config: &ClusterConfig) -> Option<String> {
    let context = config.context.as_ref().or(file.current_context.as_ref())?;
    let context = file.contexts.iter().find(|known| known.name == *context)?.context.as_ref()?;
    let cluster = file.clusters.iter().find(|known| known.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|url| !url.is_empty())
}

fn usable<U: std::str::FromStr>(proxy: &str, name: &'static str) -> Result<U, ConnectError> {
    let proxy = Proxy::parse(proxy).map_err(|_| ConnectError::Proxy(name))?;
    proxy.url().expose().parse().map_err(|_| ConnectError::Proxy(name))
}

/// Host and port of the API server.
fn target(client: &kube::Config) -> (String, u16) {
    let port = if client.cluster_url.scheme_str() == Some("http") { 80 } else { 443 };
    let host = client.cluster_url.host().unwrap_or_default().to_owned();
    (host, client.cluster_url.port_u16().unwrap_or(port))
}
