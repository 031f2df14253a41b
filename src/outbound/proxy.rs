//! Which connections go through a proxy: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as one rule for every client.
//!
//! The libraries each have a rule of their own: one matches no ports, one compares `NO_PROXY` with the proxy instead of
//! the target. So they are told where to connect, and decide nothing.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;

use crate::domain::secret::Secret;
use crate::domain::written_url::{self, WrittenUrlError};

/// Why a proxy's address can't be used. It never repeats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// No address of a proxy.
    #[error("http://proxy.example.com:3128 is expected, with user:password@ before the host if it asks for them")]
    Form,
    /// Another protocol.
    #[error("only http:// and https:// proxies are spoken to")]
    Scheme,
    /// A character of user or password that ends them.
    #[error("user or password has a raw /, ?, # or @: percent-encode it (%2F, %3F, %23, %40)")]
    Encoding,
}

/// An entry of `NO_PROXY` that says nothing. It is not repeated: a whole URL may have a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {0} is no host, .suffix, address, network as 10.0.0.0/8, or *; a port may follow a host")]
pub struct NoProxyError(usize);

/// A proxy. `Debug` shows what [`Proxy::shown`] shows.
#[derive(Clone)]
pub struct Proxy {
    url: Secret,
    shown: String,
    host: String,
    port: u16,
    is_tls: bool,
    login: Option<(Secret, Secret)>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({})", self.shown)
    }
}

impl Proxy {
    /// Reads `http://user:password@host:port`; without a scheme it is http, as everywhere.
    ///
    /// # Errors
    /// [`ProxyError`] that says what would be right.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(ProxyError::Scheme);
        }
        let url = written_url::parse(&format!("{scheme}://{rest}")).map_err(|error| match error {
            WrittenUrlError::UserPart => ProxyError::Encoding,
            WrittenUrlError::Space | WrittenUrlError::Form => ProxyError::Form,
        })?;
        let host = url.host_str().ok_or(ProxyError::Form)?;
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(ProxyError::Form)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Form);
        }
        Ok(Self {
            shown: format!("{}://{host}:{port}", url.scheme()),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            is_tls: url.scheme() == "https",
            login: login(&url)?,
            url: Secret::new(url.to_string()),
        })
    }

    /// Its address without user and password.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its whole address, with user and password.
    #[must_use]
    pub fn url(&self) -> &Secret {
        &self.url
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// What it is to be told with each request, if it asks who we are.
    #[must_use]
    pub fn authorization(&self) -> Option<Secret> {
        use base64::Engine as _;
        let (user, password) = self.login.as_ref()?;
        let pair = zeroize::Zeroizing::new(format!("{}:{}", user.expose(), password.expose()));
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
        Some(Secret::new(format!("Basic {encoded}")))
    }
}

fn login(url: &Url) -> Result<Option<(Secret, Secret)>, ProxyError> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| ProxyError::Form)?;
        Ok(Secret::new(decoded.into_owned()))
    };
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    Ok(Some((decode(url.username())?, decode(url.password().unwrap_or_default())?)))
}

/// Targets that are reached without a proxy, as `NO_PROXY` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    Everything,
    Network(IpNet),
    Address(IpAddr, Option<u16>),
    /// A name and all below it.
    Domain(String, Option<u16>),
}

impl NoProxy {
    /// Reads hosts, suffixes with or without a dot, addresses, networks and `*`, comma-separated; `:port` narrows.
    ///
    /// # Errors
    /// [`NoProxyError`] with the place of the first entry that is none of these.
    pub fn parse(text: &str) -> Result<Self, NoProxyError> {
        let entries = text.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty());
        let read = |(at, entry)| exception(entry).ok_or(NoProxyError(at + 1));
        Ok(Self(entries.map(read).collect::<Result<_, _>>()?))
    }

    fn has(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let here = |only: Option<u16>| only.is_none_or(|only| only == port);
        self.0.iter().any(|exception| match exception {
            Exception::Everything => true,
            Exception::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Exception::Address(known, only) => address == Some(*known) && here(*only),
            Exception::Domain(name, only) => here(*only) && is_at_or_below(host, name),
        })
    }
}

fn exception(entry: &str) -> Option<Exception> {
    if entry == "*" {
        return Some(Exception::Everything);
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return Some(Exception::Network(network));
    }
    if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Exception::Address(address.to_canonical(), None));
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
        None => (entry, None),
    };
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Exception::Address(address.to_canonical(), port));
    }
    let bare = host.strip_prefix('*').unwrap_or(host);
    let name = bare.strip_prefix('.').unwrap_or(bare).trim_end_matches('.');
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') || b >= 0x80;
    let fits = !name.is_empty() && name.bytes().all(is_name) && (bare.len() == host.len() || bare.starts_with('.'));
    fits.then(|| Exception::Domain(name.to_ascii_lowercase(), port))
}

fn is_at_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The proxies, and what goes past them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Arc<Proxy>>,
    http: Option<Arc<Proxy>>,
    except: NoProxy,
}

impl Proxies {
    /// `HTTPS_PROXY` for what is tunnelled (https, mail, the API server), `HTTP_PROXY` for plain http, `NO_PROXY`.
    #[must_use]
    pub fn new(https: Option<Proxy>, http: Option<Proxy>, except: NoProxy) -> Self {
        Self { https: https.map(Arc::new), http: http.map(Arc::new), except }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.https.is_none() && self.http.is_none()
    }

    /// The proxy for a URL; `None` when it is asked directly.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.scheme() == "http" { self.http() } else { self.https() };
        self.unless_excepted(proxy?, url.host_str()?, url.port_or_known_default()?)
    }

    /// The proxy that a connection to this host and port is tunnelled through.
    #[must_use]
    pub fn for_tunnel(&self, host: &str, port: u16) -> Option<&Proxy> {
        self.unless_excepted(self.https()?, host, port)
    }

    /// This machine is never behind a proxy: what would be asked is the proxy's machine.
    fn unless_excepted<'p>(&self, proxy: &'p Proxy, host: &str, port: u16) -> Option<&'p Proxy> {
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        let is_here = is_loopback || is_at_or_below(&host, "localhost");
        (!is_here && !self.except.has(&host, port)).then_some(proxy)
    }

    pub(super) fn https(&self) -> Option<&Proxy> {
        self.https.as_deref()
    }

    pub(super) fn http(&self) -> Option<&Proxy> {
        self.http.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(except: &str) -> Proxies {
        let proxy = |text| Some(Proxy::parse(text).unwrap());
        let except = NoProxy::parse(except).unwrap();
        Proxies::new(proxy("http://secure.proxy:3128"), proxy("http://plain.proxy:3128"), except)
    }

    #[test]
    fn a_proxy_is_read_and_its_password_never_shown() {
        let proxy = Proxy::parse("http://us%40er:hun%2Fter2@[fd00::1]:3128/").unwrap();
        assert_eq!((proxy.shown(), proxy.host(), proxy.port()), ("http://[fd00::1]:3128", "fd00::1", 3128));
        let (user, password) = proxy.login.as_ref().unwrap();
        assert_eq!((user.expose(), password.expose()), ("us@er", "hun/ter2"));
        assert!(!format!("{proxy:?} {:?}", proxies("")).contains("hun"));
        let bare = Proxy::parse("proxy.example.com:8080").unwrap();
        assert_eq!(
            (bare.shown(), bare.is_tls(), bare.authorization().is_some()),
            ("http://proxy.example.com:8080", false, false)
        );
        assert_eq!(Proxy::parse("https://proxy.example.com").unwrap().port(), 443);
    }

    #[test]
    fn what_is_no_proxy_is_told_without_its_value() {
        for (text, expected) in [
            ("socks5://proxy:1080", ProxyError::Scheme),
            ("ftp://proxy", ProxyError::Scheme),
            ("http://", ProxyError::Form),
            ("http://:3128", ProxyError::Form),
            ("http://proxy:70000", ProxyError::Form),
            ("http://proxy:3128/path", ProxyError::Form),
            ("http://u:%ff@proxy:3128", ProxyError::Form),
            ("http://u:12/hunter2@proxy:3128", ProxyError::Encoding),
            ("http://u:12#hunter2@proxy:3128", ProxyError::Encoding),
            ("http://u:12?hunter2@proxy:3128", ProxyError::Encoding),
            ("http://u:hunter@2@proxy:3128", ProxyError::Encoding),
            ("u:12/hunter2@proxy:3128", ProxyError::Encoding),
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }

    #[test]
    fn what_no_proxy_lists_is_reached_directly() {
        let url = "https://";
        let cases = [
            ("", "registry.example.com", true),
            ("*", "registry.example.com", false),
            ("other.example, *", "registry.example.com", false),
            ("example.com", "example.com", false),
            ("example.com", "registry.example.com", false),
            ("example.com", "Registry.EXAMPLE.com.", false),
            ("example.com", "notexample.com", true),
            (".example.com", "registry.example.com", false),
            (".example.com", "example.com", false),
            ("*.example.com", "registry.example.com", false),
            (".svc,.cluster.local", "kubernetes.default.svc", false),
            (".svc,.cluster.local", "a.b.svc.cluster.local", false),
            (".svc", "svc.example.com", true),
            ("example.com:5000", "example.com:5000", false),
            ("example.com:5000", "example.com", true),
            ("10.96.0.1", "10.96.0.1", false),
            ("10.96.0.1", "10.96.0.2", true),
            ("10.96.0.1:6443", "10.96.0.1:6443", false),
            ("10.96.0.1:6443", "10.96.0.1", true),
            ("10.0.0.0/8,,", "10.96.0.1:443", false),
            ("10.0.0.0/8", "11.0.0.1", true),
            ("10.0.0.0/8", "[::ffff:10.1.2.3]", false),
            ("fd00::/8", "[fd12::1]", false),
            ("fd12::1", "[fd12::1]:443", false),
            ("[fd12::1]:443", "[fd12::1]", false),
            ("[fd12::1]:8443", "[fd12::1]", true),
            // Always: a proxy would ask itself.
            ("", "localhost", false),
            ("", "127.0.0.1:9090", false),
            ("", "[::1]", false),
        ];
        for (except, host, proxied) in cases {
            let target = Url::parse(&format!("{url}{host}/")).unwrap();
            assert_eq!(proxies(except).for_url(&target).is_some(), proxied, "{except} {host}");
        }
        for wrong in ["http://example.com", "a b", "10.0.0.0/99", "example.com:http", "a*b.example.com", "."] {
            let error = NoProxy::parse(&format!("ok.example.com,{wrong}")).unwrap_err();
            assert_eq!(error, NoProxyError(2), "{wrong}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy_and_tunnels_go_through_that_of_https() {
        let proxies = proxies("mail.internal:25");
        let shown = |url: &str| proxies.for_url(&url.parse().unwrap()).map(|proxy| proxy.shown().to_owned());
        assert_eq!(shown("https://a.example").as_deref(), Some("http://secure.proxy:3128"));
        assert_eq!(shown("http://a.example").as_deref(), Some("http://plain.proxy:3128"));
        assert!(proxies.for_tunnel("mail.example.com", 587).is_some());
        assert!(proxies.for_tunnel("mail.internal", 587).is_some());
        assert!(proxies.for_tunnel("mail.internal", 25).is_none());
        let plain = Proxies::new(None, Some(Proxy::parse("p:1").unwrap()), NoProxy::default());
        assert!(plain.for_tunnel("mail.example.com", 587).is_none() && !plain.is_empty());
    }
}
