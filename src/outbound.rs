//! One factory of HTTP clients, by whom they may reach. The only file that builds one.
//!
//! No redirects, no proxies from the environment, nothing inflated, HTTP/1.1. Addresses are judged where a connection
//! is made, so a name that resolves differently the second time gains nothing.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Whom a client may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Public addresses only: the address is a tenant's or a stranger's choice.
    Public,
    /// Also private and loopback ones: the operator named the host.
    Named,
}

impl Reach {
    /// Whether a connection to this address is allowed. Link-local ones, where clouds keep credentials, never are.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_link_local(address) || address.is_unspecified() || address.is_multicast() {
            return false;
        }
        self == Self::Named || !is_internal(address)
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0) == 0xfe80,
    }
}

/// Addresses of somebody's own network (RFC 1918, 6598, 4193 and the special-purpose registries of IANA).
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
                || a >= 240
        }
        IpAddr::V6(v6) => v6.is_loopback() || embeds_or_is_local(v6),
    }
}

fn embeds_or_is_local(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    (first & 0xfe00) == 0xfc00 // unique local
        || first == 0x2002 // 6to4
        || (first == 0x64 && second == 0xff9b) // NAT64
        || (first == 0x2001 && second == 0xdb8) // documentation
        || first == 0x100 // discard
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The host's address is none that may be reached.
    #[error("{0} has no address that may be reached; name the host in the configuration to allow its network")]
    Blocked(String),
    /// No connection, or it broke off.
    #[error("no answer from {host}")]
    Network {
        /// The host, without path and query: those can be secrets.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Too slow.
    #[error("{host} took longer than {} s", .deadline.as_secs())]
    Slow {
        /// The host.
        host: String,
        /// The time it had.
        deadline: Duration,
    },
    /// Too much.
    #[error("{host} sent more than {most} bytes")]
    Large {
        /// The host.
        host: String,
        /// The bound.
        most: usize,
    },
    /// A file of certificate authorities that is none.
    #[error("the file of certificate authorities can't be read")]
    Authorities(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OutboundError {
    /// Whether there was an answer, and more of it than is read.
    #[must_use]
    pub fn is_large(&self) -> bool {
        matches!(self, Self::Large { .. })
    }
}

/// Makes clients.
#[derive(Clone, Debug)]
pub struct Outbound {
    tls: rustls::ClientConfig,
}

/// A client with a reach.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    reach: Reach,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: reqwest::StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer whose body is still under way.
#[derive(Debug)]
pub struct Incoming {
    /// Its status.
    pub status: reqwest::StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    host: String,
}

impl Incoming {
    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// [`OutboundError`] when the body breaks off, or takes longer than `deadline` to go on.
    pub async fn chunk(&mut self, deadline: Duration) -> Result<Option<impl AsRef<[u8]> + use<>>, OutboundError> {
        match tokio::time::timeout(deadline, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| failure(&self.host, error)),
            Err(_) => Err(OutboundError::Slow { host: self.host.clone(), deadline }),
        }
    }
}

impl Outbound {
    /// A factory that trusts the authorities of the Mozilla programme, and more from `extra_pem`.
    ///
    /// # Errors
    /// [`OutboundError::Authorities`] when `extra_pem` holds none.
    pub fn new(extra_pem: Option<&[u8]>) -> Result<Self, OutboundError> {
        let refused = |error: Box<dyn std::error::Error + Send + Sync>| OutboundError::Authorities(error);
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = extra_pem {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| refused(error.to_string().into()))?;
                // A bundle may hold one that can't be an anchor; the others count.
                let _ = roots.add(certificate);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls })
    }

    /// A client of this reach.
    ///
    /// # Errors
    /// [`OutboundError::Network`] when the library can't make one.
    pub fn client(&self, reach: Reach) -> Result<Client, OutboundError> {
        #[expect(clippy::disallowed_methods, reason = "this is the factory")]
        let builder = reqwest::Client::builder();
        let http = builder
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Filter(reach))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .user_agent(concat!("image-watcher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| OutboundError::Network { host: "the HTTP client".into(), source: error.into() })?;
        Ok(Client { http, reach })
    }
}

impl Client {
    /// A request, to be finished by the caller and given to [`Client::send`].
    pub fn get(&self, url: url::Url) -> reqwest::RequestBuilder {
        self.request(reqwest::Method::GET, url)
    }

    /// Begins a request.
    pub fn request(&self, method: reqwest::Method, url: url::Url) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request and reads its whole answer: at most `most` bytes, within `deadline`.
    ///
    /// # Errors
    /// [`OutboundError`]; every status is an answer.
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Duration,
        most: usize,
    ) -> Result<Answer, OutboundError> {
        let request = request.build().map_err(|error| failure("the request", error))?;
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let whole = async {
            let mut incoming = self.begin(request, deadline).await?;
            let mut body = Vec::new();
            while let Some(chunk) = incoming.chunk(deadline).await? {
                let chunk = chunk.as_ref();
                if body.len() + chunk.len() > most {
                    return Err(OutboundError::Large { host: incoming.host, most });
                }
                body.extend_from_slice(chunk);
            }
            Ok(Answer { status: incoming.status, headers: incoming.headers, body })
        };
        match tokio::time::timeout(deadline, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(OutboundError::Slow { host, deadline }),
        }
    }

    /// Sends a request and gives the answer as soon as its headers are there, within `deadline`.
    ///
    /// # Errors
    /// [`OutboundError`]; every status is an answer.
    pub async fn open(&self, request: reqwest::RequestBuilder, deadline: Duration) -> Result<Incoming, OutboundError> {
        let request = request.build().map_err(|error| failure("the request", error))?;
        self.begin(request, deadline).await
    }

    async fn begin(&self, request: reqwest::Request, deadline: Duration) -> Result<Incoming, OutboundError> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if literal.is_ok_and(|address| !self.reach.allows(address)) {
            return Err(OutboundError::Blocked(host));
        }
        match tokio::time::timeout(deadline, self.http.execute(request)).await {
            Ok(Ok(response)) => {
                let (status, headers) = (response.status(), response.headers().clone());
                Ok(Incoming { status, headers, response, host })
            }
            Ok(Err(error)) => Err(failure(&host, error)),
            Err(_) => Err(OutboundError::Slow { host, deadline }),
        }
    }
}

/// Why a request to a host has no answer.
fn failure(host: &str, error: reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<Unreachable>() {
            return OutboundError::Blocked(host.to_owned());
        }
        cause = error.source();
    }
    OutboundError::Network { host: host.to_owned(), source: error.without_url().into() }
}

/// Resolves names, and drops addresses that may not be reached.
#[derive(Debug)]
struct Filter(Reach);

#[derive(Debug, thiserror::Error)]
#[error("no address that may be reached")]
struct Unreachable;

impl Resolve for Filter {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = all.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Unreachable.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_by_who_named_them() {
        let cases = [
            ("93.184.216.34", true, true),
            ("2606:2800:220:1::1", true, true),
            ("127.0.0.1", false, true),
            ("127.255.0.9", false, true),
            ("10.1.2.3", false, true),
            ("172.16.0.1", false, true),
            ("172.32.0.1", true, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", true, true),
            ("192.0.0.8", false, true),
            ("198.18.0.1", false, true),
            ("198.51.100.1", false, true),
            ("203.0.113.9", false, true),
            ("240.0.0.1", false, true),
            ("255.255.255.255", false, true),
            ("0.0.0.0", false, false),
            ("0.1.2.3", false, true),
            ("224.0.0.1", false, false),
            ("169.254.169.254", false, false),
            ("169.254.0.1", false, false),
            ("::", false, false),
            ("::1", false, true),
            ("fe80::1", false, false),
            ("febf::1", false, false),
            ("fc00::1", false, true),
            ("fd12:3456::1", false, true),
            ("ff02::1", false, false),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:169.254.169.254", false, false),
            ("::ffff:10.0.0.1", false, true),
            ("64:ff9b::a9fe:a9fe", false, true),
            ("2002:7f00:1::", false, true),
            ("2001:db8::1", false, true),
        ];
        for (address, public, named) in cases {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!((Reach::Public.allows(address), Reach::Named.allows(address)), (public, named), "{address}");
        }
    }

    #[tokio::test]
    async fn spellings_of_loopback_are_seen_through() {
        let client = Outbound::new(None).unwrap().client(Reach::Public).unwrap();
        for text in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://169.254.169.254/latest",
        ] {
            let request = client.request(reqwest::Method::GET, text.parse().unwrap());
            let answer = client.send(request, Duration::from_secs(5), 10).await;
            assert!(matches!(answer, Err(OutboundError::Blocked(_))), "{text}: {answer:?}");
        }
    }
}
