//! Opening what keeps the queue. Where it stands in NATS it is waited for: until it is there nothing is watched or done, as
//! nobody would know what was written last.

use std::path::Path;
use std::time::Duration;

use super::StoreHandle;
use super::moving::{NotInUse, may_be_used};
use super::nats::{NatsError, NatsSettings};
use super::sqlite::OpenError;
use crate::ambient::Ambient;
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::chain;

/// It is tried again after this time.
const AGAIN: Duration = Duration::from_secs(2);
/// Why it waits is said again after so many tries.
const SAID_AGAIN: u32 = 30;

/// Why there is no queue to work with.
#[derive(Debug, thiserror::Error)]
pub enum NoQueue {
    /// NATS is not there, or is none that will do.
    #[error("the queue can't be opened")]
    Nats(#[from] NatsError),
    /// Its folder can't be used.
    #[error("the queue can't be opened")]
    File(#[from] OpenError),
    /// It was moved, or does not say whether it was.
    #[error("the queue can't be used")]
    NotInUse(#[from] NotInUse),
}

impl NoQueue {
    /// Whether it may end by itself.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Nats(error) => error.passes(),
            Self::NotInUse(NotInUse::Store(_)) => true,
            Self::NotInUse(NotInUse::Moved(_)) | Self::File(_) => false,
        }
    }
}

impl StoreHandle {
    /// Ends the process when the queue is moved while it is in use.
    #[must_use]
    pub fn in_use(&self, mut stop: Stop) -> Task {
        let moved = self.until_moved();
        Task::fallible("queue", async move {
            tokio::select! {
                words = moved => Err(NoQueue::from(NotInUse::Moved(words)).into()),
                () = stop.raised() => Ok(()),
            }
        })
    }

    /// The queue in a folder.
    ///
    /// # Errors
    /// [`NoQueue`] when the folder can't be used, or the queue was moved.
    pub async fn in_folder(folder: &Path, ambient: &Ambient) -> Result<Self, NoQueue> {
        let queue = Self::open(folder, ambient)?;
        may_be_used(&queue).await?;
        Ok(queue)
    }

    /// The queue in NATS.
    ///
    /// # Errors
    /// [`NoQueue`] when it is not there, is too old, has buckets that are set up otherwise, or when the queue was moved.
    pub async fn in_nats(settings: NatsSettings, ambient: &Ambient) -> Result<Self, NoQueue> {
        let queue = Self::nats(settings, ambient).await?;
        may_be_used(&queue).await?;
        Ok(queue)
    }

    /// The queue in NATS, as soon as it is there. `first` is why it was not; `say` is told of every other reason.
    ///
    /// # Errors
    /// [`NoQueue`] that waiting does not mend.
    pub async fn in_nats_when_there(
        settings: NatsSettings,
        ambient: &Ambient,
        first: NoQueue,
        say: impl Fn(String),
    ) -> Result<Self, NoQueue> {
        let mut error = first;
        loop {
            let words = chain(&error).to_string();
            for tried in 0..SAID_AGAIN {
                if tried == 0 {
                    tracing::error!(
                        error = words,
                        "the queue is not there: the service waits for it, is not ready, and answers 503"
                    );
                }
                tokio::time::sleep(AGAIN).await;
                error = match Self::in_nats(settings.clone(), ambient).await {
                    Ok(queue) => return Ok(queue),
                    Err(error) if error.passes() => error,
                    Err(error) => return Err(error),
                };
                let now = chain(&error).to_string();
                if now != words {
                    say(now);
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::QueueError;

    #[test]
    fn a_store_that_does_not_answer_now_is_waited_for_and_one_that_was_moved_is_not() {
        assert!(NoQueue::from(NatsError::Late(5)).passes());
        assert!(NoQueue::from(NotInUse::Store(QueueError::Closed)).passes());
        assert!(!NoQueue::from(NotInUse::Moved("it was moved".into())).passes());
        assert!(!NoQueue::from(NatsError::Old { found: "2.10.0".into() }).passes());
    }
}
