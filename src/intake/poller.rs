//! The safety net under the webhooks: on a schedule, and at the start if asked, every repository is looked at.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ambient::Ambient;
use crate::config::Schedule;
use crate::domain::event::{Cause, Job};
use crate::domain::reference::Repository;
use crate::queue::{NewJob, Queue};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// Registries are not asked all at once: a round is spread over up to this.
const SPREAD: TimeDelta = TimeDelta::seconds(30);
/// The clock is read at least this often, so that a change of it or a sleep of the machine delays one round at most.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// Queues rounds until `stop` is raised. `repositories` lists what is watched at that moment.
pub async fn poll<Q: Queue>(
    schedule: Schedule,
    queue: Q,
    ambient: Ambient,
    metrics: Metrics,
    mut stop: Stop,
    repositories: impl Fn() -> Vec<Repository>,
) {
    let mut next = following(&schedule, ambient.now());
    while let Some(at) = next {
        let left = (at - ambient.now()).to_std().unwrap_or_default();
        if left.is_zero() {
            let after = following(&schedule, ambient.now());
            let spread = after.map_or(SPREAD, |after| ((after - ambient.now()) / 10).min(SPREAD));
            round(&queue, &ambient, &metrics, repositories(), spread).await;
            next = after;
            continue;
        }
        tokio::select! {
            () = stop.raised() => return,
            () = tokio::time::sleep(left.min(LONGEST_NAP)) => {}
        }
    }
    stop.raised().await;
}

/// Queues one look at each repository, spread over a while. Looks that wait already are not doubled.
pub async fn round<Q: Queue>(
    queue: &Q,
    ambient: &Ambient,
    metrics: &Metrics,
    repositories: Vec<Repository>,
    spread: TimeDelta,
) {
    let (now, trace) = (ambient.now(), ambient.trace_id());
    let count = repositories.len();
    #[expect(clippy::cast_possible_truncation, reason = "a part of at most thirty seconds")]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of at most thirty seconds")]
    let offset = || TimeDelta::milliseconds((spread.num_milliseconds() as f64 * ambient.jitter()) as i64);
    let job = |repository| NewJob { job: Job::Look(repository), trace: trace.clone(), not_before: now + offset() };
    let jobs: Vec<NewJob> = repositories.into_iter().map(job).collect();
    match queue.put(jobs).await {
        Ok(_) => {
            metrics.poll_last.set(now.timestamp());
            tracing::info!(
                repositories = count,
                cause = Cause::Poll.as_str(),
                trace_id = trace,
                "a round of looks is queued"
            );
        }
        Err(error) => {
            tracing::error!(error = %crate::telemetry::chain(&error), "the round of looks was not queued; the next one makes up for it");
        }
    }
}

fn following(schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let here = now.with_timezone(&schedule.zone);
    schedule.cron.find_next_occurrence(&here, false).ok().map(|next| next.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;

    #[test]
    fn the_schedule_is_read_in_its_zone() {
        let schedule = Schedule { cron: croner::Cron::from_str("0 3 * * *").unwrap(), zone: chrono_tz::Europe::Paris };
        let now = DateTime::parse_from_rfc3339("2026-11-24T10:00:00Z").unwrap().to_utc();
        let next = following(&schedule, now).unwrap();
        assert_eq!(next.to_rfc3339(), "2026-11-25T02:00:00+00:00");
    }
}
