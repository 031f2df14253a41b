//! An answer that is written is an answer, though the queue takes no job that follows from it.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::*;
use crate::domain::approval::LIFETIME;
use crate::domain::fleet::Brake;
use crate::queue::{
    Announced, Announcements, AnswerWrite, Batch, Depth, Kept, Placed, QueueError, Settlement, Sightings, Written,
};

/// A queue that takes no job, and remembers the traces of those that were put. Records it keeps.
#[derive(Clone)]
pub(super) struct Full(SqliteQueue, Arc<Mutex<Vec<String>>>, Arc<Writes>);

/// How many records are being written, and the most that were at once.
#[derive(Default)]
struct Writes {
    now: AtomicUsize,
    most: AtomicUsize,
    /// Whether the brake can't be read.
    hides_brake: AtomicBool,
}

impl Full {
    pub(super) fn refused(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl Queue for Full {
    async fn put(&self, jobs: Vec<NewJob>) -> Result<Placed, QueueError> {
        self.1.lock().unwrap().extend(jobs.into_iter().map(|job| job.trace.to_string()));
        Err(QueueError::Full(0))
    }

    async fn lease(&self, topic: &Topic, most: usize, sharing: &Sharing) -> Result<Batch, QueueError> {
        self.0.lease(topic, most, sharing).await
    }

    async fn settle(&self, leased: &Leased, settlement: Settlement) -> Result<(), QueueError> {
        self.0.settle(leased, settlement).await
    }

    fn changed(&self, topic: &Topic) -> Arc<tokio::sync::Notify> {
        self.0.changed(topic)
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.0.depth().await
    }
}

impl Kept for Full {
    async fn recall(&self, key: &str) -> Option<String> {
        self.0.recall(key).await
    }

    async fn keep(&self, key: &str, value: String, until: DateTime<Utc>) {
        self.0.keep(key, value, until).await;
    }
}

impl Records for Full {
    async fn newest(&self, uid: &str) -> Result<Option<Written>, QueueError> {
        self.0.newest(uid).await
    }

    async fn sequences(&self) -> Result<Vec<(Box<str>, u64)>, QueueError> {
        self.0.sequences().await
    }

    async fn remember(&self, uid: &str, written: Written) -> Result<(), QueueError> {
        let now = self.2.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.2.most.fetch_max(now, Ordering::SeqCst);
        // However fast the disk is, whoever is beside it has begun then.
        tokio::task::yield_now().await;
        let remembered = self.0.remember(uid, written).await;
        self.2.now.fetch_sub(1, Ordering::SeqCst);
        remembered
    }

    async fn answering(&self, uid: &str, write: AnswerWrite) -> Result<(), QueueError> {
        self.0.answering(uid, write).await
    }

    async fn seen(&self, seen: Sightings) -> Result<(), QueueError> {
        self.0.seen(seen).await
    }

    async fn brake(&self) -> Result<Brake, QueueError> {
        if self.2.hides_brake.load(Ordering::SeqCst) {
            return Err(QueueError::Closed);
        }
        self.0.brake().await
    }

    async fn remember_brake(&self, brake: Brake) -> Result<(), QueueError> {
        self.0.remember_brake(brake).await
    }
}

impl Announcements for Full {
    async fn announce(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        self.0.announce(announced).await
    }

    async fn announced(&self, repository: &Repository) -> Result<Vec<Announced>, QueueError> {
        self.0.announced(repository).await
    }

    async fn found(&self, announced: Vec<Announced>) -> Result<(), QueueError> {
        self.0.found(announced).await
    }
}

/// The same process while its queue is full.
pub(super) fn when_full<R, C: Clone>(usual: &Reconciler<SqliteQueue, R, C>) -> Reconciler<Full, R, C> {
    let Reconciler(parts, memory) = usual;
    let full = Parts {
        queue: Full(parts.queue.clone(), Arc::default(), Arc::default()),
        registry: Arc::clone(&parts.registry),
        cluster: parts.cluster.clone(),
        audience: Arc::clone(&parts.audience),
        declarations: Arc::clone(&parts.declarations),
        keys: parts.keys.clone(),
        bounds: parts.bounds.clone(),
        ambient: parts.ambient.clone(),
        metrics: parts.metrics.clone(),
        on_listed: Arc::clone(&parts.on_listed),
        standing: Arc::clone(&parts.standing),
        settle: parts.settle,
        standing_still: Arc::clone(&parts.standing_still),
        rollouts: parts.rollouts,
        replicas: parts.replicas.clone(),
    };
    Reconciler(Arc::new(full), Arc::clone(memory))
}

#[tokio::test]
async fn not_this_version_counts_and_is_told_by_the_next_look() {
    let log = crate::telemetry::tests::Log::begin();
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let link = stage.link();
    stage.clock.step(TimeDelta::hours(5));
    let skipped = stage.clock.now();
    let answer = when_full(&stage.reconciler).answer(&link, Action::Skip, "trace").await;
    assert!(matches!(answer, Answer::Skipped(_)), "{answer:?}");
    assert_eq!(stage.cluster.annotation("skip").as_deref(), Some("1.0.1"));
    let lines = log.lines();
    assert!(lines.iter().any(|line| line.contains("WARN") && line.contains("the queue holds 0 jobs")), "{lines:?}");
    stage.told();
    stage.clock.step(TimeDelta::hours(1));
    stage.look().await;
    let at = |stage: &Stage| stage.joe.0.lock().unwrap().iter().map(|it| it.at.timestamp()).collect::<Vec<_>>();
    assert_eq!(at(&stage), [skipped.timestamp()], "when it was answered, not when it was asked");
    assert_eq!(stage.told(), [("update.skipped", "1.0.1".to_owned())]);
    let stage = Stage::new(workload(&[("web", "a.example/web:1.0.0")], &[]), &["1.0.0", "1.0.1"]);
    stage.look().await;
    let link = stage.link();
    stage.told();
    stage.clock.step(TimeDelta::hours(5));
    let skipped = stage.clock.now();
    stage.reconciler.answer(&link, Action::Skip, "trace").await;
    assert_eq!(at(&stage), [skipped.timestamp()], "also where it is told at once");
}

#[tokio::test]
async fn what_is_held_is_released_and_applied_by_the_next_look() {
    let stage = Stage::new(auto(&[]), &["1.0.0"]);
    stage.written().await;
    stage.fails("t1").await;
    stage.cluster.rolls(Rollout::Complete);
    stage.look().await;
    let answer = when_full(&stage.reconciler).answer(&stage.link(), Action::Resume, "trace").await;
    assert!(matches!(answer, Answer::Resumed(_)), "{answer:?}");
    stage.look().await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}

#[tokio::test]
async fn what_would_not_start_or_be_refused_is_told_by_the_next_looks() {
    let ids = |stage: &Stage| -> std::collections::BTreeSet<String> {
        let told = stage.joe.0.lock().unwrap();
        let failed = told.iter().filter(|one| one.kind == NoticeKind::Failed && one.to.tag == "1.0.2");
        failed.map(|one| Delivery::of("email", "joe@example.com", one.clone()).id()).collect()
    };
    for is_lost in [true, false] {
        let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1", "1.0.2"]);
        if is_lost {
            stage.registry.lost.lock().unwrap().push("1.0.2");
        } else {
            stage.cluster.state(|state| state.refuses = Refuses::Images);
        }
        let repository = Repository::parse("a.example/web").unwrap();
        when_full(&stage.reconciler).look(&repository, "trace").await;
        let first = ids(&stage);
        assert_eq!(first.len(), 1, "{is_lost}");
        stage.told();
        stage.cluster.rolls(Rollout::Complete);
        for _ in 0..3 {
            stage.look().await;
        }
        assert_eq!(ids(&stage), first, "{is_lost}: it is the same message, whatever runs by now");
        stage.clock.step(LIFETIME);
        stage.look().await;
        stage.told();
        stage.look().await;
        assert!(!ids(&stage).is_superset(&first), "{is_lost}: its time is over");
    }
}

/// Each waits for the disk, and one sync of it is enough for both.
#[tokio::test]
async fn what_an_update_leaves_to_be_remembered_is_brought_to_the_disk_together() {
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let reconciler = when_full(&stage.reconciler);
    reconciler.look(&Repository::parse("a.example/web").unwrap(), "trace").await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
    assert_eq!(reconciler.0.queue.2.most.load(Ordering::SeqCst), 2, "by its uid, and by its name");
}

#[tokio::test]
async fn nothing_is_applied_by_itself_while_the_brake_can_not_be_read() {
    let log = crate::telemetry::tests::Log::begin();
    let stage = Stage::new(auto(&[]), &["1.0.0", "1.0.1"]);
    let reconciler = when_full(&stage.reconciler);
    let hides = &reconciler.0.queue.2.hides_brake;
    hides.store(true, Ordering::SeqCst);
    let repository = Repository::parse("a.example/web").unwrap();
    for _ in 0..2 {
        reconciler.look(&repository, "trace").await;
        assert_eq!(stage.cluster.image(), "a.example/web:1.0.0");
    }
    assert!(!reconciler.is_resumed().await);
    let lines = log.lines();
    let warned = lines.iter().filter(|line| line.contains("WARN") && line.contains("none is applied until it can"));
    assert_eq!(warned.count(), 1, "{lines:?}");
    hides.store(false, Ordering::SeqCst);
    reconciler.look(&repository, "trace").await;
    assert!(stage.cluster.image().starts_with("a.example/web:1.0.1@"), "{}", stage.cluster.image());
}
