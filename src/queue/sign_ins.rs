//! Who is signed in.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::QueueError;

/// Somebody who signed in, to be remembered.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// What the browser shows, hashed: nobody signs in with what is read in the store.
    pub id: [u8; 32],
    /// Whose it is. One person has a few of them; the oldest goes.
    pub person: String,
    /// Who they are, for whoever asks.
    pub what: String,
    /// When it ends by itself.
    pub until: DateTime<Utc>,
}

/// Remembers who is signed in, over restarts, until they sign out.
pub trait SignIns: Send + Sync + 'static {
    /// Remembers somebody.
    fn remember_sign_in(&self, sign_in: SignIn) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Who they are, if they are signed in still.
    fn sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<Option<String>, QueueError>>;

    /// They signed out.
    fn forget_sign_in(&self, id: [u8; 32]) -> BoxFuture<'_, Result<(), QueueError>>;
}
