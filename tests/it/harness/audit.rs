//! What the API server saw: the witness of every request that a service account made.

use std::path::Path;

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
/// An event is written before the answer to its request is complete, so whoever has the answer finds it here.
pub(crate) fn events(log: &Path, user_or_namespace: &str) -> Vec<Value> {
    let text = std::fs::read(log).unwrap_or_default();
    let events = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    events
        .filter(|event| {
            event["user"]["username"] == user_or_namespace || event["objectRef"]["namespace"] == user_or_namespace
        })
        .collect()
}
