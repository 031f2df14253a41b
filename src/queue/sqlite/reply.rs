//! How whoever asked the writer gets its reply.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::queue::QueueError;

/// To whoever sent a command.
pub(super) struct Reply<T>(oneshot::Sender<Result<T, QueueError>>);

impl<T> Reply<T> {
    /// With the end at which it arrives.
    pub(super) fn channel() -> (Self, oneshot::Receiver<Result<T, QueueError>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Sends it. Whoever no longer waits needs none.
    pub(super) fn send(self, result: Result<T, QueueError>) {
        let _ = self.0.send(result);
    }

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
