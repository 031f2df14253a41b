//! What a message did not tell, as it was no news by then, and may be news again: a question that was closed for the moment in
//! which its message had its turn, a workload whose settings were gone for it.
//!
//! A look stores the messages of what stands again and again, with the same ids, and what is remembered as told is not told twice.
//! So what was told to nobody must not be remembered.

use super::left_out;
use super::sender::{KnownRecords, NO_NEWS, Sender, withdrawn};
use crate::domain::event::{Delivery, Gathered, Notice};
use crate::domain::news::Stale;
use crate::queue::row::NOT_TOLD;
use crate::queue::worker::Verdict;
use crate::queue::{Gathering, Kept, QueueError};
use crate::telemetry::chain;

impl<Q: Gathering + Kept> Sender<Q> {
    /// A message of which nothing is news by now.
    pub(super) async fn withdraw(&self, delivery: &Delivery, known: &KnownRecords) -> Verdict {
        let unsaid = self.unsaid(delivery, known);
        if unsaid.is_empty() {
            return withdrawn(NO_NEWS);
        }
        match self.not_told(unsaid, delivery).await {
            Ok(()) => withdrawn(&format!("{NOT_TOLD}{NO_NEWS}")),
            Err(error) => Verdict::Waits { retry_after: None, reason: chain(&error).to_string() },
        }
    }

    /// A message that arrived without some of its lines.
    pub(super) async fn leave_out(&self, delivery: &Delivery, known: &KnownRecords) {
        let unsaid = self.unsaid(delivery, known);
        if unsaid.is_empty() {
            return;
        }
        if let Err(error) = self.not_told(unsaid, delivery).await {
            tracing::warn!(channel = delivery.channel, error = %chain(&error), "what a message left out is remembered as told");
        }
    }

    /// Others may have it: who is to be told then is remembered before anything is stored anew.
    async fn not_told(&self, unsaid: Unsaid, delivery: &Delivery) -> Result<(), QueueError> {
        let Unsaid { items, alone } = unsaid;
        if self.channels.find(&delivery.channel).is_some_and(|channel| channel.recipients().len() > 1) {
            left_out::note(&self.queue, &items, &delivery.recipient, self.ambient.now()).await;
        }
        self.queue.not_told(items.into_iter().chain(alone).collect()).await
    }

    fn unsaid(&self, delivery: &Delivery, known: &KnownRecords) -> Unsaid {
        let may_pass = |notice: &&Notice| self.is_stale(notice, known).is_some_and(Stale::may_pass);
        let ids = |notice: &Notice| {
            // It is put as it was before it waited for the end of quiet hours.
            let notice = Notice { put_off: None, ..notice.clone() };
            let alone = Delivery::of(&delivery.channel, &delivery.recipient, notice.clone()).id();
            (Gathered::new(&delivery.channel, notice).id(), alone)
        };
        let (items, alone) = delivery.notices().iter().filter(may_pass).map(ids).unzip();
        Unsaid { items, alone }
    }
}

/// As what it is remembered that was not told.
struct Unsaid {
    /// As what waits for all of the channel.
    items: Vec<String>,
    /// As messages of their own.
    alone: Vec<String>,
}

impl Unsaid {
    fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sender::tests::through;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use chrono::{DateTime, TimeDelta, Utc};

    use crate::ambient::{Ambient, Clock};
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Gathered, Job, Notice, NoticeKind};
    use crate::domain::news::Seen;
    use crate::domain::record::tests::question;
    use crate::domain::record::{Event, Record};
    use crate::domain::secret::Secret;
    use crate::notify::gather::Gatherer;
    use crate::notify::mattermost::MattermostChannel;
    use crate::notify::sender::Sender;
    use crate::notify::service::tests::answering;
    use crate::notify::{Channel, Channels, Scope, Transport};
    use crate::outbound::{Outbound, Reach};
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::worker::Verdict;
    use crate::queue::{NewJob, Placed, Queue as _, Settlement, Sharing, Topic};

    /// Minutes after the questions were asked.
    struct Minutes(AtomicI64);

    impl Clock for Minutes {
        fn now(&self) -> DateTime<Utc> {
            question(2).asked + TimeDelta::minutes(self.0.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(60 * self.0.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    /// A chat, what gathers for it, and what is known of two workloads with a question each.
    struct Desk {
        clock: Arc<Minutes>,
        /// Of each: whether it is watched, and whether its question is open.
        stands: Arc<Mutex<[(bool, bool); 2]>>,
        sender: Sender<SqliteQueue>,
        gatherer: Gatherer<SqliteQueue>,
        _serving: tokio::task::JoinSet<()>,
        arrived: Arc<AtomicUsize>,
        _folder: tempfile::TempDir,
    }

    fn seen((is_watched, is_open): (bool, bool), number: u8, now: DateTime<Utc>) -> Seen {
        if !is_watched {
            return Seen::Gone;
        }
        let mut record = Record::default();
        record.on("web", Event::Ask(Box::new(question(number))), now);
        if !is_open {
            record.on("web", Event::NothingToAsk, now);
        }
        Seen::Here { record: Box::new(record), no_answer: None }
    }

    /// What asks about the first workload, or the second.
    fn asking(number: u8) -> Notice {
        let terms = question(number).terms;
        let mut notice = notice(NoticeKind::Available);
        (notice.workload.uid, notice.to.tag) = (number.to_string().into(), terms.tag.to_string());
        notice.to.digest = Some(terms.digest.to_string());
        Notice { approval: Some((&terms).into()), ..notice }
    }

    impl Desk {
        async fn new() -> Self {
            let (url, arrived, serving) =
                answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(Minutes(AtomicI64::new(0)));
            let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
            let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
            let chat = MattermostChannel::new(Secret::new(url.to_string()));
            let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
            let chat = Transport::Service(Box::new(client), Arc::new(chat));
            let channels = Arc::new(Channels::new(vec![Channel::new("chat".into(), Scope::default(), chat)], None));
            let gatherer = Gatherer {
                queue: queue.clone(),
                channels: Arc::clone(&channels),
                channel: "chat".into(),
                when_looked: Arc::new(|| Some(DateTime::UNIX_EPOCH)),
                ambient: ambient.clone(),
            };
            let stands = Arc::new(Mutex::new([(true, true); 2]));
            let (known, now) = (Arc::clone(&stands), ambient.now());
            let sender = Sender {
                records: Arc::new(move |workload| {
                    let number: u8 = workload.uid.parse().unwrap();
                    let stands = known.lock().unwrap()[usize::from(number) - 1];
                    Box::pin(async move { seen(stands, number, now) })
                }),
                ..through(&queue, &channels, &ambient)
            };
            Self { clock, stands, sender, gatherer, _serving: serving, arrived, _folder: folder }
        }

        /// A look stores what is asked, as each look does.
        async fn looks(&self, numbers: &[u8]) -> Placed {
            let item = |number: &u8| {
                let gathered = Gathered::new("chat", asking(*number));
                NewJob::prompt(Job::Gather(Box::new(gathered)), "", self.sender.ambient.now())
            };
            self.sender.queue.put(numbers.iter().map(item).collect()).await.unwrap()
        }

        /// What waits has its turn. How many messages arrived.
        async fn goes_out(&self) -> usize {
            self.clock.0.fetch_add(1, Ordering::SeqCst);
            self.gatherer.step(&mut None).await.unwrap();
            let before = self.arrived.load(Ordering::SeqCst);
            let topic = Topic::Deliver("chat".into());
            for leased in self.sender.queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs {
                let ended = match self.sender.send(&leased).await {
                    Verdict::Done => Settlement::Done,
                    Verdict::Withdrawn { reason } => Settlement::Withdrawn { reason },
                    other => panic!("{other:?}"),
                };
                self.sender.queue.settle(&leased, ended).await.unwrap();
            }
            self.arrived.load(Ordering::SeqCst) - before
        }

        fn stands(&self, number: usize, stands: (bool, bool)) {
            self.stands.lock().unwrap()[number - 1] = stands;
        }
    }

    /// Fault r28-2: its links were in no message, and the service believed that people had been asked.
    #[tokio::test]
    async fn a_question_that_was_closed_as_its_message_had_its_turn_is_told_once_it_is_open_again() {
        for for_a_while in [(true, false), (false, true)] {
            let desk = Desk::new().await;
            desk.looks(&[1]).await;
            desk.stands(1, for_a_while);
            assert_eq!(desk.goes_out().await, 0, "there is nothing to ask");
            assert_eq!(desk.goes_out().await, 0);
            desk.stands(1, (true, true));
            assert_eq!(desk.looks(&[1]).await, Placed::News);
            assert_eq!(desk.goes_out().await, 1, "{for_a_while:?}");
            for _ in 0..3 {
                assert_eq!(desk.looks(&[1]).await, Placed::Coalesced, "it arrived");
                assert_eq!(desk.goes_out().await, 0);
            }
        }
    }

    #[tokio::test]
    async fn what_a_message_left_out_is_told_once_it_is_news_again_and_what_it_told_is_not() {
        let desk = Desk::new().await;
        desk.looks(&[1, 2]).await;
        desk.stands(2, (true, false));
        assert_eq!(desk.goes_out().await, 1, "of one of them");
        desk.stands(2, (true, true));
        desk.looks(&[1, 2]).await;
        let waiting = crate::queue::Gathering::gathered(&desk.sender.queue, "chat", 10).await.unwrap();
        assert_eq!(waiting.iter().map(|item| &*item.notice.workload.uid).collect::<Vec<_>>(), ["2"]);
        assert_eq!(desk.goes_out().await, 1);
        assert_eq!(desk.looks(&[1, 2]).await, Placed::Coalesced);
    }
}
