//! What reading a secret or a service account came to.

use std::sync::Arc;

use super::super::cache;
use super::super::keyring::Entries;
use crate::registry::{Anonymous, BrokenSecret, NamedSecret};

/// A secret that was read.
#[derive(Debug)]
pub(super) struct Read {
    /// Tells it, and this version of it, from all others.
    pub(super) scope: String,
    pub(super) named: NamedSecret,
    pub(super) entries: Entries,
}

/// Why no user and password can be taken from a secret.
#[derive(Clone, Debug)]
pub(super) enum NoUsers {
    /// It has none for us, for certain.
    Nobody(Anonymous),
    /// It spoils all of them.
    Broken(BrokenSecret),
    /// The API server did not say.
    Unknown(Unsaid),
}

/// What an API server that gave no answer said.
pub(super) type Unsaid = Arc<dyn std::error::Error + Send + Sync>;

/// What reading a secret came to.
pub(super) type Outcome = Result<Arc<Read>, NoUsers>;

/// The names of a ServiceAccount's pull secrets; `None` where we may not look.
pub(super) type Names = Result<Option<Arc<[Box<str>]>>, Unsaid>;

impl cache::Outcome for Outcome {
    fn is_unknown(&self) -> bool {
        matches!(self, Err(NoUsers::Unknown(_)))
    }

    fn bytes(&self) -> usize {
        self.as_ref().map_or(200, |read| read.entries.bytes() + 2 * read.scope.len() + 200)
    }
}

impl cache::Outcome for Names {
    fn is_unknown(&self) -> bool {
        self.is_err()
    }

    fn bytes(&self) -> usize {
        500
    }
}
