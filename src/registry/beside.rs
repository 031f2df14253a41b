//! Other replicas that ask the same registries: each takes its part of what an operator's ceiling allows, and what one is asked to
//! wait for all do. Approximately: a replica that has just come or gone is known within seconds, and what is told may be missed.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Wait;

/// How other replicas are known, and told.
#[derive(Clone)]
pub struct Beside {
    /// How many replicas live, this one among them.
    pub number: Arc<dyn Fn() -> NonZeroU32 + Send + Sync>,
    /// Tells the others; what it is given comes to [`super::HttpRegistry::keep_hearing`] there.
    pub tell: Arc<dyn Fn(String) + Send + Sync>,
    /// Counts what others told and was lost: a word for why, and how many.
    pub lost: Arc<dyn Fn(&'static str, u64) + Send + Sync>,
}

impl Default for Beside {
    /// Nobody.
    fn default() -> Self {
        Self { number: Arc::new(|| NonZeroU32::MIN), tell: Arc::new(drop), lost: Arc::new(|_, _| {}) }
    }
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Beside({})", (self.number)())
    }
}

impl Beside {
    /// This replica's part of what all may ask. Even where there are more of them than that is, each asks now and then.
    pub(super) fn part_of(&self, most: NonZeroU32) -> NonZeroU32 {
        NonZeroU32::new(most.get() / (self.number)()).unwrap_or(NonZeroU32::MIN)
    }

    /// Tells that a host asks whoever has this credential to wait until then, and why.
    pub(super) fn tell_of_wait(
        &self,
        (host, scope): (&str, &str),
        (until, why): (DateTime<Utc>, Wait),
        now: DateTime<Utc>,
    ) {
        let seconds = u32::try_from((until - now).num_seconds()).unwrap_or_default();
        let news = AsksToWait { host: host.to_owned(), scope: scope.to_owned(), seconds, why: why.as_str().into() };
        if let Ok(text) = serde_json::to_string(&news) {
            (self.tell)(text);
        }
    }
}

/// A registry asks to wait, as replicas tell one another. A span and no moment, as their clocks may be apart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AsksToWait {
    /// Which.
    pub(super) host: String,
    /// Whom: tells credentials apart, and is none.
    pub(super) scope: String,
    /// For so long.
    pub(super) seconds: u32,
    /// Why, as [`Wait::as_str`] has it. Older replicas don't say it.
    #[serde(default)]
    why: Box<str>,
}

impl AsksToWait {
    /// Why. A word that is not known, and none, stand for what most registries do.
    pub(super) fn why(&self) -> Wait {
        [Wait::Unavailable, Wait::LittleLeft].into_iter().find(|why| why.as_str() == &*self.why).unwrap_or(Wait::Asked)
    }
}
