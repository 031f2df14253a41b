//! Whether the queue was moved while this process could not see it: it was cut off, or stood still.
//!
//! Whoever moves a queue listens first whether anybody uses it, and hears nobody who is away. So a service that was away reads
//! the mark of the move before it goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::Writer;
use crate::queue::QueueError;
use crate::queue::moving::NotInUse;
use crate::queue::nats::error::failure;

/// Whoever did nothing for so long may have missed a move: less than the time for which a mover listens.
const APART: Duration = Duration::from_secs(5);

/// What is known of the mark.
pub(in crate::queue::nats) struct Marked {
    /// Where those are told who asked to be. Whoever moves the queue does not ask.
    told: Arc<watch::Sender<Option<String>>>,
    /// How many connections there had been when the mark was read last.
    read_at: u64,
    /// Whether it has to be read before anything else is done.
    is_open: bool,
}

impl Marked {
    pub(in crate::queue::nats) fn new(told: Arc<watch::Sender<Option<String>>>) -> Self {
        Self { told, read_at: 0, is_open: true }
    }

    /// Nothing was done for this time.
    pub(super) fn was_apart(&mut self, time: Duration) {
        self.is_open |= time > APART;
    }

    /// Whether the queue is no longer here.
    pub(super) fn is_moved(&self) -> bool {
        self.told.borrow().is_some()
    }
}

impl Writer {
    /// Why nothing may be done here now, if that is so: the queue was moved, or it is not known whether it was.
    pub(super) async fn against_use(&mut self) -> Option<QueueError> {
        self.marked.was_apart(self.turns.lasts());
        let connections = self.alive.connections.load(Ordering::Relaxed);
        if !self.marked.is_open && self.marked.read_at == connections {
            return None;
        }
        self.read_mark().await
    }

    /// Reads the mark, where somebody wants to know it.
    pub(super) async fn read_mark(&mut self) -> Option<QueueError> {
        // Nothing is stored while nobody is connected, and whoever is again comes here first.
        if self.marked.told.receiver_count() == 0 || self.bucket.is_there().is_err() {
            return None;
        }
        let connections = self.alive.connections.load(Ordering::Relaxed);
        match self.tables.mark().await {
            Ok(mark) => {
                (self.marked.read_at, self.marked.is_open) = (connections, false);
                let words = mark.and_then(|mark| mark.against_use())?;
                tracing::error!(
                    why = words,
                    "the queue was moved while this process did not see it: everything is refused, and the process ends"
                );
                self.marked.told.send_replace(Some(words.clone()));
                Some(QueueError::Store(Arc::new(NotInUse::Moved(words))))
            }
            Err(error) => {
                self.marked.is_open = true;
                self.is_unanswered(&error).await;
                Some(failure(error))
            }
        }
    }

    /// What stands here is old: whatever is asked is refused, until the process ends.
    pub(super) async fn refuse_for_ever(mut self) {
        let words = self.marked.told.borrow().clone().unwrap_or_default();
        let error = QueueError::Store(Arc::new(NotInUse::Moved(words)));
        while let Some(command) = self.commands.recv().await {
            self.turns.begin();
            command.refuse(&error);
        }
    }
}
