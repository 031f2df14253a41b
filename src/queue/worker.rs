//! Works a topic off: leases, runs jobs side by side, settles them, isolates the ones that panic.

use std::future::Future;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{Leased, Queue, Settlement, Topic};
use crate::ambient::Ambient;
use crate::domain::retry::{Backoff, RetryAfter};
use crate::stop::Stop;

/// What a handler says of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// Done for now; do it again then.
    Again(chrono::DateTime<chrono::Utc>),
    /// It failed and may work later.
    Retry {
        /// What the other side asked for.
        told: Option<RetryAfter>,
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
    /// Jobs at once.
    pub side_by_side: usize,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// A job older than this is not tried again.
    pub longest: TimeDelta,
}

/// A job that brings its handler down this often is not tried again.
const MOST_PANICS: u32 = 5;

/// Works until `stop` is raised, then ends the jobs that are under way and returns.
pub async fn work<Q, H, F>(queue: Q, topic: Topic, pace: Pace, ambient: Ambient, mut stop: Stop, handler: H)
where
    Q: Queue,
    H: Fn(Leased) -> F + Clone + Send + 'static,
    F: Future<Output = Verdict> + Send + 'static,
{
    let changed = queue.changed(&topic);
    let mut running = JoinSet::new();
    while !stop.is_raised() {
        let woken = Arc::clone(&changed).notified_owned();
        let free = pace.side_by_side.saturating_sub(running.len());
        let wait = match lease(&queue, &topic, free).await {
            Some((jobs, next)) => {
                for leased in jobs {
                    running.spawn(run(queue.clone(), leased, pace, ambient.clone(), handler.clone()));
                }
                next.map(|at| (at - ambient.now()).to_std().unwrap_or_default())
            }
            None => Some(std::time::Duration::from_secs(1)),
        };
        let full = running.len() >= pace.side_by_side;
        tokio::select! {
            () = stop.raised() => {}
            _ = running.join_next(), if !running.is_empty() => {}
            () = woken, if !full => {}
            () = sleep(wait), if !full => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Ready jobs and when to look again; `None` when the queue can't be read now.
async fn lease<Q: Queue>(
    queue: &Q,
    topic: &Topic,
    most: usize,
) -> Option<(Vec<Leased>, Option<chrono::DateTime<chrono::Utc>>)> {
    if most == 0 {
        return Some((Vec::new(), None));
    }
    match queue.lease(topic, most).await {
        Ok(batch) => Some((batch.jobs, batch.next)),
        Err(error) => {
            tracing::warn!(topic = topic.name(), error = %crate::telemetry::chain(&error), "no job can be taken from the queue now");
            None
        }
    }
}

async fn sleep(wait: Option<std::time::Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait.max(std::time::Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}

/// One job in a task of its own, so that a panic is its alone.
async fn run<Q, H, F>(queue: Q, leased: Leased, pace: Pace, ambient: Ambient, handler: H)
where
    Q: Queue,
    H: Fn(Leased) -> F + Send + 'static,
    F: Future<Output = Verdict> + Send + 'static,
{
    let span = tracing::info_span!("job", trace_id = leased.trace, job_id = leased.id, attempt = leased.attempt);
    let mut task = JoinSet::new();
    task.spawn(handler(leased.clone()).instrument(span.clone()));
    let verdict = match task.join_next().await {
        Some(Ok(verdict)) => verdict,
        _ if leased.attempt >= MOST_PANICS => {
            Verdict::Dead { reason: format!("it ended its worker {MOST_PANICS} times") }
        }
        _ => Verdict::Retry { told: None, reason: "it ended its worker".into() },
    };
    let settlement = settlement(verdict, &leased, pace, &ambient);
    span.in_scope(|| tell(&settlement, &leased));
    if let Err(error) = queue.settle(&leased, settlement).await {
        span.in_scope(
            || tracing::warn!(error = %crate::telemetry::chain(&error), "the job is done again after its lease"),
        );
    }
}

fn tell(settlement: &Settlement, leased: &Leased) {
    let topic = Topic::of(&leased.job).name();
    match settlement {
        Settlement::Done | Settlement::Again(_) => {}
        Settlement::Retry { at, reason } => tracing::warn!(topic, %reason, next = %at, "the job is tried again"),
        Settlement::Dead { reason } => tracing::error!(topic, %reason, "the job is given up and kept as a dead letter"),
    }
}

fn settlement(verdict: Verdict, leased: &Leased, pace: Pace, ambient: &Ambient) -> Settlement {
    let now = ambient.now();
    match verdict {
        Verdict::Done => Settlement::Done,
        Verdict::Again(at) => Settlement::Again(at),
        Verdict::Dead { reason } => Settlement::Dead { reason },
        Verdict::Retry { reason, .. } if now - leased.created > pace.longest => {
            Settlement::Dead { reason: format!("too old to be tried again; last: {reason}") }
        }
        Verdict::Retry { told, reason } => {
            Settlement::Retry { at: pace.backoff.next(leased.attempt, told, now, ambient.jitter()), reason }
        }
    }
}
