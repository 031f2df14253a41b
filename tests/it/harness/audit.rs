//! What the API server saw: the witness of every request that a service account made.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Service accounts in full, tests by name and outcome, the control plane's own parts not at all.
pub(crate) fn policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "RequestResponse", "userGroups": ["system:serviceaccounts"] },
            { "level": "Metadata", "users": ["test-admin"], "verbs": ["create", "update", "patch", "delete"] },
            { "level": "None" },
        ],
    })
}

/// The events so far of a user (`system:serviceaccount:<namespace>:<name>`), or about a namespace.
///
/// An event is written before the answer to its request is complete, so whoever has the answer finds it here. Of a long run the
/// API server begins a new file now and then, and gives the one before a name with its time.
pub(crate) fn events(log: &Path, user_or_namespace: &str) -> Vec<Value> {
    let is_it = |event: &Value| {
        event["user"]["username"] == user_or_namespace || event["objectRef"]["namespace"] == user_or_namespace
    };
    let mut all = Vec::new();
    for file in files(log) {
        let text = std::fs::read(file).unwrap_or_default();
        let events = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        all.extend(events.filter(is_it));
    }
    all
}

/// The older files of a log, the oldest first, and the log.
fn files(log: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let older = format!("{}-", name(log).trim_end_matches(".log"));
    let siblings = log.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> =
        siblings.map(|entry| entry.path()).filter(|path| name(path).starts_with(&older)).collect();
    all.sort();
    all.push(log.to_owned());
    all
}
