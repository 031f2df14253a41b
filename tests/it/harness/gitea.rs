//! Gitea: another hand's registry and forge, in one process. It is built by `make test-gitea`, as that takes minutes.

use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;

use super::peers::Peers;
use super::process::Program;
use super::registry::{PASSWORD, Registry, USER};

/// A running Gitea, whose only user and administrator is [`USER`].
pub(crate) struct Gitea {
    registry: Arc<Registry>,
    http: reqwest::Client,
}

impl Gitea {
    /// Starts one; `None` where it was not built.
    pub(crate) async fn start(peers: &Peers, folder: &Path) -> Option<Self> {
        let (files, file) = (peers.found("gitea-files")?, folder.join("app.ini"));
        let program = |more: &str| {
            let program = peers.program("gitea").env("GITEA_I_AM_BEING_UNSAFE_RUNNING_AS_ROOT", "true");
            program.env("USER", "gitea").env("HOME", folder).arg("-c").arg(&file).words(more)
        };
        let http = super::http_client();
        let web = |[port]: [u16; 1]| -> Program {
            std::fs::write(&file, settings(folder, &files, port)).expect("a configuration");
            program("web")
        };
        let ready =
            async |[port]: [u16; 1]| super::answers(&http, &format!("http://127.0.0.1:{port}/api/healthz")).await;
        let (process, [port]) = peers.start("gitea", web, ready).await;
        let user =
            format!("admin user create --admin --username {USER} --password {PASSWORD} --email {USER}@example.com");
        let log = folder.join("user.log");
        let made = peers.spawner.spawn("gitea", &program(&user), &log, None).wait().await;
        assert!(made.success(), "{}", super::process::tail(&log, 20));
        let registry = Registry::with_password(process, format!("127.0.0.1:{port}"), folder);
        Some(Self { registry: Arc::new(registry), http })
    }

    /// Its registry of containers.
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// A URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.registry.host())
    }

    /// A request to its API, which has to succeed.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.http.request(method, self.url(&format!("/api/v1{path}"))).basic_auth(USER, Some(PASSWORD));
        let answer = request.json(&body).send().await.expect("Gitea");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "{path}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn settings(folder: &Path, files: &Path, port: u16) -> String {
    let (folder, files) = (folder.display(), files.display());
    format!(
        "RUN_MODE = prod\n\
         WORK_PATH = {folder}\n\
         [server]\n\
         HTTP_ADDR = 127.0.0.1\n\
         HTTP_PORT = {port}\n\
         ROOT_URL = http://127.0.0.1:{port}/\n\
         STATIC_ROOT_PATH = {files}\n\
         APP_DATA_PATH = {folder}/data\n\
         OFFLINE_MODE = true\n\
         DISABLE_SSH = true\n\
         [database]\n\
         DB_TYPE = sqlite3\n\
         PATH = {folder}/gitea.db\n\
         SQLITE_JOURNAL_MODE = WAL\n\
         [security]\n\
         INSTALL_LOCK = true\n\
         SECRET_KEY = of one test run\n\
         MIN_PASSWORD_LENGTH = 6\n\
         [webhook]\n\
         ALLOWED_HOST_LIST = loopback\n\
         [log]\n\
         MODE = console\n\
         logger.access.MODE = console\n\
         [actions]\n\
         ENABLED = false\n"
    )
}
