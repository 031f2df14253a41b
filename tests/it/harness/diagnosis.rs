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

const KINDS: [(&str, &str); 4] = [
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/apps/v1", "replicasets"),
    ("/api/v1", "pods"),
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
    let events = list(client, &format!("/api/v1/namespaces/{namespace}/events")).await;
    let _ = writeln!(report, "\n--- events in {namespace}: {}", events.len());
    for event in events.iter().take(OBJECT_LINES) {
        let about = &event["involvedObject"];
        let words = [&about["kind"], &about["name"], &event["type"], &event["reason"], &event["message"]];
        let _ = writeln!(report, "{}", words.map(|word| word.as_str().unwrap_or_default()).join(" "));
    }
    report
}

async fn list(client: &kube::Client, path: &str) -> Vec<Value> {
    let request = kube::core::Request::new(path).list(&ListParams::default()).expect("a request");
    let list: Value = client.request(request).await.unwrap_or_default();
    let objects = list["items"].as_array().cloned().unwrap_or_default();
    objects.into_iter().map(trimmed).collect()
}

/// An object without what nobody reads.
pub(super) fn trimmed(mut object: Value) -> Value {
    if let Some(spec) = object["spec"].as_object_mut() {
        for field in ["volumes", "tolerations"] {
            spec.remove(field);
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in ["managedFields", "uid", "namespace"] {
            metadata.remove(field);
        }
    }
    object
}
