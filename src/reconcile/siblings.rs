//! Containers that wait for the update of another container of their workload: they are looked at when that has ended. Memory only:
//! whoever waits is looked at after a while in any case.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::{Reconciler, Target};
use crate::cluster::Cluster;
use crate::domain::reference::Repository;
use crate::domain::view::is_rolling_beside;
use crate::queue::{Queue, Records};
use crate::registry::Registry;

/// The most who are remembered.
const MOST: usize = 20_000;

/// The uid of a workload and the name of a container, with the repository that it runs.
type Waiting = HashMap<(Box<str>, Box<str>), Repository>;

/// Who waits.
#[derive(Debug, Default)]
pub(super) struct Siblings(Mutex<Waiting>);

impl Siblings {
    fn all(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waits(&self, target: &Target) {
        let mut all = self.all();
        if all.len() < MOST {
            let of = (target.workload.id.uid.clone(), target.container.as_str().into());
            all.insert(of, target.repository.clone());
        }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The repositories of those who need not wait any longer, which are forgotten here.
    pub(super) async fn siblings_ended(&self, now: DateTime<Utc>) -> Vec<Repository> {
        let (all, mut ended) = (self.1.siblings.all().clone(), Vec::new());
        for ((uid, container), repository) in all {
            let is_rolling = match self.0.cluster.by_uid(&uid) {
                // What is known is what the look will go by.
                Some(workload) => match self.draft(Arc::clone(&workload)).await {
                    Ok(draft) => is_rolling_beside((&workload, &container), &draft.record, now),
                    Err(_) => true,
                },
                None => false,
            };
            if !is_rolling && self.1.siblings.all().remove(&(uid, container)).is_some() {
                ended.push(repository);
            }
        }
        ended
    }
}
