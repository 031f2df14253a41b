//! Slows down who guesses passwords and tokens: by network, and by the name that is guessed at. Only what was wrong counts, and
//! each way to get in is counted apart: wrong tokens of somebody at an address keep nobody there from signing in.
//!
//! Who is signed in is not asked for a password, so nobody's guessing shuts them out; who signs in anew under a name that is
//! guessed at waits until it is less, unless their browser signed in under it before.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What may be wrong of one network in a window, of all of its neighbours together, and of one name.
const MOST_OF_A_NETWORK: u32 = 10;
const MOST_OF_NEIGHBOURS: u32 = 40;
const MOST_OF_A_NAME: u32 = 20;
/// The windows.
const NETWORKS: Duration = Duration::from_secs(60);
const NAMES: Duration = Duration::from_secs(300);
/// Networks, and names, of which that is remembered in a window. Of more it is not counted: what each of them may still do is
/// bounded by the other count, and by how many passwords are checked at once.
const MOST_REMEMBERED: usize = 4096;

/// At what somebody guesses.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'n> {
    /// The password of this name.
    Password(&'n str),
    /// The password of this name, in a browser in which it was right before, by what tells that browser.
    Again(&'n str),
    /// The token of a program.
    Token,
    /// The code of a provider.
    Code,
}

/// Counts of one window.
struct Window<K> {
    since: Duration,
    length: Duration,
    wrong: HashMap<K, u32>,
}

impl<K: Eq + Hash> Window<K> {
    fn new(length: Duration) -> Self {
        Self { since: Duration::ZERO, length, wrong: HashMap::new() }
    }

    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= self.length {
            (self.since, self.wrong) = (now, HashMap::new());
        }
    }

    /// What was counted was not wrong.
    fn was_right(&mut self, key: &K, now: Duration) {
        self.turn(now);
        if let Some(wrong) = self.wrong.get_mut(key) {
            *wrong = wrong.saturating_sub(1);
        }
    }

    /// Seconds until one more may be tried, where `most` were wrong.
    fn wait(&mut self, key: &K, most: u32, now: Duration) -> Option<u32> {
        self.turn(now);
        let is_used_up = self.wrong.get(key).is_some_and(|wrong| *wrong >= most);
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

/// What was wrong of some networks, each for itself and together with its neighbours.
struct Networks {
    own: Window<IpAddr>,
    wide: Window<IpAddr>,
}

impl Default for Networks {
    fn default() -> Self {
        Self { own: Window::new(NETWORKS), wide: Window::new(NETWORKS) }
    }
}

impl Networks {
    fn wait(&mut self, address: IpAddr, now: Duration) -> Option<u32> {
        let own = self.own.wait(&network(address), MOST_OF_A_NETWORK, now);
        own.or_else(|| self.wide.wait(&neighbours(address), MOST_OF_NEIGHBOURS, now))
    }

    fn was_wrong(&mut self, address: IpAddr, now: Duration) {
        self.own.was_wrong(network(address), now);
        self.wide.was_wrong(neighbours(address), now);
    }

    fn was_right(&mut self, address: IpAddr, now: Duration) {
        self.own.was_right(&network(address), now);
        self.wide.was_right(&neighbours(address), now);
    }
}

/// What was wrong of late.
struct All {
    passwords: Networks,
    tokens: Networks,
    codes: Networks,
    names: Window<String>,
    browsers: Window<String>,
}

/// What was wrong of late.
pub(super) struct Guesses(Mutex<All>);

impl Default for Guesses {
    fn default() -> Self {
        let [passwords, tokens, codes] = [(); 3].map(|()| Networks::default());
        let (names, browsers) = (Window::new(NAMES), Window::new(NAMES));
        Self(Mutex::new(All { passwords, tokens, codes, names, browsers }))
    }
}

impl Guesses {
    /// Seconds that whoever guesses at this has to wait.
    pub(super) fn wait(&self, address: IpAddr, at: At<'_>, now: Duration) -> Option<u32> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match at {
            At::Password(name) => {
                let network = all.passwords.wait(address, now);
                network.or_else(|| all.names.wait(&name.to_owned(), MOST_OF_A_NAME, now))
            }
            At::Again(browser) => all.browsers.wait(&browser.to_owned(), MOST_OF_A_NETWORK, now),
            At::Token => all.tokens.wait(address, now),
            At::Code => all.codes.wait(address, now),
        }
    }

    /// Counts what was wrong.
    pub(super) fn was_wrong(&self, address: IpAddr, at: At<'_>, now: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match at {
            At::Password(name) => {
                all.passwords.was_wrong(address, now);
                all.names.was_wrong(name.to_owned(), now);
            }
            At::Again(browser) => all.browsers.was_wrong(browser.to_owned(), now),
            At::Token => all.tokens.was_wrong(address, now),
            At::Code => all.codes.was_wrong(address, now),
        }
    }

    /// A token that was counted when somebody else was asked about it was not wrong.
    pub(super) fn was_no_wrong_token(&self, address: IpAddr, now: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tokens.was_right(address, now);
    }
}

/// Whoever has an address of IPv6 has all of its /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    within(address, 32, 64)
}

/// Who is near: whoever has one of these may well have many.
fn neighbours(address: IpAddr) -> IpAddr {
    within(address, 24, 48)
}

/// The first address of the network of an address, of so many bits.
fn within(address: IpAddr, bits4: u32, bits6: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::BITS - bits4).unwrap_or_default();
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u128::BITS - bits6).unwrap_or_default();
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    /// One of many that are no neighbours.
    fn address(number: u32) -> IpAddr {
        IpAddr::from(((number << 8) | 1).to_be_bytes())
    }

    #[test]
    fn a_network_that_guesses_waits_and_others_do_not() {
        let guesses = Guesses::default();
        let wait = |address, now| guesses.wait(address, At::Password("alice"), now);
        for one in 0..10 {
            assert_eq!(wait(address(1), START), None, "{one}");
            guesses.was_wrong(address(1), At::Password(&format!("user{one}")), START);
        }
        assert_eq!(wait(address(1), START + Duration::from_secs(20)), Some(41));
        assert_eq!(wait(address(2), START), None);
        assert_eq!(wait(address(1), START + NETWORKS), None);
        let [near, far] = ["2001:db8::1", "2001:db8:0:1::1"].map(|text| text.parse::<IpAddr>().unwrap());
        let (now, token) = (START + NETWORKS, |address| guesses.wait(address, At::Token, START + NETWORKS));
        (0..10).for_each(|_| guesses.was_wrong(near, At::Token, now));
        assert!(token("2001:db8::ffff".parse().unwrap()).is_some(), "it is one network");
        assert_eq!(token(far), None);
    }

    #[test]
    fn neighbours_who_guess_one_after_the_other_wait_together() {
        for (neighbours, elsewhere) in [
            ((0..=255).map(|n| format!("192.0.2.{n}")).collect::<Vec<_>>(), "192.0.3.1"),
            ((0..=255).map(|n| format!("2001:db8:0:{n:x}::1")).collect(), "2001:db8:1::1"),
        ] {
            let guesses = Guesses::default();
            let heard = neighbours.iter().filter(|text| {
                let address = text.parse().unwrap();
                let is_heard = guesses.wait(address, At::Password("alice"), START).is_none();
                if is_heard {
                    guesses.was_wrong(address, At::Password(text), START);
                }
                is_heard
            });
            assert_eq!(heard.count(), 40, "of {}", neighbours.len());
            assert_eq!(guesses.wait(elsewhere.parse().unwrap(), At::Password("alice"), START), None);
        }
    }

    #[test]
    fn a_name_that_is_guessed_at_from_everywhere_waits() {
        let guesses = Guesses::default();
        let wait = |at, now| guesses.wait(address(99), at, now);
        (0..20).for_each(|one| guesses.was_wrong(address(one), At::Password("alice"), START));
        assert!(wait(At::Password("alice"), START).is_some());
        assert_eq!(wait(At::Password("bob"), START), None);
        assert_eq!(wait(At::Token, START), None, "a token has no name");
        assert_eq!(wait(At::Password("alice"), START + NAMES), None);
    }

    #[test]
    fn each_way_in_is_counted_apart_and_a_browser_that_was_right_before_for_itself() {
        let guesses = Guesses::default();
        let wait = |at| guesses.wait(address(1), at, START);
        (0..50).for_each(|_| guesses.was_wrong(address(1), At::Token, START));
        assert!(wait(At::Token).is_some());
        assert_eq!((wait(At::Password("alice")), wait(At::Code)), (None, None));
        (0..50).for_each(|_| guesses.was_wrong(address(1), At::Password("alice"), START));
        assert!(wait(At::Password("alice")).is_some());
        assert_eq!((wait(At::Again("browser")), wait(At::Code)), (None, None));
        (0..10).for_each(|_| guesses.was_wrong(address(1), At::Again("browser"), START));
        assert!(wait(At::Again("browser")).is_some(), "and it may not guess for ever");
        assert_eq!(wait(At::Again("another")), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let guesses = Guesses::default();
        for one in 0..10_000 {
            guesses.was_wrong(address(one), At::Password(&one.to_string()), START);
            guesses.was_wrong(address(one), At::Again(&one.to_string()), START);
        }
        let all = guesses.0.lock().unwrap();
        let sizes = [all.passwords.own.wrong.len(), all.passwords.wide.wrong.len()];
        assert_eq!(sizes, [MOST_REMEMBERED; 2]);
        assert_eq!([all.names.wrong.len(), all.browsers.wrong.len()], [MOST_REMEMBERED; 2]);
    }
}
