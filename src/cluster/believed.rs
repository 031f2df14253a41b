//! What was read of the cluster a while ago, by namespace and name, and is believed for a time.

use std::collections::HashMap;
use std::time::Duration;

/// The most objects that are held, and the most bytes of all of them.
pub(super) const MOST_HELD: usize = 1000;
pub(super) const MOST_HELD_BYTES: usize = 4 * 1024 * 1024;

/// Namespace and name.
pub(super) type Key = (Box<str>, Box<str>);

/// What is known of an object.
#[derive(Clone, Debug)]
pub(super) struct Known<T> {
    pub(super) read: Duration,
    pub(super) until: Duration,
    pub(super) bytes: usize,
    pub(super) outcome: T,
}

/// What is known of all objects of a kind.
#[derive(Debug)]
pub(super) struct Believed<T>(HashMap<Key, Known<T>>);

impl<T> Default for Believed<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> Believed<T> {
    pub(super) fn known(&self, key: &Key, now: Duration) -> Option<&Known<T>> {
        self.0.get(key).filter(|known| known.until > now)
    }

    /// Holds an object; what would be forgotten first makes room.
    pub(super) fn hold(&mut self, key: Key, known: Known<T>, now: Duration) {
        self.0.retain(|_, known| known.until > now);
        self.0.remove(&key);
        if known.bytes > MOST_HELD_BYTES {
            return;
        }
        while self.0.len() >= MOST_HELD || self.bytes() + known.bytes > MOST_HELD_BYTES {
            let first = self.0.iter().min_by_key(|(_, known)| known.until).map(|(key, _)| key.clone());
            let Some(first) = first else { return };
            self.0.remove(&first);
        }
        self.0.insert(key, known);
    }

    fn bytes(&self) -> usize {
        self.0.values().map(|known| known.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded() {
        let mut held = Believed::default();
        let known =
            |until, bytes| Known { read: Duration::ZERO, until: Duration::from_secs(until), bytes, outcome: () };
        let key = |n: usize| (Box::from("shop"), format!("s{n}").into_boxed_str());
        for n in 0..2 * MOST_HELD {
            held.hold(key(n), known(1000 + n as u64, 100), Duration::ZERO);
        }
        assert_eq!(held.0.len(), MOST_HELD);
        assert!(held.known(&key(0), Duration::ZERO).is_none() && held.known(&key(1999), Duration::ZERO).is_some());
        held.hold(key(1), known(9000, MOST_HELD_BYTES), Duration::ZERO);
        assert_eq!(held.0.len(), 1, "bytes are bounded as well");
        held.hold(key(2), known(9000, MOST_HELD_BYTES + 1), Duration::ZERO);
        assert!(held.known(&key(1), Duration::ZERO).is_some(), "what can't have room takes none");
    }
}
