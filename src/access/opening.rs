//! Opens sign-in, as it is configured, to what this service runs beside.

use std::sync::Arc;

use super::{Access, AccessError, Parts};
use crate::ambient::Ambient;
use crate::cluster::KubeCluster;
use crate::config::Config;
use crate::config::auth::Auth;
use crate::domain::approval::LinkKeys;
use crate::outbound::Client;
use crate::queue::SignIns;
use crate::telemetry::metrics::Metrics;

/// What sign-in needs of the service.
pub struct Ports<'a> {
    /// Says whose a token is.
    pub cluster: &'a KubeCluster,
    /// Remembers who is signed in.
    pub store: Arc<dyn SignIns>,
    /// What the key is made of that signs what browsers bring back.
    pub keys: &'a LinkKeys,
    /// Reaches the provider.
    pub client: Client,
    /// The numbers.
    pub metrics: &'a Metrics,
    /// Clock and chance.
    pub ambient: &'a Ambient,
}

impl std::fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

impl Access {
    /// Knows people by `auth`; `config` says where the service is.
    ///
    /// # Errors
    /// [`AccessError`]
    pub fn open(auth: Auth, config: &Config, ports: Ports<'_>) -> Result<Self, AccessError> {
        let Ports { cluster, store, keys, client, metrics, ambient } = ports;
        let reviewing = cluster.clone();
        Self::new(Parts {
            auth,
            base_url: config.base_url.clone(),
            cluster: config.cluster.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            store,
            client,
            whose_token: Arc::new(move |token, audience| {
                let cluster = reviewing.clone();
                Box::pin(async move { cluster.whose_token(&token, &audience).await })
            }),
            key: keys.signing().derived("access").ok_or(AccessError::NoKey)?,
            metrics: metrics.clone(),
            ambient: ambient.clone(),
        })
    }
}
