//! Who has a foot in the pod.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::dev::RequestHead;
use actix_web::http::header;

/// Whether a request was made in the pod, as through `kubectl port-forward`: from loopback, or from the one address that
/// is listened on. One that a proxy beside us passes on was not, nor was one that a page elsewhere makes a browser send
/// to a name of its own.
pub(super) fn is_from_here(head: &RequestHead, bound: IpAddr) -> bool {
    let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), bound.to_canonical()];
    let is_own = |address: IpAddr| own.contains(&address.to_canonical());
    let is_near = head.peer_addr.is_some_and(|peer| is_own(peer.ip()));
    let marks = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let is_passed_on = marks.iter().any(|name| head.headers.contains_key(*name));
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rfind(':').filter(|at| host.bytes().skip(at + 1).all(|byte| byte.is_ascii_digit()));
    let name = host.get(..port.unwrap_or(host.len())).unwrap_or_default().trim_matches(['[', ']']);
    is_near && !is_passed_on && (name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_own))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_is_in_the_pod_is_from_here() {
        let cases = [
            ("127.0.0.1:5", "localhost:9090", None, true),
            ("127.0.0.1:5", "LOCALHOST", None, true),
            ("127.0.0.1:5", "127.0.0.1:9090", None, true),
            ("[::1]:5", "[::1]:9090", None, true),
            ("[::1]:5", "[::1]", None, true),
            ("[::ffff:127.0.0.1]:5", "localhost:19090", None, true),
            ("10.1.2.3:5", "localhost:9090", None, false),
            ("[2001:db8::1]:5", "localhost:9090", None, false),
            // Where a service mesh's proxy calls from.
            ("127.0.0.6:5", "localhost:9090", None, false),
            ("127.0.0.1:5", "localhost:9090", Some("x-forwarded-for"), false),
            ("127.0.0.1:5", "localhost:9090", Some("forwarded"), false),
            ("127.0.0.1:5", "localhost:9090", Some("via"), false),
            ("127.0.0.1:5", "rebound.example:9090", None, false),
            ("127.0.0.1:5", "localhost.example", None, false),
            ("127.0.0.1:5", "", None, false),
        ];
        for (peer, host, passed_on, expected) in cases {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap()).insert_header((header::HOST, host));
            let request =
                passed_on.into_iter().fold(request, |request, name| request.insert_header((name, "127.0.0.1")));
            let everywhere = IpAddr::from([0, 0, 0, 0]);
            let request = request.to_http_request();
            assert_eq!(is_from_here(request.head(), everywhere), expected, "{peer} {host} {passed_on:?}");
        }
        let own = TestRequest::default().peer_addr("10.1.2.3:5".parse().unwrap());
        let own = own.insert_header((header::HOST, "10.1.2.3:9090")).to_http_request();
        assert!(is_from_here(own.head(), [10, 1, 2, 3].into()) && !is_from_here(own.head(), [10, 1, 2, 4].into()));
    }
}
