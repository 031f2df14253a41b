//! Slows down who guesses links: by address, and all together. Never by token, or each guess had a bucket of its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;

/// Failures of one address in a window.
const MOST_OF_ONE: u32 = 10;
/// Failures of all addresses in a window.
const MOST_OF_ALL: u32 = 100;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// The most addresses that are remembered.
const MOST_ADDRESSES: usize = 10_000;

#[derive(Default)]
struct Failures {
    since: Duration,
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

/// Counts failures in windows of a minute.
#[derive(Default)]
pub struct Limiter(Mutex<Failures>);

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

impl Limiter {
    /// Whether an address may try at `now`, a monotonic time.
    pub fn allows(&self, address: &IpAddr, now: Duration) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        failures.all < MOST_OF_ALL && failures.by_address.get(address).is_none_or(|count| *count < MOST_OF_ONE)
    }

    /// Counts a wrong link.
    pub fn failed(&self, address: &IpAddr, now: Duration) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        failures.all = failures.all.saturating_add(1);
        if failures.by_address.len() < MOST_ADDRESSES || failures.by_address.contains_key(address) {
            *failures.by_address.entry(*address).or_default() += 1;
        }
    }
}

impl Failures {
    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= WINDOW {
            *self = Self { since: now, ..Self::default() };
        }
    }
}

/// Whose request it is: the peer, or what a trusted proxy says of it.
pub(super) fn client(request: &HttpRequest, trusted: &[ipnet::IpNet]) -> IpAddr {
    // A listener for both families shows an address of IPv4 inside one of IPv6.
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip().to_canonical());
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    // The last address that no trusted proxy added is the client's.
    let forwarded = request.headers().get_all("X-Forwarded-For").filter_map(|value| value.to_str().ok());
    let addresses: Vec<IpAddr> =
        forwarded.flat_map(|value| value.split(',')).filter_map(|address| address.trim().parse().ok()).collect();
    addresses.into_iter().rev().find(|address| !is_trusted(address)).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn guessing_is_slowed_by_address_and_altogether() {
        let limiter = Limiter::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Duration::from_secs(100);
        for _ in 0..MOST_OF_ONE {
            assert!(limiter.allows(&one, now));
            limiter.failed(&one, now);
        }
        assert!(!limiter.allows(&one, now) && limiter.allows(&other, now));
        for n in 0..=90_u8 {
            limiter.failed(&IpAddr::from([10, 0, 1, n]), now);
        }
        assert!(!limiter.allows(&other, now), "all together");
        assert!(limiter.allows(&one, now + WINDOW));
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let request = |peer: &str| {
            TestRequest::default()
                .peer_addr(format!("{peer}:1").parse().unwrap())
                .insert_header(("X-Forwarded-For", "1.1.1.1, 2.2.2.2, 10.0.0.9"))
                .to_http_request()
        };
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client(&request("10.0.0.1"), &trusted), IpAddr::from([2, 2, 2, 2]));
        assert_eq!(client(&request("9.9.9.9"), &trusted), IpAddr::from([9, 9, 9, 9]));
    }
}
