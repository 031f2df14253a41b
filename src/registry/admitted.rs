//! Who was let in last, where several may ask.

use std::sync::{Mutex, PoisonError};

use super::shares::Shares;

/// What is remembered of who was let in, in bytes; what is forgotten is tried again.
const MOST_BYTES: usize = 1024 * 1024;
/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 150;

/// Whose: the repository, and the scope of all who may ask.
pub(super) type Key = (String, String);

/// Who was let in last, of several.
pub(super) struct Admitted(Mutex<Shares<Key, String>>);

impl Default for Admitted {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_BYTES)))
    }
}

impl Admitted {
    pub(super) fn last(&self, host: &str, key: &Key) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host, key).cloned()
    }

    pub(super) fn remember(&self, host: &str, key: Key, scope: &str) {
        let weight = host.len() + 2 * (key.0.len() + key.1.len()) + scope.len() + ENTRY;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host, key, scope.to_owned(), weight);
    }
}
