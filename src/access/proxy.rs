//! Who a trusted proxy says that it is. A header is a claim: it is believed of whom the operator trusts, and of nobody else.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, InvalidHeaderName};
use ipnet::IpNet;

use super::address;
use super::sender::{acts, is_our_page};
use crate::config::Config;
use crate::config::auth::Mode;
use crate::domain::actor::{ClusterUser, SignedIn};

/// The most groups that are read of one person.
const MOST_GROUPS: usize = 500;

/// Where a proxy says who signed in, and what that is to mean.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The header that it sets.
    pub header: HeaderName,
    /// The header with their groups, comma-separated, if it sets one.
    pub groups: Option<HeaderName>,
    /// Whether nobody may see a link who did not.
    pub is_required: bool,
    /// What our own pages begin with, `https://watcher.example.com`, where that is known.
    pub origin: Option<String>,
}

/// Why a request is not answered, whatever it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nobody signed in, and somebody has to.
    NobodySignedIn,
    /// What the proxy says is no name.
    NoName,
    /// Another site's page sent it, or it can't be said whose.
    Elsewhere,
}

impl Identity {
    /// What the configuration says of it: it is one header for links and for the page.
    ///
    /// # Errors
    /// When a header that it names can be none.
    pub fn of(config: &Config) -> Result<Option<Self>, InvalidHeaderName> {
        let headers = match config.auth.as_ref().map(|auth| &auth.mode) {
            Some(Mode::Proxy(headers)) => Some(headers),
            _ => None,
        };
        let is_required = config.identity.as_ref().is_some_and(|header| header.is_required);
        let name = config.identity.as_ref().map(|header| &header.name).or(headers.map(|headers| &headers.user));
        let Some(name) = name else { return Ok(None) };
        let groups = headers.and_then(|headers| headers.groups.as_deref()).map(str::parse).transpose()?;
        let origin = config.base_url.as_ref().map(|url| url.origin().ascii_serialization());
        Ok(Some(Self { header: name.parse()?, groups, is_required, origin }))
    }

    /// Who signed in, if anybody did. The cluster is taken to know them, and their groups, by the same names.
    ///
    /// # Errors
    /// [`Refused`]
    pub fn read(&self, request: &HttpRequest, trusted: &[IpNet]) -> Result<Option<SignedIn>, Refused> {
        let said = if address::is_of_proxy(request, trusted) { self.said(request.headers())? } else { None };
        match said {
            Some(_) if acts(request.method()) && !is_our_page(request.headers(), self.origin.as_deref()) => {
                Err(Refused::Elsewhere)
            }
            None if self.is_required => Err(Refused::NobodySignedIn),
            said => Ok(said),
        }
    }

    fn said(&self, headers: &HeaderMap) -> Result<Option<SignedIn>, Refused> {
        let Some(name) = only(headers, &self.header)? else { return Ok(None) };
        let person = SignedIn::read(name).ok_or(Refused::NoName)?;
        let groups = match &self.groups {
            Some(header) => only(headers, header)?.unwrap_or_default(),
            None => "",
        };
        let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty());
        let user = ClusterUser {
            name: person.name().to_owned(),
            groups: groups.take(MOST_GROUPS).map(str::to_owned).collect(),
        };
        Ok(Some(person.known_as(user)))
    }
}

/// What a header says that is there once: of two, one may be the client's.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refused> {
    let mut said = headers.get_all(name);
    match (said.next(), said.next()) {
        (None, _) => Ok(None),
        (Some(text), None) => std::str::from_utf8(text.as_bytes()).map(Some).map_err(|_| Refused::NoName),
        (Some(_), Some(_)) => Err(Refused::NoName),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;

    const PROXY: &str = "10.0.0.1:4711";

    fn identity(is_required: bool) -> Identity {
        let origin = Some("https://watcher.example.com".to_owned());
        let [header, groups] = ["x-forwarded-user", "x-forwarded-groups"].map(HeaderName::from_static);
        Identity { header, groups: Some(groups), is_required, origin }
    }

    fn read(required: bool, peer: &str, method: Method, headers: &[(&str, &[u8])]) -> Result<Option<String>, Refused> {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap()).method(method);
        for (name, value) in headers {
            request = request.append_header((*name, HeaderValue::from_bytes(value).unwrap()));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let read = identity(required).read(&request.to_http_request(), &trusted);
        read.map(|said| said.map(|it| it.name().to_owned()))
    }

    #[test]
    fn a_name_is_believed_of_a_trusted_proxy_alone() {
        let alice: &[(&str, &[u8])] = &[("X-Forwarded-User", b"alice")];
        assert_eq!(read(false, PROXY, Method::GET, alice), Ok(Some("alice".into())));
        assert_eq!(read(false, "192.0.2.9:1", Method::GET, alice), Ok(None), "it is ignored");
        assert_eq!(read(true, "192.0.2.9:1", Method::GET, alice), Err(Refused::NobodySignedIn));
        assert_eq!(read(true, PROXY, Method::GET, &[]), Err(Refused::NobodySignedIn));
        assert_eq!(read(false, PROXY, Method::POST, &[]), Ok(None), "a link alone is enough");
        assert_eq!(read(false, PROXY, Method::GET, &[("Remote-User", b"alice")]), Ok(None), "another header");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [&b""[..], b"ali\tce", b"\xff\xfe", "al\u{202e}ice".as_bytes(), &[b'a'; 129]] {
            assert_eq!(
                read(false, PROXY, Method::GET, &[("X-Forwarded-User", name)]),
                Err(Refused::NoName),
                "{name:?}"
            );
        }
        let two: &[(&str, &[u8])] = &[("X-Forwarded-User", b"mallory"), ("X-Forwarded-User", b"alice")];
        assert_eq!(read(false, PROXY, Method::GET, two), Err(Refused::NoName));
    }

    #[test]
    fn whoever_is_signed_in_answers_by_our_own_page_alone() {
        let posted = |more: &[(&str, &[u8])]| {
            let all = [&[("X-Forwarded-User", &b"alice"[..])], more].concat();
            read(true, PROXY, Method::POST, &all)
        };
        let (ours, alice): (&[u8], _) = (b"https://watcher.example.com", Ok(Some("alice".to_owned())));
        assert_eq!(posted(&[("Sec-Fetch-Site", b"same-origin")]), alice);
        assert_eq!(posted(&[("Origin", ours)]), alice);
        assert_eq!(posted(&[("Sec-Fetch-Site", b"same-origin"), ("Origin", b"null")]), alice);
        let elsewhere: [&[(&str, &[u8])]; 7] = [
            &[],
            &[("Origin", b"https://evil.example")],
            &[("Origin", b"https://watcher.example.com.evil.example")],
            &[("Origin", b"null")],
            &[("Sec-Fetch-Site", b"cross-site"), ("Origin", ours)],
            &[("Sec-Fetch-Site", b"same-site")],
            &[("Sec-Fetch-Site", b"none")],
        ];
        for headers in elsewhere {
            assert_eq!(posted(headers), Err(Refused::Elsewhere), "{headers:?}");
        }
    }

    #[test]
    fn groups_are_those_of_the_proxy_alone() {
        let groups = |peer: &str, all: &[(&str, &str)]| {
            let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
            for header in [("X-Forwarded-User", "alice")].iter().chain(all) {
                request = request.append_header(*header);
            }
            let read = identity(false).read(&request.to_http_request(), &["10.0.0.0/8".parse().unwrap()]);
            read.map(|said| said.and_then(|it| Some(it.in_cluster()?.groups.clone())))
        };
        let of = |all: &[&str]| Ok(Some(all.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>()));
        assert_eq!(groups(PROXY, &[("X-Forwarded-Groups", "dev, sre,,")]), of(&["dev", "sre"]));
        assert_eq!(groups(PROXY, &[("Remote-Groups", "sre")]), of(&[]), "another header");
        assert_eq!(groups("192.0.2.9:1", &[("X-Forwarded-Groups", "sre")]), Ok(None));
        let two = [("X-Forwarded-Groups", "dev"), ("X-Forwarded-Groups", "sre")];
        assert_eq!(groups(PROXY, &two), Err(Refused::NoName), "one of them may be the client's");
    }
}
