//! The last lines of a container's log, where the right to read it is given.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::AsyncBufReadExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::cluster::request::{Failed, within};
use crate::domain::redaction::redacted;
use crate::telemetry::metrics::Metrics;

/// So many lines are shown.
const LINES: usize = 10;
/// So much is kept of each, in bytes: more than is shown.
const LONGEST_LINE: usize = 2 * 1024;
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
    let mut seen = Tail::default();
    let read = async {
        // One that is not started again has no log of before.
        for of_before in [true, false] {
            let parameters = parameters(container, of_before);
            match within(metrics, "log", api.log_stream(pod, &parameters)).await {
                // What was read before it broke off is shown all the same.
                Ok(stream) => {
                    let _ = tail(stream, &mut seen).await;
                    break;
                }
                Err(Failed::Status(status)) if status.code == 400 => {}
                // Not to have the right is ordinary.
                Err(_) => break,
            }
        }
    };
    // What was read in time is shown, however long the rest would take.
    let _ = tokio::time::timeout(PATIENCE, read).await;
    seen.shown()
}

/// What is asked for. The kubelet would take `limitBytes` from the beginning of these lines, and the last ones tell.
fn parameters(container: &str, of_before: bool) -> LogParams {
    LogParams {
        container: Some(container.to_owned()),
        previous: of_before,
        tail_lines: i64::try_from(LINES).ok(),
        ..LogParams::default()
    }
}

/// The last lines of what is read, however much that is.
async fn tail(stream: impl futures_util::AsyncBufRead, seen: &mut Tail) -> std::io::Result<()> {
    let mut stream = std::pin::pin!(stream);
    loop {
        let read = stream.fill_buf().await?;
        let bytes = read.len();
        if bytes == 0 {
            return Ok(());
        }
        seen.take(read);
        stream.consume_unpin(bytes);
    }
}

/// The last lines of a text that comes in pieces: of each its beginning, as whoever cuts it off elsewhere may show the end of a
/// secret that nothing tells from other words.
#[derive(Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// Whether the last line goes on.
    is_open: bool,
}

impl Tail {
    fn take(&mut self, text: &[u8]) {
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_open {
                self.lines.push_back(Vec::new());
                if self.lines.len() > LINES {
                    self.lines.pop_front();
                }
            }
            let line = piece.strip_suffix(b"\n");
            self.is_open = line.is_none();
            if let Some(last) = self.lines.back_mut() {
                let room = LONGEST_LINE.saturating_sub(last.len());
                last.extend(line.unwrap_or(piece).iter().take(room));
            }
        }
    }

    /// The lines as they may be shown: each bounded, without what looks like a key.
    fn shown(&self) -> Vec<String> {
        let all = self.lines.iter().map(|line| redacted(&String::from_utf8_lossy(line), &[]));
        all.filter(|line| !line.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a log that comes in pieces of so many bytes.
    async fn shown(text: &str, pieces: usize) -> Vec<String> {
        let pieces: Vec<std::io::Result<Vec<u8>>> = text.as_bytes().chunks(pieces).map(|it| Ok(it.to_vec())).collect();
        let mut seen = Tail::default();
        let stream = futures_util::TryStreamExt::into_async_read(futures_util::stream::iter(pieces));
        tail(stream, &mut seen).await.unwrap();
        seen.shown()
    }

    #[tokio::test]
    async fn what_was_read_before_a_log_broke_off_is_shown() {
        let pieces = [Ok(b"one\ntwo\n".to_vec()), Err(std::io::ErrorKind::ConnectionReset.into())];
        let mut seen = Tail::default();
        let stream = futures_util::TryStreamExt::into_async_read(futures_util::stream::iter(pieces));
        tail(stream, &mut seen).await.unwrap_err();
        assert_eq!(seen.shown(), ["one", "two"]);
    }

    #[tokio::test]
    async fn a_log_is_shown_in_few_lines_without_what_hides_or_looks_like_a_key() {
        let key = "A".repeat(60);
        let many =
            format!("{}\u{1b}[31mfatal: no table\u{202e}\n\npassword {key}\n{}", "x\n".repeat(50), "z\n".repeat(7));
        for pieces in [1, 7, 4096] {
            let shown = shown(&many, pieces).await;
            assert_eq!((shown.len(), shown[0].contains("fatal: no table")), (9, true), "{shown:?}");
            assert!(!shown.concat().contains(&key) && !shown.concat().contains('\u{202e}'), "{shown:?}");
        }
        assert!(shown("", 1).await.is_empty());
    }

    /// Ten lines of a kubelet may be 160 KiB, and of a runtime that does not cut them any size.
    #[tokio::test]
    async fn the_last_line_is_shown_however_long_the_lines_before_it_are() {
        let long = format!("trace {}\n", "y".repeat(100_000));
        let text = format!("{}fatal: no table", long.repeat(9));
        for pieces in [999, 8192, 2_000_000] {
            let shown = shown(&text, pieces).await;
            assert_eq!((shown.len(), shown.last().map(String::as_str)), (10, Some("fatal: no table")), "{shown:?}");
            assert!(shown.iter().all(|line| line.len() <= 240 && !line.is_empty()), "{shown:?}");
        }
        // The kubelet gives the first so many bytes of the tail.
        for of_before in [true, false] {
            let asked = parameters("web", of_before);
            assert_eq!((asked.limit_bytes, asked.tail_lines, asked.previous), (None, Some(10), of_before));
        }
    }

    #[test]
    fn of_a_long_line_no_more_is_kept_than_is_shown() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.take(&[b'y'; 4096]);
        }
        assert_eq!(tail.lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST_LINE]);
    }
}
