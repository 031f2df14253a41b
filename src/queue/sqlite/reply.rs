//! Replies to what SQLite did.

use std::sync::Arc;

use crate::queue::QueueError;
use crate::queue::reply::Reply;

impl<T> Reply<T> {
    /// Sends what was read, at once.
    ///
    /// # Errors
    /// The failure, which is sent as well, as the transaction has failed with it.
    pub(super) fn send_read(self, read: rusqlite::Result<T>) -> Result<(), QueueError> {
        let (read, reply) = self.unless_failed(read)?;
        reply.send(Ok(read));
        Ok(())
    }

    /// What was done, with the reply that waits for the commit.
    ///
    /// # Errors
    /// The failure, which is sent at once, as the transaction has failed with it.
    pub(super) fn unless_failed<D>(self, done: rusqlite::Result<D>) -> Result<(D, Self), QueueError> {
        match done.map_err(failure) {
            Ok(done) => Ok((done, self)),
            Err(error) => {
                self.send(Err(error.clone()));
                Err(error)
            }
        }
    }
}

/// A failure of the library, as callers know it.
pub(super) fn failure(error: rusqlite::Error) -> QueueError {
    QueueError::Store(Arc::new(error))
}
