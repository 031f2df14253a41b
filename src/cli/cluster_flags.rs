//! Which cluster and namespace, and in whose name, as kubectl takes them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cluster::ClusterConfig;
use crate::config::Config;
use crate::domain::policy;

/// How the API server is reached.
#[derive(Debug, Args)]
pub(super) struct ClusterFlags {
    /// The kubeconfig context to use
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig file to use
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Ask the API server in the name of this user
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// And of this group; may be given several times
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
    /// How long the API server may be silent, as 10s; 0 leaves it to image-watcher
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = patience)]
    request_timeout: Duration,
}

/// Which cluster and namespaces.
#[derive(Debug, Args)]
pub(super) struct ClusterArguments {
    /// The namespace to look at; without it, the one of the context
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    pub(super) namespace: Option<String>,
    #[arg(short = 'A', long, help = "Look at all namespaces; where IMAGE_WATCHER_NAMESPACES is set, at those")]
    pub(super) all_namespaces: bool,
    #[command(flatten)]
    flags: ClusterFlags,
}

/// As kubectl takes it: a number alone is one of seconds.
fn patience(text: &str) -> Result<Duration, String> {
    let text = if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{text}s") } else { text.to_owned() };
    let length = policy::duration(&text).map_err(|error| error.to_string())?;
    length.to_std().map_err(|error| error.to_string())
}

impl ClusterFlags {
    /// The cluster that they name.
    pub(super) fn config(&self, config: &Config) -> ClusterConfig {
        ClusterConfig {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            proxies: config.proxies.clone(),
            user: self.user.clone(),
            groups: self.groups.clone(),
            patience: Some(self.request_timeout).filter(|patience| !patience.is_zero()),
        }
    }
}

impl ClusterArguments {
    /// The cluster that they name.
    pub(super) fn config(&self, config: &Config) -> ClusterConfig {
        self.flags.config(config)
    }
}
