//! Credentials from a workload's `imagePullSecrets`: its own namespace, its own list, and only for the host that the
//! secret names. Read when needed, held for minutes, never watched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use serde::Deserialize;

use super::apply::{Failed, within};
use crate::ambient::Ambient;
use crate::domain::reference::Repository;
use crate::domain::secret::Secret;
use crate::domain::workload::Workload;
use crate::registry::Credential;
use crate::telemetry::metrics::Metrics;

/// How long a secret, or the answer that it can't be read, is believed.
const BELIEVED: Duration = Duration::from_secs(300);
/// Larger secrets are no pull secrets.
const MOST_BYTES: usize = 64 * 1024;
/// The most secrets that are held.
const MOST_HELD: usize = 1000;

/// Users by host, as one secret lists them.
type Users = Vec<(String, String, Secret)>;

/// What is known of a secret: until when, its scope, its users; `None` when it can't be read.
type Known = (Duration, Arc<Option<(String, Users)>>);

/// What is known, by namespace and name.
type Held = HashMap<(Box<str>, Box<str>), Known>;

/// Reads pull secrets, and remembers them for minutes.
#[derive(Clone)]
pub(super) struct PullSecrets {
    client: kube::Client,
    ambient: Ambient,
    metrics: Metrics,
    held: Arc<Mutex<Held>>,
}

/// `.dockerconfigjson`, and the older form that is its inner map.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: HashMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

impl PullSecrets {
    pub(super) fn new(client: kube::Client, ambient: Ambient, metrics: Metrics) -> Self {
        Self { client, ambient, metrics, held: Arc::default() }
    }

    /// The first user that the workload's secrets name for the repository's host; nobody when there is none.
    pub(super) async fn credential(&self, workload: &Workload, repository: &Repository) -> Credential {
        for name in &workload.pull_secrets {
            let Some((scope, users)) = &*self.read(&workload.id.namespace, name).await else { continue };
            let user = users.iter().find(|(host, ..)| fits(host, repository));
            if let Some((_, name, password)) = user {
                return Credential::User { scope: scope.clone(), name: name.clone(), password: password.clone() };
            }
        }
        Credential::Anonymous
    }

    async fn read(&self, namespace: &str, name: &str) -> Arc<Option<(String, Users)>> {
        let key = (Box::from(namespace), Box::from(name));
        let now = self.ambient.monotonic();
        if let Some((until, known)) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&key)
            && *until > now
        {
            return Arc::clone(known);
        }
        let read = Arc::new(self.fetch(namespace, name).await);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (until, _)| *until > now);
        if held.len() < MOST_HELD {
            held.insert(key, (now + BELIEVED, Arc::clone(&read)));
        }
        read
    }

    async fn fetch(&self, namespace: &str, name: &str) -> Option<(String, Users)> {
        let api: kube::Api<KubeSecret> = kube::Api::namespaced(self.client.clone(), namespace);
        let secret = match within(&self.metrics, "secret", api.get_opt(name)).await {
            Ok(secret) => secret?,
            Err(Failed::Status(status)) => {
                tracing::warn!(
                    namespace,
                    secret = name,
                    code = status.code,
                    "the pull secret can't be read, so the registry is asked anonymously; apply deploy/pull-secrets in that namespace to allow it"
                );
                return None;
            }
            Err(Failed::NoAnswer(error)) => {
                tracing::warn!(namespace, secret = name, %error, "the pull secret can't be read now");
                return None;
            }
        };
        let uid = secret.metadata.uid.clone().unwrap_or_default();
        let version = secret.metadata.resource_version.clone().unwrap_or_default();
        let users = users(&secret);
        if users.is_empty() {
            tracing::warn!(
                namespace,
                secret = name,
                "the pull secret holds no user that can be read: kubernetes.io/dockerconfigjson is expected"
            );
        }
        Some((format!("{namespace}/{name}/{uid}/{version}"), users))
    }
}

fn users(secret: &KubeSecret) -> Users {
    let data = secret.data.iter().flatten();
    let mut all = Users::new();
    for (key, bytes) in data.filter(|(_, bytes)| bytes.0.len() <= MOST_BYTES) {
        let auths = match key.as_str() {
            ".dockerconfigjson" => serde_json::from_slice::<DockerConfig>(&bytes.0).map(|config| config.auths),
            ".dockercfg" => serde_json::from_slice(&bytes.0),
            _ => continue,
        };
        for (host, auth) in auths.unwrap_or_default() {
            if let Some((name, password)) = auth.user() {
                all.push((host, name, Secret::new(password)));
            }
        }
    }
    all
}

impl Auth {
    fn user(self) -> Option<(String, String)> {
        if let (Some(name), Some(password)) = (self.username, self.password) {
            return Some((name, password));
        }
        let decoded = String::from_utf8(STANDARD.decode(self.auth?.trim()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }
}

/// Whether an entry's key, `host`, `https://host/v1/` or `host/path`, is for this repository.
fn fits(entry: &str, repository: &Repository) -> bool {
    let bare = entry.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let under = path.is_empty()
        || repository.path().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    host == repository.host() && under
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_for_its_host_and_path_alone() {
        let cases = [
            ("https://index.docker.io/v1/", "docker.io/acme/web", true),
            ("docker.io", "acme/web", true),
            ("registry.example.com", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/ab", false),
            ("registry.example.com", "registry.example.com:5000/a", false),
            ("example.com", "registry.example.com/a", false),
            ("registry.example.com.evil.example", "registry.example.com/a", false),
            ("", "registry.example.com/a", false),
        ];
        for (entry, repository, expected) in cases {
            assert_eq!(fits(entry, &Repository::parse(repository).unwrap()), expected, "{entry} {repository}");
        }
    }

    #[test]
    fn users_are_read_from_both_forms() {
        let secret = |key: &str, text: &str| -> KubeSecret {
            serde_json::from_value(serde_json::json!({"data": {key: STANDARD.encode(text)}})).unwrap()
        };
        let auth = STANDARD.encode("joe:pa:ss");
        let modern = secret(".dockerconfigjson", &format!(r#"{{"auths":{{"a.example":{{"auth":"{auth}"}}}}}}"#));
        let found = users(&modern);
        assert_eq!((found[0].1.as_str(), found[0].2.expose()), ("joe", "pa:ss"));
        let old = secret(".dockercfg", r#"{"a.example":{"username":"joe","password":"x","email":"e"}}"#);
        assert_eq!(users(&old)[0].2.expose(), "x");
        for rubbish in ["", "[]", "{\"auths\":[]}", "{\"auths\":{\"h\":{\"auth\":\"%%\"}}}"] {
            assert!(users(&secret(".dockerconfigjson", rubbish)).is_empty(), "{rubbish}");
        }
    }
}
