//! What was learnt elsewhere.

use std::future::Future;

use chrono::{DateTime, Utc};

/// What was learnt elsewhere and need not be asked twice, kept in the same store. Everything in it can be found again,
/// so a failure to keep or recall costs a question and nothing else.
pub trait Kept: Clone + Send + Sync + 'static {
    /// What was kept under a key, if its time is not over.
    fn recall(&self, key: &str) -> impl Future<Output = Option<String>> + Send;

    /// Keeps a value in the place of an older one. When the store is full, what was kept first goes.
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
