//! Makes messages of the notices that wait for a channel, when their moment has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Channels;
use super::left_out::Owed;
use crate::ambient::Ambient;
use crate::domain::event::{Delivery, Job, Notice, Told};
use crate::domain::gathering::{Binding, Due, MOST_GATHERED, Moment, WINDOW, due, together, within};
use crate::domain::trace::Trace;
use crate::queue::{Gathering, ItemId, Kept, NewJob, QueueError, Topic, Waiting};
use crate::stop::Stop;
use crate::telemetry::chain;

/// What can't be read or stored is tried again after this time.
const QUEUE_FAILED: Duration = Duration::from_secs(5);
/// It is looked again after this time, as clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Who stands by looks this often.
const STAND_BY: Duration = Duration::from_secs(5);
/// What should have gone out for so long is nobody's any more.
const OVERDUE: Duration = Duration::from_secs(30);

/// When the first look over all of the cluster had ended, if it has.
pub type WhenLooked = Arc<dyn Fn() -> Option<DateTime<Utc>> + Send + Sync>;

/// Makes messages of the notices that wait for one channel.
#[derive(Clone)]
pub struct Gatherer<Q> {
    /// Where they wait, and where messages go.
    pub queue: Q,
    /// The configured channels.
    pub channels: Arc<Channels>,
    /// The name of this one.
    pub channel: String,
    /// When the first look over the cluster had ended.
    pub when_looked: WhenLooked,
    /// The clock.
    pub ambient: Ambient,
}

impl<Q> std::fmt::Debug for Gatherer<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gatherer({})", self.channel)
    }
}

/// Since when what waits was seen to wait, by the clock of whoever gathers: that of the replica which stored it may be minutes
/// apart, so that a window would be over before it began.
#[derive(Debug, Default)]
struct Arrivals {
    seen: HashMap<ItemId, DateTime<Utc>>,
    /// What was there at the beginning came while nobody saw it.
    has_begun: bool,
}

impl Arrivals {
    /// Has what waits be dated by this machine's clock where the date can't be, oldest first.
    fn date(&mut self, waiting: &mut [Waiting], at: Moment) {
        let before = std::mem::take(&mut self.seen);
        for item in waiting.iter_mut() {
            let age = at.now - item.since;
            let is_just_now = age >= TimeDelta::zero() && age <= at.window;
            let arrived = if self.has_begun && !is_just_now { at.now } else { item.since };
            item.since = before.get(&item.id).copied().unwrap_or(arrived);
            self.seen.insert(item.id.clone(), item.since);
        }
        waiting.sort_by_key(|item| item.since);
        self.has_begun = true;
    }
}

/// What who stands by has seen.
#[derive(Debug)]
struct Seen {
    arrivals: Arrivals,
    /// What should have gone out, and since when.
    due: Option<(ItemId, Duration)>,
}

impl Seen {
    /// Of what is there already it is not known since when, either: whoever is to send it may have just begun to wait.
    fn nothing() -> Self {
        Self { arrivals: Arrivals { has_begun: true, ..Arrivals::default() }, due: None }
    }
}

impl<Q: Gathering + Kept> Gatherer<Q> {
    /// Works until `stop` is raised. What waits then is stored, and waits for the next start.
    pub async fn run(self, mut stop: Stop) {
        let changed = self.queue.changed(&Topic::Gather(self.channel.clone()));
        let (mut last, mut arrivals) = (None, Arrivals::default());
        while !stop.is_raised() {
            let woken = Arc::clone(&changed).notified_owned();
            let (wait, listens) = match self.step_seeing(&mut last, &mut arrivals).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(channel = self.channel, error = %chain(&error), "what waits to be told can't be made into messages now; it is kept");
                    (QUEUE_FAILED, false)
                }
            };
            tokio::select! {
                () = stop.raised() => {}
                () = woken, if listens => {}
                () = tokio::time::sleep(wait.clamp(Duration::from_millis(1), LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Makes the messages that whoever is to make them does not, until `stop` is raised: what waits is never left to somebody who
    /// is not there. `is_this_one` says whether that is this process, which does so by [`Self::run`] then.
    pub async fn stand_by(self, is_this_one: impl Fn() -> bool, mut stop: Stop) {
        let mut seen = Seen::nothing();
        while !stop.is_raised() {
            if is_this_one() {
                seen = Seen::nothing();
            } else if let Err(error) = self.step_in(&mut seen).await {
                tracing::debug!(channel = self.channel, error = %chain(&error), "what waits to be told can't be read now");
            }
            tokio::select! {
                () = stop.raised() => {}
                () = tokio::time::sleep(STAND_BY) => {}
            }
        }
    }

    /// Makes messages if the same has been due for [`OVERDUE`] and nobody did. Two who do so at once make the same messages.
    async fn step_in(&self, seen: &mut Seen) -> Result<(), QueueError> {
        let mut waiting = self.queue.gathered(&self.channel, MOST_GATHERED).await?;
        let at = self.moment(None);
        // As if something had just gone out: nobody lets anything wait for longer.
        let at = Moment { last: Some(at.now), ..at };
        seen.arrivals.date(&mut waiting, at);
        let since: Vec<DateTime<Utc>> = waiting.iter().map(|item| item.since).collect();
        let Some(oldest) = waiting.first().filter(|_| due(&since, at) == Due::Now) else {
            seen.due = None;
            return Ok(());
        };
        let now = self.ambient.monotonic();
        match &seen.due {
            Some((id, first)) if *id == oldest.id => {
                if now.saturating_sub(*first) >= OVERDUE {
                    self.compose(&waiting, at).await?;
                    seen.due = None;
                    tracing::warn!(
                        channel = self.channel,
                        notices = waiting.len(),
                        "who is to send what waits does not: it goes out all the same"
                    );
                }
            }
            _ => seen.due = Some((oldest.id.clone(), now)),
        }
        Ok(())
    }

    /// What [`Self::step_seeing`] does of whoever has seen nothing before.
    #[cfg(test)]
    pub(super) async fn step(&self, last: &mut Option<DateTime<Utc>>) -> Result<(Duration, bool), QueueError> {
        self.step_seeing(last, &mut Arrivals::default()).await
    }

    /// Makes messages if it is time. How long nothing has to be done, and whether something new changes that.
    async fn step_seeing(
        &self,
        last: &mut Option<DateTime<Utc>>,
        arrivals: &mut Arrivals,
    ) -> Result<(Duration, bool), QueueError> {
        let mut waiting = self.queue.gathered(&self.channel, MOST_GATHERED).await?;
        let at = self.moment(*last);
        arrivals.date(&mut waiting, at);
        let since: Vec<DateTime<Utc>> = waiting.iter().map(|item| item.since).collect();
        match due(&since, at) {
            Due::Never => Ok((LONGEST_SLEEP, true)),
            // Another one that joins a window does not change when it closes.
            Due::At(when) => Ok(((when - at.now).to_std().unwrap_or_default(), since.len() == 1)),
            Due::Now => {
                self.compose(&waiting, at).await?;
                *last = Some(at.now);
                Ok((Duration::ZERO, true))
            }
        }
    }

    fn moment(&self, last: Option<DateTime<Utc>>) -> Moment {
        // Whoever asks first whether the first look has ended sets that moment, which is to be before this one.
        let looked = (self.when_looked)();
        let (now, scope) = (self.ambient.now(), self.channels.find(&self.channel).map(super::Channel::scope));
        let window = scope.and_then(|scope| scope.window).unwrap_or(WINDOW);
        let quiet_until = scope.and_then(|scope| scope.quiet.as_ref()?.open_until(now));
        // What is composed for a channel that takes nothing goes out as it is when it does: so many messages.
        let closed_for =
            self.channels.find(&self.channel).and_then(|it| it.gate().closed_for(self.ambient.monotonic()));
        let closed_for = closed_for.filter(|wait| !wait.is_zero()).and_then(|wait| TimeDelta::from_std(wait).ok());
        let closed_until = closed_for.and_then(|wait| now.checked_add_signed(wait));
        let quiet_until = quiet_until.max(closed_until);
        Moment { now, window, last, looked, quiet_until }
    }

    /// Those that are shown in a message which stands there already, and are told below it; and all others.
    async fn followed<'w>(&self, waiting: &'w [Waiting]) -> (Vec<&'w Waiting>, Vec<&'w Waiting>) {
        let (mut followed, mut others) = (Vec::new(), Vec::new());
        let channel = self.channels.find(&self.channel);
        for item in waiting {
            let key = channel.and_then(|channel| channel.place_of(&item.notice));
            let kept = match key {
                Some(key) => self.queue.recall(&key).await,
                None => None,
            };
            let is_there = kept.zip(channel).is_some_and(|(kept, channel)| channel.place_in(&kept).is_some());
            if is_there { followed.push(item) } else { others.push(item) }
        }
        (followed, others)
    }

    /// Makes messages of as much of it as the store takes at once: what is beyond is read again, and its moment has come as well.
    async fn compose(&self, waiting: &[Waiting], at: Moment) -> Result<(), QueueError> {
        let mut first = waiting;
        loop {
            let composed = self.compose_all(first, at).await;
            let half = first.len() / 2;
            match (composed, first.get(..half)) {
                (Err(QueueError::TooLarge { .. }), Some(fewer)) if half > 0 => first = fewer,
                (composed, _) => return composed,
            }
        }
    }

    async fn compose_all(&self, waiting: &[Waiting], at: Moment) -> Result<(), QueueError> {
        let (followed, waiting_for_others) = self.followed(waiting).await;
        let configured = self.channels.find(&self.channel).map(super::Channel::recipients).unwrap_or_default();
        let owed = Owed::of(&self.queue, waiting, &configured).await;
        let mut recipients = configured.clone();
        // Who was taken out since is no recipient: the channel says so of a message to them, which is a dead letter then.
        for only in waiting.iter().filter_map(|item| item.only.as_ref()) {
            if !recipients.contains(only) {
                recipients.push(only.clone());
            }
        }
        let binding = waiting.first().map_or(Binding::Cause, |oldest| Binding::of(oldest.since, at));
        let mut messages = Vec::new();
        for recipient in recipients {
            let is_configured = configured.contains(&recipient);
            let is_told = |item: &Waiting| match &item.only {
                Some(only) => *only == recipient,
                None => is_configured && owed.includes(item, &recipient),
            };
            let others: Vec<&Waiting> = waiting_for_others.iter().copied().filter(|item| is_told(item)).collect();
            let notices: Vec<&Notice> = others.iter().map(|item| &item.notice).collect();
            let gathered = together(&notices, binding).into_iter().map(|places| -> Vec<&Waiting> {
                places.iter().filter_map(|place| others.get(*place).copied()).collect()
            });
            let alone = followed.iter().copied().filter(|item| is_told(item)).map(|item| vec![item]);
            let bounded = alone.chain(gathered).flat_map(|message| within(message, |item| &item.notice));
            for items in bounded {
                let Some(told) = Told::of(items.iter().map(|item| item.notice.clone()).collect()) else { continue };
                let trace = items.first().map_or_else(|| Trace::from(""), |item| item.trace.clone());
                let delivery = Delivery { channel: self.channel.clone(), recipient: recipient.clone(), told };
                let job = NewJob::prompt(Job::Deliver(Box::new(delivery)), trace, at.now);
                let failed = items.iter().filter_map(|item| item.failed.clone()).max_by_key(|failed| failed.at);
                messages.push(NewJob { failed, ..job });
            }
        }
        let count = messages.len();
        self.queue.compose(waiting.iter().map(|item| item.id.clone()).collect(), messages).await?;
        owed.were_told(&self.queue, &configured, at.now).await?;
        tracing::debug!(channel = self.channel, notices = waiting.len(), messages = count, "what waited goes out");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::ambient::Clock;
    use crate::domain::event::NoticeKind;
    use crate::domain::event::tests::notice;
    use crate::domain::secret::Secret;
    use crate::notify::mattermost::MattermostChannel;
    use crate::notify::{Channel, Scope, Transport};
    use crate::outbound::{Outbound, Reach};
    use crate::queue::sqlite::SqliteQueue;
    use crate::queue::{Queue as _, Settlement, Sharing};

    struct Seconds(AtomicI64);

    impl Clock for Seconds {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_795_000_000 + self.0.load(Ordering::SeqCst), 0).unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
        }
    }

    fn gatherer(queue: &SqliteQueue, ambient: &Ambient, when_looked: WhenLooked) -> Gatherer<SqliteQueue> {
        let chat = MattermostChannel::new(Secret::new("https://chat.example.com/hooks/x".into()));
        let client = Outbound::new(None).unwrap().client(Reach::Named).unwrap();
        let chat = Transport::Service(Box::new(client), Arc::new(chat));
        let channels = Channels::new(vec![Channel::new("chat".into(), Scope::default(), chat)], None);
        let (channels, ambient) = (Arc::new(channels), ambient.clone());
        Gatherer { queue: queue.clone(), channels, channel: "chat".into(), when_looked, ambient }
    }

    /// Whoever asks first sees the end, and time passes while it asks.
    #[tokio::test]
    async fn what_the_first_look_found_is_one_message_also_of_whoever_sees_its_end() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(0))));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        for name in ["api", "web", "worker"] {
            let mut notice = notice(NoticeKind::Available);
            (notice.workload.name, notice.workload.uid) = (name.into(), name.into());
            notice.from.repository = format!("registry.example.com/shop/{name}");
            let gathered = crate::domain::event::Gathered::new("chat", notice);
            queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", ambient.now())]).await.unwrap();
        }
        clock.0.fetch_add(31, Ordering::SeqCst);
        let passes = Arc::clone(&clock);
        let when_looked: WhenLooked = Arc::new(move || {
            passes.0.fetch_add(1, Ordering::SeqCst);
            Some(passes.now())
        });
        gatherer(&queue, &ambient, when_looked).step(&mut None).await.unwrap();
        let sent = queue.lease(&Topic::Deliver("chat".into()), 10, &Sharing::in_order(10)).await.unwrap().jobs;
        assert_eq!(sent.len(), 1, "{sent:?}");
    }

    #[tokio::test]
    async fn a_window_does_not_depend_on_the_clock_of_the_replica_that_stored_what_waits() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(10_000))));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let gatherer = gatherer(&queue, &ambient, Arc::new(|| Some(DateTime::UNIX_EPOCH)));
        for version in ["1.3.1", "1.3.2"] {
            let mut notice = notice(NoticeKind::Available);
            notice.to.tag = version.into();
            let gathered = crate::domain::event::Gathered::new("chat", notice);
            queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", ambient.now())]).await.unwrap();
        }
        let waiting = queue.gathered("chat", MOST_GATHERED).await.unwrap();
        for apart in [-600, 0, 600].map(TimeDelta::seconds) {
            clock.0.store(10_000, Ordering::SeqCst);
            let stored = || {
                let dated = |item: &Waiting| Waiting { since: item.since + apart, ..item.clone() };
                waiting.iter().map(dated).collect::<Vec<_>>()
            };
            let mut arrivals = Arrivals::default();
            arrivals.date(&mut [], gatherer.moment(None));
            let mut at_second = |second: i64| {
                clock.0.store(10_000 + second, Ordering::SeqCst);
                let (mut waiting, at) = (stored(), gatherer.moment(None));
                arrivals.date(&mut waiting, at);
                let since: Vec<DateTime<Utc>> = waiting.iter().map(|item| item.since).collect();
                (due(&since, at), Binding::of(since[0], at))
            };
            let closes = ambient.now() + WINDOW;
            for second in [0, 10, WINDOW.num_seconds() - 1] {
                assert_eq!(at_second(second), (Due::At(closes), Binding::Cause), "{apart} after {second} s");
            }
            assert_eq!(at_second(WINDOW.num_seconds()), (Due::Now, Binding::Cause), "{apart}");
        }
    }

    /// Without a holder of the Lease nobody is to make messages, and people are told all the same.
    #[tokio::test]
    async fn what_nobody_sends_goes_out_half_a_minute_after_it_should_have() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(0))));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let gatherer = gatherer(&queue, &ambient, Arc::new(|| Some(DateTime::UNIX_EPOCH)));
        let gathered = crate::domain::event::Gathered::new("chat", notice(NoticeKind::Applied));
        queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", ambient.now())]).await.unwrap();
        let (mut seen, topic) = (Seen::nothing(), Topic::Deliver("chat".into()));
        let told = async || queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs.len();
        for second in 0..120 {
            clock.0.store(second, Ordering::SeqCst);
            gatherer.step_in(&mut seen).await.unwrap();
            if told().await > 0 {
                assert_eq!(second, 60, "a window, and half a minute");
                return;
            }
        }
        panic!("nobody is told");
    }

    /// Who is to send it waits for a window by its own clock, whatever that of the replica says which stored it.
    #[tokio::test]
    async fn who_stands_by_waits_as_long_as_who_is_to_send_it_whatever_the_clocks_say() {
        for apart in [-600, 0, 600].map(TimeDelta::seconds) {
            let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(10_000))));
            let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
            let stored = Ambient::system().at(Arc::new(Seconds(AtomicI64::new(10_000 + apart.num_seconds()))));
            let queue = SqliteQueue::open(folder.path(), &stored).unwrap();
            let gatherer = gatherer(&queue, &ambient, Arc::new(|| Some(DateTime::UNIX_EPOCH)));
            let gathered = crate::domain::event::Gathered::new("chat", notice(NoticeKind::Applied));
            queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", stored.now())]).await.unwrap();
            let (mut seen, mut out) = (Seen::nothing(), None);
            for second in 0..120 {
                clock.0.store(10_000 + second, Ordering::SeqCst);
                gatherer.step_in(&mut seen).await.unwrap();
                let waits = !queue.gathered("chat", MOST_GATHERED).await.unwrap().is_empty();
                out = out.or((!waits).then_some(second));
            }
            assert_eq!(out, Some(60), "{apart}: a window, and half a minute");
        }
    }

    /// What happens while a channel takes nothing is one message when it does.
    #[tokio::test]
    async fn what_waits_for_a_channel_that_is_closed_is_one_message() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(0))));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let gatherer = gatherer(&queue, &ambient, Arc::new(|| Some(DateTime::UNIX_EPOCH)));
        let refused = crate::notify::Attempt::Refused { reason: "status 401".into() };
        let now = crate::notify::gate::Moment { wall: ambient.now(), monotonic: ambient.monotonic() };
        gatherer.channels.find("chat").unwrap().gate().learn(&refused, now, 0.5);
        let (mut last, mut told) = (None, Vec::new());
        for second in 0..700 {
            if second % 60 == 0 {
                let mut notice = notice(NoticeKind::Available);
                notice.to.tag = format!("1.3.{second}");
                let gathered = crate::domain::event::Gathered::new("chat", notice);
                queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", ambient.now())]).await.unwrap();
            }
            clock.0.store(second, Ordering::SeqCst);
            gatherer.step(&mut last).await.unwrap();
            for leased in queue.lease(&Topic::Deliver("chat".into()), 10, &Sharing::in_order(10)).await.unwrap().jobs {
                let Job::Deliver(delivery) = &leased.job else { panic!("a delivery") };
                told.push((second, delivery.notices().len()));
                queue.settle(&leased, Settlement::Done).await.unwrap();
            }
        }
        assert_eq!(told.first(), Some(&(600, 11)), "ten minutes: {told:?}");
    }

    /// Fault M7: somebody edits a setting fifteen times, and each edit asks about another version.
    #[tokio::test]
    async fn who_edits_a_setting_fifteen_times_makes_two_messages() {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Seconds(AtomicI64::new(0))));
        let ambient = Ambient::system().at(Arc::clone(&clock) as Arc<dyn Clock>);
        let queue = SqliteQueue::open(folder.path(), &ambient).unwrap();
        let gatherer = gatherer(&queue, &ambient, Arc::new(|| Some(DateTime::UNIX_EPOCH)));
        let (mut last, mut told) = (None, Vec::new());
        for second in 0..60 {
            if second < 15 {
                let mut notice = notice(NoticeKind::Available);
                notice.to.tag = format!("1.3.{second}");
                let gathered = crate::domain::event::Gathered::new("chat", notice);
                queue.put(vec![NewJob::prompt(Job::Gather(Box::new(gathered)), "", ambient.now())]).await.unwrap();
            }
            clock.0.fetch_add(1, Ordering::SeqCst);
            gatherer.step(&mut last).await.unwrap();
            let topic = Topic::Deliver("chat".into());
            for leased in queue.lease(&topic, 10, &Sharing::in_order(10)).await.unwrap().jobs {
                let Job::Deliver(delivery) = &leased.job else { panic!("a delivery") };
                told.push((second, delivery.notices().len()));
                queue.settle(&leased, Settlement::Done).await.unwrap();
            }
        }
        let notices: usize = told.iter().map(|(_, count)| count).sum();
        assert_eq!((told.len(), notices), (2, 15), "{told:?}");
        assert!(told[1].0 - told[0].0 >= 29, "{told:?}");
    }
}
