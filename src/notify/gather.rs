//! Makes messages of the notices that wait for a channel, when their moment has come.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Channels;
use crate::ambient::Ambient;
use crate::domain::event::{Delivery, Job, Notice, Told};
use crate::domain::gathering::{Binding, Due, MOST_GATHERED, Moment, WINDOW, due, together};
use crate::queue::{Gathering, Kept, NewJob, QueueError, Topic, Waiting};
use crate::stop::Stop;
use crate::telemetry::chain;

/// What can't be read or stored is tried again after this time.
const QUEUE_FAILED: Duration = Duration::from_secs(5);
/// It is looked again after this time, as clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Whether all of the cluster was looked at once.
pub type HasLooked = Arc<dyn Fn() -> bool + Send + Sync>;

/// Makes messages of the notices that wait for one channel.
pub struct Gatherer<Q> {
    /// Where they wait, and where messages go.
    pub queue: Q,
    /// The configured channels.
    pub channels: Arc<Channels>,
    /// The name of this one.
    pub channel: String,
    /// Whether the first look over the cluster has ended.
    pub has_looked: HasLooked,
    /// The clock.
    pub ambient: Ambient,
}

impl<Q> std::fmt::Debug for Gatherer<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gatherer({})", self.channel)
    }
}

impl<Q: Gathering + Kept> Gatherer<Q> {
    /// Works until `stop` is raised. What waits then is stored, and waits for the next start.
    pub async fn run(self, mut stop: Stop) {
        let changed = self.queue.changed(&Topic::Gather(self.channel.clone()));
        let mut last = None;
        while !stop.is_raised() {
            let woken = Arc::clone(&changed).notified_owned();
            let (wait, listens) = match self.step(&mut last).await {
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

    /// Makes messages if it is time. How long nothing has to be done, and whether something new changes that.
    async fn step(&self, last: &mut Option<DateTime<Utc>>) -> Result<(Duration, bool), QueueError> {
        let waiting = self.queue.gathered(&self.channel, MOST_GATHERED).await?;
        let since: Vec<DateTime<Utc>> = waiting.iter().map(|item| item.since).collect();
        let at = self.moment(*last);
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
        let (now, scope) = (self.ambient.now(), self.channels.find(&self.channel).map(super::Channel::scope));
        let window = scope.and_then(|scope| scope.window).unwrap_or(WINDOW);
        let quiet_until = scope.and_then(|scope| scope.quiet.as_ref()?.open_until(now));
        Moment { now, window, last, has_looked: (self.has_looked)(), quiet_until }
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

    async fn compose(&self, waiting: &[Waiting], at: Moment) -> Result<(), QueueError> {
        let (followed, waiting_for_others) = self.followed(waiting).await;
        let notices: Vec<&Notice> = waiting_for_others.iter().map(|item| &item.notice).collect();
        let recipients = self.channels.find(&self.channel).map(super::Channel::recipients).unwrap_or_default();
        let mut messages = Vec::new();
        let binding = waiting.first().map_or(Binding::Cause, |oldest| Binding::of(oldest.since, at));
        let gathered = together(&notices, binding).into_iter().map(|places| -> Vec<&Waiting> {
            places.iter().filter_map(|place| waiting_for_others.get(*place).copied()).collect()
        });
        for items in followed.into_iter().map(|item| vec![item]).chain(gathered) {
            let Some(told) = told(&items) else { continue };
            let trace = items.first().map_or("", |item| &item.trace);
            messages.extend(recipients.iter().map(|recipient| {
                let (channel, recipient, told) = (self.channel.clone(), recipient.clone(), told.clone());
                NewJob::prompt(Job::Deliver(Box::new(Delivery { channel, recipient, told })), trace, at.now)
            }));
        }
        let count = messages.len();
        self.queue.compose(waiting.iter().map(|item| item.id.clone()).collect(), messages).await?;
        tracing::debug!(channel = self.channel, notices = waiting.len(), messages = count, "what waited goes out");
        Ok(())
    }
}

fn told(items: &[&Waiting]) -> Option<Told> {
    match items {
        [] => None,
        [only] => Some(Told::One(Box::new(only.notice.clone()))),
        several => {
            let notices: Vec<Notice> = several.iter().map(|item| item.notice.clone()).collect();
            Some(Told::Several { id: Delivery::collection(&notices), notices })
        }
    }
}
