//! A job as an entry of the bucket.

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::bucket::hashed;
use crate::domain::event::Job;
use crate::domain::trace::Trace;
use crate::queue::{Failed, NewJob, Topic, Urgency, row};

/// The format of entries that this version writes. What a job says has a format of its own: see [`row::FORMAT`].
pub(super) const VERSION: u32 = 1;
/// A byte of text may be so many in JSON.
const LONGEST_CHARACTER: usize = 6;
/// Below this many bytes nobody needs the exact number.
const SMALL: usize = 8 * 1024;

/// What state a job is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// It waits, or somebody has it.
    Ready,
    /// It is over, and remembered.
    Done,
    /// It was given up.
    Dead,
    /// This version can't read it.
    Parked,
}

/// The replica that holds the lease of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JobHolder {
    /// The process: a name of its own that it says again and again while it lives.
    pub(super) by: String,
    /// Tells this lease from its others.
    pub(super) number: u64,
}

/// A job as an entry of the bucket. Moments are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub(super) version: u32,
    /// See [`row::key`].
    pub(super) key: String,
    pub(super) topic: String,
    /// Of the payload.
    pub(super) format: i64,
    /// What is to be done; nothing where it is done.
    pub(super) payload: String,
    pub(super) trace: String,
    pub(super) state: State,
    pub(super) attempts: u32,
    /// Processes that died with it, one after another.
    pub(super) losses: u32,
    pub(super) not_before: i64,
    pub(super) created: i64,
    pub(super) changed: i64,
    pub(super) urgency: Urgency,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Whether somebody was told that it was given up.
    #[serde(default)]
    pub(super) told: bool,
    /// The revision that it had first, which is its place among others; 0 in that one itself.
    #[serde(default)]
    pub(super) first: u64,
    /// Whether it was put off: it keeps nobody waiting then but others that were, see [`row::PUT_OFF`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) put_off: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<JobHolder>,
    /// A hint came that the holder may not have seen, this urgent: it waits again when the lease ends, whatever becomes
    /// of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<Urgency>,
}

impl Row {
    /// A job that waits from now on.
    ///
    /// # Errors
    /// [`row::RowError`] when it can't be written as text.
    pub(super) fn new(new: &NewJob, at: i64, now: i64) -> Result<Self, row::RowError> {
        Ok(Self {
            version: VERSION,
            key: row::key(&new.job),
            topic: Topic::of(&new.job).name(),
            format: row::FORMAT,
            payload: row::write(&new.job)?,
            trace: new.trace.to_string(),
            state: State::Ready,
            attempts: 0,
            losses: 0,
            not_before: at,
            created: now,
            changed: new.failed.as_ref().map_or(now, |failed| failed.at.timestamp_millis()),
            urgency: new.urgency,
            error: new.failed.as_ref().map(|failed| failed.reason.clone()),
            told: false,
            first: 0,
            put_off: false,
            held: None,
            again: None,
        })
    }

    /// Reads an entry; nothing where this version does not know it, or a hand wrote what can't be.
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        serde_json::from_slice(value).ok().filter(|row: &Self| row.version == VERSION && row.is_possible())
    }

    /// Whether its numbers can be reckoned with.
    fn is_possible(&self) -> bool {
        let moments = [self.not_before, self.created, self.changed];
        let are_moments = moments.iter().all(|millis| DateTime::from_timestamp_millis(*millis).is_some());
        are_moments && i64::try_from(self.first).is_ok()
    }

    /// Whether this is a place of its key.
    pub(super) fn stands_at(&self, place: &str) -> bool {
        place == Self::place(&self.key) || place == Self::spare(&self.key)
    }

    /// The bytes that it has in the bucket; where it is small, no fewer than it has.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.key, &self.topic, &self.payload, &self.trace].map(String::len).iter().sum::<usize>();
        let most = (texts + self.error.as_ref().map_or(0, String::len)).saturating_mul(LONGEST_CHARACTER);
        if most < SMALL { most } else { self.written().len() }
    }

    /// What stands in the bucket.
    pub(super) fn written(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Where it stands in the bucket.
    pub(super) fn place(key: &str) -> String {
        format!("job.{}", hashed(key))
    }

    /// Where it stands if something else is in its place: an entry that this version can't read.
    pub(super) fn spare(key: &str) -> String {
        format!("job.{}", hashed(&format!("{key}\n")))
    }

    /// What is to be done.
    ///
    /// # Errors
    /// [`row::RowError`] where this version can't read it.
    pub(super) fn job(&self) -> Result<Job, row::RowError> {
        row::read(&self.topic, self.format, &self.payload)
    }

    /// What it is about, for people.
    pub(super) fn about(&self) -> String {
        self.job().map_or_else(|error| error.to_string(), |job| row::about(&job))
    }

    /// See [`NewJob::trace`].
    pub(super) fn trace(&self) -> Trace {
        Trace::parse(&self.trace)
    }

    /// See [`NewJob::failed`].
    pub(super) fn failed(&self) -> Option<Failed> {
        row::failed(self.changed, self.error.clone())
    }

    /// Whether it is about a message, and not a look or a press.
    pub(super) fn is_message(&self) -> bool {
        Topic::channel_in(&self.topic).is_some()
    }

    /// See [`row::is_not_told`].
    pub(super) fn is_not_told(&self) -> bool {
        self.state == State::Done && row::is_not_told(self.error.as_deref())
    }

    /// It is over, in this state, and nobody has it.
    pub(super) fn end(&mut self, state: State, error: Option<String>, now: i64) {
        (self.state, self.error, self.changed) = (state, error, now);
        (self.held, self.again, self.losses) = (None, None, 0);
        if state == State::Done {
            // It is told to nobody any more, and is remembered for its key alone.
            self.payload.clear();
        }
    }
}

/// The topic of an entry that can't be read otherwise.
pub(super) fn topic_of(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    let topic = value.get("topic")?.as_str()?;
    Topic::named(topic).map(|topic| topic.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::contract::look;

    #[test]
    fn an_entry_is_read_as_it_was_written_and_one_of_another_version_is_not() {
        let row = Row::new(&look("a", DateTime::UNIX_EPOCH), 5, 3).unwrap();
        assert_eq!(Row::read(&row.written()), Some(row.clone()));
        let text = String::from_utf8(row.written()).unwrap();
        assert_eq!(Row::read(text.replace("\"version\":1", "\"version\":2").as_bytes()), None);
        for other in ["", "{}", "null", "by hand"] {
            assert_eq!(Row::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn an_entry_with_numbers_that_can_not_be_is_not_read() {
        let row = || Row::new(&look("a", DateTime::UNIX_EPOCH), 5, 3).unwrap();
        for impossible in [
            Row { first: u64::MAX, ..row() },
            Row { not_before: i64::MAX, ..row() },
            Row { created: i64::MIN, ..row() },
            Row { changed: i64::MIN, ..row() },
        ] {
            assert_eq!(Row::read(&impossible.written()), None, "{impossible:?}");
        }
    }

    #[test]
    fn the_bytes_of_an_entry_are_never_more_than_are_said() {
        for payload in ["x".repeat(9), "\u{1}".repeat(2_000), "\"".repeat(100_000)] {
            let row = Row { payload, ..Row::new(&look("a", DateTime::UNIX_EPOCH), 5, 3).unwrap() };
            assert!(row.written().len() <= row.bytes().max(SMALL), "{}", row.bytes());
        }
    }

    #[test]
    fn what_an_entry_is_about_is_read_where_it_says_so() {
        assert_eq!(topic_of(br#"{"version":2,"topic":"deliver:email"}"#).as_deref(), Some("deliver:email"));
        assert_eq!([topic_of(b"by hand"), topic_of(br#"{"topic":"pigeon"}"#), topic_of(b"7")], [None, None, None]);
    }
}
