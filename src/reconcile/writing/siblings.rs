//! Containers of a workload whose update waits for that of another container of it, so that they are looked at as soon as that
//! has ended and not only by the schedule. Memory only: whoever waits is looked at after a while in any case.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::cluster::Cluster;
use crate::domain::reference::Repository;
use crate::domain::view::is_rolling_beside;
use crate::domain::workload::{Container, Workload};
use crate::queue::{Queue, Records};
use crate::reconcile::{Reconciler, Target};
use crate::registry::Registry;

/// The most who are remembered.
const MOST: usize = 20_000;

/// The uid of a workload and the name of a container.
type Place = (Box<str>, Box<str>);

/// Each with the repository that it runs.
type Waiting = HashMap<Place, Repository>;

/// Who waits.
#[derive(Debug, Default)]
pub(crate) struct Siblings(Mutex<Waiting>);

impl Siblings {
    fn all(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waits(&self, target: &Target) {
        let mut all = self.all();
        if all.len() < MOST {
            let of = (target.workload.id.uid.clone(), target.container.as_str().into());
            all.insert(of, target.repository.clone());
        }
    }
}

impl<Q: Queue + Records, R: Registry, C: Cluster> Reconciler<Q, R, C> {
    /// The repositories of those who need not wait any longer, which are forgotten here. A look at a repository ends the wait of
    /// those alone whose workload runs it, so that nobody else's record is read after it; without one all are asked for.
    pub(crate) async fn siblings_ended(&self, looked_at: Option<&Repository>, now: DateTime<Utc>) -> Vec<Repository> {
        let concerned = |uid: &str| {
            let workload = self.0.cluster.by_uid(uid);
            let is = workload.as_ref().is_none_or(|it| looked_at.is_none_or(|repository| runs(it, repository)));
            is.then_some(workload)
        };
        let asked_for: Vec<_> =
            self.1.siblings.all().keys().filter_map(|it| Some((it.clone(), concerned(&it.0)?))).collect();
        let mut ended = Vec::new();
        for (place, workload) in asked_for {
            let is_rolling = match workload {
                Some(workload) => self.is_rolling_beside(workload, &place.1, now).await,
                None => false,
            };
            if !is_rolling {
                ended.extend(self.1.siblings.all().remove(&place));
            }
        }
        ended
    }

    /// By what is known, as the look will go by it; where that can't be read, the wait goes on.
    async fn is_rolling_beside(&self, workload: Arc<Workload>, container: &str, now: DateTime<Utc>) -> bool {
        let draft = self.draft(Arc::clone(&workload)).await;
        draft.map_or(true, |draft| is_rolling_beside((&workload, container), &draft.record, now))
    }
}

fn runs(workload: &Workload, repository: &Repository) -> bool {
    workload.containers.iter().filter_map(Container::reference).any(|it| it.repository() == repository)
}
