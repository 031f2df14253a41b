//! What does not get done, for whoever asks why: jobs that failed and are tried again, jobs that processes died with, and
//! dead letters; of each topic, and of looks for each host.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::row::{self, RowError};
use crate::domain::event::Job;

/// The most groups that are listed one by one; of more, what failed longest ago is left out.
const MOST_GROUPS: usize = 200;

/// Jobs that belong together and are not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// `look`, or `deliver:<channel>`.
    pub topic: String,
    /// The registry, of looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Jobs that failed and are tried again.
    pub retried: u64,
    /// Of messages, all that wait for the channel, tried or not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// Jobs that wait because process after process died while it had them.
    pub suspect: u64,
    /// What one of these is about, the last that was touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_suspect: Option<String>,
    /// Jobs that were given up.
    pub dead: u64,
    /// What failed last: a repository or a workload, and when and why.
    pub last: Failure,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The repository that was looked at, or the workload that a message is about.
    pub about: String,
    /// When it failed.
    #[cfg_attr(test, schema(value_type = String))]
    pub at: DateTime<Utc>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What does not get done, and what did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Troubles {
    /// What failed last comes first.
    pub failing: Vec<Trouble>,
    /// When a job of each topic was done last, as far as that is remembered: messages that arrived are, looks are not.
    #[cfg_attr(test, schema(value_type = BTreeMap<String, String>))]
    pub last_done: BTreeMap<String, DateTime<Utc>>,
}

/// What is wrong with a job that is not done.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    Retried,
    Suspect,
    Dead,
}

/// What fails, by topic and host, as it is counted.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<(String, Option<String>), Trouble>);

impl Groups {
    /// Counts a job, the last that failed first.
    pub(super) fn count(
        &mut self,
        topic: &str,
        job: Result<Job, RowError>,
        fault: Fault,
        (at, reason): (DateTime<Utc>, Option<String>),
    ) {
        let (host, about) = subject(job);
        let key = (topic.to_owned(), host.clone());
        if self.0.len() >= MOST_GROUPS && !self.0.contains_key(&key) {
            return;
        }
        let trouble = match self.0.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let last = Failure { about: about.clone(), at, reason };
                new.insert(Trouble { topic: topic.to_owned(), host, last, ..Trouble::default() })
            }
        };
        match fault {
            Fault::Retried => trouble.retried += 1,
            Fault::Suspect => {
                trouble.suspect += 1;
                trouble.last_suspect.get_or_insert(about);
            }
            Fault::Dead => trouble.dead += 1,
        }
    }

    /// What failed last comes first. Beside it, how many jobs of each topic wait.
    pub(super) fn sorted(self, waiting: &BTreeMap<String, u64>) -> Vec<Trouble> {
        let mut all: Vec<Trouble> = self.0.into_values().collect();
        for trouble in all.iter_mut().filter(|trouble| trouble.host.is_none()) {
            trouble.waiting = waiting.get(&trouble.topic).copied().unwrap_or_default();
        }
        all.sort_by_key(|trouble| std::cmp::Reverse(trouble.last.at));
        all
    }
}

/// The host that a job is about, and its name for people. A row of another version has none.
fn subject(job: Result<Job, RowError>) -> (Option<String>, String) {
    match job {
        Ok(Job::Look(repository)) => (Some(repository.host().to_owned()), repository.to_string()),
        Ok(Job::Deliver(delivery)) => {
            (None, delivery.notices().first().map(|notice| notice.workload.to_string()).unwrap_or_default())
        }
        Ok(Job::Gather(gathered)) => (None, gathered.notice.workload.to_string()),
        Ok(job @ Job::Press(_)) => (None, row::about(&job)),
        Err(_) => (None, "a job of another version".to_owned()),
    }
}
