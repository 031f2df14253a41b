//! The safety net under the webhooks: on a schedule, and at the start if asked, every repository is looked at.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ambient::Ambient;
use crate::config::schedule::Schedule;
use crate::domain::event::{Cause, Job};
use crate::domain::reference::Repository;
use crate::queue::{NewJob, Queue};
use crate::stop::Stop;
use crate::telemetry::metrics::Metrics;

/// Registries are not asked all at once: a round is spread over up to this.
const SPREAD: TimeDelta = TimeDelta::seconds(30);
/// The clock is read at least this often, so that a change of it or a sleep of the machine delays one round at most.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// What is to be done at a moment.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A round, spread over this.
    Round(TimeDelta),
    /// Nothing for so long; then the clock is read again.
    Nap(Duration),
}

/// The next round, planned anew whenever the clock is read: it may have been set back or forth since.
struct Plan {
    schedule: Schedule,
    next: Option<DateTime<Utc>>,
    told: bool,
}

impl Plan {
    fn new(schedule: Schedule, now: DateTime<Utc>) -> Self {
        Self { next: schedule.following(now), schedule, told: false }
    }

    fn step(&mut self, now: DateTime<Utc>) -> Step {
        let is_due = self.next.is_some_and(|next| next <= now);
        self.next = self.schedule.following(now);
        match (is_due, self.next) {
            (true, None) => Step::Round(SPREAD),
            (true, Some(next)) => Step::Round(((next - now) / 10).min(SPREAD)),
            (false, None) => Step::Nap(LONGEST_NAP),
            (false, Some(next)) => Step::Nap((next - now).to_std().unwrap_or_default().min(LONGEST_NAP)),
        }
    }

    /// Whether it has just become clear that no round follows any more.
    fn has_just_ended(&mut self) -> bool {
        let ended = self.next.is_none();
        let just = ended && !self.told;
        self.told = ended;
        just
    }
}

/// Looks at everything: at once if `on_boot`, then on the schedule, if there is one, until `stop` is raised.
pub async fn run<Q: Queue>(
    (on_boot, schedule): (bool, Option<Schedule>),
    queue: Q,
    ambient: Ambient,
    metrics: Metrics,
    mut stop: Stop,
    repositories: impl Fn() -> Vec<Repository>,
) {
    if on_boot {
        round(&queue, &ambient, &metrics, repositories(), TimeDelta::zero()).await;
    }
    match schedule {
        Some(schedule) => poll(schedule, queue, ambient, metrics, stop, repositories).await,
        None => stop.raised().await,
    }
}

/// Queues rounds until `stop` is raised. `repositories` lists what is watched at that moment.
async fn poll<Q: Queue>(
    schedule: Schedule,
    queue: Q,
    ambient: Ambient,
    metrics: Metrics,
    mut stop: Stop,
    repositories: impl Fn() -> Vec<Repository>,
) {
    let mut plan = Plan::new(schedule, ambient.now());
    while !stop.is_raised() {
        let step = plan.step(ambient.now());
        if plan.has_just_ended() {
            tracing::error!(
                "IMAGE_WATCHER_SCHEDULE has no date left: new images are found by webhooks only; change it"
            );
        }
        match step {
            Step::Round(spread) => round(&queue, &ambient, &metrics, repositories(), spread).await,
            Step::Nap(nap) => tokio::select! {
                () = stop.raised() => return,
                () = tokio::time::sleep(nap) => {}
            },
        }
    }
}

/// Queues one look at each repository, spread over a while. Looks that wait already are not doubled.
async fn round<Q: Queue>(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(&format!("2026-11-{text}Z")).unwrap().to_utc()
    }

    fn plan(cron: &str, now: &str) -> Plan {
        Plan::new(Schedule::new(cron, chrono_tz::UTC, at(now)).unwrap(), at(now))
    }

    fn minute() -> Step {
        Step::Nap(LONGEST_NAP)
    }

    #[test]
    fn a_round_comes_when_it_is_due_and_once() {
        let mut plan = plan("0 */3 * * *", "24T10:00:00");
        for (now, expected) in [
            ("24T10:00:00", minute()),
            ("24T11:59:58", Step::Nap(Duration::from_secs(2))),
            ("24T12:00:00", Step::Round(SPREAD)),
            ("24T12:00:00", minute()),
            ("24T12:01:00", minute()),
            ("24T15:00:07", Step::Round(SPREAD)),
            ("24T15:00:08", minute()),
        ] {
            assert_eq!(plan.step(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_dense_schedule_is_spread_over_a_part_of_its_pause() {
        let mut plan = plan("* * * * *", "24T10:00:00");
        assert_eq!(plan.step(at("24T10:01:00")), Step::Round(TimeDelta::seconds(6)));
    }

    /// I7: it waited for the old time.
    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        let mut plan = plan("0 */3 * * *", "29T10:00:00");
        assert_eq!(plan.step(at("29T10:00:00")), minute());
        assert_eq!(plan.step(at("24T11:59:50")), Step::Nap(Duration::from_secs(10)), "five days back");
        assert_eq!(plan.step(at("24T12:00:00")), Step::Round(SPREAD));
        assert_eq!(plan.step(at("24T11:00:00")), minute(), "an hour back");
        assert_eq!(plan.step(at("24T12:00:01")), Step::Round(SPREAD));
    }

    #[test]
    fn a_clock_that_is_set_forth_costs_one_round() {
        let mut plan = plan("0 */3 * * *", "24T10:00:00");
        assert_eq!(plan.step(at("29T10:00:00")), Step::Round(SPREAD), "what was missed is made up for once");
        assert_eq!(plan.step(at("29T10:00:01")), minute());
        assert_eq!(plan.step(at("29T12:00:00")), Step::Round(SPREAD));
    }

    #[test]
    fn a_schedule_without_a_date_left_is_told_once_and_goes_on_when_the_clock_does() {
        let mut plan = plan("0 0 12 24 11 * 2026", "24T10:00:00");
        assert!(!plan.has_just_ended());
        assert_eq!(plan.step(at("24T12:00:00")), Step::Round(SPREAD));
        assert!(plan.has_just_ended());
        assert_eq!(plan.step(at("24T12:00:01")), minute());
        assert!(!plan.has_just_ended(), "once");
        assert_eq!(plan.step(at("24T11:59:59")), Step::Nap(Duration::from_secs(1)), "the clock was set back");
        assert!(!plan.has_just_ended());
        assert_eq!(plan.step(at("24T12:00:00")), Step::Round(SPREAD));
        assert!(plan.has_just_ended(), "and again, as it is news again");
    }

    #[test]
    fn no_nap_is_long() {
        for cron in ["0 0 29 2 *", "0 0 0 1 1 * 2999", "0 */3 * * *"] {
            let mut plan = plan(cron, "24T10:00:01");
            assert_eq!(plan.step(at("24T10:00:01")), minute(), "{cron}");
        }
    }
}
