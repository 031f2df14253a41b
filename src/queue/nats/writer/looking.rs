//! What others write into the bucket, and what becomes of the bucket itself.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::Writer;
use crate::queue::nats::bucket::{CALL, Seen};
use crate::queue::nats::error::NatsError;
use crate::telemetry::chain;

impl Writer {
    /// Takes over what was written.
    pub(super) fn see(&mut self, seen: Result<Seen, NatsError>) {
        match seen {
            Ok(seen) => self.take_over(&seen),
            Err(error) => {
                tracing::debug!(error = %chain(&error), "an entry of the NATS bucket was missed, and is read when it is used");
            }
        }
    }

    /// Follows the bucket anew, from what stands in it.
    pub(super) async fn follow_again(&mut self) {
        if self.bucket.is_there().is_ok()
            && let Ok(following) = self.bucket.follow("").await
        {
            self.following = following;
        }
    }

    pub(in crate::queue::nats) fn take_over(&mut self, Seen { key, revision, value }: &Seen) {
        let dead = self.jobs.rows.dead();
        for topic in self.jobs.take_over(key, *revision, value.as_deref()) {
            self.wakers.of(&topic).notify_one();
        }
        if self.jobs.rows.dead() > dead {
            self.given_up.notify_one();
        }
    }

    /// Reads what somebody was faster with.
    pub(super) async fn refresh(&mut self, keys: Vec<String>) -> Result<(), NatsError> {
        for key in keys {
            let entry = self.bucket.read(&key).await?;
            // What the server says holds, also where it knows less than it did: it lost what it had not synced, or a copy of
            // its files was put back.
            if entry.revision < self.jobs.rows.revision(&key) {
                self.jobs.forget(&key);
            }
            if entry.revision > 0 {
                self.take_over(&Seen { key, revision: entry.revision, value: entry.value });
            }
        }
        Ok(())
    }

    /// Asks how full the bucket is, and makes room where that is needed. Where it is not the bucket that it was, or has less
    /// than it had, it is read from its beginning.
    pub(super) async fn look(&mut self) {
        let standing = match self.bucket.standing().await {
            Ok(standing) => standing,
            Err(error) => return self.is_unanswered(&error).await,
        };
        self.unanswered.ends();
        self.listens();
        if let Some(identity) = &self.identity {
            self.tables.keep_identity(identity).await;
        }
        self.room.asked(&standing);
        let is_another = standing.created != self.standing.created || standing.last < self.standing.last;
        if is_another || self.bucket.remade() != self.remade {
            match self.read_anew().await {
                Ok(()) => (self.standing, self.remade) = (standing, self.bucket.remade()),
                Err(error) => tracing::warn!(error = %chain(&error), "the NATS bucket can't be read anew now"),
            }
            return;
        }
        self.standing = standing;
        if self.room.is_scarce() {
            self.make_room().await;
        }
    }

    /// Says, once, where this process is not heard, though NATS answers.
    fn listens(&mut self) {
        // Since a connection was made it was not listened for yet.
        let is_new = self.alive.connections.load(Ordering::Relaxed) != self.alive.seen;
        let is_deaf = !is_new && !self.jobs.hears_itself();
        if is_deaf && !self.alive.is_deaf {
            let error = NatsError::Unheard(self.alive.subject.clone());
            tracing::error!(%error, "other replicas take this one for dead, and do again what it does");
        }
        self.alive.is_deaf = is_deaf;
    }

    /// Why the queue does not do what it has to, for whoever asks how it does.
    pub(super) fn trouble(&self) -> Option<String> {
        let deaf = || self.alive.is_deaf.then(|| NatsError::Unheard(self.alive.subject.clone()).to_string());
        self.failing.clone().or_else(deaf)
    }

    /// Nobody answers for the bucket. Where a server is connected all the same, it may be cut off from those that keep the bucket,
    /// so another is tried: soon, and less and less often.
    pub(super) async fn is_unanswered(&mut self, error: &NatsError) {
        let now = self.jobs.ambient.monotonic();
        // It was waited for until now.
        let asked = if matches!(error, NatsError::Late(_)) { now.saturating_sub(CALL) } else { now };
        if self.bucket.is_there().is_err() || !self.unanswered.goes_on(now, asked) {
            return;
        }
        tracing::warn!(error = %chain(error), "NATS is connected and does not answer for the bucket: another server is tried");
        self.alive.elsewhere.go(&self.alive.client).await;
    }

    /// Drops all that stands in the buckets, but the mark of a move.
    pub(super) async fn empty(&mut self) -> Result<(), NatsError> {
        self.bucket.purge(">").await?;
        self.tables.empty().await?;
        let known: Vec<String> = self.jobs.rows.places().cloned().collect();
        for place in &known {
            self.jobs.forget(place);
        }
        self.follow_again().await;
        Ok(())
    }

    /// Believes what stands in the bucket, and nothing else.
    async fn read_anew(&mut self) -> Result<(), NatsError> {
        let mut following = self.bucket.follow("").await?;
        let stands = following.read_to_end().await?;
        self.following = following;
        let there: HashSet<&str> = stands.iter().map(|seen| seen.key.as_str()).collect();
        let gone: Vec<String> =
            self.jobs.rows.places().filter(|place| !there.contains(place.as_str())).cloned().collect();
        tracing::warn!(
            entries = stands.len(),
            missing = gone.len(),
            "the NATS bucket is another one, or has less than it had; what it says holds"
        );
        for place in &gone {
            self.jobs.forget(place);
        }
        for seen in &stands {
            if seen.revision < self.jobs.rows.revision(&seen.key) {
                self.jobs.forget(&seen.key);
            }
            self.take_over(seen);
        }
        self.wakers.wake_all();
        Ok(())
    }
}
