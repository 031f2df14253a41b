//! A connection that strangers may have made.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::door::{Door, Meter, Next};
use super::head::FirstHead;

/// A connection whose bytes are metered, and which ends when it has to make room or its next request takes too long.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    meter: Meter,
    late: Pin<Box<Sleep>>,
    first: FirstHead,
}

impl Door {
    /// Lets a connection in, and of too many the oldest out.
    #[must_use]
    pub fn admit<S>(&self, stream: S) -> Connection<S> {
        Connection::new(stream, self.enter())
    }
}

impl<S> Connection<S> {
    pub(super) fn new(stream: S, meter: Meter) -> Self {
        let late = Box::pin(sleep(meter.patience()));
        Self { stream, meter, late, first: FirstHead::default() }
    }

    /// Its meter.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Whether it may go on. Reading and writing both ask, as either may be what it hangs at.
    fn stay(&mut self, context: &mut Context<'_>) -> Result<()> {
        match self.meter.stay(context) {
            None => Err(Error::new(ErrorKind::ConnectionAborted, "it made room for another")),
            Some(Next::Request) if self.late.as_mut().poll(context).is_ready() => {
                Err(Error::new(ErrorKind::TimedOut, "the next request did not come in time"))
            }
            Some(_) => Ok(()),
        }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.meter.left();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.stay(context)?;
        let Poll::Ready(left) = self.meter.allowance() else { return self.first.refused(buffer) };
        let before = buffer.filled().len();
        if buffer.remaining() <= left {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(left));
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut part))?;
            let read = part.filled().len();
            buffer.advance(read);
        }
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.first.goes_on(read);
        self.meter.has_read(read.len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.stay(context)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        // `100 Continue` is no answer.
        if !bytes.starts_with(b"HTTP/1.1 100") {
            self.meter.writes(bytes);
            self.meter.answered();
            let next = Instant::now() + self.meter.patience();
            self.late.as_mut().reset(next);
            let _ = self.late.as_mut().poll(context);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stay(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stay(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_service::IntoServiceFactory as _;
    use actix_web::{App, web};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::net::TcpStream;

    use super::*;
    use crate::listener::{Door, Places, serve};

    /// Both ends of a connection whose next request is late at once.
    fn impatient(places: usize) -> (Door, Connection<DuplexStream>, DuplexStream) {
        let door = Door::new(Places { waiting: places, known: places, lasting: places }, Duration::ZERO);
        let (ours, theirs) = duplex(1024);
        let connection = door.admit(ours);
        (door, connection, theirs)
    }

    #[tokio::test]
    async fn every_request_has_to_be_whole_in_time() {
        let (_door, mut connection, mut sender) = impatient(1);
        for _ in 0..2 {
            // While it is answered, whatever that takes, it may go on.
            connection.meter().asked();
            sender.write_all(b"a").await.unwrap();
            assert_eq!(connection.read_u8().await.unwrap(), b'a');
            connection.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        }
        // The beginning of the next one is not enough, known or not.
        sender.write_all(b"G").await.unwrap();
        let ended = async {
            loop {
                if let Err(error) = connection.read_u8().await {
                    return error.kind();
                }
            }
        };
        assert_eq!(ended.await, ErrorKind::TimedOut);
    }

    /// How a stranger's head of so many bytes is answered.
    async fn answered(size: usize) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = || App::new().default_service(web::to(|| async { "here" })).into_factory();
        let server = serve(listener, 1, Places { waiting: 4, known: 4, lasting: 4 }, app).unwrap();
        let handle = server.handle();
        let exchange = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: {}\r\n\r\n", "c".repeat(size));
            // Whoever is answered before all of it is read may not get rid of the rest.
            let _ = stream.write_all(head.as_bytes()).await;
            let mut answer = vec![0; 64];
            let read = stream.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
        };
        let exchange = async {
            let answer = tokio::time::timeout(Duration::from_secs(4), exchange).await;
            handle.stop(false).await;
            answer.unwrap_or_else(|_| "nothing for four seconds".to_owned())
        };
        let (_, answer) = tokio::join!(server, exchange);
        answer
    }

    /// Fault x24-17 e: as with the cookies of a company's proxy.
    #[actix_web::test]
    async fn a_head_that_is_too_large_is_told_so_at_once() {
        assert_eq!(answered(30 * 1024).await, "HTTP/1.1 200 OK");
        for size in [33, 40, 300].map(|kib| kib * 1024) {
            assert_eq!(answered(size).await, "HTTP/1.1 431 Request Header Fields Too Large", "{size}");
        }
    }

    #[tokio::test]
    async fn who_has_to_go_is_woken_and_neither_reads_nor_writes() {
        let (door, mut connection, _sender) = impatient(1);
        connection.meter().asked();
        let reads = connection.read_u8();
        let another = async { door.admit(()) };
        let (read, _another) = tokio::join!(reads, another);
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(connection.write_all(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    }
}
