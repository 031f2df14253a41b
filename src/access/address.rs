//! Whose request it is: the peer, or what a trusted proxy says of it. It fails closed: where a proxy says what can't be
//! read, the request is the proxy's, never what its client wrote further left.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::{AsHeaderName, HeaderValue};
use ipnet::IpNet;

/// The longest chain of trusted proxies that is followed.
const MOST_PROXIES: usize = 16;

/// Whether a trusted proxy sent a request.
pub(crate) fn is_of_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&peer(request)))
}

fn peer(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip().to_canonical())
}

/// Whether a request has a header that only a trusted proxy is believed in, and was sent by nobody who is one.
pub(crate) fn is_unbelieved(request: &HttpRequest, header: impl AsHeaderName, trusted: &[IpNet]) -> bool {
    request.headers().contains_key(header) && !is_of_proxy(request, trusted)
}

/// The address that a request is counted at.
pub(crate) fn client(request: &HttpRequest, trusted: &[IpNet]) -> IpAddr {
    let peer = peer(request);
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&HeaderValue> = request.headers().get_all("X-Forwarded-For").collect();
    let entries = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // Each proxy appends whom it talks to: the last address that no trusted proxy has is the client's.
    let first_stranger = entries.take(MOST_PROXIES).map(parse).find(|entry| entry.is_none_or(|it| !is_trusted(&it)));
    first_stranger.flatten().unwrap_or(peer)
}

/// An entry as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;

    use super::*;

    fn seen(peer: &str, lines: &[&[u8]]) -> String {
        let mut request = TestRequest::default().peer_addr(peer.parse().unwrap());
        for line in lines {
            request = request.append_header(("X-Forwarded-For", HeaderValue::from_bytes(line).unwrap()));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client(&request.to_http_request(), &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let cases: [(&str, &[&[u8]], &str); 16] = [
            ("9.9.9.9:1", &[b"1.1.1.1"], "9.9.9.9"),
            ("10.0.0.1:1", &[b"1.1.1.1, 2.2.2.2, 10.0.0.9"], "2.2.2.2"),
            ("[::ffff:10.0.0.1]:1", &[b"1.1.1.1,2.2.2.2"], "2.2.2.2"),
            ("[fd00::1]:1", &[b"2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1:1", &[b"1.1.1.1", b"2.2.2.2", b"10.0.0.9, 10.0.0.8"], "2.2.2.2"),
            ("10.0.0.1:1", &[b"1.1.1.1, 9.9.9.9:5678"], "9.9.9.9"),
            ("10.0.0.1:1", &[b"1.1.1.1, [2001:db8::7]:5678"], "2001:db8::7"),
            ("10.0.0.1:1", &[b"1.1.1.1, [2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1:1", &[b"1.1.1.1, ::ffff:9.9.9.9"], "9.9.9.9"),
            ("10.0.0.1:1", &[b"1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1:1", &[b"1.1.1.1, _hidden, 10.0.0.9"], "10.0.0.1"),
            ("10.0.0.1:1", &[b"1.1.1.1, \xe9"], "10.0.0.1"),
            ("10.0.0.1:1", &[b"1.1.1.1,"], "10.0.0.1"),
            ("10.0.0.1:1", &[b"1.1.1.1", b""], "10.0.0.1"),
            ("10.0.0.1:1", &[b"1.1.1.1, fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1:1", &[], "10.0.0.1"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(seen(peer, lines), expected, "{peer} {}", String::from_utf8_lossy(&lines.concat()));
        }
    }

    #[test]
    fn a_chain_without_end_is_the_proxys_own() {
        let long = format!("1.1.1.1{}", ", 10.0.0.9".repeat(820));
        assert!(long.len() > 8192);
        assert_eq!(seen("10.0.0.1:1", &[long.as_bytes()]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1:1", &["9".repeat(8192).as_bytes()]), "10.0.0.1");
    }

    proptest! {
        /// Whatever a client writes, what the proxy appends is who it is.
        #[test]
        fn a_client_chooses_nothing(written in "[ -~]{0,80}", more in "[ -~]{0,20}") {
            let line = format!("{written}, 9.9.9.9");
            prop_assert_eq!(seen("10.0.0.1:1", &[more.as_bytes(), line.as_bytes()]), "9.9.9.9");
            let line = format!("{written}, unknown");
            prop_assert_eq!(seen("10.0.0.1:1", &[more.as_bytes(), line.as_bytes()]), "10.0.0.1");
        }
    }
}
