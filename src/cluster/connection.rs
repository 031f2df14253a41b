//! The library's client with one thing changed: what is to be sent is sent at once.
//!
//! Its own connections keep Nagle's algorithm. Where a session of TLS is resumed, the server has nothing left to say when the
//! handshake ends, so the first request waits for a bare acknowledgement of that end, which Linux puts off by 40 ms:
//! measured against a real API server, 47 ms in the place of 0.4. That was every connection but the first, as after a start,
//! beside a watch, and whenever none had been used for a while.
//!
//! And they are kept for ever, each with some 50 kB of buffers and TLS, as many as were ever used at once: here it is some of
//! them, and for a while.

use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt as _};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _};

use crate::outbound::proxy::Proxy;

/// Where bytes go: to the API server, or to the proxy that passes them on.
type Connector<S> = BoxCloneSyncService<Uri, S, BoxError>;

/// The most connections that are kept while nobody uses them: as many as the requests of a busy host's looks.
const MOST_IDLE: usize = 16;
/// So long they are kept.
const IDLE: Duration = Duration::from_secs(90);

/// A client of this configuration, which repeats nothing by itself. No request is made.
///
/// # Errors
/// When certificates, login or headers of the configuration can't be used.
pub(super) fn client(config: &kube::Config) -> Result<kube::Client, kube::Error> {
    let Some(proxy) = config.proxy_url.clone() else {
        return over(boxed(tcp()), config);
    };
    let login = Proxy::parse(&proxy.to_string()).ok().and_then(|proxy| proxy.authorization());
    let login = login.and_then(|login| HeaderValue::from_str(login.expose()).ok());
    if proxy.scheme_str() == Some("https") {
        let tls = config.rustls_https_connector_with_connector(tcp())?;
        over(boxed(known(Tunnel::new(proxy, tls), login)), config)
    } else {
        over(boxed(known(Tunnel::new(proxy, tcp()), login)), config)
    }
}

/// Connections that don't wait for an acknowledgement before they send more.
fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}

/// The tunnel, whose proxy is told who we are.
fn known<C>(tunnel: Tunnel<C>, login: Option<HeaderValue>) -> Tunnel<C> {
    match login {
        Some(login) => tunnel.with_auth(login),
        None => tunnel,
    }
}

/// Of one type, so that what stands on it is compiled once.
fn boxed<C>(connector: C) -> Connector<C::Response>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static> + Clone + Send + Sync + 'static,
{
    BoxCloneSyncService::new(connector.map_err(Into::into))
}

/// The library's layers over these connections.
fn over<S>(connector: Connector<S>, config: &kube::Config) -> Result<kube::Client, kube::Error>
where
    S: Read + Write + Connection + Send + Unpin + 'static,
{
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(connector)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let mut requests = legacy::Client::builder(TokioExecutor::new());
    requests.pool_max_idle_per_host(MOST_IDLE).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
    let requests: legacy::Client<_, Body> = requests.build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(requests);
    Ok(kube::Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::{Barrier, watch};
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn what_the_api_server_is_to_be_told_is_sent_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connection = tcp().oneshot(server).await.unwrap();
        assert!(connection.inner().nodelay().unwrap());
    }

    /// Answers each request once so many are open, and knows how many connections there are.
    async fn serve(listener: TcpListener, at_once: usize, open: watch::Sender<usize>) {
        let (open, all_there) = (Arc::new(open), Arc::new(Barrier::new(at_once)));
        let mut connections = JoinSet::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (open, all_there) = (Arc::clone(&open), Arc::clone(&all_there));
            open.send_modify(|open| *open += 1);
            connections.spawn(async move {
                let mut request = [0; 4096];
                while connection.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                    all_there.wait().await;
                    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
                }
                open.send_modify(|open| *open -= 1);
            });
        }
    }

    #[tokio::test]
    async fn of_the_connections_of_a_burst_some_are_kept() {
        const AT_ONCE: usize = 4 * MOST_IDLE;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let (open, mut known) = watch::channel(0);
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, AT_ONCE, open));
        let client = client(&kube::Config::new(server)).unwrap();
        let asks = (0..AT_ONCE).map(|_| async {
            let request = http::Request::get("/version").body(Vec::new()).unwrap();
            client.request_text(request).await.unwrap()
        });
        assert_eq!(futures_util::future::join_all(asks).await, vec!["{}"; AT_ONCE]);
        let few = known.wait_for(|open| *open == MOST_IDLE);
        tokio::time::timeout(Duration::from_secs(10), few).await.expect("the others are closed").unwrap();
    }
}
