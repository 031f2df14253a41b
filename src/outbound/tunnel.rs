//! A byte stream to a host that the operator named: direct, or through a proxy by CONNECT (RFC 9110, 9.3.6).
//!
//! For protocols that are not HTTP. Mail's library opens connections of its own, which know no proxy.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf,
};
use tokio::net::TcpStream;

use super::proxy::Proxy;
use super::{Outbound, OutboundError};

/// From the first packet until a connection can be used, with everything that stands between.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest answer of a proxy to CONNECT, in bytes.
const LONGEST_ANSWER: u64 = 16 * 1024;

/// What a stream can be.
trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for S {}

/// A connection.
pub struct Stream(Box<dyn Duplex>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Why a proxy opens no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("the proxy asks for another user and password (407)")]
    Login,
    #[error("the proxy opens no tunnel: it answers {0}")]
    Refused(u16),
    #[error("the proxy's answer is no HTTP")]
    NoHttp,
}

pub(super) type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl Outbound {
    /// A connection to `host:port`, with TLS from its first byte if `secure`.
    ///
    /// # Errors
    /// [`OutboundError`] that names the host, and the proxy where one stands between.
    pub async fn connect(&self, host: &str, port: u16, secure: bool) -> Result<Stream, OutboundError> {
        let proxy = self.proxies.for_tunnel(host, port);
        let shown = super::shown(&format!("{host}:{port}"), proxy);
        let open = async {
            let plain = match proxy {
                Some(proxy) => self.tunnel(proxy, host, port).await?,
                None => Stream(Box::new(TcpStream::connect((bare(host), port)).await?)),
            };
            if secure { self.secured(plain, host).await } else { Ok(plain) }
        };
        match tokio::time::timeout(DEADLINE, open).await {
            Ok(stream) => stream.map_err(|source| super::unconnected(shown, source)),
            Err(_) => Err(OutboundError::Slow { host: shown, deadline: DEADLINE }),
        }
    }

    pub(super) async fn tunnel(&self, proxy: &Proxy, host: &str, port: u16) -> Result<Stream, AnyError> {
        let mut stream = Stream(Box::new(TcpStream::connect((proxy.host(), proxy.port())).await?));
        if proxy.is_tls() {
            stream = self.secured(stream, proxy.host()).await?;
        }
        let target =
            if bare(host).contains(':') { format!("[{}]:{port}", bare(host)) } else { format!("{host}:{port}") };
        let login = proxy.authorization().map(|value| format!("Proxy-Authorization: {}\r\n", value.expose()));
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n", login.unwrap_or_default());
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        // What comes after the answer stays in the buffer: a mail server speaks first.
        let mut stream = BufReader::new(stream);
        let mut answer = Vec::new();
        let mut head = (&mut stream).take(LONGEST_ANSWER);
        while !answer.ends_with(b"\r\n\r\n") && !answer.ends_with(b"\n\n") {
            if head.read_until(b'\n', &mut answer).await? == 0 {
                return Err(TunnelError::NoHttp.into());
            }
        }
        match status(&answer) {
            Some(200..=299) => Ok(Stream(Box::new(stream))),
            Some(407) => Err(TunnelError::Login.into()),
            Some(status) => Err(TunnelError::Refused(status).into()),
            None => Err(TunnelError::NoHttp.into()),
        }
    }

    async fn secured(&self, stream: Stream, host: &str) -> Result<Stream, AnyError> {
        let name = ServerName::try_from(bare(host).to_owned())?;
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(self.tls.clone()));
        Ok(Stream(Box::new(connector.connect(name, stream).await?)))
    }
}

/// An address without the brackets that it has in a URL.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\r' || *byte == b'\n').next()?).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|code| code.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::proxy::{NoProxy, Proxies};
    use super::*;

    /// A proxy that sends this to whoever connects; what it was sent, and what came of it.
    async fn asked(answer: &'static [u8]) -> (String, Result<String, String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://user:p%40ss@{}", listener.local_addr().unwrap());
        let proxies = Proxies::new(Some(Proxy::parse(&proxy).unwrap()), None, NoProxy::default());
        let outbound = Outbound::new(None).unwrap().through(proxies);
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            // A client that has seen enough may be gone.
            let _ = stream.write_all(answer).await;
            String::from_utf8(request).unwrap()
        };
        let ask = async {
            let mut stream = outbound.connect("mail.example.com", 25, false).await?;
            let mut said = String::new();
            stream.read_to_string(&mut said).await.unwrap();
            Ok(said)
        };
        let (request, said): (_, Result<_, OutboundError>) = tokio::join!(serve, ask);
        let told = |error: OutboundError| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {cause}")
        };
        (request, said.map_err(told))
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_by_name_and_loses_nothing() {
        let (request, said) = asked(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n220 mail\r\n").await;
        assert_eq!(said.unwrap(), "220 mail\r\n", "the server's first words came with the proxy's answer");
        assert!(request.starts_with("CONNECT mail.example.com:25 HTTP/1.1\r\nHost: mail.example.com:25\r\n"));
        assert!(request.contains("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{request}");
    }

    /// For HTTP the library asks for the tunnel, and keeps to itself what the proxy said.
    #[tokio::test]
    async fn what_a_proxy_answers_to_a_registry_is_told_in_the_same_words() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let outbound = Outbound::new(None).unwrap().through(Proxies::new(Some(proxy), None, NoProxy::default()));
        let client = outbound.client(super::super::Reach::Public).unwrap();
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        };
        let request = client.get("https://ghcr.io/v2/".parse().unwrap());
        let told = tokio::select! {
            answer = client.send(request, Duration::from_secs(60), 10) => answer.unwrap_err(),
            () = serve => panic!("the proxy ended"),
        };
        let told = crate::telemetry::chain(&told).to_string();
        assert!(told.contains("the proxy opens no tunnel: it answers 403") && told.contains("ghcr.io"), "{told}");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_told_and_never_its_password() {
        static ENDLESS: [u8; 64 * 1024] = [b'a'; 64 * 1024];
        for (answer, expected) in [
            (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "asks for another user and password (407)"),
            (b"HTTP/1.0 502 Bad Gateway\r\n\r\nno", "it answers 502"),
            (b"220 mail.example.com ESMTP\r\n\r\n", "no HTTP"),
            (b"HTTP/1.1 200\r\n", "no HTTP"),
            (&ENDLESS, "no HTTP"),
        ] {
            let (_, said) = asked(answer).await;
            let told = said.unwrap_err();
            assert!(told.contains("mail.example.com:25 (through the proxy http://127.0.0.1:"), "{told}");
            assert!(told.contains(expected) && !told.contains("p@ss") && !told.contains("p%40"), "{told}");
        }
    }
}
