//! Slows down who guesses links: by network, and all together. Only wrong links are counted, so nobody's guessing shuts
//! out who holds a right one.
//!
//! A wrong link costs nothing unless it names a question that there is; then its signature has to be looked at. Where too
//! many were wrong, this is done for each question a few times a second only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ambient::Ambient;
use crate::domain::approval::ApprovalId;
use crate::queue::{NewsKind, Replicas};
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::metrics::Metrics;

/// Wrong links of one network in a window.
const MOST_OF_ONE: u32 = 10;
/// Wrong links of all networks in a window. It bounds what is remembered, too.
const MOST_OF_ALL: u32 = 100;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);
/// Wrong signatures under one question's name that are looked at in a moment, where a network has no failures left.
const MOST_OF_A_QUESTION: u32 = 4;
/// Questions of which that is remembered. When it is more, whoever has no failures left waits for the next moment.
const MOST_QUESTIONS: usize = 64;
/// The moment.
const MOMENT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Failures {
    since: Duration,
    all: u32,
    by_network: HashMap<IpAddr, u32>,
    moment: Duration,
    by_question: HashMap<ApprovalId, u32>,
}

/// That a link of a network was wrong, for other replicas: whoever guesses has one share at all of them.
#[derive(Debug, Serialize, Deserialize)]
struct Guess {
    network: IpAddr,
}

/// Counts wrong links in windows of a minute. Clones share it.
#[derive(Clone, Default)]
pub struct Limiter {
    failures: Arc<Mutex<Failures>>,
    others: Option<(Replicas, Metrics)>,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

impl Limiter {
    /// The same, which tells these replicas what it counts.
    #[must_use]
    pub fn beside(others: Replicas, metrics: &Metrics) -> Self {
        Self { others: Some((others, metrics.clone())), ..Self::default() }
    }

    /// Counts what other replicas count, until the process is to end. What is missed is counted there alone.
    #[must_use]
    pub fn hearing(self, ambient: Ambient, stop: Stop) -> Task {
        Task::new("wrong links told", self.keep_hearing(ambient, stop))
    }

    async fn keep_hearing(self, ambient: Ambient, stop: Stop) {
        let Some((others, metrics)) = &self.others else { return };
        let takes = |told: Result<Arc<str>, u64>| match told.map(|news| serde_json::from_str(&news)) {
            Ok(Ok(Guess { network })) => drop(self.counts(network, ambient.monotonic())),
            Ok(Err(_)) => metrics.replica_news("unreadable", 1),
            Err(missed) => metrics.replica_news("missed", missed),
        };
        stop.hear(others.hear(NewsKind::Guess), takes).await;
    }

    /// Counts a wrong link from an address at `now`, a monotonic time; whether it is one too many. Those that are too
    /// many are not counted: a single guesser uses up nobody else's share.
    pub fn is_one_too_many(&self, address: IpAddr, now: Duration) -> bool {
        let is_counted = self.counts(address, now);
        if let Some((others, metrics)) = self.others.as_ref().filter(|_| is_counted) {
            others.tell_counted(NewsKind::Guess, &Guess { network: network(address) }, metrics);
        }
        !is_counted
    }

    /// Counts a wrong link, unless it is one too many.
    fn counts(&self, address: IpAddr, now: Duration) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        if failures.has_none_left(address) {
            return false;
        }
        *failures.by_network.entry(network(address)).or_default() += 1;
        failures.all += 1;
        true
    }

    /// Whether the signature of a link is worth a look: always, unless too many from the address were wrong, and too many
    /// were just wrong under the name of the same question.
    pub fn may_try(&self, question: &ApprovalId, address: IpAddr, now: Duration) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        let is_full = failures.by_question.len() >= MOST_QUESTIONS;
        !failures.has_none_left(address)
            || failures.by_question.get(question).map_or(!is_full, |wrong| *wrong < MOST_OF_A_QUESTION)
    }

    /// Counts a wrong signature under the name of a question that there is.
    pub fn was_wrong(&self, question: &ApprovalId, now: Duration) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.turn(now);
        let is_full = failures.by_question.len() >= MOST_QUESTIONS;
        match failures.by_question.get_mut(question) {
            Some(wrong) => *wrong = wrong.saturating_add(1),
            None if is_full => {}
            None => {
                failures.by_question.insert(question.clone(), 1);
            }
        }
    }
}

impl Failures {
    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.since) >= WINDOW {
            *self = Self { since: now, moment: now, ..Self::default() };
        }
        if now.saturating_sub(self.moment) >= MOMENT {
            self.moment = now;
            self.by_question.clear();
        }
    }

    fn has_none_left(&self, address: IpAddr) -> bool {
        self.all >= MOST_OF_ALL || self.by_network.get(&network(address)).is_some_and(|wrong| *wrong >= MOST_OF_ONE)
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
        assert_eq!(limiter.failures.lock().unwrap().by_network.len(), 91, "what is remembered is bounded");
        assert!(!limiter.is_one_too_many(one, now + WINDOW));
    }

    #[tokio::test]
    async fn what_is_guessed_at_one_replica_is_counted_at_all() {
        let (here, there, between) = crate::queue::replicas::tests::pair();
        let [here, there] = [here, there].map(|replicas| Limiter::beside(replicas, &Metrics::new()));
        let (ambient, now) = (Ambient::system(), Ambient::system().monotonic());
        let (guesser, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let (_raise, stop) = Stop::new();
        let guesses = async {
            // It listens before anything is told.
            tokio::task::yield_now().await;
            for _ in 0..MOST_OF_ONE {
                assert!(!here.is_one_too_many(guesser, now));
            }
            while there.failures.lock().unwrap().all < MOST_OF_ONE {
                tokio::task::yield_now().await;
            }
            assert!(there.is_one_too_many(guesser, ambient.monotonic()), "its share is used up wherever it goes");
            assert!(!there.is_one_too_many(other, ambient.monotonic()));
        };
        tokio::select! {
            done = tokio::time::timeout(Duration::from_secs(20), guesses) => done.expect("it is heard"),
            () = there.clone().keep_hearing(ambient.clone(), stop) => panic!("it is not told to end"),
            () = between => panic!("both are there"),
        }
    }

    #[test]
    fn an_ipv6_host_is_one_however_many_addresses_it_has() {
        let limiter = Limiter::default();
        let address = |host: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 3, 4, 5, host]);
        assert!((0..10).all(|host| !limiter.is_one_too_many(address(host), Duration::ZERO)));
        assert!(limiter.is_one_too_many(address(99), Duration::ZERO));
        assert!(!limiter.is_one_too_many(IpAddr::from([0x2001, 0xdb8, 1, 3, 0, 0, 0, 1]), Duration::ZERO));
    }

    #[test]
    fn where_too_many_were_wrong_each_question_is_tried_a_few_times_a_moment() {
        let id = |n: u8| ApprovalId::mint(chrono::DateTime::UNIX_EPOCH, [n; 10]);
        let (limiter, guesser, other) = (Limiter::default(), IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let now = Duration::from_secs(100);
        for _ in 0..MOST_OF_ONE {
            assert!(limiter.may_try(&id(1), guesser, now));
            limiter.was_wrong(&id(1), now);
            assert!(!limiter.is_one_too_many(guesser, now));
        }
        assert!(!limiter.may_try(&id(1), guesser, now));
        assert!(limiter.may_try(&id(1), other, now), "another network has all its failures left");
        let (wrong, right) = (id(2), id(3));
        let tries =
            (0..1000).filter(|_| limiter.may_try(&wrong, guesser, now)).inspect(|_| limiter.was_wrong(&wrong, now));
        assert_eq!(tries.count(), 4);
        let tries = (0..1000).filter(|_| limiter.may_try(&right, guesser, now));
        assert_eq!(tries.count(), 1000, "what is right is not counted");
        assert!(limiter.may_try(&wrong, guesser, now + MOMENT), "a moment later it is tried again");
        (0..=255).for_each(|n| limiter.was_wrong(&id(n), now));
        assert_eq!(limiter.failures.lock().unwrap().by_question.len(), MOST_QUESTIONS, "what is remembered is bounded");
        assert!(!limiter.may_try(&id(255), guesser, now) && limiter.may_try(&id(255), other, now));
    }
}
