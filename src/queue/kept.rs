//! What was learnt elsewhere.

use std::future::Future;

use chrono::{DateTime, Utc};

/// How the keys begin of what can be found again: losing it costs a question and nothing else.
pub(super) const FOUND_AGAIN: [&str; 6] = ["releases:", "changes:", "labels:", "summary:", "visibility:", "listed:"];
/// How the keys begin of what is remembered of projects, of which anybody who may annotate names as many as they like.
pub(super) const OF_PROJECTS: &str = "released:";

/// What was learnt elsewhere and need not be asked twice, and what is remembered of messages, cycles and projects, kept in the
/// same store. A failure to keep or recall costs a question, or words that are said once more, and no decision.
pub trait Kept: Clone + Send + Sync + 'static {
    /// What was kept under a key, if its time is not over.
    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + Send;

    /// Keeps a value in the place of an older one. When there is no room, what was kept first of its kind goes: what can be
    /// found again takes no place from what can't.
    fn keep(&self, key: &str, value: String, until: DateTime<Utc>) -> impl Future<Output = ()> + Send;
}

/// Without a store nothing is kept, as for commands that end.
impl<K: Kept> Kept for Option<K> {
    async fn recall(&self, key: &str) -> Option<String> {
        self.as_ref()?.recall(key).await
    }

    async fn keep(&self, key: &str, value: String, until: DateTime<Utc>) {
        if let Some(store) = self {
            store.keep(key, value, until).await;
        }
    }
}
