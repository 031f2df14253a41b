//! A channel that somebody says works again: the next message tries it, on every replica.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Channel, Channels};
use crate::ambient::Ambient;
use crate::queue::{NewsKind, Replicas};
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::metrics::Metrics;

/// Opens closed channels again, here and on the other replicas.
#[derive(Clone)]
pub struct Reopening {
    channels: Arc<Channels>,
    replicas: Replicas,
    metrics: Metrics,
    ambient: Ambient,
}

impl std::fmt::Debug for Reopening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reopening")
    }
}

/// A channel is to be tried, as replicas tell one another.
#[derive(Debug, Serialize, Deserialize)]
struct Works {
    channel: String,
}

impl Reopening {
    /// Of the configured channels, which other replicas have too.
    #[must_use]
    pub fn new(channels: &Arc<Channels>, replicas: Replicas, metrics: &Metrics, ambient: &Ambient) -> Self {
        Self { channels: Arc::clone(channels), replicas, metrics: metrics.clone(), ambient: ambient.clone() }
    }

    /// The channels.
    #[must_use]
    pub fn channels(&self) -> &Arc<Channels> {
        &self.channels
    }

    /// Opens what others say works again, until the process is to end. What is missed is tried when its own wait is over.
    pub fn hearing(self, stop: Stop) -> Task {
        Task::new("channels told", self.keep_hearing(stop))
    }

    /// Lets the next message try a channel at once, whichever replica takes it. Says whether it was closed here.
    #[must_use]
    pub fn reopen(&self, channel: &str) -> bool {
        let was_closed = self.reopen_here(channel);
        self.replicas.tell_counted(NewsKind::Channel, &Works { channel: channel.to_owned() }, &self.metrics);
        was_closed
    }

    /// Has a channel of the same name go on by what this one has: its secrets were changed. Other replicas read them, too.
    pub fn take_over(&self, renewed: &Channel) {
        self.channels.take_over(renewed, self.ambient.monotonic());
        self.channels.find(renewed.name()).into_iter().for_each(|found| found.show_in(&self.metrics));
    }

    fn reopen_here(&self, channel: &str) -> bool {
        let Some(found) = self.channels.find(channel) else { return false };
        let was_closed = found.gate().reopen(self.ambient.monotonic());
        found.show_in(&self.metrics);
        was_closed
    }

    async fn keep_hearing(self, stop: Stop) {
        let takes = |told: Result<Arc<str>, u64>| match told {
            Ok(news) => self.hears(&news),
            Err(missed) => self.metrics.replica_news("missed", missed),
        };
        stop.hear(self.replicas.hear(NewsKind::Channel), takes).await;
    }

    fn hears(&self, news: &str) {
        let Ok(Works { channel }) = serde_json::from_str(news) else {
            return self.metrics.replica_news("unreadable", 1);
        };
        // Another replica may have channels by now that this one has not.
        if self.reopen_here(&channel) {
            tracing::info!(channel, "a channel is tried at once, as another replica was told that it works");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, Job, NoticeKind};
    use crate::domain::secret::Secret;
    use crate::notify::gate::Moment;
    use crate::notify::mattermost::MattermostChannel;
    use crate::notify::sender::tests::through;
    use crate::notify::{Attempt, Channel, Scope, Transport};
    use crate::outbound::{Outbound, Reach};
    use crate::queue::replicas::tests::pair;
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::worker::Verdict;
    use crate::queue::{LeaseId, Leased, Opening};

    #[test]
    fn a_channel_whose_secret_was_changed_goes_on_by_the_new_one_and_is_tried() {
        let reopening = closed(pair().0);
        let channel = reopening.channels.find("chat").unwrap();
        let (before, gate) = (channel.transport(), channel.gate());
        assert_eq!(gate.opening(Duration::ZERO), Opening::Closed(Duration::MAX));
        let service = MattermostChannel::new(Secret::new("http://127.0.0.1:9/hooks/new".into()));
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let transport = Transport::Service(Box::new(client), Arc::new(service));
        reopening.take_over(&Channel::new("chat".into(), Scope::default(), transport));
        assert_eq!(["chat", "mail"].map(|name| reopening.stands(name)), ["open", "gone"], "as its alert ends");
        assert!(
            matches!(&*before, Transport::Service(_, old) if old.address().expose().ends_with("/x")),
            "who has it keeps it"
        );
        assert!(reopening.is_tried("chat"), "it is tried at once");
        assert_eq!(reopening.channels.service("chat").unwrap().address().expose(), "http://127.0.0.1:9/hooks/new");
        let mail = reopening.channels.find("mail").unwrap();
        assert_eq!(mail.gate().opening(Duration::ZERO), Opening::Closed(Duration::MAX), "no other one is");
    }

    fn chat(url: &str) -> Channel {
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let service = Arc::new(MattermostChannel::new(Secret::new(url.to_owned())));
        Channel::new("chat".into(), Scope::default(), Transport::Service(Box::new(client), service))
    }

    /// The 401 to the old secret comes when the new one is in force.
    #[tokio::test]
    async fn an_attempt_by_the_old_secret_that_ends_late_does_not_close_the_channel() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (folder, ambient) = (tempfile::tempdir().unwrap(), Ambient::system());
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let url = format!("http://{}/hooks/old", listener.local_addr().unwrap());
        let channels = Arc::new(Channels::new(vec![chat(&url)], None));
        let sender = through(&queue, &channels, &ambient);
        let answers = async |is_changed: bool| {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            if is_changed {
                channels.take_over(&chat("http://127.0.0.1:9/hooks/new"), ambient.monotonic());
            }
            let head = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(head).await.unwrap();
        };
        let job = Job::Deliver(Box::new(Delivery::of("chat", "", notice(NoticeKind::Applied))));
        let (lease, created) = (LeaseId::new(1, 1), ambient.now());
        let leased = Leased { lease, job, trace: "".into(), also: Vec::new(), attempt: 1, created, failed: None };
        for (is_changed, is_open) in [(true, true), (false, false)] {
            if !is_changed {
                channels.take_over(&chat(&url), ambient.monotonic());
            }
            let (verdict, ()) = tokio::join!(sender.send(&leased), answers(is_changed));
            assert!(matches!(verdict, Verdict::Waits { .. }), "{verdict:?}");
            let opening = channels.find("chat").unwrap().gate().opening(ambient.monotonic());
            assert_eq!(opening == Opening::Open, is_open, "changed meanwhile: {is_changed}, {opening:?}");
        }
    }

    /// A replica whose channels `chat` and `mail` are gone for good, which only somebody's word ends.
    fn closed(replicas: Replicas) -> Reopening {
        let ambient = Ambient::system();
        let channel = |name: &str| {
            let service = MattermostChannel::new(Secret::new("http://127.0.0.1:9/hooks/x".into()));
            let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
            let channel =
                Channel::new(name.into(), Scope::default(), Transport::Service(Box::new(client), Arc::new(service)));
            let now = Moment { wall: ambient.now(), monotonic: ambient.monotonic() };
            channel.gate().learn(&Attempt::Gone { reason: "status 410".into() }, now, 0.5);
            channel
        };
        let channels = Arc::new(Channels::new(vec![channel("chat"), channel("mail")], None));
        let metrics = Metrics::new();
        channels.each().for_each(|channel| metrics.channel_stands(channel.name(), "gone", 7));
        Reopening { channels, replicas, metrics, ambient }
    }

    impl Reopening {
        fn is_tried(&self, channel: &str) -> bool {
            let now = self.ambient.monotonic();
            matches!(self.channels.find(channel).unwrap().gate().opening(now), Opening::One)
        }

        /// How a channel stands in the metrics.
        fn stands(&self, channel: &str) -> &'static str {
            let text = self.metrics.text();
            let holds =
                |state: &&str| text.contains(&format!("channel_state{{channel=\"{channel}\",state=\"{state}\"}} 1\n"));
            ["open", "gone"].into_iter().find(holds).unwrap()
        }

        fn counted(&self, result: &str, number: u8) -> bool {
            let line = format!("image_watcher_replica_news_total{{result=\"{result}\"}} {number}\n");
            self.metrics.text().contains(&line)
        }
    }

    #[tokio::test]
    async fn what_one_replica_is_told_to_open_all_of_them_try() {
        let (here, there, between) = pair();
        let (here, there) = (closed(here), closed(there));
        let (_raise, stop) = Stop::new();
        let told = async {
            // It listens before anything is told.
            tokio::task::yield_now().await;
            assert!(!there.is_tried("chat") && !here.is_tried("chat"));
            assert!(here.reopen("chat"), "it was closed");
            let unread = here.replicas.tell(NewsKind::Channel, "{\"newer\":1}");
            assert_eq!(unread.as_str(), "told");
            let unknown = here.replicas.tell(NewsKind::Channel, "{\"channel\":\"new\"}");
            assert_eq!(unknown.as_str(), "told");
            while !there.counted("unreadable", 1) {
                tokio::task::yield_now().await;
            }
            assert!(here.is_tried("chat") && there.is_tried("chat"));
            assert!(!here.is_tried("mail") && !there.is_tried("mail"), "nobody spoke of that one");
            let stand = |name: &str| [here.stands(name), there.stands(name)];
            assert_eq!((stand("chat"), stand("mail")), (["open"; 2], ["gone"; 2]), "in the metrics");
            assert!(here.counted("told", 1) && there.counted("told", 0), "what was heard is not told on");
        };
        tokio::select! {
            told = tokio::time::timeout(Duration::from_secs(20), told) => told.expect("the other hears of it"),
            () = there.clone().keep_hearing(stop) => panic!("it is not told to end"),
            () = between => panic!("both are there"),
        }
    }

    #[tokio::test]
    async fn where_the_queue_is_a_file_there_is_nobody_to_tell() {
        let alone = closed(Replicas::default());
        assert!(alone.reopen("chat") && !alone.reopen("none"));
        assert!(alone.is_tried("chat") && alone.counted("told", 0));
        let (raise, stop) = Stop::new();
        raise.raise();
        alone.keep_hearing(stop).await;
    }
}
