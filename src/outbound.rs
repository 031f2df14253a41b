//! One factory of HTTP clients, by whom they may reach. The only file that builds one.
//!
//! No redirects, nothing inflated, HTTP/1.1, proxies as configured. Addresses are judged where a connection is made, so a
//! name that resolves differently the second time gains nothing. Behind a proxy it is the proxy that resolves names: then
//! written addresses are judged, and names that never mean a public host.

mod machine;
pub mod proxy;
mod reach;
pub mod trust;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;

use crate::domain::undelivered::{Remedy, THROUGH};
pub use machine::Machine;
use machine::Verifier;
use proxy::{Proxies, Proxy};
use reach::{Filter, Unreachable, literal};
pub use reach::{NeverReached, Reach};
use trust::{Authorities, Trust};
pub use tunnel::Stream;

/// A host in errors, with the proxy that stands before it.
fn shown(host: &str, proxy: Option<&Proxy>) -> String {
    match proxy {
        Some(proxy) => format!("{host}{THROUGH}{})", proxy.shown()),
        None => host.to_owned(),
    }
}

/// The host of a URL as it is written, with its port where one is.
#[must_use]
pub fn written_host(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The host's address is none that may be reached.
    #[error("{0} has no address that may be reached: private ones are reached only where the operator names the host")]
    Blocked(String),
    /// No connection, or it broke off.
    #[error("no answer from {host}{}", .remedy.text())]
    Network {
        /// The host, without path and query: those can be secrets.
        host: String,
        /// What can be done about it, where that is known.
        remedy: Remedy,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It shows a certificate that is not trusted.
    #[error("the certificate of {host} can't be trusted{}", .remedy.text())]
    Certificate {
        /// The host.
        host: String,
        /// What can be done about it.
        remedy: Remedy,
        /// What is wrong with it.
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
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
    /// A file of certificate authorities that is none.
    #[error("the file of certificate authorities")]
    Authorities(#[from] trust::TrustError),
}

/// For this long a proxy that opened no tunnel is asked why.
const REFUSAL: Duration = Duration::from_secs(5);

/// A proxy that does not take our word for who we are.
#[derive(Debug, thiserror::Error)]
#[error("the proxy asks for another user and password (407)")]
struct ProxyLogin;

impl OutboundError {
    /// Whether there was an answer, and more of it than is read.
    #[must_use]
    pub fn is_large(&self) -> bool {
        matches!(self, Self::Large { .. })
    }

    /// The same, after so long: whoever waits in several steps tells all of the time, not what was left at the last.
    #[must_use]
    pub fn after(self, whole: Duration) -> Self {
        match self {
            Self::Slow { host, .. } => Self::Slow { host, deadline: whole },
            other => other,
        }
    }
}

/// Makes clients.
#[derive(Clone, Debug)]
pub struct Outbound {
    tls: rustls::ClientConfig,
    authorities: Vec<CertificateDer<'static>>,
    machine: Machine,
    proxies: Proxies,
}

/// A client with a reach.
#[derive(Clone, Debug)]
pub struct Client {
    outbound: Outbound,
    direct: reqwest::Client,
    proxied: Option<reqwest::Client>,
    proxies: Proxies,
    reach: Reach,
}

/// An answer, whole, or cut where whoever asked said so.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer whose body is still under way.
#[derive(Debug)]
pub struct Incoming {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    host: String,
}

impl Incoming {
    /// The host, as errors show it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

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
    /// A factory that trusts the authorities of the Mozilla programme, and more from `extra_pem`, without proxies.
    ///
    /// # Errors
    /// [`OutboundError::Authorities`] when `extra_pem` holds none.
    pub fn new(extra_pem: Option<&[u8]>) -> Result<Self, OutboundError> {
        Self::trusting(extra_pem.map(Authorities::parse).transpose()?.unwrap_or_default(), Machine::without())
    }

    /// A factory that trusts the authorities of the Mozilla programme, these, and those of the machine, without proxies.
    ///
    /// # Errors
    /// [`OutboundError::Tls`] when the library can't be set up.
    pub fn trusting(authorities: Authorities, machine: Machine) -> Result<Self, OutboundError> {
        let authorities = authorities.beside_mozilla();
        let tls = tls(&authorities, &machine, None)?;
        Ok(Self { tls, authorities, machine, proxies: Proxies::default() })
    }

    /// The same for one host, which has authorities of its own or is shown a certificate.
    ///
    /// # Errors
    /// [`OutboundError::Tls`] when the library can't be set up.
    pub fn to_host(&self, trust: &Trust) -> Result<Self, OutboundError> {
        if trust.identity.is_none() && trust.authorities.count() == 0 {
            return Ok(self.clone());
        }
        let own = trust.authorities.clone().beside_mozilla();
        let authorities: Vec<_> = self.authorities.iter().cloned().chain(own).collect();
        let tls = tls(&authorities, &self.machine, trust.identity.as_ref())?;
        Ok(Self { tls, authorities, machine: self.machine.clone(), proxies: self.proxies.clone() })
    }

    /// The same, through these proxies.
    #[must_use]
    pub fn through(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Authorities that are trusted beside those of the Mozilla programme, for libraries that set up TLS themselves.
    pub fn authorities(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.authorities.iter().chain(self.machine.certificates())
    }

    /// How TLS is spoken, for libraries that speak it over connections of their own.
    #[must_use]
    pub fn tls(&self) -> rustls::ClientConfig {
        self.tls.clone()
    }

    /// A client of this reach.
    ///
    /// # Errors
    /// [`OutboundError::Network`] when the library can't make one.
    pub fn client(&self, reach: Reach) -> Result<Client, OutboundError> {
        let failed = |error| failure("the HTTP client", error);
        let direct = self.builder(reach).no_proxy().build().map_err(failed)?;
        // The only name that it resolves is the proxy's, which the operator gave.
        let mut proxied = self.builder(Reach::Named);
        for (proxy, of) in [(self.proxies.https(), true), (self.proxies.http(), false)] {
            if let Some(proxy) = proxy {
                proxied = proxied.proxy(intercepting(proxy, of).map_err(failed)?);
            }
        }
        let proxied = if self.proxies.is_empty() { None } else { Some(proxied.build().map_err(failed)?) };
        Ok(Client { outbound: self.clone(), direct, proxied, proxies: self.proxies.clone(), reach })
    }

    fn builder(&self, reach: Reach) -> reqwest::ClientBuilder {
        #[expect(clippy::disallowed_methods, reason = "this is the factory")]
        let builder = reqwest::Client::builder();
        builder
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(Filter(reach))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_nodelay(true)
            .user_agent(concat!("image-watcher/", env!("CARGO_PKG_VERSION")))
    }
}

/// The one provider of cryptography.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// How TLS is spoken by whoever trusts these authorities beside those of the Mozilla programme, and shows this.
fn tls(
    authorities: &[CertificateDer<'static>],
    machine: &Machine,
    identity: Option<&trust::Identity>,
) -> Result<rustls::ClientConfig, OutboundError> {
    let mut roots = trust::mozilla();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let verifier = Verifier::new(roots, machine.clone(), provider())?.naming(authorities);
    // Nothing is let through that the library's own verifier refuses: it is asked with these roots, then with those.
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match identity {
        Some(identity) => {
            let resolver = rustls::sign::SingleCertAndKey::from(identity.certified());
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    })
}

/// A proxy as the library knows it. User and password are no part of the address, which it might show.
fn intercepting(proxy: &Proxy, https: bool) -> Result<reqwest::Proxy, reqwest::Error> {
    let address = proxy.shown();
    let known = if https { reqwest::Proxy::https(address)? } else { reqwest::Proxy::http(address)? };
    let login = proxy.authorization().and_then(|login| HeaderValue::from_str(login.expose()).ok());
    Ok(match login {
        Some(mut login) => {
            login.set_sensitive(true);
            known.custom_http_auth(login)
        }
        None => known,
    })
}

impl Client {
    /// A request, to be finished by the caller and given to [`Client::send`].
    pub fn get(&self, url: url::Url) -> reqwest::RequestBuilder {
        self.request(reqwest::Method::GET, url)
    }

    /// The same, for one that asks for something to be done.
    pub fn post(&self, url: url::Url) -> reqwest::RequestBuilder {
        self.request(reqwest::Method::POST, url)
    }

    /// Begins a request.
    pub fn request(&self, method: reqwest::Method, url: url::Url) -> reqwest::RequestBuilder {
        self.direct.request(method, url)
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
    ) -> Result<Response, OutboundError> {
        let request = request.build().map_err(|error| failure("the request", error))?;
        let Route { host, .. } = self.route(request.url())?;
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
            Ok(Response { status: incoming.status, headers: incoming.headers, body })
        };
        match tokio::time::timeout(deadline, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(OutboundError::Slow { host, deadline }),
        }
    }

    /// Sends a request to a service that does something for it: once it has answered, what it did is done, whatever becomes
    /// of the rest of its answer. Of that is given what comes within `deadline`, at most `most` bytes.
    ///
    /// # Errors
    /// [`OutboundError`] where there is no answer; every status is one.
    pub async fn heard(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Duration,
        most: usize,
    ) -> Result<Response, OutboundError> {
        let until = tokio::time::Instant::now() + deadline;
        let mut incoming = self.open(request, deadline).await?;
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = incoming.chunk(deadline).await {
                body.extend(chunk.as_ref().iter().take(most - body.len()));
                if body.len() == most {
                    break;
                }
            }
        };
        // A body that takes too long is cut where it stands.
        let _ = tokio::time::timeout_at(until, reading).await;
        Ok(Response { status: incoming.status, headers: incoming.headers, body })
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
        let Route { http, host, is_proxied } = self.route(request.url())?;
        let target = request.url().clone();
        match tokio::time::timeout(deadline, http.execute(request)).await {
            // Of a URL by plain http it is the proxy that says so; a tunnel would not have opened.
            Ok(Ok(response)) if is_proxied && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                Err(OutboundError::Network { host, remedy: Remedy::None, source: ProxyLogin.into() })
            }
            Ok(Ok(response)) => {
                let (status, headers) = (response.status(), response.headers().clone());
                Ok(Incoming { status, headers, response, host })
            }
            Ok(Err(error)) => match self.refusal(&target, &error).await {
                Some(source) => Err(OutboundError::Network { host, remedy: Remedy::None, source }),
                None => Err(failure(&host, error)),
            },
            Err(_) => Err(OutboundError::Slow { host, deadline }),
        }
    }

    /// What a proxy answers that opens no tunnel. The library says that it opened none, and not why: so it is asked
    /// once more.
    async fn refusal(&self, url: &url::Url, error: &reqwest::Error) -> Option<tunnel::AnyError> {
        let proxy = self.proxies.for_url(url).filter(|_| url.scheme() == "https" && error.is_connect())?;
        if !crate::telemetry::chain(error).to_string().contains("tunnel error") {
            return None;
        }
        let asked = self.outbound.tunnel(proxy, url.host_str()?, url.port_or_known_default()?);
        let refused = tokio::time::timeout(REFUSAL, asked).await.ok()?.err()?;
        refused.is::<tunnel::TunnelError>().then_some(refused)
    }

    /// How a URL is reached, if it may be.
    fn route(&self, url: &url::Url) -> Result<Route<'_>, OutboundError> {
        let host = url.host_str().unwrap_or_default();
        let proxy = self.proxies.for_url(url);
        let is_allowed = literal(host).is_none_or(|address| self.reach.allows(address));
        if !is_allowed || (proxy.is_some() && !self.reach.allows_unseen(host)) {
            return Err(OutboundError::Blocked(written_host(url)));
        }
        let http = self.proxied.as_ref().filter(|_| proxy.is_some()).unwrap_or(&self.direct);
        Ok(Route { http, host: shown(&written_host(url), proxy), is_proxied: proxy.is_some() })
    }
}

/// How a URL is reached.
struct Route<'c> {
    http: &'c reqwest::Client,
    /// The host as errors show it.
    host: String,
    is_proxied: bool,
}

/// Why there is no connection: for a reason that somebody can mend, or another.
fn unconnected(host: String, source: Box<dyn std::error::Error + Send + Sync>) -> OutboundError {
    match trust::refused_certificate(&*source).map(trust::remedy) {
        Some(remedy) => OutboundError::Certificate { host, remedy, source },
        None => OutboundError::Network { host, remedy: trust::remedy_without_tls(&*source), source },
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
    unconnected(host.to_owned(), error.without_url().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn spellings_of_loopback_are_seen_through() {
        let client = Outbound::new(None).unwrap().client(Reach::Public).unwrap();
        for text in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://localhost./",
            "http://registry.localhost:5000/",
            "http://169.254.169.254/latest",
        ] {
            let request = client.request(reqwest::Method::GET, text.parse().unwrap());
            let answer = client.send(request, Duration::from_secs(5), 10).await;
            assert!(matches!(answer, Err(OutboundError::Blocked(_))), "{text}: {answer:?}");
        }
    }

    /// Several registries may be on one host.
    #[tokio::test]
    async fn an_error_names_the_port_that_was_written() {
        let outbound = Outbound::new(None).unwrap();
        for (reach, text, expected) in [
            (Reach::Public, "https://127.0.0.1:5000/v2/", "127.0.0.1:5000"),
            (Reach::Public, "https://localhost:5000/v2/", "localhost:5000"),
            (Reach::Named, "http://127.0.0.1:1/v2/", "127.0.0.1:1"),
            (Reach::Named, "http://[::1]:1/v2/", "[::1]:1"),
        ] {
            let client = outbound.client(reach).unwrap();
            let error = client.send(client.get(text.parse().unwrap()), Duration::from_secs(5), 10).await.unwrap_err();
            let told = error.to_string();
            assert!(told.contains(&format!("{expected} ")) || told.ends_with(expected), "{text}: {told}");
        }
        assert_eq!(written_host(&"https://registry.example.com:443/v2/".parse().unwrap()), "registry.example.com");
    }

    #[tokio::test]
    async fn addresses_are_judged_before_a_proxy_is_asked() {
        let proxy = proxy::Proxy::parse("http://127.0.0.1:9").unwrap();
        let proxies = Proxies::new(Some(proxy.clone()), Some(proxy), proxy::NoProxy::default());
        let outbound = Outbound::new(None).unwrap().through(proxies);
        let asked = async |reach, text: &str| {
            let client = outbound.client(reach).unwrap();
            let answer = client.send(client.get(text.parse().unwrap()), Duration::from_secs(5), 10).await;
            matches!(answer, Err(OutboundError::Blocked(_)))
        };
        for (text, public, named) in [
            ("http://169.254.169.254/latest", true, true),
            ("https://[fe80::1]/", true, true),
            ("https://metadata.google.internal/", true, true),
            ("https://10.0.0.1/", true, false),
            ("http://intranet/", true, false),
            ("https://registry.example.com/", false, false),
        ] {
            let blocked = (asked(Reach::Public, text).await, asked(Reach::Named, text).await);
            assert_eq!(blocked, (public, named), "{text}");
        }
    }
}
