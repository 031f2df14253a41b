//! Other replicas that ask the same registries: each takes its part of what an operator's ceiling allows, and what one is asked to
//! wait for all do. Approximately: a replica that has just come or gone is known within seconds, and what is told may be missed.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The longest name of a host, and of a credential's scope, that is taken from another, bytes.
const LONGEST: usize = 1024;

/// How other replicas are known, and told.
#[derive(Clone)]
pub struct Beside {
    /// How many replicas live, this one among them.
    pub number: Arc<dyn Fn() -> NonZeroU32 + Send + Sync>,
    /// Tells the others; what it is given goes to [`super::HttpRegistry::hears`] there.
    pub tell: Arc<dyn Fn(String) + Send + Sync>,
}

impl Default for Beside {
    /// Nobody.
    fn default() -> Self {
        Self { number: Arc::new(|| NonZeroU32::MIN), tell: Arc::new(drop) }
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

    /// Tells that a host asks whoever has this credential to wait until then.
    pub(super) fn tell_of_wait(&self, host: &str, scope: &str, until: DateTime<Utc>, now: DateTime<Utc>) {
        let seconds = u32::try_from((until - now).num_seconds()).unwrap_or_default();
        let news = News::AsksToWait { host: host.to_owned(), scope: scope.to_owned(), seconds };
        if let Ok(text) = serde_json::to_string(&news) {
            (self.tell)(text);
        }
    }
}

/// What replicas tell one another of registries. Spans and no moments, as their clocks may be apart.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum News {
    /// A registry asks to wait.
    AsksToWait {
        /// Which.
        host: String,
        /// Whom: tells credentials apart, and is none.
        scope: String,
        /// For so long.
        seconds: u32,
    },
}

/// Whom another replica says to be asked to wait: the host, the scope of the credential, and until when. Anything else that it
/// tells is nothing here.
pub(super) fn asked_to_wait(text: &str, now: DateTime<Utc>) -> Option<(String, String, DateTime<Utc>)> {
    let News::AsksToWait { host, scope, seconds } = serde_json::from_str(text).ok()?;
    let is_short = host.len() <= LONGEST && scope.len() <= LONGEST;
    is_short.then(|| (host, scope, now + TimeDelta::seconds(seconds.into())))
}
