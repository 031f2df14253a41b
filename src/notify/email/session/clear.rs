//! What the library leaves open of a conversation. It goes on reading what it has read, so what somebody in between sends in
//! the clear behind the answer to STARTTLS would be taken for the server's own words under TLS; it reads a line to its
//! end, however long that is; and what a server refused it gives only when QUIT is answered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::LEFT_WITHIN;
use crate::outbound::Stream;

/// So much is read of a server in one conversation: some lines, and its certificates.
const MOST_BYTES: usize = 1 << 20;

/// A connection that takes nothing in the clear behind the answer to STARTTLS, and not more than a bound of anything, and
/// ends soon after QUIT.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: Stream,
    stage: Stage,
    /// How much may still be read.
    left: usize,
    /// When it ends, once QUIT was said.
    ends: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Stage {
    Before,
    /// STARTTLS was said, and so much of its answer is read.
    Asked(Line),
    After,
}

/// A line of an answer, as far as it is read.
#[derive(Debug, Default)]
struct Line {
    column: usize,
    goes_on: bool,
}

impl Line {
    /// Whether an answer ends with this byte: a line after whose code no hyphen stands is its last.
    fn ends_with(&mut self, byte: u8) -> bool {
        if byte == b'\n' {
            return !std::mem::take(self).goes_on;
        }
        self.goes_on |= self.column == 3 && byte == b'-';
        self.column += 1;
        false
    }
}

#[derive(Debug, thiserror::Error)]
#[error("more comes in the clear than its answer to STARTTLS, so somebody may be in between")]
struct MoreInTheClear;

#[derive(Debug, thiserror::Error)]
#[error("it says more than {MOST_BYTES} bytes")]
struct TooMuch;

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl Guarded {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, stage: Stage::Before, left: MOST_BYTES, ends: None }
    }

    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| invalid(TooMuch))?;
        let Stage::Asked(line) = &mut self.stage else { return Ok(()) };
        let Some(end) = bytes.iter().position(|byte| line.ends_with(*byte)) else { return Ok(()) };
        self.stage = Stage::After;
        if end + 1 < bytes.len() { Err(invalid(MoreInTheClear)) } else { Ok(()) }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ends.as_mut().is_some_and(|ends| ends.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let bytes = into.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.read(bytes))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        if matches!(self.stage, Stage::Before) && from.eq_ignore_ascii_case(b"STARTTLS\r\n") {
            self.stage = Stage::Asked(Line::default());
        }
        if from.eq_ignore_ascii_case(b"QUIT\r\n") {
            self.ends = Some(Box::pin(sleep(LEFT_WITHIN)));
        }
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Guarded {
    /// Behind a proxy there is none, and nothing asks.
    fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_last_line() {
        for (answer, ends) in [
            ("220 go on\r\n", Some(10)),
            ("220\r\n", Some(4)),
            ("220-wait\r\n220 go on\r\n", Some(20)),
            ("220-wait\r\n", None),
            ("220 go", None),
            ("220 a-b\r\n250 more\r\n", Some(8)),
        ] {
            let mut line = Line::default();
            assert_eq!(answer.bytes().position(|byte| line.ends_with(byte)), ends, "{answer:?}");
        }
    }
}
