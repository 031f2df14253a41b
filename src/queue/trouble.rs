//! What does not get done, for whoever asks why: jobs that failed and are tried again, jobs that processes died with, and
//! dead letters; of each topic, and of looks for each host.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Jobs that belong together and are not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// `look`, or `deliver:<channel>`.
    pub topic: String,
    /// The registry, of looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Jobs that failed and are tried again.
    pub retried: u64,
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

/// One failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The repository that was looked at, or the workload that a message is about.
    pub about: String,
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What does not get done, and what did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Troubles {
    /// What failed last comes first.
    pub failing: Vec<Trouble>,
    /// When a job of each topic was done last, as far as that is remembered: messages are, looks are not.
    pub last_done: BTreeMap<String, DateTime<Utc>>,
}
