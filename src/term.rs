//! What one of several replicas does alone, and when this one is that.

use std::future::Future;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::stop::{Raise, Stop};
use crate::task::Task;

/// A change of holders takes no longer, whatever becomes of the one before.
const LONGEST_CHANGE: TimeDelta = TimeDelta::seconds(30);

/// Whether this replica is the one that does what is done alone. Clones share it.
#[derive(Clone, Debug)]
pub struct Holding {
    term: watch::Receiver<Option<Stop>>,
    /// Until when it is the one if nothing is heard any more; nothing where that has no end. A process may have stood still for longer,
    /// and says of a term that is over that it is not before it has gone on.
    until: watch::Receiver<Option<Instant>>,
    /// Since when no replica is known to be the one.
    nobody: watch::Receiver<Option<DateTime<Utc>>>,
    stop: Stop,
}

impl Holding {
    /// There is no other replica, until `stop` is raised.
    #[must_use]
    pub fn always(stop: Stop) -> Self {
        let (_, term) = watch::channel(Some(stop.clone()));
        let (_, until) = watch::channel(None);
        let (_, nobody) = watch::channel(None);
        Self { term, until, nobody, stop }
    }

    /// Whether this replica is the one now.
    #[must_use]
    pub fn is_this_one(&self) -> bool {
        let is_over = self.until.borrow().is_some_and(|until| until <= Instant::now());
        !is_over && self.term.borrow().as_ref().is_some_and(|term| !term.is_raised())
    }

    /// Since when no replica is known to be the one, where that is for longer than a change of holders takes.
    #[must_use]
    pub fn nobody_since(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.nobody.borrow().filter(|since| now - *since > LONGEST_CHANGE)
    }

    /// Waits until this replica is the one. Gives a flag that is raised when it is none any more, or nothing when the process
    /// is to end.
    pub async fn begins(&mut self) -> Option<Stop> {
        let Self { term, stop, .. } = self;
        let holds = term.wait_for(|term| term.as_ref().is_some_and(|term| !term.is_raised()));
        tokio::select! {
            biased;
            () = stop.raised() => None,
            term = holds => term.ok()?.clone(),
        }
    }

    /// A task of which this replica does the work while it is the one: the work is begun whenever that is so, and told to end
    /// when it is so no more.
    #[must_use]
    pub fn alone<F>(&self, name: &'static str, work: impl Fn(Stop) -> F + Send + Sync + 'static) -> Task
    where
        F: Future<Output = ()> + Send,
    {
        let mut holding = self.clone();
        Task::new(name, async move {
            while let Some(mut term) = holding.begins().await {
                work(term.clone()).await;
                term.raised().await;
            }
        })
    }
}

/// Where a replica says that it is the one, or is none any more.
#[derive(Debug)]
pub struct Terms {
    told: watch::Sender<Option<Stop>>,
    until: watch::Sender<Option<Instant>>,
    nobody: watch::Sender<Option<DateTime<Utc>>>,
    open: Option<Raise>,
}

impl Terms {
    /// Those of a replica that is not the one yet, and what hears of them until `stop` is raised.
    #[must_use]
    pub fn new(stop: &Stop) -> (Self, Holding) {
        let (told, term) = watch::channel(None);
        let (until, ends) = watch::channel(None);
        let (nobody, is_nobodys) = watch::channel(None);
        (
            Self { told, until, nobody, open: None },
            Holding { term, until: ends, nobody: is_nobodys, stop: stop.clone() },
        )
    }

    /// Whether this replica is the one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// This replica is the one until then, if nothing is said any more.
    pub fn last_until(&self, end: Instant) {
        self.until.send_replace(Some(end));
    }

    /// This replica is the one from now on.
    pub fn begin(&mut self) {
        let (raise, term) = Stop::new();
        self.open = Some(raise);
        self.told.send_replace(Some(term));
    }

    /// It is none any more.
    pub fn end(&mut self) {
        self.told.send_replace(None);
        if let Some(raise) = self.open.take() {
            raise.raise();
        }
    }

    /// Since when no replica is known to be the one, as it is known now.
    pub fn set_nobody(&self, change: impl FnOnce(&mut Option<DateTime<Utc>>) -> bool) {
        self.nobody.send_if_modified(change);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_term_is_over_when_it_ends_or_the_process_does() {
        let (raise, stop) = Stop::new();
        let (mut terms, mut holding) = Terms::new(&stop);
        terms.begin();
        let mut first = holding.begins().await.unwrap();
        terms.end();
        first.raised().await;
        let mut waits = holding.clone();
        let (next, ()) = tokio::join!(waits.begins(), async { terms.begin() });
        let next = next.unwrap();
        assert!(!next.is_raised());
        raise.raise();
        assert!(holding.begins().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stood_still_is_the_one_no_longer_before_anybody_says_so() {
        let (_raise, stop) = Stop::new();
        let (mut terms, holding) = Terms::new(&stop);
        let lasts = Duration::from_secs(10);
        terms.last_until(Instant::now() + lasts);
        assert!(!holding.is_this_one());
        terms.begin();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(holding.is_this_one());
        terms.last_until(Instant::now() + lasts);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(holding.is_this_one(), "it was renewed");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!holding.is_this_one(), "its Lease has passed to another");
        terms.last_until(Instant::now() + lasts);
        assert!(holding.is_this_one());
        terms.end();
        assert!(!holding.is_this_one());
    }

    #[tokio::test]
    async fn without_others_it_is_always_this_one_until_the_process_ends() {
        let (raise, stop) = Stop::new();
        let mut holding = Holding::always(stop);
        assert!(!holding.begins().await.unwrap().is_raised());
        raise.raise();
        assert!(holding.begins().await.is_none());
    }
}
