//! A report as a document for programs. Whatever its type, it is written by one and the same code.

use erased_serde::Serialize;

/// Indented JSON.
pub(super) fn json(report: &dyn Serialize) -> String {
    told(serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(|error| error.to_string()))
}

/// YAML, which ends with a line end.
pub(super) fn yaml(report: &dyn Serialize) -> String {
    told(serde_saphyr::to_string(&report).map_err(|error| error.to_string()))
}

/// A report has nothing that can't be written, so that a reason would be a fault of ours.
fn told(written: Result<String, String>) -> String {
    written.unwrap_or_else(|reason| format!("image-watcher: {reason}\n"))
}
