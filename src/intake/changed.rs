//! A workload that changed: the repositories that it runs are looked at.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::ambient::Ambient;
use crate::domain::event::{Cause, Job};
use crate::domain::reference::Repository;
use crate::queue::{NewJob, Queue, QueueError, Urgency};
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::chain;

/// What the queue did not take is brought to it again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// So many repositories are kept for that; the schedule makes up for more.
const MOST: usize = 20_000;
/// So many are put at once: a queue that is nearly full takes some, and not all.
const AT_ONCE: usize = 100;

/// So many lists of repositories wait; whoever has one more waits, too.
const MOST_LISTS: usize = 64;

/// Where repositories go that are to be looked at because workloads changed, and what queues the looks.
#[must_use]
pub fn feed<Q: Queue>(queue: &Q, ambient: &Ambient, urgency: Urgency, stop: &Stop) -> (Sender<Vec<Repository>>, Task) {
    let (hints, changed) = mpsc::channel(MOST_LISTS);
    let (queue, ambient, mut stop) = (queue.clone(), ambient.clone(), stop.clone());
    let feeding = async move {
        queue_looks(queue, ambient, urgency, changed).await;
        stop.raised().await;
    };
    (hints, Task::new("hints", feeding))
}

/// Queues looks because workloads changed, or their pods, until the stream that finds them has ended. What the queue does not
/// take is kept, each repository once, until it does.
async fn queue_looks<Q: Queue>(queue: Q, ambient: Ambient, urgency: Urgency, mut changed: Receiver<Vec<Repository>>) {
    let mut hints = LookFeeder { queue, ambient, urgency, waiting: BTreeSet::new(), again: None };
    loop {
        let again = hints.again;
        let is_due = async {
            match again {
                Some(again) => tokio::time::sleep_until(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            repositories = changed.recv() => match repositories {
                Some(repositories) => hints.keep(repositories),
                None => break,
            },
            () = is_due => hints.again = None,
        }
        if hints.again.is_none() {
            hints.put().await;
        }
    }
    hints.put().await;
}

/// What is to be looked at, and is not queued yet.
struct LookFeeder<Q> {
    queue: Q,
    ambient: Ambient,
    urgency: Urgency,
    waiting: BTreeSet<Repository>,
    /// When it is brought to the queue again, which took nothing a moment ago.
    again: Option<Instant>,
}

impl<Q: Queue> LookFeeder<Q> {
    fn keep(&mut self, repositories: Vec<Repository>) {
        let before = self.waiting.len();
        for repository in repositories {
            if self.waiting.len() < MOST {
                self.waiting.insert(repository);
            }
        }
        if before < MOST && self.waiting.len() == MOST {
            tracing::warn!(
                repositories = MOST,
                "no more looks for changed workloads are kept for a queue that takes none; the schedule makes up for the others"
            );
        }
    }

    /// Puts what waits; what is not taken waits on.
    async fn put(&mut self) {
        while !self.waiting.is_empty() {
            let some: Vec<Repository> = self.waiting.iter().take(AT_ONCE).cloned().collect();
            if let Err(error) = self.queued(&some).await {
                let (error, waiting) = (chain(&error).to_string(), self.waiting.len());
                tracing::warn!(%error, waiting, "looks for changed workloads were not queued; they are kept until the queue takes them");
                self.again = Some(Instant::now() + AGAIN);
                return;
            }
            for repository in &some {
                self.waiting.remove(repository);
            }
        }
    }

    async fn queued(&self, repositories: &[Repository]) -> Result<(), QueueError> {
        let (now, trace, urgency) = (self.ambient.now(), self.ambient.trace_id(), self.urgency);
        let job = |repository: &Repository| NewJob {
            job: Job::Look(repository.clone()),
            trace: trace.as_str().into(),
            not_before: now,
            urgency,
            failed: None,
        };
        self.queue.put(repositories.iter().map(job).collect()).await?;
        let cause = Cause::Workload.as_str();
        tracing::debug!(repositories = repositories.len(), cause, trace_id = trace, "looks are queued");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::sync::{Notify, mpsc};

    use super::*;
    use crate::queue::{Batch, Depth, Leased, Placed, Settlement, Sharing, Topic};

    /// A queue that has room for so many jobs.
    #[derive(Clone, Default)]
    struct Room {
        left: Arc<AtomicUsize>,
        tried: Arc<AtomicUsize>,
        queued: Arc<Mutex<Vec<String>>>,
        taken: Arc<Notify>,
    }

    impl Queue for Room {
        async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
            self.tried.fetch_add(1, Ordering::SeqCst);
            if jobs.len() > self.left.load(Ordering::SeqCst) {
                return Err(QueueError::Full(0));
            }
            self.left.fetch_sub(jobs.len(), Ordering::SeqCst);
            let name = |new: NewJob| match new.job {
                Job::Look(repository) => repository.to_string(),
                other => panic!("{other:?}"),
            };
            self.queued.lock().unwrap().extend(jobs.into_iter().map(name));
            self.taken.notify_one();
            Ok(Placed::News)
        }

        async fn lease(&self, _: &Topic, _: usize, _: &Sharing) -> Result<Batch, QueueError> {
            Ok(Batch::default())
        }

        async fn settle(&self, _: &Leased, _: Settlement) -> Result<(), QueueError> {
            Ok(())
        }

        fn changed(&self, _: &Topic) -> Arc<Notify> {
            Arc::default()
        }

        async fn depth(&self) -> Result<Depth, QueueError> {
            Ok(Depth::default())
        }
    }

    fn repository(n: usize) -> Repository {
        Repository::parse(&format!("a.example/web-{n:05}")).unwrap()
    }

    fn names(numbers: impl Iterator<Item = usize>) -> Vec<String> {
        numbers.map(|n| repository(n).to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_full_queue_does_not_take_is_put_once_when_it_does() {
        let (queue, ambient) = (Room::default(), Ambient::system());
        let (hints, changed) = mpsc::channel(64);
        let mut looks = tokio::task::JoinSet::new();
        looks.spawn(queue_looks(queue.clone(), ambient, Urgency::Prompt, changed));
        for n in [2, 1, 2, 1, 3] {
            hints.send(vec![repository(n)]).await.unwrap();
        }
        let began = Instant::now();
        tokio::time::sleep((AGAIN * 3).saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(queue.tried.load(Ordering::SeqCst), 3, "a full queue is not asked for each hint");
        assert_eq!(*queue.queued.lock().unwrap(), Vec::<String>::new());
        queue.left.store(1_000, Ordering::SeqCst);
        queue.taken.notified().await;
        assert_eq!(*queue.queued.lock().unwrap(), names([1, 2, 3].into_iter()), "each once");
        assert_eq!(began.elapsed(), AGAIN * 3);
        hints.send(vec![repository(1)]).await.unwrap();
        queue.taken.notified().await;
        assert_eq!(began.elapsed(), AGAIN * 3, "a queue that takes jobs gets them at once");
        queue.left.store(0, Ordering::SeqCst);
        hints.send(vec![repository(7)]).await.unwrap();
        drop(hints);
        looks.join_all().await;
        assert_eq!(queue.queued.lock().unwrap().len(), 4, "nobody waits for a full queue at the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_with_little_room_takes_some_and_no_more_are_kept_than_there_is_memory_for() {
        let mut hints = LookFeeder {
            queue: Room::default(),
            ambient: Ambient::system(),
            urgency: Urgency::Prompt,
            waiting: BTreeSet::new(),
            again: None,
        };
        hints.keep((0..MOST + 5).map(repository).collect());
        assert_eq!(hints.waiting.len(), MOST);
        hints.queue.left.store(AT_ONCE * 2 + 1, Ordering::SeqCst);
        hints.put().await;
        assert_eq!(*hints.queue.queued.lock().unwrap(), names(0..AT_ONCE * 2));
        assert!(hints.again.is_some() && hints.waiting.len() == MOST - AT_ONCE * 2);
    }
}
