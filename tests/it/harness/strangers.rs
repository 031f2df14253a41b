//! Strangers: connections that take a place and bytes, and give nothing. Tests and `make bench` use them.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What each connection of an attack sends before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Nothing at all.
    Silent,
    /// A request that anybody may make, and the beginning of another.
    Answered,
    /// A head of so many bytes that does not end.
    Head(usize),
    /// So much of a body of a megabyte, with a wrong credential.
    Body(usize),
    /// The same with what could be a signature, so that the body has to be read.
    SignedBody(usize),
    /// The same in chunks.
    Chunks(usize),
}

impl Attack {
    /// What is sent. `source` is the name of a source, or of none.
    fn bytes(self, source: &str) -> Vec<u8> {
        let head = format!("POST /webhooks/{source} HTTP/1.1\r\nHost: x\r\n");
        let signature = format!("X-Hub-Signature-256: sha256={}\r\n", "0".repeat(64));
        let announced = "Content-Length: 1048576\r\n\r\n";
        let (head, filling) = match self {
            Self::Silent => return Vec::new(),
            Self::Answered => return b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\nGET /".to_vec(),
            Self::Head(bytes) => (format!("{head}X-Large: "), bytes),
            Self::Body(bytes) => (format!("{head}Authorization: Bearer wrong\r\n{announced}"), bytes),
            Self::SignedBody(bytes) => (format!("{head}{signature}{announced}"), bytes),
            Self::Chunks(bytes) => (format!("{head}{signature}Transfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n"), bytes),
        };
        let mut all = head.into_bytes();
        all.resize(all.len() + filling, b'x');
        all
    }
}

/// Opens so many connections, side by side; each sends what the attack says, as far as it is taken, and stays.
pub(crate) async fn strangers(port: u16, count: usize, attack: Attack, source: &str) -> Vec<TcpStream> {
    let bytes = attack.bytes(source);
    let one = |_| async {
        let connected = tokio::time::timeout(Duration::from_secs(10), TcpStream::connect(("127.0.0.1", port)));
        let mut stream = connected.await.ok()?.ok()?;
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&bytes)).await;
        Some(stream)
    };
    let all = futures_util::stream::iter(0..count).map(one).buffer_unordered(256);
    all.filter_map(std::future::ready).collect().await
}

/// Opens so many connections, side by side; each sends these bytes, hears the beginning of an answer if there is one, and
/// stays.
pub(crate) async fn holding(port: u16, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let one = |_| async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let _ = stream.write_all(bytes).await;
        let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_u8()).await;
        Some(stream)
    };
    let all = futures_util::stream::iter(0..count).map(one).buffer_unordered(256);
    all.filter_map(std::future::ready).collect().await
}

/// The whole answer to raw bytes, until the other side closes or says nothing for twenty seconds.
pub(crate) async fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
