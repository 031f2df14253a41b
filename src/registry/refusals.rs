//! Refusals that may end by themselves: a repository that was pushed a moment ago, a token service that restarts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::shares::Shares;
use super::token::Key;

/// A refusal that lasts so long is told to people.
const PATIENCE: Duration = Duration::from_secs(10);
/// Refusals that are remembered. One that is forgotten is met with patience again.
const MOST: usize = 10_000;

/// Since when somebody is refused, without a good answer between.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<Shares<Key, Duration>>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST)))
    }
}

impl Refusals {
    /// They are refused now. Whether that is taken for how it is.
    pub(super) fn is_settled(&self, key: &Key, now: Duration) -> bool {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = refusals.get(&key.0, key) {
            return now.saturating_sub(*since) >= PATIENCE;
        }
        refusals.insert(&key.0.clone(), key.clone(), now, 1);
        false
    }

    /// They got an answer.
    pub(super) fn over(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.0, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_lasts_is_settled_until_an_answer_comes() {
        let key = |name: &str| ("registry.example.com".to_owned(), name.to_owned(), String::new());
        let (refusals, seconds) = (Refusals::default(), Duration::from_secs);
        let asked = |name: &str, second| refusals.is_settled(&key(name), seconds(second));
        assert_eq!([0, 3, 9, 10, 5000].map(|second| asked("a", second)), [false, false, false, true, true]);
        assert!(!asked("b", 5000), "each repository for itself");
        refusals.over(&key("a"));
        assert_eq!([6000, 6009, 6010].map(|second| asked("a", second)), [false, false, true]);
    }
}
