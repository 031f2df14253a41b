//! What a failed test shows: the end of its logs and the objects of its namespace.

use std::fmt::Write as _;
use std::path::PathBuf;

use kube::api::ListParams;
use serde_json::Value;

use super::process::tail;

/// Lines of each log.
const LOG_LINES: usize = 60;

/// Lines of each kind of object.
const OBJECT_LINES: usize = 150;

const KINDS: [(&str, &str); 5] = [
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/apps/v1", "replicasets"),
    ("/api/v1", "pods"),
    ("/api/v1", "events"),
];

/// Everything that helps to see why, as text.
pub(crate) async fn report(client: &kube::Client, namespace: &str, logs: &[PathBuf]) -> String {
    let mut report = String::new();
    for log in logs {
        let _ = writeln!(report, "\n--- the end of {}\n{}", log.display(), tail(log, LOG_LINES));
    }
    for (group, kind) in KINDS {
        let objects = list(client, &format!("{group}/namespaces/{namespace}/{kind}")).await;
        if !objects.is_empty() {
            let text = serde_json::to_string_pretty(&objects).unwrap_or_default();
            let lines: Vec<_> = text.lines().take(OBJECT_LINES).collect();
            let _ = writeln!(report, "\n--- {kind} in {namespace}: {}\n{}", objects.len(), lines.join("\n"));
        }
    }
    report
}

async fn list(client: &kube::Client, path: &str) -> Vec<Value> {
    let request = kube::core::Request::new(path).list(&ListParams::default()).expect("a request");
    let list: Value = client.request(request).await.unwrap_or_default();
    let objects = list["items"].as_array().cloned().unwrap_or_default();
    objects.into_iter().map(trimmed).collect()
}

/// Without what nobody reads.
fn trimmed(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["managedFields", "uid", "namespace"] {
            metadata.remove(field);
        }
    }
    object
}
