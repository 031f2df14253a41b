//! Waiting for what should happen, always with a deadline and never by a fixed sleep.

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything that should happen may take. Generous: it is only ever used up by a failing test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(45);

/// The pause between two looks at something that offers no event to wait for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks until `probe` finds something.
///
/// Only for what can't be watched (another program's REST, a log file); objects of the cluster are watched
/// and recorders notify.
///
/// # Panics
/// Once [`DEADLINE`] has passed.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Awaits what tells by itself that it is done.
///
/// # Panics
/// Once [`DEADLINE`] has passed.
pub(crate) async fn within<T>(what: &str, done: impl Future<Output = T>) -> T {
    let in_time = tokio::time::timeout(DEADLINE, done).await.ok();
    in_time.unwrap_or_else(|| panic!("{what}: not within {DEADLINE:?}"))
}
