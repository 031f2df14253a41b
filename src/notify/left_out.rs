//! Who did not get a line that stood in the messages of others: what is told again is told to them alone.
//!
//! Each recipient has a message of their own, whose turn comes when it comes: what is no news for a moment is missing in one and stands
//! in another. What is forgotten of this is told to all once more.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use crate::queue::{Gathering, ItemId, Kept, QueueError, Waiting};

/// It is remembered for as long as people may be told of it again.
const REMEMBERED: TimeDelta = TimeDelta::days(30);
/// What is kept of who is still to be told.
const OWED: &str = "owed";
/// The same of who was told since.
const TOLD: &str = "told";

/// Under which it is kept that somebody did not get something.
fn key(item: &str) -> String {
    format!("left out {item}")
}

/// The same of one of them.
fn key_of(item: &str, recipient: &str) -> String {
    format!("left out {item} {recipient}")
}

/// Notes that a recipient of a channel did not get these.
pub(super) async fn note(queue: &impl Kept, items: &[String], recipient: &str, now: DateTime<Utc>) {
    for item in items {
        queue.keep(&key_of(item, recipient), OWED.into(), now + REMEMBERED).await;
        queue.keep(&key(item), OWED.into(), now + REMEMBERED).await;
    }
}

/// Who alone is to be told, of what was left out of messages before.
#[derive(Debug, Default)]
pub(super) struct Owed(HashMap<ItemId, BTreeSet<String>>);

impl Owed {
    /// Of what waits for these recipients.
    pub(super) async fn of(queue: &impl Kept, waiting: &[Waiting], recipients: &[String]) -> Self {
        let mut all = HashMap::new();
        // Who is alone in getting all of a channel is told again what was left out.
        for item in waiting.iter().filter(|item| item.only.is_none() && recipients.len() > 1) {
            if queue.recall(&key(item.id.as_str())).await.is_none() {
                continue;
            }
            let owed = owed(queue, &item.id, recipients).await;
            if !owed.is_empty() {
                all.insert(item.id.clone(), owed);
            }
        }
        Self(all)
    }

    /// Whether a recipient of a channel is told of what is for all of it.
    pub(super) fn includes(&self, item: &Waiting, recipient: &str) -> bool {
        self.0.get(&item.id).is_none_or(|only| only.contains(recipient))
    }

    /// They have messages of it by now. Whose message left it out meanwhile is still to be told.
    pub(super) async fn were_told<Q: Gathering + Kept>(
        self,
        queue: &Q,
        recipients: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), QueueError> {
        let mut left = Vec::new();
        for (item, told) in self.0 {
            for recipient in &told {
                queue.keep(&key_of(item.as_str(), recipient), TOLD.into(), now + REMEMBERED).await;
            }
            if !owed(queue, &item, recipients).await.is_empty() {
                left.push(item.as_str().to_owned());
            }
        }
        if left.is_empty() { Ok(()) } else { queue.not_told(left).await }
    }
}

/// Who of these is still to be told of something.
async fn owed(queue: &impl Kept, item: &ItemId, recipients: &[String]) -> BTreeSet<String> {
    let mut owed = BTreeSet::new();
    for recipient in recipients {
        if queue.recall(&key_of(item.as_str(), recipient)).await.is_some_and(|kept| kept == OWED) {
            owed.insert(recipient.clone());
        }
    }
    owed
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;
    use crate::ambient::{Ambient, Clock};
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Gathered, Job, NoticeKind};
    use crate::domain::news::Seen;
    use crate::domain::record::Record;
    use crate::notify::email::{EmailChannel, SmtpUrl, serve_on};
    use crate::notify::gather::Gatherer;
    use crate::notify::sender::Sender;
    use crate::notify::sender::tests::through;
    use crate::notify::{Channel, Channels, Scope, Transport};
    use crate::outbound::Outbound;
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::worker::Verdict;
    use crate::queue::{Leased, NewJob, Queue as _, Settlement, Sharing, Topic};

    const PEOPLE: [&str; 3] = ["ann@example.com", "ben@example.com", "cy@example.com"];

    struct Minutes(AtomicI64);

    impl Clock for Minutes {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_795_000_000 + 60 * self.0.load(Ordering::SeqCst), 0).unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(60 * self.0.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    /// Mail to three people, of workloads of which some are not watched for the moment.
    struct Desk {
        clock: Arc<Minutes>,
        away: Arc<Mutex<Vec<&'static str>>>,
        sender: Sender<SqliteQueue>,
        gatherer: Gatherer<SqliteQueue>,
        server: TcpListener,
        _folder: tempfile::TempDir,
    }

    impl Desk {
        async fn new() -> Self {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let smtp = SmtpUrl::parse(&format!("smtp://{}?tls=none", server.local_addr().unwrap())).unwrap();
            let to = PEOPLE.map(|person| person.parse().unwrap()).to_vec();
            let email = EmailChannel::new(&smtp, "iw@example.com".parse().unwrap(), to, &Outbound::new(None).unwrap());
            let mail = Channel::new("mail".into(), Scope::default(), Transport::Email(Box::new(email.unwrap())));
            let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Minutes(AtomicI64::new(0))));
            let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
            let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
            let (channels, away) = (Arc::new(Channels::new(vec![mail], None)), Arc::<Mutex<Vec<_>>>::default());
            let gatherer = Gatherer {
                queue: queue.clone(),
                channels: Arc::clone(&channels),
                channel: "mail".into(),
                when_looked: Arc::new(|| Some(DateTime::UNIX_EPOCH)),
                ambient: ambient.clone(),
            };
            let unwatched = Arc::clone(&away);
            let sender = Sender {
                records: Arc::new(move |workload| {
                    let is_away = unwatched.lock().unwrap().contains(&&*workload.uid);
                    let here = Seen::Here { record: Box::new(Record::default()), no_answer: None };
                    Box::pin(async move { if is_away { Seen::Gone } else { here } })
                }),
                ..through(&queue, &channels, &ambient)
            };
            Self { clock, away, sender, gatherer, server, _folder: folder }
        }

        /// A look stores what there is to tell, as each look does.
        async fn looks(&self) {
            let item = |uid: &&str| {
                let mut notice = notice(NoticeKind::Available);
                notice.workload.uid = (*uid).into();
                NewJob::prompt(Job::Gather(Box::new(Gathered::new("mail", notice))), "", self.sender.ambient.now())
            };
            self.sender.queue.put(["one", "two"].iter().map(item).collect()).await.unwrap();
        }

        /// The messages that are made of what waits.
        async fn composed(&self) -> Vec<Leased> {
            self.clock.0.fetch_add(1, Ordering::SeqCst);
            self.gatherer.step(&mut None).await.unwrap();
            let topic = Topic::Deliver("mail".into());
            self.sender.queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs
        }

        /// Sends a message while some workloads are away. To whom, and what it told.
        async fn sends(&self, leased: &Leased, away: &[&'static str]) -> String {
            *self.away.lock().unwrap() = away.to_vec();
            let Job::Deliver(delivery) = &leased.job else { panic!("a message") };
            let person = delivery.recipient.split('@').next().unwrap();
            let told = delivery.notices().iter().map(|notice| &*notice.workload.uid);
            let told = told.filter(|uid| !away.contains(uid)).collect::<Vec<_>>().join("+");
            let ended = if told.is_empty() {
                self.sender.send(leased).await
            } else {
                tokio::join!(self.sender.send(leased), serve_on(&self.server, &[])).0
            };
            let ended = match ended {
                Verdict::Done => Settlement::Done,
                Verdict::Withdrawn { reason } => Settlement::Withdrawn { reason },
                other => panic!("{other:?}"),
            };
            self.sender.queue.settle(leased, ended).await.unwrap();
            format!("{person}: {told}")
        }

        async fn all_sent(&self) -> Vec<String> {
            let mut told = Vec::new();
            for leased in self.composed().await {
                told.push(self.sends(&leased, &[]).await);
            }
            told.sort();
            told
        }
    }

    #[tokio::test]
    async fn what_one_recipient_did_not_get_is_told_to_them_alone() {
        for (away, expected) in [(&["two"][..], "ben: two"), (&["one", "two"], "ben: one+two")] {
            let desk = Desk::new().await;
            desk.looks().await;
            let messages = desk.composed().await;
            assert_eq!(messages.len(), 3);
            for (leased, person) in messages.iter().zip(PEOPLE) {
                desk.sends(leased, if person.starts_with("ben") { away } else { &[] }).await;
            }
            desk.looks().await;
            assert_eq!(desk.all_sent().await, [expected], "the others have it");
            desk.looks().await;
            assert_eq!(desk.all_sent().await, [""; 0], "all of them have it");
        }
    }

    /// The message of one is still under way when it is told again to the other.
    #[tokio::test]
    async fn who_misses_it_later_is_told_of_it_later() {
        let desk = Desk::new().await;
        desk.looks().await;
        let messages = desk.composed().await;
        desk.sends(&messages[0], &[]).await;
        desk.sends(&messages[1], &["two"]).await;
        desk.looks().await;
        assert_eq!(desk.all_sent().await, ["ben: two"]);
        desk.sends(&messages[2], &["two"]).await;
        desk.looks().await;
        assert_eq!(desk.all_sent().await, ["cy: two"]);
    }

    #[tokio::test]
    async fn what_nobody_got_is_told_to_all() {
        let desk = Desk::new().await;
        desk.looks().await;
        for leased in desk.composed().await {
            desk.sends(&leased, &["two"]).await;
        }
        desk.looks().await;
        assert_eq!(desk.all_sent().await, ["ann: two", "ben: two", "cy: two"]);
    }
}
