//! The safety net under the webhooks: on a schedule, and at the start if asked or configured otherwise than before, every
//! repository is looked at.
//!
//! Each minute the looks of the next one are queued. How far that went is kept, so that a process that starts again goes
//! on where the one before it ended, and makes up for one cycle at most.

mod cycle;
mod plan;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use self::cycle::Cycle;
pub use self::cycle::Pace;
use self::plan::{LONGEST_NAP, MOMENT, Plan, Progress, Step};
use crate::ambient::Ambient;
use crate::config::schedule::Schedule;
use crate::domain::event::{Cause, Job};
use crate::domain::reference::{Digest, Repository};
use crate::queue::{Kept, NewJob, Queue, QueueError, Urgency};
use crate::stop::Stop;
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;

/// Under which name it is kept how far the looks are queued.
const KEPT: &str = "poll";
/// Under which name it is kept when a start last had all looked at, where no schedule says how far that went.
const KEPT_OF_STARTS: &str = "poll at a start";
/// Under which name it is kept how the service was configured when all was looked at last because of that.
const KEPT_OF_CONFIGURATION: &str = "poll of the configuration";
/// For how long it is kept.
const KEPT_FOR: TimeDelta = TimeDelta::days(400);

/// What the poller works with.
pub struct Poller<Q> {
    /// Where looks go, and where it is kept how far they are queued.
    pub queue: Q,
    /// Clock and chance.
    pub ambient: Ambient,
    /// Where it counts.
    pub metrics: Metrics,
    /// What is watched now.
    pub repositories: Box<dyn Fn() -> Vec<Repository> + Send + Sync>,
    /// How often a repository is looked at.
    pub pace: Box<dyn Fn(&Repository) -> Pace + Send + Sync>,
    /// What the configuration says of registries and of who is told. Where it is another than before, all is looked at once: what
    /// nobody could be told, or could not be read, is not to wait for the schedule.
    pub configured: Digest,
}

impl<Q> std::fmt::Debug for Poller<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Poller")
    }
}

impl<Q: Queue + Kept> Poller<Q> {
    /// Looks at everything: at once if a process that started at `on_boot` is to do so and no other did since, then on the
    /// schedule, if there is one, until `stop` is raised. Another may have gone on before, and go on after that.
    pub async fn run(&self, on_boot: Option<DateTime<Utc>>, schedule: Option<Schedule>, mut stop: Stop) {
        let on_boot = if self.is_configured_otherwise().await { Some(self.ambient.now()) } else { on_boot };
        match schedule {
            Some(schedule) => self.follow(on_boot, schedule, &mut stop).await,
            None => self.look_once(on_boot, &mut stop).await,
        }
        // Nobody waits for a round that another begins.
        self.metrics.poll_next.set(0);
    }

    /// Whether all was looked at before under another configuration than now.
    async fn is_configured_otherwise(&self) -> bool {
        let before = self.queue.recall(KEPT_OF_CONFIGURATION).await;
        let is_otherwise = before.is_some_and(|before| before != self.configured.as_str());
        if is_otherwise {
            tracing::info!(
                "the configuration says something else of registries or channels than at the last start: all is looked at"
            );
        }
        is_otherwise
    }

    async fn keep_configuration(&self) {
        let value = self.configured.as_str().to_owned();
        self.queue.keep(KEPT_OF_CONFIGURATION, value, self.ambient.now() + KEPT_FOR).await;
    }

    async fn look_once(&self, on_boot: Option<DateTime<Utc>>, stop: &mut Stop) {
        if let Some(started) = on_boot
            && last_start(&self.queue).await.is_none_or(|last| last < started)
        {
            let now = self.ambient.now();
            let cycle = Cycle::begin(0, now, None).at_once();
            while self.queue_looks(&cycle, now - MOMENT, now).await.is_err() {
                tokio::select! {
                    () = stop.raised() => return,
                    () = tokio::time::sleep(LONGEST_NAP) => {}
                }
            }
            self.queue.keep(KEPT_OF_STARTS, now.to_rfc3339(), now + KEPT_FOR).await;
        }
        self.keep_configuration().await;
        stop.raised().await;
    }

    async fn follow(&self, on_boot: Option<DateTime<Utc>>, schedule: Schedule, stop: &mut Stop) {
        let (kept, now) = (self.recall().await, self.ambient.now());
        let is_begun = |started| kept.is_some_and(|kept: Progress| kept.cycle.began >= started);
        let mut plan = Plan::new(schedule, kept, now);
        let begins = on_boot.filter(|started| !is_begun(*started)).map(|_| now);
        if begins.is_some() {
            plan.begin_now(now);
        }
        let mut is_kept = false;
        while !stop.is_raised() {
            let nap = self.go_on(&mut plan).await;
            // A process that dies before the cycle is known to have begun has not looked at all.
            if !is_kept
                && (begins.is_none() || self.recall().await.is_some_and(|kept| Some(kept.cycle.began) >= begins))
            {
                self.keep_configuration().await;
                is_kept = true;
            }
            tokio::select! {
                () = stop.raised() => return,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Does what is to be done now, and says how long nothing is.
    async fn go_on(&self, plan: &mut Plan) -> Duration {
        let step = plan.step(self.ambient.now());
        self.tell_what_is_next(&step, plan);
        if plan.has_just_ended() {
            tracing::error!(
                "IMAGE_WATCHER_SCHEDULE has no date left: new images are found by webhooks only; change it"
            );
        }
        let (cycle, from, to) = match step {
            Step::Nap(nap) => return nap,
            Step::Queue(cycle, from, to) => (cycle, from, to),
        };
        // Another may have gone on since, as when this process stood still.
        if let Some(kept) = self.recall().await
            && plan.catch_up(kept, self.ambient.now())
        {
            return Duration::ZERO;
        }
        let Ok(looks) = self.queue_looks(&cycle, from, to).await else {
            plan.is_owed = true;
            return LONGEST_NAP;
        };
        // Where there was nothing to queue it is not known whether it could be; where nothing is watched nothing is owed.
        plan.is_owed &= looks == 0 && !(self.repositories)().is_empty();
        // Where there was nothing to queue there is nothing to remember, but that a cycle began.
        if let Some(progress) = plan.queued(to).filter(|_| looks > 0 || from < cycle.began) {
            self.keep(&progress).await;
        }
        Duration::ZERO
    }

    /// Tells when a cycle begins next, once all is queued that is due: while looks can't be queued, the date that was told passes.
    fn tell_what_is_next(&self, step: &Step, plan: &Plan) {
        let is_owed = plan.is_owed || matches!(step, Step::Queue(..));
        let is_owed = is_owed && self.metrics.poll_next.get() != 0;
        if let Some((next, interval)) = plan.ahead().filter(|_| !is_owed) {
            self.metrics.poll_next.set(next.timestamp());
            self.metrics.poll_interval.set(interval.num_seconds());
        }
    }

    /// Queues the looks that a cycle has after one moment and until another, and says how many. Those that wait already are
    /// not doubled.
    async fn queue_looks(&self, cycle: &Cycle, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<usize, QueueError> {
        let (trace, all) = (self.ambient.trace_id(), (self.repositories)());
        let cause = Cause::Poll.as_str();
        if from < cycle.began {
            let (repositories, seconds) = (all.len(), cycle.spread().num_seconds());
            tracing::info!(repositories, seconds, cause, "a cycle begins: all repositories are looked at");
        }
        let job = |repository: Repository| {
            let not_before = cycle.look(&repository, (self.pace)(&repository), from, to)?;
            Some(NewJob {
                job: Job::Look(repository),
                trace: trace.as_str().into(),
                not_before,
                urgency: Urgency::Routine,
                failed: None,
            })
        };
        let jobs: Vec<NewJob> = all.into_iter().filter_map(job).collect();
        let repositories = jobs.len();
        if repositories > 0 {
            self.queue.put(jobs).await.inspect_err(|error| {
                tracing::error!(error = %chain(error), "looks of the schedule were not queued, and will be in a minute");
            })?;
        }
        self.metrics.poll_last.set(self.ambient.now().timestamp());
        tracing::debug!(repositories, cause, trace_id = trace, until = %to, "looks are queued");
        Ok(repositories)
    }

    async fn recall(&self) -> Option<Progress> {
        recall(&self.queue).await
    }

    async fn keep(&self, progress: &Progress) {
        if let Ok(text) = serde_json::to_string(progress) {
            self.queue.keep(KEPT, text, self.ambient.now() + KEPT_FOR).await;
        }
    }
}

/// How the schedule does, whichever replica follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When looks were queued last.
    pub last: Option<DateTime<Utc>>,
    /// When the next cycle begins, where one does.
    pub next: Option<DateTime<Utc>>,
    /// From then until the one after it.
    pub interval: Option<TimeDelta>,
}

impl Standing {
    /// What the store knows of it at this moment.
    pub async fn recall<K: Kept>(kept: &K, schedule: Option<&Schedule>, now: DateTime<Utc>) -> Self {
        let Some(schedule) = schedule else { return Self { last: last_start(kept).await, ..Self::default() } };
        let next = schedule.following(now);
        Self {
            last: recall(kept).await.map(|progress| progress.queued_last(now)),
            next,
            interval: next.and_then(|next| Some(schedule.following(next)? - next)),
        }
    }
}

async fn recall<K: Kept>(kept: &K) -> Option<Progress> {
    serde_json::from_str(&kept.recall(KEPT).await?).ok()
}

/// When a start last had all looked at, without a schedule.
async fn last_start<K: Kept>(kept: &K) -> Option<DateTime<Utc>> {
    kept.recall(KEPT_OF_STARTS).await?.parse().ok()
}

#[cfg(test)]
mod tests;
