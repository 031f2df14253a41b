//! One question at a time about one thing: who comes second finds what the first has learnt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Turns = HashMap<String, Arc<tokio::sync::Mutex<()>>>;

/// Gates by key; one that nobody waits for takes no memory.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<Turns>);

/// A turn; the next one's begins when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'g> {
    gates: &'g Gates,
    key: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Gates {
    /// Waits for the turn of this key.
    pub(super) async fn enter(&self, key: &str) -> Turn<'_> {
        let lock = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key.to_owned()).or_default())
        };
        Turn { gates: self, key: key.to_owned(), guard: Some(lock.lock_owned().await) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.gates.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        if turns.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            turns.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_taken_by_key_and_leave_nothing_behind() {
        let gates = Gates::default();
        let first = gates.enter("a").await;
        let other = gates.enter("b").await;
        let second = gates.enter("a");
        let mut second = std::pin::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop((first, other));
        drop(second.await);
        assert!(gates.0.lock().unwrap().is_empty());
    }
}
