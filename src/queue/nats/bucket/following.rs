//! A bucket that is followed: its entries as they were written, one after another.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::push;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::is_gone;
use crate::queue::nats::error::NatsError;

/// To read a bucket from its beginning takes no longer.
const READ_ALL: Duration = Duration::from_secs(20);

/// Entries as they were written, one after another.
pub(in crate::queue::nats) struct Following {
    pub(super) messages: push::Ordered,
    /// Whether all was seen that stood in the bucket when it began.
    pub(super) is_current: bool,
    /// Whether nothing more comes, and it has to be followed anew.
    pub(in crate::queue::nats) is_over: bool,
    /// With which subjects begin.
    pub(super) prefix: String,
}

/// What was written under a key.
pub(in crate::queue::nats) struct Seen {
    pub(in crate::queue::nats) key: String,
    pub(in crate::queue::nats) revision: u64,
    /// The value; nothing where it is gone.
    pub(in crate::queue::nats) value: Option<Bytes>,
}

impl Following {
    /// What was written next; it is waited for without end where it is over.
    ///
    /// # Errors
    /// [`NatsError`] where one was missed; the next is read by itself.
    pub(in crate::queue::nats) async fn next(&mut self) -> Result<Seen, NatsError> {
        if self.is_over {
            return std::future::pending().await;
        }
        match self.messages.next().await {
            Some(Ok(message)) => self.seen(&message),
            Some(Err(error)) => Err(NatsError::refused("to be followed")(error)),
            None => {
                self.is_over = true;
                Err(NatsError::Away)
            }
        }
    }

    /// All that stood in the bucket when it began.
    ///
    /// # Errors
    /// [`NatsError`] where it can't be read, or takes too long.
    pub(in crate::queue::nats) async fn read_to_end(&mut self) -> Result<Vec<Seen>, NatsError> {
        let read = async {
            let mut all = Vec::new();
            while !self.is_current {
                all.push(self.next().await?);
            }
            Ok(all)
        };
        tokio::time::timeout(READ_ALL, read).await.unwrap_or(Err(NatsError::Late(READ_ALL.as_secs())))
    }

    fn seen(&mut self, message: &Message) -> Result<Seen, NatsError> {
        let info = message.info().map_err(NatsError::refused("to be followed"))?;
        self.is_current |= info.pending == 0;
        let subject = message.subject.as_str();
        let key = subject.strip_prefix(&self.prefix).unwrap_or(subject).to_owned();
        let value = Some(message.payload.clone()).filter(|_| !is_gone(message.headers.as_ref()));
        Ok(Seen { key, revision: info.stream_sequence, value })
    }
}
