//! An `OpenID` provider of another hand: the example of zitadel/oidc, which has a form to sign in at.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::peers::Peers;
use super::process::Process;

/// What its users show.
pub(crate) const PASSWORD: &str = "verysecure";
/// The client that it knows, with what has to be escaped in both.
pub(crate) const CLIENT: (&str, &str) = ("image watcher", "s3cret&more");

/// A running provider with `alice` of the group `sre`, `bob` of `dev` and `carol` of none.
pub(crate) struct OpenId {
    process: Process,
    peers: Peers,
    settings: PathBuf,
    host: String,
}

impl OpenId {
    /// Starts one that leads people back to `redirect` alone; a bare one says in ID tokens nothing but who it is.
    pub(crate) async fn start(peers: &Peers, folder: &Path, redirect: &str, is_bare: bool) -> Self {
        let (http, file) = (super::http_client(), folder.join("provider.json"));
        let program = |[port]: [u16; 1]| {
            std::fs::write(&file, settings(port, redirect, is_bare)).expect("a file");
            peers.program("openid").arg(&file)
        };
        let ready = async |[port]: [u16; 1]| super::answers(&http, &discovery(&format!("127.0.0.1:{port}"))).await;
        let (process, [port]) = peers.start("openid", program, ready).await;
        Self { process, peers: peers.clone(), settings: file, host: format!("127.0.0.1:{port}") }
    }

    /// What it calls itself.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Sends a signal, as `STOP` and `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Ends it.
    pub(crate) async fn stop(&self) {
        self.process.signal("KILL");
        self.process.wait().await;
    }

    /// Starts it again on the same port once it has ended, with other keys.
    pub(crate) async fn start_again(&mut self) {
        let (http, program) = (super::http_client(), self.peers.program("openid").arg(&self.settings));
        self.process = self.peers.spawner.spawn("openid", &program, self.process.log(), None);
        let ready = self.process.ready(async || super::answers(&http, &discovery(&self.host)).await);
        ready.await.expect("it starts on the same port");
    }
}

fn discovery(host: &str) -> String {
    format!("http://{host}/.well-known/openid-configuration")
}

fn settings(port: u16, redirect: &str, is_bare: bool) -> String {
    let user = |name: &str| {
        json!({"ID": format!("id-{name}"), "Username": name, "Password": PASSWORD, "FirstName": name,
            "Email": format!("{name}@example.com"), "EmailVerified": true})
    };
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(user);
    json!({
        "Address": format!("127.0.0.1:{port}"), "ID": CLIENT.0, "Secret": CLIENT.1, "Redirects": [redirect], "Bare": is_bare,
        "Users": {"id-alice": alice, "id-bob": bob, "id-carol": carol},
        "Groups": {"id-alice": ["sre", "everybody"], "id-bob": ["dev"]},
    })
    .to_string()
}
