//! How whoever asked the writer of a store gets its reply.

use tokio::sync::oneshot;

use super::QueueError;

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
}
