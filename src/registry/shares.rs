//! A table that strangers and tenants fill, and in which nobody takes another's place.
//!
//! What it holds is bounded together. When it is full, the registry that holds most gives its oldest entry: who fills
//! the table loses its own.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

/// Entries by registry. A lost entry costs work, never an answer.
#[derive(Debug)]
pub(super) struct Shares<K, V> {
    of: HashMap<String, Share<K, V>>,
    held: usize,
    most: usize,
    turn: u64,
}

#[derive(Debug)]
struct Share<K, V> {
    entries: HashMap<K, Entry<V>>,
    held: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    /// Entries with smaller turns came before.
    turn: u64,
}

impl<K: Eq + Hash + Clone, V> Shares<K, V> {
    /// A table that holds entries of this weight together.
    pub(super) fn new(most: usize) -> Self {
        Self { of: HashMap::new(), held: 0, most, turn: 0 }
    }

    pub(super) fn get(&self, registry: &str, key: &K) -> Option<&V> {
        Some(&self.of.get(registry)?.entries.get(key)?.value)
    }

    pub(super) fn get_mut(&mut self, registry: &str, key: &K) -> Option<&mut V> {
        Some(&mut self.of.get_mut(registry)?.entries.get_mut(key)?.value)
    }

    /// Puts an entry in the place of the one with the same key.
    pub(super) fn insert(&mut self, registry: &str, key: K, value: V, weight: usize) {
        self.remove(registry, &key);
        while self.held + weight > self.most {
            if !self.drop_one(registry, weight) {
                return;
            }
        }
        self.turn += 1;
        let share = self.of.entry(registry.to_owned()).or_insert_with(|| Share { entries: HashMap::new(), held: 0 });
        share.entries.insert(key, Entry { value, weight, turn: self.turn });
        share.held += weight;
        self.held += weight;
    }

    pub(super) fn remove(&mut self, registry: &str, key: &K) -> Option<V> {
        let share = self.of.get_mut(registry)?;
        let entry = share.entries.remove(key)?;
        share.held -= entry.weight;
        self.held -= entry.weight;
        if share.entries.is_empty() {
            self.of.remove(registry);
        }
        Some(entry.value)
    }

    /// Keeps the entries that `keeps` says.
    pub(super) fn retain(&mut self, keeps: impl Fn(&V) -> bool) {
        self.of.retain(|_, share| {
            share.entries.retain(|_, entry| keeps(&entry.value));
            share.held = share.entries.values().map(|entry| entry.weight).sum();
            !share.entries.is_empty()
        });
        self.held = self.of.values().map(|share| share.held).sum();
    }

    /// The entries of one registry.
    pub(super) fn of(&self, registry: &str) -> impl Iterator<Item = &V> {
        self.of.get(registry).into_iter().flat_map(|share| share.entries.values().map(|entry| &entry.value))
    }

    pub(super) fn of_mut(&mut self, registry: &str) -> impl Iterator<Item = &mut V> {
        self.of.get_mut(registry).into_iter().flat_map(|share| share.entries.values_mut().map(|entry| &mut entry.value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.of.values().flat_map(|share| share.entries.values().map(|entry| &entry.value))
    }

    /// Makes room: of the share that is largest, or would be with what `registry` is to get, the oldest goes.
    fn drop_one(&mut self, registry: &str, weight: usize) -> bool {
        let rank = |name: &str, share: &Share<K, V>| {
            let oldest = share.entries.values().map(|entry| entry.turn).min();
            (share.held + if name == registry { weight } else { 0 }, Reverse(oldest))
        };
        let largest = self.of.iter().max_by_key(|(name, share)| rank(name, share)).map(|(name, _)| name.clone());
        let oldest = largest.and_then(|name| {
            let entries = &self.of.get(&name)?.entries;
            let (key, _) = entries.iter().min_by_key(|(_, entry)| entry.turn)?;
            Some((name, key.clone()))
        });
        oldest.is_some_and(|(name, key)| self.remove(&name, &key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fills_the_table_loses_its_own() {
        let mut table = Shares::new(100);
        for n in 0..10 {
            table.insert("good", n, n, 1);
        }
        for n in 0..1000 {
            table.insert("evil", n, n, 1);
        }
        assert_eq!((table.values().count(), table.held), (100, 100));
        assert!((0..10).all(|n| table.get("good", &n).is_some()));
        assert!(table.get("evil", &999).is_some() && table.get("evil", &0).is_none(), "its oldest goes");
        table.insert("late", 0, 0, 1);
        assert!(table.get("late", &0).is_some() && table.values().count() == 100);
    }

    #[test]
    fn weight_counts_and_is_given_back() {
        let mut table = Shares::new(100);
        table.insert("a", 1, "x", 60);
        table.insert("a", 1, "y", 30);
        assert_eq!((table.held, table.get("a", &1)), (30, Some(&"y")));
        table.insert("b", 1, "z", 101);
        assert!(table.get("b", &1).is_none(), "more than there is");
        table.insert("b", 1, "z", 90);
        assert_eq!((table.held, table.get("b", &1)), (90, Some(&"z")));
        table.retain(|value| *value != "z");
        assert_eq!((table.held, table.of.len()), (0, 0));
    }
}
