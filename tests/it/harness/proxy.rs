//! A real HTTP proxy (`tests/peers/proxy`), and what passed through it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::peers::Peers;
use super::process::Process;

/// A running proxy.
pub(crate) struct HttpProxy {
    process: Process,
    port: u16,
    login: Option<String>,
}

impl HttpProxy {
    pub(crate) async fn start(peers: &Peers, places: &[(String, String)], login: Option<&str>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let program = |[port]: [u16; 1]| {
            let program = peers.program("proxy").words(&format!("-listen 127.0.0.1:{port}"));
            let program = login.into_iter().fold(program, |program, login| program.arg("-login").arg(login));
            places.iter().fold(program, |program, (name, place)| program.arg("-map").arg(format!("{name}={place}")))
        };
        let http = super::http_client();
        let ready = async |[port]: [u16; 1]| super::answers(&http, &format!("http://127.0.0.1:{port}/ready")).await;
        let name = format!("proxy-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let (process, [port]) = peers.start(&name, program, ready).await;
        Self { process, port, login: login.map(String::from) }
    }

    /// For `HTTPS_PROXY`, with user and password percent-encoded.
    pub(crate) fn url(&self) -> String {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let login = self.login.as_deref().and_then(|login| login.split_once(':'));
        let login = login.map(|(user, password)| format!("{}:{}@", encode(user), encode(password)));
        format!("http://{}127.0.0.1:{}", login.unwrap_or_default(), self.port)
    }

    /// What passed so far: `CONNECT host:port`, or a method and a URL.
    pub(crate) fn passed(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
        log.lines().map(String::from).collect()
    }
}
