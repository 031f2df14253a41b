//! What replicas that share a queue tell one another: what looks came to, and which link keys they have. It is stored nowhere, and
//! who is away misses it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use crate::cluster::Cluster;
use crate::queue::{NewsKind, Queue, Records};
use crate::reconcile::Reconciler;
use crate::registry::Registry;
use crate::stop::Stop;
use crate::task::Task;

/// Which keys a replica has is said this often.
const EACH: Duration = Duration::from_secs(5);
/// A replica that said nothing for so long is no more; and for so long after the start nobody knows yet who there is.
const SILENCE: Duration = Duration::from_secs(15);
/// That records were left to others is told for so long: they are tried again more often.
const TOLD: Duration = Duration::from_secs(1200);
/// The most keys of others that are remembered.
const MOST_KEYS: usize = 256;

/// The names of the link keys that a replica has.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// As records have them.
    keys: Vec<String>,
}

/// What is known of others. Time is the monotonic clock's.
#[derive(Debug, Default)]
pub(crate) struct Others(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When somebody last said that it has a key.
    keys: HashMap<String, Duration>,
    /// Since when they are listened to.
    since: Option<Duration>,
    /// When a record was last left to whoever has its key.
    left: Option<Duration>,
}

impl Others {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn have(&mut self, keys: Vec<String>, now: Duration) {
        self.keys.retain(|_, at| now.saturating_sub(*at) < SILENCE);
        for key in keys {
            if self.keys.len() < MOST_KEYS || self.keys.contains_key(&key) {
                self.keys.insert(key, now);
            }
        }
    }

    /// Whether another has this key, or may have it as nobody was listened to for long enough.
    fn may_have(&self, key: &str, now: Duration) -> bool {
        let is_new = self.since.is_none_or(|since| now.saturating_sub(since) < SILENCE);
        is_new || self.keys.get(key).is_some_and(|at| now.saturating_sub(*at) < SILENCE)
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// What has to run where others share the queue: those are looked at who wait here for what another has seen end, and what the
    /// others tell is taken over.
    #[must_use]
    pub fn beside_others(&self, stop: &Stop) -> [Task; 2] {
        let (waking, hearing) = (self.clone(), self.clone());
        let (until, ends) = (stop.clone(), stop.clone());
        [
            Task::new("waking", async move { waking.keep_waking(until).await }),
            Task::new("told", async move { hearing.keep_hearing(ends).await }),
        ]
    }
}

impl<Q, R, C> Reconciler<Q, R, C> {
    /// Whether a record that was signed with this key is left to another replica, which has it as this one has not.
    pub(crate) fn is_left_to_others(&self, key: &str) -> bool {
        if !self.0.replicas.are_possible() {
            return false;
        }
        let (mut known, now) = (self.1.others.known(), self.0.ambient.monotonic());
        let is_left = known.may_have(key, now);
        if is_left {
            known.left = Some(now);
        }
        is_left
    }

    /// What is wrong between the replicas, in words, if anything is: they have different link keys.
    #[must_use]
    pub fn differs_from_others(&self) -> Option<String> {
        let left = self.1.others.known().left?;
        let is_now = self.0.ambient.monotonic().saturating_sub(left) < TOLD;
        let words = "records are signed with a link key that another replica has and this one has not: it leaves them, and their \
                     questions, to that one; give all replicas the same keys (docs/record.md)";
        is_now.then(|| words.to_owned())
    }

    /// Tells the others something, as far as they listen.
    pub(crate) fn tell_replicas(&self, kind: NewsKind, news: &impl Serialize) {
        self.0.replicas.tell_counted(kind, news, &self.0.metrics);
    }

    /// Tells them which link keys this one has.
    pub(crate) fn tell_keys(&self) {
        let keys = self.0.keys.names().map(str::to_owned).collect();
        self.tell_replicas(NewsKind::Keys, &Keys { keys });
    }

    /// Tells the others which link keys this one has, and takes over what they tell, until the process is to end.
    pub async fn keep_hearing(&self, mut stop: Stop) {
        let replicas = &self.0.replicas;
        let (Some(mut looks), Some(mut keys)) = (replicas.hear(NewsKind::Look), replicas.hear(NewsKind::Keys)) else {
            return stop.raised().await;
        };
        self.1.others.known().since = Some(self.0.ambient.monotonic());
        let mut each = tokio::time::interval(EACH);
        loop {
            let heard = tokio::select! {
                () = stop.raised() => return,
                _ = each.tick() => {
                    self.tell_keys();
                    continue;
                }
                news = looks.recv() => news.map(|news| self.read_news(&news, |told| self.1.looked.put(told))),
                news = keys.recv() => news.map(|news| self.read_news(&news, |Keys { keys }| {
                    self.1.others.known().have(keys, self.0.ambient.monotonic());
                })),
            };
            match heard {
                Ok(()) => {}
                Err(RecvError::Lagged(missed)) => self.0.metrics.replica_news("missed", missed),
                Err(RecvError::Closed) => return stop.raised().await,
            }
        }
    }

    /// Takes over what another told. What another version wrote may not be readable here.
    fn read_news<N: DeserializeOwned>(&self, news: &str, take: impl FnOnce(N)) {
        match serde_json::from_str(news) {
            Ok(news) => take(news),
            Err(_) => self.0.metrics.replica_news("unreadable", 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_somebodys_for_as_long_as_he_says_so() {
        let at = Duration::from_secs;
        let mut known = Known::default();
        assert!(known.may_have("a", at(0)), "nobody was listened to");
        known.since = Some(at(0));
        assert!(known.may_have("a", at(14)) && !known.may_have("a", at(15)));
        known.have(vec!["a".into()], at(20));
        assert_eq!(["a", "b"].map(|key| known.may_have(key, at(34))), [true, false]);
        assert!(!known.may_have("a", at(35)));
        known.have((0..1000).map(|n| n.to_string()).collect(), at(40));
        assert_eq!(known.keys.len(), MOST_KEYS);
    }
}
