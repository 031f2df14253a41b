//! A job as a stored row: its key, its lanes, its payload.
//!
//! The payload carries a format number of its own, so that a row of another version is parked and not misread.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Failed, Topic};
use crate::domain::event::{Delivery, Gathered, Job, Notice};
use crate::domain::gathering::makes_old;
use crate::domain::reference::Repository;
use crate::domain::workload::WorkloadId;

/// The format that this version writes.
pub(crate) const FORMAT: i64 = 1;

/// A row that this version can't read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// Written by another version.
    #[error("the row has format {0}, this version reads {FORMAT}")]
    Format(i64),
    /// Of a class that this version does not know.
    #[error("the row has topic «{0}», which this version does not know")]
    Topic(String),
    /// Not what its topic says.
    #[error("the row's payload can't be read")]
    Payload(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A moment that is stored as Unix milliseconds.
pub(super) fn moment(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// What makes two jobs one: the repository, or the message's stable id.
#[must_use]
pub(crate) fn key(job: &Job) -> String {
    match job {
        Job::Look(repository) => format!("look:{repository}"),
        Job::Deliver(delivery) => delivery.id(),
        Job::Gather(gathered) => gathered.id(),
        Job::Press(pressed) => format!("press:{}", pressed.id),
    }
}

/// When a job that waits failed and why, by when it was changed and what went wrong: see [`super::NewJob::failed`].
#[must_use]
pub(super) fn failed(changed: i64, error: Option<String>) -> Option<Failed> {
    error.map(|reason| Failed { at: moment(changed), reason })
}

/// What of a job that waits again is counted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anew {
    /// Its attempts and its age go on.
    Nothing,
    /// Its attempts: what went wrong was no fault of its own.
    Attempts,
    /// As if it were new.
    AttemptsAndAge,
}

/// How it begins why a message is over that was not told, and may be news again: what is put of the same then is stored anew.
pub(crate) const NOT_TOLD: &str = "not told: ";

/// Whether a message that is over is put again as if it had never been.
#[must_use]
pub(super) fn is_not_told(error: Option<&str>) -> bool {
    error.is_some_and(|error| error.starts_with(NOT_TOLD))
}

/// What a job is about, for people: the repository; or what is said of which workload, and the version.
#[must_use]
pub(crate) fn about(job: &Job) -> String {
    let of = |notice: &Notice| format!("{} {}: {}", notice.workload, notice.container, notice.to.tag);
    match job {
        Job::Look(repository) => repository.to_string(),
        Job::Gather(gathered) => format!("{} {}", gathered.notice.kind.as_str(), of(&gathered.notice)),
        Job::Press(pressed) => format!("{} {}", pressed.action.as_str(), pressed.button.approval()),
        Job::Deliver(delivery) => match delivery.notices() {
            [] => delivery.event().to_owned(),
            [only] => format!("{} {}", delivery.event(), of(only)),
            [first, rest @ ..] => format!("{} {} and {} more", delivery.event(), of(first), rest.len()),
        },
    }
}

/// The same for a span, in names that programs look for.
#[must_use]
pub(crate) fn attributes(job: &Job) -> Vec<(&'static str, String)> {
    let of = |notice: &Notice| {
        let WorkloadId { namespace, kind, name, .. } = &notice.workload;
        vec![
            ("k8s.namespace.name", namespace.to_string()),
            ("image_watcher.workload.kind", kind.as_str().to_owned()),
            ("image_watcher.workload.name", name.to_string()),
            ("image_watcher.container", notice.container.clone()),
            ("image_watcher.tag", notice.to.tag.clone()),
        ]
    };
    match job {
        Job::Look(repository) => vec![("container.image.name", repository.to_string())],
        Job::Gather(_) | Job::Press(_) => Vec::new(),
        Job::Deliver(delivery) => {
            let mut all = vec![
                ("messaging.message.id", delivery.id()),
                ("image_watcher.channel", delivery.channel.clone()),
                ("image_watcher.event", delivery.event().to_owned()),
            ];
            if let [only] = delivery.notices() {
                all.extend(of(only));
            }
            all
        }
    }
}

/// Jobs of one lane run one after another, in the order in which they were put: a recipient's messages about a workload.
/// A message that tells of several workloads is in the lane of each. Looks are in none, as a repository has one at a time;
/// what waits to be composed is in none, as its turn is what it is composed for.
#[must_use]
pub(crate) fn lanes(job: &Job) -> Vec<String> {
    let Job::Deliver(delivery) = job else { return Vec::new() };
    let Delivery { channel, recipient, .. } = &**delivery;
    let mut uids: BTreeSet<&str> = delivery.notices().iter().map(|notice| &*notice.workload.uid).collect();
    if uids.is_empty() {
        // What is told of ourselves has an order too.
        uids.insert("");
    }
    uids.into_iter().map(|uid| lane(channel, recipient, uid)).collect()
}

/// The lane of a recipient's messages about a workload.
#[must_use]
pub(crate) fn lane(channel: &str, recipient: &str, uid: &str) -> String {
    format!("{channel}:{recipient}:{uid}")
}

/// Whether a message that is told at once, and waits for its turn, makes old what was a message to the same recipient and is to be
/// told with others later.
#[must_use]
pub(crate) fn overtakes(waiting: &Job, part: &Gathered) -> bool {
    let Job::Deliver(delivery) = waiting else { return false };
    let is_to_the_same = delivery.channel == part.channel && part.only.as_ref() == Some(&delivery.recipient);
    let makes_old = |told: &Notice| told.is_urgent() && makes_old(told, &part.notice);
    is_to_the_same && delivery.notices().iter().any(makes_old)
}

/// What a lane is called of those that were put off: they follow one another still, and keep nobody else waiting.
pub(crate) const PUT_OFF: &str = "put off ";

/// The stored text of a job.
///
/// # Errors
/// [`RowError::Payload`] when it can't be written as JSON.
pub(crate) fn write(job: &Job) -> Result<String, RowError> {
    match job {
        Job::Look(repository) => Ok(repository.to_string()),
        Job::Deliver(delivery) => to_text(delivery),
        Job::Gather(gathered) => to_text(gathered),
        Job::Press(pressed) => to_text(pressed),
    }
}

/// Reads a row back.
///
/// # Errors
/// [`RowError`] for rows of another version, and for what is no job.
pub(crate) fn read(topic: &str, format: i64, payload: &str) -> Result<Job, RowError> {
    if format != FORMAT {
        return Err(RowError::Format(format));
    }
    match Topic::named(topic) {
        Some(Topic::Deliver(_)) => from_text(payload).map(Job::Deliver),
        Some(Topic::Gather(_)) => from_text(payload).map(Job::Gather),
        Some(Topic::Press) => from_text(payload).map(Job::Press),
        Some(Topic::Look) => Repository::parse(payload).map(Job::Look).map_err(|error| RowError::Payload(error.into())),
        None => Err(RowError::Topic(topic.to_owned())),
    }
}

fn to_text(told: &impl Serialize) -> Result<String, RowError> {
    serde_json::to_string(told).map_err(|error| RowError::Payload(error.into()))
}

fn from_text<T: DeserializeOwned>(payload: &str) -> Result<T, RowError> {
    serde_json::from_str(payload).map_err(|error| RowError::Payload(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::NoticeKind;
    use crate::domain::event::tests::notice;

    #[test]
    fn a_job_is_read_as_it_was_written() {
        let delivery = Delivery::of("email", "a@example.com", notice(NoticeKind::Available));
        let gathered = Gathered::new("email", notice(NoticeKind::Failed));
        let look = Job::Look(Repository::parse("ghcr.io/acme/web").unwrap());
        for job in [look, Job::Deliver(Box::new(delivery)), Job::Gather(Box::new(gathered))] {
            let topic = Topic::of(&job).name();
            assert_eq!(read(&topic, FORMAT, &write(&job).unwrap()).unwrap(), job);
        }
    }

    #[test]
    fn rows_of_other_versions_are_not_misread() {
        assert!(matches!(read("look", 2, "ghcr.io/acme/web"), Err(RowError::Format(2))));
        assert!(matches!(read("look", 1, "../../etc"), Err(RowError::Payload(_))));
        for topic in ["deliver:email", "gather:email", "press"] {
            assert!(matches!(read(topic, 1, "{}"), Err(RowError::Payload(_))));
        }
        assert!(matches!(read("pigeon", 1, "{}"), Err(RowError::Topic(topic)) if topic == "pigeon"));
    }
}
