//! The token server of the Distribution project, another hand's than ours (CNCF Distribution, "Token Authentication
//! Specification"): it gives [`USER`] access to what is named `<user>/…`, and nobody else to anything.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::peers::Peers;
use super::process::Process;
use super::registry::{NEXT_PASSWORD_HASH, PASSWORD, PASSWORD_HASH, USER, write_password};
use super::tokens::ISSUER;

/// A running token server.
pub(crate) struct TokenServer {
    process: Process,
    host: String,
    folder: PathBuf,
}

impl TokenServer {
    /// Starts one that knows [`USER`] with [`PASSWORD`].
    pub(crate) async fn start(peers: &Peers, folder: &Path) -> Self {
        write_password(folder, PASSWORD_HASH);
        let http = super::http_client();
        let program = |[port]: [u16; 1]| {
            let address = format!("127.0.0.1:{port}");
            let program = peers.program("token-server").arg("-issuer").arg(ISSUER).arg("-realm").arg("tests");
            program.arg("-passwd").arg(folder.join("htpasswd")).arg("-addr").arg(address)
        };
        // 401 is an answer as well.
        let url = |port| format!("http://127.0.0.1:{port}/token/?service=tests");
        let ready = async |[port]: [u16; 1]| http.get(url(port)).send().await.is_ok();
        let (process, [port]) = peers.start("token-server", program, ready).await;
        let answer = http.get(url(port)).basic_auth(USER, Some(PASSWORD)).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let token = answer["access_token"].as_str().expect("a token").to_owned();
        let head = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a head")).expect("base64");
        let head: Value = serde_json::from_slice(&head).expect("JSON");
        std::fs::write(folder.join("keys.json"), json!({ "keys": [head["jwk"]] }).to_string()).expect("a file");
        Self { process, host: format!("127.0.0.1:{port}"), folder: folder.into() }
    }

    /// Where tokens are asked for.
    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token/", self.host)
    }

    /// `host:port` of it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// What signs its tokens, for a registry that believes them.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys.json")
    }

    /// From now on [`USER`] has another password, and the old one is refused.
    pub(crate) fn change_password(&self) {
        write_password(&self.folder, NEXT_PASSWORD_HASH);
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap_or_default()
    }
}
