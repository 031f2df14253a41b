//! Who may stay at a listener that strangers reach, and how much they may send.
//!
//! actix-web reads 128 KiB ahead for each connection, bounds the time of its first head only, and drops chunks that nobody
//! asked for as long as they come. So what a connection may send before it is answered is metered here, and of many the
//! oldest has to go: whoever gives nothing holds no place. A right credential keeps a place for one request, not for a
//! connection, as one that nobody listens to any more may still be right; an answer that is under way to whoever showed it keeps
//! one until it ends. Each credential has a share of those places, so that nobody's right one takes those of all others.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::malformed::{Malformed, Refusal};

/// What a connection may send that nobody has taken: a head with room, or a piece of a body.
pub(super) const AHEAD: usize = 32 * 1024;

/// How many connections a listener keeps. All together are less than it accepts, so that who comes anew always gets in.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Of those who have shown no right credential for what they ask now; of more, the oldest has to go.
    pub waiting: usize,
    /// Of those who have; more are kept like the others. One credential has a quarter of them at most.
    pub known: usize,
    /// Of those who have, and whose answer is under way; more are kept like the others. One credential has a quarter at most.
    pub lasting: usize,
}

/// Lets connections in.
#[derive(Clone, Debug)]
pub struct Door {
    inside: Arc<Mutex<Inside>>,
    places: Places,
    /// How long a connection that was answered may take until its next request is whole.
    pub(super) patience: Duration,
    malformed: Arc<Malformed>,
}

/// The connections behind a door.
#[derive(Debug, Default)]
struct Inside {
    /// By the order in which they have to go.
    waiting: BTreeMap<u64, Arc<Mutex<State>>>,
    known: Shares,
    lasting: Shares,
    next: u64,
}

/// How many places there are of a kind that are taken, by whom.
#[derive(Debug, Default)]
struct Shares {
    of: HashMap<Arc<str>, usize>,
    all: usize,
}

impl Shares {
    /// Takes one of `most` places, of which one credential has a quarter.
    fn take(&mut self, by: &Arc<str>, most: usize) -> bool {
        let own = self.of.get(by).copied().unwrap_or_default();
        let is_free = self.all < most && own < most.div_ceil(4);
        if is_free {
            self.all += 1;
            self.of.insert(Arc::clone(by), own + 1);
        }
        is_free
    }

    fn give_back(&mut self, by: &Arc<str>) {
        self.all = self.all.saturating_sub(1);
        match self.of.get_mut(by) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(self.of.remove(by)),
        }
    }
}

/// What one connection has sent, and whether it may stay. Handlers find it among the data of the connection.
#[derive(Clone, Debug)]
pub struct Meter {
    state: Arc<Mutex<State>>,
    door: Door,
}

/// Changes of the place are made under the lock of the door, which is taken first.
#[derive(Debug)]
struct State {
    /// Bytes that it may still send.
    left: usize,
    /// Whether anything was answered yet.
    answered: bool,
    /// Whether a request is whole and its answer has not begun.
    asked: bool,
    place: Place,
    /// The task that reads and writes.
    task: Waker,
    /// Who sends, as the network knows it.
    peer: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Waiting(u64),
    /// Whoever asks has shown this right credential, and was not answered yet.
    Known(Arc<str>),
    /// The answer to whoever has shown it is under way.
    Lasting(Arc<str>),
    /// It had to make room for others, or has ended.
    None,
}

impl Door {
    /// A door with so many places behind it. Who was answered has that much patience for the next request.
    #[must_use]
    pub fn new(places: Places, patience: Duration) -> Self {
        Self { inside: Arc::default(), places, patience, malformed: Arc::default() }
    }

    /// A place for one more; of too many the oldest loses theirs.
    pub(super) fn enter(&self) -> Meter {
        let task = Waker::noop().clone();
        let state = State { left: AHEAD, answered: false, asked: false, place: Place::None, task, peer: None };
        let state = Arc::new(Mutex::new(state));
        lock(&self.inside).wait(&state, self.places.waiting);
        Meter { state, door: self.clone() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inside {
    /// Puts a connection behind all others that wait.
    fn wait(&mut self, state: &Arc<Mutex<State>>, most: usize) {
        lock(state).place = Place::Waiting(self.next);
        self.waiting.insert(self.next, Arc::clone(state));
        self.next += 1;
        while self.waiting.len() > most {
            let Some((_, oldest)) = self.waiting.pop_first() else { break };
            let mut oldest = lock(&oldest);
            oldest.place = Place::None;
            oldest.task.wake_by_ref();
        }
    }

    /// Takes a connection out of its place.
    fn take(&mut self, state: &Mutex<State>, place: Place) {
        match std::mem::replace(&mut lock(state).place, place) {
            Place::Waiting(number) => drop(self.waiting.remove(&number)),
            Place::Known(by) => self.known.give_back(&by),
            Place::Lasting(by) => self.lasting.give_back(&by),
            Place::None => {}
        }
    }
}

impl Meter {
    /// Somebody took so many bytes: as many more may come.
    pub fn consumed(&self, bytes: usize) {
        let mut state = lock(&self.state);
        let left = state.left.saturating_add(bytes).min(AHEAD);
        state.refill(left);
    }

    /// Who sends.
    pub(super) fn comes_from(&self, peer: Option<IpAddr>) {
        lock(&self.state).peer = peer;
    }

    /// This is written. Where no request was whole by then and it is a refusal, what came is none.
    pub(super) fn writes(&self, bytes: &[u8]) {
        let (asked, peer) = {
            let state = lock(&self.state);
            (state.asked, state.peer)
        };
        if let Some(refusal) = Refusal::of(bytes).filter(|_| !asked) {
            self.door.malformed.one(refusal, peer, Instant::now());
        }
    }

    /// A request is whole.
    pub fn asked(&self) {
        lock(&self.state).asked = true;
    }

    /// Who asks has shown the right credential, which `by` names: until it is answered, this connection need not make room for
    /// others.
    pub fn known(&self, by: &str) {
        let (mut inside, by) = (lock(&self.door.inside), Arc::from(by));
        let waits = matches!(lock(&self.state).place, Place::Waiting(_));
        if waits && inside.known.take(&by, self.door.places.known) {
            inside.take(&self.state, Place::Known(by));
        }
    }

    /// An answer to whoever showed this right credential begins: until it ends, which is when what is given here is dropped, this
    /// connection need not make room for others.
    #[must_use]
    pub fn lasts(&self, by: &str) -> Lasting {
        let (mut inside, by) = (lock(&self.door.inside), Arc::from(by));
        let is_there = matches!(lock(&self.state).place, Place::Waiting(_) | Place::Known(_));
        if is_there && inside.lasting.take(&by, self.door.places.lasting) {
            inside.take(&self.state, Place::Lasting(by));
        }
        Lasting(self.clone())
    }

    /// The connection is one of those that wait again.
    fn waits(&self) {
        let mut inside = lock(&self.door.inside);
        inside.take(&self.state, Place::None);
        inside.wait(&self.state, self.door.places.waiting);
    }

    /// An answer begins. Whoever was known is so no longer.
    pub(super) fn answered(&self) {
        let was_known = {
            let mut state = lock(&self.state);
            (state.answered, state.asked) = (true, false);
            state.refill(AHEAD);
            matches!(state.place, Place::Known(_))
        };
        if was_known {
            self.waits();
        }
    }

    /// The connection has ended.
    pub(super) fn left(&self) {
        lock(&self.door.inside).take(&self.state, Place::None);
    }

    pub(super) fn patience(&self) -> Duration {
        self.door.patience
    }

    /// Whether a connection may go on, and if it may, whether its next request is awaited. Whoever asks is woken when it
    /// has to go.
    pub(super) fn stay(&self, context: &Context<'_>) -> Option<Next> {
        let mut state = lock(&self.state);
        state.task.clone_from(context.waker());
        match (&state.place, state.asked) {
            (Place::None, _) => None,
            (_, true) => Some(Next::Answer),
            (_, false) => Some(Next::Request),
        }
    }

    /// How much may be read now. Before the first answer, more only comes when somebody takes what came; behind an answer
    /// it comes in pieces, as what nobody asked for is read and dropped there.
    pub(super) fn allowance(&self) -> Poll<usize> {
        let mut state = lock(&self.state);
        if state.left > 0 {
            return Poll::Ready(state.left);
        }
        if state.answered {
            state.refill(AHEAD);
        }
        Poll::Pending
    }

    pub(super) fn has_read(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.left = state.left.saturating_sub(bytes);
    }
}

/// An answer that is under way to somebody who is known. Dropped, it has ended.
#[derive(Debug)]
pub struct Lasting(Meter);

impl Drop for Lasting {
    fn drop(&mut self) {
        let lasted = matches!(lock(&self.0.state).place, Place::Lasting(_));
        if lasted {
            self.0.waits();
        }
    }
}

/// What is awaited on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The rest of a request's head, or its beginning.
    Request,
    /// What a handler says.
    Answer,
}

impl State {
    fn refill(&mut self, left: usize) {
        let starved = std::mem::replace(&mut self.left, left) == 0;
        if starved {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(waiting: usize, known: usize) -> Door {
        Door::new(Places { waiting, known, lasting: known }, Duration::ZERO)
    }

    fn stays(meter: &Meter) -> bool {
        meter.stay(&Context::from_waker(Waker::noop())).is_some()
    }

    #[test]
    fn what_nobody_takes_is_not_read_on() {
        let meter = door(1, 1).enter();
        assert_eq!(meter.allowance(), Poll::Ready(AHEAD));
        meter.has_read(AHEAD);
        assert_eq!(meter.allowance(), Poll::Pending);
        meter.consumed(10);
        assert_eq!(meter.allowance(), Poll::Ready(10));
        meter.consumed(AHEAD);
        assert_eq!(meter.allowance(), Poll::Ready(AHEAD), "never more");
        meter.has_read(AHEAD);
        meter.answered();
        meter.has_read(AHEAD);
        assert_eq!((meter.allowance(), meter.allowance()), (Poll::Pending, Poll::Ready(AHEAD)), "in pieces");
    }

    #[test]
    fn the_oldest_whose_sender_is_not_known_makes_room() {
        let door = door(2, 1);
        let [first, second, third] = [door.enter(), door.enter(), door.enter()];
        assert!(!stays(&first), "it has to go");
        second.known("second");
        let fourth = door.enter();
        assert!([&second, &third, &fourth].into_iter().all(stays), "one is known, two are not");
        fourth.answered();
        third.left();
        let fifth = door.enter();
        assert!([&fourth, &fifth].into_iter().all(stays));
        let _sixth = door.enter();
        assert!(!stays(&fourth), "an answer makes nobody known");
        assert_eq!(lock(&door.inside).waiting.len(), 2);
    }

    #[test]
    fn who_was_answered_is_no_longer_known() {
        let door = door(2, 1);
        let [idle, other] = [door.enter(), door.enter()];
        idle.known("idle");
        idle.answered();
        assert!(stays(&idle) && stays(&other), "nobody needs a place");
        let _third = door.enter();
        assert!(stays(&idle) && !stays(&other), "who gave something last stays longest");
        let _fourth = door.enter();
        assert!(!stays(&idle), "but no longer than others");
    }

    #[test]
    fn the_known_are_bounded_too() {
        let door = door(1, 1);
        let first = door.enter();
        first.known("first");
        let second = door.enter();
        second.known("second");
        let third = door.enter();
        assert!(stays(&first) && !stays(&second) && stays(&third), "one is known, and the next is like a stranger");
        second.known("second");
        second.left();
        first.left();
        third.known("third");
        let _fourth = door.enter();
        assert!(stays(&third), "a place that was left is free");
        third.left();
        let inside = lock(&door.inside);
        assert_eq!((inside.known.all, inside.known.of.len(), inside.waiting.len()), (0, 0, 1));
    }

    #[test]
    fn one_credential_has_a_quarter_of_the_places_of_those_who_are_known() {
        let door = door(1, 8);
        let theirs: Vec<Meter> = (0..8).map(|_| door.enter()).inspect(|meter| meter.known("viewer")).collect();
        assert_eq!(lock(&door.inside).known.all, 2, "of eight");
        let sender = door.enter();
        sender.known("source hub");
        let _stranger = door.enter();
        assert!(stays(&sender), "somebody else's right credential keeps a place");
        assert_eq!(theirs.iter().filter(|meter| stays(meter)).count(), 2);
    }

    #[test]
    fn an_answer_that_is_under_way_keeps_its_place_until_it_ends() {
        let door = door(1, 4);
        let [reader, more] = [door.enter(), door.enter()];
        assert!(!stays(&reader) && stays(&more));
        let reader = door.enter();
        reader.known("alice");
        let answer = reader.lasts("alice");
        let taken = |inside: &Inside| (inside.known.all, inside.lasting.all);
        assert_eq!(taken(&lock(&door.inside)), (0, 1));
        reader.answered();
        let strangers: Vec<Meter> = (0..10).map(|_| door.enter()).collect();
        assert!(stays(&reader) && stays(&strangers[9]) && !stays(&strangers[8]));
        let another = door.enter();
        another.known("alice");
        let second = another.lasts("alice");
        assert!(stays(&another), "who has their share already stays as one who is known, until it is answered");
        another.answered();
        let _stranger = door.enter();
        assert!(!stays(&another), "and then as a stranger");
        drop((answer, second));
        let _stranger = door.enter();
        assert!(!stays(&reader), "its answer has ended");
        reader.left();
        let inside = lock(&door.inside);
        assert_eq!((inside.known.all, inside.lasting.all, inside.lasting.of.len()), (0, 0, 0));
    }
}
