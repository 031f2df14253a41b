//! The record of updates on a workload: what ran, what runs, since when, who asked, how it ended.
//!
//! It is the annotation `image-watcher/history`: a JSON array, newest first, bounded by count and bytes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::reference::Digest;
use super::workload::Workload;

/// The most entries that are kept.
const MOST_ENTRIES: usize = 10;
/// The most bytes that the annotation takes; all annotations of an object share 256 KiB.
const MOST_BYTES: usize = 4096;

/// How an update ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The image is written, the rollout under way.
    RollingOut,
    /// The rollout completed and its replicas are available.
    Healthy,
    /// The rollout did not complete.
    Failed,
    /// Something else changed the image before the rollout ended.
    Replaced,
    /// A person decided not to take this version.
    Skipped,
}

impl Outcome {
    /// The word in the annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RollingOut => "rolling-out",
            Self::Healthy => "healthy",
            Self::Failed => "failed",
            Self::Replaced => "replaced",
            Self::Skipped => "skipped",
        }
    }
}

/// One update of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The container.
    pub container: String,
    /// The tag that was chosen.
    pub version: String,
    /// The tag that ran before.
    pub previous: String,
    /// What `version` pointed to.
    pub digest: String,
    /// The image that ran before, as it was written, for going back.
    pub previous_image: String,
    /// When it was decided: RFC 3339, UTC.
    pub time: String,
    /// Who or what decided: `policy`, or the recipient of a link.
    pub by: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How far the update went: `minor`.
    #[serde(default)]
    pub level: String,
    /// The approval that decided it, for recognising its link afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRecord>,
    /// Since when the rollout before this one was given up, if it was: see [`super::rollout::Stall::since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_before: Option<String>,
}

impl Entry {
    /// Whether its container still runs what it wrote.
    #[must_use]
    pub fn runs_on(&self, workload: &Workload) -> bool {
        let image = workload.container(&self.container).and_then(|(_, container)| container.reference());
        image.is_some_and(|image| {
            let digest = image.digest().map(Digest::as_str);
            image.tag().is_some_and(|tag| tag.as_str() == self.version)
                && digest.is_none_or(|digest| digest == self.digest)
        })
    }
}

/// What is kept of a decided approval: enough to recognise its link, not enough to make one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRecord {
    /// Its id.
    pub id: String,
    /// The key that signs its links.
    pub key: String,
    /// Unix time at which it expires.
    pub expires: i64,
    /// Its nonce.
    pub nonce: String,
    /// The digest that ran when people were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl ApprovalRecord {
    /// What is kept of `approval`.
    #[must_use]
    pub fn of(approval: &Approval) -> Self {
        Self {
            id: approval.id.to_string(),
            key: approval.key.to_string(),
            expires: approval.expires.timestamp(),
            nonce: approval.nonce.clone(),
            from: approval.from_digest.as_ref().map(Digest::to_string),
        }
    }
}

/// A workload's updates, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Entry>);

impl History {
    /// Reads the annotation. What is not ours to read is no history: it begins anew.
    #[must_use]
    pub fn read(annotation: Option<&str>) -> Self {
        let mut entries: Vec<Entry> = annotation.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        entries.truncate(MOST_ENTRIES);
        Self(entries)
    }

    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The newest update of `container`, whatever became of it.
    #[must_use]
    pub fn newest(&self, container: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.container == container && entry.outcome != Outcome::Skipped)
    }

    /// The update of `container` whose rollout has not ended.
    #[must_use]
    pub fn open(&self, container: &str) -> Option<&Entry> {
        self.newest(container).filter(|entry| entry.outcome == Outcome::RollingOut)
    }

    /// The entry that an approval decided.
    #[must_use]
    pub fn decided_by(&self, approval: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.approval.as_ref().is_some_and(|record| record.id == approval))
    }

    /// Adds an update at the top. An older one of the same container that has not ended never will.
    pub fn push(&mut self, entry: Entry) {
        if entry.outcome == Outcome::RollingOut {
            self.close(&entry.container, Outcome::Replaced);
        }
        self.0.insert(0, entry);
        self.0.truncate(MOST_ENTRIES);
    }

    /// Writes how the open update of `container` ended.
    pub fn close(&mut self, container: &str, outcome: Outcome) {
        self.turn(container, Outcome::RollingOut, outcome);
    }

    /// Writes that the failed update of `container` became healthy after all.
    pub fn correct(&mut self, container: &str) {
        self.turn(container, Outcome::Failed, Outcome::Healthy);
    }

    fn turn(&mut self, container: &str, from: Outcome, to: Outcome) {
        let newest = self.0.iter_mut().find(|e| e.container == container && e.outcome != Outcome::Skipped);
        if let Some(entry) = newest.filter(|entry| entry.outcome == from) {
            entry.outcome = to;
        }
    }

    /// The annotation, oldest entries dropped until it fits; the newest is always there.
    #[must_use]
    pub fn write(&self) -> String {
        let mut entries = self.0.as_slice();
        loop {
            let text = serde_json::to_string(entries).unwrap_or_default();
            match entries {
                [kept @ .., _] if text.len() > MOST_BYTES && !kept.is_empty() => entries = kept,
                _ => return text,
            }
        }
    }
}

/// A moment as annotations and messages write it: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn rfc3339(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(version: &str, outcome: Outcome) -> Entry {
        Entry {
            container: "web".into(),
            version: version.into(),
            previous: "1.0.0".into(),
            digest: format!("sha256:{}", "a".repeat(64)),
            previous_image: "web:1.0.0".into(),
            time: "2026-11-24T10:00:00Z".into(),
            by: "policy".into(),
            outcome,
            level: "minor".into(),
            approval: None,
            stalled_before: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut history = History::default();
        history.push(entry("1.1.0", Outcome::Healthy));
        history.push(entry("1.2.0", Outcome::RollingOut));
        assert_eq!(History::read(Some(&history.write())), history);
        assert_eq!(history.open("web").map(|e| e.version.as_str()), Some("1.2.0"));
        assert_eq!(history.open("log"), None);
        history.close("web", Outcome::Healthy);
        assert_eq!(history.open("web"), None);
    }

    #[test]
    fn it_is_bounded_by_count_and_bytes() {
        let mut history = History::default();
        for n in 0..30 {
            history.push(entry(&format!("1.{n}.0-{}", "x".repeat(100)), Outcome::Healthy));
        }
        assert_eq!(history.entries().len(), MOST_ENTRIES);
        let text = history.write();
        assert!(text.len() <= MOST_BYTES, "{}", text.len());
        assert!(text.contains("1.29.0"), "the newest is kept");
    }

    #[test]
    fn rubbish_is_no_history() {
        for text in ["", "{}", "[1]", "null", "[{\"version\":1}]"] {
            assert_eq!(History::read(Some(text)), History::default(), "{text}");
        }
    }
}
