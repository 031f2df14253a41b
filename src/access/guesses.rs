//! Slows down who guesses passwords and tokens: by network, and by the name that is guessed at. Only what was wrong counts.
//!
//! Who is signed in is not asked for a password, so nobody's guessing shuts them out; who signs in anew under a name that is
//! guessed at waits until it is less.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What may be wrong of one network in a window, and of one name.
const MOST_OF_A_NETWORK: u32 = 10;
const MOST_OF_A_NAME: u32 = 20;
/// The windows.
const NETWORKS: Duration = Duration::from_secs(60);
const NAMES: Duration = Duration::from_secs(300);
/// Networks, and names, of which that is remembered in a window. Of more it is not counted: what each of them may still do is
/// bounded by the other count, and by how many passwords are checked at once.
const MOST_REMEMBERED: usize = 4096;

/// Counts of one window.
struct Window<K> {
    since: Duration,
    length: Duration,
    most: u32,
    wrong: HashMap<K, u32>,
}

impl<K: Eq + Hash> Window<K> {
    fn new(length: Duration, most: u32) -> Self {
        Self { since: Duration::ZERO, length, most, wrong: HashMap::new() }
    }

    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= self.length {
            (self.since, self.wrong) = (now, HashMap::new());
        }
    }

    /// Seconds until one more may be tried, where too many were wrong.
    fn wait(&mut self, key: &K, now: Duration) -> Option<u32> {
        self.turn(now);
        let is_used_up = self.wrong.get(key).is_some_and(|wrong| *wrong >= self.most);
        let rest = self.length.saturating_sub(now.saturating_sub(self.since));
        is_used_up.then(|| u32::try_from(rest.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    }

    fn was_wrong(&mut self, key: K, now: Duration) {
        self.turn(now);
        let is_full = self.wrong.len() >= MOST_REMEMBERED;
        match self.wrong.get_mut(&key) {
            Some(wrong) => *wrong = wrong.saturating_add(1),
            None if is_full => {}
            None => drop(self.wrong.insert(key, 1)),
        }
    }
}

/// What was wrong of late.
pub(super) struct Guesses(Mutex<(Window<IpAddr>, Window<String>)>);

impl Default for Guesses {
    fn default() -> Self {
        Self(Mutex::new((Window::new(NETWORKS, MOST_OF_A_NETWORK), Window::new(NAMES, MOST_OF_A_NAME))))
    }
}

impl Guesses {
    /// Seconds that whoever asks has to wait, for this name where there is one.
    pub(super) fn wait(&self, address: IpAddr, name: Option<&str>, now: Duration) -> Option<u32> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = all.0.wait(&network(address), now);
        network.or_else(|| all.1.wait(&name?.to_owned(), now))
    }

    /// Counts what was wrong.
    pub(super) fn was_wrong(&self, address: IpAddr, name: Option<&str>, now: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.0.was_wrong(network(address), now);
        if let Some(name) = name {
            all.1.was_wrong(name.to_owned(), now);
        }
    }
}

/// Whoever has an address of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_network_that_guesses_waits_and_others_do_not() {
        let guesses = Guesses::default();
        for one in 0..10 {
            assert_eq!(guesses.wait(address(1), Some("alice"), START), None, "{one}");
            guesses.was_wrong(address(1), Some(&format!("user{one}")), START);
        }
        assert_eq!(guesses.wait(address(1), Some("alice"), START + Duration::from_secs(20)), Some(41));
        assert_eq!(guesses.wait(address(2), Some("alice"), START), None);
        assert_eq!(guesses.wait(address(1), Some("alice"), START + NETWORKS), None);
        let [near, far] = ["2001:db8::1", "2001:db8:0:1::1"].map(|text| text.parse::<IpAddr>().unwrap());
        (0..10).for_each(|_| guesses.was_wrong(near, None, START + NETWORKS));
        let other: IpAddr = "2001:db8::ffff".parse().unwrap();
        assert!(guesses.wait(other, None, START + NETWORKS).is_some(), "it is one network");
        assert_eq!(guesses.wait(far, None, START + NETWORKS), None);
    }

    #[test]
    fn a_name_that_is_guessed_at_from_everywhere_waits() {
        let guesses = Guesses::default();
        (0..20).for_each(|one| guesses.was_wrong(address(one), Some("alice"), START));
        assert!(guesses.wait(address(99), Some("alice"), START).is_some());
        assert_eq!(guesses.wait(address(99), Some("bob"), START), None);
        assert_eq!(guesses.wait(address(99), None, START), None, "a token has no name");
        assert_eq!(guesses.wait(address(99), Some("alice"), START + NAMES), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = Guesses::default();
        for one in 0..10_000 {
            guesses.was_wrong(address(one), Some(&one.to_string()), START);
        }
        let all = guesses.0.lock().unwrap();
        assert_eq!((all.0.wrong.len(), all.1.wrong.len()), (MOST_REMEMBERED, MOST_REMEMBERED));
    }
}
