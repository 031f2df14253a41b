//! The connection to NATS: who this process is there, and what is said when it comes and goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::{Client, Event, ReconnectToServer, Server};

use super::bucket::CALL;
use super::login::as_whom;
use super::{NatsError, NatsSettings};
use crate::ambient::Ambient;

/// A server that is away is tried again after this time at most.
const RECONNECT: Duration = Duration::from_secs(2);

/// Asks for the next connection to be made to another server: one that is cut off from the others keeps its connections, and
/// answers nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Redirect(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    is_wanted: AtomicBool,
    turn: AtomicUsize,
}

impl Redirect {
    /// Connects anew, to another server where there is one.
    pub(super) async fn go(&self, client: &Client) {
        self.0.is_wanted.store(true, Ordering::Relaxed);
        // Who can't be told is being closed.
        let _ = client.force_reconnect().await;
    }

    /// One that was never used, or each in turn; whichever the library takes where nobody asked.
    fn choose(&self, servers: &[Server]) -> Option<ReconnectToServer> {
        if !self.0.is_wanted.swap(false, Ordering::Relaxed) {
            return None;
        }
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let new = servers.iter().find(|server| !server.did_connect);
        let server = new.or_else(|| servers.iter().cycle().nth(turn % servers.len().max(1)))?;
        Some(ReconnectToServer { addr: server.addr.clone(), delay: Some(Duration::ZERO) })
    }
}

/// Whether the server can do what is relied on.
pub(super) fn is_new_enough(client: &Client) -> bool {
    client.is_server_compatible(2, 12, 0)
}

/// Connects, and from then on again whenever that is needed. `connections` counts how often.
///
/// # Errors
/// [`NatsError::Connect`] and [`NatsError::Expired`] where no server takes the connection now.
pub(super) async fn connect(
    settings: &NatsSettings,
    (connections, elsewhere): (Arc<AtomicU64>, Redirect),
    ambient: &Ambient,
) -> Result<Client, NatsError> {
    let options = as_whom(&settings.login, ambient)
        .name("image-watcher")
        .tls_client_config(settings.tls.clone())
        // Also to servers that others name, and whatever a server says of itself.
        .require_tls(settings.servers.iter().any(|server| server.scheme() == "tls"))
        .connection_timeout(CALL)
        .request_timeout(Some(CALL))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempts| Duration::from_millis(100 * attempts as u64).min(RECONNECT))
        .reconnect_to_server_callback(move |servers, _| std::future::ready(elsewhere.choose(&servers)))
        .event_callback(move |event| {
            if matches!(event, Event::Connected) {
                connections.fetch_add(1, Ordering::Relaxed);
            }
            async move { log(&event) }
        });
    let servers: Vec<async_nats::ServerAddr> =
        settings.servers.iter().filter_map(|url| async_nats::ServerAddr::from_url(url.clone()).ok()).collect();
    options.connect(servers).await.map_err(|source| {
        let (servers, source) = (settings.names(), source.into());
        match settings.login.ended(ambient.now()) {
            Some((credentials, at)) => NatsError::Expired { servers, credentials, at, source },
            None => NatsError::Connect { servers, source },
        }
    })
}

/// What happened to the connection.
fn log(event: &Event) {
    match event {
        Event::Connected => tracing::info!("NATS is connected"),
        Event::Disconnected => tracing::warn!("NATS is away: webhooks are answered 503 until it is back"),
        Event::LameDuckMode | Event::Draining | Event::Closed => tracing::debug!(%event, "NATS"),
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => tracing::warn!(%event, "NATS"),
    }
}
