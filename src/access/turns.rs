//! Who waits for what is done for few at a time: the check of a password, a question to the API server.
//!
//! One queue for all is full of whoever sends most. So each network waits in its own, and networks take turns; of many that wait
//! somebody who comes anew takes the place of the last of whoever has most. Who was right before, by a browser or a token, waits
//! apart and has every other turn: strangers who come from everywhere do not keep them out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Who may wait of one network, or in one browser.
const MOST_OF_ONE: usize = 4;
/// Strangers who may wait, and those who were right before.
const MOST_STRANGERS: usize = 64;
const MOST_KNOWN: usize = 16;
/// Whoever waits longer is told so.
const DEADLINE: Duration = Duration::from_secs(10);

/// It can't be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// In whose name somebody waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A network.
    Network(IpAddr),
    /// Somebody who was right before, a browser or a token, by what tells them from others.
    Known(String),
}

impl Of {
    fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }
}

/// Somebody who waits. Whoever drops the sender sends them away.
struct Waiting {
    of: Of,
    /// How many of the same go before, counted on from whose turn it was last.
    round: u64,
    sender: oneshot::Sender<Turn>,
}

#[derive(Default)]
struct Inside {
    free: usize,
    /// In order of arrival.
    waiting: VecDeque<Waiting>,
    round: u64,
    was_known: bool,
}

/// The turns of all who wait.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<Inside>>);

/// The turn of somebody; dropped, it is the next one's.
pub(super) struct Turn(Turns);

impl Turns {
    /// So many at a time.
    pub(super) fn new(free: usize) -> Self {
        Self(Arc::new(Mutex::new(Inside { free, ..Inside::default() })))
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self, of: Of) -> Result<Turn, Busy> {
        let turn = self.enter(of)?;
        match tokio::time::timeout(DEADLINE, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }

    fn enter(&self, of: Of) -> Result<oneshot::Receiver<Turn>, Busy> {
        let (sender, receiver) = oneshot::channel();
        self.inside().wait(of, sender)?;
        self.hand_on();
        Ok(receiver)
    }

    fn hand_on(&self) {
        let next = self.inside().next();
        if let Some(next) = next {
            // Whoever left meanwhile hands it on.
            drop(next.send(Turn(self.clone())));
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.inside().free += 1;
        self.0.hand_on();
    }
}

impl Inside {
    fn wait(&mut self, of: Of, sender: oneshot::Sender<Turn>) -> Result<(), Busy> {
        self.waiting.retain(|one| !one.sender.is_closed());
        let own = self.count(&of);
        if own >= MOST_OF_ONE {
            return Err(Busy);
        }
        let all = self.waiting.iter().filter(|one| one.of.is_known() == of.is_known()).count();
        let most = if of.is_known() { MOST_KNOWN } else { MOST_STRANGERS };
        if all >= most {
            self.make_room(&of, own)?;
        }
        let last = self.waiting.iter().filter(|one| one.of == of).map(|one| one.round).max();
        let round = last.map_or(self.round, |last| last.saturating_add(1).max(self.round));
        self.waiting.push_back(Waiting { of, round, sender });
        Ok(())
    }

    fn count(&self, of: &Of) -> usize {
        self.waiting.iter().filter(|one| one.of == *of).count()
    }

    /// The last of whoever has most goes, if they have more than whoever comes would have.
    fn make_room(&mut self, of: &Of, own: usize) -> Result<(), Busy> {
        let alike = self.waiting.iter().enumerate().filter(|(_, one)| one.of.is_known() == of.is_known());
        let (most, at) = alike.map(|(at, one)| (self.count(&one.of), at)).max().ok_or(Busy)?;
        if most <= own + 1 {
            return Err(Busy);
        }
        self.waiting.remove(at);
        Ok(())
    }

    /// Who is next, if anybody is and it can be done.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        if self.free == 0 {
            return None;
        }
        let first = |is_known: bool| {
            let all = self.waiting.iter().enumerate().filter(|(_, one)| one.of.is_known() == is_known);
            all.min_by_key(|(at, one)| (one.round, *at)).map(|(at, _)| at)
        };
        let at = first(!self.was_known).or_else(|| first(self.was_known))?;
        let next = self.waiting.remove(at)?;
        self.free -= 1;
        self.was_known = next.of.is_known();
        self.round = self.round.max(next.round);
        Some(next.sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> Of {
        Of::Network(IpAddr::from(number.to_be_bytes()))
    }

    fn browser(name: &str) -> Of {
        Of::Known(name.into())
    }

    /// In which order these are done, one at a time, if they all wait.
    fn order(turns: &Turns, first: Turn, mut waiting: Vec<oneshot::Receiver<Turn>>) -> Vec<usize> {
        let mut order = Vec::new();
        drop(first);
        let mut next = || waiting.iter_mut().enumerate().find_map(|(at, one)| Some((at, one.try_recv().ok()?)));
        while let Some((at, turn)) = next() {
            assert_eq!(turns.inside().free, 0, "one at a time");
            order.push(at);
            drop(turn);
        }
        order
    }

    #[tokio::test]
    async fn networks_take_turns_whoever_of_them_sends_most() {
        let turns = Turns::new(1);
        let first = turns.turn(network(1)).await.unwrap();
        let waiting = [1, 1, 1, 1, 2, 2, 3].map(|one| turns.enter(network(one)).unwrap());
        assert_eq!(turns.enter(network(1)).err(), Some(Busy), "so many wait of one");
        assert_eq!(order(&turns, first, waiting.into()), [0, 4, 6, 1, 5, 2, 3]);
        assert_eq!(turns.inside().free, 1);
    }

    #[tokio::test]
    async fn a_browser_that_was_right_before_has_every_other_turn() {
        let turns = Turns::new(1);
        let first = turns.turn(network(1)).await.unwrap();
        let all = (0..6).map(network).chain([browser("alice"), browser("bob")]);
        let waiting = all.map(|one| turns.enter(one).unwrap()).collect();
        assert_eq!(order(&turns, first, waiting), [6, 0, 7, 1, 2, 3, 4, 5]);
    }

    #[tokio::test]
    async fn where_many_wait_who_has_one_place_takes_it_from_who_has_most() {
        let turns = Turns::new(1);
        let _first = turns.turn(network(0)).await.unwrap();
        let mut greedy: Vec<_> =
            (1..=16).flat_map(|one| [one; 4]).map(|one| turns.enter(network(one)).unwrap()).collect();
        assert_eq!(greedy.len(), MOST_STRANGERS);
        let others: Vec<_> = (100..148).map(|one| turns.enter(network(one)).unwrap()).collect();
        let is_lost =
            |one: &mut oneshot::Receiver<Turn>| matches!(one.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let lost = greedy.iter_mut().map(is_lost).filter(|lost| *lost).count();
        assert_eq!(lost, 48, "each of the greedy keeps one");
        assert_eq!(turns.enter(network(999)).err(), Some(Busy), "all have one");
        assert!(turns.enter(browser("alice")).is_ok(), "who was right before waits elsewhere");
        drop(others);
        assert!(turns.enter(network(999)).is_ok(), "who left waits no more");
    }

    #[tokio::test]
    async fn a_turn_of_somebody_who_left_is_the_next_ones() {
        let turns = Turns::new(2);
        let [first, second] = [turns.turn(network(1)).await.unwrap(), turns.turn(network(2)).await.unwrap()];
        let (left, stays) = (turns.enter(network(3)).unwrap(), turns.enter(network(4)).unwrap());
        drop(left);
        drop(first);
        let third = stays.await.unwrap();
        assert_eq!(turns.inside().free, 0);
        drop((second, third));
        assert_eq!(turns.inside().free, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_so() {
        let turns = Turns::new(1);
        let _first = turns.turn(network(1)).await.unwrap();
        assert_eq!(turns.turn(network(2)).await.err(), Some(Busy));
    }
}
