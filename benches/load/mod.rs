//! A small HTTP load generator: keep-alive connections that send one request after another, as a busy proxy does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// Microseconds of each answered request.
    pub(crate) times: Vec<u32>,
    /// The numbers of the requests that were answered with success.
    pub(crate) accepted: Vec<u64>,
}

impl Outcome {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// The time within which this part of the requests was answered, in milliseconds.
    pub(crate) fn percentile(&mut self, part: f64) -> f64 {
        self.times.sort_unstable();
        let at = ((self.times.len() as f64 * part) as usize).min(self.times.len().saturating_sub(1));
        self.times.get(at).map_or(f64::NAN, |time| f64::from(*time) / 1000.0)
    }

    fn add(&mut self, other: Self) {
        other.by_status.into_iter().for_each(|(status, count)| *self.by_status.entry(status).or_default() += count);
        self.times.extend(other.times);
        self.accepted.extend(other.accepted);
    }
}

/// When to end.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    After(Duration),
    Sent(u64),
}

/// Sends what `request` makes of the numbers 0, 1, 2, … over `connections`. A connection that breaks is made anew, and its
/// request counts as unanswered.
pub(crate) async fn load(
    port: u16,
    connections: usize,
    until: Until,
    request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
) -> Outcome {
    let (next, started) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (next, request) = (Arc::clone(&next), Arc::clone(&request));
        tasks.spawn(async move {
            let mut outcome = Outcome::default();
            let mut stream: Option<TcpStream> = None;
            let mut buffer = vec![0; 4096];
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let over = match until {
                    Until::After(time) => started.elapsed() >= time,
                    Until::Sent(count) => number >= count,
                };
                if over {
                    return outcome;
                }
                let bytes = request(number);
                let begun = Instant::now();
                if stream.is_none() {
                    stream = connected(port).await;
                }
                let Some(open) = &mut stream else { continue };
                match exchange(open, &bytes, &mut buffer).await {
                    Ok((status, closes)) => {
                        outcome.times.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
                        *outcome.by_status.entry(status).or_default() += 1;
                        if status < 300 {
                            outcome.accepted.push(number);
                        }
                        if closes {
                            stream = None;
                        }
                    }
                    Err(_) => stream = None,
                }
            }
        });
    }
    let mut all = Outcome::default();
    while let Some(one) = tasks.join_next().await {
        all.add(one.expect("a connection's task"));
    }
    all.took = started.elapsed();
    all
}

async fn connected(port: u16) -> Option<TcpStream> {
    if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
        let _ = stream.set_nodelay(true);
        return Some(stream);
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    None
}

/// One request and its whole answer; gives the status, and whether the connection ends with it.
async fn exchange(stream: &mut TcpStream, bytes: &[u8], buffer: &mut [u8]) -> std::io::Result<(u16, bool)> {
    stream.write_all(bytes).await?;
    let mut have = 0;
    loop {
        let got = stream.read(&mut buffer[have..]).await?;
        if got == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        have += got;
        let text = &buffer[..have];
        let Some(head) = text.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let lower = String::from_utf8_lossy(&text[..head]).to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if have >= head + 4 + length {
            let status = lower.get(9..12).and_then(|status| status.parse().ok());
            let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
            return Ok((status, lower.contains("connection: close")));
        }
    }
}

/// A POST with this body.
pub(crate) fn post(path: &str, header: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
