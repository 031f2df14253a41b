//! Takes over what other replicas are asked to wait for.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::broadcast::Receiver;

use super::beside::AsksToWait;
use super::client::HttpRegistry;
use crate::stop::Stop;

/// The longest name of a host, and of a credential's scope, that is taken from another, bytes.
const LONGEST: usize = 1024;

impl HttpRegistry {
    /// Takes over what other replicas are asked to wait for, until the process is to end. `heard` is what they tell of that;
    /// nothing where there are no others.
    pub async fn keep_hearing(&self, heard: Option<Receiver<Arc<str>>>, stop: Stop) {
        let takes = |told: Result<Arc<str>, u64>| match told {
            Ok(news) => self.hears(&news),
            // The others say it again when they are asked again.
            Err(missed) => (self.wire.beside.lost)("missed", missed),
        };
        stop.hear(heard, takes).await;
    }

    /// Takes over what another replica is asked to wait for.
    pub(super) fn hears(&self, news: &str) {
        let Ok(asks) = serde_json::from_str::<AsksToWait>(news) else {
            return (self.wire.beside.lost)("unreadable", 1);
        };
        if asks.host.len() <= LONGEST && asks.scope.len() <= LONGEST {
            let now = self.ambient.now();
            let until = now + TimeDelta::seconds(asks.seconds.into());
            self.budgets.wait_as_others((&asks.host, &asks.scope), (until, asks.why()), now);
        }
    }
}
