//! What registries said themselves of their tags, against which no mirror's word counts.

use std::sync::{Mutex, PoisonError};

use super::shares::Shares;
use crate::domain::reference::Digest;

/// Tags of which it is remembered what their registry said.
const MOST: usize = 10_000;

/// Whose tag: the repository's path, the credential's scope, the tag.
pub(super) type Key = (String, String, String);

/// What registries that have mirrors said themselves of their tags. What is forgotten is only not held against a mirror.
#[derive(Debug)]
pub(super) struct OwnWords(Mutex<Shares<Key, Digest>>);

impl Default for OwnWords {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST)))
    }
}

impl OwnWords {
    /// What a registry said now; nothing where the tag is not there.
    pub(super) fn heard(&self, host: &str, key: Key, digest: Option<&Digest>) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match digest {
            Some(digest) => words.insert(host, key, digest.clone(), 1),
            None => drop(words.remove(host, &key)),
        }
    }

    /// Whether a mirror's word is not another than the registry's own last one.
    pub(super) fn allow(&self, host: &str, key: &Key, digest: &Digest) -> bool {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.get(host, key).is_none_or(|own| own == digest)
    }
}
