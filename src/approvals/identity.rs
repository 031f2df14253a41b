//! Who a trusted proxy says that it is. A header is a claim: it is believed of whom the operator trusts, and of nobody else.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};
use ipnet::IpNet;

use super::address;
use crate::domain::actor::SignedIn;

/// Where a proxy says who signed in, and what that is to mean.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The header that it sets.
    pub header: HeaderName,
    /// Whether nobody may see a link who did not.
    pub is_required: bool,
    /// What our own pages begin with, `https://watcher.example.com`, where that is known.
    pub origin: Option<String>,
}

/// Why a request is not answered, whatever its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody signed in, and somebody has to.
    NobodySignedIn,
    /// What the proxy says is no name.
    NoName,
    /// Another site's page sent it, or it can't be said whose.
    Elsewhere,
}

impl Identity {
    /// Who signed in, if anybody did.
    pub(super) fn read(&self, request: &HttpRequest, trusted: &[IpNet]) -> Result<Option<SignedIn>, Refused> {
        let said = if address::is_of_proxy(request, trusted) {
            let mut said = request.headers().get_all(&self.header);
            match (said.next(), said.next()) {
                (None, _) => None,
                (Some(name), None) => {
                    let name = std::str::from_utf8(name.as_bytes()).ok().and_then(SignedIn::read);
                    Some(name.ok_or(Refused::NoName)?)
                }
                // One of them may be the client's.
                (Some(_), Some(_)) => return Err(Refused::NoName),
            }
        } else {
            None
        };
        match said {
            Some(_) if acts(request.method()) && !self.is_ours(request.headers()) => Err(Refused::Elsewhere),
            None if self.is_required => Err(Refused::NobodySignedIn),
            said => Ok(said),
        }
    }

    /// Whether a browser says that our own page sent this: whoever is signed in sends what any page makes the browser send.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        match (text("Sec-Fetch-Site"), text(ORIGIN.as_str())) {
            (Some(site), _) => site == "same-origin",
            (None, Some(origin)) => self.origin.as_deref() == Some(origin),
            (None, None) => false,
        }
    }
}

fn acts(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use actix_web::test::TestRequest;

    use super::*;

    const PROXY: &str = "10.0.0.1:4711";

    fn identity(is_required: bool) -> Identity {
        let origin = Some("https://watcher.example.com".to_owned());
        Identity { header: HeaderName::from_static("x-forwarded-user"), is_required, origin }
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
}
