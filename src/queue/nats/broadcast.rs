//! What this process tells the others and what they tell it, on a subject that stores nothing.

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;

use super::NatsError;
use crate::queue::replicas::FarEnd;

/// Where it is told, and who this process is there: each hears itself, too.
pub(super) struct Broadcast {
    client: Client,
    subject: String,
    me: String,
    all: Subscriber,
    end: FarEnd,
}

impl Broadcast {
    /// # Errors
    /// [`NatsError`] where it can't be listened to.
    pub(super) async fn open(client: &Client, buckets: &str, me: &str, end: FarEnd) -> Result<Self, NatsError> {
        let subject = format!("{buckets}.told");
        let all = client.subscribe(subject.clone()).await.map_err(NatsError::refused("to be listened to"))?;
        Ok(Self { client: client.clone(), subject, me: me.to_owned(), all, end })
    }

    /// For as long as the process lives.
    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                Some(text) = self.end.telling.recv() => {
                    let payload = format!("{}\n{text}", self.me).into();
                    // Who is not connected is heard by nobody.
                    let _ = self.client.publish(self.subject.clone(), payload).await;
                }
                Some(message) = self.all.next() => {
                    let text = std::str::from_utf8(&message.payload).ok().and_then(|text| text.split_once('\n'));
                    if let Some((_, text)) = text.filter(|(who, _)| *who != self.me) {
                        self.end.hears(text);
                    }
                }
                else => return,
            }
        }
    }
}
