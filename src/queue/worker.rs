//! Works a topic off: leases, runs jobs side by side, settles them, isolates the ones that panic.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{Batch, Leased, Queue, QueueError, Settlement, Sharing, Topic, reason, row};
use crate::ambient::Ambient;
use crate::domain::event::Job;
use crate::domain::retry::{Backoff, RetryAfter};
use crate::domain::undelivered::{Said, TOO_OLD, Undelivered};
use crate::stop::Stop;
use crate::telemetry::{Repeats, spans};

/// What a handler says of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// Done for now; do it again then.
    Again(chrono::DateTime<chrono::Utc>),
    /// It need not be done any more, or others do it.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// It failed and may work later.
    Retry {
        /// What the other side asked for.
        retry_after: Option<RetryAfter>,
        /// When something else is due that the same job does, whatever failed.
        no_later: Option<chrono::DateTime<chrono::Utc>>,
        /// What went wrong.
        reason: String,
    },
    /// It failed for what is no fault of its own, and waits for as long as that lasts, whatever its age.
    Waits {
        /// What the other side asked for.
        retry_after: Option<RetryAfter>,
        /// What went wrong.
        reason: String,
    },
    /// It can't be done.
    Dead {
        /// Why.
        reason: String,
    },
}

/// How a topic is worked off.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Waits between attempts.
    pub backoff: Backoff,
    /// A job older than this is not tried again, unless it waits for something else.
    pub longest: TimeDelta,
}

/// A worker looks at its topic this often, however long it was to wait, as clocks are set and leases run out.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// A queue that can't be read is asked again after this time.
const QUEUE_FAILED: Duration = Duration::from_secs(1);
/// How a job ended is said again until it is known, as long as a lease lasts: after that somebody else has the job.
const SETTLED_BY: Duration = Duration::from_secs(300);
/// It is said again after this time, and after twice that, up to the longest.
const SETTLE_AGAIN: Duration = Duration::from_millis(500);
const SETTLE_AGAIN_AT_MOST: Duration = Duration::from_secs(15);
/// A job that brings its handler down this often is not tried again.
const MOST_PANICS: u32 = 5;

/// However old a job is, it is tried so often for itself before it is given up: it may have waited for something else until now.
const FEWEST_ATTEMPTS: u32 = 5;

/// So old a job is given up, whatever it waits for: others need the room.
const LONGEST_WAIT: TimeDelta = TimeDelta::days(30);

/// Works until `stop` is raised, then ends the jobs that are under way and returns.
pub async fn work<Q, H, F>(
    queue: Q,
    topic: Topic,
    (pace, sharing): (Pace, Sharing),
    ambient: Ambient,
    mut stop: Stop,
    handler: H,
) where
    Q: Queue,
    H: Fn(Leased) -> F + Clone + Send + 'static,
    F: Future<Output = Verdict> + Send + 'static,
{
    let changed = queue.changed(&topic);
    let (repeats, panics) = (Arc::<Repeats>::default(), Arc::<Panics>::default());
    let mut running = JoinSet::new();
    while !stop.is_raised() {
        let woken = Arc::clone(&changed).notified_owned();
        let (free, closed) = sharing.room(running.len());
        let batch = lease(&queue, &topic, free, &sharing).await;
        for leased in batch.jobs {
            let (repeats, panics) = (Arc::clone(&repeats), Arc::clone(&panics));
            let job_log = JobLog { topic: topic.name(), repeats, panics, ambient: ambient.clone() };
            running.spawn(run((queue.clone(), stop.clone()), leased, pace, job_log, handler.clone()));
        }
        let full = running.len() >= sharing.slots.all;
        let wait = sleep(closed.or(batch.wait));
        tokio::select! {
            () = stop.raised() => {}
            _ = running.join_next(), if !running.is_empty() => {}
            () = woken, if !full => {}
            () = tokio::time::sleep(wait), if !full => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// How long a worker sleeps that nobody wakes.
fn sleep(wait: Option<Duration>) -> Duration {
    wait.unwrap_or(LONGEST_SLEEP).clamp(Duration::from_millis(1), LONGEST_SLEEP)
}

/// Jobs whose turn it is, and when to look again.
async fn lease<Q: Queue>(queue: &Q, topic: &Topic, most: usize, sharing: &Sharing) -> Batch {
    if most == 0 {
        return Batch::default();
    }
    queue.lease(topic, most, sharing).await.unwrap_or_else(|error| {
        tracing::warn!(topic = topic.name(), error = %crate::telemetry::chain(&error), "no job can be taken from the queue now");
        Batch { jobs: Vec::new(), wait: Some(QUEUE_FAILED) }
    })
}

/// One job in a task of its own, so that a panic is its alone.
async fn run<Q, H, F>((queue, stop): (Q, Stop), leased: Leased, pace: Pace, job_log: JobLog, handler: H)
where
    Q: Queue,
    H: Fn(Leased) -> F + Send + 'static,
    F: Future<Output = Verdict> + Send + 'static,
{
    let followed = followed(&leased, &job_log.topic);
    // A trace that begins here has an identifier of its own.
    let trace_id = spans::trace_id(&followed).unwrap_or_else(|| leased.trace.id().into_owned());
    let span = tracing::info_span!("job", trace_id, job_id = leased.lease.job(), attempt = leased.attempt);
    let mut task = JoinSet::new();
    task.spawn(handler(leased.clone()).instrument(followed.clone()).instrument(span.clone()));
    let ended = task.join_next().await.and_then(Result::ok);
    let verdict = ended.unwrap_or_else(|| span.in_scope(|| job_log.panicked(&leased)));
    let settlement = settlement(verdict, &leased, pace, &job_log.ambient);
    if !matches!(settlement, Settlement::Retry { .. }) {
        job_log.panics.forget(&leased);
    }
    settled(&followed, &settlement);
    span.in_scope(|| job_log.settled(&settlement, &leased));
    settle(&queue, stop, &leased, settlement).instrument(span).await;
}

/// Ends a lease. A store that is away takes nothing, and may have taken what it did not acknowledge, so that is said again
/// until it is known: a job that was done must not be done twice for a moment's trouble. Whoever ends says it once.
async fn settle<Q: Queue>(queue: &Q, mut stop: Stop, leased: &Leased, settlement: Settlement) {
    let mut again = SETTLE_AGAIN;
    let known = async {
        loop {
            let error = match queue.settle(leased, settlement.clone()).await {
                Ok(()) => return Ok(()),
                Err(QueueError::Closed) => return Err(QueueError::Closed),
                Err(error) if stop.is_raised() => return Err(error),
                Err(error) => error,
            };
            if again == SETTLE_AGAIN {
                tracing::warn!(error = %crate::telemetry::chain(&error), "how the job ended is not stored, and is said again");
            }
            tokio::select! {
                () = stop.raised() => {}
                () = tokio::time::sleep(again) => {}
            }
            again = (again * 2).min(SETTLE_AGAIN_AT_MOST);
        }
    };
    let why = match tokio::time::timeout(SETTLED_BY, known).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => crate::telemetry::chain(&error).to_string(),
        Err(_) => format!("the queue took nothing in {} s", SETTLED_BY.as_secs()),
    };
    tracing::warn!(error = why, "the job is done again after its lease");
}

/// The span of a job, with what it is about.
fn followed(leased: &Leased, topic: &str) -> tracing::Span {
    let span = spans::job(topic, leased.attempt, leased.trace.parent(), leased.also.iter().copied());
    if !span.is_disabled() {
        spans::about(&span, row::attributes(&leased.job));
    }
    span
}

/// What became of a job, on its span: why is in the log.
fn settled(span: &tracing::Span, settlement: &Settlement) {
    match settlement {
        Settlement::Done => spans::ended(span, "done"),
        Settlement::Again(_) => spans::ended(span, "again"),
        Settlement::Withdrawn { .. } => spans::ended(span, "withdrawn"),
        Settlement::Retry { .. } | Settlement::Waits { .. } => spans::failed(span, "retry"),
        Settlement::Dead { .. } => spans::failed(span, "dead"),
    }
}

/// The reason goes to log and disk.
fn guarded(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Retry { retry_after, no_later, reason } => {
            Verdict::Retry { retry_after, no_later, reason: reason::guarded(&reason) }
        }
        Verdict::Waits { retry_after, reason } => Verdict::Waits { retry_after, reason: reason::guarded(&reason) },
        Verdict::Dead { reason } => Verdict::Dead { reason: reason::guarded(&reason) },
        Verdict::Withdrawn { reason } => Verdict::Withdrawn { reason: reason::guarded(&reason) },
        verdict => verdict,
    }
}

/// How often jobs brought their handlers down, since the start: other failures are none of it.
#[derive(Default)]
struct Panics(Mutex<HashMap<u64, u32>>);

impl Panics {
    fn counted(&self, leased: &Leased) -> u32 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(leased.lease.job()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn forget(&self, leased: &Leased) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&leased.lease.job());
    }
}

/// Writes to the log what becomes of jobs.
struct JobLog {
    topic: String,
    repeats: Arc<Repeats>,
    panics: Arc<Panics>,
    ambient: Ambient,
}

impl JobLog {
    /// One line an hour for each reason: a service that is down is one fact, however many jobs wait for it.
    fn settled(&self, settlement: &Settlement, leased: &Leased) {
        let topic = &self.topic;
        match settlement {
            Settlement::Done | Settlement::Again(_) | Settlement::Withdrawn { .. } => {}
            Settlement::Retry { at, reason } | Settlement::Waits { at, reason } => {
                let (job, next) = (row::about(&leased.job), at);
                // Whoever looks reports what stopped the look, for each namespace.
                let is_reported = matches!(leased.job, Job::Look(_));
                if let Some(suppressed) = self.line(reason).filter(|_| !is_reported) {
                    tracing::warn!(topic, job, %reason, %next, suppressed, "the job is tried again");
                } else {
                    tracing::debug!(topic, job, %reason, %next, "the job is tried again");
                }
            }
            Settlement::Dead { reason } => {
                let job = row::about(&leased.job);
                tracing::error!(topic, job, %reason, "the job is given up and kept as a dead letter");
            }
        }
    }

    /// What becomes of a job whose handler panicked.
    fn panicked(&self, leased: &Leased) -> Verdict {
        if let Some(suppressed) = self.line("panic") {
            let (topic, job) = (&self.topic, row::about(&leased.job));
            tracing::error!(
                topic,
                job,
                suppressed,
                "the job ended its worker, which is a fault of image-watcher: please report it"
            );
        }
        if self.panics.counted(leased) >= MOST_PANICS {
            return Verdict::Dead { reason: format!("it ended its worker {MOST_PANICS} times") };
        }
        Verdict::Retry { retry_after: None, no_later: None, reason: Undelivered::from(Said::EndedWorker).to_string() }
    }

    fn line(&self, reason: &str) -> Option<u64> {
        self.repeats.line(&self.topic, reason, self.ambient.monotonic())
    }
}

fn settlement(verdict: Verdict, leased: &Leased, pace: Pace, ambient: &Ambient) -> Settlement {
    let now = ambient.now();
    let next = |retry_after| pace.backoff.next(leased.attempt, retry_after, now, ambient.jitter());
    let age = now - leased.created;
    let is_too_old = age > pace.longest && leased.attempt >= FEWEST_ATTEMPTS;
    let too_old = |reason| Settlement::Dead { reason: format!("{TOO_OLD}{reason}") };
    match guarded(verdict) {
        Verdict::Done => Settlement::Done,
        Verdict::Again(at) => Settlement::Again(at),
        Verdict::Withdrawn { reason } => Settlement::Withdrawn { reason },
        Verdict::Dead { reason } => Settlement::Dead { reason },
        Verdict::Retry { no_later, reason, .. } if is_too_old => match no_later {
            Some(due) => Settlement::Again(due),
            None => too_old(reason),
        },
        Verdict::Waits { reason, .. } if age > pace.longest.max(LONGEST_WAIT) => too_old(reason),
        Verdict::Retry { retry_after, no_later, reason } => {
            let at = next(retry_after);
            Settlement::Retry { at: no_later.map_or(at, |due| at.min(due)), reason }
        }
        Verdict::Waits { retry_after, reason } => Settlement::Waits { at: next(retry_after), reason },
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;
    use crate::domain::event::tests::notice;
    use crate::domain::event::{Delivery, NoticeKind};
    use crate::domain::reference::Repository;
    use crate::queue::{Depth, LeaseId, NewJob, Placed};
    use crate::telemetry::tests::Log;
    use tokio::sync::Notify;

    fn leased() -> Leased {
        let job = Job::Look(Repository::parse("registry.example.com/web").unwrap());
        let created = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
        Leased {
            lease: LeaseId::new(1, 1),
            job,
            trace: "trace".into(),
            also: Vec::new(),
            attempt: 1,
            created,
            failed: None,
        }
    }

    /// A queue that is away for some settlements, and remembers those that it took.
    #[derive(Clone)]
    struct Away {
        left: Arc<std::sync::atomic::AtomicUsize>,
        taken: Arc<std::sync::Mutex<Vec<Settlement>>>,
    }

    impl Away {
        fn times(times: usize) -> Self {
            Self { left: Arc::new(times.into()), taken: Arc::default() }
        }

        fn taken(&self) -> Vec<Settlement> {
            self.taken.lock().unwrap().clone()
        }
    }

    impl Queue for Away {
        async fn put(&self, _: Vec<NewJob>) -> Result<Placed, QueueError> {
            Err(QueueError::Closed)
        }

        async fn lease(&self, _: &Topic, _: usize, _: &Sharing) -> Result<Batch, QueueError> {
            Err(QueueError::Closed)
        }

        async fn settle(&self, _: &Leased, settlement: Settlement) -> Result<(), QueueError> {
            use std::sync::atomic::Ordering::SeqCst;
            if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                return Err(QueueError::Store(Arc::new(std::io::Error::other("away"))));
            }
            self.taken.lock().unwrap().push(settlement);
            Ok(())
        }

        fn changed(&self, _: &Topic) -> Arc<Notify> {
            Arc::default()
        }

        async fn depth(&self) -> Result<Depth, QueueError> {
            Err(QueueError::Closed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn how_a_job_ended_is_said_again_until_the_queue_has_it_or_the_lease_is_over() {
        let (_raise, stop) = Stop::new();
        let queue = Away::times(5);
        settle(&queue, stop.clone(), &leased(), Settlement::Done).await;
        assert_eq!(queue.taken(), [Settlement::Done]);
        let away = Away::times(usize::MAX);
        let began = tokio::time::Instant::now();
        settle(&away, stop, &leased(), Settlement::Done).await;
        assert_eq!((began.elapsed(), away.taken().len()), (SETTLED_BY, 0));
        let tried = usize::MAX - away.left.load(std::sync::atomic::Ordering::SeqCst);
        assert!((15..40).contains(&tried), "{tried} times in 5 minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_ends_does_not_wait_for_a_queue_that_is_away() {
        let (raise, stop) = Stop::new();
        let queue = Away::times(usize::MAX);
        let began = tokio::time::Instant::now();
        let ends = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            raise.raise();
        };
        let job = leased();
        tokio::join!(settle(&queue, stop, &job, Settlement::Done), ends);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[test]
    fn a_worker_sleeps_until_something_can_be_leased_and_never_for_long() {
        let slept = [None, Some(3600), Some(30), Some(0)].map(|wait| sleep(wait.map(Duration::from_secs)).as_millis());
        assert_eq!(slept, [60_000, 60_000, 30_000, 1]);
    }

    fn job_log(topic: &Topic) -> JobLog {
        JobLog { topic: topic.name(), repeats: Arc::default(), panics: Arc::default(), ambient: Ambient::system() }
    }

    fn message() -> Leased {
        let delivery = Delivery::of("email", "a@example.com", notice(NoticeKind::Available));
        Leased { job: Job::Deliver(Box::new(delivery)), ..leased() }
    }

    #[test]
    fn a_mail_server_that_is_down_is_one_line_that_names_a_message() {
        let (log, leased) = (Log::begin(), message());
        let job_log = job_log(&Topic::of(&leased.job));
        for reason in ["no answer", "no answer", "no answer", "refused"] {
            let settlement = Settlement::Retry { at: leased.created, reason: reason.into() };
            job_log.settled(&settlement, &leased);
        }
        let lines = log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line.contains("update.available shop/deploy/web web: 1.3.0")), "{lines:?}");
    }

    #[test]
    fn what_stopped_a_look_is_reported_by_whoever_looked_and_a_panic_here() {
        let (log, leased) = (Log::begin(), leased());
        let job_log = job_log(&Topic::Look);
        job_log.settled(&Settlement::Retry { at: leased.created, reason: "no answer".into() }, &leased);
        assert!(log.lines().is_empty(), "{:?}", log.lines());
        for _ in 0..3 {
            job_log.panicked(&leased);
        }
        let lines = log.lines();
        assert!(lines.len() == 1 && lines[0].contains("registry.example.com/web"), "{lines:?}");
    }

    /// A message that waited for its server, and met a fault of ours once, is not given up for that.
    #[test]
    fn a_job_is_given_up_for_its_panics_and_not_for_other_failures() {
        let leased = Leased { attempt: 40, ..message() };
        let job_log = job_log(&Topic::of(&leased.job));
        for _ in 1..MOST_PANICS {
            assert!(matches!(job_log.panicked(&leased), Verdict::Retry { .. }));
        }
        let other = Leased { lease: LeaseId::new(2, 1), ..leased.clone() };
        assert!(matches!(job_log.panicked(&other), Verdict::Retry { .. }));
        assert!(matches!(job_log.panicked(&leased), Verdict::Dead { .. }));
        job_log.panics.forget(&leased);
        assert!(matches!(job_log.panicked(&leased), Verdict::Retry { .. }));
    }

    #[test]
    fn a_dead_letter_names_workload_and_version() {
        let (log, leased) = (Log::begin(), message());
        job_log(&Topic::of(&leased.job)).settled(&Settlement::Dead { reason: "550 no such user".into() }, &leased);
        let lines = log.lines();
        assert!(lines.len() == 1 && lines[0].contains("shop/deploy/web web: 1.3.0"), "{lines:?}");
    }

    /// Fault r28-9.
    #[test]
    fn what_waits_for_something_else_is_given_up_for_its_own_age_alone() {
        let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest: TimeDelta::days(1) };
        let ambient = Ambient::system();
        let ended = |verdict, days, attempt| {
            let created = ambient.now() - TimeDelta::days(days);
            settlement(verdict, &Leased { attempt, created, ..leased() }, pace, &ambient)
        };
        let waits = || Verdict::Waits { retry_after: None, reason: "401".to_owned() };
        let fails = || Verdict::Retry { retry_after: None, no_later: None, reason: "503".to_owned() };
        assert!(matches!(ended(waits(), 29, 50), Settlement::Waits { .. }));
        assert!(matches!(ended(waits(), 31, 1), Settlement::Dead { .. }), "others need the room");
        assert!(
            matches!(ended(fails(), 2, 4), Settlement::Retry { .. }),
            "fault r29-1: the first hiccup after the weekend"
        );
        assert!(matches!(ended(fails(), 2, 5), Settlement::Dead { .. }));
    }

    #[test]
    fn a_reason_is_guarded_before_it_is_logged_or_stored() {
        let token = "v1.k1.01JGJ0EZ8M3C9S6D4K2P7Q1R0T.FoIxJvcyZkGhky-HoSkT3_3Os3gY2fYOFrGR2QIh_OM";
        for longest in [TimeDelta::days(100_000), TimeDelta::zero()] {
            let pace = Pace { backoff: Backoff::seconds(1, 900, 2), longest };
            for verdict in [
                Verdict::Dead { reason: format!("400: {token}") },
                Verdict::Retry { retry_after: None, no_later: None, reason: format!("400: {token}") },
                Verdict::Waits { retry_after: None, reason: format!("400: {token}") },
            ] {
                let settlement = format!("{:?}", settlement(verdict, &leased(), pace, &Ambient::system()));
                assert!(settlement.contains("400: [link]") && !settlement.contains("FoIx"), "{settlement}");
            }
        }
    }
}
