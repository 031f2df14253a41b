//! When registries were asked last, and what came of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::{RegistryError, Wait};

/// Registries that are remembered; of those that were asked, the ones that were asked last.
const MOST: usize = 1000;

/// By registry: when a question to it ended last, and in which word.
type Table = HashMap<String, (DateTime<Utc>, &'static str)>;

/// When registries were asked last, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Table>);

impl Seen {
    /// A question ended. One that was put off was not asked.
    pub(super) fn ended<T>(&self, host: &str, end: &Result<T, RegistryError>, now: DateTime<Utc>) {
        let word = match end {
            Ok(_) => "ok",
            Err(
                RegistryError::Throttled { why: Wait::Ceiling | Wait::LittleLeft, .. }
                | RegistryError::LeftAlone { .. },
            ) => {
                return;
            }
            Err(error) => error.reason(),
        };
        let mut seen = self.all();
        if seen.len() >= MOST && !seen.contains_key(host) {
            let oldest = seen.iter().min_by_key(|(_, (at, _))| *at).map(|(host, _)| host.clone());
            oldest.and_then(|host| seen.remove(&host));
        }
        seen.insert(host.to_owned(), (now, word));
    }

    pub(super) fn all(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
