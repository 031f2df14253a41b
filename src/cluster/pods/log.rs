//! The last lines of a container's log, where the right to read it is given.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::cluster::apply::within;
use crate::domain::redaction::redacted;
use crate::telemetry::metrics::Metrics;

/// So many lines are read.
const LINES: i64 = 10;
/// So many bytes at most.
const MOST_BYTES: i64 = 8 * 1024;
/// Nobody waits longer for them: what failed is to be undone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last lines that a container wrote before it ended; none where they may not be read, or are not there.
pub(super) async fn last_lines(
    client: &kube::Client,
    namespace: &str,
    (pod, container): (&str, &str),
    metrics: &Metrics,
) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let parameters = LogParams {
        container: Some(container.to_owned()),
        previous: true,
        tail_lines: Some(LINES),
        limit_bytes: Some(MOST_BYTES),
        ..LogParams::default()
    };
    let request = within(metrics, "log", api.logs(pod, &parameters));
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(Ok(text)) => lines(&text),
        // Not to have the right is ordinary.
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// The lines as they may be shown: each bounded, without what looks like a key.
fn lines(text: &str) -> Vec<String> {
    let shown = text.lines().map(|line| redacted(line, &[])).filter(|line| !line.is_empty());
    shown.take(usize::try_from(LINES).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_in_few_lines_without_what_hides_or_looks_like_a_key() {
        let key = "A".repeat(60);
        let many = format!("\u{1b}[31mfatal: no table\u{202e}\n\npassword {key}\n{}", "x\n".repeat(50));
        let shown = lines(&many);
        assert_eq!((shown.len(), shown[0].contains("fatal: no table")), (10, true), "{shown:?}");
        assert!(!shown.concat().contains(&key) && !shown.concat().contains('\u{202e}'), "{shown:?}");
        assert!(lines(&"y".repeat(100_000))[0].len() <= 240);
    }
}
