//! Slows down who guesses links: by network, and all together. Only wrong links are counted and refused, so nobody's
//! guessing shuts out who holds a right one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Wrong links of one network in a window.
const MOST_OF_ONE: u32 = 10;
/// Wrong links of all networks in a window. It bounds what is remembered, too.
const MOST_OF_ALL: u32 = 100;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Failures {
    since: Duration,
    all: u32,
    by_network: HashMap<IpAddr, u32>,
}

/// Counts wrong links in windows of a minute.
#[derive(Default)]
pub struct Limiter(Mutex<Failures>);

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

impl Limiter {
    /// Counts a wrong link from an address at `now`, a monotonic time; whether it is one too many. Those that are too
    /// many are not counted: a single guesser uses up nobody else's share.
    pub fn is_one_too_many(&self, address: IpAddr, now: Duration) -> bool {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        if failures.all >= MOST_OF_ALL {
            return true;
        }
        let of_one = failures.by_network.entry(network(address)).or_default();
        if *of_one >= MOST_OF_ONE {
            return true;
        }
        *of_one += 1;
        failures.all += 1;
        false
    }
}

impl Failures {
    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= WINDOW {
            *self = Self { since: now, ..Self::default() };
        }
    }
}

/// An IPv6 host has a /64 to choose its address from.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_slowed_by_network_and_altogether() {
        let limiter = Limiter::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Duration::from_secs(100);
        for _ in 0..MOST_OF_ONE {
            assert!(!limiter.is_one_too_many(one, now));
        }
        for _ in 0..1000 {
            assert!(limiter.is_one_too_many(one, now));
        }
        assert!(!limiter.is_one_too_many(other, now), "a thousand refused guesses are one address's share");
        let everybody = (0..=255).flat_map(|b| (0..=255).map(move |c| IpAddr::from([10, 1, b, c])));
        let counted = everybody.filter(|address| !limiter.is_one_too_many(*address, now)).count();
        assert_eq!(counted, 100 - 11, "all together");
        assert_eq!(limiter.0.lock().unwrap().by_network.len(), 91, "what is remembered is bounded");
        assert!(!limiter.is_one_too_many(one, now + WINDOW));
    }

    #[test]
    fn an_ipv6_host_is_one_however_many_addresses_it_has() {
        let limiter = Limiter::default();
        let address = |host: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 3, 4, 5, host]);
        assert!((0..10).all(|host| !limiter.is_one_too_many(address(host), Duration::ZERO)));
        assert!(limiter.is_one_too_many(address(99), Duration::ZERO));
        assert!(!limiter.is_one_too_many(IpAddr::from([0x2001, 0xdb8, 1, 3, 0, 0, 0, 1]), Duration::ZERO));
    }
}
