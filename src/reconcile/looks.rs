//! Does the looks that the queue has: who gets a turn, how long one look may take, and what its end comes to.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::cluster::Cluster;
use crate::domain::event::Job;
use crate::domain::reference::Repository;
use crate::domain::retry::Backoff;
use crate::queue::worker::{Pace, Verdict, work};
use crate::queue::{Announcements, Claim, Leased, Queue, Records, Sharing, Slots, Topic};
use crate::reconcile::Reconciler;
use crate::reconcile::fleet::first_look::FirstLook;
use crate::registry::Registry;
use crate::stop::Stop;
use crate::task::Task;

/// Looks at once; each is mostly waiting for a registry or the API server. A host that hangs has a quarter of them at most,
/// and a namespace all of whose hosts hang a half.
const LOOKS: Slots = Slots { all: 64, each_host: 16 };
/// No look takes longer, whatever it waits for.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);

/// The namespaces that a look at a repository is for.
pub type NamespacesOf = Arc<dyn Fn(&Repository) -> Vec<String> + Send + Sync>;
/// For how long routine looks at a repository wait.
pub type PutOff = Arc<dyn Fn(&Repository) -> Option<Duration> + Send + Sync>;
/// What a look comes to that began at a monotonic time and ends now: one more may be needed.
pub type AfterLook = Arc<dyn Fn(&Repository, Duration, Verdict) -> Verdict + Send + Sync>;

/// All that looks need.
pub struct Looks<Q, R, C> {
    /// Does each.
    pub reconciler: Reconciler<Q, R, C>,
    /// Between whose namespaces turns are shared.
    pub namespaces: NamespacesOf,
    /// Which looks can wait.
    pub put_off: PutOff,
    /// What is told of all that are under way.
    pub first_look: Arc<FirstLook>,
    /// What is told of each that ended.
    pub after: AfterLook,
    /// Raised when the process is to end.
    pub stop: Stop,
}

impl<Q, R, C> std::fmt::Debug for Looks<Q, R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looks")
    }
}

impl<Q: Queue + Records + Announcements, R: Registry, C: Cluster> Looks<Q, R, C> {
    /// The task. It begins when the cluster is known, which `until_known` waits for: before the first complete lists nobody seems to
    /// run anything, and who is told of an update depends on whether it may be written. `false` where that never comes.
    #[must_use]
    pub fn task(self, until_known: impl Future<Output = bool> + Send + 'static) -> Task {
        Task::new("look", async move {
            if until_known.await {
                self.run().await;
            }
        })
    }

    pub(crate) async fn run(self) {
        let (queue, ambient) = (self.reconciler.0.queue.clone(), self.reconciler.0.ambient.clone());
        self.first_look.listed(ambient.monotonic());
        let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::hours(24) };
        let (sharing, stop, looks) = (self.sharing(), self.stop.clone(), Arc::new(self));
        let handler = move |leased: Leased| {
            let looks = Arc::clone(&looks);
            async move { looks.look(&leased).await }
        };
        work(queue, Topic::Look, (pace, sharing), ambient, stop, handler).await;
    }

    fn sharing(&self) -> Sharing {
        let (namespaces, put_off) = (Arc::clone(&self.namespaces), Arc::clone(&self.put_off));
        let claim = move |repository: &Repository| Claim {
            host: Some(repository.host().to_owned()),
            namespaces: namespaces(repository),
        };
        Sharing::fair(LOOKS, claim).with_routine(move |repository| put_off(repository))
    }

    /// One look, within its deadline.
    async fn look(&self, leased: &Leased) -> Verdict {
        let Job::Look(repository) = &leased.job else {
            return Verdict::Dead { reason: "not a look".into() };
        };
        let ambient = &self.reconciler.0.ambient;
        let _under_way = Arc::clone(&self.first_look).under_way(ambient.clone());
        let (began, trace) = (ambient.monotonic(), leased.trace.id());
        let verdict = match tokio::time::timeout(LOOK_DEADLINE, self.reconciler.look(repository, &trace)).await {
            Ok(verdict) => verdict,
            Err(_) => self.reconciler.overdue(repository, LOOK_DEADLINE),
        };
        if matches!(verdict, Verdict::Retry { .. }) {
            self.reconciler.0.metrics.retries("look");
        }
        (self.after)(repository, began, verdict)
    }
}
