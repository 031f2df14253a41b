//! Why a change of a container was made, and how it went: as far as its history says it, and no further.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::domain::actor::Actor;
use crate::domain::history::{Entry, Outcome};
use crate::domain::tag::Level;

/// What led to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", tag = "of")]
pub enum Led {
    /// The strategy allows versions that go so far, and the mode wants them without asking anybody.
    Strategy {
        /// How far it goes, where that is known.
        level: &'static str,
    },
    /// People were asked, and this is their answer.
    Answer,
    /// Somebody asked for it, without having been asked.
    Request,
    /// The version that ran was undone by itself, as it failed.
    Failure {
        /// That version.
        version: String,
    },
    /// Somebody chose to go back from a version.
    Chosen {
        /// That version.
        version: String,
    },
}

/// How a change went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// What led to it, where that is known.
    pub why: Option<Led>,
    /// How many seconds went by from when it was written to when it was known to be healthy or to have failed.
    pub seconds: Option<i64>,
    /// Why it failed, in a CamelCase word, as Kubernetes uses them.
    pub failure: Option<String>,
}

impl Course {
    /// Of an entry of the history.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let has_ended = matches!(entry.outcome, Outcome::Healthy | Outcome::Failed);
        let seconds = span(entry).filter(|_| has_ended).map(|span| span.num_seconds());
        let failure = entry.failure.clone().filter(|_| entry.outcome == Outcome::Failed);
        Self { why: Led::of(entry), seconds, failure }
    }
}

impl Led {
    fn of(entry: &Entry) -> Option<Self> {
        let by_itself = match Actor::from(entry.by.as_str()) {
            Actor::Policy => true,
            // Who else wrote, or is said to have written, says nothing of why.
            Actor::Program(_) if entry.approval.is_none() => return None,
            _ => false,
        };
        // Entries of earlier releases do not say what they undo; which order is meant only those can leave open.
        let is_back = || entry.ended.is_none() && entry.outcome != Outcome::RollingOut && entry.is_back();
        let version = entry.undoes.clone().or_else(|| is_back().then(|| entry.previous.clone()));
        match (by_itself, version, &entry.approval) {
            (true, Some(version), _) => Some(Self::Failure { version }),
            (false, Some(version), _) => Some(Self::Chosen { version }),
            (true, None, None) => Some(Self::Strategy { level: level_of(&entry.level) }),
            (_, None, Some(_)) => Some(Self::Answer),
            (false, None, None) => Some(Self::Request),
        }
    }
}

/// The word of how far it goes, where it is one of ours.
fn level_of(word: &str) -> &'static str {
    Level::ALL.into_iter().map(Level::as_str).find(|known| *known == word).unwrap_or_default()
}

/// From when it was written to when its end was known; a clock that was set back in between says nothing.
fn span(entry: &Entry) -> Option<TimeDelta> {
    let read = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc));
    let span = read(entry.ended.as_deref()?)? - read(&entry.time)?;
    (span >= TimeDelta::zero()).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::history::tests::entry;

    #[test]
    fn why_something_was_changed_is_said_as_far_as_the_record_has_it() {
        let of = |by: &str, approval: Option<&str>, undoes: Option<&str>| {
            let (approval, undoes) = (approval.map(Into::into), undoes.map(Into::into));
            Course::of(&Entry { by: by.into(), approval, undoes, ..entry("1.1.0", Outcome::Healthy) }).why
        };
        let failed = Some(Led::Failure { version: "1.2.0".into() });
        assert_eq!(of("policy", None, None), Some(Led::Strategy { level: "minor" }));
        assert_eq!(of("link email:o…@example.com", Some("apr_1"), None), Some(Led::Answer));
        assert_eq!(of("command alice", None, None), Some(Led::Request));
        assert_eq!(of("policy", None, Some("1.2.0")), failed);
        assert_eq!(of("sign-in alice", Some("apr_1"), Some("1.2.0")), Some(Led::Chosen { version: "1.2.0".into() }));
        assert_eq!(of("kubectl-edit", None, None), None, "nobody told us why");
        // Earlier releases did not write what was undone.
        let back = Entry { previous: "1.2.0".into(), ..entry("1.1.0", Outcome::Healthy) };
        assert_eq!(Course::of(&back).why, failed);
    }

    #[test]
    fn how_long_it_took_and_why_it_failed_is_said_of_what_has_ended() {
        let of = |outcome, ended: Option<&str>| {
            let (ended, failure) = (ended.map(Into::into), Some("CrashLoopBackOff".into()));
            let course = Course::of(&Entry { ended, failure, ..entry("1.1.0", outcome) });
            (course.seconds, course.failure)
        };
        let crash = Some("CrashLoopBackOff".to_owned());
        assert_eq!(of(Outcome::Healthy, Some("2026-11-24T10:01:12Z")), (Some(72), None));
        assert_eq!(of(Outcome::Failed, Some("2026-11-24T10:10:00Z")), (Some(600), crash.clone()));
        assert_eq!(of(Outcome::Failed, None), (None, crash), "as of earlier releases");
        assert_eq!(of(Outcome::Replaced, Some("2026-11-24T10:10:00Z")), (None, None));
        assert_eq!(of(Outcome::Healthy, Some("2026-11-24T09:00:00Z")), (None, None), "a clock was set back");
    }
}
