//! What waits to go out together, where that is more than a store takes as one message.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use super::gather::Gatherer;
use super::mattermost::MattermostChannel;
use super::{Channel, Channels, Scope, Transport};
use crate::ambient::{Ambient, Clock};
use crate::domain::event::tests::notice;
use crate::domain::event::{Delivery, Gathered, Job, NoticeKind, Told};
use crate::domain::plain::PlainText;
use crate::domain::secret::Secret;
use crate::outbound::{Outbound, Reach};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{
    Batch, Depth, Gathering, ItemId, Kept, Leased, NewJob, Placed, Queue, QueueError, Settlement, Sharing, Topic,
    Waiting,
};

/// A queue that takes so many bytes as one message, as NATS does.
#[derive(Clone)]
struct Narrow(SqliteQueue, usize);

impl Queue for Narrow {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        self.0.put(jobs).await
    }

    async fn lease(&self, topic: &Topic, most: usize, sharing: &Sharing) -> Result<Batch, QueueError> {
        self.0.lease(topic, most, sharing).await
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) -> Result<(), QueueError> {
        self.0.settle(leased, settlement).await
    }

    fn changed(&self, topic: &Topic) -> Arc<Notify> {
        self.0.changed(topic)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.0.depth().await
    }
}

impl Gathering for Narrow {
    async fn gathered(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, QueueError> {
        self.0.gathered(channel, most).await
    }

    async fn compose(&self, of: Vec<ItemId>, messages: Vec<NewJob>) -> Result<(), QueueError> {
        let most = self.1;
        match messages.iter().map(bytes).find(|bytes| *bytes > most) {
            Some(bytes) => Err(QueueError::TooLarge { bytes, most }),
            None => self.0.compose(of, messages).await,
        }
    }

    async fn not_told(&self, ids: Vec<String>) -> Result<(), QueueError> {
        self.0.not_told(ids).await
    }
}

impl Kept for Narrow {
    async fn recall(&self, key: &str) -> Option<String> {
        self.0.recall(key).await
    }

    async fn keep(&self, key: &str, value: String, until: DateTime<Utc>) {
        self.0.keep(key, value, until).await;
    }
}

/// The bytes of a message as text within text, as it stands in an entry of NATS.
fn bytes(job: &NewJob) -> usize {
    let Job::Deliver(delivery) = &job.job else { return 0 };
    serde_json::to_string(&serde_json::to_string(delivery).unwrap()).unwrap().len()
}

/// Hours after noon.
struct Hours(AtomicI64);

impl Clock for Hours {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap() + TimeDelta::hours(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Gathers what waits until nothing does. How many of them are in each message.
async fn composed(most: usize, count: usize) -> Vec<usize> {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hours(AtomicI64::new(0))));
    let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
    let queue = Narrow(SqliteQueue::open(folder.path(), &ambient).unwrap(), most);
    let job = |n: usize| {
        let mut notice = notice(NoticeKind::Available);
        (notice.workload.name, notice.workload.uid) = (n.to_string().into(), n.to_string().into());
        notice.declared.kinds.breaking = true;
        notice.declared.quotes = vec![PlainText::of(&"they say \"it\" ".repeat(24)); 6];
        NewJob::prompt(Job::Gather(Box::new(Gathered::new("chat", notice))), "", ambient.now())
    };
    queue.put((0..count).map(job).collect()).await.unwrap();
    clock.0.store(9, Ordering::SeqCst);
    let chat = MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
    let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
    let chat = Transport::Service(Box::new(client), Arc::new(chat));
    let gatherer = Gatherer {
        queue: queue.clone(),
        channels: Arc::new(Channels::new(vec![Channel::new("chat".into(), Scope::default(), chat)], None)),
        channel: "chat".into(),
        when_looked: Arc::new(|| Some(DateTime::UNIX_EPOCH)),
        ambient,
    };
    let all = queue.gathered("chat", count).await.unwrap();
    let whole = Told::of(all.into_iter().map(|item| item.notice).collect()).unwrap();
    let whole = Delivery { channel: "chat".into(), recipient: String::new(), told: whole };
    assert!(bytes(&NewJob::prompt(Job::Deliver(Box::new(whole)), "", clock.now())) > most, "it is too large as one");
    let mut last = None;
    while !queue.gathered("chat", 1).await.unwrap().is_empty() {
        gatherer.step(&mut last).await.unwrap();
    }
    let jobs = queue.lease(&Topic::Deliver("chat".into()), 1000, &Sharing::in_order(1000)).await.unwrap().jobs;
    let told = |leased: &Leased| match &leased.job {
        Job::Deliver(delivery) => delivery.notices().len(),
        other => panic!("{other:?}"),
    };
    jobs.iter().map(told).collect()
}

/// Fault r28-1: the same five hundred were made into one message again and again, which the store never took.
#[tokio::test]
async fn what_is_more_than_a_store_takes_is_several_messages_and_all_of_it_goes_out() {
    let together = composed(1_000_000, 500).await;
    assert!(together.len() > 1 && together.iter().sum::<usize>() == 500, "{together:?}");
    assert!(together[0] > 50, "as few as there can be: {together:?}");
    let narrow = composed(100_000, 40).await;
    assert!(narrow.len() > 1 && narrow.iter().sum::<usize>() == 40, "{narrow:?}");
}
