//! When registries were asked last, and what came of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::{RegistryError, Wait};

/// Registries that are remembered; of those that were asked, the ones that were asked last.
const MOST: usize = 1000;

/// The word for a mirror that has not what was asked for, or only a part of it.
pub const PASSED_OVER: &str = "passed_over";

type Table = HashMap<String, Ended>;

/// How the last question to a registry ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) at: DateTime<Utc>,
    /// In a word.
    pub(super) word: &'static str,
    /// When it last asked to be asked less: 429.
    pub(super) throttled: Option<DateTime<Utc>>,
}

/// When registries were asked last, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Table>);

impl Seen {
    /// A question ended. One that was put off was not asked.
    pub(super) fn ended<T>(&self, host: &str, end: &Result<T, RegistryError>, now: DateTime<Utc>) {
        match end {
            Ok(_) => self.note(host, "ok", false, now),
            Err(error) => self.refused(host, error, now),
        }
    }

    /// The same, where there was no answer.
    pub(super) fn refused(&self, host: &str, error: &RegistryError, now: DateTime<Utc>) {
        let is_asked = !matches!(
            error,
            RegistryError::Throttled { why: Wait::Ceiling | Wait::LittleLeft, .. } | RegistryError::LeftAlone { .. }
        );
        if is_asked {
            let is_throttled = matches!(error, RegistryError::Throttled { why: Wait::Asked, .. });
            self.note(host, error.reason(), is_throttled, now);
        }
    }

    /// A mirror has not what was asked for, or only a part of it: whoever comes after it was asked.
    pub(super) fn passed_over(&self, mirror: &str, now: DateTime<Utc>) {
        self.note(mirror, PASSED_OVER, false, now);
    }

    fn note(&self, host: &str, word: &'static str, is_throttled: bool, now: DateTime<Utc>) {
        let mut seen = self.all();
        if seen.len() >= MOST && !seen.contains_key(host) {
            let oldest = seen.iter().min_by_key(|(_, ended)| ended.at).map(|(host, _)| host.clone());
            oldest.and_then(|host| seen.remove(&host));
        }
        let throttled = is_throttled.then_some(now).or_else(|| seen.get(host)?.throttled);
        seen.insert(host.to_owned(), Ended { at: now, word, throttled });
    }

    pub(super) fn all(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
