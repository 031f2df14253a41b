//! Messages for channels that were taken out of the configuration: nobody would ever take them.

use std::sync::Arc;
use std::time::Duration;

use super::Channels;
use crate::queue::QueueAdmin;
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::chain;

/// After so long the replicas of before have ended, and what they left is all there is. One that starts again under an older
/// configuration later than this buries nothing of a newer one.
const OTHERS_END: Duration = Duration::from_secs(600);

/// Makes dead letters of messages for channels that are not configured any more: nobody would ever take them, so they are
/// shown as what they are.
pub async fn bury_messages_of_removed_channels<Q: QueueAdmin>(queue: &Q, channels: &Channels) {
    match queue.bury_all_but(&channels.names()).await {
        Ok(buried) => {
            for (channel, messages) in buried {
                tracing::warn!(
                    channel,
                    messages,
                    "messages waited for a channel that is not configured any more, and are dead letters now"
                );
            }
        }
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(%error, "whether messages wait for channels that were removed can't be seen");
        }
    }
}

/// The same once more, a while after the start: replicas of before have the channels of before, and leave what waits for them.
#[must_use]
pub fn burying_what_others_left<Q: QueueAdmin>(queue: Q, channels: Arc<Channels>, stop: Stop) -> Task {
    Task::new("removed channels", bury_after(OTHERS_END, queue, channels, stop))
}

async fn bury_after<Q: QueueAdmin>(wait: Duration, queue: Q, channels: Arc<Channels>, mut stop: Stop) {
    tokio::select! {
        () = stop.raised() => return,
        () = tokio::time::sleep(wait) => {}
    }
    bury_messages_of_removed_channels(&queue, &channels).await;
    stop.raised().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Ambient;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, Job, NoticeKind};
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::{Letters as _, NewJob, Queue as _, Urgency};

    #[tokio::test]
    async fn what_the_last_old_replica_leaves_for_a_removed_channel_is_a_dead_letter_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let ambient = Ambient::system();
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let channels = Arc::new(Channels::new(Vec::new(), None));
        bury_messages_of_removed_channels(&queue, &channels).await;
        let job = NewJob {
            job: Job::Deliver(Box::new(Delivery::of("slack", "#ops", notice(NoticeKind::Available)))),
            trace: "trace".into(),
            not_before: ambient.now(),
            urgency: Urgency::Prompt,
            failed: None,
        };
        queue.put(vec![job]).await.unwrap();
        let (raise, stop) = Stop::new();
        let mut burying = std::pin::pin!(bury_after(Duration::from_millis(20), queue.clone(), channels, stop));
        let buried = tokio::time::timeout(Duration::from_secs(20), queue.given_up().notified_owned());
        tokio::select! {
            () = &mut burying => panic!("a task that ends before the process does is a fault"),
            buried = buried => buried.expect("it is said that something was given up"),
        }
        assert_eq!(queue.depth().await.unwrap().dead, [("deliver:slack".to_owned(), 1)]);
        raise.raise();
        burying.await;
    }
}
