//! What comes to a listener and is no request that anybody of ours sees, as the library answers it before: each kind is told once a
//! minute.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// It is told no more often than this.
const BETWEEN: Duration = Duration::from_secs(60);

/// Why the library answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It can't be read: 400.
    NoRequest,
    /// Its head is larger than what is taken: 431.
    TooLarge,
}

impl Refusal {
    /// Of what is written as an answer.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(8..12).filter(|_| bytes.starts_with(b"HTTP/1."))? {
            b" 400" => Some(Self::NoRequest),
            b" 431" => Some(Self::TooLarge),
            _ => None,
        }
    }
}

/// Counts what is answered so.
#[derive(Debug, Default)]
pub(super) struct Malformed {
    unread: Mutex<Gathered>,
    too_large: Mutex<Gathered>,
}

/// What is to be told.
#[derive(Debug, Default)]
struct Gathered {
    /// When something was told last.
    told: Option<Instant>,
    requests: u64,
}

impl Malformed {
    /// One more came from this peer, and is answered. The first is told at once, what follows with the first after a minute.
    pub(super) fn one(&self, refusal: Refusal, peer: Option<IpAddr>, now: Instant) {
        let of = match refusal {
            Refusal::NoRequest => &self.unread,
            Refusal::TooLarge => &self.too_large,
        };
        let mut gathered = of.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.requests += 1;
        if gathered.told.is_some_and(|at| now.saturating_duration_since(at) < BETWEEN) {
            return;
        }
        let requests = std::mem::take(&mut gathered.requests);
        gathered.told = Some(now);
        drop(gathered);
        let last_peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        match refusal {
            Refusal::NoRequest => tracing::warn!(
                requests,
                last_peer,
                "what is no HTTP/1.1 came to a listener, and was refused, as scanners send it, and whoever speaks TLS to a \
                 plain port; where it is a registry or a proxy of yours, compare its URL with what listens here"
            ),
            Refusal::TooLarge => tracing::warn!(
                requests,
                last_peer,
                "the head of a request was too large and was refused (431): look at the cookies and headers that a proxy before \
                 this adds"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_service::IntoServiceFactory as _;
    use actix_web::{App, HttpResponse, web};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::net::TcpStream;

    use super::*;
    use crate::listener::{Door, Places, serve};
    use crate::telemetry::tests::Log;

    #[tokio::test(start_paused = true)]
    async fn of_many_one_line_a_minute_is_written_with_how_many_and_from_whom() {
        let (log, malformed) = (Log::begin(), Malformed::default());
        let (peer, begin) = (Some(IpAddr::from([192, 0, 2, 7])), Instant::now());
        malformed.one(Refusal::NoRequest, peer, begin);
        for _ in 0..2000 {
            malformed.one(Refusal::NoRequest, peer, begin + Duration::from_secs(59));
        }
        malformed.one(Refusal::NoRequest, None, begin + Duration::from_secs(60));
        let lines = log.lines();
        let told = |line: &str, part: &str| line.contains("WARN") && line.contains(part);
        assert!(told(&lines[0], "requests=1 last_peer=\"192.0.2.7\"") && told(&lines[1], "requests=2001"), "{lines:?}");
        assert_eq!(lines.len(), 2, "{lines:?}");
        malformed.one(Refusal::TooLarge, peer, begin + Duration::from_secs(61));
        assert!(told(&log.lines()[2], "too large"), "{:?}", log.lines());
    }

    /// What is written to a connection, whether a request is whole by then or not, makes so many lines.
    async fn lines_of(answer: &[u8], has_asked: bool) -> usize {
        let log = Log::begin();
        let door = Door::new(Places { waiting: 1, known: 1, lasting: 1 }, Duration::from_secs(9));
        let (ours, _theirs) = duplex(1024);
        let mut connection = door.admit(ours);
        if has_asked {
            connection.meter().asked();
        }
        connection.write_all(answer).await.unwrap();
        log.lines().len()
    }

    #[tokio::test]
    async fn what_an_app_refuses_is_a_request() {
        let refusal = b"HTTP/1.1 400 Bad Request\r\n";
        assert_eq!((lines_of(refusal, false).await, lines_of(refusal, true).await), (1, 0));
        assert_eq!(lines_of(b"HTTP/1.1 408 Request Timeout\r\n", false).await, 0, "it is slow");
    }

    /// How the library answers this, before any app is asked.
    async fn answered(sent: &'static [u8]) -> Vec<u8> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let app = || App::new().default_service(web::to(HttpResponse::Ok)).into_factory();
        let server = serve(listener, 1, Places { waiting: 4, known: 4, lasting: 4 }, app).unwrap();
        let handle = server.handle();
        let exchange = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            let mut answer = vec![0; 24];
            stream.read_exact(&mut answer).await.unwrap();
            handle.stop(false).await;
            answer
        };
        let (served, answer) = tokio::join!(server, exchange);
        served.unwrap();
        answer
    }

    #[actix_web::test]
    async fn what_is_no_request_is_known_by_how_the_library_refuses_it() {
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
        for sent in [&b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x7fc\r\n\r\n"[..], hello] {
            let answer = answered(sent).await;
            assert!(Refusal::of(&answer) == Some(Refusal::NoRequest), "{}", String::from_utf8_lossy(&answer));
        }
        assert!(Refusal::of(&answered(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await).is_none());
    }
}
