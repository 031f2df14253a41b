//! The record of updates on a workload: what ran, what runs, since when, who asked, how it ended.
//!
//! It is the annotation `image-watcher/history`: a JSON array, newest first, bounded by count and bytes.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::policy::is_older;
use super::reference::{Digest, Tag};

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
    /// Something else changed the image before the rollout ended; or the rollout failed after something else changed the pod
    /// template.
    Replaced,
    /// A person decided not to take this version.
    Skipped,
    /// A person decided that this version, which somebody set back, may be applied.
    Resumed,
}

impl Outcome {
    /// Whether it is what a person said of a version, and nothing was written.
    #[must_use]
    pub fn is_a_word(self) -> bool {
        matches!(self, Self::Skipped | Self::Resumed)
    }

    /// The word in the annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RollingOut => "rolling-out",
            Self::Healthy => "healthy",
            Self::Failed => "failed",
            Self::Replaced => "replaced",
            Self::Skipped => "skipped",
            Self::Resumed => "resumed",
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
    /// The name of the approval that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "name_of")]
    pub approval: Option<String>,
    /// When it was known how it ended: RFC 3339, UTC. Of entries of earlier releases that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Why it failed, in a CamelCase word, as Kubernetes uses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The version that it undid, where it went back because that failed, or somebody chose so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
}

impl Entry {
    /// Whether an older version was written than ran: it went back, whoever decided that.
    #[must_use]
    pub fn is_back(&self) -> bool {
        !self.outcome.is_a_word() && is_older(&self.version, &self.previous)
    }
}

/// Of entries that stand beside a record. Those of the first release say none, and are the only ones from which anything but
/// the story is taken: see [`super::record::of_the_first_release`].
const FORMAT: u8 = 2;

#[derive(Serialize)]
struct Written<'e> {
    #[serde(flatten)]
    entry: &'e Entry,
    format: u8,
}

/// The first release wrote more of an approval than its name.
fn name_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NameOrMore {
        Name(String),
        More { id: String },
    }
    Ok(Option::deserialize(deserializer)?.map(|approval| match approval {
        NameOrMore::Name(id) | NameOrMore::More { id } => id,
    }))
}

/// A version by its digest, as the page and the form of a link name one: `1.2.3@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The tag.
    pub version: Tag,
    /// The manifest.
    pub digest: Digest,
}

impl Choice {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, digest) = text.split_once('@')?;
        Some(Self { version: Tag::parse(version).ok()?, digest: Digest::parse(digest).ok()? })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.version, self.digest)
    }
}

/// A version that was written, which can be gone back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub what: Choice,
    /// When it was written last: RFC 3339, UTC. Not known of what ran before anything was written.
    pub time: Option<String>,
    /// How that ended.
    pub outcome: Outcome,
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

    /// The same of an annotation that nothing of ours vouches for, as a story: who decided is marked as claimed, nothing of
    /// it is under way, and what is longer than we write is left out.
    #[must_use]
    pub fn read_unsigned(annotation: Option<&str>) -> Self {
        let Self(mut entries) = Self::read(annotation);
        for entry in &mut entries {
            entry.by = unsigned(&entry.by);
        }
        let is_as_ours = |entry: &Entry| serde_json::to_string(entry).is_ok_and(|text| text.len() <= MOST_BYTES / 2);
        entries.retain(is_as_ours);
        let mut story = Self(entries);
        story.gives_up(|_| false);
        story
    }

    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// What was written to a container, each version once, newest first.
    #[must_use]
    pub fn ran(&self, container: &str) -> Vec<Ran> {
        let mut all: Vec<Ran> = Vec::new();
        for entry in self.0.iter().filter(|entry| entry.container == container && !entry.outcome.is_a_word()) {
            let Some(what) = Choice::parse(&format!("{}@{}", entry.version, entry.digest)) else { continue };
            if !all.iter().any(|ran| ran.what == what) {
                all.push(Ran { what, time: Some(entry.time.clone()), outcome: entry.outcome });
            }
        }
        all
    }

    /// How rollouts of a version in a container ended, the newest first.
    #[must_use]
    pub fn ends(&self, container: &str, version: &Tag) -> Vec<&Entry> {
        let is_it = |entry: &&Entry| entry.container == container && entry.version == version.as_str();
        let has_ended = |entry: &&Entry| matches!(entry.outcome, Outcome::Healthy | Outcome::Failed);
        // What nobody signed is a story.
        let is_signed = |entry: &&Entry| !entry.by.starts_with(UNSIGNED);
        self.0.iter().filter(is_it).filter(has_ended).filter(is_signed).collect()
    }

    /// The update by which a version failed in a container, where it did when it ran there last: this manifest of it, or any.
    #[must_use]
    pub fn failed_last(&self, container: &str, version: &Tag, digest: Option<&Digest>) -> Option<&Entry> {
        let is_it = |entry: &&Entry| digest.is_none_or(|digest| entry.digest == digest.as_str());
        let last = self.ends(container, version).into_iter().find(is_it)?;
        (last.outcome == Outcome::Failed).then_some(last)
    }

    /// The entry that an approval decided.
    #[must_use]
    pub fn decided_by(&self, approval: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.approval.as_deref() == Some(approval))
    }

    /// Adds an update at the top. An older one of the same container that has not ended never will.
    pub fn push(&mut self, entry: Entry) {
        if entry.outcome == Outcome::RollingOut {
            self.end(&entry.container, Outcome::RollingOut, Outcome::Replaced);
        }
        self.0.insert(0, entry);
        self.0.truncate(MOST_ENTRIES);
    }

    /// Whether people answered of any version that they do not want it.
    #[must_use]
    pub fn has_skips(&self) -> bool {
        self.0.iter().any(|entry| entry.outcome == Outcome::Skipped)
    }

    /// Takes over these answers of another history.
    pub fn take_skips(&mut self, other: &Self) {
        for entry in other.0.iter().rev().filter(|entry| entry.outcome == Outcome::Skipped) {
            if !self.0.contains(entry) {
                self.push(entry.clone());
            }
        }
    }

    /// Writes how the newest update of `container` ended, if it stood so.
    pub fn end(&mut self, container: &str, was: Outcome, outcome: Outcome) {
        let newest = self.0.iter_mut().find(|e| e.container == container && !e.outcome.is_a_word());
        if let Some(entry) = newest.filter(|entry| entry.outcome == was) {
            entry.outcome = outcome;
        }
    }

    /// The same of an update that says itself how it ended, and when and why.
    pub fn ended(&mut self, was: Outcome, update: Entry) {
        self.end(&update.container, was, update.outcome);
        let is_it = |entry: &&mut Entry| entry.container == update.container && !entry.outcome.is_a_word();
        let newest = self.0.iter_mut().find(is_it).filter(|entry| entry.outcome == update.outcome);
        if let Some(entry) = newest.filter(|entry| entry.version == update.version) {
            (entry.ended, entry.failure) = (update.ended, update.failure);
        }
    }

    /// What has not ended, and is followed by nobody, never will: `is_followed` says whether the update of a container is.
    pub fn gives_up(&mut self, is_followed: impl Fn(&str) -> bool) {
        let left = self.0.iter_mut().filter(|entry| entry.outcome == Outcome::RollingOut);
        left.filter(|entry| !is_followed(&entry.container)).for_each(|entry| entry.outcome = Outcome::Replaced);
    }

    /// The annotation, oldest entries dropped until it fits; the newest is always there.
    #[must_use]
    pub fn write(&self) -> String {
        let written: Vec<_> = self.0.iter().map(|entry| Written { entry, format: FORMAT }).collect();
        let mut entries = written.as_slice();
        loop {
            let text = serde_json::to_string(entries).unwrap_or_default();
            match entries {
                [kept @ .., _] if text.len() > MOST_BYTES && !kept.is_empty() => entries = kept,
                _ => return text,
            }
        }
    }
}

/// What stands before who decided, where nothing of ours vouches for it.
const UNSIGNED: &str = "unsigned: ";

/// Who decided, as an annotation says it that nothing of ours vouches for.
#[must_use]
pub fn unsigned(by: &str) -> String {
    if by.starts_with(UNSIGNED) { by.to_owned() } else { format!("{UNSIGNED}{by}") }
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
            ended: None,
            failure: None,
            undoes: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut history = History::default();
        history.push(entry("1.1.0", Outcome::RollingOut));
        history.push(Entry { approval: Some("apr_1".into()), ..entry("1.2.0", Outcome::RollingOut) });
        history.end("log", Outcome::RollingOut, Outcome::Healthy);
        history.end("web", Outcome::RollingOut, Outcome::Healthy);
        history.end("web", Outcome::RollingOut, Outcome::Failed);
        assert_eq!(History::read(Some(&history.write())), history);
        let outcomes: Vec<Outcome> = history.entries().iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, [Outcome::Healthy, Outcome::Replaced]);
        assert_eq!(history.decided_by("apr_1").map(|entry| entry.version.as_str()), Some("1.2.0"));
    }

    #[test]
    fn how_an_update_ended_is_written_where_it_stands() {
        let mut history = History::default();
        history.push(Entry { container: "log".into(), ..entry("2.1.0", Outcome::RollingOut) });
        history.push(entry("1.1.0", Outcome::RollingOut));
        history.push(entry("1.2.0", Outcome::Skipped));
        history.push(entry("1.1.0", Outcome::Resumed));
        let outcomes = |history: &History| -> Vec<Outcome> { history.entries().iter().map(|it| it.outcome).collect() };
        let (rolls, words) = (Outcome::RollingOut, [Outcome::Resumed, Outcome::Skipped]);
        assert_eq!(outcomes(&history), [words[0], words[1], rolls, rolls], "what a person says ends no rollout");
        history.end("log", Outcome::RollingOut, Outcome::Healthy);
        assert_eq!(outcomes(&history), [words[0], words[1], rolls, Outcome::Healthy]);
        history.end("web", Outcome::RollingOut, Outcome::Failed);
        assert_eq!(outcomes(&history), [words[0], words[1], Outcome::Failed, Outcome::Healthy]);
    }

    #[test]
    fn the_first_release_wrote_more_of_an_approval() {
        let mut old = serde_json::to_value([entry("1.1.0", Outcome::Healthy)]).unwrap();
        old[0]["approval"] = serde_json::json!({"id": "apr_1", "key": "k", "expires": 1, "nonce": "n"});
        let read = History::read(Some(&old.to_string()));
        assert!(read.decided_by("apr_1").is_some() && read.decided_by("apr_2").is_none());
        let of = |version: &str| Entry { approval: Some("apr_1".into()), ..entry(version, Outcome::Healthy) };
        let twice = History(vec![of("1.2.0"), of("1.1.0")]);
        assert_eq!(twice.decided_by("apr_1").map(|entry| entry.version.as_str()), Some("1.2.0"), "the newest");
    }

    #[test]
    fn what_nobody_signed_is_a_story_that_says_so() {
        let long = Entry { by: "x".repeat(MOST_BYTES), ..entry("1.3.0", Outcome::Healthy) };
        let forged = Entry { by: "link email:c…@bank.example".into(), ..entry("1.1.0", Outcome::RollingOut) };
        let text = History(vec![long, forged, entry("1.0.0", Outcome::Failed)]);
        let read = History::read_unsigned(Some(&serde_json::to_string(&text.0).unwrap()));
        let said: Vec<_> = read.0.iter().map(|it| (it.version.as_str(), it.by.as_str(), it.outcome)).collect();
        let expected = [
            ("1.1.0", "unsigned: link email:c…@bank.example", Outcome::Replaced),
            ("1.0.0", "unsigned: policy", Outcome::Failed),
        ];
        assert_eq!(said, expected);
        assert_eq!(History::read_unsigned(Some(&read.write())), read, "it is marked once");
    }

    #[test]
    fn what_ran_is_listed_once_each_with_how_it_ran_last() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let all = vec![
            entry("1.2.0", Outcome::Skipped),
            entry("1.1.0", Outcome::Healthy),
            Entry { digest: digest.clone(), ..entry("1.1.0", Outcome::Failed) },
            Entry { container: "log".into(), ..entry("3.0.0", Outcome::Healthy) },
            Entry { digest: String::new(), ..entry("1.0.5", Outcome::Healthy) },
            entry("1.1.0", Outcome::Failed),
        ];
        let ran = History(all).ran("web");
        let said: Vec<(String, Outcome)> = ran.into_iter().map(|ran| (ran.what.to_string(), ran.outcome)).collect();
        let of = |digit: &str| format!("1.1.0@sha256:{}", digit.repeat(64));
        assert_eq!(said, [(of("a"), Outcome::Healthy), (of("b"), Outcome::Failed)]);
    }

    #[test]
    fn a_choice_is_a_version_by_its_digest() {
        let text = format!("1.1.0@sha256:{}", "a".repeat(64));
        assert_eq!(Choice::parse(&text).unwrap().to_string(), text);
        for odd in ["", "1.1.0", "1.1.0@", "1.1.0@sha256:a", "@sha256:a", "1.1.0@latest", &format!("{text}@{text}")] {
            assert_eq!(Choice::parse(odd), None, "{odd}");
        }
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
        let many = serde_json::to_string(&vec![entry("1.1.0", Outcome::Healthy); MOST_ENTRIES + 1]).unwrap();
        assert_eq!(History::read(Some(&many)).entries().len(), MOST_ENTRIES);
        let of = |bytes: &[usize]| {
            let entry = |bytes: &usize| Entry { by: "x".repeat(*bytes), ..entry("1.1.0", Outcome::Healthy) };
            History(bytes.iter().map(entry).collect())
        };
        let written = |bytes: &[usize]| {
            let text = of(bytes).write();
            (text.len(), History::read(Some(&text)).entries().len())
        };
        let room = MOST_BYTES - of(&[0, 0]).write().len();
        assert_eq!(written(&[0, room]), (MOST_BYTES, 2), "to the last byte");
        assert_eq!(written(&[0, room + 1]).1, 1, "the oldest is dropped");
        assert_eq!(written(&[MOST_BYTES]).1, 1, "never the newest");
        let one = |bytes| History::read_unsigned(Some(&of(&[bytes]).write())).entries().len();
        let marked = serde_json::to_string(&Entry { by: unsigned(""), ..entry("1.1.0", Outcome::Healthy) }).unwrap();
        let room = MOST_BYTES / 2 - marked.len();
        assert_eq!((one(room), one(room + 1)), (1, 0));
    }

    #[test]
    fn rubbish_is_no_history() {
        for text in ["", "{}", "[1]", "null", "[{\"version\":1}]"] {
            assert_eq!(History::read(Some(text)), History::default(), "{text}");
        }
    }
}
