//! How long rows that are over are remembered, and what is done with a job that process after process died with.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::retry::Backoff;

/// Done deliveries are remembered this long, so that the same message is not sent twice.
pub(super) const REMEMBER_DONE: TimeDelta = TimeDelta::days(7);
/// What is put again is remembered anew after this time. Milliseconds.
pub(super) const REMEMBER_AGAIN: i64 = 24 * 3600 * 1000;
/// Dead letters are kept this long.
pub(super) const REMEMBER_DEAD: TimeDelta = TimeDelta::days(30);
/// What is remembered of a workload that was deleted is kept this long: its links last for days, and should its cluster be
/// restored as a whole, its uid comes back.
pub(super) const REMEMBER_GONE: TimeDelta = TimeDelta::days(30);
/// The most dead letters that are kept.
pub(super) const MOST_DEAD: u32 = 10_000;
/// Rows that are over are looked for this often, and when so many were given up as are dropped at once.
pub(super) const PURGE: Duration = Duration::from_secs(3600);
/// The most rows that are dropped at once, so that nobody waits for long; the rest is dropped right after.
pub(super) const MOST_PURGED: u32 = 500;
/// A job with which this many processes died, one after another, waits.
pub(super) const MOST_LOSSES: u32 = 3;
/// A message with which this many died is given up. A look is not, as nobody would do it instead.
pub(super) const MOST_LOSSES_OF_A_MESSAGE: u32 = 6;
/// Jobs that are named one by one in the log.
pub(super) const MOST_NAMED: u32 = 50;

/// When a job is done again with which so many processes died, where it has to wait for that.
pub(super) fn again_after(losses: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let beyond = losses.checked_sub(MOST_LOSSES)?;
    Some(patience().next(beyond + 1, None, now, 1.0))
}

/// How long jobs wait that processes died with.
fn patience() -> Backoff {
    Backoff::seconds(15, 3600, 4)
}

pub(super) fn log_suspect(topic: &str, job: &str, deaths: u32, next: DateTime<Utc>) {
    tracing::warn!(
        topic,
        job,
        deaths,
        %next,
        "the process died each time with this job, which waits while the others go on: if memory ran out, raise its \
         limit; if it is one workload's image, set that workload to DISABLED"
    );
}

pub(super) fn log_given_up(topic: &str, job: &str, deaths: u32) {
    tracing::error!(
        topic,
        job,
        deaths,
        "the process died each time with this message, which is given up and kept as a dead letter"
    );
}
