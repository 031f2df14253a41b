//! Real registries: CNCF Distribution, one for all tests and more on demand, and other programs that speak the same API.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::peers::Peers;
use super::process::Process;
use super::tokens::{ISSUER, SERVICE, Signer};

/// The bearer token of the registry's notifications.
pub(crate) const TOKEN: &str = "registry-token";

/// Who may use a registry that asks, and the bcrypt hash of that password.
pub(crate) const USER: &str = "puller";
pub(crate) const PASSWORD: &str = "pull-me";
pub(super) const PASSWORD_HASH: &str = "$2b$04$7r9TdQaIFVmH0Bf0wQF0geUBnocp.Rqg22tb01wSUWnno00EhjPue";

/// What takes its place, and the hash of that.
pub(crate) const NEXT_PASSWORD: &str = "pull-me-anew";
pub(super) const NEXT_PASSWORD_HASH: &str = "$2a$04$sjRwyB4x.aSE2xiDBt/k9O28eivQL5BoZx.4UUbp4Od9Chwza9tO.";

/// Whose program a registry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Software {
    /// CNCF Distribution 3.
    #[default]
    Distribution,
    /// Distribution 2.8, which is Debian's `docker-registry`.
    Distribution2,
    /// go-containerregistry's, in memory. It asks nobody who they are, whatever the options say.
    GoContainerregistry,
}

/// How a registry is set up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Whose it is.
    pub(crate) software: Software,
    /// Only [`USER`] with [`PASSWORD`] gets in, by Basic auth.
    pub(crate) password: bool,
    /// Where its notifications go.
    pub(crate) notify: Option<String>,
    /// `host:port` that image references write, where that is not its address: a name that only a proxy knows.
    pub(crate) name: Option<String>,
    /// It asks for tokens.
    pub(crate) token: Option<TokenAuth>,
    /// No page of a list has more tags.
    pub(crate) page: Option<usize>,
    /// Where it sends those who want a blob: a URL that its storage is served at.
    pub(crate) blobs: Option<String>,
}

/// Who makes the tokens that a registry asks for.
#[derive(Clone)]
pub(crate) struct TokenAuth {
    /// Where.
    pub(crate) realm: String,
    /// Whose signature it believes; the harness pushes with it.
    pub(crate) signer: Arc<Signer>,
    /// Whose it believes too: a set of JSON web keys.
    pub(crate) keys: Option<PathBuf>,
}

impl std::fmt::Debug for TokenAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenAuth({})", self.realm)
    }
}

/// A running registry.
pub(crate) struct Registry {
    process: Process,
    address: String,
    host: String,
    dir: PathBuf,
    password: bool,
    signer: Option<Arc<Signer>>,
}

impl Registry {
    pub(crate) async fn start(peers: &Peers, options: &Options) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("registry-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = peers.dir().join(&name);
        std::fs::create_dir_all(&dir).expect("a folder for the registry");
        write_password(&dir, PASSWORD_HASH);
        let config = dir.join("config.json");
        let program = |[port]: [u16; 1]| {
            std::fs::write(&config, configuration(&dir, port, options).to_string()).expect("a configuration");
            match options.software {
                Software::Distribution => {
                    peers.program("registry").env("OTEL_TRACES_EXPORTER", "none").arg("serve").arg(&config)
                }
                Software::Distribution2 => peers.program("registry-2").arg(&config),
                Software::GoContainerregistry => peers.program("go-containerregistry").arg(format!("127.0.0.1:{port}")),
            }
        };
        let http = super::http_client();
        // 401 is an answer as well.
        let ready = async |[port]: [u16; 1]| http.get(format!("http://127.0.0.1:{port}/v2/")).send().await.is_ok();
        let (process, [port]) = peers.start(&name, program, ready).await;
        let address = format!("127.0.0.1:{port}");
        let host = options.name.clone().unwrap_or_else(|| address.clone());
        let signer = options.token.as_ref().map(|token| Arc::clone(&token.signer));
        let password = options.password && options.software != Software::GoContainerregistry;
        Self { process, address, host, dir, password, signer }
    }

    /// Another program's, which lets [`USER`] in with [`PASSWORD`].
    pub(super) fn with_password(process: Process, address: String, dir: &Path) -> Self {
        let host = address.clone();
        Self { process, address, host, dir: dir.into(), password: true, signer: None }
    }

    /// From now on [`USER`] has [`NEXT_PASSWORD`], and the old one is refused; nothing is pushed any more.
    pub(crate) fn change_password(&self) {
        write_password(&self.dir, NEXT_PASSWORD_HASH);
    }

    /// The folder of its storage.
    pub(crate) fn storage(&self) -> PathBuf {
        self.dir.join("storage")
    }

    /// `host:port`, as image references write it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `host:port` that it listens on.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The lines of the access log that name `repository`: every request that was made about it.
    pub(crate) fn requests(&self, repository: &str) -> Vec<String> {
        let path = format!(" /v2/{repository}/");
        let log = std::fs::read_to_string(self.process.log()).unwrap_or_default();
        log.lines().filter(|line| line.contains(&path) && line.contains("HTTP/1.1\"")).map(String::from).collect()
    }

    /// A request at a path below `/v2/`, with the password where there is one.
    pub(crate) fn request(&self, http: &reqwest::Client, method: Method, path: &str) -> RequestBuilder {
        // Its own words and notifications have the name that it is called by.
        let path = path.strip_prefix(&format!("http://{}", self.host)).unwrap_or(path);
        let path = path.strip_prefix("/v2/").unwrap_or(path);
        let request = http.request(method, format!("http://{}/v2/{path}", self.address)).header("Host", &self.host);
        if let Some(signer) = &self.signer {
            let ends = ["/blobs/", "/manifests/", "/tags/"].iter().filter_map(|part| path.find(part));
            let repository = path.get(..ends.min().unwrap_or(path.len())).unwrap_or_default();
            return request.bearer_auth(signer.token(repository, &["pull", "push"]));
        }
        if self.password { request.basic_auth(USER, Some(PASSWORD)) } else { request }
    }
}

/// Writes the file of users.
pub(super) fn write_password(dir: &Path, hash: &str) {
    std::fs::write(dir.join("htpasswd"), format!("{USER}:{hash}\n")).expect("a password file");
}

/// JSON, which a reader of YAML reads.
fn configuration(dir: &Path, port: u16, options: &Options) -> serde_json::Value {
    let mut config = json!({
        "version": "0.1",
        "log": { "level": "info", "accesslog": { "disabled": false } },
        "storage": {
            "filesystem": { "rootdirectory": dir.join("storage") },
            "delete": { "enabled": true },
            "maintenance": { "uploadpurging": { "enabled": false } },
        },
        "http": { "addr": format!("127.0.0.1:{port}"), "secret": "of one test run" },
    });
    if options.password {
        config["auth"] = json!({ "htpasswd": { "realm": "tests", "path": dir.join("htpasswd") } });
    }
    if let Some(token) = &options.token {
        config["auth"] = json!({ "token": {
            "realm": token.realm,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": token.signer.file(),
        } });
        if let Some(keys) = &token.keys {
            config["auth"]["token"]["jwks"] = json!(keys);
        }
    }
    if let Some(most) = options.page {
        config["tags"] = json!({ "maxtags": most });
    }
    if let Some(url) = &options.blobs {
        config["middleware"] = json!({ "storage": [{ "name": "redirect", "options": { "baseurl": url } }] });
    }
    if let Some(url) = &options.notify {
        config["notifications"] = json!({ "endpoints": [{
            "name": "tests",
            "url": url,
            "headers": { "Authorization": [format!("Bearer {TOKEN}")] },
            "timeout": "1s",
            "threshold": 1000,
            "backoff": "200ms",
        }] });
    }
    config
}
