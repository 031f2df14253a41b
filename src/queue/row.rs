//! A job as a stored row: its key, its lane, its payload.
//!
//! The payload carries a format number of its own, so that a row of another version is parked and not misread.

use crate::domain::event::{Delivery, Job, Notice};
use crate::domain::reference::Repository;

/// The format that this version writes.
pub(crate) const FORMAT: i64 = 1;

/// A row that this version can't read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// Written by another version.
    #[error("the row has format {0}, this version reads {FORMAT}")]
    Format(i64),
    /// Not what its topic says.
    #[error("the row's payload can't be read")]
    Payload(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What makes two jobs one: the repository, or the message's stable id.
#[must_use]
pub(crate) fn key(job: &Job) -> String {
    match job {
        Job::Look(repository) => format!("look:{repository}"),
        Job::Deliver(delivery) => delivery.id(),
    }
}

/// What a job is about, for people: the repository; or what is said of which workload, and the version.
#[must_use]
pub(crate) fn about(job: &Job) -> String {
    match job {
        Job::Look(repository) => repository.to_string(),
        Job::Deliver(delivery) => {
            let what = |notice: &Notice| format!("{} {}: {}", notice.workload, notice.container, notice.to.tag);
            match delivery.notices() {
                [] => delivery.event().to_owned(),
                [only] => format!("{} {}", delivery.event(), what(only)),
                [first, rest @ ..] => format!("{} {} and {} more", delivery.event(), what(first), rest.len()),
            }
        }
    }
}

/// Jobs of one lane run one after another: a repository's, and a workload's in one channel.
#[must_use]
pub(crate) fn lane(job: &Job) -> String {
    match job {
        Job::Look(repository) => format!("look:{repository}"),
        Job::Deliver(d) => {
            let uid = d.notices().first().map_or("", |notice| &notice.workload.uid);
            format!("{}:{}:{uid}", d.channel, d.recipient)
        }
    }
}

/// The stored text of a job.
///
/// # Errors
/// [`RowError::Payload`] when it can't be written as JSON.
pub(crate) fn write(job: &Job) -> Result<String, RowError> {
    match job {
        Job::Look(repository) => Ok(repository.to_string()),
        Job::Deliver(delivery) => serde_json::to_string(delivery).map_err(|error| RowError::Payload(error.into())),
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
    if topic == "look" {
        return Repository::parse(payload).map(Job::Look).map_err(|error| RowError::Payload(error.into()));
    }
    let delivery: Delivery = serde_json::from_str(payload).map_err(|error| RowError::Payload(error.into()))?;
    Ok(Job::Deliver(Box::new(delivery)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::NoticeKind;
    use crate::domain::event::tests::notice;

    #[test]
    fn a_job_is_read_as_it_was_written() {
        let delivery = Delivery::of("email", "a@example.com", notice(NoticeKind::Available));
        for job in [Job::Look(Repository::parse("ghcr.io/acme/web").unwrap()), Job::Deliver(Box::new(delivery))] {
            let topic = super::super::Topic::of(&job).name();
            assert_eq!(read(&topic, FORMAT, &write(&job).unwrap()).unwrap(), job);
        }
    }

    #[test]
    fn rows_of_other_versions_are_not_misread() {
        assert!(matches!(read("look", 2, "ghcr.io/acme/web"), Err(RowError::Format(2))));
        assert!(matches!(read("look", 1, "../../etc"), Err(RowError::Payload(_))));
        assert!(matches!(read("deliver:email", 1, "{}"), Err(RowError::Payload(_))));
    }
}
