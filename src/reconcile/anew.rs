//! Questions that are asked anew as the key of their links is gone: all of them at once would be a flood.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::{Draft, Wrong};
use super::{Reconciler, StepError};
use crate::cluster::Cluster;
use crate::domain::event::{Delivery, Job, Notice};
use crate::domain::record::Question;
use crate::domain::record::sealed::NotOurs;
use crate::queue::{NewJob, Queue, Records, Urgency};
use crate::registry::Registry;

/// Between two such messages of one channel.
const BETWEEN: TimeDelta = TimeDelta::seconds(15);

/// When each channel may have the next of them. There are as many as are configured.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<String, DateTime<Utc>>>);

impl Pace {
    fn next(&self, channel: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = channels.entry(channel.to_owned()).or_insert(now);
        let turn = (*next).max(now);
        *next = turn + BETWEEN;
        turn
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// Whether people were asked before by links that nobody can read any more. It is told once.
    pub(super) fn is_asked_anew(&self, draft: &Draft, before: Option<&Question>) -> bool {
        let is_read = |question: &Question| self.0.keys.named(question.terms.key.as_str()).is_some();
        let is_lost = before.is_some_and(|before| !is_read(before));
        if !is_lost && draft.wrong != Some(Wrong::NotOurs(NotOurs::OtherKey)) {
            return false;
        }
        self.count("proposed", "other_key");
        let now = self.0.ambient.monotonic();
        if let Some(suppressed) = self.1.repeats.line("", ("link key", "asked anew"), now) {
            tracing::warn!(
                suppressed,
                "the key that signed links before is not configured, so they lead nowhere: what is open is asked anew, with at most {} messages a minute and channel. If that key is at hand, put it behind the new one in IMAGE_WATCHER_LINK_KEY",
                60 / BETWEEN.num_seconds()
            );
        }
        true
    }

    /// Stores messages, of each channel one after another.
    pub(super) async fn put_in_turns(&self, deliveries: Vec<Delivery>, trace: &str) -> Result<(), StepError> {
        let (mut turns, now) = (HashMap::new(), self.0.ambient.now());
        let mut jobs = Vec::new();
        for delivery in deliveries {
            // What goes to many is one message to its channel.
            let next = || self.1.pace.next(&delivery.channel, now);
            let what = (delivery.channel.clone(), delivery.notices().first().map(Notice::update_id));
            let not_before = *turns.entry(what).or_insert_with(next);
            let (job, trace) = (Job::Deliver(Box::new(delivery)), trace.to_owned());
            jobs.push(NewJob { job, trace, not_before, urgency: Urgency::Prompt });
        }
        if !jobs.is_empty() {
            self.0.queue.put(jobs).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_a_few_in_a_minute_and_others_have_their_own() {
        let (pace, now) = (Pace::default(), DateTime::UNIX_EPOCH);
        let turn = |channel, seconds| (pace.next(channel, now + TimeDelta::seconds(seconds)) - now).num_seconds();
        assert_eq!([0, 0, 0, 1].map(|now| turn("mail", now)), [0, 15, 30, 45]);
        assert_eq!(turn("chat", 1), 1);
        assert_eq!(turn("mail", 500), 500);
    }
}
