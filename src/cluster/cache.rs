//! What was read of the cluster a while ago, by namespace and name: it counts for a time, and is read once for all who ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::ambient::Ambient;

/// The most objects of a kind that are kept, and the most bytes of all of them.
pub(super) const MOST: usize = 1000;
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Namespace and name.
pub(super) type Key = (Box<str>, Box<str>);

/// What reading an object came to.
pub(super) trait Outcome: Clone {
    /// Whether the API server did not say. It is not asked again before that is over, however new an answer is wanted.
    fn is_unknown(&self) -> bool;

    /// About what it takes to keep it.
    fn bytes(&self) -> usize;
}

/// What is known of all objects of a kind.
pub(super) struct Cache<T> {
    entries: Mutex<Entries<T>>,
    turns: Arc<Semaphore>,
    ambient: Ambient,
}

impl<T: Outcome> Cache<T> {
    /// An empty one, which reads when it has one of these turns.
    pub(super) fn new(turns: Arc<Semaphore>, ambient: Ambient) -> Self {
        Self { entries: Mutex::default(), turns, ambient }
    }

    /// What an object came to when it was read, which has to be later than `after` where that is set; `read` reads it, and
    /// says how long that counts.
    pub(super) async fn get(&self, key: Key, after: Option<Duration>, read: impl Future<Output = (T, Duration)>) -> T {
        if let Some(known) = self.known(&key, after) {
            return known;
        }
        // Never closed, so there is always a turn.
        let _turn = self.turns.acquire().await;
        // Somebody else may have read it in the meantime.
        if let Some(known) = self.known(&key, after) {
            return known;
        }
        let began = self.ambient.monotonic();
        let (outcome, counts) = read.await;
        let now = self.ambient.monotonic();
        let entry = Entry { read: began, until: now + counts, bytes: outcome.bytes(), outcome: outcome.clone() };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).insert(key, entry, now);
        outcome
    }

    fn known(&self, key: &Key, after: Option<Duration>) -> Option<T> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key, self.ambient.monotonic())?;
        let is_new = || after.is_none_or(|after| entry.read > after);
        (entry.outcome.is_unknown() || is_new()).then(|| entry.outcome.clone())
    }
}

/// What is known of an object.
#[derive(Debug)]
struct Entry<T> {
    read: Duration,
    until: Duration,
    bytes: usize,
    outcome: T,
}

#[derive(Debug)]
struct Entries<T>(HashMap<Key, Entry<T>>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Entries<T> {
    fn get(&self, key: &Key, now: Duration) -> Option<&Entry<T>> {
        self.0.get(key).filter(|entry| entry.until > now)
    }

    /// Keeps an object. Room is made by the namespace that has most of it, by what would be over first there: nobody takes from
    /// others what they keep, by naming more.
    fn insert(&mut self, key: Key, entry: Entry<T>, now: Duration) {
        self.0.retain(|_, entry| entry.until > now);
        self.0.remove(&key);
        if entry.bytes > MOST_BYTES {
            return;
        }
        while self.0.len() >= MOST || self.bytes() + entry.bytes > MOST_BYTES {
            let size: fn(&Entry<T>) -> usize = if self.0.len() >= MOST { |_| 1 } else { |entry| entry.bytes };
            let largest = self.largest((&key.0, &entry), size);
            let of_it = self.0.iter().filter(|((namespace, _), _)| **namespace == *largest);
            // Where that is the one that this is of, and nothing else of it is kept, this is not, either.
            let first = of_it.min_by_key(|(_, entry)| entry.until).map(|(key, _)| key.clone());
            let Some(first) = first else { return };
            self.0.remove(&first);
        }
        self.0.insert(key, entry);
    }

    /// The namespace that would have most of the room, by this size; of several the one that the new entry is of.
    fn largest(&self, (namespace, new): (&str, &Entry<T>), size: fn(&Entry<T>) -> usize) -> Box<str> {
        let mut sizes = HashMap::from([(namespace, size(new))]);
        for ((of, _), entry) in &self.0 {
            *sizes.entry(of).or_default() += size(entry);
        }
        let largest = sizes.into_iter().max_by_key(|(of, size)| (*size, *of == namespace));
        largest.map_or(namespace, |(of, _)| of).into()
    }

    fn bytes(&self) -> usize {
        self.0.values().map(|entry| entry.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut entries = Entries::default();
        let entry =
            |until, bytes| Entry { read: Duration::ZERO, until: Duration::from_secs(until), bytes, outcome: () };
        let key = |n: usize| (Box::from("shop"), format!("s{n}").into_boxed_str());
        for n in 0..2 * MOST {
            entries.insert(key(n), entry(1000 + n as u64, 100), Duration::ZERO);
        }
        assert_eq!(entries.0.len(), MOST);
        assert!(entries.get(&key(0), Duration::ZERO).is_none() && entries.get(&key(1999), Duration::ZERO).is_some());
        entries.insert(key(1), entry(9000, MOST_BYTES), Duration::ZERO);
        assert_eq!(entries.0.len(), 1, "bytes are bounded as well");
        entries.insert(key(2), entry(9000, MOST_BYTES + 1), Duration::ZERO);
        assert!(entries.get(&key(1), Duration::ZERO).is_some(), "what can't have room takes none");
    }

    #[test]
    fn who_names_much_makes_room_for_it_among_their_own() {
        let mut entries = Entries::default();
        let entry =
            |until, bytes| Entry { read: Duration::ZERO, until: Duration::from_secs(until), bytes, outcome: () };
        let key = |namespace: &str, n: usize| (Box::from(namespace), format!("s{n}").into_boxed_str());
        for n in 0..100 {
            entries.insert(key(&format!("shop-{n}"), 0), entry(1000, 1000), Duration::ZERO);
        }
        for n in 0..2 * MOST {
            entries.insert(key("large", n % 8), entry(2000 + n as u64, MOST_BYTES / 4), Duration::ZERO);
        }
        for n in 0..2 * MOST {
            entries.insert(key("many", n), entry(2000 + n as u64, 10), Duration::ZERO);
        }
        let is_kept = |namespace: &str, n| entries.get(&key(namespace, n), Duration::ZERO).is_some();
        assert!((0..100).all(|n| is_kept(&format!("shop-{n}"), 0)), "what is over first, and of others");
        assert!(is_kept("large", (2 * MOST - 1) % 8) && is_kept("many", 2 * MOST - 1), "the newest of theirs");
        assert!(entries.0.len() <= MOST && entries.bytes() <= MOST_BYTES);
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Read(Option<u32>);

    impl Outcome for Read {
        fn is_unknown(&self) -> bool {
            self.0.is_none()
        }

        fn bytes(&self) -> usize {
            1
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_at_once_is_read_once_and_again_only_for_whoever_wants_it_newer() {
        let ambient = Ambient::system();
        let cache = Cache::new(Arc::new(Semaphore::new(1)), ambient.clone());
        let reads = std::cell::Cell::new(0);
        let get = async |after, outcome: Option<u32>| {
            let read = async {
                reads.set(reads.get() + 1);
                tokio::task::yield_now().await;
                (Read(outcome), Duration::from_secs(60))
            };
            cache.get(("shop".into(), "pull".into()), after, read).await
        };
        let both = tokio::join!(get(None, Some(1)), get(None, Some(2)));
        assert_eq!((both, reads.get()), ((Read(Some(1)), Read(Some(1))), 1));
        assert_eq!(get(Some(Duration::ZERO), Some(3)).await, Read(Some(1)), "it was read after that");
        assert_eq!((get(Some(ambient.monotonic()), None).await, reads.get()), (Read(None), 2));
        assert_eq!((get(Some(ambient.monotonic()), Some(4)).await, reads.get()), (Read(None), 2), "nobody said");
    }
}
