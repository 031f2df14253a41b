//! Tells the store which workloads there are, so that it forgets no other than those that are gone.

use std::time::Duration;

use crate::cluster::Index;
use crate::queue::{Records, Sightings};
use crate::stop::Stop;
use crate::task::Task;
use crate::telemetry::chain;
use crate::term::Holding;

/// It is told this long after the start, when all that can be listed is, and this often; and of so many at once that nobody waits
/// for it for long.
const FIRST: Duration = Duration::from_secs(300);
const EVERY: Duration = Duration::from_secs(3600);
const SEEN_AT_ONCE: usize = 500;

/// Has the index know which records are the newest, before anything is listed, so that no older record counts for others; and where
/// their workloads were, so that those are noted that were deleted while nobody looked.
pub async fn expect_the_newest(queue: &impl Records, index: &Index) {
    match queue.workloads().await {
        Ok(newest) => {
            index.expect(newest.iter().map(|known| (known.uid.clone(), known.sequence)).collect());
            index.expect_there(newest.into_iter().filter_map(|known| Some((known.uid, known.of?))));
        }
        Err(error) => {
            tracing::warn!(error = %chain(&error), "which records are the newest can't be read: until a workload is looked at, an older record that stands on it counts for others");
        }
    }
}

/// Tells the store now and then which workloads there are and which were deleted, as long as this replica is the one that does.
#[must_use]
pub fn noting<Q: Records>(queue: &Q, index: &Index, holding: &Holding) -> Task {
    let (queue, index) = (queue.clone(), index.clone());
    holding.alone("sightings", move |term| keep_noting(queue.clone(), index.clone(), term))
}

async fn keep_noting(queue: impl Records, index: Index, mut stop: Stop) {
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = stop.raised() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        note(&queue, &index).await;
    }
}

pub(crate) async fn note(queue: &impl Records, index: &Index) {
    let (deleted, watched) = (index.deleted(), index.ids());
    let first = Sightings { watched: Vec::new(), deleted: deleted.clone() };
    let some = watched.chunks(SEEN_AT_ONCE).map(|some| Sightings { watched: some.to_vec(), deleted: Vec::new() });
    for seen in std::iter::once(first).chain(some) {
        if let Err(error) = queue.seen(seen).await {
            tracing::debug!(error = %chain(&error), "which workloads there are is not noted now");
            return;
        }
    }
    index.noted(&deleted);
}
