//! Hosts that asked to wait.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::RegistryError;
use super::shares::Shares;
use super::wire::Question;
use crate::domain::retry::{Backoff, RetryAfter};

/// Hosts that asked to wait, and are remembered.
const MOST_THROTTLED: usize = 1000;

/// Hosts that asked to wait, by credential.
#[derive(Debug)]
pub(super) struct Throttled(Mutex<Shares<String, DateTime<Utc>>>);

impl Default for Throttled {
    fn default() -> Self {
        Self(Mutex::new(Shares::new(MOST_THROTTLED)))
    }
}

impl Throttled {
    /// Remembers that a host asked to wait.
    pub(super) fn wait(&self, question: Question<'_>, until: Option<RetryAfter>, now: DateTime<Utc>) {
        let at = Backoff::seconds(5, 3600, 2).next(1, until, now, 0.0);
        let mut throttled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        throttled.retain(|at| *at > now);
        throttled.insert(question.host(), question.credential.scope().to_owned(), at, 1);
    }

    /// Whether a host may be asked again.
    pub(super) fn may_ask(&self, question: Question<'_>, now: DateTime<Utc>) -> Result<(), RegistryError> {
        let scope = question.credential.scope().to_owned();
        let throttled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match throttled.get(question.host(), &scope).filter(|at| **at > now) {
            Some(at) => {
                Err(RegistryError::Throttled { host: question.host().to_owned(), until: Some(RetryAfter::at(*at)) })
            }
            None => Ok(()),
        }
    }
}
