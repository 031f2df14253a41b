//! Forms that are not whole yet. A form of ours is one packet; whoever keeps one open gives nothing, so of too many the oldest
//! goes, and whoever comes anew always finds a place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Forms that are read at once, and of one network.
const MOST: usize = 64;
const MOST_OF_A_NETWORK: usize = 8;

/// The forms that are read, by age.
#[derive(Default)]
struct Inside {
    next: u64,
    reading: BTreeMap<u64, (IpAddr, oneshot::Sender<()>)>,
}

/// The forms that are read.
#[derive(Clone, Default)]
pub(super) struct Unfinished(Arc<Mutex<Inside>>);

/// The place of a form that is read.
pub(super) struct Place {
    of: Unfinished,
    number: u64,
    lost: oneshot::Receiver<()>,
}

impl Unfinished {
    /// A place for the form of somebody of a network.
    pub(super) fn begin(&self, network: IpAddr) -> Place {
        let (sender, lost) = oneshot::channel();
        let mut inside = self.inside();
        inside.make_room(network);
        let number = inside.next;
        inside.next += 1;
        inside.reading.insert(number, (network, sender));
        Place { of: self.clone(), number, lost }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn make_room(&mut self, network: IpAddr) {
        let mut own = self.reading.iter().filter(|(_, (of, _))| *of == network).map(|(number, _)| *number);
        let (oldest, own) = (own.next(), own.count() + 1);
        let gone = if own >= MOST_OF_A_NETWORK { oldest } else { None };
        if let Some(number) = gone {
            self.reading.remove(&number);
        } else if self.reading.len() >= MOST {
            self.reading.pop_first();
        }
    }
}

impl Place {
    /// Waits until another took it.
    pub(super) async fn lost(&mut self) {
        // It is sent nothing; the other end is dropped.
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.inside().reading.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn is_lost(place: &mut Place) -> bool {
        place.lost.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_oldest_makes_room_and_who_comes_anew_always_finds_a_place() {
        let all = Unfinished::default();
        let mut held: Vec<Place> = (0..100).map(|number| all.begin(network(number))).collect();
        let lost: Vec<bool> = held.iter_mut().map(is_lost).collect();
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 100 - MOST);
        assert!(lost[..100 - MOST].iter().all(|lost| *lost), "the oldest");
        held.clear();
        assert!(all.inside().reading.is_empty(), "what was read keeps nothing");
    }

    #[test]
    fn one_network_takes_no_place_of_another() {
        let all = Unfinished::default();
        let mut other = all.begin(network(1));
        let mut held: Vec<Place> = (0..1000).map(|_| all.begin(network(2))).collect();
        assert!(!is_lost(&mut other));
        let kept = held.iter_mut().filter_map(|place| (!is_lost(place)).then_some(())).count();
        assert_eq!((kept, is_lost(&mut held[999])), (MOST_OF_A_NETWORK, false), "and has its own newest");
    }
}
