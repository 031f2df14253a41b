//! The connection to NATS: who this process is there, and what is said when it comes and goes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Auth, Client, ConnectOptions, Event};

use super::bucket::CALL;
use super::{NatsError, NatsSettings};
use crate::domain::secret::Secret;

/// A server that is away is tried again after this time at most.
const RECONNECT: Duration = Duration::from_secs(2);

/// Whether the server can do what is relied on.
pub(super) fn is_new_enough(client: &Client) -> bool {
    client.is_server_compatible(2, 12, 0)
}

/// Connects, and from then on again whenever that is needed. `connections` counts how often.
///
/// # Errors
/// [`NatsError::Connect`] where no server takes the connection now.
pub(super) async fn connect(settings: &NatsSettings, connections: Arc<AtomicU64>) -> Result<Client, NatsError> {
    let options = as_whom(settings)
        .name("image-watcher")
        .tls_client_config(settings.tls.clone())
        // Also to servers that others name, and whatever a server says of itself.
        .require_tls(settings.servers.iter().any(|server| server.scheme() == "tls"))
        .connection_timeout(CALL)
        .request_timeout(Some(CALL))
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|attempts| Duration::from_millis(100 * attempts as u64).min(RECONNECT))
        .event_callback(move |event| {
            if matches!(event, Event::Connected) {
                connections.fetch_add(1, Ordering::Relaxed);
            }
            async move { log(&event) }
        });
    let servers: Vec<async_nats::ServerAddr> =
        settings.servers.iter().filter_map(|url| async_nats::ServerAddr::from_url(url.clone()).ok()).collect();
    let failed = |source| NatsError::Connect { servers: settings.names(), source };
    options.connect(servers).await.map_err(|source| failed(source.into()))
}

fn as_whom(settings: &NatsSettings) -> ConnectOptions {
    let Some((user, password)) = settings.user.clone() else { return ConnectOptions::new() };
    let password = Password { file: settings.password_file.clone(), last: Arc::new(Mutex::new(password)) };
    ConnectOptions::with_auth_callback(move |_| {
        let mut auth = Auth::new();
        auth.username = Some(user.clone());
        auth.password = Some(password.now().expose().to_owned());
        std::future::ready(Ok(auth))
    })
}

/// A password that may be changed in the file that it stands in.
struct Password {
    file: Option<PathBuf>,
    /// As it was read last: a file that is being replaced is none for a moment.
    last: Arc<Mutex<Secret>>,
}

impl Password {
    fn now(&self) -> Secret {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let read = read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.is_empty());
        if let Some(read) = read {
            *last = Secret::new(read);
        }
        last.clone()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_again_and_the_last_one_holds_while_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let first = Arc::new(Mutex::new(Secret::new("one".to_owned())));
        let password = Password { file: Some(file.clone()), last: first };
        assert_eq!(password.now().expose(), "one");
        std::fs::write(&file, "two\n").unwrap();
        assert_eq!(password.now().expose(), "two");
        std::fs::write(&file, "").unwrap();
        assert_eq!(password.now().expose(), "two");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(password.now().expose(), "two");
    }
}
